"""The largest number, or the mean, of what a window sees: `max_pool2d`, `avg_pool2d`."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from funcnn._arrays import namespace
from funcnn.layers.composition import Layer
from funcnn.layers.sliding import Padding, Pair, check_fits, check_padding, padded, pair, windows
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import AnyWidth, Array, Key, Params

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(window: int | Pair, *, stride: int | Pair | None = None, padding: Padding = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The largest number of each window, channel by channel; the stride is the window unless given.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> max_pool2d(2).apply({}, x)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])

    Where several numbers are the largest, they share the cotangent equally. Padding counts as -inf.
    """
    made_by = partial(max_pool2d, window, stride=stride, padding=padding)
    return _pool(made_by, window, stride, padding, -np.inf, lambda xp, seen: xp.max(seen, axis=(4, 5)))


def avg_pool2d(window: int | Pair, *, stride: int | Pair | None = None, padding: Padding = "VALID",
               ) -> Layer[AnyWidth, AnyWidth, Params]:
    """The mean of each window, channel by channel; the stride is the window unless given.

    >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
    >>> avg_pool2d(2).apply({}, x)[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])

    Padding counts as zeros, as in Flax and torch.
    """
    made_by = partial(avg_pool2d, window, stride=stride, padding=padding)
    return _pool(made_by, window, stride, padding, 0.0, lambda xp, seen: xp.mean(seen, axis=(4, 5)))


def _pool(made_by: partial[Any], window: int | Pair, stride: int | Pair | None, padding: Padding, fill: float,
          reduce: Any) -> Layer[Any, Any, Params]:
    kind = made_by.func.__name__
    size = pair(kind, "window", window)
    step = size if stride is None else pair(kind, "stride", stride)
    check_padding(kind, padding)

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        check_fits(kind, x, size, padding)
        result: Array = reduce(namespace(x), windows(padded(x, size, step, padding, fill), size, step))
        return result

    return Layer(kind, lambda key: FrozenDict(), forward, keeps_width=True, axes=4, shapes={},
                 made_by=made_by)
