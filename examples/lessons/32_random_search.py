"""Lesson 32: a few weights can be found by trial and error; a gradient says which way to go.

The book's chapter 6 tries weights at random on three clouds of points, and keeps the best. See its lines: by chance
alone, nothing comes of it. When each try is a small change of the best weights so far, the loss falls, from 1.0988 to
0.177 in 1000 tries, four of five of which are thrown away. Gradient descent takes steps in place of tries, and each of
them counts: a hundred go as far as nearly all the tries.

The three ways down are drawn into the folder that you name: `python examples/lessons/32_random_search.py .`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from funcnn import datasets, losses, metrics, optimizers, plotting, training, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
tries, scale = 1000, 0.05  # the book has 10000 tries
shapes = {"dense_0": (2, 3), "dense_1": (3, 3)}
batch: Batch = datasets.nnfs_vertical(samples=100, classes=3, dtype=np.float64)
net = dense(2, 3) >> relu >> dense(3, 3)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy of a batch."""
    return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0]), batch[1]))


def beginning() -> tuple[np.random.RandomState, Params]:
    """The book's stream of normal numbers, where its points and first weights have been drawn; these weights."""
    stream = np.random.RandomState(0)
    stream.randn(batch[0].size)
    return stream, {layer: {"w": 0.01 * stream.randn(*shape), "b": np.zeros(3, np.float64)}
                    for layer, shape in shapes.items()}


def search(propose: Callable[[Params, Params], Params]) -> list[float]:
    """The lowest loss so far, after each try of what is proposed: from the best weights so far, and from new ones."""
    stream, best = beginning()
    history = [np.inf]
    for iteration in range(tries):
        drawn = {layer: {"w": scale * stream.randn(*shape), "b": scale * stream.randn(3)}
                 for layer, shape in shapes.items()}
        params = propose(best, drawn)
        value = float(loss(params, batch))
        if value < history[-1]:
            best = params
            if iteration < 6 or iteration > 0.9 * tries:
                accuracy = metrics.accuracy(net.apply(params, batch[0]), batch[1])
                print(f"New set of weights found, iteration: {iteration} loss: {value:.6f} acc: {accuracy:.3f}")
        history.append(min(value, history[-1]))
    print(f"{len(set(history)) - 1} of {tries} tries brought something; the loss is {history[-1]:.4f}")
    return history[1:]


print("BY CHANCE: all weights are new in each try")
by_chance = search(lambda best, drawn: drawn)
print("\nNEAR THE BEST: each try is the best so far, a little changed")
near_the_best = search(lambda best, drawn: tree.map(np.add, best, drawn))

print("\nGRADIENT DESCENT, from the book's first weights, with momentum 0.9")
optimizer = optimizers.sgd(1.0, momentum=0.9)
params = beginning()[1]
descent = training.fold(training.make_step(loss, optimizer), (params, optimizer.init(params)), [batch] * 201)[1]
for k in (0, 50, 100, 200):
    tried = next((str(i + 1) for i, lowest in enumerate(near_the_best) if lowest <= descent[k]), f"more than {tries}")
    print(f"after {k:3} steps the loss is {descent[k]:.4f}; so far by tries near the best: {tried}")

try:
    figure = plotting.figure(width=7.0, height=3.4)
    curves = {"by chance": by_chance, "near the best": near_the_best, "gradient descent": descent}
    plotting.history({"loss": curves}, axes=figure.subplots())[0].set(xlabel="tries, or steps", ylim=(0, 1.15))
    figure.savefig(folder / "random_search.png", dpi=160)
    print(f"\nwrote {folder / 'random_search.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: make the tries smaller, `tries, scale = 1000, 0.005`. Will more of those
# near the best bring something, or fewer? And will the loss end higher or lower?
