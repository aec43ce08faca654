"""Programs as text: what is printed, and files that run where funcnn cannot be imported, to the same bytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from alike import assert_same
from funcnn import losses, optimizers, random, tree
from funcnn.activations import gelu, relu
from funcnn.layers import conv2d, dense, dropout, flatten, layer_norm, max_pool2d
from rules_contract import ROWS, arguments

RUN = """
import pickle, runpy, sys
sys.modules["funcnn"] = None
path, name = sys.argv[1:]
args = pickle.load(sys.stdin.buffer)
pickle.dump(runpy.run_path(path)[name](*args), sys.stdout.buffer)
"""

X = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)


def plain(x: Any) -> Any:
    """A tree of the kinds that a file gives: dicts for FrozenDicts, tuples for NamedTuples."""
    if isinstance(x, dict | fn.FrozenDict):
        return {key: plain(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [plain(each) for each in x] if isinstance(x, list) else tuple(plain(each) for each in x)
    return x


def elsewhere(path: Path, name: str, args: tuple[Any, ...]) -> Any:
    """What a file's function gives, in a process of its own where importing funcnn is an error."""
    import pickle

    done = subprocess.run([sys.executable, "-I", "-c", RUN, str(path), name], input=pickle.dumps(plain(args)),
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return pickle.loads(done.stdout)


def in_place(f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """What the file's function gives here, without a process."""
    program = fn.make_program(f)(*args)
    scope: dict[str, Any] = {}
    exec(program.source(), scope)
    return scope[program.name](*plain(args))


def test_a_program_is_printed_as_it_is_written() -> None:
    def f(x: Any, w: Any, n: Any) -> Any:
        return {"y": np.exp(-x @ w) ** n, "n": n + 1, "top": x[1:, ::2], "all": x.sum(axis=0, keepdims=True)}

    lines = str(fn.make_program(f)(X, X.T, 2)).splitlines()
    code = [line.partition(" # ")[0].rstrip() for line in lines]
    assert code == [
        "def f(x, w, n):", "    v0 = -x", "    v1 = v0 @ w", "    v2 = np.exp(v1)", "    v3 = v2 ** n",
        "    v4 = n + 1", "    v5 = x[1:, ::2]", "    v6 = x.sum(axis=0, keepdims=True)", "    return v6, v4, v5, v3"]
    assert lines[0].endswith("# x: float32[4, 6], w: float32[6, 4], n: int")
    assert f"float32[4, 4]   {Path(__file__).name}:" in lines[2] or "test_source.py:" in lines[1]
    assert "fn-page" in fn.make_program(f)(X, X.T, 2)._repr_html_()


def test_names_that_collide() -> None:
    def f(v1: Any, np_: Any, c0: Any, **rest: Any) -> Any:
        return v1["a b/c"] + np_ * c0 + rest["lambda"] + rest["für"] + v1["v2"]

    args = ({"a b/c": X, "v2": 1.0}, X, 2.0)
    program = fn.make_program(f)(*args, **{"lambda": X, "für": 3})
    names = [each.name for each in program.inputs]
    assert len(set(names)) == len(names) and all(map(str.isidentifier, names))
    scope: dict[str, Any] = {}
    exec(program.source(), scope)
    assert_same(scope["f"](*args, X, 3), f(*args, **{"lambda": X, "für": 3}))


def step(params: Any, state: Any, key: Any, x: Any, y: Any) -> Any:
    """A step with dropout."""
    net = dense(6, 8) >> gelu >> dropout(0.3) >> layer_norm(8) >> dense(8, 3)
    adam = optimizers.adamw(0.01)
    key, now = random.split(key)
    value, grads = fn.value_and_grad(
        lambda params: np.mean(losses.softmax_cross_entropy(net.apply(params, x, key=now), y)))(params)
    updates, state = adam.update(grads, state, params)
    return optimizers.apply_updates(params, updates), state, key, value


def test_a_step_with_dropout_runs_elsewhere(tmp_path: Path) -> None:
    net = dense(6, 8) >> gelu >> dropout(0.3) >> layer_norm(8) >> dense(8, 3)
    params = net.init(random.key(0))
    args = (params, optimizers.adamw(0.01).init(params), random.key(1), X, np.array([0, 2, 1, 0]))
    path = tmp_path / "step.py"
    fn.make_program(step)(*args).source(str(path))
    found, expected = elsewhere(path, "step", args), plain(step(*args))
    assert tree.equal(found, expected) and tree.structure(found) == tree.structure(expected)


def test_a_trained_net_is_one_file_with_its_large_arrays_beside_it(tmp_path: Path) -> None:
    net = conv2d(1, 8, (3, 3)) >> relu >> max_pool2d((2, 2)) >> flatten() >> dense(8 * 4 * 4, 40)
    params, images = net.init(random.key(0)), np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype(np.float32)

    def predict(x: Any) -> Any:
        return net.apply(params, x)

    program = fn.make_program(predict)(images)
    with pytest.raises(ValueError, match=r"program\.source\(path='predict\.py'\)"):
        program.source()
    path = tmp_path / "predict.py"
    program.source(str(path))
    assert (tmp_path / "predict.npz").exists()
    assert_same(elsewhere(path, "predict", (images,)), np.array(predict(images)))


@pytest.mark.parametrize("value", [
    np.float16(0.1), np.array([np.nan, np.inf, -np.inf, -0.0]), np.array([1 + 2j, -0.0 - 0.0j]),
    np.array([True, False]), np.zeros((0, 3)), np.array(2.5),
    np.arange(6, dtype=np.uint8).reshape(2, 3), np.float32(1e-40), 1e308 * 10, -2.5,
    np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(12.0).reshape(3, 4)[::2, ::-1], np.int64(-3),
    np.broadcast_to(np.float32(0.1), (2, 3)), np.broadcast_to(np.arange(3.0), (2, 3)), np.full(5, np.float32(0.3)),
], ids=str)
def test_constants_are_exact(value: Any) -> None:
    def f(x: Any) -> Any:
        return x + 1, np.add(value, x[0, 0]), np.sum(np.multiply(value, x[0, 0]), axis=None)

    assert_same(in_place(f, (X,)), f(X))


def refused() -> set[str]:
    return {"x[mask of all]", "unique", "unique with counts"}


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in refused()], ids=lambda row: row.name)
def test_every_function_of_numpy(row: Any) -> None:
    def f(*args: Any) -> Any:
        y = row.f(np, *args)
        return tuple(y) if isinstance(y, list | tuple) else y

    args = arguments(row)
    assert_same(plain(in_place(f, args)), plain(f(*args)))


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in ROWS if row.name not in refused() | {"piecewise"}],
                         ids=lambda row: row.name)
