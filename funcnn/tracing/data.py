"""What is seen of a calculation: `Operation`, its `Operand`s, `Parameter`; users find them in `funcnn.tracing`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["Operand", "Operation", "Parameter"]


class Operand(NamedTuple):
    """What went into an operation, and the cotangent that came back to it."""

    source: str
    """`#3` for the result of operation 3, the path of a parameter or of an argument, "" for a constant."""
    value: Any
    """An array; of settings, as axes and shapes, what they are."""
    formula: str = ""
    """How its cotangent is computed; "" where it is not differentiated."""
    cotangent: NDArray[Any] | None = None
    """What came back to it, of its shape; None where it is not differentiated."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation: forward `value = name(*operands)`, and backward from its cotangent to those of its operands."""

    number: int
    """From 0 on, in the order in which they ran."""
    name: str
    layer: str
    """The path of the layer whose `apply` was running; "" outside of layers."""
    line: str
    """Where the program asked for it, as `spiral.py:31`."""
    formula: str
    """What is computed, as `z = x @ y`."""
    operands: tuple[Operand, ...]
    options: Mapping[str, object]
    """The keyword arguments of the call, as axis."""
    value: NDArray[Any]
    cotangent: NDArray[Any] | None = None
    """How much the result of all changes with each entry of `value`; None if nothing depends on it."""

    def concerns(self, where: str) -> bool:
        """Whether it belongs to the layer `where`, or to one inside it, or reads such a parameter or argument."""
        names = (self.layer, *(operand.source for operand in self.operands))
        return any(f"{name}/".startswith(f"{where}/") for name in names)


class Parameter(NamedTuple):
    """A number or array that is differentiated: its gradient and, with an optimizer, how it moves."""

    path: str
    """Its place in the tree, as `dense_0/w`; of a number or array alone the name of the argument."""
    value: NDArray[Any]
    """What it was in this step."""
    gradient: NDArray[Any]
    """How much the loss changes with each entry."""
    update: NDArray[Any] | None = None
    """What the optimizer adds to it; None without one."""
    new: NDArray[Any] | None = None
    """Value and update together."""
