"""Lesson 38: `jit` runs your Python once and keeps the NumPy calls that it made; four things follow from that.

Lesson 31 shows what is kept. See here what is not. Python runs again where shapes or dtypes are new: 25 batches of 300
examples are two programs, since the last batch of an epoch is smaller. What a function reads besides its arguments is
kept as it was, so that a slope that is changed later, or a key that stays outside, does not change anything. A value
that is not there yet cannot decide where Python goes: `if` is refused, `np.where` is an operation like others. And an
argument that must decide, a number of turns, is made a part of the program by `static_argnums`.

What was kept and what was meant is drawn: `python examples/lessons/38_what_jit_keeps.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import funcnn as fn
from funcnn import plotting, random, training
from funcnn.core import TracerError
from funcnn.typing import Array, Scalar

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
seen: list[str] = []  # grows where Python runs


@fn.jit
def mean_square(x: Array) -> Scalar:
    """A function that tells when its Python runs."""
    seen.append(f"{x.shape[0]} x {x.shape[1]}")
    return np.mean(x * x)


print("1. PYTHON RUNS ONCE FOR EACH SHAPE")
size = 64
examples = random.normal(random.key(0), (300, 2))
batches = training.batches(random.key(1), examples, size=size, epochs=5)
print("so many calls:", len([mean_square(x) for x in batches]), "and for these Python ran:", ", ".join(seen))

settings = {"slope": 0.1}


def leaky(x: Array) -> Array:
    """A bent line; its slope below 0 is read from outside, which no pure function does."""
    return np.where(x > 0, x, settings["slope"] * x)


print("\n2. WHAT IS READ FROM OUTSIDE IS KEPT AS IT WAS")
x = np.linspace(-2, 2, 9)
jitted = fn.jit(leaky)
print(f"slope 0.1: leaky(-2) = {leaky(x)[0]}, jitted {jitted(x)[0]}")
settings["slope"] = 0.5
print(f"slope 0.5: leaky(-2) = {leaky(x)[0]}, jitted {jitted(x)[0]}")

key = random.key(2)
noise = fn.jit(lambda x: x + random.normal(key, (1,), np.float64))
noise_by_key = fn.jit(lambda x, key: x + random.normal(key, (1,), np.float64))
print("drawn with a key from outside:", *(f"{noise(np.asarray([0.0]))[0]:.3f}" for _ in range(3)))
print("with the key as an argument:  ", *(f"{noise_by_key(np.asarray([0.0]), k)[0]:.3f}" for k in random.split(key, 3)))


def size_of(x: Array) -> Array:
    """The absolute value, where Python decides."""
    return -x if x < 0 else x


print("\n3. A VALUE CANNOT DECIDE WHERE PYTHON GOES")
try:
    print(fn.jit(size_of)(np.asarray(-2.0)))
except TracerError as error:
    print(error)
print("as an operation:", fn.jit(lambda x: np.where(x < 0, -x, x))(np.asarray(-2.0)))


def power(x: Array, turns: int) -> Array:
    """x to the power 2^turns."""
    for _ in range(turns):
        x = x * x
    return x


print("\n4. AN ARGUMENT THAT DECIDES IS A PART OF THE PROGRAM")
print("fn.jit(power, static_argnums=1)(2.0, 3) =", fn.jit(power, static_argnums=1)(np.asarray(2.0), 3))
print(fn.make_program(lambda x: power(x, 3))(np.asarray(2.0)))

try:
    figure = plotting.figure(width=6.4, height=3.6)
    ax = figure.subplots()
    ax.plot(x, leaky(x), color=plotting.COLORS[0], label="leaky, after its slope was changed to 0.5")
    ax.plot(x, jitted(x), "o--", color=plotting.COLORS[2], label="jit(leaky), recorded when it was 0.1")
    ax.legend(frameon=False)
    figure.savefig(folder / "what_jit_keeps.png", dpi=160)
    print(f"\nwrote {folder / 'what_jit_keeps.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: `size = 50`. How many calls are there, and for how many does Python run?
