"""`vmap` itself: axes, trees, what it refuses, levels that must not be confused, and programs against `jax.vmap`."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import tree
from funcnn.core import TracerError

X: Any = np.arange(6.0).reshape(3, 2)
A: Any = np.array([0.5, -1.0, 2.0])


def stack(f: Callable[..., Any], *args: Any) -> Any:
    results = [f(*each) for each in zip(*args, strict=True)]
    return tree.map(lambda *each: np.stack(each), results[0], *results[1:])


# --------------------------------------------------------------------------------------------------- axes


def test_axes_are_numbers_none_or_trees_of_them() -> None:
    params: Any = {"w": np.arange(12.0).reshape(2, 3, 2), "b": [np.array([1.0, 2.0])]}
    batch = {"x": X.T}

    def f(params: Any, batch: Any) -> Any:
        return {"y": batch["x"] @ params["w"] + params["b"][0], "s": (batch["x"].sum(),)}

    found = fn.vmap(f, ({"w": 1, "b": None}, -1), {"y": -1, "s": 0})(params, batch)
    expected = [f({"w": params["w"][:, i], "b": params["b"]}, {"x": X[i]}) for i in range(3)]
    assert np.array_equal(found["y"], np.stack([each["y"] for each in expected], axis=-1))
    assert np.array_equal(found["s"][0], np.stack([each["s"][0] for each in expected]))


def test_what_the_axis_of_a_result_is_none_for_is_returned_once() -> None:
    doubled, shared = fn.vmap(lambda x, y: (2 * x, 3 * y), (0, None), (0, None))(A, X)
    assert np.array_equal(doubled, 2 * A) and np.array_equal(shared, 3 * X)


def test_keywords_are_mapped_along_axis_0() -> None:
    assert np.array_equal(fn.vmap(lambda x, scale=1.0: x * scale)(X, scale=A), X * A[:, None])


def test_what_all_share_may_be_anything() -> None:
    found = fn.vmap(lambda f, x, settings: f(x) * len(settings["mode"]), (None, 0, None))(np.exp, X, {"mode": "ab"})
    assert np.array_equal(found, 2 * np.exp(X))


def test_constants_are_copied_to_all_examples_and_results_are_read_only() -> None:
    found: Any = fn.vmap(lambda x: (1, True, np.float32(2.0), np.zeros(2, np.float64), x))(A)
    assert [np.asarray(y).tolist() for y in found[:3]] == [[1] * 3, [True] * 3, [2.0] * 3]
    assert found[3].shape == (3, 2) and not any(y.flags.writeable for y in found)


def test_the_arguments_are_not_touched() -> None:
    x = X.copy()
    y = fn.vmap(lambda x: x)(x)
    assert y is not x and not np.shares_memory(x, y) and x.flags.writeable and np.array_equal(x, X)


@pytest.mark.parametrize(("run", "error", "says"), [
    (lambda: fn.vmap(lambda p, y: y)({"a": X, "b": X}, np.zeros(4)), ValueError,
     "different numbers of examples: 3 in argument 0 at 'a', 3 in argument 0 at 'b', 4 in argument 1"),
    (lambda: fn.vmap(lambda x, k: x)(X, k=np.zeros(2)), ValueError, "3 in argument 0, 2 in argument 'k'"),
    (lambda: fn.vmap(lambda x: x, 2)(X), ValueError, r"shape \(3, 2\), so it has no axis 2"),
    (lambda: fn.vmap(lambda x: x, -3)(X), ValueError, "no axis -3"),
    (lambda: fn.vmap(lambda x, y: x)(X, 2.0), ValueError, r"argument 1 has shape \(\).*in_axes=None shares it"),
    (lambda: fn.vmap(lambda x, s: x)(X, "abc"), ValueError, r"argument 1.*in_axes=None shares it"),
    (lambda: fn.vmap(lambda x, y: x, (0,))(X, X), ValueError, "in_axes has 1 entries.* 2 positional arguments"),
    (lambda: fn.vmap(lambda x: x, ({"a": 0},))({"b": X}), ValueError, r"in_axes\[0\].*tree like the top"),
    (lambda: fn.vmap(lambda x: x, 0.5)(X), ValueError, "in_axes is 0.5"),  # type: ignore[call-overload]  # the mistake
    (lambda: fn.vmap(lambda x: x, None)(X), ValueError, "no argument is mapped"),
    (lambda: fn.vmap(X), TypeError, r"must be a function, got a ndarray; write vmap\(f\)\(x\)"),
    (lambda: fn.vmap(lambda x: x, 0, None)(X), ValueError, "differs from example to example, but its out_axes is None"),
    (lambda: fn.vmap(lambda x: {"a": x}, 0, {"a": 5})(X), ValueError, "out_axes is 5, but the result at 'a' has shape"),
    (lambda: fn.vmap(lambda x: (x, x), 0, (0,))(X), ValueError, "out_axes is"),
    (lambda: fn.vmap(lambda x: "a")(X), TypeError, "the result must be numbers, got a str"),
    (lambda: fn.vmap(lambda x: {"a": object()})(X), TypeError, "the result at 'a' must be numbers"),
])
def test_mistakes_are_named(run: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        run()


# ------------------------------------------------------------------------------------------ looking at values

LOOKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "if": (lambda x: x if x.sum() > 0 else -x, r"np\.where\(condition, a, b\)"),
    "max": (lambda x: max(x[0], x[1]), r"np\.where"),
    "float": (lambda x: float(x[0]), "return what you want to look at"),
    "int": (lambda x: int(x[0]), "stands for all examples"),
    "item": (lambda x: x[0].item(), r"x\.item\(\)"),
    "asarray": (lambda x: np.asarray(x), "use it as it is"),
    "array": (lambda x: np.array([x[0], x[1]]), r"np\.stack\(\[a, b\]\)"),
    "index": (lambda x: np.arange(9.0)[x[0].astype(int)], r"pick outside: vmap\(f\)\(array\[x\]\)"),
    "range": (lambda x: range(x[0].astype(int)), "stands for all examples"),
    "x[...] =": (lambda x: x.__setitem__(0, 1.0), "never changes"),
    "out": (lambda x: np.add(x, 1, out=np.zeros(2)), "cannot be written"),
    "x[mask]": (lambda x: x[x > 1], r"np\.where\(mask, x, 0\)"),
    "nonzero": (lambda x: np.nonzero(x), r"np\.where\(mask, x, 0\)"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_looking_at_a_value_is_an_error_with_the_fix(name: str) -> None:
    f, says = LOOKS[name]
    with pytest.raises(TracerError, match=says):
        fn.vmap(f)(X)
    with pytest.raises(TracerError):
        fn.vmap(fn.grad(lambda x: np.sum(f(x))))(X)
    with pytest.raises(TracerError):
        fn.vmap(fn.vmap(f))(X[None])


def test_a_value_that_outlives_its_vmap_is_an_error() -> None:
    kept: list[Any] = []
    fn.vmap(lambda x: (kept.append(x), x)[1])(X)  # type: ignore[func-returns-value]  # only kept
    for use in (np.exp, lambda x: x + 1, lambda x: X @ x, lambda x: x[0]):
        with pytest.raises(TracerError, match="after the vmap that made it has ended"):
            use(kept[0])


def test_an_error_inside_ends_the_vmap_too() -> None:
    kept: list[Any] = []

    def broken(x: Any) -> Any:
        kept.append(x)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fn.vmap(broken)(X)
    with pytest.raises(TracerError, match="has ended"):
        np.exp(kept[0])


def test_copies_and_prints_of_a_batched_value() -> None:
    said: list[str] = []
    assert np.array_equal(fn.vmap(lambda x: copy.deepcopy(x) + copy.copy(x))(X), 2 * X)

    def printed(x: Any) -> Any:
        said.extend([repr(x), f"{x}", f"{x:.2f}"])
        return x

    fn.vmap(printed)(X)
    assert said == ["Batched(float64[2])"] * 3


def test_what_decides_by_values_runs_example_by_example_with_one_warning() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.unique(x)) + np.sum(np.unique(2 * x))

    with pytest.warns(UserWarning, match=r"f is computed example by example.* because np\.unique decides") as caught:
        found = fn.vmap(f)(X)
    assert len(caught) == 1 and np.array_equal(found, 3 * X.sum(1))


@pytest.mark.parametrize("f", [lambda x: np.sum(np.unique(x)), lambda x: np.interp(0.5, x, x)])
def test_a_warning_of_a_loop_points_to_the_line_of_the_user(f: Any) -> None:
    with pytest.warns(UserWarning, match="example by example") as caught:
        fn.vmap(f)(X)
    assert {warning.filename for warning in caught} == {__file__}


# ------------------------------------------------------------------------------------------------- levels


def test_levels_are_not_confused() -> None:
    found = fn.vmap(lambda x: fn.vmap(lambda y: x + 10 * y)(A))(A)
    assert np.array_equal(found, A[:, None] + 10 * A)
    inner = fn.grad(lambda x: x * fn.grad(lambda y: np.sum(fn.vmap(lambda z: x * y * z)(A)))(1.0))(2.0)
    assert inner == 2 * 2.0 * A.sum()
    same_name = fn.vmap(lambda x: fn.vmap(lambda x: 2 * x)(x) + x)(X)
    assert np.array_equal(same_name, 3 * X)
    equal = fn.vmap(lambda i: fn.vmap(lambda j: np.where(i == j, 1.0, 0.0))(np.arange(3)))(np.arange(3))
    assert np.array_equal(equal, np.identity(3))


def test_a_shared_argument_gets_the_sum_of_the_gradients() -> None:
    assert np.allclose(fn.grad(lambda a: np.sum(fn.vmap(lambda x: a * x)(X)))(3.0), X.sum())


def test_threads_do_not_meet() -> None:
    results: dict[int, Any] = {}

    def work(k: int) -> None:
        for _ in range(20):
            results[k] = fn.vmap(fn.grad(lambda x: k * np.sum(x**2)))(X)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(results[k], 2 * k * X) for k in range(4))


def test_a_rule_of_ones_own_is_batched_by_its_own_code() -> None:
    @fn.custom_vjp
    def f(p: Any) -> Any:
        return p["a"] * p["b"][0]

    f.defvjp(lambda p: (p["a"] * p["b"][0], p),
             lambda p, g: ({"a": 3 * g * p["b"][0], "b": (np.sum(g * p["a"]),)},))  # 3: its own derivative, not NumPy's

    params = {"a": X, "b": (A,)}
    each = fn.grad(lambda p: np.sum(f(p)))
    found = fn.vmap(each)(params)
    expected = {"a": 3 * np.repeat(A[:, None], 2, 1)}
    assert np.allclose(found["a"], expected["a"])
    assert np.allclose(found["b"][0], X.sum(1))
    around = fn.grad(lambda p: np.sum(fn.vmap(f)(p)))(params)
    assert np.allclose(around["a"], found["a"]) and np.allclose(around["b"][0], found["b"][0])


def test_the_list_of_pullbacks_is_batched_too() -> None:
    @fn.custom_vjp
    def f(x: Any, y: Any) -> Any:
        return np.sum(x) * y

    f.defvjps(lambda g, _y, x, y: 5 * g * y + 0 * x, lambda g, _y, x, _b: g * np.sum(x))
    dx, dy = fn.vmap(fn.grad(f, argnums=[0, 1]))(X, A)
    assert np.allclose(dx, 5 * A[:, None] + 0 * X) and np.allclose(dy, X.sum(1))
    dx, dy = fn.grad(lambda x, y: np.sum(fn.vmap(f, (0, None))(x, y)), argnums=[0, 1])(X, 2.0)
    assert np.allclose(dx, 10.0) and np.allclose(dy, X.sum())


def test_remat_inside_and_around() -> None:
    w = np.array([[0.3, -0.2], [0.1, 0.4]])

    def f(w: Any, x: Any) -> Any:
        step = fn.remat(lambda w, h: np.tanh(w @ h))
        h: Any = step(w, step(w, x))
        return np.sum(h**2)

    expected = np.stack([fn.grad(f)(w, x) for x in X])
    assert np.allclose(fn.vmap(fn.grad(f), (None, 0))(w, X), expected)
    assert np.allclose(fn.vmap(fn.grad(fn.remat(f)), (None, 0))(w, X), expected)
    assert np.allclose(fn.grad(lambda w: np.sum(fn.remat(fn.vmap(f, (None, 0)))(w, X)))(w), expected.sum(0))


@pytest.mark.parametrize("jacobian", [fn.jacrev, fn.jacfwd, fn.hessian])
def test_jacobians_inside_and_around(jacobian: Any) -> None:
    f: Any = (lambda x: np.stack([np.prod(x), x @ x])) if jacobian is not fn.hessian else (lambda x: np.prod(np.sin(x)))
    expected = np.stack([jacobian(f)(x) for x in X])
    assert np.allclose(fn.vmap(jacobian(f))(X), expected)
    inner = jacobian(lambda x: fn.vmap(f)(x) if jacobian is not fn.hessian else np.sum(fn.vmap(f)(x)))(X)
    for i in range(3):
        own = inner[i, ..., i, :] if jacobian is not fn.hessian else inner[i, :, i, :]
        assert np.allclose(own, expected[i])


def test_pushforwards_and_products_with_the_hessian() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x) * x[::-1])

    t = X[::-1].copy()
    y, dy = fn.vmap(lambda x, t: fn.jvp(f, (x,), (t,)))(X, t)
    assert np.allclose(y, [f(x) for x in X])
    assert np.allclose(dy, [fn.jvp(f, (a,), (b,))[1] for a, b in zip(X, t, strict=True)])
    hv = fn.vmap(lambda x, t: fn.hvp(f, (x,), (t,)))(X, t)
    assert np.allclose(hv, np.stack([fn.hvp(f, (a,), (b,)) for a, b in zip(X, t, strict=True)]))
    y, pullback = fn.vjp(lambda x: np.sin(x) * x, A)
    assert np.allclose(fn.vmap(pullback)(np.identity(3)), np.diag(np.cos(A) * A + np.sin(A)))


def test_stop_gradient_and_auxiliary_results() -> None:
    (value, aux), gradient = fn.vmap(fn.value_and_grad(
        lambda x: (np.sum(fn.stop_gradient(x) * x), {"double": 2 * x}), has_aux=True))(X)
    assert np.allclose(value, (X * X).sum(1)) and np.allclose(aux["double"], 2 * X) and np.allclose(gradient, X)


def test_a_custom_vjp_mapped_twice_over_different_arguments_gives_arrays() -> None:
    @fn.custom_vjp
    def dot(x: Any, w: Any) -> Any:
        return np.sum(x * w)

    dot.defvjps(lambda g, _y, _x, w: g * w, lambda g, _y, x, _w: g * x)
    x, w = np.arange(12.0).reshape(3, 4), np.arange(20.0).reshape(5, 4)
    table = fn.vmap(fn.vmap(dot, (0, None)), (None, 0))
    dx, dw = fn.grad(lambda x, w: np.sum(table(x, w) ** 2), (0, 1))(x, w)
    assert type(dx) is type(dw) is np.ndarray
    np.testing.assert_allclose(dx, 2 * x @ w.T @ w)
    np.testing.assert_allclose(dw, 2 * w @ x.T @ x)
