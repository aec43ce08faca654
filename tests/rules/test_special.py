"""The complementary error function, against the C library's; JAX's own functions on JAX's arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn.rules.special import erfc
from funcnn.testing import assert_pure, check_grads

Z = np.concatenate([np.linspace(-40, 26.5, 20001), 10.0 ** np.linspace(-300, 0, 301), -(10.0 ** np.linspace(-9, 0, 9))])


@pytest.mark.parametrize(("dtype", "lowest"), [(np.float64, 26.5), (np.float32, 9.0)])
def test_erfc_is_within_5_units_in_the_last_place(dtype: type[np.floating], lowest: float) -> None:
    z = Z[lowest >= Z].astype(dtype)
    exact = np.array([math.erfc(v) for v in z.tolist()])
    assert erfc(z).dtype == dtype
    assert np.max(np.abs(erfc(z) / exact - 1)) < 5 * np.finfo(dtype).eps


def test_erfc_at_the_ends() -> None:
    with np.errstate(all="raise", under="ignore"):
        ends = np.array([-np.inf, -1e300, 0.0, 30.0, 1e300, np.inf])
        assert np.array_equal(erfc(ends), [2, 2, 1, 0, 0, 0])
        assert np.isnan(erfc(np.array([np.nan]))).all()
        assert erfc(np.zeros((0, 3))).shape == (0, 3)


def test_derivatives_of_erfc() -> None:
    check_grads(erfc, (np.linspace(-3, 3, 7),), order=2)
    slope: Any = fn.grad(erfc)
    assert slope(0.0) == -2 / math.sqrt(math.pi)
    assert slope(np.float32(1e30)) == 0
    assert_pure(erfc, Z)


def test_on_jax_arrays_its_numbers_are_those_of_jax() -> None:
    jax = pytest.importorskip("jax")
    z = np.array([-1.0, 0.5], np.float32)
    for erfc_of in (erfc, jax.jit(erfc)):
        np.testing.assert_allclose(erfc_of(jax.numpy.asarray(z)), jax.scipy.special.erfc(z), 1e-6)
