"""How good a model is, in numbers that people read: `accuracy`, `confusion_matrix`, `f1`, `roc_auc`, `r2`.

A metric takes predictions and what is true, in that order, and gives one number. `precision`, `recall` and `f1` take
a confusion matrix and give one for each class. Over several batches the mean of the means is wrong where their sizes
differ: `mean_over_batches` weighs them, and confusion matrices add up. NaN among the predictions is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn._arguments import as_array, float_array, one_of, real_array, real_number, whole_number
from funcnn._arrays import namespace
from funcnn._later import later
from funcnn.core import Tracer, may_hold, underlying
from funcnn.losses import checks
from funcnn.typing import Array, IntArray, Labels, Mask, Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from funcnn.typing import ArrayLike

__all__ = ["accuracy", "average_precision", "binary_accuracy", "brier", "calibration_curve", "confusion_matrix", "f1",
           "log_loss", "mean_absolute_percentage_error", "mean_over_batches", "precision", "r2", "recall",
           "regression_accuracy", "roc_auc", "top_k_accuracy"]

_DIVERGED = "The model that made them has diverged"


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
    checks.no_nan(name, "predictions", predictions, _DIVERGED)
    if threshold == 0.5:
        checks.in_unit_interval(name, "predictions", predictions, "For logits pass threshold=0.0")
    share: np.float64 = namespace(predictions).mean((predictions > threshold) == (labels == 1))
    return share


def regression_accuracy(predictions: Array, targets: Labels, precision: float | None = None) -> np.float64:
    """The share of `predictions` p that are right within a precision, `abs(p - t) < precision`.

    The precision is `std(targets) / 250` if it is not given. To compare batches, give one for all: the targets of a
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


# ------------------------------------------------------------------------------------------------ orders of scores


def roc_auc(scores: Array, labels: Labels | Mask) -> np.floating[Any]:
    """The probability that a positive example has a higher score than a negative one; ties count half.

    It is the area under the curve of the share of positives found over the share of negatives taken for one, at every
    threshold. `scores` are (batch,), logits or probabilities of yes; `labels` True or 1, else False or 0, some of both.

    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    np.float64(0.75)

    As `sklearn.metrics.roc_auc_score`.
    """
    y = _two_classes("roc_auc", scores, labels)
    xp, (left, right) = namespace(scores), _places(scores)
    positives, n = xp.sum(y), scores.shape[0]
    ranks = xp.sum(y * (left + right + 1)) / 2  # of equal scores each has the mean of their ranks
    area: np.floating[Any] = (ranks - positives * (positives + 1) / 2) / (positives * (n - positives))
    return area


def average_precision(scores: Array, labels: Labels | Mask) -> np.floating[Any]:
    """The mean over positive examples of the precision at the threshold that just finds them.

        AP = sum_n (R_n - R_(n-1)) P_n        over thresholds n, of recall R and precision P

    `scores` and `labels` are those of `roc_auc`. It is 1 where all positives stand above all others, and about the
    share of positives for scores that say nothing.

    >>> average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    np.float64(0.8333333333333333)

    As `sklearn.metrics.average_precision_score`.
    """
    y = _two_classes("average_precision", scores, labels)
    xp, (left, _) = namespace(scores), _places(scores)
    in_order = xp.cumsum(xp.take(y, xp.argsort(scores)))
    below = xp.take(xp.concatenate([xp.zeros_like(in_order[:1]), in_order]), left)  # positives with a lower score
    positives, n = xp.sum(y), scores.shape[0]
    mean: np.floating[Any] = xp.sum(y * (positives - below) / (n - left)) / positives
    return mean


def _two_classes(name: str, scores: Any, labels: Any) -> Any:
    """Labels as 0.0 and 1.0, checked; both occur."""
    y = _yes_or_no(name, "scores", scores, labels)
    if namespace(scores) is np and not may_hold(np.all(underlying((y > 0).any() & (y < 1).any()))):
        raise ValueError(f"{name}: all labels are the same; of one class alone there is nothing to tell apart")
    return y


def _yes_or_no(name: str, argument: str, predictions: Any, labels: Any) -> Any:
    """Labels (batch,) of two classes as 0.0 and 1.0."""
    shape = float_array(name, argument, predictions)
    checks.same_shape(name, **{argument: predictions, "labels": labels})
    if len(shape) != 1:
        fix = f". Drop the last axis: {argument}[:, 0] and labels[:, 0]" if shape[1:] == (1,) else ""
        raise ValueError(f"{name}: {argument} of shape {shape} must be (batch,), one number for each example{fix}")
    checks.every(name, "labels", labels, lambda y: (y == 0) | (y == 1), "0 or 1", "Labels of -1 and 1: (y + 1) / 2")
    checks.no_nan(name, argument, predictions, _DIVERGED)
    return (labels == 1) * 1.0


def _places(scores: Any) -> tuple[Any, Any]:
    """How many scores are lower than each, and how many are lower or the same."""
    xp, in_order = namespace(scores), namespace(scores).sort(scores)
    return xp.searchsorted(in_order, scores, side="left"), xp.searchsorted(in_order, scores, side="right")


# --------------------------------------------------------------------------------------------------- probabilities


