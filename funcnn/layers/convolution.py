"""Convolution of images and sequences: `correlate`, the formula with its derivatives, and `conv2d`, `conv1d`; and its
transpose: `conv_transpose2d`.
"""

from __future__ import annotations

import math
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar, cast

import numpy as np

from funcnn import initializers
from funcnn._arguments import whole_number
from funcnn._arrays import column_sums, namespace
from funcnn.autodiff import custom_vjp
from funcnn.batching import families
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.layers.linear import affine
from funcnn.layers.windows import (
    NONE,
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
    same,
    shifted,
    windows,
)
from funcnn.typing import Array, DenseParams, Dim, Key, Shape

__all__ = ["conv1d", "conv2d", "conv_transpose2d", "convolve", "correlate", "rows_of", "spread_out", "transposed"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)


FEW = 4
"""Images of at most so many channels are copied channel by channel, window pixel by window pixel: longer runs."""


def rows_of(x: Array, window: Window) -> Array:
    """Each window as a row, (batch * rows * columns, height * width * channels): what one matrix product convolves.

    >>> rows_of(np.arange(6.0).reshape(1, 2, 3, 1), Window((2, 2)))
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.]])
    """
    xp, seen, inputs = namespace(x), windows(x, window), math.prod(window.size) * x.shape[3]
    if x.shape[3] <= FEW:
        few: Array = xp.transpose(seen, (4, 5, 3, 0, 1, 2)).reshape((inputs, math.prod(seen.shape[:3]))).T
        return few
    many: Array = xp.transpose(seen, (0, 1, 2, 4, 5, 3)).reshape((math.prod(seen.shape[:3]), inputs))
    return many


@custom_vjp
def correlate(x: Array, w: Array, b: Array, window: Window) -> Array:
    """The sum over each window of x w, plus b: y[p, o] = sum_ijc x[s p + d (i, j), c] w[i, j, c, o] + b[o].

    x is (batch, height, width, in), w is (height, width, in, out), b is (out,); s is the stride, d the dilation.

    >>> correlate(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), np.ones(1, np.float64), Window((2, 2)))
    array([[[[5.]]]])
    """
    y = affine(rows_of(x, window), w.reshape((math.prod(w.shape[:3]), w.shape[3])), b)
    return y.reshape((x.shape[0], *window.places(x.shape), w.shape[3]))


@custom_vjp
def spread_out(g: Array, w: Array, shape: tuple[int, ...], window: Window) -> Array:
    """The transpose of `correlate` by x: an image of this shape to which each g[p] adds w g[p] at its window.

    >>> spread_out(np.ones((1, 1, 2, 1)), np.ones((1, 2, 1, 1)), (1, 1, 3, 1), Window((1, 2)))[0, 0, :, 0]
    array([1., 2., 1.])
    """
    seen_at, channels = g.shape[:3], w.shape[2]
    places, flat = (g.shape[1], g.shape[2]), g.reshape((math.prod(seen_at), g.shape[3]))
    if channels <= FEW:
        parts = (w.reshape((math.prod(w.shape[:3]), w.shape[3])) @ flat.T).reshape((*w.shape[:3], *seen_at))
        planes = np.zeros((channels, *shape[:3]), g.dtype)
        for i, j in np.ndindex(w.shape[:2]):
            seen = shifted(planes.transpose(1, 2, 3, 0), (i, j), places, window)
            seen += parts[i, j].transpose(1, 2, 3, 0)
        return cast(Array, planes.transpose(1, 2, 3, 0))
    image = np.zeros(shape, g.dtype)
    for i, j in np.ndindex(w.shape[:2]):
        part = shifted(image, (i, j), places, window)
        part += (flat @ w[i, j].T).reshape((*seen_at, channels))
    return cast(Array, image)


def _by_kernel(g: Array, x: Array, shape: tuple[int, ...], window: Window) -> Array:
    """The cotangent of the kernel: for each of its pixels and channels, what x was there times g."""
    flat = g.reshape((math.prod(g.shape[:3]), g.shape[3]))
    return (rows_of(x, window).T @ flat).reshape(shape)


