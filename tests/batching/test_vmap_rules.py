"""Every row of the rules, batched over each argument and over all: values and gradients are those of a loop."""

from __future__ import annotations

import re
import warnings
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

EACH = {"piecewise": "np.piecewise", "unique": "np.unique", "unique with counts": "np.unique",
        "interp in all": "searchsorted"}
"""Rows that are computed example by example, and what the warning names."""

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


def scalar(row: Row) -> Callable[..., Any]:
    """A sum of all results, each entry with a weight of its own."""
    def f(*args: Any) -> Any:
        ys = tree.leaves(flat(row)(*args))
        return sum(np.sum(np.real(y * np.reshape(np.linspace(1, 2, max(np.size(y), 1))[:np.size(y)], np.shape(y)))
                          + np.imag(y)) for y in ys)

    return f


def loop(f: Callable[..., Any], args: list[Any], which: set[int], n: int) -> Any:
    results = [f(*[x[k] if i in which else x for i, x in enumerate(args)]) for k in range(n)]
    return tree.map(lambda *each: np.stack(each), results[0], *results[1:])


def choices(row: Row) -> list[set[int]]:
    count = len(arguments(row))
    one = [{i} for i in range(count) if {i} != UNSEEN.get(row.name)]
    return [*one, set(range(count))] if count > 1 else one


def warned(row: Row, run: Callable[[], Any]) -> tuple[Any, set[str]]:
    """What a run returns, and which functions it says to be computed example by example; of others none may be."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = run()
    said = [str(warning.message) for warning in caught]
    names = {match[1] for text in said if (match := re.search(r"example by example.* because (np\.\w+) decides", text)
                                           or re.search(r"vmap: (\w+) is computed example by example", text))}
    assert names <= {EACH.get(row.name)}, said
    return result, names


def same(found: Any, expected: Any, rtol: float, atol: float) -> None:
    for one, other in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in REFUSED], ids=lambda row: row.name)
def test_shapes_that_depend_on_values_are_refused(row: Row) -> None:
    with pytest.raises(TracerError, match=r"np\.where"):
        fn.vmap(flat(row))(*batches(row, 3, {0}))


@pytest.mark.parametrize("row", BATCHED, ids=[row.name for row in BATCHED])
def test_values_are_those_of_a_loop(row: Row) -> None:
    f, names = flat(row), set()
    for which in choices(row):
        for n in (3, 1):
            args = batches(row, n, which)
            axes = tuple(0 if i in which else None for i in range(len(args)))
            found, said = warned(row, lambda axes=axes, args=args: fn.vmap(f, axes)(*args))  # type: ignore[misc]  # bound
            names |= said
            same(found, loop(f, args, which, n), 1e-10, 1e-12)
    assert names == ({EACH[row.name]} if row.name in EACH else set())


@pytest.mark.slow
@pytest.mark.parametrize("row", BATCHED, ids=[row.name for row in BATCHED])
def test_no_examples_give_nothing_in_the_shape_of_something(row: Row) -> None:
    f = flat(row)
    which = set(range(len(arguments(row))))
    found, _ = warned(row, lambda: fn.vmap(f)(*batches(row, 0, which)))
    for one, example in zip(tree.leaves(found), tree.leaves(f(*map(np.asarray, arguments(row)))), strict=True):
        assert one.shape[0] == 0 and one.ndim == np.ndim(example) + 1
        if row.name not in EACH:
            assert one.shape == (0, *np.shape(example)) and one.dtype.kind in "bifc"


@pytest.mark.parametrize("row", BATCHED, ids=[row.name for row in BATCHED])
def test_gradients_are_those_of_a_loop(row: Row) -> None:
    count = len(arguments(row))
    gradient = fn.grad(scalar(row), argnums=list(range(count)))
    args = batches(row, 3, set(range(count)))
    expected = loop(gradient, args, set(range(count)), 3)
    inside, _ = warned(row, lambda: fn.vmap(gradient)(*args))
    around, _ = warned(row, lambda: fn.grad(lambda *x: np.sum(fn.vmap(scalar(row))(*x)),
                                            argnums=list(range(count)))(*args))
    for found in (inside, around):
        for one, other in zip(tree.leaves(found), tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10)


SECOND = [row for row in BATCHED if row.order >= 2]


@pytest.mark.slow
@pytest.mark.parametrize("row", SECOND, ids=[row.name for row in SECOND])
def test_second_derivatives_are_those_of_a_loop(row: Row) -> None:
    """In the direction of ones: the gradient of the sum of the gradient."""
    count = len(arguments(row))

    def slope(*args: Any) -> Any:
        return sum(np.sum(g) for g in fn.grad(scalar(row), argnums=list(range(count)))(*args))

    second = fn.grad(slope, argnums=list(range(count)))
    args = batches(row, 2, set(range(count)))
    found, _ = warned(row, lambda: fn.vmap(second)(*args))
    expected = loop(second, args, set(range(count)), 2)
    for one, other in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-8 * max(1.0, float(np.max(np.abs(other), initial=0))))
