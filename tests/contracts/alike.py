"""The law of `jit`: what a jitted function returns, call after call, is what the function itself returns."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import funcnn as fn
from funcnn import tree

__all__ = ["assert_alike", "assert_same", "varied"]


def assert_alike(f: Callable[..., Any], *calls: tuple[Any, ...], jitted: Callable[..., Any] | None = None) -> None:
    """Jitted, f gives for each of these arguments, twice, what f gives; nothing given before changes by it."""
    g = fn.jit(f) if jitted is None else jitted
    given = []
    for args in [each for call in calls for each in (call, call)]:
        before = [_bytes(x) for x in tree.leaves(args)]
        expected, found = quietly(f, args), quietly(g, args)
        if isinstance(expected, Exception):
            assert type(found) is type(expected) and str(found) == str(expected)
            continue
        assert_same(found, expected)
        given.append((found, list(map(_bytes, tree.leaves(found)))))
        assert [_bytes(x) for x in tree.leaves(args)] == before
    for found, before in given:
        assert list(map(_bytes, tree.leaves(found))) == before


def assert_same(found: Any, expected: Any) -> None:
    """Two results are of the same kind, leaf by leaf, with the same bytes, and read-only where the second one is."""
    if isinstance(found, Exception):
        raise found
    its, form = tree.flatten(found)
    own, its_form = tree.flatten(expected)
    assert form == its_form and repr(form) == repr(its_form)
    for place, (x, y) in enumerate(zip(its, own, strict=True)):
        assert type(x) is type(y), (place, type(x), type(y))
        if isinstance(y, np.ndarray | np.generic):
            assert (x.shape, x.dtype, x.strides) == (y.shape, y.dtype, y.strides), place
            assert x.tobytes() == y.tobytes(), (place, x, y)
        else:
            assert x == y or (x != x and y != y), (place, x, y)
        if isinstance(y, np.ndarray) and not y.flags.writeable:
            assert not x.flags.writeable, place


def quietly(f: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """The result of f, or its error, whatever NumPy says of overflow on the way."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.filterwarnings("ignore", "vmap: .* example by example")
        try:
            return f(*args)
        except Exception as error:  # the law is about all of them
            return error


def varied(args: Any, k: int) -> Any:
    """Arguments like these with other numbers: the k-th variation; integers and flags stay, which may be indices."""
    rng = np.random.default_rng(k)

    def other(x: Any) -> Any:
        if isinstance(x, float):
            return x * (1 + 0.001 * k)
        if isinstance(x, np.ndarray | np.generic) and x.dtype.kind in "fc":
            factors = (1 + 0.01 * rng.random(np.shape(x))).astype(x.dtype)
            new = x * factors
            return new if isinstance(x, np.ndarray) else x.dtype.type(new)
        return x

    return tree.map(other, args)


def _bytes(x: Any) -> Any:
    return x.tobytes() if isinstance(x, np.ndarray | np.generic) else x
