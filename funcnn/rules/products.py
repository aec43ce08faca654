"""What are the derivatives of products: `matmul, dot, tensordot, einsum, cross, kron`?

A product is linear in each factor, so a pullback is the same kind of product of the cotangent with the other
factors; which axes meet is all that has to be found.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy._core.multiarray import dot  # not np.dot, which nnfs.init() replaces

from funcnn.autodiff.scatter import Distinct
from funcnn.batching import families
from funcnn.core import TracerError
from funcnn.rules.table import as_array, composite, conj, numpy_has, refuse, row, rule, shape_of

__all__: list[str] = []

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Those of `np.einsum`."""

# ------------------------------------------------------------------ A B: a vector on the left is a row, else a column


def _matmul_left(g: Any, _y: Any, _a: Any, b: Any, **options: Any) -> Any:
    """G Bᵀ."""
    if options:
        _refuse_axes("matmul", options)
    if _a.ndim == b.ndim == 2:
        return g @ b.T
    product = _full(g, _a, b) @ np.swapaxes(_columns(b), -1, -2)
    return product if _a.ndim > 1 else _summed(product, (1, *_a.shape)).reshape(_a.shape)


def _matmul_right(g: Any, _y: Any, a: Any, _b: Any, **options: Any) -> Any:
    """Aᵀ G."""
    if options:
        _refuse_axes("matmul", options)
    if a.ndim == _b.ndim == 2:
        return a.T @ g
    product = np.swapaxes(_rows(a), -1, -2) @ _full(g, a, _b)
    return product if _b.ndim > 1 else _summed(product, (*_b.shape, 1)).reshape(_b.shape)


def _summed(product: Any, shape: tuple[int, ...]) -> Any:
    """The sum over a stack of products of which a vector was a factor."""
    return product.reshape((-1, *shape)).sum(0)


def _rows(a: Any) -> Any:
    return a[None, :] if a.ndim == 1 else a


def _columns(b: Any) -> Any:
    return b[:, None] if b.ndim == 1 else b


def _full(g: Any, a: Any, b: Any) -> Any:
    """G with the axes that matmul drops for vectors."""
    g = g[..., None] if b.ndim == 1 else g
    return g[..., None, :] if a.ndim == 1 else g


def _refuse_axes(name: str, options: dict[str, Any]) -> None:
    refuse(name, "move the axes first", **{option: options.get(option) for option in ("axes", "axis", "keepdims")})


def _dot_left(g: Any, _y: Any, _a: Any, b: Any, out: None = None) -> Any:
    """As A B with vectors and matrices; with more axes, the last of a and the last but one of b meet."""
    n, m = len(shape_of(_a)), len(shape_of(b))
    if not n or not m:
        return g * b
    if m <= 2:
        return _matmul_left(g, _y, _a, b)
    return np.tensordot(g, np.swapaxes(b, -1, -2), (list(range(n - 1, g.ndim)), list(range(m - 1))))


def _dot_right(g: Any, _y: Any, a: Any, _b: Any, out: None = None) -> Any:
    n, m = len(shape_of(a)), len(shape_of(_b))
    if not n or not m:
        return g * a
    if m <= 2:
        return _matmul_right(g, _y, a, _b)
    free = list(range(n - 1))
    return np.moveaxis(np.tensordot(a, g, (free, free)), 0, -2)


rule(np.matmul, "y = a @ b",
     "da = g @ b.T", _matmul_left,
     "db = a.T @ g", _matmul_right, batch=families.matmul)
rule(dot, "y = dot(a, b)",
     "da = g @ b.T", _dot_left,
     "db = a.T @ g", _dot_right, batch=families.matmul)


@composite(np.linalg.matmul)
def _matmul(x1: Any, x2: Any, /) -> Any:
    return np.matmul(x1, x2)


# ------------------------------------------------------------------ inner and outer products

