"""Many random numbers from one key: `hash_pairs`, `draw`, `unit`, `between`.

Threefry2x32 (20 rounds) is a hash of two 32-bit words, the counter, under two others, the key. A round adds,
rotates by r and mixes, modulo 2³²,

    x0 ← x0 + x1,    x1 ← (x1 ⋘ r) ⊕ x0,

and after every fourth round the words of the key are added. The i-th number of a draw is the hash of i: it
depends on the key and on i alone. All that happens here is integer arithmetic, and sums and products of
floats as IEEE 754 defines them: the same bits on every machine.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). The counters are
those of `jax.random` in its partitionable layout, the default since jax 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from funcnn._arrays import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from funcnn.typing import Shape

    Bits: TypeAlias = NDArray[np.unsignedinteger[Any]]
    Floats: TypeAlias = NDArray[np.floating[Any]]

__all__ = ["WORD", "Pair", "Words", "between", "bits_of_each", "draw", "hash_pair", "hash_pairs", "split_each", "unit"]

Words: TypeAlias = tuple[int, int]
"""The two 32-bit words of a key."""

WORD = 0xFFFFFFFF
"""The greatest 32-bit word, and the mask that cuts a sum down to one."""

PARITY = 0x1BD11BDA
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))

SHIFTS = {
    r: (readonly(np.array(r, np.uint32)), readonly(np.array(32 - r, np.uint32))) for r in sum(ROTATIONS, ())
}
"""The two shifts of a rotation, as arrays: with Python's integers short draws take half as long again."""

FEW = 128
"""Up to so many hashes Python's integers are faster than the hundred NumPy calls."""

BLOCK = 1 << 15
"""Counters hashed at once: their scratch fits a second-level cache. Divides 2³²."""


# ---------------------------------------------------------------------------------------------- the hash


def hash_pair(key: Words, counter: int) -> NDArray[np.uint32]:
    """The hash of one counter (below 2³²), as uint32[2].

    >>> hash_pair((0, 0), 1).tolist()
    [928981903, 3453687069]
    """
    return _hash_few(key, counter, 1).reshape(2)


def hash_pairs(key: Words, n: int) -> NDArray[np.uint32]:
    """The hashes of the counters 0, 1, ..., n - 1, as uint32 (n, 2).

    >>> hash_pairs((0, 0), 2).tolist()
    [[1797259609, 2579123966], [928981903, 3453687069]]
    """
    if n <= FEW:
        return _hash_few(key, 0, n)
    out = np.empty((n, 2), np.uint32)
    for part, x0, x1 in _hash_many(key, n):
        out[part, 0], out[part, 1] = x0, x1
    return out


def _schedule(key: Words) -> list[tuple[tuple[int, ...], int, int]]:
    """The five groups of four rounds: their rotations, then what is added to x0 and to x1."""
    ks = (*key, key[0] ^ key[1] ^ PARITY)
    return [(ROTATIONS[i % 2], ks[(i + 1) % 3], (ks[(i + 2) % 3] + i + 1) & WORD) for i in range(5)]


def _hash_few(key: Words, start: int, n: int) -> NDArray[np.uint32]:
    """The hashes of n counters in the lanes of one Python integer, 64 bits a lane.

    A lane has 32 bits to spare. What sums and shifts carry out of the word lands there, and one `& mask`
    clears them in every lane; the 26 words that x0 is the sum of need only 5 of them.
    """
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * n, "little")
    mask = ones * WORD
    counters = int.from_bytes(np.arange(start, start + n, dtype="<u8").tobytes(), "little")
    x0, x1 = ones * key[0], (counters + ones * key[1]) & mask
    for rotations, add0, add1 in _schedule(key):
        for r in rotations:
            x0 += x1
            x1 = ((x1 << r | x1 >> (32 - r)) ^ x0) & mask
        x0 += ones * add0
        x1 = (x1 + ones * add1) & mask
    lanes = (x0 & mask) | x1 << 32
    return np.frombuffer(lanes.to_bytes(8 * n, "little"), "<u4").astype(np.uint32).reshape(n, 2)


