"""Arrays on JAX's devices: what is one, what it is stored as, and the way to NumPy and back, also over processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from funcnn._devices import is_of_jax, is_typed_key, on_host, out_of_reach, placed_like, stored_as

ROOT = Path(__file__).parents[1]


def test_what_is_of_jax(jax: Any) -> None:
    key = jax.random.key(0)
    for x in (jax.numpy.ones(2), key, jax.ShapeDtypeStruct((2,), np.float32)):
        assert is_of_jax(x)
    assert not any(map(is_of_jax, [np.ones(2), 1.0, "jax", None, jax, jax.jit, {"w": jax.numpy.ones(2)}]))
    assert is_typed_key(key) and not is_typed_key(jax.random.key_data(key))
    assert "JAX traces" in str(jax.eval_shape(lambda x: {out_of_reach(x): x}, 1.0))


def test_what_it_is_stored_as(jax: Any) -> None:
    keys = jax.random.split(jax.random.key(0), 3)
    assert stored_as(keys) == (np.dtype(np.uint32), (3, 2))
    assert stored_as(jax.numpy.ones((2, 1), jax.numpy.bfloat16)) == (np.dtype(jax.numpy.bfloat16), (2, 1))
    assert on_host("test", keys).tolist() == jax.random.key_data(keys).tolist()


def test_a_committed_array_keeps_its_device(jax: Any) -> None:
    (device, *_) = jax.devices()
    free, bound = jax.numpy.ones(2), jax.device_put(np.ones(2), device)
    assert not placed_like(np.zeros(2), free).committed
    assert placed_like(np.zeros(2), bound).committed and placed_like(np.zeros(2), bound).sharding == bound.sharding


SPLIT = """
import sys
import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec as P
from funcnn import checkpoint, tree

number, port, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
jax.config.update("jax_num_cpu_devices", 4)
jax.distributed.initialize(f"127.0.0.1:{port}", 2, number)
mesh = jax.make_mesh((4, 2), ("data", "model"), axis_types=(jax.sharding.AxisType.Auto,) * 2)

def split(x, *axes):
    return jax.make_array_from_callback(x.shape, NamedSharding(mesh, P(*axes)), lambda index: x[index])

w, key = np.arange(32, dtype=np.float32).reshape(8, 4), jax.random.key(3)
whole = {"w": split(w), "key": jax.random.wrap_key_data(split(np.asarray(jax.random.key_data(key))))}
path = f"{folder}/{number}.safetensors"
checkpoint.save(path, whole)                                      # each process has all of it
parts = {**whole, "w": split(w, "data", "model")}
for function in (lambda: checkpoint.save(path, parts), lambda: tree.equal(parts, parts)):
    try:
        function()
    except ValueError as error:
        assert "processes" in str(error) and "process_allgather" in str(error), error
    else:
        raise AssertionError("it has only half of it")
came = checkpoint.load(path, parts)                               # each lays its own parts
assert came["w"].sharding == parts["w"].sharding and not came["w"].is_fully_addressable
same = jax.jit(lambda a, b: (a == b).all(), out_shardings=NamedSharding(mesh, P()))(came["w"], parts["w"])
assert bool(same) and came["key"].dtype == key.dtype and tree.equal(came["key"], whole["key"])
"""


def test_arrays_of_several_processes(jax: Any, tmp_path: Path) -> None:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    running = [subprocess.Popen([sys.executable, "-c", SPLIT, str(number), str(port), str(tmp_path)], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | flags)
               for number in range(2)]
    try:
        for process in running:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
    finally:
        for process in running:
            process.kill()
            process.communicate()
    first, second = ((tmp_path / f"{number}.safetensors").read_bytes() for number in range(2))
    assert first == second
