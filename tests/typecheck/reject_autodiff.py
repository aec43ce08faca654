"""Derivatives asked for in the wrong way."""

# ruff: noqa: B018, F841, RUF059  # mistakes do nothing
from __future__ import annotations

from typing import NamedTuple, TypedDict

import numpy as np

import funcnn as fn
from funcnn.layers import dense
from funcnn.typing import Array, IntArray, Key, Params, Scalar

Batch = tuple[Array, IntArray]


class Weights(TypedDict):
    w: Array
    b: Array


class Line(NamedTuple):
    slope: Array
    offset: Array


def loss(params: Params, batch: Batch, *, smoothing: float = 0.0) -> Scalar:
    return np.mean(params["dense_0"]["w"] * batch[0]) * smoothing


def of_weights(weights: Weights, x: Array) -> Scalar:
    return np.mean(weights["w"] * x)


def of_line(line: Line, x: Array) -> Scalar:
    return np.mean(line.slope * x)


def rows(params: Params, batch: Batch) -> tuple[Array, Array]:
    return batch[0], batch[0]


def nothing(params: Params, batch: Batch) -> None:
    np.mean(params["dense_0"]["w"] * batch[0])


def name(params: Params, batch: Batch) -> str:
    return "loss"


def label(params: Params, batch: Batch) -> IntArray:
    return batch[1]


def with_aux(params: Params, batch: Batch) -> tuple[Scalar, Line]:
    return loss(params, batch), Line(batch[0], batch[0])


def arguments_of_the_gradient(params: Params, batch: Batch, x: Array) -> None:
    fn.grad(loss)(params)  # E: call-arg | Too few arguments
    fn.grad(loss)()  # E: call-arg | Too few arguments
    fn.grad(loss)(params, batch, 0.1)  # E: call-arg | Too many positional arguments
    fn.grad(loss)(batch, params)  # E: arg-type, arg-type | expected "Mapping[str, Mapping[str, Array]]"
    fn.grad(loss)(params, x)  # E: arg-type | expected "tuple[Array, ndarray
    fn.grad(loss)(params, (x, x))  # E: arg-type
    fn.grad(loss)(params, batch, smooting=0.1)  # E: call-arg | "smooting"
    fn.grad(loss)(params, batch, smoothing="0.1")  # E: arg-type | "str"; expected "float"
    fn.value_and_grad(loss)(params)  # E: call-arg | Too few arguments
    fn.value_and_grad(loss)(params, batch, smooting=0.1)  # E: call-arg | "smooting"
    fn.value_and_grad(of_weights)({"w": x}, x)  # E: typeddict-item | Missing key "b"
    fn.value_and_grad(of_line)((x, x), x)  # E: arg-type | expected "Line"
    fn.remat(loss)(params)  # E: call-arg | Too few arguments
    fn.remat(loss)(params, batch, smooting=0.1)  # E: call-arg | "smooting"


def results_of_the_gradient(weights: Weights, line: Line, params: Params, batch: Batch, x: Array) -> None:
    value, grads, rest = fn.value_and_grad(loss)(params, batch)  # E: misc | Need more than 2 values
    fn.value_and_grad(loss)(params, batch)["dense_0"]  # E: call-overload | of "tuple" matches argument type "str"
    grads, value = fn.value_and_grad(loss)(params, batch)
    swapped: Params = grads  # E: assignment | "Array | floating[Any] | float"
    fn.grad(of_weights)(weights, x)["bias"]  # E: typeddict-item | has no key "bias"
    fn.grad(of_line)(line, x).bias  # E: attr-defined | "Line" has no attribute "bias"
    fn.grad(of_line)(line, x)["slope"]  # E: call-overload
    fn.grad(of_line)(line, x).slope = x  # E: misc | read-only
    fn.grad(loss)(params, batch)["dense_0"]["w"] = x  # E: index | Unsupported target for indexed assignment
    gradient: Weights = fn.grad(of_line)(line, x)  # E: assignment | "Line"
    of_weights(fn.grad(of_line)(line, x), x)  # E: arg-type | "Line"; expected "Weights"


