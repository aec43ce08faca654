"""How does a function get into a file of its own? Its source, and that of all it uses, under names of the file."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from funcnn.core import Rule

__all__ = ["Embedding"]

Value = Callable[[Any], str]


class Embedding:
    """The definitions that a file needs; `name_of` adds a function, and what it uses, unless it is there.

    `taken` are the names that the file has already.
    """

    def __init__(self, value: Value, taken: Iterable[str]) -> None:
        self.value = value
        """How a constant is written."""
        self.definitions: list[str] = []
        self.imports: dict[str, str] = {}
        self._names: dict[int, str] = {}
        self._taken: set[str] = {*vars(builtins), *taken}
        self._kept: list[Any] = []

    def name_of(self, thing: Any) -> str:
        """The name of a function, a class or a module in the file."""
        if isinstance(thing, ModuleType):
            return self._imported(thing)
        thing = inspect.unwrap(thing.fun if isinstance(thing, Rule) else thing)
        if (home := _home_in_scipy(thing)) is not None:
            return f"{self._imported(home)}.{thing.__name__}"
        if id(thing) not in self._names:
            self._kept.append(thing)
            self._names[id(thing)] = self.free(thing.__name__)
            self._define(thing, self._names[id(thing)])
        return self._names[id(thing)]

    def free(self, name: str) -> str:
        """A name like this one that the file does not have yet, and has from now on."""
        name = name if name.isidentifier() else "function"
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def _imported(self, module: ModuleType) -> str:
        alias = "np" if module is np else module.__name__.replace(".", "_")
        self.imports[alias] = module.__name__
        return alias

    def _define(self, thing: Any, name: str) -> None:
        definition = _definition_of(thing)
        outer = dict(vars(inspect.getmodule(thing) or builtins))
        if isinstance(thing, FunctionType):
            outer = {**thing.__globals__, **inspect.getclosurevars(thing).nonlocals}
        if not isinstance(definition, ast.Lambda):
            definition.name, definition.decorator_list = name, []
            _without_docstrings(definition)
        _Renamed(self, outer, definition).visit(definition)
        text = ast.unparse(ast.fix_missing_locations(definition))
        self.definitions.append(f"{name} = {text}" if isinstance(definition, ast.Lambda) else text)

    def global_name(self, value: Any) -> str:
        """What is written for a global that a function uses."""
        if callable(value) and not isinstance(value, np.ufunc | type) and not _is_numpys(value):
            return self.name_of(value)
        if isinstance(value, type) and value.__module__.startswith("funcnn"):
            return self.name_of(value)
        return self.value(value)


def _home_in_scipy(thing: Any) -> ModuleType | None:
    """The module of SciPy that has a function, which is imported in the file."""
    names = ("scipy.special", "scipy.linalg", "scipy.special._ufuncs")
    homes = [sys.modules[name] for name in names if name in sys.modules]
    return next((home for home in homes if getattr(home, getattr(thing, "__name__", ""), None) is thing), None)


def _definition_of(thing: Any) -> ast.FunctionDef | ast.ClassDef | ast.Lambda:
    """The part of a program that defines a function or a class."""
    try:
        if getattr(thing, "__name__", "") == "<lambda>":
            whole = ast.parse("".join(inspect.findsource(thing)[0]))
            lambdas = [node for node in ast.walk(whole) if isinstance(node, ast.Lambda)]
            return next(node for node in lambdas if _is_at(node.body, thing.__code__))
        found = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
        if isinstance(found, ast.FunctionDef | ast.ClassDef):
            return found
    except (OSError, TypeError, SyntaxError, StopIteration, IndexError):
        pass
    raise ValueError(f"source: {thing!r} cannot be written into a file, because its source is not known; define it in "
                     "a file, or use NumPy's functions")


def _is_at(body: ast.expr, code: CodeType) -> bool:
    """Whether the last thing that a code computes, which it returns, stands where the body of a lambda does."""
    places = {(line, end, column) for line, end, column, _ in code.co_positions() if None not in (line, end, column)}
    return (body.lineno, body.end_lineno, body.col_offset) in places


def _is_numpys(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] == "numpy"


class _Renamed(ast.NodeTransformer):
    """Gives the globals of a definition the names that they have in the file."""

    def __init__(self, file: Embedding, outer: dict[str, Any], definition: ast.AST) -> None:
        self.file, self.outer = file, outer
        self.local = {node.arg for node in ast.walk(definition) if isinstance(node, ast.arg)} | {
            node.id for node in ast.walk(definition) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """`checks.words_of`, where `checks` is a module of funcnn, becomes the name of the function."""
        if isinstance(node.value, ast.Name) and self._is_global(node.value):
            module = self.outer[node.value.id]
            if isinstance(module, ModuleType) and module.__name__.startswith("funcnn"):
                return _expression(self.file.global_name(getattr(module, node.attr)))
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A global becomes its name in the file, or its value."""
        if not self._is_global(node):
            return node
        value = self.outer[node.id]
        if isinstance(value, ModuleType):
            return _expression(self.file.name_of(value))
        return _expression(self.file.global_name(value))

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """`x: Array = f(y)` without its annotation."""
        if node.value is None:
            return ast.Pass()
        return ast.Assign([node.target], self.visit(node.value))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        node.decorator_list = []
        self.generic_visit(node)
        return node

    def _is_global(self, node: ast.Name) -> bool:
        return isinstance(node.ctx, ast.Load) and node.id not in self.local and node.id in self.outer


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _without_docstrings(definition: ast.AST) -> None:
    for node in ast.walk(definition):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
