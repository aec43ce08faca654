"""How good a model is, in numbers that people read: `accuracy`, `confusion_matrix`, `f1`, `r2`.

A metric takes predictions and what is true, in that order, and gives one number. `precision`, `recall` and `f1` take
a confusion matrix and give one for each class. Over several batches the mean of the means is wrong where their sizes
differ: `mean_over_batches` weighs them, and confusion matrices add up. NaN among the predictions is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn._arguments import as_array, float_array, real_array, real_number, whole_number
from funcnn._arrays import namespace
from funcnn.core import Tracer, may_hold, underlying
from funcnn.losses import checks
from funcnn.typing import Array, IntArray, Labels, Mask, Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["accuracy", "binary_accuracy", "confusion_matrix", "f1", "mean_over_batches", "precision", "r2", "recall",
           "regression_accuracy", "top_k_accuracy"]

_DIVERGED = "The model that made them has diverged"


# ------------------------------------------------------------------------------------------- shares of right answers


def accuracy(predictions: Array, labels: Labels) -> np.float64:
    """The share of examples whose largest prediction, logit or probability, is at the right class.

    Predictions are (batch, classes); labels are integers (batch,), or rows (batch, classes) whose largest entry is
    the class. The first of several largest counts.

    >>> accuracy(np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]]), np.array([1, 0, 0]))
    np.float64(0.6666666666666666)
    """
    classes = _classes("accuracy", predictions, labels)
    xp = namespace(predictions)
    share: np.float64 = xp.mean(xp.argmax(predictions, axis=-1) == classes)
    return share


def top_k_accuracy(predictions: Array, labels: Labels, k: int = 5) -> np.float64:
    """The share of examples whose right class is among the k largest predictions.

    Predictions and labels are those of `accuracy`, which this is for k = 1; of equal predictions the first counts as
    larger.

    >>> scores = np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    >>> top_k_accuracy(scores, np.array([0, 1, 2]), k=2)
    np.float64(0.6666666666666666)

    As `sklearn.metrics.top_k_accuracy_score`, where the last of equal predictions counts as larger.
    """
    right = _classes("top_k_accuracy", predictions, labels)[..., None]
    classes = predictions.shape[-1]
    k = whole_number("top_k_accuracy", f"k, of {classes} classes,", k, least=1, most=classes)
    xp = namespace(predictions)
    own = xp.take_along_axis(predictions, right, axis=-1)
    ties_before = (predictions == own) & (xp.arange(classes) < right)
    larger = xp.sum((predictions > own) | ties_before, axis=-1)
    share: np.float64 = xp.mean(larger < k)
    return share


def binary_accuracy(predictions: Array, labels: Labels | Mask, threshold: float = 0.5) -> np.float64:
    """The share of entries where (prediction > threshold) is the label, True or 1.

    Labels have the shape of the predictions: booleans, or 0 and 1. The threshold is for probabilities; for logits it
    is 0.0.

    >>> binary_accuracy(np.array([[0.9], [0.2], [0.5]]), np.array([[1], [0], [1]]))
    np.float64(0.6666666666666666)
    """
    name = "binary_accuracy"
    threshold = real_number(name, "threshold", threshold)
    float_array(name, "predictions", predictions)
    checks.same_shape(name, predictions=predictions, labels=labels)
    checks.every(name, "labels", labels, lambda y: (y == 0) | (y == 1), "0 or 1", "Labels of -1 and 1: (y + 1) / 2")
    checks.no_nan(name, "predictions", predictions, _DIVERGED)
    if threshold == 0.5:
        checks.in_unit_interval(name, "predictions", predictions, "For logits pass threshold=0.0")
    share: np.float64 = namespace(predictions).mean((predictions > threshold) == (labels == 1))
    return share


def regression_accuracy(predictions: Array, targets: Labels, precision: float | None = None) -> np.float64:
    """The share of entries that are right within a precision, |p - t| < precision.

    The precision is std(targets) / 250 if it is not given. To compare batches, give one for all: the targets of a
    batch have a standard deviation of their own.

    >>> regression_accuracy(np.array([1.0, 2.0, 3.5]), np.array([1.0, 2.0, 3.0]))
    np.float64(0.6666666666666666)

    As in the book *Neural Networks from Scratch*.
    """
    name = "regression_accuracy"
    _check_regression(name, predictions, targets)
    xp = namespace(predictions)
    near = xp.std(targets) / 250 if precision is None else real_number(name, "precision", precision, "(0, inf)")
    share: np.float64 = xp.mean(abs(predictions - targets) < near)
    return share


def _classes(name: str, predictions: Any, labels: Any) -> Any:
    """The true class of each row of predictions."""
    in_rows = checks.labels_of(name, predictions, labels, "predictions")
    checks.no_nan(name, "predictions", predictions, _DIVERGED)
    return namespace(predictions).argmax(labels, axis=-1) if in_rows else labels


def _check_regression(name: str, predictions: Any, targets: Any) -> None:
    float_array(name, "predictions", predictions)
    checks.same_shape(name, predictions=predictions, targets=targets)
    checks.no_nan(name, "targets", targets)
    checks.no_nan(name, "predictions", predictions, _DIVERGED)


# ----------------------------------------------------------------------------------------------- kinds of mistakes


def confusion_matrix(predictions: Array | IntArray | Mask, labels: Labels | Mask, classes: int) -> IntArray:
    """How often each class was taken for each: entry [i, j] counts the examples of class i predicted as j.

    Predictions and labels are class numbers (batch,), booleans for two classes, or rows (batch, classes) whose
    largest entry is the class. Matrices of several batches add up to that of all of them.

    >>> confusion_matrix(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]), classes=3)
    array([[1, 0, 0],
           [0, 1, 0],
           [0, 1, 1]])
    >>> confusion_matrix(np.array([0.9, 0.2, 0.6]) > 0.5, np.array([1, 0, 0]), classes=2)
    array([[1, 1],
           [0, 1]])

    As `sklearn.metrics.confusion_matrix`, with the arguments the other way round.
    """
    name = "confusion_matrix"
    classes = whole_number(name, "classes", classes, least=1)
    chosen = _class_numbers(name, "predictions", predictions, classes)
    true = _class_numbers(name, "labels", labels, classes)
    if chosen.shape != true.shape:
        raise ValueError(f"{name}: predictions are {predictions.shape} but labels are {labels.shape}; expected one for "
                         "each example")
    xp = namespace(chosen)
    length = {"minlength" if xp is np else "length": classes * classes}
    counts: IntArray = xp.bincount((true * classes + chosen).ravel(), **length).reshape(classes, classes)
    return counts


def _class_numbers(name: str, argument: str, x: Any, classes: int) -> Any:
    """Class numbers from class numbers, booleans, or rows of one score a class."""
    shape = real_array(name, argument, x)
    checks.not_empty(name, shape)
    if shape[1:] == (classes,):
        checks.no_nan(name, argument, x, _DIVERGED)
        return namespace(x).argmax(x, axis=-1)
    if len(shape) != 1:
        fix = f". Drop the last axis: {argument}[:, 0]" if shape[1:] == (1,) else ""
        raise ValueError(f"{name}: {argument} have shape {shape}, expected class numbers (batch,) or rows of scores "
                         f"(batch, {classes}){fix}")
    if x.dtype.kind == "f":
        raise TypeError(f"{name}: {argument} of shape {shape} must be class numbers, got {x.dtype}. Of probabilities "
                        "take p > 0.5")
    numbers = x.astype(int)
    checks.class_labels(name, numbers, classes, f"classes is {classes}", argument)
    return numbers


def precision(matrix: IntArray | Array) -> Array:
    """Of the examples predicted as a class, the share that is of that class: one number for each class.

        precision_j = matrix[j, j] / sum_i matrix[i, j]        0 for a class that was never predicted

    The matrix is that of `confusion_matrix`. For two classes the usual number is `precision(m)[1]`; the macro average
    is `np.mean(precision(m))`, the micro average is the accuracy.

    >>> precision(np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]]))
    array([1. , 0.5, 1. ])

    As `sklearn.metrics.precision_score` with average=None, zero_division=0.
    """
    right, predicted, _ = _counts("precision", matrix)
    shares: Array = _ratio(right, predicted)
    return shares


def recall(matrix: IntArray | Array) -> Array:
    """Of the examples of a class, the share that was predicted as that class: one number for each class.

        recall_i = matrix[i, i] / sum_j matrix[i, j]           0 for a class without examples

    The matrix and the averages are those of `precision`.

    >>> recall(np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]]))
    array([1. , 1. , 0.5])

    As `sklearn.metrics.recall_score` with average=None, zero_division=0.
    """
    right, _, actual = _counts("recall", matrix)
    shares: Array = _ratio(right, actual)
    return shares


def f1(matrix: IntArray | Array) -> Array:
    """The harmonic mean of precision and recall, 2 P R / (P + R): one number for each class.

        f1_i = 2 matrix[i, i] / (sum_j matrix[i, j] + sum_j matrix[j, i])       0 for a class that does not occur

    The matrix and the averages are those of `precision`.

    >>> f1(np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]]))
    array([1.        , 0.66666667, 0.66666667])

    As `sklearn.metrics.f1_score` with average=None, zero_division=0.
    """
    right, predicted, actual = _counts("f1", matrix)
    means: Array = _ratio(2 * right, predicted + actual)
    return means


def _counts(name: str, matrix: Any) -> tuple[Any, Any, Any]:
    """For each class, how many are rightly predicted, how many predicted, how many there are."""
    shape = real_array(name, "the matrix", matrix)
    if len(shape) != 2 or shape[0] != shape[1] or 0 in shape:
        raise ValueError(f"{name}: expected a confusion matrix, (classes, classes), got an array of shape {shape}: "
                         f"{name}(confusion_matrix(predictions, labels, classes))")
    checks.every(name, "the matrix", matrix, lambda m: m >= 0, "counts", "See confusion_matrix")
    return matrix.diagonal(), matrix.sum(0), matrix.sum(1)


def _ratio(part: Any, whole: Any) -> Any:
    """part / whole, and 0 for 0 / 0."""
    return part / namespace(whole).maximum(whole, 1)


# ---------------------------------------------------------------------------------------------------- regression


def r2(predictions: Array, targets: Labels) -> np.floating[Any]:
    """The share of the variance that is explained, R^2 = 1 - sum (t - p)^2 / sum (t - mean t)^2, over the batch.

    1 is perfect, 0 as good as always predicting the mean. With several outputs it is the mean of their R^2. Where the
    targets are constant it is 1 for perfect predictions and else 0.

    >>> r2(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    np.float64(0.5)

    As `sklearn.metrics.r2_score`.
    """
    _check_regression("r2", predictions, targets)
    if predictions.shape[:1] in ((), (1,)):
        raise ValueError("r2: one example has no variance; at least 2 are needed")
    xp, p, t = namespace(predictions), _wide(predictions), _wide(targets)
    unexplained = xp.sum((t - p) ** 2, axis=0)
    total = xp.sum((t - xp.mean(t, axis=0)) ** 2, axis=0)
    constant = total == 0
    explained = 1 - unexplained / xp.where(constant, 1, total)
    mean: np.floating[Any] = xp.mean(xp.where(constant, 1.0 * (unexplained == 0), explained))
    return mean


def _wide(x: Any) -> Any:
    """Numbers whose squares can be added up, which in float16 end at 65504."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


# ------------------------------------------------------------------------------------------------ over batches


def mean_over_batches(values: Sequence[Scalar] | ArrayLike, sizes: ArrayLike) -> np.float64 | NDArray[np.float64]:
    """The mean over all examples, from the means over batches and the sizes of the batches.

        sum_i sizes_i values_i / sum_i sizes_i

    >>> mean_over_batches([1.0, 0.5], sizes=[300, 100])
    np.float64(0.875)
    """
    name = "mean_over_batches"
    v = values if isinstance(values, Tracer) else as_array(name, "values", values)
    n = sizes if isinstance(sizes, Tracer) else as_array(name, "sizes", sizes)
    if n.ndim != 1 or v.shape[:1] != n.shape:
        raise ValueError(f"mean_over_batches: values are {v.shape} but sizes are {n.shape}; expected one of each for "
                         "every batch")
    if not may_hold(np.all(underlying(n >= 0))) or not may_hold(np.all(underlying(n.sum() > 0))):
        raise ValueError(f"mean_over_batches: sizes must be 0 or more, and not all 0; got {sizes!r:.80}")
    return np.average(v.astype(np.float64), axis=0, weights=n)
