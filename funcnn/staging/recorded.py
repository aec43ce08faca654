"""What stands for a value while a function is recorded? `Recorded`, a tracer that cannot be looked at.

What is done with it goes to its recorder as NumPy's own calls, in their order; derivatives and batches are other
interpreters' affair, and have had their say.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from funcnn import tree
from funcnn.core import Tracer, TracerError, innermost
from funcnn.core.rule import USUAL
from funcnn.staging.equation import UFUNC_OF, Attribute, Method

__all__ = ["NUMBERS", "Recorded", "RecordedNumber", "looked_at"]

NUMBERS = (bool, int, float, complex)
"""The types of Python's numbers."""

_WRITES = {"fill", "itemset", "partition", "put", "resize", "setfield", "sort", "byteswap"}
_LOOKS = {"item", "tolist", "tobytes", "tofile", "dump", "dumps", "tostring", "nonzero", "compress"}
_ATTRIBUTES = {"T", "mT", "real", "imag"}
_KNOWN = {"flags", "itemsize", "nbytes", "strides", "base", "device"}
"""Attributes that say how an array lies in memory: the same for all arguments of one signature."""


def looked_at(what: str, x: Any) -> TracerError:
    """The error that somebody wants to see a value, with what to write instead."""
    return TracerError(
        f"{what}: a value inside jit ({_described(x)}) cannot be looked at, because what is recorded must be right for "
        "other values too. Use NumPy's functions (np.where(condition, a, b) in place of if, np.exp(x), not "
        "math.exp(x)); say static_argnums of an argument that decides; or do this outside of jit")


def _described(x: Any) -> str:
    value = x.value
    if isinstance(value, np.ndarray | np.generic):
        return f"{value.dtype}{list(value.shape)}"
    return f"a Python {type(value).__name__}"


def _binary(name: str, swapped: bool = False) -> Callable[[Any, Any], Any]:
    function = getattr(operator, name)

    def operate(self: Any, other: Any) -> Any:
        pair = (other, self) if swapped else (self, other)
        owner = innermost(pair)
        return self.owner.record(function, pair, {}) if owner is self.owner else getattr(Tracer, plain)(self, other)

    plain = f"__{'r' if swapped else ''}{name.strip('_')}__"
    return operate


def _unary(name: str) -> Callable[[Any], Any]:
    function = getattr(operator, name)
    return lambda self: self.owner.record(function, (self,), {})


def _in_place(name: str) -> Callable[[Any, Any], Any]:
    function, in_place = getattr(operator, name), getattr(operator, f"i{name.strip('_')}")

    def operate(self: Any, other: Any) -> Any:
        x, new = self.value, function(self, other)
        if not isinstance(x, np.ndarray) or not isinstance(new, Recorded):
            return new
        if (new.dtype, new.shape) != (x.dtype, x.shape):
            in_place(x.copy(), getattr(other, "value", other))  # refuses what does not fit
        return _lying_like(new if new.dtype == x.dtype else new.astype(x.dtype), x)

    return operate


def _lying_like(y: Any, x: Any) -> Any:
    """A result that takes the place of an array: one without axes is an array too, and columns come first as there."""
    if not isinstance(y.value, np.ndarray):
        return y.reshape(1).reshape(())
    if x.flags.f_contiguous and not y.value.flags.f_contiguous:
        return y.copy("F")
    return y.copy("C") if x.flags.c_contiguous and not y.value.flags.c_contiguous else y


