"""How wrong a prediction is: `softmax_cross_entropy`, `squared_error`, `huber`.

Each loss gives one value per example; the mean over them is the caller's, `np.mean(loss(...))`. To choose one:

    the target is                       the loss                            the net's last layer
    a number                            squared_error; with outliers huber  dense
    one of several classes              softmax_cross_entropy               dense, no softmax
    yes or no, to one or more things    sigmoid_binary_cross_entropy        dense, no sigmoid
    a count                             poisson                             dense, for the logarithm of the rate
    a distribution                      kl_divergence                       dense >> log_softmax
    likeness to other examples          triplet_margin, contrastive         dense

Classification losses take logits, the outputs of the last dense layer, where that is more stable than
probabilities. Predictions and targets have the same shape; what would broadcast, labels that cannot be, NaN among
the targets and an empty batch are errors. The loss has the dtype of the predictions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn._arguments import float_array, real_array, real_number, whole_number
from funcnn._arrays import is_plain, namespace, readonly
from funcnn.core import holds, underlying
from funcnn.core.settings import setting
from funcnn.losses import checks
from funcnn.losses import formulas as fused
from funcnn.typing import Array, Labels, Mask

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

__all__ = [
    "absolute_error", "binary_cross_entropy", "categorical_cross_entropy", "contrastive", "cosine_distance", "hinge",
    "huber", "kl_divergence", "log_cosh", "one_hot", "poisson", "sigmoid_binary_cross_entropy", "smooth_labels",
    "softmax_cross_entropy", "squared_error", "triplet_margin",
]


# ---------------------------------------------------------------------------------------------- regression


def squared_error(predictions: Array, targets: Labels) -> Array:
    """The square of the error, (p - t)^2, averaged over all axes but the first: one value per example.

    Predictions and targets have the same shape, (batch, ...); the mean of the loss is the mean-squared error.

    >>> squared_error(np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 1.0]]))
    array([2. , 0.5])
    >>> squared_error(np.ones((300, 1)), np.ones(300))
    Traceback (most recent call last):
    ...
    ValueError: squared_error: predictions are (300, 1) but targets are (300,); they would broadcast to (300, 300). \
