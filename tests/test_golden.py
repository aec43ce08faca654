"""Golden numbers: what four notebooks, the book and a second implementation print, funcnn prints too.

The notebooks ("G1" to "G10") are the documents that funcnn grew from, the book is *Neural Networks from Scratch*
(Kinsley and Kukieła, 2020); both draw all chance from NumPy's legacy stream `RandomState(0)`: the points of a spiral
take one normal number each, a dense layer inputs times outputs. Where they print nothing, the numbers are those of
PyTorch in float64. Long trainings are compared where they are not chaotic, else only within a band.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import funcnn as fn
from funcnn import activations, datasets, losses, metrics, optimizers, random, regularizers, training, tree
from funcnn.activations import relu, softmax
from funcnn.layers import Layer, dense, dropout, serial
from funcnn.optimizers import GradientTransformation, apply_updates, chain, scale, scale_by_learning_rate, trace
from funcnn.schedules import inverse_time_decay
from funcnn.typing import Array, Params, Scalar

f4, f8 = np.float32, np.float64
Batch = tuple[Any, Any]
Loss = Callable[[Params, Batch], Scalar]


# ------------------------------------------------------------------------------------------------- the recipes


def stream(skip: int = 0) -> np.random.RandomState:
    """The stream of the notebooks and the book, some normal numbers on."""
    generator = np.random.RandomState(0)
    generator.randn(skip)
    return generator


def drawn(generator: np.random.RandomState, factor: float, *widths: int, dtype: type = f8) -> Params:
    """Parameters of dense layers, drawn in order; biases are 0."""
    pairs = enumerate(itertools.pairwise(widths))
    scaled = dtype(factor)
    return tree.freeze({f"dense_{i}": {"w": scaled * generator.randn(m, n).astype(dtype), "b": np.zeros(n, dtype)}
                        for i, (m, n) in pairs})


def trained(loss: Loss, optimizer: GradientTransformation, params: Params, batch: Batch, steps: int,
            ) -> tuple[Params, Any]:
    """Parameters after full-batch training, and the loss before each step."""
    step = training.make_step(loss, optimizer)
    (params, _), history = training.fold(step, (params, optimizer.init(params)), itertools.repeat(batch, steps))
    return params, history


def cross_entropy(net: Layer[Any, Any, Params]) -> Loss:
    return lambda params, batch: np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0]), batch[1]))


small = dense(2, 3) >> relu >> dense(3, 3)
wide = dense(2, 64) >> relu >> dense(64, 3)
binary = dense(2, 64) >> relu >> dense(64, 1)

X = np.array([[1, 2, 3, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]])
ROWS = np.array([[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]])


# ------------------------------------------------------------------------------------------------ the notebooks


def test_g1_one_neuron() -> None:
    params = tree.freeze({"w": np.array([[3.1], [2.1], [8.7]]), "b": np.array([3.0])})
    assert_allclose(dense(3, 1).apply(params, np.array([[1.2, 2.3, 3.1]])), [[38.519999999999996]], rtol=0, atol=1e-12)


def test_g2_g3_the_layer_and_its_first_three_inputs() -> None:
    """The notebook prints both; the first is the layer without its fourth input."""
    x, b = np.array([[1.2, 2.3, 3.1, 4.2]]), np.array([2, 3, 0.5])
    w = np.array([[0.9, 0.1, -0.1, -0.3], [0.5, -0.91, 0.3, 0.2], [-0.1, 0.26, -0.26, -0.29]]).T
    without = dense(3, 3).apply(tree.freeze({"w": w[:3], "b": b}), x[:, :3])
    assert_allclose(without, [[3.0, 2.4370000000000003, 0.17199999999999993]], rtol=0, atol=1e-12)
    assert_allclose(dense(4, 3).apply(tree.freeze({"w": w, "b": b}), x), [[1.74, 3.277, -1.046]], rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="input has 3 features, expected 4"):
        dense(4, 3).apply(tree.freeze({"w": w, "b": b}), x[:, :3])


def test_g4_dot_product() -> None:
    params = tree.freeze({"w": ROWS[0][:, None], "b": np.array([2.0])})
    assert_allclose(dense(4, 1).apply(params, X[:1]), [[4.8]], rtol=0, atol=1e-12)


def test_g5_g6_a_batch_through_one_layer_and_two() -> None:
    """The batch is also the book's chapter 2."""
    second = np.array([[0.1, -0.14, 0.5], [-0.5, 0.12, -0.33], [-0.44, 0.73, -0.13]])
    params = tree.freeze({"dense_0": {"w": ROWS.T, "b": np.array([2, 3, 0.5])},
                          "dense_1": {"w": second.T, "b": np.array([-1, 2, -0.5])}})
    one = (dense(4, 3) >> np.positive).apply({"dense_0": params["dense_0"]}, X)
    assert_allclose(one, [[4.8, 1.21, 2.385], [8.9, -1.81, 0.2], [1.41, 1.051, 0.026]], rtol=0, atol=1e-12)
    expected = [[0.5031, -1.04185, -2.03875], [0.2434, -2.7332, -5.7633], [-0.99314, 1.41254, -0.35655]]
    assert_allclose((dense(4, 3) >> dense(3, 3)).apply(params, X), expected, rtol=0, atol=1e-12)


