"""Lesson 24: how well a network has learnt, only data shows that it has not been trained on.

See a large network on the 300 points of a spiral. The loss on them falls and falls, while the loss on a fresh spiral
falls first and then rises: it overfits, it learns these points by heart. In the second column the weights decay, and
it hardly does. The last lines take the parameters of the best step of each run; nothing had to be saved for that
while training, because parameters do not change: those of every step are still there.

The losses are drawn into the folder that you name: `python examples/lessons/24_validation.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from funcnn import datasets, losses, metrics, optimizers, plotting, random, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import GradientTransformation
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
train_key, fresh_key, init_key, order_key = random.split(random.key(0), 4)
x, y = datasets.spiral(train_key, samples=100, classes=3)
train: Batch = x, y
fresh: Batch = datasets.spiral(fresh_key, samples=100, classes=3)
net = dense(2, 128) >> relu >> dense(128, 128) >> relu >> dense(128, 3)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))


def trained(optimizer: GradientTransformation) -> list[Params]:
    """The parameters after every tenth of 400 steps."""
    params = net.init(init_key)
    batches = training.batches(order_key, train, size=300, epochs=400)
    states = training.scan(training.make_step(loss, optimizer), (params, optimizer.init(params)), batches)
    return [state[0] for i, (state, value) in enumerate(states) if i % 10 == 0]


runs = {"plain": trained(optimizers.adam(0.01)), "decay": trained(optimizers.adamw(0.01, weight_decay=1.0))}
print("step    plain: train  fresh      decay: train  fresh")
values = {name: {batch_name: [float(loss(params, batch)) for params in run]
                 for batch_name, batch in (("train", train), ("fresh", fresh))} for name, run in runs.items()}
for i in (0, 2, 5, 10, 20, 30, 39):
    plain, decay = values["plain"], values["decay"]
    print(f"{10 * i:4}  {plain['train'][i]:13.4f}{plain['fresh'][i]:8.4f}  "
          f"{decay['train'][i]:15.4f}{decay['fresh'][i]:8.4f}")

best = {name: int(np.argmin(curves["fresh"])) for name, curves in values.items()}
for name, i in best.items():
    accuracy = metrics.accuracy(net.apply(runs[name][i], fresh[0]), fresh[1])
    print(f"{name}: best at step {10 * i}, fresh loss {values[name]['fresh'][i]:.4f}, accuracy {accuracy:.3f}; "
          f"at the end {values[name]['fresh'][-1]:.4f}")

try:
    figure = plotting.figure(9, 3.6)
    for ax, (name, curves) in zip(figure.subplots(1, 2, sharey=True), values.items(), strict=True):
        for color, (batch_name, curve) in zip(plotting.COLORS[::2], curves.items(), strict=False):
            ax.plot(range(0, 400, 10), curve, color=color, label=f"loss on {batch_name} points")
        ax.plot(10 * best[name], curves["fresh"][best[name]], "o", color=plotting.COLORS[2], label="best")
        ax.set(title=name, xlabel="step", ylim=(0, None))
        ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(folder / "validation.png", dpi=160)
    print(f"\nwrote {folder / 'validation.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: shuffle the labels, so that there is nothing to be learnt,
# `train: Batch = x, random.permutation(order_key, y)`. What does the loss on these points do, and that on fresh ones?
