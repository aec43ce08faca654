"""What fits `Array`, and what comes out of it."""

from __future__ import annotations

import math
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from funcnn import random
from funcnn.activations import gelu, relu, softmax
from funcnn.typing import Array, IntArray, Key, Keys, Mask, Params, Scalar

Matrix = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Vector = np.ndarray[tuple[int], np.dtype[np.float32]]


def take(x: Array) -> Array:
    return x


def arrays_of_floats_fit(half: NDArray[np.float16], single: Vector, double: Matrix,
                         any_float: NDArray[np.floating[Any]], unknown: NDArray[Any]) -> None:
    for x in (take(half), take(single), take(double), take(any_float), take(unknown), take(np.ones(3, np.float32))):
        assert_type(x, Array)


def arrays_fit_as_numpy_makes_them(double: Matrix) -> None:
    assert_type(relu(np.zeros(3)), Array)
    assert_type(softmax(np.array([[0.0, 1.0]])), Array)
    assert_type(gelu(np.linspace(-1, 1, 5)), Array)
    take(double[:, 0])
    take(double.mean(axis=0))
    take(np.random.default_rng(0).normal(size=(2, 3)))


def operators_give_arrays(x: Array, a: Matrix) -> None:
    assert_type(x + 1, Array)
    assert_type(1 - x, Array)
    assert_type(2.0 * x / 3, Array)
    assert_type(-x ** 2, Array)
    assert_type(2 ** abs(x), Array)
    assert_type(x @ x.T, Array)
    take(x @ a)
    assert_type(x[0], Array)
    assert_type(x[:, None, ..., 1:], Array)
    assert_type(x.reshape((-1, 2)), Array)
    assert_type(x.transpose(1, 0), Array)
    assert_type(x.astype(np.float32), Array)
    assert_type(x.sum(), Array)
    assert_type(x.mean(axis=-1, keepdims=True), Array)
    assert_type(x.max(axis=(0, 1)) - x.min(), Array)
    assert_type(x.dtype, np.dtype[Any])
    assert_type(x.shape, tuple[int, ...])
    assert_type((x.ndim, x.size, len(x)), tuple[int, int, int])


def a_local_name_may_be_bound_again(x: Array, steps: int) -> Array:
    for _ in range(steps):
        x = x + 1
    return x


def comparisons_give_masks(x: Array, y: Array) -> None:
    assert_type(x > 0, Mask)
    assert_type((x > 0) & ~(y <= x), Mask)
    assert_type((x > 0) * x, Array)
    assert_type(x * (x > 0), Array)
    assert_type((x >= y)[0], Mask)


def numpy_takes_them(x: Array, scalar: Scalar, labels: IntArray) -> None:
    assert_type(np.mean(x), np.floating[Any])
    take(np.exp(x))
    take(np.where(x > 0, x, 0.0))
    take(np.stack([x, x]))
    take(x[labels])
    take(np.asarray(x))
    assert_type(float(scalar), float)
    assert_type(math.sqrt(scalar), float)
    assert_type(f"{scalar:.3f} {float(x[0]):.2f}", str)


def activations_are_functions_of_arrays(x: Array, a: Matrix) -> None:
    assert_type(relu(a), Array)
    assert_type(softmax(x, axis=0), Array)
    assert_type(gelu(x, approximate=False), Array)


def parameters_are_written_as_dicts(a: Matrix) -> Params:
    params: Params = {"dense_0": {"w": a, "b": np.zeros(3, np.float32)}}
    assert_type(params["dense_0"]["w"], Array)
    replaced: Params = {**params, "dense_0": {"w": 2 * params["dense_0"]["w"], "b": a}}
    return replaced


def keys_come_from_keys(key: Key) -> None:
    assert_type(random.key(0), Key)
    first, second = random.split(key)
    assert_type(first, Key)
    assert_type(random.split(second, 5), Keys)
    assert_type(random.split(key, 3)[2], Key)
    assert_type([random.normal(each) for each in random.split(key, 3)], list[NDArray[np.floating[Any]]])
    assert_type(list(random.split(key)), list[Key])
    assert_type(random.fold_in(key, 7), Key)
    take(random.normal(key, (3, 2)))
    take(random.uniform(key, (3,), minval=-1.0))
    assert_type(random.permutation(key, 10), NDArray[np.int32])
    assert_type(random.bernoulli(key, 0.5, (3,)), NDArray[np.bool_])
