"""What are the derivatives of linear algebra: `inv, solve, det, cholesky, eigh, svd, qr, norm`?

Matrices are the last two axes, and what stands before them is a stack. Functions with several results (eigh, svd,
qr, slogdet) run as one operation that lays the results side by side in one array, and pick them from it.

Where eigenvalues or singular values coincide, their vectors have no derivative, which counts as not a number; that of
the values is exact there too, and what it is made of, the vectors, again has none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from funcnn.autodiff import stop_gradient
from funcnn.batching import families
from funcnn.core import Rule, TracerError, concrete, holds, may_hold, underlying
from funcnn.rules.reductions import axes_of, keeps_digits, kept, of_size_one, unit
from funcnn.rules.table import Row, composite, conj, one_where_zero, over, refuse, row, rule, shape_of

__all__: list[str] = []


_ONE = np.identity(1)
SlogdetResult: Any = type(np.linalg.slogdet(_ONE))
EighResult: Any = type(np.linalg.eigh(_ONE))
SVDResult: Any = type(np.linalg.svd(_ONE))
QRResult: Any = type(np.linalg.qr(_ONE))


def _T(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _H(a: Any) -> Any:
    return conj(_T(a))


def _row(v: Any) -> Any:
    return v[..., None, :]


def _column(v: Any) -> Any:
    return v[..., :, None]


def _identity(n: int, like: Any) -> Any:
    return np.identity(n, like.dtype)


# ------------------------------------------------------------------ inverse and solutions


def _solve_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """X = A⁻¹ B: the cotangent of B is B̄ = A⁻ᵀ G, that of A is -B̄ Xᵀ."""
    right = _solve_right(g, y, a, b)
    return -_column(right) * _row(y) if b.ndim == 1 else -right @ _T(y)


def _solve_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    return np.linalg.solve(_T(a), _column(g))[..., 0] if b.ndim == 1 else np.linalg.solve(_T(a), g)


rule(np.linalg.inv, "y = inv(a)", "da = -y.T @ g @ y.T", lambda g, y, _a: -_T(y) @ g @ _T(y), batch=families.stack)
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
    left, right = _identity(m, a) - a @ y, _identity(n, a) - y @ a
    return conj(-_H(y) @ g @ _H(y) + left @ _H(g) @ y @ _H(y) + _H(y) @ y @ _H(g) @ right)


rule(np.linalg.pinv, "y = pinv(a)", "da = -y.T @ g @ y.T + (1 - a y) g.T y y.T + y.T y g.T (1 - y a)", _pinv_back,
     batch=families.stack)


def _least_squares(a: Any, b: Any, rcond: Any) -> Any:
    return np.linalg.lstsq(a, b, rcond)[0]


def _least_squares_of_all(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    a, b, rcond = values
    return families.solve(lambda a, b: np.linalg.pinv(a, rcond) @ b, n, [a, b], mapped[:2], {})


def _least_squares_left(g: Any, y: Any, a: Any, b: Any, rcond: Any) -> Any:
    """X = A⁺ B, so the cotangent of A⁺ is G Bᵀ."""
    outer = _column(g) * _row(b) if b.ndim == 1 else g @ _T(b)
    return _pinv_back(outer, np.linalg.pinv(a, rcond), a)


_LEAST_SQUARES = row(_least_squares, "y = pinv(a) @ b",
                     "da = the derivative of pinv, given g @ b.T", _least_squares_left,
                     "db = pinv(a).T @ g", lambda g, _y, a, _b, rcond: _T(np.linalg.pinv(a, rcond)) @ g,
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
        return (g * y)[..., None, None] * _T(np.linalg.inv(a))
    return g[..., None, None] * _cofactors(a)


def _cofactors(a: Any) -> Any:
    """Those of any matrix, also a singular one: of A = U S Vᵀ they are det U det V U (the cofactors of S) Vᵀ."""
    n = a.shape[-1]
    packed = _SVD(a)
    s, (u, v) = _SINGULAR_VALUES(a, packed), _vectors_of(a, packed)
    others = np.prod(np.where(_identity(n, s) == 1, 1, _row(s)), axis=-1)
    sign = np.linalg.det(u) * np.linalg.det(_H(v))
    return sign[..., None, None] * conj((u * _row(others)) @ _H(v))


rule(np.linalg.det, "y = det(a)", "da = g * y * inv(a).T", _det_back, batch=families.stack)


def _slogdet_packed(a: Any) -> Any:
    return np.stack(np.linalg.slogdet(a), axis=-1)


def _slogdet_back(g: Any, y: Any, a: Any) -> Any:
    """D log|det A| = Re tr(A⁻¹ dA), and the sign of a complex determinant turns by the imaginary part of it."""
    slope = np.real(g[..., 1])
    if a.dtype.kind == "c":
        slope = slope - np.real(g[..., 0] * y[..., 0] * 1j) * 1j
    return slope[..., None, None] * _T(np.linalg.inv(a))


_SLOGDET_PACKED = row(_slogdet_packed, "y = sign and log of |det(a)|",
                      "da = g * inv(a).T", _slogdet_back, name="slogdet", batch=families.stack)


@composite(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    packed = _SLOGDET_PACKED(a)
    sign = packed[..., 0] if a.dtype.kind == "c" else stop_gradient(packed[..., 0])
    return SlogdetResult(sign, np.real(packed[..., 1]))


# ------------------------------------------------------------------ symmetric matrices: the cotangent is symmetric too


def _symmetric(a: Any) -> Any:
    return (a + _H(a)) / 2


def _cholesky_back(g: Any, y: Any, _a: Any, upper: bool = False) -> Any:
    """L⁻ᴴ P(Lᴴ G) L⁻¹, made symmetric; P takes the lower triangle and halves the diagonal. Murray 2016."""
    lower, g = (_H(y), _H(conj(g))) if upper else (y, conj(g))
    middle = np.tril(_H(lower) @ g)
    middle = middle * (1 - _identity(_a.shape[-1], _a) / 2)
    solved = np.linalg.solve(_H(lower), middle)
    return conj(_symmetric(_H(np.linalg.solve(_H(lower), _H(solved)))))


rule(np.linalg.cholesky, "y = L with L @ L.T = a",
     "da = inv(L).T @ P(L.T @ g) @ inv(L), made symmetric", _cholesky_back, batch=families.stack)


def _eigh_packed(a: Any, uplo: Any) -> Any:
    """The eigenvalues as a row above the eigenvectors."""
    w, v = np.linalg.eigh(a, uplo)
    return np.concatenate([_row(w), v], axis=-2)


_EIGH = Rule(_eigh_packed, batch=families.stack)   # constant: what is differentiated are the two that pick from it


def _eigenvectors_back(g: Any, v: Any, a: Any, packed: Any) -> Any:
    """V (F ∘ Vᴴ V̄) Vᴴ with F_ij = 1 / (w_j - w_i); Giles 2008."""
    f = _inverse_gaps(_EIGENVALUES(a, packed))
    return conj(_symmetric(v @ (f * (_H(v) @ conj(g))) @ _H(v)))


def _inverse_gaps(w: Any) -> Any:
    """1 / (w_j - w_i), not a number where two coincide, and 0 on the diagonal."""
    return np.where(_identity(w.shape[-1], w) == 1, 0, _inverse(_row(w) - _column(w)))


def _inverse(x: Any) -> Any:
    return np.where(x == 0, np.nan, 1 / one_where_zero(x))


def _eigenvalues_back(g: Any, v: Any) -> Any:
    return conj((v * _row(g)) @ _H(v))


_EIGENVALUES: Row = row(lambda a, packed: np.real(packed[..., 0, :]), "y = eigenvalues of a = v @ diag(y) @ v.T",
                        "da = v @ diag(g) @ v.T",
                        lambda g, _y, a, packed: _eigenvalues_back(g, _EIGENVECTORS(a, packed)),
                        name="eigh", batch=families.stack)
_EIGENVECTORS: Row = row(lambda a, packed: packed[..., 1:, :], "y = v of a = v @ diag(w) @ v.T",
                         "da = v @ (F * (v.T @ g)) @ v.T", _eigenvectors_back, name="eigh", batch=families.stack)
rule(np.linalg.eigvalsh, "y = eigenvalues of a = v @ diag(y) @ v.T",
     "da = v @ diag(g) @ v.T",
     lambda g, _y, a, UPLO="L": _eigenvalues_back(g, _EIGENVECTORS(a, _EIGH(a, UPLO))), batch=families.stack)


@composite(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    packed = _EIGH(a, UPLO)
    return EighResult(_EIGENVALUES(a, packed), _EIGENVECTORS(a, packed))


def _first_only(*saved: Any) -> Any:
    raise TracerError("np.linalg.eigvals: has a first derivative only")


_VECTORS = row(lambda a: np.linalg.eig(a)[1], "y = v of a = v @ diag(w) @ inv(v)", "da = none", _first_only, name="eig",
               batch=families.stack)


def _eigvals_back(g: Any, _y: Any, a: Any) -> Any:
    """V⁻ᵀ diag(g) Vᵀ, as w changes by the diagonal of V⁻¹ dA V."""
    v = _VECTORS(a)
    return _T(np.linalg.inv(v)) @ (_column(g) * _T(v))


rule(np.linalg.eigvals, "y = eigenvalues of a = v @ diag(y) @ inv(v)", "da = inv(v).T @ diag(g) @ v.T", _eigvals_back,
     batch=families.stack)

# ------------------------------------------------------------------ singular values, QR


def _svd_packed(a: Any) -> Any:
    """U above the singular values above V, all k = min(m, n) columns wide."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, _row(s), _H(vh)], axis=-2)


