"""The parts that optimizers are put together of: `scale`, `trace`, `clip_by_global_norm`, `add_noise`.

The sign turns in one place, `scale_by_learning_rate`: before it stand gradients, after it steps. In the formulas g is
the gradient, p the parameter, t = 1, 2, ... the number of the update, and a stroke marks what is remembered for the
next. Names and values are those of optax. Users find all of it in `funcnn.optimizers`.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from funcnn import random, tree
from funcnn._arrays import blocks, is_number, kind_of, namespace, readonly
from funcnn.batching.batch import BatchTracer
from funcnn.core import call, holds
from funcnn.core.settings import setting
from funcnn.optimizers.choosing import masked
from funcnn.optimizers.onepass import leafwise
from funcnn.optimizers.transformation import (
    EmptyState,
    GradientTransformation,
    as_count,
    check_state,
    entrywise,
    like,
    stateless,
)
from funcnn.random.checks import words_of
from funcnn.typing import Key, Schedule

__all__ = [
    "AddNoiseState", "EmaState", "ScheduleState", "TraceState", "ZeroNansState", "add_decayed_weights", "add_noise",
    "clip", "clip_by_global_norm", "descent", "ema", "global_norm", "keep_params_nonnegative", "scale",
    "scale_by_learning_rate", "scale_by_schedule", "trace", "zero_nans",
]


# ------------------------------------------------------------------------------------- scaling, weights


def scale(factor: float) -> GradientTransformation:
    """Multiply by a number, `factor`.

    >>> scale(-0.5).update({"w": 2.0}, EmptyState(), {"w": 0.0})
    ({'w': -1.0}, EmptyState())

    As `optax.scale`. Parameters that are to stay as they are need `freeze`, for 0 times an infinite gradient is NaN; to
    give each layer a rate of its own, `partition({"slow": sgd(0.01), "fast": sgd(0.1)}, labels)`.
    """
    return entrywise("scale", EmptyState, partial(_times, setting("scale", "factor", factor, "(-inf, inf)")))


def _times(factor: Any, g: Any) -> tuple[Any]:
    return (like(g, factor * g),)


class ScheduleState(NamedTuple):
    """How many updates were done, `count`."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs


def scale_by_schedule(schedule: Schedule) -> GradientTransformation:
    """Multiply by a number that depends on how many updates were done: `schedule(0)` at the first.

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
    """Turn a direction of ascent into a step of descent: multiply by `-learning_rate`, a number or a schedule.

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
    """Weight decay: `g + weight_decay p`, for the parameters p that `mask` chooses, as `masked` reads it; all for None.

    >>> add_decayed_weights(0.5).update({"w": 2.0}, EmptyState(), {"w": 3.0})
    ({'w': 3.5}, EmptyState())

    As `optax.add_decayed_weights`. Before the rest of an optimizer it is L2 regularization, `1/2 weight_decay p^2` in
    the loss; after it and before the learning rate, decoupled weight decay (Loshchilov & Hutter 2019,
    arXiv:1711.05101).
    """
    weight_decay = setting("add_decayed_weights", "weight_decay", weight_decay)
    part = entrywise("add_decayed_weights", EmptyState, partial(_decayed, weight_decay), reads_params=True)
    return part if mask is None else masked(part, mask)


def _decayed(weight_decay: Any, g: Any, p: Any) -> tuple[Any]:
    return (g + weight_decay * p,)


# ---------------------------------------------------------------------------------------------- clipping


def clip(max_delta: float) -> GradientTransformation:
    """Bring every entry into `[-max_delta, max_delta]`.

    >>> clip(1.0).update({"w": np.array([-2.0, 0.5])}, EmptyState(), {"w": np.zeros(2, np.float64)})
    ({'w': array([-1. ,  0.5])}, EmptyState())

    As `optax.clip`.
    """
    return entrywise("clip", EmptyState, partial(_clipped, setting("clip", "max_delta", max_delta)))


def _clipped(max_delta: Any, g: Any) -> tuple[Any]:
    xp = namespace(g)
    return (xp.minimum(xp.maximum(g, -max_delta), max_delta),)


def clip_by_global_norm(max_norm: float) -> GradientTransformation:
    """Shorten the gradient of all the parameters together to the length `max_norm`, where it is longer.

        g max_norm / max(norm, max_norm)        norm = global_norm(grads)

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
    """The length of all the leaves of a tree `grads` together, the root of the sum of the squares of all entries.

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


class ZeroNansState(NamedTuple):
    """Whether there was a NaN in each array: `found_nan`, shaped like the parameters."""

    found_nan: Any


def zero_nans() -> GradientTransformation:
    """Put 0 in the place of every NaN, and say where there was one; infinities stay.

    >>> part = zero_nans()
    >>> part.update({"w": np.array([np.nan, 2.0])}, part.init({"w": np.ones(2)}), {"w": np.ones(2)})
    ({'w': array([0., 2.])}, ZeroNansState(found_nan={'w': array(True)}))

    As `optax.zero_nans`. `skip_not_finite` leaves the whole step out, which is what most mean.
    """
    return GradientTransformation(_no_nans_yet, _without_nans)


def _no_nans_yet(params: Any) -> ZeroNansState:
    return ZeroNansState(tree.map(lambda p: readonly(namespace(p).zeros((), np.bool_)), params))


