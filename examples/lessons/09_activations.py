"""Lesson 9: an activation bends what a layer gives, entry by entry, and its derivative says how steeply.

See relu, sigmoid and tanh with their derivatives by hand, equal to what `fn.elementwise_grad` finds. The notebook's
three derivatives take different things: those of relu and tanh the input x, that of sigmoid the output y. Given an x
it does not complain: it says -2 at x = 2, where the slope is 0.105. A function that is differentiated cannot be fed
the wrong thing. See too that 1 / (1 + exp(-x)) overflows at x = -1000 and `activations.sigmoid` does not.
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn.activations import relu, sigmoid, tanh
from funcnn.typing import Array


def relu_slope(x: Array) -> Array:
    """1 where x > 0, else 0, also at 0."""
    return np.where(np.asarray(x) > 0, 1.0, 0.0)


def sigmoid_slope(x: Array) -> Array:
    """y (1 - y), with y = sigmoid(x)."""
    y = sigmoid(x)
    return y * (1 - y)


def tanh_slope(x: Array) -> Array:
    """1 - y^2, with y = tanh(x)."""
    return 1 - np.tanh(x) ** 2


np.set_printoptions(precision=10)
x = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
print("x             ", x)
for activation, by_hand in ((relu, relu_slope), (sigmoid, sigmoid_slope), (tanh, tanh_slope)):
    name = getattr(activation, "__name__", "")
    found = fn.elementwise_grad(activation)(x)
    print(f"{name:14}", activation(x))
    equal = np.allclose(found, by_hand(x), rtol=1e-14)
    print(f"{name + ' slope':14}", by_hand(x), "equal to grad:", equal)


def dsigmoid_of_the_notebook(values: Array) -> Array:
    """Right if the values are outputs of sigmoid; it cannot know."""
    return values * (1 - values)


two = np.array([2.0])
print("\nslope of sigmoid at x = 2")
print("  notebook's, given x:      ", dsigmoid_of_the_notebook(two))
print("  notebook's, given y:      ", dsigmoid_of_the_notebook(sigmoid(two)))
print("  elementwise_grad, given x:", fn.elementwise_grad(sigmoid)(two))

print("\nsigmoid at x = -1000")
try:
    with np.errstate(over="raise"):
        print(1 / (1 + np.exp(np.array([1000.0]))))
except FloatingPointError as error:
    print("  1 / (1 + exp(-x)):", error)
print("  funcnn:           ", sigmoid(np.array([-1000.0])))
