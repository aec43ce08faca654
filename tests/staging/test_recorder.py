"""What is recorded, and what is refused: values looked at, shapes that depend on them, arrays written into."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from alike import assert_alike, assert_same
from funcnn import losses, metrics, optimizers, random, schedules, tree
from funcnn.core import TracerError
from funcnn.layers import dense, embedding
from funcnn.staging import store
from funcnn.staging.equation import expect

X = np.array([0.5, -1.0, 2.0])
WRITTEN = np.zeros(3)

LOOKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "if": (lambda x: x if x[0] > 0 else -x, r"np\.where"),
    "float": (lambda x: float(x[0]), "NumPy's functions"),
    "int": (lambda x: int(x[0]), "static_argnums"),
    "complex": (lambda x: complex(x[0]), "looked at"),
    "bool of several": (lambda x: bool(x.any()), "looked at"),
    "item": (lambda x: x[0].item(), r"x\.item"),
    "tolist": (lambda x: x.tolist(), r"x\.tolist"),
    "tobytes": (lambda x: x.tobytes(), r"x\.tobytes"),
    "range": (lambda x: len(range(np.int64(1) + x.astype(int)[2])), "range"),
    "math": (lambda x: math.exp(x[0]), "NumPy's functions"),
    "asarray": (lambda x: np.asarray(x), "looked at"),
    "array of parts": (lambda x: np.array([x[0], x[1]]), r"np\.stack"),
    "a mask": (lambda x: x[x > 0], r"np\.where"),
    "a mask in a tuple": (lambda x: x[None][:, x > 0], r"np\.where"),
    "nonzero": (lambda x: np.nonzero(x), r"np\.nonzero"),
    "where of one": (lambda x: np.where(x > 0), r"np\.where"),
    "unique": (lambda x: np.unique(x), r"np\.unique"),
    "repeat": (lambda x: np.repeat(x, x.astype(int) ** 2), "repeats"),
    "repeat of a constant": (lambda x: np.repeat(X, x.astype(int) ** 2), "looked at"),
    "a slice": (lambda x: x[: x.astype(int)[2]], r"np\.take"),
    "written into": (lambda x: x.__setitem__(0, 1.0), "never changes"),
    "sorted in place": (lambda x: x.sort(), "never changes"),
    "out": (lambda x: np.add(x, 1, out=WRITTEN), "written into"),
    "copyto": (lambda x: np.copyto(WRITTEN, x), "written into"),
    "at": (lambda x: np.add.at(WRITTEN, [0], x[0]), "written into"),
    "an entry written": (lambda x: WRITTEN.__setitem__(0, x[0]), r"np\.stack"),
    "a polynomial": (lambda x: np.poly1d(x), "np.trim_zeros"),
}


@pytest.mark.parametrize("name", LOOKS)
def test_what_looks_at_values_is_refused_with_the_fix(name: str) -> None:
    f, text = LOOKS[name]
    before = X.tobytes()
    with pytest.raises(TracerError, match=text):
        fn.jit(f)(X.copy())
    assert X.tobytes() == before
    WRITTEN[:] = 0


def test_errors_are_those_of_the_function() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.mean(losses.softmax_cross_entropy(x, y))

    g, x = fn.jit(f), np.ones((4, 3))
    assert g(x, np.array([0, 1, 2, 0])) == f(x, np.array([0, 1, 2, 0]))
    for y in (np.array([0, 1, 2, 3]), np.array([0, 1, -1, 0]), np.array([0, 1]), np.array([0.5, 1, 2, 0])):
        with pytest.raises((ValueError, TypeError)) as expected:
            f(x, y)
        with pytest.raises(type(expected.value)) as found:
            g(x, y)
        assert str(found.value) == str(expected.value)
    table = embedding(5, 2)
    params, look_up = table.init(random.key(0)), fn.jit(table.apply)
    assert_same(look_up(params, np.array([1, 4])), table.apply(params, np.array([1, 4])))
    with pytest.raises(ValueError, match="runs from 1 to 5"):
        look_up(params, np.array([1, 5]))
    inverse: Any = fn.jit(np.linalg.inv)
    inverse(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        inverse(np.zeros((2, 2)))


def test_questions_have_programs_of_their_own() -> None:
    clip = optimizers.clip_by_global_norm(1.0)

    def f(g: Any) -> Any:
        return clip.update(g, clip.init(g), g)[0]

    assert_alike(f, *[({"w": np.array([0.3, 0.4]) * k, "b": np.float32(k) + np.zeros(1, np.float32)},)
                      for k in (0.1, 5.0, 0.2, 7.0, 1e30)])
    program = fn.make_program(f)({"w": X})
    assert [each.operands[1] for each in program.equations if each.function is expect] == [True, False]


@pytest.mark.parametrize("name", ["radam", "adam", "adamw", "nadam", "adamax", "lion", "rmsprop", "adagrad", "adadelta",
                                  "sgd", "amsgrad"])
@pytest.mark.parametrize("kind", ["frozen", "dict", "numbers"])
def test_optimizers_for_ten_steps(name: str, kind: str) -> None:
    optimizer = getattr(optimizers, name)(0.1)
    params: Any = {"w": np.array([[0.5, -1.0]], np.float32), "b": {"b": np.array([2.0])}}
    params = fn.FrozenDict(params) if kind == "frozen" else params if kind == "dict" else {"w": 0.5, "b": -2.0}

    def step(params: Any, state: Any) -> Any:
        updates, state = optimizer.update(tree.map(lambda p: p * 0.5 + 0.1, params), state, params)
        return optimizers.apply_updates(params, updates), state

    jitted = fn.jit(step)
    ours = theirs = (params, optimizer.init(params))
    for _ in range(10):
        ours, theirs = jitted(*ours), step(*theirs)
        assert_same(ours, theirs)


def test_wrappers_of_optimizers() -> None:
    many = optimizers.accumulate(optimizers.adam(0.1), 3)
    careful = optimizers.skip_not_finite(optimizers.sgd(0.1))
    params = {"w": np.array([0.5, -1.0])}
    scheduled = optimizers.chain(optimizers.clip(0.1), optimizers.adam(schedules.cosine_decay(0.1, 20)))
    for optimizer in (many, careful, scheduled):
        step = optimizer.update
        jitted: Any = fn.jit(step)
        ours = theirs = optimizer.init(params)
        for k in range(8):
            grads = {"w": np.array([0.1 * k, np.nan if k == 4 else 1.0])}
            (updates, ours), (expected, theirs) = jitted(grads, ours, params), step(grads, theirs, params)
            assert_same((updates, ours), (expected, theirs))


SCHEDULES = {
    "constant": schedules.constant(0.1), "exponential": schedules.exponential_decay(0.1, 5, 0.9),
    "linear": schedules.linear(0.1, 0.01, 10), "cosine": schedules.cosine_decay(0.1, 10),
    "inverse": schedules.inverse_time_decay(0.1, 0.5), "steps": schedules.piecewise_constant(0.1, {3: 0.5, 9: 0.1}),
    "polynomial": schedules.polynomial(0.1, 0.01, 2.0, 10), "one cycle": schedules.one_cycle(20, 0.1),
    "warmed up": schedules.warmup_cosine_decay(0.0, 0.1, 5, 20),
    "joined": schedules.join([schedules.constant(0.1), schedules.linear(0.1, 0.0, 5)], [4]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str) -> None:
    f = SCHEDULES[name]
    assert_alike(f, *[(k,) for k in range(0, 25, 4)])
    assert_alike(f, *[(np.int64(k),) for k in range(0, 25, 4)])
    assert_alike(f, *[(np.array(k),) for k in range(0, 25, 4)])
    assert_alike(fn.vmap(f), (np.arange(25),))


DRAWS: dict[str, Callable[[Any], Any]] = {
    "split": lambda key: random.split(key, 3), "fold_in": lambda key: random.fold_in(key, 7),
    "bits": lambda key: random.bits(key, (3,)), "uniform": lambda key: random.uniform(key, (200,), np.float64, -1, 2),
    "bernoulli": lambda key: random.bernoulli(key, 0.3, (9,)), "randint": lambda key: random.randint(key, (9,), 0, 9),
    "normal": lambda key: random.normal(key, (9,)), "gumbel": lambda key: random.gumbel(key, (9,)),
    "truncated": lambda key: random.truncated_normal(key, -1, 1, (9,)),
    "exponential": lambda key: random.exponential(key, (9,)), "permutation": lambda key: random.permutation(key, 9),
    "choice": lambda key: random.choice(key, 9, (4,), p=np.full(9, 1 / 9)),
    "categorical": lambda key: random.categorical(key, np.log(np.full(4, 0.25)), shape=(6,)),
    "an ensemble": lambda key: fn.vmap(dense(2, 3).init)(random.split(key, 4)),
    "init": lambda key: (dense(2, 3) >> np.tanh >> dense(3, 1)).init(key),
}


@pytest.mark.parametrize("name", DRAWS)
def test_draws(name: str) -> None:
    assert_alike(DRAWS[name], (random.key(0),), (random.key(5),))


def test_metrics() -> None:
    z, y = np.random.default_rng(0).normal(size=(20, 3)), np.random.default_rng(1).integers(0, 3, 20)
    assert_alike(metrics.accuracy, (z, y), (z[::-1].copy(), y))
    assert_alike(lambda values, n: metrics.mean_over_batches(values, n), (X, np.array([1, 2, 3])))


# ------------------------------------------------------------------------------------------------ what is traced


def test_python_numbers_leave_dtypes_alone_and_are_no_new_signature() -> None:
    runs: list[Any] = []

    def f(x: Any, rate: Any, n: Any) -> Any:
        runs.append(rate)
        return x * rate + n, rate * n, n // 2, rate ** n, abs(-rate), round(rate, 1), divmod(n, 3)

    g, x = fn.jit(f), np.ones(3, np.float32)
    for rate, n in ((0.1, 7), (0.25, 4), (-3.5, 2)):
        assert_same(g(x, rate, n), f(x, rate, n))
    assert len(runs) == 1 + 3
    assert_alike(f, (np.float64(2.0), 0.5, 3))


def test_transformations_inside_take_python_numbers() -> None:
    def slope(w: Any, x: Any) -> Any:
        return fn.grad(lambda w: np.sum(w * x))(w)

    assert_alike(slope, (1.0, X), (2.0, X))
    assert_alike(lambda w: fn.grad(lambda w: np.tanh(w) * 2)(w), (0.5,), (1.5,))
    assert_alike(lambda w, x: fn.vmap(lambda x: x * w)(x), (0.5, X), (1.5, X))
    assert_alike(lambda w: fn.value_and_grad(lambda w: w ** 2 + w ** 3)(w), (0.5,), (np.float64(1.5),))
    with pytest.raises(TypeError, match="floating-point"):
        fn.jit(fn.grad(lambda n: n * 2.0))(3)


def test_what_is_read_besides_the_arguments_is_a_constant() -> None:
    scale = np.array([1.0, 2.0, 3.0])
    f = fn.jit(lambda x: x * scale)
    first = f(X)
    scale[:] = 0
    assert f(X).tobytes() == first.tobytes() == (X * [1, 2, 3]).tobytes()

    def g(x: Any) -> Any:
        buffer = np.zeros(3)
        y = x + buffer
        buffer += 1
        return y, x + buffer

    assert_alike(g, (X,), (2 * X,))


def test_a_value_in_the_grip_of_another_transformation_runs_the_function_itself() -> None:
    def outer(w: Any) -> Any:
        def inner(x: Any) -> Any:
            return np.sum(x * w)

        return fn.jit(inner)(X)

    assert fn.grad(outer)(X).tobytes() == X.tobytes()
    each: Any = fn.vmap(outer)
    assert each(np.stack([X, X])).tobytes() == np.stack([np.sum(X * X)] * 2).tobytes()


def test_a_value_kept_is_no_value_any_more() -> None:
    kept: list[Any] = []
    fn.jit(lambda x: (x * 2, kept.append(x)))(X)  # type: ignore[func-returns-value]  # None, a leafless result
    with pytest.raises(TracerError, match="after the jitted function has returned"):
        kept[0] + 1


def test_static_arguments() -> None:
    def f(x: Any, n: int, how: str = "sum") -> Any:
        return getattr(np, how)(np.stack([x] * n))

    g = fn.jit(f, static_argnums=(1, -1))
    assert g(X, 2, "max") == f(X, 2, "max") and g(X, 3, "sum") == f(X, 3, "sum") == g(X, 3, "sum")
    with pytest.raises(TypeError, match=r"argument 1 is 'max' \(str\).*static_argnums=\(1,\)"):
        fn.jit(lambda x, how: x)(X, "max")
    with pytest.raises(TypeError, match=r"keyword argument how is .*functools\.partial"):
        fn.jit(lambda x, how: x)(X, how="max")
    with pytest.raises(TypeError, match="must be hashable"):
        fn.jit(lambda x, n: x, static_argnums=1)(X, [1])
    assert fn.jit(f, static_argnums=(1, 2))(X, 2) == f(X, 2)
    with pytest.raises(ValueError, match="by position, not by name"):
        fn.jit(f, static_argnums=1)(X, n=2)
    with pytest.raises(ValueError, match="names argument 3"):
        fn.jit(f, static_argnums=3)(X, 2)
    with pytest.raises(TypeError, match="must be an int"):
        fn.jit(lambda x: x, static_argnums=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes a function"):
        fn.jit(X)  # type: ignore[arg-type]


# -------------------------------------------------------------------------------------------------- signatures


def test_growing_shapes_warn_once_and_name_what_grows() -> None:
    f = fn.jit(lambda params, x: x * params["w"])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for n in range(1, 20):
            f({"w": 2.0}, np.ones(n))
    assert [each.filename for each in seen] == [__file__]
    assert "argument 1 was float64[5], then float64[6]" in str(seen[0].message)


def test_few_shapes_do_not_warn() -> None:
    f = fn.jit(lambda x: x * 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (1, 2, 3, 1, 2, 3, 4, 1, 5, 1, 6, 1):
            assert f(np.ones(n)).shape == (n,)


def test_the_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST", 3)
    kept = store.Store(lambda x: x + 1, ())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for n in range(1, 10):
            assert kept((np.ones(n),), {}).shape == (n,)
    assert len(kept.plans) == 3 and len(kept.recent) <= store.RECENT


def test_answers_that_never_repeat_end_at_the_function_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "WAYS", 2)
    radam = optimizers.radam(0.1)
    g: Any = fn.jit(radam.update)
    ours = theirs = radam.init(X)
    for _ in range(8):
        (a, ours), (b, theirs) = g(X, ours, X), radam.update(X, theirs, X)
        assert_same((a, ours), (b, theirs))


def test_every_difference_of_a_signature_is_seen() -> None:
    warnings.simplefilter("ignore")  # pytest restores it
    f = fn.jit(lambda tree_: {"sum": np.sum(tree_["a"], axis=0), "b": tree_["b"], "tree": tree_})
    a = np.arange(12.0).reshape(3, 4)
    for left in (a, a.astype(np.float32), np.asfortranarray(a), a[::-1], a.T, a[:0], a.copy()):
        for right in (1, 1.0, True, np.float32(1), np.array(1), 2 + 1j):
            for both in ({"a": left, "b": right}, {"b": right, "a": left}, fn.FrozenDict({"a": left, "b": right}),
                         fn.FrozenDict({"b": right, "a": left})):
                expected = {"sum": np.sum(both["a"], axis=0), "b": both["b"], "tree": both}
                found = f(both)
                assert_same(found, expected)


def test_warnings_of_numpy_and_errstate_inside() -> None:
    def f(x: Any) -> Any:
        with np.errstate(over="ignore", divide="ignore"):
            y = np.exp(x) / (x - 1)
        return y, np.log(x)

    g = fn.jit(f)
    with np.errstate(all="raise"):
        assert_same(g(np.array([1e4, 1.0])), f(np.array([1e4, 1.0])))
        assert_same(g(np.array([2e4, 1.0])), f(np.array([2e4, 1.0])))
    with pytest.warns(RuntimeWarning, match="invalid value encountered in log"):
        g(np.array([-1.0, 2.0]))
