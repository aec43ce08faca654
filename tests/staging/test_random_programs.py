"""Programs made at random of a pool of NumPy's operations: planned in every way, they give what the function gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from alike import assert_same, quietly, varied
from funcnn import tree
from funcnn.staging import blocks, planner
from funcnn.staging.passes import PASSES
from funcnn.staging.planner import Choices, Plan

Operation = Callable[[Any, Any], Any]

ENTRIES: list[Operation] = [
    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - 2, lambda a, b: 0.5 * a, lambda a, b: np.exp(-abs(a)),
    lambda a, b: np.maximum(a, b), lambda a, b: np.where(a > b, a, 1.5), lambda a, b: a ** 2, lambda a, b: -a,
    lambda a, b: np.tanh(a) / (1 + b * b), lambda a, b: np.copysign(a, -0.0), lambda a, b: np.add(a, b) * (a <= b),
    lambda a, b: np.clip(a, -1, 1), lambda a, b: abs(a) ** 0.5, lambda a, b: np.ldexp(a, 2), lambda a, b: np.sign(a),
    lambda a, b: a.astype(np.float32), lambda a, b: a.copy(), lambda a, b: np.multiply(a, np.arange(a.shape[-1]))]
VIEWS: list[Operation] = [
    lambda a, b: a.T, lambda a, b: a[1:], lambda a, b: a[::-1], lambda a, b: a[..., ::2], lambda a, b: a[None],
    lambda a, b: a.reshape(-1), lambda a, b: np.ravel(a=a), lambda a, b: np.transpose(a=a), lambda a, b: a[0],
    lambda a, b: np.expand_dims(a=a, axis=0), lambda a, b: np.broadcast_to(a, (2, *a.shape)), lambda a, b: a[...],
    lambda a, b: np.split(a, [1])[1], lambda a, b: np.squeeze(a), lambda a, b: np.broadcast_arrays(a, b)[1] + 1,
    lambda a, b: np.moveaxis(a, 0, -1), lambda a, b: np.diagonal(a[None] if a.ndim < 2 else a)]
JOINS: list[Operation] = [
    lambda a, b: np.concatenate([a, b], axis=None), lambda a, b: np.concatenate((a, b, a + 1), None),
    lambda a, b: np.concatenate([a * 2, b * 3]), lambda a, b: np.concatenate([a, a], -1), lambda a, b: np.stack([a, b]),
    lambda a, b: np.concatenate([a.reshape(-1), b.reshape(-1) * 2]), lambda a, b: np.concatenate(a[None])]
OTHERS: list[Operation] = [
    lambda a, b: np.sum(a, axis=0), lambda a, b: np.max(a, axis=-1, keepdims=True), lambda a, b: np.mean(a),
    lambda a, b: a.sum(), lambda a, b: np.mean(a, axis=0), lambda a, b: np.min(a, tuple(range(a.ndim))),
    lambda a, b: np.sort(a, axis=0), lambda a, b: np.cumsum(a, axis=-1), lambda a, b: np.zeros_like(a),
    lambda a, b: np.ones_like(b[::-1]), lambda a, b: a @ b.T, lambda a, b: np.std(a, axis=-1, keepdims=True),
    lambda a, b: np.take(a, [0, -1], axis=0), lambda a, b: np.argsort(a, axis=-1), lambda a, b: np.full_like(a, 2.5),
    lambda a, b: np.any(a > b, axis=0), lambda a, b: np.add.reduce(a, -1)]
POOL = ENTRIES + VIEWS + VIEWS + JOINS + OTHERS

CHOICES = [Choices(), Choices(threads=1), Choices(threads=2), Choices(passes=()), Choices(own_memory=False),
           Choices(joins=False), Choices(views_once=False), Choices(blocks=False), Choices(recycles=False),
           Choices(PASSES, True, True, False, False, 1, False), Choices((), False, False, False, False, 1, False)]

SHAPES = [(4, 4), (3, 5), (5,), (1, 6), (2, 3, 4), (24, 2), (0, 3)]
STEPS = st.lists(st.tuples(st.integers(0, len(POOL) - 1), st.integers(0, 30), st.integers(0, 30)), min_size=2,
                 max_size=20)
OUTPUTS = st.lists(st.integers(-25, 25), min_size=1, max_size=4)


def program_of(steps: list[tuple[int, int, int]], outputs: list[int]) -> Callable[..., Any]:
    """The function that takes these steps: which operation, of which values made so far; and returns these values."""
    def f(x: Any, y: Any) -> Any:
        made = [x, y]
        for which, i, j in steps:
            a, b = made[-1 - i % len(made)], made[-1 - j % len(made)]
            try:
                made.append(POOL[which](np.atleast_1d(a), np.atleast_1d(b)))
            except (ValueError, IndexError, TypeError):  # shapes or dtypes that do not go together
                made.append(a * 2)
            if np.size(made[-1]) > 3000:
                made[-1] = made[-1].reshape(-1)[:50]
        return [made[k % len(made)] for k in outputs], np.sum(made[-1])

    return f


def arguments(shape: tuple[int, ...], kind: int) -> tuple[Any, Any]:
    """Two arrays of float64 or float32, one perhaps in Fortran order, strided, or a row."""
    rng = np.random.default_rng(kind)
    x, y = rng.normal(size=shape), rng.normal(size=shape)
    if kind % 3 == 1:
        x, y = np.asfortranarray(x), y[..., :]
    if kind % 3 == 2:
        x, y = rng.normal(size=(*shape[:-1], 2 * shape[-1]))[..., ::2], y[:1] if shape[0] else y
    return (x.astype(np.float32), y.astype(np.float32)) if kind % 2 else (x, y)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes at which small arrays are cut, shared out and used again."""
    monkeypatch.setattr(blocks, "LARGE", 6)
    monkeypatch.setattr(blocks, "BLOCK", 8)
    monkeypatch.setattr(planner, "RECYCLED", 16)
    monkeypatch.setattr(planner, "THREADED", 16)


