"""Widths that fit, whatever stands between the layers."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, Literal, TypeAlias, TypedDict, assert_type

import numpy as np

from funcnn import initializers, random
from funcnn.activations import relu
from funcnn.layers import (
    Layer,
    Net,
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
from funcnn.typing import Array, DenseParams, Key, Params

Two: TypeAlias = Literal[2]
Three: TypeAlias = Literal[3]
Many: TypeAlias = Literal[64]


def widths_are_remembered(key: Key, x: Array) -> None:
    assert_type(dense(2, 64), Layer[Two, Many, DenseParams])
    net = dense(2, 64) >> relu >> dense(64, 3)
    assert_type(net, Layer[Two, Three, Params])
    params = net.init(key)
    assert_type(params, Params)
    assert_type(params["dense_0"]["w"], Array)
    assert_type(net.apply(params, x), Array)
    assert_type(net.apply(params, x, key=key), Array)
    assert_type(net.apply(params, x, key=None), Array)


def functions_are_stages() -> None:
    assert_type(dense(2, 64) >> (lambda x: x * 2) >> np.tanh >> relu, Layer[Two, Many, Params])
    assert_type(relu >> dense(2, 3), Layer[Two, Three, Params])
    assert_type(np.exp >> dense(2, 3), Layer[Two, Three, Params])
    assert_type((lambda x: -x) >> dense(2, 3), Layer[Two, Three, Params])


def layers_without_widths_keep_them() -> None:
    assert_type(dense(2, 64) >> dropout(0.5) >> dense(64, 3), Layer[Two, Three, Params])
    assert_type(dense(2, 64) >> layer_norm(64) >> dense(64, 3), Layer[Two, Three, Params])
    assert_type(dense(2, 64) >> residual(dense(64, 64) >> relu) >> dense(64, 3), Layer[Two, Three, Params])
    assert_type(residual(dense(64, 64)), Layer[Many, Many, Params])
    assert_type(residual(relu), Layer[Any, Any, Params])
    assert_type(conv2d(2, 64, 3) >> max_pool2d(2) >> conv2d(64, 3, 3) >> avg_pool2d(2), Layer[Two, Three, Params])
    assert_type(embedding(1000, 64) >> dense(64, 3), Layer[Any, Three, Params])


def sequences_and_norms_remember_widths() -> None:
    assert_type(conv1d(2, 64, 3) >> max_pool1d(2) >> conv1d(64, 3, 3) >> avg_pool1d(2), Layer[Two, Three, Params])
    assert_type(conv2d(2, 64, 3, padding=((1, 0), 2), dilation=2, groups=2) >> global_avg_pool() >> dense(64, 3),
                Layer[Two, Three, Params])
    assert_type(conv_transpose2d(2, 64, 3, padding=(1, 1)) >> batch_norm(64) >> prelu(64), Layer[Two, Many, Params])
    assert_type(gru(2, 64) >> lstm(64, 3), Layer[Two, Three, Params])
    block = residual(layer_norm(64) >> attention(64, 4, causal=True)) >> residual(rms_norm(64) >> dense(64, 64))
    assert_type(dense(2, 64) >> positional(64) >> block >> group_norm(64, 8), Layer[Two, Many, Params])


def a_state_goes_in_and_out(key: Key, x: Array) -> None:
    net = dense(2, 64) >> batch_norm(64) >> dense(64, 3)
    params, state = net.init(key), net.init_state()
    assert_type(net.apply_with_state(params, state, x, key=key), tuple[Array, Params])
    assert_type(net.apply_with_state(params, state, x, key=None), tuple[Array, Params])
    assert_type(net.has_state, bool)


def a_mask_says_where_to_look(params: Params, x: Array) -> None:
    assert_type(attention(64, 4).apply(params["attention_0"], x, mask=(x > 0)[:, None, None, :, 0]), Array)


def a_layer_in_a_variable_needs_no_annotation() -> None:
    forget = dropout(0.5)
    pool = max_pool2d(2)
    assert_type(dense(2, 64) >> forget >> dense(64, 3), Layer[Two, Three, Params])
    assert_type(conv2d(2, 64, 3) >> pool >> conv2d(64, 3, 3), Layer[Two, Three, Params])


def flattening_forgets_the_width() -> None:
    assert_type(conv2d(2, 64, 3) >> flatten() >> dense(3136, 3), Layer[Two, Three, Params])
    assert_type(serial(dense(2, 64), relu, dense(64, 3)), Layer[Any, Any, Params])


def dynamic_widths_pass(features: int, hidden: int, classes: int) -> Layer[int, int, Params]:
    net = dense(features, hidden) >> relu >> residual(dense(hidden, hidden)) >> dropout(0.5) >> dense(hidden, classes)
    assert_type(net, Layer[int, int, Params])
    return net >> dense(3, 3)


N: Final = 64


def widths_in_variables_are_final() -> None:
    hidden: Final = 64
    assert_type(dense(2, N) >> relu >> dense(64, 3), Layer[Two, Three, Params])
    assert_type(dense(2, 64) >> relu >> dense(N, 3), Layer[Two, Three, Params])
    assert_type(dense(2, hidden) >> residual(dense(hidden, N)) >> dense(hidden, 3), Layer[Two, Three, Params])


def any_net_has_one_type(convolutional: bool) -> Net:
    if convolutional:
        return conv2d(1, 16, 3) >> relu >> flatten() >> dense(16 * 64, 10)
    return dense(2, 64) >> relu >> dense(64, 3)


def blocks_and_chains_of_it_too(width: int) -> list[Net]:
    nets: list[Net] = [serial(), residual(relu), relu >> dense(2, 3), serial(dense(2, width), dense(width, 3))]
    return [*nets, dense(2, width) >> any_net_has_one_type(False), any_net_has_one_type(True) >> dense(10, 3)]


def a_net_is_used_as_any_other(net: Net, key: Key, x: Array) -> None:
    params = net.init(key)
    assert_type(params, Params)
    assert_type(net.apply(params, x), Array)


def depth_is_dynamic(hidden: int, depth: int) -> Layer[int, int, Params]:
    net = dense(hidden, hidden) >> relu
    for _ in range(depth):
        net = net >> dense(hidden, hidden) >> relu
    return net


def one_layer_has_named_parameters(key: Key, x: Array) -> None:
    layer = dense(2, 3, w_init=initializers.he_normal(), b_init=initializers.constant(0.1), name="out")
    params = layer.init(key)
    assert_type(params, DenseParams)
    assert_type(params["w"], Array)
    assert_type(layer.apply(params, x), Array)
    assert_type(layer.apply({"w": np.ones((2, 3)), "b": np.zeros(3)}, x), Array)
    assert_type(layer.in_features, Two | None)


def a_layer_of_a_composed_net_may_be_applied_alone(params: Params, x: Array) -> None:
    assert_type(dense(2, 64).apply(params["dense_0"], x), Array)
    assert_type(conv2d(3, 16, 3).apply(params["conv2d_0"], x), Array)


class TwoLayers(TypedDict):
    hidden: DenseParams
    out: DenseParams


def a_network_by_hand(params: TwoLayers, x: Array) -> Array:
    hidden = relu(dense(2, 64).apply(params["hidden"], x))
    return dense(64, 3).apply(params["out"], hidden)


def its_parameters(key: Key) -> TwoLayers:
    hidden_key, out_key = random.split(key)
    return {"hidden": dense(2, 64).init(hidden_key), "out": dense(64, 3).init(out_key)}


def a_layer_of_ones_own(size: int) -> Layer[int, int, Params]:
    def forward(params: Params, x: Array, key: Key | None) -> Array:
        return x * params["own"]["scale"]

    return Layer("scale", lambda key: {"own": {"scale": np.ones(size, np.float32)}}, forward, size, size,
                 made_by=partial(a_layer_of_ones_own, size))
