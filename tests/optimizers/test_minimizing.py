"""`minimize`: SciPy's numbers over trees, its words where SciPy is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import random, tree
from funcnn.optimizers import minimize
from funcnn.tree import FrozenDict

scipy_optimize = pytest.importorskip("scipy.optimize")


def rosenbrock(params: Any, scale: float = 100.0) -> Any:
    x = np.concatenate([params["head"], params["tail"][0]])
    return np.sum(scale * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


START: Any = {"head": np.array([1.5, 2.0]), "tail": (np.array([0.5, 0.1]),)}


def test_it_is_scipys_minimum_of_the_same_vector() -> None:
    found = minimize(rosenbrock, START)
    flat, unravel = tree.ravel(START)
    theirs = scipy_optimize.minimize(
        lambda v: (rosenbrock(unravel(v)), np.asarray(tree.ravel(fn.grad(rosenbrock)(unravel(v)))[0])),
        np.asarray(flat), jac=True, method="L-BFGS-B")
    assert found.success and found.message == str(theirs.message)
    assert (found.nit, found.nfev, found.fun) == (theirs.nit, theirs.nfev, theirs.fun)
    assert np.asarray(tree.ravel(found.x)[0]).tobytes() == theirs.x.tobytes()
    assert tree.structure(found.x) == tree.structure(found.jac) == tree.structure(START)
    assert tree.all_close(found.x, tree.map(np.ones_like, START), rtol=1e-4)


def test_it_changes_nothing_that_was_given() -> None:
    before = tree.map(np.copy, START)
    first, second = minimize(rosenbrock, START), minimize(rosenbrock, START)
    assert tree.equal(START, before) and START["head"].flags.writeable
    assert tree.equal(first.x, second.x)
    assert not any(leaf.flags.writeable for leaf in tree.leaves(first.x))


@pytest.mark.parametrize("params", [
    FrozenDict({"w": np.array([3.0, -2.0]), "b": np.array(1.0)}), np.array([3.0]),
    [np.array([3.0]), (np.ones((2, 2)),)], {"w": np.ones(2, np.float32), "b": np.ones(2)},
], ids=["FrozenDict", "array", "list", "dtypes"])
def test_any_tree_may_be_minimized(params: Any) -> None:
    def bowl(params: Any) -> Any:
        return tree.reduce(lambda a, b: a + b, tree.map(lambda p: np.sum((p - 0.5) ** 2), params))

    found = minimize(bowl, params)
    assert tree.structure(found.x) == tree.structure(params)
    assert [leaf.dtype for leaf in tree.leaves(found.x)] == [leaf.dtype for leaf in tree.leaves(params)]
    assert tree.all_close(found.x, tree.map(lambda p: 0 * p + 0.5, params), rtol=1e-5)


def test_a_jitted_gradient_gives_the_same_bits() -> None:
    jitted = fn.jit(fn.value_and_grad(rosenbrock))
    plain, fast = minimize(rosenbrock, START, (50.0,)), minimize(jitted, START, (50.0,), jac=True)
    assert tree.equal(plain.x, fast.x) and plain[1:4] == fast[1:4]


def test_tol_and_maxiter_are_those_of_scipy() -> None:
    assert minimize(rosenbrock, START, tol=1e-14).fun < 1e-15
    few = minimize(rosenbrock, START, maxiter=2)
    assert not few.success and few.nit == 2 and "LIMIT" in few.message


def test_a_net_is_fitted_better_than_adam_fits_it() -> None:
    from funcnn.layers import dense

    net = dense(1, 8) >> np.tanh >> dense(8, 1)
    params = tree.astype(net.init(random.key(0)), np.float64)
    x = np.linspace(-2, 2, 40)[:, None]
    found = minimize(lambda p: np.mean((net.apply(p, x) - np.sin(2 * x)) ** 2), params, maxiter=300)
    assert found.fun < 2e-4


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: minimize(3.0, START), TypeError, "^minimize: fun must be a function, got 3.0"),  # type: ignore[arg-type]
    (lambda: minimize(rosenbrock, START, tol=0.0), ValueError, r"^minimize: tol must be a number in \(0, inf\)"),
    (lambda: minimize(rosenbrock, START, maxiter=0), ValueError, "^minimize: maxiter must be at least 1, got 0"),
    (lambda: minimize(lambda p: np.sum(p["head"]) * np.nan, START), FloatingPointError, "^minimize: fun is nan at x0"),
])
def test_nonsense_is_named(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_without_scipy_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['scipy'] = None\nfrom funcnn.optimizers import minimize\nminimize(abs, 1.0)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ModuleNotFoundError: minimize: needs SciPy, which is not installed: pip install 'funcnn[scipy]'" in (
        result.stderr)
