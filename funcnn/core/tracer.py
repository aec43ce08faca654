"""With this module you can see how a plain NumPy program is watched: `Tracer`, `Rule`, `Tape`.

Inside `grad`, the inputs of a function are tracers: stand-ins that hold the value and answer to NumPy's own
dispatch (`__array_ufunc__`, `__array_function__`). Each operation on one finds its `Rule`, runs on the values,
and is written down on a `Tape`. Nothing is global: a tape lives for one call, and of several nested tapes the
one begun last, the innermost, takes the operation; to it the values of the others are just values.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from types import CodeType, FunctionType
from typing import Any, NoReturn, TypeAlias

import numpy as np

from funcnn import tree

__all__ = ["RULES", "Node", "Rule", "Tape", "Tracer", "TracerError", "concrete", "kept", "positional",
           "value_of"]


class TracerError(TypeError):
    """A traced value went where its derivative would be lost; the text says what to write instead."""


class Rule:
    """A function of arrays and its derivative.

    `vjps[i]` is the pullback to argument i, called as `(g, y, *args, **kwargs)`: g is the cotangent of the
    result y. Alternatively `fwd(*args) -> (y, residuals)` and `bwd(residuals, g) -> cotangents` share work.
    Arguments that may be differentiated are positional; None stands for one that may not.
    """

    __slots__ = ("bwd", "fun", "fwd", "name", "number", "vjps")

    def __init__(self, name: str, fun: Callable[..., Any], vjps: Sequence[Callable[..., Any] | None] = (),
                 fwd: Callable[..., Any] | None = None, bwd: Callable[..., Any] | None = None) -> None:
        self.name, self.fun, self.fwd, self.bwd = name, fun, fwd, bwd
        self.vjps = _Pullbacks(name, vjps)
        self.number = float if isinstance(fun, np.ufunc) else np.float64  # ufuncs let Python floats adapt their dtype

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function on the innermost tape among its arguments, or just run it."""
        tape = None
        for arg in args:
            if type(arg) is Tracer:
                if tape is None or arg.tape.level > tape.level:
                    tape = arg.tape
            elif type(arg) not in _USUAL and hasattr(arg, "mask") and isinstance(arg, np.ndarray):
                raise TracerError(f"{self.name}: a masked array met a traced value, whose derivative knows no masks; "
                                  "use plain ones, x.filled(0.0), and np.where(mask, x, y) for what is masked")
        if kwargs and _has_tracer(kwargs):
            args, kwargs = positional(self.fun, args, kwargs)
            return self(*args, **kwargs)
        return self.fun(*args, **kwargs) if tape is None else tape.bind(self, args, kwargs)

    def __repr__(self) -> str:
        return f"Rule({self.name})"

    def pull(self, node: Node, g: Any) -> Iterable[tuple[int, Any]]:
        """What the cotangent g of a node's result gives to its parents: (parent, cotangent) pairs."""
        _, parents, y, saved, kwargs = node
        if self.bwd is not None:
            cotangents = self.bwd(saved, g)
            return [(parent, cotangents[position]) for position, parent in parents]
        if len(parents) == 1:
            position, parent = parents[0]
            return ((parent, self.vjps[position](g, y, *saved, **kwargs)),)
        return [(parent, self.vjps[position](g, y, *saved, **kwargs)) for position, parent in parents]


_USUAL = frozenset([np.ndarray, float, int, tuple, np.float64, np.float32])
"""Types of arguments that need no second look."""


class _Pullbacks(dict[int, Callable[..., Any]]):
    """The vjps of a rule by position; asking for one that is not there says so."""

    def __init__(self, name: str, vjps: Sequence[Callable[..., Any] | None]) -> None:
        super().__init__((i, vjp) for i, vjp in enumerate(vjps) if vjp is not None)
        self.name = name

    def __missing__(self, position: int) -> NoReturn:
        raise TracerError(f"{self.name}: has no derivative with respect to argument {position}; apply "
                          "funcnn.stop_gradient to it, or give the rule one")


