"""How is memory that was handed out used again? `Recycled`: when nobody holds the array, or a view of it, any more."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["Recycled", "can_recycle"]

HELD = 3
"""So many arrays are remembered for each result: two that the caller may hold, and one to write into."""


class Recycled:
    """Gives an array to write a result into; one that it gave before, if that has been let go by everybody.

    >>> array = Recycled((2,), np.dtype(float))
    >>> first = array()
    >>> first is array()
    False
    """

    __slots__ = ("dtype", "held", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype
        self.held: list[Any] = []

    def __call__(self) -> Any:
        """An array that nobody else holds; its numbers mean nothing."""
        for place, array in enumerate(self.held):
            if sys.getrefcount(array) == _FREE and self._is_as_made(array):
                self.held.append(self.held.pop(place))
                array.setflags(write=True)
                return array
        array = np.empty(self.shape, self.dtype)
        self.held = [*self.held[1 - HELD:], array]
        return array

    def _is_as_made(self, array: Any) -> bool:
        """Whether whoever held the array has left its shape, dtype and strides alone."""
        return bool(array.shape == self.shape and array.dtype == self.dtype and array.flags.c_contiguous)


def _references_of_a_free_one() -> int:
    held = [np.empty(1)]
    for _, array in enumerate(held):
        return sys.getrefcount(array)
    return 0


_FREE = _references_of_a_free_one()
"""How many references Python counts in the loop above where the list holds the only one."""


def can_recycle() -> bool:
    """Whether Python counts references in a way that tells who holds an array."""
    has_lock: bool = getattr(sys, "_is_gil_enabled", lambda: True)()
    return sys.implementation.name == "cpython" and has_lock
