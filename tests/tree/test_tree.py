"""Trees: the laws of flatten and map, the order of JAX, paths in errors, a FrozenDict that nothing changes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import operator
import pickle
from collections import OrderedDict, UserDict, UserList, defaultdict, deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funcnn import FrozenDict, grad, tree
from funcnn._arrays import readonly
from funcnn.layers import Layer
from funcnn.tree import MissingKeyError

differentiate: Any = grad  # untyped: what it is given here has no static type


class Pair(NamedTuple):
    """A node with named fields, whose order is not the alphabet's."""

    second: Any
    first: Any


class Nothing(NamedTuple):
    """A node without leaves."""


ARRAYS = [np.ones((2, 3), np.float32), np.zeros((), np.float64), np.arange(3), np.zeros((0, 2)), np.float32(1.5)]
LEAVES = st.integers(-9, 9) | st.floats(-9, 9) | st.booleans() | st.text(max_size=2) | st.sampled_from(ARRAYS)


def _nodes(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    keys = st.sampled_from(["w", "b", "dense_10", "dense_2", ""])
    dicts = st.dictionaries(keys, children, max_size=3)
    lists = st.lists(children, max_size=3)
    return dicts | dicts.map(FrozenDict) | lists | lists.map(tuple) | st.builds(Pair, children, children)


TREES = st.recursive(LEAVES | st.none() | st.just(Nothing()), _nodes, max_leaves=12)


def reference(node: Any, path: tree.Path = ()) -> list[tuple[tree.Path, Any]]:
    """The leaves with their paths, straight from the definition."""
    if node is None:
        return []
    if isinstance(node, dict | FrozenDict):
        entries: list[Any] = [(key, node[key]) for key in sorted(node)]
    elif isinstance(node, tuple) and hasattr(node, "_fields"):
        entries = list(zip(node._fields, node, strict=True))
    elif isinstance(node, tuple | list):
        entries = list(enumerate(node))
    else:
        return [(path, node)]
    return [found for key, child in entries for found in reference(child, (*path, key))]


def same(a: Any, b: Any) -> bool:
    """The same types, orders of entries and leaves (the very objects)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict | FrozenDict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    return a is b


def identity(leaf: Any) -> Any:
    """The leaf."""
    return leaf


def is_leaf_list(found: list[Any], expected: list[Any]) -> bool:
    """The same objects in the same order."""
    return len(found) == len(expected) and all(a is b for a, b in zip(found, expected, strict=True))


# ------------------------------------------------------------------------------------------------ laws


@given(TREES)
def test_unflatten_undoes_flatten(t: Any) -> None:
    leaves, structure = tree.flatten(t)
    assert same(tree.unflatten(structure, leaves), t)
    assert is_leaf_list(leaves, tree.leaves(t))
    assert structure == tree.structure(t)
    assert hash(structure) == hash(tree.structure(t))
    assert structure.num_leaves == len(leaves)


@given(TREES)
def test_leaves_and_paths_are_those_of_the_definition(t: Any) -> None:
    found = tree.leaves_with_path(t)
    assert [path for path, _ in found] == [path for path, _ in reference(t)]
    assert is_leaf_list([leaf for _, leaf in found], [leaf for _, leaf in reference(t)])
    assert all(tree.get(t, path) is leaf for path, leaf in found)


@given(TREES)
def test_map_of_identity_is_identity_and_of_a_composition_the_composition(t: Any) -> None:
    def wrapped(leaf: Any) -> str:
        return f"<{leaf}>"

    assert same(tree.map(identity, t), t)
    once = tree.map(lambda leaf: len(wrapped(leaf)), t)
    assert tree.equal(once, tree.map(len, tree.map(wrapped, t)))
    assert type(once) is type(t) or not isinstance(t, dict | FrozenDict | tuple | list)


@given(TREES)
def test_map_with_path_gives_each_leaf_its_own_path(t: Any) -> None:
    seen: list[tuple[tree.Path, Any]] = []

    def see(path: tree.Path, leaf: Any, other: Any) -> str:
        assert leaf is other
        seen.append((path, leaf))
        return tree.keystr(path)

    shown = tree.map_with_path(see, t, t)
    assert [path for path, _ in seen] == [path for path, _ in reference(t)]
    assert all(tree.get(shown, path) == tree.keystr(path) for path, _ in seen)


@given(TREES)
def test_reduce_goes_over_the_leaves_from_the_left(t: Any) -> None:
    assert is_leaf_list(tree.reduce(lambda seen, leaf: [*seen, leaf], t, []), tree.leaves(t))


@given(TREES, TREES)
def test_structures_are_equal_exactly_when_the_trees_differ_in_leaves_only(a: Any, b: Any) -> None:
    assert (tree.structure(a) == tree.structure(b)) == tree.equal(tree.map(lambda _: 0, a), tree.map(lambda _: 0, b))
    assert tree.structure(a) == tree.structure(tree.map(lambda _: "x", a))


@given(TREES)
def test_what_a_frozen_dict_remembers_is_what_it_holds(t: Any) -> None:
    """Its leaves are remembered once asked for; whatever is derived from it must have its own."""
    whole: FrozenDict[str, Any] = FrozenDict({"x": t, "w": 1.0})
    for derived in (whole, whole | {"v": 2.0}, {"x": 0} | whole, tree.map(identity, whole), tree.freeze(whole),
                    tree.update_in(whole, ("w",), lambda w: (w, w)), tree.unflatten(*reversed(tree.flatten(whole))),
                    FrozenDict(whole), copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        for _ in range(2):
            assert is_leaf_list(tree.leaves(derived), [leaf for _, leaf in reference(derived)])
            assert tree.structure(derived) == tree.structure(FrozenDict(dict(derived)))


def test_structures_differ_wherever_the_trees_do() -> None:
    assert tree.structure({"a": [1.0]}) != tree.structure({"a": (1.0,)}) != tree.structure({"a": 1.0})
    assert tree.structure([[1.0], [2.0, 3.0]]) != tree.structure([[1.0, 2.0], [3.0]])
    assert not tree.equal({"a": {"b": 1.0}}, {"a": [1.0]})


def test_reduce_begins_with_the_first_leaf_unless_told_otherwise() -> None:
    assert tree.reduce(max, {"a": -1.0, "b": -5.0}) == -1.0
    assert tree.reduce(operator.mul, [2.0, (3.0, None)]) == 6.0
    assert tree.reduce(operator.mul, [2.0, 3.0], 0.0) == 0.0
    assert tree.reduce(operator.add, ["b", "a"]) == "ba"
    assert tree.reduce(max, [], None) is None
    with pytest.raises(TypeError, match=r"tree.reduce: a tree without leaves needs an initializer"):
        tree.reduce(max, {"a": None})


def test_defaults_that_are_no_value_show_the_same_in_every_run() -> None:
    assert "initializer: 'Any' = <the first leaf>" in str(inspect.signature(tree.reduce))
    assert "= <neither>)" in str(inspect.signature(Layer.apply))


def test_remembered_leaves_do_not_hide_a_list_that_changed() -> None:
    inner: FrozenDict[str, Any] = FrozenDict({"c": ([2.0], 3.0)})
    holder: FrozenDict[str, Any] = FrozenDict({"a": [1.0], "b": inner})
    assert tree.leaves(holder) == [1.0, 2.0, 3.0]
    holder["a"].append(1.5)
    holder["b"]["c"][0].clear()
    assert tree.leaves(holder) == [1.0, 1.5, 3.0]
    assert tree.leaves(tree.map(identity, holder)) == [1.0, 1.5, 3.0]


@pytest.mark.parametrize("made", [(1.0, 2.0), [1.0, 2.0], {"u": 1.0, "v": 2.0}, FrozenDict({"u": 1.0, "v": 2.0}),
                                  Pair(1.0, 2.0)])
def test_a_map_that_gives_trees_makes_nodes_of_them(made: Any) -> None:
    deeper = tree.map(lambda _: made, FrozenDict({"a": 0.0, "b": {"c": 0.0}}))
    assert tree.leaves(deeper) == [1.0, 2.0, 1.0, 2.0]


def test_a_map_to_none_leaves_no_leaves() -> None:
    assert tree.leaves(tree.map(lambda _: None, FrozenDict({"a": 0.0}))) == []


def test_dicts_that_map_or_update_in_put_into_a_frozen_dict_are_frozen() -> None:
    frozen: FrozenDict[str, Any] = FrozenDict({"a": 0.0})
    assert type(tree.map(lambda _: {"u": 1.0}, frozen)["a"]) is FrozenDict
    assert type(tree.update_in(frozen, ("a",), lambda _: {"u": 1.0})["a"]) is FrozenDict


# ------------------------------------------------------------------------------------------- as in JAX


def test_the_order_of_leaves_and_the_paths_are_those_of_jax() -> None:
    jax = pytest.importorskip("jax")
    pytest.importorskip("funcnn.jax")

    def key_of(entry: Any) -> Any:
        name = {"DictKey": "key", "SequenceKey": "idx", "GetAttrKey": "name"}[type(entry).__name__]
        return getattr(entry, name)

    @given(TREES)
    def check(t: Any) -> None:
        found, _ = jax.tree_util.tree_flatten_with_path(t)
        assert is_leaf_list(tree.leaves(t), [leaf for _, leaf in found])
        assert [path for path, _ in tree.leaves_with_path(t)] == [tuple(map(key_of, path)) for path, _ in found]
        assert tree.equal(tree.map(identity, t), jax.tree.map(identity, t))  # JAX returns dicts with sorted keys

    check()


def test_ravel_is_that_of_jax() -> None:
    flatten_util = pytest.importorskip("jax.flatten_util")
    b = [np.float32(7), np.zeros((0, 2), np.float32)]
    t = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": b, "n": None}
    flat, unravel = tree.ravel(t)
    expected, undo = flatten_util.ravel_pytree(t)
    assert np.array_equal(flat, expected)
    assert flat.dtype == expected.dtype
    assert tree.equal(tree.map(np.asarray, unravel(flat)), tree.map(np.asarray, undo(expected)))


# -------------------------------------------------------------------------------------------- mismatch

NET = {"dense_0": {"w": 1.0, "b": 2.0}, "more": [1.0, (2.0, None)]}
MISMATCHES: list[tuple[Any, Any, str]] = [
    ((1.0,), 1.0, "tree 1 is a leaf at the root, where the first is a tuple"),
    ((1.0,), [1.0], "tree 1 is a list at the root, where the first is a tuple"),
    (Pair(1.0, 2.0), (1.0, 2.0), "tree 1 is a tuple at the root, where the first is a Pair"),
    ((), Nothing(), "tree 1 is a Nothing at the root, where the first is a tuple"),
    (None, 1.0, "tree 1 is a leaf at the root, where the first is None"),
    (None, {}, "tree 1 is a dict at the root, where the first is None"),
    ([1.0, 2.0], [1.0], "tree 1 has other entries than the first at the root: 1 is missing"),
    ((1.0,), (1.0, 2.0), "tree 1 has other entries than the first at the root: 1 is unexpected"),
    ({"w": 1.0}, {"W": 1.0}, "tree 1 has other entries than the first at the root: 'w' is missing, 'W' is unexpected"),
    (NET, NET | {"dense_0": {"w": 1.0}}, "tree 1 has other entries than the first at 'dense_0': 'b' is missing"),
    (NET, NET | {"dense_0": {**NET["dense_0"], "u": 1.0, "v": 1.0}},  # type: ignore[dict-item]  # NET is heterogeneous
     "tree 1 has other entries than the first at 'dense_0': 'u', 'v' are unexpected"),
    (NET, NET | {"dense_0": 1.0}, "tree 1 is a leaf at 'dense_0', where the first is a dict"),
    (NET, NET | {"more": [1.0, [2.0, None]]}, "tree 1 is a list at 'more/1', where the first is a tuple"),
    (NET, NET | {"more": [1.0, (2.0, 3.0)]}, "tree 1 is a leaf at 'more/1/1', where the first is None"),
    (OrderedDict(a=1.0, b=2.0), OrderedDict(b=1.0, a=2.0), "tree 1 is a OrderedDict at the root, where the first is a "
     "OrderedDict in another order, or with other fields that are no leaves"),
]


@pytest.mark.parametrize(("first", "other", "text"), MISMATCHES)
def test_a_mismatch_names_its_path(first: Any, other: Any, text: str) -> None:
    for mapped in (partial(tree.map, lambda *leaves: leaves), partial(tree.map_with_path, lambda *leaves: leaves)):
        with pytest.raises(ValueError, match=r"^tree\.map: ") as raised:
            mapped(first, other)
        assert str(raised.value) == f"tree.map: {text}"
        with pytest.raises(ValueError, match="tree 2 "):
            mapped(first, first, other)


def test_a_dict_and_a_frozen_dict_may_stand_at_the_same_place() -> None:
    plain = {"a": {"b": 1.0, "c": 2.0}}
    swapped = FrozenDict({"a": {"c": 20.0, "b": 10.0}})
    assert tree.map(lambda x, y: x + y, plain, swapped) == {"a": {"b": 11.0, "c": 22.0}}
    both = tree.map(lambda x, y: x + y, swapped, plain)
    assert repr(both) == "FrozenDict({'a': {'c': 22.0, 'b': 11.0}})"


@dataclasses.dataclass
class Settings:
    """A container that is no node."""

    rate: float


@pytest.mark.parametrize("node", [{1.0}, frozenset({1.0}), defaultdict(float, a=1.0),
                                  MappingProxyType({"a": 1.0}), type("Tuple", (tuple,), {})((1.0,)), deque([1.0]),
                                  range(3), bytearray(b"a"), UserDict(a=1.0), UserList([1.0]), {"a": 1.0}.keys(),
                                  {"a": 1.0}.values(), iter([1.0]), map(float, "1"), (x for x in (1.0,)),
                                  Settings(1.0)])
def test_containers_that_are_no_nodes_are_refused_by_name(node: Any) -> None:
    for use in (tree.leaves, FrozenDict, tree.freeze):
        with pytest.raises(TypeError, match=f"tree: a {type(node).__name__} is not a kind of tree node; use dict"):
            use({"a": node})


def test_what_looks_like_a_container_and_is_none_is_a_leaf() -> None:
    for leaf in ("text", b"bytes", np.str_("text"), Settings, object()):
        assert tree.leaves({"a": [leaf]}) == [leaf]


@pytest.mark.parametrize("deeper", [lambda t: [t], lambda t: (t,), lambda t: {"a": t}, lambda t: FrozenDict({"a": t}),
                                    lambda t: Pair(t, 1.0)])
@pytest.mark.parametrize("levels", [150, 450, 5000])
def test_a_tree_of_many_levels_works_or_says_that_it_is_too_deep(deeper: Callable[[Any], Any], levels: int) -> None:
    def whole() -> Any:
        made: Any = np.ones(2)
        for _ in range(levels):
            made = deeper(made)
        return made

    def used() -> tuple[Any, ...]:
        deep = whole()
        return tree.map(identity, deep), tree.freeze(deep), FrozenDict({"a": deep}), tree.leaves_with_path(deep)

    if levels == 150:
        used()
        return
    with pytest.raises(ValueError, match="nested more than 200 levels deep, or one holds itself"):
        used()


@pytest.mark.parametrize("use", [tree.leaves, tree.freeze, lambda t: FrozenDict({"a": t})])
def test_a_tree_that_holds_itself_is_refused(use: Callable[[Any], Any]) -> None:
    endless: list[Any] = []
    endless.append({"again": endless})
    with pytest.raises(ValueError, match="or one holds itself"):
        use(endless)


def test_keys_that_have_no_order_are_refused() -> None:
    with pytest.raises(TypeError, match=r"the keys \[1, 'a'\] have no common order; use strings"):
        tree.leaves({1: 1.0, "a": 2.0})
    assert tree.leaves({10: "x", 9: "y"}) == ["y", "x"]


def test_unflatten_counts() -> None:
    structure = tree.structure(NET)
    for wrong in ([], [1.0] * 3, [1.0] * 5):
        with pytest.raises(ValueError, match=rf"unflatten: {len(wrong)} leaves came, the structure has 4"):
            tree.unflatten(structure, wrong)
    assert repr(structure) == "Structure({'dense_0': {'w': *, 'b': *}, 'more': [*, (*, None)]})"


# ------------------------------------------------------------------------------------------ FrozenDict


def example() -> FrozenDict[str, Any]:
    """Two layers of read-only arrays, and a caller's own array."""
    layer = {"w": readonly(np.ones((2, 3), np.float32)), "b": readonly(np.zeros(3, np.float32))}
    return FrozenDict({"dense_1": layer, "dense_0": {"w": np.ones(2)}})


def set_item(t: Any) -> None:
    """t["dense_0"] = 1."""
    t["dense_0"] = 1


def set_deep_item(t: Any) -> None:
    """t["dense_0"]["w"] = 1."""
    t["dense_0"]["w"] = 1


def add_to_item(t: Any) -> None:
    """t["dense_0"]["w"] += 1, which NumPy does before the container is asked."""
    t["dense_1"]["w"] += 1


def delete_item(t: Any) -> None:
    """Del t["dense_0"]."""
    del t["dense_0"]


def set_new_attribute(t: Any) -> None:
    """t.name = 1."""
    t.name = 1


def set_method(t: Any) -> None:
    """t.keys = 1."""
    t.keys = 1


def write_into_an_array(t: Any) -> None:
    """t["dense_1"]["w"][0] = 1."""
    t["dense_1"]["w"][0] = 1


CHANGES: list[Callable[[Any], Any]] = [
    set_item, set_deep_item, add_to_item, delete_item, set_new_attribute, set_method, write_into_an_array,
    lambda t: t.update(a=1), lambda t: t.pop("dense_0"), lambda t: t.popitem(), lambda t: t.clear(),
    lambda t: t.setdefault("a", 1), lambda t: t.keys().mapping.__setitem__("a", 1),
]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_changes_a_frozen_dict(change: Callable[[Any], Any]) -> None:
    frozen, expected = example(), example()
    with pytest.raises((TypeError, AttributeError, ValueError)):
        change(frozen)
    assert tree.equal(frozen, expected)
    assert repr(frozen) == repr(expected)


@pytest.mark.parametrize("change", [lambda t: t.__delattr__("_data"), lambda t: t.__setattr__("_data", {})],
                         ids=["delattr", "setattr"])
def test_nothing_reaches_behind_a_frozen_dict(change: Callable[[Any], Any]) -> None:
    frozen = example()
    with pytest.raises(TypeError, match="a FrozenDict never changes"):
        change(frozen)


def test_a_frozen_dict_is_not_made_again() -> None:
    frozen, expected = example(), example()
    frozen.__init__({})  # type: ignore[call-arg]  # what somebody might try
    assert tree.equal(frozen, expected)


def test_errors_of_setting_and_deleting_show_the_way() -> None:
    with pytest.raises(TypeError, match=r"cannot set entry 'dense_0'; .* never changes. Make a new one: FrozenDict\("):
        set_item(example())
    with pytest.raises(TypeError, match="cannot delete entry 'dense_0'; a FrozenDict never changes"):
        delete_item(example())


@pytest.mark.parametrize("name", ["update", "pop", "popitem", "clear", "setdefault", "copy"])
def test_what_changes_a_dict_is_told_how_a_new_one_is_made(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"no '{name}': a FrozenDict never changes. Make a new one"):
        getattr(FrozenDict({"w": 1.0}), name)


def test_an_augmented_or_makes_a_new_one_and_leaves_the_old() -> None:
    old = new = example()
    new |= {"z": 1.0}
    assert list(old) == ["dense_1", "dense_0"]
    assert list(new) == ["dense_1", "dense_0", "z"]
    assert type(new) is FrozenDict


def stepped() -> Any:
    """What a step of one's own makes: its leaves are new arrays that can be written into."""
    return tree.map(lambda p, g: p - 0.1 * g, example(), example())


@pytest.mark.parametrize("make", [
    stepped, example, lambda: example() | {"dense_0": {"w": np.ones(2)}}, lambda: {"dense_1": {}} | stepped(),
    lambda: tree.update_in(example(), ("dense_0", "w"), lambda w: w + 1.0), lambda: tree.freeze(example()),
    lambda: FrozenDict({"dense_0": {"w": np.ma.array([1.0, 2.0])}}),
    lambda: copy.deepcopy(stepped()), lambda: pickle.loads(pickle.dumps(stepped())),
    lambda: tree.unflatten(tree.structure(example()), [np.ones(2), np.ones(3), np.ones((2, 3))]),
    lambda: grad(lambda p: np.sum(p["dense_0"]["w"] ** 2))(FrozenDict({"dense_0": {"w": np.ones(2)}})),
    lambda: tree.ravel(example())[1](np.ones(11)),
])
def test_no_leaf_of_a_frozen_dict_can_be_written_into(make: Callable[[], Any]) -> None:
    made = make()
    before = np.array(made["dense_0"]["w"])
    for change in (add_to_item_of_dense_0, write_into_dense_0, lambda t: np.add(1, 1, out=t["dense_0"]["w"])):
        with pytest.raises(ValueError, match="read-only"):
            change(made)
    assert np.array_equal(made["dense_0"]["w"], before)


def add_to_item_of_dense_0(t: Any) -> None:
    """The array is asked first, and refuses."""
    t["dense_0"]["w"] += 1


def write_into_dense_0(t: Any) -> None:
    """t["dense_0"]["w"][0] = 1."""
    t["dense_0"]["w"][0] = 1


def test_leaves_in_lists_and_tuples_are_read_only_and_the_callers_own_are_not() -> None:
    own = np.ones(2)
    given = {"list": [own, {"w": own}], "tuple": (own, Pair(own, [own]))}
    frozen: Any = FrozenDict(given)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(frozen))
    assert all(leaf is own for leaf in tree.leaves(given))
    assert own.flags.writeable
    assert [type(frozen["list"]), type(frozen["list"][1]), type(frozen["tuple"][1])] == [list, FrozenDict, Pair]
    given["list"].append(1.0)  # type: ignore[attr-defined]  # a list
    assert len(frozen["list"]) == 2


