"""How is a function differentiated? `grad`, `value_and_grad`, `vjp`, with JAX's meaning.

The function runs once on tracers, whose operations are written on a tape (`funcnn.autodiff.tape`), and the tape is
walked backwards; the derivative of each NumPy function stands in `funcnn.rules`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar, TypeVarTuple, overload

import numpy as np

from funcnn import tree
from funcnn._arguments import at, plain_array
from funcnn._arrays import is_float, is_number, is_plain, kind_of
from funcnn.autodiff.tape import CONSTANT, Tape, walk_back
from funcnn.core import Node, Tracer, TracerError, call
from funcnn.core.elsewhere import is_elsewhere, to_be_lifted
from funcnn.core.tracer import in_our_words
from funcnn.tree.structure import check_alike
from funcnn.typing import Scalar

__all__ = ["described", "grad", "gradient_on", "named_after", "split_arguments", "value_and_grad", "vjp"]

A = ParamSpec("A")
P = TypeVar("P")
Q = TypeVar("Q")
S = TypeVar("S", bound=Scalar)
Aux = TypeVar("Aux")
R = TypeVar("R")
X = TypeVarTuple("X")

_Later: TypeAlias = Literal[2, 3, 4, 5, -1, -2]
_OtherArgnums: TypeAlias = (_Later | tuple[int] | tuple[Literal[0], _Later] | tuple[Literal[1], int]
                            | tuple[int, int, int] | tuple[int, int, int, int] | list[int])
"""What no other overload takes: were there two for one call, mypy would type a lambda's gradient as untyped."""


# --------------------------------------------------------------------------------------------- grad


@overload
def value_and_grad(f: Callable[Concatenate[P, A], S], argnums: Literal[0] = 0, has_aux: Literal[False] = False,
                   ) -> Callable[Concatenate[P, A], tuple[S, P]]: ...
@overload
def value_and_grad(f: Callable[Concatenate[P, A], tuple[S, Aux]], argnums: Literal[0] = 0, *,
                   has_aux: Literal[True]) -> Callable[Concatenate[P, A], tuple[tuple[S, Aux], P]]: ...
@overload
def value_and_grad(f: Callable[Concatenate[Q, P, A], S], argnums: Literal[1], has_aux: Literal[False] = False,
                   ) -> Callable[Concatenate[Q, P, A], tuple[S, P]]: ...
@overload
def value_and_grad(f: Callable[Concatenate[P, Q, A], S], argnums: tuple[Literal[0], Literal[1]],
                   has_aux: Literal[False] = False) -> Callable[Concatenate[P, Q, A], tuple[S, tuple[P, Q]]]: ...
@overload
def value_and_grad(f: Callable[A, S], argnums: _OtherArgnums, has_aux: bool = False,
                   ) -> Callable[A, tuple[S, Any]]: ...
def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
                   ) -> Callable[..., Any]:
    """A function that returns both `f(x, ...)` and its gradient with respect to x.

        value, gradient = f(x), df/dx

    - `f`: a function of NumPy code that returns one real number. Where it looks at a traced value (`float(x)`,
      `math.exp(x)`, `if x > 0` of an array), that is a `TracerError` which says what to write instead.
    - `argnums`: the position of x among the arguments; several, as `(0, 1)`, give a tuple of gradients. Keyword
      arguments are not differentiated.
    - `has_aux`: f returns `(value, aux)`, and so does the first result; aux is any tree.

    x may be any tree of floating-point arrays; the gradient is a tree of the same type, each leaf with the shape and
    dtype of its own, read-only, and 0 where f does not depend on it. Integers among its leaves are a TypeError.

    >>> value_and_grad(lambda p, x: np.sum((p["a"] * x) ** 2))({"a": np.float64(3.0)}, np.array([1.0, 2.0]))
    (np.float64(45.0), {'a': np.float64(30.0)})

    Arrays that f reads must stay as they are until the gradient is there. Those that can be written into, x too, are
    copied when they meet a traced value, if they are no larger than 16 KB; a larger one that has changed by then is an
    error that names it (some of its numbers are compared, not each).

    As `jax.value_and_grad`.
    """
    return _value_and_grad("value_and_grad", f, argnums, has_aux)


