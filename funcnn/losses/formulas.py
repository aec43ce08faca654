"""How is each loss computed, together with its derivative? A table, then cross-entropy, then distances.

`funcnn.losses` is the face; it checks the arguments and calls what stands here. On arrays of JAX a rule runs lifted
(`funcnn.jax`), with its derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn._arrays import namespace
from funcnn.activations import log_softmax, sigmoid, softplus
from funcnn.autodiff import custom_vjp
from funcnn.core import RULES, Tracer, getitem
from funcnn.rules.elementwise import direction
from funcnn.rules.reductions import counting
from funcnn.rules.table import fitted, masked, over
from funcnn.typing import Array

__all__ = ["absolute_error", "binary_cross_entropy", "categorical_cross_entropy", "distance", "hinge", "huber",
           "log_cosh", "poisson", "sigmoid_binary_cross_entropy", "softmax_cross_entropy", "squared_error", "unit"]


# ------------------------------------------------------------- averages over all axes but the first: the helpers


def _averaged(name: str, value: Callable[..., Any], *slopes: Callable[..., Any], formula: tuple[str, ...],
              has_flats: bool = False) -> custom_vjp[..., Array]:
    """The average of value(p, t) over all axes but the first, given its derivatives by p, by t and by each setting;
    where it is flat, nothing of a cotangent comes through.
    """
    def loss(p: Any, t: Any, *settings: Any) -> Array:
        return _average(value(p, t, *settings))

    loss.__name__, loss.__qualname__ = name, name
    fused = custom_vjp(loss)
    fused.defvjps(*[_shared_out(slope, i, has_flats) for i, slope in enumerate(slopes)], formula=formula)
    return fused


def _average(each: Any) -> Array:
    examples = math.prod(each.shape[:1])
    if each.size == examples:
        same: Array = each.reshape(each.shape[:1])
        return same
    result: Array = each.reshape((examples, -1)).mean(1)
    return result


def _shared_out(slope: Callable[..., Any], i: int, has_flats: bool) -> Callable[..., Any]:
    """The pullback of the average to argument i: each entry has its share of its example's cotangent."""
    def pullback(g: Any, _y: Any, p: Any, t: Any, *settings: Any) -> Any:
        within = p.shape[1:]
        share = counting(g).reshape(g.shape + (1,) * len(within)) / math.prod(within)
        steepness = slope(p, t, *settings)
        share = masked(share, steepness != 0) if has_flats else share
        return fitted(share * steepness, (p, t, *settings)[i])

    return pullback


def _of_error(name: str, value: Callable[..., Any], slope: Callable[..., Any], *slopes: Callable[..., Any],
              formula: tuple[str, ...]) -> custom_vjp[..., Array]:
    """The averaged loss of the error d = p - t, given value(d), its derivative, and those by settings."""
    return _averaged(name,
                     lambda p, t, *settings: value(p - t, *settings),
                     lambda p, t, *settings: slope(p - t, *settings),
                     lambda p, t, *settings: -slope(p - t, *settings),
                     *[lambda p, t, *settings, by=by: by(p - t, *settings) for by in slopes], formula=formula)


def _size(d: Any) -> Any:
    """|d|, with derivative 0 at 0; in JAX that of abs is 1 there."""
    return abs(d) if namespace(d) is np else d * namespace(d).sign(d)


def _huber(d: Any, delta: Any) -> Any:
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
    return masked(1 / np.maximum(p, eps), p > eps)


# ------------------------------------------------------------- the table: value; derivative by p; derivative by t

squared_error = _of_error(
    "squared_error", lambda d: d * d, lambda d: 2 * d,
    formula=("y = sum((x - t)**2) / n", "dx = 2 * g * (x - t) / n", "dt = -2 * g * (x - t) / n"))
absolute_error = _of_error(
    "absolute_error", _size, direction,
    formula=("y = sum(abs(x - t)) / n", "dx = g * sign(x - t) / n", "dt = -g * sign(x - t) / n"))
