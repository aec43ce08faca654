"""With this module you can lift a formula for one array to whole trees, and have it run fast: `leafwise`.

The formula must treat every entry alone, so that arrays may be cut and joined without changing a bit of the result.
Small leaves are joined into one vector, because a call of a NumPy function costs more than their arithmetic; big ones
are worked through in blocks, because what fits the cache is not written to memory and read again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from funcnn import tree
from funcnn.arrays import is_concrete, readonly

__all__ = ["blocks", "fitting", "leafwise"]

Formula: TypeAlias = Callable[..., tuple[Any, ...]]
"""From the arrays at one place of several trees to arrays of that shape."""

BLOCK = 32 * 1024
"""The entries of a block: a dozen float32 arrays of this size fit the second-level cache."""

SMALL = 4096
"""Leaves of at most so many entries are joined."""


def leafwise(formula: Formula, outputs: int, *trees: Any) -> tuple[Any, ...]:
    """Apply a formula of arrays that returns several to the leaves of trees: as many trees, read-only.

    >>> a, b = {"w": np.array([1.0, 2.0])}, {"w": np.array([3.0, 5.0])}
    >>> leafwise(lambda a, b: (a + b, b - a), 2, a, b)
    ({'w': array([4., 7.])}, {'w': array([2., 3.])})
    """
    form, columns = _columns(trees)
    results: dict[int, Sequence[Any]] = {}
    joinable = _joinable(columns)
    if len(joinable) > 1:
        results.update(zip(joinable, _joined(formula, [columns[i] for i in joinable]), strict=True))
    for i, leaves in enumerate(columns):
        if i not in results:
            results[i] = [readonly(result) for result in _blockwise(formula, leaves)]
    return tuple(tree.unflatten(form, [results[i][k] for i in range(len(columns))]) for k in range(outputs))
