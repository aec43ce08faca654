"""What shuffled batches of data cost: the memory of an epoch over a file, and the time of a batch beside plain NumPy.

    python tests/benchmarks/data.py [--megabytes 1024] [--size 128] [--rounds N] [--seconds S]

The file is a memory-mapped float32 array of 784 columns, 64 megabytes by default. Each contestant reads one epoch of it
in a fresh process and prints how far its memory has grown at its peak: what it has allocated, and what the system keeps
of the file on its behalf, which it takes away when memory is short (Linux only). Then the same rows lie in memory, and
batches of them are made in turns.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from benchmarks import harness
else:
    import harness

COLUMNS = 784

EPOCH = """
import re, sys, time
import numpy as np
from funcnn import random
from funcnn.training import batches

path, who, size = sys.argv[1], sys.argv[2], int(sys.argv[3])

def plain(x):
    order = np.random.default_rng(0).permutation(len(x))
    return (x[order[start:start + size]] for start in range(0, len(x), size))

def funcnn(x):
    return batches(random.key(0), x, size)

def megabytes():
    status = open("/proc/self/status").read()
    return [int(re.search(line + r":\\s+(\\d+)", status)[1]) / 1024 for line in ("RssAnon", "RssFile")]

x, read = np.load(path, mmap_mode="r"), {"funcnn": funcnn, "plain NumPy": plain}[who]
list(read(x[:2 * size]))  # what is imported or made at the first call
before, start, peak = megabytes(), time.perf_counter(), [0, 0]
epoch, seconds = iter(read(x)), 0.0
while True:
    start = time.perf_counter()
    batch = next(epoch, None)
    seconds += time.perf_counter() - start
    peak = [max(now, most) for now, most in zip(megabytes(), peak)]
    if batch is None:
        break
anonymous, file = (most - first for most, first in zip(peak, before))
print(f"{anonymous:12.1f}{file:12.0f}{1e6 * seconds / -(-len(x) // size):16.0f}")
"""


def stored(path: Path, megabytes: int) -> None:
    """A file of so many megabytes, written in pieces."""
    rows = megabytes * 2**20 // (4 * COLUMNS)
    x = np.lib.format.open_memmap(path, "w+", np.float32, (rows, COLUMNS))
    for start in range(0, rows, 4096):
        x[start:start + 4096] = np.arange(start, min(start + 4096, rows), dtype=np.float32)[:, None]
    x.flush()


def show_epochs(megabytes: int, size: int) -> None:
    """Who reads an epoch of a file in how much memory and time."""
    print(f"\nan epoch over a file of {megabytes} MB in batches of {size} rows, each in a process of its own\n"
          f"{harness.machine()}\n\n{'':24}{'own, MB':>12}{'file, MB':>12}{'us a batch':>16}")
    with tempfile.TemporaryDirectory() as folder:
        stored(path := Path(folder) / "x.npy", megabytes)
        for who in ("funcnn", "plain NumPy"):
            result = subprocess.run([sys.executable, "-c", EPOCH, str(path), who, str(size)], check=True,
                                    capture_output=True, text=True)
            print(f"{who:24}{result.stdout.rstrip()}")


# -------------------------------------------------------------------------------------------- in memory


def rows(count: int, columns: int) -> tuple[Any, Any]:
    """Examples and labels in memory."""
    return np.ones((count, columns), np.float32), np.arange(count) % 10


def with_funcnn(count: int, columns: int, size: int) -> harness.Work:
    from funcnn import random, training

    data = rows(count, columns)
    return lambda: iter(training.batches(random.key(0), data, size, epochs=1000))


def with_numpy(count: int, columns: int, size: int) -> harness.Work:
    x, y = rows(count, columns)

    def work() -> Iterator[Any]:
        rng = np.random.default_rng(0)
        while True:
            order = rng.permutation(count)
            for start in range(0, count, size):
                chosen = order[start:start + size]
                yield x[chosen], y[chosen]

    return work


def with_torch(count: int, columns: int, size: int) -> harness.Work:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    data = TensorDataset(*map(torch.from_numpy, rows(count, columns)))

    def work() -> Iterator[Any]:
        while True:
            yield from DataLoader(data, size, shuffle=True)

    return work


def in_memory(megabytes: int, size: int) -> harness.Contests:
    """Wide rows and narrow ones."""
    makers = {"funcnn": with_funcnn, "plain NumPy": with_numpy, "torch DataLoader": with_torch}
    return {f"{count} x {columns}, batches of {size}": {who: partial(make, count, columns, size)
                                                        for who, make in makers.items()}
            for count, columns in ((megabytes * 2**20 // (4 * COLUMNS), COLUMNS), (20_000, 8))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=64, help="how large the data is")
    parser.add_argument("--size", type=int, default=128, help="how many rows a batch has")
    parser.add_argument("--rounds", type=int, default=9, help="how often each takes its turn")
    parser.add_argument("--seconds", type=float, default=0.2, help="how long a turn is")
    chosen = parser.parse_args()
    show_epochs(chosen.megabytes, chosen.size)
    harness.compare("making a batch of data in memory", in_memory(min(chosen.megabytes, 256), chosen.size),
                    harness.Settings(chosen.rounds, chosen.seconds))
