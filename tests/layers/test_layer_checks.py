"""What layers refuse: arrays of other kinds, mixed dtypes, parameters that do not belong together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from funcnn import initializers, random, testing, tree
from funcnn.activations import relu
from funcnn.layers import Layer, conv2d, dense, dropout, embedding, layer_norm, max_pool2d, residual, serial
from funcnn.layers.checks import check

# Untyped here: mypy would find these mistakes too.
grad: Any = fn.grad
KEY = random.key(0)
X = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)


class Frame:
    """What a data frame looks like to a layer."""

    shape, ndim, dtypes = (5, 2), 2, "float32"

    def to_numpy(self) -> Any:
        return X


class Sparse:
    """What a sparse array looks like to a layer."""

    shape, ndim, dtype = (5, 2), 2, np.dtype(np.float32)

    def toarray(self) -> Any:
        return X


def tensor() -> Any:
    torch = pytest.importorskip("torch")
    return torch.tensor(X)


FOREIGN: dict[str, tuple[Callable[[], Any], str]] = {
    "a masked array": (lambda: np.ma.array(X), r"got a MaskedArray of .*, whose mask would be lost.*x.filled\(0\)"),
    "a matrix": (lambda: X.view(np.matrix), r"got a matrix of .*, whose operators are not .*: np.asarray\(x\)"),
    "a tensor": (tensor, r"got a Tensor of .*: x.detach\(\).cpu\(\).numpy\(\)"),
    "a data frame": (Frame, r"got a Frame of .*: x.to_numpy\(\)"),
    "a sparse array": (Sparse, r"got a Sparse of .*: x.toarray\(\)"),
}

TAKERS: dict[str, Any] = {
    "dense": dense(2, 3), "a net": dense(2, 3) >> relu, "a function first": np.tanh >> dense(2, 3),
    "a function alone": serial(np.tanh), "the identity": serial(), "dropout": dropout(0.5),
    "a block": residual(dense(2, 2)), "layer_norm": layer_norm(2), "embedding": embedding(5, 3),
    "images": conv2d(2, 3, 3), "a pool": max_pool2d(2),
}


@pytest.mark.parametrize("kind", [kind for kind in FOREIGN if kind != "a tensor"])  # which comes in as an array
@pytest.mark.parametrize("name", TAKERS)
def test_arrays_of_other_kinds_are_refused_by_name(name: str, kind: str) -> None:
    make, text = FOREIGN[kind]
    layer = TAKERS[name]
    with pytest.raises(TypeError, match=text):
        layer.apply(layer.init(KEY), make(), key=KEY)


@pytest.mark.parametrize("kind", FOREIGN)
def test_parameters_of_other_kinds_are_refused_by_name(kind: str) -> None:
    make, text = FOREIGN[kind]
    layer = dense(5, 2, b_init=initializers.zeros)
    with pytest.raises(TypeError, match=rf"dense \(5 -> 2\): parameter 'w' must be an array, {text}"):
        layer.apply({"w": make(), "b": np.zeros(2, np.float32)}, X.T)


def test_a_function_that_makes_another_kind_is_found_behind_it() -> None:
    masked: Any = np.ma.array
    net = dense(2, 2) >> masked >> dense(2, 3)
    with pytest.raises(TypeError, match=r"dense_1 \(2 -> 3\): the input must be an array, got a MaskedArray"):
        net.apply(net.init(KEY), X)


@pytest.mark.parametrize(("x", "params"), [
    (np.float32, np.float64), (np.float64, np.float32), (np.float16, np.float64), (np.float64, np.float16),
    (np.float32, np.float16),
])
@pytest.mark.parametrize("layer", [dense(2, 3), layer_norm(2), serial(relu, dense(2, 2)), residual(dense(2, 2))],
                         ids=repr)
def test_dtypes_that_widen_each_other_are_refused_both_ways(layer: Any, x: Any, params: Any) -> None:
    """Else a net of float32 becomes one of float64, and nobody notices."""
    typed = tree.astype(layer.init(KEY), params)
    text = rf"input is {np.dtype(x)} but the parameters are {np.dtype(params)}; .*x.astype\(np.{np.dtype(params)}\), or"
    calls: list[Callable[[], Any]] = [
        lambda: layer.apply(typed, X.astype(x)),
        lambda: grad(lambda p: np.sum(layer.apply(p, X.astype(x))))(typed),
        lambda: grad(lambda x: np.sum(layer.apply(typed, x)))(X.astype(x)),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=text):
            call()


def test_images_of_float32_in_a_net_of_float64_too() -> None:
    layer = conv2d(1, 2, 3)
    with pytest.raises(TypeError, match="the input is float32 but the parameters are float64"):
        layer.apply(tree.astype(layer.init(KEY), np.float64), np.ones((1, 4, 4, 1), np.float32))


def test_data_stored_as_float16_is_widened() -> None:
    layer = dense(2, 3)
    params = layer.init(KEY)
    assert np.array_equal(layer.apply(params, X.astype(np.float16)),
                          layer.apply(params, X.astype(np.float16).astype(np.float32)))


def of_dtype(dtype: Any) -> Any:
    return lambda key, shape: np.ones(shape, dtype)


@pytest.mark.parametrize(("make", "text"), [
    (lambda: dense(2, 3, w_init=of_dtype(np.float64)), "dense: w_init gave float64 and b_init float32; all parameters"),
    (lambda: dense(2, 3, b_init=of_dtype(np.float64)), "dense: w_init gave float32 and b_init float64"),
    (lambda: conv2d(1, 2, 3, b_init=of_dtype(np.float16)), "conv2d: w_init gave float32 and b_init float16"),
    (lambda: dense(2, 3, w_init=of_dtype(np.int64)), "dense: w_init gave int64; parameters are floating-point"),
    (lambda: embedding(2, 3, w_init=of_dtype(np.int32)), "embedding: w_init gave int32"),
    (lambda: dense(2, 3, b_init=of_dtype(bool)), "dense: b_init gave bool"),
])
def test_initializers_of_another_dtype_are_refused(make: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        make().init(KEY)


def test_initializers_may_all_give_float64() -> None:
    params = dense(2, 3, w_init=of_dtype(np.float64), b_init=of_dtype(np.float64)).init(KEY)
    assert dense(2, 3).apply(params, X.astype(np.float64)).dtype == np.float64


# ------------------------------------------------------------------------- the check as a law, of any input


SHAPES: list[tuple[int, ...]] = [(), (2,), (3,), (5, 2), (5, 3), (0, 2), (4, 5, 2), (2, 3), (2, 0)]
DTYPES = ["f2", "f4", "f8", ">f4", "i4", "?", "c8"]
LAYER: Layer[Any, Any, Any] = dense(2, 3)


def is_right(params: dict[str, Any], x: Any) -> bool:
    """What the check allows, in one sentence each: names, shapes, one floating dtype, and x no wider, no narrower."""
    if set(params) != {"w", "b"} or (params["w"].shape, params["b"].shape) != ((2, 3), (3,)):
        return False
    dtype = params["w"].dtype
    return (params["b"].dtype == dtype and dtype.kind == x.dtype.kind == "f" and x.shape[-1:] == (2,)
            and (x.dtype.itemsize == dtype.itemsize or (x.dtype.itemsize, dtype.itemsize) == (2, 4)))


@given(st.dictionaries(st.sampled_from("wbu"), st.tuples(st.sampled_from([(2, 3), (3,)]), st.sampled_from(DTYPES))),
       st.sampled_from(SHAPES), st.sampled_from(DTYPES), st.sampled_from([dict, fn.FrozenDict]))
@settings(deadline=None)
def test_what_is_wrong_raises_and_what_is_right_does_not(entries: Any, shape: Any, dtype: str, container: Any) -> None:
    params = {name: np.ones(*entry) for name, entry in entries.items()}
    refuses_or_allows(params, np.ones(shape, dtype), container)


@given(st.sampled_from(DTYPES), st.sampled_from(DTYPES), st.sampled_from(SHAPES), st.sampled_from(DTYPES),
       st.sampled_from([dict, fn.FrozenDict]))
@settings(deadline=None)
def test_parameters_that_are_nearly_right(w: str, b: str, shape: Any, dtype: str, container: Any) -> None:
    refuses_or_allows({"w": np.ones((2, 3), w), "b": np.ones(3, b)}, np.ones(shape, dtype), container)


def refuses_or_allows(params: Any, x: Any, container: Any) -> None:
    if is_right(params, x):
        check(LAYER, "", container(params), x)
        assert LAYER.apply(container(params), x).shape == (*x.shape[:-1], 3)
    else:
        with pytest.raises((TypeError, ValueError), match=r"^dense_7 \(2 -> 3\): "):
            check(LAYER, "dense_7", container(params), x)


def test_jax_arrays_are_checked_as_ndarrays_are(jax: Any) -> None:
    params = jax.tree.map(jax.numpy.asarray, dict(dense(2, 3).init(KEY)))
    for x, text in ((X[:, :1], "input has 1 features, expected 2"), (np.float32(1), "a single number")):
        with pytest.raises((TypeError, ValueError), match=text):
            dense(2, 3).apply(params, jax.numpy.asarray(x))
    with pytest.raises(ValueError, match=r"'b' has shape \(5, 2\), expected \(3,\)"):
        dense(2, 3).apply(params | {"b": jax.numpy.asarray(X)}, jax.numpy.asarray(X))
    assert dense(2, 3).apply(params, jax.numpy.asarray(X)).shape == (5, 3)


# ---------------------------------------------------------------------------------------------- check_layer


def test_check_layer_says_how_parameters_become_read_only() -> None:
    writeable: Any = Layer("scaling", lambda key: {"s": np.full(2, 3, np.float32)}, lambda p, x, key: x * p["s"], 2, 2)
    with pytest.raises(AssertionError, match=r"must be read-only, these are not: \['s'\]; let init return tree.freeze"):
        testing.check_layer(writeable, X)
    frozen: Any = Layer("scaling", lambda key: tree.freeze({"s": np.full(2, 3, np.float32)}),
                        lambda p, x, key: x * p["s"], 2, 2)
    testing.check_layer(frozen, X)
