"""Who knows the arrays of another package? The room of funcnn that bears its name, which can `lift` a function."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["is_elsewhere", "is_float", "lifting", "to_be_lifted"]

_ROOMS = {"jax": "jax", "jaxlib": "jax"}
"""Where types come from, and the room."""


def is_elsewhere(x: Any) -> bool:
    """Whether x is an array of a package that funcnn has a room for.

    >>> is_elsewhere(1.0)
    False
    """
    return type(x).__module__.partition(".")[0] in _ROOMS and hasattr(type(x), "__array_namespace__")


def is_float(dtype: Any) -> bool:
    """Whether a dtype is one of real floating-point numbers, NumPy's or JAX's bfloat16, which is none to NumPy.

    >>> import numpy as np
    >>> is_float(np.dtype(np.float32)), is_float(np.dtype(np.int32))
    (True, False)
    """
    found: bool = dtype.kind == "f" or (dtype.kind == "V" and dtype.name == "bfloat16")
    return found


def to_be_lifted(name: str, where: str) -> TypeError:
    """The error that the function `name` does not know an array of another package, with what does.

    >>> to_be_lifted("grad", "argument 0")
    TypeError('grad: argument 0 is an array of JAX; take funcnn.jax.jit, or lift, of what calls grad, as in \
funcnn.jax.jit(funcnn.grad(f))(x); or np.asarray(x) outside of jax.jit')
    """
    return TypeError(f"{name}: {where} is an array of JAX; take funcnn.jax.jit, or lift, of what calls {name}, as in "
                     "funcnn.jax.jit(funcnn.grad(f))(x); or np.asarray(x) outside of jax.jit")


def lifting(values: Iterable[Any]) -> Callable[..., Any] | None:
    """What makes a function of NumPy one of those arrays, if there is one among the values.

    >>> lifting([1.0, "x"])
    """
    for value in values:
        if is_elsewhere(value):
            room = importlib.import_module(f"funcnn.{_ROOMS[type(value).__module__.partition('.')[0]]}")
            lift: Callable[..., Any] = room.lift
            return lift
    return None
