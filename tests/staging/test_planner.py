"""Every choice of the planner, off and on: the same bytes, strides and flags, and nothing given ever changes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from alike import assert_same, quietly, varied
from funcnn import losses, optimizers, random, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.staging import blocks, planner
from funcnn.staging.equation import expect, freeze
from funcnn.staging.passes import PASSES
from funcnn.staging.planner import Choices, Plan
from funcnn.staging.recycling import HELD, can_recycle

NET = dense(3, 5) >> relu >> dense(5, 4)
ADAM = optimizers.adam(0.01)


class Pair(NamedTuple):
    """A node of a result."""

    left: Any
    right: Any


def step(params: Any, state: Any, x: Any, y: Any) -> Any:
    """A step of training."""
    value, grads = fn.value_and_grad(
        lambda params: np.mean(losses.softmax_cross_entropy(NET.apply(params, x), y)))(params)
    updates, state = ADAM.update(grads, state, params)
    return optimizers.apply_updates(params, updates), state, value


def draw(*shape: int, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(dtype)


def normalized(x: Any) -> Any:
    mean, std = np.mean(x, axis=-1, keepdims=True), np.std(x, axis=-1, keepdims=True)
    return (x - mean) / (std + 1e-5)


def cubed(x: Any) -> Any:
    return np.sum(normalized(x) ** 3)


def joins(x: Any, y: Any) -> Any:
    """Parts that are joined, read elsewhere, and joined twice."""
    a, b = x * y, x @ y.T
    whole = np.concatenate([a, b, x + 1], axis=None)
    twice = np.concatenate([a, a], axis=None)
    return whole * 2, np.sum(a), twice + 1, np.exp(b)


def views(x: Any) -> Any:
    a = x * 2
    b = a.T[1:]
    c = b.reshape(-1)[::2]
    return c + 1, a.T, a[0], np.sum(b, axis=0), a


def chain_of_many(x: Any, y: Any) -> Any:
    """A long run of functions of single entries, some of whose results are handed out."""
    a = np.exp(-x * x) + y
    b = np.tanh(a) * 0.5 + a / (1 + abs(a))
    c = np.where(b > 0, b, 0.1 * b)
    return c, np.sqrt(abs(b) + 1) * c - 3, np.sum(c)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "a step": (step, (NET.init(random.key(0)), ADAM.init(NET.init(random.key(0))), draw(6, 3, dtype=np.float32),
                      np.arange(6) % 4)),
    "a step of a dict": (step, (dict(tree.map(np.asarray, dict(NET.init(random.key(0))))),
                                ADAM.init(dict(NET.init(random.key(0)))), draw(6, 3, dtype=np.float32),
                                np.arange(6) % 4)),
    "normalized": (normalized, (draw(7, 5),)),
    "its gradient": (fn.grad(cubed), (draw(7, 5),)),
    "joins": (joins, (draw(4, 4), draw(4, 4) + 1)),
    "views": (views, (draw(6, 4),)),
    "chain": (chain_of_many, (draw(40, 6), draw(40, 6) + 1)),
    "chain with a row": (chain_of_many, (draw(40, 6), draw(6) + 1)),
    "chain of float32": (chain_of_many, (draw(50, 3, dtype=np.float32), np.float32(0.5))),
    "chain in Fortran order": (chain_of_many, (np.asfortranarray(draw(40, 6)), np.asfortranarray(draw(40, 6)))),
    "chain of nothing": (chain_of_many, (draw(0, 6), draw(0, 6))),
    "sorted": (lambda x: (np.sort(x, axis=0), np.cumsum(x, axis=1), np.argsort(x)), (draw(5, 6),)),
    "itself": (lambda x, y: (x, x.T, y, x), (draw(3, 4), 2.0)),
    "one array twice": (lambda x: [x + 1, Pair(x * 2, None)] + [x * 2] * 2, (draw(3, 4),)),
    "constants": (lambda x: {"zeros": np.zeros_like(x), "ones": np.ones(3), "x": x + np.arange(4), "name": "relu"},
                  (draw(3, 4),)),
    "reductions": (lambda x: (x.sum((0, 2)), x.max(1, keepdims=True), np.min(x), np.any(x > 1, axis=0), np.prod(x, 2),
                              np.mean(x), np.mean(x, axis=1), np.all(x > -9)), (draw(3, 4, 5),)),
    "kinds": (lambda n, x, z, flag: (n + 1, n / 2, 2 ** n, x * n, x ** 2, x ** 0.5, z * z.conj(), flag & (x > 0), -n),
              (3, abs(draw(4)), draw(4) + 1j, np.array([True, False, True, True]))),
    "float16": (lambda x: (np.exp(x) * 2, np.mean(x), x.sum(0), x @ x.T), (draw(4, 3, dtype=np.float16),)),
    "signs of zero": (lambda x: np.copysign(2, 0.0 * abs(x)) + np.copysign(3, -0.0 * abs(x)), (draw(9),)),
    "complex numbers": (lambda x: np.complex128(1.5 - 1.1j) * np.linalg.det(x + 1j * x.T), (draw(3, 3),)),
    "same numbers twice": (lambda x: (np.exp(x) + np.exp(x), np.exp(x) * 2, 0.0 * x, -0.0 * x), (draw(9),)),
    "draws": (lambda key, x: x * random.normal(key, x.shape) + random.uniform(random.split(key)[1]),
              (random.key(3), draw(5))),
    "strided": (lambda x: (x * 2, np.exp(x[::2]), x.copy(), x.astype(np.float32)), (draw(12, 6)[::2, ::3],)),
}

OFF = {"passes": Choices(passes=()), "own_memory": Choices(own_memory=False), "joins": Choices(joins=False),
       "views_once": Choices(views_once=False), "blocks": Choices(blocks=False), "recycles": Choices(recycles=False)}
CHOICES = {"all": Choices(), "one thread": Choices(threads=1), "three threads": Choices(threads=3),
           **{f"no {name}": choices for name, choices in OFF.items()},
           **{f"only {each.__name__}": Choices(passes=(each,)) for each in dict.fromkeys(PASSES)},
           "none": Choices((), False, False, False, False, 1, False)}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes at which small arrays are cut, shared out and used again."""
    monkeypatch.setattr(blocks, "LARGE", 8)
    monkeypatch.setattr(blocks, "BLOCK", 16)
    monkeypatch.setattr(planner, "RECYCLED", 16)
    monkeypatch.setattr(planner, "THREADED", 16)


