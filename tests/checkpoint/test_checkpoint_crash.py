"""Whatever fails while a file is saved, the process, the disk or a system call: the old file is there, or the new."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from funcnn.checkpoint import CheckpointError, all_steps, atomic, keep, latest, load, save

KILLS = int(os.environ.get("FUNCNN_KILLS", "200"))
"""How often a process that saves is killed."""

ROOT = Path(__file__).parents[2]

OLD: Any = {"w": np.full(300, 1), "name": "old"}
NEW: Any = {"w": np.full(300, 2), "name": "new"}


def which(path: Path) -> str:
    """Which of the two stands in a file, whole."""
    came = load(path, OLD)
    assert (came["w"] == {"old": 1, "new": 2}[came["name"]]).all()
    return str(came["name"])


def left_behind(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


# ------------------------------------------------------------------------------------------------ kill -9

PROGRAM = '''
import json, os, random, signal, sys, time
import numpy as np
from funcnn.checkpoint import keep, latest, load, save

folder, kills, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
path = os.path.join(folder, "state")
chance = random.Random(0)

def tree(step):
    return {"step": step, "w": np.full(5000, step), "more": [np.full(100, step, np.float32)] * 20}

def put(step):
    if mode == "save":
        save(path, tree(step))
    else:
        keep(folder, step, tree(step), last=2, value=float(-step % 7))

def get():
    return load(path, tree(0)) if mode == "save" else latest(folder, tree(0))[1]

def work(first, pipe):
    for step in range(first, sys.maxsize):
        put(step)
        os.write(pipe, step.to_bytes(8, "little"))

put(0)
start, mid_save, most_left = 0, 0, 0
for _ in range(kills):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        work(start + 1, writing)
    os.close(writing)
    time.sleep(chance.uniform(0, 0.02))
    os.kill(child, 9)
    os.waitpid(child, 0)
    reported = start
    while said := os.read(reading, 8):
        reported = int.from_bytes(said, "little")
    os.close(reading)
    found = get()
    step = found["step"]
    assert all((array == step).all() for array in [found["w"], *found["more"]]), "mixed"
    assert reported <= step <= reported + 1, (reported, step)
    left = [name for name in os.listdir(folder) if name.endswith(".tmp")]
    mid_save += bool(left)
    most_left = max(most_left, len(left))
    start = step
put(start + 1)
print(json.dumps({"steps": start, "mid_save": mid_save, "most_left": most_left, "files": sorted(os.listdir(folder))}))
'''


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "kills"), [("save", KILLS), ("keep", KILLS // 2)])
def test_kill_9_at_any_moment(tmp_path: Path, mode: str, kills: int) -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    result = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path), str(kills), mode], check=False,
                            capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["mid_save"] > kills // 10  # so the kills did come while it saved
    assert found["most_left"] == 1  # the next save sweeps what the last one left
    if mode == "save":
        assert found["files"] == ["state"]
    else:
        assert 2 <= len(found["files"]) <= 3 and all(name.startswith("step_") for name in found["files"])


# -------------------------------------------------------------------------------------- failing system calls

CALLS = ["open", "write", "lseek", "fsync", "replace", "close", "mkdir", "listdir", "scandir", "stat", "fstat", "lstat",
         "fchmod", "readlink", "urandom", "unlink"]


@contextmanager
def failing(fails: Callable[[int, str], BaseException | None]) -> Iterator[list[str]]:
    """System calls that fail when `fails(number, name)` gives an error; what was called so far."""
    called: list[str] = []

    def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            called.append(name)
            if error := fails(len(called), name):
                if name == "close":
                    call(*args)  # Linux closes even if it reports an error
                raise error
            return call(*args, **kwargs)

        return watched

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, wrapped(name, getattr(os, name)))
        patch.setattr("fcntl.flock", wrapped("flock", __import__("fcntl").flock))
        yield called


def test_the_system_calls_are_seen(tmp_path: Path) -> None:
    with failing(lambda number, name: None) as called:
        save(tmp_path / "run" / "state", NEW)
    assert {"open", "write", "fsync", "replace", "close", "mkdir", "flock"} <= set(called)
    assert called.count("fsync") == 3  # the new folder, the file, and its name
    last = len(called) - called[::-1].index("fsync")
    assert called.index("write") < called.index("replace") < last


def failure(kind: int) -> OSError:
    return OSError(kind, os.strerror(kind))


FAILURES: dict[str, Callable[[int], Callable[[int, str], BaseException | None]]] = {
    "one call": lambda n: lambda number, name: failure(errno.EIO) if number == n else None,
    "all from one on": lambda n: lambda number, name: failure(errno.EIO) if number >= n else None,
    "permission": lambda n: lambda number, name: failure(errno.EACCES) if number == n else None,
    "interrupted": lambda n: lambda number, name: KeyboardInterrupt() if number == n else None,
    "disk full from one on": lambda n: lambda number, name:
        failure(errno.ENOSPC) if number >= n and name in ("write", "open", "fsync", "mkdir") else None,
}


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("before", ["nothing", "old"])
def test_the_nth_failing_call_leaves_the_old_file_or_the_new(tmp_path: Path, kind: str, before: str) -> None:
    n, failed = 0, 0
    while failed == n:
        n += 1
        folder = tmp_path / str(n)
        path = folder / "state"
        if before == "old":
            save(path, OLD)
        refusal = f"none for {path}"
        with failing(FAILURES[kind](n)) as called:
            try:
                save(path, NEW)
            except (CheckpointError, KeyboardInterrupt) as error:
                refusal = str(error) or f"interrupted: {path}"
        failed += len(called) >= n
        stands = which(path) if path.exists() else "nothing"
        assert stands == "new" if refusal.startswith("none") else stands in (before, "new")
        assert str(path) in refusal
        if folder.exists() and kind != "all from one on" and called[n - 1:n] != ["unlink"]:
            assert left_behind(folder) == []
        save(path, NEW)
        assert which(path) == "new" and os.listdir(folder) == ["state"]
    assert n > 20


def test_a_disk_that_is_full_at_the_nth_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state"
    save(path, NEW)
    size = path.stat().st_size
    save(path, OLD)
    write = os.write
    for room in [*range(0, size, 97), size - 1, size, size + 63]:
        left = room

        def full(fd: int, piece: Any) -> int:
            nonlocal left
            if not left:
                raise failure(errno.ENOSPC)
            left -= (count := write(fd, piece[:left]))
            return count

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(CheckpointError, match="No space left on device"):
                save(path, NEW)
        assert which(path) == "old" and left_behind(tmp_path) == []


def test_a_working_folder_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(CheckpointError, match="cannot write 'state': No such file or directory"):
        save("state", NEW)


def test_a_system_that_takes_few_bytes_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, piece: write(fd, piece[:7]))
    save(tmp_path / "state", NEW)
    assert which(tmp_path / "state") == "new"


def test_a_real_limit_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "state"
    save(path, OLD)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(CheckpointError, match=r"cannot write .*: File too large\. What stood there is untouched"):
            save(path, NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert which(path) == "old" and left_behind(tmp_path) == []


def test_a_network_folder_that_knows_no_fsync_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fsync, calls = os.fsync, 0

    def refuses_folders(fd: int) -> None:
        nonlocal calls
        calls += 1
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise failure(errno.EINVAL)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", refuses_folders)
    save(tmp_path / "state", NEW)
    assert calls == 2 and which(tmp_path / "state") == "new"


def test_a_system_without_locks_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise failure(errno.EOPNOTSUPP)

    monkeypatch.setattr("fcntl.flock", refuse)
    (tmp_path / TEMPORARY).write_bytes(b"of somebody who may be alive")
    save(tmp_path / "state", NEW)
    assert which(tmp_path / "state") == "new"
    assert left_behind(tmp_path) == [TEMPORARY]
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows, and in a browser
    save(tmp_path / "state", OLD)
    assert os.listdir(tmp_path) == ["state"]


# ------------------------------------------------------------------------------------------- temporaries

TEMPORARY = ".funcnn-0123456789abcdef.tmp"


def test_what_a_dead_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    path = tmp_path / "state"
    (tmp_path / TEMPORARY).write_bytes(b"half a fi")
    (tmp_path / ".funcnn-ffffffffffffffff.tmp").symlink_to("/dev/null")
    with atomic.replacement(str(path)) as fd:
        assert left_behind(tmp_path) != [TEMPORARY]
        save(tmp_path / "other", OLD)
        os.write(fd, b"mine")
    assert path.read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == [".funcnn-ffffffffffffffff.tmp", "other", "state"]
    assert Path("/dev/null").exists()


def test_a_new_file_that_is_swept_before_it_is_locked_is_made_again(tmp_path: Path,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    flock, times = fcntl.flock, 0

    def swept(fd: int, operation: int) -> None:
        nonlocal times
        times += 1
        if times <= 2:
            if times == 1:  # another process holds the lock, to remove the file
                raise BlockingIOError(errno.EWOULDBLOCK, "busy")
            os.unlink(tmp_path / left_behind(tmp_path)[0])  # another process has removed it
        flock(fd, operation)

    monkeypatch.setattr(fcntl, "flock", swept)
    save(tmp_path / "state", NEW)
    assert times >= 3 and which(tmp_path / "state") == "new"


# ------------------------------------------------------------------------------------------- a run in a folder


@pytest.mark.parametrize("kind", FAILURES)
def test_a_run_keeps_a_whole_step_when_the_nth_call_fails(tmp_path: Path, kind: str) -> None:
    n, failed = 0, 0
    while failed == n:
        n += 1
        folder = tmp_path / str(n)
        keep(folder, 1, OLD, last=1)
        with failing(FAILURES[kind](n)) as called:
            try:
                keep(folder, 2, NEW, last=1)
                done = True
            except RuntimeWarning:  # the older step cannot be removed
                done = True
            except (CheckpointError, KeyboardInterrupt):
                done = False
        failed += len(called) >= n
        found = latest(folder, OLD)
        assert found is not None
        assert found[1]["name"] == ("new" if found[0] == 2 else "old")
        assert found[0] == 2 or not done
        keep(folder, 2, NEW, last=1)
        assert all_steps(folder) == [2] and left_behind(folder) == []
    assert n > 20
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN  # so a limit is an error, not the end
