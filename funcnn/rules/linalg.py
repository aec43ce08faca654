"""What are the derivatives of linear algebra: `inv, solve, lstsq, det, norm`? Those of eigenvalues: `decompositions`.

Matrices are the last two axes, and what stands before them is a stack. slogdet, with two results, runs as one operation
that lays them side by side in one array, and picks them from it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from funcnn.autodiff import stop_gradient
from funcnn.batching import families
from funcnn.core import Rule, concrete, holds, may_hold, underlying
from funcnn.rules.decompositions import SINGULAR_VALUES, SVD, vectors_of
from funcnn.rules.matrices import H, T, as_column, as_row, identity
from funcnn.rules.reductions import axes_of, keeps_digits, kept, of_size_one, unit
from funcnn.rules.table import composite, conj, over, row, rule, shape_of

__all__: list[str] = []


_ONE = np.identity(1)
SlogdetResult: Any = type(np.linalg.slogdet(_ONE))

# ------------------------------------------------------------------ inverse and solutions


def _solve_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """X = A⁻¹ B: the cotangent of B is B̄ = A⁻ᵀ G, that of A is -B̄ Xᵀ."""
    right = _solve_right(g, y, a, b)
    return -as_column(right) * as_row(y) if b.ndim == 1 else -right @ T(y)


def _solve_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    return np.linalg.solve(T(a), as_column(g))[..., 0] if b.ndim == 1 else np.linalg.solve(T(a), g)


rule(np.linalg.inv, "y = inv(a)", "da = -y.T @ g @ y.T", lambda g, y, _a: -T(y) @ g @ T(y), batch=families.stack)
rule(np.linalg.solve, "y = inv(a) @ b",
     "da = -inv(a).T @ g @ y.T", _solve_left,
     "db = inv(a).T @ g", _solve_right, batch=families.solve)


@composite(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    rows, columns = a.shape[:ind], a.shape[ind:]
    return np.linalg.inv(a.reshape((math.prod(rows), -1))).reshape(columns + rows)


@composite(np.linalg.tensorsolve, arrays=2)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    if axes is not None:
        a = np.moveaxis(a, axes, range(np.ndim(a) - len(axes), np.ndim(a)))
    unknown = np.shape(a)[np.ndim(b):]
    return np.linalg.solve(np.reshape(a, (-1, math.prod(unknown))), np.ravel(b)).reshape(unknown)


def _pinv_back(g: Any, y: Any, a: Any, *args: Any, **options: Any) -> Any:
    """For a rank that does not change; Golub and Pereyra 1973."""
    g = conj(g)
    m, n = a.shape[-2:]
    left, right = identity(m, a) - a @ y, identity(n, a) - y @ a
    return conj(-H(y) @ g @ H(y) + left @ H(g) @ y @ H(y) + H(y) @ y @ H(g) @ right)


rule(np.linalg.pinv, "y = pinv(a)", "da = -y.T @ g @ y.T + (1 - a y) g.T y y.T + y.T y g.T (1 - y a)", _pinv_back,
     batch=families.stack)


def _least_squares(a: Any, b: Any, rcond: Any) -> Any:
    return np.linalg.lstsq(a, b, rcond)[0]


def _least_squares_of_all(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    a, b, rcond = values
    return families.solve(lambda a, b: np.linalg.pinv(a, rcond) @ b, n, [a, b], mapped[:2], {})


def _least_squares_left(g: Any, y: Any, a: Any, b: Any, rcond: Any) -> Any:
    """X = A⁺ B, so the cotangent of A⁺ is G Bᵀ."""
    outer = as_column(g) * as_row(b) if b.ndim == 1 else g @ T(b)
    return _pinv_back(outer, np.linalg.pinv(a, rcond), a)


_LEAST_SQUARES = row(_least_squares, "y = pinv(a) @ b",
                     "da = the derivative of pinv, given g @ b.T", _least_squares_left,
                     "db = pinv(a).T @ g", lambda g, _y, a, _b, rcond: T(np.linalg.pinv(a, rcond)) @ g,
                     name="lstsq", batch=_least_squares_of_all)


@composite(np.linalg.lstsq, arrays=2, looks=True)
def _lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """The residuals are those of a tall matrix of full rank; inside vmap all examples must have some or none."""
    rcond = np.finfo(np.result_type(a, b, np.float32)).eps * max(np.shape(a)) if rcond is None else rcond
    x, s = _LEAST_SQUARES(a, b, rcond), np.linalg.svd(a, compute_uv=False)
    rank = np.count_nonzero(s > rcond * np.max(s, initial=0))
    m, n = np.shape(a)
    is_full = underlying(rank) == n
    all_full = may_hold(np.all(is_full))
    if not all_full and holds(np.any(is_full)):
        concrete(a)  # raises
    off = np.sum(np.abs(b - a @ x) ** 2, axis=0) if m > n and all_full else np.zeros(0, x.dtype)
    return x, np.atleast_1d(off), rank, s


# ------------------------------------------------------------------ determinants


def _det_back(g: Any, y: Any, a: Any) -> Any:
    """The cofactors, which are det A A⁻ᵀ."""
    if keeps_digits(g, y):
        return (g * y)[..., None, None] * T(np.linalg.inv(a))
    return g[..., None, None] * _cofactors(a)


def _cofactors(a: Any) -> Any:
    """Those of any matrix, also a singular one: of A = U S Vᵀ they are det U det V U (the cofactors of S) Vᵀ."""
    n = a.shape[-1]
    packed = SVD(a)
    s, (u, v) = SINGULAR_VALUES(a, packed), vectors_of(a, packed)
    others = np.prod(np.where(identity(n, s) == 1, 1, as_row(s)), axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(H(v))
    return sign[..., None, None] * conj((u * as_row(others)) @ H(v))


rule(np.linalg.det, "y = det(a)", "da = g * y * inv(a).T", _det_back, batch=families.stack)


def _slogdet_packed(a: Any) -> Any:
    return np.stack(np.linalg.slogdet(a), axis=-1)


def _slogdet_back(g: Any, y: Any, a: Any) -> Any:
    """D log|det A| = Re tr(A⁻¹ dA), and the sign of a complex determinant turns by the imaginary part of it."""
    slope = np.real(g[..., 1])
    if a.dtype.kind == "c":
        slope = slope - np.real(g[..., 0] * y[..., 0] * 1j) * 1j
    return slope[..., None, None] * T(np.linalg.inv(a))


_SLOGDET_PACKED = row(_slogdet_packed, "y = sign and log of |det(a)|",
                      "da = g * inv(a).T", _slogdet_back, name="slogdet", batch=families.stack)


@composite(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    packed = _SLOGDET_PACKED(a)
    sign = packed[..., 0] if a.dtype.kind == "c" else stop_gradient(packed[..., 0])
    return SlogdetResult(sign, np.real(packed[..., 1]))


# ------------------------------------------------------------------ norms: 0 at 0


def _smooth_norm(x: Any, order: Any, axis: Any) -> Any:
    """(sum |x|**order) ** (1 / order) over the axes, which are kept; of order 2 also over all axes or two."""
    return np.linalg.norm(x, order, axis, keepdims=True)


def _smooth_norm_back(g: Any, y: Any, x: Any, order: Any, axis: Any) -> Any:
    """G conj(x) / y for the Euclidean norm, G sign(x) (|x| / y)**(order - 1) for others, and 0 at 0."""
    if order in (None, 2, "fro", "f"):
        return g * conj(unit(x, y, axis))
    size = np.abs(of_size_one(x, axis))
    relative = over(size, np.linalg.norm(size, order, axis, keepdims=True))
    slope = relative ** (order - 1) if order > 1 else over(relative ** order, relative)
    return g * conj(np.sign(x)) * slope


def _norms(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """One norm an example, over all its entries if no axis is named."""
    x, order, axis = values
    if axis is None:
        return rule(families.in_rows(x), None, 1).reshape((n, *(1,) * (x.ndim - 1)))
    return rule(x, order, families.shifted(axis, x.ndim - 1))


_SMOOTH_NORM = row(_smooth_norm, "y = sum(abs(x)**p)**(1 / p)",
                   "dx = g * sign(x) * (abs(x) / y)**(p - 1)", _smooth_norm_back,
                   name="norm", batch=_norms)


def _vector_norm(x: Any, order: Any, axis: Any) -> Any:
    if order in (np.inf, -np.inf):
        return (np.max if order > 0 else np.min)(np.abs(x), axis=axis, keepdims=True)
    if order == 0:
        return np.count_nonzero(x, axis=axis, keepdims=True).astype(np.finfo(x.dtype).dtype)
    if order == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=True)
    return _SMOOTH_NORM(x, order, axis)


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...]) -> Any:
    """Column sums for 1, row sums for inf, singular values for 2 and "nuc"; the least of them where negative."""
    if order in ("nuc", 2, -2):
        s = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), compute_uv=False)
        value = np.sum(s, axis=-1) if order == "nuc" else (np.max if order == 2 else np.min)(s, axis=-1)
        return kept(value, x, axes)
    summed, extreme = axes if order in (1, -1) else axes[::-1]
    sums = np.sum(np.abs(x), axis=summed, keepdims=True)
    return (np.max if order > 0 else np.min)(sums, axis=extreme, keepdims=True)


@composite(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    axes = axes_of(x, axis)
    if ord in (None, "fro", "f"):
        value = _SMOOTH_NORM(x, ord, axis)
    elif len(axes) == 1:
        value = _vector_norm(x, ord, axes[0])
    else:
        value = _matrix_norm(x, ord, axes)
    return value if keepdims else np.squeeze(value, axes)


@composite(np.linalg.vector_norm)
def _vector_norm_2(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    axes = axes_of(x, axis)
    flat = np.moveaxis(x, axes, range(-len(axes), 0)).reshape((*_others(x, axes), -1))
    value = _vector_norm(flat, ord, -1)[..., 0]
    return kept(value, x, axes) if keepdims else value


def _others(x: Any, axes: tuple[int, ...]) -> list[int]:
    return [n for a, n in enumerate(shape_of(x)) if a not in axes]


@composite(np.linalg.matrix_norm)
def _matrix_norm_2(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return np.linalg.norm(x, ord, (-2, -1), keepdims)


@composite(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    if p in (None, 2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(x), p, (-2, -1))
