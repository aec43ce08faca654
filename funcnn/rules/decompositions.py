"""What are the derivatives of the factors of a matrix: `cholesky, eigh, eig, svd, qr`?

Matrices are the last two axes, and what stands before them is a stack. Functions with several results run as one
operation that lays the results side by side in one array, and pick them from it.

Where eigenvalues or singular values coincide, their vectors have no derivative, which counts as not a number; that of
the values is exact there too, and what it is made of, the vectors, again has none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn.batching import families
from funcnn.core import Rule, TracerError
from funcnn.rules.matrices import H, T, as_column, as_row, identity
from funcnn.rules.table import Row, composite, conj, one_where_zero, refuse, row, rule

__all__ = ["SINGULAR_VALUES", "SVD", "vectors_of"]


_ONE = np.identity(1)
EighResult: Any = type(np.linalg.eigh(_ONE))
EigResult: Any = type(np.linalg.eig(_ONE))
SVDResult: Any = type(np.linalg.svd(_ONE))
QRResult: Any = type(np.linalg.qr(_ONE))

# ------------------------------------------------------------------ symmetric matrices: the cotangent is symmetric too


def _symmetric(a: Any) -> Any:
    return (a + H(a)) / 2


def _cholesky_back(g: Any, y: Any, _a: Any, upper: bool = False) -> Any:
    """L⁻ᴴ P(Lᴴ G) L⁻¹, made symmetric; P takes the lower triangle and halves the diagonal. Murray 2016."""
    lower, g = (H(y), H(conj(g))) if upper else (y, conj(g))
    middle = np.tril(H(lower) @ g)
    middle = middle * (1 - identity(_a.shape[-1], _a) / 2)
    solved = np.linalg.solve(H(lower), middle)
    return conj(_symmetric(H(np.linalg.solve(H(lower), H(solved)))))


rule(np.linalg.cholesky, "y = L with L @ L.T = a",
     "da = inv(L).T @ P(L.T @ g) @ inv(L), made symmetric", _cholesky_back, batch=families.stack)


def _eigh_packed(a: Any, uplo: Any) -> Any:
    """The eigenvalues as a row above the eigenvectors."""
    w, v = np.linalg.eigh(a, uplo)
    return np.concatenate([as_row(w), v], axis=-2)


_EIGH = Rule(_eigh_packed, batch=families.stack)   # constant: what is differentiated are the two that pick from it


def _eigenvectors_back(g: Any, v: Any, a: Any, packed: Any) -> Any:
    """V (F ∘ Vᴴ V̄) Vᴴ with F_ij = 1 / (w_j - w_i); Giles 2008."""
    f = _inverse_gaps(_EIGENVALUES(a, packed))
    return conj(_symmetric(v @ (f * (H(v) @ conj(g))) @ H(v)))


def _inverse_gaps(w: Any) -> Any:
    """1 / (w_j - w_i), not a number where two coincide, and 0 on the diagonal."""
    return np.where(identity(w.shape[-1], w) == 1, 0, _inverse(as_row(w) - as_column(w)))


def _inverse(x: Any) -> Any:
    return np.where(x == 0, np.nan, 1 / one_where_zero(x))


def _eigenvalues_back(g: Any, v: Any) -> Any:
    return conj((v * as_row(g)) @ H(v))


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


# ------------------------------------------------------------------ any square matrix: A V = V diag(w)


def _eig_packed(a: Any) -> Any:
    """The eigenvalues as a row above the eigenvectors, of length 1 and with a largest entry that is real."""
    w, v = np.linalg.eig(a)
    return np.concatenate([as_row(w), v], axis=-2)


_EIG = Rule(_eig_packed, name="eig", batch=families.stack)   # constant, as _EIGH


def _general_values_back(g: Any, v: Any) -> Any:
    """V⁻ᵀ diag(g) Vᵀ, as w changes by the diagonal of V⁻¹ dA V."""
    return np.linalg.solve(T(v), as_column(g) * T(v))


def _general_vectors_back(g: Any, v: Any, a: Any, packed: Any) -> Any:
    """V⁻ᵀ (F ∘ Vᵀ G) Vᵀ with F_ij = 1 / (w_j - w_i), G being what is left of g where length and phase are fixed.

    V changes by U = V (F ∘ V⁻¹ dA V) and, column by column, by v (-Re(vᴴ u) - i Im(u_k) / v_k), k the largest entry.
    """
    along = np.sum(g * v, axis=-2, keepdims=True)
    g = g - np.real(along) * conj(v)
    if v.dtype.kind == "c":
        is_largest = np.abs(v) == np.max(np.abs(v), axis=-2, keepdims=True)
        g = g - np.where(is_largest, 1j * np.imag(along) / np.where(is_largest, v, 1), 0)
    f = _inverse_gaps(_GENERAL_VALUES(a, packed))
    return np.linalg.solve(T(v), f * (T(v) @ g)) @ T(v)


_GENERAL_VALUES: Row = row(lambda a, packed: packed[..., 0, :], "y = eigenvalues of a = v @ diag(y) @ inv(v)",
                           "da = inv(v).T @ diag(g) @ v.T",
                           lambda g, _y, a, packed: _general_values_back(g, _GENERAL_VECTORS(a, packed)),
                           name="eig", batch=families.stack)
_GENERAL_VECTORS: Row = row(lambda a, packed: packed[..., 1:, :], "y = v of a = v @ diag(w) @ inv(v)",
                            "da = inv(v).T @ (F * (v.T @ g)) @ v.T", _general_vectors_back, name="eig",
                            batch=families.stack)
rule(np.linalg.eigvals, "y = eigenvalues of a = v @ diag(y) @ inv(v)", "da = inv(v).T @ diag(g) @ v.T",
     lambda g, _y, a: _general_values_back(g, _GENERAL_VECTORS(a, _EIG(a))), batch=families.stack)


@composite(np.linalg.eig)
def _eig(a: Any) -> Any:
    packed = _EIG(a)
    return EigResult(_GENERAL_VALUES(a, packed), _GENERAL_VECTORS(a, packed))


# ------------------------------------------------------------------ singular values, QR


def _svd_packed(a: Any) -> Any:
    """U above the singular values above V, all k = min(m, n) columns wide."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return np.concatenate([u, as_row(s), H(vh)], axis=-2)


