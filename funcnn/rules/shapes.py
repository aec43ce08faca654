"""How do derivatives follow entries that move: `reshape, transpose, stack, split`?

Nothing is computed here, so each pullback is the way back: the inverse permutation, the piece that was joined,
the sum over the copies.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcnn.batching import families
from funcnn.core import RULES, TracerError, concrete, innermost
from funcnn.rules.table import composite, numpy_has, refuse, row, rule, shape_of

__all__ = ["moved"]


def moved(x: Any, fun: Callable[..., Any], *args: Any, **options: Any) -> Any:
    """What `fun` makes of x, if it but moves entries: found by letting it move their numbers."""
    places = np.arange(x.size).reshape(x.shape)
    return x.reshape(-1)[fun(places, *args, **options)]


# ------------------------------------------------------------------ one array, other axes


def _reshape(x: Any, *shape: Any, order: Any = "C", **options: Any) -> Any:
    """`np.reshape(x, shape, order)` and `x.reshape(2, 3)` alike."""
    if shape and isinstance(shape[-1], str):
        shape, order = shape[:-1], shape[-1]
    new = options.get("shape", shape[0] if len(shape) == 1 else shape)
    return np.reshape(x, new, order=order)


def _reshape_back(g: Any, _y: Any, x: Any, *shape: Any, order: str = "C", **options: Any) -> Any:
    order = shape[-1] if shape and isinstance(shape[-1], str) else order
    return np.reshape(g, shape_of(x), order=_known(order, x))


def _known(order: str, x: Any) -> Any:
    """The order that was meant: "A" is that of the memory of x."""
    if order == "A":
        flags = np.asarray(concrete(x)).flags
        return "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    if order == "K":
        raise TracerError("order='K': depends on how the array lies in memory; choose order='C' or 'F'")
    return order


def _transpose(x: Any, *axes: Any, **options: Any) -> Any:
    """`np.transpose(x, axes)` and `x.transpose(1, 0)` alike."""
    return np.transpose(x, _permutation(axes, **options))


def _permutation(given: tuple[Any, ...], axes: Any = None) -> Any:
    return (given[0] if len(given) == 1 else given) if given else axes


def _transpose_back(g: Any, _y: Any, _x: Any, *axes: Any, **options: Any) -> Any:
    permutation = _permutation(axes, **options)
    return np.transpose(g, None if permutation is None else _inverse(permutation))


def _inverse(axes: Sequence[int]) -> Any:
    return np.argsort([a % len(axes) for a in axes])


def _negative(shift: Any) -> Any:
    return tuple(-s for s in shift) if isinstance(shift, tuple | list) else -shift


rule(np.reshape, "y = x.reshape(shape)", "dx = g.reshape(x.shape)", _reshape_back, run=_reshape,
     batch=families.to_shape)
rule(np.ravel, "y = x.ravel()",
     "dx = g.reshape(x.shape)", lambda g, y, x, order="C": _reshape_back(g, y, x, order=order), batch=families.to_shape)
rule(np.squeeze, "y = x.squeeze(axis)", "dx = g.reshape(x.shape)", lambda g, _y, x, axis=None: g.reshape(shape_of(x)),
     batch=families.to_shape)
rule(np.expand_dims, "y = expand_dims(x, axis)",
     "dx = g.reshape(x.shape)", lambda g, _y, x, _axis: g.reshape(shape_of(x)), batch=families.to_shape)
rule(np.transpose, "y = x.transpose(axes)", "dx = g, its axes moved back", _transpose_back, run=_transpose,
     batch=families.permuted)
rule(np.swapaxes, "y = x.swapaxes(a, b)",
     "dx = g.swapaxes(a, b)", lambda g, _y, _x, axis1, axis2: np.swapaxes(g, axis1, axis2), batch=families.permuted)
rule(np.moveaxis, "y = moveaxis(x, a, b)",
     "dx = moveaxis(g, b, a)", lambda g, _y, _x, source, destination: np.moveaxis(g, destination, source),
     batch=families.permuted)
rule(np.flip, "y = flip(x, axis)", "dx = flip(g, axis)", lambda g, _y, _x, axis=None: np.flip(g, axis),
     batch=families.by_shape)
rule(np.roll, "y = roll(x, n, axis)",
     "dx = roll(g, -n, axis)", lambda g, _y, _x, shift, axis=None: np.roll(g, _negative(shift), axis),
     batch=families.by_shape)
rule(np.rot90, "y = rot90(x, k, axes)",
     "dx = rot90(g, -k, axes)", lambda g, _y, _x, k=1, axes=(0, 1): np.rot90(g, -k, axes), batch=families.by_shape)
rule(np.tril, "y = tril(x, k)", "dx = tril(g, k)", lambda g, _y, _x, k=0: np.tril(g, k), batch=families.stack)
rule(np.triu, "y = triu(x, k)", "dx = triu(g, k)", lambda g, _y, _x, k=0: np.triu(g, k), batch=families.stack)
rule(np.broadcast_to, "y = broadcast_to(x, shape)",
     "dx = g, summed over the copies", lambda g, _y, _x, _shape, subok=False: g, batch=families.broadcast)


@composite(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


@composite(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - (axis < start))


@composite(np.fliplr)
def _fliplr(m: Any) -> Any:
    return np.flip(m, 1)


@composite(np.flipud)
def _flipud(m: Any) -> Any:
    return np.flip(m, 0)


@composite(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """Values never change, so a copy is the value itself."""
    return a


@composite(np.copyto)
def _copyto(dst: Any, src: Any, **options: Any) -> Any:
    raise TracerError("np.full_like(a, x), np.full(shape, x), np.copyto(a, x): a traced value cannot be written into "
                      "an array; write np.broadcast_to(x, shape), or np.ones(shape, a.dtype) * x")


@composite(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
               **options: Any) -> Any:
    shape, dtype = np.shape(a) if shape is None else shape, np.result_type(a) if dtype is None else dtype
    if innermost([fill_value]) is None:
        return np.full(shape, fill_value, dtype)
    return np.broadcast_to(fill_value, shape).astype(dtype)


# ------------------------------------------------------------------ each of several arrays


def _each(one: Callable[[Any], Any], arrays: tuple[Any, ...]) -> Any:
    return one(arrays[0]) if len(arrays) == 1 else tuple(map(one, arrays))


@composite(np.atleast_1d)
def _atleast_1d(*arys: Any) -> Any:
    return _each(lambda a: np.reshape(a, (1,)) if np.ndim(a) == 0 else a, arys)


@composite(np.atleast_2d)
def _atleast_2d(*arys: Any) -> Any:
    return _each(lambda a: np.reshape(a, (1, -1)) if np.ndim(a) < 2 else a, arys)


@composite(np.atleast_3d)
def _atleast_3d(*arys: Any) -> Any:
    return _each(lambda a: np.expand_dims(np.atleast_2d(a), -1) if np.ndim(a) < 3 else a, arys)


@composite(np.broadcast_arrays)
def _broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(a, shape) for a in args)


@composite(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    axes = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        axes[:2] = [1, 0]
    grids = [np.reshape(x, [-1 if a == axis else 1 for a in range(len(xi))]) for x, axis in zip(xi, axes, strict=True)]
    return tuple(grids) if sparse else _broadcast_arrays(*grids)


# ------------------------------------------------------------------ many arrays joined


@composite(np.concatenate)
def _concatenate(arrays: Sequence[Any], /, axis: int | None = 0, out: None = None, **options: Any) -> Any:
    if axis is None:
        return _joined(*[np.ravel(a) for a in arrays], axis=0, **options)
    return _joined(*arrays, axis=axis, **options)


def _join(*arrays: Any, axis: int, **options: Any) -> Any:
    return np.concatenate(arrays, axis=axis, **options)


def _part(i: int, g: Any, _y: Any, *_arrays: Any, axis: int, **options: Any) -> Any:
    before = (slice(None),) * (axis % g.ndim)
    starts = [0, *itertools.accumulate(shape_of(a)[axis] for a in _arrays)]
    return g[(*before, slice(starts[i], starts[i + 1]))]


@composite(np.stack)
def _stack(arrays: Sequence[Any], axis: int = 0, out: None = None, **options: Any) -> Any:
    return _stacked(*arrays, axis=axis, **options)


def _pile(*arrays: Any, axis: int, **options: Any) -> Any:
    return np.stack(arrays, axis=axis, **options)


def _slice(i: int, g: Any, _y: Any, *_arrays: Any, axis: int, **options: Any) -> Any:
    return g[(*(slice(None),) * (axis % g.ndim), i)]


_joined = row(_join, "y = concatenate((a, b, ...), axis)", "da, db, ... = the parts of g", each=_part,
              name="concatenate", batch=families.join)
_stacked = row(_pile, "y = stack((a, b, ...), axis)", "da, db, ... = the slices of g", each=_slice, name="stack",
               batch=families.join)


@composite(np.vstack)
def _vstack(tup: Sequence[Any], **options: Any) -> Any:
    return np.concatenate([np.atleast_2d(a) for a in tup], axis=0, **options)


@composite(np.hstack)
def _hstack(tup: Sequence[Any], **options: Any) -> Any:
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1, **options)


@composite(np.dstack)
def _dstack(tup: Sequence[Any]) -> Any:
    return np.concatenate([np.atleast_3d(a) for a in tup], axis=2)


@composite(np.column_stack)
def _column_stack(tup: Sequence[Any]) -> Any:
    return np.concatenate([a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in tup], axis=1)


@composite(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate((arr, values), axis=axis)


@composite(np.block)
def _block(arrays: Any) -> Any:
    """Nested lists: the innermost are joined along the last axis, those around them along the one before."""
    depth = _depth(arrays)
    ndim = max(depth, *map(np.ndim, _flat(arrays)))

    def joined(part: Any, level: int) -> Any:
        if isinstance(part, list):
            return np.concatenate([joined(p, level - 1) for p in part], axis=-level)
        return np.reshape(part, (1,) * (ndim - np.ndim(part)) + np.shape(part))

    return joined(arrays, depth)


def _depth(arrays: Any) -> int:
    return 1 + _depth(arrays[0]) if isinstance(arrays, list) else 0


def _flat(arrays: Any) -> list[Any]:
    return [a for part in arrays for a in _flat(part)] if isinstance(arrays, list) else [arrays]


# ------------------------------------------------------------------ one array split


def _split(split: Callable[..., Any], ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """The pieces as slices: where they lie is found by splitting the numbers of the axis."""
    pieces = split(np.arange(ary.shape[axis]), indices_or_sections)
    before = (slice(None),) * (axis % ary.ndim)
    return [ary[(*before, slice(piece[0], piece[-1] + 1) if len(piece) else slice(0))] for piece in pieces]


RULES[np.split] = functools.partial(_split, np.split)
RULES[np.array_split] = functools.partial(_split, np.array_split)


@composite(np.hsplit)
def _hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return _split(np.split, ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@composite(np.vsplit)
def _vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return _split(np.split, ary, indices_or_sections, 0)


@composite(np.dsplit)
def _dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return _split(np.split, ary, indices_or_sections, 2)


@composite(numpy_has("unstack"))
def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    return tuple(np.moveaxis(x, axis, 0))


# ------------------------------------------------------------------ entries copied


@composite(np.tile)
def _tile(A: Any, reps: Any) -> Any:
    times = [reps] if np.ndim(reps) == 0 else list(reps)
    shape = (1,) * (len(times) - A.ndim) + A.shape
    times = [1] * (len(shape) - len(times)) + times
    copies = [k for pair in zip(times, shape, strict=True) for k in pair]
    apart = np.reshape(A, [k for n in shape for k in (1, n)])
    return np.broadcast_to(apart, copies).reshape([k * n for k, n in zip(times, shape, strict=True)])


@composite(np.repeat)
def _repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    if axis is None:
        return np.repeat(np.ravel(a), repeats, 0)
    axis %= a.ndim
    if np.size(repeats) > 1:
        return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis)
    times = int(np.asarray(repeats).item())
    before, n, after = a.shape[:axis], a.shape[axis], a.shape[axis + 1:]
    copies = np.broadcast_to(np.expand_dims(a, axis + 1), (*before, n, times, *after))
    return copies.reshape((*before, n * times, *after))


@composite(np.resize)
def _resize(a: Any, new_shape: Any) -> Any:
    return moved(a, np.resize, new_shape)


@composite(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False,
                         writeable: bool = False) -> Any:
    return moved(x, np.lib.stride_tricks.sliding_window_view, window_shape, axis)


@composite(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", constant_values: Any = 0, **options: Any) -> Any:
    if mode in ("edge", "symmetric", "reflect", "wrap") and options.get("reflect_type") != "odd":
        return moved(array, np.pad, pad_width, mode)
    if mode != "constant" or options:
        raise TracerError(f"np.pad(..., mode={mode!r}): is not differentiated; of the modes 'constant', 'edge', "
                          "'symmetric', 'reflect' and 'wrap' are")
    padded = _PADDED(array, _widths(pad_width, array.ndim))
    if innermost([constant_values]) is not None:
        refuse("pad", "pad with np.concatenate", constant_values=constant_values)
    if not np.any(constant_values):
        return padded
    inside = np.pad(np.ones(array.shape, bool), pad_width)
    frame = np.pad(np.zeros(array.shape, array.dtype), pad_width, constant_values=constant_values)
    return np.where(inside, padded, frame)


def _widths(pad_width: Any, ndim: int) -> list[list[int]]:
    """(before, after) of each axis, from any of the forms that np.pad takes."""
    if isinstance(pad_width, dict):
        by_axis = {axis % ndim: width for axis, width in pad_width.items()}
        return [np.broadcast_to(by_axis.get(axis, 0), 2).tolist() for axis in range(ndim)]
    widths: list[list[int]] = np.broadcast_to(np.asarray(pad_width), (ndim, 2)).tolist()
    return widths


def _pad_zeros(x: Any, widths: list[list[int]]) -> Any:
    return np.pad(x, widths)


_PADDED = row(_pad_zeros, "y = pad(x, widths)",
              "dx = g without its frame", lambda g, _y, _x, widths: _unpadded(g, _x, widths), name="pad",
              batch=families.pad)


def _unpadded(g: Any, x: Any, widths: list[list[int]]) -> Any:
    return g[tuple(slice(before, before + n) for (before, _), n in zip(widths, shape_of(x), strict=True))]
