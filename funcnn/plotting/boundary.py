"""What a net answers in the plane: `decision_boundary`, `animate`; `panels`, to draw on.

Users find it in `funcnn.plotting`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from funcnn.typing import Array, Labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

__all__ = ["COLORS", "INK", "animate", "decision_boundary", "figure", "matplotlib_part", "panels"]

P = TypeVar("P")

COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
"""Paul Tol's bright colours, which people who see colours differently can tell apart as well."""

INK = "#333333"


# ------------------------------------------------------------------------------------------------- the axes


def matplotlib_part(module: str) -> Any:
    """A module of matplotlib; where it is missing, an error that says how to install it."""
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("funcnn.plotting: needs matplotlib: pip install 'funcnn[plot]', or pip install "
                                  "matplotlib", name="matplotlib") from error


def figure(width: float = 6.4, height: float = 4.8) -> Figure:
    """A new figure, so many inches large, for axes of your own: pyplot does not know it, nobody has to close it.

    `ax, other = figure(8, 3).subplots(1, 2)`
    """
    made: Figure = matplotlib_part("figure").Figure(figsize=(width, height), layout="constrained")
    return made


def panels(axes: Any, count: int = 1, width: float = 5.0, height: float = 4.0, columns: int = 1) -> list[Axes]:
    """The axes given, of which there must be enough, or new ones, in rows of so many columns."""
    if not count:
        raise ValueError("plotting: there is nothing to draw")
    if axes is None:
        rows = -(-count // columns)
        columns = min(columns, count)
        new = figure(width * columns, height * rows)
        return [new.add_subplot(rows, columns, i + 1) for i in range(count)]
    given = list(np.ravel(np.asarray(axes, dtype=object)))
    if len(given) < count:
        raise ValueError(f"plotting: {count} panels need {count} axes, {len(given)} were given")
    return given[:count]


def _points(name: str, x: ArrayLike, y: Any) -> Any:
    """The points as floats, if they are points of the plane and have as many classes."""
    array = np.asarray(x)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"{name}: x must be points of the plane (n, 2), got shape {array.shape}")
    if y is not None and (np.asarray(y).dtype.kind not in "iubf" or len(np.asarray(y)) != len(array)):
        raise ValueError(f"{name}: y must be the numbers of the classes of {len(array)} points, got "
                         f"{np.asarray(y).dtype} of shape {np.shape(y)}")
    return array if array.dtype.kind == "f" else array.astype(np.float32)


# ---------------------------------------------------------------------------------------- what a net answers


def decision_boundary(predict: Callable[[NDArray[Any]], Array], x: ArrayLike, y: Labels | None = None, *,
                      ax: Axes | None = None, resolution: int = 200, margin: float = 0.1,
                      colors: Sequence[str] = COLORS) -> Axes:
    """What a net answers at every point of the plane, behind the points x (n, 2) in the colours of their classes y.

    `predict` takes points (m, 2) and gives logits or probabilities (m, classes), or one logit (m, 1) of the second of
    two classes. The colour of a place is that of the classes mixed as their probabilities; the white line is where the
    answer changes. `margin` is the share of the range of x that is shown around it.

    As `sklearn.inspection.DecisionBoundaryDisplay.from_estimator`.
    """
    points = _points("decision_boundary", x, y)
    extent = _extent(points, margin)
    (ax,) = panels(ax)
    image = ax.imshow(np.ones((1, 1, 3), np.float64), extent=extent, origin="lower", interpolation="bilinear", zorder=0)
    lines = _draw_answers(ax, image, [], predict, points.dtype, resolution, colors)
    for line in lines:
        line.set_zorder(1)
    _scatter(ax, points, y, colors)
    ax.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    return ax


def _extent(points: Any, margin: float) -> tuple[float, float, float, float]:
    low, high = points.min(axis=0), points.max(axis=0)
    room = margin * np.maximum(high - low, 1e-6)
    (left, bottom), (right, top) = (low - room).tolist(), (high + room).tolist()
    return left, right, bottom, top


def _draw_answers(ax: Axes, image: Any, before: Sequence[Any], predict: Callable[[Any], Any], dtype: Any,
                  resolution: int, colors: Sequence[str]) -> list[Any]:
    """Colour the image as the net answers, in place of the lines drawn before; the new lines."""
    for line in before:
        line.remove()
    left, right, bottom, top = image.get_extent()
    across, up = np.linspace(left, right, resolution, dtype=dtype), np.linspace(bottom, top, resolution, dtype=dtype)
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    shares = _probabilities(predict(plane)).reshape(resolution, resolution, -1)
    image.set_data(_mixed(shares, colors))
    return [ax.contour(across, up, _lead(shares, i), levels=[0.0], colors="white", linewidths=1.2, zorder=1)
            for i in range(shares.shape[-1]) if 0 < np.mean(_lead(shares, i) > 0) < 1]


