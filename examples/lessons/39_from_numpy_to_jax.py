"""Lesson 39: the step that runs in NumPy runs in JAX, compiled: `fn.jax.jit(step)` is the line that changes.

What is written here in NumPy's words gets stand-ins for arrays of JAX, which answer with `jax.numpy`'s functions of the
same names; the compiler makes one program of them, for any device that JAX knows. See a training in NumPy and the same
step in JAX agree to so many digits; the whole training as one `jax.lax.scan`; and a gradient by JAX's own `jax.grad`,
through funcnn's net. The digits that differ are rounding: XLA adds in another order. In float64 there is little of it.

The losses are drawn: `python examples/lessons/39_from_numpy_to_jax.py .`; it needs JAX: pip install 'funcnn[jax]'.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, optimizers, plotting, random, training, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, IntArray, Params, Scalar

try:
    import jax
except ModuleNotFoundError:
    print("this lesson needs JAX: pip install 'funcnn[jax]', or pip install jax")
    raise SystemExit from None

Batch = tuple[Array, IntArray]

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
dtype = np.float64
jax.config.update("jax_enable_x64", True)  # else JAX makes float32 of float64
data_key, init_key, order_key = random.split(random.key(0), 3)
x, labels = datasets.spiral(data_key, samples=100, classes=3, dtype=dtype)
net = dense(2, 32) >> relu >> dense(32, 3)
optimizer = optimizers.adam(0.05)


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy of a batch, in NumPy."""
    return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0]), batch[1]))


def digits(found: Any, expected: Any) -> str:
    """To how many digits the numbers of two trees agree, at most 16."""
    one, other = (np.asarray(tree.ravel(tree.map(np.asarray, numbers))[0], np.float64) for numbers in (found, expected))
    return f"{-np.log10(max(np.max(np.abs(one - other)) / np.max(np.abs(other)), 1e-16)):.1f} digits"


step = training.make_step(loss, optimizer)
params = tree.astype(net.init(init_key), dtype)
start = (params, optimizer.init(params))
batches = list(training.batches(order_key, (x, labels), size=300, epochs=120))

(in_numpy, _), history = training.fold(step, start, batches)
print(f"NumPy: {len(history)} steps, loss {history[0]:.4f} -> {history[-1]:.4f}")

(in_jax, _), compiled_history = training.fold(fn.jax.jit(step), start, batches)
print(f"JAX, a step at a time: all {tree.leaves(in_jax)[0].dtype}, "
      f"the parameters agree to {digits(in_jax, in_numpy)}")


lifted: Any = fn.jax.lift(step)


def scanned(state: Any, batch: Any) -> tuple[Any, Any]:
    """The step in the form of jax.lax.scan: the state, and what is to be stacked."""
    params, opt_state, value = lifted(*state, batch)
    return (params, opt_state), value


stacked = tree.map(lambda *arrays: np.stack(arrays), *batches)
(in_scan, _), scan_history = jax.lax.scan(scanned, start, stacked)
print(f"JAX, all steps as one program: the parameters agree to {digits(in_scan, in_numpy)}")

by_jax = jax.jit(jax.grad(fn.jax.lift(loss)))(params, (x, labels))
print(f"the gradient by jax.grad and by fn.grad: {digits(by_jax, fn.grad(loss)(params, (x, labels)))}")

try:
    figure = plotting.figure(width=7.0, height=3.4)
    ax = figure.subplots()
    ax.plot(history, color=plotting.COLORS[1], linewidth=6, alpha=0.6, label="NumPy")
    ax.plot(scan_history, color=plotting.COLORS[0], label="JAX, all steps as one program")
    ax.set(xlabel="step", ylabel="loss")
    ax.legend(frameon=False)
    figure.savefig(folder / "numpy_and_jax.png", dpi=160)
    print(f"\nwrote {folder / 'numpy_and_jax.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: `dtype = np.float32`. To how many digits do the parameters agree then?