_SVD = Rule(_svd_packed, batch=families.stack)   # constant, as _EIGH


def _singular_vectors(a: Any, packed: Any) -> Any:
    """U above V."""
    m = a.shape[-2]
    return np.concatenate([packed[..., :m, :], packed[..., m + 1:, :]], axis=-2)


def _vectors_of(a: Any, packed: Any) -> tuple[Any, Any]:
    m = a.shape[-2]
    uv = _SINGULAR_VECTORS(a, packed)
    return uv[..., :m, :], uv[..., m:, :]


def _singular_vectors_back(g: Any, y: Any, a: Any, packed: Any) -> Any:
    """Townsend 2016; the term with the diagonal of Vᴴ V̄ is that of complex matrices, Wan and Zhang 2019."""
    m, n = a.shape[-2:]
    g = conj(g)
    (u, v), (gu, gv), s = (y[..., :m, :], y[..., m:, :]), (g[..., :m, :], g[..., m:, :]), _SINGULAR_VALUES(a, packed)
    ku, kv = _H(u) @ gu, _H(v) @ gv
    f, inverse = _inverse_gaps(s * s), _inverse(s)
    inner = (f * (ku - _H(ku))) * _row(s) + _column(s) * (f * (kv - _H(kv)))
    if a.dtype.kind == "c":
        inner = inner + _identity(min(m, n), a) * _row(np.imag(_diagonal(ku)) * inverse * 1j)
    gradient = u @ inner @ _H(v)
    gradient = gradient + ((gu - u @ ku) * _row(inverse)) @ _H(v) if m > n else gradient
    return conj(gradient + (u * _row(inverse)) @ _H(gv - v @ kv) if n > m else gradient)