correlate.defvjps(
    lambda g, _y, _x, w, _b, window: spread_out(g, w, _x.shape, window),
    lambda g, _y, x, _w, _b, window: _by_kernel(g, x, _w.shape, window),
    lambda g, _y, _x, _w, _b, window: column_sums(g),
    formula=("y = windows(x) @ w + b", "dx = g @ w.T, added at the windows", "dw = windows(x).T @ g",
             "db = sum of the rows of g"),
)
spread_out.defvjps(
    lambda h, _y, _g, w, shape, window: correlate(h, w, np.zeros(w.shape[3], w.dtype), window),
    lambda h, _y, g, _w, shape, window: _by_kernel(g, h, _w.shape, window),
    formula=("y = x @ w.T, added at the windows", "dx = windows(g) @ w", "dw = windows(g).T @ x"),
)
correlate.batch = spread_out.batch = families.images
spread_out.is_code = False  # it writes into the image that it makes, which tracers do not do


# -------------------------------------------------------------------------------------------- the formulas


def convolve(x: Array, w: Array, b: Array, window: Window, borders: Borders, groups: int = 1) -> Array:
    """The formula of `conv2d`: `correlate` with padding, group by group.

    >>> convolve(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), np.zeros(1, np.float64), Window((2, 2)), NONE)
    array([[[[4.]]]])
    """
    x = padded(x, window, borders)
    if groups == 1:
        return correlate(x, w, b, window)
    is_alone = w.shape[2] == 1 and w.shape[3] == groups
    return _each_alone(x, w, b, window) if is_alone else _in_groups(x, w, b, window, groups)


