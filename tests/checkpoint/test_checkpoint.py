"""A tree comes back from its file as it was, byte for byte; what does not fit is named; a folder keeps a run."""

from __future__ import annotations

import math
import os
import stat
import struct
import subprocess
import sys
import threading
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import funcnn
from funcnn import optimizers, random, tree
from funcnn.activations import relu
from funcnn.checkpoint import (
    CheckpointError,
    CheckpointNotFoundError,
    DamagedCheckpointError,
    all_steps,
    best,
    keep,
    latest,
    load,
    load_file,
    save,
)
from funcnn.layers import dense, residual
from funcnn.tree import FrozenDict

DTYPES = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "c8"]


class Pair(NamedTuple):
    first: Any
    second: Any


class Nothing(NamedTuple):
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.safetensors"


def there_and_back(path: Path, whole: Any) -> Any:
    save(path, whole)
    return load(path, whole)


def kinds(whole: Any) -> Any:
    """The types of all nodes and leaves."""
    if isinstance(whole, dict | FrozenDict):
        return type(whole), {key: kinds(child) for key, child in whole.items()}
    if isinstance(whole, tuple | list):
        return type(whole), [kinds(child) for child in whole]
    return type(whole)


def assert_same(came: Any, whole: Any) -> None:
    assert kinds(came) == kinds(whole)
    for (path, a), (_, b) in zip(tree.leaves_with_path(came), tree.leaves_with_path(whole), strict=True):
        if type(b) is float:
            assert struct.pack(">d", a) == struct.pack(">d", b), path
        elif isinstance(b, np.ndarray | np.generic):
            assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), path
        else:
            assert a == b, path


# ------------------------------------------------------------------------------------------- there and back


def test_a_whole_run_comes_back(path: Path) -> None:
    net = dense(2, 8) >> residual(dense(8, 8) >> relu) >> dense(8, 3)
    params = net.init(random.key(0))
    schedule = optimizers.chain(optimizers.clip_by_global_norm(1.0), optimizers.adam(0.05))
    state = (params, schedule.init(params), random.key(7), 12, 0.1, math.inf, "night run", None, True)
    came = there_and_back(path, state)
    assert_same(came, state)
    assert tree.equal(came[:4], state[:4])
    assert all(not leaf.flags.writeable for leaf in tree.leaves(came) if isinstance(leaf, np.ndarray))


def leaves() -> st.SearchStrategy[Any]:
    dtypes = st.sampled_from(DTYPES).flatmap(lambda name: st.sampled_from([np.dtype("<" + name), np.dtype(">" + name)]))
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    arrays = dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes))
    bits = st.integers(0, 2**64 - 1).map(lambda n: struct.unpack(">d", struct.pack(">Q", n))[0])
    texts = st.text(st.characters(exclude_categories=()), max_size=4)
    scalars = arrays.filter(lambda array: array.shape == ()).map(lambda array: array[()])
    return st.one_of(arrays, scalars, st.booleans(), st.integers(-2**80, 2**80), st.floats(), bits, texts)


def trees() -> st.SearchStrategy[Any]:
    keys = st.text("ab/~2", max_size=3) | st.sampled_from(["__metadata__", "sha256", "funcnn", "é", "dense_0"])

    def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        dicts = st.dictionaries(keys, inner, max_size=4)
        numbered = st.dictionaries(st.integers(-2, 2), inner, max_size=3)
        lists = st.lists(inner, max_size=3)
        return st.one_of(dicts, dicts.map(FrozenDict), numbered, lists, lists.map(tuple), st.builds(Pair, inner, inner))

    return st.recursive(leaves() | st.none() | st.builds(Nothing), nodes, max_leaves=8)


@settings(max_examples=150, deadline=None)
@given(trees())
def test_any_tree_comes_back(tmp_path_factory: pytest.TempPathFactory, whole: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    before = tree.map(lambda leaf: leaf.tobytes() if isinstance(leaf, np.ndarray) else leaf, whole)
    came = there_and_back(path, whole)
    assert_same(came, whole)
    for array in tree.leaves(came):
        if isinstance(array, np.ndarray):
            assert not array.flags.writeable and array.flags.c_contiguous
            assert array.size == 0 or not array.dtype.isnative or array.__array_interface__["data"][0] % 64 == 0
    after = tree.map(lambda leaf: leaf.tobytes() if isinstance(leaf, np.ndarray) else leaf, whole)
    assert repr(before) == repr(after)


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: x.T,
    "every other": lambda x: x[::2, ::3],
    "backwards": lambda x: x[::-1, ::-1],
    "one number for all": lambda x: np.broadcast_to(x[0, 0], (700, 900)),
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "not aligned": lambda x: np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "a row": lambda x: x[3],
    "a number": lambda x: x[3, 4].reshape(()),
    "empty": lambda x: x[:, :0],
    "wide rows": lambda x: np.broadcast_to(x[:1], (2, *x.shape))[:, ::2],
}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f4", "c8", "?"])
def test_any_layout_comes_back(path: Path, name: str, dtype: str) -> None:
    whole = LAYOUTS[name]((np.arange(700 * 900) % 251).astype(dtype).reshape(700, 900))  # more than one chunk
    assert_same(there_and_back(path, {"x": whole})["x"], whole)


