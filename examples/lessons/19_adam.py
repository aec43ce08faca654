"""Lesson 19: Adam is momentum divided by the size of the gradients, with both means corrected for their beginning.

The rule is m' = b1 m + (1 - b1) g, v' = b2 v + (1 - b2) g^2, step -rate (m' / (1 - b1^t)) / (sqrt(v' / (1 - b2^t)) +
eps). See it by hand beside `optimizers.adam`, and what the corrections do: the first step is as long as the rate,
whatever the size of the gradient. Then the optimizers of the book on the spiral, from the same weights: Adam is
far ahead after 100 steps. (Adagrad's first step is as long as its rate, too: 1.0 for each weight throws it far off.)

Their losses are drawn into the folder that you name: `python examples/lessons/19_adam.py .`
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

from book_spiral import batch, loss, start
from funcnn import optimizers, plotting, training
from funcnn.optimizers import apply_updates, chain, scale_by_learning_rate, trace
from funcnn.schedules import inverse_time_decay
from funcnn.typing import Array

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
print("Three steps from (1, 1) at a rate of 0.01, gradients (.3, -2), (.1, 1), (-.5, .2)")
optimizer = optimizers.adam(0.01, b1=0.9, b2=0.999, eps=1e-7)
p: Array = np.array([1.0, 1.0])
state = optimizer.init(p)
by_hand, m, v = np.array([1.0, 1.0]), np.array([0.0, 0.0]), np.array([0.0, 0.0])
for t, gradient in enumerate(([0.3, -2.0], [0.1, 1.0], [-0.5, 0.2]), start=1):
    g = np.array(gradient)
    updates, state = optimizer.update(g, state, p)
    p = apply_updates(p, updates)
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    by_hand = by_hand - 0.01 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
    print(f"  adam {p}  by hand {by_hand}")

sizes = np.array([0.001, 1.0, 1000.0])
first, _ = optimizer.update(sizes, optimizer.init(sizes), sizes)
print("the first step for gradients of .001, 1, 1000:", np.round(np.asarray(first), 5))

print("\nThe loss on the spiral before step    0           1           10          100")
descents = {}
for name, optimizer in {
    "SGD 1.0": optimizers.sgd(1.0),
    "SGD 1.0, decay 1e-2": optimizers.sgd(inverse_time_decay(1.0, 1e-2)),
    "SGD 1.0, decay 1e-3": optimizers.sgd(inverse_time_decay(1.0, 1e-3)),
    "SGD with momentum 0.9": chain(scale_by_learning_rate(inverse_time_decay(1.0, 1e-3)), trace(0.9)),
    "Adagrad 1.0, decay 1e-4": optimizers.adagrad(inverse_time_decay(1.0, 1e-4), eps=1e-7),
    "RMSProp 0.001, decay 1e-4": optimizers.rmsprop(inverse_time_decay(0.001, 1e-4), eps=1e-7),
    "Adam 0.02, decay 1e-5": optimizers.adam(inverse_time_decay(0.02, 1e-5), eps=1e-7),
}.items():
    step = training.make_step(loss, optimizer)
    descents[name] = training.fold(step, (start, optimizer.init(start)), itertools.repeat(batch, 101))[1]
    print(f"{name:37}", *(f"{descents[name][k]:.9f}" for k in (0, 1, 10, 100)))

try:
    figure = plotting.figure(9, 4)
    (ax,) = plotting.history({"loss": dict(reversed(descents.items()))}, axes=figure.subplots())
    ax.set(title="the spiral, from the same weights", ylim=(0.75, 1.25))
    ax.legend(frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    figure.savefig(folder / "adam.png", dpi=160)
    print(f"\nwrote {folder / 'adam.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: make eps a million times as large, `eps=1.0` in place of each `eps=1e-7`.
# How long is the first step for gradients of .001, 1 and 1000, and does Adam still come down?
