"""Programs made at random: planned in every way, they give what the function gives, and it never changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from alike import assert_same, quietly, varied
from funcnn import tree
from funcnn.staging import blocks, planner
from funcnn.staging.passes import PASSES
from funcnn.staging.planner import Choices, Plan
from random_programs import KINDS, OUTPUTS, SHAPES, STEPS, arguments_of, program_of

CHOICES = [Choices(), Choices(threads=1), Choices(threads=2), Choices(passes=()), Choices(own_memory=False),
           Choices(joins=False), Choices(views_once=False), Choices(blocks=False), Choices(recycles=False),
           Choices(PASSES, True, True, False, False, 1, False), Choices((), False, False, False, False, 1, False)]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes at which small arrays are cut, shared out and used again."""
    monkeypatch.setattr(blocks, "LARGE", 6)
    monkeypatch.setattr(blocks, "BLOCK", 8)
    monkeypatch.setattr(planner, "RECYCLED", 16)
    monkeypatch.setattr(planner, "THREADED", 16)


def check(steps: list[tuple[int, int, int]], outputs: list[int], shape: tuple[int, ...], kind: int,
          choices: Choices) -> None:
    """What is planned gives what the function gives, call after call, and nothing given ever changes."""
    f, args = program_of(steps, outputs), arguments_of(shape, kind)
    expected = quietly(f, args)
    if isinstance(expected, Exception):
        return
    program = quietly(fn.make_program(f), args)
    if isinstance(program, Exception):
        raise program
    plan = Plan(program, tree.leaves((args, {})), (), choices)
    assert_same(quietly(lambda *args: program.result.build(tuple(program.run(args))), args), expected)
    kept = []
    for k in range(4):
        own = tuple(_like(x, new) for x, new in zip(args, varied(args, k), strict=True))
        leaves = plan.take(own, {})
        assert leaves is not None
        found, right = quietly(lambda leaves=leaves: plan(leaves), ()), quietly(f, own)
        assert_same(found, right)
        kept += [(found, right)] * (k % 2)
        kept += [([x[..., 1:].T for x in found[0] if np.ndim(x)], [x[..., 1:].T for x in right[0] if np.ndim(x)])]
        del found
    for found, right in kept:
        assert_same(found, right)


def _like(x: Any, new: Any) -> Any:
    """New numbers that lie in memory as the old ones do."""
    y = np.lib.stride_tricks.as_strided(np.empty(max(x.nbytes * 4, 8) // x.itemsize, x.dtype), x.shape, x.strides)
    y[...] = new
    return y


@settings(max_examples=60)
@given(STEPS, OUTPUTS, st.sampled_from(SHAPES), KINDS, st.sampled_from(CHOICES))
def test_random_programs(steps: Any, outputs: Any, shape: Any, kind: int, choices: Choices) -> None:
    check(steps, outputs, shape, kind, choices)


@pytest.mark.slow
@settings(max_examples=300)
@given(STEPS, OUTPUTS, st.sampled_from(SHAPES), KINDS, st.sampled_from(CHOICES))
def test_many_random_programs(steps: Any, outputs: Any, shape: Any, kind: int, choices: Choices) -> None:
    check(steps, outputs, shape, kind, choices)
