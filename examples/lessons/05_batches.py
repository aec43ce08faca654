"""Lesson 5: a batch is several examples at once, one in each row, and the layer answers with one row for each.

See the outputs of three neurons for three examples, and that a batch is nothing new: each row is what the layer
gives for that example alone. The weights of the notebook have one row for each neuron, so they are transposed.
Then see `training.batches` cut eight examples into batches of three: a new order in each epoch, drawn from a key,
the last batch smaller, no example lost. An epoch is one turn through all examples.
"""

from __future__ import annotations

import numpy as np

from funcnn import random, training
from funcnn.layers import dense
from funcnn.typing import DenseParams

examples = np.array([[1, 2, 3, 2.5],  # four features of each of three examples
                     [2.0, 5.0, -1.0, 2.0],
                     [-1.5, 2.7, 3.3, -0.8]])
weights = np.array([[0.2, 0.8, -0.5, 1.0],
                    [0.5, -0.91, 0.26, -0.5],
                    [-0.26, -0.27, 0.17, 0.87]])
biases = np.array([2, 3, 0.5])

print("In plain NumPy, X Wᵀ + b:")
print(examples @ weights.T + biases)

layer = dense(4, 3)
params: DenseParams = {"w": weights.T, "b": biases}
outputs = layer.apply(params, examples)
print("As a dense layer:")
print(outputs)

alone = [layer.apply(params, examples[i:i + 1])[0] for i in range(3)]
print("Equal to one example at a time:", np.allclose(outputs, np.array(alone), rtol=0, atol=1e-12))

x, y = np.arange(8.0), np.arange(8.0) ** 2
for i, (some_x, some_y) in enumerate(training.batches(random.key(0), (x, y), size=3, epochs=2)):
    print(f"epoch {i // 3}: x = {some_x}, y = {some_y}")  # three batches make an epoch

(all_x, _), = training.batches(random.key(0), (x, y), size=8)
print("One batch of all examples is batch gradient descent, in the order given:", all_x)

# CHANGE THIS, and say first what will happen: make the first example a hundred times as large, `[100, 200, 300, 250]`
# in place of `[1, 2, 3, 2.5]`. Which of the three rows of outputs change?
