"""With this module you can treat nested containers of arrays as one value: `map`, `leaves`, `FrozenDict`.

A tree is a leaf (an array, a number, anything else) or a node: dict, `FrozenDict`, tuple, list, NamedTuple,
or None, which has no leaves. Dict keys are visited in sorted order, as in JAX, and printed in the order
they were given. A path, such as `("dense_0", "w")`, names a leaf; `keystr` writes it as `dense_0/w`.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar, cast, final, overload

import numpy as np

from funcnn._arrays import readonly
from funcnn.tree.frozendict import (
    FrozenDict,
    MissingKeyError,
    entries_of,
    leaves_of,
    missing,
    of_entries,
    of_leaves,
    remember,
    show,
)
from funcnn.typing import Array

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = [
    "LEAF_TYPES", "FrozenDict", "MissingKeyError", "Path", "Structure", "all_close", "are_leaves", "astype", "equal",
    "flatten", "freeze", "get", "keystr", "leaves", "leaves_with_path", "map", "map_with_path", "ravel", "reduce",
    "register_leaf", "structure", "unflatten", "update_in",
]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V_co = TypeVar("V_co", covariant=True)

Path: TypeAlias = tuple[str | int, ...]
"""Where a leaf stands in its tree: the keys, fields and positions that lead to it."""


# ------------------------------------------------------------------------------------- kinds of nodes


class _Node(NamedTuple):
    """How one kind of container is taken apart into {key: child}, and built again of such a dict."""

    entries: Callable[[Any], dict[Any, Any]]
    build: Callable[[dict[Any, Any]], Any]
    order: Callable[[dict[Any, Any]], Iterable[Any]] = iter


def _sorted(entries: dict[Any, Any]) -> Iterable[Any]:
    try:
        return sorted(entries)
    except TypeError:
        raise TypeError(f"tree: the keys {list(entries)} have no common order; use strings") from None


def _numbered(tree: Sequence[Any]) -> dict[Any, Any]:
    return dict(enumerate(tree))


_NODES: dict[type, _Node | None] = {
    FrozenDict: _Node(entries_of, FrozenDict, _sorted),
    dict: _Node(lambda tree: tree, lambda new: new, _sorted),
    tuple: _Node(_numbered, lambda new: tuple(new.values())),
    list: _Node(_numbered, lambda new: list(new.values())),
    type(None): _Node(lambda tree: {}, lambda new: None),
}
LEAF_TYPES: set[type] = {np.ndarray, float, int, np.float32, np.float64}
"""Types known to be leaves; every other one is looked at."""

if hasattr(builtins, "frozendict"):  # Python 3.15
    _NODES[builtins.frozendict] = _Node(dict, builtins.frozendict, _sorted)


def _node(tree: Any) -> _Node | None:
    """How to take `tree` apart, or None for a leaf."""
    kind = type(tree)
    if kind in LEAF_TYPES:
        return None
    return _NODES[kind] if kind in _NODES else _rare_node(tree)


def register_leaf(kind: type) -> type:
    """Say that a type is a leaf, which spares looking at each of its values; a decorator.

    >>> @register_leaf
    ... class Unit: ...
    >>> len(leaves([Unit(), Unit()]))
    2
    """
    LEAF_TYPES.add(kind)
    return kind


def are_leaves(values: Iterable[Any]) -> bool:
    """Whether all values are of types known to be leaves, which can be told without looking at each.

    >>> are_leaves((np.ones(2), 1.0)), are_leaves(([1.0],))
    (True, False)
    """
    return LEAF_TYPES.issuperset(builtins.map(type, values))


def _rare_node(tree: Any) -> _Node | None:
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        kind = type(tree)
        return _Node(lambda tree: tree._asdict(), lambda new: kind(*new.values()))
    if isinstance(tree, tuple | list | set | frozenset | Mapping):
        raise TypeError(f"tree: a {type(tree).__name__} is not a kind of tree node; use dict, FrozenDict, "
                        "tuple, list or a NamedTuple")
    return None


# ----------------------------------------------------------------------------------- leaves and structure


@final
class Structure:
    """A tree without its leaves: what `unflatten` needs besides them. Equal for equal shapes of tree.

    >>> structure({"w": 1.0, "b": (2.0, None)})
    Structure({'w': *, 'b': (*, None)})
    """

    __slots__ = ("_build_node", "children", "fixed", "kind", "num_leaves", "places")

    def __init__(self, kind: type, build_node: Callable[[dict[Any, Any]], Any] | None = None,
                 children: dict[Any, Structure] | None = None, order: Iterable[Any] = ()) -> None:
        self.kind, self._build_node, self.children = kind, build_node, children or {}
        starts, end = {}, 0
        for key in order:
            starts[key] = end
            end += self.children[key].num_leaves
        self.num_leaves: int = end if build_node else 1
        self.places = [(key, starts[key], child) for key, child in self.children.items()]
        self.fixed: bool = kind not in (list, dict) and all(child.fixed for child in self.children.values())

    def build(self, leaves: tuple[Any, ...]) -> Any:
        """The tree of this structure that has these leaves."""
        return self._build(leaves, 0, are_leaves(leaves))

    def _build(self, leaves: tuple[Any, ...], start: int, remember: bool) -> Any:
        if self._build_node is None:
            return leaves[start]
        if remember and self.fixed and self.kind is FrozenDict:
            return of_leaves(leaves[start:start + self.num_leaves], self)
        return self._build_node({
            key: leaves[start + place] if child is _LEAF else child._build(leaves, start + place, remember)
            for key, place, child in self.places})

    def entries(self, leaves: tuple[Any, ...]) -> dict[Any, Any]:
        """The entries of the FrozenDict of this structure that has these leaves."""
        return {key: leaves[place] if child is _LEAF else child._build(leaves, place, True)
                for key, place, child in self.places}

    def paths(self, before: Path = ()) -> list[Path]:
        """Where each leaf stands, in the order of the leaves."""
        if self._build_node is None:
            return [before]
        in_order = sorted(self.places, key=lambda entry: entry[1])
        return [path for key, _, child in in_order for path in child.paths((*before, key))]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Structure) and self.kind is other.kind
                                 and self.children == other.children)

    def __hash__(self) -> int:
        return hash(tuple(self.paths()))

    def __repr__(self) -> str:
        return f"Structure({show(self.build((_STAR,) * self.num_leaves))})"


class _Star:
    """The place of a leaf in a printed structure."""

    def __repr__(self) -> str:
        return "*"


_STAR = _Star()
_LEAF = Structure(_Star)


def _flatten(tree: Any) -> tuple[tuple[Any, ...], Structure]:
    """The leaves, dict keys sorted, and the structure; a FrozenDict of fixed nodes remembers both."""
    kind = type(tree)
    if kind is np.ndarray:
        return (tree,), _LEAF
    if kind is FrozenDict and (known := leaves_of(tree)) is not None:
        return known
    node = _node(tree)
    if node is None:
        return (tree,), _LEAF
    entries = node.entries(tree)
    order = list(node.order(entries))
    flat = {key: _flatten(entries[key]) for key in order}
    structure = Structure(kind, node.build, {key: flat[key][1] for key in entries}, order)
    found = tuple(leaf for key in order for leaf in flat[key][0])
    if kind is FrozenDict and structure.fixed:
        remember(tree, found, structure)
    return found, structure


def leaves(tree: Any) -> list[Any]:
    """The leaves in order: dict keys sorted, sequences by position.

    >>> leaves({"w": 1.0, "b": (2.0, [3.0], None)})
    [2.0, 3.0, 1.0]
    """
    return list(_flatten(tree)[0])


def structure(tree: Any) -> Structure:
    """The tree without its leaves.

    >>> structure([1.0, {"a": 2.0}]) == structure([None, {"a": 2.0}])
    False
    """
    return _flatten(tree)[1]


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves and the structure; `unflatten` is the way back.

    >>> flatten({"w": 1.0, "b": 2.0})
    ([2.0, 1.0], Structure({'w': *, 'b': *}))
    """
    found, form = _flatten(tree)
    return list(found), form


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The tree with this structure and these leaves, which stand in the order that `leaves` gives.

    >>> unflatten(structure({"w": 0.0, "b": 0.0}), [2.0, 1.0])
    {'w': 1.0, 'b': 2.0}
    """
    values = tuple(leaves)
    if len(values) != structure.num_leaves:
        raise ValueError(f"tree.unflatten: {len(values)} leaves came, the structure has {structure.num_leaves}")
    return structure.build(values)


def leaves_with_path(tree: Any) -> list[tuple[Path, Any]]:
    """The leaves in order, each with its path.

    >>> leaves_with_path({"dense_0": {"w": 1.0, "b": 2.0}})
    [(('dense_0', 'b'), 2.0), (('dense_0', 'w'), 1.0)]
    """
    found, form = _flatten(tree)
    return list(zip(form.paths(), found, strict=True))


def keystr(path: Path) -> str:
    """A path as text.

    >>> keystr(("dense_0", "w"))
    'dense_0/w'
    """
    return "/".join(builtins.map(str, path))


# --------------------------------------------------------------------------------------------------- map


def map(f: Callable[..., Any], tree: T, *rest: Any) -> T:
    """Apply `f` to each leaf, or to the leaves at the same place of several trees; the type stays.

    Unlike `jax.tree.map`, the trees in `rest` may not be deeper than `tree`; a mismatch names its path. A dict and
    a FrozenDict may stand at the same place.

    >>> map(lambda a, b: a + b, {"w": 1.0, "b": (2.0, None)}, {"w": 10.0, "b": (20.0, None)})
    {'w': 11.0, 'b': (22.0, None)}
    >>> map(lambda a, b: a + b, {"w": 1.0, "b": 2.0}, {"w": 10.0})
    Traceback (most recent call last):
    ...
    ValueError: tree.map: tree 1 has other entries than the first at the root: 'b' is missing
    """
    found, form = _flatten(tree)
    others = [_aligned(form, other, number) for number, other in enumerate(rest, 1)]
    built: T = form.build(tuple(builtins.map(f, found, *others)))
    return built


def map_with_path(f: Callable[..., Any], tree: T, *rest: Any) -> T:
    """As `map`, with the path as the first argument: `f(path, leaf, ...)`.

    >>> map_with_path(lambda path, x: f"{keystr(path)}={x}", {"a": {"w": 1.0}, "b": [2.0]})
    {'a': {'w': 'a/w=1.0'}, 'b': ['b/0=2.0']}
    """
    found, form = _flatten(tree)
    others = [_aligned(form, other, number) for number, other in enumerate(rest, 1)]
    built: T = form.build(tuple(builtins.map(f, form.paths(), found, *others)))
    return built


def _aligned(form: Structure, other: Any, number: int) -> tuple[Any, ...]:
    """The leaves of another tree of this structure."""
    found, its_form = _flatten(other)
    if its_form is not form:
        _check_fits(form, its_form, number, ())
    return found


def _check_fits(form: Structure, other: Structure, number: int, path: Path) -> None:
    if form is other:
        return
    if form.kind is not other.kind and not {form.kind, other.kind} <= {dict, FrozenDict}:
        raise ValueError(f"tree.map: tree {number} is {_kind(other)} at {_place(path)}, where the first is "
                         f"{_kind(form)}")
    if form.children.keys() != other.children.keys():
        raise ValueError(f"tree.map: tree {number} has other entries than the first at {_place(path)}: "
                         + _difference(form.children, other.children))
    for key, child in form.children.items():
        _check_fits(child, other.children[key], number, (*path, key))


def _difference(here: dict[Any, Any], there: dict[Any, Any]) -> str:
    missing = [repr(key) for key in here if key not in there]
    unexpected = [repr(key) for key in there if key not in here]
    parts = [f"{', '.join(keys)} {'is' if len(keys) == 1 else 'are'} {what}"
             for keys, what in ((missing, "missing"), (unexpected, "unexpected")) if keys]
    return ", ".join(parts)


def _kind(form: Structure) -> str:
    return "a leaf" if form is _LEAF else "None" if form.kind is type(None) else f"a {form.kind.__name__}"


def _place(path: Path) -> str:
    return repr(keystr(path)) if path else "the root"


# ------------------------------------------------------------------------------------------ functions


def reduce(f: Callable[[Any, Any], Any], tree: Any, initializer: Any = 0) -> Any:
    """Fold the leaves from the left, starting at `initializer`.

    >>> reduce(lambda total, x: total + x.size, {"w": np.ones((2, 3)), "b": np.ones(3)})
    9
    """
    return functools.reduce(f, _flatten(tree)[0], initializer)


def all_close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether two trees have the same structure and leaves that differ by at most `atol + rtol * |b|`.

    >>> all_close({"w": 1.0}, {"w": 1.0 + 1e-9}), all_close({"w": 1.0}, {"v": 1.0})
    (True, False)
    """
    return _same_everywhere(a, b, lambda x, y: np.shape(x) == np.shape(y) and np.allclose(x, y, rtol, atol))