def check(steps: list[tuple[int, int, int]], outputs: list[int], shape: tuple[int, ...], kind: int,
          choices: Choices) -> None:
    """What is planned gives what the function gives, call after call, and nothing given ever changes."""
    f, args = program_of(steps, outputs), arguments(shape, kind)
    expected = quietly(f, args)
    if isinstance(expected, Exception):
        return
    program = quietly(fn.make_program(f), args)
    if isinstance(program, Exception):
        raise program
    plan = Plan(program, tree.leaves((args, {})), (), choices)
    assert_same(quietly(lambda *args: program.result.build(tuple(program.run(args))), args), expected)
    kept = []
    for k in range(4):
        own = tuple(_like(x, new) for x, new in zip(args, varied(args, k), strict=True))
        leaves = plan.take(own, {})
        assert leaves is not None
        found, right = quietly(lambda leaves=leaves: plan(leaves), ()), quietly(f, own)
        assert_same(found, right)
        kept += [(found, right)] * (k % 2)
        kept += [([x[..., 1:].T for x in found[0] if np.ndim(x)], [x[..., 1:].T for x in right[0] if np.ndim(x)])]
        del found
    for found, right in kept:
        assert_same(found, right)


def _like(x: Any, new: Any) -> Any:
    """New numbers that lie in memory as the old ones do."""
    y = np.lib.stride_tricks.as_strided(np.empty(max(x.nbytes * 4, 8) // x.itemsize, x.dtype), x.shape, x.strides)
    y[...] = new
    return y


@settings(max_examples=60)
@given(STEPS, OUTPUTS, st.sampled_from(SHAPES), st.integers(0, 5), st.sampled_from(CHOICES))
def test_random_programs(steps: Any, outputs: Any, shape: Any, kind: int, choices: Choices) -> None:
    check(steps, outputs, shape, kind, choices)


@pytest.mark.slow
@settings(max_examples=1500)
@given(STEPS, OUTPUTS, st.sampled_from(SHAPES), st.integers(0, 5), st.sampled_from(CHOICES))
def test_many_random_programs(steps: Any, outputs: Any, shape: Any, kind: int, choices: Choices) -> None:
    check(steps, outputs, shape, kind, choices)
