"""Does it compute here what it should? `checks`, of bits and digits, and `speed`.

What is promised to be the same everywhere must be the same to the bit: draws from keys, jitted functions beside the
functions themselves, checkpoints. A training may end in other last digits on another processor or BLAS, but not in
others than the last: so the digits are counted.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from funcnn import checkpoint, datasets, losses, optimizers, random, training, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.staging import jit
from funcnn.typing import Scalar

__all__ = ["Check", "checks", "speed"]

DRAWS = "20f82c21ca82478e"
"""The digest of `draws()`: the same on every machine, with every NumPy."""

LOSS = 1.0198950733420526
"""The loss after 20 steps of the spiral in float64."""

DIGITS = 6
"""So many digits of it must be right; 14 and more are usual."""

State = tuple[Any, Any]
Step = Callable[..., tuple[Any, Any, Scalar]]


class Check(NamedTuple):
    """What was looked at, whether it is right, and what was found."""

    name: str
    ok: bool
    found: str


def checks() -> Iterator[Check]:
    """One check after the other; what fails with an error is not right, and says the error.

    >>> all(check.ok for check in checks())
    True
    """
    for name, check in {"random": _random, "jit": _jit, "checkpoint": _checkpoint, "training": _training}.items():
        try:
            ok, found = check()
        except Exception as error:  # whatever it is, it belongs into the report
            ok, found = False, f"{type(error).__name__}: {' '.join(str(error).split())}"
        yield Check(name, ok, found)


# ------------------------------------------------------------------------------------------------- bits


def _random() -> tuple[bool, str]:
    digest = draws()
    return digest == DRAWS, f"draws from a key, bit for bit: {digest}" + _instead(digest == DRAWS, DRAWS)


def draws() -> str:
    """A digest of draws that are the same on every machine."""
    key = random.key(42)
    numbers: list[Any] = [random.split(key, 5), random.bits(key, (99,)), random.uniform(key, (99,)),
                          random.randint(key, (99,), 0, 1000), random.permutation(key, 99),
                          random.bernoulli(key, 0.3, (99,))]
    return hashlib.sha256(b"".join(np.asarray(x, "<f8").tobytes() for x in numbers)).hexdigest()[:16]


def _jit() -> tuple[bool, str]:
    same = True
    for dtype in (np.float32, np.float64):
        step, start, batch = spiral(dtype)
        same &= _bytes(_trained(step, start, batch)) == _bytes(_trained(jit(step), start, batch))
    return same, "a jitted training and the training itself, byte for byte" + ("" if same else ": they differ")


def _checkpoint() -> tuple[bool, str]:
    step, start, batch = spiral(np.float32)
    state, _ = _trained(step, start, batch)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state.safetensors")
        checkpoint.save(path, state)
        same = _bytes(checkpoint.load(path, start)) == _bytes(state)
    return same, "a training saved and loaded, byte for byte" + ("" if same else ": they differ")


def _bytes(values: object) -> bytes:
    return b"".join(np.asarray(leaf).tobytes() for leaf in tree.leaves(values))


# ------------------------------------------------------------------------------------------------- digits


def _training() -> tuple[bool, str]:
    _, loss = _trained(*spiral(np.float64))
    right = digits(float(loss), LOSS)
    found = f"20 steps in float64 end with a loss of {float(loss):.15g}, {right} digits of which are right"
    return right >= DIGITS, found + _instead(right >= DIGITS, LOSS)


def digits(found: float, expected: float) -> int:
    """How many digits of a number are right, 16 at the most.

    >>> digits(0.5, 0.5), digits(0.50000001, 0.5), digits(0.1, 0.5), digits(float("nan"), 0.5)
    (16, 7, 0, 0)
    """
    error = abs(found - expected) / abs(expected)
    return 16 if error == 0 else int(min(16, max(0, -math.log10(error)))) if math.isfinite(error) else 0


def _instead(ok: bool, expected: object) -> str:
    return "" if ok else f", which should be {expected}"


def spiral(dtype: Any) -> tuple[Step, State, tuple[Any, Any]]:
    """The training that the README begins with: its step, where it starts, and the one batch that it has."""
    data_key, init_key = random.split(random.key(0), 2)
    batch = datasets.spiral(data_key, samples=100, classes=3, dtype=dtype)
    net = dense(2, 64) >> relu >> dense(64, 3)

    def loss(params: Any, batch: Any) -> Scalar:
        x, y = batch
        value: Scalar = np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))
        return value

    params = tree.astype(net.init(init_key), dtype)
    optimizer = optimizers.adam(0.05)
    return training.make_step(loss, optimizer), (params, optimizer.init(params)), batch


def _trained(step: Step, state: State, batch: object, steps: int = 20) -> tuple[State, Scalar]:
    value: Scalar = np.float64("nan")
    for _ in range(steps):
        *rest, value = step(*state, batch)
        state = (rest[0], rest[1])
    return state, value


# -------------------------------------------------------------------------------------------------- speed


def speed(seconds: float = 1.0) -> Iterator[str]:
    """Lines that say how fast it is; each number takes about so many seconds."""
    step, state, batch = spiral(np.float32)
    eager, jitted = (1 / _time(partial(f, *state, batch), seconds) for f in (step, jit(step)))
    yield f"spiral, 300 x 2-64-3 in float32: {eager:,.0f} steps a second, jitted {jitted:,.0f}"
    a = np.ones((512, 512), np.float32)
    yield f"product, 512 x 512 x 512 in float32: {2e-9 * 512**3 / _time(lambda: a @ a, seconds / 4):.3g} GFLOP a second"


def _time(work: Callable[[], object], seconds: float) -> float:
    """What a work takes, in seconds: the median of as many as there is time for, but the first, and at least three."""
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return max(median(times), 1e-9)  # a clock may be too coarse to see any time
