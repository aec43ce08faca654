"""What is a tree made of? Nodes, which have entries, and leaves; `flatten` parts the leaves from the `Structure`."""

from __future__ import annotations

import builtins
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MappingView, Sequence, Set
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from funcnn._arguments import place_of
from funcnn._devices import is_of_jax

__all__ = [
    "LEAF_TYPES", "NODES", "REGISTERED", "IsLeaf", "Parts", "Path", "Structure", "aligned", "are_leaves",
    "check_alike", "deeper", "entries_at", "flatten", "keystr", "kind_text", "node_of", "parts", "parts_of",
    "register_leaf", "show", "too_deep", "unflatten",
]

Path: TypeAlias = tuple[str | int, ...]
"""Where a leaf stands in its tree: the keys, fields and positions that lead to it."""


def keystr(path: Path) -> str:
    """A `path`, the tuple of keys, fields and positions, as text; of a leaf alone it is empty.

    >>> keystr(("dense_0", "w"))
    'dense_0/w'
    """
    return "/".join(map(str, path))


# ------------------------------------------------------------------------------------- kinds of nodes


class Node(NamedTuple):
    """How one kind of container is taken apart into {key: child}, and built again of such a dict.

    A kind that never changes may know its parts and be born of them: `known(tree)` and `of_leaves(structure, leaves)`.
    """

    entries: Callable[[Any], dict[Any, Any]]
    build: Callable[[dict[Any, Any]], Any]
    keyed: bool = False
    """Whether entries have keys that are sorted when they are visited, as those of dicts."""
    known: Callable[[Any], Parts | None] = lambda tree: None
    of_leaves: Callable[[Structure, tuple[Any, ...]], Any] | None = None
    fixed: bool = True
    """Whether a node of this kind never changes."""
    aux: Any = None
    """What a node holds beside its entries, which `build` knows: two nodes are alike only where it is equal."""


def _numbered(tree: Sequence[Any]) -> dict[Any, Any]:
    return dict(enumerate(tree))


NODES: dict[type, Node] = {
    dict: Node(lambda tree: tree, lambda new: new, keyed=True, fixed=False),
    OrderedDict: Node(dict, OrderedDict, fixed=False),
    tuple: Node(_numbered, lambda new: tuple(new.values())),
    list: Node(_numbered, lambda new: list(new.values()), fixed=False),
    type(None): Node(lambda tree: {}, lambda new: None),
}
"""The kinds of nodes; NamedTuples are nodes too, and `FrozenDict` adds itself."""

REGISTERED: dict[type, Callable[[Any], Node]] = {}
"""Kinds of nodes that were registered: how each node of the kind is taken apart; `funcnn.tree.kinds` fills it."""

LEAF_TYPES: set[type] = {np.ndarray, float, int, np.float32, np.float64}
"""Types known to be leaves; every other one is looked at."""

if hasattr(builtins, "frozendict"):  # Python 3.15
    NODES[builtins.frozendict] = Node(dict, builtins.frozendict, keyed=True)


def register_leaf(kind: type) -> type:
    """Say that a type, `kind`, is a leaf, though it may hold others (a dataclass, a sequence); a decorator.

    It is said once, where the type is defined, and spares looking at each of its values.

    >>> @register_leaf
    ... class Unit: ...
    >>> are_leaves([Unit(), Unit()])
    True
    """
    LEAF_TYPES.add(kind)
    return kind


def are_leaves(values: Iterable[Any]) -> bool:
    """Whether all `values` are of types known to be leaves, which can be told without looking at each.

    False means only that one must look.

    >>> are_leaves((np.ones(2), 1.0)), are_leaves(([1.0],))
    (True, False)
    """
    return LEAF_TYPES.issuperset(map(type, values))


def node_of(tree: Any) -> Node | None:
    """How to take `tree` apart, or None for a leaf."""
    kind = type(tree)
    if kind in LEAF_TYPES:
        return None
    return NODES[kind] if kind in NODES else _rare_node(tree)


