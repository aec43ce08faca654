"""How is plain NumPy code differentiated? `grad`, `vjp`, `jacobian`, `custom_vjp`; users find all in `funcnn` itself.

Read it in this order: `reverse` (a run of f, and the way back), `scatter` (cotangents of picked entries), `operators`
(all other derivatives, as theorems about `vjp`), `custom` (a derivative of your own).
"""

from funcnn.autodiff.custom import custom_vjp, remat, stop_gradient
from funcnn.autodiff.operators import elementwise_grad, hessian, hvp, jacfwd, jacobian, jacrev, jvp, linearize
from funcnn.autodiff.reverse import grad, value_and_grad, vjp

__all__ = ["custom_vjp", "elementwise_grad", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp",
           "linearize", "remat", "stop_gradient", "value_and_grad", "vjp"]
