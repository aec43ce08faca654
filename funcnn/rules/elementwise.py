"""With this module you can look up, and add, the derivative of a NumPy function: one row each, easy ones first.

A row gives the pullback to each argument, as a function of `g, y, *inputs`: g is the cotangent of the result y.
A row may forget that its arguments were broadcast or of several dtypes: `fitted` sees to that once for all.
`elementwise` functions work entry by entry; `constant` ones have derivative 0; a `composite` is differentiated
through the functions that it is written with. This file is the calculus page; beside it stand

    rules_shapes        entries that move: reshape, transpose, join, split, repeat, pad
    rules_indexing      entries that are picked: x[...], take, diag, sort, where by several conditions
    rules_reductions    many become one: sum, mean, var, max, prod, cumsum, median, cov
    rules_products      matmul, dot, einsum, cross, and matrix powers
    rules_linalg        inv, solve, det, cholesky, eigh, svd, qr, norms
    rules_fourier       fft, rfft, convolve, correlate
    rules_curves        special functions, np.emath, interp, diff, gradient, polyval

Complex numbers, as in JAX: a real function L of z = u + iv has the cotangent dL/du - i dL/dv, so that the change
of L is the real part of g dz, and the pullback of a function with a complex derivative is g y'(z), not conjugated.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from funcnn._arrays import column_sums, is_concrete
from funcnn.autodiff.scatter import settle
from funcnn.core.tracer import RULES, Node, Rule, TracerError, astype, concrete

__all__ = [
    "Elementwise", "OnDemand", "Row", "as_array", "composite", "conj", "constant", "elementwise",
    "fitted", "masked", "numpy_has", "one_where_zero", "refuse", "rule", "shape_of", "unbroadcast",
]

Vjp: TypeAlias = Callable[..., Any]


# ------------------------------------------------------------------------------------------- helpers


class Row(Rule):
    """A rule of this table: what a pullback gives is fitted to its argument."""

    __slots__ = ()

    def pull(self, node: Node, g: Any) -> Iterable[tuple[int, Any]]:
        """What the cotangent g of a node's result gives to its parents, fitted."""
        _, parents, y, saved, kwargs = node
        vjps = self.vjps
        return [(parent, fitted(vjps[i](g, y, *saved, **kwargs), saved[i])) for i, parent in parents]


class Elementwise(Row):
    """A row of a ufunc, whose options (dtype, casting, order) do not concern its derivative."""

    __slots__ = ()

    def pull(self, node: Node, g: Any) -> Iterable[tuple[int, Any]]:
        """What the cotangent g of a node's result gives to its parents, fitted."""
        _, parents, y, saved, _ = node
        if len(parents) > 1:
            vjps = self.vjps
            return [(parent, fitted(vjps[i](g, y, *saved), saved[i])) for i, parent in parents]
        i, parent = parents[0]
        x, cotangent = saved[i], self.vjps[i](g, y, *saved)
        fits = type(x) is np.ndarray and cotangent.dtype is x.dtype and cotangent.shape == x.shape
        return ((parent, cotangent if fits else fitted(cotangent, x)),)


class OnDemand:
    """The cotangents of many arguments, of which only those that are asked for are computed."""

    __slots__ = ("at",)

    def __init__(self, at: Callable[[int], Any]) -> None:
        self.at = at

    def __getitem__(self, position: int) -> Any:
        return self.at(position)


def rule(fun: Callable[..., Any] | None, *vjps: Vjp | None, run: Callable[..., Any] | None = None) -> None:
    """Give `fun` a derivative: the pullback to each of its positional arguments, None where it has none.

    `run` computes the same result in its place.
    """
    if fun is not None:
        RULES[fun] = Row(fun.__name__, run or fun, vjps)


def elementwise(fun: Callable[..., Any], *vjps: Vjp, run: Callable[..., Any] | None = None) -> None:
    """Give a function that works entry by entry a derivative; its arguments may broadcast."""
    row = RULES[fun] = Elementwise(fun.__name__, run or fun, vjps)
    row.number = float  # as of ufuncs


def constant(*funs: Callable[..., Any] | None) -> None:
    """Say that functions have derivative 0 (or none that matters): they run on the values alone."""
    for fun in funs:
        if fun is not None:
            RULES[fun] = functools.partial(_run_on_values, fun)


