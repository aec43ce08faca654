"""What `fn.jit` saves, and costs: a step with it beside one without, JAX and PyTorch; first calls; a call's parts.

    python tests/benchmarks/jit.py [--rounds N] [--seconds S] [--threads T]

Four classifiers with relu, softmax cross-entropy and Adam, in float32: `spiral` is 2-64-3 on 300 points, `mlp`
784-128-128-10 on 128, `wide` 784-1024-1024-10 on 256, `tall` 2-512-3 on 3000. All must show the same loss at steps 1
and 5 before they are timed; later Adam makes much of the last digits of small gradients. Then the first call of a newly
jitted step: for `fn.jit` it records, for `jax.jit` it compiles. Then the parts of one call: taking the arguments apart,
running the NumPy calls, putting the result together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from benchmarks import harness
else:
    import harness

RATE = 0.001
WORKLOADS = {"spiral": ((2, 64, 3), 300), "mlp": ((784, 128, 128, 10), 128), "wide": ((784, 1024, 1024, 10), 256),
             "tall": ((2, 512, 3), 3000)}

Step: TypeAlias = Callable[[Any, Any, Any], tuple[Any, Any, Any]]
Losses: TypeAlias = Iterator[Any]


class Program(NamedTuple):
    """A step of (params, opt_state, batch), and what it begins with."""

    step: Step
    params: Any
    opt_state: Any
    batch: Any


def problem(workload: str) -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """Examples, labels, and the weights and biases from which all start."""
    sizes, rows = WORKLOADS[workload]
    rng = np.random.default_rng(0)
    x, y = rng.random((rows, sizes[0]), np.float32), rng.integers(0, sizes[-1], rows)
    return x, y, [((rng.standard_normal((n, m)) / n**0.5).astype(np.float32), np.zeros(m, np.float32))
                  for n, m in itertools.pairwise(sizes)]


# ------------------------------------------------------------------------------------------------- the same step


def of_funcnn(workload: str) -> Program:
    import funcnn as fn
    from funcnn import losses, optimizers, tree
    from funcnn.activations import relu
    from funcnn.layers import dense

    x, y, weights = problem(workload)
    sizes, _ = WORKLOADS[workload]
    net: Any = dense(sizes[0], sizes[1])
    for n, m in itertools.pairwise(sizes[1:]):
        net = net >> relu >> dense(n, m)
    params = tree.freeze({f"dense_{i}": {"w": w, "b": b} for i, (w, b) in enumerate(weights)})
    optimizer = optimizers.adam(RATE)

    def loss(params: Any, batch: Any) -> Any:
        x, y = batch
        return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))

    def step(params: Any, opt_state: Any, batch: Any) -> Any:
        value, grads = fn.value_and_grad(loss)(params, batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optimizers.apply_updates(params, updates), opt_state, value

    return Program(step, params, optimizer.init(params), (x, y))


def of_jax(workload: str) -> Program:
    import jax
    import optax
    from jax import numpy as jnp

    x, y, weights = problem(workload)
    optimizer = optax.adam(RATE)

    def loss(params: Any, batch: Any) -> Any:
        x, y = batch
        for w, b in params[:-1]:
            x = jax.nn.relu(x @ w + b)
        w, b = params[-1]
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(x @ w + b, y))

    def step(params: Any, opt_state: Any, batch: Any) -> Any:
        value, grads = jax.value_and_grad(loss)(params, batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, value

    params = jax.tree.map(jnp.asarray, weights)
    return Program(step, params, optimizer.init(params), (jnp.asarray(x), jnp.asarray(y)))


# ------------------------------------------------------------------------------------------------- training steps


def _steps(program: Program, step: Step, wait: Callable[[Any], Any] = lambda x: x) -> harness.Work:
    """The losses of step after step, after one that records or compiles."""
    def train() -> Losses:
        params, opt_state = program.params, program.opt_state
        while True:
            params, opt_state, value = wait(step(params, opt_state, program.batch))
            yield value

    next(train())
    return train


def eager(workload: str) -> harness.Work:
    program = of_funcnn(workload)
    return _steps(program, program.step)


def jitted(workload: str) -> harness.Work:
    import funcnn as fn

    program = of_funcnn(workload)
    return _steps(program, fn.jit(program.step))


def jax_jitted(workload: str) -> harness.Work:
    import jax

    program = of_jax(workload)
    return _steps(program, jax.jit(program.step), jax.block_until_ready)


def pytorch(workload: str) -> harness.Work:
    import torch

    harness.set_torch_threads()
    x, y, weights = problem(workload)
    batch = torch.from_numpy(x), torch.from_numpy(y)

    def train() -> Losses:
        layers: list[Any] = []
        for w, b in weights:
            layer = torch.nn.Linear(*w.shape)
            layer.weight.data, layer.bias.data = torch.from_numpy(w.T.copy()), torch.from_numpy(b.copy())
            layers += [layer, torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers[:-1])
        optimizer, loss_of = torch.optim.Adam(model.parameters(), RATE), torch.nn.CrossEntropyLoss()
        while True:
            optimizer.zero_grad()
            value = loss_of(model(batch[0]), batch[1])
            value.backward()
            optimizer.step()
            yield value.item()

    next(train())
    return train


STEPS: harness.Contests = {workload: {
    "funcnn, eager": partial(eager, workload),
    "funcnn, fn.jit": partial(jitted, workload),
    "JAX and optax, jax.jit": partial(jax_jitted, workload),
    "PyTorch, eager": partial(pytorch, workload),
} for workload in WORKLOADS}


def loss_at(n: int, work: harness.Work) -> float:
    return float(harness.value_at(n, work))


def check(contestants: Mapping[tuple[str, str], harness.Contestant]) -> None:
    """All compute the same: the losses at steps 1 and 5 agree within 1e-3."""
    for workload, n in itertools.product(WORKLOADS, (1, 5)):
        losses = {who: contestant.ask(partial(loss_at, n)) for (what, who), contestant in contestants.items()
                  if what == workload}
        spread = max(losses.values()) - min(losses.values())
        print(f"{workload}: loss at step {n}: {losses['funcnn, eager']:.6f}, the same for all within {spread:.1e}")
        if not spread < 1e-3:
            raise SystemExit(f"they do not compute the same: {losses}")


# ------------------------------------------------------------------------------------------------- first calls


def _first_calls(program: Program, jit: Callable[[Step], Step], wait: Callable[[Any], Any] = lambda x: x,
                 ) -> harness.Work:
    """Steps that are jitted and called once; what is imported at the first of all is there already."""
    def first() -> Any:
        def step(params: Any, opt_state: Any, batch: Any) -> Any:  # another function, which no cache knows
            return program.step(params, opt_state, batch)

        return wait(jit(step)(program.params, program.opt_state, program.batch))

    first()
    return lambda: (first() for _ in itertools.count())


def recorded(workload: str) -> harness.Work:
    import funcnn as fn

    return _first_calls(of_funcnn(workload), fn.jit)


def compiled(workload: str) -> harness.Work:
    import jax

    return _first_calls(of_jax(workload), jax.jit, jax.block_until_ready)


FIRST: harness.Contests = {workload: {
    "funcnn, a step without jit": partial(eager, workload),
    "fn.jit, first call": partial(recorded, workload),
    "jax.jit, first call": partial(compiled, workload),
} for workload in WORKLOADS}


# ------------------------------------------------------------------------------------------------- parts of a call


def part(name: str, workload: str) -> harness.Work:
    """One of the parts of a call, again and again with the same arguments."""
    import funcnn as fn
    from funcnn.staging.planner import Plan
    from funcnn.staging.store import Call

    program = of_funcnn(workload)
    args = (program.params, program.opt_state, program.batch)
    call = Call(program.step, (), args, {})
    plan = Plan(call.recorded()[0], call.leaves)
    run, whole = plan.prepare(), fn.jit(program.step)
    results = run(*call.leaves)
    parts: dict[str, Callable[[], Any]] = {
        "whole": lambda: whole(*args), "take": lambda: plan.take(args, {}), "run": lambda: run(*call.leaves),
        "give": lambda: plan.give(results)}
    chosen = parts[name]
    chosen()
    return lambda: (chosen() for _ in itertools.count())


PARTS: harness.Contests = {workload: {
    "a call of the jitted step": partial(part, "whole", workload),
    "take: the arguments apart": partial(part, "take", workload),
    "run: the NumPy calls": partial(part, "run", workload),
    "give: the result together": partial(part, "give", workload),
} for workload in WORKLOADS}


if __name__ == "__main__":
    chosen = harness.settings(__doc__)
    harness.compare("one training step, float32, Adam", STEPS, chosen, check=check)
    harness.compare("the first call, ms", FIRST, chosen, unit="ms", scale=1e3)
    harness.compare("the parts of one call, us", PARTS, chosen)
