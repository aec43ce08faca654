"""Every layer is a row and meets every law; convolution and normalisation against torch and JAX."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from alike import assert_alike
from funcnn import initializers, layers, random, testing, tree
from funcnn.activations import relu
from funcnn.layers import (
    Layer,
    attention,
    avg_pool1d,
    avg_pool2d,
    batch_norm,
    conv1d,
    conv2d,
    conv_transpose2d,
    dense,
    dropout,
    embedding,
    flatten,
    global_avg_pool,
    group_norm,
    gru,
    layer_norm,
    lstm,
    max_pool1d,
    max_pool2d,
    positional,
    prelu,
    residual,
    rms_norm,
    serial,
)
from funcnn.layers.convolution import convolve
from funcnn.layers.normalization import normalize
from funcnn.layers.windows import NONE, Padding, Window, borders_of, overlap_add, windows

AnyLayer = Layer[Any, Any, Any]

VECTORS, SEQUENCES, IMAGES = (5, 4), (3, 6, 4), (2, 6, 5, 3)

LAYERS: dict[str, tuple[AnyLayer, tuple[int, ...]]] = {
    "dense": (dense(4, 3), VECTORS),
    "dense over time": (dense(4, 3), (5, 7, 4)),
    "dense of width 0": (dense(4, 0), VECTORS),
    "dropout": (dropout(0.4), VECTORS),
    "flatten": (flatten(), IMAGES),
    "layer_norm": (layer_norm(4), VECTORS),
    "batch_norm": (batch_norm(4), SEQUENCES),
    "batch_norm of images": (conv2d(3, 2, 2) >> batch_norm(2) >> residual(np.tanh >> batch_norm(2)), IMAGES),
    "group_norm": (group_norm(4, 2), VECTORS),
    "group_norm of images": (group_norm(3, 1), IMAGES),
    "rms_norm": (rms_norm(4), SEQUENCES),
    "prelu": (prelu(4), VECTORS),
    "attention": (attention(4, 2), SEQUENCES),
    "attention, causal": (attention(4, 1, causal=True), SEQUENCES),
    "positional": (positional(4), SEQUENCES),
    "gru": (gru(4, 3), (2, 3, 4)),
    "lstm": (lstm(4, 3), (2, 3, 4)),
    "conv2d": (conv2d(3, 4, 3), IMAGES),
    "conv2d, stride 2": (conv2d(3, 4, (3, 2), stride=(2, 1)), IMAGES),
    "conv2d, valid": (conv2d(3, 4, 3, padding="VALID"), IMAGES),
    "conv2d, in groups": (conv2d(3, 6, 2, padding=(1, (0, 2)), dilation=2, groups=3), IMAGES),
    "conv2d, channel by channel": (conv2d(3, 3, 2, groups=3, stride=2, padding=1), IMAGES),
    "conv1d": (conv1d(4, 3, 3, padding=(4, 0), dilation=2), SEQUENCES),
    "conv_transpose2d": (conv_transpose2d(3, 2, 3, stride=2), IMAGES),
    "conv_transpose2d, cut": (conv_transpose2d(3, 5, 2, stride=(1, 3), padding=(1, 0)), IMAGES),
    "max_pool1d": (max_pool1d(2), SEQUENCES),
    "avg_pool1d": (avg_pool1d(3, stride=2, padding=1), SEQUENCES),
    "global_avg_pool": (global_avg_pool(), IMAGES),
    "max_pool2d": (max_pool2d(2), IMAGES),
    "max_pool2d, same": (max_pool2d(3, stride=2, padding="SAME"), IMAGES),
    "avg_pool2d": (avg_pool2d(2), IMAGES),
    "avg_pool2d, same": (avg_pool2d(3, stride=2, padding="SAME"), IMAGES),
    "residual": (residual(dense(4, 4) >> np.tanh), VECTORS),
    "serial": (serial(), VECTORS),
    "a whole net": (conv2d(3, 4, 3) >> np.tanh >> max_pool2d(2) >> flatten() >> dense(24, 4) >> layer_norm(4)
                    >> residual(dense(4, 4) >> dropout(0.5) >> residual(dense(4, 4))) >> dense(4, 2), IMAGES),
}


def applied(layer: AnyLayer, params: Any, x: Any, key: Any) -> Any:
    """The output of a layer; of one that remembers, with its first state."""
    if not layer.has_state:
        return layer.apply(params, x, key=key)
    dtype = tree.leaves(params)[0].dtype
    return layer.apply_with_state(params, tree.astype(layer.init_state(), dtype), x, key=key)[0]


@pytest.mark.parametrize("name", LAYERS)
def test_law(name: str) -> None:
    layer, shape = LAYERS[name]
    testing.check_layer(layer, random.normal(random.key(1), shape, np.float64), random.key(2))


@pytest.mark.parametrize("name", LAYERS)
def test_evaluation_treats_each_example_alone(name: str) -> None:
    layer, shape = LAYERS[name]
    params = layer.init(random.key(0))
    x = random.normal(random.key(1), shape)
    y = np.asarray(applied(layer, params, x, None))
    order = np.random.RandomState(0).permutation(shape[0])
    np.testing.assert_allclose(applied(layer, params, x[order], None), y[order], rtol=2e-5, atol=1e-6)


def total(layer: AnyLayer, params: Any, x: Any, key: Any) -> Any:
    """A number that depends on all of the output, with derivatives of every order."""
    return np.sum(np.sin(applied(layer, params, x, key)))


ALONE = [name for name in LAYERS if name != "a whole net"]


@pytest.mark.parametrize("name", ALONE)
def test_jitted_and_batched_it_is_itself(name: str) -> None:
    layer, shape = LAYERS[name]
    params, key = layer.init(random.key(0)), random.key(2)
    x, other = (random.normal(random.key(seed), shape) for seed in (1, 3))
    slopes = fn.value_and_grad(partial(total, layer), (0, 1))
    assert_alike(slopes, (params, x, key), (params, other, key))
    both = fn.vmap(slopes, in_axes=(None, 0, None))(params, np.stack([x, other]), key)
    for i, one in enumerate((x, other)):
        its = tree.map(lambda leaf, i=i: leaf[i], both)
        testing.assert_trees_close(its, slopes(params, one, key), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ALONE)
def test_second_derivatives_are_those_of_the_first(name: str) -> None:
    layer, shape = LAYERS[name]
    params = tree.astype(layer.init(random.key(0)), np.float64)
    x = random.normal(random.key(1), shape, np.float64)
    testing.check_grads(lambda params, x: total(layer, params, x, random.key(2)), (params, x), order=2)


# ------------------------------------------------------------------------------------------------- dropout


def test_dropout_drops_the_share_and_keeps_the_mean() -> None:
    x = np.ones((1000, 100), np.float32)
    for rate in (0.1, 0.5, 0.9):
        y = np.asarray(dropout(rate).apply({}, x, key=random.key(3)))
        assert abs(np.mean(y == 0) - rate) < 0.01
        np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)
        assert abs(y.mean() - 1) < 0.05
        assert y.dtype == np.float32


def test_dropout_is_a_function_of_its_key_alone() -> None:
    net = dense(3, 50) >> dropout(0.5) >> dense(50, 50) >> dropout(0.5)
    params, x = net.init(random.key(0)), np.ones((4, 3), np.float32)
    first, again, other = (np.asarray(net.apply(params, x, key=random.key(seed))) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_two_dropouts_of_one_net_drop_different_numbers() -> None:
    x = np.ones((1, 1000), np.float64)
    y = np.asarray((dropout(0.5) >> dropout(0.5)).apply({}, x, key=random.key(0)))
    assert abs(np.mean(y != 0) - 0.25) < 0.06


def test_dropout_wants_to_know_whether_it_trains() -> None:
    net = dense(2, 2) >> dropout(0.5)
    with pytest.raises(ValueError, match=r"key=<a key> to train, key=None to evaluate"):
        net.apply(net.init(random.key(0)), np.ones((1, 2), np.float32))


@pytest.mark.parametrize("rate", [1.0, 10, -0.1, float("nan")])
def test_dropout_refuses_a_rate_outside_0_to_1(rate: float) -> None:
    with pytest.raises(ValueError, match=rf"drop_rate.* got {rate}"):
        dropout(rate)


@pytest.mark.parametrize("rate", [0.999, 0.9999, 0.99999, 1 - 1.01 * 2**-16])
def test_dropout_near_1_keeps_the_mean_too(rate: float) -> None:
    """The share that is kept is a multiple of 2^-16, by which the rest is scaled."""
    x = np.ones((4000, 1000), np.float32)
    y = np.asarray(dropout(rate).apply({}, x, key=random.key(3)))
    share = round((1 - rate) * 2**16) / 2**16
    np.testing.assert_allclose(y[y != 0], 1 / share, rtol=2e-3)
    assert abs(y.mean(dtype=np.float64) - 1) < 4 / (share * x.size) ** 0.5


@pytest.mark.parametrize("rate", [1 - 2**-17, 1 - 1e-9, np.nextafter(1.0, 0.0)])
def test_dropout_refuses_a_rate_that_rounds_to_1(rate: float) -> None:
    with pytest.raises(ValueError, match="which is 1 when rounded to 16 bits"):
        dropout(rate)


def test_dropout_mask_is_that_of_numpy_s_philox() -> None:
    philox = np.random.Philox
    words = philox(key=7).random_raw(2).view(np.uint16)[:8]
    kept = np.asarray(dropout(0.25).apply({}, np.ones((2, 4)), key=random.key(7))) != 0
    np.testing.assert_array_equal(kept.ravel(), words >= 2**14)


# ------------------------------------------------------------------------------------------------ embedding


def test_embedding_gathers_rows_and_scatters_gradients() -> None:
    layer = embedding(5, 3)
    params = tree.astype(layer.init(random.key(0)), np.float64)
    x: Any = np.array([[0, 4, 4], [1, 1, 1]])
    np.testing.assert_array_equal(layer.apply(params, x), params["w"][x])
    gradient = fn.grad(lambda p: np.sum(layer.apply(p, x)))(params)["w"]
    np.testing.assert_array_equal(gradient, np.repeat([1.0, 3.0, 0.0, 0.0, 2.0], 3).reshape(5, 3))
    testing.check_grads(lambda p: layer.apply(p, x) ** 2, (params,))


@pytest.mark.parametrize(("x", "error"), [
    (np.array([5]), "0..4"), (np.array([-1]), "0..4"), (np.array([1.0]), "integers")])
def test_embedding_names_a_wrong_input(x: Any, error: str) -> None:
    layer = embedding(5, 3)
    with pytest.raises((TypeError, ValueError), match=error):
        layer.apply(layer.init(random.key(0)), x)


# ---------------------------------------------------------------------------------------------- residual


def test_residual_adds_its_input_and_names_what_is_inside() -> None:
    block = residual(dense(4, 4) >> relu >> dense(4, 4, name="out"))
    net = dense(2, 4) >> block >> residual(residual(dense(4, 4)))
    params: Any = net.init(random.key(0))
    assert list(params) == ["dense_0", "residual_0/dense_0", "residual_0/out", "residual_1/residual_0/dense_0"]
    x = np.ones((3, 2), np.float32)
    own = {"dense_0": params["residual_0/dense_0"], "out": params["residual_0/out"]}
    h = np.asarray(dense(2, 4).apply(params["dense_0"], x))
    inside = (dense(4, 4) >> relu >> dense(4, 4, name="out")).apply(own, h)
    np.testing.assert_array_equal(block.apply(own, h), h + inside)
    wrong: Any = dict(params) | {"residual_1/residual_0/dense_0": dense(3, 3).init(random.key(0))}
    with pytest.raises(ValueError, match=r"residual_1/residual_0/dense_0 \(4 -> 4\): parameter 'w' has shape \(3, 3\)"):
        net.apply(wrong, x)


def test_residual_must_be_square() -> None:
    rectangular: Any = dense(4, 3)
    with pytest.raises(ValueError, match=r"gives 3 features, its input has 4"):
        residual(rectangular)


# ------------------------------------------------------------------------------------- widths of 0, no examples

EDGES: list[tuple[AnyLayer, tuple[int, ...]]] = [
    (conv1d(0, 2, 3), (5, 0)), (conv1d(4, 0, 3), (5, 4)), (conv2d(0, 0, 3), (5, 5, 0)),
    (conv2d(4, 8, 3, groups=4), (1, 1, 4)), (conv_transpose2d(0, 2, 3), (3, 2, 0)),
    (conv_transpose2d(4, 0, 3), (3, 2, 4)), (max_pool1d(2), (5, 0)), (global_avg_pool(), (5, 0)), (layer_norm(0), (0,)),
    (group_norm(0, 1), (5, 0)), (rms_norm(0), (0,)), (prelu(0), (0,)), (gru(0, 3), (5, 0)), (gru(4, 0), (5, 4)),
    (lstm(0, 3), (0, 0)), (lstm(4, 0), (0, 4)), (attention(0, 1), (5, 0)), (attention(4, 2), (1, 4)),
    (positional(0), (5, 0)), (batch_norm(0), (5, 0)),
]


def test_widths_of_0_and_batches_of_0_and_1() -> None:
    for (layer, shape), n, dtype in itertools.product(EDGES, (0, 1), (np.float16, np.float64)):
        params, x = tree.astype(layer.init(random.key(0)), dtype), np.ones((n, *shape), dtype)
        y = applied(layer, params, x, None)
        assert y.shape[0] == n and layer.out_features in (None, y.shape[-1]) and y.dtype == dtype
        slopes = fn.grad(partial(total, layer), (0, 1))(params, x, None)
        assert tree.map(np.shape, slopes) == tree.map(np.shape, (params, x))


# ------------------------------------------------------------------------------------------- convolution


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.data())
@settings(max_examples=30, deadline=None)
def test_windows_and_overlap_add_are_each_other_s_transpose(kh: int, kw: int, sh: int, sw: int, data: Any) -> None:
    shape = (2, data.draw(st.integers(kh, 6)), data.draw(st.integers(kw, 6)), 2)
    x = np.random.RandomState(0).randn(*shape)
    seen = np.asarray(windows(x, Window((kh, kw), (sh, sw))))
    g = np.random.RandomState(1).randn(*seen.shape)
    np.testing.assert_allclose(np.sum(seen * g), np.sum(x * overlap_add(g, shape, Window((kh, kw), (sh, sw)))))


def test_convolution_is_the_sum_it_says() -> None:
    x, w, b = (np.random.RandomState(i).randn(*s) for i, s in enumerate([(2, 5, 6, 3), (3, 2, 3, 4), (4,)]))
    y = np.asarray(convolve(x, w, b, Window((3, 2), (2, 1)), NONE))
    for n, p, q, o in np.ndindex(*y.shape):
        seen = x[n, 2 * p:2 * p + 3, q:q + 2]
        np.testing.assert_allclose(y[n, p, q, o], np.sum(seen * w[..., o]) + b[o])


def test_convolution_has_second_derivatives() -> None:
    x, w, b = (np.random.RandomState(i).randn(*s) for i, s in enumerate([(1, 4, 4, 2), (2, 2, 2, 2), (2,)]))
    testing.check_grads(lambda x, w, b: np.tanh(convolve(x, w, b, Window((2, 2)), "SAME")), (x, w, b), order=2)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_convolution_and_pools_are_jax_s(stride: int, padding: Padding) -> None:
    jax = pytest.importorskip("jax")
    x, w = np.random.RandomState(0).randn(2, 7, 8, 3), np.random.RandomState(1).randn(3, 2, 3, 4)
    step = (stride, stride)
    expected = jax.lax.conv_general_dilated(x.astype(np.float32), w.astype(np.float32), step, padding,
                                            dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(convolve(x, w, np.full(4, 0.0), Window((3, 2), step), borders_of("", padding)), expected,
                               rtol=1e-4, atol=1e-4)
    largest = jax.lax.reduce_window(x.astype(np.float32), -np.inf, jax.lax.max, (1, 3, 2, 1), (1, *step, 1), padding)
    np.testing.assert_allclose(max_pool2d((3, 2), stride=stride, padding=padding).apply({}, x), largest, rtol=1e-6)
    total = jax.lax.reduce_window(x.astype(np.float32), 0.0, jax.lax.add, (1, 3, 2, 1), (1, *step, 1), padding)
    np.testing.assert_allclose(avg_pool2d((3, 2), stride=stride, padding=padding).apply({}, x), total / 6,
                               rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("stride", "size", "padding"), [
    (1, 3, "SAME"), (2, 4, "VALID"), (2, 3, "SAME"), (3, 2, "SAME")])
def test_transposed_convolution_is_jax_s_with_the_kernel_turned(stride: int, size: int, padding: Padding, jax: Any,
                                                                ) -> None:
    x, w = np.random.RandomState(0).randn(2, 3, 4, 3), np.random.RandomState(1).randn(size, size, 3, 2)
    layer = conv_transpose2d(3, 2, size, stride=stride, padding=padding)
    found = layer.apply({"w": w, "b": np.full(2, 0.5)}, x)
    expected = jax.lax.conv_transpose(x, w[::-1, ::-1], (stride, stride), padding)
    np.testing.assert_allclose(found, expected + 0.5, rtol=1e-10, atol=1e-10)


@pytest.mark.slow
def test_convolution_gradients_are_torch_s() -> None:
    torch = pytest.importorskip("torch")
    x, w, b = (np.random.RandomState(i).randn(*s) for i, s in enumerate([(2, 6, 5, 3), (3, 3, 3, 4), (4,)]))
    ours = fn.grad(lambda p: np.sum(np.sin(convolve(p[0], p[1], p[2], Window((3, 3), (2, 2)), NONE))))((x, w, b))
    tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, b))
    y = torch.nn.functional.conv2d(tx.permute(0, 3, 1, 2), tw.permute(3, 2, 0, 1), tb, stride=2)
    loss: Any = torch.sin(y).sum()
    loss.backward()
    for mine, theirs in zip(ours, (tx, tw, tb), strict=True):
        np.testing.assert_allclose(mine, theirs.grad.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_layer_norm_is_torch_s() -> None:
    torch = pytest.importorskip("torch")
    x = np.random.RandomState(0).randn(3, 5, 4)
    params = tree.map(lambda p: np.random.RandomState(1).randn(*p.shape), layer_norm(4).init(random.key(0)))
    expected = torch.nn.functional.layer_norm(torch.tensor(x), (4,), torch.tensor(params["scale"]),
                                              torch.tensor(params["offset"]))
    np.testing.assert_allclose(layer_norm(4).apply(params, x), expected.numpy(), rtol=1e-9)


def in_float64(f: Any, x: Any) -> Any:
    return np.asarray(f(np.asarray(x, np.float64)))


@pytest.mark.parametrize(("dtype", "size"), [
    (np.float32, 1e30), (np.float32, 1e37), (np.float32, 1e15), (np.float64, 1e200), (np.float16, 1000),
    (np.float16, 1),
])
def test_layer_norm_of_rows_of_any_size(dtype: Any, size: float) -> None:
    """Values and gradients, whose squares would overflow, are those of numbers that have room."""
    x = (np.random.RandomState(0).randn(3, 5) * size).astype(dtype)
    tolerance = {2: 4e-3, 4: 3e-6, 8: 1e-13}[x.itemsize]

    def total(x: Any) -> Any:
        return np.sum(np.sin(normalize(x)))

    unit = np.asarray(x, np.float64) / size
    expected = in_float64(lambda x: normalize(x, 1e-5 / size / size), unit)
    np.testing.assert_allclose(normalize(x), expected, rtol=tolerance, atol=tolerance)
    slopes = fn.grad(lambda x: np.sum(np.sin(normalize(x, 1e-5 / size / size))))(unit)
    np.testing.assert_allclose(np.asarray(fn.grad(total)(x), np.float64) * size, slopes, rtol=20 * tolerance,
                               atol=20 * tolerance)


@pytest.mark.parametrize("size", [1e-25, 1e-15, 1e-5])
def test_layer_norm_of_tiny_rows(size: float) -> None:
    x = (np.random.RandomState(0).randn(3, 5) * size).astype(np.float32)
    np.testing.assert_allclose(normalize(x), in_float64(normalize, x), rtol=2e-6)
    np.testing.assert_allclose(normalize(x, 0.0), in_float64(lambda x: normalize(x, 0.0), x / np.float32(size)),
                               rtol=1e-5)


def test_layer_norm_at_the_edges() -> None:
    assert np.array_equal(normalize(np.full((2, 3), 7.0)), np.full((2, 3), 0.0))
    x = np.array([[1.0, np.nan, 2.0], [1.0, 2.0, 3.0]])
    assert np.isnan(np.asarray(normalize(x))).tolist() == [[True] * 3, [False] * 3]
    testing.check_grads(lambda x: normalize(x) ** 3, (1e3 * np.random.RandomState(0).randn(2, 4),), order=2)


# -------------------------------------------------------------------------------------------- under JAX


SOON = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""Compile in half the time what runs once."""


