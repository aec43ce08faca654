"""Each part against the formula of its paper, written as a sum over all gradients so far; no other library is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pytest

from funcnn import optimizers as o

Gradients: TypeAlias = Sequence[float]
"""Those of one number, the newest last."""

GRADIENTS = [0.5, -2.0, 0.1, 3.0, -0.7, 0.0, 1.5, -0.2]
WEIGHT = 2.0


def mean(gs: Gradients, b: float) -> float:
    """The running mean that begins at 0: the newest counts 1 - b, the one before b as much, and so on."""
    return sum((1 - b) * b**age * g for age, g in enumerate(reversed(gs)))


def unbiased(gs: Gradients, b: float) -> float:
    return mean(gs, b) / (1 - b ** len(gs))


def squares(gs: Gradients) -> list[float]:
    return [g * g for g in gs]


def adadelta(gs: Gradients, rho: float = 0.9, eps: float = 1e-6) -> float:
    updates: list[float] = []
    for t in range(1, len(gs) + 1):
        ratio = (mean(squares(updates), rho) + eps) / (mean(squares(gs[:t]), rho) + eps)
        updates.append(gs[t - 1] * math.sqrt(ratio))
    return updates[-1]


def nadam(gs: Gradients) -> float:
    t = len(gs)
    ahead = 0.9 * mean(gs, 0.9) / (1 - 0.9 ** (t + 1)) + 0.1 * gs[-1] / (1 - 0.9**t)
    return ahead / (math.sqrt(unbiased(squares(gs), 0.999)) + 1e-8)


def radam(gs: Gradients) -> float:
    t, end = len(gs), 2 / (1 - 0.999) - 1
    rho = end - 2 * t * 0.999**t / (1 - 0.999**t)
    if rho < 5:
        return unbiased(gs, 0.9)
    r = math.sqrt((rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho))
    return r * unbiased(gs, 0.9) / (math.sqrt(unbiased(squares(gs), 0.999)) + 1e-8)


PAPERS: dict[str, tuple[o.GradientTransformation, Callable[[Gradients], float]]] = {
    "adagrad": (o.scale_by_rss(), lambda gs: gs[-1] / (math.sqrt(sum(squares(gs))) + 1e-7)),
    "rmsprop": (o.scale_by_rms(), lambda gs: gs[-1] / (math.sqrt(mean(squares(gs), 0.9)) + 1e-8)),
    "adadelta": (o.scale_by_adadelta(), adadelta),
    "adam": (o.scale_by_adam(), lambda gs: unbiased(gs, 0.9) / (math.sqrt(unbiased(squares(gs), 0.999)) + 1e-8)),
    "adamax": (o.scale_by_adamax(), lambda gs: unbiased(gs, 0.9) / max(
        0.999**age * (abs(g) + 1e-8) for age, g in enumerate(reversed(gs)))),
    "nadam": (o.scale_by_nadam(), nadam),
    "radam": (o.scale_by_radam(), radam),
    "amsgrad": (o.scale_by_amsgrad(b2=0.9), lambda gs: unbiased(gs, 0.9) / (math.sqrt(max(
        unbiased(squares(gs[:t]), 0.9) for t in range(1, len(gs) + 1))) + 1e-8)),
    "lion": (o.scale_by_lion(), lambda gs: float(np.sign(0.9 * mean(gs[:-1], 0.99) + 0.1 * gs[-1]))),
    "momentum": (o.trace(0.9), lambda gs: mean(gs, 0.9) / 0.1),
    "nesterov": (o.trace(0.9, nesterov=True), lambda gs: mean(gs, 0.9) / 0.1 * 0.9 + gs[-1]),
    "ema": (o.ema(0.8), lambda gs: unbiased(gs, 0.8)),
    "ema with bias": (o.ema(0.8, debias=False), lambda gs: mean(gs, 0.8)),
    "weight decay": (o.add_decayed_weights(0.1), lambda gs: gs[-1] + 0.1 * WEIGHT),
    "clip": (o.clip(1.0), lambda gs: max(-1.0, min(gs[-1], 1.0))),
    "clip by norm": (o.clip_by_global_norm(1.0), lambda gs: gs[-1] / max(1.0, abs(gs[-1]))),
    "descent": (o.scale_by_learning_rate(lambda count: 0.1 / (1 + count)), lambda gs: -0.1 / len(gs) * gs[-1]),
}


@pytest.mark.parametrize("name", PAPERS)
def test_updates_are_those_of_the_paper(name: str) -> None:
    part, paper = PAPERS[name]
    params = {"w": np.array([WEIGHT])}
    state = part.init(params)
    for t in range(1, len(GRADIENTS) + 1):
        updates, state = part.update({"w": np.array([GRADIENTS[t - 1]])}, state, params)
        np.testing.assert_allclose(updates["w"], [paper(GRADIENTS[:t])], rtol=1e-10, err_msg=f"update {t}")


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_a_length_whose_square_no_float32_can_hold(size: float) -> None:
    gradients = {"w": np.array([3.0, 0.0], np.float32) * np.float32(size), "b": np.float32(4.0 * size)}
    assert o.global_norm(gradients) == pytest.approx(5.0 * size, rel=1e-6, abs=0)
