"""Programs against `jax.vmap` in float64, alone and composed with everything: written first, and none may be wrong.

A program is a function of a namespace T: `T.xp` is NumPy or jax.numpy, the rest are the transformations.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import funcnn as fn

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.slow

PROGRAMS: dict[str, Callable[[Any], Any]] = {}


def program(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    PROGRAMS[f.__name__] = f
    return f


def ours() -> SimpleNamespace:
    return SimpleNamespace(xp=np, vmap=fn.vmap, grad=fn.grad, vg=fn.value_and_grad, vjp=fn.vjp, jvp=fn.jvp,
                           jac=fn.jacobian, jacfwd=fn.jacfwd, hess=fn.hessian, remat=fn.remat, stop=fn.stop_gradient,
                           hvp=fn.hvp, lin=fn.linearize, custom=lambda f, *rule: _ruled(fn.custom_vjp(f), rule))


def theirs() -> SimpleNamespace:
    return SimpleNamespace(xp=jax.numpy, vmap=jax.vmap, grad=jax.grad, vg=jax.value_and_grad, vjp=jax.vjp, jvp=jax.jvp,
                           jac=jax.jacobian, jacfwd=jax.jacfwd, hess=jax.hessian, remat=jax.checkpoint,
                           stop=jax.lax.stop_gradient, lin=jax.linearize,
                           hvp=lambda f, p, t: jax.jvp(jax.grad(f), p, t)[1],
                           custom=lambda f, *rule: _ruled(jax.custom_vjp(f), rule))


def _ruled(f: Any, rule: Any) -> Any:
    f.defvjp(*rule)
    return f