Reshape the targets: y[:, None]

    Unlike `optax.squared_error`, it is already averaged within each example.
    """
    return fused.squared_error(predictions, _numbers("squared_error", predictions, targets))


def absolute_error(predictions: Array, targets: Labels) -> Array:
    """The size of the error, |p - t|, averaged within each example; its derivative where p = t is 0.

    >>> absolute_error(np.array([0.5, -1.5, 2.0]), np.zeros(3))
    array([0.5, 1.5, 2. ])
    """
    return fused.absolute_error(predictions, _numbers("absolute_error", predictions, targets))


def huber(predictions: Array, targets: Labels, delta: float | Array = 1.0) -> Array:
    """Half the squared error near the target, straight lines far from it, averaged within each example.

        (p - t)^2 / 2                   where |p - t| <= delta
        delta (|p - t| - delta / 2)     elsewhere

    >>> huber(np.array([0.5, -1.5, 2.0]), np.zeros(3))
    array([0.125, 1.   , 1.5  ])

    delta may be an array, one for each feature, and be differentiated by: the sum of max(|p - t| - delta, 0).

    As `optax.huber_loss`, but averaged within each example; Huber 1964.
    """
    targets = _numbers("huber", predictions, targets)
    return fused.huber(predictions, targets, _delta(delta, predictions))


def _delta(delta: Any, predictions: Any) -> Any:
    if getattr(delta, "ndim", 0) == 0:
        return setting("huber", "delta", delta, "(0, inf)")
    real_array("huber", "delta", delta)
    ends = zip(reversed(delta.shape), reversed(predictions.shape), strict=False)
    if delta.ndim > predictions.ndim or any(n not in (1, expected) for n, expected in ends):
        raise ValueError(f"huber: delta of shape {delta.shape} must fit predictions of shape {predictions.shape}")
    known = underlying(delta)
    if is_plain(known) and not holds(np.all(known > 0)):
        raise ValueError(f"huber: delta must be positive numbers, got {known.min()} among them")
    return delta.astype(predictions.dtype)


def log_cosh(predictions: Array, targets: Labels) -> Array:
    """The logarithm of cosh(p - t), averaged within each example: about (p - t)^2 / 2 near, |p - t| - log 2 far away.

    >>> log_cosh(np.array([0.0, 1.0, -50.0]), np.zeros(3))
    array([ 0.        ,  0.43378083, 49.30685282])

    As `optax.log_cosh`, but averaged within each example.
    """
    return fused.log_cosh(predictions, _numbers("log_cosh", predictions, targets))


def poisson(log_predictions: Array, targets: Labels) -> Array:
    """The cost of counts t under a Poisson law of rate exp(z), exp(z) - t z, averaged within each example.

    The net predicts z, the logarithm of the rate; log t!, which does not depend on it, is left out. The loss
    overflows where exp(z) does.

    >>> poisson(np.array([0.0, 1.0]), np.array([0, 3]))
    array([ 1.        , -0.28171817])

    As `torch.nn.functional.poisson_nll_loss`.
    """
    name = "poisson"
    t = _numbers(name, log_predictions, targets, "log_predictions")
    checks.every(name, "targets", t, lambda t: t >= 0, "counts, 0 or more", "For any number use squared_error")
    return fused.poisson(log_predictions, t)


def _numbers(name: str, predictions: Any, targets: Any, argument: str = "predictions") -> Any:
    """The targets of a regression, checked, in the dtype of the predictions."""
    float_array(name, argument, predictions)
    checks.same_shape(name, **{argument: predictions, "targets": targets})
    checks.no_nan(name, "targets", targets)
    return _as_dtype(targets, predictions)


def _as_dtype(targets: Any, predictions: Any) -> Any:
    """Targets in the dtype of the predictions, so that integer or float64 targets do not widen the loss."""
    return targets if targets.dtype == predictions.dtype else targets.astype(predictions.dtype)


# ------------------------------------------------------------------------------------------- one of several classes


def softmax_cross_entropy(logits: Array, labels: Labels) -> Array:
    """The cross-entropy of softmax(logits) and the labels: one value per example.

        loss = log sum_j exp(z_j) - z_label            for integer labels (batch,)
        loss = -sum_j q_j log softmax(z)_j             for rows q of probabilities (batch, classes), as one-hot

    Stable for finite logits of any size and for -inf; adding a constant to a row of logits changes nothing. The
    derivative with respect to the logits is softmax(z) - q. More axes may stand before the last one.

    >>> z = np.array([[1.0, 2.0, 3.0]])
    >>> softmax_cross_entropy(z, np.array([2]))
    array([0.40760596])
    >>> softmax_cross_entropy(z, np.array([3]))
    Traceback (most recent call last):
    ...
    ValueError: softmax_cross_entropy: labels run from 3 to 3 but logits have 3 columns (valid 0..2); \
