"""How near are predicted numbers? `r2`, `mean_absolute_percentage_error`, `regression_accuracy`."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn._arguments import float_array, real_number
from funcnn._arrays import namespace
from funcnn.losses import checks
from funcnn.metrics.inputs import DIVERGED, wide
from funcnn.typing import Array, Labels

__all__ = ["mean_absolute_percentage_error", "r2", "regression_accuracy"]


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


def mean_absolute_percentage_error(predictions: Array, targets: Labels) -> np.floating[Any]:
    """The mean of how large the error is beside the target, `abs(p - t) / abs(t)`: 0.1 is ten per cent.

    `predictions` p and `targets` t have the same shape. Where a target is 0 the error is divided by 2.2e-16, which
    gives a number without a meaning.

    >>> mean_absolute_percentage_error(np.array([11.0, 30.0]), np.array([10.0, 20.0]))
    np.float64(0.3)

    As `sklearn.metrics.mean_absolute_percentage_error`.
    """
    _check_regression("mean_absolute_percentage_error", predictions, targets)
    xp, p, t = namespace(predictions), wide(predictions), wide(targets)
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
    xp, p, t = namespace(predictions), wide(predictions), wide(targets)
    unexplained = xp.sum((t - p) ** 2, axis=0)
    total = xp.sum((t - xp.mean(t, axis=0)) ** 2, axis=0)
    constant = total == 0
    explained = 1 - unexplained / xp.where(constant, 1, total)
    mean: np.floating[Any] = xp.mean(xp.where(constant, 1.0 * (unexplained == 0), explained))
    return mean


def _check_regression(name: str, predictions: Any, targets: Any) -> None:
    float_array(name, "predictions", predictions)
    checks.same_shape(name, predictions=predictions, targets=targets)
    checks.no_nan(name, "targets", targets)
    checks.no_nan(name, "predictions", predictions, DIVERGED)