def test_a_memory_mapped_array_comes_back_as_an_array(path: Path, tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "data", np.float32, "w+", shape=(3, 4))
    mapped[:] = 7
    came = there_and_back(path, mapped)
    assert type(came) is np.ndarray
    assert np.array_equal(came, mapped)


def test_the_saved_tree_keeps_its_bytes_and_flags(path: Path) -> None:
    mine, frozen = np.ones((3, 4)), np.ones(3)
    frozen.setflags(write=False)
    whole: dict[str, Any] = {"mine": mine, "part": mine[:, 1], "frozen": frozen, "list": [1, 2]}
    came = there_and_back(path, whole)
    assert mine.flags.writeable and whole["part"].flags.writeable and not frozen.flags.writeable
    assert (mine == 1).all() and whole["list"] == [1, 2]
    assert not came["mine"].flags.writeable
    assert not np.shares_memory(came["mine"], mine)


def test_equal_trees_give_equal_files(tmp_path: Path) -> None:
    save(tmp_path / "a", {"x": np.ones(3), "y": (1, 2.5)})
    save(tmp_path / "b", FrozenDict({"y": (1, 2.5), "x": np.ones(6)[::2]}))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_form_decides_which_dict_and_which_kind_of_array(path: Path) -> None:
    save(path, FrozenDict({"w": np.float32(2.0), "v": np.ones((), np.float32), "u": np.ones(2, ">f4")}))
    like = {"w": np.zeros((), np.float32), "v": np.float32(0), "u": np.zeros(2, np.float32)}
    came = load(path, like)
    assert_same(came, {"w": np.array(2, np.float32), "v": np.float32(1), "u": np.ones(2, np.float32)})


def test_a_float64_stays_one_where_a_float_was(path: Path) -> None:
    save(path, {"best": np.float64(0.25)})
    came = load(path, {"best": math.inf})["best"]
    assert type(came) is np.float64  # a float, so the type is kept; and the next steps give the same bits
    assert came == 0.25


# ------------------------------------------------------------------------------------ other programs' files


def test_the_official_library_reads_what_save_has_written(path: Path) -> None:
    official = pytest.importorskip("safetensors.numpy")
    arrays = {name: np.arange(6).astype(name).reshape(2, 3) for name in DTYPES}
    save(path, ({"residual_0/dense_0": arrays, "a": {"b": np.ones(1)}, "a/b": np.zeros(1)}, 7, np.zeros((0, 3))))
    found = official.load_file(path)
    assert found.keys() == {f"0/residual_0/dense_0/{name}" for name in DTYPES} | {"0/a/b", "0/a~1b", "2"}
    assert_same(found, {**{f"0/residual_0/dense_0/{name}": array for name, array in arrays.items()},
                        "0/a/b": np.ones(1), "0/a~1b": np.zeros(1), "2": np.zeros((0, 3))})


def test_load_reads_what_the_official_library_has_written(path: Path) -> None:
    official = pytest.importorskip("safetensors.numpy")
    arrays = {f"net/dense_{i}/{name}": np.full((i, 2), i, name) for i in range(3) for name in ("f4", "i2", "?")}
    official.save_file(arrays, path, {"format": "np"})
    like: Any = {"net": {f"dense_{i}": {name: np.zeros((i, 2), name) for name in ("f4", "i2", "?")} for i in range(3)}}
    came = load(path, like)
    assert_same(came["net"]["dense_2"]["i2"], arrays["net/dense_2/i2"])
    assert_same(load(path, dict(arrays)), arrays)
    assert_same(load(path, like["net"]["dense_1"], at="net/dense_1"), came["net"]["dense_1"])
    assert_same(load(path, like["net"]["dense_1"], at=("net", "dense_1")), came["net"]["dense_1"])
    official.save_file({"": np.ones(2)}, path)
    assert_same(load(path, np.zeros(2)), np.ones(2))


