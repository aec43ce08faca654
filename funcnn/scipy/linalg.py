"""What of `scipy.linalg` can be differentiated? `solve_triangular, cho_solve, expm, sqrtm, solve_sylvester`.

Arguments and results are SciPy's; matrices are the last two axes, and may be stacked. What `np.linalg` has is there
(`inv, solve, det, eig, svd, qr, cholesky, norm, lstsq, pinv`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import linalg

from funcnn.batching import families
from funcnn.core import Rule
from funcnn.rules.matrices import H, T
from funcnn.rules.table import Row, as_array, conj, row
from funcnn.typing import Array

__all__ = ["cho_factor", "cho_solve", "expm", "solve_sylvester", "solve_triangular", "sqrtm"]

Transposed: TypeAlias = Literal[0, 1, 2, "N", "T", "C"]


def _outer(u: Any, v: Any, is_vector: bool) -> Any:
    """U Vᵀ, of vectors or matrices."""
    return u[..., :, None] * v[..., None, :] if is_vector else u @ T(v)


def _each(f: Callable[..., Any], *args: Any) -> Any:
    """SciPy's function of matrices, for stacks, which broadcast; the result is like the last argument."""
    if all(x.ndim <= 2 for x in args):
        return f(*args)
    stack = np.broadcast_shapes(*[x.shape[:-2] for x in args])
    args = tuple([np.broadcast_to(x, stack + x.shape[-2:]) for x in args])
    if not math.prod(stack):
        return np.empty(args[-1].shape, np.result_type(*args, np.float32))
    return np.stack([f(*[x[i] for x in args]) for i in np.ndindex(stack)]).reshape(args[-1].shape)


