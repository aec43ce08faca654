"""With this module you can watch a gradient being computed: `watched_gradient`, all that knows the inside of autodiff.

It runs `fn.value_and_grad` itself, on a tape that looks on while it writes, and tells what went by, as a list of
`Operation`. It relies on this: an operation on tracers ends in `Tape.bind(rule, args, kwargs)`, which appends one
node (rule, parents, ...) to `Tape.nodes`; the way back asks the rule of each node, `rule.pull(node, g)`; a `Rule` with
a `bwd` hands back what that returns; and while a layer runs, `composition.run`, which knows its path, is on the stack
of calls. Users find what is made of it in `funcnn.tracing`.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from funcnn import tree
from funcnn._arrays import readonly
from funcnn.autodiff.reverse import value_and_grad
from funcnn.autodiff.scatter import settle
from funcnn.core.tracer import Node, Rule, Tape, Tracer, concrete
from funcnn.layers.composition import Layer, run
from funcnn.tracing.formulas import formula_of, name_of

__all__ = ["Operand", "Operation", "argument_names", "snapshot", "watched_gradient"]


# ------------------------------------------------------------------------------------------------ the data


class Operand(NamedTuple):
    """What went into an operation, and the cotangent that came back to it."""

    source: str
    """`#3` for the result of operation 3, the path of a parameter or of an argument, "" for a constant."""
    value: Any
    """An array; of settings, as axes and shapes, what they are."""
    formula: str = ""
    """How its cotangent is computed; "" where it is not differentiated."""
    cotangent: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation: forward `value = name(*operands)`, and backward from its cotangent to those of its operands."""

    number: int
    name: str
    layer: str
    """The path of the layer whose `apply` was running; "" outside of layers."""
    line: str
    """Where the program asked for it, as `spiral.py:31`."""
    formula: str
    operands: tuple[Operand, ...]
    options: Mapping[str, object]
    value: NDArray[Any]
    cotangent: NDArray[Any] | None = None
    """How much the result of all changes with each entry of `value`; None if nothing depends on it."""

    def concerns(self, where: str) -> bool:
        """Whether it belongs to the layer `where`, or to one inside it, or reads such a parameter or argument."""
        names = (self.layer, *(operand.source for operand in self.operands))
        return any(f"{name}/".startswith(f"{where}/") for name in names)


# ----------------------------------------------------------------------------------------------- watching


def watched_gradient(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
                      ) -> tuple[Any, Any, tuple[Operation, ...]]:
    """`value_and_grad(f)(*args)`, and what its tape and its way back looked like.

    The tracers that f is given belong to a `_Watch`, which is the tape of `value_and_grad` in another dress: it has the
    same level and writes on the same list.
    """
    names = [tree.keystr(path) or argument_names(f, args)[0] for path, _ in tree.leaves_with_path(args[0])]
    seen: list[_Seen] = []

    def watched(params: Any, *rest: Any, **options: Any) -> Any:
        own = {leaf.tape.level: leaf.tape for leaf in tree.leaves(params) if type(leaf) is Tracer}
        if not own:
            return f(params, *rest, **options)
        tape = own[max(own)]
        watch = _Watch(tape, seen, watched.__code__)
        try:
            y = f(_moved(params, tape, watch), *rest, **options)
        finally:
            watch.nodes = None
        return _moved(y, watch, tape)

    value, grads = value_and_grad(watched)(*args, **kwargs)
    arguments = _arguments(f, args)
    return value, grads, tuple(each.operation(i, names, arguments) for i, each in enumerate(seen))


def _moved(values: Any, before: Tape, after: Tape) -> Any:
    """The tracers of one tape as those of another."""
    return tree.map(lambda leaf: Tracer(leaf.value, after, leaf.node)
                    if type(leaf) is Tracer and leaf.tape is before else leaf, values)


