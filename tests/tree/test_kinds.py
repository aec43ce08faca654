"""Trees of other kinds, and other depths: OrderedDict, dataclasses, own nodes; is_leaf, prefixes, transpose."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import funcnn as fn
from alike import assert_alike
from funcnn import FrozenDict, checkpoint, optimizers, testing, tree

grad: Any = fn.grad  # untyped: what these are given has no static type
vmap: Any = fn.vmap
vjp: Any = fn.vjp
jvp: Any = fn.jvp
registry: Any = tree


class Interval:
    """A node of one's own, with a unit that is no leaf."""

    def __init__(self, low: Any, high: Any, unit: str = "m") -> None:
        self.low, self.high, self.unit = low, high, unit

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return 0


@tree.register_dataclass
@dataclass(frozen=True)
class Line:
    """A node with named children."""

    slope: Any
    offset: Any


class Named(NamedTuple):
    """A node whose fields are not sorted."""

    w: Any
    b: Any


@dataclass
class Scaled:
    """A node with a setting."""

    name: str
    x: Any


tree.register_node(Interval, lambda x: ((x.low, x.high), x.unit), lambda unit, ends: Interval(ends[0], ends[1], unit))
tree.register_dataclass(Scaled, meta_fields=["name"])

NODES = [OrderedDict(b=1.0, a=2.0), Interval(1.0, 2.0), Line(1.0, 2.0), Scaled("s", 3.0),
         Line(Interval(1.0, 2.0), [3.0])]


@pytest.mark.parametrize("node", NODES)
def test_the_laws_of_trees_hold_of_them(node: Any) -> None:
    leaves, form = tree.flatten({"x": node, "y": [node]})
    assert tree.unflatten(form, leaves) == {"x": node, "y": [node]} and len(leaves) == form.num_leaves
    assert tree.map(lambda x: x, node) == node
    assert tree.map(lambda x, y: x + y, node, node) == tree.map(lambda x: 2 * x, node)
    assert [path for path, _ in tree.leaves_with_path(node)] == tree.structure(node).paths()
    assert tree.equal(node, tree.map(lambda x: 1.0 * x, node))
    assert FrozenDict({"x": node})["x"] == node
    assert sorted(tree.leaves(FrozenDict({"x": node}))) == sorted(tree.leaves(node))
    flat, unravel = tree.ravel(node)
    assert tree.all_close(unravel(flat), node)


def test_an_ordered_dict_is_visited_in_its_order() -> None:
    one, two = OrderedDict(b=1.0, a=2.0), OrderedDict(a=1.0, b=2.0)
    assert tree.leaves(one) == [1.0, 2.0]
    assert tree.structure(one) != tree.structure(two) != tree.structure({"a": 1.0, "b": 2.0})
    assert tree.leaves_with_path(one) == [(("b",), 1.0), (("a",), 2.0)]


@pytest.mark.parametrize("freeze", [FrozenDict, tree.freeze])
def test_an_ordered_dict_in_a_frozen_tree_is_frozen(freeze: Any) -> None:
    frozen: Any = freeze({"x": (OrderedDict(b=np.ones(2), a=2.0),)})["x"][0]
    with pytest.raises(TypeError, match="a FrozenDict never changes"):
        frozen["b"] = 5.0
    assert list(frozen) == ["b", "a"] and not frozen["b"].flags.writeable


def test_names_stand_in_paths_and_settings_in_the_structure() -> None:
    assert tree.get(Line(1.0, (2.0, 3.0)), ("offset", 1)) == 3.0
    assert tree.update_in(Scaled("s", 1.0), ("x",), lambda x: x + 1) == Scaled("s", 2.0)
    assert tree.get(Interval(1.0, 2.0), (0,)) == 1.0
    assert tree.structure(Scaled("s", 1.0)) != tree.structure(Scaled("t", 1.0))
    numbers: list[Any] = [1, 1.0, True]
    assert [tree.structure(Scaled(n, 0.0)) == tree.structure(Scaled(numbers[0], 0.0)) for n in numbers] == [
        True, False, False]
    with pytest.raises(ValueError, match=r"tree 1 is a Scaled at 'a', .* or with other fields that are no leaves"):
        tree.map(lambda x, y: x, {"a": Scaled("s", 1.0)}, {"a": Scaled("t", 1.0)})