huber = _of_error(
    "huber", _huber, lambda d, delta: np.minimum(np.maximum(d, -delta), delta),
    lambda d, delta: np.maximum(abs(d) - delta, 0),
    formula=("y = sum(m * (d - m / 2)) / n, d = abs(x - t), m = minimum(d, delta)",
             "dx = g * clip(x - t, -delta, delta) / n", "dt = -g * clip(x - t, -delta, delta) / n",
             "ddelta = sum(g * maximum(abs(x - t) - delta, 0)) / n"))
log_cosh = _of_error(
    "log_cosh", _log_cosh, np.tanh,
    formula=("y = sum(log(cosh(x - t))) / n", "dx = g * tanh(x - t) / n", "dt = -g * tanh(x - t) / n"))
poisson = _averaged(
    "poisson", lambda z, t: namespace(z).exp(z) - t * z, lambda z, t: np.exp(z) - t, lambda z, t: -z,
    formula=("y = sum(exp(x) - t * x) / n", "dx = g * (exp(x) - t) / n", "dt = -g * x / n"))
hinge = _averaged(
    "hinge", lambda p, t: namespace(p).maximum(1 - p * t, 0),
    lambda p, t: -t * np.heaviside(1 - p * t, 0.5), lambda p, t: -p * np.heaviside(1 - p * t, 0.5), has_flats=True,
    formula=("y = sum(maximum(1 - x * t, 0)) / n", "dx = -g * t * (x * t < 1) / n", "dt = -g * x * (x * t < 1) / n"))
sigmoid_binary_cross_entropy = _averaged(
    "sigmoid_binary_cross_entropy", _binary, lambda z, t: (1 - t) * sigmoid(z) - t * sigmoid(-z), lambda z, t: -z,
    formula=("y = sum(log(1 + exp(x)) - t * x) / n", "dx = g * (1 / (1 + exp(-x)) - t) / n", "dt = -g * x / n"))
binary_cross_entropy = _averaged(
    "binary_cross_entropy", lambda p, t, eps: -t * _log(p, eps) - (1 - t) * _log(1 - p, eps),
    lambda p, t, eps: (1 - t) * _slope_of_log(1 - p, eps) - t * _slope_of_log(p, eps),
    lambda p, t, eps: _log(1 - p, eps) - _log(p, eps), has_flats=True,
    formula=("y = sum(-t * log(x) - (1 - t) * log(1 - x)) / n", "dx = g * ((1 - t) / (1 - x) - t / x) / n",
             "dt = g * (log(1 - x) - log(x)) / n"))


# -------------------------------------------------------------------------------- cross-entropy along the last axis


@custom_vjp
def categorical_cross_entropy(p: Array, q: Any, eps: float) -> Array:
    """-sum_j q_j log max(p_j, eps)."""
    result: Array = -namespace(p).sum(q * _log(p, eps), axis=-1)
    return result


categorical_cross_entropy.defvjps(
    lambda g, _y, p, q, eps: masked(g[..., None], (p > eps) & (q != 0)) * (-q / np.maximum(p, eps)),
    lambda g, _y, p, _q, eps: g[..., None] * -_log(p, eps),
    formula=("y = -sum(t * log(x))", "dx = -g * t / x", "dt = -g * log(x)"),
)


def softmax_cross_entropy(logits: Array, labels: Any) -> Array:
    """-sum_j q_j log softmax(z)_j for rows q, and the same for integer labels, to the bit."""
    if labels.ndim < logits.ndim:
        return _cross_entropy_of_classes(logits, labels)
    is_differentiated = isinstance(labels, Tracer) and not labels.is_recorded
    return _plain(logits, labels) if is_differentiated else _cross_entropy_of_rows(logits, labels)


def _plain(logits: Array, q: Any) -> Array:
    """The formula itself, where q is differentiated."""
    xp = namespace(logits)
    result: Array = -xp.sum(q * xp.where(q == 0, 0, log_softmax(logits)), axis=-1)
    return result


