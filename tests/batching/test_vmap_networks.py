"""Networks inside vmap: draws, layers, losses, metrics, schedules and optimizers give what a loop gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from catalogue import LOSSES, Loss
from funcnn import layers, losses, metrics, optimizers, random, schedules, tree
from funcnn.core import TracerError
from funcnn.layers import dense

N = 4
KEYS: Any = random.split(random.key(7), N)
RNG = np.random.default_rng(0)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape).astype(np.float32)


def stacked(*trees: Any) -> Any:
    return tree.map(lambda *each: np.stack(each), *trees)


def loop(f: Callable[..., Any], *args: Any, axes: Any = 0) -> Any:
    axes = axes if isinstance(axes, tuple) else (axes,) * len(args)
    picks = [[arg if axis is None else tree.map(lambda x, i=i: x[i], arg) for arg, axis in zip(args, axes, strict=True)]
             for i in range(N)]
    return stacked(*[f(*each) for each in picks])


def agrees(f: Callable[..., Any], *args: Any, axes: Any = 0, rtol: float = 2e-5, exactly: bool = False) -> None:
    found, expected = fn.vmap(f, axes)(*args), loop(f, *args, axes=axes)
    assert tree.structure(found) == tree.structure(expected)
    for one, other in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        if exactly:
            assert one.tobytes() == other.tobytes()
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-6)


# ------------------------------------------------------------------------------------------------- draws

WEIGHTS = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.8, 0.1], [0.0, 0.5, 0.5]])

DRAWS: dict[str, Any] = {
    "normal": lambda key: random.normal(key, (3,)),
    "normal in float64": lambda key: random.normal(key, (2, 2), np.float64),
    "uniform": lambda key: random.uniform(key, (3,), minval=-1.0, maxval=2.0),
    "bernoulli": lambda key: random.bernoulli(key, 0.3, (5,)),
    "randint": lambda key: random.randint(key, (5,), 0, 10),
    "bits": lambda key: random.bits(key, (3,), np.uint8),
    "truncated_normal": lambda key: random.truncated_normal(key, -2, 2, (3,)),
    "exponential": random.exponential,
    "gumbel": lambda key: random.gumbel(key, 2),
    "split": lambda key: random.split(key, 3),
    "split and draw": lambda key: random.normal(random.split(key)[1], (2,)),
    "unpacked": lambda key: [random.normal(part) for part in random.split(key)],
    "fold_in": lambda key: random.fold_in(key, 3),
    "permutation": lambda key: random.permutation(key, 6),
    "choice": lambda key: random.choice(key, 10, (4,), replace=False),
    "choice with p": lambda key: random.choice(key, 3, (4,), p=[0.2, 0.3, 0.5]),
    "categorical": lambda key: random.categorical(key, np.log([0.2, 0.3, 0.5]), shape=(4,)),
}

DRAWS_OF_TWO: dict[str, Any] = {
    "fold_in": (random.fold_in, np.arange(N)),
    "permutation": (random.permutation, np.arange(N * 6).reshape(N, 6)),
    "choice of": (lambda key, a: random.choice(key, a, (2,)), np.arange(N * 6).reshape(N, 6)),
    "choice with p": (lambda key, p: random.choice(key, 3, (5,), p=p), WEIGHTS),
    "categorical": (lambda key, logits: random.categorical(key, logits, shape=(6,)), np.log(WEIGHTS + 1e-3)),
    "bernoulli": (random.bernoulli, WEIGHTS),
    "uniform": (lambda key, low: random.uniform(key, (3,), minval=low, maxval=1.0), -np.arange(float(N))),
    "randint": (lambda key, high: random.randint(key, (3,), 0, high), np.arange(1, N + 1)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws_of_a_batch_of_keys(name: str) -> None:
    agrees(DRAWS[name], KEYS, exactly=True)
    nested = fn.vmap(fn.vmap(DRAWS[name]))(KEYS.reshape(2, 2, 2))
    for one, flat in zip(tree.leaves(nested), tree.leaves(fn.vmap(DRAWS[name])(KEYS)), strict=True):
        assert one.tobytes() == flat.tobytes()


@pytest.mark.parametrize("name", DRAWS)
def test_draws_of_no_keys(name: str) -> None:
    for one, of_some in zip(tree.leaves(fn.vmap(DRAWS[name])(KEYS[:0])), tree.leaves(fn.vmap(DRAWS[name])(KEYS)),
                            strict=True):
        assert one.shape == (0, *of_some.shape[1:]) and one.dtype == of_some.dtype


@pytest.mark.parametrize("name", DRAWS_OF_TWO)
def test_draws_whose_arguments_differ(name: str) -> None:
    draw, other = DRAWS_OF_TWO[name]
    agrees(draw, KEYS, other, exactly=True)
    agrees(draw, KEYS[0], other, axes=(None, 0), exactly=True)
    agrees(draw, KEYS, other[1], axes=(0, None), exactly=True)


def test_seeds_become_keys() -> None:
    agrees(random.key, np.arange(N), exactly=True)


def test_a_draw_takes_no_derivative() -> None:
    def noisy(scale: Any, key: Any) -> Any:
        return random.uniform(key, (), np.float64, scale, 2.0)

    with pytest.raises(TracerError, match=r"random\.uniform: a draw has no derivative.*stop_gradient"):
        fn.vmap(fn.grad(noisy))(np.ones(N), KEYS)
    with pytest.raises(TracerError, match=r"random\.uniform"):
        fn.grad(lambda scale: np.sum(fn.vmap(noisy, (None, 0))(scale, KEYS)))(1.0)

    def scaled(x: Any, key: Any) -> Any:
        return np.sum(x * random.normal(key, (3,)))

    agrees(fn.grad(scaled), normal(N, 3), KEYS)


def test_a_draw_says_what_is_wrong_with_a_key() -> None:
    with pytest.raises(ValueError, match=r"random\.normal: key must be one key"):
        fn.vmap(lambda key: random.normal(key[:1]))(KEYS)
    with pytest.raises(TracerError, match="shape of a result differs"):
        fn.vmap(lambda n: random.normal(KEYS[0], n))(np.arange(1, 3))


# ------------------------------------------------------------------------------------------------ layers

LAYERS: dict[str, Any] = {
    "dense": (dense(5, 3), normal(N, 2, 5)),
    "deep": (dense(5, 4) >> fn.activations.gelu >> layers.layer_norm(4) >> dense(4, 2), normal(N, 2, 5)),
    "dropout": (dense(5, 4) >> layers.dropout(0.5) >> dense(4, 2), normal(N, 3, 5)),
    "residual": (layers.residual(dense(5, 5) >> np.tanh), normal(N, 2, 5)),
    "conv2d": (layers.conv2d(2, 3, 3), normal(N, 2, 6, 5, 2)),
    "strided conv2d": (layers.conv2d(2, 3, (3, 2), stride=2, padding="VALID"), normal(N, 2, 6, 5, 2)),
    "convolutional net": (layers.conv2d(2, 3, 3) >> fn.activations.relu >> layers.max_pool2d(2) >> layers.flatten(),
                          normal(N, 2, 6, 6, 2)),
    "avg_pool2d": (layers.conv2d(1, 2, 3) >> layers.avg_pool2d(2, stride=1, padding="SAME"), normal(N, 2, 4, 4, 1)),
    "embedding": (layers.embedding(7, 3), RNG.integers(0, 7, (N, 5))),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    net, x = LAYERS[name]
    agrees(net.init, KEYS, exactly=True)
    params = fn.vmap(net.init)(KEYS)
    one = net.init(KEYS[0])

    def loss(params: Any, x: Any, key: Any) -> Any:
        return np.sum(net.apply(params, x, key=key) ** 2)

    def apply(params: Any, x: Any, key: Any) -> Any:
        return net.apply(params, x, key=key)

    for f in (apply, fn.grad(loss)):
        agrees(f, params, x, KEYS)
        agrees(f, one, x, KEYS, axes=(None, 0, 0))
        agrees(f, params, x[0], KEYS, axes=(0, None, 0))
    if x.dtype.kind == "f":
        agrees(fn.grad(loss, argnums=1), params, x, KEYS)


def test_dropout_draws_the_masks_of_its_keys() -> None:
    layer = layers.dropout(0.3)
    agrees(lambda x, key: layer.apply({}, x, key=key), normal(N, 3, 5), KEYS, exactly=True)
    agrees(lambda x, key: layer.apply({}, x, key=key), normal(3, 5), KEYS, axes=(None, 0), exactly=True)


# ----------------------------------------------------------------------------------- losses and metrics


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_losses(loss: Loss) -> None:
    batches = [loss.data(np.random.default_rng(i), 3) for i in range(N)]
    predictions, targets = stacked(*[p for p, _ in batches]), stacked(*[t for _, t in batches])
    gradient = fn.grad(lambda p, t: np.mean(loss.f(p, t)))
    for f in (loss.f, gradient):
        agrees(f, predictions, targets, rtol=1e-9)
        agrees(f, predictions[0], targets, axes=(None, 0), rtol=1e-9)


def test_what_a_loss_checks_must_hold_for_each_example() -> None:
    logits, labels = normal(N, 3, 5), RNG.integers(0, 5, (N, 3))
    labels[2, 1] = 5
    with pytest.raises(ValueError, match=r"softmax_cross_entropy.*5"):
        fn.vmap(losses.softmax_cross_entropy)(logits, labels)


SCORES, LABELS, SHARES = normal(N, 6, 3), RNG.integers(0, 3, (N, 6)), RNG.random((N, 6))
YES = np.arange(6) % 2 + 0 * LABELS

METRICS: dict[str, Any] = {
    "accuracy": (metrics.accuracy, SCORES, LABELS),
    "binary_accuracy": (metrics.binary_accuracy, SHARES, LABELS > 1),
    "top_k_accuracy": (lambda p, t: metrics.top_k_accuracy(p, t, k=2), SCORES, LABELS),
    "confusion_matrix": (lambda p, t: metrics.confusion_matrix(p, t, 3), SCORES, LABELS),
    "f1": (lambda p, t: metrics.f1(metrics.confusion_matrix(p, t, 3)), SCORES, LABELS),
    "precision": (lambda p, t: metrics.precision(metrics.confusion_matrix(p, t, 3)), SCORES, LABELS),
    "recall": (lambda p, t: metrics.recall(metrics.confusion_matrix(p, t, 3)), SCORES, LABELS),
    "r2": (metrics.r2, SHARES, SHARES[::-1].copy()),
    "regression_accuracy": (metrics.regression_accuracy, SHARES, SHARES * 1.01),
    "roc_auc": (metrics.roc_auc, SHARES, YES), "average_precision": (metrics.average_precision, SHARES, YES),
    "log_loss": (metrics.log_loss, SHARES, YES), "brier": (metrics.brier, SHARES, YES),
    "mean_absolute_percentage_error": (metrics.mean_absolute_percentage_error, SHARES, SHARES + 1),
    "mean_over_batches": (metrics.mean_over_batches, SHARES, LABELS + 1),
}


@pytest.mark.filterwarnings("ignore:vmap. searchsorted is computed example by example")
@pytest.mark.parametrize("name", METRICS)
def test_metrics(name: str) -> None:
    f, predictions, targets = METRICS[name]
    agrees(f, predictions, targets, rtol=1e-9)


def test_every_metric_is_here() -> None:
    assert set(METRICS) == set(metrics.__all__) - {"calibration_curve"}, "which has as many points as bins are full"


# ------------------------------------------------------------------------------ schedules and optimizers

SCHEDULES: dict[str, Any] = {
    "constant": schedules.constant(0.1),
    "cosine_decay": schedules.cosine_decay(0.1, 3),
    "exponential_decay": schedules.exponential_decay(0.1, 2, 0.5, staircase=True, end_value=0.02),
    "inverse_time_decay": schedules.inverse_time_decay(0.1, 0.1),
    "linear": schedules.linear(0.1, 0.2, 3),
    "one_cycle": schedules.one_cycle(10, 0.1),
    "piecewise_constant": schedules.piecewise_constant(0.1, {2: 0.5}),
    "polynomial": schedules.polynomial(0.1, 0.01, 2, 3),
    "warmup_cosine_decay": schedules.warmup_cosine_decay(0.0, 0.1, 2, 10),
    "join": schedules.join([schedules.constant(0.1), schedules.linear(0.1, 0.2, 10)], [2]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str) -> None:
    found = fn.vmap(SCHEDULES[name])(np.arange(N))
    np.testing.assert_allclose(found, [SCHEDULES[name](count) for count in range(N)], rtol=1e-12)


def test_every_schedule_is_here() -> None:
    assert set(SCHEDULES) == set(schedules.__all__)


OPTIMIZERS: dict[str, Any] = {
    **{name: getattr(optimizers, name)(0.1) for name in (
        "adabelief", "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "amsgrad", "lamb", "lars", "lion",
        "nadam", "radam", "rmsprop", "rprop", "sgd", "sign_sgd", "yogi")},
    "momentum": optimizers.sgd(schedules.cosine_decay(0.1, 10), momentum=0.9),
    "clipped": optimizers.chain(optimizers.clip_by_global_norm(0.1), optimizers.adamw(0.1)),
    "accumulated": optimizers.accumulate(optimizers.adam(0.1), every=2),
    "skipping": optimizers.skip_not_finite(optimizers.adam(0.1)),
    "masked": optimizers.masked(optimizers.adam(0.1), {"w": True, "b": False}),
    "decayed": optimizers.chain(optimizers.add_decayed_weights(0.1), optimizers.sgd(schedules.linear(0.1, 0.0, 9))),
    "averaged": optimizers.ema(0.9),
    "partition": optimizers.partition({"fast": optimizers.adam(0.1), "still": optimizers.set_to_zero()},
                                      {"w": "fast", "b": "still"}),
    "lookahead": optimizers.lookahead(optimizers.adam(0.1), 2, 0.5, reset_state=True),
    "factored": optimizers.adafactor(0.1, min_dim_size_to_factor=2, momentum=0.9),
    "injected": optimizers.inject_hyperparams(optimizers.adam)(schedules.linear(0.1, 0.0, 9)),
    "of parameters": optimizers.chain(optimizers.sgd(0.1), optimizers.ema_params(0.9)),
    "of units": optimizers.chain(optimizers.adaptive_grad_clip(0.1), optimizers.centralize(), optimizers.zero_nans(),
                                 optimizers.sgd(0.1), optimizers.keep_params_nonnegative()),
    "noisy": optimizers.add_noise(0.1, 0.55, random.key(3)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str) -> None:
    net, optimizer = dense(5, 3), OPTIMIZERS[name]
    x = normal(N, 2, 5)

    def three_steps(params: Any, state: Any, x: Any) -> Any:
        for _ in range(3):
            grads = fn.grad(lambda params: np.sum(net.apply(params, x) ** 2))(params)
            updates, state = optimizer.update(grads, state, params)
            params = optimizers.apply_updates(params, updates)
        return params, state

    params = fn.vmap(net.init)(KEYS)
    agrees(optimizer.init, params)
    agrees(three_steps, params, fn.vmap(optimizer.init)(params), x, rtol=2e-4)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_keep_their_dtype_with_a_count_for_each_example(name: str) -> None:
    params, optimizer = {"w": np.ones((N, 5, 3), np.float32), "b": np.ones((N, 3), np.float32)}, OPTIMIZERS[name]
    updates, state = fn.vmap(optimizer.update)(params, fn.vmap(optimizer.init)(params), params)
    assert {leaf.dtype for leaf in tree.leaves(updates)} == {np.dtype(np.float32)}
    assert {leaf.dtype for leaf in tree.leaves(state) if leaf.ndim > 1 and leaf.dtype.kind == "f"} <= {np.dtype("f4")}


def test_a_gradient_is_skipped_for_its_own_example() -> None:
    optimizer = optimizers.skip_not_finite(optimizers.sgd(0.5))
    params = {"w": np.zeros((3, 2))}
    grads = {"w": np.array([[1.0, 2.0], [np.nan, 1.0], [3.0, 4.0]])}
    state: Any = fn.vmap(optimizer.init)(params)
    updates, state = fn.vmap(optimizer.update)(grads, state, params)
    assert updates["w"].tolist() == [[-0.5, -1.0], [0.0, 0.0], [-1.5, -2.0]]
    assert state.skipped.tolist() == [0, 1, 0]


def test_the_norm_of_large_gradients_does_not_overflow() -> None:
    clip = optimizers.clip_by_global_norm(1.0)
    grads = {"w": np.full((N, 2), 3e30, np.float32)}
    updates, _ = fn.vmap(lambda g: clip.update(g, clip.init(g), g))(grads)
    np.testing.assert_allclose(updates["w"], np.full((N, 2), 0.5**0.5), rtol=1e-6)


def test_learning_rates_side_by_side() -> None:
    def trained(rate: Any) -> Any:
        optimizer, w = optimizers.adam(rate), {"w": np.ones(3)}
        state = optimizer.init(w)
        for _ in range(3):
            updates, state = optimizer.update(fn.grad(lambda w: np.sum(w["w"] ** 2))(w), state, w)
            w = optimizers.apply_updates(w, updates)
        return w

    agrees(trained, np.array([0.1, 0.2, 0.3, 0.4]), rtol=1e-12)
    with pytest.raises(ValueError, match=r"learning_rate.*got -0\.2"):
        fn.vmap(trained)(np.array([0.1, -0.2]))


def test_an_ensemble_learns_as_its_members_alone() -> None:
    net = dense(2, 8) >> np.tanh >> layers.dropout(0.1) >> dense(8, 3)
    optimizer = optimizers.adam(0.05)
    x, y = normal(20, 2), RNG.integers(0, 3, 20)

    def step(params: Any, state: Any, key: Any) -> Any:
        def loss(params: Any) -> Any:
            return np.mean(losses.softmax_cross_entropy(net.apply(params, x, key=key), y))

        value, grads = fn.value_and_grad(loss)(params)
        updates, state = optimizer.update(grads, state, params)
        return optimizers.apply_updates(params, updates), state, value

    params = fn.vmap(net.init)(KEYS)
    members = [net.init(key) for key in KEYS]
    state, states = fn.vmap(optimizer.init)(params), [optimizer.init(member) for member in members]
    for i in range(5):
        keys: Any = fn.vmap(random.fold_in, (0, None))(KEYS, i)
        params, state, values = fn.vmap(step)(params, state, keys)
        own = [step(member, one, key) for member, one, key in zip(members, states, keys, strict=True)]
        members, states = [each[0] for each in own], [each[1] for each in own]
        np.testing.assert_allclose(values, [each[2] for each in own], rtol=1e-4)
    for one, other in zip(tree.leaves(params), tree.leaves(stacked(*members)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
