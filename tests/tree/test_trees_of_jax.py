"""Trees of arrays of JAX: the functions of `tree` treat them as they treat NumPy's, and say what they cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import random, tree
from funcnn.layers import dense


@pytest.fixture
def whole(jax: Any) -> Any:
    """Weights, a count, a typed key."""
    jnp = jax.numpy
    return fn.FrozenDict({"w": jnp.arange(6, dtype=np.float32).reshape(2, 3), "half": jnp.ones(2, jnp.bfloat16),
                          "count": jnp.int32(3), "key": jax.random.key(7)})


def test_astype_converts_floats_of_every_kind(jax: Any, whole: Any) -> None:
    for dtype in (np.float16, np.float64, jax.numpy.bfloat16):
        for converted in (tree.astype(whole, dtype), jax.jit(lambda t, dtype=dtype: tree.astype(t, dtype))(whole)):
            assert converted["w"].dtype == converted["half"].dtype == dtype
            assert isinstance(converted["w"], jax.Array) and converted["w"].tolist() == whole["w"].tolist()
            assert converted["count"].dtype == np.int32 and converted["key"].dtype == whole["key"].dtype
    lent = np.asarray(whole["half"])  # an array of NumPy, of a dtype that it does not know
    assert tree.astype({"w": lent}, np.float32)["w"].dtype == np.float32


def test_astype_converts_what_is_traced_and_leaves_numbers() -> None:
    def f(t: Any) -> Any:
        t = tree.astype(t, np.float16)
        return t["w"] * t["n"]  # a float16 times a number is a float16, times a float16 rounded first another

    params = {"w": np.full(2, 3.0), "n": 1 + 1e-3}
    assert f(params).dtype == np.float16
    assert fn.jit(f)(params).tobytes() == f(params).tobytes()
    assert fn.vmap(lambda w: f(params | {"w": w}))(np.full((4, 2), 3.0)).dtype == np.float16
    slope = fn.grad(lambda t: np.sum(f(t)))(params)
    assert slope["w"].dtype == np.float64 and slope["w"].tolist() == [np.float16(1 + 1e-3)] * 2


def test_ravel_stays_among_arrays_of_jax(jax: Any, whole: Any) -> None:
    numbers = {key: whole[key] for key in ("w", "count")} | {"plain": np.ones(2, np.float32), "one": 2.0}
    expected, undo = pytest.importorskip("jax.flatten_util").ravel_pytree(numbers)
    flat, unravel = tree.ravel(numbers)
    assert isinstance(flat, jax.Array) and flat.dtype == expected.dtype and flat.tolist() == expected.tolist()
    for came in (unravel(flat), jax.jit(lambda t: tree.ravel(t)[1](tree.ravel(t)[0]))(numbers)):
        assert all(isinstance(leaf, jax.Array) for leaf in tree.leaves(came))
        assert tree.equal(came, tree.map(np.asarray, undo(expected)))
    twice = jax.vmap(lambda x: tree.ravel({"a": x, "b": x})[0])(np.ones((4, 2)))
    assert twice.shape == (4, 4)


def test_ravel_without_64_bits_warns_of_nothing(jax: Any) -> None:
    with jax.enable_x64(False):
        flat, unravel = tree.ravel({"a": jax.numpy.ones(2), "n": 2.0})
        assert unravel(flat)["n"].dtype == np.float32


def test_ravel_names_a_typed_key(whole: Any) -> None:
    with pytest.raises(TypeError, match=r"tree\.ravel: a typed key at 'key' is no number"):
        tree.ravel(whole)


def test_equal_and_all_close_compare_arrays_of_both_kinds(jax: Any, whole: Any) -> None:
    here = fn.FrozenDict({key: leaf if key == "key" else np.asarray(leaf) for key, leaf in whole.items()})
    assert tree.equal(whole, whole) and tree.equal(whole, here) and tree.all_close(here, whole)
    other = tree.update_in(whole, ("w",), lambda w: w.at[1, 1].add(1e-6))
    assert not tree.equal(whole, other) and tree.all_close(whole, other)
    assert not tree.all_close(whole, tree.update_in(whole, ("half",), lambda x: x + 1))
    for key in (jax.random.key(8), jax.random.key(7, impl="rbg"), jax.random.key_data(whole["key"])):
        assert not tree.equal(whole["key"], key)


@pytest.mark.parametrize("compare", [tree.equal, tree.all_close])
def test_what_has_no_numbers_is_said(jax: Any, compare: Any) -> None:
    name = compare.__name__
    with pytest.raises(ValueError, match=rf"tree\.{name}: there is an array .* that JAX traces"):
        jax.jit(lambda x: compare(x, x))(np.ones(2))
    given = jax.numpy.ones(2)
    given.delete()
    with pytest.raises(ValueError, match=rf"tree\.{name}: there is an array .* given away \(donate_argnums\)"):
        compare(given, given)
    with pytest.raises(ValueError, match=rf"tree\.{name}: there is an array .* an outline"):
        compare(jax.ShapeDtypeStruct((2,), np.float32), np.ones(2, np.float32))


def test_a_frozen_dict_prints_arrays_of_jax_by_their_shapes(jax: Any) -> None:
    params = dense(2, 3).init(random.key(0))
    assert repr(jax.tree.map(jax.numpy.asarray, params)) == repr(params)
