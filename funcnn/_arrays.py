"""One formula for every kind of array: `namespace`, `readonly`.

A function that starts with `xp = namespace(x)` runs on NumPy arrays, on traced values inside `grad`, and on
JAX arrays inside `jax.jit`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any, TypeVar

import numpy as np

__all__ = ["BLOCK", "blocks", "column_sums", "is_concrete", "is_float", "is_inexact", "is_number", "is_plain",
           "kind_of", "namespace", "readonly", "stretch"]

T = TypeVar("T")


def namespace(x: Any) -> Any:
    """The module whose functions apply to `x`: NumPy for its arrays, numbers and traced values.

    >>> namespace(np.ones(3, np.float32)).__name__
    'numpy'

    Source: the array API standard's `__array_namespace__`; the type is tested first because that call
    costs ten times as much.
    """
    if type(x) is np.ndarray:
        return np
    find = getattr(x, "__array_namespace__", None)
    return np if find is None else find()


def is_concrete(x: Any) -> bool:
    """Whether the values of `x` can be looked at now (an ndarray), or only its shape (traced, JAX).

    >>> is_concrete(np.ones(3, np.float32))
    True
    """
    return type(x) is np.ndarray


def kind_of(x: Any) -> type:
    """The type of `x`; of a value whose operations `jit` records as they stand, the type that it has without jit.

    >>> kind_of(np.float32(1.0))
    <class 'numpy.float32'>
    """
    return type(x.value) if getattr(x, "is_recorded", False) else type(x)


def is_plain(x: Any) -> bool:
    """Whether an operation on `x` is NumPy's own call on an ndarray, also where `jit` records it.

    >>> is_plain(np.ones(3, np.float32))
    True
    """
    return kind_of(x) is np.ndarray


def is_number(x: Any) -> bool:
    """Whether `x` is one of Python's numbers, also where `jit` records what is done with it.

    >>> is_number(0.5), is_number(np.float64(0.5))
    (True, False)
    """
    return kind_of(x) in (float, int)


def is_inexact(dtype: Any) -> bool:
    """Whether a dtype is one of floating-point numbers, real or complex; bfloat16, which JAX lends to NumPy, is one.

    >>> is_inexact(np.dtype(np.float32)), is_inexact(np.dtype(np.int32))
    (True, False)
    """
    return isinstance(dtype, np.dtype) and (dtype.kind in "fc" or "float" in dtype.name)


def is_float(dtype: Any) -> bool:
    """Whether a dtype is one of real floating-point numbers.

    >>> is_float(np.dtype(np.float32)), is_float(np.dtype(np.complex64))
    (True, False)
    """
    return is_inexact(dtype) and dtype.kind != "c"


def readonly(x: T) -> T:
    """The same array, flagged read-only; only for arrays that the caller has just made.

    >>> readonly(np.ones(3, np.float32)).flags.writeable
    False
    """
    if isinstance(x, np.ndarray):
        x.setflags(write=False)
    elif getattr(x, "is_recorded", False):
        x.setflags(write=False)  # type: ignore[attr-defined]  # as an array has it
    return x


def column_sums(x: Any) -> Any:
    """The sums over all axes but the last, as one product with ones: faster than `x.sum(0)` on short rows.

    >>> column_sums(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    rows = x if x.ndim == 2 else x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
    n = rows.shape[0]
    return (_few_ones(n, rows.dtype) if n <= 4096 else np.ones(n, rows.dtype)) @ rows


@functools.lru_cache(maxsize=64)
def _few_ones(n: int, dtype: Any) -> Any:
    return readonly(np.ones(n, dtype))


def stretch(x: Any, shape: tuple[int, ...]) -> Any:
    """`np.broadcast_to` for an array with as many axes as `shape`, without its 5 microseconds on small arrays.

    >>> stretch(np.array([[1.0], [2.0]]), (2, 3))
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    if not (is_concrete(x) and x.flags.c_contiguous):
        return np.broadcast_to(x, shape)
    strides = [0 if n == 1 else stride for n, stride in zip(x.shape, x.strides, strict=True)]
    return readonly(np.ndarray(shape, x.dtype, x, 0, strides))


BLOCK = 32 * 1024
"""The entries of a block: a dozen float32 arrays of this size fit a second-level cache."""


def blocks(size: int) -> Iterator[slice]:
    """The slices of a vector that are worked through one after another.

    >>> [block.stop - block.start for block in blocks(100_000)]
    [32768, 32768, 32768, 1696]
    """
    return (slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK))
