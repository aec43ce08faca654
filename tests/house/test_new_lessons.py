"""The lessons from 32 on: what they print is what the book prints, or what a few lines of NumPy find another way."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_lessons import PATHS, lines_with, numbers, printed, run_here

from funcnn import random
from funcnn.datasets import nnfs_vertical

pytestmark = pytest.mark.slow

NEW = [number for number in PATHS if number >= 32]


def one(number: int, text: str) -> list[float]:
    """The numbers behind a text, in the only line that has it."""
    (line,) = lines_with(number, text)
    return numbers(line.partition(text)[2])


# ------------------------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize("number", NEW)
def test_draws_or_says_what_to_install(number: int) -> None:
    nodes = ast.walk(ast.parse(PATHS[number].read_text()))
    (drawing,) = (node for node in nodes if isinstance(node, ast.Try) and "savefig" in ast.unparse(node))
    assert [ast.unparse(handler.type or handler) for handler in drawing.handlers] == ["ModuleNotFoundError"]
    assert "dpi=160" in ast.unparse(drawing)
    if number == 39:
        pytest.importorskip("jax")
    assert "pip install 'funcnn[plot]'" in printed(number).splitlines()[-1]


SHORTER = {32: ("tries, scale = 1000", "tries, scale = 10"), 33: ("digits(train_key, 1000)", "digits(train_key, 50)")}


@pytest.mark.parametrize("number", [number for number in NEW if number != 39])  # it takes long, and draws as 34 does
def test_draws_into_the_folder_that_is_named(number: int, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    source = PATHS[number].read_text().replace(*SHORTER.get(number, ("", "")))
    said = run_here(number, str(tmp_path), source=source, draws=True).splitlines()[-1]
    (picture,) = tmp_path.iterdir()
    assert said == f"wrote {picture}"
    assert picture.read_bytes().startswith(b"\x89PNG")


# ------------------------------------------------------------------------------------------- 32, random search


BOOK = {"by chance": {0: (1.0986564, 0.333), 3: (1.098138, 0.333)},
        "near the best": {0: (1.0987684, 0.333), 1: (1.0987465, 0.333), 5: (1.0976487, 0.333)}}


def searched(near: bool) -> tuple[int, float]:
    """The chapter's loop in NumPy alone: how many of 1000 tries bring something, and the loss in the end."""
    x, labels = nnfs_vertical(samples=100, classes=3, dtype=np.float64)
    stream = np.random.RandomState(0)
    stream.randn(600)
    best = [0.01 * stream.randn(2, 3), np.zeros(3, np.float64), 0.01 * stream.randn(3, 3), np.zeros(3, np.float64)]
    lowest, count = np.inf, 0
    for _ in range(1000):
        w1, b1, w2, b2 = tried = [near * p + 0.05 * stream.randn(*p.shape) for p in best]
        logits = np.maximum(np.asarray(x) @ w1 + b1, 0) @ w2 + b2
        loss = float(np.mean(np.log(np.sum(np.exp(logits), axis=1)) - logits[np.arange(300), np.asarray(labels)]))
        if loss < lowest:
            lowest, count, best = loss, count + 1, tried
    return count, lowest


def test_random_search_prints_the_lines_of_the_book() -> None:
    chance, near = printed(32).split("NEAR THE BEST")
    for text, expected in zip((chance, near), BOOK.values(), strict=True):
        lines = [numbers(line) for line in text.splitlines() if line.startswith("New set") and numbers(line)[0] < 6]
        assert [int(line[0]) for line in lines] == list(expected)
        np.testing.assert_allclose([line[1:] for line in lines], list(expected.values()), atol=6e-7)


def test_random_search_counts_what_helped() -> None:
    for line, near in zip(lines_with(32, "tries brought something"), (False, True), strict=True):
        count, loss = searched(near)
        assert numbers(line) == [count, 1000, pytest.approx(loss, abs=6e-5)]


def test_gradient_descent_takes_fewer_steps_than_tries() -> None:
    rows = [numbers(line) for line in lines_with(32, "so far by tries")]
    assert [row[0] for row in rows] == [0, 50, 100, 200]
    assert all(tries >= 5 * steps for steps, _, tries in rows[1:])
    assert rows[-1][1] < 0.178 < rows[1][1] < 0.25 < rows[0][1]


# -------------------------------------------------------------------------------------------------- 33, digits


def test_digits_need_the_same_weights_everywhere() -> None:
    dense, convolution = one(33, "dense  "), one(33, "convolution  ")
    assert abs(dense[0] - convolution[0]) < 0.05 * dense[0]
    assert dense[1] > 90 > 50 > dense[2]
    assert min(convolution[1:]) > 90


def test_digits_prints_its_confusion_matrix() -> None:
    matrix = np.array([numbers(line.replace(" .", " 0"))[1:] for line in lines_with(33, " |")])
    assert matrix.shape == (10, 10) and matrix.sum() == 1000
    assert np.trace(matrix) / 10 == pytest.approx(one(33, "convolution  ")[2])
    times, true, taken = numbers(lines_with(33, "most frequent mistake")[0])
    i, j = int(true), int(taken)
    assert matrix[i, j] == times == (matrix - np.diag(np.diag(matrix))).max()
    precision, recall = matrix[j, j] / matrix[:, j].sum(), matrix[j, j] / matrix[j].sum()
    found = numbers(lines_with(33, "(precision)")[0])
    np.testing.assert_allclose(found[1::2], [100 * precision, 100 * recall], atol=0.051)


