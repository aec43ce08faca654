"""How does a tree look in a notebook? Its nodes and leaves as the page of `funcnn._html` takes them."""

from __future__ import annotations

from typing import Any, Final

from funcnn._html import Branch, Leaf, shortened, tree_page
from funcnn.tree.structure import Node, node_of

__all__ = ["page_of"]

DEEPEST: Final = 40
"""Levels of nodes that a page shows."""


def page_of(tree: Any) -> str:
    """The page of a tree.

    >>> page_of({"w": 2.0, "b": (1.0,)}).count("<details")
    2
    """
    return tree_page(_shown("", tree, DEEPEST))


def _shown(name: str, tree: Any, levels: int) -> Branch | Leaf:
    node = _node(tree)
    if node is None or tree is None or not levels:
        return Leaf(name, tree)
    entries = [_shown(shortened(str(key)), child, levels - 1) for key, child in node.entries(tree).items()]
    return Branch(name, type(tree).__name__, entries)


def _node(tree: Any) -> Node | None:
    """How to take it apart; None of what the tree functions refuse, which is shown as it is."""
    try:
        return node_of(tree)
    except TypeError:
        return None
