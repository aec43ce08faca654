"""What runs in funcnn runs under JAX: lifted and jitted programs give NumPy's numbers, or say what to write."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import funcnn as fn
from funcnn import losses, optimizers, random, training, tree
from funcnn.activations import gelu, relu
from funcnn.core import TracerError
from funcnn.layers import conv2d, dense, dropout, embedding, flatten, layer_norm, max_pool2d

pytestmark = pytest.mark.usefixtures("without_optimizations")

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(16, 4)), RNG.integers(0, 3, 16)



def own_stage(x: Any) -> Any:
    """Plain NumPy code as a stage."""
    return np.concatenate([x[:, :4], np.exp(-x * x)[:, 4:]], axis=1)


net = dense(4, 8) >> layer_norm(8) >> gelu >> own_stage >> dense(8, 3)


def own_loss(params: Any, batch: Any) -> Any:
    """A loss of the user's: NumPy's functions, methods, indices."""
    x, y = batch
    z = net.apply(params, x)
    z = np.where(z > 2, 2 + np.log1p(abs(z - 2)), z)
    chosen = (z - np.log(np.exp(z).sum(axis=-1, keepdims=True)))[np.arange(len(y)), y]
    return -chosen.mean() + 1e-3 * np.sqrt(np.sum(params["dense_0"]["w"] ** 2)) + 1e-3 * np.linalg.norm(z[::2])


def jit(f: Any, **options: Any) -> Any:
    return fn.jax.jit(f, **options)


def lift(f: Any) -> Any:
    return fn.jax.lift(f)


def of_jax(jax: Any, values: Any) -> Any:
    return jax.tree.map(jax.numpy.asarray, values)


def assert_close(found: Any, expected: Any, rtol: float = 1e-12) -> None:
    import jax

    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol, 1e-14)


# ------------------------------------------------------------------------------------------------ steps


@pytest.mark.parametrize("optimizer", [
    optimizers.chain(optimizers.clip_by_global_norm(0.5), optimizers.adamw(fn.schedules.cosine_decay(0.1, 100))),
    optimizers.accumulate(optimizers.skip_not_finite(optimizers.sgd(0.1)), every=2),
], ids=["clipped adamw with a schedule", "accumulated sgd"])
def test_a_step_jitted_gives_numpy_s_numbers(jax: Any, optimizer: Any) -> None:
    params = tree.astype(net.init(random.key(0)), np.float64)
    step: Any = training.make_step(own_loss, optimizer)
    jitted = jit(step, donate_argnums=(0, 1))
    ours: Any = (params, optimizer.init(params))
    theirs = of_jax(jax, ours)  # what is donated is theirs
    for _ in range(4):
        *ours, value = step(*ours, (X, LABELS))
        *theirs, their_value = jitted(*theirs, (X, LABELS))
        assert_close((theirs[0], their_value), (ours[0], value))
        assert type(theirs[0]) is fn.FrozenDict and their_value.dtype == np.float64


def test_a_stochastic_step_in_a_scan_is_a_loop(jax: Any) -> None:
    model, optimizer = dense(4, 8) >> relu >> dropout(0.5) >> dense(8, 3), optimizers.adam(0.1)

    def loss(p: Any, x: Any, key: Any) -> Any:
        return np.mean(model.apply(p, x, key=key) ** 2)

    step: Any = training.make_stochastic_step(loss, optimizer)
    params = model.init(random.key(0))
    batches = RNG.normal(size=(3, 5, 4)).astype(np.float32)

    def scanned(step: Any) -> Callable[..., Any]:
        def run(state: Any, batch: Any) -> Any:
            *state, value = step(*state, batch)
            return tuple(state), value

        return run

    state: Any = params, optimizer.init(params), random.key(1)
    after, values = jax.lax.scan(scanned(lift(step)), state, batches)
    looped = []
    for batch in batches:
        *state, value = jit(step)(*state, batch)
        looped.append(value)
    assert_close(values, np.stack(looped), 1e-6)
    assert_close(after[0], state[0], 1e-5)
    assert values.dtype == np.float32 and np.array_equal(after[2], state[2])


# --------------------------------------------------------------------------------------- transformations


def test_transformations_of_both_compose(jax: Any) -> None:
    model = dense(4, 3)
    params = tree.astype(model.init(random.key(0)), np.float64)

    def loss(params: Any, batch: Any) -> Any:
        return np.mean(losses.softmax_cross_entropy(relu(model.apply(params, batch[0])), batch[1]))

    each = (X[:, None], LABELS[:, None])
    per_example = fn.vmap(fn.grad(loss), in_axes=(None, 0))(params, each)
    for theirs in (jax.vmap(lift(fn.grad(loss)), in_axes=(None, 0)), jax.vmap(jax.grad(lift(loss)), in_axes=(None, 0)),
                   lift(fn.vmap(fn.grad(loss), in_axes=(None, 0)))):
        assert_close(jax.jit(theirs)(params, each), per_example)
    w, f = RNG.normal(size=3), lambda w: np.sum(np.tanh(w) ** 3 * np.sort(w)[::-1])
    for ours, theirs in ((fn.hessian(f), lift(fn.hessian(f))), (fn.hessian(f), jax.hessian(lift(f))),
                         (lambda w: fn.jvp(f, (w,), (w,))[1], lambda w: jax.jvp(lift(f), (w,), (w,))[1])):
        assert_close(jax.jit(theirs)(w), ours(w))


class Pair(NamedTuple):
    """A tree of the user's."""

    a: Any
    b: Any


