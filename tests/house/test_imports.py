"""What may be imported: NumPy alone, modules one way only, and nothing that nnfs.init() replaces."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import funcnn

PACKAGE = Path(funcnn.__file__).parent
SOURCES = {path.stem: path.read_text() for path in sorted(PACKAGE.glob("*.py")) if path.stem != "__init__"}

# -------------------------------------------------------------------------------------------- NumPy alone

NEWLY_IMPORTED = """
import sys
before = set(sys.modules)
import funcnn
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def test_importing_funcnn_imports_no_third_party_but_numpy() -> None:
    printed = subprocess.run([sys.executable, "-c", NEWLY_IMPORTED], check=True, capture_output=True, text=True,
                             cwd=PACKAGE.parent).stdout
    assert set(printed.split()) - sys.stdlib_module_names == {"funcnn", "numpy"}


# ----------------------------------------------------------------------------------------------- one way

DESIGN = ["typing", "tree random", "autodiff", "rules", "activations initializers losses", "layers", "optimizers",
          "training checkpoint parallel tracing", "plotting jax"]
"""What may import only what stands before it, or beside it."""


def index() -> list[str]:
    """The same, as the docstring of the package puts it: `activations, initializers, layers      what is ...?`."""
    lines = [line[4:] for line in (funcnn.__doc__ or "").splitlines() if line.startswith("    ")]
    return [re.split(" {2,}", line)[0].replace(",", "") for line in lines]


def imports(source: str) -> set[str]:
    """The modules of funcnn that a source imports as it is imported itself: not in functions, not for types only."""
    found: set[str] = set()
    for statement in at_import(ast.parse(source).body):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif statement.module in (None, "funcnn"):
            found |= {f"funcnn.{alias.name}" for alias in statement.names}
        else:
            found.add(f"funcnn.{statement.module}" if statement.level else str(statement.module))
    return {name.split(".")[1] for name in found if name.startswith("funcnn.")}


