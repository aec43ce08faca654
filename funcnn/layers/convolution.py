"""With this module you can look at images through windows: `conv2d`, `max_pool2d`, `avg_pool2d`.

Images are (batch, height, width, channels). A window slides over them with a stride; `windows` shows what it sees as a
view, and its transpose `overlap_add` sends cotangents back. All layers here are these two and one formula.
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias, TypeVar, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from funcnn import initializers, random
from funcnn._arrays import column_sums, is_concrete, namespace
from funcnn.autodiff.custom import custom_vjp
from funcnn.core.tracer import Tracer
from funcnn.layers.composition import Layer
from funcnn.layers.linear import affine
from funcnn.tree import FrozenDict
from funcnn.typing import AnyWidth, Array, DenseParams, Dim, Key, Params, Shape

__all__ = ["Padding", "avg_pool2d", "conv2d", "correlate", "max_pool2d", "overlap_add", "rows_of", "spread_out",
           "windows"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)

Pair: TypeAlias = tuple[int, int]
Padding: TypeAlias = Literal["SAME", "VALID"]
"""SAME adds what it takes for ceil(size / stride) windows, the odd row behind; VALID adds nothing."""


# -------------------------------------------------------------------------------------------- windows


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
    rows, columns = _places(x.shape, size, stride)
    shifted = [_shifted(x, i, j, rows, columns, stride) for i in range(size[0]) for j in range(size[1])]
    stacked: Array = xp.stack(shifted, axis=-1)
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
            part = _shifted(image, i, j, rows, columns, stride)
            part += g[..., i, j]
    return image


windows.defvjps(lambda g, y, x, size, stride: overlap_add(g, x.shape, stride))
overlap_add.defvjps(lambda h, y, g, shape, stride: windows(h, g.shape[4:], stride))


def _shifted(x: Any, i: int, j: int, rows: int, columns: int, stride: Pair) -> Any:
    """The pixel (i, j) of every window."""
    return x[:, i:i + rows * stride[0]:stride[0], j:j + columns * stride[1]:stride[1]]


def _places(shape: tuple[int, ...], size: Pair, stride: Pair) -> Pair:
    """How many places a window has, down and across."""
    return (shape[1] - size[0]) // stride[0] + 1, (shape[2] - size[1]) // stride[1] + 1


def _padded(x: Array, size: Pair, stride: Pair, padding: Padding, value: float = 0.0) -> Array:
    if padding == "VALID":
        return x
    widths = [(0, 0), *(_same(n, k, s) for n, k, s in zip(x.shape[1:3], size, stride, strict=True)), (0, 0)]
    result: Array = namespace(x).pad(x, widths, constant_values=value)
    return result


def _same(length: int, window: int, stride: int) -> Pair:
    """The rows added before and behind for ceil(length / stride) places."""
    missing = max(0, (-(-length // stride) - 1) * stride + window - length)
    return missing // 2, missing - missing // 2


# -------------------------------------------------------------------------------------------- convolution


FEW = 4
"""Images of at most so many channels are copied channel by channel, window pixel by window pixel: longer runs."""


def rows_of(x: Array, size: Pair, stride: Pair) -> Array:
    """Each window as a row, (batch * rows * columns, height * width * channels): what one matrix product convolves.

    >>> rows_of(np.arange(6.0).reshape(1, 2, 3, 1), (2, 2), (1, 1))
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.]])
    """
    xp, seen, inputs = namespace(x), windows(x, size, stride), size[0] * size[1] * x.shape[3]
    if x.shape[3] <= FEW:
        few: Array = xp.transpose(seen, (4, 5, 3, 0, 1, 2)).reshape((inputs, math.prod(seen.shape[:3]))).T
        return few
    many: Array = xp.transpose(seen, (0, 1, 2, 4, 5, 3)).reshape((math.prod(seen.shape[:3]), inputs))
    return many


@custom_vjp
def correlate(x: Array, w: Array, b: Array, stride: Pair) -> Array:
    """The sum over each window of x w, plus b: y[p, o] = sum_ijc x[s p + (i, j), c] w[i, j, c, o] + b[o].

    x is (batch, height, width, in), w is (height, width, in, out), b is (out,).


    >>> correlate(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), np.ones(1, np.float64), (1, 1))
    array([[[[5.]]]])
    """
    size = (w.shape[0], w.shape[1])
    y = affine(rows_of(x, size, stride), w.reshape((math.prod(w.shape[:3]), w.shape[3])), b)
    return y.reshape((x.shape[0], *_places(x.shape, size, stride), w.shape[3]))


@custom_vjp
def spread_out(g: Array, w: Array, shape: tuple[int, ...], stride: Pair) -> Array:
    """The transpose of `correlate` by x: an image of this shape to which each g[p] adds w g[p] at its window.

    >>> spread_out(np.ones((1, 1, 2, 1)), np.ones((1, 2, 1, 1)), (1, 1, 3, 1), (1, 1))[0, 0, :, 0]
    array([1., 2., 1.])
    """
    batch, rows, columns, _ = g.shape
    places, channels = (batch, rows, columns), w.shape[2]
    flat = g.reshape((math.prod(places), g.shape[3]))
    if channels <= FEW:
        parts = (w.reshape((-1, w.shape[3])) @ flat.T).reshape((*w.shape[:3], *places))
        planes = np.zeros((channels, *shape[:3]), g.dtype)
        for i, j in np.ndindex(w.shape[:2]):
            seen = _shifted(planes.transpose(1, 2, 3, 0), i, j, rows, columns, stride)
            seen += parts[i, j].transpose(1, 2, 3, 0)
        return cast(Array, planes.transpose(1, 2, 3, 0))
    image = np.zeros(shape, g.dtype)
    for i, j in np.ndindex(w.shape[:2]):
        part = _shifted(image, i, j, rows, columns, stride)
        part += (flat @ w[i, j].T).reshape((*places, channels))
    return cast(Array, image)


def _by_kernel(g: Array, x: Array, shape: tuple[int, ...], stride: Pair) -> Array:
    """The cotangent of the kernel: for each of its pixels and channels, what x was there times g."""
    flat = g.reshape((math.prod(g.shape[:3]), g.shape[3]))
    return (rows_of(x, (shape[0], shape[1]), stride).T @ flat).reshape(shape)


correlate.defvjps(
    lambda g, y, x, w, b, stride: spread_out(g, w, x.shape, stride),
    lambda g, y, x, w, b, stride: _by_kernel(g, x, w.shape, stride),
    lambda g, y, x, w, b, stride: column_sums(g),
)
spread_out.defvjps(
    lambda h, y, g, w, shape, stride: correlate(h, w, np.zeros(w.shape[3], w.dtype), stride),
    lambda h, y, g, w, shape, stride: _by_kernel(g, h, w.shape, stride),
)


def convolve(x: Array, w: Array, b: Array, stride: Pair, padding: Padding) -> Array:
    """The formula of `conv2d`: `correlate` with padding.

    >>> convolve(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), np.zeros(1, np.float64), (1, 1), "VALID")
    array([[[[4.]]]])
    """
    return correlate(_padded(x, (w.shape[0], w.shape[1]), stride, padding), w, b, stride)


def conv2d(in_channels: I, out_channels: O, kernel_size: int | Pair, *, stride: int | Pair = 1,
           padding: Padding = "SAME", w_init: initializers.Initializer | None = None,
           b_init: initializers.Initializer = initializers.zeros, name: str | None = None) -> Layer[I, O, DenseParams]:
    """A convolution of images: each output pixel is one dense layer of the window around it.

        y[n, p, q, o] = sum_ijc x[n, s p + i, s q + j, c] w[i, j, c, o] + b[o]

    x is (batch, height, width, in_channels); the parameters are the kernel `w` (height, width, in, out) and `b` (out,).
    As everywhere in the field, the kernel is not flipped.

    >>> layer = conv2d(1, 16, 3, stride=2)
    >>> layer.apply(layer.init(random.key(0)), np.ones((5, 28, 28, 1), np.float32)).shape
    (5, 14, 14, 16)

    As Haiku's `Conv2D` and `jax.lax.conv_general_dilated` with NHWC, HWIO. LeCun et al. 1989.
    """
    size, step = _pair("conv2d", "kernel_size", kernel_size), _pair("conv2d", "stride", stride)
    _check_padding("conv2d", padding)
    draw_w = initializers.lecun_normal() if w_init is None else w_init
    initializers.check("conv2d", w_init=draw_w, b_init=b_init)
    shapes: dict[str, Shape] = {"w": (*size, in_channels, out_channels), "b": (out_channels,)}

    def init(key: Key) -> DenseParams:
        w_key, b_key = random.split(key)
        return cast(DenseParams, FrozenDict({"w": initializers.drawn("conv2d", draw_w, w_key, shapes["w"]),
                                             "b": initializers.drawn("conv2d", b_init, b_key, shapes["b"])}))

    def forward(params: DenseParams, x: Array, key: Key | None) -> Array:
        _check_fits("conv2d", x, size, padding)
        return convolve(x, params["w"], params["b"], step, padding)

    return Layer("conv2d", init, forward, in_channels, out_channels, axes=4, shapes=FrozenDict(shapes), name=name,
                 arguments=(in_channels, out_channels, kernel_size))


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
    return _pool("max_pool2d", window, stride, padding, -np.inf, lambda xp, seen: xp.max(seen, axis=(4, 5)))


def avg_pool2d(window: int | Pair, *, stride: int | Pair | None = None, padding: Padding = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The mean of each window, channel by channel; the stride is the window unless given.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> avg_pool2d(2).apply({}, x)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])

    Padding counts as zeros, as in Flax and torch.
    """
    return _pool("avg_pool2d", window, stride, padding, 0.0, lambda xp, seen: xp.mean(seen, axis=(4, 5)))