def _without_nans(grads: Any, state: Any, params: Any) -> tuple[Any, ZeroNansState]:
    check_state("zero_nans", ZeroNansState, state)
    found = tree.map(_has_nan, grads)
    return leafwise("zero_nans", _nan_as_zero, 1, grads)[0], ZeroNansState(found)


def _has_nan(g: Any) -> Any:
    xp = namespace(g)
    return readonly(xp.any(xp.reshape(xp.isnan(g), (-1,)), axis=0, keepdims=True).reshape(()))


def _nan_as_zero(g: Any) -> tuple[Any]:
    return (namespace(g).where(g != g, 0, g),)


def keep_params_nonnegative() -> GradientTransformation:
    """Let no step lead below 0: where p + u would be negative, the update is -p; it stands last in a chain.

    >>> part = keep_params_nonnegative()
    >>> part.update(np.array([-3.0, -0.5]), part.init(np.ones(2)), np.ones(2))[0]
    array([-1. , -0.5])

    As `optax.keep_params_nonnegative`. The parameters must begin at 0 or above.
    """
    return entrywise("keep_params_nonnegative", EmptyState, _to_zero_at_most, reads_params=True)


def _to_zero_at_most(u: Any, p: Any) -> tuple[Any]:
    return (namespace(u).where(p + u < 0, -p, u),)


# ------------------------------------------------------------------------------------------------ noise


class AddNoiseState(NamedTuple):
    """How many updates were done (`count`), and the key of the noise to come (`rng_key`)."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    rng_key: Any


def add_noise(eta: float, gamma: float, key: Key) -> GradientTransformation:
    """Add normal noise that fades: `g + sqrt(eta / t^gamma) n`, with n of mean 0 and variance 1.

    n is drawn anew for each update, from `key`; t = 1, 2, ... is its number.

    >>> part = add_noise(eta=1.0, gamma=0.5, key=random.key(0))
    >>> updates, state = part.update({"w": np.array([1.0, 1.0])}, part.init({"w": np.ones(2)}), {"w": np.ones(2)})
    >>> updates["w"], state.rng_key
    (array([ 0.95302445, -0.50764285]), array([1797259609, 2579123966], dtype=uint32))

    Neelakantan et al. 2015 (arXiv:1511.06807), whose gamma is 0.55; as `optax.add_noise`, with the same numbers for the
    same key.
    """
    if namespace(key) is np:
        words_of("add_noise", key)
    settings = setting("add_noise", "eta", eta), setting("add_noise", "gamma", gamma)
    return GradientTransformation(partial(_begin_noise, key), partial(_noisy, *settings))


def _begin_noise(key: Any, params: Any) -> AddNoiseState:
    return AddNoiseState(0, readonly(+key))


def _noisy(eta: Any, gamma: Any, grads: Any, state: Any, params: Any) -> tuple[Any, AddNoiseState]:
    check_state("add_noise", AddNoiseState, state)
    t, (leaves, form) = as_count(state.count) + 1, tree.flatten(grads)
    deviation, source = (eta / t**gamma) ** 0.5, _random(state.rng_key)
    next_key, key = source.split(state.rng_key)
    noise = [_drawn(source, own, g) for own, g in zip(source.split(key, len(leaves)), leaves, strict=True)]
    noise_tree = tree.unflatten(form, noise)
    return leafwise("add_noise", partial(_plus, deviation), 1, grads, noise_tree)[0], AddNoiseState(t, next_key)


def _random(key: Any) -> Any:
    """Our random numbers, or where the key is one of JAX those of JAX, which are the same."""
    if namespace(key) is np:
        return random
    import jax

    return jax.random


def _drawn(source: Any, key: Any, g: Any) -> Any:
    dtype = np.dtype(getattr(g, "dtype", np.float64))
    wide = dtype if dtype.itemsize >= 4 else np.float32
    return like(g, source.normal(key, getattr(g, "shape", ()), wide))


def _plus(deviation: Any, g: Any, n: Any) -> tuple[Any]:
    return (like(g, g + deviation * n),)


# ------------------------------------------------------------------------------------ momentum and means


class TraceState(NamedTuple):
    """The velocity, `trace`, shaped like the parameters."""

    trace: Any


def trace(decay: float, nesterov: bool = False) -> GradientTransformation:
    """Momentum: remember a velocity, `v' = decay v + g`, and give it; with `nesterov`, `decay v' + g`.

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
    """How many updates were done (`count`), and the running mean (`ema`), shaped like the parameters."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    ema: Any


def ema(decay: float, debias: bool = True) -> GradientTransformation:
    """The running mean, `m' = decay m + (1 - decay) g`, from 0 on.

    With `debias`, it is divided by `1 - decay^t`, the weight of what was seen in t updates.

    >>> mean = ema(0.75)
    >>> mean.update({"w": 2.0}, mean.init({"w": 0.0}), {"w": 0.0})
    ({'w': 2.0}, EmaState(count=1, ema={'w': 0.5}))

    As `optax.ema`. It averages gradients or updates; the average of the parameters is `ema_params`.
    """
    return entrywise("ema", EmaState, partial(_ema, setting("ema", "decay", decay, "[0, 1)"), debias))


def _ema(decay: Any, debias: bool, t: Any, g: Any, m: Any) -> tuple[Any, Any]:
    m = decay * m + (1 - decay) * g
    return m / (1 - decay**t) if debias else m, m
