"""Which colour has a number? Blue below zero and orange above, where there are both; else dark to light.

Both scales can be read by colour-blind people too: the first is ColorBrewer's idea of blue and orange around white, the
second is viridis of Matplotlib, at five points.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["GAP", "ODD", "SHADES", "STYLE", "Scale", "contrast", "image", "is_dark", "luminance", "palette", "scale_of",
           "shades"]

Colour: TypeAlias = tuple[int, int, int]

_ANCHORS: Final = {
    "signed": ("#1b5a9e", "#8dbbe0", "#f7f7f7", "#f5b57a", "#c2540a"),
    "ranged": ("#440154", "#3b528b", "#21918c", "#5ec962", "#fde725"),
}

SHADES: Final = 63
"""How many colours a scale has: an odd number, so that one is that of zero."""

ODD, GAP = SHADES, SHADES + 1
"""The places, behind the shades, of the colour of what is not finite, and of the gap between two pictures."""

_ODD_COLOUR: Final = "#d6259a"

STYLE: Final = "".join(f".fn-page .fn-{name}{{background:linear-gradient(to right,{','.join(anchors)})}}"
                       for name, anchors in _ANCHORS.items())
"""The bars that show the scales."""


class Scale(NamedTuple):
    """Which numbers have the first and the last colour, and which colours these are."""

    name: str
    low: float
    high: float


def scale_of(cells: NDArray[np.float64]) -> Scale:
    """The scale of some numbers: where there are negative and positive ones, or only zeros, the same to both sides.

    >>> scale_of(np.array([-1.0, 3.0])), scale_of(np.array([1.0, 3.0, np.nan]))
    (Scale(name='signed', low=-3.0, high=3.0), Scale(name='ranged', low=1.0, high=3.0))
    """
    finite = cells[np.isfinite(cells)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low < 0 < high or low == high == 0:
        most = max(-low, high)
        return Scale("signed", -most, most)
    return Scale("ranged", low, high)


def shades(cells: NDArray[np.float64], scale: Scale) -> NDArray[np.uint8]:
    """The place of the colour of each number: round((SHADES - 1) (x - low) / (high - low)), or that of the odd.

    >>> shades(np.array([-1.0, 0.0, 1.0, np.inf]), Scale("signed", -1.0, 1.0))
    array([ 0, 31, 62, 63], dtype=uint8)
    """
    low, width = scale.low / 2, scale.high / 2 - scale.low / 2  # halves, because the whole width may be too large
    finite = np.isfinite(cells)
    share = (np.where(finite, cells, scale.low) / 2 - low) / width if width else np.full(cells.shape, 0.5)
    return np.where(finite, np.rint(share * (SHADES - 1)), ODD).astype(np.uint8)


def palette(name: str) -> list[Colour]:
    """The colours of a scale, straight lines between its anchors, and that of what is not finite.

    >>> [palette("signed")[i] for i in (0, 31, 62)]
    [(27, 90, 158), (247, 247, 247), (194, 84, 10)]
    """
    anchors = np.array([_numbers(colour) for colour in _ANCHORS[name]], np.float64)
    at = np.linspace(0, len(anchors) - 1, SHADES)
    channels = [np.rint(np.interp(at, np.arange(len(anchors)), channel)).astype(int).tolist() for channel in anchors.T]
    return [*zip(*channels, strict=True), _numbers(_ODD_COLOUR)]


def _numbers(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def luminance(red: float, green: float, blue: float) -> float:
    """How light a colour of parts between 0 and 1 is, from black, 0, to white, 1, as WCAG 2 defines it.

    >>> luminance(0.0, 0.0, 0.0), round(luminance(1.0, 1.0, 1.0), 12)
    (0.0, 1.0)
    """
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: float, other: float) -> float:
    """The contrast of two luminances, between 1 and 21, as WCAG 2 defines it.

    >>> contrast(0.0, 1.0), contrast(0.5, 0.5)
    (21.0, 1.0)
    """
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)


def is_dark(colour: Colour) -> bool:
    """Whether white letters can be read on it better than black ones.

    >>> is_dark((27, 90, 158)), is_dark((247, 247, 247))
    (True, False)
    """
    light = luminance(*[channel / 255 for channel in colour])
    return contrast(light, 1.0) > contrast(light, 0.0)


# ----------------------------------------------------------------------------------------------- an image


def image(places: NDArray[np.uint8], name: str) -> str:
    """A picture of one pixel a cell, as the text that an `img` takes: PNG with these colours, gaps transparent."""
    height, width = places.shape
    lines = np.pad(places, ((0, 0), (1, 0))).tobytes()  # each line of a PNG begins with how it is filtered: not
    colours = bytes(channel for colour in palette(name) for channel in colour) + bytes(3)
    chunks: list[tuple[bytes, Any]] = [
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 3, 0, 0, 0)), (b"PLTE", colours),
        (b"tRNS", b"\xff" * GAP + b"\0"), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    whole = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)
    return f"data:image/png;base64,{base64.b64encode(whole).decode()}"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
