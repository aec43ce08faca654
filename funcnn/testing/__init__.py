"""How are functions of your own tested? `check_grads`, `assert_pure`, `check_layer`, `check_optimizer`.

Each returns nothing, or raises an AssertionError that says what was expected and where it was not so: call them in
tests of pytest, or at a prompt.
"""

from __future__ import annotations

import random as python_random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcnn import random, tree
from funcnn._arguments import at
from funcnn._later import later
from funcnn.autodiff.operators import jvp
from funcnn.autodiff.reverse import vjp
from funcnn.layers import Layer
from funcnn.optimizers import GradientTransformation
from funcnn.testing.fingerprint import contents
from funcnn.tree.structure import check_alike
from funcnn.typing import Array

__all__ = ["assert_pure", "assert_trees_close", "check_grads", "check_layer", "check_optimizer"]

_STEP = 1e-5
"""The step of the central differences: their error is of order step^2 and 1e-16 / step."""


# ------------------------------------------------------------------------------------------ derivatives


def check_grads(f: Callable[..., Any], args: Sequence[Any], order: int = 2, modes: Sequence[str] = ("fwd", "rev"),
                atol: float | None = None, rtol: float | None = None) -> None:
    """Assert that the derivatives of f at `args`, up to an order, are those of central differences.

        J v  ~  (f(x + h v) - f(x - h v)) / 2 h,       for a random direction v, forward mode ("fwd");
        (u J) v  ~  u (J v),                           for a random u as well, reverse mode ("rev")

    Of a further order the same is asked of J v as a function of (v, x), and of u J as one of (u, x).

    - `f`: a function of arrays or trees, which gives one; it must compute in float64 too.
    - `args`: its arguments, trees of floating-point arrays, away from corners. The differences are taken in float64
      whatever their dtype, so that a derivative wrong by 0.1 % fails also in float32.
    - `order`: up to which derivative, 1 and more.
    - `modes`: "fwd", "rev", or both.
    - `atol`, `rtol`: how far off a number may be, rtol relative to the largest entry: by default 1e-6 for float64, 3e-4
      for float32, 3e-2 for float16, and ten times that for each further order; and atol is rtol / 100.

    >>> check_grads(np.tanh, (np.array([0.5, -2.0]),))
    >>> from funcnn import custom_vjp
    >>> wrong = custom_vjp(lambda x: np.tanh(x))
    >>> wrong.defvjps(lambda g, y, x: 1.001 * g * (1 - y * y))
    >>> check_grads(wrong, (np.array([0.5, -2.0]),), order=1, modes=["rev"])
    Traceback (most recent call last):
    ...
    AssertionError: check_grads: reverse mode, order 1: 0.268479 differs from 0.268211 by finite differences \
(relative error 1.0e-03, allowed 1.0e-06)

    As `jax.test_util.check_grads`, with sharper defaults.
    """
    _check_order(f, tuple(args), order, tuple(modes), atol, rtol, 1)


def _check_order(f: Callable[..., Any], args: tuple[Any, ...], order: int, modes: tuple[str, ...],
                 atol: float | None, rtol: float | None, current: int) -> None:
    if not set(modes) <= {"fwd", "rev"}:
        raise ValueError(f"check_grads: modes are 'fwd' and 'rev', got {list(modes)}")
    if order < current:
        return
    v = _directions(args, 2 * current)
    y, expected = _difference(f, args, v)
    u = _directions(y, 2 * current + 1)
    tolerances = _tolerances(args, atol, rtol, current)
    if "fwd" in modes:
        _, t = jvp(f, args, _cast(v, args))
        tree.map(lambda got, e: _compare("forward", current, got, e, *tolerances), t, expected)
        _check_order(lambda v, *x: jvp(f, x, v)[1], (_cast(v, args), *args), order, modes, atol, rtol, current + 1)
    if "rev" in modes:
        y, pullback = vjp(f, *args)
        u = _cast(u, y)
        _compare("reverse", current, _inner(pullback(u), v), _inner(u, expected), *tolerances)
        _check_order(lambda u, *x: _pulled(f, x, u), (u, *args), order, modes, atol, rtol, current + 1)


