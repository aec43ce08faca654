"""How is a program written? As NumPy code to be read, `listing`, and as a file that needs no funcnn, `standalone`."""

from __future__ import annotations

import builtins
import math
import operator
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from funcnn import tree
from funcnn.staging.embedding import Embedding
from funcnn.staging.equation import UFUNC_OF, Attribute, Equation, Method, Variable, as_name, expect, freeze

__all__ = ["listing", "standalone"]

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

FEW = 1000
"""Arrays of at most so many numbers stand in the file itself."""


class _Writer:
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
            return "{" + ", ".join(f"{self.value(key)}: {self.value(value)}" for key, value in x.items()) + "}"
        if isinstance(x, slice):
            return f"slice({self.value(x.start)}, {self.value(x.stop)}, {self.value(x.step)})"
        if isinstance(x, np.dtype):
            return f"np.{x.name}" if x.isnative and x.kind in "biufc" else f"np.dtype({x.str!r})"
        if x is ...:
            return "..."
        if isinstance(x, type) and issubclass(x, np.generic):
            return f"np.{x.__name__}"
        if isinstance(x, range | set | frozenset):
            return repr(x) if isinstance(x, range) else f"{type(x).__name__}({self.value(list(x))})"
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
        name = getattr(function, "__name__", type(function).__name__).strip("_<>")
        return f"random.{name}" if getattr(function, "__module__", "") == "funcnn.random" else name


def _public_name(function: Any) -> str | None:
    """`np.linalg.norm`, where that is the function; also `np.add.reduce` and the functions of `math`."""
    name = getattr(function, "__name__", "")
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"{_public_name(owner)}.{name}"
    for module, path in ((math, "math"), (np, "np"), (np.linalg, "np.linalg"), (np.fft, "np.fft"),
                         (np.emath, "np.emath")):
        if function is not None and getattr(module, name, None) is function:
            return f"{path}.{name}"
    if function is np.lib.stride_tricks.sliding_window_view:
        return "np.lib.stride_tricks.sliding_window_view"
    return None


class _ListWriter(_Writer):
    """Writes for people: a function of two arrays by its operator, where it has one."""

    def call(self, function: Any, operands: Sequence[Any], options: dict[str, Any]) -> str:
        """A function of operands as an expression."""
        return super().call(function if options else _OPERATORS.get(function, function), operands, options)


def listing(name: str, inputs: Sequence[Variable], equations: Iterable[Equation], outputs: Sequence[Any]) -> str:
    """A program as NumPy code, with shapes and the lines of the user that asked for it."""
    writer = _ListWriter()
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


# ------------------------------------------------------------------------------------------- files of their own


def standalone(name: str, parameters: Sequence[str], inputs: Sequence[Variable], equations: Sequence[Equation],
               outputs: Sequence[Any], arguments: tree.Structure, result: tree.Structure, path: str | None) -> str:
    """A file of Python with the program as a function, which needs NumPy alone; large constants go beside it."""
    writer = _FileWriter()
    body = [*_taken(parameters, arguments), *_checks(inputs)]
    for each in equations:
        statement = writer.equation(each)
        if each.errors:
            body.append(f"with np.errstate({', '.join(f'{kind}={how!r}' for kind, how in each.errors)}):")
            statement = f"    {statement}"
        body.append(statement)
    given = _put_together(result, list(map(writer.handed, outputs)))
    large = {own: x for own, x in writer.constants.items() if isinstance(x, np.ndarray) and x.size > FEW}
    if large and path is None:
        raise ValueError(f"source: the program holds {len(large)} arrays of more than {FEW} numbers, which go into a "
                         "file of their own; say where: program.source(path='predict.py')")
    written = "\n".join([*body, given, *writer.embedding.definitions])
    imports = {"math": "math", "np": "numpy", **writer.embedding.imports}
    imports = {alias: module for alias, module in imports.items() if alias == "np" or f"{alias}." in written}
    lines = [f'"""{name}: the NumPy calls of a program that funcnn recorded; it needs NumPy alone."""', "",
             *[f"import {name}" + f" as {alias}" * (alias != name) for alias, name in sorted(imports.items())], ""]
    if large:
        lines += ["from pathlib import Path", "", "_large = np.load(Path(__file__).with_suffix('.npz'))"]
    for own, x in writer.constants.items():
        lines.append(f"{own} = " + (_stretched(x, f"_large[{own!r}]") if own in large else _array(x)))
    lines += [line for text in (CHECK, *writer.embedding.definitions) for line in ("", "", text)]
    lines += ["", "", f"def {name}({', '.join(parameters)}):", *[f"    {line}" for line in body], f"    return {given}"]
    text = "\n".join(lines) + "\n"
    if path is not None:
        _save(path, text, large)
    return text


class _FileWriter(_Writer):
    """Writes for a file: functions that are not NumPy's are embedded, and conditions raise."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = Embedding(self.value)

    def equation(self, equation: Equation) -> str:
        """An equation as a statement; a condition that does not hold is an error."""
        if equation.function is not expect:
            return super().equation(equation)
        condition, answer = self.value(equation.operands[0]), equation.operands[1]
        return (f"if {'not ' * answer}{condition}: raise ValueError('what was recorded is not right for these values: "
                f"{condition} is {not answer}')")

    def function(self, function: Any) -> str:
        """The name of a function, NumPy's where it is to be found there."""
        known = _BUILT_IN.get(function) or _public_name(function)
        return known or self.embedding.name_of(function)

    def handed(self, x: Any) -> str:
        """A leaf of the result; of a constant array a copy."""
        return f"{self.value(x)}.copy()" if isinstance(x, np.ndarray) else self.value(x)


