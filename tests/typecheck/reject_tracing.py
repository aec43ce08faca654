"""A trace takes the arguments of its function, and is data that does not change."""

from __future__ import annotations

import numpy as np

from funcnn import losses, optimizers, plotting
from funcnn.layers import dense
from funcnn.tracing import find_nonfinite, summary, trace
from funcnn.typing import Array, IntArray, Params, Scalar

net = dense(2, 3) >> np.tanh


def loss(params: Params, x: Array, labels: IntArray) -> Scalar:
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), labels))


def arguments_are_those_of_the_function(params: Params, x: Array, labels: IntArray) -> None:
    trace(loss)(params, x)  # E: call-arg | Too few arguments
    trace(loss)(params, "x", labels)  # E: arg-type | expected "Array"
    find_nonfinite(loss)(x, x, labels)  # E: arg-type | expected "Mapping[str, Mapping[str, Array]]"
    trace(loss, "sgd")  # E: arg-type | expected "GradientTransformation | None"


def a_trace_does_not_change(params: Params, x: Array, labels: IntArray) -> None:
    step = trace(loss, optimizers.sgd(0.1))(params, x, labels)
    step.value = step.value  # E: misc | read-only
    step.parameters[0].gradient = step.value  # E: misc | read-only
    step.operations[0].name = "other"  # E: misc | read-only
    step.operations.append(step.operations[0])  # E: attr-defined | has no attribute "append"


def a_summary_is_of_a_layer(params: Params) -> None:
    summary(params)  # E: arg-type | expected "Layer[Any, Any, Any]"


def a_film_is_of_what_the_net_takes(params: Params, x: Array, labels: IntArray) -> None:
    plotting.animate([params], net.init, x, labels, "film.gif")  # E: arg-type | incompatible type
