"""What does reverse mode write down, and how is it read backwards? A `Tape`, and `walk_back`.

A tape lists the operations of one call in the order they ran, so that walking it backwards needs no search. Of each it
keeps what the pullbacks read, as their parameters say (`funcnn.core.rule`), and an outline of the rest. Arrays that
the caller can write into are guarded: small ones are copied, of large ones some numbers are remembered, so that a
change before the way back is an error and not a wrong derivative.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from funcnn._arrays import is_number, is_plain, kind_of
from funcnn.autodiff.scatter import add, settle
from funcnn.core import Interpreter, Node, Outline, Rule, Tracer, TracerError, call, innermost

__all__ = ["CONSTANT", "Tape", "walk_back"]

_OBJECTS, _ARRAYS = np.dtype(object), (np.ndarray, Tracer)

CONSTANT = -1
"""The place of a value that does not depend on the inputs."""

SMALL = 16 * 1024
"""Arrays of at most so many bytes are copied when the caller can write into them."""

SAMPLES = 64
"""About so many numbers are remembered of a larger one."""


class Tape(Interpreter):
    """The operations on the values by which a function is differentiated, in the order they ran."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = 0
        self.nodes: list[Node] | None = []
        self.lent: list[tuple[str, Any, bytes]] = []
        """Large arrays of the caller: who read them, and what some of their numbers were."""

    @property
    def has_ended(self) -> bool:
        """Whether the function has returned."""
        return self.nodes is None

    def begin(self, values: Sequence[Any]) -> tuple[Tracer, ...]:
        """Tracers for the values that are differentiated; all of them come before any operation."""
        self.inputs = len(values)
        return tuple([Tracer(self, self.guarded("the function", x), place) for place, x in enumerate(values)])

    def bind(self, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Run one operation on the values and write it down; of a constant one there is nothing to write."""
        if rule.is_constant:
            return rule(*self.lower(args), **options)
        if self.nodes is None:
            raise _ended(rule)
        parents, values = self._lowered(rule, args)
        if rule.fwd is not None:
            y, saved = rule.fwd(*[value if i in parents else self.guarded(rule.name, value)
                                  for i, value in enumerate(values)], **options)
        else:
            y = (rule if innermost(values) else rule.fun)(*values, **options)
            saved = self._saved(rule, parents, y, values)
        if self.owns(y):
            raise TracerError(f"{rule.name}: uses a traced value that is not among its arguments; pass it as one")
        _refuse_objects(rule.name, y)
        self.nodes.append(Node(rule, parents, saved, options))
        return Tracer(self, y, self.inputs + len(self.nodes) - 1)

    def _lowered(self, rule: Rule, args: tuple[Any, ...]) -> tuple[dict[int, int], list[Any]]:
        """Which arguments are of this tape, and where from; and what all arguments are outside of it."""
        parents, values = {}, list(args)
        for i, x in enumerate(args):
            if isinstance(x, Tracer) and x.owner is self:
                parents[i] = x.place
                values[i] = x.value if type(x.value) is np.ndarray else _number(rule, x.value)
            elif type(x) is tuple or type(x) is list:
                values[i] = self.lower(x)
        return parents, values

    def _saved(self, rule: Rule, parents: dict[int, int], y: Any, values: list[Any]) -> list[Any]:
        """The result and the arguments of an operation; only an outline of those that its pullbacks do not read."""
        saved = [y, *values]
        unread, foreign = rule.keeping(tuple(parents), len(saved))
        for i in unread:
            x = saved[i]
            if type(x) is np.ndarray or (isinstance(x, _ARRAYS) and not is_number(x)):
                saved[i] = Outline(x.shape, x.dtype)
        for i in foreign:
            saved[i] = self.guarded(rule.name, saved[i])
        return saved

    def guarded(self, reader: str, x: Any) -> Any:
        """A value from outside that the way back will read."""
        if type(x) is tuple:
            return tuple([self.guarded(reader, each) for each in x])
        if not is_plain(x) or not x.flags.writeable:
            return x
        if isinstance(x, Tracer):  # recorded: nobody can write into it, but a copy would lie in memory without gaps
            return x if x.flags.forc or x.nbytes > SMALL else x.copy(order="K")
        _refuse_objects(reader, x)
        if x.nbytes <= SMALL:
            return x.copy(order="K")
        self.lent.append((reader, x, _some_of(x)))
        return x

    def end(self) -> list[Node]:
        """Stop recording and hand out the operations; the tracers of this tape are of no more use."""
        nodes, self.nodes = self.nodes, None
        return nodes or []

    def check_lent(self) -> None:
        """Raise if an array of the caller was written into after an operation read it."""
        for reader, x, before in self.lent:
            if _some_of(x) != before:
                raise ValueError(
                    f"an array ({x.dtype}{list(x.shape)}) that {reader} read was changed before the derivative was "
                    "computed, which would be wrong. Make a new array (x = 0.5 * x, not x *= 0.5), or pass a copy")


def _refuse_objects(name: str, x: Any) -> None:
    if getattr(x, "dtype", None) is _OBJECTS:
        raise TracerError(f"{name}: an array of objects met a traced value, whose derivative knows numbers only; use "
                          "x.astype(np.float64)")


def _some_of(x: Any) -> bytes:
    """Numbers from all over an array, as bytes."""
    each = int(SAMPLES ** (1 / x.ndim))
    some: bytes = x[tuple([slice(None, None, max(n // each, 1)) for n in x.shape])].tobytes()
    return some


def _number(rule: Rule, x: Any) -> Any:
    """A Python number as the rule takes it, anything else as it is."""
    return call(rule.number, x) if kind_of(x) is float else x


def _ended(rule: Rule) -> TracerError:
    return TracerError(f"{rule.name}: a traced value is used after the grad or vjp that made it has ended; return what "
                       "you need (has_aux=True) instead of keeping it in a variable")


def walk_back(nodes: list[Node], inputs: int, seeds: list[tuple[int, Any]]) -> list[Any]:
    """The cotangents of the inputs, given some of the results'; None where nothing arrived.

    Nodes are taken off the list, so that what they keep is free again once it has been used.
    """
    cotangents: list[Any] = [None] * (inputs + len(nodes))
    arrived: Iterable[tuple[int, Any]] = [(place, g) for place, g in seeds if place != CONSTANT]
    while True:
        for place, g in arrived:
            if g is not None:
                before = cotangents[place]
                cotangents[place] = g if before is None else add(before, g)
        if not nodes:
            return list(map(settle, cotangents))
        node, g = nodes.pop(), cotangents.pop()
        arrived = () if g is None else node.rule.pull(node, settle(g))
