"""What of `scipy.special` is no ufunc, and can be differentiated? `logsumexp, softmax, log_softmax, polygamma`.

Each gives what SciPy's function of that name gives, to the bit. The ufuncs, and all else that SciPy has, are names of
this module too, so that it can be imported in the place of `scipy.special` and `autograd.scipy.special`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from funcnn.autodiff import stop_gradient
from funcnn.batching import families
from funcnn.core import Rule
from funcnn.rules.table import as_array, row, shape_of
from funcnn.scipy import ufuncs
from funcnn.typing import Array

__all__ = ["log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax", "zeta"]


def __getattr__(name: str) -> Any:
    """All else that SciPy has of that name; its ufuncs need nothing but their rules."""
    if name.startswith("_"):
        raise AttributeError(name)
    return getattr(special, name)


# ------------------------------------------------------------------------------------------------ entry by entry


def polygamma(n: Any, x: Any) -> Array:
    """The derivative of the digamma function `psi`, `n` times, at `x`; n is a whole number, or an array of them.

        ψ⁽ⁿ⁾(x) = dⁿ⁺¹/dxⁿ⁺¹ log Γ(x),    d/dx ψ⁽ⁿ⁾(x) = ψ⁽ⁿ⁺¹⁾(x)

    >>> polygamma(1, 1.0)                                       # π² / 6
    array(1.64493407)

    Source: `scipy.special.polygamma`.
    """
    y: Array = ufuncs.polygamma(as_array(n), as_array(x))
    return y


def zeta(x: Any, q: Any = 1.0) -> Array:
    """The zeta function of Hurwitz, of q = 1 that of Riemann.

        ζ(x, q) = Σₖ (q + k)⁻ˣ,    ∂ζ/∂q = -x ζ(x + 1, q)

    >>> float(zeta(2.0))
    1.6449340668482266

    It has no derivative with respect to x. Source: `scipy.special.zeta`.
    """
    y: Array = ufuncs.zeta(as_array(x), as_array(q))
    return y


def multigammaln(a: Any, d: int) -> Array:
    """The logarithm of the gamma function of dimension d, of which the Wishart distribution is made; a > (d - 1) / 2.

        log Γ_d(a) = d (d - 1) / 4 log π + Σᵢ log Γ(a - i / 2),    i from 0 to d - 1

    >>> float(multigammaln(2.0, 1)), round(float(multigammaln(2.0, 2)), 6)
    (0.0, 0.451583)

    Source: `scipy.special.multigammaln`.
    """
    y: Array = ufuncs.multigammaln(as_array(a), d)
    return y


# ------------------------------------------------------------------------------------------------ along axes


def _share(a: Any, b: Any, axis: Any) -> Any:
    """exp(a) / Σ b exp(a); what is infinite together has equal shares."""
    a = a if a.dtype.kind == "f" else a * 1.0
    top = np.max(stop_gradient(a), axis=axis, keepdims=True, initial=-np.inf)
    is_finite = np.isfinite(top)
    e = np.where(is_finite, np.exp(a - np.where(is_finite, top, 0)), a == top)
    return e / np.sum(b * e, axis=axis, keepdims=True)


def _log_of_sum(a: Any, axis: Any = None) -> Any:
    if not np.size(a):  # which SciPy's has errors for
        return np.full_like(np.sum(a * 1.0, axis=axis, keepdims=True), -np.inf)
    return np.asarray(special.logsumexp(a, axis, keepdims=True))


def _log_and_sign(a: Any, b: Any, axis: Any) -> tuple[Any, Any]:
    if not np.size(a):
        return _log_of_sum(a, axis), np.zeros_like(_log_of_sum(a, axis))
    y, sign = special.logsumexp(a, axis, b, keepdims=True, return_sign=True)
    return np.asarray(y), np.asarray(sign)


def _log_weighted(a: Any, b: Any, axis: Any = None) -> Any:
    return _log_and_sign(a, b, axis)[0]


def _sign(a: Any, b: Any, axis: Any = None) -> Any:
    return _log_and_sign(a, b, axis)[1]


def _of_two(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Two arrays of one shape, along the same axes of both."""
    a, b = [families.spread(x, is_mapped, n) for x, is_mapped in zip(values, mapped, strict=True)]
    return rule(a, b, axis=tuple(axis + 1 for axis in options["axis"]))


