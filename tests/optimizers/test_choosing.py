"""Which parameters are moved, by what, and what is kept of them: freezing, partitions, averages, injected numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import checkpoint, losses, optimizers, random, schedules, tree
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.optimizers import adam, apply_updates, chain, sgd
from funcnn.tree import FrozenDict

PARAMS: Any = {"old": {"w": np.ones((2, 3)), "b": np.ones(3)}, "new": {"w": np.full((3, 1), 2.0), "b": np.ones(1)}}
OLD = {"old": True, "new": False}


def steps(optimizer: Any, params: Any, scale: float = 1.0, n: int = 3) -> Any:
    """The parameters and the state after a few steps along a gradient that is the parameters, scaled."""
    state = optimizer.init(params)
    for _ in range(n):
        updates, state = optimizer.update(tree.map(lambda p: scale * p, params), state, params)
        params = apply_updates(params, updates)
    return params, state


# ------------------------------------------------------------------------------------- freezing, partitions


@pytest.mark.parametrize("optimizer", [
    chain(adam(0.1), optimizers.freeze(OLD)), optimizers.selective_transform(adam(0.1), freeze_mask=OLD),
    optimizers.partition({"train": adam(0.1), "still": optimizers.set_to_zero()}, {"old": "still", "new": "train"}),
    chain(adam(0.1), optimizers.freeze(lambda params: {"old": True, "new": False})),
], ids=["freeze", "selective_transform", "partition", "function"])
@pytest.mark.parametrize("kind", [lambda params: params, tree.freeze], ids=["dict", "FrozenDict"])
def test_what_is_frozen_stays_and_the_rest_moves_as_without_it(optimizer: Any, kind: Any) -> None:
    params = kind(PARAMS)
    alone, _ = steps(adam(0.1), params["new"])
    moved, _ = steps(optimizer, params)
    assert tree.equal(moved["old"], params["old"])
    assert tree.equal(moved["new"], alone)
    with np.errstate(invalid="ignore", over="ignore"):
        broken, _ = steps(optimizer, {**params, "old": tree.map(lambda p: np.inf * p, params["old"])}, n=1)
    assert tree.equal(broken["new"], steps(adam(0.1), params["new"], n=1)[0])


def test_masked_alone_is_no_freezing() -> None:
    """The gradient passes as it is: what its docstring warns of."""
    moved, _ = steps(optimizers.masked(adam(0.1), {"old": False, "new": True}), PARAMS, n=1)
    assert (moved["old"]["w"] == 2.0).all()


def test_each_part_of_a_partition_is_the_optimizer_of_its_own_parameters_alone() -> None:
    optimizer = optimizers.partition(
        {"slow": chain(optimizers.clip_by_global_norm(0.5), sgd(0.1, 0.9)), "fast": adam(0.3), "nobody": adam(9.0)},
        {"old": "slow", "new": {"w": "fast", "b": "slow"}})
    moved, state = steps(optimizer, PARAMS)
    slow, _ = steps(chain(optimizers.clip_by_global_norm(0.5), sgd(0.1, 0.9)),
                    {"old": PARAMS["old"], "new": {"b": PARAMS["new"]["b"]}})
    assert tree.equal(moved["old"], slow["old"]) and tree.equal(moved["new"]["b"], slow["new"]["b"])
    assert tree.equal(moved["new"]["w"], steps(adam(0.3), PARAMS["new"]["w"])[0])
    assert list(state.inner_states) == ["slow", "fast", "nobody"]
    assert len(tree.leaves(state.inner_states["fast"])) == 1 + 2, "the state holds its own parameters only"


def test_labels_may_be_a_function_of_the_parameters() -> None:
    def by_rank(params: Any) -> Any:
        return tree.map(lambda p: "matrices" if p.ndim > 1 else "vectors", params)

    moved, _ = steps(optimizers.partition({"matrices": sgd(0.5), "vectors": optimizers.set_to_zero()}, by_rank), PARAMS,
                     n=1)
    assert (moved["old"]["w"] == 0.5).all() and (moved["old"]["b"] == 1.0).all()


def test_the_state_of_a_partition_goes_through_a_file(tmp_path: Any) -> None:
    optimizer = optimizers.partition({"a": adam(0.1), "b": sgd(0.1, 0.9)}, {"old": "a", "new": "b"})
    _, state = steps(optimizer, PARAMS)
    checkpoint.save(tmp_path / "state", state)
    again = checkpoint.load(tmp_path / "state", optimizer.init(PARAMS))
    assert tree.equal(optimizer.update(PARAMS, again, PARAMS), optimizer.update(PARAMS, state, PARAMS))


def test_a_transformation_that_is_added_later_changes_no_optimizer_made_before() -> None:
    transforms = {"a": sgd(0.5)}
    optimizer = optimizers.partition(transforms, "a")
    transforms["a"] = sgd(99.0)
    assert (steps(optimizer, PARAMS, n=1)[0]["old"]["w"] == 0.5).all()


# ----------------------------------------------------------------------------------------------- averages


def test_the_average_of_the_parameters_is_that_of_incremental_update() -> None:
    optimizer, params, mean = chain(adam(0.1), optimizers.ema_params(0.9)), PARAMS, PARAMS
    state: Any = optimizer.init(params)
    for _ in range(5):
        updates, state = optimizer.update(params, state, params)
        params = apply_updates(params, updates)
        mean = optimizers.incremental_update(params, mean, 0.1)
        assert tree.all_close(optimizers.eval_params(state), mean, rtol=1e-15)
    assert tree.equal(params, steps(adam(0.1), PARAMS, n=5)[0])


def test_what_is_remembered_of_the_parameters_is_a_copy() -> None:
    w = np.ones(3)
    for optimizer in (optimizers.ema_params(0.9), optimizers.lookahead(sgd(0.1), 2, 0.5)):
        state = optimizer.init({"w": w})
        w[0] = 7.0
        assert optimizers.eval_params(state)["w"].tolist() == [1.0, 1.0, 1.0]
        w[0] = 1.0


def test_lookahead_goes_a_share_of_the_way_every_so_many_steps() -> None:
    optimizer = optimizers.lookahead(sgd(1.0), sync_period=3, slow_step_size=0.25)
    params, places = np.array([0.0]), []
    state: Any = optimizer.init(params)
    for _ in range(7):
        updates, state = optimizer.update(np.array([-4.0]), state, params)
        params = apply_updates(params, updates)
        places.append((params.item(), optimizers.eval_params(state).item()))
    assert places == [(4, 0), (8, 0), (3, 3), (7, 3), (11, 3), (6, 6), (10, 6)]


def test_the_average_is_found_wherever_it_stands() -> None:
    inner = chain(adam(0.1), optimizers.ema_params(0.5))
    for optimizer in (inner, optimizers.accumulate(inner, 1), optimizers.partition({"a": inner}, "a"),
                      optimizers.inject_hyperparams(lambda decay: chain(adam(0.1), optimizers.ema_params(decay)))(0.5)):
        _, state = steps(optimizer, PARAMS)
        assert tree.equal(optimizers.eval_params(state), optimizers.eval_params(steps(inner, PARAMS)[1]))


# ----------------------------------------------------------------------------------------- injected numbers


def test_injected_numbers_are_those_of_the_optimizer_to_the_bit() -> None:
    for plain, injected in ((adam(0.1), optimizers.inject_hyperparams(adam)(0.1)),
                            (sgd(schedules.cosine_decay(0.1, 9), 0.9),
                             optimizers.inject_hyperparams(sgd)(schedules.cosine_decay(0.1, 9), momentum=0.9))):
        single = tree.astype(PARAMS, np.float32)
        assert tree.equal(steps(plain, single)[0], steps(injected, single)[0])


def test_a_number_in_the_state_is_changed_and_the_step_with_it() -> None:
    optimizer = chain(optimizers.clip(9.0), optimizers.inject_hyperparams(sgd)(0.5))
    state = optimizer.init(PARAMS)
    changed = optimizers.with_hyperparams(state, learning_rate=0.25)
    for current, rate in ((state, 0.5), (changed, 0.25)):
        updates, after = optimizer.update(PARAMS, current, PARAMS)
        assert (updates["old"]["w"] == -rate).all()
        assert optimizers.with_hyperparams(after, learning_rate=0.5) is not after


def test_a_scheduled_number_is_seen_in_the_state() -> None:
    optimizer = optimizers.inject_hyperparams(sgd)(lambda count: 0.5**count)
    state: Any = optimizer.init(PARAMS)
    seen = []
    for _ in range(3):
        updates, state = optimizer.update(PARAMS, state, PARAMS)
        seen.append((state.hyperparams["learning_rate"], updates["old"]["b"][0].item()))
    assert seen == [(1.0, -1.0), (0.5, -0.5), (0.25, -0.25)]


def test_a_mask_that_is_a_function_is_static() -> None:
    make = optimizers.inject_hyperparams(optimizers.adamw, static_args=("mask",))
    optimizer = make(0.1, mask=lambda params: tree.map(lambda p: p.ndim > 1, params))
    assert "mask" not in optimizer.init(PARAMS).hyperparams  # type: ignore[attr-defined]  # its own state
    plain = optimizers.adamw(0.1, mask=lambda params: tree.map(lambda p: p.ndim > 1, params))
    assert tree.equal(steps(optimizer, PARAMS)[0], steps(plain, PARAMS)[0])


def test_a_step_is_jitted_once_whatever_the_rate_in_its_state() -> None:
    optimizer, calls = optimizers.inject_hyperparams(sgd)(0.5), []

    @fn.jit
    def step(state: Any) -> Any:
        calls.append(1)
        return optimizer.update(PARAMS, state, PARAMS)

    for rate in (0.5, 0.25, 0.125):
        state = optimizers.with_hyperparams(optimizer.init(PARAMS), learning_rate=rate)
        updates, _ = step(state)
        assert (updates["old"]["w"] == -rate).all()
    assert len(calls) == 1


# ------------------------------------------------------------------------------------------------- learning


@pytest.mark.parametrize("make", [
    lambda: optimizers.lamb(0.05), lambda: optimizers.lars(5.0), lambda: optimizers.adabelief(0.02),
    lambda: optimizers.yogi(0.05), lambda: optimizers.adafactor(0.2, min_dim_size_to_factor=2),
    lambda: optimizers.rprop(0.01), lambda: optimizers.sign_sgd(schedules.cosine_decay(0.02, 150)),
    lambda: optimizers.lookahead(adam(0.05), 5, 0.5), lambda: chain(optimizers.adaptive_grad_clip(0.1), adam(0.05)),
    lambda: chain(optimizers.add_noise(1e-4, 0.55, random.key(2)), adam(0.05)),
    lambda: chain(optimizers.centralize(), adam(0.05)),
], ids=["lamb", "lars", "adabelief", "yogi", "adafactor", "rprop", "sign_sgd", "lookahead", "adaptive", "noise",
        "centralize"])
def test_a_net_learns_with_it(make: Any) -> None:
    x = random.normal(random.key(1), (60, 2))
    y = (np.sum(np.square(x), axis=1) > 1.2).astype(int)
    net, optimizer = dense(2, 16) >> relu >> dense(16, 2), make()

    @fn.jit
    def step(params: Any, state: Any) -> Any:
        value, grads = fn.value_and_grad(lambda p: np.mean(losses.softmax_cross_entropy(net.apply(p, x), y)))(params)
        updates, state = optimizer.update(grads, state, params)
        return apply_updates(params, updates), state, value

    params: Any = net.init(random.key(0))
    state, values = optimizer.init(params), []
    for _ in range(150):
        params, state, value = step(params, state)
        values.append(float(value))
    assert values[-1] < 0.4 * values[0], values[::30]


# ------------------------------------------------------------------------------------------------- nonsense

INJECTED = optimizers.inject_hyperparams(adam)(0.1)

WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "a label without a transformation": (
        lambda: optimizers.partition({"slow": sgd(0.1), "fast": sgd(1.0)}, {"old": "fats", "new": "slow"}).init(PARAMS),
        ValueError, r"^partition: the label 'fats' at 'old' has no transformation; there are those of 'slow', 'fast'; "
                    r"did you mean 'fast'\?$"),
    "a parameter without a label": (
        lambda: optimizers.partition({"slow": sgd(0.1)}, {"old": "slow"}).init(PARAMS), ValueError,
        "^partition: param_labels says nothing about the parameter at 'new/b'$"),
    "a label for nothing": (
        lambda: optimizers.partition({"slow": sgd(0.1)}, {"old": "slow", "new": "slow", "x": "slow"}).init(PARAMS),
        ValueError, "^partition: param_labels has an entry at 'x', where the parameters have none$"),
    "a rate for a transformation": (
        lambda: optimizers.partition({"slow": 0.1}, "slow"), TypeError,  # type: ignore[dict-item]  # the mistake
        "^partition: takes GradientTransformations, such as adam"),
    "the state of another optimizer": (
        lambda: optimizers.partition({"a": adam(0.1)}, "a").update(PARAMS, adam(0.1).init(PARAMS), PARAMS), TypeError,
        "^partition: the state must be of type PartitionState"),
    "an optimizer to freeze": (
        lambda: optimizers.freeze(adam(0.1)), TypeError,
        "^freeze: takes the mask of what is frozen, got an optimizer; write chain"),
    "a mask of names": (
        lambda: optimizers.selective_transform(adam(0.1), freeze_mask={"old": "yes", "new": "no"}).init(PARAMS),
        TypeError, "^masked: the mask must be a tree of bools, got 'no'"),
    "a period of 0": (lambda: optimizers.lookahead(adam(0.1), 0, 0.5), ValueError,
                      "^lookahead: sync_period must be at least 1, got 0$"),
    "more than the way": (lambda: optimizers.lookahead(adam(0.1), 5, 1.5), ValueError,
                          r"^lookahead: slow_step_size must be a number in \[0, 1\], got 1.5$"),
    "a decay of 1": (lambda: optimizers.ema_params(1.0), ValueError,
                     r"^ema_params: decay must be a number in \[0, 1\), got 1.0$"),
    "no average": (lambda: optimizers.eval_params(adam(0.1).init(PARAMS)), ValueError,
                   r"^eval_params: the state keeps no average of the parameters; put ema_params\(0.999\) last"),
    "other trees": (lambda: optimizers.incremental_update({"w": np.ones(2)}, {"w": np.ones(3)}, 0.5), ValueError,
                    r"^incremental_update: new_tensors has shape \(2,\) at 'w', where old_tensors has \(3,\)$"),
    "a static argument that is none": (
        lambda: optimizers.inject_hyperparams(adam, "msk"), ValueError,
        r"^inject_hyperparams: static_args names 'msk', which is no parameter of adam\(learning_rate"),
    "an optimizer, not what makes it": (
        lambda: optimizers.inject_hyperparams(adam(0.1)), TypeError,  # type: ignore[arg-type]  # the mistake
        "^inject_hyperparams: inner_factory must be a function, got a GradientTransformation$"),
    "a rate below 0": (lambda: optimizers.inject_hyperparams(adam)(-0.1), ValueError, "^adam: learning_rate.*got -0.1"),
    "an unknown number": (
        lambda: optimizers.with_hyperparams(INJECTED.init(PARAMS), learning_rte=0.1), ValueError,
        r"^with_hyperparams: no number 'learning_rte'; those of the state are 'learning_rate', 'b1', 'b2', 'eps'; did "
        r"you mean 'learning_rate'\?$"),
    "nothing injected": (
        lambda: optimizers.with_hyperparams(adam(0.1).init(PARAMS), learning_rate=0.1), ValueError,
        r"the state has none: make the optimizer by inject_hyperparams\(adam\)\(0.1\)$"),
    "no key": (lambda: optimizers.add_noise(0.1, 0.5, np.ones(3)), TypeError,  # type: ignore[arg-type]  # the mistake
               "^add_noise: "),
    "axes that are not known": (
        lambda: steps(optimizers.adaptive_grad_clip(0.1), np.ones((2,) * 6)), ValueError,
        r"^adaptive_grad_clip: which axes of a parameter of shape \(2, 2, 2, 2, 2, 2\) lead into one unit"),
    "state of other parameters": (
        lambda: optimizers.scale_by_factored_rms().update(
            PARAMS, optimizers.scale_by_factored_rms().init({"w": np.ones(2)}), PARAMS),
        ValueError, "^scale_by_factored_rms: state has other entries than grads at the root"),
    "a factor above 1": (lambda: optimizers.rprop(0.1, eta_minus=1.5), ValueError,
                         r"^scale_by_rprop: eta_minus must be a number in \(0, 1\), got 1.5$"),
}


@pytest.mark.parametrize("name", WRONG)
def test_nonsense_is_named(name: str) -> None:
    call, error, text = WRONG[name]
    with pytest.raises(error, match=text):
        call()


def test_frozen_parameters_stay_frozen_dicts() -> None:
    params = FrozenDict(PARAMS)
    for optimizer in (optimizers.partition({"a": adam(0.1)}, "a"), optimizers.lookahead(adam(0.1), 1, 0.5),
                      optimizers.adafactor(0.1), optimizers.add_noise(0.1, 0.5, random.key(0)), optimizers.lars(0.1)):
        assert type(steps(optimizer, params)[0]) is FrozenDict