def equal(a: Any, b: Any) -> bool:
    """Whether two trees have the same structure and the same bytes: dtypes, shapes, the sign of 0 and NaN.

    >>> nan = float("nan")
    >>> equal({"w": nan}, {"w": nan}), equal({"w": 0.0}, {"w": -0.0}), equal([1.0], (1.0,))
    (True, False, False)
    """
    return _same_everywhere(a, b, _same_bytes)


def _same_everywhere(a: Any, b: Any, same: Callable[[Any, Any], bool]) -> bool:
    return structure(a) == structure(b) and all(builtins.map(same, leaves(a), leaves(b)))


def _same_bytes(x: Any, y: Any) -> bool:
    x, y = np.asarray(x), np.asarray(y)
    same_type: bool = x.dtype == y.dtype and x.shape == y.shape
    return same_type and (bool(np.all(x == y)) if x.dtype.hasobject else x.tobytes() == y.tobytes())


def ravel(tree: T) -> tuple[Array, Callable[[Array], T]]:
    """All the leaves as one vector, and the function that makes a tree of such a vector again.

    The vector has the leaves' common dtype; the way back restores each leaf's own shape and dtype. As
    `jax.flatten_util.ravel_pytree`.

    >>> flat, unravel = ravel({"w": np.array([[1.0, 2.0]]), "b": np.array([3.0])})
    >>> flat
    array([3., 1., 2.])
    >>> unravel(2 * flat)
    {'w': array([[2., 4.]]), 'b': array([6.])}
    """
    found, form = flatten(tree)
    ends = np.cumsum([np.size(leaf) for leaf in found], dtype=np.int64)

    def unravel(flat: Array) -> T:
        if flat.shape != (flat_size,):
            raise ValueError(f"tree.ravel: unravel takes shape ({flat_size},), got {flat.shape}")
        pieces = [flat[end - np.size(leaf):end] for leaf, end in zip(found, ends, strict=True)]
        return cast(T, unflatten(form, builtins.map(_like, pieces, found)))

    flat_size = int(ends[-1]) if found else 0
    flat = np.concatenate([np.ravel(leaf) for leaf in found]) if found else np.zeros(0, np.float32)
    return readonly(flat), unravel


