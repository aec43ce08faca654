"""The self-check: it passes here, and each thing that it looks at makes it fail when it is wrong."""

from __future__ import annotations

import itertools
import re
import time
from typing import Any

import numpy as np
import pytest

from funcnn import _selfcheck, checkpoint, random
from funcnn._selfcheck import checks, digits, draws, speed


def test_all_is_well_here() -> None:
    found = list(checks())
    assert [check.name for check in found] == ["random", "jit", "checkpoint", "training"]
    assert [check for check in found if not check.ok] == []
    right = re.search(r"loss of 1\.01989507334\d*, (\d+) digits", found[-1].found)
    assert right is not None
    assert int(right[1]) >= 13


def test_the_digest_sees_each_kind_of_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bits", "uniform", "randint", "permutation", "split", "bernoulli"):
        draw: Any = getattr(random, name)
        with monkeypatch.context() as patch:
            patch.setattr(random, name, lambda *args, draw=draw: np.roll(draw(*args), 1, axis=0))
            assert draws() != _selfcheck.DRAWS, name
            (check,) = itertools.islice(checks(), 1)
            assert not check.ok
            assert check.found.endswith(f", which should be {_selfcheck.DRAWS}")


@pytest.mark.parametrize(("name", "patched", "wrong", "said"), [
    ("jit", "jit", lambda f: lambda *args: (*f(*args)[:2], np.float64(0)), "byte for byte: they differ"),
    ("checkpoint", "checkpoint.load", lambda path, like: like, "byte for byte: they differ"),
    ("training", "LOSS", 1.01990, "5 digits of which are right, which should be 1.0199"),
])
def test_each_check_sees_what_is_wrong(name: str, patched: str, wrong: object, said: str,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"funcnn._selfcheck.{patched}", wrong)
    found = {check.name: check for check in checks()}
    assert [check.name for check in found.values() if not check.ok] == [name]
    assert found[name].found.endswith(said)


def test_an_error_is_reported_and_the_rest_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(path: str, tree: object) -> None:
        raise OSError("the disk\n  is full")

    monkeypatch.setattr(checkpoint, "save", save)
    found = list(checks())
    assert [check.ok for check in found] == [True, True, False, True]
    assert found[2].found == "OSError: the disk is full"


def test_digits_are_counted() -> None:
    assert [digits(1 + error, 1.0) for error in (0, 2.3e-16, 2e-9, -2e-9, 0.5, 1e300, np.inf, np.nan)] == [
        16, 15, 8, 8, 0, 0, 0, 0]


def test_speed_is_said_in_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    spiral, product = speed(0.0)
    assert re.fullmatch(r"spiral, 300 x 2-64-3 in float32: [\d,]+ steps a second, jitted [\d,]+", spiral)
    assert re.fullmatch(r"product, 512 x 512 x 512 in float32: [\d.e+]+ GFLOP a second", product)
    calls: list[int] = []
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)  # a clock that sees nothing
    assert _selfcheck._time(lambda: calls.append(1), -1.0) == 1e-9
    assert len(calls) == 4
