"""How wrong a prediction is: `softmax_cross_entropy`, `squared_error`, `huber`.

Each loss gives one value per example; the mean over them is the caller's, `np.mean(loss(...))`. To choose one:

    the target is                       the loss                            the net's last layer
    a number                            squared_error; with outliers huber  dense
    a number, and how sure              gaussian_nll; quantile              dense, of two outputs or more
    one of several classes              softmax_cross_entropy               dense, no softmax
    yes or no, to one or more things    sigmoid_binary_cross_entropy        dense, no sigmoid
    a count                             poisson                             dense, for the logarithm of the rate
    a distribution                      kl_divergence                       dense >> log_softmax
    yes, rarely; a region               focal; dice                         dense, no sigmoid
    likeness to other examples          triplet_margin, contrastive, ntxent dense

Padding does not count: `where`, booleans whose axes are as long as those of the predictions, or 1, says what does. The
average within an example is over that alone, and 0 where nothing counts; labels and numbers elsewhere may be any, and
get derivative 0. Weighed by how much of each example counts, `np.sum(loss * n) / np.sum(n)`, the mean is that over all
that counts.

Classification losses take logits, the outputs of the last dense layer, where that is more stable than
probabilities. Predictions and targets have the same shape; what would broadcast, labels that cannot be, NaN among
the targets and an empty batch are errors. The loss has the dtype of the predictions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn._arguments import HOLDS, Interval, float_array, real_array, real_number, whole_number
from funcnn._arrays import is_plain, namespace, readonly
from funcnn._later import later
from funcnn.core import holds, underlying
from funcnn.core.settings import setting
from funcnn.losses import checks
from funcnn.losses import formulas as fused
from funcnn.losses.imbalance import dice, focal
from funcnn.losses.likeness import contrastive, cosine_distance, cosine_similarity, ntxent, triplet_margin
from funcnn.typing import Array, Labels, Mask

if TYPE_CHECKING:
    from funcnn.typing import DTypeLike

__all__ = [
    "absolute_error", "binary_cross_entropy", "categorical_cross_entropy", "contrastive", "cosine_distance",
    "cosine_similarity", "dice", "focal", "gaussian_nll", "hinge", "huber", "kl_divergence", "log_cosh", "ntxent",
    "one_hot", "poisson", "quantile", "sigmoid_binary_cross_entropy", "smooth_labels", "softmax_cross_entropy",
    "squared_error", "triplet_margin",
]


# ---------------------------------------------------------------------------------------------- regression


def squared_error(predictions: Array, targets: Labels, *, where: Mask | None = None) -> Array:
    """The square of the error, `(p - t)^2`, averaged over all axes but the first: one value per example.

    `predictions` p and `targets` t have the same shape, (batch, ...), `where` says which of them count (all); the mean
    of the loss is the mean-squared error.

    >>> squared_error(np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 1.0]]))
    array([2. , 0.5])
    >>> squared_error(np.ones((300, 1)), np.ones(300))
    Traceback (most recent call last):
    ...
    ValueError: squared_error: predictions are (300, 1) but targets are (300,); they would broadcast to (300, 300). \
