"""How does a trace look in a notebook? The tables of its text, whose values open to heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from funcnn._html import Html, Pictures, counted, one_line, opened, opening, page, table, tag, words
from funcnn.tracing.data import Operation, Parameter
from funcnn.tracing.text import BACKWARD, FORWARD, Row, backward_rows, forward_rows, parameter_rows, values

__all__ = ["page_of"]

PICTURES: Final = 150
"""The most values of a page that open."""

CODE = ("operation", "formula", "derivative")
"""The columns that are written as code."""


def page_of(name: str, value: Any, operations: Sequence[Operation], parameters: Sequence[Parameter]) -> str:
    """The page of a trace."""
    pictures = iter(range(PICTURES))
    count = f"{counted(len(operations), 'operation')}, {counted(len(parameters), 'parameter')}"
    head, *rows = parameter_rows(parameters)
    return page(one_line(words(title=f"{name} = {values(value)}", quiet=count)),
                _section("Forward", FORWARD, forward_rows(operations), pictures),
                _section("Backward", BACKWARD, backward_rows(operations), pictures),
                _section("Parameters", head, rows, pictures))


def _section(title: str, head: Row, rows: Sequence[Row | str], pictures: Pictures) -> Html:
    """One table, without the column of shapes, which stand beside the values."""
    shown = [i for i, column in enumerate(head) if column != "shape"]
    lines = [[row] if isinstance(row, str) else [_cell(head[i], row[i], pictures) for i in shown] for row in rows]
    return opening(words(title=title), table([head[i] for i in shown], lines), is_open=True)


def _cell(column: str, content: Any, pictures: Pictures) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return tag("span", content, kind="code") if column in CODE else content
    return opened(np.asarray(content), "", pictures)
