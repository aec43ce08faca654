"""The lessons, changed: each ends with a change to be made and a guess to be made first, and the answer holds.

A lesson's last lines are a comment that begins with CHANGE THIS. The change itself stands here as text to be replaced,
beside what must be seen then; `examples/lessons/answers.md` says why, for those who have guessed.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Callable
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


def by_hand(printed: str) -> list[str]:
    """The lines of lesson 26 that say whether the numbers of the trace are those worked out by hand."""
    return printed.partition("BY HAND")[2].split("\n\n")[0].splitlines()


def five_networks(printed: str) -> list[list[float]]:
    """The rows of lesson 27: network, dead, dead later and loss after a long first step, and so after a short one."""
    return [numbers(line) for line in printed.split("\n\n")[0].splitlines()[1:6]]


CHANGES: dict[int, Change] = {
    # ------------------------------------------------------------------------------------------- 01 to 25
    # ------------------------------------------------------------------------------------------- 26 to 31
    26: Change("    return np.mean(", "    return 2 * np.mean(",
               lambda text: [line.split()[0] for line in by_hand(text) if line.endswith(" False")]
               == ["dz2", "da1", "dz1", "dense_0/w", "dense_0/b", "dense_1/w", "dense_1/b"]),
    27: Change('["relu"]', '["leaky relu"]', lambda text: all(
        dead == later == 0 and long > 1.3 * short for _, dead, later, long, _, _, short in five_networks(text))),
    28: Change("1e-3", "1e-1", lambda text: abs(one("L2  ", text)[2] - 1.0986) < 0.005
               and one("L2  ", text)[-1] < 0.35),
    29: Change("momentum=0.9", "momentum=0.5", lambda text: abs(
        one("momentum 0.9, rate 0.005  ", text)[3] - one("gradient descent, rate 0.01  ", text)[3]) < 0.01),
    30: Change("net = dense(2, 64) >> relu >> dense(64, 3)", "net = dense(2, 64) >> dense(64, 3)",
               lambda text: one("1000 ", text)[1] < 0.6),
    31: Change(", momentum=0.9", "", lambda text: "state_" not in text
               and text.partition("THE OPTIMIZER")[2].partition("THE UPDATE")[0].count("np.concatenate") == 1),
    # ------------------------------------------------------------------------------------------- from 32 on
}

each_change = pytest.mark.parametrize("number", CHANGES, ids=[PATHS[number].stem for number in CHANGES])


def without_matplotlib() -> None:
    """What happens where a picture is to be drawn and matplotlib is missing."""
    raise ModuleNotFoundError("no picture is drawn here")


def run_changed(number: int) -> str:
    """What the lesson prints with its change made; in this process, for importing takes longer than most of them."""
    source, change = PATHS[number].read_text(), CHANGES[number]
    assert source.count(change.old) >= 1, f"lesson {number} has no {change.old!r}"
    screen = io.StringIO()
    arguments, sys.argv = sys.argv, [str(PATHS[number])]
    sys.path.insert(0, str(PATHS[number].parent))
    try:
        with contextlib.redirect_stdout(screen), pytest.MonkeyPatch.context() as patch:
            patch.setattr("funcnn.plotting.page.figure_class", without_matplotlib)  # drawing takes longer than learning
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
