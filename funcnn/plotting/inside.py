"""What goes on inside: `activations` of the units, `gradient_flow` through the layers, the `graph` of a step.

Users find all of it in `funcnn.plotting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn.plotting.diagram import Arrow, Box, place
from funcnn.plotting.learning import by_layer
from funcnn.plotting.page import Axes, ink, labelled, panels, paper, rgb
from funcnn.plotting.palette import BAD, COLORS, mixed, shades, strokes
from funcnn.tracing import Trace
from funcnn.typing import ArrayLike

if TYPE_CHECKING:
    from funcnn.plotting.learning import Drawable

__all__ = ["activations", "gradient_flow", "graph"]


def activations(outputs: Mapping[str, ArrayLike], *, axes: Drawable = None) -> list[Axes]:
    """What each unit (a column) gives for each example (a row), one panel a layer; units that are dead are marked.

    A unit is dead if it gives 0 for every example: no gradient comes through it, and nothing will wake it up.

    - `outputs` are arrays (..., units) by layer, as `trace(loss)(params, batch).outputs`; all axes but the last are
      examples.
    - `axes` are as many axes to draw on, new ones by default.

    Colours go from the paper at 0 to blue at the largest absolute value of the layer, and to red at its negative if any
    output is negative. A ValueError says so if there is nothing to draw, too few axes, or an output without units.
    """
    drawn = panels(axes, len(outputs), 6.0, 2.6)
    for ax, (name, values) in zip(drawn, outputs.items(), strict=True):
        rows = np.asarray(values)
        if not rows.ndim:
            raise ValueError(f"activations: {name!r} must be an array (examples, units), got a number")
        rows = rows.reshape(-1, rows.shape[-1])
        dead = np.flatnonzero(~np.any(rows != 0, axis=0))
        bound, signed = float(np.max(np.abs(rows), initial=0)) or 1.0, bool(np.any(rows < 0))
        image = ax.imshow(rows, aspect="auto", cmap=shades(ax, signed=signed), vmin=-bound if signed else 0.0,
                          vmax=bound, interpolation="nearest")
        ax.figure.colorbar(image, ax=ax, pad=0.01).outline.set_visible(False)
        for unit in dead:
            ax.axvspan(unit - 0.5, unit + 0.5, facecolor=mixed(rgb(BAD), paper(ax), 0.25), hatch="////", linewidth=0,
                       edgecolor=mixed(rgb(BAD), paper(ax), 0.6))
        count = f": {len(dead)} of {rows.shape[1]} dead" if len(dead) else ""
        ax.set(title=f"{name}{count}", xlabel="unit", ylabel="example")
        if rows.shape[1] <= 10:
            ax.set_xticks(range(rows.shape[1]))
    return drawn


# ------------------------------------------------------------------------------------------------ gradients


def gradient_flow(grads: object, *, ax: Axes | None = None) -> Axes:
    """How large the gradient is in each layer: the root of the mean square of each parameter's, on a logarithmic scale.

    There is a line for each name, w and b; one that falls from the last layer to the first shows a gradient that
    vanishes. A gradient that is 0 or not finite is a cross on the floor.

    - `grads` is the tree of arrays that `grad` gives; empty ones are left out.
    - `ax` are the axes to draw on, new ones by default.

    A ValueError says so if no array has a number in it.
    """
    sizes = {path: float(np.sqrt(np.mean(np.square(leaf, dtype=np.float64)))) for path, leaf in by_layer(grads)
             if leaf.size}
    layers = list(dict.fromkeys(_layer(path) for path in sizes))
    (ax,) = panels(ax, min(1, len(layers)), max(4.0, min(10.0, 2.0 + 0.3 * len(layers))), 3.0)
    floor = min(filter(_is_seen, sizes.values()), default=1.0)
    colors = strokes(ax)
    for i, name in enumerate(dict.fromkeys(path.rpartition("/")[2] for path in sizes)):
        own = {layers.index(_layer(path)): size for path, size in sizes.items() if path.rpartition("/")[2] == name}
        there = {place: size for place, size in own.items() if _is_seen(size)}
        ax.plot(list(there), list(there.values()), f"{'os^Dv'[i % 5]}-", color=colors[i % len(colors)], markersize=5,
                linewidth=1.2, label=name)
        others = [place for place in own if place not in there]
        ax.scatter(others, [floor] * len(others), marker="x", color=BAD, zorder=3)
    every = -(-len(layers) // 40)
    ax.set_xticks(range(0, len(layers), every), layers[::every], rotation=90 if len(layers) > 6 else 0)
    ax.set_yscale("log")
    ax.margins(x=0.08)
    ax.legend(frameon=False, labelcolor=ink(ax))
    labelled(ax, ylabel="size of the gradient")
    return ax


def _is_seen(size: float) -> bool:
    return 0 < size < np.inf


def _layer(path: str) -> str:
    return path.rpartition("/")[0] or path


# ------------------------------------------------------------------------------------------------- the graph


def graph(trace: Trace, *, ax: Axes | None = None) -> Axes:
    """The calculation of a trace as boxes and arrows, from the top down; parameters and arguments stand to the left.

    Beside an arrow stands the shape of what flows there. Stretches that repeat are drawn once, with the number of
    times.

    - `trace` is what `tracing.trace(loss)(params, batch)` gives.
    - `ax` are the axes to draw on; new ones, by default, are as large as the graph needs.

    As PyTorch's `torchviz.make_dot`, without Graphviz; `trace.to_dot()` writes the same for Graphviz.
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


_TINTS = {"operation": (COLORS[0], 0.16), "input": (COLORS[1], 0.22), "gap": (COLORS[0], 0.0)}
"""What is mixed with the paper for each kind of box, and how much of it."""


def _box(ax: Axes, box: Box) -> Any:
    color, share = _TINTS[box.kind]
    style = {"boxstyle": "round,pad=0.4", "facecolor": mixed(rgb(color), paper(ax), share),
             "edgecolor": mixed(rgb(color), paper(ax), 0.5) if share else mixed(ink(ax), paper(ax), 0.3)}
    return ax.text(box.x, box.y, box.text, ha="center", va="center", fontsize=8, color=ink(ax), zorder=2, bbox=style)


def _passes_by(arrow: Arrow) -> bool:
    return arrow.start.x == arrow.end.x and arrow.end.y - arrow.start.y > 1


def _arrow(ax: Axes, arrow: Arrow, texts: Mapping[Box, Any]) -> None:
    """An arrow from edge to edge; one that passes by other boxes is bent."""
    start, end = arrow.start, arrow.end
    bend = -3.4 / (end.y - start.y) if _passes_by(arrow) else 0.0
    ax.annotate("", (end.x, end.y), (start.x, start.y), zorder=3, arrowprops={
        "arrowstyle": "-|>", "color": mixed(ink(ax), paper(ax), 0.55), "linewidth": 1,
        "patchA": texts[start].get_bbox_patch(), "patchB": texts[end].get_bbox_patch(), "shrinkA": 0, "shrinkB": 1,
        "connectionstyle": f"arc3,rad={bend}"})
    if arrow.text and not bend:
        ax.text((start.x + end.x) / 2 + 0.04, (start.y + end.y) / 2, arrow.text, fontsize=7, va="center",
                color=mixed(ink(ax), paper(ax), 0.65))
