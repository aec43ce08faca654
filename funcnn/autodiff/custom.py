"""How do you decide how a function is differentiated? `custom_vjp`, `remat`, `stop_gradient`.

The library's own fused operations (the map of a dense layer, the cross-entropy) are defined with `custom_vjp` as well;
there is no other, privileged way.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np

from funcnn import tree
from funcnn._arguments import unlike_array
from funcnn.autodiff.reverse import described, named_after, vjp
from funcnn.core import Formula, Rule, TracerError, innermost
from funcnn.core.elsewhere import lifting
from funcnn.core.rule import wrong_cotangent
from funcnn.tree.structure import REGISTERED, parts

__all__ = ["STOP", "custom_vjp", "remat", "stop_gradient"]

A = ParamSpec("A")
P = TypeVar("P")
R = TypeVar("R")
Res = TypeVar("Res")

_CONTAINERS = (dict, list, tuple, tree.FrozenDict, type(None))


def _is_container(x: Any) -> bool:
    return isinstance(x, _CONTAINERS) or type(x) in REGISTERED


def stop_gradient(x: P) -> P:
    """The same values, an array or a tree `x` of them, as constants: their derivative is taken to be 0.

    >>> from funcnn import grad
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    3.0

    As `jax.lax.stop_gradient`.
    """
    return tree.map(_stopped, x)


def _stopped(x: Any) -> Any:
    lift = lifting((x,))
    return STOP(x) if lift is None else lift(STOP)(x)


STOP = Rule(lambda x: x, name="stop_gradient")


# ------------------------------------------------------------------------------------------ custom_vjp


class custom_vjp(Rule, Generic[A, R]):  # the name is JAX's
    """A function with a derivative of your own: the way to define a fused or stabilised operation.

    Decorate the function, `fun`, then give its derivative in one of two forms:

    - `f.defvjp(fwd, bwd)`, as in JAX: `fwd(*args)` returns `(f(*args), residuals)`, `bwd(residuals, g)` a tuple
      with the cotangent of each argument, or None where it has none. Arguments and results may be trees.
    - `f.defvjps(*vjps)`, one pullback an argument, as in the table of `funcnn.rules`: each is called as
      `(g, y, *args)` and only where its argument is differentiated; None where it has none. Arguments that are
      differentiated, and the result, are arrays. A parameter whose name begins with an underscore comes as an
      outline, shape and dtype, so that its numbers need not be kept in memory.

    The derivative is NumPy code too, so it can be differentiated in turn. It may work in place (`y += b`) on
    arrays that it made itself in that call. `formula`, the value and the cotangent of each argument as texts, is what
    `funcnn.tracing` shows.

    >>> import numpy as np
    >>> from funcnn import grad
    >>> @custom_vjp
    ... def log1pexp(x):
    ...     return np.logaddexp(x, 0)
    >>> log1pexp.defvjps(lambda g, y, x: g * np.exp(x - y), formula=("y = log(1 + exp(x))", "dx = g * exp(x - y)"))
    >>> grad(log1pexp)(0.0), grad(log1pexp)(1000.0), grad(grad(log1pexp))(0.0)
    (0.5, 1.0, 0.25)

    As `jax.custom_vjp`; `defvjps` is named after its `custom_jvp.defvjps`.
    """

    def __init__(self, fun: Callable[A, R]) -> None:
        super().__init__(fun, is_code=True)
        self.is_constant = False  # without a derivative of its own it has none to give
        functools.update_wrapper(self, fun)
        self.name = getattr(fun, "__name__", "custom_vjp")
        self._has_defaults = bool(getattr(fun, "__defaults__", None))

    def defvjp(self, fwd: Callable[..., tuple[R, Res]], bwd: Callable[[Res, Any], tuple[Any, ...]], *,
               formula: Sequence[str] = ()) -> None:
        """Give the derivative as a forward and a backward function that share residuals.

        - `fwd`: `fwd(*args)` returns what the function returns, and the residuals, any tree.
        - `bwd`: `bwd(residuals, g)` returns a tuple with the cotangent of each argument, like it, or None where it has
          none; another number of them is a TypeError.
        - `formula`: the texts that `funcnn.tracing` shows, of the value and of each cotangent.
        """
        self.fwd, self.bwd, self.vjps = fwd, bwd, ()
        self.lines = tuple(formula)

    def defvjps(self, *vjps: Callable[..., Any] | None, formula: Sequence[str] = ()) -> None:
        """Give the derivative as one pullback an argument, called as `(g, y, *args)`.

        `vjps` are these functions, in the order of the arguments, None where there is none; what one returns has the
        shape of its argument. `formula` as in `defvjp`.
        """
        self.fwd, self.bwd, self.vjps = None, None, vjps
        self.lines = tuple(formula)

    def __call__(self, *args: A.args, **kwargs: A.kwargs) -> R:  # noqa: D102  # the function's own
        found: tuple[Any, ...] = args
        plain = tree.are_leaves(args) and tree.are_leaves(kwargs.values())
        if not plain:
            leaves = tree.leaves((args, kwargs))
            if (lift := lifting(leaves)) is not None:
                lifted: R = lift(self)(*args, **kwargs)
                return lifted
            _refuse_foreign(self.name, leaves)
        if kwargs or self._has_defaults:
            found, kwargs = _resolved(self.fun, args, kwargs, self.name if self.fwd else "")  # type: ignore[assignment]
        y: R
        if self.fwd is not None:
            y = _on_leaves(self, found)
            return y
        if not plain:
            _refuse_traced_trees(self.name, found)
        y = Rule.__call__(self, *found, **kwargs)
        return y

    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R]:
        """What it is in a class: a method, as functions are; `inspect` and all that document functions go by this."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<custom_vjp {self.name}>"

    def __reduce__(self) -> str | tuple[Any, ...]:
        return self.fun.__qualname__  # found by its name in its module, as functions are


