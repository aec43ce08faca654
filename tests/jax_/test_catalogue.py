"""The whole catalogue under JAX: jit, vmap, scan and grad of every row give what NumPy gives, in both precisions.

A row is a function of two trees, of which the first is differentiated, and examples of them. All transformations of a
row are one program, the scan of a batch, because it is compiling that takes the time.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import funcnn as fn
from catalogue import ACTIVATIONS, LOSSES
from funcnn import initializers, layers, optimizers, random, tree
from funcnn.random import key

jax = pytest.importorskip("jax")
pytest.importorskip("funcnn.jax")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_optimizations")]
TESTS = Path(__file__).parents[1]


class Row(NamedTuple):
    """A function f(smooth, rest), and an example (smooth, rest) of some numbers in some precision."""

    f: Callable[[Any, Any], Any]
    example: Callable[[np.random.Generator, Any], tuple[Any, Any]]


@cache
def listed(file: str, name: str) -> Any:
    """A contract list of another test file."""
    return runpy.run_path(str(TESTS / file))[name]


def cast(whole: Any, dtype: Any) -> Any:
    return tree.map(np.asarray, tree.astype(tree.map(np.asarray, whole), dtype))


# ----------------------------------------------------------------------------------------------- the rows


def of_first(f: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda smooth, rest: f(smooth)


def of_second(f: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda smooth, rest: f(rest)


def of_activations() -> dict[str, Row]:
    def example(rng: Any, dtype: Any) -> Any:
        return rng.normal(size=(3, 4)).astype(dtype), ()

    return {str(row): Row(of_first(row.f), example) for row in ACTIVATIONS}


def of_losses() -> dict[str, Row]:
    def example(data: Any, rng: Any, dtype: Any) -> Any:
        return cast(data(rng, 4), dtype)

    return {str(row): Row(row.f, partial(example, row.data)) for row in LOSSES}


def of_layers() -> dict[str, Row]:
    def example(layer: Any, shape: Any, rng: Any, dtype: Any) -> Any:
        params = tree.astype(layer.init(key(int(rng.integers(99)))), dtype)
        return (params, rng.normal(size=shape).astype(dtype)), ()

    def applied(layer: Any, smooth: Any, rest: Any) -> Any:
        if layer.has_state:
            return layer.apply_with_state(smooth[0], tree.astype(layer.init_state(), smooth[1].dtype), smooth[1],
                                          key=key(0))
        return layer.apply(*smooth, key=None)

    words = layers.embedding(5, 3)
    rows = {name: Row(partial(applied, layer), partial(example, layer, shape))
            for name, (layer, shape) in listed("layers/test_layer_catalogue.py", "LAYERS").items()}
    return rows | {"embedding": Row(words.apply, lambda rng, dtype: (
        tree.astype(words.init(key(0)), dtype), rng.integers(0, 5, (2, 3))))}


def of_beginnings() -> dict[str, Row]:
    name = "a whole net"
    return {name: Row(of_second(listed("layers/test_layer_catalogue.py", "LAYERS")[name][0].init), keys)}


def of_regularizers() -> dict[str, Row]:
    def example(rng: Any, dtype: Any) -> Any:
        return {"w": rng.normal(size=(2, 3)).astype(dtype), "b": rng.normal(size=3).astype(dtype)}, ()

    return {name: Row(of_first(f), example) for name, f in listed("test_regularizers.py", "EACH").items()}


def of_metrics() -> dict[str, Row]:
    def example(args: Any, rng: Any, dtype: Any) -> Any:
        return (), cast([x if len(args) == 1 else x[rng.permutation(len(x))] for x in args], dtype)

    def measured(f: Any, smooth: Any, args: Any) -> Any:
        return f(*args)

    return {name: Row(partial(measured, f), partial(example, args))
            for name, (f, args) in listed("metrics/test_metrics.py", "EACH").items()}


def of_optimizers() -> dict[str, Row]:
    def example(name: str, rng: Any, dtype: Any) -> Any:
        return some_tree(name, rng, dtype), some_tree(name, rng, dtype)

    def first_updates(optimizer: Any, grads: Any, params: Any) -> Any:
        return optimizer.update(grads, optimizer.init(params), params)[0]

    return {name: Row(partial(first_updates, ours), partial(example, name)) for name, (ours, _) in OPTIMIZERS.items()}


OPTIMIZERS = listed("optimizers/test_optimizers.py", "EVERY")


def some_tree(optimizer: str, rng: Any, dtype: Any) -> Any:
    """Parameters or gradients, as many as the mask of an optimizer speaks of; none near 0, where slopes are steep."""
    def draw(*shape: int) -> Any:
        return np.asarray(rng.choice([-1, 1], shape) * rng.uniform(0.5, 2.0, shape), dtype)

    rest = {"pair": (draw(4, 1), draw()), "list": [draw(0), (draw(2, 2, 2),)], "none": None}
    return {"a": {"w": draw(2, 3), "b": draw(3)}, **(rest if "masked" in optimizer else {})}


def of_schedules() -> dict[str, Row]:
    def example(rng: Any, dtype: Any) -> Any:
        return (), np.asarray(rng.integers(0, 130), np.int32)

    return {name: Row(of_second(schedule), example)
            for name, (schedule, _) in listed("test_schedules.py", "ROWS").items()}


def of_initializers() -> dict[str, Row]:
    def drawn(make: Any, smooth: Any, key: Any) -> Any:
        return make(initializers)(key, (5, 7), np.float32)

    return {name: Row(partial(drawn, make), keys) for name, make in listed("test_initializers.py", "ALL").items()}


def keys(rng: Any, dtype: Any) -> Any:
    return (), key(int(rng.integers(2**32)))


COV = np.array([[2.0, 0.5], [0.5, 1.0]], np.float32)
DRAWS: dict[str, Callable[[Any], Any]] = {
    "split": lambda k: random.split(k, 3), "fold_in": lambda k: random.fold_in(k, 7),
    "bits": lambda k: random.bits(k, (5,)), "uniform": lambda k: random.uniform(k, (5,), minval=-1.0, maxval=3.0),
    "normal": lambda k: random.normal(k, (5,)), "bernoulli": lambda k: random.bernoulli(k, 0.3, (5,)),
    "randint": lambda k: random.randint(k, (5,), -3, 9), "exponential": lambda k: random.exponential(k, (5,)),
    "truncated_normal": lambda k: random.truncated_normal(k, -1.0, 2.0, (5,)),
    "gumbel": lambda k: random.gumbel(k, (5,)), "permutation": lambda k: random.permutation(k, 9),
    "choice": lambda k: random.choice(k, 9, (5,)), "choice p": lambda k: random.choice(k, 3, (5,), p=[0.2, 0.3, 0.5]),
    "categorical": lambda k: random.categorical(k, np.array([0.1, 0.0, 1.0], np.float32), shape=(5,)),
    "laplace": lambda k: random.laplace(k, (5,)), "logistic": lambda k: random.logistic(k, (5,)),
    "rademacher": lambda k: random.rademacher(k, (5,)), "gamma": lambda k: random.gamma(k, 2.5, (5,)),
    "beta": lambda k: random.beta(k, 2.0, 3.0, (5,)), "dirichlet": lambda k: random.dirichlet(k, np.ones(3), (5,)),
    "t": lambda k: random.t(k, 4.0, (5,)), "student_t": lambda k: random.student_t(k, 4.0, (2,)),
    "ball": lambda k: random.ball(k, 3, shape=(5,)), "poisson": lambda k: random.poisson(k, 3.0, (5,)),
    "multivariate_normal": lambda k: random.multivariate_normal(k, COV[0], COV),
}


def of_random() -> dict[str, Row]:
    return {name: Row(of_second(draw), keys) for name, draw in DRAWS.items()}


KINDS = [of_activations, of_losses, of_layers, of_beginnings, of_regularizers, of_metrics, of_optimizers, of_schedules,
         of_initializers, of_random]
ROWS = {f"{kind.__name__[3:]}: {name}": row for kind in KINDS for name, row in kind().items()}


def test_every_draw_is_a_row() -> None:
    assert {name.split()[0] for name in DRAWS} == set(random.__all__) - {"key"}


# ------------------------------------------------------------------------------------------------- the law


@pytest.fixture(params=[np.float32, np.float64])
def dtype(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A precision, to which JAX is set meanwhile."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", request.param is np.float64)
    yield request.param
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("name", ROWS)
def test_every_transformation_gives_what_numpy_gives(name: str, dtype: Any) -> None:
    if name == "random: ball" and dtype is np.float64:
        pytest.skip("where numbers have 64 bits, JAX draws other signs for a ball")
    f, example = ROWS[name]
    rng = np.random.default_rng(0)
    examples = [[example(rng, dtype) for _ in range(2)] for _ in range(2)]
    is_smooth = bool(tree.leaves(examples[0][0][0]))
    program = jax.jit(partial(jax.lax.map, jax.vmap(under_jax(f, is_smooth))), compiler_options=quick())
    found = program(stacked([stacked(pair) for pair in examples]))
    wanted = stacked([stacked([in_numpy(f, is_smooth, one) for one in pair]) for pair in examples])
    for part in wanted:
        assert_close(f"{part} of {name}", found[part], wanted[part], dtype)


@cache
def quick() -> dict[str, bool]:
    """What lets XLA compile in half the time, if it knows that."""
    options = {"xla_cpu_use_fusion_emitters": False}
    try:
        jax.jit(lambda x: x, compiler_options=options)(0)
    except Exception:  # another version of JAX
        return {}
    return options


def in_numpy(f: Any, is_smooth: bool, one: Any) -> dict[str, Any]:
    """The value of a row, and twice its gradient."""
    slope = fn.grad(partial(total, f))(*one) if is_smooth else None
    return {"value": f(*one), "fn.grad": slope, "jax.grad": slope}


def under_jax(f: Any, is_smooth: bool) -> Callable[[Any], dict[str, Any]]:
    """The same under JAX, with its gradient by our tape and by JAX's."""
    of_total = partial(total, f)
    ours, theirs = fn.jax.lift(fn.grad(of_total)), jax.grad(fn.jax.lift(of_total))
    return lambda one: {"value": fn.jax.lift(f)(*one), "fn.grad": ours(*one) if is_smooth else None,
                        "jax.grad": theirs(*one) if is_smooth else None}