def _rare_node(tree: Any) -> Node | None:
    kind = type(tree)
    if kind in REGISTERED:
        return REGISTERED[kind](tree)
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return Node(lambda tree: tree._asdict(), lambda new: kind(*new.values()))
    if _holds_others(tree):
        raise TypeError(f"tree: a {kind.__name__} is not a kind of tree node; use dict, FrozenDict, tuple, list or a "
                        f"NamedTuple, or say what it is: tree.register_node, tree.register_dataclass, "
                        f"tree.register_leaf({kind.__name__})")
    return None


def _holds_others(tree: Any) -> bool:
    """Whether it is a container, in which arrays would be overlooked."""
    if isinstance(tree, str | bytes):
        return False
    fields = hasattr(type(tree), "__dataclass_fields__") or hasattr(type(tree), "__attrs_attrs__")
    return fields or isinstance(tree, Sequence | Set | Mapping | MappingView | Iterator | deque | tuple)


# ------------------------------------------------------------------------------------------ structure

DEEPEST = 200
"""Levels of nodes; Python's stack holds about a thousand calls, of which each level takes a few."""


def too_deep() -> ValueError:
    """The error of a tree that is nested without end, or nearly so.

    >>> too_deep()
    ValueError('tree: nodes are nested more than 200 levels deep, or one holds itself; make the tree flatter, such as \
a list of layers')
    """
    return ValueError(f"tree: nodes are nested more than {DEEPEST} levels deep, or one holds itself; make the tree "
                      "flatter, such as a list of layers")


@final
class Structure:
    """A tree without its leaves: what `unflatten` needs besides them. Equal for equal shapes of tree.

    `flatten` and `structure` make them. `kind` is the type of its top and `node` how that is taken apart, None for a
    leaf; `children` are the structures of its entries by key, `order` their keys as they are visited; `places` says
    for each where its leaves begin, `num_leaves` how many there are.

    >>> flatten({"w": 1.0, "b": (2.0, None)})[1]
    Structure({'w': *, 'b': (*, None)})
    """

    __slots__ = ("children", "depth", "fixed", "kind", "node", "num_leaves", "places")

    def __init__(self, kind: type, node: Node | None = None, children: dict[Any, Structure] | None = None,
                 order: Sequence[Any] = ()) -> None:
        self.kind, self.node, self.children = kind, node, children or {}
        ends = dict(zip(order, accumulate([self.children[key].num_leaves for key in order]), strict=True))
        self.places = [(key, ends[key] - child.num_leaves, child) for key, child in self.children.items()]
        self.num_leaves: int = ends[order[-1]] if order else int(node is None)
        self.fixed: bool = (node is None or node.fixed) and all(child.fixed for child in self.children.values())
        self.depth: int = 1 + max([child.depth for child in self.children.values()], default=0)
        if self.depth > DEEPEST:
            raise too_deep()

    def build(self, leaves: tuple[Any, ...]) -> Any:
        """The tree of this structure that has these `leaves`, as many as `num_leaves`."""
        node = self.node
        if node is None:
            return leaves[0]
        if node.of_leaves is not None and self.fixed and LEAF_TYPES.issuperset(map(type, leaves)):
            return node.of_leaves(self, leaves)
        return node.build(self.entries(leaves))

    def entries(self, leaves: tuple[Any, ...]) -> dict[Any, Any]:
        """The entries of the tree of this structure that has these `leaves`."""
        return {key: leaves[start] if child is LEAF else child.build(leaves[start:start + child.num_leaves])
                for key, start, child in self.places}

    def paths(self, before: Path = ()) -> list[Path]:
        """Where each leaf stands, in the order of the leaves; the path `before` leads to the tree itself."""
        if self.node is None:
            return [before]
        in_order = sorted(self.places, key=lambda entry: entry[1])
        return [path for key, _, child in in_order for path in child.paths((*before, key))]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Structure) and self.kind is other.kind and self.is_like(other)
                                 and self.children == other.children)

    def is_like(self, other: Structure) -> bool:
        """Whether the `other` holds the same beside its entries, and has them in the same order where it counts."""
        one, two = self.node, other.node
        if one is None or two is None or one.keyed:
            return True
        return list(self.children) == list(other.children) and _is_same(one.aux, two.aux)

    def __hash__(self) -> int:
        return hash(tuple(self.paths()))

    def __repr__(self) -> str:
        return f"Structure({show(self.build((_STAR,) * self.num_leaves))})"


