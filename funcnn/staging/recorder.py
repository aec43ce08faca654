"""What does recording an operation mean? It runs, and is written down: a `Recorder` is the interpreter of one `jit`.

It is the outermost of all interpreters, so that what arrives is what `grad` and `vmap` make of a program: plain calls
of NumPy. Its tracers stand for the arguments that the function happened to be called with, and cannot be looked at:
what is recorded must be right for all others of the same shapes and dtypes. Where the library itself must look, it
asks with `funcnn.core.holds`, and question and answer become a condition of the program.
"""

from __future__ import annotations

import functools
import inspect
import operator
import os
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import numpy as np

from funcnn.core import Interpreter, Rule, Tracer, TracerError, getitem, innermost
from funcnn.rules.elementwise import power
from funcnn.staging.equation import PLAIN_ARRAYS, Equation, Line, Method, Variable, expect, form_of, freeze, has_form
from funcnn.staging.recorded import NUMBERS, Recorded, RecordedNumber, looked_at

__all__ = ["CapturedTracer", "Recorder", "copied"]


class CapturedTracer(Exception):
    """The function is not recorded, but run: it works on a traced value that is not among its arguments, or on an array
    of a class with operators of its own.
    """


_STATIC = {np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.min_scalar_type, np.common_type,
           np.iscomplexobj, np.isrealobj}
"""What they say depends on shapes and dtypes alone."""

_SHAPED_BY_VALUES: set[Any] = {np.nonzero, np.flatnonzero, np.argwhere, np.unique,
                               np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d, np.trim_zeros,
                               *[getattr(np, name) for name in ("unique_all", "unique_counts", "unique_inverse",
                                                                "unique_values") if hasattr(np, name)]}
_PRINTING = {np.array2string, np.array_repr, np.array_str}
_WRITING = {np.copyto, np.put, np.place, np.putmask, np.put_along_axis, np.fill_diagonal}

_VARYING: set[Any] = {np.bincount, np.delete, np.compress, np.extract, np.histogram, np.histogram_bin_edges,
                      np.histogram2d, np.histogramdd, np.roots, np.poly, np.polymul, np.polydiv, np.real_if_close,
                      np.linalg.eig, np.linalg.eigvals, np.linalg.lstsq, np.ix_, Method("repeat"),
                      *[getattr(np.emath, name) for name in np.emath.__all__]}
"""Functions whose results may have another shape or dtype for other values."""

_SHAPING = {np.reshape, np.broadcast_to, np.tile, np.resize, np.split, np.array_split, np.pad,
            *map(Method, ("reshape", "transpose"))}
"""Functions that take shapes."""

_BY_ENTRY = {np.where, np.clip, np.round, np.full_like, round, divmod, Method("clip"), Method("round")}
"""Functions to which an integer is a number like others, neither a shape nor an axis."""

_PLAIN = (str, bytes, type(None), np.dtype, type, type(Ellipsis))


