"""Random numbers as pure functions of a key: `key`, `split`, `uniform`, `normal`.

A key is data, a read-only uint32[2], and stands for one stream of numbers. Drawing does not change it: the
same key always gives the same numbers. For fresh ones `split` it, and use each part once: for one draw, or for
one further split.

Names, arguments, defaults and numbers are those of `jax.random` (Threefry2x32, partitionable: jax >= 0.5):

- bit for bit, on every machine: `key, split, fold_in, bits, uniform, bernoulli, rademacher, randint, permutation`,
  and `choice` without `p` (with replacement, not under `jax_enable_x64`);
- within a few ulp, as the docstrings say: `normal, truncated_normal, exponential, gumbel, laplace, logistic`;
- the same unless rounding decides: `categorical`, `choice` with `p`, and what is drawn by trial and error: `gamma,
  beta, dirichlet, t, ball, poisson`.

Numbers of 64 bits are those of jax under `jax_enable_x64`, all others those of jax without it. Every draw is a
new, read-only array, for shape () one without dimensions; a shape may be a number, n for (n,).
Arguments without a meaning raise, also where jax answers them: a reversed range, a probability of 2, NaN. Inside `vmap`
a key may be one of a batch of keys. Under JAX it may be JAX's own, two words or typed (`jax.random.key`): the draw is
then that of `jax.random`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np

from funcnn._arguments import whole_number
from funcnn._arrays import readonly
from funcnn._later import later
from funcnn.random import checks, choosing, densities
from funcnn.random.batched import of_each_key
from funcnn.random.distributions import (
    ball,
    beta,
    dirichlet,
    exponential,
    gamma,
    gumbel,
    laplace,
    logistic,
    multivariate_normal,
    normal,
    poisson,
    rademacher,
    student_t,
    t,
)
from funcnn.random.threefry import WORD, between, draw, hash_pair, hash_pairs, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from funcnn.typing import ArrayLike, DTypeLike, Key, Keys, Shape

__all__ = ["ball", "bernoulli", "beta", "bits", "categorical", "choice", "dirichlet", "exponential", "fold_in", "gamma",
           "gumbel", "key", "laplace", "logistic", "multivariate_normal", "normal", "permutation", "poisson",
           "rademacher", "randint", "split", "student_t", "t", "truncated_normal", "uniform"]

S = TypeVar("S", bound=np.generic)


# ---------------------------------------------------------------------------------------------------- keys


@of_each_key
def key(seed: int) -> Key:
    """The key of a seed: its high and its low 32 bits.

    `seed` is an integer of 64 bits, from -2⁶³ to 2⁶⁴ - 1. A negative one is read as two's complement, so
    that -1 is 2⁶⁴ - 1; one out of range is a ValueError, a float a TypeError.

    >>> key(2**32 + 5)
    array([1, 5], dtype=uint32)

    Source: as `jax.random.PRNGKey` under `jax_enable_x64`. Without it jax drops the high half, and seeds
    that differ by 2³² are one; for seeds from 0 to 2³² - 1 there is no difference.
    """
    value = whole_number("random.key", "seed", seed)
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"random.key: seed must have 64 bits, -2**63 <= seed < 2**64, got {value}. Take seed % 2**64")
    return cast("Key", readonly(np.array([value >> 32 & WORD, value & WORD], np.uint32)))


@overload
def split(key: Key, num: tuple[()]) -> Key: ...
@overload
def split(key: Key, num: int | tuple[int] = 2) -> Keys: ...
@overload
def split(key: Key, num: Shape) -> Any: ...
@of_each_key
def split(key: Key, num: int | Shape = 2) -> Any:
    """Several new keys from one `key`, as an array of shape `(num, 2)`: unpack it, or index it.

    `num` is how many, 0 and more, or a shape: then the keys have shape `(*num, 2)`. The `key` is used up by that: draw
    nothing else from it.

    >>> init_key, order_key = split(key(0))
    >>> init_key
    array([1797259609, 2579123966], dtype=uint32)

    A longer split begins with the keys of a shorter one, and `split(key, n)[i]` is `fold_in(key, i)`: so do one
    of these with a key, and do it once.

    Source: as `jax.random.split`.
    """
    words = checks.words_of("random.split", key)
    shape = checks.shape_of("split", num, "num")
    return readonly(hash_pairs(words, math.prod(shape)).reshape(*shape, 2))


@of_each_key
def fold_in(key: Key, data: int) -> Key:
    """The key number `data` (from 0 to 2³² - 1) under a `key`: one for each epoch, layer or example.

    >>> fold_in(key(0), 7)
    array([2716826189,  292468403], dtype=uint32)

    Source: as `jax.random.fold_in`; jax cuts floats down to integers, funcnn raises.
    """
    words = checks.words_of("random.fold_in", key)
    return cast("Key", readonly(hash_pair(words, checks.word(data))))


# ------------------------------------------------------------------------------------------- uniform draws


@of_each_key
def bits(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.uint32) -> NDArray[np.unsignedinteger[Any]]:
    """Random bits: unsigned integers of 8, 16, 32 or 64 bits, every value equally likely.

    `key` is used up; `shape` is that of the result, () for one number; `dtype` uint8, uint16, uint32 or uint64.

    >>> bits(key(0), (3,))
    array([4070199207, 4202968722, 1427181096], dtype=uint32)

    Source: as `jax.random.bits`.
    """
    words = checks.words_of("random.bits", key)
    kind = checks.dtype_of("bits", dtype, "uint32", "uint8", "uint16", "uint64")
    return draw((words,), checks.shape_of("bits", shape), kind, densities.same)


@of_each_key
def uniform(
    key: Key,
    shape: int | Shape = (),
    dtype: DTypeLike = np.float32,
    minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
) -> NDArray[np.floating[Any]]:
    """Uniform random numbers from minval up to, but without, maxval.

        x = minval + u (maxval - minval),    u ∈ {0, 2⁻²³, 2·2⁻²³, ..., 1 - 2⁻²³}    (2⁻⁵² in float64)

    - `key`, `shape`: as in `bits`.
    - `dtype`: float32 or float64; for another one convert the result.
    - `minval`, `maxval`: finite numbers in this order, or arrays that broadcast to `shape`; else it is a ValueError.
      Equal ones give that number; in a range that is narrow for its distance from 0, rounding can give `maxval`.

    >>> uniform(key(0), (3,))
    array([0.947667  , 0.9785799 , 0.33229148], dtype=float32)

    Source: as `jax.random.uniform`. The sum is rounded once, because XLA makes a fused multiply-add of it (on
    a machine without one, jax can differ by 1 ulp unless minval is 0). jax answers reversed bounds with minval.
    """
    words = checks.words_of("random.uniform", key)
    kind = checks.dtype_of("uniform", dtype, "float32", "float64")
    low, high = checks.floats("uniform", "minval", minval, kind), checks.floats("uniform", "maxval", maxval, kind)
    size = checks.fit("uniform", shape, minval=low, maxval=high)
    checks.uniform_bounds(low, high)
    if low.ndim == high.ndim == 0 and low == 0 and high == 1:
        return draw((words,), size, kind, unit)
    return draw((words,), size, kind, between, low, high)


@of_each_key
def bernoulli(key: Key, p: ArrayLike = 0.5, shape: int | Shape | None = None) -> NDArray[np.bool_]:
    """True with probability `p`, else False.

        x = (u < p),    u uniform in [0, 1)

    `p`, in [0, 1], is a number, or an array that broadcasts to `shape`, which is by default its own; `key` as in
    `bits`. A float64 array is compared in float64 (as in jax under `jax_enable_x64`), all else in float32.

    >>> bernoulli(key(0), 0.4, (5,))
    array([False, False,  True, False, False])

    Source: as `jax.random.bernoulli`; jax answers any p, funcnn raises outside of [0, 1].
    """
    words = checks.words_of("random.bernoulli", key)
    chance = checks.floats("bernoulli", "p", p)
    checks.require("bernoulli", (chance >= 0) & (chance <= 1), "a probability, 0 <= p <= 1", p=chance)
    size = checks.fit("bernoulli", shape, p=chance)
    return draw((words,), size, np.dtype(np.bool_), densities.below, chance, width=8 * chance.itemsize)


@of_each_key
def randint(
    key: Key, shape: int | Shape, minval: ArrayLike, maxval: ArrayLike, dtype: DTypeLike = np.int32
) -> NDArray[np.integer[Any]]:
    """Uniform random integers from minval up to, but without, maxval.

        x = minval + (2ⁿ h + l) mod (maxval - minval)

    of random numbers h and l of n = 32 bits (64 for 64-bit integers). In a range of more than 2ⁿᐟ² numbers h does
    not count, and some are more likely than others by a factor of up to 1 + range/2ⁿ; up to there by nothing
    that matters.

    - `key`, `shape`: as in `bits`.
    - `minval`, `maxval`: integers that the dtype holds (`maxval` may be one more), or arrays of them that broadcast to
      `shape`, the first below the second; else it is a ValueError.
    - `dtype`: int8 to int64, uint8 to uint64.

    >>> randint(key(0), (5,), 0, 10)
    array([9, 0, 2, 3, 1], dtype=int32)

    Source: as `jax.random.randint`. jax answers an empty range with minval, and clips bounds that the dtype
    cannot hold; funcnn raises.
    """
    words = checks.words_of("random.randint", key)
    kind = checks.dtype_of("randint", dtype, "int32", "int8", "int16", "int64", "uint8", "uint16", "uint32", "uint64")
    low, high = checks.integers("minval", minval), checks.integers("maxval", maxval)
    size = checks.fit("randint", shape, minval=low, maxval=high)
    checks.integer_bounds(low, high, kind)
    return choosing.integers(words, size, low, high, kind)


# ------------------------------------------------------------------------------------------ other densities


@of_each_key
def truncated_normal(
    key: Key,
    lower: ArrayLike,
    upper: ArrayLike,
    shape: int | Shape | None = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Standard normal random numbers, given that they fall between `lower` and `upper` (both excluded).

        x = √2 erf⁻¹(u),    u uniform in [erf(lower/√2), erf(upper/√2))

    The bounds are numbers in this order, infinite ones too, or arrays that broadcast to `shape` (by default their
    common one); `key` as in `bits`, `dtype` as in `uniform`. Far from 0 the grid of u is coarse: in float32 x moves by
    about 10⁻⁷ exp(x²/2), and beyond ±5.4 there is no point left, which is a ValueError.

    >>> truncated_normal(key(0), -2, 2, (3,))
    array([ 1.4559592 ,  1.7147487 , -0.41267535], dtype=float32)

    Source: as `jax.random.truncated_normal`, within a step of that grid; for float32 bounds in ±3 within 3 ulp.
    jax answers bounds that are reversed, or beyond the grid, with one of them; funcnn raises.
    """
    words = checks.words_of("random.truncated_normal", key)
    kind = checks.dtype_of("truncated_normal", dtype, "float32", "float64")
    low = checks.floats("truncated_normal", "lower", lower, kind)
    high = checks.floats("truncated_normal", "upper", upper, kind)
    size = checks.fit("truncated_normal", shape, lower=low, upper=high)
    checks.require("truncated_normal", low < high, "in order, lower < upper", lower=low, upper=high)
    a, b = densities.erf(low), densities.erf(high)
    checks.require("truncated_normal", a < b, f"bounds whose probabilities {kind} can tell apart (nearer to 0)",
             lower=low, upper=high)
    return draw((words,), size, kind, densities.truncated, a, b, low, high)


