"""The start that the book's trainings on the spiral share: its points, its first weights, a network and its loss.

The book draws all its random numbers from one stream of normal numbers with the seed 0. The 300 points of the spiral
take the first 300, the weights of the first layer come next, then those of the second; biases begin at 0. Whoever
draws in this order gets the book's numbers, and two optimizers that begin here can be compared.

    from book_spiral import batch, loss, net, start
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import DTypeLike

from funcnn import datasets, losses
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]


def book_weights(skip: int, *widths: int, scale: float = 0.01, dtype: DTypeLike = np.float64) -> Params:
    """The first weights of a network of these widths: `scale` times the numbers that follow `skip` of the stream."""
    stream = np.random.RandomState(0)
    stream.randn(skip)

    def layer(inputs: int, outputs: int) -> dict[str, Array]:
        drawn = stream.randn(inputs, outputs).astype(dtype)
        return {"w": np.asarray(scale, dtype) * drawn, "b": np.zeros(outputs, dtype)}

    return {f"dense_{i}": layer(*each) for i, each in enumerate(pairwise(widths))}


batch: Batch = datasets.nnfs_spiral(samples=100, classes=3, dtype=np.float64)
net = dense(2, 64) >> relu >> dense(64, 3)
start = book_weights(300, 2, 64, 3)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy of the network on a batch."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))
