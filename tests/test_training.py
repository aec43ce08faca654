"""Batches are a pure function of the key, training is a fold, a history is the values stacked."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcnn as fn
from funcnn import FrozenDict, losses, optimizers, random, training, tree
from funcnn.activations import relu
from funcnn.layers import dense, dropout
from funcnn.training import batches, fold, make_step, scan

# Untyped here: steps and states of every kind and, on purpose, of none.
grad: Any = fn.grad
fold_any: Any = fold
scan_any: Any = scan
batches_any: Any = batches

KEY = random.key(0)


class Pair(NamedTuple):
    """A state or a value with names."""

    first: Any
    second: Any


def rows(count: int) -> Any:
    """Data whose rows know their number, in three leaves."""
    numbers = np.arange(count)
    return {"x": np.stack([numbers, -numbers], axis=1).astype(np.float32), "y": (numbers, None, numbers[:, None] * 1.5)}


def numbers_of(batch: Any) -> list[int]:
    """The numbers of the rows in a batch; all leaves must agree on them."""
    x, (y, _, z) = batch["x"], batch["y"]
    assert np.array_equal(x[:, 0], y)
    assert np.array_equal(x[:, 1], -y)
    assert np.array_equal(z[:, 0], y * 1.5)
    return [int(number) for number in y]


# --------------------------------------------------------------------------------------------- batches


@given(count=st.integers(1, 40), size=st.integers(1, 45), epochs=st.integers(0, 4), seed=st.integers(0, 2**32 - 1))
def test_every_epoch_has_each_row_once(count: int, size: int, epochs: int, seed: int) -> None:
    stream = batches(random.key(seed), rows(count), size, epochs)
    found = list(stream)
    per_epoch = -(-count // size)
    assert len(stream) == len(found) == epochs * per_epoch
    for epoch in groups(found, per_epoch):
        assert sorted(number for batch in epoch for number in numbers_of(batch)) == list(range(count))
        assert [len(batch["x"]) for batch in epoch[:-1]] == [size] * (per_epoch - 1)
        assert len(epoch[-1]["x"]) == count - size * (per_epoch - 1)


def groups(values: list[Any], size: int) -> Iterator[list[Any]]:
    """itertools.batched, which came with Python 3.12."""
    return (values[start:start + size] for start in range(0, len(values), size))


def test_a_stream_may_be_read_again_and_in_turns() -> None:
    stream = batches(KEY, rows(7), 3, 2)
    first = list(stream)
    assert tree.equal(list(stream), first)
    assert tree.equal([batch for pair in zip(stream, stream, strict=True) for batch in pair],
                      [batch for batch in first for _ in range(2)])
    started = iter(stream)
    next(started)
    assert tree.equal(list(stream), first)
    assert tree.equal(list(started), first[1:])
    assert tree.equal(list(batches(KEY, rows(7), 3, 2)), first)


def test_each_epoch_and_each_key_has_an_order_of_its_own() -> None:
    def order(seed: int, epochs: int) -> list[list[int]]:
        found = [numbers_of(batch) for batch in batches(random.key(seed), rows(20), 10, epochs)]
        return [first + second for first, second in groups(found, 2)]

    five = order(0, 5)
    assert len({tuple(epoch) for epoch in [*five, *order(1, 5)]}) == 10
    assert order(0, 3) == five[:3]
    expected = np.asarray(random.permutation(random.fold_in(KEY, 4), 20))
    assert five[4] == list(expected)


def test_a_batch_of_all_rows_is_the_data_as_it_is() -> None:
    data = rows(4)
    for size in (4, 5, 1000):
        found = list(batches(KEY, data, size, 3))
        assert len(found) == 3
        assert all(batch is data for batch in found)
    assert data["x"].flags.writeable


def test_a_batch_has_the_type_of_the_data_and_read_only_copies() -> None:
    pair = Pair(np.arange(6.0), FrozenDict({"y": np.arange(6, dtype=np.int8)}))
    for batch in batches(KEY, pair, 4):
        assert type(batch) is Pair
        assert type(batch.second) is FrozenDict
        assert batch.second["y"].dtype == np.int8
        assert not batch.first.flags.writeable
        assert not np.shares_memory(batch.first, pair.first)
    assert pair.first.flags.writeable


def test_batches_is_frozen_and_says_what_it_is() -> None:
    stream: Any = batches(KEY, rows(7), 3, 2)
    assert repr(stream) == "batches of 3 from 7 examples, 2 epochs"
    with pytest.raises(dataclasses.FrozenInstanceError):
        stream.size = 4


def test_sizes_may_be_integers_of_numpy() -> None:
    assert len(batches_any(KEY, rows(7), np.int64(3), np.int32(2))) == 6


BAD_BATCHES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"size": 0}, ValueError, "batches: size must be at least 1 and epochs at least 0, got size=0, epochs=1"),
    ({"size": -2}, ValueError, "got size=-2"),
    ({"epochs": -1}, ValueError, "got size=2, epochs=-1"),
    ({"size": 2.0}, TypeError, "batches: size must be an int, got 2.0"),
    ({"size": True}, TypeError, "size must be an int, got True"),
    ({"size": None}, TypeError, "size must be an int, got None"),
    ({"epochs": "3"}, TypeError, "epochs must be an int, got '3'"),
    ({"data": (np.ones(3), np.ones(4))}, ValueError, "the arrays differ in their number of rows: 0 has 3, 1 has 4"),
    ({"data": {"x": np.ones((3, 2)), "y": (np.ones(1),)}}, ValueError, "rows: x has 3, y/0 has 1"),
    ({"data": np.ones((0, 2))}, ValueError, r"batches: the data is empty \(0 rows\)"),
    ({"data": (np.ones(3), 1.0)}, ValueError, "data must be an array or a tree of arrays with rows"),
    ({"data": [1, 2, 3]}, ValueError, "data must be an array or a tree of arrays with rows"),
    ({"data": np.float32(1)}, ValueError, "data must be an array or a tree of arrays with rows"),
    ({"data": ()}, ValueError, "data must be an array or a tree of arrays with rows"),
    ({"data": None}, ValueError, "data must be an array or a tree of arrays with rows"),
    ({"data": "text"}, ValueError, "data must be an array or a tree of arrays with rows"),
    ({"data": {1, 2}}, TypeError, "a set is not a kind of tree node"),
]


@pytest.mark.parametrize(("arguments", "error", "text"), BAD_BATCHES)
def test_bad_arguments_are_named_at_once(arguments: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        batches_any(**{"key": KEY, "data": np.ones((5, 2)), "size": 2} | arguments)


@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize("key", [0, None, "key", np.zeros(3, np.uint32)])
def test_a_bad_key_of_batches_is_named_at_once(key: Any, size: int) -> None:
    with pytest.raises((TypeError, ValueError), match="key"):
        batches_any(key, np.ones((5, 2)), size)


def test_streams_may_be_compared_and_hashed() -> None:
    stream, other = batches(KEY, rows(7), 3), batches(random.key(0), rows(7), 3)
    assert isinstance(stream == other, bool)
    assert {stream: 1}[stream] == 1


# ------------------------------------------------------------------------------------------ fold, scan


def count_up(total: Any, x: Any) -> Any:
    """A step: the running sum, and the square of what came."""
    return total + x, x * x


@given(st.lists(st.integers(-100, 100)))
def test_a_fold_is_the_last_of_a_scan_with_the_values_stacked(numbers: list[int]) -> None:
    seen = list(scan_any(count_up, (0,), numbers))
    state, history = fold_any(count_up, (0,), numbers)
    assert state == (seen[-1][0] if seen else (0,))
    assert state == (sum(numbers),)
    assert [state[0] for state, _ in seen] == list(itertools.accumulate(numbers))
    assert history.tolist() == [value for _, value in seen] == [x * x for x in numbers]


@given(st.lists(st.integers(-9, 9)), st.lists(st.integers(-9, 9)))
def test_a_fold_may_be_resumed_anywhere(first: list[int], second: list[int]) -> None:
    whole, history = fold_any(count_up, (0,), first + second)
    middle, before = fold_any(count_up, (0,), first)
    end, after = fold_any(count_up, middle, second)
    assert end == whole
    assert list(history) == [*before, *after]


def test_a_fold_over_nothing_gives_the_state_back() -> None:
    state = (np.ones(2), "anything")
    end, history = fold_any(lambda a, b, x: (a, b, x), state, [])
    assert end[0] is state[0]
    assert end == state
    assert (history.shape, history.dtype) == ((0,), np.float64)


def test_the_state_may_have_any_number_of_parts() -> None:
    assert fold_any(lambda x: (x,), (), [1, 2])[0] == ()
    assert fold_any(lambda a, b, c, x: (b, c, x, a), (1, 2, 3), [4, 5])[0] == (3, 4, 5)


def test_a_scan_is_lazy() -> None:
    """One batch at a time, and no more than were asked for; a stream without end will do."""
    taken: list[int] = []

    def stream() -> Iterator[int]:
        for number in itertools.count():
            taken.append(number)
            yield number

    states = scan_any(count_up, (0,), stream())
    assert taken == []
    assert next(states) == ((0,), 0)
    assert next(states) == ((1,), 1)
    assert taken == [0, 1]


def test_the_states_of_a_scan_stay_as_they_were() -> None:
    """Early stopping keeps an old state: nothing later writes into it."""
    def distance(w: Any, x: Any) -> Any:
        return np.sum((w - x) ** 2)

    step = make_step(distance, optimizers.adam(0.1))
    start = (np.zeros(3, np.float32), optimizers.adam(0.1).init(np.zeros(3, np.float32)))
    states: list[Any] = []
    copies: list[Any] = []
    for state, _ in scan_any(step, start, [np.full(3, i, np.float32) for i in range(5)]):
        states.append(state)
        copies.append(tree.map(np.array, state))
    assert tree.equal(tree.map(np.array, states), copies)
    assert not np.any(start[0])


BAD_STEPS: list[tuple[Callable[..., Any], str]] = [
    (lambda a, b, x: (a, b), "a tuple of 2"), (lambda a, b, x: (a, b, x, x), "a tuple of 4"),
    (lambda a, b, x: ((a, b), x), "a tuple of 2"), (lambda a, b, x: [a, b, x], "a list"),
    (lambda a, b, x: None, "a NoneType"), (lambda a, b, x: 1.5, "a float"),
]


@pytest.mark.parametrize(("step", "came"), BAD_STEPS)
def test_a_step_that_returns_something_else_is_described(step: Callable[..., Any], came: str) -> None:
    text = f"step must return the 2 parts of the state and a value, a tuple of 3; it returned {came}"
    for run in (fold_any, lambda *args: list(scan_any(*args))):
        with pytest.raises(TypeError, match=text):
            run(step, (0, 0), [1])


@pytest.mark.parametrize("state", [FrozenDict({"w": 1.0}), {"w": 1.0}, np.ones(1), 1.0, [1.0], None])
def test_a_state_that_is_no_tuple_is_named(state: Any) -> None:
    with pytest.raises(TypeError, match=r"fold: .*state.*tuple"):
        fold_any(lambda a, x: (a, x), state, [1, 2])


# --------------------------------------------------------------------------------------------- history


HISTORIES: list[tuple[Callable[[int], Any], Any]] = [
    (lambda i: i, np.arange(3)),
    (lambda i: float(i), np.arange(3.0)),
    (lambda i: np.float32(i), np.arange(3, dtype=np.float32)),
    (lambda i: i > 1, np.array([False, False, True])),
    (lambda i: np.full((2, 1), i, np.float16), np.arange(3, dtype=np.float16).repeat(2).reshape(3, 2, 1)),
    (lambda i: np.zeros((0, 2)), np.zeros((3, 0, 2))),
    (lambda i: None, None),
    (lambda i: (), ()),
    (lambda i: {"loss": float(i), "more": (i, [np.ones(2)])},
     {"loss": np.arange(3.0), "more": (np.arange(3), [np.ones((3, 2))])}),
    (lambda i: FrozenDict({"b": i, "a": -i}), FrozenDict({"b": np.arange(3), "a": -np.arange(3)})),
    (lambda i: Pair(i, None), Pair(np.arange(3), None)),
]


@pytest.mark.parametrize(("value", "expected"), HISTORIES)
def test_the_values_are_stacked_leaf_by_leaf(value: Callable[[int], Any], expected: Any) -> None:
    _, history = fold_any(lambda i, x: (i + 1, value(i)), (0,), range(3))
    assert tree.equal(history, expected)
    assert all(not leaf.flags.writeable for leaf in tree.leaves(history))


def test_a_history_has_its_own_memory() -> None:
    own = np.zeros(2)
    _, history = fold_any(lambda x: (own,), (), range(2))
    own[:] = 5
    assert not np.any(history)


@pytest.mark.parametrize(("values", "text"), [
    ([{"loss": 1.0}, {"error": 2.0}], "'loss'"), ([(1.0,), (1.0, 2.0)], "entries"),
    ([{"a": {"b": 1.0}}, {"a": 1.0}], "'a'"),
    ([np.ones(2), np.ones(3)], r"\(2,\).*\(3,\)"),
])
def test_values_that_differ_in_structure_or_shape_are_named(values: list[Any], text: str) -> None:
    """And not stacked under the first one's names."""
    with pytest.raises((TypeError, ValueError), match=text):
        fold_any(lambda x: (x,), (), values)


