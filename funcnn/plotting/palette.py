"""Which colours stand for what: `COLORS` and `MARKERS` of the classes, `strokes` for lines, `shades` for numbers.

Pictures are read by people who see colours differently, on light and on dark paper, and printed without colour. So the
colours are chosen by their distances as all of them see them, and a class has a marker besides. Users find `COLORS` in
`funcnn.plotting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from funcnn._html.colours import contrast, luminance
from funcnn.plotting.page import Axes, ink, matplotlib_part, paper, rgb

if TYPE_CHECKING:
    from funcnn.plotting.page import RGB

__all__ = ["BAD", "COLORS", "MARKERS", "REGION", "Style", "mixed", "readable", "shades", "strokes", "styles"]

COLORS = ("#5c7ff5", "#ffca2e", "#a3313d", "#49e7e0", "#724b82", "#8d9842", "#d17790")
"""Seven colours found by search: any two are at least 17 apart (CIEDE2000), the first three 39, for people who see all
colours and for those who lack the cones for red, green or blue. As regions, mixed with paper, at least 10 and 19."""

REGION = 0.55
"""How much of its colour a region has; the rest is paper."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "*")
_AREAS = {"s": 0.85, "D": 0.7, "^": 1.05, "v": 1.05, "<": 1.05, ">": 1.05, "P": 1.15, "X": 1.15, "p": 1.1, "*": 1.5}

BAD = "#e0452f"
"""What is dead, or not finite."""


class Style(NamedTuple):
    """How the points of a class are drawn; `area` makes all markers look equally large."""

    color: RGB
    marker: str
    area: float


def styles(name: str, count: int, colors: Sequence[str]) -> list[Style]:
    """The styles of so many classes: after the colours themselves come all of them darker, then all of them lighter."""
    if count > 3 * len(colors):
        raise ValueError(f"{name}: {count} classes cannot be told apart by {len(colors)} colors, each of which serves "
                         f"three: pass `colors=` with {-(-count // 3)} or more")
    plain = np.array([rgb(color) for color in colors])
    rings = np.concatenate([plain, 0.5 * plain, 0.5 + 0.5 * plain])
    return [Style(color, marker, _AREAS.get(marker, 1.0))
            for color, marker in zip(rings[:count], cycle(MARKERS), strict=False)]


def mixed(color: Any, other: Any, share: float) -> Any:
    """So much of a colour, the rest of another."""
    return other + share * (color - other)


def strokes(ax: Axes) -> list[str]:
    """The colours for lines: those of COLORS that stand out from the paper of these axes."""
    return [color for color in COLORS if _contrast(rgb(color), paper(ax)) >= 3] or list(COLORS)


def _contrast(color: RGB, other: RGB) -> float:
    """How well two colours stand out from each other."""
    return contrast(luminance(*color.tolist()), luminance(*other.tolist()))


def shades(ax: Axes, *, signed: bool = False) -> Any:
    """A colour map that is paper at 0: to blue at the largest, and if `signed` to red at the lowest."""
    blue, red = (rgb(color) for color in ("#1f5fbf", "#c2402f"))
    high, low = (mixed(color, ink(ax), 0.75) for color in (blue, red))
    scale = [low, mixed(red, paper(ax), 0.6), paper(ax)] if signed else [paper(ax)]
    return matplotlib_part("colors").LinearSegmentedColormap.from_list("shades", [*scale, mixed(blue, paper(ax), 0.6),
                                                                                 high])


def readable(color: RGB) -> str:
    """Black or white, whichever is read better on a colour."""
    return "black" if _contrast(color, np.zeros(3, np.float64)) > _contrast(color, np.ones(3, np.float64)) else "white"