def _probabilities(outputs: Any) -> Any:
    """Rows of probabilities: as they are, or the softmax of logits, or both classes of one logit."""
    rows = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
    rows = np.concatenate([np.zeros_like(rows), rows], axis=1) if rows.shape[1] == 1 else rows
    if np.all(rows >= 0) and np.allclose(rows.sum(axis=1), 1, atol=1e-3):
        return rows
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _mixed(shares: Any, colors: Sequence[str]) -> Any:
    """Pale colours, mixed by these shares."""
    rgb = np.array([_color(colors, i) for i in range(shares.shape[-1])])
    return 1 - 0.5 * (1 - shares @ rgb)


def _color(colors: Sequence[str], i: int) -> Any:
    return matplotlib_part("colors").to_rgb(colors[i % len(colors)])


def _lead(shares: Any, i: int) -> Any:
    """How far a class is ahead of the best of the others."""
    return shares[..., i] - np.max(np.delete(shares, i, axis=-1), axis=-1)


def _scatter(ax: Axes, points: Any, y: Any, colors: Sequence[str]) -> None:
    if y is None:
        ax.scatter(points[:, 0], points[:, 1], s=14, color=INK, edgecolors="white", linewidths=0.4, zorder=2)
        return
    classes = np.asarray(y)
    classes = classes.argmax(axis=1) if classes.ndim == 2 and classes.shape[1] > 1 else classes.reshape(-1).astype(int)
    ax.scatter(points[:, 0], points[:, 1], s=14, c=[_color(colors, i) for i in classes], edgecolors="white",
               linewidths=0.4, zorder=2)


# ------------------------------------------------------------------------------------------------- the film


def animate(snapshots: Sequence[P], predict: Callable[[P, NDArray[Any]], Array], x: ArrayLike, y: Labels | None,
            file: str | Path, *, titles: Sequence[str] | None = None, fps: float = 10.0, resolution: int = 120,
            size: float = 4.0, dpi: float = 80.0, hold: int = 10, colors: Sequence[str] = COLORS) -> Path:
    """Write a film of the decision boundary as it is learnt: a picture for each of the parameters, in order.

    `predict(params, points)` answers as for `decision_boundary`. The file is a GIF, or a page with buttons if its name
    ends in .html; the last picture is held for so many more. Titles, one a picture, stand above.
    """
    path = Path(file)
    if path.suffix not in (".gif", ".html"):
        raise ValueError(f"animate: the file must end in .gif or .html, got {str(file)!r}")
    if not snapshots:
        raise ValueError("animate: there are no pictures to be made, snapshots is empty")
    if titles is not None and len(titles) != len(snapshots):
        raise ValueError(f"animate: {len(snapshots)} pictures need as many titles, got {len(titles)}")
    film = _film(snapshots, predict, _points("animate", x, y), y, titles, resolution, size, hold, colors)
    if path.suffix == ".gif":
        film.save(path, writer=matplotlib_part("animation").PillowWriter(fps=fps), dpi=dpi)
    else:
        path.write_text(film.to_jshtml(fps=fps), encoding="utf-8")
    return path


def _film(snapshots: Sequence[P], predict: Callable[[P, Any], Any], points: Any, y: Any, titles: Sequence[str] | None,
          resolution: int, size: float, hold: int, colors: Sequence[str]) -> Any:
    screen = figure(size, size * 1.08)
    ax = decision_boundary(lambda plane: predict(snapshots[0], plane), points, y, ax=screen.add_subplot(),
                           resolution=resolution, colors=colors)
    ax.set(xticks=[], yticks=[], title="0")
    screen.draw_without_rendering()
    screen.set_layout_engine("none")  # the room for the title is found once, not for each picture
    image, lines = ax.images[0], list(ax.collections[:-1])

    def draw(i: int) -> list[Any]:
        last = min(i, len(snapshots) - 1)
        lines[:] = _draw_answers(ax, image, lines, lambda plane: predict(snapshots[last], plane), points.dtype,
                                 resolution, colors)
        ax.set_title(titles[last] if titles else f"{last + 1} of {len(snapshots)}")
        return [image, *lines]

    return matplotlib_part("animation").FuncAnimation(screen, draw, frames=len(snapshots) + hold, init_func=list)