def planned(f: Callable[..., Any], args: tuple[Any, ...], choices: Choices) -> Callable[..., Any]:
    plans = [plan_of(f, args, choices)]

    def run(*args: Any) -> Any:
        taken = plans[-1].take(args, {})
        if taken is None:  # varied arguments have no gaps
            plans.append(plan_of(f, args, choices))
            taken = plans[-1].take(args, {})
        assert taken is not None and len(plans) < 3
        return plans[-1](taken)

    return run


def plan_of(f: Callable[..., Any], args: tuple[Any, ...], choices: Choices) -> Plan:
    return Plan(fn.make_program(f)(*args), tree.leaves((args, {})), (), choices)


@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_bits_call_after_call(name: str, choices: Choices) -> None:
    f, args = PROGRAMS[name]
    run = planned(f, args, choices)
    kept = []
    for k in range(6):
        own = varied(args, k)
        expected = quietly(f, own)
        found = quietly(run, own)
        assert_same(found, expected)
        if k % 2:
            kept.append((found, expected))
    for found, expected in kept:
        assert_same(found, expected)


def test_what_the_choices_do() -> None:
    f, args = PROGRAMS["a step"]
    text = {name: plan_of(f, args, choices).code for name, choices in CHOICES.items()}
    assert "[cut]" in text["all"] and "[cut]" not in text["no blocks"]
    assert "again_" in text["all"] and "again_" not in text["no recycles"]
    assert text["all"].count("concatenate(") < text["no joins"].count("concatenate(")
    assert "uint8" in text["all"] and " = empty(" not in text["none"]
    before = {name: code.partition("def run(")[0].count(".T") for name, code in text.items()}
    assert before["all"] > before["no views_once"] == 0


def test_passes_make_a_program_smaller() -> None:
    f, args = PROGRAMS["a step"]
    program = fn.make_program(f)(*args)
    sizes = [len(program.equations)]
    for each in PASSES:
        program = each(program)
        sizes.append(len(program.equations))
        assert_same(program(*args), f(*args))
    assert sizes[0] > sizes[1] > sizes[2] and sizes[-1] < sizes[0] - 8
    assert sum(each.function is expect for each in program.equations) == 2
    assert sum(each.function is freeze for each in program.equations) < 10


def test_two_results_of_which_one_is_written_into_are_two_arrays() -> None:
    f = fn.jit(lambda x: (np.exp(x), np.exp(x), np.zeros_like(x), np.zeros_like(x)))
    x = draw(20)
    for _ in range(3):
        a, b, c, d = f(x)
        before = b.copy()
        a[:], c[:] = 7.0, 7.0
        assert b.tobytes() == before.tobytes() and not d.any()


