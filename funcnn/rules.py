"""With this module you can look up, and add, the derivative of a NumPy function: one row each, easy ones first.

A row gives the pullback to each argument, as a function of `g, y, *inputs`: g is the cotangent of the result y.
`elementwise` rows may forget broadcasting, which the helper undoes once for all of them. `constant` functions
have derivative 0; a `composite` is differentiated through the functions that it is written with here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcnn.arrays import column_sums, stretch
from funcnn.tracers import RULES, Rule, astype, concrete, getitem

__all__ = ["composite", "constant", "elementwise", "rule", "unbroadcast"]

Vjp = Callable[..., Any]


# ------------------------------------------------------------------------------------------- helpers


def rule(fun: Callable[..., Any], *vjps: Vjp | None) -> None:
    """Give `fun` a derivative: the pullback to each of its positional arguments, None where it has none."""
    RULES[fun] = Rule(fun.__name__, fun, vjps)


def elementwise(fun: Callable[..., Any], *vjps: Vjp) -> None:
    """Give a function that works entry by entry a derivative; its arguments may broadcast."""
    rule(fun, *vjps if len(vjps) == 1 else [_summed_to(i, vjp) for i, vjp in enumerate(vjps)])


def _summed_to(position: int, vjp: Vjp) -> Vjp:
    def pullback(g: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        return unbroadcast(vjp(g, y, *args, **kwargs), args[position])

    return pullback


def constant(*funs: Callable[..., Any]) -> None:
    """Say that functions have derivative 0 (or none that matters): they run on the values alone."""
    for fun in funs:
        RULES[fun] = functools.partial(_run_on_values, fun)


def _run_on_values(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return fun(*[_values(arg) for arg in args], **{name: _values(value) for name, value in kwargs.items()})


def _values(x: Any) -> Any:
    return type(x)(map(_values, x)) if type(x) in (list, tuple) else concrete(x)


def composite(fun: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say that a NumPy function of traced values is what the decorated function makes of them."""
    def register(definition: Callable[..., Any]) -> Callable[..., Any]:
        RULES[fun] = definition
        return definition

    return register


def unbroadcast(g: Any, x: Any) -> Any:
    """The cotangent of x, when x was broadcast to the shape of g: the sum over the copies."""
    shape = getattr(x, "shape", ())
    if g.shape == shape:
        return g
    if len(shape) == 1 and g.ndim > 1 and g.shape[-1:] == shape:
        return column_sums(g)
    extra = g.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1))
    return g.sum(axis=axes).reshape(shape)


# ------------------------------------------------------------------ arithmetic

elementwise(np.positive, lambda g, y, x: g)
elementwise(np.negative, lambda g, y, x: -g)
elementwise(np.add, lambda g, z, x, y: g, lambda g, z, x, y: g)
elementwise(np.subtract, lambda g, z, x, y: g, lambda g, z, x, y: -g)
elementwise(np.multiply, lambda g, z, x, y: g * y, lambda g, z, x, y: g * x)
elementwise(np.divide, lambda g, z, x, y: g / y, lambda g, z, x, y: -g * z / y)
elementwise(np.reciprocal, lambda g, y, x: -g * y * y)
elementwise(np.square, lambda g, y, x: g * (2 * x))
elementwise(np.sqrt, lambda g, y, x: g / (2 * y))
elementwise(np.cbrt, lambda g, y, x: g / (3 * y * y))
elementwise(np.power, lambda g, z, x, y: g * _slope_of_power(x, y), lambda g, z, x, y: g * z * _log_or_zero(x))
elementwise(np.float_power, lambda g, z, x, y: g * _slope_of_power(x, y), lambda g, z, x, y: g * z * _log_or_zero(x))

# ------------------------------------------------------------------ exponential and logarithmic

elementwise(np.exp, lambda g, y, x: g * y)
elementwise(np.exp2, lambda g, y, x: g * y * math.log(2))
elementwise(np.expm1, lambda g, y, x: g * (y + 1))
elementwise(np.log, lambda g, y, x: g / x)
elementwise(np.log2, lambda g, y, x: g / (x * math.log(2)))
elementwise(np.log10, lambda g, y, x: g / (x * math.log(10)))
elementwise(np.log1p, lambda g, y, x: g / (1 + x))
elementwise(np.logaddexp, lambda g, z, x, y: g * _share(x, z), lambda g, z, x, y: g * _share(y, z))
elementwise(np.logaddexp2, lambda g, z, x, y: g * np.exp2(x - z), lambda g, z, x, y: g * np.exp2(y - z))

