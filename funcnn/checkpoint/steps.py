"""The steps of a run, each a file in one folder: `keep`, `latest`, `best`, `all_steps`."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from funcnn import tree
from funcnn._arguments import described, whole_number
from funcnn.checkpoint import safetensors
from funcnn.checkpoint.safetensors import CheckpointError, CheckpointNotFoundError, DamagedCheckpointError
from funcnn.checkpoint.whole import load, path_text, write

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["all_steps", "best", "keep", "latest"]

T = TypeVar("T")

STEP = re.compile(r"step_([0-9]{8,18})\.safetensors")


def keep(folder: str | os.PathLike[str], step: int, tree: Any, *, last: int = 3, value: float | None = None) -> Path:
    """Save a tree as a step of a run, and remove what is neither among the last steps nor the best; the file's path.

    - `folder`: the run's own, which is made if it is missing. The file in it is `step_00000100.safetensors`.
    - `step`: how many are done, 0 and more. One before a step that the folder has whole is a `CheckpointError`, so that
      two runs do not mix; the same step again replaces it.
    - `tree`: what `save` takes.
    - `last`: how many of the last steps stay, 1 and more.
    - `value`: how good the step is: less is better, as of a loss on validation data; the step of the least value stays,
      of equals the first. NaN is never the best; None says nothing.

    Removed is only what `keep` has written, once the new file is safe.

    >>> import tempfile
    >>> import numpy as np
    >>> from funcnn.checkpoint import all_steps, best, keep, latest
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for step, loss in [(10, 0.9), (20, 0.3), (30, 0.5), (40, 0.4)]:
    ...         path = keep(folder, step, {"w": np.full(2, loss)}, last=2, value=loss)
    ...     print(path.name, all_steps(folder), latest(folder, {"w": np.ones(2)}), best(folder, {"w": np.ones(2)}))
    step_00000040.safetensors [20, 30, 40] (40, {'w': array([0.4, 0.4])}) (20, {'w': array([0.3, 0.3])})

    As Flax's `save_checkpoint`, whose `keep` is `last` here, and as Orbax's `CheckpointManager`, whose `best_fn`
    keeps the best steps instead of the last.
    """
    from pathlib import Path

    step, last = _whole_number("step", step, 0), _whole_number("last", last, 1)
    note = {"step": str(step)} | ({} if value is None else {"value": repr(_number(value))})
    later = [other for other in all_steps(folder) if other > step and _is_whole(_step_path(folder, other))]
    if later:
        raise CheckpointError(f"keep: step {step} is before step {later[-1]}, which {path_text(folder)!r} has already; "
                              "use a folder for each run, or remove the later steps if the run goes on from here")
    path = _step_path(folder, step)
    write(path, tree, note)
    _prune(folder, step, last)
    return Path(path)


def latest(folder: str | os.PathLike[str], like: T, *, at: str | int | tree.Path = ()) -> tuple[int, T] | None:
    """The last step that `keep` has saved in a `folder`, and its tree as `load` gives it; None if there is no step yet.

    `like` and `at` are those of `load`. A file that is damaged is passed over with a warning that names it; if all
    are, that is an error, and so is a file of one step that has the name of another. An example stands at `keep`.
    """
    return _first_whole(lambda: all_steps(folder)[::-1], folder, like, at)


def best(folder: str | os.PathLike[str], like: T, *, at: str | int | tree.Path = ()) -> tuple[int, T] | None:
    """The step with the least value that `keep` has saved in a `folder`, and its tree; None if no step has a value.

    `like` and `at` are those of `load`. A file that is damaged is passed over with a warning that names it; if all
    are, that is an error. An example stands at `keep`.
    """
    return _first_whole(lambda: _by_value(_all_metadata(folder)), folder, like, at)


def all_steps(folder: str | os.PathLike[str]) -> list[int]:
    """The steps that a `folder` has, in order, whole or not; as of Orbax's `CheckpointManager`.

    One that is empty or not there has none; other files in it do not matter.

    >>> all_steps("/a/folder/that/is/not/there")
    []
    """
    try:
        with os.scandir(path_text(folder)) as entries:
            found = [(entry.name, STEP.fullmatch(entry.name)) for entry in entries if entry.is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(f"all_steps: cannot look into {path_text(folder)!r}: {error.strerror}") from error
    return sorted(int(match[1]) for name, match in found if match and name == _step_name(int(match[1])))


def _step_name(step: int) -> str:
    return f"step_{step:08d}.safetensors"


def _step_path(folder: str | os.PathLike[str], step: int) -> str:
    return os.path.join(path_text(folder), _step_name(step))


def _whole_number(name: str, found: Any, least: int) -> int:
    try:
        return whole_number("keep", name, found, least, 10**18 - 1)
    except (TypeError, ValueError) as error:
        raise CheckpointError(str(error)) from None


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise CheckpointError("keep: value must be a number, such as a loss (less is better), got "
                              + described(value)) from None


def _is_whole(path: str) -> bool:
    try:
        safetensors.read(path, lambda header: {})
    except (DamagedCheckpointError, CheckpointNotFoundError):
        return False
    return True


def _all_metadata(folder: str | os.PathLike[str]) -> dict[int, dict[str, str] | None]:
    """What the file of each step says of itself, or None if it cannot be read."""
    return {step: _metadata(_step_path(folder, step)) for step in all_steps(folder)}


def _metadata(path: str) -> dict[str, str] | None:
    try:
        return safetensors.read_header(path).metadata
    except CheckpointError:
        return None


def _value(metadata: Mapping[str, str] | None) -> float:
    """The value of a step, NaN for none; what cannot be read may have been the best."""
    try:
        return -math.inf if metadata is None else float(metadata.get("value", "nan"))
    except ValueError:
        return -math.inf


def _by_value(found: Mapping[int, Mapping[str, str] | None]) -> list[int]:
    """The steps that have a value, the best first."""
    values = [(value, step) for step, metadata in found.items() if not math.isnan(value := _value(metadata))]
    return [step for _, step in sorted(values)]


def _check_name(path: str, step: int) -> None:
    """A file that `keep` has written stands under the name of its step."""
    written = (_metadata(path) or {}).get("step", "")
    if re.fullmatch("[0-9]{1,18}", written) and int(written) != step:
        raise CheckpointError(f"load: {path!r} was kept as step {written}, so it has been renamed; name it "
                              f"{_step_name(int(written))!r} again")


def _prune(folder: str | os.PathLike[str], step: int, last: int) -> None:
    """Remove steps up to this one that `keep` has written, but the last ones and the best."""
    own = {other: metadata for other, metadata in _all_metadata(folder).items()
           if other <= step and metadata and metadata.get("step") == str(other)}
    for other in set(list(own)[:-last]) - set(_by_value(own)[:1]):
        _remove(_step_path(folder, other))


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:  # another process was faster
        pass
    except OSError as error:
        warnings.warn(f"keep: cannot remove {path!r}: {error.strerror}; it stays", RuntimeWarning, stacklevel=4)


def _first_whole(search: Callable[[], list[int]], folder: str | os.PathLike[str], like: T, at: str | int | tree.Path,
                 ) -> tuple[int, T] | None:
    damaged: list[int] = []
    steps = search()
    while steps:
        step, *steps = steps
        try:
            _check_name(_step_path(folder, step), step)
            return step, load(_step_path(folder, step), like, at=at)
        except CheckpointNotFoundError:  # the run goes on meanwhile and has removed it, so there is a newer one
            steps = [other for other in search() if other not in damaged]
        except DamagedCheckpointError as error:
            damaged.append(step)
            warnings.warn(str(error), RuntimeWarning, stacklevel=3)
    if damaged:
        raise DamagedCheckpointError(f"load: none of the steps {damaged} in {path_text(folder)!r} is whole; restore "
                                     "one from elsewhere, or begin again in another folder")
    return None
