"""Whether anything has changed: `contents`, all that an object holds, as plain data.

Arrays are their bytes, containers their entries, other objects their attributes, functions what they close over.
`funcnn.testing.assert_pure` compares what it gives before and after a call.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping, Set
from functools import partial
from typing import Any

import numpy as np

__all__ = ["contents"]


def contents(value: Any, home: str | None = None) -> dict[str, Any]:
    r"""The contents of an object by their paths; equal for equal bytes.

    >>> x = [1.0, {"w": np.ones(1, np.int8)}]
    >>> contents(x)
    {'': 'list', '0': 'float 1.0', '1': 'dict', '1/w': ('ndarray', (1,), '|i1', b'\x01')}
    >>> x.append(x)
    >>> contents(x)["2"]
    'list again'

    Of functions it has the variables they close over, their defaults and attributes; of those of the module `home` the
    global variables they name, too; of modules and classes only the name. Private attributes of objects from elsewhere
    are their own affair.
    """
    return {"/".join(map(str, path)): content for path, content in _walk(value, (), (), home)}


def _walk(value: Any, path: tuple[Any, ...], above: tuple[int, ...], home: str | None,
          ) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Everything in an object, each with its path; `above` are the ids of the objects around it."""
    name = type(value).__name__
    if _is_array(value):
        array = np.asarray(value)
        yield path, (name, array.shape, array.dtype.str, array.tobytes())
    elif id(value) in above:
        yield path, f"{name} again"
    else:
        entries = _entries(value, home)
        yield path, name if entries is not None else f"{name} {_text(value)}"
        for key, entry in (entries or {}).items():
            yield from _walk(entry, (*path, key), (*above, id(value)), home)


def _is_array(value: Any) -> bool:
    """Whether bytes say all of it."""
    if isinstance(value, np.ndarray | np.generic):
        return not value.dtype.hasobject
    return hasattr(value, "__array_namespace__")


def _text(value: Any) -> str:
    """How a value is written, without its address."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))


def _entries(value: Any, home: str | None) -> Mapping[Any, Any] | None:
    """What an object is made of, by name; None for what is not taken apart."""
    if isinstance(value, type | types.ModuleType | types.BuiltinFunctionType):
        return None
    if isinstance(value, Mapping):
        return value
    if isinstance(value, np.ndarray | list | tuple):
        return dict(enumerate(value.tolist() if isinstance(value, np.ndarray) else value))
    if isinstance(value, Set):
        return dict.fromkeys(sorted(map(_text, value)))
    if isinstance(value, partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    if isinstance(value, types.MethodType):
        return {"self": value.__self__, value.__name__: value.__func__}
    if isinstance(value, types.FunctionType):
        return _around(value, home)
    return _state(value, home)


def _state(value: Any, home: str | None) -> Mapping[Any, Any] | None:
    """The attributes of an object, or the state of a generator of random numbers."""
    for read in ("getstate", "get_state"):
        if hasattr(value, read):
            return {"state": getattr(value, read)()}
    if hasattr(value, "bit_generator"):
        return {"state": value.bit_generator.state}
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ()) if hasattr(value, name)]
    if not hasattr(value, "__dict__") and not slots:
        return None
    every = {**{name: getattr(value, name) for name in slots}, **getattr(value, "__dict__", {})}
    return {name: each for name, each in every.items() if name[:1] != "_" or type(value).__module__ == home}


def _around(f: types.FunctionType, home: str | None) -> dict[str, Any]:
    """What a function finds outside of itself: variables, defaults, attributes, and at home global variables."""
    cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
    closed = {name: cell.cell_contents for name, cell in cells if not _is_empty(cell)}
    names = _names(f.__code__) if f.__module__ == home else []
    found = {name: f.__globals__[name] for name in names if name in f.__globals__}
    return {**found, **closed, **{f"default {i}": value for i, value in enumerate(f.__defaults__ or ())},
            **(f.__kwdefaults__ or {}), **vars(f)}


def _is_empty(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # it raises where the variable has no value yet
    except ValueError:
        return True
    return False


def _names(code: types.CodeType) -> list[str]:
    """The global names, and the names of attributes, that a function and those defined in it use."""
    inner = [name for const in code.co_consts if isinstance(const, types.CodeType) for name in _names(const)]
    return [*code.co_names, *inner]
