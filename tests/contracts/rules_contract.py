"""The contract list of the derivative table, for `test_rules`: a row for every rule, which must meet every law there.

A row is a function of the namespace `np` (NumPy or `jax.numpy`) and of the arrays that it is differentiated by, drawn
from a generator seeded by its name. It may return complex numbers and tuples. `jax=False` says that jax.numpy does
not have the function, or means something else by it; `order=1` that only a first derivative exists; `exact=False`
that the traced value may differ from NumPy's in the last bits, because the function is written out.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

__all__ = ["ROWS", "Row", "arguments"]

NUMPY_2_2 = np.lib.NumpyVersion(np.__version__) >= "2.2.0"  # before it, np.fft.rfftn took the axes in another order

Maker: TypeAlias = Callable[[np.random.Generator], Any]


class Row(NamedTuple):
    """A function, how its arguments are drawn, and which laws it need not meet."""

    name: str
    f: Callable[..., Any]
    makers: tuple[Maker, ...]
    jax: bool = True
    order: int = 2
    exact: bool = True


ROWS: list[Row] = []


def row(name: str, f: Callable[..., Any], *makers: Maker, **laws: Any) -> None:
    """Add a row."""
    ROWS.append(Row(name, f, makers, **laws))


def arguments(row: Row) -> tuple[Any, ...]:
    """The arguments of a row, always the same."""
    rng = np.random.default_rng(zlib.crc32(row.name.encode()))
    return tuple(maker(rng) for maker in row.makers)


# ------------------------------------------------------------------ arguments


def normal(*shape: int) -> Maker:
    return lambda rng: rng.standard_normal(shape)[()]


def between(low: float, high: float, *shape: int) -> Maker:
    return lambda rng: rng.uniform(low, high, shape)[()]


def positive(*shape: int) -> Maker:
    return between(0.5, 2.5, *shape)


def apart(*shape: int) -> Maker:
    """Numbers so far from each other and from 0 that a small step changes neither their order nor their sign."""
    def make(rng: np.random.Generator) -> Any:
        size = int(np.prod(shape))
        places = rng.permutation(np.arange(size) - size // 2) * 0.5 + 0.2 + 0.1 * rng.uniform(size=size)
        return places.reshape(shape)

    return make


def matrix(*shape: int) -> Maker:
    """Square matrices far from singular."""
    return lambda rng: rng.standard_normal(shape) * 0.5 + 2 * np.identity(shape[-1])


fixed = np.array
"""Constants of rows are NumPy's, also where `np` is jax.numpy: inside `jax.jit` its own would be traced."""


def given(*numbers: Any) -> Maker:
    return lambda rng: np.array(numbers, np.float64)


def _definite(np: Any, x: Any) -> Any:
    return x @ np.swapaxes(np.conj(x), -1, -2) + np.identity(x.shape[-1])


# ------------------------------------------------------------------ elementwise, of one argument

ANYWHERE = ["positive", "negative", "square", "exp", "exp2", "expm1", "sin", "cos", "tan", "arctan", "sinh", "cosh",
            "tanh", "arcsinh", "deg2rad", "radians", "rad2deg", "degrees", "sinc", "i0", "conjugate", "real", "imag"]
POSITIVE = ["reciprocal", "sqrt", "cbrt", "log", "log2", "log10", "log1p", "absolute", "fabs"]
WITHIN_ONE = ["arcsin", "arccos", "arctanh"]

for name in ANYWHERE:
    row(name, lambda np, x, name=name: getattr(np, name)(x), between(-1.5, 1.5, 3, 2))
for name in POSITIVE:
    row(name, lambda np, x, name=name: getattr(np, name)(x), positive(3, 2))
for name in WITHIN_ONE:
    row(name, lambda np, x, name=name: getattr(np, name)(x), between(-0.9, 0.9, 3, 2))
row("arccosh", lambda np, x: np.arccosh(x), between(1.2, 3.0, 4))
row("absolute of negatives", lambda np, x: np.abs(x), between(-2.0, -0.5, 4))
row("of a number", lambda np, x: np.exp(np.sin(x)) * x, normal())
row("sinc near 0", lambda np, x: np.sinc(x), given(-0.3, -1e-3, 0.0, 1e-9, 0.2, 0.33), jax=False)
row("i0 far out", lambda np, x: np.i0(x), given(-20.0, 15.0, 3.0))
row("x ** 2", lambda np, x: x**2, normal(4))
row("x ** 3", lambda np, x: x**3, normal(4))
row("x ** 0.5", lambda np, x: x**0.5, positive(4))
row("x ** -1.5", lambda np, x: x**-1.5, positive(4))
row("x ** -1", lambda np, x: x**-1.0, positive(4))
row("x ** 1", lambda np, x: x**1, normal(4))
row("x ** 0", lambda np, x: x**0, normal(4), order=1)
row("x ** whole numbers", lambda np, x: x ** np.arange(4.0), normal(2, 4))
row("2 ** x", lambda np, x: 2**x, normal(4))
row("nan_to_num", lambda np, x: np.nan_to_num(x), normal(4))
row("angle of real numbers", lambda np, x: np.angle(x * 2.0), normal(4))

# ------------------------------------------------------------------ elementwise, of two arguments

for name in ["add", "subtract", "multiply", "arctan2", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum", "fmax",
             "fmin"]:
    row(name, lambda np, x, y, name=name: getattr(np, name)(x, y), normal(3, 1), normal(4))