def _refuse_foreign(name: str, leaves: list[Any]) -> None:
    """Refuse arrays that NumPy's functions would convert, and so lose their derivative or their device."""
    for leaf in leaves:
        if hasattr(leaf, "dtype") and not hasattr(leaf, "__array_ufunc__") and (came := unlike_array(leaf)):
            raise TypeError(f"{name}: takes arrays of NumPy, got {came}")


def _resolved(fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], owner: str,
              ) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """All arguments by position, defaults among them; `owner` is who takes no others."""
    bound = inspect.signature(fun).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs and owner:
        raise TypeError(f"{owner}: a function with defvjp takes no keyword-only arguments, got {list(bound.kwargs)}")
    return bound.args, bound.kwargs


def _refuse_traced_trees(name: str, args: tuple[Any, ...]) -> None:
    if any(_is_container(arg) and innermost(tree.leaves(arg)) is not None for arg in args):
        raise TracerError(f"{name}: a traced value came inside a tree, where pullbacks given by defvjps do not see it; "
                          "give the derivative by defvjp, or pass arrays")


# ------------------------------------------------------------------------------------------ trees


def _on_leaves(rule: Rule, args: tuple[Any, ...]) -> Any:
    """Call a rule whose `fwd` and `bwd` speak of trees."""
    leaves, form = (args, None) if tree.are_leaves(args) else tree.flatten(args)
    if innermost(leaves) is None:
        return rule.fun(*args)
    call = _OnLeaves(rule, form)
    y = call(*leaves)
    return call.unpack(y)  # which knows the structure of y only now


class _OnLeaves(Rule):
    """One call of a rule of trees, for interpreters, who know only leaves that come in and one array that goes out."""

    vjps, each, batch, number, is_constant, is_code = (), None, None, np.float64, False, True

    def __init__(self, rule: Rule, form: tree.Structure | None) -> None:
        self.rule, self.form, self.name = rule, form, rule.name
        self.unpack: Callable[[Any], Any] = _itself

    @property
    def formula(self) -> Formula:
        """That of the rule."""
        return self.rule.formula

    def _arguments(self, leaves: tuple[Any, ...]) -> tuple[Any, ...]:
        found: tuple[Any, ...] = leaves if self.form is None else self.form.build(leaves)
        return found

    def fun(self, *leaves: Any) -> Any:
        """The result."""
        return self._packed(self.rule.fun(*self._arguments(leaves)))

    def _packed(self, y: Any) -> Any:
        """A tree of several arrays as one vector; an array as it is."""
        if type(y) not in tree.LEAF_TYPES and _is_container(y):
            y, self.unpack = tree.ravel(y)
        return y

    def fwd(self, *leaves: Any) -> tuple[Any, Any]:
        """The result, and what the way back needs: the residuals, and the arguments."""
        args = self._arguments(leaves)
        assert self.rule.fwd is not None, "a rule of trees has both"
        y, residuals = _pair(self.rule.name, self.rule.fwd(*args))
        return self._packed(y), (residuals, args)

    def bwd(self, saved: tuple[Any, Any], g: Any) -> list[Any]:
        """The cotangents of the leaves."""
        residuals, args = saved
        assert self.rule.bwd is not None, "a rule of trees has both"
        cotangents = self.rule.bwd(residuals, self.unpack(g))
        _check_count(self.rule.name, cotangents, len(args))
        return [leaf for i, (arg, cotangent) in enumerate(zip(args, cotangents, strict=True))
                for leaf in _checked(self.rule.name, i, arg, cotangent)]


