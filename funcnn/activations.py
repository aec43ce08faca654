"""With this module you can bend: `relu`, `sigmoid`, `tanh`, `softmax`, plain functions from Array to Array.

Each is a stage of a network (`dense(2, 64) >> relu`), works entry by entry unless an axis is named, keeps the
dtype, and runs on NumPy and JAX arrays alike. Names and values are those of `jax.nn`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn.arrays import is_concrete, namespace
from funcnn.autodiff import custom_vjp
from funcnn.typing import Array

__all__ = ["log_softmax", "relu", "sigmoid", "softmax", "tanh"]


@custom_vjp
def relu(x: Array) -> Array:
    """The rectified linear unit: max(x, 0), with derivative 1 where x > 0 and 0 elsewhere, also at x = 0.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])

    As `jax.nn.relu`.
    """
    if is_concrete(x):
        return np.maximum(x, np.zeros(x.shape, x.dtype))  # three times as fast as np.maximum(x, 0)
    result: Array = namespace(x).where(x <= 0, 0, x)  # not maximum: JAX halves the derivative of that at 0
    return result


relu.defvjps(lambda g, y, x: g * (x > 0).astype(g.dtype))


@custom_vjp
def sigmoid(x: Array) -> Array:
    """The logistic function, 1 / (1 + exp(-x)), without overflow for any x; its derivative is y (1 - y).

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])

    As `jax.nn.sigmoid`.
    """
    xp = namespace(x)
    small = xp.exp(-xp.abs(x))
    result: Array = xp.where(x >= 0, 1, small) / (1 + small)
    return result


sigmoid.defvjps(lambda g, y, x: g * y * (1 - y))


def tanh(x: Array) -> Array:
    """The hyperbolic tangent, (exp(x) - exp(-x)) / (exp(x) + exp(-x)); its derivative is 1 - y^2.

    >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])

    As `jax.nn.tanh`.
    """
    result: Array = namespace(x).tanh(x)
    return result


@custom_vjp
def softmax(x: Array, axis: int = -1) -> Array:
    """Positive numbers that sum to 1 along an axis: exp(x_i) / sum_j exp(x_j).

    The maximum is subtracted first, so large logits do not overflow; adding a constant to x changes nothing.
    The pullback is y (g - sum_j g_j y_j).

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])

    As `jax.nn.softmax`.
    """
    xp = namespace(x)
    powers = xp.exp(x - xp.max(x, axis=axis, keepdims=True))
    result: Array = powers / xp.sum(powers, axis=axis, keepdims=True)
    return result


softmax.defvjps(lambda g, y, x, axis=-1: y * (g - np.sum(g * y, axis=axis, keepdims=True)))


@custom_vjp
def log_softmax(x: Array, axis: int = -1) -> Array:
    """The logarithm of `softmax`, x_i - log sum_j exp(x_j), without its underflow.

    The pullback is g - softmax(x) sum_j g_j.

    >>> log_softmax(np.array([1000.0, 0.0]))
    array([    0., -1000.])

    As `jax.nn.log_softmax`.
    """
    xp = namespace(x)
    shifted = x - xp.max(x, axis=axis, keepdims=True)
    result: Array = shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))
    return result


def _log_softmax_vjp(g: Any, y: Any, x: Any, axis: int = -1) -> Any:
    return g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)


log_softmax.defvjps(_log_softmax_vjp)
