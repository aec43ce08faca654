"""What a notebook is given: well-formed, escaped, right in its numbers, bounded in size, without any effect outside."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import losses, optimizers, random, tracing
from funcnn._html import arrays, colours, curves, reduction
from funcnn._html.page import STYLE
from funcnn.activations import relu
from funcnn.layers import Layer, batch_norm, dense, dropout, residual

RNG = np.random.default_rng(0)
NET: Any = dense(2, 9) >> relu >> residual(dense(9, 9) >> np.tanh >> dropout(0.5)) >> batch_norm(9) >> dense(9, 3)
PLAIN: Any = dense(2, 9) >> relu >> dense(9, 3)
PARAMS: Any = PLAIN.init(random.key(0))
X: Any = RNG.normal(size=(12, 2)).astype(np.float32)
Y: Any = np.arange(12) % 3


def loss(params: Any, x: Any, y: Any) -> Any:
    return np.mean(losses.softmax_cross_entropy(PLAIN.apply(params, x), y))


def of(value: object) -> str:
    """The page of any value."""
    return tracing.show(value)._repr_html_()


PAGES: dict[str, Callable[[], str]] = {
    "net": NET._repr_html_,
    "layer": dense(2, 3)._repr_html_,
    "layer that remembers": batch_norm(3)._repr_html_,
    "empty net": fn.layers.serial()._repr_html_,
    "parameters": PARAMS._repr_html_,
    "empty FrozenDict": fn.FrozenDict()._repr_html_,
    "trace": lambda: tracing.trace(loss, optimizers.adam(0.1))(PARAMS, X, Y)._repr_html_(),
    "summary": lambda: tracing.summary(NET)._repr_html_(),
    "program": lambda: fn.make_program(fn.value_and_grad(loss))(PARAMS, X, Y)._repr_html_(),
    "curves": lambda: tracing.curves({"a": RNG.normal(size=900), "b": np.exp(-np.arange(90.0))})._repr_html_(),
    "state of an optimizer": lambda: of(optimizers.adam(0.1).init(PARAMS)),
}


class Parsed(HTMLParser):
    """A page: whether its tags are balanced, its texts, its attributes, what stands in its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] != "style":
            self.texts.append(data)

    def of(self, tag: str) -> Iterator[dict[str, str | None]]:
        """The attributes of the elements of a kind."""
        return (attributes for name, attributes in self.tags if name == tag)


def facts(text: str) -> dict[str, str]:
    """The statistics that the page of one array says."""
    texts = Parsed(text).texts
    return {name: texts[i + 1] for i, name in enumerate(texts) if name in (
        "min", "max", "mean", "std", "zeros", "nan", "inf", "size", "memory")}


# --------------------------------------------------------------------------------------- every page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_well_formed_and_reaches_nothing_outside(name: str) -> None:
    text = PAGES[name]()
    parsed = Parsed(text)
    assert parsed.tags[0] == ("div", {"class": "fn-page"})
    assert "<script" not in text and "http" not in text and "url(" not in text and "@import" not in text
    for tag, attributes in parsed.tags:
        assert all(each.startswith("fn-") for each in (attributes.get("class") or "").split())
        assert not any(each == "id" or each.startswith("on") for each in attributes), (tag, attributes)
    assert text.isprintable()


def test_the_style_is_that_of_the_page_alone() -> None:
    for selectors in re.findall(r"([^{}]+)\{[^{}]*\}", STYLE):
        assert all(selector.startswith(".fn-page") for selector in selectors.split(",")), selectors
    assert STYLE.count("{") == STYLE.count("}") > 30
    everything = "".join(make() for make in PAGES.values()) + of({"x": [np.ones((2, 2)), np.array([1.0, np.nan] * 9)]})
    used = {each for _, attributes in Parsed(everything).tags for each in (attributes.get("class") or "").split()}
    assert set(re.findall(r"\.(fn-\w+)", STYLE)) == used


def test_importing_funcnn_reads_nothing_of_it() -> None:
    program = "import sys, funcnn; print([name for name in sys.modules if '_html' in name or name.endswith('.page')])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


NASTY = "<b onload='x'>&\"\x00\n"


