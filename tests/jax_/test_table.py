"""NumPy's functions under JAX: by the name, and where JAX is another, by the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn.core import TracerError
from rules_contract import ROWS, arguments

EVERY = 32
"""Of the contract list of rules so many are left out for one that is run: each is compiled, which takes a while."""

LEFT_OUT = ("real_if_close", "emath", "x[mask", "unique", "bincount", "piecewise", "scipy")
"""What comes out of these depends on values; and SciPy's, of which JAX has some, as below."""

pytestmark = pytest.mark.usefixtures("without_optimizations")


def _number(y: Any) -> Any:
    """One real number of all results."""
    parts = y if isinstance(y, tuple | list) else [y]
    return sum(np.sum(np.real(part) * np.cos(np.arange(np.size(part)).reshape(np.shape(part)))) for part in parts)


def test_rules_meet_the_same_law_under_jax(jax: Any) -> None:
    """Values and funcnn's gradients, many functions in one program."""
    rows = [row for row in ROWS[::EVERY] if not row.name.startswith(LEFT_OUT)]
    given = [tuple(map(np.asarray, arguments(row))) for row in rows]

    def gradients(given: Any) -> Any:
        return [fn.value_and_grad(lambda args, row=row: _number(row.f(np, *args)))(args)
                for row, args in zip(rows, given, strict=True)]

    with np.errstate(all="ignore"):
        expected = gradients(given)
    for row, found, e in zip(rows, fn.jax.jit(gradients)(given), expected, strict=True):
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(e), strict=True):
            np.testing.assert_allclose(a, b, 1e-7, 1e-9, err_msg=row.name)


def test_functions_of_scipy_are_those_of_jax(jax: Any) -> None:
    special: Any = pytest.importorskip("scipy.special")

    def f(x: Any) -> Any:
        return np.sum(special.erf(x) + special.expit(x) * special.gammaln(x) + special.ndtr(x) + special.xlogy(x, x)
                      + special.i0(x) + special.digamma(x))

    x = np.array([0.5, 1.5, 3.0])
    np.testing.assert_allclose(fn.jax.jit(fn.grad(f))(x), fn.grad(f)(x), 1e-10)
    np.testing.assert_allclose(jax.grad(fn.jax.lift(f))(x), fn.grad(f)(x), 1e-10)
    with pytest.raises(TracerError, match="rgamma: JAX has no function of this name"):
        fn.jax.jit(special.rgamma)(x)


def test_gathers_and_scatters(jax: Any) -> None:
    x, index = np.arange(6.0).reshape(3, 2), np.array([0, 2, 0])

    def f(x: Any, index: Any) -> Any:
        picked = x[index].sum() ** 2 + x[index, 1:].sum() + x[-1, ::-1] @ np.array([1.0, 3.0]) + x[[0, 1]].prod()
        return picked + np.take(x, index, axis=0)[1].sum() + np.take_along_axis(x, index[:, None] % 2, 1).sum() ** 2

    def g(x: Any) -> Any:
        return f(x, index)

    expected = fn.grad(g)(x)
    for gradient in (fn.jax.jit(fn.grad(g))(x), fn.jax.jit(fn.grad(f))(x, index),
                     jax.jit(jax.grad(fn.jax.lift(f)))(x, index)):
        assert np.array_equal(gradient, expected)


def test_what_lies_outside_is_an_error_or_not_a_number(jax: Any) -> None:
    """JAX itself takes the nearest entry."""
    for index in (3, [0, 5], (slice(None), 2), np.array([-4])):
        with pytest.raises(IndexError, match="out of bounds"):
            fn.jax.jit(lambda x, index=index: x[index])(np.ones((3, 2)))
    picked = np.asarray(fn.jax.jit(lambda x, i: x[i])(np.arange(3.0), np.array([0, 3, -1])))
    assert np.isnan(picked[1]) and picked[[0, 2]].tolist() == [0.0, 2.0]


def test_where_jax_has_less_than_numpy(jax: Any) -> None:
    x = np.arange(6.0)
    programs: list[Callable[[Any], Any]] = [
        lambda x: np.clip(x, a_min=1, a_max=3), lambda x: np.compress([True, False, True], x),
        lambda x: np.gradient(x**2, edge_order=2), lambda x: np.lib.stride_tricks.sliding_window_view(x, 3),
        lambda x: np.bincount(np.array([0, 2, 2, 1, 0, 1]), weights=x, minlength=5),
        lambda x: np.apply_along_axis(lambda v: np.exp(v).sum(), 0, x.reshape(2, 3)),
        lambda x: np.piecewise(x, [x < 1, x > 3], [np.exp, lambda v: -v, 0.5]),
        lambda x: np.sort(x[::-1], kind="stable"), lambda x: np.reshape(x, (2, 3), order="F"),
        lambda x: np.maximum.reduce(x), lambda x: np.add.accumulate(x), lambda x: [1.0] * 6 + x,
        lambda x: x.flatten().reshape(2, -1).T.copy(), lambda x: divmod(x, 4)[1],
    ]
    for found, program in zip(fn.jax.jit(lambda x: [f(x) for f in programs])(x), programs, strict=True):
        np.testing.assert_allclose(found, program(x), 1e-13)


def test_in_place_operators_make_another_array_of_the_same_dtype(jax: Any) -> None:
    def f(x: Any) -> Any:
        y = x
        y += np.ones(2)
        return x, y

    def only_of_the_bias(x: Any, b: Any) -> Any:
        x += b
        return x.sum()

    assert fn.jax.jit(fn.grad(only_of_the_bias, argnums=1))(np.zeros((3, 2)), np.ones(2)).tolist() == [3, 3]
    x, y = fn.jax.jit(f)(np.zeros(2, np.float32))
    assert x.tolist() == [0, 0] and y.tolist() == [1, 1] and y.dtype == np.float32