def _pool(kind: str, window: int | Pair, stride: int | Pair | None, padding: Padding, fill: float,
          reduce: Any) -> Layer[Any, Any, Params]:
    size = _pair(kind, "window", window)
    step = size if stride is None else _pair(kind, "stride", stride)
    _check_padding(kind, padding)

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        _check_fits(kind, x, size, padding)
        result: Array = reduce(namespace(x), windows(_padded(x, size, step, padding, fill), size, step))
        return result

    return Layer(kind, lambda key: FrozenDict(), forward, keeps_width=True, axes=4, shapes={},
                 arguments=(window,))


# ---------------------------------------------------------------------------------------------- checks


def _pair(kind: str, name: str, value: Any) -> Pair:
    pair = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, tuple | list) else ()
    if len(pair) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) and n >= 1 for n in pair):
        raise ValueError(f"{kind}: {name} must be a positive int or two, got {value!r}")
    return pair


def _check_padding(kind: str, padding: Any) -> None:
    if padding not in ("SAME", "VALID"):
        raise ValueError(f"{kind}: padding must be 'SAME' or 'VALID', got {padding!r}")


def _check_fits(kind: str, x: Any, size: Pair, padding: Padding) -> None:
    if not isinstance(x, np.ndarray | Tracer) or x.dtype.kind == "f":
        if padding == "SAME" or (x.shape[1] >= size[0] and x.shape[2] >= size[1]):
            return
        raise ValueError(f"{kind}: the window {size} is larger than the images, {x.shape[1:3]}; pad with 'SAME'")
    raise TypeError(f"{kind}: the input is {x.dtype}, floating-point numbers are needed: x.astype(np.float32) / 255")
