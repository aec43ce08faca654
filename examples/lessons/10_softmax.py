"""Lesson 10: softmax turns any row of numbers into positive ones that sum to 1: probabilities of the classes.

See the five uniform rows that the notebook prints for a network that has not learnt, and why they prove little: for
the first points of the spiral all three hidden neurons give 0, so all logits are equal, and a "softmax" with a wrong
base prints the same. Further down the rows differ, and the two do as well. Then see that the maximum has to be
subtracted before the exponential, and the derivative: diag(s) - s sᵀ.
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import datasets
from funcnn.activations import relu, softmax
from funcnn.layers import dense
from funcnn.typing import Array, Params

# The notebook's random numbers: spiral and weights of lesson 8, another spiral, the weights of two layers.
x, _ = datasets.nnfs_spiral(samples=100, classes=3, skip=300 + 6)
stream = np.random.RandomState(0)
stream.randn(300 + 6 + 300)
tenth, zeros = np.float32(0.10), np.zeros(3, np.float32)
params: Params = {"dense_0": {"w": tenth * stream.randn(2, 3).astype(np.float32), "b": zeros},
                  "dense_1": {"w": tenth * stream.randn(3, 3).astype(np.float32), "b": zeros}}

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

z = np.array([[1000.0, 0.0, -1000.0]])
with np.errstate(over="ignore", invalid="ignore"):
    print("\nwithout subtracting the maximum:", np.exp(z) / np.sum(np.exp(z)))
print("softmax:                        ", softmax(z))

s = softmax(np.array([1.0, 2.0, 3.0]))
print("\nthe derivative of softmax at [1, 2, 3]:")
print(fn.jacobian(softmax)(np.array([1.0, 2.0, 3.0])))
by_hand = np.diag(s) - np.outer(s, s)
print("equal to diag(s) - s sᵀ:", np.allclose(fn.jacobian(softmax)(np.array([1.0, 2.0, 3.0])), by_hand, atol=1e-15))
