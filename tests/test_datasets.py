"""The toy problems: their formulas, and that the `nnfs_` ones are nnfs's own without its side effects."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from funcnn import datasets, random

Floats: TypeAlias = NDArray[np.floating[Any]]

ROOT = Path(__file__).parent.parent

COUNTS = [(100, 3), (100, 2), (7, 5), (1, 1), (1, 256), (0, 3), (3, 0), (0, 0)]
SEEDS = [0, 1, 2**32 - 1]
CLASS_CASES = [
    (name, samples, classes, seed)
    for name in ("spiral", "vertical")
    for samples, classes in COUNTS
    for seed in SEEDS
]
SINE_SIZES = [1000, 3, 1, 0]

ORACLE = """
import json, sys
import numpy as np
import nnfs
from nnfs import datasets

class_cases, sine_sizes, target = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
arrays = {}

def record(dtype, start):
    for name, samples, classes, seed in class_cases:
        start(seed)
        case = f"{name} {samples} {classes} {seed} {dtype}"
        arrays[case + " x"], arrays[case + " y"] = getattr(datasets, name + "_data")(samples, classes)
    for samples in sine_sizes:
        arrays[f"sine {samples} {dtype} x"], arrays[f"sine {samples} {dtype} y"] = datasets.sine_data(samples)
    start(0)
    datasets.spiral_data(100, 2), np.random.randn(2, 64), np.random.randn(64, 1)
    arrays[f"chapter 16 {dtype}"], _ = datasets.spiral_data(100, 2)
    start(5)
    datasets.spiral_data(7, 3)
    arrays[f"odd vertical {dtype}"], _ = datasets.vertical_data(5, 3)
    arrays[f"odd spiral {dtype}"], _ = datasets.spiral_data(3, 3)

record("float64", np.random.seed)
record("float32", lambda seed: nnfs.init(random_seed=seed))
np.savez(target, **arrays)
"""

DIGEST = """
import hashlib, pickle, sys

def digest():
    import numpy as np
    from funcnn import datasets, random
    key = random.key(3)
    before = pickle.dumps(np.random.get_state())
    arrays = (
        *datasets.nnfs_spiral(20, 3), *datasets.nnfs_vertical(20, 3, seed=4), *datasets.nnfs_sine(20),
        *datasets.spiral(key, 20, 3), *datasets.vertical(key, 20, 3), *datasets.sine(key, 20, noise=0.1))
    assert pickle.dumps(np.random.get_state()) == before, "the global generator has moved"
    assert not any(a.flags.writeable for a in arrays)
    return hashlib.sha256(b"".join(a.tobytes() + a.dtype.str.encode() for a in arrays)).hexdigest()

for word in sys.argv[1:]:
    if word == "init":
        import nnfs
        nnfs.init()
    elif word == "init64":
        import nnfs
        nnfs.init(dot_precision_workaround=False, default_dtype="float64", random_seed=9)
    elif word == "funcnn":
        import funcnn.datasets
    else:
        print(digest())
