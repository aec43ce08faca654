"""What are the derivatives of sampled curves and special functions: `interp, diff, sinc`?

All but the special functions are written out with slices and sums, and differentiated through them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn.batching import families
from funcnn.core import Rule, Tracer, holds, underlying
from funcnn.rules.elementwise import real_sign
from funcnn.rules.indexing import PICKED
from funcnn.rules.table import Elementwise, as_array, composite, elementwise, one_where_zero, row, rule

__all__: list[str] = []

# ------------------------------------------------------------------ parts of a number

elementwise(np.nextafter, "z = nextafter(x, y)",
            "dx = g", lambda g, _z, _x, _y: g,
            "dy = 0 * g", lambda g, _z, _x, _y: np.zeros_like(g))
elementwise(np.ldexp, "z = x * 2**n", "dx = g * 2**n", lambda g, _z, _x, n: np.ldexp(g, n))


@composite(np.divmod)
def _divmod(x: Any, y: Any, **options: Any) -> Any:
    return np.floor_divide(x, y, **options), np.remainder(x, y, **options)


def _fraction(x: Any) -> Any:
    return np.modf(x)[0]


_FRACTION = row(_fraction, "y = x - trunc(x)", "dx = g", lambda g, _y, _x: g, name="modf", kind=Elementwise)


@composite(np.modf)
def _modf(x: Any, **options: Any) -> Any:
    return _FRACTION(x), np.trunc(x)


_FREXP = Rule(np.frexp, batch=families.elementwise)   # constant


@composite(np.frexp)
def _frexp(x: Any, **options: Any) -> Any:
    exponent = _FREXP(x, **options)[1]
    return np.ldexp(x, -exponent), exponent


# ------------------------------------------------------------------ special functions

elementwise(np.sinc, "y = sin(pi * x) / (pi * x)",
            "dx = g * (cos(pi * x) - y) / x", lambda g, _y, x: g * _slope_of_sinc(x))
elementwise(np.i0, "y = I0(x), Bessel's", "dx = g * I1(x)", lambda g, _y, x: g * _bessel_i1(x))


def _slope_of_sinc(x: Any) -> Any:
    """(cos u - sin(u) / u) / x with u = pi x; its series near 0, where that cancels."""
    u = math.pi * x
    square = np.where(np.abs(u) < 1, u * u, 0)
    series = 0 * square
    for k in range(9, 0, -1):
        series = series * square + (-1) ** k * 2 * k / math.factorial(2 * k + 1)
    far = np.where(np.abs(u) < 1, 1, x)
    return np.where(np.abs(u) < 1, math.pi * u * series, (np.cos(math.pi * far) - np.sinc(far)) / far)


def _bessel_i1(x: Any) -> Any:
    """I1(x), the mean of cos(t) sinh(x cos t) over a period; 64 points of a quarter are exact where I0 is finite."""
    cos = np.cos((np.arange(64, dtype=x.dtype) + 0.5) * (math.pi / 128))
    return np.mean(cos * np.sinh(x[..., None] * cos), axis=-1)


# ------------------------------------------------------------------ np.emath: complex where no real number will do,
# inside vmap for all examples where one needs it, as if the results were stacked


def _or_complex(fun: Callable[..., Any], lowest: float, highest: float) -> Callable[..., Any]:
    return lambda x: fun(_real_within(x, lowest, highest))


def _real_within(x: Any, lowest: float, highest: float) -> Any:
    inside = x.dtype.kind == "c" or holds(np.all(underlying((x >= lowest) & (x <= highest))))
    return x if inside else x.astype(np.result_type(x.dtype, np.complex64))


for _name in ("sqrt", "log", "log2", "log10"):
    composite(getattr(np.emath, _name))(_or_complex(getattr(np, _name), 0, np.inf))
for _name in ("arcsin", "arccos", "arctanh"):
    composite(getattr(np.emath, _name))(_or_complex(getattr(np, _name), -1, 1))


@composite(np.emath.power)
def _power(x: Any, p: Any) -> Any:
    x, p = (v if isinstance(v, Tracer) else np.asarray(v) for v in (x, p))
    return np.power(_real_within(x, 0, np.inf), p)


@composite(np.emath.logn)
def _logn(n: Any, x: Any) -> Any:
    return np.emath.log(x) / np.emath.log(n)


# ------------------------------------------------------------------ points on a line


@composite(np.linspace)
def _linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
              axis: int = 0, **options: Any) -> Any:
    pieces = num - 1 if endpoint else num
    step = (stop - start) / max(pieces, 1)
    n = np.arange(num).reshape((num,) + (1,) * np.ndim(step)).astype(step.dtype)
    last = n == num - 1 if endpoint and num > 1 else np.zeros(n.shape, bool)
    points = np.moveaxis(np.where(last, stop, start + n * step), 0, axis)
    points = points if dtype is None else points.astype(dtype)
    return (points, step) if retstep else points


@composite(np.logspace)
def _logspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None,
              axis: int = 0) -> Any:
    points = base ** np.linspace(start, stop, num, endpoint, axis=axis)
    return points if dtype is None else points.astype(dtype)


@composite(np.geomspace)
def _geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    start, stop = _double(start), _double(stop)
    points = np.exp(np.linspace(np.log(np.abs(start)), np.log(np.abs(stop)), num, endpoint, axis=axis))
    points = points * real_sign(start)
    return points if dtype is None else points.astype(dtype)


# ------------------------------------------------------------------ differences and slopes


@composite(np.diff, arrays=1)
def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    ends = [None if end is None else _as_slab(end, a, axis) for end in (prepend, append)]
    joined = [x for x in (ends[0], a, ends[1]) if x is not None]
    a = np.concatenate(joined, axis=axis) if len(joined) > 1 else a
    before = (slice(None),) * (axis % a.ndim)
    for _ in range(n):
        a = a[(*before, slice(1, None))] - a[(*before, slice(None, -1))]
    return a


def _as_slab(end: Any, a: Any, axis: int) -> Any:
    """A number as one more entry on each line along the axis."""
    shape = list(np.shape(a))
    shape[axis] = 1
    return np.broadcast_to(end, shape) if np.ndim(end) == 0 else end


@composite(np.ediff1d, arrays=1)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    differences = np.diff(np.ravel(ary))
    parts = [np.ravel(as_array(end)).astype(ary.dtype) for end in (to_begin, to_end) if end is not None]
    return np.concatenate([*parts[:to_begin is not None], differences, *parts[to_begin is not None:]])


@composite(np.trapezoid, arrays=2)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = np.moveaxis(y, axis, -1)
    if x is not None:
        dx = np.diff(x if np.ndim(x) == 1 else np.moveaxis(x, axis, -1))
    return np.sum(dx * (y[..., 1:] + y[..., :-1]) / 2.0, axis=-1)


@composite(np.gradient, arrays=1)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    axes = list(range(f.ndim)) if axis is None else list(axis) if isinstance(axis, tuple) else [axis]
    spacings = varargs * len(axes) if len(varargs) == 1 and np.ndim(varargs[0]) == 0 else varargs or (1.0,) * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"np.gradient: {len(axes)} axes need 0, 1 or {len(axes)} spacings, {len(varargs)} were given")
    slopes = [_slopes(np.moveaxis(f, a, -1), h, edge_order) for a, h in zip(axes, spacings, strict=True)]
    moved = tuple(np.moveaxis(slope, -1, a) for a, slope in zip(axes, slopes, strict=True))
    return moved if len(moved) > 1 else moved[0]


def _slopes(f: Any, spacing: Any, edge_order: int) -> Any:
    """The slopes along the last axis: of the parabola through three points, at the ends of a line or a parabola."""
    h = spacing if np.ndim(spacing) == 0 else np.diff(spacing)
    if np.ndim(h) and not isinstance(h, Tracer) and np.all(h == h[0]):
        h = h[0]
    if np.ndim(h) == 0:
        inner = (f[..., 2:] - f[..., :-2]) / (2 * h)
        h0 = h1 = h2 = h3 = h
    else:
        inner = _weighed(f[..., :-2], f[..., 1:-1], f[..., 2:], h[:-1], h[1:], 1)
        h0, h1, h2, h3 = h[0], h[1], h[-2], h[-1]
    if edge_order == 1:
        first, last = (f[..., 1] - f[..., 0]) / h0, (f[..., -1] - f[..., -2]) / h3
    else:
        first = _weighed(f[..., 0], f[..., 1], f[..., 2], h0, h1, 0)
        last = _weighed(f[..., -3], f[..., -2], f[..., -1], h2, h3, 2)
    return np.concatenate([first[..., None], inner, last[..., None]], axis=-1).astype(f.dtype)


def _weighed(f0: Any, f1: Any, f2: Any, h0: Any, h1: Any, at: int) -> Any:
    """The slope at one of three points of the parabola through them, which are h0 and h1 apart."""
    x = (0 * h0, h0, h0 + h1)[at]
    a = (2 * x - h0 - (h0 + h1)) / (h0 * (h0 + h1))
    b = -(2 * x - (h0 + h1)) / (h0 * h1)
    c = (2 * x - h0) / (h1 * (h0 + h1))
    return a * f0 + b * f1 + c * f2


rule(np.unwrap, "y = x + multiples of the period", "dx = g", lambda g, _y, _p, *args, **options: g,
     batch=families.along)

# ------------------------------------------------------------------ interpolation and polynomials


@composite(np.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None) -> Any:
    """At a node of the curve the slope is that on its right, at the last one that on its left; outside it is 0."""
    x, xp, fp = _double(x), _double(xp), _double(fp)
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, period)
    n = xp.shape[0]
    i = np.clip(np.searchsorted(xp, x, "right") - 1, 0, max(n - 2, 0))
    j = np.minimum(i + 1, n - 1)
    y0, y1, x0, x1 = _at(fp, i), _at(fp, j), _at(xp, i), _at(xp, j)
    y = (y1 - y0) / one_where_zero(x1 - x0) * (x - x0) + y0
    y = np.where(x < xp[0], fp[0] if left is None else left, y)
    return np.where(x > xp[-1], fp[-1] if right is None else right, y)


def _at(x: Any, i: Any) -> Any:
    """x[i], also where only i is traced, which an ndarray does not hand on."""
    return PICKED(x, i)


def _double(x: Any) -> Any:
    return x.astype(np.float64) if isinstance(x, Tracer) else np.asarray(x, np.float64)


def _periodic(x: Any, xp: Any, fp: Any, period: float) -> tuple[Any, Any, Any]:
    """One period of the curve, with the points next to it on both sides."""
    xp = xp % abs(period)
    order = np.argsort(xp)
    xp, fp = _at(xp, order), _at(fp, order)
    around = np.concatenate([xp[-1:] - abs(period), xp, xp[:1] + abs(period)])
    return x % abs(period), around, np.concatenate([fp[-1:], fp, fp[:1]])


@composite(np.polyval, arrays=2)
def _polyval(p: Any, x: Any) -> Any:
    """By Horner's scheme."""
    y = np.zeros_like(x)
    for coefficient in p:
        y = y * x + coefficient
    return y


@composite(np.vander)
def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    x, n = x.astype(np.promote_types(x.dtype, int)), len(x) if N is None else N
    ones = np.ones((len(x), min(n, 1)), x.dtype)
    factors = np.concatenate([ones, np.broadcast_to(x[:, None], (len(x), max(n - 1, 0)))], axis=1)
    powers = np.cumprod(factors, axis=1)
    return powers if increasing else powers[:, ::-1]
