"""Networks of the wrong size."""

# ruff: noqa: B018  # mistakes do nothing
from __future__ import annotations

from typing import Final

import numpy as np

from funcnn import random
from funcnn.activations import relu
from funcnn.layers import (
    Net,
    attention,
    avg_pool2d,
    batch_norm,
    conv1d,
    conv2d,
    dense,
    dropout,
    embedding,
    gru,
    layer_norm,
    max_pool2d,
    residual,
    serial,
)
from funcnn.typing import Array, Params


def widths_that_do_not_fit() -> None:
    dense(2, 64) >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> relu >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> np.tanh >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> (lambda x: x * 2) >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> dropout(0.5) >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> layer_norm(32)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> layer_norm(64) >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    embedding(1000, 64) >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    conv2d(3, 16, 3) >> relu >> conv2d(8, 16, 3)  # E: arg-type | "Literal[8]"; expected "Literal[16]"
    conv2d(3, 16, 3) >> max_pool2d(2) >> conv2d(8, 16, 3)  # E: arg-type | "Literal[8]"; expected "Literal[16]"
    conv2d(3, 16, 3) >> avg_pool2d(2) >> relu >> conv2d(8, 16, 3)  # E: arg-type | "Literal[8]"; expected "Literal[16]"
    conv1d(3, 16, 3) >> relu >> conv1d(8, 16, 3)  # E: arg-type | "Literal[8]"; expected "Literal[16]"
    gru(3, 16) >> dense(8, 16)  # E: arg-type | "Literal[8]"; expected "Literal[16]"
    dense(2, 64) >> batch_norm(32)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> attention(32, 4)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    relu >> dense(2, 64) >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> (dense(32, 64) >> relu)  # E: operator | Literal[64] & Literal[32]


def widths_of_named_layers_that_do_not_fit() -> None:
    hidden, out = dense(2, 64), dense(32, 3)
    hidden >> out  # E: operator | Literal[64] & Literal[32]
    hidden >> relu >> out  # E: operator | Literal[64] & Literal[32]
    net = hidden >> relu >> dense(64, 3)
    net >> hidden  # E: operator | Literal[3] & Literal[2]


N: Final = 64


def widths_in_variables_that_do_not_fit() -> None:
    width = 64
    dense(2, N) >> relu >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 32) >> relu >> dense(N, 3)  # E: arg-type | "Literal[64]"; expected "Literal[32]"
    dense(2, 64) >> dense(width, 3)  # E: arg-type | "int"; expected "Literal[64]"


def a_lone_layer_is_no_net() -> Net:
    return dense(2, 3)  # E: return-value


def blocks_that_are_not_square() -> None:
    residual(dense(2, 3))  # E: misc | type parameter "Width" of "residual"
    residual(dense(64, 32) >> relu >> dense(32, 16))  # E: misc | type parameter "Width" of "residual"
    dense(2, 64) >> residual(dense(32, 32))  # E: arg-type, arg-type | "Literal[32]"; expected "Literal[64]"
    dense(2, 64) >> residual(dense(64, 64)) >> dense(32, 3)  # E: arg-type | "Literal[32]"; expected "Literal[64]"


def widths_are_whole_numbers() -> None:
    dense("2", 3)  # E: type-var | Literal['2']
    dense(2.0, 3)  # E: type-var | "float"
    dense(2)  # E: call-arg | "out_features"
    dense((28, 28), 10)  # E: type-var
    dense(2, 3, 4)  # E: arg-type, call-arg | Too many positional arguments
    dense(2, 3, bias=False)  # E: call-arg | Unexpected keyword argument "bias"
    dense(2, 3, activation=relu)  # E: call-arg | Unexpected keyword argument "activation"
    layer_norm()  # E: call-arg
    conv2d(3, 16)  # E: call-arg | "kernel_size"
    conv2d(3, 16, 3, padding="same")  # E: arg-type | Literal['SAME', 'VALID']
    conv2d(3, 16, (3, 3, 3))  # E: arg-type
    dropout("0.5")  # E: arg-type | expected "float"
    dropout(drop_rate=None)  # E: arg-type


def stages_are_layers_or_functions_of_an_array(x: Array) -> None:
    dense(2, 64) >> dense  # E: operator
    dense(2, 64) >> 64  # E: operator
    dense(2, 64) >> "relu"  # E: operator
    dense(2, 64) >> x  # E: operator
    dense(2, 64) >> random.key  # E: operator
    dense(2, 64) >> relu(x)  # E: operator
    dense(2, 64) >> np.add  # E: operator
    dense(2, 64)(x)  # E: operator | not callable
    serial([dense(2, 64), relu])  # E: arg-type
    dense(2, 64) + dense(64, 3)  # E: operator


def parameters_of_something_else(params: Params, x: Array) -> None:
    net, key = dense(2, 64) >> dense(64, 3), random.key(0)
    net.apply(x, params)  # E: arg-type, arg-type
    net.apply(params["dense_0"], x)  # E: arg-type | Mapping[str, Mapping[str, Array]]
    dense(2, 64).apply(params, x)  # E: arg-type | expected "DenseParams | Mapping[str, Array]"
    dense(2, 64).apply(3.0, x)  # E: call-overload
    net.apply(params, 3.0)  # E: arg-type | "float"; expected "Array"
    net.apply(params)  # E: call-arg
    net.apply(x)  # E: call-arg, arg-type
    net.apply(params, x, key)  # E: call-arg | Too many positional arguments
    net.apply(params, x, key=0)  # E: arg-type | "Key | None"
    net.apply(params, x, key=True)  # E: arg-type | "Key | None"
    net.apply(params, x, train=True)  # E: call-arg | "train"
    net.apply_with_state(params, x)  # E: call-arg
    net.apply_with_state(params, net.init_state(), x, training=True)  # E: call-arg | "training"
    attention(8, 2).apply(params["attention_0"], x, mask=True)  # E: arg-type | "bool"; expected "Mask | None"
    net(params, x)  # E: operator | not callable
    net.init()  # E: call-arg
    net.init(0)  # E: arg-type | "int"; expected "Key"
    net.init(key).dense_0  # E: attr-defined
    net.init(key)["dense_0"]["w"]["x"].shape["y"]  # E: call-overload
    net.parameters  # E: attr-defined
    net.out_features = 3  # E: misc | read-only
