"""Composition of layers and the dense layer: names, widths, associativity, what bad input gets, the affine map.

That every kind of layer obeys the laws of layers is tested in test_layer_catalogue.py.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcnn as fn
from funcnn import FrozenDict, activations, initializers, random, tree
from funcnn.activations import relu
from funcnn.layers import Layer, affine, conv2d, dense, dropout, embedding, layer_norm, max_pool2d, residual, serial
from funcnn.typing import Array

# Untyped here: stages of every kind and, on purpose, of none.
grad: Any = fn.grad
Make = Callable[[], Any]

KEY = random.key(0)
X = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)
NET = dense(2, 4) >> np.tanh >> dense(4, 3)
PARAMS: Any = NET.init(KEY)


def plain(params: Any) -> Any:
    """The same parameters in plain dicts."""
    return {path: dict(entries) for path, entries in params.items()}


# ------------------------------------------------------------------------------------------------ init


def test_a_dense_layer_has_w_and_b() -> None:
    params = dense(3, 5).init(KEY)
    assert type(params) is FrozenDict
    assert repr(params) == "FrozenDict({'w': float32[3, 5], 'b': float32[5]})"
    assert not np.any(np.asarray(params["b"]))
    assert len(np.unique(params["w"])) == 15
    assert all(not leaf.flags.writeable for leaf in tree.leaves(params))


def test_init_is_a_pure_function_of_the_key() -> None:
    before = np.array(KEY)
    assert tree.equal(NET.init(KEY), PARAMS)
    assert np.array_equal(np.asarray(KEY), before)
    other = NET.init(random.key(1))
    assert tree.structure(other) == tree.structure(PARAMS)
    assert not tree.all_close(other["dense_0"]["w"], PARAMS["dense_0"]["w"])
    assert not tree.all_close(PARAMS["dense_0"]["w"], tree.get(dense(2, 4).init(random.key(1)), ("w",)))


def test_layers_of_one_shape_draw_different_values() -> None:
    params = (dense(4, 4) >> dense(4, 4) >> dense(4, 4)).init(KEY)
    drawn = [entries["w"] for entries in params.values()]
    assert all(not tree.all_close(a, b) for a, b in itertools.combinations(drawn, 2))


def test_initializers_may_be_chosen() -> None:
    twos: Any = lambda key, shape: np.full(shape, 2, np.float32)  # noqa: E731  # an initializer without dtype
    params = dense(2, 3, w_init=initializers.zeros, b_init=twos).init(KEY)
    assert tree.equal(params, FrozenDict({"w": np.zeros((2, 3), np.float32), "b": np.full(3, 2, np.float32)}))


@pytest.mark.parametrize("bad", [0, None, "key", np.zeros(3, np.uint32)])
def test_a_bad_key_is_named(bad: Any) -> None:
    for layer in (NET, dense(2, 3)):
        with pytest.raises((TypeError, ValueError), match="key"):
            layer.init(bad)


@pytest.mark.parametrize(("widths", "error", "text"), [
    ((-1, 2), ValueError, "dense: in_features must be at least 0, got -1"),
    ((2, -3), ValueError, "dense: out_features must be at least 0, got -3"),
    ((2.0, 2), TypeError, "dense: in_features must be an int, got 2.0"),
    ((2, "3"), TypeError, "dense: out_features must be an int, got '3'"),
    ((True, 2), TypeError, "dense: in_features must be an int, got True"),
    ((2, None), TypeError, "dense: out_features must be an int, got None"),
])
def test_a_width_is_an_integer_from_zero(widths: tuple[Any, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        dense(*widths)


def test_a_width_may_be_an_integer_of_numpy() -> None:
    widths: Any = np.arange(2, 4)
    assert dense(*widths).init(KEY)["w"].shape == (2, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "out"), [
    ((0, 2), 3), ((1, 2), 3), ((3, 2), 0), ((3, 0), 2), ((3, 0), 0), ((0, 0), 0),
])
def test_widths_and_batches_of_zero_and_one(shape: tuple[int, int], out: int, dtype: Any) -> None:
    net = serial(dense(shape[1], 4), relu, dense(4, out))
    params = tree.astype(net.init(KEY), dtype)
    x = np.ones(shape, dtype)
    assert net.apply(params, x).shape == (shape[0], out)
    gradient = grad(lambda p: np.sum(net.apply(p, x)))(params)
    assert tree.map(np.shape, gradient) == tree.map(np.shape, params)
    assert dense(shape[1], out).apply(tree.astype(dense(shape[1], out).init(KEY), dtype), x).dtype == dtype


# ----------------------------------------------------------------------------------------- composition


def double(x: Array) -> Array:
    """A plain function as a stage."""
    return 2 * x


STAGES: list[tuple[Any, str]] = [
    (np.tanh, "tanh"), (relu, "relu"), (activations.sigmoid, "sigmoid"), (double, "double"), (abs, "abs"),
    (lambda x: -x, "<lambda>"),
]


@pytest.mark.parametrize(("stage", "name"), STAGES)
def test_a_plain_function_is_a_stage_on_either_side(stage: Any, name: str) -> None:
    layer = dense(2, 3)
    params = serial(layer).init(KEY)
    w, b = params["dense_0"]["w"], params["dense_0"]["b"]
    for net, text, expected in (
            (layer >> stage, f"dense(2, 3) >> {name}", stage(affine(X, w, b))),
            (stage >> layer, f"{name} >> dense(2, 3)", affine(stage(X), w, b)),
            (serial(stage, layer, stage), f"{name} >> dense(2, 3) >> {name}", stage(affine(stage(X), w, b))),
            (serial() >> stage >> layer, f"{name} >> dense(2, 3)", affine(stage(X), w, b))):
        assert repr(net) == text
        assert tree.equal(net.init(KEY), params)
        assert np.array_equal(net.apply(params, X), expected)
        assert (net.in_features, net.out_features) == (2, 3)


def test_serial_of_nothing_is_the_identity() -> None:
    nothing = serial()
    assert repr(nothing) == "serial()"
    assert nothing.init(KEY) == {}
    assert nothing.apply({}, X) is X
    assert nothing.apply(FrozenDict(), X) is X
    assert (nothing.in_features, nothing.out_features) == (None, None)
    layer = dense(2, 3)
    for same in (nothing >> layer, layer >> nothing, serial(nothing, layer, nothing), serial(layer)):
        assert tree.equal(same.init(KEY), serial(layer).init(KEY))
        assert repr(same) == "dense(2, 3)"


def test_a_net_of_one_layer_has_a_name_too() -> None:
    assert list(serial(dense(2, 3)).init(KEY)) == list((dense(2, 3) >> relu).init(KEY)) == ["dense_0"]
    assert list(dense(2, 3).init(KEY)) == ["w", "b"]


def test_names_count_kinds_in_order() -> None:
    net = dense(2, 2) >> layer_norm(2) >> relu >> dense(2, 2, name="hidden") >> layer_norm(2) >> dense(2, 2) >> np.tanh
    assert list(net.init(KEY)) == ["dense_0", "layer_norm_0", "hidden", "layer_norm_1", "dense_1"]


def test_one_layer_may_stand_at_many_places() -> None:
    layer = dense(2, 2)
    net = layer >> layer >> layer
    assert list(net.init(KEY)) == ["dense_0", "dense_1", "dense_2"]
    assert list(layer.init(KEY)) == ["w", "b"]


def test_a_block_has_the_paths_of_its_layers() -> None:
    block = residual(dense(2, 2) >> relu >> dense(2, 2, name="last"))
    assert list((dense(2, 2) >> block >> residual(dense(2, 2), name="top") >> block).init(KEY)) == [
        "dense_0", "residual_0/dense_0", "residual_0/last", "top/dense_0", "residual_1/dense_0", "residual_1/last"]
    net = block >> dense(2, 2)
    params = net.init(KEY)
    inner = {"dense_0": params["residual_0/dense_0"], "last": params["residual_0/last"]}
    after = np.asarray(X + np.asarray(serial(dense(2, 2), relu, dense(2, 2, name="last")).apply(inner, X)))
    assert np.array_equal(net.apply(params, X), affine(after, params["dense_0"]["w"], params["dense_0"]["b"]))


@pytest.mark.parametrize("layers", [
    (dense(2, 2, name="a"), dense(2, 2, name="a")), (dense(2, 2), dense(2, 2, name="dense_0")),
    (dense(2, 2, name="dense_0"), relu, dense(2, 2)), (dense(2, 2, name="layer_norm_0"), layer_norm(2)),
    (residual(dense(2, 2, name="x"), name="a"), dense(2, 2, name="a/x")),
])
def test_two_layers_of_one_name_are_refused(layers: Any) -> None:
    with pytest.raises(ValueError, match=r"cannot compose: two layers are named '.*'; give one of them another name="):
        serial(*layers)
    with pytest.raises(ValueError, match="two layers are named"):
        reduce(lambda a, b: a >> b, layers)


@pytest.mark.parametrize("name", [3, "", b"x", ("a",)])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="name"):
        dense(2, 3, name=name)


def test_a_layer_is_printed_as_it_was_asked_for() -> None:
    net = conv2d(1, 4, 3) >> max_pool2d((2, 2)) >> dropout(0.25) >> layer_norm(4) >> dense(4, 2)
    assert repr(net) == ("conv2d(1, 4, 3) >> max_pool2d((2, 2)) >> dropout(0.25) >> layer_norm(4) >> dense(4, 2)")
    assert repr(embedding(10, 3)) == "embedding(10, 3)"


def untyped(*widths: int) -> Any:
    """A dense layer, untyped: mypy would find wrong widths too."""
    return dense(*widths)


def test_widths_that_do_not_fit_are_named() -> None:
    text = r"cannot compose dense\(2, 4\) >> dense\(5, 3\): the first gives 4 features, the second takes 5"
    first, second = untyped(2, 4), untyped(5, 3)
    nets: list[Make] = [
        lambda: first >> second, lambda: first >> relu >> second, lambda: relu >> (first >> second),
        lambda: serial(first, np.tanh, serial(relu, second)), lambda: first >> dropout(0.5) >> second,
    ]
    for net in nets:
        with pytest.raises(ValueError, match=text):
            net()
    with pytest.raises(ValueError, match="the first gives 0 features, the second takes 3"):
        serial(dense(2, 0), dense(3, 1))
    with pytest.raises(ValueError, match=r"residual\(dense\(2, 3\)\): the layer gives 3 features, its input has 2"):
        residual(untyped(2, 3))


@pytest.mark.parametrize("bad", [3, None, "relu", np.ones(2), [dense(2, 3)]])
def test_what_is_no_stage_is_refused(bad: Any) -> None:
    nets: list[Make] = [lambda: dense(2, 3) >> bad, lambda: serial(dense(2, 3), bad)]
    for compose in nets:
        with pytest.raises(TypeError, match="a stage must be a Layer or a function of an array, got"):
            compose()
    with pytest.raises(TypeError):
        bad >> dense(2, 3)


def test_a_function_that_changes_the_width_is_found_when_it_runs() -> None:
    net = dense(2, 4) >> (lambda x: x[:, :2]) >> dense(4, 1)
    with pytest.raises(ValueError, match=r"dense_1 \(4 -> 1\): input has 2 features, expected 4"):
        net.apply(net.init(KEY), X)


PARTS: list[Any] = [
    dense(3, 3), dense(3, 3, w_init=initializers.zeros), relu, np.tanh, layer_norm(3), residual(dense(3, 3) >> relu),
    dropout(0.5), serial(), serial(dense(3, 3), np.sin), residual(residual(relu)), residual(layer_norm(3), name="own"),
]


def bracketed(parts: list[Any], draw: Callable[[int], int]) -> Any:
    """The parts composed with `>>`, in an order that `draw` decides."""
    parts = [serial(part) if not isinstance(part, Layer) and draw(2) else part for part in parts]
    while len(parts) > 1:
        i = draw(len(parts) - 1)
        a, b = parts[i:i + 2]
        parts[i:i + 2] = [a >> b if isinstance(a, Layer) or isinstance(b, Layer) else serial(a, b)]
    return serial(*parts)


@given(st.lists(st.integers(0, len(PARTS) - 2), min_size=1, max_size=7), st.data())
def test_composition_is_associative(chosen: list[int], data: st.DataObject) -> None:
    """Whatever the brackets: the same names in the same order, the same values drawn, the same outputs."""
    parts = [PARTS[i] for i in chosen]
    net, other = serial(*parts), bracketed(parts, lambda n: data.draw(st.integers(0, n - 1)))
    params = net.init(KEY)
    assert repr(other) == repr(net)
    assert list(other.init(KEY)) == list(params)
    assert tree.equal(other.init(KEY), params)
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    for key in (None, random.key(5)):
        assert tree.equal(other.apply(params, x, key=key), net.apply(params, x, key=key))


def test_a_layer_is_frozen_and_compares_by_identity() -> None:
    layer: Any = dense(2, 3)
    changes = partial(setattr, layer, "kind", ""), partial(setattr, layer, "new", 1), partial(delattr, layer, "kind")
    for change in changes:
        with pytest.raises(dataclasses.FrozenInstanceError):
            change()
    assert layer != dense(2, 3)
    assert {layer: 1}[layer] == 1
    for duplicate in (copy.copy(NET), copy.deepcopy(NET)):
        assert np.array_equal(duplicate.apply(PARAMS, X), NET.apply(PARAMS, X))
    with pytest.raises(TypeError):
        layer.shapes["w"] = (1, 1)


def test_repr_and_label() -> None:
    assert repr(dense(2, 3, name="hidden")) == "dense(2, 3)"
    assert dense(2, 3, name="hidden").label() == "hidden (2 -> 3)"
    assert dense(2, 3).label() == "dense (2 -> 3)"
    assert embedding(5, 3).label("embedding_1") == "embedding_1 (any -> 3)"
    assert dropout(0.5).label() == "dropout"
    assert NET.label() == "dense(2, 4) >> tanh >> dense(4, 3) (2 -> 3)"
    assert [stage.name for stage in NET.stages] == ["dense_0", "tanh_0", "dense_1"]
    assert repr(partial(np.sum, axis=0) >> dense(2, 3)).endswith(">> dense(2, 3)")


def test_the_label_of_width_zero() -> None:
    assert dense(0, 3).label() == "dense (0 -> 3)"
    with pytest.raises(TypeError, match=r"\(batch, 0\)"):
        dense(0, 3).apply(dense(0, 3).init(KEY), np.float32(1))  # type: ignore[call-overload]  # this is what is tested


def scaling(**more: Any) -> Layer[Any, Any, Any]:
    """A layer of somebody's own: y = s x."""
    return Layer("scaling", init=lambda key: FrozenDict({"s": np.full(2, 3, np.float32)}),
                 forward=lambda params, x, key: x * params["s"], in_features=2, out_features=2, **more)


