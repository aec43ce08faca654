"""Training as a fold of a pure step over a stream of batches: `batches`, `fold`, `scan`, `make_step`, `evaluate`.

Training is a fold: the state goes in, a batch comes, the new state and a value come out. `scan` is the same as a
stream, for a loop of your own that logs, stops or saves:

    for state, value in scan(step, state, batches(key, data, size, epochs)):
        ...

Around it stand `split` before, `progress`, `early_stopping` and `check_finite` in the loop, `evaluate` and `predict`
after it. Nothing here holds a state. How data is cut into batches stands in `funcnn.training.streams`, what
watches over a loop in `funcnn.training.monitors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar, TypeVarTuple, overload

import numpy as np

from funcnn import metrics, random, tree
from funcnn._arguments import at, described, function
from funcnn._arrays import namespace, readonly
from funcnn._later import later
from funcnn.autodiff import reverse as autodiff
from funcnn.optimizers import GradientTransformation, OptState, apply_updates
from funcnn.training.monitors import EarlyStopping, check_finite, early_stopping, one_number, progress
from funcnn.training.streams import Batches, batches, in_order, rows_in, split
from funcnn.typing import Key, Scalar

__all__ = ["Batches", "EarlyStopping", "batches", "check_finite", "early_stopping", "evaluate", "fold",
           "make_step", "make_stochastic_step", "predict", "progress", "scan", "split"]

B = TypeVar("B")
P = TypeVar("P")
S1 = TypeVar("S1")
S2 = TypeVar("S2")
S3 = TypeVar("S3")
S = TypeVarTuple("S")
V = TypeVar("V")

Number: TypeAlias = np.floating[Any]
"""The value of a loss, which is not traced any more."""


# ------------------------------------------------------------------------------------------------ fold


def scan(step: Callable[[*S, B], tuple[*S, V]], state: tuple[*S], batches: Iterable[B],
         ) -> Iterator[tuple[tuple[*S], V]]:
    """The states and values of a `fold`, one after each batch, computed as they are asked for.

    `step`, `state` and `batches` are those of `fold`; breaking off the loop ends the work.

    >>> for state, value in scan(lambda total, x: (total + x, x * x), (0,), [1, 2, 3]):
    ...     print(state, value)
    (1,) 1
    (3,) 4
    (6,) 9

    An error in a step carries a note that names the step. As `itertools.accumulate` with a value beside the state;
    `jax.lax.scan` returns them all at once.
    """
    return _run("scan", step, state, batches)


@overload
def fold(step: Callable[[S1, S2, B], tuple[S1, S2, V]], state: tuple[S1, S2], batches: Iterable[B],
         ) -> tuple[tuple[S1, S2], Any]: ...
@overload
def fold(step: Callable[[S1, S2, S3, B], tuple[S1, S2, S3, V]], state: tuple[S1, S2, S3], batches: Iterable[B],
         ) -> tuple[tuple[S1, S2, S3], Any]: ...
@overload
def fold(step: Callable[[S1, B], tuple[S1, V]], state: tuple[S1], batches: Iterable[B]) -> tuple[tuple[S1], Any]: ...
@overload
def fold(step: Callable[[*S, B], tuple[*S, V]], state: tuple[*S], batches: Iterable[B],
         ) -> tuple[tuple[*S], Any]: ...
def fold(step: Callable[..., Any], state: tuple[Any, ...], batches: Iterable[Any]) -> tuple[Any, Any]:
    """Run `step(*state, batch) -> (*state, value)` over all `batches`: the last state, and the values stacked.

    The values of the steps, numbers or trees of arrays, become one array or tree with a leading axis of steps.

    >>> fold(lambda total, x: (total + x, x * x), (0,), [1, 2, 3])
    ((6,), array([1, 4, 9]))
    """
    values: list[Any] = []
    for state, value in _run("fold", step, state, batches):  # noqa: B007, B020  # the last state is the result
        values.append(value)
    return state, _stacked(values)


def _run(owner: str, step: Callable[..., Any], state: Any, batches: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """The states and values of a fold, for the function `owner`, which errors name."""
    function(owner, "step", step)
    if not isinstance(state, tuple):
        raise TypeError(f"{owner}: the state must be a tuple of the parts that step takes, such as (params, "
                        f"opt_state), got {described(state)}")
    try:
        stream = iter(batches)
    except TypeError:
        raise TypeError(f"{owner}: batches must be a stream of them, such as batches(key, data, size), or a list, got "
                        + described(batches)) from None
    return _states(owner, step, state, stream)


def _states(owner: str, step: Callable[..., Any], state: tuple[Any, ...], batches: Iterator[Any],
            ) -> Iterator[tuple[Any, Any]]:
    for number, batch in enumerate(batches):
        try:
            state, value = _parted(owner, step(*state, batch), len(state))
        except Exception as error:
            error.add_note(f"{owner}: this was step {number}, counted from 0")
            raise
        yield state, value


def _parted(owner: str, result: Any, parts: int) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != parts + 1:
        came = f"a tuple of {len(result)}" if isinstance(result, tuple) else described(result)
        raise TypeError(f"{owner}: step must return the {parts} part{'s' * (parts != 1)} of the state and a value, a "
                        f"tuple of {parts + 1}; it returned {came}")
    return result[:-1], result[-1]


def _stacked(values: list[Any]) -> Any:
    if not values:
        return readonly(np.zeros(0, np.float64))
    return tree.map_with_path(_column, *values)


def _column(path: Any, *leaves: Any) -> Any:
    shapes = list(dict.fromkeys(np.shape(leaf) for leaf in leaves))
    if len(shapes) > 1:
        raise ValueError(f"fold: the values{at(path)} have shapes {shapes[0]} and {shapes[1]}; they are stacked, so "
                         "they must be alike")
    return readonly(namespace(leaves[0]).stack(leaves))


# ----------------------------------------------------------------------------------------------- steps


def make_step(loss: Callable[[P, B], Scalar], optimizer: GradientTransformation,
              ) -> Callable[[P, OptState[P], B], tuple[P, OptState[P], Number]]:
    """The plain training step: one gradient, one update.

        value, grads = value_and_grad(loss)(params, batch)
        params' = params + updates(grads)

    The step is `(params, opt_state, batch) -> (params, opt_state, value)`. `loss(params, batch)` gives one number, and
    `optimizer.init(params)` the first opt_state.

    >>> from funcnn import optimizers
    >>> step = make_step(lambda w, x: (w - x) ** 2, optimizers.sgd(0.25))
    >>> step(1.0, optimizers.sgd(0.25).init(1.0), 3.0)
    (2.0, (EmptyState(),), np.float64(4.0))
    """
    value_and_grad = _differentiated("make_step", loss, optimizer)

    def step(params: P, opt_state: OptState[P], batch: B) -> tuple[P, OptState[P], Number]:
        value, grads = value_and_grad(params, batch)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return apply_updates(params, updates), opt_state, value

    return step


def make_stochastic_step(loss: Callable[[P, B, Key], Scalar], optimizer: GradientTransformation,
                         ) -> Callable[[P, OptState[P], Key, B], tuple[P, OptState[P], Key, Number]]:
    """The same step for a loss that draws random numbers, as with dropout; the key is a part of the state.

        key', now = split(key)
        value, grads = value_and_grad(loss)(params, batch, now)

    The step is `(params, opt_state, key, batch) -> (params, opt_state, key, value)`, else as that of `make_step` with
    its `optimizer`.

    >>> from funcnn import optimizers
    >>> def loss(w, x, key):
    ...     return (w - x - random.uniform(key)) ** 2
    >>> step = make_stochastic_step(loss, optimizers.sgd(0.25))
    >>> params, opt_state, key, value = step(1.0, optimizers.sgd(0.25).init(1.0), random.key(0), 3.0)
    >>> key
    array([1797259609, 2579123966], dtype=uint32)
    """
    value_and_grad = _differentiated("make_stochastic_step", loss, optimizer)

    def step(params: P, opt_state: OptState[P], key: Key, batch: B) -> tuple[P, OptState[P], Key, Number]:
        key, now = random.split(key)
        value, grads = value_and_grad(params, batch, now)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        return apply_updates(params, updates), opt_state, key, value

    return step


def _differentiated(owner: str, loss: Any, optimizer: Any) -> Callable[..., Any]:
    function(owner, "loss", loss)
    if not hasattr(optimizer, "update"):
        raise TypeError(f"{owner}: optimizer must be a GradientTransformation, such as adam(0.01), got "
                        + described(optimizer))
    return autodiff.value_and_grad(loss)


# ------------------------------------------------------------------------------------- after the loop


@overload
def evaluate(f: Callable[[P, B], Scalar], params: P, data: B, size: int = 1024) -> np.float64: ...
@overload
def evaluate(f: Callable[[P, B], V], params: P, data: B, size: int = 1024) -> V: ...
def evaluate(f: Callable[[P, B], Any], params: P, data: B, size: int = 1024) -> Any:
    """The mean over all examples of what `f(params, batch)` is the mean of over a batch: a loss, an accuracy.

        sum_i n_i f(params, batch_i) / sum_i n_i,    n_i rows in batch i, the sums in float64

    f gives one number or a tree of them, and so does `evaluate`, as np.float64. `data` is a tree of arrays with as many
    rows each, of which `size` are taken at once, in order; the last batch counts by the rows it has. What is no mean
    over examples (`r2`, `f1`) is computed of all that `predict` gives.

    >>> def loss(w, x):
    ...     return {"square": np.mean((w - x) ** 2), "max": np.mean(x == 4.0)}
    >>> evaluate(loss, 1.0, np.arange(5.0), size=2)
    {'square': np.float64(3.0), 'max': np.float64(0.2)}
    """
    function("evaluate", "f", f)
    values, sizes = list[Any](), list[int]()
    for batch in in_order("evaluate", data, size):
        values.append(tree.map_with_path(_mean, f(params, batch)))
        sizes.append(rows_in(batch))
    return tree.map(lambda *means: metrics.mean_over_batches(means, sizes), *values)


def _mean(path: tree.Path, value: Any) -> Any:
    return np.float64(one_number("evaluate", f"what f returns{at(path)}", value))


def predict(f: Callable[[P, B], V], params: P, x: B, size: int = 1024) -> V:
    """`f(params, x)`, such as `net.apply`, computed in batches of `size` rows, in order, so that memory suffices.

    >>> predict(lambda w, x: w * x, 2.0, np.arange(5.0), size=2)
    array([0., 2., 4., 6., 8.])

    A net with dropout evaluates as `predict(lambda params, x: net.apply(params, x, key=None), params, x)`. The result
    is a function of the arguments, to the byte, on the same kind of machine. Another size may change last digits,
    because matrix products of other shapes add in another order; a full batch does not depend on the rows of others.
    """
    function("predict", "f", f)
    parts = [_row_for_row(f(params, batch), rows_in(batch)) for batch in in_order("predict", x, size)]
    return parts[0] if len(parts) == 1 else tree.map(_one_after_another, *parts)


def _one_after_another(*parts: Any) -> Any:
    return readonly(namespace(parts[0]).concatenate(parts))


def _row_for_row(result: V, rows: int) -> V:
    for path, leaf in tree.leaves_with_path(result):
        if np.shape(leaf)[:1] != (rows,):
            raise ValueError(f"predict: f must return a row for each row of x; for {rows} rows it returned shape "
                             f"{np.shape(leaf)}{at(path)}")
    return result


later(globals())  # what may be meant by a name that is not here