# ------------------------------------------------------------------ trigonometric and hyperbolic

elementwise(np.sin, lambda g, y, x: g * np.cos(x))
elementwise(np.cos, lambda g, y, x: -g * np.sin(x))
elementwise(np.tan, lambda g, y, x: g * (1 + y * y))
elementwise(np.arcsin, lambda g, y, x: g / np.sqrt(1 - x * x))
elementwise(np.arccos, lambda g, y, x: -g / np.sqrt(1 - x * x))
elementwise(np.arctan, lambda g, y, x: g / (1 + x * x))
elementwise(np.arctan2, lambda g, z, y, x: g * x / (x * x + y * y), lambda g, z, y, x: -g * y / (x * x + y * y))
elementwise(np.hypot, lambda g, z, x, y: g * (x / _or_one(z)), lambda g, z, x, y: g * (y / _or_one(z)))
elementwise(np.sinh, lambda g, y, x: g * np.cosh(x))
elementwise(np.cosh, lambda g, y, x: g * np.sinh(x))
elementwise(np.tanh, lambda g, y, x: g * (1 - y * y))
elementwise(np.arcsinh, lambda g, y, x: g / np.sqrt(x * x + 1))
elementwise(np.arccosh, lambda g, y, x: g / np.sqrt(x * x - 1))
elementwise(np.arctanh, lambda g, y, x: g / (1 - x * x))
elementwise(np.deg2rad, lambda g, y, x: g * (math.pi / 180))
elementwise(np.radians, lambda g, y, x: g * (math.pi / 180))
elementwise(np.rad2deg, lambda g, y, x: g * (180 / math.pi))
elementwise(np.degrees, lambda g, y, x: g * (180 / math.pi))

# ------------------------------------------------------------------ choices: a tie is shared equally, |x|' = 0 at 0

elementwise(np.absolute, lambda g, y, x: g * np.sign(x))
elementwise(np.fabs, lambda g, y, x: g * np.sign(x))
elementwise(np.maximum, lambda g, z, x, y: _shared(g, x > y, x == y), lambda g, z, x, y: _shared(g, y > x, x == y))
elementwise(np.minimum, lambda g, z, x, y: _shared(g, x < y, x == y), lambda g, z, x, y: _shared(g, y < x, x == y))
elementwise(np.fmax, lambda g, z, x, y: _shared(g, z == x, x == y), lambda g, z, x, y: _shared(g, z == y, x == y))
elementwise(np.fmin, lambda g, z, x, y: _shared(g, z == x, x == y), lambda g, z, x, y: _shared(g, z == y, x == y))
elementwise(np.remainder, lambda g, z, x, y: g, lambda g, z, x, y: -g * np.floor_divide(x, y))
elementwise(np.fmod, lambda g, z, x, y: g, lambda g, z, x, y: -g * np.trunc(x / y))
elementwise(np.copysign, lambda g, z, x, y: g * np.sign(x) * np.sign(z), lambda g, z, x, y: 0 * g)
constant(
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isnan, np.isinf, np.isfinite,
    np.signbit, np.sign, np.floor, np.ceil, np.rint, np.trunc, np.floor_divide, np.heaviside, np.logical_and,
    np.logical_or, np.logical_not, np.logical_xor, np.spacing, np.around, np.round, np.fix, np.isclose, np.allclose,
    np.array_equal, np.isreal, np.iscomplex, np.iscomplexobj, np.isrealobj, np.all, np.any, np.argmax, np.argmin,
    np.argsort, np.argpartition, np.argwhere, np.nonzero, np.flatnonzero, np.count_nonzero, np.searchsorted,
    np.digitize, np.lexsort, np.bincount, np.unique, np.shape, np.ndim, np.size, np.result_type,
    np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.can_cast, np.min_scalar_type, np.common_type,
    np.array_repr, np.array_str, np.array2string, np.may_share_memory, np.shares_memory, np.isposinf, np.isneginf,
)


