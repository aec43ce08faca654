"""How is a program written? As NumPy code: `Writer`; and to be read, with shapes and the user's lines: `listing`."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from funcnn.staging.equation import UFUNC_OF, Attribute, Equation, Method, Variable, expect, freeze

__all__ = ["ListWriter", "Writer", "listing", "public_name"]

_INFIX = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
          operator.mod: "%", operator.pow: "**", operator.matmul: "@", operator.and_: "&", operator.or_: "|",
          operator.xor: "^", operator.lshift: "<<", operator.rshift: ">>", operator.lt: "<", operator.le: "<=",
          operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!="}
_OPERATORS: dict[Any, Any] = {ufunc: operation for operation, ufunc in UFUNC_OF.items()}
"""The operators of arrays by their functions."""

_PREFIX = {operator.neg: "-", operator.pos: "+", operator.invert: "~"}
_BUILT_IN = {operator.abs: "abs", round: "round", divmod: "divmod", int: "int", float: "float", bool: "bool",
             max: "max", min: "min", abs: "abs"}

WIDE = 60
"""Where the comments of a listing begin, unless the code is longer."""

LONG = 100
"""A line of so many characters is the longest with all inputs on it."""


class Writer:
    """Writes operands and functions as text; remembers the constants that have names."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self._names: dict[int, str] = {}

    def equation(self, equation: Equation) -> str:
        """An equation as a statement."""
        function, operands, options, result, *_ = equation
        if function is expect:
            condition = self.value(operands[0])
            return f"assert {condition if operands[1] else 'not ' + condition}"
        if function is freeze:
            return f"{self.value(operands[0])}.flags.writeable = False"
        return f"{result!r} = {self.call(function, operands, options)}"

    def call(self, function: Any, operands: Sequence[Any], options: dict[str, Any]) -> str:
        """A function of operands as an expression."""
        texts = list(map(self.value, operands))
        if function in _INFIX and len(texts) == 2:
            if function is operator.pow and texts[0].startswith("-"):
                texts[0] = f"({texts[0]})"
            return f"{texts[0]} {_INFIX[function]} {texts[1]}"
        if function in _PREFIX:
            return f"{_PREFIX[function]}{texts[0]}"
        if function is operator.getitem:
            index = operands[1]
            inside = ", ".join(map(self.index, index)) if type(index) is tuple and index else self.index(index)
            return f"{texts[0]}[{inside}{',' * (type(index) is tuple and len(index) == 1)}]"
        if type(function) is Attribute:
            return f"{texts[0]}.{function.name}"
        given = [*texts, *[f"{name}={self.value(value)}" for name, value in options.items()]]
        if type(function) is Method:
            return f"{texts[0]}.{function.name}({', '.join(given[1:])})"
        return f"{self.function(function)}({', '.join(given)})"

    def index(self, part: Any) -> str:
        """A part of an index."""
        if isinstance(part, slice):
            ends = [("" if each is None else self.value(each)) for each in (part.start, part.stop, part.step)]
            return ":".join(ends if ends[2] else ends[:2])
        return "..." if part is ... else self.value(part)

    def value(self, x: Any) -> str:
        """A variable or a constant."""
        if isinstance(x, Variable):
            return x.name
        if x is None or (isinstance(x, bool | int | str | bytes) and type(x) in (bool, int, str, bytes)):
            return repr(x)
        if type(x) is float:
            return repr(x) if math.isfinite(x) else f"float({str(x)!r})"
        if type(x) is complex:
            return f"complex({self.value(x.real)}, {self.value(x.imag)})"
        if isinstance(x, tuple | list):
            inside = ", ".join(map(self.value, x))
            return f"[{inside}]" if isinstance(x, list) else f"({inside}{',' * (len(x) == 1)})"
        if isinstance(x, dict):
            return "{" + ", ".join(f"{self.key(key)}: {self.value(value)}" for key, value in x.items()) + "}"
        if isinstance(x, slice):
            return f"slice({self.value(x.start)}, {self.value(x.stop)}, {self.value(x.step)})"
        if isinstance(x, np.dtype):
            return f"np.{x.name}" if x.isnative and x.kind in "biufc" else f"np.dtype({x.str!r})"
        if x is ...:
            return "..."
        if isinstance(x, type) and issubclass(x, np.generic):
            return f"np.{x.__name__}"
        if isinstance(x, range | set | frozenset):
            return repr(x) if isinstance(x, range) else f"{type(x).__name__}([{', '.join(map(self.key, x))}])"
        if x is type(None) or x is type(...):
            return "type(None)" if x is type(None) else "type(...)"
        name: str = getattr(x, "__name__", "")
        if callable(x) and getattr(builtins, name, None) is x:
            return name
        if isinstance(x, np.ndarray) or (isinstance(x, np.generic) and x.dtype.kind not in "biuf"):
            return self.constant(x)
        if isinstance(x, np.generic):
            return f"np.{type(x).__name__}({self.value(x.item() if x.dtype.kind != 'f' else float(x))})"
        return self.function(x) if callable(x) else self.constant(x)

    def key(self, x: Any) -> str:
        """What is looked up by ==, and by its hash: a dtype is not found under its type."""
        return f"np.dtype({self.value(x)})" if isinstance(x, np.dtype) else self.value(x)

    def constant(self, x: Any) -> str:
        """The name of a constant."""
        if id(x) not in self._names:
            self._names[id(x)] = f"c{len(self.constants)}"
            self.constants[self._names[id(x)]] = x
        return self._names[id(x)]

    def function(self, function: Any) -> str:
        """The name of a function, NumPy's where it is to be found there."""
        if (known := public_name(function)) is not None:
            return known
        name = getattr(function, "__name__", type(function).__name__).strip("_<>")
        return f"random.{name}" if getattr(function, "__module__", "").startswith("funcnn.random") else name


