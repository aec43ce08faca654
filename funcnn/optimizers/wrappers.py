"""How is an optimizer changed as a whole? `accumulate`, `skip_not_finite`, `inject_hyperparams`.

Each takes an optimizer, or what makes one, and gives one whose state holds the other's. Users find all of it in
`funcnn.optimizers`.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np

from funcnn import tree
from funcnn._arguments import function, nearest, place_of, whole_number
from funcnn._arrays import is_number, kind_of, namespace
from funcnn.core import holds
from funcnn.core.settings import setting
from funcnn.optimizers.onepass import leafwise
from funcnn.optimizers.transformation import (
    GradientTransformation,
    OptState,
    as_count,
    check_state,
    check_transformations,
    full_like,
    like,
)
from funcnn.tree.frozendict import FrozenDict

__all__ = ["AccumulateState", "InjectHyperparamsState", "SkipState", "accumulate", "inject_hyperparams", "nodes_of",
           "select", "skip_not_finite", "with_hyperparams"]

A = ParamSpec("A")
P = TypeVar("P")


# ------------------------------------------------------------------------------- what gradients it is given


class AccumulateState(NamedTuple):
    """How many gradients were gathered (`count`), their `mean`, and the state of the optimizer (`inner`)."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    mean: Any
    inner: Any


def accumulate(optimizer: GradientTransformation, every: int) -> GradientTransformation:
    """Give `optimizer` the mean of `every` so many gradients: large batches in small pieces.

    The updates in between are zero, and the optimizer counts and sees only the means.

    >>> from funcnn.optimizers import scale
    >>> optimizer = accumulate(scale(-0.5), every=2)
    >>> state = optimizer.init({"w": 0.0})
    >>> updates, state = optimizer.update({"w": 1.0}, state, {"w": 0.0})
    >>> updates
    {'w': 0.0}
    >>> optimizer.update({"w": 3.0}, state, {"w": 0.0})[0]
    {'w': -1.0}

    As `optax.MultiSteps`.
    """
    check_transformations("accumulate", optimizer)
    every = whole_number("accumulate", "every", every, least=1)
    return GradientTransformation(partial(_begin_accumulate, optimizer), partial(_accumulate, optimizer, every))


def _begin_accumulate(optimizer: GradientTransformation, params: Any) -> AccumulateState:
    return AccumulateState(0, full_like(params, 0.0), optimizer.init_fn(params))


def _accumulate(optimizer: GradientTransformation, every: int, grads: Any, state: Any, params: Any,
                ) -> tuple[Any, AccumulateState]:
    check_state("accumulate", AccumulateState, state)
    count, zeros = as_count(state.count) + 1, full_like(params, 0.0)
    (mean,) = leafwise("accumulate", partial(_mean_of, count), 1, grads, state.mean)
    waiting = zeros, AccumulateState(count, mean, state.inner)
    if is_number(count) and holds(count < every):
        return waiting
    updates, inner = optimizer.update_fn(mean, state.inner, params)
    return select(count >= every, (updates, AccumulateState(0, zeros, inner)), waiting)


def _mean_of(count: Any, g: Any, mean: Any) -> tuple[Any]:
    return (like(mean, mean + (g - mean) / count),)


def select(condition: Any, this: P, that: P) -> P:
    """One of two trees; where JAX has yet to learn which, every leaf of it.

    >>> select(True, {"w": 1.0}, {"w": 2.0})
    {'w': 1.0}
    """
    if kind_of(condition) is bool:
        return this if holds(condition) else that
    return tree.map(lambda x, y: namespace(condition).where(condition, x, y), this, that)


class SkipState(NamedTuple):
    """How many gradients were `skipped`, how many `in_a_row` until now, and the state of the optimizer (`inner`)."""

    skipped: int
    in_a_row: int
    inner: Any


def skip_not_finite(optimizer: GradientTransformation, max_consecutive_errors: int = 10) -> GradientTransformation:
    """Leave out the gradients that hold an infinity or a NaN: zero updates, the state of `optimizer` as it was.

    More than `max_consecutive_errors` of them in a row are a FloatingPointError that names the parameter: the run is
    broken and would go nowhere in silence. Under `jax.jit` and `vmap`, which cannot raise, look at `state.in_a_row`.

    >>> from funcnn.optimizers import scale
    >>> optimizer = skip_not_finite(scale(-0.5))
    >>> updates, state = optimizer.update({"w": float("nan")}, optimizer.init({"w": 0.0}), {"w": 0.0})
    >>> updates, state.skipped
    ({'w': 0.0}, 1)

    As `optax.apply_if_finite`, which instead lets the gradient through in the end.
    """
    check_transformations("skip_not_finite", optimizer)
    limit = setting("skip_not_finite", "max_consecutive_errors", max_consecutive_errors)
    return GradientTransformation(partial(_begin_skip, optimizer), partial(_skip, optimizer, limit))


