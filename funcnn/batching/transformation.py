"""What is `vmap`? A function of one example, given all of them, runs once, on the tracers of a `Batch`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import numpy as np

from funcnn import tree
from funcnn._arguments import plain_array
from funcnn._arrays import is_plain, readonly
from funcnn.batching.batch import Batch, BatchTracer, one_by_one, warn_of_loop
from funcnn.core import NeedsValues, Tracer
from funcnn.core.elsewhere import is_elsewhere, to_be_lifted
from funcnn.core.tracer import in_our_words
from funcnn.tree.structure import node_of
from funcnn.typing import Array, Key, Keys

__all__ = ["vmap"]

A = ParamSpec("A")
B = ParamSpec("B")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
X = TypeVar("X")
Y = TypeVar("Y")

if TYPE_CHECKING:
    Axes: TypeAlias = "int | tuple[Axes, ...] | list[Any] | Mapping[Any, Axes] | None"
else:
    Axes = int | tuple | list | Mapping | None  # as pages of documentation write it
"""Along which axis the examples lie: in everything, or in each part of a tree; None in what they share."""


class Mapped(Protocol[A, R_co]):
    """A function of all examples, typed as that of one; where that takes a `Key`, this takes `Keys`."""

    @overload
    def __call__(self, *args: A.args, **kwargs: A.kwargs) -> R_co: ...
    @overload
    def __call__(self: Mapped[Concatenate[Key, B], R_co], keys: Keys, /, *args: B.args, **kwargs: B.kwargs) -> R_co: ...
    @overload
    def __call__(self: Mapped[Concatenate[X, Key, B], R_co], x: X, keys: Keys, /, *args: B.args, **kwargs: B.kwargs,
                 ) -> R_co: ...
    @overload
    def __call__(self: Mapped[Concatenate[X, Y, Key, B], R_co], x: X, y: Y, keys: Keys, /, *args: B.args,
                 **kwargs: B.kwargs) -> R_co: ...


class MappedUfunc(Protocol):
    """A function of NumPy's own, whose type says nothing of arrays with an axis more."""

    def __call__(self, *args: Array) -> Array: ...


@overload
def vmap(f: np.ufunc, in_axes: Axes = 0, out_axes: Axes = 0) -> MappedUfunc: ...  # type: ignore[overload-overlap]  # a ufunc is a function too
@overload
def vmap(f: Callable[A, R], in_axes: Axes = 0, out_axes: Axes = 0) -> Mapped[A, R]: ...
def vmap(f: Callable[A, R], in_axes: Axes = 0, out_axes: Axes = 0) -> Mapped[A, R]:
    """The function that maps f over examples: written for one, computed for all at once.

        vmap(f)(x)[i] = f(x[i])    for each i along the first axis

    - `f`: a function of one example. Inside, shapes are those of one, and looking at a value (`if x > 0`, `float(x)`)
      is a `TracerError`.
    - `in_axes`: along which axis the examples lie in each argument: a number, None for an argument that all examples
      share, or a tuple with one entry an argument, each of which may be a tree like the argument, or like the top of
      it. At least one is no None. Keyword arguments are mapped along axis 0.
    - `out_axes`: the same of the result; None for one that is the same for all, else a ValueError.

    It composes with `grad`, `jvp`, `jacobian`, `custom_vjp`, itself and the rest in any order. A function without a
    batched way runs example by example, which a warning says.

    >>> import funcnn as fn
    >>> x, w = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, -1.0])
    >>> loss = lambda w, x: (x @ w) ** 2
    >>> fn.vmap(fn.grad(loss), in_axes=(None, 0))(w, x)     # the gradient of each example
    array([[-2., -4.],
           [-6., -8.]])

    Sizes that differ are a ValueError that names the arguments. No example at all gives results of length 0, of the
    dtypes that one has. As `jax.vmap`.
    """
    if not callable(f):
        raise TypeError(f"vmap: what is mapped must be a function, got a {type(f).__name__}; write vmap(f)(x)")
    name = getattr(f, "__name__", type(f).__name__)

    def mapped(*args: Any, **kwargs: Any) -> R:
        axes = _axes_of_arguments(in_axes, args), tree.map(lambda _: 0, kwargs)
        leaves, form = tree.flatten((args, kwargs))
        _check_arrays(leaves, form.paths())
        batch = Batch(_size(leaves, tree.leaves(axes), form.paths()))
        traced = [leaf if axis is _SHARED else BatchTracer(batch, _in_front(leaf, axis))
                  for leaf, axis in zip(leaves, tree.leaves(axes), strict=True)]
        own_args, own_kwargs = tree.unflatten(form, traced)
        try:
            result = f(*own_args, **own_kwargs)
        except NeedsValues as error:
            warn_of_loop(name, f", because np.{error} decides by values")
            result = _one_by_one(f, batch, form, traced)
        except ValueError as error:
            if (ours := in_our_words(error)) is None:
                raise
            raise ours from error
        finally:
            batch.ended = True
        spread: R = tree.map_with_path(
            lambda path, y, axis: _placed(batch, path, y, axis), result, _like(out_axes, result, "out_axes"))
        return spread

    mapped.__name__ = mapped.__qualname__ = name
    mapped.__doc__ = f.__doc__
    mapped.__wrapped__ = f  # type: ignore[attr-defined]  # as functools.wraps does, for inspect.signature
    return mapped


