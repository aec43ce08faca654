"""Layers and nets pickle by what they were made from, and so cross processes; a copy is the layer itself."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from test_layer_catalogue import LAYERS, applied

from funcnn import initializers, random, tree
from funcnn.activations import relu
from funcnn.layers import Layer, avg_pool2d, conv2d, dense, dropout, embedding, layer_norm, residual, serial
from funcnn.typing import Array

KEY = random.key(0)
X = np.linspace(-1, 1, 10, dtype=np.float32).reshape(5, 2)


def double(x: Array) -> Array:
    """A function that pickle finds."""
    return 2 * x


def scaling(width: int, factor: float = 3.0) -> Layer[Any, Any, Any]:
    """A layer of somebody's own that remembers the call that made it."""
    return Layer("scaling", lambda key: tree.freeze({"s": np.full(width, factor, np.float32)}),
                 lambda params, x, key: x * params["s"], width, width, shapes={"s": (width,)},
                 made_by=partial(scaling, width, factor))


def shift(params: Any, x: Any, key: Any) -> Any:
    return x + params["s"]


def twos(key: Any) -> Any:
    return tree.freeze({"s": np.full(2, 2, np.float32)})


NETS: dict[str, tuple[Any, Any]] = {
    "initializers": (dense(2, 64, w_init=initializers.he_normal(), b_init=initializers.constant(0.1)), X),
    "more initializers": (serial(*[dense(2, 2, w_init=make) for make in (
        initializers.uniform(0.3), initializers.normal(), initializers.truncated_normal(0.1, lower=-1.0),
        initializers.orthogonal(2.0, 0), initializers.variance_scaling(2.0, "fan_avg", "uniform"))]), X),
    "settings": (conv2d(2, 3, (2, 1), stride=2, padding="VALID") >> avg_pool2d(2, stride=1, padding="SAME"),
                 np.ones((1, 6, 6, 2), np.float32)),
    "eps": (layer_norm(2, eps=0.1, name="norm") >> dense(2, 2), X),
    "names": (dense(2, 2, name="hidden") >> residual(dense(2, 2, name="inner"), name="block") >> dense(2, 2), X),
    "functions": (dense(2, 2) >> np.tanh >> double >> partial(np.clip, a_min=-0.5, a_max=0.5) >> abs, X),
    "blocks in blocks": (residual(np.sin >> residual(dense(2, 2) >> dropout(0.3))), X),
    "embedding": (embedding(5, 3, name="words") >> dense(3, 2), np.array([[1, 4]])),
    "one's own": (dense(2, 2) >> scaling(2) >> residual(scaling(2, 0.5)), X),
    "one's own, of functions that are found": (serial(Layer("shift", twos, shift, 2, 2, stochastic=True)), X),
}


@pytest.mark.parametrize("name", NETS)
def test_a_net_goes_through_pickle(name: str) -> None:
    net, x = NETS[name]
    came = pickle.loads(pickle.dumps(net))
    assert repr(came) == repr(net)
    params = net.init(KEY)
    assert tree.equal(came.init(KEY), params)
    assert (came.in_features, came.out_features, came.stochastic) == (
        net.in_features, net.out_features, net.stochastic)
    for key in (None, random.key(3)):
        assert tree.equal(came.apply(params, x, key=key), net.apply(params, x, key=key))


@pytest.mark.parametrize("name", LAYERS)
def test_every_kind_of_layer_goes_through_pickle(name: str) -> None:
    layer, shape = LAYERS[name]
    came = pickle.loads(pickle.dumps(layer))
    params, x = layer.init(KEY), random.normal(KEY, shape)
    assert (repr(came), came.kind, came.name) == (repr(layer), layer.kind, layer.name)
    assert tree.equal(came.init(KEY), params)
    assert tree.equal(applied(came, params, x, KEY), applied(layer, params, x, KEY))


def test_a_net_with_relu_goes_through_pickle() -> None:
    net = dense(2, 64) >> relu >> dense(64, 3)
    came = pickle.loads(pickle.dumps(net))
    assert tree.equal(came.apply(net.init(KEY), X), net.apply(net.init(KEY), X))


def outputs(net: Any, params: Any, x: Any) -> Any:
    return np.asarray(net.apply(params, x, key=KEY))


def test_a_net_crosses_to_a_new_process() -> None:
    net, x = NETS["functions"][0] >> residual(dense(2, 2)) >> dropout(0.5), X
    params = net.init(KEY)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(outputs, (net, params, x))
    assert found.tobytes() == outputs(net, params, x).tobytes()


def local(x: Any) -> Any:
    """A function that pickle does not find, because it is made inside another."""
    def inside(x: Any) -> Any:
        return x

    return inside


@pytest.mark.parametrize(("net", "who"), [
    (dense(2, 3) >> (lambda x: x), "<lambda>"), (local(0) >> dense(2, 3), "inside"),
    (residual(dense(2, 2) >> (lambda x: -x)), "<lambda>"), (dense(2, 3) >> partial(lambda x, y: x, y=1), "partial"),
    (dense(2, 3, w_init=local(0)), r"dense\(2, 3\)"),
    (Layer("own", twos, lambda params, x, key: x), r"own\(\)"),
])
def test_what_cannot_be_found_by_name_says_so(net: Any, who: str) -> None:
    with pytest.raises(pickle.PicklingError, match=rf"{who}.*: cannot be pickled: .*define them with def at the top"):
        pickle.dumps(net)


@pytest.mark.parametrize("name", NETS)
def test_a_copy_of_what_never_changes_is_itself(name: str) -> None:
    net, _ = NETS[name]
    assert copy.copy(net) is copy.deepcopy(net) is net
    assert copy.deepcopy({"net": net})["net"] is net
