"""The reference: each public callable names its parameters, and pdoc and Sphinx build it all without a warning.

A parameter is named where it stands in backticks, or in a formula, which is an indented block; the same word in a
sentence or in an example says nothing of it. What a class takes may be said by its bases too, or below each field.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pydoc
import re
import subprocess
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import funcnn as fn

ENGINE = ["core", "batching", "autodiff", "rules"]
"""Rooms that users need not know; what they have for users is exported by the package itself."""

EXTRAS = {"jax": "jax", "scipy.special": "scipy", "scipy.linalg": "scipy"}
"""Rooms that need more than NumPy, and what."""

ROOMS = [name for name in fn.__all__ if inspect.ismodule(getattr(fn, name))]

UNNAMED: dict[str, str] = {}
"""Parameters that need no word, `room.callable(parameter)`, and why: none at this time."""

# ------------------------------------------------------------------------------------- what there is to be named


def room(name: str) -> object:
    """A room, or its test is skipped where it needs what is not installed."""
    if name in EXTRAS:
        pytest.importorskip(EXTRAS[name])
    return importlib.import_module(f"funcnn.{name}")


def callables(module: object) -> Iterator[tuple[str, Callable[..., object]]]:
    """The public functions and classes of funcnn in a room, and the methods of the classes."""
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if inspect.isroutine(value) or is_ours(value):
            yield name, value
        if is_ours(value):
            yield from ((f"{name}.{method}", getattr(value, method)) for method in methods(value))


def is_ours(value: object) -> bool:
    """Whether it is a class of funcnn; a protocol says what others define."""
    return (inspect.isclass(value) and value.__module__.startswith("funcnn")
            and not getattr(value, "_is_protocol", False))


def methods(cls: type) -> list[str]:
    """The public ones that stand in a class; a function that is a field is none."""
    fields = getattr(cls, "__dataclass_fields__", ())
    return [name for name, member in vars(cls).items() if not name.startswith("_") and name not in fields
            and (inspect.isfunction(member) or isinstance(member, classmethod | staticmethod))]


def parameters(value: Callable[..., object]) -> list[str]:
    try:
        return [name.lstrip("_") for name in inspect.signature(value).parameters if name not in ("self", "cls")]
    except ValueError:  # of some classes written in C that ours are made of
        return []


# ------------------------------------------------------------------------------------------------ what is named


def named(text: str) -> set[str]:
    """The identifiers in the backticks and in the indented blocks of a docstring.

    >>> sorted(named("The `axis` of x:\\n\\n    y = f(x)\\n\\n- `a`: the `b`."))
    ['a', 'axis', 'b', 'f', 'x', 'y']
    >>> named("The axis of x.\\n\\n>>> f(x,\\n...   `axis`)")
    set()
    """
    paragraphs = [p for p in re.split(r"\n\s*\n", text) if not p.lstrip().startswith(">>>")]
    blocks = [p for p in paragraphs if all(line.startswith("    ") for line in p.splitlines())]
    quoted = [quote for p in paragraphs for quote in re.findall(r"`([^`]+)`", p)]
    return set(re.findall(r"[A-Za-z]\w*", " ".join(blocks + quoted)))


def said_of(value: object) -> set[str]:
    if not inspect.isclass(value):
        return named(inspect.getdoc(value) or "")
    own = [cls for cls in value.__mro__ if cls.__module__.startswith("funcnn")]
    return set().union(*(named(inspect.cleandoc(cls.__doc__ or "")) | fields_with_words(cls) for cls in own))


def fields_with_words(cls: type) -> set[str]:
    """The fields of a class below which a string stands."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    return {field.target.id for field, below in zip(body.body, body.body[1:], strict=False)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)}


def unnamed(name: str) -> set[str]:
    """The parameters of a room's callables that nothing is said of."""
    return {f"{name}.{called}({parameter})" for called, value in callables(room(name))
            for parameter in set(parameters(value)) - said_of(value)}


