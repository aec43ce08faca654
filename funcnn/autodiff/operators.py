"""What are the other derivatives? `jvp`, `jacobian`, `hessian`, `hvp`: each a theorem about `vjp`.

The pullback of f at x is a linear function of the cotangent; its own pullback is the transpose, which pushes tangents
forward. So forward mode needs no second table of derivatives, and a Jacobian is one run of f and a `vmap` over a basis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, overload

import numpy as np

from funcnn import tree
from funcnn._arguments import at, plain_array
from funcnn.autodiff.reverse import described, grad, named_after, split_arguments, vjp
from funcnn.batching import vmap
from funcnn.core import TracerError
from funcnn.tree.structure import check_alike
from funcnn.typing import Array, Scalar

__all__ = ["elementwise_grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "linearize"]

A = ParamSpec("A")
P = TypeVar("P")
R = TypeVar("R")
X = TypeVarTuple("X")


def linearize(f: Callable[[*X], R], *primals: *X) -> tuple[R, Callable[[*X], R]]:
    """`f(*primals)` and its pushforward, the linear function from tangents of x to the tangent of y.

        y, pushforward = linearize(f, x);    pushforward(t)[...] = sum over x's entries of dy[...] / dx_i * t_i

    >>> y, pushforward = linearize(lambda x: x ** 2, np.array([1.0, 2.0]))
    >>> y, pushforward(np.array([1.0, 0.0]))
    (array([1., 4.]), array([2., 0.]))

    As `jax.linearize`. It is the pullback of the pullback: f runs once, whatever the number of tangents, which are
    trees like the `primals`.
    """
    y, pullback = vjp(f, *primals)
    _check_real("jvp", y)
    _, transposed = vjp(pullback, tree.map(_zero, y))

    def pushforward(*tangents: *X) -> R:
        t: R
        _check_tangents(primals, tangents)
        (t,) = transposed(tangents)
        return t

    return y, pushforward


def _check_real(name: str, y: Any) -> None:
    """The results are real numbers; of complex ones the real and the imaginary part have derivatives of their own."""
    for path, leaf in tree.leaves_with_path(y):
        if type(leaf) is not float and not (hasattr(leaf, "dtype") and leaf.dtype.kind == "f"):
            where = f" at {tree.keystr(path)!r}" if path else ""
            raise TypeError(f"{name}: the function must return real floating-point numbers, it returned "
                            f"{described(leaf)}{where}. Of complex ones take np.real and np.imag")


def _check_tangents(primals: Any, tangents: Any) -> None:
    try:
        check_alike(primals, tangents)
        tree.map_with_path(_check_tangent, primals, tangents)
    except ValueError as error:
        what = str(error).replace("tree.map: tree 1", "jvp: the tangents").replace("the first", "the arguments")
        raise ValueError(what) from None


def _check_tangent(path: tree.Path, x: Any, t: Any) -> None:
    where = f"the tangent of argument {path[0]}{at(path[1:])}"
    if hasattr(t, "shape"):
        plain_array("jvp", where, t)
    if _shape(t) != _shape(x):
        raise ValueError(f"jvp: {where} has shape {_shape(t)}, the argument has shape {_shape(x)}")
    if np.iscomplexobj(t):
        raise TypeError(f"jvp: {where} is complex, the argument is real; take its real part")


def _zero(y: Any) -> Any:
    return 0.0 if type(y) is float else np.zeros(y.shape, y.dtype)[()]


def jvp(f: Callable[[*X], R], primals: tuple[*X], tangents: tuple[*X]) -> tuple[R, R]:
    """`f(*primals)` and its derivative in the direction of the tangents: forward mode.

        y = f(x);    dy = (dy/dx) t

    `primals` and `tangents` are tuples, one entry an argument of f; a tangent is a tree like its primal, of the same
    shapes (else a ValueError), zeros for what is not moved.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))

    As `jax.jvp`.
    """
    _check_tuples("jvp", "t", primals, tangents)
    y, pushforward = linearize(f, *primals)
    return y, pushforward(*tangents)


def _check_tuples(name: str, direction: str, primals: Any, tangents: Any) -> None:
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TypeError(f"{name}: primals and tangents must be tuples, one entry an argument: {name}(f, (x,), "
                        f"({direction},))")


def jacrev(f: Callable[A, Any], argnums: int | Sequence[int] = 0) -> Callable[A, Any]:
    """The Jacobian of f by reverse mode: a pullback for each entry of y, all at once; cheap when y is small.

        J[i, j] = dy_i / dx_j,    of shape y.shape + x.shape

    `f` may return an array or a tree of them; x is the argument at `argnums`, a number or several of them. Where y or x
    is a tree, the result is a tree like y of trees like x; several argnums count as a tuple.

    >>> jacrev(lambda x: np.array([[1.0, 2.0], [3.0, 4.0]]) @ x)(np.array([1.0, 1.0]))
    array([[1., 2.],
           [3., 4.]])

    As `jax.jacrev`.
    """
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        chosen, call = split_arguments("jacobian", f, argnums, args, kwargs)
        y, pullback = vjp(call, chosen)
        _check_real("jacobian", y)
        outputs, form = tree.flatten(y)
        rows = [_over_basis(lambda g: pullback(g)[0], form, outputs, i) for i in range(len(outputs))]
        blocks = [tree.map(lambda x, row, y=y: row.reshape((*_shape(y), *_shape(x))), chosen, row)
                  for y, row in zip(outputs, rows, strict=True)]
        return tree.unflatten(form, blocks)

    return named_after(f, jacobian_of_f)


def jacfwd(f: Callable[A, Any], argnums: int | Sequence[int] = 0) -> Callable[A, Any]:
    """The Jacobian of f by forward mode: a pushforward for each entry of x, all at once; cheap when x is small.

    `f`, `argnums` and the result are those of `jacrev`.

    >>> jacfwd(lambda x: np.stack([x, x ** 2, x ** 3]))(2.0)
    array([ 1.,  4., 12.])

    As `jax.jacfwd`.
    """
    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        chosen, call = split_arguments("jacobian", f, argnums, args, kwargs)
        y, pushforward = linearize(call, chosen)
        inputs, form = tree.flatten(chosen)
        columns = [_over_basis(pushforward, form, inputs, i) for i in range(len(inputs))]
        blocks = [tree.map(lambda y, dy, x=x: np.moveaxis(dy, 0, -1).reshape((*_shape(y), *_shape(x))), y, column)
                  for x, column in zip(inputs, columns, strict=True)]
        by_output = zip(*map(tree.leaves, blocks), strict=True)
        jacobians = [tree.unflatten(form, block) for block in by_output]
        return tree.unflatten(tree.structure(y), jacobians)

    return named_after(f, jacobian_of_f)


jacobian = jacrev
"""The Jacobian of f, by reverse mode."""


def _over_basis(linear: Callable[[Any], Any], form: tree.Structure, leaves: Sequence[Any], i: int) -> Any:
    """A linear function of a tree, at trees of zeros but for a single 1 that passes through the entries of leaf i: all
    at once, or one after the other where a derivative of somebody's own looks at values.
    """
    zeros = [_zero(leaf) for leaf in leaves]
    n = int(np.size(zeros[i]))
    ones = np.identity(n, np.result_type(zeros[i])).reshape((n, *np.shape(zeros[i])))

    def at(one: Any) -> Any:
        return linear(tree.unflatten(form, [*zeros[:i], one, *zeros[i + 1:]]))

    try:
        return vmap(at)(ones)
    except TracerError:
        return tree.map(lambda *found: np.stack(found), *[at(one[()]) for one in ones])


def _shape(x: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return shape


def hessian(f: Callable[A, Any], argnums: int | Sequence[int] = 0) -> Callable[A, Any]:
    """The second derivatives of f, the Jacobian of its Jacobian.

        H[i, j] = d^2 f / dx_i dx_j

    f returns one number; x is the argument at `argnums`. Of a tree it is a tree of trees, of several argnums a tuple of
    tuples. Of n entries it has `n ** 2`: where that is too many, `hvp` needs none of them.

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 2.0]))
    array([[4., 6.],
           [6., 0.]])

    As `jax.hessian`.
    """
    return jacrev(jacrev(f, argnums), argnums)


def hvp(f: Callable[[P, *X], Scalar], primals: tuple[P, *X], tangents: tuple[P, *X]) -> P:
    """The Hessian of f times a vector, without the Hessian: the pullback of the gradient, H being symmetric.

    `primals` and `tangents` are tuples, one entry an argument of f; the result is like the first primal.

    >>> hvp(lambda x: x[0] ** 2 * x[1], (np.array([3.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([4., 6.])

    As `jvp(grad(f), primals, tangents)[1]`, JAX's recipe, at the price of a gradient or two. Pearlmutter 1994.
    """
    _check_tuples("hvp", "v", primals, tangents)
    _, pullback = vjp(grad(f, argnums=list(range(len(primals)))), *primals)
    product: P = pullback((*tangents,))[0]
    return product


@overload
def elementwise_grad(f: np.ufunc, argnums: int = 0) -> Callable[..., Array]: ...
@overload
def elementwise_grad(f: Callable[A, R], argnums: int = 0) -> Callable[A, R]: ...
def elementwise_grad(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The derivative of a function that works entry by entry, at each entry: the pullback of ones.

    `argnums` is the position of the argument that is differentiated. That f works entry by entry is not checked: of
    another function it is the gradient of the sum of all results.

    >>> elementwise_grad(np.tanh)(np.array([0.0, 1.0]))
    array([1.        , 0.41997434])

    JAX's `vmap(grad(f))`; the name is autograd's.
    """
    def derivative_of_f(*args: Any, **kwargs: Any) -> Any:
        chosen, call = split_arguments("elementwise_grad", f, argnums, args, kwargs)
        y, pullback = vjp(call, chosen)
        _check_real("elementwise_grad", y)
        ones = tree.map(lambda leaf: 1.0 if type(leaf) is float else np.ones(leaf.shape, leaf.dtype), y)
        return pullback(ones)[0]

    return named_after(f, derivative_of_f)
