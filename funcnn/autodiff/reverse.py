"""With this module you can differentiate plain NumPy code: `grad`, `value_and_grad`, `vjp`.

The names mean what they mean in JAX. A derivative is computed by running the function once on tracers
(`funcnn.tracers`), which write each operation on a tape, and walking that tape backwards (`funcnn.rules` holds
the derivative of each NumPy function).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar, TypeVarTuple, cast, overload

import numpy as np

from funcnn import tree
from funcnn.autodiff.scatter import Scatter, add
from funcnn.core.tracer import Node, Tape, Tracer, TracerError, concrete, kept, value_of
from funcnn.typing import Scalar

__all__ = ["described", "grad", "named_after", "split_arguments", "value_and_grad", "vjp"]

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

    x, the argument at `argnums`, may be any tree of floating-point arrays; the gradient is a tree of the same
    type, each leaf with the shape and dtype of its own. Several argnums give a tuple of gradients. With
    `has_aux`, f returns `(value, aux)` and so does the first result. f must return one real number.

    >>> value_and_grad(lambda p, x: np.sum((p["a"] * x) ** 2))({"a": np.float64(3.0)}, np.array([1.0, 2.0]))
    (np.float64(45.0), {'a': np.float64(30.0)})

    Arrays that f reads must stay as they are until the gradient is there. Those that can be written into are copied
    when they meet a traced value, if they are no larger than 16 KB; larger ones are not.

    As `jax.value_and_grad`.
    """
    if not callable(f):
        raise TypeError(f"grad: what is differentiated must be a function, got {described(f)}; write grad(f)(x), "
                        "not grad(f(x))")

    def value_and_grad_of_f(*args: Any, **kwargs: Any) -> Any:
        primals, call = split_arguments("grad", f, argnums, args, kwargs)
        run = _Run("grad", call, primals, has_aux)
        value = run.y
        _check_scalar(value)
        gradient = run.pull(run.nodes, [(run.places[0], _one_like(value))])
        return ((value, run.aux) if has_aux else value), gradient

    return named_after(f, value_and_grad_of_f)


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

    Arguments, types and errors are those of `value_and_grad`; with `has_aux` it returns `(gradient, aux)`.
    It nests: `grad(grad(f))` is the second derivative of a function of one number.

    >>> grad(np.tanh)(0.0), grad(grad(lambda x: x ** 3))(2.0)
    (1.0, 12.0)

    As `jax.grad`.
    """
    both: Callable[..., Any] = cast(Any, value_and_grad)(f, argnums, has_aux)

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

    Primals and y may be trees of floating-point arrays; g must be like y. The pullback may be called again. As in
    `grad`, arrays of up to 16 KB that can be written into are copied; larger ones must stay as they are meanwhile.

    >>> y, pullback = vjp(lambda x, w: x @ w, np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    >>> y, pullback(np.array([[1.0]]))
    (array([[11.]]), (array([[3., 4.]]), array([[1.],
           [2.]])))

    As `jax.vjp`.
    """
    run = _Run("vjp", lambda chosen: f(*chosen), tree.map(_kept, primals), has_aux)

    def pullback(g: Any) -> tuple[Any, ...]:
        try:
            seeds = tree.map_with_path(_cotangent, run.y, g)
        except ValueError as error:
            what = str(error).replace("tree.map: tree 1", "vjp: the cotangent").replace("the first", "the result")
            raise ValueError(what) from None
        pulled: tuple[Any, ...] = run.pull(list(run.nodes), list(zip(run.places, tree.leaves(seeds), strict=True)))
        return pulled

    return (run.y, pullback, run.aux) if has_aux else (run.y, pullback)


class _Run:
    """One run of a function of a tree on tracers: its value y and aux, without its tracers, and the way back."""

    __slots__ = ("aux", "form", "nodes", "places", "primals", "y")

    def __init__(self, name: str, f: Callable[[Any], Any], primals: Any, has_aux: bool) -> None:
        tape = Tape()
        leaves, self.form = tree.flatten(primals)
        self.primals = _differentiable(name, primals, leaves)
        try:
            out = f(self.form.build(tape.begin(self.primals)))
        finally:
            self.nodes = tape.end()
        y, aux = _value_and_aux(out) if has_aux else (out, None)
        self.places = [_place_on(tape, leaf) for leaf in ([y] if type(y) is Tracer else tree.leaves(y))]
        self.y = _without_tracers(tape, y)
        self.aux = None if aux is None else _without_tracers(tape, aux)

    def pull(self, nodes: list[Node], seeds: list[tuple[int, Any]]) -> Any:
        """The cotangents of the primals, given those of nodes; the list of nodes is emptied on the way."""
        found = _walk_back(nodes, len(self.primals), seeds)
        return self.form.build(tuple(map(_like, found, self.primals)))


def _without_tracers(tape: Tape, result: Any) -> Any:
    """The result of a run as the world outside may see it."""
    if result is None or type(result) is Tracer:
        return _checked(value_of(result, tape))
    return tree.map(lambda leaf: _checked(value_of(leaf, tape)), result)


def _checked(value: Any) -> Any:
    if type(value) is Tracer and value.tape.nodes is None:
        raise TracerError("a traced value is returned after the grad or vjp that made it has ended; return what you "
                          "need (has_aux=True) instead of keeping it in a variable")
    return value


def _walk_back(nodes: list[Node], inputs: int, seeds: list[tuple[int, Any]]) -> list[Any]:
    """The cotangents of the inputs, given some of the results'; None where nothing arrived.

    Nodes are taken off the list, so that what they keep is free again once it has been used.
    """
    cotangents: list[Any] = [None] * (inputs + len(nodes))
    for place, g in seeds:
        if place != _CONSTANT:
            cotangents[place] = g if cotangents[place] is None else add(cotangents[place], g)
    while nodes:
        node, g = nodes.pop(), cotangents.pop()
        if g is None:
            continue
        if type(g) is Scatter:
            g = g.settle()
        for parent, cotangent in node[0].pull(node, g):
            before = cotangents[parent]
            cotangents[parent] = cotangent if before is None else add(before, cotangent)
    return [g.settle() if type(g) is Scatter else g for g in cotangents]


