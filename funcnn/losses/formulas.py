"""With this module you can see how each loss is computed together with its derivative: a table, then cross-entropy.

`funcnn.losses` is the face; it checks the arguments and calls what stands here. On JAX arrays the plain formulas run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn._arrays import is_concrete, namespace
from funcnn.activations import log_softmax, sigmoid, softplus
from funcnn.autodiff.custom import custom_vjp
from funcnn.core.tracer import Tracer
from funcnn.typing import Array

__all__ = ["absolute_error", "binary_cross_entropy", "categorical_cross_entropy", "distance", "hinge", "huber",
           "log_cosh", "poisson", "sigmoid_binary_cross_entropy", "softmax_cross_entropy", "squared_error", "unit"]


# ------------------------------------------------------------- averages over all axes but the first: the helpers


def _averaged(name: str, value: Callable[..., Any], *slopes: Callable[..., Any]) -> custom_vjp[..., Array]:
    """The average of value(p, t) over all axes but the first, given its derivatives by p and by t."""
    def loss(p: Any, t: Any, *settings: Any) -> Array:
        return _average(value(p, t, *settings))

    loss.__name__ = name
    fused = custom_vjp(loss)
    fused.defvjps(*map(_shared_out, slopes))
    return fused


def _average(each: Any) -> Array:
    examples = math.prod(each.shape[:1])
    if each.size == examples:
        same: Array = each.reshape(each.shape[:1])
        return same
    result: Array = each.reshape((examples, -1)).sum(1) / (each.size // examples)
    return result


def _shared_out(slope: Callable[..., Any]) -> Callable[..., Any]:
    """The pullback of the average: each entry has its share of its example's cotangent."""
    def pullback(g: Any, y: Any, p: Any, t: Any, *settings: Any) -> Any:
        within = p.shape[1:]
        share = g.reshape(g.shape + (1,) * len(within)) / math.prod(within)
        return share * slope(p, t, *settings)

    return pullback


def _of_error(name: str, value: Callable[..., Any], slope: Callable[..., Any]) -> custom_vjp[..., Array]:
    """The averaged loss of the error d = p - t, given value(d) and its derivative."""
    return _averaged(name,
                     lambda p, t, *settings: value(p - t, *settings),
                     lambda p, t, *settings: slope(p - t, *settings),
                     lambda p, t, *settings: -slope(p - t, *settings))


def _size(d: Any) -> Any:
    """|d|, with derivative 0 at 0; in JAX that of abs is 1 there."""
    return abs(d) if namespace(d) is np else d * namespace(d).sign(d)


def _huber(d: Any, delta: float) -> Any:
    """d^2 / 2 up to delta and delta (|d| - delta / 2) beyond, both as m (|d| - m / 2)."""
    size = _size(d)
    m = namespace(d).minimum(size, delta)
    return m * (size - 0.5 * m)


def _log_cosh(d: Any) -> Any:
    if namespace(d) is not np:
        return namespace(d).logaddexp(d, -d) - math.log(2)
    size = abs(d)
    return size + np.log1p(np.exp(-2 * size)) - math.log(2)


def _binary(z: Any, t: Any) -> Any:
    if namespace(z) is not np:
        return t * softplus(-z) + (1 - t) * softplus(z)
    return np.maximum(z, 0) - z * t + np.log1p(np.exp(-abs(z)))


def _log(p: Any, eps: float) -> Any:
    xp = namespace(p)
    return xp.log(xp.maximum(p, eps))


def _slope_of_log(p: Any, eps: float) -> Any:
    return (p > eps) / np.maximum(p, eps)


# ------------------------------------------------------------- the table: value; derivative by p; derivative by t

squared_error = _of_error("squared_error", lambda d: d * d, lambda d: 2 * d)
absolute_error = _of_error("absolute_error", _size, np.sign)
huber = _of_error("huber", _huber, lambda d, delta: np.minimum(np.maximum(d, -delta), delta))
log_cosh = _of_error("log_cosh", _log_cosh, np.tanh)
poisson = _averaged("poisson", lambda z, t: namespace(z).exp(z) - t * z, lambda z, t: np.exp(z) - t, lambda z, t: -z)
hinge = _averaged("hinge",
                  lambda p, t: namespace(p).maximum(1 - p * t, 0),
                  lambda p, t: -t * np.heaviside(1 - p * t, 0.5),
                  lambda p, t: -p * np.heaviside(1 - p * t, 0.5))
sigmoid_binary_cross_entropy = _averaged("sigmoid_binary_cross_entropy",
                                         _binary, lambda z, t: sigmoid(z) - t, lambda z, t: -z)
