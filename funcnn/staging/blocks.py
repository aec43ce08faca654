"""Which operations are worked through block by block? `runs`: neighbours that treat every entry alone, of large arrays.

What fits the cache need not be written to memory and read again, and blocks can be shared out to threads. NumPy's
functions of single entries give the same bits whole and in blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from funcnn._arrays import BLOCK
from funcnn.staging.equation import Equation, Variable

__all__ = ["Run", "runs"]

LARGE = 2 * BLOCK
"""Entries; smaller arrays are not cut."""


class Run(NamedTuple):
    """Equations from start to stop - 1, whose results have the same shape, and how many rows of it are a block."""

    start: int
    stop: int
    shape: tuple[int, ...]
    rows: int


def runs(equations: Sequence[Equation]) -> list[Run]:
    """The runs of at least two equations, in their order."""
    found: list[Run] = []
    start = 0
    while start < len(equations):
        stop = start
        while stop < len(equations) and _belongs(equations[stop], equations[start].result):
            stop += 1
        first = equations[start].result
        if stop - start > 1:
            row = first.size // first.shape[0]
            found.append(Run(start, stop, first.shape, max(1, BLOCK // row)))
        start = max(stop, start + 1)
    return found


def _belongs(equation: Equation, model: Variable) -> bool:
    """Whether an equation treats every entry alone, and its result lies in memory like that of another, large one."""
    y = equation.result
    if y.kind is not np.ndarray or y.size < LARGE or y.shape != model.shape or not is_dense(y):
        return False
    is_entrywise = isinstance(equation.function, np.ufunc) and equation.function.signature is None
    return (is_entrywise and equation.function.nout == 1 and not equation.options and not equation.errors
            and all(_can_be_cut(x, y) for x in equation.operands))


def _can_be_cut(x: object, y: Variable) -> bool:
    """Whether an operand has rows like the result, or is the same for all rows."""
    shape = getattr(x, "shape", ())
    return isinstance(shape, tuple) and (len(shape) < len(y.shape) or shape[0] in (1, y.shape[0]))


def is_dense(x: Variable) -> bool:
    """Whether it lies in memory as `np.empty` makes it: rows first, without gaps."""
    stride = x.dtype.itemsize
    for n, its in zip(reversed(x.shape), reversed(x.strides), strict=True):
        if its != stride:
            return False
        stride *= max(n, 1)
    return True
