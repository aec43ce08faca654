"""Lesson 24: how well a network has learnt, only data shows that it has not been trained on.

See a large network on the 300 points of a spiral. The loss on them falls and falls, while the loss on a fresh spiral
falls first and then rises: it overfits, it learns these points by heart. In the second column the weights decay, and
it hardly does. The last lines take the parameters of the best step of each run; nothing had to be saved for that
while training, because parameters do not change: those of every step are still there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn import datasets, losses, metrics, optimizers, random, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import GradientTransformation
from funcnn.typing import Array, IntArray, Params

Batch = tuple[Array, IntArray]

train_key, fresh_key, init_key, order_key = random.split(random.key(0), 4)
train = datasets.spiral(train_key, samples=100, classes=3)
fresh = datasets.spiral(fresh_key, samples=100, classes=3)
net = dense(2, 128) >> relu >> dense(128, 128) >> relu >> dense(128, 3)


def loss(params: Params, batch: Batch) -> np.floating[Any]:
    """The mean cross-entropy."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))


def trained(optimizer: GradientTransformation) -> list[Params]:
    """The parameters after every tenth of 400 steps."""
    params = net.init(init_key)
    batches = training.batches(order_key, train, size=300, epochs=400)
    states = training.scan(training.make_step(loss, optimizer), (params, optimizer.init(params)), batches)
    return [state[0] for i, (state, value) in enumerate(states) if i % 10 == 0]


runs = {"plain": trained(optimizers.adam(0.01)), "decay": trained(optimizers.adamw(0.01, weight_decay=1.0))}
print("step    plain: train  fresh      decay: train  fresh")
for i in (0, 2, 5, 10, 20, 30, 39):
    values = [float(loss(run[i], batch)) for run in runs.values() for batch in (train, fresh)]
    print(f"{10 * i:4}  {values[0]:13.4f}{values[1]:8.4f}  {values[2]:15.4f}{values[3]:8.4f}")

for name, run in runs.items():
    fresh_losses = [float(loss(params, fresh)) for params in run]
    best = int(np.argmin(fresh_losses))
    accuracy = metrics.accuracy(net.apply(run[best], fresh[0]), fresh[1])
    print(f"{name}: best at step {10 * best}, fresh loss {fresh_losses[best]:.4f}, accuracy {accuracy:.3f}; "
          f"at the end {fresh_losses[-1]:.4f}")
