"""Lesson 6: the outputs of a layer can be the inputs of another, and `>>` puts them in a row.

See the matrix of the notebook, from plain NumPy and from `dense(4, 3) >> dense(3, 3)`. Then see why a network needs
more than that: two layers without anything between them are one layer, with weights W1 W2 and biases b1 W2 + b2.
With a relu between them they are not.
"""

from __future__ import annotations

import numpy as np

from funcnn.activations import relu
from funcnn.layers import dense

x = np.array([[1, 2, 3, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]])

w1 = np.array([[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]]).T
b1 = np.array([2, 3, 0.5])
w2 = np.array([[0.1, -0.14, 0.5], [-0.5, 0.12, -0.33], [-0.44, 0.73, -0.13]]).T
b2 = np.array([-1, 2, -0.5])

print("In plain NumPy:")
print((x @ w1 + b1) @ w2 + b2)

net = dense(4, 3) >> dense(3, 3)
params = {"dense_0": {"w": w1, "b": b1}, "dense_1": {"w": w2, "b": b2}}
two = net.apply(params, x)
print(f"As the network {net}:")
print(two)

one = dense(4, 3).apply({"w": w1 @ w2, "b": b1 @ w2 + b2}, x)
print("One layer with weights W1 W2 gives the same:", np.allclose(one, two, rtol=0, atol=1e-12))

bent = dense(4, 3) >> relu >> dense(3, 3)
print(f"And {bent} something else:")
print(bent.apply(params, x))

# CHANGE THIS, and say first what will happen: make the first biases a hundred times as large, `b1 = np.array([200.0,
# 300.0, 50.0])`. Does the relu still make a difference?
