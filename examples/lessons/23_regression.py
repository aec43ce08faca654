"""Lesson 23: a network can be any curve: here one period of the sine, learnt from a thousand points.

See the book's chapter 17: 1-64-64-1 with relu, weights of a tenth of the normal distribution, the mean-squared error
and Adam. A number is hardly ever right to the last digit, so an answer counts as right if its error is below a 250th
of the standard deviation of all answers. With relu the curve is made of straight pieces; the last lines show how well
it fits between the points, and that beyond them it knows nothing. The book's run:

    python examples/lessons/23_regression.py --epochs 10001
"""

from __future__ import annotations

import argparse

import numpy as np

from funcnn import datasets, initializers, losses, metrics, optimizers, random, schedules, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, Params, Scalar

Batch = tuple[Array, Array]

parser = argparse.ArgumentParser(description="Learn the sine.")
parser.add_argument("--epochs", type=int, default=801)
epochs = parser.parse_args().epochs

tenth = initializers.normal(0.1)
net = dense(1, 64, w_init=tenth) >> relu >> dense(64, 64, w_init=tenth) >> relu >> dense(64, 1, w_init=tenth)
rate = schedules.inverse_time_decay(0.005, 1e-3)
optimizer = optimizers.adam(rate, eps=1e-7)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean-squared error."""
    x, y = batch
    return np.mean(losses.squared_error(net.apply(params, x), y))


data_key, init_key, order_key = random.split(random.key(0), 3)
train = x, y = datasets.sine(data_key, samples=1000)
params = net.init(init_key)
start = state = (params, optimizer.init(params))

batches = training.batches(order_key, train, size=1000, epochs=epochs)
for epoch, (state, value) in enumerate(training.scan(training.make_step(loss, optimizer), start, batches)):
    if epoch % max(1, epochs // 8) == 0:
        accuracy = metrics.regression_accuracy(net.apply(state[0], x), y)
        print(f"epoch: {epoch}, acc: {accuracy:.3f}, loss: {value:.6f}, lr: {rate(epoch):.6f}")

for name, points in (("between the points", np.array([0.12345, 0.5555])), ("beyond them", np.array([1.25, 2.0]))):
    column = points[:, None].astype(np.float32)
    answers = np.asarray(net.apply(state[0], column))[:, 0]
    print(f"{name}, x = {points}: {answers.round(3)}, the sine is {np.sin(2 * np.pi * points).round(3) + 0.0}")
