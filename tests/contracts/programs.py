"""Real numerical programs in plain NumPy, for `test_programs`: each is differentiated by funcnn and by jax.

A program is a function of the namespace `np` (NumPy or `jax.numpy`), of what it is differentiated by, and of data; a
`@transforming` one also of the namespace `fn` (funcnn or jax), because it takes derivatives itself. `draw(...)` is an
array of normal numbers. A program keeps float32, so its literals are Python's.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

__all__ = ["PROGRAMS", "Program"]


class Program(NamedTuple):
    """A program, as `build(np, fn)(x, *data)`."""

    build: Callable[[Any, Any], Callable[..., Any]]
    x: Any
    data: tuple[Any, ...] = ()


PROGRAMS: dict[str, Program] = {}
Draw = Callable[..., Any]


def program(inputs: Callable[[Draw], tuple[Any, ...]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register f(np, x, *data); the inputs are drawn from a generator seeded by its name."""
    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS[f.__name__] = Program(lambda np, fn: partial(f, np), *_drawn(f, inputs))
        return f

    return register


def transforming(inputs: Callable[[Draw], tuple[Any, ...]]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register f(np, fn, x, *data)."""
    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS[f.__name__] = Program(lambda np, fn: partial(f, np, fn), *_drawn(f, inputs))
        return f

    return register


def _drawn(f: Callable[..., Any], inputs: Callable[[Draw], tuple[Any, ...]]) -> tuple[Any, tuple[Any, ...]]:
    rng = np.random.default_rng(zlib.crc32(f.__name__.encode()))
    x, *data = inputs(lambda *shape: rng.normal(size=shape) if shape else rng.normal())
    return x, tuple(data)


def sigmoid(np: Any, x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def logsumexp(np: Any, x: Any, axis: int) -> Any:
    """Log sum exp x, shifted by the maximum."""
    top = np.max(x, axis=axis, keepdims=True)
    return np.squeeze(top, axis) + np.log(np.sum(np.exp(x - top), axis=axis))


def softmax(np: Any, x: Any) -> Any:
    """exp x / sum exp x, along the last axis."""
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


# ------------------------------------------------------------------ statistics


@program(lambda draw: ({"w": draw(4), "b": draw()}, draw(30, 4), np.sign(draw(30))))
def logistic_regression(np: Any, x: Any, features: Any, signs: Any) -> Any:
    """Logistic regression with a penalty."""
    z = signs * (features @ x["w"] + x["b"])
    return np.mean(np.logaddexp(0.0, -z)) + 0.05 * np.sum(x["w"] ** 2)


@program(lambda draw: (draw(4), draw(20, 4), draw(20), draw(10, 4), draw(10)))
def ridge_regression(np: Any, penalties: Any, features: Any, targets: Any, fresh: Any, fresh_targets: Any) -> Any:
    """The validation error of ridge regression in closed form, by the logarithms of its penalties."""
    gram = features.T @ features + np.diag(np.exp(penalties))
    w = np.linalg.solve(gram, features.T @ targets)
    return np.mean((fresh @ w - fresh_targets) ** 2)


def covariance(np: Any, x: Any, t: Any) -> Any:
    """The covariance of a Gaussian process with a squared-exponential kernel and noise."""
    distance = (t[:, None] - t[None, :]) / np.exp(x["length"])
    return np.exp(2 * x["scale"] - distance ** 2 / 2) + np.exp(2 * x["noise"]) * np.diag(np.ones_like(t))


@program(lambda draw: ({"length": 0.1, "scale": 0.2, "noise": -0.3}, np.linspace(-3.0, 3.0, 12), draw(12)))
def gaussian_process(np: Any, x: Any, t: Any, y: Any) -> Any:
    """The marginal likelihood of a Gaussian process, by Cholesky's factor."""
    factor = np.linalg.cholesky(covariance(np, x, t))
    white = np.linalg.solve(factor, y)
    return white @ white / 2 + np.sum(np.log(np.diagonal(factor)))


@program(lambda draw: ({"length": 0.1, "scale": 0.2, "noise": -0.3}, np.linspace(-3.0, 3.0, 12), draw(12)))
def gaussian_process_by_determinant(np: Any, x: Any, t: Any, y: Any) -> Any:
    """The same by solve and slogdet."""
    k = covariance(np, x, t)
    _, logdet = np.linalg.slogdet(k)
    return y @ np.linalg.solve(k, y) / 2 + logdet / 2


@program(lambda draw: ({"q": -1.0, "r": 0.3, "start": draw(2)}, np.array([[1.0, 0.5], [0.0, 1.0]]),
                       np.array([[0.25, 0.5], [0.5, 1.0]]), np.array([1.0, 0.0]), np.cumsum(draw(20))))
def kalman_filter(np: Any, x: Any, F: Any, Q: Any, h: Any, observations: Any) -> Any:
    """The likelihood of 20 positions seen by a Kalman filter of position and velocity."""
    m, P, total = x["start"], Q, 0.0
    for y in observations:
        m, P = F @ m, F @ P @ F.T + np.exp(x["q"]) * Q
        variance, error = h @ P @ h + np.exp(x["r"]), y - h @ m
        gain = P @ h / variance
        m, P = m + gain * error, P - np.outer(gain, h @ P)
        total = total + (np.log(variance) + error ** 2 / variance) / 2
    return total


@program(lambda draw: ({"start": draw(3), "move": draw(3, 3), "mean": draw(3)}, draw(8)))
def hidden_markov_model(np: Any, x: Any, observations: Any) -> Any:
    """The likelihood of a hidden Markov model with Gaussian emissions: the forward algorithm in logarithms."""
    start, move = (z - logsumexp(np, z, -1)[..., None] for z in (x["start"], x["move"]))
    emissions = -((observations[:, None] - x["mean"]) ** 2) / 2
    alpha = start + emissions[0]
    for emission in emissions[1:]:
        alpha = logsumexp(np, alpha[:, None] + move, 0) + emission
    return -logsumexp(np, alpha, 0)


@program(lambda draw: ({"weight": draw(3), "mean": draw(3, 2), "log_scale": 0.3 * draw(3, 2)}, draw(25, 2)))
def gaussian_mixture(np: Any, x: Any, points: Any) -> Any:
    """The likelihood of a mixture of three Gaussians."""
    z = (points[:, None, :] - x["mean"]) / np.exp(x["log_scale"])
    log_density = -np.sum(z ** 2 / 2 + x["log_scale"], axis=-1)
    return np.mean(logsumexp(np, x["weight"], 0) - logsumexp(np, x["weight"] + log_density, 1))


@program(lambda draw: ({"level": -1.0, "shock": -0.8, "memory": 1.0}, draw(12)))
def garch(np: Any, x: Any, returns: Any) -> Any:
    """The likelihood of a GARCH(1, 1) model of volatility."""
    level, shock, memory = np.exp(x["level"]), sigmoid(np, x["shock"]), sigmoid(np, x["memory"])
    variance, total = np.var(returns), 0.0
    for r in returns:
        total = total + (np.log(variance) + r * r / variance) / 2
        variance = level + memory * ((1 - shock) * variance + shock * r * r)
    return total


@program(lambda draw: ({"mean": draw(3), "factor": draw(3, 3)}, draw(20, 3)))
def normal_with_learned_factor(np: Any, x: Any, points: Any) -> Any:
    """The likelihood of a normal distribution, by a triangular factor of its precision."""
    diagonal = np.diagonal(x["factor"])
    factor = np.tril(x["factor"], -1) + np.diag(np.exp(diagonal))
    z = (points - x["mean"]) @ factor
    return np.mean(np.sum(z ** 2, axis=1)) / 2 - np.sum(diagonal)


@program(lambda draw: ({"a": 0.3, "b": 0.5}, np.linspace(0.0, 2.0, 21), np.array([3, 8, 12, 20])))
def survival_by_quadrature(np: Any, x: Any, t: Any, deaths: Any) -> Any:
    """The likelihood of a Gompertz law of survival, its hazard integrated by trapezoids."""
    hazard = np.exp(x["a"] + np.sin(x["b"]) * t)
    slabs = (t[1:] - t[:-1]) * (hazard[1:] + hazard[:-1]) / 2
    cumulative = np.concatenate([slabs[:1] * 0, np.cumsum(slabs)])
    return np.sum(cumulative[deaths] - np.log(hazard[deaths]))


@program(lambda draw: (draw(6, 3), np.exp(draw(6, 1)), draw(6, 3)))
def principal_components(np: Any, points: Any, weights: Any, others: Any) -> Any:
    """The error of a projection on two principal components, by eigh."""
    centred = points - np.mean(points, axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    basis = vectors[:, 1:]
    return np.sum(weights * (others - others @ basis @ basis.T) ** 2)


@program(lambda draw: (draw(7, 3), draw(7, 3), np.exp(draw(7, 1))))
def procrustes(np: Any, points: Any, others: Any, weights: Any) -> Any:
    """The weighted error of the rotation that aligns two clouds best, by svd."""
    u, _, vt = np.linalg.svd(points.T @ others)
    return np.sum(weights * (points @ u @ vt - others) ** 2)


@program(lambda draw: ({"knots": 0.1 * draw(4)}, draw(15), np.linspace(-1.0, 1.0, 15)))
def least_squares_by_qr(np: Any, x: Any, y: Any, t: Any) -> Any:
    """The error of a fit by radial functions, by their places (variable projection, QR)."""
    design = np.exp(-((t[:, None] - (np.linspace(-1.0, 1.0, 4).astype(t.dtype) + x["knots"])) ** 2))
    q, _ = np.linalg.qr(design)
    return np.sum((y - q @ (q.T @ y)) ** 2)


@program(lambda draw: ({"mean": draw(4), "factors": draw(4, 2), "own": draw(4)},))
def portfolio(np: Any, x: Any) -> Any:
    """The Sharpe ratio of a portfolio with a cap on its leverage, by the inverse of a factor model's covariance."""
    c = x["factors"] @ x["factors"].T + np.diag(np.exp(x["own"]))
    w = np.linalg.inv(c) @ x["mean"]
    w = w / np.sqrt(1 + np.sum(w ** 2))
    return (w @ x["mean"] - 0.1 * np.sum(np.abs(w))) / np.sqrt(w @ c @ w)


# ------------------------------------------------------------------ learning


@program(lambda draw: ({gate: {"w": draw(2, 3), "u": draw(3, 3), "b": draw(3)} for gate in "zrh"}, draw(5, 4, 2)))
def gru(np: Any, x: Any, sequence: Any) -> Any:
    """A gated recurrent unit over five steps, a batch of 4."""
    h = sequence[0] @ x["h"]["w"] * 0
    for s in sequence:
        z, r = (sigmoid(np, s @ x[k]["w"] + h @ x[k]["u"] + x[k]["b"]) for k in "zr")
        new = np.tanh(s @ x["h"]["w"] + (r * h) @ x["h"]["u"] + x["h"]["b"])
        h = (1 - z) * h + z * new
    return np.mean(h ** 2)


@program(lambda draw: ({"w": draw(5, 12), "b": draw(12), "h": draw(1, 3), "c": draw(1, 3)}, draw(5, 4, 2)))
def lstm(np: Any, x: Any, sequence: Any) -> Any:
    """A long short-term memory over five steps, its first state learned."""
    h, c = (np.broadcast_to(x[k], (4, 3)) for k in "hc")
    for s in sequence:
        i, f, o, g = np.split(np.concatenate([s, h], axis=1) @ x["w"] + x["b"], 4, axis=1)
        c = sigmoid(np, f) * c + sigmoid(np, i) * np.tanh(g)
        h = sigmoid(np, o) * np.tanh(c)
    return np.sum(h * h[::-1])


@program(lambda draw: ([{"s": draw(1, 4), "t": draw(1, 4), "out": draw(4, 2)} for _ in range(3)], draw(10, 2)))
def real_nvp(np: Any, layers: Any, points: Any) -> Any:
    """The likelihood of a flow of three affine couplings (Dinh et al. 2017)."""
    total = 0.0
    for layer in layers:
        a, b = points[:, :1], points[:, 1:]
        net = np.tanh(a @ layer["s"] + layer["t"]) @ layer["out"]
        scale, shift = np.tanh(net[:, :1]), net[:, 1:]
        points, total = np.hstack([b * np.exp(scale) + shift, a]), total + np.sum(scale)
    return np.sum(points ** 2) / 2 - total


@program(lambda draw: ([{"u": 0.5 * draw(2), "w": draw(2), "b": draw()} for _ in range(3)], draw(10, 2)))
def planar_flow(np: Any, layers: Any, z: Any) -> Any:
    """The free energy of three planar flows (Rezende and Mohamed 2015), kept invertible."""
    total = 0.0
    for layer in layers:
        u, w = layer["u"], layer["w"]
        u = u + (np.logaddexp(0.0, w @ u) - 1 - w @ u) * w / (w @ w)
        h = np.tanh(z @ w + layer["b"])
        total = total + np.sum(np.log(np.abs(1 + (1 - h ** 2) * (w @ u))))
        z = z + u * h[:, None]
    return np.sum(z ** 2) / 2 - total


@program(lambda draw: ({"encode": draw(4, 6), "decode": draw(3, 4), "b": draw(4)}, (draw(8, 4) > 0) * 1.0, draw(8, 3)))
def variational_autoencoder(np: Any, x: Any, images: Any, noise: Any) -> Any:
    """The evidence lower bound of an autoencoder of black and white images, with fixed noise."""
    code = np.tanh(images @ x["encode"])
    mean, log_scale = code[:, :3], code[:, 3:]
    logits = (mean + np.exp(log_scale) * noise) @ x["decode"] + x["b"]
    likelihood = np.sum(images * logits - np.logaddexp(logits, 0.0))
    divergence = np.sum(np.exp(2 * log_scale) + mean ** 2 - 1 - 2 * log_scale) / 2
    return (divergence - likelihood) / len(images)


@program(lambda draw: ({"q": draw(4, 6), "k": draw(4, 6), "v": draw(4, 6), "out": draw(6, 4), "g": draw(4)},
                       draw(2, 5, 4)))
def self_attention(np: Any, x: Any, tokens: Any) -> Any:
    """Causal self-attention with two heads, a residual connection and layer norm."""
    q, k, v = (np.moveaxis((tokens @ x[name]).reshape(2, 5, 2, 3), 2, 1) for name in "qkv")
    scores = q @ np.swapaxes(k, -1, -2) / 3 ** 0.5
    past = np.tril(np.ones_like(scores)) > 0
    heads = softmax(np, np.where(past, scores, -np.inf)) @ v
    y = tokens + np.moveaxis(heads, 1, 2).reshape(2, 5, 6) @ x["out"]
    centred = y - np.mean(y, axis=-1, keepdims=True)
    normed = x["g"] * centred / np.sqrt(np.var(y, axis=-1, keepdims=True) + 1e-3)
    return np.mean(np.tanh(normed) ** 2)


@program(lambda draw: ({"kernel": draw(3, 3, 1, 2), "bias": draw(2), "out": draw(8, 3)}, draw(2, 6, 6, 1),
                       np.array([0, 2])))
def convolutional_net(np: Any, x: Any, images: Any, labels: Any) -> Any:
    """A 2-D convolution by slices, max pooling by strides, cross-entropy by fancy indexing."""
    z = sum(images[:, i:i + 4, j:j + 4] @ x["kernel"][i, j] for i in range(3) for j in range(3)) + x["bias"]
    z = np.maximum(z, 0.1 * z)
    pooled = np.max(np.stack([z[:, i::2, j::2] for i in range(2) for j in range(2)]), axis=0)
    logits = pooled.reshape(2, 8) @ x["out"]
    return np.mean(logsumexp(np, logits, 1) - logits[np.arange(2), labels])


@program(lambda draw: ({"w0": draw(3, 5), "gain": draw(5), "shift": draw(5), "w1": draw(5, 1)}, draw(9, 3), draw(9, 1)))
def batch_norm(np: Any, x: Any, features: Any, targets: Any) -> Any:
    """A network with batch normalisation, GELU (tanh) and the Huber loss."""
    z = features @ x["w0"]
    z = x["gain"] * (z - np.mean(z, axis=0)) / (np.std(z, axis=0) + 0.1) + x["shift"]
    h = z * (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z ** 3))) / 2
    e = np.abs(h @ x["w1"] - targets)
    return np.mean(np.where(e < 1, e ** 2 / 2, e - 0.5))