def test_trees_options_and_numbers_of_python(jax: Any) -> None:
    def f(pair: Pair, n: int, scale: Any = 2.0) -> Any:
        return {"sum": Pair(pair.a * scale, [pair.b["x"] ** n, None]), "n": n}

    pair = Pair(np.array([1.0, 2.0], np.float32), {"x": np.ones((2, 2))})
    for found in (jit(f, static_argnums=1)(pair, 3), jit(f, static_argnames="n")(pair, n=3),
                  jit(f, static_argnums=(1,))(pair, 3, scale=2.0), lift(f)(of_jax(jax, pair), 3)):
        assert type(found["sum"]) is Pair
        assert_close(found, {"sum": Pair(np.array([2.0, 4.0], np.float32), [np.ones((2, 2)), None]), "n": 3})
        assert found["sum"].a.dtype == np.float32
    assert lift(f)(pair, 2)["sum"].a is not None
    assert type(lift(np.exp)(np.ones(2))) is np.ndarray  # on NumPy's arrays it is f itself
    assert jit(f, static_argnums=1).lower(pair, 3).as_text()  # it is what jax.jit makes


def test_float32_stays_without_64_bits(jax: Any) -> None:
    jax.config.update("jax_enable_x64", False)  # the fixture sets it back
    params, optimizer = net.init(random.key(0)), optimizers.adam(0.1)
    batch = (X.astype(np.float32), LABELS)
    step = training.make_step(own_loss, optimizer)
    theirs = jit(step)(params, optimizer.init(params), batch)
    assert {x.dtype for x in jax.tree.leaves((theirs[0], theirs[2]))} == {np.dtype(np.float32)}
    assert_close(theirs[2], step(params, optimizer.init(params), batch)[2], 1e-5)
    with pytest.raises(TypeError, match=r"random\.normal: float64 under JAX needs .*jax_enable_x64"):
        jit(lambda key: random.normal(key, (2,), np.float64))(random.key(0))


def test_images_and_words(jax: Any) -> None:
    images, words = RNG.normal(size=(2, 6, 6, 2)), RNG.integers(0, 5, (2, 3))
    model = conv2d(2, 3, 3, stride=2) >> relu >> max_pool2d(2, padding="SAME") >> flatten() >> dense(12, 2)
    table = embedding(5, 2)
    params = tree.astype((model.init(random.key(0)), table.init(random.key(1))), np.float64)

    def loss(params: Any, images: Any, words: Any) -> Any:
        return np.sum(model.apply(params[0], images) * table.apply(params[1], words).mean(axis=1))

    expected = fn.grad(loss)(params, images, words)
    assert_close(jit(fn.grad(loss))(params, images, words), expected)
    assert_close(jax.jit(jax.grad(lift(loss)))(params, images, words), expected)


def test_inside_ours_and_inside_itself_it_is_the_function(jax: Any) -> None:
    def add(total: Any, each: Any) -> Any:
        return total + np.exp(each), total

    def of_sums(x: Any) -> Any:
        return jax.lax.scan(add, 0 * x[0], x)

    square = lift(lambda x: np.sum(x * x))

    def and_more(x: Any) -> Any:
        return square(x) + x

    assert fn.grad(square)(3.0) == 6.0
    assert jit(fn.grad(and_more))(3.0) == 7.0
    assert jit(fn.grad(fn.jit(square)))(3.0) == 6.0
    sums = jit(of_sums)
    np.testing.assert_allclose(sums(X[0])[0], np.exp(X[0]).sum())  # JAX's own inside, on programs of ours
    with pytest.raises(TracerError, match=r"lift: got an array of JAX and .* lift\(grad\(f\)\), not grad\(lift\(f\)\)"):
        fn.grad(lift(lambda w, x: np.sum(w * x)))(np.ones(2), jax.numpy.ones(2))


