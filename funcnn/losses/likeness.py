"""How alike are two embeddings? `cosine_similarity`, `contrastive`, `triplet_margin`, `ntxent`.

Embeddings are (batch, features), one value comes for each. Users find all of it in `funcnn.losses`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn._arguments import float_array, real_array, real_number
from funcnn._arrays import namespace
from funcnn.activations import logsumexp, softplus
from funcnn.core import may_hold, underlying
from funcnn.core.settings import setting
from funcnn.losses import checks
from funcnn.losses import formulas as fused
from funcnn.typing import Array, Labels, Mask

__all__ = ["contrastive", "cosine_distance", "cosine_similarity", "ntxent", "triplet_margin"]


def cosine_similarity(predictions: Array, targets: Array, *, where: Mask | None = None) -> Array:
    """The cosine of the angle between rows: 1 for the same direction, 0 at a right angle, -1 for opposite.

        p . t / (norm(p) norm(t))

    `predictions` p and `targets` t are (batch, features). A row of zeros is at a right angle to everything. `where`
    leaves features out.

    >>> cosine_similarity(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[2.0, 0.0], [4.0, -3.0]]))
    array([1., 0.])

    It is greatest where rows are alike, and so no loss; `cosine_distance` is one. As `optax.cosine_similarity`, where a
    row of zeros gives NaN.
    """
    return _cosine("cosine_similarity", predictions, targets, where)


def _cosine(name: str, predictions: Any, targets: Any, where: Any) -> Array:
    predictions, targets = checks.counting(name, where, predictions=predictions, targets=targets)
    t = checks.numbers(name, predictions, targets)
    cosine: Array = namespace(predictions).sum(fused.unit(predictions) * fused.unit(t), axis=-1)
    return cosine


def cosine_distance(predictions: Array, targets: Array, *, where: Mask | None = None) -> Array:
    """One minus the cosine of the angle between rows: 0 for the same direction, 1 at a right angle, 2 for opposite.

        1 - p . t / (norm(p) norm(t))

    `predictions` p and `targets` t are (batch, features). A row of zeros is at distance 1 from everything, and its
    derivative that of a row of length 1. `where` leaves features out.

    >>> cosine_distance(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[2.0, 0.0], [4.0, -3.0]]))
    array([0., 1.])

    As `optax.cosine_distance`, where a row of zeros gives NaN.
    """
    return 1 - _cosine("cosine_distance", predictions, targets, where)


def contrastive(first: Array, second: Array, same: Labels | Mask, margin: float = 1.0) -> Array:
    """Draws embeddings of the same thing together and pushes others apart, up to a margin: one value per pair.

        D^2 / 2                      for pairs that are the same, D = norm(first - second)
        max(margin - D, 0)^2 / 2     for the others; their derivative where D = 0 is taken to be 0

    `first` and `second` are (batch, features); `same` is (batch,), booleans or 1 and 0.

    >>> contrastive(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.5], [1.0, 0.5]]), np.array([True, False]))
    array([0.125, 0.125])

    Hadsell et al. 2006, whose Y is `1 - same`.
    """
    name = "contrastive"
    margin = real_number(name, "margin", margin, "(0, inf)")
    second = _embeddings(name, first=first, second=second)
    pairs = real_array(name, "same", same)
    if pairs != first.shape[:-1]:
        raise ValueError(f"{name}: same has shape {pairs}, expected one for each pair, {first.shape[:-1]}")
    checks.in_unit_interval(name, "same", same, "It is True or 1 for pairs that belong together, else False or 0")
    distance, s = fused.distance(first, second), checks.as_dtype(same, first)
    gap = namespace(first).maximum(margin - distance, 0)
    result: Array = 0.5 * (s * distance * distance + (1 - s) * gap * gap)
    return result


def triplet_margin(anchors: Array, positives: Array, negatives: Array, margin: float = 1.0) -> Array:
    """Wants each anchor closer to its positive than to its negative, by a margin: one value per triplet.

        max(norm(a - p) - norm(a - n) + margin, 0)

    `anchors` a, `positives` p and `negatives` n are (batch, features). The derivative of a distance of 0 is taken to be
    0, and that of the maximum at its corner is half of that above.

    >>> a, p, n = np.array([[1.0, 0.0]]), np.array([[1.0, 0.5]]), np.array([[0.0, 0.0]])
    >>> triplet_margin(a, p, n)
    array([0.5])

    As `optax.triplet_margin_loss` and PyTorch's, without their eps = 1e-6 under the root; Schroff et al. 2015.
    """
    name = "triplet_margin"
    margin = real_number(name, "margin", margin, "(0, inf)")
    positives = _embeddings(name, anchors=anchors, positives=positives)
    negatives = _embeddings(name, anchors=anchors, negatives=negatives)
    nearer = fused.distance(anchors, positives) - fused.distance(anchors, negatives)
    result: Array = namespace(anchors).maximum(nearer + margin, 0)
    return result


def _embeddings(name: str, **pair: Any) -> Any:
    """The second of two arrays of embeddings, in the dtype of the first."""
    for argument, x in pair.items():
        float_array(name, argument, x)
    checks.same_shape(name, **pair)
    first, second = pair.values()
    return checks.as_dtype(second, first)


def ntxent(embeddings: Array, labels: Labels, temperature: float = 0.07) -> Array:
    """Draws embeddings of one label together and pushes all others of the batch apart: one value per example.

        s_ij = cos(x_i, x_j) / temperature,     e_ij = exp(s_ij)
        loss_i = n/m sum over positive j of -log(e_ij / (e_ij + sum over k of other labels of e_ik))

    A pair i, j is positive where the labels are equal and i is not j. m of all n^2 pairs are positive, at least one;
    the mean over the batch is then the mean over them. `embeddings` x are (batch, features), `labels` integers
    (batch,); in SimCLR two views of an image have the same one.

    >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> np.round(ntxent(x, np.array([0, 0, 1]), temperature=1.0), 6)
    array([0.471898, 0.51367 , 0.      ])

    The mean is `optax.ntxent`, which gives no more. Chen et al. 2020 (arXiv:2002.05709).
    """
    name = "ntxent"
    temperature = setting(name, "temperature", temperature, "(0, inf)")
    shape = float_array(name, "embeddings", embeddings)
    if len(shape) != 2 or real_array(name, "labels", labels) != shape[:1]:
        raise ValueError(f"{name}: embeddings are {shape} and labels {labels.shape}; expected (batch, features) and "
                         "(batch,)")
    checks.not_empty(name, shape)
    xp, x = namespace(embeddings), fused.unit(embeddings)
    same = labels[:, None] == labels
    positive = same & (xp.arange(shape[0])[:, None] != xp.arange(shape[0]))
    pairs = xp.sum(positive)
    if xp is np and not may_hold(np.all(underlying(pairs > 0))):
        raise ValueError(f"{name}: all {shape[0]} labels are different; at least two examples must have the same one")
    s = x @ x.T / temperature
    others = logsumexp(xp.where(same, -np.inf, s), axis=1, keepdims=True)
    loss = xp.sum(xp.where(positive, softplus(others - s), 0), axis=1)
    result: Array = loss * (shape[0] / pairs).astype(loss.dtype)
    return result
