"""What do the pages of linear algebra write matrices with? Transposes, rows and columns of vectors, identities.

Matrices are the last two axes, and what stands before them is a stack.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn.rules.table import conj

__all__ = ["H", "T", "as_column", "as_row", "identity"]


def T(a: Any) -> Any:
    """The transpose."""
    return np.swapaxes(a, -1, -2)


def H(a: Any) -> Any:
    """The conjugate transpose."""
    return conj(T(a))


def as_row(v: Any) -> Any:
    """A vector as a matrix of one row."""
    return v[..., None, :]


def as_column(v: Any) -> Any:
    """A vector as a matrix of one column."""
    return v[..., :, None]


def identity(n: int, like: Any) -> Any:
    """The identity of n rows, of the dtype of another array."""
    return np.identity(n, like.dtype)
