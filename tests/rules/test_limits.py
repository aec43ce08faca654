"""Derivatives where numbers end: what overflows, what vanishes, what is not a number, and corners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import losses
from funcnn.activations import log_softmax, softmax
from funcnn.rules.table import over
from rules_contract import ROWS, Row, arguments

# Untyped here: what is differentiated are lambdas of arrays.
grad: Any = fn.grad
vjp: Any = fn.vjp
hessian: Any = fn.hessian

Real = Callable[..., Any]
f32: Any = np.float32


# ------------------------------------------------------------------------ constants: lists, tuples, integers


def _tuples(x: Any) -> Any:
    return tuple(map(_tuples, x)) if isinstance(x, list) else x


AS: dict[str, Callable[[Any], Any]] = {
    "a list": lambda x: np.asarray(x).tolist(),
    "a tuple": lambda x: _tuples(np.asarray(x).tolist()),
    "integers": lambda x: np.asarray(x).astype(int),
}
OF_TWO = [row for row in ROWS if len(row.makers) > 1]
NOT_SEEN = {"full_like", "x.dot"}
"""The method of a plain array, and a function that hands on its first argument only: errors in our words."""


def _total(y: Any) -> Any:
    """A number that everything in y has a part in."""
    if isinstance(y, list | tuple):
        return sum(map(_total, y))
    weighed = y * np.cos(np.arange(1.0, y.size + 1)).reshape(y.shape)
    return np.sum(np.real(weighed) - np.imag(weighed))


def _with(row: Row, args: tuple[Any, ...], i: int, constant: Any, j: int) -> Real:
    """The row as a function of its argument j, with a constant in the place of argument i."""
    def f(x: Any) -> Any:
        return _total(row.f(np, *[constant if k == i else x if k == j else arg for k, arg in enumerate(args)]))

    return f


def check_constants(row: Row, kind: str) -> int:
    """How many ways to call the row, that NumPy takes, have the gradient that they have with an array of floats."""
    args, tried = arguments(row), 0
    for i, arg in enumerate(args):
        plain = np.rint(2 * np.asarray(arg))[()] if kind == "integers" else arg
        for j in set(range(len(args))) - {i}:
            other = _with(row, args, i, AS[kind](plain), j)
            try:
                other(args[j])
            except (TypeError, AttributeError, ValueError):   # NumPy takes no list here, or one of nothing has no shape
                continue
            expected = grad(_with(row, args, i, plain, j))(args[j])
            np.testing.assert_allclose(grad(other)(args[j]), expected, rtol=1e-11, atol=1e-11)
            tried += 1
    return tried


@pytest.mark.filterwarnings("ignore:::numpy")   # rounded to integers, some are 0
@pytest.mark.parametrize("kind", AS)
@pytest.mark.parametrize("row", [row for row in OF_TWO if row.name not in NOT_SEEN], ids=lambda row: str(row.name))
def test_a_constant_operand_may_be_a_list_a_tuple_or_integers(row: Row, kind: str) -> None:
    with np.errstate(all="ignore"):
        check_constants(row, kind)


def test_most_rows_take_lists() -> None:
    with np.errstate(all="ignore"):
        assert sum(check_constants(row, "a list") > 0 for row in OF_TWO if row.name not in NOT_SEEN) > 100


M = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]]


@pytest.mark.parametrize(("f", "x", "expected"), [
    (lambda w: np.sum(np.dot(M, w) * np.array([1.0, 10.0, 100.0])), np.ones((3, 3)),
     [[12, 120, 1200], [15, 150, 1500], [19, 190, 1900]]),
    (lambda v: np.sum(np.heaviside([0.0, -1.0, 0.0], v)), np.ones(3), [1, 0, 1]),
    (lambda v: np.vdot((1.0, 2.0, 3.0), v), np.ones(3), [1, 2, 3]),
    (lambda v: np.sum(np.arctan2([1, 2, 3], v)), np.ones(3), [-0.5, -0.4, -0.3]),
    (lambda v: np.average([1, 2, 3], weights=v), np.array([1.0, 2.0, 4.0]), np.array([-10, -3, 4]) / 49),
    (lambda v: np.cov([1.0, 2.0, 4.0], v)[0, 1], np.array([1.0, 5.0, 2.0]), [-2 / 3, -1 / 6, 5 / 6]),
    (lambda v: np.sum(np.gradient([1.0, 2.0, 4.0], v)), np.array(2.0), -1.125),
    (lambda v: np.sum(np.ediff1d([1.0, 2.0], v) * np.array([3.0, 5.0])), np.array([1.0]), [5.0]),
    (lambda v: np.sum(np.linalg.lstsq([[1, 0], [0, 2], [0, 0]], v)[0]), np.ones(3), [1.0, 0.5, 0.0]),
])
def test_lists_and_integers_count_as_arrays(f: Real, x: Any, expected: Any) -> None:
    np.testing.assert_allclose(grad(f)(x), expected, atol=1e-14)


# ------------------------------------------------------------------------ cotangents that are no numbers


BAD = np.array([np.inf, np.nan, -np.inf])


@pytest.mark.parametrize(("f", "x"), [
    (lambda x: np.maximum(x, 0), -1.0), (lambda x: np.minimum(0, x), 1.0), (lambda x: np.fmax(x, 0), -1.0),
    (lambda x: np.fmin(x, 0), 1.0), (lambda x: np.clip(x, 0, 6), 7.0), (lambda x: np.clip(x, 0, 6), -7.0),
    (lambda x: np.where(x > 0, x, 0), -1.0), (lambda x: np.where(x > 0, 0, x), 1.0),
    (lambda x: np.nan_to_num(x), np.nan), (lambda x: np.heaviside(x, 0.5), 1.0), (lambda x: np.heaviside(1.0, x), 1.0),
    (lambda x: np.copysign(1.0, x), 2.0), (lambda x: np.nextafter(1.0, x), 2.0),
    (lambda x: np.select([x > 0], [x], 1.0), -1.0),
])
def test_nothing_of_a_cotangent_comes_through_where_a_choice_fell_on_another(f: Real, x: float) -> None:
    _, pullback = vjp(f, np.full(3, x))
    np.testing.assert_array_equal(pullback(BAD)[0], np.zeros(3))


@pytest.mark.parametrize(("f", "chosen"), [
    (np.max, 2), (np.min, 0), (np.nanmax, 2), (np.nanmin, 0), (np.median, 1), (np.nanmedian, 1),
    (lambda x: np.quantile(x, 0.4, method="lower"), 0), (lambda x: np.quantile(x, 0.4, method="higher"), 1),
    (lambda x: np.quantile(x, 0.4, method="nearest"), 1), (lambda x: np.sort(x)[0], 0),
])
def test_an_infinite_cotangent_goes_to_what_was_chosen_alone(f: Real, chosen: int) -> None:
    (found,) = vjp(f, np.array([1.0, 2.0, 3.0]))[1](np.inf)
    assert np.isinf(found[chosen])
    assert np.all(np.delete(found, chosen) == 0)


@pytest.mark.parametrize("f", [np.nansum, np.nanmean, np.nanvar, np.nanstd, np.nanprod])
def test_nothing_comes_through_to_what_is_not_a_number(f: Real) -> None:
    for g in BAD:
        with np.errstate(invalid="ignore"):
            (found,) = vjp(f, np.array([1.0, np.nan, 3.0]))[1](g)
        assert found[1] == 0, f
        assert not np.isfinite(found[[0, 2]]).any(), f


# ------------------------------------------------------------------------ more entries than float16 can count

MANY = 70_000
ZEROS_AND_ONES = (np.arange(MANY) % 2).astype(np.float16)


@pytest.mark.parametrize(("f", "value", "slopes"), [
    (np.mean, 0.5, (1 / MANY, 1 / MANY)), (np.nanmean, 0.5, (1 / MANY, 1 / MANY)),
    (np.average, 0.5, (1 / MANY, 1 / MANY)),
    (np.var, 0.25, (-1 / MANY, 1 / MANY)), (np.nanvar, 0.25, (-1 / MANY, 1 / MANY)),
    (np.std, 0.5, (-1 / MANY, 1 / MANY)), (np.nanstd, 0.5, (-1 / MANY, 1 / MANY)),
    (lambda x: np.var(x, ddof=1), 0.25, (-1 / MANY, 1 / MANY)),
    (np.max, 1.0, (0, 2 / MANY)), (np.min, 0.0, (2 / MANY, 0)), (np.nanmax, 1.0, (0, 2 / MANY)),
    (np.nanmin, 0.0, (2 / MANY, 0)), (np.ptp, 1.0, (-2 / MANY, 2 / MANY)),
    (lambda x: np.max(x + 1 - x), 1.0, (0, 0)), (lambda x: np.mean(x, axis=0, keepdims=True)[0], 0.5,
                                                 (1 / MANY, 1 / MANY)),
    (lambda x: np.linalg.norm(x), 35_000 ** 0.5, (0.0, 35_000 ** -0.5)),
    (lambda x: np.linalg.norm(8 * x), None, (0.0, 8 * 35_000 ** -0.5)),
    (lambda x: softmax(x)[1] * 4096, 4096 * np.e / (1 + np.e) / 35_000, None),
    (lambda x: log_softmax(x)[1], None, None),
])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")   # in norm's own value
def test_counts_are_right_in_float16(f: Real, value: float | None, slopes: Any) -> None:
    found, gradient = fn.value_and_grad(f)(ZEROS_AND_ONES)
    assert gradient.dtype == np.float16
    assert found == f(ZEROS_AND_ONES)
    if value is not None:
        assert found == pytest.approx(value, rel=2e-3)
    if slopes is not None:
        np.testing.assert_allclose(gradient[:2], slopes, rtol=3e-3)
    assert np.isfinite(gradient).all()


def test_scaled_gradients_of_float16_do_not_vanish() -> None:
    """The share of one of ten million entries is 0 in float16; what is scaled before it is shared is not."""
    (found,) = vjp(np.mean, np.zeros(10_000_000, np.float16))[1](np.float16(2.0 ** 15))
    np.testing.assert_allclose(found[0], 2.0 ** 15 / 1e7, rtol=1e-3)


def test_an_extreme_of_many_equal_ones_is_shared() -> None:
    np.testing.assert_allclose(grad(np.max)(np.ones(MANY, np.float16))[:3], 1 / MANY, rtol=3e-3)


# ------------------------------------------------------------------------ squares that overflow or vanish


@pytest.mark.parametrize(("f", "x", "expected"), [
    (np.prod, f32([0, 0, 1e25, 1e25]), [0, 0, 0, 0]), (np.prod, [0, 0, 1e200, 1e200], [0, 0, 0, 0]),
    (np.nanprod, [np.nan, 0, 0, 1e200, 1e200], [0, 0, 0, 0, 0]), (np.prod, [0, 1e200, 1e-200], [1, 0, 0]),
    (np.prod, f32([1e-25, 1e-20]), f32([1e-20, 1e-25])), (np.prod, [1e-200, 1e-120], [1e-120, 1e-200]),
    (lambda x: np.prod(x) * f32(1e10), f32([1e30, 1]), f32([1e10, np.inf])),
    (lambda x: np.prod(x) * f32(1e-30), f32([1e-10, 1]), f32([1e-30, 1e-40])),
    (lambda x: np.sum(np.cumprod(x)), f32([1e-25, 1e-20]), f32([1, 1e-25])),
    (lambda x: np.cumprod(x)[1] * f32(1e10), f32([1e30, 1]), f32([1e10, np.inf])),
    (lambda x: np.linalg.det(np.diag(x)), f32([1e30, 1e30]), f32([1e30, 1e30])),
    (lambda x: np.linalg.det(np.diag(x)), f32([1e-25, 1e-20]), f32([1e-20, 1e-25])),
    (np.prod, f32([1e30, 1e30]), f32([1e30, 1e30])), (np.prod, f32([1e-30, 1e-30]), f32([1e-30, 1e-30])),
    (lambda x: np.cumprod(x)[1], [1e200, 1e200], [1e200, 1e200]),
    (lambda x: np.cumprod(x)[2], [1e200, 1e200, 0.0], [0, 0, np.inf]),
    (lambda x: np.sum(np.cumprod(x)), f32([1e30, 1e30, 0]), f32([1e30, 1e30, np.inf])),
    (np.arcsinh, f32(1e20), 1e-20), (np.arcsinh, 1e200, 1e-200), (np.arccosh, f32(1e20), 1e-20),
    (np.arccosh, 1e200, 1e-200), (np.arctan, f32(1e18), 1e-36), (np.arctan, 1e150, 1e-300),
    (lambda x: np.arctan2(x[0], x[1]), f32([1e20, 1e20]), [5e-21, -5e-21]),
    (lambda x: np.arctan2(x[0], x[1]), f32([1e-25, 1e-25]), [5e24, -5e24]),
    (lambda x: np.arctan2(x[0], x[1]), [1e200, 1e200], [5e-201, -5e-201]),
    (lambda x: np.arctan2(x[0], x[1]), [1e-200, 1e-200], [5e199, -5e199]),
    (lambda x: np.hypot(x[0], x[1]), [3e200, 4e200], [0.6, 0.8]),
    (lambda x: np.hypot(x[0], x[1]), [3e-200, 4e-200], [0.6, 0.8]),
    (lambda x: np.abs(x[0] + 1j * x[1]), [3e200, 4e200], [0.6, 0.8]),
    (np.linalg.norm, [3e200, 4e200], [0.6, 0.8]), (np.linalg.norm, [3e-200, 4e-200], [0.6, 0.8]),
    (np.linalg.norm, f32([3e25, 4e25]), [0.6, 0.8]), (np.linalg.norm, f32([3e-25, 4e-25]), [0.6, 0.8]),
    (np.linalg.vector_norm, [3e-200, 4e-200], [0.6, 0.8]),
    (lambda x: np.linalg.norm(x, 3), [1e200, 1e200], 2 * [4 ** (-1 / 3)]),
    (lambda x: np.linalg.norm(x, 4), [1e-200, 1e-200], 2 * [8 ** (-1 / 4)]),
    (np.std, [1e200, 3e200], [-0.5, 0.5]), (np.std, [1e-200, 3e-200], [-0.5, 0.5]),
    (np.nanstd, [1e200, np.nan, 3e200], [-0.5, 0, 0.5]), (lambda x: np.std(x, ddof=1), [1e-200, 3e-200],
                                                          [-(2 ** -0.5), 2 ** -0.5]),
])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")   # the value itself overflows
def test_slopes_do_not_depend_on_the_size_of_numbers(f: Real, x: Any, expected: Any) -> None:
    x = np.array(x)
    found = grad(f)(x)
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-14 if x.dtype == np.float64 else 1e-6)


@pytest.mark.parametrize("z", [-0.8 - 0.15j, -0.8 + 0.15j, 0.8 - 0.15j, -2.0 + 1.5j, 3.0 - 2.0j])
@pytest.mark.parametrize("f", [np.arccosh, np.arcsinh, np.arctan, np.arcsin, np.arccos, np.arctanh, np.tanh, np.sqrt])
def test_complex_slopes_are_on_the_branch_of_the_function(f: Real, z: complex) -> None:
    h = 1e-6
    slope = (f(z + h) - f(z - h)) / (2 * h)
    found = grad(lambda x: np.real(f(x[0] + 1j * x[1])))(np.array([z.real, z.imag]))
    np.testing.assert_allclose(found, [slope.real, -slope.imag], rtol=1e-7, atol=1e-9)


def test_arccosh_left_of_0() -> None:
    """JAX has the other sign there."""
    found = grad(lambda x: np.real(np.arccosh(x[0] + 1j * x[1])))(np.array([-0.8, -0.15]))
    np.testing.assert_allclose(found, [-0.41151188, -1.43010634], rtol=1e-7)


# ------------------------------------------------------------------------ second derivatives at corners

HERE = np.zeros(2)


@pytest.mark.parametrize(("f", "x"), [
    (lambda x: np.linalg.norm(x) ** 2, HERE), (lambda x: np.exp(-np.linalg.norm(x) ** 2), HERE),
    (lambda x: np.linalg.vector_norm(x) ** 2, HERE), (lambda x: np.linalg.norm(x.reshape(1, 2)) ** 2, HERE),
    (lambda x: np.linalg.norm(x, 3) ** 2, HERE), (lambda x: np.linalg.norm(x, 1) ** 2, HERE),
    (lambda x: np.linalg.norm(x, np.inf) ** 2, HERE), (lambda x: np.linalg.norm(x, 1.5) ** 2, np.array([0.0, 1.0])),
    (lambda x: np.linalg.norm(x, 0.5) ** 2, np.array([0.0, 1.0])),
    (lambda x: np.hypot(x[0], x[1]) ** 2, HERE), (lambda x: np.sum(np.abs(x) ** 2), HERE),
    (lambda x: np.sum(np.fabs(x) * np.fabs(x)), HERE), (lambda x: np.abs(x[0] + 1j * x[1]) ** 2, HERE),
    (lambda x: np.sum(np.copysign(x, 1.0) ** 2), HERE), (lambda x: np.std(x) ** 2, np.ones(2)),
    (lambda x: np.nanstd(x) ** 2, np.ones(2)), (lambda x: np.sum(np.sqrt(x ** 2) ** 2), HERE),
    (lambda x: np.linalg.det(np.diag(x) + 0 * x[:, None]), HERE),
])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")   # 0 / 0: that it is no number
def test_a_second_derivative_through_a_corner_is_no_number(f: Real, x: Any) -> None:
    """The function itself may be smooth (|x|**2), but its parts are not; 0 would be a plausible wrong number."""
    assert np.isnan(hessian(f)(x)).any()


@pytest.mark.parametrize(("f", "a"), [
    (lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), np.identity(3)),
    (lambda a: np.sum(np.linalg.eigh(a)[0] ** 2), np.identity(3)),
    (lambda a: np.sum(np.linalg.svdvals(a) ** 2), np.identity(3)),
    (lambda a: np.sum(np.linalg.svd(a)[1] ** 2), np.identity(3)),
    (lambda a: np.sum((np.linalg.eigh(a)[0] - 1) ** 2), np.identity(3)),
    (lambda a: np.linalg.norm(a, "nuc") ** 2, np.identity(3)), (lambda a: np.linalg.norm(a, 2) ** 2, np.identity(3)),
    (np.linalg.det, np.diag([1.0, 0.0, 0.0])), (np.linalg.det, np.zeros((2, 2))),
    (lambda a: np.sum(np.linalg.svdvals(a) ** 2), np.zeros((3, 2))),
])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_made_of_coincident_vectors_has_no_second_derivative(f: Real, a: Any) -> None:
    v = np.random.default_rng(0).standard_normal(a.shape)
    assert np.isfinite(grad(f)(a)).all()
    assert np.isnan(fn.hvp(f, (a,), (v,))).any()


@pytest.mark.parametrize(("f", "a", "expected"), [
    (lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), np.diag([1.0, 2.0, 4.0]), None),
    (lambda a: np.sum(np.linalg.eigh(a)[0] ** 2), np.diag([1.0, 2.0, 4.0]), None),
    (lambda a: np.sum(np.linalg.svdvals(a) ** 2), np.diag([1.0, 2.0, 0.0]), None),
    (lambda a: np.sum(np.linalg.svd(a)[1] ** 2), np.diag([1.0, 2.0, 4.0]), None),
])
def test_where_nothing_coincides_the_second_derivative_is_that_of_the_squares(f: Real, a: Any, expected: Any) -> None:
    v = np.random.default_rng(0).standard_normal(a.shape)
    v = v + v.T
    np.testing.assert_allclose(fn.hvp(f, (a,), (v,)), 2 * v, atol=1e-12)


@pytest.mark.parametrize(("f", "x", "expected"), [
    (lambda x: np.sum(np.abs(x) ** 2), [1.0, -2.0], [2, 2]), (lambda x: np.linalg.norm(x) ** 2, [1.0, -2.0], [2, 2]),
    (lambda x: np.std(x) ** 2, [1.0, 3.0], [0.5, 0.5]), (lambda x: np.sum(np.maximum(x, 0) ** 2), [1.0, -2.0], [2, 0]),
    (lambda x: np.linalg.norm(x, 3) ** 2, [0.0, 1.0], [0.0, 2.0]), (lambda x: np.sum(x ** 2.0), [0.0, 0.0], [2, 2]),
])
def test_elsewhere_it_is_right(f: Real, x: Any, expected: Any) -> None:
    np.testing.assert_allclose(np.diagonal(hessian(f)(np.array(x))), expected, atol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")   # 1 / 0: that it is no number
def test_only_0_over_0_is_0() -> None:
    np.testing.assert_array_equal(over(np.array([0.0, 1.0, 3.0]), np.array([0.0, 0.0, 2.0])), [0.0, np.inf, 1.5])
    assert not np.isfinite(grad(lambda x: np.linalg.norm(x, -2))(np.array([0.0, 2.0]))).all()


def test_a_tie_counts_as_the_mean_of_what_ties() -> None:
    """The documented choice, JAX's too."""
    assert grad(lambda x: np.maximum(x, 3.0))(3.0) == 0.5
    np.testing.assert_array_equal(vjp(np.maximum, np.ones(2), np.ones(2))[1](np.array([2.0, 4.0]))[1], [1.0, 2.0])
    np.testing.assert_array_equal(grad(np.max)(np.array([5.0, 1.0, 5.0])), [0.5, 0.0, 0.5])
    assert hessian(lambda x: np.maximum(x, 0.0) ** 2)(0.0) == 0.5


