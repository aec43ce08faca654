"""With this module you can spread a gradient over cores: `data_parallel` splits the batch and averages the parts.

The parts are averaged in their order, each by the rows it has, so the result has the same bytes on every run, however
many threads there are. NumPy lets go of Python's lock in its long operations, so threads are enough; and row blocks
that fit a core's cache pay even where there is one core.
"""

from __future__ import annotations

import builtins
import itertools
import os
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from funcnn import tree
from funcnn._arguments import whole_number
from funcnn._arrays import readonly
from funcnn.optimizers.transformation import like
from funcnn.training.streams import check_rows, rows_in

__all__ = ["data_parallel"]

A = ParamSpec("A")
B = TypeVar("B")
P = TypeVar("P")
S = TypeVar("S")

Map: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""Applies a function to each of several things: `map` itself, or the `map` of an executor."""


def data_parallel(value_and_grad_fn: Callable[Concatenate[P, B, A], tuple[S, P]], shards: int, map: Map | None = None,
                  ) -> Callable[Concatenate[P, B, A], tuple[S, P]]:
    """The same function of (params, batch, ...), computed for blocks of the batch's rows and averaged.

        value = sum_i n_i value_i / n,    grads = sum_i n_i grads_i / n,    n_i the rows of block i

    That is the value and the gradient of the whole batch where the loss is a mean over examples. `batch` is a tree of
    arrays with as many rows each; what stands behind it goes to every block as it is. Blocks differ by one row at most,
    and there are no more of them than rows. `map` says who does the work: threads, as many as there are cores, unless
    given; the built-in `map` does it one by one.

    >>> import numpy as np
    >>> from funcnn import value_and_grad
    >>> whole = value_and_grad(lambda w, x: np.mean((w - x) ** 2))
    >>> x = np.arange(5.0)
    >>> whole(1.0, x), data_parallel(whole, shards=2)(1.0, x)
    ((np.float64(3.0), -2.0), (np.float64(3.0), -2.0))

    As `jax.pmap` with a mean over devices, on the cores of one. The last digits may differ from those of the whole
    batch, whose rows are added up in another order.
    """
    whole_number("data_parallel", "shards", shards, least=1)
    if not callable(value_and_grad_fn):
        raise TypeError("data_parallel: takes a function of (params, batch) that returns (value, grads), such as "
                        f"value_and_grad(loss), got {value_and_grad_fn!r:.80}")
    work = _in_threads if map is None else map

    def value_and_grad_of_blocks(params: P, batch: B, /, *args: A.args, **kwargs: A.kwargs) -> tuple[S, P]:
        check_rows("data_parallel", batch)
        rows = rows_in(batch)
        ends = [rows * i // min(shards, rows) for i in range(min(shards, rows) + 1)]
        parts = [_rows(batch, slice(*ends[i:i + 2])) for i in range(len(ends) - 1)]
        results = list(work(lambda part: value_and_grad_fn(params, part, *args, **kwargs), parts))
        return _average(results, [end - start for start, end in itertools.pairwise(ends)])

    return value_and_grad_of_blocks


def _rows(batch: B, block: slice) -> B:
    return tree.map(lambda array: array[block], batch)


def _average(results: list[tuple[S, P]], rows: list[int]) -> tuple[S, P]:
    """The mean of trees over the rows that they stand for, added from the first to the last; each dtype stays."""
    if len(results) == 1:
        return results[0]

    def mean(*leaves: Any) -> Any:
        total = sum(n * leaf for n, leaf in zip(rows, leaves, strict=True))
        return readonly(like(leaves[0], total / sum(rows)))

    average: tuple[S, P] = tree.map(mean, *results)
    return average


def _in_threads(f: Callable[[Any], Any], parts: Iterable[Any]) -> list[Any]:
    """`map`, with a thread for each core; an error in one is raised here."""
    from concurrent.futures import ThreadPoolExecutor

    works = list(parts)
    if len(works) == 1:
        return list(builtins.map(f, works))
    with ThreadPoolExecutor(min(len(works), os.cpu_count() or 1)) as threads:
        return list(threads.map(f, works))
