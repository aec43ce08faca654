"""What a gradient of each example costs: `vmap(grad(loss))` beside JAX, torch.func, and a loop.

    python tests/benchmarks/vmap.py [--rounds N] [--seconds S]

256 gradients of a network 2-64-3 and 128 of 784-128-10, one an example; a training step of an ensemble of ten networks
2-64-3 on 300 points; the Jacobian of 64 numbers with respect to 64. All in float32 but the Jacobian.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from benchmarks import harness
else:
    import harness

Sizes: TypeAlias = tuple[int, int, int]

MEMBERS, POINTS, WIDTH = 10, 300, 64
RATE = 0.05


def numbers(*shape: int, scale: float = 1.0) -> Any:
    return (np.random.default_rng(sum(shape)).standard_normal(shape) * scale).astype(np.float32)


def parameters(sizes: Sizes, members: tuple[int, ...] = ()) -> Any:
    inputs, hidden, outputs = sizes
    return {"w0": numbers(*members, inputs, hidden, scale=inputs**-0.5), "b0": numbers(*members, hidden, scale=0.1),
            "w1": numbers(*members, hidden, outputs, scale=hidden**-0.5), "b1": numbers(*members, outputs, scale=0.1)}


def loss(xp: Any, params: Any, x: Any, q: Any) -> Any:
    """The cross-entropy with rows q of probabilities, of one example or the mean of several."""
    h = xp.maximum(x @ params["w0"] + params["b0"], xp.zeros_like(params["b0"]))
    z = h @ params["w1"] + params["b1"]
    return (xp.log(xp.exp(z).sum(-1)) - (z * q).sum(-1)).mean()


def step(xp: Any, gradient: Callable[..., Any], params: Any, x: Any, q: Any) -> Any:
    grads = gradient(partial(loss, xp))(params, x, q)
    return {name: params[name] - RATE * grads[name] for name in params}


def curve(xp: Any, a: Any, x: Any) -> Any:
    return xp.tanh(a @ xp.sin(x)) * x


# -------------------------------------------------------------------------------------------------- programs


def per_example(xp: Any, grad: Any, vmap: Any, sizes: Sizes, n: int, array: Any) -> tuple[Any, list[Any]]:
    params = {name: array(value) for name, value in parameters(sizes).items()}
    x, q = array(numbers(n, sizes[0])), array(np.eye(sizes[2], dtype=np.float32)[np.arange(n) % sizes[2]])
    return vmap(grad(partial(loss, xp)), (None, 0, 0)), [params, x, q]


def ensemble(xp: Any, grad: Any, vmap: Any, array: Any) -> tuple[Any, list[Any]]:
    params = {name: array(value) for name, value in parameters((2, WIDTH, 3), (MEMBERS,)).items()}
    x, q = array(numbers(POINTS, 2)), array(np.eye(3, dtype=np.float32)[np.arange(POINTS) % 3])
    return vmap(partial(step, xp, grad), (0, None, None)), [params, x, q]


def jacobian(xp: Any, jac: Any, array: Any) -> tuple[Any, list[Any]]:
    a = array(np.random.default_rng(0).standard_normal((WIDTH, WIDTH)))
    return jac(partial(curve, xp, a)), [array(np.linspace(-1, 1, WIDTH))]


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "256 gradients of 2-64-3": (per_example, ((2, 64, 3), 256)),
    "128 gradients of 784-128-10": (per_example, ((784, 128, 10), 128)),
    "a step of 10 networks 2-64-3": (ensemble, ()),
    "a Jacobian of 64 x 64": (jacobian, ()),
}


# ----------------------------------------------------------------------------------------------- contestants


def with_funcnn(what: str) -> harness.Work:
    import funcnn as fn

    return _work(*_made(what, np, fn.grad, fn.vmap, fn.jacobian, np.asarray))


def with_a_loop(what: str) -> harness.Work:
    import funcnn as fn

    return _work(*_made(what, np, fn.grad, _looped, partial(_jacobian_by_rows, fn), np.asarray))


def with_jax(jitted: bool, what: str) -> harness.Work:
    import jax

    jax.config.update("jax_enable_x64", True)
    f, args = _made(what, jax.numpy, jax.grad, jax.vmap, jax.jacobian, jax.numpy.asarray)
    f = jax.jit(f) if jitted else f
    return _work(lambda *args: jax.block_until_ready(f(*args)), args)


def with_torch(what: str) -> harness.Work:
    import torch

    harness.set_torch_threads()
    return _work(*_made(what, torch, torch.func.grad, torch.func.vmap, torch.func.jacrev, torch.from_numpy))


def _made(what: str, xp: Any, grad: Any, vmap: Any, jac: Any, array: Any) -> tuple[Any, list[Any]]:
    program, settings = PROGRAMS[what]
    if program is jacobian:
        return jacobian(xp, jac, array)
    made: tuple[Any, list[Any]] = program(xp, grad, vmap, *settings, array)
    return made


def _looped(f: Callable[..., Any], axes: tuple[int | None, ...]) -> Callable[..., Any]:
    """One example after the other, and the results stacked."""
    from funcnn import tree

    def run(*args: Any) -> Any:
        n = max(tree.leaves(arg)[0].shape[0] for arg, axis in zip(args, axes, strict=True) if axis == 0)
        results = [f(*[arg if axis is None else tree.map(lambda x, i=i: x[i], arg)
                       for arg, axis in zip(args, axes, strict=True)]) for i in range(n)]
        return tree.map(lambda *each: np.stack(each), *results)

    return run


def _jacobian_by_rows(fn: Any, f: Callable[..., Any]) -> Callable[..., Any]:
    def run(x: Any) -> Any:
        y, pullback = fn.vjp(f, x)
        return np.stack([pullback(row) for row in np.identity(len(y))])

    return run


def _work(f: Callable[..., Any], args: list[Any]) -> harness.Work:
    """Calls of f, after one that compiles what is compiled."""
    f(*args)
    return lambda: (f(*each) for each in itertools.repeat(args))


CONTESTS: harness.Contests = {what: {
    "funcnn": partial(with_funcnn, what),
    "a loop": partial(with_a_loop, what),
    "JAX": partial(with_jax, False, what),
    "JAX, jit": partial(with_jax, True, what),
    "torch.func": partial(with_torch, what),
} for what in PROGRAMS}


if __name__ == "__main__":
    harness.compare("all examples at once, us a call", CONTESTS, harness.settings(__doc__))
