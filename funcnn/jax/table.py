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
from funcnn.jax.lifted import Lifted, depends, lifted, lowered
from funcnn.jax.lifting import COTANGENTS, LIFT, TABLE
from funcnn.layers.convolution import correlate, spread_out
from funcnn.layers.pooling import Pair, overlap_add, windows
from funcnn.rules.indexing import PERMUTED_BACK

__all__: list[str] = []


jax.tree_util.register_pytree_node(Distinct, lambda index: (tuple(index), None), lambda _, parts: tuple(parts))


def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Of numbers that are not known there are `minlength` counts; a number beyond makes them -1, or NaN by weights."""
    if not isinstance(x, jax.Array):
        return jnp.bincount(x, weights, length=max(minlength, 1 + max(x, default=-1)))
    if not minlength:
        raise depends("np.bincount without minlength")
    counts = jnp.bincount(x, weights, length=minlength)
    return jnp.where(jnp.max(x, initial=0) < minlength, counts, -1 if weights is None else jnp.nan)


def _parts(index: Any) -> tuple[Any, ...]:
    """An index as JAX takes it: lists are arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return tuple([np.asarray(part) if isinstance(part, list) else part for part in parts])


def _picked(x: Any, index: Any) -> Any:
    """x[index]; what lies outside of an array is an error where the index is known, and else NaN, as in `jnp.take`."""
    parts = _parts(index)
    if any(isinstance(part, jax.Array) for part in parts):
        return jnp.asarray(x).at[parts].get(mode="fill")
    np.broadcast_to(np.int8(0), x.shape)[parts]  # NumPy says what is wrong with it
    return jnp.asarray(x)[parts]


def _put(*values: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Zeros, and parts added to them; the parts come first, then the index of each."""
    n, array = len(values) // 2, jnp.zeros(shape, dtype)
    for g, index in zip(values[:n], values[n:], strict=True):
        array = array.at[_parts(index)].add(g)
    return array


def _permuted_back(x: Any, order: Any, axis: int) -> Any:
    return jnp.put_along_axis(jnp.zeros_like(x), order, x, axis, inplace=False)


def _convolved(x: Any, w: Any, stride: Pair) -> Any:
    return jax.lax.conv_general_dilated(x, w, stride, "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _transposed(linear: Callable[[Any], Any], g: Any, shape: tuple[int, ...]) -> Any:
    """What the transpose of a linear function of arrays of this shape makes of g."""
    return jax.linear_transpose(linear, jax.ShapeDtypeStruct(shape, g.dtype))(g)[0]


def _overlap_add(g: Any, shape: tuple[int, ...], stride: Pair) -> Any:
    def seen(x: Any) -> Any:
        return lowered(windows.fun(Lifted(COTANGENTS, x), g.shape[4:], stride))

    return _transposed(seen, g, shape)


def _written_out(function: Any) -> Callable[..., Any]:
    """What the library makes of a function by means of others, because JAX's can less."""
    written = RULES[function]
    return lambda *args, **options: lowered(written(*lifted(LIFT, args), **lifted(LIFT, options)))


def _handing_in(of_jax: Callable[..., Any], place: int) -> Callable[..., Any]:
    """A function of JAX that calls a function of NumPy, or several, which are at this place among its arguments."""
    def run(*args: Any, **options: Any) -> Any:
        return of_jax(*args[:place], jax.tree.map(_of_arrays, args[place]), *args[place + 1:], **options)

    return run


def _of_arrays(f: Any) -> Any:
    return (lambda *args, **options: lowered(f(*lifted(LIFT, args), **options))) if callable(f) else f


def _clip(x: Any, *bounds: Any, **options: Any) -> Any:
    """With the older names of the bounds."""
    return jnp.clip(x, *bounds, **{name.removeprefix("a_"): value for name, value in options.items()})


TABLE.update({function: _written_out(function) for function in (np.compress, np.extract, np.gradient)})
TABLE.update({
    np.clip: _clip,
    np.apply_along_axis: _handing_in(jnp.apply_along_axis, 0),
    np.apply_over_axes: _handing_in(jnp.apply_over_axes, 0),
    np.piecewise: _handing_in(jnp.piecewise, 2),
    np.bincount: _bincount,
    STOP.fun: jax.lax.stop_gradient,
    getitem: _picked,
    PUT.fun: _put,
    PERMUTED_BACK.fun: _permuted_back,
    correlate.fun: lambda x, w, b, stride: _convolved(x, w, stride) + b,
    spread_out.fun: lambda g, w, shape, stride: _transposed(lambda x: _convolved(x, w, stride), g, shape),
    overlap_add.fun: _overlap_add,
})
