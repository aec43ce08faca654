"""How does JAX see a FrozenDict? As a node of its trees, like a dict; and nodes of your own as you registered them.

Its entries come in the order of their keys, and a FrozenDict is built again from what JAX puts in their places.

>>> import jax
>>> from funcnn import FrozenDict
>>> jax.tree.map(lambda x: 2 * x, FrozenDict({"w": 1.0, "b": 2.0}))
FrozenDict({'w': 2.0, 'b': 4.0})
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import jax

from funcnn.tree import FrozenDict
from funcnn.tree.frozendict import born
from funcnn.tree.kinds import LISTENERS, REGISTRATIONS, Registration

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


# ------------------------------------------------------------------------------------------ nodes of the user


def _tell(registration: Registration) -> None:
    """Say to JAX what was said to `tree.register_node`, unless it knows of the type."""
    kind, flatten, unflatten = registration

    def of_jax(x: Any) -> tuple[tuple[Any, ...], Any]:
        children, aux = flatten(x)
        if isinstance(children, Mapping):
            return tuple(children.values()), (tuple(children), aux)
        return tuple(children), (None, aux)

    def build(names_and_aux: Any, children: Any) -> Any:
        names, aux = names_and_aux
        return unflatten(aux, tuple(children) if names is None else dict(zip(names, children, strict=True)))

    with suppress(ValueError):  # it does
        jax.tree_util.register_pytree_node(kind, of_jax, build)


for _registration in REGISTRATIONS:
    _tell(_registration)
LISTENERS.append(_tell)