def _diagonal(a: Any) -> Any:
    return np.diagonal(a, 0, -2, -1)


def _singular_values_back(g: Any, vectors: tuple[Any, Any]) -> Any:
    u, v = vectors
    return conj((u * _row(g)) @ _H(v))


_SINGULAR_VECTORS: Row = row(_singular_vectors, "y = u and v of u @ diag(s) @ v.T = a",
                             "da = terms of gu and gv; Townsend 2016", _singular_vectors_back,
                             name="svd", batch=families.stack)
_SINGULAR_VALUES: Row = row(lambda a, packed: np.real(packed[..., a.shape[-2], :]), "y = s of u @ diag(s) @ v.T = a",
                            "da = u @ diag(g) @ v.T",
                            lambda g, _y, a, packed: _singular_values_back(g, _vectors_of(a, packed)),
                            name="svd", batch=families.stack)
_SVDVALS = row(lambda a: np.linalg.svd(a, compute_uv=False), "y = s of u @ diag(s) @ v.T = a",
               "da = u @ diag(g) @ v.T", lambda g, _y, a: _singular_values_back(g, _vectors_of(a, _SVD(a))),
               name="svdvals", batch=families.stack)


@composite(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    m, n = a.shape[-2:]
    if not compute_uv:
        return _SVDVALS(a)
    if full_matrices and m != n:
        raise TracerError("np.linalg.svd: the vectors that fill up U and V have no derivative; pass "
                          "full_matrices=False")
    packed = _SVD(a)
    u, v = _vectors_of(a, packed)
    return SVDResult(u, _SINGULAR_VALUES(a, packed), _H(v))


@composite(np.linalg.svdvals)
def _svdvals(x: Any, /) -> Any:
    return _SVDVALS(x)


def _qr_packed(a: Any) -> Any:
    """Q above Rᵀ."""
    q, r = np.linalg.qr(a)
    return np.concatenate([q, _T(r)], axis=-2)


def _qr_back(g: Any, y: Any, _a: Any) -> Any:
    """(Q̄ + Q C) R⁻ᴴ with C the lower triangle of M = R R̄ᴴ - Q̄ᴴ Q, made symmetric; Walter and Lehmann 2018."""
    m = _a.shape[-2]
    q, r = y[..., :m, :], _T(y[..., m:, :])
    gq, gr = conj(g[..., :m, :]), conj(_T(g[..., m:, :]))
    lower = np.tril(r @ _H(gr) - _H(gq) @ q)
    c = lower + _H(np.tril(lower, -1))
    return conj(_H(np.linalg.solve(r, _H(gq + q @ c))))


_QR_PACKED = row(_qr_packed, "y = q and r with q @ r = a",
                 "da = (gq + q @ C) @ inv(r).T; Walter and Lehmann 2018", _qr_back,
                 name="qr", batch=families.stack)


@composite(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    """Of a wide matrix [X Y], Q and U are those of X, and R = [U QᵀY]."""
    refuse("linalg.qr", "use mode='reduced' or 'r'", mode=None if mode in ("reduced", "r") else mode)
    m, n = a.shape[-2:]
    k = min(m, n)
    packed = _QR_PACKED(a[..., :k])
    q, r = packed[..., :m, :], _T(packed[..., m:, :])
    r = np.concatenate([r, _H(q) @ a[..., k:]], axis=-1) if n > m else r
    return r if mode == "r" else QRResult(q, r)


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
