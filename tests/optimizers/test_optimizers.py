"""Optimizers: optax's and torch's steps, every law for every part, the book's numbers, loud on nonsense."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcnn as fn
from alike import assert_same
from funcnn import _arrays as arrays
from funcnn import losses, optimizers, random, schedules, testing, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import (
    GradientTransformation,
    accumulate,
    adam,
    apply_updates,
    chain,
    clip,
    clip_by_global_norm,
    ema,
    global_norm,
    identity,
    masked,
    scale,
    scale_by_learning_rate,
    scale_by_schedule,
    set_to_zero,
    sgd,
    skip_not_finite,
    trace,
)
from funcnn.optimizers import onepass as leafwise
from funcnn.tree import FrozenDict

Optax = Callable[[Any], Any]
"""From the module optax to its transformation."""


class Pair(NamedTuple):
    """The left and the right of something."""

    left: Any
    right: Any


rng = np.random.default_rng(0)


def random_tree(dtype: Any = np.float64) -> Any:
    """A tree with every kind of node, and leaves of no, one, two and three axes."""
    def draw(*shape: int) -> Any:
        return np.asarray(rng.normal(size=shape), dtype)

    return {"a": {"w": draw(2, 3), "b": draw(3)}, "pair": Pair(draw(4, 1), draw()), "list": [draw(0), (draw(2, 2, 2),)],
            "none": None}


@pytest.fixture(params=[lambda t: t, FrozenDict], ids=["dict", "FrozenDict"])
def draw_tree(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Random trees, of plain dicts or frozen ones."""
    return lambda dtype=np.float64: request.param(random_tree(dtype))


# The contract: one row for each optimizer and part ----------------------------------------------------------

FEW = {"a": {"w": True, "b": False}, "pair": True, "list": [False, (True,)], "none": None}
"""A mask in which a bool speaks for the subtree `pair`."""

LABELS = {"a": {"w": "fast", "b": "slow"}, "pair": "frozen", "list": ["slow", ("fast",)], "none": None}

HALF = schedules.exponential_decay(0.1, 5, 0.5)


def half(optax: Any) -> Any:
    """The same of optax, in float64, which from its int32 counts would be float32."""
    return lambda count: optax.exponential_decay(0.1, 5, 0.5)(count.astype("float64"))


def adafactor_of_optax(o: Any, rate: Any, momentum: bool = False, factored: bool = True) -> Any:
    """The parts of optax.adafactor, whose decay is in float64 here, and in float32 there."""
    import jax.numpy as jnp

    def decay(step: Any, exponent: Any) -> Any:
        return 1.0 - jnp.asarray(step + 1, jnp.float64) ** -exponent

    parts = [o.scale_by_factored_rms(factored, min_dim_size_to_factor=2, decay_rate_fn=decay), o.clip_by_block_rms(1.0),
             o.scale_by_learning_rate(rate, flip_sign=False), o.scale_by_param_block_rms()]
    means = [o.ema(0.9, debias=False), o.add_decayed_weights(0.1)] if momentum else []
    return o.chain(*parts, *means, o.scale(-1.0))


class InTime:
    """optax.scale_by_rprop, whose update of now is in its state, where 0.2.8 gives that of the step before."""

    def __init__(self, theirs: Any) -> None:
        self.init, self.late = theirs.init, theirs.update

    def update(self, grads: Any, state: Any, params: Any = None) -> Any:
        _, state = self.late(grads, state, params)
        return state.prev_updates, state

    def __iter__(self) -> Iterator[Any]:
        return iter((self.init, self.update))


def key_of_jax() -> Any:
    import jax

    return jax.random.wrap_key_data(random.key(7))


class Ahead(NamedTuple):
    """optax.lookahead with the slow parameters in its state, as here."""

    o: Any
    optimizer: Any
    period: int
    share: float
    reset: bool = False

    @property
    def theirs(self) -> Any:
        return self.o.lookahead(self.optimizer, self.period, self.share, self.reset)

    def init(self, params: Any) -> Any:
        return self.theirs.init(self.o.LookaheadParams(params, params)), params

    def update(self, grads: Any, state: Any, params: Any) -> Any:
        updates, inner = self.theirs.update(grads, state[0], self.o.LookaheadParams(params, state[1]))
        return updates.fast, (inner, self.o.apply_updates(state[1], updates.slow))


OPTIMIZERS: dict[str, tuple[GradientTransformation, Optax | None]] = {
    "sgd": (sgd(0.1), lambda o: o.sgd(0.1)),
    "sgd momentum": (sgd(0.1, 0.9), lambda o: o.sgd(0.1, 0.9)),
    "sgd nesterov": (sgd(0.1, 0.9, nesterov=True), lambda o: o.sgd(0.1, 0.9, nesterov=True)),
    "sgd schedule": (sgd(HALF, 0.9), lambda o: o.sgd(half(o), 0.9)),
    "nnfs momentum": (chain(scale_by_learning_rate(HALF), trace(0.9)),
                      lambda o: o.chain(o.scale_by_learning_rate(half(o)), o.trace(0.9))),
    "adagrad": (optimizers.adagrad(0.1), None),
    "adagrad of optax": (optimizers.adagrad(0.1, 0.1, 1e-7, eps_in_sqrt=True), lambda o: o.adagrad(0.1)),
    "rmsprop": (optimizers.rmsprop(0.1), lambda o: o.rmsprop(0.1, eps_in_sqrt=False)),
    "rmsprop of optax": (optimizers.rmsprop(0.1, 0.8, 1e-6, 0.3, eps_in_sqrt=True),
                         lambda o: o.rmsprop(0.1, 0.8, 1e-6, 0.3)),
    "rmsprop momentum of optax": (chain(optimizers.rmsprop(0.1, eps_in_sqrt=True), trace(0.9)),
                                  lambda o: o.rmsprop(0.1, momentum=0.9)),
    "adadelta": (optimizers.adadelta(), lambda o: o.adadelta(1.0)),
    "adadelta, all set": (optimizers.adadelta(0.5, 0.8, 1e-5), lambda o: o.adadelta(0.5, 0.8, 1e-5)),
    "adam": (adam(0.1), lambda o: o.adam(0.1)),
    "adam, all set": (adam(0.1, 0.8, 0.95, 1e-5), lambda o: o.adam(0.1, 0.8, 0.95, 1e-5)),
    "adamw": (optimizers.adamw(0.1), lambda o: o.adamw(0.1)),
    "adamw masked": (optimizers.adamw(0.1, weight_decay=0.3, mask=FEW),
                     lambda o: o.adamw(0.1, weight_decay=0.3, mask=FEW)),
    "adamax": (optimizers.adamax(0.1), lambda o: o.adamax(0.1)),
    "nadam": (optimizers.nadam(0.1), lambda o: o.nadam(0.1)),
    "radam": (optimizers.radam(0.1), lambda o: o.radam(0.1)),
    "radam, never rectified": (optimizers.radam(0.1, b2=0.6), None),
    "amsgrad": (optimizers.amsgrad(0.1), lambda o: o.amsgrad(0.1)),
    "lion": (optimizers.lion(0.1), lambda o: o.lion(0.1)),
    "lion masked": (optimizers.lion(0.1, 0.8, 0.95, 0.3, mask=lambda params: matrices(params)),
                    lambda o: o.lion(0.1, 0.8, 0.95, weight_decay=0.3, mask=by_rank)),
    "adabelief": (optimizers.adabelief(0.1), lambda o: o.adabelief(0.1)),
    "yogi": (optimizers.yogi(0.1), lambda o: o.yogi(0.1)),
    "rprop": (optimizers.rprop(0.1), lambda o: o.chain(InTime(o.scale_by_rprop(0.1)), o.scale(-1.0))),
    "sign_sgd": (optimizers.sign_sgd(HALF), lambda o: o.sign_sgd(half(o))),
    "lars": (optimizers.lars(0.1), lambda o: o.lars(0.1)),
    "lamb": (optimizers.lamb(0.1), lambda o: o.lamb(0.1)),
    "adafactor, all set": (optimizers.adafactor(HALF, 2, momentum=0.9, weight_decay_rate=0.1),
                           lambda o: adafactor_of_optax(o, half(o), momentum=True)),
}