def test_a_layer_of_ones_own_composes() -> None:
    net = scaling(shapes={"s": (2,)}) >> dense(2, 3)
    params: Any = net.init(KEY)
    assert list(params) == ["scaling_0", "dense_0"]
    assert np.array_equal(net.apply(params, X), dense(2, 3).apply(params["dense_0"], 3 * X))
    with pytest.raises(ValueError, match=r"scaling_0 \(2 -> 2\): parameter 's' has shape \(1,\), expected \(2,\)"):
        net.apply(params | {"scaling_0": {"s": np.ones(1, np.float32)}}, X)


def test_a_layer_of_ones_own_keeps_its_parameters_without_shapes() -> None:
    net = scaling() >> dense(2, 3)
    assert net.apply(net.init(KEY), X).shape == (5, 3)


# ------------------------------------------------------------------------------------------------ apply


def test_apply_is_pure() -> None:
    x = X.copy()
    first = NET.apply(PARAMS, x)
    assert tree.equal(NET.apply(PARAMS, x), first)
    assert np.array_equal(x, X)
    assert x.flags.writeable
    assert tree.equal(PARAMS, NET.init(KEY))


def test_parameters_may_be_plain_dicts_in_any_order() -> None:
    swapped = {path: {"b": entries["b"], "w": entries["w"]} for path, entries in reversed(PARAMS.items())}
    for params in (plain(PARAMS), swapped, FrozenDict(swapped)):
        assert tree.equal(NET.apply(params, X), NET.apply(PARAMS, X))
    gradient = grad(lambda p: np.sum(NET.apply(p, X) ** 2))(plain(PARAMS))
    assert type(gradient) is dict
    assert tree.equal(FrozenDict(gradient), grad(lambda p: np.sum(NET.apply(p, X) ** 2))(PARAMS))


