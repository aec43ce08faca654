"""Lesson 22: one neuron at the end answers yes or no: two spiral arms, the binary cross-entropy and L2.

See the book's chapter 16, 2-64-1 with Adam. The book prints .500/.693 at step 0, .630/.674 at 100, .625/.669 at 200
and .650/.659 at 400; in float64 there are more digits to compare with a program of your own. The loss comes in its
parts, that of the data and that of the penalty, which `has_aux` hands out of the function that is differentiated.
The net ends without a sigmoid, since the loss takes logits. The whole run:

    python examples/lessons/22_binary_classification.py --epochs 10001
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, regularizers, schedules, training, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import OptState, apply_updates
from funcnn.typing import Array, Params, Scalar

Batch = tuple[Array, Array]
Parts = tuple[Scalar, Scalar, Array]

net = dense(2, 64) >> relu >> dense(64, 1)
rate = schedules.inverse_time_decay(0.001, 5e-7)
optimizer = optimizers.adam(rate, eps=1e-7)


def spiral(skip: int = 0) -> Batch:
    """Two arms of 100 points; answers are a column, as the net gives them."""
    x, y = datasets.nnfs_spiral(samples=100, classes=2, skip=skip, dtype=np.float64)
    return x, y.reshape(-1, 1).astype(np.float64)


def loss(params: Params, batch: Batch) -> tuple[Scalar, Parts]:
    """The loss of the data plus the penalty of the first layer; beside it both, and the logits."""
    x, y = batch
    logits = net.apply(params, x)
    data = np.mean(losses.sigmoid_binary_cross_entropy(logits, y))
    penalty = regularizers.l2(params["dense_0"], 5e-4)
    return data + penalty, (data, penalty, logits)


def step(params: Params, opt_state: OptState[Params], batch: Batch) -> tuple[Params, OptState[Params], Parts]:
    """One step of training, and the parts of the loss before it."""
    (_, parts), grads = fn.value_and_grad(loss, has_aux=True)(params, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return apply_updates(params, updates), opt_state, parts


parser = argparse.ArgumentParser(description="The book's chapter 16 in float64.")
parser.add_argument("--epochs", type=int, default=1001)
epochs = parser.parse_args().epochs

stream = np.random.RandomState(0)
stream.randn(200)
params: Params = tree.freeze({"dense_0": {"w": 0.01 * stream.randn(2, 64), "b": np.zeros(64, np.float64)},
                              "dense_1": {"w": 0.01 * stream.randn(64, 1), "b": np.zeros(1, np.float64)}})
train = spiral()
start: tuple[Params, OptState[Params]] = (params, optimizer.init(params))
(params, _), history = training.fold(step, start, itertools.repeat(train, epochs))
for epoch in (0, 1, 10, 100, 200, 300, 400, 600, 1000, 1500, 2500, 5000, 10000):
    if epoch < epochs:
        data, penalty, logits = (part[epoch] for part in history)
        accuracy = metrics.binary_accuracy(logits, train[1], threshold=0.0)
        print(f"epoch: {epoch}, acc: {accuracy:.3f}, loss: {data + penalty:.15f} (data_loss: {data:.6f}, "
              f"reg_loss: {penalty:.6f}), lr: {rate(max(epoch - 1, 0))}")

fresh_x, fresh_y = spiral(skip=200 + 2 * 64 + 64 * 1)
fresh_logits = net.apply(params, fresh_x)
value = np.mean(losses.sigmoid_binary_cross_entropy(fresh_logits, fresh_y))
print(f"validation, acc: {metrics.binary_accuracy(fresh_logits, fresh_y, threshold=0.0):.3f}, loss: {value:.15f}")
