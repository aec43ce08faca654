"""The notebooks that `examples/notebooks.py` makes of the lessons: the same programs, and they run in a kernel."""

from __future__ import annotations

import ast
import base64
import json
import re
import runpy
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from test_lessons import LESSONS, PATHS, printed

COMMAND = Path(__file__).parents[2] / "examples" / "notebooks.py"
MADE = runpy.run_path(str(COMMAND))
NOTEBOOKS: dict[int, dict[str, Any]] = {number: MADE["notebook"](path) for number, path in PATHS.items()}


def texts(notebook: Mapping[str, Any], kind: str) -> list[str]:
    """The texts of a notebook's cells of a kind."""
    return [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == kind]


def program(notebook: Mapping[str, Any]) -> str:
    """What a notebook runs, as one program."""
    return "\n\n".join(texts(notebook, "code"))


def statements(source: str) -> Counter[str]:
    """The statements of a program, without its docstring."""
    body = ast.parse(source).body
    return Counter(ast.unparse(node) for node in body[1 if ast.get_docstring(ast.parse(source)) else 0:])


NO_MORE = [r"import sys", r"from \w+ import .*", r"folder = Path\(sys\.argv\[1\] .*", r".*\.parse_args\(\).*",
           r"(?s)try:.*\.savefig\(.*"]
"""What of a script is not in its notebook, or is there in another way."""

NEW = [r"from IPython\.display import Image, display", r"folder = Path\(tempfile\.gettempdir\(\)\)",
       r".*\.parse_args\(\[\]\).*", r"(?s)try:.*display\(Image\(.*"]


def test_the_code_is_that_of_the_script_but_for_what_is_named() -> None:
    for number, path in PATHS.items():
        script, made = statements(path.read_text()), statements(program(NOTEBOOKS[number]))
        shared = [LESSONS[0].parent / f"{name}.py" for name in re.findall(r"(?m)^from (\w+) import", path.read_text())]
        inlined = sum((statements(file.read_text()) for file in shared if file.exists()), Counter[str]())
        for gone in script - made:
            assert any(re.fullmatch(pattern, gone) for pattern in NO_MORE), f"lesson {number}: {gone}"
        for new in made - script - inlined:
            assert any(re.fullmatch(pattern, new) for pattern in NEW), f"lesson {number}: {new}"
        assert sum((inlined - made).values()) <= (inlined - made)["from __future__ import annotations"]


def test_nothing_asks_for_a_command_line() -> None:
    for number, notebook in NOTEBOOKS.items():
        compile(program(notebook), f"lesson {number}", "exec")
        assert not re.search(r"sys\.argv|parse_args\(\)|from book_\w+ import", program(notebook)), number
        assert program(notebook).count("display(Image(") == len(re.findall(
            r"\.savefig\(|plotting\.animate\(", PATHS[number].read_text())), number


def test_parts_are_cells_and_strings_stay_whole() -> None:
    source = 'import os\n\nimport numpy as np\n\n# a text\nx = 1\ny = """\n\n"""\n\n\n'
    source += "def f():\n    a = 1\n\n    return a\n\n\n"
    source += "z = 1\n\nprint(z)\nprint(y)\n\n# CHANGE THIS, and say first: z\n"
    assert [cell for cell in MADE["cells"](source) if cell[1]] == [
        ("code", "import os\n\nimport numpy as np\n"), ("markdown", "a text\n"), ("code", 'x = 1\ny = """\n\n"""'),
        ("code", "def f():\n    a = 1\n\n    return a"), ("code", "z = 1\n\nprint(z)\nprint(y)"),
        ("markdown", "**Change this, and say first:** z")]


def test_each_opens_with_its_sentence_and_ends_with_the_answer_folded_up() -> None:
    for number, notebook in NOTEBOOKS.items():
        first, *_ = told = texts(notebook, "markdown")
        assert first.startswith(f"# Lesson {number}\n\n**") and "python examples/" not in first
        if "# CHANGE THIS" in PATHS[number].read_text():
            assert told[-2].startswith("**Change this, and say first what will happen:** ")
            assert re.fullmatch(r"(?s)<details>\n<summary>.*</summary>\n\n\w.*\n</details>", told[-1])
            assert "## " not in told[-1]


def test_the_format_is_that_of_jupyter() -> None:
    nbformat = pytest.importorskip("nbformat")
    for notebook in NOTEBOOKS.values():
        nbformat.validate(json.loads(json.dumps(notebook)))


@pytest.mark.slow
def test_the_command_writes_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", [str(COMMAND), str(tmp_path / "here")])
    runpy.run_path(str(COMMAND), run_name="__main__")
    assert capsys.readouterr().out == f"wrote a notebook of each lesson into {tmp_path / 'here'}\n"
    written = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "here").glob("*.ipynb")}
    assert written == {path.stem: NOTEBOOKS[number] for number, path in PATHS.items()}


@pytest.mark.slow
def test_a_kernel_prints_what_the_script_prints_and_shows_its_picture(tmp_path: Path) -> None:
    number = next(number for number, path in PATHS.items() if "from book_" in path.read_text())
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    notebook = nbformat.from_dict(NOTEBOOKS[number])
    client = nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    told = "".join(output.text for output in outputs if output.output_type == "stream")
    assert told.split() == printed(number).partition("\nfuncnn.plotting: needs")[0].split()
    (shown,) = (output.data["image/png"] for output in outputs if output.output_type == "display_data")
    assert base64.b64decode(shown).startswith(b"\x89PNG")
