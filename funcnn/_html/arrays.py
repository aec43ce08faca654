"""How does an array look? One line with shape, dtype and range, which opens to a heat map and statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from funcnn._html.colours import GAP, image, is_dark, palette, scale_of, shades
from funcnn._html.page import Html, memory, one_line, opening, shortened, tag, words
from funcnn._html.reduction import as_real, is_numeric, pictured, thinned

__all__ = ["Pictures", "Statistics", "array_text", "is_array", "number", "opened", "scalar_text", "statistics"]

Pictures: TypeAlias = Iterator[Any]
"""As many items as a page has room for pictures: whoever draws one takes one."""

COUNTED: Final = 2**20
"""The most entries that statistics are computed of; of larger arrays so many are chosen evenly, which is said."""

TABLE: Final = 8
"""Arrays of so many rows and columns are shown number by number."""


# ------------------------------------------------------------------------------------------------ one line


def is_array(x: Any) -> bool:
    """Whether x has a shape and a dtype, as arrays of NumPy and JAX and traced values have."""
    return isinstance(getattr(x, "shape", None), tuple) and hasattr(x, "dtype") and not isinstance(x, type)


def array_text(x: Any) -> str:
    """Dtype and shape, as `repr` of a FrozenDict writes them.

    >>> array_text(np.ones((2, 3), np.float32))
    'float32[2, 3]'
    """
    return f"{x.dtype}{list(x.shape)}"


def scalar_text(x: Any) -> str:
    """What is no array, on a line."""
    try:
        return shortened(repr(x))
    except Exception as error:  # a page says so where another would not come
        return f"a {type(x).__name__}, whose repr raises {type(error).__name__}"


def number(x: Any, digits: int = 4) -> str:
    """A number with so many significant digits; a whole one whole.

    >>> number(0.123456), number(-0.0), number(1234567.0), number(np.int64(1234567)), number(True), number(1 + 2j)
    ('0.1235', '0', '1.235e+06', '1234567', 'True', '1+2j')
    """
    if isinstance(x, bool | np.bool_ | int | np.integer):
        return str(x)
    if isinstance(x, complex | np.complexfloating):
        return f"{complex(x):.{digits}g}"
    return f"{float(x):.{digits}g}" if x else "0"


# --------------------------------------------------------------------------------------------- statistics


class Statistics(NamedTuple):
    """What is told of an array: of its finite entries the least, greatest, mean and standard deviation, and counts."""

    seen: int
    """How many entries were looked at."""
    least: Any = None
    greatest: Any = None
    mean: float = math.nan
    std: float = math.nan
    zeros: int = 0
    nan: int = 0
    inf: int = 0

    @property
    def odd(self) -> list[str]:
        """What is not finite, in words."""
        return [f"{n:,} {name}" for n, name in ((self.nan, "nan"), (self.inf, "inf")) if n]

    @property
    def range(self) -> str:
        """From the least to the greatest."""
        if self.least is None:
            return ""
        least, greatest = number(self.least), number(self.greatest)
        return f"all {least}" if self.is_constant else f"{least} to {greatest}"

    @property
    def is_constant(self) -> bool:
        """Whether all entries are the same."""
        return self.least is not None and self.least == self.greatest and not self.odd


def statistics(x: NDArray[Any]) -> Statistics:
    """The statistics of an array of numbers; of complex ones those of the magnitudes.

    >>> statistics(np.array([1.0, 0.0, 2.0, np.nan]))
    Statistics(seen=4, least=0.0, greatest=2.0, mean=1.0, std=0.816496580927726, zeros=1, nan=1, inf=0)
    """
    entries = thinned(x, COUNTED)
    numbers = as_real(entries)
    nan, inf = int(np.count_nonzero(np.isnan(numbers))), int(np.count_nonzero(np.isinf(numbers)))
    finite = numbers[np.isfinite(numbers)] if nan or inf else numbers
    if not finite.size:
        return Statistics(numbers.size, nan=nan, inf=inf)
    whole = entries if x.dtype.kind in "biu" else finite  # float64 does not hold all integers
    with np.errstate(all="ignore"):
        return Statistics(numbers.size, whole.min().item(), whole.max().item(), float(finite.mean()),
                          float(finite.std()), finite.size - int(np.count_nonzero(finite)), nan, inf)


def _facts(x: NDArray[Any], found: Statistics) -> Html:
    """The statistics, in two pairs of columns: what the numbers are, how many there are."""
    numbers = [] if found.least is None else [("min", number(found.least)), ("max", number(found.greatest)),
                                              ("mean", number(found.mean)), ("std", number(found.std))]
    odd = [(name, f"{n:,}") for name, n in (("zeros", found.zeros), ("nan", found.nan), ("inf", found.inf)) if n]
    counts = [("size", f"{x.size:,}"), ("memory", memory(x.nbytes)), *odd]
    rows = [tag("tr", *_pair(*one), *_pair(*other)) for one, other in zip_longest(numbers, counts, fillvalue=("", ""))]
    return tag("table", tag("tbody", *rows), kind="facts")


def _pair(name: str, text: str) -> tuple[Html, Html]:
    return tag("td", tag("span", name, kind="quiet")), tag("td", text, kind="number")


def _remarks(x: NDArray[Any], found: Statistics) -> list[str]:
    """What must be known to read the statistics right."""
    return [*(["of complex numbers the magnitudes are shown"] if x.dtype.kind == "c" else []),
            *(["min, max, mean and std are of the finite entries"] if found.odd and found.least is not None else []),
            *([f"statistics of {found.seen:,} entries, evenly chosen"] if found.seen < x.size else [])]


# ------------------------------------------------------------------------------------------------ the page


def opened(x: Any, name: str, pictures: Pictures) -> Html:
    """A line that says what x is, and opens to its numbers where it is an array and there is room on the page."""
    if not is_array(x):
        return one_line(words(name=name, code=scalar_text(x)), "plain")
    code, numbers = array_text(x) if x.shape else str(x.dtype), _numbers(x)
    if numbers is None or not _is_drawn(numbers) or next(pictures, None) is None:
        return one_line(words(name=name, code=code, quiet=_on_a_line(numbers)), "plain")
    found = statistics(numbers)
    said = words(name=name, code=code, quiet=_range(numbers, found))
    return opening([*said, *[tag("span", odd, kind="odd") for odd in found.odd]], _panel(numbers, found))


def _range(x: NDArray[Any], found: Statistics) -> str:
    """From where to where the numbers go; of what is true or false, how many are true."""
    if x.dtype.kind == "b":
        return f"{found.seen - found.zeros:,} of {found.seen:,} true"
    return f"|x| from {found.range}" if x.dtype.kind == "c" and not found.is_constant else found.range


def _is_drawn(x: NDArray[Any]) -> bool:
    return x.ndim > 0 and x.size > 0 and is_numeric(x.dtype)


def _on_a_line(x: NDArray[Any] | None) -> str:
    """What is said of the numbers of an array that does not open."""
    if x is None:
        return "its numbers are not to be had here"
    if not x.ndim:
        return number(x[()], 7) if is_numeric(x.dtype) else scalar_text(x.item())
    return "" if is_numeric(x.dtype) else _first(x)


def _numbers(x: Any) -> NDArray[Any] | None:
    """The array in NumPy's hands; None of a traced value, of one on another machine, or one that was given away."""
    try:
        return np.asarray(x)
    except Exception:  # each package has errors of its own for it
        return None


