"""What does a transformation know of an operation? One row, a `Rule`: the function, its derivative, the text of both.

A row is called like its function. Where a traced value is among the arguments, the innermost interpreter of them says
what the call means (`funcnn.core.interpreter`); else the function runs.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from funcnn._arguments import way_to_numpy
from funcnn.core.elsewhere import is_elsewhere
from funcnn.core.tracer import RULES, Tracer, TracerError

__all__ = ["USUAL", "Formula", "Node", "Outline", "Rule", "Vjp", "innermost", "register"]

Vjp: TypeAlias = Callable[..., Any]
"""The pullback to one argument: (g, y, *args, **options) -> the cotangent of that argument, g being that of y."""


class Formula(NamedTuple):
    """What an operation computes, its `value` `y = f(x)`, and what its `pullbacks` hand back, `dx = ...`, as text."""

    value: str
    pullbacks: tuple[str, ...]

    def pullback(self, position: int) -> str:
        """The line of the argument at `position`; where any number may come, from the last one on that one's."""
        return self.pullbacks[min(position, len(self.pullbacks) - 1)]


class Outline:
    """What is known of an array whose numbers nobody reads any more: `shape` and `dtype`; its memory is free again."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)


class Node(NamedTuple):
    """One operation on a tape."""

    rule: Rule
    """What was done."""
    parents: dict[int, int]
    """Which of its arguments are differentiated, and the places on the tape that they come from."""
    saved: Any
    """What the way back may read: (y, *args), an `Outline` in the place of what no pullback reads; of a rule with
    `fwd`, its residuals."""
    options: dict[str, Any]
    """The keyword arguments of the call."""


class Rule:
    """A function of arrays, `fun`, and its derivative, in one of three forms, or in none: then it is constant.

    - `vjps[i]` is the pullback to argument i, None where there is none;
    - `each(i, g, y, *args, **options)` is the pullback to argument i of a function of any number of arrays;
    - `fwd(*args) -> (y, residuals)` and `bwd(residuals, g) -> cotangents` share work.

    `name` is what errors call it, by default that of `fun`; `formula` its text, first the value, then what goes back to
    each argument. `batch` says how it is computed for many examples at once (`funcnn.batching`); `is_code`, that `fun`
    is NumPy code itself, which may be run on tracers.

    Arguments that may be differentiated are positional. **What a tape keeps** is said by the names: a parameter of a
    pullback that begins with an underscore comes as its `Outline`, shape and dtype, and its numbers are not kept.

    >>> import funcnn
    >>> twice = Rule(lambda x: 2 * x, vjps=[lambda g, _y, _x: 2 * g], name="twice", formula=("y = 2 * x", "dx = 2 * g"))
    >>> funcnn.grad(twice)(3.0), twice
    (2.0, Rule(twice))
    """

    forgets_options = False
    """Whether the pullbacks do not take the keyword arguments of the call."""

    def __init__(self, fun: Callable[..., Any], vjps: Sequence[Vjp | None] = (), *, name: str = "",
                 each: Vjp | None = None, fwd: Callable[..., Any] | None = None, bwd: Callable[..., Any] | None = None,
                 formula: Sequence[str] = (), batch: Callable[..., Any] | None = None, is_code: bool = False,
                 ) -> None:
        self.fun, self.name = fun, name or getattr(fun, "__name__", type(fun).__name__)
        self.vjps, self.each, self.fwd, self.bwd = tuple(vjps), each, fwd, bwd
        self.lines = tuple(formula)
        self.is_constant = not (vjps or each or fwd)
        self.batch, self.is_code = batch, is_code
        self.number: type = float if isinstance(fun, np.ufunc) else np.float64  # of ufuncs a Python number adapts
        self._kept: dict[tuple[tuple[int, ...], int], tuple[list[int], list[int]]] = {}

    @property
    def formula(self) -> Formula:
        """The text of the row; where none was given, the name and the arguments."""
        if self.lines:
            return Formula(self.lines[0], self.lines[1:])
        try:
            names = list(inspect.signature(self.fun).parameters)
        except (TypeError, ValueError):
            names = ["x"]
        return Formula(f"y = {self.name}({', '.join(names)})", tuple(f"d{name} = its own rule" for name in names))

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Run the function, or let the innermost interpreter among its arguments say what that means."""
        owner = innermost((*args, *options.values())) if options else innermost(args)
        if owner is None:
            return self.fun(*args, **options)
        if owner.records:
            return owner.bind(self, args, options)
        if options and innermost(options.values()) is not None:
            args, options = _positional(self.fun, args, options)
        if not USUAL.issuperset(map(type, args)):
            args = self._arrays(args)
        return owner.bind(self, args, options)

    def _arrays(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, lists and tuples in the place of arrays converted as NumPy does it."""
        return tuple([self._array(i, arg) for i, arg in enumerate(args)])

    def _array(self, i: int, arg: Any) -> Any:
        if isinstance(arg, list | tuple) and (self.each or (i < len(self.vjps) and self.vjps[i])):
            return np.asarray(arg)
        if _is_foreign(arg):
            raise TracerError(f"{self.name}: a {type(arg).__name__} met a traced value, whose derivative knows plain "
                              f"arrays and numbers only; use {_plain(arg)}")
        return arg

    def pullback(self, i: int) -> Vjp:
        """The pullback to argument `i`; a TracerError where it has none."""
        if self.each is not None:
            return functools.partial(self.each, i)
        vjp = self.vjps[i] if i < len(self.vjps) else None
        if vjp is None:
            raise TracerError(f"{self.name}: has no derivative with respect to argument {i}; apply "
                              "funcnn.stop_gradient to it, or give the rule one")
        return vjp

    def keeping(self, positions: tuple[int, ...], count: int) -> tuple[list[int], list[int]]:
        """Of `(y, *args)`, `count` of them, what no pullback to the arguments at these `positions` reads.

        And second, what one reads and is none of those arguments nor y.
        """
        if (positions, count) not in self._kept:
            reads = list(map(any, zip(*[_reads(self.pullback(i), count) for i in positions], strict=True)))
            self._kept[positions, count] = ([i for i in range(count) if not reads[i]],
                                            [i for i in range(1, count) if reads[i] and i - 1 not in positions])
        return self._kept[positions, count]

    def pull(self, node: Node, g: Any) -> Iterable[tuple[int, Any]]:
        """What the cotangent `g` of the result of a `node` gives to its parents: (place, cotangent) pairs."""
        if self.bwd is not None:
            cotangents = self.bwd(node.saved, g)
            return [(place, cotangents[i]) for i, place in node.parents.items()]
        options, saved = {} if self.forgets_options else node.options, node.saved
        vjps: Any = [functools.partial(self.each, i) for i in range(len(saved))] if self.each else self.vjps
        return [(place, self.fit(i, vjps[i](g, *saved, **options), saved[i + 1])) for i, place in node.parents.items()]

    def fit(self, i: int, cotangent: Any, x: Any) -> Any:
        """The `cotangent` of argument `i`, which is `x` and whose shape it must have."""
        if cotangent is None or getattr(cotangent, "shape", ()) != getattr(x, "shape", ()):
            raise wrong_cotangent(self.name, i, cotangent, x)
        return cotangent

    def __repr__(self) -> str:
        return f"Rule({self.name})"


def register(rule: Rule, *functions: Callable[..., Any]) -> Rule:
    """Let a `rule` stand for NumPy `functions`, by default its own, wherever they meet a traced value."""
    RULES.update(dict.fromkeys(functions or (rule.fun,), rule))
    return rule


USUAL = {Tracer, np.ndarray, float, int, np.float64, np.float32, type(None)}
"""Types of arguments that need no second look; an interpreter adds that of its tracers."""


_SEQUENCES = (tuple, list)


def innermost(values: Iterable[Any]) -> Any:
    """The interpreter begun last among those of traced `values`, also inside lists and tuples; None without any.

    >>> innermost([1.0, [np.ones(2), None]])
    """
    owner = None
    for value in values:
        if isinstance(value, Tracer):
            found = value.owner
        elif isinstance(value, _SEQUENCES):
            found = innermost(value)
        else:
            continue
        if found is not None and (owner is None or found.level > owner.level):
            owner = found
    return owner


def wrong_cotangent(name: str, i: int, cotangent: Any, x: Any) -> ValueError:
    """The error that a pullback returned nothing, or another shape than that of its argument."""
    if cotangent is None:
        return ValueError(f"{name}: its derivative returned None for argument {i}; is a return missing?")
    came, expected = getattr(cotangent, "shape", ()), getattr(x, "shape", ())
    return ValueError(f"{name}: its derivative returned a cotangent of shape {came} for argument {i}, which has shape "
                      f"{expected}")


def _is_foreign(x: Any) -> bool:
    """Whether x calculates in a way of its own: a subclass of ndarray, another package's array, a Fraction."""
    if isinstance(x, np.ndarray):
        return type(x) not in (np.ndarray, np.memmap)
    if isinstance(x, np.generic | int | float | complex | Tracer | type):
        return False
    return isinstance(x, numbers.Number) or (hasattr(x, "__array__") and not hasattr(x, "__array_function__"))


def _plain(x: Any) -> str:
    if isinstance(x, numbers.Number):
        return "float(x)"
    if is_elsewhere(x):
        return "np.asarray(x), or make it an argument of the function that funcnn.jax.lift takes"
    if hasattr(x, "filled"):
        return "x.filled(0.0), and np.where(mask, x, y) for what is masked"
    return way_to_numpy(x)


def _reads(vjp: Vjp, count: int) -> list[bool]:
    """Which of its arguments after g a pullback reads: those whose names do not begin with an underscore."""
    try:
        parameters = list(inspect.signature(vjp).parameters.values())[1:]
    except (TypeError, ValueError):  # some functions written in C
        return [True] * count
    named = [not p.name.startswith("_") for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    others = all(not p.name.startswith("_") for p in parameters if p.kind is p.VAR_POSITIONAL)
    return (named + [others] * count)[:count]


def _positional(fun: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any],
                ) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with the traced ones by position, because a rule differentiates by position."""
    bound = inspect.signature(fun).bind(*args, **options)
    if innermost(bound.kwargs.values()) is not None:
        bound.apply_defaults()
    if innermost(bound.kwargs.values()) is not None:
        raise TracerError(f"{fun.__name__}: a traced value came as a keyword-only argument; only positional ones are "
                          "differentiated")
    return bound.args, bound.kwargs
