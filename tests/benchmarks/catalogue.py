"""What the parts cost beside NumPy written by hand, PyTorch and JAX: milliseconds, and ratios.

    python tests/benchmarks/catalogue.py [--rounds N] [--seconds S]

Layers: dropout of 3000x512 numbers (drawing the mask and the product with it), and conv2d of 32 images 28x28x1 to 16
channels with kernels 3x3, forward and with its gradient; PyTorch has as many threads as NumPy. Optimizers: one step
of each for a million float32 parameters; the hand-written ones are the papers' formulas with plain temporaries, and
must move the parameters to the same place in three steps. Random: nanoseconds a number, a million at a time, beside
`np.random.Generator`.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks import harness
else:
    import harness

Floats: TypeAlias = NDArray[np.float32]

MILLION = 1_000_000


def repeat(f: Callable[[], Any]) -> harness.Work:
    """The same call again and again, after one that compiles what is compiled."""
    f()
    return lambda: (f() for _ in itertools.repeat(None))


def existing(module: str, name: str) -> Any:
    """A function of funcnn, if it is written already."""
    function = getattr(importlib.import_module(f"funcnn.{module}"), name, None)
    if function is None:
        raise NotImplementedError(f"funcnn.{module} has no {name} yet")
    return function


# ------------------------------------------------------------------------------------------------ layers

RATE = 0.2
HIDDEN = np.random.default_rng(0).normal(size=(3000, 512)).astype(np.float32)
IMAGES = np.random.default_rng(0).normal(size=(32, 28, 28, 1)).astype(np.float32)


def dropout() -> harness.Work:
    from funcnn import random

    layer, keys = existing("layers", "dropout")(RATE), random.split(random.key(0), 250)
    return lambda: (layer.apply({}, HIDDEN, key=key) for key in keys)


def numpy_dropout() -> harness.Work:
    rng = np.random.default_rng(0)
    return repeat(lambda: HIDDEN * (rng.random(HIDDEN.shape, np.float32) >= RATE) / np.float32(1 - RATE))


def torch_dropout() -> harness.Work:
    import torch

    harness.set_torch_threads()
    x = torch.from_numpy(HIDDEN)
    return repeat(lambda: torch.nn.functional.dropout(x, RATE))


def conv2d(with_gradient: bool) -> harness.Work:
    import funcnn as fn
    from funcnn import random

    layer = existing("layers", "conv2d")(1, 16, 3)
    params = layer.init(random.key(0))
    loss = fn.value_and_grad(lambda params: np.sum(layer.apply(params, IMAGES)))
    return repeat(lambda: loss(params) if with_gradient else layer.apply(params, IMAGES))


def torch_conv2d(with_gradient: bool) -> harness.Work:
    import torch

    harness.set_torch_threads()
    x, layer = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).copy()), torch.nn.Conv2d(1, 16, 3, padding=1)

    def run() -> None:
        with torch.set_grad_enabled(with_gradient):
            y = layer(x)
            if with_gradient:
                layer.zero_grad()
                y.sum().backward()

    return repeat(run)


LAYERS: harness.Contests = {
    "dropout of 3000x512": {"funcnn": dropout, "NumPy by hand": numpy_dropout, "PyTorch": torch_dropout},
    "conv2d": {"funcnn": partial(conv2d, False), "PyTorch": partial(torch_conv2d, False)},
    "conv2d and its gradient": {"funcnn": partial(conv2d, True), "PyTorch": partial(torch_conv2d, True)},
}


# -------------------------------------------------------------------------------------------- optimizers

Moved: TypeAlias = tuple[Any, ...]
"""(update, *state), to be added to the parameters and remembered."""

Formula: TypeAlias = Callable[..., Moved]
"""(t, p, g, *state) -> (update, *state)."""

S, B1, B2, EPS = 0.01, 0.9, 0.999, 1e-8
PARAMS: Floats = np.random.default_rng(0).normal(size=(1000, 1000)).astype(np.float32)
GRADS: Floats = np.random.default_rng(1).normal(size=(1000, 1000)).astype(np.float32)


def sgd(t: int, p: Floats, g: Floats) -> Moved:
    return (-S * g,)


def momentum(t: int, p: Floats, g: Floats, v: Floats) -> Moved:
    v = 0.9 * v + g
    return -S * v, v


def nesterov(t: int, p: Floats, g: Floats, v: Floats) -> Moved:
    v = 0.9 * v + g
    return -S * (0.9 * v + g), v


def adagrad(t: int, p: Floats, g: Floats, h: Floats) -> Moved:
    h = h + g**2
    return -S * g / (np.sqrt(h) + 1e-7), h


def rmsprop(t: int, p: Floats, g: Floats, h: Floats) -> Moved:
    h = 0.9 * h + 0.1 * g**2
    return -S * g / (np.sqrt(h) + EPS), h


def adadelta(t: int, p: Floats, g: Floats, h: Floats, d: Floats) -> Moved:
    h = 0.9 * h + 0.1 * g**2
    step = np.sqrt(d + 1e-6) / np.sqrt(h + 1e-6) * g
    return -S * step, h, 0.9 * d + 0.1 * step**2


def adam(t: int, p: Floats, g: Floats, m: Floats, v: Floats) -> Moved:
    m = B1 * m + (1 - B1) * g
    v = B2 * v + (1 - B2) * g**2
    m_hat, v_hat = m / (1 - B1**t), v / (1 - B2**t)
    return -S * m_hat / (np.sqrt(v_hat) + EPS), m, v


def adamw(t: int, p: Floats, g: Floats, m: Floats, v: Floats) -> Moved:
    update, m, v = adam(t, p, g, m, v)
    return update - S * 1e-4 * p, m, v


def adamax(t: int, p: Floats, g: Floats, m: Floats, u: Floats) -> Moved:
    m = B1 * m + (1 - B1) * g
    u = np.maximum(B2 * u, np.abs(g) + EPS)
    return -S / (1 - B1**t) * m / u, m, u


def nadam(t: int, p: Floats, g: Floats, m: Floats, v: Floats) -> Moved:
    m = B1 * m + (1 - B1) * g
    v = B2 * v + (1 - B2) * g**2
    m_hat = B1 * m / (1 - B1 ** (t + 1)) + (1 - B1) * g / (1 - B1**t)
    return -S * m_hat / (np.sqrt(v / (1 - B2**t)) + EPS), m, v


def lion(t: int, p: Floats, g: Floats, m: Floats) -> Moved:
    return -S * np.sign(0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g


def by_hand(formula: Formula, states: int) -> harness.Work:
    def train() -> Iterator[Any]:
        p, state = PARAMS, [np.zeros_like(PARAMS) for _ in range(states)]
        for t in itertools.count(1):
            update, *state = formula(t, p, GRADS, *state)
            p = p + update
            yield p

    return train


def funcnn_optimizer(name: str, options: dict[str, float]) -> harness.Work:
    from funcnn import optimizers, tree

    optimizer = existing("optimizers", name)(S, **options)
    start, grads = tree.freeze({"dense_0": {"w": PARAMS}}), tree.freeze({"dense_0": {"w": GRADS}})

    def train() -> Iterator[Any]:
        params, state = start, optimizer.init(start)
        while True:
            updates, state = optimizer.update(grads, state, params)
            params = optimizers.apply_updates(params, updates)
            yield params["dense_0"]["w"]

    return train


def _pair(formula: Formula, states: int, name: str = "", **options: Any) -> dict[str, harness.Make]:
    return {"funcnn": partial(funcnn_optimizer, name or formula.__name__, options),
            "NumPy by hand": partial(by_hand, formula, states)}


OPTIMIZERS: harness.Contests = {
    "sgd": _pair(sgd, 0),
    "sgd, momentum": _pair(momentum, 1, "sgd", momentum=0.9),
    "sgd, nesterov": _pair(nesterov, 1, "sgd", momentum=0.9, nesterov=True),
    "adagrad": _pair(adagrad, 1, eps=1e-7),
    "rmsprop": _pair(rmsprop, 1, decay=0.9, eps=EPS),
    "adadelta": _pair(adadelta, 2, rho=0.9, eps=1e-6),
    "adam": _pair(adam, 2),
    "adamw": _pair(adamw, 2, weight_decay=1e-4),
    "adamax": _pair(adamax, 2),
    "nadam": _pair(nadam, 2),
    "lion": _pair(lion, 1, b1=0.9, b2=0.99),
}


def check(contestants: Mapping[tuple[str, str], harness.Contestant]) -> None:
    """Each pair of optimizers moves the parameters to the same place in three steps."""
    for what in OPTIMIZERS:
        pair = [contestant for (name, _), contestant in contestants.items() if name == what]
        ends = [contestant.ask(partial(harness.value_at, 3)) for contestant in pair]
        if not all(np.allclose(end, ends[0], rtol=1e-4, atol=1e-5) for end in ends):
            print(f"{what}: the two differ by {np.max(np.abs(ends[0] - ends[1])):.1e} after three steps")


# ------------------------------------------------------------------------------------------------ random


def funcnn_random(name: str, *args: Any) -> harness.Work:
    from funcnn import random

    draw, keys = existing("random", name), random.split(random.key(0), 250)
    return lambda: (draw(key, *args) for key in keys)


def numpy_random(name: str, *args: Any) -> harness.Work:
    rng = np.random.default_rng(0)
    return repeat(lambda: getattr(rng, name)(*args))


def jax_random(name: str, *args: Any) -> harness.Work:
    import jax

    key, draw = jax.random.key(0), jax.jit(lambda key: getattr(jax.random, name)(key, *args))
    return repeat(lambda: draw(key).block_until_ready())


def _draws(name: str, args: tuple[Any, ...], numpy_name: str, numpy_args: tuple[Any, ...],
           ) -> dict[str, harness.Make]:
    return {"funcnn": partial(funcnn_random, name, *args),
            f"np.random.Generator.{numpy_name}": partial(numpy_random, numpy_name, *numpy_args),
            "JAX, jit": partial(jax_random, name, *args)}


F32 = np.dtype(np.float32)
RANDOM: harness.Contests = {
    "bits": _draws("bits", ((MILLION,),), "integers", (0, 2**32, MILLION, np.uint32)),
    "uniform": _draws("uniform", ((MILLION,),), "random", (MILLION, F32)),
    "normal": _draws("normal", ((MILLION,),), "standard_normal", (MILLION, F32)),
    "exponential": _draws("exponential", ((MILLION,),), "standard_exponential", (MILLION, F32)),
    "bernoulli": _draws("bernoulli", (0.5, (MILLION,)), "binomial", (1, 0.5, MILLION)),
    "randint": _draws("randint", ((MILLION,), 0, 1000), "integers", (0, 1000, MILLION, np.int32)),
    "permutation": _draws("permutation", (MILLION,), "permutation", (MILLION,)),
}


if __name__ == "__main__":
    chosen = harness.settings(__doc__, rounds=7)
    harness.compare("layers, ms a call", LAYERS, chosen, "ms", 1e3)
    harness.compare("optimizers, ms a step of 1e6 float32 parameters", OPTIMIZERS, chosen, "ms", 1e3, check)
    harness.compare("random, ns a number", RANDOM, chosen, "ns", 1e9 / MILLION)
