"""The contract lists: every activation and every loss is a row here, and meets every law of its test module.

To add one, add a row. Oracles are functions of JAX and optax, so that this module needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from funcnn import activations, losses

__all__ = ["ACTIVATIONS", "LOSSES", "NARROWING", "Activation", "Loss"]


@dataclass(frozen=True)
class Activation:
    """A function of an array, and what `jax.nn` calls it."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    corners: tuple[float, ...] = ()
    """Where it has no derivative."""
    along_axis: bool = False
    """Whether entries depend on each other; then inf gives NaN."""
    second: bool = True
    """Whether the second derivative is worth a test, being neither 0 nor missing."""
    atol: float = 1e-14
    """How far off values of JAX may be, where it loses digits that are kept here."""

    @property
    def f(self) -> Callable[[Any], Any]:
        return partial(getattr(activations, self.name), **self.settings)

    def theirs(self, jax: Any) -> Callable[[Any], Any]:
        return partial(getattr(jax.nn, self.name), **self.settings)

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.settings.items())])


ACTIVATIONS = [
    Activation("relu", corners=(0.0,), second=False),
    Activation("relu6", corners=(0.0, 6.0), second=False),
    Activation("leaky_relu", corners=(0.0,), second=False),
    Activation("leaky_relu", {"negative_slope": 2.5}, corners=(0.0,), second=False),
    Activation("elu"),
    Activation("elu", {"alpha": 0.3}, corners=(0.0,)),
    Activation("celu", {"alpha": 0.3}, corners=(0.0,)),
    Activation("selu", corners=(0.0,)),
    Activation("gelu"),
    Activation("gelu", {"approximate": False}),
    Activation("silu"),
    Activation("hard_silu", corners=(-3.0, 3.0), second=False),
    Activation("mish"),
    Activation("soft_sign", corners=(0.0,)),
    Activation("squareplus", {"b": 0.5}, atol=1e-11),
    Activation("softplus"),
    Activation("sigmoid"),
    Activation("log_sigmoid"),
    Activation("tanh"),
    Activation("hard_tanh", corners=(-1.0, 1.0), second=False),
    Activation("hard_sigmoid", corners=(-3.0, 3.0), second=False),
    Activation("softmax", along_axis=True),
    Activation("softmax", {"axis": 0}, along_axis=True),
    Activation("log_softmax", along_axis=True),
    Activation("log_softmax", {"axis": 0}, along_axis=True),
]

NARROWING = [
    Activation("logsumexp", along_axis=True),
    Activation("logsumexp", {"axis": (0, 2), "keepdims": True}, along_axis=True),
    Activation("glu", along_axis=True),
    Activation("glu", {"axis": 0}, along_axis=True),
]
"""Functions beside the activations of which fewer numbers come out than go in, so that they are no stages."""


@dataclass(frozen=True)
class Loss:
    """A loss f(p, t), data for it, and an oracle."""

    name: str
    data: Callable[[np.random.Generator, int], tuple[Any, Any]]
    """(rng, batch) -> (p, t), away from corners."""
    oracle: Callable[[Any, Any, Any, Any], Any]
    """(jnp, optax, p, t) -> one value per example."""
    f: Callable[[Any, Any], Any]
    extremes: tuple[tuple[Any, Any, Any], ...] = ()
    """(p, t, the loss), where nothing may be NaN or warn, and no derivative either."""
    to_targets: bool = False
    """Whether it is differentiable with respect to t as well."""
    averaged: bool = False
    """Whether it works entry by entry, averages within each example, and so takes any number of axes."""
    second: bool = True
    alone: bool = True
    """Whether each example has its loss whatever the others are."""

    def __str__(self) -> str:
        return self.name


def _row(name: str, data: Any, oracle: Any, settings: dict[str, Any] | None = None, label: str = "",
         f: Any = None, **rest: Any) -> Loss:
    own = partial(getattr(losses, name), **(settings or {}))
    return Loss(f"{name} {label}".strip(), data, oracle, f or own, **rest)


