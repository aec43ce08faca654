"""Learning rates that change: `optimizers.adam(warmup_cosine_decay(0.0, 1e-3, 100, 1000))`.

A schedule is a function from the number of updates done before, 0 at the first, to the rate; it stands wherever a
learning rate may. The count may be an int, an array of counts, `rate(np.arange(1000))` for a plot, or a traced value;
for one count the rate is a Python float, which leaves the dtype of what it multiplies alone. Rates may be traced too:
a run is differentiated in them. Parameters and values are those of optax, whose names end in `_schedule`; t is the
count in the formulas. A schedule is the `partial` of a function whose last argument is the count, so it pickles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from funcnn._arguments import whole_number
from funcnn._arrays import is_number, kind_of, namespace
from funcnn._later import later
from funcnn.core import call
from funcnn.core.settings import setting
from funcnn.core.tracer import concrete, underlying
from funcnn.typing import Schedule

__all__ = [
    "constant", "cosine_decay", "exponential_decay", "inverse_time_decay", "join", "linear", "one_cycle",
    "piecewise_constant", "polynomial", "warmup_cosine_decay",
]


# --------------------------------------------------------------------------------------------- the decays


def constant(value: float) -> Schedule:
    """The same rate for ever: `value`.

    >>> constant(0.1)(1000)
    0.1

    As `optax.constant_schedule`, except that an array of counts gives an array.
    """
    return partial(_constant, setting("constant", "value", value))


def _constant(value: Any, count: Any) -> Any:
    return value + 0.0 * _plain(count)


def inverse_time_decay(init_value: float, decay_rate: float) -> Schedule:
    """The rate falls as one over time: `init_value / (1 + decay_rate t)`.

    >>> rate = inverse_time_decay(1.0, 0.1)
    >>> rate(0), rate(10)
    (1.0, 0.5)

    The decay of the book (NNFS, chapter 10) and of Keras's `InverseTimeDecay`. The book prints the rate of the
    update before, that is `rate(t - 1)`, beside step t.
    """
    return partial(_inverse_time, *_settings("inverse_time_decay", init_value=init_value, decay_rate=decay_rate))


def _inverse_time(init_value: Any, decay_rate: Any, count: Any) -> Any:
    return init_value / (1 + decay_rate * _plain(count))


def exponential_decay(init_value: float, transition_steps: int, decay_rate: float, transition_begin: int = 0,
                      staircase: bool = False, end_value: float | None = None) -> Schedule:
    """The rate is multiplied by `decay_rate` in every `transition_steps`: `init_value decay_rate^p`.

        p = max(t - transition_begin, 0) / transition_steps            staircase: rounded down

    `end_value` is where it stops, a lower bound for a decay_rate below 1, an upper bound above.

    >>> rate = exponential_decay(1.0, 10, 0.5)
    >>> rate(0), rate(10), rate(15)
    (1.0, 0.5, 0.3535533905932738)
    >>> exponential_decay(1.0, 10, 0.5, staircase=True)(15)
    0.5

    As `optax.exponential_decay`, except that a decay_rate of 0 is an error; there it means no decay.
    """
    init_value, decay_rate = _settings("exponential_decay", init_value=init_value, decay_rate=decay_rate)
    transition_steps = whole_number("exponential_decay", "transition_steps", transition_steps, least=1)
    transition_begin = whole_number("exponential_decay", "transition_begin", transition_begin, least=0)
    if _is_number(decay_rate, 0.0):
        raise ValueError("exponential_decay: decay_rate must not be 0; for no decay use constant(init_value)")
    if end_value is not None:
        end_value = setting("exponential_decay", "end_value", end_value)
        _check_end(init_value, decay_rate, end_value)
    return partial(_exponential, init_value, transition_steps, decay_rate, transition_begin, staircase, end_value)


def _exponential(init_value: Any, transition_steps: int, decay_rate: Any, transition_begin: int, staircase: bool,
                 end_value: Any, count: Any) -> Any:
    p = _since(count, transition_begin) / float(transition_steps)
    p = _functions(p).floor(p) if staircase else p
    rate = init_value * _functions(decay_rate, p).power(decay_rate, p)
    if end_value is None:
        return rate
    xp = _functions(rate, end_value)
    return _where(decay_rate < 1, xp.maximum(rate, end_value), xp.minimum(rate, end_value))


def _check_end(init_value: Any, decay_rate: Any, end_value: Any) -> None:
    """A rate that falls ends below where it began, one that rises above; as far as the numbers are known."""
    start, factor, end = map(underlying, (init_value, decay_rate, end_value))
    if not namespace(start) is namespace(factor) is namespace(end) is np:
        return
    if np.any(np.where(factor < 1, end > start, end < start)):
        way = "falls" if np.all(factor < 1) else "rises"
        raise ValueError(f"exponential_decay: with decay_rate {factor} the rate {way}; "
                         f"it cannot go from init_value {start} to end_value {end}")


def piecewise_constant(init_value: float, boundaries_and_scales: Mapping[int, float]) -> Schedule:
    """The rate is multiplied by a number, once and for good, when the count reaches each boundary.

    It begins at `init_value`; `boundaries_and_scales` is {boundary: number}.

    >>> rate = piecewise_constant(1.0, {100: 0.5, 200: 0.5})
    >>> rate(99), rate(100), rate(200)
    (1.0, 0.5, 0.25)

    As `optax.piecewise_constant_schedule`; torch's `MultiStepLR` with gamma at each milestone.
    """
    init_value = setting("piecewise_constant", "init_value", init_value)
    for boundary in boundaries_and_scales:
        whole_number("piecewise_constant", "boundary", boundary, least=0)
    jumps = [(boundary, setting("piecewise_constant", "scale", factor))
             for boundary, factor in sorted(boundaries_and_scales.items())]
    return partial(_piecewise, init_value, jumps)


def _piecewise(init_value: Any, jumps: Sequence[tuple[int, Any]], count: Any) -> Any:
    count = _plain(count)
    rate = init_value + 0.0 * count
    for boundary, factor in jumps:
        rate = _where(count < _at_most_largest(count, boundary), rate, rate * factor)
    return rate


# ----------------------------------------------------------------------------------- from one rate to another


def polynomial(init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int = 0,
               ) -> Schedule:
    """The rate goes from init_value to end_value as a power of the time left.

        init_value w + end_value (1 - w)        w = (1 - s)^power
        s = (t - transition_begin) / transition_steps, kept in [0, 1]

    >>> rate = polynomial(1.0, 0.0, 2, transition_steps=10)
    >>> rate(0), rate(5), rate(10), rate(11)
    (1.0, 0.25, 0.0, 0.0)

    As `optax.polynomial_schedule`, except that transition_steps of 0 is an error.
    """
    init_value, end_value, power = _settings("polynomial", init_value=init_value, end_value=end_value, power=power)
    transition_steps = whole_number("polynomial", "transition_steps", transition_steps, least=1)
    transition_begin = whole_number("polynomial", "transition_begin", transition_begin, least=0)
    return partial(_polynomial, init_value, end_value, power, transition_steps, transition_begin)


def _polynomial(init_value: Any, end_value: Any, power: Any, transition_steps: int, transition_begin: int,
                count: Any) -> Any:
    left = float(transition_steps) - _within(_since(count, transition_begin), transition_steps)
    return _between(init_value, end_value, _power(left / float(transition_steps), power))


def _between(start: float, end: float, weight: Any) -> Any:
    """From start, at weight 1, to end, at weight 0, and exactly these there."""
    return start * weight + end * (1 - weight)


def linear(init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """The rate goes from `init_value` to `end_value` in a straight line, and stays there.

    It begins to move after `transition_begin` updates, and takes `transition_steps`.

    >>> rate = linear(0.0, 1.0, transition_steps=10)
    >>> rate(0), rate(5), rate(10), rate(11)
    (0.0, 0.5, 1.0, 1.0)

    As `optax.linear_schedule`: `polynomial` of power 1.
    """
    return polynomial(init_value, end_value, 1, transition_steps, transition_begin)


def cosine_decay(init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0) -> Schedule:
    """The rate falls as half a cosine wave from init_value to alpha init_value.

        init_value (w + alpha (1 - w))        w = ((1 + cos(pi s)) / 2)^exponent
        s = t / decay_steps, kept in [0, 1]

    >>> rate = cosine_decay(1.0, decay_steps=10, alpha=0.5)
    >>> rate(0), rate(5), rate(10), rate(11)
    (1.0, 0.75, 0.5, 0.5)

    As `optax.cosine_decay_schedule`; Loshchilov & Hutter 2017 (arXiv:1608.03983), without the restarts, which
    `join` gives.
    """
    init_value, alpha, exponent = _settings("cosine_decay", init_value=init_value, alpha=alpha, exponent=exponent)
    decay_steps = whole_number("cosine_decay", "decay_steps", decay_steps, least=1)
    return partial(_half_wave, init_value, alpha * init_value, decay_steps, exponent)


def _half_wave(start: Any, end: Any, steps: int, exponent: Any, count: Any) -> Any:
    angle = math.pi * _within(_since(count, 0), steps) / float(steps)
    return _between(start, end, _power((1 + _functions(angle).cos(angle)) / 2, exponent))


# ----------------------------------------------------------------------------------------- one after another


def join(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """One schedule after another, each counting from 0 where it begins: the k-th at `boundaries[k - 1]`.

    The boundaries rise, and are one less than the `schedules`.

    >>> rate = join([linear(0.0, 1.0, 5), constant(1.0), linear(1.0, 0.0, 5)], boundaries=[5, 10])
    >>> rate(4), rate(5), rate(10), rate(13)
    (0.8, 1.0, 1.0, 0.4)

    As `optax.join_schedules`. Every schedule is evaluated at every count, those that have not begun at 0.
    """
    starts, each = tuple(boundaries), tuple(schedules)
    for part in each:
        if not callable(part):
            raise TypeError(f"join: takes schedules, functions of the count, got {part!r}; write constant({part!r})")
    if len(each) != len(starts) + 1:
        raise ValueError(f"join: {len(each)} schedules have {len(each) - 1} boundaries between them, got {len(starts)}")
    for start in starts:
        whole_number("join", "boundary", start, least=0)
    if list(starts) != sorted(starts):
        raise ValueError(f"join: the boundaries must be in order, got {list(starts)}")

    return partial(_one_after_another, each, starts)


def _one_after_another(schedules: Sequence[Schedule], starts: Sequence[int], count: Any) -> Any:
    count = _plain(count)
    rate = schedules[0](count)
    for start, following in zip(starts, schedules[1:], strict=True):
        rate = _where(count < _at_most_largest(count, start), rate, following(_since(count, start)))
    return rate


def warmup_cosine_decay(init_value: float, peak_value: float, warmup_steps: int, decay_steps: int,
                        end_value: float = 0.0, exponent: float = 1.0) -> Schedule:
    """The rate rises in a straight line in `warmup_steps`, then falls as half a cosine wave.

    It goes from `init_value` to `peak_value` to `end_value`; `decay_steps` is the length of the whole, the warm-up
    included. `exponent` is that of `cosine_decay`: above 1 the rate falls sooner.

    >>> rate = warmup_cosine_decay(0.0, 1.0, warmup_steps=10, decay_steps=30)
    >>> rate(0), rate(5), rate(10), rate(20), rate(30)
    (0.0, 0.5, 1.0, 0.5, 0.0)

    As `optax.warmup_cosine_decay_schedule`.
    """
    init_value, peak_value, end_value = _settings("warmup_cosine_decay", init_value=init_value, peak_value=peak_value,
                                               end_value=end_value)
    warmup_steps = whole_number("warmup_cosine_decay", "warmup_steps", warmup_steps, least=0)
    decay_steps = whole_number("warmup_cosine_decay", "decay_steps", decay_steps, least=warmup_steps + 1)
    alpha = 0.0 if _is_number(peak_value, 0.0) else end_value / peak_value
    rise = linear(init_value, peak_value, max(warmup_steps, 1))
    return join([rise, cosine_decay(peak_value, decay_steps - warmup_steps, alpha, exponent)], [warmup_steps])


def one_cycle(transition_steps: int, peak_value: float, pct_start: float = 0.3, div_factor: float = 25.0,
              final_div_factor: float = 1e4) -> Schedule:
    """The rate rises to `peak_value` in the share `pct_start` of the steps, then falls far below where it began.

        peak_value / div_factor  ->  peak_value  ->  peak_value / (div_factor final_div_factor)

    Both ways are half a cosine wave, and take `transition_steps` together.

    >>> rate = one_cycle(100, 1.0, pct_start=0.5, div_factor=10.0, final_div_factor=100.0)
    >>> rate(0), rate(50), rate(100)
    (0.1, 1.0, 0.001)

    As `optax.cosine_onecycle_schedule`; Smith & Topin 2017 (arXiv:1708.07120). For straight lines `join` several
    `linear`.
    """
    peak_value = setting("one_cycle", "peak_value", peak_value)
    pct_start = concrete(setting("one_cycle", "pct_start", pct_start, "[0, 1)"))  # the rate only jumps with it
    div_factor = setting("one_cycle", "div_factor", div_factor, "(0, inf)")
    final_div_factor = setting("one_cycle", "final_div_factor", final_div_factor, "(0, inf)")
    transition_steps = whole_number("one_cycle", "transition_steps", transition_steps, least=1)
    low, top = peak_value / div_factor, int(pct_start * transition_steps)
    rise = partial(_half_wave, low, peak_value, max(top, 1), 1.0)
    return join([rise, partial(_half_wave, peak_value, low / final_div_factor, transition_steps - top, 1.0)], [top])


# ---------------------------------------------------------------------------------------------- the helpers


class _OfNumbers:
    """NumPy's functions for one Python number, twenty times as fast."""

    maximum, minimum, cos = partial(call, max), partial(call, min), partial(call, math.cos)

    @staticmethod
    def floor(x: float) -> Any:
        return call(_floor, x)

    @staticmethod
    def power(x: float, y: float) -> Any:
        return call(_power_or_inf, x, y)


