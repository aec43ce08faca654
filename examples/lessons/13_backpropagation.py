"""Lesson 13: backpropagation hands the derivative of the loss from each layer to the one before it.

A dense layer y = x w + b that is given g, the derivative by its output, hands back three: dx = g wᵀ to the layer
before, dw = xᵀ g and db = the sum of the rows of g to the optimizer. See a whole network done that way, the one of
the book's chapter 9, and the same from `fn.grad`. The book counts in float32, where the sums of the last biases
nearly cancel: two of their digits are right. Then the penalties: L2 adds 2 λ p, L1 adds λ sign(p), which is 0 at 0.
The notebook's layer counts 0 as positive, so that its L1 pushes every bias, which begins at 0, away from it.

What is handed back is drawn into the folder that you name: `python examples/lessons/13_backpropagation.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import funcnn as fn
from book_spiral import book_weights
from funcnn import datasets, losses, plotting, tree
from funcnn.activations import relu, softmax
from funcnn.layers import dense
from funcnn.typing import Array, Params, Scalar

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
x, labels = datasets.nnfs_spiral(samples=100, classes=3)
params = book_weights(300, 2, 3, 3, scale=0.01, dtype=np.float32)
net = dense(2, 3) >> relu >> dense(3, 3)


def loss(params: Params, x: Array) -> Scalar:
    """The mean cross-entropy of the network on the spiral."""
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), labels))


def dense_backward(x: Array, w: Array, g: Array) -> tuple[Array, Array, Array]:
    """What a dense layer makes of the derivative g by its output: dw, db, dx."""
    return x.T @ g, np.sum(g, axis=0), g @ w.T


def backward(params: Params, x: Array) -> tuple[Params, dict[str, Array]]:
    """The gradient of the loss, each step by hand, and what was handed back on the way."""
    (w1, b1), (w2, b2) = ((layer["w"], layer["b"]) for layer in params.values())
    z1 = x @ w1 + b1
    a1 = np.maximum(z1, 0)
    s = softmax(a1 @ w2 + b2)
    dz2 = (s - losses.one_hot(labels, 3, x.dtype)) / len(x)  # of the mean cross-entropy, through softmax
    dw2, db2, da1 = dense_backward(a1, w2, dz2)
    dz1 = da1 * (np.asarray(z1) > 0)  # through relu
    dw1, db1, _ = dense_backward(x, w1, dz1)
    gradients = {"dense_0": {"w": dw1, "b": db1}, "dense_1": {"w": dw2, "b": db2}}
    return gradients, {"dz2: s - one_hot": dz2, "da1: dz2 w2ᵀ": da1, "dz1: da1 where z1 > 0": dz1}


print(f"loss {loss(params, x):.7f}")  # about log 3, the loss of who says a third to each class
for path, gradient in tree.leaves_with_path(backward(params, x)[0]):
    print(f"derivative by {tree.keystr(path)}:")
    print(gradient)

doubles, x_doubles = tree.astype(params, np.float64), x.astype(np.float64)
(by_hand, handed_back), by_grad = backward(doubles, x_doubles), fn.grad(loss)(doubles, x_doubles)
print("in float64, equal to fn.grad:", tree.all_close(by_hand, by_grad, rtol=1e-9, atol=1e-15))
print("and by dense_1/b:", by_hand["dense_1"]["b"])


def penalty(layer: dict[str, Array], l1: float, l2: float) -> Scalar:
    """l1 Σ|p| + l2 Σp² over the parameters p of a layer."""
    total: Scalar = sum(l1 * np.sum(np.abs(p)) + l2 * np.sum(p**2) for p in layer.values())
    return total


layer: dict[str, Array] = {"w": np.array([[0.5, -2.0]]), "b": np.array([0.0, 0.0])}
l1, l2 = 0.1, 0.05
penalties = tree.map(lambda p: l1 * np.sign(p) + 2 * l2 * p, layer)
print("\nthe penalty of w =", layer["w"], "and b =", layer["b"], "is", penalty(layer, l1, l2))
for name, gradient in fn.grad(penalty)(layer, l1, l2).items():
    print(f"its derivative by {name}:", gradient, "and by hand:", penalties[name])
print("by b, the notebook's L1:", l1 * np.where(np.asarray(layer["b"]) < 0, -1, 1))

try:
    figure = plotting.figure(10, 3.6)
    each = {name: len(x) * g for name, g in handed_back.items()}  # of its own loss, not of the mean
    plotting.activations(each, axes=figure.subplots(1, 3))
    figure.savefig(folder / "backpropagation.png", dpi=160)
    print(f"\nwrote {folder / 'backpropagation.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let all weights begin at 0, `scale=0.0` in place of `scale=0.01`. Which
# of the four derivatives are then exactly 0, and which weights can learn?
