"""A gradient spread over cores: `data_parallel` splits the batch and averages the parts.

The parts are averaged in their order, each by the rows it has, so the result has the same bytes on every run, however
many threads there are. NumPy lets go of Python's lock in its long operations, so threads are enough; and row blocks
that fit a core's cache pay even where there is one core.
"""

from __future__ import annotations

import builtins
import functools
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar, overload

from funcnn import tree
from funcnn._arguments import described, function, whole_number
from funcnn._arrays import readonly
from funcnn._later import later
from funcnn._threads import in_threads
from funcnn.core.elsewhere import is_elsewhere
from funcnn.optimizers.transformation import like
from funcnn.training.streams import check_rows, rows_in
from funcnn.typing import Scalar

__all__ = ["data_parallel"]

A = ParamSpec("A")
B = TypeVar("B")
P = TypeVar("P")
S = TypeVar("S", bound=Scalar)
Aux = TypeVar("Aux")

Map: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Applies a function to each of several things: `map` itself, or the `map` of an executor."""


@overload
def data_parallel(value_and_grad_fn: Callable[Concatenate[P, B, A], tuple[tuple[S, Aux], P]], shards: int,
                  map: Map | None = None) -> Callable[Concatenate[P, B, A], tuple[tuple[S, tuple[Aux, ...]], P]]: ...
@overload
def data_parallel(value_and_grad_fn: Callable[Concatenate[P, B, A], tuple[S, P]], shards: int,
                  map: Map | None = None) -> Callable[Concatenate[P, B, A], tuple[S, P]]: ...
def data_parallel(value_and_grad_fn: Callable[..., Any], shards: int, map: Map | None = None) -> Callable[..., Any]:
    """The same function of (params, batch, ...), computed for blocks of the batch's rows and averaged.

    `value_and_grad_fn` is what `value_and_grad(loss)` returns; `shards` is the number of blocks.

        value = sum_i n_i value_i / n,    grads = sum_i n_i grads_i / n,    n_i the rows of block i

    That is the value and the gradient of the whole batch where the loss is a mean over examples. `batch` is a tree of
    arrays with as many rows each; what stands behind it goes to every block as it is. Blocks differ by one row at most,
    and there are no more of them than rows.

    >>> import numpy as np
    >>> from funcnn import value_and_grad
    >>> whole = value_and_grad(lambda w, x: np.mean((w - x) ** 2))
    >>> x = np.arange(5.0)
    >>> whole(1.0, x), data_parallel(whole, shards=2)(1.0, x)
    ((np.float64(3.0), -2.0), (np.float64(3.0), -2.0))

    What a loss returns besides its value (`has_aux`) is no mean, so it is not averaged but given block by block:
    predictions can be joined, counts added.

    >>> with_rows = value_and_grad(lambda w, x: (np.mean((w - x) ** 2), len(x)), has_aux=True)
    >>> data_parallel(with_rows, shards=2)(1.0, x)
    ((np.float64(3.0), (2, 3)), -2.0)

    `map` says who does the work: threads, as many as this process may use cores (where none can be started, one block
    after the other), unless given; the environment variable FUNCNN_NUM_THREADS says another number. The built-in `map`
    does it one by one, that of a `ProcessPoolExecutor` in processes: then the function and its arguments are pickled,
    so it is one that stands in a module under its name:
    `def step(params, batch): return value_and_grad(loss)(params, batch)`.

    As `jax.pmap` with a mean over devices, on the cores of one. The last digits may differ from those of the whole
    batch, whose rows are added up in another order.
    """
    shards = whole_number("data_parallel", "shards", shards, least=1)
    function("data_parallel", "value_and_grad_fn, such as value_and_grad(loss),", value_and_grad_fn)

    def value_and_grad_of_blocks(params: Any, batch: Any, /, *args: Any, **kwargs: Any) -> Any:
        check_rows("data_parallel", batch)
        rows = rows_in(batch)
        ends = [rows * i // min(shards, rows) for i in range(min(shards, rows) + 1)]
        blocks = [_rows(batch, slice(*block)) for block in itertools.pairwise(ends)]
        in_turn = any(builtins.map(_is_of_one_thread, tree.leaves((params, batch))))
        work = map or (builtins.map if in_turn else in_threads)
        results = work(functools.partial(_of_block, value_and_grad_fn, params, args, kwargs), blocks)
        return _joined(list(results), [end - start for start, end in itertools.pairwise(ends)])

    return value_and_grad_of_blocks


def _of_block(f: Callable[..., Any], params: Any, args: tuple[Any, ...], kwargs: dict[str, Any], block: Any) -> Any:
    return f(params, block, *args, **kwargs)


def _is_of_one_thread(x: Any) -> bool:
    """Whether x may be traced by JAX, which knows one thread, and spreads the work itself."""
    return is_elsewhere(x) or getattr(x, "is_hidden", False)


def _rows(batch: B, block: slice) -> B:
    return tree.map(lambda array: array[block], batch)


def _joined(results: list[Any], rows: list[int]) -> Any:
    """The averages over the blocks, with what else each block has given."""
    if not all(isinstance(result, tuple) and len(result) == 2 for result in results):
        raise TypeError("data_parallel: the function must return (value, gradient), as value_and_grad(loss) does, it "
                        f"returned {described(results[0])}")
    values, grads = zip(*results, strict=True)
    if not isinstance(values[0], tuple):
        return _average(values, rows), _average(grads, rows)
    values, aux = zip(*values, strict=True)
    return (_average(values, rows), aux), _average(grads, rows)


def _average(parts: tuple[P, ...], rows: list[int]) -> P:
    """The mean of trees over the rows that they stand for, added from the first to the last; each dtype stays."""
    if len(parts) == 1:
        return parts[0]

    def mean(*leaves: Any) -> Any:
        total = sum(n * leaf for n, leaf in zip(rows, leaves, strict=True))
        return readonly(like(leaves[0], total / sum(rows)))

    average: P = tree.map(mean, *parts)
    return average


later(globals())  # what may be meant by a name that is not here
