"""Lesson 12: a gradient says how the loss changes with each number it depends on; by hand it is the chain rule.

See gradients worked out by hand and the same from `fn.grad`, which only saw the loss. Two of the formulas are the
places where a sign or a type goes wrong without an error: with the wrong sign of the absolute error a step makes the
loss larger, and one-hot rows of unsigned integers turn -1 into 255.

A loss with its tangent is drawn into the folder that you name: `python examples/lessons/12_gradients.py .`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import funcnn as fn
from funcnn import losses, plotting
from funcnn.activations import relu, sigmoid, softmax
from funcnn.typing import Array, Scalar

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())


def mean_of(loss: Callable[[Array, Any], Array], targets: Any) -> Callable[[Array], Scalar]:
    """The mean of a loss over its examples, as a function of the predictions alone."""
    return lambda p: np.mean(loss(p, targets))


def report(name: str, by_hand: Array, by_grad: Array) -> None:
    """Print a gradient and whether both are the same."""
    equal = np.allclose(by_hand, by_grad, rtol=1e-12, atol=1e-15)
    print(f"{name:24} {np.array2string(np.asarray(by_hand), precision=8):36} equal to grad: {equal}")


print("One neuron, relu(w · x + b), and the squared error of its answer")
x, w, b, target = np.array([1.2, 2.3, 3.1]), np.array([3.1, -2.1, 0.7]), np.array(0.5), np.array([1.0])


def neuron_loss(w: Array, b: Array) -> Scalar:
    """How wrong the neuron is."""
    return np.mean(losses.squared_error(relu((w @ x + b).reshape((1,))), target))


z = w @ x + b
d_output = 2 * (np.maximum(z, 0) - target[0])  # of (y - t)^2 by y
d_z = d_output * (1.0 if z > 0 else 0.0)       # of relu(z) by z
dw, db = fn.grad(neuron_loss, argnums=(0, 1))(w, b)
report("by the weights", d_z * x, dw)
report("by the bias", d_z, db)

print("\nThe mean of a loss over four predictions")
p, t = np.array([0.5, -1.5, 2.0, 1.0]), np.array([0.0, 0.0, 3.0, 0.5])
report("squared error", 2 * (p - t) / 4, fn.grad(mean_of(losses.squared_error, t))(p))
report("absolute error", np.sign(p - t) / 4, fn.grad(mean_of(losses.absolute_error, t))(p))
before, down, up = (np.mean(losses.absolute_error(p - step * np.sign(p - t) / 4, t)) for step in (0.0, 0.1, -0.1))
print(f"a step with it: {before:.3f} -> {down:.3f}; with the other sign, as the book has it: {before:.3f} -> {up:.3f}")

print("\nCross-entropies, by the logits")
logits, labels = np.array([[1.0, 2.0, 3.0]]), np.array([0])
hot = np.array([[1.0, 0.0, 0.0]])
report("softmax: s - one_hot", softmax(logits) - hot, fn.grad(mean_of(losses.softmax_cross_entropy, labels))(logits))
odds, answers = np.array([2.0, -1.0]), np.array([0.0, 1.0])
by_grad = fn.grad(mean_of(losses.sigmoid_binary_cross_entropy, answers))(odds)
report("sigmoid: (s - y) / 2", (sigmoid(odds) - answers) / 2, by_grad)

s = softmax(logits)
unsigned = hot.astype(np.uint8)
report("probabilities: -y / s", 0 - hot / s, fn.grad(mean_of(losses.categorical_cross_entropy, unsigned))(s))
print("  of unsigned y in NumPy:", -unsigned / np.asarray(s))

print("\nAgainst differences of the loss, (L(w + h) - L(w - h)) / 2h, for the first weight")
h = np.array([1e-6, 0.0, 0.0])
difference = (neuron_loss(w + h, b) - neuron_loss(w - h, b)) / 2e-6
print(f"difference {difference:.6f}, gradient {dw[0]:.6f}")

try:
    figure = plotting.figure(6.4, 4)
    ax = figure.subplots()
    first, height = np.linspace(0.5, 4.5, 201), neuron_loss(w, b)
    curve = [float(neuron_loss(np.array([each, *w[1:]]), b)) for each in first]
    ax.plot(first, curve, color=plotting.COLORS[0], label="loss")
    ax.plot(first, height + dw[0] * (first - w[0]), "--", color=plotting.COLORS[2], label="its tangent")
    ax.plot(w[0], height, "o", color=plotting.COLORS[2])
    ax.set(xlabel="first weight", ylim=(-0.2, 2.2), title=f"the gradient is the slope, {dw[0]:.3f}")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(folder / "gradients.png", dpi=160)
    print(f"\nwrote {folder / 'gradients.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: lower the neuron's bias, `np.array(-5.0)` in place of `np.array(0.5)`.
# Its answer is 0 and should be 1. What do the gradients tell it to do?