def what_has_no_gradient(params: Params, batch: Batch) -> None:
    fn.grad(nothing)  # E: arg-type | None
    fn.grad(name)  # E: arg-type | str
    fn.grad(label)  # E: arg-type | integer[Any]
    fn.grad(rows)  # E: arg-type | tuple[Array, Array]
    fn.grad(with_aux)  # E: arg-type | tuple[
    fn.grad(loss, has_aux=True)  # E: call-overload | No overload variant of "grad"
    fn.value_and_grad(nothing)  # E: type-var | None
    fn.value_and_grad(name)  # E: type-var | str
    fn.value_and_grad(with_aux)  # E: type-var
    fn.grad(loss(params, batch))  # E: call-overload | argument type "Array | floating[Any] | float"
    fn.grad(params)  # E: call-overload
    fn.grad(loss, "params")  # E: call-overload
    fn.grad(loss, wrt=0)  # E: call-overload, call-overload | Unexpected keyword argument "wrt"
    fn.value_and_grad(dense(2, 3))  # E: call-overload | "Layer[
    fn.grad()  # E: call-overload


def product(x: Array, w: Array) -> Array:
    return x @ w


@fn.custom_vjp
def cube(x: Array) -> Array:
    return x ** 3


def other_derivatives(params: Params, line: Line, x: Array, key: Key) -> None:
    fn.jvp(product, x, x)  # E: arg-type, arg-type
    fn.jvp(product, (x, x), (x,))  # E: arg-type
    fn.jvp(product, (x, x))  # E: call-arg | "tangents"
    fn.hvp(of_line, (line, x), (x, line))  # E: arg-type
    fn.hvp(product, (x, x))  # E: call-arg
    y, pushforward = fn.linearize(product, x, x)
    pushforward(x)  # E: call-arg
    fn.linearize(product, x, line)  # E: arg-type
    fn.jacobian(product)(x)  # E: call-arg
    fn.hessian(of_line)(x, line)  # E: arg-type, arg-type
    cube(line)  # E: arg-type | "Line"; expected "Array"
    cube(x, x)  # E: call-arg
    cube.defvjps(3)  # E: arg-type
    cube.defvjp(lambda x: (x, x))  # E: call-arg | "bwd"
    fn.stop_gradient()  # E: call-arg
    fn.vjp(product, x)  # E: arg-type
    fn.vjp(product, x, line)  # E: arg-type, call-arg
    fn.vjp(product, x, x, x)  # E: arg-type, call-arg
    fn.vjp(product, x, x)[1](line)  # E: arg-type | "Line"; expected "Array"
    fn.vjp(product, x, x)[1]()  # E: call-arg
    y, dx, dw = fn.vjp(product, x, x)  # E: misc | Need more than 2 values
    fn.vjp(product, x, x, has_aux=True)  # E: call-arg, call-overload
    fn.vjp(x, x)  # E: call-overload
    fn.stop_gradient(line)["slope"]  # E: call-overload


def batches(x: Array, params: Params) -> None:
    net = dense(2, 3)
    fn.vmap(x)  # E: call-overload
    fn.vmap(product, in_axes="first")(x, x)  # E: call-overload
    fn.vmap(product)(x)  # E: call-overload
    fn.vmap(product)(x, params)  # E: call-overload
    fn.vmap(net.init)(x)  # E: call-overload
    fn.vmap(net.init)(3)  # E: call-overload
    fn.vmap(loss)(params)  # E: call-overload


def what_the_library_does_not_have() -> None:
    fn.valeu_and_grad  # E: attr-defined | has no attribute "valeu_and_grad"
    fn.vmpa  # E: attr-defined


def compiled(x: Array, params: Params, batch: Batch) -> None:
    fn.jit(x)  # E: arg-type
    fn.jit(product)(x)  # E: call-arg
    fn.jit(product)(x, params)  # E: arg-type
    fn.jit(product, static_argnums="x")  # E: arg-type
    fn.jit(loss)(params, batch, smothing=0.1)  # E: call-arg
    fn.make_program(product)(x, params)  # E: arg-type
    fn.make_program(product)(x, x).sauce()  # E: attr-defined
