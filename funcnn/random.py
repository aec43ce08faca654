"""With this module you can draw random numbers by pure functions: `key`, `split`, `uniform`, `normal`.

A key is data, a read-only uint32[2], and stands for one stream of numbers. Drawing does not change it: the
same key gives the same numbers, on every machine and in every thread. For fresh numbers `split` the key and
use each part once, in one draw or one further split.

Names, arguments, defaults and numbers are those of `jax.random` (Threefry2x32, partitionable, as in jax >= 0.5):

- identical bit for bit: `key, split, fold_in, bits, uniform, bernoulli, randint, permutation`, and `choice`
  without `p`. float64 and int64 are what jax draws with `jax_enable_x64`, the rest what it draws without;
- `normal`: within 3 ulp in float32 (all 2²³ values compared), 8 in float64;
- `truncated_normal, exponential, gumbel`: their docstrings say how close;
- `categorical` and `choice` with `p`: the same index, but for a draw within rounding of a tie or boundary.

Every draw is a new, read-only array, of no dimensions for shape (). Where jax is silent about arguments
that make no sense (a reversed range, a probability of 2, more draws than there are things) funcnn raises.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np

from funcnn.arrays import readonly
from funcnn.threefry import WORD, Words, blocks, hash_pair, hash_pairs

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from funcnn.typing import Key, Keys, Shape

__all__ = ["bernoulli", "bits", "categorical", "choice", "exponential", "fold_in", "gumbel", "key", "normal",
           "permutation", "randint", "split", "truncated_normal", "uniform"]

S = TypeVar("S", bound=np.generic)


# ---------------------------------------------------------------------------------------------------- keys


def key(seed: int) -> Key:
    """The key of a seed: its high and its low 32 bits.

    Any integer from -2⁶³ up to 2⁶⁴ - 1; a negative seed stands for its two's complement (-1 for 2⁶⁴ - 1).

    >>> key(2**32 + 5)
    array([1, 5], dtype=uint32)

    Source: as `jax.random.PRNGKey` under `jax_enable_x64`. Without it jax drops the high 32 bits, which makes
    seeds 5 and 2³² + 5 the same; from 0 to 2³² - 1 there is no difference.
    """
    value = _integer("key", "seed", seed)
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"random.key: seed is {value}; expected -2**63 <= seed < 2**64. Take seed % 2**64")
    return cast("Key", readonly(np.array([value >> 32 & WORD, value & WORD], np.uint32)))


@overload
def split(key: Key, num: int | tuple[int] = 2) -> Keys: ...
@overload
def split(key: Key, num: Shape) -> Any: ...
def split(key: Key, num: int | Shape = 2) -> Any:
    """Several new keys from one, as an array (num, 2): unpack it or index it.

    `num` may be a shape as well; then the keys are (*num, 2).

    >>> init_key, order_key = split(key(0))
    >>> init_key
    array([1797259609, 2579123966], dtype=uint32)

    The first keys of a longer split are those of a shorter one, and `split(key, n)[i]` is
    `fold_in(key, i)`: so use a key for one of them, once.

    Source: as `jax.random.split`.
    """
    words = _words("split", key)
    shape = _shape("split", num, "num")
    return readonly(hash_pairs(words, math.prod(shape)).reshape(*shape, 2))


def fold_in(key: Key, data: int) -> Key:
    """The key for number `data` (from 0 to 2³² - 1) under `key`: one for each epoch, layer or example.

    >>> fold_in(key(0), 7)
    array([1353695780, 2116000888], dtype=uint32)

    Source: as `jax.random.fold_in`; jax rounds a float and wraps a negative NumPy integer, funcnn raises.
    """
    words = _words("fold_in", key)
    value = _integer("fold_in", "data", data)
    if not 0 <= value <= WORD:
        raise ValueError(f"random.fold_in: data is {value}; expected 0 <= data < 2**32. Take data % 2**32")
    return cast("Key", readonly(hash_pair(words, value)))


# ------------------------------------------------------------------------------------------- uniform draws


def bits(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.uint32) -> NDArray[np.unsignedinteger[Any]]:
    """Random bits: unsigned integers of 8, 16, 32 or 64 bits, every value equally likely.

    >>> bits(key(0), (3,))
    array([4070199207, 4202276370, 1346093964], dtype=uint32)

    Source: as `jax.random.bits`.
    """
    words = _words("bits", key)
    kind = _dtype("bits", dtype, "unsigned integers", np.uint8, np.uint16, np.uint32, np.uint64)
    return _draw(words, _shape("bits", shape), kind, lambda raw: raw, width=max(32, 8 * kind.itemsize))


def uniform(
    key: Key,
    shape: int | Shape = (),
    dtype: DTypeLike = np.float32,
    minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
) -> NDArray[np.floating[Any]]:
    """Uniform random numbers from minval up to, but without, maxval.

        x = minval + u (maxval - minval),    u ∈ {0, 2⁻²³, 2·2⁻²³, ..., 1 - 2⁻²³}    (2⁻⁵² in float64)

    The bounds are numbers, or arrays that broadcast to the shape. Equal bounds give that number; in a range
    that is narrow for its distance from 0, rounding can give maxval itself.

    >>> uniform(key(0), (3,))
    array([0.947667  , 0.9785799 , 0.33229148], dtype=float32)

    Source: as `jax.random.uniform`. The sum is rounded once (a fused multiply-add), as XLA does it on CPUs
    that have that instruction. jax gives minval for reversed bounds; funcnn raises.
    """
    words = _words("uniform", key)
    kind = _float_dtype("uniform", dtype)
    low, high = _floats("uniform", "minval", minval, kind), _floats("uniform", "maxval", maxval, kind)
    size = _broadcast("uniform", _shape("uniform", shape), minval=low, maxval=high)
    _check_range(low, high)
    return _uniform(words, size, low, high)


def bernoulli(key: Key, p: ArrayLike = 0.5, shape: int | Shape | None = None) -> NDArray[np.bool_]:
    """True with probability p, else False.

        x = (u < p),    u uniform in [0, 1)

    `p` is a number or an array that broadcasts to the shape (by default p's own). A float64 array is
    compared in float64 (jax under `jax_enable_x64`), all else in float32.

    >>> bernoulli(key(0), 0.4, (5,))
    array([False, False,  True, False, False])

    Source: as `jax.random.bernoulli`; jax takes p outside of [0, 1], funcnn raises.
    """
    words = _words("bernoulli", key)
    chance = _floats("bernoulli", "p", p)
    _check_each("bernoulli", "p", chance, (chance >= 0) & (chance <= 1), "a probability, 0 <= p <= 1")
    size = _broadcast("bernoulli", chance.shape if shape is None else _shape("bernoulli", shape), p=chance)
    if chance.ndim:
        return readonly(np.asarray(_draw(words, size, chance.dtype, _unit) < chance))
    return _draw(words, size, np.dtype(np.bool_), lambda raw: _unit(raw) < chance, 8 * chance.itemsize)


def randint(
    key: Key,
    shape: int | Shape,
    minval: ArrayLike,
    maxval: ArrayLike,
    dtype: DTypeLike = np.int32,
) -> NDArray[np.integer[Any]]:
    """Uniform random integers from minval up to, but without, maxval.

        x = minval + (2ⁿ h + l) mod (maxval - minval)

    with two n-bit random numbers h and l: not exactly uniform, but the bias is below (maxval - minval)/2ⁿ,
    and n is 32, or 64 for 64-bit integers. (For ranges above 2ⁿᐟ² jax drops h, and so does funcnn.)
    The bounds are integers, or arrays of them that broadcast to the shape.

    >>> randint(key(0), (5,), 0, 10)
    array([2, 4, 9, 1, 7], dtype=int32)

    Source: as `jax.random.randint`. For an empty range jax gives minval, and it clips bounds that the dtype
    cannot hold; funcnn raises.
    """
    words = _words("randint", key)
    kind = _dtype("randint", dtype, "integers", *(f"{u}int{n}" for n in (8, 16, 32, 64) for u in ("", "u")))
    low, high = _integers("minval", minval), _integers("maxval", maxval)
    size = _broadcast("randint", _shape("randint", shape), minval=low, maxval=high)
    _check_integer_range(low, high, kind)
    return _randint(words, size, low, high, kind)


# ------------------------------------------------------------------------------------------ shuffled things


@overload
def permutation(key: Key, x: int, axis: int = 0, independent: bool = False) -> NDArray[np.int32]: ...
@overload
def permutation(key: Key, x: NDArray[S], axis: int = 0, independent: bool = False) -> NDArray[S]: ...
@overload
def permutation(key: Key, x: ArrayLike, axis: int = 0, independent: bool = False) -> NDArray[Any]: ...
def permutation(key: Key, x: ArrayLike, axis: int = 0, independent: bool = False) -> NDArray[Any]:
    """The numbers 0, ..., x - 1 in random order, or the slices of an array along an axis in random order.

    With `independent` every vector along the axis is shuffled by itself.

    >>> permutation(key(0), 5)
    array([4, 0, 2, 1, 3], dtype=int32)

    Source: as `jax.random.permutation`: sorted by random bits, again where one time leaves ties likely. The
    numbers are int32, int64 from 2³¹ on.
    """
    words = _words("permutation", key)
    values = _range_or_array("permutation", "x", x)
    along = _axis("permutation", axis, values.ndim)
    if independent and values.ndim > 1:
        return readonly(_shuffle(words, values, along))
    return readonly(np.take(values, _shuffle(words, np.arange(values.shape[along]), 0), along))


@overload
def choice(
    key: Key, a: int, shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None, axis: int = 0
) -> NDArray[np.int32]: ...
@overload
def choice(
    key: Key,
    a: NDArray[S],
    shape: int | Shape = (),
    replace: bool = True,
    p: ArrayLike | None = None,
    axis: int = 0,
) -> NDArray[S]: ...
@overload
def choice(
    key: Key,
    a: ArrayLike,
    shape: int | Shape = (),
    replace: bool = True,
    p: ArrayLike | None = None,
    axis: int = 0,
) -> NDArray[Any]: ...
def choice(
    key: Key,
    a: ArrayLike,
    shape: int | Shape = (),
    replace: bool = True,
    p: ArrayLike | None = None,
    axis: int = 0,
) -> NDArray[Any]:
    """Random ones of the numbers 0, ..., a - 1, or of the slices of an array along an axis.

    `p` holds one probability for each, summing to 1 (within 10⁻³, and the rest is scaled away); without it
    all are equally likely. The result has `shape` in place of the axis.

    >>> choice(key(0), 10, (4,))
    array([2, 4, 9, 1], dtype=int32)
    >>> choice(key(0), np.array(["red", "green", "blue"]), (2,), replace=False)
    array(['blue', 'red'], dtype='<U5')

    Source: as `jax.random.choice`: without p the same numbers. With p the same but where rounding decides
    (float32, or float64 for a float64 array p, as jax under `jax_enable_x64`): with replacement by inverting
    the cumulated p, without by the top k of log p + Gumbel noise.
    """
    words = _words("choice", key)
    values = _range_or_array("choice", "a", a)
    along = _axis("choice", axis, values.ndim)
    size = _shape("choice", shape)
    n, draws = values.shape[along], math.prod(size)
    _check_supply(n, draws, replace)
    index = _choose_evenly(words, n, size, replace) if p is None else _choose(words, n, size, replace, p)
    return readonly(np.take(values, index, along))


def categorical(
    key: Key, logits: ArrayLike, axis: int = -1, shape: int | Shape | None = None
) -> NDArray[np.int32]:
    """Random classes with the probabilities softmax(logits) along an axis.

        x = argmaxᵢ (logitsᵢ + gᵢ),    g Gumbel noise

    The result has the logits' shape without the axis, or `shape`, which must end in what that broadcasts to:
    (5, 3) for five draws from each of three rows. A logit of -inf has probability 0.

    >>> categorical(key(0), np.log([0.1, 0.2, 0.7]), shape=(6,))
    array([2, 1, 2, 2, 2, 2], dtype=int32)

    Source: as `jax.random.categorical` (Gumbel-max trick); the noise has the logits' dtype. jax answers for
    NaN, +inf and all -inf; funcnn raises.
    """
    words = _words("categorical", key)
    scores = _floats("categorical", "logits", logits)
    along = _axis("categorical", axis, scores.ndim)
    _check_logits(scores, along)
    batch = scores.shape[:along] + scores.shape[along + 1 :]
    size = batch if shape is None else _shape("categorical", shape)
    _check_broadcast("categorical", size, "logits without the axis", batch)
    lead = len(size) - len(batch)
    noise_shape = size[: lead + along] + (scores.shape[along],) + size[lead + along :]
    noise = _draw(words, noise_shape, scores.dtype, _gumbel)
    return readonly(np.asarray(np.argmax(noise + scores, lead + along), np.int32))


# ------------------------------------------------------------------------------------------- other shapes


def normal(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Standard normal random numbers: mean 0, variance 1.

        x = √2 erf⁻¹(u),    u uniform in (-1, 1)

    In float32 |x| < 5.42, as u has 23 bits.

    >>> normal(key(0), (3,))
    array([ 1.6226422 ,  2.0252647 , -0.43359444], dtype=float32)

    Source: as `jax.random.normal`, within 3 ulp (8 in float64): the logarithm inside is NumPy's, not XLA's.
    """
    words = _words("normal", key)
    kind = _float_dtype("normal", dtype)
    return _draw(words, _shape("normal", shape), kind, _normal)


def truncated_normal(
    key: Key,
    lower: ArrayLike,
    upper: ArrayLike,
    shape: int | Shape | None = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Standard normal random numbers, given that they fall between lower and upper (both excluded).

        x = √2 erf⁻¹(u),    u uniform in [erf(lower/√2), erf(upper/√2))

    The bounds are numbers, infinities, or arrays that broadcast to the shape (by default their common one).

    >>> truncated_normal(key(0), -2, 2, (3,))
    array([1.396575 , 1.6243454, ...], dtype=float32)

    Source: as `jax.random.truncated_normal`, whose rounding of u it shares: beyond about ±3 few values are
    possible, and x agrees with jax's to a few times 2⁻²⁴ exp(x²/2). Where none is left (both bounds beyond
    ±5.4 in float32, on one side) jax gives a bound; funcnn raises.
    """
    words = _words("truncated_normal", key)
    kind = _float_dtype("truncated_normal", dtype)
    low, high = _floats("truncated_normal", "lower", lower, kind), _floats("truncated_normal", "upper", upper, kind)
    common = np.broadcast_shapes(low.shape, high.shape)
    size = _broadcast("truncated_normal", common if shape is None else _shape("truncated_normal", shape), lower=low, upper=high)
    ...
