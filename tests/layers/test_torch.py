"""The numbers of layers are torch's: values and all gradients, in float64, to 1e-12."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import random, tree
from funcnn.layers import (
    Layer,
    attention,
    avg_pool1d,
    avg_pool2d,
    conv1d,
    conv2d,
    conv_transpose2d,
    dot_product_attention,
    global_avg_pool,
    group_norm,
    gru,
    layer_norm,
    lstm,
    max_pool1d,
    max_pool2d,
    prelu,
    rms_norm,
    serial,
)

torch: Any = pytest.importorskip("torch")
nn: Any = torch.nn.functional

KEY = random.key(0)
Shape = tuple[int, ...]


def agrees(layer: Any, shape: Shape, theirs: Callable[..., Any]) -> None:
    """`theirs(params, x)` of tensors, by the names of ours, gives the same y, and the same cotangents of all."""
    rng = np.random.default_rng(0)
    params = tree.map(lambda p: rng.normal(size=p.shape), layer.init(KEY))
    x = rng.normal(size=shape)
    y, pull = fn.vjp(layer.apply, params, x)
    tensors = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
    tx = torch.tensor(x, requires_grad=True)
    ty = theirs(tensors, tx)
    close(y, ty)
    g = rng.normal(size=np.shape(y))
    ty.backward(torch.tensor(g))
    dparams, dx = pull(g)
    close(dx, tx.grad)
    for name in params:
        close(dparams[name], tensors[name].grad)


def close(ours: Any, theirs: Any) -> None:
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)


def channels_first(x: Any) -> Any:
    return x.movedim(-1, 1)


def channels_last(x: Any) -> Any:
    return x.movedim(1, -1)


# ------------------------------------------------------------------------------- convolutions and pools


def kernel(w: Any) -> Any:
    """(..., in, out) as torch has it, (out, in, ...)."""
    return w.movedim((-1, -2), (0, 1))


IMAGES, SEQUENCES = (2, 7, 6, 4), (3, 9, 4)


@pytest.mark.parametrize(("layer", "settings"), [
    (conv2d(4, 6, 3), {"padding": 1}),
    (conv2d(4, 6, (3, 2), stride=(1, 2), padding=(2, 1)), {"padding": (2, 1), "stride": (1, 2)}),
    (conv2d(4, 6, 3, padding="VALID", dilation=2), {"dilation": 2}),
    (conv2d(4, 6, (1, 3), padding="SAME", dilation=(1, 2)), {"padding": "same", "dilation": (1, 2)}),
    (conv2d(4, 6, 3, padding=2, dilation=2, groups=2), {"padding": 2, "dilation": 2, "groups": 2}),
    (conv2d(4, 4, 3, groups=4, stride=2, padding=1), {"padding": 1, "groups": 4, "stride": 2}),
    (conv2d(4, 8, 3, groups=4, padding="VALID"), {"groups": 4}),
], ids=repr)
def test_conv2d(layer: Any, settings: Any) -> None:
    agrees(layer, IMAGES, lambda p, x: channels_last(nn.conv2d(channels_first(x), kernel(p["w"]), p["b"], **settings)))


@pytest.mark.parametrize(("layer", "settings"), [
    (conv1d(4, 6, 3), {"padding": 1}),
    (conv1d(4, 6, 2, stride=2, padding="VALID", dilation=3), {"stride": 2, "dilation": 3}),
    (conv1d(4, 6, 3, padding=4, groups=2), {"padding": 4, "groups": 2}),
], ids=repr)
def test_conv1d(layer: Any, settings: Any) -> None:
    agrees(layer, SEQUENCES,
           lambda p, x: channels_last(nn.conv1d(channels_first(x), kernel(p["w"]), p["b"], **settings)))


@pytest.mark.parametrize("sides", [(4, 0), (1, 3)])
def test_conv1d_with_different_sides(sides: Any) -> None:
    agrees(conv1d(4, 6, 3, padding=sides, dilation=2), SEQUENCES, lambda p, x: channels_last(
        nn.conv1d(nn.pad(channels_first(x), sides), kernel(p["w"]), p["b"], dilation=2)))


def test_conv2d_with_four_different_sides() -> None:
    agrees(conv2d(4, 6, 3, padding=((1, 0), (2, 3))), IMAGES, lambda p, x: channels_last(
        nn.conv2d(nn.pad(channels_first(x), (2, 3, 1, 0)), kernel(p["w"]), p["b"])))


@pytest.mark.parametrize(("layer", "settings"), [
    (conv_transpose2d(4, 6, 3, padding="VALID"), {}),
    (conv_transpose2d(4, 6, 4, stride=2), {"stride": 2, "padding": 1}),
    (conv_transpose2d(4, 5, (3, 2), stride=(3, 1), padding=(2, 0)), {"stride": (3, 1), "padding": (2, 0)}),
    (conv_transpose2d(4, 2, 2, stride=3, padding="VALID"), {"stride": 3}),
    (conv_transpose2d(4, 6, 3, stride=2, dilation=2, padding=1), {"stride": 2, "padding": 1, "dilation": 2}),
], ids=repr)
def test_conv_transpose2d(layer: Any, settings: Any) -> None:
    agrees(layer, IMAGES, lambda p, x: channels_last(
        nn.conv_transpose2d(channels_first(x), p["w"].movedim((2, 3), (0, 1)), p["b"], **settings)))


@pytest.mark.parametrize(("stride", "size"), [(1, 3), (2, 3), (2, 2), (3, 2), (1, 2), (3, 5)])
def test_same_transposes_same(stride: int, size: int) -> None:
    """<conv(y), x> = <y, transpose(x)>, for the same kernel."""
    forth, back = conv2d(2, 3, size, stride=stride), conv_transpose2d(3, 2, size, stride=stride)
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 4, 3)), rng.normal(size=(size, size, 2, 3))
    image = rng.normal(size=(2, 3 * stride, 4 * stride, 2))
    seen = forth.apply({"w": w, "b": np.zeros(3)}, image)
    spread = back.apply({"w": w.swapaxes(2, 3), "b": np.zeros(2)}, x)
    np.testing.assert_allclose(np.sum(seen * x), np.sum(image * spread))


@pytest.mark.parametrize(("layer", "theirs"), [
    (max_pool2d(2), lambda x: nn.max_pool2d(x, 2)),
    (max_pool2d(3, stride=2, padding=1), lambda x: nn.max_pool2d(x, 3, 2, 1)),
    (avg_pool2d((3, 2), stride=2, padding=(1, 1)), lambda x: nn.avg_pool2d(x, (3, 2), 2, (1, 1))),
    (global_avg_pool(), lambda x: nn.adaptive_avg_pool2d(x, 1)[:, :, 0, 0]),
], ids=lambda x: repr(x) if isinstance(x, Layer) else "")
def test_pools_of_images(layer: Any, theirs: Any) -> None:
    agrees(layer, IMAGES, lambda p, x: channels_last(theirs(channels_first(x))))


@pytest.mark.parametrize(("layer", "theirs"), [
    (max_pool1d(2), lambda x: nn.max_pool1d(x, 2)),
    (max_pool1d(3, stride=1, padding=1), lambda x: nn.max_pool1d(x, 3, 1, 1)),
    (avg_pool1d(3, stride=2, padding=1), lambda x: nn.avg_pool1d(x, 3, 2, 1)),
    (serial(global_avg_pool()), lambda x: nn.adaptive_avg_pool1d(x, 1)[:, :, 0]),
], ids=lambda x: repr(x) if isinstance(x, Layer) else "")
def test_pools_of_sequences(layer: Any, theirs: Any) -> None:
    agrees(layer, SEQUENCES, lambda p, x: channels_last(theirs(channels_first(x))))


# --------------------------------------------------------------------- norms, and a relu that learns its slope


@pytest.mark.parametrize("shape", [(3, 4), SEQUENCES])
def test_layer_norm_and_rms_norm(shape: Shape) -> None:
    agrees(layer_norm(4, eps=1e-3), shape, lambda p, x: nn.layer_norm(x, (4,), p["scale"], p["offset"], 1e-3))
    agrees(rms_norm(4), shape, lambda p, x: x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * p["scale"])


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("shape", [(3, 4), SEQUENCES, IMAGES])
def test_group_norm(shape: Shape, groups: int) -> None:
    agrees(group_norm(4, groups), shape, lambda p, x: channels_last(
        nn.group_norm(channels_first(x), groups, p["scale"], p["offset"])))


@pytest.mark.parametrize("shape", [(3, 4), IMAGES])
def test_prelu(shape: Shape) -> None:
    agrees(prelu(4), shape, lambda p, x: channels_last(nn.prelu(channels_first(x), p["negative_slope"])))


# ------------------------------------------------------------------------------------------ step by step


@pytest.mark.parametrize("shape", [SEQUENCES, (1, 1, 4), (0, 3, 4)])
def test_gru(shape: Shape) -> None:
    module = torch.nn.GRU(4, 5, batch_first=True, dtype=torch.float64)

    def theirs(p: Any, x: Any) -> Any:
        weights = {"weight_ih_l0": p["w_i"].T, "weight_hh_l0": p["w_h"].T, "bias_ih_l0": p["b"],
                   "bias_hh_l0": torch.cat([torch.zeros(10, dtype=torch.float64), p["b_n"]])}
        return torch.func.functional_call(module, weights, (x,))[0]

    agrees(gru(4, 5), shape, theirs)


@pytest.mark.parametrize("shape", [SEQUENCES, (1, 1, 4), (0, 3, 4)])
def test_lstm(shape: Shape) -> None:
    module = torch.nn.LSTM(4, 5, batch_first=True, dtype=torch.float64)

    def theirs(p: Any, x: Any) -> Any:
        weights = {"weight_ih_l0": p["w_i"].T, "weight_hh_l0": p["w_h"].T, "bias_ih_l0": p["b"],
                   "bias_hh_l0": torch.zeros(20, dtype=torch.float64)}
        return torch.func.functional_call(module, weights, (x,))[0]

    agrees(lstm(4, 5), shape, theirs)


# ------------------------------------------------------------------------------------------------ attention


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_attention(heads: int, causal: bool) -> None:
    module = torch.nn.MultiheadAttention(4, heads, batch_first=True, dtype=torch.float64)
    hidden = torch.ones(9, 9, dtype=torch.bool).triu(1) if causal else None

    def theirs(p: Any, x: Any) -> Any:
        weights = {"in_proj_weight": p["w_qkv"].T, "in_proj_bias": p["b_qkv"], "out_proj.weight": p["w_o"].T,
                   "out_proj.bias": p["b_o"]}
        return torch.func.functional_call(module, weights, (x, x, x), {"attn_mask": hidden})[0]

    agrees(attention(4, heads, causal), SEQUENCES, theirs)


@pytest.mark.parametrize("shape", [(2, 1, 1, 5), (2, 3, 4, 5), (1, 1, 4, 5), (1, 3, 1, 1)])
def test_dot_product_attention_where_one_may_look(shape: Shape) -> None:
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(2, 4, 3, 6)), rng.normal(size=(2, 5, 3, 6)), rng.normal(size=(2, 5, 3, 7))
    mask = (rng.uniform(size=shape) < 0.5) | (np.arange(shape[-1]) == 0)
    y, pull = fn.vjp(lambda q, k, v: dot_product_attention(q, k, v, mask), q, k, v)
    tensors = [torch.tensor(x, requires_grad=True) for x in (q, k, v)]
    ty = nn.scaled_dot_product_attention(*(x.transpose(1, 2) for x in tensors), torch.tensor(mask)).transpose(1, 2)
    close(y, ty)
    g = rng.normal(size=y.shape)
    ty.backward(torch.tensor(g))
    for ours, tensor in zip(pull(g), tensors, strict=True):
        close(ours, tensor.grad)
