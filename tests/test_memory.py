"""Memory that is kept: told to the C library where there is one that listens, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from funcnn.memory import keep_freed

COUNTS_FAULTS = """
import resource, numpy as np
from funcnn.memory import keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.empty(40_000_000, np.uint8)[::4096] = 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before, told = faults(), keep_freed()
faults()
print(before, told, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another one")
def test_new_arrays_are_given_pages_that_are_there() -> None:
    answer = subprocess.run([sys.executable, "-c", COUNTS_FAULTS], capture_output=True, text=True, check=True).stdout
    before, told, after = answer.split()
    assert told == "True"
    assert int(before) > 100 and int(after) < int(before) / 20


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed() is False
