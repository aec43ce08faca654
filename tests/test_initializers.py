"""Initializers: the numbers of jax, the right spread, read-only, and loud when misused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from funcnn import initializers, random
from funcnn.layers import dense
from funcnn.testing import assert_pure

KEY = random.key(3)
MODES = ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]


def scaled(scale: float, mode: str, distribution: str) -> Callable[[Any], Any]:
    return lambda module: module.variance_scaling(scale, mode, distribution)


UNIFORM: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda module: module.zeros,
    "ones": lambda module: module.ones,
    "constant": lambda module: module.constant(0.3),
    "uniform": lambda module: module.uniform(),
    "uniform 2": lambda module: module.uniform(2.0),
    "lecun_uniform": lambda module: module.lecun_uniform(),
    "glorot_uniform": lambda module: module.glorot_uniform(),
    "he_uniform": lambda module: module.he_uniform(),
    **{f"uniform {mode}": scaled(0.7, mode, "uniform") for mode in MODES},
}
"""Whose draws are those of jax bit for bit."""
CLOSE: dict[str, Callable[[Any], Any]] = {
    "normal": lambda module: module.normal(),
    "normal 2": lambda module: module.normal(2.0),
    "truncated_normal": lambda module: module.truncated_normal(),
    "truncated_normal 1 3": lambda module: module.truncated_normal(0.5, lower=-1.0, upper=3.0),
    "lecun_normal": lambda module: module.lecun_normal(),
    "glorot_normal": lambda module: module.glorot_normal(),
    "he_normal": lambda module: module.he_normal(),
    **{f"normal {mode}": scaled(0.7, mode, "normal") for mode in MODES},
    **{f"truncated {mode}": scaled(3.0, mode, "truncated_normal") for mode in MODES},
}
ORTHOGONAL: dict[str, Callable[[Any], Any]] = {
    "orthogonal": lambda module: module.orthogonal(),
    "orthogonal 2": lambda module: module.orthogonal(2.0),
    "orthogonal rows": lambda module: module.orthogonal(1.0, 0),
}
ALL = {**UNIFORM, **CLOSE, **ORTHOGONAL}
SHAPES = [(5, 7), (3, 2, 4, 2)]


def ours_and_theirs(make: Callable[[Any], Any], shape: tuple[int, ...], dtype: Any) -> tuple[Any, Any]:
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", np.dtype(dtype).itemsize == 8)
    try:
        theirs = make(jax.nn.initializers)(jax.random.wrap_key_data(np.asarray(KEY)), shape, dtype)
    finally:
        jax.config.update("jax_enable_x64", before)
    return make(initializers)(KEY, shape, dtype), np.asarray(theirs)


@pytest.mark.slow
@pytest.mark.parametrize("name", UNIFORM)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bits_are_those_of_jax(name: str, dtype: Any) -> None:
    for shape in SHAPES:
        ours, theirs = ours_and_theirs(UNIFORM[name], shape, dtype)
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs), shape


@pytest.mark.slow
@pytest.mark.parametrize("name", CLOSE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_numbers_are_those_of_jax(name: str, dtype: Any) -> None:
    ours, theirs = ours_and_theirs(CLOSE[name], (30, 20), dtype)
    np.testing.assert_allclose(ours, theirs, rtol=64 * np.finfo(dtype).eps)


@pytest.mark.slow
@pytest.mark.parametrize("name", ORTHOGONAL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_orthogonal_matrices_are_those_of_jax(name: str, dtype: Any) -> None:
    for shape in [(5, 3), *SHAPES]:
        ours, theirs = ours_and_theirs(ORTHOGONAL[name], shape, dtype)
        np.testing.assert_allclose(ours, theirs, atol=1e4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ALL)
def test_what_it_draws_is_read_only_and_a_function_of_the_key(name: str) -> None:
    init = ALL[name](initializers)
    w = init(KEY, (3, 4))
    assert (w.shape, w.dtype) == ((3, 4), np.float32)
    assert not w.flags.writeable
    assert w.flags.c_contiguous
    assert_pure(init, KEY, (3, 4))
    assert init(KEY, (0, 4), np.float64).shape == (0, 4)


def test_the_catalogue_is_complete() -> None:
    named = {name.split()[0] for name in ALL} | {"Initializer", "variance_scaling"}
    assert named - {"truncated"} == set(initializers.__all__)


@pytest.mark.parametrize(("name", "variance", "mean"), [
    ("lecun_normal", 1 / 300, 0), ("lecun_uniform", 1 / 300, 0), ("glorot_normal", 2 / 500, 0),
    ("glorot_uniform", 2 / 500, 0), ("he_normal", 2 / 300, 0), ("he_uniform", 2 / 300, 0),
    ("normal", 1e-4, 0), ("uniform", 1e-4 / 12, 0.005), ("truncated_normal", 1e-4 * 0.87962566103423978**2, 0),
])
def test_the_spread_is_the_one_promised(name: str, variance: float, mean: float) -> None:
    w = getattr(initializers, name)()(KEY, (300, 200), np.float64)
    assert abs(w.var() / variance - 1) < 0.03
    assert abs(w.mean() - mean) < 4 * (variance / w.size) ** 0.5


def test_the_axes_of_a_window_count_for_both_fans() -> None:
    w = np.asarray(initializers.he_normal()(KEY, (3, 3, 16, 64), np.float64))
    assert abs(w.var() / (2 / (9 * 16)) - 1) < 0.05


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 3, 4)])
def test_orthogonal_is_orthogonal(shape: tuple[int, ...]) -> None:
    w = np.asarray(initializers.orthogonal(2.0)(KEY, shape, np.float64)).reshape(-1, shape[-1])
    product = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    np.testing.assert_allclose(product, 4 * np.identity(len(product)), atol=1e-14)


def test_an_orthogonal_matrix_has_the_signs_that_make_it_uniform() -> None:
    """Those of a QR decomposition alone favour some matrices: of one number it is always -1."""
    drawn = [float(initializers.orthogonal()(key, (1, 1))[0, 0]) for key in random.split(KEY, 20)]
    assert set(drawn) == {-1.0, 1.0}


def test_a_layer_takes_any_of_them() -> None:
    layer = dense(3, 4, w_init=initializers.orthogonal(), b_init=initializers.constant(0.5))
    params = layer.init(KEY)
    np.testing.assert_allclose(params["w"] @ params["w"].T, np.identity(3), atol=1e-6)
    assert np.array_equal(params["b"], np.full(4, 0.5))


@pytest.mark.parametrize(("call", "kind", "text"), [
    (lambda: initializers.he_normal()(KEY, (3,)), ValueError,
     "variance_scaling: shape (3,) has no inputs and outputs; it needs two axes or more"),
    (lambda: initializers.orthogonal()(KEY, (3,)), ValueError,
     "orthogonal: shape (3,) is not that of a matrix; it needs two axes or more"),
    (lambda: initializers.variance_scaling(0.0, "fan_in", "normal"), ValueError,
     "variance_scaling: scale must be a number in (0, inf), got 0.0"),
    (lambda: initializers.variance_scaling(float("nan"), "fan_in", "normal"), ValueError,
     "variance_scaling: scale must be a number in (0, inf), got nan"),
    (lambda: initializers.variance_scaling(1.0, "fan", "normal"), ValueError,  # type: ignore[arg-type]
     "variance_scaling: mode must be 'fan_in' or 'fan_out' or 'fan_avg' or 'fan_geo_avg', got 'fan' (str)"),
    (lambda: initializers.variance_scaling(1.0, "fan_in", "gauss"), ValueError,  # type: ignore[arg-type]
     "variance_scaling: distribution must be 'truncated_normal' or 'normal' or 'uniform', got 'gauss' (str)"),
    (lambda: initializers.normal(float("inf")), ValueError,
     "normal: stddev must be a number in [0, inf), got inf"),
    (lambda: initializers.uniform(-1.0), ValueError, "uniform: scale must be a number in [0, inf), got -1.0"),
    (lambda: initializers.orthogonal(float("nan")), ValueError,
     "orthogonal: scale must be a number in [0, inf), got nan"),
    (lambda: initializers.truncated_normal(1.0, lower=2.0, upper=-2.0)(KEY, (3,)), ValueError,
     "random.truncated_normal: lower and upper must be in order, lower < upper, got 2.0 and -2.0"),
    (lambda: initializers.he_normal()(KEY, (3, 3), np.int32), TypeError,
     f"random.truncated_normal: dtype must be one of float32, float64, got {np.int32!r}. For another draw one of these "
     "and convert: .astype(...)"),
])
def test_a_wrong_call_says_what_came_and_what_was_expected(call: Callable[[], Any], kind: type[Exception],
                                                           text: str) -> None:
    with pytest.raises(kind) as error:
        call()
    assert str(error.value) == text
