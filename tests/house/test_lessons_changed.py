"""The lessons, changed: each ends with a change to be made and a guess to be made first, and the answer holds.

A lesson's last lines are a comment that begins with CHANGE THIS. The change itself stands here as text to be replaced,
beside what must be seen then; `examples/lessons/answers.md` says why, for those who have guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from test_lessons import LESSONS, PATHS, lines_with, numbers, run_here
from test_lessons import printed as unchanged

pytestmark = pytest.mark.slow


class Change(NamedTuple):
    """What is replaced in a lesson, and whether the answer shows in what it prints then."""

    old: str
    new: str
    answer: Callable[[str], bool]


def below(title: str, printed: str, lines: int) -> list[float]:
    """The numbers of so many lines below a title."""
    (_, rest) = printed.split(f"{title}\n")
    return numbers("\n".join(rest.splitlines()[:lines]))


def grown(number: int, text: str, printed: str) -> float:
    """How many times as large the last number of a line has become."""
    return one(text, printed)[-1] / before(number, text)[-1]


def is_close(found: list[float], expected: list[float], atol: float = 1e-6) -> bool:
    return bool(found) and np.allclose(found, expected, rtol=0, atol=atol)


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


def near_the_best(printed: str) -> list[float]:
    """Of lesson 32: how many tries near the best brought something, of how many, and the loss in the end."""
    return numbers([line for line in printed.splitlines() if "brought something" in line][1])


def rows_of(word: str, printed: str) -> list[list[float]]:
    """Of lesson 36: the rows of a word, where it looks and what it has learnt."""
    return [numbers(line.replace("%", "")) for line in printed.splitlines() if line.startswith(f"{word:>8}:")]


def looks_at_both(row: list[float]) -> bool:
    """Whether the second and the fifth word get the same, and nearly all."""
    return len(row) == 9 and row[1] == row[4] and 45 < row[1] < 50


def agreeing(printed: str) -> list[float]:
    """Of lesson 39, which is left out without JAX: to how many digits the numbers agree."""
    pytest.importorskip("jax")
    return [numbers(line)[-1] for line in printed.splitlines() if line.endswith(" digits")]


CHANGES: dict[int, Change] = {
    # ------------------------------------------------------------------------------------------- 01 to 25
    1: Change("inputs = [1.2, 2.3, 3.1]", "inputs = [1.2, 0.0, 3.1]", lambda printed: (
        is_close(one("written out:", printed), [33.69]) and one("each weight:", printed) == [1.2, 0, 3.1])),
    2: Change("inputs = [1.2, 2.3, 3.1, 4.2]", "inputs = [1.2, 2.3, 3.1, 0.0]", lambda printed: (
        one("difference:", printed) == [0, 0, 0])),
    3: Change("np.array([[0.0], [1.0], [2.0], [3.0]])", "np.array([[1.5], [1.5], [1.5], [1.5]])", lambda printed: (
        one("the mean of (predictions - targets) ** 2 is", printed) == one("it is", printed) == [1.25])),
    4: Change("square = rows[:, :3]", "square = rows[:, :3] + rows[:, :3].T", lambda printed: (
        is_close(one("a square matrix:", printed)[:3], one("a square matrix:", printed)[3:]))),
    5: Change("[1, 2, 3, 2.5]", "[100, 200, 300, 250]", lambda printed: (
        is_close(below("As a dense layer:", printed, 3)[3:], [8.9, -1.81, 0.2, 1.41, 1.051, 0.026])
        and min(map(abs, below("As a dense layer:", printed, 1))) > 50)),
    6: Change("b1 = np.array([2, 3, 0.5])", "b1 = np.array([200.0, 300.0, 50.0])", lambda printed: (
        is_close(below("And dense(4, 3) >> relu >> dense(3, 3) something else:", printed, 3),
                 below("As the network dense(4, 3) >> dense(3, 3):", printed, 3)))),
    7: Change("0.10 * generator.randn(inputs, outputs)", "np.full((inputs, outputs), 0.10)", lambda printed: (
        is_close(numbers(printed.splitlines()[0]), [0.85] * 5))),
    8: Change("np.linspace(-1, 1, 41)", "np.linspace(-1, 1, 401)", lambda printed: (
        one("straight lines", printed)[0] == 144360 and one("straight lines", printed)[1] <= 66)),
    9: Change("np.asarray(x) > 0", "np.asarray(x) >= 0", lambda printed: (
        printed.count("equal to grad: False") == 1 and "1. 1. 1.] equal to grad: False" in printed)),
    10: Change("z = np.array([1.0, 2.0, 3.0])", "z = np.array([1001.0, 1002.0, 1003.0])", lambda printed: (
        "1001. 1002. 1003." in printed
        and is_close(one("the softmax of ", printed)[3:], before(10, "the softmax of ")[3:])
        and is_close(below("its derivative:", printed, 3), below("its derivative:", unchanged(10), 3)))),
    11: Change("np.array([0.5, -1.5, 2.0])", "np.array([0.5, -1.5, 20.0])", lambda printed: (
        grown(11, "squared_error", printed) > 60 and 5 < grown(11, "absolute_error", printed) < 6
        and 7 < grown(11, "huber", printed) < 8)),
    12: Change("np.array(0.5)", "np.array(-5.0)", lambda printed: (
        one("by the weights", printed) == [0, 0, 0] and one("by the bias", printed) == [0])),
    13: Change("scale=0.01", "scale=0.0", lambda printed: not any(
        below("derivative by dense_0/b:", printed, 1) + below("derivative by dense_0/w:", printed, 2)
        + below("derivative by dense_1/w:", printed, 3))),
    14: Change("rate = 0.1", "rate = 0.5", lambda printed: (
        is_close(one("f(0) and f(1), which should be 2 and 5:", printed), [3.4184, 3.4184], 1e-3))),
    15: Change("schedules.inverse_time_decay(0.5, 1.0)", "schedules.inverse_time_decay(0.5, 100.0)", lambda printed: (
        one("the last 100:", printed.partition("1 / (2")[2])[-1] < 0.001
        and one("w after 1000 steps", printed.partition("1 / (2")[2])[1] < one("mean of all is", printed)[0] - 0.1)),
    16: Change("0.015", "0.021", lambda printed: (
        one("plain descent", printed)[0] > 1e6 and one("momentum  ", printed)[0] < 0.01)),
    17: Change("return np.mean(losses.", "return 0.001 * np.mean(losses.", lambda printed: (
        max(one("plain descent", printed)) < 0.3 and is_close(one("adagrad        ", printed)[:2], [2, 3], 0.02))),
    18: Change("rmsprop(0.01)", "rmsprop(0.01, decay=0.999)", lambda printed: (
        is_close(one("rmsprop: step 1", printed)[:1], [0.316228]))),
    19: Change("eps=1e-7", "eps=1.0", lambda printed: (
        is_close(one("gradients of .001, 1, 1000:", printed), [-1e-5, -5e-3, -9.99e-3])
        and one("Adam 0.02, decay 1e-5", printed)[-1] > 1.0985)),
    20: Change("examples(train_key, 24)", "examples(train_key, 2400)", lambda printed: (
        one("no penalty", printed)[1] < min(one("l2 0.2", printed)[1], one("l1 0.5", printed)[1]))),
    21: Change("key, own = random.split(key)", "own = key", lambda printed: (
        one("300 steps:", printed)[1] < 0.3 < 1 < one("300 steps:", printed)[2])),
    22: Change("schedules.inverse_time_decay(0.001, 5e-7)", "schedules.inverse_time_decay(0.01, 5e-7)", lambda printed:
        one("epoch: 1000,", printed)[1] < 0.29656476638819196),  # which the book's rate comes to after 10000
    23: Change("samples=1000", "samples=1000, noise=0.1", lambda printed: (
        0.008 < one("epoch: 400,", printed)[1] < 0.012 and one("best epoch,", printed)[1] < 0.06)),
    24: Change("train: Batch = x, y", "train: Batch = x, random.permutation(order_key, y)", lambda printed: (
        one(" 390  ", printed)[0] < 0.6 and one(" 390  ", printed)[1] > 1.5)),
    25: Change("return np.exp(-x * x)", "return x * x", lambda printed: (
        printed.split("\n\n")[1].splitlines()[12][24:26] == "##")),
    # ------------------------------------------------------------------------------------------- 26 to 31
    26: Change("return np.mean(", "return 2 * np.mean(",
               lambda text: [line.split()[0] for line in by_hand(text) if line.endswith(" False")]
               == ["dz2", "da1", "dz1", "dense_0/w", "dense_0/b", "dense_1/w", "dense_1/b"]),
    27: Change('bends["relu"]', 'bends["leaky relu"]', lambda text: all(
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
    32: Change("tries, scale = 1000, 0.05", "tries, scale = 1000, 0.005",
               lambda printed: near_the_best(printed)[0] > 350 and near_the_best(printed)[2] > 0.7),
    33: Change("places = 6", "places = 1",
               lambda printed: min(one("dense  ", printed)[-1], one("convolution  ", printed)[-1]) > 95),
    34: Change("start=done", "start=0",
               lambda printed: "WITH THE WHOLE STATE, from step 30, it ends with other" in printed),
    35: Change("decay_rate = 0.9", "decay_rate = 0.99",
               lambda printed: (0.2 < one("after 10: mean", printed)[0] < 0.35
                             and one("with what it remembers", printed)[0] < 60)),
    36: Change('"cat", "slept"', '"cat", "saw", "the", "dog"',
               lambda printed: looks_at_both(rows_of("it", printed)[0])),
    37: Change('(line["w"] * x + line["b"] - y) ** 2', 'abs(line["w"] * x + line["b"] - y)',
               lambda printed: one("is the longest", printed)[1] < 1.5 and abs(one("  w: [", printed)[-1] - 3) < 0.1),
    38: Change("size = 64", "size = 50",
               lambda printed: "so many calls: 30 and for these Python ran: 50 x 2\n" in printed),
    39: Change("dtype = np.float64", "dtype = np.float32",
               lambda printed: agreeing(printed)[-1] < 7.5 and max(agreeing(printed)[:2]) < 6.5),
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
def test_the_lesson_asks_for_just_this_change(number: int) -> None:
    question = PATHS[number].read_text().partition("# CHANGE THIS")[2].replace("\n# ", " ")
    old, new, _ = CHANGES[number]
    assert (new or old).strip() in question  # where something is to be left out, that is named


@each_change
def test_the_answer_is_no_news_without_the_change(number: int) -> None:
    assert not CHANGES[number].answer(unchanged(number))


def test_each_lesson_asks_for_a_change_and_has_an_answer() -> None:
    assert set(CHANGES) == set(PATHS)
    answers = re.findall(r"^## (\d\d) ", (LESSONS[0].parent / "answers.md").read_text(), re.MULTILINE)
    assert [int(number) for number in answers] == sorted(PATHS)
    for path in PATHS.values():
        paragraphs = path.read_text().rstrip().split("\n\n")
        assert paragraphs[-1].lstrip().startswith("# CHANGE THIS, and say first what will happen: "), path.name
