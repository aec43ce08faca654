"""What becomes of memory that was let go? `keep_freed` has the process keep it, so that large arrays cost less to make.

Memory that a large array leaves goes back to the system at once, as the C library of Linux sees it; the next array is
given pages that the system must find and clear again. Where a training step makes the same arrays again and again,
that is most of what they cost. `funcnn.jit` keeps the memory of its programs itself; this is for code without it.
"""

from __future__ import annotations

from funcnn._later import later

__all__ = ["keep_freed"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What `mallopt` calls them in malloc.h."""

_LARGEST = 2**31 - 1
"""Bytes; as many as the parameter, a C int, can say."""

_LARGEST_OF_OLD = 32 * 1024 * 1024
"""Bytes; the most that older versions of the C library accept."""


def keep_freed() -> bool:
    """Have the C library keep memory that arrays leave, for the arrays that come; whether it could be told.

    To be called once, by a program, before it trains. From then on the process gives little memory back before it ends:
    it holds what it needed at its peak. Results do not depend on it, only the time they take does.

    >>> keep_freed()    # doctest: +SKIP
    True

    It is `mallopt(M_MMAP_THRESHOLD, ...)` and `mallopt(M_TRIM_THRESHOLD, ...)` of glibc, as the environment variables
    `MALLOC_MMAP_THRESHOLD_` and `MALLOC_TRIM_THRESHOLD_` set them before a program begins. Without glibc, which is on
    macOS, on Windows, with musl and in WebAssembly, nothing happens, and the answer is False.
    """
    import ctypes
    import platform

    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    kept = any(mallopt(_MMAP_THRESHOLD, nbytes) for nbytes in (_LARGEST, _LARGEST_OF_OLD))
    return bool(kept and mallopt(_TRIM_THRESHOLD, _LARGEST))


later(globals())  # what may be meant by a name that is not here
