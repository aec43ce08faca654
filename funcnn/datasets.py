"""The toy problems of the book: `spiral`, `vertical`, `sine`, `nnfs_spiral` ...

The plain names draw their noise from a funcnn key. The `nnfs_` names take a seed and give, bit for bit, the
arrays that the package nnfs gives after `nnfs.init(random_seed=seed)`, so that the numbers printed in *Neural
Networks from Scratch* (Kinsley and Kukieła, 2020) can be met again. They run nnfs's own generators in a NumPy
namespace of their own: NumPy is not patched, no global generator moves, and any thread may call them.

All the class problems have the same layout: `samples` points for each class, class 0 first; `x` is
(samples * classes, 2) and `y`, the class of each point, (samples * classes,). All arrays are read-only, and
0 samples or 0 classes give arrays of length 0.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from types import FunctionType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn import random
from funcnn._arguments import real_number, whole_number
from funcnn._arrays import readonly
from funcnn._later import later

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from funcnn.typing import Array, DTypeLike, IntArray, Key, Shape

__all__ = ["nnfs_sine", "nnfs_spiral", "nnfs_vertical", "sine", "spiral", "vertical"]


# From a key -------------------------------------------------------------------------------------------------


def spiral(key: Key, samples: int, classes: int, noise: float = 0.2, dtype: DTypeLike = np.float32,
           ) -> tuple[Array, IntArray]:
    """Spiral arms that wind around each other, one for each class: no straight line separates them.

        x = [r sin(2.5 t), r cos(2.5 t)]
        r = 0 .. 1,     t = 4c .. 4(c + 1) + noise * N(0, 1)  in class c

    There are `samples` points in each of the `classes`. `noise` is the standard deviation of t, not of the points. The
    labels are int64. Each class draws from `fold_in(key, c)`, so its points do not depend on how many classes follow;
    with one sample a class is the origin. `dtype` rounds the points, it does not move them: the arithmetic is float64.
    TypeError or ValueError if a count is not a whole number >= 0 or `noise` not a finite number >= 0.

    >>> x, y = spiral(random.key(0), samples=3, classes=2)
    >>> x.shape, y
    ((6, 2), array([0, 0, 0, 1, 1, 1]))

    Source: Karpathy, "CS231n: Putting it together: minimal neural network case study", as in nnfs.
    """
    count = whole_number("spiral", "samples", samples, least=0)
    spread: float = real_number("spiral", "noise", noise, "[0, inf)")
    r = np.linspace(0.0, 1.0, count)

    def arm(c: int) -> NDArray[np.float64]:
        t = np.linspace(4 * c, 4 * (c + 1), count) + spread * _normals(random.fold_in(key, c), (count,))
        return np.stack([r * np.sin(2.5 * t), r * np.cos(2.5 * t)], axis=1)

    return _labelled(arm, count, whole_number("spiral", "classes", classes, least=0), _float_type("spiral", dtype))


def vertical(key: Key, samples: int, classes: int, noise: float = 0.1, dtype: DTypeLike = np.float32,
             ) -> tuple[Array, IntArray]:
    """Clouds of points side by side, one for each class: vertical lines separate most of them.

        x = [c / 3, 1 / 2] + noise * N(0, 1)  in class c

    `noise` is the standard deviation of both coordinates. `key`, `samples`, `classes`, `dtype`, labels and errors are
    as in `spiral`.

    >>> x, y = vertical(random.key(0), samples=2, classes=2, noise=0.0)
    >>> np.asarray(x).tolist(), y
    ([[0.0, 0.5], [0.0, 0.5], [0.3333333432674408, 0.5], [0.3333333432674408, 0.5]], array([0, 0, 1, 1]))

    Source: the package nnfs, `nnfs.datasets.vertical_data`.
    """
    count = whole_number("vertical", "samples", samples, least=0)
    spread: float = real_number("vertical", "noise", noise, "[0, inf)")

    def cloud(c: int) -> NDArray[np.float64]:
        return np.array([c / 3, 0.5]) + spread * _normals(random.fold_in(key, c), (count, 2))

    many = whole_number("vertical", "classes", classes, least=0)
    return _labelled(cloud, count, many, _float_type("vertical", dtype))


def sine(key: Key, samples: int = 1000, noise: float = 0.0, dtype: DTypeLike = np.float32) -> tuple[Array, Array]:
    """One period of the sine, for regression.

        y = sin(2 pi x) + noise * N(0, 1),  x = 0, 1/n, 2/n, ... (n - 1)/n

    Both are `(samples, 1)`. `noise` is the standard deviation of y; at its default the `key` changes nothing.
    `dtype` and errors as in `spiral`.

    >>> x, y = sine(random.key(0), samples=4)
    >>> np.round(np.hstack([x, y]), 6).tolist()
    [[0.0, 0.0], [0.25, 1.0], [0.5, 0.0], [0.75, -1.0]]

    Source: the package nnfs, `nnfs.datasets.sine_data`, which has no noise.
    """
    count = whole_number("sine", "samples", samples, least=0)
    spread: float = real_number("sine", "noise", noise, "[0, inf)")
    target_type = _float_type("sine", dtype)
    x = np.arange(count, dtype=np.float64)[:, None] / max(count, 1)
    y = np.sin(2 * pi * x) + spread * _normals(key, (count, 1))
    return readonly(x.astype(target_type)), readonly(y.astype(target_type))


# From nnfs and a seed ---------------------------------------------------------------------------------------


def nnfs_spiral(samples: int, classes: int, seed: int = 0, *, skip: int = 0, dtype: DTypeLike = np.float32,
                ) -> tuple[Array, IntArray]:
    """The book's spirals: what `nnfs.datasets.spiral_data` gives after `nnfs.init(random_seed=seed)`.

    There are `samples` points in each of the `classes`. They are `dtype`, as after `nnfs.init(default_dtype=dtype)`;
    the labels are uint8, so that 256 classes are the most (ValueError) and `y - 1` wraps around: write `y.astype(int)`
    to calculate.

    In the book all chance comes from one stream of normal numbers, and `skip` says where in it to start: how
    many it has given before. A spiral takes `samples * classes` of them, a dense layer `in * out`. So the
    validation set of chapter 16, made after 100 points in each of 2 classes and the weights of 2-64-1, is

        nnfs_spiral(100, 2, skip=100 * 2 + 2 * 64 + 64 * 1)

    Out of reach is what the book draws after a dropout, which takes other numbers than normal ones.
    Counts and seed are checked as in `spiral`; ImportError if nnfs is not installed.

    >>> x, y = nnfs_spiral(samples=100, classes=3)
    >>> x[1:3], y.dtype
    (array([[0.00299556, 0.00964661], [0.01288097, 0.01556285]], dtype=float32), dtype('uint8'))
    """
    return _nnfs_classes("spiral", samples, classes, seed, skip, dtype)


def nnfs_vertical(samples: int, classes: int, seed: int = 0, *, skip: int = 0, dtype: DTypeLike = np.float32,
                  ) -> tuple[Array, IntArray]:
    """The book's clouds: what `nnfs.datasets.vertical_data` gives after `nnfs.init(random_seed=seed)`.

    `samples`, `classes`, `seed`, `skip` and `dtype` are those of `nnfs_spiral`, but it takes `2 * samples * classes`
    normal numbers from the stream.

    >>> nnfs_vertical(samples=1, classes=2)
    (array([[0.17640524, 0.5400157 ],
            [0.43120715, 0.7240893 ]], dtype=float32), array([0, 1], dtype=uint8))
    """
    return _nnfs_classes("vertical", samples, classes, seed, skip, dtype)


def nnfs_sine(samples: int = 1000) -> tuple[Array, Array]:
    """The book's sine: what `nnfs.datasets.sine_data` gives. There is no chance in it, hence no seed.

    Both arrays are `(samples, 1)` and, as nnfs has them even after `nnfs.init()`, float64: for a float32 net
    write `x.astype(np.float32)`, or take `sine`.

    >>> x, y = nnfs_sine(samples=4)
    >>> x.ravel(), x.dtype
    (array([0. , 0.25, 0.5 , 0.75]), dtype('float64'))
    """
    x, y = _nnfs_datasets("nnfs_sine").sine_data(whole_number("nnfs_sine", "samples", samples, least=0))
    return readonly(x), readonly(y)


# How a class problem is made --------------------------------------------------------------------------------


def _normals(key: Key, shape: Shape) -> NDArray[np.float64]:
    """Standard normal numbers, drawn as float32 for every dtype of the result, so that it only rounds."""
    return np.asarray(random.normal(key, shape), dtype=np.float64)


def _labelled(points_of: Callable[[int], NDArray[np.float64]], samples: int, classes: int, dtype: np.dtype[Any],
              ) -> tuple[Array, IntArray]:
    """The points of class 0, then those of class 1, and so on, with the class of each."""
    x = np.array([points_of(c) for c in range(classes)], dtype=dtype).reshape(samples * classes, 2)
    y = np.repeat(np.arange(classes, dtype=np.int64), samples)
    return readonly(x), readonly(y)


def _nnfs_classes(name: str, samples: int, classes: int, seed: int, skip: int, dtype: DTypeLike,
                  ) -> tuple[Array, IntArray]:
    """`nnfs.datasets.<name>_data(samples, classes)` under a NumPy that only this call sees."""
    here = f"nnfs_{name}"
    counts = whole_number(here, "samples", samples, least=0), whole_number(here, "classes", classes, least=0)
    if counts[1] > 256:
        raise ValueError(f"{here}: nnfs labels the classes with uint8, so 256 are the most; got classes={counts[1]}. "
                         f"For more, use {name}(key, samples, classes), whose labels are int64")
    its_numpy = _initialised_numpy(_stream(here, seed, skip), _float_type(here, dtype))
    create_data = getattr(_nnfs_datasets(here), f"{name}_data")
    x, y = FunctionType(create_data.__code__, {**create_data.__globals__, "np": its_numpy})(*counts)
    return readonly(x), readonly(y)


def _nnfs_datasets(function: str) -> ModuleType:
    """The module `nnfs.datasets`, imported when it is needed and not before."""
    try:
        from nnfs import datasets
    except ImportError as error:
        raise ImportError(f"{function}: runs the generator of the package nnfs, which cannot be imported ({error}). "
                          "Install it: pip install nnfs") from error
    return datasets


def _stream(function: str, seed: int, skip: int) -> np.random.RandomState:
    """The stream of NumPy's legacy generator from a seed, `skip` normal numbers on, in a generator of its own."""
    stream = np.random.RandomState(whole_number(function, "seed", seed, least=0, most=2**32 - 1))
    stream.standard_normal(whole_number(function, "skip", skip, least=0))
    return stream


def _initialised_numpy(stream: np.random.RandomState, dtype: np.dtype[Any]) -> SimpleNamespace:
    """What `nnfs.init` makes of NumPy for its generators, as a namespace instead of a patch.

    `np.random` is replaced whole, so that a future nnfs which draws otherwise fails instead of reaching the
    global generator. `zeros` names its dtype in any case, which NumPy's own and a patched one both obey.
    """

    def zeros(shape: Any, dtype: DTypeLike = dtype) -> NDArray[Any]:
        return np.zeros(shape, dtype=dtype)

    def randn(*shape: int) -> NDArray[Any]:
        return stream.standard_normal(shape).astype(dtype)

    return SimpleNamespace(**{**vars(np), "zeros": zeros, "random": SimpleNamespace(randn=randn)})


# What an argument must be -----------------------------------------------------------------------------------


def _float_type(function: str, dtype: DTypeLike | None) -> np.dtype[Any]:
    """The dtype meant, if it is one of floating-point numbers; None is not, though to NumPy it is float64."""
    try:
        found = None if dtype is None else np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.kind != "f":
        raise TypeError(f"{function}: dtype must be a floating-point type, as np.float32; got {dtype!r}")
    return found


later(globals())  # what may be meant by a name that is not here