row("divide", lambda np, x, y: x / y, normal(3, 4), positive(4))
row("power", lambda np, x, y: np.power(x, y), positive(3, 1), normal(4))
row("float_power", lambda np, x, y: np.float_power(x, y), positive(3, 1), normal(4))
row("operators", lambda np, x, y: (x + 2.0) * y - 1.0 / (x * x + 1) + 3 - y / 2 + -x + +y, normal(3), normal(3))
row("remainder", lambda np, x, y: np.remainder(x, y), given(5.3, -4.2, 1.1), given(2.0, 1.5, -0.7))
row("fmod", lambda np, x, y: np.fmod(x, y), given(5.3, -4.2, 1.1), given(2.0, 1.5, -0.7))
row("divmod", lambda np, x, y: np.divmod(x, y)[1], given(5.3, -4.2, 1.1), given(2.0, 1.5, -0.7))
row("modf", lambda np, x: np.modf(x)[0], given(5.3, -4.2, 1.1))
row("frexp", lambda np, x: np.frexp(x)[0], given(5.3, -4.2, 1.1), jax=False)
row("ldexp", lambda np, x: np.ldexp(x, fixed([1, -2, 0])), normal(3))
row("copysign", lambda np, x, y: np.copysign(x, y), apart(4), apart(4))
row("heaviside", lambda np, x, y: np.heaviside(x, y), given(-1.0, 2.0, 3.0), normal(3))
row("nextafter", lambda np, x, y: np.nextafter(x, y), normal(3), normal(3), jax=False)
row("where", lambda np, x, y: np.where(np.arange(4) % 2 == 0, x, y), normal(3, 4), normal())
row("where of a number", lambda np, x: np.where(x > 0, x, 0.5), apart(4))
row("clip", lambda np, x: np.clip(x, -1.0, 1.0), normal(6))
row("clip by arrays", lambda np, x, y, z: np.clip(x, y, z), normal(5), between(-1.0, -0.5, 5), positive(5))
row("clip from below", lambda np, x: np.clip(x, 0.1, None), normal(5))
row("select", lambda np, x, y: np.select([x > 1, x > 0], [x, y], 2.0), apart(5), normal(5))
row("choose", lambda np, x, y: np.choose(fixed([0, 1, 1]), [x, y], mode="wrap"), normal(3), normal(2, 3))
row("piecewise", lambda np, x: np.piecewise(x, [x < 0, x > 1], [lambda v: v * v, lambda v: 3 * v, 0.5]), apart(6),
    jax=False)
row("broadcast over both", lambda np, x, y: x * y, normal(2, 1, 3), normal(4, 1))
row("broadcast a number", lambda np, x, y: x * y + x / y, normal(), positive(2, 3))
row("no entries", lambda np, x, y: x * y, normal(0, 3), normal(3))

# ------------------------------------------------------------------ complex numbers, between real ones

row("z z", lambda np, x, y: (x + 1j * y) * (y - 2j * x), normal(3), normal(3))
row("z / z", lambda np, x, y: (x + 1j * y) / (y - 2j * x), normal(3), positive(3))
row("exp z", lambda np, x, y: np.exp(x + 1j * y), normal(3), normal(3))
row("log z", lambda np, x, y: np.log(x + 1j * y), positive(3), normal(3))
row("sqrt z", lambda np, x, y: np.sqrt(x + 1j * y), positive(3), normal(3))
row("z ** 3", lambda np, x, y: (x + 1j * y) ** 3, positive(3), normal(3))
row("sin z", lambda np, x, y: np.sin(x + 1j * y), normal(3), normal(3))
row("|z|", lambda np, x, y: np.abs(x + 1j * y), normal(3), normal(3))
row("|z|²", lambda np, x, y: np.real((x + 1j * y) * np.conj(x + 1j * y)), normal(3), normal(3))
row("sign z", lambda np, x, y: np.sign(x + 1j * y), normal(3), normal(3), exact=False, jax=False)
row("angle", lambda np, x, y: np.angle(x + 1j * y), positive(3), normal(3))
row("angle in degrees", lambda np, x, y: np.angle(x + 1j * y, deg=True), positive(3), normal(3))
row("real and imag", lambda np, x, y: ((x + 1j * y) ** 2).real * ((x + 1j * y) ** 3).imag, normal(3), normal(3))
row("conj", lambda np, x, y: np.conj(x + 1j * y) * (1 + 2j), normal(3), normal(3))
row("where z", lambda np, x, y: np.where(x > 0, x + 1j * y, y), apart(4), normal(4))
row("real matrix, complex vector", lambda np, a, x: a @ (x + 2j * x * x), normal(3, 3), normal(3))
row("sum z", lambda np, x, y: np.sum(x + 1j * y, axis=0) ** 2, normal(3, 2), normal(3, 2))
row("prod z", lambda np, x, y: np.prod(x + 1j * y, axis=0), normal(3, 2), normal(3, 2))
row("var z", lambda np, x, y: np.var(x + 1j * y, axis=0), normal(4, 2), normal(4, 2))
row("stack z", lambda np, x, y: np.stack([x + 1j * y, x]) * (1 + 1j), normal(3), normal(3))
row("astype complex", lambda np, x: np.exp(1j * x.astype(np.complex128)), normal(3))
row("norm z", lambda np, x, y: np.linalg.norm(x + 1j * y), normal(3), normal(3))
row("vdot z", lambda np, x, y: np.vdot(x + 1j * y, y - 1j * x + 2), normal(3), normal(3))
row("real_if_close", lambda np, x: np.real_if_close(x + 0j * x) * x, normal(3), jax=False)
row("real_if_close, not", lambda np, x: np.real_if_close(x + 1j * x) * x, normal(3), jax=False)
row("emath.sqrt", lambda np, x: np.emath.sqrt(x), given(-2.0, 3.0), jax=False)
row("emath.log", lambda np, x: np.emath.log(x) + np.emath.log2(x) + np.emath.log10(x), given(-2.0, 3.0), jax=False)
row("emath.arcsin", lambda np, x: np.emath.arcsin(x) * np.emath.arccos(x) + np.emath.arctanh(x), given(-2.0, 0.3, 1.7),
    jax=False)
row("emath.logn", lambda np, n, x: np.emath.logn(n, x), given(3.0, 3.0), given(-2.0, 3.0), jax=False)
row("emath.power", lambda np, x: np.emath.power(x, 1.5), given(-2.0, 3.0), jax=False)

# ------------------------------------------------------------------ reductions

EMPTY: dict[str, Any] = {}
AXES: list[dict[str, Any]] = [EMPTY, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)}]
for name in ["sum", "mean", "var", "std", "prod", "max", "min", "ptp", "average", "median"]:
    for options in AXES if name not in ("average",) else AXES[:3]:
        row(f"{name} {options}", lambda np, x, name=name, options=options: getattr(np, name)(x, **options),
            apart(2, 3, 4), jax=True)
