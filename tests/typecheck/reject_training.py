"""Losses, metrics, data, folds and trees used in the wrong way."""

# ruff: noqa: B007, B018, F841, RUF059  # mistakes do nothing
from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, regularizers, training, tree
from funcnn.layers import dense
from funcnn.optimizers import OptState
from funcnn.typing import Array, IntArray, Key, Params, Scalar

Batch = tuple[Array, IntArray]
State = tuple[Params, OptState[Params]]


def step(params: Params, opt_state: OptState[Params], batch: Batch) -> tuple[Params, OptState[Params], Scalar]:
    return params, opt_state, np.mean(batch[0])


def forgets_the_value(params: Params, opt_state: OptState[Params], batch: Batch) -> State:
    return params, opt_state


def swaps(params: Params, opt_state: OptState[Params], batch: Batch) -> tuple[OptState[Params], Params, Scalar]:
    return opt_state, params, np.mean(batch[0])


def with_key(params: Params, key: Key, batch: Batch) -> tuple[Params, Key, Scalar]:
    return params, key, np.mean(batch[0])


def folds_that_do_not_fit(state: State, params: Params, key: Key, batches: list[Batch], x: Array) -> None:
    training.fold(step, params, batches)  # E: call-overload | No overload variant of "fold"
    training.fold(step, (params,), batches)  # E: arg-type
    training.fold(step, (state[1], state[0]), batches)  # E: arg-type
    training.fold(step, state, batches[0])  # E: arg-type
    training.fold(step, state, [x])  # E: arg-type
    training.fold(step, state, 100)  # E: call-overload
    training.fold(step, state)  # E: call-overload
    training.fold(forgets_the_value, state, batches)  # E: arg-type
    training.fold(swaps, state, batches)  # E: arg-type
    training.fold(with_key, state, batches)  # E: arg-type
    training.fold(with_key, (params, 0), batches)  # E: arg-type
    params, history = training.fold(step, state, batches)  # E: assignment | "tuple[
    (params, a, b), history = training.fold(step, state, batches)  # E: misc | Need more than 2 values
    for params, value in training.scan(step, state, batches):  # E: assignment
        pass
    next(training.fold(step, state, batches))  # E: call-overload


def data_that_is_not_data(key: Key, x: Array, y: IntArray) -> None:
    training.batches((x, y), size=32)  # E: call-arg, arg-type | expected "Key"
    training.batches(0, (x, y), size=32)  # E: arg-type | "int"; expected "Key"
    training.batches(key, (x, y))  # E: call-arg | "size"
    training.batches(key, (x, y), batch_size=32)  # E: call-arg | "batch_size"
    training.batches(key, (x, y), size="32")  # E: arg-type | "str"; expected "int"
    for a, b, c in training.batches(key, (x, y), size=32):  # E: misc | Need more than 2 values
        pass
    datasets.spiral(100, 3)  # E: arg-type, call-arg | expected "Key"
    datasets.spiral(key, samples="100", classes=3)  # E: arg-type | "str"; expected "int"
    points, classes, names = datasets.spiral(key, samples=100, classes=3)  # E: misc
    datasets.spiral(key, samples=100, classes=3)[0][0, 0] = 1.0  # E: index


def losses_and_metrics(params: Params, logits: Array, labels: IntArray, key: Key) -> None:
    losses.softmax_cross_entropy(labels, logits)  # E: arg-type | integer[Any] & expected "Array"
    losses.softmax_cross_entropy(logits)  # E: call-arg | "labels"
    losses.softmax_cross_entropy(params, labels)  # E: arg-type | expected "Array"
    losses.softmax_cross_entropy(logits, [0, 1, 2])  # E: arg-type | "list[int]"
    losses.softmax_cross_entropy(logits, 2)  # E: arg-type | "int"
    losses.softmax_cross_entropy(logits, labels > 0)  # E: arg-type
    losses.softmax_cross_entropy(logits, labels, 0.1)  # E: arg-type, call-arg
    losses.huber(logits, logits, "1.0")  # E: arg-type | "str"; expected "float | Array"
    losses.one_hot(labels)  # E: call-arg | "num_classes"
    losses.one_hot(3, labels)  # E: arg-type, arg-type
    losses.smooth_labels(labels, 0.1)  # E: arg-type
    losses.triplet_margin(logits, logits)  # E: call-arg | "negatives"
    metrics.accuracy(labels, logits)  # E: arg-type | expected "Array"
    metrics.accuracy(params, labels)  # E: arg-type
    metrics.f1(logits, labels)  # E: call-arg
    metrics.confusion_matrix(logits, labels)  # E: call-arg | "classes"
    metrics.accuracy(logits, labels).median  # E: attr-defined
    regularizers.l2(params)  # E: call-arg | "strength"
    regularizers.l2(params, params)  # E: arg-type | expected "float"
    regularizers.l2(params, "0.1")  # E: arg-type | expected "float"


def trees(params: Params, x: Array) -> None:
    tree.map(params, lambda w: 2 * w)  # E: arg-type
    tree.map(lambda w: 2 * w)  # E: call-arg | "tree"
    tree.map(np.sqrt, params)["dense_0"]["w"] = x  # E: index
    tree.astype(params)  # E: call-arg | "dtype"
    tree.update_in(params, "dense_0", np.sqrt)  # E: arg-type | "str"; expected "tuple[str | int, ...]"
    tree.update_in(params, ("dense_0", "w"), 0.0)  # E: arg-type | "float"
    tree.update_in(params, ("dense_0", "w"))  # E: call-arg
    flat, unravel, rest = tree.ravel(params)  # E: misc
    tree.ravel(params)[1]("flat")  # E: arg-type | expected "Array"
    tree.leaves(params)["w"]  # E: call-overload
    tree.equal(params)  # E: call-arg
    changed: Params = tree.leaves(params)  # E: assignment
    fn.FrozenDict({"a": x})["a"]["b"].shape.x  # E: attr-defined


def train(params: Params, key: Key, x: Array, y: IntArray) -> Params:
    net, optimizer = dense(2, 64) >> dense(64, 3), optimizers.sgd(0.1)

    def loss(params: Params, batch: Batch) -> Scalar:
        return losses.softmax_cross_entropy(net.apply(params, batch), batch[1]).mean()  # E: arg-type

    training.make_step(optimizer, loss)  # E: arg-type, arg-type
    step = training.make_step(loss, optimizer)
    step(params, (x, y), optimizer.init(params))  # E: arg-type, arg-type
    step(params, optimizer.init(params))  # E: call-arg
    state, history = training.fold(step, (params, optimizer.init(params)), [(x, y)])
    return state  # E: return-value
