"""What a window sees that slides over images, and its transpose: `windows`, `overlap_add`.

Images are (batch, height, width, channels). A window slides over them with a stride; `windows` shows what it sees as a
view, and its transpose `overlap_add` sends cotangents back. Convolution and pooling are these two and one formula.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from funcnn._arrays import is_concrete, namespace
from funcnn.autodiff.custom import custom_vjp
from funcnn.core.tracer import Tracer
from funcnn.typing import Array

__all__ = ["Padding", "Pair", "check_fits", "check_padding", "overlap_add", "padded", "pair", "places", "shifted",
           "windows"]

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = Literal["SAME", "VALID"]
"""SAME adds what it takes for ceil(size / stride) windows, the odd row behind; VALID adds nothing."""


@custom_vjp
def windows(x: Array, size: Pair, stride: Pair) -> Array:
    """What a window sees at each of its places: (batch, height, width, channels) becomes (batch, rows, columns,
    channels, *size).

    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> windows(x, (2, 2), (1, 1))[0, 0, 1, 0]
    array([[1., 2.],
           [4., 5.]])
    """
    if is_concrete(x):
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


windows.defvjps(lambda g, y, x, size, stride: overlap_add(g, x.shape, stride))
overlap_add.defvjps(lambda h, y, g, shape, stride: windows(h, g.shape[4:], stride))


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


# ---------------------------------------------------------------------------------------------- checks


def pair(kind: str, name: str, value: Any) -> Pair:
    """A height and a width, which may be given as one number.

    >>> pair("conv2d", "stride", 2)
    (2, 2)
    """
    two = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, tuple | list) else ()
    if len(two) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in two):
        raise ValueError(f"{kind}: {name} must be a positive int or two, got {value!r}")
    return two


def check_padding(kind: str, padding: Any) -> None:
    """Refuse a padding that is none of the two."""
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"{kind}: padding must be 'SAME' or 'VALID', got {padding!r}")


def check_fits(kind: str, x: Any, size: Pair, padding: Padding) -> None:
    """The images are floating-point numbers, and the window is not larger than they are."""
    if not isinstance(x, np.ndarray | Tracer) or x.dtype.kind == "f":
        if padding == "SAME" or (x.shape[1] >= size[0] and x.shape[2] >= size[1]):
            return
        raise ValueError(f"{kind}: the window {size} is larger than the images, {x.shape[1:3]}; pad with 'SAME'")
    raise TypeError(f"{kind}: the input is {x.dtype}, floating-point numbers are needed: x.astype(np.float32) / 255")
