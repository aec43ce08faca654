"""Noise in training: `dropout`."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from funcnn._arguments import real_number
from funcnn._arrays import blocks, is_float, namespace
from funcnn.autodiff import custom_vjp
from funcnn.core import Tracer
from funcnn.layers.composition import Layer
from funcnn.random.batched import of_each_key
from funcnn.random.checks import words_of
from funcnn.rules.table import masked
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import AnyWidth, Array, Params, Shape

__all__ = ["draw_mask", "dropout", "rounded"]


def dropout(drop_rate: float) -> Layer[AnyWidth, AnyWidth, Params]:
    """In training, drop a share of the numbers and scale up the others, so that the mean stays.

        y = x m / (1 - drop_rate),    m = 0 with probability drop_rate, else 1

    In evaluation, y = x. `drop_rate` is the share that is dropped, in [0, 1).

    >>> from funcnn import random
    >>> dropout(0.5).apply({}, np.ones((2, 4)), key=random.key(0))
    array([[2., 0., 2., 0.],
           [2., 2., 0., 0.]])
    >>> dropout(0.5).apply({}, np.ones((1, 4)), key=None)
    array([[1., 1., 1., 1.]])

    Srivastava et al. 2014; the inverted form. Masks of NumPy arrays come from a Philox generator seeded with the key,
    ten times as fast as threefry and as stable; the probability is rounded to 16 bits. Near 1, where that is felt, the
    numbers are scaled by the rounded one, so that the mean stays; a rate that rounds to 1 is refused. Under a
    key that is JAX's, or inside `funcnn.jax.jit`, the mask comes from `jax.random.bits`: another one of the same law.
    """
    drop_rate = real_number("dropout", "drop_rate, the share of numbers that is dropped,", drop_rate, "[0, 1)")
    if rounded(drop_rate) == 1:
        raise ValueError(f"dropout: drop_rate is {drop_rate}, which is 1 when rounded to 16 bits: all would be dropped")

    def forward(params: Params, x: Array, key: Any) -> Array:
        if key is None or drop_rate == 0:
            return x
        if isinstance(x, np.ndarray | Tracer) and not is_float(x.dtype):
            raise TypeError(f"dropout: the input is {x.dtype}, floating-point numbers are needed: x.astype(np.float32)")
        y: Array = _kept(x, _drawn(key, drop_rate, x.shape), _scale(drop_rate))
        return y

    return Layer("dropout", lambda key: FrozenDict(), forward, keeps_width=True, shapes={}, stochastic=True,
                 made_by=partial(dropout, drop_rate))


def rounded(drop_rate: float) -> float:
    """The probability that a mask drops with, a multiple of 2^-16."""
    return round(drop_rate * 2**16) / 2**16


def _scale(drop_rate: float) -> float:
    """1 / (1 - drop_rate), of the rounded rate where the rounding would show in the mean: by 1 in 1000 or more."""
    exact, by_mask = 1 / (1 - drop_rate), 1 / (1 - rounded(drop_rate))
    return by_mask if abs(by_mask / exact - 1) > 1e-3 else exact


@custom_vjp
def _kept(x: Any, mask: Any, scale: float) -> Any:
    """x scale where the mask is true, 0 elsewhere."""
    xp = namespace(x)
    return masked(x * scale, mask) if xp is np else xp.where(mask, x * scale, 0)


_kept.defvjps(lambda g, _y, _x, mask, scale: _kept(g, mask, scale),
              formula=("y = x * scale where kept, else 0", "dx = g * scale where kept, else 0"))
_kept.name = "dropout"


def draw_mask(key: Any, drop_rate: float, shape: Shape) -> Any:
    """A mask, drawn in blocks from Philox, whose stream NumPy guarantees: a quarter of Threefry's price."""
    high, low = words_of("dropout", key)
    mask = np.empty(math.prod(shape), np.bool_)
    words = np.random.Philox(key=high << 32 | low)
    for block in blocks(mask.size):
        draws = words.random_raw(-(-(block.stop - block.start) // 4)).astype("<u8", copy=False).view("<u2")
        np.greater_equal(draws[:block.stop - block.start], int(rounded(drop_rate) * 2**16), out=mask[block])
    return mask.reshape(shape)


_drawn = of_each_key(draw_mask)