class Recorder(Interpreter):
    """The meaning of operations while a function is recorded: run, and written down."""

    records = True

    def __init__(self) -> None:
        super().__init__()
        self.equations: list[Equation] = []
        self.count = 0
        self.ended = False
        self.errors = np.geterr()
        self._constants: dict[int, tuple[Any, Any]] = {}

    @property
    def has_ended(self) -> bool:
        """Whether the recorded function has returned."""
        return self.ended

    def begin(self, names: Sequence[str], leaves: Sequence[Any]) -> list[Recorded]:
        """Tracers for the leaves of the arguments."""
        return [self._traced(leaf, Variable(name, leaf)) for name, leaf in zip(names, leaves, strict=True)]

    def look(self, x: Tracer) -> Any:
        """Refuse: what a tracer stands for now, it will not stand for when the program runs."""
        raise looked_at("x", x)

    def bind(self, rule: Rule, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Record the function of a rule; what is NumPy code itself is run on the tracers."""
        if rule.is_code:
            return rule.fun(*args, **options)
        return self.record(rule.fun, args, options)

    def record(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Run a function and write it down; what it returns is traced."""
        if self.ended:
            raise TracerError("a value inside jit is used after the jitted function has returned; return what you need "
                              "instead of keeping it in a variable")
        values, named = self._known(args), self._known(options)
        function = _spelled(function, values, options)
        if function in _STATIC:
            return function(*values, **named)
        self._check(function, args, values, options)
        y = function(*values, **named)
        return self._written(function, args, options, y, _may_vary(function, args, options))

    def ask(self, condition: Tracer) -> bool:
        """The answer to a question about values, which becomes a condition of the program."""
        answer = bool(condition.value)
        self._write(expect, (condition, answer), {}, None)
        return answer

    def freeze(self, x: Recorded) -> None:
        """Flag an array read-only."""
        x.value.setflags(write=False)
        self._write(freeze, (x,), {}, None)

    def operand(self, x: Any) -> Any:
        """What stands in the program for a value: a variable, or a constant, which is copied if it could change."""
        if isinstance(x, Recorded) and x.owner is self:
            return x.place
        if isinstance(x, tuple | list):
            parts = list(map(self.operand, x))
            return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
        if isinstance(x, dict):
            return {key: self.operand(value) for key, value in x.items()}
        if isinstance(x, np.ndarray) and type(x) not in PLAIN_ARRAYS:
            raise CapturedTracer
        return self._constant(x) if isinstance(x, np.ndarray) and _may_change(x) else x

    def _constant(self, x: Any) -> Any:
        """An array that somebody may still write into, as it is now."""
        _, copy = self._constants.get(id(x), (None, None))
        if copy is None or copy.tobytes() != x.tobytes():
            copy = copied(x)
            copy.setflags(write=x.flags.writeable)
            self._constants[id(x)] = x, copy  # x too, so that its id is nobody else's
        return copy

    def _known(self, x: Any) -> Any:
        """What an operand stands for now."""
        if isinstance(x, Tracer):
            if x.owner is not self:
                raise CapturedTracer
            return x.value
        if isinstance(x, tuple | list):
            parts = list(map(self._known, x))
            return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
        if isinstance(x, dict):
            return {key: self._known(value) for key, value in x.items()}
        if isinstance(x, slice) and innermost((x.start, x.stop, x.step)) is not None:
            raise TracerError("x[a:b] with a value inside jit as a bound: how long the result is would depend on it. "
                              "np.take(x, a + np.arange(n)) takes n entries from a on; or say static_argnums")
        return x

    def _check(self, function: Any, args: Sequence[Any], values: Sequence[Any], options: dict[str, Any]) -> None:
        """Refuse what jit cannot do: results whose shape depends on values, and results written into arrays."""
        has_out = options.get("out") is not None or _is_given(args, _place_of_out(function))
        if has_out or function in _WRITING or _overwrites(function, args, options):
            name = "out=..." if has_out else f"np.{function.__name__}"
            raise TracerError(f"{name}: inside jit results cannot be written into an array; use what functions return, "
                              "such as np.where")
        if function in _PRINTING:
            seen = next(x for x in (*args, *options.values()) if isinstance(x, Recorded))
            raise looked_at(f"np.{function.__name__}(x)", seen)
        by_mask = function is operator.getitem and _has_mask(args[1])
        picks = (*args[:1], options.get("condition")) if function in (np.compress, np.extract) else ()
        by_mask = by_mask or any(isinstance(x, Tracer) for x in picks)
        if by_mask or function in _SHAPED_BY_VALUES or (function is np.where and len(args) == 1):
            name = "x[mask]" if function is operator.getitem else f"np.{function.__name__}"
            raise TracerError(f"{name}: how long the result is depends on values, which jit cannot know; "
                              "np.where(mask, x, 0) keeps the shape; or do this outside of jit")
        if function is np.repeat and any(isinstance(x, Tracer) for x in (*args[1:], options.get("repeats"))):
            raise TracerError("np.repeat: how long the result is depends on repeats, which jit cannot know; say "
                              "static_argnums, or give the numbers outside of jit")

    def _written(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], y: Any,
                 may_vary: bool = False) -> Any:
        if isinstance(y, np.ndarray | np.generic | bool | int | float | complex):
            traced = self._traced(y, self._write(function, args, options, y))
            return self._with_its_form(traced) if may_vary else traced
        if isinstance(y, tuple | list):
            whole = Recorded(self, y, self._write(function, args, options, y))
            if may_vary:
                self._with_its_form(whole)
            parts = [self._written(operator.getitem, (whole, i), {}, part) for i, part in enumerate(y)]
            return type(y)(*parts) if hasattr(y, "_fields") else type(y)(parts)
        if isinstance(y, _PLAIN):
            return y
        raise TracerError(f"{getattr(function, '__name__', function)}: returned a {type(y).__name__}, which jit cannot "
                          "record; it knows arrays, numbers, and tuples and lists of them")

    def _with_its_form(self, x: Recorded) -> Recorded:
        """A value, of which it becomes a condition that it has this shape and dtype."""
        self.ask(self._written(has_form, (x, form_of(x.value)), {}, True))
        return x

    def _write(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], y: Any,
               ) -> Variable:
        operands, named = self.operand(args), self.operand(options)
        result = Variable("_" if y is None else f"v{self.count}", y)
        self.count += y is not None
        changed = tuple([(kind, str(how)) for kind, how in np.geterr().items() if self.errors.get(kind) != how])
        views = tuple(dict.fromkeys(_lies_in(y, (*args, *options.values()))))
        self.equations.append(Equation(function, operands, named, result, _line_of_user(), changed, views))
        return result

    def _traced(self, y: Any, variable: Variable) -> Recorded:
        return (RecordedNumber if type(y) in NUMBERS else Recorded)(self, y, variable)


