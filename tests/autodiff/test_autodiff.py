"""Derivatives of whole programs: arguments and results of every kind, nesting, purity, threads, memory, errors.

The derivative of each single NumPy function is tested in test_rules.py, leaks of traced values in test_leaks.py.
"""

from __future__ import annotations

import functools
import gc
import inspect
import math
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcnn as fn
from funcnn import FrozenDict, tree
from funcnn.autodiff.tape import Tape
from funcnn.core import Tracer, TracerError

# Untyped here: what these tests differentiate has, on purpose, no static type.
grad: Any = fn.grad
value_and_grad: Any = fn.value_and_grad
vjp: Any = fn.vjp
jvp: Any = fn.jvp
custom_vjp: Callable[[Callable[..., Any]], Any] = fn.custom_vjp
stop_gradient: Any = fn.stop_gradient

X = np.array([0.5, -1.0, 2.0])
MATRIX = np.arange(12.0).reshape(4, 3) / 7


class Pair(NamedTuple):
    """A NamedTuple as parameters."""

    first: Any
    second: Any


def square(x: Any) -> Any:
    """The sum of squares of an array, or the square of a number."""
    return np.sum(x * x)


def bits(t: Any) -> list[tuple[Any, ...]]:
    """Dtypes, shapes and bytes of all leaves."""
    arrays = [np.asarray(leaf) for leaf in tree.leaves(t)]
    return [(type(leaf), a.dtype, a.shape, a.tobytes()) for leaf, a in zip(tree.leaves(t), arrays, strict=True)]


# ------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(("argnums", "expected"), [
    (0, 15.0), (1, 10.0), (2, 6.0), (-1, 6.0), (-3, 15.0), ((0, 2), (15.0, 6.0)), ([2, 0], (6.0, 15.0)),
    ((-1,), (6.0,)), ((), ()),
])
def test_argnums_choose_the_arguments(argnums: Any, expected: Any) -> None:
    def f(a: float, b: float, c: float) -> float:
        return a * b * c

    assert grad(f, argnums)(2.0, 3.0, 5.0) == expected
    value, gradient = value_and_grad(f, argnums=argnums)(2.0, 3.0, 5.0)
    assert (value, gradient) == (30.0, expected)


def test_other_arguments_may_be_anything() -> None:
    def f(x: Any, name: str, *rest: Any, power: int = 2, **more: Any) -> Any:
        assert (name, rest, more) == ("name", (None, {1}), {"extra": "x"})
        return x**power

    assert grad(f)(2.0, "name", None, {1}, power=3, extra="x") == 12.0


@pytest.mark.parametrize("argnums", [5, -4, (0, 3)])
def test_argnums_out_of_range_are_named(argnums: Any) -> None:
    with pytest.raises(ValueError, match=r"grad: argnums=.* called with 3 positional arguments; pass what is"):
        grad(lambda a, b, c: a, argnums)(1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="called with 0 positional arguments"):
        grad(lambda a: a)(a=1.0)


@pytest.mark.parametrize("argnums", [(0, 0), (0, -2), [1, 0, 1]])
def test_an_argument_is_not_differentiated_twice(argnums: Any) -> None:
    with pytest.raises(ValueError, match="argnums"):
        grad(lambda a, b: a * b * b, argnums)(2.0, 3.0)


@pytest.mark.parametrize("argnums", ["0", 1.0, None, True, (0, "1")])
def test_argnums_that_are_no_integers_are_named(argnums: Any) -> None:
    with pytest.raises(TypeError, match="argnums"):
        grad(lambda a, b: a * b, argnums)(2.0, 3.0)


TREES: list[Any] = [
    2.0,
    np.float32(2),
    np.float16(2),
    np.float64(2),
    np.array(2.0),
    np.array(2.0, np.float32),
    X,
    X.astype(np.float32),
    X.astype(np.float16),
    X.astype(np.longdouble),
    X.astype(">f4"),
    MATRIX.T,
    MATRIX[::2, ::-1],
    np.zeros((0, 3)),
    np.zeros((2, 0), np.float32),
    (X, 2.0),
    [X, [2.0, (np.float32(1),)]],
    Pair(X, Pair(1.0, None)),
    {"b": X, "a": {"w": MATRIX.astype(np.float32)}},
    FrozenDict({"b": X, "a": {"w": MATRIX.astype(np.float32), "n": None}}),
    {"mixed": [FrozenDict({"x": (X, np.float16(3))}), Pair(np.array(1.5, np.float32), {})]},
    (),
    {},
    None,
    FrozenDict(),
]


@pytest.mark.parametrize("t", TREES, ids=str)
def test_a_gradient_has_the_type_of_its_argument(t: Any) -> None:
    """Trees of every kind; leaf for leaf the same type, dtype, shape; and the right numbers."""
    def f(t: Any) -> Any:
        return tree.reduce(lambda total, leaf: total + square(leaf), t, 0.0)

    before = bits(t)
    value, gradient = value_and_grad(f)(t)
    assert tree.structure(gradient) == tree.structure(t)
    assert [kind[:3] for kind in bits(gradient)] == [kind[:3] for kind in before]
    assert all(np.array_equal(g, 2 * x) for g, x in zip(tree.leaves(gradient), tree.leaves(t), strict=True))
    assert value == f(t)
    assert bits(t) == before


def test_a_memmap_is_an_array_like_any_other(tmp_path: Path) -> None:
    stored = np.memmap(tmp_path / "x", np.float32, "w+", shape=(3,))
    stored[:] = X
    gradient = grad(lambda p: square(p["x"]))({"x": stored})
    assert type(gradient["x"]) is np.ndarray
    assert np.array_equal(gradient["x"], 2 * X.astype(np.float32))
    assert stored.flags.writeable
    assert np.array_equal(grad(lambda x: np.sum(x * stored))(np.ones(3)), X)


def test_the_dtype_of_a_leaf_survives_a_wider_constant() -> None:
    wide = np.array([1.0, 2.0, 4.0])
    for f in (lambda x: np.sum(x * wide), lambda x: np.sum((x + wide) ** 2), lambda x: x @ wide):
        assert grad(f)(X.astype(np.float32)).dtype == np.float32


def with_pullback(pullback: Callable[..., Any]) -> Any:
    """The sum, with a derivative that is float64 whatever x is."""
    f = custom_vjp(lambda x: np.sum(x))
    f.defvjps(pullback)
    return f


@pytest.mark.parametrize("f", [
    lambda x: np.sum(x * x * X), lambda x: np.sum(x * X), with_pullback(lambda g, y, x: g * x * X),
    with_pullback(lambda g, y, x: g * X),
])
def test_the_dtype_of_a_leaf_survives_nesting(f: Callable[..., Any]) -> None:
    inside: list[Any] = []

    def g(x: Any) -> Any:
        gradient = grad(f)(x)
        inside.append(gradient.dtype)
        return np.sum(gradient * x)

    x = X.astype(np.float32)
    g(x)
    assert grad(g)(x).dtype == np.float32
    assert inside == [np.float32, np.float32]