class _Watch(Tape):
    """A tape that writes on the list of another, and looks at each operation and each cotangent as it goes by."""

    __slots__ = ("seen", "until")

    def __init__(self, tape: Tape, seen: list[_Seen], until: CodeType) -> None:
        self.level, self.inputs, self.nodes = tape.level, tape.inputs, tape.nodes
        self.seen, self.until = seen, until

    def bind(self, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tracer:
        y = super().bind(rule, args, kwargs)
        assert self.nodes is not None
        layer, line = _place_in_program(sys._getframe(1), self.until)
        operands = [(arg.node, arg.value) if type(arg) is Tracer and arg.tape is self else (None, arg)
                    for arg in args]
        seen = _Seen(rule, operands, kwargs, y.value, layer, line, self.inputs)
        self.seen.append(seen)
        self.nodes[-1] = seen.watched(self.nodes[-1])
        return y


class _Seen:
    """What was seen of one operation, first forward, then backward."""

    def __init__(self, rule: Rule, operands: Sequence[tuple[int | None, Any]], kwargs: dict[str, Any], y: Any,
                 layer: str, line: str, inputs: int) -> None:
        self.rule, self.layer, self.line, self.inputs = rule, layer, line, inputs
        self.places = [place for place, _ in operands]
        self.originals = [value for _, value in operands]
        self.values = [snapshot(value) for value in self.originals]
        self.options = {name: snapshot(value) for name, value in kwargs.items() if name not in ("form", "unpack")}
        self.y = snapshot(y)
        self.cotangent: Any = None
        self.handed_back: dict[int, Any] = {}

    def watched(self, node: Node) -> Node:
        """The node with a rule that hands back the same, and remembers it."""
        def bwd(saved: Any, g: Any) -> dict[int, Any]:
            self.cotangent = snapshot(g)
            cotangents = [cotangent for _, cotangent in self.rule.pull(node, g)]
            found = {position: cotangent for (position, _), cotangent in zip(node[1], cotangents, strict=True)}
            self.handed_back = {position: snapshot(settle(cotangent)) for position, cotangent in found.items()}
            return found

        return Rule(self.rule.name, self.rule.fun, bwd=bwd), *node[1:]

    def operation(self, i: int, names: list[str], arguments: dict[int, str]) -> Operation:
        """What was seen, as data."""
        formula = formula_of(self.rule)
        operands = tuple(
            Operand(arguments.get(id(original), "") if place is None else self._source(place, names), value,
                    "" if place is None else formula.pullback(position), self.handed_back.get(position))
            for position, (place, value, original) in enumerate(zip(self.places, self.values, self.originals,
                                                                    strict=True)))
        return Operation(i, name_of(self.rule), self.layer, self.line, formula.value, operands,
                         tree.FrozenDict(self.options), self.y, self.cotangent)

    def _source(self, place: int, names: list[str]) -> str:
        return names[place] if place < self.inputs else f"#{place - self.inputs}"


def snapshot(x: Any) -> Any:
    """The value as it is now: an array or number as an array of its own, read-only; anything else as it is."""
    x = concrete(x)
    return readonly(np.array(x)) if isinstance(x, np.ndarray | np.generic | float) else x


_LIBRARY = os.path.dirname(os.path.dirname(__file__)) + os.sep
_NUMPY = os.path.dirname(np.__file__) + os.sep


def _place_in_program(frame: FrameType | None, until: CodeType) -> tuple[str, str]:
    """The path of the layer that is running, and the line of the program, found on the stack of calls."""
    paths: list[str] = []
    line, inner = "", False
    while frame is not None and frame.f_code is not until:
        if frame.f_code is run.__code__:
            if not inner:  # the innermost of those that one `apply` has come to
                paths.append(frame.f_locals["layer"].called(frame.f_locals["path"]))
            inner = True
        elif frame.f_code is Layer.apply.__code__:
            inner = False
        elif not line and not frame.f_code.co_filename.startswith((_LIBRARY, _NUMPY)):
            line = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return "/".join(filter(None, reversed(paths))), line


# --------------------------------------------------------------------------------------------- the names


def argument_names(f: Callable[..., Any], args: tuple[Any, ...]) -> list[str]:
    """What f calls its arguments."""
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        names = []
    return [names[i] if i < len(names) else f"argument {i}" for i in range(len(args))]


def _arguments(f: Callable[..., Any], args: tuple[Any, ...]) -> dict[int, str]:
    """The arrays that f was given, by identity, and what to call them: `batch/0`."""
    names = argument_names(f, args)
    return {id(leaf): "/".join(filter(None, (name, tree.keystr(path))))
            for name, arg in zip(names[1:], args[1:], strict=True) for path, leaf in tree.leaves_with_path(arg)
            if isinstance(leaf, np.ndarray)}
