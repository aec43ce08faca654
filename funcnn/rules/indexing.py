"""How do derivatives follow entries that are picked: `x[...], take, diag, sort`?

The pullback of a pick is to put back. All picks are written as `x[index]`, whose cotangents are gathered in a
`funcnn.autodiff.scatter.Scatter`, so a loop over the entries of an array is not quadratic. What is picked may depend on
the values (sort, partition, unique): the derivative follows the entries, and the order is constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from funcnn.autodiff.scatter import PUT, Distinct, Scatter, put
from funcnn.batching import families
from funcnn.core import concrete, getitem, register
from funcnn.rules.shapes import moved
from funcnn.rules.table import Row, as_array, composite, row, shape_of

__all__ = ["PERMUTED", "PERMUTED_BACK", "PICKED"]

# ------------------------------------------------------------------ x[...]: integers, slices, arrays, masks, newaxis

PICKED = register(row(getitem, "y = x[index]",
                       "dx = zeros, and g added at [index]", lambda g, _y, _x, index: Scatter(g, index, _x),
                       batch=families.index))
PUT.batch = families.put


@composite(np.take, arrays=1)
def _take(a: Any, indices: Any, axis: int | None = None, out: None = None, mode: str = "raise") -> Any:
    if axis is None:
        return _take(np.ravel(a), indices, 0, mode=mode)
    axis %= a.ndim
    return PICKED(a, (slice(None),) * axis + (_within(as_array(indices), a.shape[axis], mode),))


def _within(indices: Any, n: int, mode: str) -> Any:
    """Indices that are valid, in the manner of `np.take`: wrapped around, clipped, or as they are."""
    if mode == "wrap":
        indices = indices % n
    if mode == "clip":
        indices = np.clip(indices, 0, n - 1)
    return indices


@composite(np.take_along_axis, arrays=2)
def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    if axis is None:
        return PICKED(np.ravel(arr), indices)
    return PICKED(arr, _along(shape_of(arr), indices, axis))


def _along(shape: tuple[int, ...], indices: Any, axis: int) -> tuple[Any, ...]:
    index: list[Any] = list(np.ogrid[tuple(slice(n) for n in shape)])
    index[axis] = indices
    return tuple(index)


@composite(np.compress)
def _compress(condition: Any, a: Any, axis: int | None = None, out: None = None) -> Any:
    return np.take(a, np.flatnonzero(condition), axis)


@composite(np.extract)
def _extract(condition: Any, arr: Any) -> Any:
    return np.ravel(arr)[np.flatnonzero(condition)]


@composite(np.delete)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    return moved(arr, np.delete, obj, axis)


@composite(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Both arrays are laid in a row; where each entry comes from is found by inserting their numbers."""
    size = np.size(arr)
    places = np.arange(size).reshape(np.shape(arr))
    others = size + np.arange(np.size(values)).reshape(np.shape(values))
    return np.append(arr, values)[np.insert(places, obj, others, axis)]


# ------------------------------------------------------------------ diagonals


@composite(np.diagonal)
def _diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    n, m = a.shape[axis1], a.shape[axis2]
    return np.moveaxis(a, (axis1, axis2), (-2, -1))[_on_diagonal(min(n, m - offset, n + offset, m), offset, ...)]


def _on_diagonal(length: int, offset: int, *before: Any) -> Distinct:
    i = np.arange(max(length, 0))
    return Distinct((*before, i + max(-offset, 0), i + max(offset, 0)))


@composite(np.linalg.diagonal)
def _matrix_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


@composite(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: None = None) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


@composite(np.linalg.trace)
def _matrix_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return np.trace(x, offset, -2, -1, dtype)


@composite(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 2:
        return np.diagonal(v, k)
    n = len(v) + abs(k)
    return put(v, _on_diagonal(len(v), k), (n, n))


@composite(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return np.diag(np.ravel(v), k)


# ------------------------------------------------------------------ order: the entries move as their values tell


def _permute(x: Any, order: Any, axis: int) -> Any:
    return np.take_along_axis(x, order, axis)


def _permute_back(x: Any, order: Any, axis: int) -> Any:
    moved_back = np.empty(x.shape, x.dtype)
    np.put_along_axis(moved_back, order, x, axis)
    return moved_back


PERMUTED: Row = row(_permute, "y = x in another order", "dx = g in the order of x",
                    lambda g, _y, _x, order, axis: PERMUTED_BACK(g, order, axis), name="take_along_axis",
                    batch=families.along)
PERMUTED_BACK: Row = row(_permute_back, "y = x in its former order", "dx = g in the order of x",
                         lambda g, _y, _x, order, axis: PERMUTED(g, order, axis), name="put_along_axis",
                         batch=families.along)
_SORTED = row(np.sort, "y = sort(x, axis)", "dx = g in the order of x",
              lambda g, _y, x, axis: PERMUTED_BACK(g, np.argsort(x, axis, kind="stable"), axis), batch=families.along)


@composite(np.sort)
def _sort(a: Any, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: bool | None = None) -> Any:
    """Of equal entries the first in x is the first in y."""
    return _SORTED(np.ravel(a) if axis is None else a, -1 if axis is None else axis)


@composite(np.partition)
def _partition(a: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: Any = None) -> Any:
    if axis is None:
        return np.partition(np.ravel(a), kth)
    return PERMUTED(a, np.argpartition(a, kth, axis), axis)


@composite(np.unique, looks=True)
def _unique(ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
            axis: int | None = None, **options: Any) -> Any:
    """Of equal entries the first gets the cotangent."""
    options |= {"return_index": True, "return_inverse": return_inverse, "return_counts": return_counts}
    found = np.unique(concrete(ar), axis=axis, **options)
    values = np.take(ar, found[1], axis)
    wanted = (values, *found[1 if return_index else 2:])
    return wanted if len(wanted) > 1 else values


# ------------------------------------------------------------------ choices by several conditions


@composite(np.choose)
def _choose(a: Any, choices: Any, out: None = None, mode: str = "raise") -> Any:
    index, *arrays = np.broadcast_arrays(_within(a, len(choices), mode), *choices)
    return np.take_along_axis(np.stack(arrays), index[None], 0)[0]


@composite(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


@composite(np.piecewise, looks=True)
def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    conditions = _conditions(condlist, x)
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    result: Any = np.zeros(x.shape, x.dtype)
    for condition, fun in zip(conditions, funclist, strict=True):
        chosen = fun(x[condition], *args, **kw) if callable(fun) else fun
        result = np.where(condition, put(_like(chosen, x[condition]), condition, x.shape), result)
    return result


def _conditions(condlist: Any, x: Any) -> list[Any]:
    several = isinstance(condlist, list | tuple) and np.ndim(condlist[0]) == x.ndim
    return [np.asarray(c, bool) for c in (condlist if several or np.ndim(condlist) > x.ndim else [condlist])]


def _like(value: Any, x: Any) -> Any:
    return np.broadcast_to(value, x.shape).astype(x.dtype)
