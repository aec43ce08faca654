"""How is an array of any size seen in one small picture? By means of blocks, and by slices side by side.

The last two axes are rows and columns. Of three and four axes, slices of the last two stand in a row or a grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Picture", "as_real", "is_numeric", "pictured", "thinned"]

ROWS: Final = 32
COLUMNS: Final = 64
"""The most cells of a picture."""

SLICES: Final = 8
"""The most slices side by side, in each direction."""

LOOKED_AT: Final = 32
"""The most entries along an axis of a block that its mean is of, evenly chosen."""


class Picture(NamedTuple):
    """The cells of slices (rows of slices, slices in a row, rows, columns), and what is to be said of them."""

    cells: NDArray[np.float64]
    notes: tuple[str, ...]


def is_numeric(dtype: Any) -> bool:
    """Whether entries are numbers, or true and false; also those of the small floats that JAX lends to NumPy.

    >>> is_numeric(np.dtype(bool)), is_numeric(np.dtype("U3"))
    (True, False)
    """
    return dtype.kind in "biufc" or (dtype.kind == "V" and dtype.names is None and ("float" in dtype.name
                                                                                   or "int" in dtype.name))


def as_real(x: NDArray[Any]) -> NDArray[np.float64]:
    """The entries as float64; of complex ones the magnitudes.

    >>> as_real(np.array([3 + 4j]))
    array([5.])
    """
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(x) if x.dtype.kind == "c" else x, np.float64)


def thinned(x: NDArray[Any], most: int) -> NDArray[Any]:
    """A view of at most so many entries, evenly chosen: along the longest axes every second, third ... is taken.

    >>> thinned(np.arange(10), 4)
    array([0, 3, 6, 9])
    """
    steps, lengths = [1] * x.ndim, list(x.shape)
    while math.prod(lengths) > most:
        axis = lengths.index(max(lengths))
        steps[axis] += -(-steps[axis] // 4)
        lengths[axis] = -(-x.shape[axis] // steps[axis])
    return x[tuple(slice(None, None, step) for step in steps)]


def pictured(x: NDArray[Any]) -> Picture:
    """The picture of an array of numbers that has entries."""
    slices, notes = _slices(x)
    rows, columns = slices.shape[:2]
    most = (max(1, (ROWS - rows + 1) // rows), max(1, (COLUMNS - columns + 1) // columns))
    blocks = [-(-n // limit) for n, limit in zip(slices.shape[2:], most, strict=True)]
    steps = [-(-block // LOOKED_AT) for block in blocks]
    if max(blocks) > 1:
        seen = [-(-block // step) for block, step in zip(blocks, steps, strict=True)]
        chosen = f", of which {_times(seen)} are looked at" if seen != blocks else ""
        notes = [*notes, f"a cell is the mean of {_times(blocks)} entries{chosen}"]
    cells = as_real(slices[..., ::steps[0], ::steps[1]])
    for axis, limit in ((2, most[0]), (3, most[1])):
        cells = _means(cells, axis, limit)
    return Picture(cells, tuple(notes))


def _slices(x: NDArray[Any]) -> tuple[NDArray[Any], list[str]]:
    """The array with four axes, of which the first two say where a slice stands; what was left out is said."""
    extra = max(x.ndim - 4, 0)
    notes = [f"the first along {'the first axis' if extra == 1 else f'the first {extra} axes'}"] if extra else []
    x = x[(0,) * extra]
    whole = x.reshape((1,) * (4 - x.ndim) + x.shape)
    shown = whole[:SLICES, :SLICES]
    if whole.shape[:2] != (1, 1):
        first = "" if shown.shape == whole.shape else f"the first {_times(_long(shown.shape[:2]))} of "
        notes.append(f"{first}{_times(_long(whole.shape[:2]))} slices, each of {_times(whole.shape[2:])}")
    return shown, notes


def _long(lengths: Sequence[int]) -> Sequence[int]:
    """The lengths of a grid, or the one of a row."""
    return lengths[1:] if lengths[0] == 1 else lengths


def _times(lengths: Sequence[int]) -> str:
    return " x ".join(f"{n:,}" for n in lengths)


def _means(x: NDArray[np.float64], axis: int, most: int) -> NDArray[np.float64]:
    """The means of blocks along an axis, at most so many; of a block with an entry that is not finite, not finite."""
    n = x.shape[axis]
    starts = np.arange(0, n, -(-n // most))
    counts = np.diff(starts, append=n)
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    with np.errstate(all="ignore"):
        return np.add.reduceat(x / np.repeat(counts, counts).reshape(shape), starts, axis)
