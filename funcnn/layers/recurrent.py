"""Layers that read a sequence step by step: `gru`, `lstm`; and what one step is: `gru_step`, `lstm_step`.

A step is a pure function of the parameters, the state before and what the input says at that time; the layer is a loop
over time that hands the state on. What the inputs of all times say to the gates is one matrix product before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from funcnn import initializers, random
from funcnn._arrays import namespace, readonly
from funcnn.activations import sigmoid, tanh
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.layers.linear import affine
from funcnn.typing import Array, Dim, Key, Shape

if TYPE_CHECKING:
    from funcnn.typing import DTypeLike

__all__ = ["gru", "gru_step", "lstm", "lstm_step"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)

OwnParams: TypeAlias = Mapping[str, Array]

Loop: TypeAlias = Callable[[OwnParams, list[Array], Array], list[Array]]
"""(params, what each input says, zeros in the shape of a state) -> the output of each step."""


# ------------------------------------------------------------------------------------------------- steps


def gru_step(params: OwnParams, h: Array, i: Array) -> Array:
    """One step of a gated recurrent unit: the state before, and what the input says, give the state after.

        i = x w_i + b                                     the input, to the three gates
        r = sigmoid(i_r + h w_hr)                         what is read of the state
        z = sigmoid(i_z + h w_hz)                         what is kept of it
        n = tanh(i_n + r (h w_hn + b_n))                  what would be new
        h' = (1 - z) n + z h

    >>> zeros = {"w_h": np.zeros((2, 6), np.float64), "b_n": np.zeros(2, np.float64)}
    >>> gru_step(zeros, np.ones((1, 2)), np.zeros((1, 6), np.float64))
    array([[0.5, 0.5]])
    """
    i_r, i_z, i_n = _gates(i, 3)
    h_r, h_z, h_n = _gates(h @ params["w_h"], 3)
    r, z = sigmoid(i_r + h_r), sigmoid(i_z + h_z)
    n = tanh(i_n + r * (h_n + params["b_n"]))
    return n + z * (h - n)


def lstm_step(params: OwnParams, state: tuple[Array, Array], i: Array) -> tuple[Array, Array]:
    """One step of a long short-term memory: (h, c), the output and the cell, and what the input says, give the next.

        (a_i, a_f, a_g, a_o) = x w_i + b + h w_h
        i = sigmoid(a_i), f = sigmoid(a_f), g = tanh(a_g), o = sigmoid(a_o)
        c' = f c + i g
        h' = o tanh(c')

    >>> h, c = lstm_step({"w_h": np.zeros((1, 4), np.float64)}, (np.ones((1, 1)), np.ones((1, 1))), np.ones((1, 4)))
    >>> c.round(4), h.round(4)
    (array([[1.2878]]), array([[0.6277]]))
    """
    h, c = state
    a_i, a_f, a_g, a_o = _gates(i + h @ params["w_h"], 4)
    c = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
    return sigmoid(a_o) * tanh(c), c


def _gates(a: Array, count: int) -> list[Array]:
    """The last axis in so many parts."""
    width = a.shape[-1] // count
    return [a[..., k * width:(k + 1) * width] for k in range(count)]


# ------------------------------------------------------------------------------------------------- layers


def gru(in_features: I, out_features: O, *, w_i_init: initializers.Initializer | None = None,
        w_h_init: initializers.Initializer | None = None, b_init: initializers.Initializer = initializers.zeros,
        name: str | None = None) -> Layer[I, O, Mapping[str, Array]]:
    """A gated recurrent unit: it reads a sequence and gives its state after each step.

    x is (batch, time, in_features), y (batch, time, out_features); the state before the first step is 0. Each step is
    `gru_step`. The last state alone is a stage of its own: `gru(3, 8) >> last`, with `def last(h): return h[:, -1]`.

    - `in_features`, `out_features`: the length of the last axis of x, and of the state, which is y.
    - `w_i_init`: draws `w_i` (in, 3 out), the gates r, z, n side by side; `lecun_normal()` unless given.
    - `w_h_init`: draws `w_h` (out, 3 out); unless given, an orthogonal matrix for each gate, as in Flax.
    - `b_init`: draws `b` (3 out,) and `b_n` (out,), which are 0 unless given.
    - `name`: its entry among the parameters of a net, instead of `gru_0`.

    >>> layer = gru(3, 8)
    >>> layer.apply(layer.init(random.key(0)), np.ones((2, 10, 3), np.float32)).shape
    (2, 10, 8)

    Cho et al. 2014 (arXiv:1406.1078) with r inside, after the product, as Flax's `GRUCell` and torch's `GRU` have it;
    Haiku's `GRU` has it before. torch has a second bias for r and z, which is the same as the first.
    """
    made_by = partial(gru, in_features, out_features, w_i_init=w_i_init, w_h_init=w_h_init, b_init=b_init, name=name)
    return _recurrent(made_by, 3, {"b_n": (out_features,)}, _gru_over_time)


def lstm(in_features: I, out_features: O, *, w_i_init: initializers.Initializer | None = None,
         w_h_init: initializers.Initializer | None = None, b_init: initializers.Initializer = initializers.zeros,
         name: str | None = None) -> Layer[I, O, Mapping[str, Array]]:
    """A long short-term memory: it reads a sequence and gives its output h after each step.

    x is (batch, time, in_features), y (batch, time, out_features); h and the cell c before the first step are 0. Each
    step is `lstm_step`.

    - `in_features`, `out_features`: the length of the last axis of x, and of h, which is y.
    - `w_i_init`: draws `w_i` (in, 4 out), the gates i, f, g, o side by side; `lecun_normal()` unless given.
    - `w_h_init`: draws `w_h` (out, 4 out); unless given, an orthogonal matrix for each gate, as in Flax.
    - `b_init`: draws `b` (4 out,), which is 0 unless given.
    - `name`: its entry among the parameters of a net, instead of `lstm_0`.

    >>> layer = lstm(3, 8)
    >>> layer.apply(layer.init(random.key(0)), np.ones((2, 10, 3), np.float32)).shape
    (2, 10, 8)

    Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000, as Flax and torch have it, whose bias
    begins at 0 too; Haiku's `LSTM` adds 1 to that of the forget gate. torch has a second bias, which is the same as the
    first.
    """
    made_by = partial(lstm, in_features, out_features, w_i_init=w_i_init, w_h_init=w_h_init, b_init=b_init, name=name)
    return _recurrent(made_by, 4, {}, _lstm_over_time)


def _recurrent(made_by: partial[Any], gates: int, others: Mapping[str, Shape], over_time: Loop,
               ) -> Layer[Any, Any, Mapping[str, Array]]:
    """What both have in common: the parameters, and the products of all inputs before the loop."""
    kind, (n, m), settings = made_by.func.__name__, made_by.args, made_by.keywords
    check_widths(kind, in_features=n, out_features=m)
    shapes: dict[str, Shape] = {"w_i": (n, gates * m), "w_h": (m, gates * m), "b": (gates * m,), **others}
    inits = {"w_i": settings["w_i_init"] or initializers.lecun_normal(),
             "w_h": settings["w_h_init"] or partial(_orthogonal_gates, gates),
             **dict.fromkeys(["b", *others], settings["b_init"])}

    def forward(params: Any, x: Array, key: Key | None) -> Array:
        i = affine(x, params["w_i"], params["b"])
        if not x.shape[1]:
            return i[..., :m]
        first = namespace(i).zeros((x.shape[0], m), i.dtype)
        h: Array = namespace(i).stack(over_time(params, [i[:, t] for t in range(x.shape[1])], first), axis=1)
        return h

    return Layer(kind, initializers.together(kind, shapes, **inits), forward, n, m, axes=3,
                 shapes=MappingProxyType(shapes), name=settings["name"], made_by=made_by)


def _gru_over_time(params: OwnParams, inputs: list[Array], h: Array) -> list[Array]:
    states = []
    for i in inputs:
        h = gru_step(params, h, i)
        states.append(h)
    return states


def _lstm_over_time(params: OwnParams, inputs: list[Array], zeros: Array) -> list[Array]:
    states = [(zeros, zeros)]
    for i in inputs:
        states.append(lstm_step(params, states[-1], i))
    return [h for h, _ in states[1:]]


def _orthogonal_gates(gates: int, key: Key, shape: Shape, dtype: DTypeLike = np.float32, /) -> Array:
    """A square orthogonal matrix for each gate, side by side."""
    square = (shape[0], shape[1] // gates)
    drawn = [initializers.orthogonal()(each, square, dtype) for each in random.split(key, gates)]
    joined: Array = readonly(np.concatenate(drawn, axis=1))
    return joined
