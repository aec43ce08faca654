"""With this module you can choose what a network is made of: `dense`, `conv2d`, `dropout`, `embedding`, `layer_norm`.

Each function returns a `Layer`, a record of `init` and `apply` (`funcnn.composition`). The formula of a dense layer,
y = x w + b, and its derivative are `funcnn.affine`; of the others, the function right above. Images are at home in
`funcnn.convolution`.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar, cast

import numpy as np

from funcnn import initializers, random
from funcnn._arrays import blocks, is_concrete, namespace
from funcnn.autodiff.custom import custom_vjp
from funcnn.core.tracer import Tracer, concrete
from funcnn.layers.composition import Layer, residual, serial
from funcnn.layers.convolution import avg_pool2d, conv2d, max_pool2d
from funcnn.layers.linear import affine
from funcnn.random.checks import words_of
from funcnn.tree import FrozenDict
from funcnn.typing import AnyWidth, Array, DenseParams, Dim, IntArray, Key, Params

__all__ = ["Layer", "affine", "avg_pool2d", "conv2d", "dense", "dropout", "embedding", "flatten", "layer_norm",
           "max_pool2d", "residual", "serial"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)


# ---------------------------------------------------------------------------------------------- dense


def dense(in_features: I, out_features: O, *, w_init: initializers.Initializer | None = None,
          b_init: initializers.Initializer = initializers.zeros, name: str | None = None) -> Layer[I, O, DenseParams]:
    """A fully connected layer, y = x w + b.

    x is (batch, in_features), more axes may stand between; the parameters are `w` (in_features, out_features),
    drawn by `w_init` (default `lecun_normal()`, as in Haiku and Flax), and `b` (out_features,), 0 by default.

    >>> layer = dense(2, 3)
    >>> params = layer.init(random.key(0))
    >>> params
    FrozenDict({'w': float32[2, 3], 'b': float32[3]})
    >>> layer.apply(params, np.ones((5, 2), np.float32)).shape
    (5, 3)
    """
    _check_widths("dense", in_features=in_features, out_features=out_features)
    draw_w = initializers.lecun_normal() if w_init is None else w_init
    initializers.check("dense", w_init=draw_w, b_init=b_init)

    def init(key: Key) -> DenseParams:
        w_key, b_key = random.split(key)
        return cast(DenseParams, FrozenDict({
            "w": initializers.drawn("dense", draw_w, w_key, (in_features, out_features)),
            "b": initializers.drawn("dense", b_init, b_key, (out_features,))}))

    def forward(params: DenseParams, x: Array, key: Key | None) -> Array:
        return affine(x, params["w"], params["b"])

    shapes = {"w": (in_features, out_features), "b": (out_features,)}
    return Layer("dense", init, forward, in_features, out_features, shapes=FrozenDict(shapes), name=name)


def _check_widths(kind: str, **widths: Any) -> None:
    for name, width in widths.items():
        if not isinstance(width, int | np.integer) or isinstance(width, bool):
            raise TypeError(f"{kind}: {name} must be an int, got {width!r}")
        if width < 0:
            raise ValueError(f"{kind}: {name} must not be negative, got {width}")


# -------------------------------------------------------------------------------------------- dropout


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
    ten times as fast as threefry and as stable; the probability is rounded to 16 bits. Masks of JAX arrays under a
    JAX key come from `jax.random.bernoulli`, and so are others.
    """
    if isinstance(drop_rate, bool) or not isinstance(drop_rate, int | float | np.number):
        raise TypeError(f"dropout: drop_rate must be a number in [0, 1), got {drop_rate!r}")
    if not 0 <= drop_rate < 1:
        raise ValueError(f"dropout: drop_rate is the share of numbers that is dropped, in [0, 1), got {drop_rate}")

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        if key is None or drop_rate == 0:
            return x
        if isinstance(x, np.ndarray | Tracer):
            words_of("dropout", key)
            if x.dtype.kind != "f":
                raise TypeError(f"dropout: the input is {x.dtype}, floating-point numbers are needed: "
                                "x.astype(np.float32)")
        y: Array = _kept(x, _mask(key, drop_rate, x), 1 / (1 - drop_rate))
        return y

    return Layer("dropout", lambda key: FrozenDict(), forward, keeps_width=True, shapes={}, stochastic=True,
                 arguments=(drop_rate,))


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
        np.greater_equal(draws[:block.stop - block.start], round(drop_rate * 2**16), out=mask[block])
    return mask.reshape(x.shape)


