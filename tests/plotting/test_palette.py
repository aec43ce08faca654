"""Colours are far enough apart for everybody: measured by an oracle of what people see who lack a kind of cones."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

from funcnn import plotting
from funcnn.plotting import palette
from funcnn.plotting.page import DARK, ink, is_dark, paper, rgb

# ------------------------------------------------------------------------------------------------- the oracle

VISIONS = {
    "all cones": np.eye(3, dtype=np.float64),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""Of linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.0."""

XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                [0.0193339, 0.1191920, 0.9503041]])


def lab(color: Any, vision: str = "all cones") -> Any:
    """CIE Lab (D65) of a colour in sRGB, as it looks with this vision."""
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISIONS[vision]) @ linear, 0, 1)
    t = (XYZ @ seen) / XYZ.sum(axis=1)
    fx, fy, fz = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def ciede2000(first: Any, second: Any) -> float:
    """The distance of two colours in Lab, in the letters of Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    c_bar = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(c_bar**7 / (c_bar**7 + 25.0**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    l_bar, c_bar, h_bar = (l1 + l2) / 2, (c1 + c2) / 2, (h1 + turn / 2) % 360 if c1 * c2 else h1 + h2
    waves = np.cos(np.radians([h_bar - 30, 2 * h_bar, 3 * h_bar + 6, 4 * h_bar - 63]))
    t = 1 + waves @ [-0.17, 0.24, 0.32, -0.20]
    sl = 1 + 0.015 * (l_bar - 50) ** 2 / np.sqrt(20 + (l_bar - 50) ** 2)
    sc, sh = 1 + 0.045 * c_bar, 1 + 0.015 * c_bar * t
    rc = 2 * np.sqrt(c_bar**7 / (c_bar**7 + 25.0**7))
    rt = -np.sin(np.radians(60 * np.exp(-(((h_bar - 275) / 25) ** 2)))) * rc
    return float(np.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh)))


def nearest(colors: Any) -> float:
    """The distance of the two nearest of these colours, to whom they look nearest."""
    return min(ciede2000(lab(p, vision), lab(q, vision))
               for vision in VISIONS for p, q in itertools.combinations(colors, 2))


def test_the_oracle_agrees_with_the_published_pairs() -> None:
    """From the table of Sharma, Wu and Dalal 2005, and red and green look alike to some."""
    for first, second, expected in [((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
                                    ((50, 2.5, 0), (50, 0, -2.5), 4.3065), ((50, 2.5, 0), (73, 25, -18), 27.1492),
                                    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
                                    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082)]:
        assert ciede2000(first, second) == pytest.approx(expected, abs=1e-4)
    np.testing.assert_allclose(lab(np.ones(3)), [100, 0, 0], atol=0.01)
    red, green = rgb("#ee6677"), rgb("#228833")
    assert 3 * nearest([red, green]) < ciede2000(lab(red), lab(green))


# -------------------------------------------------------------------------------------------------- the colours


def axes(dark: bool = False) -> Any:
    return plotting.figure(dark=dark).subplots()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_first_seven_classes_are_told_apart_by_everybody(dark: bool) -> None:
    plain = np.array([rgb(color) for color in plotting.COLORS])
    regions = palette.mixed(plain, paper(axes(dark)), palette.REGION)
    assert nearest(plain) >= 17 and nearest(plain[:3]) >= 39
    assert nearest(regions) >= 10 and nearest(regions[:3]) >= 19


def test_pale_mixtures_of_other_palettes_would_be_noticed() -> None:
    bright = [rgb(color) for color in ("#4477aa", "#ee6677", "#228833")]
    assert nearest(palette.mixed(np.array(bright), 1.0, 0.5)) < 6


def test_further_classes_have_further_colors_and_markers() -> None:
    styles = palette.styles("f", 21, plotting.COLORS)
    assert len({tuple(style.color) for style in styles}) == 21
    assert len({style.marker for style in styles[:11]}) == 11
    assert nearest([style.color for style in styles]) > 2
    many = palette.styles("f", 36, plotting.COLORS[:5] * 3)
    assert len({(tuple(style.color), style.marker) for style in many}) == 36
    with pytest.raises(ValueError, match=r"f: 22 classes cannot be told apart by 7 colors.* `colors=` with 8 or more"):
        palette.styles("f", 22, plotting.COLORS)


def test_lines_stand_out_from_their_paper() -> None:
    white, black = (np.full(3, value, np.float64) for value in (1, 0))
    for dark in (False, True):
        found = palette.strokes(axes(dark))
        assert len(found) >= 4
        for color in found:
            assert abs(lab(rgb(color))[0] - lab(paper(axes(dark)))[0]) > 35
    assert palette.readable(white) == "black" and palette.readable(black) == "white"
    assert palette.readable(rgb("#1f5fbf")) == "white"


def test_ink_and_paper_are_those_of_the_axes() -> None:
    ax = axes(dark=True)
    np.testing.assert_allclose(ink(ax), rgb(DARK["text.color"]))
    np.testing.assert_allclose(paper(ax), rgb(DARK["figure.facecolor"]))
    assert is_dark(ax) and not is_dark(axes())
    clear = Figure(facecolor="none").subplots()
    clear.set_facecolor("none")
    np.testing.assert_array_equal(paper(clear), 1)
    clear.xaxis.label.set_color("white")
    np.testing.assert_array_equal(paper(clear), 0)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_shades_leave_the_paper_evenly(dark: bool, signed: bool) -> None:
    ax = axes(dark)
    shades = palette.shades(ax, signed=signed)
    away = [ciede2000(lab(np.array(shades(at)[:3])), lab(paper(ax))) for at in np.linspace(0.5 if signed else 0, 1, 6)]
    assert away[0] < 1 and (np.diff(away) > 2).all()
    if signed:
        assert nearest([np.array(shades(at)[:3]) for at in (0.0, 0.5, 1.0)]) > 20
