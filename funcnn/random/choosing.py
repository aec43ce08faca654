"""How one of n things is chosen, evenly or by weight, and how a deck is shuffled."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn.random.densities import gumbel, same
from funcnn.random.threefry import WORD, Words, draw, hash_pairs, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from funcnn.random.threefry import Bits
    from funcnn.typing import Shape

__all__ = ["evenly", "index_dtype", "integers", "shuffle", "weighted"]


def integers(words: Words, size: Shape, low: NDArray[Any], high: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Integers from low up to, but without, high.

    Computed in unsigned numbers of 32 or 64 bits, modulo their range: signs come right by themselves.

    >>> integers((0, 0), (3,), np.array(-1), np.array(1), np.dtype(np.int8))
    array([ 0, -1, -1], dtype=int8)
    """
    unsigned = np.dtype(np.uint64 if kind.itemsize == 8 else np.uint32)
    start = low.astype(unsigned)
    return draw(_two(words), size, kind, _offset, start, high.astype(unsigned) - start)


def _offset(h: Bits, l: Bits, start: Bits, span: Bits) -> Bits:
    """start + (2ⁿ h + l) mod span; 2ⁿ mod span is the square of 2ⁿᐟ² mod span."""
    root = _modulo(np.full_like(span, 1 << 4 * span.itemsize), span)
    high = _modulo(h, span) * _modulo(root * root, span)
    return start + _modulo(high + _modulo(l, span), span)


def _modulo(x: Bits, n: Bits) -> Bits:
    """x mod n, and x for n = 0, which stands for 2ⁿ: NumPy has x // 0 = 0, and SIMD for // but not for %."""
    return x - x // n * n


def _two(words: Words) -> tuple[Words, Words]:
    """The words of the two keys of a `split`."""
    (a, b), (c, d) = hash_pairs(words, 2).tolist()
    return (a, b), (c, d)


def shuffle(words: Words, x: NDArray[Any], axis: int) -> NDArray[Any]:
    """The vectors along an axis, each sorted by random bits: 3 log₂(size) bits for each of its numbers.

    >>> shuffle((0, 0), np.arange(5), 0)
    array([0, 1, 4, 3, 2])
    """
    for _ in range(math.ceil(3 * math.log(max(1, x.size)) / math.log(WORD))):
        words, fresh = _two(words)
        x = np.take_along_axis(x, _order(draw((fresh,), x.shape, np.dtype(np.uint32), same), axis), axis)
    return x


def _order(keys: NDArray[np.uint32], axis: int) -> NDArray[np.intp]:
    """The stable argsort, by sorting (key, index) as one number, which is faster than NumPy's own."""
    index = np.arange(keys.shape[axis], dtype=np.uint64)
    joined = np.moveaxis(keys, axis, -1).astype(np.uint64) << 32 | index
    joined.sort()
    return np.moveaxis((joined & WORD).astype(np.intp), -1, axis)


def evenly(words: Words, n: int, draws: int, replace: bool) -> NDArray[Any]:
    """Indices below n, all equally likely.

    >>> evenly((0, 0), 10, 4, replace=True)
    array([9, 0, 2, 3], dtype=int32)
    """
    if replace:
        return integers(words, (draws,), np.array(0), np.array(n), index_dtype(n))
    return shuffle(words, np.arange(n), 0)[:draws]


def weighted(words: Words, chance: NDArray[Any], draws: int, replace: bool) -> NDArray[Any]:
    """Indices, each with its probability: by inverting the cumulated ones, or the top of log p + Gumbel noise.

    >>> weighted((0, 0), np.array([0.0, 1.0], np.float32), 3, replace=True)
    array([1, 1, 1])
    """
    if replace:
        total = np.cumsum(chance, dtype=np.float64).astype(chance.dtype)
        u = draw((words,), (draws,), chance.dtype, unit)
        return np.asarray(np.searchsorted(total, total[-1] * (1 - u)))
    with np.errstate(all="ignore"):
        score = draw((words,), chance.shape, chance.dtype, gumbel) + np.log(chance)
    return np.argsort(-score, kind="stable")[:draws]


def index_dtype(n: int) -> np.dtype[Any]:
    """jax's int32 for indices, as long as they fit.

    >>> index_dtype(10)
    dtype('int32')
    """
    return np.dtype(np.int32 if n <= 2**31 else np.int64)
