"""What watches over a loop of training: `progress`, `early_stopping`, `check_finite`.

Each is a function of what the loop sees, a stream, a value, a tree; none holds a state. Users find them in
`funcnn.training`.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TextIO, TypeVar

import numpy as np

from funcnn import tree
from funcnn._arguments import at, described, one_of, real_number, unlike_array, whole_number
from funcnn._arrays import is_inexact
from funcnn.core.tracer import concrete
from funcnn.typing import Scalar

__all__ = ["EarlyStopping", "check_finite", "early_stopping", "one_number", "progress"]

T = TypeVar("T")


# -------------------------------------------------------------------------------------- stopping early


class EarlyStopping(NamedTuple):
    """The `best` value so far, how many came after it (`wait`), and whether that was too many (`stop`).

    `EarlyStopping()` is the start, before any value.
    """

    best: float = math.nan
    wait: int = 0
    stop: bool = False

    @property
    def improved(self) -> bool:
        """Whether the last value was the best so far, and what it was measured on worth keeping."""
        return self.wait == 0 and not math.isnan(self.best)


def early_stopping(patience: int, min_delta: float = 0.0, mode: Literal["min", "max"] = "min",
                   ) -> Callable[[EarlyStopping, Scalar], EarlyStopping]:
    """A reducer that watches a value: (state, value) -> state, whose `.stop` says when to end.

    It becomes true, and stays so until a value is better, when `patience` values in a row were no better than the best
    before them. Better is a value below `best - min_delta`, or with `mode="max"` above `best + min_delta`; NaN never
    is.

    >>> from itertools import accumulate
    >>> for state in accumulate([3.0, 2.0, 2.5, 2.0, 1.0], early_stopping(patience=2), initial=EarlyStopping()):
    ...     print(state)
    EarlyStopping(best=nan, wait=0, stop=False)
    EarlyStopping(best=3.0, wait=0, stop=False)
    EarlyStopping(best=2.0, wait=0, stop=False)
    EarlyStopping(best=2.0, wait=1, stop=False)
    EarlyStopping(best=2.0, wait=2, stop=True)
    EarlyStopping(best=1.0, wait=0, stop=True)

    Names and meaning are those of Keras; Flax, which counts from 0, stops one value later.
    """
    patience = whole_number("early_stopping", "patience", patience, least=1)
    min_delta = real_number("early_stopping", "min_delta", min_delta, "[0, inf)")
    one_of("early_stopping", "mode", mode, ("min", "max"))
    sign = 1 if mode == "min" else -1

    def update(state: EarlyStopping, value: Scalar) -> EarlyStopping:
        if not isinstance(state, EarlyStopping):
            raise TypeError("early_stopping: the state, which comes before the value, begins as EarlyStopping(), got "
                            + described(state))
        now = float(one_number("early_stopping", "the value", value))
        if not math.isnan(now) and (math.isnan(state.best) or sign * now < sign * state.best - min_delta):
            return EarlyStopping(now, 0, state.stop)
        return EarlyStopping(state.best, state.wait + 1, state.stop or state.wait + 1 >= patience)

    return update


def one_number(owner: str, what: str, value: Any) -> Any:
    """The value, if it is one number, or an error of the function `owner`.

    >>> one_number("evaluate", "what f returns", np.ones(3))
    Traceback (most recent call last):
    ...
    TypeError: evaluate: what f returns must be one number, such as np.mean of the losses, got an array of shape (3,) \
