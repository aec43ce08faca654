"""What keys, shapes, dtypes, bounds and probabilities must be; every draw begins with these checks.

`function` is the name of the draw, without `random.`, which the errors put before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from funcnn._arguments import as_array, described, whole_number
from funcnn.random.threefry import WORD, Words

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from funcnn.typing import Shape

__all__ = ["axis_of", "chances", "dtype_of", "fit", "floats", "integer_bounds", "integers", "logits_along",
           "population", "require", "shape_of", "supply", "uniform_bounds", "word", "words_of"]


# --------------------------------------------------------------------------------- keys, shapes, dtypes, axes


def words_of(owner: str, key: object) -> Words:
    """The two words of a key; anything else is an error of the function `owner`.

    >>> words_of("dropout", np.array([0, 7], np.uint32))
    (0, 7)
    """
    if not isinstance(key, np.ndarray) or key.dtype != np.uint32:
        raise TypeError(f"{owner}: key must be a key, a uint32 array of shape (2,), got {described(key)}. Make one: "
                        "random.key(0)")
    if key.shape != (2,):
        raise ValueError(f"{owner}: key must be one key, of shape (2,), got {described(key)}. Unpack or index several: "
                         "first, second = random.split(random.key(0))")
    high, low = key.tolist()
    return high, low


def word(data: object) -> int:
    """What `fold_in` folds in, a number of 32 bits.

    >>> word(7)
    7
    """
    value = whole_number("random.fold_in", "data", data)
    if not 0 <= value <= WORD:
        raise ValueError(f"random.fold_in: data must have 32 bits, 0 <= data < 2**32, got {value}. Take data % 2**32")
    return value


def shape_of(function: str, shape: object, name: str = "shape") -> Shape:
    """A shape from a tuple or list of lengths, or from one length.

    >>> shape_of("normal", [2, np.int64(3)]), shape_of("normal", 2)
    ((2, 3), (2,))
    """
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    what = f"each length of {name}, such as (2, 3),"
    return tuple(whole_number(f"random.{function}", what, n, least=0) for n in lengths)


def dtype_of(function: str, dtype: DTypeLike | None, *allowed: str) -> np.dtype[Any]:
    """One of the allowed dtypes; the first is the default, which None asks for in jax.

    >>> dtype_of("normal", None, "float32", "float64")
    dtype('float32')
    """
    try:
        kind = np.dtype(allowed[0] if dtype is None else dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind.name in allowed and kind.isnative:
        return kind
    raise TypeError(f"random.{function}: dtype must be one of {', '.join(allowed)}, got {dtype!r}. For another draw "
                    "one of these and convert: .astype(...)")


def axis_of(function: str, axis: object, ndim: int) -> int:
    """The axis counted from the front.

    >>> axis_of("permutation", -1, 3)
    2
    """
    return whole_number(f"random.{function}", f"axis, of {ndim} axes,", axis, -ndim, ndim - 1) % ndim


# ----------------------------------------------------------------------------------------------- the numbers


def floats(function: str, name: str, x: ArrayLike, kind: np.dtype[Any] | None = None, kinds: str = "iuf",
           ) -> NDArray[Any]:
    """Numbers as floats of a kind: by default float64 for a float64 array, float32 for all else.

    >>> floats("bernoulli", "p", [0, 1]).dtype
    dtype('float32')
    """
    values = as_array(f"random.{function}", name, x)
    if values.dtype.kind not in kinds:
        expected = "real numbers" if "i" in kinds else "floating-point numbers"
        raise TypeError(f"random.{function}: {name} must be {expected}, got {described(x)}")
    own = getattr(x, "dtype", None) == np.float64 and not isinstance(x, float)
    with np.errstate(all="ignore"):
        return values.astype(kind or (np.float64 if own else np.float32))


def integers(name: str, x: ArrayLike) -> NDArray[Any]:
    """The bounds of `randint`.

    >>> integers("minval", 0)
    array(0)
    """
    values = as_array("random.randint", name, x)
    if values.dtype.kind not in "iu":
        raise TypeError(f"random.randint: {name} must be integers of at most 64 bits, got {described(x)}")
    return values


def population(function: str, name: str, x: ArrayLike) -> int | NDArray[Any]:
    """A count of things, or an array of them.

    >>> population("choice", "a", 3), population("choice", "a", ["red", "green"])
    (3, array(['red', 'green'], dtype='<U5'))
    """
    values = as_array(f"random.{function}", name, x)
    return values if values.ndim else whole_number(f"random.{function}", f"{name}, a count or an array,", x, least=0)


def fit(function: str, shape: object, **arrays: Any) -> Shape:
    """The shape of a draw, to which all arrays must broadcast; by default what they broadcast to.

    >>> fit("uniform", None, minval=np.zeros((2, 1)), maxval=np.ones(3))
    (2, 3)
    """
    shapes = {name: x.shape for name, x in arrays.items()}
    size = [] if shape is None else [shape_of(function, shape)]
    try:
        common = np.broadcast_shapes(*size, *shapes.values())
    except ValueError:
        common = None
    if common is None or size not in ([], [common]):
        came = ", ".join(f"{name} has shape {s}" for name, s in shapes.items())
        raise ValueError(f"random.{function}: {came}; expected what broadcasts to "
                         f"{f'shape {size[0]}' if size else 'one shape'}")
    return common


def require(function: str, good: Any, expected: str, **values: Any) -> None:
    """Raise where `good` is first false, and say what the values are there.

    >>> require("bernoulli", np.array([True, False]), "a probability", p=np.array([0.5, 1.5]))
    Traceback (most recent call last):
    ...
    ValueError: random.bernoulli: p must be a probability, got 1.5 at index (1,)
    """
    if good.all():
        return
    index = tuple(np.argwhere(~good)[0].tolist())
    came = " and ".join(str(np.broadcast_to(x, np.shape(good))[index]) for x in values.values())
    raise ValueError(f"random.{function}: {' and '.join(values)} must be {expected}, got {came}"
                     + (f" at index {index}" if index else ""))


def uniform_bounds(low: NDArray[Any], high: NDArray[Any]) -> None:
    """A range that is not reversed and not too wide.

    >>> uniform_bounds(np.array(0.0), np.array(1.0))
    """
    with np.errstate(all="ignore"):
        good = (low <= high) & np.isfinite(high - low)
    require("uniform", good, f"finite numbers, minval <= maxval, whose difference is finite in {low.dtype}",
            minval=low, maxval=high)


def integer_bounds(low: NDArray[Any], high: NDArray[Any], kind: np.dtype[Any]) -> None:
    """A range that is not empty, of numbers that the dtype holds.

    >>> integer_bounds(np.array(0), np.array(256), np.dtype(np.uint8))
    """
    least, most = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    good = (low < high) & (low >= least) & (high <= most + 1)
    require("randint", good, f"in order, {least} <= minval < maxval <= {most + 1} for {kind}", minval=low, maxval=high)


def supply(n: int, draws: int, replace: bool) -> None:
    """Enough things to choose from.

    >>> supply(2, 3, replace=True)
    """
    if draws and n == 0:
        raise ValueError(f"random.choice: {draws} draws from nothing (a is empty)")
    if draws > n and not replace:
        raise ValueError(f"random.choice: {draws} draws without replacement, but a has only {n} things. Draw "
                         "fewer, or pass replace=True")


def chances(p: ArrayLike, n: int, draws: int, replace: bool) -> NDArray[Any]:
    """The n probabilities of a choice.

    >>> chances([0.25, 0.75], 2, 1, replace=True)
    array([0.25, 0.75], dtype=float32)
    """
    chance = floats("choice", "p", p)
    if chance.shape != (n,):
        raise ValueError(f"random.choice: p must have one probability for each of the {n} things, shape ({n},), got "
                         f"shape {chance.shape}")
    require("choice", chance >= 0, "probabilities of 0 or more", p=chance)
    with np.errstate(all="ignore"):
        total = float(chance.sum(dtype=np.float64))
    if not abs(total - 1) <= 1e-3:
        raise ValueError(f"random.choice: p must sum to 1, got a sum of {total:.6g}. Divide it: p / p.sum()")
    possible = int(np.count_nonzero(chance))
    if possible < draws and not replace:
        raise ValueError(f"random.choice: {draws} draws without replacement, but only {possible} of p are "
                         "above 0. Draw fewer, or pass replace=True")
    return chance


def logits_along(logits: NDArray[Any], axis: int) -> None:
    """Logits of which at least one along the axis may be drawn.

    >>> logits_along(np.array([0.0, -np.inf]), 0)
    """
    if logits.shape[axis] == 0:
        raise ValueError(f"random.categorical: logits must have at least one class along axis {axis}, got shape "
                         f"{logits.shape}")
    require("categorical", logits < np.inf, "numbers or -inf", logits=logits)
    require("categorical", logits.max(axis) > -np.inf, "above -inf, so that one class can be drawn",
            **{"the greatest logit": logits.max(axis)})
