"""Losses: every row of the catalogue meets every law; then golden numbers, and what each wrong call is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from catalogue import LOSSES, Loss
from funcnn import losses
from funcnn.activations import log_softmax, sigmoid, softmax
from funcnn.testing import assert_pure, check_grads

each = pytest.mark.parametrize("row", LOSSES, ids=str)
BATCH = 6


def data(row: Loss, n: int = BATCH, dtype: type[np.floating] = np.float64) -> tuple[Any, Any]:
    """Predictions and targets, floats in this dtype."""
    return fn.tree.map(lambda x: x.astype(dtype) if x.dtype.kind == "f" else x, row.data(np.random.default_rng(0), n))


def total(row: Loss) -> Callable[[Any, Any], Any]:
    """One number, in which each example has another weight."""
    return lambda p, t: np.sum(row.f(p, t) * np.linspace(1, 2, p.shape[0]).astype(p.dtype))


# ------------------------------------------------------------------------------------------------- laws


def test_the_catalogue_is_complete() -> None:
    assert {row.name.partition(" ")[0] for row in LOSSES} == set(losses.__all__) - {"one_hot", "smooth_labels"}


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_value_per_example_and_the_dtype_is_kept(row: Loss, dtype: type[np.floating]) -> None:
    p, t = data(row, dtype=dtype)
    value, gradient = fn.value_and_grad(total(row))(p, t)
    assert row.f(p, t).shape == (BATCH,)
    assert row.f(p, t).dtype == value.dtype == gradient.dtype == dtype
    assert gradient.shape == p.shape


@each
def test_targets_of_another_dtype_do_not_widen_the_loss(row: Loss) -> None:
    p, t = data(row)
    assert row.f(p.astype(np.float32), t).dtype == np.float32


@each
def test_values_and_gradients_are_those_of_the_oracle(row: Loss, jax: Any) -> None:
    optax = pytest.importorskip("optax")
    p, t = data(row)
    weights = np.linspace(1, 2, BATCH)
    np.testing.assert_allclose(row.f(p, t), row.oracle(jax.numpy, optax, p, t), rtol=1e-12, atol=1e-14)
    expected = jax.grad(lambda p: jax.numpy.sum(row.oracle(jax.numpy, optax, p, t) * weights))(p)
    np.testing.assert_allclose(fn.grad(total(row))(p, t), expected, rtol=1e-10, atol=1e-12)


@each
def test_it_runs_compiled_by_jax_and_jax_differentiates_it(row: Loss, jax: Any) -> None:
    p, t = jax.tree.map(jax.numpy.asarray, data(row))
    value, gradient = jax.jit(jax.value_and_grad(total(row)))(p, t)
    ours, our_gradient = fn.value_and_grad(total(row))(*data(row))
    assert value.dtype == gradient.dtype == np.float64
    np.testing.assert_allclose(ours, value, rtol=1e-12)
    np.testing.assert_allclose(our_gradient, gradient, rtol=1e-10, atol=1e-12)


@each
def test_derivatives_are_those_of_finite_differences(row: Loss) -> None:
    p, t = data(row)
    check_grads(lambda p: row.f(p, t), (p,), order=2 if row.second else 1)


@pytest.mark.parametrize("row", [row for row in LOSSES if row.to_targets], ids=str)
def test_derivatives_by_targets_are_those_of_finite_differences(row: Loss) -> None:
    check_grads(row.f, data(row), order=1)


@each
def test_the_value_is_the_same_bits_with_and_without_its_gradient(row: Loss) -> None:
    p, t = data(row)
    assert fn.vjp(lambda p: row.f(p, t), p)[0].tobytes() == row.f(p, t).tobytes()


@pytest.mark.parametrize(("row", "case"), [(row, case) for row in LOSSES for case in row.extremes],
                         ids=lambda value: str(value) if isinstance(value, Loss) else "")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extremes_have_a_value_and_a_gradient(row: Loss, case: Any, dtype: type[np.floating]) -> None:
    p, t, expected = case
    value, pullback = fn.vjp(lambda p: row.f(p, t), p.astype(dtype))
    np.testing.assert_allclose(value, np.broadcast_to(expected, value.shape), rtol=1e-6)
    assert not np.isnan(pullback(np.ones_like(value))[0]).any()


@each
def test_the_order_of_the_batch_does_not_matter(row: Loss) -> None:
    order = np.random.default_rng(1).permutation(BATCH)
    p, t = data(row)
    permuted = fn.tree.map(lambda x: x[order], (p, t))
    np.testing.assert_allclose(row.f(*permuted), row.f(p, t)[order], rtol=1e-14)
    np.testing.assert_allclose(fn.grad(lambda p, t: np.sum(row.f(p, t)))(*permuted),
                               fn.grad(lambda p, t: np.sum(row.f(p, t)))(p, t)[order], rtol=1e-14)


@pytest.mark.parametrize("row", [row for row in LOSSES if row.alone], ids=str)
def test_a_batch_of_one(row: Loss) -> None:
    p, t = data(row)
    one = fn.tree.map(lambda x: x[:1], (p, t))
    np.testing.assert_allclose(row.f(*one), row.f(p, t)[:1], rtol=1e-14)


@each
def test_it_is_pure(row: Loss) -> None:
    p, t = data(row)
    for array in fn.tree.leaves((p, t)):
        array.setflags(write=False)
    assert_pure(row.f, p, t)
    assert_pure(fn.value_and_grad(total(row)), p, t)


@pytest.mark.parametrize("row", [row for row in LOSSES if row.averaged], ids=str)
def test_averages_are_over_all_axes_but_the_first(row: Loss) -> None:
    p, t = (x.reshape(3, 2, 3) for x in data(row))
    np.testing.assert_allclose(row.f(p, t), row.f(p.reshape(3, 6), t.reshape(3, 6)), rtol=1e-14)
    np.testing.assert_allclose(row.f(p, t), [row.f(p[i].ravel(), t[i].ravel()).mean() for i in range(3)], rtol=1e-14)
    assert row.f(p[0, 0, 0], t[0, 0, 0]).shape == ()
    gradients = fn.grad(lambda p, t: np.sum(row.f(p, t)))
    np.testing.assert_allclose(gradients(p, t).ravel(), gradients(p.ravel(), t.ravel()) / 6, rtol=1e-13)


@pytest.mark.parametrize("name", ["softmax_cross_entropy of classes", "softmax_cross_entropy of rows"])
def test_adding_a_constant_to_logits_changes_nothing(name: str) -> None:
    row = next(row for row in LOSSES if row.name == name)
    z, t = data(row)
    for shift in (-1e4, 3.0, 1e4):
        np.testing.assert_allclose(row.f(z + shift, t), row.f(z, t), rtol=1e-9)
        np.testing.assert_allclose(fn.grad(total(row))(z + shift, t), fn.grad(total(row))(z, t), rtol=1e-9, atol=1e-10)


# ------------------------------------------------------------------------------------ what does not count

MASKED: dict[str, tuple[Callable[..., Any], float, float]] = {
    "squared_error": (losses.squared_error, np.nan, np.nan), "absolute_error": (losses.absolute_error, np.inf, np.nan),
    "huber": (losses.huber, np.nan, np.nan), "log_cosh": (losses.log_cosh, np.nan, np.nan),
    "quantile": (partial(losses.quantile, q=0.2), np.nan, np.nan),
    "gaussian_nll": (partial(losses.gaussian_nll, var=0.5), np.nan, np.nan),
    "poisson": (losses.poisson, np.nan, -1.0), "hinge": (losses.hinge, np.nan, 0.0),
    "sigmoid_binary_cross_entropy": (losses.sigmoid_binary_cross_entropy, np.nan, 7.0),
    "binary_cross_entropy": (losses.binary_cross_entropy, np.nan, -1.0), "focal": (losses.focal, np.nan, -1.0),
}
"""Losses that average, and what may stand among the predictions and the targets that do not count."""


@pytest.mark.parametrize("name", MASKED)
def test_what_does_not_count_changes_nothing(name: str) -> None:
    """The loss is that of the entries that count, averaged by hand, and so is its derivative; the padding has none."""
    f, bad_p, bad_t = MASKED[name]
    p, t = data(next((row for row in LOSSES if row.name.startswith(name) and row.averaged), LOSSES[0]))
    where = np.random.default_rng(3).random(p.shape) > 0.4
    where[0], where[1] = False, True
    n = np.maximum(where.sum(axis=1), 1)

    def entries(p: Any) -> Any:
        return f(p.reshape(-1), t.reshape(-1)).reshape(p.shape)

    padded = np.where(where, p, bad_p), np.where(where, t, bad_t)
    value, pullback = fn.vjp(lambda x: f(x, padded[1], where=where), padded[0])
    np.testing.assert_allclose(value, np.where(where, entries(p), 0).sum(axis=1) / n, rtol=1e-13)
    slopes = fn.grad(lambda p: np.sum(entries(p)))(p)
    np.testing.assert_allclose(pullback(np.ones(BATCH))[0], np.where(where, slopes, 0) / n[:, None], rtol=1e-12)
    np.testing.assert_allclose(f(p, t, where=np.ones((BATCH, 1), bool)), f(p, t), rtol=1e-13)
    def of_where(p: Any, t: Any, where: Any) -> Any:
        return f(p, t, where=where)

    assert fn.jit(of_where)(*padded, where).tobytes() == value.tobytes()
    single = f(padded[0].astype(np.float32), padded[1], where=where)
    assert single.dtype == np.float32


@pytest.mark.parametrize("name", ["huber", "focal"])
def test_what_does_not_count_under_jax(name: str, jax: Any) -> None:
    f, bad_p, bad_t = MASKED[name]
    p, t = data(next((row for row in LOSSES if row.name.startswith(name) and row.averaged), LOSSES[0]))
    where = np.random.default_rng(3).random(p.shape) > 0.4
    p, t = np.where(where, p, bad_p), np.where(where, t, bad_t)
    compiled = jax.jit(jax.value_and_grad(lambda p: jax.numpy.sum(f(p, t, where=where))))(p)
    for ours, theirs in zip(fn.value_and_grad(lambda p: np.sum(f(p, t, where=where)))(p), compiled, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


ROWS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "softmax_cross_entropy of classes": (losses.softmax_cross_entropy, np.nan, -1),
    "softmax_cross_entropy of rows": (losses.softmax_cross_entropy, np.inf, np.nan),
    "categorical_cross_entropy of classes": (losses.categorical_cross_entropy, np.nan, 99),
    "categorical_cross_entropy of rows": (losses.categorical_cross_entropy, -1.0, 0.0),
    "kl_divergence": (losses.kl_divergence, np.nan, 7.0),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_do_not_count_cost_nothing(name: str) -> None:
    """Sequences of two steps, of which some are padding."""
    f, bad_p, bad_t = ROWS[name]
    p, t = (x.reshape(3, 2, *x.shape[1:]) for x in data(next(row for row in LOSSES if row.name == name)))
    where = np.array([[True, False], [True, True], [False, False]])
    mask = where[..., None] if t.ndim == 3 else where
    padded = np.where(where[..., None], p, bad_p), np.where(mask, t, bad_t)
    value, pullback = fn.vjp(lambda x: f(x, padded[1], where=where), padded[0])
    np.testing.assert_allclose(value, np.where(where, f(p, t), 0), rtol=1e-13)
    slopes = fn.grad(lambda p: np.sum(f(p, t)))(p)
    np.testing.assert_allclose(pullback(np.ones((3, 2)))[0], np.where(where[..., None], slopes, 0), rtol=1e-12)
    np.testing.assert_allclose(np.sum(value) / np.sum(where), np.mean(f(p, t)[where]), rtol=1e-13)


def test_a_setting_of_each_feature_is_that_of_each_entry_that_counts() -> None:
    p, t = data(LOSSES[0])
    where, settings = np.random.default_rng(3).random(p.shape) > 0.4, np.array([0.2, 0.5, 0.9])
    for f in (losses.huber, losses.quantile):
        alone = np.stack([f(p[:, i], t[:, i], s) for i, s in enumerate(settings)], axis=1)
        expected = np.where(where, alone, 0).sum(axis=1) / np.maximum(where.sum(axis=1), 1)
        np.testing.assert_allclose(f(p, t, settings, where=where), expected, rtol=1e-13)


def test_features_may_be_left_out_of_a_cosine() -> None:
    p, t = data(LOSSES[0])
    where = np.array([[True, False, True]])
    np.testing.assert_allclose(losses.cosine_similarity(p, t, where=where),
                               losses.cosine_similarity(p[:, ::2], t[:, ::2]), rtol=1e-14)
    np.testing.assert_allclose(losses.cosine_distance(p, t, where=where), losses.cosine_distance(p[:, ::2], t[:, ::2]))


# --------------------------------------------------------------------------------------- settings, new ones


def test_the_mean_of_ntxent_is_that_of_optax(jax: Any) -> None:
    optax = pytest.importorskip("optax")
    x, rng = np.random.default_rng(0).normal(size=(8, 3)), np.random.default_rng(1)
    theirs = jax.jit(jax.value_and_grad(optax.ntxent))
    for labels in (np.arange(8) % 4, np.array([0, 0, 0, 1, 1, 2, 3, 4]), rng.integers(0, 2, 8), np.zeros(8, int)):
        value, gradient = fn.value_and_grad(lambda x, y=labels: np.mean(losses.ntxent(x, y)))(x)
        expected, slopes = theirs(x, labels)
        np.testing.assert_allclose(value, expected, rtol=1e-11)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-9, atol=1e-12)


def test_settings_of_losses_are_differentiated_by() -> None:
    p, t = data(LOSSES[0])
    check_grads(lambda q: losses.quantile(p, t, q), (np.array([0.2, 0.5, 0.8]),), order=1)
    check_grads(lambda q: losses.quantile(p, t, q), (0.4,), order=1)
    check_grads(lambda var: losses.gaussian_nll(p, t, var), (0.1 + p * p,), order=2)
    check_grads(lambda gamma: losses.focal(p, t > 0, gamma=gamma), (1.5,), order=2)
    check_grads(lambda temperature: losses.ntxent(p, np.arange(BATCH) // 2, temperature), (0.4,), order=2)
    check_grads(lambda s: losses.dice(p[None], np.asarray(softmax(t))[None], smooth=s), (0.7,), order=2)


def test_dice_takes_probabilities_too() -> None:
    z, y = np.random.default_rng(0).normal(size=(4, 5, 3)), np.arange(20).reshape(4, 5) % 3
    hot = losses.one_hot(y, 3)
    np.testing.assert_allclose(losses.dice(np.asarray(softmax(z)), hot, apply_softmax=False), losses.dice(z, hot))
    one = np.asarray(sigmoid(z[..., :1]))
    np.testing.assert_allclose(losses.dice(one, y[..., None] == 0, apply_softmax=False),
                               losses.dice(z[..., :1], y[..., None] == 0))


# ----------------------------------------------------------------------------------- golden numbers, torch

P, Q = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1]]), np.array([[0.1, 0.6, 0.3], [0.2, 0.5, 0.3]])
A, B, C = np.array([[1.0, 0], [0, 1]]), np.array([[1, 0.5], [0, 0.8]]), np.array([[0.0, 0], [0, 2]])
D, ZERO = np.array([0.5, -1.5, 2.0]), np.zeros(3)
Z = np.array([[1.0, 2.0, 3.0]])
LOGITS = np.array([-1000.0, 0.0, 1000.0, 2.0])

GOLDEN: dict[str, tuple[Callable[[], Any], Any]] = {
    "squared_error": (lambda: losses.squared_error(D, ZERO), [0.25, 2.25, 4]),
    "mean-squared error": (lambda: np.mean(losses.squared_error(D, ZERO)), 2.1666666666666665),
    "absolute_error": (lambda: np.mean(losses.absolute_error(D, ZERO)), 1.3333333333333333),
    "huber": (lambda: losses.huber(D, ZERO), [0.125, 1, 1.5]),
    "kl_divergence": (lambda: losses.kl_divergence(np.log(Q), P), [0.18609809382700082, 0.19682695647378304]),
    "triplet_margin": (lambda: losses.triplet_margin(A, B, C), [0.5, 0.2]),
    "contrastive, same": (lambda: losses.contrastive(A, B, np.array([True, True])), [0.125, 0.02]),
    "contrastive, not": (lambda: losses.contrastive(A, C, np.array([0, 0]), margin=1.5), [0.125, 0.125]),
    "label 2": (lambda: losses.softmax_cross_entropy(Z, np.array([2])), [0.4076059644443804]),
    "label 0": (lambda: losses.softmax_cross_entropy(Z, np.array([0])), [2.4076059644443806]),
    "quantile": (lambda: losses.quantile(D, ZERO, 0.9), [0.05, 1.35, 0.2]),
    "gaussian_nll": (lambda: losses.gaussian_nll(D, ZERO, 0.25, full=True),
                     0.5 * np.log(2 * np.pi * 0.25) + np.array([0.5, 4.5, 8.0])),
    "focal": (lambda: losses.focal(np.log([3.0, 3.0]), np.array([1, 0]), alpha=0.25),
              [-0.25 * np.log(0.75) / 16, -0.75 * np.log(0.25) * 9 / 16]),
    "dice": (lambda: losses.dice(np.log([[[3.0, 1.0], [1.0, 3.0]]]), np.array([[[1, 0], [1, 0]]]), smooth=0.5,
                                 alpha=0.25, beta=0.75), [1 - (1.5 / 2.25 + 0.5 / 0.75) / 2]),
    "cosine_similarity": (lambda: losses.cosine_similarity(A, B), [0.8944271909999159, 1.0]),
    "ntxent": (lambda: losses.ntxent(A[[0, 0, 1, 1]], np.array([0, 0, 1, 1]), temperature=0.5),
               np.full(4, np.log1p(2 * np.exp(-2)))),
    "far logits": (lambda: losses.softmax_cross_entropy(np.array([[1000.0, 0, -1000]]), np.array([2])), [2000]),
    "binary": (lambda: losses.sigmoid_binary_cross_entropy(LOGITS, np.array([0, 1, 1, 0])),
               [0, 0.6931471805599453, 0, 2.1269280110429727]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_numbers(name: str) -> None:
    f, expected = GOLDEN[name]
    np.testing.assert_allclose(f(), expected, rtol=1e-15, atol=1e-16)


@pytest.mark.slow
def test_values_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    f, rng = torch.nn.functional, np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5, 3))
    p = rng.uniform(size=(5, 3))
    t = torch.tensor
    hot = losses.one_hot(np.arange(5) % 3, 3, np.float64)
    cases = {
        "huber": (losses.huber(x, y, delta=0.7), f.huber_loss(t(x), t(y), reduction="none", delta=0.7).mean(1)),
        "poisson": (losses.poisson(x, abs(y)), f.poisson_nll_loss(t(x), t(abs(y)), reduction="none").mean(1)),
        "binary": (losses.binary_cross_entropy(p, y > 0),
                   f.binary_cross_entropy(t(p), t(y > 0).double(), reduction="none").mean(1)),
        "kl": (losses.kl_divergence(log_softmax(x), np.asarray(softmax(y))),
               f.kl_div(t(x).log_softmax(1), t(y).softmax(1), reduction="none").sum(1)),
        "cosine": (losses.cosine_distance(x, y), 1 - f.cosine_similarity(t(x), t(y))),
        "gaussian": (losses.gaussian_nll(x, y, p, full=True),
                     f.gaussian_nll_loss(t(x), t(y), t(p), full=True, reduction="none").mean(1)),
        "smooth": (losses.softmax_cross_entropy(x, losses.smooth_labels(hot, 0.1)),
                   f.cross_entropy(t(x), t(np.arange(5) % 3), reduction="none", label_smoothing=0.1)),
    }
    for name, (ours, theirs) in cases.items():
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-11, err_msg=name)


def test_smooth_labels_are_probabilities() -> None:
    smooth = losses.smooth_labels(np.array([[0.0, 1.0, 0.0, 0.0]]), 0.2)
    np.testing.assert_allclose(smooth, [[0.05, 0.85, 0.05, 0.05]])


def test_smooth_labels_are_those_of_optax(jax: Any) -> None:
    optax = pytest.importorskip("optax")
    hot = losses.one_hot(np.array([2, 0]), 3, np.float64)
    np.testing.assert_allclose(losses.smooth_labels(hot, 0.3), optax.smooth_labels(np.asarray(hot), 0.3), rtol=1e-15)


def test_one_hot_is_that_of_jax(jax: Any) -> None:
    labels = np.array([[2, 0], [1, 1]])
    ours = losses.one_hot(labels, 3)
    assert np.array_equal(ours, jax.nn.one_hot(labels, 3))
    assert not np.asarray(ours).flags.writeable
    assert np.array_equal(jax.jit(lambda y: losses.one_hot(y, 3))(labels), ours)


# ------------------------------------------------------------------------------------- what is particular


@pytest.mark.parametrize("classes", [2, 3, 20, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_one_hot_label_gives_the_bits_of_its_integer(classes: int, dtype: type[np.floating]) -> None:
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(50, classes)).astype(dtype), rng.integers(0, classes, 50)
    for hot in (losses.one_hot(y, classes, np.uint8), losses.one_hot(y, classes, bool), losses.one_hot(y, classes)):
        assert np.array_equal(losses.softmax_cross_entropy(z, hot), losses.softmax_cross_entropy(z, y))
        assert np.array_equal(fn.grad(lambda z, y=hot: np.mean(losses.softmax_cross_entropy(z, y)))(z),
                              fn.grad(lambda z: np.mean(losses.softmax_cross_entropy(z, y)))(z))
        p = np.asarray(softmax(z))
        assert np.array_equal(losses.categorical_cross_entropy(p, hot), losses.categorical_cross_entropy(p, y))


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.int64, np.uint64, ">i4"])
def test_labels_of_any_integer_type(kind: Any) -> None:
    z = np.random.default_rng(0).normal(size=(4, 3))
    labels = np.array([2, 0, 1, 2])
    assert np.array_equal(losses.softmax_cross_entropy(z, labels.astype(kind)), losses.softmax_cross_entropy(z, labels))


def test_labels_may_be_traced_probabilities() -> None:
    rng = np.random.default_rng(0)
    z, q = rng.normal(size=(4, 3)), np.asarray(softmax(rng.normal(size=(4, 3))))
    gradient = fn.grad(lambda q: np.sum(losses.softmax_cross_entropy(z, q)))(q)
    np.testing.assert_allclose(gradient, -np.asarray(log_softmax(z)), rtol=1e-14)


def test_rows_of_labels_whose_sum_is_rounded_keep_their_weight() -> None:
    z, q = np.array([[1.0, 2.0, 3.0]]), np.array([[0.2, 0.3, 0.5009]])
    gradient = fn.grad(lambda z: np.sum(losses.softmax_cross_entropy(z, q)))(z)
    np.testing.assert_allclose(gradient, np.asarray(softmax(z)) * q.sum() - q, rtol=1e-14)


def test_more_axes_before_the_classes() -> None:
    z = np.random.default_rng(0).normal(size=(2, 4, 3))
    y = np.arange(8).reshape(2, 4) % 3
    flat = losses.softmax_cross_entropy(z.reshape(8, 3), y.ravel())
    assert np.array_equal(losses.softmax_cross_entropy(z, y), flat.reshape((2, 4)))
    assert losses.softmax_cross_entropy(z[0, 0], y[0, 0]) == flat[0]
    gradient = fn.grad(lambda z: np.sum(losses.softmax_cross_entropy(z, y)))(z)
    p = np.asarray(softmax(z))
    np.testing.assert_allclose(gradient, p - np.asarray(losses.one_hot(y, 3, float)), rtol=1e-12, atol=1e-14)


def test_the_gradient_of_a_binary_logit_is_sigmoid_minus_label() -> None:
    """Also in the tail: sigmoid(40) - 1 would be 0."""
    z, y = np.array([-1e4, -2.0, 0.0, 3.0, 40.0, 1e4]), np.array([True, False, True, True, True, False])
    gradient = fn.grad(lambda z: np.sum(losses.sigmoid_binary_cross_entropy(z, y)))(z)
    np.testing.assert_allclose(gradient, np.where(y, -sigmoid(-z), sigmoid(z)), rtol=1e-15)
    soft = fn.grad(lambda z: np.sum(losses.sigmoid_binary_cross_entropy(z, np.full(3, 0.25))))(np.array([-1.0, 0.5, 2]))
    np.testing.assert_allclose(soft, sigmoid(np.array([-1.0, 0.5, 2.0])) - 0.25, rtol=1e-14)


CORNERS = pytest.mark.parametrize(("f", "p", "t", "slope"), [
    (losses.absolute_error, 1.0, 1.0, 0.0),
    (losses.huber, 2.0, 1.0, 1.0),
    (partial(losses.quantile, q=0.75), 1.0, 1.0, -0.25),
    (losses.huber, 0.0, 1.0, -1.0),
    (losses.hinge, 1.0, 1.0, -0.5),
    (losses.hinge, -1.0, -1.0, 0.5),
])


@CORNERS
def test_derivatives_at_corners_are_the_documented_ones(f: Any, p: float, t: float, slope: float) -> None:
    assert fn.grad(f)(np.array(p), np.array(t)) == slope


@CORNERS
def test_derivatives_at_corners_are_the_same_in_jax(f: Any, p: float, t: float, slope: float, jax: Any) -> None:
    assert jax.grad(f)(np.array(p), np.array(t)) == slope


X, FARTHER = np.ones((1, 2)), np.full((1, 2), 4.0)
TOGETHER: dict[str, Callable[[Any], Any]] = {
    "contrastive": lambda a: losses.contrastive(a, X, np.array([0]), margin=3.0),
    "triplet_margin": lambda a: losses.triplet_margin(a, X, X),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_distances_of_0_have_derivative_0(name: str) -> None:
    assert np.array_equal(fn.grad(lambda a: np.sum(TOGETHER[name](a)))(X), [[0.0, 0.0]])


SECOND: dict[str, Callable[[Any], Any]] = TOGETHER | {
    "contrastive, the same": lambda a: losses.contrastive(a, X, np.array([1])),
    "cosine_distance": lambda a: losses.cosine_distance(a - X, X),
    "absolute_error": lambda a: losses.absolute_error(a, X),
    "absolute_error ** 2": lambda a: losses.absolute_error(a, X) ** 2,
    "triplet_margin ** 2": lambda a: losses.triplet_margin(a, X, FARTHER, margin=9.0) ** 2,
}


@pytest.mark.parametrize("name", SECOND)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")   # 0 / 0: that it is no number
def test_at_a_corner_there_is_no_second_derivative(name: str) -> None:
    """Not 0, a plausible wrong number."""
    assert np.isnan(fn.hessian(lambda a: np.sum(SECOND[name](a)))(X)).any()


@pytest.mark.parametrize("scale", [1.0, 1e100, 1e-100, 1e-200])
def test_distances_have_derivatives_of_any_scale(scale: float) -> None:
    a = np.array([[3.0, 4.0]]) * scale
    pull = fn.grad(lambda a: np.sum(losses.contrastive(a, 2 * a, np.array([0]), margin=15.0 * scale)))(a)
    np.testing.assert_allclose(pull / scale, [[-6.0, -8.0]], rtol=1e-12)
    found = fn.grad(lambda a: np.sum(losses.triplet_margin(a, 2 * a, -a, margin=9.0 * scale)))(a)
    np.testing.assert_allclose(found, [[-0.6, -0.8]], rtol=1e-12)


FLAT: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "hinge": (lambda p: losses.hinge(p, np.ones((1, 3))), [[2.0, 1.5, 3.0]]),
    "binary_cross_entropy": (lambda p: losses.binary_cross_entropy(p, np.ones((1, 3))), [[0.0, 1e-9, 0.0]]),
    "categorical_cross_entropy": (lambda p: losses.categorical_cross_entropy(p, np.array([0])), [[0.0, 1.0, 0.0]]),
    "triplet_margin": (lambda p: losses.triplet_margin(p, p, -p), [[2.0, 1.0, 0.0]]),
}


@pytest.mark.parametrize("g", [np.inf, np.nan])
@pytest.mark.parametrize("name", FLAT)
def test_nothing_of_a_cotangent_comes_through_where_a_loss_is_flat(name: str, g: float) -> None:
    f, p = FLAT[name]
    _, pullback = fn.vjp(f, np.array(p))
    np.testing.assert_array_equal(pullback(np.array([g]))[0], np.zeros((1, 3)))


def test_huber_is_differentiated_by_its_delta() -> None:
    """The sum of max(|p - t| - delta, 0), over what shares a delta."""
    p, t = np.array([[-1.0, 2.0, -3.0], [0.5, -4.0, 1.0]]), np.zeros((2, 3))

    def summed(delta: Any) -> Any:
        return np.sum(losses.huber(p, t, delta))

    by_one: Any = fn.grad(summed)
    np.testing.assert_allclose(by_one(0.5), (0.5 + 1.5 + 2.5 + 3.5 + 0.5) / 3)
    np.testing.assert_allclose(by_one(np.array([0.75, 3.0, 9.0])), np.array([0.25, 1.0, 0.0]) / 3)
    check_grads(summed, (np.array([0.7, 2.5, 1.6]),), order=1)
    np.testing.assert_allclose(losses.huber(p, t, np.array([0.75, 3.0, 9.0]))[0], (0.46875 + 2.0 + 4.5) / 3)
    single = losses.huber(p.astype(np.float32), t, np.array([0.75, 3.0, 9.0]))
    assert single.dtype == np.float32


@pytest.mark.parametrize(("delta", "text"), [
    (np.array([1.0, -1.0, 1.0]), r"huber: delta must be numbers in \(0, inf\), got -1.0 among them"),
    (np.ones(2), r"huber: delta of shape \(2,\) must fit predictions of shape \(1, 3\)"),
    (np.ones((1, 1, 3)), r"huber: delta of shape \(1, 1, 3\) must fit"), (-1.0, "huber: delta must be a number in"),
])
def test_a_delta_that_cannot_be_is_named(delta: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        losses.huber(np.ones((1, 3)), np.zeros((1, 3)), delta)


@pytest.mark.parametrize("loss", [losses.squared_error, losses.absolute_error])
def test_more_features_than_float16_can_count(loss: Any) -> None:
    p = (np.arange(140_000) % 2).astype(np.float16).reshape(2, 70_000)
    np.testing.assert_allclose(loss(p, 0 * p), 0.5)
    gradient = fn.grad(lambda p: np.sum(loss(p, 0 * p)))(p)
    assert gradient.dtype == np.float16
    np.testing.assert_allclose(gradient[0, 1], (2 if loss is losses.squared_error else 1) / 70_000, rtol=3e-3)


@pytest.mark.parametrize("name", TOGETHER)
def test_distances_of_0_have_derivative_0_in_jax(name: str, jax: Any) -> None:
    assert np.array_equal(jax.grad(lambda a: jax.numpy.sum(TOGETHER[name](a)))(X), [[0.0, 0.0]])


def test_at_a_distance_of_0_the_other_one_still_counts() -> None:
    x, far = X, FARTHER
    pulled = fn.grad(lambda a: np.sum(losses.triplet_margin(a, x, far, margin=9.0)))(x)
    np.testing.assert_allclose(pulled, [[0.5**0.5, 0.5**0.5]], rtol=1e-15)


def test_probabilities_below_eps_have_a_flat_loss() -> None:
    p = np.array([[1e-9, 1 - 1e-9]])
    value, gradient = fn.value_and_grad(lambda p: np.sum(losses.categorical_cross_entropy(p, np.array([0]))))(p)
    assert value == -np.log(1e-7)
    assert np.array_equal(gradient, [[0.0, 0.0]])
    assert losses.categorical_cross_entropy(p, np.array([0]), eps=1e-12)[0] == -np.log(1e-9)


def test_an_unsigned_one_hot_does_not_wrap() -> None:
    z = np.array([[0.0, np.log(3.0)]])
    gradient = fn.grad(lambda z: np.sum(losses.softmax_cross_entropy(z, np.array([[0, 1]], np.uint8))))(z)
    np.testing.assert_allclose(gradient, [[0.25, -0.25]], rtol=1e-15)
    minus = fn.grad(lambda p: np.sum(losses.squared_error(p, np.array([2], np.uint8))))(np.array([1.0]))
    assert minus == [-2.0]


# ------------------------------------------------------------------------------------------ wrong calls

ONES, COLUMN, HOT = np.ones(300), np.ones((300, 1)), np.array([[1.0, 0, 0], [0, 1, 0]])
LOGITS_3, LABELS = np.array([[1.0, 2, 3], [0, -1, 5]]), np.array([0, 2])
NAN = np.array([0.0, np.nan, 1.0])

WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    # what does not count
    "where (n,) for (n,3)": (
        lambda: losses.squared_error(LOGITS_3, LOGITS_3, where=LABELS > 0), ValueError,
        "squared_error: where has shape (2,) but predictions are (2, 3); each axis must be as long, or 1. Add axes: "
        "where[:, None]"),
    "where (n,2) for (n,3)": (
        lambda: losses.huber(LOGITS_3, LOGITS_3, where=np.ones((2, 2), bool)), ValueError,
        "huber: where has shape (2, 2) but predictions are (2, 3); each axis must be as long, or 1"),
    "where of numbers": (
        lambda: losses.squared_error(LOGITS_3, LOGITS_3, where=np.ones((2, 3))),
        TypeError, "squared_error: where must be booleans, got float64: where > 0"),
    "where of classes": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, LABELS, where=LOGITS_3 > 0), ValueError,
        "softmax_cross_entropy: where is bool of shape (2, 3), expected one boolean for each row of logits, of shape "
        "(2,). To leave a class out, put -inf in the place of its logit"),
    "a bad label that counts": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, LABELS + 1, where=np.array([False, True])), ValueError,
        "softmax_cross_entropy: labels run from 0 to 3 but logits have 3 columns (valid 0..2); first bad label at row "
        "1"),
    "shapes that would broadcast, with where": (
        lambda: losses.squared_error(COLUMN, ONES, where=COLUMN > 0), ValueError,
        "squared_error: predictions are (300, 1) but targets are (300,); they would broadcast to (300, 300). "
        "Reshape the targets: y[:, None]"),
    # the new ones
    "q of 1": (lambda: losses.quantile(ONES, ONES, 1.0), ValueError,
               "quantile: q must be a number in (0, 1), got 1.0"),
    "q above 1": (lambda: losses.quantile(LOGITS_3, LOGITS_3, np.array([0.1, 0.5, 1.5])), ValueError,
                  "quantile: q must be numbers in (0, 1), got 1.5 among them"),
    "var below 0": (lambda: losses.gaussian_nll(ONES, ONES, -ONES), ValueError,
                    "gaussian_nll: var must be 0 or more, got -1.0 at row 0. Of any number take softplus, or exp"),
    "var of another shape": (
        lambda: losses.gaussian_nll(COLUMN, COLUMN, ONES), ValueError,
        "gaussian_nll: predictions are (300, 1) but var is (300,); it must be the same, or a number"),
    "alpha of 2": (lambda: losses.focal(ONES, ONES, alpha=2.0), ValueError,
                   "focal: alpha must be a number in [0, 1], got 2.0"),
    "class numbers for dice": (
        lambda: losses.dice(LOGITS_3, LABELS), ValueError,
        "dice: predictions are (2, 3) but targets are (2,); of class numbers make rows: losses.one_hot(y, 3)"),
    "one number each for dice": (
        lambda: losses.dice(ONES, ONES), ValueError,
        "dice: predictions of shape (300,) must be (batch, ..., classes); with one class, x[..., None]"),
    "logits as probabilities for dice": (
        lambda: losses.dice(LOGITS_3, HOT, apply_softmax=False), ValueError,
        "dice: predictions must be between 0 and 1, got 2.0 at row 0. Leave out apply_softmax=False for logits"),
    "two weights for three classes": (
        lambda: losses.dice(LOGITS_3, HOT, class_weights=np.ones(2)), ValueError,
        "dice: class_weights have shape (2,), expected one for each class, (3,)"),
    "no two of one label": (
        lambda: losses.ntxent(LOGITS_3, LABELS), ValueError,
        "ntxent: all 2 labels are different; at least two examples must have the same one"),
    "labels of another batch": (
        lambda: losses.ntxent(LOGITS_3, np.zeros(3, int)), ValueError,
        "ntxent: embeddings are (2, 3) and labels (3,); expected (batch, features) and (batch,)"),
    # shapes that would broadcast
    "(n,1) against (n,)": (
        lambda: losses.squared_error(COLUMN, ONES), ValueError,
        "squared_error: predictions are (300, 1) but targets are (300,); they would broadcast to (300, 300). "
        "Reshape the targets: y[:, None]"),
    "(n,) against (n,1)": (
        lambda: losses.absolute_error(ONES, COLUMN), ValueError,
        "absolute_error: predictions are (300,) but targets are (300, 1); they would broadcast to (300, 300). "
        "Reshape the targets: y[:, 0]"),
    "one more axis": (
        lambda: losses.huber(np.ones((4, 4, 1)), np.ones((4, 4))), ValueError,
        "huber: predictions are (4, 4, 1) but targets are (4, 4); they would broadcast to (4, 4, 4). "
        "Reshape the targets: y[:, :, None]"),
    "other lengths": (
        lambda: losses.log_cosh(np.ones((3, 2)), np.ones((4, 2))), ValueError,
        "log_cosh: predictions are (3, 2) but targets are (4, 2). They must be the same"),
    "one target for all": (
        lambda: losses.poisson(np.ones((3, 2)), np.ones(2)), ValueError,
        "poisson: log_predictions are (3, 2) but targets are (2,); they would broadcast to (3, 2). "
        "They must be the same"),
    "binary, (n,1) against (n,)": (
        lambda: losses.sigmoid_binary_cross_entropy(COLUMN, ONES), ValueError,
        "sigmoid_binary_cross_entropy: logits are (300, 1) but labels are (300,); they would broadcast to (300, 300). "
        "Reshape the labels: y[:, None]"),
    "triplets of other lengths": (
        lambda: losses.triplet_margin(A, B, C[:1]), ValueError,
        "triplet_margin: anchors are (2, 2) but negatives are (1, 2); they would broadcast to (2, 2). "
        "They must be the same"),
    "pairs and labels": (
        lambda: losses.contrastive(A, B, np.array([[True], [False]])), ValueError,
        "contrastive: same has shape (2, 1), expected one for each pair, (2,)"),
    "kl, classes": (
        lambda: losses.kl_divergence(np.log(Q), P[:, :2]), ValueError,
        "kl_divergence: log_predictions are (2, 3) but targets are (2, 2). They must be the same"),
    # nothing
    "an empty batch": (
        lambda: losses.squared_error(np.ones((0, 2)), np.ones((0, 2))), ValueError,
        "squared_error: the batch is empty (shape (0, 2)); its mean would be NaN"),
    "an empty batch of logits": (
        lambda: losses.softmax_cross_entropy(np.ones((0, 3)), np.zeros(0, int)), ValueError,
        "softmax_cross_entropy: the batch is empty (shape (0, 3)); its mean would be NaN"),
    # no arrays, no floats
    "a list": (
        lambda: losses.squared_error(np.ones(2), [1.0, 2.0]), TypeError,  # type: ignore[arg-type]
        "squared_error: targets must be an array, got a list: np.asarray(targets)"),
    "words": (
        lambda: losses.squared_error(np.ones(2), np.array(["a", "b"])), TypeError,
        "squared_error: targets must be real numbers, got an array of shape (2,) and dtype <U1"),
    "complex numbers": (
        lambda: losses.squared_error(np.ones(2), np.ones(2, complex)), TypeError,
        "squared_error: targets must be real numbers, got an array of shape (2,) and dtype complex128"),
    "integer predictions": (
        lambda: losses.squared_error(np.array([1, 2]), np.ones(2)), TypeError,
        "squared_error: predictions must be floating-point numbers, got an array of shape (2,) and dtype int64: "
        "predictions.astype(np.float32)"),
    "integer logits": (
        lambda: losses.softmax_cross_entropy(np.array([[1, 2]]), np.array([1])), TypeError,
        "softmax_cross_entropy: logits must be floating-point numbers, got an array of shape (1, 2) and dtype int64: "
        "logits.astype(np.float32)"),
    "integer embeddings": (
        lambda: losses.triplet_margin(A, B, C.astype(int)), TypeError,
        "triplet_margin: negatives must be floating-point numbers, got an array of shape (2, 2) and dtype int64: "
        "negatives.astype(np.float32)"),
    # NaN in the data
    "NaN targets": (
        lambda: losses.squared_error(np.ones(3), NAN), ValueError,
        "squared_error: targets must be numbers, got nan at row 1. Leave such rows out"),
    "NaN labels": (
        lambda: losses.sigmoid_binary_cross_entropy(np.ones(3), NAN), ValueError,
        "sigmoid_binary_cross_entropy: labels must be between 0 and 1, got nan at row 1. Labels of -1 and 1: (y "
        "+ 1) / 2; "
        "more than two classes: softmax_cross_entropy"),
    "NaN in rows": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, np.array([[1, 0, 0], [np.nan, 0, 1]])), ValueError,
        "softmax_cross_entropy: labels of shape (2, 3) must be rows of probabilities, not negative and with sum "
        "1; row 1 "
        "is [nan  0.  1.]. Integer labels have shape (2,)"),
    # labels that cannot be
    "labels too large": (
        lambda: losses.softmax_cross_entropy(np.ones((20, 3)), np.arange(20) // 17 * 3), ValueError,
        "softmax_cross_entropy: labels run from 0 to 3 but logits have 3 columns (valid 0..2); first bad label "
        "at row 17"),
    "negative labels": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, np.array([0, -1])), ValueError,
        "softmax_cross_entropy: labels run from -1 to 0 but logits have 3 columns (valid 0..2); first bad label "
        "at row 1"),
    "labels of the other byte order": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, np.array([0, 3], ">i4")), ValueError,
        "softmax_cross_entropy: labels run from 0 to 3 but logits have 3 columns (valid 0..2); first bad label "
        "at row 1"),
    "one label that is too large": (
        lambda: losses.softmax_cross_entropy(LOGITS_3[0], np.array([0, 3])[1]), ValueError,
        "softmax_cross_entropy: labels run from 3 to 3 but logits have 3 columns (valid 0..2); first bad label "
        "at row 0"),
    "labels for a net with one output": (
        lambda: losses.softmax_cross_entropy(np.ones((2, 1)), np.array([0, 1])), ValueError,
        "softmax_cross_entropy: labels run from 0 to 1 but logits have 1 columns (valid 0..0); first bad label "
        "at row 1; "
        "for one yes-or-no output use the binary form"),
    "labels (n,1)": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, LABELS[:, None]), ValueError,
        "softmax_cross_entropy: labels have shape (2, 1), expected (2,). Drop the last axis: y[..., 0]"),
    "labels (n,1) of probabilities": (
        lambda: losses.categorical_cross_entropy(P, LABELS[:, None]), ValueError,
        "categorical_cross_entropy: labels have shape (2, 1), expected (2,). Drop the last axis: y[..., 0]"),
    "float labels": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, np.array([0.0, 2.0])), TypeError,
        "softmax_cross_entropy: labels of shape (2,) must be integers, got float64: y.astype(np.int64)"),
    "another number of labels": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, np.array([0, 1, 2, 0])), ValueError,
        "softmax_cross_entropy: logits are (2, 3) but labels are (4,); expected integer labels of shape (2,) or "
        "rows of "
        "probabilities of shape (2, 3)"),
    "integers where rows are due": (
        lambda: losses.softmax_cross_entropy(LOGITS_3, np.array([[0, 1, 2], [1, 0, 0]])), ValueError,
        "softmax_cross_entropy: labels of shape (2, 3) must be rows of probabilities, not negative and with sum "
        "1; row 0 "
        "is [0 1 2]. Integer labels have shape (2,)"),
    "labels for a net without classes": (
        lambda: losses.softmax_cross_entropy(np.float64(1.0), np.int64(1)), ValueError,  # type: ignore[arg-type]
        "softmax_cross_entropy: logits must be (batch, classes), got a single number"),
    "one output for each example": (
        lambda: losses.softmax_cross_entropy(np.ones(4), np.array([0, 1, 1, 0])), ValueError,
        "softmax_cross_entropy: labels of shape (4,) must be rows of probabilities, not negative and with sum 1; row 0 "
        "is [0 1 1 0]. With one yes-or-no output for each example use the binary form; else logits are (batch, "
        "classes)"),
    "binary labels of -1 and 1": (
        lambda: losses.sigmoid_binary_cross_entropy(np.ones(2), np.array([1, -1])), ValueError,
        "sigmoid_binary_cross_entropy: labels must be between 0 and 1, got -1 at row 1. Labels of -1 and 1: (y "
        "+ 1) / 2; "
        "more than two classes: softmax_cross_entropy"),
    "hinge labels of 0 and 1": (
        lambda: losses.hinge(np.ones(2), np.array([1, 0])), ValueError,
        "hinge: targets must be -1 or 1, got 0.0 at row 1. Labels of 0 and 1: 2 * y - 1"),
    "negative counts": (
        lambda: losses.poisson(np.ones(2), np.array([0, -3])), ValueError,
        "poisson: targets must be counts, 0 or more, got -3.0 at row 1. For any number use squared_error"),
    "pairs that are neither": (
        lambda: losses.contrastive(A, B, np.array([1, 2])), ValueError,
        "contrastive: same must be between 0 and 1, got 2 at row 1. It is True or 1 for pairs that belong "
        "together, else "
        "False or 0"),
    "one_hot of a class too many": (
        lambda: losses.one_hot(np.array([0, 3]), 3), ValueError,
        "one_hot: labels run from 0 to 3 but num_classes is 3 (valid 0..2); first bad label at row 1"),
    "one_hot of floats": (
        lambda: losses.one_hot(np.array([0.0, 1.0]), 3), TypeError,
        "one_hot: labels of shape (2,) must be integers, got float64: y.astype(np.int64)"),
    "integers where one-hot is due": (
        lambda: losses.smooth_labels(np.array([0, 1]), 0.1), TypeError,
        "smooth_labels: labels must be rows of probabilities (batch, classes), got int64 of shape (2,): "
        "losses.one_hot(y, classes)"),
    "float labels where one-hot is due": (
        lambda: losses.smooth_labels(np.array([0.0, 2.0, 1.0]), 0.1), ValueError,
        "smooth_labels: labels of shape (3,) must be rows of probabilities, not negative and with sum 1; row 0 is "
        "[0. 2. 1.]. Integer labels first become rows: losses.one_hot(y, classes)"),
    # probabilities and logits
    "probabilities for logits": (
        lambda: losses.softmax_cross_entropy(softmax(LOGITS_3), LABELS), ValueError,
        "softmax_cross_entropy: the logits are positive and each row has sum 1, so they look like probabilities. Take "
        "the outputs before softmax (if these are logits, add 1 to them: it changes nothing), or np.log of the "
        "probabilities"),
    "logits for probabilities": (
        lambda: losses.categorical_cross_entropy(LOGITS_3, LABELS), ValueError,
        "categorical_cross_entropy: predictions of shape (2, 3) must be rows of probabilities, not negative and "
        "with sum "
        "1; row 0 is [1. 2. 3.]. For logits use softmax_cross_entropy"),
    "logits for binary probabilities": (
        lambda: losses.binary_cross_entropy(np.array([0.5, -3.0]), np.array([1, 0])), ValueError,
        "binary_cross_entropy: predictions must be between 0 and 1, got -3.0 at row 1. For logits use "
        "sigmoid_binary_cross_entropy"),
    "probabilities for logarithms": (
        lambda: losses.kl_divergence(Q, P), ValueError,
        "kl_divergence: log_predictions must be logarithms of probabilities, got 0.1 at row 0. Take log_softmax of "
        "logits, or np.log of probabilities"),
    "logarithms for probabilities": (
        lambda: losses.kl_divergence(np.log(Q), np.log(P)), ValueError,
        "kl_divergence: targets of shape (2, 3) must be rows of probabilities, not negative and with sum 1; row 0 is "
        "[-1.60943791 -1.2039728  -0.69314718]. Divide them by their sum"),
    # settings
    "delta 0": (lambda: losses.huber(D, ZERO, delta=0.0), ValueError,
                "huber: delta must be a number in (0, inf), got 0.0"),
    "margin NaN": (lambda: losses.triplet_margin(A, B, C, margin=np.nan), ValueError,
                   "triplet_margin: margin must be a number in (0, inf), got nan"),
    "margin negative": (lambda: losses.contrastive(A, B, np.array([1, 0]), margin=-1.0), ValueError,
                        "contrastive: margin must be a number in (0, inf), got -1.0"),
    "eps 0": (lambda: losses.binary_cross_entropy(ZERO, ZERO, eps=0.0), ValueError,
              "binary_cross_entropy: eps must be a number in (0, inf), got 0.0"),
    "alpha 2": (lambda: losses.smooth_labels(HOT, 2.0), ValueError,
        "smooth_labels: alpha must be a number in [0, 1], got 2.0"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_says_where_what_came_and_the_fix(name: str) -> None:
    call, kind, text = WRONG[name]
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == text


@pytest.mark.parametrize("name", ["(n,1) against (n,)", "labels too large", "probabilities for logits"])
def test_traced_predictions_are_checked_too(name: str) -> None:
    rows = np.asarray(softmax(LOGITS_3))
    call = {"(n,1) against (n,)": lambda p: losses.squared_error(p * COLUMN, ONES),
            "labels too large": lambda p: losses.softmax_cross_entropy(p * np.ones((20, 3)), np.arange(20) // 17 * 3),
            "probabilities for logits": lambda p: losses.softmax_cross_entropy(p * rows, LABELS)}
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the text is compared below
        fn.grad(lambda p: np.sum(call[name](p)))(1.0)
    assert str(error.value) == WRONG[name][2]


def test_shapes_are_checked_while_jax_compiles(jax: Any) -> None:
    with pytest.raises(ValueError, match=r"would broadcast to \(300, 300\)"):
        jax.jit(losses.squared_error)(COLUMN, ONES)
    with pytest.raises(TypeError, match="must be integers"):
        jax.jit(losses.softmax_cross_entropy)(LOGITS_3, LABELS.astype(float))


@pytest.mark.slow
def test_a_tensor_of_another_library_is_not_an_array() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"targets must be an array, got a Tensor .*targets.detach\(\).cpu"):
        losses.squared_error(np.ones(2), torch.ones(2))
