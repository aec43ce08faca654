"""With this module you can turn a key and a counter into random bits: `hash_pair`, `hash_pairs`, `blocks`.

Threefry2x32 (20 rounds) is a hash of two 32-bit words, the counter, under two others, the key. A round adds,
rotates by r and mixes, modulo 2³²,

    x0 ← x0 + x1,    x1 ← (x1 ⋘ r) ⊕ x0,

and after every fourth round the words of the key are added. The i-th number of a draw is the hash of i: it
depends on the key and on i alone. All is integer arithmetic, the same bits on every machine.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). The counters are
those of `jax.random` in its partitionable layout, the default since jax 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Words", "blocks", "hash_pair", "hash_pairs"]

Words: TypeAlias = tuple[int, int]
"""The two 32-bit words of a key."""

WORD = 0xFFFFFFFF
PARITY = 0x1BD11BDA
ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))

FEW = 128
"""Up to so many hashes Python's integers are faster than the hundred NumPy calls."""

BLOCK = 1 << 15
"""Counters hashed at once: their scratch fits a second-level cache. Divides 2³²."""


def hash_pair(key: Words, counter: int) -> NDArray[np.uint32]:
    """The hash of one counter (below 2³²), as uint32[2].

    >>> hash_pair((0, 0), 1).tolist()
    [928981903, 3453687069]
    """
    return _hash_few(key, counter, 1)[0]


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


def blocks(key: Words, n: int, width: int) -> Iterator[tuple[slice, NDArray[Any]]]:
    """The n random numbers of a key, of 32 or 64 bits, block by block: (where they belong, the numbers).

    A 32-bit number is x0 ⊕ x1, a 64-bit one x0·2³² + x1. A block is scratch space: overwrite it at will,
    and copy what should outlive the next block.

    >>> [(part, block.tolist()) for part, block in blocks((0, 0), 2, 32)]
    [(slice(0, 2, None), [4070199207, 4202276370])]
    """
    for part, x0, x1 in _hash_once(key, n) if n <= FEW else _hash_many(key, n):
        yield part, x0 ^ x1 if width == 32 else _join(x0, x1)


def _join(high: NDArray[np.uint32], low: NDArray[np.uint32]) -> NDArray[np.uint64]:
    out = high.astype(np.uint64)
    out <<= 32
    out |= low
    return out


def _schedule(key: Words) -> list[tuple[tuple[int, ...], int, int]]:
    """The five groups of four rounds: their rotations, then what is added to x0 and to x1."""
    ks = (*key, key[0] ^ key[1] ^ PARITY)
    return [(ROTATIONS[i % 2], ks[(i + 1) % 3], (ks[(i + 2) % 3] + i + 1) & WORD) for i in range(5)]


def _hash_few(key: Words, start: int, n: int) -> NDArray[np.uint32]:
    """The hashes of n counters in the lanes of one Python integer, 64 bits a lane.

    A lane has 32 bits to spare. What sums and shifts carry out of the word lands there, x0 needs no more
    than 5 of them in all its 25 additions, and one `& mask` clears them in every lane.
    """
    ones = int.from_bytes(b"\1\0\0\0\0\0\0\0" * n, "little")
    mask = ones * WORD
    x0 = ones * key[0]
    x1 = (int.from_bytes(np.arange(start, start + n, dtype="<u8").tobytes(), "little") + ones * key[1]) & mask
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
    """The hashes of the counters 0, 1, ..., n - 1 in blocks: (where, x0, x1); the arrays are used again."""
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


def _rounds(
    x0: NDArray[np.uint32],
    x1: NDArray[np.uint32],
    spare: NDArray[np.uint32],
    schedule: list[tuple[tuple[int, ...], int, int]],
) -> None:
    """The twenty rounds, in place: on memory that `_hash_many` allocated itself."""
    for rotations, add0, add1 in schedule:
        for r in rotations:
            x0 += x1
            np.left_shift(x1, r, out=spare)
            x1 >>= 32 - r
            x1 |= spare
            x1 ^= x0
        x0 += add0
        x1 += add1
