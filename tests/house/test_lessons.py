"""The lessons: each runs as a program, and prints the numbers of the notebooks and the book that it follows.

What they must print stands here as it stands there, not as a lesson printed it. NumPy's way to write matrices is part
of it; where the last digit could depend on the processor, numbers are compared instead of text.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

LESSONS = sorted((Path(__file__).parents[2] / "examples" / "lessons").glob("[0-9]*"))
PATHS = {int(path.name[:2]): path for path in LESSONS}

each_lesson = pytest.mark.parametrize("number", PATHS, ids=[path.stem for path in PATHS.values()])


def run(number: int, *arguments: str) -> str:
    """What a lesson prints in a process of its own, started from another folder, where warnings are errors."""
    command = [sys.executable, "-W", "error", str(PATHS[number]), *arguments]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(PATHS[number].parents[2])}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=Path.home())
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@contextlib.contextmanager
def on_its_own() -> Iterator[None]:
    """A lesson may end early, once it has said what is missing; and what it sets of JAX, it sets for itself alone."""
    before = sys.modules["jax"].config.jax_enable_x64 if sys.modules.get("jax") else False
    with contextlib.suppress(SystemExit):
        yield
    if sys.modules.get("jax"):
        sys.modules["jax"].config.update("jax_enable_x64", before)


def run_here(number: int, *arguments: str, source: str | None = None, draws: bool = False) -> str:
    """What a lesson prints in this process, which has imported everything; unless it draws, matplotlib is missing."""
    path, screen = PATHS[number], io.StringIO()
    code = compile(source or path.read_text(), path, "exec")
    with pytest.MonkeyPatch.context() as patch, np.printoptions(), contextlib.redirect_stdout(screen), on_its_own():
        patch.setattr(sys, "argv", [str(path), *arguments])
        patch.syspath_prepend(path.parent)
        if not draws:
            hide_matplotlib(patch)
        exec(code, {"__name__": "__main__"})
    return screen.getvalue()


def hide_matplotlib(patch: pytest.MonkeyPatch) -> None:
    """Let matplotlib be missing, also to who has found it before and remembers."""
    for module in ("matplotlib", "matplotlib.figure"):
        patch.setitem(sys.modules, module, None)
    if page := sys.modules.get("funcnn.plotting.page"):
        page.figure_class.cache_clear()


@functools.cache
def printed(number: int) -> str:
    """What a lesson prints; it runs once for all tests."""
    return run_here(number)


def numbers(text: str) -> list[float]:
    """All numbers in a text."""
    return [float(match) for match in re.findall(r"(?<![\w.])-?\d+\.?\d*(?:e[+-]\d+)?", text)]


def section(number: int, title: str) -> list[str]:
    """The lines that a lesson prints under a title, up to an empty one."""
    _, _, rest = printed(number).partition(f"{title}\n")
    return rest.split("\n\n")[0].splitlines()


def lines_with(number: int, text: str) -> list[str]:
    """The lines of a lesson that hold a text."""
    return [line for line in printed(number).splitlines() if text in line]


# ------------------------------------------------------------------------------------------------- every lesson


def test_the_numbers_have_no_gap() -> None:
    assert [path.name[:3] for path in LESSONS] == [f"{i:02}_" for i in range(1, len(PATHS) + 1)]


@each_lesson
def test_opens_with_one_paragraph_and_is_short(number: int) -> None:
    text = PATHS[number].read_text()
    docstring = ast.get_docstring(ast.parse(text)) or ""
    assert docstring.startswith(f"Lesson {number}: ")
    assert 2 <= len(docstring.split("\n\n")) <= 3  # what it is, what to see, and at most how to run it longer
    assert len(text.splitlines()) < 100


@each_lesson
def test_has_no_classes_and_no_global_state(number: int) -> None:
    nodes = list(ast.walk(ast.parse(PATHS[number].read_text())))
    assert not [node for node in nodes if isinstance(node, ast.ClassDef | ast.Global | ast.Nonlocal)]


@each_lesson
def test_runs_without_a_warning_and_its_claims_hold(number: int) -> None:
    assert printed(number)
    assert "False" not in printed(number)


def test_runs_as_one_types_it() -> None:
    assert run(15).splitlines()[:12] == printed(15).splitlines()[:12]  # and finds what it shares with its neighbours


# ------------------------------------------------------------------------------------------------ what they draw


PICTURES = {8: "straight_lines", 9: "activations", 10: "softmax", 11: "losses", 12: "gradients", 13: "backpropagation",
            14: "gradient_descent", 15: "learning_rate_decay", 16: "momentum", 17: "adagrad", 18: "rmsprop", 19: "adam",
            20: "regularization", 21: "dropout", 22: "binary_classification", 23: "regression", 24: "validation",
            25: "your_own_network"}

each_picture = pytest.mark.parametrize("number", PICTURES, ids=PICTURES.values())


@each_picture
def test_runs_to_its_end_without_matplotlib_and_says_what_to_install(number: int) -> None:
    assert "pip install 'funcnn[plot]'" in printed(number).splitlines()[-1]


@each_picture
def test_all_that_draws_stands_where_a_missing_matplotlib_is_caught(number: int) -> None:
    body = ast.parse(PATHS[number].read_text()).body
    (attempt,) = (node for node in body if isinstance(node, ast.Try) and "plotting." in ast.unparse(node))
    assert ast.unparse(attempt.handlers[0].type or ast.Constant(None)) == "ModuleNotFoundError"
    assert "plotting." not in "\n".join(ast.unparse(node) for node in body if node is not attempt)
    assert f"{PICTURES[number]}.png" in ast.unparse(attempt)


def test_no_two_draw_into_the_same_file() -> None:
    named = [set(re.findall(r"older / ['\"]([\w.]+)['\"]", path.read_text())) for path in PATHS.values()]
    written = [name for names in named for name in names]
    assert len(set(written)) == len(written) > 20


# ---------------------------------------------------------------------------------- text: what the notebooks print


G5 = """[[ 4.8    1.21   2.385]
 [ 8.9   -1.81   0.2  ]
 [ 1.41   1.051  0.026]]
