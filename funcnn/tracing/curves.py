"""How did it go? `curves` of what a fold gives: the values of the steps, drawn in a notebook and summed up in text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from funcnn import tree
from funcnn._arguments import described
from funcnn._arrays import is_float
from funcnn.typing import Scalar

__all__ = ["Curves", "curves"]

Values: TypeAlias = NDArray[Any] | Sequence[Scalar]
"""One number a step: the history of a fold, or a list of the values that a loop has seen."""


class Curve(NamedTuple):
    """One number a step, and its name: "" where there is no other."""

    name: str
    values: NDArray[np.float64]

    @property
    def odd(self) -> int:
        """How many values are not finite."""
        return len(self.values) - int(np.count_nonzero(np.isfinite(self.values)))

    @property
    def points(self) -> dict[str, tuple[float, int]]:
        """The values that are told, with the steps where they stand, counted from 0."""
        n, finite = len(self.values), np.flatnonzero(np.isfinite(self.values))
        steps = {"first": 0, "last": n - 1} if n else {}
        if finite.size:
            known = self.values[finite]
            steps |= {"lowest": int(finite[known.argmin()]), "highest": int(finite[known.argmax()])}
        return {name: (float(self.values[step]), step) for name, step in steps.items()}


@dataclass(frozen=True, eq=False)
class Curves:
    """The values of the steps of a training, as a notebook draws them and `print` sums them up."""

    all: tuple[Curve, ...]
    """A curve for each leaf of the history, with its name."""

    def __repr__(self) -> str:
        return "\n".join(f"{curve.name or 'value'}: {', '.join(_told(curve)) or 'no steps'}"
                         + (f", {curve.odd:,} not finite" if curve.odd else "") for curve in self.all)

    def _repr_html_(self) -> str:
        from funcnn._html import Html, chart, counted, one_line, page, tag, words

        parts: list[Html] = []
        for curve in self.all:
            head = words(title=curve.name, quiet=counted(len(curve.values), "step"))
            facts = [*[tag("span", text, kind="quiet") for text in _told(curve)],
                     *words(odd=f"{curve.odd:,} not finite" if curve.odd else "")]
            parts.append(tag("div", one_line(head), chart(curve.values), one_line(facts), kind="chart"))
        return page(tag("div", *parts, kind="charts"))


def _told(curve: Curve) -> list[str]:
    return [f"{name} {value:.4g}" + (f" at step {step:,}" if name in ("lowest", "highest") else "")
            for name, (value, step) in curve.points.items()]


def curves(history: Values | Mapping[str, Values | Mapping[str, Values]]) -> Curves:
    """The values of a training as curves: the `history` of a `fold`, a list, or a dict (a tree) of them by name.

    At the end of a cell of a notebook they are drawn, each value pale and the mean of its neighbourhood strong, on a
    logarithmic axis where they fall far; elsewhere they are told. It needs no matplotlib; `plotting.history` is the
    figure. A history itself stays the array that it is, so that all that takes arrays takes it.

    >>> curves([1.5, 0.5, 0.25, 0.375])
    value: first 1.5, last 0.375, lowest 0.25 at step 2, highest 1.5 at step 0
    """
    leaves = [("", history)] if _is_one(history) else [
        (tree.keystr(path), leaf) for path, leaf in tree.leaves_with_path(history, is_leaf=_is_one)]
    return Curves(tuple(Curve(name, _vector(name, leaf)) for name, leaf in leaves))


def _is_one(history: object) -> bool:
    """Whether it is one curve: an array, or a list of numbers."""
    return hasattr(history, "shape") or isinstance(history, list)


def _vector(name: str, values: Any) -> NDArray[np.float64]:
    vector = np.asarray(values)
    if vector.ndim != 1 or not (is_float(vector.dtype) or vector.dtype.kind in "biu"):
        raise TypeError(f"curves: {name or 'history'} must be one real number a step, got {described(vector)}; choose "
                        "or average: history[:, 0], history.mean(axis=1)")
    return vector.astype(np.float64)