def test_what_does_not_fit_in_a_file_of_the_official_library_is_named(path: Path) -> None:
    official = pytest.importorskip("safetensors.numpy")
    official.save_file({"a/w": np.ones(2), "a/v": np.ones(2), "b": np.ones(1)}, path)
    with pytest.raises(CheckpointError) as caught:
        load(path, {"a": {"w": np.ones(3), "u": np.ones(1), "n": 3}, "b": {"c": np.ones(1)}})
    assert str(caught.value).split("\n")[1:-1] == [
        "  'a/n' is missing in the file; `like` has an int",
        "  'a/u' is missing in the file; `like` has float64[1]",
        "  'a/w' is float64[2] in the file, float64[3] in `like`",
        "  'b' is float64[1] in the file, a dict in `like`",
        "  'a/v' is in the file, float64[2], and not in `like`",
    ]


def test_a_file_of_others_with_more_arrays_says_the_way_out(path: Path) -> None:
    official = pytest.importorskip("safetensors.numpy")
    official.save_file({"w": np.ones(2), "head.b": np.ones(3, np.float32)}, path)
    with pytest.raises(CheckpointError, match=r"'head.b' is in the file, float32\[3\], and not in `like`") as caught:
        load(path, {"w": np.zeros(2)})
    assert "a file of another library" in str(caught.value)
    assert "leave_out=True if you do not need all of them" in str(caught.value)
    np.testing.assert_array_equal(load(path, {"w": np.zeros(2)}, leave_out=True)["w"], np.ones(2))
    assert_same(load(path, {"w": np.zeros(2), "head.b": np.zeros(3, np.float32)})["w"], np.ones(2))
    assert load(path, np.zeros(2), at="w").tolist() == [1, 1]


def test_a_file_of_others_with_other_names(path: Path) -> None:
    official = pytest.importorskip("safetensors.numpy")
    arrays = {"enc.weight": np.ones((2, 3)), "enc.bias": np.ones(3), "w": np.zeros(5), "head/w": np.zeros(1)}
    official.save_file(arrays, path)
    like = {"dense_0": {"w": np.zeros((2, 3)), "b": np.zeros(3)}}
    names = {"dense_0/w": "enc.weight", "dense_0/b": "enc.bias"}
    found = load(path, like, names=names, leave_out=True)
    assert tree.equal(found, {"dense_0": {"w": arrays["enc.weight"], "b": arrays["enc.bias"]}})
    one = load(path, {"w": np.zeros(3)}, names={"w": "enc.bias"}, leave_out=True)  # a "w" is there, and not meant
    np.testing.assert_array_equal(one["w"], np.ones(3))
    np.testing.assert_array_equal(load(path, {"w": np.zeros(1)}, at="head")["w"], [0.0])
    np.testing.assert_array_equal(load(path, {"v": np.zeros(5)}, at="head", names={"v": "w"}, leave_out=True)["v"],
                                  np.zeros(5))
    with pytest.raises(CheckpointError, match=r"'w itself' is in the file, float64\[5\], and not in `like`"):
        load(path, {"w": np.zeros(3)}, names={"w": "enc.bias"})
    with pytest.raises(CheckpointError, match=r"'dense_0/w' is missing in the file; `like` has float64\[2, 3\]"):
        load(path, like, names=names | {"dense_0/w": "dec.weight"}, leave_out=True)
    with pytest.raises(CheckpointError, match=r"names has 'dense_1/w', which `like` has not; it has 'dense_0/b'"):
        load(path, like, names={"dense_1/w": "enc.weight"})
    found_all = load_file(path)
    assert {name: x.tolist() for name, x in found_all.items()} == {name: x.tolist() for name, x in arrays.items()}
    assert not found_all["w"].flags.writeable


def test_of_ones_own_file_some_may_be_left_out_and_no_names_are_given(path: Path) -> None:
    save(path, {"w": np.ones(2), "head": {"w": np.ones(3)}, "steps": 7})
    assert tree.equal(load(path, {"w": np.zeros(2)}, leave_out=True), {"w": np.ones(2)})
    assert list(load_file(path)) == ["head/w", "w"]
    with pytest.raises(CheckpointError, match="is a file of funcnn, whose arrays are where they were saved"):
        load(path, {"w": np.zeros(2)}, names={"w": "head/w"})
    with pytest.raises(CheckpointError, match="'v' is missing"):
        load(path, {"v": np.zeros(2)}, leave_out=True)


def test_bfloat16_is_widened_to_the_same_numbers(path: Path) -> None:
    bits = np.arange(2**16, dtype="<u2")  # every bfloat16
    header = (b'{"a":{"dtype":"BF16","shape":[256,256],"data_offsets":[0,131072]},'
              b'"n":{"dtype":"BF16","shape":[],"data_offsets":[131072,131074]},'
              b'"none":{"dtype":"BF16","shape":[0],"data_offsets":[131074,131074]}}')
    path.write_bytes(len(header).to_bytes(8, "little") + header + bits.tobytes() + b"\x40\xc0")
    like = {"a": np.zeros((256, 256), np.float32), "n": np.zeros((), np.float32), "none": np.zeros(0, np.float32)}
    came = load(path, like)
    assert_same({"n": came["n"], "none": came["none"]}, {"n": np.array(-3, np.float32), "none": like["none"]})
    assert (came["a"].ravel().view(np.uint32) == bits.astype(np.uint32) * 65536).all()
    assert came["a"].ctypes.data % 64 == 0 and not came["a"].flags.writeable
    with pytest.raises(CheckpointError, match=r"'n' is bfloat16\[\] in the file, float64\[\] in `like`"):
        load(path, like | {"n": np.zeros(())})


