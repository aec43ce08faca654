"""How often was the right class chosen, and which for which? `accuracy` and its kin, the `confusion_matrix`, `f1`."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn._arguments import float_array, real_array, real_number, whole_number
from funcnn._arrays import namespace
from funcnn.losses import checks
from funcnn.metrics.inputs import DIVERGED
from funcnn.typing import Array, IntArray, Labels, Mask

__all__ = ["accuracy", "binary_accuracy", "confusion_matrix", "f1", "precision", "recall", "top_k_accuracy"]


# ------------------------------------------------------------------------------------------- shares of right answers


def accuracy(predictions: Array, labels: Labels) -> np.float64:
    """The share of examples whose largest prediction, logit or probability, is at the right class.

    `predictions` are (batch, classes); `labels` are integers (batch,), or rows (batch, classes) whose largest entry is
    the class. The first of several largest counts.

    >>> accuracy(np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]]), np.array([1, 0, 0]))
    np.float64(0.6666666666666666)
    """
    classes = _classes("accuracy", predictions, labels)
    xp = namespace(predictions)
    share: np.float64 = xp.mean(xp.argmax(predictions, axis=-1) == classes)
    return share


def top_k_accuracy(predictions: Array, labels: Labels, k: int = 5) -> np.float64:
    """The share of examples whose right class is among the `k` largest predictions.

    `predictions` and `labels` are those of `accuracy`, which this is for k = 1; of equal predictions the first counts
    as larger.

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
    """The share of entries where `predictions > threshold` is the label, True or 1.

    `labels` have the shape of the predictions: booleans, or 0 and 1. The threshold is for probabilities; for logits it
    is 0.0.

    >>> binary_accuracy(np.array([[0.9], [0.2], [0.5]]), np.array([[1], [0], [1]]))
    np.float64(0.6666666666666666)
    """
    name = "binary_accuracy"
    threshold = real_number(name, "threshold", threshold)
    float_array(name, "predictions", predictions)
    checks.same_shape(name, predictions=predictions, labels=labels)
    checks.every(name, "labels", labels, lambda y: (y == 0) | (y == 1), "0 or 1", "Labels of -1 and 1: (y + 1) / 2")
    checks.no_nan(name, "predictions", predictions, DIVERGED)
    if threshold == 0.5:
        checks.in_unit_interval(name, "predictions", predictions, "For logits pass threshold=0.0")
    share: np.float64 = namespace(predictions).mean((predictions > threshold) == (labels == 1))
    return share


def _classes(name: str, predictions: Any, labels: Any) -> Any:
    """The true class of each row of predictions."""
    in_rows = checks.labels_of(name, predictions, labels, "predictions")
    checks.no_nan(name, "predictions", predictions, DIVERGED)
    return namespace(predictions).argmax(labels, axis=-1) if in_rows else labels


# ----------------------------------------------------------------------------------------------- kinds of mistakes


def confusion_matrix(predictions: Array | IntArray | Mask, labels: Labels | Mask, classes: int) -> IntArray:
    """How often each class was taken for each: entry [i, j] counts the examples of class i predicted as j.

    `predictions` and `labels` are class numbers (batch,), booleans for two classes, or rows (batch, classes) whose
    largest entry is the class; `classes` is how many there are, and the matrix's rows and columns. Matrices of several
    batches add up to that of all of them.

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
        checks.no_nan(name, argument, x, DIVERGED)
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

        f1_i = 2 matrix[i, i] / (sum_j matrix[i, j] + sum_j matrix[j, i])    or 0 for 0 / 0

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
