"""The lessons, changed: each ends with a change to be made and a guess to be made first, and the answer holds.

A lesson's last lines are a comment that begins with CHANGE THIS. The change itself stands here as text to be replaced,
beside what must be seen then; `examples/lessons/answers.md` says why, for those who have guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from test_lessons import LESSONS, PATHS, lines_with, numbers, printed, run_here

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


CHANGES: dict[int, Change] = {
    # ------------------------------------------------------------------------------------------- 01 to 25
    # ------------------------------------------------------------------------------------------- 26 to 31
    # ------------------------------------------------------------------------------------------- from 32 on
}

each_change = pytest.mark.parametrize("number", CHANGES, ids=[PATHS[number].stem for number in CHANGES])


def run_changed(number: int) -> str:
    """What the lesson prints with its change made, before which it ends: the text that asks for it stays as it is."""
    program, mark, question = PATHS[number].read_text().partition("# CHANGE THIS")
    old, new, _ = CHANGES[number]
    assert old in program, f"lesson {number} has no {old!r}"
    return run_here(number, source=program.replace(old, new) + mark + question)


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