# ------------------------------------------------------------------------ tails


@pytest.mark.parametrize(("x", "rtol"), [
    (10.0, 1e-14), (-10.0, 1e-14), (30.0, 1e-14), (f32(12), 2e-6), (f32(-9), 2e-6)])
def test_the_slope_of_tanh_keeps_its_tail(x: Any, rtol: float) -> None:
    np.testing.assert_allclose(grad(np.tanh)(x), np.cosh(np.float64(x)) ** -2, rtol=rtol)


def test_the_slope_of_tanh_ends_in_0() -> None:
    np.testing.assert_array_equal(fn.elementwise_grad(np.tanh)(np.array([800.0, -np.inf, np.inf])), np.zeros(3))


# ------------------------------------------------------------------------ gaps of other tests


@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("take", [lambda w, i: w[i], lambda w, i: np.take(w, i, axis=0), lambda w, i: w[(i,)]])
def test_rows_picked_more_than_once_add_up_in_large_batches_too(take: Real, width: int) -> None:
    """Every embedding."""
    rng = np.random.default_rng(0)
    i, u = rng.integers(0, 7, 600), rng.standard_normal((600, width))
    expected = np.zeros((9, width))
    np.add.at(expected, i, u)
    np.testing.assert_allclose(grad(lambda w: np.sum(take(w, i) * u))(np.ones((9, width))), expected, rtol=1e-12)
    flat = grad(lambda w: np.sum(take(w, i) * u[:, 0]))(np.ones(9))
    np.testing.assert_allclose(flat, expected[:, 0], rtol=1e-12)


