"""Lesson 20: a penalty on the size of the weights keeps a model from explaining noise.

L2 adds λ Σw² to the loss, L1 adds λ Σ|w|. See the penalties and their gradients, 2 λ w and λ sign(w). Then a linear
model with 20 features of which three matter, and 24 noisy examples: without a penalty it fits the examples best and
fresh ones worst; L2 makes all weights smaller, L1 brings those that do not matter close to 0.
"""

from __future__ import annotations

import itertools

import numpy as np

import funcnn as fn
from funcnn import losses, optimizers, random, schedules, training
from funcnn.regularizers import elastic_net, l1, l2
from funcnn.typing import Array, Scalar

Batch = tuple[Array, Array]

few = np.array([0.5, 0.0, -2.0])
print("w =", few, " l1 =", l1(few, 0.1), " l2 =", l2(few, 0.1), " elastic_net =", elastic_net(few, 0.1, 0.1))
print("gradient of l1:", fn.grad(l1)(few, 0.1), " by hand:", 0.1 * np.sign(few))
print("gradient of l2:", fn.grad(l2)(few, 0.1), " by hand:", 2 * 0.1 * few)

stream = np.random.RandomState(0)
stream.randn(200)  # the points of a spiral, before the weights of the book's chapter 16
layer = {"w": 0.01 * stream.randn(2, 64), "b": np.zeros(64, np.float64)}
print(f"the book's first layer before training: {l2(layer, 5e-4):.7e}")

true_weights = np.concatenate([np.array([2.0, -3.0, 1.0]), np.zeros(17, np.float64)])


def examples(key: fn.typing.Key, count: int) -> Batch:
    """Random features, and answers with noise of standard deviation 1."""
    x_key, noise_key = random.split(key)
    x = random.normal(x_key, (count, 20), np.float64)
    return x, x @ true_weights + random.normal(noise_key, (count,), np.float64)


train_key, fresh_key = random.split(random.key(0))
few_examples, fresh = examples(train_key, 24), examples(fresh_key, 1000)


def error(w: Array, batch: Batch) -> Scalar:
    """The mean-squared error."""
    x, y = batch
    return np.mean(losses.squared_error(x @ w, y))


def fitted(l1_strength: float, l2_strength: float) -> Array:
    """The weights after 1000 steps of descent on the error of the few examples and a penalty."""
    def penalized(w: Array, batch: Batch) -> Scalar:
        return error(w, batch) + elastic_net(w, l1_strength, l2_strength)

    start: Array = np.zeros(20, np.float64)
    optimizer = optimizers.sgd(schedules.inverse_time_decay(0.05, 0.01))
    step = training.make_step(penalized, optimizer)
    return training.fold(step, (start, optimizer.init(start)), itertools.repeat(few_examples, 1000))[0][0]


print("\n            few examples  fresh ones  the three weights        largest of the 17 that should be 0")
for name, w in {"no penalty": fitted(0, 0), "l2 0.2": fitted(0, 0.2), "l1 0.5": fitted(0.5, 0)}.items():
    three, rest = np.asarray(w[:3]), np.asarray(w[3:])
    print(f"{name:12}{error(w, few_examples):12.4f}{error(w, fresh):12.4f}  {three.round(4)!s:24} "
          f"{np.max(np.abs(rest)):.4f}")
