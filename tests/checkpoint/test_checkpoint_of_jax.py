"""Arrays of JAX in a checkpoint: saved as NumPy's, loaded as what `like` has, on its devices; a jitted run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import datasets, losses, optimizers, random, schedules, training, tree
from funcnn.activations import relu
from funcnn.checkpoint import CheckpointError, keep, latest, load, save
from funcnn.layers import dense, dropout

BORROWED = ["bfloat16", "float8_e4m3fn", "float8_e5m2"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.safetensors"


def there_and_back(path: Path, whole: Any) -> Any:
    save(path, whole)
    return load(path, whole)


def test_arrays_of_jax_come_back_as_such(jax: Any, path: Path) -> None:
    whole = {"w": jax.numpy.arange(3.0), "n": jax.numpy.array(7), "none": jax.numpy.zeros((0, 2)), "plain": np.ones(2)}
    came = there_and_back(path, whole)
    assert tree.equal(came, whole)
    assert [isinstance(came[name], jax.Array) for name in whole] == [True, True, True, False]
    assert not came["w"].committed, "it goes to whatever devices the others are on"
    assert tree.equal(load(path, tree.map(np.asarray, whole)), whole)


@pytest.mark.parametrize("name", BORROWED)
def test_small_floats_come_back_in_their_dtype(jax: Any, path: Path, name: str) -> None:
    dtype = np.dtype(getattr(jax.numpy, name))
    every = np.arange(2 ** (8 * dtype.itemsize)).astype(f"u{dtype.itemsize}").view(dtype)
    whole = {"plain": every.reshape(16, -1), "turned": every.reshape(16, -1).T, "one": every[3], "none": every[:0],
             "of jax": jax.numpy.asarray(every)}
    came = there_and_back(path, whole)
    assert tree.equal(came, whole)
    assert [type(leaf) for leaf in tree.leaves(came)] == [type(leaf) for leaf in tree.leaves(whole)]
    assert came["plain"].ctypes.data % 64 == 0 and not came["plain"].flags.writeable


def test_a_bfloat16_may_become_a_float32_and_nothing_else(jax: Any, path: Path) -> None:
    half = jax.numpy.linspace(-3, 3, 50, dtype=jax.numpy.bfloat16)
    save(path, {"w": half, "n": half[3]})
    came: Any = load(path, {"w": np.zeros(50, np.float32), "n": 0.0})
    assert came["w"].tolist() == half.astype(np.float32).tolist() and came["n"] == float(half[3])
    with pytest.raises(CheckpointError, match=r"'w' is bfloat16\[50\] in the file, float16\[50\] in `like`"):
        load(path, {"w": np.zeros(50, np.float16), "n": 0.0})
    save(path, {"w": np.ones(50, np.float32), "n": 0.5})
    with pytest.raises(CheckpointError, match=r"'w' is float32\[50\] in the file, bfloat16\[50\] in `like`"):
        load(path, {"w": half, "n": half[3]})


def test_the_official_library_reads_bfloat16(jax: Any, path: Path) -> None:
    official = pytest.importorskip("safetensors.flax")
    half = jax.numpy.linspace(-3, 3, 50, dtype=jax.numpy.bfloat16)
    save(path, {"w": half})
    assert tree.equal(official.load_file(path), {"w": half})
    official.save_file({"w": half}, path)
    assert tree.equal(load(path, {"w": half}), {"w": half})


@pytest.mark.parametrize(("number", "dtypes"), [(3, ["i1", "i4", "u8"]), (0.5, ["f2", "f4", "f8"]), (True, ["?"])])
def test_a_number_and_an_array_of_its_kind_stand_for_each_other(jax: Any, path: Path, number: Any, dtypes: Any) -> None:
    for dtype in dtypes:
        for array in (np.array(number, dtype), jax.numpy.array(number, dtype)):
            save(path, {"n": array})
            came = load(path, {"n": number})["n"]
            assert type(came) is type(number) and came == number
            save(path, {"n": number})
            assert tree.equal(load(path, {"n": array}), {"n": array})


@pytest.mark.parametrize(("stored", "like"), [
    (300, np.array(0, np.int8)), (-1, np.array(0, np.uint32)), (0.1, np.array(0, np.float32)), (2**70, np.array(0)),
    (1.0, np.array(0)), (True, np.array(0)), (1, np.array(False)), (1, np.array(0.0)), (np.array(1), 1.0),
    (np.array(1), True), (np.array(True), 1), (np.array(1.0), 1), (1, np.zeros(1, int)), (np.zeros(1, int), 1),
    (np.int64(1), 1), (np.array(1), "a"), ("1", np.array(1)),
])
def test_a_number_that_would_change_does_not(path: Path, stored: Any, like: Any) -> None:
    save(path, {"n": stored})
    with pytest.raises(CheckpointError, match=r"'n' is .* in the file, .* in `like`"):
        load(path, {"n": like})


@pytest.mark.parametrize("number", [np.nan, np.inf, -0.0])
def test_a_number_that_is_none_keeps_its_bits(path: Path, number: float) -> None:
    save(path, {"n": number})
    array = np.array(number, np.float32)
    assert tree.equal(load(path, {"n": array}), {"n": array})


def test_a_typed_key_is_saved_as_its_words(jax: Any, path: Path) -> None:
    for key in (jax.random.key(3), jax.random.split(jax.random.key(3), 4), jax.random.key(3, impl="rbg")):
        came = there_and_back(path, {"key": key})["key"]
        assert came.dtype == key.dtype and tree.equal(came, key)
    save(path, {"key": random.key(3)})  # a run of NumPy's goes on under JAX, and the other way
    assert tree.equal(load(path, {"key": jax.random.key(0)}), {"key": jax.random.key(3)})
    save(path, {"key": jax.random.key(3)})
    assert tree.equal(load(path, {"key": random.key(0)}), {"key": random.key(3)})
    with pytest.raises(CheckpointError, match=r"'key' is uint32\[2\] in the file, uint32\[4\] in `like`"):
        load(path, {"key": jax.random.key(0, impl="rbg")})


def test_an_outline_is_enough_to_load_and_nothing_to_save(jax: Any, path: Path) -> None:
    whole = {"w": jax.numpy.ones((2, 3)), "key": jax.random.key(3)}
    outline = jax.eval_shape(lambda: whole)
    save(path, whole)
    assert tree.equal(load(path, outline), whole)
    with pytest.raises(CheckpointError, match=r"at 'key' stands .* an outline without numbers"):
        save(path, outline)


def test_what_has_no_numbers_is_named_and_the_old_file_stays(jax: Any, path: Path) -> None:
    save(path, {"w": np.ones(2)})
    with pytest.raises(CheckpointError, match=r"at 'w' stands an array of shape \(2,\) .* that JAX traces"):
        jax.jit(lambda w: save(path, {"w": w}))(np.ones(2))
    state = {"w": jax.numpy.ones(2)}
    jax.jit(lambda state: {"w": 2 * state["w"]}, donate_argnums=0)(state)
    with pytest.raises(CheckpointError, match=r"at 'w' stands .* given away \(donate_argnums\)"):
        save(path, state)
    assert tree.equal(load(path, state), {"w": np.ones(2)}), "its shape is enough to load"


# -------------------------------------------------------------------------------------------------- a jitted run

net = dense(2, 16) >> relu >> dropout(0.1) >> dense(16, 3)
optimizer = optimizers.adam(schedules.cosine_decay(0.05, 20))


def loss(params: Any, batch: Any, key: Any) -> Any:
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x, key=key), y))


def go_on(folder: Path, until: int, mask_key: Any) -> Any:
    """README's pattern, as in a process that knows nothing of those before: the step is jitted anew."""
    step = fn.jax.jit(training.make_stochastic_step(loss, optimizer))
    data_key, init_key, order_key = random.split(random.key(0), 3)
    params = net.init(init_key)
    start = (params, optimizer.init(params), mask_key)
    done, state = latest(folder, start) or (0, start)
    data = datasets.spiral(data_key, samples=32, classes=3)
    stream = training.batches(order_key, data, size=16, epochs=9, start=done)
    for number, (state, _) in enumerate(training.scan(step, state, stream), done + 1):  # noqa: B020
        if number % 4 == 0:
            keep(folder, number, state)
        if number == until:
            break
    return state


def test_a_jitted_run_goes_on_with_the_same_bits(jax: Any, tmp_path: Path) -> None:
    mask_key = jax.random.key(7)
    whole = go_on(tmp_path / "whole", 14, mask_key)
    for stop in (3, 10):
        go_on(tmp_path / "parts", stop, mask_key)
    assert tree.equal(go_on(tmp_path / "parts", 14, mask_key), whole)
    done, state = latest(tmp_path / "parts", whole) or (0, whole)
    assert done == 12 and all(isinstance(leaf, jax.Array) for leaf in tree.leaves(state))
    assert [int(leaf) for leaf in tree.leaves(state[1]) if leaf.dtype.kind == "i"] == [12, 12]
