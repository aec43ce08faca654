"""funcnn: pure-functional neural networks on NumPy alone.

A network is a function of its parameters, and parameters are data that never change. Any function written in NumPy can
be transformed: `grad` differentiates it, `vmap` maps it over examples, `jit` runs it without its Python, in any order.
So a step of learning is a pure function, too:

    net = dense(2, 64) >> relu >> dense(64, 3)
    params = net.init(random.key(0))

    def loss(params, x, y):
        return np.mean(softmax_cross_entropy(net.apply(params, x), y))

    value, grads = fn.value_and_grad(loss)(params, x, y)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    params = apply_updates(params, updates)

Each room, a file or a folder, answers one question; a folder's `__init__` is its face. Read them in this order, in
which they are also imported: a room knows those above it and none below.

    typing            what is an array, a key, a tree of parameters?
    _arrays           how is one formula written for every kind of array?
    _devices          how do the numbers of an array on JAX's devices come here, and back?
    _arguments        how is an argument refused that cannot be meant?
    _names            what may be meant by a name that is not here?
    _later            how is a part of a room imported only when it is asked for?
    _threads          how do threads share a work?
    _foreign          how does data of pandas, polars and PyTorch come in?
    _html             how does a value look in a notebook?
    tree              how are many arrays treated as one value?
    core              what is a traced program, and what does a transformation say of it?
    batching          how is a function of one example computed for all, by vmap?
    autodiff          how is it differentiated, by grad?
    rules             what is the derivative of each NumPy function, and how is it batched?
    staging           how does a function run without its Python, by jit?
    random            how is randomness a value?
    activations       what bends between two layers?
    initializers      how do weights begin?
    regularizers      what do large weights cost?
    layers            what is a network made of, and how is it put together?
    losses            how wrong is it?
    metrics           how good is it, in numbers that people read?
    schedules         how does the learning rate change?
    optimizers        how does a gradient become a step?
    training          how do steps become learning?
    parallel          how do cores share a gradient?
    memory            what becomes of memory that was let go?
    checkpoint        how does a run outlive its machine?
    datasets          what is there to learn?
    testing           how are functions of your own tested?
    tracing           what happened in a step?
    plotting          how does it look?
    scipy             how are SciPy's functions differentiated?
    jax               how does a program move to JAX?
    _machine          on what does it run?
    _selfcheck        does it compute here what it should?
    __main__          what does `python -m funcnn` say?

A transformation (`batching`, `autodiff`) knows no function of NumPy, and a rule knows all that any of them needs to
know of one: a new transformation is a room before `rules`, a new function is a row on one of its pages. `staging` sees
the calls that are left when all others have had their say. The rooms from `losses` on, which who only differentiates
or predicts does not need, are imported when they are asked for: `funcnn.optimizers`, `funcnn.datasets`.
"""

from typing import TYPE_CHECKING, Any

from funcnn import (
    typing as typing,
    tree as tree,
    rules as rules,
    random as random,
    activations as activations,
    initializers as initializers,
    regularizers as regularizers,
    layers as layers,
)
from funcnn.batching import (
    vmap as vmap,
)
from funcnn.staging import (
    jit as jit,
    make_program as make_program,
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
from funcnn.tree import (
    FrozenDict as FrozenDict,
)

if TYPE_CHECKING:
    from funcnn import (losses as losses, metrics as metrics, schedules as schedules, optimizers as optimizers,
                        training as training, parallel as parallel, memory as memory, checkpoint as checkpoint,
                        datasets as datasets, testing as testing, tracing as tracing, plotting as plotting,
                        scipy as scipy, jax as jax)

__version__ = "0.1.0"

__all__ = [
    "grad", "value_and_grad", "vjp", "jvp", "jacobian", "jacrev", "jacfwd", "hessian", "hvp", "linearize",
    "elementwise_grad", "stop_gradient", "custom_vjp", "remat", "vmap", "jit", "make_program", "FrozenDict",
    "typing", "tree", "staging", "random", "activations", "initializers", "regularizers", "layers", "losses", "metrics",
    "schedules", "optimizers", "training", "parallel", "memory", "checkpoint", "datasets", "testing", "tracing",
    "plotting",
]
"""What users need, in the order in which it is documented; `scipy` and `jax`, which need more than NumPy, are asked for
by name."""

_LATER = ("losses", "metrics", "schedules", "optimizers", "training", "parallel", "memory", "checkpoint", "datasets",
          "testing", "tracing", "plotting", "scipy", "jax")


if not TYPE_CHECKING:  # mypy says of a name that is not there that it is not there

    def __getattr__(name: str) -> Any:
        """Import a room that is needed only sometimes when it is asked for."""
        import importlib
        import sys

        if name not in _LATER:
            from funcnn._names import not_there

            raise not_there("funcnn", {*globals(), *_LATER} - {"Any", "TYPE_CHECKING"}, name, sys._getframe(1))
        return importlib.import_module(f"funcnn.{name}")

    def __dir__() -> list[str]:
        """What is here, and the rooms that come later, but for those that need what may not be installed."""
        return sorted({*globals(), *_LATER} - ({"scipy", "jax"} - {*globals()}))