@pytest.mark.parametrize("name", [*ROOMS, *ENGINE, *EXTRAS])
def test_every_parameter_is_named(name: str) -> None:
    assert sorted(unnamed(name) - UNNAMED.keys()) == []


def test_the_walk_reaches_the_reference() -> None:
    walked = {f"{name}.{called}" for name in ROOMS for called, _ in callables(room(name))}
    assert {"layers.conv2d", "layers.Layer.apply", "activations.relu", "optimizers.AdamState", "staging.Program.source",
            "tree.FrozenDict.get", "training.fold"} <= walked
    assert len(walked) > 300


def test_a_parameter_without_a_word_is_found() -> None:
    def f(axis: int, scale: float, _eps: float) -> None:
        """The axis counts, `eps` does not.

        >>> f(0, scale=1.0, _eps=0.0)
        """

    assert set(parameters(f)) - said_of(f) == {"axis", "scale"}


# -------------------------------------------------------------------------------------------- functions are functions


def test_what_is_called_is_documented_as_a_function_or_class() -> None:
    values = [getattr(room(name), each) for name in ROOMS for each in getattr(room(name), "__all__", ())]
    called = [value for value in values if callable(value) and typing.get_origin(value) is None]
    assert [value for value in called if not (inspect.isroutine(value) or inspect.isclass(value))] == []
    assert "\nrelu(x: 'Array') -> 'Array'\n" in pydoc.plain(pydoc.render_doc(fn.activations.relu))


def test_all_that_users_need_is_listed() -> None:
    told = set(re.findall(r"^    ([a-z]\w*)  ", fn.__doc__ or "", re.MULTILINE)) - {*ENGINE, "scipy", "jax"}
    exported = {name for name, value in vars(fn).items()
                if name[0] != "_" and str(getattr(value, "__module__", "")).startswith("funcnn")}
    assert set(fn.__all__) == told | exported
    assert len(fn.__all__) == len(set(fn.__all__))


# ----------------------------------------------------------------------------------------------- pages are built


MISSING = ["jax", "matplotlib", "pandas", "polars", "scipy", "torch", "typing_extensions"]
"""What need not be installed where pages are built."""


def build(code: str, *arguments: object) -> None:
    """Run Python code in a process of its own, in which warnings are errors."""
    alone = f"import sys; sys.modules.update(dict.fromkeys({MISSING}))\n"
    command = [sys.executable, "-W", "error", "-c", alone + code, *map(str, arguments)]
    result = subprocess.run(command, cwd=Path(fn.__file__).parents[1], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
def test_pdoc_builds_the_pages(tmp_path: Path) -> None:
    pytest.importorskip("pdoc")
    build("import pathlib, pdoc; pdoc.render.configure(show_source=False)\n"  # half the time
          "pdoc.pdoc('funcnn', output_directory=pathlib.Path(sys.argv[1]))", tmp_path)
    assert {f"{name}.html" for name in ROOMS} <= {path.name for path in (tmp_path / "funcnn").iterdir()}
    page = (tmp_path / "funcnn" / "activations.html").read_text()
    assert re.search(r'<span class="def">def</span>\s*<span class="name">relu</span>', page)


SPHINX = """\
funcnn
======

.. automodule:: funcnn
   :members:
   :exclude-members: FrozenDict

"""


@pytest.mark.slow
def test_sphinx_builds_the_pages(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    (tmp_path / "conf.py").write_text("extensions = ['sphinx.ext.autodoc']\n")
    pages = [f".. automodule:: funcnn.{name}\n   :members:\n" for name in ROOMS]
    (tmp_path / "index.rst").write_text(SPHINX + "\n".join(pages))
    build("from sphinx.cmd.build import main; sys.exit(main(sys.argv[1:]))", "-b", "text", "-E", "-q",
          "--fail-on-warning", "--keep-going", tmp_path, tmp_path / "built")
    text = (tmp_path / "built" / "index.txt").read_text()
    assert "\nfuncnn.activations.relu(x: Array) -> Array\n" in text
    assert "\nfuncnn.layers.conv1d(" in text
