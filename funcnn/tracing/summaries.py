"""With this module you can see a network at a glance: `summary(net)`; `stage_names` says what its stages are called.

Users find `summary` in `funcnn.tracing`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from funcnn import random, tree
from funcnn.layers.composition import Layer
from funcnn.typing import Params, Shape

__all__ = ["Stage", "Summary", "columns", "stage_names", "summary"]

AnyLayer = Layer[Any, Any, Any]


@dataclass(frozen=True)
class Stage:
    """One stage of a network; the stages inside a block follow it, with a `depth` of one more."""

    path: str
    kind: str
    in_features: int | None
    out_features: int | None
    parameters: int
    bytes: int
    output: tuple[int | None, ...] | None
    """The shape of the output, its first axis the batch, whose length is None; None where it cannot be known."""
    depth: int = 0


@dataclass(frozen=True)
class Summary:
    """The stages of a network in order; `str` of it is a table."""

    stages: tuple[Stage, ...]

    @property
    def parameters(self) -> int:
        """How many numbers are learnt."""
        return sum(stage.parameters for stage in self.stages if not stage.depth)

    @property
    def bytes(self) -> int:
        """The memory that they take."""
        return sum(stage.bytes for stage in self.stages if not stage.depth)

    def __str__(self) -> str:
        head = ("path", "kind", "in -> out", "output", "parameters", "bytes")
        rows = [_row(stage) for stage in self.stages]
        total = ("total", "", "", "", f"{self.parameters:,}", f"{self.bytes:,}")
        lines = columns([head, *rows, total], right=(4, 5))
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    __repr__ = __str__


def summary(net: Layer[Any, Any, Any], input_shape: Shape | None = None) -> Summary:
    """What a network is made of: the path, kind, widths, parameters, bytes and output shape of each stage.

    `input_shape` is the shape of one example, as `(28, 28, 1)`; without it, it is taken to be `(in_features,)`, and
    outputs are not known where a network begins with a stage that takes more axes. The batch is `n`.

    >>> from funcnn.layers import dense
    >>> print(summary(dense(2, 64) >> np.tanh >> dense(64, 3)))
    path     kind      in -> out  output   parameters  bytes
    --------------------------------------------------------
    dense_0  dense     2 -> 64    (n, 64)         192    768
    tanh_0   function             (n, 64)
    dense_1  dense     64 -> 3    (n, 3)          195    780
    --------------------------------------------------------
    total                                         387  1,548
    """
    x = _example(net, input_shape)
    stages = net.stages if net.kind == "serial" else (net,)
    return Summary(tuple(_summarised(stages, "", 0, x)))


def stage_names(stages: Sequence[Layer[Any, Any, Any]], prefix: str = "") -> list[str]:
    """What the stages of a net are called: their paths; those without parameters, functions among them, are counted.

    >>> from funcnn.layers import dense
    >>> stage_names((dense(2, 4) >> np.tanh >> dense(4, 4) >> np.tanh).stages)
    ['dense_0', 'tanh_0', 'dense_1', 'tanh_1']
    """
    names: dict[str, None] = {}
    counts: dict[str, int] = {}
    for stage in stages:
        name = stage.path or f"{prefix}{stage.name or stage.kind}{'_0' if stage.kind == 'function' else ''}"
        names[_next_free(name, names, counts)] = None
    return list(names)


def _next_free(name: str, taken: Container[str], counts: dict[str, int]) -> str:
    """The name, with a higher number if it is taken; the counts remember which numbers were tried."""
    base, _, number = name.rpartition("_")
    base, number = (base, number) if number.isdigit() else (name, "0")
    while name in taken:
        counts[base] = counts.get(base, int(number)) + 1
        name = f"{base}_{counts[base]}"
    return name


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Lines of aligned columns; those at `right` are aligned to the right.

    >>> columns([("a", "1"), ("bc", "23")], right=[1])
    ['a    1', 'bc  23']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) if i in right else cell.ljust(width)
                      for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]


# ------------------------------------------------------------------------------------------------ the stages


def _summarised(stages: Sequence[AnyLayer], prefix: str, depth: int, x: Any) -> Iterator[Stage]:
    for path, stage in zip(stage_names(stages, prefix), stages, strict=True):
        params = stage.init(random.key(0))
        inside = list(_summarised(stage.stages, f"{path}/", depth + 1, x)) if stage.stages else []
        x = _output(stage, params, x)
        sizes = [(np.size(leaf), leaf.nbytes) for leaf in tree.leaves(params)]
        yield Stage(path, stage.kind, stage.in_features, stage.out_features, sum(n for n, _ in sizes),
                    sum(n for _, n in sizes), None if x is None else (None, *x.shape[1:]), depth)
        yield from inside


def _example(net: AnyLayer, input_shape: Shape | None) -> Any:
    """A batch of one example of zeros, if its shape can be known."""
    if input_shape is not None:
        return np.zeros((1, *input_shape), np.float32)
    first = net.stages[0] if net.kind == "serial" and net.stages else net
    if net.in_features is None or first.axes not in (None, 2):
        return None
    return np.zeros((1, net.in_features), np.float32)


def _output(stage: AnyLayer, params: Params, x: Any) -> Any:
    """What the stage makes of the example; where it takes integers, of zeros of that kind."""
    if x is None:
        return None
    with np.errstate(all="ignore"):
        try:
            return stage.apply(params, x, key=None)
        except TypeError:
            return stage.apply(params, x.astype(np.int64), key=None)


def _row(stage: Stage) -> tuple[str, ...]:
    known = [str(width) if width is not None else "any" for width in (stage.in_features, stage.out_features)]
    widths = "" if stage.in_features is None and stage.out_features is None else " -> ".join(known)
    numbers = (f"{stage.parameters:,}", f"{stage.bytes:,}") if stage.parameters else ("", "")
    return ("  " * stage.depth + stage.path, stage.kind, widths, _shape(stage.output), *numbers)


def _shape(output: tuple[int | None, ...] | None) -> str:
    return "" if output is None else f"({', '.join('n' if n is None else str(n) for n in output)})"
