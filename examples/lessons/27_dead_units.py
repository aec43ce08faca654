"""Lesson 27: a relu that gives 0 for every example is dead: no gradient comes through it, so it will never change.

See a hidden layer whose first step was far too long, a hundred times as long as others. It has thrown many units
so far that they are 0 for every point of the spiral. Their columns in the gradient are exactly 0, now and on every
later step, even of Adam, which leaves them where they are; and the few that live must do the work of all. The cure is a
shorter first step: see that it ends lower for each of five networks, each with points of its own.

The picture shows each unit as a column, dead ones in red: `python examples/lessons/27_dead_units.py .`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from funcnn import datasets, losses, optimizers, plotting, random, training
from funcnn.activations import leaky_relu, relu
from funcnn.layers import dense
from funcnn.tracing import Trace, trace
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
bends: dict[str, Callable[[Array], Array]] = {"relu": relu, "leaky relu": leaky_relu}
net = dense(2, 32) >> bends["relu"] >> dense(32, 3)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy."""
    x, labels = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), labels))


def trained(seed: int, first: float) -> tuple[Trace, Trace]:
    """The step after one of descent at the rate `first`, and the step after 200 more, of Adam."""
    data_key, init_key, order_key = random.split(random.key(seed), 3)
    batch: Batch = datasets.spiral(data_key, samples=100, classes=3)
    params, traces = net.init(init_key), []
    for optimizer, epochs in ((optimizers.sgd(first), 1), (optimizers.adam(0.05), 200)):
        step, start = training.make_step(loss, optimizer), (params, optimizer.init(params))
        (params, _), _ = training.fold(step, start, training.batches(order_key, batch, size=300, epochs=epochs))
        traces.append(trace(loss)(params, batch))
    return traces[0], traces[1]


def dead(step: Trace) -> Any:
    """Which hidden units give 0 for all examples."""
    return np.all(list(step.outputs.values())[1] == 0, axis=0)


long, short = ([trained(seed, first) for seed in range(5)] for first in (60.0, 0.5))
print("network    first step of 60: dead of 32, later, loss    first step of 0.5: dead, later, loss")
for seed, runs in enumerate(zip(long, short, strict=True)):
    (a, b, c), (d, e, f) = ((dead(before).sum(), dead(after).sum(), after.value) for before, after in runs)
    print(f"{seed:7} {a:28} {b:6} {c:8.3f} {d:26} {e:6} {f:8.3f}")

before, after = long[0]
gradient = {parameter.path: parameter.gradient for parameter in after.parameters}
columns = dead(before)
print("\nIn network 0 after the long step:")
print("gradients of the dead, all together:", np.sum(np.abs(gradient["dense_0/w"][:, columns])), "for w,",
      np.sum(np.abs(gradient["dense_0/b"][columns])), "for b")
print("gradients of the living, of w:", f"{np.sum(np.abs(gradient['dense_0/w'][:, ~columns])):.4f}")
weights = [next(p.value for p in step.parameters if p.path == "dense_0/w")[:, columns] for step in (before, after)]
print("the dead have moved in 200 steps by", np.max(np.abs(weights[1] - weights[0]), initial=0))

try:
    figure = plotting.figure(6.4, 4.8)
    shown = {"after a first step of 60": long[0][1], "after one of 0.5": short[0][1]}
    plotting.activations({name: list(step.outputs.values())[1] for name, step in shown.items()},
                         axes=figure.subplots(2, 1))
    figure.savefig(folder / "dead_units.png")
    print(f"\nwrote {folder / 'dead_units.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let `bends["relu"]` be `bends["leaky relu"]`, which lets a hundredth
# through where relu lets nothing. How many units will be dead after the long first step, and is that a cure, too?
