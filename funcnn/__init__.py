"""funcnn: pure-functional neural networks on NumPy alone."""

from funcnn import arrays, autodiff, rules, tracers, tree, typing
from funcnn.autodiff import custom_vjp, grad, stop_gradient, value_and_grad, vjp