Reshape the targets: y[:, None]

    Unlike `optax.squared_error`, it is already averaged within each example.
    """
    predictions, targets = checks.counting("squared_error", where, predictions=predictions, targets=targets)
    targets = checks.numbers("squared_error", predictions, targets)
    return fused.averaged(fused.squared_error, where, predictions, targets)


def absolute_error(predictions: Array, targets: Labels, *, where: Mask | None = None) -> Array:
    """The size of the error, `abs(p - t)`, averaged within each example; its derivative where p = t is 0.

    `predictions` p, `targets` t and `where` are as in `squared_error`.

    >>> absolute_error(np.array([0.5, -1.5, 2.0]), np.zeros(3))
    array([0.5, 1.5, 2. ])
    """
    predictions, targets = checks.counting("absolute_error", where, predictions=predictions, targets=targets)
    targets = checks.numbers("absolute_error", predictions, targets)
    return fused.averaged(fused.absolute_error, where, predictions, targets)


def huber(predictions: Array, targets: Labels, delta: float | Array = 1.0, *, where: Mask | None = None) -> Array:
    """Half the squared error near the target, straight lines far from it, averaged within each example.

        (p - t)^2 / 2                      where abs(p - t) <= delta
        delta (abs(p - t) - delta / 2)     elsewhere

    `predictions` p, `targets` t and `where` are as in `squared_error`; `delta`, above 0, has their unit.

    >>> huber(np.array([0.5, -1.5, 2.0]), np.zeros(3))
    array([0.125, 1.   , 1.5  ])

    delta may be an array, one for each feature, and be differentiated by: the sum of `max(abs(p - t) - delta, 0)`.

    As `optax.huber_loss`, but averaged within each example; Huber 1964.
    """
    predictions, targets = checks.counting("huber", where, predictions=predictions, targets=targets)
    targets = checks.numbers("huber", predictions, targets)
    delta = _one_or_several("huber", "delta", delta, "(0, inf)", predictions)
    return fused.averaged(fused.huber, where, predictions, targets, delta)


def _one_or_several(name: str, argument: str, value: Any, within: Interval, predictions: Any) -> Any:
    """A setting of a loss: a number, or an array of one for each feature."""
    if getattr(value, "ndim", 0) == 0:
        return setting(name, argument, value, within)
    real_array(name, argument, value)
    ends = zip(reversed(value.shape), reversed(predictions.shape), strict=False)
    if value.ndim > predictions.ndim or any(n not in (1, expected) for n, expected in ends):
        raise ValueError(f"{name}: {argument} of shape {value.shape} must fit predictions of shape {predictions.shape}")
    known, is_inside = underlying(value), HOLDS[within]
    if is_plain(known) and not holds(np.all(is_inside(known))):
        bad = known[~is_inside(known)].flat[0]
        raise ValueError(f"{name}: {argument} must be numbers in {within}, got {bad} among them")
    return value.astype(predictions.dtype)


def quantile(predictions: Array, targets: Labels, q: float | Array = 0.5, *, where: Mask | None = None) -> Array:
    """The cost of being off a quantile, least where a share q of the targets lies below, averaged within each example.

        max(q (t - p), (q - 1) (t - p))

    `predictions` p, `targets` t and `where` are as in `squared_error`. `q` is in (0, 1), and may be an array, one for
    each feature: a net with three outputs for q of 0.1, 0.5 and 0.9, and the target three times. It may be
    differentiated by. Where p = t the derivative is the mean of both sides.

    >>> quantile(np.array([1.0, 3.0]), np.array([2.0, 2.0]), 0.9)
    array([0.9, 0.1])

    Koenker & Bassett 1978; its mean is `sklearn.metrics.mean_pinball_loss`, whose alpha is q.
    """
    predictions, targets = checks.counting("quantile", where, predictions=predictions, targets=targets)
    targets = checks.numbers("quantile", predictions, targets)
    q = _one_or_several("quantile", "q", q, "(0, 1)", predictions)
    return fused.averaged(fused.quantile, where, predictions, targets, q)


def log_cosh(predictions: Array, targets: Labels, *, where: Mask | None = None) -> Array:
    """The logarithm of `cosh(p - t)`, averaged within each example.

    `predictions` p, `targets` t, `where`: as in `squared_error`; near `(p - t)^2 / 2`, far away `abs(p - t) - log 2`.

    >>> log_cosh(np.array([0.0, 1.0, -50.0]), np.zeros(3))
    array([ 0.        ,  0.43378083, 49.30685282])

    As `optax.log_cosh`, but averaged within each example.
    """
    predictions, targets = checks.counting("log_cosh", where, predictions=predictions, targets=targets)
    targets = checks.numbers("log_cosh", predictions, targets)
    return fused.averaged(fused.log_cosh, where, predictions, targets)


def gaussian_nll(predictions: Array, targets: Labels, var: Array | float, full: bool = False, eps: float = 1e-6, *,
                 where: Mask | None = None) -> Array:
    """The cost of targets t under a normal law of mean p and variance var, averaged within each example.

        (log v + (p - t)^2 / v) / 2,     v = max(var, eps);    with full, plus log(2 pi) / 2

    `predictions` p, `targets` t and `where` are as in `squared_error`. `var` has their shape, or is a number; a net
    gives it as softplus of an output. Below `eps` its derivative is 0.

    >>> gaussian_nll(np.array([1.0, 3.0]), np.array([2.0, 3.0]), np.array([1.0, 4.0]))
    array([0.5       , 0.69314718])

    As `torch.nn.functional.gaussian_nll_loss`, where var has a derivative below eps too. Nix & Weigend 1994.
    """
    name = "gaussian_nll"
    eps = real_number(name, "eps", eps, "(0, inf)")
    predictions, targets = checks.counting(name, where, predictions=predictions, targets=targets)
    targets = checks.numbers(name, predictions, targets)
    xp, v = namespace(predictions), _variance(name, predictions, var, where)
    v = xp.maximum(v, eps)
    each = (xp.log(v) + xp.square(predictions - targets) / v) / 2
    loss: Array = fused.average(each + math.log(2 * math.pi) / 2 if full else each, where)
    return loss


def _variance(name: str, predictions: Any, var: Any, where: Any) -> Any:
    if getattr(var, "ndim", 0) == 0:
        return namespace(predictions).full_like(predictions, 1) * setting(name, "var", var)
    if real_array(name, "var", var) != predictions.shape:
        raise ValueError(f"{name}: predictions are {predictions.shape} but var is {var.shape}; it must be the same, or "
                         "a number")
    var = var if where is None else namespace(var).where(where, var, 1)
    checks.every(name, "var", var, lambda v: v >= 0, "0 or more", "Of any number take softplus, or exp")
    return checks.as_dtype(var, predictions)


def poisson(log_predictions: Array, targets: Labels, *, where: Mask | None = None) -> Array:
    """The cost of counts t under a Poisson law of rate exp(z), `exp(z) - t z`, averaged within each example.

    The net predicts z, the logarithm of the rate: `log_predictions`. The `targets` t are 0 or more; log t!, which does
    not depend on z, is left out. The loss overflows where exp(z) does. `where` is as in `squared_error`.

    >>> poisson(np.array([0.0, 1.0]), np.array([0, 3]))
    array([ 1.        , -0.28171817])

    As `torch.nn.functional.poisson_nll_loss`.
    """
    name = "poisson"
    log_predictions, targets = checks.counting(name, where, log_predictions=log_predictions, targets=targets)
    t = checks.numbers(name, log_predictions, targets, "log_predictions")
    checks.every(name, "targets", t, lambda t: t >= 0, "counts, 0 or more", "For any number use squared_error")
    return fused.averaged(fused.poisson, where, log_predictions, t)


# ------------------------------------------------------------------------------------------- one of several classes


def softmax_cross_entropy(logits: Array, labels: Labels, *, where: Mask | None = None) -> Array:
    """The cross-entropy of softmax(logits) and the labels: one value per example.

        loss = log sum_j exp(z_j) - z_label       for integer labels (batch,)
        loss = -sum_j q_j log softmax(z)_j        for rows q of probabilities (batch, classes)

    Stable for finite `logits` of any size and for -inf; adding a constant to a row of logits changes nothing. The
    derivative with respect to the logits is `softmax(z) - q`. More axes may stand before the last one. `where`, of the
    shape of the loss, says which rows count: the others, padding with any label, cost 0.

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
    logits, labels = checks.counting_rows(name, where, logits, labels)
    in_rows = checks.labels_of(name, logits, labels)
    checks.not_probabilities(name, logits)
    return _of_rows(where, fused.softmax_cross_entropy(logits, checks.as_dtype(labels, logits) if in_rows else labels))


