"""What stands for an array of JAX in a NumPy program? `Lifted`, a tracer that hands on what NumPy's dispatch brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from funcnn import tree
from funcnn.core import Tracer, TracerError, innermost
from funcnn.core.rule import USUAL
from funcnn.core.tracer import refuse_writes, unsupported_method

__all__ = ["Lifted", "depends", "lifted", "looked_at", "lowered", "reworded"]


def looked_at(what: str) -> TracerError:
    """The error that somebody wants to see a number, with what to write instead."""
    return TracerError(
        f"{what}: a value under JAX cannot be looked at, because it stands for others too. Use NumPy's functions "
        "(np.where(condition, a, b) in place of if, np.exp(x), not math.exp(x), np.take(array, x, 0), not array[x], "
        "np.stack([x, y]), not np.array([x, y])), or say static_argnums of an argument that decides")


def depends(what: str) -> TracerError:
    """The error that the shape of a result is not known."""
    return TracerError(
        f"{what}: what comes out, or how much of it, depends on values, which JAX does not know while it traces. "
        "np.where(mask, x, 0) keeps the shape of x, in place of x[mask]; say static_argnums of an argument that "
        "decides; or do this outside")


@contextmanager
def reworded(what: str, error: Callable[[str], TracerError]) -> Iterator[None]:
    """Say of an error of JAX about a value that is not known what to write in NumPy."""
    try:
        yield
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError,
            jax.errors.TracerIntegerConversionError, jax.errors.NonConcreteBooleanIndexError) as theirs:
        raise error(what) from theirs


def _looking(name: str, look: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(self: Lifted, *args: Any, **options: Any) -> Any:
        with reworded(name, looked_at):
            return look(self.value)

    return method


@jax.tree_util.register_pytree_node_class
@tree.register_leaf
class Lifted(np.lib.mixins.NDArrayOperatorsMixin, Tracer):
    """An array of JAX, its `value`, in a program of NumPy."""

    __slots__ = ()
    is_hidden = True

    __hash__ = None  # as ndarray: == is elementwise

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if options.get("out", (None,))[0] is self:  # x += y is another x, of the same dtype
            return ufunc(*inputs).astype(self.dtype)
        owner = innermost(inputs)
        if not isinstance(owner, type(self.owner)):
            return Tracer.__array_ufunc__(self, ufunc, method, *inputs, **options)
        if method == "at":
            raise unsupported_method(ufunc, method)
        refuse_writes(ufunc.__name__, options)
        return owner.call(ufunc, tuple(map(_array, inputs)), _of_values(ufunc, options), method)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: tuple[Any, ...],
                           kwargs: dict[str, Any]) -> Any:
        owner = innermost((*args, *kwargs.values()))
        if not isinstance(owner, type(self.owner)):
            return Tracer.__array_function__(self, function, types, args, kwargs)
        refuse_writes(function.__name__, {"out": kwargs.get("out")})
        return owner.call(function, args, _of_values(function, kwargs))

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True,
               copy: bool = True) -> Any:
        """The array in another dtype."""
        return Lifted(self.owner, self.value.astype(dtype))

    __bool__ = _looking("if x", bool)
    __float__ = _looking("float(x)", float)
    __int__ = _looking("int(x)", int)
    __complex__ = _looking("complex(x)", complex)
    __index__ = _looking("array[x], range(x) or a shape", lambda x: x.__index__())
    __array__ = _looking("np.asarray(x)", np.asarray)
    item = _looking("x.item()", lambda x: x.item())
    tolist = _looking("x.tolist()", lambda x: x.tolist())

    def __repr__(self) -> str:
        return f"Lifted({self.value!r})"

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def tree_flatten(self) -> tuple[tuple[Any], Any]:
        """What JAX's own transformations take of it inside a lifted function."""
        return (self.value,), self.owner

    @classmethod
    def tree_unflatten(cls, owner: Any, values: tuple[Any]) -> Lifted:
        """And what they hand in."""
        return cls(owner, values[0])


USUAL.add(Lifted)


_MEMORY = {"casting", "kind", "order", "out", "subok"}
_ORDERED = {np.reshape, np.ravel}


def _of_values(function: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The options that say what is computed, and not how, or where it lies in memory."""
    kept = {"order"} if function in _ORDERED else set()
    return {name: value for name, value in options.items() if name in kept or name not in _MEMORY}


def _array(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, list | tuple) else x


def lifted(owner: Any, y: Any) -> Any:
    """A tree with stand-ins, which belong to an interpreter, in the place of its arrays of JAX."""
    return jax.tree.map(lambda x: Lifted(owner, x) if isinstance(x, jax.Array) else x, y, is_leaf=_is_tracer)


def lowered(y: Any) -> Any:
    """A tree with the arrays of JAX in the place of their stand-ins."""
    return jax.tree.map(lambda x: x.value if isinstance(x, Lifted) else x, y, is_leaf=_is_tracer)


def _is_tracer(x: Any) -> bool:
    return isinstance(x, Tracer)
