"""Nested containers of arrays as one value: `map`, `leaves`, `get`, `FrozenDict`.

A tree is a leaf (an array, a number, anything else) or a node: dict, `FrozenDict`, tuple, list, NamedTuple,
or None, which has no leaves; OrderedDict, and what `register_node` and `register_dataclass` say. Dict keys are visited
in sorted order, as in JAX, and printed in the order they were given; those of an OrderedDict as they are. A `Path`,
such as `("dense_0", "w")`, names a leaf; `keystr` writes it as `dense_0/w`. Where a function takes `is_leaf`, that
says of a node that it is a leaf here. `LEAF_TYPES` are the types known to be leaves; others are looked at.

Of the files, `structure` says what nodes are, `kinds` which else, `frozendict` how one is kept from changing, `vector`
how a tree becomes one array, `exchange` how weights come from PyTorch and Keras.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np

from funcnn._arguments import Default, place_of
from funcnn._arrays import is_inexact, is_number, kind_of, readonly
from funcnn._devices import is_typed_key, on_host
from funcnn._later import later
from funcnn.tree.frozendict import FrozenDict, MissingKeyError, frozen, missing
from funcnn.tree.kinds import register_dataclass, register_node
from funcnn.tree.structure import (
    LEAF_TYPES,
    IsLeaf,
    Path,
    Structure,
    aligned,
    are_leaves,
    deeper,
    entries_at,
    flatten,
    keystr,
    kind_text,
    node_of,
    parts,
    register_leaf,
    unflatten,
)
from funcnn.tree.vector import ravel

if TYPE_CHECKING:
    from funcnn.tree.exchange import from_keras, from_torch, to_keras, to_torch
    from funcnn.typing import DTypeLike

__all__ = [
    "LEAF_TYPES", "FrozenDict", "MissingKeyError", "Path", "Structure", "all_close", "are_leaves", "astype", "equal",
    "flatten", "freeze", "from_keras", "from_torch", "get", "keystr", "leaves", "leaves_with_path", "map",
    "map_with_path", "ravel", "reduce", "register_dataclass", "register_leaf", "register_node", "structure",
    "to_keras", "to_torch", "transpose", "unflatten", "update_in",
]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V_co = TypeVar("V_co", covariant=True)


# ---------------------------------------------------------------------------------------------- leaves


def leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves in order: dict keys sorted, sequences by position.

    A `tree` that is a leaf itself is its only one; None has none. `is_leaf(node)` is asked of each node, from the top
    down: where it is true, the node is a leaf and is not looked into.

    >>> leaves({"w": 1.0, "b": (2.0, [3.0], None)})
    [2.0, 3.0, 1.0]
    >>> leaves({"w": 1.0, "b": (2.0, [3.0], None)}, is_leaf=lambda x: isinstance(x, tuple))
    [(2.0, [3.0], None), 1.0]
    """
    return list(parts(tree, is_leaf)[0])


def structure(tree: Any, is_leaf: IsLeaf = None) -> Structure:
    """The `tree` without its leaves; `is_leaf` as in `leaves`.

    Structures are equal where kinds of nodes, keys and lengths are; what the leaves are does not count.

    >>> structure([1.0, {"a": 2.0}]) == structure([None, {"a": 2.0}])
    False
    """
    return parts(tree, is_leaf)[1]


def leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple[Path, Any]]:
    """The leaves of `tree` in order, each with its path; `is_leaf` as in `leaves`.

    >>> leaves_with_path({"dense_0": {"w": 1.0, "b": 2.0}})
    [(('dense_0', 'b'), 2.0), (('dense_0', 'w'), 1.0)]
    """
    found, form = parts(tree, is_leaf)
    return list(zip(form.paths(), found, strict=True))


# --------------------------------------------------------------------------------------------------- map


def map(f: Callable[..., Any], tree: T, *rest: Any, is_leaf: IsLeaf = None) -> T:
    """Apply `f` to each leaf, and what stands at the same place of the other trees; the type stays.

    - `f`: is called as `f(leaf, *others)`, in the order of `leaves`; what it returns stands in the place of the leaf.
    - `tree`: gives the form of the result. None in it is a node without leaves, for which `f` is not called.
    - `rest`: trees of the structure of `tree`, or deeper: where `tree` has a leaf, they may have a subtree, which `f`
      is given whole. A mismatch is a ValueError that names its path. A dict and a FrozenDict may stand at the same
      place.
    - `is_leaf`: says of nodes of `tree` that they are leaves here, as in `leaves`.

    >>> map(lambda a, b: a + b, {"w": 1.0, "b": (2.0, None)}, {"w": 10.0, "b": (20.0, None)})
    {'w': 11.0, 'b': (22.0, None)}
    >>> map(lambda label, part: f"{label}: {len(part)}", {"x": "old", "y": "new"}, {"x": [1, 2], "y": (3,)})
    {'x': 'old: 2', 'y': 'new: 1'}
    >>> map(lambda a, b: a + b, {"w": 1.0, "b": 2.0}, {"w": 10.0})
    Traceback (most recent call last):
    ...
    ValueError: tree.map: tree 1 has other entries than the first at the root: 'b' is missing

    As `jax.tree.map`.
    """
    found, form = parts(tree, is_leaf)
    others = [aligned(form, other, number) for number, other in enumerate(rest, 1)]
    try:
        built: T = form.build(tuple(builtins.map(f, found, *others)))
    except (TypeError, AttributeError) as error:
        _refuse_deeper(form, rest, error)
        raise
    return built


