"""Lesson 23: a network can be any curve: here one period of the sine, learnt from a thousand points.

See the book's chapter 17: 1-64-64-1 with relu, weights of a tenth of the normal distribution, the mean-squared error
and Adam. A number is hardly ever right to the last digit, so an answer counts as right if its error is below a 250th
of the standard deviation of all answers. See that accuracy jump up and down while the loss falls: the band of what is
right is narrower than one step of Adam, so that the whole curve leaves it at once and is hardly worse for that. The
last lines show how well it fits between the points, and that beyond them it knows nothing. The book's run, and a
picture of curve, accuracy and band, in the folder that you name:

    python examples/lessons/23_regression.py . --epochs 10001
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from funcnn import datasets, initializers, losses, metrics, optimizers, plotting, random, schedules, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, Params, Scalar

Batch = tuple[Array, Array]

parser = argparse.ArgumentParser(description="Learn the sine.")
parser.add_argument("folder", type=Path, nargs="?", default=tempfile.gettempdir())
parser.add_argument("--epochs", type=int, default=401)
asked = parser.parse_args()

tenth = initializers.normal(0.1)
net = dense(1, 64, w_init=tenth) >> relu >> dense(64, 64, w_init=tenth) >> relu >> dense(64, 1, w_init=tenth)
rate = schedules.inverse_time_decay(0.005, 1e-3)
optimizer = optimizers.adam(rate, eps=1e-7)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean-squared error."""
    x, y = batch
    return np.mean(losses.squared_error(net.apply(params, x), y))


data_key, init_key, order_key = random.split(random.key(0), 3)
train = x, y = datasets.sine(data_key, samples=1000)
params = net.init(init_key)
batches = training.batches(order_key, train, size=1000, epochs=asked.epochs)
answers: list[Array] = []
for state, _ in training.scan(training.make_step(loss, optimizer), (params, optimizer.init(params)), batches):
    params = state[0]
    answers.append(net.apply(params, x))

accuracies = [float(metrics.regression_accuracy(each, y)) for each in answers]
values = [float(np.mean(losses.squared_error(each, y))) for each in answers]
for epoch in range(0, asked.epochs, max(1, asked.epochs // 8)):
    print(f"epoch: {epoch}, acc: {accuracies[epoch]:.3f}, loss: {values[epoch]:.6f}, lr: {rate(epoch):.6f}")

band, best = float(np.std(y)) / 250, int(np.argmax(accuracies))
moved = answers[best] + 2 * band
print(f"\nright means off by less than {band:.5f}; a step of Adam can move a bias by the rate, {rate(best):.5f}")
print(f"best epoch, {best}:           acc: {accuracies[best]:.3f}, loss: {values[best]:.6f}")
print(f"its answers {2 * band:.4f} higher:  acc: {metrics.regression_accuracy(moved, y):.3f}, "
      f"loss: {np.mean(losses.squared_error(moved, y)):.6f}")
for name, points in (("between the points", np.array([0.12345, 0.5555])), ("beyond them", np.array([1.25, 2.0]))):
    found = np.asarray(net.apply(params, points[:, None].astype(np.float32)))[:, 0]
    print(f"{name}, x = {points}: {found.round(3)}, the sine is {np.sin(2 * np.pi * points).round(3) + 0.0}")

try:
    figure = plotting.figure(10, 6)
    (curve, off), (falls, jumps) = figure.subplots(2, 2)
    wide = np.linspace(-0.25, 1.5, 351, dtype=np.float32)[:, None]
    curve.plot(wide, np.sin(2 * np.pi * wide), "--", color=plotting.COLORS[0], label="sine")
    curve.plot(wide, net.apply(params, wide), color=plotting.COLORS[2], label="learnt, on 0 to 1")
    curve.set(title=f"epoch {asked.epochs - 1}")
    off.axhspan(-band, band, color="0.85", label="counts as right")
    for i, epoch in enumerate((best, asked.epochs - 1)):
        label = f"epoch {epoch}: {accuracies[epoch]:.0%} right"
        off.plot(x, answers[epoch] - y, color=plotting.COLORS[2 * i], label=label)
    off.set(title="how far off the answers are", ylim=(-0.04, 0.04))
    falls.semilogy(values, color=plotting.COLORS[0])
    falls.set(xlabel="epoch", ylabel="loss")
    jumps.plot(accuracies, color=plotting.COLORS[0], linewidth=0.8)
    jumps.set(xlabel="epoch", ylabel="accuracy")
    curve.legend(frameon=False)
    off.legend(frameon=False)
    for ax in (curve, off, falls, jumps):
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(asked.folder / "regression.png", dpi=160)
    print(f"\nwrote {asked.folder / 'regression.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let the answers be noisy, `samples=1000, noise=0.1` in place of
# `samples=1000`. How low can the loss get, and how high the accuracy?
