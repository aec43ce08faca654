"""Lesson 28: what L2 and dropout do to the line that a network draws between the classes.

Few points of the spiral, noisy ones, and a network that is far too large for them. Left alone it learns them by heart:
its boundary winds around single points, and it is sure of itself everywhere. With an L2 penalty the weights stay small
and the boundary smooth; with dropout no unit can count on another. See what each costs on the points that it was
trained on, what it brings on fresh ones, how large the weights have become and how sure the answers.

The picture shows the three side by side: `python examples/lessons/28_smoother_boundaries.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, plotting, random, regularizers, training, tree
from funcnn.activations import relu, softmax
from funcnn.layers import Layer, dense, dropout
from funcnn.optimizers import OptState, apply_updates
from funcnn.typing import Array, IntArray, Key, Params, Scalar

Batch = tuple[Array, IntArray]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
train_key, fresh_key, init_key, order_key, drop_key = random.split(random.key(1), 5)
train: Batch = datasets.spiral(train_key, samples=50, classes=3)
fresh: Batch = datasets.spiral(fresh_key, samples=300, classes=3)
plain = dense(2, 128) >> relu >> dense(128, 128) >> relu >> dense(128, 3)
dropped = dense(2, 128) >> relu >> dropout(0.3) >> dense(128, 128) >> relu >> dropout(0.3) >> dense(128, 3)
optimizer = optimizers.adam(0.01)


def trained(net: Layer[Any, Any, Params], decay: float) -> Params:
    """The parameters after 400 steps with an L2 penalty."""
    def loss(params: Params, batch: Batch, key: Key) -> Scalar:
        x, labels = batch
        penalty = sum(regularizers.l2(params[layer]["w"], decay) for layer in params)
        return np.mean(losses.softmax_cross_entropy(net.apply(params, x, key=key), labels)) + penalty

    def step(params: Params, state: OptState[Params], key: Key, batch: Batch,
             ) -> tuple[Params, OptState[Params], Key, Scalar]:
        key, own = random.split(key)
        value, grads = fn.value_and_grad(loss)(params, batch, own)
        updates, state = optimizer.update(grads, state, params)
        return apply_updates(params, updates), state, key, value

    params = net.init(init_key)
    epochs = training.batches(order_key, train, size=150, epochs=400)
    (params, _, _), _ = training.fold(fn.jit(step), (params, optimizer.init(params), drop_key), epochs)
    return params


runs = {"alone": (plain, trained(plain, 0.0)), "L2": (plain, trained(plain, 1e-3)),
        "dropout": (dropped, trained(dropped, 0.0))}


def judged(name: str, batch: Batch) -> tuple[float, float]:
    """The mean loss and the accuracy of a run on a batch."""
    net, params = runs[name]
    outputs = net.apply(params, batch[0], key=None)
    return (float(np.mean(losses.softmax_cross_entropy(outputs, batch[1]))),
            float(metrics.accuracy(outputs, batch[1])))


print("           train loss  accuracy    fresh loss  accuracy    largest weight  how sure")
for name, (net, params) in runs.items():
    largest = max(float(np.max(np.abs(leaf))) for leaf in tree.leaves(params))
    sure = np.mean(np.max(softmax(net.apply(params, fresh[0], key=None)), axis=1))
    (loss, right), (fresh_loss, fresh_right) = judged(name, train), judged(name, fresh)
    print(f"{name:10} {loss:10.3f} {right:9.3f} {fresh_loss:13.3f} {fresh_right:9.3f} {largest:17.2f} {sure:9.3f}")

try:
    figure = plotting.figure(width=9.6, height=3.5)
    for ax, (name, (net, params)) in zip(figure.subplots(1, 3), runs.items(), strict=True):
        answer = net.apply
        plotting.decision_boundary(lambda x: answer(params, x, key=None), *train, ax=ax)  # noqa: B023  # drawn at once
        ax.set(title=f"{name}: loss {judged(name, train)[0]:.2f}, on fresh {judged(name, fresh)[0]:.2f}")
        ax.set(xticks=[], yticks=[])
    figure.savefig(folder / "smoother_boundaries.png")
    print(f"\nwrote {folder / 'smoother_boundaries.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let the penalty of L2 be a hundred times as large, `1e-1` instead of
# `1e-3`. What will its boundary look like, how sure will its answers be, and which loss is that for three classes?