for name in ["nansum", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin", "nanmedian", "nanprod"]:
    for options in AXES:
        row(f"{name} {options}", lambda np, x, name=name, options=options: getattr(np, name)(
            np.where(np.arange(36).reshape(3, 3, 4) % 17 == 5, np.nan, x), **options), apart(3, 3, 4),
            exact=name != "nanmedian")
row("sum of dtype", lambda np, x: np.sum(x * x, dtype=np.float64) + np.mean(x, dtype=np.float64), normal(3, 2))
row("var with ddof", lambda np, x: np.var(x, axis=1, ddof=1) + np.std(x, axis=1, ddof=1), normal(2, 4))
row("average with weights", lambda np, x, w: np.average(x, axis=0, weights=w), normal(3, 2), positive(3))
row("average with all weights", lambda np, x, w: np.average(x, weights=w), normal(3, 2), positive(3, 2))
row("average, returned", lambda np, x, w: np.average(x, weights=w, returned=True), normal(3), positive(3))
row("max with initial", lambda np, x: np.max(x, axis=0, initial=0.3), apart(4, 3))
row("prod with initial", lambda np, x: np.prod(x, initial=2.0), normal(4))
row("prod with a zero", lambda np, x: np.prod(x, axis=0), given([1.0, 2.0, 0.0], [0.0, 3.0, 0.0], [4.0, 5.0, 6.0]))
row("amax, amin", lambda np, x: np.amax(x, axis=0) * np.amin(x, axis=0), apart(3, 2))
for name in ["cumsum", "cumprod"]:
    row(name, lambda np, x, name=name: getattr(np, name)(x), normal(2, 3))
    row(f"{name} axis", lambda np, x, name=name: getattr(np, name)(x, axis=1), normal(2, 3, 2))
for name in ["nancumsum", "nancumprod"]:
    row(name, lambda np, x, name=name: getattr(np, name)(np.where(np.arange(3) == 1, np.nan, x), axis=-1), normal(2, 3))
row("cumprod with zeros", lambda np, x: np.cumprod(x, axis=0), given([1.0, 2.0, 0.0], [0.0, 3.0, 0.0], [4.0, 0.0, 6.0]))
if hasattr(np, "cumulative_sum"):
    row("cumulative_sum", lambda np, x: np.cumulative_sum(x, axis=1, include_initial=True), normal(2, 3))
    row("cumulative_prod", lambda np, x: np.cumulative_prod(x, axis=0, include_initial=True), normal(2, 3))
row("median of an odd number", lambda np, x: np.median(x), apart(5))
for method in ["linear", "lower", "higher", "midpoint", "nearest"]:
    row(f"quantile {method}", lambda np, x, method=method: np.quantile(x, 0.33, axis=0, method=method), apart(6, 2),
        exact=False)
row("several quantiles", lambda np, x: np.quantile(x, fixed([0.1, 0.8]), axis=1, keepdims=True), apart(2, 5),
    exact=False)
row("percentile", lambda np, x: np.percentile(x, fixed([10.0, 50.0, 99.0])), apart(2, 5), exact=False)
row("nanquantile", lambda np, x: np.nanquantile(np.where(x > 1, np.nan, x), 0.4, axis=0), apart(5, 2), exact=False)
row("nanpercentile", lambda np, x: np.nanpercentile(np.where(x > 1, np.nan, x), 40), apart(5, 2), exact=False)
row("cov", lambda np, x: np.cov(x), normal(3, 5), exact=False)
row("cov of two", lambda np, x, y: np.cov(x, y, ddof=0), normal(5), normal(5), exact=False)
row("cov of columns", lambda np, x: np.cov(x, rowvar=False, bias=True), normal(5, 3), exact=False)
row("corrcoef", lambda np, x: np.corrcoef(x), normal(3, 5), exact=False)
row("bincount", lambda np, w: np.bincount(fixed([0, 2, 2, 1]), w, minlength=5), normal(4), jax=False)
row("norm", lambda np, x: np.linalg.norm(x), normal(2, 3, 2))
ORDERS_OF_VECTORS: list[Any] = [1, 2, 3, 0.5, np.inf, -np.inf, None]
for order in ORDERS_OF_VECTORS:
    row(f"norm of vectors {order}", lambda np, x, order=order: np.linalg.norm(x, order, axis=1), apart(2, 5))
row("norm 0", lambda np, x: np.linalg.norm(x, 0, axis=1), apart(2, 5), jax=False)
ORDERS_OF_MATRICES: list[Any] = [1, -1, 2, -2, np.inf, -np.inf, "fro", "nuc"]
for order in ORDERS_OF_MATRICES:
    row(f"norm of matrices {order}", lambda np, x, order=order: np.linalg.norm(x, order, axis=(0, 2), keepdims=True),
        apart(3, 2, 4), exact=False)
row("vector_norm", lambda np, x: np.linalg.vector_norm(x, axis=(0, 2), ord=3), apart(3, 2, 4), exact=False)
row("vector_norm of all", lambda np, x: np.linalg.vector_norm(x, keepdims=True), apart(3, 2))
row("matrix_norm", lambda np, x: np.linalg.matrix_norm(x), normal(2, 3, 3))

# ------------------------------------------------------------------ shapes

row("reshape", lambda np, x: np.reshape(x, (3, -1)), normal(2, 6))
row("x.reshape", lambda np, x: x.reshape((4, 3)), normal(2, 6))
row("reshape in F order", lambda np, x: np.reshape(x, (4, 3), order="F") * 1.0, normal(2, 6))
row("ravel", lambda np, x: np.ravel(x), normal(2, 3))
row("ravel in F order", lambda np, x: np.ravel(x, order="F"), normal(2, 3))
row("transpose", lambda np, x: np.transpose(x, (1, -1, 0)), normal(2, 3, 4))
row("x.T", lambda np, x: x.T @ x, normal(2, 3))
row("x.mT", lambda np, x: x.mT, normal(2, 3, 4))
row("swapaxes", lambda np, x: np.swapaxes(x, 0, -1), normal(2, 3, 4))
row("moveaxis", lambda np, x: np.moveaxis(x, (0, 1), (-1, 0)), normal(2, 3, 4))
row("rollaxis", lambda np, x: np.rollaxis(x, 2, 1), normal(2, 3, 4))
row("rollaxis back", lambda np, x: np.rollaxis(x, 0, 3), normal(2, 3, 4))
row("matrix_transpose", lambda np, x: np.matrix_transpose(x), normal(2, 3, 4))
row("squeeze", lambda np, x: np.squeeze(x, 1), normal(2, 1, 3))
row("expand_dims", lambda np, x: np.expand_dims(x, (0, 2)), normal(2, 3))
row("broadcast_to", lambda np, x: np.broadcast_to(x, (2, 3, 4)), normal(3, 1))
row("broadcast_arrays", lambda np, x, y: np.broadcast_arrays(x, y)[1] * 2, normal(3, 1), normal(4))
row("flip", lambda np, x: np.flip(x, 1), normal(2, 3))
row("flip all", lambda np, x: np.flip(x), normal(2, 3))
row("fliplr, flipud", lambda np, x: np.fliplr(x) * np.flipud(x), normal(2, 3))
row("roll", lambda np, x: np.roll(x, 2), normal(2, 3))
row("roll by axis", lambda np, x: np.roll(x, (1, -2), (0, 1)), normal(2, 3))
row("rot90", lambda np, x: np.rot90(x, 3, (1, 2)), normal(2, 3, 4))
row("tril, triu", lambda np, x: np.tril(x, 1) * 2 + np.triu(x, -1), normal(4, 3))
row("atleast_1d", lambda np, x: np.atleast_1d(x) * 2, normal())
row("atleast_2d", lambda np, x, y: np.atleast_2d(x, y), normal(3), normal())
row("atleast_3d", lambda np, x, y: np.atleast_3d(x, y), normal(3), normal(2, 2))
row("concatenate", lambda np, x, y: np.concatenate([x, np.ones((2, 1)), y], axis=1), normal(2, 3), normal(2, 2))
row("concatenate flat", lambda np, x, y: np.concatenate([x, y], axis=None), normal(2, 3), normal(2))
row("stack", lambda np, x, y: np.stack([x, y, x * y], axis=-1), normal(2, 3), normal(2, 3))
row("stack of numbers", lambda np, x: np.stack([x[1], x[0] * x[1], np.float64(1.0)]), normal(2))
row("vstack", lambda np, x, y: np.vstack([x, y]), normal(3), normal(2, 3))
row("hstack", lambda np, x, y: np.hstack([x, y]), normal(3), normal(2))
row("hstack of matrices", lambda np, x, y: np.hstack([x, y]), normal(3, 1), normal(3, 2))
row("dstack", lambda np, x, y: np.dstack([x, y]), normal(3), normal(1, 3))
row("column_stack", lambda np, x, y: np.column_stack([x, y]), normal(3), normal(3, 2))
row("block", lambda np, x, y: np.block([[x, y], [np.ones((1, 2)), np.zeros((1, 3))]]), normal(2, 2), normal(2, 3))
row("append", lambda np, x, y: np.append(x, y), normal(2, 2), normal(3))
row("split", lambda np, x: [2 * piece for piece in np.split(x, [1, 3], axis=1)], normal(2, 4))
row("array_split", lambda np, x: [2 * piece for piece in np.array_split(x, 3)], normal(4, 2))
row("hsplit, vsplit", lambda np, x: (np.hsplit(x, 2)[1], np.vsplit(x, [1])[0]), normal(2, 4))
row("dsplit", lambda np, x: np.dsplit(x, 2)[1] * 3, normal(1, 2, 4))
if hasattr(np, "unstack"):
    row("unstack", lambda np, x: np.unstack(x, axis=1)[2] * 2, normal(2, 3))
row("unpacking", lambda np, x: (lambda a, b: a * b)(*x), normal(2, 3))
row("tile", lambda np, x: np.tile(x, (2, 1, 3)), normal(2, 3))
row("tile by a number", lambda np, x: np.tile(x, 2), normal(2, 3))
row("repeat", lambda np, x: np.repeat(x, 3, axis=1), normal(2, 3))
row("repeat flat", lambda np, x: np.repeat(x, 2), normal(2, 3))
row("repeat by numbers", lambda np, x: np.repeat(x, fixed([1, 0, 3]), axis=1), normal(2, 3))
row("resize", lambda np, x: np.resize(x, (3, 3)), normal(2, 2))
row("pad", lambda np, x: np.pad(x, ((1, 2), (0, 1))), normal(2, 3))
row("pad with numbers", lambda np, x: np.pad(x, 1, constant_values=3.0), normal(2, 3))
for mode in ["edge", "symmetric", "reflect", "wrap"]:
    row(f"pad {mode}", lambda np, x, mode=mode: np.pad(x, ((1, 2), (0, 1)), mode=mode), normal(3, 3))
row("meshgrid", lambda np, x, y: tuple(np.meshgrid(x, y)), normal(2), normal(3))
row("meshgrid ij", lambda np, x, y: tuple(np.meshgrid(x, y, x, indexing="ij", sparse=True)), normal(2), normal(3))
row("copy", lambda np, x: np.copy(x) * x, normal(3))
row("astype", lambda np, x: x.astype(np.float64) * 2, normal(3))
row("full_like", lambda np, x, c: np.full_like(x, c) * x, normal(2, 3), normal())
row("sliding_window_view", lambda np, x: np.lib.stride_tricks.sliding_window_view(x, 3), normal(5), jax=False)

# ------------------------------------------------------------------ indices

row("x[i]", lambda np, x: x[1] * x[-1], normal(3, 2))
row("x[i, j]", lambda np, x: x[1, 0] * x[0, 1], normal(3, 2))
row("x[a:b:c]", lambda np, x: x[::-1, 1:3], normal(3, 4))
row("x[..., None]", lambda np, x: x[..., None, 0], normal(3, 4))
row("x[array]", lambda np, x: x[fixed([[0, 2], [2, 2]])], normal(3, 2))
row("x[list]", lambda np, x: x[fixed([0, 2])] * x[fixed([-1, 0])], normal(3, 2))
row("x[array, array]", lambda np, x: x[fixed([0, 2, 0]), fixed([1, 1, 1])], normal(3, 2))
row("x[:, array]", lambda np, x: x[:, fixed([1, 1, 0])], normal(3, 2))
row("x[array, :, array]", lambda np, x: x[fixed([0, 1, 1]), :, fixed([1, 0, 0])], normal(3, 2, 2))
row("x[mask]", lambda np, x: x[fixed([True, False, True])], normal(3, 2))
row("x[mask of all]", lambda np, x: x[x > 0] ** 2, apart(3, 2), jax=False)
row("every x[i]", lambda np, x: sum(x[i] * x[(i + 1) % 5] for i in range(5)), normal(5))
row("take", lambda np, x: np.take(x, fixed([[0, 2], [0, 1]]), axis=1), normal(2, 3))
row("take flat", lambda np, x: np.take(x, fixed([5, 0])), normal(2, 3))
row("take wrap", lambda np, x: np.take(x, fixed([-4, 7]), axis=1, mode="wrap"), normal(2, 3))
row("take clip", lambda np, x: np.take(x, fixed([-4, 7]), axis=1, mode="clip"), normal(2, 3))
row("take one", lambda np, x: np.take(x, 1, axis=1), normal(2, 3))
row("take_along_axis", lambda np, x: np.take_along_axis(x, fixed([[0, 0], [2, 1]]), 1), normal(2, 3))
row("compress", lambda np, x: np.compress(fixed([True, False, True]), x, axis=1), normal(2, 3), jax=False)
row("extract", lambda np, x: np.extract(fixed([True, False, True, True]), x), normal(2, 2), jax=False)
row("delete", lambda np, x: np.delete(x, fixed([0, 2]), axis=1), normal(2, 4))
row("insert", lambda np, x, y: np.insert(x, 1, y, axis=1), normal(2, 3), normal(2))
row("diag of a vector", lambda np, x: np.diag(x, 1), normal(3))
row("diag of a matrix", lambda np, x: np.diag(x, -1), normal(3, 4))
row("diagflat", lambda np, x: np.diagflat(x, -1), normal(2, 2))
row("diagonal", lambda np, x: np.diagonal(x, 1, 2, 0), normal(3, 2, 4))
row("linalg.diagonal", lambda np, x: np.linalg.diagonal(x, offset=-1), normal(2, 3, 4))
row("trace", lambda np, x: np.trace(x, 1), normal(3, 4))
row("trace of a stack", lambda np, x: np.trace(x, axis1=2, axis2=0), normal(3, 2, 4))
row("linalg.trace", lambda np, x: np.linalg.trace(x, offset=1), normal(2, 3, 4))
row("sort", lambda np, x: np.sort(x, axis=0) * np.arange(3.0)[:, None], apart(3, 2))
row("sort flat", lambda np, x: np.sort(x, axis=None) * np.arange(6.0), apart(3, 2))
row("partition", lambda np, x: np.partition(x, 2)[..., 2], apart(2, 5))
row("unique", lambda np, x: np.unique(x[fixed([0, 1, 1, 2])]), apart(3), jax=False)
row("unique with counts", lambda np, x: np.unique(x, return_counts=True)[0], apart(2, 2), jax=False)

# ------------------------------------------------------------------ products

row("dot of vectors", lambda np, x, y: np.dot(x, y), normal(3), normal(3))
row("dot of matrices", lambda np, x, y: np.dot(x, y), normal(2, 3), normal(3, 4))
row("dot with a vector", lambda np, x, y: np.dot(x, y), normal(4, 2, 3), normal(3))
row("dot of a vector", lambda np, x, y: np.dot(x, y), normal(3), normal(2, 3, 4))
row("dot of stacks", lambda np, x, y: np.dot(x, y), normal(5, 2, 3), normal(4, 3, 2))
row("dot with a number", lambda np, x, y: np.dot(x, y), normal(3), normal())
row("x.dot", lambda np, x, y: x.dot(y), normal(2, 3), normal(3))
Shapes: TypeAlias = tuple[tuple[int, ...], ...]
MATMULS: list[Shapes] = [
    ((3,), (3,)), ((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)), ((3,), (5, 3, 2)), ((5, 2, 3), (3,)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
]
for shapes in MATMULS:
    row(f"matmul {shapes}", lambda np, x, y: x @ y, *(normal(*shape) for shape in shapes))
row("linalg.matmul", lambda np, x, y: np.linalg.matmul(x, y), normal(2, 3), normal(3, 2))
row("vdot", lambda np, x, y: np.vdot(x, y), normal(2, 3), normal(2, 3))
row("inner", lambda np, x, y: np.inner(x, y), normal(2, 3), normal(4, 3), exact=False)
row("inner with a number", lambda np, x, y: np.inner(x, y), normal(2, 3), normal())
row("outer", lambda np, x, y: np.outer(x, y), normal(2, 2), normal(3))
row("linalg.outer", lambda np, x, y: np.linalg.outer(x, y), normal(2), normal(3))
row("tensordot", lambda np, x, y: np.tensordot(x, y, 2), normal(2, 3, 4), normal(3, 4, 5), exact=False)
row("tensordot 0", lambda np, x, y: np.tensordot(x, y, 0), normal(2), normal(3, 2), exact=False)
row("tensordot of axes", lambda np, x, y: np.tensordot(x, y, ([-1, 0], [1, -1])), normal(2, 3, 4), normal(3, 4, 2),
    exact=False)
row("linalg.tensordot", lambda np, x, y: np.linalg.tensordot(x, y, axes=1), normal(2, 3), normal(3, 2), exact=False)
row("kron", lambda np, x, y: np.kron(x, y), normal(2, 3), normal(4, 2))
row("kron of unlike", lambda np, x, y: np.kron(x, y), normal(2), normal(2, 3))
row("cross", lambda np, x, y: np.cross(x, y), normal(4, 1, 3), normal(2, 3))
row("cross along axes", lambda np, x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0), normal(3, 4), normal(4, 3))
row("cross axis", lambda np, x, y: np.cross(x, y, axis=0), normal(3, 4), normal(3, 4))
row("linalg.cross", lambda np, x, y: np.linalg.cross(x, y), normal(4, 3), normal(4, 3))
row("vecdot", lambda np, x, y: np.vecdot(x, y), normal(4, 1, 3), normal(2, 3), exact=False)
row("vecdot axis", lambda np, x, y: np.vecdot(x, y, axis=0), normal(3, 2), normal(3, 2), exact=False)
row("linalg.vecdot", lambda np, x, y: np.linalg.vecdot(x, y), normal(4, 3), normal(4, 3), exact=False)
row("vecdot z", lambda np, x, y: np.vecdot(x + 1j * y, y - 1j * x * x), normal(2, 3), normal(2, 3), exact=False)
if hasattr(np, "matvec"):
    row("matvec", lambda np, x, y: np.matvec(x, y), normal(4, 2, 3), normal(3), exact=False)
    row("vecmat", lambda np, x, y: np.vecmat(x, y), normal(3), normal(4, 3, 2), exact=False)
    row("vecmat z", lambda np, x, y: np.vecmat(x + 1j * x * x, y), normal(3), normal(3, 2), exact=False)
EINSUMS: dict[str, Shapes] = {
    "ij,jk->ik": ((2, 3), (3, 4)), "ij,jk": ((2, 3), (3, 4)), "bij,bjk->bik": ((5, 2, 3), (5, 3, 4)), "ii->i": ((3,
    3),),
    "ii": ((3, 3),), "ij->ji": ((2, 3),), "ij->": ((2, 3),), "ij->j": ((2, 3),), "i,j->ij": ((2,), (3,)),
    "ij,j,k->ik": ((2, 3), (3,), (4,)), "...ij,...jk->...ik": ((5, 2, 3), (3, 4)), "ij...->j...": ((2, 3, 4),),
    "iij,j->i": ((2, 2, 3), (3,)), "ij,ij->": ((2, 3), (2, 3)), "ij,k->j": ((2, 3), (4,)), "iii->": ((3, 3, 3),),
    "...,...->...": ((2, 1, 3), (4, 1)), "i j , j -> i": ((2, 3), (3,)), ",i->i": ((), (3,)), "ij,jk,kl->il": (
        (2, 3), (3, 4), (4, 2)),
}
for subscripts, shapes in EINSUMS.items():
    row(f"einsum {subscripts}", lambda np, *x, subscripts=subscripts: np.einsum(subscripts, *x),
        *(normal(*shape) for shape in shapes), exact=False)
row("einsum, optimized", lambda np, x, y, z: np.einsum("ij,jk,kl->il", x, y, z, optimize=True), normal(2, 3),
    normal(3, 4),
    normal(4, 2), exact=False)
row("einsum of lists", lambda np, x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), normal(2, 3), normal(3, 4),
    exact=False)
