"""Lesson 18: RMSProp divides by the size that the gradients have had of late, so that its steps do not die out.

The rule is that of Adagrad with a running mean in place of the sum: s' = 0.9 s + 0.1 g^2, step -rate g / (sqrt(s') +
eps). See it by hand beside `optimizers.rmsprop`; under a gradient that stays the same Adagrad's steps shrink for ever
and RMSProp's come to the rate. The last lines are the spiral, as the book trains it.
"""

from __future__ import annotations

import itertools

import numpy as np

from funcnn import datasets, losses, optimizers, schedules, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import apply_updates
from funcnn.typing import Array, IntArray, Params, Scalar

print("Three steps from (1, 1) at a rate of 0.01, gradients (.3, -2), (.1, 1), (-.5, .2)")
optimizer = optimizers.rmsprop(0.01, decay=0.9, eps=1e-7)
p: Array = np.array([1.0, 1.0])
state = optimizer.init(p)
by_hand, s = np.array([1.0, 1.0]), np.array([0.0, 0.0])
for gradient in ([0.3, -2.0], [0.1, 1.0], [-0.5, 0.2]):
    g = np.array(gradient)
    updates, state = optimizer.update(g, state, p)
    p = apply_updates(p, updates)
    s = 0.9 * s + 0.1 * g**2
    by_hand = by_hand - 0.01 * g / (np.sqrt(s) + 1e-7)
    print(f"  rmsprop {p}  by hand {by_hand}")

print("\nThe steps under a gradient of 1, at a rate of 0.01")
for name, running in (("adagrad", optimizers.adagrad(0.01)), ("rmsprop", optimizers.rmsprop(0.01))):
    nowhere, one = np.array([0.0]), np.array([1.0])
    memory = running.init(nowhere)
    steps = []
    for _ in range(1000):
        step_taken, memory = running.update(one, memory, nowhere)
        steps.append(-step_taken[0])
    print(f"  {name}: step 1 {steps[0]:.6f}, step 10 {steps[9]:.6f}, step 1000 {steps[999]:.6f}")

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


print("\nThe spiral: rate 0.001, decay 1e-4")
book = optimizers.rmsprop(schedules.inverse_time_decay(0.001, 1e-4), decay=0.9, eps=1e-7)
step = training.make_step(loss, book)
history = training.fold(step, (start, book.init(start)), itertools.repeat(batch, 101))[1]
for k in (0, 1, 10, 100):
    print(f"  before step {k:3}: loss {history[k]:.9f}")
