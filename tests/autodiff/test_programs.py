"""Real programs (`programs.py`): derivatives are jax's and those of central differences; float32, threads, depth.

The last part holds the programs to laws that mathematics and physics know, and the tape to its promises.
"""

from __future__ import annotations

import gc
import math
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import tree
from funcnn.autodiff.tape import Tape
from funcnn.testing import assert_pure, check_grads
from programs import PROGRAMS

Function = Callable[[Any], Any]

each = pytest.mark.parametrize("name", PROGRAMS)
SHORT, LONG = 100, 1000
"""XLA takes a millisecond or three for each operation of an unrolled program, now and then minutes for all. So jax is
asked for second derivatives of short programs only, and long ones are not compiled."""


def function(name: str, dtype: Any = np.float64) -> tuple[Function, Any]:
    """A program under funcnn as a function of x alone, and its x."""
    program = PROGRAMS[name]
    f, data = program.build(np, fn), as_dtype(program.data, dtype)
    return lambda x: f(x, *data), as_dtype(program.x, dtype)


def as_dtype(values: Any, dtype: Any) -> Any:
    """The tree with its floating-point leaves in this dtype."""
    return tree.map(lambda leaf: np.asarray(leaf, dtype)[()] if is_floating(leaf) else leaf, values)


def is_floating(leaf: Any) -> bool:
    return np.result_type(leaf).kind == "f"


def direction(x: Any) -> Any:
    """A tree like x to differentiate along."""
    rng = np.random.default_rng(0)
    return tree.map(lambda leaf: np.asarray(rng.normal(size=np.shape(leaf)), np.result_type(leaf))[()], x)


def is_scalar(f: Function, x: Any) -> bool:
    y = f(x)
    return not isinstance(y, dict) and np.shape(y) == ()


def first_derivative(name: str) -> tuple[Function, Any]:
    f, x = function(name)
    return fn.value_and_grad(f) if is_scalar(f, x) else fn.jacrev(f), x


def assert_close(got: Any, expected: Any, rtol: float) -> None:
    """Same structure, and each leaf within rtol of its largest entry."""
    assert tree.structure(got) == tree.structure(expected)
    for (path, a), b in zip(tree.leaves_with_path(got), tree.leaves(expected), strict=True):
        scale = max(float(np.max(np.abs(b))), 1e-3)
        np.testing.assert_allclose(a, b, rtol=0, atol=rtol * scale, err_msg=tree.keystr(path))


def bytes_of(values: Any) -> list[bytes]:
    return [np.asarray(leaf).tobytes() for leaf in tree.leaves(values)]


# ------------------------------------------------------------------ the derivatives are right


def with_funcnns_names(jax: Any) -> Any:
    """JAX's transforms, under the names that funcnn adds as well."""
    def elementwise_grad(f: Function) -> Function:
        return lambda x: jax.vjp(f, x)[1](jax.numpy.ones_like(x))[0]

    def hvp(f: Function, primals: Any, tangents: Any) -> Any:
        return jax.jvp(jax.grad(f), primals, tangents)[1]

    return SimpleNamespace(grad=jax.grad, vjp=jax.vjp, jvp=jax.jvp, jacrev=jax.jacrev, jacfwd=jax.jacfwd,
                           hessian=jax.hessian, hvp=hvp, elementwise_grad=elementwise_grad)


def in_jax(jax: Any, name: str) -> Function:
    """A program under jax as a function of x alone."""
    program = PROGRAMS[name]
    f = program.build(jax.numpy, with_funcnns_names(jax))
    data = tree.map(lambda leaf: jax.numpy.asarray(leaf) if is_floating(leaf) else leaf, program.data)
    return lambda x: f(x, *data)


def operations(jax: Any, f: Function, x: Any) -> int:
    return len(jax.make_jaxpr(f)(x).eqns)


