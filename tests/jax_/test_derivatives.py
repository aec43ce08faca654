"""Custom rules, stop_gradient and remat mean under JAX what they say, lifted or not, also differentiated twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import activations, losses
from funcnn.core import TracerError

pytestmark = pytest.mark.usefixtures("without_optimizations")


@fn.custom_vjp
def hundredfold(x: Any) -> Any:
    """A square whose derivative is not that of a square."""
    return x * x


hundredfold.defvjps(lambda g, _y, x: 100 * g * x)


@fn.custom_vjp
def clipped(x: Any) -> Any:
    """A square whose pullback is not linear."""
    return x * x


clipped.defvjp(lambda x: (x * x, (x, lambda: 2 * x)), lambda saved, g: (np.clip(g * saved[1](), -1, 1),))


@fn.custom_vjp
def scaled(params: Any, x: Any) -> Any:
    """Of a tree, into one."""
    return {"y": params["w"] * x, "x": x}


scaled.defvjp(lambda p, x: (scaled.fun(p, x), (p, x)), lambda saved, g: ({"w": 7 * np.sum(g["y"] * saved[1])}, None))


def test_rules_of_users_hold_lifted_or_not(jax: Any) -> None:
    lift = fn.jax.lift
    for f in (hundredfold, lift(lambda x: hundredfold(x)), jax.jit(hundredfold)):
        assert jax.jit(jax.vmap(jax.grad(f)))(np.arange(3.0)).tolist() == [0, 100, 200]
    assert jax.grad(hundredfold)(3.0) == 300 and lift(hundredfold)(jax.numpy.float64(3)) == 9
    for f in (clipped, lift(clipped), lift(fn.remat(clipped))):
        assert jax.jit(jax.vmap(jax.grad(f)))(np.arange(2.0)).tolist() == [0, 1]
    assert jax.jit(jax.grad(lift(lambda x: fn.vmap(clipped)(x).sum())))(np.arange(2.0)).tolist() == [0, 1]
    for g in (scaled, lift(scaled)):
        assert jax.grad(lambda p, g=g: g(p, np.ones(3))["y"].sum())({"w": 2.0}) == {"w": 21}


def test_rules_of_users_hold_for_second_derivatives(jax: Any) -> None:
    def cubic(x: Any) -> Any:
        return hundredfold(x) * x

    expected = fn.grad(fn.grad(cubic))(2.0)
    assert expected == 600
    assert jax.grad(jax.grad(fn.jax.lift(cubic)))(2.0) == jax.grad(jax.grad(cubic))(2.0) == expected
    assert fn.jax.jit(fn.grad(fn.grad(cubic)))(2.0) == jax.grad(fn.jax.lift(fn.grad(cubic)))(2.0) == expected
    with pytest.raises(TypeError, match="forward-mode"):  # JAX's own limit of a custom_vjp
        jax.jvp(fn.jax.lift(cubic), (2.0,), (1.0,))


def test_a_pullback_may_use_rules_on_its_cotangent(jax: Any) -> None:
    """Which then are obeyed where it is differentiated by that."""
    @fn.custom_vjp
    def f(x: Any) -> Any:
        return x * x

    f.defvjps(lambda g, _y, x: hundredfold(g) * x)

    def twice(x: Any) -> Any:
        return f(x * x)

    expected = fn.grad(fn.grad(twice))(2.0)
    assert jax.grad(jax.grad(fn.jax.lift(twice)))(2.0) == fn.jax.jit(fn.grad(fn.grad(twice)))(2.0) == expected


def test_a_missing_pullback_is_told_where_it_is_needed(jax: Any) -> None:
    @fn.custom_vjp
    def product(x: Any, k: Any) -> Any:
        return x * k

    product.defvjps(lambda g, _y, _x, k: g * k, None)
    assert jax.jit(jax.grad(product))(2.0, 3.0) == 3
    for f in (product, jax.jit(product), fn.jax.lift(product)):
        with pytest.raises(TracerError, match="product: has no derivative with respect to argument 1"):
            jax.grad(f, 1)(2.0, 3.0)


def test_stop_gradient_stops(jax: Any) -> None:
    def f(tree: Any) -> Any:
        return sum(fn.stop_gradient(tree)["w"] * tree["w"])

    for g in (f, fn.jax.lift(f), jax.jit(f)):
        assert jax.grad(g)({"w": np.arange(3.0)})["w"].tolist() == [0, 1, 2]
    assert fn.jax.jit(fn.grad(f))({"w": np.arange(3.0)})["w"].tolist() == [0, 1, 2]


def test_remat_is_jax_s(jax: Any) -> None:
    f = fn.remat(lambda p, x: np.sin(np.sin(p["a"] * x)))
    lifted = fn.jax.lift(f)
    assert "remat" in str(jax.make_jaxpr(lifted)({"a": 2.0}, 0.5)) or "checkpoint" in str(
        jax.make_jaxpr(lifted)({"a": 2.0}, 0.5))
    p = {"a": 2.0}
    np.testing.assert_allclose(jax.grad(jax.grad(lifted, 1), 1)(p, 0.5), fn.grad(fn.grad(f, 1), 1)(p, 0.5))
    np.testing.assert_allclose(jax.jvp(lambda x: lifted(p, x), (0.5,), (1.0,))[1], fn.grad(f, 1)(p, 0.5))


# ------------------------------------------------------------------------------------ the library's own rules

MODES: dict[str, Callable[[Any], Callable[[Any], Callable[[Any], Any]]]] = {
    "forward over backward": lambda jax: lambda f: lambda x: jax.jvp(jax.grad(f), (x,), (x,))[1],
    "backward over backward": lambda jax: lambda f: jax.grad(lambda x: jax.grad(f)(x).sum()),
}


@pytest.mark.parametrize("mode", MODES)
def test_activations_have_every_derivative_that_jax_s_have(jax: Any, mode: str) -> None:
    x = np.linspace(-2, 2, 6)

    def all_of(room: Any) -> Callable[[Any], Any]:
        return lambda x: sum(i * (y * np.arange(y.size)).sum() for i, name in enumerate(activations.__all__)
                             if (y := getattr(room, name)(x) ** 2) is not None)

    ours = jax.jit(MODES[mode](jax)(fn.jax.lift(all_of(activations))))(x)
    np.testing.assert_allclose(ours, jax.jit(MODES[mode](jax)(all_of(jax.nn)))(x), 1e-12, 1e-13)


def test_what_rules_keep_at_infinity_and_corners_they_keep_there(jax: Any) -> None:
    """Where JAX's derivative of the plain formula, or jax.nn itself, has no number."""
    def huber(x: Any) -> Any:
        return losses.huber(x[None], np.zeros(1))[0]

    exact = lambda x: activations.gelu(x, approximate=False)  # noqa: E731  # a name for the list
    for f in (huber, activations.gelu, exact, activations.silu, activations.mish):
        x = np.array([-np.inf, 0.0, np.inf])
        expected = [fn.value_and_grad(f)(each) for each in x]
        for g in (f, fn.jax.lift(f)):
            found = np.stack(jax.jit(jax.vmap(jax.value_and_grad(g)))(x), axis=1)
            np.testing.assert_array_equal(found, np.stack(expected))


def test_a_rule_at_a_corner_is_obeyed_in_forward_over_backward(jax: Any) -> None:
    """The derivative of relu at 0 is 0, also of the relu that the backward pass reads."""
    def f(x: Any) -> Any:
        return (activations.relu(x) * x).sum()

    x = np.array([0.0, 1.0])
    assert jax.jvp(jax.grad(fn.jax.lift(f)), (x,), (np.ones(2),))[1].tolist() == fn.hvp(f, (x,), (np.ones(2),)).tolist()
