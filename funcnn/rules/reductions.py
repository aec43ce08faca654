"""What are the derivatives of functions that make one number of many: `sum, max, prod, var`?

The cotangent of the result goes back to every entry (sum, mean), to the entry that was chosen (max, median), or to
each in proportion to what the others are (prod). Cumulative and sorted statistics are here too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn._arrays import stretch
from funcnn.autodiff import stop_gradient
from funcnn.autodiff.scatter import put
from funcnn.batching import families
from funcnn.batching.batch import by_example
from funcnn.core import Rule, surely, underlying
from funcnn.rules.indexing import PERMUTED, PERMUTED_BACK
from funcnn.rules.table import (
    as_array,
    composite,
    conj,
    masked,
    numpy_has,
    one_where_zero,
    over,
    refuse,
    row,
    rule,
    shape_of,
)

__all__ = ["axes_of", "counting", "keeps_digits", "kept", "of_size_one", "spread", "unit"]

# ------------------------------------------------------------------ reduced axes


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    """The reduced axes, counted from the front."""
    ndim = len(shape_of(x))
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple | list) else (axis,)))


def kept(g: Any, x: Any, axis: Any) -> Any:
    """A result or cotangent of a reduction with the reduced axes put back, as length 1."""
    if axis is None:
        return g.reshape((1,) * len(shape_of(x)))
    axes = axes_of(x, axis)
    return g.reshape([1 if a in axes else n for a, n in enumerate(shape_of(x))])


def spread(g: Any, x: Any, axis: Any) -> Any:
    """The cotangent of a sum, copied to all that was summed."""
    return stretch(kept(g, x, axis), shape_of(x))


def _count(x: Any, axis: Any) -> int:
    if axis is None:
        return int(x.size)
    return math.prod(shape_of(x)[a] for a in axes_of(x, axis))


def counting(x: Any) -> Any:
    """X in a dtype that can count its entries: float16 ends at 65504."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _last(x: Any, axis: Any) -> Any:
    """The array with its reduced axes as one, the last."""
    axes = axes_of(x, axis)
    others = [a for a in range(len(shape_of(x))) if a not in axes]
    shape = [shape_of(x)[a] for a in others]
    return np.transpose(x, (*others, *axes)).reshape((*shape, _count(x, axis)))


def _back_from_last(z: Any, x: Any, axis: Any) -> Any:
    axes, shape = axes_of(x, axis), shape_of(x)
    order = [*(a for a in range(len(shape)) if a not in axes), *axes]
    return np.transpose(z.reshape([shape[a] for a in order]), np.argsort(order))


# ------------------------------------------------------------------ sum and mean


rule(np.sum, "y = sum(x)",
     "dx = g, for each entry", lambda g, _y, _x, axis=None, *options, **others: spread(g, _x, axis),
     batch=families.reduction)
rule(np.mean, "y = sum(x) / n",
     "dx = g / n, for each entry",
     lambda g, _y, _x, axis=None, *options, **others: spread(counting(g) * (1 / max(_count(_x, axis), 1)), _x, axis),
     batch=families.reduction)


@composite(np.average, arrays=1)
def _weighted(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    if weights is None:
        mean, total = np.mean(a, axis=axis, keepdims=keepdims), np.float64(_count(a, axis))
    else:
        weights = _against(as_array(weights), a, axis)
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        mean = np.sum(np.multiply(a, weights), axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, shape_of(mean))) if returned else mean


def _against(weights: Any, a: Any, axis: Any) -> Any:
    """Weights with the shape of a; those that have only the reduced axes are copied along the others."""
    if np.shape(weights) == shape_of(a):
        return weights
    axes = axes_of(a, axis)
    apart = [n if i in axes else 1 for i, n in enumerate(shape_of(a))]
    return np.broadcast_to(np.transpose(weights, np.argsort(axes)).reshape(apart), shape_of(a))


# ------------------------------------------------------------------ variance: 0 where the standard deviation is


def _deviations(x: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0, keepdims: bool = False,
                *, correction: float | None = None, mean: Any = None) -> tuple[Any, Any]:
    """X - m, and n less the degrees of freedom that m has taken."""
    refuse("var", "write it out with the mean", mean=mean)
    freedom = _count(x, axis) - (ddof if correction is None else correction)
    return x - np.mean(x, axis=axis, keepdims=True), freedom


def _known_deviations(x: Any, axis: Any = None, dtype: Any = None, out: None = None, ddof: float = 0,
                      keepdims: bool = False) -> tuple[Any, Any]:
    """The same without NaN, of which the deviation is 0."""
    known = ~np.isnan(x)
    freedom = np.maximum(np.count_nonzero(known, axis=axis, keepdims=True) - ddof, 1).astype(x.dtype)
    return masked(x - np.nanmean(x, axis=axis, keepdims=True), known), freedom