row("einsum of lists, implicit", lambda np, x, y: np.einsum(x, [0, 1], y, [1, 2]), normal(2, 3), normal(3, 4),
    exact=False)
row("einsum z", lambda np, x, y: np.einsum("ij,j->i", x, x[0] + 1j * y), normal(2, 3), normal(3), exact=False)
row("multi_dot", lambda np, x, y, z, w: np.linalg.multi_dot([x, y, z, w]), normal(2, 3), normal(3, 4), normal(4, 2),
    normal(2, 3))
row("multi_dot with vectors", lambda np, x, y, z: np.linalg.multi_dot([x, y, z]), normal(3), normal(3, 4), normal(4))
for n in [-2, 0, 1, 2, 3, 5]:
    row(f"matrix_power {n}", lambda np, x, n=n: np.linalg.matrix_power(x, n) * x, matrix(2, 3, 3))

# ------------------------------------------------------------------ linear algebra

row("inv", lambda np, x: np.linalg.inv(x), matrix(2, 3, 3))
row("tensorinv", lambda np, x: np.linalg.tensorinv(x.reshape((2, 2, 4)), ind=2), matrix(4, 4))
row("solve", lambda np, a, b: np.linalg.solve(a, b), matrix(3, 3), normal(3, 2))
row("solve for a vector", lambda np, a, b: np.linalg.solve(a, b), matrix(3, 3), normal(3))
row("solve a stack", lambda np, a, b: np.linalg.solve(a, b), matrix(2, 3, 3), normal(3, 2))
row("solve a stack for a vector", lambda np, a, b: np.linalg.solve(a, b), matrix(2, 3, 3), normal(3))
row("tensorsolve", lambda np, a, b: np.linalg.tensorsolve(a.reshape((2, 2, 4)), b), matrix(4, 4), normal(2, 2))
row("det", lambda np, x: np.linalg.det(x), matrix(2, 3, 3))
row("det of a singular matrix", lambda np, x: np.linalg.det(x * fixed([1.0, 1.0, 0.0]) + 0 * x), matrix(3, 3), order=1,
    jax=False)