RULES: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What stands in for each NumPy function when an argument is traced; `funcnn.rules` fills it."""


Node: TypeAlias = tuple[Rule, list[tuple[int, int]], Any, Any, dict[str, Any]]
"""One operation on a tape: its rule; its parents, as (argument, node); its result y; what was saved for the way
back (the arguments, or the residuals of `fwd`); its keyword arguments. A bare tuple, because there are so many."""

_COPIED = 16 * 1024
"""Arrays of the caller of at most so many bytes are copied, which he may write into before the way back."""

_LARGE = 256 * 1024
"""Results of more bytes are kept on a tape only if the way back looks at their numbers."""

_fresh = itertools.count()
_new = object.__new__  # of a Tracer, thousands of times: half the price of calling the class


def kept(array: Any) -> Any:
    """An array as it is now: a copy, if it can be written into and is small; larger ones would cost too much."""
    return array.copy() if array.nbytes <= _COPIED and array.flags.writeable else array


class Outline:
    """What is known of an array whose numbers are not needed any more, so that its memory may be used again."""

    __slots__ = ("dtype", "shape")

    def __init__(self, x: Any) -> None:
        self.shape, self.dtype = x.shape, x.dtype


def _needed(rule: Rule, parents: list[tuple[int, int]], y: Any, values: list[Any]) -> tuple[Any, list[Any]]:
    """The result and the arguments of an operation; only an outline of those that its pullbacks do not mention."""
    read = frozenset[int]().union(*(_arguments_read(rule.vjps[position], 2 + len(values)) for position, _ in parents))
    y = y if 1 in read else Outline(y)
    return y, [x if 2 + i in read or type(x) is not np.ndarray else Outline(x) for i, x in enumerate(values)]


def _arguments_read(vjp: Callable[..., Any], count: int) -> frozenset[int]:
    """Which of its first arguments, (g, y, *inputs), a pullback mentions; all, where that cannot be told."""
    if type(vjp) is not FunctionType or vjp.__code__.co_argcount < count:
        return frozenset(range(count))
    names = _names_in(vjp.__code__)
    all_names = not names.isdisjoint(("eval", "exec", "locals", "vars"))
    return frozenset(i for i, name in enumerate(vjp.__code__.co_varnames[:count]) if all_names or name in names)


@functools.lru_cache(maxsize=1024)
def _names_in(code: CodeType) -> frozenset[Any]:
    """The names that a function's instructions mention."""
    import dis

    values = [instruction.argval for instruction in dis.get_instructions(code)]
    return frozenset(itertools.chain.from_iterable(
        value if isinstance(value, tuple) else [value] for value in values if isinstance(value, str | tuple)))


