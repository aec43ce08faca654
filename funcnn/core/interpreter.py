"""What does a transformation do? It is an `Interpreter`: it says what an operation on its traced values means.

`grad` has a tape, `vmap` a batch; each begins an interpreter, gives the function tracers that belong to it, and takes
what the function returns. An operation goes to the innermost interpreter among its arguments, the one begun last; to
that one the values of the others are just values, on which it calls the rule again. Nothing is global: an interpreter
lives for one call, and what orders them is a counter that only hands out fresh numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from funcnn.core.rule import Rule
from funcnn.core.tracer import Tracer

__all__ = ["Interpreter", "named_scope"]

_fresh = itertools.count()


class Interpreter:
    """The meaning of operations on traced values, during one call of a transformation.

    This one counts operations, also those of a gradient:

    >>> from collections import Counter
    >>> import numpy as np
    >>> import funcnn as fn
    >>> class Census(Interpreter):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.seen = Counter()
    ...     def bind(self, rule, args, options):
    ...         self.seen[rule.name] += 1
    ...         return Tracer(self, rule(*self.lower(args), **options))  # the same, in the world outside
    >>> def census(f, x):
    ...     interpreter = Census()
    ...     f(Tracer(interpreter, x))
    ...     return dict(interpreter.seen)
    >>> f = lambda x: np.sum(np.exp(x) * x)
    >>> census(f, np.ones(3)), census(fn.grad(f), np.ones(3))
    ({'exp': 1, 'multiply': 1, 'sum': 1}, {'exp': 1, 'multiply': 4, 'sum': 1, 'add': 1})
    """

    scope: list[str] | None = None
    """Where in the program an operation stands, for interpreters that want to know: they begin with an empty list."""

    records = False
    """Whether operations are only written down, to be run again: they come as they are, derivatives aside."""

    def __init__(self) -> None:
        self.level = next(_fresh)

    @property
    def has_ended(self) -> bool:
        """Whether the function that it was begun for has returned, so that its tracers are of no more use."""
        return False

    def bind(self, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The result of one operation: what `rule` means of `args`, of which some are its tracers, and `options`."""
        raise NotImplementedError

    def look(self, x: Tracer) -> Any:
        """What `x`, a tracer of this interpreter, stands for, to be looked at; an interpreter may refuse."""
        return x.value

    def owns(self, x: Any) -> bool:
        """Whether `x` is a tracer of this interpreter."""
        return isinstance(x, Tracer) and x.owner is self

    def lower(self, x: Any) -> Any:
        """What `x` stands for outside this interpreter, also inside lists and tuples."""
        if isinstance(x, Tracer):
            return x.value if x.owner is self else x
        if type(x) is tuple or type(x) is list:
            return type(x)([self.lower(each) for each in x])
        return x


class named_scope:  # the name is JAX's
    """Tell every interpreter that owns one of these traced `values` that what follows belongs to `name`.

    As `jax.named_scope`, which needs no values because its trace is global.
    """

    __slots__ = ("name", "told")

    def __init__(self, name: str, values: Iterable[Any]) -> None:
        self.name = name
        self.told: dict[int, list[str]] = {}
        for value in values:
            while isinstance(value, Tracer):
                owner, value = value.owner, value.value
                if owner.scope is not None:
                    self.told[owner.level] = owner.scope

    def __enter__(self) -> None:
        for scope in self.told.values():
            scope.append(self.name)

    def __exit__(self, *error: object) -> None:
        for scope in self.told.values():
            scope.pop()
