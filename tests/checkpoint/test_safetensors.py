"""No changed byte is accepted; files of others, hostile ones too, give a clear error in bounded memory and time."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funcnn.checkpoint import CheckpointError, DamagedCheckpointError, load, safetensors, save

EVERY_VALUE = "FUNCNN_EVERY_BYTE" in os.environ
"""Change every byte to each of the 255 other values (a minute) instead of 10."""


class State(NamedTuple):
    steps: int
    mu: Any


TREE = ({"w": np.arange(3, dtype=np.float32), "b": np.ones((), np.int8)}, State(7, None), 0.5, "é", np.float64(2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.safetensors"


def refused(path: Path, like: Any = TREE) -> str:
    """The error of a damaged file."""
    with pytest.raises(DamagedCheckpointError) as caught:
        load(path, like)
    text = str(caught.value)
    assert text.startswith(f"load: {str(path)!r} ") and text.endswith("Load an older file, or save again")
    assert len(text) < 1000
    return text


# ---------------------------------------------------------------------------------------------- damage


def is_refused(path: Path) -> bool:
    try:
        load(path, TREE)
    except DamagedCheckpointError:
        return True
    return False


@pytest.mark.slow
def test_every_change_of_a_byte_is_refused(path: Path) -> None:
    save(path, TREE)
    whole = path.read_bytes()
    assert len(whole) < 1000
    flips = [1 << bit for bit in range(8)]
    accepted = []
    with open(path, "r+b", buffering=0) as file:
        for at, byte in enumerate(whole):
            others = set(range(256)) if EVERY_VALUE else {byte ^ flip for flip in flips} | set(b'0 "')
            for other in sorted(others - {byte}):
                os.pwrite(file.fileno(), bytes([other]), at)
                if not is_refused(path):
                    accepted.append((at, other))
            os.pwrite(file.fileno(), bytes([byte]), at)
    assert accepted == []
    assert load(path, TREE)[1].steps == 7


def test_every_truncation_and_extension_is_refused(path: Path) -> None:
    save(path, TREE)
    whole = path.read_bytes()
    for length in reversed(range(len(whole))):
        os.truncate(path, length)
        assert is_refused(path), length
    for more in (b"\0", b" ", b"\n", whole):
        path.write_bytes(whole + more)
        assert is_refused(path)
    path.write_bytes(whole)
    assert not is_refused(path)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_larger_damage_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    save(path, TREE)
    whole = path.read_bytes()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(whole))] * 2)))
    damaged = whole[:start] + data.draw(st.binary(max_size=40) | st.just(bytes(end - start))) + whole[end:]
    path.write_bytes(damaged)
    assert is_refused(path) == (damaged != whole)


def test_damage_is_named_before_what_does_not_fit(path: Path) -> None:
    save(path, TREE)
    raw = path.read_bytes()
    for old, new in ((b'0/w', b'0/v'), (b'"shape":[3]', b'"shape":[4]'), (b"checkpoint 1", b"checkpoint 2")):
        assert old in raw
        path.write_bytes(raw.replace(old, new))
        assert "sha256" in refused(path)
    assert "sha256" in refused(path, {"another": "form"})


def test_the_digest_is_that_of_the_file_with_zeros_in_its_place(path: Path) -> None:
    save(path, TREE)
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    digest = json.loads(raw[8:8 + length])["__metadata__"]["sha256"]
    assert hashlib.sha256(raw.replace(digest.encode(), b"0" * 64)).hexdigest() == digest
    assert (8 + length) % 64 == 0


def test_a_disk_that_cannot_be_read_counts_as_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path, TREE)

    class Failing(FileIO):
        def readinto(self, buffer: Any, /) -> int | None:
            if self.tell() > 8:
                raise OSError(5, "Input/output error")
            return super().readinto(buffer)

    monkeypatch.setattr(safetensors, "FileIO", Failing)
    assert "cannot be read: Input/output error" in refused(path)


def test_a_file_cut_off_while_it_is_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(path, TREE)

    class Vanishing(FileIO):
        def readinto(self, buffer: Any, /) -> int | None:
            if self.tell() > 8:
                os.truncate(path, 100)
            return super().readinto(buffer)

    monkeypatch.setattr(safetensors, "FileIO", Vanishing)
    assert "it ends before" in refused(path)


# --------------------------------------------------------------------------------------------- hostile


def plain(header: bytes | str | dict[str, Any], data: bytes = b"") -> bytes:
    """A file of another library."""
    text = json.dumps(header) if isinstance(header, dict) else header
    raw = text if isinstance(text, bytes) else text.encode()
    return len(raw).to_bytes(8, "little") + raw + data


def sealed(header: dict[str, Any], data: bytes) -> bytes:
    """A file with a digest that is right, whatever its header says."""
    metadata = header.get("__metadata__")
    entries = {"sha256": "0" * 64} | {k: v for k, v in (metadata or {}).items() if k != "sha256"}
    text = json.dumps({"__metadata__": entries} | {k: v for k, v in header.items() if k != "__metadata__"},
                      separators=(",", ":"))
    raw = plain(text, data)
    assert raw[8:].startswith(safetensors.OPENING)
    return raw.replace(b"0" * 64, hashlib.sha256(raw).hexdigest().encode(), 1)


@contextmanager
def bounded(memory: int, seconds: float = 5) -> Iterator[None]:
    tracemalloc.start()
    begin = time.process_time()
    try:
        yield
        taken, peak = time.process_time() - begin, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < memory and taken < seconds


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


EIGHT = b"12345678"

HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "it has 0 bytes"),
    "too short": (b"1234567", "it has 7 bytes"),
    "no header": (bytes(8), "it has 8 bytes"),
    "an empty header": (bytes(16), "not JSON"),
    "a header as long as can be": (b"\xff" * 8 + b"{}", "announce a header of 18446744073709551615"),
    "a header longer than the file": ((10**8).to_bytes(8, "little") + b"{}" * 9, "announce a header of 100000000"),
    "text": (b"once upon a time there was a file", "announce a header"),
    "zeros": (bytes(1000), "not JSON"),
    "a zip file": (b"PK\x03\x04" + bytes(60), "announce"),
    "no JSON": (plain("{ "), "not JSON"),
    "two values": (plain("{}{}"), "not JSON"),
    "a list": (plain("[]"), "not a JSON object"),
    "no UTF-8": (plain(b'{"\xff":1}'), "not UTF-8"),
    "a byte order mark": (plain(b"\xef\xbb\xbf{}"), "not JSON"),
    "deep lists": (plain("[" * 10**6), "nested too deep"),
    "deep objects": (plain('{"a":' * 10**6), "nested too deep"),
    "a long number": (plain('{"a":' + "9" * 10**6 + "}"), "a number is too long"),
    "NaN": (plain('{"a":NaN}'), "NaN is not JSON"),
    "a name twice": (plain('{"a":%s,"a":%s}' % ((json.dumps(entry()),) * 2), EIGHT), "a name is given twice"),
    "half of a surrogate pair": (plain(f'{{"\\ud800":{json.dumps(entry())}}}', EIGHT), "half of a surrogate pair"),
    "such metadata": (plain('{"__metadata__":{"a\\udfff":"b"}}'), "half of a surrogate pair"),
    "a field twice": (plain('{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', EIGHT), "twice"),
    "metadata twice": (plain('{"__metadata__":{},"__metadata__":{}}'), "twice"),
    "metadata that is a list": (plain({"__metadata__": []}), "__metadata__ is not text"),
    "metadata that is a number": (plain({"__metadata__": {"a": 1}}), "__metadata__ is not text"),
    "an entry that is a number": (plain({"a": 1}), "the entry of array 'a'"),
    "an entry with more": (plain({"a": entry(more=1)}, EIGHT), "the entry of array 'a'"),
    "an entry with less": (plain({"a": {"dtype": "F32", "shape": [2]}}, EIGHT), "the entry of array 'a'"),
    "a dtype that is a number": (plain({"a": entry(4)}, EIGHT), "the entry of array 'a'"),
    "a shape that is a text": (plain({"a": entry(shape="2")}, EIGHT), "the entry of array 'a'"),
    "a negative shape": (plain({"a": entry(shape=[-2])}, EIGHT), "the entry of array 'a'"),
    "two negative shapes": (plain({"a": entry(shape=[-2, -1])}, EIGHT), "the entry of array 'a'"),
    "a broken shape": (plain({"a": entry(shape=[2.0])}, EIGHT), "the entry of array 'a'"),
    "a true shape": (plain({"a": entry(shape=[True, 2])}, EIGHT), "the entry of array 'a'"),
    "a shape with None": (plain({"a": entry(shape=[None])}, EIGHT), "the entry of array 'a'"),
    "a shape of too many axes": (plain({"a": entry(shape=[2] + [1] * 99)}, EIGHT), "the entry of array 'a'"),
    "a shape that overflows": (plain({"a": entry(shape=[2**63, 2**63, 4])}, EIGHT), "has 8 bytes, which does not fit"),
    "a shape that overflows to its size": (plain({"a": entry(shape=[2**63 + 1, 2])}, EIGHT), "has 8 bytes"),
    "a shape that overflows to nothing": (plain({"a": entry(shape=[2**62, 4], offsets=[0, 0])}), "has 0 bytes"),
    "a wrong dtype": (plain({"a": entry("F64")}, EIGHT), "has 8 bytes, which does not fit its dtype and shape"),
    "three offsets": (plain({"a": entry(offsets=[0, 8, 8])}, EIGHT), "the entry of array 'a'"),
    "offsets backwards": (plain({"a": entry(offsets=[8, 0])}, EIGHT), "array 'a' has -8 bytes"),
    "an unknown array backwards": (plain({"a": entry(), "b": entry("X", [1], [8, 4])}, b"1234"), "'b' has -4 bytes"),
    "offsets out of range": (plain({"a": entry(offsets=[0, 8])}, b"1234"), "its header announces"),
    "huge offsets": (plain({"a": entry("U8", [2**62], [0, 2**62])}, EIGHT), "its header announces"),
    "offsets that start later": (plain({"a": entry(offsets=[1, 9])}, bytes(9)), "starts at byte 1 of the data, not"),
    "a hole": (plain({"a": entry(), "b": entry(offsets=[9, 17])}, bytes(17)), "'b' starts at byte 9 of the data, not"),
    "overlapping": (plain({"a": entry(), "b": entry(offsets=[4, 12])}, bytes(12)), "'b' starts at byte 4"),
    "twice the same place": (plain({"a": entry(), "b": entry()}, EIGHT), "'b' starts at byte 0"),
    "more data than arrays": (plain({"a": entry()}, EIGHT + b"9"), "its header announces"),
    "a long name": (plain({"a" * 10**6: 1}), "the entry of array 'aaa"),
    "our mark without a digest": (plain({"__metadata__": {"funcnn": "checkpoint 1", "tree": "{}"}}), "digest is gone"),
    "a digest in another place": (plain({"__metadata__": {"funcnn": "checkpoint 1", "sha256": "0" * 64}}), "is gone"),
    "a digest of something else": (plain('{"__metadata__":{"sha256":"' + "0" * 64 + '"}}'), "sha256 is not the one"),
    "a digest cut off": (plain('{"__metadata__":{"sha256":"0'), "not"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gives_a_clear_error(path: Path, name: str) -> None:
    raw, match = HOSTILE[name]
    path.write_bytes(raw)
    with bounded(memory=8 * len(raw) + 500_000):
        text = refused(path, {"a": np.ones(2, np.float32)})
    assert match in text


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["[],", "{},", "0,", '"",', "[[0]],"])
def test_many_small_values_take_memory_in_proportion(path: Path, piece: str) -> None:
    path.write_bytes(plain('{"a":[' + piece * (10**6 // len(piece)) + "0]}"))
    with bounded(memory=60 * 10**6):
        refused(path)


LISTED = {"": "dict", "a": "array", "n": {"int": 1}}


@pytest.mark.parametrize(("listed", "match"), [
    ("", "not JSON"), ("{}", "not a list of places"), ("[]", "not a list of places"), ('{"a":NaN}', "NaN"),
    ("[" * 10**5, "nested too deep"), ('{"a":"array","a":"array"}', "twice"),
    (LISTED | {"a": "dict"}, "its arrays are not those of its tree"),
    (LISTED | {"b": "array"}, "its arrays are not those"), (LISTED | {"b": "scalar"}, "its arrays are not those"),
    (LISTED | {"n": "int"}, "its tree has 'int', which is neither"), (LISTED | {"n": 1}, "its tree has 1"),
    (LISTED | {"n": {}}, "its tree has {}"), (LISTED | {"n": {"int": 1, "x": 2}}, "its tree has"),
    (LISTED | {"n": {"int": 1.0}}, "its tree has"), (LISTED | {"n": {"int": True}}, "its tree has"),
    (LISTED | {"n": {"int": "0xg"}}, "its tree has"), (LISTED | {"n": {"int": "7"}}, "its tree has"),
    (LISTED | {"n": {"int": None}}, "its tree has"), (LISTED | {"n": {"float": 1}}, "its tree has"),
    (LISTED | {"n": {"float": "7ff"}}, "its tree has"), (LISTED | {"n": {"str": 1}}, "its tree has"),
    (LISTED | {"n": {"array": 1}}, "its tree has"), (LISTED | {"n": {"os.system": "ls"}}, "its tree has"),
    (LISTED | {"n": "NamedTuple"}, "its tree has"), (LISTED | {"n": ["int", 1]}, "its tree has"),
    (LISTED | {"n": {"str": "x" * 10**6, "y": 1}}, "its tree has"),
])
def test_a_hostile_tree_gives_a_clear_error(path: Path, listed: Any, match: str) -> None:
    text = listed if isinstance(listed, str) else json.dumps(listed)
    path.write_bytes(sealed({"__metadata__": {"funcnn": "checkpoint 1", "tree": text}, "a": entry()}, EIGHT))
    assert match in refused(path, {"a": np.ones(2, np.float32), "n": 0})


def test_the_tester_makes_files_that_load(path: Path) -> None:
    listed = {"funcnn": "checkpoint 1", "tree": json.dumps(LISTED)}
    path.write_bytes(sealed({"__metadata__": listed, "a": entry()}, EIGHT))
    like: Any = {"a": np.ones(2, np.float32), "n": 0}
    assert load(path, like)["a"].tobytes() == EIGHT
    path.write_bytes(plain({"a": entry()}, EIGHT))
    assert load(path, {"a": np.ones(2, np.float32)})["a"].tobytes() == EIGHT


def test_a_later_version_is_named(path: Path) -> None:
    path.write_bytes(sealed({"__metadata__": {"funcnn": "checkpoint 2"}, "a": entry()}, EIGHT))
    with pytest.raises(CheckpointError, match="is a 'checkpoint 2', this version of funcnn reads"):
        load(path, {"a": np.ones(2, np.float32)})


@pytest.mark.parametrize("code", ["BF16", "F8_E4M3", "float32", "a dict", "", "?"])
def test_a_dtype_nobody_knows_never_fits(path: Path, code: str) -> None:
    likes: list[Any] = [np.ones(2, np.float32), 1.0, {}, None, "", True]
    for like in likes:
        path.write_bytes(plain({"a": entry(code)}, EIGHT))
        with pytest.raises(CheckpointError, match="does not fit"):
            load(path, {"a": like})
        listed = json.dumps({"": "dict", "a": "array"})
        path.write_bytes(sealed({"__metadata__": {"funcnn": "checkpoint 1", "tree": listed}, "a": entry(code)}, EIGHT))
        with pytest.raises(CheckpointError, match="does not fit"):
            load(path, {"a": like})


# ------------------------------------------------------------------------------------------------ fuzzing

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats() | st.text(max_size=3)
    | st.sampled_from(["array", "dict", "int", "F32", "F64", "U8", "checkpoint 1", "0" * 64]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=4)

LIKE = {"a": np.ones(2, np.float32), "b": (np.ones(0, np.uint8), 3)}


def good_header() -> dict[str, Any]:
    listed = {"": "dict", "a": "array", "b": "tuple", "b/0": "array", "b/1": {"int": 5}}
    return {"__metadata__": {"funcnn": "checkpoint 1", "tree": listed},
            "a": entry(), "b/0": entry("U8", [0], [8, 8])}


def places(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value inside a JSON value."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list | tuple) else ()
    for key, child in children:
        yield (*before, key)
        yield from places(child, (*before, key))


def changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    """A copy of a JSON value with another value at a place, or None of it for `...`."""
    value = copy.deepcopy(value if not isinstance(value, tuple) else list(value))
    key, *deeper = place
    if deeper:
        value[key] = changed(value[key], tuple(deeper), new)
    elif new is ...:
        del value[key]
    else:
        value[key] = new
    return value


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.data())
def test_fuzzed_headers(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    header = good_header()
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.sampled_from(list(places(header)) or [("x",)]))
        header = changed(header, place, data.draw(JSON | st.just(...))) if header else header
    metadata = header.get("__metadata__")
    if isinstance(metadata, dict) and not isinstance(metadata.get("tree", ""), str):
        metadata["tree"] = json.dumps(metadata["tree"])
    is_sealed = data.draw(st.booleans()) and (metadata is None or isinstance(metadata, dict))
    path.write_bytes(sealed(header, EIGHT) if is_sealed else plain(header, EIGHT))
    accepted_or_clear(path)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=60) | st.binary(max_size=60).map(plain) | JSON.map(lambda value: plain(json.dumps(value))))
def test_fuzzed_bytes(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    path.write_bytes(raw)
    accepted_or_clear(path)


def accepted_or_clear(path: Path) -> None:
    """A file is either loaded as `like` says, or refused by an error of ours."""
    came: Any = None
    refusal = f"{str(path)!r}"
    try:
        came = load(path, LIKE)
    except CheckpointError as error:
        refusal = str(error)
    assert repr(str(path)) in refusal
    if came is None:
        return
    assert came["a"].dtype == np.float32 and came["a"].tobytes() == EIGHT
    assert came["b"][0].dtype == np.uint8 and came["b"][0].shape == (0,)
    assert type(came["b"][1]) is int
