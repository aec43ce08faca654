"""Lesson 8: the spiral, a problem that no straight line solves, through a layer that has not learnt anything.

See the first five outputs that the notebook prints. The points come from the package nnfs and the weights from the
same stream of normal numbers, right behind those that the points took. nnfs has to replace four functions of NumPy
for that; `datasets.nnfs_spiral` gives the same bytes and touches nothing, and the lesson looks whether it does.
"""

from __future__ import annotations

import numpy as np

from funcnn import datasets
from funcnn.layers import dense
from funcnn.typing import DenseParams

numpy_before = np.dot, np.zeros, np.eye, np.random.randn
x, y = datasets.nnfs_spiral(samples=100, classes=3)
print("points:", x.shape, x.dtype, " labels:", y.shape, y.dtype)
print("points in each class:", np.bincount(y))
print("NumPy is as it was:", numpy_before == (np.dot, np.zeros, np.eye, np.random.randn))

stream = np.random.RandomState(0)
stream.randn(300)  # one number for each point
params: DenseParams = {"w": np.float32(0.10) * stream.randn(2, 3).astype(np.float32), "b": np.zeros(3, np.float32)}

outputs = dense(2, 3).apply(params, x)
print(outputs[:5])
print("dtype:", outputs.dtype)

# Lines at every degree and many distances from the middle: how many points of two arms do they put on the right side?
angles, distances = np.radians(np.arange(360)), np.linspace(-1, 1, 41)
along = np.asarray(x[y < 2]) @ np.array([np.cos(angles), np.sin(angles)])
sides = along[:, :, None] > distances
right = np.mean(sides == (y[y < 2] == 1)[:, None, None], axis=0)
print(f"the best of {right.size} straight lines tells two arms apart for {np.max(right):.0%} of their points")
