"""A run that is interrupted and goes on from a file ends with the same bytes as one that is not.

FUNCNN_RESUME_EXAMPLES, _KILLS and _EPOCHS (60, 3 and 60 by default) make these tests longer; with 200 epochs the
example stops early.
"""

from __future__ import annotations

import functools
import inspect
import operator
import os
import random as python_random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funcnn import activations, losses, metrics, optimizers, random, schedules, training, tree
from funcnn.checkpoint import keep, latest, load, save
from funcnn.layers import dense, dropout, layer_norm, residual
from funcnn.training import EarlyStopping, batches, early_stopping, evaluate, fold, make_stochastic_step, scan

EXAMPLE = Path(__file__).parents[2] / "examples" / "resume.py"
EXAMPLES = int(os.environ.get("FUNCNN_RESUME_EXAMPLES", "60"))
KILLS = int(os.environ.get("FUNCNN_RESUME_KILLS", "3"))
EPOCHS = os.environ.get("FUNCNN_RESUME_EPOCHS", "60")

# Untyped: networks, optimizers and states of every kind.
fold_any: Any = fold
scan_any: Any = scan

# ----------------------------------------------------------------------------------------- random trainings

RATE = schedules.warmup_cosine_decay(0.0, 0.05, 3, 40)
DECAY = schedules.exponential_decay(0.1, 5, 0.7)
o = optimizers

OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: o.sgd(DECAY), "momentum": lambda: o.sgd(0.1, 0.9), "nesterov": lambda: o.sgd(RATE, 0.9, True),
    "adagrad": lambda: o.adagrad(RATE), "rmsprop": lambda: o.rmsprop(RATE), "adadelta": lambda: o.adadelta(),
    "adam": lambda: o.adam(RATE), "adamw": lambda: o.adamw(RATE, mask=lambda p: tree.map(lambda x: x.ndim > 1, p)),
    "adamax": lambda: o.adamax(RATE), "nadam": lambda: o.nadam(RATE), "radam": lambda: o.radam(RATE),
    "amsgrad": lambda: o.amsgrad(RATE), "lion": lambda: o.lion(RATE),
    "accumulate": lambda: o.accumulate(o.adam(RATE), every=3),
    "skip_not_finite": lambda: o.skip_not_finite(o.sgd(DECAY, 0.9)),
    "masked": lambda: o.masked(o.adam(0.1), lambda p: tree.map(lambda x: x.ndim > 1, p)),
    "frozen": lambda: o.chain(o.adam(RATE), o.masked(o.set_to_zero(), lambda p: tree.map(lambda x: x.ndim > 1, p))),
    "clipped": lambda: o.chain(o.clip(0.5), o.clip_by_global_norm(1.0), o.add_decayed_weights(1e-2), o.trace(0.9),
                               o.scale_by_learning_rate(DECAY)),
    "adabelief": lambda: o.adabelief(RATE), "yogi": lambda: o.yogi(RATE), "rprop": lambda: o.rprop(0.01),
    "sign_sgd": lambda: o.sign_sgd(DECAY), "lars": lambda: o.lars(RATE, 1e-3), "lamb": lambda: o.lamb(RATE),
    "adafactor": lambda: o.adafactor(RATE, 3, momentum=0.9),
    "partition": lambda: o.partition({"w": o.adam(RATE), "b": o.sgd(DECAY, 0.9)},
                                     lambda p: tree.map(lambda x: "w" if x.ndim > 1 else "b", p)),
    "selective_transform": lambda: o.selective_transform(
        o.adam(RATE), freeze_mask=lambda p: tree.map(lambda x: x.ndim == 1, p)),
    "freeze": lambda: o.chain(o.adam(RATE), o.freeze(lambda p: tree.map(lambda x: x.ndim == 1, p))),
    "lookahead": lambda: o.lookahead(o.adam(RATE), 3, 0.5, reset_state=True),
    "ema_params": lambda: o.chain(o.adam(RATE), o.ema_params(0.9)),
    "inject_hyperparams": lambda: o.inject_hyperparams(o.adam)(RATE),
    "by layers": lambda: o.chain(o.zero_nans(), o.adaptive_grad_clip(0.1), o.centralize(), o.clip_by_block_rms(0.5),
                                 o.add_noise(1e-3, 0.55, random.key(1)), o.sgd(0.1), o.keep_params_nonnegative()),
    "means": lambda: o.chain(o.ema(0.9), o.identity(), o.scale_by_schedule(DECAY), o.scale(-1.0)),
    **{name: functools.partial(lambda part: o.chain(part(), o.scale(-0.01)), getattr(o, name))
       for name in o.__all__ if name.startswith("scale_by_") and name not in ("scale_by_schedule", "scale_by_rprop",
                                                                              "scale_by_learning_rate")},
    "scale_by_rprop": lambda: o.chain(o.scale_by_rprop(0.01), o.scale(-1.0)),
}

