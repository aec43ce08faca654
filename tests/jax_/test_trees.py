"""funcnn under JAX: the same step, compiled, gives the same losses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import datasets, losses, optimizers, random, schedules, tree
from funcnn.activations import relu
from funcnn.layers import dense

jax = pytest.importorskip("jax")


@pytest.fixture(autouse=True)
def x64() -> Iterator[None]:
    """JAX in float64, only here."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


net = dense(2, 64) >> relu >> dense(64, 3)


def loss(params: Any, batch: Any) -> Any:
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))


def make_step(value_and_grad: Any, optimizer: optimizers.GradientTransformation) -> Any:
    """The README's step, with somebody's value_and_grad."""
    def step(params: Any, opt_state: Any, batch: Any) -> Any:
        value, grads = value_and_grad(loss)(params, batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optimizers.apply_updates(params, updates), opt_state, value

    return step


def test_the_step_of_the_readme_gives_the_same_losses_compiled() -> None:
    import funcnn.jax  # noqa: F401  # registers FrozenDict

    optimizer = optimizers.adam(schedules.inverse_time_decay(0.05, 1e-2))
    params = tree.astype(net.init(random.key(0)), np.float64)
    batch = datasets.spiral(random.key(1), samples=100, classes=3, dtype=np.float64)
    ours, theirs = make_step(fn.value_and_grad, optimizer), jax.jit(make_step(jax.value_and_grad, optimizer))
    state = their_state = (params, optimizer.init(params))
    for _ in range(20):
        *state, value = ours(*state, batch)
        *their_state, their_value = theirs(*their_state, batch)
        assert their_value.dtype == np.float64
        np.testing.assert_allclose(value, their_value, rtol=1e-10)
    assert tree.all_close(state[0], jax.tree.map(np.asarray, their_state[0]), rtol=1e-8)


def test_frozen_dict_is_the_same_tree_in_both() -> None:
    import funcnn.jax  # noqa: F401  # registers FrozenDict

    params = net.init(random.key(0))
    leaves, structure = jax.tree.flatten(params)
    assert all(a is b for a, b in zip(leaves, tree.leaves(params), strict=True))
    again = jax.tree.unflatten(structure, leaves)
    assert isinstance(again, fn.FrozenDict) and repr(again) == repr(params)
    paths = [jax.tree_util.keystr(path, simple=True, separator="/")
             for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    assert paths == [tree.keystr(path) for path, _ in tree.leaves_with_path(params)]


def test_nodes_of_the_user_are_nodes_of_jax() -> None:
    class Interval:
        def __init__(self, low: Any, high: Any, unit: str) -> None:
            self.low, self.high, self.unit = low, high, unit

    @dataclasses.dataclass
    class Line:
        slope: Any
        offset: Any
        name: str

    tree.register_node(Interval, lambda x: ((x.low, x.high), x.unit),
                       lambda unit, ends: Interval(ends[0], ends[1], unit))
    tree.register_dataclass(Line, meta_fields=["name"])

    def f(line: Line, x: Interval) -> Any:
        return line.slope * x.low + line.offset * x.high

    line, x = Line(np.array(2.0), np.array(3.0), "a"), Interval(np.array(1.0), np.array(5.0), "m")
    slopes = fn.jax.jit(fn.grad(f))(line, x)
    assert (type(slopes), slopes.name) == (Line, "a") and (float(slopes.slope), float(slopes.offset)) == (1.0, 5.0)
    assert jax.tree.map(lambda leaf: leaf + 1, x).unit == "m"
