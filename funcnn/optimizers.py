"""With this module you can turn gradients into better parameters: `sgd`, `adam`, and the parts they are made of.

An optimizer is a `GradientTransformation`: `init(params) -> state` and `update(grads, state, params) -> (updates,
state)`, two pure functions; `apply_updates(params, updates)` adds the updates. `chain` puts parts in a row, and
each named optimizer is one sentence over its parts. The sign turns in one place, `scale_by_learning_rate`: before
it stand gradients, after it steps. State is plain data, trees shaped like the parameters and counts.

Names and values are those of optax; letters are those of the papers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast, final

import numpy as np

from funcnn import tree
from funcnn.arrays import is_concrete, namespace, readonly
from funcnn.typing import Schedule

__all__ = [
    "GradientTransformation", "OptState", "adam", "apply_updates", "chain", "identity", "scale", "scale_by_adam",
    "scale_by_learning_rate", "scale_by_schedule", "sgd", "trace",
]

P = TypeVar("P")

if TYPE_CHECKING:
    @final
    class OptState(Generic[P]):
        """The state of an optimizer for parameters of type P; to the type checker it is opaque."""
else:
    OptState = tuple


@final
@dataclass(frozen=True)
class GradientTransformation:
    """A pair of pure functions, `init(params) -> state` and `update(grads, state, params) -> (updates, state)`.

    To write one of your own, give both functions; state may be any tree.

    >>> import numpy as np
    >>> sign = GradientTransformation(
    ...     init_fn=lambda params: (),
    ...     update_fn=lambda grads, state, params: (tree.map(np.sign, grads), ()))
    >>> sign.update({"w": -2.0}, sign.init({"w": 1.0}), {"w": 1.0})
    ({'w': np.float64(-1.0)}, ())

    As `optax.GradientTransformation`, except that `params` is always given.
    """

    init_fn: Callable[[Any], Any]
    update_fn: Callable[[Any, Any, Any], tuple[Any, Any]]

    def init(self, params: P) -> OptState[P]:
        """The state before the first update."""
        return cast("OptState[P]", self.init_fn(params))

    def update(self, grads: P, state: OptState[P], params: P) -> tuple[P, OptState[P]]:
        """The updates that these gradients ask for, and the state after them."""
        return cast("tuple[P, OptState[P]]", self.update_fn(grads, state, params))


class EmptyState(NamedTuple):
    """The state of a part that remembers nothing."""


class ScheduleState(NamedTuple):
    """How many updates were done."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs


class TraceState(NamedTuple):
    """The velocity, shaped like the parameters."""

    trace: Any


