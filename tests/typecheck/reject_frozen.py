"""A frozen dict is frozen for mypy too."""

from __future__ import annotations

from funcnn import tree
from funcnn.typing import Array


def frozen_dicts_are_frozen(x: Array) -> None:
    frozen = tree.freeze({"w": 1.0})
    frozen.pop("w")  # E: attr-defined
    frozen.update({"w": 2.0})  # E: attr-defined
    frozen["w"] = 2.0  # E: index | Unsupported target for indexed assignment
    frozen["w"] += 2.0  # E: index | Unsupported target for indexed assignment
    del frozen["w"]  # E: attr-defined | "__delitem__"
    frozen.w = 2.0  # E: attr-defined
    frozen[0]  # E: index
    frozen["w"] + "a"  # E: operator
    tree.FrozenDict(w=x)  # E: call-arg
