"""What is shipped: a wheel with the package and its types, an sdist that builds and tests it, and what both say."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import funcnn as fn

pytest.importorskip("hatchling")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

BUILD = "import sys, hatchling.build as build; print(*(getattr(build, 'build_' + kind)({!r}) for kind in sys.argv[1:]))"


def built(source: Path, folder: Path, *kinds: str) -> list[Path]:
    """What hatchling makes of a source tree, in a process of its own."""
    result = subprocess.run([sys.executable, "-c", BUILD.format(str(folder)), *kinds], cwd=source, capture_output=True,
                            text=True, check=False)
    assert result.returncode == 0, result.stderr
    return [folder / name for name in result.stdout.split()]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist of this repository."""
    wheel, sdist = built(ROOT, tmp_path_factory.mktemp("dist"), "wheel", "sdist")
    return wheel, sdist


def files_of(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def metadata(wheel: Path) -> Message:
    (name,) = (name for name in files_of(wheel) if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(zipfile.ZipFile(wheel).read(name).decode())


# ------------------------------------------------------------------------------------------------ what is in them


def test_the_wheel_carries_the_package_with_its_types_and_nothing_else(distributions: tuple[Path, Path]) -> None:
    names = files_of(distributions[0])
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "funcnn").rglob("*.py")}
    info = f"funcnn-{fn.__version__}.dist-info"
    assert names - {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD")} == modules | {"funcnn/py.typed"}


def test_the_sdist_builds_the_same_wheel_and_brings_the_tests(distributions: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, sdist = distributions
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert {path.name for path in source.iterdir()} == {"funcnn", "tests", "examples", "typings", "README.md",
                                                        "pyproject.toml", "PKG-INFO", ".gitignore"}
    for files in ("tests/**/*.py", "examples/*.py", "examples/*/*.py", "examples/pictures/*.png", "typings/**/*.pyi"):
        ours = [path.relative_to(ROOT) for path in ROOT.glob(files)]
        assert ours and [path for path in ours if not (source / path).is_file()] == []
    (again,) = built(source, tmp_path, "wheel")
    assert files_of(again) == files_of(wheel)
    assert metadata(again).as_string() == metadata(wheel).as_string()


def test_what_the_package_index_will_say(distributions: tuple[Path, Path]) -> None:
    said = metadata(distributions[0])
    assert (said["Name"], said["Version"]) == ("funcnn", fn.__version__)
    assert said["Description-Content-Type"] == "text/markdown"
    assert said.get_payload() == (ROOT / "README.md").read_text()
    needs = [re.split(r"[>=]", line)[0] for line in said.get_all("Requires-Dist", []) if "extra" not in line]
    assert needs == ["nnfs", "numpy"]
    assert {"jax", "plot", "progress", "scipy"} <= set(said.get_all("Provides-Extra", []))
    classifiers = said.get_all("Classifier", [])
    pythons = [line.rpartition(" ")[2] for line in classifiers if re.search(r"Python :: 3\.\d+$", line)]
    assert said["Requires-Python"] == f">={pythons[0]}"
    assert pythons == [f"3.{minor}" for minor in range(11, 11 + len(pythons))]
    for kind in ("Development Status", "Intended Audience", "Topic", "Typing", "Operating System"):
        assert any(line.startswith(kind) for line in classifiers)


def said_by(*command: str) -> str:
    result = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    return result.stdout + result.stderr


def test_check_wheel_contents_has_nothing_to_say(distributions: tuple[Path, Path]) -> None:
    pytest.importorskip("check_wheel_contents")
    assert said_by("-m", "check_wheel_contents", str(distributions[0])).endswith(".whl: OK\n")


def test_twine_would_upload_both(distributions: tuple[Path, Path]) -> None:
    pytest.importorskip("twine")
    said = said_by("-m", "twine", "--no-color", "check", "--strict", *map(str, distributions))
    assert re.findall(r"PASSED|FAILED|WARNING", said) == ["PASSED", "PASSED"], said


OWNER = ("author", "url", "license")
"""What only the owner can say, and what pyroma misses until then."""


def test_pyroma_misses_only_what_the_owner_must_say(distributions: tuple[Path, Path]) -> None:
    pytest.importorskip("pyroma")
    said = said_by("-c", "import pyroma; pyroma.main()", str(distributions[1]))
    assert "Found funcnn" in said
    missed = re.findall(r"^(?:Your package|The |Specifying).*", said, re.MULTILINE)
    assert [line for line in missed if not any(word in line for word in OWNER)] == []


# ---------------------------------------------------------------------------------------------- who installed it


USER = """
import numpy as np, funcnn as fn
from funcnn import datasets
from funcnn.layers import dense

x, y = datasets.nnfs_spiral(samples=100, classes=3)
net = dense(2, 64) >> np.tanh >> dense(64, 3)
params = net.init(fn.random.key(0))
reveal_type(net.apply(params, x))
dense(2, 64) >> dense(32, 3)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mypy's memory of the standard library, which both kinds of installation share."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_mypy_sees_the_types_from_another_folder(kind: str, tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("mypy")
    if kind == "editable":
        pytest.importorskip("editables")
    (wheel,) = built(ROOT, tmp_path, kind)
    python = environment(tmp_path / "venv", wheel)
    (tmp_path / "user.py").write_text(USER)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--python-executable", python,
               "--cache-dir", str(cache), "user.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout.splitlines()
    assert [line.split(": ", 1)[0] for line in said] == ["user.py:9", "user.py:10"]
    assert "funcnn.typing.Array" in said[0]
    assert '"Literal[32]"; expected "Literal[64]"' in said[1]


def environment(folder: Path, wheel: Path) -> str:
    """A virtual environment with what the wheel holds and needs: made without pip, which would ask the network."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    zipfile.ZipFile(wheel).extractall(site)
    for name in ("numpy", "nnfs"):
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        (site / name).symlink_to(Path(found.origin).parent)
    return str(python)


MISSING = """
import sys
sys.modules[{package!r}] = None
import funcnn as fn
try:
    {use}
except ModuleNotFoundError as error:
    print(error.name, error)
"""


@pytest.mark.parametrize(("package", "extra", "use"), [
    ("jax", "jax", "import funcnn.jax"), ("jax", "jax", "fn.jax.jit"), ("scipy", "scipy", "fn.scipy"),
    ("scipy", "scipy", "from funcnn.scipy.special import logsumexp"), ("matplotlib", "plot", "fn.plotting.figure()"),
])
def test_what_needs_an_extra_names_it(package: str, extra: str, use: str) -> None:
    said = said_by("-c", MISSING.format(package=package, use=use))
    assert said.startswith(f"{package} funcnn.{extra if extra != 'plot' else 'plotting'}: needs ")
    assert f"pip install 'funcnn[{extra}]'" in said