"""


def run_python(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def values(x: Any) -> Floats:
    """The arrays that come back are `Array` to the checker; here they are looked at as what they are."""
    assert type(x) is np.ndarray
    return x


def same_bits(a: Any, b: Any) -> bool:
    return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


@pytest.fixture(scope="module")
def nnfs_arrays(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, NDArray[Any]]:
    """What nnfs gives in a process of its own, before `nnfs.init()` (float64) and after (float32)."""
    target = tmp_path_factory.mktemp("nnfs") / "arrays.npz"
    run_python(ORACLE, json.dumps(CLASS_CASES), json.dumps(SINE_SIZES), str(target))
    with np.load(target) as arrays:
        return dict(arrays)


# The same arrays as nnfs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "samples", "classes", "seed"), CLASS_CASES)
def test_the_class_problems_are_those_of_nnfs(
    nnfs_arrays: Mapping[str, NDArray[Any]], name: str, samples: int, classes: int, seed: int, dtype: str
) -> None:
    make = {"spiral": datasets.nnfs_spiral, "vertical": datasets.nnfs_vertical}[name]
    x, y = make(samples, classes, seed, dtype=dtype)
    case = f"{name} {samples} {classes} {seed} {dtype}"
    assert same_bits(x, nnfs_arrays[f"{case} x"])
    assert same_bits(y, nnfs_arrays[f"{case} y"])
    assert y.dtype == np.uint8


@pytest.mark.parametrize("samples", SINE_SIZES)
def test_the_sine_is_that_of_nnfs(nnfs_arrays: Mapping[str, NDArray[Any]], samples: int) -> None:
    x, y = datasets.nnfs_sine(samples)
    for dtype in ("float32", "float64"):  # nnfs.init() has no effect on it
        assert same_bits(x, nnfs_arrays[f"sine {samples} {dtype} x"])
        assert same_bits(y, nnfs_arrays[f"sine {samples} {dtype} y"])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_skip_goes_on_where_the_stream_of_the_book_is(
    nnfs_arrays: Mapping[str, NDArray[Any]], dtype: str
) -> None:
    validation, _ = datasets.nnfs_spiral(100, 2, skip=100 * 2 + 2 * 64 + 64 * 1, dtype=dtype)
    assert same_bits(validation, nnfs_arrays[f"chapter 16 {dtype}"])
    vertical, _ = datasets.nnfs_vertical(5, 3, seed=5, skip=21, dtype=dtype)
    assert same_bits(vertical, nnfs_arrays[f"odd vertical {dtype}"])
    spiral, _ = datasets.nnfs_spiral(3, 3, seed=5, skip=21 + 30, dtype=dtype)
    assert same_bits(spiral, nnfs_arrays[f"odd spiral {dtype}"])


def test_the_spiral_of_the_first_seed_document() -> None:
    """Golden G0: 100 points in each of 2 classes, then the weights 0.01 * randn(2, 64)."""
    x, y = (values(a) for a in datasets.nnfs_spiral(100, 2))
    assert x.dtype == np.float32
    assert np.array2string(x[1]) == "[0.00299556 0.00964661]"
    assert np.array2string(x[199]) == "[ 0.969427   -0.24538004]"
    assert x.sum(dtype=np.float64) == pytest.approx(-2.58598856, abs=1e-8)
    assert y.tolist() == [0] * 100 + [1] * 100
    stream = np.random.RandomState(0)
    stream.standard_normal(200)
    weights = 0.01 * stream.standard_normal((2, 64)).astype(np.float32)
    assert weights.sum(dtype=np.float64) == pytest.approx(-0.11532644, abs=1e-8)
    out = (x.astype(np.float64) @ weights.astype(np.float64)).astype(np.float32)
    assert out[199, :4] == pytest.approx([0.0011723, -0.00278383, 0.00937487, 0.00613533], abs=1e-8)
    assert out.sum(dtype=np.float64) == pytest.approx(0.18806995, abs=1e-8)


def test_the_first_layer_of_the_second_seed_document() -> None:
    """Golden G8: 100 points in each of 3 classes, then a dense layer of weights 0.10 * randn(2, 3)."""
    x = values(datasets.nnfs_spiral(100, 3)[0])
    stream = np.random.RandomState(0)
    stream.standard_normal(300)
    weights = 0.10 * stream.standard_normal((2, 3)).astype(np.float32)
    out = (x.astype(np.float64) @ weights.astype(np.float64)).astype(np.float32)
    assert str(out[:5]).splitlines() == [
        "[[ 0.          0.          0.        ]",
        " [-0.00104752  0.00113954 -0.00047984]",
        " [-0.00274148  0.00317292 -0.00086922]",
        " [-0.00421884  0.00526663 -0.00055913]",
        " [-0.00577077  0.00714014 -0.0008943 ]]",
    ]


# ... without its side effects -------------------------------------------------------------------------------


def test_nothing_outside_is_touched() -> None:
    from nnfs.datasets import spiral

    def surroundings() -> tuple[object, ...]:
        state = np.random.get_state()  # noqa: NPY002 - the global generator is what must not move
        theirs = (spiral.create_data, vars(spiral)["np"])
        return np.zeros, np.eye, np.dot, vars(np.random)["randn"], pickle.dumps(state), *theirs

    before = surroundings()
    datasets.nnfs_spiral(10, 3, seed=7, skip=5)
    datasets.nnfs_vertical(10, 3, seed=7, dtype=np.float64)
    datasets.nnfs_sine(10)
    assert surroundings() == before
    assert vars(spiral)["np"] is np


@pytest.fixture(scope="module")
def untouched() -> str:
    """The digest of every kind of data in a process where nobody has called `nnfs.init()`."""
    return run_python(DIGEST, "funcnn", "digest").strip()


@pytest.mark.parametrize(
    "history", ["funcnn digest init digest init digest", "init funcnn digest", "init init init64 digest"]
)
def test_the_same_bytes_before_and_after_nnfs_init(untouched: str, history: str) -> None:
    assert set(run_python(DIGEST, *history.split()).split()) == {untouched}


def test_nnfs_is_imported_only_when_it_is_needed() -> None:
    run_python("""
