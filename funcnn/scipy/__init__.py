"""How are SciPy's functions differentiated? Its ufuncs as they are; others by `funcnn.scipy.special` and `.linalg`.

SciPy's special functions are ufuncs, which NumPy hands on: `scipy.special.erf` of a traced value finds its rule, under
`grad`, `vmap` and `jit`, where SciPy is installed and without this room being named. Functions of SciPy that are none
(`logsumexp`, `softmax`, `polygamma`, all of `scipy.linalg`) make a plain ndarray of what they are given, which a
traced value refuses to become; these stand here under their own names, and call SciPy's. So does what `np.linalg` has
not: `solve_triangular`, `cho_solve`, `expm`. Whoever comes from `autograd.scipy` imports from here.

>>> import numpy as np, scipy.special
>>> from funcnn import grad
>>> from funcnn.scipy.special import logsumexp
>>> grad(lambda x: np.sum(scipy.special.erf(x)))(np.zeros(2))
array([1.12837917, 1.12837917])
>>> grad(logsumexp)(np.zeros(2))
array([0.5, 0.5])

Read `ufuncs` (the table), `special`, `linalg`. NumPy's `fft` and `linalg` have most of what SciPy's are used for.
"""

try:
    from funcnn.scipy import linalg, special
except ModuleNotFoundError as error:
    if error.name != "scipy":
        raise
    raise ModuleNotFoundError("funcnn.scipy: needs SciPy: pip install 'funcnn[scipy]'", name="scipy") from error

__all__ = ["linalg", "special"]
