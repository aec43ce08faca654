"""Find the mislabelled examples: the gradient of each example by itself, with `vmap(grad(loss))`.

The mean gradient of a batch says where to go; the gradient of one example, how much it wants to go elsewhere. Of a
trained network the examples with a wrong label pull hardest. `grad` gives the gradient of one example, `vmap` those of
all at once, from the same function. Try:

    python examples/per_example.py --wrong 30 --epochs 2000
"""

from __future__ import annotations

import argparse

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, optimizers, random, training
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import OptState
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

net = dense(2, 32) >> relu >> dense(32, 3)
optimizer = optimizers.adamw(0.02, weight_decay=0.05)


def loss_of_one(params: Params, x: Array, y: IntArray) -> Scalar:
    """The cross-entropy of a single example: a point of the plane and its label."""
    return np.sum(losses.softmax_cross_entropy(net.apply(params, x[None]), y[None]))


def step(params: Params, opt_state: OptState[Params], batch: Batch) -> tuple[Params, OptState[Params], Scalar]:
    """One step on the mean of the losses, which `vmap` makes of the loss of one."""
    def loss(params: Params) -> Scalar:
        return np.mean(fn.vmap(loss_of_one, in_axes=(None, 0, 0))(params, *batch))

    value, grads = fn.value_and_grad(loss)(params)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), opt_state, value


def gradient_norm(params: Params, x: Array, y: IntArray) -> Array:
    """How long the gradient of one example is."""
    norm: Array = optimizers.global_norm(fn.grad(loss_of_one)(params, x, y))
    return norm


def main() -> None:
    """Train on labels of which some are wrong, rank all examples by their gradients, and see who is on top."""
    parser = argparse.ArgumentParser(description="Find mislabelled examples by their gradients.")
    parser.add_argument("--wrong", type=int, default=15)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    data_key, wrong_key, init_key, order_key = random.split(random.key(options.seed), 4)
    x, labels = datasets.vertical(data_key, samples=100, classes=3, noise=0.05)
    wrong = random.choice(wrong_key, len(labels), (options.wrong,), replace=False)
    is_wrong = np.isin(np.arange(len(labels)), wrong)
    y = np.where(is_wrong, (labels + 1) % 3, labels)

    params = net.init(init_key)
    epochs = training.batches(order_key, (x, y), size=300, epochs=options.epochs)
    (params, _), history = training.fold(step, (params, optimizer.init(params)), epochs)
    print(f"{len(y)} examples, {options.wrong} of them with a wrong label: loss {history[0]:.3f} -> {history[-1]:.3f}")

    norms = fn.vmap(gradient_norm, in_axes=(None, 0, 0))(params, x, y)
    suspects = np.argsort(-norms)[:options.wrong]
    print("the gradients of right and wrong examples, in the median: "
          f"{np.median(norms[~is_wrong]):.2f} and {np.median(norms[is_wrong]):.2f}")
    for i in suspects[:5]:
        verdict = "wrong" if is_wrong[i] else "right"
        print(f"    example {i:3d}: gradient {norms[i]:5.2f}, label {y[i]}, which is {verdict}")
    print(f"of the {options.wrong} longest gradients {np.sum(is_wrong[suspects])} belong to wrong labels")


if __name__ == "__main__":
    main()
