"""Layers by which the steps of a sequence look at each other: `attention`; and tell where they stand: `positional`.

The formula is `dot_product_attention`, a function of queries, keys and values for blocks of one's own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np

from funcnn import initializers
from funcnn._arguments import described, real_number, whole_number
from funcnn._arrays import namespace, readonly
from funcnn.activations import softmax
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer, run
from funcnn.layers.linear import affine
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import Array, Dim, Key, Mask, Params, Shape

__all__ = ["attention", "dot_product_attention", "positional"]

I = TypeVar("I", bound=Dim)


# ------------------------------------------------------------------------------------------------ the formula


def dot_product_attention(query: Array, key: Array, value: Array, mask: Mask | None = None, *,
                          is_causal: bool = False) -> Array:
    """Each query's mean of the values, weighted by how well their keys fit to it:

        y[n, t, h] = sum_s a[n, h, t, s] value[n, s, h]
        a = softmax over s of query[n, t, h] . key[n, s, h] / sqrt(d)

    query is (batch, time, heads, d), key and value are (batch, steps, heads, d), where value may have another d; y is
    (batch, time, heads, d of value). `mask`, booleans that broadcast to (batch, heads, time, steps), is true where a
    query may look; with `is_causal` it may look at no later step. A query that may look nowhere looks at all alike.

    >>> x = np.array([[1.0], [3.0]]).reshape(1, 2, 1, 1)
    >>> dot_product_attention(0 * x, x, x)[0, :, 0, 0], dot_product_attention(0 * x, x, x, is_causal=True)[0, :, 0, 0]
    (array([2., 2.]), array([1., 2.]))

    As `jax.nn.dot_product_attention`, without `bias` and `scale`; Vaswani et al. 2017 (arXiv:1706.03762).
    """
    q, k, v = (x.transpose(0, 2, 1, 3) for x in (query, key, value))
    logits = (q @ k.transpose(0, 1, 3, 2)) / math.sqrt(query.shape[-1] or 1)
    if is_causal:
        logits = _where_allowed(np.tri(query.shape[1], key.shape[1], dtype=np.bool_), logits)
    if mask is not None:
        _check_mask("dot_product_attention", mask, logits.shape)
        logits = _where_allowed(mask, logits)
    return (softmax(logits) @ v).transpose(0, 2, 1, 3)


def _where_allowed(mask: Any, logits: Array) -> Array:
    """The logits where the mask is true, elsewhere a number so low that its power is 0, as JAX has it."""
    lowest = 0.7 * float(np.finfo(logits.dtype).min)
    result: Array = namespace(logits).where(mask, logits, lowest)
    return result


def _check_mask(owner: str, mask: Any, shape: Shape) -> None:
    dtype, its = getattr(mask, "dtype", None), getattr(mask, "shape", None)
    if dtype != np.bool_ or its is None:
        raise TypeError(f"{owner}: mask must be an array of booleans, true where one may look, got {described(mask)}")
    if len(its) != 4 or any(n not in (1, most) for n, most in zip(its, shape, strict=True)):
        raise ValueError(f"{owner}: mask must be (batch, heads, time, steps), here {shape}, or 1 in their places, got "
                         f"{its}; of flags (batch, steps), true for steps that are there: mask[:, None, None, :]")


# ------------------------------------------------------------------------------------------------ the layers


@dataclass(frozen=True, repr=False, eq=False)
class LayerWithMask(Layer[I, I, Mapping[str, Array]]):
    """A layer that may be told where to look."""

    formula: Callable[[Any, Array, Mask | None], Array] = field(kw_only=True)

    def apply(self, params: Mapping[str, Array], x: Array, *, key: Key | None = None, mask: Mask | None = None,
              ) -> Array:
        """The layer's output for x (batch, time, features); `mask` is that of `dot_product_attention`."""
        told = self if mask is None else replace(self, forward=lambda params, x, key: self.formula(params, x, mask))
        return run(told, "", params, x, key)