def run(jax: Any, f: Function, x: Any) -> Any:
    """What f makes of x: compiled without much thought, or if it is long, operation by operation."""
    from jax.extend.core import jaxpr_as_fun

    traced = jax.jit(f).trace(x)
    if len(traced.jaxpr.eqns) > LONG:
        leaves = jaxpr_as_fun(traced.jaxpr)(*jax.tree.leaves(x))
        result = jax.tree.unflatten(jax.tree.structure(traced.out_info), leaves)
    else:
        result = traced.lower().compile()(x)
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(result))
    return jax.tree.map(np.asarray, result)


def inner(a: Any, b: Any) -> Any:
    return sum(np.sum(x * y) for x, y in zip(tree.leaves(a), tree.leaves(b), strict=True))


def assert_derivatives_of_scalar(jax: Any, f: Function, theirs: Function, x: Any, v: Any) -> None:
    first = jax.value_and_grad(theirs)
    if operations(jax, first, x) > SHORT:
        (value, gradient), hv = run(jax, first, x), fn.jvp(fn.grad(f), (x,), (v,))[1]
    else:
        (value, gradient), (_, hv) = run(jax, lambda x: jax.jvp(first, (x,), (v,)), x)
    assert_close(fn.value_and_grad(f)(x), (value, gradient), rtol=1e-9)
    assert_close(fn.grad(f)(x), gradient, rtol=1e-9)
    assert_close(fn.jvp(f, (x,), (v,)), (value, inner(gradient, v)), rtol=1e-9)
    assert_close(fn.hvp(f, (x,), (v,)), hv, rtol=1e-9)
    vector, back = tree.ravel(x)
    assert_close(fn.hessian(lambda z: f(back(z)))(vector) @ tree.ravel(v)[0], tree.ravel(hv)[0], rtol=1e-9)


def assert_derivatives_of_tree(jax: Any, f: Function, theirs: Function, x: Any, v: Any) -> None:
    value, tangent, jacobian = run(jax, lambda x: (*jax.jvp(theirs, (x,), (v,)), jax.jacrev(theirs)(x)), x)
    assert_close(fn.jvp(f, (x,), (v,)), (value, tangent), rtol=1e-9)
    assert_close(fn.jacrev(f)(x), jacobian, rtol=1e-9)
    assert_close(fn.jacfwd(f)(x), jacobian, rtol=1e-9)


@pytest.mark.usefixtures("without_optimizations")
@each
def test_derivatives_are_those_of_jax(name: str, jax: Any) -> None:
    f, x = function(name)
    check = assert_derivatives_of_scalar if is_scalar(f, x) else assert_derivatives_of_tree
    check(jax, f, in_jax(jax, name), x, direction(x))


@each
def test_derivatives_are_those_of_central_differences(name: str) -> None:
    f, x = function(name)
    check_grads(f, (x,))


@each
def test_float32_stays_float32(name: str) -> None:
    f, x = function(name)
    narrow, narrow_x = function(name, np.float32)
    order = 2 if is_scalar(f, x) else 1
    got, expected = all_orders(narrow, narrow_x, order), all_orders(f, x, order)
    assert [tree.keystr(path) for path, leaf in tree.leaves_with_path(got) if leaf.dtype != np.float32] == []
    assert_close(got, expected, rtol=1e-4)


def all_orders(f: Function, x: Any, order: int) -> Any:
    """The value and the derivatives up to an order."""
    if order == 1:
        return fn.jvp(f, (x,), (direction(x),)), fn.jacrev(f)(x)
    return fn.value_and_grad(f)(x), fn.hvp(f, (x,), (direction(x),))


# ------------------------------------------------------------------ the programs obey their laws


