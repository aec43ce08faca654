"""The lessons that look inside: what they print is true, they draw, and without matplotlib say what to install."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_lessons import PATHS, lines_with, numbers, printed, section

pytestmark = pytest.mark.slow

PICTURES = {26: "trace.png", 27: "dead_units.png", 28: "smoother_boundaries.png", 29: "valley.png", 30: "spiral.gif"}


def run(number: int, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}
    return subprocess.run([sys.executable, "-W", "error", str(PATHS[number]), *arguments], capture_output=True,
                          text=True, check=False, env=environment)


# ------------------------------------------------------------------------------------------------ what they print


def test_trace_prints_each_number_that_was_worked_out_by_hand() -> None:
    page, _, rest = printed(26).partition("BY HAND")
    lines = rest.split("\n\n")[0].splitlines()[1:]
    assert len(lines) == 12
    for line in lines:
        name, text = line.split(maxsplit=1)
        shown = text.removesuffix("True").strip()
        assert line.endswith(" True")
        assert re.search(rf" {re.escape(shown)}(  |$)", page, re.MULTILINE), f"{name} is not on the page: {shown}"


def test_trace_follows_one_layer() -> None:
    alone = printed(26).partition("THE SECOND LAYER ALONE")[2]
    assert "dense_1/w" in alone and "dense_0/w" not in alone


def test_dead_units_do_not_move_and_a_shorter_step_is_a_cure_for_every_key() -> None:
    rows = [numbers(line) for line in printed(27).splitlines()[1:6]]
    for _, dead, dead_later, loss, none_dead, few_dead, better in rows:
        assert dead_later >= dead > none_dead == 0
        assert few_dead < dead_later / 3
        assert better < 0.75 * loss
    (gradients,) = lines_with(27, "gradients of the dead")
    assert numbers(gradients) == [0, 0]
    assert numbers(lines_with(27, "gradients of the living")[0])[0] > 0
    assert numbers(lines_with(27, "have moved")[0])[-1] == 0


def test_l2_and_dropout_cost_on_known_points_and_pay_on_fresh_ones() -> None:
    title = "           train loss  accuracy    fresh loss  accuracy    largest weight  how sure"
    alone, l2, dropout = (numbers(line.removeprefix("L2")) for line in section(28, title))
    for other in (l2, dropout):
        assert other[0] > alone[0]  # the loss on the points they were trained on
        assert other[2] < 0.7 * alone[2]  # on fresh ones
        assert other[4] < alone[4]  # the largest weight
        assert other[5] < alone[5]  # how sure


def test_momentum_and_adam_reach_the_end_of_the_valley() -> None:
    plain, momentum, rmsprop, adam = (numbers(line.partition("  ")[2]) for line in lines_with(29, "(")[-4:])
    assert plain[:1] == momentum[:1] == rmsprop[:1] == adam[:1] == [6.776]
    assert plain[3] > rmsprop[3] > 10 * max(momentum[3], adam[3])
    for end in (momentum[4:], adam[4:]):
        np.testing.assert_allclose(end, [1, 1], atol=0.05)


def test_the_spiral_is_learnt_while_one_looks() -> None:
    rows = np.array([numbers(line) for line in section(30, "step   loss   accuracy")])
    assert rows[:, 0].tolist() == [0, 10, 30, 100, 300, 1000]
    assert (np.diff(rows[:, 1]) < 0).all()
    assert rows[0, 2] < 0.5 and rows[-1, 2] > 0.9


def test_the_program_of_a_step_falls_into_its_parts() -> None:
    titles = re.findall(r"^(THE [A-Z]+|FORWARD)\b", printed(31), re.MULTILINE)
    assert titles == ["THE INPUTS", "THE CONSTANTS", "FORWARD", "THE LOSS", "THE WAY", "THE OPTIMIZER", "THE UPDATE",
                      "THE RESULT", "THE CHAIN", "THE SECOND"]
    inputs = printed(31).partition("THE INPUTS")[2].partition("THE CONSTANTS")[0]
    assert "state_0_trace_dense_0_w   float64[2, 2]" in inputs
    assert "v2 = np.tanh(v1)" in printed(31).partition("FORWARD")[2].partition("THE LOSS")[0]
    assert printed(31).partition("THE OPTIMIZER")[2].partition("THE UPDATE")[0].count("np.concatenate") == 2


def test_the_chain_rule_is_found_on_the_way_back() -> None:
    way_back = printed(31).partition("THE WAY BACK")[2].partition("THE OPTIMIZER")[0]
    lines = section(31, "THE CHAIN RULE BY HAND, and where the program has the same numbers")
    names = [re.search(r" (v\d+|None) ", line) for line in lines]
    assert len(lines) == 6 and all(name and f" {name[1]} = " in way_back for name in names)


def test_the_python_of_a_jitted_step_runs_once() -> None:
    lines = lines_with(31, "of jit(step)")
    assert [numbers(line)[0] for line in lines] == [1, 2, 3]
    assert [numbers(line)[-1] for line in lines] == [1, 1, 1]
    assert len({numbers(line)[1] for line in lines}) == 3  # it is not the same result again
    assert len(lines_with(31, "the same bits: True")) == 1


# ------------------------------------------------------------------------------------------------ what they draw


@pytest.mark.parametrize("number", [26, 27, 29])
def test_draws_into_the_folder_named(number: int, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = run(number, str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / PICTURES[number]).stat().st_size > 1000
    assert f"wrote {tmp_path / PICTURES[number]}" in result.stdout


@pytest.mark.parametrize("number", [26, 27, 29])
def test_runs_to_its_end_without_matplotlib_and_says_what_to_install(number: int, tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('no matplotlib', name='matplotlib')")
    result = run(number, str(tmp_path), path=str(tmp_path))
    assert (result.returncode, result.stderr) == (0, "")
    assert "pip install 'funcnn[plot]'" in result.stdout.splitlines()[-1]


@pytest.mark.parametrize("number", PICTURES)
def test_all_that_draws_stands_where_a_missing_matplotlib_is_caught(number: int) -> None:
    tree = ast.parse(PATHS[number].read_text())
    (attempt,) = (node for node in tree.body if isinstance(node, ast.Try))
    assert ast.unparse(attempt.handlers[0].type or ast.Constant(None)) == "ModuleNotFoundError"
    others = "\n".join(ast.unparse(node) for node in tree.body if node is not attempt)
    assert "plotting." not in others
    assert PICTURES[number] in ast.unparse(attempt)


def test_the_pictures_of_the_readme_are_small_sharp_and_those_of_the_gallery() -> None:
    makers = runpy.run_path(str(PATHS[26].parents[1] / "gallery.py"))["MAKERS"]
    pictures = list((PATHS[26].parents[1] / "pictures").iterdir())
    assert {path.name for path in pictures} == {f"{name}.png" for name in makers}
    assert all(path.stat().st_size < 150_000 for path in pictures)
    assert all((PATHS[26].parents[1] / program).exists() for program in makers.values())
    pillow = pytest.importorskip("PIL.Image")
    for path in pictures:
        with pillow.open(path) as picture:
            assert picture.mode == "P" and round(picture.info["dpi"][0]) == 160, path.name


def test_the_gallery_makes_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    command = [sys.executable, "-W", "error", str(PATHS[26].parents[1] / "gallery.py"), str(tmp_path), "trace"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["trace.png"]
    assert re.fullmatch(r" +\d+ kB  .*trace\.png\n", result.stdout)


def test_the_readme_shows_what_is_printed() -> None:
    readme = (PATHS[26].parents[2] / "README.md").read_text()
    _, _, section = readme.partition("## See it\n")
    if not section:
        pytest.skip("the README has no such section yet")
    program, promised = (re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[0]
                         for language in ("python", "text"))
    first = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    imports = [line for line in first.splitlines() if line.startswith(("import", "from"))]
    result = subprocess.run([sys.executable, "-W", "error", "-c", "\n".join([*imports, program])], capture_output=True,
                            text=True, check=False)
    assert (result.stdout, result.stderr) == (promised, "")
    assert (PATHS[26].parents[1] / "pictures" / "spiral.png").exists()
    assert "examples/pictures/spiral.png" in section