def _begin_skip(optimizer: GradientTransformation, params: Any) -> SkipState:
    return SkipState(0, 0, optimizer.init_fn(params))


def _skip(optimizer: GradientTransformation, limit: float, grads: Any, state: Any, params: Any,
          ) -> tuple[Any, SkipState]:
    check_state("skip_not_finite", SkipState, state)
    skipped, in_a_row, finite = as_count(state.skipped), as_count(state.in_a_row) + 1, _all_finite(grads)
    bad = full_like(params, 0.0), SkipState(skipped + 1, in_a_row, state.inner)
    if isinstance(finite, bool) and not finite:
        _check_run(in_a_row, limit, grads)
        return bad
    updates, inner = optimizer.update_fn(grads, state.inner, params)
    return select(finite, (updates, SkipState(skipped, 0, inner)), bad)


def _check_run(in_a_row: int, limit: float, grads: Any) -> None:
    if holds(in_a_row > limit):
        bad = next(place_of(path) for path, leaf in tree.leaves_with_path(grads) if not _all_finite(leaf))
        raise FloatingPointError(f"skip_not_finite: {in_a_row} gradients in a row were not finite; in the last one the "
                                 f"first that was not is at {bad}")


def _all_finite(grads: Any) -> Any:
    """Whether all entries are finite: a bool where that is known, else what JAX or vmap will make one of."""
    flags = [namespace(leaf).isfinite(leaf).all() for leaf in tree.leaves(grads)]
    if all(kind_of(flag) is np.bool_ for flag in flags):
        return all(map(holds, flags))
    return functools.reduce(lambda a, b: a & b, flags)


# ---------------------------------------------------------------------------------- numbers that are a state


