"""Draws under JAX are those outside: from keys of NumPy, of JAX, and typed ones, jitted, mapped and scanned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import random
from funcnn.layers import dense, dropout, layer_norm

KEY = random.key(7)
X = np.arange(12.0, dtype=np.float32).reshape(3, 4)

SAME_BITS: dict[str, Callable[[Any], Any]] = {
    "split": lambda key: random.split(key, 5)[3],
    "split into a shape": lambda key: random.split(key, (2, 3))[1, 2],
    "fold_in": lambda key: random.fold_in(key, 9),
    "bits": lambda key: random.bits(key, (5,)),
    "bits of 8": lambda key: random.bits(key, (5,), np.uint8),
    "uniform": lambda key: random.uniform(key, (300,), minval=-1.0, maxval=2.5),
    "uniform64": lambda key: random.uniform(key, (9,), np.float64),
    "bernoulli": lambda key: random.bernoulli(key, 0.3, (100,)),
    "bernoulli of an array": lambda key: random.bernoulli(key, np.array([0.1, 0.9])),
    "randint": lambda key: random.randint(key, (50,), -3, 1000),
    "randint8": lambda key: random.randint(key, (50,), 0, 256, np.uint8),
    "permutation": lambda key: random.permutation(key, 17),
    "permutation of rows": lambda key: random.permutation(key, X, 1),
    "permutation of each": lambda key: random.permutation(key, X, 1, True),
    "choice": lambda key: random.choice(key, 10, (20,)),
    "choice of columns": lambda key: random.choice(key, X, (2,), False, axis=1),
}
NEARLY: dict[str, Callable[[Any], Any]] = {
    "normal": lambda key: random.normal(key, (100,)),
    "normal64": lambda key: random.normal(key, (9,), np.float64),
    "exponential": lambda key: random.exponential(key, (100,)),
    "gumbel": lambda key: random.gumbel(key, (100,)),
    "truncated_normal": lambda key: random.truncated_normal(key, -2, 2, (100,)),
    "choice by weight": lambda key: random.choice(key, 3, (20,), p=np.array([0.2, 0.3, 0.5])),
    "choice by weight, once": lambda key: random.choice(key, 3, (2,), False, np.array([0.2, 0.3, 0.5], np.float32)),
    "categorical": lambda key: random.categorical(key, np.log([0.1, 0.2, 0.7]), shape=(20,)),
    "init": lambda key: (dense(3, 4) >> layer_norm(4) >> dense(4, 1)).init(key)["dense_1"]["w"],
}


def keys_of(jax: Any) -> list[Any]:
    raw = jax.numpy.asarray(KEY)
    return [raw, jax.random.wrap_key_data(raw)]


def plain(jax: Any, x: Any) -> Any:
    return np.asarray(jax.random.key_data(x) if jax.numpy.issubdtype(x.dtype, jax.dtypes.prng_key) else x)


def all_draws(key: Any) -> Any:
    return {name: draw(key) for name, draw in (SAME_BITS | NEARLY).items()}


def test_draws_are_those_outside(jax: Any) -> None:
    expected = all_draws(KEY)
    for name, x in fn.jax.jit(all_draws)(keys_of(jax)[1]).items():
        y = plain(jax, x)
        assert y.dtype == expected[name].dtype
        exactly = name in SAME_BITS
        np.testing.assert_allclose(y, expected[name], 0 if exactly else 1e-6, 0 if exactly else 5e-7, err_msg=name)


@pytest.mark.usefixtures("without_optimizations")
def test_draws_from_each_kind_of_key_lifted_jitted_and_mapped(jax: Any) -> None:
    def draw(key: Any) -> Any:
        return random.bits(random.fold_in(random.split(key)[1], 3), (5,))

    expected, (raw, typed) = draw(KEY).tolist(), keys_of(jax)
    jit, lift = fn.jax.jit, fn.jax.lift
    for run, key in ((draw, raw), (lift(draw), typed), (jit(draw), KEY), (jit(draw), typed), (jax.jit(draw), raw)):
        assert run(key).tolist() == expected
    for mapped, key in ((jax.vmap(lift(draw)), typed), (fn.vmap(draw), raw), (fn.vmap(draw), typed)):
        assert jit(mapped)(key[None]).tolist() == [expected]


def test_keys_come_out_as_they_went_in(jax: Any) -> None:
    jit: Any = fn.jax.jit
    split: Any = random.split  # also of keys as JAX types them
    fold_in: Any = random.fold_in
    raw, typed = keys_of(jax)
    assert split(raw).dtype == np.uint32
    assert fold_in(typed, 3).dtype == typed.dtype and split(typed, 4).shape == (4,)
    assert jit(random.key)(2**33 + 5).tolist() == np.asarray(random.key(2**33 + 5)).tolist()
    assert jit(random.key)(np.int32(-1)).tolist() == np.asarray(random.key(-1)).tolist()
    first = jax.lax.scan(fn.jax.lift(lambda key, _: tuple(split(key))), typed, None, 2)[1]
    key, parts = KEY, []
    for _ in range(2):
        key, part = split(key)
        parts.append(part)
    assert jax.random.key_data(first).tolist() == np.stack(parts).tolist()


def test_a_key_that_is_read_from_outside_is_a_constant(jax: Any) -> None:
    drawn = fn.jax.jit(lambda x: x + random.uniform(KEY, (2,)))(np.float32(0))
    assert drawn.tolist() == random.uniform(KEY, (2,)).tolist()


@pytest.mark.usefixtures("without_optimizations")
def test_dropout_keeps_the_mean_and_is_the_same_each_time(jax: Any) -> None:
    layer, x, (raw, typed) = dropout(0.25), np.ones((100, 100)), keys_of(jax)
    y = np.asarray(layer.apply({}, jax.numpy.asarray(x), key=raw))
    assert set(np.unique(y)) == {0.0, 1 / 0.75} and abs(y.mean() - 1) < 0.02
    assert np.array_equal(fn.jax.jit(fn.grad(lambda x, key: layer.apply({}, x, key=key).sum()))(x, typed), y)


def test_arguments_are_checked_where_they_are_known(jax: Any) -> None:
    draws: list[Callable[[Any], Any]] = [
        lambda key: random.uniform(key, (2,), minval=2.0, maxval=1.0), lambda key: random.bernoulli(key, 1.5),
        lambda key: random.randint(key, (2,), 3, 3), lambda key: random.choice(key, 3, (4,), replace=False),
        lambda key: random.truncated_normal(key, 2, -2), lambda key: random.categorical(key, np.full(3, -np.inf)),
        lambda key: random.choice(key, 2, (), p=[0.9, 0.9]), lambda key: random.fold_in(key, -1)]
    for draw in draws:
        with pytest.raises(ValueError, match="random") as ours:
            draw(KEY)
        with pytest.raises(ValueError, match="random") as theirs:
            fn.jax.jit(draw)(KEY)
        assert str(ours.value) == str(theirs.value)
    for key in (jax.numpy.ones(2), jax.random.split(jax.random.key(0), 2)):
        with pytest.raises(TypeError, match=r"random\.normal: key must be one key, uint32"):
            random.normal(key)
