"""With this module you can build networks of layers: `Layer`, `>>`, `serial`, `residual`.

A `Layer` is a record of two pure functions: `init(key)` draws its parameters and `apply(params, x)` uses them.
`a >> b` composes layers, and plain functions of an array are layers too. There is nothing else: no layer object
holds a weight.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, final, overload

import numpy as np

from funcnn import random
from funcnn._arrays import namespace
from funcnn.core.tracer import Tracer
from funcnn.tree.frozendict import FrozenDict, entries_of
from funcnn.typing import AnyWidth, Array, DenseParams, Dim, Key, Params, Shape

__all__ = ["Layer", "residual", "serial"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)
K = TypeVar("K", bound=Dim)
Width = TypeVar("Width", bound=Dim)  # the name is in mypy's message about a residual that is not square
P = TypeVar("P")

_NEITHER: Any = object()
"""The default of `key`, which says neither train (a key) nor evaluate (None)."""


@final
@dataclass(frozen=True, repr=False, eq=False)
class Layer(Generic[I, O, P]):
    """A pair of pure functions: `init(key) -> params` and `apply(params, x, key=...) -> y`.

    `forward(params, x, key)` is the layer's formula; `apply` checks the input and calls it. To make a kind of layer of
    your own, give `kind`, `init` and `forward`, and as much of the rest as lets `apply` name a mistake:

    - `in_features`, `out_features`: the length of the last axis of x and y; None where it may be any;
    - `keeps_width`: whether y is as wide as x, where they are None;
    - `axes`: how many axes x must have;
    - `shapes`: the shape of each parameter, {} for a layer without parameters;
    - `stochastic`: whether training draws random numbers;
    - `arguments`: what was asked for, as `repr` shows it; the widths unless given.

    Composition fills in `stages`, the layers of a net, `paths`, the entries of its parameters, and `path`, what errors
    and parameters call each layer.

    >>> from funcnn.layers import dense
    >>> net = dense(2, 64) >> np.tanh >> dense(64, 3)
    >>> net
    dense(2, 64) >> tanh >> dense(64, 3)
    >>> net.init(random.key(0))
    FrozenDict({'dense_0': {'w': float32[2, 64], 'b': float32[64]},
                'dense_1': {'w': float32[64, 3], 'b': float32[3]}})
    >>> dense(2, 64) >> dense(32, 3)
    Traceback (most recent call last):
    ...
    ValueError: cannot compose dense(2, 64) >> dense(32, 3): the first gives 64 features, the second takes 32
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
    arguments: tuple[Any, ...] | None = None
    name: str | None = None
    path: str | None = None
    stages: tuple[Layer[Any, Any, Any], ...] = ()
    paths: tuple[str, ...] = ()
    around: Callable[[Layer[Any, Any, Any]], Layer[Any, Any, Any]] | None = None

    def __post_init__(self) -> None:
        name: Any = self.name
        if name is not None and not (isinstance(name, str) and name):
            raise TypeError(f"{self.kind}: name must be a text, such as 'hidden', got {name!r}")

    @overload
    def apply(self: Layer[Any, Any, DenseParams], params: DenseParams | Mapping[str, Array], x: Array, *,
              key: Key | None = ...) -> Array: ...
    @overload
    def apply(self, params: P, x: Array, *, key: Key | None = ...) -> Array: ...
    def apply(self, params: Any, x: Array, *, key: Key | None = _NEITHER) -> Array:
        """The layer's output for a batch x, which leads with the batch axis.

        A key means training, `key=None` evaluation; a layer that draws no random numbers needs neither.
        """
        if key is _NEITHER:
            if self.stochastic:
                raise ValueError(f"{self!r}: draws random numbers in training; pass key=<a key> to train, key=None "
                                 "to evaluate")
            key = None
        if not _is_right(self, params, x):
            _explain(self, params, x)
        return self.forward(params, x, key)

    @overload
    def __rshift__(self, other: Layer[O, K, Any]) -> Layer[I, K, Params]: ...
    @overload
    def __rshift__(self, other: Callable[[Array], Array]) -> Layer[I, O, Params]: ...
    def __rshift__(self, other: Any) -> Layer[Any, Any, Params]:
        """This layer, then the other; a plain function of an array is taken to keep the width."""
        return _composed((*_stages_of(self), *_stages_of(other)))

    def __rrshift__(self, other: Callable[[Array], Array]) -> Layer[I, O, Params]:
        return _composed((*_stages_of(other), *_stages_of(self)))

    def __repr__(self) -> str:
        if self.kind == "serial":
            return " >> ".join(map(repr, self.stages)) or "serial()"
        if self.kind == "function":
            return str(self.name)
        if self.around is not None:
            return f"{self.kind}({' >> '.join(map(repr, self.stages))})"
        widths = (width for width in (self.in_features, self.out_features) if width is not None)
        return f"{self.kind}({', '.join(map(str, widths if self.arguments is None else self.arguments))})"

    @property
    def label(self) -> str:
        """What errors call the layer: `dense_1 (64 -> 3)`."""
        name = self.path or self.name or (repr(self) if self.kind == "serial" else self.kind)
        unknown = self.in_features is None and self.out_features is None
        return name if unknown else f"{name} ({_width(self.in_features)} -> {_width(self.out_features)})"