@pytest.mark.parametrize("name", LAYERS)
def test_the_same_values_and_gradients_under_jit(name: str, jax: Any) -> None:
    layer, shape = LAYERS[name]
    params = tree.astype(layer.init(random.key(0)), np.float64)
    x = random.normal(random.key(1), shape, np.float64)
    key = random.key(2)

    def energy(params: Any, x: Any) -> Any:
        y = applied(layer, params, x, key)
        return (y * y).sum()

    value, grads = jax.jit(jax.value_and_grad(energy, argnums=(0, 1)), compiler_options=SOON)(params, x)
    ours, our_grads = fn.value_and_grad(energy, argnums=(0, 1))(params, x)
    np.testing.assert_allclose(ours, value, rtol=1e-10)
    testing.assert_trees_close(our_grads, jax.tree.map(np.asarray, grads), rtol=1e-8, atol=1e-10)


def test_dropout_draws_from_jax_under_a_jax_key(jax: Any) -> None:
    y = jax.jit(lambda x, key: dropout(0.25).apply({}, x, key=key))(np.ones((100, 100)), jax.random.key(0))
    assert abs(float((y == 0).mean()) - 0.25) < 0.02


# ------------------------------------------------------------------------------------------------- errors


def images(*shape: int) -> Any:
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(("call", "substance"), [
    (lambda: conv2d(3, 4, 3).apply(conv2d(3, 4, 3).init(random.key(0)), images(2, 5, 5, 4)),
     ["conv2d (3 -> 4)", "4 features, expected 3"]),
    (lambda: conv2d(3, 4, 3).apply(conv2d(3, 4, 3).init(random.key(0)), images(2, 5, 3)),
     ["(batch, height, width, 3)", "(2, 5, 3)"]),
    (lambda: conv2d(3, 4, 3).apply(conv2d(3, 4, 3).init(random.key(0)), images(2, 3, 5, 6)),
     ["conv2d (3 -> 4)", "6 features, expected 3", "Channels come last", "x.transpose(0, 2, 3, 1)"]),
    (lambda: serial(relu, conv2d(1, 4, 3)).apply(serial(conv2d(1, 4, 3)).init(random.key(0)), images(2, 1, 28, 28)),
     ["28 features, expected 1", "Channels come last", "x.transpose(0, 2, 3, 1)"]),
    (lambda: conv2d(3.0, 4, 3), ["in_channels", "3.0"]),  # type: ignore[type-var]  # the mistake
    (lambda: conv2d(3, -4, 3), ["out_channels", "-4"]),
    (lambda: conv2d(3, 4, 9, padding="VALID").apply(conv2d(3, 4, 9).init(random.key(0)), images(2, 5, 5, 3)),
     ["(9, 9)", "(5, 5)", "SAME"]),
    (lambda: conv2d(3, 4, 0), ["kernel_size", "0"]),
    (lambda: conv2d(3, 4, 3, stride=0), ["stride", "0"]),
    (lambda: conv2d(3, 4, 3, padding="same"), ["'SAME' or 'VALID'", "'same'"]),  # type: ignore[arg-type]  # the mistake
    (lambda: conv2d(3, 4, 3).apply(conv2d(3, 4, 3).init(random.key(0)), np.ones((2, 5, 5, 3), np.uint8)),
     ["uint8", "astype"]),
    (lambda: max_pool2d(3).apply({}, images(1, 2, 2, 1)), ["(3, 3)", "(2, 2)"]),
    (lambda: (relu >> max_pool2d(3)).apply({}, images(1, 2, 2, 1)), ["max_pool2d_0: the window (3, 3) is larger"]),
    (lambda: conv1d(4, 2, 3, dilation=3, padding="VALID").apply(conv1d(4, 2, 3).init(random.key(0)), images(2, 6, 4)),
     ["conv1d (4 -> 2): the window 7 is larger than the sequences, 6; pad with 'SAME'"]),
    (lambda: conv1d(4, 2, 3).apply(conv1d(4, 2, 3).init(random.key(0)), images(2, 4, 6)),
     ["6 features, expected 4", "Channels come last", "x.transpose(0, 2, 1)"]),
    (lambda: conv1d(4, 2, 3).apply(conv1d(4, 2, 3).init(random.key(0)), images(2, 4)), ["(batch, time, 4)", "(2, 4)"]),
    (lambda: max_pool1d(2).apply({}, images(2, 0, 4)), ["max_pool1d: the sequences are empty", "(2, 0, 4)"]),
    (lambda: avg_pool1d(2).apply({}, np.ones((2, 4, 4), np.int64)),
     ["avg_pool1d", "int64", "astype"]),
    (lambda: conv2d(3, 4, 3, groups=2), ["conv2d: in_channels must be a multiple of groups, got 3 and 2"]),
    (lambda: conv2d(4, 3, 3, groups=2), ["conv2d: out_channels must be a multiple of groups, got 3 and 2"]),
    (lambda: conv2d(3, 4, 3, padding=-1), ["conv2d: padding must be at least 0, got -1"]),
    (lambda: conv2d(3, 4, 3, padding=(1, 2, 3)),  # type: ignore[arg-type]  # the mistake
     ["conv2d: padding must be", "a tuple of 3"]),
    (lambda: conv1d(3, 4, 3, padding=((1, 2), 0)), ["conv1d: padding must be an int"]),  # type: ignore[arg-type]
    (lambda: conv1d(3, 4, (3,)), ["conv1d: kernel_size must be an int"]),  # type: ignore[arg-type]  # the mistake
    (lambda: conv2d(3, 4, 3, dilation=0), ["conv2d: dilation", "0"]),
    (lambda: conv_transpose2d(3, 4, 2, padding=1).apply(conv_transpose2d(3, 4, 2).init(random.key(0)),
                                                        images(1, 1, 5, 3)),
     ["conv_transpose2d (3 -> 4): of images (1, 5) it makes (2, 6), of which padding cuts off (2, 2)"]),
    (lambda: group_norm(6, 4), ["group_norm: features must be a multiple of groups, got 6 and 4"]),
    (lambda: group_norm(4, 0), ["group_norm: groups must be at least 1"]),
    (lambda: group_norm(4, 2).apply(group_norm(4, 2).init(random.key(0)), images(4)), ["group_norm (4 -> 4)", "(4,)"]),
    (lambda: gru(4, 3).apply(gru(4, 3).init(random.key(0)), images(2, 4)),
     ["gru (4 -> 3)", "(batch, time, 4)", "(2, 4)"]),
    (lambda: lstm(4, 3).apply(gru(4, 3).init(random.key(0)), images(2, 5, 4)),
     ["lstm (4 -> 3)", "['w_i', 'w_h', 'b']"]),
    (lambda: gru(4, 3, w_h_init=initializers.he_normal), [  # type: ignore[arg-type]  # the mistake
        "gru: w_h_init is the function he_normal, which makes an initializer"]),
    (lambda: attention(6, 4), ["attention: features must be a multiple of heads, got 6 and 4"]),
    (lambda: attention(6, 0), ["attention: heads must be at least 1"]),
    (lambda: (relu >> attention(4, 2)).apply((relu >> attention(4, 2)).init(random.key(0)), images(2, 0, 4)),
     ["attention_0 (4 -> 4): the sequences have no steps", "(2, 0, 4)"]),
    (lambda: positional(4).apply({}, images(2, 4)), ["positional (4 -> 4)", "(batch, time, 4)", "(2, 4)"]),
    (lambda: positional(4).apply({}, np.ones((2, 3, 4), int)), ["positional: the input is int64"]),
    (lambda: batch_norm(4, decay_rate=1.0), ["batch_norm: decay_rate must be a number in [0, 1), got 1.0"]),
    (lambda: rms_norm(4, eps=-1.0), ["rms_norm: eps"]),
    (lambda: prelu(4).apply(prelu(4).init(random.key(0)), images(2, 3)), ["prelu (4 -> 4): input has 3 features"]),
    (lambda: prelu(4, negative_slope_init=np.nan), ["prelu: negative_slope_init"]),
    (lambda: global_avg_pool().apply({}, images(2, 3)), ["global_avg_pool: ", "(batch, ..., channels)", "(2, 3)"]),
    (lambda: max_pool2d(2).apply({}, images(2, 2)), ["(batch, height, width, features)", "(2, 2)"]),
    (lambda: conv2d(3, 4, 3) >> conv2d(5, 4, 3), [  # type: ignore[arg-type]  # the mistake
        "conv2d(3, 4, 3) >> conv2d(5, 4, 3)", "4 features", "takes 5"]),
    (lambda: dense(2, 3, name="a") >> dense(3, 3, name="a"), ["two layers are named 'a'"]),
    (lambda: dense(2, -1), ["out_features", "-1"]),
    (lambda: dense(2.0, 1), ["in_features", "2.0"]),  # type: ignore[type-var]  # the mistake
    (lambda: residual(flatten()), ["residual(flatten())"]),
    (lambda: serial(dense(2, 2), 3), ["a Layer or a function", "3"]),  # type: ignore[arg-type]  # the mistake
])
def test_a_mistake_is_named(call: Any, substance: list[str]) -> None:
    with pytest.raises((TypeError, ValueError)) as error:
        call()
    for part in substance:
        assert part in str(error.value)


