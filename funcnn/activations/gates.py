"""Which activations are a number times how far it is let through? `silu`, `gelu`, `mish`: x gate(x); `glu`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn._arguments import plain_array
from funcnn._arrays import namespace
from funcnn.activations.curves import sigmoid
from funcnn.activations.lines import hard_sigmoid
from funcnn.autodiff import custom_vjp
from funcnn.rules.special import erfc
from funcnn.rules.table import as_array, masked
from funcnn.typing import Array

__all__ = ["check_operators", "gelu", "glu", "hard_silu", "hard_swish", "mish", "silu", "swish"]


def check_operators(owner: str, x: Any) -> None:
    """Refuse the arrays that multiply in another way, such as `np.matrix`."""
    if isinstance(x, np.ndarray):
        plain_array(owner, "x", x)


_FAR = 1e3
"""From here on, on either side, the gates below are 0 or 1 to the last bit."""

Gate = Callable[[Any], tuple[Any, Callable[[], Any]]]
"""x -> gate(x), and a function that works out gate'(x) from what is known then."""


def _gated(owner: str, gate: Gate) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The forward and the backward function of x gate(x), whose derivative is gate(x) + x gate'(x).

    Outside of ±_FAR x counts as that bound, except in the result on the right, so that no 0 * inf arises.
    """
    def fwd(x: Any) -> tuple[Any, Any]:
        check_operators(owner, x)
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
    """The sigmoid-weighted linear unit, `x sigmoid(x)`, also known as swish.

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


swish = silu
"""Its other name, as in `jax.nn`."""


@custom_vjp
def hard_silu(x: Array) -> Array:
    """A silu of straight lines and a parabola: `x hard_sigmoid(x)`, also known as hard_swish.

    Its derivative is 0 below -3, `(2 x + 3) / 6` between -3 and 3, 1 above, and at -3 and 3 that outside.

    >>> hard_silu(np.array([-3.0, 1.5, 9.0]))
    array([-0.   ,  1.125,  9.   ])

    As `jax.nn.hard_silu`; Howard et al. 2019 (arXiv:1905.02244).
    """
    result: Array = _hard_fwd(x)[0]
    return result


def _hard_gate(x: Any) -> tuple[Any, Callable[[], Any]]:
    return hard_sigmoid(x), lambda: (abs(x) < 3) / x.dtype.type(6)


_hard_fwd, _open_back = _gated("hard_silu", _hard_gate)


def _hard_back(saved: tuple[Any, Any, Any], g: Any) -> tuple[Any]:
    """That of a gate; where it is closed, nothing of g comes through, whatever g is."""
    (dx,) = _open_back(saved, masked(g, ~(saved[0] <= -3)))
    return (dx,)


hard_silu.defvjp(_hard_fwd, _hard_back, formula=(
    "y = x * clip(x + 3, 0, 6) / 6", "dx = g * (clip(x + 3, 0, 6) + x * (abs(x) < 3)) / 6"))
hard_swish = hard_silu
"""Its other name, as in `jax.nn`."""


@custom_vjp
def mish(x: Array) -> Array:
    """A gate that is smooth, and not monotonic below 0: `x tanh(softplus(x))`.

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
        x erfc(-x / sqrt(2)) / 2                              exact, with approximate=False

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


def glu(x: Array, axis: int = -1) -> Array:
    """The gated linear unit: the first half of `x` along `axis` times `sigmoid` of the second half.

    The axis has an even length, of which half is left; an odd one is a ValueError.

    >>> glu(np.array([[2.0, 3.0, 0.0, 1000.0]]))
    array([[1., 3.]])

    As `jax.nn.glu`; Dauphin et al. 2017 (arXiv:1612.08083).
    """
    x = as_array(x)
    check_operators("glu", x)
    if x.ndim == 0 or x.shape[axis] % 2:
        raise ValueError(f"glu: x of shape {x.shape} must have an even length along axis {axis}, to be cut into halves")
    first, second = namespace(x).split(x, 2, axis=axis)
    result: Array = first * sigmoid(second)
    return result