@program(lambda draw: ({"w0": draw(3, 4), "w1": draw(4, 4), "out": draw(4)}, draw(5, 3),
                       np.array([[0, 1], [1, 2], [2, 0], [3, 1], [4, 3], [0, 4]])))
def graph_network(np: Any, x: Any, nodes: Any, edges: Any) -> Any:
    """Two rounds of messages on a graph: gathered by fancy indexing, added up by a product with the incidence."""
    source, target = edges[:, 0], edges[:, 1]
    arriving = (target == np.arange(5)[:, None]).astype(nodes.dtype)
    h = nodes @ x["w0"]
    for _ in range(2):
        h = np.tanh(h + arriving @ np.tanh(h[source] @ x["w1"]))
    return np.mean(h @ x["out"]) ** 2


@program(lambda draw: ({"user": draw(5, 2), "item": draw(6, 2), "bias": draw(5)}, np.array([0, 1, 1, 4, 4, 2, 3]),
                       np.array([5, 0, 3, 3, 1, 0, 2]), draw(7), draw(5, 6) > 0))
def matrix_factorisation(np: Any, x: Any, users: Any, items: Any, ratings: Any, hidden: Any) -> Any:
    """A factorisation of the ratings that were seen: an entry is gathered, and its gradient added, more than once."""
    seen = np.einsum("nk,nk->n", x["user"][users], x["item"][items]) + x["bias"][users]
    unseen = (x["user"] @ x["item"].T)[hidden]
    return np.mean((seen - ratings) ** 2) + 0.1 * np.mean(unseen ** 2)