def _pulled(f: Callable[..., Any], x: tuple[Any, ...], u: Any) -> Any:
    y, pullback = vjp(f, *x)
    return pullback(tree.map(lambda each, leaf: each if each.dtype == leaf.dtype else each.astype(leaf.dtype), u, y))


def _directions(like: Any, number: int) -> Any:
    """A random tree of this shape, in float64."""
    leaves, form = tree.flatten(like)
    keys = random.split(random.fold_in(random.key(0), number), max(1, len(leaves)))
    return tree.unflatten(form, [random.normal(keys[i], np.shape(x), np.float64)[()] for i, x in enumerate(leaves)])


def _difference(f: Callable[..., Any], args: tuple[Any, ...], v: Any) -> tuple[Any, Any]:
    """y and J v, by central differences in float64."""
    x = tree.map(lambda leaf: np.asarray(leaf, np.float64)[()], args)
    ahead = f(*tree.map(lambda a, b: a + _STEP * b, x, v))
    behind = f(*tree.map(lambda a, b: a - _STEP * b, x, v))
    return ahead, tree.map(lambda a, b: (np.asarray(a, np.float64) - b) / (2 * _STEP), ahead, behind)


def _cast(values: Any, like: Any) -> Any:
    return tree.map(lambda value, leaf: np.asarray(value).astype(getattr(leaf, "dtype", np.float64))[()], values, like)


def _inner(a: Any, b: Any) -> float:
    pairs = zip(tree.leaves(a), tree.leaves(b), strict=True)
    return float(sum(np.sum(np.asarray(x, np.float64) * y) for x, y in pairs))


def _tolerances(args: Any, atol: float | None, rtol: float | None, order: int) -> tuple[float, float]:
    by_size = {2: 3e-2, 4: 3e-4, 8: 1e-6}
    smallest = min((np.result_type(leaf).itemsize for leaf in tree.leaves(args)), default=8)
    default = by_size[smallest] * 10.0 ** (order - 1)
    return default / 100 if atol is None else atol, default if rtol is None else rtol


def _compare(mode: str, order: int, got: Any, expected: Any, atol: float, rtol: float) -> None:
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if np.shape(got) != np.shape(expected):
        raise AssertionError(f"check_grads: {mode} mode, order {order}: shape {np.shape(got)}, expected "
                             f"{np.shape(expected)}")
    wrong = ~(np.abs(got - expected) <= atol + rtol * np.max(np.abs(expected), initial=0.0))
    if np.any(wrong):
        a, b = float(got[wrong].flat[0]), float(expected[wrong].flat[0])
        raise AssertionError(f"check_grads: {mode} mode, order {order}: {a:.6g} differs from {b:.6g} by finite "
                             f"differences (relative error {abs(a - b) / max(abs(b), 1e-300):.1e}, allowed {rtol:.1e})")


# -------------------------------------------------------------------------------------- trees and purity