class Tape:
    """The operations of one call in the order they ran, so that walking it backwards needs no search."""

    __slots__ = ("inputs", "level", "nodes")

    def __init__(self) -> None:
        self.level = next(_fresh)
        self.inputs = 0
        self.nodes: list[Node] | None = []

    def begin(self, values: Sequence[Any]) -> tuple[Tracer, ...]:
        """Tracers for the values that are differentiated; all of them come before any operation."""
        self.inputs = len(values)
        return tuple([Tracer(value, self, place) for place, value in enumerate(values)])

    def bind(self, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tracer:
        """Run one operation on the values and write it down."""
        nodes = self.nodes
        if nodes is None:
            raise _ended(rule)
        values, parents, run = list(args), [], rule.fun
        for position, arg in enumerate(args):
            if type(arg) is not Tracer:
                if type(arg) is np.ndarray:
                    values[position] = kept(arg)
                continue
            if arg.tape is self:
                parents.append((position, arg.node))
                arg = arg.value  # what it stands for outside this tape
                values[position] = arg if type(arg) is not float else rule.number(arg)
            if type(arg) is Tracer:
                run = rule  # the next tape outwards may record it as well
        saved: Any = values
        if rule.fwd is None:
            y = run(*values, **kwargs)
        else:
            y, saved = rule.fwd(*values, **kwargs)
        if type(y) is Tracer and y.tape is self:
            raise TracerError(f"{rule.name}: uses a traced value that is not among its arguments; pass it as one")
        result: Tracer = _new(Tracer)
        result.value, result.tape, result.node = y, self, self.inputs + len(nodes)
        large = type(y) is np.ndarray and y.nbytes > _LARGE and rule.fwd is None
        nodes.append((rule, parents, *(_needed(rule, parents, y, values) if large else (y, saved)), kwargs))
        return result

    def end(self) -> list[Node]:
        """Stop recording and hand out the operations; the tracers of this tape are of no more use."""
        nodes, self.nodes = self.nodes, None
        return nodes or []


def _ended(rule: Rule) -> TracerError:
    return TracerError(f"{rule.name}: a traced value is used after the grad or vjp that made it has ended; return what "
                       "you need (has_aux=True) instead of keeping it in a variable")


def positional(fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any],
               ) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with the traced ones by position, because a rule differentiates by position."""
    bound = inspect.signature(fun).bind(*args, **kwargs)
    if _has_tracer(bound.kwargs):
        bound.apply_defaults()
    if _has_tracer(bound.kwargs):
        raise TracerError(f"{fun.__name__}: a traced value came as a keyword-only argument; only positional ones are "
                          "differentiated")
    return bound.args, bound.kwargs


def _has_tracer(kwargs: dict[str, Any]) -> bool:
    return Tracer in map(type, kwargs.values())


def value_of(x: Any, tape: Tape) -> Any:
    """What `x` stands for outside this tape."""
    return x.value if type(x) is Tracer and x.tape is tape else x


def concrete(x: Any) -> Any:
    """What `x` stands for outside every tape."""
    while type(x) is Tracer:
        x = x.value
    return x


# ---------------------------------------------------------------------------------------------- Tracer

_METHODS = frozenset([
    "all", "any", "argmax", "argmin", "argsort", "clip", "conj", "cumprod", "cumsum", "diagonal", "dot", "imag", "max",
    "mean", "min", "prod", "ravel", "real", "repeat", "reshape", "round", "squeeze", "std", "sum", "swapaxes", "take",
    "trace", "transpose", "var",
])
_OF_A_NUMBER = {"shape": (), "ndim": 0, "size": 1, "dtype": np.dtype(np.float64)}
_RENAMED = {"flatten": "ravel", "conjugate": "conj"}


@tree.register_leaf
class Tracer:
    """A stand-in for an array while it is differentiated: use it as the array; its value never changes."""

    __slots__ = ("node", "tape", "value")

    def __init__(self, value: Any, tape: Tape, node: int) -> None:
        self.value, self.tape, self.node = value, tape, node

    # What is known without tracing; where the value is a Python number, `__getattr__` knows it.
    shape = property(attrgetter("value.shape"))
    ndim = property(attrgetter("value.ndim"))
    size = property(attrgetter("value.size"))
    dtype = property(attrgetter("value.dtype"))
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise TracerError(f"if x: a traced value ({_describe(self)}) is several numbers, of which each would need "
                              "a branch of its own; write np.where(condition, a, b)")
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"

    def __format__(self, spec: str) -> str:
        return f"Traced({format(self.value, spec)})"

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            function = getattr(np, name)
            return (function(self) if name in ("real", "imag")
                    else lambda *args, **kwargs: function(self, *args, **kwargs))
        if name in _RENAMED:
            return getattr(self, _RENAMED[name])
        if name in _OF_A_NUMBER:
            return _OF_A_NUMBER[name]
        raise _missing_attribute(name, self)

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
               copy: bool = True) -> Any:
        return RULES[astype](self, dtype)

    def copy(self, order: str = "C") -> Tracer:
        return self

    def __copy__(self) -> Tracer:
        return self

    def __deepcopy__(self, memo: Any) -> Tracer:
        return self

    def __reduce__(self) -> NoReturn:
        raise _leak("pickling x", self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def reshape(self, *shape: Any, **options: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)


    # NumPy's dispatch.
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise _unsupported_method(ufunc, method)
        rule = RULES.get(ufunc) or _rule_by_name(ufunc)
        if kwargs:
            _refuse_writes(ufunc.__name__, kwargs)
        elif len(inputs) == 1 and isinstance(rule, Rule):
            return self.tape.bind(rule, inputs, kwargs)  # what `rule` does, without looking for other tapes
        return rule(*inputs, **kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: tuple[Any, ...],
                           kwargs: dict[str, Any]) -> Any:
        if kwargs:
            _refuse_writes(function.__name__, kwargs)
        return (RULES.get(function) or _rule_by_name(function))(*args, **kwargs)

    # Operators.
    def __getitem__(self, index: Any) -> Any:
        return RULES[getitem](self, index)

    def __neg__(self) -> Any: return RULES[np.negative](self)
    def __pos__(self) -> Any: return self
    def __abs__(self) -> Any: return RULES[np.absolute](self)
    def __add__(self, other: Any) -> Any: return _operate(np.add, self, other)
    def __radd__(self, other: Any) -> Any: return _operate(np.add, other, self)
    def __sub__(self, other: Any) -> Any: return _operate(np.subtract, self, other)
    def __rsub__(self, other: Any) -> Any: return _operate(np.subtract, other, self)
    def __mul__(self, other: Any) -> Any: return _operate(np.multiply, self, other)
    def __rmul__(self, other: Any) -> Any: return _operate(np.multiply, other, self)
    def __truediv__(self, other: Any) -> Any: return _operate(np.divide, self, other)
    def __rtruediv__(self, other: Any) -> Any: return _operate(np.divide, other, self)
    def __floordiv__(self, other: Any) -> Any: return _operate(np.floor_divide, self, other)
    def __rfloordiv__(self, other: Any) -> Any: return _operate(np.floor_divide, other, self)
    def __mod__(self, other: Any) -> Any: return _operate(np.remainder, self, other)
    def __rmod__(self, other: Any) -> Any: return _operate(np.remainder, other, self)
    def __pow__(self, other: Any) -> Any: return _operate(np.power, self, other)
    def __rpow__(self, other: Any) -> Any: return _operate(np.power, other, self)
    def __matmul__(self, other: Any) -> Any: return _operate(np.matmul, self, other)
    def __rmatmul__(self, other: Any) -> Any: return _operate(np.matmul, other, self)
    def __lt__(self, other: Any) -> Any: return _operate(np.less, self, other)
    def __le__(self, other: Any) -> Any: return _operate(np.less_equal, self, other)
    def __gt__(self, other: Any) -> Any: return _operate(np.greater, self, other)
    def __ge__(self, other: Any) -> Any: return _operate(np.greater_equal, self, other)
    def __eq__(self, other: Any) -> Any: return _operate(np.equal, self, other)
    def __ne__(self, other: Any) -> Any: return _operate(np.not_equal, self, other)

    __hash__ = None  # type: ignore[assignment]  # as ndarray: == is elementwise

    # Leaks.
    def __float__(self) -> NoReturn: raise _leak("float(x)", self)
    def __int__(self) -> NoReturn: raise _leak("int(x)", self)
    def __complex__(self) -> NoReturn: raise _leak("complex(x)", self)
    def __index__(self) -> NoReturn: raise _leak("using x as an index", self)
    def item(self, *args: int) -> NoReturn: raise _leak("x.item()", self)
    def tolist(self) -> NoReturn: raise _leak("x.tolist()", self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise TracerError(
            f"a traced value ({_describe(self)}) cannot become a plain ndarray: its derivative would be lost. "
            "Use it as it is, it answers to NumPy's functions; instead of np.array([a, b]) write np.stack([a, b]); "
            "for a value without derivative, funcnn.stop_gradient(x)")

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TracerError(
            f"x[...] = value: a traced value ({_describe(self)}) never changes. Build a new array with np.where, "
            "np.concatenate or np.stack")


def getitem(x: Any, index: Any) -> Any:
    """The function behind `x[index]`, to name its rule."""
    return x[index]


def astype(x: Any, dtype: Any) -> Any:
    """The function behind `x.astype(dtype)`, to name its rule."""
    return x.astype(dtype)


def _operate(ufunc: np.ufunc, a: Any, b: Any) -> Any:
    return RULES[ufunc](np.asarray(a) if type(a) is list else a, np.asarray(b) if type(b) is list else b)


def _describe(x: Tracer) -> str:
    return f"{x.dtype}{list(x.shape)}"


def _leak(what: str, x: Tracer) -> TracerError:
    return TracerError(
        f"{what}: a traced value ({_describe(x)}) cannot become a Python number: its derivative would be lost. "
        "Use NumPy's functions on it (np.exp(x), not math.exp(x)), return it with has_aux=True to look at it "
        "afterwards, or take funcnn.stop_gradient(x) if no derivative is wanted")


def _missing_attribute(name: str, x: Tracer) -> AttributeError:
    return AttributeError(f"a traced value ({_describe(x)}) has no {name!r}; if NumPy has a function np.{name}, "
                          f"np.{name}(x) may do")


def _refuse_writes(name: str, kwargs: dict[str, Any]) -> None:
    if kwargs.get("out") is not None:
        raise TracerError(f"np.{name}(..., out=...): results of traced values cannot be written into an array; "
                          f"use what np.{name} returns")
    if kwargs.get("where", True) is not True:
        raise TracerError(f"np.{name}(..., where=...): is not differentiated; write np.where(mask, x, y) around "
                          "the arguments or the result")


def _unsupported_method(ufunc: np.ufunc, method: str) -> TracerError:
    functions = {("add", "reduce"): "np.sum(x)", ("multiply", "reduce"): "np.prod(x)",
                 ("maximum", "reduce"): "np.max(x)", ("minimum", "reduce"): "np.min(x)",
                 ("add", "accumulate"): "np.cumsum(x)", ("multiply", "accumulate"): "np.cumprod(x)"}
    methods = {"outer": f"np.{ufunc.__name__}(x[:, None], y[None, :])", "at": "x + np.bincount(...) or an indexed sum"}
    instead = functions.get((ufunc.__name__, method)) or methods.get(method) or "a loop over entries, and np.stack,"
    return TracerError(f"np.{ufunc.__name__}.{method}: is not differentiated; write {instead} instead")


def _rule_by_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function whose name in NumPy was replaced before funcnn came: nnfs.init() does it."""
    for known, rule in () if isinstance(function, np.ufunc) else RULES.items():
        if known.__name__ == function.__name__ and known.__module__ == function.__module__:
            return rule
    name = function.__name__
    raise TracerError(
        f"np.{name}: funcnn has no derivative for it. Write it with functions that have one; give it one with "
        f"funcnn.custom_vjp; or, if it needs none, call it on funcnn.stop_gradient(x)")
