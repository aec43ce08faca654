"""How weights begin: `he_normal`, `glorot_uniform`, `orthogonal`, `zeros`.

An initializer is a function `(key, shape, dtype) -> array`. Those with settings are a `partial` of a function that
takes the settings first, so that they pickle by them. The weights of a layer with n inputs must have a variance near
1/n for its outputs to be about as large as its inputs; `variance_scaling` does that, and the names made from it differ
in the factor and in which n they take: lecun for linear, tanh and selu layers, glorot for tanh and sigmoid, he for
relu. Names, defaults and numbers are those of `jax.nn.initializers`: bit for bit where the draws are
(uniform), within a few ulp else. There are no `in_axis` and `out_axis`, and the dtype is given last, not first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from funcnn import random
from funcnn._arguments import described, one_of, real_number
from funcnn._arrays import readonly
from funcnn._later import later
from funcnn.core.elsewhere import lifting
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import Array, Key, Shape

if TYPE_CHECKING:
    from funcnn.typing import DTypeLike

__all__ = [
    "Initializer", "constant", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal",
    "lecun_uniform", "normal", "ones", "orthogonal", "truncated_normal", "uniform", "variance_scaling", "zeros",
]


class Initializer(Protocol):
    """Draws the first values of a parameter."""

    def __call__(self, key: Key, shape: Shape, dtype: DTypeLike = ..., /) -> Array:
        """An array of this shape and dtype."""
        ...


def together(owner: str, shapes: Mapping[str, Shape], **initializers: Initializer) -> Callable[[Key], Any]:
    """The `init` of a layer: it draws parameters of these shapes, of one dtype, each by its own initializer.

    >>> together("dense", {"w": (2, 3), "b": (3,)}, w=he_normal(), b=zeros)(random.key(0))
    FrozenDict({'w': float32[2, 3], 'b': float32[3]})
    >>> together("dense", {"w": (2, 3)}, w=he_normal)
    Traceback (most recent call last):
    ...
    TypeError: dense: w_init is the function he_normal, which makes an initializer; call it: w_init=he_normal()
    """
    for name, initializer in initializers.items():
        _check_initializer(f"{owner}: {name}_init", initializer)

    def init(key: Key) -> FrozenDict[str, Array]:
        if (lift := lifting((key,))) is not None:
            params: FrozenDict[str, Array] = lift(init)(key)
            return params
        keys = random.split(key, len(shapes)) if len(shapes) > 1 else [key]
        drawn = {name: _drawn(f"{owner}: {name}_init", initializers[name], own_key, shapes[name])
                 for own_key, name in zip(keys, shapes, strict=True)}
        _check_dtypes(owner, drawn)
        return FrozenDict(drawn)

    return init


def _check_initializer(argument: str, value: Any) -> None:
    if not callable(value):
        raise TypeError(f"{argument} must be an initializer, such as he_normal(), got {described(value)}; for one "
                        "number, constant(...)")
    if getattr(value, "__annotations__", {}).get("return") == "Initializer":
        raise TypeError(f"{argument} is the function {value.__name__}, which makes an initializer; call it: "
                        f"{argument.rpartition(' ')[2]}={value.__name__}()")


def _drawn(argument: str, initializer: Initializer, key: Key, shape: Shape) -> Array:
    array = initializer(key, shape)
    if getattr(array, "shape", None) != shape:
        raise ValueError(f"{argument} was asked for an array of shape {shape} and gave {described(array)}")
    return array


def _check_dtypes(owner: str, drawn: Mapping[str, Array]) -> None:
    first, *others = drawn
    for name in (first, *others):
        if drawn[name].dtype.kind in "biuc":
            raise TypeError(f"{owner}: {name}_init gave {drawn[name].dtype}; parameters are floating-point numbers")
        if drawn[name].dtype != drawn[first].dtype:
            raise TypeError(f"{owner}: {first}_init gave {drawn[first].dtype} and {name}_init {drawn[name].dtype}; all "
                            "parameters need one dtype")


# ------------------------------------------------------------------------------------------------ constants


def zeros(key: Key, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
    """All 0: how biases begin.

    It is an initializer itself: `key` is not looked at, `shape` and `dtype` are those of the result.

    >>> zeros(random.key(0), (3,))
    array([0., 0., 0.], dtype=float32)
    """
    return readonly(np.zeros(shape, dtype))


def ones(key: Key, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
    """All 1: how scales begin.

    It is an initializer itself: `key` is not looked at, `shape` and `dtype` are those of the result.

    >>> ones(random.key(0), (3,))
    array([1., 1., 1.], dtype=float32)
    """
    return readonly(np.ones(shape, dtype))


def constant(value: float) -> Initializer:
    """All one `value`, a number.

    >>> constant(0.01)(random.key(0), (3,))
    array([0.01, 0.01, 0.01], dtype=float32)
    """
    return partial(_constant, value)


def _constant(value: float, key: Key, shape: Shape, dtype: DTypeLike = np.float32, /) -> Array:
    return readonly(np.full(shape, value, dtype))


# --------------------------------------------------------------------------------------- one spread for any shape


def uniform(scale: float = 0.01) -> Initializer:
    """Uniform from 0 up to `scale`: not around 0, as in JAX.

    >>> uniform(0.5)(random.key(0), (3,))
    array([0.4738335 , 0.48928994, 0.16614574], dtype=float32)
    """
    scale = real_number("uniform", "scale", scale, "[0, inf)")
    return partial(_drawn_times, random.uniform, scale)


def normal(stddev: float = 0.01) -> Initializer:
    """Normal of mean 0 and standard deviation `stddev`.

    >>> normal(0.1)(random.key(0), (3,))
    array([ 0.16226421,  0.20252648, -0.04335944], dtype=float32)
    """
    stddev = real_number("normal", "stddev", stddev, "[0, inf)")
    return partial(_drawn_times, random.normal, stddev)


def truncated_normal(stddev: float = 0.01, *, lower: float = -2.0, upper: float = 2.0) -> Initializer:
    """Normal of mean 0, cut at `lower` and `upper` standard deviations; `stddev` is that before the cut.

    >>> truncated_normal(0.1)(random.key(0), (3,))
    array([ 0.14559592,  0.17147487, -0.04126754], dtype=float32)
    """
    stddev = real_number("truncated_normal", "stddev", stddev, "[0, inf)")
    return partial(_drawn_times, partial(_cut_normal, lower, upper), stddev)


def _cut_normal(lower: float, upper: float, key: Key, shape: Shape, dtype: DTypeLike) -> Array:
    return random.truncated_normal(key, lower, upper, shape, dtype)


def _drawn_times(draw: Callable[..., Any], factor: float, key: Key, shape: Shape, dtype: DTypeLike = np.float32,
                 /) -> Array:
    return _scaled(draw(key, shape, dtype), factor)


def _scaled(drawn: Any, factor: float) -> Array:
    """The numbers times a factor of their own dtype, as JAX rounds them."""
    array: Array = readonly(np.multiply(drawn, drawn.dtype.type(factor), order="C"))
    return array


# --------------------------------------------------------------------------------- a spread that fits the shape


def variance_scaling(scale: float, mode: Literal["fan_in", "fan_out", "fan_avg", "fan_geo_avg"],
                     distribution: Literal["truncated_normal", "normal", "uniform"]) -> Initializer:
    """An initializer of mean 0 and variance `scale / n`, n being the number of inputs, outputs or their mean.

    The last axis of the shape counts the outputs, the one before it the inputs; further axes in front, those of a
    convolution's window, multiply both. `mode` says what n is: "fan_in", "fan_out", "fan_avg" or "fan_geo_avg".
    `distribution` is "uniform", "normal" or "truncated_normal", which is cut at two standard deviations and widened so
    that its variance is the one asked for.

    >>> variance_scaling(1.0, "fan_in", "uniform")(random.key(0), (1, 2))
    array([[1.550764 , 1.6578493]], dtype=float32)

    As `jax.nn.initializers.variance_scaling`; the fans as in He et al. 2015 (arXiv:1502.01852).
    """
    scale = real_number("variance_scaling", "scale", scale, "(0, inf)")
    one_of("variance_scaling", "mode", mode, _FANS)
    one_of("variance_scaling", "distribution", distribution, _DRAWS)
    return partial(_of_variance, scale, mode, distribution)


def _of_variance(scale: float, mode: str, distribution: str, key: Key, shape: Shape, dtype: DTypeLike = np.float32,
                 /) -> Array:
    variance = np.asarray(scale / max(1.0, _fan(shape, mode)), dtype)
    return _scaled(*_DRAWS[distribution](key, shape, dtype, variance))


def _fan(shape: Shape, mode: str) -> float:
    if len(shape) < 2:
        raise ValueError(f"variance_scaling: shape {shape} has no inputs and outputs; it needs two axes or more")
    window = math.prod(shape[:-2])
    return _FANS[mode](window * shape[-2], window * shape[-1])


_FANS: dict[str, Callable[[int, int], float]] = {
    "fan_in": lambda inputs, outputs: inputs,
    "fan_out": lambda inputs, outputs: outputs,
    "fan_avg": lambda inputs, outputs: (inputs + outputs) / 2,
    "fan_geo_avg": lambda inputs, outputs: math.sqrt(inputs * outputs),
}

_CUT_NORMAL_STD = 0.87962566103423978
"""The standard deviation of a normal variable cut at -2 and 2."""

_DRAWS: dict[str, Any] = {
    "truncated_normal": lambda key, shape, dtype, variance: (
        random.truncated_normal(key, -2.0, 2.0, shape, dtype), np.sqrt(variance) / _CUT_NORMAL_STD),
    "normal": lambda key, shape, dtype, variance: (
        random.normal(key, shape, dtype), np.sqrt(variance)),
    "uniform": lambda key, shape, dtype, variance: (
        random.uniform(key, shape, dtype, -1.0, 1.0), np.sqrt(3 * variance)),
}
"""Numbers of a distribution, and the factor that gives them a variance."""


def lecun_normal() -> Initializer:
    """Truncated normal of variance 1 / inputs: for linear, tanh and selu layers.

    >>> lecun_normal()(random.key(0), (100, 100)).shape
    (100, 100)

    LeCun et al., Efficient BackProp, 1998.
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal")


