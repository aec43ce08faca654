"""Who works beside the thread that asks? `in_threads`: one pool of threads for the whole process, kept between calls.

The caller works too and takes what nobody has begun. So no call waits for another one, also when one stands inside
another, and where no thread can be started (WebAssembly, a limit of the system) the caller does it all. A forked child
gets a pool of its own. How many threads there are changes the time that something takes, and nothing else.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["cores", "in_threads", "number_of_threads"]

T = TypeVar("T")
R = TypeVar("R")

VARIABLE = "FUNCNN_NUM_THREADS"


def number_of_threads() -> int:
    """How many threads may work: what the environment variable FUNCNN_NUM_THREADS says, else one for each core."""
    said = os.environ.get(VARIABLE, "").strip()
    if not said:
        return cores()
    if not said.isdecimal() or int(said) < 1:
        raise ValueError(f"{VARIABLE}: the environment variable must be a whole number from 1 on, got {said!r}")
    return int(said)


def cores() -> int:
    """How many cores this process may use: fewer than the machine has where its affinity or its container says so."""
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(allowed, _quota()))


def _quota(limits: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """The cores that a container of Linux is given time for, rounded up; very many where there is no limit."""
    with suppress(OSError, ValueError):
        time, period = map(int, limits.read_text().split())  # "max 100000" has no number
        return -(-time // period)
    return 1 << 16


def in_threads(f: Callable[[T], R], parts: Iterable[T], threads: int | None = None) -> list[R]:
    """The results of f for each part, in their order; of several errors the first part's is raised, as by a loop.

    >>> in_threads(len, ["one", "three"])
    [3, 5]
    """
    work = _Work(f, list(parts))
    many = number_of_threads() if threads is None else threads
    helpers = _asked(work.help, min(many, len(work.parts)) - 1)
    try:
        work.help()
    finally:
        work.waiting.clear()
        for each in helpers:
            if not each.cancel():
                each.result()
    return work.given()


class _Work(Generic[T, R]):
    """The parts of a work that nobody has begun, and the results and errors of those that are done."""

    def __init__(self, f: Callable[[T], R], parts: Sequence[T]) -> None:
        self.f, self.parts, self.waiting = f, parts, deque(range(len(parts)))
        self.results: dict[int, R] = {}
        self.errors: dict[int, Exception] = {}

    def help(self) -> None:
        """Do one part after the other, until none is left."""
        while True:
            try:
                place = self.waiting.popleft()
            except IndexError:  # all are taken
                return
            try:
                self.results[place] = self.f(self.parts[place])
            except Exception as error:  # raised by the thread that asked
                self.errors[place] = error

    def given(self) -> list[R]:
        """The results, which are held by nobody else from now on: an idle thread may still know of this work."""
        results, errors, count = self.results, self.errors, len(self.parts)
        del self.f, self.parts, self.results, self.errors
        if errors:
            raise errors[min(errors)]
        return [results[place] for place in range(count)]


# ------------------------------------------------------------------------------------------------- the pool


_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()


def _asked(work: Callable[[], None], helpers: int) -> list[Future[None]]:
    """Ask so many threads to help, each in the context of the caller: what `np.errstate` says is meant there too."""
    asked: list[Future[None]] = []
    with suppress(RuntimeError):  # no thread can be started
        for _ in range(helpers):
            asked.append(_the_pool().submit(copy_context().run, work))
    return asked


def _the_pool() -> Any:
    global _pool  # the threads of the process
    with _lock:
        if _pool is None:
            from concurrent.futures import ThreadPoolExecutor

            _pool = ThreadPoolExecutor(max(1, number_of_threads() - 1), "funcnn")
        return _pool


def _forget() -> None:
    """In a forked child: threads are not forked, and the lock may have been held."""
    global _pool, _lock  # the threads of the process
    _pool, _lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