@program(lambda draw: ({"emit": draw(5, 3), "move": draw(3, 3)}, np.array([0, 1, 1, 2, 0])))
def conditional_random_field(np: Any, x: Any, tags: Any) -> Any:
    """The likelihood of a linear-chain conditional random field, and the score of its softened best path."""
    alpha = best = x["emit"][0]
    for emit in x["emit"][1:]:
        alpha = logsumexp(np, alpha[:, None] + x["move"], 0) + emit
        best = logsumexp(np, 5 * (best[:, None] + x["move"]), 0) / 5 + emit
    score = np.sum(x["emit"][np.arange(5), tags]) + np.sum(x["move"][tags[:-1], tags[1:]])
    return logsumexp(np, alpha, 0) - score + 0.1 * np.max(best)


@program(lambda draw: (draw(4, 2), draw(5, 2)))
def soft_time_warping(np: Any, a: Any, b: Any) -> Any:
    """The softened distance of two curves under dynamic time warping (Cuturi and Blondel 2017)."""
    cost = np.sum((a[:, None] - b) ** 2, axis=-1)
    last = [cost[0, 0]]
    for j in range(1, 5):
        last.append(last[-1] + cost[0, j])
    for i in range(1, 4):
        row = [last[0] + cost[i, 0]]
        for j in range(1, 5):
            row.append(cost[i, j] - logsumexp(np, -np.stack([last[j], last[j - 1], row[-1]]), 0))
        last = row
    return last[-1]


