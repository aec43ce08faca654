"""How does a funcnn program move to JAX? `jit(f)` compiles it, `lift(f)` makes it a function for JAX's transformations.

    step = fn.jax.jit(make_step(loss, optimizer))         # compiled by XLA
    per_example = jax.vmap(fn.jax.lift(fn.grad(loss)))    # also scan, shard_map, jax.grad

What runs in funcnn runs there: plain NumPy code of yours, `funcnn.grad` and `vmap`, custom rules, draws from keys. The
function gets stand-ins for arrays of JAX, which answer to NumPy's own functions with those of `jax.numpy`.

Read `lifted` (the stand-in), `lifting` (what an operation on it means), `table` (where JAX is another than NumPy),
`keys` (draws), `derivatives` (how JAX learns of a custom rule), `trees` (a FrozenDict is a node of JAX's trees).
It needs JAX: `pip install 'funcnn[jax]'`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

try:
    import jax
except ModuleNotFoundError as error:
    if error.name != "jax":
        raise
    raise ModuleNotFoundError("funcnn.jax: needs JAX: pip install 'funcnn[jax]'", name="jax") from error

from funcnn._arguments import described
from funcnn.core import NeedsValues, Tracer, TracerError
from funcnn.jax import keys as keys
from funcnn.jax import table as table
from funcnn.jax import trees as trees
from funcnn.jax.lifted import Lifted, depends, lifted, lowered
from funcnn.jax.lifting import LIFT

__all__ = ["jit", "lift"]

A = ParamSpec("A")
R = TypeVar("R")


def jit(f: Callable[A, R], **options: object) -> Callable[A, R]:
    """The same function, compiled by XLA: `jax.jit(lift(f), **options)`, whose `options` these are.

    `donate_argnums=(0, 1)`, for one, lets XLA write the new parameters over the old, which are then gone.

    >>> import numpy as np, funcnn as fn
    >>> slope = jit(fn.grad(lambda w, x: np.sum(np.tanh(w * x))))
    >>> slope(np.float32([0.0, 1.0]), np.float32(2.0))
    Array([2.        , 0.14130162], dtype=float32)

    What to know is what there is to know of `lift`, and of `jax.jit`: Python runs while tracing only.
    """
    compiled: Callable[A, R] = jax.jit(lift(f), **options)
    return compiled


def lift(f: Callable[A, R]) -> Callable[A, R]:
    """The same function for arrays of JAX, to be handed to its transformations: grad, vmap, scan, shard_map, jit.

    `f` is NumPy code, yours or funcnn's.

    >>> import jax, jax.numpy as jnp, numpy as np
    >>> def f(x):
    ...     return np.where(x > 0, np.exp(x), 1 + x).sum()
    >>> jax.grad(lift(f))(jnp.array([-1.0, 0.0, 1.0]))
    Array([1.       , 1.       , 2.7182817], dtype=float32)

    Arguments and results are trees of JAX. Each function of NumPy becomes that of the same name in `jax.numpy`, and so:

    - dtypes are JAX's: float32 stays float32, also beside Python's numbers; without `jax_enable_x64` float64 arrays
      become float32, as everywhere in JAX (set `jax.config.update("jax_enable_x64", True)`), and a draw in float64
      raises. Integers beside float32 give float32, not float64.
    - `funcnn.grad` inside takes funcnn's derivatives, `jax.grad` around it JAX's; they may differ at a corner (of `abs`
      at 0). Custom rules and `stop_gradient` hold for both; those of yours in backward mode alone, as `jax.custom_vjp`.
    - Values cannot be looked at: `if x > 0`, `float(x)`, `x[mask]` are a TracerError, and checks of values (labels,
      probabilities) are left out. An index that is not known and lies outside gives NaN.
    - Nothing is written into an array, and arrays of JAX that f reads besides its arguments are not lifted: pass them.
    - Draws are those of funcnn.random, bit for bit where that says so, under keys of NumPy, of JAX, and typed ones; but
      a mask of `dropout` is another one. A key that f reads besides its arguments is a constant.

    Inside `funcnn.grad` or `vmap`, and inside a lifted function, it is f itself. On NumPy arrays it is f, too.
    """
    if not callable(f):
        raise TypeError(f"lift: takes a function, got {described(f)}; write lift(f)(x), not lift(f(x))")

    @functools.wraps(f)
    def of_jax(*args: A.args, **kwargs: A.kwargs) -> R:
        is_inside = _is_inside((args, kwargs))
        new_args, new_kwargs = lifted(LIFT, (args, kwargs))
        try:
            result = f(*new_args, **new_kwargs)
        except NeedsValues as error:
            raise depends(f"np.{error}") from error
        found: R = result if is_inside else lowered(result)
        return found

    return of_jax


def _is_inside(given: Any) -> bool:
    """Whether funcnn traces one of the arguments, which then are no arrays of JAX, or lifted ones."""
    leaves = jax.tree.leaves(given, is_leaf=lambda x: isinstance(x, Tracer))
    traced = [leaf for leaf in leaves if isinstance(leaf, Tracer)]
    is_lifted = any(isinstance(leaf, Lifted) for leaf in traced)
    if traced and not is_lifted and any(isinstance(leaf, jax.Array) for leaf in leaves):
        raise TracerError("lift: got an array of JAX and a value inside funcnn's grad or vmap; lift goes around them: "
                          "lift(grad(f)), not grad(lift(f))")
    return bool(traced)
