"""What the tests of the house share: a lesson that sets something of JAX has set it for itself alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def jax_as_it_was() -> Iterator[None]:
    """JAX's `jax_enable_x64` is after a test what it was before."""
    before = sys.modules["jax"].config.jax_enable_x64 if sys.modules.get("jax") else False
    yield
    if sys.modules.get("jax"):
        sys.modules["jax"].config.update("jax_enable_x64", before)
