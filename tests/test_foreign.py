"""Data of pandas, polars and PyTorch: the same numbers at every door, or an error that says what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import losses, metrics, optimizers, random, training, tree
from funcnn._foreign import admitted
from funcnn.activations import relu
from funcnn.layers import dense

F32 = np.float32
KEY = random.key(0)
X: Any = np.random.default_rng(0).normal(size=(7, 3)).astype(F32)
Y: Any = np.arange(7) % 2
NET = dense(3, 4) >> relu >> dense(4, 2)
PARAMS: Any = NET.init(KEY)

grad: Any = fn.grad  # untyped, as all that is given to what takes arrays here
train: Any = training
net: Any = NET


def loss(params: Any, batch: Any) -> Any:
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(NET.apply(params, x), y))


@pytest.fixture(params=["pandas", "polars", "torch"])
def data(request: pytest.FixtureRequest) -> Any:
    """(x, y) as data of each library."""
    library: Any = pytest.importorskip(request.param)
    if request.param == "torch":
        return library.tensor(X), library.tensor(Y)
    columns = {f"x{i}": X[:, i] for i in range(3)}
    return library.DataFrame(columns), library.Series("y", Y) if request.param == "polars" else library.Series(Y)


def test_at_every_door_of_data_they_are_the_arrays(data: Any) -> None:
    for size in (3, 10):
        found = list(train.batches(KEY, data, size, epochs=2))
        assert tree.equal(found, list(train.batches(KEY, (X, Y), size, epochs=2)))
        assert all(type(leaf) is np.ndarray for leaf in tree.leaves(found))
    assert tree.equal(train.split(KEY, data, 0.3), train.split(KEY, (X, Y), 0.3))
    assert tree.equal(net.apply(PARAMS, data[0]), net.apply(PARAMS, X))
    assert tree.equal(net.apply_with_state(PARAMS, {}, data[0])[0], net.apply(PARAMS, X))
    assert tree.equal(train.predict(net.apply, PARAMS, data[0], size=4), train.predict(net.apply, PARAMS, X, size=4))
    assert train.evaluate(loss, PARAMS, data, size=4) == train.evaluate(loss, PARAMS, (X, Y), size=4)


def test_a_loss_and_its_gradient_take_them_through_the_layers(data: Any) -> None:
    gradient = grad(lambda params: np.mean(NET.apply(params, data[0]) ** 2))(PARAMS)
    assert tree.equal(gradient, grad(lambda params: np.mean(NET.apply(params, X) ** 2))(PARAMS))
    step: Any = training.make_step(loss, optimizers.sgd(0.1))
    start = (PARAMS, optimizers.sgd(0.1).init(PARAMS))
    found, history = train.fold(step, start, train.batches(KEY, data, 3))
    assert tree.equal((found, history), train.fold(step, start, train.batches(KEY, (X, Y), 3)))


def test_elsewhere_they_are_refused_with_what_makes_arrays_of_them(data: Any) -> None:
    x, y = data
    way = r"\.detach\(\)\.cpu\(\)\.numpy\(\)" if hasattr(x, "detach") else r"\.to_numpy\(\)"
    calls: list[Callable[[], Any]] = [
        lambda: grad(lambda x: np.sum(x))(x), lambda: losses.softmax_cross_entropy(NET.apply(PARAMS, X), y),
        lambda: metrics.accuracy(NET.apply(PARAMS, X), y), lambda: fn.vmap(lambda x: x)(x),
        lambda: fn.jit(lambda x: x)(x), lambda: grad(lambda w: np.sum(w - y))(np.ones(7))]
    for call in calls:
        with pytest.raises(TypeError, match=way):
            call()


def test_their_memory_is_not_written_into_and_stays_theirs(data: Any) -> None:
    found = admitted("f", "x", data[0])
    np.testing.assert_array_equal(found, X)
    if hasattr(data[0], "detach"):
        assert found.flags.writeable  # the tensor is its owner, and a tape that reads it takes care
    assert admitted("f", "x", "text") == "text" and admitted("f", "x", found) is found


# ------------------------------------------------------------------------------------------ what is exact


def test_columns_of_several_dtypes_meet_where_no_number_changes() -> None:
    for library in (pytest.importorskip("pandas"), pytest.importorskip("polars")):
        mixed = admitted("f", "x", library.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False]}))
        np.testing.assert_array_equal(mixed, [[1, 0.5, 1], [2, 1.5, 0]])
        assert mixed.dtype == np.float64
        whole = admitted("f", "x", library.DataFrame({"a": np.array([1, 2], np.int8), "b": np.array([3, 4])}))
        assert whole.dtype == np.int64 and whole.tolist() == [[1, 3], [2, 4]]
        large = library.DataFrame({"a": np.array([2**53 + 1, 0]), "b": np.array([0.5, 1.5])})
        with pytest.raises(TypeError, match=r"^f: x: column 'a' is int64 with numbers that float64, which the columns"):
            admitted("f", "x", large)
        assert admitted("f", "x", library.DataFrame({})).shape == (0, 0)


def test_what_has_no_numbers_or_misses_some_is_named() -> None:
    pd: Any = pytest.importorskip("pandas")
    pl: Any = pytest.importorskip("polars")
    nullable = pd.Series([1, 2], dtype="Int64")
    np.testing.assert_array_equal(admitted("f", "x", nullable), [1, 2])
    assert admitted("f", "x", nullable).dtype == np.int64
    refused: list[tuple[Any, str]] = [
        (pd.DataFrame({"a": [1.0], "name": ["x"]}), r"^f: x: column 'name' is \w+, which is no number: .*select_d"),
        (pd.Series(pd.to_datetime(["2020-01-01"])), "which is no number"),
        (pd.Series(["u", "v"], dtype="category"), "is category, which is no number"),
        (pd.Series([1, None], dtype="Int64"), r"is Int64 with values that are missing: x\.dropna\(\)"),
        (pl.DataFrame({"a": [1.0], "name": ["x"]}), r"^f: x: column 'name' is String, which is no number"),
        (pl.Series([1, None]), r"is Int64 with values that are missing: x\.drop_nulls\(\), or x\.fill_null\(0\)"),
        (pl.DataFrame({"a": [1.0]}).lazy(), r"is a LazyFrame, which has no numbers yet: x\.collect\(\)"),
    ]
    for data, text in refused:
        with pytest.raises(TypeError, match=text):
            admitted("f", "x", data)
    with pytest.raises(ValueError, match=r"batches: the data at '0' has nan in row 1"):
        train.batches(KEY, (pd.DataFrame({"a": [1.0, np.nan]}), np.arange(2)), 1)
    with pytest.raises(TypeError, match=r"dense \(3 -> 4\): the input is float64 but the parameters are float32"):
        dense(3, 4).apply(dense(3, 4).init(KEY), pd.DataFrame(X.astype(np.float64)))
    with pytest.raises(TypeError, match=r"\(3 -> 2\): the input: column 'c' is \w+, which is no number"):
        net.apply(PARAMS, pd.DataFrame({"c": ["x"]}))


def test_tensors_that_numpy_cannot_see_are_named() -> None:
    torch: Any = pytest.importorskip("torch")
    refused: list[tuple[Any, str]] = [
        (torch.ones(2, requires_grad=True), r"requires a gradient of PyTorch, which would be lost: x\.detach\(\)"),
        (torch.ones(2, dtype=torch.bfloat16), r"dtype torch\.bfloat16, which NumPy has not .*: x\.float\(\)"),
        (torch.ones(2, device="meta"), r"on meta: x\.cpu\(\)"), (torch.eye(2).to_sparse(), r"sparse: x\.to_dense\(\)"),
    ]
    for data, text in refused:
        with pytest.raises(TypeError, match=text):
            admitted("f", "x", data)
    assert admitted("f", "x", torch.Size([1])) == torch.Size([1])