def test_they_go_through_all_transformations() -> None:
    def f(line: Any, x: Any) -> Any:
        return np.sum((line.slope * x + line.offset) ** 2)

    line, x = Line(np.ones(3), np.zeros(3)), np.arange(3.0)
    gradient = grad(f)(line, x)
    assert type(gradient) is Line
    np.testing.assert_array_equal(gradient.slope, 2 * x**2)
    assert_alike(grad(f), (line, x), (Line(2 * x, x), x))
    jitted = fn.jit(lambda node: Scaled(node.name, node.x + 1))
    assert [jitted(Scaled(name, 1.0)) for name in ("s", "t")] == [Scaled("s", 2.0), Scaled("t", 2.0)]
    ordered = fn.jit(lambda t: OrderedDict((key, 2 * t[key]) for key in reversed(t)))
    for t in (OrderedDict(b=1.0, a=2.0), OrderedDict(a=1.0, b=2.0), OrderedDict(b=3.0, a=4.0)):
        assert list(ordered(t).items()) == [(key, 2 * t[key]) for key in reversed(t)]
    program = fn.make_program(lambda t: OrderedDict(c=t["a"], b=t["b"]))(OrderedDict(b=np.ones(1), a=np.zeros(1)))
    assert "t['b']" in program.source() and "{'c': t_a, 'b': t_b}" in program.source().replace(".copy()", "")
    by_axes = vmap(lambda line: line.slope + line.offset, (Line(0, None),))(Line(x, 1.0))
    np.testing.assert_array_equal(by_axes, x + 1)
    np.testing.assert_array_equal(vmap(lambda t: t["b"] + t["a"], (OrderedDict(b=0, a=None),))(
        OrderedDict(b=x, a=1.0)), x + 1)
    many = vmap(grad(f), (0, None))(Line(np.ones((2, 3)), np.zeros((2, 3))), x)
    assert type(many) is Line and np.shape(many.slope) == (2, 3)


def test_they_are_what_a_custom_rule_takes_and_gives() -> None:
    @fn.custom_vjp
    def twice(line: Any) -> Any:
        return Line(2 * line.slope, line.offset)

    twice.defvjp(lambda line: (twice.fun(line), None), lambda _, g: (Line(2 * g.slope, g.offset),))
    line = Line(np.ones(2), np.zeros(2))
    gradient = grad(lambda line: np.sum(twice(line).slope * 3 + twice(line).offset))(line)
    assert tree.equal(gradient, Line(np.full(2, 6.0), np.ones(2)))


def test_they_are_saved_and_loaded(tmp_path: Any) -> None:
    path = tmp_path / "line.safetensors"
    saved = {"line": Line(np.ones(2), np.zeros(2)), "both": Interval(1.0, 2.0), "rest": OrderedDict(b=1, a=2)}
    checkpoint.save(path, saved)
    assert tree.equal(checkpoint.load(path, tree.map(lambda x: 0 * x, saved)), saved)


@pytest.mark.parametrize(("register", "error", "text"), [
    (lambda: registry.register_node(Interval, vars, vars), ValueError, "Interval is a kind of node already"),
    (lambda: registry.register_node(dict, vars, vars), ValueError, "dict is a kind of node already"),
    (lambda: registry.register_node(Named, vars, vars), ValueError, "Named is a kind of node already"),
    (lambda: registry.register_node(np.ndarray, vars, vars), ValueError, "ndarray is a leaf already"),
    (lambda: registry.register_node(3, vars, vars), TypeError, "what is registered is a type, got 3"),
    (lambda: registry.register_dataclass(Interval), TypeError, "is no dataclass; put @dataclass"),
    (lambda: registry.register_dataclass(dataclass(type("D", (), {"__annotations__": {"x": int}})), ["y"]), ValueError,
     r"must be the fields of D, each once: \['x'\]"),
])
def test_a_registration_that_cannot_be_meant_is_refused(register: Callable[[], Any], error: Any, text: str) -> None:
    with pytest.raises(error, match=text):
        register()


def test_a_flatten_that_gives_no_pair_is_told() -> None:
    kind: Any = type("Odd", (), {})
    registry.register_node(kind, lambda x: 3, lambda aux, children: kind())
    with pytest.raises(TypeError, match=r"flatten of a Odd must return \(children, aux\), it returned 3"):
        tree.leaves(kind())


# ------------------------------------------------------------------------------------------ is_leaf


T: Any = {"a": (1.0, [2.0, 3.0]), "b": None, "c": FrozenDict({"x": 4.0})}


def is_leaf(x: Any) -> bool:
    return x is None or isinstance(x, list | FrozenDict)


def test_orders_and_leaves_are_those_of_jax(jax: Any) -> None:
    assert jax.tree.leaves(OrderedDict(b=1.0, a=2.0)) == [1.0, 2.0]
    assert jax.tree.leaves(T, is_leaf) == tree.leaves(T, is_leaf)


