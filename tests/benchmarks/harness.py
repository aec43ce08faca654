"""With this module you can time programs against each other on a busy machine: `compare`, `Contests`, `settings`.

Each contestant lives in a process of its own. In every round each of them, in turn, works for a slice of time; as
neighbours in time they meet the same machine, so the ratio of their times within one round is steadier than the
times themselves. A slice counts by the median of its units, so a unit that the machine interrupted does not matter;
beside it stands the quiet time, the first decile of the best slice: what a unit takes when nothing disturbs.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "Check", "Contestant", "Contests", "Make", "Settings", "Slice", "Times", "Work", "compare", "machine", "measured",
    "ratio", "set_torch_threads", "settings", "value_at",
]

Work: TypeAlias = Callable[[], Iterator[Any]]
"""Starts the work from its beginning: each `next` of the iterator does one unit of it."""

Make: TypeAlias = Callable[[], Work]
"""Imports what the work needs, prepares and compiles it, in the contestant's process: a function at the top of a
script, or a `functools.partial` of one, so that it can be sent there."""

Contests: TypeAlias = Mapping[str, Mapping[str, Make]]
"""{what is done: {who does it: how}}; the first of each contest is the one that the others are divided by."""


class Slice(NamedTuple):
    """What one contestant took for a unit in one round, in seconds: the median and the first decile of its units."""

    typical: float
    quiet: float


Times: TypeAlias = dict[str, dict[str, list[Slice]]]
"""{what: {who: its slices, one a round}}."""

EPOCH = 250
"""After so many units the work starts again, so that no training gets further than another's."""

SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Settings:
    """How long to measure, and how many threads BLAS and PyTorch may use; 0 leaves it to them, as a user finds them."""

    rounds: int = 15
    seconds: float = 0.3
    threads: int = 1


def settings(description: str | None, **defaults: Any) -> Settings:
    """The settings that the command line asks for."""
    standard = Settings(**defaults)
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=standard.rounds, help="how often each takes its turn")
    parser.add_argument("--seconds", type=float, default=standard.seconds, help="how long a turn is")
    parser.add_argument("--threads", type=int, default=standard.threads,
                        help="OPENBLAS_NUM_THREADS, for all; 0 is what each takes by itself")
    return Settings(**vars(parser.parse_args()))


# ------------------------------------------------------------------------------- in the contestant's process


def _serve(pipe: Connection, make: Make) -> None:
    """Answer the questions that come through the pipe, functions of the work, until the script has gone."""
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        try:
            work = make()
        except (ModuleNotFoundError, NotImplementedError) as error:
            pipe.send((False, f"left out: {error}"))
            return
        pipe.send((True, "ready"))
        while question := pipe.recv():
            pipe.send((True, question(work)))


def value_at(n: int, work: Work) -> Any:
    """What the n-th unit of the work gives, counted from 1."""
    return next(itertools.islice(work(), n - 1, None))


def _slice(seconds: float, work: Work) -> Slice:
    """A slice of about so many seconds, after a warming-up of a tenth."""
    _unit_times(seconds / 10, work)
    times = _unit_times(seconds, work)
    return Slice(median(times), quantiles([*times, times[0]], n=10, method="inclusive")[0])


