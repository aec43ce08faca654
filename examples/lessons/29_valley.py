"""Lesson 29: four optimizers walk down the same valley, a long and narrow one that bends.

The valley is Rosenbrock's: f(x, y) = (1 - x)^2 + 10 (y - x^2)^2 is 0 at (1, 1) alone. The gradient points across it far
more than along it. See how plain descent falls to its floor at once and then creeps, how momentum rolls past
the bend and up its walls, and how RMSProp and Adam, which give each coordinate a rate of its own, keep their pace.
All begin at the same point and take 120 steps; none knows that it walks in a plane and not among a million weights.

The picture shows the four paths: `python examples/lessons/29_valley.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import funcnn as fn
from funcnn import optimizers, plotting
from funcnn.optimizers import GradientTransformation, apply_updates
from funcnn.typing import Array, Scalar

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
start: Array = np.array([-1.2, 1.0])


def valley(place: Array) -> Scalar:
    """Rosenbrock's function, with the walls 10 times as steep as the floor."""
    x, y = place[..., 0], place[..., 1]
    height: Array = (1 - x) ** 2 + 10 * (y - x**2) ** 2
    return np.sum(height)


def walked(optimizer: GradientTransformation, steps: int = 120) -> Array:
    """The places after each step, the start first."""
    place, state, places = start, optimizer.init(start), [start]
    for _ in range(steps):
        updates, state = optimizer.update(fn.grad(valley)(place), state, place)
        place = apply_updates(place, updates)
        places.append(place)
    return np.stack(places)


walks = {"gradient descent, rate 0.01": walked(optimizers.sgd(0.01)),
         "momentum 0.9, rate 0.005": walked(optimizers.sgd(0.005, momentum=0.9)),
         "RMSProp, rate 0.03": walked(optimizers.rmsprop(0.03)),
         "Adam, rate 0.2": walked(optimizers.adam(0.2))}

print("height after            0       10       40      120 steps      and the place")
for name, path in walks.items():
    fallen = "".join(f"{float(valley(path[i])):9.4f}" for i in (0, 10, 40, 120))
    print(f"{name:28}{fallen}      ({float(path[-1][0]):.3f}, {float(path[-1][1]):.3f})")

try:
    figure = plotting.figure(width=9.6, height=5.6)
    across, up = np.linspace(-1.7, 1.7, 200), np.linspace(-0.7, 2.2, 200)
    heights = np.log10(1e-3 + (1 - across) ** 2 + 10 * (up[:, None] - across**2) ** 2)
    colors = (plotting.COLORS[0], plotting.COLORS[2], plotting.COLORS[4], "black")
    for ax, color, (name, path) in zip(figure.subplots(2, 2).flat, colors, walks.items(), strict=True):
        ax.contourf(across, up, heights, levels=24, cmap="Greys_r", alpha=0.45)
        ax.plot(*np.asarray(path).T, "o-", color=color, markersize=3, linewidth=1.2)
        ax.plot(1, 1, "*", color="white", markersize=13, markeredgecolor="black", zorder=3)
        ax.set(title=f"{name}: down to {float(valley(path[-1])):.4f}", xticks=[], yticks=[])
        ax.set(xlim=(-1.7, 1.7), ylim=(-0.7, 2.2))
    figure.savefig(folder / "valley.png")
    print(f"\nwrote {folder / 'valley.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let it keep half of its speed at each step, `momentum=0.5` instead of
# `momentum=0.9`. Which of the other three walks will end at the same height as this one then, and why just that?
