"""The summary of a network: every kind of layer, with its parameters, bytes and shapes as they are when it runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from funcnn import random, tree
from funcnn.activations import relu
from funcnn.layers import (
    Layer,
    avg_pool2d,
    batch_norm,
    conv2d,
    dense,
    dropout,
    embedding,
    flatten,
    gru,
    layer_norm,
    max_pool2d,
    residual,
    serial,
)
from funcnn.tracing import summary
from funcnn.tracing.summaries import Stage, Summary, columns

KINDS: dict[str, tuple[Layer[Any, Any, Any], tuple[int, ...] | None, tuple[int | None, ...] | None, int]] = {
    "dense": (dense(2, 3), None, (None, 3), 9),
    "dense on more axes": (dense(2, 3), (7, 2), (None, 7, 3), 9),
    "dropout": (dropout(0.5), (4,), (None, 4), 0),
    "dropout, unknown": (dropout(0.5), None, None, 0),
    "flatten": (flatten(), (2, 3), (None, 6), 0),
    "embedding": (embedding(10, 3), (7,), (None, 7, 3), 30),
    "layer_norm": (layer_norm(5), None, (None, 5), 10),
    "conv2d": (conv2d(1, 4, 3), (8, 6, 1), (None, 8, 6, 4), 40),
    "conv2d, unknown": (conv2d(1, 4, 3), None, None, 40),
    "max_pool2d": (max_pool2d(2), (8, 6, 1), (None, 4, 3, 1), 0),
    "avg_pool2d": (avg_pool2d(2), (8, 6, 1), (None, 4, 3, 1), 0),
    "residual": (residual(dense(3, 3) >> relu), None, (None, 3), 12),
    "serial": (serial(dense(2, 3), np.tanh, dense(3, 1)), None, (None, 1), 13),
    "nothing": (serial(), None, None, 0),
    "gru": (gru(2, 3), (7, 2), (None, 7, 3), 57),
    "batch_norm": (dense(2, 3) >> batch_norm(3), None, (None, 3), 15),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_layer(name: str) -> None:
    net, input_shape, output, parameters = KINDS[name]
    found = summary(net, input_shape)
    assert found.parameters == parameters
    assert found.bytes == 4 * parameters
    assert (found.stages[-1].output if found.stages and not found.stages[-1].depth else output) == output
    lines = str(found).splitlines()
    assert lines[0].split() == ["path", "kind", "in", "->", "out", "output", "parameters", "bytes"]
    assert lines[-1].split() == ["total", str(parameters), str(4 * parameters)]
    assert repr(found) == str(found)


def test_counts_are_those_of_the_parameters() -> None:
    net = conv2d(1, 4, 3) >> relu >> residual(conv2d(4, 4, 3) >> layer_norm(4)) >> flatten() >> dense(4 * 64, 10)
    params = net.init(random.key(0))
    found = summary(net, (8, 8, 1))
    assert found.parameters == sum(np.size(leaf) for leaf in tree.leaves(params))
    assert found.bytes == sum(leaf.nbytes for leaf in tree.leaves(params))
    paths = {stage.path for stage in found.stages if stage.parameters and stage.kind != "residual"}
    assert paths == set(params)
    x = np.zeros((3, 8, 8, 1), np.float32)
    assert found.stages[-1].output == (None, *net.apply(params, x).shape[1:])


def test_bytes_are_those_of_the_dtype() -> None:
    def zeros(key: Any, shape: Any, dtype: Any = np.float64) -> Any:
        return np.zeros(shape, dtype)

    assert summary(dense(2, 3, w_init=zeros, b_init=zeros)).bytes == 8 * 9


def test_blocks_stand_above_what_they_hold() -> None:
    found = summary(dense(2, 3) >> residual(dense(3, 3) >> residual(np.sin)))
    assert [(stage.path, stage.depth) for stage in found.stages] == [
        ("dense_0", 0), ("residual_0", 0), ("residual_0/dense_0", 1), ("residual_0/residual_0", 1),
        ("residual_0/residual_0/sin_0", 2)]
    assert "\n  residual_0/dense_0 " in str(found)


def test_functions_are_counted_by_name() -> None:
    net = dense(2, 3) >> relu >> dense(3, 3, name="hidden") >> relu >> np.tanh
    assert [stage.path for stage in summary(net).stages] == ["dense_0", "relu_0", "hidden", "relu_1", "tanh_0"]


IMAGES = np.zeros((5, 8, 6, 1), np.float32)


@pytest.mark.parametrize(("net", "example", "shape"), [
    (dense(2, 3) >> relu, np.zeros((100, 2)), (2,)), (conv2d(1, 4, 3) >> flatten(), IMAGES, IMAGES.shape[1:]),
    (embedding(10, 3), np.array([[1, 2], [3, 4]]), (2,)), (dense(2, 3), np.zeros((4, 7, 2), np.float32), (7, 2)),
    (dense(2, 3), [7, 2], (7, 2)),
])
def test_an_example_may_be_a_batch_or_a_shape(net: Any, example: Any, shape: Any) -> None:
    assert summary(net, example) == summary(net, shape)


@pytest.mark.parametrize(("example", "came"), [
    (3.0, r"3\.0"), (np.float32(1), "float32"), ("x", "'x'"), (np.array(2.0), r"of shape \(\)"), ((2.0,), "a tuple"),
    ((-1, 2), "a tuple"), ([[1.0, 2.0]], r"a list: np\.asarray\(x\)$"),
    ((IMAGES, np.zeros(5)), r"two arrays\. If they are inputs and targets: summary\(net, batch\[0\]\)$"),
])
def test_what_is_neither_is_named(example: Any, came: str) -> None:
    with pytest.raises(TypeError, match=r"summary: input_shape must be a shape, as \(28, 28, 1\), or a batch.*" + came):
        summary(dense(2, 3), example)


def test_one_example_is_not_taken_for_a_batch() -> None:
    with pytest.raises(ValueError, match=r"got an array of shape \(2,\)\. If it is one example: x\[None\]"):
        summary(dense(2, 3), np.zeros(2))
    assert summary(embedding(10, 3), np.array([1, 2])) == summary(embedding(10, 3), ())


def test_an_example_of_another_width_names_the_layer() -> None:
    with pytest.raises(ValueError, match=r"dense_0 \(2 -> 3\): input has 5 features, expected 2"):
        summary(dense(2, 3) >> relu, np.zeros((4, 5)))


TABLE = """\
path   kind       in -> out  output  parameters  bytes
------------------------------------------------------
one    embedding  any -> 2   (n, 3)       1,234  5,000
two    x
------------------------------------------------------
total                                     1,234  5,000"""


def test_the_table() -> None:
    stages = Stage("one", "embedding", None, 2, 1234, 5000, (None, 3)), Stage("two", "x", None, None, 0, 0, None)
    assert str(Summary(stages)) == TABLE


def test_columns() -> None:
    assert columns([("a", "b"), ("long", "1")], right=(1,)) == ["a     b", "long  1"]
