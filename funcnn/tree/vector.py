"""How does a tree become one vector, and again a tree? `ravel`, and the function that it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from funcnn._arguments import at
from funcnn._arrays import namespace, readonly
from funcnn._devices import is_typed_key
from funcnn.tree.structure import Structure, flatten, unflatten
from funcnn.typing import Array

__all__ = ["ravel"]

T = TypeVar("T")


def ravel(tree: T) -> tuple[Array, Callable[[Array], T]]:
    """All the leaves of `tree` as one vector, and the function that makes a tree of such a vector again.

    The vector has the leaves' common dtype; the way back restores each leaf's own shape and dtype, and copies, and
    refuses a vector of another length. A tree without leaves gives float32 of length 0; a typed key of JAX, which is no
    number, is a TypeError. If one leaf is an array of JAX, so is the vector, and so are the leaves that come back. As
    `jax.flatten_util.ravel_pytree`.

    >>> flat, unravel = ravel({"w": np.array([[1.0, 2.0]]), "b": np.array([3.0])})
    >>> flat
    array([3., 1., 2.])
    >>> unravel(2 * flat)
    {'w': array([[2., 4.]]), 'b': array([6.])}
    """
    leaves, structure = flatten(tree)
    _check_numbers(structure, leaves)
    xp = next((found for found in map(namespace, leaves) if found is not np), np)
    ends = np.cumsum([np.size(leaf) for leaf in leaves], dtype=np.int64)
    size = int(ends[-1]) if leaves else 0

    def unravel(flat: Array) -> T:
        if flat.shape != (size,):
            raise ValueError(f"tree.ravel: unravel takes shape ({size},), got {flat.shape}")
        pieces = [readonly(flat[end - np.size(leaf):end].reshape(np.shape(leaf)).astype(xp.result_type(leaf)))
                  for leaf, end in zip(leaves, ends, strict=True)]
        return cast(T, unflatten(structure, pieces))

    return _joined(xp, leaves) if leaves else readonly(np.zeros(0, np.float32)), unravel


def _joined(xp: Any, leaves: list[Any]) -> Array:
    """The leaves end to end."""
    if xp is np:
        return readonly(np.concatenate([np.ravel(leaf) for leaf in leaves]))
    return cast(Array, xp.concat([xp.ravel(leaf).astype(xp.result_type(leaf)) for leaf in leaves]))


def _check_numbers(structure: Structure, leaves: list[Any]) -> None:
    for path, leaf in zip(structure.paths(), leaves, strict=True) if any(map(is_typed_key, leaves)) else ():
        if is_typed_key(leaf):
            raise TypeError(f"tree.ravel: a typed key{at(path)} is no number: ravel the rest of the tree, or the key's "
                            "words, jax.random.key_data(key)")
