"""Penalties that keep weights small, on any tree of parameters: `l1`, `l2`, `elastic_net`.

A penalty is one number to add to the loss, which then pulls the weights towards 0:

    np.mean(losses.squared_error(net.apply(params, x), y)) + l2(params["dense_0"], 5e-4)

It runs over all the leaves of the tree that it is given, biases too; pass `params["dense_0"]["w"]` for weights alone.
The dtype of the leaves is kept, and an empty tree costs 0. `optimizers.add_decayed_weights` is the other way to the
same end: there the pull is not part of the gradient that the optimizer scales.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn import tree
from funcnn._arguments import at, float_array, real_number
from funcnn._arrays import namespace
from funcnn._later import later
from funcnn.autodiff import custom_vjp
from funcnn.rules.elementwise import direction
from funcnn.typing import Scalar

__all__ = ["elastic_net", "l1", "l2"]


def l1(params: object, strength: float) -> Scalar:
    """The sum of the sizes of all weights w of a tree `params`, `strength sum abs(w)`, which makes many of them small.

    The derivative is `strength sign(w)`, and 0 where w = 0 (the book has +strength there, which moves biases of 0).

    >>> l1({"w": np.array([[1.0, -2.0]]), "b": np.array([0.0])}, 0.5)
    np.float64(1.5)
    """
    penalty: Scalar = _penalty("l1", _sum_of_sizes, params, strength)
    return penalty


def l2(params: object, strength: float) -> Scalar:
    """The sum of the squares of all weights w of a tree `params`, `strength sum w^2`, without a half.

    The derivative is `2 strength w`.

    >>> l2({"w": np.array([[1.0, -2.0]]), "b": np.array([0.0])}, 0.5)
    np.float64(2.5)

    As in the book *Neural Networks from Scratch*; with the half that others have, it is `l2(params, strength / 2)`.
    """
    penalty: Scalar = _penalty("l2", _sum_of_squares, params, strength)
    return penalty


def elastic_net(params: object, l1_strength: float, l2_strength: float) -> Scalar:
    """Both penalties, `l1_strength sum abs(w) + l2_strength sum w^2`, of the weights w of a tree `params`.

    >>> elastic_net({"w": np.array([[1.0, -2.0]]), "b": np.array([0.0])}, 0.5, 0.5)
    np.float64(4.0)

    Zou & Hastie 2005.
    """
    return l1(params, l1_strength) + l2(params, l2_strength)


def _penalty(name: str, measure: Callable[[Any], Any], params: Any, strength: Any) -> Any:
    strength = _strength(name, strength)
    leaves = tree.leaves_with_path(params)
    for path, leaf in leaves:
        _check_floats(name, path, leaf)
    sums = [measure(leaf) for _, leaf in leaves]
    return strength * sum(sums[1:], sums[0]) if sums else 0.0


def _strength(name: str, strength: Any) -> Any:
    try:
        return real_number(name, "strength", strength, "[0, inf)")
    except TypeError as error:
        raise TypeError(f"{error}; the tree comes first: {name}(params, 5e-4)") from None


def _check_floats(name: str, path: tree.Path, leaf: Any) -> None:
    if type(leaf) is not float:
        float_array(name, f"the leaf{at(path)}", leaf)


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


later(globals())  # what may be meant by a name that is not here