def test_a_view_shows_what_the_caller_writes_and_a_read_only_array_is_held_itself() -> None:
    own, fixed = np.ones(2), readonly(np.ones(2))
    frozen: Any = FrozenDict({"own": own, "fixed": fixed})
    own[0] = 5
    assert frozen["own"][0] == 5
    assert frozen["fixed"] is fixed


def test_it_does_not_follow_the_dict_it_was_made_of() -> None:
    inner = {"w": 1.0}
    outer: dict[str, Any] = {"a": inner}
    frozen: FrozenDict[str, Any] = FrozenDict(outer)
    inner["w"], outer["b"] = 2.0, 3.0
    assert frozen == {"a": {"w": 1.0}}
    assert type(frozen["a"]) is FrozenDict
    assert outer == {"a": {"w": 2.0}, "b": 3.0}
    assert type(outer["a"]) is dict


def test_it_is_a_mapping() -> None:
    frozen = FrozenDict({"b": 1, "a": 2})
    assert issubclass(FrozenDict, Mapping)
    assert not issubclass(FrozenDict, dict)
    assert (list(frozen), len(frozen), dict(frozen)) == (["b", "a"], 2, {"b": 1, "a": 2})
    assert (list(frozen.keys()), list(frozen.values())) == (["b", "a"], [1, 2])
    assert list(frozen.items()) == [("b", 1), ("a", 2)]
    assert (frozen.get("a"), frozen.get("c"), frozen.get("c", 5)) == (2, None, 5)
    assert "a" in frozen
    assert "c" not in frozen
    assert {**frozen} == {"b": 1, "a": 2}
    assert frozen.keys() == {"a", "b"}
    match frozen:
        case {"a": two, **others}:
            assert (two, others) == (2, {"b": 1})
        case _:
            raise AssertionError("a FrozenDict must match as a mapping")
    assert FrozenDict([("a", 1)]) == FrozenDict(FrozenDict({"a": 1}))
    assert len(FrozenDict()) == 0
    assert not FrozenDict()