# ------------------------------------------------------------------------------------ derivative of training


def descend(w: Any, rate: Any, x: Any) -> Any:
    """A step of gradient descent on (w - x)²; the rate is part of the state."""
    return w - rate * 2 * (w - x), rate, (w - x) ** 2


def test_training_can_be_differentiated() -> None:
    """With respect to where it starts and how fast it goes."""
    def after(w: Any, rate: Any) -> Any:
        *_, (last, _) = scan_any(descend, (w, rate), [1.0, 2.0, 3.0])
        return last[0]

    w, rate = 0.5, 0.1
    gradient = grad(after, (0, 1))(w, rate)
    assert np.isclose(gradient[0], (1 - 2 * rate) ** 3)
    assert np.isclose(gradient[1], (after(w, rate + 1e-6) - after(w, rate - 1e-6)) / 2e-6)


def test_a_fold_can_be_differentiated_through_its_history() -> None:
    def area(w: Any) -> Any:
        (_, _), history = fold_any(descend, (w, 0.1), [1.0, 2.0, 3.0])
        return np.sum(history)

    assert np.isclose(grad(area)(0.5), (area(0.5 + 1e-6) - area(0.5 - 1e-6)) / 2e-6)


def test_a_fold_runs_under_jit() -> None:
    jax = pytest.importorskip("jax")
    (w, _), history = jax.jit(lambda w: fold_any(descend, (w, 0.1), [1.0, 2.0, 3.0]))(0.5)
    (expected, _), values = fold_any(descend, (0.5, 0.1), [1.0, 2.0, 3.0])
    assert np.isclose(w, expected, rtol=1e-6)
    assert np.allclose(history, values, rtol=1e-6)


