"""How is a part of a room imported only when it is asked for? `later`, which makes a module's `__getattr__`.

It stands under `if not TYPE_CHECKING`, because mypy says of a name that is not there that it is not there:

    __getattr__, __dir__ = later(globals(), {"conv2d": "convolution"})

"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["later"]


def later(module: dict[str, Any], files: Mapping[str, str] | None = None,
          ) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a module whose names are `module`: `files` says in which file of its folder a
    name is that is needed only sometimes. What is nowhere is an error that says what may be meant.

    >>> get, listed = later({"__name__": "funcnn.layers", "__all__": ["dense", "gru"]}, {"gru": "recurrent"})
    >>> get("gru").__name__, listed()
    ('gru', ['__all__', '__name__', 'gru'])
    >>> get("GRU")
    Traceback (most recent call last):
    ...
    AttributeError: module 'funcnn.layers' has no attribute 'GRU'; did you mean 'gru'?
    """
    here, files = module["__name__"], files or {}

    def get(name: str) -> Any:
        from importlib import import_module

        if name not in files:
            from funcnn._names import not_there

            raise not_there(here, module.get("__all__", ()), name, sys._getframe(1))
        found = module[name] = getattr(import_module(f"{here}.{files[name]}"), name)
        return found

    return get, lambda: sorted({*module, *files})
