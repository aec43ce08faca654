"""With this module you can draw random numbers with pure functions: `key`, `split`, `uniform`, `normal`.

A key is data, a read-only uint32[2], and stands for one stream of numbers. Drawing does not change it: the
same key always gives the same numbers. For fresh ones `split` it, and use each part once: for one draw, or for
one further split.

Names, arguments, defaults and numbers are those of `jax.random` (Threefry2x32, partitionable: jax >= 0.5):

- bit for bit, on every machine: `key, split, fold_in, bits, uniform, bernoulli, randint, permutation`, and
  `choice` without `p`;
- within a few ulp, as the docstrings say: `normal, truncated_normal, exponential, gumbel`;
- the same unless rounding decides: `categorical`, and `choice` with `p`.

Numbers of 64 bits are those of jax under `jax_enable_x64`, all others those of jax without it. Every draw is a
new, read-only array, for shape () one without dimensions. Arguments without a meaning raise, also where jax
answers them: a reversed range, a probability of 2, NaN.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

import numpy as np

from funcnn._arrays import readonly
from funcnn.random.threefry import WORD, Words, between, draw, hash_pair, hash_pairs, unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from funcnn.random.threefry import Bits, Floats
    from funcnn.typing import Key, Keys, Shape

__all__ = ["bernoulli", "bits", "categorical", "choice", "exponential", "fold_in", "gumbel", "key", "normal",
           "permutation", "randint", "split", "truncated_normal", "uniform"]

S = TypeVar("S", bound=np.generic)


# ---------------------------------------------------------------------------------------------------- keys


def key(seed: int) -> Key:
    """The key of a seed: its high and its low 32 bits.

    The seed is an integer of 64 bits, from -2⁶³ to 2⁶⁴ - 1. A negative one is read as two's complement, so
    that -1 is 2⁶⁴ - 1.

    >>> key(2**32 + 5)
    array([1, 5], dtype=uint32)

    Source: as `jax.random.PRNGKey` under `jax_enable_x64`. Without it jax drops the high half, and seeds
    that differ by 2³² are one; for seeds from 0 to 2³² - 1 there is no difference.
    """
    value = _integer("key", "seed", seed)
    if not -(2**63) <= value < 2**64:
        raise ValueError(f"random.key: seed is {value}; expected 64 bits, -2**63 <= seed < 2**64. "
                         "Take seed % 2**64")
    return cast("Key", readonly(np.array([value >> 32 & WORD, value & WORD], np.uint32)))


@overload
def split(key: Key, num: tuple[()]) -> Key: ...
@overload
def split(key: Key, num: int | tuple[int] = 2) -> Keys: ...
@overload
def split(key: Key, num: Shape) -> Any: ...
def split(key: Key, num: int | Shape = 2) -> Any:
    """Several new keys from one, as an array of shape (num, 2): unpack it, or index it.

    `num` may be a shape, too; then the keys have shape (*num, 2).

    >>> init_key, order_key = split(key(0))
    >>> init_key
    array([1797259609, 2579123966], dtype=uint32)

    A longer split begins with the keys of a shorter one, and `split(key, n)[i]` is `fold_in(key, i)`: so do one
    of these with a key, and do it once.

    Source: as `jax.random.split`.
    """
    words = _words("split", key)
    shape = _shape("split", num, "num")
    return readonly(hash_pairs(words, math.prod(shape)).reshape(*shape, 2))


def fold_in(key: Key, data: int) -> Key:
    """The key number `data` (from 0 to 2³² - 1) under a key: one for each epoch, layer or example.

    >>> fold_in(key(0), 7)
    array([2716826189,  292468403], dtype=uint32)

    Source: as `jax.random.fold_in`; jax cuts floats down to integers, funcnn raises.
    """
    words = _words("fold_in", key)
    value = _integer("fold_in", "data", data)
    if not 0 <= value <= WORD:
        raise ValueError(f"random.fold_in: data is {value}; expected 32 bits, 0 <= data < 2**32. "
                         "Take data % 2**32")
    return cast("Key", readonly(hash_pair(words, value)))


# ------------------------------------------------------------------------------------------- uniform draws


def bits(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.uint32) -> NDArray[np.unsignedinteger[Any]]:
    """Random bits: unsigned integers of 8, 16, 32 or 64 bits, every value equally likely.

    >>> bits(key(0), (3,))
    array([4070199207, 4202968722, 1427181096], dtype=uint32)

    Source: as `jax.random.bits`.
    """
    words = _words("bits", key)
    kind = _dtype("bits", dtype, "uint32", "uint8", "uint16", "uint64")
    return draw((words,), _shape("bits", shape), kind, _same)


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

    Source: as `jax.random.uniform`. The sum is rounded once, because XLA makes a fused multiply-add of it (on
    a machine without one, jax can differ by 1 ulp unless minval is 0). jax answers reversed bounds with minval.
    """
    words = _words("uniform", key)
    kind = _dtype("uniform", dtype, "float32", "float64")
    low, high = _floats("uniform", "minval", minval, kind), _floats("uniform", "maxval", maxval, kind)
    size = _fit("uniform", shape, minval=low, maxval=high)
    _check_range(low, high)
    if low.ndim == high.ndim == 0 and low == 0 and high == 1:
        return draw((words,), size, kind, unit)
    return draw((words,), size, kind, between, low, high)


