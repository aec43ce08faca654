"""Which activations are made of straight lines? `relu`, `leaky_relu`, `hard_tanh`: what is cut off, and where."""

from __future__ import annotations

import numpy as np

from funcnn.autodiff import custom_vjp
from funcnn.rules.table import masked, unbroadcast
from funcnn.typing import Array

__all__ = ["hard_sigmoid", "hard_tanh", "leaky_relu", "relu", "relu6"]


@custom_vjp
def relu(x: Array) -> Array:
    """The rectified linear unit: `max(x, 0)`, with derivative 1 where x > 0 and 0 elsewhere, also at x = 0.

    >>> relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])

    As `jax.nn.relu`; Nair & Hinton 2010.
    """
    result: Array = np.maximum(x, np.zeros_like(x))  # twice as fast as np.maximum(x, 0)
    return result


relu.defvjps(lambda g, y, _x: masked(g, y > 0), formula=("y = maximum(x, 0)", "dx = g * (x > 0)"))


@custom_vjp
def relu6(x: Array) -> Array:
    """A relu that ends at 6: `min(max(x, 0), 6)`, with derivative 1 where 0 < x < 6 and 0 elsewhere.

    >>> relu6(np.array([-1.0, 2.0, 9.0]))
    array([0., 2., 6.])

    As `jax.nn.relu6`; Krizhevsky 2010.
    """
    result: Array = np.minimum(np.maximum(x, 0), 6)
    return result


relu6.defvjps(lambda g, _y, x: masked(g, (x > 0) & (x < 6)),
              formula=("y = clip(x, 0, 6)", "dx = g * (0 < x < 6)"))


@custom_vjp
def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """A relu that lets a little through: `x` where it is 0 or more, `negative_slope x` elsewhere.

    The derivative at 0 is 1. The slope may be an array that is learnt: `funcnn.layers.prelu` is the layer of it.

    >>> leaky_relu(np.array([-1.0, 0.0, 2.0]))
    array([-0.01,  0.  ,  2.  ])

    As `jax.nn.leaky_relu`; Maas et al. 2013.
    """
    result: Array = np.maximum(x, 0) + negative_slope * np.minimum(x, 0)
    return result


leaky_relu.defvjps(
    lambda g, _y, x, negative_slope: np.where(x >= 0, g, g * negative_slope),
    lambda g, _y, x, _negative_slope: unbroadcast(g * np.minimum(x, 0), _negative_slope),
    formula=("y = where(x >= 0, x, slope * x)", "dx = g * where(x >= 0, 1, slope)", "dslope = sum(g * minimum(x, 0))"))


@custom_vjp
def hard_tanh(x: Array) -> Array:
    """A tanh of straight lines: `min(max(x, -1), 1)`, with derivative 1 from -1 to 1, at both too, and 0 beyond.

    >>> hard_tanh(np.array([-3.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])

    As `jax.nn.hard_tanh`; Collobert 2004.
    """
    result: Array = np.minimum(np.maximum(x, -1), 1)
    return result


hard_tanh.defvjps(lambda g, _y, x: masked(g, ~(abs(x) > 1)),
                  formula=("y = clip(x, -1, 1)", "dx = g * (abs(x) <= 1)"))


@custom_vjp
def hard_sigmoid(x: Array) -> Array:
    """A sigmoid of straight lines, `min(max(x + 3, 0), 6) / 6`: derivative 1/6 between -3 and 3, and 0 elsewhere.

    >>> hard_sigmoid(np.array([-3.0, 0.0, 1.5]))
    array([0.  , 0.5 , 0.75])

    As `jax.nn.hard_sigmoid`; Howard et al. 2019 (arXiv:1905.02244). Keras 2 and Theano had `0.2 x + 0.5`.
    """
    result: Array = np.minimum(np.maximum(np.add(x, 3), 0), 6) / 6
    return result


hard_sigmoid.defvjps(lambda g, _y, x: masked(g / 6, abs(x) < 3),
                     formula=("y = clip(x + 3, 0, 6) / 6", "dx = g * (abs(x) < 3) / 6"))
