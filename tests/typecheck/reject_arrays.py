"""Arrays and parameters never change, and not everything is an array."""

# ruff: noqa: F841  # mistakes do nothing
from __future__ import annotations

import numpy as np

from funcnn.activations import relu
from funcnn.typing import Array, DenseParams, IntArray, Params, Scalar


def parameters_are_not_written_to(params: Params, x: Array) -> None:
    params["dense_0"]["w"] = x  # E: index | Unsupported target for indexed assignment & Mapping[str, Array]
    params["dense_0"]["w"] += x  # E: index | Unsupported target for indexed assignment & Mapping[str, Array]
    params["dense_0"]["w"][0] = 1.0  # E: index | Unsupported target for indexed assignment ("Array")
    params["dense_0"]["w"][0] += 1.0  # E: index | Unsupported target for indexed assignment ("Array")
    params["dense_0"] = {"w": x}  # E: index | Unsupported target for indexed assignment
    del params["dense_0"]  # E: attr-defined | has no attribute "__delitem__"
    params["dense_0"].update(w=x)  # E: attr-defined | has no attribute "update"
    params.pop("dense_0")  # E: attr-defined | has no attribute "pop"


def nor_are_those_of_one_layer(params: DenseParams, x: Array) -> None:
    params["w"] = x  # E: typeddict-readonly-mutated | ReadOnly TypedDict key "w"
    params["w"] -= x  # E: typeddict-readonly-mutated | ReadOnly TypedDict key "w"
    del params["b"]  # E: misc | Key "b" of TypedDict "DenseParams" cannot be deleted
    params["W"]  # E: typeddict-item | has no key "W"
    params["bias"] = x  # E: typeddict-unknown-key | has no key "bias"
    missing: DenseParams = {"w": x}  # E: typeddict-item | Missing key "b"


def arrays_are_not_written_to(x: Array) -> None:
    x[0] = 1.0  # E: index | Unsupported target for indexed assignment ("Array")
    x[0, :] *= 2  # E: index | Unsupported target for indexed assignment ("Array")
    np.exp(x, out=x)  # E: call-overload
    x.shape = (3,)  # E: misc | Property "shape" defined in "Array" is read-only
    x.T = x  # E: misc | read-only
    x.dtype = np.dtype(np.float32)  # E: misc | read-only
    x.sort()  # E: attr-defined
    x.fill(0.0)  # E: attr-defined
    del x[0]  # E: attr-defined
    np.copyto(x, 0.0)  # E: arg-type


def not_everything_is_an_array(x: Array, labels: IntArray, params: Params, scalar: Scalar) -> None:
    relu([1.0, -1.0])  # E: arg-type | "list[float]"; expected "Array"
    relu(3.0)  # E: arg-type | "float"; expected "Array"
    relu(labels)  # E: arg-type | integer[Any] & expected "Array"
    relu(x > 0)  # E: arg-type | "Mask"; expected "Array"
    relu(params)  # E: arg-type | expected "Array"
    relu(np.arange(3))  # E: arg-type | expected "Array"
    counts: IntArray = x  # E: assignment
    relu(scalar)  # E: arg-type | float
    x.reshape("rows")  # E: arg-type
    if x.size():  # E: operator | "int" not callable
        pass
