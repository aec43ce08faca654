"""With this module you can decide how a function is differentiated: `custom_vjp`, `remat`, `stop_gradient`.

The library's own fused operations (`funcnn.affine`, the cross-entropy) are defined with `custom_vjp` as well; there is
no other, privileged way.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, Generic, ParamSpec, TypeVar, cast

import numpy as np

from funcnn import tree
from funcnn.autodiff.reverse import named_after, vjp
from funcnn.core.tracer import Node, Rule, Tracer, TracerError, concrete

__all__ = ["custom_vjp", "remat", "stop_gradient"]

A = ParamSpec("A")
P = TypeVar("P")
R = TypeVar("R")
Res = TypeVar("Res")


def stop_gradient(x: P) -> P:
    """The same tree of values, as constants: their derivative is taken to be 0.

    >>> from funcnn import grad
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    3.0

    As `jax.lax.stop_gradient`.
    """
    return tree.map(concrete, x)


# ------------------------------------------------------------------------------------------ custom_vjp


class custom_vjp(Generic[A, R]):  # the name is JAX's
    """A function with a derivative of your own: the way to define a fused or stabilised operation.

    Decorate the function, then give its derivative in one of two forms:

    - `f.defvjp(fwd, bwd)`, as in JAX: `fwd(*args)` returns `(f(*args), residuals)`, `bwd(residuals, g)` a tuple
      with the cotangent of each argument, or None where it has none. Arguments and results may be trees.
    - `f.defvjps(*vjps)`, one pullback an argument, as in the table of `funcnn.rules`: each is called as
      `(g, y, *args)` and only where its argument is differentiated; None where it has none. Arguments that are
      differentiated, and the result, are arrays.

    The derivative is NumPy code too, so it can be differentiated in turn. It may work in place (`y += b`) on
    arrays that it made itself in that call.

    >>> import numpy as np
    >>> from funcnn import grad
    >>> @custom_vjp
    ... def log1pexp(x):
    ...     return np.logaddexp(x, 0)
    >>> log1pexp.defvjps(lambda g, y, x: g * np.exp(x - y))
    >>> grad(log1pexp)(0.0), grad(log1pexp)(1000.0), grad(grad(log1pexp))(0.0)
    (0.5, 1.0, 0.25)

    As `jax.custom_vjp`; `defvjps` is named after its `custom_jvp.defjvps`.
    """

    def __init__(self, fun: Callable[A, R]) -> None:
        functools.update_wrapper(self, fun)
        self._fun = fun
        self._rule = Rule(getattr(fun, "__name__", "custom_vjp"), fun)
        self._takes_trees = False
        self._most = fun.__code__.co_argcount if getattr(fun, "__defaults__", None) else 0

    def defvjp(self, fwd: Callable[..., tuple[R, Res]], bwd: Callable[[Res, Any], tuple[Any, ...]]) -> None:
        """Give the derivative as a forward and a backward function that share residuals."""
        self._rule = _paired(self._rule.name, self._fun, fwd, bwd)
        self._takes_trees = True

    def defvjps(self, *vjps: Callable[..., Any] | None) -> None:
        """Give the derivative as one pullback an argument, called as `(g, y, *args)`."""
        self._rule = _Checked(self._rule.name, self._fun, vjps)
        self._takes_trees = False

    def __call__(self, *args: A.args, **kwargs: A.kwargs) -> R:  # noqa: D102  # the function's own
        if self._takes_trees:
            return _call_paired(self._rule, self._fun, _resolved(self._fun, args, kwargs))
        if len(args) < self._most and not kwargs:
            args = cast(Any, _resolved(self._fun, args, kwargs))
        if not tree.LEAF_TYPES.issuperset(map(type, args)):
            _refuse_traced_trees(self._rule.name, args)
        y: R = self._rule(*args, **kwargs)
        return y

    def __repr__(self) -> str:
        return f"<custom_vjp {self._rule.name}>"


def _resolved(fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments by position, defaults among them, as fwd takes them."""
    if not kwargs and not getattr(fun, "__defaults__", None):
        return args
    bound = inspect.signature(fun).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(f"{fun.__name__}: a function with defvjp takes no keyword-only arguments, got "
                        f"{list(bound.kwargs)}")
    return bound.args


_ARRAYS = (np.ndarray, Tracer)
_CONTAINERS = (dict, list, tuple, tree.FrozenDict, type(None))


class _Checked(Rule):
    """A rule whose pullbacks are somebody's own: what they give must have the shape of the argument."""

    __slots__ = ()

    def pull(self, node: Node, g: Any) -> Iterable[tuple[int, Any]]:
        """What the cotangent g of a node's result gives to its parents."""
        _, parents, y, saved, kwargs = node
        pulled = [(parent, self.vjps[position](g, y, *saved, **kwargs)) for position, parent in parents]
        for (position, _), (_, cotangent) in zip(parents, pulled, strict=True):
            if cotangent is None or getattr(cotangent, "shape", ()) != getattr(saved[position], "shape", ()):
                raise _wrong_shape(self.name, position, saved[position], cotangent)
        return pulled


def _refuse_traced_trees(name: str, args: tuple[Any, ...]) -> None:
    if any(isinstance(arg, _CONTAINERS) and Tracer in map(type, tree.leaves(arg)) for arg in args):
        raise TracerError(f"{name}: a traced value came inside a tree, where pullbacks given by defvjps do not see it; "
                          "give the derivative by defvjp, or pass arrays")


