"""The lessons as notebooks: `python examples/notebooks.py [FOLDER]` writes one for each, into `notebooks` if not told.

To open them, `pip install jupyterlab`. The scripts stay the source: the docstring becomes the title, the parts between
blank lines become cells, and the comment before a part a text. What a script saves as a picture is shown; what it
imports from a file beside it stands in the notebook. The change to be guessed comes last, its answer folded up.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LESSONS = Path(__file__).parent / "lessons"
IMPORTS = "from ", "import "

CHANGES = {  # a notebook has no command line, and shows a picture in place of saying where it is
    r"Path\(sys\.argv\[1\] if len\(sys\.argv\) > 1 else (.+)\)$": r"Path(\1)",
    r"\.parse_args\(\)": ".parse_args([])",
    r"^( *)([\w.]+\.savefig\((.+?)(?:, dpi=\d+)?\))$": r"\1\2\n\1display(Image(\3, retina=True))",
    r"^( *)print\(f\"\\nwrote \{(\w+)\}.*\)$": r"\1display(Image(\2))",
    r"^ *print\(f\"(?:\\n)?wrote .*\n": "",
    r" +# noqa: .*$": "",
}


def changed(source: str) -> str:
    """The source of a script as a notebook has it."""
    for pattern, replacement in CHANGES.items():
        source = re.sub(pattern, replacement, source, flags=re.MULTILINE)
    source = source if "sys." in source else source.replace("import sys\n", "")
    shown = "from IPython.display import Image, display\n" if "display(" in source else ""
    return source.replace("\nimport numpy", f"\n{shown}import numpy", 1)


def parts(source: str) -> list[str]:
    """The parts of a program that blank lines separate; a part of a single line goes with the next."""
    inside = {line for node in ast.parse(source).body for line in range(node.lineno, node.end_lineno or 0)}
    found = [""]
    for number, line in enumerate(source.splitlines(), 1):
        if not line and number not in inside and "\n" in found[-1].strip():
            found.append("")
        found[-1] += line + "\n"
    return [part.strip("\n") for part in found if part.strip()]


def cells(source: str) -> Iterator[tuple[str, str]]:
    """The kind and the text of each cell: the imports, what files beside the script have, and the parts."""
    found = [part for part in parts(changed(source)) if not part.startswith('"""')]
    imports = "\n\n".join(part for part in found if part.startswith(IMPORTS)) + "\n"
    names = re.findall(r"^from (\w+) import ", imports, re.MULTILINE)
    beside = {name: path for name in names if (path := LESSONS / f"{name}.py").exists()}
    yield "code", re.sub(rf"^from ({'|'.join(beside) or '-'}) import .*\n", "", imports, flags=re.MULTILINE)
    for name, path in beside.items():
        yield "markdown", f"What `{name}.py` has, where several lessons begin:"
        yield from cells(path.read_text().replace("from __future__ import annotations\n", ""))
    for part in found:
        code = re.sub(r"^(#.*\n?)+", "", part)
        text = re.sub(r"^# ?-*", "", part.removesuffix(code), flags=re.MULTILINE)
        yield "markdown", re.sub(r"^CHANGE THIS(.*?:)", r"**Change this\1**", text)
        yield "code", "" if part.startswith(IMPORTS) else code


def opening(path: Path) -> str:
    """The title and the docstring of a lesson, without the paragraph that says how to run the script."""
    sentence, *paragraphs = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")
    number, _, claim = sentence.partition(": ")
    told = [re.sub(r"\s[^.]*:$", "", text) for text in paragraphs if "python examples/" not in text]
    return "\n\n".join([f"# {number}", f"**{claim[:1].upper()}{claim[1:]}**", *told])


def answer(number: str) -> str:
    """What happens after the change of a lesson, folded up."""
    found = re.search(rf"^## {number} .*\n((?:(?!## ).*\n?)*)", (LESSONS / "answers.md").read_text(), re.MULTILINE)
    folded = "<details>\n<summary>The answer, for those who have guessed</summary>\n\n{}\n</details>"
    return folded.format(found[1].strip()) if found else ""


def notebook(path: Path) -> dict[str, Any]:
    """A lesson in the format 4.5 of Jupyter, with nothing run yet."""
    number, of_code = path.stem[:2], {"execution_count": None, "outputs": list[str]()}
    found = [("markdown", opening(path)), *cells(path.read_text()), ("markdown", answer(number))]
    told = [(kind, text.strip("\n")) for kind, text in found if text.strip()]
    return {"cells": [{"cell_type": kind, "id": f"lesson-{number}-{i}", "metadata": {}, "source": text,
                       **(of_code if kind == "code" else {})} for i, (kind, text) in enumerate(told)],
            "metadata": {"kernelspec": {"display_name": "Python 3", "name": "python3"}},
            "nbformat": 4, "nbformat_minor": 5}


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "notebooks")
    folder.mkdir(exist_ok=True)
    for path in LESSONS.glob("[0-9]*.py"):
        (folder / f"{path.stem}.ipynb").write_text(json.dumps(notebook(path), indent=1) + "\n")
    print(f"wrote a notebook of each lesson into {folder}")
