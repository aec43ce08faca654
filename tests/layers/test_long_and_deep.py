"""Nets of thousands of layers, and blocks within blocks: what they cost, and where they end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import random, tree
from funcnn.activations import relu
from funcnn.layers import dense, dropout, layer_norm, residual, serial

KEY = random.key(0)
X = np.ones((3, 2), np.float32)


def calls(program: Callable[[], Any]) -> int:
    """How many Python functions a program calls: its cost, the same on every machine."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        program()
    finally:
        sys.setprofile(before)
    return count


def appended(n: int, part: Callable[[int], Any]) -> Any:
    net: Any = serial()
    for i in range(n):
        net = net >> part(i)
    return net


def prepended(n: int, part: Callable[[int], Any]) -> Any:
    net: Any = serial()
    for i in range(n):
        net = part(i) >> net
    return net


PARTS: dict[str, Callable[[int], Any]] = {
    "dense": lambda i: dense(2, 2), "named": lambda i: dense(2, 2, name=f"layer_{i}"), "functions": lambda i: np.tanh,
    "blocks": lambda i: residual(dense(2, 2) >> relu), "two": lambda i: dense(2, 2) >> dropout(0.5),
}


@pytest.mark.parametrize("loop", [appended, prepended])
@pytest.mark.parametrize("name", PARTS)
def test_a_loop_is_linear(name: str, loop: Any) -> None:
    """But for names of one's own in front, which are compared with all others each time."""
    once, twice = (calls(lambda n=n: loop(n, PARTS[name]).init) for n in (100, 200))  # type: ignore[misc]  # n is an int
    assert twice < 2.1 * once or (name, loop) == ("named", prepended)


def test_two_thousand_layers_run_as_serial_makes_them() -> None:
    net = appended(2000, PARTS["dense"])
    params = net.init(KEY)
    other = serial(*[dense(2, 2) for _ in range(2000)])
    assert list(params)[-1] == "dense_1999"
    assert tree.equal(other.init(KEY), params)
    assert tree.equal(other.apply(params, X), net.apply(params, X))


def deep(n: int) -> Any:
    block: Any = residual(np.tanh)
    for _ in range(n - 1):
        block = residual(block)
    return block


@pytest.mark.parametrize("n", [100, 200])
def test_blocks_may_stand_deep_inside_each_other(n: int) -> None:
    net = dense(2, 2) >> deep(n) >> layer_norm(2)
    params = net.init(KEY)
    assert list(params) == ["dense_0", "layer_norm_0"]
    assert net.apply(params, X).shape == (3, 2)
    gradient: Any = fn.grad(lambda p: np.sum(net.apply(p, X)))(params)
    assert tree.structure(gradient) == tree.structure(params)
    assert repr(net) == "dense(2, 2) >> residual(...) >> layer_norm(2)"


@pytest.mark.parametrize("n", [400, 1000])
def test_deeper_than_python_s_stack_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=r"residual: blocks stand \d+ deep inside each other, and Python's stack"):
        deep(n)


def test_the_path_of_a_deep_layer_is_named() -> None:
    block = residual(dense(2, 2))
    for _ in range(30):
        block = residual(block)
    params: Any = (dense(2, 2) >> block).init(KEY)
    path = "residual_0/" * 31 + "dense_0"
    assert list(params) == ["dense_0", path]
    with pytest.raises(ValueError, match=rf"^{path} \(2 -> 2\): parameter 'w' has shape \(3, 3\)"):
        (dense(2, 2) >> block).apply(params | {path: dense(3, 3).init(KEY)}, X)


# --------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(("net", "names", "paths"), [
    (dense(2, 2) >> relu >> np.tanh >> relu, ["dense_0", "relu_0", "tanh_0", "relu_1"], ["dense_0"]),
    (residual(relu) >> residual(dense(2, 2)), ["residual_0", "residual_0"], ["residual_0/dense_0"]),
    (residual(dense(2, 2)) >> residual(relu) >> residual(relu), ["residual_0", "residual_1", "residual_2"],
     ["residual_0/dense_0"]),
    (dropout(0.1) >> dense(2, 2) >> dropout(0.1), ["dropout_0", "dense_0", "dropout_1"], ["dense_0"]),
    (dense(2, 2, name="a") >> dense(2, 2) >> dense(2, 2, name="b"), ["a", "dense_0", "b"], ["a", "dense_0", "b"]),
])
def test_stages_and_parameters_have_names(net: Any, names: list[str], paths: list[str]) -> None:
    assert [stage.name for stage in net.stages] == names
    assert list(net.init(KEY)) == paths
