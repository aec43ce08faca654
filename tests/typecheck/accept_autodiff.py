"""The gradient has the type of the parameters, and the function keeps its other arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypedDict, assert_type

import numpy as np

import funcnn as fn
from funcnn import random, tree
from funcnn.layers import dense
from funcnn.typing import Array, DenseParams, IntArray, Key, Params, Scalar


class Weights(TypedDict):
    w: Array
    b: Array


class Line(NamedTuple):
    slope: Array
    offset: Array


class Model(TypedDict):
    encoder: Params
    head: Line
    scale: float


def of_typed_dict(params: Weights, x: Array, y: IntArray, *, smoothing: float = 0.0) -> Scalar:
    return np.mean((x @ params["w"] + params["b"]) ** 2) * smoothing


def of_named_tuple(params: Line, x: Array) -> float:
    return float(np.mean(params.slope * x + params.offset))


def of_mapping(params: Params, batch: tuple[Array, IntArray]) -> Scalar:
    return np.mean(params["dense_0"]["w"] * batch[0])


def of_arrays(params: Mapping[str, Array]) -> Scalar:
    return np.mean(params["w"])


def of_pair(params: tuple[Array, Line], x: Array) -> Scalar:
    return np.mean(params[0] * x) + np.mean(params[1].slope)


def of_model(params: Model, key: Key | None = None) -> Scalar:
    return np.mean(params["head"].slope) * params["scale"]


def of_list(params: list[Array]) -> Scalar:
    return np.mean(params[0])


def with_aux(params: Params, x: Array) -> tuple[Scalar, Line]:
    return np.mean(params["dense_0"]["w"] * x), Line(x, x)


def in_second_place(x: Array, params: Params, *, scale: float = 1.0) -> Scalar:
    return np.mean(params["dense_0"]["w"] * x) * scale


def gradients_have_the_type_of_the_parameters(
        weights: Weights, line: Line, params: Params, model: Model, arrays: list[Array], x: Array, y: IntArray) -> None:
    assert_type(fn.grad(of_typed_dict)(weights, x, y), Weights)
    assert_type(fn.grad(of_named_tuple)(line, x), Line)
    assert_type(fn.grad(of_mapping)(params, (x, y)), Params)
    assert_type(fn.grad(of_arrays)({"w": x}), Mapping[str, Array])
    assert_type(fn.grad(of_pair)((x, line), x), tuple[Array, Line])
    assert_type(fn.grad(of_model)(model), Model)
    assert_type(fn.grad(of_list)(arrays), list[Array])
    assert_type(fn.grad(of_typed_dict)(weights, x, y)["w"], Array)
    assert_type(fn.grad(of_model)(model)["head"].slope, Array)


def values_keep_their_type(weights: Weights, line: Line, params: Params, x: Array, y: IntArray) -> None:
    assert_type(fn.value_and_grad(of_typed_dict)(weights, x, y), tuple[Scalar, Weights])
    assert_type(fn.value_and_grad(of_named_tuple)(line, x), tuple[float, Line])
    assert_type(fn.value_and_grad(of_mapping)(params, (x, y)), tuple[Scalar, Params])


def other_arguments_survive(weights: Weights, model: Model, params: Params, key: Key, x: Array, y: IntArray) -> None:
    assert_type(fn.grad(of_typed_dict)(weights, x, y=y, smoothing=0.1), Weights)
    assert_type(fn.value_and_grad(of_model)(model, key=key), tuple[Scalar, Model])
    assert_type(fn.grad(in_second_place, argnums=1)(x, params, scale=2.0), Params)


def auxiliary_results_keep_their_type(params: Params, x: Array) -> None:
    assert_type(fn.value_and_grad(with_aux, has_aux=True)(params, x), tuple[tuple[Scalar, Line], Params])
    assert_type(fn.grad(with_aux, has_aux=True)(params, x), tuple[Params, Line])


def several_arguments(params: Params, x: Array) -> None:
    assert_type(fn.grad(in_second_place, argnums=(0, 1))(x, params), tuple[Array, Params])
    assert_type(fn.value_and_grad(in_second_place, argnums=1)(x, params), tuple[Scalar, Params])


def of_number(x: float) -> float:
    return x ** 3


def transforms_nest(line: Line, x: Array) -> None:
    assert_type(fn.grad(fn.grad(of_number))(2.0), float)

    def length(line: Line, x: Array) -> Scalar:
        gradient = fn.grad(of_named_tuple)(line, x)
        return np.mean(gradient.slope ** 2)

    assert_type(fn.value_and_grad(length)(line, x), tuple[Scalar, Line])


def a_checkpointed_function_is_the_same_function(weights: Weights, params: Params, x: Array, y: IntArray) -> None:
    assert_type(fn.remat(of_typed_dict)(weights, x, y, smoothing=0.5), Scalar)
    assert_type(fn.grad(fn.remat(of_mapping))(params, (x, y)), Params)


def trees_keep_their_type(weights: Weights, line: Line, params: Params, model: Model) -> None:
    assert_type(tree.map(lambda w: 2 * w, weights), Weights)
    assert_type(tree.map(lambda a, b: a + b, line, line), Line)
    assert_type(tree.map_with_path(lambda path, w: w, params), Params)
    assert_type(tree.astype(model, np.float32), Model)
    assert_type(tree.freeze(line), Line)
    assert_type(tree.update_in(params, ("dense_0", "w"), lambda w: 0 * w), Params)
    assert_type(fn.stop_gradient(model), Model)
    flat, unravel = tree.ravel(weights)
    assert_type(flat, Array)
    assert_type(unravel(2 * flat), Weights)
    assert_type(tree.freeze({"a": 1.0}), fn.FrozenDict[str, float])


def product(x: Array, w: Array) -> Array:
    return x @ w


def other_derivatives(params: Params, line: Line, x: Array) -> None:
    assert_type(fn.jvp(product, (x, x), (x, x)), tuple[Array, Array])
    assert_type(fn.jvp(of_named_tuple, (line, x), (line, x)), tuple[float, float])
    y, pushforward = fn.linearize(product, x, x)
    assert_type(y, Array)
    assert_type(pushforward(x, y), Array)
    assert_type(fn.hvp(of_named_tuple, (line, x), (line, x)), Line)
    assert_type(fn.elementwise_grad(np.tanh)(x), Array)
    assert_type(fn.elementwise_grad(square)(x), Array)
    jacobian: Array = fn.jacobian(product, argnums=1)(x, w=x)
    hessian: Array = fn.hessian(of_arrays)({"w": jacobian})
    assert_type(hessian, Array)


def square(x: Array) -> Array:
    return x * x


def with_aux_of_line(line: Line, x: Array) -> tuple[float, Weights]:
    return 0.0, {"w": x, "b": line.slope}


def pullbacks_give_what_functions_take(params: Params, line: Line, x: Array, y: IntArray) -> None:
    value, pullback = fn.vjp(of_named_tuple, line, x)
    assert_type(value, float)
    assert_type(pullback(1.0), tuple[Line, Array])
    assert_type(fn.vjp(product, x, x)[1](x), tuple[Array, Array])
    assert_type(fn.vjp(of_mapping, params, (x, y))[1](1.0), tuple[Params, tuple[Array, IntArray]])
    assert_type(fn.vjp(lambda w: of_named_tuple(w, x), line)[1](1.0), tuple[Line])
    assert_type(fn.vjp((dense(2, 64) >> np.tanh).apply, params, x)[1](x), tuple[Params, Array])
    value, pullback_beside, aux = fn.vjp(with_aux_of_line, line, x, has_aux=True)
    assert_type(pullback_beside(value), tuple[Line, Array])
    assert_type(aux, Weights)


@fn.custom_vjp
def cube(x: Array, scale: float = 1.0) -> Array:
    return scale * x ** 3


cube.defvjps(lambda g, y, x, scale: 3 * g * scale * x ** 2, None)


def a_function_with_a_rule_keeps_its_signature(x: Array) -> None:
    assert_type(cube(x), Array)
    assert_type(cube(x, scale=2.0), Array)


def untyped_functions_may_be_differentiated(x: Array) -> Any:
    return fn.grad(lambda w: np.sum(w * x))(x)


def noisy(params: Params, x: Array, key: Key) -> Scalar:
    return np.mean(params["dense_0"]["w"] * x * random.normal(key))


def of_two(w: Array, x: Array) -> Scalar:
    return np.sum(w * x)


def mapped(params: Params, x: Array, named: Line) -> None:
    """`vmap` keeps the type of a function, but that it takes keys where the function takes a key."""
    net = dense(2, 3)
    keys = random.split(random.key(0), 10)
    assert_type(fn.vmap(net.init)(keys), DenseParams)
    assert_type(fn.vmap(of_two)(x, x), Scalar)
    assert_type(fn.vmap(np.exp)(x), Array)
    assert_type(fn.vmap(of_named_tuple, in_axes=(None, 0))(named, x), float)
    assert_type(fn.vmap(noisy, (None, 0, 0))(params, x, keys), Scalar)
    assert_type(fn.vmap(noisy, (None, 0, None))(params, x, keys[0]), Scalar)
    assert_type(fn.vmap(fn.grad(noisy), (None, 0, 0))(params, x, keys), Params)
    assert_type(fn.grad(fn.vmap(of_two))(x, x), Array)
    assert_type(fn.vmap(fn.vmap(net.init))(keys), DenseParams)
    assert_type(fn.vmap(fn.value_and_grad(of_two), in_axes=(None, 1), out_axes=(0, 1))(x, x)[1], Array)
    fn.vmap(lambda key: random.normal(key, (3,)))(keys)
    fn.vmap(lambda x: x**2, in_axes=-1)(x)
    fn.vmap(lambda p, x: p["w"] @ x, in_axes=({"w": None, "b": 0}, 0))


def jitted(params: Params, x: Array, named: Line, key: Key) -> None:
    """`jit` keeps the type of a function; `make_program` keeps its arguments, and returns the program."""
    net = dense(2, 3)
    assert_type(fn.jit(of_two)(x, x), Scalar)
    assert_type(fn.jit(net.init)(key), DenseParams)
    assert_type(fn.jit(of_typed_dict)({"w": x, "b": x}, x, np.array([0, 1]), smoothing=0.1), Scalar)
    assert_type(fn.jit(fn.value_and_grad(of_two))(x, x), tuple[Scalar, Array])
    assert_type(fn.vmap(fn.jit(fn.grad(of_two)))(x, x), Array)
    assert_type(fn.jit(repeated, static_argnums=(1,))(x, 2), list[Array])
    assert_type(fn.make_program(of_named_tuple)(named, x).source("line.py"), str)


@fn.jit
def repeated(x: Array, times: int) -> list[Array]:
    return [x] * times