def test_bfloat16_of_another_library_is_that_library_s(path: Path) -> None:
    torch = pytest.importorskip("torch")
    official = pytest.importorskip("safetensors.torch")
    w = torch.linspace(-3, 3, 50).to(torch.bfloat16)
    official.save_file({"w": w}, path)
    assert load(path, {"w": np.zeros(50, np.float32)})["w"].tolist() == w.float().tolist()


def test_a_dtype_that_numpy_has_not_is_named(path: Path) -> None:
    header = (b'{"a":{"dtype":"F8_E8M0","shape":[4],"data_offsets":[0,4]},'
              b'"b":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}}')
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"12345")
    with pytest.raises(CheckpointError, match=r"'a' is 'F8_E8M0'\[4\] in the file, float32\[2\] in `like`"):
        load(path, {"a": np.ones(2, np.float32), "b": np.ones(1, np.uint8)})
    assert load(path, np.zeros(1, np.uint8), at="b").tobytes() == b"5"


# ------------------------------------------------------------------------------------------ parts of a file


STATE: Any = ({"dense_0": {"w": np.ones((2, 3)), "b": np.zeros(3)}, "residual_0/dense_0": {"w": np.full(2, 5.0)}},
              Pair(3, [np.arange(4), 0.5]), {"x": {"y": np.ones(1)}, "x/y": np.zeros(1)})


@pytest.mark.parametrize(("at", "part"), [
    ("", STATE), ((), STATE), ("0", STATE[0]), (0, STATE[0]), ((0,), STATE[0]), (("0",), STATE[0]),
    ("0/dense_0", STATE[0]["dense_0"]), ((0, "dense_0", "w"), STATE[0]["dense_0"]["w"]),
    ("0/residual_0/dense_0", STATE[0]["residual_0/dense_0"]), ((0, "residual_0/dense_0", "w"), np.full(2, 5.0)),
    ("1", STATE[1]), ("1/first", 3), ("1/second/1", 0.5), ("2/x/y", np.ones(1)), ((2, "x/y"), np.zeros(1)),
])
def test_a_part_is_loaded(path: Path, at: Any, part: Any) -> None:
    save(path, STATE)
    assert_same(load(path, part, at=at), part)


def test_a_place_that_is_not_there_is_named_with_those_that_are(path: Path) -> None:
    save(path, {"params": {"w": np.ones(2)}, "count": 3})
    with pytest.raises(CheckpointError, match="nothing at 'opt'; at its top it has 'count', 'params'"):
        load(path, 3, at="opt")
    with pytest.raises(CheckpointError, match=r"a key of the tree is 1.5"):
        load(path, 3, at=(1.5,))  # type: ignore[arg-type]  # so it is
    with pytest.raises(CheckpointError, match="at its top the file has 'count', 'params'"):
        load(path, {"w": np.ones(2)})


def test_a_part_takes_the_memory_of_the_part(path: Path) -> None:
    save(path, {"big": np.ones(1 << 20), "small": np.ones(8)})
    tracemalloc.start()
    try:
        came = load(path, np.ones(8), at="small")
        used, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_same(came, np.ones(8))
    assert used < 1 << 17 and peak < 3 << 20


# ---------------------------------------------------------------------------------------- what does not fit

LIKE = {"w": np.ones((2, 3), np.float32), "n": 3, "t": (1.0, "a"), "p": Pair(1, None), "l": [True], "e": {}}


