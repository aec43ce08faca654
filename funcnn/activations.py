"""The functions that bend: `relu`, `gelu`, `sigmoid`, `softmax`, plain functions from Array to Array.

Each is a stage of a network (`dense(2, 64) >> relu`), works entry by entry unless an axis is named, and keeps the
dtype. One with a setting becomes a stage by `functools.partial(leaky_relu, negative_slope=0.2)`. Names, defaults and
values are those of `jax.nn`, also the derivatives where a graph has a corner. They are stable for numbers of any size,
-inf and inf included, where the limit exists; on arrays of JAX too, where the same formulas run (`funcnn.jax`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn._arguments import plain_array
from funcnn._arrays import namespace
from funcnn.autodiff import custom_vjp
from funcnn.rules.special import erfc
from funcnn.rules.table import masked, unbroadcast
from funcnn.typing import Array

__all__ = ["elu", "gelu", "hard_sigmoid", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "mish", "relu",
           "selu", "sigmoid", "silu", "softmax", "softplus", "tanh"]


def _check_operators(owner: str, x: Any) -> None:
    """Refuse the arrays that multiply in another way, such as `np.matrix`."""
    if isinstance(x, np.ndarray):
        plain_array(owner, "x", x)


# ------------------------------------------------------------------------------------------ straight lines


@custom_vjp
def relu(x: Array) -> Array:
    """The rectified linear unit: max(x, 0), with derivative 1 where x > 0 and 0 elsewhere, also at x = 0.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])

    As `jax.nn.relu`; Nair & Hinton 2010.
    """
    result: Array = np.maximum(x, np.zeros_like(x))  # twice as fast as np.maximum(x, 0)
    return result


relu.defvjps(lambda g, _y, x: masked(g, x > 0), formula=("y = maximum(x, 0)", "dx = g * (x > 0)"))


@custom_vjp
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """A relu that lets a little through: x where x >= 0, negative_slope x elsewhere; the derivative at 0 is 1.

    >>> leaky_relu(np.array([-1.0, 0.0, 2.0]))
    array([-0.01,  0.  ,  2.  ])

    As `jax.nn.leaky_relu`; Maas et al. 2013.
    """
    result: Array = np.maximum(x, 0) + negative_slope * np.minimum(x, 0)
    return result


leaky_relu.defvjps(
    lambda g, _y, x, negative_slope: np.where(x >= 0, g, g * negative_slope),
    lambda g, _y, x, _negative_slope: unbroadcast(g * np.minimum(x, 0), _negative_slope),
    formula=("y = where(x >= 0, x, slope * x)", "dx = g * where(x >= 0, 1, slope)", "dslope = sum(g * minimum(x, 0))"))


@custom_vjp
def hard_tanh(x: Array) -> Array:
    """Cut off at -1 and 1, with derivative 1 between them, at them too, and 0 beyond.

    >>> hard_tanh(np.array([-3.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])

    As `jax.nn.hard_tanh`; Collobert 2004.
    """
    result: Array = np.minimum(np.maximum(x, -1), 1)
    return result


hard_tanh.defvjps(lambda g, _y, x: masked(g, ~(abs(x) > 1)),
                  formula=("y = clip(x, -1, 1)", "dx = g * (abs(x) <= 1)"))


@custom_vjp
def hard_sigmoid(x: Array) -> Array:
    """A sigmoid of straight lines, min(max(x + 3, 0), 6) / 6: derivative 1/6 where -3 < x < 3 and 0 elsewhere.

    >>> hard_sigmoid(np.array([-3.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])

    As `jax.nn.hard_sigmoid`; Howard et al. 2019 (arXiv:1905.02244). Keras 2 and Theano had 0.2 x + 0.5.
    """
    result: Array = np.minimum(np.maximum(x + 3, 0), 6) / 6
    return result


hard_sigmoid.defvjps(lambda g, _y, x: masked(g / 6, abs(x) < 3),
                     formula=("y = clip(x + 3, 0, 6) / 6", "dx = g * (abs(x) < 3) / 6"))


# -------------------------------------------------------------------------------------------- exponentials


@custom_vjp
def elu(x: Array, alpha: float = 1.0) -> Array:
    """The exponential linear unit: x where x > 0, alpha (exp(x) - 1) elsewhere; the derivatives at 0 are alpha.

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


def selu(x: Array) -> Array:
    """The `elu` that keeps mean 0 and variance 1 through layers of `lecun_normal` weights: scale elu(x, alpha).

    alpha = 1.673... and scale = 1.050... are the solution of that condition; the derivative at 0 is scale alpha.

    >>> selu(np.array([-1000.0, 0.0, 1.0]))
    array([-1.75809934,  0.        ,  1.05070099])

    As `jax.nn.selu`; Klambauer et al. 2017 (arXiv:1706.02515).
    """
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


@custom_vjp
def sigmoid(x: Array) -> Array:
    """The logistic function, 1 / (1 + exp(-x)), without overflow for any x.

    Its derivative is y (1 - y), computed as sigmoid(x) sigmoid(-x), which is right to the last digits also where y has
    rounded to 1.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])

    As `jax.nn.sigmoid`.
    """
    with np.errstate(over="ignore"):  # exp(-x) may be inf; then 1 / inf is right
        result: Array = 1 / (1 + np.exp(-x))
    return result


sigmoid.defvjps(lambda g, y, x: g * y * sigmoid(-x), formula=("y = 1 / (1 + exp(-x))", "dx = g * y * (1 - y)"))


@custom_vjp
def softplus(x: Array) -> Array:
    """A smooth relu, log(1 + exp(x)), without overflow; its derivative is `sigmoid`.

    >>> softplus(np.array([-1000.0, 0.0, 1000.0]))
    array([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])

    As `jax.nn.softplus`.
    """
    result: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))  # np.logaddexp is ten times as slow
    return result


