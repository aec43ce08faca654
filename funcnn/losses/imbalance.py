"""What is the loss where one answer is rare? `focal` for each yes or no, `dice` for a region as a whole.

Where nearly all pixels are background, a net that answers "background" everywhere has a small cross-entropy. Users find
all of it in `funcnn.losses`.
"""

from __future__ import annotations

from typing import Any

from funcnn._arguments import float_array, real_array, real_number
from funcnn._arrays import namespace
from funcnn.activations import sigmoid, softmax
from funcnn.core.settings import setting
from funcnn.losses import checks
from funcnn.losses import formulas as fused
from funcnn.typing import Array, Labels, Mask

__all__ = ["dice", "focal"]


def focal(logits: Array, labels: Labels | Mask, *, alpha: float | None = None, gamma: float = 2.0,
          where: Mask | None = None) -> Array:
    """The binary cross-entropy, in which what is right already counts little, averaged within each example.

        loss = a (1 - p_t)^gamma CE(z, y)
        p_t = p y + (1 - p) (1 - y),              p = sigmoid(z)
        a = alpha y + (1 - alpha) (1 - y)         or 1 without alpha

    `labels` y have the shape of the `logits` z: booleans, integers 0 and 1, or probabilities. `where` says which count.

    >>> import numpy as np
    >>> focal(np.array([0.0, 3.0, -3.0]), np.array([1, 1, 1]))
    array([1.73286795e-01, 1.09283324e-04, 2.76628044e+00])

    Lin et al. 2017 (arXiv:1708.02002), whose alpha is 0.25. As `optax.sigmoid_focal_loss`, but averaged within each
    example.
    """
    name = "focal"
    gamma = setting(name, "gamma", gamma)
    logits, labels = checks.counting(name, where, logits=logits, labels=labels)
    y = checks.yes_or_no(name, logits, labels, "logits")
    wrong = (1 - y) * sigmoid(logits) + y * sigmoid(-logits)
    tiny = float(namespace(logits).finfo(logits.dtype).tiny)
    weight = namespace(logits).maximum(wrong, tiny) ** gamma  # the slope of 0^gamma may be infinite
    if alpha is not None:
        alpha = real_number(name, "alpha", alpha, "[0, 1]")
        weight = weight * (alpha * y + (1 - alpha) * (1 - y))
    loss: Array = fused.average(weight * fused.of_each(fused.sigmoid_binary_cross_entropy, logits, y), where)
    return loss


def dice(predictions: Array, targets: Labels | Mask, *, class_weights: Array | None = None, smooth: float = 1.0,
         alpha: float = 0.5, beta: float = 0.5, apply_softmax: bool = True, ignore_background: bool = False) -> Array:
    """How little a predicted region and the true one overlap, averaged over classes: one value per example.

        loss = 1 - (I + smooth) / (I + alpha (P - I) + beta (T - I) + smooth)
        I = sum p t,  P = sum p,  T = sum t

    The sums go over all axes but the first and the last, which counts the classes.

    - `predictions`: logits (batch, ..., classes), which become probabilities by softmax, or where there is one class by
      sigmoid; with `apply_softmax=False` they are probabilities.
    - `targets`: of their shape, such as `one_hot(y, classes)`.
    - `class_weights`: what the loss of each class is multiplied with before the average, (classes,); 1 unless given.
    - `smooth`: makes two empty regions alike, with loss 0; with `smooth=0.0` it is NaN, with NumPy's warning.
    - `alpha`, `beta`: with 1/2 for both the quotient is Dice's coefficient; alpha weighs what is predicted and not
      there, beta what is there and missed.
    - `ignore_background`: leaves class 0 out.

    >>> import numpy as np
    >>> p = np.array([[[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]])
    >>> dice(p, np.array([[[1, 0], [1, 0], [0, 1]]]), smooth=0.0, apply_softmax=False)
    array([0.17142857])

    Milletari et al. 2016 (arXiv:1606.04797); Salehi et al. 2017 (arXiv:1706.05721) for alpha and beta. As
    `optax.dice_loss`.
    """
    name = "dice"
    smooth, alpha, beta = setting(name, "smooth", smooth), setting(name, "alpha", alpha), setting(name, "beta", beta)
    p, t = _probabilities(name, predictions, targets, apply_softmax), checks.as_dtype(targets, predictions)
    xp, axes = namespace(p), tuple(range(1, p.ndim - 1))
    both, predicted, true = xp.sum(p * t, axis=axes), xp.sum(p, axis=axes), xp.sum(t, axis=axes)
    either = both + alpha * (predicted - both) + beta * (true - both)
    of_classes = 1 - (both + smooth) / (either + smooth)
    if class_weights is not None:
        of_classes = of_classes * _weights(name, class_weights, p)
    loss: Array = xp.mean(of_classes[..., 1:] if ignore_background and p.shape[-1] > 1 else of_classes, axis=-1)
    return loss


def _probabilities(name: str, predictions: Any, targets: Any, apply_softmax: bool) -> Any:
    shape, found = float_array(name, "predictions", predictions), real_array(name, "targets", targets)
    if len(shape) < 2:
        raise ValueError(f"{name}: predictions of shape {shape} must be (batch, ..., classes); with one class, x[..., "
                         "None]")
    if found == shape[:-1] and shape[-1] > 1:
        raise ValueError(f"{name}: predictions are {shape} but targets are {found}; of class numbers make rows: "
                         f"losses.one_hot(y, {shape[-1]})")
    checks.same_shape(name, predictions=predictions, targets=targets)
    checks.in_unit_interval(name, "targets", targets, "They are 1 where the class is, and 0 elsewhere")
    if apply_softmax:
        return softmax(predictions) if shape[-1] > 1 else sigmoid(predictions)
    checks.in_unit_interval(name, "predictions", predictions, "Leave out apply_softmax=False for logits")
    if shape[-1] > 1:
        checks.probabilities(name, "predictions", predictions, "Leave out apply_softmax=False for logits")
    return predictions


def _weights(name: str, class_weights: Any, p: Any) -> Any:
    if real_array(name, "class_weights", class_weights) != p.shape[-1:]:
        raise ValueError(f"{name}: class_weights have shape {class_weights.shape}, expected one for each class, "
                         f"{p.shape[-1:]}")
    return class_weights.astype(p.dtype)
