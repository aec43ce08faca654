"""Arrays of other packages get a clear answer: JAX's are lifted, others are refused with the way to NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import activations, losses
from funcnn.layers import dense


class DType:
    """A dtype that is none of NumPy's."""

    name = "float32"


class Array:
    """The least that the array API asks for: a namespace, and no dispatch of NumPy's."""

    shape, ndim, size, dtype = (2, 3), 2, 6, DType()

    def __array_namespace__(self, api_version: Any = None) -> Any:
        raise AssertionError("nobody asks for its functions, which are not enough")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise AssertionError("nobody converts it in silence")


def strict() -> Any:
    return pytest.importorskip("array_api_strict").ones((2, 3))


def torch() -> Any:
    return pytest.importorskip("torch").ones((2, 3), requires_grad=True)


net = dense(3, 2)
PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "relu": activations.relu, "softmax": activations.softmax, "gelu": activations.gelu,
    "huber": lambda x: losses.huber(x, x), "grad": fn.grad(lambda x: np.sum(x)), "vmap": fn.vmap(lambda x: x),
    "dense": lambda x: net.apply(net.init(fn.random.key(0)), x), "accuracy": lambda x: fn.metrics.accuracy(x, x),
}


@pytest.mark.parametrize("make", [Array, strict, torch])
def test_an_array_of_another_package_is_named_with_the_way_to_numpy(make: Callable[[], Any]) -> None:
    x = make()
    to_numpy = r"detach\(\)" if make is torch else r"np\.asarray\("
    for name, f in PROGRAMS.items():
        with pytest.raises(TypeError, match=rf"{name}.*(got|is) a.* of shape .*{to_numpy}"):
            f(x)


class OfCuPy(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that answers to NumPy's functions and has NumPy's dtypes, as CuPy's do: formulas run on it."""

    def __init__(self, x: Any) -> None:
        self.x = np.asarray(x)

    shape, ndim, dtype = property(lambda a: a.x.shape), property(lambda a: a.x.ndim), property(lambda a: a.x.dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> OfCuPy:
        return OfCuPy(getattr(ufunc, method)(*[x.x if isinstance(x, OfCuPy) else x for x in inputs], **options))

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> OfCuPy:
        return OfCuPy(f(*[x.x if isinstance(x, OfCuPy) else x for x in args], **kwargs))


def test_an_array_that_answers_to_numpy_stays_what_it_is() -> None:
    x = np.array([-1.0, 0.5])
    for f in (activations.relu, activations.silu, activations.softplus, activations.gelu):
        y: Any = f(OfCuPy(x))  # type: ignore[arg-type]  # it acts as an array
        assert type(y) is OfCuPy and np.array_equal(y.x, f(x))
