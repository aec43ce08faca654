"""What becomes of an array of JAX that meets the library outside of `funcnn.jax`? It is lifted, or refused by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from funcnn._devices import is_of_jax

__all__ = ["is_elsewhere", "lifting", "to_be_lifted"]


def is_elsewhere(x: Any) -> bool:
    """Whether x is an array of JAX that can be computed with, traced or not, and no outline of one.

    >>> is_elsewhere(1.0)
    False
    """
    return is_of_jax(x) and hasattr(type(x), "__array_namespace__")


def to_be_lifted(name: str, where: str) -> TypeError:
    """The error that the function `name` does not know an array of another package, with what does.

    >>> to_be_lifted("grad", "argument 0")
    TypeError('grad: argument 0 is an array of JAX; take funcnn.jax.jit, or lift, of what calls grad, as in \
funcnn.jax.jit(funcnn.grad(f))(x); or np.asarray(x) outside of jax.jit')
    """
    return TypeError(f"{name}: {where} is an array of JAX; take funcnn.jax.jit, or lift, of what calls {name}, as in "
                     "funcnn.jax.jit(funcnn.grad(f))(x); or np.asarray(x) outside of jax.jit")


def lifting(values: Iterable[Any]) -> Callable[..., Any] | None:
    """What makes of a function of NumPy one of JAX, if there is an array of JAX among the values.

    >>> lifting([1.0, "x"])
    """
    if not any(map(is_elsewhere, values)):
        return None
    lift: Callable[..., Any] = importlib.import_module("funcnn.jax").lift  # the last room, which knows this one
    return lift
