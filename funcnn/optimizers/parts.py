"""The parts that optimizers are put together of: `scale`, `trace`, `clip_by_global_norm`, `masked`.

The sign turns in one place, `scale_by_learning_rate`: before it stand gradients, after it steps. In the formulas g is
the gradient, p the parameter, t = 1, 2, ... the number of the update, and a stroke marks what is remembered for the
next. Names and values are those of optax. Users find all of it in `funcnn.optimizers`.
"""

from __future__ import annotations

import functools
import math
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from funcnn import tree
from funcnn._arguments import at, described, place_of, whole_number
from funcnn._arrays import blocks, is_number, kind_of, namespace
from funcnn.batching.batch import BatchTracer
from funcnn.core import call, holds
from funcnn.core.settings import setting
from funcnn.optimizers.onepass import leafwise
from funcnn.optimizers.transformation import (
    EmptyState,
    GradientTransformation,
    as_count,
    check_state,
    check_transformations,
    entrywise,
    full_like,
    like,
    stateless,
)
from funcnn.typing import Schedule

__all__ = [
    "accumulate", "add_decayed_weights", "clip", "clip_by_global_norm", "descent", "ema", "global_norm", "masked",
    "scale", "scale_by_learning_rate", "scale_by_schedule", "set_to_zero", "skip_not_finite", "trace",
]

P = TypeVar("P")


# ------------------------------------------------------------------------------------- scaling, weights


def scale(factor: float) -> GradientTransformation:
    """Multiply by a number.

    >>> scale(-0.5).update({"w": 2.0}, EmptyState(), {"w": 0.0})
    ({'w': -1.0}, EmptyState())

    As `optax.scale`. To leave parameters as they are use `set_to_zero`: 0 times an infinite gradient is NaN.
    """
    return entrywise("scale", EmptyState, partial(_times, setting("scale", "factor", factor, "(-inf, inf)")))


def _times(factor: Any, g: Any) -> tuple[Any]:
    return (like(g, factor * g),)


def set_to_zero() -> GradientTransformation:
    """Zeros, whatever the gradient: `chain(optimizer, masked(set_to_zero(), frozen))` freezes what the mask chooses.

    >>> set_to_zero().update({"w": float("inf")}, EmptyState(), {"w": 1.0})
    ({'w': 0.0}, EmptyState())

    As `optax.set_to_zero`.
    """
    return stateless("set_to_zero", _zeros)


def _zeros(grads: Any, params: Any) -> Any:
    return full_like(params, 0.0)


