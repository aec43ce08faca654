"""Lesson 26: every number of one training step, on one page, and each of them worked out by hand.

Three points of the spiral, one of each class, a network of two layers, and one step of gradient descent. See the table
that `trace` prints. Read it down: FORWARD to the loss, BACKWARD to the parameters, where g is always the cotangent that
was handed to the operation above, and PARAMETERS, which take a step against their gradients. Below stands the same step
in a few lines of NumPy, as in lesson 13, and the numbers agree. A single layer can be followed by its name.

The graph of it is drawn into the folder that you name: `python examples/lessons/26_trace.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from funcnn import datasets, losses, optimizers, plotting, random, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.tracing import trace
from funcnn.tracing.text import values
from funcnn.typing import Array, IntArray, Params, Scalar

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
data_key, init_key = random.split(random.key(3))
x, labels = datasets.spiral(data_key, samples=2, classes=3)
x, labels = x[1::2], labels[1::2]  # the outer end of each arm
net = dense(2, 2) >> relu >> dense(2, 3)
params = tree.astype(net.init(init_key), np.float64)
rate = 0.5


def loss(params: Params, x: Array, labels: IntArray) -> Scalar:
    """The mean cross-entropy."""
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), labels))


step = trace(loss, optimizers.sgd(rate))(params, x.astype(np.float64), labels)
print(step.table(digits=3, width=150))

print("\nBY HAND, in NumPy:")
points = np.asarray(x, np.float64)
w1, b1, w2, b2 = (np.asarray(params[layer][name]) for layer in ("dense_0", "dense_1") for name in "wb")
z1 = points @ w1 + b1
a1 = np.maximum(z1, 0)
z2 = a1 @ w2 + b2
p = np.exp(z2) / np.sum(np.exp(z2), axis=1, keepdims=True)
each = -np.log(p[range(3), labels])
dz2 = (p - (labels[:, None] == np.arange(3))) / 3  # of the mean cross-entropy, through softmax
da1 = dz2 @ w2.T
dz1 = da1 * (z1 > 0)  # relu lets back what it let through
gradients = {"dense_0/w": points.T @ dz1, "dense_0/b": dz1.sum(0), "dense_1/w": a1.T @ dz2, "dense_1/b": dz2.sum(0)}

seen = [op.value for op in step.operations], [np.asarray(op.cotangent) for op in step.operations]
for name, number, traced in (("z1", z1, seen[0][0]), ("a1", a1, seen[0][1]), ("z2", z2, seen[0][2]),
                             ("losses", each, seen[0][3]), ("loss", np.mean(each), seen[0][4]),
                             ("dz2", dz2, seen[1][2]), ("da1", da1, seen[1][1]), ("dz1", dz1, seen[1][0])):
    print(f"{name:10} {values(number, 3, 80):80} {np.allclose(number, traced, rtol=1e-12)}")
for parameter in step.parameters:
    gradient = gradients[parameter.path]
    moved = np.allclose(np.asarray(parameter.new), parameter.value - rate * gradient, rtol=1e-12)
    print(f"{parameter.path:10} {values(gradient, 3, 80):80} {moved}")

print("\nTHE SECOND LAYER ALONE")
print(step.table(where="dense_1", digits=3, width=150))

try:
    figure = plotting.figure(4.2, 3.8)
    plotting.graph(step, ax=figure.subplots())
    figure.savefig(folder / "trace.png")
    print(f"\nwrote {folder / 'trace.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let the loss be `return 2 * np.mean(` instead of `return np.mean(`. Which
# numbers of the page will double, and which of the lines BY HAND will then end in False?