class AdamState(NamedTuple):
    """How many updates were done, and the running means of the gradients and of their squares."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    mu: Any
    nu: Any


# ------------------------------------------------------------------------------------------ composition


def apply_updates(params: P, updates: P) -> P:
    """The parameters after a step: params + updates, each leaf in its own dtype, read-only.

    >>> apply_updates({"w": 1.0}, {"w": -0.25})
    {'w': 0.75}

    As `optax.apply_updates`.
    """
    return tree.map(_added, params, updates)


def _added(p: Any, u: Any) -> Any:
    moved = p + u
    same = getattr(moved, "dtype", None) == getattr(p, "dtype", None)
    return readonly(moved if same else moved.astype(p.dtype))


def chain(*transformations: GradientTransformation) -> GradientTransformation:
    """The transformations one after the other; its state is the tuple of theirs, and `chain()` is the identity.

    >>> nnfs_momentum = chain(scale_by_learning_rate(0.1), trace(0.9))
    >>> nnfs_momentum.update(1.0, nnfs_momentum.init(0.0), 0.0)
    (-0.1, (EmptyState(), TraceState(trace=-0.1)))

    As `optax.chain`.
    """
    def init(params: Any) -> Any:
        return tuple(t.init(params) for t in transformations)

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        if not isinstance(state, tuple) or len(state) != len(transformations):
            raise ValueError(f"chain: the state must be the tuple of {len(transformations)} that init or update "
                             f"returned, got {type(state).__name__}")
        new_state = []
        for transformation, own in zip(transformations, state, strict=True):
            grads, own = transformation.update(grads, own, params)
            new_state.append(own)
        return grads, tuple(new_state)

    return GradientTransformation(init, update)


def _stateless(f: Callable[[Any], Any]) -> GradientTransformation:
    """The transformation of each leaf by f."""
    return GradientTransformation(lambda params: EmptyState(), lambda grads, state, params: (tree.map(f, grads), state))


def _leafwise(f: Callable[..., tuple[Any, ...]], outputs: int, *trees: Any) -> tuple[Any, ...]:
    """Lift a function of leaves, entry by entry, that returns several arrays: as many trees."""
    columns: list[tuple[Any, ...]] = []
    form = tree.structure(trees[0])
    tree.map(lambda *leaves: columns.append(leaves), *trees)
    if _are_small(columns):
        return tuple(tree.unflatten(form, leaves) for leaves in _all_at_once(f, columns))
    results = [f(*leaves) for leaves in columns]
    return tuple(tree.unflatten(form, [readonly(result[i]) for result in results]) for i in range(outputs))


def _are_small(columns: list[tuple[Any, ...]]) -> bool:
    """Several ndarrays of one dtype, so small that a call costs more than its arithmetic."""
    arrays = [leaf for leaves in columns for leaf in leaves]
    return (len(columns) > 1 and all(is_concrete(leaf) and leaf.dtype == arrays[0].dtype for leaf in arrays)
            and sum(leaves[0].size for leaves in columns) < 4096)


def _all_at_once(f: Callable[..., tuple[Any, ...]], columns: list[tuple[Any, ...]]) -> Iterator[list[Any]]:
    """f of all leaves joined, which is the same bytes, and its results cut into leaves again."""
    first = [leaves[0] for leaves in columns]
    ends = list(itertools.accumulate(leaf.size for leaf in first))
    joined = [np.concatenate([leaf.ravel() for leaf in row]) for row in zip(*columns, strict=True)]
    for whole in map(readonly, f(*joined)):
        yield [whole[end - leaf.size:end].reshape(leaf.shape) for leaf, end in zip(first, ends, strict=True)]


def identity() -> GradientTransformation:
    """Updates are the gradients.

    >>> identity().update({"w": 2.0}, EmptyState(), {"w": 0.0})
    ({'w': 2.0}, EmptyState())
    """
    return GradientTransformation(lambda params: EmptyState(), lambda grads, state, params: (grads, state))


# ------------------------------------------------------------------------------------------------ parts


def scale(factor: float) -> GradientTransformation:
    """Multiply by a number.

    >>> scale(-0.5).update({"w": 2.0}, EmptyState(), {"w": 0.0})
    ({'w': -1.0}, EmptyState())
    """
    return _stateless(lambda g: readonly(factor * g))


def scale_by_schedule(schedule: Schedule) -> GradientTransformation:
    """Multiply by a number that depends on how many updates were done: schedule(0) at the first.

    >>> halves = scale_by_schedule(lambda count: 0.5 ** count)
    >>> halves.update({"w": 2.0}, ScheduleState(1), {"w": 0.0})
    ({'w': 1.0}, ScheduleState(count=2))
    """
    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        factor = schedule(state.count)
        return tree.map(lambda g: readonly(factor * g), grads), ScheduleState(state.count + 1)

    return GradientTransformation(lambda params: ScheduleState(0), update)


def scale_by_learning_rate(learning_rate: float | Schedule) -> GradientTransformation:
    """Turn a direction of ascent into a step of descent: multiply by -learning_rate, a number or a schedule.

    >>> scale_by_learning_rate(0.5).update({"w": 2.0}, EmptyState(), {"w": 0.0})
    ({'w': -1.0}, EmptyState())
    """
    if callable(learning_rate):
        schedule = learning_rate
        return scale_by_schedule(lambda count: -schedule(count))
    if not 0 <= learning_rate < float("inf"):
        raise ValueError(f"learning_rate must be a number >= 0 or a schedule, got {learning_rate}")
    return scale(-learning_rate)


def trace(decay: float, nesterov: bool = False) -> GradientTransformation:
    """Momentum: remember a velocity, v' = decay v + g, and give it; with nesterov, decay v' + g.

    >>> momentum = trace(0.9)
    >>> momentum.update(1.0, TraceState(10.0), 0.0)
    (10.0, TraceState(trace=10.0))

    As `optax.trace`; Sutskever et al. 2013. The order in a chain is meaning: `chain(trace(0.9),
    scale_by_learning_rate(s))` is torch's and optax's momentum, `chain(scale_by_learning_rate(s), trace(0.9))` the
    book's, in which the rate is inside the velocity. They differ only where the rate changes.
    """
    _check_share("trace", "decay", decay)

    def velocity(g: Any, v: Any) -> Any:
        return readonly(decay * v + g)

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        v = tree.map(velocity, grads, state.trace)
        return (tree.map(velocity, grads, v) if nesterov else v), TraceState(v)

    return GradientTransformation(lambda params: TraceState(_zeros_like(params)), update)


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> GradientTransformation:
    """Divide the running mean of the gradients by the root of that of their squares, both without bias.

        mu' = b1 mu + (1 - b1) g              nu' = b2 nu + (1 - b2) g^2
        update = (mu' / (1 - b1^t)) / (sqrt(nu' / (1 - b2^t)) + eps)        t = 1, 2, ...

    >>> part = scale_by_adam()
    >>> updates, state = part.update({"w": -2.0}, part.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"]), state
    (-0.999999995, AdamState(count=1, mu={'w': -0.19999999999999996}, nu={'w': 0.0040000000000000036}))

    Kingma & Ba 2015 (arXiv:1412.6980). eps is added outside the root, as in the paper, torch and optax; the
    book's eps is 1e-7.
    """
    _check_share("scale_by_adam", "b1", b1)
    _check_share("scale_by_adam", "b2", b2)

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        t = state.count + 1
        correction1, correction2 = 1 - b1**t, 1 - b2**t

        def leaf(g: Any, mu: Any, nu: Any) -> tuple[Any, Any, Any]:
            mu = b1 * mu + (1 - b1) * g
            nu = b2 * nu + (1 - b2) * (g * g)
            return (mu / correction1) / (namespace(nu).sqrt(nu / correction2) + eps), mu, nu

        updates, mu, nu = _leafwise(leaf, 3, grads, state.mu, state.nu)
        return updates, AdamState(t, mu, nu)

    return GradientTransformation(lambda params: AdamState(0, _zeros_like(params), _zeros_like(params)), update)


def _zeros_like(params: P) -> P:
    return tree.map(lambda p: 0.0 if isinstance(p, float) else readonly(namespace(p).zeros_like(p)), params)


def _check_share(function: str, name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ValueError(f"{function}: {name} must be in [0, 1), got {value}")


# ---------------------------------------------------------------------------------------- the optimizers


def sgd(learning_rate: float | Schedule, momentum: float = 0.0, nesterov: bool = False) -> GradientTransformation:
    """Gradient descent: a step of -learning_rate times the gradient, or, with momentum, the velocity.

    >>> sgd(0.1).update(2.0, sgd(0.1).init(1.0), 1.0)
    (-0.2, (EmptyState(),))

    As `optax.sgd`; for the momentum of the book see `trace`.
    """
    rate = scale_by_learning_rate(learning_rate)
    return chain(trace(momentum, nesterov), rate) if momentum else chain(rate)


def adam(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
         ) -> GradientTransformation:
    """Adam: `scale_by_adam`, then the learning rate.

    >>> optimizer = adam(0.001)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -0.0009999999966666668

    As `optax.adam`.
    """
    return chain(scale_by_adam(b1, b2, eps), scale_by_learning_rate(learning_rate))
