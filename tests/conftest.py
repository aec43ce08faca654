"""What several test files share: the oracle in double precision, and which tests the fast loop leaves out."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is a matter of the machine, and of who else works on it.
settings.register_profile("funcnn", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("funcnn")


SCIPY = pytest.mark.skipif(importlib.util.find_spec("scipy") is None, reason="needs SciPy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks for JAX is slow: it compiles each function anew. The doctest of `minimize` asks for SciPy."""
    for item in items:
        if "jax" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
        if item.name == "funcnn.optimizers.minimizing.minimize":
            item.add_marker(SCIPY)


@pytest.fixture
def jax() -> Iterator[Any]:
    """JAX in float64 with funcnn's nodes in its trees, for one test; a test that asks for it is skipped without JAX."""
    jax = pytest.importorskip("jax")
    pytest.importorskip("funcnn.jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)


@pytest.fixture
def without_optimizations() -> Iterator[None]:
    """JAX without XLA's passes, which take most of the time of a small program that runs once."""
    config = pytest.importorskip("jax").config
    before = config.values["jax_disable_most_optimizations"]
    config.update("jax_disable_most_optimizations", True)
    yield
    config.update("jax_disable_most_optimizations", before)
