"""Lesson 3: the shape of an array is how many numbers there are along each axis; most mistakes are mistakes of shape.

See the shapes of lists and arrays; what happens when a layer gets the wrong width; and the mistake that says nothing:
predictions of shape (4, 1) and targets of shape (4,) are both stretched ("broadcast") until there are 4 x 4 errors, and
a perfect prediction has an error of 2.5. funcnn refuses that. The last lines show that gradients have the shapes of
the parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import funcnn as fn
from funcnn import losses, random, tree
from funcnn.layers import dense, flatten
from funcnn.typing import Array, DenseParams, Scalar, Shape


def shape_of(value: Any) -> Shape:
    """The shape of nested lists, if there is one: all the lists on one level are as long."""
    if not isinstance(value, list):
        return ()
    inner = {shape_of(entry) for entry in value}
    if len(inner) > 1:
        raise ValueError(f"the rows differ in shape: {sorted(inner)}")
    return (len(value), *inner.pop()) if inner else (0,)


print("a list:       ", shape_of([1, 2, 3]))
print("a matrix:     ", shape_of([[1, 2, 3], [4, 5, 6]]))
print("an array:     ", np.array([[1, 2, 3], [4, 5, 6]]).shape)
try:
    shape_of([[1, 2, 3], [4, 5]])
except ValueError as error:
    print("a ragged list:", error)

images = np.ones((10, 28, 28, 3))  # batch, height, width, channels
print("ten images:   ", images.shape, "-> flatten ->", flatten().apply({}, images).shape)

print("\nA layer of three inputs gets two:")
layer = dense(3, 1)
params = tree.astype(layer.init(random.key(0)), np.float64)
x = np.ones((4, 2))
try:
    x @ params["w"]
except ValueError as error:
    print("  NumPy: ", error)
try:
    layer.apply(params, x)
except ValueError as error:
    print("  funcnn:", error)

print("\nA perfect prediction of shape (4, 1), targets of shape (4,):")
predictions, targets = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0.0, 1.0, 2.0, 3.0])
print("  the mean of (predictions - targets) ** 2 is", np.mean((predictions - targets) ** 2))
try:
    losses.squared_error(predictions, targets)
except ValueError as error:
    print("  funcnn:", error)
print("  with targets[:, None] it is", np.mean(losses.squared_error(predictions, targets[:, None])))


def loss(params: DenseParams, x: Array, y: Array) -> Scalar:
    """The mean-squared error of the layer."""
    return np.mean(losses.squared_error(layer.apply(params, x), y))


gradients = fn.grad(loss)(params, np.ones((4, 3)), targets[:, None])
print("\nparameters:", params)
print("gradients: ", gradients)

# CHANGE THIS, and say first what will happen: predict 1.5 for all four, `np.array([[1.5], [1.5], [1.5], [1.5]])` in
# place of `np.array([[0.0], [1.0], [2.0], [3.0]])`. Does the error of 2.5, of shapes that do not fit, rise or fall?
