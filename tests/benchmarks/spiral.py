"""The training step of the README beside its peers: microseconds a step, and ratios.

    python tests/benchmarks/spiral.py [--rounds N] [--seconds S] [--threads T]

Full batch of 300 points in two dimensions, a 2-64-3 relu net, softmax cross-entropy with integer labels, Adam with
rate 0.05, all in float32. Each peer is written the way its own documentation teaches; each must show the same loss
at steps 1 and 20, from the same parameters, before it is timed; every 250 steps all start again from them. PyTorch
and JAX use their own thread pools: PyTorch runs once with one thread and once with as many as it likes; read the
better line.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks import harness
else:
    import harness

RATE, B1, B2, EPS = 0.05, 0.9, 0.999, 1e-8

Floats: TypeAlias = NDArray[np.float32]
Weights: TypeAlias = list[Floats]
Losses: TypeAlias = Iterator[Any]


def problem() -> tuple[Floats, NDArray[np.int64], Weights]:
    """The points, their classes, and the parameters w1, b1, w2, b2 from which all start."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 100)
    radius = np.tile(np.linspace(0, 1, 100), 3)
    angle = 4 * (radius + y) + 0.2 * rng.normal(size=300)
    x = np.stack([radius * np.sin(2.5 * angle), radius * np.cos(2.5 * angle)], axis=1)
    weights = [rng.normal(size=(2, 64)) / 2, np.zeros(64), rng.normal(size=(64, 3)) / 8, np.zeros(3)]
    return x.astype(np.float32), y, [w.astype(np.float32) for w in weights]


# ----------------------------------------------------------------------------------------------- contestants


def funcnn() -> harness.Work:
    import funcnn as fn
    from funcnn import losses, optimizers, tree
    from funcnn.activations import relu
    from funcnn.layers import dense

    x, y, (w1, b1, w2, b2) = problem()
    net = dense(2, 64) >> relu >> dense(64, 3)
    start = tree.freeze({"dense_0": {"w": w1, "b": b1}, "dense_1": {"w": w2, "b": b2}})
    optimizer = optimizers.adam(RATE, B1, B2, EPS)

    def loss(params: Any, batch: Any) -> Any:
        x, y = batch
        return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))

    def step(params: Any, opt_state: Any, batch: Any) -> Any:
        value, grads = fn.value_and_grad(loss)(params, batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optimizers.apply_updates(params, updates), opt_state, value

    def train() -> Losses:
        params, opt_state = start, optimizer.init(start)
        while True:
            params, opt_state, value = step(params, opt_state, (x, y))
            yield value

    return train


def numpy_by_hand() -> harness.Work:
    x, y, start = problem()

    def value_and_grad(params: Weights) -> tuple[Any, Weights]:
        w1, b1, w2, b2 = params
        z1 = x @ w1 + b1
        h = np.maximum(z1, 0)
        z2 = h @ w2 + b2
        e = np.exp(z2 - z2.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(x))
        loss = -np.log(p[rows, y]).mean()
        d2 = p.copy()
        d2[rows, y] -= 1
        d2 /= len(x)
        d1 = (d2 @ w2.T) * (z1 > 0)
        return loss, [x.T @ d1, d1.sum(axis=0), h.T @ d2, d2.sum(axis=0)]

    def adam(p: Floats, g: Floats, m: Floats, v: Floats, t: int) -> tuple[Floats, Floats, Floats]:
        m = B1 * m + (1 - B1) * g
        v = B2 * v + (1 - B2) * g**2
        m_hat = m / (1 - B1**t)
        v_hat = v / (1 - B2**t)
        return p - RATE * m_hat / (np.sqrt(v_hat) + EPS), m, v

    def train() -> Losses:
        params = start
        ms, vs = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
        for t in itertools.count(1):
            value, grads = value_and_grad(params)
            moved = [adam(*leaf, t) for leaf in zip(params, grads, ms, vs, strict=True)]
            params, ms, vs = ([leaf[i] for leaf in moved] for i in range(3))
            yield value

    return train


class Dense:
    """A layer that remembers, as the book builds it."""

    def __init__(self, weights: Floats, biases: Floats) -> None:
        self.weights, self.biases = weights.copy(), biases.copy()
        self.momentums = [np.zeros_like(weights), np.zeros_like(biases)]
        self.caches = [np.zeros_like(weights), np.zeros_like(biases)]

    def forward(self, inputs: Floats) -> None:
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues: Floats) -> None:
        self.gradients = [self.inputs.T @ dvalues, np.sum(dvalues, axis=0)]
        self.dinputs = dvalues @ self.weights.T

    def update(self, t: int) -> None:
        for i, parameter in enumerate((self.weights, self.biases)):
            gradient = self.gradients[i]
            self.momentums[i] = B1 * self.momentums[i] + (1 - B1) * gradient
            self.caches[i] = B2 * self.caches[i] + (1 - B2) * gradient**2
            corrected = self.momentums[i] / (1 - B1**t), self.caches[i] / (1 - B2**t)
            parameter += -RATE * corrected[0] / (np.sqrt(corrected[1]) + EPS)


