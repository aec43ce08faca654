"""funcnn: pure-functional neural networks on NumPy alone.

Read it in this order; each file answers one question.

    typing, arrays                 what is an array, a key, a tree of parameters?
    frozendict, tree               how are many arrays treated as one value?
    threefry, random               how is randomness a value?
    tracers, cotangents            how is a plain NumPy program watched?
    autodiff, custom, jacobians    how is it differentiated?
    rules                          what is the derivative of each NumPy function?
    rules_shapes, rules_indexing, rules_reductions, rules_products, rules_linalg, rules_fourier, rules_curves
    special, activations, initializers    what is a network made of?
    composition, affine, convolution, layers    how is it put together?
    checks, fused, losses          how wrong is it?
    regularizers, metrics          what else is said of it?
    schedules                      how does the learning rate change?
    leafwise, transforms, parts, optimizers    how does a gradient become a step?
    streams, loops, training       how do steps become learning?
    parallel                       how do cores share the work?
    safetensors, atomic, inventory, checkpoint    how does a run outlive its machine?
    datasets                       what is there to learn?
    contents, testing              how are functions of your own tested?
    formulas, summaries, pages, watching, tracing    what happened in a step?
    graphs, planes, plotting       how does it look?
    jax                            how does a program move to JAX?

The last three lines are imported when they are asked for: `funcnn.tracing`, `funcnn.plotting`, `funcnn.jax`.
"""

from typing import TYPE_CHECKING, Any

from funcnn import (
    typing as typing,
    tree as tree,
    random as random,
    rules as rules,
    activations as activations,
    initializers as initializers,
    layers as layers,
    losses as losses,
    regularizers as regularizers,
    metrics as metrics,
    schedules as schedules,
    optimizers as optimizers,
    training as training,
    parallel as parallel,
    checkpoint as checkpoint,
    datasets as datasets,
    testing as testing,
)
from funcnn.autodiff import (
    custom_vjp as custom_vjp,
    elementwise_grad as elementwise_grad,
    grad as grad,
    hessian as hessian,
    hvp as hvp,
    jacfwd as jacfwd,
    jacobian as jacobian,
    jacrev as jacrev,
    jvp as jvp,
    linearize as linearize,
    remat as remat,
    stop_gradient as stop_gradient,
    value_and_grad as value_and_grad,
    vjp as vjp,
)
from funcnn.batching import (
    vmap as vmap,
)
from funcnn.tree import (
    FrozenDict as FrozenDict,
)

if TYPE_CHECKING:
    from funcnn import jax as jax, plotting as plotting, tracing as tracing

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import what is needed only sometimes when it is asked for."""
    if name in ("jax", "plotting", "tracing"):
        import importlib

        return importlib.import_module(f"funcnn.{name}")
    raise AttributeError(f"module 'funcnn' has no attribute {name!r}")