ACTIVATIONS = [activations.relu, activations.gelu, np.tanh, activations.softplus]


def network(widths: list[int], choices: list[int], drop: float, blocks: bool) -> Any:
    """A net of these hidden widths, for two features and three classes."""
    stages: list[Any] = []
    for before, width, choice in zip([2, *widths], widths, choices, strict=False):
        stages += [dense(before, width), ACTIVATIONS[choice % len(ACTIVATIONS)], dropout(drop)]
        if blocks:
            stages += [residual(dense(width, width) >> np.tanh), layer_norm(width)]
    return functools.reduce(operator.rshift, [*stages, dense([2, *widths][-1], 3)])


@functools.cache
def data() -> tuple[Any, Any]:
    """Thirteen rows, which no size but 1 and 13 divides."""
    return random.normal(random.key(5), (13, 2)), np.arange(13) % 3


def through_a_file(folder: str, state: Any, like: Any) -> Any:
    """The state as another process would find it."""
    path = Path(folder) / "state.safetensors"
    save(path, state)
    return load(path, tree.map(lambda leaf: leaf, like))


@pytest.mark.slow
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(optimizer=st.sampled_from(sorted(OPTIMIZERS)), widths=st.lists(st.integers(1, 6), max_size=2),
       choices=st.lists(st.integers(0, 3), min_size=2, max_size=2), drop=st.sampled_from([0.0, 0.3]),
       blocks=st.booleans(), dtype=st.sampled_from([np.float32, np.float64]), size=st.integers(1, 14),
       epochs=st.integers(1, 3), seed=st.integers(0, 2**32 - 1), points=st.data())
def test_a_resumed_run_has_the_bytes_of_one_that_was_not_interrupted(
        optimizer: str, widths: list[int], choices: list[int], drop: float, blocks: bool, dtype: Any, size: int,
        epochs: int, seed: int, points: Any) -> None:
    net, descent = network(widths, choices, drop, blocks), OPTIMIZERS[optimizer]()
    init_key, order_key, mask_key = random.split(random.key(seed), 3)
    x, y = data()[0].astype(dtype), data()[1]

    def loss(params: Any, batch: Any, key: Any) -> Any:
        return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0], key=key), batch[1]))

    def stream(start: int) -> Any:
        return batches(order_key, (x, y), size, epochs, start)

    step = make_stochastic_step(loss, descent)
    params = tree.astype(net.init(init_key), dtype)
    start = state = (params, descent.init(params), mask_key)
    whole, history = fold_any(step, start, stream(0))

    stops = sorted(points.draw(st.lists(st.integers(0, len(stream(0))), max_size=3)))
    values: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        for begin, end in zip([0, *stops], [*stops, len(stream(0))], strict=True):
            some = [batch for batch, _ in zip(stream(begin), range(end - begin), strict=False)]
            state, part = fold_any(step, state, some)
            values += list(part)
            state = through_a_file(folder, state, start)
    assert tree.equal(state, whole)
    assert np.array_equal(values, history)


def test_every_optimizer_is_resumed() -> None:
    """By its own name, or as a part of another."""
    sources = inspect.getsource(sys.modules[__name__]) + " ".join(OPTIMIZERS)
    functions = [name for name in o.__all__ if inspect.isfunction(getattr(o, name))
                 and "GradientTransformation" in str(inspect.signature(getattr(o, name)).return_annotation)]
    assert len(functions) > 25
    assert [name for name in functions if f"o.{name}(" not in sources and name not in OPTIMIZERS
            and name not in ("entrywise",)] == []


