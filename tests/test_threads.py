"""Threads that help: results in order, the first error, none needed, none lost in a fork, and no wait without end."""

from __future__ import annotations

import multiprocessing
import os
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funcnn import _threads
from funcnn._threads import cores, in_threads, number_of_threads


@pytest.fixture(autouse=True)
def _three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three threads, of a pool of their own."""
    monkeypatch.setenv("FUNCNN_NUM_THREADS", "3")
    monkeypatch.setattr(_threads, "_pool", None)


def test_results_come_in_order_and_from_several_threads() -> None:
    meet = threading.Barrier(3)

    def work(n: int) -> tuple[int, int]:
        meet.wait(timeout=60)
        return n, threading.get_ident()

    numbers, threads = zip(*in_threads(work, range(3)), strict=True)
    assert numbers == (0, 1, 2) and len(set(threads)) == 3


def test_the_threads_are_kept() -> None:
    before = [in_threads(lambda _: threading.get_ident(), range(50)) for _ in range(20)]
    assert len({thread for each in before for thread in each}) <= 3


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_the_error_of_the_first_part_is_raised(threads: int) -> None:
    def work(n: int) -> int:
        if n % 2:
            raise ValueError(f"part {n}")
        return n

    for _ in range(20):
        with pytest.raises(ValueError, match="part 1"):
            in_threads(work, range(8), threads)


def test_one_inside_another_ends() -> None:
    def total(n: int) -> int:
        return sum(in_threads(lambda m: m * n if m < 3 else sum(in_threads(abs, range(n))), range(5)))

    assert in_threads(total, range(20)) == [3 * n + 2 * sum(range(n)) for n in range(20)]


def test_an_interrupt_is_not_kept_waiting_by_what_nobody_has_begun() -> None:
    done: list[int] = []

    def work(n: int) -> None:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        done.append(n)

    with pytest.raises(KeyboardInterrupt):
        in_threads(work, range(10_000), 1)
    assert done == []


def test_what_errstate_says_is_meant_in_all_threads() -> None:
    meet = threading.Barrier(2)

    def divided(x: Any) -> Any:
        meet.wait(timeout=60)
        return x / 0.0

    with np.errstate(divide="ignore"):
        assert in_threads(divided, [np.ones(2)] * 2, 2)[1].tolist() == [np.inf, np.inf]


def test_nothing_holds_the_results_afterwards() -> None:
    for _ in range(50):
        arrays = in_threads(np.ones, range(1, 3))
        seen = [weakref.ref(x) for x in arrays]
        del arrays
        assert [each() for each in seen] == [None, None]


def _forked() -> None:
    meet = threading.Barrier(2)
    in_threads(lambda _: meet.wait(timeout=60), range(2), 2)
    os._exit(0)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="nothing forks here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:os.fork.*:RuntimeWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    in_threads(abs, range(9))
    child = multiprocessing.get_context("fork").Process(target=_forked)
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_how_many_are_said_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert number_of_threads() == 3
    monkeypatch.setenv("FUNCNN_NUM_THREADS", "")
    assert number_of_threads() == cores() >= 1
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("FUNCNN_NUM_THREADS", wrong)
        with pytest.raises(ValueError, match=f"FUNCNN_NUM_THREADS: .*whole number from 1 on, got '{wrong}'"):
            number_of_threads()


@pytest.mark.parametrize(("text", "expected"), [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1),
                                                ("max 100000", 1 << 16), ("", 1 << 16)])
def test_what_a_container_allows(text: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = tmp_path / "cpu.max"
    limits.write_text(text)
    assert _threads._quota(limits) == expected
    monkeypatch.setattr(_threads, "_quota", lambda: 1)
    assert cores() == 1


def test_where_the_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _threads._quota(tmp_path / "missing") == 1 << 16
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1
