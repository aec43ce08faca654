"""With this module you can say how wrong a prediction is: `softmax_cross_entropy`, `squared_error`.

Each loss gives one value per example; the mean over them is the caller's, `np.mean(loss(...))`. Classification
losses take logits, the outputs of the last dense layer, where that is more stable than probabilities. Shapes
that would broadcast, and labels that cannot be, are errors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn.activations import log_softmax
from funcnn.arrays import is_concrete, namespace
from funcnn.autodiff import custom_vjp
from funcnn.tracers import concrete
from funcnn.typing import Array, Labels

__all__ = ["softmax_cross_entropy", "squared_error"]


# ------------------------------------------------------------------------------------------ regression


def squared_error(predictions: Array, targets: Array) -> Array:
    """The square of the error, (p - t)^2, averaged over all axes but the first: one value per example.

    Predictions and targets have the same shape, (batch, ...); their mean is the mean-squared error.

    >>> squared_error(np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [0.0, 1.0]]))
    array([2. , 0.5])

    Unlike `optax.squared_error`, it is already averaged within each example.
    """
    _check_same_shape("squared_error", predictions, targets)
    difference = predictions - _as_dtype(targets, predictions)
    return _per_example(difference * difference)


def _per_example(errors: Any) -> Array:
    axes = tuple(range(1, errors.ndim))
    result: Array = namespace(errors).mean(errors, axis=axes) if axes else errors
    return result


def _as_dtype(targets: Any, predictions: Any) -> Any:
    """Targets in the dtype of the predictions, so that integer or float64 targets do not widen the loss."""
    return targets if targets.dtype == predictions.dtype else targets.astype(predictions.dtype)


def _check_same_shape(name: str, predictions: Any, targets: Any) -> None:
    p, t = _shape(name, "predictions", predictions), _shape(name, "targets", targets)
    _check_not_empty(name, p)
    if p == t:
        return
    if p == (*t, 1):
        fix = "Reshape the targets: y[:, None]"
    elif t == (*p, 1):
        fix = "Reshape the targets: y[:, 0]"
    else:
        fix = "They must be the same"
    raise ValueError(f"{name}: predictions are {p} but targets are {t}{_broadcast(p, t)}. {fix}")


def _broadcast(p: Any, t: Any) -> str:
    try:
        return f"; they would broadcast to {np.broadcast_shapes(p, t)}"
    except ValueError:
        return ""


def _shape(name: str, argument: str, x: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] | None = getattr(x, "shape", None)
    if shape is None:
        raise TypeError(f"{name}: {argument} must be an array, got a {type(x).__name__}: np.asarray(x, np.float32)")
    if concrete(x).dtype.kind in "OSU":
        raise TypeError(f"{name}: {argument} must be numbers, got dtype {concrete(x).dtype}")
    return shape


def _check_not_empty(name: str, shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise ValueError(f"{name}: the batch is empty (shape {shape}); its mean would be NaN")


# -------------------------------------------------------------------------------------- classification


def softmax_cross_entropy(logits: Array, labels: Labels) -> Array:
    """The cross-entropy of softmax(logits) and the labels: one value per example.

        loss = log sum_j exp(z_j) - z_label            for integer labels (batch,)
        loss = -sum_j q_j log softmax(z)_j             for rows q of probabilities (batch, classes), as one-hot

    Stable for logits of any size, -inf among them; adding a constant to a row of logits changes nothing. The
    derivative with respect to the logits is softmax(z) - q.

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
    _check_labels(name, logits, labels)
    _check_logits(name, concrete(logits))
    if labels.ndim == logits.ndim:
        return _dense_cross_entropy(logits, _as_dtype(labels, logits))
    return _integer_cross_entropy(logits, labels)


@custom_vjp
def _integer_cross_entropy(logits: Array, labels: Any) -> Array:
    log_p = log_softmax(logits)
    chosen: Array = namespace(logits).take_along_axis(log_p, labels[..., None], axis=-1)
    return -chosen[..., 0]