# ---------------------------------------------------------------------------- early stopping, files of a run


def run(folder: Path | None, stop_at: int | None = None) -> tuple[Any, list[Any]]:
    """Train with early stopping, keep every second step in a folder, and be interrupted after a number of steps."""
    net = dense(2, 6) >> np.tanh >> dropout(0.2) >> dense(6, 3)
    optimizer, watching = optimizers.adam(RATE), early_stopping(patience=2, min_delta=0.05)
    params = net.init(random.key(1))
    start = ((params, optimizer.init(params), random.key(2)), EarlyStopping())

    def loss(params: Any, batch: Any, key: Any) -> Any:
        return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0], key=key), batch[1]))

    done, (state, watch) = (folder and latest(folder, start)) or (0, start)
    stream = batches(random.key(3), data(), 5, 20, start=done)
    step, seen = make_stochastic_step(loss, optimizer), []
    for number, (state, _) in enumerate(scan_any(step, state, [] if watch.stop else stream), done + 1):  # noqa: B020
        if number % 3 == 0:
            watch = watching(watch, evaluate(lambda p, batch: loss(p, batch, None), state[0], data()))
            seen.append((number, watch))
        if folder and (number % 2 == 0 or watch.stop):
            keep(folder, number, (state, watch))
        if watch.stop or number == stop_at:
            break
    return (state, watch), seen


@functools.cache
def undisturbed() -> tuple[Any, list[Any]]:
    """The run without interruption."""
    return run(None)


def test_the_run_stops_early_and_not_at_once() -> None:
    (_, watch), seen = undisturbed()
    assert watch.stop and 3 < len(seen) < 20


@pytest.mark.parametrize("stops", [[1], [2], [3], [5, 6], [4, 9, 10], [1, 2, 3, 4, 5, 6, 7, 8, 9], [100]])
def test_early_stopping_is_resumed_too(tmp_path: Path, stops: list[int]) -> None:
    """Also where it had stopped already."""
    found: dict[int, Any] = {}
    for stop in stops:
        found |= dict(run(tmp_path, stop)[1])
    last, seen = run(tmp_path)
    assert tree.equal(last, undisturbed()[0])
    assert list((found | dict(seen)).items()) == undisturbed()[1]


# ------------------------------------------------------------------------------------------- the example


def example(folder: Path, *more: str) -> list[str]:
    """How the example is started."""
    return [sys.executable, "-W", "error", str(EXAMPLE), "--folder", str(folder), *more]