def test_or_prefers_the_right_side_and_the_order_of_the_left() -> None:
    left, right = FrozenDict({"a": 1, "b": 2}), {"b": 3, "c": 4}
    for merged in (left | right, left | FrozenDict(right), dict(left) | FrozenDict(right)):
        assert type(merged) is FrozenDict
        assert list(merged.items()) == [("a", 1), ("b", 3), ("c", 4)]
    assert type((left | {"d": {"e": 1}})["d"]) is FrozenDict  # type: ignore[dict-item]  # another type of value
    for bad in (3, None, [("a", 1)]):
        with pytest.raises(TypeError):
            left | bad  # type: ignore[operator]
        with pytest.raises(TypeError):
            bad | left  # type: ignore[operator]


def test_equality_and_hash_are_those_of_a_dict_of_hashables() -> None:
    one, other = FrozenDict({"a": 1, "b": {"c": 2.0}}), FrozenDict({"b": {"c": 2.0}, "a": 1})
    plain = {"a": 1, "b": {"c": 2.0}}
    assert one == other
    assert one == plain
    assert plain == one
    assert hash(one) == hash(other)
    assert {one: "x"}[other] == "x"
    assert one != FrozenDict({"a": 1})
    assert one != {"a": 1, "b": {"c": 3.0}}
    assert one != 3
    assert one is not None