def test_newton_finds_the_minimum_of_a_logistic_regression_through_its_hessian() -> None:
    f, x = function("logistic_regression")
    z, back = tree.ravel(x)
    for _ in range(8):
        z = z - np.linalg.solve(fn.hessian(lambda z: f(back(z)))(z), fn.grad(lambda z: f(back(z)))(z))
    assert np.max(np.abs(fn.grad(lambda z: f(back(z)))(z))) < 1e-14
    assert np.all(np.linalg.eigvalsh(fn.hessian(lambda z: f(back(z)))(z)) > 0)


def test_newton_finds_the_bottom_of_rosenbrocks_valley() -> None:
    f, x = function("rosenbrock")
    for _ in range(30):
        x = x - np.linalg.solve(fn.hessian(f)(x), fn.grad(f)(x))
    np.testing.assert_allclose(x, 1, rtol=1e-12)


def test_both_forms_of_the_gaussian_process_agree() -> None:
    x, data = PROGRAMS["gaussian_process"].x, PROGRAMS["gaussian_process"].data
    by_factor, by_determinant = (PROGRAMS[name].build(np, fn) for name in
                                 ("gaussian_process", "gaussian_process_by_determinant"))
    assert_close(fn.value_and_grad(by_determinant)(x, *data), fn.value_and_grad(by_factor)(x, *data), rtol=1e-11)


def test_forces_of_springs_cancel_and_their_stiffness_is_blind_to_translations() -> None:
    energy, places = function("spring_network")
    forces, stiffness = -fn.grad(energy)(places), fn.hessian(energy)(places)
    np.testing.assert_allclose(forces.sum(axis=0), [0, -len(places)], atol=1e-12)  # weight, the only outer force
    np.testing.assert_allclose(stiffness, np.moveaxis(stiffness, (2, 3), (0, 1)), atol=1e-12)
    np.testing.assert_allclose(stiffness.sum(axis=2), 0, atol=1e-11)


def test_the_leapfrog_flow_is_symplectic() -> None:
    flow, x = function("hamiltonian_flow")
    j = fn.jacfwd(flow)(x)
    m = np.block([[j[a][b] for b in "qp"] for a in "qp"])
    omega = np.block([[np.zeros((2, 2)), np.identity(2)], [-np.identity(2), np.zeros((2, 2))]])
    np.testing.assert_allclose(m.T @ omega @ m, omega, atol=1e-14)


def test_greeks_solve_the_equation_of_black_and_scholes() -> None:
    @fn.custom_vjp
    def phi(z: Any) -> Any:
        return np.asarray([math.erfc(-entry / math.sqrt(2)) / 2 for entry in np.atleast_1d(z)]).reshape(np.shape(z))[()]

    phi.defvjps(lambda g, y, z: g * np.exp(-z * z / 2) / math.sqrt(2 * math.pi))

    def call(spot: Any, strike: Any, rate: Any, volatility: Any, time: Any) -> Any:
        deviation = volatility * np.sqrt(time)
        d1 = (np.log(spot / strike) + (rate + volatility ** 2 / 2) * time) / deviation
        return spot * phi(d1) - strike * np.exp(-rate * time) * phi(d1 - deviation)

    at = s, k, r, sigma, t = 100.0, 105.0, 0.03, 0.2, 0.75
    d1 = (math.log(s / k) + (r + sigma ** 2 / 2) * t) / (sigma * math.sqrt(t))
    density = math.exp(-d1 ** 2 / 2) / math.sqrt(2 * math.pi)
    value, (delta, vega, theta) = fn.value_and_grad(call, argnums=(0, 3, 4))(*at)
    gamma = fn.grad(fn.grad(call))(*at)
    assert delta == pytest.approx(math.erfc(-d1 / math.sqrt(2)) / 2, rel=1e-13)
    assert gamma == pytest.approx(density / (s * sigma * math.sqrt(t)), rel=1e-13)
    assert vega == pytest.approx(s * density * math.sqrt(t), rel=1e-13)
    assert sigma ** 2 * s ** 2 * gamma / 2 + r * s * delta - r * value == pytest.approx(theta, rel=1e-12)
    check_grads(call, at)


