"""The whole catalogue jitted: the bytes, dtypes, kinds and flags of the function itself, call after call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from alike import assert_alike, varied
from catalogue import ACTIVATIONS, LOSSES, Activation, Loss
from funcnn import tree
from funcnn.core import TracerError
from programs import PROGRAMS
from rules_contract import ROWS, Row, arguments

REFUSED = {"x[mask of all]": r"np\.where", "unique": r"np\.unique", "unique with counts": r"np\.unique"}
"""Rows whose results have a shape that depends on values, and what the error says."""

REFUSED_INSIDE = REFUSED | {"piecewise": "looked at"}
"""Rows that `grad` and `vmap` do by looking at values."""

UNSEEN = {"x.dot": 1, "full_like": 1}
"""What NumPy does not hand on, by its place: the method of an ndarray, and the number that fills an array."""

MASKED = {"matrix_factorisation"}
"""Programs that pick the entries of an array by a mask among the arguments."""


def flat(row: Row) -> Callable[..., Any]:
    def f(*args: Any) -> Any:
        y = row.f(np, *args)
        return tuple(y) if isinstance(y, list | tuple) else y

    return f


def weighted(row: Row) -> Callable[..., Any]:
    """A sum of all results, each entry with a weight of its own."""
    def f(*args: Any) -> Any:
        ys = tree.leaves(flat(row)(*args))
        return sum(np.sum(np.real(y * np.reshape(np.linspace(1, 2, max(np.size(y), 1))[:np.size(y)], np.shape(y)))
                          + np.imag(y)) for y in ys)

    return f


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_functions_of_numpy(row: Row) -> None:
    args = arguments(row)
    if row.name in REFUSED:
        with pytest.raises(TracerError, match=REFUSED[row.name]):
            fn.jit(flat(row))(*args)
        return
    assert_alike(flat(row), args, varied(args, 1))


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_their_gradients(row: Row) -> None:
    args = arguments(row)
    if row.name in REFUSED_INSIDE:
        return
    for i, x in enumerate(args):
        if np.asarray(x).dtype.kind == "f" and i != UNSEEN.get(row.name):
            assert_alike(fn.grad(weighted(row), argnums=i), args, varied(args, 1))  # type: ignore[call-overload]  # a number
    if row.order == 2 and np.asarray(args[0]).dtype.kind == "f":
        second = fn.grad(lambda *args: tree.reduce(lambda a, b: a + b, tree.map(
            lambda g: np.sum(g * g), fn.grad(weighted(row))(*args))))
        assert_alike(second, args, varied(args, 1))


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_them_under_vmap(row: Row) -> None:
    args = [np.stack([x, x * 0.75 if np.asarray(x).dtype.kind in "fc" else x]) for x in map(np.asarray, arguments(row))]
    if row.name not in REFUSED_INSIDE:
        assert_alike(fn.vmap(flat(row)), tuple(args), varied(tuple(args), 1))


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    program = PROGRAMS[name]
    f = program.build(np, fn)
    args = (program.x, *program.data)
    if name in MASKED:
        with pytest.raises(TracerError, match=r"np\.where"):
            fn.jit(f)(*args)
        return
    assert_alike(f, args, varied(args, 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in MASKED])
def test_gradients_of_programs(name: str) -> None:
    program = PROGRAMS[name]
    f = program.build(np, fn)

    def total(x: Any, *data: Any) -> Any:
        return tree.reduce(lambda a, b: a + b, tree.map(lambda y: np.sum(np.real(y)), f(x, *data)))

    args = (program.x, *program.data)
    assert_alike(fn.value_and_grad(total), args, varied(args, 1))


def _squared(f: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda x: np.sum(f(x) ** 2)


def _mean_of(f: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda p, t: np.mean(f(p, t))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
def test_activations(activation: Activation, dtype: Any) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3)).astype(dtype)
    empty = x[:, :0] if activation.settings.get("axis") == 0 else x[:0]
    args = (x,), (np.asfortranarray(x),), (empty,), (varied(x, 1) * dtype(40),)
    assert_alike(activation.f, *args)
    assert_alike(fn.grad(_squared(activation.f)), *args)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses(loss: Loss) -> None:
    p, t = loss.data(np.random.default_rng(0), 5)
    q, u = loss.data(np.random.default_rng(1), 5)
    assert_alike(loss.f, (p, t), (q, u))
    assert_alike(fn.value_and_grad(_mean_of(loss.f)), (p, t), (q, u))
    single = tree.map(lambda x: x.astype(np.float32) if x.dtype.kind == "f" else x, (p, t))
    assert_alike(fn.value_and_grad(_mean_of(loss.f)), single)
