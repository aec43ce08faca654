"""With this module you can see the map that dense and convolutional layers share: `affine`, y = x w + b."""

from __future__ import annotations

import math

from funcnn._arrays import column_sums
from funcnn.autodiff.custom import custom_vjp
from funcnn.typing import Array

__all__ = ["affine"]


@custom_vjp
def affine(x: Array, w: Array, b: Array) -> Array:
    """The map of a dense layer, y = x w + b, for x (..., in), w (in, out), b (out,).

    With the cotangent g of y: dx = g wᵀ, dw = xᵀ g and db = the sum of g over the batch.

    >>> import numpy as np
    >>> affine(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([5.0]))
    array([[16.]])
    """
    y = x @ w
    y += b
    return y


affine.defvjps(
    lambda g, y, x, w, b: g @ w.T,
    lambda g, y, x, w, b: _as_rows(x).T @ _as_rows(g),
    lambda g, y, x, w, b: column_sums(g),
)


def _as_rows(x: Array) -> Array:
    return x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
