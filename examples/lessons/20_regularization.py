"""Lesson 20: a penalty on the size of the weights keeps a model from explaining noise.

L2 adds λ Σw² to the loss, L1 adds λ Σ|w|. See the penalties and their gradients, 2 λ w and λ sign(w). Then a linear
model with 20 features of which three matter, and 24 noisy examples: without a penalty it fits the examples best and
fresh ones worst; L2 makes all weights smaller, L1 brings those that do not matter close to 0.

The weights that are found are drawn into the folder that you name: `python examples/lessons/20_regularization.py .`
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

import funcnn as fn
from book_spiral import book_weights
from funcnn import losses, optimizers, plotting, random, schedules, training
from funcnn.regularizers import elastic_net, l1, l2
from funcnn.typing import Array, Scalar

Batch = tuple[Array, Array]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
few = np.array([0.5, 0.0, -2.0])
print("w =", few, " l1 =", l1(few, 0.1), " l2 =", l2(few, 0.1), " elastic_net =", elastic_net(few, 0.1, 0.1))
print("gradient of l1:", fn.grad(l1)(few, 0.1), " by hand:", 0.1 * np.sign(few))
print("gradient of l2:", fn.grad(l2)(few, 0.1), " by hand:", 2 * 0.1 * few)

layer = book_weights(200, 2, 64)  # of the book's chapter 16, where a spiral of 200 points was drawn before
print(f"the book's first layer before training: {l2(layer, 5e-4):.7e}")

true_weights = np.concatenate([np.array([2.0, -3.0, 1.0]), np.zeros(17, np.float64)])


def examples(key: fn.typing.Key, count: int) -> Batch:
    """Random features, and answers with noise of standard deviation 1."""
    x_key, noise_key = random.split(key)
    x = random.normal(x_key, (count, 20), np.float64)
    return x, x @ true_weights + random.normal(noise_key, (count,), np.float64)


train_key, fresh_key = random.split(random.key(0))
few_examples, fresh = examples(train_key, 24), examples(fresh_key, 1000)


def error(w: Array, batch: Batch) -> Scalar:
    """The mean-squared error."""
    x, y = batch
    return np.mean(losses.squared_error(x @ w, y))


def fitted(l1_strength: float, l2_strength: float) -> Array:
    """The weights after 1000 steps of descent on the error of the few examples and a penalty."""
    def penalized(w: Array, batch: Batch) -> Scalar:
        return error(w, batch) + elastic_net(w, l1_strength, l2_strength)

    start: Array = np.zeros(20, np.float64)
    optimizer = optimizers.sgd(schedules.inverse_time_decay(0.05, 0.01))
    step = training.make_step(penalized, optimizer)
    return training.fold(step, (start, optimizer.init(start)), itertools.repeat(few_examples, 1000))[0][0]


print("\n            few examples  fresh ones  the three weights        largest of the 17 that should be 0")
found = {"no penalty": fitted(0, 0), "l2 0.2": fitted(0, 0.2), "l1 0.5": fitted(0.5, 0)}
for name, w in found.items():
    three, rest = np.asarray(w[:3]), np.asarray(w[3:])
    print(f"{name:12}{error(w, few_examples):12.4f}{error(w, fresh):12.4f}  {three.round(4)!s:24} "
          f"{np.max(np.abs(rest)):.4f}")

try:
    figure = plotting.figure(10, 3.4)
    for ax, (name, w) in zip(figure.subplots(1, 3, sharey=True), found.items(), strict=True):
        ax.bar(range(20), w, color=plotting.COLORS[0])
        ax.bar(range(20), true_weights, fill=False, edgecolor="black", linewidth=0.8)
        ax.set(title=f"{name}: {error(w, fresh):.1f} on fresh examples", xlabel="weight (outlined: the true ones)")
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(folder / "regularization.png", dpi=160)
    print(f"\nwrote {folder / 'regularization.png'}")
except ModuleNotFoundError as missing:
    print(f"\n{missing}")

# CHANGE THIS, and say first what will happen: give the model a hundred times as many examples, `examples(train_key,
# 2400)` in place of `examples(train_key, 24)`. Which of the three is then best on fresh ones?