def test_every_gradient(row: Any) -> None:
    def total(*args: Any) -> Any:
        return sum(np.sum(np.real(y) * 1.5 + np.imag(y)) for y in tree.leaves(row.f(np, *args)))

    args = arguments(row)
    if np.asarray(args[0]).dtype.kind == "f":
        found, expected = in_place(fn.grad(total), args), fn.grad(total)(*args)
        assert found.dtype == expected.dtype and found.tobytes() == expected.tobytes()


def test_what_has_no_source_is_refused() -> None:
    with pytest.raises(ValueError, match="its source is not known"):
        fn.make_program(lambda x: np.apply_along_axis(eval("lambda x: x * 2"), 0, x))(X).source()


def test_a_program_refuses_what_it_was_not_recorded_for() -> None:
    program = fn.make_program(lambda x, n: np.mean(x * n))(X, 2)
    assert program(X, 3) == np.mean(X * 3)
    for wrong in ((X[:2], 2), (X.astype(np.float64), 2), (X, 2.0), (X.tolist(), 2)):
        with pytest.raises(TypeError, match="recorded for"):
            program(*wrong)


def test_other_shapes_are_refused_by_the_file() -> None:
    program = fn.make_program(lambda x: np.mean(x * 2))(X)
    scope: dict[str, Any] = {}
    exec(program.source(), scope)
    with pytest.raises(ValueError, match=r"x must be float32\[4, 6\], got float64\[2, 2\]"):
        scope["f"](np.ones((2, 2)))


def test_a_condition_that_does_not_hold_is_an_error_of_the_file() -> None:
    program = fn.make_program(lambda z, y: losses.softmax_cross_entropy(z, y))(X, np.array([0, 1, 2, 3]))
    scope: dict[str, Any] = {}
    exec(program.source(), scope)
    with pytest.raises(ValueError, match="not right for these values"):
        scope["f"](X, np.array([0, 1, 2, 6]))