@pytest.mark.parametrize(("changed", "line"), [
    ({"w": np.ones((2, 4), np.float32)}, "'w' is float32[2, 4] in the file, float32[2, 3] in `like`"),
    ({"w": np.ones((2, 3), np.float64)}, "'w' is float64[2, 3] in the file, float32[2, 3] in `like`"),
    ({"w": 1.0}, "'w' is a float in the file, float32[2, 3] in `like`"),
    ({"w": {"x": np.ones(1)}}, "'w' is a dict in the file, float32[2, 3] in `like`"),
    ({"w": None}, "'w' is None in the file, float32[2, 3] in `like`"),
    ({"n": 3.0}, "'n' is a float in the file, an int in `like`"),
    ({"n": True}, "'n' is a bool in the file, an int in `like`"),
    ({"n": np.int64(3)}, "'n' is int64[] in the file, an int in `like`"),
    ({"t": (np.float32(1), "a")}, "'t/0' is float32[] in the file, a float in `like`"),
    ({"t": [1.0, "a"]}, "'t' is a list in the file, a tuple in `like`"),
    ({"t": (1.0,)}, "'t/1' is missing in the file; `like` has a str"),
    ({"t": (1.0, "a", 7)}, "'t/2' is in the file, an int, and not in `like`"),
    ({"p": (1, None)}, "'p' is a tuple in the file, a NamedTuple Pair in `like`"),
    ({"p": Nothing()}, "'p' is a NamedTuple Nothing in the file, a NamedTuple Pair in `like`"),
    ({"p": Pair(1, [])}, "'p/second' is a list in the file, None in `like`"),
    ({"l": []}, "'l/0' is missing in the file; `like` has a bool"),
    ({"e": {"x": 1}}, "'e/x' is in the file, an int, and not in `like`"),
    ({"more": np.ones(1)}, "'more' is in the file, float64[1], and not in `like`"),
    ({"more": []}, "'more' is in the file, a list, and not in `like`"),
])
def test_a_misfit_is_named(path: Path, changed: dict[str, Any], line: str) -> None:
    save(path, LIKE | changed)
    with pytest.raises(CheckpointError) as caught:
        load(path, LIKE)
    assert not isinstance(caught.value, DamagedCheckpointError)
    first, *lines = str(caught.value).split("\n")
    assert first == f"load: {str(path)!r} does not fit `like` in 1 place:"
    assert lines[0] == "  " + line and len(lines) == 2


def test_all_misfits_are_named_together(path: Path) -> None:
    save(path, {f"w{i}": np.ones(i) for i in range(150)})
    with pytest.raises(CheckpointError) as caught:
        load(path, {f"w{i}": np.ones(i + i % 2) for i in range(100)})
    text = str(caught.value)
    assert "in 100 places" in text  # 50 of another shape, 50 that `like` has not
    assert all(f"'w{i}' is" in text for i in [*range(1, 100, 2), *range(100, 150)])
    with pytest.raises(CheckpointError, match=r"in 150 places:(.|\n)*and 50 more"):
        load(path, {})


def test_another_net_and_another_optimizer_are_named(path: Path) -> None:
    params = (dense(2, 3) >> dense(3, 4)).init(random.key(0))
    save(path, (params, optimizers.adam(0.1).init(params)))
    other = (dense(2, 3) >> dense(3, 5)).init(random.key(0))
    with pytest.raises(CheckpointError, match=r"'0/dense_1/w' is float32\[3, 4\] in the file, float32\[3, 5\]"):
        load(path, (other, optimizers.adam(0.1).init(other)))
    with pytest.raises(CheckpointError, match="'1/0' is a NamedTuple AdamState in the file, a NamedTuple"):
        load(path, (params, optimizers.sgd(0.1).init(params)))


@pytest.mark.parametrize(("leaf", "came"), [
    (object(), "an object"), (1j, r"1j \(complex\)"), (b"x", r"b'x' \(bytes\)"), (np.ones(1, complex),
        "an array of .*complex128"),
    (np.array(["x"]), "an array of .*<U1"), (np.array([object()]), "an array of .*object"),
    (np.ones(1, "m8[s]"), "an array of .*timedelta64"), (np.ones(1, [("a", "f4")]), "an array of"),
    (np.ones(1, np.clongdouble), "an array of .*(clongdouble|complex256)"), (abs, "the function abs"),
    (np.ones((1, 1)).view(np.matrix), "a matrix"), (np.ones(1).view(np.ma.MaskedArray), "a MaskedArray"),
    (np.datetime64("2026-01-01"), "np.datetime64"),
])
@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_a_leaf_that_cannot_be_saved_is_named(path: Path, leaf: Any, came: str) -> None:
    with pytest.raises(CheckpointError, match="at 'net/1' stands " + came):
        save(path, {"net": [1, leaf]})
    with pytest.raises(CheckpointError, match="at the root stands " + came):
        save(path, leaf)
    assert not path.exists()


@pytest.mark.parametrize(("whole", "match"), [
    ({1.5: 1}, "a key of the tree is 1.5"), ({True: 1}, "a key of the tree is True"),
    ({(1, 2): 1}, "a key of the tree is"), ({b"x": 1}, "a key of the tree is b'x'"),
    ({"\ud800": 1}, "a key of the tree is"), ({1: 1, "a": 2}, "no common order"), ({1, 2}, "a set is not a kind"),
])
def test_a_tree_that_cannot_be_saved_is_refused(path: Path, whole: Any, match: str) -> None:
    with pytest.raises(CheckpointError, match=match):
        save(path, whole)
    with pytest.raises(CheckpointError, match=match):
        load(path, whole)


