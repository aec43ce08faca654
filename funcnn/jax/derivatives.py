"""How does JAX learn of a derivative of our own? `with_derivative` makes a rule with one a `jax.custom_vjp`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from funcnn.core import Interpreter, Rule, TracerError
from funcnn.core.rule import wrong_cotangent
from funcnn.jax.lifted import Lifted, lifted, lowered

__all__ = ["with_derivative"]


def with_derivative(owner: Interpreter, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """The result of a rule that is NumPy code, which JAX differentiates as the rule says."""
    places = [i for i, x in enumerate(args) if isinstance(x, Lifted)]
    values = [_watched(rule, i, args[i].value) for i in places]
    call = _Call(owner, rule, args, options, places)
    run = jax.custom_vjp(call.value)
    run.defvjp(call.forward, call.backward)
    return lifted(owner, run(*values))


class _Call:
    """One call of a rule, as JAX wants it: a function of the arrays among its arguments, and its pullback."""

    def __init__(self, owner: Interpreter, rule: Rule, args: tuple[Any, ...], options: dict[str, Any],
                 places: list[int]) -> None:
        self.owner, self.rule, self.args, self.options, self.places = owner, rule, args, options, places

    def _filled(self, values: tuple[Any, ...]) -> list[Any]:
        """All arguments, with these arrays among them."""
        new = dict(zip(self.places, values, strict=True))
        return [Lifted(self.owner, new[i]) if i in new else x for i, x in enumerate(self.args)]

    def value(self, *values: Any) -> Any:
        """What the rule makes of the arrays."""
        return lowered(self.rule.fun(*self._filled(values), **self.options))

    def forward(self, *values: Any) -> tuple[Any, Any]:
        """The same, and what the way back needs."""
        y = self.value(*values)
        return y, (y, values)

    def backward(self, saved: tuple[Any, Any], g: Any) -> tuple[Any, ...]:
        """The cotangents of the arrays; what a `fwd` would have kept is computed again, which XLA sees and spares."""
        y, values = saved
        args, g, rule = self._filled(values), lifted(self.owner, g), self.rule
        if rule.bwd is not None and rule.fwd is not None:
            found = rule.bwd(rule.fwd(*args, **self.options)[1], g)
            return tuple([lowered(self._like(i, found[i], args[i])) for i in self.places])
        return tuple([lowered(self._like(i, rule.pullback(i)(g, lifted(self.owner, y), *args, **self.options), args[i]))
                      if _has_pullback(rule, i) and _is_float(args[i]) else None for i in self.places])

    def _like(self, i: int, cotangent: Any, x: Any) -> Any:
        if cotangent is None or not _is_float(x):
            return None
        if cotangent.shape != x.shape:
            raise wrong_cotangent(self.rule.name, i, cotangent, x)
        return cotangent.astype(x.dtype)


def _is_float(x: Any) -> bool:
    return bool(jax.numpy.issubdtype(x.dtype, jax.numpy.inexact))


def _has_pullback(rule: Rule, i: int) -> bool:
    return rule.each is not None or (i < len(rule.vjps) and rule.vjps[i] is not None)


def _watched(rule: Rule, i: int, value: Any) -> Any:
    """An array as it is; if JAX differentiates by it and the rule does not know how, that is an error."""
    return value if rule.fwd is not None or _has_pullback(rule, i) else _refusing(rule, i)(value)


def _refusing(rule: Rule, i: int) -> Callable[[Any], Any]:
    same = jax.custom_jvp(lambda x: x)

    @same.defjvp
    def raise_of_it(primals: Any, tangents: Any) -> Any:
        raise TracerError(f"{rule.name}: has no derivative with respect to argument {i}; apply funcnn.stop_gradient to "
                          "it, or give the rule one")

    return same
