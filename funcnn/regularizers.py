"""With this module you can keep weights small: `l1`, `l2`, `elastic_net`, a penalty on any tree of parameters.

A penalty is one number to add to the loss, which then pulls the weights towards 0:

    np.mean(losses.squared_error(net.apply(params, x), y)) + l2(params["dense_0"], 5e-4)

It runs over all the leaves of the tree that it is given, biases too; pass `params["dense_0"]["w"]` for weights alone.
The dtype of the leaves is kept, and an empty tree costs 0. `optimizers.add_decayed_weights` is the other way to the
same end: there the pull is not part of the gradient that the optimizer scales.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn import tree
from funcnn._arrays import namespace
from funcnn.autodiff import custom_vjp
from funcnn.rules.elementwise import direction
from funcnn.typing import Scalar

__all__ = ["elastic_net", "l1", "l2"]


def l1(params: object, strength: float) -> Scalar:
    """The sum of the sizes of all weights, strength sum |w|, which makes many of them exactly small.

    The derivative is strength sign(w), and 0 where w = 0 (the book has +strength there, which moves biases of 0).

    >>> l1({"w": np.array([[1.0, -2.0]]), "b": np.array([0.0])}, 0.5)
    np.float64(1.5)
    """
    penalty: Scalar = _penalty("l1", _sum_of_sizes, params, strength)
    return penalty


def l2(params: object, strength: float) -> Scalar:
    """The sum of the squares of all weights, strength sum w^2, without a half: the derivative is 2 strength w.

    >>> l2({"w": np.array([[1.0, -2.0]]), "b": np.array([0.0])}, 0.5)
    np.float64(2.5)

    As in the book *Neural Networks from Scratch*; with the half that others have, it is l2(params, strength / 2).
    """
    penalty: Scalar = _penalty("l2", _sum_of_squares, params, strength)
    return penalty


def elastic_net(params: object, l1_strength: float, l2_strength: float) -> Scalar:
    """Both penalties, l1_strength sum |w| + l2_strength sum w^2.

    >>> elastic_net({"w": np.array([[1.0, -2.0]]), "b": np.array([0.0])}, 0.5, 0.5)
    np.float64(4.0)

    Zou & Hastie 2005.
    """
    return l1(params, l1_strength) + l2(params, l2_strength)


def _penalty(name: str, measure: Callable[[Any], Any], params: Any, strength: Any) -> Any:
    strength = _number(name, strength)
    sums = [measure(leaf) for leaf in _floats(name, params)]
    return strength * sum(sums[1:], sums[0]) if sums else 0.0


def _number(name: str, strength: Any) -> Any:
    """The strength, as a Python number where it is not an array, because a NumPy number would widen float32."""
    if isinstance(strength, np.floating | np.integer):
        strength = strength.item()
    if not isinstance(strength, int | float) and getattr(strength, "shape", None) != ():
        raise TypeError(f"{name}: strength must be a number, got a {type(strength).__name__}; the tree comes first: "
                        f"{name}(params, 5e-4)")
    if isinstance(strength, int | float) and not 0 <= strength < math.inf:
        raise ValueError(f"{name}: strength must be finite and not negative, got {strength}")
    return strength


def _floats(name: str, params: Any) -> list[Any]:
    """The leaves, all of floating-point numbers."""
    leaves = tree.leaves(params)
    if any(_kind(leaf) in "biuSUO" for leaf in leaves):
        path, leaf = next((path, leaf) for path, leaf in tree.leaves_with_path(params) if _kind(leaf) in "biuSUO")
        raise TypeError(f"{name}: the leaf at {tree.keystr(path)!r} must be floating-point numbers, got {leaf!r:.60}")
    return leaves


def _kind(leaf: Any) -> str:
    dtype: np.dtype[Any] = getattr(leaf, "dtype", None) or np.dtype(type(leaf))
    return dtype.kind


@custom_vjp
def _sum_of_squares(w: Any) -> Any:
    return namespace(w).sum(w * w)


@custom_vjp
def _sum_of_sizes(w: Any) -> Any:
    xp = namespace(w)
    return xp.sum(abs(w)) if xp is np else xp.sum(w * xp.sign(w))  # abs has derivative 1 at 0 in JAX


_sum_of_squares.defvjps(lambda g, _y, w: (2 * g) * w, formula=("y = sum(x**2)", "dx = 2 * g * x"))
_sum_of_sizes.defvjps(lambda g, _y, w: g * direction(w), formula=("y = sum(abs(x))", "dx = g * sign(x)"))
_sum_of_squares.name, _sum_of_sizes.name = "l2", "l1"
