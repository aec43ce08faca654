"""What users' programs broke: each was silently wrong, or failed, before it stood here."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from alike import assert_same
from funcnn.core import TracerError

X: Any = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -4.0]])


def assert_like_itself(f: Callable[..., Any], *calls: tuple[Any, ...], static_argnums: Any = ()) -> None:
    """The jitted function gives what f gives, without a warning of its own, and what it gave stays as it was."""
    jitted = fn.jit(f, static_argnums=static_argnums)
    given = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for args in calls * 3:
            expected, result = f(*args), jitted(*args)
            assert_same(result, expected)
            given.append((result, expected))
    for result, expected in given:
        assert_same(result, expected)


@pytest.mark.parametrize("f", [lambda x: np.transpose(a=x * 2), lambda x: np.expand_dims(a=x * 2, axis=0),
                               lambda x: np.swapaxes(a=x * 2, axis1=0, axis2=1)])
def test_a_view_of_an_argument_given_by_name(f: Callable[..., Any]) -> None:
    assert_like_itself(f, (X,), (X + 1,))


BY_VALUES: dict[str, tuple[Callable[..., Any], Any]] = {
    "bincount": (lambda x: np.sum(np.bincount(x) * 2.0), ([0, 1, 2], [0, 0, 0], [0, 9, 0])),
    "real_if_close": (lambda x: np.real_if_close(x) * 2 + 1, ([1 + 1j], [1 + 0j], [1j])),
    "emath": (lambda x: np.emath.sqrt(x) * 2 + 1, ([-1.0], [1.0], [-4.0])),
    "eig": (lambda x: np.linalg.eig(x)[0] * 2 + 1, ([[0.0, -1.0], [1.0, 0.0]], [[1.0, 2.0], [2.0, 5.0]])),
    "roots": (lambda x: np.roots(x) * 2 + 1, ([1.0, 0.0, -1.0], [0.0, 1.0, 0.0])),
}


@pytest.mark.parametrize("name", BY_VALUES)
def test_results_whose_shape_or_dtype_depends_on_values(name: str) -> None:
    f, values = BY_VALUES[name]
    assert_like_itself(f, *[(np.array(each),) for each in values])


def test_axes_shapes_and_powers_that_are_arguments() -> None:
    assert_like_itself(lambda x, n: x.reshape(n, -1).sum(0) * 2 + 1, (X, 1), (X, 2), (X, 3))
    assert_like_itself(lambda x, n: np.sum(x, axis=n) * 2 + 1, (X, 0), (X, 1), (X, -1))
    assert_like_itself(lambda x, n: (x * 2**n + 1) * 2, (np.arange(3), -1), (np.arange(3), 2))


@pytest.mark.parametrize("f", [
    lambda x, buffer: np.clip(x, 0, 1, buffer), lambda x, buffer: x.clip(0, 1, buffer),
    lambda x, buffer: np.dot(x, x.T, buffer[:2, :2].copy()), lambda x, buffer: np.cumsum(x, 0, None, buffer),
    lambda x, buffer: np.nan_to_num(x * 2, copy=False), lambda x, buffer: np.nan_to_num(x * 2, False),
    lambda x, buffer: np.median(x * 2, overwrite_input=True)])
def test_what_is_written_into_is_refused_however_it_is_said(f: Callable[..., Any]) -> None:
    buffer = np.empty_like(X)
    with pytest.raises(TracerError, match="cannot be written into"):
        fn.jit(lambda x: f(x, buffer))(X)


def test_in_place_operators_give_what_they_give_in_place() -> None:
    def one_number(x: Any) -> Any:
        x = x[0, 0].reshape(1).reshape(()) * np.ones(1)
        x = x.reshape(())
        x += 1
        return x

    def columns_first(x: Any, y: Any) -> Any:
        x = x.T * 1
        x += y
        return x, np.sum(x)

    assert_like_itself(one_number, (X,))
    assert_like_itself(columns_first, (X, X.T.copy()))


@pytest.mark.parametrize("y", [1.5, np.ones((2, 3))])
def test_in_place_operators_refuse_what_does_not_fit(y: Any) -> None:
    def f(x: Any) -> Any:
        x = x * 1
        x += y
        return x

    x = np.arange(3)
    with pytest.raises((TypeError, ValueError)) as own:
        f(x)
    with pytest.raises(type(own.value), match="output"):
        fn.jit(f)(x)


def test_static_arguments_are_what_they_are_exactly() -> None:
    assert_like_itself(lambda x, s: np.copysign(x, s), (X, 0.0), (X, -0.0), static_argnums=1)
    assert_like_itself(lambda x, s: x.astype(int) * s[0], (X, (1,)), (X, (1.0,)), (X, (True,)), static_argnums=[1])
    assert_like_itself(lambda x, s: x * s, (X, 2.0), static_argnums=range(1, 2))
    runs: list[float] = []

    def noted(x: Any, s: float) -> Any:
        runs.append(s)
        return x * s

    f = fn.jit(noted, static_argnums=1)
    for _ in range(3):
        f(X, float("nan"))
    assert len(runs) == 1
    with pytest.raises(ValueError, match="by position"):
        fn.jit(lambda x, b1: x if b1 > 0 else -x, static_argnums=1)(X, b1=1.0)


def test_constants_that_differ_in_the_sign_of_zero() -> None:
    assert_like_itself(lambda x: np.stack([x + complex(0.0, 0.0), x + complex(-0.0, -0.0)]),
                       (np.array([complex(-0.0, -0.0)]),))


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_arrays_with_operators_of_their_own() -> None:
    matrix, other = np.matrix([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [2.0, 0.5]])
    masked = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])

    def product(a: Any, b: Any) -> Any:
        return a * b

    def beside(a: Any) -> Any:
        return matrix * a

    def quotient(a: Any) -> Any:
        return (a / np.array([0.0, 1.0, 2.0])).sum()

    f, g, h = fn.jit(product), fn.jit(beside), fn.jit(quotient)
    for _ in range(3):
        assert f(matrix, matrix).tolist() == (matrix * matrix).tolist()
        assert g(other).tolist() == (matrix * other).tolist()
        assert h(masked) == (masked / np.array([0.0, 1.0, 2.0])).sum()


def test_zeros_like_an_array_that_runs_backwards() -> None:
    assert_like_itself(lambda x: (np.zeros_like(x) + 1, np.ones_like(x)), (X[::-1],), (X[::-1] + 0,))


def test_two_views_of_one_result_have_flags_of_their_own() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        one, two = y.view(), y.view()
        one.setflags(write=False)
        return one, two, y.T

    assert_like_itself(f, (X,), (X + 1,))


def test_an_array_beside_constants_is_no_question_of_equality() -> None:
    table = np.ones((5, 3))
    assert_like_itself(lambda x: np.atleast_1d(table, x)[1] + 1, (X,))


def test_threads_see_what_errstate_says() -> None:
    x = np.ones(2**21)
    x[-5] = 0.0
    f = fn.jit(lambda x: 1.0 / x * 2.0 + 1.0)
    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        f(x), f(x)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        f(x)


def test_recorded_where_errors_are_ignored_outside_as_well() -> None:
    def f(x: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.log(x * 1.0) + 1

    jitted, x = fn.jit(f), np.zeros(3)
    with np.errstate(all="ignore"):
        jitted(x)
    for how in ("raise", "warn", "ignore"):
        with np.errstate(all=how), warnings.catch_warnings():
            warnings.simplefilter("error")
            assert_same(jitted(x), f(x))


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")
def test_who_had_a_result_may_have_given_it_another_shape() -> None:
    x = np.random.default_rng(0).normal(size=(200, 200))
    f: Any = fn.jit(np.exp)
    f(x)
    y = f(x)
    y.shape = 1, 200, 200
    del y
    assert_same(f(x), np.exp(x))


@pytest.mark.parametrize("name", ["exp", "sqrt", "copyto", "empty", "cut", "reduce", "check", "where"])
def test_parameters_may_be_called_as_functions_are(name: str) -> None:
    scope: dict[str, Any] = {"np": np}
    exec(f"def f({name}, x):\n    return np.sqrt(np.exp({name})) + np.where(x > 0, x.copy(), 1) * 2 + {name}", scope)
    f = scope["f"]
    assert_like_itself(f, (X, X + 1), (X + 1, X))
    exec(fn.make_program(f)(X, X).source(), file := {})  # type: ignore[var-annotated]
    assert_same(file["f"](X, X + 1), f(X, X + 1))


@pytest.mark.parametrize(("f", "args"), [
    (lambda a, a_b: a["b"] * 1 + a_b * 2, ({"b": X}, X + 1)),
    (lambda a_b, a: a["b"] * 1 + a_b * 2, (X, {"b": X + 1})),
    (lambda a: a["x"]["y"] * 1 + a["x_y"] * 2, ({"x": {"y": X}, "x_y": X + 1},)),
    (lambda a: a["x y"] * 1 + a["x_y"] * 2, ({"x y": X, "x_y": X + 1},)),
    (lambda a: a["\u00b5"] * 1 + a["\u03bc"] * 2, ({"\u00b5": X, "\u03bc": X + 1},))])
def test_leaves_whose_names_collide(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    assert_like_itself(f, args)
    exec(fn.make_program(f)(*args).source(), file := {})  # type: ignore[var-annotated]
    assert_same(file["f"](*args), f(*args))


def test_what_may_hold_traced_values_is_no_result() -> None:
    class Kept:
        def __init__(self, x: Any) -> None:
            self.x = x

    with pytest.raises(TracerError, match=r"returned an? Kept"):
        fn.jit(lambda x: Kept(x * 2))(X)
    with pytest.raises(TracerError, match="returned"):
        fn.jit(lambda x: lambda: x)(X)


def test_parts_of_python_numbers() -> None:
    assert_like_itself(lambda z, x: (z.real * x, z.imag, z.conjugate()), (1 + 2j, X), (3 - 1j, X))
