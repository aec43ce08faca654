"""Where the boxes and arrows of a calculation stand on a page: `place(trace)`.

`funcnn.plotting` draws them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from funcnn.tracing import Operation, Trace
from funcnn.tracing.text import Gap, plan, shape_text

__all__ = ["Arrow", "Box", "place"]


class Box(NamedTuple):
    """A text in its place; y counts rows from the top, x columns."""

    kind: str
    """`operation`, `input` or `gap`."""
    text: str
    x: float
    y: float


class Arrow(NamedTuple):
    """From one box to another, and what flows there."""

    start: Box
    end: Box
    text: str


class _Piece(NamedTuple):
    """Operations that stand in one box, and what it says."""

    operations: tuple[Operation, ...]
    text: str


def place(trace: Trace) -> tuple[list[Box], list[Arrow]]:
    """The boxes and arrows of the graph: each operation right above what needs it, its parameters to the left of it.

    Of a stretch that repeats, the first and the last are placed, and a gap between them.
    """
    pieces = list(_pieces(trace))
    flows = _flows(pieces)
    boxes = _boxes(pieces, flows, _rows(len(pieces), flows))
    inputs = [(Box("input", read, box.x - 1, box.y), box) for piece, box in zip(pieces, boxes, strict=True)
              if (read := _inputs(piece))]
    arrows = [Arrow(boxes[start], boxes[end], text) for (start, end), text in flows.items()]
    return [*boxes, *(source for source, _ in inputs)], [*arrows, *(Arrow(source, box, "") for source, box in inputs)]


def _pieces(trace: Trace) -> Iterator[_Piece]:
    """The operations in order, one by one or, where they are not shown, all of a gap together."""
    for each in plan(trace.operations):
        if isinstance(each, Gap):
            again = f"{each.times} times the same" if each.times > 1 else "more"
            yield _Piece(trace.operations[each.first:each.last + 1], f"... {again} {each.period} ...")
        else:
            op = trace.operations[each]
            yield _Piece((op,), f"{op.layer}: {op.name}\n{op.formula}" if op.layer else f"{op.name}\n{op.formula}")


def _flows(pieces: list[_Piece]) -> dict[tuple[int, int], str]:
    """From which piece to which something flows, and its shape."""
    home = {op.number: i for i, piece in enumerate(pieces) for op in piece.operations}
    return {(home[number], i): flow for i, piece in enumerate(pieces) for op in piece.operations
            for number, flow in _results_needed(op) if home.get(number, i) != i}


def _rows(count: int, flows: dict[tuple[int, int], str]) -> list[int]:
    """The row of each piece: as many as the longest way down to it, then as low as what needs it allows."""
    rows = [0] * count
    for start, end in sorted(flows, key=lambda flow: flow[1]):
        rows[end] = max(rows[end], rows[start] + 1)
    for i in range(count - 1, -1, -1):
        rows[i] = min((rows[end] - 1 for start, end in flows if start == i), default=rows[i])
    return rows


def _boxes(pieces: list[_Piece], flows: dict[tuple[int, int], str], rows: list[int]) -> list[Box]:
    """Each piece in the column of what it needs first, or in the next one that is free."""
    boxes: list[Box] = []
    taken: set[tuple[float, float]] = set()
    for i, (piece, y) in enumerate(zip(pieces, rows, strict=True)):
        x = next((boxes[start].x for start, end in flows if end == i), 0.0)
        while (x, y) in taken:
            x += 2
        taken.add((x, y))
        boxes.append(Box("operation" if len(piece.operations) == 1 else "gap", piece.text, x, y))
    return boxes


def _results_needed(op: Operation) -> Iterator[tuple[int, str]]:
    """The numbers of the operations whose results it reads, and their shapes."""
    for operand in op.operands:
        if operand.source.startswith("#"):
            yield int(operand.source[1:]), shape_text(operand.value)


def _inputs(piece: _Piece) -> str:
    """The parameters and arguments that an operation reads, one a line; of a gap, nothing."""
    operands = piece.operations[0].operands if len(piece.operations) == 1 else ()
    read = {operand.source: operand for operand in operands if operand.source and operand.source[0] != "#"}
    return "\n".join(f"{source}  {shape_text(operand.value)}".rstrip() for source, operand in read.items())