def _unit_times(seconds: float, work: Work) -> list[float]:
    """The seconds that each unit took; starting the work is not counted."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        steps = itertools.islice(work(), EPOCH)
        before = time.perf_counter()
        for _ in steps:
            now = time.perf_counter()
            times.append(now - before)
            if now > end:
                break
            before = time.perf_counter()
    return times


# ----------------------------------------------------------------------------------------- in the script


class Contestant:
    """Work in a process of its own."""

    def __init__(self, make: Make) -> None:
        self._pipe, theirs = SPAWN.Pipe()
        self._process = SPAWN.Process(target=_serve, args=(theirs, make), daemon=True)
        self._process.start()
        theirs.close()
        self.present, self.state = self._answer()

    def ask(self, question: Callable[[Work], Any]) -> Any:
        """The answer of the process to a function of its work."""
        self._pipe.send(question)
        return self._answer()[1]

    def close(self) -> None:
        """End the process."""
        with suppress(BrokenPipeError):  # it has ended already
            self._pipe.send(None)
        self._process.join()

    def _answer(self) -> tuple[bool, Any]:
        try:
            answer: tuple[bool, Any] = self._pipe.recv()
        except EOFError:
            raise RuntimeError("a contestant has failed; its error is above") from None
        return answer


Check: TypeAlias = Callable[[Mapping[tuple[str, str], Contestant]], None]
"""Looks whether all contestants do the same; keys are (what, who)."""


def compare(title: str, contests: Contests, settings: Settings, unit: str = "us", scale: float = 1e6,
            check: Check | None = None) -> None:
    """Run the contests and print the times of a unit of work; `check` runs once, before."""
    times = measured(contests, settings, check)
    print(f"\n{title}\n{settings.rounds} rounds of {settings.seconds} s each in turn, OPENBLAS_NUM_THREADS="
          f"{settings.threads}\n{machine()}\n")
    _show(times, unit, scale)


def measured(contests: Contests, settings: Settings, check: Check | None = None) -> Times:
    """The slices of all contestants, one after the other in each round; `check` runs once, before."""
    with _contestants(contests, settings.threads) as contestants:
        if check:
            check(contestants)
        return _take_turns(contestants, settings)


def ratio(own: list[Slice], others: list[list[Slice]]) -> float:
    """How many times as long as the quickest of the others: the median over the rounds, where they are neighbours."""
    quotients: list[float] = [each.typical / min(other.typical for other in beside)
                              for each, *beside in zip(own, *others, strict=True)]
    return median(quotients)


def set_torch_threads() -> None:
    """Give PyTorch as many threads as BLAS has, where that is said."""
    if threads := int(os.environ.get("OPENBLAS_NUM_THREADS", "0")):
        import torch

        torch.set_num_threads(threads)


def _take_turns(contestants: Mapping[tuple[str, str], Contestant], settings: Settings) -> Times:
    times: Times = {}
    for _ in range(settings.rounds):
        for (what, who), contestant in contestants.items():
            own = times.setdefault(what, {}).setdefault(who, [])
            own.append(contestant.ask(partial(_slice, settings.seconds)))
    return times


@contextmanager
def _contestants(contests: Contests, threads: int) -> Iterator[dict[tuple[str, str], Contestant]]:
    """All contestants, ready, and closed in the end; who cannot take part is named."""
    if threads:
        os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
    present = {}
    with ExitStack() as stack:
        for what, makers in contests.items():
            for who, make in makers.items():
                contestant = Contestant(make)
                stack.callback(contestant.close)
                if contestant.present:
                    present[what, who] = contestant
                else:
                    print(f"{what}, {who}: {contestant.state}")
        yield present


# -------------------------------------------------------------------------------------------------- tables


def _show(times: Times, unit: str, scale: float) -> None:
    """Times, medians over the rounds, and how many times as long as the first of its contest each takes."""
    print(f"{'':36}{unit:>10}{unit + ' quiet':>12}   times the first: by rounds (quartiles), quiet")
    for what, contest in times.items():
        print(what)
        for who, own in contest.items():
            first = next(iter(contest.values()))
            print(f"  {who:34}{scale * median(one.typical for one in own):10.4g}{scale * _quiet(own):12.4g}   "
                  f"{_ratios(own, first):>28}{_quiet(own) / _quiet(first):10.2f}")


def _quiet(slices: list[Slice]) -> float:
    return min(one.quiet for one in slices)


def _ratios(own: list[Slice], first: list[Slice]) -> str:
    ratios = [a.typical / b.typical for a, b in zip(own, first, strict=True)]
    low, middle, high = quantiles([*ratios, median(ratios)], n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f} .. {high:.2f})"


def machine() -> str:
    """The processor, how busy it is, and the versions of all that takes part."""
    packages = ["numpy", "torch", "jax", "optax", "scikit-learn", "autograd"]
    versions = [f"{name} {version}" for name in packages if (version := _version(name))]
    return (f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
            f"Python {platform.python_version()}, {', '.join(versions)}")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
