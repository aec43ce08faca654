"""How does a tree look? Each node is a line with its name, kind and counts, which opens to its entries."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from funcnn._html.arrays import Pictures, is_array, opened
from funcnn._html.page import Html, counted, memory, one_line, opening, page, tag, words

__all__ = ["Branch", "Leaf", "Line", "tree_page"]

ROOM: Final = 600
"""The most lines of a page; what does not fit is counted."""

PICTURES: Final = 100
"""The most arrays of a page that open."""

OPEN: Final = 24
"""A tree of at most so many lines is open to its leaves at first; of a larger one, only its first level."""


class Leaf(NamedTuple):
    """A leaf under its name."""

    name: str
    value: Any


class Line(NamedTuple):
    """A leaf of which there are no numbers: its name, what it is, and more words about it."""

    name: str
    kind: str
    said: str = ""


class Branch(NamedTuple):
    """A node under its name: what kind of container it is, its entries, and words about it in place of their counts."""

    name: str
    kind: str
    entries: Sequence[Branch | Leaf | Line]
    said: str | None = None


Node: TypeAlias = Branch | Leaf | Line


def tree_page(tree: Node) -> str:
    """The page of a tree, open at the top."""
    shown = _shown(tree, ROOM, iter(range(PICTURES)), depth=2 if _lines(tree) <= OPEN else 1)
    more = sum(math.prod(array.shape) > 0 and array.shape != () for array in _arrays(tree)) - PICTURES
    note = f"Only the first {PICTURES} arrays open; {more:,} more have shape and dtype alone."
    return page(shown, *([tag("div", note, kind="note")] if more > 0 else []))


def _shown(node: Node, room: int, pictures: Pictures, depth: int) -> Html:
    """A node in at most so many lines, the first `depth` levels of it open."""
    if isinstance(node, Leaf):
        return opened(node.value, node.name, pictures)
    if isinstance(node, Line):
        return one_line(words(name=node.name, code=node.kind, quiet=node.said), "plain")
    shown = node.entries[:max(room - 1, 1)]
    rooms = _shared(room - 1, [_lines(entry) for entry in shown])
    inside = [_shown(entry, share, pictures, depth - 1) for entry, share in zip(shown, rooms, strict=True)]
    more = len(node.entries) - len(shown)
    inside += [tag("div", f"… {counted(more, 'more entry')}, not shown", kind="plain quiet")] if more else []
    head = words(name=node.name, code=node.kind, quiet=_counts(node) if node.said is None else node.said)
    if not inside:
        return one_line(head, "plain")
    return opening(head, tag("div", *inside, kind="inside"), is_open=depth > 0)


def _shared(room: int, wanted: Sequence[int]) -> Iterator[int]:
    """Lines for each of several nodes: what it wants, if the rest is then left as much each, or else an equal share."""
    for i, want in enumerate(wanted):
        given = max(1, min(want, room // (len(wanted) - i)))
        room -= given
        yield given


# -------------------------------------------------------------------------------------------------- counts


def _counts(node: Branch) -> str:
    """How many entries it has and, where there are arrays in it, how many numbers, in how much memory."""
    count, arrays = counted(len(node.entries), "entry"), list(_arrays(node))
    sizes = [math.prod(array.shape) for array in arrays]
    size = sum(n * getattr(array.dtype, "itemsize", 0) for n, array in zip(sizes, arrays, strict=True))
    return f"{count}, {counted(sum(sizes), 'number')}, {memory(size)}" if arrays else count


def _arrays(node: Node) -> Iterator[Any]:
    """The leaves that are arrays."""
    if isinstance(node, Branch):
        for entry in node.entries:
            yield from _arrays(entry)
    elif isinstance(node, Leaf) and is_array(node.value):
        yield node.value


def _lines(node: Node) -> int:
    return 1 + sum(map(_lines, node.entries)) if isinstance(node, Branch) else 1