def _is_same(one: Any, other: Any) -> bool:
    """Whether what two nodes hold beside their entries is equal and of the same types: 1 is not True."""
    if one is other or type(one) is not type(other):
        return one is other
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    return bool(one == other)


class _Star:
    """The place of a leaf in a printed structure."""

    def __repr__(self) -> str:
        return "*"


_STAR = _Star()
LEAF = Structure(_Star)


def show(tree: Any, indent: int = 0) -> str:
    """`{'w': float32[2, 3], 'b': float32[3]}`; nested dicts stand one a line when they do not fit."""
    if type(tree) in NODES and NODES[type(tree)].keyed:
        parts = [f"{k!r}: {show(v, indent + len(repr(k)) + 3)}" for k, v in tree.items()]
        one_line = ", ".join(parts)
        fits = len(one_line) + indent <= 100 and "\n" not in one_line
        return "{" + (one_line if fits else (",\n" + " " * (indent + 1)).join(parts)) + "}"
    if (isinstance(tree, np.ndarray) or is_of_jax(tree)) and tree.ndim:
        return f"{tree.dtype}{list(tree.shape)}"
    return repr(tree)


# ------------------------------------------------------------------------------------------- flatten

Parts: TypeAlias = tuple[tuple[Any, ...], Structure]
"""The leaves of a tree and its structure."""


IsLeaf: TypeAlias = "Callable[[Any], bool] | None"
"""Says of a node that it is a leaf here, and is not looked into."""


def parts(tree: Any, is_leaf: IsLeaf = None) -> Parts:
    """The leaves, dict keys sorted, and the structure."""
    node = NODES.get(type(tree)) or node_of(tree)
    if node is None or (is_leaf is not None and is_leaf(tree)):
        return (tree,), LEAF
    try:
        known = node.known(tree) if is_leaf is None else None
        return known or parts_of(type(tree), node, node.entries(tree), is_leaf)
    except RecursionError:
        raise too_deep() from None


def parts_of(kind: type, node: Node, entries: dict[Any, Any], is_leaf: IsLeaf = None) -> Parts:
    """The parts of the tree of this kind that has these entries."""
    order = _sorted(entries) if node.keyed else list(entries)
    each = {key: parts(entries[key], is_leaf) for key in order}
    leaves = tuple([leaf for key in order for leaf in each[key][0]])
    return leaves, Structure(kind, node, {key: each[key][1] for key in entries}, order)


