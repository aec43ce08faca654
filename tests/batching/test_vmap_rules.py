"""Every row of the rules, batched over each argument and over all: values and gradients are those of a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import tree
from funcnn.core import TracerError
from rules_contract import ROWS, Row, arguments

REFUSED = {"x[mask of all]"}
"""The shape of the result depends on the values."""

UNSEEN = {"x.dot": {1}, "full_like": {1}}
"""What NumPy does not hand on: the method of an ndarray, and the number that fills an array."""

EACH = {"convolve", "bincount", "emath", "real_if_close", "piecewise", "lstsq", "interp", "dot", "matmul", "correlate"}
"""Rows with an operation that is computed example by example, which a warning says."""


BATCHED = [row for row in ROWS if row.name not in REFUSED]


def batches(row: Row, n: int, which: set[int]) -> list[Any]:
    """The arguments of a row, n different ones of those in `which`."""
    r = np.random.default_rng(0)
    return [np.stack([x + 0.01 * k * np.asarray(r.uniform(0.5, 1, np.shape(x)), np.result_type(x)) for k in range(n)])
            if i in which and n else np.zeros((0, *np.shape(x)), np.result_type(x)) if i in which else x
            for i, x in enumerate(map(np.asarray, arguments(row)))]


def flat(row: Row) -> Callable[..., Any]:
    def f(*args: Any) -> Any:
        y = row.f(np, *args)
        return tuple(y) if isinstance(y, list | tuple) else y

    return f


def loop(f: Callable[..., Any], args: list[Any], which: set[int], n: int) -> Any:
    results = [f(*[x[k] if i in which else x for i, x in enumerate(args)]) for k in range(n)]
    return tree.map(lambda *each: np.stack(each), results[0], *results[1:])


def choices(row: Row) -> list[set[int]]:
    count = len(arguments(row))
    one = [{i} for i in range(count) if {i} != UNSEEN.get(row.name)]
    return [*one, set(range(count))] if count > 1 else one


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in REFUSED], ids=lambda row: row.name)
def test_shapes_that_depend_on_values_are_refused(row: Row) -> None:
    with pytest.raises(TracerError, match=r"np\.where"):
        fn.vmap(flat(row))(*batches(row, 3, {0}))


@pytest.mark.parametrize("row", BATCHED, ids=[row.name for row in BATCHED])
def test_values_are_those_of_a_loop(row: Row) -> None:
    f = flat(row)
    for which in choices(row):
        for n in (3, 1):
            args = batches(row, n, which)
            axes = tuple(0 if i in which else None for i in range(len(args)))
            found = fn.vmap(f, axes)(*args)
            for one, other in zip(tree.leaves(found), tree.leaves(loop(f, args, which, n)), strict=True):
                assert one.shape == other.shape and one.dtype == other.dtype
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("row", BATCHED, ids=[row.name for row in BATCHED])
def test_gradients_are_those_of_a_loop(row: Row) -> None:
    count = len(arguments(row))

    def scalar(*args: Any) -> Any:
        ys = tree.leaves(flat(row)(*args))
        return sum(np.sum(np.real(y * np.reshape(np.linspace(1, 2, max(np.size(y), 1))[:np.size(y)], np.shape(y)))
                          + np.imag(y)) for y in ys)

    gradient = fn.grad(scalar, argnums=list(range(count)))
    args = batches(row, 3, set(range(count)))
    expected = loop(gradient, args, set(range(count)), 3)
    inside = fn.vmap(gradient)(*args)
    around = fn.grad(lambda *x: np.sum(fn.vmap(scalar)(*x)), argnums=list(range(count)))(*args)
    for found in (inside, around):
        for one, other in zip(tree.leaves(found), tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)