def test_arrays_are_neither_hashed_nor_compared_by_equals() -> None:
    with pytest.raises(ValueError, match=r"== cannot compare arrays; use tree.equal\(a, b\)"):
        bool(example() == example())
    with pytest.raises(TypeError, match="unhashable"):
        hash(example())


def test_a_missing_key_is_shown_with_the_entries_and_the_nearest() -> None:
    frozen = example()
    with pytest.raises(KeyError) as raised:
        frozen["dense_O"]
    assert isinstance(raised.value, MissingKeyError)
    assert str(raised.value) == "no entry 'dense_O'; did you mean 'dense_1'? The entries are 'dense_1', 'dense_0'"
    with pytest.raises(MissingKeyError, match=r"^no entry 'bias'. The entries are 'w', 'b'$"):
        frozen["dense_1"]["bias"]
    with pytest.raises(MissingKeyError, match=r"^no entry 'w'. There are no entries$"):
        FrozenDict[str, float]({})["w"]
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


SHOWN: list[tuple[Any, str]] = [
    ({}, "FrozenDict({})"),
    ({"b": 1, "a": 2.5}, "FrozenDict({'b': 1, 'a': 2.5})"),
    ({"w": np.ones((2, 3), np.float32)}, "FrozenDict({'w': float32[2, 3]})"),
    ({"w": np.ones((0,)), "n": np.arange(3)}, "FrozenDict({'w': float64[0], 'n': int64[3]})"),
    ({"s": np.float32(1.5), "t": np.array(2.5)}, "FrozenDict({'s': np.float32(1.5), 't': array(2.5)})"),
    ({"a": {"b": {"c": None}}}, "FrozenDict({'a': {'b': {'c': None}}})"),
    ({1: {"x": "y"}}, "FrozenDict({1: {'x': 'y'}})"),
    ({f"dense_{i}": {"w": np.ones((64, 64), np.float32), "b": np.ones(64, np.float32)} for i in range(2)},
     "FrozenDict({'dense_0': {'w': float32[64, 64], 'b': float32[64]},\n"
     "            'dense_1': {'w': float32[64, 64], 'b': float32[64]}})"),
]