def numpy_as_the_book() -> harness.Work:
    x, y, (w1, b1, w2, b2) = problem()

    def train() -> Losses:
        first, second = Dense(w1, b1), Dense(w2, b2)
        for t in itertools.count(1):
            first.forward(x)
            hidden = np.maximum(0, first.output)
            second.forward(hidden)
            powers = np.exp(second.output - np.max(second.output, axis=1, keepdims=True))
            probabilities = powers / np.sum(powers, axis=1, keepdims=True)
            confidences = np.clip(probabilities, 1e-7, 1 - 1e-7)[range(len(x)), y]
            loss = np.mean(-np.log(confidences))
            dlogits = probabilities.copy()
            dlogits[range(len(x)), y] -= 1
            second.backward(dlogits / len(x))
            dhidden = second.dinputs.copy()
            dhidden[first.output <= 0] = 0
            first.backward(dhidden)
            first.update(t)
            second.update(t)
            yield loss

    return train


def pytorch(threads: int | None) -> harness.Work:
    import torch

    if threads:
        torch.set_num_threads(threads)
    x, y, start = problem()
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    criterion = torch.nn.CrossEntropyLoss()

    def train() -> Losses:
        net = torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.ReLU(), torch.nn.Linear(64, 3))
        with torch.no_grad():
            for parameter, w in zip(net.parameters(), start, strict=True):
                parameter.copy_(torch.from_numpy(w.T))
        optimizer = torch.optim.Adam(net.parameters(), lr=RATE, betas=(B1, B2), eps=EPS)
        while True:
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            yield loss.detach()

    return train


def jax_jit() -> harness.Work:
    import jax
    import jax.numpy as jnp
    import optax

    x, y, start = (jax.tree.map(jnp.asarray, part) for part in problem())
    optimizer = optax.adam(RATE, B1, B2, EPS)

    def loss(params: Any, x: Any, y: Any) -> Any:
        w1, b1, w2, b2 = params
        logits = jax.nn.relu(x @ w1 + b1) @ w2 + b2
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def step(params: Any, opt_state: Any, x: Any, y: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params, x, y)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    compiled = jax.jit(step)

    def train() -> Losses:
        params, opt_state = start, optimizer.init(start)
        while True:
            params, opt_state, value = compiled(params, opt_state, x, y)
            yield value.block_until_ready()

    next(train())  # compiles
    return train


def scikit_learn() -> harness.Work:
    from sklearn.neural_network import MLPClassifier

    x, y, start = problem()
    eps = EPS * (1 - B2**20) ** 0.5  # it adds eps to the root of the biased mean, which is that much smaller
    model = MLPClassifier((64,), activation="relu", solver="adam", alpha=0, batch_size=300, learning_rate_init=RATE,
                          beta_1=B1, beta_2=B2, epsilon=eps, shuffle=False)
    model.partial_fit(x, y, classes=np.arange(3))

    def train() -> Losses:
        w1, b1, w2, b2 = (w.copy() for w in start)
        model.coefs_, model.intercepts_ = [w1, w2], [b1, b2]
        del model._optimizer
        while True:
            yield model.partial_fit(x, y).loss_

    return train


def autograd() -> harness.Work:
    import autograd.numpy as anp
    from autograd import value_and_grad

    x, y, start = problem()
    rows = np.arange(len(x))

    def loss(params: Any) -> Any:
        w1, b1, w2, b2 = params
        z = anp.maximum(x @ w1 + b1, 0) @ w2 + b2
        z = z - anp.max(z, axis=1, keepdims=True)
        return anp.mean(anp.log(anp.sum(anp.exp(z), axis=1)) - z[rows, y])

    def train() -> Losses:
        params = start
        ms, vs = [np.zeros_like(p) for p in params], [np.zeros_like(p) for p in params]
        for t in itertools.count(1):
            value, grads = value_and_grad(loss)(params)
            ms = [B1 * m + (1 - B1) * g for m, g in zip(ms, grads, strict=True)]
            vs = [B2 * v + (1 - B2) * g**2 for v, g in zip(vs, grads, strict=True)]
            params = [p - RATE * (m / (1 - B1**t)) / (np.sqrt(v / (1 - B2**t)) + EPS)
                      for p, m, v in zip(params, ms, vs, strict=True)]
            yield value

    return train


# --------------------------------------------------------------------------------------------------------- the race


PEERS: dict[str, harness.Make] = {
    "funcnn": funcnn,
    "NumPy by hand": numpy_by_hand,
    "NumPy in the style of the book": numpy_as_the_book,
    "PyTorch, 1 thread": partial(pytorch, 1),
    "PyTorch, its own choice of threads": partial(pytorch, None),
    "JAX, jit of the step": jax_jit,
    "scikit-learn, partial_fit": scikit_learn,
    "autograd": autograd,
}


def loss_at(n: int, work: harness.Work) -> float:
    return float(harness.value_at(n, work))


def check(contestants: Mapping[tuple[str, str], harness.Contestant]) -> None:
    """All compute the same: the losses at steps 1 and 20 agree within 1e-4."""
    for n in (1, 20):
        losses = {who: contestant.ask(partial(loss_at, n)) for (_, who), contestant in contestants.items()}
        spread = max(losses.values()) - min(losses.values())
        print(f"loss at step {n}: {losses['funcnn']:.6f}, the same for all within {spread:.1e}")
        if not spread < 1e-4:
            raise SystemExit(f"they do not compute the same: {losses}")


if __name__ == "__main__":
    chosen = harness.settings(__doc__)
    harness.compare("one training step, 300x2 -> 64 -> 3, float32, Adam", {"a step": PEERS}, chosen, check=check)
