"""funcnn: pure-functional neural networks on NumPy alone.

Read it in this order; each file answers one question.

    typing, arrays       what is an array, a key, a tree of parameters?
    tree                 how are many arrays treated as one value?
    random, threefry     how is randomness a value?
    tracers              how is a plain NumPy program watched?
    autodiff, jacobians  how is it differentiated?
    rules                what is the derivative of each NumPy function?
    activations, initializers, layers      what is a network?
    losses, metrics                        how wrong is it?
    schedules, optimizers                  how does a gradient become a step?
    training             how do steps become learning?
    datasets             what is there to learn?
    testing              how are functions of your own tested?
    jax                  how does a program move to JAX? (imported only when asked for)
"""

from funcnn import (
    typing as typing,
    arrays as arrays,
    tree as tree,
    random as random,
    tracers as tracers,
    autodiff as autodiff,
    jacobians as jacobians,
    rules as rules,
    activations as activations,
    initializers as initializers,
    layers as layers,
    losses as losses,
    metrics as metrics,
    schedules as schedules,
    optimizers as optimizers,
    training as training,
    datasets as datasets,
    testing as testing,
)
from funcnn.autodiff import (
    custom_vjp as custom_vjp,
    grad as grad,
    stop_gradient as stop_gradient,
    value_and_grad as value_and_grad,
    vjp as vjp,
)
from funcnn.jacobians import (
    elementwise_grad as elementwise_grad,
    hessian as hessian,
    hvp as hvp,
    jacfwd as jacfwd,
    jacobian as jacobian,
    jacrev as jacrev,
    jvp as jvp,
    linearize as linearize,
)
from funcnn.tree import FrozenDict as FrozenDict

__version__ = "0.1.0"
