"""Noise in training: `dropout`."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from funcnn import random
from funcnn._arrays import blocks, is_concrete
from funcnn.autodiff.custom import custom_vjp
from funcnn.core.tracer import Tracer
from funcnn.layers.composition import Layer
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import AnyWidth, Array, Key, Params

__all__ = ["dropout"]


def dropout(drop_rate: float) -> Layer[AnyWidth, AnyWidth, Params]:
    """In training, drop a share of the numbers and scale up the others, so that the mean stays.

        y = x m / (1 - drop_rate),    m = 0 with probability drop_rate, else 1

    In evaluation, y = x. `drop_rate` is the share that is dropped, in [0, 1).

    >>> dropout(0.5).apply({}, np.ones((2, 4)), key=random.key(0))
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    >>> dropout(0.5).apply({}, np.ones((1, 4)), key=None)
    array([[1., 1., 1., 1.]])

    Srivastava et al. 2014; the inverted form. Masks of NumPy arrays come from a Philox generator seeded with the key,
    ten times as fast as threefry and as stable; the probability is rounded to 16 bits. Near 1, where that is felt, the
    numbers are scaled by the rounded one, so that the mean stays; a rate that rounds to 1 is refused. Masks of JAX
    arrays under a JAX key come from `jax.random.bernoulli`, and so are others.
    """
    if isinstance(drop_rate, bool) or not isinstance(drop_rate, int | float | np.number):
        raise TypeError(f"dropout: drop_rate must be a number in [0, 1), got {drop_rate!r}")
    if not 0 <= drop_rate < 1:
        raise ValueError(f"dropout: drop_rate is the share of numbers that is dropped, in [0, 1), got {drop_rate}")
    if _rounded(drop_rate) == 1:
        raise ValueError(f"dropout: drop_rate is {drop_rate}, which is 1 when rounded to 16 bits: all would be dropped")

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        if key is None or drop_rate == 0:
            return x
        if isinstance(x, np.ndarray | Tracer):
            random.words_of("dropout", key)
            if x.dtype.kind != "f":
                raise TypeError(f"dropout: the input is {x.dtype}, floating-point numbers are needed: "
                                "x.astype(np.float32)")
        y: Array = _kept(x, _mask(key, drop_rate, x), _scale(drop_rate, isinstance(key, np.ndarray)))
        return y

    return Layer("dropout", lambda key: FrozenDict(), forward, keeps_width=True, shapes={}, stochastic=True,
                 made_by=partial(dropout, drop_rate))


def _rounded(drop_rate: float) -> float:
    """The probability that a mask drops with, a multiple of 2^-16."""
    return round(drop_rate * 2**16) / 2**16


def _scale(drop_rate: float, rounded: bool) -> float:
    """1 / (1 - drop_rate), of the rounded rate where the rounding would show in the mean: by 1 in 1000 or more."""
    exact, by_mask = 1 / (1 - drop_rate), 1 / (1 - _rounded(drop_rate))
    return by_mask if rounded and abs(by_mask / exact - 1) > 1e-3 else exact


@custom_vjp
def _kept(x: Any, mask: Any, scale: float) -> Any:
    """Zero where the mask is false, x scale elsewhere; of ndarrays block by block, which stay in the cache."""
    if not (is_concrete(x) and is_concrete(mask)):
        return x * (mask.astype(x.dtype) * scale)
    y = np.empty(x.shape, x.dtype)
    numbers, marks, results = x.reshape(-1), mask.reshape(-1), y.reshape(-1)
    for block in blocks(x.size):
        factors = marks[block].astype(x.dtype)
        factors *= scale
        np.multiply(numbers[block], factors, out=results[block])
    return y


_kept.defvjps(lambda g, y, x, mask, scale: _kept(g, mask, scale))


def _mask(key: Any, drop_rate: float, x: Any) -> Any:
    """True, in the shape of x, with probability 1 - drop_rate."""
    if not isinstance(key, np.ndarray):
        import jax

        return jax.random.bernoulli(key, 1 - drop_rate, x.shape)
    mask = np.empty(math.prod(x.shape), np.bool_)
    words = np.random.Philox(key=int(key[0]) << 32 | int(key[1]))
    for block in blocks(mask.size):
        draws = words.random_raw(-(-(block.stop - block.start) // 4)).astype("<u8", copy=False).view("<u2")
        np.greater_equal(draws[:block.stop - block.start], int(_rounded(drop_rate) * 2**16), out=mask[block])
    return mask.reshape(x.shape)