@tree.register_leaf
class Recorded(Tracer):
    """A value of a recording: use it as the array; `place` is its variable in the program."""

    __slots__ = ()
    is_recorded = True

    __hash__ = None  # as ndarray: == is elementwise

    def __bool__(self) -> bool: raise looked_at("if x", self)
    def __float__(self) -> NoReturn: raise looked_at("float(x)", self)
    def __int__(self) -> NoReturn: raise looked_at("int(x)", self)
    def __complex__(self) -> NoReturn: raise looked_at("complex(x)", self)
    def __trunc__(self) -> NoReturn: raise looked_at("math.trunc(x)", self)
    def __index__(self) -> NoReturn: raise looked_at("range(x), array[x] or a shape", self)
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise looked_at("np.asarray(x), np.array([x, y]) (write np.stack([x, y]); pass arrays in place of lists; "
                        "SciPy's functions that are no ufuncs are in funcnn.scipy)", self)

    def item(self, *args: int) -> NoReturn: raise looked_at("x.item()", self)  # noqa: D102
    def tolist(self) -> NoReturn: raise looked_at("x.tolist()", self)  # noqa: D102

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TracerError(f"x[...] = value: a value inside jit ({_described(self)}) never changes. Build a new array "
                          "with np.where, np.concatenate or np.stack")

    def __getitem__(self, index: Any) -> Any:
        owner = innermost((self, index))
        if owner is not self.owner:
            return Tracer.__getitem__(self, index)
        return self.owner.record(operator.getitem, (self, index), {})

    def __getattr__(self, name: str) -> Any:
        if name in _KNOWN:
            return getattr(self.value, name)
        if name in _WRITES:
            raise TracerError(f"x.{name}(...): a value inside jit ({_described(self)}) never changes; use what np.sort,"
                              " np.full ... return")
        if name in _LOOKS:
            raise looked_at(f"x.{name}()", self)
        if name in _ATTRIBUTES:
            return self.owner.record(Attribute(name), (self,), {})
        if name.startswith("_") or not hasattr(self.value, name):
            raise AttributeError(f"{type(self.value).__name__!r} object has no attribute {name!r}")
        if not callable(getattr(self.value, name)):
            raise looked_at(f"x.{name}", self)
        return lambda *args, **options: self.owner.record(Method(name), (self, *args), options)

    T = property(lambda self: self.owner.record(Attribute("T"), (self,), {}))
    mT = property(lambda self: self.owner.record(Attribute("mT"), (self,), {}))

    def _method(name: str) -> Any:  # type: ignore[misc]  # used while the class is made
        return lambda self, *args, **options: self.owner.record(Method(name), (self, *args), options)

    astype, copy, reshape, transpose, view = map(_method, ("astype", "copy", "reshape", "transpose", "view"))
    del _method

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __round__(self, ndigits: int | None = None) -> Any:
        return self.owner.record(round, (self,) if ndigits is None else (self, ndigits), {})

    def __divmod__(self, other: Any) -> Any:
        return self.owner.record(divmod, (self, other), {})

    def setflags(self, write: bool | None = None, **others: Any) -> None:
        """Flag the array of the program, as f does: read-only, which is all that is recorded."""
        if write is False and isinstance(self.value, np.ndarray):
            self.owner.freeze(self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if innermost((*inputs, *kwargs.values())) is not self.owner:
            return Tracer.__array_ufunc__(self, ufunc, method, *inputs, **kwargs)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if isinstance(inputs[0], np.generic) and not kwargs and all(map(_is_single, inputs)):
            function = _OPERATORS.get(function, function)  # NumPy's number asks: its operators have loops of their own
        if method == "at":
            raise TracerError(f"np.{ufunc.__name__}.at: a value inside jit cannot be written into an array; write "
                              "x + np.bincount(...) or an indexed sum")
        return self.owner.record(function, inputs, kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: tuple[Any, ...],
                           kwargs: dict[str, Any]) -> Any:
        if innermost((*args, *kwargs.values())) is not self.owner:
            return Tracer.__array_function__(self, function, types, args, kwargs)
        return self.owner.record(function, args, kwargs)

    def __repr__(self) -> str:
        return f"Recorded({_described(self)})"

    def __format__(self, spec: str) -> str:
        return repr(self)


def _define_operators() -> None:
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift",
                 "rshift"):
        plain = name.strip("_")
        setattr(Recorded, f"__{plain}__", _binary(name))
        setattr(Recorded, f"__r{plain}__", _binary(name, swapped=True))
        setattr(Recorded, f"__i{plain}__", _in_place(name))
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(Recorded, f"__{name}__", _binary(name))
    for name in ("neg", "pos", "abs", "invert"):
        setattr(Recorded, f"__{name}__", _unary(name))


_define_operators()


@tree.register_leaf
class RecordedNumber(Recorded):
    """A number of Python in a recording: it has no shape and no dtype, and arrays that it meets keep theirs."""

    __slots__ = ()
    is_recorded_number = True

    shape = property(lambda self: self.__getattr__("shape"))
    ndim = property(lambda self: self.__getattr__("ndim"))
    size = property(lambda self: self.__getattr__("size"))
    dtype = property(lambda self: self.__getattr__("dtype"))
    T = property(lambda self: self.__getattr__("T"))
    mT = property(lambda self: self.__getattr__("mT"))

    real = property(lambda self: self.owner.record(Attribute("real"), (self,), {}))
    imag = property(lambda self: self.owner.record(Attribute("imag"), (self,), {}))

    def conjugate(self) -> Any:
        """The number itself, of a complex one its conjugate."""
        return self.owner.record(Method("conjugate"), (self,), {})

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self.value).__name__!r} object has no attribute {name!r}")

    def __hash__(self) -> int: raise looked_at("a key", self)  # type: ignore[override]  # arrays have none

    def __len__(self) -> int:
        raise TypeError(f"object of type {type(self.value).__name__!r} has no len()")

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


_OPERATORS = {ufunc: operation for operation, ufunc in UFUNC_OF.items()}


def _is_single(x: Any) -> bool:
    """Whether x is a number, and no array."""
    return isinstance(x.value if isinstance(x, Recorded) else x, (np.generic, *NUMBERS))


USUAL.update((Recorded, RecordedNumber))
