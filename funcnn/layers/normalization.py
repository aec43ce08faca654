"""Each example brought to mean 0 and variance 1: `normalize`, the formula, and `layer_norm`."""

from __future__ import annotations

import math
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from funcnn import initializers
from funcnn._arguments import real_number
from funcnn._arrays import namespace
from funcnn.autodiff.custom import stop_gradient
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.typing import Array, Dim, Key, Params, Shape

__all__ = ["layer_norm", "normalize"]

I = TypeVar("I", bound=Dim)


def normalize(x: Array, eps: float = 1e-5) -> Array:
    """Rows of mean 0 and variance 1: (x - mean) / sqrt(var + eps), over the last axis, whatever their size.

    >>> import numpy as np
    >>> normalize(np.array([[1.0, 3.0]]), eps=0.0)
    array([[-1.,  1.]])
    """
    xp = namespace(x)
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    unit = _unit(xp, stop_gradient(centred), eps)
    scaled = centred / unit
    variance = xp.mean(scaled * scaled, axis=-1, keepdims=True)
    result: Array = scaled / xp.sqrt(variance + eps / unit / unit)
    return result


def _unit(xp: Any, centred: Array, eps: float) -> Array:
    """For each row a power of 2 near its largest number (or near the root of eps), in which squares do not overflow.

    The result does not depend on it, and so has no derivative by it.
    """
    largest = xp.maximum(xp.max(xp.abs(centred), axis=-1, keepdims=True, initial=0.0), math.sqrt(eps))
    mantissa, _ = xp.frexp(largest)
    unit: Array = largest / (2 * mantissa)
    return unit


def layer_norm(features: I, *, eps: float = 1e-5, name: str | None = None) -> Layer[I, I, Params]:
    """Normalise each example over its features, then scale and shift: y = scale (x - mean) / sqrt(var + eps) + offset.

    `scale` begins at 1, `offset` at 0, both (features,).

    >>> import numpy as np
    >>> from funcnn import random
    >>> layer = layer_norm(2)
    >>> layer.apply(layer.init(random.key(0)), np.array([[1.0, 3.0]], np.float32))
    array([[-0.999995,  0.999995]], dtype=float32)

    Ba et al. 2016 (arXiv:1607.06450); the variance is the biased one, eps inside the root.
    """
    check_widths("layer_norm", features=features)
    eps = real_number("layer_norm", "eps", eps, "[0, inf)")
    shapes: dict[str, Shape] = {"scale": (features,), "offset": (features,)}
    init = initializers.together("layer_norm", shapes, scale=initializers.ones, offset=initializers.zeros)

    def forward(params: Any, x: Array, key: Key | None) -> Array:
        y: Array = normalize(x, eps) * params["scale"] + params["offset"]
        return y

    return Layer("layer_norm", init, forward, features, features, keeps_width=True, shapes=MappingProxyType(shapes),
                 name=name, made_by=partial(layer_norm, features, eps=eps, name=name))
