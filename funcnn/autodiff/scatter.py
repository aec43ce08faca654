"""How are cotangents added up without building each one? `Scatter`, `add`, `settle`.

The cotangent of x in `x[i]` is zero but for one entry. A loop over the n entries of x has n of them, and n arrays
of n numbers would make it quadratic. A `Scatter` remembers the entries and their places instead; the array is
built once, when all of them have arrived.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from funcnn import tree
from funcnn.core import RULES, Rule, getitem

__all__ = ["PUT", "Distinct", "Scatter", "add", "put", "settle"]


@tree.register_leaf
class Distinct(tuple[Any, ...]):
    """An index that is known to name no entry twice, so that writing there is as good as adding."""

    __slots__ = ()


class Scatter:
    """A cotangent of which only parts have arrived yet: g belongs at `index` of an array like x, zeros elsewhere."""

    __slots__ = ("dtype", "indices", "parts", "shape", "whole")

    def __init__(self, g: Any, index: Any, x: Any) -> None:
        self.shape, self.dtype = x.shape, x.dtype
        self.parts, self.indices = [g], [index]
        self.whole: Any = None

    def plus(self, other: Any) -> Scatter:
        """This cotangent, with another of the same value taken in (this one changes: it has but one owner)."""
        if type(other) is Scatter:
            self.parts += other.parts
            self.indices += other.indices
            other = other.whole
        if other is not None:
            self.whole = other if self.whole is None else self.whole + other
        return self

    def settle(self) -> Any:
        """The array."""
        scattered = PUT(*self.parts, *self.indices, shape=self.shape, dtype=self.dtype)
        return scattered if self.whole is None else self.whole + scattered


def add(a: Any, b: Any) -> Any:
    """The sum of two cotangents of one value.

    >>> x = np.zeros(3)
    >>> settle(add(add(np.ones(3), Scatter(5.0, 0, x)), Scatter(7.0, 2, x)))
    array([6., 1., 8.])
    """
    if type(a) is Scatter:
        return a.plus(b)
    return b.plus(a) if type(b) is Scatter else a + b


def settle(cotangent: Any) -> Any:
    """The cotangent as an array, now that nothing more will be added."""
    return cotangent.settle() if type(cotangent) is Scatter else cotangent


def put(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of this shape with g added at an index, as a differentiable operation.

    >>> put(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 2]), (3,))
    array([1., 0., 6.])
    """
    return PUT(g, index, shape=shape, dtype=g.dtype)


# ----------------------------------------------------------------------------------- one pass for all parts


def _scatter(*values: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros, and parts added to them; the parts come first, then the index of each."""
    array = np.zeros(shape, dtype)
    n = len(values) // 2
    for g, index in zip(values[:n], values[n:], strict=True):
        if _names_once(index):
            array[index] += g
        else:
            _add_at(array, index, g)
    return array


def _picked(i: int, h: Any, _y: Any, *values: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return RULES[getitem](h, values[len(values) // 2 + i])


class _Put(Rule):
    """A rule among whose arguments are indices: their lists and tuples are no arrays."""

    def _arrays(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return args


PUT = _Put(_scatter, name="put", each=_picked, formula=("y = zeros, and x added at [index]", "dx = g[index]"))


def _parts(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


_SINGLE = (int, slice, np.integer, type(None), type(...))


def _names_once(index: Any) -> bool:
    """Whether no entry can be named twice: slices, integers and masks, not arrays of integers."""
    if isinstance(index, _SINGLE) or type(index) is Distinct:
        return True
    return all(isinstance(part, _SINGLE) or _is_mask(part) for part in _parts(index))


def _is_mask(part: Any) -> bool:
    return isinstance(part, np.ndarray) and part.dtype == bool


_FEW = 256


def _add_at(array: Any, index: Any, g: Any) -> None:
    """`np.add.at`, which is slow but for few entries: whole rows are added at once, or else number by number."""
    k = _axes_named(index, array.ndim)
    if k == array.ndim == 1 or g.size < _FEW:
        np.add.at(array, index, g)
        return
    named, rest = array.shape[:k], math.prod(array.shape[k:])
    rows = np.arange(math.prod(named)).reshape(named)[index].reshape(-1)
    if np.max(np.bincount(rows)) == 1:
        array.reshape(-1, rest)[rows] += g.reshape(-1, rest)
    else:
        places = (rows[:, None] * rest + np.arange(rest)).reshape(-1)
        np.add.at(array.reshape(-1), places, g.reshape(-1))


def _axes_named(index: Any, ndim: int) -> int:
    """How many leading axes an index speaks of; the others are taken whole."""
    parts = _parts(index)
    return ndim if any(part is ... for part in parts) else sum(map(_axes_of, parts))


def _axes_of(part: Any) -> int:
    if part is None or isinstance(part, slice):
        return 0 if part is None else 1
    array = np.asarray(part)
    return array.ndim if array.dtype == bool else 1