def _integer_fwd(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Works on (classes, batch), because reductions over a short last axis are slow."""
    z = logits.reshape((-1, logits.shape[-1])).T.copy()
    z -= np.max(z, axis=0)
    classes, batch = np.arange(z.shape[0])[:, None], np.arange(z.shape[1])
    p = np.exp(z)
    total = np.sum(p, axis=0)
    label = labels.reshape(-1)
    loss = np.log(total) - z[label, batch]
    p /= total
    p -= (classes == label).astype(p.dtype)
    return loss.reshape(labels.shape), p


def _integer_bwd(p_minus_hot: Any, g: Any) -> tuple[Any, None]:
    dz = (p_minus_hot * g.reshape(-1)).T
    return dz.reshape((*g.shape, dz.shape[-1])), None


_integer_cross_entropy.defvjp(_integer_fwd, _integer_bwd)


def _dense_cross_entropy(logits: Array, q: Any) -> Array:
    xp = namespace(logits)
    log_p = log_softmax(logits)
    result: Array = -xp.sum(xp.where(q == 0, 0, q * log_p), axis=-1)
    return result


def _check_labels(name: str, logits: Any, labels: Any) -> None:
    z, y = _shape(name, "logits", logits), _shape(name, "labels", labels)
    if not z:
        raise ValueError(f"{name}: logits must be (batch, classes), got a single number")
    _check_not_empty(name, z)
    if y == z:
        _check_probabilities(name, labels)
    elif y == z[:-1]:
        _check_classes(name, labels, z[-1])
    elif y == (*z[:-1], 1):
        raise ValueError(f"{name}: labels have shape {y}, expected {z[:-1]}. Drop the last axis: y[:, 0]")
    else:
        raise ValueError(f"{name}: logits are {z} but labels are {y}; expected integer labels of shape {z[:-1]} or "
                         f"rows of probabilities of shape {z}")


def _check_classes(name: str, labels: Any, classes: int) -> None:
    kind = labels.dtype.kind
    if kind not in "iu":
        raise TypeError(f"{name}: labels of shape {labels.shape} must be integers, got {labels.dtype}: "
                        "y.astype(np.int64)")
    if not is_concrete(labels):
        return
    if labels.view(f"u{labels.itemsize}").max() >= classes:  # as unsigned numbers, negative ones are large
        low, high = labels.min(), labels.max()
        row = int(np.argmax((labels.ravel() < 0) | (labels.ravel() >= classes)))
        raise ValueError(f"{name}: labels run from {low} to {high} but logits have {classes} columns (valid "
                         f"0..{classes - 1}); first bad label at row {row}")


def _check_probabilities(name: str, labels: Any) -> None:
    q = concrete(labels)
    if not is_concrete(q):
        return
    sums = q.sum(-1)
    if not (np.all(q >= 0) and np.allclose(sums, 1, atol=1e-3)):
        row = int(np.argmax((np.abs(sums - 1) > 1e-3).ravel() | np.any(q < 0, axis=-1).ravel()))
        raise ValueError(f"{name}: labels of shape {q.shape} must be rows of probabilities, not negative and with sum "
                         f"1; row {row} is {q.reshape(-1, q.shape[-1])[row]}. Integer labels have shape {q.shape[:-1]}")


def _check_logits(name: str, z: Any) -> None:
    """Refuse what can only be the output of softmax: a batch of rows of numbers in (0, 1) with sum 1."""
    if not is_concrete(z) or z.ndim != 2 or len(z) < 2 or not _sums_to_1(z[0]):
        return
    if np.all(z > 0) and np.all(np.abs(z.sum(-1) - 1) < 1e-5):
        raise ValueError(f"{name}: the logits are positive and each row has sum 1, so they look like "
                         "probabilities. Take the outputs before softmax (if these are logits, add 1 to "
                         "them: it changes nothing), or np.log of the probabilities")


def _sums_to_1(row: Any) -> bool:
    return bool(abs(row.sum() - 1) < 1e-5)