def _numbers(rng: np.random.Generator, n: int) -> tuple[Any, Any]:
    return rng.normal(size=(n, 3)), 2 * rng.normal(size=(n, 3))


def _simplex(rng: np.random.Generator, n: int) -> Any:
    e = rng.exponential(size=(n, 3)) + 0.05
    return e / e.sum(1, keepdims=True)


def _mean(of: Callable[[Any, Any, Any, Any], Any]) -> Callable[[Any, Any, Any, Any], Any]:
    return lambda jnp, optax, p, t: jnp.mean(of(jnp, optax, p, t), axis=1)


def _classes(rng: np.random.Generator, n: int) -> Any:
    return rng.integers(0, 3, n)


def _pair(same: bool) -> Callable[[np.random.Generator, int], tuple[Any, Any]]:
    return lambda rng, n: (0.4 * rng.normal(size=(n, 2)), (0.4 * rng.normal(size=(n, 2)), np.full(n, same)))


def _length(jnp: Any, x: Any) -> Any:
    return jnp.sqrt(jnp.sum(x * x, axis=-1))


FAR = np.array([[-1e4, 0.0, 1e4]])
ZEROS = np.zeros((1, 3))
LOG_2 = float(np.log(2))
QS = np.array([0.1, 0.5, 0.9])


def _ntxent(jnp: Any, x: Any, labels: Any) -> Any:
    """The formula itself, at a temperature of 1/2."""
    u = x / _length(jnp, x)[:, None]
    e, same = jnp.exp(2 * u @ u.T), labels[:, None] == labels[None, :]
    positive = same & ~jnp.eye(len(x), dtype=bool)
    others = jnp.sum(jnp.where(same, 0, e), axis=1, keepdims=True)
    return jnp.sum(jnp.where(positive, -jnp.log(e / (e + others)), 0), axis=1) * len(x) / jnp.sum(positive)

