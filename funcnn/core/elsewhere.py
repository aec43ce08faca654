"""Who knows the arrays of another package? The room of funcnn that bears its name, which can `lift` a function."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["is_elsewhere", "lifting"]

_ROOMS = {"jax": "jax", "jaxlib": "jax"}
"""Where types come from, and the room."""


def is_elsewhere(x: Any) -> bool:
    """Whether x is an array of a package that funcnn has a room for.

    >>> is_elsewhere(1.0)
    False
    """
    return type(x).__module__.partition(".")[0] in _ROOMS


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
