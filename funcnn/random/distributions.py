"""Which laws are there beside the uniform one? `normal, exponential, gamma, beta, dirichlet, poisson, ball`.

Users find all of them in `funcnn.random`. What is the same for all is said at `normal` and `gamma`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from funcnn._arguments import one_of, real_number, whole_number
from funcnn._arrays import readonly
from funcnn.random import checks, densities, rejection
from funcnn.random.batched import of_each_key
from funcnn.random.threefry import Words, draw, hash_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from funcnn.random.threefry import Floats
    from funcnn.typing import Array, ArrayLike, DTypeLike, Key, Shape

__all__ = ["ball", "beta", "dirichlet", "exponential", "gamma", "gumbel", "laplace", "logistic", "multivariate_normal",
           "normal", "poisson", "rademacher", "student_t", "t"]


# ------------------------------------------------------------------------------------------- without parameters


@of_each_key
def normal(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Standard normal random numbers: mean 0, variance 1.

        x = √2 erf⁻¹(u),    u uniform in (-1, 1)

    `key` is one key, which is used up; `shape` is that of the result, () for one number; `dtype` float32 or float64.
    The grid of u bounds the numbers: `|x| < 5.5` in float32, 8.3 in float64.

    >>> from funcnn.random import key
    >>> normal(key(0), (3,))
    array([ 1.622642  ,  2.0252647 , -0.43359444], dtype=float32)

    Source: as `jax.random.normal`, within 3 ulp in float32, and 32 in float64 (where XLA's logarithm is the
    less exact one).
    """
    return _standard("normal", key, shape, dtype, densities.normal)


