"""A recurrent network learns to remember: at each step it must say what it was told three steps before.

`gru` reads (batch, time, features) and gives its state after each step, from which a dense layer answers. The loop over
time is Python's; `jit` records it once, and each step of training then runs without it.
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import losses, optimizers, random, training
from funcnn.layers import dense, gru
from funcnn.typing import Array, Params, Scalar

net = gru(1, 16) >> dense(16, 1)
optimizer = optimizers.adam(0.02)


def loss(params: Params, batch: tuple[Array, Array]) -> Scalar:
    """The mean squared error over all examples and steps."""
    x, y = batch
    return np.mean(losses.squared_error(net.apply(params, x), y))


def main() -> None:
    """Train on random numbers, and ask for those of a fresh sequence."""
    data_key, fresh_key, init_key, order_key = random.split(random.key(0), 4)
    x = random.uniform(data_key, (512, 12, 1), minval=-1.0, maxval=1.0)
    y = np.concatenate([np.zeros_like(x[:, :3]), x[:, :-3]], axis=1)
    params = net.init(init_key)
    epochs = training.batches(order_key, (x, y), size=64, epochs=40)
    step = fn.jit(training.make_step(loss, optimizer))
    (params, _), history = training.fold(step, (params, optimizer.init(params)), epochs)
    print(f"error: {history[0]:.3f} -> {history[-1]:.4f}")
    told = random.uniform(fresh_key, (1, 12, 1), minval=-1.0, maxval=1.0)
    print("told:    ", np.round(told[0, :-3, 0], 1))
    print("recalled:", np.round(net.apply(params, told)[0, 3:, 0], 1))


if __name__ == "__main__":
    main()