row("slogdet", lambda np, x: np.linalg.slogdet(x)[1], matrix(2, 3, 3))
row("slogdet z", lambda np, x, y: tuple(np.linalg.slogdet(x + 1j * y)), matrix(3, 3), normal(3, 3), exact=False)
row("det z", lambda np, x, y: np.linalg.det(x + 1j * y), matrix(3, 3), normal(3, 3))
row("inv z", lambda np, x, y: np.linalg.inv(x + 1j * y), matrix(3, 3), normal(3, 3))
row("solve z", lambda np, x, y: np.linalg.solve(x, y[0] + 1j * y[1]), matrix(3, 3), normal(2, 3))
row("cholesky", lambda np, x: np.linalg.cholesky(_definite(np, x)), normal(2, 3, 3))
row("cholesky, upper", lambda np, x: np.linalg.cholesky(_definite(np, x), upper=True), normal(3, 3))
row("cholesky z", lambda np, x, y: np.linalg.cholesky(_definite(np, x + 1j * y)), normal(3, 3), normal(3, 3))
row("eigh", lambda np, x: (np.linalg.eigh(x + x.mT)[0], np.linalg.eigh(x + x.mT)[1] ** 2), normal(2, 3, 3))
row("eigh z", lambda np, x, y: (lambda w, v: (w, v @ np.conj(v.T * np.exp(w)[:, None])))(
    *np.linalg.eigh(_definite(np, x + 1j * y))), normal(3, 3), normal(3, 3), jax=False)