G7 = [[[0.10758131, 1.03983522, 0.24462411, 0.31821498, 0.18851053],
       [-0.08349796, 0.70846411, 0.00293357, 0.44701525, 0.36360538],
       [-0.50763245, 0.55688422, 0.07987797, -0.34889573, 0.04553042]],
      [[0.148296, -0.08397602], [0.14100315, -0.01340469], [0.20124979, -0.07290616]],
      [[-0.00087785], [0.00167789], [0.00036128]]]


def test_g7_three_seeded_layers() -> None:
    params = drawn(stream(), 0.10, 4, 5, 2, 1)
    layers = [dense(4, 5), dense(5, 2), dense(2, 1)]
    for depth, expected in enumerate(G7, start=1):
        own = {f"dense_{i}": params[f"dense_{i}"] for i in range(depth)}
        assert_array_equal(np.round(np.asarray(serial(*layers[:depth]).apply(own, X)), 8), expected)


@pytest.mark.parametrize("factor", [0.10, 0.01], ids=["notebook", "book-chapter-3"])
def test_g8_spiral_through_a_layer(factor: float) -> None:
    x, _ = datasets.nnfs_spiral(100, 3)
    outputs = serial(dense(2, 3)).apply(drawn(stream(300), factor, 2, 3, dtype=f4), x)
    expected = [[0, 0, 0], [-0.00104752, 0.00113954, -0.00047984], [-0.00274148, 0.00317292, -0.00086922],
                [-0.00421884, 0.00526663, -0.00055913], [-0.00577077, 0.00714014, -0.0008943]]
    assert outputs.dtype == f4
    assert_allclose(outputs[:5], np.array(expected) * factor / 0.10, rtol=0, atol=6e-9)


def test_g10_softmax_of_the_spiral() -> None:
    """The printed rows are uniform, as any softmax of equal logits; so the rows below are held to float64 too."""
    x, _ = datasets.nnfs_spiral(100, 3, skip=306)
    params = drawn(stream(606), 0.10, 2, 3, 3, dtype=f4)
    logits = small.apply(params, x)
    rows = np.asarray(softmax(logits))
    assert_array_equal(rows[:5].astype(str), np.full((5, 3), "0.33333334"))
    z = np.asarray(logits).astype(f8)
    assert_allclose(rows, np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True), rtol=3e-7)
    assert np.sum(np.ptp(rows, axis=1) > 0) == 177


