"""How is a row of the table written? `rule`, `elementwise`, `constant`, `composite`, and what their pullbacks share.

A row gives, behind the text that says it, the pullback to each argument, as a function of `g, y, *inputs`: g is the
cotangent of the result y; a name that begins with an underscore is not read but for its shape and dtype. A row may
forget that its arguments were broadcast or of several dtypes: `fitted` sees to that once for all.

Complex numbers, as in JAX: a real function L of z = u + iv has the cotangent dL/du - i dL/dv, so that the change
of L is the real part of g dz, and the pullback of a function with a complex derivative is g y'(z), not conjugated.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from funcnn._arrays import column_sums, is_plain, kind_of
from funcnn.autodiff.scatter import settle
from funcnn.batching import families
from funcnn.batching.families import Family
from funcnn.core import RULES, NeedsValues, Rule, TracerError, register
from funcnn.core.rule import Vjp

__all__ = ["Elementwise", "Row", "as_array", "composite", "conj", "constant", "elementwise", "fitted", "masked",
           "numpy_has", "one_where_zero", "over", "refuse", "row", "rule", "shape_of", "unbroadcast"]


class Row(Rule):
    """A rule of the table: what a pullback gives is fitted to its argument."""

    def fit(self, i: int, cotangent: Any, x: Any) -> Any:
        """The cotangent of argument x, of its shape and dtype."""
        return fitted(cotangent, x)


class Elementwise(Row):
    """A row that works entry by entry, whose options (dtype, casting, order) do not concern its derivative."""

    forgets_options = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"batch": families.elementwise} | options)
        self.number = float  # as of ufuncs, a Python number adapts to the dtypes of the others


def row(fun: Callable[..., Any], says: str, *lines: Any, name: str = "", run: Callable[..., Any] | None = None,
        each: Vjp | None = None, batch: Family | None = None, kind: type[Row] = Row) -> Row:
    """A rule: the formula, then for each positional argument its text and its pullback, or None where it has none.

    `each` takes the place of the pullbacks where any number of arguments may come, `run` computes the same result in
    the place of `fun`, `name` is what users call it, `batch` how it is computed for many examples at once.
    """
    texts, vjps, left = [], [], iter(lines)
    for text in left:
        texts.append(text or "")
        vjps.append(None if text is None or each else next(left))
    options: dict[str, Any] = {} if batch is None else {"batch": batch}
    return kind(run or fun, () if each else vjps, each=each, name=name or fun.__name__, formula=(says, *texts),
                **options)


def rule(fun: Callable[..., Any] | None, says: str, *lines: Any, name: str = "", run: Callable[..., Any] | None = None,
         batch: Family | None = None) -> Row | None:
    """Give a NumPy function a row, if this version of NumPy has it."""
    if fun is None:
        return None
    made = row(fun, says, *lines, name=name, run=run, batch=batch)
    register(made, fun)
    return made


def elementwise(fun: Callable[..., Any], says: str, *lines: Any, name: str = "", run: Callable[..., Any] | None = None,
                ) -> Row:
    """Give a function that works entry by entry a row; its arguments may broadcast."""
    made = row(fun, says, *lines, name=name, run=run, kind=Elementwise)
    register(made, fun)
    return made


def constant(*funs: Callable[..., Any] | None, batch: Family | None = None) -> None:
    """Say that functions have derivative 0, or none that matters, and how they are batched."""
    for fun in funs:
        if fun is not None:
            register(Rule(fun, batch=batch), fun)


def composite(*funs: Callable[..., Any] | None, arrays: int = 0, looks: bool = False,
              ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Say that NumPy functions of traced values are what the decorated function makes of them.

    Lists and tuples among its first arguments, as many as `arrays` says, come as arrays. `looks` says that it
    decides by values, which inside vmap it can only do example by example.
    """
    def decorate(definition: Callable[..., Any]) -> Callable[..., Any]:
        run = _with_arrays(definition, arrays) if arrays else definition
        run = _looking(run, next(fun.__name__ for fun in funs if fun is not None)) if looks else run
        RULES.update((fun, run) for fun in funs if fun is not None)
        return run

    return decorate