@pytest.mark.parametrize(("entries", "text"), SHOWN)
def test_repr_shows_the_tree_with_its_shapes(entries: dict[Any, Any], text: str) -> None:
    assert repr(FrozenDict(entries)) == text
    assert str(FrozenDict(entries)) == text


def copies(t: Any) -> list[Any]:
    """The tree, copied in each of Python's ways."""
    protocols = range(pickle.HIGHEST_PROTOCOL + 1)
    return [copy.deepcopy(t), copy.copy(t), *(pickle.loads(pickle.dumps(t, protocol)) for protocol in protocols)]


def test_copies_are_equal_and_keep_the_read_only_flags() -> None:
    original = example()
    tree.leaves(original)
    for made in copies(original):
        assert type(made) is type(made["dense_1"]) is FrozenDict
        assert tree.equal(made, original)
        assert repr(made) == repr(original)
        assert [leaf.flags.writeable for leaf in tree.leaves(made)] == [False, False, False]
    assert copy.copy(original) is original
    assert not np.shares_memory(copy.deepcopy(original)["dense_1"]["w"], original["dense_1"]["w"])


def test_a_deep_copy_keeps_what_is_shared_shared() -> None:
    shared = example()["dense_1"]
    twice: Any = copy.deepcopy(FrozenDict({"a": shared, "b": shared}))
    assert twice["a"] is twice["b"]