class ScheduleState(NamedTuple):
    """How many updates were done."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs


def scale_by_schedule(schedule: Schedule) -> GradientTransformation:
    """Multiply by a number that depends on how many updates were done: schedule(0) at the first.

    >>> halves = scale_by_schedule(lambda count: 0.5 ** count)
    >>> halves.update({"w": 2.0}, ScheduleState(1), {"w": 0.0})
    ({'w': 1.0}, ScheduleState(count=2))

    As `optax.scale_by_schedule`. A schedule that gives no finite number is an error, except under `jax.jit`.
    """
    if not callable(schedule):
        raise TypeError(f"scale_by_schedule: takes a schedule, a function of the count, got {schedule!r:.80}; for the "
                        f"same number always use scale({schedule!r:.80})")
    return entrywise("scale_by_schedule", ScheduleState, partial(_times_scheduled, schedule))


def _times_scheduled(schedule: Schedule, t: Any, g: Any) -> tuple[Any]:
    return _times(setting("scale_by_schedule", f"schedule({t - 1})", schedule(t - 1), "(-inf, inf)"), g)


def scale_by_learning_rate(learning_rate: float | Schedule) -> GradientTransformation:
    """Turn a direction of ascent into a step of descent: multiply by -learning_rate, a number or a schedule.

    >>> scale_by_learning_rate(0.5).update({"w": 2.0}, EmptyState(), {"w": 0.0})
    ({'w': -1.0}, EmptyState())

    As `optax.scale_by_learning_rate`.
    """
    return descent("scale_by_learning_rate", learning_rate)


def descent(owner: str, learning_rate: float | Schedule) -> GradientTransformation:
    """The same for the optimizer `owner`, which errors name.

    >>> descent("sgd", 0.5).update({"w": 2.0}, EmptyState(), {"w": 0.0})
    ({'w': -1.0}, EmptyState())
    """
    if callable(learning_rate):
        return scale_by_schedule(partial(_downhill, owner, learning_rate))
    return scale(-setting(owner, "learning_rate, if it is not a schedule,", learning_rate))


def _downhill(owner: str, schedule: Schedule, count: Any) -> Any:
    return -setting(owner, f"schedule({count})", schedule(count))


def add_decayed_weights(weight_decay: float, mask: Any = None) -> GradientTransformation:
    """Weight decay: g + weight_decay p, for the parameters p that the mask chooses; see `masked`.

    >>> add_decayed_weights(0.5).update({"w": 2.0}, EmptyState(), {"w": 3.0})
    ({'w': 3.5}, EmptyState())

    As `optax.add_decayed_weights`. Before the rest of an optimizer it is L2 regularization, 1/2 weight_decay p^2 in the
    loss; after it and before the learning rate, decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101).
    """
    weight_decay = setting("add_decayed_weights", "weight_decay", weight_decay)
    part = entrywise("add_decayed_weights", EmptyState, partial(_decayed, weight_decay), reads_params=True)
    return part if mask is None else masked(part, mask)


def _decayed(weight_decay: Any, g: Any, p: Any) -> tuple[Any]:
    return (g + weight_decay * p,)


# ---------------------------------------------------------------------------------------------- clipping


def clip(max_delta: float) -> GradientTransformation:
    """Bring every entry into [-max_delta, max_delta].

    >>> clip(1.0).update({"w": np.array([-2.0, 0.5])}, EmptyState(), {"w": np.zeros(2, np.float64)})
    ({'w': array([-1. ,  0.5])}, EmptyState())

    As `optax.clip`.
    """
    return entrywise("clip", EmptyState, partial(_clipped, setting("clip", "max_delta", max_delta)))


def _clipped(max_delta: Any, g: Any) -> tuple[Any]:
    xp = namespace(g)
    return (xp.minimum(xp.maximum(g, -max_delta), max_delta),)


def clip_by_global_norm(max_norm: float) -> GradientTransformation:
    """Shorten the gradient of all the parameters together to the length max_norm, where it is longer.

        g max_norm / max(|g|, max_norm)        |g| = `global_norm(grads)`

    >>> clip_by_global_norm(1.0).update({"w": 3.0, "b": 4.0}, EmptyState(), {"w": 0.0, "b": 0.0})
    ({'w': 0.6000000000000001, 'b': 0.8}, EmptyState())

    As `optax.clip_by_global_norm`; Pascanu et al. 2013 (arXiv:1211.5063). A NaN in one gradient is one in all; see
    `skip_not_finite`.
    """
    max_norm = setting("clip_by_global_norm", "max_norm", max_norm, "(0, inf)")
    return stateless("clip_by_global_norm", partial(_shortened, max_norm))


def _shortened(max_norm: Any, grads: Any, params: Any) -> Any:
    norm = global_norm(grads)
    if is_number(norm) and holds(norm <= max_norm):
        return grads
    factor = max_norm / (norm if is_number(norm) else namespace(norm).maximum(norm, max_norm))
    return leafwise("clip_by_global_norm", partial(_times, factor), 1, grads)[0]


def global_norm(grads: Any) -> Any:
    """The length of all the leaves together, the root of the sum of the squares of all entries.

    >>> global_norm({"w": np.array([3.0]), "b": np.array([4.0])})
    5.0

    As `optax.global_norm`. Of ndarrays it is a Python float, right even where the squares of float32 would overflow.
    """
    total = sum(map(_sum_of_squares, tree.leaves(grads)), start=0.0)
    return call(math.sqrt, total) if is_number(total) else namespace(total).sqrt(total)


def _sum_of_squares(leaf: Any) -> Any:
    if not issubclass(kind_of(leaf), np.ndarray | np.generic | float):
        xp = namespace(leaf)
        return xp.sum(xp.square(leaf.astype(np.float64) if isinstance(leaf, BatchTracer) else leaf))
    vector = np.reshape(leaf, -1)
    with np.errstate(over="ignore", under="ignore"):
        total = _sum_in_blocks(vector, vector.dtype)
    return total if holds((total > 1e-20) & (total < math.inf)) else _sum_in_blocks(vector, np.float64)


def _sum_in_blocks(vector: Any, dtype: Any) -> float:
    return sum([call(float, np.square(vector[block], dtype=dtype).sum()) for block in blocks(vector.size)], start=0.0)


# ------------------------------------------------------------------------------------ momentum and means


class TraceState(NamedTuple):
    """The velocity, shaped like the parameters."""

    trace: Any


def trace(decay: float, nesterov: bool = False) -> GradientTransformation:
    """Momentum: remember a velocity, v' = decay v + g, and give it; with nesterov, decay v' + g.

    >>> momentum = trace(0.9)
    >>> momentum.update(1.0, TraceState(10.0), 0.0)
    (10.0, TraceState(trace=10.0))

    As `optax.trace`; Sutskever et al. 2013. The order in a chain is meaning: `chain(trace(0.9),
    scale_by_learning_rate(s))` is torch's and optax's momentum, `chain(scale_by_learning_rate(s), trace(0.9))` the
    book's, in which the rate is inside the velocity. They differ only where the rate changes.
    """
    return entrywise("trace", TraceState, partial(_trace, setting("trace", "decay", decay, "[0, 1)"), nesterov))


def _trace(decay: Any, nesterov: bool, g: Any, v: Any) -> tuple[Any, Any]:
    v = decay * v + g
    return (decay * v + g if nesterov else v), v


class EmaState(NamedTuple):
    """How many updates were done, and the running mean, shaped like the parameters."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    ema: Any


