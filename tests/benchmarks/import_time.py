"""What `import funcnn` costs on top of `import numpy`, in milliseconds, and what else it imports.

    python tests/benchmarks/import_time.py [--rounds N]

Every import happens in a fresh process, in turn with the peers'. A process imports NumPy first and then the package,
so both times belong to the same process. Bytecode is kept in a temporary folder, as if all were installed. Modules of
third parties besides NumPy must not appear.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from statistics import median
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from benchmarks import harness
else:
    import harness

PACKAGES = ["funcnn", "autograd", "jax", "torch", "sklearn.neural_network"]

PROGRAM = """
import importlib, json, sys, time
before = set(sys.modules)
start = time.perf_counter()
import numpy
between, with_numpy = time.perf_counter(), set(sys.modules)
try:
    importlib.import_module(sys.argv[1])
except ModuleNotFoundError:
    sys.exit(print("null"))
end = time.perf_counter()
added = {name.partition(".")[0] for name in set(sys.modules) - with_numpy}
print(json.dumps([between - start, end - between, sorted(added)]))
"""

Import: TypeAlias = tuple[float, float, list[str]]
"""Seconds for NumPy, seconds for the package, and the top-level modules that the package added."""


def fresh(package: str, bytecode: str) -> Import | None:
    """One import in a process of its own; None where the package is not installed."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    result = subprocess.run([sys.executable, "-c", PROGRAM, package], check=True, capture_output=True, text=True,
                            env=environment)
    found: Import | None = json.loads(result.stdout)
    return found


def take_turns(rounds: int) -> dict[str, list[Import]]:
    """The imports of all packages that are installed, one of each a round."""
    with tempfile.TemporaryDirectory() as bytecode:
        present = [package for package in PACKAGES if fresh(package, bytecode)]  # which also compiles them
        imports: dict[str, list[Import]] = {package: [] for package in present}
        for _ in range(rounds):
            for package, own in imports.items():
                if found := fresh(package, bytecode):
                    own.append(found)
        return imports


def show(imports: dict[str, list[Import]]) -> None:
    numpy = [found[0] for own in imports.values() for found in own]
    print(f"{'':28}{'ms':>10}{'/ numpy':>10}\n{'numpy':28}{1e3 * median(numpy):10.1f}{1:10.2f}")
    for package, own in imports.items():
        ratio = median([seconds / of_numpy for of_numpy, seconds, _ in own])
        print(f"{package + ', after numpy':28}{1e3 * median([found[1] for found in own]):10.1f}{ratio:10.2f}")


def show_modules(added: set[str]) -> None:
    standard = added & sys.stdlib_module_names
    others = added - standard - {"funcnn", "numpy"}
    print(f"\nof the standard library, funcnn adds: {', '.join(sorted(standard)) or 'nothing'}")
    print(f"of third parties, funcnn adds: {', '.join(sorted(others)) or 'nothing, as it must be'}")


if __name__ == "__main__":
    chosen = harness.settings(__doc__)
    found = take_turns(chosen.rounds)
    print(f"import in a fresh process, medians of {chosen.rounds}\n{harness.machine()}\n")
    show(found)
    show_modules(set(found["funcnn"][0][2]))