def _one_by_one(f: Callable[..., Any], batch: Batch, form: tree.Structure, traced: list[Any]) -> Any:
    """The results of f for one example after the other, as of all."""
    def example(*values: Any) -> Any:
        args, kwargs = tree.unflatten(form, values)
        return f(*args, **kwargs)

    mapped = [batch.owns(leaf) for leaf in traced]
    results = one_by_one(example, batch.n, [batch.lower(leaf) for leaf in traced], mapped, {})
    return tree.map(lambda y: BatchTracer(batch, y), results)


class _Shared:
    """The axis of what all examples share, in trees, where None would be no leaf."""


_SHARED = _Shared()


def _axes_of_arguments(in_axes: Any, args: tuple[Any, ...]) -> Any:
    """The axis of each leaf of the arguments."""
    if isinstance(in_axes, list | tuple):
        if len(in_axes) != len(args):
            raise ValueError(f"vmap: in_axes has {len(in_axes)} entries, the function was called with {len(args)} "
                             "positional arguments; give one entry for each")
        pairs = zip(in_axes, args, strict=True)
        return tuple([_like(axes, arg, f"in_axes[{i}]") for i, (axes, arg) in enumerate(pairs)])
    return _like(in_axes, args, "in_axes")


def _like(axes: Any, x: Any, where: str) -> Any:
    """Axes for each leaf of x: a number or None for all of it, or a tree like the top of it."""
    if axes is None or (isinstance(axes, int | np.integer) and not isinstance(axes, bool)):
        axis = _SHARED if axes is None else int(axes)
        return tree.map(lambda _: axis, x)
    children, given = _children(x), _children(axes)
    if children is None or given is None or children.keys() != given.keys():
        raise ValueError(f"vmap: {where} is {axes!r:.80}; it must be a number, None, or a tree like the top of "
                         f"{tree.structure(x)!r:.80}")
    node = node_of(x)
    order = sorted(children) if node is not None and node.keyed else children
    inside = [_like(given[key], children[key], f"{where}[{key!r}]") for key in order]
    return tree.unflatten(tree.structure(x), [leaf for part in inside for leaf in tree.leaves(part)])


def _children(x: Any) -> dict[Any, Any] | None:
    if isinstance(x, list | tuple):
        return dict(enumerate(x))
    node = None if x is None else node_of(x)
    return None if node is None else dict(node.entries(x))


def _size(leaves: list[Any], axes: list[Any], paths: list[tree.Path]) -> int:
    """The number of examples, which must be the same everywhere."""
    sizes: dict[str, int] = {}
    for leaf, axis, path in zip(leaves, axes, paths, strict=True):
        if axis is not _SHARED:
            sizes[_said(path)] = _length(leaf, axis, _said(path))
    if not sizes:
        raise ValueError("vmap: no argument is mapped; at least one of in_axes must not be None")
    if len(set(sizes.values())) > 1:
        raise ValueError("vmap: the arguments have different numbers of examples: "
                         + ", ".join(f"{size} in {where}" for where, size in sizes.items()))
    return next(iter(sizes.values()))


def _check_arrays(leaves: list[Any], paths: list[tree.Path]) -> None:
    for leaf, path in zip(leaves, paths, strict=True):
        if is_elsewhere(leaf):
            raise to_be_lifted("vmap", _said(path))
        if hasattr(leaf, "shape"):
            plain_array("vmap", _said(path), leaf)


def _said(path: tree.Path) -> str:
    """What an error calls a leaf of (args, kwargs)."""
    kind, name, *inner = path
    where = f"argument {name}" if kind == 0 else f"argument {name!r}"
    return f"{where} at {tree.keystr(tuple(inner))!r}" if inner else where


def _length(leaf: Any, axis: int, where: str) -> int:
    shape = getattr(leaf, "shape", ())
    if not -len(shape) <= axis < len(shape):
        raise ValueError(f"vmap: {where} has shape {shape}, so it has no axis {axis} to map over; "
                         "in_axes=None shares it")
    length: int = shape[axis]
    return length


def _in_front(leaf: Any, axis: int) -> Any:
    if is_plain(leaf):
        leaf = leaf.view()  # so that an argument that is returned as it is gets a copy
    return np.moveaxis(leaf, axis, 0) if axis else leaf


def _placed(batch: Batch, path: tree.Path, y: Any, axis: Any) -> Any:
    """A result of all examples, its batch axis where it is wanted."""
    where = f" at {tree.keystr(path)!r}" if path else ""
    if axis is _SHARED:
        if batch.owns(y):
            raise ValueError(f"vmap: the result{where} differs from example to example, but its out_axes is None")
        return y
    if isinstance(y, str) or not (isinstance(y, Tracer) or np.asarray(y).dtype.kind in "biufc"):
        raise TypeError(f"vmap: the result{where} must be numbers, got a {type(y).__name__}")
    value = batch.spread(y)
    if not -value.ndim <= axis < value.ndim:
        raise ValueError(f"vmap: out_axes is {axis}, but the result{where} has shape {value.shape[1:]} for one example")
    value = np.moveaxis(value, 0, axis) if axis else value
    return readonly(value.copy(order="K") if value.base is not None else value) if is_plain(value) else value
