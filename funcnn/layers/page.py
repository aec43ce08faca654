"""How does a net look in a notebook? Its stages in order: what each is, how wide what goes in and comes out is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from funcnn._html import Branch, Line, counted, shortened, tree_page

__all__ = ["page_of"]

DEEPEST: Final = 40
"""Levels of blocks that a page shows."""


def page_of(layer: Any) -> str:
    """The page of a layer, a block or a net, of what it knows without drawing its parameters."""
    return tree_page(_shown("", layer, None, DEEPEST))


def _shown(name: str, layer: Any, before: int | None, levels: int) -> Branch | Line:
    """A layer at its place, which gets so many features from the one before it, and blocks inside it so deep."""
    widths = _widths(layer, before)
    if not layer.stages or not levels:
        said = [_flow(widths), _parameters(layer), _remembered(layer), _drawn(layer)]
        return Line(name, shortened(repr(layer)), _listed(said))
    kind = "net" if layer.kind == "serial" else layer.kind
    said = [_flow(widths), counted(len(layer.stages), "stage"), _count(layer), _drawn(layer)]
    return Branch(name, kind, list(_stages(layer, widths[0], levels)), _listed(said))


def _stages(layer: Any, width: int | None, levels: int) -> Iterator[Branch | Line]:
    """The stages of a net that gets so many features."""
    for name, stage in layer.stages:
        yield _shown(shortened(name), stage, width, levels - 1)
        width = _widths(stage, width)[1]


def _widths(layer: Any, before: int | None) -> tuple[int | None, int | None]:
    """How many features go in and come out, where the layer or the one before it says so."""
    into = before if layer.in_features is None else layer.in_features
    out = into if layer.out_features is None and layer.keeps_width else layer.out_features
    return into, out


def _flow(widths: tuple[int | None, int | None]) -> str:
    return "" if widths == (None, None) else " → ".join("any" if width is None else str(width) for width in widths)


def _parameters(layer: Any) -> str:
    """The shapes of the parameters of one layer, and how many numbers they are."""
    if layer.shapes is None:
        return "parameters of its own"
    return f"{_shapes(layer.shapes)} · {_count(layer)}" if layer.shapes else ""


def _remembered(layer: Any) -> str:
    if not layer.has_state:
        return ""
    return "remembers " + _shapes({name: array.shape for name, array in layer.init_state().items()})


def _drawn(layer: Any) -> str:
    return "draws in training" if layer.stochastic else ""


def _shapes(shapes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())


def _count(layer: Any) -> str:
    """How many numbers are learnt, as far as the layers say so."""
    sizes = list(_sizes(layer))
    known = counted(sum(size for size in sizes if size is not None), "parameter")
    return f"{known} and those of layers that do not say" if None in sizes else known


def _sizes(layer: Any) -> Iterator[int | None]:
    """How many numbers each parameter has, also of the layers inside; None for a layer that does not say."""
    if layer.stages:
        for _, stage in layer.stages:
            yield from _sizes(stage)
    elif layer.shapes is None:
        yield None
    else:
        yield from map(math.prod, layer.shapes.values())


def _listed(texts: list[str]) -> str:
    return " · ".join(filter(None, texts))
