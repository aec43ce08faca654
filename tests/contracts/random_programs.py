"""Programs made at random of a pool of NumPy's operations, and arguments for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

__all__ = ["KINDS", "OUTPUTS", "SHAPES", "STEPS", "arguments_of", "program_of"]

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

SHAPES = [(4, 4), (3, 5), (5,), (1, 6), (2, 3, 4), (24, 2), (0, 3)]
KINDS = st.integers(0, 5)
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


def arguments_of(shape: tuple[int, ...], kind: int) -> tuple[Any, Any]:
    """Two arrays of float64 or float32, one perhaps in Fortran order, strided, or a row."""
    rng = np.random.default_rng(kind)
    x, y = rng.normal(size=shape), rng.normal(size=shape)
    if kind % 3 == 1:
        x, y = np.asfortranarray(x), y[..., :]
    if kind % 3 == 2:
        x, y = rng.normal(size=(*shape[:-1], 2 * shape[-1]))[..., ::2], y[:1] if shape[0] else y
    return (x.astype(np.float32), y.astype(np.float32)) if kind % 2 else (x, y)
