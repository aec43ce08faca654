"""Where do intermediate results lie? `placed`: two share a block of memory when they do not live at the same time;
`joined`: what is only computed to be joined is written where the whole lies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from funcnn.staging.blocks import Run, is_dense
from funcnn.staging.equation import Equation, Variable

__all__ = ["joined", "placed"]

Roots = Mapping[Variable, set[Variable]]


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
           in_place: Callable[[Equation], Sequence[Variable]]) -> tuple[dict[Variable, int], list[int]]:
    """A block of memory for each of these variables, and the bytes of each block.

    What is read in a run is needed until its end. `in_place(e)` are the operands that an equation may overwrite with
    its result, when nobody reads them after it.
    """
    last = _last_reads(equations, lies_in, together)
    block_of: dict[Variable, int] = {}
    sizes: list[int] = []
    tenants: dict[int, Variable] = {}
    for number, equation in enumerate(equations):
        for root in lies_in[equation.result]:
            if root in owned and root not in block_of:
                ending = [block_of[x] for x in in_place(equation) if x in block_of and last[x] == number]
                block = ending[0] if ending and root is equation.result else _free(sizes, tenants, root.nbytes)
                block_of[root], tenants[block] = block, root
        for block, tenant in list(tenants.items()):
            if last.get(tenant, number) <= number:
                del tenants[block]
    return block_of, sizes


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
