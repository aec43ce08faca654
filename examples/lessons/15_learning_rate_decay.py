"""Lesson 15: a learning rate that falls lets the first steps be large and the last ones small.

See what `schedules.inverse_time_decay` gives, the book's decay, rate / (1 + decay t); the book prints it one step
late. See it on the spiral: three rates and the loss before the steps 0, 1, 10 and 100. A falling rate has learnt less
by then; what it is good for is noise. Where every step sees one example, a constant rate never comes to rest, and the
rate 1 / (2 (1 + t)) makes w the mean of all the examples seen.
"""

from __future__ import annotations

import itertools

import numpy as np

from funcnn import datasets, losses, optimizers, random, schedules, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, IntArray, Params, Scalar, Schedule

rate = schedules.inverse_time_decay(0.05, 5e-7)
print("rate at steps 0, 1, 9999, 10000:", rate(0), rate(1), rate(9999), rate(10000))
print("the book prints, at step 10000: ", rate(10000 - 1))

Batch = tuple[Array, IntArray]
batch: Batch = datasets.nnfs_spiral(samples=100, classes=3, dtype=np.float64)
stream = np.random.RandomState(0)
stream.randn(300)
start: Params = {"dense_0": {"w": 0.01 * stream.randn(2, 64), "b": np.zeros(64, np.float64)},
                 "dense_1": {"w": 0.01 * stream.randn(64, 3), "b": np.zeros(3, np.float64)}}
net = dense(2, 64) >> relu >> dense(64, 3)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy of a batch."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))


print("\nThe loss on the spiral before step         0            1            10           100")
for decay in (0.0, 1e-2, 1e-3):
    optimizer = optimizers.sgd(schedules.inverse_time_decay(1.0, decay))
    step = training.make_step(loss, optimizer)
    _, history = training.fold(step, (start, optimizer.init(start)), itertools.repeat(batch, 101))
    print(f"rate 1, decay {decay:<22}", *(f"{history[k]:.9f} " for k in (0, 1, 10, 100)))

examples = 3 + random.normal(random.key(0), (1000,), np.float64)


def squared(w: float, example: float) -> Scalar:
    """The squared error of one example."""
    return (w - example) ** 2


print(f"\nOne example at a time: the mean of all is {np.mean(examples):.6f}")
rates: dict[str, Schedule] = {"0.1": schedules.constant(0.1),
                              "1 / (2 (1 + t))": schedules.inverse_time_decay(0.5, 1.0)}
for name, schedule in rates.items():
    optimizer = optimizers.sgd(schedule)
    one_step = training.make_step(squared, optimizer)
    states = [w for (w, _), _ in training.scan(one_step, (0.0, optimizer.init(0.0)), map(float, examples))]
    spread = np.std(states[-100:])
    print(f"rate {name:16} w after 1000 steps {states[-1]:.6f}, standard deviation of the last 100: {spread:.6f}")