# ------------------------------------------------------------------ the tape keeps its promises


@each
def test_programs_and_their_derivatives_are_pure(name: str) -> None:
    derivative, x = first_derivative(name)
    assert_pure(derivative, x)


class Interrupted(Exception):
    """What a program raises here."""


@fn.custom_vjp
def failing_backwards(x: Any) -> Any:
    return 1.0 * x


def fail(*_: Any) -> Any:
    raise Interrupted


failing_backwards.defvjps(fail)


def tapes() -> int:
    """How many tapes are alive."""
    gc.collect()
    return sum(type(thing) is Tape for thing in gc.get_objects())


def broken(f: Function) -> Iterator[Function]:
    """The program, failing at its end inside nested transforms, and failing on its way back."""
    yield lambda x: fail(fn.vjp(f, x), f(x))
    yield lambda x: f(tree.map(failing_backwards, x))


@pytest.mark.slow
def test_an_exception_leaves_nothing_behind() -> None:
    derivatives = [first_derivative(name) for name in PROGRAMS]
    before, alive = [bytes_of(derivative(x)) for derivative, x in derivatives], tapes()
    for name in PROGRAMS:
        f, x = function(name)
        for attempt in broken(f):
            for transform in (fn.jacrev, fn.jacfwd, lambda f: fn.jacrev(fn.jacrev(f))):
                with pytest.raises(Interrupted):
                    transform(attempt)(x)
    assert tapes() == alive
    assert [bytes_of(derivative(x)) for derivative, x in derivatives] == before


def test_eight_threads_get_the_bytes_that_one_gets_alone() -> None:
    derivatives = [first_derivative(name) for name in PROGRAMS]
    alone = [bytes_of(derivative(x)) for derivative, x in derivatives]
    start = Barrier(8)

    def work(first: int) -> bool:
        start.wait()
        order = [*range(first, len(alone)), *range(first)]
        return all(bytes_of(derivatives[i][0](derivatives[i][1])) == alone[i] for i in order)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(0, 8 * 7, 7)))


def chain(iterations: int) -> Function:
    """A program of three operations an iteration, each on the result of the one before: sqrt(x^2 + n / 1000)."""
    def f(x: Any) -> Any:
        for _ in range(iterations):
            x = np.sqrt(x * x + 1e-3)
        return x

    return f


@pytest.mark.slow
def test_a_chain_of_50_000_operations_needs_no_recursion() -> None:
    n, x = 16_667, np.float64(3.0)
    y = math.sqrt(x * x + n / 1000)
    assert fn.value_and_grad(chain(n))(x) == (pytest.approx(y), pytest.approx(x / y))
    assert fn.jvp(chain(n), (x,), (np.float64(2.0),)) == (pytest.approx(y), pytest.approx(2 * x / y))


def test_second_derivatives_of_a_long_chain_need_no_recursion() -> None:
    n, x = 4_000, np.float64(3.0)
    y = math.sqrt(x * x + n / 1000)
    assert fn.hvp(chain(n), (x,), (np.float64(1.0),)) == pytest.approx(1 / y - x * x / y ** 3)


@pytest.mark.slow
def test_the_memory_of_a_chain_is_linear_and_given_back() -> None:
    half, (whole, kept) = peak(chain(2_000))[0], peak(chain(4_000))
    assert 1.8 < whole / half < 2.2
    assert whole < 12_000 * 1000  # bytes: a kilobyte for each of 12,000 operations
    assert kept < 1000


def peak(f: Function) -> tuple[int, int]:
    """The bytes that a gradient of f at a number needs, and those that are left after it."""
    gc.collect()
    tracemalloc.start()
    fn.value_and_grad(f)(np.float64(3.0))
    most = tracemalloc.get_traced_memory()[1]
    gc.collect()  # empties Python's lists of free objects too
    left = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return most, left