first bad label at row 0

    As `optax.softmax_cross_entropy` and `optax.softmax_cross_entropy_with_integer_labels` in one.
    """
    name = "softmax_cross_entropy"
    in_rows = checks.labels_of(name, logits, labels)
    checks.not_probabilities(name, logits)
    return fused.softmax_cross_entropy(logits, _as_dtype(labels, logits) if in_rows else labels)


def categorical_cross_entropy(predictions: Array, labels: Labels, eps: float = 1e-7) -> Array:
    """The cross-entropy of probabilities, as softmax gives them, and the labels: -log p_label, one value per example.

        loss = -sum_j q_j log max(p_j, eps)

    Labels are integers (batch,) or rows of probabilities (batch, classes). Below eps the loss is flat and its
    derivative 0: a net that is certain and wrong learns nothing from it. `softmax_cross_entropy` has no such limit.

    >>> p = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    >>> categorical_cross_entropy(p, np.array([0, 2]))
    array([ 0.35667494, 16.11809565])

    As in the book *Neural Networks from Scratch*, which also cuts p at 1 - eps.
    """
    name = "categorical_cross_entropy"
    eps = real_number(name, "eps", eps, "(0, inf)")
    in_rows = checks.labels_of(name, predictions, labels, "predictions")
    checks.probabilities(name, "predictions", predictions, "For logits use softmax_cross_entropy")
    hot = _as_dtype(labels, predictions) if in_rows else _hot(labels, predictions.shape[-1], predictions.dtype)
    return fused.categorical_cross_entropy(predictions, hot, eps)


def kl_divergence(log_predictions: Array, targets: Array) -> Array:
    """The Kullback-Leibler divergence of the predicted distribution q from the target p, KL(p || q), in nats.

        KL(p || q) = sum_j p_j (log p_j - log q_j),       0 log 0 = 0

    Both are (batch, classes): log q, as `log_softmax` gives it, and p. One value per row.

    >>> p, q = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]), np.array([[0.1, 0.6, 0.3], [0.2, 0.5, 0.3]])
    >>> kl_divergence(np.log(q), p)
    array([0.18609809, 0.19682696])

    As `optax.kl_divergence`, and 0 where p = 0 and log q = -inf.
    """
    name = "kl_divergence"
    float_array(name, "log_predictions", log_predictions)
    checks.same_shape(name, log_predictions=log_predictions, targets=targets)
    checks.every(name, "log_predictions", log_predictions, lambda z: z <= checks.TOLERANCE,
                 "logarithms of probabilities", "Take log_softmax of logits, or np.log of probabilities")
    checks.probabilities(name, "targets", targets, "Divide them by their sum")
    xp, p = namespace(log_predictions), _as_dtype(targets, log_predictions)
    log_ratio = xp.log(xp.where(p == 0, 1, p)) - xp.where(p == 0, 0, log_predictions)
    result: Array = xp.sum(p * log_ratio, axis=-1)
    return result


def one_hot(labels: Labels, num_classes: int, dtype: DTypeLike = np.float32) -> Array:
    """Rows with a 1 at the label and 0 elsewhere: (batch,) becomes (batch, num_classes).

    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)

    As `jax.nn.one_hot`, which gives a row of zeros for a label out of range; here it is an error.
    """
    real_array("one_hot", "labels", labels)
    classes = whole_number("one_hot", "num_classes", num_classes, least=0)
    checks.class_labels("one_hot", labels, classes, f"num_classes is {classes}")
    rows: Array = readonly(_hot(labels, classes, dtype))
    return rows


def _hot(labels: Any, classes: int, dtype: DTypeLike) -> Any:
    return (labels[..., None] == namespace(labels).arange(classes)).astype(dtype)


def smooth_labels(labels: Array, alpha: float) -> Array:
    """Labels that are a little unsure, (1 - alpha) q + alpha / classes, from rows q of probabilities.

    >>> smooth_labels(one_hot(np.array([2, 0]), 4), 0.5)
    array([[0.125, 0.125, 0.625, 0.125],
           [0.625, 0.125, 0.125, 0.125]], dtype=float32)

    As `optax.smooth_labels`; Szegedy et al. 2016 (arXiv:1512.00567).
    """
    name = "smooth_labels"
    alpha = real_number(name, "alpha", alpha, "[0, 1]")
    if real_array(name, "labels", labels) == () or labels.dtype.kind != "f":
        raise TypeError(f"{name}: labels must be rows of probabilities (batch, classes), got {labels.dtype} of shape "
                        f"{labels.shape}: losses.one_hot(y, classes)")
    checks.probabilities(name, "labels", labels, "Integer labels first become rows: losses.one_hot(y, classes)")
    return (1 - alpha) * labels + alpha / labels.shape[-1]


# ------------------------------------------------------------------------------------------------ yes or no


def sigmoid_binary_cross_entropy(logits: Array, labels: Labels | Mask) -> Array:
    """The cross-entropy of sigmoid(logits) and labels in [0, 1], averaged over all axes but the first.

        loss = -y log sigmoid(z) - (1 - y) log (1 - sigmoid(z)) = max(z, 0) - y z + log(1 + exp(-|z|))

    Labels have the shape of the logits; booleans, integers 0 and 1, or probabilities. Stable for finite logits of any
    size; the derivative with respect to the logits is sigmoid(z) - y. After a sigmoid, which cannot be told from
    logits here, use `binary_cross_entropy`.

    >>> sigmoid_binary_cross_entropy(np.array([-1000.0, 0.0, 1000.0, 2.0]), np.array([0, 1, 1, 0]))
    array([0.        , 0.69314718, 0.        , 2.12692801])

    As `optax.sigmoid_binary_cross_entropy`, but averaged within each example.
    """
    y = _yes_or_no("sigmoid_binary_cross_entropy", logits, labels, "logits")
    return fused.sigmoid_binary_cross_entropy(logits, y)


def binary_cross_entropy(predictions: Array, labels: Labels | Mask, eps: float = 1e-7) -> Array:
    """The cross-entropy of probabilities, as sigmoid gives them, and labels in [0, 1], averaged within each example.

        loss = -y log max(p, eps) - (1 - y) log max(1 - p, eps)

    Where a probability is below eps the derivative of its term is 0; `sigmoid_binary_cross_entropy` has no such limit.

    >>> binary_cross_entropy(np.array([0.9, 0.5, 0.0]), np.array([1, 0, 1]))
    array([ 0.10536052,  0.69314718, 16.11809565])

    As in the book *Neural Networks from Scratch*, where a perfect prediction costs eps.
    """
    name = "binary_cross_entropy"
    eps = real_number(name, "eps", eps, "(0, inf)")
    y = _yes_or_no(name, predictions, labels, "predictions")
    checks.in_unit_interval(name, "predictions", predictions, "For logits use sigmoid_binary_cross_entropy")
    return fused.binary_cross_entropy(predictions, y, eps)


def hinge(predictions: Array, targets: Labels) -> Array:
    """What a margin of 1 lacks, max(0, 1 - t f) for targets t of -1 or 1, averaged within each example.

    The derivative where t f = 1 is half of that below.

    >>> hinge(np.array([2.0, 0.5, 0.5]), np.array([1, 1, -1]))
    array([0. , 0.5, 1.5])

    As `optax.hinge_loss`, but averaged within each example; Cortes & Vapnik 1995.
    """
    t = _numbers("hinge", predictions, targets)
    checks.every("hinge", "targets", t, lambda t: abs(t) == 1, "-1 or 1", "Labels of 0 and 1: 2 * y - 1")
    return fused.hinge(predictions, t)


def _yes_or_no(name: str, predictions: Any, labels: Any, argument: str) -> Any:
    """Labels from 0 to 1 in the dtype of the predictions."""
    float_array(name, argument, predictions)
    checks.same_shape(name, **{argument: predictions, "labels": labels})
    checks.in_unit_interval(name, "labels", labels, "Labels of -1 and 1: (y + 1) / 2; more than two classes: "
                                                    "softmax_cross_entropy")
    return _as_dtype(labels, predictions)


# ------------------------------------------------------------------------------------------------ likeness


def cosine_distance(predictions: Array, targets: Array) -> Array:
    """One minus the cosine of the angle between rows: 0 for the same direction, 1 at a right angle, 2 for opposite.

        1 - p . t / (|p| |t|)

    A row of zeros is at distance 1 from everything, and its derivative that of a row of length 1.

    >>> cosine_distance(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[2.0, 0.0], [4.0, -3.0]]))
    array([0., 1.])

    As `optax.cosine_distance`, where a row of zeros gives NaN.
    """
    t = _numbers("cosine_distance", predictions, targets)
    xp = namespace(predictions)
    cosine: Array = xp.sum(fused.unit(predictions) * fused.unit(t), axis=-1)
    return 1 - cosine


def contrastive(first: Array, second: Array, same: Labels | Mask, margin: float = 1.0) -> Array:
    """Draws embeddings of the same thing together and pushes others apart, up to a margin: one value per pair.

        D^2 / 2                      for pairs that are the same, D = |first - second|
        max(margin - D, 0)^2 / 2     for the others; their derivative where D = 0 is taken to be 0

    The embeddings are (batch, features); `same` is (batch,), booleans or 1 and 0.

    >>> contrastive(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.5], [1.0, 0.5]]), np.array([True, False]))
    array([0.125, 0.125])

    Hadsell et al. 2006, whose Y is 1 - same.
    """
    name = "contrastive"
    margin = real_number(name, "margin", margin, "(0, inf)")
    second = _embeddings(name, first=first, second=second)
    pairs = real_array(name, "same", same)
    if pairs != first.shape[:-1]:
        raise ValueError(f"{name}: same has shape {pairs}, expected one for each pair, {first.shape[:-1]}")
    checks.in_unit_interval(name, "same", same, "It is True or 1 for pairs that belong together, else False or 0")
    distance, s = fused.distance(first, second), _as_dtype(same, first)
    gap = namespace(first).maximum(margin - distance, 0)
    result: Array = 0.5 * (s * distance * distance + (1 - s) * gap * gap)
    return result


def triplet_margin(anchors: Array, positives: Array, negatives: Array, margin: float = 1.0) -> Array:
    """Wants each anchor closer to its positive than to its negative, by a margin: one value per triplet.

        max(|a - p| - |a - n| + margin, 0)

    All are (batch, features). The derivative of a distance of 0 is taken to be 0, and that of the maximum at its
    corner is half of that above.

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
    return _as_dtype(second, first)
