"""Which functions let the entries along an axis bend each other? `softmax`, `log_softmax`, `logsumexp`."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn._arrays import namespace
from funcnn.activations.curves import signed
from funcnn.activations.gates import check_operators
from funcnn.autodiff import custom_vjp
from funcnn.typing import Array, Axis

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _top(x: Array, axis: Axis) -> Any:
    """The maximum along an axis that stays; of no entries -inf, which NumPy wants to be told."""
    of_none: dict[str, Any] = {} if np.size(x) else {"initial": -np.inf}
    return np.max(x, axis=axis, keepdims=True, **of_none)


@custom_vjp
def softmax(x: Array, axis: int = -1) -> Array:
    """Positive numbers that sum to 1 along `axis`: `exp(x_i) / sum_j exp(x_j)`.

    The maximum is subtracted first, so large logits do not overflow; adding a constant to `x` changes nothing. An
    entry of -inf gets 0; where all are -inf, or one is inf, the result is NaN, with NumPy's warning. Along an axis of
    length 0 there is nothing to sum, and the result is as empty as x. The pullback is `y (g - sum_j g_j y_j)`.

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])

    As `jax.nn.softmax`, without its `where`.
    """
    check_operators("softmax", x)
    x = signed(x)
    powers = np.exp(x - _top(x, axis))
    result: Array = powers / np.sum(powers, axis=axis, keepdims=True)
    return result


softmax.defvjps(lambda g, y, _x, axis: y * (g - np.sum(g * y, axis=axis, keepdims=True)),
                formula=("y = exp(x) / sum(exp(x))", "dx = y * (g - sum(g * y))"))


@custom_vjp
def log_softmax(x: Array, axis: int = -1) -> Array:
    """The logarithm of `softmax` along `axis`, `x_i - log sum_j exp(x_j)`, without its underflow.

    Entries of `x` of -inf stay -inf; NaN and axes of length 0 as in `softmax`. The pullback is
    `g - softmax(x) sum_j g_j`.

    >>> log_softmax(np.array([1000.0, 0.0]))
    array([    0., -1000.])

    As `jax.nn.log_softmax`, without its `where`.
    """
    check_operators("log_softmax", x)
    x = signed(x)
    shifted: Array = x - _top(x, axis)
    if not np.size(x):
        return shifted  # of a sum of none there is no logarithm
    result: Array = shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    return result


log_softmax.defvjps(lambda g, y, _x, axis: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True),
                    formula=("y = x - log(sum(exp(x)))", "dx = g - exp(y) * sum(g)"))


def logsumexp(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The logarithm of the sum of exponentials, `log sum_j exp(x_j)`, without overflow.

    The sum goes over `axis`, one or several, or all of `x` with None; with `keepdims` they stay, of length 1. It is
    -inf, with derivative 0, where all entries are -inf, or there are none; where one is inf its derivative is NaN, with
    NumPy's warning. The pullback is `g softmax(x)`.

    >>> logsumexp(np.array([[0.0, 0.0], [-np.inf, 1000.0]]), axis=1)
    array([6.93147181e-01, 1.00000000e+03])

    As `jax.nn.logsumexp`, without its `b`, `return_sign` and `where`, for which entries may be -inf:
    `np.where(mask, x, -np.inf)`.
    """
    kept = _logsumexp(x, axis)
    result: Array = kept if keepdims else namespace(kept).squeeze(kept, axis)
    return result


@custom_vjp
def _logsumexp(x: Array, axis: Axis) -> Array:
    check_operators("logsumexp", x)
    x = signed(x)
    top = _top(x, axis)
    top = np.where(np.isinf(top), 0, top)
    with np.errstate(divide="ignore", over="ignore"):  # the logarithm of 0, the exponential of inf
        result: Array = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return result


_logsumexp.defvjps(lambda g, y, x, axis: g * np.exp(x - np.where(y == -np.inf, 0, y)),
                   formula=("y = log(sum(exp(x)))", "dx = g * exp(x - y)"))
_logsumexp.name = "logsumexp"
