"""Lesson 21: dropout switches a random share of the neurons off in each training step, and none afterwards.

See that what is kept is scaled up, so that the mean stays and nothing has to change after training. Which neurons are
dropped depends on the key alone: a step that is done again drops the same ones, and each step is given a key of its
own. A key means training, `key=None` evaluation, and a net that gets neither says so. Only neurons that are kept
learn: the gradient of the others is 0.

What two steps keep, and the losses, are drawn into the folder that you name: `python examples/lessons/21_dropout.py .`
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, plotting, random
from funcnn.activations import relu
from funcnn.layers import Layer, dense, dropout
from funcnn.optimizers import OptState, apply_updates
from funcnn.training import scan
from funcnn.typing import Array, IntArray, Key, Params, Scalar

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
half: Layer[Any, Any, Params] = dropout(0.5)
ones = np.ones((2, 8), np.float32)
key = random.key(0)
print("training:  ", half.apply({}, ones, key=key), sep="\n")
print("evaluation:", half.apply({}, ones, key=None), sep="\n")
print("the same key, the same neurons:", np.array_equal(half.apply({}, ones, key=key), half.apply({}, ones, key=key)))
other = random.key(1)
print("another key, others:", not np.array_equal(half.apply({}, ones, key=key), half.apply({}, ones, key=other)))
try:
    half.apply({}, ones)
except ValueError as error:
    print("neither:", error)

dropped = np.asarray(dropout(0.1).apply({}, np.ones((1000, 100), np.float32), key=key))
print(f"a rate of 0.1 drops {np.mean(dropped == 0):.3f}, the mean is {np.mean(dropped):.3f}, dtype {dropped.dtype}")


def total(x: Array) -> Scalar:
    """The sum of what is kept."""
    return np.sum(half.apply({}, x, key=key))


print("the gradient of the sum:", fn.grad(total)(ones), sep="\n")

Batch = tuple[Array, IntArray]
net = dense(2, 64) >> relu >> dropout(0.1) >> dense(64, 3)
optimizer = optimizers.adam(0.05)


def loss(params: Params, key: Key, batch: Batch) -> Scalar:
    """The mean cross-entropy, with the neurons that this key leaves."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x, key=key), y))


def step(params: Params, opt_state: OptState[Params], key: Key, batch: Batch,
         ) -> tuple[Params, OptState[Params], Key, Scalar]:
    """A step of training; the key is part of the state, and splits."""
    key, own = random.split(key)
    value, grads = fn.value_and_grad(loss)(params, own, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return apply_updates(params, updates), opt_state, key, value


init_key, dropout_key = random.split(random.key(0))
x, y = datasets.nnfs_spiral(samples=100, classes=3)
params = net.init(init_key)
steps = list(scan(step, (params, optimizer.init(params), dropout_key), itertools.repeat((x, y), 300)))
in_training = [float(value) for _, value in steps]
logits = [net.apply(state[0], x, key=None) for state, _ in steps]
in_evaluation = [float(np.mean(losses.softmax_cross_entropy(each, y))) for each in logits]
print(f"300 steps: loss in training {in_training[0]:.2f} -> {in_training[-1]:.2f}, in evaluation "
      f"{in_evaluation[-1]:.2f}, accuracy {metrics.accuracy(logits[-1], y):.2f}")

try:
    figure = plotting.figure(10, 3.4)
    *pictures, curves = figure.subplots(1, 3, width_ratios=[1, 1, 1.5])
    for ax, own, name in zip(pictures, (key, other), ("one step", "another"), strict=True):
        ax.imshow(half.apply({}, np.ones((20, 16), np.float32), key=own), cmap="Blues", vmin=0, vmax=3)
        ax.set(title=f"{name}: white is dropped", xlabel="neuron", ylabel="example", xticks=[], yticks=[])
    plotting.history({"loss": {"in training": in_training, "in evaluation": in_evaluation}}, axes=curves)
    figure.savefig(folder / "dropout.png", dpi=160)
    print(f"\nwrote {folder / 'dropout.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: give all steps the same key, `own = key` in place of `key, own =
# random.split(key)`. What becomes of the loss in training, and of the loss in evaluation?