def test_one_leaf_may_stand_at_many_places() -> None:
    shared = np.array([1.0, 2.0])
    gradient = grad(lambda t: np.sum(t[0] * t[1]["x"]))((shared, {"x": shared}))
    assert tree.equal(gradient, (shared, {"x": shared}))


# --------------------------------------------------------------------------------------- bad arguments

BAD_LEAVES: list[tuple[Any, str]] = [
    (3, "int"), (True, "bool"), (1j, "complex"), ("text", "str"), (np.int64(3), "int64"),
    (np.arange(3), r"\(3,\).*int64"),
    (np.ones(2, bool), "bool"), (np.ones(2, complex), "complex128"), (np.array([1.0, None], object), "object"),
    (np.zeros(2, [("a", "f8")]), "<f8"), (np.array(["2020"], "M8[D]"), "datetime64"), (len, "builtin"), (b"x", "bytes"),
    (np.ma.masked_array([1.0, 2.0], [False, True]), "float64"),
    (np.ones(2).view(type("Sub", (np.ndarray,), {})), "float64"),
]


@pytest.mark.parametrize(("leaf", "kind"), BAD_LEAVES, ids=lambda value: str(value)[:20])
def test_what_has_no_derivative_is_named_with_its_path(leaf: Any, kind: str) -> None:
    kinds = rf"(must be an array, got|is) an? .*{kind}"
    place = rf"at 'net/w' {kinds}.*(; derivatives are with respect to real floating-point|: .*x\.filled|: np.asarray)"
    for transform in (grad, value_and_grad):
        with pytest.raises(TypeError, match=f"^{transform.__name__}: argument 0 {place}"):
            transform(lambda p, x: x)({"net": {"w": leaf, "a": 1.0}}, 1.0)
    with pytest.raises(TypeError, match=f"^vjp: argument 1 {place}"):
        vjp(lambda x, p: x, 1.0, {"net": {"w": leaf, "a": 1.0}})
    with pytest.raises(TypeError, match=rf"^grad: argument 0 {kinds}"):
        grad(lambda x: x)(leaf)


@pytest.mark.parametrize("argnums", [2, -1, (2,), (0, 2)])
def test_a_bad_argument_is_named_by_its_own_number(argnums: Any) -> None:
    with pytest.raises(TypeError, match=r"grad: argument 2 at 'w' is an? int"):
        grad(lambda a, b, p: a, argnums)(1.0, 2.0, {"w": 3})


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_subclass_of_ndarray_is_named_by_its_class() -> None:
    for leaf, name in ((np.ma.masked_array([1.0], [False]), "MaskedArray"), (np.matrix([[1.0]]), "matrix")):
        with pytest.raises(TypeError, match=name):
            grad(lambda x: x)(leaf)


def test_jax_arrays_are_refused() -> None:
    jnp = pytest.importorskip("jax.numpy")
    with pytest.raises(TypeError, match=r"argument 0 is an?"):
        grad(lambda x: x)(jnp.ones(()))


@pytest.mark.parametrize("f", [lambda x: x @ [1.0, 2.0, 4.0], lambda x: np.sum(x ** [1.0, 2.0, 4.0])])
def test_a_list_is_a_constant_as_numpy_takes_it(f: Callable[..., Any]) -> None:
    expected = {True: np.array([1.0, 2.0, 4.0]), False: np.array([1.0, -2.0, 32.0])}
    assert np.allclose(grad(f)(X), expected[f(np.ones(3)) == 7.0])


def test_a_masked_constant_is_refused_or_masks_the_gradient() -> None:
    mask = np.ma.masked_array([1.0, 1.0, 1.0], [False, True, False])
    try:
        gradient = grad(lambda x: np.sum(x * mask))(X)
    except TypeError:
        return
    assert np.array_equal(gradient, [1.0, 0.0, 1.0])


# --------------------------------------------------------------------------------------------- results


@pytest.mark.parametrize("constant", [3.0, np.float32(3), np.array(3.0, np.float16), np.float64("nan")])
def test_a_constant_function_has_gradient_zero(constant: Any) -> None:
    t = {"a": X.astype(np.float32), "b": (1.0, np.float16(2), None)}
    value, gradient = value_and_grad(lambda _: constant)(t)
    assert value is constant
    assert tree.equal(gradient, tree.map(lambda leaf: abs(leaf) * 0, t))
    assert not gradient["a"].flags.writeable


def test_what_an_output_does_not_depend_on_has_gradient_zero() -> None:
    gradient = grad(lambda p: square(p["used"]))({"used": X, "unused": MATRIX, "number": 2.0})
    assert tree.equal(gradient, {"used": 2 * X, "unused": np.zeros_like(MATRIX), "number": 0.0})


BAD_RESULTS: list[tuple[Callable[..., Any], str]] = [
    (lambda x: x, r"an array of shape \(3,\) and dtype float64. Reduce it, for example with np.mean or np.sum"),
    (lambda x: x[:1], r"an array of shape \(1,\)"),
    (lambda x: None, "a NoneType. Is a return statement missing?"),
    (lambda x: (np.sum(x), 1), r"a tuple. For \(value, aux\) pass has_aux=True"),
    (lambda x: [np.sum(x)], "a list"),
    (lambda x: {"loss": np.sum(x)}, "a dict"),
    (lambda x: "text", "a str"),
    (lambda x: 3, "an? int. Integers, booleans and complex numbers have no gradient"),
    (lambda x: True, "a bool"),
    (lambda x: np.argmax(x), "dtype int64. Integers"),
    (lambda x: np.sum(x) > 0, "dtype bool. Integers"),
    (lambda x: 1j, "a complex"),
    (lambda x: np.sum(x) * 1j, "dtype complex128"),
    (lambda x: square, "a function"),
]


@pytest.mark.parametrize(("f", "text"), BAD_RESULTS)
def test_a_result_that_is_not_one_real_number_is_described(f: Callable[..., Any], text: str) -> None:
    for transform in (grad, value_and_grad):
        told = f"^{transform.__name__}: the function must return one real number, it returned .*{text}"
        with pytest.raises(TypeError, match=told):
            transform(f)(X)


def test_aux_may_be_any_tree_and_holds_no_tracers() -> None:
    def f(x: Any) -> Any:
        return square(x), {"twice": 2 * x, "text": "x", "none": None, "list": [x[0], (3, Pair(x, np.arange(2)))]}

    (value, aux), gradient = value_and_grad(f, has_aux=True)(X)
    expected_value, expected_aux = f(X)
    assert value == expected_value
    assert tree.equal(aux, expected_aux)
    assert np.array_equal(gradient, 2 * X)
    only_gradient, same_aux = grad(f, has_aux=True)(X)
    assert tree.equal((only_gradient, same_aux), (gradient, aux))
    y, pullback, vjp_aux = vjp(f, X, has_aux=True)
    assert tree.equal((y, pullback(np.float64(1))[0], vjp_aux), (value, gradient, aux))
    assert not any(isinstance(leaf, Tracer) for leaf in tree.leaves((value, aux, gradient, y, vjp_aux)))