def _hash_once(key: Words, n: int) -> Iterator[tuple[slice, NDArray[np.uint32], NDArray[np.uint32]]]:
    """The hashes of a few counters as the only block."""
    x = _hash_few(key, 0, n)
    yield slice(0, n), x[:, 0], x[:, 1]


def _hash_many(key: Words, n: int) -> Iterator[tuple[slice, NDArray[np.uint32], NDArray[np.uint32]]]:
    """The hashes of the counters 0, 1, ..., n - 1 in blocks: (where, x0, x1), in memory that is used again."""
    schedule = _schedule(key)
    size = min(n, BLOCK)
    offsets = np.arange(size, dtype=np.uint32)
    scratch = np.empty((3, size), np.uint32)
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        x0, x1, spare = scratch[:, : stop - start]
        x0.fill(((start >> 32) + key[0]) & WORD)
        np.add(offsets[: stop - start], (start + key[1]) & WORD, out=x1)
        _rounds(x0, x1, spare, schedule)
        yield slice(start, stop), x0, x1


def _rounds(x0: NDArray[np.uint32], x1: NDArray[np.uint32], spare: NDArray[np.uint32],
            schedule: list[tuple[tuple[int, ...], int, int]]) -> None:
    """The twenty rounds, in place: `_hash_many` allocated these arrays itself."""
    for rotations, add0, add1 in schedule:
        for r in rotations:
            left, right = SHIFTS[r]
            x0 += x1
            np.left_shift(x1, left, spare)
            x1 >>= right
            x1 |= spare
            x1 ^= x0
        x0 += add0
        x1 += add1


# ------------------------------------------------------------------------------------- many keys at once

Pair: TypeAlias = "tuple[NDArray[np.uint32], NDArray[np.uint32]]"
"""The first and the second words of many keys."""


def _hash_each(keys: Pair, counter: int) -> Pair:
    """The hash of one counter under each of many keys."""
    x0, x1 = keys[0].copy(), keys[1] + np.uint32(counter)
    _rounds(x0, x1, np.empty_like(x0), _schedule(keys))  # type: ignore[arg-type]  # arithmetic is the same of arrays
    return x0, x1


def split_each(keys: Pair, num: int) -> list[Pair]:
    """What `split` makes of each of many keys: all the first ones, all the second ones, and so on.

    >>> zeros = np.zeros(1, np.uint32)
    >>> [(a.tolist(), b.tolist()) for a, b in split_each((zeros, zeros), 2)]
    [([1797259609], [2579123966]), ([928981903], [3453687069])]
    """
    return [_hash_each(keys, i) for i in range(num)]


def bits_of_each(keys: Pair, width: int) -> Bits:
    """The first number of 32 or 64 bits of each of many keys.

    >>> zeros = np.zeros(1, np.uint32)
    >>> bits_of_each((zeros, zeros), 32)
    array([4070199207], dtype=uint32)
    """
    x0, x1 = _hash_each(keys, 0)
    return x0 ^ x1 if width == 32 else _join(x0, x1)


# --------------------------------------------------------------------------------------------- the draws


IEEE = {4: (np.float32, 9, 0x3F800000), 8: (np.float64, 12, 0x3FF0000000000000)}
"""By bytes: the type, how many bits are not its mantissa, and what bits make the number 1."""


def draw(keys: tuple[Words, ...], shape: Shape, dtype: np.dtype[Any], finish: Callable[..., NDArray[Any]],
         *operands: NDArray[Any], width: int = 0) -> NDArray[Any]:
    """What `finish` makes of the random bits of each key, and of operands that broadcast to the shape.

    The bits are uint32, or uint64 for a dtype of 8 bytes or a `width` of 64. `finish` gets them block by
    block, while they are in the cache, and may overwrite them.

    >>> draw(((0, 0),), (2,), np.dtype(np.float32), unit).tolist()
    [0.9476670026779175, 0.9785798788070679]
    """
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    rows = [x.reshape(1) if x.size == 1 else np.broadcast_to(x, shape).reshape(-1) for x in operands]
    streams = [_blocks(key, flat.size, width or max(32, 8 * dtype.itemsize)) for key in keys]
    with np.errstate(all="ignore"):
        for step in zip(*streams, strict=True):
            part = step[0][0]
            flat[part] = finish(*(raw for _, raw in step), *(x if x.size == 1 else x[part] for x in rows))
    return readonly(out)