@composite(np.where)
def _where(condition: Any, *choices: Any) -> Any:
    return _choose(concrete(condition), *choices)


def _select(c: Any, x: Any, y: Any) -> Any:
    return np.where(c, x, y)


_choose = Rule("where", _select, (None, lambda g, z, c, x, y: unbroadcast(np.where(c, g, 0), x),
                                  lambda g, z, c, x, y: unbroadcast(np.where(c, 0, g), y)))


def _slope_of_power(x: Any, y: Any) -> Any:
    """Y x**(y - 1), and 0 where y = 0, also at x = 0."""
    if isinstance(y, int | float):
        return y * x ** (y - 1) if y else 0 * x
    return np.where(y == 0, 0, y * x ** np.where(y == 0, 1, y - 1))


def _log_or_zero(x: Any) -> Any:
    """Log x, and 0 at x = 0, where x ** y does not depend on y."""
    if isinstance(x, int | float):
        return math.log(x) if x else 0.0
    return np.log(_or_one(x))


def _or_one(x: Any) -> Any:
    return np.where(x == 0, 1, x)


def _share(x: Any, z: Any) -> Any:
    """exp(x - z), the part of exp(z) that is exp(x); 1 where both are -inf."""
    return np.exp(np.where(x == z, 0, x - np.where(x == z, 0, z)))


def _shared(g: Any, alone: Any, tied: Any) -> Any:
    """G where this argument is the result, g / 2 where it is so together with the other."""
    return g * (alone + tied * g.dtype.type(0.5)) if np.any(tied) else g * alone


# ------------------------------------------------------------------ reductions

rule(np.sum, lambda g, y, x, axis=None, dtype=None, out=None, keepdims=False: _spread(g, x, axis))
for _extreme in (np.max, np.min):
    rule(_extreme, lambda g, y, x, axis=None, out=None, keepdims=False: _to_extreme(g, y, x, axis))


@composite(np.mean)
def _mean(x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False) -> Any:
    return RULES[np.sum](x, axis=axis, dtype=dtype, keepdims=keepdims) / _count(x, axis)


@composite(np.var)
def _var(x: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: int = 0, keepdims: bool = False) -> Any:
    deviation = x - np.mean(x, axis=axis, dtype=dtype, keepdims=True)
    total = np.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return total / (_count(x, axis) - ddof)


@composite(np.std)
def _std(x: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: int = 0, keepdims: bool = False) -> Any:
    return np.sqrt(np.var(x, axis=axis, dtype=dtype, ddof=ddof, keepdims=keepdims))


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    """The reduced axes, counted from the front."""
    chosen = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(a % x.ndim for a in chosen)


def _kept(g: Any, x: Any, axis: Any) -> Any:
    """A result or cotangent of a reduction with the reduced axes put back, as length 1."""
    if axis is None:
        return g.reshape((1,) * x.ndim)
    axes = _axes(x, axis)
    return g.reshape([1 if a in axes else n for a, n in enumerate(x.shape)])


def _count(x: Any, axis: Any) -> int:
    return x.size if axis is None else math.prod(x.shape[a] for a in _axes(x, axis))


def _spread(g: Any, x: Any, axis: Any) -> Any:
    """The cotangent of a sum, copied to all that was summed."""
    return stretch(_kept(g, x, axis), x.shape)


def _to_extreme(g: Any, y: Any, x: Any, axis: Any) -> Any:
    """The cotangent of a maximum, shared equally by the entries that are it."""
    chosen = x == _kept(y, x, axis)
    ties = np.sum(chosen, axis=axis, dtype=g.dtype, keepdims=True)
    return chosen * (_kept(g, x, axis) / ties)


# ------------------------------------------------------------------ shape: the entries only move

