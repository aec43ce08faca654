"""Lesson 11: a loss says in one number how wrong a prediction is; which one, depends on what is predicted.

See the value of each for a few predictions. They come one for each example; the mean is yours to take. Squared error
punishes one large error more than absolute error, and huber stands between. Integer labels and one-hot rows, 1 in the
column of the class and 0 elsewhere, give the same cross-entropy. Losses that take logits, what the last layer gives
before softmax or sigmoid, stay exact where probabilities are 0 to the last bit. Labels that cannot be, as a class 3 of
3, are errors.

Losses as curves are drawn into the folder that you name: `python examples/lessons/11_losses.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from funcnn import losses, plotting
from funcnn.activations import softmax
from funcnn.typing import Array

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())


def show(name: str, values: Array) -> None:
    """Print the loss of each example and their mean."""
    print(f"{name:32} {np.array2string(np.asarray(values), precision=10):56} mean {np.mean(values):.10f}")


p, zero = np.array([0.5, -1.5, 2.0]), np.zeros(3, np.float64)
print(f"a number: predictions {p} of {zero}")
show("squared_error", losses.squared_error(p, zero))
show("absolute_error", losses.absolute_error(p, zero))
show("huber", losses.huber(p, zero))

print("\none of three classes: logits [1, 2, 3]")
logits = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
labels = np.array([2, 0])
show("softmax_cross_entropy", losses.softmax_cross_entropy(logits, labels))
show("  of one-hot rows", losses.softmax_cross_entropy(logits, losses.one_hot(labels, 3)))
show("categorical_cross_entropy", losses.categorical_cross_entropy(softmax(logits), labels))
certain = np.array([[1000.0, 0.0, -1000.0]])
show("certain and wrong, from logits", losses.softmax_cross_entropy(certain, np.array([2])))
show("  from probabilities", losses.categorical_cross_entropy(softmax(certain), np.array([2])))
try:
    losses.softmax_cross_entropy(logits, np.array([2, 3]))
except ValueError as error:
    print(error)

print("\nyes or no: logits [-1000, 0, 1000, 2], then probabilities [0.1, 0.5, 1, 0.9], answers [0, 1, 1, 0]")
odds, chances = np.array([-1000.0, 0.0, 1000.0, 2.0]), np.array([0.1, 0.5, 1.0, 0.9])
answers = np.array([0, 1, 1, 0])
show("sigmoid_binary_cross_entropy", losses.sigmoid_binary_cross_entropy(odds, answers))
show("binary_cross_entropy", losses.binary_cross_entropy(chances, answers))

print("\na distribution: q of p")
truth = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
guess = np.array([[0.1, 0.6, 0.3], [0.2, 0.5, 0.3]])
show("kl_divergence", losses.kl_divergence(np.log(guess), truth))
show("  of p from itself", losses.kl_divergence(np.log(truth), truth))

print("\nlikeness: an anchor, one like it, one unlike it")
anchor, like = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.5], [0.0, 0.8]])
unlike = np.array([[0.0, 0.0], [0.0, 2.0]])
show("triplet_margin", losses.triplet_margin(anchor, like, unlike))
show("contrastive, the same", losses.contrastive(anchor, like, np.array([True, True])))
show("contrastive, different", losses.contrastive(anchor, unlike, np.array([False, False]), margin=1.5))

try:
    figure = plotting.figure(10, 3.6)
    left, right = figure.subplots(1, 2)
    off = np.linspace(-3, 3, 301)
    errors = losses.squared_error, losses.absolute_error, losses.huber
    for color, style, loss in zip(plotting.COLORS[::2], ("-", "--", ":"), errors, strict=False):
        left.plot(off, loss(off, np.zeros_like(off)), style, color=color, label=loss.__name__)
    left.set(xlabel="prediction - target", ylabel="loss", ylim=(0, 6), title="a number")
    z = np.linspace(-6, 6, 301)
    for color, answer in zip(plotting.COLORS[::2], (1, 0), strict=False):
        curve = losses.sigmoid_binary_cross_entropy(z, np.full(z.shape, answer))
        right.plot(z, curve, color=color, label=f"the answer is {'yes' if answer else 'no'}")
    right.set(xlabel="logit", ylim=(0, 6), title="yes or no: sigmoid_binary_cross_entropy")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, loc="upper center")
    figure.savefig(folder / "losses.png", dpi=160)
    print(f"\nwrote {folder / 'losses.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let the last number be far off, `np.array([0.5, -1.5, 20.0])` in place of
# `np.array([0.5, -1.5, 2.0])`. How many times as large do the three means become?
