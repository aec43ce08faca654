"""A relu whose slope below 0 is learnt: `prelu`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from funcnn import initializers
from funcnn._arguments import real_number
from funcnn._arrays import namespace
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.typing import Array, Dim, Key, Shape

__all__ = ["prelu"]

I = TypeVar("I", bound=Dim)


def prelu(features: I, *, negative_slope_init: float = 0.25, name: str | None = None,
          ) -> Layer[I, I, Mapping[str, Array]]:
    """A relu that learns how much it lets through: y = x where x > 0, `negative_slope x` elsewhere.

    The parameter `negative_slope` has one slope for each of the `features` of the last axis, `negative_slope_init` at
    first. At x = 0 the derivative by x is the slope, as torch has it. `name` is its entry in the parameters of a net.

    >>> import numpy as np
    >>> from funcnn import random
    >>> layer = prelu(2)
    >>> layer.apply(layer.init(random.key(0)), np.array([[-2.0, 2.0]], np.float32))
    array([[-0.5,  2. ]], dtype=float32)

    He et al. 2015 (arXiv:1502.01852). Flax's `PReLU` has one slope for all features, and begins at 0.01.
    """
    check_widths("prelu", features=features)
    slope = real_number("prelu", "negative_slope_init", negative_slope_init)
    shapes: dict[str, Shape] = {"negative_slope": (features,)}
    init = initializers.together("prelu", shapes, negative_slope=initializers.constant(slope))

    def forward(params: Any, x: Array, key: Key | None) -> Array:
        xp, passes = namespace(x), x > 0
        below = xp.where(passes, 0, x)  # so that a slope of 0 meets no infinity
        y: Array = xp.where(passes, x, params["negative_slope"] * below)
        return y

    return Layer("prelu", init, forward, features, features, keeps_width=True, shapes=MappingProxyType(shapes),
                 name=name, made_by=partial(prelu, features, negative_slope_init=slope, name=name))
