"""From laptop to many devices: one training step, in NumPy, compiled, on eight devices, and in two processes.

`fn.jax.jit(step)` is the line that changes. Besides, a `NamedSharding` says where numbers lie: rows of a batch split
over devices ("data"), columns of a weight over others ("model"), all else on each. What must be sent, XLA finds out.
Devices are parts of one CPU here, and the processes those of one machine; for real ones the program is the same.

Traps: `jax.make_mesh` makes Explicit axes in new versions, where to pick a class in each row is an error; `Mesh` makes
Auto ones. In `jax.shard_map` a device has its own rows only: `jax.lax.pmean` what `fn.grad` gives, before the optimizer
(plain `jax.grad` has summed there already). A key that a jitted function does not get as an argument is a constant, the
same numbers in each step: hand it in, as `make_stochastic_step` does.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import tempfile
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, optimizers, random, training, tree
from funcnn.checkpoint import load, save
from funcnn.layers import dense
from funcnn.typing import Array, IntArray, Params, Scalar

try:
    import jax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec
except ModuleNotFoundError:
    raise SystemExit("this example needs JAX: pip install 'funcnn[jax]', or pip install jax") from None

data_key, init_key, order_key = random.split(random.key(0), 3)
x, y = datasets.vertical(data_key, samples=256, classes=3, dtype=np.float64)  # in float64 no mistake hides in rounding
jax.config.update("jax_enable_x64", True)
net, optimizer = dense(2, 64) >> np.tanh >> dense(64, 3), optimizers.adam(0.05)
params = tree.astype(net.init(init_key), np.float64)


def loss(params: Params, batch: tuple[Array, IntArray]) -> Scalar:
    return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0]), batch[1]))


step, start = training.make_step(loss, optimizer), (params, optimizer.init(params))
jitted = fn.jax.jit(step)


def one_by_one(*arguments: Any) -> Any:
    return jax.block_until_ready(jitted(*arguments))  # of many steps at once, those on virtual devices block each other


def on(data: int, model: int, done: int = 0, epochs: int = 4) -> tuple[Any, Any]:
    """The first state on a mesh of devices, and the batches from `done` on; a process reads the rows of its own."""
    mesh = Mesh(np.reshape(jax.devices()[:data * model], (data, model)), ("data", "model"))
    rows, columns, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (["data"], [None, "model"], []))
    where = tree.map_with_path(lambda path, leaf: columns if path[-2:] == ("dense_0", "w") else whole, start)
    stream = training.batches(order_key, np.arange(len(x)), size=64, epochs=epochs, start=done)
    own = (np.split(numbers, jax.process_count())[jax.process_index()] for numbers in stream)
    return jax.device_put(start, where), (jax.make_array_from_process_local_data(rows, (x[i], y[i])) for i in own)


def half(number: int, port: int, file: str) -> None:
    """What each of two processes does: half of the training, on the devices of both; the first of them saves."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what connects them is talkative
    jax.distributed.initialize(f"127.0.0.1:{port}", num_processes=2, process_id=number)
    state, _ = training.fold(one_by_one, *on(8, 1, epochs=2))
    if number == 0:
        save(file, state)


def main() -> None:
    """Train in NumPy and in four other ways, and compare the parameters at the end."""
    plain = training.batches(order_key, (x, y), size=64, epochs=4)
    (expected, _), values = training.fold(step, start, plain)
    print(f"NumPy: {len(values)} steps, loss {values[0]:.3f} -> {values[-1]:.3f}")

    def compare(how: str, state: Any, batches: Any) -> None:
        (params, _), _ = training.fold(one_by_one, state, batches)
        wanted, found = (np.asarray(tree.ravel(p)[0]) for p in (expected, params))
        print(f"{how}: the same to {-np.log10(max(np.max(np.abs(found - wanted)), 1e-16)):.1f} digits")

    compare("jitted", start, plain)
    compare("8 devices, an eighth of each batch on each", *on(8, 1))
    compare("4 x 2 devices, half of a weight on each", *on(4, 2))
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port, file = free.getsockname()[1], os.path.join(folder, "half.safetensors")
        free.close()
        os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as two:
            list(two.map(half, (0, 1), (port, port), (file, file)))
        compare("2 processes of 4 devices, then 2 devices from a file", load(file, on(2, 1)[0]), on(2, 1, done=24)[1])


if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
    main()
