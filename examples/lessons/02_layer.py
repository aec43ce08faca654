"""Lesson 2: a layer is several neurons that see the same inputs, each with weights and a bias of its own.

The notebook that these lessons follow computes a layer of four inputs and three neurons twice and prints two
different results. See why: where it is written out, the fourth product is missing in every neuron, and Python has no
reason to complain. The difference is that product, to the last digit but rounding. The matrix form cannot forget a
product: `dense` refuses inputs of another width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from funcnn.layers import dense
from funcnn.typing import DenseParams

inputs = [1.2, 2.3, 3.1, 4.2]
weights = [[0.9, 0.1, -0.1, -0.3],  # one row for each neuron
           [0.5, -0.91, 0.3, 0.2],
           [-0.1, 0.26, -0.26, -0.29]]
biases = [2, 3, 0.5]

written_out = [inputs[0] * row[0] + inputs[1] * row[1] + inputs[2] * row[2] + bias
               for row, bias in zip(weights, biases, strict=True)]
print("written out:", written_out)


def neuron(inputs: Sequence[float], weights: Sequence[float], bias: float) -> float:
    """z = sum_i x_i w_i + b; `strict=True` is what notices a missing weight."""
    z = 0.0
    for x, w in zip(inputs, weights, strict=True):
        z += x * w
    return z + bias


by_loop = [neuron(inputs, row, bias) for row, bias in zip(weights, biases, strict=True)]
print("as a loop:  ", by_loop)

difference = np.array(by_loop) - np.array(written_out)
missing = np.array([inputs[3] * row[3] for row in weights])
print("difference:             ", np.round(difference, 12))
print("the fourth products are:", np.round(missing, 12))

# The layer as data and a function: w is (inputs, neurons), one column for each neuron, so the rows are transposed.
layer = dense(4, 3)
params: DenseParams = {"w": np.array(weights).T, "b": np.array(biases)}
print("dense(4, 3):", np.round(layer.apply(params, np.array([inputs]))[0], 12))

try:
    layer.apply(params, np.array([inputs[:3]]))
except ValueError as error:
    print("with three inputs:", error)

# CHANGE THIS, and say first what will happen: let the last input be 0, `inputs = [1.2, 2.3, 3.1, 0.0]`. The fourth
# product is still missing where the layer is written out. Would you have found the mistake with this example?