def test_all_layers_are_in_the_list() -> None:
    found = {stage.layer.kind for layer, _ in LAYERS.values() for stage in serial(layer).stages}
    kinds = found | {"serial", "embedding"}
    makers = set(layers.__all__)
    assert makers - {"Layer", "LayerWithState", "Net", "affine", "dot_product_attention", "normalize"} <= kinds


def test_rms_norm_of_rows_of_any_size() -> None:
    x = np.array([[3e30, -4e30], [3e-30, 4e-30], [0.0, 0.0]], np.float32)
    y = np.asarray(rms_norm(2, eps=0.0).apply({"scale": np.ones(2, np.float32)}, x[:2]))
    np.testing.assert_allclose(y, np.array([[3, -4], [3, 4]]) / 12.5**0.5, rtol=1e-6)
    assert np.array_equal(rms_norm(2).apply({"scale": np.ones(2, np.float32)}, x[2:]), [[0, 0]])


def test_prelu_lets_nothing_of_infinity_into_its_slope() -> None:
    params, x = {"negative_slope": np.full(2, 0.0)}, np.array([[np.inf, -1.0]])
    slopes = fn.grad(lambda p: np.sum(prelu(2).apply(p, x)))(params)
    assert np.array_equal(slopes["negative_slope"], [0, -1])


def test_normalized_rows_have_mean_0_and_variance_1() -> None:
    x = np.array([[1.0, 3.0, 8.0], [-2.0, 0.0, 0.5]])
    y = np.asarray(normalize(x, 0.0))
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-15)
    np.testing.assert_allclose(y.var(-1), 1, rtol=1e-14)
