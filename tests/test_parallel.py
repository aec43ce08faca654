"""Gradients of blocks: the average is that of the whole, and has the same bytes whoever computes it."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, assert_type

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from funcnn import _threads, losses, tree
from funcnn.activations import relu
from funcnn.layers import dense, dropout
from funcnn.parallel import data_parallel
from funcnn.typing import Array, Params, Scalar

NET = dense(2, 5) >> relu >> dropout(0.5) >> dense(5, 3)
PARAMS = NET.init(fn.random.key(0))
X = np.random.default_rng(0).normal(size=(23, 2)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 23)

Batch = tuple[Any, Any]


def loss(params: Params, batch: Batch, key: Any = None) -> Scalar:
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(NET.apply(params, x, key=key), y))


WHOLE = fn.value_and_grad(loss)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 23), st.integers(1, 30))
def test_the_average_is_that_of_the_whole_batch(rows: int, shards: int) -> None:
    batch = (X[:rows], Y[:rows])
    value, grads = data_parallel(WHOLE, shards)(PARAMS, batch)
    expected, expected_grads = WHOLE(PARAMS, batch)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert tree.all_close(grads, expected_grads, rtol=1e-4, atol=1e-6)
    assert np.result_type(value) == np.float32
    assert all(leaf.dtype == np.float32 and not leaf.flags.writeable for leaf in tree.leaves(grads))
    assert type(grads) is type(PARAMS)


def backwards(f: Any, parts: Iterable[Any]) -> list[Any]:
    return [f(part) for part in list(parts)[::-1]][::-1]


def test_the_bytes_are_the_same_whoever_does_the_work() -> None:
    with ThreadPoolExecutor(3) as threads:
        results = [data_parallel(WHOLE, 5, map=each)(PARAMS, (X, Y), fn.random.key(7))
                   for each in (None, map, threads.map, backwards, None)]
    assert all(tree.equal(result, results[0]) for result in results[1:])


def test_one_block_is_the_whole_to_the_bit() -> None:
    assert tree.equal(data_parallel(WHOLE, 1)(PARAMS, (X, Y)), WHOLE(PARAMS, (X, Y)))


def test_blocks_differ_by_one_row_and_cover_all_in_order() -> None:
    seen: list[Any] = []

    def look(params: float, x: Array) -> tuple[Scalar, float]:
        seen.append(x)
        return np.mean(x), params

    data_parallel(look, 4, map=map)(1.0, np.arange(10.0))
    assert [len(x) for x in seen] == [2, 3, 2, 3]
    np.testing.assert_array_equal(np.concatenate(seen), np.arange(10.0))


def with_aux(w: float, x: Any) -> tuple[Scalar, dict[str, Any]]:
    return np.mean((w - x) ** 2), {"predictions": w - x, "large": int(np.sum(x > 1)), "name": "x"}


@pytest.mark.parametrize(("shards", "rows"), [(1, [5]), (2, [2, 3]), (9, [1, 1, 1, 1, 1])])
def test_aux_is_no_mean_and_comes_block_by_block(shards: int, rows: list[int]) -> None:
    (value, aux), grad = data_parallel(fn.value_and_grad(with_aux, has_aux=True), shards)(1.0, np.arange(5.0))
    assert (value, grad) == (3.0, -2.0)
    assert [len(each["predictions"]) for each in aux] == rows
    assert np.concatenate([each["predictions"] for each in aux]).tolist() == [1, 0, -1, -2, -3]
    assert sum(each["large"] for each in aux) == 3
    assert {each["name"] for each in aux} == {"x"}


def test_several_gradients_are_no_aux() -> None:
    def product(w: Scalar, x: Array) -> Scalar:
        return np.mean(w * x)

    spread: Any = data_parallel
    value, (by_w, _) = spread(fn.value_and_grad(product, argnums=(0, 1)), 2)(2.0, np.ones(4))
    assert (value, by_w) == (2.0, 1.0)


def test_a_function_without_a_gradient_is_named() -> None:
    spread: Any = data_parallel
    others = [lambda w, x: np.mean(x), lambda w, x: {"count": len(x)}, lambda w, x: (1.0, 2.0, 3.0)]
    for f in others:
        with pytest.raises(TypeError, match=r"data_parallel: the function must return \(value, gradient\)"):
            spread(f, 2)(1.0, np.ones(4))


def in_a_module(params: Params, batch: Batch, key: Any = None) -> tuple[Scalar, Params]:
    return fn.value_and_grad(loss)(params, batch, key)


def test_processes_do_the_work_too() -> None:
    from concurrent.futures import ProcessPoolExecutor  # which a browser has not

    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        result = data_parallel(in_a_module, 3, map=processes.map)(PARAMS, (X, Y), fn.random.key(7))
    assert tree.equal(result, data_parallel(WHOLE, 3)(PARAMS, (X, Y), fn.random.key(7)))


@pytest.mark.parametrize("started", [0, 1, 2])
def test_where_threads_are_short_the_work_is_done_nevertheless(started: int, monkeypatch: pytest.MonkeyPatch) -> None:
    left, start = iter(range(started)), threading.Thread.start

    def start_a_few(thread: threading.Thread) -> None:
        if next(left, None) is None:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_a_few)
    monkeypatch.setattr(_threads, "_pool", None)
    monkeypatch.setenv("FUNCNN_NUM_THREADS", "4")
    assert tree.equal(data_parallel(WHOLE, 4)(PARAMS, (X, Y), None), data_parallel(WHOLE, 4, map)(PARAMS, (X, Y), None))


def test_an_error_of_the_work_is_not_taken_for_a_want_of_threads() -> None:
    calls: list[int] = []

    def fails(params: float, x: Any) -> tuple[Scalar, float]:
        calls.append(len(x))
        raise RuntimeError("of the work")

    with pytest.raises(RuntimeError, match="of the work"):
        data_parallel(fails, 2)(1.0, np.ones(4))
    assert calls == [2, 2]


def test_the_work_is_done_in_threads_and_their_errors_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCNN_NUM_THREADS", "2")
    seen, both = set(), threading.Barrier(2)

    def look(params: float, x: Any) -> tuple[Scalar, float]:
        seen.add(threading.get_ident())
        both.wait(timeout=60)
        return np.mean(x), params

    data_parallel(look, 2)(1.0, np.arange(6.0))
    assert len(seen) == 2
    with pytest.raises(ValueError, match="labels run from"):
        data_parallel(WHOLE, 3)(PARAMS, (X, Y + 1))


def test_types_survive() -> None:
    value, grads = data_parallel(WHOLE, 2)(PARAMS, (X, Y), key=None)
    assert_type(grads, Params)
    assert_type(data_parallel(fn.value_and_grad(with_aux, has_aux=True), 2)(1.0, X),
                tuple[tuple[Scalar, tuple[dict[str, Any], ...]], float])
    assert np.isfinite(float(value))


@pytest.mark.parametrize(("make", "error", "text"), [
    (lambda: data_parallel(WHOLE, 0), ValueError, "data_parallel: shards must be at least 1, got 0"),
    (lambda: data_parallel(WHOLE, 2.0), TypeError, "data_parallel: shards must be an int, got 2.0"),  # type: ignore[call-overload]
    (lambda: data_parallel(WHOLE(PARAMS, (X, Y)), 2),  # type: ignore[call-overload]
     TypeError, "data_parallel: value_and_grad_fn, .*must be a function, got a tuple"),
    (lambda: data_parallel(WHOLE, 2)(PARAMS, (X, Y[:5])), ValueError, "data_parallel: the arrays differ in their"),
    (lambda: data_parallel(WHOLE, 2)(PARAMS, (X[:0], Y[:0])), ValueError, r"data_parallel: the data is empty \(0"),
])
def test_mistakes_are_named(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()
