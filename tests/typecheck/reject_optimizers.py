"""States, gradients and parameters mixed up."""

# ruff: noqa: B018, F841, RUF059  # mistakes do nothing
from __future__ import annotations

from typing import NamedTuple

import funcnn as fn
from funcnn import optimizers, schedules
from funcnn.optimizers import GradientTransformation, OptState, apply_updates
from funcnn.typing import Array, Params, Scalar


class Line(NamedTuple):
    slope: Array
    offset: Array


adam = optimizers.adam(1e-3)


def the_wrong_state(params: Params, grads: Params, line: Line, state: OptState[Params], value: Scalar) -> None:
    adam.update(grads, params, params)  # E: arg-type | expected "OptState[
    adam.update(grads, adam, params)  # E: arg-type | expected "OptState[
    adam.update(grads, (), params)  # E: arg-type | expected "OptState[
    adam.update(grads, None, params)  # E: arg-type | expected "OptState[
    adam.update(grads, adam.init(line), params)  # E: misc | Cannot infer value of type parameter "P" of "update"
    adam.update(state, grads, params)  # E: arg-type | expected "OptState[
    adam.update(grads, adam.init, params)  # E: arg-type | expected "OptState[
    state.mu  # E: attr-defined
    state[0]  # E: index
    mu, nu = state  # E: misc | not iterable


def the_wrong_gradients_or_parameters(params: Params, line: Line, state: OptState[Params], value: Scalar) -> None:
    adam.update(value, state, params)  # E: misc | Cannot infer value of type parameter "P" of "update"
    adam.update(line, state, params)  # E: misc | Cannot infer value of type parameter "P" of "update"
    adam.update(params, state, line)  # E: misc | Cannot infer value of type parameter "P" of "update"
    adam.update(params, state)  # E: call-arg | "params"
    adam.update(params)  # E: call-arg
    adam.init()  # E: call-arg | "params"
    apply_updates(params)  # E: call-arg | "updates"
    shifted: Params = apply_updates(params, line)  # E: arg-type | "Line"
    kept: Line = apply_updates(line, params)  # E: assignment | variable has type "Line"
    moved: Params = apply_updates(params, state)  # E: arg-type | "OptState


def forgotten_unpacking(params: Params, grads: Params, state: OptState[Params]) -> None:
    updates = adam.update(grads, state, params)
    moved: Params = apply_updates(params, updates)  # E: arg-type | "tuple[Mapping
    both: Params = adam.update(grads, state, params)  # E: assignment | "tuple[
    state = adam.update(grads, state, params)  # E: assignment | "tuple[
    a, b, c = adam.update(grads, state, params)  # E: misc | Need more than 2 values
    new_state, new_updates = adam.update(grads, state, params)
    adam.update(grads, new_state, params)  # E: arg-type | expected "OptState[
    grads = fn.value_and_grad(loss)(params)  # E: assignment | "tuple[
    adam.update(fn.value_and_grad(loss)(params), state, params)  # E: misc | type parameter "P" of "update"


def loss(params: Params) -> Scalar:
    return params["dense_0"]["w"].sum()


def steps(params: Params, state: OptState[Params]) -> tuple[Params, OptState[Params], Scalar]:
    value, grads = fn.value_and_grad(loss)(params)
    updates, state = adam.update(grads, state, params)
    moved = apply_updates(params, updates)
    return state, moved, value  # E: return-value


def what_optimizers_are_made_of(params: Params, state: OptState[Params]) -> None:
    optimizers.adam("0.001")  # E: arg-type | "str"
    optimizers.adam(lr=0.001)  # E: call-arg | "lr"
    optimizers.adam()  # E: call-arg | "learning_rate"
    optimizers.sgd(0.1, momentum="0.9")  # E: arg-type | "str"; expected "float"
    optimizers.sgd(params, 0.1)  # E: arg-type
    optimizers.sgd(0.1).step()  # E: attr-defined | "step"
    optimizers.chain([optimizers.clip(1.0), adam])  # E: arg-type | "list[
    optimizers.chain(optimizers.adam)  # E: arg-type
    optimizers.chain(0.1)  # E: arg-type | "float"; expected "GradientTransformation"
    optimizers.chain(adam, schedules.constant(0.1))  # E: arg-type | expected "GradientTransformation"
    optimizers.clip_by_global_norm()  # E: call-arg | "max_norm"
    optimizers.masked(adam)  # E: call-arg | "mask"
    optimizers.masked(params, adam)  # E: arg-type
    optimizers.accumulate(4, adam)  # E: arg-type, arg-type
    optimizers.partition({"slow": 0.1}, "slow")  # E: dict-item | expected "str": "GradientTransformation"
    optimizers.partition({"slow": adam})  # E: call-arg | "param_labels"
    optimizers.freeze(adam, {"dense_0": True})  # E: call-arg | Too many
    optimizers.inject_hyperparams(optimizers.adam)("0.1")  # E: arg-type
    optimizers.inject_hyperparams(adam)  # E: arg-type
    optimizers.eval_params(params)  # E: arg-type | expected "OptState[
    optimizers.minimize(loss, 3.0)  # E: arg-type
    optimizers.scale_by_schedule(0.1)  # E: arg-type | "float"
    schedules.cosine_decay("0.1", 100)  # E: arg-type | "str"; expected "float"
    schedules.cosine_decay(0.1, 100.5)  # E: arg-type | "float"; expected "int"
    schedules.join(schedules.constant(0.1), [10])  # E: arg-type
    schedules.piecewise_constant(0.1, [10, 20])  # E: arg-type
    GradientTransformation(lambda params: ())  # E: call-arg | "update_fn"
    adam.update = None  # E: method-assign, assignment
    adam.init_fn = len  # E: misc | read-only
