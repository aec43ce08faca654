"""Optimizers, steps and folds keep the type of the parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypedDict, assert_type

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, random, regularizers, schedules, training
from funcnn.activations import relu
from funcnn.layers import dense, dropout
from funcnn.optimizers import GradientTransformation, OptState
from funcnn.typing import Array, IntArray, Key, Mask, Params, Scalar, Schedule

Batch = tuple[Array, IntArray]

net = dense(2, 64) >> relu >> dense(64, 3)


class Line(NamedTuple):
    slope: Array
    offset: Array


class Weights(TypedDict):
    w: Array
    b: Array


def every_optimizer_is_one_type(mask: Params) -> None:
    rate = schedules.warmup_cosine_decay(0.0, 1e-3, 100, 1000)
    assert_type(rate, Schedule)
    assert_type(optimizers.adam(rate), GradientTransformation)
    assert_type(optimizers.sgd(lambda count: 0.1 / (1 + count), momentum=0.9), GradientTransformation)
    clipped = optimizers.chain(optimizers.clip_by_global_norm(1.0), optimizers.adamw(1e-3, mask=mask))
    assert_type(clipped, GradientTransformation)
    assert_type(optimizers.chain(), GradientTransformation)
    assert_type(optimizers.masked(optimizers.skip_not_finite(clipped), mask), GradientTransformation)


def wrapped_optimizers_keep_their_types(params: Params, mask: Params) -> None:
    adam, sgd = optimizers.adam(0.1), optimizers.sgd(0.1)
    by_layer = optimizers.partition({"slow": sgd, "fast": adam}, {"dense_0": "slow", "dense_1": "fast"})
    assert_type(by_layer, GradientTransformation)
    assert_type(optimizers.selective_transform(adam, freeze_mask=mask), GradientTransformation)
    assert_type(optimizers.chain(adam, optimizers.freeze({"dense_0": True, "dense_1": False})), GradientTransformation)
    injected = optimizers.inject_hyperparams(optimizers.adam)(0.1, b2=0.99)
    assert_type(injected, GradientTransformation)
    state = optimizers.with_hyperparams(injected.init(params), learning_rate=0.01)
    assert_type(state, OptState[Params])
    averaged = optimizers.chain(adam, optimizers.ema_params(0.999))
    assert_type(optimizers.eval_params(averaged.init(params)), Params)
    assert_type(optimizers.incremental_update(params, params, 0.1), Params)


def a_whole_batch_is_minimized(params: Params, line: Line, batch: Batch, x: Array) -> None:
    def error(line: Line, x: Array) -> Scalar:
        return np.mean(line.slope * x + line.offset)

    found = optimizers.minimize(loss, params, (batch,))
    assert_type(found, optimizers.OptimizeResults[Params])
    assert_type(found.x, Params)
    assert_type(found.fun, float)
    assert_type(optimizers.minimize(error, line, (x,)).jac, Line)
    assert_type(optimizers.minimize(fn.value_and_grad(error), line, (x,), jac=True).x, Line)


def padding_does_not_count(predictions: Array, logits: Array, labels: IntArray, real: Mask) -> None:
    assert_type(losses.squared_error(predictions, predictions, where=real), Array)
    assert_type(losses.softmax_cross_entropy(logits, labels, where=labels > 0), Array)
    assert_type(losses.quantile(predictions, predictions, 0.9), Array)
    assert_type(losses.gaussian_nll(predictions, predictions, predictions), Array)
    assert_type(losses.focal(logits, labels, alpha=0.25, where=real), Array)
    assert_type(losses.dice(logits, labels), Array)
    assert_type(losses.ntxent(predictions, labels), Array)
    assert_type(metrics.roc_auc(predictions, labels > 0), np.floating[Any])


def states_belong_to_parameters(params: Params, line: Line, weights: Weights, x: Array) -> None:
    optimizer = optimizers.chain(optimizers.clip(1.0), optimizers.adam(1e-3))
    assert_type(optimizer.init(params), OptState[Params])
    assert_type(optimizer.init(line), OptState[Line])
    assert_type(optimizer.update(params, optimizer.init(params), params), tuple[Params, OptState[Params]])
    assert_type(optimizer.update(line, optimizer.init(line), line), tuple[Line, OptState[Line]])
    updates, state = optimizer.update(weights, optimizer.init(weights), weights)
    assert_type(updates, Weights)
    assert_type(state, OptState[Weights])
    assert_type(optimizers.apply_updates(weights, updates), Weights)
    assert_type(optimizers.apply_updates((x, line), (x, line)), tuple[Array, Line])


def loss(params: Params, batch: Batch) -> Scalar:
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y)) + regularizers.l2(params["dense_0"], 5e-4)


def step(params: Params, opt_state: OptState[Params], batch: Batch) -> tuple[Params, OptState[Params], Scalar]:
    value, grads = fn.value_and_grad(loss)(params, batch)
    updates, opt_state = optimizers.adam(0.05).update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), opt_state, value


def training_is_a_fold(key: Key) -> float:
    data_key, init_key, order_key = random.split(key, 3)
    data = datasets.spiral(data_key, samples=100, classes=3)
    assert_type(data, Batch)
    params = net.init(init_key)
    epochs = training.batches(order_key, data, size=300, epochs=10)
    assert_type(iter(epochs), Iterator[Batch])
    start = (params, optimizers.adam(0.05).init(params))
    (params, opt_state), history = training.fold(step, start, epochs)
    assert_type(params, Params)
    assert_type(opt_state, OptState[Params])
    for state, value in training.scan(step, start, epochs):
        assert_type(state, tuple[Params, OptState[Params]])
        assert_type(value, Scalar)
        print(f"{value:.3f}", float(value))
    accuracy = metrics.accuracy(net.apply(params, data[0]), data[1])
    assert_type(accuracy, np.float64)
    assert_type(metrics.r2(data[0], data[0]), np.floating[Any])
    return float(accuracy) + float(history[-1])


def a_fold_of_anything() -> None:
    def count(total: int, longest: str, word: str) -> tuple[int, str, bool]:
        return total + 1, max(longest, word, key=len), True

    (total, longest), _ = training.fold(count, (0, ""), ["a", "tree"])
    assert_type(total, int)
    assert_type(longest, str)


def a_step_is_made(line: Line, x: Array) -> None:
    def error(line: Line, x: Array) -> Scalar:
        return np.mean(line.slope * x + line.offset)

    made = training.make_step(error, optimizers.sgd(0.1))
    assert_type(made, Callable[[Line, OptState[Line], Array], tuple[Line, OptState[Line], np.floating[Any]]])
    (line, _), _ = training.fold(made, (line, optimizers.sgd(0.1).init(line)), [x, x])
    assert_type(line, Line)


def numbers_that_are_reported(params: Params, batches: list[Batch], x: Array, y: IntArray) -> float:
    start = (params, optimizers.sgd(0.1).init(params))
    made = training.make_step(loss, optimizers.sgd(0.1))
    _, history = training.fold(made, start, batches)
    _, other = training.fold(lambda total, x: (total + x, x), (0,), [1, 2, 3])
    values = [value for _, value in training.scan(made, start, batches)]
    assert_type(values, list[np.floating[Any]])
    assert_type(training.evaluate(loss, params, (x, y)), np.float64)
    assert_type(training.evaluate(lambda params, batch: {"loss": loss(params, batch)}, params, (x, y)),
                dict[str, Scalar])
    mean = np.mean([metrics.accuracy(x, y), metrics.accuracy(x, y)])
    best = float(max(metrics.accuracy(x, y), metrics.binary_accuracy(x, y)))
    return float(min(history)) + float(min(values)) + float(np.mean(values)) + float(mean) + best + float(other[-1])


stochastic = dense(2, 64) >> dropout(0.5) >> dense(64, 3)


def a_step_with_a_key(params: Params, key: Key, batch: Batch) -> tuple[Params, Key, Scalar]:
    key, now = random.split(key)

    def loss(params: Params, batch: Batch, key: Key) -> Scalar:
        x, y = batch
        return np.mean(losses.softmax_cross_entropy(stochastic.apply(params, x, key=key), y))

    value, grads = fn.value_and_grad(loss)(params, batch, key=now)
    params = fn.tree.map(lambda p, g: p - 0.1 * g, params, grads)
    return params, key, value


def it_folds_too(params: Params, key: Key, batches: list[Batch]) -> None:
    assert_type(training.fold(a_step_with_a_key, (params, key), batches), tuple[tuple[Params, Key], Any])


def losses_take_labels_of_both_kinds(logits: Array, labels: IntArray) -> None:
    assert_type(losses.softmax_cross_entropy(logits, labels), Array)
    assert_type(losses.softmax_cross_entropy(logits, losses.one_hot(labels, 3)), Array)
    assert_type(losses.huber(logits, logits, delta=2.0), Array)
    assert_type(losses.sigmoid_binary_cross_entropy(logits, logits > 0), Array)
    matrix = metrics.confusion_matrix(logits, labels, classes=3)
    assert_type(metrics.f1(matrix + matrix), Array)
    assert_type(np.mean(metrics.precision(matrix)), np.floating[Any])
    per_batch = [metrics.accuracy(logits, labels), metrics.r2(logits, labels)]
    assert metrics.mean_over_batches(per_batch, sizes=[10, 20]) > 0.5