def at_import(body: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements that run when these statements do."""
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
        elif isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            yield from at_import(statement.orelse)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from at_import([child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)])


def reached(module: str, graph: dict[str, set[str]]) -> set[str]:
    """All that is imported with a module."""
    found, new = set[str](), graph.get(module, set())
    while new:
        found |= new
        new = set().union(*(graph.get(name, set()) for name in new)) - found
    return found


def turned_back(order: Sequence[str], graph: dict[str, set[str]]) -> list[str]:
    """The imports, direct or through others, against an order of groups of modules."""
    place = {name: i for i, names in enumerate(order) for name in names.split()}
    return [f"{name} imports {other}" for name in graph if name in place
            for other in sorted(reached(name, graph)) if place.get(other, 0) > place[name]]


GRAPH = {name: imports(source) for name, source in SOURCES.items()}


@pytest.mark.parametrize("order", [DESIGN, index()], ids=["design", "index"])
def test_imports_point_one_way(order: list[str]) -> None:
    assert turned_back(order, GRAPH) == []


def test_imports_have_no_circle() -> None:
    assert set(TopologicalSorter(GRAPH).static_order()) >= set(GRAPH)


def test_the_index_names_modules_that_exist() -> None:
    named = " ".join(index()).split()
    assert len(named) == len(set(named)) > 10
    assert set(named) <= set(SOURCES)


def test_the_index_is_the_order_of_the_imports() -> None:
    source = ast.parse((PACKAGE / "__init__.py").read_text())
    first = next(node for node in source.body if isinstance(node, ast.ImportFrom) and node.module == "funcnn")
    imported = [alias.name for alias in first.names]
    assert imported == [name for name in " ".join(index()).split() if name in imported]


def test_the_tests_of_the_direction_see_what_they_should() -> None:
    source = """
import funcnn.tree
from funcnn import random
from funcnn import _arrays as arrays
from funcnn.rules.elementwise import rule
from . import layers
try:
    from .losses import huber
except ImportError:
    pass
class Lazy:
    import funcnn.metrics
def later():
    from funcnn import training
if TYPE_CHECKING:
    from funcnn import optimizers
else:
    from funcnn import datasets
"""
    expected = {"tree", "arrays", "random", "rules", "layers", "losses", "metrics", "datasets"}
    assert imports(source) == expected
    graph = {"a": {"helper"}, "helper": {"c"}, "b": {"a"}, "c": set[str]()}
    assert turned_back(["a", "b", "c"], graph) == ["a imports c", "b imports c"]
    assert turned_back(["c", "a", "b"], graph) == []


# ---------------------------------------------------------------------------------------------- immunity

GENERATORS = {"RandomState", "Philox", "Generator"}
REPLACED = {"dot", "eye", "ma", "polynomial"}
EXCEPTIONS = {"testing": "from numpy import random"}
"""What a module may do nevertheless: look whether the state of the global generator is still what it was."""


def offences(source: str) -> list[str]:
    """What nnfs.init() replaces, or what depends on the global generator, with its line."""
    return [f"line {getattr(node, 'lineno', 0)}: {ast.unparse(node)}" for node in ast.walk(ast.parse(source))
            if is_replaced(node) or is_global_random(node) or is_zeros_without_dtype(node)]


def numpy_name(node: ast.AST) -> str:
    """`random.randn` for `np.random.randn`, of NumPy or of an array's namespace; else nothing."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join(reversed(names)) if isinstance(node, ast.Name) and node.id in ("np", "numpy", "xp") else ""


def is_replaced(node: ast.AST) -> bool:
    """A name that nnfs.init() replaces, or a part of NumPy that computes with one."""
    return bool(REPLACED & {numpy_name(node), *names_taken_from_numpy(node)})


def is_global_random(node: ast.AST) -> bool:
    """Anything of np.random but classes of generators."""
    module, _, name = numpy_name(node).partition(".")
    return (module == "random" and name != "" and name not in GENERATORS) or "random" in names_taken_from_numpy(node)


def names_taken_from_numpy(node: ast.AST) -> set[str]:
    """The parts that `from numpy import part`, `from numpy.part import name` or `import numpy.part` name."""
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        modules = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        modules = []
    return {module.split(".")[1] for module in modules if module.startswith("numpy.")}


def is_zeros_without_dtype(node: ast.AST) -> bool:
    """The wrapped np.zeros has float32 for its default."""
    return (isinstance(node, ast.Call) and numpy_name(node.func) == "zeros" and len(node.args) < 2
            and "dtype" not in [keyword.arg for keyword in node.keywords])


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_depends_on_what_nnfs_replaces(name: str) -> None:
    exception = EXCEPTIONS.get(name, "none")
    assert [offence for offence in offences(SOURCES[name]) if exception not in offence] == []


@pytest.mark.parametrize("bad", [
    "y = np.dot(a, b)", "y = xp.dot(a, b)", "f = np.dot", "np.eye(3)", "np.zeros(3)", "xp.zeros(shape=(3,))",
    "np.random.randn(3)", "np.random.seed(0)", "np.random.default_rng()", "r = np.random.random", "np.ma.array(x)",
    "numpy.polynomial.Polynomial([1])", "from numpy import dot", "from numpy.random import randn", "import numpy.ma",
    "import numpy.random as r",
])
def test_the_lint_sees(bad: str) -> None:
    assert len(offences(bad)) == 1


@pytest.mark.parametrize("good", [
    "y = a @ b", "x.dot(y)", "np.zeros(3, np.float32)", "np.zeros(3, dtype=d)", "np.zeros_like(x)",
    "np.random.RandomState(0).randn(3)", "np.random.Generator(np.random.Philox(key=0)).random()", "random.normal(key)",
    "from numpy.typing import NDArray", "import numpy as np",
    "from numpy.lib.stride_tricks import sliding_window_view", "s = 'np.dot(a, b)'  # np.eye",
])
def test_the_lint_passes(good: str) -> None:
    assert offences(good) == []