# -------------------------------------------------------------------------------------- 34, saving and loading


def test_saving_keeps_the_whole_run() -> None:
    arrays = lines_with(34, "float32 (")
    sizes = [np.prod(numbers(line.partition("(")[2])) for line in arrays]
    assert len(arrays) == 12 and sum(sizes) == 3 * (2 * 64 + 64 + 64 * 3 + 3)
    assert one(34, "IN THE FILE,")[0] > 4 * sum(sizes)
    assert lines_with(34, "ends with") == [
        "WITH THE WHOLE STATE, from step 30, it ends with the same bits",
        "WITH THE PARAMETERS ALONE it ends with other numbers"]


def test_loading_names_what_does_not_fit() -> None:
    places = [line.split("'")[1] for line in lines_with(34, "in the file, float32")]
    assert places == ["dense_0/b", "dense_0/w", "dense_1/w"]
    assert len(lines_with(34, "its sha256 is not the one it was saved with")) == 1


# ------------------------------------------------------------------------------------------------ 35, batch norm


def test_batch_norm_depends_on_the_company() -> None:
    assert [numbers(line)[-1] for line in lines_with(35, "the first gives")] == [1, -1, 2]


def test_batch_norm_remembers_a_moving_mean() -> None:
    data_key = random.split(random.key(0), 5)[0]
    x = 3 + 2 * np.asarray(random.normal(data_key, (60, 50, 1)), np.float64)
    mean, variance, expected = 0.0, 1.0, [(0.0, 1.0)]
    for batch in x:
        mean, variance = 0.9 * mean + 0.1 * batch.mean(), 0.9 * variance + 0.1 * batch.var(ddof=1)
        expected.append((mean, variance))
    for line in lines_with(35, "  after "):
        n, found_mean, _, _, _, at_once, found_variance = numbers(line)
        assert at_once == pytest.approx(3 * (1 - 0.9**n), abs=6e-4)
        assert (found_mean, found_variance) == pytest.approx(expected[int(n)], abs=6e-4)


def test_batch_norm_is_judged_by_what_it_remembers() -> None:
    assert one(35, "with what it remembers")[0] > 85
    assert one(35, "with the first state")[0] < 50


# ------------------------------------------------------------------------------------------------- 36, attention


def test_attention_looks_where_it_should() -> None:
    looks = printed(36).partition("WHAT EACH")[0]
    rows = {line.split(":")[0].strip(): numbers(line.replace("%", "")) for line in looks.splitlines()[2:] if line}
    for word, place, score in (("cat", 6, 8), ("slept", 1, 6), ("it", 1, 9), ("tired", 1, 6), ("was", 0, 0)):
        share = 100 / (1 + 6 * np.exp(-score / 2))
        assert rows[word][place] == pytest.approx(share, abs=0.051)
        assert sum(rows[word]) == pytest.approx(100, abs=0.4)


# ------------------------------------------------------------------------------------------------------ 37, vmap


def test_vmap_finds_the_line_and_who_pulls_hardest() -> None:
    noise_key = random.split(random.key(0), 3)[0]
    x = np.linspace(-1, 1, 21)
    y = 3 * x + 2 + 0.2 * np.asarray(random.normal(noise_key, (21,), np.float64)) - 2 * (np.arange(21) == 15)
    w, b = np.polyfit(x, y, 1)
    for name, value in (("  w: [", w), ("  b: [", b)):
        assert one(37, name)[5:] == pytest.approx([value] * 5, abs=6e-4)
    lengths = 2 * np.abs(w * x + b - y) * np.hypot(x, 1)
    assert one(37, "length is") == [pytest.approx(np.median(lengths), abs=6e-4)]
    assert one(37, "that of point") == [np.argmax(lengths), pytest.approx(lengths.max() / np.median(lengths), abs=0.06)]


# ------------------------------------------------------------------------------------------- 38, what jit keeps


def test_jit_keeps_what_python_did_once() -> None:
    assert lines_with(38, "so many calls")[0] == "so many calls: 25 and for these Python ran: 64 x 2, 44 x 2"
    assert one(38, "slope 0.5: leaky(-2) =") == [-1.0, -0.2]
    outside, inside = one(38, "from outside:"), one(38, "as an argument:")
    assert len(set(outside)) == 1 and len(set(inside)) == 3
    assert "np.where(condition, a, b) in place of if" in printed(38)
    assert one(38, "as an operation:") == [2.0]
    assert one(38, "(2.0, 3) =") == [2.0 ** 2 ** 3]
    assert len(re.findall(r"^    v\d = ", printed(38), re.MULTILINE)) == 3


# ------------------------------------------------------------------------------------------ 39, from NumPy to JAX


def test_jax_has_the_same_numbers() -> None:
    pytest.importorskip("jax")
    agreeing = [numbers(line)[-1] for line in lines_with(39, " digits")]
    assert len(agreeing) == 3 and min(agreeing) > 9


def test_jax_is_asked_for_politely(tmp_path: Path) -> None:
    (tmp_path / "jax.py").write_text("raise ModuleNotFoundError('no jax', name='jax')")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    result = subprocess.run([sys.executable, str(PATHS[39])], capture_output=True, text=True, check=False,
                            env=environment)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "this lesson needs JAX: pip install 'funcnn[jax]', or pip install jax\n"