# ------------------------------------------------------------------------------------------------- choosing


@overload
def permutation(key: Key, x: int, axis: int = 0, independent: bool = False) -> NDArray[np.int32]: ...
@overload
def permutation(key: Key, x: NDArray[S], axis: int = 0, independent: bool = False) -> NDArray[S]: ...
@overload
def permutation(key: Key, x: ArrayLike, axis: int = 0, independent: bool = False) -> NDArray[Any]: ...
@of_each_key
def permutation(key: Key, x: ArrayLike, axis: int = 0, independent: bool = False) -> NDArray[Any]:
    """The numbers 0, ..., x - 1 in random order, or the slices of an array along an axis in random order.

    - `key`: as in `bits`.
    - `x`: a count, whose numbers are int32, or an array of any dtype, which stays as it is.
    - `axis`: which axis of the array is shuffled; its slices stay whole (the rows of a matrix, of axis 0).
    - `independent`: shuffle every vector along the axis by itself instead.

    >>> permutation(key(0), 5)
    array([0, 1, 4, 3, 2], dtype=int32)

    Source: as `jax.random.permutation`: a sort by random bits, repeated for long arrays, where ties are likely.
    """
    words = checks.words_of("random.permutation", key)
    values = checks.population("permutation", "x", x)
    if isinstance(values, int):
        return readonly(choosing.shuffle(words, np.arange(values, dtype=choosing.index_dtype(values)), 0))
    along = checks.axis_of("permutation", axis, values.ndim)
    if independent and values.ndim > 1:
        return readonly(choosing.shuffle(words, values.copy(), along))
    return readonly(np.take(values, choosing.shuffle(words, np.arange(values.shape[along]), 0), along))


