"""How are numbers drawn by trial and error? Gamma numbers, one key each, and counts, all of one key.

What is refused is tried again with the next key. The keys, and the order in which they are used, are those of jax.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn.random.densities import exponential, log, normal
from funcnn.random.threefry import Pair, Words, bits_of_each, draw, hash_pairs, split_each, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from funcnn.random.threefry import Floats

__all__ = ["gamma", "log_gamma", "poisson"]


# ------------------------------------------------------------------------------------------------- gamma


def gamma(words: Words, a: Floats) -> Floats:
    """A gamma number of each shape parameter; that of a < 1 is one of a + 1 times u^(1/a).

    >>> gamma((0, 0), np.float32([0.5, 2.0])).dtype
    dtype('float32')
    """
    with np.errstate(all="ignore"):
        d, v, key = _accepted(words, a)
        u = 1 - unit(bits_of_each(key, 8 * a.itemsize))
        return np.asarray(d * v * np.where(a >= 1, 1, np.exp(log(u) / a)).astype(a.dtype))


def log_gamma(words: Words, a: Floats) -> Floats:
    """The logarithm of it, also where the number itself is too small to be one.

    >>> log_gamma((0, 0), np.float32([1e-6])) < -1e4
    array([ True])
    """
    with np.errstate(all="ignore"):
        d, v, key = _accepted(words, a)
        boost = -exponential(bits_of_each(key, 8 * a.itemsize)).astype(a.dtype) * (1 / a)
        return np.asarray(log(d).astype(a.dtype) + log(v).astype(a.dtype) + np.where(a >= 1, 0, boost))


def _accepted(words: Words, a: Floats) -> tuple[Floats, Floats, Pair]:
    """The d and v of which d v is a gamma number of max(a, a + 1 where a < 1), and a key for what is left to draw.

        v = (1 + c x)³,    d = a - 1/3,    c = 1 / (3 √d),    x normal, u uniform;    accepted if

        u < 1 - 0.0331 x⁴    or    log u < x²/2 + d (1 - v + log v)

    Source: Marsaglia, Tsang, "A simple method for generating gamma variables" (2000), in the steps of jax.
    """
    third = a.dtype.type(1 / 3)
    d = np.where(a >= 1, a, a + 1) - third
    c = third / np.sqrt(d)
    own = hash_pairs(words, a.size)
    key, last = split_each((own[:, 0].copy(), own[:, 1].copy()), 2)
    v, todo = np.empty_like(a), np.arange(a.size)
    while todo.size:
        now = key[0][todo], key[1][todo]
        (key[0][todo], key[1][todo]), for_x, for_u = split_each(now, 3)
        x, v[todo] = _candidates(for_x, c[todo])
        todo = todo[_refused(unit(bits_of_each(for_u, 8 * a.itemsize)), x * x, d[todo], v[todo])]
    return d, v, last


def _candidates(key: Pair, c: Floats) -> tuple[Floats, Floats]:
    """The first normal number x of each key for which 1 + c x is above 0, and the third power of that."""
    x, root, todo = np.empty_like(c), np.empty_like(c), np.arange(c.size)
    while todo.size:
        (key[0][todo], key[1][todo]), fresh = split_each((key[0][todo], key[1][todo]), 2)
        x[todo] = normal(bits_of_each(fresh, 8 * c.itemsize))
        root[todo] = 1 + x[todo] * c[todo]
        todo = todo[root[todo] <= 0]
    return x, root * root * root


def _refused(u: Floats, square: Floats, d: Floats, v: Floats) -> NDArray[np.bool_]:
    kind = u.dtype
    return (u >= 1 - kind.type(0.0331) * (square * square)) & (
        log(u).astype(kind) >= square * kind.type(0.5) + d * ((1 - v) + log(v).astype(kind)))


# ------------------------------------------------------------------------------------------------- counts


def poisson(words: Words, rate: NDArray[np.float32]) -> NDArray[Any]:
    """A count of each rate: below 10 by multiplying uniform numbers, above by trial and error.

    >>> poisson((0, 0), np.zeros(2, np.float32))
    array([0, 0])
    """
    is_low = rate < 10
    with np.errstate(all="ignore"):
        low = _multiplied(words, np.where(is_low, rate, np.float32(0)))
        return low if is_low.all() else np.where(is_low, low,
                                                 _transformed(words, np.where(is_low, np.float32(1e5), rate)))


def _uniform(words: Words, shape: tuple[int, ...]) -> Floats:
    return draw((words,), shape, np.dtype(np.float32), unit)


def _next(words: Words, num: int) -> list[Words]:
    return [(a, b) for a, b in hash_pairs(words, num).tolist()]


def _multiplied(words: Words, rate: NDArray[np.float32]) -> NDArray[Any]:
    """How many uniform numbers have a product above e^-rate; Knuth, "The Art of Computer Programming", volume 2."""
    count, total = np.zeros(rate.shape, np.int64), np.zeros_like(rate)
    while (total > -rate).any():
        words, fresh = _next(words, 2)
        count += total > -rate
        total = total + log(_uniform(fresh, rate.shape)).astype(np.float32)
    return np.maximum(count - 1, 0)


def _transformed(words: Words, rate: NDArray[np.float32]) -> NDArray[np.float64]:
    """The count below a curve that hugs the law, for rates of 10 and more.

    As in jax, what is accepted is tried again with the rest, and the last count that is accepted stays.

    Source: Hörmann, "The transformed rejection method for generating Poisson random variables" (1993), PTRS.
    """
    lam = rate.astype(np.float64)
    k, done = np.zeros_like(lam), np.zeros(lam.shape, np.bool_)
    while not done.all():
        words, first, second = _next(words, 3)
        tried, accepted = _tried(_uniform(first, lam.shape) - 0.5, _uniform(second, lam.shape), lam)
        k, done = np.where(accepted, tried, k), done | accepted
    return k


def _tried(u: Any, v: Any, lam: Any) -> tuple[Any, Any]:
    """The counts of uniform numbers u in (-1/2, 1/2) and v in (0, 1), and whether they are accepted."""
    b = 0.931 + 2.53 * np.sqrt(lam)
    a = -0.059 + 0.02483 * b
    inside = 0.5 - np.abs(u)
    k = np.floor((2 * a / inside + b) * u + lam + 0.43)
    s = np.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (inside * inside) + b))
    likely = s <= k * np.log(lam) - lam - _log_factorial(k)
    at_once = (inside >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
    never = (k < 0) | ((inside < 0.013) & (v > inside))
    return k, at_once | (~never & likely)


_FEW = np.array([math.lgamma(k + 1) for k in range(32)])


def _log_factorial(k: Any) -> Any:
    """log k! of whole numbers from 0 on: a table, then Stirling's series, whose error there is below 1e-13."""
    x = np.maximum(k, 1.0)
    series = x * np.log(x) - x + 0.5 * np.log(2 * math.pi * x) + 1 / (12 * x) - 1 / (360 * x**3) + 1 / (1260 * x**5)
    return np.where(k < len(_FEW), _FEW[np.clip(k, 0, len(_FEW) - 1).astype(np.intp)], series)