# --------------------------------------------------------------------------------------- whole trainings


def test_make_step_is_a_gradient_and_an_update() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.sum((w["w"] - x) ** 2)

    optimizer = optimizers.sgd(0.25)
    w = FrozenDict({"w": np.ones(2, np.float32)})
    x = np.array([3.0, 5.0], np.float32)
    state = optimizer.init(w)
    new, _, value = make_step(loss, optimizer)(w, state, x)
    assert type(new) is FrozenDict
    assert tree.equal(new, FrozenDict({"w": np.array([2.0, 3.0], np.float32)}))
    assert value == 20.0
    assert np.array_equal(w["w"], [1.0, 1.0])


def test_make_step_names_a_bad_loss() -> None:
    step: Any = make_step(lambda w, x: w * x, optimizers.sgd(0.1))
    with pytest.raises(TypeError, match=r"must return one real number, it returned an array of shape \(2,\)"):
        step(np.ones(2), optimizers.sgd(0.1).init(np.ones(2)), np.ones(2))


def arms(count: int) -> tuple[Any, Any]:
    """Three arms of a spiral."""
    r, y = np.tile(np.linspace(0.05, 1, count), 3), np.repeat(np.arange(3), count)
    angle = 4 * r + y * 2 * np.pi / 3
    return np.stack([r * np.sin(angle), r * np.cos(angle)], axis=1).astype(np.float32), y


