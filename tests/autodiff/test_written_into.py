"""Arrays that are written into between their use and the way back: copied, or an error that names them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn

# Untyped here: what is differentiated are lambdas of arrays.
grad: Any = fn.grad
vjp: Any = fn.vjp
Real = Callable[..., Any]

SMALL, LARGE = 3, 30_000
CHANGED = r"an array \(.*\) that {} read was changed before the derivative was computed"


@fn.custom_vjp
def times(x: Any, y: Any) -> Any:
    """A rule with a pullback for each argument."""
    return x * y


times.defvjps(lambda g, _z, _x, y: g * y, lambda g, _z, x, _y: g * x)


@fn.custom_vjp
def times_by_residuals(x: Any, y: Any) -> Any:
    """The same, with what it keeps chosen by itself."""
    return x * y


def _with_factors(x: Any, y: Any) -> Any:
    return x * y, (x, y)


def _product(x: Any, y: Any) -> Any:
    return x * y


def _by_factors(saved: Any, g: Any) -> Any:
    return g * saved[1], g * saved[0]


times_by_residuals.defvjp(_with_factors, _by_factors)

READERS: dict[str, tuple[Real, Any]] = {
    "multiply": (lambda x, y: x * y, float), "divide": (lambda x, y: x / y, float),
    "maximum": (lambda x, y: np.maximum(x, y), float), "where": (lambda x, y: np.where(y, x, 0), bool),
    "getitem": (lambda x, i: x[i], int), "take": (lambda x, i: np.take(x, i), int),
    "a mask": (lambda x, i: x[i], bool), "an index in a tuple": (lambda x, i: x[i, None], int),
    "einsum": (lambda x, y: np.einsum("i,i->i", x, y), float), "times": (times, float),
    "times_by_residuals": (times_by_residuals, float), "remat": (fn.remat(_product), float),
}


def _data(kind: Any, n: int) -> Any:
    return np.arange(n) if kind is int else np.ones(n, kind)


@pytest.mark.parametrize("name", READERS)
def test_a_small_array_is_copied(name: str) -> None:
    f, kind = READERS[name]
    x, weights = np.full(SMALL, 0.5), np.arange(1.0, SMALL + 1)

    def loss(x: Any, y: Any, *, write: bool) -> Any:
        total = np.sum(f(x, y).reshape(-1) * weights)
        if write:
            y[...] = 0
        return total

    expected = grad(loss)(x, _data(kind, SMALL), write=False)
    np.testing.assert_array_equal(grad(loss)(x, _data(kind, SMALL), write=True), expected)


@pytest.mark.parametrize("part", [slice(None), slice(LARGE // 2, LARGE // 2 + LARGE // 10)])
@pytest.mark.parametrize("name", READERS)
def test_a_large_one_is_an_error_that_names_who_read_it(name: str, part: slice) -> None:
    f, kind = READERS[name]
    y = _data(kind, LARGE)

    def loss(x: Any) -> Any:
        total = np.sum(f(x, y))
        y[part] = 0
        return total

    with pytest.raises(ValueError, match=CHANGED.format(".*")) as raised:
        grad(loss)(np.full(LARGE, 0.5))
    assert f"[{LARGE}]" in str(raised.value)
    assert "Make a new array" in str(raised.value)


@pytest.mark.parametrize(("rows", "fails"), [(204, False), (205, True)])
def test_data_scaled_in_place_inside_the_loss(rows: int, fails: bool) -> None:
    x = np.ones((rows, 20), np.float32)

    def loss(w: Any, x: Any) -> Any:
        h = x @ w
        x *= 0.5
        return np.mean(h ** 2)

    w = np.ones((20, 3), np.float32)
    if fails:
        with pytest.raises(ValueError, match=r"an array \(float32\[205, 20\]\) that matmul read"):
            grad(loss)(w, x)
    else:
        np.testing.assert_allclose(grad(loss)(w, x), 40 / 3, rtol=1e-5)


DERIVATIVES: dict[str, Callable[[Any, Any], Any]] = {
    "vjp": lambda f, x: vjp(f, x)[1], "linearize": lambda f, x: fn.linearize(f, x)[1],
}


@pytest.mark.parametrize("name", DERIVATIVES)
@pytest.mark.parametrize("n", [SMALL, LARGE])
def test_a_primal_written_into_before_its_pullback(name: str, n: int) -> None:
    x = np.ones(n)
    pull = DERIVATIVES[name](lambda x: x * x, x)
    x[...] = 5.0
    if n == LARGE:
        with pytest.raises(ValueError, match=CHANGED.format(".*")):
            pull(np.ones(n))
    else:
        np.testing.assert_array_equal(np.ravel(pull(np.ones(n))), np.full(n, 2.0))


@pytest.mark.parametrize("n", [SMALL, LARGE])
def test_the_argument_itself_written_into_by_the_function(n: int) -> None:
    a = np.ones(n)

    def f(x: Any) -> Any:
        y = np.sum(x * x)
        a[...] = 5.0
        return y

    if n == LARGE:
        with pytest.raises(ValueError, match=CHANGED.format("the function")):
            grad(f)(a)
    else:
        np.testing.assert_array_equal(grad(f)(a), np.full(n, 2.0))


def test_what_is_not_written_into_is_no_error() -> None:
    x = np.ones(LARGE)
    np.testing.assert_array_equal(grad(lambda w: np.sum(w * x))(x), x)
    assert x.flags.writeable


TERMS: dict[str, Real] = {
    "x * i": lambda x, i: np.sum(x * i), "mean(2 x - i)": lambda x, i: np.mean(2.0 * x - i),
    "x / (1 + i)": lambda x, i: np.sum(x / (1.0 + i)),
}


@pytest.mark.parametrize("name", TERMS)
def test_a_tape_frees_large_arrays_that_nobody_needs(name: str) -> None:
    """Eight terms of 8 MB: the sum of two, a cotangent and a total, not of all."""
    x = np.ones(1_000_000)

    def f(x: Any) -> Any:
        return sum(TERMS[name](x, i) for i in range(8))

    tracemalloc.start()
    grad(f)(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 45e6