def _width(features: int | None) -> str:
    return "any" if features is None else str(features)


# ---------------------------------------------------------------------------------------------- checks


def _is_right(layer: Layer[Any, Any, Any], params: Any, x: Any) -> bool:
    """Whether a quick look finds nothing wrong: the width of x, the shapes of the parameters, one dtype for all."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if not shape or layer.axes is not None or layer.in_features not in (None, shape[-1]):
        return False
    if not (shapes := layer.shapes if type(layer.shapes) is not FrozenDict else entries_of(layer.shapes)):
        return True
    if type(params) is not FrozenDict or len(own := entries_of(params)) != len(shapes):
        return False
    for name, expected in shapes.items():
        param = own.get(name)
        if getattr(param, "shape", None) != expected or getattr(param, "dtype", None) != dtype:
            return False
    return dtype is None or dtype.kind == "f"


def _explain(layer: Layer[Any, Any, Any], params: Any, x: Any) -> None:
    """Look closely, and raise what is wrong, if it is."""
    if layer.in_features is not None or layer.axes is not None:
        _check_input(layer, x)
    if layer.shapes:
        _check_params(layer, layer.shapes, params, x)


def _check_input(layer: Layer[Any, Any, Any], x: Array) -> None:
    shape = getattr(x, "shape", None)
    if not shape or (layer.axes is not None and len(shape) != layer.axes):
        came = f"a {type(x).__name__}" if shape is None else f"shape {shape}" if shape else "a single number"
        raise TypeError(f"{layer.label}: the input must be an array {_expected(layer)}, got {came}")
    if layer.in_features is not None and shape[-1] != layer.in_features:
        raise ValueError(f"{layer.label}: input has {shape[-1]} features, expected {layer.in_features}"
                         f" (its shape is {shape})")


def _expected(layer: Layer[Any, Any, Any]) -> str:
    inner = ", height, width" if layer.axes == 4 else ""
    return f"(batch{inner}, {'features' if layer.in_features is None else layer.in_features})"


def _check_params(layer: Layer[Any, Any, Any], shapes: Mapping[str, Shape], params: Mapping[str, Array],
                  x: Array) -> None:
    """The parameters have these shapes and one dtype, which x does not widen."""
    _check_entries(layer, params, shapes)
    dtype = None
    for name, shape in shapes.items():
        param = params[name]
        if getattr(param, "shape", None) != shape:
            raise ValueError(f"{layer.label}: parameter {name!r} has shape {getattr(param, 'shape', None)}, expected "
                             f"{shape}; are these the parameters of another net?")
        if isinstance(param, np.ndarray | Tracer) and (
                param.dtype.kind != "f" or (dtype is not None and dtype != param.dtype)):
            raise TypeError(f"{layer.label}: parameter {name!r} is {param.dtype}; all parameters need one floating "
                            "dtype: tree.astype(params, np.float32)")
        dtype = param.dtype
    if dtype is not None and layer.in_features is not None and isinstance(x, np.ndarray | Tracer):
        _check_dtype(layer, x.dtype, dtype)


def _check_entries(layer: Layer[Any, Any, Any], params: Any, expected: Mapping[str, Any]) -> None:
    """The parameters have the entries they should and no others."""
    if not isinstance(params, FrozenDict | Mapping):
        raise TypeError(f"{layer.label}: the parameters must be a mapping, as init returns it, got a "
                        f"{type(params).__name__}")
    if params.keys() != expected.keys():
        raise ValueError(f"{layer.label}: its parameters are {list(expected)}, got {list(params)}; are these the "
                         "parameters of another net?")


def _check_dtype(layer: Layer[Any, Any, Any], came: np.dtype[Any], own: np.dtype[Any]) -> None:
    """Refuse integers, and float64 where the parameters are float32: all that follows would be float64."""
    if came == own:
        return
    if came.kind != "f":
        raise TypeError(f"{layer.label}: the input is {came}, floating-point numbers are needed: "
                        f"x.astype(np.{own})")
    if came.itemsize > own.itemsize:
        raise TypeError(f"{layer.label}: the input is {came} but the parameters are {own}; convert one of them: "
                        f"x.astype(np.{own}), or tree.astype(params, np.{came})")


# ----------------------------------------------------------------------------------------- composition


def serial(*layers: Layer[Any, Any, Any] | Callable[[Array], Array]) -> Layer[Any, Any, Params]:
    """The layers one after the other, as `>>` composes them; `serial()` is the identity.

    >>> from funcnn.layers import dense
    >>> serial(dense(2, 4), np.tanh, dense(4, 1))
    dense(2, 4) >> tanh >> dense(4, 1)
    >>> serial().apply({}, np.ones((1, 2)))
    array([[1., 1.]])
    """
    return _composed(tuple(stage for layer in layers for stage in _stages_of(layer)))


@overload
def residual(layer: Layer[Width, Width, Any], *, name: str | None = None) -> Layer[Width, Width, Params]: ...
@overload
def residual(layer: Callable[[Array], Array], *, name: str | None = None) -> Layer[AnyWidth, AnyWidth, Params]: ...
def residual(layer: Any, *, name: str | None = None) -> Layer[Any, Any, Params]:
    """A block that adds to its input: y = x + layer(x). The layer must give as many features as it takes.

    >>> from funcnn.layers import dense
    >>> block = residual(dense(8, 8) >> np.tanh)
    >>> (dense(2, 8) >> block).init(random.key(0))
    FrozenDict({'dense_0': {'w': float32[2, 8], 'b': float32[8]},
                'residual_0/dense_0': {'w': float32[8, 8], 'b': float32[8]}})

    He et al. 2015 (arXiv:1512.03385).
    """
    return _residual(serial(layer), name)


def _residual(net: Layer[Any, Any, Params], name: str | None) -> Layer[Any, Any, Params]:
    if net.in_features != net.out_features or (net.in_features is None and not net.keeps_width):
        raise ValueError(f"residual({net!r}): the layer gives {net.out_features} features, its input has "
                         f"{net.in_features}; they are added, so they must be the same")

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        return x + net.apply(params, x, key=key)

    return Layer("residual", net.init, forward, net.in_features, net.out_features, keeps_width=True,
                 stochastic=net.stochastic, name=name, stages=net.stages, paths=net.paths,
                 around=lambda inner: _residual(inner, name))


def _stages_of(layer: Any) -> tuple[Layer[Any, Any, Any], ...]:
    if isinstance(layer, Layer):
        return layer.stages if layer.kind == "serial" else (layer,)
    if not callable(layer):
        raise TypeError(f">>: a stage must be a Layer or a function of an array, got {layer!r}")
    if str(getattr(layer, "__annotations__", {}).get("return", "")).startswith("Layer"):
        name = getattr(layer, "__name__", repr(layer))
        raise TypeError(f">>: {name} is a function that makes a layer, not a layer; call it: {name}(...)")
    return (_function(layer),)


def _function(f: Callable[[Array], Array]) -> Layer[Any, Any, Any]:
    name = getattr(f, "__name__", repr(f))
    run = _ufunc_of_any_namespace(f) if isinstance(f, np.ufunc) else f
    return Layer("function", lambda key: FrozenDict(), lambda params, x, key: run(x), keeps_width=True, shapes={},
                 name=name)


def _ufunc_of_any_namespace(f: np.ufunc) -> Callable[[Array], Array]:
    """`np.tanh` for NumPy, and the function of the same name for other arrays, which NumPy's would convert."""
    return lambda x: f(x) if namespace(x) is np else getattr(namespace(x), f.__name__)(x)


