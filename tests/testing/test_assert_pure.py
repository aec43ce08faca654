"""assert_pure tells the pure from the impure: a dozen and more ways to have a side effect, and what is none."""

from __future__ import annotations

import collections
import functools
import itertools
import random as python_random
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import losses, optimizers, random
from funcnn.layers import dense, dropout
from funcnn.testing import assert_pure
from funcnn.testing.fingerprint import contents

Function = Callable[..., Any]
X = np.array([3.0, 1.0, 2.0])
generator: Any = np.random.mtrand._rand  # NumPy's global generator
calls = 0
log: list[Any] = []


class Model:
    """An object with a state."""

    seen = 0

    def __init__(self) -> None:
        self.w = np.ones(3)
        self._calls = 0

    def train(self, x: Any) -> Any:
        self.w = self.w + x
        return 1.0

    def predict(self, x: Any) -> Any:
        self._calls += 1
        return self.w * x

    def __call__(self, x: Any) -> Any:
        self.w[0] += 0.5
        return x


def writes_into_its_argument() -> Function:
    def f(x: Any) -> Any:
        x *= 2
        return 1.0

    return f


def writes_into_a_part_of_its_argument() -> Function:
    return lambda x, *, params: params["dense_0"]["w"].fill(0)


def lengthens_its_argument() -> Function:
    return lambda x, params: params.append(1)


def empties_its_argument() -> Function:
    return lambda x, params: params.pop("a")


def trains_a_model() -> Function:
    return lambda x, model: model.train(x)


def draws_from_numpy() -> Function:
    return lambda x: (generator.random_sample(), 1.0)[1]


def draws_from_python() -> Function:
    return lambda x: x + 0 * python_random.random()


def seeds_the_global_generator() -> Function:
    def f(x: Any) -> Any:
        generator.seed(0)
        return x + generator.standard_normal()

    return f


def peeks_at_the_global_generator() -> Function:
    """It puts the generator back where it was; its result depends on it all the same."""
    def f(x: Any) -> Any:
        state = generator.get_state()
        noise = generator.random_sample()
        generator.set_state(state)
        return {"x": x, "noise": noise}

    return f


def counts_in_a_closure() -> Function:
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        return x

    return f


def remembers_in_a_closure() -> Function:
    cache: dict[str, Any] = {}
    return lambda x: cache.setdefault("x", x)


def writes_into_a_buffer() -> Function:
    """Which it returns, too: a later call changes what an earlier one gave."""
    buffer = np.empty(3)

    def f(x: Any) -> Any:
        return np.multiply(x, 2.0, out=buffer)

    return f


def draws_from_its_own_generator() -> Function:
    rng = np.random.default_rng(0)
    return lambda x: (rng.random(), x)[1]


def draws_from_a_legacy_generator() -> Function:
    rng = np.random.RandomState(0)
    return lambda x: (rng.rand(), x)[1]


def draws_from_a_generator_of_python() -> Function:
    rng = python_random.Random(0)
    return lambda x: (rng.random(), x)[1]


def counts_globally() -> Function:
    def f(x: Any) -> Any:
        global calls
        calls += 1
        return x

    return f


def calls_what_logs() -> Function:
    return lambda x: (note(x), x)


def note(x: Any) -> Any:
    """Another function of this module."""
    log.append(x)
    return x


def counts_in_an_attribute() -> Function:
    def f(x: Any) -> Any:
        f.calls = getattr(f, "calls", 0) + 1  # type: ignore[attr-defined]
        return x

    return f


def collects_in_a_default() -> Function:
    def f(x: Any, seen: list[Any] = []) -> Any:  # noqa: B006  # this is what is tested
        seen.append(x)
        return x

    return f


def binds_a_list() -> Function:
    return functools.partial(lambda seen, x: seen.append(x), [])


def counts_with_an_iterator() -> Function:
    numbers = itertools.count()
    return lambda x: x + next(numbers)


def keeps_the_last() -> Function:
    last = collections.deque([0.0], maxlen=1)

    def f(x: Any) -> Any:
        last.append(float(x[0]))
        return x

    return f


def asks_the_clock() -> Function:
    return lambda x: {"at": time.perf_counter_ns()}


def gives_itself_out() -> Function:
    flips = [0]

    def f(x: Any) -> Any:
        flips[0] ^= 1
        return (x, flips[0])

    return f