@custom_vjp
def _cross_entropy_of_classes(logits: Array, labels: Any) -> Array:
    if namespace(logits) is np:
        loss: Array = _classes_fwd(logits, labels)[0]
        return loss
    log_p = log_softmax(logits)
    chosen: Array = namespace(logits).take_along_axis(log_p, labels[..., None], axis=-1)
    return -chosen[..., 0]


def _classes_fwd(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Works on (classes, batch), because reductions over a short last axis are slow."""
    z, label = _columns(logits), labels.reshape(-1)
    z -= z.max(axis=0)
    p = np.exp(z)
    total = p.sum(axis=0)
    chosen = RULES[getitem](z, (label, np.arange(len(label))))  # z[label, ...], also where only the label is traced
    loss = np.log(total) - chosen
    p /= total
    return loss.reshape(labels.shape), p - (np.arange(len(z))[:, None] == label).astype(p.dtype)


@custom_vjp
def _cross_entropy_of_rows(logits: Array, q: Any) -> Array:
    if namespace(logits) is np:
        loss: Array = _rows_fwd(logits, q)[0]
        return loss
    return _plain(logits, q)


def _rows_fwd(logits: Any, q: Any) -> tuple[Any, Any]:
    z, q = _columns(logits), q.reshape((-1, q.shape[-1])).T
    z -= z.max(axis=0)
    p = np.exp(z)
    total, weight = p.sum(axis=0), q.sum(axis=0)
    loss = weight * np.log(total) - np.sum(q * np.where(q == 0, 0, z), axis=0)
    return loss.reshape(logits.shape[:-1]), p / total * weight - q


def _columns(logits: Any) -> Any:
    """A copy as (classes, batch)."""
    rows = logits if logits.ndim == 2 else logits.reshape((-1, logits.shape[-1]))
    return rows.T.copy()


def _bwd(p_minus_q: Any, g: Any) -> tuple[Any, None]:
    dz = (p_minus_q * g.reshape(-1)).T
    return dz.reshape((*g.shape, dz.shape[-1])), None


_cross_entropy_of_classes.defvjp(_classes_fwd, _bwd, formula=(
    "y = -log(softmax(x)[t])", "dx = g * (softmax(x) - onehot(t))"))
_cross_entropy_of_rows.defvjp(_rows_fwd, _bwd, formula=(
    "y = -sum(t * log(softmax(x)))", "dx = g * (softmax(x) * sum(t) - t)"))
_cross_entropy_of_classes.name = _cross_entropy_of_rows.name = "softmax_cross_entropy"


# ----------------------------------------------------------------------------------------------------- distances


def distance(a: Any, b: Any) -> Any:
    """The Euclidean distance between rows, with derivative 0 where it is 0."""
    return _length(a - b)


def unit(x: Any) -> Any:
    """Rows of length 1, and rows of zeros as they are."""
    x, _ = _scaled(x)
    length = _plain_length(x)[..., None]
    return x / namespace(x).where(length > 0, length, 1)


@custom_vjp
def _length(x: Any) -> Any:
    """The length of rows, with derivative 0 at 0, where that of the root is infinite."""
    x, exponents = _scaled(x)
    return namespace(x).ldexp(_plain_length(x), exponents[..., 0])


def _length_back(g: Any, _y: Any, x: Any) -> Any:
    x, _ = _scaled(x)
    return g[..., None] * over(x, _plain_length(x)[..., None])


_length.defvjps(_length_back, formula=("y = sqrt(sum(x**2))", "dx = g * x / y"))
_length.name = "distance"


def _scaled(x: Any) -> tuple[Any, Any]:
    """Rows without a power of two, and its exponents: exact, and no square overflows or vanishes."""
    xp = namespace(x)
    exponents = xp.frexp(xp.max(abs(x), axis=-1, keepdims=True))[1]
    return xp.ldexp(x, -exponents), exponents


def _plain_length(x: Any) -> Any:
    xp = namespace(x)
    if xp is np:
        return np.linalg.norm(x, axis=-1)
    square = xp.sum(x * x, axis=-1)
    return xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1)), 0)
