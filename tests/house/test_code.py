"""The code itself: types and lint, as one command checks everything."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str) -> str:
    """What a command printed, or "" if it succeeded."""
    result = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.skipif(not np.__version__.startswith("2.4."), reason="the code is typed against NumPy 2.4's own types")
def test_mypy_strict_is_clean() -> None:
    pytest.importorskip("mypy")
    assert run("mypy") == ""


def test_ruff_is_clean() -> None:
    pytest.importorskip("ruff")
    assert run("ruff", "check", "--output-format", "concise", ".") == ""


def test_every_deliberate_fault_still_applies() -> None:
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "tests" / "mutants.py")
    assert spec and spec.loader
    mutants = importlib.util.module_from_spec(spec)
    sys.modules["mutants"] = mutants
    spec.loader.exec_module(mutants)
    assert len(mutants.MUTANTS) >= 60
    assert mutants.misfits() == [], "the old text of a row must occur once in its file"
