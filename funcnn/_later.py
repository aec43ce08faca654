"""How is a part of a room imported only when it is asked for? `later(globals(), recurrent="gru lstm")`.

mypy, which does not see what that does, goes by the imports under `if TYPE_CHECKING`.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["later"]


def later(module: dict[str, Any], **names: str) -> None:
    """Give a module, by its globals, a `__getattr__` and a `__dir__`.

    `names` are the files of its folder that are imported when one of their names is asked for. A name that is nowhere
    is an error that says what may be meant.

    >>> module = {"__name__": "funcnn.layers", "__all__": ["dense", "gru"]}
    >>> later(module, recurrent="gru lstm")
    >>> module["__getattr__"]("gru").__name__
    'gru'
    >>> module["__getattr__"]("GRU")
    Traceback (most recent call last):
    ...
    AttributeError: module 'funcnn.layers' has no attribute 'GRU'; did you mean 'gru'?
    """
    here = module["__name__"]
    files = {name: file for file, text in names.items() for name in text.split()}

    def get(name: str) -> Any:
        if name not in files:
            from funcnn._names import not_there

            raise not_there(here, module.get("__all__", ()), name, sys._getframe(1))
        from importlib import import_module

        found = module[name] = getattr(import_module(f"{here}.{files[name]}"), name)
        return found

    module["__getattr__"] = get
    module["__dir__"] = lambda: sorted({*module, *files})
