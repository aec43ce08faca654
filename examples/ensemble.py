"""Ten networks at once, and where they disagree: an ensemble is `vmap(net.init)` and `vmap(step)`.

Ten networks that began differently agree where there was data, and beyond it each goes its own way; the spread of
their answers says how little they know. Nothing below the two lines with `vmap` knows that there are ten. Try:

    python examples/ensemble.py --members 20
    python examples/ensemble.py --plot ensemble.png        (needs matplotlib: pip install 'funcnn[plot]')
"""

from __future__ import annotations

import argparse

import numpy as np

import funcnn as fn
from funcnn import losses, optimizers, plotting, random
from funcnn.layers import dense
from funcnn.optimizers import OptState
from funcnn.typing import Array, Params, Scalar

net = dense(1, 32) >> np.tanh >> dense(32, 32) >> np.tanh >> dense(32, 1)
optimizer = optimizers.adam(0.01)


def step(params: Params, opt_state: OptState[Params], x: Array, y: Array) -> tuple[Params, OptState[Params], Scalar]:
    """One step of one network."""
    def loss(params: Params) -> Scalar:
        return np.mean(losses.squared_error(net.apply(params, x), y))

    value, grads = fn.value_and_grad(loss)(params)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), opt_state, value


def main() -> None:
    """Train all of them, compare their answers inside and outside of the data, draw."""
    parser = argparse.ArgumentParser(description="An ensemble of networks, and its disagreement.")
    parser.add_argument("--members", type=int, default=10)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", metavar="FILE", help="draw the answers of all members, and their spread")
    options = parser.parse_args()

    data_key, noise_key, init_key = random.split(random.key(options.seed), 3)
    x = random.uniform(data_key, (60, 1), minval=-1.0, maxval=1.0)
    y = np.sin(3 * x) + 0.1 * random.normal(noise_key, (60, 1))

    params = fn.vmap(net.init)(random.split(init_key, options.members))
    opt_state = fn.vmap(optimizer.init)(params)
    for i in range(options.steps):
        params, opt_state, value = fn.vmap(step, in_axes=(0, 0, None, None))(params, opt_state, x, y)
        if i % max(1, options.steps // 5) == 0 or i == options.steps - 1:
            print(f"step {i:4d}: the {options.members} losses lie between {np.min(value):.4f} and {np.max(value):.4f}")

    grid = np.linspace(-3, 3, 121, dtype=np.float32)[:, None]
    answers = fn.vmap(net.apply, in_axes=(0, None))(params, grid)[..., 0]
    spread = np.std(answers, axis=0)
    inside = np.abs(grid[:, 0]) <= 1
    print(f"their spread is {np.mean(spread[inside]):.3f} where there was data, {np.mean(spread[~inside]):.3f} beyond")
    if options.plot:
        draw(options.plot, x, y, grid[:, 0], answers)


def draw(file: str, x: Array, y: Array, grid: Array, answers: Array) -> None:
    """The data, each member's answer, and a band of two standard deviations around their mean."""
    try:
        figure = plotting.figure(8, 3.6)
    except ModuleNotFoundError as error:
        raise SystemExit(f"--plot: {error}") from None
    axes = figure.subplots()
    mean, spread = np.mean(answers, axis=0), np.std(answers, axis=0)
    blue, _, red, *_ = plotting.COLORS
    axes.axvspan(-1, 1, color="0.94", label="where there was data")
    axes.fill_between(grid, mean - 2 * spread, mean + 2 * spread, color=blue, alpha=0.25, linewidth=0,
                      label="mean ± 2 standard deviations")
    axes.plot(grid, answers.T, linewidth=0.9, color=blue, label=["one of the networks", *["_"] * (len(answers) - 1)])
    axes.plot(x[:, 0], y[:, 0], "o", color=red, markersize=3.5, label="data")
    axes.set(xlim=(grid[0], grid[-1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left", fontsize="small")
    figure.savefig(file)
    print(f"wrote {file}")


if __name__ == "__main__":
    main()