Entries = dict[str, str]
"""Where the parameters of a stage stand in those of the net: {"": path} for a layer, {inner path: path} for a block."""


def _composed(stages: tuple[Layer[Any, Any, Any], ...], prefix: str = "") -> Layer[Any, Any, Params]:
    """The net of these stages; in the labels of errors a prefix stands before their paths."""
    in_features, out_features = _widths(stages)
    placed = _placed(stages, prefix)
    expected = dict.fromkeys(path for entries, _ in placed for path in entries.values())

    def init(key: Key) -> Params:
        with_params = [(entries, stage) for entries, stage in placed if entries]
        drawn = [(entries, stage.init(random.fold_in(key, i))) for i, (entries, stage) in enumerate(with_params)]
        return FrozenDict((path, own[inner] if inner else own) for entries, own in drawn
                          for inner, path in entries.items())

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        if type(params) is not FrozenDict or entries_of(params).keys() != expected.keys():
            _check_entries(net, params, expected)
        for i, (entries, stage) in enumerate(placed):
            if stage.kind == "function":
                x = stage.forward(_NO_PARAMS, x, None)
                continue
            own = _own(params, entries)
            if not _is_right(stage, own, x):
                _explain(stage, own, x)
            x = stage.forward(own, x, random.fold_in(key, i) if stage.stochastic and key is not None else None)
        return x

    net: Layer[Any, Any, Params] = Layer(
        "serial", init, forward, in_features, out_features, keeps_width=all(stage.keeps_width for stage in stages),
        stochastic=any(stage.stochastic for stage in stages), stages=tuple(stage for _, stage in placed),
        paths=tuple(expected))
    return net


