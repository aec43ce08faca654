"""How does JAX learn of a derivative of our own? `with_derivative` makes of a rule a function that JAX knows one of.

A user's `custom_vjp` becomes a `jax.custom_vjp`, and means the same there: backward mode alone. The pullbacks of the
library's own rules are linear, as pullbacks are meant to be, so that their transpose pushes tangents forward: these
become a `jax.custom_jvp`, from which JAX has both modes.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from funcnn.core import Interpreter, Rule, TracerError
from funcnn.core.rule import wrong_cotangent
from funcnn.jax.lifted import Lifted, lifted, lowered

__all__ = ["with_derivative"]


def with_derivative(owner: Interpreter, on_cotangents: Interpreter, rule: Rule, args: tuple[Any, ...],
                    options: dict[str, Any]) -> Any:
    """The result of a rule that is NumPy code, which JAX differentiates as the rule says."""
    call = _Call(owner, on_cotangents, rule, args, options)
    return lifted(owner, call.run(*[args[i].value for i in call.places]))


class _Call:
    """One call of a rule, as JAX wants it: a function of the arrays among its arguments, and its derivative."""

    def __init__(self, owner: Interpreter, on_cotangents: Interpreter, rule: Rule, args: tuple[Any, ...],
                 options: dict[str, Any]) -> None:
        self.owner, self.on_cotangents, self.rule, self.args, self.options = owner, on_cotangents, rule, args, options
        self.places = [i for i, x in enumerate(args) if isinstance(x, Lifted)]
        self.run = self._run()
        """The function of the arrays; the derivatives call it too, so that what is differentiated twice obeys."""

    def _run(self) -> Any:
        if self.rule.name == "remat":
            return jax.checkpoint(self.value)
        return self._both_ways() if _is_of_the_library(self.rule) else self._backwards()

    def _both_ways(self) -> Any:
        run = jax.custom_jvp(self.value)
        run.defjvp(self.push, symbolic_zeros=True)
        return run

    def _backwards(self) -> Any:
        run = jax.custom_vjp(self.value)
        run.defvjp(self.forward, self.backward, symbolic_zeros=True)
        return run

    def value(self, *values: Any) -> Any:
        """What the rule makes of the arrays."""
        return lowered(self.rule.fun(*self._filled(values), **self.options))

    def _filled(self, values: Any) -> list[Any]:
        """All arguments, with these arrays among them."""
        new = dict(zip(self.places, values, strict=True))
        return [Lifted(self.owner, new[i]) if i in new else x for i, x in enumerate(self.args)]

    def push(self, values: Any, tangents: Any) -> tuple[Any, Any]:
        """The value and its tangent: the transpose of the pullback, applied to the tangents of the arrays."""
        moving = [i for i, t in zip(self.places, tangents, strict=True) if type(t) is not SymbolicZero]
        y = self.run(*values)
        self._check(moving)
        transpose = jax.linear_transpose(lambda g: self._pull(moving, y, values, lifted(self.on_cotangents, g)), y)
        (tangent,) = transpose(tuple([t for t in tangents if type(t) is not SymbolicZero]))
        return y, tangent

    def forward(self, *primals: Any) -> tuple[Any, Any]:
        """The value, and what the way back needs."""
        self._check([i for i, x in zip(self.places, primals, strict=True) if x.perturbed])
        values = [x.value for x in primals]
        y = self.run(*values)
        return y, (y, values)

    def backward(self, saved: Any, g: Any) -> tuple[Any, ...]:
        """The cotangents of the arrays."""
        y, values = saved
        g = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype) if type(x) is SymbolicZero else x, g,
                         is_leaf=lambda x: type(x) is SymbolicZero)
        floats = [i for i in self.places if _is_float(self.args[i]) and self._has_pullback(i)]
        pulled = dict(zip(floats, self._pull(floats, y, values, lifted(self.owner, g)), strict=True))
        return tuple([pulled.get(i) for i in self.places])

    def _pull(self, places: list[int], y: Any, values: Any, g: Any) -> tuple[Any, ...]:
        """The cotangents of some arguments; what a `fwd` would have kept is computed again, which XLA sees."""
        args, rule = self._filled(values), self.rule
        if rule.bwd is not None and rule.fwd is not None:
            found = rule.bwd(rule.fwd(*args, **self.options)[1], g)
        else:
            y = lifted(self.owner, y)
            found = {i: rule.pullback(i)(g, y, *args, **self.options) for i in places}
        return tuple([self._like(i, found[i], args[i]) for i in places])

    def _like(self, i: int, cotangent: Any, x: Any) -> Any:
        if cotangent is None:
            return jnp.zeros_like(x.value)
        if cotangent.shape != x.shape:
            raise wrong_cotangent(self.rule.name, i, cotangent, x)
        return jnp.asarray(lowered(cotangent), x.dtype)

    def _has_pullback(self, i: int) -> bool:
        rule = self.rule
        return rule.bwd is not None or rule.each is not None or (i < len(rule.vjps) and rule.vjps[i] is not None)

    def _check(self, differentiated: list[int]) -> None:
        for i in differentiated:
            if not self._has_pullback(i):
                raise TracerError(f"{self.rule.name}: has no derivative with respect to argument {i}; apply "
                                  "funcnn.stop_gradient to it, or give the rule one")


def _is_of_the_library(rule: Rule) -> bool:
    while hasattr(rule, "rule"):  # it is one call of another
        rule = rule.rule
    return (getattr(rule.fun, "__module__", None) or "").startswith("funcnn.")


def _is_float(x: Any) -> bool:
    return bool(jnp.issubdtype(x.dtype, jnp.inexact))
