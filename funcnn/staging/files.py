"""How does a program become a file that needs no funcnn? `standalone` writes it, with its constants, exactly."""

from __future__ import annotations

import textwrap
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from funcnn import tree
from funcnn.staging.embedding import Embedding
from funcnn.staging.equation import Equation, Variable, expect
from funcnn.staging.source import Writer, public_name

__all__ = ["standalone"]

FEW = 1000
"""Arrays of at most so many numbers stand in the file itself."""


def standalone(name: str, parameters: Sequence[str], inputs: Sequence[Variable], equations: Sequence[Equation],
               outputs: Sequence[Any], arguments: tree.Structure, result: tree.Structure, path: str | None) -> str:
    """A file of Python with the program as a function, which needs no funcnn; large constants go beside it."""
    writer = _FileWriter([name, *parameters, *map(repr, inputs)])
    check = writer.embedding.free("check")
    body = [*_taken(parameters, inputs, arguments), *_checks(inputs, check)]
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
    needs = "NumPy and SciPy" if any(module.startswith("scipy") for module in imports.values()) else "NumPy alone"
    lines = [f'"""{name}: the NumPy calls of a program that funcnn recorded; it needs {needs}."""', "",
             *[f"import {name}" + f" as {alias}" * (alias != name) for alias, name in sorted(imports.items())], ""]
    if large:
        lines += ["from pathlib import Path", "", "_large = np.load(Path(__file__).with_suffix('.npz'))"]
    for own, x in writer.constants.items():
        lines.append(f"{own} = " + (_stretched(x, f"_large[{own!r}]") if own in large else _array(x)))
    lines += [line for text in (CHECK.format(check), *writer.embedding.definitions) for line in ("", "", text)]
    lines += ["", "", f"def {name}({', '.join(parameters)}):", *[f"    {line}" for line in body], f"    return {given}"]
    text = "\n".join(lines) + "\n"
    if path is not None:
        _save(path, text, large)
    return text


class _FileWriter(Writer):
    """Writes for a file: functions that are not NumPy's are embedded, and conditions raise."""

    def __init__(self, taken: Sequence[str]) -> None:
        super().__init__()
        self.embedding = Embedding(self.value, taken)

    def equation(self, equation: Equation) -> str:
        """An equation as a statement; a condition that does not hold is an error."""
        if equation.function is not expect:
            return super().equation(equation)
        condition, answer = self.value(equation.operands[0]), equation.operands[1]
        return (f"if {'not ' * answer}{condition}: raise ValueError('what was recorded is not right for these values: "
                f"{condition} is {not answer}')")

    def function(self, function: Any) -> str:
        """The name of a function, NumPy's where it is to be found there."""
        known = public_name(function)
        return known or self.embedding.name_of(function)

    def handed(self, x: Any) -> str:
        """A leaf of the result; of a constant array a copy."""
        return f"{self.value(x)}.copy('K')" if isinstance(x, np.ndarray) else self.value(x)


def _taken(parameters: Sequence[str], inputs: Sequence[Variable], arguments: tree.Structure) -> list[str]:
    """Statements that take the leaves out of the arguments."""
    args, kwargs = arguments.places
    whole = [(start + begin, child) for _, start, part in (args, kwargs) for _, begin, child in part.places]
    return [f"{inputs[start + i]!r} = {parameter}{''.join(f'[{key!r}]' for key in steps)}"
            for parameter, (start, structure) in zip(parameters, whole, strict=True)
            for i, steps in _ways(structure) if steps]


def _ways(structure: tree.Structure, start: int = 0, steps: tuple[Any, ...] = ()) -> list[tuple[int, tuple[Any, ...]]]:
    """The number of each leaf, and the keys and positions that lead to it, also through NamedTuples."""
    if structure.node is None:
        return [(start, steps)]
    found = []
    for i, (key, begin, child) in enumerate(structure.places):
        found += _ways(child, start + begin, (*steps, key if _has_keys(structure) else i))
    return found


def _has_keys(structure: tree.Structure) -> bool:
    """Whether the entries of a node stand in a dict; others are given as tuples."""
    return structure.kind is OrderedDict or (structure.node is not None and structure.node.keyed)


CHECK = '''def {}(name, x, dtype, shape):
    if x.dtype != dtype or x.shape != shape:
        raise ValueError(f"{{name}} must be {{np.dtype(dtype)}}{{list(shape)}}, got {{x.dtype}}{{list(x.shape)}}")'''


def _checks(inputs: Sequence[Variable], check: str) -> list[str]:
    """Statements that refuse arrays of other shapes and dtypes."""
    lines = []
    for x in inputs:
        if x.is_array:
            lines.append(f"{check}({repr(x)!r}, {x!r}, {x.dtype.str!r}, {x.shape})")
    return lines


def _put_together(structure: tree.Structure, leaves: Sequence[str]) -> str:
    """The result as an expression: dicts for FrozenDicts, tuples for NamedTuples."""
    if structure.node is None:
        return leaves[0]
    parts = {key: _put_together(child, leaves[start:start + child.num_leaves])
             for key, start, child in structure.places}
    if structure.kind is type(None):
        return "None"
    if _has_keys(structure):
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