@pytest.mark.parametrize("lead", [(), (1,), (4,), (0,), (2, 3), (2, 0, 3)])
def test_more_axes_may_lead(lead: tuple[int, ...]) -> None:
    x = np.cos(np.arange(np.prod(lead, dtype=int) * 2, dtype=np.float32)).reshape((*lead, 2))
    rows = np.asarray(NET.apply(PARAMS, x.reshape(-1, 2)))
    assert NET.apply(PARAMS, x).shape == (*lead, 3)
    assert np.allclose(NET.apply(PARAMS, x), rows.reshape((*lead, 3)), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("x", [X[::2], X[:, ::-1], np.asfortranarray(X), X.astype(">f4"), X.astype(np.float16)])
def test_any_layout_of_floats_will_do(x: Any) -> None:
    assert NET.apply(PARAMS, x).dtype == np.float32
    expected = NET.apply(PARAMS, np.ascontiguousarray(x, np.float32))
    assert np.allclose(NET.apply(PARAMS, x), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("params", "x", "dtype"), [
    (np.float32, np.float32, np.float32), (np.float64, np.float64, np.float64), (np.float32, np.float16, np.float32),
    (np.float16, np.float16, np.float16),
])
def test_the_dtype_is_that_of_the_parameters(params: Any, x: Any, dtype: Any) -> None:
    assert NET.apply(tree.astype(PARAMS, params), X.astype(x)).dtype == dtype


def without(params: Any, path: str, name: str) -> Any:
    """The parameters without one entry of one layer."""
    return params | {path: {key: value for key, value in params[path].items() if key != name}}


BAD_INPUTS: list[tuple[Any, Any, type[Exception], str]] = [
    (PARAMS, np.ones((5, 3), np.float32), ValueError, r"input has 3 features, expected 2 \(its shape is \(5, 3\)\)"),
    (PARAMS, np.ones(5, np.float32), ValueError, r"input has 5 features, expected 2 \(its shape is \(5,\)\)"),
    (PARAMS, [[1.0, 2.0]], TypeError, r"the input must be an array \(batch, 2\), got a list"),
    (PARAMS, 3.0, TypeError, r"the input must be an array \(batch, 2\), got 3.0 \(float\)"),
    (PARAMS, np.float32(3), TypeError, "got a single number"),
    (PARAMS, np.array(3.0), TypeError, "got a single number"),
    (PARAMS, None, TypeError, "got None"),
    (PARAMS, np.ones((5, 2), np.int64), TypeError, r"dense_0 \(2 -> 4\): the input is int64, .*x.astype"),
    (PARAMS, np.ones((5, 2), bool), TypeError, "the input is bool"),
    (PARAMS, np.ones((5, 2), np.complex64), TypeError, "the input is complex64"),
    (PARAMS, np.ones((5, 2), object), TypeError, "the input is object"),
    (PARAMS, np.array([["1", "2"]]), TypeError, "the input is <U1"),
    (PARAMS, np.ones((5, 2)), TypeError, r"the input is float64 but the parameters are float32; convert one of them"),
    (X, PARAMS, TypeError, "got a FrozenDict"),
    ([1], X, TypeError, "the parameters must be a mapping, as init returns it, got a list"),
    (None, X, TypeError, "the parameters must be a mapping, as init returns it, got None"),
    ({}, X, ValueError, r"\['dense_0', 'dense_1'\], got \[\]; are these the parameters of another net"),
    (PARAMS | {"dense_2": {}}, X, ValueError, r"got \['dense_0', 'dense_1', 'dense_2'\]"),
    ((dense(2, 5) >> np.tanh >> dense(5, 3)).init(KEY), X, ValueError, r"'w' has shape \(2, 5\), expected \(2, 4\)"),
    (without(PARAMS, "dense_1", "b"), X, ValueError, r"dense_1 .* its parameters are \['w', 'b'\], got \['w'\]"),
    (PARAMS | {"dense_1": {**PARAMS["dense_1"], "u": X}}, X, ValueError, r"got \['w', 'b', 'u'\]"),
    (PARAMS | {"dense_1": {**PARAMS["dense_1"], "b": X}}, X, ValueError, r"'b' has shape \(5, 2\), expected \(3,\)"),
    (PARAMS | {"dense_0": [X]}, X, TypeError, r"dense_0 \(2 -> 4\): the parameters must be a mapping"),
    (PARAMS | {"dense_1": {"w": [[1.0]], "b": [1.0]}}, X, ValueError, r"dense_1 \(4 -> 3\): parameter 'w'"),
]


@pytest.mark.parametrize(("params", "x", "error", "text"), BAD_INPUTS)
def test_bad_input_is_named_with_its_layer(params: Any, x: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        NET.apply(params, x)


def test_bad_input_is_named_inside_grad_too() -> None:
    with pytest.raises(TypeError, match="the input is float64 but the parameters are float32"):
        grad(lambda x: np.sum(NET.apply(PARAMS, x)))(X.astype(np.float64))
    with pytest.raises(ValueError, match=r"dense_1 \(4 -> 3\): parameter 'w' has shape \(3, 4\), expected \(4, 3\)"):
        grad(lambda p: np.sum(NET.apply(tree.update_in(p, ("dense_1", "w"), np.transpose), X)))(PARAMS)


@pytest.mark.parametrize(("w", "b"), [(np.float64, np.float32), (np.float32, np.float64), (np.int64, np.int64)])
def test_parameters_of_mixed_or_integer_dtype_are_named(w: Any, b: Any) -> None:
    """Else all that follows is float64."""
    with pytest.raises(TypeError, match=r"dense \(2 -> 3\).*'?[wb]'?"):
        dense(2, 3).apply({"w": np.ones((2, 3), w), "b": np.ones(3, b)}, X)


@pytest.mark.parametrize("w_init", [lambda key, shape: np.ones(5, np.float32), lambda key, shape: [[1.0]]])
def test_an_initializer_must_give_the_shape_it_is_asked_for(w_init: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="shape"):
        dense(2, 3, w_init=w_init).init(KEY)


def test_the_key_says_train_or_evaluate() -> None:
    net = dense(2, 4) >> dropout(0.5) >> dropout(0.5) >> dense(4, 2)
    params = net.init(KEY)
    with pytest.raises(ValueError, match="draws random numbers in training; pass key=<a key> to train"):
        net.apply(params, X)
    with pytest.raises(TypeError, match="positional"):
        net.apply(params, X, KEY)  # type: ignore[call-arg]  # this is what is tested
    with pytest.raises(TypeError, match="key"):
        net.apply(params, X, key=0)  # type: ignore[arg-type]  # this is what is tested
    assert tree.equal(net.apply(params, X, key=None), (dense(2, 4) >> dense(4, 2)).apply(params, X))
    assert tree.equal(net.apply(params, X, key=KEY), net.apply(params, X, key=KEY))
    assert not tree.equal(net.apply(params, X, key=KEY), net.apply(params, X, key=random.key(1)))
    assert tree.equal(NET.apply(PARAMS, X, key=KEY), NET.apply(PARAMS, X))


def test_two_stochastic_layers_draw_different_masks() -> None:
    seen: list[Any] = []

    def forget(x: Array) -> Any:
        seen.append(x)
        return np.ones_like(x)

    last = serial(dropout(0.5), forget, dropout(0.5)).apply({}, np.ones((50, 8), np.float32), key=KEY)
    assert not np.array_equal(seen[0], last)


# ---------------------------------------------------------------------------------------------- affine

LEADS: list[tuple[int, ...]] = [(), (1,), (4,), (0,), (2, 3), (1, 1), (0, 2), (2, 1, 3)]
WIDTHS = [(3, 2), (2, 5), (1, 1), (1, 4), (4, 1)]


def drawn(*shapes: tuple[int, ...], seed: int = 0) -> list[Any]:
    """Normal numbers, float64."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


@pytest.mark.parametrize("lead", LEADS, ids=str)
@pytest.mark.parametrize(("n", "m"), WIDTHS)
def test_affine_is_x_w_plus_b_with_the_gradients_of_central_differences(lead: tuple[int, ...], n: int, m: int) -> None:
    arrays = drawn((*lead, n), (n, m), (m,))
    weights, *directions = drawn((*lead, m), *(a.shape for a in arrays), seed=1)

    def f(x: Any, w: Any, b: Any) -> Any:
        return np.sum(np.sin(affine(x, w, b)) * weights)

    assert np.allclose(affine(*arrays), arrays[0] @ arrays[1] + arrays[2], rtol=1e-13)
    gradients = grad(f, (0, 1, 2))(*arrays)
    assert [g.shape for g in gradients] == [a.shape for a in arrays]
    for i, direction in enumerate(directions):
        steps = [1e-6 * direction if j == i else 0.0 for j in range(3)]
        beyond, before = ([a + sign * step for a, step in zip(arrays, steps, strict=True)] for sign in (1, -1))
        slope = (f(*beyond) - f(*before)) / 2e-6
        assert np.isclose(np.sum(gradients[i] * direction), slope, rtol=1e-6, atol=1e-8)
        assert tree.all_close(grad(f, i)(*arrays), gradients[i], rtol=1e-13)


@pytest.mark.parametrize(("lead", "n", "m"), [
    ((4,), 0, 2), ((4,), 2, 0), ((4,), 0, 0), ((0,), 0, 2),
    ((), 0, 2), ((), 2, 0), ((2, 3), 0, 2), ((2, 3), 2, 0), ((0, 2), 2, 0),
])
def test_affine_of_width_zero(lead: tuple[int, ...], n: int, m: int) -> None:
    arrays = drawn((*lead, n), (n, m), (m,))
    assert np.array_equal(affine(*arrays), np.broadcast_to(arrays[2], (*lead, m)))
    gradients = grad(lambda x, w, b: np.sum(affine(x, w, b)), (0, 1, 2))(*arrays)
    assert [g.shape for g in gradients] == [a.shape for a in arrays]
    assert np.array_equal(gradients[2], np.full(m, np.prod(lead, dtype=int)))


def test_affine_has_the_second_derivatives_of_its_formula() -> None:
    arrays = drawn((3, 2), (2, 4), (4,))

    def penalty(f: Any, *arrays: Any) -> Any:
        gradients = grad(lambda x, w, b: np.sum(np.tanh(f(x, w, b))), (0, 1, 2))(*arrays)
        return sum(np.sum(g * g) for g in gradients)

    ours = grad(partial(penalty, affine), (0, 1, 2))(*arrays)
    theirs = grad(partial(penalty, lambda x, w, b: x @ w + b), (0, 1, 2))(*arrays)
    assert tree.all_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_affine_changes_none_of_its_arguments() -> None:
    arrays = drawn((3, 4), (4, 2), (2,))
    before = [a.copy() for a in arrays]
    affine(*arrays)
    grad(lambda x, w, b: np.sum(affine(x, w, b) ** 2), (0, 1, 2))(*arrays)
    assert tree.equal(arrays, before)


# ------------------------------------------------------------------------------------------------- jax


JITTED: list[Any] = [
    serial(), dense(2, 4) >> relu >> dense(4, 3), np.sin >> dense(2, 3) >> double >> np.tanh, dense(2, 0),
    dense(2, 2) >> residual(dense(2, 2) >> relu) >> layer_norm(2) >> dropout(0.5),
]


@pytest.mark.parametrize("layer", JITTED, ids=repr)
def test_a_net_under_jit_gives_the_same_numbers(layer: Any, jax: Any) -> None:
    net = serial(layer)
    params, x = tree.astype(net.init(KEY), np.float64), X.astype(np.float64)
    expected = net.apply(params, x, key=None)
    for given_params in (params, plain(params), jax.tree.map(jax.numpy.asarray, params)):
        found = jax.jit(partial(net.apply, key=None))(given_params, x)
        assert found.dtype == np.float64
        assert np.allclose(found, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("differentiate", [False, True])
def test_the_batch_may_be_numpys_where_the_parameters_are_jaxs(differentiate: bool, jax: Any) -> None:
    """A jitted loss often closes over its data."""
    def total(params: Any) -> Any:
        return NET.apply(params, X).sum()

    found = (jax.grad if differentiate else jax.jit)(total)(PARAMS)
    expected = grad(total)(PARAMS) if differentiate else total(PARAMS)
    assert tree.all_close(tree.map(np.asarray, found), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("key", [3, "a", np.array([1.5, 2.0]), np.zeros(3, np.uint32)])
def test_a_lone_dropout_names_a_wrong_key(key: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^dropout: key must be"):
        dropout(0.5).apply({}, np.ones((2, 2), np.float32), key=key)


def test_a_lone_dropout_names_integers() -> None:
    with pytest.raises(TypeError, match="dropout: the input is int64, floating-point"):
        dropout(0.5).apply({}, np.ones((2, 2), np.int64), key=KEY)


def test_an_activation_called_without_an_argument_says_so() -> None:
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'x'"):
        relu()  # type: ignore[call-arg]  # this is what is tested


def test_an_array_is_no_initializer() -> None:
    with pytest.raises(TypeError, match="dense: w_init must be an initializer"):
        dense(2, 3, w_init=np.ones((2, 3)))  # type: ignore[arg-type]  # this is what is tested