# -------------------------------------------------------------------------------------------------- errors

LOOKED_AT: dict[str, Callable[[Any], Any]] = {
    "float(x)": lambda x: float(x[0]),
    "if x": lambda x: 1 if x[0] > 0 else 0,
    "np.asarray(x)": lambda x: np.array([x, x]),
    "array[x]": lambda x: [1, 2][x[0].astype(int)],
    "x.item()": lambda x: x[0].item(),
    "x[index]": lambda x: x[x > 0],
    "np.unique": np.unique,
    "np.nonzero": np.nonzero,
    "np.bincount": lambda x: np.bincount(x.astype(int)),
    "np.repeat": lambda x: np.repeat(x, x.astype(int)),
    "x[...] = value": lambda x: x.__setitem__(0, 1.0),
    "np.exp(..., out=...)": lambda x: np.exp(x, out=np.ones(2)),
    "np.exp(..., where=...)": lambda x: np.exp(x, where=x > 0),
    "np.add.at": lambda x: np.add.at(np.ones(2), np.array([0]), x),
    "numpy.lib.scimath.logn": lambda x: np.emath.logn(2, x) and None,
}


def test_what_cannot_be_traced_says_what_to_write(jax: Any) -> None:
    for text, f in LOOKED_AT.items():
        with pytest.raises(TracerError, match="if x" if "logn" in text else re.escape(text)):
            jit(f)(np.array([1.0, 2.0]))
    first: Any = lambda x: np.unique(x)[0]  # noqa: E731  # its type is not inferred in the call
    with pytest.raises(TracerError, match=r"np\.unique: what comes out"):
        jit(fn.grad(first))(np.ones(2))
    with pytest.raises(TracerError, match=r"may_share_memory: JAX has no function of this name"):
        jit(lambda x: np.may_share_memory(x, x))(np.ones(2))
    with pytest.raises(TypeError, match=r"grad: argument 0 is an array of shape \(2,\) and dtype int64"):
        jit(fn.grad(np.sum))(np.arange(2))
    with pytest.raises(TypeError, match=r"lift: takes a function, got 3 \(int\)"):
        jit(3)


def test_where_nothing_is_traced_numbers_can_be_looked_at(jax: Any) -> None:
    x = jax.numpy.array([1.0, 2.0])
    assert lift(lambda x: float(x[0]) if x[1] > x[0] else [3.0][x[0].astype(int)])(x) == 1.0
    assert lift(lambda x: f"{x[0]:.2f} {x!r}")(x) == "1.00 Lifted(Array([1., 2.], dtype=float64))"


@pytest.mark.parametrize("transform", [fn.value_and_grad, fn.grad, fn.hessian, fn.vmap])
def test_transforming_an_array_of_jax_says_what_to_take(jax: Any, transform: Any) -> None:
    transformed = transform(lambda x: np.sum(x * x))
    for run in (transformed, jax.jit(transformed)):
        with pytest.raises(TypeError, match=r"argument 0 is an array of JAX; take funcnn.jax.jit, or lift"):
            run(jax.numpy.ones(2))
    with pytest.raises(TracerError, match=r"multiply: a ArrayImpl met a traced value.* funcnn.jax.lift takes"):
        fn.grad(lambda w: np.sum(w * jax.numpy.ones(2)))(np.ones(2))


def test_checks_of_values_are_left_out_and_what_they_would_find_is_seen(jax: Any) -> None:
    """A label that is not there gives NaN, not another one's loss."""
    def loss(z: Any, labels: Any) -> Any:
        return losses.softmax_cross_entropy(z, labels).mean()

    z, bad = X[:3, :3], np.array([0, 1, 3])
    with pytest.raises(ValueError, match="labels run from 0 to 3"):
        loss(z, bad)
    assert np.isnan(jit(loss)(z, bad)) and np.isnan(jax.jit(loss)(z, bad))
    assert np.isfinite(jit(loss)(z, np.array([0, 1, 2])))

    def checked(x: Any) -> Any:
        training.check_finite(x)
        return 2 * x

    assert np.isnan(jit(checked)(np.array(np.nan)))


def test_without_jax_the_extra_is_named() -> None:
    run = subprocess.run([sys.executable, "-c", textwrap.dedent("""
        import sys
        sys.modules["jax"] = None
        import funcnn as fn
        try:
            fn.jax
        except ModuleNotFoundError as error:
            print(error)
    """)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "funcnn.jax: needs JAX: pip install 'funcnn[jax]'"
