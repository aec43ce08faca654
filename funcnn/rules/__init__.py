"""What is the derivative of each NumPy function? One page a family, one row a function.

elementwise     the calculus page: arithmetic, powers, exponentials, choices, rounding
shapes          entries that move: reshape, transpose, join, split, repeat, pad
indexing        entries that are picked: x[...], take, diag, sort, where by several conditions
reductions      many become one: sum, mean, var, max, prod, cumsum, median, cov
products        matmul, dot, einsum, cross, and matrix powers
decompositions  cholesky, eigh, eig, svd, qr
linalg          inv, solve, lstsq, det, norms
fourier         fft, rfft, convolve, correlate
curves          special functions, np.emath, interp, diff, gradient, polyval
special         erfc, which NumPy lacks

SciPy's functions have a room of their own, `funcnn.scipy`, which is read when one of them meets a traced value.
"""

from funcnn.core.tracer import LATER
from funcnn.rules import (
    curves,
    decompositions,
    elementwise,
    fourier,
    indexing,
    linalg,
    products,
    reductions,
    shapes,
    special,
)

__all__ = ["curves", "decompositions", "elementwise", "fourier", "indexing", "linalg", "products", "reductions",
           "shapes", "special"]

LATER["scipy.special"] = "funcnn.scipy.ufuncs"