def _taken(parameters: Sequence[str], arguments: tree.Structure) -> list[str]:
    """Statements that take the leaves out of the arguments."""
    args, kwargs = arguments.children.values()
    whole = [(parameters[i], child) for i, child in enumerate([*args.children.values(), *kwargs.children.values()])
             if i < len(parameters)]
    return [f"{_leaf_name(parameter, path)} = {parameter}{''.join(f'[{key!r}]' for key in steps)}"
            for parameter, structure in whole for path, steps in _ways(structure) if path]


def _ways(structure: tree.Structure, path: tree.Path = (), steps: tuple[Any, ...] = ()) -> list[tuple[Any, Any]]:
    """The path of each leaf, and the keys and positions that lead to it, also through NamedTuples."""
    if structure.node is None:
        return [(path, steps)]
    found = []
    for i, (key, _, child) in enumerate(structure.places):
        found += _ways(child, (*path, key), (*steps, key if structure.node.keyed else i))
    return found


def _leaf_name(parameter: str, path: tree.Path) -> str:
    return as_name("_".join(map(str, (parameter, *path))), "a")


CHECK = '''def check(name, x, dtype, shape):
    if x.dtype != dtype or x.shape != shape:
        raise ValueError(f"{name} must be {np.dtype(dtype)}{list(shape)}, got {x.dtype}{list(x.shape)}")'''


def _checks(inputs: Sequence[Variable]) -> list[str]:
    """Statements that refuse arrays of other shapes and dtypes."""
    lines = []
    for x in inputs:
        if x.is_array:
            lines.append(f"check({repr(x)!r}, {x!r}, {x.dtype.str!r}, {x.shape})")
    return lines


def _put_together(structure: tree.Structure, leaves: Sequence[str]) -> str:
    """The result as an expression: dicts for FrozenDicts, tuples for NamedTuples."""
    if structure.node is None:
        return leaves[0]
    parts = {key: _put_together(child, leaves[start:start + child.num_leaves])
             for key, start, child in structure.places}
    if structure.kind is type(None):
        return "None"
    if structure.node.keyed:
        return "{" + ", ".join(f"{key!r}: {part}" for key, part in parts.items()) + "}"
    if structure.kind is list:
        return f"[{', '.join(parts.values())}]"
    return f"({', '.join(parts.values())}{',' * (len(parts) == 1)})"


def _array(x: Any) -> str:
    """An array or number of NumPy as an expression, exactly."""
    if not x.size:
        return f"np.zeros({x.shape}, {x.dtype.str!r})"
    if isinstance(x, np.ndarray) and x.size > 2 and x.dtype.kind in "iu" and np.array_equal(x, np.arange(x.size)):
        return f"np.arange({x.size}, dtype={x.dtype.str!r})"
    if isinstance(x, np.ndarray) and x.ndim and not any(x.strides):
        return f"np.broadcast_to({_array(np.array(x.flat[0]))}, {x.shape})"
    if isinstance(x, np.ndarray) and not x.flags.forc:
        return _stretched(x, f"np.frombuffer({_memory(x).tobytes()!r}, np.uint8)")
    order = ", order='F'" if isinstance(x, np.ndarray) and x.flags.fnc else ""
    is_plain = x.dtype.kind in "biu" or (x.dtype.kind == "f" and x.dtype.itemsize <= 8 and bool(np.isfinite(x).all()))
    is_full = is_plain and isinstance(x, np.ndarray) and x.size > 2 and not order and (x == x.flat[0]).all()
    if is_full and x.flat[0] != 0:
        return f"np.full({x.shape}, {x.flat[0].item()!r}, {x.dtype.str!r})"
    if is_plain:
        text = f"np.array({x.tolist()!r}, {x.dtype.str!r}{order})"
    else:
        data = f"np.frombuffer({x.tobytes(order='A')!r}, {x.dtype.str!r})"
        text = f"{data}.reshape({x.shape}{order})"
    whole = text if isinstance(x, np.ndarray) else f"{text}[()]"
    return "\n".join(textwrap.wrap(whole, 116, subsequent_indent="    ", break_long_words=False)) if is_plain else whole


def _memory(x: Any) -> Any:
    """What is saved of an array: itself, or, where it has gaps or repeats itself, the memory that it lies in."""
    if x.flags.forc:
        return x
    low, high = np.lib.array_utils.byte_bounds(x)
    memory = np.zeros(high - low, np.uint8)
    whole: Any = np.ndarray(x.shape, x.dtype, memory, _offset(x), x.strides)
    whole[...] = x
    return memory


def _offset(x: Any) -> int:
    start: int = x.__array_interface__["data"][0] - np.lib.array_utils.byte_bounds(x)[0]
    return start


def _stretched(x: Any, memory: str) -> str:
    """An array that lies in this memory as x does in its own."""
    if x.flags.forc:
        return memory
    return f"np.ndarray({x.shape}, {x.dtype.str!r}, {memory}, {_offset(x)}, {x.strides})"


def _save(path: str, text: str, large: dict[str, Any]) -> None:
    from pathlib import Path

    Path(path).write_text(text, encoding="utf-8")
    if large:
        np.savez(Path(path).with_suffix(".npz"), **{own: _memory(x) for own, x in large.items()})