@program(lambda draw: (draw(4, 2), draw(5, 2)))
def sinkhorn(np: Any, a: Any, b: Any) -> Any:
    """The cost of the entropic optimal transport between two clouds: eight Sinkhorn iterations in logarithms."""
    cost = np.sqrt(np.sum((a[:, None] - b) ** 2, axis=-1) + 0.01)
    f, g = cost[:, 0] * 0, cost[0] * 0
    for _ in range(8):
        f = -0.5 * logsumexp(np, (g - cost) / 0.5, 1)
        g = -0.5 * logsumexp(np, (f[:, None] - cost) / 0.5, 0)
    plan = np.exp((f[:, None] + g - cost) / 0.5)
    return np.sum(plan * cost)


@program(lambda draw: (draw(7, 3), draw(7, 3), draw(3, 5)))
def sliced_wasserstein(np: Any, a: Any, b: Any, directions: Any) -> Any:
    """The distance of two clouds, sorted along five directions."""
    directions = directions / np.linalg.norm(directions, axis=0)
    return np.mean((np.sort(a @ directions, axis=0) - np.sort(b @ directions, axis=0)) ** 2)


@program(lambda draw: ({"left": draw(4, 3), "right": draw(3, 3)}, draw(6, 4), draw(6, 3)))
def contrastive(np: Any, x: Any, images: Any, texts: Any) -> Any:
    """The symmetric contrastive loss of pairs of normalised embeddings."""
    a, b = images @ x["left"], texts @ x["right"]
    a, b = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (a, b))
    similarity = 5.0 * a @ b.T
    both = logsumexp(np, similarity, 0) + logsumexp(np, similarity, 1)
    return np.mean(both - 2 * np.diagonal(similarity))