def map_with_path(f: Callable[..., Any], tree: T, *rest: Any, is_leaf: IsLeaf = None) -> T:
    """As `map`, with the path as the first argument: `f(path, leaf, ...)`.

    `tree`, `rest` and `is_leaf` are those of `map`; a path is a tuple, `("dense_0", "w")`, of a leaf alone `()`.

    >>> map_with_path(lambda path, x: f"{keystr(path)}={x}", {"a": {"w": 1.0}, "b": [2.0]})
    {'a': {'w': 'a/w=1.0'}, 'b': ['b/0=2.0']}
    """
    found, form = parts(tree, is_leaf)
    others = [aligned(form, other, number) for number, other in enumerate(rest, 1)]
    try:
        built: T = form.build(tuple(builtins.map(f, form.paths(), found, *others)))
    except (TypeError, AttributeError) as error:
        _refuse_deeper(form, rest, error)
        raise
    return built


def _refuse_deeper(form: Structure, rest: tuple[Any, ...], error: Exception) -> None:
    """Where f has failed and was given a subtree, say that it is one."""
    for number, other in enumerate(rest, 1):
        if (path := deeper(form, other)) is not None:
            there = structure(get(other, path))
            raise ValueError(f"tree.map: tree {number} is {kind_text(there)} at {place_of(path)}, where the first is a "
                             f"leaf, and f fails on it: {error}") from error


def transpose(outer: Structure, inner: Structure | None, tree: Any) -> Any:
    """A tree of trees inside out: of structure `inner`, with trees of structure `outer` at its leaves.

    - `outer`: the structure of `tree` down to the trees inside, whose places are its leaves.
    - `inner`: that of the trees inside; None takes it from the first one.
    - `tree`: what is turned; where a tree inside has another structure, a ValueError names the place.

    >>> pairs = {"w": (1.0, 2.0), "b": (3.0, 4.0)}
    >>> transpose(structure({"w": 0, "b": 0}), structure((0, 0)), pairs)
    ({'w': 1.0, 'b': 3.0}, {'w': 2.0, 'b': 4.0})

    As `jax.tree.transpose`.
    """
    inside = aligned(outer, tree, 1)
    if inner is None:
        if not inside:
            raise ValueError("tree.transpose: a tree without leaves has no first tree inside; give its structure as "
                             "inner")
        inner = structure(inside[0])
    columns = zip(*[aligned(inner, each, number) for number, each in enumerate(inside, 1)], strict=True)
    return inner.build(tuple([outer.build(column) for column in columns] if inside else
                             [outer.build(())] * inner.num_leaves))


# ------------------------------------------------------------------------------------------ functions


_UNSET: Any = Default("the first leaf")


def reduce(f: Callable[[Any, Any], Any], tree: Any, initializer: Any = _UNSET, is_leaf: IsLeaf = None) -> Any:
    """Fold the leaves from the left, beginning with `initializer`, or else with the first leaf.

    `f(so_far, leaf)` is called for each leaf of `tree`; `is_leaf` as in `leaves`. Without leaves the result is the
    `initializer`, and without that a TypeError.

    >>> reduce(max, {"a": -1.0, "b": -5.0})
    -1.0
    >>> reduce(lambda total, x: total + x.size, {"w": np.ones((2, 3)), "b": np.ones(3)}, 0)
    9

    As `jax.tree.reduce`.
    """
    found = parts(tree, is_leaf)[0]
    if initializer is not _UNSET:
        return functools.reduce(f, found, initializer)
    if not found:
        raise TypeError("tree.reduce: a tree without leaves needs an initializer, such as tree.reduce(f, tree, 0)")
    return functools.reduce(f, found)


def all_close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> bool:
    """Whether two trees have the same structure and leaves that differ by at most `atol + rtol * |b|`.

    `a` and `b` may differ in dtype, not in shape; `rtol` and `atol` are those of `np.allclose`, and NaN is close to
    nothing, itself included. Arrays of JAX as in `equal`.

    >>> all_close({"w": 1.0}, {"w": 1.0 + 1e-9}), all_close({"w": 1.0}, {"v": 1.0})
    (True, False)
    """
    def close(x: Any, y: Any) -> bool:
        x, y = on_host("tree.all_close", x), on_host("tree.all_close", y)
        return np.shape(x) == np.shape(y) and np.allclose(x, y, rtol, atol)

    return _same_everywhere(a, b, close)


