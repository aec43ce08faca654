"""How data is cut into pieces: `batches` in an order drawn from a key, `split`, `in_order`.

Data is an array, or a tree of arrays such as `(x, y)`, with one row for each example. A piece is a tree of the same
type. Tables and columns of pandas and polars, and tensors of PyTorch, come in as the arrays of the same numbers
(`funcnn._foreign`). Arrays may be memory-mapped (`np.load(file, mmap_mode="r")`) and larger than memory: only the rows
of a batch are read and copied. (What they were read from stays in memory as long as the system has no better use for
it.) Users find all of it in `funcnn.training`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import numpy as np

from funcnn import random, tree
from funcnn._arguments import at, described, plain_array, real_number, whole_number
from funcnn._arrays import is_concrete, readonly
from funcnn._foreign import admitted, is_foreign
from funcnn.typing import Key

__all__ = ["Batches", "batches", "check_rows", "in_order", "rows_in", "split"]

B = TypeVar("B")


# --------------------------------------------------------------------------------------------- in random order


@dataclass(frozen=True, repr=False, eq=False)
class Batches(Generic[B]):
    """The batches of several epochs in order; it can be iterated again and gives the same ones.

    `batches` makes it, and says what `key`, `data`, `size`, `epochs` and `start` mean.
    """

    key: Key
    data: B
    size: int
    epochs: int
    start: int = 0

    def __iter__(self) -> Iterator[B]:
        first, done = divmod(self.start, self._in_an_epoch())
        for epoch in range(first, self.epochs):
            yield from self._epoch(epoch, done if epoch == first else 0)

    def __len__(self) -> int:
        return self.left()

    def left(self) -> int:
        """How many batches come, also where there are more than `len` can say, which on 32 bits are 2^31."""
        return self.epochs * self._in_an_epoch() - self.start

    def __repr__(self) -> str:
        begun = f", from batch {self.start} on" if self.start else ""
        return f"batches of {self.size} from {rows_in(self.data)} examples, {self.epochs} epochs{begun}"

    def _in_an_epoch(self) -> int:
        return -(-rows_in(self.data) // self.size)

    def _epoch(self, epoch: int, done: int) -> Iterator[B]:
        """One pass over the data in an order of its own, without its first batches; the last holds what is left."""
        count = rows_in(self.data)
        if self.size >= count:
            return iter([self.data])
        order = np.asarray(random.permutation(random.fold_in(self.key, epoch), count)).astype(np.intp)
        read = _careful_reader(self.data)
        return (read(order[start:start + self.size]) for start in range(done * self.size, count, self.size))


def batches(key: Key, data: B, size: int, epochs: int = 1, start: int = 0) -> Batches[B]:
    """The data in shuffled batches, epoch after epoch: a pure function of the key.

    `data` is a tree of arrays, such as `(x, y)`, with as many rows each. Every epoch has a new order, drawn from
    `fold_in(key, epoch)`, and there are `epochs` of them; the last batch of each is smaller where `size` does not
    divide the rows. A batch that holds all the rows is the data as it is, every other one a read-only copy. Data of
    pandas, polars and PyTorch becomes arrays of the same numbers.

    >>> x = np.arange(5)
    >>> for batch in batches(random.key(0), x, size=2, epochs=2):
    ...     print(batch)
    [0 2]
    [4 1]
    [3]
    [0 3]
    [1 4]
    [2]

    `start` is the number of batches that are done already, over all epochs: a resumed run begins there at once.

    >>> next(iter(batches(random.key(0), x, size=2, epochs=2, start=4)))
    array([1, 4])

    NaN in the data is an error that names the row: in arrays at once, in memory-mapped ones when the row is read. The
    order of 10 million rows takes 3 seconds and, meanwhile, 400 MB; of many more, shuffle blocks of rows.
    """
    size, epochs = whole_number("batches", "size", size, 1), whole_number("batches", "epochs", epochs, 0)
    start = whole_number("batches", "start", start, 0)
    random.fold_in(key, 0)
    data = _admitted("batches", data)
    check_rows("batches", data)
    tree.map_with_path(_check_numbers, data)
    stream = Batches(key, _plain(data), size, epochs)
    if start > stream.left():
        raise ValueError(f"batches: start is {start}, but {epochs} epochs of {rows_in(data)} examples in batches of "
                         f"{size} are {stream.left()} batches")
    return Batches(key, stream.data, size, epochs, start)


def split(key: Key, data: B, validation: float = 0.2) -> tuple[B, B]:
    """The data in two parts, to train with and to validate with: a pure function of the key.

    `data` is a tree of arrays with as many rows each, which `key` puts in order; `validation` is the share of the rows,
    in random order, that the second part has, rounded to a whole number.

    >>> x, y = np.arange(10), np.arange(10) % 2
    >>> train, held_out = split(random.key(0), (x, y), validation=0.3)
    >>> train
    (array([5, 6, 4, 3, 2, 7, 9]), array([1, 0, 0, 1, 0, 1, 1]))
    >>> held_out
    (array([0, 1, 8]), array([0, 1, 0]))

    Both parts are copies. Of data larger than memory split the numbers of the rows, `np.arange(len(x))`, and take
    `x[rows]` of each batch of them. As `sklearn.model_selection.train_test_split`, whose share is rounded up.
    """
    share = real_number("split", "validation, a share of the rows such as 0.2,", validation, "(0, 1)")
    data = _admitted("split", data)
    check_rows("split", data)
    count = rows_in(data)
    held_out = round(share * count)
    if not 0 < held_out < count:
        raise ValueError(f"split: {share} of {count} rows leaves {count - held_out} to train with and {held_out} "
                         "to validate with; both parts need one")
    order = np.asarray(random.permutation(key, count))
    read = _reader(_plain(data))
    return read(order[held_out:]), read(order[:held_out])


# -------------------------------------------------------------------------------------------------- in order


def in_order(owner: str, data: B, size: int) -> Iterator[B]:
    """The data in batches, first row first, for the function `owner`, which errors name.

    >>> list(in_order("example", np.arange(5), 2))
    [array([0, 1]), array([2, 3]), array([4])]
    """
    size = whole_number(owner, "size", size, 1)
    data = _admitted(owner, data)
    check_rows(owner, data)
    count, data = rows_in(data), _plain(data)
    if size >= count:
        return iter([data])
    read = _reader(data)
    return (read(slice(start, start + size)) for start in range(0, count, size))


def rows_in(data: Any) -> int:
    """How many rows the arrays of a tree have.

    >>> rows_in({"x": np.ones((5, 2)), "y": np.ones(5)})
    5
    """
    return len(tree.leaves(data)[0])


# ---------------------------------------------------------------------------------------------------- reading


def _reader(data: B) -> Callable[[Any], B]:
    """The function that reads rows, by their numbers or by a slice, into a tree of read-only arrays."""
    leaves, form = tree.flatten(data)
    takers = [_taker(leaf) for leaf in leaves]

    def read(chosen: Any) -> B:
        return cast(B, tree.unflatten(form, [readonly(take(chosen)) for take in takers]))

    return read


def _taker(array: Any) -> Callable[[Any], Any]:
    """`array[chosen]`; `take` is several times faster on short rows, but copies all of an array with gaps."""
    if is_concrete(array) and array.flags.c_contiguous:
        return lambda chosen: array[chosen] if type(chosen) is slice else array.take(chosen, 0)
    return lambda chosen: array[chosen]


def _careful_reader(data: B) -> Callable[[Any], B]:
    """A reader that looks for NaN in rows of memory-mapped arrays, which only now are in memory."""
    read = _reader(data)
    if not any(map(_is_mapped, tree.leaves(data))):
        return read

    def careful(chosen: Any) -> B:
        batch = read(chosen)
        tree.map_with_path(lambda path, array, rows: _check_mapped(path, array, rows, chosen), data, batch)
        return batch

    return careful


def _admitted(owner: str, data: B) -> B:
    """The tree with arrays in the place of other libraries' data; without any, the tree itself."""
    if not any(map(is_foreign, tree.leaves(data))):
        return data
    return tree.map_with_path(lambda path, leaf: admitted(owner, f"the data{at(path)}", leaf), data)


