"""Train a classifier on the spiral: the main job of funcnn, whole and in plain sight.

A network with one hidden layer learns to tell three spiral arms apart. The loss, the step and the fold below are
all there is to training (`scan` is the fold, lazily, so that it can print). Try:

    python examples/spiral.py --epochs 3000 --seed 1
    python examples/spiral.py --plot spiral.png        (needs matplotlib: pip install 'funcnn[plot]')
"""

from __future__ import annotations

import argparse

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, plotting, random, schedules, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import OptState
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

net = dense(2, 64) >> relu >> dense(64, 3)
rate = schedules.inverse_time_decay(0.05, 5e-5)
optimizer = optimizers.adam(rate)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy of a batch."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))


def step(params: Params, opt_state: OptState[Params], batch: Batch) -> tuple[Params, OptState[Params], Scalar]:
    """One step of training: new parameters and state, and the loss before."""
    value, grads = fn.value_and_grad(loss)(params, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), opt_state, value


def report(epoch: int, params: Params, value: Scalar, batch: Batch) -> None:
    """Print one line as the book does."""
    x, y = batch
    accuracy = metrics.accuracy(net.apply(params, x), y)
    print(f"epoch: {epoch}, acc: {accuracy:.3f}, loss: {value:.3f}, lr: {rate(epoch):.5f}")


def main() -> None:
    """Train, print, judge on a fresh spiral, draw."""
    parser = argparse.ArgumentParser(description="Train a classifier on the spiral.")
    parser.add_argument("--epochs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw the decision boundary and the loss curve")
    options = parser.parse_args()

    train: Batch = datasets.nnfs_spiral(100, 3, seed=options.seed)
    init_key, order_key, fresh_key = random.split(random.key(options.seed), 3)
    params = net.init(init_key)
    start = state = (params, optimizer.init(params))

    history: list[Scalar] = []
    epochs = training.batches(order_key, train, size=300, epochs=options.epochs)
    for epoch, (state, value) in enumerate(training.scan(step, start, epochs)):
        history.append(value)
        if epoch % max(1, options.epochs // 10) == 0 or epoch == options.epochs - 1:
            report(epoch, state[0], value, train)

    fresh_x, fresh_y = datasets.spiral(fresh_key, samples=100, classes=3)
    print(f"accuracy on a fresh spiral: {metrics.accuracy(net.apply(state[0], fresh_x), fresh_y):.3f}")
    if options.plot:
        draw(options.plot, state[0], train, history)


def draw(file: str, params: Params, batch: Batch, history: list[Scalar]) -> None:
    """Draw what the net answers in the plane, and how the loss fell."""
    try:
        figure = plotting.figure(10, 4)
    except ModuleNotFoundError as error:
        raise SystemExit(f"--plot: {error}") from None
    boundary, curve = figure.subplots(1, 2)
    plotting.decision_boundary(lambda x: net.apply(params, x), *batch, ax=boundary)
    plotting.history({"loss": history}, axes=curve)
    figure.savefig(file)
    print(f"wrote {file}")


if __name__ == "__main__":
    main()