@pytest.mark.parametrize("text", ["\ud83d\ude00", "\ud800", "a\udfff\ud83d\ude00é", "\U0001f600", "\ud83d" * 3])
def test_a_text_with_halves_of_surrogate_pairs_comes_back(path: Path, text: str) -> None:
    save(path, {"text": text, "n": 1})
    came: dict[str, Any] = load(path, {"text": "", "n": 0})
    assert came == {"text": text, "n": 1} and len(came["text"]) == len(text)


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, -2**63 - 1, -(10**30)])
def test_an_integer_of_any_length_comes_back(path: Path, number: int) -> None:
    save(path, number)
    assert load(path, 0) == number


def test_keys_that_are_written_alike_stay_apart(path: Path) -> None:
    whole = {"a": {"b": 1}, "a/b": 2, "a~1b": 3, "a~01b": 4, "": 5, "~2": 6, "~02": 7}
    save(path, whole)
    assert load(path, whole) == whole


def test_a_tree_that_holds_itself_is_refused(path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(CheckpointError, match="or one holds itself"):
        save(path, endless)


def test_values_watched_by_grad_are_refused(path: Path) -> None:
    def loss(w: Any) -> Any:
        save(path, {"w": w})
        return np.sum(w)

    with pytest.raises((TypeError, CheckpointError)):
        funcnn.grad(loss)(np.ones(2))
    assert not path.exists()


# --------------------------------------------------------------------------------------------- the file


def test_a_missing_file_is_a_file_not_found_error(path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match=r"there is no file '.*run\.safetensors'"):
        load(path, 1)
    with pytest.raises(FileNotFoundError):
        load(path, 1)
    with pytest.raises(CheckpointError, match=r"cannot read .*: Not a directory") as caught:
        load(Path(__file__) / "run.safetensors", 1)
    assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("use", [lambda path: save(path, 1), lambda path: load(path, 1)], ids=["save", "load"])
def test_what_is_no_file_is_refused(tmp_path: Path, use: Callable[[Any], Any]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/null", "", f"{tmp_path}/new/"):
        with pytest.raises(CheckpointError):
            use(path)
    with pytest.raises(CheckpointError, match="no path can have"):
        use("a\0b")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_paths_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("a", b"b", Path("c"), "é" * 127, str(tmp_path / "d")):
        save(path, 1)  # type: ignore[arg-type]  # bytes are not promised, but work
        assert load(path, 0) == 1  # type: ignore[arg-type]  # as above
    assert sorted(os.listdir()) == ["a", "b", "c", "d", "é" * 127]


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    save(tmp_path / "runs" / "7" / "state", 1)
    assert load(tmp_path / "runs" / "7" / "state", 0) == 1
    with pytest.raises(CheckpointError, match="Not a directory"):
        save(tmp_path / "runs" / "7" / "state" / "more", 1)


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "state")
    for value in (1, 2):  # the first time, it points to nothing
        save(tmp_path / "link", value)
        assert (tmp_path / "link").is_symlink()
        assert load(tmp_path / "there" / "state", 0) == load(tmp_path / "link", 0) == value
    assert os.listdir(tmp_path / "there") == ["state"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_permissions_are_ordinary_and_stay(path: Path) -> None:
    before = os.umask(0o027)
    try:
        save(path, 1)
        assert mode(path) == 0o640
        path.chmod(0o604)
        save(path, 2)
        assert mode(path) == 0o604
    finally:
        os.umask(before)


def test_loading_takes_the_memory_of_the_arrays_and_saving_next_to_none(path: Path) -> None:
    size = 32 << 20
    whole = {"a": np.ones(size // 16), "b": np.ones((2048, size // 2 // 2048 // 8)).T}
    tracemalloc.start()
    try:
        save(path, whole)
        saving = tracemalloc.get_traced_memory()[1]
        tracemalloc.clear_traces()
        came = load(path, whole)
        used, loading = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert saving < 4 << 20
    assert size <= used < size + (1 << 20) and loading < size + (4 << 20)
    assert_same(came["b"], whole["b"])


def test_threads_save_and_load_files_of_their_own_and_a_common_one(tmp_path: Path) -> None:
    failed: list[BaseException] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            start.wait()
            for i in range(12):
                whole = {"w": np.full(1000 + number, i), "from": number}
                save(tmp_path / str(number), whole)
                assert_same(load(tmp_path / str(number), whole), whole)
                save(tmp_path / "common", {"w": np.full(1000, number), "from": number})
                common: Any = load(tmp_path / "common", {"w": np.full(1000, 0), "from": 0})
                assert (common["w"] == common["from"]).all()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(os.listdir(tmp_path)) == [*map(str, range(8)), "common"]


def test_importing_it_costs_little() -> None:
    program = ("import sys, numpy; before = set(sys.modules); import funcnn.checkpoint; "
               "print(*{'json', 'hashlib', 'pathlib', 'fcntl', 'concurrent.futures'} & (set(sys.modules) - before))")
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True,
                             cwd=Path(__file__).parents[2]).stdout
    assert printed.split() == []


# ------------------------------------------------------------------------------------- a run in a folder


def run(folder: Path, values: dict[int, float | None], last: int = 3) -> None:
    for step, value in values.items():
        keep(folder, step, {"step": step, "w": np.full(3, step)}, last=last, value=value)


FORM = {"step": 0, "w": np.full(3, 0)}


def found(result: Any) -> int | None:
    """The step that `latest` or `best` gives, whose tree must be that of the step."""
    if result is None:
        return None
    step, came = result
    assert_same(came, {"step": step, "w": np.full(3, step)})
    return int(step)


def test_the_last_and_the_best_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert latest(folder, FORM) is best(folder, FORM) is None
    values: dict[int, float | None] = {1: 5.0, 2: 3.0, 3: None, 4: math.nan, 5: 3.0, 6: 4.0, 7: math.inf}
    kept = []
    for step, value in values.items():
        path = keep(folder, step, {"step": step, "w": np.full(3, step)}, last=2, value=value)
        assert path == folder / f"step_{step:08d}.safetensors" and path.is_file()
        kept.append(all_steps(folder))
    assert kept == [[1], [1, 2], [2, 3], [2, 3, 4], [2, 4, 5], [2, 5, 6], [2, 6, 7]]
    assert found(latest(folder, FORM)) == 7
    assert found(best(folder, FORM)) == 2
    assert latest(folder, np.full(3, 0), at="w")[0] == 7  # type: ignore[index]  # there is one
    assert best(folder, np.full(3, 0), at="w")[1].tolist() == [2, 2, 2]  # type: ignore[index]  # as above


@settings(max_examples=40, deadline=None)
@given(st.lists(st.none() | st.floats(width=16), max_size=9), st.integers(1, 3))
def test_what_is_kept_is_as_defined(tmp_path_factory: pytest.TempPathFactory, values: list[float | None],
                                    last: int) -> None:
    folder = tmp_path_factory.mktemp("run")
    run(folder, dict(enumerate(values)), last)
    numbers = {step: value for step, value in enumerate(values) if value is not None and not math.isnan(value)}
    best_step = min(numbers, key=lambda step: numbers[step], default=None)
    assert set(all_steps(folder)) == {*range(len(values))[-last:]} | ({best_step} - {None})
    assert found(best(folder, FORM)) == best_step
    assert found(latest(folder, FORM)) == (len(values) - 1 if values else None)


def test_a_run_without_values_has_no_best(tmp_path: Path) -> None:
    run(tmp_path, {1: None, 2: math.nan})
    assert best(tmp_path, FORM) is None
    assert found(latest(tmp_path, FORM)) == 2


def damage(path: Path, at: int = -1) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("harm", [
    damage, lambda path: damage(path, 40), lambda path: damage(path, 0), lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[:-5]), lambda path: path.write_bytes(bytes(500)),
], ids=["data", "header", "length", "empty", "cut off", "zeros"])
def test_a_damaged_file_is_passed_over_and_named(tmp_path: Path, harm: Callable[[Path], Any]) -> None:
    run(tmp_path, {10: 1.0, 20: 2.0, 30: 0.5})
    harm(tmp_path / "step_00000030.safetensors")
    with pytest.warns(RuntimeWarning, match="step_00000030.safetensors' is not whole") as caught:
        assert found(latest(tmp_path, FORM)) == 20
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match="step_00000030.safetensors' is not whole"):
        assert found(best(tmp_path, FORM)) == 10
    run(tmp_path, {25: 3.0})  # goes on from 20
    assert (tmp_path / "step_00000030.safetensors").exists()
    run(tmp_path, {30: 4.0})  # and replaces what was damaged
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert found(latest(tmp_path, FORM)) == 30


def test_who_looks_while_the_run_goes_on_finds_a_step(tmp_path: Path) -> None:
    keep(tmp_path, 0, {"step": 0, "w": np.full(3, 0)})
    going = threading.Thread(target=run, args=(tmp_path, {step: -step for step in range(1, 60)}, 1))
    going.start()
    seen = [0]
    while going.is_alive():
        for search in (latest, best):
            seen.append(found(search(tmp_path, FORM)) or 0)
    going.join()
    assert seen == sorted(seen)
    assert found(latest(tmp_path, FORM)) == 59


def test_a_folder_of_damaged_files_only_is_an_error(tmp_path: Path) -> None:
    run(tmp_path, {1: 1.0, 2: 2.0})
    for path in tmp_path.iterdir():
        damage(path)
    for search in (latest, best):
        with (pytest.warns(RuntimeWarning) as caught,
              pytest.raises(DamagedCheckpointError, match=r"none of the steps \[[12], [12]\]")):
            search(tmp_path, FORM)
        assert len(caught) == 2


def test_another_form_is_an_error_and_nothing_is_passed_over(tmp_path: Path) -> None:
    run(tmp_path, {1: 1.0, 2: 2.0})
    for search in (latest, best):
        with pytest.raises(CheckpointError, match="'w' is int64") as caught:
            search(tmp_path, {"step": 0, "w": 1.0})
        assert not isinstance(caught.value, DamagedCheckpointError)


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    others = ["notes.txt", "step_1.safetensors", "step_00000002.safetensors.bak", "astep_00000003.safetensors",
              "step_000000004.safetensors", "step_00000005.safetensors", ".funcnn-abc.tmp",
              ".funcnn-0123456789abcdef.tmpx"]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    save(tmp_path / "step_00000006.safetensors", {"step": 6, "w": np.full(3, 6)})  # not by keep
    folders = ["step_00000007.safetensors", "step_00000077.safetensors"]
    for name in folders:
        (tmp_path / name).mkdir()
    run(tmp_path, dict.fromkeys(range(10, 20)), last=1)
    assert all_steps(tmp_path) == [5, 6, 19] and found(latest(tmp_path, FORM)) == 19
    assert sorted(os.listdir(tmp_path)) == sorted([*others, *folders, "step_00000006.safetensors",
                                                   "step_00000019.safetensors"])
    assert all((tmp_path / name).read_bytes() == b"mine" for name in others)


@pytest.mark.parametrize("look", [latest, best])
def test_a_step_under_the_name_of_another_is_an_error(tmp_path: Path, look: Callable[..., Any]) -> None:
    run(tmp_path, {10: 0.2, 20: 0.1})
    last = tmp_path / "step_00000020.safetensors"
    for name in ("step_00000030.safetensors", "step_00000010.safetensors"):
        last = last.rename(tmp_path / name)
        with pytest.raises(CheckpointError, match=r"was kept as step 20, so .* name it 'step_00000020.safetensors'"):
            look(tmp_path, FORM)
    last.rename(tmp_path / "step_00000020.safetensors")
    assert found(look(tmp_path, FORM)) == 20


def test_two_runs_do_not_mix(tmp_path: Path) -> None:
    run(tmp_path, {10: None, 20: None})
    with pytest.raises(CheckpointError, match=r"step 15 is before step 20, which .* has already"):
        run(tmp_path, {15: None})
    assert all_steps(tmp_path) == [10, 20]
    keep(tmp_path, 20, {"step": 20, "w": np.full(3, 20)}, value=1.0)
    assert found(best(tmp_path, FORM)) == 20


@pytest.mark.parametrize(("step", "last", "value", "match"), [
    (-1, 1, None, "step must be from 0 to 9*, got -1"), (1.0, 1, None, "step must be .* got 1.0"),
    (True, 1, None, "step must be"), ("1", 1, None, "step must be"), (10**18, 1, None, "step must be"),
    (1, 0, None, "last must be from 1 to 9*, got 0"), (1, None, None, "last must be"),
    (1, 1, "good", "value must be a number, such as a loss"), (1, 1, [1], "value must be"),
])
def test_what_keep_does_not_take(tmp_path: Path, step: Any, last: Any, value: Any, match: str) -> None:
    with pytest.raises(CheckpointError, match=match):
        keep(tmp_path, step, 1, last=last, value=value)
    assert os.listdir(tmp_path) == []


def test_steps_and_values_of_numpy_are_taken(tmp_path: Path) -> None:
    keep(tmp_path, np.int32(123456789012 % 2**31), 1, value=np.float32(0.1))  # type: ignore[arg-type]  # as it comes
    assert best(tmp_path, 0) == (123456789012 % 2**31, 1)


def test_a_file_that_cannot_be_removed_stays_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, {1: None})

    def refuse(path: Any) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.warns(RuntimeWarning, match=r"cannot remove .*step_00000001\.safetensors.: Permission denied"):
        keep(tmp_path, 2, {"step": 2, "w": np.full(3, 2)}, last=1)
    assert all_steps(tmp_path) == [1, 2]


def test_steps_sort_as_numbers(tmp_path: Path) -> None:
    run(tmp_path, dict.fromkeys((7, 99999999, 100000000, 10**17)), last=9)
    assert all_steps(tmp_path) == [7, 99999999, 100000000, 10**17]
    assert found(latest(tmp_path, FORM)) == 10**17