def test_the_correction_of_a_variance_is_its_degrees_of_freedom() -> None:
    x = np.array([1.0, 2.0, 6.0])
    np.testing.assert_allclose(grad(lambda x: np.var(x, correction=1))(x), x - 3.0)
    np.testing.assert_allclose(grad(lambda x: np.std(x, correction=1))(x), (x - 3.0) / 2 / np.sqrt(7.0))
    np.testing.assert_allclose(grad(lambda x: np.var(x, ddof=2))(x), 2 * (x - 3.0))


@pytest.mark.parametrize("uplo", ["L", "U"])
def test_the_cotangent_of_eigenvectors_is_symmetric_and_right_for_what_is_not(uplo: Any) -> None:
    """`eigh` reads one triangle; the cotangent is that of the symmetric part, given to both."""
    a = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.4], [0.1, 0.4, -1.0]])
    u = np.random.default_rng(1).standard_normal((3, 3))

    def f(a: Any) -> Any:
        w, v = np.linalg.eigh(a, uplo)
        return np.sum(u * v * v) + np.sum(w ** 3)

    found = grad(f)(a)
    np.testing.assert_allclose(found, found.T, atol=1e-13)
    step = np.random.default_rng(2).standard_normal((3, 3)) * 1e-6
    both = (step + step.T) / 2
    np.testing.assert_allclose(np.sum(found * step), (f(a + both) - f(a - both)) / 2, rtol=1e-6)