"""
G6 = """[[ 0.5031  -1.04185 -2.03875]
 [ 0.2434  -2.7332  -5.7633 ]
 [-0.99314  1.41254 -0.35655]]
"""
G7 = """[[ 0.10758131  1.03983522  0.24462411  0.31821498  0.18851053]
 [-0.08349796  0.70846411  0.00293357  0.44701525  0.36360538]
 [-0.50763245  0.55688422  0.07987797 -0.34889573  0.04553042]]
[[ 0.148296   -0.08397602]
 [ 0.14100315 -0.01340469]
 [ 0.20124979 -0.07290616]]
[[-0.00087785]
 [ 0.00167789]
 [ 0.00036128]]
"""
G8 = """[[ 0.          0.          0.        ]
 [-0.00104752  0.00113954 -0.00047984]
 [-0.00274148  0.00317292 -0.00086922]
 [-0.00421884  0.00526663 -0.00055913]
 [-0.00577077  0.00714014 -0.0008943 ]]
"""
G10 = """[[0.33333334 0.33333334 0.33333334]
 [0.33333334 0.33333334 0.33333334]
 [0.33333334 0.33333334 0.33333334]
 [0.33333334 0.33333334 0.33333334]
 [0.33333334 0.33333334 0.33333334]]
"""
SHAPES = """a list:        (3,)
a matrix:      (2, 3)
an array:      (2, 3)
"""


@pytest.mark.parametrize(("number", "text", "times"), [
    (1, "38.519999999999996\n", 2),
    (2, "[3.0, 2.4370000000000003, 0.17199999999999993]\n", 1),
    (2, "[1.74, 3.277, -1.046]\n", 1),
    (3, SHAPES, 1),
    (3, "is 2.5\n", 1),
    (4, " 4.8\n", 2),
    (5, G5, 2),
    (6, G6, 2),
    (7, G7, 1),
    (8, G8, 1),
    (10, G10, 1),
    (15, "0.04975126853296942", 2),
])
def test_prints_the_lines_of_the_notebook(number: int, text: str, times: int) -> None:
    assert printed(number).count(text) == times


GRADIENT_DESCENT = {
    "As the notebook has it": "12.4316 11.9718 11.5301 11.1056 10.6976 10.3056 9.9289 9.5667 9.2186 8.8840",
    "Only the mean mended": "12.4316 0.6330 0.4482 0.2932 0.1521 0.0604 0.0191 0.0063 0.0024 0.0012",
    "Only the rate mended": "12.4316 8.5595 5.9463 4.1629 2.9279 2.0647 1.4685 1.0745 0.8324 0.6950",
    "Both mended": "12.4316 0.0029 0.0005 0.0002 0.0001 0.0000 0.0000 0.0000 0.0000 0.0000",
}


@pytest.mark.parametrize(("title", "values"), GRADIENT_DESCENT.items(), ids=GRADIENT_DESCENT)
def test_gradient_descent_prints_its_ten_lines(title: str, values: str) -> None:
    expected = [f"Epoch {100 * i}, Loss: {value}" for i, value in enumerate(values.split())]
    assert section(14, title) == expected


# ----------------------------------------------------------------------------- numbers: from the book and from PyTorch


def test_layer_shows_the_missing_product() -> None:
    difference, products = (numbers(line) for text in ("difference", "fourth products")
                            for line in lines_with(2, text))
    assert difference == products == [-1.26, 0.84, -1.218]


NUMBERS: dict[str, tuple[int, str, list[float]]] = {
    "relu'": (9, "relu slope", [0, 0, 0, 1, 1]),
    "sigmoid'": (9, "sigmoid slope", [.1049935854, .2350037122, .25, .2350037122, .1049935854]),
    "tanh'": (9, "tanh slope", [.0706508249, .786447733, 1, .786447733, .0706508249]),
    "the wrong dsigmoid": (9, "notebook's, given x", [-2]),
    "mse": (11, "squared_error", [.25, 2.25, 4, 2.1666666666666665]),
    "mae": (11, "absolute_error", [.5, 1.5, 2, 1.3333333333333333]),
    "huber": (11, "huber", [.125, 1, 1.5, .875]),
    "cross-entropy": (11, "softmax_cross_entropy  ", [.4076059644, 2.4076059644, 1.4076059644]),
    "one-hot": (11, "one-hot", [.4076059644, 2.4076059644, 1.4076059644]),
    "certain": (11, "from logits", [2000, 2000]),
    "binary": (11, "sigmoid_binary", [0, .6931471806, 0, 2.126928011, .7050187979]),
    "kl": (11, "kl_divergence", [.1860980938, .1968269565, .1914625252]),
    "triplet": (11, "triplet", [.5, .2, .35]),
    "contrastive same": (11, "the same", [.125, .02, .0725]),
    "contrastive different": (11, "contrastive, different", [.125, .125, .125]),
    "momentum of the book": (16, "  book           [", [.99497, 1.0332]),
    "momentum of torch": (16, "  torch          [", [.99497, 1.0332]),
    "sgd": (19, "SGD 1.0  ", [1.0, 1.098594261, 1.098574453, 1.09845245, 1.086920626]),
    "sgd, decay 0.01": (15, "decay 0.01 ", [1, .01, 1.098594261, 1.098574453, 1.0984586, 1.094583522]),
    "sgd, decay 0.001": (15, "decay 0.001 ", [1, .001, 1.098594261, 1.098574453, 1.09845304, 1.088205045]),
    "spiral, momentum": (16, "book   rate 1, decay 0.001",
                         [1, .001, 1.098594261, 1.098574453, 1.097996511, 1.053493334]),
    "spiral, momentum again": (19, "momentum 0.9", [.9, 1.098594261, 1.098574453, 1.097996511, 1.053493334]),
    "spiral, rmsprop": (19, "RMSProp", [.001, 1e-4, 1.098594261, 1.098441886, 1.096706057, 1.077455965]),
    "spiral, rmsprop at 100": (18, "step 100: loss", [100, 1.077455965]),
    "spiral, adam": (19, "Adam 0.02", [.02, 1e-5, 1.098594261, 1.097764389, 1.079005116, .7689432799]),
    "penalty": (20, "before training", [5.625688281104639e-06]),
}


@pytest.mark.parametrize(("number", "label", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_prints_the_numbers(number: int, label: str, expected: list[float]) -> None:
    (line,) = lines_with(number, label)
    np.testing.assert_allclose(numbers(line), expected, rtol=2e-8, atol=2e-9)


THREE_STEPS = {17: [.9952892677918775, 1.0046369929783083], 18: [.9853396029103828, 1.0137851375141276],
               19: [.9830931093613152, 1.0141443529276735]}


@pytest.mark.parametrize(("number", "expected"), THREE_STEPS.items(), ids=["adagrad", "rmsprop", "adam"])
def test_three_steps_of_an_optimizer_and_by_hand(number: int, expected: list[float]) -> None:
    _, _, after_three, *_ = section(number, "gradients (.3, -2), (.1, 1), (-.5, .2)")
    np.testing.assert_allclose(numbers(after_three)[:4], expected * 2, atol=6e-9)


def test_softmax_shows_that_the_rows_prove_little() -> None:
    (dead,) = lines_with(10, "all hidden neurons give 0")
    assert numbers(dead)[1:] == [122, 300, 16]
    right, wrong = (numbers(line)[1:] for line in lines_with(10, "row 299"))
    assert max(abs(np.array(right) - wrong)) > 1e-4


def test_gradients_show_the_two_traps() -> None:
    (step,) = lines_with(12, "other sign")
    before, down, again, up = numbers(step)
    assert down < before == again < up
    (unsigned,) = lines_with(12, "of unsigned y")
    assert numbers(unsigned)[0] == pytest.approx(255 * (1 + np.e + np.e**2), rel=1e-10)


CHAPTER_9 = {
    "dense_0/w": [1.5766357e-04, 7.8368583e-05, 4.7324400e-05, 1.8161038e-04, 1.1045573e-05, -3.3096312e-05],
    "dense_0/b": [-3.60553473e-04, 9.66117223e-05, -1.03671395e-04],
    "dense_1/w": [5.44109462e-05, 1.07411419e-04, -1.61822361e-04, -4.07913431e-05, -7.16780924e-05, 1.12469446e-04,
                  -5.30112993e-05, 8.58172934e-05, -3.28059905e-05],
}


@pytest.mark.parametrize(("name", "expected"), CHAPTER_9.items(), ids=CHAPTER_9)
def test_backpropagation_prints_the_gradients_of_chapter_9(name: str, expected: list[float]) -> None:
    text = printed(13).partition(f"derivative by {name}:\n")[2].partition("]\nd")[0].partition("]\nin")[0]
    np.testing.assert_allclose(numbers(text), expected, rtol=1e-5)


def test_backpropagation_has_no_push_at_0() -> None:
    lines = [line for text in ("derivative by b:", "by b, the notebook's") for line in lines_with(13, text)]
    assert [numbers(line) for line in lines] == [[0, 0, 0, 0], [.1, .1]]
    assert lines_with(13, "loss")[0] == "loss 1.0986104"


# ---------------------------------------------------------------------------------------------------- trainings


CHAPTER_16 = {0: (.500, 0.6931549732299219), 1: (.545, 0.6931199922991873), 10: (.615, 0.6927725302194017),
              100: (.630, 0.6742055810890443), 200: (.625, 0.6688458407914482), 300: (.650, 0.6644949598325485),
              400: (.650, 0.6590376028999552), 600: (.720, 0.6315052522964538), 1000: (.780, 0.558712867838158)}


def test_binary_classification_prints_the_golden_lines() -> None:
    lines = [numbers(line)[:3] for line in lines_with(22, "epoch:")]
    expected = [[epoch, accuracy, loss] for epoch, (accuracy, loss) in CHAPTER_16.items()]
    np.testing.assert_allclose(lines, expected, rtol=1e-9)


def test_binary_classification_takes_its_epochs() -> None:
    lines = run_here(22, "--epochs", "2").splitlines()
    assert [line.split(",")[0] for line in lines[:4]] == ["epoch: 0", "epoch: 1", "validation", ""]


def test_a_falling_rate_makes_the_weight_the_mean() -> None:
    (mean,), falling = (numbers(lines_with(15, text)[0]) for text in ("the mean of all", "1 / (2"))
    assert mean in falling


def test_a_penalty_helps_on_fresh_examples() -> None:
    fits = {name: numbers(lines_with(20, name)[-1].removeprefix(name)) for name in ("no penalty", "l2 0.2", "l1 0.5")}
    plain, l2, l1 = fits.values()
    assert plain[0] < l2[0] and plain[0] < l1[0]
    assert plain[1] > l2[1] > l1[1]
    assert plain[-1] > l2[-1] > l1[-1]


def test_dropout_keeps_the_mean() -> None:
    rate, share, mean = numbers(lines_with(21, "drops")[0])
    assert rate == 0.1
    assert share == pytest.approx(0.1, abs=0.005)
    assert mean == pytest.approx(1.0, abs=0.01)


def test_regression_learns_the_sine() -> None:
    losses = [numbers(line)[2] for line in lines_with(23, "epoch:")]
    assert losses[0] > 0.3
    assert min(losses) < 1e-3
    found = np.array(numbers(lines_with(23, "between the points")[0]))
    np.testing.assert_allclose(found[2:4], np.sin(2 * np.pi * found[:2]), atol=0.1)


def test_accuracy_of_a_regression_falls_where_the_loss_hardly_moves() -> None:
    band, rate = numbers(lines_with(23, "right means")[0])
    assert band == pytest.approx(np.sqrt(0.5) / 250, abs=1e-5)  # the standard deviation of a sine
    assert band < rate
    _, accuracy, loss = numbers(lines_with(23, "best epoch")[0])
    higher, accuracy_then, loss_then = numbers(lines_with(23, "its answers")[0])
    assert accuracy > 0.4 > 0.2 > accuracy_then
    assert abs(loss_then - loss) < 4 * higher**2


def test_validation_shows_overfitting() -> None:
    rows = np.array([numbers(line) for line in section(24, "step    plain: train  fresh      decay: train  fresh")[:7]])
    plain_train, plain_fresh, _, decay_fresh = rows.T[1:]
    assert plain_train[-1] < 0.2 < plain_fresh.min() < 0.8 * plain_fresh[0]
    assert plain_fresh[-1] > 1.3 * plain_fresh.min()
    assert decay_fresh[-1] < plain_fresh[-1]


def test_your_own_network_learns() -> None:
    first, last, share, count = numbers(printed(25).splitlines()[0])
    assert last < first / 2
    assert share > 85 and count == 1000
    assert printed(25).count("##") > 100
