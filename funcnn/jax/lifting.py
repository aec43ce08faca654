"""What does an operation of NumPy mean on arrays of JAX? `LIFT`, an interpreter, the outermost of all.

What reaches it are the NumPy calls that are left when derivatives and batches have had their say. Each becomes the
function of the same name in `jax.numpy`; where that is another function, `TABLE` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from funcnn.core import Interpreter, Rule, Tracer, TracerError
from funcnn.jax.derivatives import with_derivative
from funcnn.jax.lifted import in_our_words, lifted, looked_at, lowered

__all__ = ["LIFT", "TABLE"]

TABLE: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What stands for a function where that is not the one of the same name; `funcnn.jax.table` fills it."""

_ROOMS = {"numpy": jnp, "numpy.linalg": jnp.linalg, "numpy.fft": jnp.fft}

_MEMORY = {"casting", "kind", "subok"}
"""Options of NumPy that say how to compute, and not what."""


class Lift(Interpreter):
    """The meaning of NumPy's operations on arrays of JAX: it remembers nothing, so that one is enough."""

    records = True

    def __init__(self) -> None:
        self.level = -1  # outside of every interpreter that begins

    def bind(self, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The function of a rule, or what stands for it in the table; code with a derivative keeps that."""
        if rule.fun in TABLE:
            return self.call(rule.fun, args, options)
        return with_derivative(self, rule, args, options) if rule.is_code else rule.fun(*args, **options)

    def call(self, function: Any, args: tuple[Any, ...], options: dict[str, Any], method: str = "__call__") -> Any:
        """What JAX's function makes of the arrays."""
        named = {name: lowered(value) for name, value in options.items() if name not in _MEMORY}
        of_jax = getattr(_of_jax(function), method)
        with in_our_words(f"np.{function.__name__}"):
            return lifted(self, of_jax(*lowered(args), **named))

    def look(self, x: Tracer) -> Any:
        """Refuse: under a transformation of JAX there is no number to be looked at."""
        raise TracerError(looked_at("x"))


LIFT = Lift()


def _of_jax(function: Any) -> Any:
    """The function of JAX that stands for one of NumPy."""
    if function in TABLE:
        return TABLE[function]
    module, name = getattr(function, "__module__", None) or "numpy", function.__name__
    found = getattr(_ROOMS.get(module), name, None)
    if found is None:
        raise TracerError(f"{module}.{name}: jax.numpy has no function of this name; write it with others")
    return found
