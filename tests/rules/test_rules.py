"""Every row of the derivative table meets every law; every NumPy function has a row or a reason to have none."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import funcnn as fn
import rules_contract
from funcnn import tree
from funcnn.autodiff.scatter import Distinct, Scatter, put
from funcnn.core import RULES, Node, Rule, TracerError
from funcnn.rules.table import elementwise, fitted
from rules_contract import ROWS, Row, arguments

# Untyped here: what is differentiated are lambdas of arrays.
grad: Any = fn.grad
value_and_grad: Any = fn.value_and_grad
vjp: Any = fn.vjp

IDS = [row.name for row in ROWS]
Real = Callable[..., Any]


# ------------------------------------------------------------------------------- random projections


def parts(np: Any, y: Any) -> list[Any]:
    """The real arrays that a result is made of."""
    leaves = list(y) if isinstance(y, list | tuple) else [y]
    return [p for leaf in leaves for p in ((np.real(leaf), np.imag(leaf)) if leaf.dtype.kind == "c" else (leaf,))]


def inner(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum((x * y).sum() for x, y in zip(a, b, strict=True))


def weights(like: Sequence[Any], seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(np.shape(x)) for x in like]


def projected(row: Row, xp: Any = np) -> Real:
    """The row as a real function: a random weighting of all it returns."""
    u = weights(parts(np, row.f(np, *arguments(row))), 1)
    return lambda *args: inner(u, parts(xp, row.f(xp, *args)))


def slope(f: Real, args: Sequence[Any], v: Sequence[Any]) -> Any:
    """The derivative of f along v, by differences of the fourth order."""
    def at(step: float) -> Any:
        return f(*[a + step * b for a, b in zip(args, v, strict=True)])

    h = 1e-3
    return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)


def gradients(f: Real, args: Sequence[Any]) -> Any:
    return grad(f, argnums=tuple(range(len(args))))(*args)


def check_first_order(f: Real, args: Sequence[Any]) -> None:
    v = weights(args, 2)
    assert inner(v, gradients(f, args)) == pytest.approx(slope(f, args, v), rel=1e-6, abs=1e-7)


def check_second_order(f: Real, args: Sequence[Any]) -> None:
    w = weights(args, 3)
    check_first_order(lambda *x: inner(w, gradients(f, x)), args)


# -------------------------------------------------------------------------- the laws of every row

Spy = Callable[[Rule, Node, Any], None]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Spy], None]:
    """Lets a function look at every node on the way back, and its cotangent."""
    def install(spy: Spy) -> None:
        monkeypatch.setattr(Rule, "pull", functools.partialmethod(looked_at, Rule.pull, spy))

    return install


def looked_at(rule: Rule, pull: Callable[..., Any], spy: Spy, node: Node, g: Any) -> Any:
    spy(rule, node, g)
    return pull(rule, node, g)


def check_cotangent(rule: Rule, node: Node, g: Any) -> None:
    """A cotangent has the shape and the dtype of its value: nothing drifts to float64."""
    if rule.fwd or rule.bwd:
        return
    y = node.saved[0]
    assert (g.shape, g.dtype) == (y.shape, y.dtype), rule


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_gradient_is_that_of_finite_differences(row: Row, watch: Callable[[Spy], None]) -> None:
    watch(check_cotangent)
    args = arguments(row)
    before = [np.asarray(a).tobytes() for a in args]
    check_first_order(projected(row), args)
    assert [np.asarray(a).tobytes() for a in args] == before, "an argument was changed"


@pytest.mark.parametrize("row", [row for row in ROWS if row.order > 1], ids=lambda row: str(row.name))
def test_the_second_derivative_is_that_of_finite_differences(row: Row, watch: Callable[[Spy], None]) -> None:
    watch(check_cotangent)
    check_second_order(projected(row), arguments(row))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_traced_value_is_that_of_numpy(row: Row, dtype: Any) -> None:
    args = [np.asarray(a, dtype)[()] for a in arguments(row)]
    plain = parts(np, row.f(np, *args))
    y, _ = vjp(lambda *x: tuple(parts(np, row.f(np, *x))), *args)
    for expected, found in zip(plain, y, strict=True):
        assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
        if row.exact and dtype is np.float64:
            np.testing.assert_array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=100 * np.finfo(dtype).eps, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_float32_stays_float32(row: Row, watch: Callable[[Spy], None]) -> None:
    watch(check_cotangent)
    args = arguments(row)
    u = weights(parts(np, row.f(np, *args)), 1)

    def f(*x: Any) -> Any:
        ys = parts(np, row.f(np, *x))
        return inner([np.asarray(a, y.dtype) for a, y in zip(u, ys, strict=True)], ys)

    for single, double in zip(gradients(f, [np.float32(a) for a in args]), gradients(f, args), strict=True):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=2e-3, atol=2e-3 * np.max(np.abs(double), initial=1e-3))


def test_a_chain_on_a_large_array_keeps_nothing_that_is_not_needed() -> None:
    x = np.ones(1_000_000)
    tracemalloc.start()
    grad(lambda x: np.sum(functools.reduce(lambda x, c: 2.0 * (x + c), np.arange(30.0), x)))(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * x.nbytes


# -------------------------------------------------------------------------------------- jax says the same

JAX_ROWS = [row for row in ROWS if row.jax]


@functools.cache
def gradients_by_jax(jax: Any, piece: int) -> list[Any]:
    """Those of 50 rows, compiled at once and without optimization: one by one they would take minutes."""
    rows = JAX_ROWS[50 * piece:50 * piece + 50]
    fs = [jax.grad(projected(row, jax.numpy), tuple(range(len(row.makers)))) for row in rows]
    options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    compiled = jax.jit(lambda inputs: [f(*args) for f, args in zip(fs, inputs, strict=True)], compiler_options=options)
    found: list[Any] = compiled([arguments(row) for row in rows])
    return found


@pytest.mark.parametrize("number", range(len(JAX_ROWS)), ids=lambda number: JAX_ROWS[number].name)
def test_the_gradient_is_that_of_jax(number: int, jax: Any) -> None:
    row = JAX_ROWS[number]
    by_jax = gradients_by_jax(jax, number // 50)[number % 50]
    for found, expected in zip(gradients(projected(row), arguments(row)), by_jax, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


# -------------------------------------------------------------------------------- the tests are tested


def planted(factor: float) -> Real:
    """The hyperbolic tangent with a derivative that is off by a factor."""
    def tanh(x: Any) -> Any:
        return np.tanh(x)

    rule = elementwise(tanh, "y = tanh(x)", "dx = wrong", lambda g, y, _x: factor * g * (1 - y * y))
    del RULES[tanh]
    return rule


def test_a_rule_that_is_wrong_by_a_thousandth_fails() -> None:
    x = np.array([0.5, -0.2])
    check_first_order(lambda x: np.sum(planted(1.0)(x)), [x])
    with pytest.raises(AssertionError):
        check_first_order(lambda x: np.sum(planted(1.001)(x)), [x])


def test_a_second_derivative_that_is_wrong_by_a_thousandth_fails() -> None:
    square = fn.custom_vjp(lambda x: x * x)
    square.defvjps(lambda g, y, x: g * 2 * (fn.stop_gradient(x) * 0.001 + x * 0.999))
    check_first_order(lambda x: np.sum(square(x)), [np.array([0.5, -0.2])])
    with pytest.raises(AssertionError):
        check_second_order(lambda x: np.sum(square(x)), [np.array([0.5, -0.2])])


def test_a_drifting_cotangent_fails(watch: Callable[[Spy], None]) -> None:
    drifting = fn.custom_vjp(lambda x: np.sin(x))
    drifting.defvjps(lambda g, y, x: np.float64(1) * g * np.cos(x))
    watch(check_cotangent)
    with pytest.raises(AssertionError):
        grad(lambda x: np.sum(drifting(x * 2)))(np.ones(3, np.float32))


# ---------------------------------------------------------------------------------- any shape, any axis

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
FULL = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)
quick = settings(max_examples=60, deadline=None, derandomize=True)


def drawn(shape: tuple[int, ...], seed: int = 0) -> Any:
    """Numbers that are apart from each other and from 0."""
    size = int(np.prod(shape))
    rng = np.random.default_rng(seed)
    return ((rng.permutation(size) - size // 2) * 0.5 + 0.2 + 0.1 * rng.uniform(size=size)).reshape(shape)


@quick
@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, min_side=0, max_side=3),
       st.sampled_from([np.add, np.subtract, np.multiply, np.divide, np.arctan2, np.maximum, np.hypot, np.logaddexp]))
def test_broadcasting_is_undone(shapes: Any, f: Any) -> None:
    """The cotangent of what was broadcast is the sum of those of its copies."""
    x, y = drawn(shapes.input_shapes[0], 1), drawn(shapes.input_shapes[1], 2)
    _, pullback = vjp(f, x, y)
    _, of_copies = vjp(f, np.broadcast_to(x, shapes.result_shape) * 1.0, np.broadcast_to(y, shapes.result_shape) * 1.0)
    g = np.asarray(drawn(shapes.result_shape, 3))
    for primal, found, copies in zip((x, y), pullback(g), of_copies(g), strict=True):
        assert np.shape(found) == np.shape(primal)
        extra = np.ndim(copies) - np.ndim(primal)
        axes = tuple(i for i in range(np.ndim(copies)) if i < extra or np.shape(primal)[i - extra] == 1)
        np.testing.assert_allclose(found, np.sum(copies, axis=axes).reshape(np.shape(primal)), atol=1e-9)


@st.composite
def axes_of(draw: st.DrawFn, ndim: int) -> Any:
    """None, an axis or several, counted from either end."""
    chosen = draw(st.lists(st.integers(0, ndim - 1), unique=True, min_size=1)) if ndim else []
    signed = tuple(a - ndim * draw(st.booleans()) for a in chosen)
    return draw(st.sampled_from([None, signed, *signed[:1]]))


REDUCTIONS = ["sum", "mean", "var", "std", "prod", "max", "min", "ptp", "median", "nansum", "nanmax", "nanmean", "norm"]


@quick
@given(st.data(), st.sampled_from(REDUCTIONS), st.booleans())
def test_reductions_of_any_axes(data: Any, name: str, keepdims: bool) -> None:
    shape = data.draw(FULL)
    axis = data.draw(axes_of(len(shape)))
    f = getattr(np.linalg if name == "norm" else np, name)
    if name == "norm" and axis is not None and np.size(axis) > 2:
        axis = None
    x = drawn(shape)
    u = weights([f(x, axis=axis, keepdims=keepdims)], 1)[0]
    check_first_order(lambda x: np.sum(u * f(x, axis=axis, keepdims=keepdims)), [x])


@pytest.mark.parametrize("f", [np.sum, np.mean, np.prod, np.cumsum, np.cumprod, np.sort, np.ravel, np.nansum])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the mean of nothing
def test_reductions_of_nothing(f: Real, shape: tuple[int, ...]) -> None:
    assert grad(lambda x: np.sum(f(x)))(np.zeros(shape)).shape == shape
    assert grad(lambda x: np.sum(f(x, axis=0) if f is not np.ravel else f(x)))(np.zeros(shape)).shape == shape


def _axis(draw: Any, x: Any) -> int:
    return int(draw(st.integers(-x.ndim, x.ndim - 1)))


def _widths(draw: Any, x: Any) -> list[tuple[int, int]]:
    return [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(x.ndim)]


MOVES: dict[str, Callable[[Any, Any], Real]] = {
    "transpose": lambda draw, x: (lambda axes: lambda x: np.transpose(x, axes))(draw(st.permutations(range(x.ndim)))),
    "moveaxis": lambda draw, x: (lambda a, b: lambda x: np.moveaxis(x, a, b))(_axis(draw, x), _axis(draw, x)),
    "rollaxis": lambda draw, x: (lambda a, b: lambda x: np.rollaxis(x, a, b))(_axis(draw, x), _axis(draw, x)),
    "swapaxes": lambda draw, x: (lambda a, b: lambda x: np.swapaxes(x, a, b))(_axis(draw, x), _axis(draw, x)),
    "flip": lambda draw, x: (lambda a: lambda x: np.flip(x, a))(draw(axes_of(x.ndim))),
    "roll": lambda draw, x: (lambda k, a: lambda x: np.roll(x, k, a))(draw(st.integers(-5, 5)), _axis(draw, x)),
    "expand_dims": lambda draw, x: (lambda a: lambda x: np.expand_dims(x, a))(draw(st.integers(-x.ndim - 1, x.ndim))),
    "ravel": lambda draw, x: (lambda order: lambda x: np.ravel(x, order))(draw(st.sampled_from("CFA"))),
    "reshape": lambda draw, x: (lambda order: lambda x: np.reshape(x, x.shape[::-1], order=order))(
        draw(st.sampled_from("CFA"))),
    "repeat": lambda draw, x: (lambda k, a: lambda x: np.repeat(x, k, a))(draw(st.integers(0, 3)), _axis(draw, x)),
    "tile": lambda draw, x: (lambda r: lambda x: np.tile(x, r))(
        draw(st.lists(st.integers(0, 2), min_size=1, max_size=4))),
    "pad": lambda draw, x: (lambda w: lambda x: np.pad(x, w))(_widths(draw, x)),
    "pad edge": lambda draw, x: (lambda w: lambda x: np.pad(x, w, mode="edge"))(_widths(draw, x)),
    "concatenate": lambda draw, x: (lambda a: lambda x: np.concatenate([x, 2 * x, x], a))(_axis(draw, x)),
    "stack": lambda draw, x: (lambda a: lambda x: np.stack([x, 2 * x], a))(draw(st.integers(-x.ndim - 1, x.ndim))),
    "array_split": lambda draw, x: (lambda n, a: lambda x: np.array_split(x, n, a)[-1])(
        draw(st.integers(1, 4)), _axis(draw, x)),
    "cumsum": lambda draw, x: (lambda a: lambda x: np.cumsum(x, a))(_axis(draw, x)),
    "diff": lambda draw, x: (lambda a, n: lambda x: np.diff(x, n, a))(_axis(draw, x), draw(st.integers(0, 1))),
    "sort": lambda draw, x: (lambda a: lambda x: np.sort(x, a))(_axis(draw, x)),
    "take": lambda draw, x: (lambda a, places: lambda x: np.take(x, np.array(places) % x.shape[a], a))(
        _axis(draw, x), draw(st.lists(st.integers(0, 8), min_size=1, max_size=4))),
    "broadcast_to": lambda draw, x: (lambda s: lambda x: np.broadcast_to(x, s))(
        (*draw(st.lists(st.integers(0, 2), max_size=2)), *x.shape)),
    "fft": lambda draw, x: (lambda a: lambda x: np.real(np.fft.fft(x, axis=a)))(_axis(draw, x)),
    "trace": lambda draw, x: (lambda k: lambda x: np.trace(x[None], k, 0, 1))(draw(st.integers(-3, 3))),
    "tril": lambda draw, x: (lambda k: lambda x: np.tril(x[None], k))(draw(st.integers(-3, 3))),
    "diagonal": lambda draw, x: (lambda k: lambda x: np.diagonal(x[None], k, -1, 0))(draw(st.integers(-3, 3))),
}


@settings(quick, max_examples=200)
@given(st.data(), st.sampled_from(list(MOVES)))
def test_the_pullback_of_a_linear_function_is_its_transpose(data: Any, name: str) -> None:
    """<u, A x> = <Aᵀ u, x>, for all shapes and options."""
    x = drawn(data.draw(FULL))
    f = MOVES[name](data.draw, x)
    y, pullback = vjp(f, x)
    assert y.shape == f(x).shape
    u = weights([y], 1)[0]
    (back,) = pullback(u)
    assert back.shape == x.shape
    assert inner([u], [y]) == pytest.approx(inner([back], [x]), rel=1e-9, abs=1e-9)


def gathered(x: Any, index: Any, g: Any) -> Any:
    """The pullback of x[index] as NumPy adds it up itself."""
    array = np.zeros(x.shape)
    np.add.at(array, index, g)
    return array


def check_index(x: Any, index: Any) -> None:
    y, pullback = vjp(lambda x: x[index], x)
    np.testing.assert_array_equal(y, x[index])
    g = np.asarray(drawn(np.shape(y), 5))
    np.testing.assert_allclose(pullback(g)[0], gathered(x, index, g), rtol=1e-12, atol=1e-12)


@settings(quick, max_examples=150)
@given(st.data())
def test_any_basic_index(data: Any) -> None:
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    check_index(drawn(shape), index)


@settings(quick, max_examples=150)
@given(st.data())
def test_any_index_of_arrays(data: Any) -> None:
    """Arrays of integers, masks, and slices between them."""
    shape = data.draw(FULL)
    arrays = data.draw(hnp.integer_array_indices(shape[:data.draw(st.integers(1, len(shape)))]))
    index: list[Any] = list(arrays)
    if data.draw(st.booleans()):
        index.insert(data.draw(st.integers(0, len(index))), None)
    elif data.draw(st.booleans()):
        index[0] = slice(None)
    elif data.draw(st.booleans()):
        index.append(...)
    check_index(drawn(shape), tuple(index))
    check_index(drawn(shape), data.draw(hnp.arrays(bool, shape[:data.draw(st.integers(0, len(shape)))])))


@pytest.mark.parametrize("index", [[0, 2, 0], [True, False, True], np.array(1), np.int64(2), (), ..., True, (None, 1),
                                   (0, [1, 1]), ([True, False, True], [0, 1]), (slice(None), True)], ids=str)
def test_an_index_in_every_form(index: Any) -> None:
    check_index(drawn((3, 2)), index)


# ------------------------------------------------------------------------------ indices are not quadratic


def test_a_loop_over_entries_builds_their_cotangent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []
    settle = Scatter.settle

    def counted(self: Scatter) -> Any:
        built.append(len(self.parts))
        return settle(self)

    monkeypatch.setattr(Scatter, "settle", counted)
    x = drawn((200,))
    gradient = grad(lambda x: sum(x[i] * x[i] for i in range(200)) + np.sum(x * x) + x[0])(x)
    np.testing.assert_allclose(gradient, 4 * x + (np.arange(200) == 0))
    assert built == [401]


def test_gathered_cotangents_nest() -> None:
    def f(x: Any) -> Any:
        return sum(x[i] ** 4 for i in range(3)) + np.sum(x[np.array([0, 0, 1])] ** 3) + np.sum(x**2)

    x = np.array([0.5, -1.0, 2.0])
    diagonal = 12 * x**2 + np.array([12.0, 6.0, 0.0]) * x + 2
    np.testing.assert_allclose(fn.hessian(f)(x), np.diag(diagonal))
    np.testing.assert_allclose(fn.jacfwd(grad(f))(x), np.diag(diagonal))
    third = grad(lambda x: np.sum(fn.hessian(f)(x)))(x)
    np.testing.assert_allclose(third, 24 * x + np.array([12.0, 6.0, 0.0]))


def test_a_pullback_of_indices_may_be_called_again() -> None:
    x = drawn((3,))
    _, pullback = vjp(lambda x: x[0] * x[1] + x[0], x)
    np.testing.assert_array_equal(pullback(np.float64(1.0))[0], pullback(np.float64(1.0))[0])


def test_put_adds_what_falls_on_one_place() -> None:
    g = np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(put(g, np.array([0, 2, 0]), (3, 2)), [[4.0, 6.0], [0.0, 0.0], [2.0, 3.0]])
    np.testing.assert_array_equal(put(g[0], Distinct((..., np.array([1, 0]))), (2,)), [1.0, 0.0])
    check_second_order(lambda g: np.sum(put(g, np.array([0, 2, 0]), (3, 2)) ** 3), [g])


# --------------------------------------------------------------------------------- choices at the edges


@pytest.mark.parametrize(("f", "x", "expected"), [
    (lambda x: np.abs(x), 0.0, 0.0),
    (lambda x: np.maximum(x, 0.0), 0.0, 0.5),
    (lambda x: np.minimum(x, 0.0), 0.0, 0.5),
    (lambda x: np.fmax(x, 0.0), 0.0, 0.5),
    (lambda x: np.fmin(0.0, x), 0.0, 0.5),
    (lambda x: np.fmax(x, np.nan), 2.0, 1.0),
    (lambda x: np.fmin(np.nan, x), 2.0, 1.0),
    (lambda x: np.clip(x, 0.0, 1.0), 1.0, 0.5),
    (lambda x: np.clip(x, 0.0, 1.0), 0.0, 0.5),
    (lambda x: np.sign(x) + np.round(x) + np.floor(x) + np.trunc(x) + x // 1, 0.3, 0.0),
    (lambda x: np.heaviside(x, 0.5) + np.ceil(x) + np.rint(x), 0.3, 0.0),
    (lambda x: x**0, 0.0, 0.0),
    (lambda x: x**1, 0.0, 1.0),
    (lambda x: np.power(0.0, x), 2.0, 0.0),
    (lambda x: np.hypot(x, 0.0), 0.0, 0.0),
    (lambda x: np.logaddexp(x, -np.inf), 3.0, 1.0),
    (lambda x: np.logaddexp(-np.inf, x), -np.inf, 1.0),
    (lambda x: np.logaddexp(x, 1e4), 0.0, 0.0),
    (lambda x: np.sinc(x), 0.0, 0.0),
    (lambda x: grad(np.sinc)(x), 0.0, -np.pi**2 / 3),
    (lambda x: np.nan_to_num(x), np.nan, 0.0),
    (lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), x), -2.0, 1.0),
    (lambda x: np.modf(x)[0] + np.modf(x)[1], 2.0, 1.0),
])
def test_the_derivative_of_a_number_at_an_edge(f: Real, x: float, expected: float) -> None:
    assert grad(f)(x) == pytest.approx(expected, abs=1e-12)
    assert grad(lambda x: np.sum(f(x)))(np.array(x)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("f", "x", "expected"), [
    (np.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
    (np.min, [1.0, 1.0, 3.0], [0.5, 0.5, 0.0]),
    (np.max, [1.0, np.nan], [0.0, 0.0]),
    (np.nanmax, [1.0, np.nan], [1.0, 0.0]),
    (lambda x: np.sum(x, initial=3.0), [1.0, 3.0], [1.0, 1.0]),
    (lambda x: np.max(x, initial=3.0), [1.0, 3.0], [0.0, 0.5]),
    (lambda x: np.max(x, initial=4.0), [1.0, 3.0], [0.0, 0.0]),
    (np.ptp, [1.0, 2.0, 4.0], [-1.0, 0.0, 1.0]),
    (np.median, [3.0, 1.0, 2.0], [0.0, 0.0, 1.0]),
    (np.median, [3.0, 1.0, 2.0, 9.0], [0.5, 0.0, 0.5, 0.0]),
    (lambda x: np.sort(x)[0], [1.0, 1.0], [1.0, 0.0]),
    (np.std, [2.0, 2.0], [0.0, 0.0]),
    (np.linalg.norm, [0.0, 0.0], [0.0, 0.0]),
    (lambda x: np.linalg.norm(x, 3), [0.0, 0.0], [0.0, 0.0]),
    (lambda x: np.linalg.norm(x, 1), [0.0, -2.0], [0.0, -1.0]),
    (np.prod, [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
    (np.prod, [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),
    (lambda x: np.cumprod(x)[2], [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
    (lambda x: np.sum(np.unique(x)), [2.0, 1.0, 2.0], [1.0, 1.0, 0.0]),
    (lambda x: np.sum(np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 3.0])), [-1.0, 1.0, 2.0, 2.5], [0.0, 2.0, 2.0, 0.0]),
])
def test_the_derivative_of_an_array_at_an_edge(f: Real, x: Any, expected: Any) -> None:
    np.testing.assert_allclose(grad(f)(np.array(x)), expected)


def test_a_mask_keeps_out_what_is_not_finite() -> None:
    """0 times infinity is no number, and yet nothing of it comes through."""
    x = np.array([-1.0, 4.0])
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(x), [np.nan, 0.25])
    _, pullback = vjp(lambda x: np.maximum(x, 0.0), x)
    np.testing.assert_array_equal(pullback(np.array([np.inf, 1.0]))[0], [0.0, 1.0])
    _, pullback = vjp(lambda x: np.where(x > 0, x, 0.0), x)
    np.testing.assert_array_equal(pullback(np.array([np.nan, 1.0]))[0], [0.0, 1.0])


def test_equal_eigenvalues_and_singular_values_have_a_derivative_and_their_vectors_none() -> None:
    eye = np.identity(3)
    np.testing.assert_allclose(grad(lambda x: np.sum(np.exp(np.linalg.eigh(x)[0])))(eye), np.e * eye, atol=1e-12)
    np.testing.assert_allclose(grad(lambda x: np.sum(np.linalg.svd(x)[1] ** 2))(2 * eye), 4 * eye, atol=1e-12)

    def logarithm(x: Any) -> Any:
        """Its derivative at 1 is that of x, of which the eigenvalues alone know the diagonal only."""
        w, v = np.linalg.eigh(x)
        return np.sum((v * np.log(w)) @ v.T)

    def same(x: Any) -> Any:
        u, s, vh = np.linalg.svd(x)
        return np.sum((u * s) @ vh)

    assert np.all(np.isnan(grad(logarithm)(eye)))
    assert np.all(np.isnan(grad(same)(eye)))
    x = eye + np.diag([1.0, 2.0, 3.0])
    np.testing.assert_allclose(grad(same)(x), np.ones((3, 3)), atol=1e-12)


def test_an_eigenvector_has_length_1_and_its_largest_entry_stays_real() -> None:
    a = drawn((4, 4))
    length = grad(lambda a: np.sum(np.abs(np.linalg.eig(a)[1]) ** 2 * np.arange(4.0)))(a)
    v = np.linalg.eig(a)[1]
    is_largest = np.abs(v) == np.max(np.abs(v), axis=0)
    largest = grad(lambda a: np.sum(np.imag(np.linalg.eig(a)[1]) * is_largest))
    assert v.dtype.kind == "c" and not np.imag(v[is_largest]).any()
    np.testing.assert_allclose(length, 0, atol=1e-12)
    np.testing.assert_allclose(largest(a), 0, atol=1e-12)


def test_the_determinant_of_a_singular_matrix() -> None:
    x = np.array([[1.0, 2.0], [2.0, 4.0]])
    np.testing.assert_allclose(grad(np.linalg.det)(x * 1.0), [[4.0, -2.0], [-2.0, 1.0]], atol=1e-12)
    np.testing.assert_allclose(grad(np.linalg.det)(np.zeros((2, 2))), np.zeros((2, 2)))


# ------------------------------------------------------------------------------------ forms of a call


@pytest.mark.parametrize("f", [
    lambda x: np.exp(x, dtype=np.float64), lambda x: np.add(x, x, casting="same_kind"),
    lambda x: np.sum(x, 0, None, None, True), lambda x: np.mean(x, axis=np.int64(0)), lambda x: np.max(x, 0),
    lambda x: np.clip(x, min=0.0) if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else x,
    lambda x: np.clip(a=x, a_min=None, a_max=1.0), lambda x: np.reshape(x, (3, 2), "F"), lambda x: np.reshape(x, 6),
    lambda x: np.transpose(x, axes=(1, 0)), lambda x: np.concatenate(x), lambda x: np.stack(x, 1),
    lambda x: np.vstack((x, x)), lambda x: np.split(x, 2, axis=0)[0], lambda x: np.linalg.norm(x, axis=-1, ord=2),
    lambda x: np.pad(x, {1: (1, 2)}) if np.lib.NumpyVersion(np.__version__) >= "2.4.0" else x,
    lambda x: np.pad(x, [[1, 0], [0, 2]], "constant", constant_values=[[1, 2], [3, 4]]),
    lambda x: np.einsum("ij->j", x, optimize="greedy"), lambda x: np.linalg.qr(x.T).Q, lambda x: np.linalg.svd(
        x, full_matrices=False).S, lambda x: np.linalg.eigh(x @ x.T).eigenvalues,
    lambda x: np.linalg.slogdet(x @ x.T).logabsdet, lambda x: np.square(x, order="F"), lambda x: x @ [1.0, 2.0, 3.0],
    lambda x: x ** [1.0, 2.0, 3.0],
])
def test_keywords_positions_and_named_results(f: Real) -> None:
    x = np.abs(drawn((2, 3))) + 0.1
    u = weights([f(x)], 1)[0]
    check_first_order(lambda x: np.sum(u * f(x)), [x])


@pytest.mark.parametrize(("f", "text"), [
    (lambda x: np.copyto(np.ones(2), x), r"np.full_like.* write np.broadcast_to"),
    (lambda x: np.linalg.svd(x), r"np.linalg.svd: .* full_matrices=False"),
    (lambda x: np.linalg.qr(x, mode="complete"), r"np.linalg.qr\(..., mode='complete'\).* mode='reduced'"),
    (lambda x: np.pad(x, 1, mode="linear_ramp"), r"mode='linear_ramp'\): is not differentiated; of the modes"),
    (lambda x: np.pad(x, 1, constant_values=x[0, 0]), r"constant_values=.*np.concatenate"),
    (lambda x: np.cross(x[:, :2], x[:, :2]), r"np.cross: .* vectors of 3, these have 2 and 2"),
    (lambda x: np.quantile(x, 0.5, method="hazen"), r"method='hazen'.* use 'linear'"),
    (lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=x), r"weights"),
    (lambda x: np.cov(x, aweights=[1, 2, 3]), r"np.cov\(..., aweights=.*write the weighted means out"),
    (lambda x: np.ravel(x, "K") * 1.0, r"order='K'"),
    (lambda x: np.var(x, mean=0.0), r"np.var\(..., mean=0.0\)"),
    (lambda x: np.einsum("ij->i", x, dtype=np.float32), r"np.einsum\(..., dtype="),
    (lambda x: np.matmul(x, x.T, axes=[(0, 1), (0, 1), (0, 1)]), r"np.matmul\(..., axes=.*move the axes first"),
])
def test_what_has_no_derivative_says_so(f: Real, text: str) -> None:
    with pytest.raises((TracerError, TypeError), match=text):
        grad(lambda x: sum(np.sum(p) for p in parts(np, f(x))))(drawn((2, 3)))


def test_fitted_undoes_broadcasting_and_precision() -> None:
    x = np.zeros((2, 1), np.float32)
    found = fitted(np.ones((4, 2, 3), np.complex128) * (1 + 2j), x)
    assert (found.dtype, found.tolist()) == (np.float32, [[12.0], [12.0]])
    assert fitted(np.float64(2.0), 1.0) == 2.0


def test_float16_means_are_added_up_in_float32() -> None:
    x = np.full(70_000, 1.0, np.float16)
    value, gradient = value_and_grad(np.mean)(x)
    assert (value, value.dtype, gradient.dtype) == (1.0, np.float16, np.float16)


# ------------------------------------------------------------------------------- every NumPy function

IN_PLACE = "writes into its argument, and values never change: build a new array with np.where or np.concatenate"
CREATION = "makes an array of what is no array; only like= brings a traced value here: leave it out"
INTEGERS = "of integers or booleans only"
FILES = "reads or writes a file"
SETS = "a set is found by comparing, its entries have lost their places: index x with np.isin or np.unique"
DATES = "of dates"
POLYNOMIALS = "of the old polynomial module: use np.polyval, np.convolve (a product), or slices"
CALLS_BACK = "calls a Python function on pieces: write the loop, and np.stack what it gives"
COUNTS = "counts are constant and bin edges are not: use np.digitize and np.bincount with weights"

NO_RULE: dict[str, str] = {
    **dict.fromkeys(["fill_diagonal", "place", "put", "put_along_axis", "putmask"], IN_PLACE),
    **dict.fromkeys(["arange", "array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "empty", "eye",
                     "frombuffer", "fromfunction", "fromiter", "fromstring", "full", "identity", "ones", "require",
                     "tri", "zeros"], CREATION),
    **dict.fromkeys(["bitwise_count", "gcd", "lcm", "left_shift",
                     "right_shift", "packbits", "unpackbits"], INTEGERS),
    **dict.fromkeys(["fromfile", "genfromtxt", "loadtxt", "save", "savetxt", "savez", "savez_compressed"], FILES),
    **dict.fromkeys(["intersect1d", "setdiff1d", "setxor1d", "union1d", "unique_all", "unique_counts", "unique_inverse",
                     "unique_values"], SETS),
    **dict.fromkeys(["busday_count", "busday_offset", "datetime_as_string", "is_busday", "isnat"], DATES),
    **dict.fromkeys(["poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub", "roots"],
                    POLYNOMIALS),
    **dict.fromkeys(["apply_along_axis", "apply_over_axes"], CALLS_BACK),
    **dict.fromkeys(["histogram", "histogram2d", "histogram_bin_edges", "histogramdd"], COUNTS),
    "sort_complex": "converts to complex numbers and sorts: use np.sort",
    "trim_zeros": "the shape of the result depends on the values: use a slice",
    "in1d": "left NumPy in 2.4: use np.isin",
    **dict.fromkeys(["imag ufunc", "real ufunc"], "the loop behind a function that has a rule"),
}


MODULES = {"numpy", "numpy.fft", "numpy.linalg", "numpy.lib.scimath", "numpy.lib._scimath_impl",
           "numpy.lib.stride_tricks"}
OTHER_MODULES = {"numpy.lib.recfunctions", "numpy.strings", "numpy.char", "numpy._core.strings",
                 "numpy.polynomial.polynomial"}
"""Of arrays of records and text, which are never traced; of the polynomial package, which makes arrays of its own."""


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """All that a traced value can be given to: the functions and ufuncs that NumPy lets others override."""
    np.fft.fft([1.0])  # so that it is loaded
    overrides = np.testing.overrides
    for function in overrides.get_overridable_numpy_array_functions():
        if function.__module__ in MODULES:
            yield function.__name__, function
    for ufunc in overrides.get_overridable_numpy_ufuncs():
        name = ufunc.__name__
        if hasattr(np, name):  # not the loops behind np.strings
            yield name if getattr(np, name) is ufunc else f"{name} ufunc", ufunc


def test_every_numpy_function_has_a_rule_or_a_reason_to_have_none() -> None:
    without = {name for name, function in functions() if function not in RULES}
    assert without - set(NO_RULE) == set()


def test_the_modules_with_functions_are_known() -> None:
    found = {function.__module__ for function in np.testing.overrides.get_overridable_numpy_array_functions()}
    assert found <= MODULES | OTHER_MODULES


def test_no_reason_is_given_for_a_function_that_has_a_rule() -> None:
    known = {name for name, function in functions() if function in RULES}
    assert known & set(NO_RULE) == set()


@pytest.mark.parametrize("module", [np, np.linalg, np.fft])
def test_every_rule_of_a_public_function_is_in_the_contract(module: Any) -> None:
    """What the rows call is what has rules; constants and aliases aside."""
    called = " ".join(source for source in [Path(rules_contract.__file__).read_text(),
                                            Path(__file__).read_text()])
    constants = {f for f, rule in RULES.items() if isinstance(rule, Rule) and rule.is_constant}
    public = {f for name in module.__all__ if callable(f := getattr(module, name))} & set(RULES)
    missing = {f.__name__ for f in public - constants if not any(
        f"{left}{f.__name__}{right}" in called for left, right in itertools.product('.\'"', '\'"(, )'))}
    assert missing == set()


def test_the_cotangent_of_a_symmetric_matrix_is_symmetric() -> None:
    """NumPy reads one triangle; half of what the other would do goes to each, as in JAX."""
    a, w = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[1.0, 0.0], [3.0, 2.0]])
    for f in (np.linalg.cholesky, lambda a: np.linalg.eigh(a)[1], np.linalg.eigvalsh):
        gradient = fn.grad(lambda a, f=f: np.sum(f(a) * w))(a)
        np.testing.assert_allclose(gradient, gradient.T, atol=1e-15)
        assert np.any(gradient[0, 1] != 0)


# ----------------------------------------------------------------------------- where nnfs has been at work

PATCHED = """
import numpy as np, nnfs
order = {order!r}
if order == "before":
    nnfs.init()
