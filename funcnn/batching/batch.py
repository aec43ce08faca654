"""What does an operation on a batch mean? A `Batch` is the interpreter of one `vmap`.

Its tracers look like one example, and hold all: in their value the examples lie along the first axis. A rule says how
it is batched by a function `batch(rule, n, values, mapped, options)`: the values of n examples, of which some have the
batch axis (`mapped`), give the value of the result, which has it. A rule that is NumPy code itself is run on the
tracers; any other one without a way of its own is run example by example, which a warning says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from funcnn import tree
from funcnn._arguments import warn
from funcnn._arrays import is_number
from funcnn.core import Interpreter, Rule, Tracer, TracerError, innermost
from funcnn.core.rule import USUAL

__all__ = ["Batch", "BatchTracer", "Mapped", "Shared", "by_example", "is_array", "one_by_one",
           "warn_of_loop"]


@tree.register_leaf
class BatchTracer(Tracer):
    """One example, for all of them: the batch axis, the first of the value, is not seen."""

    __slots__ = ()

    shape = property(lambda x: x.value.shape[1:])
    ndim = property(lambda x: x.value.ndim - 1)
    size = property(lambda x: x.value.size // max(x.value.shape[0], 1) if x.value.shape[0] else _size(x.shape))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a single number")
        return int(self.shape[0])

    def __bool__(self) -> bool:
        raise TracerError(f"if x: inside vmap a value ({self.dtype}{list(self.shape)}) stands for all examples, which "
                          "may differ; write np.where(condition, a, b)")

    def __float__(self) -> NoReturn: raise self._looked_at("float(x)")
    def __int__(self) -> NoReturn: raise self._looked_at("int(x)")
    def __complex__(self) -> NoReturn: raise self._looked_at("complex(x)")

    def _looked_at(self, what: str) -> TracerError:
        return TracerError(f"{what}: inside vmap a value ({self.dtype}{list(self.shape)}) stands for all examples; use "
                           "NumPy's functions on it (np.exp(x), not math.exp(x)), and return what you want to look at")

    def __index__(self) -> NoReturn:
        raise TracerError(f"array[x], range(x): inside vmap a value ({self.dtype}{list(self.shape)}) stands for all "
                          "examples; pick from an array that they share outside: vmap(f)(array[x])")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise TracerError(f"inside vmap a value ({self.dtype}{list(self.shape)}) stands for all examples and cannot "
                          "become a plain ndarray: use it as it is; np.stack([a, b]) in place of np.array([a, b]); "
                          "SciPy's functions that are no ufuncs are in funcnn.scipy; if it is an index, array[x] of an "
                          "array that they share, pick outside: vmap(f)(array[x])")

    def __repr__(self) -> str:
        return f"Batched({self.dtype}{list(self.shape)})"

    def __format__(self, spec: str) -> str:
        return repr(self)


def _size(shape: Sequence[int]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


USUAL.add(BatchTracer)


class Batch(Interpreter):
    """The meaning of operations on n examples at once."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.ended = False

    @property
    def has_ended(self) -> bool:
        """Whether the mapped function has returned."""
        return self.ended

    def look(self, x: Tracer) -> Any:
        """Refuse: there is not one value but n of them."""
        raise TracerError(f"inside vmap a value ({x.dtype}{list(x.shape)}) stands for all {self.n} examples and cannot "
                          "be looked at: np.where(condition, a, b) in place of if, NumPy's functions, not float(x)")

    def bind(self, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Run an operation on all examples."""
        if self.ended:
            raise TracerError(f"{rule.name}: a batched value is used after the vmap that made it has ended; return "
                              "what you need instead of keeping it in a variable")
        if rule.batch is None and rule.is_code:
            return self._through(rule, args, options)
        if rule.name == "stop_gradient":
            return BatchTracer(self, rule(args[0].value))
        values, mapped = [self._marked(arg) for arg in args], [_holds(self, arg) for arg in args]
        batched = rule.batch or by_example
        y = batched(rule, self.n, values, mapped, options)
        return self.traced(y)

    def _marked(self, x: Any) -> Any:
        """An argument from outside the batch; what has the batch axis inside a tuple, an index, is marked."""
        if isinstance(x, tuple) and _holds(self, x):
            return tuple([Mapped(each.value) if self.owns(each) else self._marked(each) for each in x])
        return self.lower(x)

    def traced(self, y: Any) -> Any:
        """Values with the batch axis as tracers, also inside tuples; what is marked as shared stays."""
        if type(y) is Shared:
            return y.value
        if isinstance(y, tuple):
            parts = [self.traced(each) for each in y]
            return type(y)(*parts) if hasattr(y, "_fields") else tuple(parts)
        return [self.traced(each) for each in y] if isinstance(y, list) else BatchTracer(self, y)

    def spread(self, x: Any) -> Any:
        """A result with the batch axis, copied to all examples where it has none."""
        if self.owns(x):
            return x.value
        x = x if isinstance(x, Tracer) else np.asarray(x)
        return np.broadcast_to(x, (self.n, *x.shape))

    def _through(self, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Run NumPy code on the tracers; where it is differentiated around the vmap, its own derivative is batched."""
        if innermost(self.lower(args)) is None:
            return rule.fun(*args, **options)
        return BatchTracer(self, _Batched(rule, self.n, args, options, self)(*self.lower(args)))


def is_array(x: Any) -> bool:
    """Whether x is an array or a number of NumPy, traced or not."""
    return isinstance(x, np.ndarray | np.generic | Tracer) and not is_number(x)


class Mapped:
    """An array of indices that has the batch axis."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Shared:
    """A result of a batched rule that is the same for all examples."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class _Batched(Rule):
    """A rule of one example as one of all: its own derivative, batched, for the interpreters outside of the vmap."""

    def __init__(self, rule: Rule, n: int, args: tuple[Any, ...], options: dict[str, Any], owner: Batch) -> None:
        super().__init__(self._run, name=rule.name, fwd=self._forward, bwd=self._backward, is_code=True)
        self.rule, self.options, self.n = rule, options, n
        self.mapped = [_holds(owner, arg) for arg in args]

    def _begin(self, values: Sequence[Any]) -> tuple[Batch, list[Any]]:
        """A batch begun now, because it must lie within that of a vmap around this one, and the arguments in it."""
        batch = Batch(self.n)
        return batch, [BatchTracer(batch, x) if is_mapped else x
                       for x, is_mapped in zip(values, self.mapped, strict=True)]

    def _run(self, *values: Any) -> Any:
        batch, args = self._begin(values)
        return batch.spread(self.rule.fun(*args, **self.options))

    def _forward(self, *values: Any) -> tuple[Any, Any]:
        batch, args = self._begin(values)
        if self.rule.fwd is not None:
            y, residuals = self.rule.fwd(*args, **self.options)
        else:
            y = self.rule.fun(*args, **self.options)
            residuals = y, args
        return batch.spread(y), (batch, residuals)

    def _backward(self, carried: Any, g: Any) -> _Cotangents:
        batch, residuals = carried
        g = BatchTracer(batch, g)
        if self.rule.bwd is not None:
            found = self.rule.bwd(residuals, g)
            return _Cotangents(lambda i: self._summed(batch, i, found[i]))
        y, args = residuals
        return _Cotangents(lambda i: self._summed(
            batch, i, self.rule.fit(i, self.rule.pullback(i)(g, y, *args, **self.options), args[i])))

    def _summed(self, batch: Batch, i: int, cotangent: Any) -> Any:
        """The cotangent of argument i: of one that all examples share, the sum."""
        if cotangent is None:
            return None
        spread = batch.spread(cotangent)
        return spread if self.mapped[i] else np.sum(spread, axis=0)


class _Cotangents:
    """The cotangents of the arguments of a rule, each computed when it is asked for."""

    def __init__(self, at: Callable[[int], Any]) -> None:
        self.at = at

    def __getitem__(self, i: int) -> Any:
        return self.at(i)


def _holds(batch: Batch, x: Any) -> bool:
    """Whether a value of this batch is in an argument."""
    return batch.owns(x) or (isinstance(x, tuple | list) and any(_holds(batch, each) for each in x))


# ------------------------------------------------------------------------------- example by example


def by_example(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Run a rule on one example after the other; right, and slow."""
    warn_of_loop(rule.name)
    return one_by_one(rule, n, values, mapped, options)


def warn_of_loop(name: str, why: str = "") -> None:
    """Warn that a function is computed example by example, at the line outside funcnn that asked for it."""
    warn(f"vmap: {name} is computed example by example, which is slow{why}")


def one_by_one(rule: Callable[..., Any], n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """The same where that is the only sensible way."""
    def example(pick: Callable[[Any], Any]) -> Any:
        return rule(*[_picked(x, pick) if is_mapped else x for x, is_mapped in zip(values, mapped, strict=True)],
                    **options)

    if n:
        return _stacked([example(lambda x, i=i: x[i]) for i in range(n)])  # type: ignore[misc]  # i is bound here
    nothing = example(lambda x: np.zeros(x.shape[1:], x.dtype))
    return tree.map(lambda y: np.zeros((0, *np.shape(y)), np.result_type(y)), nothing)


def _picked(x: Any, pick: Callable[[Any], Any]) -> Any:
    """One example of an argument, also of a tuple in which some have the batch axis."""
    if type(x) is Mapped:
        return pick(x.value)
    if isinstance(x, tuple):
        return tuple([_picked(each, pick) if type(each) is Mapped or isinstance(each, tuple) else each for each in x])
    return pick(x)


def _stacked(results: list[Any]) -> Any:
    return tree.map(_pile, results[0], *results[1:])


def _pile(*each: Any) -> Any:
    if len(set(map(np.shape, each))) > 1:
        raise TracerError("vmap: the shape of a result differs from example to example; np.where(mask, x, 0) keeps it")
    return np.stack(each)
