"""One number for each window, its largest or its mean: `max_pool2d`, `avg_pool1d`; or for all: `global_avg_pool`.

What a window sees is `funcnn.layers.windows`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from funcnn._arguments import whole_number
from funcnn._arrays import is_float, namespace
from funcnn.core import Tracer
from funcnn.layers.composition import Layer
from funcnn.layers.windows import (
    Borders,
    Padding,
    Padding1d,
    Pair,
    Window,
    as_images,
    borders_of,
    borders_of_sequence,
    misfit,
    padded,
    pair,
    windows,
)
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import AnyWidth, Array, Key, Params, Shape

__all__ = ["avg_pool1d", "avg_pool2d", "global_avg_pool", "max_pool1d", "max_pool2d"]

Pool: TypeAlias = Callable[[Any, Array], Array]
"""(namespace, what windows see) -> one number for each window."""


def _largest(xp: Any, seen: Array) -> Array:
    result: Array = xp.max(seen, axis=(4, 5))
    return result


def _mean(xp: Any, seen: Array) -> Array:
    result: Array = xp.mean(seen, axis=(4, 5))
    return result


# ----------------------------------------------------------------------------------------------- images


def max_pool2d(window: int | Pair, *, stride: int | Pair | None = None, padding: Padding = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The largest number of each window of an image, channel by channel.

    x is (batch, height, width, channels); `window` is its rows and columns, or one number for both, `stride` how many
    further the next begins, as many unless given. `padding` is as that of `conv2d`, and counts as -inf.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> max_pool2d(2).apply({}, x)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])

    Where several numbers are the largest, they share the cotangent equally.
    """
    made_by = partial(max_pool2d, window, stride=stride, padding=padding)
    return _pool2d(made_by, window, stride, padding, -np.inf, _largest)


def avg_pool2d(window: int | Pair, *, stride: int | Pair | None = None, padding: Padding = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The mean of each window of an image, channel by channel.

    x is (batch, height, width, channels); `window` is its rows and columns, or one number for both, `stride` how many
    further the next begins, as many unless given. `padding` is as that of `conv2d`, and counts as zeros, as in Flax and
    torch.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> avg_pool2d(2).apply({}, x)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    made_by = partial(avg_pool2d, window, stride=stride, padding=padding)
    return _pool2d(made_by, window, stride, padding, 0.0, _mean)


def _pool2d(made_by: partial[Any], window: int | Pair, stride: int | Pair | None, padding: Padding, fill: float,
            reduce: Pool) -> Layer[Any, Any, Params]:
    kind = made_by.func.__name__
    size = pair(kind, "window", window)
    slid = Window(size, size if stride is None else pair(kind, "stride", stride))
    return _pool(made_by, 4, slid, borders_of(kind, padding), fill, reduce)


# -------------------------------------------------------------------------------------------- sequences


def max_pool1d(window: int, *, stride: int | None = None, padding: Padding1d = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The largest number of each window over time, channel by channel.

    x is (batch, time, channels); `window` is a number of steps, `stride` how many further the next begins, as many
    unless given. `padding` is as that of `conv1d`, and counts as -inf.

    >>> max_pool1d(2).apply({}, np.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0]
    array([3., 2.])
    """
    made_by = partial(max_pool1d, window, stride=stride, padding=padding)
    return _pool1d(made_by, window, stride, padding, -np.inf, _largest)


def avg_pool1d(window: int, *, stride: int | None = None, padding: Padding1d = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The mean of each window over time, channel by channel.

    x is (batch, time, channels); `window` is a number of steps, `stride` how many further the next begins, as many
    unless given. `padding` is as that of `conv1d`, and counts as zeros, as in Flax and torch.

    >>> avg_pool1d(2).apply({}, np.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0]
    array([2., 1.])
    """
    made_by = partial(avg_pool1d, window, stride=stride, padding=padding)
    return _pool1d(made_by, window, stride, padding, 0.0, _mean)


def _pool1d(made_by: partial[Any], window: int, stride: int | None, padding: Padding1d, fill: float, reduce: Pool,
            ) -> Layer[Any, Any, Params]:
    kind = made_by.func.__name__
    size = whole_number(kind, "window", window, least=1)
    step = size if stride is None else whole_number(kind, "stride", stride, least=1)
    return _pool(made_by, 3, Window((1, size), (1, step)), borders_of_sequence(kind, padding), fill, reduce)


# ------------------------------------------------------------------------------------------------- both


def _pool(made_by: partial[Any], axes: int, window: Window, borders: Borders, fill: float, reduce: Pool,
          ) -> Layer[Any, Any, Params]:
    kind = made_by.func.__name__

    def of_images(x: Array) -> Array:
        return reduce(namespace(x), windows(padded(x, window, borders, fill), window))

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        _check_floats(kind, x)
        return of_images(x) if axes == 4 else of_images(as_images(x))[:, 0]

    return Layer(kind, lambda key: FrozenDict(), forward, keeps_width=True, axes=axes, shapes={}, made_by=made_by,
                 misfit=partial(misfit, window, borders))


def global_avg_pool() -> Layer[AnyWidth, AnyWidth, Params]:
    """The mean of each channel over an image or a sequence: (batch, ..., channels) becomes (batch, channels).

    >>> global_avg_pool().apply({}, np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]])

    Lin et al. 2013 (arXiv:1312.4400).
    """
    def forward(params: Params, x: Array, key: Key | None) -> Array:
        _check_floats("global_avg_pool", x)
        result: Array = namespace(x).mean(x, axis=tuple(range(1, x.ndim - 1)))
        return result

    return Layer("global_avg_pool", lambda key: FrozenDict(), forward, keeps_width=True, shapes={},
                 made_by=partial(global_avg_pool), misfit=_nothing_between)


def _nothing_between(shape: Shape) -> str:
    """What is wrong with the shape of what is averaged between the batch and the channels."""
    if len(shape) > 2 and 0 not in shape[1:-1]:
        return ""
    return f"the input must be an array (batch, ..., channels) with something between, got shape {shape}"


def _check_floats(kind: str, x: Any) -> None:
    if isinstance(x, np.ndarray | Tracer) and not is_float(x.dtype):
        raise TypeError(f"{kind}: the input is {x.dtype}, floating-point numbers are needed: "
                        "x.astype(np.float32) / 255")