def _numbers(argnums: Any) -> list[int]:
    numbers = list(argnums) if isinstance(argnums, tuple | list) else [argnums]
    if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in numbers):
        raise TypeError(f"grad: argnums must be an int or a sequence of them, got {argnums!r}")
    return numbers


def split_arguments(name: str, f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...],
                    kwargs: dict[str, Any]) -> tuple[Any, Callable[[Any], Any]]:
    """The argument at `argnums`, or the tuple of them, and f as a function of that alone."""
    if argnums == 0 and args:
        return args[0], lambda first: f(first, *args[1:], **kwargs)
    argnums = int(argnums) if isinstance(argnums, np.integer) else argnums
    numbers = _numbers(argnums)
    if not all(-len(args) <= n < len(args) for n in numbers):
        raise ValueError(f"{name}: argnums={argnums}, but the function was called with {len(args)} positional "
                         "arguments; pass what is differentiated by position")
    places = [n % len(args) for n in numbers]
    if len(set(places)) < len(places):
        raise ValueError(f"{name}: argnums={argnums} names an argument twice")
    for place in places:
        _check_floats(name, place, args[place])

    def call(chosen: Any) -> Any:
        replaced = dict(zip(places, [chosen] if isinstance(argnums, int) else chosen, strict=True))
        return f(*[replaced.get(i, arg) for i, arg in enumerate(args)], **kwargs)

    return (args[places[0]] if isinstance(argnums, int) else tuple(args[place] for place in places)), call


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
    if type(leaf) in (float, Tracer) or isinstance(leaf, np.floating):
        return
    if type(leaf) in (np.ndarray, np.memmap) and leaf.dtype.kind == "f":
        return
    where = f"argument {place}" + (f" at {tree.keystr(path)!r}" if path else "")
    raise TypeError(f"{name}: {where} is {described(leaf)}; derivatives are with respect to real floating-point "
                    "arrays. Convert numbers first (x.astype(np.float64), 3.0 instead of 3), or choose other argnums")


def _value_and_aux(out: Any) -> tuple[Any, Any]:
    if isinstance(out, tuple) and len(out) == 2:
        return out
    raise TypeError(f"has_aux=True: the function must return (value, aux), it returned a {type(out).__name__}")


def _check_scalar(value: Any) -> None:
    """One real number, as a gradient needs it."""
    if isinstance(value, np.floating):
        return
    kind = np.result_type(concrete(value)).kind if isinstance(value, Tracer | np.ndarray | np.generic) else ""
    if kind == "f" and value.shape == ():
        return
    if type(value) is float:
        return
    raise TypeError(f"grad: the function must return one real number, it returned {described(value)}. "
                    + _advice(value))


def described(value: Any) -> str:
    """What a value is, for errors: its type, or its shape and dtype."""
    shape = getattr(value, "shape", None)
    if shape is None:
        name = type(value).__name__
        return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
    kind = "array" if type(value) in (np.ndarray, Tracer) or isinstance(value, np.generic) else type(value).__name__
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
    return 1.0 if type(value) is float else value.dtype.type(1)


_CONSTANT = -1
"""The place of an output that does not depend on the inputs."""


def _place_on(tape: Tape, leaf: Any) -> int:
    """The number of the leaf's node."""
    return leaf.node if type(leaf) is Tracer and leaf.tape is tape else _CONSTANT


def _cotangent(path: tree.Path, y: Any, g: Any) -> Any:
    """The cotangent of one leaf of the result, a Python number as one of NumPy."""
    expected, came = getattr(y, "shape", ()), getattr(g, "shape", ())
    if expected != came:
        where = f" at {tree.keystr(path)!r}" if path else ""
        raise ValueError(f"vjp: the cotangent{where} has shape {came}, the result has shape {expected}")
    return np.result_type(concrete(y)).type(g) if isinstance(g, int | float) else _kept(g)


def _kept(leaf: Any) -> Any:
    return kept(leaf) if type(leaf) is np.ndarray else leaf


def _like(cotangent: Any, primal: Any) -> Any:
    """The cotangent with the dtype and kind of its primal, read-only; zeros where nothing arrived."""
    if type(cotangent) is Tracer:
        dtype = getattr(primal, "dtype", cotangent.dtype)
        return cotangent if cotangent.dtype == dtype else cotangent.astype(dtype)
    if type(primal) is float:
        return 0.0 if cotangent is None else float(cotangent)
    if isinstance(primal, np.generic):
        return primal.dtype.type(0 if cotangent is None else cotangent)
    array = np.zeros(primal.shape, primal.dtype) if cotangent is None else np.asarray(cotangent, primal.dtype)
    if array.shape != primal.shape:
        raise ValueError(f"a pullback returned a cotangent of shape {array.shape} for an input of shape {primal.shape}")
    view = array.view()  # the memory may be the caller's own (the cotangent, a constant), whose flag is theirs
    view.setflags(write=False)
    return view


def named_after(f: Callable[..., Any], wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper with the name and docstring of f: `functools.wraps` at a third of its cost, for it runs each step."""
    wrapper.__name__ = wrapper.__qualname__ = getattr(f, "__name__", type(f).__name__)
    wrapper.__doc__ = f.__doc__
    wrapper.__wrapped__ = f  # type: ignore[attr-defined]  # as functools.wraps does, for inspect.signature
    return wrapper
