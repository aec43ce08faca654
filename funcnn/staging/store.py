"""Which program is run for which arguments? A `Store` keeps the plans of one function by the signatures of calls."""

from __future__ import annotations

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from funcnn import tree
from funcnn._arguments import described, place_of, warn, way_to_numpy
from funcnn.core import Tracer, TracerError
from funcnn.core.tracer import in_our_words
from funcnn.staging.calling import exactly, in_order
from funcnn.staging.equation import PLAIN_ARRAYS, Changed, as_name
from funcnn.staging.planner import Plan
from funcnn.staging.program import Program
from funcnn.staging.recorded import Recorded
from funcnn.staging.recorder import CapturedTracer, Recorder
from funcnn.tree.structure import parts

__all__ = ["Call", "Store"]

MOST = 64
"""So many signatures are kept of one function; the one that was not called for the longest time goes first."""

WAYS = 8
"""So many programs are kept of one signature, for the different answers to what was asked of values."""

RECENT = 3
"""So many programs that ran last are tried before a signature is looked up."""

PATIENCE = 6
"""After so many calls in a row that had to be recorded anew, a warning says so."""


_RETURNED = (Tracer, np.ndarray, np.generic, bool, int, float, complex, str, bytes, type(None), np.dtype, type, Enum)
"""What may be a leaf of a result: values, and what is the same in every call."""

_USUAL = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
"""What NumPy does about errors where nobody has said otherwise."""

Kind = tuple[Any, ...]
"""What a signature says of a leaf: its type, and of an array shape, dtype, how it lies in memory, and whether it can be
written into (then `grad` copies what has gaps)."""


def _kind(leaf: Any) -> Kind:
    if isinstance(leaf, np.ndarray):
        return type(leaf), leaf.shape, leaf.dtype, leaf.strides, leaf.flags.writeable
    return (type(leaf),)


class Signature(NamedTuple):
    """What decides which program is run."""

    structure: tree.Structure
    keys: tuple[Any, ...]
    kinds: tuple[Kind, ...]
    static: tuple[Any, ...]


