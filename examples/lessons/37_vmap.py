"""Lesson 37: write a function for one example, and `vmap` makes it one for all, without a loop.

`fn.vmap(f, in_axes=(None, 0, 0))` says of each argument whether there is one for all, None, or one for each, along an
axis, 0. See the loss of one point, w x + b against y, become the losses of all; `vmap(grad(...))`, in which the words
stand as one thinks them, the gradient of each point by itself; and `vmap(step)` with the axes the other way round, five
lines trained at once. At the best line the mean of the gradients is 0, but none of them is: each point pulls, and one
whose y is wrong pulls hardest.

Lines and pulls are drawn into the folder that you name: `python examples/lessons/37_vmap.py .`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import funcnn as fn
from funcnn import plotting, random, tree
from funcnn.typing import Array, Scalar

Line = Mapping[str, Array]  # w and b

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
noise_key, w_key, b_key = random.split(random.key(0), 3)
x = np.linspace(-1, 1, 21)
y = 3 * x + 2 + 0.2 * random.normal(noise_key, (21,), np.float64)
y = np.where(np.arange(21) == 15, y - 2, y)  # one is wrong


def loss_of_one(line: Line, x: Scalar, y: Scalar) -> Scalar:
    """The squared error of one point; nothing in it knows that there are more."""
    return (line["w"] * x + line["b"] - y) ** 2


losses_of_all = fn.vmap(loss_of_one, in_axes=(None, 0, 0))
gradients_of_all = fn.vmap(fn.grad(loss_of_one), in_axes=(None, 0, 0))


def mean_loss(line: Line, x: Array, y: Array) -> Scalar:
    """The loss of all points together."""
    return np.mean(losses_of_all(line, x, y))


def step(line: Line, x: Array, y: Array) -> Line:
    """A step against the gradient, for one line."""
    return tree.map(lambda p, g: p - 0.3 * g, line, fn.grad(mean_loss)(line, x, y))


start = {"w": np.asarray(1.0), "b": np.asarray(0.0)}
one_by_one = [float(loss_of_one(start, x[i], y[i])) for i in range(21)]
print("the losses of all, as in a loop:", np.allclose(losses_of_all(start, x, y), one_by_one, rtol=1e-12))

gradients = gradients_of_all(start, x, y)
mean, expected = tree.map(np.mean, gradients), fn.grad(mean_loss)(start, x, y)
print("the gradient by w of one:", fn.grad(loss_of_one)(start, x[0], y[0])["w"].shape, "of all:", gradients["w"].shape)
print("their mean is the gradient of the mean:", all(np.allclose(mean[k], expected[k], rtol=1e-12) for k in "wb"))

starts: Line = {"w": 4 * random.normal(w_key, (5,), np.float64),
                "b": 4 * random.normal(b_key, (5,), np.float64)}
lines = starts
for _ in range(100):
    lines = fn.vmap(step, in_axes=(0, None, None))(lines, x, y)
print("\nFIVE LINES, trained at once by the step of one")
print("  w:", np.round(starts["w"], 3), "->", np.round(lines["w"], 3))
print("  b:", np.round(starts["b"], 3), "->", np.round(lines["b"], 3))

best = tree.map(lambda leaf: leaf[0], lines)
pulls = tree.map(np.negative, gradients_of_all(best, x, y))
lengths = np.hypot(pulls["w"], pulls["b"])
print("\nEACH POINT'S PULL at the best line")
print(f"  their mean is {abs(np.mean(pulls['w'])):.4f} on w, {abs(np.mean(pulls['b'])):.4f} on b; the median "
      f"length is {np.median(lengths):.3f}")
print(f"  that of point {np.argmax(lengths)} is the longest, {np.max(lengths) / np.median(lengths):.1f} times as long")

try:
    figure = plotting.figure(width=10, height=4)
    left, right = figure.subplots(1, 2)
    left.scatter(x, y, c=x, s=10 + 15 * lengths, zorder=3)
    left.plot(x, np.outer(x, starts["w"]) + starts["b"], color="silver", linewidth=1)
    left.plot(x, best["w"] * x + best["b"], color=plotting.COLORS[0], linewidth=2)
    left.set(xlabel="x", ylabel="y", ylim=(-4, 8), title="five lines at first, and the one that all become")
    right.quiver(0 * x, 0 * x, pulls["w"], pulls["b"], x, angles="xy", scale_units="xy", scale=1, width=0.006)
    right.set(xlabel="pull on w", ylabel="pull on b", xlim=(-2.6, 1.6), ylim=(-3.8, 1.6),
              title="the pull of each point, in its colour")
    figure.savefig(folder / "pulls.png", dpi=160)
    print(f"\nwrote {folder / 'pulls.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: take `abs(line["w"] * x + line["b"] - y)` as the loss of one. How many
# times as long as the median is the longest pull then?
