"""What pictures are drawn on: `figure`, `panels`, and the ink and the paper of axes.

Nothing here or beside it knows a dark or a light theme: a drawing asks its axes what ink is written with and what
paper it stands on, and so fits into any style of matplotlib's. Users find `figure` in `funcnn.plotting`.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    RGB = NDArray[np.float64]
    """Red, green and blue between 0 and 1."""

__all__ = ["figure", "figure_class", "ink", "is_dark", "labelled", "matplotlib_part", "new_figure", "panels", "paper",
           "rgb"]

DPI = 160.0
"""Dots per inch of a new figure: sharp on the screens of today, and 1024 pixels wide by default."""

DARK = {**dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], "#d5dbe3"),
        **dict.fromkeys(["figure.facecolor", "axes.facecolor", "savefig.facecolor"], "#12161c")}
"""Matplotlib's settings for `figure(dark=True)`: a soft white on nearly black, as notebooks and pages have them."""


def matplotlib_part(module: str) -> Any:
    """A module of matplotlib; where it is missing, an error that says how to install it."""
    try:
        return importlib.import_module(f"matplotlib.{module}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("funcnn.plotting: needs matplotlib: pip install 'funcnn[plot]', or pip install "
                                  "matplotlib", name="matplotlib") from error


def figure(width: float = 6.4, height: float = 4.8, *, dark: bool = False) -> Figure:
    """A new figure for axes of your own: pyplot does not know it, and nobody has to close it.

    `width` and `height` are in inches. With `dark`, its axes and their titles are light on dark; without, they are as
    matplotlib's style says, which may be "dark_background" itself. `figure.savefig(file)` writes 160 dots per inch and
    cuts off what is empty around the axes, unless it is told otherwise by `dpi=` or `bbox_inches=None`. Where
    matplotlib is missing, a ModuleNotFoundError says how to install it. Texts and legends that you put into axes
    yourself have the colours of matplotlib's style, also with `dark`.

    `ax, other = figure(8, 3).subplots(1, 2)`

    As `matplotlib.figure.Figure`, of which it is one, with the layout "compressed".
    """
    return new_figure(width, height, dark=dark)


def new_figure(width: float, height: float, *, dark: bool, cut: bool = True) -> Figure:
    """The figure; `cut` is whether it is saved without what is empty around it."""
    made: Figure = figure_class()(DARK if dark else {}, cut, figsize=(width, height), dpi=DPI, layout="compressed")
    return made


@cache
def figure_class() -> Any:
    """The class of our figures, made when one is first asked for: it needs matplotlib."""
    base, rc_context = matplotlib_part("figure").Figure, importlib.import_module("matplotlib").rc_context

    class Page(base):  # type: ignore[valid-type, misc]  # a base class that is found when it is asked for
        """A figure with settings of its own, under which its axes are made."""

        def __init__(self, settings: dict[str, str], cut: bool, **kwargs: Any) -> None:
            self._settings, self._cut = settings, cut
            with rc_context(settings):
                super().__init__(**kwargs)

        def add_subplot(self, *args: Any, **kwargs: Any) -> Any:
            """As of a Figure; `subplots` and `subplot_mosaic` come here, too."""
            with rc_context(self._settings):
                return super().add_subplot(*args, **kwargs)

        def add_axes(self, *args: Any, **kwargs: Any) -> Any:
            """As of a Figure; colour bars come here, too."""
            with rc_context(self._settings):
                return super().add_axes(*args, **kwargs)

        def text(self, *args: Any, **kwargs: Any) -> Any:
            """As of a Figure; `suptitle` comes here, too."""
            with rc_context(self._settings):
                return super().text(*args, **kwargs)

        def savefig(self, fname: Any, **kwargs: Any) -> None:
            """As of a Figure, but cut to what is drawn."""
            super().savefig(fname, **({"bbox_inches": "tight", "pad_inches": 0.06} if self._cut else {}) | kwargs)

        def __reduce__(self) -> Any:
            """For pickle, which would not find this class by its name."""
            return _blank_page, (), self.__getstate__()

    return Page


def _blank_page() -> Figure:
    """A figure that is still to be told all that it is."""
    page: Figure = object.__new__(figure_class())
    return page


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


def labelled(ax: Axes, **labels: Any) -> None:
    """Labels, and no more lines than are needed to read it."""
    ax.set(**labels)
    ax.spines[["top", "right"]].set_visible(False)


# ------------------------------------------------------------------------------------------ ink and paper


def rgb(color: Any) -> RGB:
    """A colour as matplotlib names it, as three numbers."""
    return np.asarray(matplotlib_part("colors").to_rgb(color), np.float64)


def ink(ax: Axes) -> RGB:
    """What the labels of axes are written with."""
    return rgb(ax.xaxis.label.get_color())


def paper(ax: Axes) -> RGB:
    """What axes stand on; where that is transparent, white or black, whichever the ink is meant for."""
    seen = [color for color in (ax.get_facecolor(), ax.figure.get_facecolor()) if color[3] > 0]
    return rgb(seen[0][:3]) if seen else np.full(3, float(ink(ax).mean() < 0.5))


def is_dark(ax: Axes) -> bool:
    """Whether the paper is darker than the ink."""
    return bool(paper(ax).mean() < ink(ax).mean())
