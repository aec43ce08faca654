"""Do those of the class have the higher scores? `roc_auc` and `average_precision`, which see the order alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn._arrays import namespace
from funcnn.core import may_hold, underlying
from funcnn.metrics.inputs import yes_or_no
from funcnn.typing import Array, Labels, Mask

__all__ = ["average_precision", "roc_auc"]


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
    y = yes_or_no(name, "scores", scores, labels)
    if namespace(scores) is np and not may_hold(np.all(underlying((y > 0).any() & (y < 1).any()))):
        raise ValueError(f"{name}: all labels are the same; of one class alone there is nothing to tell apart")
    return y


def _places(scores: Any) -> tuple[Any, Any]:
    """How many scores are lower than each, and how many are lower or the same."""
    xp, in_order = namespace(scores), namespace(scores).sort(scores)
    return xp.searchsorted(in_order, scores, side="left"), xp.searchsorted(in_order, scores, side="right")
