"""What a layer is, and how layers are put together: `Layer`, `>>`, `serial`.

A `Layer` is a record of two pure functions: `init(key)` draws its parameters and `apply(params, x)` uses them.
`a >> b` composes layers, and plain functions of an array are layers too. There is nothing else: no layer object
holds a weight.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Generic, NamedTuple, Self, TypeAlias, TypeVar, overload

import numpy as np

from funcnn import random
from funcnn._arrays import namespace
from funcnn.core import named_scope
from funcnn.layers.checks import check, check_entries, check_input, taken_in
from funcnn.layers.state import NEITHER, Remembering, inside, one_after_another
from funcnn.tree.frozendict import FrozenDict
from funcnn.tree.structure import parts
from funcnn.typing import Array, DenseParams, Dim, Key, Params, Shape

__all__ = ["Layer", "Net", "Stage", "net_of", "run", "serial"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)
K = TypeVar("K", bound=Dim)
P = TypeVar("P")


@dataclass(frozen=True, repr=False, eq=False)
class Layer(Remembering[P], Generic[I, O, P]):
    """A pair of pure functions: `init(key) -> params` and `apply(params, x, key=...) -> y`.

    `forward(params, x, key)` is the layer's formula; `apply` checks the input and calls it. To make a kind of layer of
    your own, give `kind`, `init` and `forward`, and as much of the rest as lets `apply` name a mistake:

    - `in_features`, `out_features`: the length of the last axis of x and y; None where it may be any;
    - `keeps_width`: whether y is as wide as x, where they are None;
    - `axes`: how many axes x must have;
    - `shapes`: the shape of each parameter, {} for a layer without parameters;
    - `stochastic`: whether training draws random numbers;
    - `name`: what a net calls it, instead of kind_0, kind_1, ...;
    - `made_by`: the call that made it, as `partial(scale, 3)`: what `repr` shows and pickle keeps;
    - `misfit`: what else is wrong with x of some shape, as a text, "" where nothing is.

    >>> from functools import partial
    >>> from funcnn.layers import dense
    >>> def scale(width):
    ...     return Layer("scale", lambda key: FrozenDict({"s": np.ones(width, np.float32)}),
    ...                  lambda params, x, key: x * params["s"], width, width, shapes={"s": (width,)},
    ...                  made_by=partial(scale, width))
    >>> net = dense(2, 64) >> np.tanh >> scale(64) >> dense(64, 3)
    >>> net
    dense(2, 64) >> tanh >> scale(64) >> dense(64, 3)
    >>> net.init(random.key(0))
    FrozenDict({'dense_0': {'w': float32[2, 64], 'b': float32[64]},
                'scale_0': {'s': float32[64]},
                'dense_1': {'w': float32[64, 3], 'b': float32[3]}})
    >>> dense(2, 64) >> dense(32, 3)
    Traceback (most recent call last):
    ...
    ValueError: cannot compose dense(2, 64) >> dense(32, 3): the first gives 64 features, the second takes 32

    A type checker knows literal widths. Where they stand in variables, say that they stay: `N: Final = 64`.
    `Net` is the type of any net, as in `def make() -> Net`. A layer that remembers is a `LayerWithState`.
    """

    kind: str
    init: Callable[[Key], P]
    forward: Callable[[P, Array, Key | None], Array]
    in_features: I | None = None
    out_features: O | None = None
    keeps_width: bool = False
    axes: int | None = None
    shapes: Mapping[str, Shape] | None = None
    stochastic: bool = False
    name: str | None = None
    made_by: functools.partial[Layer[Any, Any, Any]] | None = None
    misfit: Callable[[Shape], str] | None = None

    def __post_init__(self) -> None:
        name: Any = self.name
        if name is not None and not (isinstance(name, str) and name):
            raise TypeError(f"{self.kind}: name must be a text, such as 'hidden', got {name!r}")

    @overload
    def apply(self: Layer[Any, Any, DenseParams], params: DenseParams | Mapping[str, Array], x: Array, *,
              key: Key | None = ...) -> Array: ...
    @overload
    def apply(self, params: P, x: Array, *, key: Key | None = ...) -> Array: ...
    def apply(self, params: Any, x: Array, *, key: Key | None = NEITHER) -> Array:
        """The layer's output for its `params` and a batch `x`, which leads with the batch axis.

        A key means training, `key=None` evaluation; a layer that draws no random numbers needs neither. A table of
        pandas or polars, or a tensor of PyTorch, comes in as the array of the same numbers.
        """
        if key is NEITHER:
            if self.stochastic and not self.has_state:
                raise ValueError(f"{self!r}: draws random numbers in training; pass key=<a key> to train, key=None "
                                 "to evaluate")
            key = None
        return run(self, "", params, x, key)

    @overload
    def __rshift__(self, other: Layer[O, K, Any]) -> Layer[I, K, Params]: ...
    @overload
    def __rshift__(self, other: Callable[[Array], Array]) -> Layer[I, O, Params]: ...
    def __rshift__(self, other: Any) -> Layer[Any, Any, Params]:
        """This layer, then the other; a plain function of an array is taken to keep the width."""
        return serial(self, other)

    def __rrshift__(self, other: Callable[[Array], Array]) -> Layer[I, O, Params]:
        return serial(other, self)

    # What the rest of a net asks of a layer. A function, a block and a net answer otherwise, below.

    @functools.cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The layers that it is made of, by their names; of a single layer none."""
        return ()

    @property
    def depth(self) -> int:
        """How many blocks stand inside each other."""
        return 0

    @functools.cached_property
    def has_params(self) -> bool:
        """Whether it has an entry among the parameters of a net."""
        return self.shapes is None or bool(self.shapes)

    def called(self, path: str = "") -> str:
        """Its `path` in a net; outside of one, where that is empty, its name or kind."""
        return path or self.name or self.kind

    def label(self, path: str = "") -> str:
        """What errors call it at this `path`: `dense_1 (64 -> 3)`."""
        before, after = ("any" if width is None else width for width in (self.in_features, self.out_features))
        return self.called(path) if before == after == "any" else f"{self.called(path)} ({before} -> {after})"

    def _check(self, path: str, params: Any, x: Any) -> None:
        check(self, path, params, x)

    def _compute(self, path: str, params: Any, x: Array, key: Key | None) -> Array:
        return self.forward(params, x, key)

    def _paths(self, name: str) -> list[str]:
        """Its entries among the parameters of a net where it has this name."""
        return [name] if self.has_params else []

    def _put(self, name: str, own: Any) -> dict[str, Any]:
        """Its own parameters as those entries."""
        return {name: own}

    def _pick(self, name: str, params: Params) -> Any:
        """Its own parameters from those entries."""
        return params[name] if self.has_params else _NO_PARAMS

    def __repr__(self) -> str:
        widths = (width for width in (self.in_features, self.out_features) if width is not None)
        arguments = widths if self.made_by is None else self.made_by.args
        return f"{self.kind}({', '.join(map(repr, arguments))})"

    def _repr_html_(self) -> str:
        from funcnn.layers.page import page_of

        return page_of(self)

    def __copy__(self) -> Self:
        return self  # it never changes

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        if self.made_by is not None:
            return _picklable(self, self.made_by), ()
        return type(self), tuple(_picklable(self, getattr(self, each.name)) for each in fields(self))