PARTS: dict[str, tuple[GradientTransformation, Optax | None]] = {
    "identity": (identity(), lambda o: o.identity()),
    "empty chain": (chain(), lambda o: o.chain(o.identity())),
    "scale": (scale(-2.5), lambda o: o.scale(-2.5)),
    "set_to_zero": (set_to_zero(), lambda o: o.set_to_zero()),
    "scale_by_schedule": (scale_by_schedule(HALF), lambda o: o.scale_by_schedule(half(o))),
    "scale_by_learning_rate": (scale_by_learning_rate(0.3), lambda o: o.scale_by_learning_rate(0.3)),
    "add_decayed_weights": (optimizers.add_decayed_weights(0.3), lambda o: o.add_decayed_weights(0.3)),
    "clip": (clip(0.5), lambda o: o.clip(0.5)),
    "clip_by_global_norm": (clip_by_global_norm(0.5), lambda o: o.clip_by_global_norm(0.5)),
    "a norm that is kept": (clip_by_global_norm(1e3), lambda o: o.clip_by_global_norm(1e3)),
    "trace": (trace(0.9), lambda o: o.trace(0.9)),
    "trace nesterov": (trace(0.9, nesterov=True), lambda o: o.trace(0.9, nesterov=True)),
    "ema": (ema(0.9), lambda o: o.ema(0.9)),
    "ema biased": (ema(0.9, debias=False), lambda o: o.ema(0.9, debias=False)),
    "scale_by_rss": (optimizers.scale_by_rss(), None),
    "scale_by_rms": (optimizers.scale_by_rms(), lambda o: o.scale_by_rms(eps_in_sqrt=False)),
    "scale_by_adadelta": (optimizers.scale_by_adadelta(), lambda o: o.scale_by_adadelta()),
    "scale_by_adam": (optimizers.scale_by_adam(), lambda o: o.scale_by_adam()),
    "scale_by_adamax": (optimizers.scale_by_adamax(), lambda o: o.scale_by_adamax()),
    "scale_by_nadam": (optimizers.scale_by_nadam(), lambda o: o.scale_by_adam(nesterov=True)),
    "scale_by_radam": (optimizers.scale_by_radam(b2=0.9), lambda o: o.scale_by_radam(b2=0.9)),
    "scale_by_amsgrad": (optimizers.scale_by_amsgrad(), lambda o: o.scale_by_amsgrad()),
    "scale_by_lion": (optimizers.scale_by_lion(), lambda o: o.scale_by_lion()),
    "masked": (masked(adam(0.1), FEW), lambda o: o.masked(o.adam(0.1), FEW)),
    "accumulate": (accumulate(adam(0.1), 3), lambda o: o.MultiSteps(o.adam(0.1), 3, accumulator_dtype="float64")),
    "accumulate one": (accumulate(adam(0.1), 1), lambda o: o.adam(0.1)),
    "skip_not_finite": (skip_not_finite(adam(0.1)), lambda o: o.apply_if_finite(o.adam(0.1), 10)),
    "selective_transform masked": (optimizers.selective_transform(adam(0.1), freeze_mask=FEW),
                                   lambda o: o.selective_transform(o.adam(0.1), freeze_mask=FEW)),
    "partition masked": (
        optimizers.partition({"fast": adam(0.1), "slow": sgd(HALF, 0.9), "frozen": set_to_zero()}, LABELS),
        lambda o: o.partition({"fast": o.adam(0.1), "slow": o.sgd(half(o), 0.9), "frozen": o.set_to_zero()}, LABELS)),
    "lookahead": (optimizers.lookahead(adam(0.1), 3, 0.4), lambda o: Ahead(o, o.adam(0.1), 3, 0.4)),
    "adaptive_grad_clip": (optimizers.adaptive_grad_clip(0.1), lambda o: o.adaptive_grad_clip(0.1)),
    "centralize": (optimizers.centralize(), lambda o: o.centralize()),
    "add_noise": (optimizers.add_noise(0.5, 0.55, random.key(7)), lambda o: o.add_noise(0.5, 0.55, key_of_jax())),
    "zero_nans": (optimizers.zero_nans(), lambda o: o.zero_nans()),
    "keep_params_nonnegative": (optimizers.keep_params_nonnegative(), lambda o: o.keep_params_nonnegative()),
    "ema_params": (chain(adam(0.1), optimizers.ema_params(0.9)), lambda o: o.adam(0.1)),
    "inject_hyperparams": (optimizers.inject_hyperparams(adam)(0.1, b2=0.99),
                           lambda o: o.inject_hyperparams(o.adam)(0.1, b2=0.99)),
    "a long chain": (
        chain(clip(1.0), clip_by_global_norm(2.0), optimizers.add_decayed_weights(0.1), trace(0.5), adam(0.1),
              ema(0.5)),
        lambda o: o.chain(o.clip(1.0), o.clip_by_global_norm(2.0), o.add_decayed_weights(0.1), o.trace(0.5),
                          o.adam(0.1), o.ema(0.5))),
}

SETTINGS: dict[str, tuple[GradientTransformation, Optax | None]] = {
    "adabelief, all set": (optimizers.adabelief(0.1, 0.8, 0.95, 1e-5, 1e-4),
                           lambda o: o.adabelief(0.1, 0.8, 0.95, 1e-5, 1e-4)),
    "yogi, all set": (optimizers.yogi(HALF, 0.8, 0.95, 1e-5), lambda o: o.yogi(half(o), 0.8, 0.95, 1e-5)),
    "rprop, all set": (optimizers.rprop(0.1, 0.3, 1.5, 0.05, 0.2),
                       lambda o: o.chain(InTime(o.scale_by_rprop(0.1, 0.3, 1.5, 0.05, 0.2)), o.scale(-1.0))),
    "lars masked": (optimizers.lars(0.1, 0.3, FEW, 0.02, 1e-3, FEW, 0.8, True),
                    lambda o: o.lars(0.1, 0.3, FEW, 0.02, 1e-3, FEW, 0.8, True)),
    "lamb masked": (optimizers.lamb(HALF, 0.8, 0.95, 1e-5, weight_decay=0.3, mask=FEW),
                    lambda o: o.lamb(half(o), 0.8, 0.95, 1e-5, 0.0, 0.3, FEW)),
    "adafactor, of every entry": (optimizers.adafactor(0.1, factored=False),
                                  lambda o: adafactor_of_optax(o, 0.1, factored=False)),
    "freeze masked": (chain(adam(0.1), optimizers.freeze(FEW)), lambda o: o.chain(o.adam(0.1), o.freeze(FEW))),
    "lookahead that begins anew": (optimizers.lookahead(sgd(0.1, 0.9), 2, 0.5, reset_state=True),
                                   lambda o: Ahead(o, o.sgd(0.1, 0.9), 2, 0.5, True)),
    "inject_hyperparams scheduled": (optimizers.inject_hyperparams(sgd, "nesterov")(HALF, 0.9, nesterov=True),
                                     lambda o: o.inject_hyperparams(o.sgd)(half(o), 0.9, nesterov=True)),
    "scale_by_trust_ratio": (optimizers.scale_by_trust_ratio(0.1, 0.5, 1e-3),
                             lambda o: o.scale_by_trust_ratio(0.1, 0.5, 1e-3)),
    "clip_by_block_rms": (optimizers.clip_by_block_rms(0.5), lambda o: o.clip_by_block_rms(0.5)),
    "scale_by_param_block_rms": (optimizers.scale_by_param_block_rms(), lambda o: o.scale_by_param_block_rms()),
    "adafactor": (optimizers.adafactor(0.1, 2), lambda o: adafactor_of_optax(o, 0.1)),
}
"""The same with other settings, or parts of them: rows of their own only where numbers are compared."""

EVERY = {**OPTIMIZERS, **PARTS}
ALL = [pytest.param(ours, id=name) for name, (ours, _) in EVERY.items()]
ALL_BUT_MASKED = [pytest.param(ours, id=name) for name, (ours, _) in EVERY.items() if "masked" not in name]
DECAYING = ["adamw", "adamw masked", "lion", "lion masked", "add_decayed_weights", "a long chain", "yogi",
            "adafactor, all set", "add_noise", "keep_params_nonnegative"]
"""Those that move the parameters without a gradient."""

OF_ARRAYS = ["norm", "masked", "a long chain", "lars", "lamb", "adafactor", "adaptive", "centralize", "add_noise",
             "zero_nans"]
"""What stands in the names of those that look at a whole array, or at several."""


def by_rank(params: Any) -> Any:
    """optax gives its masks a tree of its own, and jax knows it."""
    import jax

    return jax.tree.map(lambda p: p.ndim > 1, params)


def run(optimizer: Any, params: Any, every_grads: list[Any], update: Any = None) -> Iterator[tuple[Any, Any]]:
    """The updates and states of a few steps from the beginning."""
    state = optimizer.init(params)
    for grads in every_grads:
        updates, state = (update or optimizer.update)(grads, state, params)
        yield updates, state


def as_bytes(tree_: Any) -> list[tuple[Any, ...]]:
    return [(type(x), np.asarray(x).dtype, np.shape(x), np.asarray(x).tobytes()) for x in tree.leaves(tree_)]


