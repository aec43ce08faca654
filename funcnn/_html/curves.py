"""How do numbers from step to step look? As a curve: each value pale, the mean of its neighbourhood strong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from funcnn._html.arrays import number
from funcnn._html.page import Html, tag

__all__ = ["Axis", "axis_of", "chart", "smoothed"]

WIDTH, HEIGHT = 420, 160
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 8, 22
"""Of the picture, and what its edges take, in pixels."""

POINTS: Final = 200
"""A curve of more values is drawn by the least and the greatest of so many stretches."""

STEEP: Final = 50.0
"""Where the greatest value is so many times the least, the axis is logarithmic."""

_BLUE: Final = "#3b82c9"
_DASH: Final = "rgba(127,127,127,.3)"


class Axis(NamedTuple):
    """The numbers of an axis, from `low` to `high`, and those that are written on it."""

    low: float
    high: float
    is_log: bool
    marks: tuple[float, ...]

    def share(self, x: Any) -> Any:
        """How far along the axis numbers stand, from 0 to 1."""
        low, high, at = (np.log(each) if self.is_log else each for each in (self.low, self.high, x))
        return (at / 2 - low / 2) / (high / 2 - low / 2)  # halves, because the whole may be too large


def axis_of(values: NDArray[np.float64]) -> Axis:
    """The axis that finite values need: logarithmic where all are above 0 and the greatest is far above the least.

    >>> axis_of(np.array([0.0, 10.0])).marks, axis_of(np.array([0.02, 30.0])).marks
    ((0.0, 2.0, 4.0, 6.0, 8.0, 10.0), (0.1, 1.0, 10.0))
    """
    low, high = float(values.min()), float(values.max())
    if math.isinf(high - low):
        return Axis(low, high, False, (low, 0.0, high))
    if low > 0 and high / low >= STEEP:
        return Axis(low, high, True, _powers(low, high))
    if not low < high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    return Axis(low, high, False, _round_numbers(low, high))


def _powers(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten between two numbers, at most about five."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return tuple(10.0 ** power for power in range(first, last + 1, 1 + (last - first) // 5))


def _round_numbers(low: float, high: float) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten between two numbers, three to seven."""
    unit = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(k * unit for k in (5, 2, 1) if (high - low) / (k * unit) >= 3)
    return tuple(step * k for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1))


def smoothed(values: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The mean of each value and `reach` on both sides, fewer at the ends; what is not finite does not count.

    >>> smoothed(np.array([0.0, 3.0, 6.0, np.nan]), 1)
    array([1.5, 3. , 4.5, 6. ])
    """
    finite = np.isfinite(values)
    with np.errstate(all="ignore"):
        means: NDArray[np.float64] = (_sums_around(np.where(finite, values, 0.0), reach)
                                      / _sums_around(finite.astype(np.float64), reach))
    return means


def _sums_around(x: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """The sum of each entry and `reach` on both sides: the end of one block and the beginning of the next.

    In a difference of two sums from the start, small numbers would be lost behind one that was large long before.
    """
    n, width = len(x), 2 * reach + 1
    blocks = np.pad(x, (reach, reach + -(n + 2 * reach) % width)).reshape(-1, width)
    ends = np.cumsum(blocks[:, ::-1], axis=1)[:, ::-1].ravel()[:n]
    beginnings = np.pad(np.cumsum(blocks, axis=1)[:, :-1], ((0, 0), (1, 0))).ravel()[width:]
    return ends + np.pad(beginnings, (0, width))[:n]


# ----------------------------------------------------------------------------------------------- the picture


def chart(values: NDArray[np.float64]) -> Html:
    """The curve of a vector, as an SVG that stands in the page itself; "" where no value is finite."""
    finite = values[np.isfinite(values)]
    if len(values) < 2 or not finite.size:
        return Html("")
    across, up = Axis(0, len(values) - 1, False, _round_numbers(0, len(values) - 1)), axis_of(finite)
    reach = len(values) // 60
    curves = [_path(*_stretches(values), across, up, 1.2 if reach else 1.8, .35 if reach else 1.0)]
    if reach:
        curves.append(_path(*_thinned(smoothed(values, reach)), across, up, 1.8, 1.0))
    about = f"curve of {len(values):,} values" + (", logarithmic axis" if up.is_log else "")
    size = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "width": str(WIDTH), "height": str(HEIGHT)}
    return tag("svg", tag("title", about), *_marks(across, up), *curves, kind="curve", role="img", **size)


def _x(share: float) -> float:
    return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)


def _y(share: float) -> float:
    return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)


def _marks(across: Axis, up: Axis) -> list[Html]:
    """Lines across at round numbers, and the numbers beside and below."""
    found = []
    for mark in up.marks:
        y = str(_y(up.share(mark)))
        found += [tag("path", d=f"M{LEFT} {y}H{WIDTH - RIGHT}", stroke=_DASH, fill="none"),
                  _text(number(mark), str(LEFT - 6), y, "end", "middle")]
    found += [_text(f"{mark:,.0f}", str(_x(across.share(mark))), str(HEIGHT - 6), "middle", "auto")
              for mark in across.marks if mark == int(mark)]
    return found


def _text(text: str, x: str, y: str, anchor: str, baseline: str) -> Html:
    return tag("text", text, x=x, y=y, fill="currentColor", opacity=".75",
               **{"font-size": "11", "text-anchor": anchor, "dominant-baseline": baseline})


def _path(steps: Sequence[float], values: NDArray[np.float64], across: Axis, up: Axis, width: float, opacity: float,
          ) -> Html:
    """A line through points, broken where a value is not finite."""
    with np.errstate(all="ignore"):
        heights = up.share(values)
    parts, is_broken = [], True
    for step, height in zip(steps, heights, strict=True):
        if math.isfinite(height):
            parts.append(f"{'M' if is_broken else 'L'}{_x(across.share(step))} {_y(float(height))}")
        is_broken = not math.isfinite(height)
    return tag("path", d="".join(parts), fill="none", stroke=_BLUE, opacity=str(opacity),
               **{"stroke-width": str(width), "stroke-linejoin": "round", "stroke-linecap": "round"})


def _thinned(values: NDArray[np.float64]) -> tuple[Sequence[float], NDArray[np.float64]]:
    """Steps and values, at most so many, the last among them."""
    steps = np.unique(np.linspace(0, len(values) - 1, min(2 * POINTS, len(values))).astype(int))
    return steps.tolist(), values[steps]


def _stretches(values: NDArray[np.float64]) -> tuple[Sequence[float], NDArray[np.float64]]:
    """Steps and values; of many values the least and the greatest of each stretch, so that no peak is lost."""
    if len(values) <= 2 * POINTS:
        return range(len(values)), values
    starts = np.linspace(0, len(values), POINTS, endpoint=False).astype(int)
    ends = [ufunc.reduceat(values, starts) for ufunc in (np.fmin, np.fmax)]
    return np.repeat(starts, 2).tolist(), np.stack(ends, axis=1).ravel()
