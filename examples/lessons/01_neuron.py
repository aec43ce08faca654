"""Lesson 1: a neuron multiplies each input by its weight, adds the products up, and adds a bias.

See the same number three times: written out, as a fold, and as a dot product. Its last digits are those of floating
point: 1.2 * 3.1 is not quite 3.72. And see what `fn.grad` answers to the question "how much does the output change
with each weight?": the input that the weight is multiplied by.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence

import numpy as np

import funcnn as fn
from funcnn.typing import Array

inputs = [1.2, 2.3, 3.1]  # what three neurons before this one give
weights = [3.1, 2.1, 8.7]  # one for each input
bias = 3.0

output = inputs[0] * weights[0] + inputs[1] * weights[1] + inputs[2] * weights[2] + bias
print("written out:", output)


def neuron_by_fold(inputs: Sequence[float], weights: Sequence[float], bias: float) -> float:
    """z = sum_i x_i w_i + b: two functions, * and +, are all there is to a neuron."""
    products = [x * w for x, w in zip(inputs, weights, strict=True)]
    return functools.reduce(operator.add, products) + bias


print("as a fold:", neuron_by_fold(inputs, weights, bias))
print("the products:", [x * w for x, w in zip(inputs, weights, strict=True)])


def neuron(w: Array, x: Array, b: float) -> Array:
    """z = w · x + b, on arrays."""
    return w @ x + b


w, x = np.array(weights), np.array(inputs)
print(f"as a dot product: {neuron(w, x, bias):.12f}")
print("change of the output with each weight:", fn.grad(neuron)(w, x, bias))
print("the inputs:                            ", x)

# CHANGE THIS, and say first what will happen: let the second input be 0, `inputs = [1.2, 0.0, 3.1]`. By how much does
# the output change, and which weight can this example no longer teach? (`answers.md`, beside this file, says why.)
