"""Saving and loading 100 MB beside the safetensors library and np.savez: milliseconds, and ratios.

    python tests/benchmarks/checkpoint.py [--rounds N] [--seconds S]

Forty arrays of 2.5 MB, float32, as a net of four layers has them with Adam's two moments. funcnn takes a sha256 over
everything, writes a file of its own, and waits until it is on the disk; the safetensors library and np.savez do none
of this (np.savez takes a checksum of 32 bits), so the line "and fsync" shows what the disk alone costs. Each must
load what it has saved, to the byte, before it is timed. The files stand in a temporary folder, so the environment
variable TMPDIR says on which disk.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks import harness
else:
    import harness

Arrays: TypeAlias = dict[str, NDArray[np.float32]]
Save: TypeAlias = Callable[[], None]
Load: TypeAlias = Callable[[], Arrays]


def arrays() -> Arrays:
    """100 MB of numbers."""
    rng = np.random.default_rng(0)
    return {f"layer_{i}": rng.standard_normal((625, 1000), dtype=np.float32) for i in range(40)}


# ----------------------------------------------------------------------------------------------- contestants


def funcnn(path: str, whole: Arrays) -> tuple[Save, Load]:
    from funcnn.checkpoint import load, save

    return lambda: save(path, whole), lambda: load(path, whole)


def official(path: str, whole: Arrays, sync: bool = False) -> tuple[Save, Load]:
    from safetensors.numpy import load_file, save_file

    def save() -> None:
        save_file(whole, path)
        if sync:
            to_the_disk(path)

    return save, lambda: load_file(path)


def savez(path: str, whole: Arrays) -> tuple[Save, Load]:
    def load() -> Arrays:
        with np.load(path + ".npz") as file:
            return dict(file)

    return lambda: np.savez(path, **whole), load  # type: ignore[arg-type]  # a name could be that of another argument


def sha256_alone(path: str, whole: Arrays) -> tuple[Save, Load]:
    """What the digest costs: no file at all."""
    def take() -> None:
        digest = hashlib.sha256()
        for array in whole.values():
            digest.update(array.data)

    def nothing() -> Arrays:
        take()
        return whole

    return take, nothing


def to_the_disk(path: str) -> None:
    fd = os.open(path, os.O_RDWR)
    os.fsync(fd)
    os.close(fd)


MAKERS: dict[str, Callable[[str, Arrays], tuple[Save, Load]]] = {
    "funcnn": funcnn,
    "safetensors": official,
    "safetensors and fsync": partial(official, sync=True),
    "np.savez": savez,
    "sha256 alone": sha256_alone,
}


def work(who: str, what: int, folder: str) -> harness.Work:
    """Endless saving (what = 0) or loading (1) of the same arrays, in a file of its own."""
    whole = arrays()
    both = MAKERS[who](os.path.join(folder, f"{who}-{what}".replace(" ", "-")), whole)
    both[0]()
    came = both[1]()
    if not all(came[name].tobytes() == array.tobytes() for name, array in whole.items()):
        raise SystemExit(f"{who} has not loaded what it has saved")

    def units() -> Iterator[Any]:
        while True:
            yield both[what]() is None

    return units


# --------------------------------------------------------------------------------------------------------- the race


def contests(folder: str) -> harness.Contests:
    return {name: {who: partial(work, who, what, folder) for who in MAKERS}
            for what, name in enumerate(("save 100 MB", "load 100 MB"))}


if __name__ == "__main__":
    chosen = harness.settings(__doc__, rounds=10, seconds=1.0)
    with tempfile.TemporaryDirectory() as folder:
        harness.compare(f"files of 100 MB in {folder}", contests(folder), chosen, unit="ms", scale=1e3)
