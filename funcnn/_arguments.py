"""What an argument must be, and the words in which an error says that it is not.

Every module checks its arguments with these functions, so that the same mistake reads the same everywhere: the name
of the function, that of the argument, what was expected, what came, and the fix. A check of a number returns it as the
plain Python number that it stands for. Values traced by a transformation have a shape and a dtype, and pass as arrays.
"""

from __future__ import annotations

import math
import numbers
import operator
import sys
import warnings
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from funcnn.typing import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Default", "Interval", "as_array", "at", "described", "float_array", "function", "nearest", "one_of",
           "place_of", "plain_array", "real_array", "real_number", "unlike_array", "way_to_numpy", "whole_number"]


class Default:
    """A default that stands for no value at all, not even None, and what signatures show of it.

    >>> Default("the first leaf")
    <the first leaf>
    """

    __slots__ = ("shown",)

    def __init__(self, shown: str) -> None:
        self.shown = shown

    def __repr__(self) -> str:
        return f"<{self.shown}>"


# ------------------------------------------------------------------------------------------------ the words


def described(value: Any) -> str:
    """What came, in a few words: a number or a text itself, an array by its shape and dtype, all else by its type.

    >>> described(2.5), described(np.int64(3)), described({"w": 1.0}), described(described)
    ('2.5 (float)', 'np.int64(3)', 'a dict', 'the function described')
    >>> described(np.ones((2, 3), np.float32))
    'an array of shape (2, 3) and dtype float32'
    """
    if isinstance(value, np.generic | None):
        return f"{value!r:.80}"
    if isinstance(value, bool | int | float | complex | str | bytes):
        return f"{value!r:.80} ({type(value).__name__})"
    if callable(value) and hasattr(value, "__name__"):
        return f"the {'type' if isinstance(value, type) else 'function'} {value.__name__}"
    name = "array" if type(value) is np.ndarray or _is_of_a_namespace(value) else type(value).__name__
    kind = f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
    if not hasattr(value, "shape"):
        return kind
    dtype = f" and dtype {value.dtype}" if hasattr(value, "dtype") else ""
    return f"{kind} of shape {tuple(value.shape)}{dtype}"


def place_of(path: tuple[object, ...]) -> str:
    """A place in a tree.

    >>> place_of(("dense_0", "w")), place_of(())
    ("'dense_0/w'", 'the root')
    """
    return repr("/".join(map(str, path))) if path else "the root"


def at(path: tuple[object, ...]) -> str:
    """Where in a tree, to be put behind what is said of it; nothing for the root.

    >>> at(("dense_0", "w")), at(())
    (" at 'dense_0/w'", '')
    """
    return f" at {place_of(path)}" if path else ""


def nearest(word: str, names: Iterable[str], n: int = 1, cutoff: float = 0.6) -> list[str]:
    """The names most like a word, the best first; of names that are equally like it, the one that stands first.

    >>> nearest("dense_O", ["dense_0", "dense_1"]), nearest("w", ["bias"])
    (['dense_0'], [])
    """
    import difflib

    matcher = difflib.SequenceMatcher(b=word)
    likeness = {}
    for name in names:
        matcher.set_seq1(name)
        likeness[name] = matcher.ratio()
    close = [name for name in likeness if likeness[name] >= cutoff]
    return sorted(close, key=lambda name: -likeness[name])[:n]


