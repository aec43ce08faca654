"""How does a tree look? Each node is a line with its name, kind and counts, which opens to its entries."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, TypeAlias

from funcnn._html.arrays import Pictures, is_array, opened
from funcnn._html.page import Html, counted, memory, opening, page, tag

__all__ = ["Branch", "Leaf", "tree_page"]

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


class Branch(NamedTuple):
    """A node under its name: what kind of container it is, and its entries."""

    name: str
    kind: str
    entries: Sequence[Branch | Leaf]


Node: TypeAlias = Branch | Leaf


def tree_page(tree: Node) -> str:
    """The page of a tree, open at the top."""
    lines = _lines(tree)
    pictures = iter(range(PICTURES))
    left_out = max(0, _arrays(tree) - PICTURES)
    said = [tag("div", f"Only the first {PICTURES} arrays open; {left_out:,} more have shape and dtype alone.",
                kind="note")] if left_out else []
    return page(_shown(tree, ROOM, pictures, depth=2 if lines <= OPEN else 1), *said)


def _shown(node: Node, room: int, pictures: Pictures, depth: int) -> Html:
    """A node in at most so many lines, the first `depth` levels of it open."""
    if isinstance(node, Leaf):
        return opened(node.value, node.name, pictures)
    shown = node.entries[:max(room - 1, 1)]
    rooms = _shared(room - 1, [_lines(entry) for entry in shown])
    inside = [_shown(entry, share, pictures, depth - 1) for entry, share in zip(shown, rooms, strict=True)]
    more = len(node.entries) - len(shown)
    inside += [tag("div", f"… {counted(more, 'more entry')}, not shown", kind="plain quiet")] if more else []
    if not inside:
        return tag("div", *_head(node), kind="plain")
    return opening(_head(node), tag("div", *inside, kind="inside"), is_open=depth > 0)


def _shared(room: int, wanted: Sequence[int]) -> Iterator[int]:
    """Lines for each of several nodes: what it wants, if the rest is then left as much each, or else an equal share."""
    for i, want in enumerate(wanted):
        given = max(1, min(want, room // (len(wanted) - i)))
        room -= given
        yield given


def _head(node: Branch) -> list[Html]:
    arrays, numbers, size = _arrays(node), _numbers(node), _bytes(node)
    count = counted(len(node.entries), "entry")
    said = f"{count}, {counted(numbers, 'number')}, {memory(size)}" if arrays else count
    name = [tag("span", node.name, kind="name")] if node.name else []
    return [*name, tag("span", node.kind, kind="code"), tag("span", said, kind="quiet")]


# -------------------------------------------------------------------------------------------------- counts


def leaves(node: Node) -> Iterator[Any]:
    """The values of all leaves."""
    if isinstance(node, Leaf):
        yield node.value
    else:
        for entry in node.entries:
            yield from leaves(entry)


def _lines(node: Node) -> int:
    return 1 if isinstance(node, Leaf) else 1 + sum(map(_lines, node.entries))


def _arrays(node: Node) -> int:
    return sum(map(is_array, leaves(node)))


def _numbers(node: Node) -> int:
    return sum(math.prod(leaf.shape) for leaf in leaves(node) if is_array(leaf))


def _bytes(node: Node) -> int:
    return sum(math.prod(leaf.shape) * getattr(leaf.dtype, "itemsize", 0) for leaf in leaves(node) if is_array(leaf))