SVD = Rule(_svd_packed, batch=families.stack)   # constant, as _EIGH


def _singular_vectors(a: Any, packed: Any) -> Any:
    """U above V."""
    m = a.shape[-2]
    return np.concatenate([packed[..., :m, :], packed[..., m + 1:, :]], axis=-2)


def vectors_of(a: Any, packed: Any) -> tuple[Any, Any]:
    """U and V of what SVD has packed."""
    m = a.shape[-2]
    uv = _SINGULAR_VECTORS(a, packed)
    return uv[..., :m, :], uv[..., m:, :]


def _singular_vectors_back(g: Any, y: Any, a: Any, packed: Any) -> Any:
    """Townsend 2016; the term with the diagonal of Vᴴ V̄ is that of complex matrices, Wan and Zhang 2019."""
    m, n = a.shape[-2:]
    g = conj(g)
    (u, v), (gu, gv), s = (y[..., :m, :], y[..., m:, :]), (g[..., :m, :], g[..., m:, :]), SINGULAR_VALUES(a, packed)
    ku, kv = H(u) @ gu, H(v) @ gv
    f, inverse = _inverse_gaps(s * s), _inverse(s)
    inner = (f * (ku - H(ku))) * as_row(s) + as_column(s) * (f * (kv - H(kv)))
    if a.dtype.kind == "c":
        inner = inner + identity(min(m, n), a) * as_row(np.imag(_diagonal(ku)) * inverse * 1j)
    gradient = u @ inner @ H(v)
    gradient = gradient + ((gu - u @ ku) * as_row(inverse)) @ H(v) if m > n else gradient
    return conj(gradient + (u * as_row(inverse)) @ H(gv - v @ kv) if n > m else gradient)


def _diagonal(a: Any) -> Any:
    return np.diagonal(a, 0, -2, -1)


def _singular_values_back(g: Any, vectors: tuple[Any, Any]) -> Any:
    u, v = vectors
    return conj((u * as_row(g)) @ H(v))


_SINGULAR_VECTORS: Row = row(_singular_vectors, "y = u and v of u @ diag(s) @ v.T = a",
                             "da = terms of gu and gv; Townsend 2016", _singular_vectors_back,
                             name="svd", batch=families.stack)
SINGULAR_VALUES: Row = row(lambda a, packed: np.real(packed[..., a.shape[-2], :]), "y = s of u @ diag(s) @ v.T = a",
                            "da = u @ diag(g) @ v.T",
                            lambda g, _y, a, packed: _singular_values_back(g, vectors_of(a, packed)),
                            name="svd", batch=families.stack)
_SVDVALS = row(lambda a: np.linalg.svd(a, compute_uv=False), "y = s of u @ diag(s) @ v.T = a",
               "da = u @ diag(g) @ v.T", lambda g, _y, a: _singular_values_back(g, vectors_of(a, SVD(a))),
               name="svdvals", batch=families.stack)


@composite(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    m, n = a.shape[-2:]
    if not compute_uv:
        return _SVDVALS(a)
    if full_matrices and m != n:
        raise TracerError("np.linalg.svd: the vectors that fill up U and V have no derivative; pass "
                          "full_matrices=False")
    packed = SVD(a)
    u, v = vectors_of(a, packed)
    return SVDResult(u, SINGULAR_VALUES(a, packed), H(v))


@composite(np.linalg.svdvals)
def _svdvals(x: Any, /) -> Any:
    return _SVDVALS(x)


def _qr_packed(a: Any) -> Any:
    """Q above Rᵀ."""
    q, r = np.linalg.qr(a)
    return np.concatenate([q, T(r)], axis=-2)


def _qr_back(g: Any, y: Any, _a: Any) -> Any:
    """(Q̄ + Q C) R⁻ᴴ with C the lower triangle of M = R R̄ᴴ - Q̄ᴴ Q, made symmetric; Walter and Lehmann 2018."""
    m = _a.shape[-2]
    q, r = y[..., :m, :], T(y[..., m:, :])
    gq, gr = conj(g[..., :m, :]), conj(T(g[..., m:, :]))
    lower = np.tril(r @ H(gr) - H(gq) @ q)
    c = lower + H(np.tril(lower, -1))
    return conj(H(np.linalg.solve(r, H(gq + q @ c))))


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
    q, r = packed[..., :m, :], T(packed[..., m:, :])
    r = np.concatenate([r, H(q) @ a[..., k:]], axis=-1) if n > m else r
    return r if mode == "r" else QRResult(q, r)
