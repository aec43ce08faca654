"""Which activations bend smoothly? `elu`, `sigmoid`, `softplus` by exponentials, `soft_sign`, `squareplus` without."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn._arrays import namespace
from funcnn.autodiff import custom_vjp
from funcnn.rules.table import as_array, unbroadcast
from funcnn.typing import Array

__all__ = ["celu", "elu", "log_sigmoid", "selu", "sigmoid", "signed", "soft_sign", "softplus", "squareplus", "tanh"]


def signed(x: Any) -> Any:
    """An x that may be negated: what is unsigned, or true and false, as the floats that NumPy's functions make of it.

    >>> signed(np.array([3], np.uint8)), signed(np.array([-3]))
    (array([3.], dtype=float16), array([-3]))
    """
    return x + np.float16(0) if getattr(getattr(x, "dtype", None), "kind", "") in ("u", "b") else x


# -------------------------------------------------------------------------------------------- exponentials


@custom_vjp
def elu(x: Array, alpha: float = 1.0) -> Array:
    """The exponential linear unit: `x` where it is above 0, `alpha (exp(x) - 1)` elsewhere.

    It ends at `-alpha` far below 0; its derivative at 0 is alpha.

    >>> elu(np.array([-1000.0, 0.0, 2.0]))
    array([-1.,  0.,  2.])

    As `jax.nn.elu`; Clevert et al. 2016 (arXiv:1511.07289).
    """
    result: Array = np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))
    return result


elu.defvjps(
    lambda g, _y, x, alpha: np.where(x > 0, g, g * (alpha * np.exp(_at_most_zero(x)))),
    lambda g, _y, x, _alpha: unbroadcast(g * np.expm1(np.minimum(x, 0)), _alpha),
    formula=("y = where(x > 0, x, alpha * (exp(x) - 1))", "dx = g * where(x > 0, 1, alpha * exp(x))",
             "dalpha = sum(g * (exp(minimum(x, 0)) - 1))"))


def _at_most_zero(x: Any) -> Any:
    """Minimum(x, 0), whose derivative at 0 is 1: the exponential is what stands at 0, not the line."""
    return np.where(x > 0, 0, x)


@custom_vjp
def celu(x: Array, alpha: float = 1.0) -> Array:
    """An `elu` with derivative 1 at 0 for every alpha: `x` where it is above 0, `alpha (exp(x / alpha) - 1)` elsewhere.

    `alpha`, which may not be 0, is how far below 0 it ends.

    >>> celu(np.array([-1000.0, 0.0, 2.0]), 0.5)
    array([-0.5,  0. ,  2. ])

    As `jax.nn.celu`; Barron 2017 (arXiv:1704.07483).
    """
    result: Array = np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha)
    return result


celu.defvjps(
    lambda g, _y, x, alpha: np.where(x > 0, g, g * np.exp(_at_most_zero(x) / alpha)),
    lambda g, _y, x, alpha: unbroadcast(g * _slope_by_alpha(np.minimum(x, 0) / alpha), alpha),
    formula=("y = where(x > 0, x, alpha * (exp(x / alpha) - 1))", "dx = g * where(x > 0, 1, exp(x / alpha))",
             "dalpha = sum(g * (exp(u) * (1 - u) - 1)), u = minimum(x, 0) / alpha"))


def _slope_by_alpha(u: Any) -> Any:
    """exp(u) (1 - u) - 1 for u <= 0, without the product of 0 and inf."""
    return np.expm1(u) - np.maximum(u, -1e3) * np.exp(u)


def selu(x: Array) -> Array:
    """The `elu` that keeps mean 0 and variance 1 through layers of `lecun_normal` weights: `scale elu(x, alpha)`.

    `alpha = 1.673...` and `scale = 1.050...` are the solution of that condition; the derivative at 0 is their product.

    >>> selu(np.array([-1000.0, 0.0, 1.0]))
    array([-1.75809934,  0.        ,  1.05070099])

    As `jax.nn.selu`; Klambauer et al. 2017 (arXiv:1706.02515).
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


@custom_vjp
def sigmoid(x: Array) -> Array:
    """The logistic function, `1 / (1 + exp(-x))`, from 0 to 1, without overflow for any x.

    Its derivative is `y (1 - y)`, computed as `sigmoid(x) sigmoid(-x)`, which is right to the last digits also where y
    has rounded to 1.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])

    As `jax.nn.sigmoid`.
    """
    with np.errstate(over="ignore"):  # exp(-x) may be inf; then 1 / inf is right
        result: Array = 1 / (1 + np.exp(np.negative(signed(x))))
    return result


