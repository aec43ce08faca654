"""What mypy says about code that uses funcnn: nothing about `typecheck/accept_*`, all of the marks in `reject_*`.

A mark stands at the end of a line: `# E: code`, or `# E: code | words & words` where the words must be in what mypy
says about that line. One mypy run serves all files and the README. Codes and words are those of mypy 2; older ones,
from 1.12 on, find the same lines and say it a little differently.
"""

from __future__ import annotations

import doctest
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("mypy")
pytestmark = pytest.mark.slow
SAYS_IT_THE_SAME_WAY = int(version("mypy").split(".")[0]) >= 2

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests" / "typecheck").glob("*.py"))
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
PROGRAM = BLOCKS[0] + next(block for block in BLOCKS if "-> Net" in block)
SESSION = "\n".join(block for block in BLOCKS if ">>> " in block and "Interpreter" not in block)
UNANNOTATED = "# mypy: allow-untyped-defs, allow-untyped-calls, allow-incomplete-defs\n"


class Expected(NamedTuple):
    """What a mark demands of mypy: codes in any order, and words."""

    codes: list[str]
    words: list[str]


def marks(text: str) -> dict[int, Expected]:
    """The marks of a file by line."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.search(r"# E: ([a-z-]+(?:, [a-z-]+)*)(?: \| (.*))?$", line):
            codes, words = match.groups()
            found[number] = Expected(sorted(codes.split(", ")), words.split(" & ") if words else [])
    return found


def session_lines() -> tuple[str, set[int]]:
    """The README's interactive sessions as a program, and the lines of it that raise."""
    lines, raising = [], set()
    for example in doctest.DocTestParser().get_examples(SESSION):
        lines += example.source.splitlines()
        if example.exc_msg is not None:
            raising.add(len(lines) + UNANNOTATED.count("\n"))
    return UNANNOTATED + "\n".join(lines) + "\n", raising


Errors = dict[str, dict[int, list[tuple[str, str]]]]


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> Errors:
    """The errors of one mypy run: file name, line, (code, message)."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "readme_program.py").write_text(PROGRAM)
    (folder / "readme_session.py").write_text(session_lines()[0])
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", *map(str, FILES),
               *map(str, sorted(folder.glob("*.py")))]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not result.stderr, result.stderr
    found: Errors = defaultdict(lambda: defaultdict(list))
    for line in result.stdout.splitlines():
        if match := re.fullmatch(r"(.+?):(\d+): error: (.*?)  \[([a-z-]+)\]", line):
            path, number, message, code = match.groups()
            found[Path(path).name][int(number)].append((code, message))
        else:
            assert ": note: " in line, line
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_mypy_says_what_the_marks_demand_and_nothing_else(path: Path, errors: Errors) -> None:
    demanded = {line: expected.codes for line, expected in marks(path.read_text()).items()}
    said = {line: sorted(code for code, _ in found) for line, found in errors[path.name].items()}
    assert said.keys() == demanded.keys()
    assert said == demanded or not SAYS_IT_THE_SAME_WAY


@pytest.mark.skipif(not SAYS_IT_THE_SAME_WAY, reason="older mypy has other words for it")
@pytest.mark.parametrize("path", [path for path in FILES if "reject" in path.name], ids=lambda path: path.stem)
def test_mypy_names_what_is_wrong(path: Path, errors: Errors) -> None:
    for line, expected in marks(path.read_text()).items():
        said = " ".join(message for _, message in errors[path.name][line])
        for words in expected.words:
            assert words in said, f"line {line}: {said}"


def test_hundreds_of_mistakes_are_found() -> None:
    assert sum(len(marks(path.read_text())) for path in FILES) >= 150


def test_programs_that_are_accepted_pin_their_types() -> None:
    accepted = [path for path in FILES if "accept" in path.name]
    assert sum(path.read_text().count("assert_type(") for path in accepted) >= 100
    assert not any(re.search(r"\bcast\(|type: ignore|# E:", path.read_text()) for path in accepted)


def test_the_readme_program_is_accepted(errors: Errors) -> None:
    assert not errors["readme_program.py"]


def test_what_raises_in_the_readme_is_a_type_error_too(errors: Errors) -> None:
    assert set(errors["readme_session.py"]) == session_lines()[1]


def test_pyright_accepts_the_readme_program_and_the_main_example(tmp_path: Path) -> None:
    pytest.importorskip("pyright")
    if "pyright 1." not in pyright("--version"):
        pytest.skip("pyright is installed, but not the part that it downloads")
    (tmp_path / "readme_program.py").write_text(PROGRAM)
    (tmp_path / "spiral.py").write_text((ROOT / "examples" / "spiral.py").read_text())
    settings = {"extraPaths": [str(ROOT), str(ROOT / "typings")], "typeCheckingMode": "basic", "pythonVersion": "3.11"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    said = pyright("--project", str(tmp_path), "--level", "error", "--pythonpath", sys.executable)
    assert said.splitlines()[-1].startswith("0 errors"), said


def pyright(*arguments: str) -> str:
    """What pyright prints; it may neither ask the network for a newer one nor say that it would."""
    environment = os.environ | {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    return subprocess.run([sys.executable, "-m", "pyright", *arguments], capture_output=True, text=True, check=False,
                          env=environment).stdout
