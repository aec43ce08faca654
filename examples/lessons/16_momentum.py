"""Lesson 16: momentum remembers the steps before and goes on in their direction, as a ball that rolls.

See a long narrow valley, where plain descent creeps along the floor. Momentum has two forms. The book's keeps the
learning rate inside the velocity, v' = 0.9 v - rate g; torch's outside, v' = 0.9 v + g, step -rate v'. In funcnn they
are the same two parts in another order: order is meaning. With a constant rate they agree, and where the rate falls
they do not: the book's numbers on the spiral come from the book's order.

The ways down are drawn into the folder that you name: `python examples/lessons/16_momentum.py .`
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

import numpy as np

from book_spiral import batch, loss, start
from funcnn import optimizers, plotting, schedules, training
from funcnn.optimizers import GradientTransformation, apply_updates, chain, scale_by_learning_rate, trace
from funcnn.typing import Array, Scalar, Schedule

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
top: Array = np.array([1.0, 1.0])

def book(rate: float | Schedule) -> GradientTransformation:
    """v' = 0.9 v - rate g, and v' is the step."""
    return chain(scale_by_learning_rate(rate), trace(0.9))


def torch(rate: float | Schedule) -> GradientTransformation:
    """v' = 0.9 v + g, and -rate v' is the step."""
    return chain(trace(0.9), scale_by_learning_rate(rate))


def valley(p: Array, batch: None) -> Scalar:
    """100 times as steep across as along; the lowest point is (0, 0)."""
    return 0.5 * p[0] ** 2 + 50 * p[1] ** 2


print("The valley from (1, 1): the loss after 100 steps")
ways: dict[str, list[Array]] = {}
for name, optimizer in (("plain descent", optimizers.sgd(0.015)), ("momentum", book(0.015))):
    step = training.make_step(valley, optimizer)
    steps = training.scan(step, (top, optimizer.init(top)), itertools.repeat(None, 100))
    ways[name] = [top, *(place for (place, _), _ in steps)]
    print(f"  {name:14} {valley(ways[name][-1], None):.8f}")

print("\nThree steps from (1, 1) at a rate of 0.01, gradients (.3, -2), (.1, 1), (-.5, .2)")
for name, optimizer in (("book", book(0.01)), ("torch", torch(0.01))):
    p, state = top, optimizer.init(top)
    for g in ([0.3, -2.0], [0.1, 1.0], [-0.5, 0.2]):
        updates, state = optimizer.update(np.array(g), state, p)
        p = apply_updates(p, updates)
    print(f"  {name:14} {p}")

print("\nThe loss on the spiral before step      0           1           10          100")
for decay in (0.0, 1e-3):
    for name, form in (("book", book), ("torch", torch)):
        optimizer = form(schedules.inverse_time_decay(1.0, decay))
        learn = training.make_step(loss, optimizer)
        history = training.fold(learn, (start, optimizer.init(start)), itertools.repeat(batch, 101))[1]
        print(f"  {name:6} rate 1, decay {decay:<16}", *(f"{history[k]:.9f}" for k in (0, 1, 10, 100)))

try:
    figure = plotting.figure(8, 3.6)
    ax = figure.subplots()
    across, up = np.linspace(-0.6, 1.1, 200), np.linspace(-0.75, 1.1, 200)
    height = 0.5 * across**2 + 50 * up[:, None] ** 2
    ax.contour(across, up, height, levels=np.geomspace(0.01, 100, 13), colors="0.8", linewidths=0.7)
    for color, (name, way) in zip(plotting.COLORS[::2], ways.items(), strict=False):
        ax.plot(*np.asarray(way).T, "o-", color=color, markersize=3.5, linewidth=1, label=name)
    ax.plot(0, 0, "*", color="black", markersize=12)
    ax.set(title="100 steps in a valley that is 100 times as steep across as along")
    ax.legend(frameon=False)
    figure.savefig(folder / "momentum.png", dpi=160)
    print(f"\nwrote {folder / 'momentum.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: in the valley, give both a rate of `0.021` in place of `0.015`. Which of
# the two is thrown out of it?
