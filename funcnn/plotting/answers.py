"""How right a net is: `predictions` of numbers, and the `confusion_matrix` of classes.

Users find both in `funcnn.plotting`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from funcnn._arguments import as_array, described
from funcnn.metrics import r2
from funcnn.plotting.page import Axes, ink, labelled, panels, rgb
from funcnn.plotting.palette import readable, shades, strokes
from funcnn.typing import Array, ArrayLike

__all__ = ["confusion_matrix", "predictions"]


def predictions(predicted: Array, targets: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """What a net predicted against what was right: the nearer to the diagonal, the better; R² stands above.

    - `predicted` and `targets` are as many numbers, of any shape; a point has its target to the right and what was
      predicted of it up, both in the units of the targets and on one scale.
    - `ax` are the axes to draw on, new ones by default.

    A ValueError says so if there are more of one than of the other, or none.

    As `sklearn.metrics.PredictionErrorDisplay` of the kind "actual_vs_predicted".
    """
    p, t = (np.ravel(as_array("predictions", name, x)) for name, x in (("predicted", predicted), ("targets", targets)))
    if p.shape != t.shape:
        raise ValueError(f"predictions: {p.size} numbers were predicted but there are {t.size} targets")
    (ax,) = panels(ax, min(1, t.size), 4.2, 4.2)
    ax.scatter(t, p, s=18, color=strokes(ax)[0], alpha=0.6, linewidths=0)
    ax.axline((float(t[0]), float(t[0])), slope=1, color=ink(ax), linewidth=1, linestyle="--", zorder=0)
    labelled(ax, xlabel="target", ylabel="predicted", title=f"R² = {float(r2(p, t)):.3f}")
    ax.set_aspect("equal", adjustable="datalim")
    return ax


def confusion_matrix(matrix: ArrayLike, *, labels: Sequence[object] | None = None, ax: Axes | None = None) -> Axes:
    """How often each class (a row) was taken for each other (a column); what was right stands on the diagonal.

    Colours are shares of a row, so that rare classes are seen as well; numbers are counts.

    - `matrix` are the counts (classes, classes) as `metrics.confusion_matrix` gives them: a row for each true class.
    - `labels` name the classes in order, by default with their numbers.
    - `ax` are the axes to draw on, new ones by default.

    A ValueError says so if the matrix is not square, or if there are not as many labels as classes.

    As `sklearn.metrics.ConfusionMatrixDisplay`.
    """
    counts = as_array("confusion_matrix", "matrix", matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError("confusion_matrix: a square matrix is needed, as metrics.confusion_matrix gives it, got "
                         + described(counts))
    names = [str(label) for label in (range(len(counts)) if labels is None else labels)]
    if len(names) != len(counts):
        raise ValueError(f"confusion_matrix: {len(counts)} classes need as many labels, got {len(names)}")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = 1.2 + 0.45 * max(len(counts), 4)
    (ax,) = panels(ax, 1, size, size)
    colors = shades(ax)
    ax.imshow(shares, cmap=colors, vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(counts):
        ax.text(j, i, f"{count}", ha="center", va="center", fontsize="medium" if len(counts) <= 12 else "x-small",
                color=readable(rgb(colors(shares[i, j])[:3])), alpha=1.0 if count else 0.35)
    ax.set_xticks(range(len(names)), names, rotation=90 if sum(map(len, names)) > 5 * len(names) > 20 else 0)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="predicted", ylabel="true")
    return ax
