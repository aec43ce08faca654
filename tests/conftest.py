"""What several test files share: the oracle in double precision, and which tests a run leaves out."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is a matter of the machine, and of who else works on it.
settings.register_profile("funcnn", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("funcnn")


SCIPY = pytest.mark.skipif(importlib.util.find_spec("scipy") is None, reason="needs SciPy")


# ------------------------------------------------------------------------------------------- which tests are run


def pytest_addoption(parser: pytest.Parser) -> None:
    """What one run skips, for want of an oracle, another can take up, where there is one."""
    group = parser.getgroup("funcnn")
    group.addoption("--skipped-to", metavar="FILE", type=Path, help="write the names of the tests that are skipped")
    group.addoption("--only-from", metavar="FILE", type=Path, help="run only the tests of such a file")


def pytest_configure(config: pytest.Config) -> None:
    """Have the names of what is skipped written."""
    if path := config.getoption("--skipped-to"):
        config.pluginmanager.register(Skipped(path))


class Skipped:
    """The names of tests and of whole files that are skipped, written at the end; with xdist by the one who leads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test, which may be skipped before it begins or in its middle."""
        if report.skipped:
            self.names.add(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file, which may be skipped as a whole."""
        if report.skipped:
            self.names.add(report.nodeid)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write them, in the process that knows all."""
        if not hasattr(session.config, "workerinput"):
            self.path.write_text("".join(f"{name!r}\n" for name in sorted(self.names)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What asks for JAX is slow: it compiles each function anew. The doctest of `minimize` asks for SciPy."""
    if path := config.getoption("--only-from"):
        wanted = {ast.literal_eval(line) for line in path.read_text().splitlines()}
        others = [item for item in items if not {item.nodeid, item.nodeid.partition("::")[0]} & wanted]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if {item.nodeid, item.nodeid.partition("::")[0]} & wanted]
    for item in items:
        if "jax" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
        if item.name == "funcnn.optimizers.minimizing.minimize":
            item.add_marker(SCIPY)


# --------------------------------------------------------------------------------------------------- the oracle


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