def test_copies_keep_the_read_only_flags_inside_tuples() -> None:
    original = FrozenDict({"state": (readonly(np.ones(2)), [readonly(np.ones(2))])})
    for made in copies(original):
        assert [leaf.flags.writeable for leaf in tree.leaves(made)] == [False, False]


def test_eight_threads_may_ask_for_the_leaves_at_once() -> None:
    barrier = Barrier(8)

    def ask(t: FrozenDict[str, Any]) -> bool:
        barrier.wait()
        return all(same(tree.map(identity, t), t) and len(tree.leaves(t)) == 60 for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            t = FrozenDict({f"dense_{i}": {"w": float(i), "b": (1.0, FrozenDict({"c": 2.0}))} for i in range(20)})
            assert all(pool.map(ask, [t] * 8))


# ------------------------------------------------------------------------------------------ comparison

NAN, OTHER_NAN = float("nan"), np.uint64(0x7FF8000000000001).view(np.float64)
COMPARED: list[tuple[Any, Any, bool, bool]] = [  # a, b, equal, all_close
    ({"w": 1.0, "b": [2.0]}, {"b": [2.0], "w": 1.0}, True, True),
    ({"w": 1.0}, {"w": 1.0 + 1e-9}, False, True),
    (1e-9, 0.0, False, True),
    (1.0, 1.001, False, False),
    (0.0, -0.0, False, True),
    (NAN, NAN, True, False),
    (NAN, OTHER_NAN, False, False),
    (np.inf, np.inf, True, True),
    (np.inf, -np.inf, False, False),
    (np.ones(2), np.ones(2, np.float32), False, True),
    (np.zeros(2), np.zeros(2, np.int64), False, True),
    (1, 1.0, False, True),
    (1, True, False, True),
    (np.ones((2, 1)), np.ones((1, 2)), False, False),
    (np.ones(1), np.ones(()), False, False),
    (np.zeros((0, 2)), np.zeros((0, 3)), False, False),
    (np.arange(6).reshape(2, 3).T, np.ascontiguousarray(np.arange(6).reshape(2, 3).T), True, True),
    (np.array([1.0], ">f8"), np.array([1.0], "<f8"), False, True),
    ((1.0,), [1.0], False, False),
    ({"w": 1.0}, FrozenDict({"w": 1.0}), False, False),
    ({"w": None}, {}, False, False),
    (None, None, True, True),
    ({}, {}, True, True),
    (Pair(1.0, 2.0), Pair(1.0, 2.0), True, True),
    (Pair(1.0, 2.0), (1.0, 2.0), False, False),
    (np.float32(1), np.array(1, np.float32), True, True),
]


@pytest.mark.parametrize(("a", "b", "equal", "close"), COMPARED)
def test_equal_is_of_bytes_and_all_close_of_numbers(a: Any, b: Any, equal: bool, close: bool) -> None:
    assert tree.equal(a, b) is tree.equal(b, a) is equal
    assert tree.all_close(a, b) is tree.all_close(b, a) is close


def test_equal_compares_texts_and_objects_too() -> None:
    assert tree.equal(["a", np.array([None, 1], object)], ["a", np.array([None, 1], object)])
    assert not tree.equal("a", "b")
    assert not tree.equal(np.array([None, 1], object), np.array([None, 2], object))


def test_the_tolerances_of_all_close_are_those_given() -> None:
    assert tree.all_close([1.0], [1.1], rtol=0.1)
    assert tree.all_close([1.0], [1.1], rtol=0.0, atol=0.11)
    assert not tree.all_close([1.0], [1.1], rtol=0.0, atol=0.09)


# ----------------------------------------------------------------------------------------------- ravel


def test_ravel_joins_in_the_common_dtype_and_restores_each_of_its_own() -> None:
    t = FrozenDict({"w": np.ones((2, 2), np.float32), "n": np.arange(2, dtype=np.int16), "s": np.float16(0.5)})
    flat, unravel = tree.ravel(t)
    assert isinstance(flat, np.ndarray)
    assert (flat.shape, flat.dtype, flat.flags.writeable) == ((7,), np.dtype(np.float32), False)
    back: Any = unravel(flat)
    assert type(back) is FrozenDict
    assert tree.structure(back) == tree.structure(t)
    assert tree.equal(back, t)


SHAPES = st.lists(st.integers(0, 3), max_size=3)


@given(st.lists(st.tuples(SHAPES, st.sampled_from(["f2", "f4", "f8", "i2"])), max_size=5))
def test_unravel_undoes_ravel(kinds: list[tuple[list[int], str]]) -> None:
    t = [np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype) for shape, dtype in kinds]
    flat, unravel = tree.ravel(t)
    assert flat.shape == (sum(leaf.size for leaf in t),)
    assert tree.equal(unravel(flat), t)
    with pytest.raises(ValueError, match=rf"unravel takes shape \({flat.shape[0]},\), got \({flat.shape[0] + 1},\)"):
        unravel(np.zeros(flat.shape[0] + 1))


