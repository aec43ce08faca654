"""Activations: every row of the catalogue meets every law; then what is particular to some."""

from __future__ import annotations

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcnn as fn
from catalogue import ACTIVATIONS, NARROWING, Activation
from funcnn import activations, random
from funcnn.layers import dense
from funcnn.testing import assert_pure, check_grads

each = pytest.mark.parametrize("row", ACTIVATIONS, ids=str)
x64 = np.random.default_rng(0).normal(size=(4, 5)) * 3


def points(row: Activation) -> Any:
    """A grid that holds 0, the corners and what overflows a naive formula; or rows, for functions along an axis."""
    grid = np.concatenate([np.linspace(-20, 20, 161), [-1e4, -800.0, -90.0, 90.0, 800.0, 1e4], row.corners])
    return np.array([[-1e4, 0.0, 1e4], [1.0, 2.0, 3.0], [0.5, 0.5, -800.0]]) if row.along_axis else grid


# ------------------------------------------------------------------------------------------------- laws


@each
def test_each_entry_of_a_matrix_counts_alone_or_it_is_refused(row: Activation) -> None:
    x: Any = np.array([[1.0, -2.0], [3.0, -4.0]])
    if row.along_axis or row.name in ("silu", "hard_silu", "mish", "gelu"):
        with pytest.raises(TypeError, match=r"x must be an array, got a MaskedArray of .*filled"):
            row.f(x.view(np.ma.MaskedArray))
    else:
        assert np.array_equal(np.asarray(row.f(x.view(np.matrix))), row.f(x))


@pytest.mark.parametrize("f", [activations.silu, activations.mish, activations.gelu, activations.softmax,
                               partial(activations.gelu, approximate=False), activations.log_softmax])
def test_what_multiplies_or_sums_refuses_a_matrix(f: Any) -> None:
    name = getattr(f, "__name__", "gelu")
    with pytest.raises(TypeError, match=rf"^{name}: x must be an array, got a matrix of .*: np.asarray\(x\)"):
        f(np.ones((2, 2)).view(np.matrix))


@pytest.mark.parametrize("name", activations.__all__)
def test_a_list_is_taken_as_numpy_takes_it(name: str) -> None:
    f: Any = getattr(activations, name)
    assert np.array_equal(f([0.5, -2.0]), f(np.array([0.5, -2.0])))


@pytest.mark.parametrize("name", sorted({*activations.__all__} - {"hard_tanh"}))  # whose -1 NumPy refuses there
def test_what_is_unsigned_does_not_wrap_around(name: str) -> None:
    f: Any = getattr(activations, name)
    for dtype in (np.uint8, np.uint16, np.uint32, np.uint64):
        x = np.array([[5, 0, 1, 3]], dtype)
        for found in (f(x), fn.jit(f)(x)):
            np.testing.assert_allclose(found, f(x.astype(np.float64)), rtol=3e-3)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0)])
