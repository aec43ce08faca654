"""How are NumPy's functions batched? By family: a row of `funcnn.rules` names the one that it belongs to.

Each is a function `(rule, n, values, mapped, options)`, as `funcnn.batching.batch` says; in the values that are mapped
the examples lie along the first axis, and so they do in the result.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from funcnn.batching.batch import Mapped, Shared, by_example, is_array, one_by_one
from funcnn.core import RULES, Rule, Tracer, TracerError

__all__ = ["Family", "along", "broadcast", "by_shape", "chain", "einsum", "elementwise", "first_of_two", "images",
           "in_rows", "index", "join", "matmul", "of_numbers", "pad", "permuted", "put", "reduction", "refused",
           "shifted", "solve", "stack", "static", "to_shape", "vectors"]

Family: TypeAlias = Callable[[Rule, int, list[Any], list[bool], dict[str, Any]], Any]


# ------------------------------------------------------------------------------- entry by entry


def elementwise(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Arguments broadcast, so an example with fewer axes gets some of length 1 behind the batch axis."""
    rank = max(_rank(x, is_mapped) for x, is_mapped in zip(values, mapped, strict=True))
    return rule(*[padded(x, rank) if is_mapped else x for x, is_mapped in zip(values, mapped, strict=True)], **options)


def _rank(x: Any, is_mapped: bool) -> int:
    return (x.ndim if is_array(x) else 0) - is_mapped


def padded(x: Any, rank: int) -> Any:
    """A batch whose examples have at least so many axes."""
    missing = rank - (x.ndim - 1)
    return x if missing <= 0 else np.reshape(x, (x.shape[0], *(1,) * missing, *x.shape[1:]))


def spread(x: Any, is_mapped: bool, n: int) -> Any:
    """A value with the batch axis, whether it had it or not."""
    if is_mapped:
        return x
    x = x if is_array(x) else np.asarray(x)
    return np.broadcast_to(x, (n, *x.shape))


def in_rows(x: Any) -> Any:
    """A batch whose examples are laid out in a row each."""
    return np.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


# ------------------------------------------------------------------------------- along axes


_signature = functools.lru_cache(maxsize=512)(inspect.signature)