def _like(piece: Array, leaf: Any) -> Any:
    shaped = piece.reshape(np.shape(leaf))
    dtype = np.result_type(leaf)
    return shaped if shaped.dtype == dtype else shaped.astype(dtype)


@overload
def freeze(tree: dict[K, V_co]) -> FrozenDict[K, V_co]: ...
@overload
def freeze(tree: T) -> T: ...
def freeze(tree: Any) -> Any:
    """The same tree that nobody can change: dicts become FrozenDicts, arrays read-only copies; lists stay lists.

    The caller's own arrays are left as they are.

    >>> w = np.ones(2, np.float32)
    >>> frozen = freeze({"w": w})
    >>> frozen["w"].flags.writeable, w.flags.writeable
    (False, True)
    """
    node = _node(tree)
    if node is None:
        return _frozen_copy(tree)
    entries = {key: freeze(child) for key, child in node.entries(tree).items()}
    return of_entries(entries) if type(tree) is dict else node.build(entries)


def _frozen_copy(leaf: Any) -> Any:
    return readonly(leaf.copy()) if isinstance(leaf, np.ndarray) else leaf


def astype(tree: T, dtype: DTypeLike) -> T:
    """The tree with its floating-point arrays converted; counts, keys and Python numbers stay.

    >>> astype({"w": np.ones(2, np.float64), "count": np.int64(3)}, np.float32)
    {'w': array([1., 1.], dtype=float32), 'count': np.int64(3)}
    """
    def convert(leaf: Any) -> Any:
        floating = isinstance(leaf, np.ndarray | np.generic) and np.issubdtype(leaf.dtype, np.inexact)
        return readonly(leaf.astype(dtype)) if floating else leaf

    return map(convert, tree)