def _with_arrays(definition: Callable[..., Any], arrays: int) -> Callable[..., Any]:
    names = list(inspect.signature(definition).parameters)[:arrays]

    @functools.wraps(definition)
    def run(*args: Any, **options: Any) -> Any:
        options = {name: as_array(value) if name in names else value for name, value in options.items()}
        return definition(*map(as_array, args[:arrays]), *args[arrays:], **options)

    return run


def _looking(definition: Callable[..., Any], name: str) -> Callable[..., Any]:
    @functools.wraps(definition)
    def run(*args: Any, **options: Any) -> Any:
        try:
            return definition(*args, **options)
        except TracerError as error:
            raise NeedsValues(name) from error

    return run


def numpy_has(name: str, module: Any = np) -> Any:
    """The function of that name, or None where this version of NumPy does not have it: no rule then."""
    return getattr(module, name, None)


def refuse(name: str, instead: str, **options: Any) -> None:
    """Raise if an option that has no derivative was given."""
    for option, value in options.items():
        if value is not None:
            raise TracerError(f"np.{name}(..., {option}={value!r}): has no derivative here; {instead}")


# ------------------------------------------------------------------ what pullbacks share


def fitted(cotangent: Any, x: Any) -> Any:
    """What a row found, as a cotangent of x: of its shape and dtype, whatever the other arguments were.

    >>> fitted(np.array([[1.0, 2.0], [3.0, 4.0j]]), np.zeros(2, np.float32))
    array([4., 2.], dtype=float32)
    """
    if kind_of(x) is float:
        x = _NUMBER
    if cotangent.dtype is x.dtype and cotangent.shape == x.shape:
        return cotangent
    cotangent = unbroadcast(settle(cotangent), x)
    return cotangent if cotangent.dtype == x.dtype else _cast(cotangent, x.dtype)


_NUMBER = np.float64(0.0)


def _cast(cotangent: Any, dtype: Any) -> Any:
    return (np.real(cotangent) if dtype.kind == "f" and cotangent.dtype.kind == "c" else cotangent).astype(dtype)


def unbroadcast(g: Any, x: Any) -> Any:
    """The cotangent of x, when x was broadcast to the shape of g: the sum over the copies."""
    shape = shape_of(x)
    if g.shape == shape:
        return g
    if len(shape) == 1 and g.ndim > 1 and g.shape[-1:] == shape:
        return column_sums(g)
    extra = g.ndim - len(shape)
    axes = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1))
    return g.sum(axis=axes).reshape(shape)


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array, a traced value or a number."""
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return shape


def masked(g: Any, mask: Any) -> Any:
    """G where the mask is true, 0 elsewhere, also where g is infinite or not a number: no product with the mask.

    >>> masked(np.array([1.0, np.nan]), np.array([True, False]))
    array([1., 0.])
    """
    if not is_plain(g) or not is_plain(mask) or g.dtype.kind != "f" or g.itemsize not in _INTEGERS:
        return np.where(mask, g, 0)
    bits = g.view(_INTEGERS[g.itemsize])  # multiplying them is exact, and ten times as fast as np.where
    return (bits * mask).view(g.dtype)


_INTEGERS = {2: np.dtype(np.int16), 4: np.dtype(np.int32), 8: np.dtype(np.int64)}


def as_array(x: Any) -> Any:
    """A list or tuple as NumPy takes it, anything else as it is."""
    return np.asarray(x) if isinstance(x, list | tuple) else x


def one_where_zero(x: Any) -> Any:
    """X, to divide by where the quotient is 0 / 0 and means 0."""
    return np.where(x == 0, 1, x)


def conj(x: Any) -> Any:
    """The complex conjugate; of real x, x itself."""
    return np.conj(x) if x.dtype.kind == "c" else x


over = row(lambda x, z: x / np.where((x == 0) & (z == 0), 1, z), "y = x / z, and 0 / 0 = 0",
           "dx = g / z", lambda g, _y, _x, z: g / z,
           "dz = -g * y / z", lambda g, y, _x, z: -g * y / z, name="over", kind=Elementwise)
"""x / z, and 0 where both are 0: the slope of a length of 0, by convention. There its own derivatives are infinite
or no number, because what is differentiated twice has a corner; 0 would be a plausible wrong number."""
