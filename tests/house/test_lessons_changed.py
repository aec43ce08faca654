"""The lessons, changed: each ends with a change to be made and a guess to be made first, and the answer holds.

A lesson's last lines are a comment that begins with CHANGE THIS. The change itself stands here as text to be replaced,
beside what must be seen then; `examples/lessons/answers.md` says why, for those who have guessed.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from test_lessons import LESSONS, PATHS, lines_with, numbers, printed

pytestmark = pytest.mark.slow


class Change(NamedTuple):
    """What is replaced in a lesson, and whether the answer shows in what it prints then."""

    old: str
    new: str
    answer: Callable[[str], bool]


def one(text: str, printed: str) -> list[float]:
    """The numbers of the only line that holds a text."""
    (line,) = (line for line in printed.splitlines() if text in line)
    return numbers(line.replace(text, "", 1))


def before(number: int, text: str) -> list[float]:
    """The numbers of the only line that holds a text, as the lesson prints it unchanged."""
    (line,) = lines_with(number, text)
    return numbers(line.replace(text, "", 1))


def near_the_best(printed: str) -> list[float]:
    """Of lesson 32: how many tries near the best brought something, of how many, and the loss in the end."""
    return numbers([line for line in printed.splitlines() if "brought something" in line][1])


def rows_of(word: str, printed: str) -> list[list[float]]:
    """Of lesson 36: the rows of a word, where it looks and what it has learnt."""
    return [numbers(line.replace("%", "")) for line in printed.splitlines() if line.startswith(f"{word:>8}:")]


def looks_at_both(row: list[float]) -> bool:
    """Whether the second and the fifth word get the same, and nearly all."""
    return len(row) == 9 and row[1] == row[4] and 45 < row[1] < 50


CHANGES: dict[int, Change] = {
    # ------------------------------------------------------------------------------------------- 01 to 25
    # ------------------------------------------------------------------------------------------- 26 to 31
    # ------------------------------------------------------------------------------------------- from 32 on
    32: Change("tries, scale = 1000, 0.05", "tries, scale = 1000, 0.005",
               lambda text: near_the_best(text)[0] > 350 and near_the_best(text)[2] > 0.7),
    33: Change("places = 6", "places = 1",
               lambda text: min(one("dense  ", text)[-1], one("convolution  ", text)[-1]) > 95),
    34: Change("start=done", "start=0", lambda text: "WITH THE WHOLE STATE, from step 30, it ends with other" in text),
    35: Change("decay_rate = 0.9", "decay_rate = 0.99",
               lambda text: (0.2 < one("after 10: mean", text)[0] < 0.35
                             and one("with what it remembers", text)[0] < 60)),
    36: Change('"slept", "because"', '"saw", "the", "dog", "because"',
               lambda text: looks_at_both(rows_of("it", text)[0])),
    37: Change('return (line["w"] * x + line["b"] - y) ** 2', 'return abs(line["w"] * x + line["b"] - y)',
               lambda text: one("is the longest", text)[1] < 1.5 and abs(one("  w: [", text)[-1] - 3) < 0.1),
    38: Change("size = 64", "size = 50",
               lambda text: "so many calls: 30 and for these Python ran: 50 x 2\n" in text),
    39: Change("dtype = np.float64", "dtype = np.float32",
               lambda text: one("jax.grad and by fn.grad", text)[0] < 7.5 and one("a step at a time", text)[-1] < 6.5),
}

each_change = pytest.mark.parametrize("number", CHANGES, ids=[PATHS[number].stem for number in CHANGES])


@pytest.fixture(autouse=True)
def jax_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """A lesson that needs JAX is left out where it is missing, and what it sets of JAX is set back."""
    if getattr(request.node, "callspec", None) and "import jax" in PATHS[request.getfixturevalue("number")].read_text():
        config = pytest.importorskip("jax").config
        before = config.jax_enable_x64
        yield
        config.update("jax_enable_x64", before)
    else:
        yield


def run_changed(number: int) -> str:
    """What the lesson prints with its change made; in this process, because importing takes longer than most of them."""
    source, change = PATHS[number].read_text(), CHANGES[number]
    assert source.count(change.old) >= 1, f"lesson {number} has no {change.old!r}"
    screen = io.StringIO()
    arguments, sys.argv = sys.argv, [str(PATHS[number])]
    sys.path.insert(0, str(PATHS[number].parent))
    try:
        with contextlib.redirect_stdout(screen):
            exec(compile(source.replace(change.old, change.new), PATHS[number], "exec"), {"__name__": "__main__"})
    finally:
        sys.argv = arguments
        sys.path.pop(0)
    return screen.getvalue()


@each_change
def test_the_answer_holds(number: int) -> None:
    assert CHANGES[number].answer(run_changed(number))


@each_change
def test_the_answer_is_no_news_without_the_change(number: int) -> None:
    assert not CHANGES[number].answer(printed(number))


def test_each_lesson_asks_for_a_change_and_has_an_answer() -> None:
    assert set(CHANGES) == set(PATHS)
    answers = re.findall(r"^## (\d\d) ", (LESSONS[0].parent / "answers.md").read_text(), re.MULTILINE)
    assert [int(number) for number in answers] == sorted(PATHS)
    for path in PATHS.values():
        paragraphs = path.read_text().rstrip().split("\n\n")
        assert paragraphs[-1].lstrip().startswith("# CHANGE THIS, and say first what will happen: "), path.name