row("eigvalsh", lambda np, x: np.linalg.eigvalsh(x + x.mT), normal(2, 3, 3))
row("eigvals", lambda np, x: np.sum(np.linalg.eigvals(x) ** 3), normal(4, 4), jax=False)
row("eig", lambda np, x: (lambda w, v: (w * w, v * v))(*np.linalg.eig(x)), normal(4, 4), jax=False)
row("eig with real eigenvalues", lambda np, x: (lambda w, v: (w * w, v * v))(
    *np.linalg.eig(0.2 * x + np.diag(fixed([1.0, 2.0, 4.0])))), normal(2, 3, 3), jax=False)
row("eig z", lambda np, x, y: (lambda w, v: (w * w, v * v))(*np.linalg.eig(x + 1j * y)), normal(3, 3), normal(3, 3),
    jax=False)
row("svd", lambda np, x: (lambda u, s, vh: (u[:, :1] * vh[:1], s))(*np.linalg.svd(x, full_matrices=False)), normal(3,
    3))
row("svd of tall", lambda np, x: (lambda u, s, vh: (u @ np.diag(np.exp(s)) @ vh, s))(
    *np.linalg.svd(x, full_matrices=False)), normal(4, 3))
row("svd of wide", lambda np, x: (lambda u, s, vh: (u @ np.diag(np.exp(s)) @ vh, s))(
    *np.linalg.svd(x, full_matrices=False)), normal(2, 4))
row("svd of a stack", lambda np, x: np.abs(np.linalg.svd(x)[2]), normal(2, 3, 3))
row("svd z", lambda np, x, y: (lambda u, s, vh: (u * np.exp(s)) @ vh)(
    *np.linalg.svd(x + 1j * y, full_matrices=False)), normal(3, 2), normal(3, 2), jax=False)