rule(np.vdot, "y = sum(conj(a) * b)",
     "da = conj(g * b)", lambda g, _y, a, b: conj(g * b).reshape(shape_of(a)),
     "db = g * conj(a)", lambda g, _y, a, b: (g * conj(a)).reshape(shape_of(b)), batch=families.vectors)


@composite(np.inner)
def _inner(a: Any, b: Any, /) -> Any:
    if not np.ndim(a) or not np.ndim(b):
        return np.multiply(a, b)
    return np.tensordot(a, b, (-1, -1))


@composite(np.outer, np.linalg.outer)
def _outer(a: Any, b: Any, out: None = None) -> Any:
    return np.ravel(a)[:, None] * np.ravel(b)[None, :]


@composite(np.tensordot, np.linalg.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """One matrix product: the axes that meet come last in a and first in b."""
    met_a, met_b = _meeting(np.ndim(a), np.ndim(b), axes)
    free_a = [i for i in range(np.ndim(a)) if i not in met_a]
    free_b = [i for i in range(np.ndim(b)) if i not in met_b]
    shape = [np.shape(a)[i] for i in free_a] + [np.shape(b)[i] for i in free_b]
    n = _length([np.shape(a)[i] for i in met_a])
    left = np.transpose(a, free_a + met_a).reshape((_length([np.shape(a)[i] for i in free_a]), n))
    right = np.transpose(b, met_b + free_b).reshape((n, _length([np.shape(b)[i] for i in free_b])))
    return (left @ right).reshape(shape)


def _length(shape: Sequence[int]) -> int:
    return functools.reduce(lambda n, m: n * m, shape, 1)


def _meeting(ndim_a: int, ndim_b: int, axes: Any) -> tuple[list[int], list[int]]:
    if isinstance(axes, int | np.integer):
        return list(range(ndim_a - int(axes), ndim_a)), list(range(int(axes)))
    of_a, of_b = (np.ravel(a).tolist() for a in axes)
    return [i % ndim_a for i in of_a], [i % ndim_b for i in of_b]


@composite(np.kron)
def _kron(a: Any, b: Any) -> Any:
    """Every entry of a times all of b: a is spread out between the axes of b."""
    ndim = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (ndim - np.ndim(x)) + np.shape(x)) for x in (a, b))
    apart = np.reshape(a, [k for n in a.shape for k in (n, 1)]) * np.reshape(b, [k for n in b.shape for k in (1, n)])
    return np.reshape(apart, [n * m for n, m in zip(a.shape, b.shape, strict=True)])


@composite(np.cross)
def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if not a.shape[-1:] == b.shape[-1:] == (3,):
        raise TracerError(f"np.cross: is differentiated for vectors of 3, these have {a.shape[-1]} and {b.shape[-1]}; "
                          "in the plane write a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]")
    following, preceding = Distinct((..., np.array([1, 2, 0]))), Distinct((..., np.array([2, 0, 1])))
    product = a[following] * b[preceding] - a[preceding] * b[following]
    return np.moveaxis(product, -1, axisc)


