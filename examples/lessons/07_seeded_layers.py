"""Lesson 7: weights begin as random numbers, and a seed makes them the same ones again.

See the three matrices that the notebook prints for a batch through three layers, 4 -> 5 -> 2 -> 1. They depend on
more than the seed: a generator is a hidden state that moves with every draw, so whoever draws the second layer first
gets other weights from the same seed. A key is a value that does not move: `net.init(key)` is a function of it.
"""

from __future__ import annotations

import numpy as np

from funcnn import random, tree
from funcnn.layers import dense
from funcnn.typing import DenseParams

x = np.array([[1, 2, 3, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]])


def drawn(generator: np.random.RandomState, inputs: int, outputs: int) -> DenseParams:
    """Weights of a tenth of the normal distribution, biases of 0."""
    return {"w": 0.10 * generator.randn(inputs, outputs), "b": np.zeros(outputs, np.float64)}


generator = np.random.RandomState(0)
first, second, third = drawn(generator, 4, 5), drawn(generator, 5, 2), drawn(generator, 2, 1)

hidden = dense(4, 5).apply(first, x)
narrow = dense(5, 2).apply(second, hidden)
output = dense(2, 1).apply(third, narrow)
print(hidden)
print(narrow)
print(output)

generator = np.random.RandomState(0)
second_drawn_first = drawn(generator, 5, 2)
print("The same seed, but the second layer drawn first, gives others:", not tree.equal(second, second_drawn_first))

net = dense(4, 5) >> dense(5, 2) >> dense(2, 1)
key = random.key(0)
params = net.init(key)
print("The parameters of a network are a tree of arrays:")
print(params)
print("The same key gives the same parameters:", tree.equal(params, net.init(key)))
print("Another key gives others:", not tree.equal(params, net.init(random.key(1))))

# CHANGE THIS, and say first what will happen: begin without chance, with `np.full((inputs, outputs), 0.10)` in place of
# `0.10 * generator.randn(inputs, outputs)`. What do the five neurons of the first layer have to say?