def warn(text: str) -> None:
    """A warning at the line outside of funcnn that led to it."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "funcnn":
        level, frame = level + 1, frame.f_back
    warnings.warn(text, stacklevel=level)


# ------------------------------------------------------------------------------- numbers, choices, functions


def whole_number(owner: str, name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> int:
    """An int, from any kind of integer: Python's, NumPy's, an array without axes; not from a bool or a float.

    >>> whole_number("batches", "size", np.int64(32), least=1)
    32
    >>> whole_number("batches", "size", 0, least=1)
    Traceback (most recent call last):
    ...
    ValueError: batches: size must be at least 1, got 0
    """
    number = None if isinstance(value, bool | np.bool_) else _index(value)
    if number is None:
        raise TypeError(f"{owner}: {name} must be an int, got {described(value)}")
    if not least <= number <= most:
        bounds = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{owner}: {name} must be {bounds}, got {number}")
    return number


def _index(value: Any) -> int | None:
    try:
        return operator.index(value)
    except TypeError:
        return None


Interval: TypeAlias = Literal["(-inf, inf)", "[0, inf)", "(0, inf)", "[0, 1)", "(0, 1)", "[0, 1]"]
"""Where a number must lie: a bound in square brackets belongs to it."""

HOLDS: dict[Interval, Callable[[float], bool]] = {
    "(-inf, inf)": lambda x: (-math.inf < x) & (x < math.inf),
    "[0, inf)": lambda x: (x >= 0) & (x < math.inf),
    "(0, inf)": lambda x: (x > 0) & (x < math.inf),
    "[0, 1)": lambda x: (x >= 0) & (x < 1),
    "(0, 1)": lambda x: (x > 0) & (x < 1),
    "[0, 1]": lambda x: (x >= 0) & (x <= 1),
}


def real_number(owner: str, name: str, value: Any, within: Interval = "(-inf, inf)") -> Any:
    """A number as a Python float, which leaves the dtypes of arrays alone; a traced one as it is.

    NaN is in no interval, and no bool is a number.

    >>> real_number("sgd", "momentum", np.float32(0.5), "[0, 1)")
    0.5
    >>> real_number("sgd", "momentum", 1.5, "[0, 1)")
    Traceback (most recent call last):
    ...
    ValueError: sgd: momentum must be a number in [0, 1), got 1.5
    """
    known = value.item() if isinstance(value, np.ndarray) and value.shape == () else value
    if _is_of_a_namespace(known) and getattr(known, "shape", ()) == ():
        return value
    if isinstance(known, bool) or not isinstance(known, numbers.Real):
        raise TypeError(f"{owner}: {name} must be a number, got {described(value)}")
    number = _float(known)
    if not HOLDS[within](number):
        expected = "a finite number" if within == "(-inf, inf)" else f"a number in {within}"
        raise ValueError(f"{owner}: {name} must be {expected}, got {value}")
    return number


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def one_of(owner: str, name: str, value: Any, options: Collection[str]) -> None:
    """A choice by name.

    >>> one_of("early_stopping", "mode", "auto", ("min", "max"))
    Traceback (most recent call last):
    ...
    ValueError: early_stopping: mode must be 'min' or 'max', got 'auto' (str)
    """
    if not (isinstance(value, str) and value in options):
        raise ValueError(f"{owner}: {name} must be {' or '.join(map(repr, options))}, got {described(value)}")


def function(owner: str, name: str, value: Any) -> None:
    """Something that can be called.

    >>> function("fold", "step", 0.1)
    Traceback (most recent call last):
    ...
    TypeError: fold: step must be a function, got 0.1 (float)
    """
    if not callable(value):
        raise TypeError(f"{owner}: {name} must be a function, got {described(value)}")


# --------------------------------------------------------------------------------------------------- arrays


def plain_array(owner: str, name: str, x: Any) -> None:
    """An array whose operators mean what NumPy's do: an ndarray, a NumPy number, a traced value, an array of JAX.

    >>> plain_array("loss", "targets", [1.0])
    Traceback (most recent call last):
    ...
    TypeError: loss: targets must be an array, got a list: np.asarray(targets)
    >>> plain_array("loss", "targets", np.ma.array([1.0, 2.0], mask=[0, 1]))
    Traceback (most recent call last):
    ...
    TypeError: loss: targets must be an array, got a MaskedArray of shape (2,) and dtype float64, whose mask would be \
