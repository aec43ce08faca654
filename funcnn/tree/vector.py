"""A tree as one vector, and the way back: `ravel`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from funcnn._arrays import readonly
from funcnn.tree.structure import flatten, unflatten
from funcnn.typing import Array

__all__ = ["ravel"]

T = TypeVar("T")


def ravel(tree: T) -> tuple[Array, Callable[[Array], T]]:
    """All the leaves as one vector, and the function that makes a tree of such a vector again.

    The vector has the leaves' common dtype; the way back restores each leaf's own shape and dtype, and copies. As
    `jax.flatten_util.ravel_pytree`.

    >>> flat, unravel = ravel({"w": np.array([[1.0, 2.0]]), "b": np.array([3.0])})
    >>> flat
    array([3., 1., 2.])
    >>> unravel(2 * flat)
    {'w': array([[2., 4.]]), 'b': array([6.])}
    """
    leaves, structure = flatten(tree)
    ends = np.cumsum([np.size(leaf) for leaf in leaves], dtype=np.int64)
    size = int(ends[-1]) if leaves else 0

    def unravel(flat: Array) -> T:
        if flat.shape != (size,):
            raise ValueError(f"tree.ravel: unravel takes shape ({size},), got {flat.shape}")
        pieces = [_like(leaf, flat[end - np.size(leaf):end]) for leaf, end in zip(leaves, ends, strict=True)]
        return cast(T, unflatten(structure, pieces))

    flat = np.concatenate([np.ravel(leaf) for leaf in leaves]) if leaves else np.zeros(0, np.float32)
    return readonly(flat), unravel


def _like(leaf: Any, piece: Array) -> Array:
    """A copy of a piece in the shape and dtype of a leaf."""
    return readonly(piece.reshape(np.shape(leaf)).astype(np.result_type(leaf)))