def copied(x: Any) -> Any:
    """A copy that lies in memory like x, because sums depend on it."""
    low, high = np.lib.array_utils.byte_bounds(x)
    if x.dtype.hasobject or x.size == 0 or high - low > 4 * x.nbytes:
        return x.copy(order="K")
    memory = np.empty(high - low, np.uint8)
    copy: Any = np.ndarray(x.shape, x.dtype, memory, x.__array_interface__["data"][0] - low, x.strides)
    copy[...] = x
    return copy


def _may_change(x: Any) -> bool:
    """Whether an array, or one in whose memory it lies, can be written into."""
    while isinstance(x, np.ndarray):
        if x.flags.writeable:
            return True
        x = x.base
    return x is not None and not isinstance(x, bytes)


def _spelled(function: Callable[..., Any], values: Sequence[Any], options: dict[str, Any]) -> Callable[..., Any]:
    """How a function of the library is written in NumPy."""
    if function is power:
        return operator.pow if isinstance(values[0], np.ndarray) and not options else np.power
    return operator.getitem if function is getitem else function


def _may_vary(function: Any, args: Sequence[Any], options: dict[str, Any]) -> bool:
    """Whether shape or dtype of a result may depend on values: by the function, or an integer that may be an axis."""
    if function in _VARYING:
        return True
    if function in _SHAPING and any(_holds(x, lambda _: True) for x in (*args[1:], *options.values())):
        return True
    if function is operator.getitem:
        return _holds(args[1], lambda x: type(x.value) is bool)
    if function is operator.pow:
        return _is_open(*args)
    home, name = getattr(function, "__module__", ""), getattr(function, "__name__", "")
    is_key = (home, name) == ("funcnn.random", "fold_in")  # of two words, whatever is folded in
    if isinstance(function, np.ufunc) or function in _BY_ENTRY or home == "_operator" or is_key:
        return False
    return _holds((*args, *options.values()), lambda x: isinstance(x.value, int | np.integer | np.bool_))


def _is_open(base: Any, exponent: Any) -> bool:
    """Whether a power of Python's numbers may be of another type for other numbers: 2**-1, (-1.0)**0.5."""
    a, b = (x.value if isinstance(x, Recorded) else x for x in (base, exponent))
    if type(a) not in NUMBERS or type(b) not in NUMBERS or complex in (type(a), type(b)):
        return False
    return isinstance(a, int) if isinstance(b, int) else isinstance(base, Recorded) or a < 0


def _holds(x: Any, is_meant: Callable[[Recorded], bool]) -> bool:
    """Whether there is a traced value that is meant, also inside tuples and lists."""
    if isinstance(x, tuple | list):
        return any(_holds(part, is_meant) for part in x)
    return isinstance(x, Recorded) and is_meant(x)


@functools.cache
def _place_of_out(function: Any) -> int | None:
    """The position of the argument `out` of a function of NumPy, or of the method of its name."""
    function = getattr(np, function.name, None) if isinstance(function, Method) else function
    try:
        found = inspect.signature(function).parameters.values() if function is not None else ()
    except (TypeError, ValueError):  # it is written in C; not every NumPy says how
        return {"dot": 2, "concatenate": 2}.get(getattr(function, "__name__", ""))
    names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names.index("out") if "out" in names else None


def _is_given(args: Sequence[Any], place: int | None) -> bool:
    return place is not None and place < len(args) and args[place] is not None


def _overwrites(function: Any, args: Sequence[Any], options: dict[str, Any]) -> bool:
    """Whether a function is told to work in the memory of its argument."""
    copies = options.get("copy", args[1] if function is np.nan_to_num and len(args) > 1 else True)
    return (function is np.nan_to_num and not copies) or bool(options.get("overwrite_input", False))


def _has_mask(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, Tracer) and getattr(part, "dtype", None) == np.dtype(bool) for part in parts)


def _lies_in(y: Any, operand: Any) -> list[Variable]:
    """The variables among operands in whose memory a result lies."""
    if isinstance(operand, tuple | list):
        return [found for each in operand for found in _lies_in(y, each)]
    if not isinstance(operand, Recorded):
        return []
    if isinstance(y, tuple | list):
        return [operand.place] if any(_lies_in(each, operand) for each in y) else []
    value = operand.value
    if isinstance(value, tuple | list):
        return [operand.place]
    shares = isinstance(y, np.ndarray) and isinstance(value, np.ndarray) and np.may_share_memory(y, value)
    return [operand.place] if shares else []


_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep


def _line_of_user() -> Line | None:
    """The innermost line of the program that is neither funcnn's nor NumPy's."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith((_HERE, _NUMPY)):
        frame = frame.f_back
    return None if frame is None else Line(frame.f_code.co_filename, frame.f_lineno)