@pytest.mark.parametrize("out", [lambda x: x, lambda x: [x, x], lambda x: (x, x, x), lambda x: None])
def test_has_aux_wants_a_pair(out: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"has_aux=True: the function must return \(value, aux\)"):
        grad(out, has_aux=True)(1.0)


def test_the_value_is_that_of_the_plain_call() -> None:
    def f(p: Any) -> Any:
        h = np.tanh(MATRIX.astype(np.float32) @ p["w"]) * p["s"]
        return np.mean(np.where(h > 0, h, 0.1 * h) - np.max(h, axis=0))

    p = {"w": X.astype(np.float32)[:, None] * np.ones(2, np.float32), "s": np.float32(0.7)}
    value, _ = value_and_grad(f)(p)
    assert bits(value) == bits(f(p))


def test_the_name_and_docstring_are_those_of_the_function() -> None:
    for transform in (grad, value_and_grad):
        assert (transform(square).__name__, transform(square).__doc__) == ("square", square.__doc__)
    assert (custom_vjp(square).__name__, custom_vjp(square).__doc__) == ("square", square.__doc__)


# -------------------------------------------------------------------------------------------------- vjp


def test_vjp_of_trees() -> None:
    def f(p: Any, x: Any) -> Any:
        return {"y": x @ p["w"], "rest": [p["w"], (x, None), 5.0]}

    p, x = {"w": np.ones((3, 2))}, MATRIX
    y, pullback = vjp(f, p, x)
    assert tree.equal(y, f(p, x))
    g = tree.map(np.ones_like, y)
    for _ in range(2):
        assert tree.equal(pullback(g), ({"w": MATRIX.T @ np.ones((4, 2)) + 1}, np.full((4, 3), 3.0)))


def test_vjp_is_linear_in_the_cotangent_and_the_transpose_of_the_derivative() -> None:
    """<g, J v> = <Jᵀ g, v> with J v from central differences."""
    def f(x: Any) -> Any:
        return np.tanh(MATRIX @ x) * np.sum(x)

    rng = np.random.default_rng(0)
    g, v = rng.normal(size=4), rng.normal(size=3)
    _, pullback = vjp(f, X)
    along = (f(X + 1e-6 * v) - f(X - 1e-6 * v)) / 2e-6
    assert np.isclose(g @ along, pullback(g)[0] @ v, rtol=1e-8)
    assert np.allclose(pullback(3 * g)[0], 3 * pullback(g)[0], rtol=1e-14)