def _plain(data: B) -> B:
    """The tree with its `np.memmap`s as ordinary arrays over the same memory; without any, the tree itself."""
    if not any(isinstance(leaf, np.memmap) for leaf in tree.leaves(data)):
        return data
    return tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, np.memmap) else leaf, data)


def _is_mapped(array: Any) -> bool:
    """Whether an array, or what it is a view of, is a file."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap):
            return True
        array = array.base
    return False


# ----------------------------------------------------------------------------------------------------- checks


def check_rows(owner: str, data: Any) -> None:
    """All leaves are arrays with as many rows, and there are some."""
    rows = {tree.keystr(path): _count(owner, path, leaf) for path, leaf in tree.leaves_with_path(data)}
    if not rows:
        raise ValueError(f"{owner}: data must be an array or a tree of arrays, such as (x, y), got {described(data)}")
    if len(set(rows.values())) > 1:
        raise ValueError(f"{owner}: the arrays differ in their number of rows: "
                         + ", ".join(f"{n} at {name!r}" for name, n in rows.items()))
    if 0 in rows.values():
        raise ValueError(f"{owner}: the data is empty (0 rows)")


def _count(owner: str, path: tree.Path, leaf: Any) -> int:
    what = f"the data{at(path)}"
    plain_array(owner, what, leaf)
    if leaf.shape == ():
        raise ValueError(f"{owner}: {what} must have a row for each example, got {described(leaf)}")
    return int(leaf.shape[0])


def _check_numbers(path: tree.Path, array: Any) -> None:
    """No NaN in an array that lies in memory."""
    if is_concrete(array) and not _is_mapped(array):
        _check_no_nan(path, array, range(len(array)))


def _check_mapped(path: tree.Path, array: Any, batch: Any, chosen: Any) -> None:
    if _is_mapped(array):
        _check_no_nan(path, batch, chosen)


def _check_no_nan(path: tree.Path, array: Any, chosen: Any) -> None:
    """No NaN in these rows of the data, whose numbers are `chosen`."""
    if array.dtype.kind == "f" and array.size and np.isnan(array.min()):
        row = np.argmax(np.isnan(array).reshape(len(array), -1).any(axis=1))
        raise ValueError(f"batches: the data{at(path)} has nan in row {chosen[row]}. Leave such rows out, or put "
                         "numbers there")