Net: TypeAlias = Layer[Any, Any, Params]
"""Any net: what `>>`, `serial` and `residual` make."""


class Stage(NamedTuple):
    """A layer at its place in a net."""

    name: str
    layer: Layer[Any, Any, Any]


_NO_PARAMS: Params = FrozenDict()


def run(layer: Layer[Any, Any, Any], path: str, params: Any, x: Any, key: Key | None) -> Array:
    """What a layer makes of x at its place in a net: here every layer, function and block comes by, with its path."""
    x = taken_in(layer.label, path, x)
    layer._check(path, params, x)
    with named_scope(name := layer.called(path), (x, *parts(params)[0]) if name else ()):
        return layer._compute(path, params, x, key)


def _picklable(layer: Layer[Any, Any, Any], part: Any) -> Any:
    """A part of a layer, if pickle can write it."""
    import pickle

    try:
        pickle.dumps(part)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise pickle.PicklingError(
            f"{layer!r}: cannot be pickled: {error}. Pickle finds functions by their name: define them with def at the "
            "top of a module, not as a lambda or inside another function") from error
    return part


# ------------------------------------------------------------------------------------------- functions


@dataclass(frozen=True, repr=False, eq=False)
class LayerFunction(Layer[Any, Any, Any]):
    """A plain function of an array as a stage."""

    function: Callable[[Array], Array] = field(kw_only=True)

    def called(self, path: str = "") -> str:
        return path or getattr(self.function, "__name__", repr(self.function))

    def _check(self, path: str, params: Any, x: Any) -> None:
        """It may be a function of anything."""

    def __repr__(self) -> str:
        return self.called()

    def __reduce__(self) -> tuple[Any, ...]:
        return _function, (_picklable(self, self.function),)


