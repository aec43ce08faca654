"""How is a program run fast? A `Plan` writes it as one function of Python, whose intermediate results have memory already.

The passes (`funcnn.staging.passes`) make the program smaller. Then each result gets its way: computed into memory of the
program (`out=`), looked at once and for all (a view of such memory), or made anew, as all must be that is handed out. Memory
is shared by results that do not live at the same time (`funcnn.staging.memory`). Every call that runs at the same time
has memory of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from funcnn.staging import calling
from funcnn.staging.equation import (
    Attribute,
    Changed,
    Equation,
    Method,
    Variable,
    expect,
    freeze,
    variables_in,
    with_variables,
)
from funcnn.staging.memory import placed
from funcnn.staging.passes import VIEWS, escaping, roots, simplified
from funcnn.staging.program import Program

__all__ = ["Plan"]


class Plan:
    """A program made ready to run: `take` parts the arguments, `run` computes, `give` puts the result together."""

    def __init__(self, program: Program, leaves: Sequence[Any], static: Sequence[tuple[int, Any]] = ()) -> None:
        self.program = simplified(program)
        self.take = calling.taker(program.arguments, leaves, static)
        self.give = calling.giver(program.result, _frozen_outputs(self.program))
        self._prepare = _Writer(self.program).prepare()
        self._ready: list[Callable[..., tuple[Any, ...]]] = []

    def __call__(self, leaves: Iterable[Any]) -> Any:
        """The result for the leaves of the arguments."""
        try:
            run = self._ready.pop()
        except IndexError:
            run = self._prepare()
        try:
            return self.give(run(*leaves))
        finally:
            self._ready.append(run)


def _frozen_outputs(program: Program) -> list[bool]:
    """Which leaves of the result are surely no arrays that can be written into."""
    frozen = {each.operands[0] for each in program.equations if each.function is freeze}
    lies_in = roots(program)
    return [isinstance(x, Variable) and (not x.is_array or x in frozen or bool(lies_in[x] & frozen))
            for x in program.outputs]


def _takes_out(equation: Equation) -> bool:
    """Whether the function can write its result into an array that is there, with the same bits."""
    function, operands, options, result, *_ = equation
    if result is None or not result.is_array or not result.ndim or result.kind is not np.ndarray or equation.views:
        return False
    if isinstance(function, np.ufunc):
        is_product = function is np.matmul
        return function.nout == 1 and not options and (not is_product or _is_c_ordered(result))
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return function.__name__ == "reduce" and options.keys() <= {"keepdims"} and len(operands) == 2
    if function is np.concatenate:
        return options.keys() <= {"axis"}
    return function in _COPIES and not options and len(operands) <= 2


_COPIES = {Method("copy"), Method("astype")}


def _is_c_ordered(x: Variable) -> bool:
    expected, stride = [], x.dtype.itemsize
    for n in reversed(x.shape):
        expected.append(stride)
        stride *= n
    return x.strides == tuple(reversed(expected))


class _Writer:
    """Writes a program as a function `make()`, which gets memory and returns the function of the leaves."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.names: dict[str, Any] = {"empty": np.empty, "ndarray": np.ndarray, "uint8": np.uint8, "copyto": np.copyto}
        self.handed_out = escaping(program)
        self.lies_in = roots(program)
        self.owned = [each.result for each in program.equations
                      if each.result not in self.handed_out and _takes_out(each)]
        self.block_of, self.sizes = placed(program, self.owned, self.may_overwrite)
        self.before: list[str] = []
        self.lines: list[str] = []
        self.is_there = set(self.owned)
        """What lies at the same place in every call: memory of the program, and views of it."""

    def may_overwrite(self, number: int) -> list[Variable]:
        """The operands of a function that works entry by entry which lie in memory like its result."""
        equation = self.program.equations[number]
        if not isinstance(equation.function, np.ufunc) or equation.function.signature is not None:
            return []
        y = equation.result
        return [x for x in equation.operands if isinstance(x, Variable) and y is not None
                and (x.shape, x.dtype, x.strides) == (y.shape, y.dtype, y.strides) and self.lies_in[x] == {x}]

    def prepare(self) -> Callable[[], Callable[..., tuple[Any, ...]]]:
        """The function that gets memory for one call at a time and returns what runs the program in it."""
        for block, nbytes in enumerate(self.sizes):
            self.before.append(f"b{block} = empty({nbytes}, uint8)")
        for x in self.owned:
            self.before.append(f"{x!r} = ndarray({x.shape}, {self.name(x.dtype)}, b{self.block_of[x]}, 0, {x.strides})")
        for equation in self.program.equations:
            self.write(equation)
        outputs = ", ".join(map(self.handed, self.program.outputs))
        inputs = ", ".join(map(repr, self.program.inputs))
        text = "\n".join([
            "def make():", *[f"    {line}" for line in self.before],
            f"    def run({inputs}):", *[f"        {line}" for line in self.lines],
            f"        return ({outputs}{',' if outputs else ''})",
            "    return run"])
        scope = dict(self.names)
        exec(compile(text, f"<jit: {self.program.name}>", "exec"), scope)
        make: Callable[[], Callable[..., tuple[Any, ...]]] = scope["make"]
        return make

    def write(self, equation: Equation) -> None:
        """One equation as a statement."""
        function, operands, options, result, _, errors, views = equation
        if errors:
            self.lines.append(f"with {self.name(np.errstate)}(**{self.name(dict(errors))}):")
            self.lines.append("    " + self.statement(equation))
        elif views and function in VIEWS and all(x in self.is_there for x in equation.reads):
            self.is_there.add(result)  # type: ignore[arg-type]  # a view is a result
            self.before.append(f"{result!r} = {self.call(function, operands, options)}")
        else:
            self.lines.append(self.statement(equation))

    def statement(self, equation: Equation) -> str:
        """One equation as a statement of the function that runs."""
        function, operands, options, result, *_ = equation
        if function is expect:
            condition = self.value(operands[0])
            return f"if {'not ' * bool(operands[1])}{condition}: raise {self.name(Changed)}"
        if function is freeze:
            return f"{self.value(operands[0])}.setflags(write=False)"
        if result not in self.block_of:
            return f"{result!r} = {self.call(function, operands, options)}"
        if function in _COPIES:
            return f"copyto({result!r}, {self.value(operands[0])}, 'unsafe')"
        if isinstance(function, np.ufunc):
            return f"{self.name(function)}({', '.join(map(self.value, operands))}, {result!r})"
        if function is np.concatenate:
            axis = self.value(options.get("axis", 0))
            return f"{self.name(function)}({self.value(operands[0])}, {axis}, {result!r})"
        keepdims = ", True" if options.get("keepdims") else ""
        return f"{self.name(function)}({', '.join(map(self.value, operands))}, None, {result!r}{keepdims})"

    def call(self, function: Any, operands: Sequence[Any], options: dict[str, Any]) -> str:
        """A function of operands as an expression."""
        texts = list(map(self.value, operands))
        if type(function) is Attribute:
            return f"{texts[0]}.{function.name}"
        given = [*texts, *[f"{name}={self.value(value)}" for name, value in options.items()]]
        if type(function) is Method:
            return f"{texts[0]}.{function.name}({', '.join(given[1:])})"
        return f"{self.name(function)}({', '.join(given)})"

    def value(self, x: Any) -> str:
        """An operand: a variable, a constant by name, or a tuple or list of such."""
        if isinstance(x, Variable):
            return repr(x)
        if isinstance(x, tuple | list) and not hasattr(x, "_fields") and any(True for _ in variables_in(x)):
            inside = ", ".join(map(self.value, x))
            return f"[{inside}]" if isinstance(x, list) else f"({inside}{',' * (len(x) == 1)})"
        if isinstance(x, tuple | dict) and any(True for _ in variables_in(x)):
            return f"{self.name(with_variables)}({self.name(x)}, {{{self.bound(x)}}}.__getitem__)"
        if type(x) in (int, bool, type(None)):
            return repr(x)
        return self.name(x)

    def bound(self, x: Any) -> str:
        return ", ".join(f"{self.name(each)}: {each!r}" for each in dict.fromkeys(variables_in(x)))

    def handed(self, x: Any) -> str:
        """A leaf of the result; of a constant array a copy, so that nobody can change the program's own."""
        if isinstance(x, np.ndarray):
            return f"{self.name(_copied)}({self.name(x)})"
        return self.value(x)

    def name(self, x: Any) -> str:
        """The name by which the text knows an object."""
        for name, known in self.names.items():
            if known is x:
                return name
        name = f"c{len(self.names)}"
        self.names[name] = x
        return name


def _copied(x: Any) -> Any:
    copy = x.copy(order="K")
    copy.setflags(write=x.flags.writeable)
    return copy
