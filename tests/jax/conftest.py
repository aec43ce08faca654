"""Programs here are small and run once: how fast they are compiled counts, not how fast they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def without_optimizations() -> Iterator[None]:
    """XLA's passes take most of the time of such a test."""
    config = pytest.importorskip("jax").config
    before = config.values["jax_disable_most_optimizations"]
    config.update("jax_disable_most_optimizations", True)
    yield
    config.update("jax_disable_most_optimizations", before)
