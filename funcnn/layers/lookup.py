"""A table of learnt rows: `embedding`, y = w[x]."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from funcnn import initializers
from funcnn.core import RULES, getitem, may_hold, underlying
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.typing import Array, Dim, IntArray, Key, Params, Shape

__all__ = ["embedding"]

O = TypeVar("O", bound=Dim)


def embedding(num_embeddings: int, features: O, *, w_init: initializers.Initializer | None = None,
              name: str | None = None) -> Layer[Any, O, Params]:
    """A learnt row for each of the integers from 0 to `num_embeddings` - 1: `y = w[x]`.

    x is an array of integers of any shape, y has one more axis, of `features`; an integer without a row is a
    ValueError. `w_init` draws `w` (num_embeddings, features): normal with variance `1 / features` unless given, as in
    Flax. `name` is its entry among the parameters of a net.

    >>> from funcnn import random
    >>> layer = embedding(10, 3)
    >>> layer.apply(layer.init(random.key(0)), np.array([[1, 2], [9, 1]])).shape
    (2, 2, 3)
    """
    check_widths("embedding", num_embeddings=num_embeddings, features=features)
    shapes: dict[str, Shape] = {"w": (num_embeddings, features)}
    init = initializers.together(
        "embedding", shapes, w=initializers.variance_scaling(1.0, "fan_out", "normal") if w_init is None else w_init)

    def forward(params: Any, x: Any, key: Key | None) -> Array:
        _check_indices(x, num_embeddings)
        rows: Array = RULES[getitem](params["w"], x)  # w[x], also where only x is traced
        return rows

    return Layer("embedding", init, forward, None, features, shapes=MappingProxyType(shapes), name=name,
                 made_by=partial(embedding, num_embeddings, features, w_init=w_init, name=name))


def _check_indices(x: IntArray, count: int) -> None:
    if getattr(x, "dtype", np.dtype(object)).kind not in "iu":
        raise TypeError("embedding: the input must be an array of integers, got "
                        f"{getattr(x, 'dtype', type(x).__name__)}: x.astype(np.int64)")
    known = underlying(x)
    if x.size and not may_hold((np.min(known) >= 0) & (np.max(known) < count)):
        raise ValueError(f"embedding: the input runs from {np.min(known)} to {np.max(known)} but there are {count} "
                         f"rows (valid 0..{count - 1})")
