"""Lesson 25: a network of your own: your data, your activation, your loss.

See it learn a ring from 600 points of a square, with bumps, exp(-x^2), in place of relu. Nothing in it is part of
funcnn but the layers, the optimizer and the gradient: the rest are functions of NumPy, and `fn.grad` follows them
through. The picture is what it answers in the plane. Linear algebra, something that bends, and gradients: that is
learning. Now change it.

A sharper picture is drawn into the folder that you name: `python examples/lessons/25_your_own_network.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import funcnn as fn
from funcnn import optimizers, plotting, random, training
from funcnn.layers import dense
from funcnn.optimizers import OptState, apply_updates
from funcnn.typing import Array, Params, Scalar

Batch = tuple[Array, Array]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())


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

try:
    figure = plotting.figure(5, 5)
    ax = figure.subplots()
    inside = np.asarray(y[:400] > 0, int)
    plotting.decision_boundary(lambda points: 2 * net.apply(params, points), x[:400], inside, ax=ax, margin=0)
    circles = 0.4 * np.exp(1j * np.linspace(0, 2 * np.pi, 100))
    for circle in (circles, 2 * circles):
        ax.plot(circle.real, circle.imag, "--", color="black", linewidth=0.8)
    ax.set(title=f"the ring (dashed), and what is learnt: {right:.0%} right", xticks=[], yticks=[])
    figure.savefig(folder / "your_own_network.png", dpi=160)
    print(f"\nwrote {folder / 'your_own_network.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: bend with a parabola, `return x * x` in place of `return np.exp(-x * x)`.
# Which shapes can 16 parabolas, added up, tell from the rest of the plane?
