"""With this module you can read each derivative as a line of text: `formula_of(rule)`, from the table `FORMULAS`.

In the formulas x, a, w are arguments, y or z is the result, g the cotangent of the result (how much the loss changes
with each of its entries) and dx what the operation hands back to x. All is NumPy's language without its `np.`; where x
was broadcast, dx is summed over the copies, and it has the dtype of x. The code of each line stands in `funcnn.rules`
and beside it, in the same order; the tests compute the lines for one with the other.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from funcnn.core.tracer import Rule

__all__ = ["FORMULAS", "Formula", "formula_of", "name_of"]


class Formula(NamedTuple):
    """What an operation computes, `y = f(x)`, and what it hands back to each argument, `dx = ...`."""

    value: str
    pullbacks: tuple[str, ...]

    def pullback(self, position: int) -> str:
        """The line of one argument; of operations with any number of arguments, that of the last one given."""
        return self.pullbacks[min(position, len(self.pullbacks) - 1)]


FORMULAS: dict[str, Sequence[str]] = {
    # arithmetic
    "positive": ("y = x", "dx = g"),
    "negative": ("y = -x", "dx = -g"),
    "add": ("z = x + y", "dx = g", "dy = g"),
    "subtract": ("z = x - y", "dx = g", "dy = -g"),
    "multiply": ("z = x * y", "dx = g * y", "dy = g * x"),
    "divide": ("z = x / y", "dx = g / y", "dy = -g * z / y"),
    "reciprocal": ("y = 1 / x", "dx = -g * y**2"),
    # powers and roots
    "square": ("y = x**2", "dx = 2 * g * x"),
    "sqrt": ("y = sqrt(x)", "dx = g / (2 * y)"),
    "cbrt": ("y = cbrt(x)", "dx = g / (3 * y**2)"),
    "hypot": ("z = sqrt(x**2 + y**2)", "dx = g * x / z", "dy = g * y / z"),
    "power": ("z = x**y", "dx = g * y * x**(y - 1)", "dy = g * z * log(x)"),
    "float_power": ("z = x**y", "dx = g * y * x**(y - 1)", "dy = g * z * log(x)"),
    # exponential and logarithmic
    "exp": ("y = exp(x)", "dx = g * y"),
    "exp2": ("y = 2**x", "dx = g * y * log(2)"),
    "expm1": ("y = exp(x) - 1", "dx = g * (y + 1)"),
    "log": ("y = log(x)", "dx = g / x"),
    "log2": ("y = log2(x)", "dx = g / (x * log(2))"),
    "log10": ("y = log10(x)", "dx = g / (x * log(10))"),
    "log1p": ("y = log(1 + x)", "dx = g / (1 + x)"),
    "logaddexp": ("z = log(exp(x) + exp(y))", "dx = g * exp(x - z)", "dy = g * exp(y - z)"),
    "logaddexp2": ("z = log2(2**x + 2**y)", "dx = g * 2**(x - z)", "dy = g * 2**(y - z)"),
    # trigonometric
    "sin": ("y = sin(x)", "dx = g * cos(x)"),
    "cos": ("y = cos(x)", "dx = -g * sin(x)"),
    "tan": ("y = tan(x)", "dx = g * (1 + y**2)"),
    "arcsin": ("y = arcsin(x)", "dx = g / sqrt(1 - x**2)"),
    "arccos": ("y = arccos(x)", "dx = -g / sqrt(1 - x**2)"),
    "arctan": ("y = arctan(x)", "dx = g / (1 + x**2)"),
    "arctan2": ("z = arctan2(x, y)", "dx = g * y / (x**2 + y**2)", "dy = -g * x / (x**2 + y**2)"),
    "deg2rad": ("y = x * pi / 180", "dx = g * pi / 180"),
    "radians": ("y = x * pi / 180", "dx = g * pi / 180"),
    "rad2deg": ("y = x * 180 / pi", "dx = g * 180 / pi"),
    "degrees": ("y = x * 180 / pi", "dx = g * 180 / pi"),
    # hyperbolic
    "sinh": ("y = sinh(x)", "dx = g * cosh(x)"),
    "cosh": ("y = cosh(x)", "dx = g * sinh(x)"),
    "tanh": ("y = tanh(x)", "dx = g * (1 - y**2)"),
    "arcsinh": ("y = arcsinh(x)", "dx = g / sqrt(x**2 + 1)"),
    "arccosh": ("y = arccosh(x)", "dx = g / sqrt(x**2 - 1)"),
    "arctanh": ("y = arctanh(x)", "dx = g / (1 - x**2)"),
    # complex numbers
    "real": ("y = real(x)", "dx = g"),
    "imag": ("y = imag(x)", "dx = -1j * g"),
    "conjugate": ("y = conj(x)", "dx = conj(g)"),
    "absolute": ("y = abs(x)", "dx = g * conj(sign(x))"),
    "fabs": ("y = abs(x)", "dx = g * sign(x)"),
    # choices; where entries tie, g is shared equally
    "maximum": ("z = maximum(x, y)", "dx = g * (x > y)", "dy = g * (y > x)"),
    "minimum": ("z = minimum(x, y)", "dx = g * (x < y)", "dy = g * (y < x)"),
    "fmax": ("z = fmax(x, y)", "dx = g * (x > y)", "dy = g * (y > x)"),
    "fmin": ("z = fmin(x, y)", "dx = g * (x < y)", "dy = g * (y < x)"),
    "_between": ("y = clip(x, low, high)", "dx = g * (low < x) * (x < high)", "dlow = g * (x < low)",
                 "dhigh = g * (x > high)"),
    "where": ("z = where(c, x, y)", "", "dx = where(c, g, 0)", "dy = where(c, 0, g)"),
    # rounding and its kin
    "remainder": ("z = x % y", "dx = g", "dy = -g * rint((x - z) / y)"),
    "fmod": ("z = fmod(x, y)", "dx = g", "dy = -g * rint((x - z) / y)"),
    "copysign": ("z = copysign(x, y)", "dx = g * sign(x) * sign(z)", "dy = 0 * g"),
    "heaviside": ("z = heaviside(x, y)", "dx = 0 * g", "dy = g * (x == 0)"),
    "nextafter": ("z = nextafter(x, y)", "dx = g", "dy = 0 * g"),
    "ldexp": ("z = x * 2**n", "dx = g * 2**n"),
    "_fraction": ("y = x - trunc(x)", "dx = g"),
    "astype": ("y = x.astype(dtype)", "dx = g.astype(x.dtype)"),
    # special functions
    "sinc": ("y = sin(pi * x) / (pi * x)", "dx = g * (cos(pi * x) - y) / x"),
    "i0": ("y = I0(x), Bessel's", "dx = g * I1(x)"),
    "erfc": ("y = 1 - erf(x)", "dx = -g * 2 / sqrt(pi) * exp(-x**2)"),
    "unwrap": ("y = x + multiples of the period", "dx = g"),
    # entries that move: so do their cotangents, the other way
    "reshape": ("y = x.reshape(shape)", "dx = g.reshape(x.shape)"),
    "ravel": ("y = x.ravel()", "dx = g.reshape(x.shape)"),
    "squeeze": ("y = x.squeeze(axis)", "dx = g.reshape(x.shape)"),
    "expand_dims": ("y = expand_dims(x, axis)", "dx = g.reshape(x.shape)"),
    "transpose": ("y = x.transpose(axes)", "dx = g, its axes moved back"),
    "swapaxes": ("y = x.swapaxes(a, b)", "dx = g.swapaxes(a, b)"),
    "moveaxis": ("y = moveaxis(x, a, b)", "dx = moveaxis(g, b, a)"),
    "flip": ("y = flip(x, axis)", "dx = flip(g, axis)"),
    "roll": ("y = roll(x, n, axis)", "dx = roll(g, -n, axis)"),
    "rot90": ("y = rot90(x, k, axes)", "dx = rot90(g, -k, axes)"),
    "tril": ("y = tril(x, k)", "dx = tril(g, k)"),
    "triu": ("y = triu(x, k)", "dx = triu(g, k)"),
    "broadcast_to": ("y = broadcast_to(x, shape)", "dx = g, summed over the copies"),
    "_pad_zeros": ("y = pad(x, widths)", "dx = g without its frame"),
    "concatenate": ("y = concatenate((a, b, ...), axis)", "da, db, ... = the parts of g"),
    "stack": ("y = stack((a, b, ...), axis)", "da, db, ... = the slices of g"),
    "getitem": ("y = x[index]", "dx = zeros, and g added at [index]"),
    "put": ("y = zeros, and x added at [index]", "dx = g[index]"),
    "_permute": ("y = x in another order", "dx = g in the order of x"),
    "_permute_back": ("y = x in its former order", "dx = g in the order of x"),
    "_sorted": ("y = sort(x, axis)", "dx = g in the order of x"),
    # many become one: the cotangent of one goes to many
    "sum": ("y = sum(x)", "dx = g, for each entry"),
    "mean": ("y = sum(x) / n", "dx = g / n, for each entry"),
    "var": ("y = sum((x - m)**2) / n, m = mean(x)", "dx = 2 * g * (x - m) / n"),
    "std": ("y = sqrt(sum((x - m)**2) / n), m = mean(x)", "dx = g * (x - m) / (n * y)"),
    "nanvar": ("y = sum((x - m)**2) / n, m = mean(x)", "dx = 2 * g * (x - m) / n, 0 at NaN"),
    "nanstd": ("y = sqrt(sum((x - m)**2) / n), m = mean(x)", "dx = g * (x - m) / (n * y), 0 at NaN"),
    "max": ("y = max(x)", "dx = g where x == y, shared"),
    "min": ("y = min(x)", "dx = g where x == y, shared"),
    "amax": ("y = max(x)", "dx = g where x == y, shared"),
    "amin": ("y = min(x)", "dx = g where x == y, shared"),
    "nanmax": ("y = max(x)", "dx = g where x == y, shared"),
    "nanmin": ("y = min(x)", "dx = g where x == y, shared"),
    "prod": ("y = prod(x)", "dx = g * y / x, also at 0"),
    "_running_sum": ("y = cumsum(x)", "dx = sums of g from each entry on"),
    "_running_product": ("y = cumprod(x)", "dx = sums of g * y from each entry on, / x"),
    # products
    "matmul": ("y = a @ b", "da = g @ b.T", "db = a.T @ g"),
    "dot": ("y = dot(a, b)", "da = g @ b.T", "db = a.T @ g"),
    "vdot": ("y = sum(conj(a) * b)", "da = conj(g * b)", "db = g * conj(a)"),
    "einsum": ("y = einsum(formula, a, b, ...)", "da = einsum of g and the others, to the letters of a"),
    "multi_dot": ("y = a @ b @ ...", "da = (what stands before).T @ g @ (what stands after).T"),
    "_full": ("y = convolve(a, v)", "da = convolve(g, v[::-1], 'valid')", "dv = convolve(g, a[::-1], 'valid')"),
    "_valid": ("y = convolve(a, v, 'valid')", "da = convolve(g, v[::-1])", "dv = convolve(a, g[::-1], 'valid')[::-1]"),
    # linear algebra
    "inv": ("y = inv(a)", "da = -y.T @ g @ y.T"),
    "solve": ("y = inv(a) @ b", "da = -inv(a).T @ g @ y.T", "db = inv(a).T @ g"),
    "pinv": ("y = pinv(a)", "da = -y.T @ g @ y.T + (1 - a y) g.T y y.T + y.T y g.T (1 - y a)"),
    "_least_squares": ("y = pinv(a) @ b", "da = the derivative of pinv, given g @ b.T", "db = pinv(a).T @ g"),
    "det": ("y = det(a)", "da = g * y * inv(a).T"),
    "_slogdet_packed": ("y = sign and log of |det(a)|", "da = g * inv(a).T"),
    "cholesky": ("y = L with L @ L.T = a", "da = inv(L).T @ P(L.T @ g) @ inv(L), made symmetric"),
    "_eigh_packed": ("y = w and v with v @ diag(w) @ v.T = a", "da = v @ (diag(gw) + F * (v.T @ gv)) @ v.T"),
    "eigvalsh": ("y = eigenvalues of a = v @ diag(y) @ v.T", "da = v @ diag(g) @ v.T"),
    "eigvals": ("y = eigenvalues of a = v @ diag(y) @ inv(v)", "da = inv(v).T @ diag(g) @ v.T"),
    "_svd_packed": ("y = u, s and v with u @ diag(s) @ v.T = a",
                    "da = u @ (diag(gs) + terms of gu and gv) @ v.T; Townsend 2016"),
    "_singular_values": ("y = s of u @ diag(s) @ v.T = a", "da = u @ diag(g) @ v.T"),
    "_qr_packed": ("y = q and r with q @ r = a", "da = (gq + q @ C) @ inv(r).T; Walter and Lehmann 2018"),
    "_smooth_norm": ("y = sum(abs(x)**p)**(1 / p)", "dx = g * sign(x) * (abs(x) / y)**(p - 1)"),
    # Fourier
    "fft": ("y = fft(x)", "dx = fft(g)"),
    "ifft": ("y = ifft(x)", "dx = ifft(g)"),
    "rfft": ("y = rfft(x)", "dx = fft(g with zeros for the frequencies left out)"),
    "irfft": ("y = irfft(x)", "dx = conj(rfft(g)) * (1 or 2) / n"),
    "fftshift": ("y = fftshift(x)", "dx = ifftshift(g)"),
    "ifftshift": ("y = ifftshift(x)", "dx = fftshift(g)"),
    # activations
    "relu": ("y = maximum(x, 0)", "dx = g * (x > 0)"),
    "leaky_relu": ("y = where(x >= 0, x, slope * x)", "dx = g * where(x >= 0, 1, slope)"),
    "hard_tanh": ("y = clip(x, -1, 1)", "dx = g * (abs(x) <= 1)"),
    "hard_sigmoid": ("y = clip(x + 3, 0, 6) / 6", "dx = g * (abs(x) < 3) / 6"),
    "elu": ("y = where(x > 0, x, alpha * (exp(x) - 1))", "dx = g * where(x > 0, 1, alpha * exp(x))"),
    "sigmoid": ("y = 1 / (1 + exp(-x))", "dx = g * y * (1 - y)"),
    "softplus": ("y = log(1 + exp(x))", "dx = g / (1 + exp(-x))"),
    "silu": ("y = x * s, s = 1 / (1 + exp(-x))", "dx = g * (s + x * s * (1 - s))"),
    "mish": ("y = x * t, t = tanh(log(1 + exp(x)))", "dx = g * (t + x * (1 - t**2) / (1 + exp(-x)))"),
    "_gelu_tanh": ("y = x * (1 + t) / 2, t = tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))",
                   "dx = g * ((1 + t) / 2 + x * (1 - t**2) / 2 * sqrt(2 / pi) * (1 + 0.134145 * x**2))"),
    "_gelu_exact": ("y = x * F, F = the normal distribution at x", "dx = g * (F + x * exp(-x**2 / 2) / sqrt(2 * pi))"),
    "softmax": ("y = exp(x) / sum(exp(x))", "dx = y * (g - sum(g * y))"),
    "log_softmax": ("y = x - log(sum(exp(x)))", "dx = g - exp(y) * sum(g)"),
    # layers
    "affine": ("y = x @ w + b", "dx = g @ w.T", "dw = x.T @ g", "db = sum of the rows of g"),
    "_kept": ("y = x * scale where kept, else 0", "dx = g * scale where kept, else 0"),
    "correlate": ("y = windows(x) @ w + b", "dx = g @ w.T, added at the windows", "dw = windows(x).T @ g",
                  "db = sum of the rows of g"),
    "spread_out": ("y = x @ w.T, added at the windows", "dx = windows(g) @ w", "dw = windows(g).T @ x"),
    "windows": ("y = the windows of x", "dx = the windows of g, added at their places"),
    "overlap_add": ("y = the windows x, added at their places", "dx = the windows of g"),
    # losses, one value for each example; the average over n entries of it, t being the target
    "squared_error": ("y = sum((x - t)**2) / n", "dx = 2 * g * (x - t) / n", "dt = -2 * g * (x - t) / n"),
    "absolute_error": ("y = sum(abs(x - t)) / n", "dx = g * sign(x - t) / n", "dt = -g * sign(x - t) / n"),
    "huber": ("y = sum(m * (d - m / 2)) / n, d = abs(x - t), m = minimum(d, delta)",
              "dx = g * clip(x - t, -delta, delta) / n", "dt = -g * clip(x - t, -delta, delta) / n"),
    "log_cosh": ("y = sum(log(cosh(x - t))) / n", "dx = g * tanh(x - t) / n", "dt = -g * tanh(x - t) / n"),
    "poisson": ("y = sum(exp(x) - t * x) / n", "dx = g * (exp(x) - t) / n", "dt = -g * x / n"),
    "hinge": ("y = sum(maximum(1 - x * t, 0)) / n", "dx = -g * t * (x * t < 1) / n", "dt = -g * x * (x * t < 1) / n"),
    "sigmoid_binary_cross_entropy": ("y = sum(log(1 + exp(x)) - t * x) / n", "dx = g * (1 / (1 + exp(-x)) - t) / n",
                                     "dt = -g * x / n"),
    "binary_cross_entropy": ("y = sum(-t * log(x) - (1 - t) * log(1 - x)) / n",
                             "dx = g * ((1 - t) / (1 - x) - t / x) / n", "dt = g * (log(1 - x) - log(x)) / n"),
    "categorical_cross_entropy": ("y = -sum(t * log(x))", "dx = -g * t / x", "dt = -g * log(x)"),
    "_cross_entropy_of_classes": ("y = -log(softmax(x)[t])", "dx = g * (softmax(x) - onehot(t))"),
    "_cross_entropy_of_rows": ("y = -sum(t * log(softmax(x)))", "dx = g * (softmax(x) * sum(t) - t)"),
    # penalties
    "_sum_of_squares": ("y = sum(x**2)", "dx = 2 * g * x"),
    "_sum_of_sizes": ("y = sum(abs(x))", "dx = g * sign(x)"),
    # nothing of the inside is kept
    "remat": ("y = f(...)", "computed again, from the arguments"),
}
"""The value of each operation and what it hands back to each of its arguments ("" to one that has no derivative)."""

_SAID = {
    "_between": "clip", "_pad_zeros": "pad", "_permute": "take_along_axis", "_permute_back": "put_along_axis",
    "_sorted": "sort", "_running_sum": "cumsum", "_running_product": "cumprod", "_full": "convolve",
    "_valid": "convolve", "_least_squares": "lstsq", "_slogdet_packed": "slogdet", "_eigh_packed": "eigh",
    "_svd_packed": "svd", "_singular_values": "svdvals", "_qr_packed": "qr", "_smooth_norm": "norm",
    "_fraction": "modf", "_gelu_tanh": "gelu", "_gelu_exact": "gelu", "_sum_of_squares": "l2", "_sum_of_sizes": "l1",
    "_kept": "dropout", "_cross_entropy_of_classes": "softmax_cross_entropy",
    "_cross_entropy_of_rows": "softmax_cross_entropy",
}
"""What users call the operations whose rules have a private name."""


def name_of(rule: Rule) -> str:
    """The name of an operation, as users write it."""
    return _SAID.get(rule.name, rule.name) if _is_ours(rule) else rule.name


def formula_of(rule: Rule) -> Formula:
    """The formulas of an operation; of one with a derivative of your own, its name and arguments.

    >>> import numpy as np
    >>> from funcnn.core.tracer import RULES
    >>> formula_of(RULES[np.multiply])
    Formula(value='z = x * y', pullbacks=('dx = g * y', 'dy = g * x'))
    """
    if _is_ours(rule) and rule.name in FORMULAS:
        value, *pullbacks = FORMULAS[rule.name]
        return Formula(value, tuple(pullbacks))
    names = _argument_names(rule) or ["x"]
    return Formula(f"y = {rule.name}({', '.join(names)})", tuple(f"d{name} = its own rule" for name in names))


def _is_ours(rule: Rule) -> bool:
    """Whether the rule is of NumPy (or what nnfs.init() put there) or funcnn; yours may mean something else."""
    if isinstance(rule.fun, np.ufunc):  # ufunc.__module__ came with NumPy 2.2
        return getattr(np, rule.fun.__name__, None) is rule.fun
    module = getattr(rule.fun, "__module__", None) or ""
    return module.partition(".")[0] in ("numpy", "funcnn", "nnfs") or rule.name == "remat"


def _argument_names(rule: Rule) -> list[str]:
    try:
        return list(inspect.signature(rule.fun).parameters)
    except (TypeError, ValueError):
        return []
