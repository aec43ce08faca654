"""What examples/scale_out.py says of traps is so: shard_map and pmean, axes that are explicit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

EIGHT = """
import jax
import numpy as np
import funcnn as fn
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from funcnn import losses, random
from funcnn.layers import dense

net = dense(2, 3)
params, x, y = net.init(random.key(0)), random.normal(random.key(1), (16, 2)), np.arange(16) % 3
loss = lambda params, x, y: np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))
expected = fn.grad(loss)(params, x, y)
mesh = Mesh(np.array(jax.devices()), ("data",))

def on_each(grad, factor=1.0):
    '''Whether what each of the devices finds of its own rows is the gradient, times a factor.'''
    found = jax.jit(jax.shard_map(grad, mesh=mesh, in_specs=(P(), P("data"), P("data")), out_specs=P()))(params, x, y)
    return fn.tree.all_close(found, fn.tree.map(lambda g: factor * g, expected), atol=1e-6)

def in_jax(params, x, y):
    z = x @ params["w"] + params["b"]
    return -jax.numpy.mean(jax.nn.log_softmax(z)[jax.numpy.arange(len(y)), y])

ours = fn.jax.lift(fn.grad(loss))
assert len(jax.devices()) == 8
assert on_each(lambda *args: jax.lax.pmean(ours(*args), "data"))
assert on_each(jax.grad(in_jax), 8.0) and on_each(lambda *args: jax.lax.pmean(jax.grad(in_jax)(*args), "data"), 8.0)
for wrong, said in [
        (lambda: on_each(ours), "replicat"),
        (lambda: explicit(fn.jax.jit(fn.grad(loss))), "sharding"),
        (lambda: explicit(jax.jit(jax.grad(in_jax))), "sharding")]:
    def explicit(f):
        rows = NamedSharding(jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Explicit,)), P("data"))
        return f(params, jax.device_put(x, rows), jax.device_put(y, rows))
    try:
        wrong()
    except Exception as error:
        assert said in str(error), error
    else:
        raise AssertionError("no error")
"""


def test_the_traps_of_many_devices(jax: Any) -> None:
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=8",
             "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    ran = subprocess.run([sys.executable, "-c", EIGHT], capture_output=True, text=True, check=False, timeout=120,
                         env=os.environ | flags)
    assert ran.returncode == 0, ran.stderr