# The steps of others ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name, (_, theirs) in (EVERY | SETTINGS).items() if theirs is not None])
def test_the_steps_are_those_of_optax(name: str, jax: Any) -> None:
    ours, of_optax = (EVERY | SETTINGS)[name]
    assert of_optax is not None
    theirs = of_optax(pytest.importorskip("optax"))
    params, grads = random_tree(), [random_tree() for _ in range(60)]
    steps = zip(run(ours, params, grads), run(theirs, params, grads, jax.jit(theirs.update)), strict=True)
    for t, ((updates, _), (expected, _)) in enumerate(steps):
        for x, y in zip(tree.leaves(updates), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14, err_msg=f"update {t}")


TORCH: dict[str, tuple[GradientTransformation, Callable[[Any, Any], Any]]] = {
    "sgd": (sgd(0.1, 0.9), lambda o, p: o.SGD(p, 0.1, 0.9)),
    "sgd nesterov": (sgd(0.1, 0.9, nesterov=True), lambda o, p: o.SGD(p, 0.1, 0.9, nesterov=True)),
    "weight decay": (chain(optimizers.add_decayed_weights(0.3), sgd(0.1)),
                     lambda o, p: o.SGD(p, 0.1, weight_decay=0.3)),
    "adagrad": (optimizers.adagrad(0.1, eps=1e-10), lambda o, p: o.Adagrad(p, 0.1)),
    "rmsprop": (optimizers.rmsprop(0.1, 0.99), lambda o, p: o.RMSprop(p, 0.1)),
    "rmsprop momentum": (chain(optimizers.scale_by_rms(0.99), trace(0.9), scale_by_learning_rate(0.1)),
                         lambda o, p: o.RMSprop(p, 0.1, momentum=0.9)),
    "adadelta": (optimizers.adadelta(), lambda o, p: o.Adadelta(p)),
    "adam": (adam(0.1), lambda o, p: o.Adam(p, 0.1)),
    "adamw": (optimizers.adamw(0.1, weight_decay=0.01), lambda o, p: o.AdamW(p, 0.1)),
    "adamax": (optimizers.adamax(0.1), lambda o, p: o.Adamax(p, 0.1)),
    "rprop": (optimizers.rprop(0.1), lambda o, p: o.Rprop(p, 0.1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCH)
def test_the_parameters_follow_those_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, make = TORCH[name]
    params = rng.normal(size=(3, 4))
    theirs = torch.tensor(params, requires_grad=True)
    optimizer = make(torch.optim, [theirs])
    state: Any = ours.init(params)
    for t in range(60):
        grads = rng.normal(size=(3, 4))
        theirs.grad = torch.tensor(grads)
        optimizer.step()
        updates, state = ours.update(grads, state, params)
        params = apply_updates(params, updates)
        np.testing.assert_allclose(params, theirs.detach().numpy(), rtol=1e-9, err_msg=f"update {t}")


# The laws ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", ALL)
def test_structure_shapes_and_dtypes_stay(optimizer: GradientTransformation, dtype: Any, draw_tree: Any) -> None:
    params = draw_tree(dtype)
    for updates, state in run(optimizer, params, [draw_tree(dtype) for _ in range(4)]):
        for result in (updates, apply_updates(params, updates)):
            assert tree.structure(result) == tree.structure(params)
            tree.map(lambda x, p: np.testing.assert_equal((np.shape(x), x.dtype), (p.shape, p.dtype)), result, params)
        kept = {x.dtype for x in tree.leaves(state) if isinstance(x, np.ndarray) and x.dtype.kind == "f"}
        assert kept <= {np.dtype(dtype)}


@pytest.mark.parametrize("params", [
    np.ones(3), np.ones((), np.float32), {}, (), [np.ones(2), np.ones(2, np.float32)],
    FrozenDict({"b": FrozenDict({"w": np.ones((2, 2))}), "a": np.ones(3)}), {"w": np.ones((3, 0))},
], ids=str)
@pytest.mark.parametrize("optimizer", [adam(0.1), sgd(0.1, 0.9), optimizers.adamw(0.1), clip_by_global_norm(1.0),
                                       accumulate(adam(0.1), 2), skip_not_finite(adam(0.1))])
def test_any_tree_may_be_the_parameters(optimizer: GradientTransformation, params: Any) -> None:
    for updates, _ in run(optimizer, params, [params] * 3):
        new = apply_updates(params, updates)
        assert tree.structure(new) == tree.structure(params)
        assert [np.asarray(x).dtype for x in tree.leaves(new)] == [x.dtype for x in tree.leaves(params)]


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if "masked" not in name])
def test_a_python_number_may_be_the_parameters(name: str) -> None:
    optimizer = OPTIMIZERS[name][0]
    steps = zip(run(optimizer, 1.0, [0.5, -0.25]), run(optimizer, np.ones(1), [np.full(1, 0.5), np.full(1, -0.25)]),
                strict=True)
    for (number, _), (array, _) in steps:
        assert float(number) == array[0]


@pytest.mark.parametrize("optimizer", ALL)
def test_nothing_that_was_given_is_changed(optimizer: GradientTransformation, draw_tree: Any) -> None:
    params, grads = draw_tree(np.float32), [draw_tree(np.float32) for _ in range(4)]
    state: Any = optimizer.init(params)
    for each in grads:
        before = as_bytes((params, each, state))
        updates, new_state = optimizer.update(each, state, params)
        again = optimizer.update(each, state, params)
        assert as_bytes((params, each, state)) == before
        assert as_bytes(again) == as_bytes((updates, new_state))
        writeable = {leaf.flags.writeable for leaf in tree.leaves((params, each))}
        assert writeable == {type(params) is dict}, "a caller's own array is flagged"
        state = new_state


@pytest.mark.parametrize("optimizer", ALL)
def test_what_is_made_can_not_be_changed(optimizer: GradientTransformation, draw_tree: Any) -> None:
    params, grads = draw_tree(np.float32), draw_tree(np.float32)
    for updates, state in run(optimizer, params, [grads] * 3):
        own = set(map(id, tree.leaves(grads)))
        made = [x for x in tree.leaves((updates, state, apply_updates(params, updates)))
                if isinstance(x, np.ndarray) and id(x) not in own]
        assert not any(x.flags.writeable for x in made)


@pytest.mark.parametrize("optimizer", ALL)
def test_state_is_a_tree(optimizer: GradientTransformation, draw_tree: Any) -> None:
    params, grads = draw_tree(), [draw_tree() for _ in range(4)]
    *_, (_, state) = run(optimizer, params, grads[:2])
    assert {type(leaf) for leaf in tree.leaves(state)} <= {np.ndarray, int, float}
    leaves, form = tree.flatten(state)
    for again in (tree.unflatten(form, leaves), pickle.loads(pickle.dumps(state))):
        assert tree.structure(again) == form
        updates = optimizer.update(grads[3], again, params)
        assert as_bytes(updates) == as_bytes(optimizer.update(grads[3], state, params))


@pytest.mark.parametrize("optimizer", ALL)
def test_counts_that_are_arrays_leave_dtypes_alone(optimizer: GradientTransformation, draw_tree: Any) -> None:
    """As a checkpoint that knows only arrays, or JAX, may give them back."""
    params, grads = draw_tree(np.float32), draw_tree(np.float32)
    *_, (_, state) = run(optimizer, params, [grads] * 2)
    arrays = tree.map(lambda x: np.asarray(x) if isinstance(x, int) else x, state)
    assert as_bytes(optimizer.update(grads, arrays, params)) == as_bytes(optimizer.update(grads, state, params))


@pytest.mark.parametrize("name", EVERY)
def test_no_gradient_no_step(name: str, draw_tree: Any) -> None:
    optimizer, params = EVERY[name][0], draw_tree()
    zero = tree.map(np.zeros_like, params)
    for updates, _ in run(optimizer, params, [zero] * 5):
        assert all(np.isfinite(leaf).all() for leaf in tree.leaves(updates))
        assert name in DECAYING or not any(leaf.any() for leaf in tree.leaves(updates))


@pytest.mark.parametrize("name", EVERY)
def test_the_same_bytes_jitted(name: str) -> None:
    optimizer, params = EVERY[name][0], random_tree(np.float32)
    jitted: Any = fn.jit(optimizer.update)
    state: Any = optimizer.init(params)
    for grads in [random_tree(np.float32) for _ in range(3)]:
        updates, new_state = optimizer.update(grads, state, params)
        assert_same(jitted(grads, state, params), (updates, new_state))
        state = new_state


