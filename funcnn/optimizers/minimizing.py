"""How is a problem of one whole batch solved, to many digits? `minimize`, SciPy's L-BFGS over one vector.

Curve fits, Gaussian processes, physics-informed nets: where the loss is no sample of another one, a method that learns
the curvature needs tens of steps in place of thousands. It needs SciPy: `pip install 'funcnn[scipy]'`.
"""

import math
from collections.abc import Callable
from typing import Any, Concatenate, Generic, NamedTuple, TypeVar

import numpy as np

from funcnn import tree
from funcnn._arguments import function, real_number, whole_number
from funcnn.autodiff import value_and_grad
from funcnn.typing import Scalar

__all__ = ["OptimizeResults", "minimize"]

P = TypeVar("P")


class OptimizeResults(NamedTuple, Generic[P]):
    """Where `minimize` ended.

    The parameters `x`, the loss `fun` and its gradient `jac` there; whether it converged (`success`) and the reason in
    words (`message`); how often it stepped (`nit`) and looked (`nfev`).
    """

    x: P
    success: bool
    message: str
    fun: float
    jac: P
    nit: int
    nfev: int


def minimize(fun: Callable[Concatenate[P, ...], Scalar] | Callable[Concatenate[P, ...], tuple[Scalar, P]], x0: P,
             args: tuple[object, ...] = (), *, jac: bool = False, tol: float | None = None, maxiter: int = 15000,
             ) -> OptimizeResults[P]:
    """The parameters, a tree like `x0`, at which `fun(x, *args)` is least: L-BFGS-B of SciPy.

    With `jac=True`, fun gives the pair of value and gradient itself, as `fn.jit(fn.value_and_grad(loss))` does, which
    pays where fun is called often. `maxiter` is the most steps. `tol` is how precise it is to be, by default as SciPy's
    own; the loss of float32 parameters is only as precise as float32. That it stopped before is not an error: look at
    `success`.

    >>> def bowl(params, center):
    ...     return np.sum((params["w"] - center) ** 2) + (params["b"] - 1.0) ** 4
    >>> found = minimize(bowl, {"w": np.zeros(2, np.float64), "b": 3.0}, (np.array([1.0, 2.0]),), tol=1e-12)
    >>> found.success, np.round(found.x["w"], 6)
    (True, array([1., 2.]))

    As `jax.scipy.optimize.minimize` and `scipy.optimize.minimize`, over trees; Liu & Nocedal 1989.
    """
    function("minimize", "fun", fun)
    tol = None if tol is None else real_number("minimize", "tol", tol, "(0, inf)")
    maxiter = whole_number("minimize", "maxiter", maxiter, least=1)
    optimize: Any = _scipy_optimize()
    flat, unravel = tree.ravel(x0)
    f: Any = fun if jac else value_and_grad(fun)

    def of_vector(vector: Any) -> tuple[float, Any]:
        value, gradient = f(unravel(vector), *args)
        return float(value), np.asarray(tree.ravel(gradient)[0], np.float64)

    start = np.asarray(flat, np.float64)
    value, _ = of_vector(start)
    if not math.isfinite(value):
        raise FloatingPointError(f"minimize: fun is {value} at x0, from where no direction leads down")
    found = optimize.minimize(of_vector, start, method="L-BFGS-B", jac=True, tol=tol,
                              options={"maxiter": maxiter, "maxfun": 10 * maxiter})
    return OptimizeResults(unravel(found.x), bool(found.success), str(found.message), float(found.fun),
                           unravel(found.jac), int(found.nit), int(found.nfev))


def _scipy_optimize() -> Any:
    try:
        from scipy import optimize
    except ModuleNotFoundError:
        raise ModuleNotFoundError("minimize: needs SciPy, which is not installed: pip install 'funcnn[scipy]'",
                                  name="scipy") from None
    return optimize