def _by_name(rule: Rule, values: Sequence[Any], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The first argument, and all others by their names, defaults among them where they are axes."""
    signature = _signature(rule.fun)
    bound = signature.bind(*values, **options)
    if "axis" in signature.parameters and "axis" not in bound.arguments:
        bound.arguments["axis"] = signature.parameters["axis"].default
    named = dict(bound.arguments)
    named.update(named.pop("options", {}))
    return named.pop(next(iter(signature.parameters))), named


def shifted(axis: Any, ndim: int) -> Any:
    """An axis of an example, or several, as one of the batch."""
    if isinstance(axis, tuple | list):
        return tuple(shifted(a, ndim) for a in axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim + 1


def reduction(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Many become one: axis None means all but the batch."""
    if any(mapped[1:]):
        return by_example(rule, n, values, mapped, options)
    x, rest = _by_name(rule, values, options)
    ndim, axis = x.ndim - 1, rest.pop("axis")
    return rule(x, axis=tuple(range(1, x.ndim)) if axis is None else shifted(axis, ndim), **rest)


def along(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """A function of vectors along one axis; axis None means of the example laid out in a row."""
    x, rest = _by_name(rule, [spread(x, is_mapped, n) if is_array(x) else x
                              for x, is_mapped in zip(values, mapped, strict=True)], options)
    axis = rest.pop("axis")
    if axis is None:
        return rule(in_rows(x), axis=1, **rest)
    return rule(x, axis=shifted(axis, x.ndim - 1), **rest)


# ------------------------------------------------------------------------------- what only the shape decides


def static(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """What depends on shapes and dtypes alone is asked of an example of zeros, and is the same for all."""
    return Shared(rule(*[np.zeros(x.shape[1:], x.dtype) if is_mapped else x
                         for x, is_mapped in zip(values, mapped, strict=True)], **options))


def refused(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """The shape of the result depends on the numbers, so it differs from example to example."""
    raise TracerError(f"np.{rule.name}: the shape of its result depends on the values, which inside vmap may differ "
                      "from example to example; write np.where(mask, x, 0) in place of x[mask]")


def by_shape(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Entries of one array that move as its shape tells: found by letting the numbers of an example move."""
    x = values[0]
    places = np.arange(int(np.prod(x.shape[1:], dtype=np.int64))).reshape(x.shape[1:])
    return np.reshape(x, (n, places.size))[:, rule.fun(places, *values[1:], **options)]


def to_shape(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """The same entries in order, in another shape, which is asked of an example of zeros."""
    x = values[0]
    example = np.broadcast_to(np.zeros((), x.dtype), x.shape[1:])
    if "F" in values[1:] or options.get("order", "C") != "C":
        return by_shape(rule, n, values, mapped, options)
    return np.reshape(x, (n, *rule.fun(example, *values[1:], **options).shape))


def permuted(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """The same entries, their axes in another order: seen on an example whose axes are 1, 2, 3, ... long."""
    x = values[0]
    example = np.broadcast_to(np.int8(0), tuple(range(1, x.ndim)))
    return np.transpose(x, (0, *rule.fun(example, *values[1:], **options).shape))


def broadcast(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """`np.broadcast_to`."""
    x, shape = values
    shape = (shape,) if isinstance(shape, int | np.integer) else shape
    return rule(padded(x, len(shape)), (n, *shape), **options)


def pad(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Zeros around each example, none before and after the batch."""
    x, widths = values
    return rule(x, [[0, 0], *widths])


# ------------------------------------------------------------------------------- several arrays


def join(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Arrays joined along an axis of theirs, or of the result where that is a new one."""
    axis = options["axis"]
    return rule(*[spread(x, is_mapped, n) for x, is_mapped in zip(values, mapped, strict=True)],
                **options | {"axis": axis + 1 if axis >= 0 else axis})


def matmul(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """A stack of products; a vector becomes a matrix of one row or column for it."""
    a, b = values
    of_a, of_b = _rank(a, mapped[0]), _rank(b, mapped[1])
    if not min(of_a, of_b):
        return elementwise(RULES[np.multiply], n, values, mapped, {})  # type: ignore[arg-type]  # of a number, np.dot
    if options:
        return by_example(rule, n, values, mapped, options)
    if rule.name == "dot" and of_b > 2:  # the last axis of a meets the last but one of b, all others stay
        left, right = _LETTERS[:of_a - 1], _LETTERS[26:24 + of_b]
        formula = f"{'z' * mapped[0]}{left}y,{'z' * mapped[1]}{right}yx->z{left}{right}x"
        return np.einsum(formula, a, b)
    if mapped == [True, False] and of_b <= 2:
        return _rows_times(a, b)
    rank = max(of_a, of_b, 2)
    a = np.expand_dims(a, -2) if of_a == 1 else a
    b = np.expand_dims(b, -1) if of_b == 1 else b
    y = np.matmul(padded(a, rank) if mapped[0] else a, padded(b, rank) if mapped[1] else b)
    dropped = (-2,) * (of_a == 1) + (-1,) * (of_b == 1)
    return np.squeeze(y, dropped) if dropped else y


def _rows_times(a: Any, b: Any) -> Any:
    """All examples times one matrix or vector: one product of all their rows."""
    rows = int(np.prod(a.shape[:-1], dtype=np.int64))
    return np.reshape(np.reshape(a, (rows, a.shape[-1])) @ b, (*a.shape[:-1], *b.shape[1:]))


def vectors(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """The sum of conj(a) b over all entries."""
    a, b = [in_rows(spread(x, is_mapped, n)) for x, is_mapped in zip(values, mapped, strict=True)]
    return np.sum(np.conj(a) * b, axis=1)


def einsum(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """One letter more for the batch."""
    left, _, output = options["formula"].partition("->")
    letter = next(c for c in _LETTERS if c not in options["formula"])
    inputs = [letter * is_mapped + labels for labels, is_mapped in zip(left.split(","), mapped, strict=True)]
    return rule(*values, **options | {"formula": ",".join(inputs) + "->" + letter + output})


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def chain(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """One product after the other."""
    y = values[0]
    for x in values[1:]:
        y = np.matmul(y, x)
    return y


def stack(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Linear algebra, which takes stacks of matrices as they come."""
    return rule(*[spread(x, is_mapped, n) if is_array(x) else x
                  for x, is_mapped in zip(values, mapped, strict=True)], **options)


def solve(rule: Callable[..., Any], n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """A stack of systems of equations; a vector on the right is a matrix of one column."""
    a, b = values
    if _rank(b, mapped[1]) == 1:
        column = padded(np.expand_dims(spread(b, mapped[1], n), -1), _rank(a, mapped[0]))
        return rule(a, column)[..., 0]
    return rule(a, padded(b, _rank(a, mapped[0])) if mapped[1] else b)


def of_numbers(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Functions that take their first argument number by number."""
    return by_example(rule, n, values, mapped, options) if any(mapped[1:]) else rule(*values, **options)


def images(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Functions of a batch of images, whose first axis takes the examples in; of a shape given too."""
    if any(mapped[1:]):
        return one_by_one(rule, n, values, mapped, options)
    x = values[0]
    rest = [(n * value[0], *value[1:]) if name == "shape" else value
            for name, value in zip(_names(rule)[1:], values[1:], strict=True)]
    y = rule(np.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:])), *rest, **options)
    return np.reshape(y, (n, y.shape[0] // max(n, 1), *y.shape[1:]))


def _names(rule: Rule) -> list[str]:
    return list(_signature(rule.fun).parameters)


def first_of_two(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Functions that take their second argument number by number."""
    return by_example(rule, n, values, mapped, options) if mapped[0] else rule(*values, **options)


# ------------------------------------------------------------------------------- x[index]


def index(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """x[index], where x, the index, or both have the batch axis."""
    x, at = values
    at = Mapped(at) if mapped[1] and not isinstance(at, tuple) else at
    new, order = _batched_index(at, x.shape[1:] if mapped[0] else x.shape, n, mapped[0])
    y = rule(x, new)
    return y if order is None else np.transpose(y, order(y.ndim))


def put(rule: Rule, n: int, values: list[Any], mapped: list[bool], options: dict[str, Any]) -> Any:
    """Zeros, and parts added at indices: each example has zeros of its own."""
    half, shape = len(values) // 2, options["shape"]
    parts, indices = [], []
    for i in range(half):
        at = values[half + i]
        at = Mapped(at) if mapped[half + i] and not isinstance(at, tuple) else at
        new, order = _batched_index(at, shape, n, True)
        part = spread(values[i], mapped[i], n)
        parts.append(part if order is None else np.transpose(part, np.argsort(order(part.ndim))))
        indices.append(new)
    return rule(*parts, *indices, **options | {"shape": (n, *shape)})


_Order: TypeAlias = Callable[[int], list[int]] | None
"""From the number of axes of x[index] to their order, the batch first; None where they are in order."""


def _batched_index(at: Any, shape: Sequence[int], n: int, x_is_mapped: bool) -> tuple[Any, _Order]:
    """The index into a batch that picks `at` of each example, and how the axes of the result are put in order.

    NumPy lays the axes of index arrays where the first of them stands if they stand together, else in front.
    """
    parts = _parts(at, len(shape))
    arrays = [part for part in parts if _is_array(part)]
    every = (slice(None),) * x_is_mapped
    if not arrays:
        return (*every, *parts), None
    rank = max(part.value.ndim - 1 if type(part) is Mapped else np.ndim(part) for part in arrays)
    before, together = _before_arrays(parts)
    if not any(type(part) is Mapped for part in arrays):
        return (*every, *parts), None if together else lambda ndim: [rank, *range(rank), *range(rank + 1, ndim)]
    new = tuple([padded(part.value, rank) if type(part) is Mapped else part for part in parts])
    in_front = not together or not before
    if not x_is_mapped:
        return new, None if in_front else lambda ndim: [before, *range(before), *range(before + 1, ndim)]
    rows, end = np.arange(n).reshape((n,) + (1,) * rank), 1 + rank + before
    return (rows, *new), None if in_front else lambda ndim: [
        0, *range(1 + rank, end), *range(1, 1 + rank), *range(end, ndim)]


def _parts(at: Any, ndim: int) -> list[Any]:
    """An index with one part for each axis, and None for each new one."""
    parts: list[Any] = []
    for part in at if isinstance(at, tuple) else (at,):
        part = np.asarray(part) if isinstance(part, list) else part
        if type(part) is Mapped and part.value.dtype == bool:
            raise TracerError("x[mask]: how many entries a mask picks may differ from example to example inside vmap; "
                              "write np.where(mask, x, 0)")
        is_mask = isinstance(part, np.ndarray) and part.dtype == bool and part.ndim
        parts += np.nonzero(part) if is_mask else [part]
    given = sum(part is not None and part is not ... for part in parts)
    rest = [slice(None)] * (ndim - given)
    gap = next((i for i, part in enumerate(parts) if part is ...), len(parts))
    return [*parts[:gap], *rest, *parts[gap + 1:]]


def _is_array(part: Any) -> bool:
    return type(part) is Mapped or isinstance(part, np.ndarray | Tracer)


def _before_arrays(parts: list[Any]) -> tuple[int, bool]:
    """How many axes of the result stand before those of the index arrays, and whether these stand together."""
    places = [i for i, part in enumerate(parts) if _is_array(part) or isinstance(part, int | np.integer)]
    return places[0], places[-1] - places[0] == len(places) - 1
