"""Train, lose the power, go on: a run that is interrupted at any moment ends with the same bytes as one that is not.

All that a run knows is in a value: the parameters, the optimizer's state with its count, the key of the dropout masks,
what early stopping has seen. A checkpoint holds that value; how far it is says where the stream of batches goes on.
Try it, and press Ctrl-C, or kill -9 it, as often as you like:

    python examples/resume.py --folder run           (again and again, until it prints its digest)
    python examples/resume.py --folder another_run   (in one go: the same digest)
"""

from __future__ import annotations

import argparse
import hashlib
import sys

import numpy as np

from funcnn import datasets, losses, optimizers, random, schedules, training, tree
from funcnn.activations import relu
from funcnn.checkpoint import keep, latest
from funcnn.layers import dense, dropout
from funcnn.optimizers import OptState
from funcnn.typing import Array, IntArray, Key, Params, Scalar

Batch = tuple[Array, IntArray]
State = tuple[Params, OptState[Params], Key]

SIZE = 64
data_key, split_key, init_key, order_key, mask_key = random.split(random.key(0), 5)
train, held_out = training.split(split_key, datasets.spiral(data_key, samples=300, classes=3), validation=0.25)
steps_in_an_epoch = -(-len(train[0]) // SIZE)

net = dense(2, 128) >> relu >> dropout(0.1) >> dense(128, 3)
optimizer = optimizers.adam(schedules.cosine_decay(0.02, 200 * steps_in_an_epoch))
watching = training.early_stopping(patience=25)


def loss(params: Params, batch: Batch, key: Key | None) -> Scalar:
    """The mean cross-entropy of a batch, with dropout if there is a key."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x, key=key), y))


def held_out_loss(params: Params, batch: Batch) -> Scalar:
    """The loss without dropout, with which `evaluate` watches over the training."""
    return loss(params, batch, None)


def run(folder: str, epochs: int, every: int) -> tuple[State, training.EarlyStopping]:
    """Go on from the newest checkpoint in the folder, or begin, and train to the end."""
    params = net.init(init_key)
    beginning: State = (params, optimizer.init(params), mask_key)
    done, (start, watch) = latest(folder, (beginning, training.EarlyStopping())) or (
        0, (beginning, training.EarlyStopping()))

    step = training.make_stochastic_step(loss, optimizer)
    stream = training.batches(order_key, train, SIZE, epochs, start=done)
    state = start
    for number, (state, value) in enumerate(training.scan(step, start, [] if watch.stop else stream), done + 1):
        if number % steps_in_an_epoch == 0:
            watch = watching(watch, training.evaluate(held_out_loss, state[0], held_out))
            print(f"epoch: {number // steps_in_an_epoch}, loss: {value:.3f}, held out: {watch.best:.3f}", flush=True)
        if number % every == 0 or watch.stop or number == done + len(stream):
            keep(folder, number, (state, watch))
        if watch.stop:
            break
    return state, watch


def digest(result: object) -> str:
    """A number that differs if a single bit does."""
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in tree.leaves(result))).hexdigest()


def main() -> None:
    """Read what is wanted, run, print the digest."""
    parser = argparse.ArgumentParser(description="Train, and go on after any interruption.")
    parser.add_argument("--folder", default="run", help="where the checkpoints are")
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--every", type=int, default=10, help="how many steps from one checkpoint to the next")
    options = parser.parse_args()
    try:
        print("digest:", digest(run(options.folder, options.epochs, options.every)))
    except KeyboardInterrupt:
        sys.exit("interrupted; start it again to go on")


if __name__ == "__main__":
    main()
