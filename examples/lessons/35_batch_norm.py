"""Lesson 35: batch normalisation remembers, and nothing changes: what it remembers is a value that is handed on.

In training each feature is normalised over the batch, so the answer for an example depends on its company. For use the
layer remembers the mean and the variance of what it has seen: `apply_with_state` takes what is remembered and returns
what is remembered next, beside the answer. See the same example in two batches and alone; the mean wander to the true
one, a tenth of the way with each batch; and the first state still as it was. Then a net that is judged with what it
remembers, and by somebody who has forgotten to hand that on.

The wandering is drawn into the folder that you name: `python examples/lessons/35_batch_norm.py .`
"""

from __future__ import annotations

import sys
import tempfile
from itertools import accumulate
from pathlib import Path

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, plotting, random, training, tree
from funcnn.activations import relu
from funcnn.layers import batch_norm, dense, serial
from funcnn.optimizers import OptState
from funcnn.typing import Array, IntArray, Key, Params, Scalar

Batch = tuple[Array, IntArray]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
data_key, fresh_key, init_key, order_key, train = random.split(random.key(0), 5)  # a key means training, None use
decay_rate = 0.9
layer = serial(batch_norm(1, decay_rate=decay_rate))
params, first = layer.init(init_key), layer.init_state()

print("THE SAME EXAMPLE, 2, in training with -1, in training with 5, and alone in use")
for batch, key in (([[2.0], [-1.0]], train), ([[2.0], [5.0]], train), ([[2.0]], None)):
    answers = layer.apply_with_state(params, first, np.array(batch, np.float32), key=key)[0]
    print(f"  of {batch!s:15} the first gives {answers[0, 0]:6.3f}")

print("\nWHAT IT REMEMBERS, batch after batch of numbers around 3, of variance 4")
numbers = 3 + 2 * random.normal(data_key, (60, 50, 1))
states = list(accumulate(numbers, lambda state, x: layer.apply_with_state(params, state, x, key=train)[1],
                         initial=first))
means, variances = (np.array([state["batch_norm_0"][name][0] for state in states]) for name in ("mean", "var"))
for n in (0, 1, 2, 10, 20, 60):
    print(f"  after {n:2}: mean {means[n]:.3f}, where 3 (1 - {decay_rate}^n) is {3 * (1 - decay_rate**n):.3f}; "
          f"variance {variances[n]:.3f}")
print("the first state is what it was:", tree.equal(first, layer.init_state()))
print("use changes nothing:", tree.equal(layer.apply_with_state(params, first, numbers[0], key=None)[1], first))

net = batch_norm(2, decay_rate=decay_rate) >> dense(2, 16) >> relu >> dense(16, 3)
optimizer = optimizers.adam(0.02)


def clouds(key: Key, samples: int) -> Batch:
    """Three clouds of points, far away from 0."""
    x, y = datasets.vertical(key, samples, classes=3)
    return 5 * x + 20, y


def loss(params: Params, state: Params, batch: Batch) -> tuple[Scalar, Params]:
    """The mean cross-entropy of a batch, and what is remembered after it."""
    logits, state = net.apply_with_state(params, state, batch[0], key=train)
    return np.mean(losses.softmax_cross_entropy(logits, batch[1])), state


def step(params: Params, state: Params, opt_state: OptState[Params], batch: Batch,
         ) -> tuple[Params, Params, OptState[Params], Scalar]:
    """One step: what is learnt and what is remembered go in and come out alike."""
    (value, state), grads = fn.value_and_grad(loss, has_aux=True)(params, state, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), state, opt_state, value


epochs = training.batches(order_key, clouds(data_key, 100), size=50, epochs=20)
start = (net.init(init_key), net.init_state(), optimizer.init(net.init(init_key)))
(learnt, remembered, _), history = training.fold(fn.jit(step), start, epochs)
x, labels = clouds(fresh_key, 200)
print(f"\nA NET for points around 20: loss {history[0]:.3f} -> {history[-1]:.3f}; right for fresh ones")
for how, state in {"with what it remembers": remembered, "with the first state": net.init_state()}.items():
    print(f"  {how:22} {metrics.accuracy(net.apply_with_state(learnt, state, x, key=None)[0], labels):.1%}")

try:
    figure = plotting.figure(width=7.0, height=3.4)
    ax = figure.subplots()
    for name, line, truth, i in (("variance", variances, 4, 2), ("mean", means, 3, 0)):
        ax.axhline(truth, color=plotting.COLORS[i], linestyle=":", label=f"the true {name}")
        ax.plot(line, color=plotting.COLORS[i], label=f"the {name} that is remembered")
    ax.set(xlabel="batches seen", ylim=(0, None))
    ax.legend(frameon=False)
    figure.savefig(folder / "batch_norm.png", dpi=160)
    print(f"\nwrote {folder / 'batch_norm.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: `decay_rate = 0.99`, which remembers longer. How far has the mean come
# after 10 batches, of the 3 where it should be? And what does that mean for the net, which has seen 120 batches?
