"""What a window sees that slides over images: `windows`, and its transpose `overlap_add`.

Images are (batch, height, width, channels); sequences, (batch, time, channels), are images of height 1. A window slides
over them with a stride; `windows` shows what it sees as a view, and `overlap_add` sends cotangents back. Pooling and
convolution are these two and one formula.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from funcnn._arguments import described, one_of, whole_number
from funcnn._arrays import is_plain, namespace
from funcnn.autodiff import custom_vjp
from funcnn.batching import families
from funcnn.typing import Array, Shape

__all__ = ["NONE", "Borders", "Padding", "Padding1d", "Pair", "Window", "as_images", "borders_of",
           "borders_of_sequence", "misfit", "overlap_add", "padded", "pair", "same", "shifted", "windows"]

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = Literal["SAME", "VALID"] | int | tuple[int | Pair, int | Pair]
"""SAME adds what it takes for ceil(size / stride) places, the odd row behind; VALID adds nothing. A number is added
on every side, (2, 1) are two rows above and below and a column left and right, ((1, 0), (2, 2)) are those before and
behind, for height and width."""

Padding1d: TypeAlias = Literal["SAME", "VALID"] | int | Pair
"""The same for sequences; a pair is what is added before and behind."""

Borders: TypeAlias = Literal["SAME"] | tuple[Pair, Pair]
"""A padding once it is read: the rows added above and below, the columns left and right, unless SAME finds them."""

NONE: tuple[Pair, Pair] = (0, 0), (0, 0)


class Window(NamedTuple):
    """How a window slides: its height and width, the distance from place to place, and that from pixel to pixel."""

    size: Pair
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)

    @property
    def reach(self) -> Pair:
        """The rows and columns from its first pixel to its last.

        >>> Window((3, 2), dilation=(2, 1)).reach
        (5, 2)
        """
        (height, width), (down, across) = self.size, self.dilation
        return (height - 1) * down + 1, (width - 1) * across + 1

    def places(self, shape: Shape) -> Pair:
        """How many places it has on images of this shape, down and across.

        >>> Window((3, 3), stride=(2, 1)).places((1, 7, 7, 3))
        (3, 5)
        """
        height, width = self.reach
        return (shape[1] - height) // self.stride[0] + 1, (shape[2] - width) // self.stride[1] + 1


@custom_vjp
def windows(x: Array, window: Window) -> Array:
    """What a window sees at each of its places: (batch, height, width, channels) becomes (batch, rows, columns,
    channels, *size).

    >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
    >>> windows(x, Window((2, 2)))[0, 0, 1, 0]
    array([[1., 2.],
           [4., 5.]])
    >>> windows(x, Window((2, 2), dilation=(2, 2)))[0, 0, 0, 0]
    array([[0., 2.],
           [6., 8.]])
    """
    size, stride, dilation = window
    if is_plain(x):
        seen = sliding_window_view(x, window.reach, axis=(1, 2))
        return seen[:, ::stride[0], ::stride[1], :, ::dilation[0], ::dilation[1]]
    xp, places = namespace(x), window.places(x.shape)
    pixels = [shifted(x, (i, j), places, window) for i in range(size[0]) for j in range(size[1])]
    stacked: Array = xp.stack(pixels, axis=-1)
    return stacked.reshape((*stacked.shape[:-1], *size))


@custom_vjp
def overlap_add(g: Array, shape: tuple[int, ...], window: Window) -> Array:
    """The transpose of `windows`: an image of this shape to which each window is added at its place.

    >>> overlap_add(np.ones((1, 2, 2, 1, 2, 2)), (1, 3, 3, 1), Window((2, 2)))[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    image = np.zeros(shape, g.dtype)
    for i, j in np.ndindex(g.shape[4:]):
        part = shifted(image, (i, j), (g.shape[1], g.shape[2]), window)
        part += g[..., i, j]
    return image


windows.defvjps(lambda g, _y, _x, window: overlap_add(g, _x.shape, window),
                formula=("y = the windows of x", "dx = the windows of g, added at their places"))
overlap_add.defvjps(lambda h, _y, _g, shape, window: windows(h, window),
                    formula=("y = the windows x, added at their places", "dx = the windows of g"))
windows.batch = overlap_add.batch = families.images
overlap_add.is_code = False  # it writes into the image that it makes, which tracers do not do


def shifted(x: Any, pixel: Pair, places: Pair, window: Window) -> Any:
    """One pixel of the window, at all of its places."""
    (i, j), (rows, columns), (down, across) = pixel, places, window.stride
    i, j = i * window.dilation[0], j * window.dilation[1]
    return x[:, i:i + rows * down:down, j:j + columns * across:across]


def as_images(x: Array) -> Array:
    """Sequences as images of height 1.

    >>> as_images(np.ones((5, 7, 3))).shape
    (5, 1, 7, 3)
    """
    return x.reshape((x.shape[0], 1, *x.shape[1:]))


# ---------------------------------------------------------------------------------------------- padding


def padded(x: Array, window: Window, borders: Borders, value: float = 0.0) -> Array:
    """The images with a border of one value."""
    height, width = same(x.shape, window) if borders == "SAME" else borders
    if borders != "SAME" and not any(height + width):
        return x
    result: Array = namespace(x).pad(x, [(0, 0), height, width, (0, 0)], constant_values=value)
    return result


def same(shape: Shape, window: Window) -> tuple[Pair, Pair]:
    """The rows above and below, and the columns left and right, that SAME adds."""
    height, width = map(_same, shape[1:3], window.reach, window.stride)
    return height, width


def _same(length: int, reach: int, stride: int) -> Pair:
    """The rows added before and behind for ceil(length / stride) places."""
    missing = max(0, (-(-length // stride) - 1) * stride + reach - length)
    return missing // 2, missing - missing // 2


# ---------------------------------------------------------------------------------------------- checks


def pair(kind: str, name: str, value: Any) -> Pair:
    """A height and a width, which may be given as one number.

    >>> pair("conv2d", "stride", 2)
    (2, 2)
    """
    height, width = value if isinstance(value, tuple | list) and len(value) == 2 else (value, value)
    what = f"{name}, a number or two,"
    return whole_number(kind, what, height, least=1), whole_number(kind, what, width, least=1)


def borders_of(kind: str, padding: Any) -> Borders:
    """A padding of images, read.

    >>> borders_of("conv2d", ((1, 0), 2)), borders_of("conv2d", "VALID")
    (((1, 0), (2, 2)), ((0, 0), (0, 0)))
    """
    if isinstance(padding, str):
        one_of(kind, "padding", padding, ("SAME", "VALID"))
        return "SAME" if padding == "SAME" else NONE
    height, width = _two(kind, padding)
    return _sides(kind, height), _sides(kind, width)


def borders_of_sequence(kind: str, padding: Any) -> Borders:
    """A padding of sequences, read.

    >>> borders_of_sequence("conv1d", (2, 0))
    ((0, 0), (2, 0))
    """
    return borders_of(kind, padding if isinstance(padding, str) else (0, _sides(kind, padding)))


def _sides(kind: str, value: Any) -> Pair:
    """What is added before and behind, which may be given as one number."""
    before, behind = _two(kind, value)
    return whole_number(kind, "padding", before, least=0), whole_number(kind, "padding", behind, least=0)


def _two(kind: str, value: Any) -> tuple[Any, Any]:
    if not isinstance(value, tuple | list):
        return value, value
    if len(value) != 2:
        raise TypeError(f"{kind}: padding must be 'SAME', 'VALID', a number or two of them, got {described(value)} of "
                        f"{len(value)}")
    first, second = value
    return first, second


def misfit(window: Window, borders: Borders, shape: Shape) -> str:
    """What is wrong with images or sequences of this shape, a batch, for a window: nothing, or a text.

    >>> misfit(Window((9, 9)), NONE, (2, 5, 5, 3))
    "the window (9, 9) is larger than the images, (5, 5); pad with 'SAME'"
    >>> misfit(Window((1, 9)), "SAME", (2, 5, 3))
    ''
    """
    what, sizes = ("images", shape[1:3]) if len(shape) == 4 else ("sequences", shape[1:2])
    if 0 in sizes:
        return f"the {what} are empty, their shape is {shape}"
    reach = window.reach[2 - len(sizes):]
    added = (NONE if borders == "SAME" else borders)[2 - len(sizes):]
    if borders == "SAME" or all(n + sum(sides) >= r for n, sides, r in zip(sizes, added, reach, strict=True)):
        return ""
    return f"the window {_said(reach)} is larger than the {what}, {_said(sizes)}; pad with 'SAME'"


def _said(sizes: Shape) -> str:
    return str(sizes) if len(sizes) > 1 else str(sizes[0])
