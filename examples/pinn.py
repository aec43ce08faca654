"""A physics-informed net: solve a differential equation by making a net obey it, with second derivatives and L-BFGS.

Wanted is u on [0, 1] with u'' = -pi^2 sin(pi x) and u(0) = u(1) = 0, which is sin(pi x). The net never sees a value of
u: the loss is by how much it breaks the equation at 32 points, `grad` of `grad` of one point, `vmap` for all of them.
There is one batch and no noise, so that `minimize` finds in seconds what Adam does not in minutes. It needs SciPy:

    pip install 'funcnn[scipy]' && python examples/pinn.py
"""

from __future__ import annotations

import numpy as np

import funcnn as fn
from funcnn import optimizers, random, tree
from funcnn.layers import dense
from funcnn.typing import Array, Params, Scalar

net = dense(1, 16) >> np.tanh >> dense(16, 1)
x = np.linspace(0.0, 1.0, 32)


def u(params: Params, x: Array) -> Array:
    """The solution at one point; the factors make it 0 at both ends, whatever the net says."""
    return x * (1 - x) * net.apply(params, np.reshape(x, (1, 1)))[0, 0]


def loss(params: Params) -> Scalar:
    """By how much the equation does not hold, squared, on average."""
    bend = fn.vmap(fn.grad(fn.grad(u, argnums=1), argnums=1), in_axes=(None, 0))(params, x)
    return np.mean((bend + np.pi**2 * np.sin(np.pi * x)) ** 2)


start = tree.astype(net.init(random.key(0)), np.float64)
found = optimizers.minimize(fn.jit(fn.value_and_grad(loss)), start, jac=True)
error = fn.vmap(u, in_axes=(None, 0))(found.x, x) - np.sin(np.pi * x)
print(f"after {found.nit} steps the equation holds up to {found.fun**0.5:.1e}")
print(f"the solution is off by {np.max(np.abs(error)):.1e} at most")
