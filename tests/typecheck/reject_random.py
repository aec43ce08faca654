"""A key is neither an array nor a number."""

# ruff: noqa: B015, B018, F841, RUF059  # mistakes do nothing
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from funcnn import initializers, random
from funcnn.activations import relu
from funcnn.layers import dense
from funcnn.typing import Array, Key, Params


def keys_are_not_numbers(key: Key) -> None:
    key + 1  # E: operator | "Key"
    2 * key  # E: operator | "Key"
    key[0]  # E: index | "Key"
    seed: int = key  # E: assignment | "Key"
    seed = int(key)  # E: call-overload
    relu(key)  # E: arg-type | "Key"; expected "Array"
    x: Array = key  # E: assignment | "Key"
    words: NDArray[np.uint32] = key  # E: assignment | "Key"
    len(key)  # E: arg-type | "Key"
    first, second = key  # E: misc | "Key" object is not iterable
    key < key  # E: operator
    key.shape  # E: attr-defined


def numbers_are_not_keys(key: Key, x: Array) -> None:
    random.normal(0, (3,))  # E: arg-type | "int"; expected "Key"
    random.uniform((3,), key)  # E: arg-type, arg-type
    random.split(42)  # E: call-overload
    random.fold_in(0, 1)  # E: arg-type | "int"; expected "Key"
    random.fold_in(key, key)  # E: arg-type | "Key"; expected "int"
    random.permutation(10, key)  # E: call-overload
    random.bernoulli(x)  # E: arg-type | expected "Key"
    random.normal(np.array([0, 1], np.uint32))  # E: arg-type | expected "Key"
    random.normal(np.random.default_rng(0), (3,))  # E: arg-type | expected "Key"
    random.key("seed")  # E: arg-type | expected "int"
    random.key()  # E: call-arg
    random.key(0.5)  # E: arg-type | expected "int"
    random.normal(key, "3")  # E: arg-type
    random.normal(key, shape=(3, 2.0))  # E: arg-type
    key = random.split(key)  # E: assignment | "Keys"


def several_keys_are_not_one(key: Key, params: Params, x: Array) -> None:
    random.normal(random.split(key))  # E: arg-type | "Keys"; expected "Key"
    dense(2, 3).init(random.split(key, 2))  # E: arg-type | "Keys"; expected "Key"
    random.split(key, 3)["a"]  # E: index
    (dense(2, 64) >> dense(64, 3)).apply(params, x, key=random.split(key))  # E: arg-type | "Keys"


def initializers_are_made_first(key: Key) -> None:
    dense(2, 3, w_init=initializers.he_normal)  # E: arg-type | expected "Initializer
    dense(2, 3, w_init="he_normal")  # E: arg-type | "str"; expected "Initializer
    dense(2, 3, w_init=0.01)  # E: arg-type | "float"; expected "Initializer
    dense(2, 3, b_init=initializers.zeros(key, (3,)))  # E: arg-type | expected "Initializer
    initializers.normal(0.01)((2, 3), key)  # E: arg-type, arg-type
    initializers.he_normal()(key, 3)  # E: arg-type
    initializers.variance_scaling(2.0, "fan_inn", "normal")  # E: arg-type | 'fan_in'
