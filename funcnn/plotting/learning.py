"""How learning went: `history` of any number, step by step, and the `weights` as they spread.

Users find both in `funcnn.plotting`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from funcnn import tree
from funcnn._arguments import described
from funcnn.plotting.page import Axes, ink, is_dark, labelled, matplotlib_part, panels, paper
from funcnn.plotting.palette import strokes
from funcnn.typing import ArrayLike, Scalar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Drawable: TypeAlias = Axes | Sequence[Axes] | NDArray[Any] | None
    """Axes as `figure.subplots()` gives them; None for new ones."""

    Curve: TypeAlias = ArrayLike | Sequence[Scalar]
    """One number a step: the history of a fold, or a list of the values that a loop has seen."""

__all__ = ["by_layer", "history", "smoothed", "weights"]


def history(values: Mapping[str, Curve | Mapping[str, Curve]], *, axes: Drawable = None,
            smooth: float | None = None) -> list[Axes]:
    """How numbers changed from step to step, one panel each: `history({"loss": losses, "learning rate": rates})`.

    A smoothed line is drawn over the pale one of the values themselves:

        m_t = smooth * m_(t-1) + (1 - smooth) * x_t,  m_0 = 0,  and drawn is m_t / (1 - smooth^t)

    - `values` has a panel for each name, with one number a step, (n,); or with several lines by their names, as in
      `{"loss": {"train": losses, "fresh": others}}`, which a legend tells apart.
    - `axes` are as many axes to draw on, new ones by default.
    - `smooth` is the weight of what came before, at least 0 and below 1: an average over about 1 / (1 - smooth) steps.
      By default a noisy line, which goes up and down by more than ten times its range, is averaged over a fiftieth of
      its steps, and a calm one stays as it is; 0 smooths nothing.

    A panel of positive numbers that fall or rise more than a hundredfold is logarithmic, and there logarithms are
    smoothed. Values that are not finite are gaps. A ValueError says so if there is nothing to draw, too few axes, a
    `smooth` out of its range, or if a line has more than one dimension, a TypeError if `values` are no dict.

    Smoothed as in TensorBoard, the average of Adam's paper (Kingma and Ba 2014, arXiv:1412.6980) without its bias.
    """
    if not isinstance(values, Mapping):
        raise TypeError("history: values must be a dict of what to draw by its name, got "
                        f"{described(values)}; write history({{'loss': values}})")
    if smooth is not None and not 0 <= smooth < 1:
        raise ValueError(f"history: smooth must be at least 0 and below 1, got {smooth!r}")
    drawn = panels(axes, len(values), 6.0, 2.2)
    for i, (ax, (name, lines)) in enumerate(zip(drawn, values.items(), strict=True)):
        named = {label: _line(label, line)
                 for label, line in (lines if isinstance(lines, Mapping) else {name: lines}).items()}
        _curves(ax, named, smooth, i if len(named) == 1 else 0)
        if len(ax.get_legend_handles_labels()[1]) > 1:
            ax.legend(frameon=False, labelcolor=ink(ax))
        labelled(ax, ylabel=name, xlabel="step" if i == len(drawn) - 1 else "")
    return drawn


def _line(name: str, line: Any) -> Any:
    numbers = np.asarray(line)
    if numbers.ndim != 1:
        raise ValueError(f"history: {name!r} must be one number a step, (n,), got shape {numbers.shape}")
    return numbers


def _is_steep(line: Any) -> bool:
    return bool(line.size and np.all(line > 0) and line.max() > 100 * line.min())


def _curves(ax: Axes, lines: Mapping[str, Any], smooth: float | None, first: int) -> None:
    """The lines of a panel in colours from the first on, pale, and smoothed over them."""
    if steep := all(map(_is_steep, lines.values())):
        ax.set_yscale("log")
    colors, alone = strokes(ax), len(lines) == 1
    for i, (label, line) in enumerate(lines.items()):
        color, scaled = colors[(first + i) % len(colors)], np.log(line) if steep else line
        if weight := _weight(scaled) if smooth is None else smooth:
            ax.plot(line, color=color, linewidth=0.8, alpha=0.35, label="each step" if alone else "_each step")
            average = smoothed(scaled, weight)
            line = np.exp(average) if steep else average
        ax.plot(line, color=color, linewidth=1.7, linestyle=_DASHES[i % len(_DASHES)],
                label="smoothed" if alone and weight else label)


_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))


def _weight(line: Any) -> float:
    """How much a line is smoothed if nobody says: an average comes late, which a line that is smooth shows."""
    seen = line[np.isfinite(line)].astype(np.float64)
    noisy = seen.size and np.sum(np.abs(np.diff(seen))) > 10 * np.ptp(seen)
    return 1 - 50 / len(line) if noisy and len(line) > 50 else 0.0


def smoothed(line: Any, weight: float) -> Any:
    """m_t / (1 - weight^t) with m_t = weight * m_(t-1) + (1 - weight) * x_t; what is not finite is a gap.

    >>> smoothed(np.array([1.0, 3.0, np.nan, 3.0]), 0.5)
    array([1.        , 2.33333333,        nan, 2.71428571])
    """
    m, trust, averages = 0.0, 0.0, np.full(len(line), np.nan, np.float64)  # trust is 1 - weight^t
    for i in np.flatnonzero(np.isfinite(line)):
        m = weight * m + (1 - weight) * float(line[i])
        trust = weight * trust + (1 - weight)
        averages[i] = m / trust
    return averages


# ------------------------------------------------------------------------------------------------- weights


def weights(snapshots: Sequence[object], *, axes: Drawable = None, bins: int = 80, shown: int = 14) -> list[Axes]:
    """How the numbers in each parameter spread as training goes on: a ridge for each of some steps, the last in front.

    A ridge is a smoothed histogram, as high as all others; across stands what the numbers are.

    - `snapshots` are trees of parameters in order, as `[state[0] for state, _ in training.scan(...)]`; there is a panel
      for each leaf of more than 4 numbers.
    - `axes` are as many axes to draw on, new ones by default.
    - `bins` is the number of equal bins from the lowest number of all steps to the highest.
    - `shown` is how many of the snapshots are drawn, evenly chosen, with the first and the last.

    A ValueError says so if there are no snapshots, no leaf of more than 4 numbers, or too few axes.

    As the histograms of TensorBoard, in the mode "offset".
    """
    if not snapshots:
        raise ValueError("weights: there is nothing to draw, snapshots is empty")
    steps = np.unique(np.linspace(0, len(snapshots) - 1, shown).round().astype(int))
    columns = zip(*(by_layer(snapshots[i]) for i in steps), strict=True)
    leaves = {column[0][0]: [np.ravel(leaf) for _, leaf in column] for column in columns if column[0][1].size > 4}
    drawn = panels(axes, len(leaves), 3.6, 3.0, columns=2 if len(leaves) in (2, 4) else 3)
    for ax, (path, column) in zip(drawn, leaves.items(), strict=True):
        _ridges(ax, column, bins)
        labelled(ax, title=path)
        ax.set_yticks([-_STEP * i for i in (0, len(steps) - 1)], [f"step {steps[0]}", f"step {steps[-1]}"])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    return drawn


_STEP = 0.4
"""How far one ridge stands in front of the one before; each is 1 high."""


def by_layer(params: Any) -> list[tuple[str, Any]]:
    """The leaves and their paths, in the order of the layers, and w before b."""
    leaves = [(tree.keystr(path), np.asarray(leaf)) for path, leaf in tree.leaves_with_path(params)]
    return sorted(leaves, key=lambda each: (_natural(each[0].rpartition("/")[0]), -each[1].ndim, each[0]))


def _natural(path: str) -> list[tuple[int, Any]]:
    """The parts of a path, to be sorted as people do: dense_2 before dense_10."""
    parts = path.replace("_", "/").split("/")
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def _ridges(ax: Axes, column: Sequence[Any], bins: int) -> None:
    low, high = min(map(np.min, column)), max(map(np.max, column))
    room = 0.05 * (high - low) + 1e-9
    edges = np.linspace(low - room, high + room, bins + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    hues = matplotlib_part("cm").ScalarMappable(cmap="viridis").get_cmap()
    first = 0.2 if is_dark(ax) else 0.0  # the darkest would be lost on dark paper, the lightest on light
    for i, numbers in enumerate(column):
        heights = _rounded(np.histogram(numbers, edges)[0])
        ridge = heights / heights.max() - _STEP * i
        ax.fill_between(middle, -_STEP * i, ridge, color=hues(first + 0.85 * i / max(len(column) - 1, 1)), linewidth=0,
                        zorder=2 * i)
        ax.plot(middle, ridge, color=paper(ax), linewidth=0.9, zorder=2 * i + 1)


def _rounded(heights: Any) -> Any:
    """Averages of neighbours, so that few numbers give a hill and no comb."""
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 1.6) ** 2)
    return np.convolve(heights, kernel / kernel.sum(), "same")