def _own(params: Params, entries: Entries) -> Any:
    """The parameters of one stage among those of the net."""
    if "" in entries:
        return params[entries[""]]
    if not entries:
        return _NO_PARAMS
    return FrozenDict((inner, params[path]) for inner, path in entries.items())


_NO_PARAMS: Params = FrozenDict()


def _widths(stages: tuple[Layer[Any, Any, Any], ...]) -> tuple[int | None, int | None]:
    """The first width that goes in and the last that comes out; widths that do not fit are an error."""
    first = width = None
    before: Layer[Any, Any, Any] | None = None
    kept = True
    for stage in stages:
        if width is not None and stage.in_features not in (None, width):
            raise ValueError(f"cannot compose {before!r} >> {stage!r}: the first gives {width} features, the second "
                             f"takes {stage.in_features}")
        if first is None and kept:
            first = stage.in_features
        kept = kept and stage.keeps_width
        if stage.in_features is not None or not stage.keeps_width:
            before, width = stage, stage.out_features
    return first, width


def _placed(stages: tuple[Layer[Any, Any, Any], ...], prefix: str) -> list[tuple[Entries, Layer[Any, Any, Any]]]:
    """The stages with the names of their parameters: their own, or kind_0, kind_1, ... in order."""
    counts: dict[str, int] = {}
    placed: list[tuple[Entries, Layer[Any, Any, Any]]] = []
    for stage in stages:
        name = stage.name or f"{stage.kind}_{counts.get(stage.kind, 0)}"
        entries = _entries(stage, name)
        if (entries or stage.around is None) and stage.name is None:
            counts[stage.kind] = counts.get(stage.kind, 0) + 1
        placed.append((entries, _relabelled(stage, prefix + name)))
    _check_unique([path for entries, _ in placed for path in entries.values()])
    return placed


def _entries(stage: Layer[Any, Any, Any], name: str) -> Entries:
    if stage.around is None:
        return {} if stage.shapes is not None and not stage.shapes else {"": name}
    return {inner: f"{name}/{inner}" for inner in stage.paths}


def _relabelled(stage: Layer[Any, Any, Any], path: str) -> Layer[Any, Any, Any]:
    """The stage whose errors, and those of the layers inside it, name this path."""
    if stage.path == path or stage.kind == "function":
        return stage
    inner = stage if stage.around is None else stage.around(_composed(stage.stages, f"{path}/"))
    return replace(inner, path=path)


def _check_unique(paths: list[str]) -> None:
    twice = sorted(path for path, times in Counter(paths).items() if times > 1)
    if twice:
        raise ValueError(f"cannot compose: two layers are named {twice[0]!r}; give one of them another name=...")
