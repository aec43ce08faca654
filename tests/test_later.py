"""What is imported only when it is asked for is there all the same: listed, pickled, found once."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

import funcnn as fn
from funcnn._later import later

IN_A_FRESH_PROCESS = """
import sys
import funcnn as fn
assert not any(name in sys.modules for name in {files!r}), "imported too early"
for room, name in {names!r}:
    module = getattr(fn, room)
    assert name in dir(module) and name in module.__all__ and name not in vars(module), name
    assert getattr(module, name) is getattr(module, name) is vars(module)[name], name
assert {{"checkpoint", "datasets", "grad", "plotting"}} <= set(dir(fn)) and "jax" not in dir(fn)
"""


def test_what_comes_later_is_listed_and_comes_when_it_is_asked_for() -> None:
    rooms: list[ModuleType] = [module for module in vars(fn).values() if inspect.ismodule(module)]
    files = {(module, name): file for module in rooms for name, file in getattr(module, "_LATER", {}).items()}
    names = [(module.__name__.removeprefix("funcnn."), name) for module, name in files]
    assert len(names) > 10
    code = IN_A_FRESH_PROCESS.format(files=sorted({f"{module.__name__}.{file}" for (module, _), file in files.items()}),
                                     names=names)
    subprocess.run([sys.executable, "-c", code], check=True)
    for module, name in files:
        value = getattr(module, name)
        if callable(value):
            assert pickle.loads(pickle.dumps(value)) is value


def test_a_name_that_is_nowhere_is_an_attribute_error() -> None:
    module: dict[str, Any] = {"__name__": "funcnn.layers", "__all__": ["dense"]}
    get, listed = later(module, {"gru": "recurrent"})
    assert listed() == ["__all__", "__name__", "gru"]
    with pytest.raises(AttributeError, match=r"'funcnn\.layers' has no attribute 'Dense'; did you mean 'dense'"):
        get("Dense")
    assert get("gru") is fn.layers.gru is module["gru"]


def test_a_module_that_is_only_half_there_has_no_such_name_either() -> None:
    with pytest.raises(AttributeError, match=r"'xyzzy'$"):
        later({"__name__": "funcnn.half"})[0]("xyzzy")
