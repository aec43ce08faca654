"""What predictions, targets and labels must be; the losses and the metrics begin with these checks.

Shapes and dtypes are checked always, values where they can be looked at: in arrays, traced by `grad` or not, but not
under `jax.jit`. A check of values is a function of a plain array that raises; `_look` hands it the array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn._arguments import float_array, real_array
from funcnn._arrays import is_plain, namespace
from funcnn.core import holds, underlying
from funcnn.typing import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TOLERANCE", "as_dtype", "class_labels", "counting", "counting_rows", "every", "in_unit_interval",
           "labels_of", "no_nan", "not_empty", "not_probabilities", "numbers", "probabilities", "same_shape",
           "yes_or_no"]

TOLERANCE = 1e-3
"""How far probabilities may be from [0, 1], and their sum from 1, before they are taken for something else."""


# --------------------------------------------------------------------------------------------------- shapes


def not_empty(name: str, shape: Shape) -> None:
    """Refuse a batch of nothing.

    >>> not_empty("loss", (0, 3))
    Traceback (most recent call last):
    ...
    ValueError: loss: the batch is empty (shape (0, 3)); its mean would be NaN
    """
    if 0 in shape:
        raise ValueError(f"{name}: the batch is empty (shape {shape}); its mean would be NaN")


def same_shape(name: str, **arrays: Any) -> None:
    """Two arrays, given by the names of their arguments, have the same shape, and not an empty one.

    >>> same_shape("loss", predictions=np.ones((300, 1)), targets=np.ones(300))
    Traceback (most recent call last):
    ...
    ValueError: loss: predictions are (300, 1) but targets are (300,); they would broadcast to (300, 300). \
Reshape the targets: y[:, None]
    """
    (first, x), (second, y) = arrays.items()
    p, t = real_array(name, first, x), real_array(name, second, y)
    not_empty(name, p)
    if p == t:
        return
    fix = "They must be the same"
    if p == (*t, 1):
        fix = f"Reshape the {second}: y[{':, ' * len(t)}None]"
    elif t == (*p, 1):
        fix = f"Reshape the {second}: y[{':, ' * len(p)}0]"
    raise ValueError(f"{name}: {first} are {p} but {second} are {t}{_broadcast(p, t)}. {fix}")


def _broadcast(p: Shape, t: Shape) -> str:
    try:
        return f"; they would broadcast to {np.broadcast_shapes(p, t)}"
    except ValueError:
        return ""


# --------------------------------------------------------------------------------------------------- values


def _look(x: Any, check: Callable[[NDArray[Any]], None]) -> None:
    """Check the values of x, inside vmap those of all examples, if they can be looked at or asked about."""
    values = underlying(x)
    if isinstance(values, (np.ndarray, np.generic)):
        check(np.asarray(values))
    elif is_plain(values):
        check(values)


def every(name: str, argument: str, x: Any, test: Callable[[Any], Any], expected: str, fix: str) -> None:
    """Every entry passes a test.

    >>> every("hinge", "targets", np.array([1, -1, 0]), lambda t: abs(t) == 1, "-1 or 1", "Labels of 0 and 1: 2 y - 1")
    Traceback (most recent call last):
    ...
    ValueError: hinge: targets must be -1 or 1, got 0 at row 2. Labels of 0 and 1: 2 y - 1
    """
    _look(x, lambda values: _check_every(name, argument, values, test(values), expected, fix))


def _check_every(name: str, argument: str, values: Any, good: Any, expected: str, fix: str) -> None:
    if not holds(good.all()):
        raise ValueError(f"{name}: {argument} must be {expected}, got {values[~good].flat[0]} at row "
                         f"{_first_row(~good)}. {fix}")


def no_nan(name: str, argument: str, x: Any, fix: str = "Leave such rows out") -> None:
    """Refuse data with NaN, which would make the loss NaN and say nothing about where from.

    >>> no_nan("loss", "targets", np.array([1.0, np.nan]))
    Traceback (most recent call last):
    ...
    ValueError: loss: targets must be numbers, got nan at row 1. Leave such rows out
    """
    _look(x, lambda values: _check_no_nan(name, argument, values, fix))


def _check_no_nan(name: str, argument: str, values: Any, fix: str) -> None:
    if values.dtype.kind == "f" and holds(np.isnan(values.min())):
        _check_every(name, argument, values, ~np.isnan(values), "numbers", fix)


def _first_row(bad: Any) -> int:
    """The index along the first axis of the first True."""
    return int(np.unravel_index(np.argmax(bad), bad.shape)[0]) if bad.ndim else 0


# -------------------------------------------------------------------------------------------- probabilities


def in_unit_interval(name: str, argument: str, x: Any, fix: str) -> None:
    """All numbers are probabilities, or labels of two classes: from 0 to 1.

    >>> in_unit_interval("loss", "predictions", np.array([0.5, 3.0]), "For logits use the other")
    Traceback (most recent call last):
    ...
    ValueError: loss: predictions must be between 0 and 1, got 3.0 at row 1. For logits use the other
    """
    if x.dtype.kind != "b":
        every(name, argument, x, lambda p: (p >= -TOLERANCE) & (p <= 1 + TOLERANCE), "between 0 and 1", fix)


def probabilities(name: str, argument: str, x: Any, fix: str) -> None:
    """Each row (last axis) holds probabilities: not negative and with sum 1.

    >>> probabilities("loss", "predictions", np.array([[0.5, 0.5], [2.0, 1.0]]), "For logits use the other")
    Traceback (most recent call last):
    ...
    ValueError: loss: predictions of shape (2, 2) must be rows of probabilities, not negative and with sum 1; row 1 \
