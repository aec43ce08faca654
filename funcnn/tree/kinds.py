"""Which other kinds of nodes are there? Your own: `register_node`, `register_dataclass`, each said once.

A registration says what a type is, as a class statement does, and stands beside it: made once, where the type is
defined, and never changed. Said twice it is an error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from funcnn.tree.structure import LEAF_TYPES, NODES, REGISTERED, Node

__all__ = ["register_dataclass", "register_node"]

T = TypeVar("T")

Registration: TypeAlias = tuple[type[Any], Callable[[Any], tuple[Any, Any]], Callable[[Any, Any], Any]]
"""(kind, flatten, unflatten), as `register_node` takes them."""

REGISTRATIONS: list[Registration] = []
LISTENERS: list[Callable[[Registration], None]] = []
"""Who is told of each registration that comes: `funcnn.jax`, where it is there, tells JAX."""


def register_node(kind: type[T], flatten: Callable[[T], tuple[Any, Any]],
                  unflatten: Callable[[Any, Any], T]) -> type[T]:
    """Say how a type of yours is taken apart into children and what else it holds, and built again.

    - `kind`: the type, which is returned. One that is a node or a leaf already is a ValueError.
    - `flatten`: `flatten(x)` gives (children, aux), the children in a tuple, or in a dict if they have names, which
      then stand in paths. aux is compared by ==, and is the same for nodes of the same structure.
    - `unflatten`: `unflatten(aux, children)` is the way back, of children that may be anything: tracers, None, trees.

    >>> from funcnn import tree
    >>> class Interval:
    ...     def __init__(self, low, high, unit): self.low, self.high, self.unit = low, high, unit
    ...     def __repr__(self): return f"{self.low} to {self.high} {self.unit}"
    >>> _ = register_node(Interval, lambda x: ((x.low, x.high), x.unit), lambda unit, ends: Interval(*ends, unit))
    >>> tree.map(lambda x: 2 * x, {"range": Interval(1.0, 2.0, "m")})
    {'range': 2.0 to 4.0 m}

    As `jax.tree_util.register_pytree_node`, which is told of it where `funcnn.jax` is imported.
    """
    _check_new(kind)
    REGISTERED[kind] = lambda x: _node(kind, *_flattened(kind, flatten(x)), unflatten)
    REGISTRATIONS.append((kind, flatten, unflatten))
    for listener in LISTENERS:
        listener(REGISTRATIONS[-1])
    return kind


def _check_new(kind: type) -> None:
    if not isinstance(kind, type):
        raise TypeError(f"tree.register_node: what is registered is a type, got {kind!r}")
    if kind in REGISTERED or kind in NODES or kind in LEAF_TYPES or hasattr(kind, "_fields"):
        what = "a leaf" if kind in LEAF_TYPES else "a kind of node"
        raise ValueError(f"tree.register_node: {kind.__name__} is {what} already; a type is registered once, where it "
                         "is defined")


def _flattened(kind: type, found: Any) -> tuple[Any, Any]:
    if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], Iterable)):
        raise TypeError(f"tree.register_node: flatten of a {kind.__name__} must return (children, aux), it returned "
                        f"{found!r:.99}")
    return found[0] if isinstance(found[0], Mapping) else tuple(found[0]), found[1]


def _node(kind: type, children: Any, aux: Any, unflatten: Callable[[Any, Any], Any]) -> Node:
    """How one node is taken apart, and others like it are built."""
    named = isinstance(children, Mapping)
    entries = dict(children) if named else dict(enumerate(children))
    return Node(lambda _: entries, lambda new: unflatten(aux, new if named else tuple(new.values())), fixed=False,
                aux=aux)


def register_dataclass(kind: type[T], data_fields: Collection[str] | None = None, meta_fields: Collection[str] = (),
                       ) -> type[T]:
    """Say that a dataclass is a node, whose fields are its children; a decorator.

    - `kind`: the dataclass, frozen or not, which is returned; its fields are set by its constructor.
    - `data_fields`: the names of the fields that are children; None takes all that are not `meta_fields`.
    - `meta_fields`: those that are part of the structure instead: settings, names, what is hashable and compared by ==.

    Each field of the constructor must be one of them, once; else that is a ValueError.

    >>> from dataclasses import dataclass
    >>> from funcnn import tree
    >>> @register_dataclass
    ... @dataclass(frozen=True)
    ... class Line:
    ...     slope: float
    ...     offset: float
    >>> tree.map(lambda x: 10 * x, Line(1.0, 2.0)), tree.leaves_with_path(Line(1.0, 2.0))[0]
    (Line(slope=10.0, offset=20.0), (('slope',), 1.0))

    As `jax.tree_util.register_dataclass`.
    """
    if not dataclasses.is_dataclass(kind):
        raise TypeError(f"tree.register_dataclass: {kind!r} is no dataclass; put @dataclass below it")
    names = [field.name for field in dataclasses.fields(kind) if field.init]
    meta = list(meta_fields)
    data = [name for name in names if name not in meta] if data_fields is None else list(data_fields)
    if sorted(data + meta) != sorted(names):
        raise ValueError(f"tree.register_dataclass: data_fields {data} and meta_fields {meta} must be the fields of "
                         f"{kind.__name__}, each once: {names}")
    return register_node(kind, lambda x: ({name: getattr(x, name) for name in data},
                                          tuple([getattr(x, name) for name in meta])),
                         lambda aux, children: kind(**children, **dict(zip(meta, aux, strict=True))))
