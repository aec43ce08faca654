"""With this module you can lift a formula for one array to whole trees, and have it run fast: `leafwise`.

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
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from funcnn import tree
from funcnn._arrays import BLOCK, blocks, is_concrete, readonly
from funcnn.tree.frozendict import FrozenDict, of_vector, vector_of
from funcnn.typing import Shape

__all__ = ["Formula", "Layout", "check_fit", "joined", "kinds", "leafwise"]

Formula: TypeAlias = Callable[..., tuple[Any, ...]]
"""From the arrays at one place of several trees to arrays of the same shape."""

SEVERAL = 3
"""Formulas of fewer arrays are not cut into blocks: what is saved would be lost in putting the results together."""

SMALL = 4096
"""Arrays of at most so many entries are joined: their arithmetic costs less than its call."""


_NDARRAY = frozenset([np.ndarray])


def leafwise(owner: str, formula: Formula, outputs: int, *trees: Any) -> tuple[Any, ...]:
    """Apply a formula of arrays that returns several to the leaves of trees: as many trees, their arrays read-only.

    The results must be new arrays. The first tree is the gradients, the others are a state; an error names the function
    that owns the formula.

    >>> w, v = {"w": np.array([1.0, 2.0])}, {"w": np.array([3.0, 5.0])}
    >>> leafwise("example", lambda w, v: (w + v, v - w), 2, w, v)
    ({'w': array([4., 7.])}, {'w': array([2., 3.])})
    """
    together = joined(trees)
    if together is not None:
        layout, vectors = together
        wholes = _in_blocks(formula, vectors)
        if _NDARRAY.issuperset(map(type, wholes)):  # else a number in the formula is traced
            return tuple([of_vector(whole, layout) for whole in wholes])
    rows = [tree.leaves(each) for each in trees]
    form, kind = tree.structure(trees[0]), kinds(rows[0])
    groups = _groups(tuple(kind))
    for other, row in zip(trees[1:], rows[1:], strict=True):
        if kinds(row) != kind or tree.structure(other) != form:
            check_fit(owner, "grads", trees[0], "state", other)
            groups = None
    results = _one_by_one(formula, outputs, rows) if groups is None else _together(formula, outputs, rows, groups)
    return tuple([tree.unflatten(form, leaves) for leaves in results])


def _one_by_one(formula: Formula, outputs: int, rows: list[list[Any]]) -> list[list[Any]]:
    """The formula of one leaf of each tree after the other, whatever they are."""
    columns = [list(map(readonly, formula(*leaves))) for leaves in zip(*rows, strict=True)]
    return [[column[i] for column in columns] for i in range(outputs)]


# -------------------------------------------------------------------------------------- trees in one vector


@final
class Layout:
    """How the leaves of a tree stand in one vector, which is worked on faster than many small arrays.

    >>> params = FrozenDict({"w": np.ones((1, 2)), "b": np.zeros(2, np.float64)})
    >>> layout, (vector, _) = joined([params, params])
    >>> vector
    array([0., 0., 1., 1.])
    >>> of_vector(vector + 1.0, layout)["w"]
    array([[2., 2.]])
    """

    __slots__ = ("cuts", "structure")

    def __init__(self, structure: tree.Structure, shapes: Sequence[Shape]) -> None:
        self.structure, self.cuts = structure, _cuts(shapes)

    def cut(self, vector: Any) -> tuple[Any, ...]:
        """The leaves, as views of the vector."""
        return tuple([vector[cut].reshape(shape) for cut, shape in self.cuts])

    def vector(self, t: Any) -> Any:
        """The leaves of a tree joined, or None if it is not a FrozenDict like this of ndarrays of one dtype."""
        if type(t) is not FrozenDict:
            return None
        known = vector_of(t)
        if known is not None and known[0] is self:
            return known[1]
        leaves, structure = tree.flatten(t)
        if structure is not self.structure and structure != self.structure:
            return None
        for leaf, (_, shape) in zip(leaves, self.cuts, strict=True):
            if type(leaf) is not np.ndarray or leaf.shape != shape or leaf.dtype != leaves[0].dtype:
                return None
        return np.concatenate(leaves, axis=None) if leaves[0].dtype.isnative else None


def _layout(t: Any) -> Layout | None:
    """The layout of a FrozenDict of small ndarrays."""
    if type(t) is not FrozenDict:
        return None
    known = vector_of(t)
    if known is not None:
        return known[0]
    leaves, structure = tree.flatten(t)
    if not (leaves and structure.fixed and all(type(leaf) is np.ndarray and leaf.size <= SMALL for leaf in leaves)):
        return None
    return Layout(structure, [leaf.shape for leaf in leaves])


def joined(trees: Sequence[Any]) -> tuple[Layout, list[Any]] | None:
    """The layout and the vectors of trees that are alike, FrozenDicts of small ndarrays of one dtype; else None."""
    layout = _layout(trees[0])
    if layout is None:
        return None
    vectors: list[Any] = []
    for each in trees:
        vector = layout.vector(each)
        if vector is None or (vectors and vector.dtype != vectors[0].dtype):
            return None
        vectors.append(vector)
    return layout, vectors


# ----------------------------------------------------------------------------------------- joined, in blocks


class _Group(NamedTuple):
    """Leaves that are worked on together: their places in the tree, and in the vector of all of them."""

    places: list[int]
    cuts: list[tuple[slice, Shape]]


@functools.lru_cache(maxsize=256)
def _groups(kinds: tuple[tuple[type, Shape, Any], ...]) -> list[_Group] | None:
    """The small leaves of each dtype, and every other leaf by itself; None if they are not all ndarrays."""
    if any(kind is not np.ndarray for kind, _, _ in kinds):
        return None
    members: dict[Any, list[int]] = {}
    for place, (_, shape, dtype) in enumerate(kinds):
        members.setdefault(dtype if math.prod(shape) <= SMALL else place, []).append(place)
    return [_Group(places, _cuts([kinds[place][1] for place in places])) for places in members.values()]


def _cuts(shapes: Sequence[Shape]) -> list[tuple[slice, Shape]]:
    ends = list(itertools.accumulate(map(math.prod, shapes), initial=0))
    return [(slice(start, end), shape) for (start, end), shape in zip(itertools.pairwise(ends), shapes, strict=True)]


def _together(formula: Formula, outputs: int, rows: list[list[Any]], groups: list[_Group]) -> list[list[Any]]:
    """The formula of ndarrays, group by group."""
    if len(groups) == 1:
        return _as_one(formula, rows, groups[0].cuts)
    results: list[list[Any]] = [[None] * len(rows[0]) for _ in range(outputs)]
    for places, cuts in groups:
        done = _as_one(formula, [[row[place] for place in places] for row in rows], cuts)
        for result, leaves in zip(results, done, strict=True):
            for place, leaf in zip(places, leaves, strict=True):
                result[place] = leaf
    return results


def _as_one(formula: Formula, rows: list[list[Any]], cuts: list[tuple[slice, Shape]]) -> list[list[Any]]:
    """The formula of the leaves joined, and its results cut into leaves again."""
    vectors = [row[0].reshape(-1) if len(row) == 1 else np.concatenate(row, axis=None) for row in rows]
    wholes = map(readonly, _in_blocks(formula, vectors))
    return [[whole[cut].reshape(shape) for cut, shape in cuts] for whole in wholes]


def _in_blocks(formula: Formula, vectors: list[Any]) -> Sequence[Any]:
    """The formula of vectors, block by block where that pays: long vectors, and several, which take many operations."""
    size = len(vectors[0])
    if size <= BLOCK or len(vectors) < SEVERAL:
        return formula(*vectors)
    parts = (formula(*[vector[block] for vector in vectors]) for block in blocks(size))
    first = next(parts)
    if not all(map(is_concrete, first)):  # a number in the formula is traced
        return formula(*vectors)
    wholes = [np.empty(size, part.dtype) for part in first]
    for block, results in zip(blocks(size), itertools.chain([first], parts), strict=True):
        for whole, result in zip(wholes, results, strict=True):
            whole[block] = result
    return wholes


# ------------------------------------------------------------------------------------------------ errors


def kinds(leaves: Sequence[Any]) -> list[tuple[type, Shape, Any]]:
    """The type, shape and dtype of each leaf; a Python number has no dtype.

    >>> kinds([np.ones(2), 1.0])
    [(<class 'numpy.ndarray'>, (2,), dtype('float64')), (<class 'float'>, (), None)]
    """
    try:
        return list(map(_KIND, leaves))
    except AttributeError:
        return [(type(leaf), getattr(leaf, "shape", ()), getattr(leaf, "dtype", None)) for leaf in leaves]


_KIND = attrgetter("__class__", "shape", "dtype")


def check_fit(owner: str, name: str, one: Any, other_name: str, other: Any) -> None:
    """Raise an error of the function `owner` unless two trees have the same structure and shapes.

    >>> check_fit("update", "params", {"w": np.ones(2)}, "grads", {"w": np.ones(3)})
    Traceback (most recent call last):
    ...
    ValueError: update: grads has shape (3,) at 'w', where params has (2,)
    """
    try:
        tree.map_with_path(_check_shapes, one, other)
    except ValueError as error:
        what = str(error).removeprefix("tree.map: ").replace("tree 1", other_name).replace("the first", name)
        raise ValueError(f"{owner}: {what}") from None


def _check_shapes(path: tree.Path, *pair: Any) -> None:
    here, there = [shape for _, shape, _ in kinds(pair)]
    if here != there:
        place = repr(tree.keystr(path)) if path else "the root"
        raise ValueError(f"tree 1 has shape {there} at {place}, where the first has {here}")