@overload
def choice(key: Key, a: int, shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None,
           axis: int = 0) -> NDArray[np.int32]: ...
@overload
def choice(key: Key, a: NDArray[S], shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None,
           axis: int = 0) -> NDArray[S]: ...
@overload
def choice(key: Key, a: ArrayLike, shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None,
           axis: int = 0) -> NDArray[Any]: ...
@of_each_key
def choice(key: Key, a: ArrayLike, shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None,
           axis: int = 0) -> NDArray[Any]:
    """Random ones of the numbers 0, ..., a - 1, or of the slices of an array along an axis.

    - `key`: as in `bits`.
    - `a`: a count, whose numbers are int32, or an array.
    - `shape`: how many are drawn; the result has this shape in the place of the axis.
    - `replace`: whether one may be drawn again. Without, drawing more than there are is a ValueError.
    - `p`: one probability for each of them, of sum 1 (within 10⁻³; the difference is scaled away); by default all are
      equally likely.
    - `axis`: the axis of the array along which the slices lie.

    >>> choice(key(0), 10, (4,))
    array([9, 0, 2, 3], dtype=int32)
    >>> choice(key(0), np.array(["red", "green", "blue"]), (2,), replace=False)
    array(['red', 'green'], dtype='<U5')

    Source: as `jax.random.choice`, without `p` bit for bit (but for draws with replacement under
    `jax_enable_x64`, where jax's are of 64 bits and so other numbers). With `p` it draws by inverting the
    cumulated p, or without replacement by the top k of log p + Gumbel noise: the same indices unless rounding
    decides, in float64 for a float64 array p (as in jax under `jax_enable_x64`), else in float32. jax answers
    any `p`.
    """
    words = checks.words_of("random.choice", key)
    values = checks.population("choice", "a", a)
    along = 0 if isinstance(values, int) else checks.axis_of("choice", axis, values.ndim)
    n = values if isinstance(values, int) else values.shape[along]
    size = checks.shape_of("choice", shape)
    draws = math.prod(size)
    checks.supply(n, draws, replace)
    if p is None:
        index = choosing.evenly(words, n, draws, replace)
    else:
        index = choosing.weighted(words, checks.chances(p, n, draws, replace), draws, replace)
    if isinstance(values, int):
        return readonly(index.astype(choosing.index_dtype(n)).reshape(size))
    before, after = values.shape[:along], values.shape[along + 1 :]
    return readonly(np.take(values, index, along).reshape((*before, *size, *after)))


