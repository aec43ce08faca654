"""With this module you can train: `batches` streams the data, `fold` runs a pure step over it.

Training is a fold: the state goes in, a batch comes, the new state and a value come out. `scan` is the same as a
stream, for a loop of your own that logs, stops or saves. Nothing here holds a state.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, TypeVarTuple

import numpy as np

from funcnn import autodiff, random, tree
from funcnn.arrays import namespace, readonly
from funcnn.optimizers import GradientTransformation, OptState, apply_updates
from funcnn.typing import Key, Scalar

__all__ = ["Batches", "batches", "fold", "make_step", "scan"]

B = TypeVar("B")
P = TypeVar("P")
S = TypeVarTuple("S")
V = TypeVar("V")
N = TypeVar("N", bound=Scalar)


# ------------------------------------------------------------------------------------------------ data


@dataclass(frozen=True, repr=False, eq=False)
class Batches(Generic[B]):
    """The batches of several epochs in order; it can be iterated again and gives the same ones."""

    key: Key
    data: B
    size: int
    epochs: int

    def __iter__(self) -> Iterator[B]:
        return itertools.chain.from_iterable(map(self._epoch, range(self.epochs)))

    def __len__(self) -> int:
        return self.epochs * -(-_examples(self.data) // self.size)

    def __repr__(self) -> str:
        return f"batches of {self.size} from {_examples(self.data)} examples, {self.epochs} epochs"

    def _epoch(self, epoch: int) -> Iterator[B]:
        """One pass over the data in an order of its own; the last batch holds what is left."""
        count = _examples(self.data)
        if self.size >= count:
            return iter([self.data])
        order = np.asarray(random.permutation(random.fold_in(self.key, epoch), count))
        return (_rows(self.data, order[start:start + self.size]) for start in range(0, count, self.size))


def batches(key: Key, data: B, size: int, epochs: int = 1) -> Batches[B]:
    """The data in shuffled batches, epoch after epoch: a pure function of the key.

    `data` is a tree of arrays, such as `(x, y)`, with as many rows each. Every epoch has a new order, drawn from
    `fold_in(key, epoch)`; its last batch is smaller where the size does not divide the rows. A batch that holds
    all the rows is the data as it is.

    >>> x = np.arange(5)
    >>> for batch in batches(random.key(0), x, size=2, epochs=2):
    ...     print(batch)
    [0 2]
    [4 1]
    [3]
    [0 3]
    [1 4]
    [2]
    """
    for name, value in (("size", size), ("epochs", epochs)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"batches: {name} must be an int, got {value!r}")
    if size < 1 or epochs < 0:
        raise ValueError(f"batches: size must be at least 1 and epochs at least 0, got size={size}, epochs={epochs}")
    _check_rows(data)
    random.fold_in(key, 0)
    return Batches(key, data, int(size), int(epochs))


def _examples(data: Any) -> int:
    return len(tree.leaves(data)[0])


def _rows(data: B, chosen: Any) -> B:
    return tree.map(lambda array: readonly(array[chosen]), data)


def _check_rows(data: Any) -> None:
    rows = {tree.keystr(path) or "data": np.shape(leaf)[:1] for path, leaf in tree.leaves_with_path(data)}
    if not rows or () in rows.values():
        raise ValueError(f"batches: data must be an array or a tree of arrays with rows, got {data!r:.80}")
    if len(set(rows.values())) > 1:
        raise ValueError("batches: the arrays differ in their number of rows: "
                         + ", ".join(f"{name} has {n[0]}" for name, n in rows.items()))
    if (0,) in rows.values():
        raise ValueError("batches: the data is empty (0 rows)")


# ------------------------------------------------------------------------------------------------ fold


def scan(step: Callable[[*S, B], tuple[*S, V]], state: tuple[*S], batches: Iterable[B],
         ) -> Iterator[tuple[tuple[*S], V]]:
    """The states and values of a fold, one after each batch, computed as they are asked for.

    >>> for state, value in scan(lambda total, x: (total + x, x * x), (0,), [1, 2, 3]):
    ...     print(state, value)
    (1,) 1
    (3,) 4
    (6,) 9

    As `itertools.accumulate` with a value beside the state; `jax.lax.scan` returns them all at once.
    """
    if not isinstance(state, tuple):
        raise TypeError("fold: the state must be a tuple of the parts that step takes, such as (params, opt_state), "
                        f"got a {type(state).__name__}")
    for batch in batches:
        state, value = _split(step(*state, batch), len(state))
        yield state, value


def fold(step: Callable[[*S, B], tuple[*S, V]], state: tuple[*S], batches: Iterable[B],
         ) -> tuple[tuple[*S], Any]:
    """Run `step(*state, batch) -> (*state, value)` over all batches: the last state, and the values stacked.

    The values of the steps, numbers or trees of arrays, become one array or tree with a leading axis of steps.

    >>> fold(lambda total, x: (total + x, x * x), (0,), [1, 2, 3])
    ((6,), array([1, 4, 9]))
    """
    values: list[Any] = []
    for state, value in scan(step, state, batches):  # noqa: B007, B020  # the last state is the result
        values.append(value)
    return state, _stacked(values)


def _split(result: Any, parts: int) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != parts + 1:
        came = f"a tuple of {len(result)}" if isinstance(result, tuple) else f"a {type(result).__name__}"
        raise TypeError(f"fold: step must return the {parts} parts of the state and a value, a tuple of {parts + 1}; "
                        f"it returned {came}")
    return result[:-1], result[-1]


def _stacked(values: list[Any]) -> Any:
    if not values:
        return readonly(np.zeros(0, np.float64))
    return tree.map_with_path(_column, *values)


def _column(path: Any, *leaves: Any) -> Any:
    shapes = list(dict.fromkeys(np.shape(leaf) for leaf in leaves))
    if len(shapes) > 1:
        raise ValueError(f"fold: the values at {tree.keystr(path)!r} have shapes {shapes[0]} and {shapes[1]}; they are "
                         "stacked, so they must be alike")
    return readonly(namespace(leaves[0]).stack(leaves))


def make_step(loss: Callable[[P, B], N], optimizer: GradientTransformation,
              ) -> Callable[[P, OptState[P], B], tuple[P, OptState[P], N]]:
    """The plain training step: one gradient, one update.

        value, grads = value_and_grad(loss)(params, batch)
        params' = params + updates(grads)

    >>> from funcnn import optimizers
    >>> step = make_step(lambda w, x: (w - x) ** 2, optimizers.sgd(0.25))
    >>> step(1.0, optimizers.sgd(0.25).init(1.0), 3.0)
    (2.0, (EmptyState(),), np.float64(4.0))
    """
    value_and_grad = autodiff.value_and_grad(loss)

    def step(params: P, opt_state: OptState[P], batch: B) -> tuple[P, OptState[P], N]:
        value, grads = value_and_grad(params, batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return apply_updates(params, updates), opt_state, value

    return step
