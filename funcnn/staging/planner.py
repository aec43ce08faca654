"""How is a program run fast? A `Plan` writes it as one function, whose intermediate results lie in memory of its own.

The passes (`funcnn.staging.passes`) make the program smaller. Then each result gets its way: computed into memory of
the program (`out=`), looked at once and for all (a view of such memory), or made anew, as all must be that is handed
out. Every call that runs at the same time has memory of its own. `Choices` switches each of it off, for tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from funcnn._threads import in_threads, number_of_threads
from funcnn.staging import calling
from funcnn.staging.blocks import Run, is_dense, is_reshape, runs
from funcnn.staging.equation import (
    Attribute,
    Changed,
    Equation,
    Method,
    Variable,
    as_name,
    expect,
    freeze,
    variables_in,
    with_variables,
)
from funcnn.staging.memory import in_turns, joined, placed
from funcnn.staging.passes import PASSES, VIEWS, Pass, escaping, roots, simplified
from funcnn.staging.program import Program
from funcnn.staging.recorder import copied
from funcnn.staging.recycling import Recycled, can_recycle

__all__ = ["Choices", "Plan"]


class Choices(NamedTuple):
    """What the planner does; each may be left out, and the bits are the same."""

    passes: tuple[Pass, ...] = PASSES
    own_memory: bool = True
    """Intermediate results are written into memory of the program."""
    joins: bool = True
    """What is only computed to be joined is written where the whole lies."""
    views_once: bool = True
    """Views of memory of the program are made before it runs."""
    blocks: bool = True
    """Large arrays are worked through block by block."""
    threads: int | None = None
    """So many threads share the blocks of very large arrays; None leaves it to the planner."""
    recycles: bool = can_recycle()
    """Large results are written into memory that was handed out before and is held by nobody any longer."""


THREADED = 2**20
"""Entries; smaller arrays are done before threads have begun."""

RECYCLED = 128 * 1024
"""Bytes; smaller arrays are as fast made anew."""


class Plan:
    """A program made ready to run: `take` parts the arguments, `run` computes, `give` puts the result together."""

    def __init__(self, program: Program, leaves: Sequence[Any], static: Sequence[tuple[int, Any]] = (),
                 choices: Choices = Choices()) -> None:  # noqa: B008  # a NamedTuple never changes
        self.program = simplified(program, choices.passes)
        self.take = calling.taker(program.arguments, leaves, static)
        self.give = calling.giver(program.result, _frozen_outputs(self.program))
        writer = _Writer(self.program, choices)
        self.prepare = writer.function()
        self.code = writer.code
        """The function that runs, as text."""
        self.errors: dict[str, Any] | None = None
        """What `np.errstate` must say for it to be right; None where that is all the same."""
        self._ready: list[Callable[..., tuple[Any, ...]]] = []

    def __call__(self, leaves: Iterable[Any]) -> Any:
        """The result for the leaves of the arguments."""
        if self.errors is not None and self.errors != np.geterr():
            raise Changed
        try:
            run = self._ready.pop()
        except IndexError:
            run = self.prepare()
        try:
            return self.give(run(*leaves))
        finally:
            self._ready.append(run)


def _frozen_outputs(program: Program) -> list[bool]:
    """Which leaves of the result are surely no arrays that can be written into: flagged, or views of what was."""
    frozen: set[Variable] = set()
    for each in program.equations:
        if each.function is freeze:
            frozen.add(each.operands[0])
        elif each.views and frozen.issuperset(each.views):
            frozen.add(each.result)
    return [isinstance(x, Variable) and (not x.is_array or x in frozen) for x in program.outputs]


def _threads_for(equations: Iterable[Equation]) -> int:
    """How many threads pay: one beside the threads of BLAS, which wait for their next product without letting go."""
    return 1 if any(map(_is_product, equations)) else min(number_of_threads(), MANY)


def _is_product(equation: Equation) -> bool:
    """Whether BLAS does it in several threads."""
    is_product = getattr(equation.function, "__name__", "") in _PRODUCTS
    return is_product and max([x.size for x in equation.reads], default=0) > SERIAL


_PRODUCTS = {"matmul", "dot", "inner", "vdot", "tensordot", "einsum"}

SERIAL = 2**14
"""Entries; for products of smaller arrays OpenBLAS wakes none of its threads."""

MANY = 4
"""Threads; more wait for each other in Python, and for the memory."""


# ------------------------------------------------------------------------------------ which functions take memory


def _takes_out(equation: Equation) -> bool:
    """Whether the function can write its result into an array that is there, with the same bits."""
    function, operands, options, result, _, errors, views = equation
    if result.kind is not np.ndarray or not result.ndim or views or errors:
        return False
    if isinstance(function, np.ufunc):
        return function.nout == 1 and not options and (function is not np.matmul or is_dense(result))
    if any(True for _ in variables_in((operands[1:], options))):
        return False  # along which axis is not known
    if isinstance(getattr(function, "__self__", None), np.ufunc):
        is_plain = function.__name__ == "reduce" and options.keys() <= {"keepdims"} and len(operands) == 2
        return is_plain and is_dense(operands[0])  # else a sum may be added up in another order
    if function is np.concatenate:
        return options.keys() <= {"axis"} and len(operands) <= 2
    return function in _COPIES and not options and len(operands) <= 2


_COPIES = {Method("copy"), Method("astype")}


# ----------------------------------------------------------------------------------------------- the function


def _is_uniform(x: Any) -> bool:
    """Whether all entries of a constant have the same bits; then a block of them, which stays in the cache, is enough.

    >>> _is_uniform(np.zeros(3)), _is_uniform(np.array([0.0, -0.0]))
    (True, False)
    """
    is_uniform: bool = x.tobytes() == x.size * x.ravel()[:1].tobytes()
    return is_uniform


_LOCAL = {"c", "cut", "cuts", "make", "run"}
"""Names that the text gives itself."""


class _Writer:
    """Writes a program as a function `make()`, which gets memory and returns the function of the leaves."""

    def __init__(self, program: Program, choices: Choices) -> None:
        self.program, self.choices = program, choices
        self.names: dict[str, Any] = {"empty": np.empty, "ndarray": np.ndarray, "uint8": np.uint8, "copyto": np.copyto}
        self._name_of: dict[int, str] = {id(x): name for name, x in self.names.items()}
        self.before: list[str] = []
        self.lines: list[str] = []
        self.code = ""
        self.inputs = {x: f"_{number}" for number, x in enumerate(program.inputs)}
        """Names that nothing else in the text has; those of the user's parameters may be `exp`, or `cut`."""
        equations = program.equations
        self.lies_in = roots(program)
        self.handed_out = handed_out = escaping(program)
        self.runs = {run.start: run for run in runs(equations)} if choices.blocks else {}
        self.scratch = self._scratch(handed_out)
        self.threads = _threads_for(equations) if choices.threads is None else choices.threads
        self.writable = {each.result for each in equations if _takes_out(each)}
        self.owned = self.writable - handed_out - self.scratch if choices.own_memory else set()
        self.inside = joined(equations, self.owned) if choices.joins else {}
        self.lies_in = {x: {self.inside.get(root, (root, 0))[0] for root in lies_in}
                        for x, lies_in in self.lies_in.items()}
        self.block_of, self.sizes = placed(equations, self.owned - self.inside.keys(), self.lies_in,
                                           list(self.runs.values()))
        self.is_there = set(self.owned)
        """What lies at the same place in every call: memory of the program, and views of it."""

    def _scratch(self, handed_out: set[Variable]) -> set[Variable]:
        """The results that only the other equations of their run read: a block of memory is enough for them."""
        own = {each.result: run for run in self.runs.values()
               for each in self.program.equations[run.start:run.stop] if each.result not in handed_out}
        for number, equation in enumerate(self.program.equations):
            for x in equation.reads:
                if x in own and not own[x].start <= number < own[x].stop:
                    del own[x]
        for equation in reversed(self.program.equations):
            if is_reshape(equation) and equation.result not in own:
                own.pop(equation.operands[0], None)
        return set(own)

    def function(self) -> Callable[[], Callable[..., tuple[Any, ...]]]:
        """The function that gets memory for one call at a time and returns what runs the program in it."""
        self.before += [f"b{block} = empty({nbytes}, uint8)" for block, nbytes in enumerate(self.sizes)]
        for x in sorted(self.owned, key=repr):
            whole, start = self.inside.get(x, (x, 0))
            self.before.append(f"{x!r} = ndarray({x.shape}, {self.name(x.dtype)}, b{self.block_of[whole]}, "
                               f"{start * x.dtype.itemsize}, {x.strides})")
        number = 0
        while number < len(self.program.equations):
            if number in self.runs:
                self.write_run(self.runs[number])
                number = self.runs[number].stop
            else:
                self.write(self.program.equations[number])
                number += 1
        outputs = "".join(f"{self.handed(x)}, " for x in self.program.outputs)
        text = "\n".join([
            "def make():", *[f"    {line}" for line in self.before],
            f"    def run({', '.join(self.inputs.values())}):", *[f"        {line}" for line in self.lines],
            f"        return ({outputs})",
            "    return run"])
        self.code, scope = text, dict(self.names)
        exec(compile(text, f"<jit: {self.program.name}>", "exec"), scope)
        make: Callable[[], Callable[..., tuple[Any, ...]]] = scope["make"]
        return make

    def write(self, equation: Equation) -> None:
        """One equation as a statement; a view of memory that is there is made before."""
        function, operands, options, result, _, errors, views = equation
        if errors:
            self.lines.append(f"with {self.name(np.errstate)}(**{self.name(dict(errors))}):")
            self.lines.append("    " + self.statement(equation))
        elif (self.choices.views_once and views and function in VIEWS
              and all(x in self.is_there for x in equation.reads)):
            self.is_there.add(result)
            self.before.append(f"{result!r} = {self.call(function, operands, options)}")
        elif not self.is_done(equation):
            self.lines.append(self.statement(equation))

    def is_done(self, equation: Equation) -> bool:
        """Whether there is nothing to do: the parts of a join lie in it already, nobody sees the flag of an array."""
        if equation.function is freeze:
            return equation.operands[0] not in self.handed_out
        parts = equation.operands[0] if equation.function is np.concatenate else None
        return isinstance(parts, tuple | list) and all(
            isinstance(x, Variable) and self.inside.get(x, (x, 0))[0] is equation.result for x in parts)

    def statement(self, equation: Equation) -> str:
        """One equation as a statement of the function that runs."""
        function, operands, options, result, *_ = equation
        if function is expect:
            condition = self.value(operands[0])
            return f"if {'not ' * bool(operands[1])}{condition}: raise {self.name(Changed)}"
        if function is freeze:
            return f"{self.value(operands[0])}.setflags(write=False)"
        if result in self.owned:
            return self.into(equation, repr(result))
        if self.choices.recycles and result in self.writable and is_dense(result) and result.nbytes >= RECYCLED:
            return f"{self.made_anew(result)}; {self.into(equation, repr(result))}"
        return f"{result!r} = {self.call(function, operands, options)}"

    def into(self, equation: Equation, out: str) -> str:
        """A function that writes its result into an array."""
        function, operands, options, *_ = equation
        given = ", ".join(map(self.value, operands))
        if function in _COPIES:
            return f"copyto({out}, {self.value(operands[0])}, 'unsafe')"
        if isinstance(function, np.ufunc):
            return self.ufunc(function, given, out)
        if function is np.concatenate:
            axis = operands[1] if len(operands) > 1 else options.get("axis", 0)
            return f"{self.name(function)}({self.value(operands[0])}, {self.value(axis)}, {out})"
        return f"{self.name(function)}({given}, None, {out}{', True' if options.get('keepdims') else ''})"

    def ufunc(self, function: np.ufunc, given: str, out: str) -> str:
        """A ufunc that writes its result into an array; by position is faster, which for two of them is deprecated."""
        by_name = "out=" if function in (np.maximum, np.minimum) else ""
        return f"{self.name(function)}({given}, {by_name}{out})"

    # ------------------------------------------------------------------------------------------ block by block

    def write_run(self, run: Run) -> None:
        """A run: a loop over blocks, in memory of a block for what only the run reads."""
        equations = self.program.equations[run.start:run.stop]
        results = [each.result for each in equations if not is_reshape(each)]
        self.lines += [self.made_anew(x) for x in results if x not in self.scratch and x not in self.owned]
        self.write_loop(run, *self.block(run, equations))
        for each in equations:
            if is_reshape(each) and each.result not in self.scratch:
                self.write(each)

    def block(self, run: Run, equations: Sequence[Equation]) -> tuple[list[str], list[str]]:
        """Statements that make memory of a block, and those that do the work of one, `cut`."""
        pieces = {x: f"s{run.start}_{piece}" for x, piece in in_turns(equations, self.scratch).items()}
        part = {repr(x): f"{piece}_" for x, piece in pieces.items()}
        opening = [f"{piece}_ = {piece}[:cut.stop - cut.start]" for piece in dict.fromkeys(pieces.values())]
        body = []
        for each in equations:
            if is_reshape(each):
                part[repr(each.result)] = self.part_of(each.operands[0], run, part, opening)
            else:
                given = ", ".join([self.part_of(x, run, part, opening) for x in each.operands])
                body.append(self.ufunc(each.function, given, self.part_of(each.result, run, part, opening)))
        shape, kinds = (run.rows, *run.shape[1:]), {piece: x.dtype for x, piece in pieces.items()}
        scratch = [f"{piece} = empty({shape}, {self.name(dtype)})" for piece, dtype in kinds.items()]
        return scratch, opening + body

    def write_loop(self, run: Run, scratch: Sequence[str], body: Sequence[str]) -> None:
        """The loop over the blocks of a run, or a function of it that threads share out, each with its own memory."""
        n, own = run.shape[0], f"run{run.start}"
        cuts = [slice(start, min(start + run.rows, n)) for start in range(0, n, run.rows)]
        threads = min(self.threads, len(cuts))
        if threads == 1 or math.prod(run.shape) < THREADED:
            self.before += scratch
            self.lines += [f"for cut in {self.name(cuts)}:", *[f"    {line}" for line in body]]
            return
        shares = [cuts[i::threads] for i in range(threads)]
        self.lines += [f"def {own}(cuts):", *[f"    {line}" for line in (*scratch, "for cut in cuts:")],
                       *[f"        {line}" for line in body],
                       f"{self.name(in_threads)}({own}, {self.name(shares)}, {threads})"]

    def part_of(self, x: Any, run: Run, part: dict[str, str], opening: list[str]) -> str:
        """The part of an operand, or of a result, that belongs to the block that is worked on."""
        text = self.value(x)
        if text in part or not self.is_cut(x, run):
            return part.get(text, text)
        part[text] = f"{text}_"
        opening.append(f"{text}_ = {self.cut(x, run)}")
        return part[text]

    def cut(self, x: Any, run: Run) -> str:
        """An expression for the entries of an array that belong to a block."""
        if isinstance(x, np.ndarray) and _is_uniform(x):
            block = np.full((run.rows, *run.shape[1:]), x.flat[0], x.dtype)
            return f"{self.name(block)}[:cut.stop - cut.start]"
        whole = self.value(x)
        if x.shape == run.shape or len(run.shape) > 1:
            return f"{whole}[cut]"
        is_kept = isinstance(x, np.ndarray) or x in self.is_there
        (self.before if is_kept else self.lines).append(f"{whole}_flat = {whole}.reshape(-1)")
        return f"{whole}_flat[cut]"

    def is_cut(self, x: Any, run: Run) -> bool:
        """Whether a variable or a constant is cut with the results; what is the same for all rows is not."""
        its: tuple[int, ...] = getattr(x, "shape", ())
        if len(run.shape) == 1:
            return its != () and math.prod(its) == run.shape[0]
        return len(its) == len(run.shape) and its[0] == run.shape[0]

    def made_anew(self, x: Variable) -> str:
        """A statement that gets memory for a result that is handed out: what nobody holds any longer, or new."""
        if not self.choices.recycles or x.nbytes < RECYCLED:
            return f"{x!r} = empty({x.shape}, {self.name(x.dtype)})"
        self.before.append(f"again_{x!r} = {self.name(Recycled)}({x.shape}, {self.name(x.dtype)})")
        return f"{x!r} = again_{x!r}()"

    # ------------------------------------------------------------------------------------------ operands as text

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
        """An operand: a variable, a constant by name, or a tuple, list or dict of such."""
        if isinstance(x, Variable):
            return self.inputs.get(x, x.name)
        if any(True for _ in variables_in(x)):
            if type(x) in (tuple, list):
                inside = ", ".join(map(self.value, x))
                return f"[{inside}]" if type(x) is list else f"({inside},)"
            found = ", ".join(f"{self.name(each)}: {self.value(each)}" for each in dict.fromkeys(variables_in(x)))
            return f"{self.name(with_variables)}({self.name(x)}, {{{found}}}.__getitem__)"
        return repr(x) if type(x) in (int, bool, type(None)) else self.name(x)

    def handed(self, x: Any) -> str:
        """A leaf of the result; of a constant array that can be written into a copy, of others a view."""
        if not isinstance(x, np.ndarray):
            return self.value(x)
        return f"{self.name(copied)}({self.name(x)})" if x.flags.writeable else f"{self.name(x)}.view()"

    def name(self, x: Any) -> str:
        """The name by which the text knows an object."""
        if id(x) not in self._name_of:
            own = as_name(getattr(x, "__name__", ""), "c") if callable(x) else "c"
            name = own if own not in self.names and own not in _LOCAL else f"{own}_{len(self.names)}"
            self._name_of[id(x)] = name
            self.names[name] = x
        return self._name_of[id(x)]