def ema(decay: float, debias: bool = True) -> GradientTransformation:
    """The running mean, m' = decay m + (1 - decay) g; with debias, divided by 1 - decay^t, the weight of what was seen.

    >>> mean = ema(0.75)
    >>> mean.update({"w": 2.0}, mean.init({"w": 0.0}), {"w": 0.0})
    ({'w': 2.0}, EmaState(count=1, ema={'w': 0.5}))

    As `optax.ema`. It averages any trees: for Polyak's average of the parameters, give it those as gradients.
    """
    return entrywise("ema", EmaState, partial(_ema, setting("ema", "decay", decay, "[0, 1)"), debias))


def _ema(decay: Any, debias: bool, t: Any, g: Any, m: Any) -> tuple[Any, Any]:
    m = decay * m + (1 - decay) * g
    return m / (1 - decay**t) if debias else m, m


# --------------------------------------------------------------------------------------------- wrappers


def masked(inner: GradientTransformation, mask: Any) -> GradientTransformation:
    """Transform only the parameters that the mask chooses; the gradients of the others pass unchanged.

    `mask` is a tree of bools shaped like the parameters, in which one bool may stand for a whole subtree, or a function
    from the parameters to such a tree. What is not chosen is None in the state.

    >>> only_weights = masked(scale(-0.5), {"w": True, "b": False})
    >>> only_weights.update({"w": 2.0, "b": 2.0}, EmptyState(), {"w": 0.0, "b": 0.0})
    ({'w': -1.0, 'b': 2.0}, EmptyState())

    To freeze parameters put `masked(set_to_zero(), frozen)` behind the optimizer: what passes unchanged is a
    gradient, a step uphill. As `optax.masked`. The function may look at the shapes of the parameters, as `lambda
    params: tree.map(lambda p: p.ndim > 1, params)`, and not, under `jax.jit`, at their values.
    """
    check_transformations("masked", inner)
    return GradientTransformation(partial(_begin_masked, inner, mask), partial(_masked, inner, mask))