def test_every_text_is_escaped() -> None:
    net = dense(2, 3, name=NASTY) >> relu >> dense(3, 1)
    params: Any = net.init(random.key(0))

    def error(params: Any, x: Any) -> Any:
        return np.mean(net.apply(params, x))

    error.__name__ = NASTY

    class Odd:
        def __repr__(self) -> str:
            return NASTY

    program = fn.make_program(lambda x: np.where(x<10, x, 0))(X)  # its line stands beside it
    values = [{NASTY: NASTY, "object": Odd()}, np.array([NASTY]), np.array([Odd()], object)]
    said = tracing.trace(error)(params, X), tracing.summary(net), tracing.curves({NASTY: [1.0, 2.0]})
    pages = [each._repr_html_() for each in (net, params, program, *said, *map(tracing.show, values))]
    for text in pages:
        Parsed(text)
        assert "<b" not in text and "<10" not in text
        assert "&lt;b" in text or "x&lt;10" in text


def test_nothing_given_is_changed_and_no_generator_moved() -> None:
    given = {"w": RNG.normal(size=(40, 90)), "z": np.array([1.0, np.nan]), "n": [1, {"a": np.arange(3)}]}
    before, state = fn.tree.map(np.copy, given), np.random.mtrand._rand.get_state()[1].tobytes()  # type: ignore[index]
    assert of(given) == of(given)
    assert fn.tree.equal(given, before)
    assert all(leaf.flags.writeable for leaf in fn.tree.leaves(given) if isinstance(leaf, np.ndarray))
    assert np.random.mtrand._rand.get_state()[1].tobytes() == state  # type: ignore[index]


# -------------------------------------------------------------------------------------- any array


SMALL = (np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128, np.int8, np.int64, np.uint8,
         np.uint64, bool)
ODD: list[Any] = [
    np.array([np.nan, np.inf, -np.inf]), np.full((3, 90), np.nan), np.array([[1e308, -1e308]]), np.array([5e-324, 0]),
    np.array([np.iinfo(np.int64).min, np.iinfo(np.int64).max]), np.array([np.iinfo(np.uint64).max], np.uint64),
    np.full((2, 3), complex(np.nan, 1)), np.array([1e300 + 1e300j] * 9), np.empty((0, 3)), np.empty((3, 0, 2)),
    np.float32(3), np.array(2.5), np.array(1 + 2j), np.array("text"), np.array(["a", "b"]), np.array([b"x"] * 20),
    np.array([None, {}], object), np.array(["2020-01-01"], "M8[D]"), np.zeros(2, [("a", "f4"), ("b", "i4")]),
    np.broadcast_to(np.float32(1), (10**7, 10**7)), np.arange(24.0).reshape(4, 6)[::-2, ::3], np.ones((1,) * 12),
    np.ma.masked_array([1.0, 2.0], [True, False]), None, 3, 2.5, True, "text", b"bytes", float("nan"), [], {}, (),
    np.float32, print, np.linspace(-1, 1, 70), {"deep": [[[[[[(1.0,)]]]]]]}, np.array([1, 2], ">i2"),
]


def test_any_value_has_a_page_and_no_warning_comes() -> None:
    """Warnings are errors in these tests."""
    for dtype in SMALL:
        for shape in ((1,), (8, 8), (100,), (3, 70), (70, 3), (2, 3, 4), (3, 3, 1, 2), (2, 1, 9, 2, 3), (200, 300)):
            x = (RNG.normal(size=shape) * 3).astype(dtype) if dtype is not bool else RNG.random(shape) > 0.5
            text = of(x)
            Parsed(text)
            assert facts(text)["size"] == f"{x.size:,}"
            assert f"{x.dtype}{list(shape)}" in text
    for value in ODD:
        assert len(of(value)) < 20_000
        Parsed(of({"name": value}))


def test_a_value_whose_repr_raises_has_a_page() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert "a Broken, whose repr raises RuntimeError" in of([Broken()])


def test_statistics_are_those_of_the_finite_entries() -> None:
    for x in (RNG.normal(size=(20, 30)), RNG.normal(size=1000).astype(np.float16), RNG.integers(-5, 5, (9, 9))):
        said, wide = facts(of(x)), x.astype(np.float64)
        for name, value in (("min", wide.min()), ("max", wide.max()), ("mean", wide.mean()), ("std", wide.std())):
            assert float(said[name]) == pytest.approx(value, rel=1e-3, abs=1e-12), name
        assert int(said.get("zeros", 0)) == np.sum(x == 0)
    x = np.array([1.0, 0.0, 5.0, np.nan, np.nan, np.inf, -np.inf])
    said = facts(of(x))
    assert (said["min"], said["max"], said["mean"], said["zeros"], said["nan"], said["inf"]) == (
        "0", "5", "2", "1", "2", "2")
    assert "2 nan" in of(x) and "of the finite entries" in of(x)
    assert facts(of(np.array([2**62 + 1, 3])))["max"] == str(2**62 + 1)  # float64 does not hold it
    said = facts(of(np.array([3 + 4j, 0])))
    assert (said["max"], said["mean"]) == ("5", "2.5") and "magnitudes" in of(np.array([1j]))


