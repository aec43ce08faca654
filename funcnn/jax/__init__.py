"""How does a funcnn program move to JAX? `jit(f)` compiles it, `lift(f)` makes it a function for JAX's transformations.

    step = fn.jax.jit(make_step(loss, optimizer))            # compiled by XLA
    jax.lax.scan(fn.jax.lift(step), state, batches)          # and vmap, grad, shard_map ... of JAX

Whatever runs in funcnn runs there: plain NumPy code, `funcnn.grad`, `vmap`, custom rules, keys. The function gets
stand-ins for arrays of JAX, which answer to NumPy's own functions with those of `jax.numpy`.

`lifted` is the stand-in, `table` says where JAX is another than NumPy, `derivatives` how it learns of ours, `trees`
that a FrozenDict is a node of its trees. It needs JAX: `pip install 'funcnn[jax]'`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

try:
    import jax
except ModuleNotFoundError as error:
    raise ModuleNotFoundError("funcnn.jax: needs JAX: pip install 'funcnn[jax]'") from error

from funcnn.jax import keys as keys, table as table, trees as trees
from funcnn.jax.lifted import lifted, lowered
from funcnn.jax.lifting import LIFT

__all__ = ["jit", "lift"]

A = ParamSpec("A")
R = TypeVar("R")


def lift(f: Callable[A, R]) -> Callable[A, R]:
    """The same function, for arrays of JAX: what jax.grad, jax.vmap, jax.lax.scan and the others take."""
    @functools.wraps(f)
    def of_jax(*args: A.args, **kwargs: A.kwargs) -> R:
        new_args, new_kwargs = lifted(LIFT, (args, kwargs))
        return lowered(f(*new_args, **new_kwargs))

    return of_jax


def jit(f: Callable[A, R], **options: Any) -> Callable[A, R]:
    """The same function, compiled by JAX."""
    return jax.jit(lift(f), **options)
