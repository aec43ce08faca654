"""With this module you can build networks: `dense(2, 64) >> relu >> dense(64, 3)`.

A `Layer` is a record of two pure functions: `init(key)` draws its parameters and `apply(params, x)` uses them.
`a >> b` composes layers, and plain functions of an array are layers too. There is nothing else: no layer object
holds a weight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast, final, overload

import numpy as np

from funcnn import initializers, random
from funcnn.arrays import column_sums, is_concrete
from funcnn.autodiff import custom_vjp
from funcnn.tracers import Tracer
from funcnn.tree import FrozenDict
from funcnn.typing import Array, DenseParams, Dim, Key, Params, Shape

__all__ = ["Layer", "affine", "dense", "serial"]

I = TypeVar("I", bound=Dim)
O = TypeVar("O", bound=Dim)
K = TypeVar("K", bound=Dim)
P = TypeVar("P")

_NEITHER: Any = object()
"""The default of `key`, which says neither train (a key) nor evaluate (None)."""


# ---------------------------------------------------------------------------------------------- dense


@custom_vjp
def affine(x: Array, w: Array, b: Array) -> Array:
    """The map of a dense layer, y = x w + b, for x (..., in), w (in, out), b (out,).

    With the cotangent g of y: dx = g wᵀ, dw = xᵀ g and db = the sum of g over the batch.

    >>> affine(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([5.0]))
    array([[16.]])
    """
    if is_concrete(x) and x.ndim == 2 and x.shape[1] < w.shape[1]:
        return cast(Array, _with_ones(x) @ np.concatenate([w, b[None, :]]))  # adding b to each row costs more
    y = x @ w
    y += b
    return y


def _with_ones(x: Any) -> Any:
    """The rows (x, 1): the bias is the weight of an input that is always 1."""
    return np.concatenate([x, np.ones((len(x), 1), x.dtype)], axis=1)


affine.defvjps(
    lambda g, y, x, w, b: g @ w.T,
    lambda g, y, x, w, b: _as_rows(x).T @ _as_rows(g),
    lambda g, y, x, w, b: column_sums(g),
)


def _as_rows(x: Array) -> Array:
    return x if x.ndim == 2 else x.reshape((-1, x.shape[-1]))


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
    draw_w = w_init or initializers.lecun_normal()

    def init(key: Key) -> DenseParams:
        w_key, b_key = random.split(key)
        return cast(DenseParams, FrozenDict({"w": draw_w(w_key, (in_features, out_features)),
                                             "b": b_init(b_key, (out_features,))}))

    def forward(params: DenseParams, x: Array, key: Key | None) -> Array:
        return affine(x, params["w"], params["b"])

    shapes = {"w": (in_features, out_features), "b": (out_features,)}
    return Layer("dense", init, forward, in_features, out_features, FrozenDict(shapes), name)


def _check_widths(kind: str, **widths: Any) -> None:
    for name, width in widths.items():
        if not isinstance(width, int | np.integer) or isinstance(width, bool):
            raise TypeError(f"{kind}: {name} must be an int, got {width!r}")
        if width < 0:
            raise ValueError(f"{kind}: {name} must not be negative, got {width}")


# ---------------------------------------------------------------------------------------------- Layer


@final
@dataclass(frozen=True, repr=False, eq=False)
class Layer(Generic[I, O, P]):
    """A pair of pure functions: `init(key) -> params` and `apply(params, x, key=...) -> y`.

    `forward(params, x, key)` is the layer's formula; `apply` checks the input and calls it. The widths are None where
    a layer takes any. To make a kind of layer of your own, give `kind`, `init` and `forward`; `shapes`, the
    shape of each parameter, lets `apply` name a wrong one. Composition fills in `stages` and `path`.

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
    shapes: Mapping[str, Shape] = field(default_factory=FrozenDict)
    name: str | None = None
    stochastic: bool = False
    stages: tuple[Layer[Any, Any, Any], ...] = ()
    path: str | None = None

    def apply(self, params: P, x: Array, *, key: Key | None = _NEITHER) -> Array:
        """The layer's output for a batch x, which leads with the batch axis.

        A key means training, `key=None` evaluation; a layer that draws no random numbers needs neither.
        """
        if key is _NEITHER:
            if self.stochastic:
                raise ValueError(f"{self}: draws random numbers in training; pass key=<a key> to train, "
                                 "key=None to evaluate")
            key = None
        if self.in_features is not None:
            _check_input(self, x)
        if self.shapes:
            _check_params(self, cast(Mapping[str, Array], params), x)
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
        return f"{self.kind}({self.in_features}, {self.out_features})"

    @property
    def label(self) -> str:
        """What errors call the layer: `dense_1 (64 -> 3)`."""
        name = self.path or self.name or (repr(self) if self.kind == "serial" else self.kind)
        return f"{name} ({self.in_features} -> {self.out_features})"