def test_the_sum_of_no_exponentials(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    assert np.asarray(activations.logsumexp(x)).tolist() == -np.inf
    assert fn.grad(activations.logsumexp)(x).shape == shape
    assert np.asarray(activations.logsumexp(x, axis=1)).tolist() == [-np.inf] * shape[0]


@each
def test_what_is_empty_stays_as_it_is(row: Activation) -> None:
    for shape in [(0, 4), (4, 0), (3, 0, 2)]:
        x = np.zeros(shape, np.float32)
        for f in (row.f, fn.jit(row.f), fn.vmap(row.f, 1, 1), fn.grad(lambda x: np.sum(row.f(x)))):
            y = f(x)
            assert (y.shape, y.dtype) == (shape, np.float32)


def test_a_softmax_of_none_is_that_of_jax() -> None:
    jax = pytest.importorskip("jax")
    for name in ("softmax", "log_softmax", "logsumexp"):
        f, theirs = getattr(activations, name), getattr(jax.nn, name)
        for shape, axis in [((4, 0), 1), ((4, 0), 0), ((0,), -1), ((3, 0, 2), 1), ((3, 0, 2), -1)]:
            x = np.zeros(shape, np.float32)
            for found in (f(x, axis=axis), fn.jit(lambda x, f=f, axis=axis: f(x, axis=axis))(x)):
                np.testing.assert_array_equal(found, theirs(x, axis=axis), strict=True)


def test_the_catalogue_is_complete() -> None:
    assert {row.name for row in ACTIVATIONS + NARROWING} == set(activations.__all__) - {"swish", "hard_swish"}
    assert (activations.swish, activations.hard_swish) == (activations.silu, activations.hard_silu)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_and_the_shape_are_kept(row: Activation, dtype: type[np.floating]) -> None:
    for x in (x64.astype(dtype), x64[0].astype(dtype), x64[:1].astype(dtype)):
        y, pullback = fn.vjp(row.f, x)
        (gradient,) = pullback(y)
        assert (y.shape, y.dtype) == (gradient.shape, gradient.dtype) == (x.shape, dtype)


@each
def test_float32_is_float64_rounded(row: Activation) -> None:
    x = points(row).astype(np.float32)
    np.testing.assert_allclose(row.f(x), row.f(x.astype(np.float64)), rtol=3e-6, atol=5e-7)
    g = np.linspace(1, 2, x.size, dtype=np.float32).reshape(x.shape)
    wide = fn.vjp(row.f, x.astype(np.float64))[1](g.astype(np.float64))[0]
    np.testing.assert_allclose(fn.vjp(row.f, x)[1](g)[0], wide, rtol=3e-5, atol=5e-6)


@each
def test_values_and_derivatives_are_those_of_jax_also_at_corners(row: Activation, jax: Any) -> None:
    x, theirs = points(row), row.theirs(jax)
    g = np.linspace(1, 2, x.size).reshape(x.shape)
    ours, pullback = fn.vjp(row.f, x)
    np.testing.assert_allclose(ours, theirs(x), rtol=1e-12, atol=row.atol)
    np.testing.assert_allclose(pullback(g)[0], jax.vjp(theirs, x)[1](jax.numpy.asarray(g))[0], rtol=1e-9, atol=1e-13)


@each
def test_it_runs_on_jax_arrays_compiled_and_jax_differentiates_it(row: Activation, jax: Any) -> None:
    x = points(row)
    compiled = jax.jit(row.f)(jax.numpy.asarray(x))
    assert compiled.dtype == np.float64
    np.testing.assert_allclose(row.f(x), compiled, rtol=1e-12, atol=row.atol)
    gradient = jax.jit(jax.grad(lambda x: jax.numpy.sum(row.f(x) * x)))(jax.numpy.asarray(x))
    np.testing.assert_allclose(fn.grad(lambda x: np.sum(row.f(x) * x))(x), gradient, rtol=1e-9, atol=1e-12)


@each
def test_derivatives_are_those_of_finite_differences(row: Activation) -> None:
    x = np.array([-4.0, -2.0, -0.7, -0.1, 0.2, 0.9, 2.5, 4.0])
    check_grads(row.f, (x.reshape(2, 4),), order=2 if row.second else 1)


@pytest.mark.parametrize("row", [row for row in ACTIVATIONS if not row.corners and row.name != "elu"], ids=str)
def test_smooth_ones_are_smooth_at_0(row: Activation) -> None:
    check_grads(row.f, (np.zeros((1, 3)),), order=2)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_give_neither_nan_nor_warnings(row: Activation, dtype: type[np.floating]) -> None:
    x = np.array([[-1e4, 1e4, -1e30, 1e30, 0.0, -0.0], [-np.inf, 1.0, -1e4, 1e4, -np.inf, 0.0]], dtype)
    if not row.along_axis:
        x[0, 2:4] = -np.inf, np.inf
    if row.settings.get("axis") == 0:
        x = x.T
    y, pullback = fn.vjp(row.f, x)
    assert not np.isnan(y).any()
    assert not np.isnan(pullback(np.ones_like(x))[0]).any()
    second = fn.vjp(lambda x: fn.vjp(row.f, x)[1](np.ones_like(x))[0], x)[1](np.ones_like(x))[0]
    assert not np.isnan(second).any()


@each
def test_nan_stays_nan(row: Activation) -> None:
    assert np.isnan(row.f(np.full((2, 2), np.nan))).all()


@each
def test_it_is_pure(row: Activation) -> None:
    x = x64.copy()
    x.setflags(write=False)
    assert_pure(row.f, x)
    assert_pure(lambda x: fn.vjp(row.f, x)[1](x), x)


@pytest.mark.parametrize("row", [row for row in ACTIVATIONS if row.settings.get("axis") != 0], ids=str)
def test_examples_do_not_see_each_other(row: Activation) -> None:
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(row.f(x64)[order], row.f(x64[order]), rtol=1e-14)
    np.testing.assert_allclose(row.f(x64)[:1], row.f(x64[:1]), rtol=1e-14)


@each
def test_numbers_and_empty_batches_go_through(row: Activation) -> None:
    if not row.settings:
        assert row.f(np.zeros((0, 3))).shape == (0, 3)
    if not row.along_axis:
        assert float(row.f(0.5)) == float(row.f(np.float64(0.5))) == row.f(np.array([0.5]))[0]
        slope = fn.grad(row.f)(0.5)
        assert type(slope) is float
        np.testing.assert_allclose(slope, fn.grad(lambda x: np.sum(row.f(x)))(np.array([0.5]))[0], rtol=1e-12)


@pytest.mark.parametrize("name", sorted({row.name for row in ACTIVATIONS}))
def test_it_is_a_stage_with_a_name(name: str) -> None:
    net = dense(3, 4) >> getattr(activations, name) >> dense(4, 2)
    assert repr(net) == f"dense(3, 4) >> {name} >> dense(4, 2)"
    assert net.apply(net.init(random.key(0)), np.ones((5, 3), np.float32)).shape == (5, 2)


@pytest.mark.parametrize("name", activations.__all__)
def test_it_pickles_by_its_name(name: str) -> None:
    f = getattr(activations, name)
    assert pickle.loads(pickle.dumps(f)) is f


def test_one_with_a_setting_is_a_stage_too() -> None:
    net = dense(2, 2) >> partial(activations.leaky_relu, negative_slope=0.5)
    x = np.array([[-1.0, 2.0]], np.float32)
    params = {"dense_0": {"w": np.array([[1, 0], [0, 1]], np.float32), "b": np.zeros(2, np.float32)}}
    assert np.array_equal(net.apply(params, x), [[-0.5, 2.0]])


@pytest.mark.parametrize(("f", "at", "slope"), [
    (activations.relu, 0.0, 0.0),
    (activations.leaky_relu, 0.0, 1.0),
    (partial(activations.elu, alpha=0.3), 0.0, 0.3),
    (activations.selu, 0.0, 1.0507009873554805 * 1.6732632423543772),
    (partial(activations.celu, alpha=0.3), 0.0, 1.0), (activations.soft_sign, 0.0, 1.0),
    (activations.relu6, 0.0, 0.0), (activations.relu6, 6.0, 0.0), (activations.relu6, 5.9, 1.0),
    (activations.hard_silu, -3.0, 0.0), (activations.hard_silu, 3.0, 1.0), (activations.hard_silu, 2.9, 8.8 / 6),
    (activations.hard_tanh, -1.0, 1.0), (activations.hard_tanh, 1.0, 1.0), (activations.hard_tanh, 1.1, 0.0),
    (activations.hard_sigmoid, -3.0, 0.0), (activations.hard_sigmoid, 3.0, 0.0), (activations.hard_sigmoid, 2.9, 1 / 6),
])
def test_derivatives_at_corners_are_the_documented_ones(f: Any, at: float, slope: float) -> None:
    assert fn.grad(lambda x: np.sum(f(x)))(np.array([at])) == slope


@pytest.mark.parametrize(("f", "expected"), [
    (activations.hard_tanh, 1.0), (activations.relu, 0.0), (activations.leaky_relu, 0.01),
    (activations.hard_sigmoid, 0.0),
])
def test_slopes_of_straight_lines_at_nan_are_those_of_jax(f: Any, expected: float) -> None:
    assert fn.grad(f)(np.nan) == expected


CURVED = [row for row in ACTIVATIONS if row.second and not row.along_axis]


@pytest.mark.parametrize("row", CURVED, ids=str)
def test_no_derivative_of_a_curve_swallows_nan(row: Activation) -> None:
    first: Any = fn.grad(row.f)
    assert np.isnan(first(np.nan))
    assert np.isnan(fn.grad(first)(np.nan))
    assert np.isnan(fn.grad(fn.grad(first))(np.nan))


@pytest.mark.parametrize(("f", "expected"), [
    (activations.elu, 1.0), (partial(activations.elu, alpha=0.3), 0.3),
    (activations.selu, 1.0507009873554805 * 1.6732632423543772),
])
def test_the_second_derivative_of_elu_at_0_is_that_of_its_left_side(f: Any, expected: float) -> None:
    """The documented choice, JAX's too."""
    first: Any = fn.grad(f)
    assert fn.grad(first)(0.0) == pytest.approx(expected, rel=1e-15)


FLAT: list[tuple[Any, list[float]]] = [
    (activations.relu, [-1.0, -3.0, 0.0]), (activations.hard_tanh, [-1.5, 2.0, 1e30]),
    (activations.hard_sigmoid, [-3.0, 3.0, -9.0]), (activations.relu6, [0.0, 6.0, -9.0]),
    (activations.hard_silu, [-3.0, -9.0, -1e30]),
]


@pytest.mark.parametrize(("f", "x"), FLAT)
def test_nothing_of_a_cotangent_comes_through_where_it_is_flat(f: Any, x: list[float]) -> None:
    _, pullback = fn.vjp(f, np.array(x))
    np.testing.assert_array_equal(pullback(np.array([np.inf, np.nan, -np.inf]))[0], np.zeros(3))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")   # log(0) and its slope, which are not chosen
def test_a_branch_that_is_not_taken_gives_nothing() -> None:
    found = fn.grad(lambda x: np.sum(np.where(x > 0, np.log(activations.relu(x)), 0.0)))(np.array([-1.0, 2.0]))
    np.testing.assert_array_equal(found, [0.0, 0.5])


X_OF_3 = np.array([-1.0, 2.0, -3.0])


@pytest.mark.parametrize(("f", "setting", "expected"), [
    (activations.leaky_relu, 0.1, [-1.0, 0.0, -3.0]), (activations.leaky_relu, 2.5, [-1.0, 0.0, -3.0]),
    (activations.elu, 0.7, np.expm1([-1.0, 0.0, -3.0])),
    (activations.celu, 0.5, [3 * np.exp(-2) - 1, 0.0, 7 * np.exp(-6) - 1]),
    (activations.squareplus, 4.0, 1 / (4 * np.sqrt([5.0, 8.0, 13.0]))),
])
def test_settings_are_differentiated_by(f: Any, setting: float, expected: Any) -> None:
    """So PReLU is leaky_relu with a slope among the parameters, one or one for each feature."""
    grad: Any = fn.grad
    of = grad(lambda s: np.sum(f(X_OF_3, s)))
    np.testing.assert_allclose(of(setting), np.sum(expected), rtol=1e-14)
    np.testing.assert_allclose(of(np.full(3, setting)), expected, rtol=1e-14)
    rows = grad(lambda s: np.sum(f(np.stack([X_OF_3, 2 * X_OF_3]), s)))(np.full(3, setting))
    below = grad(lambda s: np.sum(f(2 * X_OF_3, s)))(np.full(3, setting))
    np.testing.assert_allclose(rows, expected + below, rtol=1e-14)
    check_grads(f, (X_OF_3, np.array([0.2, 0.3, 0.4])), order=2)


@pytest.mark.parametrize("f", [activations.leaky_relu, activations.elu, activations.celu, activations.squareplus])
def test_derivatives_by_settings_are_those_of_jax(f: Any, jax: Any) -> None:
    x, s, theirs = np.array([-30.0, -1.0, 0.5, 2.0]), np.array([0.2, 0.3, 0.4, 0.5]), getattr(jax.nn, f.__name__)
    expected = jax.grad(lambda s: jax.numpy.sum(theirs(x, s) * x))(s)
    np.testing.assert_allclose(fn.grad(lambda s: np.sum(f(x, s) * x))(s), expected, rtol=1e-12)
    compiled = jax.jit(jax.grad(lambda s: jax.numpy.sum(f(jax.numpy.asarray(x), s) * x)))(s)
    np.testing.assert_allclose(compiled, expected, rtol=1e-12)


# ------------------------------------------------------------------------------ fewer numbers out than in


@pytest.mark.parametrize("row", NARROWING, ids=str)
def test_what_narrows_has_the_values_and_derivatives_of_jax(row: Activation, jax: Any) -> None:
    x, theirs = np.random.default_rng(0).normal(size=(4, 2, 6)) * 9, row.theirs(jax)
    y, pullback = fn.vjp(row.f, x)
    expected, back = jax.vjp(theirs, x)
    g = np.linspace(1, 2, np.size(expected)).reshape(expected.shape)
    np.testing.assert_allclose(y, expected, rtol=1e-13)
    np.testing.assert_allclose(pullback(g)[0], back(jax.numpy.asarray(g))[0], rtol=1e-12, atol=1e-14)
    compiled = jax.jit(row.f)(jax.numpy.asarray(x))
    assert compiled.dtype == y.dtype
    np.testing.assert_allclose(compiled, y, rtol=1e-13)


@pytest.mark.parametrize("row", NARROWING, ids=str)
def test_what_narrows_meets_the_laws(row: Activation) -> None:
    x = np.random.default_rng(1).normal(size=(2, 3, 4))
    check_grads(row.f, (x,), order=2)
    x.setflags(write=False)
    assert_pure(row.f, x)
    y, pullback = fn.vjp(row.f, x.astype(np.float32))
    assert y.dtype == pullback(y)[0].dtype == np.float32
    assert fn.jit(row.f)(x).tobytes() == row.f(x).tobytes()
    each = fn.vmap(row.f)(np.stack([x, 2 * x]))
    np.testing.assert_allclose(each, np.stack([row.f(x), row.f(2 * x)]), rtol=1e-14)


def test_logsumexp_of_what_is_masked_out() -> None:
    x = np.array([[-np.inf, -np.inf, -np.inf], [0.0, -np.inf, 1000.0], [-1000.0, -1001.0, -np.inf]])
    y, pullback = fn.vjp(partial(activations.logsumexp, axis=1), x)
    np.testing.assert_allclose(y, [-np.inf, 1000.0, -1000 + np.log1p(np.exp(-1))], rtol=1e-15)
    expected = [[0, 0, 0], [0, 0, 1], [1 / (1 + np.exp(-1)), np.exp(-1) / (1 + np.exp(-1)), 0]]
    np.testing.assert_allclose(pullback(np.ones(3))[0], expected, rtol=1e-13)
    assert np.isposinf(activations.logsumexp(np.array([np.inf, 0.0])))


def test_glu_lets_the_first_half_through_as_the_second_says() -> None:
    x = np.array([[2.0, -3.0, 0.0, np.log(3.0)], [4.0, 8.0, 1e4, -1e4]])
    np.testing.assert_allclose(activations.glu(x), [[1.0, -2.25], [4.0, 0.0]], rtol=1e-15)
    np.testing.assert_allclose(activations.glu(x.T, axis=0), [[1.0, 4.0], [-2.25, 0.0]], rtol=1e-15)


@pytest.mark.parametrize("x", [np.ones((2, 3)), np.ones(())])
def test_glu_needs_two_halves(x: Any) -> None:
    with pytest.raises(ValueError, match=r"^glu: x of shape \(.*\) must have an even length along axis -1"):
        activations.glu(x)


# ------------------------------------------------------------------------------------------- golden numbers

X = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
GOLDEN: dict[str, tuple[Any, list[float]]] = {
    "gelu": (partial(activations.gelu, approximate=False),
             [-0.0455002639, -0.1542687694, 0, 0.3457312306, 1.9544997361]),
    "elu": (activations.elu, [-0.8646647168, -0.3934693403, 0, 0.5, 2]),
    "selu": (activations.selu, [-1.5201664686, -0.6917581878, 0, 0.5253504937, 2.1014019747]),
    "silu": (activations.silu, [-0.238405844, -0.1887703344, 0, 0.3112296656, 1.761594156]),
    "softplus": (activations.softplus, [0.126928011, 0.4740769842, 0.6931471806, 0.9740769842, 2.126928011]),
    "sigmoid'": (fn.elementwise_grad(activations.sigmoid),
                 [0.1049935854, 0.2350037122, 0.25, 0.2350037122, 0.1049935854]),
    "tanh'": (fn.elementwise_grad(activations.tanh), [0.0706508249, 0.786447733, 1, 0.786447733, 0.0706508249]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_numbers_that_torch_gave(name: str) -> None:
    f, expected = GOLDEN[name]
    np.testing.assert_allclose(f(X), expected, rtol=0, atol=5e-11)


@pytest.mark.slow
def test_values_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x = np.linspace(-9, 9, 38)
    theirs = {"mish": torch.nn.functional.mish, "relu6": torch.nn.functional.relu6, "celu": torch.nn.functional.celu,
              "hard_silu": torch.nn.functional.hardswish, "soft_sign": torch.nn.functional.softsign,
              "glu": torch.nn.functional.glu, "gelu": partial(torch.nn.functional.gelu, approximate="tanh"),
              "hard_sigmoid": torch.nn.functional.hardsigmoid, "log_sigmoid": torch.nn.functional.logsigmoid}
    for name, f in theirs.items():
        np.testing.assert_allclose(getattr(activations, name)(x), f(torch.tensor(x)).numpy(), rtol=1e-12, atol=1e-15)


def test_tails_keep_their_relative_accuracy() -> None:
    x = np.array([-700.0, -100.0, -40.0])
    np.testing.assert_allclose(activations.sigmoid(x), np.exp(x), rtol=1e-14)
    np.testing.assert_allclose(activations.softplus(x), np.exp(x), rtol=1e-14)
    np.testing.assert_allclose(activations.log_sigmoid(-x), -np.exp(x), rtol=1e-14)
    np.testing.assert_allclose(activations.mish(x), x * np.exp(x), rtol=1e-14)
    slope: Any = fn.grad
    sigmoid_40 = np.exp(-40.0) / (1 + np.exp(-40.0)) ** 2
    np.testing.assert_allclose(slope(activations.sigmoid)(40.0), sigmoid_40, rtol=1e-14)
    np.testing.assert_allclose(slope(activations.sigmoid)(-40.0), sigmoid_40, rtol=1e-14)
    np.testing.assert_allclose(slope(activations.sigmoid)(np.float32(20)), 2.0611536e-9, rtol=1e-6)
    np.testing.assert_allclose(slope(activations.tanh)(10.0), np.cosh(10.0) ** -2, rtol=1e-14)
    np.testing.assert_allclose(slope(activations.log_sigmoid)(40.0), np.exp(-40.0), rtol=1e-14)
    np.testing.assert_allclose(slope(activations.silu)(-40.0), -39 * np.exp(-40.0), rtol=1e-14)
    at_9 = activations.gelu(np.array([-9.0]), approximate=False)
    np.testing.assert_allclose(at_9, -9 * 1.1285884059538408e-19, rtol=2e-14)


# ------------------------------------------------------------------------------------------- softmax


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=6), st.floats(-1e4, 1e4))
def test_softmax_sums_to_1_and_does_not_see_a_shift(row: list[float], shift: float) -> None:
    x = np.array([row])
    y = np.asarray(activations.softmax(x))
    assert np.min(y) >= 0
    assert abs(y.sum() - 1) < 1e-12
    np.testing.assert_allclose(activations.softmax(x + shift), y, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(np.exp(activations.log_softmax(x)), y, rtol=1e-11, atol=1e-15)


def test_softmax_of_entries_that_are_masked_out() -> None:
    x = np.array([[0.0, -np.inf, 0.0]])
    assert np.array_equal(activations.softmax(x), [[0.5, 0.0, 0.5]])
    assert np.array_equal(activations.log_softmax(x), [[-np.log(2), -np.inf, -np.log(2)]])


@pytest.mark.parametrize("f", [activations.softmax, activations.log_softmax])
@pytest.mark.parametrize("row", [[-np.inf, -np.inf], [np.inf, 0.0]])
def test_softmax_without_a_limit_is_nan_and_warns(f: Any, row: list[float]) -> None:
    with pytest.warns(RuntimeWarning, match="invalid value"):
        assert np.isnan(f(np.array([row]))).any()
