"""funcnn: pure-functional neural networks on NumPy alone.

Read it in this order; each file answers one question.

    typing, arrays       what is an array, a key, a tree of parameters?
    tree                 how are many arrays treated as one value?
    random               how is randomness a value?
    tracers, autodiff    how is plain NumPy code differentiated?
    rules                what is the derivative of each NumPy function?
    activations, initializers, layers      what is a network?
    losses, metrics      how wrong is it?
    schedules, optimizers                  how does a gradient become a step?
    training             how do steps become learning?
    datasets             what is there to learn?
"""

from funcnn import (
    typing as typing,
    arrays as arrays,
    tree as tree,
    random as random,
    tracers as tracers,
    autodiff as autodiff,
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
)
from funcnn.autodiff import (
    custom_vjp as custom_vjp,
    grad as grad,
    stop_gradient as stop_gradient,
    value_and_grad as value_and_grad,
    vjp as vjp,
)
from funcnn.tree import FrozenDict as FrozenDict

__version__ = "0.1.0"
