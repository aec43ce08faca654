"""Lesson 9: an activation bends what a layer gives, entry by entry, and its derivative says how steeply.

See relu, sigmoid and tanh with their derivatives by hand, equal to what `fn.elementwise_grad` finds. The notebook's
three derivatives take different things: those of relu and tanh the input x, that of sigmoid the output y. Given an x
it does not complain: it says -2 at x = 2, where the slope is 0.105. A function that is differentiated cannot be fed
the wrong thing. See too that 1 / (1 + exp(-x)) overflows at x = -1000 and `activations.sigmoid` does not.

The three and their slopes are drawn into the folder that you name: `python examples/lessons/09_activations.py .`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import funcnn as fn
from funcnn import plotting
from funcnn.activations import relu, sigmoid, tanh
from funcnn.typing import Array

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())


def relu_slope(x: Array) -> Array:
    """1 where x > 0, else 0; at 0 itself there is no slope, and 0 is what one says."""
    return np.where(np.asarray(x) > 0, 1.0, 0.0)


def sigmoid_slope(x: Array) -> Array:
    """y (1 - y), with y = sigmoid(x)."""
    y = sigmoid(x)
    return y * (1 - y)


def tanh_slope(x: Array) -> Array:
    """1 - y^2, with y = tanh(x)."""
    return 1 - np.tanh(x) ** 2


Function = Callable[[Array], Array]
pairs: list[tuple[Function, Function]] = [(relu, relu_slope), (sigmoid, sigmoid_slope), (tanh, tanh_slope)]
np.set_printoptions(precision=10)
x = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
print("x             ", x)
for activation, by_hand in pairs:
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

try:
    figure = plotting.figure(10, 3.4)
    colors = plotting.COLORS[::2]  # those that are dark enough for lines
    x = np.linspace(-4, 4, 401)
    for ax, (activation, by_hand) in zip(figure.subplots(1, 3), pairs, strict=True):
        ax.plot(x, activation(x), color=colors[0], label=getattr(activation, "__name__", ""))
        ax.plot(x, by_hand(x), color=colors[1], linestyle="--", label="its slope at x")
        if activation is sigmoid:
            ax.plot(x, dsigmoid_of_the_notebook(x), color=colors[2], linestyle=":", label="the notebook's, given x")
        ax.set(xlabel="x", ylim=(-1.2, 2.2))
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="upper left")
    figure.savefig(folder / "activations.png", dpi=160)
    print(f"\nwrote {folder / 'activations.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: in `relu_slope`, write `np.asarray(x) >= 0` in place of `np.asarray(x) >
# 0`. Does `fn.elementwise_grad` still agree, and who of the two is right?