def _begin_masked(inner: GradientTransformation, mask: Any, params: Any) -> Any:
    return inner.init_fn(_chosen(_marks(mask, params), params))


def _masked(inner: GradientTransformation, mask: Any, grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
    marks = _marks(mask, params)
    updates, state = inner.update_fn(_chosen(marks, grads), state, _chosen(marks, params))
    new = iter(tree.leaves(updates))
    every = [next(new) if mark else g for mark, g in zip(marks, tree.leaves(grads), strict=True)]
    return tree.unflatten(tree.structure(grads), every), state


def _chosen(marks: list[bool], params: Any) -> Any:
    """The tree with None, which has no leaves, at the places that are not marked."""
    leaves, form = tree.flatten(params)
    return tree.unflatten(form, [leaf if mark else None for mark, leaf in zip(marks, leaves, strict=True)])


def _marks(mask: Any, params: Any) -> list[bool]:
    """Which leaves of the parameters are chosen."""
    given = dict(tree.leaves_with_path(mask(params) if callable(mask) else mask))
    for path, mark in given.items():
        if not isinstance(mark, bool | np.bool_):
            raise TypeError(f"masked: the mask must be a tree of bools, got {described(mark)}{at(path)}")
    sources = [_prefix(path, given) for path, _ in tree.leaves_with_path(params)]
    unknown = given.keys() - set(sources)
    if unknown:
        raise ValueError(f"masked: the mask has an entry{at(min(unknown, key=str))}, where the parameters have none")
    return [bool(given[source]) for source in sources]


def _prefix(path: tree.Path, given: dict[tree.Path, Any]) -> tree.Path:
    """The entry of the mask that speaks for a parameter: its own or that of a subtree around it."""
    for depth in range(len(path) + 1):
        if path[:depth] in given:
            return path[:depth]
    raise ValueError(f"masked: the mask says nothing about the parameter{at(path)}")


class AccumulateState(NamedTuple):
    """How many gradients were gathered, their mean, and the state of the optimizer that waits for it."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    mean: Any
    inner: Any


def accumulate(optimizer: GradientTransformation, every: int) -> GradientTransformation:
    """Give an optimizer the mean of so many gradients at a time: large batches in small pieces.

    The updates in between are zero, and the optimizer counts and sees only the means.

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
    return _select(count >= every, (updates, AccumulateState(0, zeros, inner)), waiting)


def _mean_of(count: Any, g: Any, mean: Any) -> tuple[Any]:
    return (like(mean, mean + (g - mean) / count),)


def _select(condition: Any, this: P, that: P) -> P:
    """One of two trees; where JAX has yet to learn which, every leaf of it."""
    if kind_of(condition) is bool:
        return this if holds(condition) else that
    return tree.map(lambda x, y: namespace(condition).where(condition, x, y), this, that)


class SkipState(NamedTuple):
    """How many gradients were skipped, how many of them in a row until now, and the state of the optimizer."""

    skipped: int
    in_a_row: int
    inner: Any


def skip_not_finite(optimizer: GradientTransformation, max_consecutive_errors: int = 10) -> GradientTransformation:
    """Leave out the gradients that hold an infinity or a NaN: zero updates, the optimizer's state as it was.

    More than max_consecutive_errors of them in a row are a FloatingPointError that names the parameter: the run is
    broken and would go nowhere in silence. Under `jax.jit` and `vmap`, which cannot raise, look at `state.in_a_row`.

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
    return _select(finite, (updates, SkipState(skipped, 0, inner)), bad)


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