class Call:
    """One call of a function: its arguments, parted into what is traced and what is static."""

    def __init__(self, f: Callable[..., Any], static: tuple[int, ...], args: tuple[Any, ...], kwargs: dict[str, Any],
                 ) -> None:
        self.f, self.name, self.args, self.kwargs = f, getattr(f, "__name__", type(f).__name__), args, kwargs
        self.static = dict.fromkeys([place for each in static if (place := self._place(each)) is not None])
        traced = tuple([None if i in self.static else arg for i, arg in enumerate(args)])
        leaves, self.structure = parts((traced, kwargs))
        self.leaves = list(leaves)
        self.is_traced = any(map(_calculates_itself, self.leaves))

    def _place(self, place: int) -> int | None:
        """The position of a static argument; None for one that was left out, which keeps its default."""
        n, names = len(self.args), _parameters(self.f)
        if -n <= place < n:
            return place % n
        if 0 <= place < len(names) and names[place] not in map(_as_parameter, self.kwargs):
            return None
        raise ValueError(f"jit: static_argnums names argument {place}, but {self.name} was called with {n} positional "
                         "arguments; give it by position, not by name")

    def signature(self) -> Signature:
        """What decides which program is run; an error names the argument that cannot be traced."""
        for leaf, path in zip(self.leaves, self.structure.paths(), strict=True):
            if not isinstance(leaf, np.ndarray | np.generic | bool | int | float | complex):
                raise _not_traced(self.name, path, leaf)
        static = tuple([self.args[i] for i in self.static])
        try:
            hash(static)
        except TypeError:
            raise TypeError(f"jit: {self.name}: static arguments must be hashable, got {static!r:.80}; use a tuple in "
                            "place of a list, a FrozenDict in place of a dict") from None
        kinds = tuple(map(_kind, self.leaves))
        return Signature(self.structure, in_order(self.structure), kinds, tuple(map(exactly, static)))

    def itself(self) -> Any:
        """The function itself, run on the arguments."""
        return self.f(*self.args, **self.kwargs)

    def recorded(self) -> tuple[Program, Any]:
        """The program of the function, which runs on tracers, and its result."""
        self.signature()
        recorder = Recorder()
        traced: list[Recorded] = recorder.begin(self.names_of_leaves(), self.leaves)
        args, kwargs = self.structure.build(tuple(traced))
        args = [self.args[i] if i in self.static else arg for i, arg in enumerate(args)]
        try:
            result = self.f(*args, **kwargs)
        finally:
            recorder.ended = True
        leaves, structure = parts(result)
        for leaf in leaves:
            if isinstance(leaf, Tracer) and leaf.owner is not recorder:
                raise CapturedTracer
            if not isinstance(leaf, _RETURNED) and (not callable(leaf) or getattr(leaf, "__closure__", None)):
                raise TracerError(f"jit: {self.name} returned {described(leaf)}, which may hold values inside jit; "
                                  "return arrays, numbers and texts in dicts, tuples, lists and NamedTuples")
        outputs = [recorder.operand(leaf) for leaf in leaves]
        inputs = [x.place for x in traced]
        name = "f" if self.name == "<lambda>" else as_name(self.name, "f")
        program = Program(name, self.parameters(), inputs, recorder.equations, outputs, self.structure, structure)
        return program, structure.build(tuple([x.value if isinstance(x, Recorded) else x for x in leaves]))

    def parameters(self) -> list[str]:
        """The names of the arguments, each its own."""
        names = _parameters(self.f)
        own = [names[i] if i < len(names) else f"a{i}" for i in range(len(self.args))]
        found: dict[str, None] = {}
        for name in (*own, *[as_name(name, "a") for name in self.kwargs]):
            found[_not_among(found, name)] = None
        return list(found)

    def names_of_leaves(self) -> list[str]:
        """A name for each leaf of the arguments: of the argument, and the path inside it."""
        argument = dict(zip([*range(len(self.args)), *self.kwargs], self.parameters(), strict=True))
        taken, names = set(argument.values()), []
        for _, first, *rest in self.structure.paths():
            own = argument[first]
            name = _not_among(taken, as_name("_".join(map(str, (own, *rest))), "a")) if rest else own
            taken.add(name)
            names.append(name)
        return names


def _calculates_itself(leaf: Any) -> bool:
    """Whether a leaf is a traced value, an array of a class with operators of its own (`np.matrix`), or one of JAX, of
    which NumPy has no numbers to write down.
    """
    if isinstance(leaf, np.ndarray):
        return type(leaf) not in PLAIN_ARRAYS
    return isinstance(leaf, Tracer) or (hasattr(type(leaf), "__array_namespace__") and not isinstance(leaf, np.generic))


def _not_traced(name: str, path: tree.Path, leaf: Any) -> TypeError:
    where = _where(path)
    fix = (f"static_argnums=({path[1]},)" if path[0] == 0 else f"functools.partial({name}, {path[1]}=...)")
    array = f"{way_to_numpy(leaf)} is one, " if hasattr(leaf, "shape") else ""
    return TypeError(f"jit: {name}: {where} is {described(leaf)}, neither an array nor a number; {array}{fix} makes it "
                     "part of the program")


def _where(path: tree.Path) -> str:
    kind = "argument" if path[0] == 0 else "keyword argument"
    inside = f" at {place_of(path[2:])}" if path[2:] else ""
    return f"{kind} {path[1]}{inside}"


def _not_among(taken: Collection[str], name: str) -> str:
    while name in taken:
        name += "_"
    return name


