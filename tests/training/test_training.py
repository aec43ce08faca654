"""Batches are a pure function of the key, training is a fold, a history is the values stacked."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, assert_type

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcnn as fn
from funcnn import FrozenDict, losses, optimizers, random, training, tree
from funcnn.activations import relu
from funcnn.layers import dense, dropout
from funcnn.optimizers import OptState
from funcnn.training import (
    EarlyStopping,
    batches,
    check_finite,
    early_stopping,
    evaluate,
    fold,
    make_step,
    make_stochastic_step,
    predict,
    progress,
    scan,
    split,
)
from funcnn.typing import Array, IntArray, Key, Params, Scalar

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


NAN_IN_ROW_3 = np.where(np.arange(8).reshape(4, 2) == 6, np.nan, 1.0)

BAD_BATCHES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"size": 0}, ValueError, "^batches: size must be at least 1, got 0$"),
    ({"size": -2}, ValueError, "size must be at least 1, got -2"),
    ({"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
    ({"size": 2.0}, TypeError, r"^batches: size must be an int, got 2.0 \(float\)$"),
    ({"size": True}, TypeError, "size must be an int, got True"),
    ({"size": None}, TypeError, "size must be an int, got None"),
    ({"epochs": "3"}, TypeError, "epochs must be an int, got '3'"),
    ({"start": -1}, ValueError, "start must be at least 0, got -1"),
    ({"start": 1.0}, TypeError, "start must be an int, got 1.0"),
    ({"start": 4}, ValueError, "start is 4, but 1 epochs of 5 examples in batches of 2 are 3 batches"),
    ({"data": (np.ones(3), np.ones(4))}, ValueError, "the arrays differ in their number of rows: 3 at '0', 4 at '1'"),
    ({"data": {"x": np.ones((3, 2)), "y": (np.ones(1),)}}, ValueError, "rows: 3 at 'x', 1 at 'y/0'"),
    ({"data": np.ones((0, 2))}, ValueError, r"^batches: the data is empty \(0 rows\)$"),
    ({"data": (np.ones((0, 2)), np.ones(0))}, ValueError, "the data is empty"),
    ({"data": (np.ones(3), 1.0)}, TypeError, r"the data at '1' must be an array, got 1.0 \(float\)"),
    ({"data": [1, 2, 3]}, TypeError, r"the data at '0' must be an array, got 1 \(int\): np.asarray\(x\)"),
    ({"data": np.float32(1)}, ValueError, r"the data must have a row for each example, got np.float32\(1.0\)"),
    ({"data": {"x": np.ones(2), "y": np.array(1)}}, ValueError,
     "the data at 'y' must have a row for each example, got an array of shape"),
    ({"data": ()}, ValueError, r"data must be an array or a tree of arrays, such as \(x, y\), got a tuple"),
    ({"data": None}, ValueError, "data must be an array or a tree of arrays, .*got None"),
    ({"data": "text"}, TypeError, "the data must be an array, got 'text'"),
    ({"data": {1, 2}}, TypeError, "a set is not a kind of tree node"),
    ({"data": np.ma.masked_array(np.ones(3), mask=True)}, TypeError,
     r"the data must be an array, got a MaskedArray .*x.filled\(0\)"),
    ({"data": {"x": NAN_IN_ROW_3}}, ValueError, "the data at 'x' has nan in row 3. Leave such rows out"),
    ({"data": NAN_IN_ROW_3.astype(np.float32), "size": 100}, ValueError, "the data has nan in row 3"),
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
    (lambda a, b, x: None, "None"), (lambda a, b, x: 1.5, r"1.5 \(float\)"),
]


@pytest.mark.parametrize(("step", "came"), BAD_STEPS)
def test_a_step_that_returns_something_else_is_described(step: Callable[..., Any], came: str) -> None:
    text = f"step must return the 2 parts of the state and a value, a tuple of 3; it returned {came}"
    for name, run in {"fold": fold_any, "scan": lambda *args: list(scan_any(*args))}.items():
        with pytest.raises(TypeError, match=f"^{name}: {text}"):
            run(step, (0, 0), [1])


@pytest.mark.parametrize("state", [FrozenDict({"w": 1.0}), {"w": 1.0}, np.ones(1), 1.0, [1.0], None])
def test_a_state_that_is_no_tuple_is_named(state: Any) -> None:
    with pytest.raises(TypeError, match=r"^fold: .*state.*tuple"):
        fold_any(lambda a, x: (a, x), state, [1, 2])
    with pytest.raises(TypeError, match=r"^scan: .*state.*tuple"):
        scan_any(lambda a, x: (a, x), state, [1, 2])


@pytest.mark.parametrize("no_stream", [5, None, 2.5, lambda: [1.0]])
def test_what_is_no_stream_of_batches_is_named(no_stream: Any) -> None:
    with pytest.raises(TypeError, match=r"^fold: batches must be a stream of them, such as batches\(key, data, size\)"):
        fold_any(lambda state, batch: (state, 0.0), (0.0,), no_stream)


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


# ----------------------------------------------------------------------------------------- notes of errors


def test_an_error_in_a_step_carries_the_number_of_the_step() -> None:
    """A row of a shuffled batch says little; the number of the batch says where it was."""
    def step(total: Any, x: Any) -> Any:
        return total + 1 / x, x

    for name, run in {"fold": fold_any, "scan": lambda *args: list(scan_any(*args))}.items():
        with pytest.raises(ZeroDivisionError) as error:
            run(step, (0,), [2, 1, 0, 3])
        assert error.value.__notes__ == [f"{name}: this was step 2, counted from 0"]


def test_an_interrupt_of_a_loop_is_not_touched() -> None:
    def step(total: Any, x: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as error:
        fold_any(step, (0,), [1])
    assert not hasattr(error.value, "__notes__")


# --------------------------------------------------------------------------------------------- evaluate


def mean_of(w: Any, batch: Any) -> Any:
    """The mean of a batch, as a loss is one."""
    return np.mean(w * batch)


@given(count=st.integers(1, 50), size=st.integers(1, 60), seed=st.integers(0, 99))
def test_the_last_batch_counts_by_its_rows(count: int, size: int, seed: int) -> None:
    x = random.normal(random.key(seed), (count, 3), np.float64)
    assert np.isclose(evaluate(mean_of, 2.0, x, size), 2 * np.mean(x), rtol=1e-13, atol=1e-15)


def test_whole_numbers_are_counted_exactly() -> None:
    right = np.arange(1001) % 7 == 0
    for size in (1, 2, 64, 1000, 1001, 5000):
        assert evaluate(lambda _, batch: np.count_nonzero(batch) / len(batch), None, right, size) * 1001 == 143


def test_evaluate_gives_a_tree_of_numbers_as_f_does() -> None:
    def f(w: Any, batch: Any) -> Any:
        x, y = batch
        return FrozenDict({"loss": np.float32(np.mean(w * x)), "more": (np.mean(y), 1, True, None)})

    x, y = np.arange(5, dtype=np.float32), np.arange(5)
    found = evaluate(f, 2.0, (x, y), size=2)
    assert tree.equal(found, FrozenDict({"loss": np.float64(4.0), "more": (np.float64(2), np.float64(1), np.float64(1),
                                                                         None)}))


def test_evaluate_takes_the_rows_in_order_once() -> None:
    seen: list[Any] = []

    def f(_: Any, batch: Any) -> Any:
        seen.append(batch)
        return 0.0

    evaluate(f, None, np.arange(7), 3)
    assert tree.equal(seen, [np.array([0, 1, 2]), np.array([3, 4, 5]), np.array([6])])


def test_a_loss_of_a_batch_that_is_too_large_is_the_loss_itself() -> None:
    params, data = NET.init(KEY), arms(20)
    assert evaluate(loss, params, data, size=100) == np.float64(loss(params, data))
    assert np.isclose(evaluate(loss, params, data, size=7), loss(params, data), rtol=1e-6)


@pytest.mark.parametrize(("returned", "came"), [
    (lambda x: x, r"one number, such as np.mean of the losses, got an array of shape \(2,\)"),
    (lambda x: {"loss": x}, r"what f returns at 'loss' must be one number"),
    (lambda x: "1.0", r"got '1.0' \(str\)"), (lambda x: object(), "got an object"),
])
def test_evaluate_wants_one_number(returned: Any, came: str) -> None:
    with pytest.raises(TypeError, match=f"^evaluate: .*{came}"):
        evaluate(lambda _, x: returned(x), None, np.ones(3), 2)


# ---------------------------------------------------------------------------------------------- predict


@given(count=st.integers(1, 50), size=st.integers(1, 60))
def test_predictions_are_those_of_all_rows(count: int, size: int) -> None:
    x = np.arange(3.0 * count).reshape(count, 3)
    assert tree.equal(predict(lambda w, x: {"a": w * x, "b": (x[:, 0],)}, 2.0, x, size), {"a": 2 * x, "b": (x[:, 0],)})


@pytest.mark.parametrize("size", [1, 7, 32, 64])
def test_predictions_are_the_same_bytes_every_time(size: int) -> None:
    """For one size; a full batch does not depend on the rows of other batches."""
    params, x = NET.init(KEY), random.normal(KEY, (61, 2))
    first: Any = predict(NET.apply, params, x, size)
    assert tree.equal(predict(NET.apply, params, x, size), first)
    assert not first.flags.writeable or size >= 61
    assert np.allclose(first, NET.apply(params, x), rtol=1e-5, atol=1e-6)
    whole = 61 // size * size
    assert tree.equal(predict(NET.apply, params, np.concatenate([x[:whole], 5 + x]), size)[:whole], first[:whole])


def test_predictions_need_no_more_memory_than_a_batch() -> None:
    def f(_: Any, x: Any) -> Any:
        assert len(x) <= 8
        return x[:, :1]

    assert predict(f, None, np.ones((100, 50)), 8).shape == (100, 1)


def test_predict_leaves_arrays_of_the_caller_as_they_are() -> None:
    x = np.ones((4, 2))
    for size in (2, 4):
        predict(lambda _, batch: batch, None, x, size)
        assert x.flags.writeable


@pytest.mark.parametrize(("f", "text"), [
    (lambda _, x: np.mean(x), r"^predict: f must return a row for each row of x; for 2 rows it returned shape \(\)"),
    (lambda _, x: {"y": x.T}, r"for 2 rows it returned shape \(4, 2\) at 'y'"),
])
def test_predict_wants_a_row_for_each_row(f: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        predict(f, None, np.ones((5, 4)), 2)


@pytest.mark.parametrize("function", [evaluate, predict])
@pytest.mark.parametrize(("data", "size", "error", "text"), [
    (np.ones((0, 2)), 4, ValueError, "the data is empty"),
    (np.ones(3), 0, ValueError, "size must be at least 1, got 0"),
    (np.ones(3), 2.0, TypeError, "size must be an int, got 2.0"), ([1.0], 2, TypeError,
     "at '0' must be an array, got 1.0"),
    ((np.ones(3), np.ones(4)), 2, ValueError, "the arrays differ in their number of rows"),
])
def test_bad_data_after_training_is_named(function: Any, data: Any, size: Any, error: type[Exception],
                                          text: str) -> None:
    with pytest.raises(error, match=f"^{function.__name__}: .*{text}"):
        function(lambda _, x: x, None, data, size)


def test_predictions_with_jax() -> None:
    jax = pytest.importorskip("jax")
    x = jax.numpy.arange(5.0)
    found = predict(lambda w, x: w * x, 2.0, x, size=2)
    assert isinstance(found, jax.Array)
    assert np.array_equal(found, 2 * np.arange(5.0))


# --------------------------------------------------------------------------------------- early stopping


def states_of(values: list[float], **settings: Any) -> list[EarlyStopping]:
    """The states after each of the values."""
    return list(itertools.accumulate(values, early_stopping(**settings), initial=EarlyStopping()))[1:]


def keras(values: list[float], patience: int, min_delta: float, sign: int) -> int | None:
    """After how many values `keras.callbacks.EarlyStopping` stops (`restore_best_weights` off)."""
    best, wait = math.inf, 0
    for number, value in enumerate(values, 1):
        wait += 1
        if sign * value + min_delta < best:
            best, wait = sign * value, 0
        elif wait >= patience:
            return number
    return None


@given(values=st.lists(st.floats(-5, 5) | st.just(math.nan) | st.just(math.inf), max_size=20),
       patience=st.integers(1, 4), min_delta=st.sampled_from([0.0, 0.5]), mode=st.sampled_from(["min", "max"]))
def test_it_stops_where_keras_does(values: list[float], patience: int, min_delta: float, mode: Any) -> None:
    """Which Keras does at the first value too, unless it is better than infinity."""
    if values and not math.isfinite(values[0]):
        values[0] = 0.0
    stops = [state.stop for state in states_of(values, patience=patience, min_delta=min_delta, mode=mode)]
    first = keras(values, patience, min_delta, 1 if mode == "min" else -1)
    assert stops == [first is not None and number >= first for number in range(1, len(values) + 1)]


def test_the_state_says_what_is_worth_keeping() -> None:
    values = [math.nan, 3.0, 2.0, 2.5, 2.0, 1.0]
    assert [state.improved for state in states_of(values, patience=9)] == [False, True, True, False, False, True]
    assert states_of(values, patience=9)[-1] == (1.0, 0, False)
    assert not EarlyStopping().improved


def test_a_run_of_nothing_but_nan_is_stopped() -> None:
    assert [state.stop for state in states_of([math.nan] * 3, patience=2)] == [False, True, True]


def test_early_stopping_is_pure_data() -> None:
    update = early_stopping(2)
    state = update(EarlyStopping(), np.float32(1.5))
    assert [type(part) for part in state] == [float, int, bool]
    assert update(state, np.array(2.0)) == update(state, 2.0)
    assert update(EarlyStopping(*state), 1.0) == update(state, 1.0)
    assert tree.leaves(state) == [1.5, 0, False]


@pytest.mark.parametrize(("settings", "error", "text"), [
    ({"patience": 0}, ValueError, "^early_stopping: patience must be at least 1, got 0"),
    ({"patience": 2.5}, TypeError, "patience must be an int, got 2.5"),
    ({"patience": 1, "min_delta": -0.1}, ValueError,
     r"^early_stopping: min_delta must be a number in \[0, inf\), got -0.1"),
    ({"patience": 1, "min_delta": math.nan}, ValueError, r"min_delta must be a number in \[0, inf\), got nan"),
    ({"patience": 1, "mode": "auto"}, ValueError, "^early_stopping: mode must be 'min' or 'max', got 'auto'"),
])
def test_bad_settings_of_early_stopping_are_named(settings: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        early_stopping(**settings)


@pytest.mark.parametrize("value", [np.ones(2), "1.0", None, [1.0]])
def test_early_stopping_watches_one_number(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^early_stopping: the value must be one number, .*got "):
        early_stopping(2)(EarlyStopping(), value)


# ----------------------------------------------------------------------------------------- check_finite

FINITE = {"a": np.ones((2, 3)), "b": (1, True, None, "text", np.float32(2), np.arange(3)), "c": 1.5}


def test_finite_trees_pass() -> None:
    check_finite(FINITE)
    check_finite(())
    check_finite(NET.init(KEY), step=3)


@pytest.mark.parametrize(("values", "step", "text"), [
    (math.nan, None, "check_finite: nan"),
    (math.inf, 5, "check_finite: inf in step 5"),
    (FINITE | {"c": -np.float32(np.inf)}, 7, "check_finite: -inf at 'c' in step 7"),
    (FINITE | {"a": np.array([[0.0, np.inf], [np.nan, 0.0]])}, 0,
     "check_finite: inf (entry [0, 1] and 1 more of 4) at 'a' in step 0"),
    ({"b": [1j, complex(0, math.nan)], "c": math.nan}, None, "check_finite: nanj at 'b/1'"),
])
def test_the_first_that_is_not_finite_is_named(values: Any, step: int | None, text: str) -> None:
    with pytest.raises(FloatingPointError) as error:
        check_finite(values, step)
    assert str(error.value) == text


def test_traced_values_are_looked_at_and_those_of_jit_pass() -> None:
    def f(x: Any) -> Any:
        check_finite({"x": x})
        return np.sum(x)

    with pytest.raises(FloatingPointError, match=r"^check_finite: nan \(entry \[1\] of 2\) at 'x'$"):
        grad(f)(np.array([1.0, np.nan]))
    jax = pytest.importorskip("jax")
    assert np.isnan(jax.jit(f)(np.nan))
    for dtype in (np.float32, jax.numpy.bfloat16):
        with pytest.raises(FloatingPointError, match="nan"):
            check_finite(jax.numpy.array([np.nan], dtype))


# --------------------------------------------------------------------------------------------- progress


class Terminal(io.StringIO):
    """What looks like a terminal and remembers what was written."""

    def isatty(self) -> bool:
        return True


def shown(count: int, monkeypatch: pytest.MonkeyPatch, error: Any, **settings: Any) -> str:
    """What progress writes to stderr."""
    monkeypatch.setattr("sys.stderr", error)
    steps = progress(scan_any(count_up, (0,), range(count)), lambda each: {"loss": float(each[1])}, **settings)
    assert [value for _, value in steps] == [x * x for x in range(count)]
    return str(error.getvalue())


def without_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if tqdm were not installed."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


def test_lines_are_those_of_the_book(monkeypatch: pytest.MonkeyPatch) -> None:
    without_tqdm(monkeypatch)
    lines = shown(41, monkeypatch, Terminal(), total=41, unit="epoch").splitlines()
    assert lines == [f"epoch: {i}, loss: {i * i:.3f}" for i in range(0, 41, 4)]
    assert shown(6, monkeypatch, Terminal(), every=4) == "step: 0, loss: 0.000\nstep: 4, loss: 16.000\n" \
        "step: 5, loss: 25.000\n"


@pytest.mark.parametrize("installed", [True, False])
def test_nobody_looks_nothing_is_written(monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    if not installed:
        without_tqdm(monkeypatch)
    assert shown(5, monkeypatch, io.StringIO(), every=1) == ""
    monkeypatch.setattr("sys.stderr", None)
    assert list(progress([1, 2])) == [1, 2]


def test_a_bar_where_tqdm_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    bar = shown(20, monkeypatch, Terminal(), total=20, every=10)
    assert "20/20" in bar and "loss=100.000" in bar and "100%" in bar


def test_a_bar_is_closed_by_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    monkeypatch.setattr("sys.stderr", error := Terminal())
    steps = progress(range(10))
    assert next(steps) == 0
    steps.close()  # type: ignore[attr-defined]  # it is a generator, which a break of a for loop closes
    assert error.getvalue().endswith("\n")


def test_a_file_gets_lines() -> None:
    file = io.StringIO()
    values = {"acc": np.float32(0.5), "lr": 5e-5, "zero": 0.0, "name": "best", "count": 3}
    assert list(progress([7], lambda _: values, file=file)) == [7]
    assert file.getvalue() == "step: 0, acc: 0.500, lr: 5.00e-05, zero: 0.000, name: best, count: 3\n"


def test_only_what_is_printed_is_asked_for() -> None:
    asked: list[int] = []

    def show(step: int) -> dict[str, int]:
        asked.append(step)
        return {}

    assert list(progress(range(100), show, file=io.StringIO())) == list(range(100))
    assert asked == [*range(0, 100, 10), 99]
    assert list(progress([], file=io.StringIO())) == []


def test_progress_is_lazy() -> None:
    steps = progress(itertools.count(), file=io.StringIO())
    assert [next(steps), next(steps)] == [0, 1]


@pytest.mark.parametrize(("settings", "error", "text"), [
    ({"every": 0}, ValueError, "^progress: every must be at least 1, got 0"),
    ({"every": 0.5}, TypeError, "every must be an int"), ({"total": 1.5}, TypeError, "total must be an int, got 1.5"),
])
def test_bad_settings_of_progress_are_named(settings: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        progress([], **settings)


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

    def loss(params: Any, batch: Any, key: Any) -> Any:
        return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0], key=key), batch[1]))

    def step(params: Any, opt_state: Any, key: Any, batch: Any) -> Any:
        key, now = random.split(key)
        value, grads = fn.value_and_grad(loss)(params, batch, now)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optimizers.apply_updates(params, updates), opt_state, key, value

    params = net.init(KEY)
    start = (params, optimizer.init(params), random.key(1))
    stream = batches(KEY, arms(20), 25, 2)
    runs = [fold_any(each, start, stream) for each in (step, step, make_stochastic_step(loss, optimizer))]
    assert tree.equal(runs[0], runs[1]) and tree.equal(runs[0], runs[2])
    assert np.all(np.isfinite(runs[0][1]))
    assert not np.array_equal(runs[0][0][2], random.key(1))


def test_types_pass_through() -> None:
    """mypy checks what is asserted here; the values are those of a small program."""
    data: tuple[Array, IntArray] = arms(4)
    params, optimizer = NET.init(KEY), optimizers.adam(0.05)

    def loss(params: Params, batch: tuple[Array, IntArray]) -> Scalar:
        return np.mean(losses.softmax_cross_entropy(NET.apply(params, batch[0]), batch[1]))

    def with_key(params: Params, batch: tuple[Array, IntArray], key: Key) -> Scalar:
        return loss(params, batch)

    train, held_out = split(KEY, data)
    assert_type(held_out, tuple[Array, IntArray])
    stream = batches(KEY, train, 4)
    assert_type(next(iter(stream)), tuple[Array, IntArray])
    state = (params, optimizer.init(params))
    (new, _), _ = fold(make_step(loss, optimizer), state, stream)
    assert_type(new, Params)
    for now, value in progress(scan(make_stochastic_step(with_key, optimizer), (*state, KEY), stream)):
        assert_type(now, tuple[Params, OptState[Params], Key])
        assert_type(value, np.floating[Any])
    assert_type(evaluate(loss, params, held_out), np.float64)
    assert_type(predict(NET.apply, params, held_out[0]), Array)
    assert_type(early_stopping(3)(EarlyStopping(), 1.0).stop, bool)
    if TYPE_CHECKING:
        fold(make_step(with_key, optimizer), state, stream)  # type: ignore[arg-type]  # the loss needs a key
        predict(loss, params, 3)  # type: ignore[arg-type]  # no data
        split(KEY, data, "half")  # type: ignore[arg-type]  # no share
        early_stopping(3, mode="auto")  # type: ignore[arg-type]  # no mode
        evaluate(loss, 3.0, data)  # type: ignore[arg-type]  # no parameters


def test_the_module_exports_what_it_defines() -> None:
    assert {"batches", "check_finite", "early_stopping", "evaluate", "fold", "make_step", "predict", "progress", "scan",
            "split"} <= set(training.__all__)
    assert all(hasattr(training, name) for name in training.__all__)
