"""Layers of sequences: who may look at whom in attention, where a step stands, and how a sequence is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import random, tree
from funcnn.layers import attention, dot_product_attention, gru, lstm, positional

# ---------------------------------------------------------------------------------------------- attention


def test_causal_attention_sees_nothing_that_comes_later() -> None:
    layer = attention(4, 2, causal=True)
    params, x = layer.init(random.key(0)), random.normal(random.key(1), (2, 6, 4))
    y = np.asarray(layer.apply(params, x))
    for t in range(1, 7):
        np.testing.assert_allclose(layer.apply(params, x[:, :t]), y[:, :t], rtol=1e-5, atol=1e-6)


def test_a_mask_hides_what_is_only_there_to_fill_up(jax: Any) -> None:
    layer = attention(4, 2)
    params, x = layer.init(random.key(0)), random.normal(random.key(1), (2, 6, 4))
    is_there = np.arange(6) < np.array([[6], [4]])
    mask = is_there[:, None, None, :]
    y = np.asarray(layer.apply(params, x, mask=mask))
    np.testing.assert_allclose(y[0], layer.apply(params, x)[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(y[1, :4], layer.apply(params, x[1:, :4])[0], rtol=1e-5, atol=1e-6)
    filled = fn.grad(lambda x: np.sum(layer.apply(params, x, mask=mask)[:, :4]))(x)
    assert np.array_equal(filled[1, 4:], np.full((2, 4), 0.0))
    for each in (fn.jit(layer.apply), jax.jit(layer.apply)):
        np.testing.assert_allclose(each(params, x, mask=mask), y, rtol=1e-5, atol=1e-6)
    one = fn.vmap(lambda x, mask: layer.apply(params, x[None], mask=mask[None])[0])(x, mask)
    np.testing.assert_allclose(one, y, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("is_causal", [False, True])
def test_attention_is_jax_s(is_causal: bool, jax: Any) -> None:
    q, k, v = (np.random.RandomState(i).randn(2, n, 3, 4) for i, n in enumerate((5, 6, 6)))
    mask = np.random.RandomState(3).rand(2, 1, 5, 6) < 0.7
    expected = jax.nn.dot_product_attention(q, k, v, mask=mask, is_causal=is_causal)
    found = dot_product_attention(q, k, v, mask, is_causal=is_causal)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_who_may_look_nowhere_looks_at_all_alike() -> None:
    x = np.arange(6.0).reshape(1, 3, 1, 2)
    y = dot_product_attention(x, x, x, np.full((1, 1, 3, 1), False))
    np.testing.assert_allclose(y[0, :, 0], [[2, 3]] * 3)


@pytest.mark.parametrize(("mask", "text"), [
    (np.ones((2, 6), bool), r"mask must be .*, here \(2, 2, 6, 6\), .* got \(2, 6\); .*mask\[:, None, None, :\]"),
    (np.ones((2, 1, 1, 5), bool), r"got \(2, 1, 1, 5\)"), (np.ones((2, 1, 1, 6)), "booleans, .*dtype float64"),
    (True, "booleans.* got True"),
])
def test_a_mask_of_another_kind_is_refused(mask: Any, text: str) -> None:
    layer = attention(4, 2)
    with pytest.raises((TypeError, ValueError), match=text):
        layer.apply(layer.init(random.key(0)), np.ones((2, 6, 4), np.float32), mask=mask)


@pytest.mark.parametrize("features", [0, 1, 5, 6])
def test_positions_are_the_waves_of_the_paper(features: int) -> None:
    waves = np.asarray(positional(features, max_wavelength=50.0).apply({}, np.zeros((1, 7, features), np.float64)))
    for t, i in np.ndindex(7, features):
        angle = t / 50 ** ((i - i % 2) / features)
        assert np.isclose(waves[0, t, i], np.cos(angle) if i % 2 else np.sin(angle))


# ------------------------------------------------------------------------------------------ step by step


@pytest.mark.parametrize("layer", [gru(2, 3), lstm(2, 3)], ids=repr)
def test_a_sequence_is_read_forward_from_a_state_of_0(layer: Any) -> None:
    params, x = layer.init(random.key(0)), random.normal(random.key(1), (4, 6, 2))
    y = np.asarray(layer.apply(params, x))
    for t in range(7):
        np.testing.assert_allclose(layer.apply(params, x[:, :t]), y[:, :t], rtol=1e-6, atol=1e-7)


def test_a_hundred_steps_are_recorded_once() -> None:
    net = gru(1, 4)
    slopes = fn.value_and_grad(lambda params, x: np.sum(net.apply(params, x) ** 2))
    params, x = net.init(random.key(0)), random.normal(random.key(1), (2, 100, 1))
    expected, jitted = slopes(params, x), fn.jit(slopes)
    assert tree.equal(jitted(params, x), expected) and tree.equal(jitted(params, x), expected)


@pytest.mark.parametrize(("layer", "gates"), [(gru(2, 3), 3), (lstm(2, 3), 4)], ids=repr)
def test_each_gate_begins_orthogonal(layer: Any, gates: int) -> None:
    parts = np.split(np.asarray(layer.init(random.key(0))["w_h"]), gates, axis=1)
    for part in parts:
        np.testing.assert_allclose(part @ part.T, np.identity(3), atol=1e-6)
    assert len({part.tobytes() for part in parts}) == gates