row("svdvals", lambda np, x: np.linalg.svdvals(x), normal(2, 3, 4))
row("singular values", lambda np, x: np.linalg.svd(x, compute_uv=False), normal(3, 4))
row("pinv of tall", lambda np, x: np.linalg.pinv(x), normal(4, 2))
row("pinv of wide", lambda np, x: np.linalg.pinv(x), normal(2, 2, 4))
row("lstsq", lambda np, a, b: np.linalg.lstsq(a, b, rcond=None)[0], normal(4, 2), normal(4, 3))
row("lstsq for a vector", lambda np, a, b: (lambda x, r, _, s: (x, r, s))(*np.linalg.lstsq(a, b)), normal(4, 2),
    normal(4),
    exact=False)
row("qr", lambda np, x: tuple(np.linalg.qr(x)), normal(4, 3))
row("qr of square", lambda np, x: tuple(np.linalg.qr(x)), normal(2, 3, 3))
row("qr of wide", lambda np, x: tuple(np.linalg.qr(x)), normal(2, 4), exact=False, jax=False)
row("qr, r", lambda np, x: np.linalg.qr(x, mode="r"), normal(4, 3), jax=False)
row("cond", lambda np, x: np.linalg.cond(x + np.diag(fixed([0.0, 2.0, 4.0]))), matrix(2, 3, 3))
row("cond 1", lambda np, x: np.linalg.cond(x, 1), matrix(3, 3), exact=False)

# ------------------------------------------------------------------ Fourier transforms and convolutions

Options = dict[str, Any]
FORWARD: list[Options] = [{}, {"n": 3}, {"n": 8, "axis": 0, "norm": "ortho"}, {"norm": "forward"}]
BACKWARD: list[Options] = [{}, {"n": 1}, {"n": 5}, {"n": 12}, {"n": 6, "axis": 0, "norm": "ortho"}, {"norm": "forward"}]

for name in ["fft", "ifft", "rfft", "ihfft"]:
    for options in FORWARD:
        row(f"{name} {options}", lambda np, x, name=name, options=options: getattr(np.fft, name)(x, **options),
            normal(4, 5))
for name in ["irfft", "hfft"]:
    for options in BACKWARD:
        row(f"{name} {options}", lambda np, x, y, name=name, options=options: getattr(np.fft, name)(x + 1j * y,
            **options),
            normal(4, 5), normal(4, 5))
for name in ["fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn"]:
    for options in [EMPTY, {"s": (3, 4), "axes": (0, 2)}]:
        row(f"{name} {options}", lambda np, x, name=name, options=options: getattr(np.fft, name)(x, **options),
            normal(2, 3, 4), exact=name != "rfftn" or NUMPY_2_2)
for name in ["irfft2", "irfftn"]:
    for options in [EMPTY, {"s": (3, 5), "axes": (0, 2)}]:
        row(f"{name} {options}", lambda np, x, y, name=name, options=options: getattr(np.fft, name)(x + 1j * y,
            **options),
            normal(2, 3, 4), normal(2, 3, 4))
row("fft there and back", lambda np, x: np.fft.irfft(np.fft.rfft(x) ** 2, 6), normal(6))
row("power spectrum", lambda np, x: np.abs(np.fft.fft(x)) ** 2, normal(6))
row("fftshift", lambda np, x: np.fft.fftshift(x) * np.fft.ifftshift(x, 0), normal(3, 4))
for mode in ["full", "same", "valid"]:
    for lengths in [(5, 3), (2, 5), (4, 4)]:
        row(f"convolve {mode} {lengths}", lambda np, x, y, mode=mode: np.convolve(x, y, mode),
            *(normal(n) for n in lengths), exact=False)
        row(f"correlate {mode} {lengths}", lambda np, x, y, mode=mode: np.correlate(x, y, mode),
            *(normal(n) for n in lengths), exact=False)
row("correlate z", lambda np, x, y: np.correlate(x + 1j * x * x, y - 2j * y, "full"), normal(4), normal(3), exact=False)

# ------------------------------------------------------------------ curves

row("interp", lambda np, x, fp: np.interp(x, fixed([0.0, 1.0, 3.0, 4.0]), fp), given(-1.0, 0.4, 2.2, 3.7, 9.0),
    normal(4),
    exact=False)
row("interp in all", lambda np, x, xp, fp: np.interp(x, xp, fp, left=1.0, right=-1.0), given(0.1, 0.4, 2.2, 3.7, 9.0),
    given(0.2, 1.0, 3.0, 4.0), normal(4), exact=False)
row("interp with a period", lambda np, x, fp: np.interp(x, fixed([0.0, 1.0, 3.0, 4.0]), fp, period=5.0),
    given(-1.3, 0.4, 2.2, 4.7, 9.1), normal(4), exact=False)
row("diff", lambda np, x: np.diff(x), normal(3, 4))
row("diff twice", lambda np, x: np.diff(x, 2, axis=0), normal(4, 2))
row("diff with ends", lambda np, x, y: np.diff(x, prepend=y, append=2.0), normal(2, 3), normal())
row("ediff1d", lambda np, x, y: np.ediff1d(x, y, 0.5), normal(4), normal(2))
row("trapezoid", lambda np, y, x: np.trapezoid(y, x, axis=0), normal(4, 2), given([0.0, 0.5], [1.0, 2.0], [3.0, 3.5],
    [4.0, 5.0]))
row("trapezoid dx", lambda np, y: np.trapezoid(y, dx=0.5), normal(2, 4))
row("trapezoid of a line", lambda np, y, x: np.trapezoid(y, x), normal(2, 4), normal(4))
row("gradient", lambda np, x: np.gradient(x), normal(4))
row("gradient of a plane", lambda np, x: tuple(np.gradient(x, 0.5, 2.0)), normal(3, 4))
row("gradient along axis", lambda np, x: np.gradient(x, 0.5, axis=1), normal(3, 4))
row("gradient at points", lambda np, x: np.gradient(x, fixed([0.0, 1.0, 3.0, 4.5, 5.0])), normal(5), jax=False,
    exact=False)
row("gradient, edge_order 2", lambda np, x: np.gradient(x, 0.5, edge_order=2), normal(5), jax=False, exact=False)
row("gradient at points, edge_order 2", lambda np, x: np.gradient(x, fixed([0.0, 1.0, 3.0, 4.5, 5.0]), edge_order=2),
    normal(5), jax=False, exact=False)
