"""Two arrays that einsum contracts, written as matrix products: the same numbers, and where it is not written so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from funcnn.rules.products import _as_matrix_product, _is_matrix_product

LENGTHS = dict(zip("abcdef", (2, 3, 4, 5, 2, 1), strict=True))


def draw(letters: str, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=[LENGTHS[c] for c in letters])


@st.composite
def formulas(draw: st.DrawFn) -> tuple[str, str, str]:
    """Letters of two arrays and of their product, each in any order."""
    kinds = draw(st.permutations("abcdef"))
    stack, rows, meet, columns = kinds[:1], kinds[1:2], kinds[2:4], kinds[4:]
    one, other, output = (draw(st.permutations([*part])) for part in
                          (stack + rows + meet, stack + meet + columns, stack + rows + columns))
    return "".join(one), "".join(other), "".join(output)


@settings(max_examples=60)
@given(formulas())
def test_it_is_what_einsum_says(letters: tuple[str, str, str]) -> None:
    one, other, output = letters
    a, b = draw(one, 0), draw(other, 1)
    np.testing.assert_allclose(_as_matrix_product(one, other, output, a, b),
                               np.einsum(f"{one},{other}->{output}", a, b), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("one", "other", "output", "expected"), [
    ("ab", "bc", "ac", True), ("dab", "dbc", "dca", True), ("ab", "ab", "a", False), ("a", "b", "ab", False),
    ("ab", "bf", "af", False), ("abc", "bd", "ad", False), ("ab", "b", "a", False)])
def test_where_it_pays(one: str, other: str, output: str, expected: bool) -> None:
    assert _is_matrix_product(one, other, output, draw(one, 0).shape, draw(other, 1).shape) is expected


def test_stretched_axes_are_left_to_einsum() -> None:
    assert not _is_matrix_product("ab", "bc", "ac", (2, 1), (3, 4))
    a, b = np.array([[1.0], [2.0]]), np.arange(12.0).reshape(3, 4)
    gradient = fn.grad(lambda a: np.sum(np.einsum("ab,bc->ac", a, b) ** 2))(a)
    np.testing.assert_allclose(gradient, 2 * (a * b.sum(0) ** 2).sum(1, keepdims=True))


def test_attention_by_hand() -> None:
    q, k, v = (np.random.default_rng(i).normal(size=(2, 5, 3, 4)) for i in range(3))

    def attention(q: Any, k: Any, v: Any, matmul: bool) -> Any:
        heads = [np.swapaxes(x, 1, 2) for x in (q, k, v)]
        scores = heads[0] @ np.swapaxes(heads[1], -1, -2) if matmul else np.einsum("bthd,bshd->bhts", q, k)
        weights = np.exp(scores) / np.sum(np.exp(scores), axis=-1, keepdims=True)
        out = np.swapaxes(weights @ heads[2], 1, 2) if matmul else np.einsum("bhts,bshd->bthd", weights, v)
        return np.sum(out**2)

    for mine, its in zip(*[fn.grad(lambda t, matmul=matmul: attention(t[0], t[1], t[2], matmul))((q, k, v))
                           for matmul in (False, True)], strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-12, atol=1e-14)
    fn.testing.check_grads(lambda q: attention(q, k, v, False), (q,), order=2)