# -------------------------------------------------------------------------------------------- flatten


def flatten() -> Layer[Any, Any, Params]:
    """Each example as one row: (batch, ...) becomes (batch, features), as dense layers take it.

    >>> flatten().apply({}, np.ones((5, 28, 28, 3))).shape
    (5, 2352)
    """
    def forward(params: Params, x: Array, key: Key | None) -> Array:
        if not x.shape:
            raise TypeError("flatten: the input must be an array (batch, ...), got a single number")
        return x.reshape((x.shape[0], math.prod(x.shape[1:])))

    return Layer("flatten", lambda key: FrozenDict(), forward, shapes={})


# ------------------------------------------------------------------------------------------ embedding


def embedding(num_embeddings: int, features: O, *, w_init: initializers.Initializer | None = None,
              name: str | None = None) -> Layer[Any, O, Params]:
    """A learnt row for each of the integers 0 .. num_embeddings - 1: y = w[x].

    x is an array of integers of any shape, y has one more axis, of `features`. The rows begin normal with variance
    1 / features, as in Flax.

    >>> layer = embedding(10, 3)
    >>> layer.apply(layer.init(random.key(0)), np.array([[1, 2], [9, 1]])).shape
    (2, 2, 3)
    """
    _check_widths("embedding", num_embeddings=num_embeddings, features=features)
    draw_w = initializers.variance_scaling(1.0, "fan_out", "normal") if w_init is None else w_init
    initializers.check("embedding", w_init=draw_w)

    def init(key: Key) -> Params:
        return cast(Params, FrozenDict({
            "w": initializers.drawn("embedding", draw_w, key, (num_embeddings, features))}))

    def forward(params: Any, x: Any, key: Key | None) -> Array:
        _check_indices(x, num_embeddings)
        rows: Array = params["w"][x]
        return rows

    return Layer("embedding", init, forward, None, features, shapes=FrozenDict({"w": (num_embeddings, features)}),
                 arguments=(num_embeddings, features),
                 name=name)


def _check_indices(x: IntArray, count: int) -> None:
    if getattr(concrete(x), "dtype", np.dtype(object)).kind not in "iu":
        raise TypeError("embedding: the input must be an array of integers, got "
                        f"{getattr(x, 'dtype', type(x).__name__)}: x.astype(np.int64)")
    if is_concrete(x) and x.size and (x.min() < 0 or x.max() >= count):
        raise ValueError(f"embedding: the input runs from {x.min()} to {x.max()} but there are {count} rows (valid "
                         f"0..{count - 1})")


# ----------------------------------------------------------------------------------------- layer_norm


def normalize(x: Array, eps: float = 1e-5) -> Array:
    """Rows of mean 0 and variance 1: (x - mean) / sqrt(var + eps), over the last axis.

    >>> normalize(np.array([[1.0, 3.0]]), eps=0.0)
    array([[-1.,  1.]])
    """
    xp = namespace(x)
    centred = x - xp.mean(x, axis=-1, keepdims=True)
    variance = xp.mean(centred * centred, axis=-1, keepdims=True)
    result: Array = centred / xp.sqrt(variance + eps)
    return result


def layer_norm(features: I, *, eps: float = 1e-5, name: str | None = None) -> Layer[I, I, Params]:
    """Normalise each example over its features, then scale and shift: y = scale (x - mean) / sqrt(var + eps) + offset.

    `scale` begins at 1, `offset` at 0, both (features,).

    >>> layer = layer_norm(2)
    >>> layer.apply(layer.init(random.key(0)), np.array([[1.0, 3.0]], np.float32))
    array([[-0.999995,  0.999995]], dtype=float32)

    Ba et al. 2016 (arXiv:1607.06450); the variance is the biased one, eps inside the root.
    """
    _check_widths("layer_norm", features=features)
    if not eps >= 0:
        raise ValueError(f"layer_norm: eps must not be negative, got {eps!r}")

    def init(key: Key) -> Params:
        ones = np.ones((features,), np.float32)
        ones.setflags(write=False)
        return cast(Params, FrozenDict({"scale": ones, "offset": initializers.zeros(key, (features,))}))

    def forward(params: Any, x: Array, key: Key | None) -> Array:
        y: Array = normalize(x, eps) * params["scale"] + params["offset"]
        return y

    shapes = FrozenDict({"scale": (features,), "offset": (features,)})
    return Layer("layer_norm", init, forward, features, features, keeps_width=True, shapes=shapes, name=name,
                 arguments=(features,))