def _first(x: NDArray[Any]) -> str:
    """The first entries of an array of texts or other things."""
    entries = [scalar_text(entry) for entry in x.flat[:8].tolist()]
    return shortened(", ".join(entries) + (", …" if x.size > 8 else ""))


def _panel(x: NDArray[Any], found: Statistics) -> Html:
    """The picture, or the numbers themselves, beside the statistics."""
    picture, notes = _picture(x, found)
    said = [tag("div", note, kind="note") for note in [*notes, *_remarks(x, found)]]
    shown = [tag("div", picture, *said, kind="picture")] if picture or said else []
    return tag("div", *shown, _facts(x, found), kind="array")


def _picture(x: NDArray[Any], found: Statistics) -> tuple[Html, list[str]]:
    """What suits the array: its numbers, a heat map, nothing where all are the same; and what is to be said of it."""
    if x.ndim <= 2 and max(x.shape) <= TABLE:
        return _numbers_in_colour(x), []
    return (Html(""), []) if found.is_constant else _heat_map(x)


def _numbers_in_colour(x: NDArray[Any]) -> Html:
    """A table of the numbers, each on its colour; all digits stand in its title."""
    rows = x if x.ndim == 2 else x[None]
    cells = as_real(rows)
    scale = scale_of(cells)
    colours = palette(scale.name)
    places = shades(cells, scale)
    lines = [tag("tr", *[_cell(rows[i, j], f"[{', '.join(map(str, (i, j)[-x.ndim:]))}]", colours[places[i, j]])
                         for j in range(rows.shape[1])]) for i in range(len(rows))]
    return tag("div", tag("table", tag("tbody", *lines), kind="values"), kind="wide")


def _cell(entry: Any, index: str, colour: tuple[int, int, int]) -> Html:
    ink = "#fff" if is_dark(colour) else "#000"
    return tag("td", number(entry, 3), style=f"background:#{bytes(colour).hex()};color:{ink}",
               title=f"{index}: {entry!s}")


def _heat_map(x: NDArray[Any]) -> tuple[Html, list[str]]:
    """The picture with its scale, and what is to be said of it."""
    cells, notes = pictured(x)
    scale = scale_of(cells)
    places = _side_by_side(shades(cells, scale))
    height, width = places.shape
    across, down = _size_of_a_cell(width, height)
    picture = tag("img", src=image(places, scale.name), alt=f"heat map of {array_text(x)}",
                  style=f"width:{across * width}px;height:{down * height}px")
    bar = one_line([number(scale.low, 3), tag("span", kind=f"bar {scale.name}"), number(scale.high, 3)], "scale")
    return Html(picture + bar), list(notes)


def _size_of_a_cell(width: int, height: int) -> tuple[int, int]:
    """In pixels: a square, unless the picture would be a thread then.

    >>> _size_of_a_cell(20, 20), _size_of_a_cell(64, 1), _size_of_a_cell(3, 32)
    ((9, 9), (6, 16), (16, 6))
    """
    side = max(2, min(16, 384 // width, max(192 // height, 3)))
    return min(16, max(side, 48 // width)), min(16, max(side, 28 // height))


def _side_by_side(places: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Slices in their grid, one cell of gap between them."""
    padded = np.pad(places, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=GAP)
    down, across, rows, columns = padded.shape
    return padded.swapaxes(1, 2).reshape(down * rows, across * columns)[:-1, :-1]
