"""Jitted functions where they are used: in folds, evaluation, blocks on threads, resumed runs, traces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import checkpoint, losses, optimizers, parallel, random, tracing, training, tree
from funcnn.activations import relu
from funcnn.layers import dense, dropout

NET = dense(2, 8) >> relu >> dense(8, 3)
NOISY = dense(2, 8) >> relu >> dropout(0.5) >> dense(8, 3)
X = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 40)
OPTIMIZER = optimizers.adam(0.05)


def loss(params: Any, batch: Any) -> Any:
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(NET.apply(params, x), y))


def noisy_loss(params: Any, batch: Any, key: Any) -> Any:
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(NOISY.apply(params, x, key=key), y))


def start() -> tuple[Any, Any]:
    params = NET.init(random.key(0))
    return params, OPTIMIZER.init(params)


def batches() -> Any:
    return training.batches(random.key(1), (X, Y), size=12, epochs=3)


def test_a_fold_of_a_jitted_step_is_the_fold_of_the_step() -> None:
    step = training.make_step(loss, OPTIMIZER)
    expected, its_values = training.fold(step, start(), batches())
    found, values = training.fold(fn.jit(step), start(), batches())
    assert tree.equal(found, expected) and values.tobytes() == its_values.tobytes()
    assert repr(found) == repr(expected)


def test_a_scan_keeps_every_state_as_it_was() -> None:
    step = training.make_step(loss, OPTIMIZER)
    expected = [state for state, _ in training.scan(step, start(), batches())]
    found = [state for state, _ in training.scan(fn.jit(step), start(), batches())]
    assert all(map(tree.equal, found, expected))


def test_a_stochastic_step_draws_anew_in_each_call() -> None:
    step = training.make_stochastic_step(noisy_loss, OPTIMIZER)
    begin = (*start(), random.key(5))
    expected, its_values = training.fold(step, begin, batches())
    found, values = training.fold(fn.jit(step), begin, batches())
    assert tree.equal(found, expected) and values.tobytes() == its_values.tobytes()
    assert len(set(values.tolist())) == len(values)


def test_evaluate_and_predict() -> None:
    params = NET.init(random.key(0))
    assert training.evaluate(fn.jit(loss), params, (X, Y), size=16) == training.evaluate(loss, params, (X, Y), size=16)
    expected = training.predict(NET.apply, params, X, size=16)
    assert tree.equal(training.predict(fn.jit(NET.apply), params, X, size=16), expected)


def test_blocks_on_threads() -> None:
    in_blocks: Any = parallel.data_parallel
    params = NET.init(random.key(0))
    found = in_blocks(fn.jit(fn.value_and_grad(loss)), 4)(params, (X, Y))
    assert tree.equal(found, in_blocks(fn.value_and_grad(loss), 4)(params, (X, Y)))


@pytest.mark.parametrize("after", [1, 5])
def test_a_resumed_run_ends_with_the_same_bytes(tmp_path: Path, after: int) -> None:
    step = fn.jit(training.make_step(loss, OPTIMIZER))
    expected, _ = training.fold(step, start(), batches())
    state: tuple[Any, Any] = start()
    for number, (state, _) in enumerate(training.scan(step, state, batches()), 1):  # noqa: B007, B020  # goes on below
        if number == after:
            break
    checkpoint.save(tmp_path / "state", state)
    state = checkpoint.load(tmp_path / "state", start())
    rest = training.batches(random.key(1), (X, Y), size=12, epochs=3, start=after)
    found, _ = training.fold(fn.jit(training.make_step(loss, OPTIMIZER)), state, rest)
    assert tree.equal(found, expected)


def test_a_trace_of_a_jitted_loss_shows_the_loss() -> None:
    params = NET.init(random.key(0))
    expected = tracing.trace(loss, OPTIMIZER)(params, (X, Y)).table()
    assert tracing.trace(fn.jit(loss), OPTIMIZER)(params, (X, Y)).table() == expected


def test_inside_grad_and_vmap_and_jit_it_is_the_function_itself() -> None:
    def g(w: Any, x: Any) -> Any:
        return np.tanh(x @ w)

    f: Any = fn.jit(g)
    w, x = np.array([0.5, -1.0]), np.array([[1.0, 2.0], [3.0, 4.0]])
    assert fn.grad(lambda w: np.sum(f(w, x)))(w).tobytes() == fn.grad(lambda w: np.sum(g(w, x)))(w).tobytes()
    assert fn.vmap(f, in_axes=(None, 0))(w, x).tobytes() == fn.vmap(g, in_axes=(None, 0))(w, x).tobytes()
    assert fn.jit(lambda w: f(w, x) * 2)(w).tobytes() == (g(w, x) * 2).tobytes()
    assert fn.jacobian(f)(w, x).tobytes() == fn.jacobian(g)(w, x).tobytes()