softplus.defvjps(lambda g, _y, x: g * sigmoid(x), formula=("y = log(1 + exp(x))", "dx = g / (1 + exp(-x))"))


def log_sigmoid(x: Array) -> Array:
    """The logarithm of `sigmoid`, -log(1 + exp(-x)), without its underflow; its derivative is sigmoid(-x).

    >>> log_sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.00000000e+03, -6.93147181e-01, -0.00000000e+00])

    As `jax.nn.log_sigmoid`.
    """
    return -softplus(-x)


def tanh(x: Array) -> Array:
    """The hyperbolic tangent, (exp(x) - exp(-x)) / (exp(x) + exp(-x)); its derivative is 1 - y^2,
    computed as 1 / cosh(x)^2.

    >>> tanh(np.array([-1000.0, 0.0, 1000.0]))
    array([-1.,  0.,  1.])

    As `jax.nn.tanh`.
    """
    result: Array = namespace(x).tanh(x)
    return result


# ------------------------------------------------------------------------------------------- gates: x gate(x)

_FAR = 1e3
"""From here on, on either side, the gates below are 0 or 1 to the last bit."""

Gate = Callable[[Any], tuple[Any, Callable[[], Any]]]
"""x -> gate(x), and a function that works out gate'(x) from what is known then."""


