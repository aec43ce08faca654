"""Batch normalisation remembers, and nothing changes: its running statistics are a value that the step hands on.

`net.init_state()` is the first of them; `net.apply_with_state(params, state, x, key=...)` returns the next beside y.
A key means training, as for dropout, so that one switch is enough for a whole net; None means evaluation, with the
statistics remembered, which leaves them as they are. Here nothing is drawn, and any key will do.
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, random, training
from funcnn.activations import relu
from funcnn.layers import batch_norm, dense
from funcnn.optimizers import OptState
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

net = dense(2, 64) >> batch_norm(64) >> relu >> dense(64, 64) >> batch_norm(64) >> relu >> dense(64, 3)
optimizer = optimizers.adam(0.01)


def loss(params: Params, state: Params, batch: Batch) -> tuple[Scalar, Params]:
    """The mean cross-entropy of a batch, and what is remembered after it."""
    logits, state = net.apply_with_state(params, state, batch[0], key=random.key(0))
    return np.mean(losses.softmax_cross_entropy(logits, batch[1])), state


def step(params: Params, state: Params, opt_state: OptState[Params], batch: Batch,
         ) -> tuple[Params, Params, OptState[Params], Scalar]:
    """One step of training: what is learnt, what is remembered, and the loss before."""
    (value, state), grads = fn.value_and_grad(loss, has_aux=True)(params, state, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), state, opt_state, value


def main() -> None:
    """Train on a spiral in batches, and judge on a fresh one by what was remembered."""
    data_key, fresh_key, init_key, order_key = random.split(random.key(0), 4)
    params = net.init(init_key)
    epochs = training.batches(order_key, datasets.spiral(data_key, samples=200, classes=3), size=100, epochs=100)
    start = (params, net.init_state(), optimizer.init(params))
    (params, state, _), history = training.fold(fn.jit(step), start, epochs)
    x, y = datasets.spiral(fresh_key, samples=200, classes=3)
    logits, _ = net.apply_with_state(params, state, x, key=None)
    print(f"loss: {history[0]:.3f} -> {history[-1]:.3f}, accuracy on a fresh spiral: {metrics.accuracy(logits, y):.3f}")


if __name__ == "__main__":
    main()
