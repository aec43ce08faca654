"""Transfer learning: a net that knows one task learns another from a few examples, with `partition`.

It has learnt which of three arms of a spiral a point is on. Now it is to say whether that is the first arm, and sees
60 points, too few to learn the arms from. What it knows is in its first layers: those stay or move a little, while the
new head learns fast. A partition gives each layer an optimizer of its own, by labels in the form of the parameters.
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, random, training
from funcnn.activations import relu
from funcnn.layers import Net, dense
from funcnn.optimizers import GradientTransformation, adam, partition, set_to_zero
from funcnn.schedules import cosine_decay
from funcnn.typing import Array, IntArray, Params, Scalar

body = dense(2, 64) >> relu >> dense(64, 32) >> relu
old, new = body >> dense(32, 3, name="head"), body >> dense(32, 2, name="head")
layers = {"dense_0": "frozen", "dense_1": "slow", "head": "fast"}
by_layer = partition({"frozen": set_to_zero(), "slow": adam(1e-4), "fast": adam(0.02)}, layers)


def train(net: Net, params: Params, optimizer: GradientTransformation, x: Array, y: IntArray) -> Params:
    """The parameters after 1000 steps on all the examples."""
    def loss(params: Params, batch: tuple[Array, IntArray]) -> Scalar:
        return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0]), batch[1]))

    step = fn.jit(training.make_step(loss, optimizer))
    return training.fold(step, (params, optimizer.init(params)), [(x, y)] * 1000)[0][0]


x, arm = datasets.spiral(random.key(0), samples=300, classes=3)
is_first, few = (arm == 0).astype(int), random.choice(random.key(1), 900, (60,), replace=False)
knows, fresh = train(old, old.init(random.key(2)), adam(cosine_decay(0.05, 1000)), x, arm), new.init(random.key(3))
transferred = train(new, {**knows, "head": fresh["head"]}, by_layer, x[few], is_first[few])
from_scratch = train(new, fresh, adam(0.02), x[few], is_first[few])
print(f"transferred: accuracy {metrics.accuracy(new.apply(transferred, x), is_first):.2f}")
print(f"from scratch: accuracy {metrics.accuracy(new.apply(from_scratch, x), is_first):.2f}")