@pytest.mark.parametrize(("g", "text"), [
    (np.ones(2), r"vjp: the cotangent has shape \(2,\), the result has shape \(3,\)"),
    (np.float64(1), r"shape \(\), the result has shape \(3,\)"),
    (np.ones((3, 1)), r"shape \(3, 1\)"),
    ([1.0, 1.0, 1.0], "is a list at the root"),
])
def test_a_cotangent_must_be_like_the_result(g: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        vjp(lambda x: x * x, X)[1](g)
    with pytest.raises(ValueError, match=r"'a/0'|at 'a'"):
        vjp(lambda x: {"a": [x * x]}, X)[1]({"a": [np.ones(2)]})


@pytest.mark.parametrize("f", [lambda x: np.sum(x * x), np.max, np.mean])
def test_the_cotangent_of_a_number_may_be_a_python_number(f: Callable[..., Any]) -> None:
    expected = vjp(f, X)[1](np.float64(1))
    assert tree.equal(vjp(f, X)[1](1.0), expected)
    assert tree.equal(vjp(f, X)[1](1), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
def test_the_cotangent_may_have_another_dtype(dtype: Any) -> None:
    for primal in (np.float32, np.float64):
        (gradient,) = vjp(lambda x: x * x, np.array([1.0, 2.0], primal))[1](np.ones(2, dtype))
        assert gradient.dtype == primal
        assert np.array_equal(gradient, [2.0, 4.0])


# ----------------------------------------------------------------------------------------------- memory


def test_gradients_are_read_only_and_the_callers_memory_is_not() -> None:
    """Also where the gradient is the cotangent, a constant or a residual itself."""
    @custom_vjp
    def odd(x: Any) -> Any:
        return np.sum(x)

    own, seed = np.ones(3), np.ones(3)
    odd.defvjp(lambda x: (np.sum(x), None), lambda residuals, g: (own,))
    x = np.ones(3)
    column = vjp(lambda x: np.reshape(x, (3, 1)), x)[1](seed.reshape(3, 1))[0]
    for gradient in (grad(np.sum)(x), grad(lambda x: np.sum(x * own))(x), grad(lambda x: x @ own)(x), grad(odd)(x),
                     vjp(lambda x: x, x)[1](seed)[0], vjp(np.positive, x)[1](seed)[0], column):
        assert np.array_equal(gradient, np.ones(3))
        assert not gradient.flags.writeable
    assert own.flags.writeable
    assert seed.flags.writeable
    assert x.flags.writeable
    assert np.array_equal(vjp(lambda x: x, x)[0], x)


def test_no_argument_is_changed() -> None:
    p = {"w": X.copy(), "b": 2.0}
    constant = MATRIX.copy()

    def f(p: Any) -> Any:
        h = constant @ p["w"]
        h += p["b"]
        h *= h
        return np.sum(h)

    grad(f)(p)
    assert tree.equal(p, {"w": X, "b": 2.0})
    assert np.array_equal(constant, MATRIX)


def live() -> int:
    """How many tracers and tapes there are."""
    return sum(type(thing) in (Tracer, Tape) for thing in gc.get_objects())


PROGRAMS: list[Callable[[], Any]] = [
    lambda: grad(square)(X),
    lambda: value_and_grad(lambda p: (square(p["x"]), p), has_aux=True)(FrozenDict({"x": X})),
    lambda: grad(lambda x: np.sum(np.stack([x, x]) * np.where(x > 0, x, 1.0)))(X),
    lambda: grad(lambda x: grad(lambda y: np.sum(np.sin(y) * x))(x) @ x)(X),
    lambda: vjp(lambda x: {"a": x, "b": x[::-1]}, X)[1]({"a": X, "b": X}),
]


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_nothing_is_left_for_the_garbage_collector(program: Callable[[], Any]) -> None:
    """No reference cycles: arrays are freed at once, not when the collector comes."""
    program()
    gc.collect()
    gc.disable()
    try:
        before = live()
        result = program()
        assert live() == before
        del result
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_intermediate_arrays_are_freed_with_the_call() -> None:
    class Watched(np.ndarray):
        """An array that can be watched: a plain one takes no weak references."""

    seen: list[weakref.ref[Any]] = []

    @custom_vjp
    def watch(x: Any) -> Any:
        y = (2 * x).view(Watched)
        seen.append(weakref.ref(y))
        return y

    watch.defvjps(lambda g, y, x: 2 * g)
    gc.collect()
    gc.disable()
    try:
        grad(lambda x: np.sum(np.exp(watch(x))))(X)
        assert [ref() for ref in seen] == [None]
        with pytest.raises(ZeroDivisionError):
            grad(lambda x: np.sum(watch(x)) / (1 // 0))(X)
    finally:
        gc.enable()


def test_an_exception_leaves_nothing_behind() -> None:
    before = bits(grad(square)(X))
    no_entries: dict[str, Any] = {}
    for _ in range(3):
        with pytest.raises(KeyError, match="own"):
            grad(lambda x: grad(lambda y: no_entries["own"] if np.sum(x * y) else y)(x))(X)
    assert bits(grad(square)(X)) == before
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0


def chain(length: int) -> Callable[..., Any]:
    """x + x + ... + x, each sum an operation of its own."""
    return lambda x: functools.reduce(lambda total, _: total + x, range(length), 0.0)


@pytest.mark.slow
def test_fifty_thousand_operations_need_no_recursion() -> None:
    value, gradient = value_and_grad(lambda x: functools.reduce(lambda y, _: y * 1.0001, range(50_000), x))(1.0)
    assert np.allclose([value, gradient], 1.0001**50_000)


def test_memory_grows_in_step_with_the_length() -> None:
    def peak(length: int) -> int:
        tracemalloc.start()
        grad(chain(length))(1.0)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(100)
    short, long = peak(1_000), peak(4_000)
    assert long < 6 * short
    assert long < 700 * 4_000  # bytes an operation


def test_the_way_back_frees_cotangents_as_it_goes() -> None:
    """The forward values of 64 operations on 80 kB must be there; twice that is not needed."""
    x = np.ones(10_000)
    tracemalloc.start()
    grad(lambda x: np.sum(functools.reduce(lambda y, _: np.sin(y), range(64), x)))(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * x.nbytes * 1.25


# ---------------------------------------------------------------------------------------------- nesting


def test_higher_derivatives_of_a_number() -> None:
    def derivative(order: int) -> Any:
        return functools.reduce(lambda f, _: grad(f), range(order), lambda x: x**4)

    assert [derivative(order)(2.0) for order in range(1, 6)] == [32.0, 48.0, 48.0, 24.0, 0.0]
    assert np.isclose(grad(grad(grad(np.sin)))(0.3), -np.cos(0.3), rtol=1e-15)


def test_perturbations_are_not_confused() -> None:
    """Siskind and Pearlmutter's example: d/dx (x d/dy (x + y)) = 1."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert grad(lambda x: grad(lambda y: x)(x) * x)(3.0) == 0.0
    assert grad(lambda x: x * grad(lambda y: y * y)(x))(3.0) == 12.0
    assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12.0
    assert grad(lambda x: grad(lambda y: grad(lambda z: x * y * z * z)(y))(x))(2.0) == 16.0


def test_an_inner_value_and_a_closure_over_outer_tracers() -> None:
    def f(x: Any) -> Any:
        scale = 2.0 * x

        def inner(y: Any) -> Any:
            return np.sum(y * scale * x)

        value, gradient = value_and_grad(inner)(np.ones(2))
        return value + np.sum(gradient * gradient)

    assert np.isclose(grad(f)(0.5), 8 * 0.5 + 2 * 16 * 0.5**3)  # f(x) = 4 x² + 8 x⁴


def test_a_pullback_may_be_differentiated_and_outlive_its_function() -> None:
    _, pullback = vjp(np.sin, X)
    assert np.allclose(grad(lambda g: np.sum(pullback(g)[0] * X))(np.ones(3)), np.cos(X) * X)
    assert np.allclose(grad(lambda x: np.sum(vjp(np.sin, x)[1](np.ones(3))[0]))(X), -np.sin(X))


def test_second_derivatives_by_the_argument_that_is_meant() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(x**2) * y[0] * y[1]

    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 5.0])
    np.testing.assert_allclose(fn.hessian(f, 1)(x, y), [[0.0, 14.0], [14.0, 0.0]])
    of_x, of_y = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0])
    np.testing.assert_allclose(fn.hvp(f, (x, y), (of_x, of_y)), 2 * 10 * of_x + 2 * x * 2)


def test_the_gradient_of_a_gradient_of_a_tree() -> None:
    p = FrozenDict({"w": MATRIX.astype(np.float32), "b": [X.astype(np.float32)]})

    def loss(p: Any) -> Any:
        return np.sum(np.tanh(p["w"] @ p["b"][0]) ** 2)

    def penalty(p: Any) -> Any:
        return tree.reduce(lambda total, g: total + np.sum(g * g), grad(loss)(p), 0.0)

    gradient = grad(penalty)(p)
    assert tree.structure(gradient) == tree.structure(p)
    assert all(leaf.dtype == np.float32 and not leaf.flags.writeable for leaf in tree.leaves(gradient))
    wide = tree.astype(p, np.float64)
    flat, unravel = tree.ravel(wide)
    step = 1e-6 * np.random.default_rng(0).normal(size=flat.shape)
    numeric = (penalty(unravel(flat + step)) - penalty(unravel(flat - step))) / 2
    assert np.isclose(np.vdot(tree.ravel(grad(penalty)(wide))[0], step), numeric, rtol=1e-6)


def test_generators_and_recursion_are_plain_python() -> None:
    def powers(x: Any) -> Iterator[Any]:
        y = x
        while True:
            yield y
            y = y * x

    def series(x: Any) -> Any:
        stream = powers(x)
        return sum(next(stream) for _ in range(3))

    def factorial(x: Any) -> Any:
        return x * factorial(x - 1.0) if x > 1.5 else x

    assert grad(series)(2.0) == 1.0 + 4.0 + 12.0
    assert grad(factorial)(3.0) == 11.0  # x (x - 1) (x - 2)
    assert grad(lambda x: x if x > 0 else -x)(-2.0) == -1.0


def test_two_generators_may_be_advanced_in_turns() -> None:
    """Tracers of an outer call live on in a generator while inner calls come and go."""
    def stream(x: Any) -> Iterator[Any]:
        yield x * grad(lambda y: y * x)(1.0)
        yield grad(lambda y: y * y * x)(x)

    def f(x: Any) -> Any:
        one, other = stream(x), stream(2.0 * x)
        return next(one) + next(other) + next(one) + next(other)

    assert grad(f)(1.0) == 2 + 8 + 4 + 16  # x² + 4 x² + 2 x² + 8 x²


# -------------------------------------------------------------------------------------------- threads


def test_eight_threads_get_the_bytes_of_one() -> None:
    def f(p: Any, x: Any) -> Any:
        h = np.tanh(x @ p["w"])
        inner = grad(lambda s: np.sum(h * s))(p["s"])
        return np.mean(h) + np.sum(inner * inner)

    rng = np.random.default_rng(0)
    jobs = [({"w": rng.normal(size=(3, 5)), "s": rng.normal(size=5)}, rng.normal(size=(7, 3))) for _ in range(8)]
    alone = [bits(value_and_grad(f)(*job)) for job in jobs]
    barrier = Barrier(8)

    def work(number: int) -> bool:
        barrier.wait()
        return all(bits(value_and_grad(f)(*jobs[number])) == alone[number] for _ in range(30))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_a_function_may_use_threads_itself() -> None:
    def f(x: Any) -> Any:
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(lambda i: np.sum(x[i] * grad(square)(X)[i]), range(3)))

    assert np.array_equal(grad(f)(X), 2 * X)


# ------------------------------------------------------------------------------------ stop_gradient


def test_stop_gradient_makes_constants_of_any_tree() -> None:
    assert grad(lambda x: x * stop_gradient(x))(3.0) == 3.0
    assert grad(grad(lambda x: x * stop_gradient(x) * x))(3.0) == 6.0

    def f(p: Any) -> Any:
        stopped = stop_gradient(p)
        assert type(stopped) is FrozenDict
        assert type(stopped["x"]) is np.ndarray
        return np.sum(p["x"] * stopped["x"])

    assert np.array_equal(grad(f)(FrozenDict({"x": X}))["x"], X)
    assert stop_gradient((1.0, None, "x")) == (1.0, None, "x")


# --------------------------------------------------------------------------------------- custom_vjp


def cube_in_jax_form() -> Any:
    """x³ with fwd and bwd."""
    cube = custom_vjp(lambda x: x**3)
    cube.defvjp(lambda x: (x**3, x), lambda x, g: (3 * x**2 * g,))
    return cube


def cube_in_table_form() -> Any:
    """x³ with one pullback an argument."""
    cube = custom_vjp(lambda x: x**3)
    cube.defvjps(lambda g, y, x: g * 3 * x**2)
    return cube


@pytest.mark.parametrize("make", [cube_in_jax_form, cube_in_table_form])
def test_a_custom_derivative_is_used_at_every_order(make: Callable[[], Any]) -> None:
    cube = make()
    assert cube(2.0) == 8.0
    assert [grad(cube)(2.0), grad(grad(cube))(2.0), grad(grad(grad(cube)))(2.0)] == [12.0, 12.0, 6.0]
    assert np.array_equal(grad(lambda x: np.sum(cube(x)))(X), 3 * X**2)
    assert grad(lambda x: x * grad(lambda y: cube(x) * cube(y))(x))(1.0) == 3 * 1 + 3 * 3 + 3 * 2


def test_a_rule_that_stands_in_a_class_is_a_method() -> None:
    class Scaled:
        factor = 3.0

        @fn.custom_vjp
        def times(self, x: float) -> float:
            """The product."""
            return self.factor * x

        times.defvjps(None, lambda g, _y, self, x: 100 * g)

    times = Scaled().times
    assert (times(2.0), grad(times)(2.0), grad(lambda x: Scaled().times(x))(2.0)) == (6.0, 100.0, 100.0)
    assert (str(inspect.signature(times)), times.__doc__) == ("(x: 'float') -> 'float'", "The product.")
    assert isinstance(Scaled.times, fn.custom_vjp) and inspect.isroutine(Scaled.times)


@pytest.mark.parametrize("form", ["defvjp", "defvjps"])
def test_the_custom_derivative_is_the_one_given(form: str) -> None:
    """Not that of the function's own code."""
    f = custom_vjp(lambda x, n: x * n)
    if form == "defvjp":
        f.defvjp(lambda x, n: (x * n, None), lambda _, g: (100 * g, None))
    else:
        f.defvjps(lambda g, y, x, n: 100 * g, None)
    assert grad(f)(2.0, 3) == 100.0
    assert grad(lambda x: f(x, 3) + f(x, 4) + x)(2.0) == 201.0


def test_only_the_pullbacks_asked_for_are_called() -> None:
    f = custom_vjp(lambda x, y: x * y)
    f.defvjps(lambda g, z, x, y: g * y, None)
    assert grad(lambda x: f(x, 3.0))(2.0) == 3.0
    with pytest.raises(TracerError, match="no derivative with respect to argument 1"):
        grad(f, 1)(2.0, 3.0)
    with pytest.raises(TracerError, match="no derivative with respect to argument 0"):
        grad(custom_vjp(square))(X)
    assert custom_vjp(square)(X) == square(X)


def test_none_is_a_cotangent_of_zero() -> None:
    f = custom_vjp(lambda x, y: x * y)
    f.defvjp(lambda x, y: (x * y, y), lambda y, g: (g * y, None))
    assert grad(f, (0, 1))(2.0, 3.0) == (3.0, 0.0)
    assert grad(lambda y: f(2.0, y) + y + f(2.0, y))(3.0) == 1.0


@pytest.mark.parametrize(("bwd", "error", "text"), [
    (lambda r, g: [g, g], TypeError, "product: its bwd must return a tuple of 2 cotangents.* it returned a list"),
    (lambda r, g: (g,), TypeError, "a tuple of 2 cotangents"),
    (lambda r, g: (g, g, g), TypeError, "a tuple of 2 cotangents"),
    (lambda r, g: None, TypeError, "it returned a NoneType"),
    (lambda r, g: g, TypeError, "a tuple of 2 cotangents"),
    (lambda r, g: (X, np.ones(2)), ValueError, r"cotangent of shape \(2,\) for argument 1, which has shape \(\)"),
    (lambda r, g: (np.ones((3, 1)), g), ValueError, r"shape \(3, 1\) for argument 0, which has shape \(3,\)"),
])
def test_what_bwd_returns_is_checked(bwd: Callable[..., Any], error: type[Exception], text: str) -> None:
    @custom_vjp
    def product(x: Any, y: Any) -> Any:
        return np.sum(x) * y

    product.defvjp(lambda x, y: (np.sum(x) * y, None), bwd)
    with pytest.raises(error, match=text):
        grad(product, (0, 1))(X, 2.0)


@pytest.mark.parametrize("wrong", [lambda g, y, x: g, lambda g, y, x: np.ones(5), lambda g, y, x: np.ones((3, 1))])
def test_what_a_pullback_returns_is_checked(wrong: Callable[..., Any]) -> None:
    @custom_vjp
    def total(x: Any) -> Any:
        return np.sum(x)

    total.defvjps(wrong)
    with pytest.raises(ValueError, match="total"):
        grad(total)(X)
    with pytest.raises(ValueError, match="total"):
        grad(lambda x: total(x * 2))(X)


def test_keywords_reach_a_custom_function_and_its_pullbacks() -> None:
    @custom_vjp
    def scale(x: Any, k: Any = 3.0, *, twice: bool = False) -> Any:
        return x * k * (2 if twice else 1)

    scale.defvjps(lambda g, y, x, k=3.0, twice=False: g * k * (2 if twice else 1),
                  lambda g, y, x, k=3.0, twice=False: g * x * (2 if twice else 1))
    assert scale(2.0, twice=True) == 12.0
    assert grad(scale)(2.0, 5.0, twice=True) == 10.0
    assert grad(scale)(2.0, twice=True) == 6.0
    assert grad(lambda k: scale(2.0, k=k))(5.0) == 2.0
    assert grad(lambda x: scale(k=x, x=x))(5.0) == 10.0


def test_a_keyword_only_argument_is_kept_beside_a_traced_keyword() -> None:
    @custom_vjp
    def scale(x: Any, *, twice: bool = False) -> Any:
        return x * (2 if twice else 1)

    scale.defvjps(lambda g, y, x, twice=False: g * (2 if twice else 1))
    value, gradient = value_and_grad(lambda x: scale(x=x, twice=True))(3.0)
    assert (value, gradient) == (6.0, 2.0)


def test_keywords_reach_fwd() -> None:
    scale = custom_vjp(lambda x, by=1.0: x * by)
    scale.defvjp(lambda x, by: (x * by, by), lambda by, g: (g * by, None))
    assert grad(lambda x: scale(x, by=2.0))(3.0) == 2.0
    assert grad(lambda x: scale(by=2.0, x=x))(3.0) == 2.0
    assert grad(lambda x: scale(x))(3.0) == 1.0


WRAPPED: list[Callable[[Any], Any]] = [
    lambda x: {"a": x}, lambda x: [x], lambda x: (x, 1.0), lambda x: Pair(None, x),
    lambda x: FrozenDict({"a": {"b": x}}),
]


@pytest.mark.parametrize("wrap", WRAPPED)
def test_an_argument_of_a_custom_function_may_be_a_tree(wrap: Callable[..., Any]) -> None:
    f = custom_vjp(lambda t: tree.leaves(t)[0] * 1.0)
    f.defvjp(lambda t: (tree.leaves(t)[0] * 1.0, t), lambda t, g: (tree.map(lambda _: 100 * g, t),))
    assert grad(lambda x: f(wrap(x)))(2.0) == 100.0


@pytest.mark.parametrize("wrap", WRAPPED)
def test_a_tree_given_to_a_table_of_pullbacks_is_differentiated_or_refused(wrap: Callable[..., Any]) -> None:
    f = custom_vjp(lambda t: tree.leaves(t)[0] * 1.0)
    f.defvjps(lambda g, y, t: tree.map(lambda _: 100 * g, t))
    try:
        gradient = grad(lambda x: f(wrap(x)))(2.0)
    except TypeError:
        return
    assert gradient == 100.0


def test_the_result_of_a_custom_function_may_be_a_tree() -> None:
    f = custom_vjp(lambda x: {"a": x, "b": (2 * x, None)})
    f.defvjp(lambda x: ({"a": x, "b": (2 * x, None)}, None), lambda _, g: (g["a"] + 100 * g["b"][0],))
    assert np.array_equal(grad(lambda x: np.sum(f(x)["a"] * X + f(x)["b"][0]))(X), X + 100)


def test_anything_that_can_be_called_may_be_custom() -> None:
    double = custom_vjp(functools.partial(np.multiply, 2.0))
    double.defvjps(lambda g, y, x: 100 * g)
    assert grad(double)(3.0) == 100.0


# ------------------------------------------------------------------------------------ whole programs


@pytest.mark.parametrize(("f", "expected"), [
    (lambda x: np.sum(np.abs(x * (1 + 1j))), np.sqrt(2) * np.sign(X)),
    (lambda x: np.sum((x * 1j * 1j).real), -np.ones(3)),
    (lambda x: np.sum(np.real(np.exp(1j * x))), -np.sin(X)),
    (lambda x: np.sum(np.abs(x.astype(complex))), np.sign(X)),
])
def test_complex_numbers_on_the_way_do_no_harm(f: Callable[..., Any], expected: Any) -> None:
    gradient = grad(f)(X)
    assert gradient.dtype == np.float64
    assert np.allclose(gradient, expected, rtol=1e-14)


def mlp(np: Any, p: Any, x: Any, y: Any) -> Any:
    """A classifier with its cross-entropy, in whichever NumPy."""
    for w, b in p[:-1]:
        x = np.maximum(x @ w + b, 0.1 * x.mean())
    logits = x @ p[-1][0] + p[-1][1]
    logits = logits - np.max(logits, axis=1, keepdims=True)
    return -np.mean(np.sum(y * (logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))), axis=1))


def rnn(np: Any, p: Any, x: Any, y: Any) -> Any:
    """A recurrent net, unrolled, with weights used at every step."""
    h = np.zeros((x.shape[0], 4), dtype=x.dtype)
    outputs = []
    for t in range(x.shape[1]):
        h = np.tanh(np.concatenate([x[:, t, None], h], axis=1) @ p["w"] + p["b"])
        outputs.append(h @ p["out"])
    return np.mean((np.stack(outputs, axis=1)[..., 0] - y) ** 2)


def attention(np: Any, p: Any, x: Any, y: Any) -> Any:
    """One head of attention with a softmax, over three axes."""
    q, k, v = (x @ p[name] for name in "qkv")
    scores = q @ np.swapaxes(k, -1, -2) / 2.0
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = weights / np.sum(weights, axis=-1, keepdims=True)
    return np.sum(np.where(y > 0, weights @ v, 0.0) * y)


def programs() -> dict[str, tuple[Callable[..., Any], Any, Any, Any]]:
    """The programs with parameters and data, float64."""
    draw = np.random.default_rng(0).normal
    layers = [(draw(size=(a, b)), draw(size=b)) for a, b in ((3, 8), (8, 5), (5, 4))]
    recurrent = {"w": draw(size=(5, 4)), "b": draw(size=4), "out": draw(size=(4, 1))}
    heads = {name: draw(size=(3, 3)) for name in "qkv"}
    return {
        "mlp": (mlp, layers, draw(size=(6, 3)), np.identity(4)[[0, 1, 2, 3, 0, 1]]),
        "rnn": (rnn, recurrent, draw(size=(3, 5)), draw(size=(3, 5))),
        "attention": (attention, heads, draw(size=(2, 5, 3)), draw(size=(2, 5, 3))),
    }


@pytest.mark.parametrize("name", ["mlp", "rnn", "attention"])
def test_whole_programs_have_the_first_and_second_derivatives_of_jax(name: str, jax: Any) -> None:
    program, p, x, y = programs()[name]
    v = tree.map(lambda leaf: np.cos(np.arange(leaf.size)).reshape(leaf.shape), p)

    def everything(np: Any, value_and_grad: Any, grad: Any, p: Any, x: Any) -> Any:
        """The value, its gradients, and the Hessian times v."""
        def slope(p: Any) -> Any:
            gradient = grad(lambda p: program(np, p, x, y))(p)
            return sum(np.sum(g * d) for g, d in zip(tree.leaves(gradient), tree.leaves(v), strict=True))

        return value_and_grad(functools.partial(program, np), (0, 1))(p, x, y), grad(slope)(p)

    theirs = jax.jit(functools.partial(everything, jax.numpy, jax.value_and_grad, jax.grad))
    (value, gradient), second = everything(np, value_and_grad, grad, p, x)
    (expected_value, expected_gradient), expected_second = tree.map(np.asarray, theirs(p, x))
    assert np.isclose(value, expected_value, rtol=1e-13)
    assert tree.all_close(gradient, expected_gradient, rtol=1e-10, atol=1e-13)
    assert tree.all_close(second, expected_second, rtol=1e-9, atol=1e-12)


OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "sin": lambda a, b: np.sin(a), "square": lambda a, b: np.sin(a) ** 2, "mean": lambda a, b: np.mean(a) * b,
    "add": lambda a, b: 0.5 * (a + b), "subtract": lambda a, b: a - 0.5 * b, "multiply": lambda a, b: np.tanh(a) * b,
    "where": lambda a, b: np.where(X > 0, a, b), "reverse": lambda a, b: a[::-1],
}


@given(st.lists(st.sampled_from(list(OPERATIONS)), max_size=12), st.integers(0, 2**32 - 1))
def test_random_programs_have_the_slope_of_central_differences(names: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, 1000, (len(names), 2))

    def f(x: Any) -> Any:
        values = [x, 0.5 * x]
        for name, (i, j) in zip(names, picks, strict=True):
            values.append(OPERATIONS[name](values[i % len(values)], values[j % len(values)]))
        return np.sum(values[-1])

    x, v = rng.normal(size=3), rng.normal(size=3)
    numeric = (f(x + 1e-5 * v) - f(x - 1e-5 * v)) / 2e-5
    assert np.isclose(grad(f)(x) @ v, numeric, rtol=1e-6, atol=1e-7)


# ------------------------------------------------------------------------------------- found by reviewers


def test_a_buffer_that_is_written_into_again_keeps_what_it_held() -> None:
    """A loop that shifts a window, reuses an index, a mask: what the tape saw is what it saw then."""
    def window(x: Any) -> Any:
        w, total = np.zeros(3), 0.0
        for t in range(3):
            w[:-1] = w[1:]
            w[-1] = t + 1.0
            total = total + x @ w
        return total

    def index(x: Any) -> Any:
        i, total = np.array([0]), 0.0
        for t in range(2):
            i[0] = t
            total = total + 2.0 * np.sum(x[i] * (t + 1.0))
        return total

    def mask(x: Any) -> Any:
        m, total = np.zeros(2, bool), 0.0
        for t in range(2):
            m[:] = [t == 0, t == 1]
            total = total + np.sum(np.where(m, x, 0.0) * (t + 1.0))
        return total

    np.testing.assert_array_equal(grad(window)(np.ones(3)), [1.0, 3.0, 6.0])
    np.testing.assert_array_equal(grad(index)(np.ones(2)), [2.0, 4.0])
    np.testing.assert_array_equal(grad(mask)(np.ones(2)), [1.0, 2.0])


@pytest.mark.parametrize("transform", [fn.jacrev, fn.jacfwd, fn.hessian, fn.elementwise_grad])
def test_a_complex_result_has_no_jacobian(transform: Any) -> None:
    with pytest.raises(TypeError, match=r"(jacobian|jvp|elementwise_grad): the function must return real .*complex128"):
        transform(lambda x: x * 1j)(np.ones(2))


class Pullbacks:
    def pull(self, g: Any, y: Any, x: Any, c: Any) -> Any:
        return g * c

    @classmethod
    def of_class(cls, g: Any, y: Any, x: Any, c: Any) -> Any:
        return g * c


@pytest.mark.parametrize("vjp_of_x", [
    Pullbacks().pull, Pullbacks.of_class, lambda g, y, x, c: eval("g * c"), lambda g, y, x, c: locals()["g"] * c,
    functools.partial(lambda k, g, y, x, c: k * g * c, 1.0)])
def test_a_pullback_of_any_kind_gets_what_it_reads_of_large_arrays(vjp_of_x: Any) -> None:
    f: Any = fn.custom_vjp(lambda x, c: x * c)
    f.defvjps(vjp_of_x, None)
    c = np.arange(100_000.0)
    np.testing.assert_array_equal(grad(lambda x: np.sum(f(x, c)))(np.ones(100_000)), c)


def test_argnums_of_numpy_is_a_number() -> None:
    assert grad(lambda a, b: a * b, np.int64(1))(3.0, 2.0) == 3.0


def test_a_pullback_without_a_return_is_named() -> None:
    f: Any = fn.custom_vjp(lambda x: x * x)
    f.defvjps(lambda g, y, x: None)
    with pytest.raises(ValueError, match="returned None for argument 0; is a return missing"):
        grad(f)(2.0)


def test_pullbacks_get_the_defaults() -> None:
    def scaled(x: Any, s: float = 2.0) -> Any:
        return x * s

    f: Any = fn.custom_vjp(scaled)
    f.defvjps(lambda g, y, x, s: g * s, None)
    assert (grad(f)(1.0), grad(f)(1.0, 3.0)) == (2.0, 3.0)


def test_a_product_that_underflows_has_a_derivative() -> None:
    np.testing.assert_array_equal(grad(np.prod)(np.full(2, 1e-200)), np.full(2, 1e-200))
    np.testing.assert_array_equal(grad(lambda x: np.cumprod(x)[-1])(np.full(2, 1e-200)), np.full(2, 1e-200))


def test_a_jacobian_of_nothing_has_the_dtype_of_the_argument() -> None:
    assert fn.jacrev(lambda x: x[:0])(np.ones(2, np.float32)).dtype == np.float32


@pytest.mark.parametrize(("call", "text"), [
    (lambda: vjp(lambda x: x, np.ones(2))[1]([1.0, 1.0]), "vjp: the cotangent is a list at the root, where the res"),
    (lambda: jvp(np.add, (1.0, 2.0), (1.0,)), "jvp: the tangents has other entries than the arguments"),
    (lambda: fn.jacrev(lambda x: 3)(np.ones(2)), "jacobian: the function must return real .* an int"),
    (lambda: grad(lambda x: np.maximum.accumulate(x)[0])(np.ones(2)), "np.maximum.accumulate: .* a loop"),
    (lambda: grad(lambda x: np.logaddexp.reduce(x))(np.ones(2)), "np.logaddexp.reduce: .* a loop"),
])
def test_mistakes_around_derivatives_name_their_function(call: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        call()


def _without_residuals(returned: Callable[[Any], Any]) -> Callable[[], Any]:
    f = custom_vjp(lambda x: x * x)
    f.defvjp(returned, lambda saved, g: (g,))
    f.name = "square"
    return lambda: grad(lambda x: np.sum(f(x)))(np.ones(2))


def _written(x: Any) -> Any:
    b = np.zeros(2)
    b[0] = x
    return np.sum(b)


vmap: Any = fn.vmap


class Frame:
    """What is known of a table of pandas: a shape, no dtype, and a way to NumPy."""

    shape = (2, 2)

    def to_numpy(self) -> Any:
        return np.ones(self.shape)


SQUARE: Any = np.array([[1.0, 2.0], [3.0, 4.0]])
OTHER = SQUARE.view(np.matrix)
FOREIGN = {"x": np.ones(2), "object": np.array([Fraction(1, 2), 1], object)}


@pytest.mark.parametrize(("call", "text"), [
    (lambda: vjp(lambda x: 2 * x, np.ones(2))[1](np.array([1j, 2])), "the cotangent is complex, the result is float64"),
    (lambda: vjp(lambda x: 2 * x, 1.0)[1](1j), "the cotangent is complex, .* take its real part"),
    (lambda: vjp(lambda x: {"a": 2 * x}, np.ones(1))[1]({"a": np.ones(1) * 1j}), "the cotangent at 'a' is complex"),
    (lambda: jvp(lambda x: 2 * x, (np.ones(2),), (np.ones(2) * 1j,)), "jvp: the tangent of argument 0 is complex"),
    (lambda: vjp(lambda x: x * x, SQUARE)[1](OTHER), r"vjp: the cotangent must be an array, got a matrix .*asarray"),
    (lambda: vjp(lambda x: {"a": x}, np.ones(1))[1]({"a": np.ma.ones(1)}), "vjp: the cotangent at 'a' must be"),
    (lambda: jvp(lambda x: x * x, (SQUARE,), (OTHER,)), "jvp: the tangent of argument 0 must be an array, got"),
    (lambda: fn.hvp(lambda p: np.sum(p["a"] ** 3), ({"a": SQUARE},), ({"a": OTHER},)),
     "at '0/a' must be an array, got a matrix"),
    (lambda: fn.vmap(lambda x: x.max())(OTHER), "vmap: argument 0 must be an array, got a matrix"),
    (lambda: vmap(np.sum)({"a": np.ma.ones((2, 2))}), "vmap: argument 0 at 'a' must be an array, got a MaskedArray"),
    (lambda: grad(np.sum)(OTHER), r"grad: argument 0 must be an array, got a matrix .*: np.asarray\(x\)"),
    (lambda: grad(np.sum)(Frame()), r"grad: argument 0 must be an array, got a Frame .*: x.to_numpy\(\)"),
    (lambda: vmap(np.sum)(Frame()), r"vmap: argument 0 must be an array, got a Frame .*: x.to_numpy\(\)"),
    (lambda: fn.vmap(_written)(np.ones(2)), r"array\[...\] = x: .* Build the array with np.stack"),
    (lambda: fn.vmap(lambda x: _written(x[0]))(np.ones((2, 2))), r"array\[...\] = x"),
    (lambda: grad(lambda x: math.trunc(x) * x)(1.5), r"math.trunc\(x\): a traced value"),
    (lambda: grad(lambda x: np.dot(x, FOREIGN["object"]))(np.ones(2)), "dot: an array of objects met a traced value"),
    (lambda: grad(lambda x: np.sum(np.outer(FOREIGN["object"], x)))(np.ones(2)), "an array of objects met a traced"),
    (lambda: grad(_written)(1.0), r"array\[...\] = x: .* Build the array with np.stack"),
    (lambda: fn.jacobian(lambda x: _written(x[0]))(np.ones(2)), r"array\[...\] = x"),
    (lambda: grad(lambda x: x if x > 0 else -x)(np.ones(2)), r"if x > 0: .* write np.where\(condition, a, b\)"),
    (lambda: jvp(lambda x: np.sum(x) if x > 0 else x, (np.ones(2),), (np.ones(2),)), "if x > 0: .* np.where"),
    (lambda: grad(lambda x: np.sum(np.cov(x)))(np.ones((3, 1))), "np.cov: the number of observations, 1 .* ddof=0"),
    (lambda: grad(lambda x: np.sum(np.corrcoef(x)))(np.ones((3, 1))), "np.cov: the number of observations, 1"),
    (lambda: grad(lambda x: np.cov(x, ddof=3))(np.ones(3)), "observations, 3 .* less ddof is 0"),
    (lambda: grad(lambda x: np.sum(x * FOREIGN["object"]))(np.ones(2)), "multiply: an array of objects met a traced"),
    (lambda: grad(lambda x: np.sum(FOREIGN["object"] + x))(np.ones(2)), r"add: .* use x.astype\(np.float64\)"),
    (lambda: grad(np.sum)(FOREIGN["object"]), "argument 0 is an array of shape .* and dtype object"),
    (lambda: grad(lambda x: x * Fraction(1, 2))(2.0), r"multiply: a Fraction met a traced value, .* use float\(x\)"),
    (lambda: grad(lambda x: Decimal(1) + x)(2.0), "add: a Decimal met a traced value"),
    (lambda: grad(lambda x: x * x)(Fraction(1, 2)), r"argument 0 is a Fraction; .*\(float\(x\)\)"),
    (_without_residuals(lambda x: x * x), r"square: its fwd must return \(y, residuals\), .* an array of shape \(2,\)"),
    (_without_residuals(lambda x: None), "square: its fwd must return .* a NoneType"),
    (_without_residuals(lambda x: (x, x, x)), "square: its fwd must return .* a tuple of 3"),
    (lambda: grad(lambda x: np.sum(np.full_like(np.ones(2), x)))(2.0), "np.full_like.* write np.broadcast_to"),
])
def test_an_error_whose_cause_is_ours_is_in_our_words(call: Callable[[], Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("f", [
    lambda x, t: x * t, lambda x, t: t * x, lambda x, t: np.multiply(x, t), lambda x, t: t @ x, lambda x, t: t - x,
])
def test_a_tensor_of_torch_met_by_a_traced_value_is_named(f: Callable[..., Any]) -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TracerError, match=r"a Tensor met a traced value, .* use x\.detach\(\)"):
        grad(lambda x: np.sum(f(x, torch.ones(2))))(np.ones(2))
    with pytest.raises(TypeError, match=r"grad: argument 0 must be an array, got a Tensor .*x.detach\(\)"):
        grad(lambda x: x.sum())(torch.ones(2))


def test_methods_of_plain_arrays_and_round_take_traced_values() -> None:
    bound: Any = grad(lambda x: np.sum(np.array([-3.0, 0.5, 3.0, 9.0]).clip(-x, x)))
    assert bound(2.0) == 1.0
    assert grad(lambda x: np.sum(np.array([1.0, 5.0]).clip(None, x)))(2.0) == 1.0
    assert grad(lambda x: x * round(x))(2.4) == 2.0
    assert value_and_grad(lambda x: x * round(x, 1))(2.44) == pytest.approx((2.44 * 2.4, 2.4))


def test_what_is_written_between_vjp_and_its_pullback_changes_nothing() -> None:
    x, g = np.array([1.0, 2.0]), np.ones(2)
    _, square = vjp(lambda x: x * x, x)
    _, same = vjp(lambda x: x, x)
    (through,) = same(g)
    x[:], g[:] = 7.0, 5.0
    np.testing.assert_array_equal(square(np.ones(2))[0], [2.0, 4.0])
    np.testing.assert_array_equal(through, [1.0, 1.0])


def test_remat_follows_complex_arguments() -> None:
    def f(z: Any) -> Any:
        return z ** 2 * (1 + 1j)

    def loss(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: np.sum(np.abs(f(x * 1j + x ** 2)) ** 2)

    x = np.array([0.3, -1.2])
    np.testing.assert_allclose(fn.grad(loss(fn.remat(f)))(x), fn.grad(loss(f))(x), rtol=1e-12)