@pytest.mark.skipif(not can_recycle(), reason="this Python does not tell who holds an array")
def test_memory_is_used_again_only_when_nobody_holds_it() -> None:
    f = fn.jit(lambda x: (x * 2, (x + 1).T))
    x, seen = draw(30, 4), set()
    for k in range(20):
        y, z = f(x + k)
        seen.add(y.__array_interface__["data"][0])
        del y, z
    assert len(seen) <= HELD
    kept = []
    for k in range(20):
        y, z = f(x + k)
        kept.append([(y[1:, ::2], (x + k)[1:, ::2] * 2), (z[0], ((x + k) + 1).T[0]),
                     (np.asarray(memoryview(y))[2], (x + k)[2] * 2)][k % 3])
        del y, z
    for found, expected in kept:
        assert found.tobytes() == expected.tobytes()


def test_what_a_frozen_dict_holds_is_read_only() -> None:
    def f(x: Any) -> Any:
        y = x * 2
        row = y[0]
        y.setflags(write=False)
        return fn.FrozenDict({"y": y, "row": row, "x": x, "n": np.sum(y)})

    g, x = fn.jit(f), draw(4, 5)
    for _ in range(3):
        found = g(x)
        assert not any(found[name].flags.writeable for name in ("y", "row", "x")) and x.flags.writeable
        assert tree.equal(found, f(x))


def test_eight_threads_at_once() -> None:
    f, args = PROGRAMS["a step"]
    g = fn.jit(f)
    inputs = [varied(args, k) for k in range(40)]
    expected = [f(*each) for each in inputs]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            for found, right in zip(pool.map(lambda each: g(*each), inputs), expected, strict=True):
                assert_same(found, right)


def test_an_exception_in_the_middle_leaves_everything_as_it_was() -> None:
    def f(x: Any) -> Any:
        y = np.exp(x) * 2
        return y / (x - 1), y

    g, x = fn.jit(f), draw(20)
    kept = g(x)
    before = tree.map(np.copy, kept)
    with np.errstate(divide="raise"):
        one = x.copy()
        one[3] = 1.0
        with pytest.raises(FloatingPointError) as found:
            g(one)
        with pytest.raises(FloatingPointError) as expected:
            f(one)
        assert str(found.value) == str(expected.value)
    assert_same(g(x), f(x))
    assert_same(tree.map(np.copy, kept), before)


def test_a_jitted_function_may_call_itself() -> None:
    def total(x: Any, n: int) -> Any:
        return np.sum(x) if n == 0 else total(x[: len(x) // 2] * 2, n - 1) + np.max(x)

    jitted: Any = fn.jit(total, static_argnums=1)
    x = draw(64)
    assert jitted(x, 3) == total(x, 3) == jitted(x, 3)


OPERATIONS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - 0.5, lambda a, b: np.exp(-abs(a)), lambda a, b: a.T,
    lambda a, b: np.tanh(a) / (1 + b * b), lambda a, b: np.sum(a, axis=0), lambda a, b: np.where(a > b, a, b),
    lambda a, b: np.max(a, axis=-1, keepdims=True), lambda a, b: np.concatenate([a, b], axis=None)[:4].reshape(2, 2),
    lambda a, b: a[::-1],
    lambda a, b: a @ b if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0] else a, lambda a, b: np.sort(a, axis=0),
    lambda a, b: a.reshape(-1), lambda a, b: a.copy(), lambda a, b: np.maximum(a, 0), lambda a, b: a * 2 + a * 2,
    lambda a, b: a.astype(np.float32), lambda a, b: np.mean(a), lambda a, b: a[..., None] * 1.5,
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(OPERATIONS) - 1), st.integers(0, 50), st.integers(0, 50)), min_size=1,
                max_size=14), st.integers(0, 3))
def test_random_programs(choices: list[tuple[int, int, int]], seed: int) -> None:
    def f(x: Any, y: Any) -> Any:
        made = [x, y]
        for which, i, j in choices:
            a, b = made[i % len(made)], made[j % len(made)]
            try:
                made.append(OPERATIONS[which](np.atleast_1d(a), np.atleast_1d(b)))
            except ValueError:  # shapes that do not go together
                made.append(a * 2)
        return tuple(made[2::2]) + tuple(made[-3:])

    rng = np.random.default_rng(seed)
    args = rng.normal(size=(4, 4)), rng.normal(size=(4,) if seed % 2 else (4, 4))
    g = fn.jit(f)
    results = [(quietly(g, each), quietly(f, each)) for each in (args, varied(args, 1), varied(args, 2), args)]
    for found, expected in results:
        assert_same(found, expected)