lost: leave such rows out, or targets.filled(0)
    """
    if type(x) is not np.ndarray and (came := unlike_array(x, name)):
        raise TypeError(f"{owner}: {name} must be an array, got {came}")


def unlike_array(x: Any, name: str = "x") -> str:
    """Why something is no plain array, with the fix; an empty text for one that is.

    >>> unlike_array(np.ones(2).view(np.recarray))
    'a recarray of shape (2,) and dtype float64, whose operators are not those of an array: np.asarray(x)'
    """
    if isinstance(x, np.ndarray) and type(x) not in (np.ndarray, np.memmap):
        if hasattr(x, "mask"):
            return f"{described(x)}, whose mask would be lost: leave such rows out, or {_code(name)}.filled(0)"
        return f"{described(x)}, whose operators are not those of an array: np.asarray({_code(name)})"
    if isinstance(x, np.ndarray | np.generic) or (_is_of_a_namespace(x) and _has_a_dtype_of_numpy(x)):
        return ""
    if _is_of_a_namespace(x):
        return f"{described(x)} of {type(x).__module__.partition('.')[0]}: np.asarray({_code(name)})"
    return f"{described(x)}: {way_to_numpy(x, _code(name))}"


def way_to_numpy(x: Any, name: str = "x") -> str:
    """What makes an ndarray of something.

    >>> way_to_numpy([1.0], "targets")
    'np.asarray(targets)'
    """
    ways = (way for method, way in _WAYS_TO_NUMPY.items() if hasattr(x, method))
    return next(ways, "np.asarray({})").format(name)


def _code(name: str) -> str:
    """An argument as it is written in a program; "the data at '0'" is not."""
    return name if name.isidentifier() else "x"


_WAYS_TO_NUMPY = {
    "detach": "{}.detach().cpu().numpy()",  # a tensor of PyTorch
    "to_numpy": "{}.to_numpy()",  # a table of pandas or polars
    "toarray": "{}.toarray()",  # a sparse array of SciPy
}


def _is_of_a_namespace(x: Any) -> bool:
    """Whether x says itself which functions apply to it, as traced values and arrays of JAX do."""
    return not isinstance(x, np.ndarray | np.generic) and hasattr(type(x), "__array_namespace__")


def _has_a_dtype_of_numpy(x: Any) -> bool:
    """As what is to meet NumPy's functions has; keys that JAX types are the exception."""
    return isinstance(getattr(x, "dtype", None), np.dtype) or type(x).__module__.partition(".")[0] in _KNOWN_PACKAGES


_KNOWN_PACKAGES = {"funcnn", "jax", "jaxlib"}


def real_array(owner: str, name: str, x: Any) -> Shape:
    """The shape of a plain array of real numbers.

    >>> real_array("loss", "targets", np.array([1j]))
    Traceback (most recent call last):
    ...
    TypeError: loss: targets must be real numbers, got an array of shape (1,) and dtype complex128
    """
    plain_array(owner, name, x)
    if x.dtype.kind in "OSUMmc":
        raise TypeError(f"{owner}: {name} must be real numbers, got {described(x)}")
    shape: Shape = x.shape
    return shape


def float_array(owner: str, name: str, x: Any) -> Shape:
    """The shape of a plain array of floating-point numbers.

    >>> float_array("loss", "predictions", np.array([1]))
    Traceback (most recent call last):
    ...
    TypeError: loss: predictions must be floating-point numbers, got an array of shape (1,) and dtype int64: \
predictions.astype(np.float32)
    """
    shape = real_array(owner, name, x)
    if x.dtype.kind in "biu":
        raise TypeError(f"{owner}: {name} must be floating-point numbers, got {described(x)}: "
                        f"{_code(name)}.astype(np.float32)")
    return shape


def as_array(owner: str, name: str, x: Any) -> NDArray[Any]:
    """Anything like an array (numbers, lists, tensors) as an ndarray; but no array that would lose its meaning.

    >>> as_array("choice", "p", [0.5, 0.5])
    array([0.5, 0.5])
    """
    if isinstance(x, np.ndarray):
        plain_array(owner, name, x)
    return np.asarray(x)