def log_loss(probabilities: Array, labels: Labels | Mask) -> np.floating[Any]:
    """The mean surprise at what is true, -log p of the right class, in nats; no p counts as less than the dtype's eps.

    `probabilities` are (batch, classes), and `labels` integers (batch,) or rows; or probabilities of yes (batch,), and
    labels True or 1, else False or 0.

    >>> log_loss(np.array([0.9, 0.2, 0.5]), np.array([1, 0, 1]))
    np.float64(0.34055041584399376)

    As `sklearn.metrics.log_loss`.
    """
    p, hot = _rows("log_loss", probabilities, labels)
    xp = namespace(p)
    eps = float(xp.finfo(p.dtype).eps)
    mean: np.floating[Any] = -xp.mean(xp.sum(hot * xp.log(xp.clip(p, eps, 1 - eps)), axis=-1))
    return mean


def brier(probabilities: Array, labels: Labels | Mask) -> np.floating[Any]:
    """The mean squared error of probabilities, summed over classes; of two classes the half, `(p - y)^2` of one.

    `probabilities` and `labels` are those of `log_loss`. Of two classes, certain and right is 0, certain and wrong 1.

    >>> brier(np.array([0.9, 0.2, 0.5]), np.array([1, 0, 1]))
    np.float64(0.09999999999999999)

    As `sklearn.metrics.brier_score_loss`; Brier 1950.
    """
    p, hot = _rows("brier", probabilities, labels)
    total: np.floating[Any] = namespace(p).mean(namespace(p).sum((p - hot) ** 2, axis=-1))
    return total / 2 if p.shape[-1] < 3 else total


def _rows(name: str, probabilities: Any, labels: Any) -> tuple[Any, Any]:
    """Probabilities (batch, classes), and which is the right one, in wide numbers."""
    if getattr(probabilities, "ndim", 0) == 1:
        y, p = _yes_or_no(name, "probabilities", probabilities, labels), _wide(probabilities)
        checks.in_unit_interval(name, "probabilities", p, "Of logits take sigmoid")
        xp = namespace(p)
        return xp.stack([1 - p, p], axis=-1), xp.stack([1 - y, y], axis=-1)
    in_rows = checks.labels_of(name, probabilities, labels, "probabilities")
    checks.probabilities(name, "probabilities", probabilities, "Of logits take softmax")
    p, classes = _wide(probabilities), namespace(probabilities).arange(probabilities.shape[-1])
    return p, checks.as_dtype(labels if in_rows else labels[..., None] == classes, p)


def calibration_curve(probabilities: Array, labels: Labels | Mask, n_bins: int = 5, strategy: str = "uniform",
                      ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How often it is true when the model says so: for each bin, the share that is, and the mean probability given.

    The `n_bins` bins are as wide as each other, or with `strategy="quantile"` as full; those without an example are
    left out. Of a calibrated model both are the same. `probabilities` of yes and `labels`, 0 or 1, are (batch,).

    >>> true, said = calibration_curve(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 0, 1]), n_bins=2)
    >>> true, said
    (array([0. , 0.5]), array([0.15, 0.85]))

    As `sklearn.calibration.calibration_curve`.
    """
    name = "calibration_curve"
    n_bins = whole_number(name, "n_bins", n_bins, least=1)
    one_of(name, "strategy", strategy, ("uniform", "quantile"))
    y = _yes_or_no(name, "probabilities", probabilities, labels)
    checks.in_unit_interval(name, "probabilities", probabilities, "Of logits take sigmoid")
    p = np.asarray(probabilities, np.float64)
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    edges = np.quantile(p, edges) if strategy == "quantile" else edges
    bins = np.searchsorted(edges[1:-1], p)
    counts, said, true = (np.bincount(bins, weights=each, minlength=n_bins) for each in (None, p, y))
    return (true / np.maximum(counts, 1))[counts > 0], (said / np.maximum(counts, 1))[counts > 0]


# ---------------------------------------------------------------------------------------------------- regression


def mean_absolute_percentage_error(predictions: Array, targets: Labels) -> np.floating[Any]:
    """The mean of how large the error is beside the target, `abs(p - t) / abs(t)`: 0.1 is ten per cent.

    `predictions` p and `targets` t have the same shape. Where a target is 0 the error is divided by 2.2e-16, which
    gives a number without a meaning.

    >>> mean_absolute_percentage_error(np.array([11.0, 30.0]), np.array([10.0, 20.0]))
    np.float64(0.3)

    As `sklearn.metrics.mean_absolute_percentage_error`.
    """
    _check_regression("mean_absolute_percentage_error", predictions, targets)
    xp, p, t = namespace(predictions), _wide(predictions), _wide(targets)
    mean: np.floating[Any] = xp.mean(abs(p - t) / xp.maximum(abs(t), float(np.finfo(np.float64).eps)))
    return mean


def r2(predictions: Array, targets: Labels) -> np.floating[Any]:
    """The share of the variance that is explained, `R^2 = 1 - sum (t - p)^2 / sum (t - mean t)^2`, over the batch.

    `predictions` p and `targets` t are (batch,) or (batch, outputs). 1 is perfect, 0 as good as always predicting the
    mean. With several outputs it is the mean of their R^2. Where the targets are constant it is 1 for perfect
    predictions and else 0.

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

    `values` are the means, one a batch, and `sizes` how many examples each batch has.

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


later(globals())  # what may be meant by a name that is not here