def _check_input(layer: Layer[Any, Any, Any], x: Array) -> None:
    shape = getattr(x, "shape", None)
    if not shape:
        raise TypeError(f"{layer.label}: the input must be an array (batch, {layer.in_features}), got "
                        + (f"a {type(x).__name__}" if shape is None else "a single number"))
    if shape[-1] != layer.in_features:
        raise ValueError(f"{layer.label}: input has {shape[-1]} features, expected {layer.in_features}"
                         f" (its shape is {shape})")


def _check_params(layer: Layer[Any, Any, Any], params: Mapping[str, Array], x: Array) -> None:
    _check_entries(layer, params, layer.shapes)
    param = None
    for name, shape in layer.shapes.items():
        param = params[name]
        if param.shape != shape:
            raise ValueError(f"{layer.label}: parameter {name!r} has shape {param.shape}, expected {shape}; "
                             "are these the parameters of another net?")
    if param is not None and x.dtype != param.dtype and isinstance(x, np.ndarray | Tracer):
        _check_dtype(layer, x.dtype, param.dtype)


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
    if came.kind != "f":
        raise TypeError(f"{layer.label}: the input is {came}, floating-point numbers are needed: "
                        f"x.astype(np.{own})")
    if came.itemsize > own.itemsize:
        raise TypeError(f"{layer.label}: the input is {came} but the parameters are {own}; convert one of them: "
                        f"x.astype(np.{own}), or tree.astype(params, np.{came})")


# ----------------------------------------------------------------------------------------- composition


def serial(*layers: Layer[Any, Any, Any] | Callable[[Array], Array]) -> Layer[Any, Any, Params]:
    """The layers one after the other, as `>>` composes them; `serial()` is the identity.

    >>> serial(dense(2, 4), np.tanh, dense(4, 1))
    dense(2, 4) >> tanh >> dense(4, 1)
    >>> serial().apply({}, np.ones((1, 2)))
    array([[1., 1.]])
    """
    return _composed(tuple(stage for layer in layers for stage in _stages_of(layer)))


def _stages_of(layer: Any) -> tuple[Layer[Any, Any, Any], ...]:
    if isinstance(layer, Layer):
        return layer.stages if layer.kind == "serial" else (layer,)
    if not callable(layer):
        raise TypeError(f">>: a stage must be a Layer or a function of an array, got {layer!r}")
    return (_function(layer),)


def _function(f: Callable[[Array], Array]) -> Layer[Any, Any, Any]:
    name = getattr(f, "__name__", repr(f))
    return Layer("function", lambda key: FrozenDict(), lambda params, x, key: f(x), name=name)


def _composed(stages: tuple[Layer[Any, Any, Any], ...]) -> Layer[Any, Any, Params]:
    in_features, out_features = _widths(stages)
    stages = _with_paths(stages)
    own = {cast(str, stage.path): stage for stage in stages if stage.shapes}

    def init(key: Key) -> Params:
        return FrozenDict((path, stage.init(random.fold_in(key, i))) for i, (path, stage) in enumerate(own.items()))

    def forward(params: Params, x: Array, key: Key | None) -> Array:
        _check_entries(net, params, own)
        for i, stage in enumerate(stages):
            x = stage.apply(params[stage.path] if stage.path in own else params, x,
                            key=random.fold_in(key, i) if stage.stochastic and key is not None else None)
        return x

    net: Layer[Any, Any, Params] = Layer("serial", init, forward, in_features, out_features, stages=stages,
                                         stochastic=any(stage.stochastic for stage in stages))
    return net


def _widths(stages: tuple[Layer[Any, Any, Any], ...]) -> tuple[int | None, int | None]:
    """The first width that goes in and the last that comes out; widths that do not fit are an error."""
    first = width = None
    before: Layer[Any, Any, Any] | None = None
    for stage in stages:
        if stage.in_features is None:
            continue
        if width is not None and stage.in_features != width:
            raise ValueError(f"cannot compose {before} >> {stage}: the first gives {width} features, the second "
                             f"takes {stage.in_features}")
        first = stage.in_features if first is None else first
        before, width = stage, stage.out_features
    return first, width


def _with_paths(stages: tuple[Layer[Any, Any, Any], ...]) -> tuple[Layer[Any, Any, Any], ...]:
    """The stages with the names of their parameters: their own, or kind_0, kind_1, ... in order."""
    counts: dict[str, int] = {}
    placed: list[Layer[Any, Any, Any]] = []
    for stage in stages:
        path = stage.name
        if stage.shapes and path is None:
            path = f"{stage.kind}_{counts.setdefault(stage.kind, 0)}"
            counts[stage.kind] += 1
        placed.append(replace(stage, path=path))
    _check_unique([stage.path for stage in placed if stage.shapes])
    return tuple(placed)


def _check_unique(paths: list[str | None]) -> None:
    twice = sorted({str(path) for path in paths if paths.count(path) > 1})
    if twice:
        raise ValueError(f"cannot compose: two layers are named {twice[0]!r}; give one of them another name=...")
