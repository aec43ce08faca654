"""Where is every number of a step, none cut? `in_full`: each operation, forward and back, with its whole arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from funcnn.tracing import Operation, Parameter, Trace

__all__ = ["in_full"]


def in_full(step: Trace, where: str = "") -> str:
    """The numbers of a step as text, of one layer or parameter alone or of all."""
    shown = step.where(where) if where else step
    parts = [f"{shown.name} = {array(shown.value)}", *(forward(op) for op in shown.operations),
             *(part for op in reversed(shown.operations) for part in backward(op)), *map(update, shown.parameters)]
    return "\n\n".join(parts)


def array(x: Any) -> str:
    """All numbers of an array, a line for each row."""
    return np.array2string(np.asarray(x), precision=6, threshold=10**9, max_line_width=10**6, suppress_small=True)


def named(op: Operation) -> str:
    """An operation with what it works on: `#1 relu(#0) of relu_0`."""
    operands = ", ".join(operand.source or "a constant" for operand in op.operands)
    return f"#{op.number} {op.name}({operands})" + (f" of {op.layer}" if op.layer else "")


def forward(op: Operation) -> str:
    """The result of an operation."""
    return f"FORWARD {named(op)}: {op.formula}\n{array(op.value)}"


def backward(op: Operation) -> Iterator[str]:
    """How much the loss changes with each number that went into an operation."""
    for operand in op.operands:
        if operand.cotangent is not None:
            yield f"BACKWARD {named(op)}, to {operand.source}: {operand.formula}\n{array(operand.cotangent)}"


def update(parameter: Parameter) -> str:
    """How a parameter moves."""
    lines = [f"PARAMETER {parameter.path}"]
    for name, numbers in zip(("value", "gradient", "update", "new value"), parameter[1:], strict=True):
        lines += [f"{name}", array(numbers)]
    return "\n".join(lines)
