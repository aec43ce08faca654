"""Lesson 16: momentum remembers the steps before and goes on in their direction, as a ball that rolls.

See a long narrow valley, where plain descent creeps along the floor. Momentum has two forms. The book's keeps the
learning rate inside the velocity, v' = 0.9 v - rate g; torch's outside, v' = 0.9 v + g, step -rate v'. In funcnn they
are the same two parts in another order: order is meaning. With a constant rate they agree, and where the rate falls
they do not: the book's numbers on the spiral come from the book's order.
"""

from __future__ import annotations

import itertools

import numpy as np

from funcnn import datasets, losses, optimizers, schedules, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import GradientTransformation, apply_updates, chain, scale_by_learning_rate, trace
from funcnn.typing import Array, IntArray, Params, Scalar, Schedule


def book(rate: float | Schedule) -> GradientTransformation:
    """v' = 0.9 v - rate g, and v' is the step."""
    return chain(scale_by_learning_rate(rate), trace(0.9))


def torch(rate: float | Schedule) -> GradientTransformation:
    """v' = 0.9 v + g, and -rate v' is the step."""
    return chain(trace(0.9), scale_by_learning_rate(rate))


def valley(p: Array, batch: None) -> Scalar:
    """100 times as steep across as along; the lowest point is (0, 0)."""
    return 0.5 * p[0] ** 2 + 50 * p[1] ** 2


print("The valley from (1, 1): the loss after 100 steps")
for name, optimizer in (("plain descent", optimizers.sgd(0.015)), ("momentum", book(0.015))):
    top: Array = np.array([1.0, 1.0])
    step = training.make_step(valley, optimizer)
    (low, _), history = training.fold(step, (top, optimizer.init(top)), itertools.repeat(None, 100))
    print(f"  {name:14} {valley(low, None):.8f}")

print("\nThree steps from (1, 1) at a rate of 0.01, gradients (.3, -2), (.1, 1), (-.5, .2)")
for name, optimizer in (("book", book(0.01)), ("torch", torch(0.01))):
    p: Array = np.array([1.0, 1.0])
    state = optimizer.init(p)
    for g in ([0.3, -2.0], [0.1, 1.0], [-0.5, 0.2]):
        updates, state = optimizer.update(np.array(g), state, p)
        p = apply_updates(p, updates)
    print(f"  {name:14} {p}")

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


print("\nThe loss on the spiral before step      0           1           10          100")
for decay in (0.0, 1e-3):
    for name, form in (("book", book), ("torch", torch)):
        optimizer = form(schedules.inverse_time_decay(1.0, decay))
        learn = training.make_step(loss, optimizer)
        history = training.fold(learn, (start, optimizer.init(start)), itertools.repeat(batch, 101))[1]
        print(f"  {name:6} rate 1, decay {decay:<16}", *(f"{history[k]:.9f}" for k in (0, 1, 10, 100)))
