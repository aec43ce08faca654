"""Layers that only change the shape: `flatten`."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from funcnn.layers.composition import Layer
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import Array, Key, Params

__all__ = ["flatten"]


def flatten() -> Layer[Any, Any, Params]:
    """Each example as one row: (batch, ...) becomes (batch, features), as dense layers take it.

    >>> import numpy as np
    >>> flatten().apply({}, np.ones((5, 28, 28, 3))).shape
    (5, 2352)
    """
    def forward(params: Params, x: Array, key: Key | None) -> Array:
        if not x.shape:
            raise TypeError("flatten: the input must be an array (batch, ...), got a single number")
        return x.reshape((x.shape[0], math.prod(x.shape[1:])))

    return Layer("flatten", lambda key: FrozenDict(), forward, shapes={}, made_by=partial(flatten))