@composite(np.linalg.cross)
def _cross_along(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return np.cross(x1, x2, axis=axis)


# ------------------------------------------------------------------ stacks of vectors and matrices; x* is conjugated


def _last_axis(fun: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a ufunc of vectors with one axis option, for vectors that lie along the last."""
    def run(x1: Any, x2: Any, /, *, axis: int = -1, **options: Any) -> Any:
        if options:
            raise TracerError(f"np.{fun.__name__[1:]}: with {', '.join(options)} is not differentiated; move the axes "
                              "first")
        return fun(x1, x2) if axis == -1 else fun(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))

    return run


@composite(np.vecdot, np.linalg.vecdot)
@_last_axis
def _vecdot(x1: Any, x2: Any) -> Any:
    return np.matmul(np.expand_dims(_conjugate(x1), -2), np.expand_dims(x2, -1))[..., 0, 0]


@composite(numpy_has("matvec"))
@_last_axis
def _matvec(x1: Any, x2: Any) -> Any:
    return np.matmul(x1, np.expand_dims(x2, -1))[..., 0]


@composite(numpy_has("vecmat"))
@_last_axis
def _vecmat(x1: Any, x2: Any) -> Any:
    return np.matmul(np.expand_dims(_conjugate(x1), -2), x2)[..., 0, :]


def _conjugate(x: Any) -> Any:
    return np.conj(x) if np.iscomplexobj(x) else x


# ------------------------------------------------------------------ einsum


@composite(np.einsum)
def _einsum(*operands: Any, out: None = None, optimize: Any = False, **options: Any) -> Any:
    refuse("einsum", "convert the operands first", dtype=options.get("dtype"))
    subscripts, arrays = _written(operands)
    inputs, output = _explicit(subscripts, [np.ndim(a) for a in arrays])
    singles = [_without_repeats(a, labels) for a, labels in zip(arrays, inputs, strict=True)]
    formula = ",".join(labels for _, labels in singles) + "->" + output
    return _contracted(*[a for a, _ in singles], formula=formula, optimize=optimize)


def _written(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """The subscripts as text, also where they were lists of numbers after each operand."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(operands[1:])
    lists = [_letters(labels) for labels in operands[1::2]]
    arrays = list(operands[0:2 * len(lists):2])
    if len(operands) % 2:
        arrays, output = list(operands[0:-1:2]), "->" + _letters(operands[-1])
    else:
        output = ""
    return ",".join(lists) + output, arrays


def _letters(labels: Iterable[Any]) -> str:
    return "".join("..." if label is ... else LETTERS[label] for label in labels)


def _explicit(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with letters in the place of "..."."""
    left, arrow, output = subscripts.partition("->")
    inputs = left.split(",")
    hidden = [n - len(labels) + 3 if "..." in labels else 0 for labels, n in zip(inputs, ndims, strict=True)]
    unused = "".join(letter for letter in LETTERS if letter not in subscripts)[:max(hidden, default=0)]
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        output = ("..." if "..." in left else "") + "".join(c for c in sorted(set(letters)) if letters.count(c) == 1)
    inputs = [labels.replace("...", unused[len(unused) - n:]) for labels, n in zip(inputs, hidden, strict=True)]
    return inputs, output.replace("...", unused)


def _without_repeats(a: Any, labels: str) -> tuple[Any, str]:
    """An operand whose labels are all different: of repeated ones the diagonal is taken."""
    for label in labels:
        if labels.count(label) > 1:
            first, second = labels.index(label), labels.rindex(label)
            rest = "".join(c for i, c in enumerate(labels) if i not in (first, second))
            return _without_repeats(np.diagonal(a, 0, first, second), rest + label)
    return a, labels


def _contract(*arrays: Any, formula: str, optimize: Any) -> Any:
    return np.einsum(formula, *arrays, optimize=optimize)


def _contract_back(i: int, g: Any, _y: Any, *arrays: Any, formula: str, optimize: Any) -> Any:
    left, _, output = formula.partition("->")
    inputs = left.split(",")
    others = [output, *inputs[:i], *inputs[i + 1:]]
    known = "".join(label for label in inputs[i] if label in "".join(others))
    factors = g, *arrays[:i], *arrays[i + 1:]
    if len(factors) == 2 and _is_matrix_product(others[0], others[1], known, *map(shape_of, factors)):
        back = _as_matrix_product(others[0], others[1], known, *factors)
    else:
        back = np.einsum(",".join(others) + "->" + known, *factors, optimize=optimize)
    return _spread_along(back, inputs[i], known, shape_of(arrays[i]))


def _is_matrix_product(one: str, other: str, output: str, shape: tuple[int, ...], its_shape: tuple[int, ...]) -> bool:
    """Whether two arrays meet in rows, columns and a sum, each of several entries: matmul is many times faster then."""
    lengths = dict(zip(one, shape, strict=True)) | dict(zip(other, its_shape, strict=True))
    is_plain = all(lengths[c] == n for c, n in zip(one, shape, strict=True)) and set(one + other) == set(lengths)
    is_used = all(c in other or c in output for c in one) and all(c in one or c in output for c in other)
    return is_plain and is_used and all(
        math.prod([lengths[c] for c in letters]) > 1 for letters in _kinds_of_letters(one, other, output)[1:])


def _kinds_of_letters(one: str, other: str, output: str) -> tuple[str, str, str, str]:
    """The letters that stack, those of rows, those that are summed over, and those of columns."""
    stack = "".join(c for c in output if c in one and c in other)
    rows, columns = ("".join(c for c in output if c in own and c not in stack) for own in (one, other))
    return stack, rows, "".join(c for c in one if c in other and c not in output), columns


def _as_matrix_product(one: str, other: str, output: str, a: Any, b: Any) -> Any:
    """What einsum says of two arrays, as a stack of products A B."""
    lengths = dict(zip(one + other, (*shape_of(a), *shape_of(b)), strict=True))
    stack, rows, meet, columns = _kinds_of_letters(one, other, output)

    def size(letters: str) -> list[int]:
        return [lengths[c] for c in letters]

    left = np.transpose(a, list(map(one.index, stack + rows + meet))).reshape(
        *size(stack), math.prod(size(rows)), math.prod(size(meet)))
    right = np.transpose(b, list(map(other.index, stack + meet + columns))).reshape(
        *size(stack), math.prod(size(meet)), math.prod(size(columns)))
    y = (left @ right).reshape(size(stack + rows + columns))
    return np.transpose(y, list(map((stack + rows + columns).index, output)))


def _spread_along(back: Any, labels: str, known: str, shape: tuple[int, ...]) -> Any:
    """A cotangent copied along the axes on which nothing else depends: they were summed away at once."""
    lengths = dict(zip(known, back.shape, strict=True))
    apart = [lengths.get(label, 1) for label in labels]
    full = [n if length == 1 else length for n, length in zip(shape, apart, strict=True)]
    return back if list(back.shape) == full else np.broadcast_to(back.reshape(apart), full)


_contracted = row(_contract, "y = einsum(formula, a, b, ...)", "da = einsum of g and the others, to the letters of a",
                  each=_contract_back, name="einsum", batch=families.einsum)

# ------------------------------------------------------------------ chains and powers


@composite(np.linalg.multi_dot)
def _multi_dot(arrays: Sequence[Any], *, out: None = None) -> Any:
    arrays = [as_array(a) for a in arrays]
    is_row, is_column = arrays[0].ndim == 1, arrays[-1].ndim == 1
    arrays[0] = arrays[0][None, :] if is_row else arrays[0]
    arrays[-1] = arrays[-1][:, None] if is_column else arrays[-1]
    y = _chained(*arrays)
    y = y[0] if is_row else y
    return y[..., 0] if is_column else y


def _chain(*arrays: Any) -> Any:
    return np.linalg.multi_dot(arrays)


def _chain_back(i: int, g: Any, _y: Any, *arrays: Any) -> Any:
    """(A₁ … Aᵢ₋₁)ᵀ G (Aᵢ₊₁ … Aₙ)ᵀ."""
    before = [a.T for a in arrays[::-1]]
    n = len(arrays)
    return np.linalg.multi_dot([*before[n - i:], g, *before[:n - 1 - i]])


_chained = row(_chain, "y = a @ b @ ...", "da = (what stands before).T @ g @ (what stands after).T", each=_chain_back,
               name="multi_dot", batch=families.chain)


@composite(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Any:
    """By squaring, as NumPy does it."""
    if n < 0:
        return _matrix_power(np.linalg.inv(a), -n)
    if n == 0:
        return np.broadcast_to(np.identity(a.shape[-1], a.dtype), a.shape)
    if n == 3:
        return (a @ a) @ a
    result = None
    while n:
        n, odd = divmod(n, 2)
        if odd:
            result = a if result is None else result @ a
        a = a @ a if n else a
    return result
