"""The functions that bend: `relu`, `gelu`, `sigmoid`, `softmax`, plain functions from Array to Array.

Each is a stage of a network (`dense(2, 64) >> relu`), works entry by entry unless an axis is named, and keeps the
dtype. One with a setting becomes a stage by `functools.partial(leaky_relu, negative_slope=0.2)`. Names, defaults and
values are those of `jax.nn`, also the derivatives where a graph has a corner. They are stable for numbers of any size,
-inf and inf included, where the limit exists; on arrays of JAX too, where the same formulas run (`funcnn.jax`).

`glu` and `logsumexp`, of which fewer numbers come out than go in, are functions beside them. `lines` has those made of
straight lines, `curves` those that bend smoothly, `gates` those that multiply, `axes` those along an axis.
"""

from funcnn._later import later
from funcnn.activations.axes import log_softmax, logsumexp, softmax
from funcnn.activations.curves import celu, elu, log_sigmoid, selu, sigmoid, soft_sign, softplus, squareplus, tanh
from funcnn.activations.gates import gelu, glu, hard_silu, hard_swish, mish, silu, swish
from funcnn.activations.lines import hard_sigmoid, hard_tanh, leaky_relu, relu, relu6

__all__ = ["celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu",
           "log_sigmoid", "log_softmax", "logsumexp", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign",
           "softmax", "softplus", "squareplus", "swish", "tanh"]


later(globals())  # what may be meant by a name that is not here
