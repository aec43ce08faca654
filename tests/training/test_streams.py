"""A stream begins anywhere at once, data in files stays there until it is needed, a split is a function of its key."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funcnn import random, tree
from funcnn.training import batches, evaluate, predict, split

KEY = random.key(0)
split_any: Any = split


def rows(count: int) -> tuple[Any, Any]:
    """Data whose rows know their number."""
    return np.arange(2.0 * count).reshape(count, 2), np.arange(count)


# ------------------------------------------------------------------------------------------------ start


@given(count=st.integers(1, 30), size=st.integers(1, 35), epochs=st.integers(0, 4), data=st.data())
def test_a_stream_begins_anywhere(count: int, size: int, epochs: int, data: Any) -> None:
    whole = list(batches(KEY, rows(count), size, epochs))
    start = data.draw(st.integers(0, len(whole)))
    rest = batches(KEY, rows(count), size, epochs, start)
    assert len(rest) == len(whole) - start
    assert tree.equal(list(rest), whole[start:])


def test_what_is_skipped_is_not_read() -> None:
    """A billion batches are skipped as fast as none."""
    began = time.process_time()
    stream = batches(KEY, rows(10), 3, epochs=2**32 - 1, start=4 * (2**32 - 2))
    assert len(list(stream)) == len(stream) == 4
    assert time.process_time() - began < 1


def test_a_stream_may_be_longer_than_len_can_say() -> None:
    """On machines of 32 bits, as a browser's, that is soon."""
    stream = batches(KEY, rows(10), 3, epochs=sys.maxsize, start=5)
    assert tree.equal(next(iter(stream)), next(iter(batches(KEY, rows(10), 3, epochs=2, start=5))))
    assert stream.left() == 4 * sys.maxsize - 5
    with pytest.raises(ValueError, match=f"are {4 * sys.maxsize} batches"):
        batches(KEY, rows(10), 3, epochs=sys.maxsize, start=5 * sys.maxsize)


def test_a_stream_that_is_over_is_empty() -> None:
    assert list(batches(KEY, rows(10), 3, epochs=2, start=8)) == []
    assert list(batches(KEY, rows(10), 3, epochs=0)) == []


def test_a_stream_says_where_it_begins() -> None:
    assert repr(batches(KEY, rows(10), 3, 2, start=5)) == "batches of 3 from 10 examples, 2 epochs, from batch 5 on"


@pytest.mark.parametrize("make", [np.asfortranarray, lambda x: np.repeat(x, 2, 1)[:, ::2], lambda x: x[::1]])
def test_rows_of_any_layout_are_the_same(make: Any) -> None:
    x = rows(9)[0]
    assert tree.equal(list(batches(KEY, make(x), 4)), list(batches(KEY, x, 4)))


# -------------------------------------------------------------------------------------------- data in files


@pytest.fixture
def stored(tmp_path: Path) -> Any:
    """The rows in a file."""
    np.save(tmp_path / "x.npy", rows(20)[0])
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def test_batches_of_a_file_are_ordinary_arrays(stored: Any) -> None:
    y = np.arange(20)
    expected = list(batches(KEY, rows(20), 6, 2))
    found = list(batches(KEY, (stored, y), 6, 2))
    assert tree.equal(found, expected)
    assert all(type(x) is np.ndarray and not x.flags.writeable for x, _ in found)
    assert not any(np.shares_memory(x, stored) for x, _ in found)


def test_a_file_is_not_copied_where_a_batch_holds_all_of_it(stored: Any) -> None:
    (batch,) = batches(KEY, stored, 20)
    assert type(batch) is np.ndarray
    assert np.shares_memory(batch, stored)


@pytest.mark.parametrize("part", [slice(3, 17), (slice(None), slice(0, 1)), slice(None, None, 2)])
def test_parts_of_a_file_are_read_as_parts(stored: Any, part: Any) -> None:
    found = list(batches(KEY, stored[part], 3))
    assert tree.equal(found, list(batches(KEY, np.array(stored[part]), 3)))