def _pairs(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Systems of equations, whose other arguments all examples share."""
    rest = values[2:]
    return families.solve(lambda a, b: rule(a, b, *rest, **options), n, values[:2], mapped[:2], {})


# ------------------------------------------------------------------------------------------------ triangles


def _triangular(a: Any, b: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    return _each(lambda a, b: linalg.solve_triangular(a, b, trans, lower, unit_diagonal), a, b)


def _triangular_right(g: Any, _y: Any, a: Any, _b: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    """Op(A)⁻ᵀ G; the transpose of Aᴴ is the conjugate of A."""
    if trans == 2:
        return conj(_TRIANGULAR(a, conj(g), 0, lower, unit_diagonal))
    return _TRIANGULAR(a, g, 1 - trans, lower, unit_diagonal)


def _triangular_left(g: Any, y: Any, a: Any, b: Any, trans: int, lower: bool, unit_diagonal: bool) -> Any:
    """Op(A) has the cotangent -B̄ Xᵀ, of which the triangle that is read goes to A."""
    of_op = -_outer(_triangular_right(g, y, a, b, trans, lower, unit_diagonal), y, b.ndim == 1)
    of_a = of_op if trans == 0 else T(of_op) if trans == 1 else H(of_op)
    return np.tril(of_a, -unit_diagonal) if lower else np.triu(of_a, int(unit_diagonal))


_TRIANGULAR = row(_triangular, "y = inv(triangle of a) @ b",
                  "da = -triangle of inv(a).T @ g @ y.T", _triangular_left,
                  "db = inv(triangle of a).T @ g", _triangular_right, name="solve_triangular", batch=_pairs)


def solve_triangular(a: Any, b: Any, trans: Transposed = 0, lower: bool = False, unit_diagonal: bool = False) -> Array:
    """The x with a x = b, of which only one triangle is read; by `trans` with aᵀ x = b (1, "T") or aᴴ x = b (2, "C").

        x = A⁻¹ b,    b̄ = A⁻ᵀ x̄,    Ā = -tri(b̄ xᵀ)

    - `a`: (..., n, n), of which the triangle above the diagonal counts, or with `lower` the one below.
    - `b`: a vector (n,), or a matrix (..., n, k).
    - `trans`: 0 or "N", 1 or "T", 2 or "C".
    - `unit_diagonal`: whether the diagonal of a is taken to be 1, whatever stands there.

    A diagonal with a 0 is a LinAlgError.

    >>> solve_triangular(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([4.0, 5.0]), lower=True)
    array([2., 3.])

    Source: `scipy.linalg.solve_triangular`, without its flags of memory and checks.
    """
    number: int = {"N": 0, "T": 1, "C": 2}.get(trans, trans)  # type: ignore[arg-type]  # text or number
    y: Array = _TRIANGULAR(as_array(a), as_array(b), number, bool(lower), bool(unit_diagonal))
    return y


# ------------------------------------------------------------------------------------------------ Cholesky


def cho_factor(a: Any, lower: bool = False) -> tuple[Array, bool]:
    """The triangle c of a positive definite matrix, and whether it is the lower one: what `cho_solve` takes.

        a = cᴴ c, c upper,    or    a = c cᴴ, c lower

    `a` is (..., n, n), of which one triangle is read, and `lower` says which; where it is not positive definite, that
    is a LinAlgError.

    >>> c, lower = cho_factor(np.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> c, lower
    (array([[2., 1.],
           [0., 2.]]), False)

    Source: `scipy.linalg.cho_factor`, which leaves any numbers in the other triangle, where here are zeros. It is
    `np.linalg.cholesky`, whose cotangent is symmetric.
    """
    c = np.linalg.cholesky(H(a) if not lower else a)
    return (c if lower else H(c)), lower


def _cho_solve(c: Any, b: Any, lower: bool) -> Any:
    return _each(lambda c, b: linalg.cho_solve((c, lower), b), c, b)


def _cho_right(g: Any, _y: Any, c: Any, _b: Any, lower: bool) -> Any:
    return conj(_CHO_SOLVE(c, conj(g), lower))


def _cho_left(g: Any, y: Any, c: Any, b: Any, lower: bool) -> Any:
    """A = C Cᴴ has the cotangent Ā = -B̄ Xᵀ, and C the lower triangle of (Ā + Āᴴ) conj(C)."""
    of_a = -_outer(_cho_right(g, y, c, b, lower), y, b.ndim == 1)
    both = of_a + H(of_a)
    c = np.tril(c) if lower else np.triu(c)
    return np.tril(both @ conj(c)) if lower else np.triu(conj(c) @ both)


_CHO_SOLVE = row(_cho_solve, "y = inv(c @ c.T) @ b",
                 "dc = triangle of (da + da.T) @ c, with da = -db @ y.T", _cho_left,
                 "db = inv(c @ c.T) @ g", _cho_right, name="cho_solve", batch=_pairs)


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Array:
    """The x with a x = b, by the triangle of a that `cho_factor` gives, `c_and_lower`; `b` as in `solve_triangular`.

    >>> a, b = np.array([[4.0, 2.0], [2.0, 5.0]]), np.array([8.0, 12.0])
    >>> cho_solve(cho_factor(a), b)
    array([1., 2.])

    Source: `scipy.linalg.cho_solve`, without its flags of memory and checks.
    """
    c, lower = c_and_lower
    y: Array = _CHO_SOLVE(as_array(c), as_array(b), bool(lower))
    return y


# ------------------------------------------------------------------------------------------------ functions of matrices


def _expm_back(g: Any, _y: Any, a: Any) -> Any:
    """The derivative of exp at Aᵀ along G, which is the corner of exp [Aᵀ G; 0 Aᵀ]; Najfeld and Havel 1995."""
    n, a = a.shape[-1], T(a)
    upper, lower = np.concatenate([a, g], axis=-1), np.concatenate([np.zeros_like(g), a], axis=-1)
    return _EXPM(np.concatenate([upper, lower], axis=-2))[..., :n, n:]


_EXPM: Row = row(lambda a: linalg.expm(a), "y = 1 + a + a @ a / 2 + a @ a @ a / 6 + ...",
                 "da = corner of expm([[a.T, g], [0, a.T]])", _expm_back, name="expm", batch=families.stack)


def expm(a: Any) -> Array:
    """The exponential of a matrix `a` (..., n, n).

        eᴬ = 1 + A + A² / 2! + A³ / 3! + ...

    >>> np.round(expm(np.array([[0.0, np.pi / 2], [-np.pi / 2, 0.0]])), 12)      # a turn by a right angle
    array([[ 0.,  1.],
           [-1.,  0.]])

    Source: `scipy.linalg.expm`; the derivative is that of Najfeld and Havel 1995.
    """
    y: Array = _EXPM(as_array(a))
    return y


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    return _each(linalg.solve_sylvester, a, b, q)


def _sylvester_back(g: Any, _y: Any, a: Any, b: Any, _q: Any) -> Any:
    return _SYLVESTER(T(a), T(b), g)


_SYLVESTER: Row = row(_sylvester, "y with a @ y + y @ b = q",
                 "da = -dq @ y.T", lambda g, y, a, b, _q: -_SYLVESTER(T(a), T(b), g) @ T(y),
                 "db = -y.T @ dq", lambda g, y, a, b, _q: -T(y) @ _SYLVESTER(T(a), T(b), g),
                 "dq with a.T @ dq + dq @ b.T = g", _sylvester_back, name="solve_sylvester", batch=families.stack)


def solve_sylvester(a: Any, b: Any, q: Any) -> Array:
    """The X with A X + X B = Q, for `a` (..., m, m), `b` (..., n, n) and `q` (..., m, n).

    >>> solve_sylvester(np.array([[1.0]]), np.array([[2.0]]), np.array([[6.0]]))
    array([[2.]])

    Source: `scipy.linalg.solve_sylvester`.
    """
    y: Array = _SYLVESTER(as_array(a), as_array(b), as_array(q))
    return y


def _root(a: Any) -> Any:
    return _each(linalg.sqrtm, a)


_SQRTM = row(_root, "y with y @ y = a",
             "da with y.T @ da + da @ y.T = g", lambda g, y, _a: _SYLVESTER(T(y), T(y), g), name="sqrtm",
             batch=families.stack)


def sqrtm(a: Any) -> Array:
    """The principal square root of a matrix `a` (..., n, n): S S = A.

    >>> sqrtm(np.array([[4.0, 0.0], [0.0, 9.0]]))
    array([[2., 0.],
           [0., 3.]])

    Source: `scipy.linalg.sqrtm`. Where A is singular, or S and -S have an eigenvalue in common, it has no derivative.
    """
    y: Array = _SQRTM(as_array(a))
    return y
