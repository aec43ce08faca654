"""nnfs.init() patches NumPy and reseeds its generator; what funcnn computes stays the same, to the byte."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nnfs")

ROOT = Path(__file__).parents[2]

PROGRAM = """
import hashlib
{before}
import numpy as np
import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, random, training, tree
from funcnn.activations import relu
from funcnn.layers import dense, dropout, layer_norm, residual
{after}
where_it_stands = np.random.get_state()[1:3]

data_key, init_key, order_key, drop_key = random.split(random.key(0), 4)
net = dense(2, 8) >> relu >> residual(dense(8, 8) >> np.tanh) >> layer_norm(8) >> dropout(0.1) >> dense(8, 3)
params = net.init(init_key)
optimizer = optimizers.adam(0.05)

def loss(params, batch, key):
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x, key=key), y))

def step(params, opt_state, key, batch):
    key, use = random.split(key)
    value, grads = fn.value_and_grad(loss)(params, batch, use)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), opt_state, key, value

x, y = datasets.spiral(data_key, samples=20, classes=3)
start = (params, optimizer.init(params), drop_key)
state, history = training.fold(step, start, training.batches(order_key, (x, y), size=25, epochs=5))
wide = tree.astype(state[0], np.float64)
second = fn.grad(lambda p: np.sum(fn.grad(loss)(p, (x.astype(np.float64), y), None)["dense_0"]["w"] ** 2))(wide)
found = (state, history, second, params, tree.ravel(state[0])[0], net.apply(state[0], x, key=None),
         fn.grad(lambda x: x[0] + 0 * np.sum(x[[0, 0, 1]]) + x.reshape((3, 1))[2, 0])(np.ones(3)),
         fn.grad(lambda x: 1.0)(np.ones(3, np.float64)), training.fold(step, start, [])[1],
         metrics.accuracy(net.apply(state[0], x, key=None), y), datasets.nnfs_spiral(10, 3))

now = np.random.get_state()[1:3]
assert now[1] == where_it_stands[1] and np.array_equal(now[0], where_it_stands[0]), "the global generator has moved"
digest = hashlib.sha256()
for leaf in tree.leaves(found):
    array = np.asarray(leaf)
    digest.update(repr((array.dtype, array.shape)).encode() + array.tobytes())
print(digest.hexdigest())
"""

SITUATIONS = {
    "without": ("", ""),
    "before": ("import nnfs; nnfs.init()", ""),
    "after": ("", "import nnfs; nnfs.init()"),
    "twice before": ("import nnfs; nnfs.init(); nnfs.init()", ""),
    "before and after": ("import nnfs; nnfs.init()", "nnfs.init()"),
    "another seed": ("", "import nnfs; nnfs.init(random_seed=7)"),
    "float64 without the workaround": ("import nnfs; nnfs.init(False, 'float64')", ""),
    "a generator in use": ("import numpy; numpy.random.seed(5); numpy.random.rand(3)", ""),
}


def run(program: str) -> str:
    """What a program prints in a fresh process; warnings are errors there too."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], env=environment, capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def undisturbed() -> str:
    """The digest where nnfs was never heard of."""
    before, after = SITUATIONS["without"]
    return run(PROGRAM.format(before=before, after=after))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_training_gives_the_same_bytes(situation: str) -> None:
    before, after = SITUATIONS[situation]
    assert len(undisturbed().strip()) == 64
    assert run(PROGRAM.format(before=before, after=after)) == undisturbed()


PRODUCTS = """
import numpy as np
{before}
import funcnn as fn
{after}
x, w = np.ones((2, 3)), np.arange(12.0).reshape(3, 4)
f = lambda x: np.sum(np.dot(x, w) ** 2) + np.sum(np.zeros(2)) + np.sum(np.eye(3) * (x.T @ x))
gradient = fn.grad(f)(x)
assert np.allclose(gradient, 2 * (x @ w) @ w.T + 2 * x, rtol=1e-6), gradient
assert gradient.dtype == np.float64
"""


@pytest.mark.parametrize("situation", ["without", "before", "after", "twice before", "before and after"])
def test_a_users_own_patched_functions_are_differentiated(situation: str) -> None:
    """np.dot of nnfs calls NumPy's own, whichever of the two funcnn has seen."""
    before, after = SITUATIONS[situation]
    run(PRODUCTS.format(before=before, after=after))


def test_importing_funcnn_changes_nothing_of_numpy() -> None:
    run("import numpy as np\n"
        "names = ['dot', 'zeros', 'eye', 'ones', 'array', 'where', 'sum', 'mean']\n"
        "before = [getattr(np, name) for name in names], np.random.randn, np.get_printoptions(), np.geterr()\n"
        "import funcnn\n"
        "after = [getattr(np, name) for name in names], np.random.randn, np.get_printoptions(), np.geterr()\n"
        "assert before == after\n"
        "import sys\n"
        "assert not {'nnfs', 'jax', 'matplotlib', 'torch', 'scipy'} & set(sys.modules)\n")


def test_the_global_generator_is_left_alone_in_this_process() -> None:
    from funcnn import random, training
    from funcnn.layers import dense, dropout

    generator: Any = np.random.mtrand._rand  # the generator that must not move
    generator.seed(0)
    before = generator.get_state()
    net = dense(2, 3) >> dropout(0.5)
    params = net.init(random.key(0))
    for batch in training.batches(random.key(1), np.ones((5, 2), np.float32), 2):
        net.apply(params, batch, key=random.key(2))
    after = generator.get_state()
    assert np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]