def assert_trees_close(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    """Assert that two trees, `a` and `b`, have the same structure, shapes and, within tolerances, values.

    Entries may differ by `atol + rtol * |b|`; NaN equals NaN, and dtypes do not count. Another structure is a
    ValueError that names the place.

    >>> assert_trees_close({"w": np.ones(2)}, {"w": np.ones(2) + 1e-9})
    >>> assert_trees_close({"w": np.ones(2)}, {"w": np.array([1.0, 2.0])})
    Traceback (most recent call last):
    ...
    AssertionError: assert_trees_close: at 'w': 1 of 2 entries differ, by up to 1.0
    """
    check_alike(a, b)
    tree.map_with_path(lambda path, x, y: _assert_close(path, np.asarray(x), np.asarray(y), rtol, atol), a, b)


def _assert_close(path: tree.Path, x: Any, y: Any, rtol: float, atol: float) -> None:
    where = f"assert_trees_close:{at(path)}" if path else "assert_trees_close"
    if x.shape != y.shape:
        raise AssertionError(f"{where}: shape {x.shape} against {y.shape}")
    differ = ~np.isclose(x, y, rtol, atol, equal_nan=True)
    if np.any(differ):
        raise AssertionError(f"{where}: {int(np.sum(differ))} of {x.size} entries differ, by up to "
                             f"{float(np.max(np.abs(x[differ] - y[differ])))}")


def assert_pure(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Assert that `f` is pure at these arguments: `f(*args, **kwargs)` gives the same bytes again and changes nothing.

    It changes nothing it was given, no variable that it closes over, no default, attribute or global variable of its
    module; and NumPy's and Python's global generators are neither moved by it nor felt. It is called twice or more.

    >>> assert_pure(np.cumsum, np.ones(3))
    >>> assert_pure(lambda x: x.sort(), np.array([2.0, 1.0]))
    Traceback (most recent call last):
    ...
    AssertionError: assert_pure: <lambda> changed its argument at '0'
    >>> seen = []
    >>> assert_pure(lambda x: seen.append(x), 1.0)
    Traceback (most recent call last):
    ...
    AssertionError: assert_pure: <lambda> changed 'seen/0', a variable outside of it

    The global generators are moved between the calls, and afterwards put back. Files, clocks and what is remembered in
    other modules are not looked at, except by comparing what f returns.
    """
    call = _Watched(f, args, kwargs)
    before = _global_generators()
    try:
        first = call.content()
        _stir_generators()
        again = call.content()
    finally:
        _set_generators(before)
    if again == first:
        return
    place = _different(first, again)
    where = at((place,) if place else ())
    if call.content() == first:
        raise AssertionError(f"assert_pure: {call.name} depends on a global random generator{where}; pass a key "
                             "instead")
    raise AssertionError(f"assert_pure: {call.name} gave other bytes when called again{where}")


class _Watched:
    """A call of a function, and what it must leave as it is."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.f, self.args, self.kwargs = f, args, kwargs
        self.name = getattr(f, "__name__", repr(f))
        self.home = getattr(f, "__module__", None)

    def content(self) -> dict[str, Any]:
        """What the function returns, as bytes; an error, if the call has changed anything."""
        given, outside, generators = self._given(), self._outside(), _global_generators()
        result = contents(self.f(*self.args, **self.kwargs), self.home)
        if (now := self._given()) != given:
            raise AssertionError(f"assert_pure: {self.name} changed its argument at {_different(given, now)!r}")
        if _global_generators() != generators:
            raise AssertionError(f"assert_pure: {self.name} drew from a global random generator; pass a key instead")
        if (now := self._outside()) != outside:
            raise AssertionError(f"assert_pure: {self.name} changed {_different(outside, now)!r}, a variable outside "
                                 "of it")
        return result

    def _given(self) -> dict[str, Any]:
        given: dict[Any, Any] = {**dict(enumerate(self.args)), **self.kwargs}
        return contents(given, self.home)

    def _outside(self) -> dict[str, Any]:
        return contents(self.f, self.home)


def _different(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The first place where two contents differ."""
    return next(path for path in [*one, *other] if path not in one or path not in other or one[path] != other[path])


def _global_generators() -> tuple[Any, Any]:
    from numpy import random as numpy_random

    name, words, *rest = numpy_random.get_state(legacy=True)  # noqa: NPY002  # only read
    return (name, tuple(np.asarray(words).tolist()), *rest), python_random.getstate()


def _stir_generators() -> None:
    from numpy import random as numpy_random

    numpy_random.random_sample()  # noqa: NPY002  # the caller puts it back
    python_random.random()


def _set_generators(states: tuple[Any, Any]) -> None:
    from numpy import random as numpy_random

    numpy_random.set_state(states[0])  # noqa: NPY002  # as it was before
    python_random.setstate(states[1])


# ------------------------------------------------------------------------------------------------ layers


def check_layer(layer: Layer[Any, Any, Any], x: Array, key: Any = None) -> None:
    """Assert what every layer promises, in float32 and float64.

    That is: parameters drawn from a key alone and read-only, the declared output width, the dtype of the input kept, a
    batch of 1 (in evaluation, where the layer remembers), a state that keeps its structure, shapes and dtypes, purity,
    and gradients.

    - `layer`: a layer or a whole net.
    - `x`: an input `(batch, ...)` of numbers, away from the corners of what bends.
    - `key`: that of training, for layers that draw; None evaluates.

    >>> from funcnn.layers import dense
    >>> check_layer(dense(2, 3), np.ones((4, 2)))
    """
    x = np.asarray(x, np.float64)
    params = layer.init(random.key(0))
    _require(layer, tree.equal(params, layer.init(random.key(0))), "init must be a function of its key")
    writeable = [tree.keystr(path) for path, leaf in tree.leaves_with_path(params) if leaf.flags.writeable]
    _require(layer, not writeable, f"parameters must be read-only, these are not: {writeable}; "
             "let init return tree.freeze(params)")
    for dtype in (np.float32, np.float64):
        _check_output(layer, tree.astype(params, dtype), x.astype(dtype), key)
    check_grads(lambda p, x: _applied(layer)(p, x, key=key)[0], (tree.astype(params, np.float64), x), order=1)


def _check_output(layer: Layer[Any, Any, Any], params: Any, x: Any, key: Any) -> None:
    apply = _applied(layer)
    y, state = apply(params, x, key=key)
    _require(layer, y.dtype == x.dtype, f"{x.dtype} went in, {y.dtype} came out")
    _require(layer, layer.out_features in (None, y.shape[-1]), f"the output is {y.shape[-1]} wide")
    one, first = apply(params, x[:1], key=None if layer.has_state else key)
    _require(layer, one.shape == (1, *y.shape[1:]), f"a batch of 1 gives shape {one.shape}")
    outlines = [[(path, leaf.shape, leaf.dtype) for path, leaf in tree.leaves_with_path(s)] for s in (first, state)]
    _require(layer, outlines[0] == outlines[1], f"the state {first} became {state}")
    assert_pure(apply, params, x, key=key)


def _applied(layer: Layer[Any, Any, Any]) -> Callable[..., tuple[Array, Any]]:
    """What a layer makes of (params, x, key=key), and of its first state."""
    if not layer.has_state:
        return lambda params, x, key: (layer.apply(params, x, key=key), {})
    return lambda params, x, key: layer.apply_with_state(params, tree.astype(layer.init_state(), x.dtype), x, key=key)


def _require(layer: Layer[Any, Any, Any], holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"check_layer: {layer!r}: {what}")


# -------------------------------------------------------------------------------------------- optimizers


def check_optimizer(optimizer: GradientTransformation, params: Any, steps: int = 3) -> None:
    """Assert what every optimizer promises, for parameters like `params` in float32 and float64.

    That is: `init` and `update` of the `optimizer` are pure, updates are like the parameters, and the state keeps its
    structure, shapes and dtypes over so many `steps` of random gradients.

    >>> from funcnn.optimizers import adam
    >>> check_optimizer(adam(0.1), {"w": np.ones((2, 3)), "b": np.zeros(3, np.float64)})
    """
    for dtype in (np.float32, np.float64):
        typed = tree.astype(params, dtype)
        assert_pure(optimizer.init, typed)
        state = first = optimizer.init(typed)
        for step in range(steps):
            grads = tree.map(lambda p, g: np.asarray(g, p.dtype), typed, _directions(typed, step))
            assert_pure(optimizer.update, grads, state, typed)
            updates, state = optimizer.update(grads, state, typed)
            _check_like("the updates", updates, "the parameters", typed)
            _check_like("the state", state, "the first state", first)


def _check_like(name: str, found: Any, other: str, expected: Any) -> None:
    """Two trees have one structure, and leaves of the same shapes and dtypes."""
    if tree.structure(found) != tree.structure(expected):
        raise AssertionError(f"check_optimizer: {name}: {tree.structure(found)}, unlike {other}: "
                             f"{tree.structure(expected)}")
    for (path, x), y in zip(tree.leaves_with_path(found), tree.leaves(expected), strict=True):
        if (np.shape(x), np.result_type(x)) != (np.shape(y), np.result_type(y)):
            raise AssertionError(f"check_optimizer: {name}{at(path)}: {np.result_type(x)}"
                                 f"{list(np.shape(x))}, unlike {other}: {np.result_type(y)}{list(np.shape(y))}")


later(globals())  # what may be meant by a name that is not here