def _sorted(entries: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(entries)
    except TypeError:
        raise TypeError(f"tree: the keys {list(entries)} have no common order; use strings") from None


def flatten(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[Any], Structure]:
    """The leaves of `tree` and its structure; `unflatten` is the way back, `is_leaf` as in `leaves`.

    >>> flatten({"w": 1.0, "b": 2.0})
    ([2.0, 1.0], Structure({'w': *, 'b': *}))
    """
    leaves, structure = parts(tree, is_leaf)
    return list(leaves), structure


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The tree of a `structure` with these `leaves`, in their order; another number of them is a ValueError.

    >>> unflatten(flatten({"w": 0.0, "b": 0.0})[1], [2.0, 1.0])
    {'w': 1.0, 'b': 2.0}
    """
    values = tuple(leaves)
    if len(values) != structure.num_leaves:
        raise ValueError(f"tree.unflatten: {len(values)} leaves came, the structure has {structure.num_leaves}")
    return structure.build(values)


def entries_at(tree: Any) -> dict[Any, Any]:
    """The entries of a node; a leaf has none."""
    node = node_of(tree)
    return {} if node is None else node.entries(tree)


# ------------------------------------------------------------------------------------ trees side by side


def aligned(structure: Structure, other: Any, number: int) -> tuple[Any, ...]:
    """What another tree has where this structure has leaves: leaves, or subtrees; an error names it by its number."""
    leaves, its_structure = parts(other)
    if structure is its_structure or structure == its_structure:
        return leaves
    return tuple(_subtrees(structure, its_structure, leaves, number, ()))


def _subtrees(form: Structure, other: Structure, leaves: tuple[Any, ...], number: int, path: Path) -> Iterator[Any]:
    """What the tree of structure `other`, and of these leaves, has at the places of the leaves of `form`."""
    if form.node is None:
        yield other.build(leaves)
        return
    _check_node(form, other, number, path)
    begin = {key: start for key, start, _ in other.places}
    for key, _, child in sorted(form.places, key=lambda place: place[1]):
        its = other.children[key]
        yield from _subtrees(child, its, leaves[begin[key]:begin[key] + its.num_leaves], number, (*path, key))


def deeper(structure: Structure, other: Any) -> Path | None:
    """The first place where this structure, a prefix of another tree, has a leaf and the other a node; None without."""
    found = zip(structure.paths(), aligned(structure, other, 1), strict=True)
    return next((path for path, leaf in found if node_of(leaf) is not None), None)


def check_alike(first: Any, *others: Any) -> None:
    """Raise unless other trees have the structure of the first, also where that has leaves.

    >>> check_alike({"w": 1.0}, {"w": (1.0, 2.0)})
    Traceback (most recent call last):
    ...
    ValueError: tree.map: tree 1 is a tuple at 'w', where the first is a leaf
    """
    form = parts(first)[1]
    for number, other in enumerate(others, 1):
        for path, there in zip(form.paths(), aligned(form, other, number), strict=True):
            if node_of(there) is not None:
                raise ValueError(f"tree.map: tree {number} is {kind_text(parts(there)[1])} at {place_of(path)}, where "
                                 "the first is a leaf")


def _check_node(form: Structure, other: Structure, number: int, path: Path) -> None:
    """Raise unless two nodes have the same kind and the same entries."""
    where = f"tree.map: tree {number} is {kind_text(other)} at {place_of(path)}, where the first is {kind_text(form)}"
    if form.kind is not other.kind and not (_keyed(form) and _keyed(other)):
        raise ValueError(where)
    if form.children.keys() != other.children.keys():
        raise ValueError(f"tree.map: tree {number} has other entries than the first at {place_of(path)}: "
                         + _difference(form.children, other.children))
    if not form.is_like(other):
        raise ValueError(f"{where} in another order, or with other fields that are no leaves")


def _keyed(form: Structure) -> bool:
    return form.node is not None and form.node.keyed


def _difference(here: dict[Any, Any], there: dict[Any, Any]) -> str:
    missing = [repr(key) for key in here if key not in there]
    unexpected = [repr(key) for key in there if key not in here]
    phrases = [f"{', '.join(keys)} {'is' if len(keys) == 1 else 'are'} {what}"
               for keys, what in ((missing, "missing"), (unexpected, "unexpected")) if keys]
    return ", ".join(phrases)


def kind_text(form: Structure) -> str:
    """What stands at the top of a tree.

    >>> kind_text(flatten({"w": 1.0})[1]), kind_text(LEAF)
    ('a dict', 'a leaf')
    """
    return "a leaf" if form is LEAF else "None" if form.kind is type(None) else f"a {form.kind.__name__}"
