"""Lesson 30: see the spiral being learnt, as a film of 50 pictures.

Parameters do not change here: those of every step are still there when training is over, so the film is made
afterwards, from the list of them. See the plane begin as three wedges, the wedges bend, and the arms find their points.
The weights meanwhile grow from a heap around 0 into what they are used for, which the second picture shows.

The film and the pictures go into the folder that you name: `python examples/lessons/30_animation.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from funcnn import datasets, losses, metrics, optimizers, plotting, random, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
data_key, init_key, order_key = random.split(random.key(0), 3)
x, labels = datasets.spiral(data_key, samples=100, classes=3)
net = dense(2, 64) >> relu >> dense(64, 3)
optimizer = optimizers.adam(0.05)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy."""
    x, labels = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), labels))


params = net.init(init_key)
epochs = training.batches(order_key, (x, labels), size=300, epochs=1000)
steps = list(training.scan(training.make_step(loss, optimizer), (params, optimizer.init(params)), epochs))
snapshots, values = [params, *(state[0] for state, _ in steps)], [float(value) for _, value in steps]
accuracies = [float(metrics.accuracy(net.apply(each, x), labels)) for each in snapshots]

shown = np.unique(np.geomspace(1, 1001, 61).round().astype(int)) - 1  # 50 of them, most from the beginning
print("step   loss   accuracy")
for i in (0, 10, 30, 100, 300, 1000):
    print(f"{i:4} {float(loss(snapshots[i], (x, labels))):7.3f} {accuracies[i]:8.3f}")

try:
    film = plotting.animate([snapshots[i] for i in shown], net.apply, x, labels, folder / "spiral.gif", resolution=90,
                            titles=[f"step {i}: {accuracies[i]:.0%} right" for i in shown])
    print(f"\nwrote {film}, {len(shown)} pictures")
    strip = plotting.figure(width=9.6, height=2.6)
    for ax, i in zip(strip.subplots(1, 4), (0, 30, 100, 1000), strict=True):
        chosen = snapshots[i]
        plotting.decision_boundary(lambda points: net.apply(chosen, points), x, labels, ax=ax)  # noqa: B023
        ax.set(title=f"step {i}: {accuracies[i]:.0%}", xticks=[], yticks=[])
    strip.savefig(folder / "spiral.png")
    heaps = plotting.figure(width=9.6, height=2.9)
    plotting.weights(snapshots, axes=heaps.subplots(1, 3))
    heaps.savefig(folder / "weights.png")
    curves = plotting.figure(width=6.4, height=4)
    plotting.history({"loss": values, "accuracy": accuracies}, axes=curves.subplots(2, 1))
    curves.savefig(folder / "history.png")
    print(f"wrote spiral.png, weights.png and history.png into {folder}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: leave the relu out, `net = dense(2, 64) >> dense(64, 3)`. There are as
# many weights as before. What can the film show then, and how many of the points will be right after 1000 steps?
