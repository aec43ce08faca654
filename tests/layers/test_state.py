"""Layers that remember: the state is a value that comes in and goes out, whatever stands around them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from alike import assert_alike
from funcnn import FrozenDict, losses, optimizers, random, testing, training, tree
from funcnn.activations import relu
from funcnn.layers import LayerWithState, batch_norm, dense, dropout, layer_norm, residual, serial
from funcnn.tracing import summary

KEY, X = random.key(0), np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)

NET = dense(2, 4) >> batch_norm(4) >> relu >> residual(dense(4, 4) >> batch_norm(4, name="inner")) >> batch_norm(4)
PARAMS: Any = NET.init(KEY)
STATE: Any = NET.init_state()


def steps_counted(kind: str = "steps", name: str | None = None) -> Any:
    """A layer without parameters that counts how often it trained."""
    def forward_with_state(params: Any, state: Any, x: Any, key: Any) -> Any:
        return x, FrozenDict({"count": state["count"] + (key is not None)})

    count: Any = np.full((), 0, np.int64)
    return LayerWithState(kind, lambda key: FrozenDict(), shapes={}, keeps_width=True, name=name,
                          first_state={"count": count}, forward_with_state=forward_with_state,
                          made_by=partial(steps_counted, kind, name))


# --------------------------------------------------------------------------------------------- batch_norm


@pytest.mark.parametrize("shape", [(5, 3), (2, 4, 3), (2, 3, 2, 3)])
def test_batch_norm_is_torch_s(shape: tuple[int, ...]) -> None:
    """In training and in evaluation: values, gradients and what is remembered, to 1e-12, three steps long."""
    torch: Any = pytest.importorskip("torch")
    layer, rng = batch_norm(3, decay_rate=0.7, eps=1e-3), np.random.default_rng(0)
    params = {name: rng.normal(size=3) for name in ("scale", "offset")}
    state: Any = tree.astype(layer.init_state(), np.float64)
    tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
    mean, var = torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64)
    for key in (KEY, KEY, KEY, None):
        x = rng.normal(2.0, 3.0, size=shape)
        tx = torch.tensor(x, requires_grad=True)
        ty = torch.nn.functional.batch_norm(tx.movedim(-1, 1), mean, var, tensors["scale"], tensors["offset"],
                                            key is not None, 0.3, 1e-3).movedim(1, -1)

        def apply(params: Any, x: Any, state: Any = state, key: Any = key) -> Any:
            return layer.apply_with_state(params, state, x, key=key)[0]

        y, pull = fn.vjp(apply, params, x)
        _, state = layer.apply_with_state(params, state, x, key=key)
        g = rng.normal(size=shape)
        theirs = torch.autograd.grad(ty, [tensors["scale"], tensors["offset"], tx], torch.tensor(g))
        ours, dx = pull(g)
        for a, b in [(y, ty.detach()), (state["mean"], mean), (state["var"], var), (ours["scale"], theirs[0]),
                     (ours["offset"], theirs[1]), (dx, theirs[2])]:
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-12, atol=1e-12)


def test_evaluation_leaves_the_state_and_each_example_alone() -> None:
    _, state = NET.apply_with_state(PARAMS, STATE, X, key=KEY)
    y, after = NET.apply_with_state(PARAMS, state, X, key=None)
    assert tree.equal(after, state) and not tree.equal(state, STATE)
    one, _ = NET.apply_with_state(PARAMS, state, X[:1], key=None)
    np.testing.assert_allclose(one, y[:1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (1, 1, 2)])
def test_training_needs_two_values_of_a_feature(shape: tuple[int, ...]) -> None:
    layer: Any = batch_norm(2)
    params, x = layer.init(KEY), np.ones(shape, np.float32)
    with pytest.raises(ValueError, match=r"batch_norm: training needs two values .* has shape \("):
        layer.apply_with_state(params, layer.init_state(), x, key=KEY)
    assert layer.apply_with_state(params, layer.init_state(), x, key=None)[0].shape == shape


def test_what_is_remembered_has_no_derivative() -> None:
    layer: Any = batch_norm(2)
    gradient: Any = fn.grad(lambda x: np.sum(layer.apply_with_state(layer.init(KEY), layer.init_state(), x, key=KEY)[1][
        "mean"]))(X)
    assert np.array_equal(gradient, np.zeros_like(X))


# ------------------------------------------------------------------------------------------- composition


def test_the_state_of_a_net_has_the_paths_of_its_layers() -> None:
    assert repr(STATE) == """FrozenDict({'batch_norm_0': {'mean': float32[4], 'var': float32[4]},
            'residual_0/inner': {'mean': float32[4], 'var': float32[4]},
            'batch_norm_1': {'mean': float32[4], 'var': float32[4]}})"""
    assert repr(batch_norm(4).init_state()) == "FrozenDict({'mean': float32[4], 'var': float32[4]})"
    assert set(STATE) < set(PARAMS)
    assert all(not leaf.flags.writeable for leaf in tree.leaves(NET.apply_with_state(PARAMS, STATE, X, key=KEY)[1]))


@pytest.mark.parametrize("key", [KEY, None])
def test_a_net_is_its_layers_one_after_the_other(key: Any) -> None:
    p: Any = PARAMS
    s: Any = STATE
    norm: Any = batch_norm(4)
    h: Any = dense(2, 4).apply(p["dense_0"], X)
    h, first = norm.apply_with_state(p["batch_norm_0"], s["batch_norm_0"], h, key=key)
    h = relu(h)
    inner: Any = dense(4, 4).apply(p["residual_0/dense_0"], h)
    inner, second = norm.apply_with_state(p["residual_0/inner"], s["residual_0/inner"], inner, key=key)
    h, third = norm.apply_with_state(p["batch_norm_1"], s["batch_norm_1"], h + inner, key=key)
    y, state = NET.apply_with_state(PARAMS, STATE, X, key=key)
    assert tree.equal(y, h)
    assert tree.equal(state, FrozenDict({"batch_norm_0": first, "residual_0/inner": second, "batch_norm_1": third}))


def test_composition_is_associative_in_the_state_too() -> None:
    a, b, c = dense(2, 3) >> batch_norm(3), residual(batch_norm(3)) >> dropout(0.5), batch_norm(3) >> steps_counted()
    nets = [(a >> b) >> c, a >> (b >> c), serial(a, b, c)]
    params, state = nets[0].init(KEY), nets[0].init_state()
    expected = nets[0].apply_with_state(params, state, X, key=KEY)
    for net in nets:
        assert tree.equal(net.init_state(), state)
        assert tree.equal(net.apply_with_state(params, state, X, key=KEY), expected)


def test_blocks_within_blocks_alone_and_in_a_net() -> None:
    block: Any = residual(residual(steps_counted()) >> steps_counted())
    assert list(block.init_state()) == ["residual_0/steps_0", "steps_0"]
    net: Any = np.negative >> block
    assert list(net.init_state()) == ["residual_0/residual_0/steps_0", "residual_0/steps_0"]
    y, state = net.apply_with_state({}, net.init_state(), X, key=KEY)
    assert np.allclose(y, -3 * X) and [float(leaf) for leaf in tree.leaves(state)] == [1, 1]


def test_dropout_draws_as_it_does_without_a_state() -> None:
    plain = dense(2, 4) >> dropout(0.5) >> residual(dropout(0.3))
    net = plain >> steps_counted()
    params = plain.init(KEY)
    y, _ = net.apply_with_state(params, net.init_state(), X, key=random.key(3))
    assert tree.equal(y, plain.apply(params, X, key=random.key(3)))


@pytest.mark.parametrize("net", [serial(), dense(2, 3), dense(2, 4) >> relu >> residual(layer_norm(4)), serial(relu)],
                         ids=repr)
def test_of_other_nets_the_state_is_empty(net: Any) -> None:
    params = net.init(KEY)
    assert not net.has_state and net.init_state() == {}
    y, state = net.apply_with_state(params, {}, X)
    assert tree.equal(y, net.apply(params, X)) and state == {}


def test_what_is_counted_need_not_be_of_the_dtype_of_the_parameters() -> None:
    def forward_with_state(params: Any, state: Any, x: Any, key: Any) -> Any:
        return x * params["s"], {"count": state["count"] + 1}

    count: Any = np.full((), 0, np.int64)
    layer: Any = LayerWithState("own", lambda key: FrozenDict({"s": np.ones(2, np.float32)}), in_features=2,
                                out_features=2, shapes={"s": (2,)}, first_state={"count": count},
                                forward_with_state=forward_with_state)
    testing.check_layer(layer, X, KEY)
    _, state = layer.apply_with_state(layer.init(KEY), layer.init_state(), X, key=KEY)
    assert state["count"] == 1 and state["count"].dtype == np.int64


def test_check_layer_sees_a_state_that_changes_its_kind() -> None:
    def widened(params: Any, state: Any, x: Any, key: Any) -> Any:
        return x, state if key is None else {"count": state["count"][None]}

    layer: Any = LayerWithState("widened", lambda key: FrozenDict(), shapes={}, keeps_width=True,
                                first_state={"count": np.full((), 0, np.float32)}, forward_with_state=widened)
    testing.check_layer(layer, X)
    with pytest.raises(AssertionError, match=r"check_layer: widened\(\): the state .* became"):
        testing.check_layer(layer, X, KEY)


def test_it_goes_through_pickle() -> None:
    came = pickle.loads(pickle.dumps(NET))
    assert tree.equal(came.apply_with_state(PARAMS, STATE, X, key=KEY), NET.apply_with_state(PARAMS, STATE, X, key=KEY))


def test_a_summary_shows_it() -> None:
    assert [stage.output for stage in summary(NET).stages if not stage.depth] == [(None, 4)] * 5


# --------------------------------------------------------------------------------------- transformations


def loss(params: Any, state: Any, batch: Any, key: Any) -> Any:
    x, targets = batch
    y, state = NET.apply_with_state(params, state, x, key=key)
    return np.mean(losses.squared_error(y, targets)), state


OPTIMIZER = optimizers.adam(0.05)


def step(params: Any, state: Any, opt_state: Any, batch: Any) -> Any:
    (value, state), grads = fn.value_and_grad(loss, has_aux=True)(params, state, batch, KEY)
    updates, opt_state = OPTIMIZER.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), state, opt_state, value


def data() -> Any:
    x = np.asarray(random.normal(KEY, (40, 2)))
    return x, np.stack([x[:, 0] * x[:, 1], x[:, 0], x[:, 1], x[:, 0] > 0], axis=1).astype(np.float32)


def test_the_state_goes_through_a_fold_by_the_step() -> None:
    stream = training.batches(random.key(1), data(), size=10, epochs=30)
    start = (PARAMS, STATE, OPTIMIZER.init(PARAMS))
    (params, state, _), history = training.fold(step, start, stream)
    assert history[-1] < history[0] / 3
    assert tree.structure(state) == tree.structure(STATE)
    evaluated, _ = loss(params, state, data(), None)
    assert evaluated < history[0] / 3
    jitted, its_history = training.fold(fn.jit(step), start, stream)
    assert tree.equal((jitted[0], jitted[1]), (params, state)) and np.array_equal(its_history, history)


@pytest.mark.parametrize("key", [KEY, None])
def test_it_is_jitted_batched_and_run_by_jax(key: Any, jax: Any) -> None:
    apply = partial(NET.apply_with_state, key=key)
    assert_alike(apply, (PARAMS, STATE, X), (PARAMS, STATE, X + 1))
    several = fn.vmap(apply, in_axes=(None, None, 0))(PARAMS, STATE, np.stack([X, X + X * X]))
    expected = apply(PARAMS, STATE, X + X * X)
    testing.assert_trees_close(tree.map(lambda leaf: leaf[1], several), expected, rtol=1e-5, atol=1e-6)
    compiled = jax.jit(apply)(PARAMS, STATE, X)
    testing.assert_trees_close(jax.tree.map(np.asarray, compiled), apply(PARAMS, STATE, X), rtol=1e-5, atol=1e-6)


def test_an_ensemble_remembers_one_by_one() -> None:
    keys = random.split(KEY, 3)
    params = fn.vmap(NET.init)(keys)
    _, state = fn.vmap(lambda params, x: NET.apply_with_state(params, STATE, x, key=KEY), in_axes=(0, None))(params, X)
    one = NET.apply_with_state(NET.init(keys[2]), STATE, X, key=KEY)[1]
    testing.assert_trees_close(tree.map(lambda leaf: leaf[2], state), one, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: NET.apply(PARAMS, X), TypeError, r"^batch_norm_0 \(4 -> 4\): remembers mean and var .*y, state = "
     r"net.apply_with_state\(params, state, x, key=...\), where a key trains .* first state is net.init_state\(\)"),
    (lambda: residual(steps_counted()).apply({}, X, key=None), TypeError, "^steps_0: remembers count"),
    (lambda: (dropout(0.5) >> steps_counted()).apply({}, X), TypeError, "^steps_0: remembers count"),
    (lambda: NET.apply_with_state(PARAMS, STATE, X), ValueError, "training and evaluation differ; .*key=None to eval"),
    (lambda: dropout(0.5).apply_with_state({}, {}, X), ValueError, "training and evaluation differ"),
    (lambda: NET.apply_with_state(PARAMS, {}, X, key=None), ValueError,
     r"entries of its state are \['batch_norm_0', 'residual_0/inner', 'batch_norm_1'\], got \[\]"),
    (lambda: NET.apply_with_state(PARAMS, STATE | {"x": STATE["batch_norm_0"]}, X, key=None), ValueError, "got .*'x'"),
    (lambda: dense(2, 3).apply_with_state(dense(2, 3).init(KEY), STATE, X), ValueError, r"^dense \(2 -> 3\): the entr"),
    (lambda: NET.apply_with_state(PARAMS, None, X, key=None), TypeError, "the state must be a mapping, .* got None"),
    (lambda: NET.apply_with_state(PARAMS, STATE | {"residual_0/inner": batch_norm(3).init_state()}, X, key=KEY),
     ValueError, r"^residual_0/inner \(4 -> 4\): what it remembers, 'mean', has shape \(3,\), expected \(4,\)"),
    (lambda: NET.apply_with_state(PARAMS, STATE | {"batch_norm_1": {"mean": 0.0, "var": 1.0}}, X, key=KEY),
     ValueError, r"^batch_norm_1 \(4 -> 4\): what it remembers, 'mean', has shape None"),
    (lambda: NET.apply_with_state(tree.astype(PARAMS, np.float64), STATE, X.astype(np.float64), key=KEY), TypeError,
     r"^batch_norm_0 .* is float32 but the parameters are float64; .*tree.astype\(state, np.float64\)"),
    (lambda: serial(steps_counted(name="a"), steps_counted(name="a")).init_state(), ValueError, "two layers .* 'a'"),
    (lambda: NET.apply_with_state(PARAMS, STATE, X.T, key=KEY), ValueError, "input has 5 features, expected 2"),
])
def test_a_mistake_is_named(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
