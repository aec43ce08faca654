"""A network at a glance: `summary(net)`, which users find in `funcnn.tracing`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from funcnn import random, tree
from funcnn._arguments import described
from funcnn.layers.composition import Layer
from funcnn.layers.composition import Stage as Place
from funcnn.layers.state import run_with_state
from funcnn.typing import Array, Params, Shape

__all__ = ["Stage", "Summary", "columns", "summary"]

AnyLayer = Layer[Any, Any, Any]


HEAD = ("path", "kind", "in -> out", "output", "parameters", "bytes")


@dataclass(frozen=True)
class Stage:
    """One stage of a network; the stages inside a block follow it, with a `depth` of one more.

    `path` is its place among the parameters, as `residual_0/dense_0`, and `kind` what made it, as `dense`.
    `in_features` and `out_features` are its widths, None for any. It has so many `parameters`, numbers that are
    learnt, which take so many `bytes`.
    """

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
    """The `stages` of a network in order; `str` of it is a table."""

    stages: tuple[Stage, ...]

    @property
    def parameters(self) -> int:
        """How many numbers are learnt."""
        return sum(stage.parameters for stage in self.stages if not stage.depth)

    @property
    def bytes(self) -> int:
        """The memory that they take."""
        return sum(stage.bytes for stage in self.stages if not stage.depth)

    @property
    def _total(self) -> tuple[str, ...]:
        """The last line of the table."""
        return ("total", "", "", "", f"{self.parameters:,}", f"{self.bytes:,}")

    def __str__(self) -> str:
        lines = columns([HEAD, *map(_row, self.stages), self._total], right=(4, 5))
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from funcnn._html import page, table

        return page(table(HEAD, map(_row, self.stages), right=(4, 5), foot=self._total))


def summary(net: AnyLayer, input_shape: Shape | Array | None = None) -> Summary:
    """What a `net` is made of: the path, kind, widths, parameters, bytes and output shape of each stage.

    `input_shape` is the shape of one example, as `(28, 28, 1)`, or a batch of examples, as in `summary(net, x)`; of a
    batch only the shape is looked at. Without it, it is taken to be `(in_features,)`, and outputs are not known where a
    network begins with a stage that takes more axes. The batch is `n`.

    TypeError for what is neither a shape nor a batch, ValueError for an array of one axis and for widths that do not
    fit, which names the layer.

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
    return Summary(tuple(_summarised(_places(net), "", 0, _batch_of_one(net, input_shape))))


def _places(net: AnyLayer) -> tuple[Place, ...]:
    """The stages of a net; a single layer or block is one stage."""
    return (Place(net.called(), net),) if net.called() else net.stages


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Lines of aligned columns; those at `right` are aligned to the right.

    >>> columns([("a", "1"), ("bc", "23")], right=[1])
    ['a    1', 'bc  23']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) if i in right else cell.ljust(width)
                      for i, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip() for row in rows]


# ------------------------------------------------------------------------------------------------ the stages


def _summarised(places: Sequence[Place], prefix: str, depth: int, x: Any) -> Iterator[Stage]:
    for name, layer in places:
        params, path = layer.init(random.key(0)), f"{prefix}{name}"
        inside = list(_summarised(layer.stages, f"{path}/", depth + 1, x))
        x = _output(layer, path, params, x)
        sizes = [(np.size(leaf), leaf.nbytes) for leaf in tree.leaves(params)]
        yield Stage(path, layer.kind, layer.in_features, layer.out_features, sum(n for n, _ in sizes),
                    sum(n for _, n in sizes), None if x is None else (None, *x.shape[1:]), depth)
        yield from inside


def _batch_of_one(net: AnyLayer, given: Shape | Array | None) -> Any:
    """A batch of one example of zeros, if its shape can be known."""
    dtype = next((leaf.dtype for leaf in tree.leaves(net.init(random.key(0)))), np.float32)
    if given is not None:
        return np.zeros((1, *_shape_of_one(net, given)), dtype)
    first, *_ = (*_places(net), Place("", net))
    if net.in_features is None or first.layer.axes not in (None, 2):
        return None
    return np.zeros((1, net.in_features), dtype)


def _shape_of_one(net: AnyLayer, given: Any) -> Shape:
    """The shape of one example, from itself or from a batch."""
    if isinstance(given, tuple | list) and all(isinstance(n, int | np.integer) and n >= 0 for n in given):
        return tuple(given)
    shape = getattr(given, "shape", None)
    if not shape:
        raise TypeError("summary: input_shape must be a shape, as (28, 28, 1), or a batch of examples, got "
                        + _unlike_batch(given))
    if len(shape) == 1 and net.in_features is not None:
        raise ValueError(f"summary: a batch has an axis of examples before that of features, got an array of shape "
                         f"{tuple(shape)}. If it is one example: x[None]; if each example is one number: x[:, None]")
    return tuple(shape[1:])


def _unlike_batch(given: Any) -> str:
    """What came instead of a shape or a batch, with the fix where it is clear."""
    if isinstance(given, tuple | list) and len(given) == 2 and all(hasattr(each, "shape") for each in given):
        return f"{described(given)} of two arrays. If they are inputs and targets: summary(net, batch[0])"
    is_sequence = isinstance(given, tuple | list)
    return described(given) + (": np.asarray(x)" if is_sequence and given and isinstance(given[0], list) else "")


def _output(layer: AnyLayer, path: str, params: Params, x: Any) -> Any:
    """What the layer makes of the example; where it takes integers, of zeros of that kind."""
    if x is None:
        return None
    with np.errstate(all="ignore"):
        try:
            return run_with_state(layer, path, params, layer.init_state(), x, None)[0]
        except TypeError:
            return run_with_state(layer, path, params, layer.init_state(), x.astype(np.int64), None)[0]


def _row(stage: Stage) -> tuple[str, ...]:
    known = [str(width) if width is not None else "any" for width in (stage.in_features, stage.out_features)]
    widths = "" if stage.in_features is None and stage.out_features is None else " -> ".join(known)
    numbers = (f"{stage.parameters:,}", f"{stage.bytes:,}") if stage.parameters else ("", "")
    return ("  " * stage.depth + stage.path, stage.kind, widths, _shape(stage.output), *numbers)


def _shape(output: tuple[int | None, ...] | None) -> str:
    return "" if output is None else f"({', '.join('n' if n is None else str(n) for n in output)})"
