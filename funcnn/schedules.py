"""With this module you can let the learning rate change: `optimizers.adam(warmup_cosine_decay(0.0, 1e-3, 100, 1000))`.

A schedule is a function from the number of updates done before, 0 at the first, to the rate; it stands wherever a
learning rate may. The count may be an int, an array of counts, `rate(np.arange(1000))` for a plot, or a value traced
by JAX. Parameters and values are those of optax, whose names end in `_schedule`; t is the count in the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from funcnn._arrays import namespace
from funcnn.typing import Schedule

__all__ = [
    "constant", "cosine_decay", "exponential_decay", "inverse_time_decay", "join", "linear", "one_cycle",
    "piecewise_constant", "polynomial", "warmup_cosine_decay",
]


# --------------------------------------------------------------------------------------------- the decays


def constant(value: float) -> Schedule:
    """The same rate for ever.

    >>> constant(0.1)(1000)
    0.1

    As `optax.constant_schedule`, except that an array of counts gives an array.
    """
    _check_rates("constant", value=value)
    return lambda count: value + 0.0 * count


def inverse_time_decay(init_value: float, decay_rate: float) -> Schedule:
    """The rate falls as one over time: init_value / (1 + decay_rate t).

    >>> rate = inverse_time_decay(1.0, 0.1)
    >>> rate(0), rate(10)
    (1.0, 0.5)

    The decay of the book (NNFS, chapter 10) and of Keras's `InverseTimeDecay`. The book prints the rate of the
    update before, that is `rate(t - 1)`, beside step t.
    """
    _check_rates("inverse_time_decay", init_value=init_value, decay_rate=decay_rate)
    return lambda count: init_value / (1 + decay_rate * count)


def exponential_decay(init_value: float, transition_steps: int, decay_rate: float, transition_begin: int = 0,
                      staircase: bool = False, end_value: float | None = None) -> Schedule:
    """The rate is multiplied by decay_rate in every transition_steps: init_value decay_rate^p.

        p = max(t - transition_begin, 0) / transition_steps            staircase: rounded down

    `end_value` is where it stops, a lower bound for a decay_rate below 1, an upper bound above.

    >>> rate = exponential_decay(1.0, 10, 0.5)
    >>> rate(0), rate(10), rate(15)
    (1.0, 0.5, 0.3535533905932738)
    >>> exponential_decay(1.0, 10, 0.5, staircase=True)(15)
    0.5

    As `optax.exponential_decay`, except that a decay_rate of 0 is an error; there it means no decay.
    """
    _check_rates("exponential_decay", init_value=init_value, decay_rate=decay_rate)
    _check_steps("exponential_decay", 1, transition_steps=transition_steps)
    _check_steps("exponential_decay", 0, transition_begin=transition_begin)
    if decay_rate == 0:
        raise ValueError("exponential_decay: decay_rate must not be 0; for no decay use constant(init_value)")
    stop = _bound(init_value, decay_rate, end_value)

    def schedule(count: Any) -> Any:
        xp = _functions(count)
        p = xp.maximum(count - transition_begin, 0) / transition_steps
        return stop(xp, init_value * xp.power(decay_rate, xp.floor(p) if staircase else p))

    return schedule


def _bound(init_value: float, decay_rate: float, end_value: float | None) -> Callable[[Any, Any], Any]:
    """What keeps a rate from falling below, or rising above, its end."""
    if end_value is None:
        return lambda xp, rate: rate
    _check_rates("exponential_decay", end_value=end_value)
    falls = decay_rate < 1
    if end_value > init_value if falls else end_value < init_value:
        raise ValueError(f"exponential_decay: with decay_rate {decay_rate} the rate {'falls' if falls else 'rises'}; "
                         f"it cannot go from init_value {init_value} to end_value {end_value}")
    return lambda xp, rate: (xp.maximum if falls else xp.minimum)(rate, end_value)


def piecewise_constant(init_value: float, boundaries_and_scales: Mapping[int, float]) -> Schedule:
    """The rate is multiplied by a number, once and for good, when the count reaches each boundary.

    >>> rate = piecewise_constant(1.0, {100: 0.5, 200: 0.5})
    >>> rate(99), rate(100), rate(200)
    (1.0, 0.5, 0.25)

    As `optax.piecewise_constant_schedule`; torch's `MultiStepLR` with gamma at each milestone.
    """
    _check_rates("piecewise_constant", init_value=init_value)
    for boundary, factor in boundaries_and_scales.items():
        _check_steps("piecewise_constant", 0, boundary=boundary)
        _check_rates("piecewise_constant", scale=factor)
    jumps = sorted(boundaries_and_scales.items())

    def schedule(count: Any) -> Any:
        xp = _functions(count)
        rate = init_value + 0.0 * count
        for boundary, factor in jumps:
            rate = xp.where(count < boundary, rate, rate * factor)
        return rate

    return schedule


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
    _check_rates("polynomial", init_value=init_value, end_value=end_value, power=power)
    _check_steps("polynomial", 1, transition_steps=transition_steps)
    _check_steps("polynomial", 0, transition_begin=transition_begin)

    def schedule(count: Any) -> Any:
        left = transition_steps - _within(count - transition_begin, transition_steps)
        return _between(init_value, end_value, (left / transition_steps) ** power)

    return schedule


def _between(start: float, end: float, weight: Any) -> Any:
    """From start, at weight 1, to end, at weight 0, and exactly these there."""
    return start * weight + end * (1 - weight)


def linear(init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """The rate goes from init_value to end_value in a straight line.

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
    _check_rates("cosine_decay", init_value=init_value, alpha=alpha, exponent=exponent)
    _check_steps("cosine_decay", 1, decay_steps=decay_steps)
    return _half_wave(init_value, alpha * init_value, decay_steps, exponent)


