"""What is `jit`? A function whose Python runs once for each kind of arguments, and whose NumPy calls are kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from funcnn._arguments import described

if TYPE_CHECKING:
    from funcnn.staging.program import Program

__all__ = ["jit", "make_program"]

A = ParamSpec("A")
R = TypeVar("R")


def jit(f: Callable[A, R], static_argnums: int | Sequence[int] = ()) -> Callable[A, R]:
    """The same function, faster: its Python runs once, and the NumPy calls that it makes are kept and run again.

    The first call with arguments of some signature (the structure of their trees, shapes, dtypes, and the values of
    static arguments) records f as a program (`make_program` shows it); further calls run that, with memory of its own
    for what lies between. The result is the same to the bit, and so are errors: what f checks of values is checked
    each time, and where the answer differs, f itself runs. It pays where much is called on small arrays.

    What to know, as with `jax.jit`:

    - `f` takes and returns trees of arrays and numbers.
    - Python runs while recording only. A list appended to, a global changed, a `print` happen once; what f reads
      besides its arguments (a global, an array of the enclosing function, `np.random`) is a constant, as it was at that
      time. Draw with `funcnn.random`, whose keys are arguments.
    - Nothing is written into an argument: `x += 1` gives a new array, and a dict that f changes is f's own.
    - Values cannot be looked at: `if x > 0`, `float(x)` and shapes that depend on values are a `TracerError`.
    - `static_argnums`, a position or several, names arguments that can: hashable ones (a flag, a number of steps, a
      function), which are part of the signature, so that each value has a program of its own.
    - A Python number is an argument like an array: another number is no new signature.
    - Inside `grad`, `vmap`, or another jitted function it is f itself; the transformations belong inside.

    >>> import funcnn as fn
    >>> slope = fn.jit(fn.grad(lambda w, x: np.sum(np.tanh(w * x))))
    >>> slope(np.array([0.0, 1.0]), 2.0)
    array([2.        , 0.14130165])

    As `jax.jit`.
    """
    if not callable(f):
        raise TypeError(f"jit: takes a function, got {described(f)}; write jit(f)(x), not jit(f(x))")
    from funcnn.staging.store import Store  # when it is needed: most programs never jit

    store = Store(f, _positions("jit", static_argnums))

    @functools.wraps(f)
    def jitted(*args: A.args, **kwargs: A.kwargs) -> R:
        result: R = store(args, kwargs)
        return result

    return jitted


def make_program(f: Callable[A, object], static_argnums: int | Sequence[int] = ()) -> Callable[A, Program]:
    """A function of the same arguments that returns the `Program` of `f`: the NumPy calls that it makes of them.

    Nothing but structure, shapes and dtypes of the arguments counts, and the values of those that `static_argnums`
    names, as in `jit`.

    >>> print(make_program(lambda x, y: np.sum(x * y))(np.ones(3), 2.0))  # doctest: +ELLIPSIS
    def f(x, y):  # x: float64[3], y: float
        v0 = x * y      # float64[3]...
        v1 = np.sum(v0) # float64...
        return v1

    As `jax.make_jaxpr`.
    """
    if not callable(f):
        raise TypeError(f"make_program: takes a function, got {described(f)}; write make_program(f)(x)")
    from funcnn.staging.store import Call

    static = _positions("make_program", static_argnums)

    def recorded(*args: A.args, **kwargs: A.kwargs) -> Program:
        return Call(f, static, args, kwargs).recorded()[0]

    return recorded


def _positions(owner: str, static_argnums: int | Sequence[int]) -> tuple[int, ...]:
    numbers = tuple(static_argnums) if isinstance(static_argnums, tuple | list | range) else (static_argnums,)
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | np.integer):
            raise TypeError(f"{owner}: static_argnums must be an int or a sequence of them, got {static_argnums!r}")
    return tuple(map(int, numbers))
