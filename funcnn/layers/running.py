"""Layers that remember: `LayerWithState`, and `batch_norm`, whose running statistics are a value like every other."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, TypeAlias, TypeVar

import numpy as np

from funcnn._arguments import real_number
from funcnn._arrays import namespace, readonly
from funcnn.autodiff.custom import stop_gradient
from funcnn.layers.checks import check_widths
from funcnn.layers.composition import Layer
from funcnn.layers.normalization import no_batch, scale_and_offset
from funcnn.layers.state import check_state_entries
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import Array, Dim, Key, Params, Shape  # noqa: F401  # Shape: the fields it inherits speak of it

__all__ = ["LayerWithState", "batch_norm"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)
P = TypeVar("P")

State: TypeAlias = Mapping[str, Array]
"""What one layer remembers, {name: array}."""


def _without_state(params: object, x: Array, key: Key | None) -> NoReturn:
    raise TypeError("a layer that remembers is called by apply_with_state")


@dataclass(frozen=True, repr=False, eq=False)
class LayerWithState(Layer[I, O, P]):
    """A layer that remembers: beside x and y, what it remembers comes in and goes out.

    `forward_with_state(params, state, x, key) -> (y, state)` is its formula, where a key means training and None
    evaluation; `first_state`, {name: array}, is what it remembers before the first step. The rest is as in `Layer`;
    `forward` is not given.

    >>> def steps_counted():
    ...     def forward_with_state(params, state, x, key):
    ...         return x, FrozenDict({"count": state["count"] + (key is not None)})
    ...     return LayerWithState("steps", lambda key: FrozenDict(), shapes={}, keeps_width=True,
    ...                           first_state={"count": np.full((), 0, np.int64)},
    ...                           forward_with_state=forward_with_state)
    >>> from funcnn import random
    >>> net, x = np.tanh >> steps_counted(), np.ones((1, 2))
    >>> _, state = net.apply_with_state({}, net.init_state(), x, key=random.key(0))
    >>> state["steps_0"]["count"]
    np.int64(1)
    """

    forward: Callable[[P, Array, Key | None], Array] = _without_state
    first_state: Mapping[str, Array] = field(kw_only=True)
    forward_with_state: Callable[[P, State, Array, Key | None], tuple[Array, State]] = field(kw_only=True)

    has_state = True

    @functools.cached_property
    def _first_state(self) -> Any:
        return FrozenDict(self.first_state)

    def _check_state(self, path: str, params: Any, state: Any) -> None:
        check_state_entries(self, path, state, self.first_state)
        dtype = next((param.dtype for param in params.values()), None)
        for name, first in self.first_state.items():
            _check_array(f"{self.label(path)}: what it remembers, {name!r},", state[name], first, dtype)

    def _pick_state(self, name: str, state: Params) -> Any:
        return state[name]

    def _compute(self, path: str, params: Any, x: Array, key: Key | None) -> Array:
        raise TypeError(f"{self.label(path)}: remembers {' and '.join(self.first_state)} from step to step, which "
                        "apply neither takes nor returns: y, state = net.apply_with_state(params, state, x, key=...), "
                        "where a key trains and None evaluates; the first state is net.init_state()")

    def _compute_with_state(self, path: str, params: Any, state: Any, x: Array, key: Key | None) -> tuple[Array, Any]:
        return self.forward_with_state(params, state, x, key)


def _check_array(owner: str, x: Any, first: Array, dtype: Any) -> None:
    if getattr(x, "shape", None) != first.shape:
        raise ValueError(f"{owner} has shape {getattr(x, 'shape', None)}, expected {first.shape}; is this the state of "
                         "another net?")
    if dtype is not None and first.dtype.kind == "f" and x.dtype != dtype:
        raise TypeError(f"{owner} is {x.dtype} but the parameters are {dtype}; convert one of them: "
                        f"tree.astype(state, np.{dtype})")


# ------------------------------------------------------------------------------------------- batch_norm


def batch_norm(features: I, *, decay_rate: float = 0.9, eps: float = 1e-5, name: str | None = None,
               ) -> LayerWithState[I, I, Mapping[str, Array]]:
    """Normalise each feature over the batch, and remember its mean and variance for evaluation.

        y = scale (x - mean) / sqrt(var + eps) + offset

    In evaluation mean and var are those remembered; in training those of the batch, over all axes but the last, var the
    biased one, and what is remembered follows:

        mean' = decay_rate mean + (1 - decay_rate) that of the batch
        var'  = decay_rate var + (1 - decay_rate) that of the batch, times m / (m - 1)

    m is the number of values of each feature in a batch, 2 at least in training. x is (batch, ..., features); `scale`,
    at first 1, and `offset`, at first 0, are learnt; `mean`, at first 0, and `var`, at first 1, are the state, which
    has no derivative. All are `(features,)`. `decay_rate`, in [0, 1), is how slowly the state changes; `name` is its
    entry among the parameters and in the state. It is called by `apply_with_state`: a key trains, None evaluates.

    >>> from funcnn import random
    >>> layer = batch_norm(1, decay_rate=0.5)
    >>> params, x = layer.init(random.key(0)), np.array([[1.0], [3.0]], np.float32)
    >>> y, state = layer.apply_with_state(params, layer.init_state(), x, key=random.key(0))
    >>> state["mean"], state["var"]
    (array([1.], dtype=float32), array([1.5], dtype=float32))
    >>> layer.apply_with_state(params, state, x, key=None)[0].round(3)
    array([[0.   ],
           [1.633]], dtype=float32)

    Ioffe & Szegedy 2015 (arXiv:1502.03167), whose algorithm 2 has m / (m - 1), as torch has it, whose `momentum` is
    `1 - decay_rate`; Haiku's `BatchNorm` and Flax's remember the biased variance.
    """
    check_widths("batch_norm", features=features)
    decay_rate = real_number("batch_norm", "decay_rate", decay_rate, "[0, 1)")
    eps = real_number("batch_norm", "eps", eps, "[0, inf)")
    made_by: partial[Any] = partial(batch_norm, features, decay_rate=decay_rate, eps=eps, name=name)
    shapes, init = scale_and_offset("batch_norm", features)
    first = {"mean": readonly(np.zeros(features, np.float32)), "var": readonly(np.ones(features, np.float32))}

    def forward_with_state(params: Any, state: State, x: Array, key: Key | None) -> tuple[Array, State]:
        if key is None:
            return _normalized(params, x - state["mean"], state["var"], eps), state
        unbiased = _unbiased(x)
        mean, centred, var = _moments(x)
        seen = {"mean": mean, "var": var * unbiased}
        after = {name: decay_rate * state[name] + (1 - decay_rate) * stop_gradient(seen[name]) for name in seen}
        return _normalized(params, centred, var, eps), FrozenDict(after)

    return LayerWithState("batch_norm", init, in_features=features, out_features=features, keeps_width=True,
                          shapes=shapes, name=name, first_state=first, forward_with_state=forward_with_state,
                          made_by=made_by, misfit=no_batch)


def _moments(x: Array) -> tuple[Array, Array, Array]:
    """The mean of each feature, what is left without it, and its mean square."""
    xp, axes = namespace(x), tuple(range(x.ndim - 1))
    mean = xp.mean(x, axis=axes)
    centred = x - mean
    return mean, centred, xp.mean(centred * centred, axis=axes)


def _normalized(params: Any, centred: Array, var: Array, eps: float) -> Array:
    y: Array = centred * (params["scale"] / namespace(centred).sqrt(var + eps)) + params["offset"]
    return y


def _unbiased(x: Array) -> float:
    """m / (m - 1), for m values of each feature."""
    m = math.prod(x.shape[:-1])
    if m < 2:
        raise ValueError("batch_norm: training needs two values or more of each feature, to have a variance; the "
                         f"input has shape {x.shape}: leave such a batch out, or choose another size of batches")
    return m / (m - 1)