def _of_rows(where: Any, loss: Any) -> Array:
    """The loss of the rows that count, 0 for the others."""
    counted: Array = loss if where is None else namespace(loss).where(where, loss, 0)
    return counted


def categorical_cross_entropy(predictions: Array, labels: Labels, eps: float = 1e-7, *, where: Mask | None = None,
                              ) -> Array:
    """The cross-entropy of probabilities, as softmax gives them, and the labels: `-log p_label`, one value per example.

        loss = -sum_j q_j log max(p_j, eps)

    `predictions` p are (batch, classes), in [0, 1]; `labels` and `where` are as in `softmax_cross_entropy`, which has
    no such limit as `eps`: below it the loss is flat, and a net that is certain and wrong learns nothing from it.

    >>> p = np.array([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]])
    >>> categorical_cross_entropy(p, np.array([0, 2]))
    array([ 0.35667494, 16.11809565])

    As in the book *Neural Networks from Scratch*, which also cuts p at 1 - eps.
    """
    name = "categorical_cross_entropy"
    eps = real_number(name, "eps", eps, "(0, inf)")
    predictions, labels = checks.counting_rows(name, where, predictions, labels, "predictions", uniform=True)
    in_rows = checks.labels_of(name, predictions, labels, "predictions")
    checks.probabilities(name, "predictions", predictions, "For logits use softmax_cross_entropy")
    hot = checks.as_dtype(labels, predictions) if in_rows else _hot(labels, predictions.shape[-1], predictions.dtype)
    return _of_rows(where, fused.categorical_cross_entropy(predictions, hot, eps))


def kl_divergence(log_predictions: Array, targets: Array, *, where: Mask | None = None) -> Array:
    """The Kullback-Leibler divergence of the predicted distribution q from the target p, KL(p || q), in nats.

        KL(p || q) = sum_j p_j (log p_j - log q_j),       0 log 0 = 0

    `log_predictions`, log q as `log_softmax` gives it, and `targets`, p, are (batch, classes). One value per row;
    `where`, one boolean for each, says which count.

    >>> p, q = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]), np.array([[0.1, 0.6, 0.3], [0.2, 0.5, 0.3]])
    >>> kl_divergence(np.log(q), p)
    array([0.18609809, 0.19682696])

    As `optax.kl_divergence`, and 0 where p = 0 and log q = -inf.
    """
    name = "kl_divergence"
    float_array(name, "log_predictions", log_predictions)
    log_predictions, targets = checks.counting_rows(name, where, log_predictions, targets, "log_predictions")
    checks.same_shape(name, log_predictions=log_predictions, targets=targets)
    checks.every(name, "log_predictions", log_predictions, lambda z: z <= checks.TOLERANCE,
                 "logarithms of probabilities", "Take log_softmax of logits, or np.log of probabilities")
    checks.probabilities(name, "targets", targets, "Divide them by their sum")
    xp, p = namespace(log_predictions), checks.as_dtype(targets, log_predictions)
    log_ratio = xp.log(xp.where(p == 0, 1, p)) - xp.where(p == 0, 0, log_predictions)
    return _of_rows(where, xp.sum(p * log_ratio, axis=-1))