def _gated(owner: str, gate: Gate) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The forward and the backward function of x gate(x), whose derivative is gate(x) + x gate'(x).

    Outside of ±_FAR x counts as that bound, except in the result on the right, so that no 0 * inf arises.
    """
    def fwd(x: Any) -> tuple[Any, Any]:
        _check_operators(owner, x)
        factor = np.maximum(x, -_FAR)
        x = np.minimum(factor, _FAR)
        value, slope = gate(x)
        return factor * value, (x, value, slope)

    def bwd(saved: tuple[Any, Any, Any], g: Any) -> tuple[Any]:
        x, value, slope = saved
        return (g * (value + x * slope()),)

    return fwd, bwd


@custom_vjp
def silu(x: Array) -> Array:
    """The sigmoid-weighted linear unit, x sigmoid(x), also known as swish.

    >>> silu(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])

    As `jax.nn.silu`; Elfwing et al. 2018 (arXiv:1702.03118).
    """
    result: Array = _silu[0](x)[0]
    return result


def _sigmoid_gate(x: Any) -> tuple[Any, Callable[[], Any]]:
    s = sigmoid(x)
    return s, lambda: s * sigmoid(-x)


_silu = _gated("silu", _sigmoid_gate)
silu.defvjp(*_silu, formula=("y = x * s, s = 1 / (1 + exp(-x))", "dx = g * (s + x * s * (1 - s))"))


@custom_vjp
def mish(x: Array) -> Array:
    """x tanh(softplus(x)): smooth, and not monotonic below 0.

    >>> mish(np.array([-1000.0, 0.0, 1000.0]))
    array([  -0.,    0., 1000.])

    As `jax.nn.mish`; Misra 2020 (arXiv:1908.08681).
    """
    result: Array = _mish[0](x)[0]
    return result


def _mish_gate(x: Any) -> tuple[Any, Callable[[], Any]]:
    """tanh(log(1 + e)) with e = exp(x) is n / (n + 2) for n = e (e + 2)."""
    e = np.exp(np.minimum(x, 40))  # where the gate is 1
    n = e * (e + 2)
    return n / (n + 2), lambda: 4 * (e / (n + 2)) * ((e + 1) / (n + 2))


_mish = _gated("mish", _mish_gate)
mish.defvjp(*_mish, formula=("y = x * t, t = tanh(log(1 + exp(x)))", "dx = g * (t + x * (1 - t**2) / (1 + exp(-x)))"))


def gelu(x: Array, approximate: bool = True) -> Array:
    """The Gaussian error linear unit: x times the probability that a standard normal number is below x.

        x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2       the approximation, within 0.0005
        x erfc(-x / sqrt(2)) / 2                              exact, with `approximate=False`

    >>> gelu(np.array([-1.0, 0.0, 1.0])), gelu(np.array([-1.0, 0.0, 1.0]), approximate=False)
    (array([-0.15880801,  0.        ,  0.84119199]), array([-0.15865525,  0.        ,  0.84134475]))

    As `jax.nn.gelu`; Hendrycks & Gimpel 2016 (arXiv:1606.08415). PyTorch's default is the exact form.
    """
    return _gelu_tanh(x) if approximate else _gelu_exact(x)


def _tanh_gate(x: Any) -> tuple[Any, Callable[[], Any]]:
    c = math.sqrt(2 / math.pi)
    square = x * x
    t = np.tanh(c * x * (1 + 0.044715 * square))
    return 0.5 + 0.5 * t, lambda: (0.5 * c) * (1 - t * t) * (1 + 3 * 0.044715 * square)


def _normal_gate(x: Any) -> tuple[Any, Callable[[], Any]]:
    """The distribution of the standard normal and its density."""
    return 0.5 * erfc(-math.sqrt(0.5) * x), lambda: np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


_tanh_gated, _normal_gated = _gated("gelu", _tanh_gate), _gated("gelu", _normal_gate)


@custom_vjp
def _gelu_tanh(x: Array) -> Array:
    result: Array = _tanh_gated[0](x)[0]
    return result


@custom_vjp
def _gelu_exact(x: Array) -> Array:
    result: Array = _normal_gated[0](x)[0]
    return result


_gelu_tanh.defvjp(*_tanh_gated, formula=(
    "y = x * (1 + t) / 2, t = tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))",
    "dx = g * ((1 + t) / 2 + x * (1 - t**2) / 2 * sqrt(2 / pi) * (1 + 0.134145 * x**2))"))
_gelu_exact.defvjp(*_normal_gated, formula=(
    "y = x * F, F = the normal distribution at x", "dx = g * (F + x * exp(-x**2 / 2) / sqrt(2 * pi))"))
_gelu_tanh.name = _gelu_exact.name = "gelu"


# ------------------------------------------------------------------------------------------ along an axis


@custom_vjp
def softmax(x: Array, axis: int = -1) -> Array:
    """Positive numbers that sum to 1 along an axis: exp(x_i) / sum_j exp(x_j).

    The maximum is subtracted first, so large logits do not overflow; adding a constant to x changes nothing. An
    entry of -inf gets 0; where all are -inf, or one is inf, the result is NaN, with NumPy's warning. The pullback is
    y (g - sum_j g_j y_j).

    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])

    As `jax.nn.softmax`, without its `where`.
    """
    _check_operators("softmax", x)
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    result: Array = powers / np.sum(powers, axis=axis, keepdims=True)
    return result


softmax.defvjps(lambda g, y, _x, axis: y * (g - np.sum(g * y, axis=axis, keepdims=True)),
                formula=("y = exp(x) / sum(exp(x))", "dx = y * (g - sum(g * y))"))


@custom_vjp
def log_softmax(x: Array, axis: int = -1) -> Array:
    """The logarithm of `softmax`, x_i - log sum_j exp(x_j), without its underflow.

    Entries of -inf stay -inf; NaN as in `softmax`. The pullback is g - softmax(x) sum_j g_j.

    >>> log_softmax(np.array([1000.0, 0.0]))
    array([    0., -1000.])

    As `jax.nn.log_softmax`, without its `where`.
    """
    _check_operators("log_softmax", x)
    shifted = x - np.max(x, axis=axis, keepdims=True)
    result: Array = shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))
    return result


log_softmax.defvjps(lambda g, y, _x, axis: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True),
                    formula=("y = x - log(sum(exp(x)))", "dx = g - exp(y) * sum(g)"))
