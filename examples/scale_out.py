"""From laptop to many devices: one training step, written once, in NumPy, compiled, on eight devices, in two processes.

The step knows of no device. `fn.jax.jit(step)` is the line that changes; besides, the numbers must lie somewhere, and a
`NamedSharding` says where: rows of a batch split over devices ("data"), columns of a weight over others ("model"), all
else on each. What must be sent between them, XLA finds out. The devices here are parts of one CPU, the processes two on
one machine; for real ones the program is the same. Try `python examples/scale_out.py` (pip install 'funcnn[jax]').

Traps: the axes of `jax.make_mesh` are Explicit in new versions, where it is an error to pick a class in each row; those
of `Mesh` are Auto. In `jax.shard_map` a device sees its own rows only: take `jax.lax.pmean(grads, "data")` of what
`fn.grad` gives, before the optimizer (plain `jax.grad` has summed them there already). A key that a jitted function
finds outside of its arguments is a constant, the same numbers each step: hand it in, as `make_stochastic_step` does.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, optimizers, random, training, tree
from funcnn.activations import relu
from funcnn.checkpoint import keep, latest
from funcnn.layers import dense
from funcnn.typing import Array, IntArray, Params, Scalar

try:
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec
except ModuleNotFoundError:
    raise SystemExit("this example needs JAX: pip install 'funcnn[jax]', or pip install jax") from None

data_key, init_key, order_key = random.split(random.key(0), 3)
x, y = datasets.spiral(data_key, samples=256, classes=3, dtype=np.float64)  # in float64 no mistake hides in rounding
jax.config.update("jax_enable_x64", True)
net, optimizer = dense(2, 64) >> relu >> dense(64, 3), optimizers.adam(0.05)
params = tree.astype(net.init(init_key), np.float64)


def loss(params: Params, batch: tuple[Array, IntArray]) -> Scalar:
    return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0]), batch[1]))


step, start = training.make_step(loss, optimizer), (params, optimizer.init(params))
jitted = fn.jax.jit(step)


def waited_for(*arguments: Any) -> Any:
    return jax.block_until_ready(jitted(*arguments))  # of many steps at once, those on virtual devices block each other


def mesh(data: int, model: int) -> Any:
    return Mesh(np.reshape(jax.devices()[:data * model], (data, model)), ("data", "model"))


def laid(mesh: Any) -> Any:
    """The first state on the devices: the columns of one weight and of its moments split, all else on each."""
    split, whole = NamedSharding(mesh, PartitionSpec(None, "model")), NamedSharding(mesh, PartitionSpec())
    return tree.map_with_path(lambda at, x: jax.device_put(x, split if at[-2:] == ("dense_0", "w") else whole), start)


def batches(mesh: Any, done: int = 0) -> Iterator[Any]:
    """The batches that are left, their rows split over the devices; a process reads the rows of its own ones only."""
    for rows in training.batches(order_key, np.arange(len(x)), size=64, epochs=5, start=done):
        mine = np.split(rows, jax.process_count())[jax.process_index()]
        yield jax.make_array_from_process_local_data(NamedSharding(mesh, PartitionSpec("data")), (x[mine], y[mine]))


def half(number: int, port: int, folder: str) -> None:
    """What each of two processes does: half of the training, on the devices of both; the first of them saves."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what connects them is talkative
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=number)
    state, _ = training.fold(waited_for, laid(mesh(8, 1)), islice(batches(mesh(8, 1)), 30))
    if number == 0:
        keep(folder, 30, state)


def main() -> None:
    """Train in NumPy and in five other ways, and compare the parameters at the end."""
    plain = training.batches(order_key, (x, y), size=64, epochs=5)
    (expected, _), values = training.fold(step, start, plain)
    print(f"NumPy: {len(values)} steps, loss {values[0]:.2f} -> {values[-1]:.2f}")

    def compare(how: str, state: Any, stream: Any) -> None:
        (params, _), _ = training.fold(waited_for, state, stream)
        wanted, found = (np.asarray(tree.ravel(p)[0]) for p in (expected, params))
        gap = np.max(np.abs(found - wanted)) / np.max(np.abs(wanted))
        print(f"{how}: {-np.log10(max(gap, 1e-16)):.1f} digits are the same")

    compare("jitted", start, plain)
    compare("8 devices, an eighth of each batch on each", laid(mesh(8, 1)), batches(mesh(8, 1)))
    compare("4 x 2 devices, half of a weight on each", laid(mesh(4, 2)), batches(mesh(4, 2)))
    with tempfile.TemporaryDirectory() as folder:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
        two = [multiprocessing.get_context("spawn").Process(target=half, args=(i, port, folder)) for i in range(2)]
        for process in two:
            process.start()
        for process in two:
            process.join(timeout=120)
            process.kill()  # nothing, if it has come to its end
        done, state = latest(folder, laid(mesh(2, 1))) or sys.exit("the two processes have not saved anything")
    compare(f"2 processes of 4 devices to step {done}, from there on 2 devices", state, batches(mesh(2, 1), done))


if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    main()