def public_name(function: Any) -> str | None:
    """`np.linalg.norm`, where that is the function; also `np.add.reduce` and the functions of `math`."""
    if function in _BUILT_IN:
        return _BUILT_IN[function]
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{public_name(owner)}.{name}"
    for module, path in ((math, "math"), (np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft"),
                         (np.emath, "np.emath")):
        if function is not None and getattr(module, name, None) is function:
            return f"{path}.{name}"
    if function is np.lib.stride_tricks.sliding_window_view:
        return "np.lib.stride_tricks.sliding_window_view"
    return None


class ListWriter(Writer):
    """Writes for people: a function of two arrays by its operator, where it has one."""

    def call(self, function: Any, operands: Sequence[Any], options: dict[str, Any]) -> str:
        """A function of operands as an expression."""
        return super().call(function if options else _OPERATORS.get(function, function), operands, options)


def listing(name: str, inputs: Sequence[Variable], equations: Iterable[Equation], outputs: Sequence[Any]) -> str:
    """A program as NumPy code, with shapes and the lines of the user that asked for it."""
    writer = ListWriter()
    frozen = {each.operands[0] for each in equations if each.function is freeze}
    rows = [(writer.equation(each), each) for each in equations if each.function is not freeze]
    width = min(max([len(code) for code, _ in rows], default=0), WIDE)
    lines = _head(name, inputs)
    before = None
    for code, equation in rows:
        read_only = ", read-only" * (equation.result in frozen)
        comment = [] if equation.function is expect else [f"{equation.result}{read_only}"]
        if equation.line is not None and equation.line != before:
            comment.append(f"{equation.line}  {equation.line.text}".rstrip())
            before = equation.line
        lines.append(f"    {code:{width}} # {'   '.join(comment)}".rstrip(" #"))
    lines.append("    return " + (", ".join(map(writer.value, outputs)) or "None"))
    head = [f"{name} = {_briefly(value)}" for name, value in writer.constants.items()]
    return "\n".join([*head, *lines])


def _head(name: str, inputs: Sequence[Variable]) -> list[str]:
    """The line with the inputs, or one line each where they are many."""
    head = f"def {name}({', '.join(map(repr, inputs))}):"
    line = head + "  # " + ", ".join(f"{each!r}: {each}" for each in inputs)
    if len(line) <= LONG or not inputs:
        return [line if inputs else head]
    width = max(len(repr(each)) for each in inputs) + 1
    return [f"def {name}(", *[f"    {f'{each!r},':{width}}  # {each}" for each in inputs], "):"]


def _briefly(x: Any) -> str:
    if isinstance(x, np.ndarray) and x.size > 6:
        return f"...  # a constant, {x.dtype}{list(x.shape)}"
    return " ".join(repr(x).split())
