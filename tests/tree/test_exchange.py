"""Parameters from PyTorch and Keras, and back: nets give the same numbers there and here; misfits are named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from funcnn import checkpoint, random, tree
from funcnn.activations import relu
from funcnn.layers import conv2d, dense, embedding, flatten, layer_norm, residual

F32 = np.float32
NET = dense(4, 4) >> relu >> layer_norm(4) >> residual(dense(4, 4)) >> dense(4, 3)
LIKE: Any = NET.init(random.key(0))
X = np.random.default_rng(0).normal(size=(5, 4)).astype(F32)


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


def module(torch: Any) -> Any:
    torch.manual_seed(0)
    nn: Any = torch.nn

    class Residual(nn.Module):  # type: ignore[misc]  # Any, where torch is not read
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return x + self.inner(x)

    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.LayerNorm(4), Residual(), nn.Linear(4, 3))


def test_a_net_of_torch_gives_the_same_numbers_here_and_goes_back(torch: Any) -> None:
    theirs = module(torch)
    params = tree.from_torch(theirs.state_dict(), LIKE)
    np.testing.assert_allclose(NET.apply(params, X), theirs(torch.tensor(X)).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert tree.structure(params) == tree.structure(LIKE)
    assert all(not leaf.flags.writeable and leaf.dtype == F32 for leaf in tree.leaves(params))

    other = module(torch)
    other.load_state_dict(tree.to_torch(LIKE, other.state_dict()))
    np.testing.assert_allclose(NET.apply(LIKE, X), other(torch.tensor(X)).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert tree.equal(tree.from_torch(tree.to_torch(params, other.state_dict()), LIKE), params)


def test_convolutions_have_their_axes_turned(torch: Any) -> None:
    net = conv2d(2, 3, (2, 2)) >> flatten()
    theirs = torch.nn.Conv2d(2, 3, 2).double()
    like = tree.astype(net.init(random.key(0)), np.float64)
    params = tree.from_torch(theirs.state_dict(), like)
    weight = theirs.weight.detach().numpy()
    np.testing.assert_array_equal(params["conv2d_0"]["w"], weight.transpose(2, 3, 1, 0))
    back = tree.to_torch(params, theirs.state_dict())["weight"]
    assert back.dtype == torch.float64 and torch.equal(back, theirs.weight.detach())
    up = torch.nn.ConvTranspose2d(2, 3, (4, 5))
    own = {"conv_transpose2d_0": {"w": np.zeros((4, 5, 2, 3), F32), "b": np.zeros(3, F32)}}
    np.testing.assert_array_equal(tree.from_torch(up.state_dict(), own)["conv_transpose2d_0"]["w"],
                                  up.weight.detach().numpy().transpose(2, 3, 0, 1))


def test_tables_and_statistics(torch: Any) -> None:
    like: Any = (embedding(4, 4) >> dense(4, 2)).init(random.key(0))
    theirs = torch.nn.Sequential(torch.nn.Embedding(4, 4), torch.nn.Linear(4, 2))
    params = tree.from_torch(theirs.state_dict(), like)
    np.testing.assert_array_equal(params["embedding_0"]["w"], theirs[0].weight.detach().numpy())
    normed = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    found = normed.state_dict() | {"1.running_mean": torch.arange(3.0)}
    zeros = np.zeros(3, F32)
    state = tree.from_torch(found, {"batch_norm_0": {"mean": zeros, "var": zeros}})
    np.testing.assert_array_equal(state["batch_norm_0"]["mean"], [0, 1, 2])
    of_all: Any = {"dense_0": {"w": np.zeros((2, 3), F32), "b": zeros},
                   "batch_norm_0": {"scale": zeros, "offset": zeros}}
    np.testing.assert_array_equal(tree.from_torch(found, of_all)["batch_norm_0"]["scale"], np.ones(3))
    assert set(tree.to_torch(of_all, found)) == set(found)


def test_halves_are_widened_exactly_and_nothing_is_narrowed(torch: Any) -> None:
    like = {"w": np.zeros((2, 3), F32), "b": np.zeros(3, F32)}
    for dtype in (torch.bfloat16, torch.float16):
        theirs = torch.nn.Linear(2, 3).to(dtype)
        params = tree.from_torch(theirs.state_dict(), like)
        np.testing.assert_array_equal(params["w"].T, theirs.weight.detach().float().numpy())
    bfloats = torch.nn.Linear(2, 3).to(torch.bfloat16).state_dict()
    assert tree.to_torch(tree.from_torch(bfloats, like), bfloats)["weight"].dtype == torch.bfloat16
    with pytest.raises(ValueError, match=r"not those of torch\.bfloat16 exactly; .*module\.float\(\)"):
        tree.to_torch({"w": np.full((2, 3), 0.1, F32), "b": np.zeros(3, F32)}, bfloats)
    with pytest.raises(ValueError, match=r"'bias' is float64, which float32 cannot hold exactly; .*tree\.astype"):
        tree.from_torch(torch.nn.Linear(2, 3).double().state_dict(), like)


WEIGHTS = {"enc.weight": np.arange(6, dtype=F32).reshape(3, 2), "enc.bias": np.ones(3, F32),
           "head.weight": np.ones((5, 3), F32)}
ONE: Any = {"dense_0": {"w": np.zeros((2, 3), F32), "b": np.zeros(3, F32)}}


def test_names_say_which_is_which_and_leave_the_rest_out() -> None:
    names = {"dense_0/w": "enc.weight", "dense_0/b": "enc.bias"}
    np.testing.assert_array_equal(tree.from_torch(WEIGHTS, ONE, names)["dense_0"]["w"], WEIGHTS["enc.weight"].T)
    as_it_is = tree.from_torch({"t": np.arange(4, dtype=F32).reshape(2, 2)}, {"w": np.zeros((2, 2), F32)}, {"w": "t"},
                               {"w": (0, 1)})
    np.testing.assert_array_equal(as_it_is["w"], [[0, 1], [2, 3]])
    back = tree.to_torch(tree.from_torch(WEIGHTS, ONE, names), WEIGHTS, names)
    assert tree.equal(back, WEIGHTS)


E: dict[str, tuple[Callable[[], Any], str]] = {
    "a layer too many": (lambda: tree.from_torch(WEIGHTS, ONE),
        r"not the same, in order; .*dense_0 \(weight, bias\); the state_dict has enc \(weight, bias\); head"),
    "no bias": (lambda: tree.from_torch({"enc.weight": WEIGHTS["enc.weight"]}, ONE), "the state_dict has enc .weight."),
    "a shape": (lambda: tree.from_torch({"0.weight": np.ones((2, 3), F32), "0.bias": np.ones(3, F32)}, ONE),
        r"'dense_0/w' and '0\.weight' do not fit: \(2, 3\) .* is \(3, 2\), expected \(2, 3\)"),
    "a name left out": (lambda: tree.from_torch(WEIGHTS, ONE, {"dense_0/w": "enc.weight"}),
        r"names has no name for 'dense_0/b'"),
    "a name of nothing here": (lambda: tree.to_torch(ONE, WEIGHTS, {"dense_1/w": "enc.weight"}),
        r"names names what the tree has not, 'dense_1/w'\. The tree has 'dense_0/b', 'dense_0/w'"),
    "a name of nothing there": (lambda: tree.from_torch(
        WEIGHTS, ONE, {"dense_0/w": "dec.weight", "dense_0/b": "enc.bias"}), r"not in the state_dict, 'dec\.weight'"),
    "axes of nothing": (lambda: tree.from_torch(WEIGHTS, ONE, axes={"x": (0,)}), r"axes has \['x'\], which the tree"),
    "axes too few": (lambda: tree.from_torch({"0.weight": np.ones((3, 2), F32), "0.bias": np.ones(3, F32)}, ONE,
        axes={"dense_0/w": (0,)}), r"shape \(3, 2\), and axes in the order \(0,\)"),
    "a square without a bias": (
        lambda: tree.from_torch({"a.weight": np.ones((2, 2), F32)}, {"a": {"w": np.ones((2, 2))}}),
        r"'a/w' is a square matrix without a bias: of a Linear"),
    "Keras": (lambda: tree.from_keras([np.ones(3)], ONE), r"1 arrays came, the tree has 2: 'dense_0/w', 'dense_0/b'"),
    "Keras, a shape": (lambda: tree.from_keras([np.ones((3, 2), F32), np.ones(3, F32)], ONE),
        r"'dense_0/w' and 'weights\[0\]' do not fit: .* expected \(2, 3\)"),
}


@pytest.mark.parametrize("name", E)
def test_what_does_not_fit_is_named(name: str) -> None:
    call, text = E[name]
    with pytest.raises(ValueError, match=text):
        call()


def test_weights_of_keras_come_and_go_in_order() -> None:
    weights = [np.full(np.shape(x), i, F32) for i, x in enumerate(tree.to_keras(LIKE))]
    params = tree.from_keras(weights, LIKE)
    assert [x.shape for x in weights[:4]] == [(4, 4), (4,), (4,), (4,)]
    assert params["dense_0"]["b"][0] == 1 and params["layer_norm_0"]["scale"][0] == 2
    assert tree.equal(tree.to_keras(params), weights)


def test_a_file_of_torch_comes_in_by_load_file(torch: Any, tmp_path: Any) -> None:
    save_file = pytest.importorskip("safetensors.torch").save_file
    theirs = module(torch)
    save_file(theirs.state_dict(), str(tmp_path / "m.safetensors"))
    arrays = checkpoint.load_file(tmp_path / "m.safetensors")
    assert tree.equal(tree.from_torch(arrays, LIKE), tree.from_torch(theirs.state_dict(), LIKE))


def test_a_file_has_an_order_only_by_numbers(tmp_path: Any) -> None:
    path = tmp_path / "many.safetensors"
    layers = {f"dense_{i}": {"w": np.full((2, 2), i, F32), "b": np.full(2, i, F32)} for i in range(12)}
    checkpoint.save(path, {f"net.{i}.{theirs}": layers[f"dense_{i}"][own] for i in range(12)
                           for own, theirs in (("w", "weight"), ("b", "bias"))})
    assert next(iter(checkpoint.load_file(path))) != "net.0.weight"
    assert tree.equal(tree.from_torch(checkpoint.load_file(path), layers), layers)
    checkpoint.save(path, WEIGHTS)
    with pytest.raises(ValueError, match=r"a file has no order .*'enc\.\w+' and 'head\.weight' do not say"):
        tree.from_torch(checkpoint.load_file(path), ONE)
    names = {"dense_0/w": "enc.weight", "dense_0/b": "enc.bias"}
    assert tree.equal(tree.from_torch(checkpoint.load_file(path), ONE, names), tree.from_torch(WEIGHTS, ONE, names))
