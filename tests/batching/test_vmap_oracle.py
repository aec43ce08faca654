"""Programs against `jax.vmap` in float64, alone and composed with everything: written first, and none may be wrong.

A program is a function of a namespace T: `T.xp` is NumPy or jax.numpy, the rest are the transformations.
"""

# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code=redundant-expr
# ruff: noqa: B023, E731  # programs are written as one writes them at the prompt
from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import tree

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.slow

PROGRAMS: dict[str, Callable[[Any], Any]] = {}


def program(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    PROGRAMS[f.__name__] = f
    return f


def ours() -> SimpleNamespace:
    return SimpleNamespace(
        xp=np,
        vmap=fn.vmap,
        grad=fn.grad,
        vg=fn.value_and_grad,
        vjp=fn.vjp,
        jvp=fn.jvp,
        jac=fn.jacobian,
        jacfwd=fn.jacfwd,
        hess=fn.hessian,
        remat=fn.remat,
        stop=fn.stop_gradient,
        hvp=fn.hvp,
        lin=fn.linearize,
        custom=lambda f, *rule: _ruled(fn.custom_vjp(f), rule),
    )


def theirs() -> SimpleNamespace:
    return SimpleNamespace(
        xp=jax.numpy,
        vmap=jax.vmap,
        grad=jax.grad,
        vg=jax.value_and_grad,
        vjp=jax.vjp,
        jvp=jax.jvp,
        jac=jax.jacobian,
        jacfwd=jax.jacfwd,
        hess=jax.hessian,
        remat=jax.checkpoint,
        stop=jax.lax.stop_gradient,
        lin=jax.linearize,
        hvp=lambda f, p, t: jax.jvp(jax.grad(f), p, t)[1],
        custom=lambda f, *rule: _ruled(jax.custom_vjp(f), rule),
    )


def _ruled(f: Any, rule: Any) -> Any:
    f.defvjp(*rule)
    return f


RNG = np.random.default_rng(1)


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


A = (normal(3, 4, 5, 2), normal(3, 6, 2), normal(6, 7))
N1, X1, Y1, Q1, W1 = normal(3), normal(5, 3), normal(4, 5), normal(4), normal(3, 3)
B1, B2, B3, L1, S1 = normal(4, 5, 3), normal(4, 5, 3), normal(2, 3, 4, 5), normal(3, 5, 2), normal(4, 3, 3)
N2, X2, N3, N4, x4, W8 = (
    normal(3, 2, 6),
    normal(4, 3, 6),
    normal(4, 3, 3),
    normal(2, 2, 3),
    normal(4, 2, 2, 3),
    0.4 * normal(5, 8),
)
I1 = np.array([0, 2, 1, 3])


@program
def attention(T: Any) -> Any:
    xp = T.xp

    def f(q, k, v):
        s = q @ k.T / 2.0
        s = s - xp.max(s, -1, keepdims=True)
        w = xp.exp(s)
        return (w / w.sum(-1, keepdims=True)) @ v

    return T.vmap(T.vmap(f, (1, None, None), 1), (0, 0, None))(A[0], A[1], A[2])


@program
def per_example_hessian(T: Any) -> Any:
    xp = T.xp
    f = lambda w, x: xp.log1p(xp.exp(-(w @ x))) + xp.sum(w**4)
    return T.vmap(T.hess(f), (None, 0))(N1, X1)


@program
def grad_of_vmap_of_grad(T: Any) -> Any:
    xp = T.xp
    inner = lambda w, x: xp.sum(xp.tanh(w * x) ** 2)
    return T.grad(lambda w: xp.sum(T.vmap(T.grad(inner, 1), (None, 0))(w, X1) ** 3))(N1)


@program
def jacfwd_of_vmap_jac(T: Any) -> Any:
    xp = T.xp
    return T.jacfwd(lambda w: T.vmap(T.jac(lambda x: xp.sin(w * x) * x[0]))(X1))(N1)


@program
def kalman(T: Any) -> Any:
    xp = T.xp

    def run(ys, q):
        m, p = 0.0, 1.0
        out = []
        for i in range(5):
            p = p + q
            k = p / (p + 0.5)
            m = m + k * (ys[i] - m)
            p = (1 - k) * p
            out.append(m)
        return xp.stack(out), p

    return T.vmap(run, (0, 0))(Y1, abs(Q1)), T.vmap(T.grad(lambda y, q: run(y, q)[0][-1], (0, 1)), (1, None))(Y1.T, 0.3)


@program
def gp_loglik(T: Any) -> Any:
    xp = T.xp

    def f(ls, y):
        d = (X1[:, None, 0] - X1[None, :, 0]) ** 2
        K = xp.exp(-d / (2 * ls**2)) + 0.1 * xp.eye(5)
        L = xp.linalg.cholesky(K)
        a = xp.linalg.solve(L, y)
        return -0.5 * a @ a - xp.sum(xp.log(xp.diagonal(L)))

    return T.vmap(T.vg(f), (0, None))(abs(Q1) + 0.5, Y1[0]), T.grad(
        lambda y: xp.sum(T.vmap(f, (0, 0))(abs(Q1) + 0.5, y))
    )(Y1)


@program
def custom_form(T: Any) -> Any:
    xp = T.xp
    x1, n1 = xp.asarray(X1), xp.asarray(N1)
    h = T.custom(
        lambda x, y: x * xp.sin(y),
        lambda x, y: (x * xp.sin(y), (x, y)),
        lambda res, g: (2 * g * xp.sin(res[1]), g * res[0] * xp.cos(res[1])),
    )
    return (
        T.vmap(T.grad(lambda x, y: xp.sum(h(x, y) ** 2), (0, 1)), (0, None))(x1, n1),
        T.grad(lambda y: xp.sum(T.vmap(h, (0, None))(x1, y) ** 2))(n1),
        T.vmap(T.vmap(h, (0, None)), (None, 0))(n1, n1),
    )


@program
def indexing(T: Any) -> Any:
    xp = T.xp
    f = lambda x, i: x[i] * x[i - 1] + x[:2].sum() * xp.where(i > 1, x[0], x[-1])
    return (
        T.vmap(T.vg(f))(Y1, I1),
        T.grad(lambda x: T.vmap(f, (None, 0))(x, I1).sum())(Y1[0]),
        T.vmap(T.vmap(f, (None, 0)), (0, None))(Y1, I1),
    )


@program
def stop(T: Any) -> Any:
    xp = T.xp
    f = lambda x, y: xp.sum(T.stop(x * y) * x + T.stop(y) ** 2 * y)
    return (
        T.vmap(T.grad(f, (0, 1)), (0, None))(X1, N1),
        T.grad(lambda y: T.vmap(f, (0, None))(X1, y).sum())(N1),
        T.vmap(T.grad(lambda x: T.grad(f)(x, x).sum()))(X1),
    )


@program
def closures(T: Any) -> Any:
    xp = T.xp

    def outer(x):
        def inner(y):
            return T.vmap(lambda z: xp.sum(x * y * z))(X1)

        return T.vmap(inner)(B1[0]) * x.sum()

    return T.vmap(outer)(B1[1]), T.jac(lambda a: T.vmap(lambda x: a * x @ a)(X1))(N1)


@program
def jvp_in_vmap(T: Any) -> Any:
    xp = T.xp
    f = lambda x: xp.stack([xp.prod(x), x @ x, xp.exp(x[0])])
    return (
        T.vmap(lambda x, t: T.jvp(f, (x,), (t,)))(X1, X1[::-1].copy()),
        T.jvp(lambda x: T.vmap(f)(x), (X1,), (X1 * 0.3,)),
        T.vmap(lambda x, t: T.hvp(lambda x: f(x).sum() ** 2, (x,), (t,)), (0, None))(X1, N1),
    )


@program
def vjp_over_basis(T: Any) -> Any:
    xp = T.xp
    _, pull = T.vjp(lambda x: xp.sin(W1 @ x) * x, N1)
    return T.vmap(pull)(np.eye(3)), T.vmap(lambda g: T.vjp(lambda x: xp.linalg.norm(x * g), N1)[1](1.0))(X1)


@program
def tree_axes(T: Any) -> Any:
    xp = T.xp
    f = lambda p, b: {"y": xp.tanh(b["x"] @ p["w"] + p["b"][0]), "s": (b["x"].sum(),)}
    p = {"w": N2, "b": [Q1[:2]]}
    return T.vmap(f, ({"w": 2, "b": None}, {"x": -1}), out_axes={"y": 1, "s": 0})(p, {"x": X2})


@program
def fft(T: Any) -> Any:
    xp = T.xp
    f = lambda x: xp.abs(xp.fft.rfft(x)) ** 2
    return T.vmap(f, 1, 1)(Y1), T.vmap(T.jac(f))(Y1), T.grad(lambda x: xp.sum(T.vmap(f, 1)(x) ** 2))(Y1)


@program
def eig(T: Any) -> Any:
    xp = T.xp
    f = lambda a: xp.linalg.eigh(a @ a.T + xp.eye(3))[0]
    return (
        T.vmap(f)(S1),
        T.vmap(T.jac(f))(S1),
        T.vmap(lambda a: xp.linalg.slogdet(a @ a.T + xp.eye(3))[1], -1)(S1.transpose(1, 2, 0)),
    )


@program
def newton(T: Any) -> Any:
    xp = T.xp
    g = T.grad(lambda x, c: xp.sum((x**2 - c) ** 2))
    h = T.jac(g)

    def solve(c):
        x = xp.ones(3) * 1.5
        for _ in range(3):
            x = x - xp.linalg.solve(h(x, c) + 0.1 * xp.eye(3), g(x, c))
        return x

    return T.vmap(solve)(abs(X1) + 1), T.jac(lambda c: T.vmap(solve)(c))(abs(X1[:2]) + 1)


@program
def maml(T: Any) -> Any:
    xp = T.xp
    L = lambda w, x, y: xp.mean((xp.tanh(x @ w) - y) ** 2)

    def task(w, x, y):
        w2 = w - 0.1 * T.grad(L)(w, x, y)
        return L(w2, x, y)

    return T.vg(lambda w: xp.mean(T.vmap(task, (None, 0, 0))(w, B1, Y1)))(N1), T.hess(
        lambda w: xp.mean(T.vmap(task, (None, 0, 0))(w, B1, Y1))
    )(N1)


@program
def shape_zoo(T: Any) -> Any:
    xp = T.xp
    f = lambda x: (
        xp.moveaxis(x, 0, -1),
        xp.roll(x, 1, 0),
        x.T.ravel(),
        xp.repeat(x, 2, 1),
        xp.tile(x, (2, 1)),
        xp.pad(x, ((1, 0), (0, 2))),
        xp.flip(x),
        xp.swapaxes(x, 0, 1)[..., None],
        xp.split(x, [2])[1],
        xp.squeeze(x[:1]),
        xp.triu(x),
        x.reshape(-1, 2),
        x[::-1, 1:],
        x[..., None, 0],
        x[[1, 0], [2, 2]],
        x[:, [0, 1]],
    )
    return T.vmap(f, 1)(B1), T.grad(lambda b: sum(xp.sum(l**2) for l in T.vmap(f, 2)(b)))(B2), T.vmap(T.vmap(f))(B3)


@program
def scans(T: Any) -> Any:
    xp = T.xp
    f = lambda x: (
        xp.cumsum(x),
        xp.cumprod(x, 1),
        xp.diff(x, axis=0),
        xp.sort(x, 0),
        xp.var(x, 0, ddof=1),
        xp.max(x),
        xp.min(x, 1),
        xp.prod(x, 0),
        xp.std(x),
        xp.nanmean(x, 1),
    )
    return T.vmap(f, 1)(B1), T.vmap(T.grad(lambda x: sum(xp.sum(l * l) for l in f(x))))(B1), T.vmap(T.vmap(f))(B3)


@program
def deep_levels(T: Any) -> Any:
    xp = T.xp
    return T.vmap(
        lambda a: T.grad(lambda b: T.vmap(lambda c: T.grad(lambda d: xp.sin(a * b * c * d))(c) * b)(Q1).sum())(a)
    )(Y1[0])


@program
def index_mixed(T: Any) -> Any:
    f = lambda x, i, j: (x[i, :, j], x[:, i], x[i], x[i, j % 2], x[None, i, ..., j], x[:, i, None, j], x[i, 1:, None])
    ii = np.array([[0, 1], [1, 0], [0, 0], [1, 1]])
    jj = np.array([[0, 1], [1, 2], [2, 2], [0, 0]])
    x = N4
    x2 = np.stack([x, x * 2])
    return (
        T.vmap(lambda x: T.vmap(f, (None, 0, 0))(x, ii, jj))(x2),
        T.vmap(lambda x: T.vmap(f, (None, 0, None))(x, ii, jj[0]))(x2),
        T.vmap(f, (0, 0, 0))(x4, ii, jj),
        T.vmap(f, (0, None, 0))(x4, ii[0], jj),
        T.vmap(f, (0, None, None))(x4, ii[1], jj[1]),
        T.vmap(lambda x, i: (x[i, :, 1], x[:, i, 0:2], x[1, i], x[i, 0, i], x[0, :, i]), (0, 0))(x4, jj[:, 0] // 2),
    )


@program
def index_mixed_grads(T: Any) -> Any:
    xp = T.xp
    ii = np.array([[0, 1], [1, 0], [0, 0], [1, 1]])
    jj = np.array([[0, 1], [1, 2], [2, 2], [0, 0]])
    f = lambda x, i, j: sum(xp.sum(xp.sin(l) * l) for l in (x[i, :, j], x[:, i], x[i], x[i, j % 2], x[:, i, None, j]))
    return (
        T.vmap(T.grad(f), (None, 0, 0))(N4, ii, jj),
        T.vmap(T.grad(f), (0, 0, None))(x4, ii, jj[0]),
        T.grad(lambda x: xp.sum(T.vmap(f, (None, 0, 0))(x, ii, jj)))(N4),
        T.grad(lambda x: xp.sum(T.vmap(f, (0, None, 0))(x, ii[0], jj)))(x4),
        T.vmap(T.hess(f), (0, 0, 0))(x4, ii, jj),
        T.grad(lambda x: xp.sum(T.vmap(T.grad(f), (0, 0, 0))(x, ii, jj) ** 2))(x4),
    )


@program
def matmuls(T: Any) -> Any:
    xp = T.xp
    f = lambda a, b: a @ b
    o = []
    for sa in [(3,), (2, 3), (4, 2, 3)]:
        for sb in [(3,), (3, 5), (4, 3, 5)]:
            a = np.arange(np.prod(sa) * 6.0).reshape(6, *sa) * 0.01
            b = np.sin(np.arange(np.prod(sb) * 6.0)).reshape(6, *sb)
            g = T.grad(lambda a, b: xp.sum(f(a, b) ** 2), (0, 1))
            for ax, x, y in [((0, 0), a, b), ((0, None), a, b[0]), ((None, 0), a[0], b)]:
                o.append(T.vmap(f, ax)(x, y))
                o.append(T.vmap(g, ax)(x, y))
                o.append(T.vmap(lambda x, y: xp.dot(x, y), ax)(x, y))
                o.append(T.grad(lambda x, y: xp.sum(T.vmap(lambda a, b: xp.dot(a, b), ax)(x, y) ** 2), (0, 1))(x, y))
    return o


@program
def einsums(T: Any) -> Any:
    xp = T.xp
    return T.vmap(
        lambda a, b: (
            xp.einsum("ij,kj->", a, b),
            xp.einsum("ii->i", a[:3]),
            xp.einsum("...i,...i", a, b),
            xp.einsum("ij->j", a),
            xp.einsum(a, [0, 1], b, [2, 1], [0, 2]),
        )
    )(B1, B1 * 2), T.vmap(T.grad(lambda a: xp.einsum("ij,ik,jk->", a, a, W1)))(B1)


@program
def linalgs(T: Any) -> Any:
    xp = T.xp
    sp = lambda a: a @ a.T + xp.eye(3)
    f = lambda a, b: (
        xp.linalg.inv(sp(a)),
        xp.linalg.solve(sp(a), b),
        xp.linalg.det(a),
        xp.linalg.cholesky(sp(a)),
        xp.linalg.pinv(a),
        xp.linalg.svd(a, compute_uv=False),
        xp.linalg.norm(a),
        xp.linalg.norm(a, 2),
        xp.linalg.norm(a, axis=0),
        xp.linalg.norm(a, "nuc"),
        xp.linalg.matrix_power(a, 3),
        xp.trace(a),
        xp.linalg.slogdet(a),
    )
    S, x1, w1, n1 = (xp.asarray(a) for a in (N3, X1, W1, N1))
    g = T.grad(lambda a, b: sum(xp.sum(l) for l in f(a, b)[:-1]), (0, 1))
    return (
        T.vmap(f)(S, x1[:4]),
        T.vmap(f, (0, None))(S, w1),
        T.vmap(f, (None, 0))(S[0], S),
        T.vmap(g)(S, x1[:4]),
        T.vmap(g, (None, 0))(S[0], x1),
        T.grad(lambda b: xp.sum(T.vmap(lambda a: f(a, b)[1], 0)(S) ** 2))(n1),
    )


@program
def custom_tree(T: Any) -> Any:
    xp = T.xp
    h = T.custom(
        lambda p: p["a"] * p["b"][0],
        lambda p: (p["a"] * p["b"][0], p),
        lambda p, g: ({"a": 3 * g * p["b"][0], "b": (xp.sum(g * p["a"]) * 1.0,)},),
    )
    p = {"a": X1, "b": (X1[:, 0],)}
    q = {"a": N1, "b": (1.5,)} if False else {"a": N1, "b": (np.float64(1.5),)}
    return (
        T.vmap(T.grad(lambda p: xp.sum(h(p) ** 2)))(p),
        T.grad(lambda p: xp.sum(T.vmap(h)(p) ** 2))(p),
        T.grad(lambda p: xp.sum(T.vmap(h, ({"a": 0, "b": None},))(p) ** 2))({"a": X1, "b": (np.float64(1.5),)}),
        T.vmap(lambda s: T.grad(lambda p: xp.sum(s * h(p)))(q))(N1),
    )


@program
def custom_in_nested(T: Any) -> Any:
    xp = T.xp
    h = T.custom(
        lambda x, y: xp.sum(x) * y,
        lambda x, y: (xp.sum(x) * y, (x, y)),
        lambda r, g: (xp.ones(3) * xp.sum(g * r[1]), g * xp.sum(r[0])),
    )
    f = lambda x, y: h(x, y).sum()
    return (
        T.vmap(T.vmap(T.grad(f, (0, 1)), (0, None)), (None, 0))(X1, Y1),
        T.grad(lambda x: T.vmap(lambda y: f(x, y))(Y1).sum())(N1),
        T.vmap(lambda x: T.grad(lambda y: T.vmap(lambda z: f(x * z, y))(Q1).sum())(N1))(X1),
        T.jac(lambda x: T.vmap(lambda y: h(x, y))(Y1))(N1),
        T.vmap(T.jac(h), (None, 0))(N1, Y1),
    )


@program
def aux(T: Any) -> Any:
    xp = T.xp
    f = lambda w, x: (xp.sum(w * x) ** 2, {"a": x * 2, "n": xp.max(w * x)})
    return T.vmap(T.vg(f, has_aux=True), (None, 0))(N1, X1), T.vmap(T.grad(f, 1, has_aux=True), (None, 0))(N1, X1)


@program
def linear(T: Any) -> Any:
    xp = T.xp
    _, push = T.lin(lambda x: xp.tanh(W1 @ x), N1)
    return (
        T.vmap(push)(X1),
        T.vmap(lambda x: T.lin(lambda x: xp.tanh(W1 @ x), x)[1](N1))(X1),
        T.vmap(lambda x: T.vmap(T.lin(lambda x: x * xp.tanh(W1 @ x), x)[1])(xp.eye(3)))(X1),
    )


@program
def grids(T: Any) -> Any:
    xp = T.xp
    return T.vmap(
        lambda a, b: (
            xp.linspace(a, b, 5),
            xp.stack([a, b]),
            xp.meshgrid(xp.stack([a, b]), xp.stack([b, a]))[1],
            xp.full((2,), 1.0) * a,
            xp.zeros(3) + b,
            xp.interp(a, np.array([-1.0, 0, 1]), np.array([1.0, 2, 0])),
            xp.polyval(xp.stack([a, b, a]), 0.3),
            xp.vander(xp.stack([a, b]), 3),
            xp.gradient(xp.stack([a, b, a * b])),
            xp.trapezoid(xp.stack([a, b, a * b])),
            xp.ones_like(a),
            xp.zeros_like(b) + a,
            xp.broadcast_to(a, (2, 2)),
            xp.concatenate([xp.atleast_1d(a), xp.atleast_1d(b)]),
            xp.hstack([a, b]),
            xp.vstack([a, b]),
            xp.column_stack([xp.stack([a, b]), xp.stack([b, a])]),
        )
    )(Q1, Q1[::-1].copy())


@program
def levels(T: Any) -> Any:
    xp = T.xp
    # perturbation / batch confusion
    return (
        T.vmap(
            lambda x: T.vmap(lambda y: x + y)(Q1) * T.grad(lambda z: z * x * xp.sum(T.vmap(lambda w: w * z)(Q1)))(x)
        )(Q1),
        T.grad(lambda x: x * T.grad(lambda y: T.vmap(lambda z: x * y * z)(Q1).sum())(1.0))(2.0),
        T.jac(lambda x: T.vmap(T.grad(lambda y: xp.sum(x * y**2)))(Q1))(1.5),
        T.vmap(lambda i: T.vmap(lambda j: xp.where(i == j, 1.0, 0.0))(np.arange(3)))(np.arange(3)),
        T.vmap(lambda x: T.vmap(lambda x: x * 2)(x) + x)(B1),
        T.vmap(lambda x: T.jvp(lambda y: T.vmap(lambda z: x * y * z)(Q1), (x,), (1.0,)))(Q1),
        T.vmap(lambda x: T.hess(lambda y: (x * y**3).sum())(x))(X1),
    )


@program
def rnn_lstm(T: Any) -> Any:
    xp = T.xp
    sg = lambda x: 1 / (1 + xp.exp(-x))

    def cell(w, h, c, x):
        z = xp.concatenate([h, x]) @ w
        i, f, o, g = xp.split(z, 4)
        c = sg(f) * c + sg(i) * xp.tanh(g)
        return sg(o) * xp.tanh(c), c

    def loss(w, xs):
        h = c = xp.zeros(2)
        for t in range(5):
            h, c = cell(w, h, c, xs[t])
        return xp.sum(h**2)

    return (
        T.vmap(T.grad(loss, (0, 1)), (None, 0))(W8, B1),
        T.grad(lambda w: xp.mean(T.vmap(loss, (None, 0))(w, B1)))(W8),
        T.vmap(loss, (0, None))(np.stack([W8, W8 * 2]), B1[0]),
    )


@pytest.mark.usefixtures("without_optimizations")
@pytest.mark.parametrize("name", PROGRAMS)
def test_agrees_with_jax(name: str) -> None:
    with jax.enable_x64(True):  # compiled once, and not operation by operation, which takes twenty times as long
        expected = jax.tree.leaves(jax.jit(lambda: PROGRAMS[name](theirs()))())
    found = tree.leaves(PROGRAMS[name](ours()))
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other) and np.asarray(one).dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