def _itself(y: Any) -> Any:
    return y


def _pair(name: str, returned: Any) -> tuple[Any, Any]:
    if isinstance(returned, tuple) and len(returned) == 2:
        return returned
    came = f"a tuple of {len(returned)}" if isinstance(returned, tuple) else described(returned)
    raise TypeError(f"{name}: its fwd must return (y, residuals), what the function returns and what bwd needs (None "
                    f"if nothing), it returned {came}")


def _check_count(name: str, cotangents: Any, count: int) -> None:
    if not isinstance(cotangents, tuple) or len(cotangents) != count:
        came = f"{len(cotangents)} of them" if isinstance(cotangents, tuple) else f"a {type(cotangents).__name__}"
        raise TypeError(f"{name}: its bwd must return a tuple of {count} cotangents, one an argument (None for none), "
                        f"it returned {came}")


def _checked(name: str, position: int, arg: Any, cotangent: Any) -> tuple[Any, ...]:
    """The leaves of the cotangent of one argument, which must be like it."""
    leaves, form = parts(arg)
    if cotangent is None:
        return (None,) * len(leaves)
    found, its_form = parts(cotangent)
    if len(found) != len(leaves):
        raise TypeError(f"{name}: its bwd returned a cotangent {its_form} for argument {position}, which is {form}")
    for leaf, g in zip(leaves, found, strict=True):
        if getattr(g, "shape", ()) != getattr(leaf, "shape", ()):
            raise wrong_cotangent(name, position, g, leaf)
    return found


# ------------------------------------------------------------------------------------------ remat


def remat(f: Callable[A, R]) -> Callable[A, R]:
    """The same function, whose intermediate values are not kept for the way back but computed again.

    It trades time for memory: a tape keeps the arguments of such a call and nothing of its inside; `f` runs once more
    on the way back. Arguments and results may be trees; what is differentiated must be an argument, by position;
    another traced value in it is a `TracerError`.

    >>> import numpy as np
    >>> from funcnn import grad
    >>> grad(remat(lambda x: np.sin(np.sin(x))))(0.0)
    1.0

    As `jax.remat`, also called `jax.checkpoint`.
    """
    def computed_again(*args: A.args, **kwargs: A.kwargs) -> R:
        call: Callable[..., R] = functools.partial(f, **kwargs)
        y: R = _on_leaves(_recomputed(call), args)
        return y

    return named_after(f, computed_again)


def _recomputed(f: Callable[..., Any]) -> Rule:
    """The rule of f that keeps its arguments alone."""
    def backward(args: tuple[Any, ...], g: Any) -> tuple[Any, ...]:
        leaves, form = tree.flatten(args)
        reals = {i: np.real(leaf) if _is_complex(leaf) else leaf
                 for i, leaf in enumerate(leaves) if _is_float(leaf) or _is_complex(leaf)}
        imaginary = {i: np.imag(leaf) for i, leaf in enumerate(leaves) if _is_complex(leaf)}

        def of_floats(reals: dict[int, Any], imaginary: dict[int, Any]) -> Any:
            replaced = reals | {i: reals[i] + 1j * y for i, y in imaginary.items()}
            return f(*form.build(tuple(replaced.get(i, leaf) for i, leaf in enumerate(leaves))))

        cotangents, turned = vjp(of_floats, reals, imaginary)[1](g)
        cotangents = cotangents | {i: cotangents[i] - 1j * dy for i, dy in turned.items()}
        filled = tuple(cotangents.get(i, leaf) for i, leaf in enumerate(leaves))  # others are never asked for
        result: tuple[Any, ...] = form.build(filled)
        return result

    return Rule(f, name="remat", fwd=lambda *args: (f(*args), args), bwd=backward,
                formula=("y = f(...)", "computed again, from the arguments"))


def _is_float(leaf: Any) -> bool:
    return type(leaf) is float or getattr(getattr(leaf, "dtype", None), "kind", "") == "f"


def _is_complex(leaf: Any) -> bool:
    return getattr(getattr(leaf, "dtype", None), "kind", "") == "c"
