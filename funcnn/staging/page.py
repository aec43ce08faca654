"""How does a program look in a notebook? A line a call, beside what it gives and who asked for it; constants open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, TypeAlias

from funcnn._html import Html, counted, memory, one_line, opened, opening, page, shortened, table, tag, words
from funcnn.staging.equation import Equation, Line, Variable, expect, freeze
from funcnn.staging.source import ListWriter

__all__ = ["page_of"]

LINES: Final = 300
"""The most calls of a page: the first half and the last, where there are more."""

Row: TypeAlias = tuple[str, ...]
"""The cells of a row of the table, or one alone."""

PICTURES: Final = 50
"""The most constants of a page that open."""


def page_of(name: str, inputs: Sequence[Variable], equations: Sequence[Equation], outputs: Sequence[Any]) -> str:
    """The page of a program."""
    writer = ListWriter()
    frozen = {each.operands[0] for each in equations if each.function is freeze}
    calls = [each for each in equations if each.function is not freeze]
    rows = [*_inputs(inputs), *_calls(calls, writer, frozen), _result(outputs, writer)]
    said = [counted(len(inputs), "input"), counted(len(calls), "call"), counted(len(outputs), "output"),
            f"results of {memory(sum(each.result.nbytes for each in calls))} in all"]
    return page(one_line(words(title=f"Program {name}", quiet=" · ".join(said))), *_constants(writer.constants),
                table(("call", "result", "asked for by"), rows))


def _inputs(inputs: Sequence[Variable]) -> Iterator[Row]:
    for each in inputs[:LINES]:
        yield _code(repr(each)), _code(str(each)), tag("span", "input", kind="quiet")
    if len(inputs) > LINES:
        yield (f"… {counted(len(inputs) - LINES, 'more input')}, not shown",)


def _calls(calls: Sequence[Equation], writer: ListWriter, frozen: set[Any]) -> list[Row]:
    """The calls, each with the line that asked for it, where that is another than before; of too many, both ends."""
    lines = [None if line == before else line for before, line in pairwise([None, *[each.line for each in calls]])]
    rows = [_row(each, writer, frozen, line) for each, line in zip(calls, lines, strict=True)]
    if len(rows) <= LINES:
        return rows
    half, more = LINES // 2, counted(len(rows) - LINES, "more call")
    return [*rows[:half], (f"… {more}, not shown; print(program) has all",), *rows[-half:]]


def _result(outputs: Sequence[Any], writer: ListWriter) -> Row:
    return _code("return " + (", ".join(map(writer.value, outputs[:LINES])) or "None")), "", ""


def _row(equation: Equation, writer: ListWriter, frozen: set[Any], line: Line | None) -> Row:
    result = "" if equation.function is expect else f"{equation.result}{', read-only' * (equation.result in frozen)}"
    return _code(writer.equation(equation)), _code(result), _place(line)


def _code(text: str) -> Html:
    return tag("span", shortened(text, 300), kind="code")


def _place(line: Line | None) -> Html:
    """Where in the user's program it was asked for, and what is written there."""
    if line is None:
        return Html("")
    return tag("span", shortened(f"{line} {line.text}", 64), kind="quiet", title=f"{line.file}: {line.text}")


def _constants(constants: dict[str, Any]) -> Iterator[Html]:
    """What the function took from around it, under one line that opens."""
    if constants:
        pictures = iter(range(PICTURES))
        shown = [opened(value, name, pictures) for name, value in list(constants.items())[:LINES]]
        yield opening(words(quiet=counted(len(constants), "constant")),
                      tag("div", *shown, kind="inside"))