row("unwrap", lambda np, x: np.unwrap(4 * x), apart(5))
row("linspace", lambda np, x, y: np.linspace(x, y, 5), normal(2), normal(2), exact=False)
row("linspace, open", lambda np, x: np.linspace(0.0, x, 4, endpoint=False), normal(), exact=False)
row("logspace", lambda np, x, y: np.logspace(x, y, 3), normal(), normal(), exact=False)
row("geomspace", lambda np, x, y: np.geomspace(x, y, 4), positive(), positive(), exact=False)
row("polyval", lambda np, p, x: np.polyval(p, x), normal(4), normal(3))
row("vander", lambda np, x: np.vander(x, 4), normal(3), exact=False)
row("vander, increasing", lambda np, x: np.vander(x, increasing=True), normal(3), exact=False)

# ------------------------------------------------------------------ SciPy's functions, where SciPy is


def namespaces(np: Any) -> tuple[Any, Any]:
    """(special, linalg) that go with a namespace."""
    if np.__name__ == "numpy":
        import funcnn.scipy

        return funcnn.scipy.special, funcnn.scipy.linalg
    import jax.scipy

    return jax.scipy.special, jax.scipy.linalg


def special(names: str, *makers: Maker, before: tuple[Any, ...] = (), **laws: Any) -> None:
    """A row for special functions of the same arguments, of constants first."""
    row(f"scipy {names}", lambda np, *x: tuple([getattr(namespaces(np)[0], name)(*before, *x)
                                                for name in names.split()]), *makers, **laws)


def linalg(title: str, f: Callable[..., Any], *makers: Maker, **laws: Any) -> None:
    """A row for a function of (np, scipy.linalg, *arrays)."""
    row(title, lambda np, *x: f(np, namespaces(np)[1], *x), *makers, **laws)


def rows_of_scipy() -> None:
    """Functions of the same arguments share a row, each with weights of its own; JAX takes seconds for some."""
    special("erf erfc erfcx dawsn ndtr log_ndtr expit i0 i1 i0e i1e", given(-1.4, -0.3, 0.2, 1.9))
    special("erfi log_expit j0 j1 exp2 exp10 expm1 cosm1", given(-1.4, -0.3, 0.2, 1.9), jax=False)
    special("gammaln digamma entr", positive(3, 2))
    special("gamma loggamma rgamma expi exp1 y0 y1 k0 k1 k0e k1e log1p cbrt", positive(4), jax=False)
    special("logit ndtri erfinv", between(0.1, 0.9, 3, 2))
    special("erfcinv", between(0.3, 1.7, 4), jax=False)
    special("ndtri_exp", between(-3.0, -0.1, 4), jax=False)
    special("xlogy xlog1py rel_entr kl_div", positive(3, 1), positive(4))
    special("huber pseudo_huber", given(1.0, 2.0, 3.0), given(-4.0, 0.5, 1.5), jax=False)
    special("beta betaln poch binom", positive(3, 1), positive(4), jax=False)
    special("gammainc gammaincc", positive(4), before=(fixed([0.7, 1.0, 2.0, 3.5]),))
    special("betainc", between(0.1, 0.9, 4), before=(fixed([0.7, 1.0, 2.0, 3.5]), 1.5))
    special("betaincc", between(0.1, 0.9, 4), before=(fixed([0.7, 1.0, 2.0, 3.5]), 1.5), jax=False)
    special("jv yn yv iv ive kn kv kve zeta", positive(4), before=(2,), jax=False)
    special("polygamma", positive(4), before=(fixed([0, 1, 2, 3]),))
    row("scipy multigammaln", lambda np, a: namespaces(np)[0].multigammaln(a + 1, 3), positive(4))
    row("scipy logsumexp", lambda np, a: tuple([namespaces(np)[0].logsumexp(a, **options) for options in (
        EMPTY, {"axis": 1}, {"axis": (0, -1), "keepdims": True})]), normal(2, 3, 4))
    row("scipy logsumexp with weights", lambda np, a, b: namespaces(np)[0].logsumexp(a, axis=-1, b=b), normal(2, 3),
        positive(3))
    row("scipy logsumexp with signs", lambda np, a, b: namespaces(np)[0].logsumexp(a, b=b, return_sign=True),
        normal(2, 3), normal(2, 3))
    special("softmax log_softmax", normal(2, 3))
    row("scipy softmax along an axis", lambda np, x: tuple([f(x, axis=-1) for f in (
        namespaces(np)[0].softmax, namespaces(np)[0].log_softmax)]), normal(2, 3))

    linalg("solve_triangular", lambda np, la, a, b: tuple([la.solve_triangular(a, b, trans=trans, lower=lower)
           for trans in (0, 1) for lower in (False, True)]), matrix(3, 3), normal(3, 2))
    linalg("solve_triangular for a vector", lambda np, la, a, b: la.solve_triangular(a, b, unit_diagonal=True),
           matrix(3, 3), normal(3))
    linalg("solve_triangular of stacks", lambda np, la, a, b: la.solve_triangular(a, b, trans="T", lower=True),
           matrix(2, 3, 3), normal(2, 3, 2), jax=False)
    linalg("solve_triangular z", lambda np, la, a, b: (la.solve_triangular(a + 1j * a.T, b, trans="C"),
           la.solve_triangular(a + 1j * a.T, b + 2j * b, trans="T", lower=True)), matrix(3, 3), normal(3, 2))
    linalg("cho_factor", lambda np, la, a: (la.cho_factor(_definite(np, a), lower=True)[0],
           la.cho_factor(_definite(np, a))[0]), matrix(3, 3), jax=False)
    linalg("cho_solve", lambda np, la, c, b: (la.cho_solve((c, False), b), la.cho_solve((c, True), b)), matrix(3, 3),
           normal(3, 2))
    linalg("cho_solve z", lambda np, la, c, b: tuple([la.cho_solve((c + 1j * c.T, lower), b - 1j)
           for lower in (False, True)]), matrix(3, 3), normal(3), jax=False)
    linalg("cho_solve for a vector", lambda np, la, a, b: la.cho_solve(la.cho_factor(_definite(np, a)), b),
           matrix(3, 3), normal(3))
    linalg("expm", lambda np, la, a: la.expm(a), normal(2, 3, 3), jax=False)
    linalg("expm z", lambda np, la, a, b: la.expm(a + 1j * b), normal(2, 2), normal(2, 2), jax=False)
    linalg("solve_sylvester", lambda np, la, a, b, q: la.solve_sylvester(a, b, q), matrix(3, 3), matrix(2, 2),
           normal(3, 2), jax=False)
    linalg("sqrtm", lambda np, la, a: la.sqrtm(_definite(np, a)), matrix(3, 3), jax=False)


try:
    import scipy.special  # noqa: F401
except ImportError:
    pass
else:
    rows_of_scipy()
