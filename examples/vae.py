"""A variational autoencoder: two networks, one of which writes down a point in a code, the other reads it back.

The code of a point is a normal distribution; one number drawn from it, mean + exp(log_std) * noise, lets gradients
through to the mean and the deviation. The loss is what the reading costs plus how far codes are from standard normal
numbers, so that reading such numbers gives new points like those of the data. Kingma & Welling 2013 (arXiv:1312.6114).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import funcnn as fn
from funcnn import optimizers, random, training
from funcnn.layers import dense
from funcnn.typing import Array, Key, Params, Scalar

encoder = dense(2, 64) >> np.tanh >> dense(64, 4)
decoder = dense(2, 64) >> np.tanh >> dense(64, 64) >> np.tanh >> dense(64, 2)
optimizer = optimizers.adam(0.005)
NOISE = 0.1
Nets = Mapping[str, Params]


def loss(params: Nets, x: Array, key: Key) -> Scalar:
    """The negative evidence lower bound, per example of two numbers, but for constants."""
    mean, log_std = np.split(encoder.apply(params["encoder"], x), 2, axis=1)
    drawn = mean + np.exp(log_std) * random.normal(key, mean.shape)
    missed: Array = (decoder.apply(params["decoder"], drawn) - x) ** 2 / (2 * NOISE**2)
    divergence: Array = (mean**2 + np.exp(2 * log_std) - 1) / 2 - log_std
    return 2 * np.mean(missed + divergence)


def main() -> None:
    """Train on a ring of points, and draw new ones."""
    angle_key, noise_key, *keys = random.split(random.key(0), 6)
    angle = random.uniform(angle_key, (1000, 1), maxval=2 * np.pi)
    x = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) + NOISE * random.normal(noise_key, (1000, 2))
    params: Nets = {"encoder": encoder.init(keys[0]), "decoder": decoder.init(keys[1])}
    step = fn.jit(training.make_stochastic_step(loss, optimizer))
    epochs = training.batches(keys[2], x, size=100, epochs=120)
    (params, _, _), history = training.fold(step, (params, optimizer.init(params), keys[3]), epochs)
    new = np.linalg.norm(decoder.apply(params["decoder"], random.normal(keys[0], (1000, 2))), axis=1)
    print(f"loss: {history[0]:.0f} -> {history[-1]:.1f}; new points: radius {np.mean(new):.2f} +- {np.std(new):.2f}")


if __name__ == "__main__":
    main()