def total(f: Any, smooth: Any, rest: Any) -> Any:
    """One number of all that f returns."""
    return sum(np.sum(y * y) for y in tree.leaves(f(smooth, rest)))


def stacked(trees: list[Any]) -> Any:
    return tree.map(lambda *leaves: np.stack(leaves), *trees)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_an_optimizer_is_carried_by_a_scan(name: str, jax: Any) -> None:
    def step(state: Any, grads: Any) -> Any:
        params, opt_state = state
        updates, opt_state = OPTIMIZERS[name][0].update(grads, opt_state, params)
        return (optimizers.apply_updates(params, updates), opt_state), updates

    rng = np.random.default_rng(0)
    params, *every_grads = [some_tree(name, rng, np.float64) for _ in range(5)]
    state = here = (params, OPTIMIZERS[name][0].init(params))
    expected = []
    for grads in every_grads:
        here, updates = step(here, grads)
        expected.append(updates)
    scan = jax.jit(partial(jax.lax.scan, fn.jax.lift(step)), compiler_options=quick())
    (found, opt_state), every_updates = scan(jax.tree.map(jax.numpy.asarray, state), stacked(every_grads))
    assert_close(f"{name}, parameters", found, here[0], np.float64)
    assert_close(f"{name}, updates", every_updates, stacked(expected), np.float64)
    assert_close(f"{name}, state", opt_state, here[1], np.float64)


def assert_close(what: str, found: Any, wanted: Any, dtype: Any) -> None:
    assert tree.structure(found) == tree.structure(wanted), what
    for (path, x), y in zip(tree.leaves_with_path(found), map(np.asarray, tree.leaves(wanted)), strict=True):
        assert x.dtype == dtype or y.dtype != dtype or "metrics" in what, f"{what} at {path}: {x.dtype}"
        small = 1e-4 if x.dtype == np.float32 else 1e-10
        scale = max(1.0, float(np.max(np.abs(y), initial=0.0)))
        np.testing.assert_allclose(x, y, small, small * scale, err_msg=f"{what} at {path}")