def _in_groups(x: Array, w: Array, b: Array, window: Window, groups: int) -> Array:
    """Each group of output channels from its own group of input channels: one matrix product a group, stacked."""
    xp, seen = namespace(x), windows(x, window)
    at, (height, width, inputs, outputs) = seen.shape[:3], w.shape
    rows = xp.transpose(seen.reshape((*at, groups, inputs, height, width)), (3, 0, 1, 2, 5, 6, 4))
    kernels = xp.transpose(w.reshape((height * width * inputs, groups, outputs // groups)), (1, 0, 2))
    y = rows.reshape((groups, math.prod(at), height * width * inputs)) @ kernels
    result: Array = xp.transpose(y, (1, 0, 2)).reshape((*at, outputs)) + b
    return result


def _each_alone(x: Array, w: Array, b: Array, window: Window) -> Array:
    """Each channel from itself, window pixel by window pixel: fewer copies than products of matrices of one column."""
    places = window.places(x.shape)
    return sum((shifted(x, pixel, places, window) * w[(*pixel, 0)] for pixel in np.ndindex(window.size)), start=b)


def transposed(x: Array, w: Array, b: Array, window: Window, borders: Borders) -> Array:
    """The formula of `conv_transpose2d`: `spread_out` on images with borders, which are cut off.

    >>> x, w = np.ones((1, 1, 2, 1)), np.ones((1, 2, 1, 1))
    >>> transposed(x, w, np.zeros(1, np.float64), Window((1, 2)), NONE)[0, 0, :, 0]
    array([1., 2., 1.])
    """
    height, width = _canvas(x.shape, window, borders)
    large = (0, x.shape[1] * window.stride[0], x.shape[2] * window.stride[1])
    (above, below), (left, right) = same(large, window) if borders == "SAME" else borders
    y = spread_out(x, namespace(x).transpose(w, (0, 1, 3, 2)), (x.shape[0], height, width, w.shape[3]), window)
    return y[:, above:height - below, left:width - right] + b


def _canvas(shape: Shape, window: Window, borders: Borders) -> Pair:
    """The height and width of what is spread out, with the borders."""
    height, width = ((n - 1) * s + max(r, s if borders == "SAME" else r)
                     for n, s, r in zip(shape[1:3], window.stride, window.reach, strict=True))
    return height, width


# ---------------------------------------------------------------------------------------------- the layers


def conv2d(in_channels: I, out_channels: O, kernel_size: int | Pair, *, stride: int | Pair = 1,
           padding: Padding = "SAME", dilation: int | Pair = 1, groups: int = 1,
           w_init: initializers.Initializer | None = None, b_init: initializers.Initializer = initializers.zeros,
           name: str | None = None) -> Layer[I, O, DenseParams]:
    """A convolution of images: each output pixel is one dense layer of the window around it.

        y[n, p, q, o] = sum_ijc x[n, s p + d i, s q + d j, c] w[i, j, c, o] + b[o]

    x is (batch, height, width, in_channels); the parameters are the kernel `w` (height, width, in_channels / groups,
    out_channels) and `b` (out_channels,). As everywhere in the field, the kernel is not flipped.

    - `in_channels`, `out_channels`: the length of the last axis of x and of y.
    - `kernel_size`: rows and columns of a window, or one number for both; so are the next two.
    - `stride`: s, how many pixels further the next window begins.
    - `dilation`: d, the distance between the pixels of a window.
    - `padding`: "SAME" (y is as large as x, over the stride), "VALID" (none), or numbers of rows and columns of zeros:
      1 on every side, (2, 1) above and below, left and right, ((1, 0), (2, 2)) each by itself.
    - `groups`: the k-th part of the output channels sees the k-th part of the input channels only; both are multiples.
    - `w_init`, `b_init`: draw the parameters: `lecun_normal()` and zeros unless given.
    - `name`: its entry among the parameters of a net, instead of `conv2d_0`.

    >>> from funcnn import random
    >>> layer = conv2d(1, 16, 3, stride=2)
    >>> layer.apply(layer.init(random.key(0)), np.ones((5, 28, 28, 1), np.float32)).shape
    (5, 14, 14, 16)
    >>> conv2d(16, 16, 3, groups=16).init(random.key(0))
    FrozenDict({'w': float32[3, 3, 1, 16], 'b': float32[16]})

    As Haiku's `Conv2D` (whose names are `rate` and `feature_group_count`) and `jax.lax.conv_general_dilated` with NHWC,
    HWIO; the numbers are also those of torch, whose SAME is as ours where the stride is 1. LeCun et al. 1989; Yu &
    Koltun 2016 (arXiv:1511.07122).
    """
    made_by = partial(conv2d, in_channels, out_channels, kernel_size, stride=stride, padding=padding, dilation=dilation,
                      groups=groups, w_init=w_init, b_init=b_init, name=name)
    window = Window(pair("conv2d", "kernel_size", kernel_size), pair("conv2d", "stride", stride),
                    pair("conv2d", "dilation", dilation))
    borders, groups = borders_of("conv2d", padding), _check_channels("conv2d", in_channels, out_channels, groups)

    def forward(params: DenseParams, x: Array, key: Key | None) -> Array:
        return convolve(x, params["w"], params["b"], window, borders, groups)

    w_shape = (*window.size, in_channels // groups, out_channels)
    return _layer(made_by, w_shape, w_init, b_init, forward, misfit=partial(misfit, window, borders))


def conv1d(in_channels: I, out_channels: O, kernel_size: int, *, stride: int = 1, padding: Padding1d = "SAME",
           dilation: int = 1, groups: int = 1, w_init: initializers.Initializer | None = None,
           b_init: initializers.Initializer = initializers.zeros, name: str | None = None) -> Layer[I, O, DenseParams]:
    """A convolution of sequences: each output step is one dense layer of the window around it.

        y[n, t, o] = sum_ic x[n, s t + d i, c] w[i, c, o] + b[o]

    x is (batch, time, in_channels); the parameters are `w` (kernel_size, in_channels / groups, out_channels) and `b`
    (out_channels,).

    - `in_channels`, `out_channels`: the length of the last axis of x and of y.
    - `kernel_size`: how many steps a window sees.
    - `stride`: s, how many steps further the next window begins.
    - `padding`: "SAME", "VALID", a number of zeros before and behind, or two of them: `(d * (kernel_size - 1), 0)` is
      causal, so that no output sees a later input.
    - `dilation`, `groups`, `w_init`, `b_init`, `name`: as in `conv2d`; d is the dilation.

    >>> from funcnn import random
    >>> layer = conv1d(3, 8, 5, padding=(4, 0))
    >>> layer.apply(layer.init(random.key(0)), np.ones((2, 100, 3), np.float32)).shape
    (2, 100, 8)

    As Haiku's `Conv1D`; the numbers are also those of torch.
    """
    made_by = partial(conv1d, in_channels, out_channels, kernel_size, stride=stride, padding=padding, dilation=dilation,
                      groups=groups, w_init=w_init, b_init=b_init, name=name)
    size, step, apart = (whole_number("conv1d", what, value, least=1) for what, value in (
        ("kernel_size", kernel_size), ("stride", stride), ("dilation", dilation)))
    window, borders = Window((1, size), (1, step), (1, apart)), borders_of_sequence("conv1d", padding)
    groups = _check_channels("conv1d", in_channels, out_channels, groups)

    def forward(params: DenseParams, x: Array, key: Key | None) -> Array:
        w = params["w"].reshape((1, *w_shape))
        return convolve(as_images(x), w, params["b"], window, borders, groups)[:, 0]

    w_shape = (size, in_channels // groups, out_channels)
    return _layer(made_by, w_shape, w_init, b_init, forward, misfit=partial(misfit, window, borders))


def conv_transpose2d(in_channels: I, out_channels: O, kernel_size: int | Pair, *, stride: int | Pair = 1,
                     padding: Padding = "SAME", dilation: int | Pair = 1,
                     w_init: initializers.Initializer | None = None,
                     b_init: initializers.Initializer = initializers.zeros, name: str | None = None,
                     ) -> Layer[I, O, DenseParams]:
    """The transpose of a convolution, which makes images larger: each input pixel adds its window to the output.

        y[n, s p + d i, s q + d j, o] = sum of x[n, p, q, c] w[i, j, c, o] that meet there, + b[o]

    x is (batch, height, width, in_channels); the parameters are `w` (height, width, in_channels, out_channels) and `b`
    (out_channels,).

    - `in_channels`, `out_channels`: the length of the last axis of x and of y.
    - `kernel_size`: rows and columns of a window, or one number for both.
    - `stride`: s, how many pixels of the output lie between two of the input.
    - `padding`: that of the convolution whose transpose this is: with "SAME" the output is as large as x, times the
      stride; with "VALID" and a kernel of k pixels, `(size - 1) stride + k`; numbers are rows and columns that are cut
      off from that.
    - `dilation`, `w_init`, `b_init`, `name`: as in `conv2d`; d is the dilation.

    >>> from funcnn import random
    >>> layer = conv_transpose2d(16, 1, 4, stride=2)
    >>> layer.apply(layer.init(random.key(0)), np.ones((5, 14, 14, 16), np.float32)).shape
    (5, 28, 28, 1)

    The numbers are torch's, with the same numbers of padding. Haiku's `Conv2DTranspose` and Flax's `ConvTranspose` turn
    the kernel by half a circle, `w[::-1, ::-1]`, and with "VALID" and a stride above k give rows of b more. Zeiler
    et al. 2010; Dumoulin & Visin 2016 (arXiv:1603.07285).
    """
    kind = "conv_transpose2d"
    made_by = partial(conv_transpose2d, in_channels, out_channels, kernel_size, stride=stride, padding=padding,
                      dilation=dilation, w_init=w_init, b_init=b_init, name=name)
    window = Window(pair(kind, "kernel_size", kernel_size), pair(kind, "stride", stride),
                    pair(kind, "dilation", dilation))
    borders = borders_of(kind, padding)
    check_widths(kind, in_channels=in_channels, out_channels=out_channels)

    def forward(params: DenseParams, x: Array, key: Key | None) -> Array:
        return transposed(x, params["w"], params["b"], window, borders)

    w_shape = (*window.size, in_channels, out_channels)
    return _layer(made_by, w_shape, w_init, b_init, forward, misfit=partial(_nothing_left, window, borders))


def _layer(made_by: partial[Any], w_shape: Shape, w_init: Any, b_init: Any, forward: Any, misfit: Any,
           ) -> Layer[Any, Any, DenseParams]:
    """What all of them have in common."""
    kind, (in_channels, out_channels) = made_by.func.__name__, made_by.args[:2]
    shapes: dict[str, Shape] = {"w": w_shape, "b": (out_channels,)}
    init = initializers.together(
        kind, shapes, w=initializers.lecun_normal() if w_init is None else w_init, b=b_init)
    return Layer(kind, init, forward, in_channels, out_channels, axes=len(w_shape), shapes=MappingProxyType(shapes),
                 name=made_by.keywords["name"], made_by=made_by, misfit=misfit)


# ---------------------------------------------------------------------------------------------- checks


def _check_channels(kind: str, in_channels: int, out_channels: int, groups: int) -> int:
    """The number of groups, which divides the channels."""
    check_widths(kind, in_channels=in_channels, out_channels=out_channels)
    groups = whole_number(kind, "groups", groups, least=1)
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % groups:
            raise ValueError(f"{kind}: {name} must be a multiple of groups, got {channels} and {groups}")
    return groups


def _nothing_left(window: Window, borders: Borders, shape: Shape) -> str:
    """What is wrong with images of this shape, to be spread out: nothing, or a text."""
    if 0 in shape[1:3]:
        return f"the images are empty, their shape is {shape}"
    sizes = _canvas(shape, window, borders)
    cut = tuple(map(sum, NONE if borders == "SAME" else borders))
    if all(n > c for n, c in zip(sizes, cut, strict=True)):
        return ""
    return f"of images {shape[1:3]} it makes {sizes}, of which padding cuts off {cut}: nothing is left"
