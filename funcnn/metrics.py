"""With this module you can judge a model in numbers that people read: `accuracy`."""

from __future__ import annotations

from typing import Any

from funcnn.arrays import namespace
from funcnn.typing import Array, Labels

__all__ = ["accuracy"]


def accuracy(predictions: Array, labels: Labels) -> Any:
    """The share of examples whose largest prediction, logit or probability, is at the right class.

    Predictions are (batch, classes); labels are integers (batch,), or rows (batch, classes) whose largest entry is
    the class. The first of several largest counts.

    >>> import numpy as np
    >>> accuracy(np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]]), np.array([1, 0, 0]))
    np.float64(0.6666666666666666)
    """
    xp = namespace(predictions)
    classes = xp.argmax(labels, axis=-1) if labels.ndim == predictions.ndim else labels
    chosen = xp.argmax(predictions, axis=-1)
    if chosen.shape != classes.shape or predictions.ndim < 2:
        raise ValueError(f"accuracy: predictions are {predictions.shape} but labels are {labels.shape}; expected "
                         f"integer labels of shape {predictions.shape[:-1]} or rows of shape {predictions.shape}")
    if 0 in chosen.shape:
        raise ValueError(f"accuracy: the batch is empty (shape {predictions.shape})")
    return xp.mean(chosen == classes)
