"""The laws beside the uniform and the normal one: jax's numbers as far as promised, right in distribution, loud."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest
from test_random import digest, kolmogorov, phi, x64

import funcnn as fn
from alike import assert_alike
from funcnn import random
from funcnn.random.rejection import _log_factorial
from funcnn.random.threefry import BLOCK, bits_of_each, split_each

Draw: TypeAlias = Callable[[Any, Any], Any]
"""(module, key) -> array: the same line of code for `funcnn.random` and `jax.random`."""

F32, F64 = np.float32, np.float64
K = random.key(0)
A = np.random.default_rng(0).uniform(0.1, 5, 3000)
N = 100_000
MEAN, COV = np.array([1.0, -2.0, 0.5]), np.array([[2.0, 0.5, 0.1], [0.5, 1.0, -0.3], [0.1, -0.3, 0.7]])

# ------------------------------------------------------------------------------------ the same numbers as jax

NEARLY: dict[str, tuple[Callable[[Any, Any, Any], Any], float, float]] = {
    # the draw, and by how many ulp of max(1, |x|) it may differ from jax in float32 and in float64
    "laplace": (lambda r, k, f: r.laplace(k, (BLOCK + 1,), f), 1, 65),
    "logistic": (lambda r, k, f: r.logistic(k, (BLOCK + 1,), f), 2, 65),
    "gamma": (lambda r, k, f: r.gamma(k, A.astype(f), dtype=f), 10, 40),
    "beta": (lambda r, k, f: r.beta(k, A.astype(f), f(2.0), dtype=f), 10, 100),
    "dirichlet": (lambda r, k, f: r.dirichlet(k, A[:4].astype(f), (500,), f), 10, 100),
    "t": (lambda r, k, f: r.t(k, 1 + A.astype(f), dtype=f), 20, 40),
    "ball": (lambda r, k, f: r.ball(k, 3, 1.5, (1000,), f), 10, 40),
    "multivariate_normal": (
        lambda r, k, f: r.multivariate_normal(k, MEAN.astype(f), COV.astype(f), (500,), f), 10, 40),
}


OPTIONS = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
"""A gamma number takes jax seconds to compile."""


@pytest.mark.parametrize(("dtype", "names"), [(F32, list(NEARLY)), (F64, ["laplace", "logistic", "gamma"])])
def test_draws_are_near_those_of_jax(dtype: Any, names: list[str], jax: Any) -> None:
    with x64(jax) if dtype is F64 else jax.enable_x64(False):
        theirs = jax.jit(lambda k: [NEARLY[name][0](jax.random, k, dtype) for name in names],
                         compiler_options=OPTIONS)(K)
    for name, expected in zip(names, map(np.asarray, theirs), strict=True):
        case, *bounds = NEARLY[name]
        ours = case(random, K, dtype)
        assert (ours.shape, ours.dtype) == (expected.shape, expected.dtype), name
        off = np.abs(ours - expected.astype(F64)) / np.maximum(1, np.abs(expected)) / np.finfo(dtype).eps
        assert off.max() <= bounds[dtype is F64], name


def test_signs_and_counts_are_those_of_jax(jax: Any) -> None:
    with jax.enable_x64(False):
        for dtype in (np.int8, np.int32, F32):
            assert digest(random.rademacher(K, (1000,), dtype)) == digest(jax.random.rademacher(K, (1000,), dtype))
        lam = np.concatenate([np.zeros(10), np.full(300, 9.9), np.full(300, 80.0), 8 * A]).astype(F32)
        ours, theirs = random.poisson(K, lam), np.asarray(jax.random.poisson(K, lam))
        assert ours.dtype == theirs.dtype and np.mean(ours != theirs) < 2e-3
    with x64(jax):
        for wide in (np.int64, F64):
            assert digest(random.rademacher(K, (1000,), wide)) == digest(jax.random.rademacher(K, (1000,), wide))


STORED: dict[str, tuple[Callable[[Any], Any], str]] = {
    # sha256 of what funcnn gave when this was written
    "laplace": (lambda k: random.laplace(k, (2 * BLOCK + 1,)), "a7a1114a4639d1d8"),
    "logistic": (lambda k: random.logistic(k, (2 * BLOCK + 1,)), "60a84d534bc05095"),
    "rademacher": (lambda k: random.rademacher(k, (2 * BLOCK + 1,)), "6770eddd64e11f18"),
    "gamma": (lambda k: random.gamma(k, A), "50432034a7466469"),
    "beta": (lambda k: random.beta(k, A, 0.7), "9986a8aca67cdc03"),
    "dirichlet": (lambda k: random.dirichlet(k, A[:4], (100,)), "b54d4456ece39dec"),
    "t": (lambda k: random.t(k, A), "2d67058ce48535fd"),
    "ball": (lambda k: random.ball(k, 3, 1.5, (100,)), "525d14b9482bd81a"),
    "poisson": (lambda k: random.poisson(k, 10 * A), "e8846270411acf54"),
}


@pytest.mark.parametrize("name", STORED)
def test_the_numbers_are_the_same_on_every_machine(name: str) -> None:
    case, stored = STORED[name]
    assert digest(case(random.key(7))) == stored


def test_many_keys_at_once_are_split_and_drawn_from_as_one_by_one() -> None:
    keys = np.asarray(random.split(K, 5))
    pair = keys[:, 0].copy(), keys[:, 1].copy()
    for i, each in enumerate(split_each(pair, 3)):
        np.testing.assert_array_equal(np.stack(each, -1), [random.split(key, 3)[i] for key in keys])
    for width, dtype in ((32, np.uint32), (64, np.uint64)):
        np.testing.assert_array_equal(bits_of_each(pair, width), [random.bits(key, (), dtype) for key in keys])


# ------------------------------------------------------------------------------------------ the right law


def gamma_law(a: int) -> Callable[[Any], Any]:
    return lambda x: 1 - np.exp(-x) * sum(x**k / math.factorial(k) for k in range(a))


DISTRIBUTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "laplace": (lambda k: random.laplace(k, (N,)), lambda x: np.where(x < 0, np.exp(x) / 2, 1 - np.exp(-x) / 2)),
    "logistic 64": (lambda k: random.logistic(k, (N,), F64), lambda x: 1 / (1 + np.exp(-x))),
    "gamma 1": (lambda k: random.gamma(k, 1.0, (N,)), gamma_law(1)),
    "gamma 3, 64": (lambda k: random.gamma(k, 3.0, (N,), F64), gamma_law(3)),
    "gamma 1/2": (lambda k: np.sqrt(2 * random.gamma(k, 0.5, (N,))), lambda x: 2 * phi(x) - 1),
    "beta 2 1": (lambda k: random.beta(k, 2.0, 1.0, (N,)), lambda x: x**2),
    "beta 1/2 1/2": (lambda k: random.beta(k, 0.5, 0.5, (N,)), lambda x: 2 / np.pi * np.arcsin(np.sqrt(x))),
    "dirichlet": (lambda k: random.dirichlet(k, [1.0, 1.0, 1.0], (N,))[:, 1], lambda x: 1 - (1 - x) ** 2),
    "t 1": (lambda k: random.t(k, 1.0, (N,)), lambda x: 0.5 + np.arctan(x) / np.pi),
    "t 2, 64": (lambda k: random.t(k, 2.0, (N,), F64), lambda x: 0.5 + x / 2 / np.sqrt(2 + x * x)),
    "radius in a ball": (lambda k: np.linalg.norm(random.ball(k, 3, 2.0, (N,)), axis=-1), lambda r: r**3),
    "radius in a diamond": (lambda k: np.abs(random.ball(k, 2, 1.0, (N,))).sum(-1), lambda r: r**2),
    "side of a ball": (lambda k: random.ball(k, 3, 2.0, (N,))[:, 0], lambda x: (2 + 3 * x - x**3) / 4),
    "normal along a line": (
        lambda k: (random.multivariate_normal(k, MEAN, COV, (N,)) - MEAN) @ [1.0, 2.0, -1.0] / np.sqrt(
            np.array([1.0, 2.0, -1.0]) @ COV @ [1.0, 2.0, -1.0]), phi),
    "normal, by eigh": (lambda k: random.multivariate_normal(k, [0.0, 0.0], np.ones((2, 2)), (N,), method="eigh")[:, 1],
                        phi),
    "normal, by svd": (lambda k: random.multivariate_normal(k, [0.0, 0.0], np.ones((2, 2)), (N,), method="svd")[:, 0],
                       phi),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_draws_are_distributed_as_they_should_be(name: str) -> None:
    case, law = DISTRIBUTIONS[name]
    assert kolmogorov(case(random.key(11)), law) < 1.95


@pytest.mark.parametrize("lam", [0.3, 4.0, 9.99, 10.0, 35.0, 500.0, 1e5])
def test_counts_are_as_likely_as_they_should_be(lam: float) -> None:
    counts = random.poisson(random.key(13), lam, (N,)).astype(F64)
    assert abs(counts.mean() - lam) < 4 * math.sqrt(lam / N)
    assert abs(counts.var() - lam) < 4 * lam * math.sqrt((2 + 1 / lam) / N)
    if lam < 100:
        k = np.arange(math.floor(lam + 6 * math.sqrt(lam) + 5))
        p = np.exp(k * np.log(lam) - lam - [math.lgamma(i + 1) for i in k])
        seen, likely = np.bincount(counts.astype(int), minlength=len(k))[:len(k)], p > 5 / N
        statistic = np.sum((seen - N * p)[likely] ** 2 / (N * p)[likely])
        assert (statistic - likely.sum()) / math.sqrt(2 * likely.sum()) < 4


def test_the_logarithm_of_a_factorial() -> None:
    k = np.array([0.0, 1, 2, 31, 32, 33, 100, 1e4, 1e7])
    np.testing.assert_allclose(_log_factorial(k), [math.lgamma(x + 1) for x in k], rtol=1e-14, atol=1e-14)


def test_signs_are_1_and_minus_1_equally_often() -> None:
    signs = random.rademacher(random.key(1), (N,), np.int8)
    assert set(signs.tolist()) == {-1, 1} and abs(signs.mean(dtype=F64)) < 4 / math.sqrt(N)


def test_the_numbers_of_several_classes_belong_together() -> None:
    x = random.dirichlet(random.key(2), [0.01, 1e-3, 50.0], (500,))
    assert np.allclose(x.sum(-1), 1) and np.isfinite(x).all()
    tiny = random.beta(random.key(2), 1e-4, 1e-4, (500,))
    assert np.isfinite(tiny).all() and 0.4 < np.mean(tiny > 0.5) < 0.6
    drawn = random.multivariate_normal(random.key(3), np.zeros((4, 1, 3)), np.stack([COV, 2 * COV]), dtype=F64)
    assert drawn.shape == (4, 2, 3) and drawn.dtype == F64


# ------------------------------------------------------------------------------------------ purity, and all transforms

SHAPES: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "laplace": (lambda k: random.laplace(k), ()), "logistic": (lambda k: random.logistic(k, (2, 0)), (2, 0)),
    "rademacher": (lambda k: random.rademacher(k), ()), "gamma ()": (lambda k: random.gamma(k, 2), ()),
    "gamma none": (lambda k: random.gamma(k, 2, (0,)), (0,)),
    "gamma": (lambda k: random.gamma(k, A[:3], (2, 3)), (2, 3)),
    "beta": (lambda k: random.beta(k, A[:3, None], A[:2]), (3, 2)), "beta ()": (lambda k: random.beta(k, 1, 2), ()),
    "dirichlet": (lambda k: random.dirichlet(k, np.ones((2, 3)), (4, 2)), (4, 2, 3)),
    "dirichlet none": (lambda k: random.dirichlet(k, np.ones((0, 3))), (0, 3)), "t": (lambda k: random.t(k, 3), ()),
    "ball": (lambda k: random.ball(k, 3, shape=4), (4, 3)), "ball 0": (lambda k: random.ball(k, 0), (0,)),
    "poisson": (lambda k: random.poisson(k, A[:3] * 10), (3,)), "poisson ()": (lambda k: random.poisson(k, 50), ()),
    "poisson none": (lambda k: random.poisson(k, 50, (0,)), (0,)),
    "multivariate_normal": (lambda k: random.multivariate_normal(k, MEAN, COV), (3,)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_draw_is_pure_and_the_same_of_each_key_under_vmap_and_jit(name: str) -> None:
    case, shape = SHAPES[name]
    with np.errstate(all="raise"):
        first, second = case(K), case(K)
    assert type(first) is np.ndarray and first.shape == shape and not first.flags.writeable
    assert digest(first) == digest(second) and not np.shares_memory(first, second)
    assert_alike(case, (K,), (random.key(5),))
    keys = random.split(K, 3)
    np.testing.assert_array_equal(fn.vmap(case)(keys), np.stack([case(key) for key in keys]))


def test_draws_are_written_into_files() -> None:
    def drawn(key: Any, a: Any) -> Any:
        return [random.gamma(key, a), random.beta(key, a, a), random.dirichlet(key, a), random.t(key, a),
                random.poisson(key, 5 * a), random.ball(key, 2), random.laplace(key), random.normal(key),
                random.multivariate_normal(key, MEAN, COV), random.rademacher(key), random.logistic(key)]

    scope: dict[str, Any] = {}
    exec(fn.make_program(drawn)(K, A[:3]).source(), scope)
    assert fn.tree.equal(scope["drawn"](K, A[:3]), drawn(K, A[:3]))


def test_parameters_may_be_arguments_of_jit_and_vmap() -> None:
    for law in (random.gamma, random.t, random.poisson):
        def drawn(key: Any, a: Any, law: Any = law) -> Any:
            return law(key, a) * 2

        assert_alike(drawn, (K, A[:3]), (random.key(5), 2 * A[:3]))
        np.testing.assert_array_equal(fn.vmap(drawn, (None, 0))(K, A[:3]), [drawn(K, a) for a in A[:3]])


def test_a_normal_vector_has_the_derivative_of_its_formula() -> None:
    def f(mean: Any, cov: Any) -> Any:
        return np.sum(random.multivariate_normal(K, mean, cov, (5,), F64) ** 3)

    by_mean, by_cov = fn.grad(f, argnums=(0, 1))(MEAN, COV)
    for i in range(3):
        e = 1e-6 * np.identity(3)[i]
        assert by_mean[i] == pytest.approx((f(MEAN + e, COV) - f(MEAN - e, COV)) / 2e-6, rel=1e-6)
        step = np.diag(e)
        assert by_cov[i, i] == pytest.approx((f(MEAN, COV + step) - f(MEAN, COV - step)) / 2e-6, rel=1e-6)
    assert_alike(fn.grad(f), (MEAN, COV), (2 * MEAN, COV))
    with pytest.raises(TypeError, match=r"random\.gamma: a draw has no derivative"):
        fn.grad(lambda a: np.sum(random.gamma(K, a)))(A[:3])


# -------------------------------------------------------------------------------------------------- errors

R: Any = random

ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "key": (lambda: R.laplace(0), TypeError, r"random\.laplace: key must be a key"),
    "dtype": (lambda: R.gamma(K, 1.0, dtype=np.int32), TypeError, r"random\.gamma: dtype must be one of float32"),
    "dtype of signs": (lambda: R.rademacher(K, (), np.uint8), TypeError, r"random\.rademacher: dtype must be one of"),
    "gamma 0": (lambda: R.gamma(K, [1.0, 0.0]), ValueError, r"a must be finite and above 0, got 0.0 at index \(1,\)"),
    "gamma nan": (lambda: R.gamma(K, math.nan), ValueError, r"random\.gamma: a must be .* got nan"),
    "beta": (lambda: R.beta(K, 1.0, -1.0), ValueError, r"random\.beta: b must be finite and above 0, got -1.0"),
    "beta shapes": (lambda: R.beta(K, A[:2], A[:3]), ValueError, r"beta: a has shape \(2,\), b has shape \(3,\)"),
    "dirichlet number": (lambda: R.dirichlet(K, 1.0), ValueError, r"one number for each class.* got 1.0"),
    "dirichlet shape": (lambda: R.dirichlet(K, np.ones((2, 3)), (3,)), ValueError, r"without its last axis has shape"),
    "t": (lambda: R.t(K, math.inf), ValueError, r"random\.t: df must be finite"),
    "ball d": (lambda: R.ball(K, 1.5), TypeError, r"random\.ball: d must be an int"),
    "ball p": (lambda: R.ball(K, 2, 0.0), ValueError, r"random\.ball: p must be a number in \(0, inf\), got 0.0"),
    "poisson": (lambda: R.poisson(K, -1.0), ValueError, r"random\.poisson: lam must be rates of 0 or more.* got -1.0"),
    "poisson wide": (lambda: R.poisson(K, 200.0, dtype=np.uint8), ValueError, r"counts uint8 can hold, got 200.0"),
    "method": (lambda: R.multivariate_normal(K, MEAN, COV, method="lu"), ValueError, r"method must be 'cholesky' or"),
    "cov": (lambda: R.multivariate_normal(K, MEAN, COV[:2, :2]), ValueError, r"a mean of n = 3 numbers, got shape"),
    "mean": (lambda: R.multivariate_normal(K, 1.0, COV), ValueError, r"mean must have at least 1 axes"),
    "shape": (lambda: R.multivariate_normal(K, np.zeros((2, 3)), COV, (3,)), ValueError, r"mean without its last axis"),
    "dtype of normals": (lambda: R.multivariate_normal(K, MEAN, COV, dtype=np.float16), TypeError, "dtype must be one"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_misuse_is_told(name: str) -> None:
    call, error, message = ERRORS[name]
    with pytest.raises(error, match=message) as caught:
        call()
    assert str(caught.value).startswith("random.")


