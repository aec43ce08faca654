"""What does a draw mean inside `vmap`, and `jit`? For each key of a batch the numbers that it gives by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from funcnn.batching.batch import Batch, one_by_one
from funcnn.core import Rule, TracerError, innermost
from funcnn.core.elsewhere import lifting

__all__ = ["of_each_key"]

F = TypeVar("F", bound=Callable[..., Any])


def of_each_key(draw: F) -> F:
    """A draw that is an operation of `vmap` and `jit` where the key, or another argument, is not known yet."""
    @functools.wraps(draw)
    def run(*args: Any, **options: Any) -> Any:
        owner = innermost((*args, *options.values()))
        if owner is None:
            lift = lifting((*args, *options.values()))
            return draw(*args, **options) if lift is None else lift(run)(*args, **options)
        if isinstance(owner, Batch) or owner.records:
            return operation(*args, **options)
        raise TracerError(f"random.{draw.__name__}: a draw has no derivative with respect to its arguments; draw from "
                          "a standard law and scale, or pass funcnn.stop_gradient(x)")

    operation = Rule(draw, name=f"random.{draw.__name__}",
                     batch=lambda _, n, values, mapped, options: one_by_one(run, n, values, mapped, options))
    return run  # type: ignore[return-value]  # called as draw is
