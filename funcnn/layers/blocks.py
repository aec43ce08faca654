"""Blocks, which hold a net: `residual`, y = x + net(x)."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, overload

from funcnn.layers.checks import check_entries, check_input
from funcnn.layers.composition import Layer, LayerSequence, Stage, net_of
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import AnyWidth, Array, Dim, Key, Params

__all__ = ["residual"]

Width = TypeVar("Width", bound=Dim)  # the name is in mypy's message about a residual that is not square


@dataclass(frozen=True, repr=False, eq=False)
class LayerBlock(Layer[Any, Any, Params]):
    """A net around which its input goes."""

    net: LayerSequence = field(kw_only=True)
    paths: Mapping[str, None] = field(kw_only=True)

    @functools.cached_property
    def depth(self) -> int:
        return 1 + self.net.depth

    @functools.cached_property
    def stages(self) -> tuple[Stage, ...]:
        return self.net.stages

    @functools.cached_property
    def has_params(self) -> bool:
        return bool(self.paths)

    def _check(self, path: str, params: Any, x: Any) -> None:
        check_input(self, path, x)
        check_entries(self, path, params, self.paths)

    def _compute(self, path: str, params: Any, x: Array, key: Key | None) -> Array:
        return x + self.net._compute(path, params, x, key)

    def _compute_with_state(self, path: str, params: Any, state: Any, x: Array, key: Key | None) -> tuple[Array, Any]:
        y, state = self.net._compute_with_state(path, params, state, x, key)
        return x + y, state

    def _paths(self, name: str) -> list[str]:
        return [f"{name}/{path}" for path in self.paths]

    def _put(self, name: str, own: Any) -> dict[str, Any]:
        return {f"{name}/{path}": params for path, params in own.items()}

    def _pick(self, name: str, params: Params) -> Any:
        return FrozenDict((path, params[f"{name}/{path}"]) for path in self.paths)

    def __repr__(self) -> str:
        return super().__repr__() if self.depth <= 20 else "residual(...)"

    def __reduce__(self) -> tuple[Any, ...]:
        return self.made_by, ()


@overload
def residual(layer: Layer[Width, Width, Any], *, name: str | None = None) -> Layer[Width, Width, Params]: ...
@overload
def residual(layer: Callable[[Array], Array], *, name: str | None = None) -> Layer[AnyWidth, AnyWidth, Params]: ...
def residual(layer: Any, *, name: str | None = None) -> Layer[Any, Any, Params]:
    """A block that adds to its input: `y = x + layer(x)`.

    The layer, or net, must give as many features as it takes, else it is a ValueError. `name` stands in the parameters
    before the names of what is inside, instead of `residual_0`.

    >>> import numpy as np
    >>> from funcnn import random
    >>> from funcnn.layers import dense
    >>> block = residual(dense(8, 8) >> np.tanh)
    >>> (dense(2, 8) >> block).init(random.key(0))
    FrozenDict({'dense_0': {'w': float32[2, 8], 'b': float32[8]},
                'residual_0/dense_0': {'w': float32[8, 8], 'b': float32[8]}})

    He et al. 2015 (arXiv:1512.03385).
    """
    net = net_of(layer)
    if net.in_features != net.out_features or (net.in_features is None and not net.keeps_width):
        raise ValueError(f"residual({net!r}): the layer gives {net.out_features} features, its input has "
                         f"{net.in_features}; they are added, so they must be the same")
    depth, most = 1 + net.depth, sys.getrecursionlimit() // 4
    if depth > most:
        raise ValueError(f"residual: blocks stand {depth} deep inside each other, and Python's stack holds {most}; put "
                         "them one after another (residual(a) >> residual(b)), or call sys.setrecursionlimit before")
    return LayerBlock("residual", net.init, lambda params, x, key: x + net._compute("", params, x, key),
                     net.in_features, net.out_features, keeps_width=True, stochastic=net.stochastic, name=name,
                     made_by=functools.partial(residual, net, name=name), net=net, paths=net.places.paths)
