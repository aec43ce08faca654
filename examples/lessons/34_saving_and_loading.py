"""Lesson 34: all that a run knows is a value, so a file can hold it, and nobody can tell that the run was interrupted.

See a net with dropout trained for 60 steps in one go, and in two halves with a file between. What is saved is the whole
state: the parameters, the optimizer's state, the key of the masks, and how many steps are done, which says where the
stream of batches goes on. The halves end with the same bits. Whoever saves the parameters alone goes on with an
optimizer that has forgotten everything. A file is read into the form of a tree that is given, `like`: what does not fit
is named, and a file of which one bit has changed is refused.

The ways on are drawn into the folder that you name: `python examples/lessons/34_saving_and_loading.py .`
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

from funcnn import datasets, losses, optimizers, plotting, random, training, tree
from funcnn.activations import relu
from funcnn.checkpoint import CheckpointError, load, load_file, save
from funcnn.layers import dense, dropout
from funcnn.optimizers import OptState
from funcnn.typing import Array, IntArray, Key, Params, Scalar

Batch = tuple[Array, IntArray]
State = tuple[Params, OptState[Params], Key]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
data_key, init_key, order_key, mask_key = random.split(random.key(0), 4)
net = dense(2, 64) >> relu >> dropout(0.1) >> dense(64, 3)
optimizer = optimizers.adam(0.05)
data: Batch = datasets.spiral(data_key, samples=100, classes=3)


def loss(params: Params, batch: Batch, key: Key) -> Scalar:
    """The mean cross-entropy of a batch, with dropout."""
    return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0], key=key), batch[1]))


def trained(state: State, done: int, to: int) -> tuple[State, Array]:
    """The state after the steps from `done` to `to`, and the losses of these steps."""
    stream = training.batches(order_key, data, size=50, epochs=10, start=done)  # 6 steps in an epoch
    return training.fold(training.make_stochastic_step(loss, optimizer), state, itertools.islice(stream, to - done))


params = net.init(init_key)
start: State = (params, optimizer.init(params), mask_key)
bits = {True: "the same bits", False: "other numbers"}
whole, whole_losses = trained(start, 0, 60)

with tempfile.TemporaryDirectory() as own:
    path = Path(own) / "half.safetensors"
    save(path, (trained(start, 0, 30)[0], 30))

    print(f"IN THE FILE, {path.stat().st_size} bytes")
    print(*[f"    {name:20} {array.dtype} {array.shape}" for name, array in load_file(path).items()], sep="\n")

    state, done = load(path, (start, 0))  # of `like` the form matters, not the values
    resumed, resumed_losses = trained(state, done, 60)
    print(f"\nWITH THE WHOLE STATE, from step {done}, it ends with {bits[tree.equal(resumed, whole)]}")

    only_params = load(path, params, at="0/0")
    forgetful, forgetful_losses = trained((only_params, optimizer.init(params), state[2]), done, 60)
    print(f"WITH THE PARAMETERS ALONE it ends with {bits[tree.equal(forgetful[0], whole[0])]}")

    print("\nINTO A WIDER NET")
    wider = dense(2, 65) >> relu >> dense(65, 3)
    try:
        load(path, wider.init(init_key), at="0/0")
    except CheckpointError as error:
        print(str(error).replace(str(path), path.name))

    print("\nWITH ONE BIT CHANGED, of the last number")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        load(path, (start, 0))
    except CheckpointError as error:
        print(str(error).replace(str(path), path.name))

try:
    figure = plotting.figure(width=7.0, height=3.4)
    ax, later = figure.subplots(), range(done, 60)
    ax.plot(whole_losses, color=plotting.COLORS[1], linewidth=6, alpha=0.6, label="in one go")
    ax.plot(later, resumed_losses, color=plotting.COLORS[0], label="from the whole state in the file")
    ax.plot(later, forgetful_losses, color=plotting.COLORS[2], label="from the parameters alone")
    ax.axvline(done, color="gray", linewidth=1, linestyle=":")
    ax.set(xlabel="step", ylabel="loss")
    ax.legend(frameon=False)
    figure.savefig(folder / "resumed.png", dpi=160)
    print(f"\nwrote {folder / 'resumed.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let the second half begin with the first batch again, `start=0` in place
# of `start=done`. All that the file holds comes back: is the end the same?
