"""What may be imported: NumPy alone, modules one way only, and nothing that nnfs.init() replaces."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

import pytest

import funcnn

PACKAGE = Path(funcnn.__file__).parent


def dotted(path: Path) -> str:
    """The name under which a file is imported."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {dotted(path): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}

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

Graph = Mapping[str, Set[str]]

KNOWN_CIRCLES: list[set[str]] = []
KNOWN_UPWARD: list[tuple[str, str]] = []
"""What still stands in the way of a house without circles: both lists are to be emptied, never to grow."""


def imports(source: str, files: Set[str] = SOURCES.keys()) -> set[str]:
    """The files of funcnn that a source imports, at once, later or for types only."""
    found = {name for node in ast.walk(ast.parse(source)) for name in imported(node)}
    return {file_of(name, files) for name in found if name.split(".")[0] == "funcnn"}


def imported(node: ast.AST) -> Iterator[str]:
    """The dotted names that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: write where it is imported from in full, from funcnn on"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def file_of(name: str, files: Set[str]) -> str:
    """The file that a dotted name is, or is a member of."""
    return name if name in files or "." not in name else file_of(name.rpartition(".")[0], files)


def reached(start: str, graph: Graph) -> set[str]:
    """All that is imported with a file, directly or through others."""
    found: set[str] = set()
    new = set(graph[start])
    while new:
        found |= new
        new = set[str]().union(*(graph[name] for name in new)) - found
    return found


def circles(graph: Graph) -> list[set[str]]:
    """The sets of files that import each other."""
    all_reached = {name: reached(name, graph) for name in graph}
    found = ({other for other in beyond if name in all_reached[other]} for name, beyond in all_reached.items())
    return [set(circle) for circle in sorted({tuple(sorted(circle)) for circle in found if circle})]


def between_rooms(graph: Graph) -> set[tuple[str, str]]:
    """The rooms, a folder or a file of the package, that import each other: (who, whom)."""
    pairs = {(name.split(".")[1], other.split(".")[1]) for name, others in graph.items() if name != "funcnn"
             for other in others}
    return {(room, other) for room, other in pairs if room != other}


def upward(order: list[str], pairs: Set[tuple[str, str]]) -> list[tuple[str, str]]:
    """The imports between rooms against their order."""
    return sorted((room, other) for room, other in pairs if order.index(other) > order.index(room))


def index() -> list[str]:
    """The rooms in the order of the package's docstring: `    layers            what is a network made of?`."""
    return re.findall(r"^    (\w+) {2,}.*\?$", funcnn.__doc__ or "", re.MULTILINE)


GRAPH = {name: imports(source) for name, source in SOURCES.items()}


def test_no_file_imports_in_a_circle_not_even_for_types() -> None:
    assert circles(GRAPH) == sorted(KNOWN_CIRCLES, key=sorted), "take off KNOWN_CIRCLES what is gone, add nothing"


def test_rooms_import_only_those_above_them_in_the_index() -> None:
    assert upward(index(), between_rooms(GRAPH)) == KNOWN_UPWARD, "take off KNOWN_UPWARD what is gone, add nothing"


def test_the_index_names_each_room_once() -> None:
    rooms = {name.split(".")[1] for name in SOURCES if name != "funcnn"}
    assert sorted(index()) == sorted(rooms)


def test_the_index_is_the_order_of_the_imports() -> None:
    source = ast.parse((PACKAGE / "__init__.py").read_text())
    at_once, later = [node for node in ast.walk(source) if isinstance(node, ast.ImportFrom) and node.module == "funcnn"]
    names = [alias.name for alias in at_once.names + later.names]
    assert names == [name for name in index() if name in names]
    assert len(names) >= 20


def test_the_tests_of_the_direction_see_what_they_should() -> None:
    source = """
import funcnn.tree
from funcnn import random
from funcnn import _arrays as arrays
from funcnn.rules.elementwise import rule
from funcnn.rules import shapes
from numpy import random as numpy_random
try:
    from funcnn.losses import huber
except ImportError:
    pass
class Lazy:
    import funcnn.metrics
def later():
    from funcnn import training
if TYPE_CHECKING:
    from funcnn.optimizers.onepass import Layout
from funcnn import grad
"""
    files = {f"funcnn.{name}" for name in ["tree", "random", "_arrays", "rules", "rules.elementwise", "rules.shapes",
                                           "losses", "metrics", "training", "optimizers", "optimizers.onepass"]}
    assert imports(source, files) == files - {"funcnn.rules", "funcnn.optimizers"} | {"funcnn"}
    with pytest.raises(AssertionError, match="line 1: write where it is imported from in full"):
        imports("from . import layers", files)
    graph = {"funcnn": {"funcnn.a"}, "funcnn.a": {"funcnn.b.x"}, "funcnn.b.x": {"funcnn.c", "funcnn.b"},
             "funcnn.b": set[str](), "funcnn.c": {"funcnn.a"}}
    assert circles(graph) == [{"funcnn.a", "funcnn.b.x", "funcnn.c"}]
    assert circles(graph | {"funcnn.c": set[str]()}) == []
    assert between_rooms(graph) == {("a", "b"), ("b", "c"), ("c", "a")}
    assert upward(["a", "c", "b"], between_rooms(graph)) == [("a", "b")]
    assert upward(["b", "a", "c"], between_rooms(graph)) == [("b", "c")]


# ---------------------------------------------------------------------------------------------- immunity

GENERATORS = {"RandomState", "Philox", "Generator"}
REPLACED = {"dot", "eye", "ma", "polynomial"}
EXCEPTIONS = {"funcnn.testing": "from numpy import random"}
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