@pytest.mark.parametrize("empty", [{}, (), None, [None, {}], FrozenDict(), [np.zeros((0, 3))]])
def test_ravel_of_no_numbers_is_empty(empty: Any) -> None:
    flat, unravel = tree.ravel(empty)
    assert flat.shape == (0,)
    assert tree.equal(unravel(flat), empty)


def test_unravel_copies_too() -> None:
    flat = np.arange(3.0)
    _, unravel = tree.ravel({"w": np.zeros((1, 2)), "b": np.zeros(1)})
    made = unravel(flat)
    flat[:] = 7
    assert tree.equal(made, {"w": np.array([[1.0, 2.0]]), "b": np.array([0.0])})


def test_ravel_copies_and_leaves_the_callers_array_writeable() -> None:
    own = np.ones(3)
    flat, _ = tree.ravel(own)
    assert isinstance(flat, np.ndarray)
    assert not np.shares_memory(flat, own)
    assert own.flags.writeable


def test_unravel_is_differentiable() -> None:
    flat, unravel = tree.ravel({"w": np.array([[1.0, 2.0]], np.float32), "b": np.array([3.0])})

    gradient = differentiate(lambda v: np.sum(unravel(v)["w"] ** 2) + np.sum(unravel(v)["b"]))(flat)
    assert np.array_equal(gradient, [1.0, 2.0, 4.0])


# -------------------------------------------------------------------------------------- freeze, astype