import funcnn as fn
if order == "after":
    nnfs.init()
w = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
x = np.array([[0.5, -1.0]], np.float32)
gradients = fn.grad(lambda x, w: np.sum(np.dot(x, w) ** 2), argnums=(0, 1))(x, w)
method = fn.grad(lambda x: np.sum(np.linalg.multi_dot([x, w, w])))(x)
index = fn.grad(lambda x: np.sum(x[:, np.array([0, 0])]) + x[0, 1])(x)
print([g.tolist() for g in (*gradients, method, index)], [str(g.dtype) for g in gradients])
"""


@pytest.mark.parametrize("order", ["never", "before", "after"])
def test_dot_is_known_before_and_after_nnfs_replaces_it(order: str) -> None:
    pytest.importorskip("nnfs")
    program = PATCHED.format(order=order)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True,
                          cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == ("[[[-17.0, -39.0]], [[-2.5, -3.0], [5.0, 6.0]], [[17.0, 37.0]], [[2.0, 1.0]]] "
                                   "['float32', 'float32']")


# ------------------------------------------------------------------------------------------ no warnings


def test_importing_the_table_is_silent_and_changes_no_state() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        done = subprocess.run([sys.executable, "-W", "error", "-c", "import funcnn"], check=True, capture_output=True,
                              text=True, cwd=Path(__file__).parents[2])
    assert done.stdout + done.stderr == ""


def test_trees_of_results_are_differentiated() -> None:
    gradient = grad(lambda t: np.sum(np.stack(tree.leaves(t))))({"a": np.ones(2), "b": np.ones(2)})
    assert tree.all_close(gradient, {"a": np.ones(2), "b": np.ones(2)})
