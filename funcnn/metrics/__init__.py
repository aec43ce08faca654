"""How good a model is, in numbers that people read: `accuracy`, `confusion_matrix`, `f1`, `roc_auc`, `r2`.

A metric takes predictions and what is true, in that order, and gives one number. `precision`, `recall` and `f1` take
a confusion matrix and give one for each class. Over several batches the mean of the means is wrong where their sizes
differ: `mean_over_batches` weighs them, and confusion matrices add up. NaN among the predictions is an error.

Of the files, `classes` counts right answers, `ranking` looks at orders of scores, `probabilities` and `regression` at
numbers; `inputs` is what several of them ask of their arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from funcnn._arguments import as_array
from funcnn._later import later
from funcnn.core import Tracer, may_hold, underlying
from funcnn.metrics.classes import (
    accuracy,
    binary_accuracy,
    confusion_matrix,
    f1,
    precision,
    recall,
    top_k_accuracy,
)
from funcnn.metrics.probabilities import brier, calibration_curve, log_loss
from funcnn.metrics.ranking import average_precision, roc_auc
from funcnn.metrics.regression import mean_absolute_percentage_error, r2, regression_accuracy
from funcnn.typing import Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from funcnn.typing import ArrayLike

__all__ = ["accuracy", "average_precision", "binary_accuracy", "brier", "calibration_curve", "confusion_matrix", "f1",
           "log_loss", "mean_absolute_percentage_error", "mean_over_batches", "precision", "r2", "recall",
           "regression_accuracy", "roc_auc", "top_k_accuracy"]



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
