"""How does JAX see a FrozenDict? As a node of its trees, like a dict.

Its entries come in the order of their keys, and a FrozenDict is built again from what JAX puts in their places.

>>> import jax
>>> from funcnn import FrozenDict
>>> jax.tree.map(lambda x: 2 * x, FrozenDict({"w": 1.0, "b": 2.0}))
FrozenDict({'w': 2.0, 'b': 4.0})
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import jax

from funcnn.tree import FrozenDict
from funcnn.tree.frozendict import born

__all__: list[str] = []

Keys = tuple[Hashable, ...]


def _children_with_keys(tree: FrozenDict[Any, Any]) -> tuple[list[tuple[Any, Any]], tuple[Keys, Keys]]:
    """The children by sorted key, as JAX does for dict, and what is needed to build the FrozenDict again."""
    order = tuple(sorted(tree))
    return [(jax.tree_util.DictKey(key), tree[key]) for key in order], (order, tuple(tree))


def _build(keys: tuple[Keys, Keys], children: Iterable[Any]) -> FrozenDict[Any, Any]:
    order, as_given = keys
    by_key = dict(zip(order, children, strict=True))
    entries = {key: by_key[key] for key in as_given}
    try:
        return FrozenDict(entries)
    except TypeError:  # JAX also puts what is no leaf of ours there: shardings, what it knows of arguments
        return born(entries, None)


jax.tree_util.register_pytree_with_keys(FrozenDict, _children_with_keys, _build)