_LOG_OF_SUM = row(_log_of_sum, "y = log(sum(exp(a)))",
                  "da = g * exp(a - y)", lambda g, _y, a, axis: g * _share(a, 1.0, axis), name="logsumexp",
                  batch=families.reduction)
_SIGN = Rule(_sign, batch=_of_two)  # constant
_WEIGHTED = row(_log_weighted, "y = log|sum(b * exp(a))|",
                "da = g * b * exp(a) / sum(b * exp(a))", lambda g, _y, a, b, axis: g * b * _share(a, b, axis),
                "db = g * exp(a) / sum(b * exp(a))", lambda g, _y, a, b, axis: g * _share(a, b, axis),
                name="logsumexp", batch=_of_two)


def logsumexp(a: Any, axis: int | tuple[int, ...] | None = None, b: Any = None, keepdims: bool = False,
              return_sign: bool = False) -> Any:
    """The logarithm of a sum of exponentials, of all entries or along axes, without overflow.

        y = log Σ b exp(a),    ∂y/∂a = b exp(a - y),    ∂y/∂b = exp(a - y)

    - `a`, `b`: arrays that broadcast; b, the weights, may be negative, and is 1 by default.
    - `axis`: one, several, or None for all; with `keepdims` they stay, of length 1.
    - `return_sign`: give `(log|Σ b exp(a)|, sign)`; without, a negative sum is nan.

    Entries that are infinite together, -inf alone or several inf, have equal shares in the derivative, where others
    have nan. Of no entries at all the result is -inf.

    >>> from funcnn import grad
    >>> float(logsumexp(np.array([1000.0, 1000.0])))
    1000.6931471805599
    >>> grad(logsumexp)(np.array([1000.0, 1000.0, -np.inf]))
    array([0.5, 0.5, 0. ])

    Source: `scipy.special.logsumexp`, whose numbers it gives; as `jax.scipy.special.logsumexp`.
    """
    a, b = as_array(a), as_array(b)
    shape = np.broadcast_shapes(shape_of(a), shape_of(b))
    axes = _axes(axis, len(shape))
    if b is None and not return_sign:
        return _squeezed(_LOG_OF_SUM(a, axis=axes), axes, keepdims)
    a, b = np.broadcast_to(a, shape), np.broadcast_to(1.0 if b is None else b, shape)
    y, sign = _WEIGHTED(a, b, axis=axes), _SIGN(a, b, axis=axes)
    if return_sign:
        return _squeezed(y, axes, keepdims), _squeezed(sign, axes, keepdims)
    return _squeezed(np.where(sign < 0, np.nan, y), axes, keepdims)


def _axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """The axes counted from the front."""
    given = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(np.lib.array_utils.normalize_axis_index(each, ndim) for each in given)


def _squeezed(y: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return y if keepdims else np.squeeze(y, axes)


def _softmax_back(g: Any, y: Any, _x: Any, axis: Any) -> Any:
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


_SOFTMAX = row(lambda x, axis=None: special.softmax(x, axis), "y = exp(x) / sum(exp(x))",
               "dx = y * (g - sum(g * y))", _softmax_back, name="softmax", batch=families.reduction)
_LOG_SOFTMAX = row(lambda x, axis=None: special.log_softmax(x, axis), "y = x - log(sum(exp(x)))",
                   "dx = g - exp(y) * sum(g)",
                   lambda g, y, _x, axis: g - np.exp(y) * np.sum(g, axis=axis, keepdims=True), name="log_softmax",
                   batch=families.reduction)


def softmax(x: Any, axis: int | tuple[int, ...] | None = None) -> Array:
    """Numbers above 0 whose sum is 1, over all entries of `x`, or along one `axis` or several.

        y = exp(x) / Σ exp(x)

    >>> softmax(np.array([0.0, 0.0, 1000.0]))
    array([0., 0., 1.])

    Source: `scipy.special.softmax`, whose axis is None where `funcnn.activations.softmax` has -1.
    """
    x = as_array(x)
    y: Array = _SOFTMAX(x, axis=_axes(axis, len(shape_of(x))))
    return y


def log_softmax(x: Any, axis: int | tuple[int, ...] | None = None) -> Array:
    """The logarithm of `softmax`, also where that is 0; `axis` as there.

        y = x - log Σ exp(x)

    >>> log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])

    Source: `scipy.special.log_softmax`, whose axis is None where `funcnn.activations.log_softmax` has -1.
    """
    x = as_array(x)
    y: Array = _LOG_SOFTMAX(x, axis=_axes(axis, len(shape_of(x))))
    return y
