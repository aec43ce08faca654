"""funcnn._arrays: one formula for every kind of array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcnn as fn
from funcnn._arrays import column_sums, is_concrete, namespace, readonly, stretch


@pytest.mark.parametrize("x", [np.ones(3), np.float32(1), 1.0, 2, np.ones((0, 2), np.float32)])
def test_numpy_s_values_have_numpy_s_namespace(x: Any) -> None:
    assert namespace(x) is np


def test_a_traced_value_has_numpy_s_namespace_and_is_not_concrete() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append((namespace(x), is_concrete(x)))
        return x

    fn.grad(f)(1.0)
    assert seen == [(np, False)]


def test_jax_s_arrays_have_their_own() -> None:
    jnp = pytest.importorskip("jax.numpy")
    assert namespace(jnp.ones(3)) is jnp
    assert not is_concrete(jnp.ones(3))


def test_readonly_flags_this_array_alone() -> None:
    own = np.ones(3)
    view = readonly(own[:])
    assert own.flags.writeable
    assert not view.flags.writeable
    assert readonly(3.0) == 3.0


@given(st.lists(st.integers(0, 4), min_size=2, max_size=4), st.sampled_from([np.float32, np.float64]))
def test_column_sums_sum_all_axes_but_the_last(shape: list[int], dtype: Any) -> None:
    x = np.random.RandomState(0).randn(*shape).astype(dtype)
    sums = column_sums(x)
    assert sums.dtype == dtype
    np.testing.assert_allclose(sums, x.sum(axis=tuple(range(x.ndim - 1))), rtol=1e-5, atol=1e-5)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=4))
def test_stretch_is_broadcast_to_and_cannot_be_written(axes: list[tuple[int, bool]]) -> None:
    shape = tuple(n for n, _ in axes)
    x = np.random.RandomState(0).randn(*(1 if kept else n for n, kept in axes))
    x = np.asarray(x)
    stretched = stretch(x, shape)
    np.testing.assert_array_equal(stretched, np.broadcast_to(x, shape))
    assert not stretched.flags.writeable
    np.testing.assert_array_equal(stretch(np.asarray(x.T), shape[::-1]), np.broadcast_to(x.T, shape[::-1]))
