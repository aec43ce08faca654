"""With this module you can choose how weights begin: `he_normal`, `glorot_uniform`, all `variance_scaling`.

An initializer is a function `(key, shape, dtype) -> array`. The weights of a layer with n inputs must have a
variance near 1/n for its outputs to be about as large as its inputs; the names differ in the factor and in
which n they take. Names and numbers are those of `jax.nn.initializers`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from funcnn import random
from funcnn.arrays import readonly
from funcnn.typing import Array, Key, Shape

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = [
    "Initializer", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform",
    "variance_scaling", "zeros",
]


class Initializer(Protocol):
    """Draws the first values of a parameter."""

    def __call__(self, key: Key, shape: Shape, dtype: DTypeLike = ..., /) -> Array:
        """An array of this shape and dtype."""
        ...


def zeros(key: Key, shape: Shape, dtype: DTypeLike = np.float32) -> Array:
    """All 0: how biases begin.

    >>> zeros(random.key(0), (3,))
    array([0., 0., 0.], dtype=float32)
    """
    return readonly(np.zeros(shape, dtype))


def variance_scaling(scale: float, mode: Literal["fan_in", "fan_out", "fan_avg"],
                     distribution: Literal["truncated_normal", "normal", "uniform"]) -> Initializer:
    """An initializer of mean 0 and variance scale / n, n being the number of inputs, outputs or their mean.

    The last axis of the shape counts the outputs, the one before it the inputs; further axes in front, those of a
    convolution's window, multiply both. The truncated normal is cut at two standard deviations and widened so
    that its variance is the one asked for.

    >>> variance_scaling(1.0, "fan_in", "uniform")(random.key(0), (1, 2))
    array([[1.550764 , 1.6578493]], dtype=float32)

    As `jax.nn.initializers.variance_scaling`; the fans as in He et al. 2015 (arXiv:1502.01852).
    """
    if not scale > 0:
        raise ValueError(f"variance_scaling: scale must be positive, got {scale}")

    def init(key: Key, shape: Shape, dtype: DTypeLike = np.float32, /) -> Array:
        variance = scale / max(1.0, _fan(shape, mode))
        drawn: Array = _draw(key, shape, dtype, distribution, math.sqrt(variance))
        return readonly(drawn)

    _fan((1, 1), mode)
    _check_distribution(distribution)
    return init


def _fan(shape: Shape, mode: str) -> float:
    if len(shape) < 2:
        raise ValueError(f"variance_scaling: shape {shape} has no inputs and outputs; it needs two axes or more")
    window = math.prod(shape[:-2])
    fan_in, fan_out = window * shape[-2], window * shape[-1]
    fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
    if mode not in fans:
        raise ValueError(f"variance_scaling: mode must be one of {', '.join(fans)}; got {mode!r}")
    return fans[mode]


_CUT_NORMAL_STD = 0.87962566103423978
"""The standard deviation of a normal variable cut at -2 and 2."""


def _check_distribution(distribution: str) -> None:
    if distribution not in ("truncated_normal", "normal", "uniform"):
        raise ValueError("variance_scaling: distribution must be truncated_normal, normal or uniform; got "
                         f"{distribution!r}")


def _draw(key: Key, shape: Shape, dtype: DTypeLike, distribution: str, std: float) -> Any:
    if distribution == "truncated_normal":
        return (std / _CUT_NORMAL_STD) * random.truncated_normal(key, -2.0, 2.0, shape, dtype)
    if distribution == "normal":
        return std * random.normal(key, shape, dtype)
    return math.sqrt(3) * std * random.uniform(key, shape, dtype, -1.0, 1.0)


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
