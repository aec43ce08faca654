"""Lesson 25: a network of your own, in thirty lines: your data, your activation, your loss.

See it learn a ring from 600 points of a square, with bumps, exp(-x^2), in place of relu. Nothing in it is part of
funcnn but the layers, the optimizer and the gradient: the rest are functions of NumPy, and `fn.grad` follows them
through. The picture is what it answers in the plane. Linear algebra, something that bends, and gradients: that is
learning. Now change it.
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import optimizers, random, training
from funcnn.layers import dense
from funcnn.optimizers import OptState, apply_updates
from funcnn.typing import Array, Params, Scalar

Batch = tuple[Array, Array]


def ring(key: fn.typing.Key, count: int) -> Batch:
    """Points of a square, and 1 for those of the ring, -1 for the others."""
    x = random.uniform(key, (count, 2), minval=-1, maxval=1)
    radius = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    return x, np.where((radius > 0.4) & (radius < 0.8), 1, -1).astype(np.float32)


def bump(x: Array) -> Array:
    """An activation of your own."""
    return np.exp(-x * x)


def loss(params: Params, batch: Batch) -> Scalar:
    """A loss of your own: answers should have the right sign, and be sure of it."""
    x, y = batch
    lacking: Array = np.maximum(0, 1 - y * net.apply(params, x))
    return np.mean(lacking**2)


def step(params: Params, opt_state: OptState[Params], batch: Batch) -> tuple[Params, OptState[Params], Scalar]:
    """One step of training."""
    value, grads = fn.value_and_grad(loss)(params, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return apply_updates(params, updates), opt_state, value


train_key, fresh_key, init_key, order_key = random.split(random.key(0), 4)
net = dense(2, 16) >> bump >> dense(16, 1)
optimizer = optimizers.adam(0.03)
params = net.init(init_key)
batches = training.batches(order_key, ring(train_key, 600), size=100, epochs=200)
(params, _), history = training.fold(step, (params, optimizer.init(params)), batches)

x, y = ring(fresh_key, 1000)
right = np.mean(np.sign(net.apply(params, x)) == y)
print(f"loss {history[0]:.3f} -> {history[-1]:.3f}; right for {right:.1%} of {len(x)} fresh points\n")

axis = np.linspace(-1, 1, 25, dtype=np.float32)
plane = np.stack(np.meshgrid(axis, axis), axis=-1)
for row in np.asarray(net.apply(params, plane))[..., 0] > 0:
    print("".join("##" if answer else " ." for answer in row))