def _var_back(g: Any, x: Any, axis: Any, deviations: Any, freedom: Any) -> Any:
    return kept(counting(g) * 2, x, axis) / freedom * conj(deviations)


def _std_back(g: Any, y: Any, x: Any, axis: Any, deviations: Any, freedom: Any) -> Any:
    """(x - m) / (n y), as y is the length of all x - m over sqrt(n)."""
    root = freedom ** 0.5
    return kept(counting(g), x, axis) / root * conj(unit(deviations, kept(y, x, axis) * root, axis))


def of_size_one(x: Any, axis: Any) -> Any:
    """X without a scale: over its largest entry along axes."""
    return x / one_where_zero(stop_gradient(np.max(np.abs(x), axis=axis, keepdims=True, initial=0)))


def unit(x: Any, length: Any, axis: Any) -> Any:
    """X / length, and 0 where x is 0 (as `over`): also where its squares are too large or too small for the length.

    >>> unit(np.array([3e200, 4e200]), np.array([np.inf]), 0)
    array([0.6, 0.8])
    """
    known = np.finfo(length.dtype)
    if surely(np.all((length > (known.tiny / known.eps) ** 0.5) & (length < known.max ** 0.5))):
        return x / length
    x = of_size_one(counting(x), axis)
    return over(x, np.sqrt(np.sum(np.real(x * conj(x)), axis=axis, keepdims=True)))


rule(np.var, "y = sum((x - m)**2) / n, m = mean(x)", "dx = 2 * g * (x - m) / n",
     lambda g, _y, x, axis=None, *args, **options: _var_back(
         g, x, axis, *_deviations(counting(x), axis, *args, **options)), batch=families.reduction)
rule(np.std, "y = sqrt(sum((x - m)**2) / n), m = mean(x)", "dx = g * (x - m) / (n * y)",
     lambda g, y, x, axis=None, *args, **options: _std_back(
         g, y, x, axis, *_deviations(counting(x), axis, *args, **options)), batch=families.reduction)
rule(np.nanvar, "y = sum((x - m)**2) / n, m = mean(x)", "dx = 2 * g * (x - m) / n, 0 at NaN",
     lambda g, _y, x, axis=None, *args, **options: masked(_var_back(
         g, x, axis, *_known_deviations(counting(x), axis, *args, **options)), ~np.isnan(x)), batch=families.reduction)
rule(np.nanstd, "y = sqrt(sum((x - m)**2) / n), m = mean(x)", "dx = g * (x - m) / (n * y), 0 at NaN",
     lambda g, y, x, axis=None, *args, **options: masked(_std_back(
         g, y, x, axis, *_known_deviations(counting(x), axis, *args, **options)), ~np.isnan(x)),
     batch=families.reduction)

# ------------------------------------------------------------------ extremes: entries that tie share equally


def _to_extreme(g: Any, y: Any, x: Any, axis: Any = None, out: None = None, keepdims: bool = False,
                initial: Any = None) -> Any:
    chosen, g = x == kept(y, x, axis), counting(g)
    ties = np.count_nonzero(chosen, axis=axis, keepdims=True)
    if initial is not None:
        ties = ties + (kept(y, x, axis) == initial)
    return masked(stretch(kept(g, x, axis) / np.maximum(ties, 1).astype(g.dtype), shape_of(x)), chosen)


for _extreme, _said in ((np.max, "max"), (np.amax, "max"), (np.nanmax, "max"),
                        (np.min, "min"), (np.amin, "min"), (np.nanmin, "min")):
    rule(_extreme, f"y = {_said}(x)", "dx = g where x == y, shared", _to_extreme, batch=families.reduction)


@composite(np.ptp)
def _ptp(a: Any, axis: Any = None, out: None = None, keepdims: Any = False) -> Any:
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


# ------------------------------------------------------------------ products, also of zeros, and running totals


def keeps_digits(g: Any, y: Any) -> bool:
    """Whether g y, divided by a factor of y, is g times the product of the others: neither y nor g y has overflowed or
    is so small that digits are lost.
    """
    least, size = np.finfo(y.dtype).tiny, abs(g * y)
    return surely(np.all(np.isfinite(size) & (abs(y) >= least) & ((size >= least) | (g == 0))))


def _prod_back(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: bool = False,
               initial: Any = 1) -> Any:
    if keeps_digits(g, y):
        return kept(g * y, x, axis) / x
    return kept(g * initial, x, axis) * _back_from_last(_products_of_others(_last(x, axis)), x, axis)


