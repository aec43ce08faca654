"""A transformer reads digits: each row of an image is a step of a sequence, and the steps look at each other.

A block is two residuals, each around a normalisation and what it is for: `attention`, by which a row learns of the
others, and a small network of its own. `positional` says which row it is. The digits are drawn here: glyphs of 5 rows
of 3 dots, each row an octal number, somewhere on 8 x 6 noisy pixels.
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import losses, metrics, optimizers, random, training
from funcnn.activations import gelu
from funcnn.layers import attention, dense, global_avg_pool, layer_norm, positional, residual
from funcnn.typing import Array, IntArray, Key, Params, Scalar

FONT = "75557 26227 71747 71717 55711 74717 74757 71111 75757 75717"
GLYPHS = np.array([[[int(row) >> bit & 1 for bit in (2, 1, 0)] for row in digit] for digit in FONT.split()], np.float32)

block = (residual(layer_norm(32) >> attention(32, 4))
         >> residual(layer_norm(32) >> dense(32, 64) >> gelu >> dense(64, 32)))
net = dense(6, 32) >> positional(32) >> block >> block >> global_avg_pool() >> dense(32, 10)
optimizer = optimizers.adam(0.005)


def digits(key: Key, n: int) -> tuple[Array, IntArray]:
    """Images (n, 8, 6) of digits at random places, and which they are."""
    label_key, place_key, noise_key = random.split(key, 3)
    labels, places = random.randint(label_key, (n,), 0, 10), random.randint(place_key, (n, 2), 0, 4)
    drawn = [np.roll(np.pad(GLYPHS[i], ((0, 3), (0, 3))), at, (0, 1)) for i, at in zip(labels, places, strict=True)]
    return np.stack(drawn) + 0.2 * random.normal(noise_key, (n, 8, 6)), labels


def loss(params: Params, batch: tuple[Array, IntArray]) -> Scalar:
    """The mean cross-entropy of a batch."""
    return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0]), batch[1]))


def main() -> None:
    """Train, and read digits that were not seen."""
    data_key, fresh_key, init_key, order_key = random.split(random.key(0), 4)
    params = net.init(init_key)
    epochs = training.batches(order_key, digits(data_key, 2000), size=100, epochs=10)
    step = fn.jit(training.make_step(loss, optimizer))
    (params, _), history = training.fold(step, (params, optimizer.init(params)), epochs)
    x, y = digits(fresh_key, 500)
    accuracy = metrics.accuracy(net.apply(params, x), y)
    print(f"loss: {history[0]:.2f} -> {history[-1]:.2f}, accuracy on fresh digits: {accuracy:.3f}")


if __name__ == "__main__":
    main()
