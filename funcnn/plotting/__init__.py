"""Pictures of a network that learns: `decision_boundary`, `history`, `activations`, `graph`, `animate`.

Each function draws data on the axes that it is given, or on those of a new `matplotlib.figure.Figure`, and returns
them: `decision_boundary(predict, x, y).figure.savefig("plane.png")`. No window is opened and pyplot is never asked, so
all of it runs where there is no screen; in a notebook, let `ax.figure` be the last line of a cell. On axes of your own,
`pyplot.subplots()` for one, everything matplotlib can do with axes is still to be done.

It needs matplotlib: `pip install 'funcnn[plot]'`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from funcnn import tree
from funcnn._arguments import as_array, described
from funcnn.metrics import r2
from funcnn.plotting.boundary import COLORS, INK, animate, decision_boundary, figure, matplotlib_part, panels
from funcnn.plotting.diagram import Arrow, Box, place
from funcnn.tracing import Trace
from funcnn.typing import Array, Scalar

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    Drawable: TypeAlias = Axes | Sequence[Axes] | NDArray[Any] | None
    """Axes as `figure.subplots()` gives them; None for new ones."""

    Curve: TypeAlias = ArrayLike | Sequence[Scalar]
    """One number a step: the history of a fold, or a list of the values that a loop has seen."""

__all__ = ["COLORS", "activations", "animate", "confusion_matrix", "decision_boundary", "figure", "gradient_flow",
           "graph", "history", "predictions", "weights"]

_BAD = "#cc3311"


def _plain(ax: Axes, **labels: Any) -> None:
    """Labels, and no more lines than are needed to read it."""
    ax.set(**labels)
    ax.spines[["top", "right"]].set_visible(False)


def predictions(predicted: Array, targets: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """What a net predicted against what was right: the nearer to the diagonal, the better; R² stands above.

    As `sklearn.metrics.PredictionErrorDisplay` of the kind "actual_vs_predicted".
    """
    p, t = (np.ravel(as_array("predictions", name, x)) for name, x in (("predicted", predicted), ("targets", targets)))
    if p.shape != t.shape:
        raise ValueError(f"predictions: {p.size} numbers were predicted but there are {t.size} targets")
    (ax,) = panels(ax)
    ax.scatter(t, p, s=16, color=COLORS[0], alpha=0.6, linewidths=0)
    ax.axline((float(t[0]), float(t[0])), slope=1, color=INK, linewidth=1, linestyle="--", zorder=0)
    _plain(ax, xlabel="target", ylabel="predicted", title=f"R² = {float(r2(p, t)):.3f}", aspect="equal")
    return ax


def confusion_matrix(matrix: ArrayLike, *, labels: Sequence[object] | None = None, ax: Axes | None = None) -> Axes:
    """How often each class (a row) was taken for each other (a column), from `metrics.confusion_matrix`.

    Colours are shares of a row, so that rare classes are seen as well; numbers are counts.

    As `sklearn.metrics.ConfusionMatrixDisplay`.
    """
    counts = as_array("confusion_matrix", "matrix", matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError("confusion_matrix: a square matrix is needed, as metrics.confusion_matrix gives it, got "
                         + described(counts))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [str(label) for label in (range(len(counts)) if labels is None else labels)]
    (ax,) = panels(ax)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        ax.text(j, i, f"{count}", ha="center", va="center", color="white" if shares[i, j] > 0.55 else INK)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="predicted", ylabel="true")
    return ax


# ---------------------------------------------------------------------------------------- how learning went


def history(values: Mapping[str, Curve | Mapping[str, Curve]], *, axes: Drawable = None) -> list[Axes]:
    """How numbers changed from step to step, one panel each: `history({"loss": losses, "learning rate": rates})`.

    Several lines share a panel: `{"loss": {"train": losses, "fresh": others}}`. A panel of positive numbers that fall
    or rise more than a hundredfold is logarithmic.
    """
    drawn = panels(axes, len(values), 6.0, 2.2)
    for i, (ax, (name, lines)) in enumerate(zip(drawn, values.items(), strict=True)):
        named = lines if isinstance(lines, Mapping) else {name: lines}
        for j, (label, line) in enumerate(named.items()):
            color = COLORS[(i if len(named) == 1 else j) % len(COLORS)]
            ax.plot(np.asarray(line), color=color, linewidth=1.5, label=label)
        if all(_is_steep(np.asarray(line)) for line in named.values()):
            ax.set_yscale("log")
        if len(named) > 1:
            ax.legend(frameon=False)
        _plain(ax, ylabel=name, xlabel="step" if i == len(drawn) - 1 else "")
    return drawn


def _is_steep(line: Any) -> bool:
    return bool(line.size and np.all(line > 0) and line.max() > 100 * line.min())


def weights(snapshots: Sequence[object], *, axes: Drawable = None, bins: int = 80, shown: int = 14) -> list[Axes]:
    """How the numbers in each parameter spread as training goes on: a ridge for each of some steps, the last in front.

    `snapshots` are trees of parameters in order, as `[state[0] for state, _ in training.scan(...)]`; so many are shown,
    evenly chosen. There is a panel for each leaf of more than 4 numbers.
    """
    steps = np.unique(np.linspace(0, len(snapshots) - 1, shown).round().astype(int))
    columns = zip(*(_leaves(snapshots[i]) for i in steps), strict=True)
    leaves = {column[0][0]: [np.ravel(leaf) for _, leaf in column] for column in columns if column[0][1].size > 4}
    drawn = panels(axes, len(leaves), 3.6, 3.0, columns=2 if len(leaves) in (2, 4) else 3)
    for ax, (path, column) in zip(drawn, leaves.items(), strict=True):
        _ridges(ax, column, bins)
        _plain(ax, title=path)
        ax.set_yticks([-_STEP * i for i in (0, len(steps) - 1)], [f"step {steps[0]}", f"step {steps[-1]}"])
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    return drawn


_STEP = 0.4
"""How far one ridge stands in front of the one before; each is 1 high."""


def _leaves(params: Any) -> list[tuple[str, Any]]:
    """The leaves in the order of the layers, and w before b."""
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
    shades = matplotlib_part("cm").ScalarMappable(cmap="viridis").get_cmap()
    for i, numbers in enumerate(column):
        heights = _smoothed(np.histogram(numbers, edges)[0])
        ridge = heights / heights.max() - _STEP * i
        ax.fill_between(middle, -_STEP * i, ridge, color=shades(0.9 * i / max(len(column) - 1, 1)), linewidth=0,
                        zorder=2 * i)
        ax.plot(middle, ridge, color="white", linewidth=0.9, zorder=2 * i + 1)


def _smoothed(heights: Any) -> Any:
    """Averages of neighbours, so that few numbers give a hill and no comb."""
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 1.6) ** 2)
    return np.convolve(heights, kernel / kernel.sum(), "same")


# -------------------------------------------------------------------------------------- what goes on inside


def activations(outputs: Mapping[str, ArrayLike], *, axes: Drawable = None) -> list[Axes]:
    """What each unit (a column) gives for each example (a row), one panel a layer; units that are dead are marked.

    `outputs` are arrays (examples, units) by layer, as `trace(loss)(params, batch).outputs`. A unit is dead if it gives
    0 for every example: no gradient comes through it, and nothing will wake it up.
    """
    drawn = panels(axes, len(outputs), 6.0, 2.6)
    for ax, (name, values) in zip(drawn, outputs.items(), strict=True):
        rows = np.asarray(values)
        rows = rows.reshape(-1, rows.shape[-1])
        dead = np.flatnonzero(~np.any(rows != 0, axis=0))
        bound = float(np.max(np.abs(rows), initial=0)) or 1.0
        shades, low = ("RdBu_r", -bound) if np.any(rows < 0) else ("Blues", 0.0)
        image = ax.imshow(rows, aspect="auto", cmap=shades, vmin=low, vmax=bound, interpolation="nearest")
        ax.figure.colorbar(image, ax=ax, pad=0.01)
        for unit in dead:
            ax.axvspan(unit - 0.5, unit + 0.5, color=_BAD, alpha=0.35, linewidth=0)
        count = f": {len(dead)} of {rows.shape[1]} dead" if len(dead) else ""
        ax.set(title=f"{name}{count}", xlabel="unit", ylabel="example")
        if rows.shape[1] <= 10:
            ax.set_xticks(range(rows.shape[1]))
    return drawn


def gradient_flow(grads: object, *, ax: Axes | None = None) -> Axes:
    """How large the gradient is in each layer: the root of the mean square of each parameter's, on a logarithmic scale.

    `grads` is the tree that `grad` gives. There is a line for each name, w and b; one that falls from the last layer
    to the first shows a gradient that vanishes. A gradient that is 0 or not finite is a cross on the floor.
    """
    sizes = {path: float(np.sqrt(np.mean(np.square(leaf, dtype=np.float64)))) for path, leaf in _leaves(grads)
             if leaf.size}
    layers = list(dict.fromkeys(_layer(path) for path in sizes))
    (ax,) = panels(ax, 1, max(4.0, min(10.0, 2.0 + 0.3 * len(layers))), 3.5)
    floor = min(filter(_is_seen, sizes.values()), default=1.0)
    for i, name in enumerate(dict.fromkeys(path.rpartition("/")[2] for path in sizes)):
        own = {layers.index(_layer(path)): size for path, size in sizes.items() if path.rpartition("/")[2] == name}
        there = {place: size for place, size in own.items() if _is_seen(size)}
        ax.plot(list(there), list(there.values()), "o-", color=COLORS[i % len(COLORS)], markersize=4, linewidth=1,
                label=name)
        others = [place for place in own if place not in there]
        ax.scatter(others, [floor] * len(others), marker="x", color=_BAD, zorder=3)
    every = -(-len(layers) // 40)
    ax.set_xticks(range(0, len(layers), every), layers[::every], rotation=90 if len(layers) > 6 else 0)
    ax.set_yscale("log")
    ax.legend(frameon=False)
    _plain(ax, ylabel="size of the gradient")
    return ax


def _is_seen(size: float) -> bool:
    return 0 < size < np.inf


def _layer(path: str) -> str:
    return path.rpartition("/")[0] or path


def graph(trace: Trace, *, ax: Axes | None = None) -> Axes:
    """The calculation of a trace as boxes and arrows, from the top down; parameters and arguments stand to the left.

    Stretches that repeat are drawn once, with the number of times.
    """
    boxes, arrows = place(trace)
    left, right = min((box.x for box in boxes), default=0), max((box.x for box in boxes), default=0)
    bottom = max((box.y for box in boxes), default=0)
    (ax,) = panels(ax, 1, 2.1 * (right - left + 1), 0.75 * (bottom + 1))
    texts = {box: _box(ax, box) for box in boxes}
    for arrow in arrows:
        _arrow(ax, arrow, texts)
    right += 0.3 if any(map(_passes_by, arrows)) else 0
    ax.set(xlim=(left - 0.5, right + 0.5), ylim=(bottom + 0.5, -0.5))
    ax.set_axis_off()
    return ax


_FACES = {"operation": "#e3ebf5", "input": "#fdf1d6", "gap": "white"}


def _box(ax: Axes, box: Box) -> Any:
    style = {"boxstyle": "round,pad=0.4", "facecolor": _FACES[box.kind], "edgecolor": "#b8c4d4"}
    return ax.text(box.x, box.y, box.text, ha="center", va="center", fontsize=8, color=INK, zorder=2, bbox=style)


def _passes_by(arrow: Arrow) -> bool:
    return arrow.start.x == arrow.end.x and arrow.end.y - arrow.start.y > 1


def _arrow(ax: Axes, arrow: Arrow, texts: Mapping[Box, Any]) -> None:
    """An arrow from edge to edge; one that passes by other boxes is bent."""
    start, end = arrow.start, arrow.end
    bend = -3.4 / (end.y - start.y) if _passes_by(arrow) else 0.0
    ax.annotate("", (end.x, end.y), (start.x, start.y), zorder=3, arrowprops={
        "arrowstyle": "-|>", "color": "#8a94a3", "linewidth": 1, "patchA": texts[start].get_bbox_patch(),
        "patchB": texts[end].get_bbox_patch(), "shrinkA": 0, "shrinkB": 1, "connectionstyle": f"arc3,rad={bend}"})
    if arrow.text and not bend:
        ax.text((start.x + end.x) / 2 + 0.04, (start.y + end.y) / 2, arrow.text, fontsize=7, color="#7a8490",
                va="center")