def _function(f: Callable[[Array], Array]) -> LayerFunction:
    if not callable(f):
        raise TypeError(f">>: a stage must be a Layer or a function of an array, got {f!r}")
    if str(getattr(f, "__annotations__", {}).get("return", "")).startswith(("Layer", "Net")):
        name = getattr(f, "__name__", repr(f))
        raise TypeError(f">>: {name} is a function that makes a layer, not a layer; call it: {name}(...)")
    of_x = _ufunc_of_any_namespace(f) if isinstance(f, np.ufunc) else f
    return LayerFunction("function", lambda key: _NO_PARAMS, lambda params, x, key: of_x(x), keeps_width=True,
                         shapes={}, function=f)


def _ufunc_of_any_namespace(f: np.ufunc) -> Callable[[Array], Array]:
    """`np.tanh` for NumPy, and the function of the same name for other arrays, which NumPy's would convert."""
    return lambda x: f(x) if namespace(x) is np else getattr(namespace(x), f.__name__)(x)


# ---------------------------------------------------------------------------------- one after the other


class Places(NamedTuple):
    """What the stages of a net are called."""

    stages: tuple[Stage, ...]
    paths: dict[str, None]
    """The entries of its parameters, in order."""
    counts: dict[tuple[str, bool], int]
    """How many stages of each kind, with parameters and without, have a number for a name."""


@dataclass(frozen=True, repr=False, eq=False)
class LayerSequence(Layer[Any, Any, Params]):
    """Layers one after the other. What they are called is found out when it is asked for: a loop of >> asks once."""

    layers: tuple[Layer[Any, Any, Any], ...] = ()
    named: Places | None = None
    """Their places, if some have a name of their own, and it could be the name of two."""

    @functools.cached_property
    def places(self) -> Places:
        """The layers with their names."""
        return self.named or _placed(_NOWHERE, self.layers)

    @functools.cached_property
    def stages(self) -> tuple[Stage, ...]:
        return self.places.stages

    @property
    def depth(self) -> int:
        return max((layer.depth for layer in self.layers), default=0)

    @functools.cached_property
    def has_params(self) -> bool:
        return bool(self.places.paths)

    def called(self, path: str = "") -> str:
        return path

    def label(self, path: str = "") -> str:
        return super().label(path or repr(self))

    def _check(self, path: str, params: Any, x: Any) -> None:
        check_input(self, path, x)
        check_entries(self, path, params, self.places.paths)

    def _compute(self, path: str, params: Any, x: Array, key: Key | None) -> Array:
        for i, (name, layer) in enumerate(self.stages):
            own_key = random.fold_in(key, i) if layer.stochastic and key is not None else None
            x = run(layer, inside(path, name), layer._pick(name, params), x, own_key)
        return x

    def _compute_with_state(self, path: str, params: Any, state: Any, x: Array, key: Key | None) -> tuple[Array, Any]:
        return one_after_another(self.stages, path, params, state, x, key)

    def __repr__(self) -> str:
        return " >> ".join(map(repr, self.layers)) or "serial()"

    def __reduce__(self) -> tuple[Any, ...]:
        return serial, self.layers


