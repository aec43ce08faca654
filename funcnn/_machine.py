"""On what does it run? `facts`: versions, processor, cores, NumPy's BLAS, what else is installed.

All of it is read, nothing is tried: no package is imported to learn its version, no thread is started.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import numpy as np

from funcnn._threads import VARIABLE, cores, number_of_threads

__all__ = ["EXTRAS", "OTHERS", "facts", "own_version"]

EXTRAS = ("nnfs", "matplotlib", "tqdm", "scipy", "jax")
"""What the whole of funcnn can use."""

OTHERS = ("jaxlib", "optax", "torch", "scikit-learn", "pandas", "polars", "safetensors")
"""What it is used beside, and may be disturbed by."""

THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS")
"""The variables that say how many threads a BLAS takes; without any it takes as many as there are cores."""


def facts() -> list[tuple[str, str]]:
    """What to know of this machine when something is wrong on it, as (name, text).

    >>> [name for name, _ in facts()]
    ['funcnn', 'Python', 'system', 'processor', 'cores', 'NumPy', 'BLAS', 'threads', 'installed', 'missing']
    """
    config = _config()
    extras = versions(EXTRAS)
    found = {**extras, **versions(OTHERS)}
    return [
        ("funcnn", own_version()),
        ("Python", f"{platform.python_version()}, {platform.python_implementation()}"),
        ("system", platform.platform()),
        ("processor", f"{processor()}, {platform.machine()}"),
        ("cores", f"{cores()} of {os.cpu_count() or 'unknown'} may be used"),
        ("NumPy", joined([np.__version__, f"SIMD {simd(config)}"])),
        ("BLAS", blas(config)),
        ("threads", threads(os.environ)),
        ("installed", joined(f"{name} {found[name]}" for name in found if found[name])),
        ("missing", joined(name for name in EXTRAS if not extras[name])),
    ]


def own_version() -> str:
    """The version of funcnn that runs, which need not be the one that is installed."""
    return str(vars(sys.modules["funcnn"])["__version__"])


def joined(words: Iterable[str]) -> str:
    """Words in a row, or that there are none.

    >>> joined(["a", "b"]), joined([])
    ('a, b', 'none')
    """
    return ", ".join(words) or "none"


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of packages, an empty text for what is not installed."""
    return {name: _version(name) for name in packages}


def _version(package: str) -> str:
    with suppress(Exception):  # of a damaged installation it may be anything
        return str(metadata.version(package))
    return ""


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The model of the processor as Linux knows it, or what Python says of it elsewhere."""
    with suppress(OSError):
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        if models:
            return models[0]
    return platform.processor() or "unknown"


# --------------------------------------------------------------------------------------------- what NumPy says


def _config() -> object:
    with suppress(Exception):  # how NumPy was built is written by whoever built it
        return np.show_config(mode="dicts")
    return None


def blas(config: object) -> str:
    """The BLAS that NumPy was built with, from its `show_config`.

    >>> blas({"Build Dependencies": {"blas": {"name": "openblas", "version": "0.3", "openblas configuration": "X  Y"}}})
    'openblas 0.3, built as X Y'
    >>> blas({}), blas({"Build Dependencies": {"blas": {"name": "accelerate", "version": "unknown"}}})
    ('unknown', 'accelerate')
    """
    name, version, built = (_said(config, "Build Dependencies", "blas", key)
                            for key in ("name", "version", "openblas configuration"))
    known = " ".join(word for word in (name, version) if word) or "unknown"
    return known + (f", built as {' '.join(built.split())}" if built else "")


def simd(config: object) -> str:
    """The instructions that NumPy's loops use here, from its `show_config`."""
    found = [_at(config, "SIMD Extensions", key) for key in ("baseline", "found")]
    words = [str(word) for each in found if isinstance(each, list | tuple) for word in each]
    return " ".join(words) or "unknown"


def _said(config: object, *path: str) -> str:
    value = _at(config, *path)
    return value if isinstance(value, str) and value.lower() not in ("unknown", "none") else ""


def _at(config: object, *path: str) -> object:
    """What stands at a path in dicts in dicts; None if nothing does, for each NumPy writes what it likes."""
    for key in path:
        config = config.get(key) if isinstance(config, Mapping) else None
    return config


# ------------------------------------------------------------------------------------------------ threads


def threads(environment: Mapping[str, str]) -> str:
    """How many threads funcnn takes, and what is said to the BLAS."""
    said = [f"{name}={environment[name]}" for name in THREADS if name in environment]
    return f"{_own_threads()}; BLAS: {', '.join(said) or 'its own choice, no variable is set'}"


def _own_threads() -> str:
    try:
        return f"funcnn: {number_of_threads()}" + (f" ({VARIABLE} is set)" if os.environ.get(VARIABLE) else "")
    except ValueError as error:
        return str(error)
