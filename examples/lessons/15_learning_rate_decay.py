"""Lesson 15: a learning rate that falls lets the first steps be large and the last ones small.

See what `schedules.inverse_time_decay` gives, the book's decay, rate / (1 + decay t); the book prints it one step
late. See it on the spiral: three rates and the loss before the steps 0, 1, 10 and 100. A falling rate has learnt less
by then; what it is good for is noise. Where every step sees one example, a constant rate never comes to rest, and the
rate 1 / (2 (1 + t)) makes w the mean of all the examples seen.

Both ways of w are drawn into the folder that you name: `python examples/lessons/15_learning_rate_decay.py .`
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

from book_spiral import batch, loss, start
from funcnn import optimizers, plotting, random, schedules, training
from funcnn.typing import Scalar, Schedule

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
rate = schedules.inverse_time_decay(0.05, 5e-7)
print("rate at steps 0, 1, 9999, 10000:", rate(0), rate(1), rate(9999), rate(10000))
print("the book prints, at step 10000: ", rate(10000 - 1))

print("\nThe loss on the spiral before step         0            1            10           100")
for decay in (0.0, 1e-2, 1e-3):
    optimizer = optimizers.sgd(schedules.inverse_time_decay(1.0, decay))
    step = training.make_step(loss, optimizer)
    _, history = training.fold(step, (start, optimizer.init(start)), itertools.repeat(batch, 101))
    print(f"rate 1, decay {decay:<22}", *(f"{history[k]:.9f} " for k in (0, 1, 10, 100)))

examples = 3 + random.normal(random.key(0), (1000,), np.float64)


def squared(w: float, example: float) -> Scalar:
    """The squared error of one example."""
    return (w - example) ** 2


print(f"\nOne example at a time: the mean of all is {np.mean(examples):.6f}")
ways: dict[str, list[float]] = {}
rates: dict[str, Schedule] = {"0.1": schedules.constant(0.1),
                              "1 / (2 (1 + t))": schedules.inverse_time_decay(0.5, 1.0)}
for name, schedule in rates.items():
    optimizer = optimizers.sgd(schedule)
    one_step = training.make_step(squared, optimizer)
    way = [w for (w, _), _ in training.scan(one_step, (0.0, optimizer.init(0.0)), map(float, examples))]
    ways[f"rate {name}"] = way
    spread = np.std(way[-100:])
    print(f"rate {name:16} w after 1000 steps {way[-1]:.6f}, standard deviation of the last 100: {spread:.6f}")

try:
    figure = plotting.figure(8, 3.6)
    ax = figure.subplots()
    for color, (name, way) in zip(plotting.COLORS[::2], ways.items(), strict=False):
        ax.plot(way, color=color, linewidth=1.2, label=name)
    ax.axhline(float(np.mean(examples)), color="black", linewidth=0.8, linestyle="--")
    ax.set(title="one example at a time; the mean of all is dashed", xlabel="step", ylabel="w")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(folder / "learning_rate_decay.png", dpi=160)
    print(f"\nwrote {folder / 'learning_rate_decay.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let the rate fall much faster, `schedules.inverse_time_decay(0.5,
# 100.0)` in place of `schedules.inverse_time_decay(0.5, 1.0)`. Does w come to rest, and where?
