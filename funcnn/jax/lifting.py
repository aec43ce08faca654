"""What does an operation of NumPy mean on arrays of JAX? `LIFT`, an interpreter, the outermost of all.

What reaches it are the NumPy calls that are left when derivatives and batches have had their say. Each becomes the
function of the same name in `jax.numpy`; where that is another function, `TABLE` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from funcnn.core import RULES, Interpreter, Rule, Tracer, TracerError, getitem
from funcnn.jax.derivatives import with_derivative
from funcnn.jax.lifted import depends, lifted, looked_at, lowered, reworded

__all__ = ["COTANGENTS", "LIFT", "TABLE"]

TABLE: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What stands for a function where that is not the one of the same name; `funcnn.jax.table` fills it."""

_ROOMS = {"numpy": jnp, "numpy.linalg": jnp.linalg, "numpy.fft": jnp.fft}


class Lift(Interpreter):
    """The meaning of NumPy's operations on arrays of JAX. It remembers nothing, so that one is enough.

    `level` lies outside of every interpreter that begins. On `is_linear` arrays, cotangents, rules are what they
    compute and no more, so that JAX can transpose it.
    """

    records = True

    def __init__(self, level: int, is_linear: bool = False) -> None:
        self.level, self.is_linear = level, is_linear

    def bind(self, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The function of a rule, or what stands for it in the table; code with a derivative keeps that."""
        if rule.fun in TABLE:
            return self.call(rule.fun, args, options)
        if rule.is_code and not self.is_linear:
            return with_derivative(self, COTANGENTS, rule, args, options)
        return rule.fun(*args, **options)

    def call(self, function: Any, args: tuple[Any, ...], options: dict[str, Any], method: str = "__call__") -> Any:
        """What JAX's function makes of the arrays."""
        of_jax = _of_jax(function)
        if of_jax is None:
            return _written_out(function)(*args, **options)
        with reworded(_called(function), depends):
            return lifted(self, getattr(of_jax, method)(*lowered(args), **lowered(options)))

    def ask(self, condition: Tracer) -> bool:
        """The answer to a question about values, which are there where JAX transforms nothing."""
        return bool(condition)

    def look(self, x: Tracer) -> Any:
        """Refuse: under a transformation of JAX there is no number to be looked at."""
        raise looked_at("x")


LIFT, COTANGENTS = Lift(-2), Lift(-1, is_linear=True)


def _called(function: Any) -> str:
    return "x[index]" if function is getitem else f"np.{function.__name__}"


def _of_jax(function: Any) -> Any:
    """The function of JAX that stands for one of NumPy, or None."""
    if function in TABLE:
        return TABLE[function]
    return getattr(_ROOMS.get(_home(function)), function.__name__, None)


def _home(function: Any) -> str:
    """The module that a function is of; NumPy's ufuncs do not say."""
    return getattr(function, "__module__", None) or "numpy"


def _written_out(function: Any) -> Any:
    """What the library makes of a function of NumPy by means of others."""
    if isinstance(written := RULES.get(function, function), Rule) or written is function:
        raise TracerError(f"{_home(function)}.{function.__name__}: jax.numpy has no function of this name; write "
                          "it with others")
    return written
