"""The Python of the page, under CPython: each choice is a program that runs, and what is shown is what it computes."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import looking
import playground
from funcnn import training, tree
from problems import REGRESSIONS
from settings import Settings
from writing import written

PAGE = Path(__file__).parents[2] / "examples" / "playground"
RULES = json.loads((PAGE / "settings.json").read_text())
DEFAULTS = {name: rule["default"] for name, rule in RULES.items()}
OWN = [[-0.5, 0.25, 0], [0.5, 0.5, 1], [0.0, -1.0, 2], [0.25, 0.0, 1]]

ODD: list[dict[str, Any]] = [
    {"layers": []}, {"layers": [1]}, {"layers": [64, 64]}, {"layers": [], "dropout": 0.3, "activation": "relu"},
    {"features": ["x1x1"]}, {"features": list(RULES["features"]["flags"])}, {"dropout": 0.2}, {"batch": 1},
    {"batch": 1000, "regularizer": "l2"}, {"data": "own", "points": OWN}, {"data": "own", "points": OWN[:1]},
    {"data": "own", "points": OWN * 20},
    {"data": "hills", "dropout": 0.1, "regularizer": "l1", "schedule": "one_cycle", "layers": [4] * 6},
    {"arms": 5, "noise": 0}, {"data": "blobs", "arms": 2}, {"seed": 2**32 - 1}, {"rate": 0},
]


def choices() -> list[dict[str, Any]]:
    """Each setting that the page offers, the others as they are at first, and combinations at the edges."""
    offered = {name: [*rule.get("choices", ()), *rule.get("options", ())] for name, rule in RULES.items()}
    single = [{name: value} for name, values in offered.items() for value in values]
    return [change for change in single if change != {"data": "own"}] + ODD


def chosen(change: dict[str, Any]) -> Settings:
    return playground.page_settings(json.dumps(DEFAULTS | change))


def begun(**changes: Any) -> playground.Run:
    return playground.begin(chosen(changes))


def test_each_choice_is_a_program_that_runs_and_can_be_seen() -> None:
    for change in choices():
        run, losses = playground.advance(begun(**change), 2)
        seen = playground.look(run)
        settings = DEFAULTS | change
        assert np.all(np.isfinite(losses)) and seen["step"] == 2, change
        assert len(seen["units"]) == len(settings["layers"]) == len(seen["weights"]) - 1, change
        assert [len(w["b"]) for w in seen["weights"]] == [*settings["layers"], playground.shown_once(run)["outputs"]]
        assert len(seen["scores"]) == 2 and all(np.isfinite(score["loss"]) for score in seen["scores"]), change


def test_a_program_is_short_and_says_what_it_is() -> None:
    for change in choices():
        text = written(chosen(change))
        assert text.startswith('"""A net learns ')
        compile(text, "shown", "exec")
        assert len(text.splitlines()) < 100 and max(map(len, text.splitlines())) <= 120, text
        used = set(re.findall(r"\w+", text[text.index("train_key"):]))
        imported = [name for line in re.findall(r"from \S+ import (.+)", text) for name in line.split(", ")]
        assert set(imported) <= used, change


@pytest.mark.parametrize("change", [{}, {"dropout": 0.2, "regularizer": "l2"}, {"data": "own", "points": OWN}])
def test_the_copied_program_prints_the_losses_that_the_page_has(change: dict[str, Any]) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(written(chosen(change), epochs=5), {"__name__": "__main__"})
    printed = re.findall(r"^step \d+: loss before (\d+\.\d+)", said.getvalue(), re.MULTILINE)
    _, losses = playground.advance(begun(**change), 5)
    assert printed == [f"{value:.6f}" for value in losses]


def test_the_page_trains_as_the_plain_fold_of_the_plain_step() -> None:
    run, losses = playground.advance(begun(dropout=0.1), 12)
    (state, history) = training.fold(run.program["step"], run.program["start"], list(run.program["batches"])[:12])
    assert tree.equal(state, run.state)
    np.testing.assert_array_equal(history, np.asarray(losses, np.float32))


def test_time_ends_a_stretch_but_not_before_a_step() -> None:
    run, losses = playground.advance(begun(), 10**9, seconds=0.0)
    assert len(losses) == run.steps == 1


# --------------------------------------------------------------------------------------------- what is seen