def test_of_large_arrays_a_sample_is_seen_and_that_is_said() -> None:
    x = np.broadcast_to(np.arange(3.0), (10**6, 3))
    found = arrays.statistics(x)
    assert arrays.COUNTED // 2 <= found.seen <= arrays.COUNTED
    assert (found.least, found.greatest, found.mean) == (0, 2, 1)
    assert f"statistics of {found.seen:,} entries, evenly chosen" in of(x)
    assert arrays.statistics(np.ones(arrays.COUNTED)).seen == arrays.COUNTED
    assert "evenly" not in of(np.arange(1000.0))


# ---------------------------------------------------------------------------------------- heat maps

BLUE, PALE_BLUE, WHITE, PALE, ORANGE = ((27, 90, 158), (141, 187, 224), (247, 247, 247), (245, 181, 122), (194, 84, 10))


def signed_colour(x: float, most: float) -> tuple[int, ...]:
    """White at 0, blue at -most, orange at most: on straight lines through pale ones, at the nearest of 63 places."""
    place = round((x / most + 1) * 31) / 31 - 1  # from -1 to 1
    start, middle, end = (WHITE, PALE, ORANGE) if place > 0 else (WHITE, PALE_BLUE, BLUE)
    one, other, share = (start, middle, 2 * abs(place)) if abs(place) < 0.5 else (middle, end, 2 * abs(place) - 1)
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))


def near(colour: Any, expected: Any) -> bool:
    return bool(np.max(np.abs(np.subtract(colour, expected))) <= 1)  # halves are rounded both ways


def decoded(source: str) -> np.ndarray[Any, Any]:
    """The pixels of a PNG as (height, width, red green blue alpha)."""
    data = b64decode(source.removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at:at + 4]), data[at + 4:at + 8]
        chunks[kind] = data[at + 8:at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(kind + chunks[kind])
        at += 12 + length
    width, height, *rest = struct.unpack(">2I5B", chunks[b"IHDR"])
    assert rest == [8, 3, 0, 0, 0]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width)
    assert not lines[:, 0].any()
    opaque = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    alpha = np.frombuffer(chunks[b"tRNS"], np.uint8)
    return np.concatenate([opaque, alpha[:, None]], axis=1)[lines[:, 1:]]


def pixels(x: Any) -> np.ndarray[Any, Any]:
    """The heat map on the page of an array."""
    (image,) = Parsed(of(x)).of("img")
    return decoded(image["src"] or "")


def cells(x: Any) -> list[tuple[str, str, tuple[int, ...]]]:
    """(title, text, colour) of the numbers of a small array."""
    found = re.findall(r'<td style="background:#(\w{6});color:#\w+" title="([^"]*)">([^<]*)</td>', of(x))
    return [(title, text, tuple(bytes.fromhex(colour))) for colour, title, text in found]


def test_a_small_array_is_a_table_of_its_numbers_on_their_colours() -> None:
    x = np.array([[-2.0, 1.0], [0.0, 0.5]])
    shown = cells(x)
    assert [(title, text) for title, text, _ in shown] == [("[0, 0]: -2.0", "-2"), ("[0, 1]: 1.0", "1"),
                                                           ("[1, 0]: 0.0", "0"), ("[1, 1]: 0.5", "0.5")]
    for (_, _, colour), entry in zip(shown, x.ravel(), strict=True):
        assert near(colour, signed_colour(entry, 2.0)), entry
    assert shown[0][2] == BLUE and shown[2][2] == WHITE
    assert [colour for _, _, colour in cells(np.array([1.0, 3.0]))] == [(68, 1, 84), (253, 231, 37)]  # viridis
    assert cells(np.array([1.0, np.nan, np.inf]))[1:] == [("[1]: nan", "nan", (214, 37, 154)),
                                                          ("[2]: inf", "inf", (214, 37, 154))]
    assert [colour for _, _, colour in cells(np.zeros(3, np.float64))] == [WHITE] * 3
    assert len(cells(np.ones((8, 8)))) == 64 and cells(np.ones((9, 8))) == []


