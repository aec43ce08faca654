"""What is a draw from a key of JAX? That of `jax.random` with the same name, whose numbers are those of ours.

A key is two words, as funcnn has it, or a typed one (`jax.random.key`), and so are the keys made of it. What is known
of the other arguments is checked as always.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from funcnn import random
from funcnn._arguments import described
from funcnn.jax.lifting import TABLE
from funcnn.layers.noise import draw_mask, rounded
from funcnn.random import checks, choosing

__all__: list[str] = []


def _typed(owner: str, key: Any) -> Any:
    """A key as JAX types it."""
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ():
        return key
    if key.dtype != np.uint32 or key.shape != (2,):
        raise TypeError(f"{owner}: key must be one key, uint32[2] or a jax.random.key, got {described(key)}. Index "
                        "several, or map over them with vmap")
    return jax.random.wrap_key_data(key, impl="threefry2x32")


def _like(key: Any, new: Any) -> Any:
    """New keys, typed if the one is that they come from."""
    return new if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else jax.random.key_data(new)


def _kind(function: str, dtype: Any, *allowed: str) -> np.dtype[Any]:
    """The dtype of a draw; one of 64 bits is not cut down in silence."""
    kind = checks.dtype_of(function, dtype, *allowed)
    _check_kind(function, kind)
    return kind


def _check_kind(function: str, kind: np.dtype[Any]) -> None:
    if jax.dtypes.canonicalize_dtype(kind) != kind:
        raise TypeError(f"random.{function}: {kind} under JAX needs jax.config.update('jax_enable_x64', True); or take "
                        "32 bits")


def _known(*values: Any) -> bool:
    return not any(isinstance(x, jax.Array) for x in values)


def _floats(function: str, name: str, x: Any, kind: Any = None, kinds: str = "iuf") -> Any:
    """Numbers as `checks.floats` has them: by default float64 for a float64 array, float32 for all else."""
    if _known(x):
        values = checks.floats(function, name, x, kind, kinds)
        _check_kind(function, values.dtype)
        return values
    return x.astype(kind or (np.float64 if x.dtype == np.float64 and not x.weak_type else np.float32))


# ---------------------------------------------------------------------------------------------------- keys


def _key(seed: Any) -> Any:
    if not jnp.issubdtype(seed.dtype, np.integer) or seed.shape != ():
        raise TypeError(f"random.key: seed must be an int, got {described(seed)}")
    high = seed >> 32 if seed.dtype.itemsize == 8 else jnp.where(seed < 0, np.uint32(0xFFFFFFFF), np.uint32(0))
    return jnp.stack([high.astype(np.uint32), seed.astype(np.uint32)])


def _split(key: Any, num: Any = 2) -> Any:
    return _like(key, jax.random.split(_typed("random.split", key), checks.shape_of("split", num, "num")))


def _fold_in(key: Any, data: Any) -> Any:
    data = checks.word(data) if _known(data) else data
    return _like(key, jax.random.fold_in(_typed("random.fold_in", key), data))


# --------------------------------------------------------------------------------------------------- draws


def _bits(key: Any, shape: Any = (), dtype: Any = np.uint32) -> Any:
    kind = _kind("bits", dtype, "uint32", "uint8", "uint16", "uint64")
    return jax.random.bits(_typed("random.bits", key), checks.shape_of("bits", shape), kind)


def _uniform(key: Any, shape: Any = (), dtype: Any = np.float32, minval: Any = 0.0, maxval: Any = 1.0) -> Any:
    kind = _kind("uniform", dtype, "float32", "float64")
    low, high = _floats("uniform", "minval", minval, kind), _floats("uniform", "maxval", maxval, kind)
    size = checks.fit("uniform", shape, minval=low, maxval=high)
    if _known(low, high):
        checks.uniform_bounds(low, high)
    return jax.random.uniform(_typed("random.uniform", key), size, kind, low, high)


def _bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    chance = _floats("bernoulli", "p", p)
    if _known(chance):
        checks.require("bernoulli", (chance >= 0) & (chance <= 1), "a probability, 0 <= p <= 1", p=chance)
    return jax.random.bernoulli(_typed("random.bernoulli", key), chance, checks.fit("bernoulli", shape, p=chance))


def _randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = np.int32) -> Any:
    kind = _kind("randint", dtype, "int32", "int8", "int16", "int64", "uint8", "uint16", "uint32", "uint64")
    if _known(minval, maxval):
        minval, maxval = checks.integers("minval", minval), checks.integers("maxval", maxval)
        checks.integer_bounds(minval, maxval, kind)
    size = checks.fit("randint", shape, minval=minval, maxval=maxval)
    return jax.random.randint(_typed("random.randint", key), size, minval, maxval, kind)


def _of_shape(name: str) -> Callable[..., Any]:
    """A draw whose arguments are a shape and a dtype."""
    def draw(key: Any, shape: Any = (), dtype: Any = np.float32) -> Any:
        kind = _kind(name, dtype, "float32", "float64")
        return getattr(jax.random, name)(_typed(f"random.{name}", key), checks.shape_of(name, shape), kind)

    return draw


def _truncated_normal(key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = np.float32) -> Any:
    kind = _kind("truncated_normal", dtype, "float32", "float64")
    low, high = _floats("truncated_normal", "lower", lower, kind), _floats("truncated_normal", "upper", upper, kind)
    size = checks.fit("truncated_normal", shape, lower=low, upper=high)
    if _known(low, high):
        checks.require("truncated_normal", low < high, "in order, lower < upper", lower=low, upper=high)
    return jax.random.truncated_normal(_typed("random.truncated_normal", key), low, high, size, kind)


def _rademacher(key: Any, shape: Any = (), dtype: Any = np.int32) -> Any:
    """As JAX draws them where numbers have 32 bits; with 64 its own are others."""
    kind = np.dtype(dtype)
    _check_kind("rademacher", kind)
    size = checks.shape_of("rademacher", shape)
    heads = jax.random.bernoulli(_typed("random.rademacher", key), np.float32(0.5), size)
    return (2 * heads - 1).astype(kind)


def _as_it_is(name: str) -> Callable[..., Any]:
    """A draw that `jax.random` makes by the same name, of the same arguments; our defaults hold."""
    own = inspect.signature(getattr(random, name).__wrapped__)

    def draw(*args: Any, **options: Any) -> Any:
        given = own.bind(*args, **options)
        given.apply_defaults()
        key, *rest = given.arguments.values()
        values = dict(zip(list(given.arguments)[1:], rest, strict=True))
        if values["shape"] is not None:
            values["shape"] = checks.shape_of(name, values["shape"])
        _check_kind(name, np.dtype(values["dtype"]))
        return getattr(jax.random, name)(_typed(f"random.{name}", key), **values)

    return draw


# ------------------------------------------------------------------------------------------------- choosing


def _permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Any:
    typed = _typed("random.permutation", key)
    values = checks.population("permutation", "x", x) if _known(x) else x
    if isinstance(values, int):
        return jax.random.permutation(typed, values).astype(choosing.index_dtype(values))
    along = checks.axis_of("permutation", axis, values.ndim)
    return jax.random.permutation(typed, values, along, independent=independent)


def _choice(key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0) -> Any:
    typed, size = _typed("random.choice", key), checks.shape_of("choice", shape)
    values = checks.population("choice", "a", a) if _known(a) else a
    along = 0 if isinstance(values, int) else checks.axis_of("choice", axis, values.ndim)
    n = values if isinstance(values, int) else values.shape[along]
    draws = math.prod(size)
    checks.supply(n, draws, replace)
    index = _index(typed, n, draws, replace, p).reshape(size)
    return index.astype(choosing.index_dtype(n)) if isinstance(values, int) else jnp.take(values, index, along)


def _index(key: Any, n: int, draws: int, replace: bool, p: Any) -> Any:
    """So many indices below n, as `choosing.evenly` and `choosing.weighted` draw them."""
    if p is not None:
        chance = _floats("choice", "p", p)
        if _known(p):
            checks.chances(p, n, draws, replace)
        return jax.random.choice(key, n, (draws,), replace, chance)
    if replace:
        return jax.random.randint(key, (draws,), 0, n, choosing.index_dtype(n))
    return jax.random.permutation(key, n)[:draws]


def _categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None) -> Any:
    scores = _floats("categorical", "logits", logits, kinds="f")
    along = checks.axis_of("categorical", axis, scores.ndim)
    if _known(scores):
        checks.logits_along(scores, along)
    size = checks.fit("categorical", shape, **{"logits without their axis": jax.eval_shape(
        lambda z: jnp.take(z, 0, along), scores)})
    return jax.random.categorical(_typed("random.categorical", key), scores, along, size).astype(np.int32)


def _mask(key: Any, drop_rate: float, shape: Any) -> Any:
    """Of the same law as the mask of `dropout` in NumPy."""
    return jax.random.bits(_typed("dropout", key), shape, np.uint16) >= int(rounded(drop_rate) * 2**16)


_DRAWS = {
    "key": _key, "split": _split, "fold_in": _fold_in, "bits": _bits, "uniform": _uniform, "bernoulli": _bernoulli,
    "randint": _randint, "truncated_normal": _truncated_normal, "permutation": _permutation, "choice": _choice,
    "categorical": _categorical,
    **{name: _of_shape(name) for name in ("normal", "exponential", "gumbel", "laplace", "logistic")},
    **{name: _as_it_is(name) for name in ("gamma", "beta", "dirichlet", "t", "ball", "poisson")},
    "rademacher": _rademacher,
}

TABLE.update({getattr(random, name).__wrapped__: draw for name, draw in _DRAWS.items()})
TABLE[draw_mask] = _mask