import sys
import numpy as np
zeros = np.zeros
from funcnn import datasets, random
datasets.spiral(random.key(0), 3, 2), datasets.vertical(random.key(0), 3, 2), datasets.sine(random.key(0), 3)
assert "nnfs" not in sys.modules
datasets.nnfs_spiral(3, 2)
assert "nnfs" in sys.modules
assert np.zeros is zeros
""")


def test_a_missing_nnfs_is_named_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nnfs", None)
    with pytest.raises(ImportError, match=r"nnfs_spiral: .*pip install nnfs"):
        datasets.nnfs_spiral(3, 2)
    with pytest.raises(ImportError, match=r"nnfs_sine: .*pip install nnfs"):
        datasets.nnfs_sine(3)
    assert len(datasets.spiral(random.key(0), 3, 2)[0]) == 6


def test_a_module_that_only_is_called_nnfs_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nnfs", ModuleType("nnfs"))
    monkeypatch.delitem(sys.modules, "nnfs.datasets", raising=False)
    with pytest.raises(ImportError, match=r"nnfs_vertical: .*cannot import name 'datasets'"):
        datasets.nnfs_vertical(3, 2)


def test_eight_threads_at_once_get_the_same_bytes() -> None:
    barrier = Barrier(8)

    def spirals() -> list[bytes]:
        return [values(datasets.nnfs_spiral(50, 3, seed)[0]).tobytes() for seed in range(20)]

    def spirals_at_the_signal(_: int) -> list[bytes]:
        barrier.wait()
        return spirals()

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(spirals_at_the_signal, range(8)))
    assert results == [spirals()] * 8
    assert len(set(results[0])) == 20


# From a key -------------------------------------------------------------------------------------------------

law = settings(deadline=None, max_examples=50)  # a busy machine is no reason to fail
counts = st.integers(0, 40)
few = st.integers(0, 6)
keys = st.integers(0, 2**32 - 1).map(random.key)


@law
@given(keys, counts, few, st.floats(0, 3))
def test_a_spiral_has_its_shape_labels_and_radii(key: Any, samples: int, classes: int, noise: float) -> None:
    x, y = (values(a) for a in datasets.spiral(key, samples, classes, noise))
    assert x.shape == (samples * classes, 2)
    assert (x.dtype.name, y.dtype.name) == ("float32", "int64")
    assert y.tolist() == [c for c in range(classes) for _ in range(samples)]
    radii = np.hypot(*x.T).reshape(classes, samples)
    assert np.allclose(radii, np.linspace(0, 1, samples), rtol=1e-6, atol=1e-7)


@law
@given(keys, counts, few, few)
def test_a_class_does_not_depend_on_how_many_follow(key: Any, samples: int, classes: int, more: int) -> None:
    for make in (datasets.spiral, datasets.vertical):
        few_points, _ = make(key, samples, classes)
        all_points, _ = make(key, samples, classes + more)
        assert same_bits(few_points, all_points[: samples * classes])


@law
@given(keys, counts, few)
def test_the_dtype_only_rounds(key: Any, samples: int, classes: int) -> None:
    for make in (datasets.spiral, datasets.vertical):
        exact, rounded = make(key, samples, classes, dtype=np.float64)[0], make(key, samples, classes)[0]
        assert same_bits(exact.astype(np.float32), rounded)
    _, exact = datasets.sine(key, samples, 0.1, np.float64)
    _, rounded = datasets.sine(key, samples, 0.1)
    assert same_bits(exact.astype(np.float32), rounded)


def test_a_spiral_without_noise_is_the_curve() -> None:
    x = values(datasets.spiral(random.key(0), 3, 2, noise=0.0, dtype=np.float64)[0])
    angles = np.array([0, 2, 4, 4, 6, 8]) * 2.5
    radii = np.array([0, 0.5, 1, 0, 0.5, 1])
    assert np.allclose(x, np.stack([radii * np.sin(angles), radii * np.cos(angles)], axis=1), atol=1e-15)


def test_the_noise_of_a_spiral_is_in_the_angle() -> None:
    samples = 4000
    x = values(datasets.spiral(random.key(1), samples, 1, noise=0.05, dtype=np.float64)[0])[1:]
    turned = np.arctan2(x[:, 0], x[:, 1]) - 2.5 * np.linspace(0, 4, samples)[1:]
    noise = ((turned + np.pi) % (2 * np.pi) - np.pi) / 2.5
    assert abs(noise.mean()) < 0.003
    assert noise.std() == pytest.approx(0.05, rel=0.05)


def test_clouds_have_their_centres_and_spreads() -> None:
    x = values(datasets.vertical(random.key(2), 4000, 3)[0]).astype(np.float64).reshape(3, 4000, 2)
    assert np.allclose(x.mean(axis=1), [[0, 0.5], [1 / 3, 0.5], [2 / 3, 0.5]], atol=0.008)
    assert np.allclose(x.std(axis=1), 0.1, rtol=0.05)
    assert abs(np.asarray(np.corrcoef(x[0].T))[0, 1]) < 0.05


def test_classes_do_not_share_their_noise() -> None:
    x = values(datasets.vertical(random.key(2), 500, 2)[0]).reshape(2, 500, 2)
    assert abs(np.asarray(np.corrcoef(x[:, :, 0]))[0, 1]) < 0.15


def test_a_sine_without_noise_is_that_of_nnfs() -> None:
    ours = datasets.sine(random.key(0), dtype=np.float64)
    for mine, theirs in zip(ours, datasets.nnfs_sine(), strict=True):
        assert np.allclose(values(mine), values(theirs), rtol=0, atol=1e-15)
        assert mine.shape == (1000, 1)


def test_the_noise_of_a_sine_is_in_y() -> None:
    x, y = (values(a) for a in datasets.sine(random.key(5), 4000, noise=0.1))
    assert same_bits(x, datasets.sine(random.key(6), 4000)[0])
    assert (y - np.sin(2 * np.pi * x)).std() == pytest.approx(0.1, rel=0.05)


def test_the_key_decides() -> None:
    for make in (datasets.spiral, datasets.vertical):
        first = make(random.key(1), 5, 2)[0]
        assert same_bits(first, make(random.key(1), 5, 2)[0])
        assert not same_bits(first, make(random.key(2), 5, 2)[0])


def test_the_points_are_those_that_jax_would_draw() -> None:
    jax = pytest.importorskip("jax")
    x = values(datasets.spiral(random.key(42), 50, 3)[0]).reshape(3, 50, 2)
    for c in range(3):
        drawn = jax.random.normal(jax.random.fold_in(jax.random.key(42), c), (50,))
        t = np.linspace(4 * c, 4 * (c + 1), 50) + 0.2 * np.asarray(drawn, dtype=np.float64)
        curve = np.stack([np.sin(2.5 * t), np.cos(2.5 * t)], axis=1) * np.linspace(0, 1, 50)[:, None]
        assert np.allclose(x[c], curve, rtol=0, atol=1e-5)


# Every dataset ----------------------------------------------------------------------------------------------

EVERY: dict[str, Callable[[], tuple[Any, Any]]] = {
    "spiral": lambda: datasets.spiral(random.key(0), 4, 3),
    "vertical": lambda: datasets.vertical(random.key(0), 4, 3),
    "sine": lambda: datasets.sine(random.key(0), 12),
    "nnfs_spiral": lambda: datasets.nnfs_spiral(4, 3),
    "nnfs_vertical": lambda: datasets.nnfs_vertical(4, 3),
    "nnfs_sine": lambda: datasets.nnfs_sine(12),
}


def test_every_dataset_is_listed() -> None:
    assert sorted(EVERY) == datasets.__all__


@pytest.mark.parametrize("name", EVERY)
def test_every_array_is_read_only(name: str) -> None:
    for array in EVERY[name]():
        assert len(array) == 12
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("name", EVERY)
def test_two_calls_share_no_memory(name: str) -> None:
    for first, second in zip(EVERY[name](), EVERY[name](), strict=True):
        assert same_bits(first, second)
        assert not np.shares_memory(first, second)


def test_numpy_integers_are_counts() -> None:
    small: Any = np.int16(5), np.uint8(100)
    assert len(datasets.spiral(random.key(0), *small)[0]) == 500  # the product in uint8 were 244
    narrow: Any = np.int64(5), np.uint8(3), np.int32(2)
    assert same_bits(datasets.nnfs_spiral(*narrow)[0], datasets.nnfs_spiral(5, 3, 2)[0])


def test_a_spiral_can_have_more_classes_than_a_byte() -> None:
    _, y = datasets.spiral(random.key(0), 1, 300)
    assert y.tolist() == list(range(300))


KEY: Any = random.key(0)
make: Any = datasets

MISTAKES: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: make.spiral(KEY, -1, 3), ValueError, "spiral: samples must be at least 0, got -1"),
    (lambda: make.spiral(KEY, 3, -2), ValueError, "spiral: classes must be at least 0, got -2"),
    (lambda: make.spiral(KEY, 3.0, 2), TypeError, r"spiral: samples must be an int, got 3\.0 \(float\)"),
    (lambda: make.spiral(KEY, 3, True), TypeError, r"spiral: classes must be an int, got True \(bool\)"),
    (lambda: make.spiral(KEY, "3", 2), TypeError, r"spiral: samples .* got '3' \(str\)"),
    (lambda: make.spiral(KEY, np.ones(3), 2), TypeError, r"spiral: samples .* got an array of shape \(3,\)"),
    (lambda: make.spiral(KEY, np.True_, 2), TypeError, r"spiral: samples must be an int"),
    (lambda: make.spiral(KEY, None, 2), TypeError, r"spiral: samples .* got None"),
    (lambda: make.spiral(KEY, 3, 2, -0.1), ValueError, r"spiral: noise must be a number in \[0, inf\), got -0\.1"),
    (lambda: make.spiral(KEY, 3, 2, float("nan")), ValueError,
     r"spiral: noise must be a number in \[0, inf\), got nan"),
    (lambda: make.spiral(KEY, 3, 2, float("inf")), ValueError,
     r"spiral: noise must be a number in \[0, inf\), got inf"),
    (lambda: make.spiral(KEY, 3, 2, np.ones(2)), TypeError, "spiral: noise must be a number, got"),
    (lambda: make.spiral(KEY, 3, 2, True), TypeError, "spiral: noise must be a number, got"),
    (lambda: make.spiral(KEY, 3, 2, dtype=int), TypeError, "spiral: dtype .* got <class 'int'>"),
    (lambda: make.spiral(KEY, 3, 2, dtype=None), TypeError, "spiral: dtype .* got None"),
    (lambda: make.spiral(KEY, 3, 2, dtype="flaot32"), TypeError, "spiral: dtype .* got 'flaot32'"),
    (lambda: make.vertical(KEY, -1, 3), ValueError, "vertical: samples"),
    (lambda: make.vertical(KEY, 3, 1.5), TypeError, "vertical: classes"),
    (lambda: make.vertical(KEY, 3, 2, noise=-1), ValueError, "vertical: noise"),
    (lambda: make.vertical(KEY, 3, 2, dtype=complex), TypeError, "vertical: dtype"),
    (lambda: make.sine(KEY, -1), ValueError, "sine: samples"),
    (lambda: make.sine(KEY, 10, "much"), TypeError, "sine: noise"),
    (lambda: make.sine(KEY, 10, dtype=bool), TypeError, "sine: dtype"),
    (lambda: make.nnfs_spiral(-1, 3), ValueError, "nnfs_spiral: samples must be at least 0"),
    (lambda: make.nnfs_spiral(100, 3.0), TypeError, "nnfs_spiral: classes must be an int"),
    (lambda: make.nnfs_spiral(1, 257), ValueError, r"nnfs_spiral: .*uint8.*classes=257.*spiral\(key"),
    (lambda: make.nnfs_spiral(0, 1000), ValueError, "nnfs_spiral: .*uint8"),
    (lambda: make.nnfs_spiral(3, 2, -1), ValueError, "nnfs_spiral: seed must be from 0 to 4294967295, got -1"),
    (lambda: make.nnfs_spiral(3, 2, 2**32), ValueError, r"nnfs_spiral: seed must be from 0 to 4294967295"),
    (lambda: make.nnfs_spiral(3, 2, None), TypeError, "nnfs_spiral: seed must be an int, got None"),
    (lambda: make.nnfs_spiral(3, 2, skip=-1), ValueError, "nnfs_spiral: skip must be at least 0"),
    (lambda: make.nnfs_spiral(3, 2, skip=1e3), TypeError, "nnfs_spiral: skip must be an int"),
    (lambda: make.nnfs_spiral(3, 2, dtype="int8"), TypeError, "nnfs_spiral: dtype"),
    (lambda: make.nnfs_vertical(3, 257), ValueError, r"nnfs_vertical: .*uint8.*vertical\(key"),
    (lambda: make.nnfs_vertical(True, 2), TypeError, "nnfs_vertical: samples"),
    (lambda: make.nnfs_sine(-1), ValueError, "nnfs_sine: samples"),
    (lambda: make.nnfs_sine(10.5), TypeError, "nnfs_sine: samples"),
]


@pytest.mark.parametrize(("mistake", "error", "message"), MISTAKES, ids=[m for _, _, m in MISTAKES])
def test_a_mistake_is_named(mistake: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        mistake()


# The stubs --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="needs mypy")
def test_the_stubs_agree_with_nnfs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "--concise", "nnfs"],
        cwd=tmp_path, env={**os.environ, "MYPYPATH": str(ROOT / "typings")},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
