"""A tree in a file, and the same tree back, bit for bit: `save`, `load`, `keep`.

A checkpoint is a `.safetensors` file, which the official library opens too. Its arrays are named by their paths in
the tree as `tree.keystr` writes them, `0/dense_0/w`; where two paths would be written alike, `/` in a key becomes
`~1` and `~` becomes `~0`. The metadata holds the kinds of the nodes, and the Python numbers and texts of the tree. No
code is stored and no class looked up: `load` takes a tree that shows the form, `like`.
"""

from __future__ import annotations

import math
import os
import re
import struct
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from funcnn import tree
from funcnn._arguments import described, whole_number
from funcnn._arrays import namespace, readonly
from funcnn.checkpoint import manifest as inventory
from funcnn.checkpoint import safetensors
from funcnn.checkpoint.manifest import ARRAYS, LEAVES, NUMBERS, Part, Place
from funcnn.checkpoint.safetensors import CheckpointError, CheckpointNotFoundError, DamagedCheckpointError, Header

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "CheckpointError", "CheckpointNotFoundError", "DamagedCheckpointError", "all_steps", "best", "keep", "latest",
    "load", "save",
]

T = TypeVar("T")

VERSION = "checkpoint 1"
"""What the metadata says under `funcnn`; another version is refused."""

STEP = re.compile(r"step_([0-9]{8,18})\.safetensors")

SHOWN = 100
"""So many differences or names an error shows at most."""


# ------------------------------------------------------------------------------------------ save and load


def save(path: str | os.PathLike[str], tree: Any) -> None:
    """Write a tree into a `.safetensors` file, which is there whole or not at all, also after a crash.

    Leaves are arrays of bool, int8..int64, uint8..uint64, float16..float64 and complex64, and Python's bool, int,
    float and str; nodes are those of `funcnn.tree`. A sha256 over everything lets `load` refuse a file of which one
    byte has changed. The file is written beside its place, brought to the disk, and moved there; a folder that is
    missing is made. Equal trees give equal files. Errors are `CheckpointError`.

    >>> import os, tempfile
    >>> from funcnn.checkpoint import load, save
    >>> params = {"dense_0": {"w": np.ones((2, 3), np.float32), "b": np.zeros(3, np.float32)}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "run.safetensors")
    ...     save(path, (params, 7))                       # a state: params, steps done
    ...     state = load(path, (params, 0))               # all of it, in the form of the second argument
    ...     weights = load(path, params, at="0")          # a part of it
    >>> state[1], weights["dense_0"]["w"].flags.writeable
    (7, False)

    The format is that of the safetensors library, which has no digest and does not bring its files to the disk.
    """
    _save(_text(path), tree, {})


def load(path: str | os.PathLike[str], like: T, *, at: str | int | tree.Path = ()) -> T:
    """The tree that `save` has written, in the form of `like`: a tree of the same nodes, shapes and dtypes.

    `like` is what a run starts with, such as `(params, optimizer.init(params))`; its values do not matter. Where the
    file has something else, one error names all the places. `at` says where in the saved tree `like` stands:
    "0/dense_0", or `(0, "dense_0")`; there, too, `like` has all that the file has. Arrays come back read-only and
    aligned to 64 bytes; dicts as the dicts of `like`; 0-d arrays and scalars of NumPy as what `like` has. An
    np.float64, which is a float, stays one.

    A file that has changed raises `DamagedCheckpointError`, none at all `CheckpointNotFoundError`. A file of another
    library is loaded if its arrays are those of `like`, by these names, no more and no fewer (what is not needed is
    named nevertheless, `{**like, "head": np.zeros(...)}`, or left out by `at`); its bfloat16 numbers are float32 here,
    the same numbers. It has no digest, so nobody can tell whether its bytes are those that were written.

    A part takes the memory of the part, and for the digest the time of the whole file. An example stands at `save`.
    """
    path = _text(path)
    wanted, form = inventory.parts(f"load: {path!r}", like)
    stored: dict[Place, Part] = {}

    def choose(header: Header) -> set[str]:
        stored.update(_stored(path, header, wanted, at))
        _check_fit(path, wanted, stored, "funcnn" in header.metadata)
        return {part.content for part in stored.values() if part.kind in ARRAYS}

    arrays = safetensors.read(path, choose)
    leaves = (_restored(stored[place], part.content, arrays) for place, part in wanted.items() if part.kind in LEAVES)
    return cast(T, tree.unflatten(form, leaves))


# ------------------------------------------------------------------------------------------ a run in a folder


