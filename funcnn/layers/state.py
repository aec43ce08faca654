"""How does a net remember, where nothing changes? What it remembers, its state, comes in and goes out beside x and y.

`Remembering` is what every layer, block and net answers about it; those that remember nothing have an empty state, and
pay nothing. A layer that remembers is a `LayerWithState` (`funcnn.layers.running`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from funcnn import random
from funcnn._arguments import Default, described
from funcnn.core import named_scope
from funcnn.layers.checks import taken_in
from funcnn.tree.frozendict import FrozenDict
from funcnn.tree.structure import parts
from funcnn.typing import Array, Key, Params

__all__ = ["NEITHER", "Remembering", "check_state_entries", "inside", "one_after_another", "run_with_state"]

P = TypeVar("P")
S = TypeVar("S")

NEITHER: Any = Default("neither")
"""The default of `key`, which says neither train (a key) nor evaluate (None)."""


class Remembering(Generic[P]):
    """What a layer says of its state; this one, of no layer that remembers, that it is that of its stages."""

    if TYPE_CHECKING:  # what it asks of a layer
        @property
        def stochastic(self) -> bool: ...  # noqa: D102  # Layer's own
        @property
        def stages(self) -> tuple[Any, ...]: ...  # noqa: D102  # Layer's own
        def called(self, path: str = "") -> str: ...  # noqa: D102  # Layer's own
        def label(self, path: str = "") -> str: ...  # noqa: D102  # Layer's own
        def _check(self, path: str, params: Any, x: Any) -> None: ...
        def _compute(self, path: str, params: Any, x: Array, key: Key | None) -> Array: ...

    @functools.cached_property
    def has_state(self) -> bool:
        """Whether it remembers anything, and so has to be called by `apply_with_state`."""
        return any(layer.has_state for _, layer in self.stages)

    def init_state(self) -> Params:
        """What it remembers before the first step, {layer path: {name: array}}: nothing, {}, of most nets.

        >>> from funcnn.layers import batch_norm, dense
        >>> (dense(2, 3) >> batch_norm(3)).init_state()
        FrozenDict({'batch_norm_0': {'mean': float32[3], 'var': float32[3]}})
        """
        first: Params = self._first_state
        return first

    def apply_with_state(self, params: P, state: S, x: Array, *, key: Key | None = NEITHER) -> tuple[Array, S]:
        """The output for a batch x, and what is remembered after it: y, and a state like the one given.

        It is `apply` for nets with layers that remember, such as `batch_norm`; of others the state is {}. A key means
        training, as everywhere: the statistics of the batch are used, and enter the state. `key=None` means evaluation:
        those of the state are used, and it stays as it is. There is no second switch, so that dropout and batch
        normalisation of one net cannot disagree; where nothing is drawn, any key will do.

        >>> import numpy as np
        >>> from funcnn import random
        >>> from funcnn.layers import batch_norm
        >>> net = np.negative >> batch_norm(1)
        >>> params, state, x = net.init(random.key(0)), net.init_state(), np.array([[1.0], [3.0]], np.float32)
        >>> y, state = net.apply_with_state(params, state, x, key=random.key(0))
        >>> y, state["batch_norm_0"]["mean"]
        (array([[ 0.999995], [-0.999995]], dtype=float32), array([-0.2], dtype=float32))

        In a training step, the state goes out of the loss beside its value, and on through `fold`:

            def loss(params, state, batch, key):
                x, targets = batch
                y, state = net.apply_with_state(params, state, x, key=key)
                return np.mean(squared_error(y, targets)), state

            def step(params, state, opt_state, key, batch):
                key, now = random.split(key)
                (value, state), grads = value_and_grad(loss, has_aux=True)(params, state, batch, now)
                updates, opt_state = optimizer.update(grads, opt_state, params)
                return apply_updates(params, updates), state, opt_state, key, value

        As the state of Haiku's `transform_with_state`, which stands second there too.
        """
        if key is NEITHER:
            if self.stochastic or self.has_state:
                raise ValueError(f"{self!r}: training and evaluation differ; pass key=<a key> to train, such as "
                                 "random.key(0) where nothing is drawn, key=None to evaluate")
            key = None
        result: tuple[Array, Any] = run_with_state(self, "", params, state, x, key)
        return result

    # What the rest of a net asks of a layer. One that remembers answers otherwise.

    @functools.cached_property
    def _first_state(self) -> Any:
        """What `init_state` gives, of a layer alone {name: array}."""
        states: dict[str, Any] = {}
        for name, layer in self.stages:
            for path, state in (layer._put(name, layer.init_state()) if layer.has_state else {}).items():
                if path in states:
                    raise ValueError(f"{self!r}: two layers that remember are named {path!r}; give one of them another "
                                     "name=...")
                states[path] = state
        return FrozenDict(states)

    def _check_state(self, path: str, params: Any, state: Any) -> None:
        check_state_entries(self, path, state, self._first_state)

    def _pick_state(self, name: str, state: Params) -> Any:
        """Its own state from the entries of a net where it has this name."""
        return FrozenDict((path, state[f"{name}/{path}"]) for path in self._first_state)

    def _compute_with_state(self, path: str, params: Any, state: Any, x: Array, key: Key | None) -> tuple[Array, Any]:
        return self._compute(path, params, x, key), state


def run_with_state(layer: Remembering[Any], path: str, params: Any, state: Any, x: Any, key: Key | None,
                   ) -> tuple[Array, Any]:
    """What a layer makes of x at its place in a net, and what it remembers then."""
    x = taken_in(layer.label, path, x)
    layer._check(path, params, x)
    layer._check_state(path, params, state)
    with named_scope(name := layer.called(path), (x, *parts(params)[0]) if name else ()):
        return layer._compute_with_state(path, params, state, x, key)


def one_after_another(stages: Iterable[tuple[str, Any]], path: str, params: Params, state: Params, x: Array,
                      key: Key | None) -> tuple[Array, Params]:
    """The stages of a net, each with its own parameters, state and key; the states after it, by their entries."""
    after: dict[str, Any] = {}
    for i, (name, layer) in enumerate(stages):
        own_key = random.fold_in(key, i) if layer.stochastic and key is not None else key
        own_state = layer._pick_state(name, state)
        x, own_state = run_with_state(layer, inside(path, name), layer._pick(name, params), own_state, x, own_key)
        after.update(layer._put(name, own_state) if layer.has_state else {})
    return x, FrozenDict(after)


def inside(path: str, name: str) -> str:
    """The path of a stage of this name."""
    return f"{path}/{name}" if path else name


def check_state_entries(layer: Remembering[Any], path: str, state: Any, expected: Mapping[str, Any]) -> None:
    """The state has the entries it should and no others."""
    if not isinstance(state, Mapping):
        raise TypeError(f"{layer.label(path)}: the state must be a mapping, as init_state returns it, got "
                        + described(state))
    if state.keys() != expected.keys():
        raise ValueError(f"{layer.label(path)}: the entries of its state are {list(expected)}, got {list(state)}; is "
                         "this the state of another net? init_state() gives the first")
