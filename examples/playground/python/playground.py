"""What runs in the page: `begin` a program, `advance` it, `look` at it, and `read` its next step.

The program is the text of `writing.written`, run as it stands: what is shown is what is computed. A `Run` is that
program, the state of its training and the stream of the states to come.
"""

from __future__ import annotations

import json
import linecache
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import funcnn as fn
import looking
from funcnn import random, training
from funcnn.tracing import Trace, trace
from numbers_in_full import in_full
from settings import Settings
from writing import FILE, written

__all__ = ["Run", "advance", "begin", "look", "next_step", "page_settings", "read", "shown_once"]

FOR_EVER = 10**10


class Run(NamedTuple):
    """A program in the middle of its training."""

    text: str
    program: Mapping[str, Any]
    """What the text defines: net, loss, step, train ..."""
    view: Callable[[Any], dict[str, Any]]
    """What is seen of the parameters."""
    stream: Iterator[tuple[tuple[Any, ...], Any]]
    state: tuple[Any, ...]
    steps: int
    """So many are done."""


def page_settings(text: str) -> Settings:
    """The settings as the page sends them."""
    settings: Settings = json.loads(text)
    return settings


def begin(settings: Settings) -> Run:
    """The program of these settings before its first step."""
    text, program = written(settings), dict[str, Any](__name__="shown")
    linecache.cache[FILE] = (len(text), None, text.splitlines(keepends=True), FILE)  # a listing shows its lines
    exec(compile(text, FILE, "exec"), program)
    batches = replace(program["batches"], epochs=FOR_EVER)
    stream = training.scan(fn.jit(program["step"]), program["start"], batches)
    return Run(text, program, looking.eyes(program), stream, program["start"], 0)


def advance(run: Run, steps: int, seconds: float = float("inf")) -> tuple[Run, list[float]]:
    """The run so many steps later, or when the seconds are over, at least one step; and the loss before each."""
    end, state, losses = time.perf_counter() + seconds, run.state, list[float]()
    while len(losses) < steps and (not losses or time.perf_counter() < end):
        state, value = next(run.stream)
        losses.append(float(value))
    return run._replace(state=state, steps=run.steps + len(losses)), losses


def shown_once(run: Run) -> dict[str, Any]:
    """What is drawn of a run and does not change."""
    return looking.surroundings(run.program) | {"text": run.text}


def look(run: Run) -> dict[str, Any]:
    """What is drawn of a run and changes with every step."""
    return run.view(run.state[0]) | {"step": run.steps}


def next_batch(run: Run) -> Any:
    """The batch of the step to come."""
    return next(iter(replace(run.program["batches"], epochs=FOR_EVER, start=run.steps)))


def next_step(run: Run) -> Trace:
    """Every number of the step to come."""
    params, opt_state, *key = run.state
    now = [random.split(each)[1] for each in key]
    return trace(run.program["loss"], run.program["optimizer"], opt_state)(params, next_batch(run), *now)


def read(run: Run, what: str, where: str = "", full: bool = False) -> str:
    """A text about the step to come: its numbers, of one layer or all, cut or in full; or the step as `jit` runs it."""
    if what == "trace":
        return in_full(next_step(run), where) if full else next_step(run).table(where or None, width=160)
    return str(fn.make_program(run.program["step"])(*run.state, next_batch(run)))