def _parameters(f: Callable[..., Any]) -> list[str]:
    """The names of the positional parameters of f, as far as they are known."""
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    return [_as_parameter(p.name) for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _as_parameter(name: str) -> str:
    return as_name(name, "a")


class Store:
    """The programs of one function by signature, planned; what it does is not seen from outside but for its speed."""

    def __init__(self, f: Callable[..., Any], static: tuple[int, ...]) -> None:
        self.f, self.static = f, static
        self.plans: OrderedDict[Signature, list[Plan]] = OrderedDict()
        self.lock = threading.Lock()
        self.recent: tuple[Plan, ...] = ()
        self.in_a_row = 0
        self.last: Signature | None = None

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result of the function, by a program that was run lately if one fits."""
        for plan in self.recent:
            leaves = plan.take(args, kwargs)
            if leaves is not None:
                try:
                    result = plan(leaves)
                except Changed:
                    continue
                except Exception as error:
                    return self._failed(error, args, kwargs)
                self.in_a_row = 0
                return result
        return self._searched(args, kwargs)

    def _searched(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The result, by a program that was not run just now, or is yet to be recorded."""
        call = Call(self.f, self.static, args, kwargs)
        if call.is_traced:
            return call.itself()
        signature = call.signature()
        with self.lock:
            plans = list(self.plans.get(signature, []))  # others may be recorded meanwhile
            if plans:
                self.plans.move_to_end(signature)
        for plan in plans:
            try:
                result = plan(call.leaves)
            except Changed:
                continue
            except Exception as error:
                return self._failed(error, args, kwargs)
            self.in_a_row = 0
            self._ran(plan)
            return result
        if len(plans) >= WAYS:
            return call.itself()
        return self._first(call, signature)

    def _failed(self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What f says itself, where its program fails; that f does not fail should not happen, and is said."""
        result = self.f(*args, **kwargs)
        name = getattr(self.f, "__name__", type(self.f).__name__)
        warn(f"jit: the program of {name} failed where {name} does not, which ran in its place: "
             f"{type(error).__name__}: {error}")
        return result

    def _first(self, call: Call, signature: Signature) -> Any:
        """Record the function for new arguments, which gives its result; what fails is for the function to say."""
        errors: dict[str, Any] = dict(np.geterr())
        try:
            program, result = call.recorded()
        except CapturedTracer:
            return call.itself()
        except Exception as error:
            call.itself()
            if isinstance(error, TracerError):
                raise
            if isinstance(error, ValueError) and (ours := in_our_words(error)) is not None:
                raise ours from error
            raise TracerError(f"jit: {call.name} runs, but cannot be recorded: {type(error).__name__}: {error}"
                              ) from error
        plan = Plan(program, call.leaves, [(i, call.args[i]) for i in call.static])
        plan.errors = None if errors == _USUAL else errors  # what f itself says of them was told by the difference
        with self.lock:
            self._watch(call.name, signature)
            self.plans.setdefault(signature, []).insert(0, plan)
            self.plans.move_to_end(signature)
            while len(self.plans) > MOST:
                self.plans.popitem(last=False)
        self._ran(plan)
        return result

    def _ran(self, plan: Plan) -> None:
        """Try this plan first from now on."""
        self.recent = (plan, *[each for each in self.recent if each is not plan][:RECENT - 1])

    def _watch(self, name: str, signature: Signature) -> None:
        """Warn once, when call after call has to be recorded anew."""
        last, self.last = self.last, signature
        self.in_a_row += 1
        if self.in_a_row == PATIENCE and last is not None:
            warn(f"jit: {name} was recorded anew {PATIENCE} times in a row, which is slow, because "
                 f"{_difference(last, signature)}; pad to one shape, or leave this outside of jit")


def _difference(one: Signature, other: Signature) -> str:
    if one.structure != other.structure or one.keys != other.keys:
        return "the structure of the arguments changes"
    for path, a, b in zip(one.structure.paths(), one.kinds, other.kinds, strict=True):
        if a != b:
            words = [f"{kind[2]}{list(kind[1])}" if len(kind) > 1 else kind[0].__name__ for kind in (a, b)]
            if words[0] == words[1]:
                return f"how {_where(path)} lies in memory, or whether it can be written into, changes"
            return f"{_where(path)} was {words[0]}, then {words[1]}"
    if one.static != other.static:
        return f"static arguments change: {one.static!r:.60}, then {other.static!r:.60}"
    return "the answers to what it asks of values change"
