"""The fully connected layer, y = x w + b: `affine`, its formula with the derivative, and `dense`."""

from __future__ import annotations

import math
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from funcnn import initializers
from funcnn._arrays import column_sums
from funcnn.autodiff.custom import custom_vjp
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.typing import Array, DenseParams, Dim, Shape

__all__ = ["affine", "dense"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)


@custom_vjp
def affine(x: Array, w: Array, b: Array) -> Array:
    """The map of a dense layer, `y = x @ w + b`, for `x` (..., in), `w` (in, out) and `b` (out,).

    With the cotangent g of y: `dx = g @ w.T`, `dw = x.T @ g` and db is the sum of g over the batch.

    >>> import numpy as np
    >>> affine(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([5.0]))
    array([[16.]])
    """
    y = x @ w
    y += b
    return y


affine.defvjps(
    lambda g, _y, _x, w, _b: g @ w.T,
    lambda g, _y, x, _w, _b: _as_rows(x).T @ _as_rows(g),
    lambda g, _y, _x, _w, _b: column_sums(g),
    formula=("y = x @ w + b", "dx = g @ w.T", "dw = x.T @ g", "db = sum of the rows of g"),
)


def _as_rows(x: Array) -> Array:
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def dense(in_features: I, out_features: O, *, w_init: initializers.Initializer | None = None,
          b_init: initializers.Initializer = initializers.zeros, name: str | None = None) -> Layer[I, O, DenseParams]:
    """A fully connected layer, `y = x @ w + b`.

    - `in_features`, `out_features`: the length of the last axis of x and of y, from 0; x is (batch, in_features), more
      axes may stand between.
    - `w_init`: draws `w` (in_features, out_features); `lecun_normal()` unless given, as in Haiku and Flax.
    - `b_init`: draws `b` (out_features,), which is 0 unless given.
    - `name`: its entry among the parameters of a net, instead of `dense_0`, `dense_1` and so on.

    >>> import numpy as np
    >>> from funcnn import random
    >>> layer = dense(2, 3)
    >>> params = layer.init(random.key(0))
    >>> params
    FrozenDict({'w': float32[2, 3], 'b': float32[3]})
    >>> layer.apply(params, np.ones((5, 2), np.float32)).shape
    (5, 3)
    """
    check_widths("dense", in_features=in_features, out_features=out_features)
    shapes: dict[str, Shape] = {"w": (in_features, out_features), "b": (out_features,)}
    init = initializers.together(
        "dense", shapes, w=initializers.lecun_normal() if w_init is None else w_init, b=b_init)
    return Layer("dense", init, lambda params, x, key: affine(x, params["w"], params["b"]), in_features, out_features,
                 shapes=MappingProxyType(shapes), name=name,
                 made_by=partial(dense, in_features, out_features, w_init=w_init, b_init=b_init, name=name))