def one_hot(labels: Labels, num_classes: int, dtype: DTypeLike = np.float32) -> Array:
    """Rows of `dtype` with a 1 at the label and 0 elsewhere: `labels` (batch,) become `(batch, num_classes)`.

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
    """Labels that are a little unsure, `(1 - alpha) q + alpha / classes`, of `labels` q, rows of probabilities.

    `alpha`, in [0, 1], is how much is shared by all classes: 1 makes each row uniform.

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


def sigmoid_binary_cross_entropy(logits: Array, labels: Labels | Mask, *, where: Mask | None = None) -> Array:
    """The cross-entropy of sigmoid(logits) and labels in [0, 1], averaged over all axes but the first.

        -y log sigmoid(z) - (1 - y) log (1 - sigmoid(z)) = max(z, 0) - y z + log(1 + exp(-abs(z)))

    `labels` y have the shape of the `logits` z: booleans, integers 0 and 1, or probabilities. Stable for finite logits
    of any size; the derivative with respect to the logits is `sigmoid(z) - y`. After a sigmoid, which cannot be told
    from logits here, use `binary_cross_entropy`. `where` is as in `squared_error`.

    >>> sigmoid_binary_cross_entropy(np.array([-1000.0, 0.0, 1000.0, 2.0]), np.array([0, 1, 1, 0]))
    array([0.        , 0.69314718, 0.        , 2.12692801])

    As `optax.sigmoid_binary_cross_entropy`, but averaged within each example.
    """
    logits, labels = checks.counting("sigmoid_binary_cross_entropy", where, logits=logits, labels=labels)
    y = checks.yes_or_no("sigmoid_binary_cross_entropy", logits, labels, "logits")
    return fused.averaged(fused.sigmoid_binary_cross_entropy, where, logits, y)


def binary_cross_entropy(predictions: Array, labels: Labels | Mask, eps: float = 1e-7, *, where: Mask | None = None,
                         ) -> Array:
    """The cross-entropy of probabilities, as sigmoid gives them, and labels in [0, 1], averaged within each example.

        loss = -y log max(p, eps) - (1 - y) log max(1 - p, eps)

    `labels` y and `where` are as in `sigmoid_binary_cross_entropy`, which has no such limit as `eps`: where one of the
    `predictions` p is closer to 0 or 1, the derivative of its term is 0.

    >>> binary_cross_entropy(np.array([0.9, 0.5, 0.0]), np.array([1, 0, 1]))
    array([ 0.10536052,  0.69314718, 16.11809565])

    As in the book *Neural Networks from Scratch*, where a perfect prediction costs eps.
    """
    name = "binary_cross_entropy"
    eps = real_number(name, "eps", eps, "(0, inf)")
    predictions, labels = checks.counting(name, where, predictions=predictions, labels=labels)
    y = checks.yes_or_no(name, predictions, labels, "predictions")
    checks.in_unit_interval(name, "predictions", predictions, "For logits use sigmoid_binary_cross_entropy")
    return fused.averaged(fused.binary_cross_entropy, where, predictions, y, eps)


def hinge(predictions: Array, targets: Labels, *, where: Mask | None = None) -> Array:
    """What a margin of 1 lacks, `max(0, 1 - t f)` for targets t of -1 or 1, averaged within each example.

    `predictions` f are any numbers, `targets` and `where` as long. The derivative where t f = 1 is half of that below.

    >>> hinge(np.array([2.0, 0.5, 0.5]), np.array([1, 1, -1]))
    array([0. , 0.5, 1.5])

    As `optax.hinge_loss`, but averaged within each example; Cortes & Vapnik 1995.
    """
    predictions, targets = checks.counting("hinge", where, target=1, predictions=predictions, targets=targets)
    t = checks.numbers("hinge", predictions, targets)
    checks.every("hinge", "targets", t, lambda t: abs(t) == 1, "-1 or 1", "Labels of 0 and 1: 2 * y - 1")
    return fused.averaged(fused.hinge, where, predictions, t)


later(globals())  # what may be meant by a name that is not here
