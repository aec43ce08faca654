"""Each example brought to mean 0 and variance 1: `normalize`, the formula, `layer_norm`, `group_norm`; or to a mean
square of 1: `rms_norm`. What is normalised over a batch, and so remembers, is `funcnn.layers.running`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

from funcnn import initializers
from funcnn._arguments import real_number, whole_number
from funcnn._arrays import namespace
from funcnn.autodiff.custom import stop_gradient
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.typing import Array, Dim, Key, Params, Shape

__all__ = ["group_norm", "layer_norm", "no_batch", "normalize", "rms_norm", "scale_and_offset", "to_unit_power"]

I = TypeVar("I", bound=Dim)


def normalize(x: Array, eps: float = 1e-5) -> Array:
    """Rows of mean 0 and variance 1, over the last axis of `x`: `(x - mean) / sqrt(var + eps)`.

    `eps` keeps rows of equal numbers at 0; with `eps=0.0` they are NaN, with NumPy's warning.

    >>> import numpy as np
    >>> normalize(np.array([[1.0, 3.0]]), eps=0.0)
    array([[-1.,  1.]])
    """
    if not x.shape[-1]:
        return x
    return to_unit_power(x - namespace(x).mean(x, axis=-1, keepdims=True), eps)


def to_unit_power(x: Array, eps: float) -> Array:
    """Rows whose mean square is 1: x / sqrt(mean(x^2) + eps), over the last axis, whatever their size.

    >>> import numpy as np
    >>> to_unit_power(np.array([[1.0, 7.0]]), eps=0.0)
    array([[0.2, 1.4]])
    """
    if not x.shape[-1]:
        return x
    xp = namespace(x)
    unit = _unit(xp, stop_gradient(x), eps)
    scaled = x / unit
    power = xp.mean(scaled * scaled, axis=-1, keepdims=True)
    result: Array = scaled / xp.sqrt(power + eps / unit / unit)
    return result


def _unit(xp: Any, x: Array, eps: float) -> Array:
    """For each row a power of 2 near its largest number (or near the root of eps), in which squares do not overflow.

    The result does not depend on it, and so has no derivative by it.
    """
    largest = xp.maximum(xp.max(xp.abs(x), axis=-1, keepdims=True, initial=0.0), math.sqrt(eps))
    mantissa, _ = xp.frexp(largest)
    unit: Array = largest / (2 * mantissa)
    return unit


def layer_norm(features: I, *, eps: float = 1e-5, name: str | None = None) -> Layer[I, I, Params]:
    """Normalise each example over its features, then scale and shift them.

        y = scale (x - mean) / sqrt(var + eps) + offset

    Mean and variance are those of the last axis, of `features` numbers. The parameter `scale` begins at 1, `offset` at
    0, both (features,). `name` is its entry among the parameters of a net.

    >>> import numpy as np
    >>> from funcnn import random
    >>> layer = layer_norm(2)
    >>> layer.apply(layer.init(random.key(0)), np.array([[1.0, 3.0]], np.float32))
    array([[-0.999995,  0.999995]], dtype=float32)

    Ba et al. 2016 (arXiv:1607.06450); the variance is the biased one, eps inside the root.
    """
    check_widths("layer_norm", features=features)
    eps = real_number("layer_norm", "eps", eps, "[0, inf)")
    shapes, init = scale_and_offset("layer_norm", features)

    def forward(params: Any, x: Array, key: Key | None) -> Array:
        y: Array = normalize(x, eps) * params["scale"] + params["offset"]
        return y

    return Layer("layer_norm", init, forward, features, features, keeps_width=True, shapes=shapes, name=name,
                 made_by=partial(layer_norm, features, eps=eps, name=name))


def scale_and_offset(kind: str, features: int) -> tuple[Mapping[str, Shape], Callable[[Key], Any]]:
    """The shapes and the `init` of what is learnt after a normalisation: factors, 1 at first, and terms, 0 at first."""
    shapes: dict[str, Shape] = {"scale": (features,), "offset": (features,)}
    init = initializers.together(kind, shapes, scale=initializers.ones, offset=initializers.zeros)
    return MappingProxyType(shapes), init


def group_norm(features: I, groups: int, *, eps: float = 1e-5, name: str | None = None,
               ) -> Layer[I, I, Mapping[str, Array]]:
    """Normalise each example over each group of its features, and over all places: the formula of `layer_norm`.

    x is (batch, ..., features). The features of a group are neighbours, and its mean and variance are those of all its
    numbers in one example, whatever stands between the batch and the features.

    - `features`: a multiple of `groups`; the parameters `scale` and `offset` are (features,).
    - `groups`: 1 normalises all of an example together, as many as there are features each feature by itself.
    - `eps`: what is added to the variance, inside the root.
    - `name`: its entry among the parameters of a net, instead of `group_norm_0`.

    >>> import numpy as np
    >>> from funcnn import random
    >>> layer = group_norm(4, 2)
    >>> layer.apply(layer.init(random.key(0)), np.array([[1.0, 3.0, 20.0, 10.0]], np.float32))
    array([[-0.999995 ,  0.999995 ,  0.9999998, -0.9999998]], dtype=float32)

    As Flax's and torch's `GroupNorm`, eps that of torch; Wu & He 2018 (arXiv:1803.08494).
    """
    check_widths("group_norm", features=features)
    groups = whole_number("group_norm", "groups", groups, least=1)
    if features % groups:
        raise ValueError(f"group_norm: features must be a multiple of groups, got {features} and {groups}")
    eps = real_number("group_norm", "eps", eps, "[0, inf)")
    shapes, init = scale_and_offset("group_norm", features)

    def forward(params: Any, x: Array, key: Key | None) -> Array:
        y: Array = _in_groups(x, groups, eps) * params["scale"] + params["offset"]
        return y

    return Layer("group_norm", init, forward, features, features, keeps_width=True, shapes=shapes, name=name,
                 made_by=partial(group_norm, features, groups, eps=eps, name=name), misfit=no_batch)


def _in_groups(x: Array, groups: int, eps: float) -> Array:
    """Each group of an example laid out in a row, (batch, groups, places * features), normalised, and put back."""
    batch, features, places = x.shape[0], x.shape[-1] // groups, math.prod(x.shape[1:-1])
    rows = x.reshape((batch, places, groups, features)).transpose(0, 2, 1, 3)
    unit = normalize(rows.reshape((batch, groups, places * features)), eps)
    return unit.reshape((batch, groups, places, features)).transpose(0, 2, 1, 3).reshape(x.shape)


def no_batch(shape: Shape) -> str:
    """What is wrong with the shape of a batch of examples: nothing, or that it is none."""
    return "" if len(shape) > 1 else f"the input must be an array (batch, ..., features), got shape {shape}"


def rms_norm(features: I, *, eps: float = 1e-6, name: str | None = None) -> Layer[I, I, Mapping[str, Array]]:
    """Scale each example to a mean square of 1, then feature by feature: `y = scale x / sqrt(mean(x^2) + eps)`.

    The parameter `scale`, one number for each of the `features` of the last axis, begins at 1. The mean is not
    subtracted, and there is no offset. `name` is its entry among the parameters of a net.

    >>> import numpy as np
    >>> from funcnn import random
    >>> layer = rms_norm(2)
    >>> layer.apply(layer.init(random.key(0)), np.array([[1.0, 7.0]], np.float32))
    array([[0.2, 1.4]], dtype=float32)

    As Flax's `RMSNorm`; torch's takes eps from the dtype unless given. Zhang & Sennrich 2019 (arXiv:1910.07467).
    """
    check_widths("rms_norm", features=features)
    eps = real_number("rms_norm", "eps", eps, "[0, inf)")
    shapes: dict[str, Shape] = {"scale": (features,)}
    init = initializers.together("rms_norm", shapes, scale=initializers.ones)

    def forward(params: Any, x: Array, key: Key | None) -> Array:
        y: Array = to_unit_power(x, eps) * params["scale"]
        return y

    return Layer("rms_norm", init, forward, features, features, keeps_width=True, shapes=MappingProxyType(shapes),
                 name=name, made_by=partial(rms_norm, features, eps=eps, name=name))
