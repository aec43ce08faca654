"""What the checks of arguments let pass, what they refuse, and in which words."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import _arguments as arguments
from funcnn import checkpoint, losses, metrics, random, regularizers, training
from funcnn._arguments import Interval, as_array, at, described, plain_array, real_number, whole_number
from funcnn.typing import Array, Scalar


def array_of(kind: str, x: Any) -> Any:
    """The array as one whose operators mean something else, or whose mask would be forgotten."""
    if kind == "matrix":
        with pytest.warns(PendingDeprecationWarning):
            return np.matrix(x)
    return np.ma.masked_array(x, mask=x == x.flat[0]) if kind == "masked" else x.view(np.recarray)


# ------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize("value", [3, np.int8(3), np.uint64(3), np.array(3), np.array(3, np.uint8)])
def test_every_kind_of_integer_is_an_int(value: Any) -> None:
    found = whole_number("f", "n", value, least=3, most=3)
    assert type(found) is int and found == 3


@pytest.mark.parametrize("value", [True, np.True_, 3.0, np.float64(3), "3", None, np.array([3]), np.array(3.0),
                                   np.array(True), Fraction(3), [3]])
def test_nothing_else_is(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^f: n must be an int, got "):
        whole_number("f", "n", value)


def test_an_int_may_be_as_large_as_it_likes() -> None:
    assert whole_number("f", "n", 10**400) == 10**400
    with pytest.raises(ValueError, match=r"^f: n must be at least 0, got -10{400}$"):
        whole_number("f", "n", -10**400, least=0)


@pytest.mark.parametrize("value", [0.5, np.float32(0.5), np.float64(0.5), np.array(0.5, np.float16), Fraction(1, 2)])
def test_every_kind_of_number_becomes_a_python_float(value: Any) -> None:
    found = real_number("f", "x", value, "(0, 1)")
    assert type(found) is float and found == 0.5


@pytest.mark.parametrize("value", [True, np.True_, "1", None, 1j, np.ones(1), [1.0], np.array("1"), Decimal(1)])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^f: x must be a number, got "):
        real_number("f", "x", value)


@pytest.mark.parametrize(("within", "inside", "outside"), [
    ("(-inf, inf)", [-1e308, 0, 1e308], [math.inf, -math.inf, 10**400, -10**400]),
    ("[0, inf)", [0, 1e308], [-5e-324, math.inf]), ("(0, inf)", [5e-324, 1e308], [0, -0.0, math.inf]),
    ("[0, 1)", [0, 0.5], [1, -5e-324]), ("(0, 1)", [5e-324, 0.5], [0, 1]), ("[0, 1]", [0, 1], [-5e-324, 1.001]),
])
def test_a_number_lies_in_its_interval(within: Interval, inside: list[float], outside: list[float]) -> None:
    assert [real_number("f", "x", value, within) for value in inside] == inside
    for value in [*outside, math.nan, np.float32("nan")]:
        with pytest.raises(ValueError, match=r"^f: x must be a (finite )?number"):
            real_number("f", "x", value, within)


def test_traced_numbers_pass_as_they_are() -> None:
    assert fn.grad(lambda x: 2 * real_number("f", "x", x, "(0, 1)"))(5.0) == 2.0
    jnp = pytest.importorskip("jax.numpy")
    half = jnp.float32(0.5)
    assert real_number("f", "x", half) is half


# ------------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(("value", "text"), [
    (None, "None"), (True, "True (bool)"), ("a", "'a' (str)"), (np.float32(2.5), "np.float32(2.5)"),
    (int, "the type int"),
    (np.ndarray, "the type ndarray"), ([1], "a list"), (object(), "an object"), (np.sum, "the function sum"),
    (np.array(3), "an array of shape () and dtype int64"),
])
def test_what_came_is_said_in_a_few_words(value: Any, text: str) -> None:
    assert described(value) == text
    assert len(described("x" * 1000)) < 100


def test_a_place_is_said_behind_what_is_said_of_it() -> None:
    assert (at((0, "dense_0", "w")), at(())) == (" at '0/dense_0/w'", "")


# ------------------------------------------------------------------------------------------------- arrays


KINDS = ["masked", "matrix", "recarray"]
KEY = random.key(0)
ROWS = np.array([[0.25, 0.75], [0.5, 0.5]])
LOGITS = 2 * ROWS
CLASSES = np.array([0, 1])

def mean(w: Scalar, x: Array) -> Scalar:
    return np.mean(w * x)


DOORS: dict[str, Callable[[Any], object]] = {  # those of class numbers have "classes" in their names
    "predictions": lambda x: losses.squared_error(x, ROWS),
    "targets": lambda x: losses.huber(ROWS, x),
    "logits": lambda x: losses.softmax_cross_entropy(x + x, CLASSES),
    "rows of labels": lambda x: losses.softmax_cross_entropy(LOGITS, x),
    "classes as labels": lambda x: losses.softmax_cross_entropy(LOGITS, x),
    "rows to smooth": lambda x: losses.smooth_labels(x, 0.5),
    "embeddings": lambda x: losses.contrastive(ROWS, x, CLASSES),
    "classes to judge by": lambda x: metrics.accuracy(ROWS, x),
    "predictions to judge": lambda x: metrics.binary_accuracy(x, ROWS > 0.4),
    "targets to judge by": lambda x: metrics.r2(ROWS, x),
    "classes to count": lambda x: metrics.confusion_matrix(x, CLASSES, 2),
    "counts": lambda x: metrics.f1(x),
    "means over batches": lambda x: metrics.mean_over_batches(x, [1, 1]),
    "weights": lambda x: regularizers.l2({"w": x}, 0.1),
    "data": lambda x: training.batches(KEY, (x, CLASSES), 1),
    "data to split": lambda x: training.split(KEY, x, 0.5),
    "data to evaluate on": lambda x: training.evaluate(lambda w, x: np.mean(x), 0.0, x),
    "data to predict from": lambda x: training.predict(lambda w, x: x, 0.0, x),
    "blocks": lambda x: fn.parallel.data_parallel(fn.value_and_grad(mean), 2)(1.0, x),
    "a checkpoint": lambda x: checkpoint.save("never written", {"w": x}),
    "probabilities to draw by": lambda x: random.bernoulli(KEY, x),
    "logits to draw by": lambda x: random.categorical(KEY, x),
    "things to choose from": lambda x: random.choice(KEY, x),
    "things to shuffle": lambda x: random.permutation(KEY, x),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("door", DOORS)
def test_no_array_with_other_operators_comes_in(door: str, kind: str) -> None:
    fix = r"mask would be lost: leave such rows out, or \w+\.filled\(0\)" if kind == "masked" else r"np\.asarray\("
    with pytest.raises((TypeError, checkpoint.CheckpointError), match=rf"got a \w+ of shape .*{fix}|stands a .*{fix}"):
        DOORS[door](array_of(kind, CLASSES if "classes" in door else ROWS))


@pytest.mark.parametrize("door", DOORS)
def test_a_plain_array_comes_in(door: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    DOORS[door](CLASSES if "classes" in door else ROWS)


def test_a_file_in_memory_is_a_plain_array(tmp_path: Any) -> None:
    x = np.memmap(tmp_path / "x", np.float64, "w+", shape=(2,))
    plain_array("f", "x", x)
    assert as_array("f", "x", x) is not None


@pytest.mark.parametrize(("methods", "fix"), [
    (("detach", "numpy"), "x.detach().cpu().numpy()"), (("to_numpy",), "x.to_numpy()"), (("toarray",), "x.toarray()"),
    ((), "np.asarray(x)"),
])
def test_what_is_no_array_is_told_the_way(methods: tuple[str, ...], fix: str) -> None:
    table = type("Table", (), dict.fromkeys(methods, lambda self: None) | {"shape": (2, 1)})()
    with pytest.raises(TypeError) as error:
        losses.squared_error(table, ROWS)
    assert str(error.value) == ("squared_error: predictions must be an array, got a Table of shape (2, 1): "
                                + fix.replace("x", "predictions"))


def test_the_name_of_an_argument_is_put_into_the_fix_where_it_is_one() -> None:
    assert arguments.unlike_array([], "the data at '0'") == "a list: np.asarray(x)"
