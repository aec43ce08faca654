"""Lesson 27: a relu that gives 0 for every example is dead: no gradient comes through it, so it will never change.

See a hidden layer whose first step was far too long. It has thrown some units so far that they are 0 for every point
of the spiral. Their columns in the gradient are exactly 0, now and on every later step of gradient descent, which
leaves them where they are. The cure here is a shorter first step; a slope below 0, as `leaky_relu` has it, does it too.

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
from funcnn.layers import Layer, dense
from funcnn.tracing import Trace, trace
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
data_key, init_key, order_key = random.split(random.key(0), 3)
batch: Batch = datasets.spiral(data_key, samples=100, classes=3)


def loss_of(net: Layer[Any, Any, Params]) -> Callable[[Params, Batch], Scalar]:
    """The mean cross-entropy of a network."""
    def loss(params: Params, batch: Batch) -> Scalar:
        x, labels = batch
        return np.mean(losses.softmax_cross_entropy(net.apply(params, x), labels))

    return loss


def trained(bend: Callable[[Array], Array], first: float, later: float) -> list[Trace]:
    """The step after one of the rate `first`, and the step after 200 more of the rate `later`."""
    net: Layer[Any, Any, Params] = dense(2, 32) >> bend >> dense(32, 3)
    loss, params, traces = loss_of(net), net.init(init_key), []
    for rate, epochs in ((first, 1), (later, 200)):
        optimizer = optimizers.sgd(rate)
        step = training.make_step(loss, optimizer)
        start = (params, optimizer.init(params))
        (params, _), _ = training.fold(step, start, training.batches(order_key, batch, size=300, epochs=epochs))
        traces.append(trace(loss)(params, batch))
    return traces


def dead(step: Trace) -> Any:
    """Which hidden units give 0 for all examples."""
    hidden = next(op for op in step.operations if op.layer.startswith(("relu", "leaky")))
    return np.all(hidden.value == 0, axis=0)


runs = {"relu, first step of 60": trained(relu, 60.0, 0.5), "relu, first step of 0.5": trained(relu, 0.5, 0.5),
        "leaky relu, first step of 60": trained(leaky_relu, 60.0, 0.5)}
for name, (before, after) in runs.items():
    print(f"{name}: {dead(before).sum()} of 32 dead, 200 steps later {dead(after).sum()}; loss {after.value:.3f}")

before, after = runs["relu, first step of 60"]
gradient = {parameter.path: parameter.gradient for parameter in after.parameters}
columns = dead(after)
print("\ngradients of the dead, all together:", np.sum(np.abs(gradient["dense_0/w"][:, columns])), "for w,",
      np.sum(np.abs(gradient["dense_0/b"][columns])), "for b")
print("gradients of the living, of w:", f"{np.sum(np.abs(gradient['dense_0/w'][:, ~columns])):.4f}")
weights = [next(p.value for p in step.parameters if p.path == "dense_0/w")[:, columns] for step in (before, after)]
print("the dead have moved in 200 steps by", np.max(np.abs(weights[1] - weights[0])))

try:
    figure = plotting.figure(6, 2.6)
    plotting.activations({"hidden layer": after.outputs["relu_0"]}, axes=figure.subplots())
    figure.savefig(folder / "dead_units.png", dpi=80)
    print(f"\nwrote {folder / 'dead_units.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")
