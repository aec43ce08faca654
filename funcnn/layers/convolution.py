"""Convolution of images: `correlate`, the formula with its derivatives, and `conv2d`."""

from __future__ import annotations

import math
from functools import partial
from types import MappingProxyType
from typing import TypeVar, cast

import numpy as np

from funcnn import initializers
from funcnn._arguments import one_of
from funcnn._arrays import column_sums, namespace
from funcnn.autodiff import custom_vjp
from funcnn.batching import families
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.layers.linear import affine
from funcnn.layers.pooling import PADDINGS, Padding, Pair, check_fits, padded, pair, places, shifted, windows
from funcnn.typing import Array, DenseParams, Dim, Key, Shape

__all__ = ["conv2d", "convolve", "correlate", "rows_of", "spread_out"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)


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
    return y.reshape((x.shape[0], *places(x.shape, size, stride), w.shape[3]))


@custom_vjp
def spread_out(g: Array, w: Array, shape: tuple[int, ...], stride: Pair) -> Array:
    """The transpose of `correlate` by x: an image of this shape to which each g[p] adds w g[p] at its window.

    >>> spread_out(np.ones((1, 1, 2, 1)), np.ones((1, 2, 1, 1)), (1, 1, 3, 1), (1, 1))[0, 0, :, 0]
    array([1., 2., 1.])
    """
    batch, rows, columns, _ = g.shape
    seen_at, channels = (batch, rows, columns), w.shape[2]
    flat = g.reshape((math.prod(seen_at), g.shape[3]))
    if channels <= FEW:
        parts = (w.reshape((-1, w.shape[3])) @ flat.T).reshape((*w.shape[:3], *seen_at))
        planes = np.zeros((channels, *shape[:3]), g.dtype)
        for i, j in np.ndindex(w.shape[:2]):
            seen = shifted(planes.transpose(1, 2, 3, 0), i, j, rows, columns, stride)
            seen += parts[i, j].transpose(1, 2, 3, 0)
        return cast(Array, planes.transpose(1, 2, 3, 0))
    image = np.zeros(shape, g.dtype)
    for i, j in np.ndindex(w.shape[:2]):
        part = shifted(image, i, j, rows, columns, stride)
        part += (flat @ w[i, j].T).reshape((*seen_at, channels))
    return cast(Array, image)


def _by_kernel(g: Array, x: Array, shape: tuple[int, ...], stride: Pair) -> Array:
    """The cotangent of the kernel: for each of its pixels and channels, what x was there times g."""
    flat = g.reshape((math.prod(g.shape[:3]), g.shape[3]))
    return (rows_of(x, (shape[0], shape[1]), stride).T @ flat).reshape(shape)


correlate.defvjps(
    lambda g, _y, _x, w, _b, stride: spread_out(g, w, _x.shape, stride),
    lambda g, _y, x, _w, _b, stride: _by_kernel(g, x, _w.shape, stride),
    lambda g, _y, _x, _w, _b, stride: column_sums(g),
    formula=("y = windows(x) @ w + b", "dx = g @ w.T, added at the windows", "dw = windows(x).T @ g",
             "db = sum of the rows of g"),
)
spread_out.defvjps(
    lambda h, _y, _g, w, shape, stride: correlate(h, w, np.zeros(w.shape[3], w.dtype), stride),
    lambda h, _y, g, _w, shape, stride: _by_kernel(g, h, _w.shape, stride),
    formula=("y = x @ w.T, added at the windows", "dx = windows(g) @ w", "dw = windows(g).T @ x"),
)
correlate.batch = spread_out.batch = families.images
spread_out.is_code = False  # it writes into the image that it makes, which tracers do not do


def convolve(x: Array, w: Array, b: Array, stride: Pair, padding: Padding) -> Array:
    """The formula of `conv2d`: `correlate` with padding.

    >>> convolve(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), np.zeros(1, np.float64), (1, 1), "VALID")
    array([[[[4.]]]])
    """
    return correlate(padded(x, (w.shape[0], w.shape[1]), stride, padding), w, b, stride)


def conv2d(in_channels: I, out_channels: O, kernel_size: int | Pair, *, stride: int | Pair = 1,
           padding: Padding = "SAME", w_init: initializers.Initializer | None = None,
           b_init: initializers.Initializer = initializers.zeros, name: str | None = None) -> Layer[I, O, DenseParams]:
    """A convolution of images: each output pixel is one dense layer of the window around it.

        y[n, p, q, o] = sum_ijc x[n, s p + i, s q + j, c] w[i, j, c, o] + b[o]

    x is (batch, height, width, in_channels); the parameters are the kernel `w` (height, width, in, out) and `b` (out,).
    As everywhere in the field, the kernel is not flipped.

    >>> from funcnn import random
    >>> layer = conv2d(1, 16, 3, stride=2)
    >>> layer.apply(layer.init(random.key(0)), np.ones((5, 28, 28, 1), np.float32)).shape
    (5, 14, 14, 16)

    As Haiku's `Conv2D` and `jax.lax.conv_general_dilated` with NHWC, HWIO. LeCun et al. 1989.
    """
    size, step = pair("conv2d", "kernel_size", kernel_size), pair("conv2d", "stride", stride)
    one_of("conv2d", "padding", padding, PADDINGS)
    check_widths("conv2d", in_channels=in_channels, out_channels=out_channels)
    shapes: dict[str, Shape] = {"w": (*size, in_channels, out_channels), "b": (out_channels,)}
    init = initializers.together(
        "conv2d", shapes, w=initializers.lecun_normal() if w_init is None else w_init, b=b_init)

    def forward(params: DenseParams, x: Array, key: Key | None) -> Array:
        check_fits("conv2d", x, size, padding)
        return convolve(x, params["w"], params["b"], step, padding)

    return Layer("conv2d", init, forward, in_channels, out_channels, axes=4, shapes=MappingProxyType(shapes), name=name,
                 made_by=partial(conv2d, in_channels, out_channels, kernel_size, stride=stride, padding=padding,
                                 w_init=w_init, b_init=b_init, name=name))