and dtype float64
    """
    shaped = hasattr(value, "shape")
    if not hasattr(value, "__float__") or (shaped and (value.shape != () or unlike_array(value))):
        raise TypeError(f"{owner}: {what} must be one number, such as np.mean of the losses, got {described(value)}")
    return value


# ------------------------------------------------------------------------------------ numbers gone wrong


def check_finite(values: Any, step: int | None = None) -> None:
    """Raise a FloatingPointError that names the first path in a tree with a NaN or an infinity, and the `step`.

    `values` are a tree of arrays and numbers: parameters, gradients, a loss.

    >>> check_finite({"dense_0": {"w": np.array([1.0, np.nan]), "b": np.zeros(2, np.float32)}}, step=17)
    Traceback (most recent call last):
    ...
    FloatingPointError: check_finite: nan (entry [1] of 2) at 'dense_0/w' in step 17

    Entries that are not floating-point numbers are finite; values under `jax.jit` cannot be looked at and pass.
    """
    for path, leaf in tree.leaves_with_path(values):
        array = _floats(leaf if getattr(leaf, "is_hidden", False) else concrete(leaf))
        if array is not None and not np.isfinite(array).all():
            when = "" if step is None else f" in step {step}"
            raise FloatingPointError(f"check_finite: {_not_finite(array)}{at(path)}{when}")


def _floats(leaf: Any) -> Any:
    """The leaf as an ndarray of floats, or None."""
    try:
        array = np.asarray(leaf)
    except TypeError:  # what is traced by jax.jit
        return None
    return array if is_inexact(array.dtype) else None


def _not_finite(array: Any) -> str:
    """The first entry that is not finite, and where it is among how many."""
    wrong = np.argwhere(~np.isfinite(array))
    index = tuple(wrong[0].tolist())
    more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return f"{array[index]} (entry {list(index)}{more} of {array.size})" if array.ndim else str(array[()])


# ------------------------------------------------------------------------------------------- progress


def progress(steps: Iterable[T], show: Callable[[T], Mapping[str, Any]] | None = None, *, every: int | None = None,
             total: int | None = None, unit: str = "step", file: TextIO | None = None) -> Iterator[T]:
    """The same steps, while a terminal shows how far they are: tqdm's bar where it is installed, else plain lines.

    `steps` are numbered from 0, as `unit`s. `show` says what to print beside the number of a step; it is asked only for
    those that are printed: each `every`-th and the last, by default about ten of `total` (by default the length of the
    steps, if they have one). Where nobody looks, nothing is printed; with a `file` there are always lines.

    >>> from funcnn.training import scan
    >>> steps = scan(lambda w, x: (w - 0.5 * (w - x), (w - x) ** 2), (0.0,), [4.0] * 9)
    >>> for state, value in progress(steps, lambda each: {"loss": each[1]}, every=4, unit="epoch", file=sys.stdout):
    ...     pass
    epoch: 0, loss: 16.000
    epoch: 4, loss: 0.062
    epoch: 8, loss: 2.44e-04

    The lines are those of the book *Neural Networks from Scratch*.
    """
    total = operator.length_hint(steps) or None if total is None else whole_number("progress", "total", total, least=0)
    gap = max(1, (total or 1000) // 10) if every is None else whole_number("progress", "every", every, least=1)
    if file is None and not _is_watched(sys.stderr):
        return iter(steps)
    tqdm = _tqdm() if file is None else None
    if tqdm is None:
        return _with_lines(steps, show, gap, unit, file or sys.stderr)
    return _with_bar(steps, show, gap, tqdm(total=total, unit=unit))


def _is_watched(file: Any) -> bool:
    """Whether somebody sees what is written: on a terminal, or in a notebook."""
    return file is not None and (file.isatty() or type(file).__module__.startswith("ipykernel"))


def _tqdm() -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def _with_lines(steps: Iterable[T], show: Callable[[T], Mapping[str, Any]] | None, every: int, unit: str,
                file: TextIO) -> Iterator[T]:
    number = 0
    for number, step in enumerate(steps):
        if number % every == 0:
            print(_line(unit, number, step, show), file=file, flush=True)
        yield step
    if number % every:
        print(_line(unit, number, step, show), file=file, flush=True)


def _line(unit: str, number: int, step: T, show: Callable[[T], Mapping[str, Any]] | None) -> str:
    values = show(step) if show else {}
    return ", ".join(f"{name}: {value}" for name, value in {unit: number, **_written(values)}.items())


def _written(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _number(value) if isinstance(value, float | np.floating) else str(value)
            for name, value in values.items()}


def _number(value: Any) -> str:
    return f"{value:.2e}" if 0 < abs(value) < 0.001 else f"{value:.3f}"


def _with_bar(steps: Iterable[T], show: Callable[[T], Mapping[str, Any]] | None, every: int, bar: Any) -> Iterator[T]:
    with bar:
        for number, step in enumerate(steps):
            if show and number % every == 0:
                bar.set_postfix(_written(show(step)), refresh=False)
            bar.update()
            yield step
