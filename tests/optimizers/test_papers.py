"""Each part against the formula of its paper, written as a sum over all gradients so far; no other library is asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pytest

from funcnn import optimizers as o
from funcnn import random

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


def belief(gs: Gradients) -> float:
    t = len(gs)
    surprises = [(gs[i] - mean(gs[:i + 1], 0.9)) ** 2 for i in range(t)]
    roots = sum(0.01 * 0.99**age for age in range(t))
    return unbiased(gs, 0.9) / (math.sqrt((mean(surprises, 0.99) + roots) / (1 - 0.99**t)) + 1e-8)


def yogi(gs: Gradients) -> float:
    t, nu = len(gs), 0.5
    for g in gs:
        nu -= (1 - 0.9) * math.copysign(1, nu - g * g) * g * g
    mu = mean(gs, 0.9) + 0.5 * 0.9**t
    return mu / (1 - 0.9**t) / (math.sqrt(nu / (1 - 0.9**t)) + 1e-3)


def rprop(gs: Gradients) -> float:
    step, before = 0.1, 0.0
    for g in gs:
        if g * before > 0:
            step = min(1.2 * step, 0.13)
        elif g * before < 0:
            step, g = max(0.5 * step, 0.06), 0.0
        before = math.copysign(step, g) if g else 0.0
    return before


def adafactor(gs: Gradients) -> float:
    v = 0.0
    for t, g in enumerate(gs, 1):
        b = 1 - t**-0.8
        v = b * v + (1 - b) * (g * g + 1e-30)
    return gs[-1] / math.sqrt(v)


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
    "adabelief": (o.scale_by_belief(b2=0.99, eps=1e-8, eps_root=0.01), belief),
    "yogi": (o.scale_by_yogi(b2=0.9, initial_accumulator_value=0.5), yogi),
    "rprop": (o.scale_by_rprop(0.1, min_step_size=0.06, max_step_size=0.13), rprop),
    "adafactor": (o.scale_by_factored_rms(), adafactor),
    "sign": (o.scale_by_sign(), lambda gs: float(np.sign(gs[-1]))),
    "trust ratio": (o.scale_by_trust_ratio(1.0, 0.5, 0.1), lambda gs: gs[-1] * 0.5 * WEIGHT / (
        max(abs(gs[-1]), 1.0) + 0.1)),
    "clip by rms": (o.clip_by_block_rms(1.0), lambda gs: max(-1.0, min(gs[-1], 1.0))),
    "the size of the parameter": (o.scale_by_param_block_rms(), lambda gs: gs[-1] * WEIGHT),
    "adaptive clip": (o.adaptive_grad_clip(0.25), lambda gs: max(-0.5, min(gs[-1], 0.5))),
    "not below 0": (o.keep_params_nonnegative(), lambda gs: max(gs[-1], -WEIGHT)),
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


def test_adafactor_remembers_rows_and_columns() -> None:
    """Two updates of a matrix, longer than wide; the divisor is the root of an outer product."""
    part, params = o.scale_by_factored_rms(min_dim_size_to_factor=2), np.ones((3, 2))
    first, second = np.arange(1.0, 7.0).reshape(3, 2), np.array([[1.0, -2.0], [0.5, 3.0], [-4.0, 1.0]])
    _, state = part.update(first, part.init(params), params)
    updates, _ = part.update(second, state, params)
    b = 1 - 2**-0.8
    squares = b * first**2 + (1 - b) * second**2
    rows, columns = squares.mean(axis=1), squares.mean(axis=0)
    np.testing.assert_allclose(updates, second / np.sqrt(np.outer(rows, columns) / squares.mean()), rtol=1e-12)


def test_what_is_clipped_and_centred_of_a_matrix() -> None:
    """Units are columns: the weights (in, out) into each; centralize takes the mean of rows, as optax."""
    w, g = np.array([[3.0, 0.3], [4.0, 0.4]]), np.array([[6.0, 1.0], [8.0, 0.0]])
    clipped, _ = o.adaptive_grad_clip(0.5).update(g, o.adaptive_grad_clip(0.5).init(w), w)
    np.testing.assert_allclose(clipped, [[1.5, 0.25], [2.0, 0.0]], rtol=1e-14)
    images = np.ones((2, 1, 3, 2))
    pieces, _ = o.adaptive_grad_clip(0.1).update(images, o.adaptive_grad_clip(0.1).init(images), images)
    np.testing.assert_allclose(pieces, 0.1 * images, rtol=1e-14)
    centred, _ = o.centralize().update(g, o.centralize().init(w), w)
    np.testing.assert_allclose(centred, [[2.5, -2.5], [4.0, -4.0]], rtol=1e-15)


def test_noise_is_drawn_anew_and_fades() -> None:
    part, zeros = o.add_noise(4.0, 1.0, random.key(0)), np.zeros(20000, np.float64)
    state, seen = part.init(zeros), []
    for t in range(1, 4):
        noise, state = part.update(zeros, state, zeros)
        np.testing.assert_allclose(np.std(noise), (4 / t) ** 0.5, rtol=0.03)
        seen.append(np.asarray(noise))
    likeness = np.asarray(np.corrcoef(seen))
    assert abs(likeness[0, 1]) < 0.03 > abs(likeness[1, 2])


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_a_length_whose_square_no_float32_can_hold(size: float) -> None:
    gradients = {"w": np.array([3.0, 0.0], np.float32) * np.float32(size), "b": np.float32(4.0 * size)}
    assert o.global_norm(gradients) == pytest.approx(5.0 * size, rel=1e-6, abs=0)
