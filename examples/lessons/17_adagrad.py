"""Lesson 17: Adagrad gives each parameter a rate of its own, smaller the more its gradients have added up to.

The rule is s' = s + g^2, step -rate g / (sqrt(s') + eps), for each number apart. See the rule by hand beside
`optimizers.adagrad`. See that with a gradient that stays the same the k-th step is rate / sqrt(k), whatever the size
of the gradient, so that the steps only ever shrink. And see what it is for: a feature that is rarely there keeps a
high rate and is learnt as well as one that is always there.

How both are learnt is drawn into the folder that you name: `python examples/lessons/17_adagrad.py .`
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

from funcnn import losses, optimizers, plotting, training
from funcnn.optimizers import apply_updates
from funcnn.typing import Array, Scalar

Batch = tuple[Array, Array]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
print("Three steps from (1, 1) at a rate of 0.01, gradients (.3, -2), (.1, 1), (-.5, .2)")
optimizer = optimizers.adagrad(0.01, eps=1e-7)
p: Array = np.array([1.0, 1.0])
state = optimizer.init(p)
by_hand, s = np.array([1.0, 1.0]), np.array([0.0, 0.0])
for gradient in ([0.3, -2.0], [0.1, 1.0], [-0.5, 0.2]):
    g = np.array(gradient)
    updates, state = optimizer.update(g, state, p)
    p = apply_updates(p, updates)
    s = s + g**2
    by_hand = by_hand - 0.01 * g / (np.sqrt(s) + 1e-7)
    print(f"  adagrad {p}  by hand {by_hand}  rate of each {0.01 / np.sqrt(s)}")

print("\nThe steps under a gradient that stays the same, at a rate of 0.01")
for size in (0.001, 1000.0):
    always, steady = np.array([size]), optimizer.init(np.array([0.0]))
    steps = []
    for _ in range(100):
        update, steady = optimizer.update(always, steady, np.array([0.0]))
        steps.append(-update[0])
    print(f"  gradient {size:6}: step 1 {steps[0]:.6f}, step 4 {steps[3]:.6f}, step 100 {steps[99]:.6f}")

# The first feature is there in every example, the second in one of fifty; the answer is 2 times one, 3 times the other.
x = np.ones((50, 2), np.float64)
x[1:, 1] = 0.0
batch: Batch = x, x @ np.array([2.0, 3.0])


def loss(w: Array, batch: Batch) -> Scalar:
    """The mean-squared error of a linear model."""
    x, y = batch
    return np.mean(losses.squared_error(x @ w, y))


start: Array = np.array([0.0, 0.0])
ways: dict[str, Array] = {}
print("\nA feature that is always there and one that is rarely there, 100 steps; the weights should be 2 and 3")
for name, optimizer in (("plain descent", optimizers.sgd(0.5)), ("adagrad", optimizers.adagrad(0.5))):
    step = training.make_step(loss, optimizer)
    taken = list(training.scan(step, (start, optimizer.init(start)), itertools.repeat(batch, 100)))
    ways[name] = np.array([w for (w, _), _ in taken])
    print(f"  {name:14} {np.round(ways[name][-1], 4)}  loss {taken[-1][1]:.6f}")

try:
    figure = plotting.figure(9, 3.4)
    for ax, (name, way) in zip(figure.subplots(1, 2, sharey=True), ways.items(), strict=True):
        for i, label in enumerate(("always there, should be 2", "rarely there, should be 3")):
            ax.axhline(2 + i, color=plotting.COLORS[2 * i], linewidth=0.8, linestyle="--")
            ax.plot(way[:, i], color=plotting.COLORS[2 * i], label=label)
        ax.set(title=name, xlabel="step")
        ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower right")
    figure.savefig(folder / "adagrad.png", dpi=160)
    print(f"\nwrote {folder / 'adagrad.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: make the loss a thousandth, `return 0.001 * np.mean(losses.` in place of
# `return np.mean(losses.`. How far do plain descent and Adagrad come now?