def bernoulli(key: Key, p: ArrayLike = 0.5, shape: int | Shape | None = None) -> NDArray[np.bool_]:
    """True with probability p, else False.

        x = (u < p),    u uniform in [0, 1)

    `p` is a number, or an array that broadcasts to the shape (by default p's own). A float64 array is compared
    in float64 (as in jax under `jax_enable_x64`), all else in float32.

    >>> bernoulli(key(0), 0.4, (5,))
    array([False, False,  True, False, False])

    Source: as `jax.random.bernoulli`; jax answers any p, funcnn raises outside of [0, 1].
    """
    words = _words("bernoulli", key)
    chance = _floats("bernoulli", "p", p)
    _require("bernoulli", (chance >= 0) & (chance <= 1), "a probability, 0 <= p <= 1", p=chance)
    size = _fit("bernoulli", shape, p=chance)
    return draw((words,), size, np.dtype(np.bool_), _below, chance, width=8 * chance.itemsize)


def randint(
    key: Key, shape: int | Shape, minval: ArrayLike, maxval: ArrayLike, dtype: DTypeLike = np.int32
) -> NDArray[np.integer[Any]]:
    """Uniform random integers from minval up to, but without, maxval.

        x = minval + (2ⁿ h + l) mod (maxval - minval)

    of random numbers h and l of n = 32 bits (64 for 64-bit integers). In a range of more than 2ⁿᐟ² numbers h does
    not count, and some are more likely than others by a factor of up to 1 + range/2ⁿ; up to there by nothing
    that matters. The bounds are integers, or arrays of them that broadcast to the shape.

    >>> randint(key(0), (5,), 0, 10)
    array([9, 0, 2, 3, 1], dtype=int32)

    Source: as `jax.random.randint`. jax answers an empty range with minval, and clips bounds that the dtype
    cannot hold; funcnn raises.
    """
    words = _words("randint", key)
    kind = _dtype("randint", dtype, "int32", "int8", "int16", "int64", "uint8", "uint16", "uint32", "uint64")
    low, high = _integers("minval", minval), _integers("maxval", maxval)
    size = _fit("randint", shape, minval=low, maxval=high)
    _check_integer_range(low, high, kind)
    return _randint(words, size, low, high, kind)


# ------------------------------------------------------------------------------------------ other densities