@of_each_key
def categorical(
    key: Key, logits: ArrayLike, axis: int = -1, shape: int | Shape | None = None
) -> NDArray[np.int32]:
    """Random classes, with the probabilities `softmax(logits)` along an axis, as int32.

        x = argmaxᵢ (logitsᵢ + gᵢ),    g Gumbel noise

    - `key`: as in `bits`.
    - `logits`: floats, a class each along `axis`, by default the last one. One of -inf means never; all of them -inf,
      NaN and inf are a ValueError.
    - `shape`: by default that of the logits without `axis`, or any that this one broadcasts to: (5, 3) for five draws
      from each of three rows.

    >>> categorical(key(0), np.log([0.1, 0.2, 0.7]), shape=(6,))
    array([2, 2, 2, 1, 1, 2], dtype=int32)

    Source: as `jax.random.categorical`, the same classes unless rounding decides, in float64 for float64
    logits (as in jax under `jax_enable_x64`), else in float32. jax answers logits of NaN, inf and all -inf.
    """
    words = checks.words_of("random.categorical", key)
    scores = checks.floats("categorical", "logits", logits, kinds="f")
    along = checks.axis_of("categorical", axis, scores.ndim)
    checks.logits_along(scores, along)
    size = checks.fit("categorical", shape, **{"logits without their axis": np.take(scores, 0, along)})
    lead = len(size) - (scores.ndim - 1) + along
    noise = draw((words,), (*size[:lead], scores.shape[along], *size[lead:]), scores.dtype, densities.gumbel)
    return readonly(np.asarray(np.argmax(noise + scores, lead), np.int32))


later(globals())  # what may be meant by a name that is not here