def serial(*layers: Layer[Any, Any, Any] | Callable[[Array], Array]) -> Net:
    """The `layers`, nets and functions one after the other, as `>>` composes them; `serial()` is the identity.

    >>> from funcnn.layers import dense
    >>> serial(dense(2, 4), np.tanh, dense(4, 1))
    dense(2, 4) >> tanh >> dense(4, 1)
    >>> serial().apply({}, np.ones((1, 2)))
    array([[1., 1.]])
    """
    return _joined([net_of(layer) for layer in layers])


def net_of(layer: Any) -> LayerSequence:
    """A net of one layer, if it is not one of more."""
    if isinstance(layer, LayerSequence):
        return layer
    if not isinstance(layer, Layer):
        layer = _function(layer)
    return _sequence((layer,), layer.in_features, layer.out_features, layer.keeps_width, layer.stochastic,
                     None if layer.name is None else _placed(_NOWHERE, (layer,)))


def _joined(nets: list[LayerSequence]) -> LayerSequence:
    first, width, kept = None, None, True
    for i, net in enumerate(nets):
        if width is not None and net.in_features not in (None, width):
            raise _misfit(nets[:i], net)
        if first is None and kept:
            first = net.in_features
        kept = kept and net.keeps_width
        if net.in_features is not None or not net.keeps_width:
            width = net.out_features
    layers = tuple(itertools.chain.from_iterable(net.layers for net in nets))
    named = any(net.named for net in nets)
    return _sequence(layers, first, width, kept, any(net.stochastic for net in nets),
                     _placed(nets[0].places, layers[len(nets[0].layers):]) if named else None)


def _misfit(before: list[LayerSequence], after: LayerSequence) -> ValueError:
    """The error about the two layers whose widths do not fit."""
    giving = [layer for net in before for layer in net.layers if layer.in_features is not None or not layer.keeps_width]
    one, two = giving[-1], next(layer for layer in after.layers if layer.in_features is not None)
    return ValueError(f"cannot compose {one!r} >> {two!r}: the first gives {one.out_features} features, the second "
                      f"takes {two.in_features}")


def _sequence(layers: tuple[Layer[Any, Any, Any], ...], in_features: int | None, out_features: int | None,
              keeps_width: bool, stochastic: bool, named: Places | None) -> LayerSequence:
    def init(key: Key) -> Params:
        with_params = [stage for stage in net.stages if stage.layer.has_params]
        drawn = [layer._put(name, layer.init(random.fold_in(key, i))) for i, (name, layer) in enumerate(with_params)]
        return FrozenDict((path, params) for own in drawn for path, params in own.items())

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        return net._compute("", params, x, key)

    net = LayerSequence("serial", init, forward, in_features, out_features, keeps_width, stochastic=stochastic,
                        layers=layers, named=named)
    return net


_NOWHERE = Places((), {}, {})


def _placed(before: Places, layers: tuple[Layer[Any, Any, Any], ...]) -> Places:
    """The places of layers that stand behind others, whose names stay as they are: they count from left to right."""
    stages, paths, counts = list(before.stages), dict(before.paths), dict(before.counts)
    for layer in layers:
        name = _name(layer, counts)
        stages.append(Stage(name, layer))
        for path in layer._paths(name):
            if path in paths:
                raise ValueError(f"cannot compose: two layers are named {path!r}; give one of them another name=...")
            paths[path] = None
    return Places(tuple(stages), paths, counts)


def _name(layer: Layer[Any, Any, Any], counts: dict[tuple[str, bool], int]) -> str:
    """Its own name, or kind_0, kind_1, ... in order. Layers without parameters do not count for those with."""
    if layer.name is not None:
        return layer.name
    kind, has_params = layer.called(), layer.has_params
    with_params, without = counts.get((kind, True), 0), counts.get((kind, False), 0)
    counts[kind, has_params] = 1 + (with_params if has_params else without)
    return f"{kind}_{with_params if has_params else with_params + without}"