def _run_on_values(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return fun(*[_values(arg) for arg in args], **{name: _values(value) for name, value in kwargs.items()})


def _values(x: Any) -> Any:
    return type(x)(map(_values, x)) if type(x) in (list, tuple) else concrete(x)


def composite(*funs: Callable[..., Any] | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say that NumPy functions of traced values are what the decorated function makes of them."""
    def register(definition: Callable[..., Any]) -> Callable[..., Any]:
        RULES.update((fun, definition) for fun in funs if fun is not None)
        return definition

    return register


def numpy_has(name: str, module: Any = np) -> Any:
    """The function of that name, or None where this version of NumPy does not have it: no rule then."""
    return getattr(module, name, None)


def refuse(name: str, instead: str, **options: Any) -> None:
    """Raise if an option that has no derivative was given."""
    for option, value in options.items():
        if value is not None:
            raise TracerError(f"np.{name}(..., {option}={value!r}): has no derivative here; {instead}")


def fitted(cotangent: Any, x: Any) -> Any:
    """What a row found, as a cotangent of x: of its shape and dtype, whatever the other arguments were.

    >>> fitted(np.array([[1.0, 2.0], [3.0, 4.0j]]), np.zeros(2, np.float32))
    array([4., 2.], dtype=float32)
    """
    if type(x) is float:
        x = _NUMBER
    if cotangent.dtype is x.dtype and cotangent.shape == x.shape:
        return cotangent
    cotangent = unbroadcast(settle(cotangent), x)
    return cotangent if cotangent.dtype == x.dtype else _cast(cotangent, x.dtype)


_NUMBER = np.float64(0.0)


def _cast(cotangent: Any, dtype: Any) -> Any:
    return (np.real(cotangent) if dtype.kind == "f" and cotangent.dtype.kind == "c" else cotangent).astype(dtype)


def unbroadcast(g: Any, x: Any) -> Any:
    """The cotangent of x, when x was broadcast to the shape of g: the sum over the copies."""
    shape = shape_of(x)
    if g.shape == shape:
        return g
    if len(shape) == 1 and g.ndim > 1 and g.shape[-1:] == shape:
        return column_sums(g)
    extra = g.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1))
    return g.sum(axis=axes).reshape(shape)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array, a traced value or a number."""
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return shape


_INTEGERS = {2: np.dtype(np.int16), 4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def masked(g: Any, mask: Any) -> Any:
    """G where the mask is true, 0 elsewhere, also where g is infinite or not a number.

    >>> masked(np.array([1.0, np.nan]), np.array([True, False]))
    array([1., 0.])
    """
    if not is_concrete(g) or g.dtype.kind != "f" or g.itemsize not in _INTEGERS:
        return np.where(mask, g, 0)
    bits = g.view(_INTEGERS[g.itemsize])  # multiplying them is exact, and ten times as fast as np.where
    return (bits * mask).view(g.dtype)


def as_array(x: Any) -> Any:
    """A list or tuple as NumPy takes it, anything else as it is."""
    return np.asarray(x) if isinstance(x, list | tuple) else x


def one_where_zero(x: Any) -> Any:
    """X, to divide by where the quotient is 0 / 0 and means 0."""
    return np.where(x == 0, 1, x)


def conj(x: Any) -> Any:
    """The complex conjugate; of real x, x itself."""
    return np.conj(x) if x.dtype.kind == "c" else x


# ------------------------------------------------------------------ arithmetic

elementwise(np.positive,   lambda g, y, x: g)
elementwise(np.negative,   lambda g, y, x: -g)
elementwise(np.add,        lambda g, z, x, y: g,      lambda g, z, x, y: g)
elementwise(np.subtract,   lambda g, z, x, y: g,      lambda g, z, x, y: -g)
elementwise(np.multiply,   lambda g, z, x, y: g * y,  lambda g, z, x, y: g * x)
elementwise(np.divide,     lambda g, z, x, y: g / y,  lambda g, z, x, y: -g * z / y)
elementwise(np.reciprocal, lambda g, y, x: -g * y * y)

# ------------------------------------------------------------------ powers and roots

elementwise(np.square, lambda g, y, x: g * (2 * x))
elementwise(np.sqrt,   lambda g, y, x: g / (2 * y))
elementwise(np.cbrt,   lambda g, y, x: g / (3 * y * y))
elementwise(np.hypot,  lambda g, z, x, y: g * (x / one_where_zero(z)),  lambda g, z, x, y: g * (y / one_where_zero(z)))
elementwise(np.power,  lambda g, z, x, y: g * _slope_of_power(z, x, y), lambda g, z, x, y: g * z * _log_or_zero(x),
            run=lambda x, y, **options: x ** y if is_concrete(x) and not options else np.power(x, y, **options))
elementwise(np.float_power, lambda g, z, x, y: g * _slope_of_power(z, x, y), lambda g, z, x, y: g * z * _log_or_zero(x))


def _slope_of_power(z: Any, x: Any, y: Any) -> Any:
    """Y x**(y - 1), and 0 where y = 0, also at x = 0."""
    if not isinstance(y, int | float):
        y = as_array(y)
        return np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1))
    if y == 2:
        return 2 * x
    if y == 0.5:
        return 0.5 / z
    return y * x ** (y - 1) if y else 0 * x


def _log_or_zero(x: Any) -> Any:
    """Log x, and 0 at x = 0, where x ** y does not depend on y."""
    if isinstance(x, int | float):
        return float(np.log(x)) if x else 0.0
    return np.log(one_where_zero(as_array(x)))


# ------------------------------------------------------------------ exponential and logarithmic

elementwise(np.exp,   lambda g, y, x: g * y)
elementwise(np.exp2,  lambda g, y, x: g * y * math.log(2))
elementwise(np.expm1, lambda g, y, x: g * (y + 1))
elementwise(np.log,   lambda g, y, x: g / x)
elementwise(np.log2,  lambda g, y, x: g / (x * math.log(2)))
elementwise(np.log10, lambda g, y, x: g / (x * math.log(10)))
elementwise(np.log1p, lambda g, y, x: g / (1 + x))
elementwise(np.logaddexp,  lambda g, z, x, y: g * np.exp(_excess(x, z)),  lambda g, z, x, y: g * np.exp(_excess(y, z)))
elementwise(np.logaddexp2, lambda g, z, x, y: g * np.exp2(_excess(x, z)), lambda g, z, x, y: g * np.exp2(_excess(y, z)))


def _excess(x: Any, z: Any) -> Any:
    """X - z, and 0 where both are infinite: the logarithm of the part of exp(z) that is exp(x)."""
    if np.all(np.isfinite(z)):
        return x - z
    return np.where(x == z, 0, x - np.where(x == z, 0, z))


# ------------------------------------------------------------------ trigonometric

elementwise(np.sin,     lambda g, y, x: g * np.cos(x))
elementwise(np.cos,     lambda g, y, x: -g * np.sin(x))
elementwise(np.tan,     lambda g, y, x: g * (1 + y * y))
elementwise(np.arcsin,  lambda g, y, x: g / (np.sqrt(1 - x * x) if y.dtype.kind == "f" else np.cos(y)))
elementwise(np.arccos,  lambda g, y, x: -g / (np.sqrt(1 - x * x) if y.dtype.kind == "f" else np.sin(y)))
elementwise(np.arctan,  lambda g, y, x: g / (1 + x * x))
elementwise(np.arctan2, lambda g, z, y, x: g * x / (x * x + y * y), lambda g, z, y, x: -g * y / (x * x + y * y))
elementwise(np.deg2rad, lambda g, y, x: g * (math.pi / 180))
elementwise(np.radians, lambda g, y, x: g * (math.pi / 180))
elementwise(np.rad2deg, lambda g, y, x: g * (180 / math.pi))
elementwise(np.degrees, lambda g, y, x: g * (180 / math.pi))

# ------------------------------------------------------------------ hyperbolic

elementwise(np.sinh,    lambda g, y, x: g * np.cosh(x))
elementwise(np.cosh,    lambda g, y, x: g * np.sinh(x))
elementwise(np.tanh,    lambda g, y, x: g * (1 - y * y))
elementwise(np.arcsinh, lambda g, y, x: g / np.sqrt(x * x + 1))
elementwise(np.arccosh, lambda g, y, x: g / np.sqrt(x * x - 1))
elementwise(np.arctanh, lambda g, y, x: g / (1 - x * x))

# ------------------------------------------------------------------ complex numbers

elementwise(np.real,      lambda g, y, z: g)
elementwise(np.imag,      lambda g, y, z: g * -1j)
elementwise(np.conjugate, lambda g, y, z: conj(g))
elementwise(np.absolute,  lambda g, y, x: g * conj(np.sign(x)))   # 0 at 0, as is that of every norm here
elementwise(np.fabs,      lambda g, y, x: g * np.sign(x))


@composite(np.sign)
def _sign(x: Any, **options: Any) -> Any:
    """Z / |z| of complex numbers; constant, so with derivative 0, for real ones."""
    return x / one_where_zero(np.abs(x)) if x.dtype.kind == "c" else np.sign(concrete(x), **options)


@composite(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    radians = np.arctan2(np.imag(z), np.real(z))
    return radians * (180 / math.pi) if deg else radians


@composite(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Any:
    return np.real(a) if np.isrealobj(np.real_if_close(concrete(a), tol)) else a


# ------------------------------------------------------------------ choices: a tie is shared equally

elementwise(np.maximum, lambda g, z, x, y: _shared(g, x > y, x == y), lambda g, z, x, y: _shared(g, y > x, x == y))
elementwise(np.minimum, lambda g, z, x, y: _shared(g, x < y, x == y), lambda g, z, x, y: _shared(g, y < x, x == y))
elementwise(np.fmax, lambda g, z, x, y: _shared(g, (x > y) | np.isnan(y), x == y),
                     lambda g, z, x, y: _shared(g, (y > x) | np.isnan(x), x == y))
elementwise(np.fmin, lambda g, z, x, y: _shared(g, (x < y) | np.isnan(y), x == y),
                     lambda g, z, x, y: _shared(g, (y < x) | np.isnan(x), x == y))


def _shared(g: Any, alone: Any, tied: Any) -> Any:
    """G where this argument is the result, g / 2 where it is so together with the other."""
    return masked(g, alone) + masked(g * 0.5, tied) if np.count_nonzero(tied) else masked(g, alone)


def _between(x: Any, low: Any, high: Any, **options: Any) -> Any:
    return np.clip(x, low, high, **options)


elementwise(_between,
            lambda g, y, x, low, high: _shared(g, (x > low) & (x < high), (x == low) | (x == high)),
            lambda g, y, x, low, high: _shared(g, (x < low) & (low < high), (x == low) & (low < high)),
            lambda g, y, x, low, high: _shared(g, (x > high) | (low > high), (x == high) & (low <= high)))


@composite(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: None = None, *, min: Any = None, max: Any = None,
          **options: Any) -> Any:
    low, high = as_array(a_min if min is None else min), as_array(a_max if max is None else max)
    if low is None:
        return a if high is None else np.minimum(a, high, **options)
    return np.maximum(a, low, **options) if high is None else RULES[_between](a, low, high, **options)


@composite(np.where)
def _where(condition: Any, *choices: Any) -> Any:
    condition = concrete(condition)
    return _chosen(np.asarray(condition, bool), *choices) if choices else np.where(condition)


def _choose(c: Any, x: Any, y: Any) -> Any:
    return np.where(c, x, y)


_chosen = Row("where", _choose, (None, lambda g, z, c, x, y: masked(g, c), lambda g, z, c, x, y: masked(g, ~c)))
_chosen.number = float  # as of ufuncs


@composite(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: float | None = None,
                neginf: float | None = None) -> Any:
    """A replaced number has derivative 0."""
    replaced = np.nan_to_num(concrete(x), nan=nan, posinf=posinf, neginf=neginf)
    return np.where(np.isfinite(x), x, replaced)


# ------------------------------------------------------------------ rounding and its kin: steps of derivative 0

elementwise(np.remainder, lambda g, z, x, y: g,                       lambda g, z, x, y: -g * np.rint((x - z) / y))
elementwise(np.fmod,      lambda g, z, x, y: g,                       lambda g, z, x, y: -g * np.rint((x - z) / y))
elementwise(np.copysign,  lambda g, z, x, y: g * np.sign(x) * np.sign(z), lambda g, z, x, y: 0 * g)
elementwise(np.heaviside, lambda g, z, x, y: 0 * g,                   lambda g, z, x, y: masked(g, x == 0))

constant(
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isclose, np.allclose,
    np.array_equal, np.array_equiv, np.isnan, np.isinf, np.isfinite, np.isposinf, np.isneginf, np.signbit,
    np.isreal, np.iscomplex, np.isrealobj, np.iscomplexobj, np.isin,
    np.floor, np.ceil, np.rint, np.trunc, np.fix, np.around, np.round, np.floor_divide, np.spacing,
    np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.all, np.any,
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort, np.argwhere,
    np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted, np.digitize, np.linalg.matrix_rank,
    np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.common_type,
    np.may_share_memory, np.shares_memory, np.array_repr, np.array_str, np.array2string, np.einsum_path,
    np.zeros_like, np.ones_like, np.empty_like, np.ravel_multi_index, np.unravel_index, np.ix_,
    np.diag_indices_from, np.tril_indices_from, np.triu_indices_from,
)

# ------------------------------------------------------------------ dtypes


@composite(astype, numpy_has("astype"))
def _astype(x: Any, dtype: Any, **options: Any) -> Any:
    """To a floating-point type the derivative is 1, to any other 0."""
    return _converted(x, dtype) if np.issubdtype(dtype, np.inexact) else concrete(x).astype(dtype)


def _convert(x: Any, dtype: Any) -> Any:
    return x.astype(dtype) if hasattr(x, "astype") else np.asarray(x, dtype)


_converted = Row("astype", _convert, (lambda g, y, x, dtype: g,))