def equal(a: Any, b: Any) -> bool:
    """Whether two trees, `a` and `b`, have the same structure and bytes: dtypes, shapes, the sign of 0 and NaN.

    Arrays of JAX are looked at on the host, whole; one that a process has only a part of is an error, as is one that is
    traced. A typed key of JAX equals one of the same words and the same algorithm.

    >>> nan = float("nan")
    >>> equal({"w": nan}, {"w": nan}), equal({"w": 0.0}, {"w": -0.0}), equal([1.0], (1.0,))
    (True, False, False)
    """
    return _same_everywhere(a, b, _same_bytes)


def _same_everywhere(a: Any, b: Any, same: Callable[[Any, Any], bool]) -> bool:
    return structure(a) == structure(b) and all(builtins.map(same, leaves(a), leaves(b)))


def _same_bytes(x: Any, y: Any) -> bool:
    if is_typed_key(x) != is_typed_key(y) or (is_typed_key(x) and x.dtype != y.dtype):
        return False
    x, y = np.asarray(on_host("tree.equal", x)), np.asarray(on_host("tree.equal", y))
    same_type: bool = x.dtype == y.dtype and x.shape == y.shape
    return same_type and (bool(np.all(x == y)) if x.dtype.hasobject else x.tobytes() == y.tobytes())


@overload
def freeze(tree: dict[K, V_co]) -> FrozenDict[K, V_co]: ...
@overload
def freeze(tree: T) -> T: ...
def freeze(tree: Any) -> Any:
    """The same tree that nobody can change: dicts become FrozenDicts, arrays read-only copies; lists stay lists.

    So do OrderedDicts. The arrays of `tree` are left as they are, and the caller may go on writing into them; numbers,
    keys of JAX and other leaves are taken over.

    >>> w = np.ones(2, np.float32)
    >>> frozen = freeze({"w": w})
    >>> frozen["w"].flags.writeable, w.flags.writeable
    (False, True)
    """
    return frozen(tree, _frozen_copy)


def _frozen_copy(leaf: Any) -> Any:
    return readonly(leaf.copy()) if issubclass(kind_of(leaf), np.ndarray) else leaf


def astype(tree: T, dtype: DTypeLike) -> T:
    """The `tree` with its floating-point arrays in another `dtype`, such as `np.float32`; all other leaves stay.

    Converted are NumPy's scalars and arrays, those of JAX, traced ones, and bfloat16; counts, masks, keys and Python
    numbers are as they were. Numbers too large for the new dtype become infinite, as in `ndarray.astype`.

    >>> astype({"w": np.ones(2, np.float64), "count": np.int64(3)}, np.float32)
    {'w': array([1., 1.], dtype=float32), 'count': np.int64(3)}
    """
    def convert(leaf: Any) -> Any:
        return readonly(leaf.astype(dtype)) if _is_float_array(leaf) else leaf

    return map(convert, tree)


def _is_float_array(leaf: Any) -> bool:
    while getattr(leaf, "is_recorded", True) is False:  # traced by grad or vmap: what it stands for
        leaf = leaf.value
    return not is_number(leaf) and is_inexact(getattr(leaf, "dtype", None))


def get(tree: Any, path: Path) -> Any:
    """The leaf or subtree at a `path`, as `leaves_with_path` gives it; the empty path is the `tree` itself.

    What is not there is a KeyError that names the place and what there is; a text in the place of a tuple, a TypeError.

    >>> get({"dense_0": {"w": 1.0}}, ("dense_0", "w"))
    1.0
    >>> get({"dense_0": {"w": 1.0}}, ("dense_0", "v"))
    Traceback (most recent call last):
    ...
    funcnn.tree.frozendict.MissingKeyError: at 'dense_0': no entry 'v'. The entries are 'w'
    """
    _check_path(path)
    for depth, key in enumerate(path):
        entries = entries_at(tree)
        if key not in entries:
            raise MissingKeyError(f"at {place_of(path[:depth])}: {missing(key, entries)}")
        tree = entries[key]
    return tree


def _check_path(path: Any) -> None:
    if not isinstance(path, tuple | list):
        fix = f", such as {tuple(path.split('/'))}" if isinstance(path, str) else ""
        raise TypeError(f"tree: a path is a tuple of keys{fix}; got {path!r}")


def update_in(tree: T, path: Path, f: Callable[[Any], Any]) -> T:
    """A new tree in which the leaf or subtree at a path is `f` of the old one; the rest is shared.

    `tree` itself stays as it is. `path` and its errors are those of `get`; `f` gets what stands there and gives what
    shall.

    >>> params = FrozenDict({"dense_0": {"w": 1.0, "b": 2.0}})
    >>> update_in(params, ("dense_0", "b"), lambda b: 0 * b)
    FrozenDict({'dense_0': {'w': 1.0, 'b': 0.0}})
    """
    get(tree, path)
    if not path:
        return cast(T, f(tree))
    key, *deeper = path
    child = get(tree, (key,))
    node = node_of(tree)
    assert node is not None, "get has found an entry"
    return cast(T, node.build(node.entries(tree) | {key: update_in(child, tuple(deeper), f)}))


later(globals(), exchange="from_keras from_torch to_keras to_torch")
