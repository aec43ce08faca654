"""Which results of a program share memory? `placed`: two may lie in one block, when the first is read for the last time
before the second is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from funcnn.staging.equation import Variable
from funcnn.staging.passes import roots
from funcnn.staging.program import Program

__all__ = ["last_reads", "placed"]


def last_reads(program: Program) -> dict[Variable, int]:
    """The number of the last equation that reads the memory of each variable, directly or through a view."""
    lies_in = roots(program)
    last: dict[Variable, int] = {}
    for number, equation in enumerate(program.equations):
        for read in equation.reads:
            last.update(dict.fromkeys(lies_in[read], number))
    return last


def placed(program: Program, owned: Iterable[Variable], in_place: Callable[[int], Iterable[Variable]],
           ) -> tuple[dict[Variable, int], list[int]]:
    """A block of memory for each of these variables, and the bytes of each block.

    `in_place(i)` are the operands that equation i may overwrite with its result, when nobody reads them after it.
    """
    last, own = last_reads(program), set(owned)
    block_of: dict[Variable, int] = {}
    sizes: list[int] = []
    tenants: dict[int, Variable] = {}
    for number, equation in enumerate(program.equations):
        result = equation.result
        if result in own:
            ending = [block_of[x] for x in in_place(number) if x in block_of and last[x] == number]
            block = ending[0] if ending else _free(sizes, tenants, result.nbytes)
            block_of[result], tenants[block] = block, result
        for block, tenant in list(tenants.items()):
            if last.get(tenant, number) <= number:
                del tenants[block]
    return block_of, sizes


def _free(sizes: list[int], tenants: dict[int, Variable], nbytes: int) -> int:
    """The smallest free block that is large enough and not much too large, else a new one."""
    fitting = [block for block, size in enumerate(sizes) if block not in tenants and nbytes <= size <= 4 * nbytes]
    if fitting:
        return min(fitting, key=sizes.__getitem__)
    sizes.append(nbytes)
    return len(sizes) - 1
