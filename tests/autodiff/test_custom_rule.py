"""The example of `custom_vjp`: it runs, says what it shows, and its rules are right where it does not look."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn.testing import check_grads

EXAMPLE = Path(__file__).parents[2] / "examples" / "custom_rule.py"


@pytest.fixture(scope="module")
def output() -> list[str]:
    """The lines that the example prints in a process of its own, where warnings are errors."""
    result = subprocess.run([sys.executable, "-W", "error", str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return result.stdout.splitlines()


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """What the example defines."""
    return runpy.run_path(str(EXAMPLE))


def test_shows_that_the_bisection_has_a_wrong_derivative_and_the_rules_do_not(output: list[str]) -> None:
    assert re.fullmatch(r"without a rule: check_grads: forward mode, order 1: .+ differs from .+", output[0])
    assert output[1].startswith("with the rules, first and second derivatives are those of finite differences")


def test_learns_a_query_that_reads_two_rows_and_nothing_else(output: list[str]) -> None:
    losses = [float(value) for value in re.findall(r"loss (\d\.\d{4})", "\n".join(output))]
    assert [line.split(":")[0] for line in output[2:]] == ["step  0", "step 20", "step 40", "step 60"]
    assert losses[0] > 0.5 and losses[-1] < 1e-4
    weights = re.search(r"\[(.+)\]$", output[-1])
    assert weights and [float(w) for w in weights[1].split()] == pytest.approx([0, 0, 0, 0.5, 0, 0.5], abs=0.01)


def test_weights_sum_to_one_and_most_are_exactly_zero(example: dict[str, Any]) -> None:
    weights = example["entmax"](np.array([3.0, 0.0, 2.5, -1.0]))
    assert weights.sum() == pytest.approx(1, rel=1e-14)
    assert np.all(weights[[1, 3]] == 0) and weights[0] > weights[2] > 0


def test_the_threshold_follows_its_total(example: dict[str, Any]) -> None:
    scores = np.array([0.4, -0.3, 0.9])
    for total in (0.1, 1.0, 7.0):
        check_grads(example["threshold"], (scores, total))
    assert fn.grad(example["threshold"], argnums=1)(scores, 1.0) < 0


def test_the_fused_attention_is_the_plain_one(example: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    at = rng.normal(size=4), rng.normal(size=(5, 4)), rng.normal(size=(5, 3))

    def fused(*args: Any) -> Any:
        return np.sum(example["attend"](*args) ** 2)

    def plain(query: Any, keys: Any, values: Any) -> Any:
        return np.sum((example["entmax"](keys @ query) @ values) ** 2)

    for one, other in zip(fn.grad(fused, argnums=(0, 1, 2))(*at), fn.grad(plain, argnums=(0, 1, 2))(*at), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(fn.hessian(fused)(*at), fn.hessian(plain)(*at), rtol=1e-10, atol=1e-12)