def test_freeze_copies_and_never_flags_the_callers_array() -> None:
    own = np.ones(2)
    held = [own[:1], {"w": own, "n": None, "s": np.float32(1), "t": (own.reshape(2, 1), "text")}, Pair(own, 1.0)]
    frozen: Any = tree.freeze(held)
    assert own.flags.writeable
    assert all(not np.shares_memory(leaf, own) for leaf in tree.leaves(frozen) if isinstance(leaf, np.ndarray))
    assert all(not leaf.flags.writeable for leaf in tree.leaves(frozen) if isinstance(leaf, np.ndarray))
    assert [type(node) for node in (frozen, frozen[1], frozen[1]["t"], frozen[2])] == [list, FrozenDict, tuple, Pair]
    own[:] = 5
    assert tree.all_close(frozen[1]["w"], np.ones(2))
    assert tree.equal(tree.freeze(frozen), frozen)


def test_freeze_freezes_dicts_at_any_depth_and_the_arrays_of_a_frozen_dict() -> None:
    assert repr(tree.freeze({"a": [{"b": 1.0}]})) == "FrozenDict({'a': [FrozenDict({'b': 1.0})]})"
    own = np.ones(2)
    assert not tree.freeze(FrozenDict({"w": own}))["w"].flags.writeable
    assert own.flags.writeable


def test_astype_converts_floats_alone_into_read_only_copies() -> None:
    own: dict[str, Any] = {"w": np.ones(2), "s": np.float64(1), "n": np.arange(2), "m": np.ones(2, bool),
                           "f": 1.5, "i": 3, "t": "x", "none": None}
    converted: Any = tree.astype(own, np.float32)
    kinds = {name: getattr(leaf, "dtype", type(leaf)) for name, leaf in converted.items()}
    assert kinds == {"w": np.float32, "s": np.float32, "n": np.int64, "m": np.bool_, "f": float, "i": int, "t": str,
                     "none": type(None)}
    same_kind = tree.astype(own, np.float64)
    assert own["w"].flags.writeable
    assert not np.shares_memory(same_kind["w"], own["w"])
    assert not same_kind["w"].flags.writeable


def test_astype_and_freeze_are_differentiable() -> None:
    w = np.ones(2, np.float32)
    gradient = differentiate(lambda p: np.sum(tree.astype(tree.freeze(p), np.float64)["w"] ** 2))({"w": w})
    assert tree.equal(gradient, {"w": np.full(2, 2, np.float32)})


# ------------------------------------------------------------------------------------- get, update_in


def test_get_follows_a_path_to_leaves_and_subtrees() -> None:
    t = {"a": [1.0, Pair(2.0, FrozenDict({"b": (3.0,)}))]}
    assert tree.get(t, ()) is t
    assert tree.get(t, ("a", 1, "first", "b", 0)) == 3.0
    assert tree.get(t, ("a", 1)) is t["a"][1]


@pytest.mark.parametrize(("path", "text"), [
    (("x",), "at the root: no entry 'x'. The entries are 'a'"),
    (("a", 7), "at 'a': no entry 7. The entries are 0, 1"),
    (("a", 1, "b", 0), "at 'a/1': no entry 'b'. The entries are 'second', 'first'"),
    (("a", 0, "w"), "at 'a/0': no entry 'w'. There are no entries"),
])
def test_get_names_where_a_path_ends(path: tree.Path, text: str) -> None:
    t = {"a": [1.0, Pair(2.0, 3.0)]}
    with pytest.raises(MissingKeyError) as raised:
        tree.get(t, path)
    assert str(raised.value) == text


def test_update_in_changes_one_place_and_shares_the_rest() -> None:
    t: Any = FrozenDict({"a": [1.0, Pair(2.0, {"b": (3.0, 4.0)})], "other": {"w": np.ones(2)}})
    tree.leaves(t)
    new = tree.update_in(t, ("a", 1, "first", "b", 0), lambda x: 10 * x)
    assert repr(new["a"]) == "[1.0, Pair(second=2.0, first=FrozenDict({'b': (30.0, 4.0)}))]"
    assert t["a"][1].first == {"b": (3.0, 4.0)}
    assert new["other"] is t["other"]
    assert tree.leaves(new)[:4] == [1.0, 2.0, 30.0, 4.0]
    assert tree.update_in(t, (), lambda _: 5) == 5


def test_update_in_refuses_a_place_that_is_not_there() -> None:
    with pytest.raises(MissingKeyError, match="at the root: no entry 'x'"):
        tree.update_in({"a": 1.0}, ("x",), identity)


def test_update_in_names_the_whole_path() -> None:
    with pytest.raises(MissingKeyError, match="at 'a/b': no entry 'x'"):
        tree.update_in({"a": {"b": {"c": 1.0}}}, ("a", "b", "x"), identity)


def test_keystr() -> None:
    assert tree.keystr(("a", 1, "b")) == "a/1/b"
    assert tree.keystr(()) == ""


def test_of_names_equally_near_the_first_is_meant() -> None:
    with pytest.raises(MissingKeyError, match="did you mean 'dense_0'"):
        FrozenDict({"dense_0": 1.0, "dense_1": 2.0})["dense_O"]
