"""What are the derivatives of functions that work entry by entry? The calculus page, easy rows first."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy._core.umath import clip as clip_of_arrays  # type: ignore[attr-defined]  # what array.clip(low, high) calls

from funcnn._arrays import is_concrete, is_number
from funcnn.batching import families
from funcnn.core import Rule, astype, call, holds, underlying
from funcnn.rules.table import (
    Elementwise,
    as_array,
    composite,
    conj,
    constant,
    elementwise,
    masked,
    numpy_has,
    one_where_zero,
    over,
    row,
)

__all__ = ["direction", "real_sign"]

# ------------------------------------------------------------------ arithmetic

elementwise(np.positive, "y = x",  "dx = g",  lambda g, _y, _x: g)
elementwise(np.negative, "y = -x", "dx = -g", lambda g, _y, _x: -g)
elementwise(np.add, "z = x + y",
            "dx = g", lambda g, _z, _x, _y: g,
            "dy = g", lambda g, _z, _x, _y: g)
elementwise(np.subtract, "z = x - y",
            "dx = g", lambda g, _z, _x, _y: g,
            "dy = -g", lambda g, _z, _x, _y: -g)
elementwise(np.multiply, "z = x * y",
            "dx = g * y", lambda g, _z, _x, y: g * y,
            "dy = g * x", lambda g, _z, x, _y: g * x)
elementwise(np.divide, "z = x / y",
            "dx = g / y", lambda g, _z, _x, y: g / y,
            "dy = -g * z / y", lambda g, z, _x, y: -g * z / y)
elementwise(np.reciprocal, "y = 1 / x", "dx = -g * y**2", lambda g, y, _x: -g * y * y)

# ------------------------------------------------------------------ powers and roots

elementwise(np.square, "y = x**2",    "dx = 2 * g * x",      lambda g, _y, x: g * (2 * x))
elementwise(np.sqrt,   "y = sqrt(x)", "dx = g / (2 * y)",    lambda g, y, _x: g / (2 * y))
elementwise(np.cbrt,   "y = cbrt(x)", "dx = g / (3 * y**2)", lambda g, y, _x: g / (3 * y * y))
elementwise(np.hypot, "z = sqrt(x**2 + y**2)",
            "dx = g * x / z", lambda g, z, x, _y: g * over(x, z),
            "dy = g * y / z", lambda g, z, _x, y: g * over(y, z))


def power(x: Any, y: Any, **options: Any) -> Any:
    """x ** y, which for small exponents is not the same to the bit as `np.power`."""
    return x ** y if is_concrete(x) and not options else np.power(x, y, **options)


elementwise(np.power, "z = x**y",
            "dx = g * y * x**(y - 1)", lambda g, z, x, y: g * _slope_of_power(z, x, y),
            "dy = g * z * log(x)", lambda g, z, x, _y: g * z * _log_or_zero(x),
            run=power)
elementwise(np.float_power, "z = x**y",
            "dx = g * y * x**(y - 1)", lambda g, z, x, y: g * _slope_of_power(z, x, y),
            "dy = g * z * log(x)", lambda g, z, x, _y: g * z * _log_or_zero(x))


def _slope_of_power(z: Any, x: Any, y: Any) -> Any:
    """Y x**(y - 1), and 0 where y = 0, also at x = 0."""
    if not is_number(y):
        y = as_array(y)
        return np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1))
    if holds(y == 2):
        return 2 * x
    if holds(y == 0.5):
        return 0.5 / z
    return y * x ** (y - 1) if holds(y != 0) else 0 * x


def _log_or_zero(x: Any) -> Any:
    """Log x, and 0 at x = 0, where x ** y does not depend on y."""
    if is_number(x):
        return call(float, np.log(x)) if holds(x != 0) else 0.0
    return np.log(one_where_zero(as_array(x)))


# ------------------------------------------------------------------ exponential and logarithmic

elementwise(np.exp,   "y = exp(x)",     "dx = g * y",             lambda g, y, _x: g * y)
elementwise(np.exp2,  "y = 2**x",       "dx = g * y * log(2)",    lambda g, y, _x: g * y * math.log(2))
elementwise(np.expm1, "y = exp(x) - 1", "dx = g * (y + 1)",       lambda g, y, _x: g * (y + 1))
elementwise(np.log,   "y = log(x)",     "dx = g / x",             lambda g, _y, x: g / x)
elementwise(np.log2,  "y = log2(x)",    "dx = g / (x * log(2))",  lambda g, _y, x: g / (x * math.log(2)))
elementwise(np.log10, "y = log10(x)",   "dx = g / (x * log(10))", lambda g, _y, x: g / (x * math.log(10)))
elementwise(np.log1p, "y = log(1 + x)", "dx = g / (1 + x)",       lambda g, _y, x: g / (1 + x))
elementwise(np.logaddexp, "z = log(exp(x) + exp(y))",
            "dx = g * exp(x - z)", lambda g, z, x, _y: g * np.exp(_excess(x, z)),
            "dy = g * exp(y - z)", lambda g, z, _x, y: g * np.exp(_excess(y, z)))
elementwise(np.logaddexp2, "z = log2(2**x + 2**y)",
            "dx = g * 2**(x - z)", lambda g, z, x, _y: g * np.exp2(_excess(x, z)),
            "dy = g * 2**(y - z)", lambda g, z, _x, y: g * np.exp2(_excess(y, z)))


def _excess(x: Any, z: Any) -> Any:
    """X - z, and 0 where they are the same, also infinite: the logarithm of the part of exp(z) that is exp(x)."""
    return np.where(x == z, 0, x - np.where(x == z, 0, z))


# ------------------------------------------------------------------ trigonometric

elementwise(np.sin, "y = sin(x)", "dx = g * cos(x)",     lambda g, _y, x: g * np.cos(x))
elementwise(np.cos, "y = cos(x)", "dx = -g * sin(x)",    lambda g, _y, x: -g * np.sin(x))
elementwise(np.tan, "y = tan(x)", "dx = g * (1 + y**2)", lambda g, y, _x: g * (1 + y * y))
elementwise(np.arcsin, "y = arcsin(x)",
            "dx = g / sqrt(1 - x**2)", lambda g, y, x: g / (np.sqrt(1 - x * x) if y.dtype.kind == "f" else np.cos(y)))
elementwise(np.arccos, "y = arccos(x)",
            "dx = -g / sqrt(1 - x**2)", lambda g, y, x: -g / (np.sqrt(1 - x * x) if y.dtype.kind == "f" else np.sin(y)))
elementwise(np.arctan, "y = arctan(x)",
            "dx = g / (1 + x**2)", lambda g, _y, x: g / _root_of_one_plus_square(x) / _root_of_one_plus_square(x))
elementwise(np.arctan2, "z = arctan2(x, y)",
            "dx = g * y / (x**2 + y**2)", lambda g, _z, y, x: g * (x / np.hypot(x, y)) / np.hypot(x, y),
            "dy = -g * x / (x**2 + y**2)", lambda g, _z, y, x: -g * (y / np.hypot(x, y)) / np.hypot(x, y))
elementwise(np.deg2rad, "y = x * pi / 180", "dx = g * pi / 180", lambda g, _y, _x: g * (math.pi / 180))
elementwise(np.radians, "y = x * pi / 180", "dx = g * pi / 180", lambda g, _y, _x: g * (math.pi / 180))
elementwise(np.rad2deg, "y = x * 180 / pi", "dx = g * 180 / pi", lambda g, _y, _x: g * (180 / math.pi))
elementwise(np.degrees, "y = x * 180 / pi", "dx = g * 180 / pi", lambda g, _y, _x: g * (180 / math.pi))

# ------------------------------------------------------------------ hyperbolic

elementwise(np.sinh,    "y = sinh(x)",    "dx = g * cosh(x)",        lambda g, _y, x: g * np.cosh(x))
elementwise(np.cosh,    "y = cosh(x)",    "dx = g * sinh(x)",        lambda g, _y, x: g * np.sinh(x))
elementwise(np.tanh,    "y = tanh(x)",    "dx = g / cosh(x)**2",     lambda g, _y, x: g * _sech(x) * _sech(x))
elementwise(np.arcsinh, "y = arcsinh(x)", "dx = g / sqrt(x**2 + 1)", lambda g, _y, x: g / _root_of_one_plus_square(x))
elementwise(np.arccosh, "y = arccosh(x)", "dx = g / sqrt(x**2 - 1)",
            lambda g, _y, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))   # also where x is large, or left of 0 and complex
elementwise(np.arctanh, "y = arctanh(x)", "dx = g / (1 - x**2)",     lambda g, _y, x: g / ((1 - x) * (1 + x)))


def _sech(x: Any) -> Any:
    """1 / cosh(x), which 1 - tanh(x)**2 has lost where tanh(x) rounds to 1."""
    if np.iscomplexobj(x):
        return 1 / np.cosh(x)
    far = math.log(np.finfo(np.result_type(x)).max)
    return 1 / np.cosh(np.minimum(np.maximum(x, -far), far))


def _root_of_one_plus_square(x: Any) -> Any:
    """Sqrt(1 + x**2), also where the square overflows."""
    return np.sqrt(1 + 1j * x) * np.sqrt(1 - 1j * x) if np.iscomplexobj(x) else np.hypot(1, x)


# ------------------------------------------------------------------ complex numbers

elementwise(np.real,      "y = real(x)", "dx = g",                 lambda g, _y, _z: g)
elementwise(np.imag,      "y = imag(x)", "dx = -1j * g",           lambda g, _y, _z: g * -1j)
elementwise(np.conjugate, "y = conj(x)", "dx = conj(g)",           lambda g, _y, _z: conj(g))
elementwise(np.absolute,  "y = abs(x)",  "dx = g * conj(sign(x))", lambda g, _y, x: g * conj(direction(x)))
elementwise(np.fabs,      "y = abs(x)",  "dx = g * sign(x)",       lambda g, _y, x: g * direction(x))


real_sign = Rule(np.sign, batch=families.elementwise)
"""The sign of real numbers, a constant."""


@composite(np.sign)
def _sign(x: Any, **options: Any) -> Any:
    """Z / |z| of complex numbers; constant, so with derivative 0, for real ones."""
    return x / one_where_zero(np.abs(x)) if np.iscomplexobj(x) else real_sign(x, **options)


def direction(x: Any) -> Any:
    """X / |x|, the slope of |x|: 0 at 0, where its own derivative is no number, because |x| has a corner there."""
    return over(x, np.abs(x)) if np.iscomplexobj(x) else _STEP(x)


_STEP = row(np.sign, "y = sign(x)", "dx = 0 * g, nan at 0", lambda g, _y, x: 0 * g / np.abs(real_sign(x)),
            kind=Elementwise)


@composite(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    radians = np.arctan2(np.imag(z), np.real(z))
    return radians * (180 / math.pi) if deg else radians


@composite(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Any:
    """Inside vmap real where all examples are, else complex, with imaginary parts of 0 for those that are close."""
    if a.dtype.kind != "c":
        return a
    least = tol * np.finfo(a.dtype).eps if tol > 1 else tol
    close = np.all(np.abs(np.imag(a)) < least)
    if not holds(np.any(underlying(close))):
        return a
    return np.real(a) if holds(np.all(underlying(close))) else np.where(close, np.real(a), a)


# ------------------------------------------------------------------ choices: a tie is shared equally; NaN passes g on
# The shares of a tie are constants, as in JAX: a second derivative there is that of the mean of what ties.

elementwise(np.maximum, "z = maximum(x, y)",
            "dx = g * (x > y)", lambda g, _z, x, y: _shared(g, _not(x <= y), x == y),
            "dy = g * (y > x)", lambda g, _z, x, y: _shared(g, _not(y <= x), x == y))
elementwise(np.minimum, "z = minimum(x, y)",
            "dx = g * (x < y)", lambda g, _z, x, y: _shared(g, _not(x >= y), x == y),
            "dy = g * (y < x)", lambda g, _z, x, y: _shared(g, _not(y >= x), x == y))
elementwise(np.fmax, "z = fmax(x, y)",
            "dx = g * (x > y)", lambda g, _z, x, y: _shared(g, (x > y) | np.isnan(y), x == y),
            "dy = g * (y > x)", lambda g, _z, x, y: _shared(g, (y > x) | np.isnan(x), x == y))
elementwise(np.fmin, "z = fmin(x, y)",
            "dx = g * (x < y)", lambda g, _z, x, y: _shared(g, (x < y) | np.isnan(y), x == y),
            "dy = g * (y < x)", lambda g, _z, x, y: _shared(g, (y < x) | np.isnan(x), x == y))


def _not(condition: Any) -> Any:
    return np.logical_not(condition)  # of Python's bools too, which ~ makes numbers of


def _shared(g: Any, alone: Any, tied: Any) -> Any:
    """G where this argument is the result, g / 2 where it is so together with the other."""
    return masked(g, alone) + masked(g * 0.5, tied)


_BETWEEN = row(np.clip, "y = clip(x, low, high)",
               "dx = g * (low < x) * (x < high)",
               lambda g, _y, x, low, high: _shared(g, (x > low) & (x < high), (x == low) | (x == high)),
               "dlow = g * (x < low)",
               lambda g, _y, x, low, high: _shared(g, (x < low) & (low < high), (x == low) & (low < high)),
               "dhigh = g * (x > high)",
               lambda g, _y, x, low, high: _shared(g, (x > high) | (low > high), (x == high) & (low <= high)),
               kind=Elementwise)


@composite(np.clip, clip_of_arrays, arrays=3)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: None = None, *, min: Any = None, max: Any = None,
          **options: Any) -> Any:
    low, high = as_array(a_min if min is None else min), as_array(a_max if max is None else max)
    if low is None:
        return a if high is None else np.minimum(a, high, **options)
    return np.maximum(a, low, **options) if high is None else _BETWEEN(a, low, high, **options)


_CHOSEN = row(np.where, "z = where(c, x, y)",
              None,
              "dx = where(c, g, 0)", lambda g, _z, c, _x, _y: masked(g, c),
              "dy = where(c, 0, g)", lambda g, _z, c, _x, _y: masked(g, ~c), kind=Elementwise)


@composite(np.where, arrays=1)
def _where(condition: Any, *choices: Any) -> Any:
    if not choices:
        return np.nonzero(condition)
    is_mask = getattr(condition, "dtype", None) == np.dtype(bool)
    return _CHOSEN(condition if is_mask else np.not_equal(condition, 0), *choices)


_REPLACED = Rule(np.nan_to_num, batch=families.elementwise)   # constant


@composite(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None,
                neginf: float | None = None) -> Any:
    """A replaced number has derivative 0."""
    return np.where(np.isfinite(x), x, _REPLACED(x, nan=nan, posinf=posinf, neginf=neginf))


# ------------------------------------------------------------------ rounding and its kin: steps of derivative 0

elementwise(np.remainder, "z = x % y",
            "dx = g", lambda g, _z, _x, _y: g,
            "dy = -g * rint((x - z) / y)", lambda g, z, x, y: -g * np.rint((x - z) / y))
elementwise(np.fmod, "z = fmod(x, y)",
            "dx = g", lambda g, _z, _x, _y: g,
            "dy = -g * rint((x - z) / y)", lambda g, z, x, y: -g * np.rint((x - z) / y))
elementwise(np.copysign, "z = copysign(x, y)",
            "dx = g * sign(x) * sign(z)", lambda g, z, x, _y: g * direction(x) * np.sign(z),
            "dy = 0 * g", lambda g, _z, _x, _y: np.zeros_like(g))
elementwise(np.heaviside, "z = heaviside(x, y)",
            "dx = 0 * g", lambda g, _z, _x, _y: np.zeros_like(g),
            "dy = g * (x == 0)", lambda g, _z, x, _y: masked(g, x == 0))

constant(
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isclose,
    np.isnan, np.isinf, np.isfinite, np.isposinf, np.isneginf, np.signbit, np.isreal, np.iscomplex,
    np.floor, np.ceil, np.rint, np.trunc, np.fix, np.around, np.round, np.floor_divide, np.spacing,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.invert, np.bitwise_and, np.bitwise_or,
    np.bitwise_xor, batch=families.elementwise)
constant(np.all, np.any, np.count_nonzero, batch=families.reduction)
constant(np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, batch=families.along)
constant(np.argwhere, np.nonzero, np.flatnonzero, batch=families.refused)
constant(np.isin, np.digitize, np.unravel_index, batch=families.of_numbers)
constant(np.searchsorted, batch=families.first_of_two)
constant(np.linalg.matrix_rank, batch=families.stack)
constant(
    np.isrealobj, np.iscomplexobj, np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type,
    np.common_type, np.zeros_like, np.ones_like, np.empty_like, np.diag_indices_from, np.tril_indices_from,
    np.triu_indices_from, np.einsum_path, batch=families.static)
constant(
    np.allclose, np.array_equal, np.array_equiv, np.lexsort, np.may_share_memory, np.shares_memory, np.array_repr,
    np.array_str, np.array2string, np.ravel_multi_index, np.ix_)

# ------------------------------------------------------------------ dtypes


@composite(astype, numpy_has("astype"))
def _astype(x: Any, dtype: Any, **options: Any) -> Any:
    """To a floating-point type the derivative is 1, to any other 0."""
    return (_TO_FLOATS if np.issubdtype(dtype, np.inexact) else _TO_OTHERS)(x, dtype)


def _converted(x: Any, dtype: Any) -> Any:
    return x.astype(dtype) if hasattr(x, "astype") else np.asarray(x, dtype)


_TO_FLOATS = row(_converted, "y = x.astype(dtype)",
                 "dx = g.astype(x.dtype)", lambda g, _y, _x, _dtype: g, name="astype",
                 kind=Elementwise)
_TO_OTHERS = Rule(_converted, name="astype", batch=families.elementwise)
