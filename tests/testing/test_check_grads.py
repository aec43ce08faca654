"""The referee of derivatives: what is wrong only in a second derivative fails too, and what is right passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn.testing import check_grads


def sine(by_g: Callable[..., Any], by_x: Callable[..., Any]) -> Any:
    """np.sin with the right pullback g cos x, which is an operation of its own with these derivatives."""
    pull: Any = fn.custom_vjp(lambda g, x: g * np.cos(x))
    pull.defvjps(lambda c, y, g, x: by_g(c, x), lambda c, y, g, x: by_x(c, g, x))
    foo: Any = fn.custom_vjp(lambda x: np.sin(x))
    foo.defvjps(lambda g, y, x: pull(g, x))
    return foo


def right_by_g(c: Any, x: Any) -> Any:
    return c * np.cos(x)


def right_by_x(c: Any, g: Any, x: Any) -> Any:
    return -c * g * np.sin(x)


ARGS = [(1.0,), (np.array([0.3, -1.2]),), (np.array([[0.3], [-1.2]], np.float32),)]


@pytest.mark.parametrize("args", ARGS)
@pytest.mark.parametrize("factor", [1.5, 0.0, 1.01])
def test_a_pullback_with_a_wrong_derivative_by_the_cotangent_fails(factor: float, args: Any) -> None:
    foo = sine(lambda c, x: factor * right_by_g(c, x), right_by_x)
    check_grads(foo, args, order=1, modes=["rev"])
    with pytest.raises(AssertionError, match=r"^check_grads: reverse mode, order 2: "):
        check_grads(foo, args, order=2, modes=["rev"])


@pytest.mark.parametrize("args", ARGS)
def test_a_pullback_with_a_wrong_derivative_by_the_argument_fails(args: Any) -> None:
    foo = sine(right_by_g, lambda c, g, x: 1.01 * right_by_x(c, g, x))
    check_grads(foo, args, order=1)
    with pytest.raises(AssertionError, match=r"^check_grads: .* mode, order 2: "):
        check_grads(foo, args, order=2)


@pytest.mark.parametrize("modes", [["rev"], ["fwd"], ["fwd", "rev"]])
@pytest.mark.parametrize("args", ARGS)
def test_what_is_right_passes(args: Any, modes: list[str]) -> None:
    check_grads(sine(right_by_g, right_by_x), args, order=2, modes=modes)


def test_trees_and_several_arguments_pass_to_third_order() -> None:
    def f(params: Any, x: Any) -> Any:
        return {"y": np.tanh(x @ params["w"] + params["b"]), "size": np.sum(params["w"] ** 3)}

    params = {"w": np.array([[0.5], [-1.0]]), "b": np.array([0.25])}
    check_grads(f, (params, np.array([[1.0, 2.0], [0.5, -1.0]])), order=3)
