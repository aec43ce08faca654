"""How is a plain NumPy program watched? By a `Tracer`, a stand-in for an array that answers to NumPy's own dispatch.

Every operation on one (`__array_ufunc__`, `__array_function__`, an operator, a method) looks up what stands for the
function in `RULES` and calls that with the same arguments. What a tracer belongs to, its `owner`, says what the
operation means (`funcnn.core.interpreter`); the tracer itself knows nothing but how to be used as an array.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, NoReturn

import numpy as np

from funcnn import tree

__all__ = ["LATER", "RULES", "NeedsValues", "Tracer", "TracerError", "astype", "call", "concrete", "getitem", "holds",
           "in_our_words", "may_hold", "refuse_writes", "surely", "underlying", "unsupported_method"]


class TracerError(TypeError):
    """A traced value went where what is asked of it would be lost; the text says what to write instead."""


class NeedsValues(TracerError):
    """An operation of NumPy that decides by values met traced ones whose values are not there; its text is its name."""


RULES: dict[Callable[..., Any], Callable[..., Any]] = {}
"""What stands for each NumPy function when an argument is traced: a `Rule`, or a function written with such functions;
the pages of `funcnn.rules` fill it."""

LATER: dict[str, str] = {}
"""Where the rules of another package stand, which are read when a function of it meets a traced value: module: room."""


def concrete(x: Any) -> Any:
    """The array or number that `x` stands for outside every interpreter, to be looked at, not to calculate with.

    >>> from funcnn import grad
    >>> grad(lambda x: x * concrete(x))(3.0)                # what is calculated with it is a constant
    3.0
    """
    while isinstance(x, Tracer) and not x.is_recorded:
        x = x.owner.look(x)
    return x


def underlying(x: Any) -> Any:
    """The numbers behind `x`, inside vmap those of all examples at once: for checks that must hold for each.

    >>> from funcnn import vmap
    >>> _ = vmap(lambda x: print(underlying(x)) or x)(np.array([1.0, 2.0]))
    [1. 2.]
    """
    while isinstance(x, Tracer) and not (x.is_recorded or x.is_hidden):
        x = x.value
    return x


def holds(condition: Any) -> bool:
    """Whether a `condition` holds: what a check, or a choice between two ways, asks of values.

    A recorder writes down the question and the answer, because what follows is right for that answer only.

    >>> from funcnn import jit
    >>> absolute = jit(lambda x: x if holds(x >= 0) else -x)
    >>> absolute(2.0), absolute(-3.0)
    (2.0, 3.0)
    """
    known = underlying(condition)
    return known.owner.ask(known) if isinstance(known, Tracer) else bool(known)


def may_hold(condition: Any) -> bool:
    """Whether a `condition` holds, as far as is known: what a check asks where numbers may be hidden."""
    try:
        return holds(condition)
    except TracerError:
        return True


def surely(condition: Any) -> bool:
    """Whether a `condition` is known to hold: not where an interpreter hides the numbers."""
    try:
        return holds(concrete(condition))
    except TracerError:
        return False


def call(function: Callable[..., Any], *args: Any) -> Any:
    """What `function(*args)` gives, a function of Python's numbers; where one is recorded, that it was called.

    >>> import math
    >>> call(math.sqrt, 4.0)
    2.0
    """
    recorded = next((x for x in args if isinstance(x, Tracer) and x.is_recorded), None)
    return function(*args) if recorded is None else recorded.owner.record(function, args, {})


def in_our_words(error: ValueError) -> TracerError | None:
    """What to write instead, where NumPy only says that a traced value did not fit."""
    if isinstance(error.__cause__, TracerError):
        return TracerError("array[...] = x: a traced value cannot be written into an array, where it would be lost. "
                           "Build the array with np.stack, np.concatenate or np.where")
    if "truth value of an array" in str(error):
        return TracerError("if x > 0: a comparison of several numbers, each of which would need a branch of its own; "
                           "write np.where(condition, a, b)")
    return None


# ---------------------------------------------------------------------------------------------- Tracer

_METHODS = frozenset([
    "all", "any", "argmax", "argmin", "argsort", "clip", "conj", "cumprod", "cumsum", "diagonal", "dot", "imag", "max",
    "mean", "min", "prod", "ravel", "real", "repeat", "reshape", "round", "squeeze", "std", "sum", "swapaxes", "take",
    "trace", "transpose", "var",
])
_OF_A_NUMBER = {"shape": (), "ndim": 0, "size": 1, "dtype": np.dtype(np.float64)}
"""What a Python number does not say of itself."""
_RENAMED = {"flatten": "ravel", "conjugate": "conj"}


@tree.register_leaf
class Tracer:
    """A stand-in for an array while a function is transformed: use it as the array; its value never changes.

    `owner` is the interpreter that it belongs to, `value` what it stands for outside of that (an array, or a tracer of
    the next one outwards), `place` whatever its owner wants to know it by.
    """

    __slots__ = ("owner", "place", "value")

    is_recorded = False
    """Whether what is done with it is done again later with other numbers: NumPy's own calls, in their order."""
    is_hidden = False
    """Whether what it stands for is another package's, which may not know the numbers yet."""

    def __init__(self, owner: Any, value: Any, place: Any = None) -> None:
        self.owner, self.value, self.place = owner, value, place

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
        """As `ndarray.astype`, of which `dtype` counts; `order`, `casting`, `subok`, `copy` say nothing of values."""
        return RULES[astype](self, dtype)

    def copy(self, order: str = "C") -> Tracer:
        """Itself, which never changes; `order` says how memory lies, and there is none."""
        return self

    def __copy__(self) -> Tracer:
        return self

    def __deepcopy__(self, memo: Any) -> Tracer:
        return self

    def __reduce__(self) -> NoReturn:
        raise _leak("pickling x", self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __round__(self, ndigits: int | None = None) -> Any:
        return np.round(self, ndigits or 0)

    def reshape(self, *shape: Any, **options: Any) -> Any:
        """As `ndarray.reshape`: `shape` is one, or its lengths; `options` are those of `np.reshape`."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)

    def transpose(self, *axes: Any) -> Any:
        """As `ndarray.transpose`: `axes` are a tuple, or one each; none turns the order round."""
        return np.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    # NumPy's dispatch.
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__":
            raise unsupported_method(ufunc, method)
        if kwargs:
            refuse_writes(ufunc.__name__, kwargs)
        return (RULES.get(ufunc) or _rule_of_later(ufunc))(*inputs, **kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: tuple[Any, ...],
                           kwargs: dict[str, Any]) -> Any:
        if kwargs:
            refuse_writes(function.__name__, kwargs)
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
    def __invert__(self) -> Any: return RULES[np.invert](self)
    def __and__(self, other: Any) -> Any: return _operate(np.bitwise_and, self, other)
    def __rand__(self, other: Any) -> Any: return _operate(np.bitwise_and, other, self)
    def __or__(self, other: Any) -> Any: return _operate(np.bitwise_or, self, other)
    def __ror__(self, other: Any) -> Any: return _operate(np.bitwise_or, other, self)
    def __xor__(self, other: Any) -> Any: return _operate(np.bitwise_xor, self, other)
    def __rxor__(self, other: Any) -> Any: return _operate(np.bitwise_xor, other, self)
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
    def __trunc__(self) -> NoReturn: raise _leak("math.trunc(x)", self)
    def __index__(self) -> NoReturn: raise _leak("using x as an index", self)
    def tolist(self) -> NoReturn: raise _leak("x.tolist()", self)

    def item(self, *args: int) -> NoReturn:
        """Refused, whatever `args` say, as `float(x)` is: the derivative would be lost."""
        raise _leak("x.item()", self)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise TracerError(
            f"a traced value ({_describe(self)}) cannot become a plain ndarray: its derivative would be lost. "
            "Use it as it is, it answers to NumPy's functions; instead of np.array([a, b]) write np.stack([a, b]); "
            "SciPy's functions that are no ufuncs are in funcnn.scipy; for a value without derivative, "
            "funcnn.stop_gradient(x)")

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


def refuse_writes(name: str, kwargs: dict[str, Any]) -> None:
    """Refuse the options `out` and `where` of a NumPy function of this name."""
    if kwargs.get("out") is not None:
        raise TracerError(f"np.{name}(..., out=...): results of traced values cannot be written into an array; "
                          f"use what np.{name} returns")
    if kwargs.get("where", True) is not True:
        raise TracerError(f"np.{name}(..., where=...): is not differentiated; write np.where(mask, x, y) around "
                          "the arguments or the result")


def unsupported_method(ufunc: np.ufunc, method: str) -> TracerError:
    """The error that a method of a ufunc, such as `reduce`, is not differentiated, with what is."""
    functions = {("add", "reduce"): "np.sum(x)", ("multiply", "reduce"): "np.prod(x)",
                 ("maximum", "reduce"): "np.max(x)", ("minimum", "reduce"): "np.min(x)",
                 ("add", "accumulate"): "np.cumsum(x)", ("multiply", "accumulate"): "np.cumprod(x)"}
    methods = {"outer": f"np.{ufunc.__name__}(x[:, None], y[None, :])", "at": "x + np.bincount(...) or an indexed sum"}
    instead = functions.get((ufunc.__name__, method)) or methods.get(method) or "a loop over entries, and np.stack,"
    return TracerError(f"np.{ufunc.__name__}.{method}: is not differentiated; write {instead} instead")


def _rule_of_later(ufunc: np.ufunc) -> Callable[..., Any]:
    """The rule of a ufunc of another package, which is loaded where one of its ufuncs comes."""
    for package, room in LATER.items():
        if package in sys.modules:
            importlib.import_module(room)
    if ufunc not in RULES:
        raise _no_rule(f"np.{ufunc.__name__}" if hasattr(np, ufunc.__name__) else ufunc.__name__)
    return RULES[ufunc]


def _rule_by_name(function: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a function whose name in NumPy was replaced before funcnn came: nnfs.init() does it."""
    for known, rule in RULES.items():
        if known.__name__ == function.__name__ and known.__module__ == function.__module__:
            return rule
    raise _no_rule(f"np.{function.__name__}")


def _no_rule(name: str) -> TracerError:
    return TracerError(
        f"{name}: funcnn has no derivative for it. Write it with functions that have one; give it one with "
        f"funcnn.custom_vjp; or, if it needs none, call it on funcnn.stop_gradient(x)")
