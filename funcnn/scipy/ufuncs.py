"""What are the derivatives of SciPy's ufuncs? One row a function; it is read when one of them meets a traced value.

A parameter that has none, the order of a Bessel function, is None in its row. Ufuncs without a row are batched by
`vmap`, and `grad` says that they have no derivative.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special
from scipy.special import _ufuncs as special  # scipy.special has functions around them where SCIPY_ARRAY_API is set

from funcnn.batching import families
from funcnn.core import RULES, register
from funcnn.rules.table import Elementwise, Row, constant, elementwise, masked, over, row

__all__ = ["multigammaln", "polygamma", "zeta"]

ROOT_PI, ROOT_2_PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)

# ------------------------------------------------------------------ exponentials and logarithms, beyond NumPy's

elementwise(special.exp2,  "y = 2**x",       "dx = g * y * log(2)",  lambda g, y, _x: g * y * math.log(2))
elementwise(special.exp10, "y = 10**x",      "dx = g * y * log(10)", lambda g, y, _x: g * y * math.log(10))
elementwise(special.expm1, "y = exp(x) - 1", "dx = g * (y + 1)",     lambda g, y, _x: g * (y + 1))
elementwise(special.log1p, "y = log(1 + x)", "dx = g / (1 + x)",     lambda g, _y, x: g / (1 + x))
elementwise(special.cosm1, "y = cos(x) - 1", "dx = -g * sin(x)",     lambda g, _y, x: -g * np.sin(x))
elementwise(special.cbrt,  "y = cbrt(x)",    "dx = g / (3 * y**2)",  lambda g, y, _x: g / (3 * y * y))
elementwise(special.exp1,  "y = integral of exp(-t) / t from x on",
            "dx = -g * exp(-x) / x", lambda g, _y, x: -g * np.exp(-x) / x)
elementwise(special.expi,  "y = integral of exp(t) / t up to x",
            "dx = g * exp(x) / x", lambda g, _y, x: g * np.exp(x) / x)
elementwise(special.xlogy, "z = x * log(y), and 0 where x = 0",
            "dx = g * log(y)", lambda g, _z, _x, y: g * np.log(y),
            "dy = g * x / y", lambda g, _z, x, y: g * over(x, y))
elementwise(special.xlog1py, "z = x * log(1 + y), and 0 where x = 0",
            "dx = g * log(1 + y)", lambda g, _z, _x, y: g * np.log1p(y),
            "dy = g * x / (1 + y)", lambda g, _z, x, y: g * over(x, 1 + y))

# ------------------------------------------------------------------ entropies

elementwise(special.entr, "y = -x * log(x)", "dx = -g * (log(x) + 1)", lambda g, _y, x: -g * (np.log(x) + 1))
elementwise(special.rel_entr, "z = x * log(x / y)",
            "dx = g * (log(x / y) + 1)", lambda g, _z, x, y: g * (np.log(x / y) + 1),
            "dy = -g * x / y", lambda g, _z, x, y: -g * over(x, y))
elementwise(special.kl_div, "z = x * log(x / y) - x + y",
            "dx = g * log(x / y)", lambda g, _z, x, y: g * np.log(x / y),
            "dy = g * (1 - x / y)", lambda g, _z, x, y: g * (1 - over(x, y)))

# ------------------------------------------------------------------ the logistic curve

elementwise(special.expit, "y = 1 / (1 + exp(-x))", "dx = g * y * expit(-x)", lambda g, y, x: g * y * special.expit(-x))
elementwise(special.logit, "y = log(x / (1 - x))", "dx = g / (x * (1 - x))", lambda g, _y, x: g / (x * (1 - x)))
elementwise(special.log_expit, "y = -log(1 + exp(-x))", "dx = g * expit(-x)", lambda g, _y, x: g * special.expit(-x))

# ------------------------------------------------------------------ the error function, and the normal distribution

elementwise(special.erf, "y = erf(x)",
            "dx = g * 2 / sqrt(pi) * exp(-x**2)", lambda g, _y, x: g * (2 / ROOT_PI) * np.exp(-x * x))
elementwise(special.erfc, "y = 1 - erf(x)",
            "dx = -g * 2 / sqrt(pi) * exp(-x**2)", lambda g, _y, x: g * (-2 / ROOT_PI) * np.exp(-x * x))
elementwise(special.erfcx, "y = exp(x**2) * erfc(x)",
            "dx = g * (2 * x * y - 2 / sqrt(pi))", lambda g, y, x: g * (2 * x * y - 2 / ROOT_PI))
elementwise(special.erfi, "y = -i * erf(i * x)",
            "dx = g * 2 / sqrt(pi) * exp(x**2)", lambda g, _y, x: g * (2 / ROOT_PI) * np.exp(x * x))
elementwise(special.erfinv, "y with erf(y) = x",
            "dx = g * sqrt(pi) / 2 * exp(y**2)", lambda g, y, _x: g * (ROOT_PI / 2) * np.exp(y * y))
elementwise(special.erfcinv, "y with erfc(y) = x",
            "dx = -g * sqrt(pi) / 2 * exp(y**2)", lambda g, y, _x: g * (-ROOT_PI / 2) * np.exp(y * y))
elementwise(special.dawsn, "y = sqrt(pi) / 2 * exp(-x**2) * erfi(x)",
            "dx = g * (1 - 2 * x * y)", lambda g, y, x: g * (1 - 2 * x * y))
elementwise(special.ndtr, "y = P(normal < x)",
            "dx = g * exp(-x**2 / 2) / sqrt(2 * pi)", lambda g, _y, x: g * (1 / ROOT_2_PI) * np.exp(-x * x / 2))
elementwise(special.log_ndtr, "y = log P(normal < x)",
            "dx = g * exp(-x**2 / 2 - y) / sqrt(2 * pi)",
            lambda g, y, x: g * (1 / ROOT_2_PI) * np.exp(-x * x / 2 - y))
elementwise(special.ndtri, "y with P(normal < y) = x",
            "dx = g * sqrt(2 * pi) * exp(y**2 / 2)", lambda g, y, _x: g * ROOT_2_PI * np.exp(y * y / 2))
elementwise(special.ndtri_exp, "y with log P(normal < y) = x",
            "dx = g * sqrt(2 * pi) * exp(y**2 / 2 + x)", lambda g, y, x: g * ROOT_2_PI * np.exp(y * y / 2 + x))

# ------------------------------------------------------------------ the gamma function and its kin

zeta: Row = row(scipy.special.zeta, "z = sum over k of 1 / (q + k)**x",
           None,
           "dq = -g * x * zeta(x + 1, q)", lambda g, _z, x, q: -g * x * zeta(x + 1, q), name="zeta", kind=Elementwise)
polygamma: Row = row(scipy.special.polygamma, "y = the derivative of psi at x, n times",
                None,
                "dx = g * polygamma(n + 1, x)", lambda g, _y, n, x: g * polygamma(n + 1, x), name="polygamma",
                kind=Elementwise)
multigammaln: Row = row(scipy.special.multigammaln, "y = log of gamma(a) of dimension d",
                   "da = g * sum over i < d of psi(a - i / 2)",
                   lambda g, _y, a, d: g * sum(special.psi(a - i / 2) for i in range(d)), name="multigammaln",
                   kind=Elementwise)

elementwise(special.gamma,    "y = gamma(x)",      "dx = g * y * psi(x)",      lambda g, y, x: g * y * special.psi(x))
elementwise(special.rgamma,   "y = 1 / gamma(x)",  "dx = -g * y * psi(x)",     lambda g, y, x: -g * y * special.psi(x))
elementwise(special.gammaln,  "y = log|gamma(x)|", "dx = g * psi(x)",          lambda g, _y, x: g * special.psi(x))
elementwise(special.loggamma, "y = log(gamma(x))", "dx = g * psi(x)",          lambda g, _y, x: g * special.psi(x))
elementwise(special.psi,      "y = d log(gamma(x)) / dx", "dx = g * polygamma(1, x)",
            lambda g, _y, x: g * polygamma(1, x))
elementwise(special.poch, "z = gamma(x + m) / gamma(x)",
            "dx = g * z * (psi(x + m) - psi(x))", lambda g, z, x, m: g * z * (special.psi(x + m) - special.psi(x)),
            "dm = g * z * psi(x + m)", lambda g, z, x, m: g * z * special.psi(x + m))
elementwise(special.binom, "y = gamma(n + 1) / gamma(k + 1) / gamma(n - k + 1)",
            "dn = g * y * (psi(n + 1) - psi(n - k + 1))",
            lambda g, y, n, k: g * y * (special.psi(n + 1) - special.psi(n - k + 1)),
            "dk = g * y * (psi(n - k + 1) - psi(k + 1))",
            lambda g, y, n, k: g * y * (special.psi(n - k + 1) - special.psi(k + 1)))
elementwise(special.beta, "z = gamma(a) * gamma(b) / gamma(a + b)",
            "da = g * z * (psi(a) - psi(a + b))", lambda g, z, a, b: g * z * (special.psi(a) - special.psi(a + b)),
            "db = g * z * (psi(b) - psi(a + b))", lambda g, z, a, b: g * z * (special.psi(b) - special.psi(a + b)))
elementwise(special.betaln, "z = log|beta(a, b)|",
            "da = g * (psi(a) - psi(a + b))", lambda g, _z, a, b: g * (special.psi(a) - special.psi(a + b)),
            "db = g * (psi(b) - psi(a + b))", lambda g, _z, a, b: g * (special.psi(b) - special.psi(a + b)))


def _density_of_gamma(a: Any, x: Any) -> Any:
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def _density_of_beta(a: Any, b: Any, x: Any) -> Any:
    return np.exp(special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b))


elementwise(special.gammainc, "z = P(gamma of shape a < x)",
            None,
            "dx = g * x**(a - 1) * exp(-x) / gamma(a)", lambda g, _z, a, x: g * _density_of_gamma(a, x))
elementwise(special.gammaincc, "z = P(gamma of shape a > x)",
            None,
            "dx = -g * x**(a - 1) * exp(-x) / gamma(a)", lambda g, _z, a, x: -g * _density_of_gamma(a, x))
elementwise(special.betainc, "z = P(beta of a, b < x)",
            None, None,
            "dx = g * x**(a - 1) * (1 - x)**(b - 1) / beta(a, b)", lambda g, _z, a, b, x: g * _density_of_beta(a, b, x))
elementwise(special.betaincc, "z = P(beta of a, b > x)",
            None, None,
            "dx = -g * x**(a - 1) * (1 - x)**(b - 1) / beta(a, b)",
            lambda g, _z, a, b, x: -g * _density_of_beta(a, b, x))
constant(special.gammasgn, batch=families.elementwise)

# ------------------------------------------------------------------ Bessel functions; an order has no derivative here

elementwise(special.j0, "y = j0(x)", "dx = -g * j1(x)", lambda g, _y, x: -g * special.j1(x))
elementwise(special.j1, "y = j1(x)", "dx = g * (j0(x) - jv(2, x)) / 2",
            lambda g, _y, x: g * (special.j0(x) - special.jv(2, x)) / 2)
elementwise(special.jv, "y = jv(n, x)", None, "dx = g * (jv(n - 1, x) - jv(n + 1, x)) / 2",
            lambda g, _y, n, x: g * (special.jv(n - 1, x) - special.jv(n + 1, x)) / 2)
elementwise(special.y0, "y = y0(x)", "dx = -g * y1(x)", lambda g, _y, x: -g * special.y1(x))
elementwise(special.y1, "y = y1(x)", "dx = g * (y0(x) - yv(2, x)) / 2",
            lambda g, _y, x: g * (special.y0(x) - special.yv(2, x)) / 2)
elementwise(special.yn, "y = yn(n, x)", None, "dx = g * (yv(n - 1, x) - yv(n + 1, x)) / 2",
            lambda g, _y, n, x: g * (special.yv(n - 1, x) - special.yv(n + 1, x)) / 2)
elementwise(special.yv, "y = yv(n, x)", None, "dx = g * (yv(n - 1, x) - yv(n + 1, x)) / 2",
            lambda g, _y, n, x: g * (special.yv(n - 1, x) - special.yv(n + 1, x)) / 2)
elementwise(special.i0, "y = i0(x)", "dx = g * i1(x)", lambda g, _y, x: g * special.i1(x))
elementwise(special.i1, "y = i1(x)", "dx = g * (i0(x) + iv(2, x)) / 2",
            lambda g, _y, x: g * (special.i0(x) + special.iv(2, x)) / 2)
elementwise(special.iv, "y = iv(n, x)", None, "dx = g * (iv(n - 1, x) + iv(n + 1, x)) / 2",
            lambda g, _y, n, x: g * (special.iv(n - 1, x) + special.iv(n + 1, x)) / 2)
elementwise(special.i0e, "y = exp(-|x|) * i0(x)", "dx = g * (i1e(x) - sign(x) * y)",
            lambda g, y, x: g * (special.i1e(x) - np.sign(x) * y))
elementwise(special.i1e, "y = exp(-|x|) * i1(x)", "dx = g * ((i0e(x) + ive(2, x)) / 2 - sign(x) * y)",
            lambda g, y, x: g * ((special.i0e(x) + special.ive(2, x)) / 2 - np.sign(x) * y))
elementwise(special.ive, "y = exp(-|x|) * iv(n, x)", None,
            "dx = g * ((ive(n - 1, x) + ive(n + 1, x)) / 2 - sign(x) * y)",
            lambda g, y, n, x: g * ((special.ive(n - 1, x) + special.ive(n + 1, x)) / 2 - np.sign(x) * y))
elementwise(special.k0, "y = k0(x)", "dx = -g * k1(x)", lambda g, _y, x: -g * special.k1(x))
elementwise(special.k1, "y = k1(x)", "dx = -g * (k0(x) + kv(2, x)) / 2",
            lambda g, _y, x: -g * (special.k0(x) + special.kv(2, x)) / 2)
elementwise(special.kn, "y = kn(n, x)", None, "dx = -g * (kv(n - 1, x) + kv(n + 1, x)) / 2",
            lambda g, _y, n, x: -g * (special.kv(n - 1, x) + special.kv(n + 1, x)) / 2)
elementwise(special.kv, "y = kv(n, x)", None, "dx = -g * (kv(n - 1, x) + kv(n + 1, x)) / 2",
            lambda g, _y, n, x: -g * (special.kv(n - 1, x) + special.kv(n + 1, x)) / 2)
elementwise(special.k0e, "y = exp(x) * k0(x)", "dx = g * (y - k1e(x))", lambda g, y, x: g * (y - special.k1e(x)))
elementwise(special.k1e, "y = exp(x) * k1(x)", "dx = g * (y - (k0e(x) + kve(2, x)) / 2)",
            lambda g, y, x: g * (y - (special.k0e(x) + special.kve(2, x)) / 2))
elementwise(special.kve, "y = exp(x) * kv(n, x)", None, "dx = g * (y - (kve(n - 1, x) + kve(n + 1, x)) / 2)",
            lambda g, y, n, x: g * (y - (special.kve(n - 1, x) + special.kve(n + 1, x)) / 2))

# ------------------------------------------------------------------ losses

elementwise(special.huber, "y = r**2 / 2 where |r| <= d, and d * (|r| - d / 2) farther out",
            "dd = g * (|r| - d) where |r| > d", lambda g, _y, d, r: masked(g * (np.abs(r) - d), np.abs(r) > d),
            "dr = g * clip(r, -d, d)", lambda g, _y, d, r: g * np.clip(r, -d, d))
elementwise(special.pseudo_huber, "y = d**2 * (sqrt(1 + (r / d)**2) - 1)",
            "dd = g * (2 * y / d - r**2 / hypot(d, r))", lambda g, y, d, r: g * (2 * y / d - r * r / np.hypot(d, r)),
            "dr = g * d * r / hypot(d, r)", lambda g, _y, d, r: g * d * r / np.hypot(d, r))

# ------------------------------------------------------------------ all others

for ufunc in vars(special).values():
    if isinstance(ufunc, np.ufunc) and ufunc.signature is None and ufunc not in RULES:
        register(row(ufunc, f"y = {ufunc.__name__}(...)", *[None] * ufunc.nin, name=f"scipy.special.{ufunc.__name__}",
                     kind=Elementwise), ufunc)
