"""Regularizers: sums over all leaves, their derivatives, dtypes, empty trees, and wrong calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcnn as fn
from funcnn import datasets, losses, random
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.regularizers import elastic_net, l1, l2
from funcnn.testing import assert_pure, check_grads

PARAMS = {"dense_0": {"w": np.array([[1.0, -2.0], [0.5, 0.0]]), "b": np.array([0.0, -0.25])},
          "dense_1": {"w": np.array([[3.0], [-1.0]]), "b": np.array([0.125])}}
EACH: dict[str, Callable[[Any], Any]] = {
    "l1": lambda tree: l1(tree, 0.5),
    "l2": lambda tree: l2(tree, 5e-4),
    "elastic_net": lambda tree: elastic_net(tree, 0.5, 5e-4),
}
each = pytest.mark.parametrize("f", EACH.values(), ids=EACH)


@pytest.mark.parametrize("f", [lambda w: l1(w, 1.0) ** 2, lambda w: l1(w, 1.0), lambda w: elastic_net(w, 1.0, 1.0)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")   # 0 / 0: that it is no number
def test_at_0_the_sum_of_sizes_has_no_second_derivative(f: Any) -> None:
    assert np.isnan(fn.hessian(f)(np.array([0.0, 1.0]))).any()
    np.testing.assert_array_equal(fn.hessian(lambda w: l2(w, 1.0))(np.zeros(2)), [[2.0, 0.0], [0.0, 2.0]])


def test_they_are_differentiated_by_their_strength() -> None:
    assert fn.grad(lambda s: l1(np.array([1.0, -3.0]), s))(0.1) == 4.0
    assert fn.grad(lambda s: l2(np.array([1.0, -3.0]), s))(0.1) == 10.0


def test_the_values() -> None:
    w = np.concatenate([leaf.ravel() for leaf in fn.tree.leaves(PARAMS)])
    np.testing.assert_allclose(l1(PARAMS, 0.5), 0.5 * np.sum(np.abs(w)), rtol=1e-15)
    np.testing.assert_allclose(l2(PARAMS, 5e-4), 5e-4 * np.sum(w**2), rtol=1e-15)
    assert elastic_net(PARAMS, 0.5, 5e-4) == l1(PARAMS, 0.5) + l2(PARAMS, 5e-4)


@each
def test_of_a_part_of_the_tree_or_a_single_array(f: Callable[[Any], Any]) -> None:
    parts = [PARAMS["dense_0"]["w"], PARAMS["dense_0"]["b"]]
    np.testing.assert_allclose(f(PARAMS["dense_0"]), sum(f(part) for part in parts), rtol=1e-15)
    np.testing.assert_allclose(f((parts[0], [parts[1], None])), f(PARAMS["dense_0"]), rtol=1e-15)
    assert f(2.0) == f(np.array([2.0])) == f(np.float64(2.0))


@each
@pytest.mark.parametrize("tree", [{}, (), None, fn.FrozenDict(), {"w": np.zeros((0, 3))}], ids=str)
def test_an_empty_tree_costs_nothing(f: Callable[[Any], Any], tree: Any) -> None:
    assert f(tree) == 0
    assert fn.grad(lambda x: x + f(tree))(1.0) == 1


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_is_kept(f: Callable[[Any], Any], dtype: Any) -> None:
    params = fn.tree.astype(PARAMS, dtype)
    value, gradient = fn.value_and_grad(f)(params)
    assert value.dtype == dtype
    assert all(leaf.dtype == dtype for leaf in fn.tree.leaves(gradient))


def test_a_strength_from_numpy_does_not_widen() -> None:
    assert l2(np.ones(2, np.float32), np.float64(0.1)).dtype == np.float32  # type: ignore[union-attr]


def test_derivatives() -> None:
    leaves = [np.array([1.0, -2.0, 3.0]), np.array([[0.5]])]
    for f in EACH.values():
        check_grads(f, (leaves,), order=2)
    gradient = fn.grad(lambda p: l2(p, 0.1))(leaves)
    assert fn.tree.all_close(gradient, [0.2 * leaf for leaf in leaves])


WEIGHTS, SLOPES = np.array([-1.0, 0.0, -0.0, 2.0]), [-0.1, 0.0, 0.0, 0.1]


def test_the_derivative_of_l1_at_0_is_0() -> None:
    np.testing.assert_array_equal(fn.grad(lambda w: l1(w, 0.1))(WEIGHTS), SLOPES)


def test_the_derivative_of_l1_at_0_is_0_in_jax(jax: Any) -> None:
    np.testing.assert_array_equal(jax.grad(lambda w: l1(w, 0.1))(WEIGHTS), SLOPES)


@each
def test_the_same_compiled_by_jax(f: Callable[[Any], Any], jax: Any) -> None:
    value, gradient = jax.jit(jax.value_and_grad(f))(PARAMS)
    np.testing.assert_allclose(f(PARAMS), value, rtol=1e-14)
    assert fn.tree.all_close(fn.grad(f)(PARAMS), jax.tree.map(np.asarray, gradient), rtol=1e-14, atol=0)


def test_the_strength_may_be_traced_by_jax(jax: Any) -> None:
    assert jax.grad(lambda strength: l2(PARAMS, strength))(0.1) == l2(PARAMS, 1.0)


@each
def test_it_is_pure(f: Callable[[Any], Any]) -> None:
    assert_pure(f, fn.tree.freeze(PARAMS))


@given(st.lists(st.floats(-100, 100), max_size=5), st.floats(0, 10))
def test_not_negative_and_linear_in_the_strength(w: list[float], strength: float) -> None:
    for f in (l1, l2):
        assert np.asarray(f(np.array(w), strength)) >= 0
        np.testing.assert_allclose(f(np.array(w), 2 * strength), 2 * f(np.array(w), strength), atol=1e-300)


def test_the_book_s_penalty_at_the_start_of_chapter_16() -> None:
    rs = np.random.RandomState(0)
    rs.randn(200)
    w = 0.01 * rs.randn(2, 64)
    np.testing.assert_allclose(l2({"w": w, "b": np.zeros(64)}, 5e-4), 5.625688281104639e-06, rtol=1e-14)


def test_training_with_it_keeps_weights_smaller() -> None:
    net = dense(2, 8) >> relu >> dense(8, 3)
    x, y = datasets.spiral(random.key(0), samples=20, classes=3)

    def size_after_training(strength: float) -> float:
        def loss(params: Any) -> Any:
            return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y)) + l2(params, strength)

        params: Any = net.init(random.key(1))
        for _ in range(20):
            params = fn.tree.map(lambda p, g: p - 0.5 * g, params, fn.grad(loss)(params))
        return float(np.asarray(l2(params, 1.0)))

    assert size_after_training(0.05) < 0.5 * size_after_training(0.0)


@pytest.mark.parametrize(("call", "kind", "text"), [
    (lambda: l2(5e-4, PARAMS), TypeError,  # type: ignore[arg-type]
     "l2: strength must be a number, got a dict; the tree comes first: l2(params, 5e-4)"),
    (lambda: l1(PARAMS, -0.1), ValueError, "l1: strength must be a number in [0, inf), got -0.1"),
    (lambda: l2(PARAMS, float("nan")), ValueError, "l2: strength must be a number in [0, inf), got nan"),
    (lambda: elastic_net(PARAMS, 0.1, float("inf")), ValueError,
     "l2: strength must be a number in [0, inf), got inf"),
    (lambda: l2({"a": np.ones(2), "b": {"count": np.array([1, 2])}}, 0.1), TypeError,
     "l2: the leaf at 'b/count' must be floating-point numbers, got an array of shape (2,) and dtype int64: "
     "x.astype(np.float32)"),
    (lambda: l1({"name": "dense"}, 0.1), TypeError,
     "l1: the leaf at 'name' must be an array, got 'dense' (str): np.asarray(x)"),
])
def test_a_wrong_call_says_what_came(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == text