def get(tree: Any, path: Path) -> Any:
    """The leaf or subtree at a path, as `leaves_with_path` gives it.

    >>> get({"dense_0": {"w": 1.0}}, ("dense_0", "w"))
    1.0
    >>> get({"dense_0": {"w": 1.0}}, ("dense_0", "v"))
    Traceback (most recent call last):
    ...
    funcnn.tree.frozendict.MissingKeyError: at 'dense_0': no entry 'v'. The entries are 'w'
    """
    _check_path(path)
    for depth, key in enumerate(path):
        entries = _entries(tree)
        if key not in entries:
            raise MissingKeyError(f"at {_place(path[:depth])}: {missing(key, entries)}")
        tree = entries[key]
    return tree


def _check_path(path: Any) -> None:
    if not isinstance(path, tuple | list):
        fix = f", such as {tuple(path.split('/'))}" if isinstance(path, str) else ""
        raise TypeError(f"tree: a path is a tuple of keys{fix}; got {path!r}")


def _entries(tree: Any) -> dict[Any, Any]:
    node = _node(tree)
    return {} if node is None else node.entries(tree)


def update_in(tree: T, path: Path, f: Callable[[Any], Any]) -> T:
    """A new tree in which the leaf or subtree at a path is `f` of the old one; the rest is shared.

    >>> params = FrozenDict({"dense_0": {"w": 1.0, "b": 2.0}})
    >>> update_in(params, ("dense_0", "b"), lambda b: 0 * b)
    FrozenDict({'dense_0': {'w': 1.0, 'b': 0.0}})
    """
    get(tree, path)
    if not path:
        return cast(T, f(tree))
    key, *deeper = path
    child = get(tree, (key,))
    node = _node(tree)
    assert node is not None, "get has found an entry"
    return cast(T, node.build(node.entries(tree) | {key: update_in(child, tuple(deeper), f)}))