def test_g0_binary_spiral_through_a_regularized_layer() -> None:
    x, y = datasets.nnfs_spiral(100, 2)
    params = drawn(stream(200), 0.01, 2, 64, dtype=f4)
    out = np.asarray(serial(dense(2, 64)).apply(params, x))
    assert (x.shape, y.reshape(-1, 1).shape, y.dtype) == ((200, 2), (200, 1), np.uint8)
    assert_allclose(x[[1, 199]], [[0.00299556, 0.00964661], [0.969427, -0.24538004]], rtol=0, atol=6e-9)
    assert_allclose(out[1, :4], [-1.9784436e-04, 1.1039990e-05, 8.3478641e-05, 2.8158529e-05], rtol=1e-6)
    assert_allclose(out[199, :4], [0.0011723, -0.00278383, 0.00937487, 0.00613533], rtol=0, atol=6e-9)
    sums = [np.sum(np.asarray(a), dtype=f8) for a in (x, params["dense_0"]["w"], out, relu(out))]
    assert_allclose(sums, [-2.58598856, -0.11532644, 0.18806995, 23.81942330], rtol=0, atol=2e-6)
    assert_allclose(regularizers.l2(params["dense_0"], 5e-4), 5.6256881e-06, rtol=1e-6)


G2_BUGGY = [12.431636942817406, 11.971832998864636, 11.530053606191887, 11.105561240409724, 10.697644532367926,
            10.30562550360636, 9.928855872236422, 9.566718104403202, 9.21861705635228, 8.883983355651353,
            8.562270141462678]
G2_MENDED = [12.431636942817406, 0.002925426114063583, 5.271090405698785e-04, 1.5963916812511695e-04,
             5.92201685041654e-05, 2.868003440147879e-05, 1.9151313778340364e-05, 1.4156462101195602e-05,
             1.0494826860674783e-05, 7.780048562978995e-06, 5.767501751250916e-06]
G2_MEAN_MENDED = "12.4316 0.6330 0.4482 0.2932 0.1521 0.0604 0.0191 0.0063 0.0024 0.0012"
G2_RATE_MENDED = "12.4316 8.5595 5.9463 4.1629 2.9279 2.0647 1.4685 1.0745 0.8324 0.6950"


def line_fit(gradient_share: float, rate: float) -> tuple[Params, Any]:
    """1001 steps on y = 3x + 2; the notebook uses a hundredth of the gradient and of its rate a tenth."""
    generator = np.random.RandomState(0)
    x = generator.rand(100, 1)
    net = dense(1, 16) >> relu >> dense(16, 1)
    optimizer = chain(scale(gradient_share), optimizers.sgd(rate))
    return trained(lambda params, batch: np.mean(losses.squared_error(net.apply(params, batch[0]), batch[1])),
                   optimizer, drawn(generator, 0.01, 1, 16, 1), (x, 3 * x + 2), 1001)


def test_gradient_descent_with_both_mistakes_of_the_notebook() -> None:
    assert_allclose(line_fit(1 / 100, 0.01)[1][::100], G2_BUGGY, rtol=1e-9)


def test_gradient_descent_with_both_mended() -> None:
    _, history = line_fit(1.0, 0.1)
    assert_allclose(history[::100], G2_MENDED, rtol=1e-9)
    generator = np.random.RandomState(0)
    x = generator.rand(100, 1)
    net = dense(1, 16) >> relu >> dense(16, 1)
    params, _ = trained(lambda p, b: np.mean(losses.squared_error(net.apply(p, b[0]), b[1])), optimizers.sgd(0.1),
                        drawn(generator, 0.01, 1, 16, 1), (x, 3 * x + 2), 1000)
    assert_allclose(net.apply(params, np.array([[0.0], [1.0]])), [[2.0380369], [5.00012479]], rtol=0, atol=6e-8)


@pytest.mark.parametrize(("gradient_share", "rate", "lines"),
                         [(1.0, 0.01, G2_MEAN_MENDED), (1 / 100, 0.1, G2_RATE_MENDED)], ids=["mean", "rate"])
def test_gradient_descent_with_one_mended(gradient_share: float, rate: float, lines: str) -> None:
    history = line_fit(gradient_share, rate)[1]
    assert " ".join(f"{value:.4f}" for value in history[:1000:100]) == lines
