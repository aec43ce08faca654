"""A new file that is whole or not there, whenever the power fails: `replacement`.

A new file is written in the same folder, brought to the disk, and takes the place of the old one in one move, so a
reader finds the old bytes or the new ones, never a part. What a process leaves that dies meanwhile is removed by the
next that writes in the folder. Errors are those of the operating system.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["make_folder", "replacement", "sync_folder", "write_all"]

TEMPORARY = re.compile(r"\.funcnn-[0-9a-f]{16}\.tmp")
FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
NOT_SUPPORTED = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}
WINDOWS = os.name == "nt"


@contextmanager
def replacement(path: str) -> Iterator[int]:
    """The descriptor of a new file, which takes the place of the one at `path` if nothing fails until the end.

    Whoever wants the name of a new file to outlast a loss of power, too, calls `sync_folder` then.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacement(os.path.join(folder, "note")) as fd:
    ...         write_all(fd, memoryview(b"safe"))
    ...         before = os.path.exists(os.path.join(folder, "note"))
    ...     before, os.listdir(folder)
    (False, ['note'])
    """
    folder = os.path.dirname(path)
    _sweep(folder)
    temporary, fd = _new_file(folder)
    try:
        with _closing(fd):  # until then its lock keeps others from sweeping it
            yield fd
            _keep_mode(path, fd)
            os.fsync(fd)
            if not WINDOWS:
                os.replace(temporary, path)
        if WINDOWS:  # cannot move an open file
            os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


@contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError):  # what has to be on the disk is there since fsync
            os.close(fd)


def _new_file(folder: str) -> tuple[str, int]:
    """A new file, locked by this process; its permissions are what the umask leaves of rw-rw-rw-."""
    while True:
        path = os.path.join(folder, f".funcnn-{os.urandom(8).hex()}.tmp")
        fd = os.open(path, FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            if _is_safe(path, fd):
                return path, fd
        except BaseException:
            _discard(path, fd)
            raise
        _discard(path, fd)


def _is_safe(path: str, fd: int) -> bool:
    """Whether no other process took a new file for one left behind, in the moment before it was locked."""
    try:
        _lock(fd)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: there, nobody sweeps
        pass
    try:
        os.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _discard(path: str, fd: int) -> None:
    with suppress(OSError), _closing(fd):
        os.unlink(path)


def _keep_mode(path: str, fd: int) -> None:
    """The permissions of the file that is replaced stay."""
    with suppress(OSError):
        mode = os.stat(path).st_mode & 0o777
        if not WINDOWS and mode != os.fstat(fd).st_mode & 0o777:
            os.fchmod(fd, mode)


def _sweep(folder: str) -> None:
    """Remove the new files of processes that died while they wrote."""
    with suppress(OSError):
        for name in filter(TEMPORARY.fullmatch, os.listdir(folder)):
            _remove_if_dead(os.path.join(folder, name))


def _remove_if_dead(path: str) -> None:
    with suppress(OSError):  # it is being written, or it is not ours to remove
        if WINDOWS:  # removes no open file
            os.unlink(path)
            return
        fd = os.open(path, FLAGS)
        with _closing(fd):
            _lock(fd)
            os.unlink(path)


def _lock(fd: int) -> None:
    """Lock a file for as long as it is open here; when a process dies, its locks are gone."""
    try:
        import fcntl
    except ImportError:  # Windows; a browser, where no other process is
        return
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def make_folder(folder: str) -> None:
    """Make a folder, and those above it, that will be there after a loss of power, too."""
    above = os.path.dirname(folder)
    if not os.path.isdir(folder) and above != folder:
        make_folder(above)
        with suppress(FileExistsError):  # another process was faster
            os.mkdir(folder)
        sync_folder(above)


def sync_folder(folder: str) -> None:
    """Bring the names of a folder to the disk."""
    if WINDOWS:  # cannot open a folder
        return
    fd = os.open(folder, os.O_RDONLY)
    with _closing(fd):
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:  # some network file systems: they do it at once or never
                raise


def write_all(fd: int, piece: memoryview) -> None:
    """Write all the bytes; the system may take fewer at a time."""
    while piece:
        piece = piece[os.write(fd, piece):]