LOSSES = [
    _row("squared_error", _numbers, _mean(lambda jnp, optax, p, t: optax.squared_error(p, t)), averaged=True,
         to_targets=True, extremes=((FAR, ZEROS, 2e8 / 3),)),
    _row("absolute_error", _numbers, _mean(lambda jnp, optax, p, t: jnp.abs(p - t)), averaged=True, to_targets=True,
         second=False, extremes=((FAR, ZEROS, 2e4 / 3), (np.array([-np.inf]), np.zeros(1), np.inf))),
    _row("huber", _numbers, _mean(lambda jnp, optax, p, t: optax.huber_loss(p, t)), averaged=True, to_targets=True,
         second=False, extremes=((FAR, ZEROS, 2 * 9999.5 / 3), (np.array([np.inf]), np.zeros(1), np.inf))),
    _row("huber", _numbers, _mean(lambda jnp, optax, p, t: optax.huber_loss(p, t, delta=0.5)), {"delta": 0.5},
         "delta=0.5", averaged=True, to_targets=True, second=False),
    _row("quantile", _numbers, _mean(lambda jnp, optax, p, t: jnp.maximum(0.3 * (t - p), 0.7 * (p - t))), {"q": 0.3},
         averaged=True, to_targets=True, second=False,
         extremes=((FAR, ZEROS, 1e4 / 3), (np.array([-np.inf, np.inf]), np.zeros(2), np.inf))),
    _row("gaussian_nll",
         lambda rng, n: (rng.normal(size=(n, 3)), (rng.normal(size=(n, 3)), rng.exponential(size=(n, 3)))),
         _mean(lambda jnp, optax, p, t: (jnp.log(t[1]) + (p - t[0]) ** 2 / t[1]) / 2), to_targets=True,
         f=lambda p, t: losses.gaussian_nll(p, *t), extremes=((FAR, (FAR, 0 * FAR), np.log(1e-6) / 2),)),
    _row("log_cosh", _numbers, _mean(lambda jnp, optax, p, t: optax.log_cosh(p, t)), averaged=True, to_targets=True,
         extremes=((FAR, ZEROS, 2 * (1e4 - LOG_2) / 3), (np.array([-np.inf]), np.zeros(1), np.inf))),
    _row("poisson", lambda rng, n: (rng.normal(size=(n, 3)), rng.uniform(0.5, 5.0, (n, 3))),
         _mean(lambda jnp, optax, z, t: jnp.exp(z) - t * z), averaged=True, to_targets=True,
         extremes=((np.array([-1e4, 0.0]), np.array([0.0, 3.0]), [0.0, 1.0]),)),
    _row("hinge", lambda rng, n: (rng.normal(size=(n, 3)), rng.choice([-1.0, 1.0], (n, 3))),
         _mean(lambda jnp, optax, p, t: optax.hinge_loss(p, t)), averaged=True, second=False,
         extremes=((FAR, np.ones((1, 3)), (10001 + 1) / 3), (np.array([-np.inf]), np.ones(1), np.inf))),
    _row("sigmoid_binary_cross_entropy", lambda rng, n: (3 * rng.normal(size=(n, 3)), rng.uniform(size=(n, 3))),
         _mean(lambda jnp, optax, z, t: optax.sigmoid_binary_cross_entropy(z, t)), averaged=True, to_targets=True,
         extremes=((FAR, np.array([[0.0, 1.0, 1.0]]), LOG_2 / 3),
                   (FAR, np.array([[1.0, 0.0, 0.0]]), (2e4 + LOG_2) / 3))),
    _row("focal", lambda rng, n: (3 * rng.normal(size=(n, 3)), rng.uniform(size=(n, 3))),
         _mean(lambda jnp, optax, z, t: optax.sigmoid_focal_loss(z, t)), averaged=True, to_targets=True,
         extremes=((FAR, np.array([[0.0, 1.0, 1.0]]), LOG_2 / 12),
                   (FAR, np.array([[1.0, 0.0, 0.0]]), (2e4 + LOG_2 / 4) / 3))),
    _row("focal", lambda rng, n: (3 * rng.normal(size=(n, 3)), rng.integers(0, 2, (n, 3))),
         _mean(lambda jnp, optax, z, t: optax.sigmoid_focal_loss(z, t, alpha=0.25, gamma=0.5)), label="weighed",
         settings={"alpha": 0.25, "gamma": 0.5}, averaged=True,
         extremes=((FAR, np.array([[0, 1, 1]]), 0.25 * LOG_2 / 2**0.5 / 3),)),
    _row("dice", lambda rng, n: (rng.normal(size=(n, 2, 4, 3)), _simplex(rng, 8 * n).reshape(n, 2, 4, 3)),
         lambda jnp, optax, p, t: optax.losses.dice_loss(p, t), to_targets=True,
         extremes=((FAR[:, None], np.array([[[0.0, 0.0, 1.0]]]), 0.0),)),
    _row("dice", lambda rng, n: (rng.normal(size=(n, 5, 3)), losses.one_hot(rng.integers(0, 3, (n, 5)), 3, np.float64)),
         lambda jnp, optax, p, t: optax.losses.dice_loss(
             p, t, class_weights=jnp.asarray(QS), smooth=0.1, alpha=0.3, beta=0.7, ignore_background=True),
         {"class_weights": QS, "smooth": 0.1, "alpha": 0.3, "beta": 0.7, "ignore_background": True}, "all set"),
    _row("binary_cross_entropy", lambda rng, n: (rng.uniform(0.05, 0.95, (n, 3)), rng.uniform(size=(n, 3))),
         _mean(lambda jnp, optax, p, t: -t * jnp.log(p) - (1 - t) * jnp.log1p(-p)), averaged=True, to_targets=True,
         extremes=((np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0]), -np.log([1, 1, 1e-7, 1e-7])),)),
    _row("softmax_cross_entropy", lambda rng, n: (3 * rng.normal(size=(n, 3)), _classes(rng, n)),
         lambda jnp, optax, z, t: optax.softmax_cross_entropy_with_integer_labels(z, t), label="of classes",
         extremes=((FAR, np.array([2]), 0.0), (FAR, np.array([0]), 2e4),
                   (np.array([[0.0, -np.inf, 0.0]]), np.array([0]), LOG_2),
                   (np.array([[0.0, -np.inf, 0.0]]), np.array([1]), np.inf))),
    _row("softmax_cross_entropy", lambda rng, n: (3 * rng.normal(size=(n, 3)), _simplex(rng, n)),
         lambda jnp, optax, z, t: optax.softmax_cross_entropy(z, t), label="of rows",
         extremes=((FAR, np.array([[0.0, 0.0, 1.0]]), 0.0), (FAR, np.array([[0.5, 0.0, 0.5]]), 1e4),
                   (np.array([[0.0, -np.inf, 0.0]]), np.array([[1.0, 0.0, 0.0]]), LOG_2))),
    _row("categorical_cross_entropy", lambda rng, n: (_simplex(rng, n), _classes(rng, n)),
         lambda jnp, optax, p, t: -jnp.log(p[jnp.arange(len(t)), t]), label="of classes",
         extremes=((np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([1, 0]), -np.log([1, 1e-7])),)),
    _row("categorical_cross_entropy", lambda rng, n: (_simplex(rng, n), _simplex(rng, n)),
         lambda jnp, optax, p, t: -jnp.sum(t * jnp.log(p), axis=-1), label="of rows"),
    _row("kl_divergence", lambda rng, n: (np.log(_simplex(rng, n)), _simplex(rng, n)),
         lambda jnp, optax, p, t: optax.kl_divergence(p, t), to_targets=True,
         extremes=((np.log([[0.5, 0.5, 1e-300]]), np.array([[0.0, 1.0, 0.0]]), LOG_2),
                   (np.array([[-np.inf, 0.0]]), np.array([[0.0, 1.0]]), 0.0),
                   (np.array([[-np.inf, 0.0]]), np.array([[1.0, 0.0]]), np.inf))),
    _row("cosine_distance", _numbers, lambda jnp, optax, p, t: optax.cosine_distance(p, t), to_targets=True,
         extremes=((FAR, np.array([[0.0, 0.0, 1.0]]), 1 - 0.5**0.5), (ZEROS, FAR, 1.0), (ZEROS, ZEROS, 1.0))),
    _row("cosine_similarity", _numbers, lambda jnp, optax, p, t: optax.cosine_similarity(p, t), to_targets=True,
         extremes=((FAR, np.array([[0.0, 0.0, 1.0]]), 0.5**0.5), (ZEROS, FAR, 0.0), (ZEROS, ZEROS, 0.0))),
    _row("ntxent", lambda rng, n: (rng.normal(size=(n, 3)), np.arange(n) // 2), lambda jnp, optax, p, t: _ntxent(
        jnp, p, t), {"temperature": 0.5}, alone=False,
        extremes=((np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([1, 1]), 0.0),
                  (np.array([[1e4, 0.0], [1e4, 0.0], [-1e4, 0.0]]), np.array([1, 1, 0]),
                   1.5 * np.log1p(np.exp(-4)) * np.array([1.0, 1.0, 0.0])))),
    _row("contrastive", _pair(True), lambda jnp, optax, p, t: 0.5 * jnp.sum((p - t[0]) ** 2, axis=-1), label="same",
         f=lambda p, t: losses.contrastive(p, t[0], t[1]), extremes=((FAR, (FAR, np.array([True])), 0.0),)),
    _row("contrastive", _pair(False),
         lambda jnp, optax, p, t: 0.5 * jnp.maximum(2 - _length(jnp, p - t[0]), 0) ** 2, label="different",
         f=lambda p, t: losses.contrastive(p, t[0], t[1], 2.0), extremes=((FAR, (FAR, np.array([0])), 2.0),)),
    _row("triplet_margin", lambda rng, n: (rng.normal(size=(n, 2)), tuple(rng.normal(size=(2, n, 2)))),
         lambda jnp, optax, p, t: jnp.maximum(_length(jnp, p - t[0]) - _length(jnp, p - t[1]) + 1, 0),
         f=lambda p, t: losses.triplet_margin(p, *t),
         extremes=((FAR, (FAR, FAR), 1.0), (FAR, (FAR, ZEROS), 0.0))),
]
