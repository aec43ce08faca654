"""Lesson 8: the spiral, a problem that no straight line solves, through a layer that has not learnt anything.

See the first five outputs that the notebook prints. The points come from the package nnfs and the weights from the
same stream of normal numbers, right behind those that the points took. nnfs has to replace four functions of NumPy
for that; `datasets.nnfs_spiral` gives the same bytes and touches nothing, and the lesson looks whether it does. Then
thousands of straight lines try to tell two of the arms apart.

The best of them is drawn into the folder that you name: `python examples/lessons/08_spiral.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from funcnn import datasets, plotting
from funcnn.layers import dense
from funcnn.typing import DenseParams

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
numpy_before = np.dot, np.zeros, np.eye, np.random.randn
x, y = datasets.nnfs_spiral(samples=100, classes=3)
print("points:", x.shape, x.dtype, " labels:", y.shape, y.dtype)
print("points in each class:", np.bincount(y))
print("NumPy is as it was:", numpy_before == (np.dot, np.zeros, np.eye, np.random.randn))

stream = np.random.RandomState(0)
stream.randn(300)  # one number for each point; later lessons get such weights from book_spiral.py
params: DenseParams = {"w": np.float32(0.10) * stream.randn(2, 3).astype(np.float32), "b": np.zeros(3, np.float32)}

outputs = dense(2, 3).apply(params, x)
print(outputs[:5])
print("dtype:", outputs.dtype)

# Lines at every degree and many distances from the middle: how many points of two arms do they put on the right side?
two_arms, arm = np.asarray(x[y < 2]), y[y < 2]
angles, distances = np.radians(np.arange(360)), np.linspace(-1, 1, 41)
directions = np.array([np.cos(angles), np.sin(angles)])
sides = (two_arms @ directions)[:, :, None] > distances
right = np.mean(sides == (arm == 1)[:, None, None], axis=0)
print(f"the best of {right.size} straight lines tells two arms apart for {np.max(right):.0%} of their points")

try:
    figure = plotting.figure(9, 4.6)
    layer_ax, line_ax = figure.subplots(1, 2)
    plotting.decision_boundary(lambda points: 30 * dense(2, 3).apply(params, points), x, y, ax=layer_ax)
    layer_ax.set(title="a layer that has learnt nothing:\nthree wedges, straight edges", xticks=[], yticks=[])
    angle, distance = np.unravel_index(np.argmax(right), right.shape)
    toward, beyond = directions[:, [angle]].astype(np.float32), float(distances[distance])
    plotting.decision_boundary(lambda points: 10 * (points @ toward - beyond), two_arms, arm, ax=line_ax)
    line_ax.set(title=f"two arms and the best of all lines:\n{np.max(right):.0%} on their side", xticks=[], yticks=[])
    figure.savefig(folder / "straight_lines.png", dpi=160)
    print(f"\nwrote {folder / 'straight_lines.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: try ten times as many distances from the middle, `np.linspace(-1, 1,
# 401)`. How much better is the best line of 144360 than the best of 14760?
