"""Where do intermediate results lie? `placed`: two share a block of memory when they do not live at the same time;
`joined`: what is only computed to be joined is written where the whole lies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from funcnn.staging.blocks import Run, is_dense, is_reshape
from funcnn.staging.equation import Equation, Variable

__all__ = ["in_turns", "joined", "placed"]

Roots = Mapping[Variable, set[Variable]]

SLOW_IN_PLACE = {np.sign}
"""Functions that take twenty times as long where they overwrite what they read."""


def joined(equations: Sequence[Equation], owned: Collection[Variable]) -> dict[Variable, tuple[Variable, int]]:
    """The parts of vectors that `np.concatenate` joins: of each the vector, and at which entry of it it begins."""
    inside: dict[Variable, tuple[Variable, int]] = {}
    wholes: set[Variable] = set()
    for equation in equations:
        whole = equation.result
        if equation.function is not np.concatenate or whole not in owned or whole.ndim != 1:
            continue
        parts = equation.operands[0]
        fits = isinstance(parts, tuple | list) and all(
            isinstance(x, Variable) and x in owned and x not in inside and x not in wholes
            and x.dtype == whole.dtype and is_dense(x) for x in parts)
        if fits and len(set(parts)) == len(parts):
            wholes.add(whole)
            start = 0
            for x in parts:
                inside[x] = whole, start
                start += x.size
    return inside


def placed(equations: Sequence[Equation], owned: Collection[Variable], lies_in: Roots, together: Sequence[Run],
           ) -> tuple[dict[Variable, int], list[int]]:
    """A block of memory for each of these variables, and the bytes of each block.

    What is read in a run is needed until its end, but for results of the run that lie in the same way: entry by entry
    they come after it.
    """
    last, exactly_last = _last_reads(equations, lies_in, together), _last_reads(equations, lies_in, ())
    run_of = {number: run for run in together for number in range(run.start, run.stop)}
    block_of: dict[Variable, int] = {}
    sizes: list[int] = []
    tenants: dict[int, Variable] = {}
    for number, equation in enumerate(equations):
        y = equation.result
        for root in lies_in[y]:
            if root in owned and root not in block_of:
                start = run_of[number].start if number in run_of else number
                may_overwrite = root is y and equation.function not in SLOW_IN_PLACE
                alike = _read_by_entry(equations[start:number + 1], lies_in) if may_overwrite else set()
                ending = [block for block, x in tenants.items()
                          if x in alike and start <= exactly_last[x] <= number and _lie_alike(x, y)]
                block = ending[0] if ending else _free(sizes, tenants, root.nbytes)
                block_of[root], tenants[block] = block, root
        for block, tenant in list(tenants.items()):
            if last.get(tenant, number) <= number:
                del tenants[block]
    return block_of, sizes


def _read_by_entry(equations: Sequence[Equation], lies_in: Roots) -> set[Variable]:
    """The memory that functions which work entry by entry read, and read in no other way."""
    if not all((isinstance(each.function, np.ufunc) and each.function.signature is None) or is_reshape(each)
               for each in equations):
        return set()
    read = [(x, root) for each in equations for x in each.reads for root in lies_in[x]]
    return {root for _, root in read} - {root for x, root in read if not _lie_alike(x, root)}


def _lie_alike(x: Variable, y: Variable) -> bool:
    """Whether two arrays, if they begin at the same place, have their entries at the same places."""
    return (x.shape, x.strides, x.nbytes) == (y.shape, y.strides, y.nbytes)


def in_turns(equations: Sequence[Equation], local: Collection[Variable]) -> dict[Variable, int]:
    """The number of a piece of memory for each local result of a run: the same where one comes after the other.

    What is computed entry by entry may take the place of what is read for the last time. Few pieces stay in the cache.
    """
    source: dict[Variable, Variable] = {}
    last: dict[Variable, int] = {}
    for number, each in enumerate(equations):
        for x in each.reads:
            last[source.get(x, x)] = number
        if is_reshape(each):
            source[each.result] = source.get(each.operands[0], each.operands[0])
            last.setdefault(source[each.result], number)
    piece: dict[Variable, int] = {}
    free: list[Variable] = []
    for number, each in enumerate(equations):
        free += [x for x in piece if last.get(x) == number]
        y = each.result
        if y in local and not is_reshape(each):
            apart = {source.get(x, x) for x in each.reads} if each.function in SLOW_IN_PLACE else set()
            left = next((x for x in reversed(free) if x.dtype == y.dtype and x not in apart), None)
            piece[y] = len(set(piece.values())) if left is None else piece[left]
            free = [x for x in free if x is not left]
    return piece


def _last_reads(equations: Sequence[Equation], lies_in: Roots, together: Sequence[Run]) -> dict[Variable, int]:
    """The number of the last equation that reads or writes the memory of each variable, directly or through a view."""
    end_of = {number: run.stop - 1 for run in together for number in range(run.start, run.stop)}
    last: dict[Variable, int] = {}
    for number, equation in enumerate(equations):
        for x in (*equation.reads, equation.result):
            last.update(dict.fromkeys(lies_in[x], end_of.get(number, number)))
    return last


def _free(sizes: list[int], tenants: Mapping[int, Variable], nbytes: int) -> int:
    """The smallest free block that is large enough and not much too large, else a new one."""
    fitting = [block for block, size in enumerate(sizes) if block not in tenants and nbytes <= size <= 4 * nbytes]
    if fitting:
        return min(fitting, key=sizes.__getitem__)
    sizes.append(nbytes)
    return len(sizes) - 1