@of_each_key
def exponential(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Exponential random numbers: density e⁻ˣ for x >= 0.

        x = -log(1 - u),    u uniform in [0, 1)

    `key`, `shape` and `dtype` are those of `normal`. Divide by a rate, or multiply by a mean.

    >>> from funcnn.random import key
    >>> exponential(key(0), (3,))
    array([2.950128  , 3.8434246 , 0.40390354], dtype=float32)

    Source: as `jax.random.exponential`, within 1 ulp in float32, and 130 in float64 (where XLA's logarithm is
    that far off).
    """
    return _standard("exponential", key, shape, dtype, densities.exponential)


@of_each_key
def gumbel(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Gumbel random numbers: density exp(-x - e⁻ˣ), the law of the greatest of many.

        x = -log(-log u),    u uniform in (0, 1)

    `key`, `shape` and `dtype` are those of `normal`.

    >>> from funcnn.random import key
    >>> gumbel(key(0), (3,))
    array([ 2.9233725 ,  3.8326178 , -0.09689323], dtype=float32)

    Source: as `jax.random.gumbel` (in its default mode, "low"), within 2 ulp of `max(1, |x|)`.
    """
    return _standard("gumbel", key, shape, dtype, densities.gumbel)


@of_each_key
def laplace(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Laplace random numbers: density `e^-|x| / 2`.

        x = sign(u) log(1 - abs(u)),    u uniform in (-1, 1)

    `key`, `shape` and `dtype` are those of `normal`.

    >>> from funcnn.random import key
    >>> laplace(key(0), (3,))
    array([-2.2569816 , -3.1502788 ,  0.40859547], dtype=float32)

    Source: as `jax.random.laplace`, within 1 ulp of `max(1, |x|)` in float32, and 65 in float64 (where XLA's logarithm
    is that far off).
    """
    return _standard("laplace", key, shape, dtype, densities.laplace)


@of_each_key
def logistic(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.float32) -> NDArray[np.floating[Any]]:
    """Logistic random numbers: density e⁻ˣ / (1 + e⁻ˣ)².

        x = log(u / (1 - u)),    u uniform in (0, 1)

    `key`, `shape` and `dtype` are those of `normal`.

    >>> from funcnn.random import key
    >>> logistic(key(0), (3,))
    array([ 2.8963761,  3.8217716, -0.6978392], dtype=float32)

    Source: as `jax.random.logistic`, within 2 ulp of `max(1, |x|)` in float32, and 65 in float64 (where XLA's logarithm
    is that far off).
    """
    return _standard("logistic", key, shape, dtype, densities.logistic)


def _standard(name: str, key: Key, shape: int | Shape, dtype: DTypeLike, law: Callable[..., Any],
              ) -> NDArray[np.floating[Any]]:
    """Numbers of a law without parameters, which is a function of the words drawn."""
    words = checks.words_of(f"random.{name}", key)
    kind = checks.dtype_of(name, dtype, "float32", "float64")
    return draw((words,), checks.shape_of(name, shape), kind, law)


@of_each_key
def rademacher(key: Key, shape: int | Shape = (), dtype: DTypeLike = np.int32) -> NDArray[Any]:
    """Random signs: -1 or 1, equally likely.

    `key` and `shape` are those of `normal`; `dtype` is int8 to int64, float32 or float64.

    >>> from funcnn.random import key
    >>> rademacher(key(0), (5,))
    array([-1, -1,  1,  1, -1], dtype=int32)

    Source: as `jax.random.rademacher`, bit for bit; where JAX counts in 64 bits (`jax_enable_x64`), its own are others.
    """
    words = checks.words_of("random.rademacher", key)
    kind = checks.dtype_of("rademacher", dtype, "int32", "int8", "int16", "int64", "float32", "float64")
    return _signs(words, checks.shape_of("rademacher", shape), kind)


def _signs(words: Words, size: Shape, kind: np.dtype[Any]) -> NDArray[Any]:
    heads = draw((words,), size, np.dtype(np.bool_), densities.below, np.array(0.5), width=max(32, 8 * kind.itemsize))
    return readonly(np.asarray(2 * heads.astype(kind) - kind.type(1)))


# ------------------------------------------------------------------------------------------- gamma and its kin


@of_each_key
def gamma(key: Key, a: ArrayLike, shape: int | Shape | None = None, dtype: DTypeLike = np.float32,
          ) -> NDArray[np.floating[Any]]:
    """Gamma random numbers of shape parameter a > 0: density xᵃ⁻¹ e⁻ˣ / Γ(a) for x > 0; the mean is a.

    `a` is a number, or an array that broadcasts to `shape`, which is by default its own; what is not finite and above 0
    is a ValueError. `key` and `dtype` are those of `normal`.

    >>> from funcnn.random import key
    >>> gamma(key(0), 2.0, (3,))
    array([1.5897877, 1.7599413, 1.1290073], dtype=float32)

    A draw has no derivative with respect to a; jax has one. Source: Marsaglia, Tsang, "A simple method for generating
    gamma variables" (2000), as `jax.random.gamma`, within 10 ulp of max(1, x) in float32, unless rounding decides what
    is accepted.
    """
    return _by_rejection("gamma", key, a, "a", shape, dtype, rejection.gamma)


def _by_rejection(name: str, key: Key, a: ArrayLike, what: str, shape: int | Shape | None, dtype: DTypeLike,
                  law: Callable[[Words, Floats], Floats]) -> NDArray[np.floating[Any]]:
    words = checks.words_of(f"random.{name}", key)
    kind = checks.dtype_of(name, dtype, "float32", "float64")
    given = _positive(name, what, a, kind)
    size = checks.fit(name, shape, **{what: given})
    return readonly(law(words, np.broadcast_to(given, size).ravel()).reshape(size))


def _positive(name: str, what: str, x: ArrayLike, kind: np.dtype[Any]) -> NDArray[Any]:
    values = checks.floats(name, what, x, kind)
    checks.require(name, (values > 0) & (values < np.inf), "finite and above 0", **{what: values})
    return values


@of_each_key
def beta(key: Key, a: ArrayLike, b: ArrayLike, shape: int | Shape | None = None, dtype: DTypeLike = np.float32,
         ) -> NDArray[np.floating[Any]]:
    """Beta random numbers of a > 0 and b > 0: density proportional to xᵃ⁻¹ (1 - x)ᵇ⁻¹ for 0 < x < 1.

        x = g / (g + h),    g and h gamma numbers of a and of b

    `a` and `b` are numbers, or arrays that broadcast to `shape` (by default their common one); all else as in `gamma`,
    `key` and `dtype` too.

    >>> from funcnn.random import key
    >>> beta(key(0), 2.0, 3.0, (3,))
    array([0.23627359, 0.4904596 , 0.6837948 ], dtype=float32)

    Source: as `jax.random.beta`, within 10 ulp of 1 in float32, unless rounding decides what is accepted.
    """
    words = checks.words_of("random.beta", key)
    kind = checks.dtype_of("beta", dtype, "float32", "float64")
    first, second = _positive("beta", "a", a, kind), _positive("beta", "b", b, kind)
    size = checks.fit("beta", shape, a=first, b=second)
    g, h = (rejection.log_gamma(own, np.broadcast_to(x, size).ravel())
            for own, x in zip(_two(words), (first, second), strict=True))
    return readonly(_shares(np.stack([g, h], axis=-1))[..., 0].reshape(size))


def _shares(logs: Floats) -> Floats:
    """Softmax along the last axis; in float64, whose last bit then does not show."""
    parts = np.exp(logs - logs.max(-1, keepdims=True, initial=-np.inf), dtype=np.float64)
    shares: Floats = (parts / parts.sum(-1, keepdims=True)).astype(logs.dtype)
    return shares


def _two(words: Words) -> tuple[Words, Words]:
    (a, b), (c, d) = hash_pairs(words, 2).tolist()
    return (a, b), (c, d)


@of_each_key
def dirichlet(key: Key, alpha: ArrayLike, shape: int | Shape | None = None, dtype: DTypeLike = np.float32,
              ) -> NDArray[np.floating[Any]]:
    """Random probabilities that sum to 1: density proportional to Π xᵢ^(αᵢ - 1).

        x = g / Σ g,    gᵢ gamma numbers of αᵢ

    `alpha`, above 0, has the classes along its last axis; `shape` is that of the other axes, by default alpha's. `key`
    and `dtype` are those of `normal`.

    >>> from funcnn.random import key
    >>> dirichlet(key(0), [1.0, 2.0, 3.0])
    array([0.1422856 , 0.40488252, 0.45283186], dtype=float32)

    Source: as `jax.random.dirichlet`, within 10 ulp of 1 in float32, unless rounding decides what is accepted.
    """
    words = checks.words_of("random.dirichlet", key)
    kind = checks.dtype_of("dirichlet", dtype, "float32", "float64")
    values = _positive("dirichlet", "alpha", alpha, kind)
    if values.ndim == 0:
        raise ValueError("random.dirichlet: alpha must have one number for each class, such as [1.0, 1.0, 1.0], got "
                         f"{alpha!r}")
    lead = checks.fit("dirichlet", shape, **{"alpha without its last axis": np.empty(values.shape[:-1])})
    size = (*lead, values.shape[-1])
    return readonly(_shares(rejection.log_gamma(words, np.broadcast_to(values, size).ravel()).reshape(size)))


@of_each_key
def t(key: Key, df: ArrayLike, shape: int | Shape | None = None, dtype: DTypeLike = np.float32,
      ) -> NDArray[np.floating[Any]]:
    """Student's t random numbers of df > 0 degrees of freedom: density proportional to (1 + x²/df)^(-(df + 1)/2).

        x = n √(df/2 / g),    n normal, g a gamma number of df/2

    `df` is a number, or an array that broadcasts to `shape`; all else as in `gamma`, `key` and `dtype` too.

    >>> from funcnn.random import key
    >>> t(key(0), 4.0, (3,))
    array([ 0.7160013, -2.417441 , -1.414403 ], dtype=float32)

    It has the name `student_t` too. Source: as `jax.random.t`, within 20 ulp in float32, unless rounding decides what
    is accepted.
    """
    words = checks.words_of("random.t", key)
    kind = checks.dtype_of("t", dtype, "float32", "float64")
    values = _positive("t", "df", df, kind)
    size = checks.fit("t", shape, df=values)
    for_n, for_g = _two(words)
    half = np.broadcast_to(values / 2, size)
    n, g = draw((for_n,), size, kind, densities.normal), rejection.gamma(for_g, half.ravel()).reshape(size)
    with np.errstate(all="ignore"):
        return readonly(np.asarray(n * np.sqrt(half / g)))


student_t = t


@of_each_key
def ball(key: Key, d: int, p: float = 2.0, shape: int | Shape = (), dtype: DTypeLike = np.float32,
         ) -> NDArray[np.floating[Any]]:
    """Points that are uniform in the ball `Σ |xᵢ|ᵖ <= 1` of d dimensions, along the last axis.

        x = z / (Σ abs(zᵢ)ᵖ + e)^(1/p),    z of density proportional to exp(-abs(z)ᵖ), e exponential

    - `key`, `dtype`: as in `normal`.
    - `d`: how many numbers a point has, 0 and more.
    - `p`: a finite number above 0: 2 for the round ball, 1 for the octahedron.
    - `shape`: that of the points; the result is `(*shape, d)`.

    >>> from funcnn.random import key
    >>> ball(key(0), 3)
    array([0.91715974, 0.39274213, 0.0116535 ], dtype=float32)

    Source: Barthe, Guédon, Mendelson, Naor, "A probabilistic approach to the geometry of the lₚⁿ-ball" (2005), as
    `jax.random.ball`, within 10 ulp of 1 in float32, unless rounding decides what is accepted. Where JAX counts in 64
    bits, its signs are others, also under `funcnn.jax`.
    """
    words = checks.words_of("random.ball", key)
    kind = checks.dtype_of("ball", dtype, "float32", "float64")
    d, p = whole_number("random.ball", "d", d, 0), real_number("random.ball", "p", p, "(0, inf)")
    lead = checks.shape_of("ball", shape)
    for_z, for_e = _two(words)
    e = draw((for_e,), lead, kind, densities.exponential)
    sizes, signs = _two(for_z)
    size = (*lead, d)
    power = rejection.gamma(sizes, np.full(size, 1 / p, kind).ravel()).reshape(size).astype(np.float64)  # |z|ᵖ
    z = _signs(signs, size, kind) * power ** (1 / p)
    return readonly((z / ((power.sum(-1) + e) ** (1 / p))[..., None]).astype(kind))


# ------------------------------------------------------------------------------------------------------- counts


@of_each_key
def poisson(key: Key, lam: ArrayLike, shape: int | Shape | None = None, dtype: DTypeLike = np.int32,
            ) -> NDArray[np.integer[Any]]:
    """Poisson random counts of rate lam >= 0: k with probability lamᵏ e^-lam / k!; the mean is lam.

    `lam` is a number, or an array that broadcasts to `shape`, which is by default its own; it is read as float32. So
    large that `dtype`, int8 to int64 or uint8 to uint64, might not hold the count, it is a ValueError. `key` as in
    `normal`.

    >>> from funcnn.random import key
    >>> poisson(key(0), 4.0, (8,))
    array([0, 1, 5, 5, 2, 2, 4, 6], dtype=int32)

    Source: Knuth below a rate of 10, above Hörmann, "The transformed rejection method for generating Poisson random
    variables" (1993); as `jax.random.poisson`, the same counts unless rounding decides. jax decides in float32, which
    for rates above 10⁴ often does, and from 10⁷ on shows in the counts; funcnn in float64.
    """
    words = checks.words_of("random.poisson", key)
    kind = checks.dtype_of("poisson", dtype, "int32", "int8", "int16", "int64", "uint8", "uint16", "uint32", "uint64")
    rate = checks.floats("poisson", "lam", lam, np.dtype(np.float32))
    size = checks.fit("poisson", shape, lam=rate)
    most = min(float(np.iinfo(kind).max), 2.0**53)
    checks.require("poisson", (rate >= 0) & (rate + 12 * np.sqrt(np.abs(rate)) + 24 <= most),
                   f"rates of 0 or more whose counts {kind} can hold", lam=rate)
    return readonly(rejection.poisson(words, np.broadcast_to(rate, size)).astype(kind))


# ------------------------------------------------------------------------------------------------ several numbers


def multivariate_normal(key: Key, mean: Array | ArrayLike, cov: Array | ArrayLike, shape: int | Shape | None = None,
                        dtype: DTypeLike | None = None, method: Literal["cholesky", "eigh", "svd"] = "cholesky",
                        ) -> Array:
    """Normal random vectors of a `mean` (..., n) and a covariance `cov` (..., n, n), along the last axis.

        x = mean + L z,    L Lᵀ = cov,    z standard normal

    - `key`: as in `normal`.
    - `shape`: that of the other axes, by default that of mean and cov together.
    - `dtype`: float32 or float64, by default that of mean and cov, float32 of lists and integers.
    - `method`: how L is found: a covariance that is singular needs "eigh" or "svd".

    A draw has the derivative of this formula, in mean and cov. That `cov` is symmetric is not checked.

    >>> from funcnn.random import key
    >>> multivariate_normal(key(0), np.zeros(2, np.float32), np.array([[1.0, 0.5], [0.5, 1.0]], np.float32))
    array([1.622642 , 2.5652518], dtype=float32)

    Source: as `jax.random.multivariate_normal`, up to rounding of the normal numbers and the product.
    """
    one_of("random.multivariate_normal", "method", method, ("cholesky", "eigh", "svd"))
    centre, spread = _vector_or_matrix("mean", mean, 1), _vector_or_matrix("cov", cov, 2)
    n = centre.shape[-1]
    if spread.shape[-2:] != (n, n):
        raise ValueError(f"random.multivariate_normal: cov must be (..., n, n) for a mean of n = {n} numbers, got "
                         f"shape {spread.shape}")
    lead = checks.fit("multivariate_normal", shape, **{"mean without its last axis": np.empty(centre.shape[:-1]),
                                                       "cov without its last two": np.empty(spread.shape[:-2])})
    kind = np.result_type(centre.dtype, spread.dtype) if dtype is None else np.dtype(dtype)
    z = normal(key, (*lead, n), kind)
    drawn: Array = readonly((centre + np.einsum("...ij,...j->...i", _root_of(spread, method), z)).astype(kind))
    return drawn


def _vector_or_matrix(name: str, x: Any, axes: int) -> Any:
    """A float array, traced or not, of at least so many axes."""
    x = x if hasattr(x, "dtype") and x.dtype.kind == "f" else checks.floats("multivariate_normal", name, x)
    if x.ndim < axes:
        raise ValueError(f"random.multivariate_normal: {name} must have at least {axes} axes, got shape {x.shape}")
    return x


def _root_of(cov: Any, method: str) -> Any:
    """The L with L Lᵀ = cov."""
    if method == "cholesky":
        return np.linalg.cholesky(cov)
    if method == "eigh":
        w, v = np.linalg.eigh(cov)
        return v * np.sqrt(w)[..., None, :]
    u, s, _ = np.linalg.svd(cov)
    return u * np.sqrt(s)[..., None, :]
