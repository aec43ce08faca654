"""How is a program written? As NumPy code to be read, `listing`, and as a file that runs without funcnn, `standalone`."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from funcnn import tree
from funcnn.staging.equation import Attribute, Equation, Method, Variable, expect, freeze

__all__ = ["listing", "standalone"]

_INFIX = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.floordiv: "//",
          operator.mod: "%", operator.pow: "**", operator.matmul: "@", operator.and_: "&", operator.or_: "|",
          operator.xor: "^", operator.lshift: "<<", operator.rshift: ">>", operator.lt: "<", operator.le: "<=",
          operator.gt: ">", operator.ge: ">=", operator.eq: "==", operator.ne: "!="}
_PREFIX = {operator.neg: "-", operator.pos: "+", operator.invert: "~"}
_BUILT_IN = {operator.abs: "abs", round: "round", divmod: "divmod", int: "int", float: "float", bool: "bool",
             max: "max", min: "min", abs: "abs"}

WIDE = 60
"""Where the comments of a listing begin, unless the code is longer."""

FEW = 1000
"""Arrays of at most so many numbers stand in the file itself."""


class _Writer:
    """Writes operands and functions as text; remembers the constants and functions that have names."""

    def __init__(self) -> None:
        self.constants: dict[str, Any] = {}
        self.functions: dict[str, Callable[..., Any]] = {}
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
        if x is None or isinstance(x, bool | int | str | bytes) and type(x) in (bool, int, str, bytes):
            return repr(x)
        if type(x) is float:
            return repr(x) if math.isfinite(x) else f"float({str(x)!r})"
        if type(x) is complex:
            return f"complex({self.value(x.real)}, {self.value(x.imag)})"
        if isinstance(x, tuple | list):
            inside = ", ".join(map(self.value, x))
            return f"[{inside}]" if isinstance(x, list) else f"({inside}{',' * (len(x) == 1)})"
        if isinstance(x, dict):
            return "{" + ", ".join(f"{key!r}: {self.value(value)}" for key, value in x.items()) + "}"
        if isinstance(x, slice):
            return f"slice({self.value(x.start)}, {self.value(x.stop)}, {self.value(x.step)})"
        if isinstance(x, np.dtype):
            return f"np.dtype({x.str!r})"
        if x is ...:
            return "..."
        if isinstance(x, type) and issubclass(x, np.generic):
            return f"np.{x.__name__}"
        if isinstance(x, np.ndarray) or (isinstance(x, np.generic) and x.dtype.kind not in "biuf"):
            return self.constant(x)
        if isinstance(x, np.generic):
            return f"np.{type(x).__name__}({self.value(x.item() if x.dtype.kind != 'f' else float(x))})"
        return self.function(x) if callable(x) else self.constant(x)

    def constant(self, x: Any) -> str:
        """The name of a constant."""
        if id(x) not in self._names:
            self._names[id(x)] = f"c{len(self.constants)}"
            self.constants[self._names[id(x)]] = x
        return self._names[id(x)]

    def function(self, function: Any) -> str:
        """The name of a function, NumPy's where it is to be found there."""
        if function in _BUILT_IN:
            return _BUILT_IN[function]
        if (known := _public_name(function)) is not None:
            return known
        name = getattr(function, "__name__", type(function).__name__).lstrip("_")
        name = name if name.isidentifier() else "function"
        while self.functions.setdefault(name, function) is not function:
            name += "_"
        return name


def _public_name(function: Any) -> str | None:
    """`np.linalg.norm`, where that is the function; also `np.add.reduce` and the functions of `math`."""
    if getattr(math, getattr(function, "__name__", ""), None) is function:
        return f"math.{function.__name__}"
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{_public_name(owner)}.{function.__name__}"
    for module, path in ((np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft"), (np.emath, "np.emath")):
        if getattr(module, getattr(function, "__name__", ""), None) is function:
            return f"{path}.{function.__name__}"
    if function is np.lib.stride_tricks.sliding_window_view:
        return "np.lib.stride_tricks.sliding_window_view"
    return None


def listing(name: str, inputs: Sequence[Variable], equations: Iterable[Equation], outputs: Sequence[Any]) -> str:
    """A program as NumPy code, with shapes and the lines of the user that asked for it."""
    writer = _Writer()
    rows = [(writer.equation(each), each) for each in equations]
    width = min(max([len(code) for code, _ in rows], default=0), WIDE)
    shapes = ", ".join(f"{each!r}: {each}" for each in inputs)
    lines = [f"def {name}({', '.join(map(repr, inputs))}):" + (f"  # {shapes}" if inputs else "")]
    before = None
    for code, equation in rows:
        comment = [] if equation.result is None else [str(equation.result)]
        if equation.line is not None and equation.line != before:
            comment.append(f"{equation.line}  {equation.line.text}".rstrip())
            before = equation.line
        lines.append(f"    {code:{width}} # {'   '.join(comment)}".rstrip(" #"))
    lines.append("    return " + (", ".join(map(writer.value, outputs)) or "None"))
    head = [f"{name} = {_briefly(value)}" for name, value in writer.constants.items()]
    return "\n".join([*head, *lines])


def _briefly(x: Any) -> str:
    if isinstance(x, np.ndarray) and x.size > 6:
        return f"...  # a constant, {x.dtype}{list(x.shape)}"
    return repr(x)


# ------------------------------------------------------------------------------------------- files of their own


def standalone(name: str, inputs: Sequence[Variable], equations: Sequence[Equation], outputs: Sequence[Any],
               arguments: tree.Structure, result: tree.Structure, path: str | None) -> str:
    """A file of Python with the program as a function, which needs NumPy alone; large constants in a `.npz` beside it."""
    raise NotImplementedError
