"""Lesson 18: RMSProp divides by the size that the gradients have had of late, so that its steps do not die out.

The rule is that of Adagrad with a running mean in place of the sum: s' = 0.9 s + 0.1 g^2, step -rate g / (sqrt(s') +
eps). See it by hand beside `optimizers.rmsprop`; under a gradient that stays the same Adagrad's steps shrink for ever
and RMSProp's come to the rate. The last lines are the spiral, as the book trains it.

Steps and losses are drawn into the folder that you name: `python examples/lessons/18_rmsprop.py .`
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

from book_spiral import batch, loss, start
from funcnn import optimizers, plotting, schedules, training
from funcnn.optimizers import apply_updates
from funcnn.typing import Array

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
print("Three steps from (1, 1) at a rate of 0.01, gradients (.3, -2), (.1, 1), (-.5, .2)")
optimizer = optimizers.rmsprop(0.01, decay=0.9, eps=1e-7)
p: Array = np.array([1.0, 1.0])
state = optimizer.init(p)
by_hand, s = np.array([1.0, 1.0]), np.array([0.0, 0.0])
for gradient in ([0.3, -2.0], [0.1, 1.0], [-0.5, 0.2]):
    g = np.array(gradient)
    updates, state = optimizer.update(g, state, p)
    p = apply_updates(p, updates)
    s = 0.9 * s + 0.1 * g**2
    by_hand = by_hand - 0.01 * g / (np.sqrt(s) + 1e-7)
    print(f"  rmsprop {p}  by hand {by_hand}")

print("\nThe steps under a gradient of 1, at a rate of 0.01")
sizes: dict[str, list[float]] = {}
for name, running in (("adagrad", optimizers.adagrad(0.01)), ("rmsprop", optimizers.rmsprop(0.01))):
    nowhere, one = np.array([0.0]), np.array([1.0])
    memory = running.init(nowhere)
    taken = []
    for _ in range(1000):
        update, memory = running.update(one, memory, nowhere)
        taken.append(-float(update[0]))
    sizes[name] = taken
    print(f"  {name}: step 1 {taken[0]:.6f}, step 10 {taken[9]:.6f}, step 1000 {taken[999]:.6f}")

print("\nThe spiral: rate 0.001, decay 1e-4")
rate = schedules.inverse_time_decay(0.001, 1e-4)
descents = {}
for name, optimizer in (("rmsprop", optimizers.rmsprop(rate, decay=0.9, eps=1e-7)),
                        ("adagrad", optimizers.adagrad(rate, eps=1e-7))):
    step = training.make_step(loss, optimizer)
    descents[name] = training.fold(step, (start, optimizer.init(start)), itertools.repeat(batch, 101))[1]
for k in (0, 1, 10, 100):
    print(f"  before step {k:3}: loss {descents['rmsprop'][k]:.9f}")
print(f"  and with Adagrad, at the same rate: {descents['adagrad'][100]:.9f}")

try:
    figure = plotting.figure(9, 3.4)
    left, right = figure.subplots(1, 2)
    for color, name in zip(plotting.COLORS[::2], sizes, strict=False):
        left.loglog(range(1, 1001), sizes[name], color=color, label=name)
        right.plot(descents[name], color=color, label=name)
    left.set(title="gradient always 1, rate 0.01", xlabel="step", ylabel="its size")
    right.set(title="the spiral, rate 0.001", xlabel="step", ylabel="loss")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False)
    figure.savefig(folder / "rmsprop.png", dpi=160)
    print(f"\nwrote {folder / 'rmsprop.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: give it a longer memory under the gradient of 1, `rmsprop(0.01,
# decay=0.999)` in place of `rmsprop(0.01)`. Is its first step smaller or larger, and how much?
