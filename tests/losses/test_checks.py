"""What the checks see and what they let pass; their words are tested where they are used, in losses and metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn.losses import checks

SUM_2 = np.array([[0.5, 0.5], [1.5, 0.5]])


def test_values_of_every_kind_of_array_are_checked(tmp_path: Path) -> None:
    stored = np.memmap(tmp_path / "labels", np.int64, "w+", shape=(2,))
    stored[:] = 0, 7
    for labels in (stored, stored[1], np.array([0, 7]), np.array([[0, 7], [1, 1]]).T[0:2, 0][::1]):
        with pytest.raises(ValueError, match=r"valid 0\.\.2"):
            checks.class_labels("f", labels, 3, "there are 3 classes")


def checked(check: Callable[..., None], *args: Any) -> Callable[[Any], Any]:
    """A function to differentiate that checks its argument."""
    def f(x: Any) -> Any:
        check(*(x if arg is ... else arg for arg in args))
        return np.sum(x)

    return f


def test_traced_values_are_checked() -> None:
    with pytest.raises(ValueError, match="got nan at row 1"):
        fn.grad(checked(checks.no_nan, "f", "targets", ...))(np.array([1.0, np.nan]))
    with pytest.raises(ValueError, match="row 1 is"):
        fn.grad(checked(checks.probabilities, "f", "p", ..., ""))(SUM_2)


def test_values_under_jit_are_not() -> None:
    jax = pytest.importorskip("jax")

    def f(p: Any) -> Any:
        checks.probabilities("f", "p", p, "")
        checks.in_unit_interval("f", "p", p, "")
        checks.no_nan("f", "p", p)
        checks.not_probabilities("f", p)
        return p

    assert jax.jit(f)(SUM_2).shape == (2, 2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_rounding_is_not_taken_for_a_mistake(dtype: Any) -> None:
    scores = np.random.default_rng(0).exponential(size=(20, 500)).astype(dtype)
    p = scores / scores.sum(1, keepdims=True)
    checks.probabilities("f", "p", p, "")
    checks.in_unit_interval("f", "p", np.array([-1e-4, 1.0005], dtype), "")


@pytest.mark.parametrize("z", [np.ones((1, 1)), np.array([[0.5, 0.5]]), np.array([[0.5, 0.5], [0.6, 0.5]]),
                               np.array([[1.5, -0.5], [0.5, 0.5]]), np.array([0.5, 0.5])])
def test_logits_that_may_be_meant_pass(z: Any) -> None:
    checks.not_probabilities("f", z)


@pytest.mark.parametrize(("shape", "fix"), [
    ((3,), "y[:, None]"), ((3, 4), "y[:, :, None]"), ((3, 1), "must be the same"), ((3, 1, 1, 1), "must be the same"),
])
def test_the_fix_of_a_missing_axis(shape: tuple[int, ...], fix: str) -> None:
    p = {1: (3, 1), 2: (3, 4, 1)}.get(len(shape), (3, 1)) if shape != (3, 1) else (4, 1)
    with pytest.raises(ValueError, match="loss: p are") as error:
        checks.same_shape("loss", p=np.ones(p), t=np.ones(shape))
    assert fix in str(error.value)


def test_single_numbers_have_row_0() -> None:
    with pytest.raises(ValueError, match=r"got 2.0 at row 0"):
        checks.in_unit_interval("f", "p", np.float64(2.0), "")
