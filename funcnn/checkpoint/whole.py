"""A tree in one file, and the same tree back: `save`, `load`."""

from __future__ import annotations

import math
import os
import re
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from funcnn import tree
from funcnn._arrays import readonly
from funcnn._devices import on_host, out_of_reach, placed_like, stored_as
from funcnn.checkpoint import manifest as inventory
from funcnn.checkpoint import safetensors
from funcnn.checkpoint.manifest import ARRAYS, LEAVES, NUMBERS, Part, Place
from funcnn.checkpoint.safetensors import CheckpointError, DamagedCheckpointError, Header
from funcnn.tree import FrozenDict

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["load", "load_file", "path_text", "save", "write"]

T = TypeVar("T")

VERSION = "checkpoint 1"
"""What the metadata says under `funcnn`; another version is refused."""

SHOWN = 100
"""So many differences or names an error shows at most."""


# ------------------------------------------------------------------------------------------ save and load


def save(path: str | os.PathLike[str], tree: Any) -> None:
    """Write a `tree` into a `.safetensors` file, which is there whole or not at all, also after a crash.

    `path` is the file's, with the ending that you choose; one that is there is replaced. Leaves are arrays of bool,
    int8..int64, uint8..uint64, float16..float64, bfloat16 and complex64, and Python's bool, int, float and str; nodes
    are those of `funcnn.tree`. A sha256 over everything lets `load` refuse a file of which one byte has changed. The
    file is written beside its place, brought to the disk, and moved there; a folder that is missing is made. Equal
    trees give equal files. Errors are `CheckpointError`.

    Arrays of JAX are saved as NumPy's, gathered from their devices; of a typed key its words. One with parts on devices
    of other processes is an error: gather it in all of them, save in one.

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
    write(path_text(path), tree, {})


def load(path: str | os.PathLike[str], like: T, *, at: str | int | tree.Path = (),
         names: Mapping[str, str] | None = None, leave_out: bool = False) -> T:
    """The tree that `save` has written, in the form of `like`: a tree of the same nodes, shapes and dtypes.

    - `path`: the file. One that has changed raises `DamagedCheckpointError`, none at all `CheckpointNotFoundError`.
    - `like`: what a run starts with, such as `(params, optimizer.init(params))`; its values do not matter. Where the
      file has something else, one `CheckpointError` names all the places.
    - `at`: where in the saved tree `like` stands: "0/dense_0", or `(0, "dense_0")`; by default it is all of it. There,
      too, `like` has all that the file has. A part takes the memory of the part, and for the digest the time of the
      whole file.
    - `names`: of a file of another library, which arrays have other names than the paths of `like`:
      `{"dense_0/w": "encoder.weight"}`.
    - `leave_out`: whether the file may have more than `like` has.

    Arrays come back read-only and aligned to 64 bytes; dicts as the dicts of `like`; 0-d arrays and scalars of NumPy as
    what `like` has. An np.float64, which is a float, stays one. Where `like` has an array of JAX, or the outline of
    one, one comes back, on its devices and split as it is, so a run goes on with other devices; where it has a typed
    key, the key of the words. A Python number and a 0-d array of its kind, as `jax.jit` makes of counts, stand for each
    other.

    A file of another library is loaded if its arrays are those of `like`. Axes stay as they are
    (`tree.from_torch(load_file(path), like)` turns those of PyTorch). It has no digest, so nobody can tell whether its
    bytes are those that were written. bfloat16 numbers are those of ml_dtypes where `like` has them, and float32, the
    same numbers, where it has that. An example stands at `save`.
    """
    path = path_text(path)
    wanted, form = inventory.parts(f"load: {path!r}", like)
    stored: dict[Place, Part] = {}

    def choose(header: Header) -> dict[str, np.dtype[Any]]:
        found = _stored(path, header, wanted, at, names)
        stored.update({place: part for place, part in found.items() if place in wanted} if leave_out else found)
        _check_fit(path, wanted, stored, "funcnn" in header.metadata)
        return {part.content: _dtype(wanted[place]) for place, part in stored.items() if part.kind in ARRAYS}

    arrays = safetensors.read(path, choose)
    leaves = (_restored(stored[place], part, arrays) for place, part in wanted.items() if part.kind in LEAVES)
    return cast(T, tree.unflatten(form, leaves))


def load_file(path: str | os.PathLike[str]) -> FrozenDict[str, NDArray[Any]]:
    """All arrays of the `.safetensors` file at `path`, of any library, by their names there.

    >>> import os, tempfile
    >>> from funcnn.checkpoint import load_file, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "net.safetensors")
    ...     save(path, {"dense_0": {"w": np.ones((2, 3), np.float32)}})
    ...     load_file(path)
    FrozenDict({'dense_0/w': float32[2, 3]})

    As `safetensors.numpy.load_file`; with the checks and errors of `load`, and bfloat16 as float32.
    """
    return FrozenDict(safetensors.read(
        path_text(path), lambda header: dict.fromkeys(header.tensors, np.dtype(np.float32))))


def path_text(path: str | os.PathLike[str]) -> str:
    """A path as text, if there can be such a path.

    >>> path_text(b"run.safetensors")
    'run.safetensors'
    """
    text = os.fsdecode(path)
    if "\0" in text:
        raise CheckpointError(f"checkpoint: the path {text!r} has a character that no path can have")
    return text


# ------------------------------------------------------------------------------------- from tree to file


def write(path: str, whole: Any, note: Mapping[str, str]) -> None:
    """Write a tree into a file, with a note in the metadata; an example stands at `save`."""
    import json

    parts, _ = inventory.parts(f"save: {path!r}", whole)
    arrays = {place: _gathered(path, place, part.content) for place, part in parts.items() if part.kind in ARRAYS}
    names = inventory.names(arrays)
    listed = {place: _as_json(part) for place, part in sorted(parts.items())}
    text = json.dumps(listed, separators=(",", ":"), allow_nan=False)
    named = {names[place]: array for place, array in arrays.items()}
    safetensors.write(path, named, {"funcnn": VERSION, "tree": text, **note})


def _gathered(path: str, place: Place, array: Any) -> NDArray[Any]:
    if why := out_of_reach(array):
        raise CheckpointError(f"save: {path!r}: at {inventory.where(place)} stands {why}")
    return np.asarray(on_host("save", array))


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


def _stored(path: str, header: Header, wanted: Mapping[Place, Part], at: str | int | tree.Path,
            names: Mapping[str, str] | None) -> dict[Place, Part]:
    """What the file has at the place where `like` stands, each part by its place in `like`."""
    base = _base(path, at)
    if names and "funcnn" in header.metadata:
        raise CheckpointError(f"load: {path!r} is a file of funcnn, whose arrays are where they were saved; names= is "
                              "for files of others, at= for a part of this one")
    if "funcnn" in header.metadata:
        parts = _listed(path, header)
        base = _present(path, parts, base)
    else:
        below = {"/".join(filter(None, (base, place))): part for place, part in wanted.items()}
        parts = _guessed(header, below, _renamed(path, wanted, base, names or {}))
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
    dtype = safetensors.dtype_name(tensor.code) or repr(tensor.code)
    return Part(kind, inventory.array_text(dtype, tensor.shape), name)


def _node_or_value(entry: Any) -> Part:
    if isinstance(entry, str) and inventory.is_node(entry):
        return Part(entry, inventory.kind_text(entry))
    kind, found = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else ("", None)
    value = _value_of(kind, found)
    if value is None:
        raise DamagedCheckpointError(f"its tree has {entry!r:.99}, which is neither a node nor a value")
    return Part(kind, inventory.kind_text(kind), value)


def _renamed(path: str, wanted: Mapping[Place, Part], base: Place, names: Mapping[str, str]) -> dict[Place, str]:
    """The names that were given, by the places of the leaves."""
    written = {inventory.plain(place): place for place, part in wanted.items() if part.kind in LEAVES}
    if unknown := [name for name in names if name not in written]:
        raise CheckpointError(f"load: {path!r}: names has {unknown[0]!r:.99}, which `like` has not; it has "
                              + ", ".join(map(repr, [*written][:SHOWN])))
    return {"/".join(filter(None, (base, written[key]))): name for key, name in names.items()}


def _guessed(header: Header, wanted: Mapping[Place, Part], given: dict[Place, str]) -> dict[Place, Part]:
    """The parts of a file of another library: its arrays where their names say, and the nodes that are wanted."""
    names = inventory.names(place for place, part in wanted.items() if part.kind in LEAVES) | given
    places = {name: place for place, name in names.items()}
    arrays = {places[name] if name in places else _elsewhere(name, names): _array("array", header, name)
              for name in header.tensors}
    return {place: part for place, part in wanted.items() if place not in names} | arrays


def _elsewhere(name: str, names: Mapping[Place, str]) -> Place:
    """Where an array stands that no leaf is called by: not at a leaf, even if that has another name in the file."""
    place = inventory.place(tuple(name.split("/")))
    return f"{place} itself" if place in names else place


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
_WAY_OUT_OF_OTHERS = ("It is a file of another library: say names={'dense_0/w': 'its name'} of arrays that have other "
                      "names there, leave_out=True if you do not need all of them, or at= a place in it")


def _dtype(wanted: Part) -> np.dtype[Any]:
    """The dtype of an array that is wanted; of a number, one in which each of the file is the same number."""
    return stored_as(wanted.content)[0] if wanted.kind in ARRAYS else np.dtype(np.float32)


def _restored(stored: Part, wanted: Part, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The leaf that was saved, as the kind of number or array that is wanted."""
    if stored.kind not in ARRAYS and wanted.kind not in ARRAYS:
        return stored.content
    found = arrays[stored.content] if stored.kind in ARRAYS else np.asarray(stored.content, _dtype(wanted))
    like = wanted.content
    if isinstance(like, np.generic) or (stored.kind == "scalar" and isinstance(like, float)):
        return found[()]
    if type(like) in NUMBERS:
        return type(like)(found)
    if isinstance(like, np.ndarray):
        return readonly(found.astype(like.dtype, copy=False))
    return placed_like(found, like)