@pytest.mark.parametrize("f", [np.add, np.multiply, np.divide, np.power, np.maximum, np.arctan2, np.hypot, np.matmul,
                               np.dot, np.inner, lambda x, y: np.where(x > y, x, y), np.outer,
                               lambda x, y: np.concatenate([x, y]), lambda x, y: np.clip(x, 0.1, y)])
def test_a_gradient_has_the_dtype_of_its_argument_and_the_number_of_the_wider(f: Real) -> None:
    x, y = f32([0.5, 1.5, 2.5]), np.array([1.25, 0.75, 2.0])
    found = grad(lambda x, y: np.sum(f(x, y)), (0, 1))(x, y)
    expected = grad(lambda x, y: np.sum(f(x, y)), (0, 1))(x.astype(np.float64), y)
    assert [g.dtype for g in found] == [np.float32, np.float64]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_rule_that_is_wrong_by_a_thousandth_would_fail_here() -> None:
    wrong = fn.custom_vjp(lambda x: np.linalg.norm(x))
    wrong.defvjps(lambda g, y, x: g * x / y * 1.001)
    with pytest.raises(AssertionError):
        test_slopes_do_not_depend_on_the_size_of_numbers(wrong, [3.0, 4.0], [0.6, 0.8])


@pytest.mark.parametrize("scale", [1.0, 1e200, 1e-200])
def test_distances_have_no_scale(scale: float) -> None:
    a, b = np.array([[1.0, 2.0]]) * scale, np.array([[2.0, 1.0]]) * scale
    np.testing.assert_allclose(losses.cosine_distance(a, b), [0.2], rtol=1e-12)
    found = grad(lambda a: np.sum(losses.cosine_distance(a, b)))(a)
    np.testing.assert_allclose(found * scale, [[-0.24, 0.12]], rtol=1e-12)