def _products_of_others(x: Any) -> Any:
    """Of each entry along the last axis, the product of all others: small and large ones in turn, so that no part of it
    overflows where the whole does not.
    """
    n = x.shape[-1]
    k = np.arange(n)
    order = np.argsort(np.abs(x), axis=-1)[..., np.where(k % 2 == 0, k // 2, n - 1 - k // 2)]
    row = PERMUTED(x, order, -1)
    return PERMUTED_BACK(_before(row) * _reversed(_before(_reversed(row))), order, -1)


def _before(x: Any) -> Any:
    """The product of the entries before each, along the last axis."""
    return np.cumprod(np.concatenate([np.ones((*x.shape[:-1], 1), x.dtype), x[..., :-1]], axis=-1), axis=-1)


def _reversed(x: Any) -> Any:
    return x[..., ::-1]


def _cumprod_back(g: Any, y: Any, x: Any, axis: int) -> Any:
    """Sum over k >= j of g_k y_k / x_j, where y_k / x_j is a product without x_j."""
    if keeps_digits(g, y):
        return _totals_from_end(g * y, axis) / x
    x, g = np.moveaxis(x, axis, -1), np.moveaxis(g, axis, -1)
    following = [g[..., -1]]
    for j in range(x.shape[-1] - 2, -1, -1):
        following.append(g[..., j] + x[..., j + 1] * following[-1])
    return np.moveaxis(_before(x) * np.stack(following[::-1], axis=-1), -1, axis)


def _totals_from_end(x: Any, axis: int) -> Any:
    return np.flip(np.cumsum(np.flip(x, axis), axis), axis)


def _running_sum(x: Any, axis: int, dtype: Any = None) -> Any:
    return np.cumsum(x, axis, dtype)


def _running_product(x: Any, axis: int, dtype: Any = None) -> Any:
    return np.cumprod(x, axis, dtype)


rule(np.prod, "y = prod(x)", "dx = g * y / x, also at 0", _prod_back, batch=families.reduction)
_CUMSUM = row(_running_sum, "y = cumsum(x)", "dx = sums of g from each entry on",
              lambda g, _y, _x, axis, dtype=None: _totals_from_end(g, axis), name="cumsum", batch=families.along)
_CUMPROD = row(_running_product, "y = cumprod(x)", "dx = sums of g * y from each entry on, / x",
               lambda g, y, x, axis, dtype=None: _cumprod_back(g, y, x, axis), name="cumprod", batch=families.along)


def _running(total: Callable[..., Any]) -> Callable[..., Any]:
    def run(a: Any, axis: int | None = None, dtype: Any = None, out: None = None) -> Any:
        return total(np.ravel(a) if axis is None else a, axis=axis or 0, dtype=dtype)

    return run


def _with_initial(total: Callable[..., Any], initial: float) -> Callable[..., Any]:
    def run(x: Any, /, *, axis: int | None = None, dtype: Any = None, out: None = None, include_initial: bool = False,
            ) -> Any:
        axis = 0 if axis is None else axis % x.ndim
        y = total(x, axis=axis, dtype=dtype)
        first = np.full((*x.shape[:axis], 1, *x.shape[axis + 1:]), initial, y.dtype)
        return np.concatenate([first, y], axis=axis) if include_initial else y

    return run


composite(np.cumsum)(_running(_CUMSUM))
composite(np.cumprod)(_running(_CUMPROD))
composite(numpy_has("cumulative_sum"))(_with_initial(_CUMSUM, 0))
composite(numpy_has("cumulative_prod"))(_with_initial(_CUMPROD, 1))

# ------------------------------------------------------------------ without what is not a number


def _replacing_nan(fun: Callable[..., Any], value: float) -> Callable[..., Any]:
    def run(a: Any, *args: Any, **options: Any) -> Any:
        return fun(np.where(np.isnan(a), value, a), *args, **options)

    return run


composite(np.nansum)(_replacing_nan(np.sum, 0))
composite(np.nanprod)(_replacing_nan(np.prod, 1))
composite(np.nancumsum)(_replacing_nan(np.cumsum, 0))
composite(np.nancumprod)(_replacing_nan(np.cumprod, 1))


@composite(np.nanmean)
def _nanmean(a: Any, axis: Any = None, dtype: Any = None, out: None = None, keepdims: Any = False) -> Any:
    count = np.sum(~np.isnan(a), axis=axis, keepdims=keepdims)
    total = np.nansum(a, axis=axis, dtype=dtype, keepdims=keepdims)
    return (counting(total) / count.astype(counting(total).dtype)).astype(total.dtype)


# ------------------------------------------------------------------ statistics of sorted entries


def _sorted_last(a: Any, axis: Any) -> tuple[Any, Any]:
    """The entries in order along a last axis, those that are not numbers at its end, and how many are."""
    row = np.sort(_last(a, axis))
    return row, np.count_nonzero(~np.isnan(row), axis=-1, keepdims=True)


def _entry(row: Any, position: Any) -> Any:
    return np.take_along_axis(row, np.maximum(position, 0), -1)[..., 0]


def _or_nan(result: Any, row: Any) -> Any:
    """Not a number where an entry was none."""
    return np.where(np.isnan(row[..., -1]), row[..., -1], result)


@composite(np.nanmedian)
def _nanmedian(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False,
               keepdims: bool = False) -> Any:
    row, n = _sorted_last(a, axis)
    middle = (_entry(row, (n - 1) // 2) + _entry(row, n // 2)) / 2
    return kept(middle, a, axis) if keepdims else middle


@composite(np.median)
def _median(a: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    row, _ = _sorted_last(a, axis)
    n = row.shape[-1]
    middle = _or_nan((row[..., (n - 1) // 2] + row[..., n // 2]) / 2, row)
    return kept(middle, a, axis) if keepdims else middle


def _quantile_of(row: Any, n: Any, q: float, method: str) -> Any:
    """The entry at q (n - 1), counted from 0; between two of them by the method."""
    position = q * (n - 1)
    below, above = np.floor(position).astype(np.intp), np.ceil(position).astype(np.intp)
    picked = {"lower": below, "higher": above, "nearest": np.rint(position).astype(np.intp)}.get(method)
    if picked is not None:
        return _entry(row, picked)
    t = (position - below if method == "linear" else 0 * position + 0.5)[..., 0].astype(row.dtype)
    a, b = _entry(row, below), _entry(row, above)
    return np.where(t < 0.5, a + (b - a) * t, b - (b - a) * (1 - t))


def _quantiles(per_unit: float, skip_nan: bool) -> Callable[..., Any]:
    def run(a: Any, q: Any, axis: Any = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
            keepdims: bool = False, *, weights: Any = None) -> Any:
        unknown = None if method in ("linear", "lower", "higher", "midpoint", "nearest") else method
        refuse("quantile", "use 'linear', 'lower', 'higher', 'midpoint' or 'nearest', and no weights",
               method=unknown, weights=weights)
        row, n = _sorted_last(a, axis)
        row = row if isinstance(q, int | float) else row.astype(np.result_type(a.dtype, np.asarray(q)))
        n = n if skip_nan else n * 0 + row.shape[-1]
        found = [_quantile_of(row, n, float(one) / per_unit, method) for one in np.ravel(q)]
        found = found if skip_nan else [_or_nan(value, row) for value in found]
        found = [kept(value, a, axis) for value in found] if keepdims else found
        return np.stack(found).reshape(np.shape(q) + found[0].shape) if np.ndim(q) else found[0]

    return run


composite(np.quantile)(_quantiles(1, skip_nan=False))
composite(np.percentile)(_quantiles(100, skip_nan=False))
composite(np.nanquantile)(_quantiles(1, skip_nan=True))
composite(np.nanpercentile)(_quantiles(100, skip_nan=True))

# ------------------------------------------------------------------ counts and covariances


def _counted(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """The numbers of each example moved to a range of their own, so that one count serves all."""
    x, length = values[0], options["minlength"]
    numbers = underlying(x)
    if numbers.size == 0 or not surely((numbers.min() >= 0) & (numbers.max() < length)):
        return by_example(rule, n, values, mapped, options)
    return rule(np.ravel(x + length * np.arange(n)[:, None]), minlength=n * length).reshape((n, length))


_BINCOUNT = Rule(np.bincount, batch=_counted)   # constant


@composite(np.bincount)
def _bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    if weights is None:
        return _BINCOUNT(x, minlength=minlength)
    return put(weights.astype(np.float64), x, (max(minlength, int(np.max(x, initial=-1)) + 1),))


@composite(np.cov, arrays=2)
def _cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None,
         fweights: Any = None, aweights: Any = None, *, dtype: Any = None) -> Any:
    refuse("cov", "write the weighted means out", fweights=fweights, aweights=aweights)
    dtype = np.result_type(m.dtype, np.float64) if dtype is None else dtype
    rows = [np.atleast_2d(v).astype(dtype) for v in (m, y) if v is not None]
    rows = [v if rowvar or v.shape[0] == 1 else v.T for v in rows]
    x = np.concatenate(rows) if len(rows) > 1 else rows[0]
    x = x - np.mean(x, axis=1, keepdims=True)
    freedom = x.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    if freedom <= 0:
        raise ValueError(f"np.cov: the number of observations, {x.shape[1]} (columns of m; with rowvar=False rows), "
                         f"less ddof is {freedom} and must be at least 1; give more of them, or ddof=0")
    return np.squeeze((x @ conj(x).T) * (1 / freedom))


@composite(np.corrcoef, arrays=2)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviations = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviations[:, None] / deviations[None, :]
    return np.clip(c, -1, 1) if c.dtype.kind == "f" else c
