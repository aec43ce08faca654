"""Lesson 14: gradient descent on y = 3x + 2, and two mistakes in a program that seems to work.

A notebook trains a network of 16 hidden neurons for 1000 epochs. Its loss falls, from 12.43 to 8.88, and nobody
complains; it should be 0.00. See its ten lines, from the same program in functions. Then see how the mistakes show:
its gradient is a hundredth of `fn.grad`'s, because the mean over the examples is taken in the loss and again in each
layer; and its step is not the learning rate times the gradient, because the rate 0.1 stops at a `backward` that does
not hand it on, where 0.01 is the default. See the lines with each mended, with both, and with funcnn.
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import losses, optimizers, training, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import OptState
from funcnn.typing import Array, Params, Scalar

generator = np.random.RandomState(0)
x = generator.rand(100, 1)
y = 3 * x + 2
start: Params = {"dense_0": {"w": 0.01 * generator.randn(1, 16), "b": np.zeros(16, np.float64)},
                 "dense_1": {"w": 0.01 * generator.randn(16, 1), "b": np.zeros(1, np.float64)}}


def backward(params: Params, *, mean_again: bool) -> tuple[float, Params]:
    """The loss and its gradient as the notebook computes it; with `mean_again` its first mistake."""
    (w1, b1), (w2, b2) = ((layer["w"], layer["b"]) for layer in params.values())
    z = x @ w1 + b1
    a = np.maximum(z, 0)
    predictions = a @ w2 + b2
    d2 = -2 * (y - predictions) / y.size  # the mean is in here
    d1 = (d2 @ w2.T) * np.where(np.asarray(z) > 0, 1, 0)
    m = len(x) if mean_again else 1
    gradients = {"dense_0": {"w": x.T @ d1 / m, "b": np.sum(d1, axis=0) / m},
                 "dense_1": {"w": a.T @ d2 / m, "b": np.sum(d2, axis=0) / m}}
    return float(np.mean((y - predictions) ** 2)), gradients


def update(params: Params, gradients: Params, learning_rate: float = 0.01) -> Params:
    """A step against the gradient; the notebook calls it without its learning rate, its second mistake."""
    return tree.map(lambda p, g: p - learning_rate * g, params, gradients)


def train(title: str, *, mean_again: bool, rate_lost: bool) -> list[float]:
    """Train, print a line every 100 epochs as the notebook does, and return the losses."""
    print(f"\n{title}")
    params, history = start, []
    for epoch in range(1000):
        value, gradients = backward(params, mean_again=mean_again)
        params = update(params, gradients) if rate_lost else update(params, gradients, 0.1)
        history.append(value)
        if epoch % 100 == 0:
            print(f"Epoch {epoch}, Loss: {value:.4f}")
    return history


train("As the notebook has it", mean_again=True, rate_lost=True)

net = dense(1, 16) >> relu >> dense(16, 1)


def loss(params: Params, batch: tuple[Array, Array]) -> Scalar:
    """The mean-squared error, which is all that funcnn has to know."""
    x, y = batch
    return np.mean(losses.squared_error(net.apply(params, x), y))


wrong = backward(start, mean_again=True)[1]
right = fn.grad(loss)(start, (x, y))
step = tree.map(lambda after, before: after - before, update(start, right), start)
print("\nFinding them, at the last bias:")
print("the notebook's gradient / fn.grad's =", wrong["dense_1"]["b"] / right["dense_1"]["b"], "and should be 1")
print("its step / the gradient =", step["dense_1"]["b"] / right["dense_1"]["b"], "and should be -0.1")

train("Only the mean mended", mean_again=False, rate_lost=True)
train("Only the rate mended", mean_again=True, rate_lost=False)
mended = train("Both mended", mean_again=False, rate_lost=False)

optimizer = optimizers.sgd(0.1)
state: tuple[Params, OptState[Params]] = (start, optimizer.init(start))
(params, _), history = training.fold(training.make_step(loss, optimizer), state, [(x, y)] * 1000)
print("\nfuncnn's 1000 losses are the same:", np.allclose(history, mended, rtol=1e-9, atol=0))
print("f(0) and f(1), which should be 2 and 5:", np.round(net.apply(params, np.array([[0.0], [1.0]]))[:, 0], 4))