@pytest.mark.parametrize("name", [*PARTS, "nnfs momentum", "adamw masked", "lion masked", "radam, never rectified"])
def test_the_same_steps_compiled_by_jax(name: str, jax: Any) -> None:
    """Compiling takes its time, so of the optimizers only those that are not yet tested as parts."""
    optimizer = EVERY[name][0]
    params, grads = random_tree(), [random_tree() for _ in range(7)]
    compiled = run(optimizer, params, grads, jax.jit(optimizer.update))
    for (updates, state), theirs in zip(run(optimizer, params, grads), compiled, strict=True):
        assert jax.tree.structure(theirs) == jax.tree.structure((updates, state))
        for x, y in zip(tree.leaves((updates, state)), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("wide", [False, True], ids=["float32", "x64"])
@pytest.mark.parametrize("name", EVERY)
def test_types_stay_under_jax(name: str, wide: bool, jax: Any) -> None:
    """float32 stays float32, and a state may be carried by `lax.scan`, which asks that every type stays."""
    jax.config.update("jax_enable_x64", wide)
    optimizer, params = EVERY[name][0], random_tree(np.float32)

    def step(carry: Any, grads: Any) -> Any:
        params, state = carry
        updates, state = optimizer.update(grads, state, params)
        return (apply_updates(params, updates), state), updates

    every_grads = tree.map(lambda p: np.stack([p] * 3), params)
    carry, updates = jax.eval_shape(lambda: jax.lax.scan(step, (params, optimizer.init(params)), every_grads))
    floats = [leaf.dtype for leaf in jax.tree.leaves((carry, updates)) if leaf.dtype.kind == "f" and not leaf.weak_type]
    assert set(floats) == {np.dtype(np.float32)}


FALLING = schedules.cosine_decay(0.1, 2000)


@pytest.mark.parametrize("optimizer", [
    sgd(FALLING), sgd(FALLING, 0.9), sgd(FALLING, 0.9, nesterov=True), optimizers.adagrad(1.0),
    optimizers.rmsprop(FALLING), optimizers.adadelta(schedules.cosine_decay(10.0, 2000)), adam(FALLING),
    optimizers.adamw(FALLING, weight_decay=0.0),
    optimizers.adamax(FALLING), optimizers.nadam(FALLING), optimizers.radam(FALLING), optimizers.amsgrad(FALLING),
    optimizers.lion(FALLING, weight_decay=0.0), chain(scale_by_learning_rate(FALLING), trace(0.9)),
    accumulate(adam(FALLING), 2), skip_not_finite(adam(FALLING)),
    chain(clip_by_global_norm(1.0), sgd(FALLING, 0.9)), optimizers.adabelief(FALLING),
    optimizers.yogi(FALLING), optimizers.rprop(0.1), optimizers.adafactor(FALLING),
])
def test_it_finds_the_bottom_of_a_bowl(optimizer: GradientTransformation) -> None:
    """From (3, -2) down (x^2 + 10 y^2) / 2."""
    params, slope = np.array([3.0, -2.0]), np.array([1.0, 10.0])
    state: Any = optimizer.init(params)
    for _ in range(2000):
        updates, state = optimizer.update(slope * params, state, params)
        params = apply_updates(params, updates)
    assert np.abs(params).max() < 1e-2


# Joining and cutting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in EVERY if not any(word in name for word in OF_ARRAYS)])
def test_leaves_are_joined_and_cut_without_a_trace(name: str) -> None:
    """Small leaves are joined, big ones run in blocks; every piece of every leaf by itself gives the same bytes."""
    optimizer = EVERY[name][0]
    shapes = [(3,), (5, 7), (), (2, arrays.BLOCK), (0, 2), (leafwise.SMALL + 1,), (64,)]

    def draw() -> dict[str, Any]:
        return {str(i): rng.normal(size=shape).astype(np.float32) for i, shape in enumerate(shapes)}

    params, grads = draw(), [draw() for _ in range(3)]
    together = list(run(optimizer, params, grads))
    for i in params:
        for piece in [slice(None, 7), slice(7, 20000), slice(20000, None)]:
            def of(leaves: Any, i: str = i, piece: slice = piece) -> Any:
                return {i: np.ravel(leaves[i])[piece]}

            for step, lone in zip(together, run(optimizer, of(params), list(map(of, grads))), strict=True):
                assert as_bytes(only_of(step, of)) == as_bytes(lone)


@pytest.mark.parametrize("name", [name for name in EVERY if "masked" not in name])
def test_a_frozen_dict_is_worked_on_as_one_vector_with_the_same_bytes(name: str) -> None:
    optimizer = EVERY[name][0]
    shapes = [(3,), (5, 7), (), (0, 2), (64,)]

    def draw() -> dict[str, Any]:
        return {"net": {str(i): rng.normal(size=shape).astype(np.float32) for i, shape in enumerate(shapes)}}

    params, grads = draw(), [draw() for _ in range(3)]
    for frozen, plain in zip(run(optimizer, FrozenDict(params), [FrozenDict(g) for g in grads]),
                             run(optimizer, params, grads), strict=True):
        assert as_bytes(frozen) == as_bytes(plain)


def test_what_is_written_into_an_array_of_the_caller_is_seen_by_the_next_step() -> None:
    w, optimizer = np.ones(3, np.float32), sgd(1.0)
    params = FrozenDict({"w": w})
    state, grads = optimizer.init(params), FrozenDict({"w": np.zeros(3, np.float32)})
    optimizer.update(grads, state, params)
    w[:] = 5
    np.testing.assert_array_equal(apply_updates(params, optimizer.update(grads, state, params)[0])["w"], w)


def only_of(state: Any, of: Callable[[Any], Any]) -> Any:
    """The updates and state with a piece of each params-shaped dict."""
    if isinstance(state, dict):
        return of(state)
    if isinstance(state, tuple):
        parts = [only_of(part, of) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return state


def test_arrays_in_any_order_of_memory() -> None:
    big = rng.normal(size=(300, 400))
    for view in (big.T, big[::2, ::-1], np.asfortranarray(big)):
        plain = np.ascontiguousarray(view)
        ours = list(run(adam(0.1), {"w": view}, [{"w": view}] * 2))
        assert as_bytes(ours) == as_bytes(list(run(adam(0.1), {"w": plain}, [{"w": plain}] * 2)))


@pytest.mark.parametrize("kind", [dict, FrozenDict])
@pytest.mark.parametrize("optimizer", ALL_BUT_MASKED)
def test_leaves_of_several_dtypes_keep_theirs(optimizer: GradientTransformation, kind: Any) -> None:
    params = kind({"a": np.ones(3, np.float32), "b": np.ones(3), "c": np.ones(3, np.float16),
                   "d": np.ones(2, np.float32)})
    dtypes = [leaf.dtype for leaf in tree.leaves(params)]
    for updates, state in run(optimizer, params, [params] * 2):
        for result in (updates, apply_updates(params, updates)):
            assert [leaf.dtype for leaf in tree.leaves(result)] == dtypes
        kept = [leaf.dtype for leaf in tree.leaves(state) if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"]
        assert kept == dtypes * (len(kept) // len(dtypes))


def test_gradients_of_another_dtype_are_converted() -> None:
    params = {"w": np.ones(3, np.float32), "b": np.ones((), np.float32)}
    wide = {"w": np.ones(3, np.float64), "b": np.ones((), np.int64)}
    for updates, state in run(chain(clip_by_global_norm(1.0), adam(0.1)), params, [wide] * 2):
        assert {leaf.dtype for leaf in tree.leaves((updates, state)) if not isinstance(leaf, int)} == {np.dtype("f4")}
    assert wide["w"].flags.writeable


# Composition ------------------------------------------------------------------------------------------------

POOL = [scale(0.5), trace(0.9), clip(0.3), clip_by_global_norm(0.7), optimizers.scale_by_adam(), ema(0.5), identity(),
        optimizers.add_decayed_weights(0.1), scale_by_schedule(HALF), masked(scale(3.0), {"w": True, "b": False})]
chains = st.lists(st.sampled_from(POOL), max_size=3).map(lambda parts: chain(*parts))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(POOL), max_size=5), st.integers(0, 5), st.integers(0, 5))
def test_chain_is_associative_and_the_empty_one_is_its_identity(
    parts: list[GradientTransformation], i: int, j: int
) -> None:
    """However the parts are bracketed, and whichever run in one pass: the same bytes."""
    i, j = sorted((i, j))
    params = {"w": np.linspace(-1, 1, 6).reshape(2, 3), "b": np.array([0.5, -2.0])}
    grads = [params, tree.map(lambda p: p * p - 0.1, params)]
    flat = [updates for updates, _ in run(chain(*parts), params, grads)]
    for other in (chain(chain(*parts[:i]), chain(*parts[i:j]), chain(*parts[j:])), chain(chain(), *parts, chain()),
                  chain(*parts[:i], identity(), *parts[i:])):
        assert as_bytes([updates for updates, _ in run(other, params, grads)]) == as_bytes(flat)


def test_a_transformation_of_ones_own() -> None:
    """Two functions are enough, among others and alone."""
    def update(grads: Any, state: Any, params: Any) -> Any:
        return tree.map(lambda g, p: g * np.sign(p), grads, params), state + 1

    own = GradientTransformation(lambda params: 0, update)
    optimizer = chain(own, scale(0.5), own)
    params = {"w": np.array([2.0, -3.0])}
    updates, state = optimizer.update({"w": np.array([1.0, 1.0])}, optimizer.init(params), params)
    np.testing.assert_array_equal(updates["w"], [0.5, 0.5])
    assert tree.leaves(state) == [1, 1]


def loss_after_three_steps(optimizer: GradientTransformation) -> Any:
    params: Any = {"w": np.array([1.0, -2.0]), "b": np.array([0.5])}
    state: Any = optimizer.init(params)
    for _ in range(3):
        grads = {"w": params["w"] * np.array([1.0, 3.0]), "b": np.sin(params["b"])}
        updates, state = optimizer.update(grads, state, params)
        params = apply_updates(params, updates)
    return np.sum(params["w"] ** 2) + np.sum(params["b"] ** 2)


@pytest.mark.parametrize("make", [
    lambda x: sgd(x), lambda x: sgd(0.1, x), lambda x: adam(x), lambda x: adam(0.1, b1=x), lambda x: adam(0.1, b2=x),
    lambda x: chain(clip_by_global_norm(x), sgd(0.1)), lambda x: optimizers.adamw(0.1, weight_decay=x),
    lambda x: sgd(lambda count: x / (1 + count)), lambda x: optimizers.radam(0.1, b2=x),
    lambda x: accumulate(adam(x), 2), lambda x: masked(adam(x), {"w": True, "b": False}),
    lambda x: sgd(schedules.cosine_decay(x, 20), 0.5), lambda x: sgd(schedules.exponential_decay(0.1, 2, x)),
    lambda x: sgd(0.1, x, nesterov=True), lambda x: optimizers.rmsprop(0.1, x), lambda x: optimizers.adagrad(0.1, x),
    lambda x: optimizers.adadelta(0.5, x), lambda x: optimizers.lion(0.1, weight_decay=x), lambda x: chain(ema(x)),
    lambda x: optimizers.nadam(0.1, b1=x), lambda x: optimizers.adamax(0.1, b1=x), lambda x: adam(0.1, eps=x),
    lambda x: optimizers.amsgrad(0.1, b2=x), lambda x: chain(scale(-x)), lambda x: skip_not_finite(adam(x)),
    lambda x: optimizers.lamb(x, weight_decay=x), lambda x: optimizers.lars(x, x, trust_coefficient=x, momentum=x),
    lambda x: optimizers.adabelief(x, x, eps_root=x), lambda x: optimizers.yogi(x, x, eps=x),
    lambda x: optimizers.rprop(x, x, 1 + x), lambda x: optimizers.sign_sgd(x),
    lambda x: optimizers.adafactor(x, decay_rate=x, momentum=x, weight_decay_rate=x, clipping_threshold=x),
    lambda x: optimizers.lookahead(adam(x), 2, x), lambda x: chain(adam(x), optimizers.ema_params(x)),
    lambda x: optimizers.partition({"a": adam(x), "b": sgd(0.2, x)}, {"w": "a", "b": "b"}),
    lambda x: optimizers.selective_transform(adam(x), freeze_mask={"w": False, "b": True}),
    lambda x: optimizers.inject_hyperparams(adam)(x, b1=x), lambda x: chain(optimizers.adaptive_grad_clip(x), sgd(0.1)),
    lambda x: chain(optimizers.add_noise(x, x, random.key(0)), sgd(x)),
    lambda x: chain(optimizers.centralize(), sgd(x)),
    lambda x: chain(optimizers.scale_by_factored_rms(min_dim_size_to_factor=0, decay_rate=x, epsilon=x), sgd(x)),
    lambda x: chain(optimizers.zero_nans(), sgd(x), optimizers.keep_params_nonnegative()),
])
def test_training_may_be_differentiated_in_its_own_numbers(make: Callable[[Any], GradientTransformation]) -> None:
    def f(x: Any) -> Any:
        return loss_after_three_steps(make(x))

    difference = (f(0.3 + 1e-6) - f(0.3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(fn.grad(f)(0.3), difference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("make", [
    lambda x: sgd(0.1, momentum=x), lambda x: sgd(0.1, x, nesterov=True), lambda x: adam(x, b1=x, b2=x, eps=x),
    lambda x: sgd(schedules.cosine_decay(x, 20)), lambda x: optimizers.adamw(0.1, weight_decay=x),
    lambda x: optimizers.rmsprop(0.1, x, x, x), lambda x: optimizers.adagrad(0.1, x),
    lambda x: optimizers.radam(0.1, b2=x), lambda x: clip_then_sgd(x),
    lambda x: chain(optimizers.adaptive_grad_clip(x), optimizers.lookahead(optimizers.lars(x, x, momentum=x), 2, x))])
def test_settings_may_be_traced_by_jax(make: Callable[[Any], GradientTransformation], jax: Any) -> None:
    def f(x: Any) -> Any:
        params, grads = {"w": jax.numpy.asarray([1.0, -2.0])}, {"w": jax.numpy.asarray([0.5, -3.0])}
        *_, (updates, _) = run(make(x), params, [grads] * 3)
        return updates["w"].sum()

    np.testing.assert_allclose(jax.jit(f)(0.3), f(0.3), rtol=1e-9, atol=1e-12)
    difference = (f(0.3 + 1e-6) - f(0.3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.jit(jax.grad(f))(0.3), difference, rtol=1e-5, atol=1e-8)


def clip_then_sgd(x: Any) -> GradientTransformation:
    return chain(clip(x), clip_by_global_norm(x), sgd(0.1))


def test_a_momentum_of_0_is_differentiated_as_one() -> None:
    """The first derivative is the change of the step by a little momentum, and not 0."""
    def f(momentum: Any) -> Any:
        return loss_after_three_steps(sgd(0.1, momentum))

    np.testing.assert_allclose(fn.grad(f)(0.0), (f(1e-6) - f(0.0)) / 1e-6, rtol=1e-4)


def test_training_of_big_leaves_may_be_differentiated() -> None:
    """Where ndarrays would be cut into blocks, and are not, because the rate is traced."""
    params = {"w": np.ones(arrays.BLOCK + 1)}

    def f(rate: Any) -> Any:
        optimizer = adam(rate)
        updates, _ = optimizer.update(params, optimizer.init(params), params)
        return np.mean(updates["w"])

    np.testing.assert_allclose(fn.grad(f)(0.1), -1.0, rtol=1e-7)


# Crossing processes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in EVERY if name != "lion masked"])
def test_an_optimizer_crosses_processes(name: str) -> None:
    optimizer, params = EVERY[name][0], random_tree(np.float32)
    grads = [random_tree(np.float32) for _ in range(4)]
    expected = as_bytes(list(run(optimizer, params, grads)))
    for copied in (pickle.loads(pickle.dumps(optimizer)), copy.deepcopy(optimizer), copy.copy(optimizer)):
        assert as_bytes(list(run(copied, params, grads))) == expected


def test_a_mask_that_pickles_crosses_with_its_optimizer() -> None:
    optimizer = pickle.loads(pickle.dumps(masked(adam(0.1), matrices)))
    params = random_tree()
    assert as_bytes(list(run(optimizer, params, [params]))) == as_bytes(
        list(run(masked(adam(0.1), matrices), params, [params])))


# Wrappers ---------------------------------------------------------------------------------------------------


def test_accumulate_is_the_step_of_the_whole_batch() -> None:
    """Four quarters of a batch, then four of the next: two steps on the means, and none between."""
    params, quarters = random_tree(), [random_tree() for _ in range(8)]
    whole = [tree.map(lambda *each: np.mean(each, axis=0), *quarters[i:i + 4]) for i in (0, 4)]
    expected = [updates for updates, _ in run(adam(0.1), params, whole)]
    updates = [updates for updates, _ in run(accumulate(adam(0.1), 4), params, quarters)]
    for t, each in enumerate(updates):
        if t % 4 < 3:
            assert not any(leaf.any() for leaf in tree.leaves(each))
        else:
            assert tree.all_close(each, expected[t // 4], rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_as_if_it_had_not_been(bad: float) -> None:
    params, good = random_tree(), [random_tree() for _ in range(4)]
    broken = tree.map(np.copy, good[0])
    broken["pair"].left[1, 0] = bad
    every = [good[0], broken, broken, good[1], broken, *good[2:]]
    expected = [updates for updates, _ in run(adam(0.1), params, good)]
    steps = list(run(skip_not_finite(adam(0.1)), params, every))
    assert as_bytes([steps[i][0] for i in (0, 3, 5, 6)]) == as_bytes(expected)
    assert not any(leaf.any() for i in (1, 2, 4) for leaf in tree.leaves(steps[i][0]))
    counts: list[Any] = [state[:2] for _, state in steps]
    assert counts == [(0, 0), (1, 1), (2, 2), (2, 0), (3, 1), (3, 0), (3, 0)]


def test_skipping_under_jax(jax: Any) -> None:
    params = {"w": np.array([1.0, 2.0])}
    every = [{"w": np.array(each)} for each in ([1.0, 1.0], [np.nan, 1.0], [1.0, np.inf], [2.0, 1.0])]
    optimizer = skip_not_finite(adam(0.1), max_consecutive_errors=1)
    good = [updates for updates, _ in run(adam(0.1), params, [every[0], every[3]])]
    steps = list(run(optimizer, params, every, jax.jit(optimizer.update)))
    for i, expected in ((0, good[0]["w"]), (1, 0.0), (2, 0.0), (3, good[1]["w"])):
        np.testing.assert_allclose(steps[i][0]["w"], expected, rtol=1e-9)
    assert [(int(state.skipped), int(state.in_a_row)) for _, state in steps] == [(0, 0), (1, 1), (2, 2), (2, 0)]


def test_a_run_of_gradients_that_are_not_finite_is_an_error() -> None:
    params = {"dense_0": {"w": np.ones(2), "b": np.ones(1)}}
    broken = {"dense_0": {"w": np.array([1.0, np.nan]), "b": np.ones(1)}}
    optimizer = skip_not_finite(sgd(0.1), max_consecutive_errors=2)
    steps = run(optimizer, params, [params, broken, params, broken, broken, broken])
    for _ in range(5):
        next(steps)
    with pytest.raises(FloatingPointError, match=r"3 gradients in a row were not finite; .* is at 'dense_0/w'"):
        next(steps)


def matrices(params: Any) -> Any:
    return tree.map(lambda leaf: leaf.ndim > 1, params)


def test_a_mask_says_which_parameters_are_transformed() -> None:
    params, grads = random_tree(), random_tree()
    for mask in (matrices, matrices(params)):
        updates, state = masked(adam(0.1), mask).update(grads, masked(adam(0.1), mask).init(params), params)
        for path, leaf in tree.leaves_with_path(updates):
            g = tree.get(grads, path)
            assert (leaf is g) == (g.ndim <= 1)
        assert len(tree.leaves(state)) == 1 + 2 * 3


def test_a_frozen_layer_stays() -> None:
    params = {"old": {"w": np.ones(2), "b": np.ones(1)}, "new": {"w": np.ones(2)}}
    optimizer = chain(adam(0.1), masked(set_to_zero(), {"old": True, "new": False}))
    for bad in (1.0, np.inf, np.nan):
        grads = {"old": tree.map(lambda p, bad=bad: bad * p, params["old"]), "new": params["new"]}
        with np.errstate(invalid="ignore"):
            *_, (updates, _) = run(optimizer, params, [grads] * 3)
        moved = apply_updates(params, updates)
        assert tree.equal(moved["old"], params["old"])
        assert (moved["new"]["w"] < 1).all()


def test_global_norm_where_squares_overflow_or_vanish() -> None:
    for size in (1e30, 1e-30, 1.0):
        leaf = np.full((200, 300), size, np.float32)
        assert global_norm({"w": leaf, "b": np.zeros(3, np.float32)}) == pytest.approx(size * 60000**0.5, rel=1e-5)
        shorter = clip_by_global_norm(1e-35)
        updates, _ = shorter.update({"w": leaf}, shorter.init({"w": leaf}), {"w": leaf})
        assert updates["w"].dtype == np.float32
    assert global_norm({}) == 0.0
    assert type(global_norm({"w": np.float32(3.0), "b": 4.0})) is float
    assert np.isnan(global_norm({"w": np.array([1.0, np.nan])}))


@pytest.mark.parametrize("make", [
    lambda x: adam(x), lambda x: sgd(0.1, x), lambda x: adam(0.1, b1=x), lambda x: adam(0.1, eps=x), lambda x: scale(x),
    lambda x: clip(x), lambda x: clip_by_global_norm(x), lambda x: optimizers.add_decayed_weights(x), lambda x: ema(x),
    lambda x: optimizers.rmsprop(0.1, x), lambda x: optimizers.adagrad(0.1, x), lambda x: optimizers.adadelta(x, x, x),
    lambda x: optimizers.lion(0.1, x), lambda x: sgd(lambda count: x), lambda x: scale_by_schedule(lambda count: x),
    lambda x: optimizers.lars(x, x), lambda x: optimizers.lamb(x, x, x, x), lambda x: optimizers.adabelief(x, x, x, x),
    lambda x: optimizers.yogi(x, x, x, x), lambda x: optimizers.rprop(x, x), lambda x: optimizers.adafactor(x, eps=x),
    lambda x: optimizers.lookahead(adam(x), 2, x), lambda x: optimizers.ema_params(x),
    lambda x: optimizers.adaptive_grad_clip(x), lambda x: optimizers.add_noise(x, x, random.key(0)),
    lambda x: optimizers.inject_hyperparams(adam)(x, x),
])
@pytest.mark.parametrize("number", [np.float64(0.5), np.array(0.5), np.float32(0.5)])
def test_numbers_of_numpy_do_not_widen_float32(make: Any, number: Any) -> None:
    params = {"w": np.ones(3, np.float32), "b": np.ones(2, np.float32)}
    optimizer = make(number)
    expected = list(run(make(0.5), params, [params] * 2))
    assert as_bytes(list(run(optimizer, params, [params] * 2))) == as_bytes(expected)
    arrays = [leaf for leaf in tree.leaves(expected) if isinstance(leaf, np.ndarray)]
    assert {leaf.dtype for leaf in arrays if leaf.dtype.kind == "f"} == {np.dtype(np.float32)}


# Golden numbers ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("optimizer", "expected"), [
    (adam(0.01, eps=1e-7), [0.9830931093613152, 1.0141443529276735]),
    (optimizers.rmsprop(0.01, 0.9, 1e-7), [0.9853396029103828, 1.0137851375141276]),
    (optimizers.adagrad(0.01, eps=1e-7), [0.9952892677918775, 1.0046369929783083]),
    (sgd(0.01, 0.9), [0.99497, 1.0332]),
    (chain(scale_by_learning_rate(0.01), trace(0.9)), [0.99497, 1.0332]),
])
def test_three_steps(optimizer: GradientTransformation, expected: list[float]) -> None:
    params = np.array([1.0, 1.0])
    state: Any = optimizer.init(params)
    for grads in ([0.3, -2.0], [0.1, 1.0], [-0.5, 0.2]):
        updates, state = optimizer.update(np.array(grads), state, params)
        params = apply_updates(params, updates)
    np.testing.assert_allclose(params, expected, rtol=1e-14)


def spiral() -> tuple[Any, Any, Any]:
    """300 points, their classes, and a net of the book, all drawn in float64 from one stream."""
    stream = np.random.RandomState(0)
    rows = []
    for k in range(3):
        radius, angle = np.linspace(0, 1, 100), np.linspace(4 * k, 4 * (k + 1), 100) + stream.randn(100) * 0.2
        rows.append(np.c_[radius * np.sin(2.5 * angle), radius * np.cos(2.5 * angle)])
    weights = [0.01 * stream.randn(2, 64), 0.01 * stream.randn(64, 3)]
    params = {f"dense_{i}": {"w": w, "b": np.zeros(w.shape[1], np.float64)} for i, w in enumerate(weights)}
    return params, np.concatenate(rows), np.repeat(np.arange(3), 100)


BOOK = {
    "SGD": (sgd(1.0), [1.098594261, 1.098574453, 1.09845245, 1.086920626]),
    "SGD, decay 1e-2": (sgd(schedules.inverse_time_decay(1.0, 1e-2)),
                        [1.098594261, 1.098574453, 1.0984586, 1.094583522]),
    "SGD, decay 1e-3": (sgd(schedules.inverse_time_decay(1.0, 1e-3)),
                        [1.098594261, 1.098574453, 1.09845304, 1.088205045]),
    "momentum": (chain(scale_by_learning_rate(schedules.inverse_time_decay(1.0, 1e-3)), trace(0.9)),
                 [1.098594261, 1.098574453, 1.097996511, 1.053493334]),
    "RMSprop": (optimizers.rmsprop(schedules.inverse_time_decay(0.001, 1e-4), eps=1e-7),
                [1.098594261, 1.098441886, 1.096706057, 1.077455965]),
    "Adam": (adam(schedules.inverse_time_decay(0.02, 1e-5), eps=1e-7),
             [1.098594261, 1.097764389, 1.079005116, 0.7689432799]),
}


@pytest.mark.parametrize("name", BOOK)
def test_the_losses_of_the_book(name: str) -> None:
    """Chapter 10 of NNFS in float64: the loss before the updates 0, 1, 10 and 100."""
    optimizer, expected = BOOK[name]
    params, x, y = spiral()
    net = dense(2, 64) >> relu >> dense(64, 3)
    loss = fn.value_and_grad(lambda p: np.mean(losses.softmax_cross_entropy(net.apply(p, x), y)))
    state: Any = optimizer.init(params)
    found = []
    for _ in range(101):
        value, grads = loss(params)
        found.append(value)
        updates, state = optimizer.update(grads, state, params)
        params = apply_updates(params, updates)
    np.testing.assert_allclose([found[k] for k in (0, 1, 10, 100)], expected, rtol=2e-9)


# Nonsense ---------------------------------------------------------------------------------------------------

PARAMS: Any = {"dense_0": {"w": np.ones((2, 3)), "b": np.ones(3)}}
ADAM = adam(0.1)
STATE = ADAM.init(PARAMS)
NAN = float("nan")
MATRIX: Any = np.ones((2, 2)).view(np.matrix)


def update(optimizer: Any, grads: Any, state: Any = None, params: Any = PARAMS) -> Any:
    return optimizer.update(grads, optimizer.init(params) if state is None else state, params)


class Tensor:
    """What is known of a tensor of PyTorch."""

    shape, dtype = (2,), "torch.float32"

    def detach(self) -> Any:
        return self


ERRORS: list[tuple[str, Callable[[], object], type[Exception], str]] = [
    ("rate nan", lambda: adam(NAN), ValueError, r"learning_rate.* must be a number in \[0, inf\), got nan"),
    ("rate inf", lambda: adam(float("inf")), ValueError, r"learning_rate.*got inf"),
    ("rate below 0", lambda: sgd(-0.1), ValueError, r"learning_rate.* must be a number in \[0, inf\), got -0.1"),
    ("rate text", lambda: sgd("0.1"), TypeError, r"learning_rate.* must be a number, got '0.1'"),  # type: ignore[arg-type]
    ("rate None", lambda: sgd(None), TypeError, r"learning_rate.* must be a number, got None"),  # type: ignore[arg-type]
    ("rate bool", lambda: sgd(True), TypeError, r"learning_rate.* must be a number, got True"),
    ("rate array", lambda: sgd(np.ones(2)), TypeError, r"learning_rate.* must be a number, got an array"),  # type: ignore[arg-type]
    ("schedule nan", lambda: update(sgd(lambda t: NAN), PARAMS), ValueError, r"schedule\(0\) must be .* got nan"),
    ("schedule below 0", lambda: update(sgd(lambda t: -1.0), PARAMS), ValueError, r"schedule\(0\) must be .* got -1"),
    ("schedule None", lambda: update(sgd(lambda t: None), PARAMS), TypeError,
     r"schedule\(0\) must be a number, got None"),
    ("momentum", lambda: sgd(0.1, 1.0), ValueError, r"sgd: momentum must be a number in \[0, 1\), got 1.0"),
    ("momentum nan", lambda: sgd(0.1, NAN), ValueError, r"sgd: momentum must be a number in \[0, 1\), got nan"),
    ("nesterov alone", lambda: sgd(0.1, nesterov=True), ValueError, r"nesterov .* needs a momentum"),
    ("b1", lambda: adam(0.1, b1=1.0), ValueError, r"scale_by_adam: b1 must be a number in \[0, 1\), got 1.0"),
    ("b2", lambda: optimizers.lion(0.1, b2=-0.1), ValueError,
     r"scale_by_lion: b2 must be a number in \[0, 1\), got -0.1"),
    ("eps", lambda: optimizers.nadam(0.1, eps=-1e-8), ValueError,
     r"scale_by_nadam: eps must be a number in \[0, inf\)"),
    ("rho", lambda: optimizers.adadelta(rho=2.0), ValueError,
     r"scale_by_adadelta: rho must be a number in \[0, 1\), got 2.0"),
    ("decay", lambda: optimizers.rmsprop(0.1, 1.5), ValueError,
     r"scale_by_rms: decay must be a number in \[0, 1\), got 1.5"),
    ("sum", lambda: optimizers.adagrad(0.1, -1.0), ValueError,
     r"initial_accumulator_value must be a number in \[0, inf\)"),
    ("scale", lambda: scale(NAN), ValueError, r"scale: factor must be a finite number, got nan"),
    ("clip", lambda: clip(-1.0), ValueError, r"clip: max_delta must be a number in \[0, inf\), got -1.0"),
    ("norm", lambda: clip_by_global_norm(0.0), ValueError, r"max_norm must be a number in \(0, inf\), got 0.0"),
    ("weight decay", lambda: optimizers.adamw(0.1, weight_decay=-1.0), ValueError,
     r"weight_decay must be a number in \[0, inf\)"),
    ("every 0", lambda: accumulate(ADAM, 0), ValueError, r"accumulate: every must be at least 1, got 0"),
    ("every 2.0", lambda: accumulate(ADAM, 2.0), TypeError, r"accumulate: every must be an int, got 2.0"),  # type: ignore[arg-type]
    ("not called", lambda: chain(adam), TypeError,  # type: ignore[arg-type]
     r"chain: takes GradientTransformations, .* the function adam"),
    ("a list", lambda: chain([ADAM]), TypeError, r"chain: takes GradientTransformations"),  # type: ignore[arg-type]
    ("ints", lambda: ADAM.init({"w": np.ones(2, int)}), TypeError, r"at 'w' is int64, .*astype\(np.float32\)"),
    ("an int", lambda: ADAM.init({"w": 1}), TypeError, r"at 'w' is int64"),
    ("a number for a schedule", lambda: scale_by_schedule(0.1), TypeError,  # type: ignore[arg-type]
     r"scale_by_schedule: takes a schedule, a function of the count, got 0.1; .* use scale\(0.1\)"),
    ("a matrix", lambda: ADAM.init({"w": MATRIX}), TypeError,
     r"init: the parameter at 'w' must be an array, got a matrix .*: np.asarray\(x\)"),
    ("masked", lambda: sgd(0.1).init({"a": [np.ma.array([1.0])]}), TypeError,
     r"init: the parameter at 'a/0' must be an array, got a MaskedArray .*filled"),
    ("a matrix as gradient", lambda: update(ADAM, {"w": MATRIX}, params={"w": np.ones((2, 2))}), TypeError,
     r"update: the gradient at 'w' must be an array, got a matrix"),
    ("a masked gradient", lambda: update(ADAM, {"w": np.ma.array([1.0])}, params={"w": np.ones(1)}), TypeError,
     r"update: the gradient at 'w' must be an array, got a MaskedArray"),
    ("matrices everywhere", lambda: update(ADAM, {"w": MATRIX}, ADAM.init({"w": np.ones((2, 2))}), {"w": MATRIX}),
     TypeError, r"update: the gradient at 'w' must be an array, got a matrix"),
    ("a tensor", lambda: ADAM.init({"w": Tensor()}), TypeError,
     r"init: the parameter at 'w' must be an array, got a Tensor of shape .*x.detach"),
    ("a tensor as gradient", lambda: update(ADAM, {"w": Tensor()}, params={"w": np.ones(2)}), TypeError,
     r"update: the gradient at 'w' must be an array, got a Tensor of shape .*x.detach"),
    ("a rate in the place of an optimizer", lambda: masked(0.1, True), TypeError,  # type: ignore[arg-type]  # mistake
     r"masked: takes GradientTransformations, such as adam\(0.01\), got 0.1"),
    ("a rate to skip", lambda: optimizers.skip_not_finite(0.1), TypeError,  # type: ignore[arg-type]  # the mistake
     r"skip_not_finite: takes GradientTransformations, .* got 0.1"),
    ("a rate to accumulate", lambda: optimizers.accumulate(0.1, 2), TypeError,  # type: ignore[arg-type]  # the mistake
     r"accumulate: takes GradientTransformations, .* got 0.1"),
    ("text", lambda: ADAM.init({"w": "one"}), TypeError, r"at 'w' is <U3"),
    ("grads of another net", lambda: update(ADAM, {"dense_1": PARAMS["dense_0"]}), ValueError,
     r"update: grads has other entries than params at the root: 'dense_0' is missing, 'dense_1' is unexpected"),
    ("a gradient is missing", lambda: update(ADAM, {"dense_0": {"w": np.ones((2, 3))}}), ValueError,
     r"update: grads has other entries than params at 'dense_0': 'b' is missing"),
    ("grads None", lambda: update(ADAM, None), ValueError, r"grads is None at the root, where params is a dict"),
    ("grads broadcast", lambda: update(sgd(0.1), {"dense_0": {"w": np.ones((1, 3)), "b": np.ones(3)}}), ValueError,
     r"update: grads has shape \(1, 3\) at 'dense_0/w', where params has \(2, 3\)"),
    ("grads transposed", lambda: update(ADAM, {"dense_0": {"w": np.ones((3, 2)), "b": np.ones(3)}}), ValueError,
     r"update: grads has shape \(3, 2\) at 'dense_0/w', where params has \(2, 3\)"),
    ("a gradient is a number", lambda: update(ADAM, {"dense_0": {"w": 1.0, "b": np.ones(3)}}), ValueError,
     r"update: grads has shape \(\) at 'dense_0/w'"),
    ("state of another optimizer", lambda: update(ADAM, PARAMS, sgd(0.1, 0.9).init(PARAMS)), TypeError,
     r"scale_by_adam: the state must be of type AdamState, .* got a TraceState"),
    ("state of adamax", lambda: update(ADAM, PARAMS, optimizers.adamax(0.1).init(PARAMS)), TypeError,
     r"got an AdamaxState"),
    ("state of a longer chain", lambda: update(ADAM, PARAMS, optimizers.adamw(0.1).init(PARAMS)), TypeError,
     r"chain: the state must be a tuple of 2, .* got a tuple of 3"),
    ("no state", lambda: update(ADAM, PARAMS, {}), TypeError, r"chain: the state must be a tuple of 2, .* got a dict"),
    ("the pair as state", lambda: update(ADAM, PARAMS, ADAM.update(PARAMS, STATE, PARAMS)), TypeError,
     r"If it is the pair that update returned, unpack it: updates, state = optimizer.update"),
    ("the pair as state of a part", lambda: update(scale(1.0), PARAMS, update(scale(1.0), PARAMS)), TypeError,
     r"scale: the state must be of type EmptyState, .* got a tuple of 2"),
    ("state of another net", lambda: update(ADAM, PARAMS, ADAM.init({"w": np.ones(2)})), ValueError,
     r"scale_by_adam.*: state has other entries than grads at the root: 'dense_0' is missing"),
    ("state of a transposed net",
     lambda: update(ADAM, PARAMS, ADAM.init({"dense_0": {"w": np.ones((3, 2)), "b": np.ones(3)}})), ValueError,
     r"scale_by_adam.*: state has shape \(3, 2\) at 'dense_0/w', where grads has \(2, 3\)"),
    ("the pair as updates", lambda: apply_updates(PARAMS, update(ADAM, PARAMS)), TypeError,
     r"apply_updates: updates is a tuple; .* unpack it: updates, state = optimizer.update"),
    ("updates broadcast", lambda: apply_updates({"w": np.ones((2, 3))}, {"w": np.ones(3)}), ValueError,
     r"apply_updates: updates has shape \(3,\) at 'w', where params has \(2, 3\)"),
    ("updates of another net", lambda: apply_updates(PARAMS, {"w": np.ones(3)}), ValueError,
     r"apply_updates: updates has other entries than params at the root: 'dense_0' is missing"),
    ("integers updated", lambda: apply_updates({"w": np.ones(2, int)}, {"w": np.ones(2)}), TypeError,
     r"a parameter of dtype int64 cannot follow"),
    ("mask of numbers", lambda: masked(ADAM, {"dense_0": 1}).init(PARAMS), TypeError,
     r"tree of bools, got 1 \(int\) at 'dense_0'"),
    ("mask too small", lambda: masked(ADAM, {"dense_0": {"w": True}}).init(PARAMS), ValueError,
     r"masked: the mask says nothing about the parameter at 'dense_0/b'"),
    ("mask too large", lambda: masked(ADAM, {"dense_0": True, "dense_1": True}).init(PARAMS), ValueError,
     r"masked: the mask has an entry at 'dense_1', where the parameters have none"),
]


@pytest.mark.parametrize(("nonsense", "error", "text"), [pytest.param(*case, id=name) for name, *case in ERRORS])
def test_nonsense_is_named(nonsense: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        nonsense()


# ------------------------------------------------------------------------------------- testing one's own


@pytest.mark.parametrize("name", [name for name in EVERY if "masked" not in name])
def test_every_optimizer_keeps_its_promises(name: str) -> None:
    """Of plain dicts the laws above say the same, in a tenth of the time."""
    testing.check_optimizer(EVERY[name][0], FrozenDict({"w": np.ones((2, 3)), "b": np.full(3, 0.5)}))


def widening(grads: Any, state: Any, params: Any) -> Any:
    return tree.map(lambda g: np.asarray(g, np.float64), grads), state


def growing(grads: Any, state: Any, params: Any) -> Any:
    return grads, (*state, 1)


CALLS: list[int] = []


def counting(grads: Any, state: Any, params: Any) -> Any:
    CALLS.append(1)
    return tree.map(lambda g: g * len(CALLS), grads), state


@pytest.mark.parametrize(("update", "text"), [
    (widening, r"the updates at 'w': float64\[2\], unlike the parameters: float32\[2\]"),
    (growing, r"the state: Structure\(\(\*,\)\), unlike the first state"), (counting, "assert_pure"),
    (lambda grads, state, params: (tree.map(np.sum, grads), state), r"the updates at 'w': .*\[\], unlike")])
def test_an_optimizer_that_breaks_one_is_found(update: Any, text: str) -> None:
    broken = GradientTransformation(lambda params: (), update)
    with pytest.raises(AssertionError, match=text):
        testing.check_optimizer(broken, {"w": np.ones(2)})


def test_the_pair_of_value_and_grad_is_named() -> None:
    params, optimizer = {"w": np.ones(2)}, sgd(0.1)
    with pytest.raises(TypeError, match="update: grads is a tuple; if it is the pair that value_and_grad returned"):
        optimizer.update((1.0, params), optimizer.init(params), params)  # type: ignore[misc]  # tested


def test_another_byte_order_stays() -> None:
    params, optimizer = FrozenDict({"w": np.ones(2, ">f8")}), adam(0.1)
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert apply_updates(params, updates)["w"].dtype == np.dtype(">f8")


def test_vmap_runs_a_step_for_each_of_several_settings() -> None:
    def moved(rate: Any, decay: Any) -> Any:
        optimizer = sgd(rate, decay)
        state = optimizer.init(PARAMS)
        _, state = optimizer.update(PARAMS, state, PARAMS)
        return optimizer.update(PARAMS, state, PARAMS)[0]

    rates, decays = np.array([0.1, 0.2, 0.4]), np.array([0.5, 0.8, 0.9])
    together = fn.vmap(moved)(rates, decays)
    for i in range(3):
        tree.map(lambda all_, one, i=i: np.testing.assert_allclose(all_[i], one, rtol=1e-6), together,
                 moved(float(rates[i]), float(decays[i])))
    with pytest.raises(ValueError, match=r"momentum must be a number in \[0, 1\), got 1.5"):
        fn.vmap(moved)(rates, np.array([0.5, 1.5, 0.9]))


def test_lion_remembers_with_b2_and_steps_with_b1() -> None:
    lion = optimizers.scale_by_lion(0.9, 0.99)
    p = {"w": np.array([0.0])}
    first, state = lion.update({"w": np.array([1.0])}, lion.init(p), p)  # remembers 0.01
    second, state = lion.update({"w": np.array([-0.2])}, state, p)  # 0.9 * 0.01 - 0.1 * 0.2 < 0
    assert (first["w"].item(), second["w"].item()) == (1.0, -1.0)
    np.testing.assert_allclose(state.mu["w"], 0.99 * 0.01 - 0.01 * 0.2)  # type: ignore[attr-defined]  # its own state


@pytest.mark.parametrize("name", ["sgd", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "adamax", "nadam", "radam",
                                  "amsgrad", "lion", "lars", "lamb", "adabelief", "yogi", "sign_sgd", "adafactor"])
def test_a_bad_learning_rate_names_the_optimizer(name: str) -> None:
    make = getattr(optimizers, name)
    with pytest.raises(ValueError, match=f"^{name}: learning_rate, if it is not a schedule, must be .*, got -0.1"):
        make(-0.1)
    rising = make(lambda count: -1.0)
    with pytest.raises(ValueError, match=rf"^{name}: schedule\(0\) must be"):
        rising.update(1.0, rising.init(1.0), 1.0)


def test_repr_says_what_an_optimizer_is_made_of() -> None:
    own = GradientTransformation(lambda params: (), lambda grads, state, params: (grads, ()))
    made = {"chain(scale_by_adam, scale)": adam(0.1), "chain()": chain(), "identity": identity(),
            "chain(clip, <lambda>, chain(scale))": chain(clip(1.0), own, sgd(0.1)),
            "accumulate(skip(chain(scale)))": accumulate(skip_not_finite(sgd(0.1)), 2)}
    for text, optimizer in made.items():
        assert repr(optimizer) == f"<GradientTransformation {text}>"