def lecun_uniform() -> Initializer:
    """Uniform of variance 1 / inputs.

    >>> bool(abs(lecun_uniform()(random.key(0), (3, 100))).max() <= 1.0)
    True
    """
    return variance_scaling(1.0, "fan_in", "uniform")


def glorot_normal() -> Initializer:
    """Truncated normal of variance 2 / (inputs + outputs): for tanh and sigmoid layers.

    >>> glorot_normal()(random.key(0), (2, 3)).dtype
    dtype('float32')

    Glorot & Bengio 2010.
    """
    return variance_scaling(1.0, "fan_avg", "truncated_normal")


def glorot_uniform() -> Initializer:
    """Uniform of variance 2 / (inputs + outputs).

    >>> bool(abs(glorot_uniform()(random.key(0), (3, 3))).max() <= 1.0)
    True

    Glorot & Bengio 2010.
    """
    return variance_scaling(1.0, "fan_avg", "uniform")


def he_normal() -> Initializer:
    """Truncated normal of variance 2 / inputs: for relu layers, which let half of the variance through.

    >>> he_normal()(random.key(0), (2, 3), np.float64).dtype
    dtype('float64')

    He et al. 2015 (arXiv:1502.01852).
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal")


def he_uniform() -> Initializer:
    """Uniform of variance 2 / inputs.

    >>> bool(abs(he_uniform()(random.key(0), (6, 100))).max() <= 1.0)
    True

    He et al. 2015 (arXiv:1502.01852).
    """
    return variance_scaling(2.0, "fan_in", "uniform")


# ----------------------------------------------------------------------------------------------- orthogonal


def orthogonal(scale: float = 1.0, column_axis: int = -1) -> Initializer:
    """Rows or columns, whichever are fewer, that have length `scale` and are at right angles to each other.

    The matrix is `(all other axes, column_axis)`. It is drawn uniformly from all such matrices: the Q of the QR
    decomposition of a normal one, with the signs that make the diagonal of R positive.

    >>> w = orthogonal()(random.key(0), (2, 3), np.float64)
    >>> abs(w @ w.T).round(12)
    array([[1., 0.],
           [0., 1.]])

    As `jax.nn.initializers.orthogonal`, up to the rounding of the decomposition; Saxe et al. 2014 (arXiv:1312.6120).
    """
    scale = real_number("orthogonal", "scale", scale, "[0, inf)")
    return partial(_orthogonal, scale, column_axis)


def _orthogonal(scale: float, column_axis: int, key: Key, shape: Shape, dtype: DTypeLike = np.float32, /) -> Array:
    if len(shape) < 2:
        raise ValueError(f"orthogonal: shape {shape} is not that of a matrix; it needs two axes or more")
    if 0 in shape:
        return zeros(key, shape, dtype)
    columns = shape[column_axis]
    rows = math.prod(shape) // columns
    q, r = np.linalg.qr(random.normal(key, (max(rows, columns), min(rows, columns)), dtype))
    q = q * np.sign(np.diagonal(r))
    moved = (q if rows >= columns else q.T).reshape([*np.delete(shape, column_axis), columns])
    return _scaled(np.moveaxis(moved, -1, column_axis), scale)


later(globals())  # what may be meant by a name that is not here