def attention(features: I, heads: int, causal: bool = False, *, w_init: initializers.Initializer | None = None,
              b_init: initializers.Initializer = initializers.zeros, name: str | None = None) -> LayerWithMask[I]:
    """Self-attention: each step of a sequence looks at all of them, with several heads, and takes what it finds.

        q, k, v = x w_qkv + b_qkv, each cut into heads
        y = dot_product_attention(q, k, v), the heads side by side, times w_o, plus b_o

    x and y are (batch, time, features). The layer alone takes a mask, where some sequences are shorter than others, as
    a block written by hand does: `mask` broadcasts to (batch, heads, time, time) and is true where a step may look.

    - `features`: a multiple of `heads`, each of which has features / heads of them.
    - `causal`: whether no step looks at a later one.
    - `w_init`, `b_init`: draw `w_qkv` (features, 3 features) and `w_o` (features, features), `b_qkv` and `b_o`:
      `lecun_normal()` and zeros unless given.
    - `name`: its entry among the parameters of a net, instead of `attention_0`.

    >>> from funcnn import random
    >>> layer = attention(8, 2)
    >>> params, x = layer.init(random.key(0)), random.normal(random.key(1), (1, 4, 8))
    >>> is_there = np.array([[True, True, False, False]])
    >>> y = layer.apply(params, x, mask=is_there[:, None, None, :])
    >>> bool(np.allclose(y[:, :2], layer.apply(params, x[:, :2]), atol=1e-6))
    True

    As Haiku's and Flax's `MultiHeadAttention`, and torch's `MultiheadAttention`, whose masks are true where a step may
    not look. Vaswani et al. 2017 (arXiv:1706.03762).
    """
    check_widths("attention", features=features)
    heads = whole_number("attention", "heads", heads, least=1)
    if features % heads:
        raise ValueError(f"attention: features must be a multiple of heads, got {features} and {heads}")
    shapes: dict[str, Shape] = {"w_qkv": (features, 3 * features), "b_qkv": (3 * features,),
                                "w_o": (features, features), "b_o": (features,)}
    made_by: partial[Any] = partial(attention, features, heads, causal, w_init=w_init, b_init=b_init, name=name)
    w_init_or_usual = initializers.lecun_normal() if w_init is None else w_init
    init = initializers.together("attention", shapes, w_qkv=w_init_or_usual, b_qkv=b_init, w_o=w_init_or_usual,
                                 b_o=b_init)

    def formula(params: Any, x: Array, mask: Mask | None) -> Array:
        qkv = affine(x, params["w_qkv"], params["b_qkv"]).reshape((*x.shape[:2], 3, heads, features // heads))
        y = dot_product_attention(qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2], mask, is_causal=causal)
        return affine(y.reshape(x.shape), params["w_o"], params["b_o"])

    return LayerWithMask("attention", init, lambda params, x, key: formula(params, x, None), features, features,
                         keeps_width=True, axes=3, shapes=MappingProxyType(shapes), name=name, made_by=made_by,
                         misfit=_no_steps, formula=formula)


def _no_steps(shape: Shape) -> str:
    return "" if shape[1] else f"the sequences have no steps to look at, their shape is {shape}"


def positional(features: I, *, max_wavelength: float = 10000.0) -> Layer[I, I, Params]:
    """Add to each step of a sequence where it stands, as waves of many lengths, from 2 pi to 2 pi max_wavelength:

        y[n, t, 2 k] = x[n, t, 2 k] + sin(t / max_wavelength^(2 k / features))
        y[n, t, 2 k + 1] = x[n, t, 2 k + 1] + cos(t / max_wavelength^(2 k / features))

    x and y are (batch, time, features), of any length in time; nothing is learnt.

    >>> positional(4).apply({}, np.zeros((1, 2, 4), np.float64)).round(3)
    array([[[0.   , 1.   , 0.   , 1.   ],
            [0.841, 0.54 , 0.01 , 1.   ]]])

    Vaswani et al. 2017 (arXiv:1706.03762), section 3.5. Positions that are learnt are the rows of an `embedding`.
    """
    check_widths("positional", features=features)
    longest = real_number("positional", "max_wavelength", max_wavelength, "(0, inf)")

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        if x.dtype.kind != "f":
            raise TypeError(f"positional: the input is {x.dtype}, floating-point numbers are needed: "
                            "x.astype(np.float32)")
        y: Array = x + _waves(x.shape[1], features, longest, x.dtype)
        return y

    return Layer("positional", lambda key: FrozenDict(), forward, features, features, keeps_width=True, axes=3,
                 shapes={}, made_by=partial(positional, features, max_wavelength=longest))


@functools.lru_cache(maxsize=8)
def _waves(steps: int, features: int, longest: float, dtype: Any) -> Any:
    """The sines and cosines, (time, features)."""
    places = np.arange(features)
    angles = np.arange(steps)[:, None] / longest ** (places // 2 * 2 / max(features, 1))
    return readonly(np.where(places % 2, np.cos(angles), np.sin(angles)).astype(dtype))
