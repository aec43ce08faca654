"""Lesson 10: softmax turns any row of numbers into positive ones that sum to 1: probabilities of the classes.

See the five uniform rows that the notebook prints for a network that has not learnt, and why they prove little: for
the first points of the spiral all three hidden neurons give 0, so all logits, the numbers that softmax is given, are
equal, and a "softmax" with a wrong base prints the same. Further down the rows differ, and the two do as well. Then
see that the maximum has to be subtracted before the exponential, and the derivative: diag(s) - s sᵀ.

Logits and their probabilities are drawn into the folder that you name: `python examples/lessons/10_softmax.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import funcnn as fn
from book_spiral import book_weights
from funcnn import datasets, plotting
from funcnn.activations import relu, softmax
from funcnn.layers import dense
from funcnn.typing import Array

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())

# The notebook's random numbers: spiral and weights of lesson 8, another spiral, the weights of two layers.
x, _ = datasets.nnfs_spiral(samples=100, classes=3, skip=300 + 6)
params = book_weights(300 + 6 + 300, 2, 3, 3, scale=0.10, dtype=np.float32)
net = dense(2, 3) >> relu >> dense(3, 3)
logits = net.apply(params, x)
probabilities = softmax(logits)
print(probabilities[:5])


def powers_of_two(z: Array) -> Array:
    """Not softmax: the base is 2."""
    powers = 2 ** (z - np.max(z, axis=-1, keepdims=True))
    result: Array = powers / np.sum(powers, axis=-1, keepdims=True)
    return result


hidden = (dense(2, 3) >> relu).apply({"dense_0": params["dense_0"]}, x)
dead = np.all(np.asarray(hidden) == 0, axis=1)
print(f"rows in which all hidden neurons give 0: {np.sum(dead)} of {len(dead)}, not in row {np.argmin(dead)}")
print("wrong base, the same rows:", np.array_equal(powers_of_two(logits)[:5], probabilities[:5]))
print("row 299 of softmax:   ", probabilities[299])
print("row 299 of wrong base:", powers_of_two(logits)[299])

large = np.array([[1000.0, 0.0, -1000.0]])
with np.errstate(over="ignore", invalid="ignore"):
    print("\nwithout subtracting the maximum:", np.exp(large) / np.sum(np.exp(large)))
print("softmax:                        ", softmax(large))

z = np.array([1.0, 2.0, 3.0])
s = softmax(z)
print(f"\nthe softmax of {z}:", s, "\nand its derivative:")
print(fn.jacobian(softmax)(z))
by_hand = np.diag(s) - np.outer(s, s)
print("equal to diag(s) - s sᵀ:", np.allclose(fn.jacobian(softmax)(z), by_hand, atol=1e-15))

try:
    figure = plotting.figure(9, 4.4)
    rows = {"logits": z, "all of them 5 less": z - 5, "all of them doubled": 2 * z}
    for (above, below), (name, row) in zip(figure.subplots(2, 3, sharey="row").T, rows.items(), strict=True):
        for ax, heights, digits in ((above, row, "g"), (below, softmax(row), ".0%")):
            bars = ax.bar(["class 0", "class 1", "class 2"], heights, color=plotting.COLORS[:3])
            ax.bar_label(bars, [format(height, digits) for height in np.asarray(heights)], padding=2)
            ax.spines[["top", "right"]].set_visible(False)
        above.axhline(0, color="black", linewidth=0.8)
        above.set(title=name, xticks=[], ylim=(-6, 8))
        below.set(ylabel="probability" if name == "logits" else "", ylim=(0, 1.15))
    figure.savefig(folder / "softmax.png", dpi=160)
    print(f"\nwrote {folder / 'softmax.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: take `z = np.array([1001.0, 1002.0, 1003.0])`, logits that are 1000 more.
# What becomes of the probabilities, and what of the derivative?
