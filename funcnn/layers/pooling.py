"""What a window sees that slides over images: `windows`; its largest number and its mean: `max_pool2d`, `avg_pool2d`.

Images are (batch, height, width, channels). A window slides over them with a stride; `windows` shows what it sees as a
view, and its transpose `overlap_add` sends cotangents back. Pooling and convolution are these two and one formula.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from funcnn._arguments import one_of, whole_number
from funcnn._arrays import is_plain, namespace
from funcnn.autodiff import custom_vjp
from funcnn.batching import families
from funcnn.core import Tracer
from funcnn.core.elsewhere import is_float
from funcnn.layers.composition import Layer
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import AnyWidth, Array, Key, Params

__all__ = ["PADDINGS", "Padding", "Pair", "avg_pool2d", "check_fits", "max_pool2d", "overlap_add", "padded",
           "pair", "places", "shifted", "windows"]

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = Literal["SAME", "VALID"]
"""SAME adds what it takes for ceil(size / stride) windows, the odd row behind; VALID adds nothing."""

PADDINGS = get_args(Padding)


@custom_vjp
def windows(x: Array, size: Pair, stride: Pair) -> Array:
    """What a window sees at each of its places: (batch, height, width, channels) becomes (batch, rows, columns,
    channels, *size).

    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> windows(x, (2, 2), (1, 1))[0, 0, 1, 0]
    array([[1., 2.],
           [4., 5.]])
    """
    if is_plain(x):
        return sliding_window_view(x, size, axis=(1, 2))[:, ::stride[0], ::stride[1]]
    xp = namespace(x)
    rows, columns = places(x.shape, size, stride)
    pixels = [shifted(x, i, j, rows, columns, stride) for i in range(size[0]) for j in range(size[1])]
    stacked: Array = xp.stack(pixels, axis=-1)
    return stacked.reshape((*stacked.shape[:-1], *size))


@custom_vjp
def overlap_add(g: Array, shape: tuple[int, ...], stride: Pair) -> Array:
    """The transpose of `windows`: an image of this shape to which each window is added at its place.

    >>> overlap_add(np.ones((1, 2, 2, 1, 2, 2)), (1, 3, 3, 1), (1, 1))[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    image = np.zeros(shape, g.dtype)
    rows, columns, height, width = (g.shape[axis] for axis in (1, 2, 4, 5))
    for i in range(height):
        for j in range(width):
            part = shifted(image, i, j, rows, columns, stride)
            part += g[..., i, j]
    return image


windows.defvjps(lambda g, _y, _x, size, stride: overlap_add(g, _x.shape, stride),
                formula=("y = the windows of x", "dx = the windows of g, added at their places"))
overlap_add.defvjps(lambda h, _y, _g, shape, stride: windows(h, _g.shape[4:], stride),
                    formula=("y = the windows x, added at their places", "dx = the windows of g"))
windows.batch = overlap_add.batch = families.images
overlap_add.is_code = False  # it writes into the image that it makes, which tracers do not do


def shifted(x: Any, i: int, j: int, rows: int, columns: int, stride: Pair) -> Any:
    """The pixel (i, j) of every window."""
    return x[:, i:i + rows * stride[0]:stride[0], j:j + columns * stride[1]:stride[1]]


def places(shape: tuple[int, ...], size: Pair, stride: Pair) -> Pair:
    """How many places a window has, down and across."""
    return (shape[1] - size[0]) // stride[0] + 1, (shape[2] - size[1]) // stride[1] + 1


def padded(x: Array, size: Pair, stride: Pair, padding: Padding, value: float = 0.0) -> Array:
    """The images with a border of one value, as the padding asks for."""
    if padding == "VALID":
        return x
    widths = [(0, 0), *(_same(n, k, s) for n, k, s in zip(x.shape[1:3], size, stride, strict=True)), (0, 0)]
    result: Array = namespace(x).pad(x, widths, constant_values=value)
    return result


def _same(length: int, window: int, stride: int) -> Pair:
    """The rows added before and behind for ceil(length / stride) places."""
    missing = max(0, (-(-length // stride) - 1) * stride + window - length)
    return missing // 2, missing - missing // 2


# ------------------------------------------------------------------------------------------------ pools


def max_pool2d(window: int | Pair, *, stride: int | Pair | None = None, padding: Padding = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The largest number of each window, channel by channel; the stride is the window unless given.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> max_pool2d(2).apply({}, x)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])

    Where several numbers are the largest, they share the cotangent equally. Padding counts as -inf.
    """
    made_by = partial(max_pool2d, window, stride=stride, padding=padding)
    return _pool(made_by, window, stride, padding, -np.inf, lambda xp, seen: xp.max(seen, axis=(4, 5)))


def avg_pool2d(window: int | Pair, *, stride: int | Pair | None = None, padding: Padding = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The mean of each window, channel by channel; the stride is the window unless given.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> avg_pool2d(2).apply({}, x)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])

    Padding counts as zeros, as in Flax and torch.
    """
    made_by = partial(avg_pool2d, window, stride=stride, padding=padding)
    return _pool(made_by, window, stride, padding, 0.0, lambda xp, seen: xp.mean(seen, axis=(4, 5)))


def _pool(made_by: partial[Any], window: int | Pair, stride: int | Pair | None, padding: Padding, fill: float,
          reduce: Any) -> Layer[Any, Any, Params]:
    kind = made_by.func.__name__
    size = pair(kind, "window", window)
    step = size if stride is None else pair(kind, "stride", stride)
    one_of(kind, "padding", padding, PADDINGS)

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        check_fits(kind, x, size, padding)
        result: Array = reduce(namespace(x), windows(padded(x, size, step, padding, fill), size, step))
        return result

    return Layer(kind, lambda key: FrozenDict(), forward, keeps_width=True, axes=4, shapes={},
                 made_by=made_by)


# ---------------------------------------------------------------------------------------------- checks


def pair(kind: str, name: str, value: Any) -> Pair:
    """A height and a width, which may be given as one number.

    >>> pair("conv2d", "stride", 2)
    (2, 2)
    """
    height, width = value if isinstance(value, tuple | list) and len(value) == 2 else (value, value)
    what = f"{name}, a number or two,"
    return whole_number(kind, what, height, least=1), whole_number(kind, what, width, least=1)


def check_fits(kind: str, x: Any, size: Pair, padding: Padding) -> None:
    """The images are floating-point numbers, and the window is not larger than they are."""
    if isinstance(x, np.ndarray | Tracer) and not is_float(x.dtype):
        raise TypeError(f"{kind}: the input is {x.dtype}, floating-point numbers are needed: "
                        "x.astype(np.float32) / 255")
    if padding == "VALID" and (x.shape[1] < size[0] or x.shape[2] < size[1]):
        raise ValueError(f"{kind}: the window {size} is larger than the images, {x.shape[1:3]}; pad with 'SAME'")
