"""What is said of a machine: what is read, on machines that say much, little, or nonsense."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import funcnn as fn
from funcnn import _threads
from funcnn._machine import EXTRAS, OTHERS, blas, facts, own_version, processor, simd, threads, versions

ROOT = Path(__file__).parents[1]


def test_the_facts_of_this_machine_are_its_own() -> None:
    said = dict(facts())
    assert said["funcnn"] == own_version() == fn.__version__
    assert platform.python_version() in said["Python"]
    assert said["NumPy"].startswith(np.__version__)
    assert said["cores"].startswith(f"{_threads.cores()} of ")
    assert all(text and "\n" not in text for text in said.values())


def test_nothing_is_imported_to_learn_its_version() -> None:
    code = ("import sys; from funcnn._machine import *; facts(); "
            "print([name for name in ('jax', 'torch', 'scipy', 'matplotlib', 'pandas') if name in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_extra_is_looked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(line for extra in ("plot", "progress", "jax", "scipy")
                                         for line in project["optional-dependencies"][extra])]
    assert {line.partition(">")[0] for line in asked} - {"numpy"} == set(EXTRAS)
    assert not set(EXTRAS) & set(OTHERS)


def test_what_is_not_installed_or_damaged_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    assert versions(["numpy", "no-such-package"]) == {"numpy": np.__version__, "no-such-package": ""}

    def damaged(package: str) -> str:
        raise KeyError(package)

    monkeypatch.setattr(metadata, "version", damaged)
    assert versions(["numpy"]) == {"numpy": ""}


@pytest.mark.parametrize(("config", "said"), [
    (None, "unknown"), ({}, "unknown"), ({"Build Dependencies": None}, "unknown"),
    ({"Build Dependencies": {"blas": {}}}, "unknown"), ({"Build Dependencies": {"blas": "openblas"}}, "unknown"),
    ({"Build Dependencies": {"blas": {"name": "none", "version": "unknown", "found": False}}}, "unknown"),
    ({"Build Dependencies": {"blas": {"name": "mkl", "version": 2024}}}, "mkl"),
    ({"Build Dependencies": {"blas": {"name": "blas", "version": "3.9", "openblas configuration": "unknown"}}},
     "blas 3.9"),
])
def test_a_numpy_may_say_what_it_likes_of_its_blas(config: object, said: str) -> None:
    assert blas(config) == said


def test_a_numpy_may_say_what_it_likes_of_its_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    assert simd({"SIMD Extensions": {"baseline": ["SSE"], "found": ["AVX2", "FMA3"]}}) == "SSE AVX2 FMA3"
    assert simd({"SIMD Extensions": {"baseline": [], "found": "AVX2"}}) == simd({"SIMD Extensions": 3}) == "unknown"

    def broken(mode: str) -> object:
        raise KeyError(mode)

    monkeypatch.setattr(np, "show_config", broken)
    said = dict(facts())
    assert said["BLAS"] == "unknown"
    assert said["NumPy"].endswith("SIMD unknown")


def test_the_processor_is_named_where_linux_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linux = tmp_path / "cpuinfo"
    linux.write_text("processor : 0\nmodel name : A: B 9\nprocessor : 1\nmodel name : C\n")
    assert processor(linux) == "A: B 9"
    monkeypatch.setattr(platform, "processor", lambda: "arm")
    linux.write_text("Features : fp asimd\n")
    assert processor(linux) == processor(tmp_path / "nowhere") == "arm"
    monkeypatch.setattr(platform, "processor", lambda: "")
    assert processor(tmp_path) == "unknown"


def test_the_threads_are_those_of_funcnn_and_what_is_said_to_the_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FUNCNN_NUM_THREADS", raising=False)
    monkeypatch.setattr(_threads, "cores", lambda: 7)
    assert threads({}) == "funcnn: 7; BLAS: its own choice, no variable is set"
    two = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "1"}
    assert threads(two) == "funcnn: 7; BLAS: MKL_NUM_THREADS=1, OMP_NUM_THREADS=2"
    monkeypatch.setenv("FUNCNN_NUM_THREADS", "3")
    assert threads({}).startswith("funcnn: 3 (FUNCNN_NUM_THREADS is set); ")
    monkeypatch.setenv("FUNCNN_NUM_THREADS", "many")
    assert "must be a whole number from 1 on, got 'many'" in threads({})


def test_where_a_system_tells_little_the_facts_are_there_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS, Windows, in a browser
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert dict(facts())["cores"] == "1 of unknown may be used"
