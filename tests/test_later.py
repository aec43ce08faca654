"""What is imported only when it is asked for is there all the same: listed, pickled, found once."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import pytest

import funcnn as fn
from funcnn._later import later
from funcnn._names import ROOMS

IN_A_FRESH_PROCESS = """
import pickle
import funcnn as fn
asked = 0
for room in ("layers", "optimizers", "tree"):
    module = getattr(fn, room)
    for name in set(module.__all__) - set(vars(module)):
        asked += 1
        assert name in dir(module), name
        value = getattr(module, name)
        assert value is getattr(module, name) is vars(module)[name], name
        if callable(value):
            assert pickle.loads(pickle.dumps(value)) is value, name
assert {"checkpoint", "datasets", "grad", "plotting"} <= set(dir(fn)) and not {"jax", "scipy"} & set(dir(fn))
print(asked)
"""


def test_what_comes_later_is_listed_and_comes_when_it_is_asked_for() -> None:
    asked = subprocess.run([sys.executable, "-c", IN_A_FRESH_PROCESS], check=True, capture_output=True, text=True)
    assert int(asked.stdout) > 30


def test_a_name_that_is_nowhere_is_an_attribute_error() -> None:
    module: dict[str, Any] = {"__name__": "funcnn.layers", "__all__": ["dense"]}
    later(module, recurrent="gru lstm")
    get, listed = module.pop("__getattr__"), module.pop("__dir__")
    assert listed() == ["__all__", "__name__", "gru", "lstm"]
    with pytest.raises(AttributeError, match=r"'funcnn\.layers' has no attribute 'Dense'; did you mean 'dense'"):
        get("Dense")
    assert get("gru") is fn.layers.gru is module["gru"]


def test_a_module_that_is_only_half_there_has_no_such_name_either() -> None:
    module: dict[str, Any] = {"__name__": "funcnn.half"}
    later(module)
    with pytest.raises(AttributeError, match=r"'xyzzy'$"):
        module["__getattr__"]("xyzzy")


def test_every_room_says_what_may_be_meant_also_where_it_is_imported_alone() -> None:
    for room in ROOMS:
        if room != "typing":  # whose names are its own
            assert "__getattr__" in vars(importlib.import_module(f"funcnn.{room}")), room
