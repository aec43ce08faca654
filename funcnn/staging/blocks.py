"""Which operations are worked through block by block? `runs`: neighbours that treat every entry alone, of large arrays.

What fits the cache need not be written to memory and read again, and blocks can be shared out to threads. NumPy's
functions of single entries give the same bits whole and in blocks. `gathered` makes neighbours of operations that could
be: what comes later, and is the last to read what is computed here, need not wait.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from funcnn.staging.equation import Equation, Method, Variable

__all__ = ["Run", "gathered", "is_dense", "is_reshape", "runs"]

BLOCK = 64 * 1024
"""Entries of a block: few enough for the cache, and enough that a call of NumPy's costs less than its work."""

LARGE = BLOCK
"""Entries; arrays that are not larger are not cut."""


class Run(NamedTuple):
    """Equations from start to stop - 1, the shape in which their arrays are cut, and how many rows of it are a block.

    The shape is that of all results, or (n,) where the arrays are taken as vectors.
    """

    start: int
    stop: int
    shape: tuple[int, ...]
    rows: int


def runs(equations: Sequence[Equation]) -> list[Run]:
    """The runs of at least two equations that calculate, in their order."""
    found: list[Run] = []
    start = 0
    while start < len(equations):
        way, stop = _begun(equations[start]), start + 1
        while way and stop < len(equations) and (longer := way.with_(equations[stop])):
            way, stop = longer, stop + 1
        if way and sum(not is_reshape(each) for each in equations[start:stop]) > 1:
            shape = (math.prod(way.shape),) if way.as_vectors else way.shape
            found.append(Run(start, stop, shape, max(1, BLOCK // math.prod(shape[1:]))))
        start = stop
    return found


class _Way(NamedTuple):
    """How the arrays of a run may be cut: along their first axis, as vectors, or in both ways."""

    shape: tuple[int, ...]
    by_rows: bool
    as_vectors: bool

    def with_(self, equation: Equation) -> _Way | None:
        """The ways that are left when an equation joins the run; None when there is none."""
        y = equation.result
        if not (is_reshape(equation) or _is_entrywise(equation)) or y.size != math.prod(self.shape):
            return None
        by_rows = self.by_rows and y.shape == self.shape and all(_has_its_rows(x, y) for x in equation.operands)
        as_vectors = self.as_vectors and (is_reshape(equation) or all(_is_vector_like(x, y) for x in equation.operands))
        return _Way(self.shape, by_rows, as_vectors) if by_rows or as_vectors else None


def _begun(equation: Equation) -> _Way | None:
    """The ways to cut the arrays of an equation alone; None where it does not calculate, or they are small."""
    y = equation.result
    is_first = y.kind is np.ndarray and y.size > LARGE and not is_reshape(equation)
    return _Way(y.shape, True, True).with_(equation) if is_first else None


def _is_entrywise(equation: Equation) -> bool:
    function, y = equation.function, equation.result
    return (isinstance(function, np.ufunc) and function.signature is None and function.nout == 1
            and y.kind is np.ndarray and is_dense(y) and not equation.options and not equation.errors)


def is_reshape(equation: Equation) -> bool:
    """Whether the result is its operand in another shape, entry by entry in the same order."""
    x = equation.operands[0] if equation.operands else None
    return (equation.function in (Method("reshape"), np.reshape) and isinstance(x, Variable)
            and equation.reads == [x] == list(equation.views) and x.kind is np.ndarray and is_dense(x)
            and is_dense(equation.result) and not equation.errors)


def _has_its_rows(x: object, y: Variable) -> bool:
    """Whether an operand has rows like the result, or is the same for all rows."""
    shape = getattr(x, "shape", ())
    return isinstance(shape, tuple) and (len(shape) < len(y.shape) or shape[0] in (1, y.shape[0]))


def _is_vector_like(x: object, y: Variable) -> bool:
    """Whether an operand lies in memory like the result, entry by entry, or is a number."""
    if isinstance(x, Variable):
        return not x.is_array or not x.shape or (x.shape == y.shape and x.kind is np.ndarray and is_dense(x))
    shape = getattr(x, "shape", ())
    return shape == () or (shape == y.shape and isinstance(x, np.ndarray) and x.flags.c_contiguous)


def is_dense(x: Variable) -> bool:
    """Whether it lies in memory as `np.empty` makes it: rows first, without gaps."""
    stride = x.dtype.itemsize
    for n, its in zip(reversed(x.shape), reversed(x.strides), strict=True):
        if its != stride:
            return False
        stride *= max(n, 1)
    return True


# ------------------------------------------------------------------------------------------------- the order


def gathered(equations: Sequence[Equation], kept: Collection[Variable]) -> list[Equation]:
    """The equations in an order that makes runs longer; `kept` are the variables that are handed out."""
    return _Gathering(equations, kept).order()


class _Gathering:
    """Puts equations in order one by one: `done` is the set of those that have their place."""

    def __init__(self, equations: Sequence[Equation], kept: Collection[Variable]) -> None:
        self.equations, self.kept = equations, kept
        self.maker = {each.result: number for number, each in enumerate(equations)}
        self.users: dict[Variable, list[int]] = {each.result: [] for each in equations}
        for number, each in enumerate(equations):
            for x in dict.fromkeys(each.reads):
                self.users.get(x, []).append(number)
        self.done: set[int] = set()
        self.ordered: list[Equation] = []

    def order(self) -> list[Equation]:
        """All of them, a run where the first of its equations stood."""
        for number, each in enumerate(self.equations):
            if number not in self.done:
                self._place(number)
                if way := _begun(each):
                    self._run(number, way)
        return self.ordered

    def _run(self, first: int, way: _Way) -> None:
        """Let the run that begins with an equation grow: by its neighbours, and by the last readers of its results."""
        start, members, beside = len(self.ordered) - 1, {first}, {first + 1}
        waiting = [first + 1, *self.users[self.equations[first].result]]
        heapq.heapify(waiting)
        while waiting:
            number = heapq.heappop(waiting)
            if number >= len(self.equations) or number in self.done:
                continue
            equation = self.equations[number]
            longer = way.with_(equation)
            missing = self._missing(number, members)
            is_near = number in beside or self._is_last(number, members)
            if longer is not None and missing is not None and is_near:
                for each in missing:
                    self._place(each, start)
                    start += 1
                self._place(number)
                way = longer
                members.add(number)
                waiting += self.users[equation.result]
            elif number not in beside or not _is_light(equation):
                continue
            beside.add(number + 1)
            waiting.append(number + 1)
            heapq.heapify(waiting)

    def _place(self, number: int, at: int | None = None) -> None:
        self.ordered.insert(len(self.ordered) if at is None else at, self.equations[number])
        self.done.add(number)

    def _is_last(self, number: int, members: set[int]) -> bool:
        """Whether an equation is the only one left to read a result of the run, which then need not be kept."""
        own = [x for x in self.equations[number].reads if self.maker.get(x) in members and x not in self.kept]
        return any(self.done.issuperset(each for each in self.users[x] if each != number) for x in own)

    def _missing(self, number: int, members: set[int]) -> list[int] | None:
        """What must be placed before the run so that an equation can join it: numbers, and views of what was there.

        None when there is something else, or something that the run itself computes.
        """
        found: dict[int, None] = {}
        for x in self.equations[number].reads:
            if x not in self.maker or self.maker[x] in self.done:
                continue
            maker = self.equations[self.maker[x]]
            before = self._missing(self.maker[x], members) if _is_light(maker) else None
            if before is None or any(self.maker.get(y) in members for y in maker.reads):
                return None
            found |= dict.fromkeys((*before, self.maker[x]))
        return list(found)


def _is_light(equation: Equation) -> bool:
    """Whether it costs next to nothing where it stands: it computes with numbers, or shows an array in another way."""
    are_numbers = not any(x.is_array and x.shape for x in (equation.result, *equation.reads))
    return (bool(equation.views) or are_numbers) and not equation.errors