def keep(folder: str | os.PathLike[str], step: int, tree: Any, *, last: int = 3, value: float | None = None) -> Path:
    """Save a tree as a step of a run, and remove what is neither among the last steps nor the best; the file's path.

    The file is `step_00000100.safetensors` in the folder, which is made if it is missing. `value` says how good the
    step is: less is better, as of a loss on validation data; the step of the least value stays, of equals the first.
    NaN is never the best. Removed is only what `keep` has written, once the new file is safe. A step before one that
    the folder has whole is an error, so that two runs do not mix; the same step again replaces it.

    >>> import tempfile
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
        raise CheckpointError(f"keep: step {step} is before step {later[-1]}, which {_text(folder)!r} has already; use "
                              "a folder for each run, or remove the later steps if the run goes on from here")
    path = _step_path(folder, step)
    _save(path, tree, note)
    _prune(folder, step, last)
    return Path(path)


def latest(folder: str | os.PathLike[str], like: T, *, at: str | int | tree.Path = ()) -> tuple[int, T] | None:
    """The last step that `keep` has saved in a folder, and its tree as `load` gives it; None if there is no step yet.

    A file that is damaged is passed over with a warning that names it; if all are, that is an error, and so is a file
    of one step that has the name of another. An example stands at `keep`.
    """
    return _first_whole(lambda: all_steps(folder)[::-1], folder, like, at)


def best(folder: str | os.PathLike[str], like: T, *, at: str | int | tree.Path = ()) -> tuple[int, T] | None:
    """The step with the least value that `keep` has saved in a folder, and its tree; None if no step has a value.

    A file that is damaged is passed over with a warning that names it; if all are, that is an error. An example
    stands at `keep`.
    """
    return _first_whole(lambda: _by_value(_all_metadata(folder)), folder, like, at)


def all_steps(folder: str | os.PathLike[str]) -> list[int]:
    """The steps that a folder has, in order, whole or not; as of Orbax's `CheckpointManager`.

    >>> all_steps("/a/folder/that/is/not/there")
    []
    """
    try:
        with os.scandir(_text(folder)) as entries:
            found = [(entry.name, STEP.fullmatch(entry.name)) for entry in entries if entry.is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CheckpointError(f"all_steps: cannot look into {_text(folder)!r}: {error.strerror}") from error
    return sorted(int(match[1]) for name, match in found if match and name == _step_name(int(match[1])))


def _step_name(step: int) -> str:
    return f"step_{step:08d}.safetensors"


def _step_path(folder: str | os.PathLike[str], step: int) -> str:
    return os.path.join(_text(folder), _step_name(step))


def _text(path: str | os.PathLike[str]) -> str:
    text = os.fsdecode(path)
    if "\0" in text:
        raise CheckpointError(f"checkpoint: the path {text!r} has a character that no path can have")
    return text


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
        safetensors.read(path, lambda header: ())
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
        raise DamagedCheckpointError(f"load: none of the steps {damaged} in {_text(folder)!r} is whole; restore one "
                                     "from elsewhere, or begin again in another folder")
    return None


# ------------------------------------------------------------------------------------- from tree to file


def _save(path: str, whole: Any, note: Mapping[str, str]) -> None:
    import json

    parts, _ = inventory.parts(f"save: {path!r}", whole)
    arrays = {place: np.asarray(part.content) for place, part in parts.items() if part.kind in ARRAYS}
    names = inventory.names(arrays)
    listed = {place: _as_json(part) for place, part in sorted(parts.items())}
    text = json.dumps(listed, separators=(",", ":"), allow_nan=False)
    named = {names[place]: array for place, array in arrays.items()}
    safetensors.write(path, named, {"funcnn": VERSION, "tree": text, **note})


def _as_json(part: Part) -> Any:
    """The kind of a node or an array; of a number or a text also the value, so that JSON gives it back exactly."""
    value = part.content
    if part.kind not in NUMBERS.values():
        return part.kind
    if part.kind == "str" and not safetensors.is_text(value):  # JSON would join the halves of a surrogate pair
        return {part.kind: [value.encode("utf-8", "surrogatepass").hex()]}
    if part.kind == "float" and not math.isfinite(value):
        value = struct.pack(">d", value).hex()
    if part.kind == "int" and not -2**63 <= value < 2**63:  # Python reads and writes long ones in base 16 only
        value = hex(value)
    return {part.kind: value}


def _value_of(kind: str, found: Any) -> bool | int | float | str | None:
    """The value that `_as_json` has written, or None for what it does not write."""
    if kind == "str" and isinstance(found, list):
        return _halves(found)
    if kind == "float" and isinstance(found, str) and re.fullmatch("[0-9a-f]{16}", found):
        return cast(float, struct.unpack(">d", bytes.fromhex(found))[0])
    if kind == "int" and isinstance(found, str) and re.fullmatch("-?0x[0-9a-f]+", found):
        return int(found, 16)
    return found if NUMBERS.get(type(found)) == kind else None


def _halves(found: list[Any]) -> str | None:
    """A text with halves of surrogate pairs, from its bytes."""
    try:
        return bytes.fromhex(*found).decode("utf-8", "surrogatepass")
    except (TypeError, ValueError):
        return None


# ------------------------------------------------------------------------------------- from file to tree


def _stored(path: str, header: Header, wanted: Mapping[Place, Part], at: str | int | tree.Path) -> dict[Place, Part]:
    """What the file has at the place where `like` stands, each part by its place in `like`."""
    base = _base(path, at)
    if "funcnn" in header.metadata:
        parts = _listed(path, header)
        base = _present(path, parts, base)
    else:
        parts = _guessed(header, {"/".join(filter(None, (base, place))): part for place, part in wanted.items()})
    return {place[len(base):].removeprefix("/"): part for place, part in parts.items() if _is_below(base, place)}


def _base(path: str, at: str | int | tree.Path) -> Place:
    try:
        return inventory.place(at if isinstance(at, tuple) else tuple(str(at).split("/")) if at != "" else ())
    except TypeError as error:
        raise CheckpointError(f"load: {path!r} at={at!r:.99}: {error}") from None


def _present(path: str, parts: Mapping[Place, Part], base: Place) -> Place:
    """The place itself, or the one place that a person writes so, where keys have `/` in them."""
    found = [base] if base in parts else [place for place in parts if inventory.plain(place) == inventory.plain(base)]
    if len(found) != 1:
        raise CheckpointError(f"load: {path!r} has {'several parts' if found else 'nothing'} at "
                              f"{inventory.plain(base)!r:.99}; at its top it has {_tops(parts)}")
    return found[0]


def _is_below(base: Place, place: Place) -> bool:
    return not base or place == base or place.startswith(base + "/")


def _listed(path: str, header: Header) -> dict[Place, Part]:
    """The parts of a tree that `save` has written, by their places in it."""
    if not header.sealed:
        raise DamagedCheckpointError("its digest is gone")
    if header.metadata["funcnn"] != VERSION:
        raise CheckpointError(f"load: {path!r} is a {header.metadata['funcnn']!r:.99}, this version of funcnn reads "
                              f"{VERSION!r}; install the one that wrote it, or a newer one")
    entries = safetensors.parse_json(header.metadata.get("tree", ""))
    if not isinstance(entries, dict) or "" not in entries:
        raise DamagedCheckpointError("its tree is not a list of places")
    names = inventory.names(place for place, entry in entries.items() if isinstance(entry, str) and entry in ARRAYS)
    if set(names.values()) != header.tensors.keys():
        raise DamagedCheckpointError("its arrays are not those of its tree")
    return {place: _array(entry, header, names[place]) if place in names else _node_or_value(entry)
            for place, entry in entries.items()}


def _array(kind: str, header: Header, name: str) -> Part:
    tensor = header.tensors[name]
    dtype = safetensors.dtype(tensor.code)
    return Part(kind, inventory.array_text(repr(tensor.code) if dtype is None else dtype, tensor.shape), name)


def _node_or_value(entry: Any) -> Part:
    if isinstance(entry, str) and inventory.is_node(entry):
        return Part(entry, inventory.node_text(entry))
    kind, found = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else ("", None)
    value = _value_of(kind, found)
    if value is None:
        raise DamagedCheckpointError(f"its tree has {entry!r:.99}, which is neither a node nor a value")
    return Part(kind, inventory.value_text(kind), value)


def _guessed(header: Header, wanted: Mapping[Place, Part]) -> dict[Place, Part]:
    """The parts of a file of another library: its arrays where their names say, and the nodes that are wanted."""
    names = inventory.names(place for place, part in wanted.items() if part.kind in LEAVES)
    places = {name: place for place, name in names.items()}
    arrays = {places[name] if name in places else inventory.place(tuple(name.split("/"))): _array("array", header, name)
              for name in header.tensors}
    return {place: part for place, part in wanted.items() if place not in names} | arrays


def _tops(parts: Iterable[Place]) -> str:
    tops = [repr(inventory.plain(place)) for place in parts if place and "/" not in place]
    return ", ".join(tops[:SHOWN]) or "nothing"


def _check_fit(path: str, wanted: Mapping[Place, Part], stored: Mapping[Place, Part], own: bool) -> None:
    misfits = list(inventory.misfits(wanted, stored))
    if misfits:
        shown = "".join(f"\n  {line}" for line in misfits[:SHOWN])
        more = f"\n  and {len(misfits) - SHOWN} more" if len(misfits) > SHOWN else ""
        raise CheckpointError(f"load: {path!r} does not fit `like` in {len(misfits)} place{'s' * (len(misfits) > 1)}:"
                              f"{shown}{more}\n{_WAY_OUT if own else _WAY_OUT_OF_OTHERS}; at its top the file has "
                              + _tops(stored))


_WAY_OUT = ("Give as `like` a tree such as was saved, made by the same net and optimizer, or a part of it with at= its "
            "place")
_WAY_OUT_OF_OTHERS = ("It is a file of another library: give as `like` a dict of all its arrays, {**like, 'name': "
                      "np.zeros(shape, dtype)} with those that you do not need, or a part of it with at= its place")


def _restored(stored: Part, like: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The leaf that was saved, as the kind of array that `like` is."""
    if stored.kind not in ARRAYS:
        return stored.content
    array = arrays[stored.content]
    if isinstance(like, np.generic | float):
        return array[()]
    if isinstance(like, np.ndarray):
        return readonly(array.astype(like.dtype, copy=False))
    return namespace(like).asarray(array)