def finished(folder: Path, *more: str) -> str:
    """The last line of a run of the example to its end: its digest."""
    done = subprocess.run(example(folder, *more), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def interrupted(folder: Path, how: signal.Signals, lines: int, *more: str, later: float = 0.0) -> tuple[int, str]:
    """Start the example, interrupt it after so many lines, or seconds later, and return its code and its stderr."""
    with subprocess.Popen(example(folder, *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        time.sleep(later)
        process.send_signal(how)
        _, error = process.communicate()
        return process.returncode, error


@pytest.mark.slow
def test_the_example_killed_at_random_moments_ends_with_the_same_digest(tmp_path: Path) -> None:
    seed = python_random.randrange(1000)
    moments = python_random.Random(seed)
    digest = finished(tmp_path / "in one go", "--epochs", EPOCHS)
    assert len(digest.removeprefix("digest: ")) == 64
    for _ in range(KILLS):
        lines = moments.randrange(1, int(EPOCHS) // KILLS)
        code, error = interrupted(tmp_path / "killed", signal.SIGKILL, lines, "--epochs", EPOCHS,
                                  later=0.02 * moments.random())
        assert code == -signal.SIGKILL, (seed, error)
    assert finished(tmp_path / "killed", "--epochs", EPOCHS) == digest, seed
    assert finished(tmp_path / "killed", "--epochs", EPOCHS) == digest, "it was finished already"
    names = sorted(path.name for path in (tmp_path / "killed").iterdir())
    assert len(names) <= 4 and all(name.endswith(".safetensors") for name in names)


INTERRUPTING = """
import builtins, itertools, runpy, signal, sys

def print_and_interrupt(*args, own_print=print, lines=itertools.count(1), **options):
    own_print(*args, **options)
    if next(lines) == 2:
        signal.raise_signal(signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)     # which a shell may have told to be ignored
builtins.print = print_and_interrupt
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""A program interrupts itself after two lines: from outside it may have ended before the signal arrives."""


@pytest.mark.slow
def test_the_example_learns_and_goes_on_after_an_interrupt(tmp_path: Path) -> None:
    python, *rest = example(tmp_path / "run", "--epochs", "40")
    begun = subprocess.run([python, "-c", INTERRUPTING, *rest[2:]], capture_output=True, text=True, check=False)
    assert (begun.returncode, begun.stderr) == (1, "interrupted; start it again to go on\n")
    assert len(begun.stdout.splitlines()) == 2
    digest = finished(tmp_path / "run", "--epochs", "40")
    printed = subprocess.run(example(tmp_path / "other", "--epochs", "40"), capture_output=True, text=True, check=True)
    *lines, last = printed.stdout.splitlines()
    values = [float(line.rpartition(" ")[2]) for line in lines]
    assert last == digest
    assert len(values) == 40
    assert values[-1] < 0.8 * values[0]


# ---------------------------------------------------------------------------------------------- threads


def trained(seed: int) -> Any:
    """A training that uses everything that could be shared: fused losses, memory that is used again, dropout."""
    net = network([16 + seed, 8], [seed, seed + 1], 0.2, seed % 2 == 0)
    init_key, data_key, order_key, mask_key = random.split(random.key(seed), 4)
    x = random.normal(data_key, (60, 2))
    y = np.argmax(x @ random.normal(init_key, (2, 3)), axis=1)

    def loss(params: Any, batch: Any, key: Any) -> Any:
        return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0], key=key), batch[1]))

    optimizer = list(OPTIMIZERS.values())[seed]()
    params = net.init(init_key)
    state, history = fold_any(make_stochastic_step(loss, optimizer), (params, optimizer.init(params), mask_key),
                              batches(order_key, (x, y), 16, 6))

    def evaluated(params: Any, x: Any) -> Any:
        return net.apply(params, x, key=None)

    predictions = training.predict(evaluated, state[0], x, 7)
    return state, history, predictions, metrics.confusion_matrix(predictions, y, 3)


def in_threads(f: Callable[[Any], Any], values: list[Any]) -> list[Any]:
    """f of each of the values, in eight threads that change places a hundred thousand times a second."""
    from concurrent.futures import ThreadPoolExecutor

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(f, values))
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("nets", [[0, 1, 2, 3, 4, 5, 6, 7], [3] * 8], ids=["eight nets", "one net eight times"])
def test_eight_threads_get_the_bytes_they_get_alone(nets: list[int]) -> None:
    """From the same code at once."""
    alone = [trained(seed) for seed in nets]
    for one, other in zip(alone, in_threads(trained, nets), strict=True):
        assert tree.equal(one, other)


@pytest.mark.slow
def test_eight_threads_share_one_state() -> None:
    """Which is as new as a state can be: what a tree only remembers when it is asked is asked for by all at once."""
    net = network([8, 8], [0, 1], 0.0, True)
    optimizer = optimizers.adam(0.05)

    def loss(params: Any, batch: Any) -> Any:
        return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0], key=None), batch[1]))

    step: Any = training.make_step(loss, optimizer)
    params = net.init(random.key(1))
    parts: list[Any] = list(batches(random.key(2), data(), 2))
    state = (params, optimizer.init(params))
    for number in range(20):
        alone = [step(*state, part) for part in parts]
        fresh = step(*state, parts[0])[:2]
        again = [step(*fresh, part) for part in parts]
        assert tree.equal(in_threads(functools.partial(lambda state, part: step(*state, part), state), parts), alone)
        unseen = step(*state, parts[0])[:2]
        assert tree.equal(in_threads(functools.partial(lambda state, part: step(*state, part), unseen), parts), again)
        state = again[number % len(parts)][:2]
