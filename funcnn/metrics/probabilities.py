"""Are probabilities what they say? `log_loss`, `brier` and the `calibration_curve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn._arguments import one_of, whole_number
from funcnn._arrays import namespace
from funcnn.losses import checks
from funcnn.metrics.inputs import wide, yes_or_no
from funcnn.typing import Array, Labels, Mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["brier", "calibration_curve", "log_loss"]


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
        y, p = yes_or_no(name, "probabilities", probabilities, labels), wide(probabilities)
        checks.in_unit_interval(name, "probabilities", p, "Of logits take sigmoid")
        xp = namespace(p)
        return xp.stack([1 - p, p], axis=-1), xp.stack([1 - y, y], axis=-1)
    in_rows = checks.labels_of(name, probabilities, labels, "probabilities")
    checks.probabilities(name, "probabilities", probabilities, "Of logits take softmax")
    p, classes = wide(probabilities), namespace(probabilities).arange(probabilities.shape[-1])
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
    y = yes_or_no(name, "probabilities", probabilities, labels)
    checks.in_unit_interval(name, "probabilities", probabilities, "Of logits take sigmoid")
    p = np.asarray(probabilities, np.float64)
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    edges = np.quantile(p, edges) if strategy == "quantile" else edges
    bins = np.searchsorted(edges[1:-1], p)
    counts, said, true = (np.bincount(bins, weights=each, minlength=n_bins) for each in (None, p, y))
    return (true / np.maximum(counts, 1))[counts > 0], (said / np.maximum(counts, 1))[counts > 0]
