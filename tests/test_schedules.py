"""Schedules: optax's values, for ints, arrays of counts and traced counts; exact ends; loud on nonsense."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcnn as fn
from funcnn import optimizers, schedules, tree
from funcnn.typing import Schedule

Optax = Callable[[Any], Any]
"""From the module optax to its schedule."""

COUNTS = np.arange(130)

ROWS: dict[str, tuple[Schedule, Optax]] = {
    "constant": (schedules.constant(0.3), lambda o: o.constant_schedule(0.3)),
    "exponential": (schedules.exponential_decay(0.3, 7, 0.9), lambda o: o.exponential_decay(0.3, 7, 0.9)),
    "exponential, later": (
        schedules.exponential_decay(0.3, 7, 0.9, transition_begin=20),
        lambda o: o.exponential_decay(0.3, 7, 0.9, transition_begin=20)),
    "exponential, in stairs": (
        schedules.exponential_decay(0.3, 7, 0.9, 3, staircase=True),
        lambda o: o.exponential_decay(0.3, 7, 0.9, 3, staircase=True)),
    "exponential, to an end": (
        schedules.exponential_decay(0.3, 7, 0.9, end_value=0.2),
        lambda o: o.exponential_decay(0.3, 7, 0.9, end_value=0.2)),
    "exponential, rising": (
        schedules.exponential_decay(0.3, 7, 1.5, end_value=3.0),
        lambda o: o.exponential_decay(0.3, 7, 1.5, end_value=3.0)),
    "piecewise": (
        schedules.piecewise_constant(0.3, {60: 0.1, 20: 0.5, 0: 2.0}),
        lambda o: o.piecewise_constant_schedule(0.3, {60: 0.1, 20: 0.5, 0: 2.0})),
    "piecewise of one": (schedules.piecewise_constant(0.3, {}), lambda o: o.piecewise_constant_schedule(0.3, {})),
    "polynomial": (schedules.polynomial(0.3, 0.1, 2.5, 90), lambda o: o.polynomial_schedule(0.3, 0.1, 2.5, 90)),
    "polynomial, later": (
        schedules.polynomial(0.1, 0.3, 0.5, 50, transition_begin=30),
        lambda o: o.polynomial_schedule(0.1, 0.3, 0.5, 50, transition_begin=30)),
    "linear": (schedules.linear(0.3, 0.1, 90), lambda o: o.linear_schedule(0.3, 0.1, 90)),
    "linear, later": (schedules.linear(0.0, 0.1, 1, 9), lambda o: o.linear_schedule(0.0, 0.1, 1, 9)),
    "cosine": (schedules.cosine_decay(0.3, 90), lambda o: o.cosine_decay_schedule(0.3, 90)),
    "cosine, shaped": (
        schedules.cosine_decay(0.3, 90, alpha=0.1, exponent=1.7),
        lambda o: o.cosine_decay_schedule(0.3, 90, alpha=0.1, exponent=1.7)),
    "warm-up": (
        schedules.warmup_cosine_decay(0.01, 0.3, 10, 90, end_value=0.02, exponent=0.7),
        lambda o: o.warmup_cosine_decay_schedule(0.01, 0.3, 10, 90, end_value=0.02, exponent=0.7)),
    "no warm-up": (
        schedules.warmup_cosine_decay(0.01, 0.3, 0, 90), lambda o: o.warmup_cosine_decay_schedule(0.01, 0.3, 0, 90)),
    "warm-up to 0": (
        schedules.warmup_cosine_decay(0.01, 0.0, 5, 9), lambda o: o.warmup_cosine_decay_schedule(0.01, 0.0, 5, 9)),
    "one cycle": (schedules.one_cycle(100, 0.3), lambda o: o.cosine_onecycle_schedule(100, 0.3)),
    "one cycle, all set": (
        schedules.one_cycle(77, 0.3, 0.45, 10.0, 100.0),
        lambda o: o.cosine_onecycle_schedule(77, 0.3, 0.45, 10.0, 100.0)),
    "one cycle without a rise": (
        schedules.one_cycle(50, 0.3, pct_start=0.0), lambda o: o.cosine_onecycle_schedule(50, 0.3, pct_start=0.0)),
    "joined": (
        schedules.join([schedules.linear(0.0, 0.3, 20), schedules.constant(0.3), schedules.cosine_decay(0.2, 30)],
                       [20, 70]),
        lambda o: o.join_schedules([o.linear_schedule(0.0, 0.3, 20), o.constant_schedule(0.3),
                                    o.cosine_decay_schedule(0.2, 30)], [20, 70])),
}

EVERY = [pytest.param(schedule, id=name) for name, (schedule, _) in ROWS.items()]
EVERY.append(pytest.param(schedules.inverse_time_decay(0.3, 0.1), id="inverse time"))


# The values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROWS)
def test_the_values_are_those_of_optax(name: str, jax: Any) -> None:
    schedule, of_optax = ROWS[name]
    theirs = of_optax(pytest.importorskip("optax"))
    counts = [*range(0, 130, 7), 1, 9, 10, 11, 20, 22, 23, 34, 50, 60, 76, 77, 89, 90, 99, 100, 101]
    expected = [float(theirs(jax.numpy.asarray(count))) for count in counts]
    np.testing.assert_allclose([schedule(count) for count in counts], expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("schedule", EVERY)
def test_one_count_or_an_array_of_them(schedule: Schedule) -> None:
    one_by_one = [schedule(int(count)) for count in COUNTS]
    assert {type(rate) for rate in one_by_one} == {float}
    rates = schedule(COUNTS)
    assert rates.shape == COUNTS.shape
    np.testing.assert_allclose(rates, one_by_one, rtol=1e-14)
    np.testing.assert_allclose(float(schedule(np.int64(7))), one_by_one[7], rtol=1e-14)


@pytest.mark.parametrize("schedule", EVERY)
def test_a_traced_count(schedule: Schedule, jax: Any) -> None:
    rates = jax.jit(jax.vmap(schedule))(jax.numpy.asarray(COUNTS))
    assert rates.dtype == np.float64
    np.testing.assert_allclose(rates, schedule(COUNTS), rtol=1e-13, atol=1e-16)  # XLA multiplies and adds in one


@pytest.mark.parametrize(("learning_rate", "decay", "step", "printed"), [
    (0.05, 5e-7, 10000, "0.04975126853296942"),
    (0.02, 5e-7, 10000, "0.019900507413187767"),
    (0.05, 5e-5, 10000, "0.03333444448148271"),
    (0.001, 5e-7, 10000, "0.0009950253706593885"),
])
def test_the_rates_that_the_book_prints(learning_rate: float, decay: float, step: int, printed: str) -> None:
    """Chapters 10, 14, 15 and 16, digit by digit; the book prints the rate of the update before."""
    assert repr(schedules.inverse_time_decay(learning_rate, decay)(step - 1)) == printed


@pytest.mark.parametrize("schedule", [schedules.linear(0.1, 0.7, 3), schedules.polynomial(0.1, 0.7, 1.7, 3)])
def test_the_ends_are_exact(schedule: Schedule) -> None:
    assert (schedule(0), schedule(3), schedule(10**9)) == (0.1, 0.7, 0.7)


def test_the_ends_of_the_waves_are_exact() -> None:
    assert schedules.cosine_decay(0.1, 7)(7) == 0.0
    rate = schedules.warmup_cosine_decay(0.1, 0.7, 10, 20, end_value=0.0)
    assert (rate(0), rate(10), rate(20)) == (0.1, 0.7, 0.0)


def test_a_rate_jumps_at_its_boundary_and_stops_at_its_end() -> None:
    assert list(map(schedules.piecewise_constant(1.0, {3: 0.5}), (2, 3, 4))) == [1.0, 0.5, 0.5]
    assert schedules.exponential_decay(1.0, 1, 0.5, end_value=0.25)(5) == 0.25
    assert schedules.exponential_decay(1.0, 1, 2.0, end_value=3.0)(5) == 3.0


def test_a_growing_rate_overflows_into_its_bound_or_an_error() -> None:
    assert schedules.exponential_decay(1.0, 1, 10.0, end_value=5.0)(10**6) == 5.0
    unbounded = schedules.exponential_decay(1.0, 1, 10.0)
    assert unbounded(10**6) == np.inf
    optimizer = optimizers.sgd(unbounded)
    far: Any = tree.map(lambda count: 10**6, optimizer.init(1.0))
    with pytest.raises(ValueError, match=r"schedule\(1000000\) must be a number in \[0, inf\), got inf"):
        optimizer.update(1.0, far, 1.0)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=4), st.integers(0, 100))
def test_join_asks_the_schedule_whose_turn_it_is(lengths: list[int], count: int) -> None:
    starts = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    each = [lambda t, i=i: 1000.0 * i + t for i in range(len(starts))]
    turn = max(i for i, start in enumerate(starts) if i == 0 or count >= start)
    assert schedules.join(each, starts[1:])(count) == 1000.0 * turn + count - starts[turn]


def test_a_schedule_keeps_what_it_was_made_of() -> None:
    jumps, parts, starts = {10: 0.5}, [schedules.constant(1.0), schedules.constant(2.0)], [10]
    piecewise, joined = schedules.piecewise_constant(1.0, jumps), schedules.join(parts, starts)
    jumps[0] = 0.0
    parts.reverse()
    starts[0] = 0
    assert (piecewise(5), joined(5)) == (1.0, 1.0)


def test_a_schedule_stands_where_a_learning_rate_may() -> None:
    schedule = schedules.warmup_cosine_decay(0.0, 0.5, 2, 6)
    optimizer = optimizers.sgd(schedule)
    grads = {"w": np.ones(2, np.float32)}
    state = optimizer.init(grads)
    for count in range(8):
        updates, state = optimizer.update(grads, state, grads)
        assert updates["w"].dtype == np.float32
        np.testing.assert_array_equal(updates["w"], np.full(2, -schedule(count), np.float32))


# Numbers of any kind -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", EVERY)
@pytest.mark.parametrize("count", [np.int64(7), np.uint8(7), np.array(7), np.array(7, np.uint32), np.int32(7)])
def test_one_count_of_numpy_gives_a_python_float(schedule: Schedule, count: Any) -> None:
    assert type(schedule(count)) is float
    assert schedule(count) == schedule(7)


@pytest.mark.parametrize("schedule", EVERY)
@pytest.mark.parametrize("dtype", ["u1", "u4", "u8", "i1", "i2", "i4"])
def test_counts_of_narrow_or_unsigned_integers_do_not_wrap(schedule: Schedule, dtype: str) -> None:
    np.testing.assert_array_equal(schedule(COUNTS[:100].astype(dtype)), schedule(COUNTS[:100]))


def test_parameters_do_not_widen_through_a_schedule() -> None:
    schedule = schedules.inverse_time_decay(np.float64(0.1), np.array(0.5))  # type: ignore[arg-type]  # it is taken
    params: Any = {"w": np.ones(2, np.float32)}
    for count in (3, np.int64(3), np.array(3)):
        stepped = tree.map(lambda p, count=count: p - schedule(count) * p, params)
        assert stepped["w"].dtype == np.float32


SETTINGS: dict[str, tuple[Callable[[Any], Schedule], float]] = {
    "constant": (schedules.constant, 0.3),
    "inverse time, rate": (lambda x: schedules.inverse_time_decay(x, 0.1), 0.3),
    "inverse time, decay": (lambda x: schedules.inverse_time_decay(0.3, x), 0.1),
    "exponential, rate": (lambda x: schedules.exponential_decay(x, 7, 0.9), 0.3),
    "exponential, decay": (lambda x: schedules.exponential_decay(0.3, 7, x), 0.9),
    "exponential, later": (lambda x: schedules.exponential_decay(0.3, 7, x, 5, staircase=True), 0.9),
    "exponential, with an end": (lambda x: schedules.exponential_decay(0.3, 7, x, end_value=0.2), 0.9),
    "exponential, the end": (lambda x: schedules.exponential_decay(0.3, 7, 0.7, end_value=x), 0.2),
    "exponential, the end above": (lambda x: schedules.exponential_decay(0.3, 7, 1.3, end_value=x), 0.4),
    "piecewise": (lambda x: schedules.piecewise_constant(x, {10: 0.5}), 0.3),
    "piecewise, scale": (lambda x: schedules.piecewise_constant(0.3, {3: x, 10: x}), 0.5),
    "polynomial": (lambda x: schedules.polynomial(x, 0.1, 2.5, 15), 0.3),
    "polynomial, end": (lambda x: schedules.polynomial(0.3, x, 2.5, 15, 4), 0.1),
    "polynomial, power": (lambda x: schedules.polynomial(0.3, 0.1, x, 15), 2.5),
    "linear": (lambda x: schedules.linear(x, 0.1, 15), 0.3),
    "cosine": (lambda x: schedules.cosine_decay(x, 20), 0.3),
    "cosine, alpha": (lambda x: schedules.cosine_decay(0.3, 20, x), 0.2),
    "cosine, exponent": (lambda x: schedules.cosine_decay(0.3, 20, 0.2, x), 1.5),
    "warm-up, from": (lambda x: schedules.warmup_cosine_decay(x, 0.3, 5, 20), 0.1),
    "warm-up, peak": (lambda x: schedules.warmup_cosine_decay(0.1, x, 5, 20, 0.05), 0.3),
    "warm-up, end": (lambda x: schedules.warmup_cosine_decay(0.1, 0.3, 5, 20, x), 0.05),
    "warm-up, exponent": (lambda x: schedules.warmup_cosine_decay(0.1, 0.3, 5, 20, 0.05, x), 1.5),
    "one cycle": (lambda x: schedules.one_cycle(20, x), 0.3),
    "one cycle, share": (lambda x: schedules.one_cycle(20, 0.3, x), 0.32),
    "one cycle, first": (lambda x: schedules.one_cycle(20, 0.3, 0.3, x), 20.0),
    "one cycle, last": (lambda x: schedules.one_cycle(20, 0.3, 0.3, 20.0, x), 90.0),
    "joined": (lambda x: schedules.join([schedules.linear(0.0, x, 5), schedules.constant(x)], [5]), 0.3),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_schedule_is_differentiated_in_its_settings(name: str, jax: Any) -> None:
    make, setting = SETTINGS[name]
    for count in (0, 3, 9, 12, 20, 30, COUNTS):
        def f(x: Any, count: Any = count) -> Any:
            return np.sum(make(x)(count))

        difference = (f(setting + 1e-6) - f(setting - 1e-6)) / 2e-6
        np.testing.assert_allclose(fn.grad(f)(setting), difference, rtol=1e-6, atol=1e-9, err_msg=str(count))
        if name != "one cycle, share":  # which JAX would have to look at
            by_jax = jax.jit(jax.value_and_grad(lambda x, count=count: jax.numpy.sum(make(x)(count))))(setting)
            np.testing.assert_allclose(by_jax, (f(setting), difference), rtol=1e-6, atol=1e-9, err_msg=str(count))


@pytest.mark.parametrize("wide", [False, True], ids=["float32", "x64"])
@pytest.mark.parametrize("schedule", [
    schedules.cosine_decay(1.0, 10**10), schedules.linear(1.0, 0.0, 10**10), schedules.constant(1.0),
    schedules.linear(1.0, 0.0, 10, transition_begin=10**10), schedules.piecewise_constant(1.0, {10**10: 0.5}),
    schedules.exponential_decay(1.0, 10**10, 0.5), schedules.one_cycle(10**10, 1.0, div_factor=1.0),
    schedules.join([schedules.constant(1.0), schedules.constant(0.0)], [10**10])])
def test_more_steps_than_jax_can_count(schedule: Schedule, wide: bool, jax: Any) -> None:
    jax.config.update("jax_enable_x64", wide)
    counts = jax.numpy.asarray([0, 7], "int32")
    np.testing.assert_allclose(jax.jit(schedule)(counts), [1.0, 1.0], rtol=1e-6)
    assert schedule(7) == pytest.approx(1.0)
    assert schedule(10**11) < 1.0 or schedule(3) == 1.0


@pytest.mark.parametrize("schedule", EVERY)
def test_a_schedule_crosses_processes(schedule: Schedule) -> None:
    for copied in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule), copy.copy(schedule)):
        assert [copied(count) for count in range(130)] == [schedule(count) for count in range(130)]


# Nonsense ---------------------------------------------------------------------------------------------------

NAN = float("nan")

ERRORS: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: schedules.constant(-0.1), ValueError, r"constant: value must be a number in \[0, inf\), got -0.1"),
    (lambda: schedules.constant("0.1"), TypeError, r"constant: value must be a number, got '0.1'"),  # type: ignore[arg-type]
    (lambda: schedules.constant(True), TypeError, r"constant: value must be a number, got True"),
    (lambda: schedules.inverse_time_decay(NAN, 0.1), ValueError, r"inverse_time_decay: init_value .* got nan"),
    (lambda: schedules.inverse_time_decay(0.1, float("inf")), ValueError, r"decay_rate .* got inf"),
    (lambda: schedules.exponential_decay(0.1, 0, 0.5), ValueError, r"transition_steps must be at least 1, got 0"),
    (lambda: schedules.exponential_decay(0.1, 10.0, 0.5), TypeError, r"transition_steps must be an int, got 10.0"),  # type: ignore[arg-type]
    (lambda: schedules.exponential_decay(0.1, 10, 0.0), ValueError, r"decay_rate must not be 0.*constant"),
    (lambda: schedules.exponential_decay(0.1, 10, 0.5, -1), ValueError, r"transition_begin must be at least 0, got -1"),
    (lambda: schedules.exponential_decay(0.1, 10, 0.5, end_value=0.2), ValueError, r"falls; .* from init_value 0.1 to"),
    (lambda: schedules.exponential_decay(0.1, 10, 1.5, end_value=0.0), ValueError, r"rises; .* to end_value 0.0"),
    (lambda: schedules.piecewise_constant(0.1, {10: -1.0}), ValueError, r"piecewise_constant: scale .* got -1.0"),
    (lambda: schedules.piecewise_constant(0.1, {0.5: 1.0}), TypeError, r"boundary must be an int, got 0.5"),  # type: ignore[dict-item]
    (lambda: schedules.polynomial(0.1, 0.0, -1, 10), ValueError,
     r"polynomial: power must be a number in \[0, inf\), got -1"),
    (lambda: schedules.linear(0.1, 0.0, 0), ValueError, r"transition_steps must be at least 1, got 0"),
    (lambda: schedules.linear(0.1, 0.0, True), TypeError, r"transition_steps must be an int, got True"),
    (lambda: schedules.cosine_decay(0.1, 0), ValueError, r"cosine_decay: decay_steps must be at least 1, got 0"),
    (lambda: schedules.warmup_cosine_decay(0.0, 0.1, 10, 10), ValueError, r"decay_steps must be at least 11, got 10"),
    (lambda: schedules.warmup_cosine_decay(0.0, 0.1, -1, 9), ValueError, r"warmup_steps must be at least 0, got -1"),
    (lambda: schedules.one_cycle(0, 0.1), ValueError, r"one_cycle: transition_steps must be at least 1, got 0"),
    (lambda: schedules.one_cycle(10, 0.1, pct_start=1.0), ValueError,
     r"pct_start must be a number in \[0, 1\), got 1.0"),
    (lambda: schedules.one_cycle(10, 0.1, div_factor=0.0), ValueError,
     r"div_factor must be a number in \(0, inf\), got 0.0"),
    (lambda: schedules.join([], []), ValueError, r"join: .* schedules"),
    (lambda: schedules.join([schedules.constant(1.0)], [5]), ValueError, r"1 schedules have 0 boundaries .* got 1"),
    (lambda: schedules.join([schedules.constant(1.0)] * 3, [9, 5]), ValueError, r"must be in order, got \[9, 5\]"),
    (lambda: schedules.join([schedules.constant(1.0)] * 2, [0.5]), TypeError, r"boundary must be an int, got 0.5"),  # type: ignore[list-item]
    (lambda: schedules.join([0.1, 0.2], [5]), TypeError, r"join: takes schedules.*constant\(0.1\)"),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("nonsense", "error", "text"), ERRORS)
def test_nonsense_is_named(nonsense: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        nonsense()