def test_planes_of_units_and_the_answers_are_those_of_the_formula() -> None:
    run, _ = playground.advance(begun(activation="tanh", layers=[3, 4]), 5)
    seen = playground.look(run)
    x: Any = looking.grid().astype(np.float64)
    for layer, width in enumerate((3, 4)):
        w, b = (np.float64(run.state[0][f"dense_{layer}"][name]) for name in "wb")
        x = np.tanh(x @ w + b)
        small = x.reshape(looking.GRID, looking.GRID, width)[::2, ::2].transpose(2, 0, 1)
        np.testing.assert_allclose(seen["units"][layer], small.ravel(), atol=1e-5)
    w, b = (np.float64(run.state[0]["dense_2"][name]) for name in "wb")
    np.testing.assert_allclose(seen["answers"], (x @ w + b).ravel(), atol=1e-5)


def test_the_plane_is_seen_from_above() -> None:
    x = looking.grid().reshape(looking.GRID, looking.GRID, 2)
    assert np.all(x[0, :, 1] > 1.2) and np.all(x[-1, :, 1] < -1.2)  # the top row is where x2 is large
    assert np.all(x[:, 0, 0] < -1.2) and np.all(np.diff(x[0, :, 0]) > 0)


def test_a_dead_unit_is_known() -> None:
    run = begun(activation="relu")
    dead = tree.update_in(run.state[0], ("dense_0", "b"), lambda b: np.where(np.arange(8) == 3, np.float32(-99), b))
    assert [each.tolist() for each in run.view(dead)["still"]] == [[3], []]


def test_numbers_without_bounds_have_no_score() -> None:
    run = begun()
    assert run.view(tree.map(lambda w: w * np.float32(np.nan), run.state[0]))["scores"] == []


def test_scores_are_of_train_and_of_fresh_points() -> None:
    run, _ = playground.advance(begun(), 50)
    known, fresh = (np.asarray(run.program["data"](run.program[key])[0]) for key in ("train_key", "fresh_key"))
    once = playground.shown_once(run)
    np.testing.assert_array_equal(once["points"][0]["x"], known.ravel())
    np.testing.assert_array_equal(once["points"][1]["x"], fresh.ravel())
    scores = [playground.look(run)["scores"][i]["score"] for i in (0, 1)]
    answers = [np.argmax(run.program["net"].apply(run.state[0], x), axis=1) for x in (known, fresh)]
    assert scores == [np.mean(answer == np.repeat(np.arange(3), 100)) for answer in answers]


# --------------------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("dropout", [0, 0.3])
def test_the_next_step_that_is_read_is_the_next_step_that_is_done(dropout: float) -> None:
    run, _ = playground.advance(begun(dropout=dropout), 7)
    step = playground.next_step(run)
    later, losses = playground.advance(run, 1)
    assert [float(step.value)] == pytest.approx(losses, rel=1e-6)
    for parameter in step.parameters:
        new: Any = tree.get(later.state[0], tuple(parameter.path.split("/")))
        np.testing.assert_allclose(parameter.new, new, rtol=1e-5, atol=1e-6)  # type: ignore[arg-type]  # not None


def test_the_texts_say_the_numbers_and_the_lines() -> None:
    run, _ = playground.advance(begun(layers=[4]), 1)
    assert "FORWARD" in playground.read(run, "trace") and "dense_0" in playground.read(run, "trace")
    assert "dense_1" not in playground.read(run, "trace", "dense_0").split("PARAMETERS")[1]
    assert "answers = net.apply(params, x)" in playground.read(run, "jit")


def test_in_full_no_number_is_left_out() -> None:
    run = begun(layers=[4], batch=100)
    text = playground.read(run, "trace", "dense_0", True)
    blocks = re.split(r"\n\n", text)
    affine = "#0 affine(batch/0, dense_0/w, dense_0/b) of dense_0"
    assert [block.split(":")[0].split("\n")[0] for block in blocks[1:]] == [
        f"FORWARD {affine}", f"BACKWARD {affine}, to dense_0/w", f"BACKWARD {affine}, to dense_0/b",
        "PARAMETER dense_0/w", "PARAMETER dense_0/b"]
    assert "..." not in text
    assert len(re.findall(r"-?\d+\.\d*", blocks[1].split("\n", 1)[1])) == 100 * 4


def test_the_wheel_that_the_page_asks_for_is_the_one_of_this_version() -> None:
    import funcnn as fn

    assert f"funcnn-{fn.__version__}-py3-none-any.whl" in (PAGE / "loading.js").read_text()


def test_the_page_and_its_python_mean_the_same_plane_and_the_same_regressions() -> None:
    assert f"const EDGE = {looking.EDGE};" in (PAGE / "page" / "main.js").read_text()
    assert RULES["data"]["numbers"] == list(REGRESSIONS)


def test_the_page_brings_all_its_python() -> None:
    (listed,) = re.findall(r"const OWN = \[(.+)\]", (PAGE / "loading.js").read_text())
    assert sorted(listed.replace('"', "").split(", ")) == sorted(path.stem for path in (PAGE / "python").glob("*.py"))