def _value_and_grad(name: str, f: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool,
                    ) -> Callable[..., Any]:
    """The same for the function `name`, which errors name."""
    if not callable(f):
        raise TypeError(f"{name}: what is differentiated must be a function, got {described(f)}; write {name}(f)(x), "
                        f"not {name}(f(x))")

    def value_and_grad_of_f(*args: Any, **kwargs: Any) -> Any:
        primals, call = split_arguments(name, f, argnums, args, kwargs)
        value, aux, gradient = gradient_on(Tape(), call, primals, has_aux, name)
        return ((value, aux) if has_aux else value), gradient

    return named_after(f, value_and_grad_of_f)


def gradient_on(tape: Tape, f: Callable[[P], Any], primals: P, has_aux: bool = False, name: str = "grad",
                ) -> tuple[Any, Any, P]:
    """The value of f, its aux, and the gradient, computed on a tape that has just begun."""
    run = _Run(tape, name, f, primals, has_aux)
    _check_scalar(name, run.y)
    gradient: P = run.pull(run.nodes, [(run.places[0], _one_like(run.y))])
    return run.y, run.aux, gradient


@overload
def grad(f: Callable[Concatenate[P, A], Scalar], argnums: Literal[0] = 0, has_aux: Literal[False] = False,
         ) -> Callable[Concatenate[P, A], P]: ...
@overload
def grad(f: Callable[Concatenate[P, A], tuple[Scalar, Aux]], argnums: Literal[0] = 0, *,
         has_aux: Literal[True]) -> Callable[Concatenate[P, A], tuple[P, Aux]]: ...
@overload
def grad(f: Callable[Concatenate[Q, P, A], Scalar], argnums: Literal[1], has_aux: Literal[False] = False,
         ) -> Callable[Concatenate[Q, P, A], P]: ...
@overload
def grad(f: Callable[Concatenate[P, Q, A], Scalar], argnums: tuple[Literal[0], Literal[1]],
         has_aux: Literal[False] = False) -> Callable[Concatenate[P, Q, A], tuple[P, Q]]: ...