class InjectHyperparamsState(NamedTuple):
    """How many updates were done (`count`), the `hyperparams` by name, and the optimizer's state (`inner_state`)."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    hyperparams: Any
    inner_state: Any


def inject_hyperparams(inner_factory: Callable[A, GradientTransformation], static_args: str | Iterable[str] = (),
                       ) -> Callable[A, GradientTransformation]:
    """Keep the numbers that an optimizer is made with in its state, where they are seen, saved and changed.

    `inner_factory` makes the optimizer, as `adam` does. Numbers among the arguments become `state.hyperparams`;
    functions of the count, as schedules, are called at every update, and their value stands there too. What is neither,
    and what `static_args` names, is handed on as it is: a mask that is a function, a number that decides about shapes
    or, as the momentum of `sgd`, about the form of the state. `with_hyperparams` changes a number of a state.

    >>> from funcnn.optimizers import sgd
    >>> optimizer = inject_hyperparams(sgd)(learning_rate=0.5)
    >>> state = optimizer.init(1.0)
    >>> updates, state = optimizer.update(2.0, with_hyperparams(state, learning_rate=0.25), 1.0)
    >>> updates, state.hyperparams["learning_rate"]
    (-0.5, 0.25)

    As `optax.inject_hyperparams`, except that the numbers stay Python's: the steps have the bits of those without it.
    """
    function("inject_hyperparams", "inner_factory", inner_factory)
    names = frozenset([static_args] if isinstance(static_args, str) else static_args)
    unknown = sorted(names - inspect.signature(inner_factory).parameters.keys())
    if unknown:
        raise ValueError(f"inject_hyperparams: static_args names {unknown[0]!r}, which is no parameter of "
                         f"{getattr(inner_factory, '__name__', inner_factory)}{inspect.signature(inner_factory)}")
    return cast("Callable[A, GradientTransformation]", partial(_injected, inner_factory, names))


Factory = Callable[..., GradientTransformation]
Arguments = Mapping[str, Any]


def _injected(factory: Factory, static: frozenset[str], *args: Any, **kwargs: Any) -> GradientTransformation:
    bound = inspect.signature(factory).bind(*args, **kwargs)
    bound.apply_defaults()
    given = {name: value for name, value in bound.arguments.items() if name not in static}
    schedules = {name: value for name, value in given.items() if callable(value)}
    numbers = {name: _as_number(name, value) for name, value in given.items() if _is_number(value)}
    made = partial(_made, factory, dict(bound.arguments))
    made(numbers | _now(schedules, 0))  # a number that cannot be is an error now
    return GradientTransformation(partial(_begin_injected, made, numbers, schedules),
                                  partial(_update_injected, made, schedules))


def _is_number(value: Any) -> bool:
    is_array = hasattr(value, "dtype") and getattr(value, "shape", None) == ()
    return not isinstance(value, bool | np.bool_) and (isinstance(value, int | float) or is_array)


def _as_number(name: str, value: Any) -> Any:
    return value if type(value) is int else setting("inject_hyperparams", name, value, "(-inf, inf)")


def _now(schedules: Arguments, count: Any) -> dict[str, Any]:
    return {name: schedule(count) for name, schedule in schedules.items()}


def _made(factory: Factory, arguments: Arguments, hyperparams: Arguments) -> GradientTransformation:
    """The optimizer with these numbers among its arguments."""
    bound = inspect.signature(factory).bind_partial()
    bound.arguments.update({**arguments, **hyperparams})
    return factory(*bound.args, **bound.kwargs)


def _begin_injected(made: Callable[[Arguments], GradientTransformation], numbers: Arguments, schedules: Arguments,
                    params: Any) -> InjectHyperparamsState:
    hyperparams = FrozenDict({**numbers, **_now(schedules, 0)})
    return InjectHyperparamsState(0, hyperparams, made(hyperparams).init_fn(params))


def _update_injected(made: Callable[[Arguments], GradientTransformation], schedules: Arguments, grads: Any, state: Any,
                     params: Any) -> tuple[Any, InjectHyperparamsState]:
    check_state("inject_hyperparams", InjectHyperparamsState, state)
    count = as_count(state.count)
    now = {name: like(state.hyperparams[name], value) for name, value in _now(schedules, count).items()}
    hyperparams = FrozenDict({**state.hyperparams, **now})
    updates, inner = made(hyperparams).update_fn(grads, state.inner_state, params)
    return updates, InjectHyperparamsState(count + 1, hyperparams, inner)


def with_hyperparams(opt_state: OptState[P], **hyperparams: float) -> OptState[P]:
    """The state with other numbers for those that `inject_hyperparams` keeps in it, wherever it stands.

    `hyperparams` are the new ones by name; one that is not kept in `opt_state` is an error.

    >>> from funcnn.optimizers import adam, chain, clip
    >>> state = chain(clip(1.0), inject_hyperparams(adam)(0.1)).init({"w": 1.0})
    >>> with_hyperparams(state, learning_rate=0.01)[1].hyperparams["learning_rate"]
    0.01

    A number that a schedule gives is that of the schedule again at the next update. As `optax.tree.set`.
    """
    known = [name for node in nodes_of(opt_state, InjectHyperparamsState) for name in node.hyperparams]
    for name in hyperparams:
        if name not in known:
            near = nearest(name, known)
            there = f"those of the state are {', '.join(map(repr, known))}" if known else (
                "the state has none: make the optimizer by inject_hyperparams(adam)(0.1)")
            raise ValueError(f"with_hyperparams: no number {name!r}; {there}"
                             + (f"; did you mean {near[0]!r}?" if near else ""))
    return cast("OptState[P]", _with(opt_state, hyperparams))


def _with(state: Any, new: Arguments) -> Any:
    if type(state) is InjectHyperparamsState:
        own = {name: _as_number(name, value) for name, value in new.items() if name in state.hyperparams}
        state = state._replace(hyperparams=FrozenDict({**state.hyperparams, **own}))
    if isinstance(state, tuple):
        parts = [_with(part, new) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return {key: _with(part, new) for key, part in state.items()} if type(state) is dict else state


def nodes_of(state: Any, *kinds: type) -> list[Any]:
    """The states of these kinds within a state, the outermost first.

    >>> nodes_of((1.0, SkipState(0, 0, SkipState(1, 0, None))), SkipState)[1]
    SkipState(skipped=1, in_a_row=0, inner=None)
    """
    inside = state.values() if isinstance(state, Mapping) else state if isinstance(state, tuple) else ()
    return [state] * isinstance(state, kinds) + [node for part in inside for node in nodes_of(part, *kinds)]
