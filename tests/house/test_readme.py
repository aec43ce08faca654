"""The README's program, copied as it stands: it runs and prints what the README says it prints."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn
from funcnn import tree

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def numbers(text: str) -> list[float]:
    """All numbers with a decimal point."""
    return [float(number) for number in re.findall(r"\d+\.\d+", text)]


def test_the_program_prints_what_the_readme_says() -> None:
    result = subprocess.run([sys.executable, "-W", "error", "-c", blocks("python")[0]], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stderr
    promised = blocks("text")[0]
    assert re.sub(r"\d+\.\d+", "#", result.stdout) == re.sub(r"\d+\.\d+", "#", promised)
    # Training in float32 is chaotic: other processors differ in the second digit.
    assert all(abs(a - b) <= 0.06 for a, b in zip(numbers(result.stdout), numbers(promised), strict=True))


def test_every_block_runs_alone_or_after_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs from the program, it says; it may bring a name of its own, as another `step`."""
    program, *others = (block for block in blocks("python") if ">>> " not in block)
    monkeypatch.chdir(tmp_path)
    start: dict[str, Any] = {}
    exec(program.replace("epochs=1000", "epochs=2"), start)
    for block in others:
        if "jax" not in block or importlib.util.find_spec("jax"):
            exec(block.replace("epochs=100", "epochs=2"), dict(start))


def test_the_step_written_out_is_that_of_make_step() -> None:
    program, written_out = blocks("python")[:2]
    ends = []
    for step in ("", written_out):
        names: dict[str, Any] = {}
        exec(program.replace("epochs=1000", "epochs=20").replace("start = ", f"{step}\nstart = ", 1), names)
        ends.append((names["params"], names["opt_state"], names["history"]))
    assert "apply_updates" in written_out
    assert tree.equal(*ends)


def test_a_run_that_is_resumed_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block of "Save and resume", run at once, and run in three parts that end between two checkpoints."""
    program, resume = blocks("python")[0], next(block for block in blocks("python") if "latest(" in block)
    names: dict[str, Any] = {}
    exec(program.replace("epochs=1000", "epochs=1"), names)
    ends = {}
    for folder, parts in {"whole": [100], "parts": [13, 41, 100]}.items():
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        for epochs in parts:
            ends[folder] = dict(names)
            exec(resume.replace("epochs=100", f"epochs={epochs}"), ends[folder])
    assert tree.equal(ends["whole"]["state"], ends["parts"]["state"])


@pytest.mark.slow
def test_the_same_run_on_devices_of_jax_gives_the_same_losses() -> None:
    """The block of "From laptop to many devices", on the devices that there are."""
    pytest.importorskip("jax")
    program, on_devices = blocks("python")[0], next(block for block in blocks("python") if "NamedSharding(" in block)
    names: dict[str, Any] = {}
    exec(program.replace("epochs=1000", "epochs=5"), names)
    here = names["history"]
    exec(on_devices, names)
    assert here is not names["history"]
    np.testing.assert_allclose(names["history"], here, rtol=1e-5)


def test_the_printed_program_of_a_step_is_what_is_printed(tmp_path: Path) -> None:
    """The block of "Python once": run as the file that it is said to be, since the lines of the file are shown."""
    section = README.partition("## Python once, NumPy every time\n")[2]
    program, promised = (re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[0]
                         for language in ("python", "text"))
    (tmp_path / "step.py").write_text(program)
    result = subprocess.run([sys.executable, "-W", "error", str(tmp_path / "step.py")], capture_output=True, text=True,
                            check=False)
    assert (result.stdout, result.stderr) == (promised, "")


def test_the_program_ends_with_the_same_bits_without_jit() -> None:
    ends = []
    for step in ("fold(fn.jit(step),", "fold(step,"):
        names: dict[str, Any] = {}
        exec(blocks("python")[0].replace("epochs=1000", "epochs=20").replace("fold(fn.jit(step),", step), names)
        ends.append((names["params"], names["opt_state"], names["history"]))
    assert tree.equal(*ends)


def test_the_program_is_short() -> None:
    lines = [line for line in blocks("python")[0].splitlines() if line.strip()]
    assert len(lines) <= 20


def test_the_table_of_what_to_read_names_every_room_that_users_meet() -> None:
    table = "\n".join(re.findall(r"^\| (?:what|how|the) .*`", README, re.MULTILINE))
    named = re.findall(r"`(\w+)(?:\.py|/)`", table)
    listed = re.findall(r"^    ([a-z]\w+) {2,}.*\?$", funcnn.__doc__ or "", re.MULTILINE)
    assert sorted(named) == sorted(listed)
    assert all((ROOT / "funcnn" / path).exists() for path in re.findall(r"`(\w+(?:\.py|/))`", table))
