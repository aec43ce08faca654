"""What comes together in a run, and where its results lie: longer runs, less memory, the same bits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from alike import assert_same
from funcnn import optimizers, tree
from funcnn.staging import blocks, planner
from funcnn.staging.blocks import gathered, is_reshape, runs
from funcnn.staging.passes import PASSES, escaping, simplified
from funcnn.staging.planner import Choices, Plan
from funcnn.staging.recorder import copied


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes at which small arrays are cut, and shared out."""
    monkeypatch.setattr(blocks, "LARGE", 6)
    monkeypatch.setattr(blocks, "BLOCK", 8)
    monkeypatch.setattr(planner, "THREADED", 16)


def draw(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def other(x: Any, k: int) -> Any:
    """Other numbers, which lie in memory in the same way."""
    if not isinstance(x, np.ndarray):
        return x
    new = copied(x)
    new *= 1 + 0.01 * k
    return new


def plan_of(f: Callable[..., Any], args: tuple[Any, ...], choices: Choices = Choices(threads=1)) -> Plan:  # noqa: B008  # a NamedTuple never changes
    return Plan(fn.make_program(f)(*args), tree.leaves((args, {})), (), choices)


def check(f: Callable[..., Any], args: tuple[Any, ...], choices: Choices = Choices(threads=1)) -> Plan:  # noqa: B008  # a NamedTuple never changes
    """The plan, which gives what f gives, and keeps what it gave."""
    plan, given = plan_of(f, args, choices), []
    for k in range(4):
        own = tuple([other(x, k) for x in args])
        leaves = plan.take(own, {})
        assert leaves is not None
        given.append((plan(leaves), f(*own)))
    for found, expected in given:
        assert_same(found, expected)
    return plan


def lengths(plan: Plan) -> list[int]:
    """How many equations calculate in each run."""
    return [sum(not is_reshape(each) for each in plan.program.equations[run.start:run.stop])
            for run in runs(plan.program.equations)]


def test_the_update_of_an_optimizer_and_its_addition_are_one_run_for_each_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    from funcnn.optimizers import onepass

    monkeypatch.setattr(onepass, "SMALL", 4)
    optimizer = optimizers.adam(0.1)
    params = {"w": draw(5, 4), "v": draw(30)}

    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = optimizer.update(grads, state, params)
        return optimizers.apply_updates(params, updates), state

    plan = check(step, (params, optimizer.init(params), tree.map(lambda x: x * 2, params)))
    assert lengths(plan) == [14, 14]


def test_what_others_still_read_is_not_moved() -> None:
    def f(x: Any) -> Any:
        a = x * 2
        b = np.tanh(a)
        c = np.sum(b)
        return np.sum(np.exp(a) * c), np.sum(a > 0)

    equations = plan_of(f, (draw(5, 4),)).program.equations
    names = [getattr(each.function, "__name__", "") for each in equations]
    assert names.index("exp") > names.index("tanh") + 1 and names.index("greater") > names.index("exp")


def test_each_equation_comes_after_what_it_reads() -> None:
    def f(x: Any, y: Any) -> Any:
        a, b = np.exp(x), np.sum(y, axis=0)
        c = a * b
        d = np.sort(y, axis=0)
        return (c + 1) * d.reshape(-1).reshape(d.shape), np.where(c > 0, a, d), d[1:]

    args = draw(5, 4), draw(5, 4)
    program = simplified(fn.make_program(f)(*args), PASSES[:-1])
    ordered = gathered(program.equations, escaping(program))
    assert sorted(map(id, ordered)) == sorted(map(id, program.equations))
    there = set(program.inputs)
    for each in ordered:
        assert there.issuperset(each.reads)
        there.add(each.result)
    check(f, args)
    check(lambda x: np.exp(np.exp(-x * x) * 2 + np.exp(-x * x).T), (draw(5, 5),))


def test_a_constant_of_one_number_is_a_block() -> None:
    plan = check(lambda x: np.maximum(x * 2, np.zeros_like(x)) + 1, (draw(10, 4),))
    sizes = [x.size for x in itertools.chain(*[each.operands for each in plan.program.equations])
             if isinstance(x, np.ndarray) and x.ndim]
    assert sizes == [40] and "[:cut.stop - cut.start]" in plan.code
    check(lambda x: np.copysign(x * 2, np.array([0.0, -0.0] * 20).reshape(10, 4)) + 1, (draw(10, 4),))


def test_results_take_the_place_of_what_is_read_for_the_last_time() -> None:
    def f(x: Any, w: Any) -> Any:
        h = np.maximum(x @ w + 1, np.zeros((20, 20)))
        return h @ w

    plan = check(f, (draw(20, 20), draw(20, 20)))
    assert plan.code.count("= empty(3200,") == 1

    def turned(x: Any, w: Any) -> Any:
        h = x @ w
        return (np.exp(h) + h.T * 2) @ w, np.sum(h[:1] * h - h, axis=0)

    check(turned, (draw(20, 20), draw(20, 20)))

    def read_again(x: Any, w: Any) -> Any:
        h = x @ w
        a = h * 2
        b = a + h
        return a @ w, b @ w

    check(read_again, (draw(20, 20), draw(20, 20)))


def test_a_run_has_few_pieces_of_memory() -> None:
    def f(x: Any) -> Any:
        y = x
        for k in range(1, 20):
            y = np.tanh(y * k) + x
        return y, (y > 0) & (x > 0)

    plan = check(f, (draw(10, 4),))
    assert len(re.findall(r"^ {4}s\d+_\d+ = empty", plan.code, re.MULTILINE)) <= 4


def test_what_is_slow_in_place_has_a_place_of_its_own() -> None:
    plan = check(lambda x, w: (np.sign(x * 2 - 1) * x + 1) @ w, (draw(20, 20), draw(20, 20)))
    (operand, result), = re.findall(r"sign\((\w+), (\w+)\)", plan.code)
    assert operand != result


def test_own_threads_only_where_blas_has_none_awake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCNN_NUM_THREADS", "2")
    automatic = Choices()
    assert "in_threads" in check(lambda x: np.tanh(x * 2) + 1, (draw(30, 4),), automatic).code
    assert "in_threads" in check(lambda x: np.tanh(x @ x.T) + 1, (draw(30, 4),), automatic).code
    monkeypatch.setattr(planner, "SERIAL", 100)
    assert "in_threads" not in check(lambda x: np.tanh(x @ x.T) + 1, (draw(30, 4),), automatic).code
    monkeypatch.setenv("FUNCNN_NUM_THREADS", "1")
    assert "in_threads" not in check(lambda x: np.tanh(x * 2) + 1, (draw(30, 4),), automatic).code


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (2, 20), (2, 5, 4), (40,)])
@pytest.mark.parametrize("threads", [1, 3])
def test_shapes_of_few_and_many_rows(shape: tuple[int, ...], threads: int) -> None:
    last = draw(shape[-1])

    def f(x: Any, y: Any) -> Any:
        a = np.exp(-x * x) * last + y
        b = (a.reshape(-1) * 2 + 1).reshape(shape) - y[:1]
        return a, b.reshape(-1), np.tanh(b) * x

    check(f, (draw(*shape), draw(*shape)), Choices(threads=threads))
    check(f, (np.asfortranarray(draw(*shape)), draw(*shape)[..., ::-1]), Choices(threads=threads))