@program(lambda draw: (draw(4, 3), draw(9, 4), np.array([0, 2, 1, 1, 0, 2, 2, 1, 0]), 3 * draw(9), draw(9, 3)))
def policy_gradient(np: Any, w: Any, states: Any, actions: Any, advantages: Any, old: Any) -> Any:
    """The clipped objective of proximal policy optimisation, with an entropy bonus (Schulman et al. 2017)."""
    logits = states @ w
    new, old = (z - logsumexp(np, z, 1)[:, None] for z in (logits, old))
    ratio = np.exp(np.take_along_axis(new - old, actions[:, None], axis=1)[:, 0])
    clipped = np.clip(ratio, 0.8, 1.2)
    entropy = -np.sum(np.exp(new) * new, axis=1)
    return -np.mean(np.minimum(ratio * advantages, clipped * advantages) + 0.01 * entropy)


@program(lambda draw: ({"W": 0.3 * draw(4, 4), "U": draw(4, 2), "b": draw(4)}, draw(2)))
def deep_equilibrium(np: Any, x: Any, signal: Any) -> Any:
    """The fixed point of a recurrent layer, by 15 iterations."""
    z = x["b"] * 0
    for _ in range(15):
        z = np.tanh(x["W"] @ z + x["U"] @ signal + x["b"])
    return np.sum(z ** 2)


# ------------------------------------------------------------------ physics, geometry, signals


@program(lambda draw: ({"rates": np.array([1.0, 0.4, 0.9, 0.3]), "start": np.array([1.5, 0.8])}, 2 + draw(6)))
def lotka_volterra(np: Any, x: Any, seen: Any) -> Any:
    """The misfit of predators and prey over six Runge-Kutta steps, by their rates and first numbers."""
    a, b, c, d = x["rates"]

    def slope(s: Any) -> Any:
        return np.stack([a * s[0] - b * s[0] * s[1], d * s[0] * s[1] - c * s[1]])

    s, total = x["start"], 0.0
    for prey in seen:
        k1 = slope(s)
        k2 = slope(s + 0.1 * k1)
        k3 = slope(s + 0.1 * k2)
        s = s + 0.2 * (k1 + 2 * k2 + 2 * k3 + slope(s + 0.2 * k3)) / 6
        total = total + (s[0] - prey) ** 2
    return total


@program(lambda draw: ({"place": draw(3, 2), "speed": 0.3 * draw(3, 2)},))
def three_bodies(np: Any, x: Any) -> Any:
    """Where three bodies are after six leapfrog steps of softened gravity."""
    def pull(place: Any) -> Any:
        apart = place - place[:, None]
        return np.sum(apart / (np.sum(apart ** 2, axis=-1, keepdims=True) + 0.5) ** 1.5, axis=1)

    place, speed = x["place"], x["speed"]
    for _ in range(6):
        speed = speed + 0.05 * pull(place)
        place = place + 0.1 * speed
        speed = speed + 0.05 * pull(place)
    return place


@program(lambda draw: ({"conductivity": draw(12), "start": draw(12)}, draw(12)))
def heat_equation(np: Any, x: Any, measured: Any) -> Any:
    """The misfit of a ring's temperature after eight explicit steps of the heat equation, by what it is made of."""
    k, u = 0.4 * sigmoid(np, x["conductivity"]), x["start"]
    for _ in range(8):
        flow = (k + np.roll(k, -1)) / 2 * (np.roll(u, -1) - u)
        u = u + flow - np.roll(flow, 1)
    return np.sum((u - measured) ** 2)


@program(lambda draw: (draw(5, 2), np.array([[0, 1], [1, 2], [2, 3], [3, 0], [0, 2], [3, 4], [4, 1]]),
                       np.exp(0.2 * draw(7))))
def spring_network(np: Any, places: Any, springs: Any, lengths: Any) -> Any:
    """The energy of masses on springs: its gradient is minus the forces, its Hessian the stiffness."""
    stretch = np.linalg.norm(places[springs[:, 0]] - places[springs[:, 1]], axis=1) - lengths
    return 10 * np.sum(stretch ** 2) + np.sum(places[:, 1])


@program(lambda draw: (np.stack(np.meshgrid([0.0, 1.4, 2.7], [0.0, 1.3]), -1).reshape(6, 2) + 0.1 * draw(6, 2),
                       np.triu_indices(6, 1)))
def lennard_jones(np: Any, places: Any, pairs: Any) -> Any:
    """The energy of atoms in a periodic box, each pair at its nearest image."""
    apart = places[pairs[0]] - places[pairs[1]]
    apart = apart - 4.0 * np.round(apart / 4.0)
    inverse = 1 / np.sum(apart ** 2, axis=-1) ** 3
    return 4 * np.sum(inverse ** 2 - inverse)