def test_is_leaf_stops_at_nodes() -> None:
    t = T
    assert tree.leaves(t, is_leaf) == [1.0, [2.0, 3.0], None, FrozenDict({"x": 4.0})]
    assert tree.map(lambda x: 0, t, is_leaf=is_leaf) == {"a": (0, 0), "b": 0, "c": 0}
    assert tree.leaves_with_path(t, is_leaf)[1] == (("a", 1), [2.0, 3.0])
    assert tree.map_with_path(lambda path, x: tree.keystr(path), t, is_leaf=is_leaf)["c"] == "c"
    assert tree.reduce(lambda n, _: n + 1, t, 0, is_leaf) == 4
    found, form = tree.flatten(t, is_leaf)
    assert tree.unflatten(form, found) == t and form == tree.structure(t, is_leaf)
    assert tree.leaves(t, lambda x: x is t) == [t] and tree.leaves([1.0], lambda x: False) == [1.0]


# ------------------------------------------------------------------------------------------ prefixes


@pytest.mark.parametrize("owner", ["funcnn", "jax"])
def test_map_gives_the_subtrees_of_deeper_trees_as_in_jax(owner: str) -> None:
    first, deep = {"a": 1.0, "b": (2.0, None)}, {"a": {"x": 1.0}, "b": ([3.0, 4.0], None)}
    maps: list[Any] = [pytest.importorskip(owner).tree.map]
    for mapped in maps:
        assert mapped(lambda x, y: y, first, deep) == deep
        assert mapped(lambda x, y, z: (x, y, z), first, deep, first)["b"][0] == (2.0, [3.0, 4.0], 2.0)
        assert mapped(lambda x, y: y, 1.0, None) is None
    labels = FrozenDict({"dense_0": "frozen", "dense_1": "trained"})
    params = FrozenDict({"dense_0": {"w": 1.0}, "dense_1": {"w": 2.0}})
    assert tree.map(lambda label, part: len(part), labels, params) == {"dense_0": 1, "dense_1": 1}


@pytest.mark.parametrize(("other", "text"), [
    ({"a": {"b": {"c": 1.0}}}, r"tree 1 is a dict at 'a/b', where the first is a leaf, and f fails on it: unsupported"),
    ({"a": {"b": (1.0, 2.0)}}, r"tree 1 is a tuple at 'a/b', where the first is a leaf, and f fails on it"),
    ({"a": {"b": None}}, r"tree 1 is None at 'a/b', where the first is a leaf, and f fails on it"),
])
def test_a_function_that_fails_on_a_subtree_is_told_that_it_is_one(other: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        tree.map(lambda x, y: x + y, FrozenDict({"a": {"b": 1.0}}), other)
    with pytest.raises(TypeError, match="unsupported operand"):
        tree.map(lambda x, y: x + y, {"a": 1.0}, {"a": "text"})


# ------------------------------------------------------------------------------------------ transpose


@pytest.mark.parametrize("owner", ["funcnn", "jax"])
def test_transpose_turns_a_tree_of_trees_inside_out_as_in_jax(owner: str) -> None:
    its: Any = pytest.importorskip(owner).tree
    t, expected = {"w": (1.0, [2.0]), "b": (3.0, [4.0])}, ({"w": 1.0, "b": 3.0}, [{"w": 2.0, "b": 4.0}])
    outer, inner = its.structure({"w": 0, "b": 0}), its.structure((0, [0]))
    for given in (inner, None):
        assert its.transpose(outer, given, t) == expected
    assert its.transpose(inner, outer, expected) == t


def test_transpose_at_its_edges() -> None:
    outer, inner = tree.structure({"w": 0, "b": 0}), tree.structure((0, [0]))
    assert tree.transpose(tree.structure([]), inner, []) == ([], [[]])
    with pytest.raises(ValueError, match="give its structure"):
        tree.transpose(tree.structure([]), None, [])
    with pytest.raises(ValueError, match=r"tree 2 has other entries than the first at the root: 1 is missing"):
        tree.transpose(outer, None, {"b": (1.0, 2.0), "w": (1.0,)})


def test_a_registered_node_is_pickled_in_a_frozen_dict() -> None:
    assert pickle.loads(pickle.dumps(FrozenDict({"line": Line(1.0, 2.0)})))["line"] == Line(1.0, 2.0)


@pytest.mark.parametrize(("call", "text"), [
    (lambda: vjp(lambda x: x, np.ones(2))[1]([1.0, 2.0]), "vjp: the cotangent is a list at the root"),
    (lambda: vjp(lambda x: 2.0 * x, 1.0)[1](None), "vjp: the cotangent is None at the root"),
    (lambda: jvp(lambda x: x, (1.0,), ([1.0],)), "jvp: the tangents is a list at '0'"),
    (lambda: optimizers.apply_updates(registry.freeze({"w": 1.0}), {"w": [1.0]}), "is a list at 'w', where"),
    (lambda: testing.assert_trees_close({"w": np.ones(2)}, {"w": [1.0, 1.0]}), "tree 1 is a list at 'w'"),
])
def test_what_must_be_alike_is_not_deeper(call: Callable[[], Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()