def unit(raw: Bits) -> Floats:
    """Uniform in [0, 1), in the memory of the bits: the top ones are the mantissa of a number in [1, 2), less 1.

    >>> unit(np.array([0, 2**31], np.uint32))
    array([0. , 0.5], dtype=float32)
    """
    dtype, sign_and_exponent, one = IEEE[raw.itemsize]
    raw >>= sign_and_exponent
    raw |= one
    u = raw.view(dtype)
    u -= 1
    return u


def between(raw: Bits, low: Floats, high: Floats) -> Floats:
    """Uniform in [low, high): low + u (high - low), rounded once.

    >>> between(np.array([0, 2**31], np.uint32), np.float32([2]), np.float32([3]))
    array([2. , 2.5], dtype=float32)
    """
    return np.maximum(low, _fused(unit(raw), high - low, low))


def _blocks(key: Words, n: int, width: int) -> Iterator[tuple[slice, Bits]]:
    """The n random numbers of a key, block by block: x0 ⊕ x1 of 32 bits, or x0·2³² + x1 of 64."""
    for part, x0, x1 in _hash_once(key, n) if n <= FEW else _hash_many(key, n):
        yield part, x0 ^ x1 if width == 32 else _join(x0, x1)


def _join(high: NDArray[np.uint32], low: NDArray[np.uint32]) -> NDArray[np.uint64]:
    out = high.astype(np.uint64)
    out <<= 32
    out |= low
    return out


# ------------------------------------------------------------------------------- x y + z with one rounding


def _fused(x: Floats, y: Floats, z: Floats) -> Floats:
    """x y + z, rounded once, as the instruction fma does it; x is a `unit`.

    In float64 the product of float32 is exact. Otherwise x y = p + e, e + z = h + l, p + h = s + t, all
    exactly, and s + odd(t + l) is the correctly rounded sum.

    Source: Boldo, Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding
    to odd" (2008).
    """
    if x.dtype == np.float32:
        return _odd_sum(x.astype(np.float64) * y, z.astype(np.float64)).astype(np.float32)
    p, e = _two_product(x, y)
    h, l = _two_sum(z, e)
    s, t = _two_sum(p, h)
    return s + _odd_sum(t, l)


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded sum and its error: a + b = s + e (Knuth)."""
    s = a + b
    b_part = s - a
    return s, (a - (s - b_part)) + (b - b_part)


def _two_product(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """The rounded product and its error: x y = p + e (Dekker, with halves cut by a mask).

    A `unit` has 52 significant bits, so its halves have 26 and 26, those of y 26 and 27: every product of
    halves fits the 53 bits of a float64, and nothing can overflow.
    """
    p = x * y
    (x0, x1), (y0, y1) = _halves(x), _halves(y)
    return p, x1 * y1 - (((p - x0 * y0) - x1 * y0) - x0 * y1)


def _halves(x: Floats) -> tuple[Floats, Floats]:
    top = (x.view(np.uint64) & ~np.uint64(2**27 - 1)).view(np.float64)
    return top, x - top


def _odd_sum(a: Floats, b: Floats) -> Floats:
    """a + b rounded to odd: where inexact, the neighbour whose last bit is 1. Rounding that again is harmless."""
    s, e = _two_sum(a, b)
    off = (e != 0) & (s.view(np.uint64) % 2 == 0)
    if off.any():
        s[off] = np.nextafter(s[off], np.copysign(np.inf, e[off]))
    return s
