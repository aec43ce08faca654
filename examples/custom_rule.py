"""Give an operation a derivative of your own: `fn.custom_vjp`, in both its forms, and checked.

Entmax is a softmax that gives most entries a weight of exactly 0, so attention reads a few rows and ignores the rest:

    p_i = max(s_i / 2 - t, 0)^2,    with the threshold t at which the p_i sum to 1

Bisection finds t. To differentiate through its 60 halvings is slow, and silently wrong: comparisons have derivative 0.
The derivative of the equation that t solves is short and right (Peters et al. 2019, arXiv:1905.05702).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import funcnn as fn
from funcnn import random
from funcnn.testing import check_grads
from funcnn.typing import Array, Scalar


def above(t: Any, scores: Array) -> Array:
    """How far each score is above the threshold; the weights are the squares of this."""
    distance: Array = np.maximum(scores / 2 - t, 0)
    return distance


def bisection(scores: Array, total: Scalar) -> Any:
    """The threshold t at which the weights sum to a total."""
    high: Any = np.max(scores) / 2
    low = high - np.sqrt(total)
    for _ in range(60):
        middle = (low + high) / 2
        enough = np.sum(above(middle, scores) ** 2) >= total
        low, high = np.where(enough, middle, low), np.where(enough, high, middle)
    return (low + high) / 2


# The first form: a pullback for each argument, called as (g, y, *args), and only if that argument is differentiated.
# From 0 = d sum_i r_i^2 - d total with r_i = s_i / 2 - t follow dt / ds_i and dt / d total.
threshold = fn.custom_vjp(bisection)
threshold.defvjps(lambda g, t, scores, total: g * above(t, scores) / (2 * np.sum(above(t, scores))),
                  lambda g, t, scores, total: -g / (2 * np.sum(above(t, scores))))


def entmax(scores: Array) -> Array:
    """Weights that sum to 1, most of them 0: plain NumPy on top of the threshold."""
    return above(threshold(scores, 1.0), scores) ** 2


@fn.custom_vjp
def attend(query: Array, keys: Array, values: Array) -> Any:
    """The values that a query finds: the rows whose keys are like it, by entmax."""
    return entmax(keys @ query) @ values


# The second form: what the way there has computed is kept for the way back, here r, and the pullbacks share it.
# `forward` may itself be differentiated (for a Hessian), so it uses `threshold`, never the bisection.
def forward(query: Array, keys: Array, values: Array) -> tuple[Any, Any]:
    scores = keys @ query
    r = above(threshold(scores, 1.0), scores)
    return r ** 2 @ values, (r, query, keys, values)


def backward(residuals: Any, g: Array) -> tuple[Array, Array, Array]:
    r, query, keys, values = residuals
    to_weights = values @ g
    to_scores = r * (to_weights - r @ to_weights / np.sum(r))
    return to_scores @ keys, np.outer(to_scores, query), np.outer(r ** 2, g)


attend.defvjp(forward, backward)


def main() -> None:
    """Show what goes wrong without a rule, check the rules, and learn a query that reads two rows of six."""
    key, value_key = random.split(random.key(0))
    keys, values = random.normal(key, (6, 8), np.float64), random.normal(value_key, (6, 4), np.float64)
    scores = np.array([0.4, -0.3, 0.9, 0.1, 0.6, -2.0])
    try:
        check_grads(bisection, (scores, 1.0), order=1)
    except AssertionError as error:
        print("without a rule:", error)
    check_grads(threshold, (scores, 1.0))
    check_grads(attend, (keys[1] / 10, keys, values))
    print("with the rules, first and second derivatives are those of finite differences")
    wanted, query = (values[3] + values[5]) / 2, np.zeros(8, np.float64)
    def loss(query: Array) -> Any:
        return np.sum((attend(query, keys, values) - wanted) ** 2)
    for step in range(61):
        value, gradient = fn.value_and_grad(loss)(query)
        if step % 20 == 0:
            print(f"step {step:2}: loss {value:.4f}, weights {np.round(entmax(keys @ query), 2)}")
        query = query - 0.1 * gradient


if __name__ == "__main__":
    main()