binary_cross_entropy = _averaged("binary_cross_entropy",
                                 lambda p, t, eps: -t * _log(p, eps) - (1 - t) * _log(1 - p, eps),
                                 lambda p, t, eps: (1 - t) * _slope_of_log(1 - p, eps) - t * _slope_of_log(p, eps),
                                 lambda p, t, eps: _log(1 - p, eps) - _log(p, eps))


# -------------------------------------------------------------------------------- cross-entropy along the last axis


@custom_vjp
def categorical_cross_entropy(p: Array, q: Any, eps: float) -> Array:
    """-sum_j q_j log max(p_j, eps)."""
    result: Array = -namespace(p).sum(q * _log(p, eps), axis=-1)
    return result


categorical_cross_entropy.defvjps(
    lambda g, y, p, q, eps: g[..., None] * (-q * _slope_of_log(p, eps)),
    lambda g, y, p, q, eps: g[..., None] * -_log(p, eps),
)


def softmax_cross_entropy(logits: Array, labels: Any) -> Array:
    """-sum_j q_j log softmax(z)_j for rows q, and the same for integer labels, to the bit."""
    if labels.ndim < logits.ndim:
        return _cross_entropy_of_classes(logits, labels)
    return _plain(logits, labels) if isinstance(labels, Tracer) else _cross_entropy_of_rows(logits, labels)


def _plain(logits: Array, q: Any) -> Array:
    """The formula itself, for JAX and where q is differentiated."""
    xp = namespace(logits)
    result: Array = -xp.sum(q * xp.where(q == 0, 0, log_softmax(logits)), axis=-1)
    return result


@custom_vjp
def _cross_entropy_of_classes(logits: Array, labels: Any) -> Array:
    if is_concrete(logits):
        loss: Array = _classes_fwd(logits, labels)[0]
        return loss
    log_p = log_softmax(logits)
    chosen: Array = namespace(logits).take_along_axis(log_p, labels[..., None], axis=-1)
    return -chosen[..., 0]


def _classes_fwd(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Works on (classes, batch), because reductions over a short last axis are slow."""
    z, label = _columns(logits), labels if labels.ndim == 1 else labels.reshape(-1)
    z -= _greatest(z)
    p = np.exp(z)
    total = _total(p)
    p /= total
    loss = np.log(total)
    loss -= z[label, np.arange(len(label))]
    p -= (np.arange(len(z))[:, None] == label).astype(p.dtype)
    return loss if labels.ndim == 1 else loss.reshape(labels.shape), p


@custom_vjp
def _cross_entropy_of_rows(logits: Array, q: Any) -> Array:
    if is_concrete(logits):
        loss: Array = _rows_fwd(logits, q)[0]
        return loss
    return _plain(logits, q)


def _rows_fwd(logits: Any, q: Any) -> tuple[Any, Any]:
    z, q = _columns(logits), q.reshape((-1, q.shape[-1])).T
    z -= _greatest(z)
    p = np.exp(z)
    total, weight = _total(p), _total(q)
    loss = weight * np.log(total) - _total(q * np.where(q == 0, 0, z))
    p /= total
    p *= weight
    p -= q
    return loss.reshape(logits.shape[:-1]), p


def _columns(logits: Any) -> Any:
    """A copy as (classes, batch)."""
    rows = logits if logits.ndim == 2 else logits.reshape((-1, logits.shape[-1]))
    return rows.T.copy()


def _greatest(z: Any) -> Any:
    """The maximum over the first axis: that of the ufunc itself, where it can be had, costs half."""
    return np.maximum.reduce(z) if type(z) is np.ndarray else np.max(z, axis=0)


def _total(z: Any) -> Any:
    """The sum over the first axis."""
    return np.add.reduce(z) if type(z) is np.ndarray else np.sum(z, axis=0)


def _bwd(p_minus_q: Any, g: Any) -> tuple[Any, None]:
    if g.ndim == 1:
        return (p_minus_q * g).T, None
    dz = (p_minus_q * g.reshape(-1)).T
    return dz.reshape((*g.shape, dz.shape[-1])), None


_cross_entropy_of_classes.defvjp(_classes_fwd, _bwd)
_cross_entropy_of_rows.defvjp(_rows_fwd, _bwd)


# ----------------------------------------------------------------------------------------------------- distances


def distance(a: Any, b: Any) -> Any:
    """The Euclidean distance between rows, with derivative 0 where it is 0."""
    return _length(a - b)


def unit(x: Any) -> Any:
    """Rows of length 1, and rows of zeros as they are."""
    length = _length(x)[..., None]
    return x / namespace(x).where(length > 0, length, 1)


def _length(x: Any) -> Any:
    """The length of rows, with derivative 0 at 0, where that of the root is infinite."""
    xp = namespace(x)
    square = xp.sum(x * x, axis=-1)
    return xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1)), 0)
