"""Lesson 4: a neuron is a dot product, a layer a matrix product, and the order of the factors matters.

See 4.8, and that for two vectors the order does not matter. With several neurons it does: a matrix of weights with
one row for each neuron goes in front, W x, and the same matrix behind, x W, is an error or, if it is square, another
result without an error. funcnn has one convention: the examples are rows, and weights stand behind, x W.
"""

from __future__ import annotations

import numpy as np

inputs = np.array([1.0, 2.0, 3.0, 2.5])
weights = np.array([0.2, 0.8, -0.5, 1.0])
bias = 2.0

print("one neuron:       ", weights @ inputs + bias)
print("the other order:  ", inputs @ weights + bias)

rows = np.array([[0.2, 0.8, -0.5, 1.0],  # one row for each of three neurons
                 [0.5, -0.91, 0.26, -0.5],
                 [-0.26, -0.27, 0.17, 0.87]])
biases = np.array([2.0, 3.0, 0.5])

print("W x:              ", (rows @ inputs + biases).round(12))
print("x W, W transposed:", (inputs @ rows.T + biases).round(12))
try:
    inputs @ rows
except ValueError as error:
    print("x W as it is:      ValueError:", str(error).split(" (")[0])

square = rows[:, :3]
print("a square matrix:  ", (square @ inputs[:3]).round(12), "in front,", (inputs[:3] @ square).round(12), "behind")

# CHANGE THIS, and say first what will happen: add to the square matrix its own transpose, `square = rows[:, :3] +
# rows[:, :3].T`. Will the two orders still give different results?