def normal(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Standard normal random numbers: mean 0, variance 1.

        x = √2 erf⁻¹(u),    u uniform in (-1, 1)

    The grid of u bounds them: |x| < 5.5 in float32, 8.3 in float64.

    >>> normal(key(0), (3,))
    array([ 1.622642  ,  2.0252647 , -0.43359444], dtype=float32)

    Source: as `jax.random.normal`, within 3 ulp in float32, and 32 in float64 (where XLA's logarithm is the
    less exact one).
    """
    words = _words("normal", key)
    kind = _dtype("normal", dtype, "float32", "float64")
    return draw((words,), _shape("normal", shape), kind, _normal)


def truncated_normal(
    key: Key,
    lower: ArrayLike,
    upper: ArrayLike,
    shape: int | Shape | None = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Standard normal random numbers, given that they fall between lower and upper (both excluded).

        x = √2 erf⁻¹(u),    u uniform in [erf(lower/√2), erf(upper/√2))

    The bounds are numbers, infinite ones too, or arrays that broadcast to the shape (by default their common
    one). Far from 0 the grid of u is coarse: in float32 x moves by about 10⁻⁷ exp(x²/2), and beyond ±5.4 there
    is no point left.

    >>> truncated_normal(key(0), -2, 2, (3,))
    array([ 1.4559592 ,  1.7147487 , -0.41267535], dtype=float32)

    Source: as `jax.random.truncated_normal`, within a step of that grid; for float32 bounds in ±3 within 3 ulp.
    jax answers bounds that are reversed, or beyond the grid, with one of them; funcnn raises.
    """
    words = _words("truncated_normal", key)
    kind = _dtype("truncated_normal", dtype, "float32", "float64")
    low = _floats("truncated_normal", "lower", lower, kind)
    high = _floats("truncated_normal", "upper", upper, kind)
    size = _fit("truncated_normal", shape, lower=low, upper=high)
    _require("truncated_normal", low < high, "lower < upper", lower=low, upper=high)
    a, b = _erf(low), _erf(high)
    _require("truncated_normal", a < b, f"bounds whose probabilities {kind} can tell apart (nearer to 0)",
             lower=low, upper=high)
    return draw((words,), size, kind, _truncated, a, b, low, high)


def exponential(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Exponential random numbers: density e⁻ˣ for x >= 0.

        x = -log(1 - u),    u uniform in [0, 1)

    >>> exponential(key(0), (3,))
    array([2.950128  , 3.8434246 , 0.40390354], dtype=float32)

    Source: as `jax.random.exponential`, within 1 ulp in float32, and 130 in float64 (where XLA's logarithm is
    that far off).
    """
    words = _words("exponential", key)
    kind = _dtype("exponential", dtype, "float32", "float64")
    return draw((words,), _shape("exponential", shape), kind, _exponential)


def gumbel(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Gumbel random numbers: density exp(-x - e⁻ˣ), the law of the greatest of many.

        x = -log(-log u),    u uniform in (0, 1)

    >>> gumbel(key(0), (3,))
    array([ 2.9233725 ,  3.8326178 , -0.09689323], dtype=float32)

    Source: as `jax.random.gumbel` (in its default mode, "low"), within 2 ulp of max(1, |x|).
    """
    words = _words("gumbel", key)
    kind = _dtype("gumbel", dtype, "float32", "float64")
    return draw((words,), _shape("gumbel", shape), kind, _gumbel)


# ------------------------------------------------------------------------------------------------- choosing


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
    array([0, 1, 4, 3, 2], dtype=int32)

    Source: as `jax.random.permutation`: a sort by random bits, repeated for long arrays, where ties are likely.
    """
    words = _words("permutation", key)
    values = _population("permutation", "x", x)
    if isinstance(values, int):
        return readonly(_shuffle(words, np.arange(values, dtype=_index_dtype(values)), 0))
    along = _axis("permutation", axis, values.ndim)
    if independent and values.ndim > 1:
        return readonly(_shuffle(words, values.copy(), along))
    return readonly(np.take(values, _shuffle(words, np.arange(values.shape[along]), 0), along))


@overload
def choice(key: Key, a: int, shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None,
           axis: int = 0) -> NDArray[np.int32]: ...
@overload
def choice(key: Key, a: NDArray[S], shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None,
           axis: int = 0) -> NDArray[S]: ...
@overload
def choice(key: Key, a: ArrayLike, shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None,
           axis: int = 0) -> NDArray[Any]: ...
def choice(key: Key, a: ArrayLike, shape: int | Shape = (), replace: bool = True, p: ArrayLike | None = None,
           axis: int = 0) -> NDArray[Any]:
    """Random ones of the numbers 0, ..., a - 1, or of the slices of an array along an axis.

    `p` is one probability for each of them, of sum 1 (within 10⁻³; the difference is scaled away); without it
    all are equally likely. The result has `shape` in the place of the axis.

    >>> choice(key(0), 10, (4,))
    array([9, 0, 2, 3], dtype=int32)
    >>> choice(key(0), np.array(["red", "green", "blue"]), (2,), replace=False)
    array(['red', 'green'], dtype='<U5')

    Source: as `jax.random.choice`, without `p` bit for bit. With `p` it draws by inverting the cumulated p, or
    without replacement by the top k of log p + Gumbel noise: the same indices unless rounding decides, in
    float64 for a float64 array p (as in jax under `jax_enable_x64`), else in float32. jax answers any `p`.
    """
    words = _words("choice", key)
    values = _population("choice", "a", a)
    along = 0 if isinstance(values, int) else _axis("choice", axis, values.ndim)
    n = values if isinstance(values, int) else values.shape[along]
    size = _shape("choice", shape)
    draws = math.prod(size)
    _check_supply(n, draws, replace)
    index = _evenly(words, n, draws, replace) if p is None else _weighted(words, n, draws, replace, p)
    if isinstance(values, int):
        return readonly(index.astype(_index_dtype(n)).reshape(size))
    before, after = values.shape[:along], values.shape[along + 1 :]
    return readonly(np.take(values, index, along).reshape((*before, *size, *after)))


def categorical(
    key: Key, logits: ArrayLike, axis: int = -1, shape: int | Shape | None = None
) -> NDArray[np.int32]:
    """Random classes, with the probabilities softmax(logits) along an axis.

        x = argmaxᵢ (logitsᵢ + gᵢ),    g Gumbel noise

    The result has the shape of the logits without that axis, or any that this one broadcasts to: (5, 3) for five
    draws from each of three rows. A logit of -inf means never.

    >>> categorical(key(0), np.log([0.1, 0.2, 0.7]), shape=(6,))
    array([2, 2, 2, 1, 1, 2], dtype=int32)

    Source: as `jax.random.categorical`, the same classes unless rounding decides, in float64 for float64
    logits (as in jax under `jax_enable_x64`), else in float32. jax answers logits of NaN, inf and all -inf.
    """
    words = _words("categorical", key)
    scores = _floats("categorical", "logits", logits, kinds="f")
    along = _axis("categorical", axis, scores.ndim)
    _check_logits(scores, along)
    size = _fit("categorical", shape, **{"logits without their axis": np.take(scores, 0, along)})
    lead = len(size) - (scores.ndim - 1) + along
    noise = draw((words,), (*size[:lead], scores.shape[along], *size[lead:]), scores.dtype, _gumbel)
    return readonly(np.asarray(np.argmax(noise + scores, lead), np.int32))


# ------------------------------------------------------------------------------------ from bits to densities


def _same(raw: Bits) -> Bits:
    return raw


def _below(raw: Bits, p: Floats) -> NDArray[np.bool_]:
    return np.less(unit(raw), p)


def _normal(raw: Bits) -> Floats:
    """At the quantiles of a uniform number in (-1, 1)."""
    u = unit(raw)
    u *= 2
    u -= _edge(u.dtype)
    return _quantile(u)


def _truncated(raw: Bits, a: Floats, b: Floats, low: Floats, high: Floats) -> Floats:
    """At the quantiles of a uniform number in [a, b); rounding may not push it out of (low, high)."""
    u = between(raw, a, b)
    x = _quantile(np.clip(u, -_edge(u.dtype), _edge(u.dtype)))
    return np.clip(x, np.nextafter(low, np.inf), np.nextafter(high, -np.inf))


def _exponential(raw: Bits) -> Floats:
    """0 - log and not -log, which would make -0.0 of log 1."""
    return 0.0 - _log(1 - unit(raw))


def _gumbel(raw: Bits) -> Floats:
    """The uniform number is kept off 0, as in jax, by the smallest normal float."""
    u = unit(raw)
    np.maximum(u, np.finfo(u.dtype).tiny, out=u)
    return -_log(-_log(u))


def _edge(kind: np.dtype[Any]) -> float:
    """The number next below 1."""
    return 1 - float(np.finfo(kind).epsneg)


def _log(x: Floats) -> NDArray[np.float64]:
    """The logarithm in float64, for float32 too: its last bit differs between machines, and then does not show.

    (With and without AVX2 and AVX-512, each of the 2²³ float32 draws of each density is the same.)
    """
    return np.log(x, dtype=np.float64)


def _quantile(u: Floats) -> Floats:
    """The x that a standard normal number is below with probability (1 + u)/2: √2 erf⁻¹(u)."""
    return math.sqrt(2) * _erf_inv(u)


def _erf(x: Floats) -> Floats:
    """erf(x/√2), rounded from float64."""
    x = x / x.dtype.type(math.sqrt(2))
    return np.array([math.erf(v) for v in x.ravel().tolist()], x.dtype).reshape(x.shape)


def _erf_inv(x: Floats) -> Floats:
    """The inverse of the error function, for -1 < x < 1.

        w = -log(1 - x²),    erf⁻¹(x) = x p(w),    p a polynomial in w - c, in the tails in √w - c

    Source: Giles, "Approximating the erfinv function", GPU Computing Gems (2011). x² is rounded before it is
    taken from 1 (Giles has (1 - x)(1 + x)), as XLA does it. That costs up to 90 ulp in the float32 tails.
    """
    w = -_log(1 - x * x).astype(x.dtype)
    (_, centre, body), *tails = GILES[x.dtype]
    p = _polynomial(body, w - centre)
    for start, centre, coefficients in tails:
        far = np.flatnonzero(w >= start)
        p[far] = _polynomial(coefficients, np.sqrt(w[far]) - centre)
    p *= x
    return p


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """Horner's rule, the highest power first."""
    p = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        p *= x
        p += c
    return p


GILES: dict[np.dtype[Any], tuple[tuple[float, float, tuple[float, ...]], ...]] = {
    # (from which w on, the centre c, the coefficients of p, the highest power first)
    np.dtype(np.float32): (
        (0.0, 2.5, (
            2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
            -0.00417768164, 0.246640727, 1.50140941)),
        (5.0, 3.0, (
            -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
            0.00943887047, 1.00167406, 2.83297682)),
    ),
    np.dtype(np.float64): (
        (0.0, 3.125, (
            -3.6444120640178196996e-21, -1.685059138182016589e-19, 1.2858480715256400167e-18,
            1.115787767802518096e-17, -1.333171662854620906e-16, 2.0972767875968561637e-17,
            6.6376381343583238325e-15, -4.0545662729752068639e-14, -8.1519341976054721522e-14,
            2.6335093153082322977e-12, -1.2975133253453532498e-11, -5.4154120542946279317e-11,
            1.051212273321532285e-09, -4.1126339803469836976e-09, -2.9070369957882005086e-08,
            4.2347877827932403518e-07, -1.3654692000834678645e-06, -1.3882523362786468719e-05,
            0.0001867342080340571352, -0.00074070253416626697512, -0.0060336708714301490533,
            0.24015818242558961693, 1.6536545626831027356)),
        (6.25, 3.25, (
            2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07,
            1.8239629214389227755e-08, 1.5027403968909827627e-06, -4.013867526981545969e-06,
            2.9234449089955446044e-06, 1.2475304481671778723e-05, -4.7318229009055733981e-05,
            6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
            0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066,
            -0.0037512085075692412107, 0.005370914553590063617, 1.0052589676941592334,
            3.0838856104922207635)),
        (16.0, 5.0, (
            -2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09,
            -3.7894654401267369937e-09, 7.6157012080783393804e-09, -1.4960026627149240478e-08,
            2.9147953450901080826e-08, -6.7711997758452339498e-08, 2.2900482228026654717e-07,
            -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
            7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026,
            1.0103004648645343977, 4.8499064014085844221)),
    ),
}


# --------------------------------------------------------------------------------- integers and permutations


def _randint(
    words: Words, size: Shape, low: NDArray[Any], high: NDArray[Any], kind: np.dtype[Any]
) -> NDArray[Any]:
    """Computed in unsigned numbers of 32 or 64 bits, modulo their range: signs come right by themselves."""
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


def _shuffle(words: Words, x: NDArray[Any], axis: int) -> NDArray[Any]:
    """The vectors along an axis, each sorted by random bits: 3 log₂(size) bits for each of its numbers."""
    for _ in range(math.ceil(3 * math.log(max(1, x.size)) / math.log(WORD))):
        words, fresh = _two(words)
        x = np.take_along_axis(x, _order(draw((fresh,), x.shape, np.dtype(np.uint32), _same), axis), axis)
    return x


def _order(keys: NDArray[np.uint32], axis: int) -> NDArray[np.intp]:
    """The stable argsort, by sorting (key, index) as one number, which is faster than NumPy's own."""
    index = np.arange(keys.shape[axis], dtype=np.uint64)
    joined = np.moveaxis(keys, axis, -1).astype(np.uint64) << 32 | index
    joined.sort()
    return np.moveaxis((joined & WORD).astype(np.intp), -1, axis)


def _evenly(words: Words, n: int, draws: int, replace: bool) -> NDArray[Any]:
    """Indices below n, all equally likely."""
    if replace:
        return _randint(words, (draws,), np.array(0), np.array(n), _index_dtype(n))
    return _shuffle(words, np.arange(n), 0)[:draws]


def _weighted(words: Words, n: int, draws: int, replace: bool, p: ArrayLike) -> NDArray[Any]:
    """Indices below n with probabilities p."""
    chance = _chances(p, n)
    if replace:
        total = np.cumsum(chance, dtype=np.float64).astype(chance.dtype)
        u = draw((words,), (draws,), chance.dtype, unit)
        return np.asarray(np.searchsorted(total, total[-1] * (1 - u)))
    possible = int(np.count_nonzero(chance))
    if possible < draws:
        raise ValueError(f"random.choice: {draws} draws without replacement, but only {possible} of p are "
                         "above 0. Draw fewer, or pass replace=True")
    with np.errstate(all="ignore"):
        score = draw((words,), (n,), chance.dtype, _gumbel) + np.log(chance)
    return np.argsort(-score, kind="stable")[:draws]


def _index_dtype(n: int) -> np.dtype[Any]:
    """jax's int32 for indices, as long as they fit."""
    return np.dtype(np.int32 if n <= 2**31 else np.int64)


# ------------------------------------------------------------------------------------- what comes in is right


def _words(function: str, key: object) -> Words:
    return words_of(f"random.{function}", key)


def words_of(owner: str, key: object) -> Words:
    """The two words of a key; anything else is an error of the function `owner`."""
    if isinstance(key, np.ndarray) and key.dtype == np.uint32 and key.shape == (2,):
        high, low = key.tolist()
        return high, low
    if isinstance(key, np.ndarray) and key.dtype == np.uint32:
        raise ValueError(f"{owner}: key is a uint32 array of shape {key.shape}; expected one key, of "
                         "shape (2,). Unpack or index several: first, second = random.split(random.key(0))")
    fix = "Make one: random.key(0)"
    if type(key).__module__.startswith("jax"):
        fix = "Take its words: np.asarray(jax.random.key_data(key))"
    raise TypeError(f"{owner}: key is {_describe(key)}; expected a key, a uint32 array of shape (2,). "
                    f"{fix}")


def _describe(x: object) -> str:
    if isinstance(x, np.ndarray):
        return f"an array of {x.dtype}, shape {x.shape}"
    return f"{x!r} ({type(x).__name__})" if isinstance(x, (int, float, str, type(None))) else type(x).__name__


def _integer(function: str, name: str, x: Any, expected: str = "an integer") -> int:
    """An int from any kind of integer; not from a bool or a float."""
    try:
        if not isinstance(x, (bool, np.bool_)):
            return operator.index(x)
    except TypeError:
        pass
    raise TypeError(f"random.{function}: {name} is {_describe(x)}; expected {expected}")


def _shape(function: str, shape: object, name: str = "shape") -> Shape:
    """A shape from a tuple or list of lengths, or from one length."""
    if isinstance(shape, (tuple, list)):
        size = tuple(_integer(function, f"{name}[{i}]", n) for i, n in enumerate(shape))
    else:
        size = (_integer(function, name, shape, "a tuple of integers, such as (2, 3)"),)
    if any(n < 0 for n in size):
        raise ValueError(f"random.{function}: {name} is {shape}; expected lengths of 0 or more")
    return size


def _dtype(function: str, dtype: DTypeLike | None, *allowed: str) -> np.dtype[Any]:
    """One of the allowed dtypes; the first is the default, which None asks for in jax."""
    try:
        kind = np.dtype(allowed[0] if dtype is None else dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind.name in allowed and kind.isnative:
        return kind
    raise TypeError(f"random.{function}: dtype is {dtype!r}; expected one of {', '.join(allowed)}. For another "
                    "draw one of these and convert: .astype(...)")


def _axis(function: str, axis: object, ndim: int) -> int:
    """The axis counted from the front."""
    along = _integer(function, "axis", axis)
    if not -ndim <= along < ndim:
        raise ValueError(f"random.{function}: axis is {along}; expected one of the {ndim} axes of the array, "
                         f"-{ndim} <= axis < {ndim}")
    return along % ndim


def _floats(
    function: str, name: str, x: ArrayLike, kind: np.dtype[Any] | None = None, kinds: str = "iuf"
) -> NDArray[Any]:
    """Numbers as floats of a kind: by default float64 for a float64 array, float32 for all else."""
    values = np.asarray(x)
    if values.dtype.kind not in kinds:
        raise TypeError(f"random.{function}: {name} is {_describe(x)}; expected floating-point numbers")
    own = getattr(x, "dtype", None) == np.float64 and not isinstance(x, float)
    with np.errstate(all="ignore"):
        return values.astype(kind or (np.float64 if own else np.float32))


def _integers(name: str, x: ArrayLike) -> NDArray[Any]:
    values = np.asarray(x)
    if values.dtype.kind not in "iu":
        raise TypeError(f"random.randint: {name} is {_describe(x)}; expected integers of at most 64 bits")
    return values


def _population(function: str, name: str, x: ArrayLike) -> int | NDArray[Any]:
    """A count of things, or an array of them."""
    values = np.asarray(x)
    if values.ndim:
        return values
    n = _integer(function, name, x, "a count or an array")
    if n < 0:
        raise ValueError(f"random.{function}: {name} is {n}; expected a count of 0 or more, or an array")
    return n


def _fit(function: str, shape: object, **arrays: Any) -> Shape:
    """The shape of a draw, to which all arrays must broadcast; by default what they broadcast to."""
    shapes = {name: x.shape for name, x in arrays.items()}
    size = [] if shape is None else [_shape(function, shape)]
    try:
        common = np.broadcast_shapes(*size, *shapes.values())
    except ValueError:
        common = None
    if common is None or size not in ([], [common]):
        came = ", ".join(f"{name} has shape {s}" for name, s in shapes.items())
        raise ValueError(f"random.{function}: {came}; expected what broadcasts to "
                         f"{f'shape {size[0]}' if size else 'one shape'}")
    return common


def _require(function: str, good: Any, expected: str, **values: Any) -> None:
    """Raise where `good` is first false, and say what the values are there."""
    if good.all():
        return
    at = tuple(np.argwhere(~good)[0].tolist())
    came = " and ".join(f"{name} is {np.broadcast_to(x, np.shape(good))[at]}" for name, x in values.items())
    raise ValueError(f"random.{function}: {came}{f' at index {at}' if at else ''}; expected {expected}")


def _check_range(low: NDArray[Any], high: NDArray[Any]) -> None:
    with np.errstate(all="ignore"):
        good = (low <= high) & np.isfinite(high - low)
    _require("uniform", good, f"finite numbers, minval <= maxval, whose difference is finite in {low.dtype}",
             minval=low, maxval=high)


def _check_integer_range(low: NDArray[Any], high: NDArray[Any], kind: np.dtype[Any]) -> None:
    least, most = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    good = (low < high) & (low >= least) & (high <= most + 1)
    _require("randint", good, f"{least} <= minval < maxval <= {most + 1} for {kind}", minval=low, maxval=high)


def _check_supply(n: int, draws: int, replace: bool) -> None:
    if draws and n == 0:
        raise ValueError(f"random.choice: {draws} draws from nothing (a is empty)")
    if draws > n and not replace:
        raise ValueError(f"random.choice: {draws} draws without replacement, but a has only {n} things. Draw "
                         "fewer, or pass replace=True")


def _chances(p: ArrayLike, n: int) -> NDArray[Any]:
    """The n probabilities of a choice."""
    chance = _floats("choice", "p", p)
    if chance.shape != (n,):
        raise ValueError(f"random.choice: p has shape {chance.shape}; expected one probability for each of the "
                         f"{n} things, shape ({n},)")
    _require("choice", chance >= 0, "probabilities of 0 or more", p=chance)
    with np.errstate(all="ignore"):
        total = float(chance.sum(dtype=np.float64))
    if not abs(total - 1) <= 1e-3:
        raise ValueError(f"random.choice: p sums to {total:.6g}; expected 1. Divide it: p / p.sum()")
    return chance


def _check_logits(logits: NDArray[Any], axis: int) -> None:
    if logits.shape[axis] == 0:
        raise ValueError(f"random.categorical: logits have shape {logits.shape}; expected at least one class "
                         f"along axis {axis}")
    _require("categorical", logits < np.inf, "a number or -inf", logits=logits)
    best = logits.max(axis)
    _require("categorical", best > -np.inf, "one class at least above -inf", **{"the greatest logit": best})