rule(np.reshape, lambda g, y, x, *shape, **options: g.reshape(x.shape))
rule(np.ravel, lambda g, y, x, order="C": g.reshape(x.shape))
rule(np.squeeze, lambda g, y, x, axis=None: g.reshape(x.shape))
rule(np.expand_dims, lambda g, y, x, axis: g.reshape(x.shape))
rule(np.transpose, lambda g, y, x, axes=None: np.transpose(g, None if axes is None else _inverse(axes)))
rule(np.swapaxes, lambda g, y, x, axis1, axis2: np.swapaxes(g, axis1, axis2))
rule(np.moveaxis, lambda g, y, x, source, destination: np.moveaxis(g, destination, source))
rule(np.broadcast_to, lambda g, y, x, shape: unbroadcast(g, x))
rule(getitem, lambda g, y, x, index: _scatter(g, index, x.shape))


def _inverse(axes: Sequence[int]) -> Any:
    return np.argsort([a % len(axes) for a in axes])


def _put(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of this shape with g added at an index; an entry named twice gets both."""
    array = np.zeros(shape, g.dtype)
    if _names_once(index):
        array[index] = g
    else:
        np.add.at(array, index, g)
    return array


_scatter: Rule = Rule("put", _put, (lambda h, y, g, index, shape: h[index],))


def _names_once(index: Any) -> bool:
    """Whether no entry can be named twice: slices, integers and masks, not arrays of integers."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(isinstance(p, int | slice | np.integer | type(None) | type(...)) or _is_mask(p) for p in parts)


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == bool


@composite(np.concatenate)
def _concatenate(arrays: Sequence[Any], axis: int | None = 0, **options: Any) -> Any:
    if axis is None:
        return _joined(*[np.ravel(a) for a in arrays], axis=0)
    return _joined(*arrays, axis=axis)


@composite(np.stack)
def _stack(arrays: Sequence[Any], axis: int = 0, **options: Any) -> Any:
    return np.concatenate([np.expand_dims(a, axis) for a in arrays], axis=axis)


def _join(*arrays: Any, axis: int) -> Any:
    return np.concatenate(arrays, axis=axis)


def _join_fwd(*arrays: Any, axis: int) -> tuple[Any, Any]:
    return _join(*arrays, axis=axis), (axis, [np.shape(a)[axis] for a in arrays])


def _join_bwd(residuals: tuple[int, list[int]], g: Any) -> tuple[Any, ...]:
    axis, lengths = residuals
    ends = np.cumsum(lengths)
    before = (slice(None),) * (axis % g.ndim)
    return tuple(g[(*before, slice(end - n, end))] for n, end in zip(lengths, ends, strict=True))


_joined = Rule("concatenate", _join, fwd=_join_fwd, bwd=_join_bwd)


def _to_dtype(x: Any, dtype: Any) -> Any:
    if np.issubdtype(dtype, np.inexact):
        return _converted(x, dtype)
    return concrete(x).astype(dtype)


def _convert(x: Any, dtype: Any) -> Any:
    return x.astype(dtype) if hasattr(x, "astype") else np.asarray(x, dtype)


_converted = Rule("astype", _convert, (lambda g, y, x, dtype: g.astype(x.dtype),))
RULES[astype] = _to_dtype

# ------------------------------------------------------------------ products

rule(np.matmul, lambda g, y, a, b: _matmul_left(g, a, b), lambda g, y, a, b: _matmul_right(g, a, b))


def _matmul_left(g: Any, a: Any, b: Any) -> Any:
    """G Bᵀ, for A B: a vector a is a row, a vector b a column."""
    if a.ndim == b.ndim == 2:
        return g @ b.T
    rows, columns = _rows(a), _columns(b)
    return unbroadcast(_full(g, a, b) @ np.swapaxes(columns, -1, -2), rows).reshape(a.shape)


def _matmul_right(g: Any, a: Any, b: Any) -> Any:
    """Aᵀ G, for A B."""
    if a.ndim == b.ndim == 2:
        return a.T @ g
    rows, columns = _rows(a), _columns(b)
    return unbroadcast(np.swapaxes(rows, -1, -2) @ _full(g, a, b), columns).reshape(b.shape)


def _rows(a: Any) -> Any:
    return a[None, :] if a.ndim == 1 else a


def _columns(b: Any) -> Any:
    return b[:, None] if b.ndim == 1 else b


def _full(g: Any, a: Any, b: Any) -> Any:
    """G with the axes that matmul drops for vectors."""
    g = g[..., None] if b.ndim == 1 else g
    return g[..., None, :] if a.ndim == 1 else g