def test_letters_can_be_read_on_every_colour() -> None:
    def luminance(colour: tuple[int, ...]) -> Any:
        linear = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for name in ("signed", "ranged"):
        for colour in colours.palette(name):
            ink = (255, 255, 255) if colours.is_dark(colour) else (0, 0, 0)
            light, dark = sorted([luminance(colour), luminance(ink)], reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, colour


def test_a_heat_map_has_the_colour_of_each_entry() -> None:
    x = RNG.normal(size=(20, 9))
    x[3, 4], x[5, 6] = np.nan, -np.inf
    found, most = pixels(x), np.abs(x[np.isfinite(x)]).max()
    assert found.shape == (20, 9, 4) and np.all(found[..., 3] == 255)
    for place, entry in np.ndenumerate(x):
        expected = signed_colour(entry, float(most)) if np.isfinite(entry) else (214, 37, 154)
        assert near(found[place][:3].astype(int), expected), place


def test_a_large_array_is_seen_by_the_means_of_its_blocks() -> None:
    x = RNG.normal(size=(64, 256))
    picture = reduction.pictured(x)
    np.testing.assert_allclose(picture.cells[0, 0], x.reshape(32, 2, 64, 4).mean((1, 3)), rtol=1e-12)
    assert picture.notes == ("a cell is the mean of 2 x 4 entries",)
    uneven = reduction.pictured(np.arange(70.0)).cells.ravel()  # 35 blocks of 2
    np.testing.assert_allclose(uneven, np.arange(70.0).reshape(35, 2).mean(1))
    last = reduction.pictured(np.arange(129.0)).cells.ravel()  # 43 blocks of 3
    np.testing.assert_allclose(last, np.arange(129.0).reshape(43, 3).mean(1))
    x[40, 100] = np.nan
    bad = np.argwhere(~np.isfinite(reduction.pictured(x).cells[0, 0]))
    assert bad.tolist() == [[20, 25]]  # one in a million is seen
    assert reduction.pictured(np.broadcast_to(1.0, (10**6, 10**6))).notes == (
        "a cell is the mean of 31,250 x 15,625 entries, of which 32 x 32 are looked at",)
    for shape in ((1000, 1000), (10**6,), (9, 9, 50, 50), (64, 3, 224, 224), (2, 2, 2, 2, 2, 2)):
        rows, columns = pixels(np.broadcast_to(np.arange(float(shape[-1])), shape)).shape[:2]
        assert 1 <= rows <= reduction.ROWS and 1 <= columns <= reduction.COLUMNS


def test_of_more_than_two_axes_slices_stand_side_by_side() -> None:
    x = np.arange(36.0).reshape(3, 3, 2, 2) - 50
    found = pixels(x)
    assert found.shape == (8, 8, 4)
    gaps = found[..., 3] == 0
    assert gaps[2].all() and gaps[5].all() and gaps[:, 2].all() and gaps[:, 5].all() and gaps.sum() == 28
    last = reduction.pictured(x).cells[2, 1]
    np.testing.assert_array_equal(last, x[2, 1])
    assert "3 x 3 slices, each of 2 x 2" in of(x)
    assert "the first 8 of 10 slices, each of 2 x 2" in of(np.ones((10, 2, 2)) * np.arange(2.0))
    assert "the first along the first axis" in of(np.arange(32.0).reshape(2, 2, 2, 2, 2))


# -------------------------------------------------------------------------------------------- size


def test_a_page_is_bounded_and_says_what_it_leaves_out() -> None:
    many = {f"leaf {i}": np.full((30, 70), float(i + 1)) * np.arange(70) for i in range(10_000)}
    nested = {f"layer {i}": {f"{j}": RNG.normal(size=(8, 8)) for j in range(100)} for i in range(100)}
    text = of(many)
    assert len(text) < 1_000_000 and "9,401 more entries, not shown" in text and "10,000 entries" in text
    assert "Only the first 100 arrays open; 9,900 more" in text and text.count("<img") == 100
    text = of(nested)
    assert len(text) < 1_000_000 and text.count("<details") <= 600 and "layer 99" in text
    long = fn.make_program(lambda x: sum(x * float(i) for i in range(1000)))(np.ones(3))
    text = long._repr_html_()
    assert len(text) < 300_000 and "more calls, not shown" in text
    steps = tracing.curves(RNG.normal(size=10**6))._repr_html_()
    assert len(steps) < 40_000
    assert len(of({"n" * 10**6: "x" * 10**6})) < 10_000


def test_a_net_as_deep_as_may_be_and_a_long_one_have_pages() -> None:
    net: Any = dense(2, 2)
    for _ in range(120):
        net = residual(net)
    Parsed(net._repr_html_())
    long = fn.layers.serial(*[dense(2, 2)] * 5000)._repr_html_()
    assert "5000 stages" in long.replace(",", "") and "more entries, not shown" in long and len(long) < 300_000


# ------------------------------------------------------------------------------- what each class says


def text_of(html: str) -> str:
    return " ".join(" ".join(Parsed(html).texts).split())


def test_a_net_says_its_stages_their_widths_and_parameters() -> None:
    said = text_of(NET._repr_html_())
    for part in ("net 2 → 3 · 5 stages", "dense_0 dense(2, 9) 2 → 9 · w [2, 9], b [9] · 27 parameters",
                 "relu_0 relu 9 → 9", "residual_0 residual 9 → 9 · 3 stages · 90 parameters · draws in training",
                 "dropout_0 dropout(0.5) 9 → 9 · draws in training", "remembers mean [9], var [9]",
                 "dense_1 dense(9, 3)"):
        assert part in said, part
    assert f"{fn.tree.ravel(NET.init(random.key(0)))[0].size} parameters" in said


def test_a_net_is_shown_without_being_drawn() -> None:
    def init(key: Any) -> Any:
        raise AssertionError("drawn")

    own: Any = Layer("own", init, lambda params, x, key: x)
    assert "own_0 own() parameters of its own" in text_of((own >> dense(2, 3))._repr_html_())
    assert "and those of layers that do not say" in text_of((own >> dense(2, 3))._repr_html_())


def test_a_trace_says_every_number_of_its_text() -> None:
    step = tracing.trace(loss, optimizers.adam(0.1))(PARAMS, X, Y)
    said = text_of(step._repr_html_())
    for op in step.operations:
        assert op.formula in said
        assert all(operand.formula in said for operand in op.operands)
    for parameter in step.parameters:
        for array in parameter[1:]:
            assert isinstance(array, np.ndarray)
            assert f"{array.dtype}{list(array.shape)}" in said
            assert arrays.statistics(array).range in said
    assert f"loss = {step.value:.4g}" in said and "dense_1" not in text_of(step.where("dense_0/w")._repr_html_())


def test_a_summary_has_the_cells_of_its_text() -> None:
    found = tracing.summary(NET)
    said = text_of(found._repr_html_()).split()
    assert said == [word for word in str(found).split() if not word.startswith("---")]
    assert "  residual_0/dense_0" in found._repr_html_()


def test_a_program_has_the_lines_of_its_listing() -> None:
    captured = np.arange(20.0)
    program = fn.make_program(lambda x: np.sum(np.exp(x) * captured))(np.ones(20))
    html = program._repr_html_()
    said = text_of(html)
    for line in str(program).splitlines()[2:]:
        assert line.partition(" # ")[0].strip() in said
    assert "float64[20]" in said and "1 constant" in said and "0 to 19" in said and "test_html.py:" in said


def test_values_that_nobody_can_look_at_have_a_page() -> None:
    seen: list[str] = []

    def watched(params: Any) -> Any:
        seen.append(params._repr_html_())
        return np.sum(params["w"])

    fn.grad(watched)(fn.FrozenDict({"w": np.ones(3)}))
    fn.jit(watched)(fn.FrozenDict({"w": np.ones(3)}))
    assert [("float64[3]" in text, "not to be had here" in text) for text in seen] == [(True, True)] * 2


def test_arrays_of_jax_have_pages(jax: Any) -> None:
    jnp = jax.numpy
    for dtype in ("bfloat16", "float16", "float32", "int32", "bool", "complex64", "float8_e4m3fn", "int4"):
        text = of(jnp.asarray(np.arange(12.0).reshape(2, 6) % 3, dtype))
        assert facts(text)["max"] in ("2", "True") and dtype in text
    seen: list[str] = []

    @jax.jit  # type: ignore[untyped-decorator]  # of a package without types here
    def watched(x: Any) -> Any:
        seen.append(of({"x": x}))
        return x

    watched(jnp.ones(3))
    assert "not to be had here" in seen[0]
    assert "lowest 0.5 at step 1" in repr(tracing.curves(jnp.asarray([1.0, 0.5], "bfloat16")))
    Parsed(of({"key": jax.random.key(0), "outline": jax.ShapeDtypeStruct((2,), "float32"), "nan": jnp.nan}))


# ------------------------------------------------------------------------------------------ curves


def test_curves_say_first_last_lowest_and_highest() -> None:
    found = tracing.curves(np.array([3.0, np.nan, -1.0, 2.0, 9.0, 1.5]))
    assert repr(found) == "value: first 3, last 1.5, lowest -1 at step 2, highest 9 at step 4, 1 not finite"
    assert "6 steps" in found._repr_html_() and "1 not finite" in found._repr_html_()
    both = tracing.curves({"loss": [2.0, 1.0], "at": {"accuracy": np.array([0, 1])}})
    assert [curve.name for curve in both.all] == ["at/accuracy", "loss"]
    for empty in ([], [1.0], [np.nan, np.nan]):
        Parsed(tracing.curves(empty)._repr_html_())
    assert repr(tracing.curves([])) == "value: no steps"


def test_a_history_that_is_no_curve_is_refused() -> None:
    wrong: list[Any] = [np.ones((3, 2)), np.array([1j]), ["a"], 3.0]
    for history in wrong:
        with pytest.raises(TypeError, match="curves: history must be one real number a step"):
            tracing.curves(history)


def test_the_drawn_curve_goes_through_its_points() -> None:
    values = np.array([0.0, 1.0, 4.0, 2.0, 3.0])
    html = tracing.curves(values)._repr_html_()
    (line,) = [each["d"] for each in Parsed(html).of("path") if each.get("stroke-width")]
    points = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", line or ""), np.float64)
    np.testing.assert_allclose(np.diff(points[:, 0]), np.diff(points[:, 0])[0], atol=0.11)
    slope, offset = np.polyfit(values, points[:, 1], 1)
    np.testing.assert_allclose(points[:, 1], slope * values + offset, atol=0.11)
    assert slope < 0  # up is more
    (line,) = [each["d"] for each in Parsed(tracing.curves([1.0, np.nan, 2.0, 3.0])._repr_html_()).of("path")
               if each.get("stroke-width")]
    assert (line or "").count("M") == 2


def test_smoothed_values_are_the_means_of_their_neighbours_whatever_came_before() -> None:
    steep = 10.0 ** -np.linspace(-20, 30, 400)  # in a difference of sums from the start nothing of 1e-30 is left
    for values, reach in ((steep, 6), (np.where(np.arange(9) == 4, np.nan, 1.0), 1), (np.arange(3.0), 5)):
        around = [values[max(i - reach, 0):i + reach + 1] for i in range(len(values))]
        expected = [np.mean(each[np.isfinite(each)]) for each in around]
        np.testing.assert_allclose(curves.smoothed(values, reach), expected, rtol=1e-12)


def test_a_curve_as_wide_as_floats_reach_is_drawn() -> None:
    (line,) = [each["d"] for each in Parsed(tracing.curves([1.5e308, -1.5e308, 0.0])._repr_html_()).of("path")
               if each.get("stroke-width")]
    high, low, middle = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", line or "")]
    assert high < middle < low


def test_a_steep_curve_has_a_logarithmic_axis_and_its_marks() -> None:
    values = np.exp(-np.linspace(0, 9, 400))
    html = tracing.curves(values)._repr_html_()
    assert {"1", "0.1", "0.01", "0.001"} <= set(Parsed(html).texts) and "logarithmic" in html
    raw, smooth = [each["d"] or "" for each in Parsed(html).of("path") if each.get("stroke-width")]
    across, down = np.array(re.findall(r"[ML]([\d.]+) ([\d.]+)", raw), np.float64).T
    np.testing.assert_allclose(np.interp(across, across[[0, -1]], down[[0, -1]]), down, atol=0.2)  # it is straight
    assert smooth.count("L") > 100
    assert "logarithmic" not in tracing.curves(values - 1)._repr_html_()
