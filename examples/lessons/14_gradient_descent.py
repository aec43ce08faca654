"""Lesson 14: gradient descent on y = 3x + 2, and two mistakes in a program that seems to work.

A notebook trains 16 hidden neurons for 1000 epochs. Its loss falls, from 12.43 to 8.88, and nobody complains; it should
be 0.00. See its ten lines, and how the mistakes show: its gradient is a hundredth of `fn.grad`'s, because the mean over
the examples is taken in the loss and again in each layer; and its step is not the rate times the gradient, because the
rate 0.1 stops at a `backward` that does not hand it on, where 0.01 is the default. Then see each mended, and both.

The four descents are drawn into the folder that you name: `python examples/lessons/14_gradient_descent.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import funcnn as fn
from funcnn import losses, optimizers, plotting, training, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, Params, Scalar

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
rate = 0.1
generator = np.random.RandomState(0)
x = generator.rand(100, 1)
y = 3 * x + 2
start: Params = {"dense_0": {"w": 0.01 * generator.randn(1, 16), "b": np.zeros(16, np.float64)},
                 "dense_1": {"w": 0.01 * generator.randn(16, 1), "b": np.zeros(1, np.float64)}}
net = dense(1, 16) >> relu >> dense(16, 1)


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
        params = update(params, gradients) if rate_lost else update(params, gradients, rate)
        history.append(value)
        if epoch % 100 == 0:
            print(f"Epoch {epoch}, Loss: {value:.4f}")
    return history


def loss(params: Params, batch: tuple[Array, Array]) -> Scalar:
    """The mean-squared error, which is all that funcnn has to know."""
    return np.mean(losses.squared_error(net.apply(params, batch[0]), batch[1]))


notebook = train("As the notebook has it", mean_again=True, rate_lost=True)
wrong, right = backward(start, mean_again=True)[1], fn.grad(loss)(start, (x, y))
moved = tree.map(np.subtract, update(start, right), start)
print("\nFinding them, at the last bias:")
print("the notebook's gradient / fn.grad's =", wrong["dense_1"]["b"] / right["dense_1"]["b"], "and should be 1")
print("its step / the gradient =", moved["dense_1"]["b"] / right["dense_1"]["b"], f"and should be {-rate}")

one_mean = train("Only the mean mended", mean_again=False, rate_lost=True)
right_rate = train("Only the rate mended", mean_again=True, rate_lost=False)
mended = train("Both mended", mean_again=False, rate_lost=False)
optimizer = optimizers.sgd(rate)
step = training.make_step(loss, optimizer)
(params, _), history = training.fold(step, (start, optimizer.init(start)), [(x, y)] * 1000)
print("\nfuncnn's 1000 losses are the same:", np.allclose(history, mended, rtol=1e-9, atol=0))
print("f(0) and f(1), which should be 2 and 5:", np.round(net.apply(params, np.array([[0.0], [1.0]]))[:, 0], 4))

try:
    figure = plotting.figure(8, 3.6)
    (ax,) = plotting.history({"loss": {"as it is": notebook, "only the rate mended": right_rate,
                                   "only the mean mended": one_mean, "both mended": mended}}, axes=figure.subplots())
    ax.set(yscale="log", xlabel="epoch")
    ax.legend(frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    figure.savefig(folder / "gradient_descent.png", dpi=160)
    print(f"\nwrote {folder / 'gradient_descent.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: take `rate = 0.5`. What does the mended network answer for 0 and 1?
