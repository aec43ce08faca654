"""Where is JAX another than NumPy? The functions for which not simply the one of the same name stands.

They take arrays of JAX, and are found by the function, of NumPy or of the library, in whose place they stand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from funcnn.autodiff.custom import STOP
from funcnn.autodiff.scatter import PUT, Distinct
from funcnn.core import RULES, getitem
from funcnn.jax.lifted import lifted, lowered
from funcnn.jax.lifting import LIFT, TABLE
from funcnn.layers.convolution import spread_out
from funcnn.rules.indexing import PERMUTED_BACK

__all__: list[str] = []


jax.tree_util.register_pytree_node(Distinct, lambda index: (tuple(index), None), lambda _, parts: tuple(parts))


def _picked(x: Any, index: Any) -> Any:
    """x[index]; what lies outside of an array is an error where the index is known, and else NaN, as in `jnp.take`."""
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple([np.asarray(part) if isinstance(part, list) else part for part in parts])
    if any(isinstance(part, jax.Array) for part in parts):
        return jnp.asarray(x).at[parts].get(mode="fill")
    np.broadcast_to(np.int8(0), x.shape)[parts]  # NumPy says what is wrong with it
    return jnp.asarray(x)[parts]


def _put(*values: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros, and parts added to them; the parts come first, then the index of each."""
    n, array = len(values) // 2, jnp.zeros(shape, dtype)
    for g, index in zip(values[:n], values[n:], strict=True):
        array = array.at[index].add(g)
    return array


def _permuted_back(x: Any, order: Any, axis: int) -> Any:
    return jnp.put_along_axis(jnp.zeros_like(x), order, x, axis, inplace=False)


def _spread_out(g: Any, w: Any, shape: tuple[int, ...], stride: tuple[int, int]) -> Any:
    """The transpose of `correlate` by the image."""
    def correlated(x: Any) -> Any:
        return jax.lax.conv_general_dilated(x, w, stride, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    return jax.linear_transpose(correlated, jax.ShapeDtypeStruct(shape, g.dtype))(g)[0]


def _written_out(function: Any) -> Callable[..., Any]:
    """What the library makes of a function by means of others, because JAX's can less."""
    written = RULES[function]
    return lambda *args, **options: lowered(written(*lifted(LIFT, args), **lifted(LIFT, options)))


def _clip(x: Any, *bounds: Any, **options: Any) -> Any:
    """With the older names of the bounds."""
    return jnp.clip(x, *bounds, **{name.removeprefix("a_"): value for name, value in options.items()})


TABLE.update({function: _written_out(function) for function in (np.compress, np.extract, np.gradient)})
TABLE.update({
    np.clip: _clip,
    STOP.fun: jax.lax.stop_gradient,
    getitem: _picked,
    PUT.fun: _put,
    PERMUTED_BACK.fun: _permuted_back,
    spread_out.fun: _spread_out,
})