sigmoid.defvjps(lambda g, y, x: g * y * sigmoid(-x), formula=("y = 1 / (1 + exp(-x))", "dx = g * y * (1 - y)"))


@custom_vjp
def softplus(x: Array) -> Array:
    """A smooth relu, `log(1 + exp(x))`, without overflow; its derivative is `sigmoid`.

    >>> softplus(np.array([-1000.0, 0.0, 1000.0]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])

    As `jax.nn.softplus`.
    """
    x = signed(x)
    result: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # np.logaddexp is ten times as slow
    return result


softplus.defvjps(lambda g, _y, x: g * sigmoid(x), formula=("y = log(1 + exp(x))", "dx = g / (1 + exp(-x))"))


def log_sigmoid(x: Array) -> Array:
    """The logarithm of `sigmoid`, `-log(1 + exp(-x))`, without its underflow; its derivative is `sigmoid(-x)`.

    >>> log_sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.00000000e+03, -6.93147181e-01, -0.00000000e+00])

    As `jax.nn.log_sigmoid`.
    """
    return -softplus(-signed(as_array(x)))


def tanh(x: Array) -> Array:
    """The hyperbolic tangent, `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`, from -1 to 1.

    Its derivative is `1 - y^2`, computed as `1 / cosh(x)^2`.

    >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])

    As `jax.nn.tanh`.
    """
    result: Array = namespace(x).tanh(x)
    return result


# ------------------------------------------------------------------------------------------ powers and roots


@custom_vjp
def soft_sign(x: Array) -> Array:
    """A sign that takes its time: `x / (1 + abs(x))`, from -1 to 1; its derivative is `1 / (1 + abs(x))^2`.

    >>> soft_sign(np.array([-np.inf, 0.0, 1.0]))
    array([-1. ,  0. ,  0.5])

    As `jax.nn.soft_sign`, which is NaN at infinity.
    """
    with np.errstate(invalid="ignore"):  # inf / inf
        y = x / (1 + np.abs(x))
    result: Array = np.where(np.isinf(x), np.sign(x), y)
    return result


def _over_square(g: Any, x: Any) -> Any:
    """g / (1 + |x|)^2, as a product, whose derivative at infinity is 0."""
    r = 1 / (1 + abs(x))
    return g * r * r


soft_sign.defvjps(lambda g, _y, x: _over_square(g, x),
                  formula=("y = x / (1 + abs(x))", "dx = g / (1 + abs(x))**2"))


@custom_vjp
def squareplus(x: Array, b: float = 4) -> Array:
    """A relu whose corner is a hyperbola, `(x + sqrt(x^2 + b)) / 2`; `b`, above 0, says how wide the bend is.

    Its derivative is `y / sqrt(x^2 + b)`, that by b is `1 / (4 sqrt(x^2 + b))`; at 0 it is half the root of b.

    >>> squareplus(np.array([-1e6, 0.0, 1.5]))
    array([1.e-06, 1.e+00, 2.e+00])

    As `jax.nn.squareplus`, whose sum cancels where x is far below 0; Barron 2021 (arXiv:2112.11687).
    """
    larger = (np.abs(x) + np.hypot(x, b**0.5)) / 2
    smaller = b / (4 * larger)  # the two roots of y^2 - x y - b / 4, whose product it is
    result: Array = np.where(np.greater(x, 0), larger, smaller)
    return result


@custom_vjp
def _steepness(x: Any, b: Any) -> Any:
    """y / s with s = sqrt(x^2 + b): what is left of 1 at the far end, or above 0."""
    s = np.hypot(x, b**0.5)
    left = b / (2 * (abs(x) + s)) / s
    return np.where(x > 0, 1 - left, left)


def _cube_of_reciprocal(x: Any, b: Any) -> Any:
    r = 1 / np.hypot(x, b**0.5)
    return r * r * r


_steepness.defvjps(lambda g, _y, x, b: g * (b / 2) * _cube_of_reciprocal(x, b),
                   lambda g, _y, x, b: unbroadcast(-g * x * _cube_of_reciprocal(x, b) / 4, b),
                   formula=("y = (1 + x / s) / 2, s = sqrt(x**2 + b)", "dx = g * b / (2 * s**3)",
                            "db = -sum(g * x / (4 * s**3))"))
_steepness.name = "squareplus'"


squareplus.defvjps(
    lambda g, _y, x, b: g * _steepness(x, b),
    lambda g, _y, x, b: unbroadcast(g / (4 * np.hypot(x, b**0.5)), b),
    formula=("y = (x + sqrt(x**2 + b)) / 2", "dx = g * y / sqrt(x**2 + b)", "db = sum(g / (4 * sqrt(x**2 + b)))"))