@program(lambda draw: ({"coupling": 0.3 * draw(5, 5), "field": draw(5), "beta": 0.7},))
def ising_mean_field(np: Any, x: Any) -> Any:
    """The mean-field free energy of an Ising model, its magnetisation iterated."""
    j = (x["coupling"] + x["coupling"].T) / 2
    m = np.tanh(x["field"])
    for _ in range(10):
        m = (m + np.tanh(x["beta"] * (j @ m + x["field"]))) / 2
    up, down = (1 + m) / 2, (1 - m) / 2
    entropy = -np.sum(up * np.log(up) + down * np.log(down))
    return -m @ j @ m / 2 - x["field"] @ m - entropy / x["beta"]


_AXES = np.array([[[0, -1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
                  [[0, 0, 0], [0, 0, -1], [0, 1, 0]]]) * 1.0


@program(lambda draw: ({"angles": draw(3), "links": draw(3, 3)}, _AXES))
def robot_arm(np: Any, x: Any, axes: Any) -> Any:
    """Where the hand of a robot with three joints is: rotations by Rodrigues's formula and einsum."""
    sin, cos = np.sin(x["angles"])[:, None, None], np.cos(x["angles"])[:, None, None]
    turns = np.identity(3, dtype=axes.dtype) + sin * axes + (1 - cos) * np.einsum("nij,njk->nik", axes, axes)
    hand = np.einsum("ij,jk,kl,l->i", turns[0], turns[1], turns[2], x["links"][2])
    return hand + np.einsum("ij,jk,k->i", turns[0], turns[1], x["links"][1]) + turns[0] @ x["links"][0]


@program(lambda draw: ({"turn": 0.3 * draw(2, 3), "move": draw(2, 3), "points": draw(6, 3) + np.array([0, 0, 8.0])},
                       draw(2, 6, 2)))
def bundle_adjustment(np: Any, x: Any, seen: Any) -> Any:
    """The robust error of six points seen by two cameras, turned by Rodrigues's formula with cross products."""
    total = 0.0
    for camera in range(2):
        angle = np.linalg.norm(x["turn"][camera])
        axis = x["turn"][camera] / angle
        p, along = x["points"], x["points"] @ axis
        p = np.cos(angle) * p + np.sin(angle) * np.cross(axis, p) + (1 - np.cos(angle)) * along[:, None] * axis
        p = p + x["move"][camera]
        total = total + np.sum(np.log1p(np.sum((p[:, :2] / p[:, 2:] - seen[camera]) ** 2, axis=1)))
    return total


@program(lambda draw: (0.1 * draw(6), draw(7, 7), draw(5, 5)))
def image_registration(np: Any, affine: Any, image: Any, target: Any) -> Any:
    """The error of an image under an affine map of the plane, read off by bilinear interpolation."""
    y, x = np.meshgrid(np.arange(5), np.arange(5), indexing="ij")
    y, x = y.astype(image.dtype), x.astype(image.dtype)
    row = 1.4 + y + affine[0] + 0.3 * (affine[1] * y + affine[2] * x)
    column = 1.6 + x + affine[3] + 0.3 * (affine[4] * y + affine[5] * x)
    i, j = np.floor(row).astype(np.int64), np.floor(column).astype(np.int64)
    a, b = row - i.astype(image.dtype), column - j.astype(image.dtype)
    top = (1 - b) * image[i, j] + b * image[i, j + 1]
    bottom = (1 - b) * image[i + 1, j] + b * image[i + 1, j + 1]
    return np.mean(((1 - a) * top + a * bottom - target) ** 2)


@program(lambda draw: ({"density": draw(3, 8), "colour": draw(3, 8)}, np.exp(0.3 * draw(8))))
def volume_rendering(np: Any, x: Any, steps: Any) -> Any:
    """What three rays see of a glowing fog: light is absorbed along the way, a cumulative product."""
    kept = np.exp(-np.logaddexp(0.0, x["density"]) * steps)
    before = np.cumprod(np.concatenate([kept[:, :1] * 0 + 1, kept[:, :-1]], axis=1), axis=1)
    return np.sum(before * (1 - kept) * sigmoid(np, x["colour"]), axis=1)


@program(lambda draw: ({"real": draw(9), "imaginary": draw(9)}, draw(16), draw(16)))
def spectral_loss(np: Any, x: Any, signal: Any, target: Any) -> Any:
    """A filter learned in the frequencies: the error in time, and that of the spectra's logarithms."""
    spectrum = np.fft.rfft(signal) * (x["real"] + 1j * x["imaginary"])
    filtered = np.fft.irfft(spectrum, 16)
    error = np.log1p(np.abs(np.fft.fft(filtered)) ** 2) - np.log1p(np.abs(np.fft.fft(target)) ** 2)
    return np.mean((filtered - target) ** 2) + np.mean(error ** 2)


@program(lambda draw: (draw(3, 2), draw(4, 4)))
def quantum_circuit(np: Any, angles: Any, observable: Any) -> Any:
    """The expectation of an observable after three layers of rotations and a controlled gate on two qubits."""
    state = np.array([1, 0, 0, 0]).astype(angles.dtype)
    flips = np.array([0, 1, 3, 2])
    for a, b in angles:
        state = state.reshape(2, 2)
        state = np.cos(a) * state - 1j * np.sin(a) * state[::-1]
        phase = np.exp(1j * np.stack([-b, b]))
        state = (state * phase).reshape(4)[flips]
    return np.real(np.conj(state) @ ((observable + observable.T) @ state))


@program(lambda draw: (draw(6, 5), draw(6, 5)))
def total_variation(np: Any, image: Any, noisy: Any) -> Any:
    """The objective of denoising by total variation, with its corners rounded."""
    down, right = np.diff(image, axis=0)[:, :-1], np.diff(image, axis=1)[:-1]
    padded = np.pad(image, 1)
    smooth = padded[1:-1, 1:-1] - (padded[:-2, 1:-1] + padded[2:, 1:-1]) / 2
    return np.sum(np.sqrt(down ** 2 + right ** 2 + 0.01)) + np.sum((image - noisy) ** 2) + np.mean(smooth ** 2)


@program(lambda draw: ({"control": draw(7, 2), "knots": np.arange(11.0) + 0.2 * draw(11)}, np.linspace(3.6, 6.4, 8)))
def spline_curve(np: Any, x: Any, t: Any) -> Any:
    """The length of a cubic B-spline, by its control points and knots (Cox and de Boor's recursion)."""
    knots, t = x["knots"], t[:, None]
    basis = ((knots[:-1] <= t) & (t < knots[1:])).astype(t.dtype)
    for k in range(1, 4):
        rising = (t - knots[:-k - 1]) / (knots[k:-1] - knots[:-k - 1])
        falling = (knots[k + 1:] - t) / (knots[k + 1:] - knots[1:-k])
        basis = rising * basis[:, :-1] + falling * basis[:, 1:]
    steps = np.diff(basis @ x["control"], axis=0)
    return np.sum(np.hypot(steps[:, 0], steps[:, 1]))


@program(lambda draw: ({"rates": 0.03 + 0.01 * draw(5), "spread": 0.01}, np.array([0.0, 1.0, 2.0, 5.0, 10.0]),
                       np.array([0.5, 1.3, 3.0, 4.4, 7.7]), np.array([0.99, 0.95, 0.9, 0.86, 0.7])))
def yield_curve(np: Any, x: Any, tenors: Any, times: Any, prices: Any) -> Any:
    """The calibration of an interpolated yield curve to the prices of bonds."""
    rates = np.interp(times, tenors, x["rates"]).astype(prices.dtype) + x["spread"]
    return np.sum((np.exp(-rates * times) - prices) ** 2)


@program(lambda draw: ({"spot": 100.0, "rate": 0.03, "volatility": 0.2, "time": 0.75},
                       np.array([80.0, 95.0, 105.0, 130.0])))
def black_scholes(np: Any, x: Any, strikes: Any) -> Any:
    """The prices of calls by Black and Scholes; their derivatives are the Greeks. Phi by the tanh approximation."""
    def phi(z: Any) -> Any:
        return (1 + np.tanh((2 / np.pi) ** 0.5 * (z + 0.044715 * z ** 3))) / 2

    deviation = x["volatility"] * np.sqrt(x["time"])
    d1 = (np.log(x["spot"] / strikes) + (x["rate"] + x["volatility"] ** 2 / 2) * x["time"]) / deviation
    return x["spot"] * phi(d1) - strikes * np.exp(-x["rate"] * x["time"]) * phi(d1 - deviation)


@program(lambda draw: (1 + 0.3 * draw(6),))
def rosenbrock(np: Any, x: Any) -> Any:
    """Rosenbrock's valley in six dimensions."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


# ------------------------------------------------------------------ programs that differentiate


@transforming(lambda draw: (-1.0, draw(15, 3), np.sign(draw(15)), draw(6, 3), np.sign(draw(6))))
def newton_regression(np: Any, fn: Any, penalty: Any, features: Any, signs: Any, fresh: Any, fresh_signs: Any) -> Any:
    """The validation loss of a logistic regression fitted by two Newton steps through `hessian`, by its penalty."""
    def loss(w: Any) -> Any:
        return np.sum(np.logaddexp(0.0, -signs * (features @ w))) + np.exp(penalty) * np.sum(w ** 2)

    w = features[0] * 0
    for _ in range(2):
        w = w - np.linalg.solve(fn.hessian(loss)(w), fn.grad(loss)(w))
    return np.mean(np.logaddexp(0.0, -fresh_signs * (fresh @ w)))


@transforming(lambda draw: ({"rate": -2.0, "l2": -1.0}, draw(8, 3), draw(8), draw(5, 3), draw(5)))
def hypergradient(np: Any, fn: Any, x: Any, features: Any, targets: Any, fresh: Any, fresh_targets: Any) -> Any:
    """The validation loss after ten steps of gradient descent, by the learning rate and the penalty."""
    def loss(w: Any) -> Any:
        return np.mean((np.tanh(features @ w) - targets) ** 2) + np.exp(x["l2"]) * np.sum(w ** 2)

    w = features[0]
    for _ in range(10):
        w = w - np.exp(x["rate"]) * fn.grad(loss)(w)
    return np.mean((np.tanh(fresh @ w) - fresh_targets) ** 2)


@transforming(lambda draw: ({"w": draw(1, 4), "b": draw(4), "out": draw(4)}, draw(3, 6, 1), draw(3)))
def meta_learning(np: Any, fn: Any, x: Any, inputs: Any, phases: Any) -> Any:
    """The loss of three tasks after one inner step each, by where they begin (MAML, Finn et al. 2017)."""
    def loss(params: Any, inputs: Any, phase: Any) -> Any:
        y = np.tanh(inputs @ params["w"] + params["b"]) @ params["out"]
        return np.mean((y - np.sin(inputs[:, 0] + phase)) ** 2)

    total = 0.0
    for points, phase in zip(inputs, phases, strict=True):
        slopes = fn.grad(loss)(x, points[:3], phase)
        adapted = {name: x[name] - 0.1 * slopes[name] for name in x}
        total = total + loss(adapted, points[3:], phase)
    return total


@transforming(lambda draw: ({"w": draw(5), "b": draw(5), "out": 0.3 * draw(5)}, np.linspace(0.1, 3.0, 8)))
def physics_informed(np: Any, fn: Any, x: Any, times: Any) -> Any:
    """How far a small net is from an oscillation u'' = -u with u(0) = 0 and u'(0) = 1: derivatives in its input."""
    def u(t: Any) -> Any:
        return np.sum(x["out"] * np.tanh(t[..., None] * x["w"] + x["b"]), axis=-1)

    speed = fn.elementwise_grad(u)
    residual = fn.elementwise_grad(speed)(times) + u(times)
    start = times[:1] * 0
    return np.mean(residual ** 2) + np.sum(u(start) ** 2) + np.sum((speed(start) - 1) ** 2)


@transforming(lambda draw: ({"q": 0.3 * draw(2), "p": 0.3 * draw(2)},))
def hamiltonian_flow(np: Any, fn: Any, x: Any) -> Any:
    """The state after six leapfrog steps in a coupled potential, its forces by `grad`."""
    def potential(q: Any) -> Any:
        return np.sum(q ** 2) / 2 + q[0] ** 2 * q[1] - q[1] ** 3 / 3

    q, p = x["q"], x["p"]
    for _ in range(6):
        p = p - 0.05 * fn.grad(potential)(q)
        q = q + 0.1 * p
        p = p - 0.05 * fn.grad(potential)(q)
    return {"q": q, "p": p}


@transforming(lambda draw: ({"w": draw(3), "precision": 0.2}, draw(12, 3), np.floor(np.exp(draw(12)))))
def laplace_approximation(np: Any, fn: Any, x: Any, features: Any, counts: Any) -> Any:
    """Laplace's approximation to the evidence of a Poisson regression: its gradient takes third derivatives."""
    def loss(w: Any) -> Any:
        rates = features @ w
        return np.sum(np.exp(rates) - counts * rates) + np.exp(x["precision"]) * np.sum(w ** 2) / 2

    w = x["w"] - 0.01 * fn.grad(loss)(x["w"])
    return loss(w) + np.linalg.slogdet(fn.hessian(loss)(w))[1] / 2 - 1.5 * x["precision"]


@transforming(lambda draw: (draw(3), draw(3, 3)))
def newton_direction(np: Any, fn: Any, x: Any, a: Any) -> Any:
    """Three steps of conjugate gradients towards Newton's direction, the Hessian only through `hvp`."""
    def loss(x: Any) -> Any:
        return np.sum(np.cosh(a @ x)) + np.sum(x ** 4)

    d, r = x * 0, -fn.grad(loss)(x)
    p = r
    for _ in range(3):
        h = fn.hvp(loss, (x,), (p,))
        step = (r @ r) / (p @ h)
        d, new = d + step * p, r - step * h
        p, r = new + (new @ new) / (r @ r) * p, new
    return d


@transforming(lambda draw: ({"angles": draw(3), "target": draw(2)}, np.array([1.0, 0.8, 0.5])))
def inverse_kinematics(np: Any, fn: Any, x: Any, links: Any) -> Any:
    """The angles of a planar arm after two damped Gauss-Newton steps towards a target, by `jacfwd` and `jacrev`."""
    def hand(angles: Any) -> Any:
        turned = np.cumsum(angles)
        return np.stack([np.sum(links * np.cos(turned)), np.sum(links * np.sin(turned))])

    angles = x["angles"]
    for jacobian in (fn.jacfwd, fn.jacrev):
        j = jacobian(hand)(angles)
        damped = j @ j.T + 0.5 * np.identity(2, dtype=links.dtype)
        angles = angles + j.T @ np.linalg.solve(damped, x["target"] - hand(angles))
    return angles


@transforming(lambda draw: (np.array([1.0, 1.5]), np.array([80.0, 95.0, 105.0])))
def gamma_of_a_book(np: Any, fn: Any, spots: Any, strikes: Any) -> Any:
    """The second derivative in the spot of a book of digital options under a logistic law, by `elementwise_grad`."""
    def value(spots: Any) -> Any:
        return np.sum(sigmoid(np, 5 * np.log(100 * spots[:, None] / strikes)), axis=1)

    return fn.elementwise_grad(fn.elementwise_grad(value))(spots)


@transforming(lambda draw: ({"w": draw(2, 3), "out": draw(3)}, draw(2), draw(2)))
def tangent_propagation(np: Any, fn: Any, x: Any, point: Any, tangent: Any) -> Any:
    """How a net changes along a direction that should not matter, by `jvp`, and how steep it is, by `vjp`."""
    def net(point: Any) -> Any:
        return np.tanh(point @ x["w"]) * x["out"]

    y, change = fn.jvp(net, (point,), (tangent,))
    _, pullback = fn.vjp(net, point)
    return np.sum(change ** 2) + np.sum(pullback(y)[0] ** 2)
