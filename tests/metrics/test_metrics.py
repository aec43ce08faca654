"""Metrics: against scikit-learn, exact over batches, under jax.jit, and loud when misused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from funcnn import losses, metrics
from funcnn.testing import assert_pure

rng = np.random.default_rng(0)
SCORES, LABELS = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
CHOSEN = SCORES.argmax(1)
SHARES = np.exp(SCORES) / np.exp(SCORES).sum(1, keepdims=True)
TIES, BOTH = np.round(SCORES[:, 0], 1), rng.integers(0, 2, 50)
MATRIX = metrics.confusion_matrix(SCORES, LABELS, classes=4)


EACH: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "accuracy": (metrics.accuracy, (SCORES, LABELS)),
    "accuracy of rows": (metrics.accuracy, (SCORES, np.asarray(losses.one_hot(LABELS, 4)))),
    "top_k_accuracy": (lambda p, y: metrics.top_k_accuracy(p, y, k=2), (SCORES, LABELS)),
    "binary_accuracy": (lambda p, y: metrics.binary_accuracy(p, y, threshold=0.0), (SCORES, rng.random((50, 4)) > 0.5)),
    "regression_accuracy": (metrics.regression_accuracy, (SCORES, SCORES + rng.normal(size=(50, 4)) / 200)),
    "confusion_matrix": (lambda p, y: metrics.confusion_matrix(p, y, 4), (SCORES, LABELS)),
    "confusion_matrix of bools": (lambda p, y: metrics.confusion_matrix(p, y, 2), (CHOSEN > 1, LABELS > 1)),
    "precision": (metrics.precision, (MATRIX,)),
    "recall": (metrics.recall, (MATRIX,)),
    "f1": (metrics.f1, (MATRIX,)),
    "roc_auc": (metrics.roc_auc, (TIES, BOTH)),
    "average_precision": (metrics.average_precision, (TIES, BOTH > 0)),
    "log_loss": (metrics.log_loss, (SHARES, LABELS)),
    "log_loss of yes": (metrics.log_loss, (SHARES[:, 0], BOTH)),
    "brier": (metrics.brier, (SHARES, np.asarray(losses.one_hot(LABELS, 4)))),
    "brier of yes": (metrics.brier, (SHARES[:, 0], BOTH > 0)),
    "mean_absolute_percentage_error": (metrics.mean_absolute_percentage_error, (SCORES, SCORES + SHARES)),
    "r2": (metrics.r2, (SCORES, SCORES + rng.normal(size=(50, 4)))),
}
each = pytest.mark.parametrize("name", EACH)


# ------------------------------------------------------------------------------------------------- laws


@each
def test_it_is_pure(name: str) -> None:
    f, args = EACH[name]
    assert_pure(f, *args)


@each
def test_the_same_compiled_by_jax(name: str, jax: Any) -> None:
    f, args = EACH[name]  # JAX's mean of booleans is float32
    np.testing.assert_allclose(f(*args), jax.jit(f)(*map(jax.numpy.asarray, args)), rtol=1e-6)


@each
def test_the_order_of_the_batch_does_not_matter(name: str) -> None:
    f, args = EACH[name]
    order = rng.permutation(50)
    if len(args) == 2:
        np.testing.assert_allclose(f(*(x[order] for x in args)), f(*args), rtol=1e-13)


# --------------------------------------------------------------------------------------------- scikit-learn


@pytest.mark.slow
def test_numbers_of_classification_are_those_of_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    options = {"average": None, "zero_division": 0}
    assert metrics.accuracy(SCORES, LABELS) == sk.accuracy_score(LABELS, CHOSEN)
    assert np.array_equal(MATRIX, sk.confusion_matrix(LABELS, CHOSEN))
    np.testing.assert_allclose(metrics.precision(MATRIX), sk.precision_score(LABELS, CHOSEN, **options), rtol=1e-15)
    np.testing.assert_allclose(metrics.recall(MATRIX), sk.recall_score(LABELS, CHOSEN, **options), rtol=1e-15)
    np.testing.assert_allclose(metrics.f1(MATRIX), sk.f1_score(LABELS, CHOSEN, **options), rtol=1e-15)
    np.testing.assert_allclose(np.mean(metrics.f1(MATRIX)), sk.f1_score(LABELS, CHOSEN, average="macro"), rtol=1e-15)
    for k in (1, 2, 3):
        assert metrics.top_k_accuracy(SCORES, LABELS, k) == sk.top_k_accuracy_score(LABELS, SCORES, k=k)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=12))
def test_classes_that_do_not_occur_count_0_as_in_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    chosen, true = np.array(pairs).T
    matrix = metrics.confusion_matrix(chosen, true, classes=3)
    for ours, theirs in ((metrics.precision, sk.precision_score), (metrics.recall, sk.recall_score),
                         (metrics.f1, sk.f1_score)):
        expected = theirs(true, chosen, labels=[0, 1, 2], average=None, zero_division=0)
        np.testing.assert_allclose(ours(matrix), expected, rtol=1e-15)


@pytest.mark.slow
def test_numbers_of_two_classes_are_those_of_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    p, y = rng.uniform(size=40), rng.integers(0, 2, 40)
    matrix = metrics.confusion_matrix(p > 0.5, y, classes=2)
    assert metrics.binary_accuracy(p, y) == sk.accuracy_score(y, p > 0.5)
    assert metrics.precision(matrix)[1] == sk.precision_score(y, p > 0.5)
    assert metrics.recall(matrix)[1] == sk.recall_score(y, p > 0.5)
    np.testing.assert_allclose(metrics.f1(matrix)[1], sk.f1_score(y, p > 0.5), rtol=1e-15)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(20,), (20, 1), (20, 3)])
def test_r2_is_that_of_scikit_learn(shape: tuple[int, ...]) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    p, t = rng.normal(size=(2, *shape))
    np.testing.assert_allclose(metrics.r2(p, t), sk.r2_score(t, p), rtol=1e-14)


@pytest.mark.slow
def test_r2_of_constant_targets() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    t = np.array([[1.0, 2.0], [1.0, 3.0]])
    for p in (t, t + 1, t + np.array([[0.0, 1.0]])):
        assert metrics.r2(p, t) == sk.r2_score(t, p)


@pytest.mark.slow
def test_numbers_of_scores_and_probabilities_are_those_of_scikit_learn() -> None:
    sk, calibration = pytest.importorskip("sklearn.metrics"), pytest.importorskip("sklearn.calibration")
    for draw in range(20):
        n = int(rng.integers(2, 30))
        y, p = rng.integers(0, 2, n), np.round(rng.random(n), 1 if draw % 2 else 9)
        y[:2] = 0, 1
        for scores in (p, p - 0.5, np.where(p > 0.5, np.inf, p)):
            finite = np.where(np.isinf(scores), 9.0, scores)  # which scikit-learn refuses
            np.testing.assert_allclose(metrics.roc_auc(scores, y), sk.roc_auc_score(y, finite), rtol=1e-13)
            np.testing.assert_allclose(metrics.average_precision(scores, y), sk.average_precision_score(y, finite),
                                       rtol=1e-13)
        np.testing.assert_allclose(metrics.log_loss(p, y), sk.log_loss(y, p), rtol=1e-13)
        np.testing.assert_allclose(metrics.brier(p, y), sk.brier_score_loss(y, p), rtol=1e-13, atol=1e-16)
        t, x = rng.normal(size=(2, n, 2))
        np.testing.assert_allclose(metrics.mean_absolute_percentage_error(x, t),
                                   sk.mean_absolute_percentage_error(t, x), rtol=1e-13)
        for strategy in ("uniform", "quantile"):
            ours = metrics.calibration_curve(p, y, n_bins=4, strategy=strategy)
            for one, other in zip(ours, calibration.calibration_curve(y, p, n_bins=4, strategy=strategy), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-12)
    np.testing.assert_allclose(metrics.log_loss(SHARES, LABELS), sk.log_loss(LABELS, SHARES), rtol=1e-13)
    np.testing.assert_allclose(metrics.brier(SHARES, LABELS), sk.brier_score_loss(LABELS, SHARES), rtol=1e-13)
    rows, chosen = SHARES[:, :2] / SHARES[:, :2].sum(1, keepdims=True), LABELS % 2
    np.testing.assert_allclose(metrics.brier(rows, chosen), sk.brier_score_loss(chosen, rows), rtol=1e-13)
    certain = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    for dtype in (np.float32, np.float64):
        np.testing.assert_allclose(metrics.log_loss(certain.astype(dtype), np.array([1, 1, 0])),
                                   sk.log_loss([1, 1, 0], certain.astype(dtype)), rtol=1e-6)


# ------------------------------------------------------------------------------------------ what is particular


@pytest.mark.parametrize("name", [name for name in EACH if name.startswith(("roc", "average", "log", "brier"))])
def test_scores_and_probabilities_jitted_have_the_same_bytes(name: str) -> None:
    f, args = EACH[name]
    jitted: Any = fn.jit(f)
    for x, y in (args, (args[0][::-1].copy(), args[1])):
        assert jitted(x, y).tobytes() == f(x, y).tobytes()


def test_order_is_all_that_roc_auc_and_average_precision_see() -> None:
    for f in (metrics.roc_auc, metrics.average_precision):
        np.testing.assert_allclose(f(np.exp(TIES), BOTH), f(TIES, BOTH), rtol=1e-15)
        assert f(BOTH - 0.5, BOTH) == 1
        np.testing.assert_allclose(f(0 * TIES, BOTH), 0.5 if f is metrics.roc_auc else BOTH.mean(), rtol=1e-15)
    np.testing.assert_allclose(metrics.roc_auc(-TIES, BOTH), 1 - metrics.roc_auc(TIES, BOTH), rtol=1e-14)


def test_rows_of_a_confusion_matrix_are_the_true_classes() -> None:
    matrix = metrics.confusion_matrix(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 2]), classes=3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 0], [0, 1, 0]])
    np.testing.assert_allclose(metrics.precision(matrix), [1, 1 / 3, 0])
    np.testing.assert_allclose(metrics.recall(matrix), [1 / 2, 1, 0])
    np.testing.assert_allclose(metrics.f1(matrix), [2 / 3, 1 / 2, 0])


def test_a_prediction_at_the_threshold_is_a_no() -> None:
    assert metrics.binary_accuracy(np.array([0.5, 0.5]), np.array([0, 1])) == 0.5
    assert metrics.binary_accuracy(np.array([0.0, 1e-3]), np.array([0, 1]), threshold=0.0) == 1


def test_r2_of_several_outputs_is_the_mean_of_theirs() -> None:
    t = np.array([[0.0, 100.0], [1.0, 102.0], [2.0, 110.0]])
    p = t + np.array([[1.0, 0.0], [0.0, 3.0], [0.0, 0.0]])
    np.testing.assert_allclose(metrics.r2(p, t), (metrics.r2(p[:, 0], t[:, 0]) + metrics.r2(p[:, 1], t[:, 1])) / 2)
    np.testing.assert_allclose(metrics.r2(p[:, 0], t[:, 0]), 1 - 1 / 2)


def test_k_of_1_is_accuracy_also_with_ties() -> None:
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [2.0, 1.0, 2.0]])
    for labels in np.ndindex(3, 3, 3):
        y = np.array(labels)
        assert metrics.top_k_accuracy(scores, y, k=1) == metrics.accuracy(scores, y)
        assert metrics.top_k_accuracy(scores, y, k=3) == 1


def test_equal_predictions_are_not_all_right() -> None:
    assert metrics.top_k_accuracy(np.zeros((4, 4)), np.arange(4), k=2) == 0.5


def test_logits_and_probabilities_have_the_same_accuracy() -> None:
    z, y = rng.normal(size=(30, 2)), rng.integers(0, 2, (30, 2))
    p = 1 / (1 + np.exp(-z))
    assert metrics.binary_accuracy(z, y, threshold=0.0) == metrics.binary_accuracy(p, y)
    assert metrics.binary_accuracy(p, y.astype(bool)) == metrics.binary_accuracy(p, y.astype(float))


def test_a_perfect_model_with_several_outputs_has_accuracy_1() -> None:
    y = rng.integers(0, 2, (5, 3))
    assert metrics.binary_accuracy(np.abs(y - 0.1), y) == 1


def test_the_precision_of_the_book() -> None:
    t = np.array([0.0, 250.0, 500.0])
    near = t + np.std(t) / 250 * np.array([0.99, -0.99, 1.01])
    assert metrics.regression_accuracy(near, t) == 2 / 3
    assert metrics.regression_accuracy(near, t, precision=10.0) == 1


def test_matrices_of_batches_add_up() -> None:
    halves = [metrics.confusion_matrix(SCORES[part], LABELS[part], 4) for part in (slice(0, 17), slice(17, None))]
    assert np.array_equal(sum(halves), MATRIX)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64])
def test_small_integers_do_not_overflow(kind: Any) -> None:
    y = np.arange(100).astype(kind)
    assert np.array_equal(metrics.confusion_matrix(y, y, classes=100), np.identity(100))


def test_means_over_batches_of_different_sizes_are_exact() -> None:
    parts = [slice(0, 32), slice(32, 50)]
    values = [metrics.accuracy(SCORES[part], LABELS[part]) for part in parts]
    whole = metrics.accuracy(SCORES, LABELS)
    np.testing.assert_allclose(metrics.mean_over_batches(values, sizes=[32, 18]), whole, rtol=1e-15)
    assert metrics.mean_over_batches(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([3, 1])).tolist() == [1.5, 2.5]


def test_sums_of_half_precision_do_not_overflow() -> None:
    t = np.linspace(-300, 300, 70_000).astype(np.float16)
    expected = metrics.r2((t + 1).astype(np.float64), t.astype(np.float64))
    np.testing.assert_allclose(metrics.r2(t + np.float16(1), t), expected, rtol=1e-3)
    assert metrics.r2(t, t) == 1
    two_classes = np.repeat(np.array([[0, 1]], np.float16), 70_000, axis=0)
    assert metrics.accuracy(two_classes, np.ones(70_000, int)) == 1
    assert metrics.top_k_accuracy(two_classes, np.ones(70_000, int), k=1) == 1


# ------------------------------------------------------------------------------------------ wrong calls

P, NAN = np.array([0.2, 0.9]), np.array([0.2, np.nan])

WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "labels of one class": (
        lambda: metrics.roc_auc(P, np.array([1, 1])), ValueError,
        "roc_auc: all labels are the same; of one class alone there is nothing to tell apart"),
    "scores of two classes": (
        lambda: metrics.average_precision(SCORES, SCORES > 0), ValueError,
        "average_precision: scores of shape (50, 4) must be (batch,), one number for each example"),
    "scores (n,1)": (
        lambda: metrics.roc_auc(P[:, None], np.array([[0], [1]])), ValueError,
        "roc_auc: scores of shape (2, 1) must be (batch,), one number for each example. Drop the last axis: "
        "scores[:, 0] and labels[:, 0]"),
    "labels of -1 and 1 for scores": (
        lambda: metrics.roc_auc(P, np.array([-1, 1])), ValueError,
        "roc_auc: labels must be 0 or 1, got -1 at row 0. Labels of -1 and 1: (y + 1) / 2"),
    "logits for log_loss": (
        lambda: metrics.log_loss(np.array([-3.0, 2.0]), np.array([0, 1])), ValueError,
        "log_loss: probabilities must be between 0 and 1, got -3.0 at row 0. Of logits take sigmoid"),
    "logits for brier": (
        lambda: metrics.brier(np.array([[-3.0, 2.0]]), np.array([0])), ValueError,
        "brier: probabilities of shape (1, 2) must be rows of probabilities, not negative and with sum 1; row 0 is "
        "[-3.  2.]. Of logits take softmax"),
    "no bins": (
        lambda: metrics.calibration_curve(P, np.array([0, 1]), n_bins=0), ValueError,
        "calibration_curve: n_bins must be at least 1, got 0"),
    "bins of another kind": (
        lambda: metrics.calibration_curve(P, np.array([0, 1]), strategy="equal"), ValueError,
        "calibration_curve: strategy must be 'uniform' or 'quantile', got 'equal' (str)"),
    "labels (n,1)": (
        lambda: metrics.accuracy(SCORES, LABELS[:, None]), ValueError,
        "accuracy: labels have shape (50, 1), expected (50,). Drop the last axis: y[..., 0]"),
    "labels out of range": (
        lambda: metrics.accuracy(SCORES, LABELS + 1), ValueError,
        "accuracy: labels run from 1 to 4 but predictions have 4 columns (valid 0..3); first bad label at row "
        f"{np.argmax(LABELS == 3)}"),
    "float labels": (
        lambda: metrics.accuracy(SCORES, LABELS.astype(float)), TypeError,
        "accuracy: labels of shape (50,) must be integers, got float64: y.astype(np.int64)"),
    "chosen classes": (
        lambda: metrics.accuracy(CHOSEN, LABELS), TypeError,
        "accuracy: predictions must be floating-point numbers, got an array of shape (50,) and dtype int64: "
        "predictions.astype(np.float32)"),
    "another number of labels": (
        lambda: metrics.accuracy(SCORES, LABELS[:9]), ValueError,
        "accuracy: predictions are (50, 4) but labels are (9,); expected integer labels of shape (50,) or rows of "
        "probabilities of shape (50, 4)"),
    "nothing": (
        lambda: metrics.accuracy(SCORES[:0], LABELS[:0]), ValueError,
        "accuracy: the batch is empty (shape (0, 4)); its mean would be NaN"),
    "NaN predictions": (
        lambda: metrics.accuracy(SCORES * np.nan, LABELS), ValueError,
        "accuracy: predictions must be numbers, got nan at row 0. The model that made them has diverged"),
    "k of 0": (
        lambda: metrics.top_k_accuracy(SCORES, LABELS, k=0), ValueError,
        "top_k_accuracy: k, of 4 classes, must be from 1 to 4, got 0"),
    "k above the classes": (
        lambda: metrics.top_k_accuracy(SCORES, LABELS), ValueError,
        "top_k_accuracy: k, of 4 classes, must be from 1 to 4, got 5"),
    "logits for probabilities": (
        lambda: metrics.binary_accuracy(np.array([-3.0, 2.0]), np.array([0, 1])), ValueError,
        "binary_accuracy: predictions must be between 0 and 1, got -3.0 at row 0. For logits pass threshold=0.0"),
    "labels of -1 and 1": (
        lambda: metrics.binary_accuracy(P, np.array([-1, 1])), ValueError,
        "binary_accuracy: labels must be 0 or 1, got -1 at row 0. Labels of -1 and 1: (y + 1) / 2"),
    "binary (n,1) against (n,)": (
        lambda: metrics.binary_accuracy(P[:, None], np.array([0, 1])), ValueError,
        "binary_accuracy: predictions are (2, 1) but labels are (2,); they would broadcast to (2, 2). Reshape the "
        "labels: y[:, None]"),
    "NaN probabilities": (
        lambda: metrics.binary_accuracy(NAN, np.array([0, 1])), ValueError,
        "binary_accuracy: predictions must be numbers, got nan at row 1. The model that made them has diverged"),
    "regression (n,1) against (n,)": (
        lambda: metrics.regression_accuracy(P[:, None], P), ValueError,
        "regression_accuracy: predictions are (2, 1) but targets are (2,); they would broadcast to (2, 2). Reshape the "
        "targets: y[:, None]"),
    "precision 0": (
        lambda: metrics.regression_accuracy(P, P, precision=0.0), ValueError,
        "regression_accuracy: precision must be a number in (0, inf), got 0.0"),
    "NaN targets": (
        lambda: metrics.r2(P, NAN), ValueError, "r2: targets must be numbers, got nan at row 1. Leave such rows out"),
    "NaN numbers": (
        lambda: metrics.r2(NAN, P), ValueError,
        "r2: predictions must be numbers, got nan at row 1. The model that made them has diverged"),
    "one example": (
        lambda: metrics.r2(P[:1], P[:1]), ValueError, "r2: one example has no variance; at least 2 are needed"),
    "probabilities of one output": (
        lambda: metrics.confusion_matrix(P, np.array([0, 1]), classes=2), TypeError,
        "confusion_matrix: predictions of shape (2,) must be class numbers, got float64. Of probabilities take "
        "p > 0.5"),
    "labels (n,1) of a matrix": (
        lambda: metrics.confusion_matrix(CHOSEN, LABELS[:, None], classes=4), ValueError,
        "confusion_matrix: labels have shape (50, 1), expected class numbers (batch,) or rows of scores (batch, 4). "
        "Drop the last axis: labels[:, 0]"),
    "scores of other classes": (
        lambda: metrics.confusion_matrix(SCORES, LABELS, classes=3), ValueError,
        "confusion_matrix: predictions have shape (50, 4), expected class numbers (batch,) or rows of scores "
        "(batch, 3)"),
    "predictions out of range": (
        lambda: metrics.confusion_matrix(np.array([0, -1]), np.array([0, 1]), classes=2), ValueError,
        "confusion_matrix: predictions run from -1 to 0 but classes is 2 (valid 0..1); first bad prediction at row 1"),
    "another number of predictions": (
        lambda: metrics.confusion_matrix(CHOSEN, LABELS[:9], classes=4), ValueError,
        "confusion_matrix: predictions are (50,) but labels are (9,); expected one for each example"),
    "no matrix": (
        lambda: metrics.precision(SCORES), ValueError,
        "precision: expected a confusion matrix, (classes, classes), got an array of shape (50, 4): "
        "precision(confusion_matrix(predictions, labels, classes))"),
    "negative counts": (
        lambda: metrics.f1(np.array([[1, -1], [0, 1]])), ValueError,
        "f1: the matrix must be counts, got -1 at row 0. See confusion_matrix"),
    "values and sizes": (
        lambda: metrics.mean_over_batches([1.0, 2.0], [3]), ValueError,
        "mean_over_batches: values are (2,) but sizes are (1,); expected one of each for every batch"),
    "no batches": (
        lambda: metrics.mean_over_batches([], []), ValueError,
        "mean_over_batches: sizes must be 0 or more, and not all 0; got []"),
    "negative sizes": (
        lambda: metrics.mean_over_batches([1.0, 2.0], [3, -1]), ValueError,
        "mean_over_batches: sizes must be 0 or more, and not all 0; got [3, -1]"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_says_where_what_came_and_the_fix(name: str) -> None:
    call, kind, text = WRONG[name]
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == text
