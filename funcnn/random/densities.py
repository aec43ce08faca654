"""From random bits to random numbers: the law of each density, by the quantiles of a uniform number.

A function here takes the bits of a draw, which it may overwrite, and gives as many numbers. Logarithms are taken in
float64, so that the float32 numbers are the same on every machine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn.random.threefry import between, unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from funcnn.random.threefry import Bits, Floats

__all__ = ["below", "erf", "exponential", "gumbel", "laplace", "log", "logistic", "normal", "same", "truncated"]


def same(raw: Bits) -> Bits:
    """The bits as they are.

    >>> same(np.array([7], np.uint32))
    array([7], dtype=uint32)
    """
    return raw


def below(raw: Bits, p: Floats) -> NDArray[np.bool_]:
    """Whether a uniform number is below p.

    >>> below(np.array([0, 2**31], np.uint32), np.float32([0.5]))
    array([ True, False])
    """
    return np.less(unit(raw), p)


def normal(raw: Bits) -> Floats:
    """At the quantiles of a uniform number in (-1, 1).

    >>> normal(np.array([2**31], np.uint32))
    array([7.470334e-08], dtype=float32)
    """
    u = unit(raw)
    u *= 2
    u -= _edge(u.dtype)
    return _quantile(u)


def truncated(raw: Bits, a: Floats, b: Floats, low: Floats, high: Floats) -> Floats:
    """At the quantiles of a uniform number in [a, b); rounding may not push it out of (low, high).

    >>> one = np.ones(1, np.float32)
    >>> truncated(np.array([0], np.uint32), erf(0 * one), erf(one), 0 * one, one)
    array([1.e-45], dtype=float32)
    """
    u = between(raw, a, b)
    x = _quantile(np.clip(u, -_edge(u.dtype), _edge(u.dtype)))
    return np.clip(x, np.nextafter(low, np.inf), np.nextafter(high, -np.inf))


def exponential(raw: Bits) -> Floats:
    """-log(1 - u), written as 0 - log, because -log would make -0.0 of log 1.

    >>> exponential(np.array([0, 2**31], np.uint32))
    array([0.        , 0.69314718])
    """
    return 0.0 - log(1 - unit(raw))


def gumbel(raw: Bits) -> Floats:
    """-log(-log u); the uniform number is kept off 0, as in jax, by the smallest normal float.

    >>> gumbel(np.array([2**31], np.uint32))
    array([0.36651292])
    """
    u = unit(raw)
    np.maximum(u, np.finfo(u.dtype).tiny, out=u)
    return -log(-log(u))


def laplace(raw: Bits) -> Floats:
    """sign(u) log(1 - |u|), u in (-1, 1).

    >>> laplace(np.array([0, 2**31], np.uint32))
    array([ 1.66355323e+01, -5.96046466e-08])
    """
    kind = np.dtype(f"f{raw.itemsize}")
    u = between(raw, np.array(-_edge(kind), kind), np.array(1, kind))
    return np.sign(u) * np.log1p(-np.abs(u), dtype=np.float64)


def logistic(raw: Bits) -> Floats:
    """log(u / (1 - u)); the uniform number is kept off 0, as in jax, by the smallest normal float.

    >>> logistic(np.array([2**31], np.uint32))
    array([0.])
    """
    kind = np.dtype(f"f{raw.itemsize}")
    u = between(raw, np.array(np.finfo(kind).tiny, kind), np.array(1, kind))
    return log(u) - np.log1p(-u, dtype=np.float64)


def _edge(kind: np.dtype[Any]) -> float:
    """The number next below 1."""
    return 1 - float(np.finfo(kind).epsneg)


def log(x: Floats) -> NDArray[np.float64]:
    """The logarithm in float64, for float32 too: its last bit differs between machines, and then does not show.

    (With and without AVX2 and AVX-512, each of the 2²³ float32 draws of each density is the same.)
    """
    return np.log(x, dtype=np.float64)


def _quantile(u: Floats) -> Floats:
    """The x that a standard normal number is below with probability (1 + u)/2: √2 erf⁻¹(u)."""
    return math.sqrt(2) * _erf_inv(u)


def erf(x: Floats) -> Floats:
    """The error function of x/√2, rounded from float64.

    >>> erf(np.float32([0, 1]))
    array([0.       , 0.6826895], dtype=float32)
    """
    x = x / x.dtype.type(math.sqrt(2))
    return np.array([math.erf(v) for v in x.ravel().tolist()], x.dtype).reshape(x.shape)


def _erf_inv(x: Floats) -> Floats:
    """The inverse of the error function, for -1 < x < 1.

        w = -log(1 - x²),    erf⁻¹(x) = x p(w),    p a polynomial in w - c, in the tails in √w - c

    Source: Giles, "Approximating the erfinv function", GPU Computing Gems (2011). x² is rounded before it is
    taken from 1 (Giles has (1 - x)(1 + x)), as XLA does it. That costs up to 90 ulp in the float32 tails.
    """
    w = -log(1 - x * x).astype(x.dtype)
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
