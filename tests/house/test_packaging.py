"""What is installed: the wheel carries the types, its own and those of nnfs, and mypy sees them from any folder."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STUBS = ROOT / "typings" / "nnfs"

USER = """
import numpy as np, nnfs, funcnn as fn
from nnfs.datasets import spiral_data
from funcnn.layers import dense

nnfs.init()
x, y = spiral_data(samples=100, classes=3)
net = dense(2, 64) >> np.tanh >> dense(64, 3)
params = net.init(fn.random.key(0))
reveal_type(net.apply(params, x))
dense(2, 64) >> dense(32, 3)
nnfs.init("yes")
"""


def wheel(kind: str, folder: Path) -> Path:
    """The wheel of this repository, built in a process of its own."""
    code = f"import hatchling.build as build; print(build.build_{kind}({str(folder)!r}))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / result.stdout.split()[-1]


def test_the_wheel_carries_types_and_nothing_but_the_package(tmp_path: Path) -> None:
    names = zipfile.ZipFile(wheel("wheel", tmp_path)).namelist()
    stubs = {f"nnfs-stubs/{path.relative_to(STUBS).as_posix()}" for path in STUBS.rglob("*.pyi")}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "funcnn").rglob("*.py")}
    assert "funcnn/py.typed" in names
    assert stubs | modules <= set(names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"funcnn", "nnfs"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mypy's memory of the standard library, which both kinds of installation share."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_mypy_sees_the_types_from_another_folder(kind: str, tmp_path: Path, cache: Path) -> None:
    pytest.importorskip("mypy")
    if kind == "editable":
        pytest.importorskip("editables")
    python = environment(tmp_path / "venv", wheel(kind, tmp_path))
    (tmp_path / "user.py").write_text(USER)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--python-executable", python,
               "--cache-dir", str(cache), "user.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout.splitlines()
    assert [line.split(": ", 1)[0] for line in said] == ["user.py:10", "user.py:11", "user.py:12"]
    assert "funcnn.typing.Array" in said[0]
    assert '"Literal[32]"; expected "Literal[64]"' in said[1]
    assert '"str"; expected "bool"' in said[2]


def environment(folder: Path, built: Path) -> str:
    """A virtual environment with what the wheel holds, and numpy: made without pip, which would ask the network."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    zipfile.ZipFile(built).extractall(site)
    numpy = importlib.util.find_spec("numpy")
    assert numpy is not None and numpy.origin is not None
    (site / "numpy").symlink_to(Path(numpy.origin).parent)
    return str(python)