def _floor(x: float) -> float:
    return float(math.floor(x))


def _power_or_inf(x: float, y: float) -> float:
    try:
        return float(x**y)
    except OverflowError:
        return math.inf


def _one_of(condition: bool, x: Any, y: Any) -> Any:
    return x if condition else y


def _item(count: Any) -> Any:
    return count.item()


def _functions(*values: Any) -> Any:
    """Where the functions of some values are found: Python for its numbers, else JAX, if one is an array of JAX."""
    if all(map(is_number, values)):
        return _OfNumbers
    return next((xp for xp in map(namespace, values) if xp is not np), np)


def _where(condition: Any, x: Any, y: Any) -> Any:
    if kind_of(condition) is bool:
        return call(_one_of, condition, x, y)
    return _functions(condition, x, y).where(condition, x, y)


def _power(base: Any, exponent: Any) -> Any:
    """base^exponent; as base itself where the exponent is 1, which spares a derivative 0 log(0)."""
    return base if _is_number(exponent, 1.0) else base**exponent


# ----------------------------------------------------------------------------------------- counts and rates


def _plain(count: Any) -> Any:
    """A count that leaves dtypes alone and cannot wrap: NumPy's numbers as Python's, its arrays of ints as int64."""
    if not issubclass(kind_of(count), np.generic | np.ndarray):
        return count
    if count.ndim == 0:
        return call(_item, count)
    return count.astype(np.int64) if count.dtype.kind in "iu" else count


def _at_most_largest(count: Any, steps: int) -> int:
    """A number of steps, or the largest that the dtype of the count can hold: JAX counts in int32."""
    dtype = getattr(count, "dtype", None)
    return steps if dtype is None or dtype.kind not in "iu" else min(steps, int(np.iinfo(dtype).max))


def _since(count: Any, begin: int) -> Any:
    """How many updates were done since a count, 0 before it."""
    count = _plain(count)
    return _functions(count).maximum(count - _at_most_largest(count, begin), 0)


def _within(count: Any, steps: int) -> Any:
    """The count, at most so many steps."""
    return _functions(count).minimum(count, _at_most_largest(count, steps))


def _is_number(value: Any, number: float) -> bool:
    """Whether a setting is known to be this number, and not traced."""
    return isinstance(value, float) and value == number


def _settings(owner: str, **values: Any) -> list[Any]:
    return [setting(owner, name, value) for name, value in values.items()]


later(globals())  # what may be meant by a name that is not here