@overload
def grad(f: Callable[A, Any], argnums: _OtherArgnums, has_aux: bool = False) -> Callable[A, Any]: ...
def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of `f`: a function of the same arguments that returns df/dx.

    `argnums`, types and errors are those of `value_and_grad`; with `has_aux`, f returns `(value, aux)` and this
    `(gradient, aux)`. It nests: `grad(grad(f))` is the second derivative of a function of one number.

    >>> grad(np.tanh)(0.0), grad(grad(lambda x: x ** 3))(2.0)
    (1.0, 12.0)

    As `jax.grad`.
    """
    both = _value_and_grad("grad", f, argnums, has_aux)

    def grad_of_f(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return named_after(f, grad_of_f)


@overload
def vjp(f: Callable[[*X], R], *primals: *X, has_aux: Literal[False] = False,
        ) -> tuple[R, Callable[[R], tuple[*X]]]: ...
@overload
def vjp(f: Callable[[*X], tuple[R, Aux]], *primals: *X, has_aux: Literal[True],
        ) -> tuple[R, Callable[[R], tuple[*X]], Aux]: ...
def vjp(f: Callable[[*X], Any], *primals: *X, has_aux: bool = False) -> Any:
    """`f(*primals)` and its pullback, the function g -> (g dy/dx for each primal x).

        y, pullback = vjp(f, x);    pullback(g)[i][...] = sum over y's entries of g * dy / dx_i[...]

    `primals` and y may be trees of floating-point arrays; g must be like y, else it is a ValueError. With `has_aux`, f
    returns `(y, aux)`, and vjp `(y, pullback, aux)`. The pullback may be called again. As in `grad`, arrays of up to
    16 KB that can be written into are copied; larger ones must stay as they are meanwhile.

    >>> y, pullback = vjp(lambda x, w: x @ w, np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    >>> y, pullback(np.array([[1.0]]))
    (array([[11.]]), (array([[3., 4.]]), array([[1.],
           [2.]])))

    As `jax.vjp`.
    """
    run = _Run(Tape(), "vjp", lambda chosen: f(*chosen), primals, has_aux)

    def pullback(g: Any) -> tuple[Any, ...]:
        try:
            check_alike(run.y, g)
            seeds = tree.map_with_path(_cotangent, run.y, g)
        except ValueError as error:
            what = str(error).replace("tree.map: tree 1", "vjp: the cotangent").replace("the first", "the result")
            raise ValueError(what) from None
        pulled: tuple[Any, ...] = run.pull(list(run.nodes), list(zip(run.places, tree.leaves(seeds), strict=True)))
        return pulled

    return (run.y, pullback, run.aux) if has_aux else (run.y, pullback)


class _Run:
    """One run of a function of a tree on tracers: its value y and aux, without its tracers, and the way back."""

    def __init__(self, tape: Tape, name: str, f: Callable[[Any], Any], primals: Any, has_aux: bool) -> None:
        self.tape = tape
        leaves, self.form = tree.flatten(primals)
        self.primals = _differentiable(name, primals, leaves)
        try:
            out = f(self.form.build(tape.begin(self.primals)))
        except ValueError as error:
            if (ours := in_our_words(error)) is None:
                raise
            raise ours from error
        finally:
            self.nodes = tape.end()
        y, aux = _value_and_aux(out) if has_aux else (out, None)
        self.places = [leaf.place if tape.owns(leaf) else CONSTANT for leaf in tree.leaves(y)]
        self.y, self.aux = _without_tracers(tape, y), _without_tracers(tape, aux)

    def pull(self, nodes: list[Node], seeds: list[tuple[int, Any]]) -> Any:
        """The cotangents of the primals, given those of nodes; the list of nodes is emptied on the way."""
        self.tape.check_lent()
        found = walk_back(nodes, len(self.primals), seeds)
        return self.form.build(tuple(map(_like, found, self.primals)))


def _without_tracers(tape: Tape, result: Any) -> Any:
    """The result of a run as the world outside may see it."""
    if isinstance(result, Tracer):
        return _checked(tape.lower(result))
    return None if result is None else tree.map(lambda leaf: _checked(tape.lower(leaf)), result)


def _checked(value: Any) -> Any:
    if isinstance(value, Tracer) and value.owner.has_ended:
        raise TracerError("a traced value is returned after the grad or vjp that made it has ended; return what you "
                          "need (has_aux=True) instead of keeping it in a variable")
    return value


def _numbers(name: str, argnums: Any) -> list[int]:
    numbers = list(argnums) if isinstance(argnums, tuple | list) else [argnums]
    if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in numbers):
        raise TypeError(f"{name}: argnums must be an int or a sequence of them, got {argnums!r}")
    return numbers


def split_arguments(name: str, f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...],
                    kwargs: dict[str, Any]) -> tuple[Any, Callable[[Any], Any]]:
    """The argument at `argnums`, or the tuple of them, and f as a function of that alone."""
    if argnums == 0 and args:
        return args[0], lambda first: f(first, *args[1:], **kwargs)
    numbers = _numbers(name, argnums)
    if not all(-len(args) <= n < len(args) for n in numbers):
        raise ValueError(f"{name}: argnums={argnums}, but the function was called with {len(args)} positional "
                         "arguments; pass what is differentiated by position")
    places = [n % len(args) for n in numbers]
    if len(set(places)) < len(places):
        raise ValueError(f"{name}: argnums={argnums} names an argument twice")
    for place in places:
        _check_floats(name, place, args[place])

    several = isinstance(argnums, tuple | list)

    def call(chosen: Any) -> Any:
        replaced = dict(zip(places, chosen if several else [chosen], strict=True))
        return f(*[replaced.get(i, arg) for i, arg in enumerate(args)], **kwargs)

    return (tuple(args[place] for place in places) if several else args[places[0]]), call


def _differentiable(name: str, primals: Any, leaves: list[Any]) -> list[Any]:
    """The leaves, if all are real floating-point numbers; else an error that names the first that is not."""
    for leaf in leaves:
        if type(leaf) is not np.ndarray or leaf.dtype.kind != "f":
            break
    else:
        return leaves
    for place, primal in enumerate(primals if name == "vjp" else [primals]):
        _check_floats(name, place, primal)
    return [np.asarray(leaf) if isinstance(leaf, np.memmap) else leaf for leaf in leaves]


def _check_floats(name: str, place: int, primal: Any) -> None:
    for path, leaf in tree.leaves_with_path(primal):
        _check_float(leaf, name, place, path)


def _check_float(leaf: Any, name: str, place: int, path: tree.Path) -> None:
    leaf = leaf.value if isinstance(leaf, Tracer) and leaf.is_recorded else leaf
    if type(leaf) is float or isinstance(leaf, np.floating):
        return
    if (type(leaf) in (np.ndarray, np.memmap) or isinstance(leaf, Tracer)) and is_float(leaf.dtype):
        return
    where = f"argument {place}{at(path)}"
    if hasattr(leaf, "shape"):
        plain_array(name, where, leaf)
    if is_elsewhere(leaf):
        raise to_be_lifted(name, where)
    of_numbers = isinstance(leaf, np.ndarray | np.generic | int | Tracer)
    fix = "x.astype(np.float64), 3.0 instead of 3" if of_numbers else "float(x)"
    raise TypeError(f"{name}: {where} is {described(leaf)}; derivatives are with respect to real floating-point "
                    f"arrays. Convert numbers first ({fix}), or choose other argnums")


def _value_and_aux(out: Any) -> tuple[Any, Any]:
    if isinstance(out, tuple) and len(out) == 2:
        return out
    raise TypeError(f"has_aux=True: the function must return (value, aux), it returned a {type(out).__name__}")


def _check_scalar(name: str, value: Any) -> None:
    """One real number, as a gradient needs it."""
    if isinstance(value, np.floating) or kind_of(value) is float:
        return
    if hasattr(value, "dtype") and value.shape == () and is_float(value.dtype):
        return
    raise TypeError(f"{name}: the function must return one real number, it returned {described(value)}. "
                    + _advice(value))


def described(value: Any) -> str:
    """What a value is, for errors: its type, or its shape and dtype."""
    shape = getattr(value, "shape", None)
    if shape is None:
        name = type(value).__name__
        return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
    kind = "array" if type(value) is np.ndarray or isinstance(value, Tracer | np.generic) else type(value).__name__
    return f"{'an' if kind == 'array' else 'a'} {kind} of shape {shape} and dtype {value.dtype}"


def _advice(value: Any) -> str:
    if isinstance(value, tuple):
        return "For (value, aux) pass has_aux=True"
    if value is None:
        return "Is a return statement missing?"
    if getattr(value, "shape", ()) != ():
        return "Reduce it, for example with np.mean or np.sum, or use vjp or jacobian"
    return "Integers, booleans and complex numbers have no gradient"


def _one_like(value: Any) -> Any:
    return 1.0 if is_number(value) else value.dtype.type(1)


def _cotangent(path: tree.Path, y: Any, g: Any) -> Any:
    """The cotangent of one leaf of the result, a Python number as one of NumPy."""
    if hasattr(g, "shape"):
        plain_array("vjp", f"the cotangent{at(path)}", g)
    expected, came = getattr(y, "shape", ()), getattr(g, "shape", ())
    if expected != came:
        raise ValueError(f"vjp: the cotangent{at(path)} has shape {came}, the result has shape {expected}")
    kind = y.dtype if hasattr(y, "dtype") else np.result_type(y)
    if np.iscomplexobj(g) and kind.kind != "c":
        raise TypeError(f"vjp: the cotangent{at(path)} is complex, the result is {kind}; take its real part")
    if isinstance(g, int | float):
        return kind.type(g)
    return g.copy() if is_plain(g) and g.flags.writeable else g  # what comes out may be a view of it


def _like(cotangent: Any, primal: Any) -> Any:
    """The cotangent with the dtype and kind of its primal, read-only; zeros where nothing arrived."""
    if isinstance(cotangent, Tracer) and not cotangent.is_recorded:
        dtype = getattr(primal, "dtype", cotangent.dtype)
        return cotangent if cotangent.dtype == dtype else cotangent.astype(dtype)
    if is_number(primal):
        return 0.0 if cotangent is None else call(float, cotangent)
    if issubclass(kind_of(primal), np.generic):
        return primal.dtype.type(0) if cotangent is None else call(primal.dtype.type, cotangent)
    array = np.zeros(primal.shape, primal.dtype) if cotangent is None else _as_array(cotangent, primal.dtype)
    if array.shape != primal.shape:
        raise ValueError(f"a pullback returned a cotangent of shape {array.shape} for an input of shape {primal.shape}")
    view = array.view()  # the memory may be the caller's own (the cotangent, a constant), whose flag is theirs
    view.setflags(write=False)
    return view


def _as_array(cotangent: Any, dtype: Any) -> Any:
    is_one = is_plain(cotangent) and cotangent.dtype == dtype
    return cotangent if is_one else call(np.asarray, cotangent, dtype)


def named_after(f: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper with the name and docstring of f: `functools.wraps` at a third of its cost, for it runs each step."""
    wrapper.__name__ = wrapper.__qualname__ = getattr(f, "__name__", type(f).__name__)
    wrapper.__doc__ = f.__doc__
    wrapper.__wrapped__ = f  # type: ignore[attr-defined]  # as functools.wraps does, for inspect.signature
    return wrapper