NET = dense(2, 16) >> relu >> dense(16, 3)


def loss(params: Any, batch: Any) -> Any:
    """The mean cross-entropy."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(NET.apply(params, x), y))


def train(seed: int, epochs: int, size: int) -> tuple[Any, Any]:
    """The state and the history of a small training."""
    init_key, order_key = random.split(random.key(seed))
    optimizer = optimizers.adam(0.05)
    params = NET.init(init_key)
    stream = batches(order_key, arms(20), size, epochs)
    return fold(make_step(loss, optimizer), (params, optimizer.init(params)), stream)


@pytest.mark.parametrize(("size", "epochs"), [(60, 100), (25, 40)])
def test_a_small_training_learns(size: int, epochs: int) -> None:
    (params, _), history = train(0, epochs, size)
    assert history.shape == (epochs * -(-60 // size),)
    assert history.dtype == np.float32
    assert np.mean(history[-5:]) < 0.35 * np.mean(history[:5])
    assert loss(params, arms(20)) < 0.35
    assert repr(params) == repr(NET.init(KEY))
    assert all(not leaf.flags.writeable for leaf in tree.leaves(params))


def test_the_same_keys_give_the_same_bytes() -> None:
    first = train(3, 4, 25)
    assert tree.equal(first, train(3, 4, 25))
    assert not tree.equal(first[1], train(4, 4, 25)[1])


def test_a_resumed_training_gives_the_same_bytes() -> None:
    optimizer = optimizers.adam(0.05)
    step: Any = make_step(loss, optimizer)
    params = NET.init(KEY)
    stream = list(batches(KEY, arms(20), 25, 4))
    whole, _ = fold_any(step, (params, optimizer.init(params)), stream)
    middle, _ = fold_any(step, (params, optimizer.init(params)), stream[:5])
    assert tree.equal(fold_any(step, middle, stream[5:])[0], whole)


def test_a_step_with_dropout_carries_a_key() -> None:
    net = dense(2, 8) >> dropout(0.5) >> dense(8, 3)
    optimizer = optimizers.sgd(0.1)

    def step(params: Any, opt_state: Any, key: Any, batch: Any) -> Any:
        key, drop_key = random.split(key)

        def loss(params: Any) -> Any:
            return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0], key=drop_key), batch[1]))

        value, grads = fn.value_and_grad(loss)(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optimizers.apply_updates(params, updates), opt_state, key, value

    params = net.init(KEY)
    start = (params, optimizer.init(params), random.key(1))
    runs = [fold_any(step, start, batches(KEY, arms(20), 25, 2)) for _ in range(2)]
    assert tree.equal(*runs)
    assert np.all(np.isfinite(runs[0][1]))
    assert not np.array_equal(runs[0][0][2], random.key(1))


def test_the_module_exports_what_it_defines() -> None:
    assert {"Batches", "batches", "fold", "make_step", "scan"} <= set(training.__all__)
