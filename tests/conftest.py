"""What several test files share: the oracle in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def jax() -> Iterator[Any]:
    """JAX in float64 with funcnn's nodes in its trees, for one test; a test that asks for it is skipped without JAX."""
    jax = pytest.importorskip("jax")
    pytest.importorskip("funcnn.jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield jax
    jax.config.update("jax_enable_x64", before)