def _half_wave(start: float, end: float, steps: int, exponent: float = 1.0) -> Schedule:
    def schedule(count: Any) -> Any:
        wave = (1 + _functions(count).cos(math.pi * _within(count, steps) / steps)) / 2
        return _between(start, end, wave**exponent)

    return schedule


# ----------------------------------------------------------------------------------------- one after another


def join(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Schedule:
    """One schedule after another, each counting from 0 where it begins: at the boundaries.

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
        _check_steps("join", 0, boundary=start)
    if list(starts) != sorted(starts):
        raise ValueError(f"join: the boundaries must be in order, got {list(starts)}")

    def schedule(count: Any) -> Any:
        xp = _functions(count)
        rate = each[0](count)
        for start, following in zip(starts, each[1:], strict=True):
            rate = xp.where(count < start, rate, following(xp.maximum(count - start, 0)))
        return rate

    return schedule


def warmup_cosine_decay(init_value: float, peak_value: float, warmup_steps: int, decay_steps: int,
                        end_value: float = 0.0, exponent: float = 1.0) -> Schedule:
    """The rate rises in a straight line in warmup_steps, then falls as half a cosine wave.

    `decay_steps` is the length of the whole, the warm-up included.

    >>> rate = warmup_cosine_decay(0.0, 1.0, warmup_steps=10, decay_steps=30)
    >>> rate(0), rate(5), rate(10), rate(20), rate(30)
    (0.0, 0.5, 1.0, 0.5, 0.0)

    As `optax.warmup_cosine_decay_schedule`.
    """
    _check_rates("warmup_cosine_decay", init_value=init_value, peak_value=peak_value, end_value=end_value)
    _check_steps("warmup_cosine_decay", 0, warmup_steps=warmup_steps)
    _check_steps("warmup_cosine_decay", warmup_steps + 1, decay_steps=decay_steps)
    alpha = end_value / peak_value if peak_value else 0.0
    rise = linear(init_value, peak_value, max(warmup_steps, 1))
    return join([rise, cosine_decay(peak_value, decay_steps - warmup_steps, alpha, exponent)], [warmup_steps])


def one_cycle(transition_steps: int, peak_value: float, pct_start: float = 0.3, div_factor: float = 25.0,
              final_div_factor: float = 1e4) -> Schedule:
    """The rate rises to peak_value in the share pct_start of the steps, then falls far below where it began.

        peak_value / div_factor  ->  peak_value  ->  peak_value / (div_factor final_div_factor)

    Both ways are half a cosine wave.

    >>> rate = one_cycle(100, 1.0, pct_start=0.5, div_factor=10.0, final_div_factor=100.0)
    >>> rate(0), rate(50), rate(100)
    (0.1, 1.0, 0.001)

    As `optax.cosine_onecycle_schedule`; Smith & Topin 2017 (arXiv:1708.07120). For straight lines `join` several
    `linear`.
    """
    _check_rates("one_cycle", peak_value=peak_value, pct_start=pct_start, div_factor=div_factor,
                 final_div_factor=final_div_factor)
    _check_steps("one_cycle", 1, transition_steps=transition_steps)
    if not (pct_start < 1 and div_factor > 0 and final_div_factor > 0):
        raise ValueError(f"one_cycle: pct_start must be in [0, 1) and both factors above 0, got pct_start={pct_start}, "
                         f"div_factor={div_factor}, final_div_factor={final_div_factor}")
    low, top = peak_value / div_factor, int(pct_start * transition_steps)
    rise = _half_wave(low, peak_value, max(top, 1))
    return join([rise, _half_wave(peak_value, low / final_div_factor, transition_steps - top)], [top])


# ---------------------------------------------------------------------------------------------- the helpers


class _OfNumbers:
    """NumPy's functions for one Python number, twenty times as fast."""

    maximum, minimum, cos = max, min, math.cos

    @staticmethod
    def floor(x: float) -> float:
        return float(math.floor(x))

    @staticmethod
    def where(condition: bool, x: float, y: float) -> float:
        return x if condition else y

    @staticmethod
    def power(x: float, y: float) -> float:
        try:
            return float(x**y)
        except OverflowError:
            return math.inf


def _functions(count: Any) -> Any:
    """Where the functions of a count are found: its own namespace."""
    return _OfNumbers if isinstance(count, int | float) else namespace(count)


def _within(count: Any, steps: int) -> Any:
    """The count, kept in [0, steps]."""
    xp = _functions(count)
    return xp.minimum(xp.maximum(count, 0), steps)


def _check_rates(function: str, **rates: float) -> None:
    for name, rate in rates.items():
        if isinstance(rate, bool) or not isinstance(rate, int | float | np.integer | np.floating):
            raise TypeError(f"{function}: {name} must be a number, got {rate!r}")
        if not 0 <= rate < math.inf:
            raise ValueError(f"{function}: {name} must be a number >= 0, got {rate}")


def _check_steps(function: str, least: int, **steps: int) -> None:
    for name, count in steps.items():
        if isinstance(count, bool) or not isinstance(count, int | np.integer):
            raise TypeError(f"{function}: {name} must be an int, got {count!r}")
        if count < least:
            raise ValueError(f"{function}: {name} must be at least {least}, got {count}")
