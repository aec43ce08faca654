"""What a net answers in the plane: `decision_boundary`, and the film of how it is learnt, `animate`.

Users find both in `funcnn.plotting`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from funcnn._arguments import real_number, whole_number
from funcnn.plotting.page import Axes, ink, is_dark, matplotlib_part, new_figure, panels, paper
from funcnn.plotting.palette import COLORS, REGION, Style, mixed, styles
from funcnn.typing import Array, ArrayLike, Labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["animate", "decision_boundary"]

P = TypeVar("P")


def decision_boundary(predict: Callable[[NDArray[Any]], Array], x: ArrayLike, y: Labels | None = None, *,
                      ax: Axes | None = None, labels: Sequence[object] | None = None, resolution: int = 200,
                      margin: float = 0.1, colors: Sequence[str] = COLORS) -> Axes:
    """What a net answers at every point of the plane, behind the points x in the colours and marks of their classes y.

    The colour of a place is that of the classes mixed as their probabilities, and paled; the line is where the answer
    changes.

    - `predict` takes points (m, 2), of the dtype of x, and gives logits or probabilities (m, classes), or one logit of
      the second of two classes, (m, 1) or (m,).
    - `x` are the points (n, 2) that are shown; the plane reaches beyond them by `margin`, a share of their range.
    - `y` are their classes as numbers (n,) or (n, 1), or one-hot (n, classes); without, the points have no colour.
    - `ax` are the axes to draw on, new ones by default.
    - `labels` name the classes in a legend to the right of the axes, where it hides no point. Without them there is a
      legend of numbers on new axes, and none on yours; `()` asks for none.
    - `resolution` is the number of places, across and up, where `predict` is asked: 200 are 40 000 rows.
    - `colors` are matplotlib's names of colours, one a class; those of `COLORS` are told apart by colour-blind people,
      too. Further classes have them darker, then lighter.

    A ValueError says so if x are no finite points of the plane, if y are not as many classes, counted from 0, if there
    are fewer labels than classes, or more than three times as many classes as colours.

    As `sklearn.inspection.DecisionBoundaryDisplay.from_estimator`.
    """
    whole_number("decision_boundary", "resolution", resolution, least=1)
    points, classes = _points("decision_boundary", x, y)
    extent = _extent(points, margin)
    own = ax is None
    (ax,) = panels(ax)
    image = ax.imshow(np.ones((1, 1, 3), np.float64), extent=extent, origin="lower", interpolation="bilinear", zorder=0)
    _draw_answers(ax, image, [], predict, points.dtype, resolution, colors)
    named = range(_count(classes)) if own and labels is None else labels or ()
    _scatter("decision_boundary", ax, points, classes, colors, named)
    ax.set(xlim=extent[:2], ylim=extent[2:], aspect="equal")
    return ax


def _points(name: str, x: ArrayLike, y: Any) -> tuple[Any, Any]:
    """The points as floats and their classes, if they are points of the plane and have as many classes."""
    array = np.asarray(x)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ValueError(f"{name}: x must be points of the plane (n, 2), got shape {array.shape}")
    points = array if array.dtype.kind == "f" else array.astype(np.float32)
    if not np.all(np.isfinite(points)):
        raise ValueError(f"{name}: x must be finite, got {points[~np.isfinite(points)][0]}; leave such points out, "
                         "x[np.isfinite(x).all(axis=1)]")
    if y is None:
        return points, None
    classes = np.asarray(y)
    if classes.dtype.kind not in "iubf" or len(classes) != len(array):
        raise ValueError(f"{name}: y must be the numbers of the classes of {len(array)} points, got "
                         f"{classes.dtype} of shape {classes.shape}")
    if classes.ndim == 2 and classes.shape[1] > 1:
        return points, classes.argmax(axis=1)
    numbers = classes.reshape(len(array), -1)[:, 0].astype(int)
    if np.any(numbers != classes.reshape(numbers.shape)) or numbers.min() < 0:
        raise ValueError(f"{name}: classes are counted from 0 without fractions, y has {classes.min()} to "
                         f"{classes.max()}; np.unique(y, return_inverse=True)[1] counts them")
    return points, numbers


def _count(classes: Any) -> int:
    return 0 if classes is None else int(classes.max()) + 1


def _extent(points: Any, margin: float) -> tuple[float, float, float, float]:
    low, high = points.min(axis=0), points.max(axis=0)
    room = margin * np.maximum(high - low, 1e-6)
    (left, bottom), (right, top) = (low - room).tolist(), (high + room).tolist()
    return left, right, bottom, top


def _scatter(name: str, ax: Axes, points: Any, classes: Any, colors: Sequence[str], labels: Sequence[object]) -> None:
    """The points, class by class, and a legend of the classes that have names."""
    if 0 < len(labels) < _count(classes):
        raise ValueError(f"{name}: {_count(classes)} classes need as many labels, got {len(labels)}")
    for i, style in enumerate(styles(name, max(_count(classes), len(labels)), colors)):
        _marks(ax, points[:0] if classes is None else points[classes == i], style, str(labels[i]) if labels else "")
    if classes is None:
        _marks(ax, points, Style(ink(ax), "o", 1.0), "")
    if labels:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, handletextpad=0.2, borderpad=0.2,
                  labelcolor=ink(ax), markerscale=1.4, ncols=-(-len(labels) // 16))


def _marks(ax: Axes, points: Any, style: Style, label: str) -> None:
    """Points with a light edge, so that those stand out as well that lie in their own colour."""
    edge = ink(ax) if is_dark(ax) else paper(ax)
    ax.scatter(points[:, 0], points[:, 1], s=16 * style.area, marker=style.marker, color=[style.color], label=label,
               edgecolors=[edge], linewidths=0.5, zorder=2)


# ---------------------------------------------------------------------------------------- what a net answers


def _draw_answers(ax: Axes, image: Any, before: Sequence[Any], predict: Callable[[Any], Any], dtype: Any,
                  resolution: int, colors: Sequence[str]) -> list[Any]:
    """Colour the image as the net answers, in place of the lines drawn before; the new lines."""
    for line in before:
        line.remove()
    left, right, bottom, top = image.get_extent()
    across, up = np.linspace(left, right, resolution, dtype=dtype), np.linspace(bottom, top, resolution, dtype=dtype)
    plane = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    shares = _probabilities(predict(plane)).reshape(resolution, resolution, -1)
    palette = np.array([style.color for style in styles("decision_boundary", shares.shape[-1], colors)])
    image.set_data(mixed(shares @ palette, paper(ax), REGION))
    return [ax.contour(across, up, _lead(shares, i), levels=[0.0], colors=[paper(ax)], linewidths=1.2, zorder=1)
            for i in range(shares.shape[-1]) if 0 < np.mean(_lead(shares, i) > 0) < 1]


def _probabilities(outputs: Any) -> Any:
    """Rows of probabilities: as they are, or the softmax of logits, or both classes of one logit."""
    rows = np.asarray(outputs, np.float64).reshape(len(outputs), -1)
    rows = np.concatenate([np.zeros_like(rows), rows], axis=1) if rows.shape[1] == 1 else rows
    if np.all(rows >= 0) and np.allclose(rows.sum(axis=1), 1, atol=1e-3):
        return rows
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _lead(shares: Any, i: int) -> Any:
    """How far a class is ahead of the best of the others."""
    return shares[..., i] - np.max(np.delete(shares, i, axis=-1), axis=-1)


# ------------------------------------------------------------------------------------------------- the film


def animate(snapshots: Sequence[P], predict: Callable[[P, NDArray[Any]], Array], x: ArrayLike, y: Labels | None,
            file: str | Path, *, titles: Sequence[str] | None = None, labels: Sequence[object] | None = None,
            fps: float = 10.0, resolution: int = 120, size: float = 4.0, dpi: float = 80.0, hold: int = 10,
            colors: Sequence[str] = COLORS, dark: bool = False) -> Path:
    """Write a film of the decision boundary as it is learnt, and return where it is.

    - `snapshots` are parameters in order, as `[state[0] for state, _ in training.scan(...)]`; each gives a picture.
    - `predict(params, points)` answers as for `decision_boundary`, and `x`, `y`, `labels`, `resolution` and `colors`
      are those of it; without labels there is no legend.
    - `file` names a GIF, or a page with buttons if it ends in .html.
    - `titles`, one a picture, stand above; without, the pictures are counted.
    - `fps` is the number of pictures in a second; the last one is held for `hold` more.
    - `size` is the width in inches, of `dpi` dots each: 320 dots by default. The height follows from the points.
    - `dark` draws light on dark.

    A ValueError says so if the file has another ending, if there are no snapshots or not as many titles, and for what
    `decision_boundary` would say.

    As `matplotlib.animation.FuncAnimation`, which makes it.
    """
    path = Path(file)
    if path.suffix not in (".gif", ".html"):
        raise ValueError(f"animate: the file must end in .gif or .html, got {str(file)!r}")
    if not snapshots:
        raise ValueError("animate: there are no pictures to be made, snapshots is empty")
    if titles is not None and len(titles) != len(snapshots):
        raise ValueError(f"animate: {len(snapshots)} pictures need as many titles, got {len(titles)}")
    whole_number("animate", "resolution", resolution, least=1)
    real_number("animate", "fps", fps, "(0, inf)")
    points, classes = _points("animate", x, y)
    left, right, bottom, top = _extent(points, 0.1)
    screen = new_figure(size, 0.5 + size * (top - bottom) / (right - left), dark=dark, cut=False)
    screen.set_dpi(dpi)
    film = _film(screen, snapshots, predict, points, classes, titles, labels or (), resolution, hold, colors)
    if path.suffix == ".gif":
        film.save(path, writer=matplotlib_part("animation").PillowWriter(fps=fps), dpi=dpi)
    else:
        path.write_text(film.to_jshtml(fps=fps), encoding="utf-8")
    return path


def _film(screen: Any, snapshots: Sequence[P], predict: Callable[[P, Any], Any], points: Any, classes: Any,
          titles: Sequence[str] | None, labels: Sequence[object], resolution: int, hold: int, colors: Sequence[str],
          ) -> Any:
    names = titles or [f"{i + 1} of {len(snapshots)}" for i in range(len(snapshots))]
    ax = decision_boundary(lambda plane: predict(snapshots[0], plane), points, classes, ax=screen.add_subplot(),
                           labels=labels, resolution=resolution, colors=colors)
    ax.set(xticks=[], yticks=[], title=max(names, key=len))
    _settle(screen)
    image, lines = ax.images[0], [line for line in ax.collections if line.get_zorder() == 1]

    def draw(i: int) -> list[Any]:
        last = min(i, len(snapshots) - 1)
        lines[:] = _draw_answers(ax, image, lines, lambda plane: predict(snapshots[last], plane), points.dtype,
                                 resolution, colors)
        ax.set_title(names[last])
        return [image, *lines]

    return matplotlib_part("animation").FuncAnimation(screen, draw, frames=len(snapshots) + hold, init_func=list)


def _settle(screen: Any) -> None:
    """Make the figure as high as what is drawn, and find the room for the title once, not for each picture."""
    screen.draw_without_rendering()
    screen.set_figheight(screen.get_tightbbox().height + 0.08)
    screen.draw_without_rendering()
    screen.set_layout_engine("none")
