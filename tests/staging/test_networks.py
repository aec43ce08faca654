"""Every layer, whole nets, initializers and regularizers jitted: values, gradients, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from alike import assert_alike, varied
from funcnn import initializers, losses, random, regularizers, tree
from funcnn.activations import gelu, relu, softmax
from funcnn.layers import (
    avg_pool2d,
    conv2d,
    dense,
    dropout,
    embedding,
    flatten,
    layer_norm,
    max_pool2d,
    normalize,
    residual,
    serial,
)

ROWS = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
IMAGES = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)
WORDS = np.array([[0, 3, 1], [2, 2, 4]])

LAYERS: dict[str, tuple[Any, Any]] = {
    "dense": (dense(6, 4), ROWS),
    "dense of more axes": (dense(6, 4), ROWS.reshape(5, 1, 6)), "layer norm": (layer_norm(6), ROWS),
    "normalized": (dense(6, 4) >> normalize, ROWS),
    "embedding": (embedding(5, 3), WORDS), "convolution": (conv2d(3, 4, (3, 3)), IMAGES),
    "convolution, valid": (conv2d(3, 4, (3, 2), padding="VALID"), IMAGES),
    "convolution, strides": (conv2d(3, 4, (3, 3), stride=(2, 2)), IMAGES),
    "max pool": (max_pool2d((2, 2)), IMAGES), "mean pool": (avg_pool2d((3, 3), stride=(2, 2)), IMAGES),
    "flatten": (flatten(), IMAGES), "residual": (residual(dense(6, 6) >> relu), ROWS),
    "a net": (dense(6, 8) >> gelu >> layer_norm(8) >> dense(8, 3) >> softmax, ROWS),
    "an image net": (conv2d(3, 4, (3, 3)) >> relu >> max_pool2d((2, 2)) >> flatten() >> dense(64, 5), IMAGES),
    "nothing": (serial(), ROWS),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    layer, x = LAYERS[name]
    params = layer.init(random.key(0))
    assert_alike(layer.init, (random.key(0),), (random.key(7),))
    assert_alike(layer.apply, (params, x), (varied(params, 1), varied(x, 1)), (params, x[:1]))

    def loss(params: Any, x: Any) -> Any:
        return np.sum(layer.apply(params, x) ** 2)

    if tree.leaves(params):
        assert_alike(fn.value_and_grad(loss), (params, x), (varied(params, 1), varied(x, 1)))
        assert_alike(fn.vmap(fn.grad(loss), (None, 0)), (params, x[:, None]), (params, varied(x, 1)[:, None]))
    if x.dtype.kind == "f":
        assert_alike(fn.grad(loss, argnums=1), (params, x))


def test_dropout_draws_by_its_key() -> None:
    net = dense(6, 50) >> dropout(0.4) >> dense(50, 2)
    params = net.init(random.key(0))

    def apply(params: Any, x: Any, key: Any) -> Any:
        return net.apply(params, x, key=key)

    assert_alike(apply, *[(params, ROWS, random.key(k)) for k in range(4)])
    def loss(params: Any, key: Any) -> Any:
        return np.sum(apply(params, ROWS, key) ** 2)

    assert_alike(fn.grad(loss), (params, random.key(1)), (params, random.key(2)))


def test_an_ensemble_is_trained_in_one_program() -> None:
    net = dense(6, 5) >> relu >> dense(5, 3)
    optimizer = fn.optimizers.adam(0.01)
    many = fn.vmap(net.init)(random.split(random.key(0), 4))
    labels = np.array([0, 1, 2, 1, 0])

    def step(params: Any, state: Any, x: Any) -> Any:
        def loss(params: Any) -> Any:
            return np.mean(losses.softmax_cross_entropy(net.apply(params, x), labels))

        value, grads = fn.value_and_grad(loss)(params)
        updates, state = optimizer.update(grads, state, params)
        return fn.optimizers.apply_updates(params, updates), state, value

    together = fn.vmap(step, (0, 0, None))
    assert_alike(together, (many, fn.vmap(optimizer.init)(many), ROWS), (many, fn.vmap(optimizer.init)(many), -ROWS))


@pytest.mark.parametrize("name", [name for name in initializers.__all__ if name[0].islower()])
def test_initializers(name: str) -> None:
    make: Callable[..., Any] = getattr(initializers, name)
    settings: dict[str, tuple[Any, ...]] = {
        "constant": (0.5,), "normal": (0.1,), "uniform": (0.1,), "truncated_normal": (0.1,),
        "variance_scaling": (2.0, "fan_in", "normal")}
    f = make if name in ("ones", "zeros") else make(*settings.get(name, ()))
    assert_alike(lambda key: f(key, (3, 4)), (random.key(0),), (random.key(3),))


def test_regularizers() -> None:
    params = dense(6, 4).init(random.key(0))
    for regularizer in (partial(regularizers.l1, strength=0.1), partial(regularizers.l2, strength=0.1)):
        assert_alike(regularizer, (params,), (varied(params, 1),))
        assert_alike(fn.grad(regularizer), (params,), (varied(params, 1),))


def test_wrong_widths_are_refused_in_the_words_of_the_net() -> None:
    net = dense(6, 4) >> relu >> dense(4, 2)
    params = net.init(random.key(0))
    for wrong in (np.ones((2, 5), np.float32), np.ones((2, 6), np.float64), np.ones((2, 6), np.int64)):
        assert_alike(net.apply, (params, wrong))
