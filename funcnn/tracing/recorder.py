"""How is a gradient watched while it is computed? `watched_gradient` runs it on a tape that looks on.

An operation ends in `Tape.bind`, which appends one node; the way back asks the rule of each node, `rule.pull(node, g)`;
layers tell the tape what they are called, by `named_scope`. Users find what is made of it in `funcnn.tracing`.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import numpy as np

from funcnn import tree
from funcnn._arrays import readonly
from funcnn.autodiff.reverse import gradient_on
from funcnn.autodiff.scatter import settle
from funcnn.autodiff.tape import Tape
from funcnn.core import Node, Rule, concrete
from funcnn.tracing.data import Operand, Operation

__all__ = ["argument_names", "snapshot", "watched_gradient"]


# ----------------------------------------------------------------------------------------------- watching


def watched_gradient(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
                      ) -> tuple[Any, Any, tuple[Operation, ...]]:
    """`value_and_grad(f)(*args)`, and what its tape and its way back looked like."""
    names = [tree.keystr(path) or argument_names(f, args)[0] for path, _ in tree.leaves_with_path(args[0])]
    watch = _Watch()
    value, _, grads = gradient_on(watch, lambda params: f(params, *args[1:], **kwargs), args[0])
    arguments = _arguments(f, args)
    return value, grads, tuple(each.operation(i, names, arguments) for i, each in enumerate(watch.seen))


class _Watch(Tape):
    """A tape that looks at each operation and each cotangent as it goes by."""

    def __init__(self) -> None:
        super().__init__()
        self.scope: list[str] = []
        self.seen: list[_Seen] = []

    def bind(self, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Run one operation, and see what goes in and what comes out."""
        y = super().bind(rule, args, options)
        if not self.owns(y):
            return y
        assert self.nodes is not None, "bind has just written on it"
        operands = [(arg.place, arg.value) if self.owns(arg) else (None, arg) for arg in args]
        seen = _Seen(rule, operands, options, y.value, _path(self.scope), _line(sys._getframe(1)), self.inputs)
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
        self.options = {name: snapshot(value) for name, value in kwargs.items()}
        self.y = snapshot(y)
        self.cotangent: Any = None
        self.handed_back: dict[int, Any] = {}

    def watched(self, node: Node) -> Node:
        """The node with a rule that hands back the same, and remembers it."""
        def bwd(saved: Any, g: Any) -> dict[int, Any]:
            self.cotangent = snapshot(g)
            cotangents = [cotangent for _, cotangent in self.rule.pull(node, g)]
            found = dict(zip(node.parents, cotangents, strict=True))
            self.handed_back = {position: snapshot(settle(cotangent)) for position, cotangent in found.items()}
            return found

        return node._replace(rule=Rule(self.rule.fun, name=self.rule.name, bwd=bwd))

    def operation(self, i: int, names: list[str], arguments: dict[int, str]) -> Operation:
        """What was seen, as data."""
        formula = self.rule.formula
        operands = tuple(
            Operand(arguments.get(id(original), "") if place is None else self._source(place, names), value,
                    "" if place is None else formula.pullback(position), self.handed_back.get(position))
            for position, (place, value, original) in enumerate(zip(self.places, self.values, self.originals,
                                                                    strict=True)))
        return Operation(i, self.rule.name, self.layer, self.line, formula.value, operands,
                         tree.FrozenDict(self.options), self.y, self.cotangent)

    def _source(self, place: int, names: list[str]) -> str:
        return names[place] if place < self.inputs else f"#{place - self.inputs}"


def snapshot(x: Any) -> Any:
    """The value as it is now: an array or number as an array of its own, read-only; anything else as it is."""
    x = concrete(x)
    return readonly(np.array(x)) if isinstance(x, np.ndarray | np.generic | float) else x


_LIBRARY = os.path.dirname(os.path.dirname(__file__)) + os.sep
_NUMPY = os.path.dirname(np.__file__) + os.sep


def _line(frame: FrameType | None) -> str:
    """The line of the program that asked for an operation: the innermost one outside of the library."""
    while frame is not None and frame.f_code.co_filename.startswith((_LIBRARY, _NUMPY)):
        frame = frame.f_back
    return "" if frame is None else f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def _path(scope: list[str]) -> str:
    """The path of the innermost of layers that run inside each other, from the outermost on."""
    path = ""
    for name in scope:
        path = name if not path or f"{name}/".startswith(f"{path}/") else f"{path}/{name}"
    return path


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
