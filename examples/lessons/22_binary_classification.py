"""Lesson 22: one neuron at the end answers yes or no: two spiral arms, the binary cross-entropy and L2.

See the book's chapter 16, 2-64-1 with Adam. The book prints .500/.693 at step 0 (.693 is log 2: the net says "one half"
to all), .630/.674 at 100, .625/.669 at 200 and .650/.659 at 400; in float64 there are more digits to compare with. The
loss comes in its parts, that of the data and that of the penalty, which `has_aux` hands out of the function that is
differentiated. The net ends without a sigmoid, since the loss takes logits: it says yes where the logit is above 0,
which is where the probability is above one half. The whole run, and a picture of what it answers, in the folder that
you name:

    python examples/lessons/22_binary_classification.py . --epochs 10001
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np

import funcnn as fn
from book_spiral import book_weights
from funcnn import datasets, losses, metrics, optimizers, plotting, regularizers, schedules, training
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
parser.add_argument("folder", type=Path, nargs="?", default=tempfile.gettempdir())
parser.add_argument("--epochs", type=int, default=1001)
asked = parser.parse_args()

params, train = book_weights(200, 2, 64, 1), spiral()
start = (params, optimizer.init(params))
(params, _), history = training.fold(step, start, itertools.repeat(train, asked.epochs))
for epoch in (0, 1, 10, 100, 200, 300, 400, 600, 1000, 1500, 2500, 5000, 10000):
    if epoch < asked.epochs:
        data, penalty, logits = (part[epoch] for part in history)
        accuracy = metrics.binary_accuracy(logits, train[1], threshold=0.0)
        print(f"epoch: {epoch}, acc: {accuracy:.3f}, loss: {data + penalty:.15f} (data_loss: {data:.6f}, "
              f"reg_loss: {penalty:.6f}), lr: {rate(max(epoch - 1, 0))}")

fresh = spiral(skip=200 + 2 * 64 + 64 * 1)
fresh_logits = net.apply(params, fresh[0])
value = np.mean(losses.sigmoid_binary_cross_entropy(fresh_logits, fresh[1]))
print(f"validation, acc: {metrics.binary_accuracy(fresh_logits, fresh[1], threshold=0.0):.3f}, loss: {value:.15f}")

try:
    figure = plotting.figure(9, 4.4)
    for ax, (name, (x, y)) in zip(figure.subplots(1, 2), {"training": train, "validation": fresh}.items(), strict=True):
        plotting.decision_boundary(lambda points: net.apply(params, points), x, y, ax=ax)
        ax.set(title=f"after {asked.epochs} steps, {name} points", xticks=[], yticks=[])
    figure.savefig(asked.folder / "binary_classification.png", dpi=160)
    print(f"\nwrote {asked.folder / 'binary_classification.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: take ten times the rate, `schedules.inverse_time_decay(0.01, 5e-7)` in
# place of `schedules.inverse_time_decay(0.001, 5e-7)`. Is the net thrown out, as that of lesson 14 is, or what?