IMPURE: list[tuple[Callable[[], Function], tuple[Any, ...], dict[str, Any], str]] = [
    (writes_into_its_argument, (X.copy(),), {}, "f changed its argument at '0'"),
    (writes_into_a_part_of_its_argument, (X,), {"params": {"dense_0": {"w": np.ones(2)}}},
     "<lambda> changed its argument at 'params/dense_0/w'"),
    (lengthens_its_argument, (X, [1]), {}, "<lambda> changed its argument at '1/1'"),
    (empties_its_argument, (X, {"a": 1, "b": 2}), {}, "<lambda> changed its argument at '1/a'"),
    (trains_a_model, (X, Model()), {}, "<lambda> changed its argument at '1/w'"),
    (draws_from_numpy, (X,), {}, "<lambda> drew from a global random generator; pass a key instead"),
    (draws_from_python, (X,), {}, "<lambda> drew from a global random generator; pass a key instead"),
    (seeds_the_global_generator, (X,), {}, "f drew from a global random generator; pass a key instead"),
    (peeks_at_the_global_generator, (X,), {}, "f depends on a global random generator at 'noise'; pass a key instead"),
    (counts_in_a_closure, (X,), {}, "f changed 'count', a variable outside of it"),
    (remembers_in_a_closure, (X,), {}, "<lambda> changed 'cache/x', a variable outside of it"),
    (writes_into_a_buffer, (X,), {}, "f changed 'buffer', a variable outside of it"),
    (draws_from_its_own_generator, (X,), {}, "<lambda> changed 'rng/state/state/state', a variable outside of it"),
    (draws_from_a_legacy_generator, (X,), {}, "<lambda> changed 'rng/state/"),
    (draws_from_a_generator_of_python, (X,), {}, "<lambda> changed 'rng/state/1/"),
    (counts_globally, (X,), {}, "f changed 'calls', a variable outside of it"),
    (calls_what_logs, (X,), {}, "<lambda> changed 'note/log/0', a variable outside of it"),
    (counts_in_an_attribute, (X,), {}, "f changed 'calls', a variable outside of it"),
    (collects_in_a_default, (X,), {}, "f changed 'default 0/0', a variable outside of it"),
    (binds_a_list, (X,), {}, "changed 'args/0/0', a variable outside of it"),
    (counts_with_an_iterator, (X,), {}, "<lambda> changed 'numbers', a variable outside of it"),
    (keeps_the_last, (X,), {}, "f changed 'last', a variable outside of it"),
    (asks_the_clock, (X,), {}, "<lambda> gave other bytes when called again at 'at'"),
    (gives_itself_out, (X,), {}, "f changed 'flips/0', a variable outside of it"),
    (lambda: Model().predict, (X,), {}, "predict changed 'self/_calls', a variable outside of it"),
    (Model, (X,), {}, "changed 'w', a variable outside of it"),
]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """The global generators stay where they are, for impure functions too: the other tests do not feel these."""
    states = generator.get_state(legacy=True), python_random.getstate()
    yield
    generator.set_state(states[0])
    python_random.setstate(states[1])


@pytest.mark.parametrize(("make", "args", "kwargs", "text"), IMPURE)
def test_an_impure_function_is_found_out(make: Callable[[], Function], args: Any, kwargs: Any, text: str) -> None:
    with pytest.raises(AssertionError) as error:
        assert_pure(make(), *args, **kwargs)
    assert str(error.value).startswith("assert_pure: ")
    assert text in str(error.value)


# ------------------------------------------------------------------------------------------------ the pure

NET = dense(2, 4) >> np.tanh >> dropout(0.5) >> dense(4, 3)
PARAMS = NET.init(random.key(0))
BATCH = (np.ones((5, 2), np.float32), np.arange(5) % 3)


def loss(params: Any, batch: Any, key: Any) -> Any:
    """A loss that uses global names."""
    return np.mean(losses.softmax_cross_entropy(NET.apply(params, batch[0], key=key), batch[1]))


PURE: list[tuple[Function, tuple[Any, ...]]] = [
    (np.exp, (X,)),
    (loss, (PARAMS, BATCH, random.key(1))),
    (fn.value_and_grad(loss), (PARAMS, BATCH, random.key(1))),
    (optimizers.adam(0.1).init, (PARAMS,)),
    (optimizers.adam(0.1).update, (PARAMS, optimizers.adam(0.1).init(PARAMS), PARAMS)),
    (NET.init, (random.key(3),)),
    (dense, (2, 3)),
    (lambda x: x, (X,)),
    (lambda: np.random.RandomState(0).standard_normal(3), ()),
    (lambda x: {*x}, ([3, 1, 2],)),
    (functools.cache(lambda x: x), (1.0,)),
    (functools.partial(np.multiply, 2.0), (X,)),
    (lambda model: model.w.sum(), (Model(),)),
    (lambda x: np.array([None, {"a": x}], object), (X,)),
    (lambda x: float("nan"), (X,)),
    (lambda x: object(), (X,)),
]


@pytest.mark.parametrize(("f", "args"), PURE)
def test_a_pure_function_passes(f: Function, args: tuple[Any, ...]) -> None:
    before = generator.get_state(), python_random.getstate()
    assert_pure(f, *args)
    assert contents((generator.get_state(), python_random.getstate())) == contents(before)


def test_an_error_passes_through_and_leaves_the_generators() -> None:
    before = contents((generator.get_state(), python_random.getstate()))
    with pytest.raises(ZeroDivisionError):
        assert_pure(lambda: (generator.random_sample(), 1 / 0))
    assert contents(generator.get_state()) != before  # what f drew itself before its error is its own
    python_random.seed(0)
    generator.seed(0)
    states = contents((generator.get_state(), python_random.getstate()))
    with pytest.raises(ZeroDivisionError):
        assert_pure(lambda: 1 / 0)
    assert contents((generator.get_state(), python_random.getstate())) == states


# ---------------------------------------------------------------------------------------------- contents


def test_contents_tell_bytes_apart() -> None:
    values: list[Any] = [0.0, -0.0, 0, False, None, "0", np.float64(0), np.float32(0), np.zeros(1), np.zeros((1, 1)),
                         [0.0], (0.0,), {0: 0.0}, {"0": {}}, {0.0}, b"0", [], (), Model(), np.array([None], object)]
    found = [contents(value) for value in values]
    assert [found.count(each) for each in found] == [1] * len(values)
    assert contents(np.array([np.nan])) == contents(np.array([np.nan]))


def test_contents_of_what_holds_itself() -> None:
    model: Any = Model()
    model.me = model
    assert contents(model)["me"] == "Model again"


def test_contents_of_jax_arrays() -> None:
    jnp = pytest.importorskip("jax.numpy")
    assert contents(jnp.ones(3)) == contents(jnp.ones(3)) != contents(jnp.zeros(3))