is [2. 1.]. For logits use the other
    """
    _look(x, lambda q: _check_probabilities(name, argument, q, fix))


def _check_probabilities(name: str, argument: str, q: Any, fix: str) -> None:
    rows = q.reshape(-1, q.shape[-1])
    off = np.abs(rows @ np.ones(rows.shape[-1], np.result_type(rows, np.float32)) - 1)  # faster than sum(axis=1)
    if not holds((rows.min() >= -TOLERANCE) & (off.max() <= TOLERANCE)):
        row = int(np.argmax(~(off <= TOLERANCE) | ~(rows >= -TOLERANCE).all(axis=1)))
        raise ValueError(f"{name}: {argument} of shape {q.shape} must be rows of probabilities, not negative and with "
                         f"sum 1; row {row} is {np.array2string(rows[row], threshold=6, edgeitems=2)}. {fix}")


def not_probabilities(name: str, logits: Any) -> None:
    """Refuse what can only be the output of softmax: a batch of rows of numbers above 0 with sum 1.

    >>> not_probabilities("loss", np.array([[0.5, 0.5], [0.2, 0.8]]))
    Traceback (most recent call last):
    ...
    ValueError: loss: the logits are positive and each row has sum 1, so they look like probabilities. Take the \
outputs before softmax (if these are logits, add 1 to them: it changes nothing), or np.log of the probabilities
    """
    _look(logits, lambda z: _check_not_probabilities(name, z))


def _check_not_probabilities(name: str, z: Any) -> None:
    if z.ndim != 2 or len(z) < 2 or not holds(abs(z[0].sum() - 1) < 1e-5):  # one row tells for nearly all
        return
    if holds(np.all(z > 0) & np.all(np.abs(z.sum(-1) - 1) < 1e-5)):
        raise ValueError(f"{name}: the logits are positive and each row has sum 1, so they look like probabilities. "
                         "Take the outputs before softmax (if these are logits, add 1 to them: it changes nothing), "
                         "or np.log of the probabilities")


# --------------------------------------------------------------------------------------------- class labels


def labels_of(name: str, scores: Any, labels: Any, argument: str = "logits") -> bool:
    """Whether labels are rows of probabilities, one for each row of scores; else they are classes, one for each.

    >>> labels_of("loss", np.ones((2, 3)), np.array([0, 2])), labels_of("loss", np.ones((1, 2)), np.array([[0.5, 0.5]]))
    (False, True)
    """
    z, y = float_array(name, argument, scores), real_array(name, "labels", labels)
    if not z:
        raise ValueError(f"{name}: {argument} must be (batch, classes), got a single number")
    not_empty(name, z)
    if y == z[:-1]:
        class_labels(name, labels, z[-1], f"{argument} have {z[-1]} columns")
        return False
    if y == (*z[:-1], 1) != z:
        raise ValueError(f"{name}: labels have shape {y}, expected {z[:-1]}. Drop the last axis: y[..., 0]")
    if y != z:
        raise ValueError(f"{name}: {argument} are {z} but labels are {y}; expected integer labels of shape {z[:-1]} or "
                         f"rows of probabilities of shape {z}")
    fix = (f"Integer labels have shape {z[:-1]}{_one_column(z)}" if len(z) > 1 else
           f"With one yes-or-no output for each example use the binary form; else {argument} are (batch, classes)")
    probabilities(name, "labels", labels, fix)
    return True


def _one_column(z: Shape) -> str:
    return "; for one yes-or-no output use the binary form" if z[-1] == 1 else ""


def class_labels(name: str, labels: Any, classes: int, because: str, argument: str = "labels") -> None:
    """Labels are integers from 0 to classes - 1.

    >>> class_labels("loss", np.array([0, 3]), 3, "logits have 3 columns")
    Traceback (most recent call last):
    ...
    ValueError: loss: labels run from 0 to 3 but logits have 3 columns (valid 0..2); first bad label at row 1
    """
    if labels.dtype.kind not in "iu":
        raise TypeError(f"{name}: {argument} of shape {labels.shape} must be integers, got {labels.dtype}: "
                        "y.astype(np.int64)")
    _look(labels, lambda y: _check_class_labels(name, y, classes, because, argument))


def _check_class_labels(name: str, y: Any, classes: int, because: str, argument: str) -> None:
    if y.size and not holds((y.min() >= 0) & (y.max() < classes)):
        bad = (y < 0) | (y >= classes)
        raise ValueError(f"{name}: {argument} run from {y.min()} to {y.max()} but {because} (valid 0..{classes - 1}); "
                         f"first bad {argument[:-1]} at row {_first_row(bad)}{_one_column((classes,))}")


# ------------------------------------------------------------------------------------------------ whole pairs


def numbers(name: str, predictions: Any, targets: Any, argument: str = "predictions") -> Any:
    """The targets of a regression, checked, in the dtype of the predictions.

    >>> numbers("loss", np.ones(2, np.float32), np.array([1, 2]))
    array([1., 2.], dtype=float32)
    """
    float_array(name, argument, predictions)
    same_shape(name, **{argument: predictions, "targets": targets})
    no_nan(name, "targets", targets)
    return as_dtype(targets, predictions)


def yes_or_no(name: str, predictions: Any, labels: Any, argument: str) -> Any:
    """Labels from 0 to 1 in the dtype of the predictions.

    >>> yes_or_no("loss", np.ones(2, np.float32), np.array([True, False]), "logits")
    array([1., 0.], dtype=float32)
    """
    float_array(name, argument, predictions)
    same_shape(name, **{argument: predictions, "labels": labels})
    in_unit_interval(name, "labels", labels, "Labels of -1 and 1: (y + 1) / 2; more than two classes: "
                                             "softmax_cross_entropy")
    return as_dtype(labels, predictions)


def as_dtype(targets: Any, predictions: Any) -> Any:
    """Targets in the dtype of the predictions, so that integer or float64 targets do not widen the loss.

    >>> as_dtype(np.array([1, 0]), np.ones(2, np.float32))
    array([1., 0.], dtype=float32)
    """
    return targets if targets.dtype == predictions.dtype else targets.astype(predictions.dtype)


# ----------------------------------------------------------------------------------------- entries that count


def counting(name: str, where: Any, target: float = 0, **pair: Any) -> tuple[Any, Any]:
    """Predictions and targets with 0, and with `target`, in the place of entries that do not count.

    >>> counting("loss", np.array([True, False]), predictions=np.array([1.0, np.nan]), targets=np.array([3, 4]))
    (array([1., 0.]), array([3, 0]))
    """
    (p, t), (argument, _) = pair.values(), pair
    if where is None:
        return p, t
    same_shape(name, **pair)
    _check_mask(name, where, argument, p.shape)
    xp = namespace(p)
    return xp.where(where, p, xp.zeros_like(p)), xp.where(where, t, xp.full_like(t, target))


def _check_mask(name: str, where: Any, argument: str, shape: Shape) -> None:
    found = real_array(name, "where", where)
    if where.dtype.kind != "b":
        raise TypeError(f"{name}: where must be booleans, got {where.dtype}: where > 0")
    if len(found) != len(shape) or any(n not in (1, length) for n, length in zip(found, shape, strict=True)):
        fix = f". Add axes: where[{':, ' * len(found)}{', '.join(['None'] * (len(shape) - len(found)))}]"
        raise ValueError(f"{name}: where has shape {found} but {argument} are {shape}; each axis must be as long, or 1"
                         + (fix if found == shape[:len(found)] != shape else ""))


def counting_rows(name: str, where: Any, scores: Any, labels: Any, argument: str = "logits", uniform: bool = False,
                  ) -> tuple[Any, Any]:
    """Rows of scores and their labels with some that can be, in the place of rows that do not count.

    Scores become 0, or probabilities if `uniform` says so; labels class 0, or a row of probabilities.

    >>> counting_rows("loss", np.array([True, False]), np.array([[1.0, 2.0], [3.0, np.nan]]), np.array([1, -1]))
    (array([[1., 2.],
           [0., 0.]]), array([1, 0]))
    """
    if where is None:
        return scores, labels
    z, y = float_array(name, argument, scores), real_array(name, "labels", labels)
    if real_array(name, "where", where) != z[:-1] or where.dtype.kind != "b":
        raise ValueError(f"{name}: where is {where.dtype} of shape {where.shape}, expected one boolean for each row of "
                         f"{argument}, of shape {z[:-1]}. To leave a class out, put -inf in the place of its logit")
    xp, share = namespace(scores), 1 / max(z[-1], 1)
    if y == z[:-1]:
        labels = xp.where(where, labels, xp.zeros_like(labels))
    elif y == z:
        labels = xp.where(where[..., None], labels, share)
    return xp.where(where[..., None], scores, share if uniform else 0), labels
