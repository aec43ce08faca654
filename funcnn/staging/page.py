"""How does a program look in a notebook? A line a call, beside what it gives and who asked for it; constants open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from funcnn._html import Html, counted, memory, one_line, opened, opening, page, shortened, table, tag, words
from funcnn.staging.equation import Equation, Line, Variable, expect, freeze
from funcnn.staging.source import ListWriter

__all__ = ["page_of"]

LINES: Final = 300
"""The most calls of a page: the first half and the last, where there are more."""

PICTURES: Final = 50
"""The most constants of a page that open."""


def page_of(name: str, inputs: Sequence[Variable], equations: Sequence[Equation], outputs: Sequence[Any]) -> str:
    """The page of a program."""
    writer = ListWriter()
    frozen = {each.operands[0] for each in equations if each.function is freeze}
    calls = [each for each in equations if each.function is not freeze]
    lines = [None if before.line == each.line else each.line for before, each in pairwise([_NONE, *calls])]
    rows = _shortened([_row(each, writer, frozen, line) for each, line in zip(calls, lines, strict=True)])
    given: list[tuple[str, ...]] = [(_code(repr(each)), _code(str(each)), tag("span", "input", kind="quiet"))
                                    for each in inputs[:LINES]]
    given += [(f"… {counted(len(inputs) - LINES, 'more input')}",)] if len(inputs) > LINES else []
    result = (_code("return " + (", ".join(map(writer.value, outputs[:LINES])) or "None")), "", "")
    said = [counted(len(inputs), "input"), counted(len(equations), "call"), counted(len(outputs), "output"),
            f"results of {memory(sum(each.result.nbytes for each in equations))} in all"]
    head = one_line(words(title=f"Program {name}", quiet=" · ".join(said)))
    return page(head, *_constants(writer.constants), table(("call", "result", "asked for by"),
                                                           [*given, *rows, result]))


_NONE: Final = Equation(None, (), {}, Variable("", None))


def _row(equation: Equation, writer: ListWriter, frozen: set[Any], line: Line | None) -> tuple[str, ...]:
    """A call, what it gives, and the line that asked for it, where that is another than before."""
    result = "" if equation.function is expect else f"{equation.result}{', read-only' * (equation.result in frozen)}"
    return _code(writer.equation(equation)), _code(result), _place(line)


def _code(text: str) -> Html:
    return tag("span", shortened(text, 300), kind="code")


def _place(line: Line | None) -> Html:
    """Where in the user's program it was asked for, and what is written there."""
    if line is None:
        return Html("")
    return tag("span", shortened(f"{line} {line.text}", 64), kind="quiet", title=f"{line.file}: {line.text}")


def _shortened(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The first and the last of too many rows, and how many are between them."""
    if len(rows) <= LINES:
        return rows
    half = LINES // 2
    return [*rows[:half], (f"… {counted(len(rows) - LINES, 'more call')}, not shown; print(program) has all",),
            *rows[-half:]]


def _constants(constants: dict[str, Any]) -> Iterator[Html]:
    """What the function took from around it, under one line that opens."""
    if constants:
        pictures = iter(range(PICTURES))
        shown = [opened(value, name, pictures) for name, value in list(constants.items())[:LINES]]
        yield opening(words(quiet=counted(len(constants), "constant")),
                      tag("div", *shown, kind="inside"))
