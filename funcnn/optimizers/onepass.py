"""How does a formula of one array treat whole trees, and fast? `leafwise`.

The formula must treat every entry alone, so that arrays may be joined and cut without a bit of the result changing.
Small leaves are joined into one vector, because a call of a NumPy function costs more than their arithmetic; big ones
are worked through in blocks, because what fits the cache need not be written to memory and read again.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np

from funcnn import tree
from funcnn._arguments import place_of
from funcnn._arrays import BLOCK, blocks, is_concrete, is_plain, readonly
from funcnn.tree.structure import check_alike, parts
from funcnn.typing import Shape

__all__ = ["Formula", "check_fit", "kinds", "leafwise"]

Formula: TypeAlias = Callable[..., tuple[Any, ...]]
"""From the arrays at one place of several trees to arrays of the same shape."""

SEVERAL = 3
"""Formulas of fewer arrays are not cut into blocks: what is saved would be lost in putting the results together."""

SMALL = 4096
"""Arrays of at most so many entries are joined: their arithmetic costs less than its call."""


def leafwise(owner: str, formula: Formula, outputs: int, *trees: Any) -> tuple[Any, ...]:
    """Apply a formula of arrays that returns several to the leaves of trees: as many trees, their arrays read-only.

    The results must be new arrays. The first tree is the gradients, the others are a state; an error names the function
    that owns the formula.

    >>> w, v = {"w": np.array([1.0, 2.0])}, {"w": np.array([3.0, 5.0])}
    >>> leafwise("example", lambda w, v: (w + v, v - w), 2, w, v)
    ({'w': array([4., 7.])}, {'w': array([2., 3.])})
    """
    rows, forms = zip(*map(parts, trees), strict=True)
    kind = kinds(rows[0])
    are_arrays = {each[0] for each in kind} == {np.ndarray} or all(map(is_plain, rows[0]))
    groups = _groups(kind) if are_arrays else None
    for other, row, form in zip(trees[1:], rows[1:], forms[1:], strict=True):
        if kinds(row) != kind or not (form is forms[0] or form == forms[0]):
            check_fit(owner, "grads", trees[0], "state", other)
            groups = None
    results = _one_by_one(formula, outputs, rows) if groups is None else _together(formula, outputs, rows, groups)
    return tuple([forms[0].build(tuple(leaves)) for leaves in results])


def _one_by_one(formula: Formula, outputs: int, rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """The formula of one leaf of each tree after the other, whatever they are."""
    columns = [list(map(readonly, formula(*leaves))) for leaves in zip(*rows, strict=True)]
    return [[column[i] for column in columns] for i in range(outputs)]


# ----------------------------------------------------------------------------------------- joined, in blocks


_Group: TypeAlias = list[tuple[int, slice, Shape]]
"""Leaves that are worked on together: their places in the tree, and where in the vector of all of them each is."""


@functools.lru_cache(maxsize=256)
def _groups(kinds: tuple[tuple[type, Shape, Any], ...]) -> list[_Group]:
    """The small leaves of each dtype, and every other leaf by itself."""
    members: dict[Any, list[int]] = {}
    for place, (_, shape, dtype) in enumerate(kinds):
        members.setdefault(dtype if math.prod(shape) <= SMALL else place, []).append(place)
    return [_group(places, [kinds[place][1] for place in places]) for places in members.values()]


def _group(places: Sequence[int], shapes: Sequence[Shape]) -> _Group:
    ends = itertools.accumulate(map(math.prod, shapes))
    return [(place, slice(end - math.prod(shape), end), shape)
            for place, shape, end in zip(places, shapes, ends, strict=True)]


def _together(formula: Formula, outputs: int, rows: Sequence[tuple[Any, ...]], groups: list[_Group],
              ) -> list[list[Any]]:
    """The formula of ndarrays; those of a group are joined, and their results cut again."""
    results: list[list[Any]] = [[None] * len(rows[0]) for _ in range(outputs)]
    for group in groups:
        vectors = [_joined([row[place] for place, _, _ in group]) for row in rows]
        for result, whole in zip(results, map(readonly, _in_blocks(formula, vectors)), strict=True):
            for place, cut, shape in group:
                result[place] = whole[cut].reshape(shape) if len(shape) != 1 else whole[cut]
    return results


def _joined(leaves: list[Any]) -> Any:
    return leaves[0].reshape(-1) if len(leaves) == 1 else np.concatenate(leaves, axis=None)


def _in_blocks(formula: Formula, vectors: list[Any]) -> Sequence[Any]:
    """The formula of vectors, block by block where that pays: long vectors, and several, which take many operations."""
    size = len(vectors[0])
    if size <= BLOCK or len(vectors) < SEVERAL:
        return formula(*vectors)
    pieces = (formula(*[vector[block] for vector in vectors]) for block in blocks(size))
    first = next(pieces)
    if not all(map(is_concrete, first)):  # what is traced is not written into
        return formula(*vectors)
    wholes = [np.empty(size, piece.dtype) for piece in first]
    for block, results in zip(blocks(size), itertools.chain([first], pieces), strict=True):
        for whole, result in zip(wholes, results, strict=True):
            whole[block] = result
    return wholes


# ------------------------------------------------------------------------------------------------ errors


def kinds(leaves: Sequence[Any]) -> tuple[tuple[type, Shape, Any], ...]:
    """The type, shape and dtype of each leaf; a Python number has no dtype.

    >>> kinds([np.ones(2), 1.0])
    ((<class 'numpy.ndarray'>, (2,), dtype('float64')), (<class 'float'>, (), None))
    """
    try:
        return tuple(map(_KIND, leaves))
    except AttributeError:
        return tuple([(type(leaf), getattr(leaf, "shape", ()), getattr(leaf, "dtype", None)) for leaf in leaves])


_KIND = attrgetter("__class__", "shape", "dtype")


def check_fit(owner: str, name: str, one: Any, other_name: str, other: Any) -> None:
    """Raise an error of the function `owner` unless two trees have the same structure and shapes.

    >>> check_fit("update", "params", {"w": np.ones(2)}, "grads", {"w": np.ones(3)})
    Traceback (most recent call last):
    ...
    ValueError: update: grads has shape (3,) at 'w', where params has (2,)
    """
    try:
        check_alike(one, other)
        tree.map_with_path(_check_shapes, one, other)
    except ValueError as error:
        what = str(error).removeprefix("tree.map: ").replace("tree 1", other_name).replace("the first", name)
        raise ValueError(f"{owner}: {what}") from None


def _check_shapes(path: tree.Path, *pair: Any) -> None:
    here, there = [shape for _, shape, _ in kinds(pair)]
    if here != there:
        raise ValueError(f"tree 1 has shape {there} at {place_of(path)}, where the first has {here}")
