"""What a derivative costs: per operation on tiny arrays, and beside the function itself on large ones.

    python tests/benchmarks/autodiff_ops.py [--rounds N] [--seconds S]

A chain of 1000 operations on float64[3] (multiply, sin, exp, add, tanh, over and over) shows the price of watching
one operation and walking back over it: microseconds an operation, value and gradient together. Elementwise programs
of 1e6 float64 numbers show what remains where arithmetic dominates: milliseconds for the function and its gradient.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from benchmarks import harness
else:
    import harness

Program: TypeAlias = Callable[[Any, Any], Any]
"""A function of (namespace, array)."""

OPERATIONS = 1000
SMALL = np.array([0.1, 0.2, 0.3])
LARGE = np.linspace(-2, 2, 1_000_000)


# ----------------------------------------------------------------------------------------------- programs


def chain(xp: Any, x: Any) -> Any:
    for _ in range(OPERATIONS // 5):
        x = xp.tanh(xp.exp(xp.sin(x * 0.9)) + -1.0)
    return xp.sum(x)


def polynomial(xp: Any, x: Any) -> Any:
    return xp.sum(((0.5 * x - 1.5) * x + 0.25) * x)


def gaussian(xp: Any, x: Any) -> Any:
    return xp.sum(xp.exp(-0.5 * x * x))


def gelu(xp: Any, x: Any) -> Any:
    return xp.sum(0.5 * x * (1 + xp.tanh(0.8 * (x + 0.045 * x * x * x))))


# -------------------------------------------------------------------------------------------- contestants


def numpy_value(program: Program, x: Any) -> harness.Work:
    return _work(partial(program, np), x)


def funcnn_grad(program: Program, x: Any) -> harness.Work:
    import funcnn

    return _work(funcnn.value_and_grad(partial(program, np)), x)


def autograd_grad(program: Program, x: Any) -> harness.Work:
    import autograd.numpy
    from autograd import value_and_grad

    return _work(value_and_grad(partial(program, autograd.numpy)), x)


def with_jax(transformations: tuple[str, ...], program: Program, x: Any) -> harness.Work:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    f: Any = partial(program, jnp)
    for name in transformations:
        f = getattr(jax, name)(f)
    return _work(lambda x: jax.block_until_ready(f(x)), jnp.asarray(x))


def _work(f: Callable[[Any], Any], x: Any) -> harness.Work:
    """Calls of f(x), after one that compiles what is compiled."""
    f(x)
    return lambda: map(f, itertools.repeat(x))


# ------------------------------------------------------------------------------------------------ races

SMALL_ONES: harness.Contests = {"chain of 1000 operations on float64[3]": {
    "funcnn": partial(funcnn_grad, chain, SMALL),
    "autograd": partial(autograd_grad, chain, SMALL),
    "JAX, operation by operation": partial(with_jax, ("value_and_grad",), chain, SMALL),
    "JAX, jit of the whole": partial(with_jax, ("value_and_grad", "jit"), chain, SMALL),
    "NumPy, the values only": partial(numpy_value, chain, SMALL),
}}

LARGE_ONES: harness.Contests = {program.__name__: {
    "funcnn": partial(funcnn_grad, program, LARGE),
    "NumPy, the value only": partial(numpy_value, program, LARGE),
    "autograd": partial(autograd_grad, program, LARGE),
    "JAX, operation by operation": partial(with_jax, ("value_and_grad",), program, LARGE),
    "JAX, jit": partial(with_jax, ("value_and_grad", "jit"), program, LARGE),
    "JAX, jit, the value only": partial(with_jax, ("jit",), program, LARGE),
} for program in (polynomial, gaussian, gelu)}


if __name__ == "__main__":
    chosen = harness.settings(__doc__)
    harness.compare("value and gradient, us an operation", SMALL_ONES, chosen, "us", 1e6 / OPERATIONS)
    harness.compare("value and gradient of 1e6 float64 numbers, ms a call", LARGE_ONES, chosen, "ms", 1e3)