def _call_paired(rule: Rule, fun: Callable[..., R], args: tuple[Any, ...]) -> R:
    """Give the rule the leaves of the arguments, and the result its structure back."""
    leaves, form = (list(args), None) if tree.LEAF_TYPES.issuperset(map(type, args)) else tree.flatten(args)
    if Tracer not in map(type, leaves):
        return fun(*args)
    unpack: list[Callable[[Any], R]] = []
    y: R = rule(*leaves, form=form, unpack=unpack)
    return unpack[0](y) if unpack else y


def _paired(name: str, fun: Callable[..., Any], fwd: Callable[..., Any], bwd: Callable[..., Any]) -> Rule:
    """The rule that runs fwd and bwd on trees, a tape knowing only leaves that come in and one array that goes out."""
    def forward(*leaves: Any, form: tree.Structure | None, unpack: list[Any]) -> tuple[Any, Any]:
        args = leaves if form is None else form.build(leaves)
        y, residuals = fwd(*args)
        packed, unpack_y = _packed(y)
        unpack[:] = [] if unpack_y is None else [unpack_y]
        return packed, (residuals, args, unpack_y)

    def backward(saved: tuple[Any, Any, Any], g: Any) -> list[Any]:
        residuals, args, unpack_y = saved
        cotangents = bwd(residuals, g if unpack_y is None else unpack_y(g))
        _check_count(name, cotangents, len(args))
        found: list[Any] = []
        for i, (arg, cotangent) in enumerate(zip(args, cotangents, strict=True)):
            if type(arg) in _ARRAYS and (cotangent is None or getattr(cotangent, "shape", None) == arg.shape):
                found.append(cotangent)
            else:
                found += _checked(name, i, arg, cotangent)
        return found

    return Rule(name, fun, fwd=forward, bwd=backward)


def _packed(y: Any) -> tuple[Any, Callable[[Any], Any] | None]:
    """A tree of several arrays as one vector, and the way back; an array as it is."""
    return (y, None) if type(y) in _ARRAYS or not isinstance(y, _CONTAINERS) else tree.ravel(y)


def _check_count(name: str, cotangents: Any, count: int) -> None:
    if not isinstance(cotangents, tuple) or len(cotangents) != count:
        came = f"{len(cotangents)} of them" if isinstance(cotangents, tuple) else f"a {type(cotangents).__name__}"
        raise TypeError(f"{name}: its bwd must return a tuple of {count} cotangents, one an argument (None for none), "
                        f"it returned {came}")


def _checked(name: str, position: int, arg: Any, cotangent: Any) -> list[Any]:
    """The leaves of the cotangent of one argument, which must be like it."""
    leaves, form = tree.flatten(arg)
    if cotangent is None:
        return [None] * len(leaves)
    found, its_form = tree.flatten(cotangent)
    if len(found) != len(leaves):
        raise TypeError(f"{name}: its bwd returned a cotangent {its_form} for argument {position}, which is {form}")
    for leaf, g in zip(leaves, found, strict=True):
        if getattr(g, "shape", ()) != getattr(leaf, "shape", ()):
            raise _wrong_shape(name, position, leaf, g)
    return found


def _wrong_shape(name: str, position: int, arg: Any, cotangent: Any) -> ValueError:
    if cotangent is None:
        return ValueError(f"{name}: its derivative returned None for argument {position}; is a return missing?")
    came, expected = getattr(cotangent, "shape", ()), getattr(arg, "shape", ())
    return ValueError(f"{name}: its derivative returned a cotangent of shape {came} for argument {position}, which has "
                      f"shape {expected}")


# ------------------------------------------------------------------------------------------ remat


def remat(f: Callable[A, R]) -> Callable[A, R]:
    """The same function, whose intermediate values are not kept for the way back but computed again.

    It trades time for memory: a tape keeps the arguments of such a call and nothing of its inside. Arguments
    and results may be trees; what is differentiated must be an argument.

    >>> import numpy as np
    >>> from funcnn import grad
    >>> grad(remat(lambda x: np.sin(np.sin(x))))(0.0)
    1.0

    As `jax.remat`, also called `jax.checkpoint`.
    """
    def computed_again(*args: A.args, **kwargs: A.kwargs) -> R:
        call: Callable[..., R] = functools.partial(f, **kwargs)
        return _call_paired(_recomputed(call), call, args)

    return named_after(f, computed_again)


def _recomputed(f: Callable[..., Any]) -> Rule:
    """The rule of f that keeps its arguments alone."""
    def backward(args: tuple[Any, ...], g: Any) -> tuple[Any, ...]:
        leaves, form = tree.flatten(args)
        places = [i for i, leaf in enumerate(leaves) if _is_float(concrete(leaf))]

        def of_floats(*floats: Any) -> Any:
            replaced = dict(zip(places, floats, strict=True))
            return f(*form.build(tuple(replaced.get(i, leaf) for i, leaf in enumerate(leaves))))

        cotangents = dict(zip(places, vjp(of_floats, *(leaves[i] for i in places))[1](g), strict=True))
        filled = tuple(cotangents.get(i, leaf) for i, leaf in enumerate(leaves))  # others are never asked for
        result: tuple[Any, ...] = form.build(filled)
        return result

    return _paired("remat", f, lambda *args: (f(*args), args), backward)


def _is_float(leaf: Any) -> bool:
    return type(leaf) is float or getattr(getattr(leaf, "dtype", None), "kind", "") == "f"