def test_nan_in_a_file_is_found_when_its_row_is_read(tmp_path: Path) -> None:
    x = np.zeros((20, 2), np.float32)
    x[13, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    stream = iter(batches(KEY, {"x": np.load(tmp_path / "x.npy", mmap_mode="r")}, 1))
    with pytest.raises(ValueError, match=r"^batches: the data at 'x' has nan in row 13\. Leave such rows out"):
        list(stream)


def test_files_are_evaluated_and_predicted_in_batches(stored: Any) -> None:
    x = rows(20)[0]
    assert np.array_equal(predict(lambda w, x: w * x, 2.0, stored, size=7), 2 * x)
    assert evaluate(lambda w, x: np.mean(x), None, stored, size=7) == np.mean(x)


MEMORY = """
import resource, sys
import numpy as np
from funcnn import random
from funcnn.training import batches, evaluate, predict

x = np.lib.format.open_memmap(sys.argv[1], "w+", np.float32, (60_000, 512))
del x
x = np.load(sys.argv[1], mmap_mode="r")
list(batches(random.key(0), x[:200], 64)), predict(lambda w, x: x @ x.T, None, x[:64], 64)
data = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
resource.setrlimit(resource.RLIMIT_DATA, ((data << 10) + (16 << 20),) * 2)
try:
    np.array(x)
except MemoryError:
    print("all of it is too much")
print(sum(len(batch) for batch in batches(random.key(0), x, 64, epochs=1)))
print(predict(lambda w, x: x[:, 0] * 2, None, x).shape, evaluate(lambda w, x: float(x[0, 0]), None, x))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux limits what a program allocates")
def test_a_file_larger_than_the_memory_that_is_allowed(tmp_path: Path) -> None:
    """120 MB are read; 16 MB may be allocated, and the system ends what takes more."""
    command = [sys.executable, "-c", MEMORY, str(tmp_path / "x.npy")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["all of it is too much", "60000", "(60000,) 0.0"]


# -------------------------------------------------------------------------------------------------- split


@given(count=st.integers(2, 60), validation=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_a_split_has_each_row_once(count: int, validation: float, seed: int) -> None:
    held_out = round(validation * count)
    if not 0 < held_out < count:
        with pytest.raises(ValueError, match="both parts need one"):
            split(random.key(seed), rows(count), validation)
        return
    train, test = split(random.key(seed), rows(count), validation)
    assert (len(train[1]), len(test[1])) == (count - held_out, held_out)
    assert sorted([*train[1], *test[1]]) == list(range(count))
    for x, y in (train, test):
        assert np.array_equal(x[:, 0], 2 * y)
        assert not x.flags.writeable and not y.flags.writeable
    assert tree.equal(split(random.key(seed), rows(count), validation), (train, test))


def test_another_key_splits_otherwise() -> None:
    first, other = (split(random.key(seed), np.arange(50)) for seed in (0, 1))
    assert not tree.equal(first, other)


def test_a_file_is_split_by_the_numbers_of_its_rows(stored: Any) -> None:
    train, test = split(KEY, np.arange(len(stored)), 0.25)
    assert tree.equal(split(KEY, stored, 0.25), (stored[train].copy(), stored[test].copy()))
    assert sum(len(stored[numbers]) for numbers in batches(KEY, train, 4)) == 15


@pytest.mark.parametrize(("data", "validation", "error", "text"), [
    (np.ones(10), 0.0, ValueError,
     r"^split: validation, a share of the rows such as 0.2, must be a number in \(0, 1\), got 0.0"),
    (np.ones(10), 1.0, ValueError, r"must be a number in \(0, 1\), got 1.0"),
    (np.ones(10), float("nan"), ValueError, r"must be a number in \(0, 1\), got nan"),
    (np.ones(10), 3, ValueError, "^split: validation, a share of the rows such as 0.2, must be .*, got 3$"),
    (np.ones(10), True, TypeError, "got True"),
    (np.ones(2), 0.1, ValueError, "0.1 of 2 rows leaves 2 to train with and 0 to validate with; both parts need one"),
    ((np.ones(4), np.ones(5)), 0.5, ValueError, "^split: the arrays differ in their number of rows: 4 at '0', 5 at"),
    (np.ones((0, 3)), 0.5, ValueError, "^split: the data is empty"),
    ([1, 2, 3], 0.5, TypeError, r"^split: the data at '0' must be an array, got 1 \(int\)"),
])
def test_a_bad_split_is_named(data: Any, validation: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        split_any(KEY, data, validation)
