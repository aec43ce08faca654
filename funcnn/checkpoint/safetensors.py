"""Named arrays in a file that is whole or not there: `write`, `read`.

The files are valid `.safetensors` files: the length of the header (8 bytes, little-endian), the header (JSON: for
each name its dtype, shape and place; `__metadata__` for text), the data. `write` adds the sha256 of the whole file,
taken with zeros in place of its own 64 digits, and puts the file in its place in one move. `read` trusts nothing:
neither the length nor the header is believed before the size of the file allows it.
"""

from __future__ import annotations

import errno
import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from funcnn._arrays import readonly
from funcnn.checkpoint import atomic
from funcnn.typing import Shape

if TYPE_CHECKING:
    from hashlib import _Hash

    from numpy.typing import NDArray

__all__ = [
    "CheckpointError", "CheckpointNotFoundError", "DamagedCheckpointError", "Header", "Tensor", "code", "dtype_name",
    "is_text", "parse_json", "read", "read_header", "write",
]

CODES = {"BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
         "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8", "C64": "<c8"}
"""The dtypes that both NumPy and the format know."""

LENT = {"BF16": ("bfloat16", "<u2"), "F8_E4M3": ("float8_e4m3fn", "u1"), "F8_E5M2": ("float8_e5m2", "u1")}
"""The dtypes of the format that NumPy has not itself: their names in the library that lends them to it (ml_dtypes,
which comes with JAX), and as what their bits are read and written."""

NAMES = {np.dtype(name): code for code, name in CODES.items()}

LONGEST_HEADER = 100_000_000
"""In bytes; the official reader has the same limit."""

MOST_AXES = 64
"""As many as NumPy's arrays can have."""

ALIGNMENT = 64
"""In bytes: where the data starts in the file, and each array in memory; a cache line, the widest vector register."""

CHUNK = 1 << 20
"""In bytes: what is read, written and hashed at a time; it stays in the cache between the two."""

OPENING = b'{"__metadata__":{"sha256":"'
"""How the header of a file with a digest starts; the digest follows."""

NO_DIGEST = b"0" * 64


class CheckpointError(ValueError):
    """A file or a tree that cannot be saved or loaded; the text says which file, why, and what to do."""


class CheckpointNotFoundError(CheckpointError, FileNotFoundError):
    """There is no such file."""


class DamagedCheckpointError(CheckpointError):
    """A file that is not what was written: cut off, changed, or never a safetensors file."""


class Tensor(NamedTuple):
    """What a header says of an array: the code of its dtype, its shape, and its place in the data."""

    code: str
    shape: Shape
    begin: int
    end: int


class Header(NamedTuple):
    """The arrays of a file in the order of their places, its metadata, and whether it has a digest."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    sealed: bool


def dtype_name(code: str) -> str | None:
    """The name of the dtype of a code, or None where there is none.

    >>> dtype_name("F32"), dtype_name("BF16"), dtype_name("F4")
    ('float32', 'bfloat16', None)
    """
    return np.dtype(CODES[code]).name if code in CODES else LENT.get(code, (None,))[0]


def code(dtype: np.dtype[Any]) -> str | None:
    """The code of a dtype, of any byte order, or None where the format has none.

    >>> code(np.dtype(">f4")), code(np.dtype("complex128"))
    ('F32', None)
    """
    return NAMES.get(dtype.newbyteorder("<")) or next((code for code in LENT if LENT[code][0] == dtype.name), None)


def _stored(code: str) -> np.dtype[Any] | None:
    """As what the numbers of a code stand in the file."""
    name = CODES.get(code) or LENT.get(code, ("", None))[1]
    return None if name is None else np.dtype(name)


def _bits(array: NDArray[Any]) -> NDArray[Any]:
    """An array as it stands in a file: its numbers, or their bits where NumPy does not know them itself."""
    kind = code(array.dtype)
    return array.view(LENT[kind][1]) if kind in LENT else array


def _numbers(room: NDArray[np.uint8], code: str, wanted: np.dtype[Any]) -> NDArray[Any]:
    """The numbers that stand in a file; where NumPy does not know them itself, in the dtype that is wanted."""
    if code in CODES:
        return room.view(CODES[code])
    return _widened(room.view("<u2")) if wanted == np.float32 else room.view(wanted)


@contextmanager
def _os_errors(what: str, advice: str) -> Iterator[None]:
    """The errors of the operating system, in the one family."""
    try:
        yield
    except CheckpointError:  # of which one is an OSError
        raise
    except OSError as error:
        raise CheckpointError(f"{what}: {error.strerror}. {advice}") from error


# ----------------------------------------------------------------------------------------------- writing


def write(path: str, arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> None:
    """Write a file that is at `path` whole, also after a crash or a loss of power, or not at all.

    A new file is written in the same folder, brought to the disk, and takes the place of the old one in one move.
    The same arrays and metadata give the same bytes. Errors are `CheckpointError`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "two.safetensors")
    ...     write(path, {"w": np.ones((2, 3)), "b": np.zeros(3, np.float32)}, {"made by": "hand"})
    ...     header = read_header(path)
    ...     found = read(path, lambda header: {"b": np.dtype(np.float32)})
    >>> header.tensors["b"], header.metadata["made by"], found
    (Tensor(code='F32', shape=(3,), begin=48, end=60), 'hand', {'b': array([0., 0., 0.], dtype=float32)})
    """
    if path.endswith(("/", os.sep)) or _is_no_file(path):
        raise CheckpointError(f"save: {path!r} is a folder or a device; give the path of a file")
    widest_first = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))  # so all stand aligned
    ordered = {name: arrays[name] for name in widest_first}
    header = _encoded(_tensors(ordered), metadata)
    with _os_errors(f"save: cannot write {path!r}", "What stood there is untouched; look at the folder, its "
                    "permissions and the space on its disk"):
        target = os.path.realpath(path)  # a link stays; what it points to is replaced
        folder = os.path.dirname(target)
        atomic.make_folder(folder)
        with atomic.replacement(target) as fd:
            _fill(fd, header, map(_bits, ordered.values()))
    with _os_errors(f"save: {path!r} is written, but may be lost with the power", "Look after the disk"):
        atomic.sync_folder(folder)


def _is_no_file(path: str) -> bool:
    """Whether something else than a file is there; one look, for it may be gone at the next."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return path == ""


def _tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    end, tensors = 0, {}
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        tensors[name] = Tensor(str(code(array.dtype)), array.shape, begin, end)
    return tensors


def _encoded(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """The header with its length before it, padded with spaces so that the data starts aligned."""
    import json

    entries = {name: {"dtype": tensor.code, "shape": tensor.shape, "data_offsets": (tensor.begin, tensor.end)}
               for name, tensor in tensors.items()}
    everything = {"__metadata__": {"sha256": NO_DIGEST.decode(), **metadata}, **entries}
    text = json.dumps(everything, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    if len(text) > LONGEST_HEADER:
        raise CheckpointError(f"save: {len(tensors)} arrays need a header of {len(text)} bytes, more than the "
                              f"{LONGEST_HEADER} that the format allows; put many small arrays into one")
    return len(text).to_bytes(8, "little") + text


def _fill(fd: int, header: bytes, arrays: Iterable[NDArray[Any]]) -> None:
    from hashlib import sha256

    whole = sha256(header)
    atomic.write_all(fd, memoryview(header))
    for array in arrays:
        for piece in _pieces(array):
            whole.update(piece)
            atomic.write_all(fd, piece)
    os.lseek(fd, 8 + len(OPENING), os.SEEK_SET)
    atomic.write_all(fd, memoryview(whole.hexdigest().encode()))


def _pieces(array: NDArray[Any]) -> Iterator[memoryview]:
    """The bytes of an array, little-endian in C order; what stands otherwise is copied a block at a time."""
    little = array.dtype.newbyteorder("<")
    rows = np.atleast_1d(array)
    if rows.flags.c_contiguous and rows.dtype == little:
        raw = rows.reshape(-1).view(np.uint8).data
        return (raw[start:start + CHUNK] for start in range(0, len(raw), CHUNK))
    height = max(1, CHUNK // max(1, rows[:1].nbytes))
    blocks = (np.ascontiguousarray(rows[i:i + height], little) for i in range(0, len(rows), height))
    return (block.reshape(-1).view(np.uint8).data for block in blocks)


# ----------------------------------------------------------------------------------------------- reading


def read(path: str, choose: Callable[[Header], Mapping[str, np.dtype[Any]]]) -> dict[str, NDArray[Any]]:
    """The arrays that `choose` picks, by name, of a file's header: read-only, each aligned and in memory of its own.

    Each comes in its own dtype; one that NumPy does not know, in the dtype with which it is picked: that of the library
    that lends it, or float32 for a bfloat16, which is the upper half of one, so that nothing is lost.

    A file with a digest is read whole, and nothing of it is given before the digest is right; where it is wrong, that
    is the error, whatever `choose` says of the header. A file of others has none; only what is chosen is read. An
    example stands at `write`.
    """
    with _opened(path) as file:
        start = _start(file)
        try:
            header = _parsed(start, _size(file))
            chosen = choose(header)
        except CheckpointError:
            _check_rest(file, start)
            raise
        return _arrays(file, start, header, chosen)


def read_header(path: str) -> Header:
    """The header of a file, as it stands; the digest is not looked at."""
    with _opened(path) as file:
        return _parsed(_start(file), _size(file))


@contextmanager
def _opened(path: str) -> Iterator[FileIO]:
    if _is_no_file(path):
        raise CheckpointError(f"load: {path!r} is a folder or a device; give the path of a file")
    with _os_errors(f"load: cannot read {path!r}", "Look at the file, its permissions and its disk"):
        try:
            file = FileIO(path)
        except FileNotFoundError as error:
            raise CheckpointNotFoundError(f"load: there is no file {path!r}; give the path of one that save has written"
                                          ) from error
        with file, _damage(path):
            yield file


@contextmanager
def _damage(path: str) -> Iterator[None]:
    """Name the file in the errors that say what is wrong with its bytes."""
    advice = "Load an older file, or save again"
    try:
        yield
    except DamagedCheckpointError as error:
        raise DamagedCheckpointError(f"load: {path!r} is not whole: {error}. {advice}") from None
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise DamagedCheckpointError(f"load: {path!r} cannot be read: {error.strerror}. {advice}") from error


def _size(file: FileIO) -> int:
    return os.fstat(file.fileno()).st_size


def _start(file: FileIO) -> bytearray:
    """The length of the header and the header, if they can be what they say."""
    first = bytearray(min(8, _size(file)))
    _read_into(file, memoryview(first))
    length, rest = int.from_bytes(first, "little"), _size(file) - 8
    if rest < 2 or length > min(rest, LONGEST_HEADER):
        raise DamagedCheckpointError(f"it has {rest + 8} bytes, of which the first 8 announce a header of {length}")
    start = bytearray(8 + length)
    start[:8] = first
    _read_into(file, memoryview(start)[8:])
    return start


def _read_into(file: FileIO, buffer: memoryview) -> None:
    while buffer:
        count = file.readinto(buffer)
        if not count:
            raise DamagedCheckpointError("it ends before its header says")
        buffer = buffer[count:]


def _arrays(file: FileIO, start: bytearray, header: Header, chosen: Mapping[str, np.dtype[Any]],
            ) -> dict[str, NDArray[Any]]:
    whole = _hash_of(start)
    found = {}
    for name, tensor in header.tensors.items():
        size = tensor.end - tensor.begin
        if name in chosen:
            buffer = _aligned(size)
            _take(file, buffer, whole)
            found[name] = readonly(_numbers(buffer, tensor.code, chosen[name]).reshape(tensor.shape))
        else:
            _pass(file, size, whole)
    _check_digest(start, whole)
    return found


def _aligned(size: int) -> NDArray[np.uint8]:
    room = np.empty(size + ALIGNMENT - 1, np.uint8)
    offset = -room.__array_interface__["data"][0] % ALIGNMENT
    return room[offset:offset + size]


def _widened(upper: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The float32 numbers of which these are the upper halves."""
    bits = _aligned(2 * upper.nbytes).view("<u4")
    np.left_shift(upper, np.uint32(16), out=bits)
    return bits.view("<f4")


def _take(file: FileIO, buffer: NDArray[np.uint8], whole: _Hash | None) -> None:
    raw = buffer.data
    for begin in range(0, len(raw), CHUNK):
        _read_into(file, raw[begin:begin + CHUNK])
        if whole:
            whole.update(raw[begin:begin + CHUNK])


def _pass(file: FileIO, size: int, whole: _Hash | None) -> None:
    """Go on by so many bytes, which count for the digest only."""
    if not whole:
        file.seek(size, os.SEEK_CUR)
        return
    room = memoryview(bytearray(min(CHUNK, size)))
    for begin in range(0, size, CHUNK):
        piece = room[:size - begin]
        _read_into(file, piece)
        whole.update(piece)


# ------------------------------------------------------------------------------------------------ digest


def _hash_of(start: bytearray) -> _Hash | None:
    """The hash of a file begun, with zeros in place of its digest; None for a file of others."""
    from hashlib import sha256

    if not start.startswith(OPENING, 8):
        return None
    end = 8 + len(OPENING) + len(NO_DIGEST)
    return sha256(bytes(start[:8]) + OPENING + NO_DIGEST + start[end:])


def _check_digest(start: bytearray, whole: _Hash | None) -> None:
    at = 8 + len(OPENING)
    if whole and whole.hexdigest().encode() != start[at:at + len(NO_DIGEST)]:
        raise DamagedCheckpointError("its sha256 is not the one it was saved with, so its bytes have changed")


def _check_rest(file: FileIO, start: bytearray) -> None:
    """Whether the digest of a file, of which the header has been read, is right."""
    whole = _hash_of(start)
    file.seek(len(start))
    _pass(file, _size(file) - len(start), whole)
    _check_digest(start, whole)


# ------------------------------------------------------------------------------------------------ header


def parse_json(text: str) -> Any:
    """The value of a JSON text of bounded depth and short numbers, without NaN and without a name given twice."""
    import json

    try:
        return json.loads(text, object_pairs_hook=_without_doubles, parse_int=_short_int, parse_constant=_no_constant)
    except RecursionError:
        raise DamagedCheckpointError("its header is nested too deep") from None
    except ValueError as error:
        raise DamagedCheckpointError(f"its header is not JSON ({error})") from None


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a name is given twice")
    if not all(map(is_text, entries)):
        raise ValueError("a name has half of a surrogate pair")
    return entries


def is_text(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, which no file may have in a name.

    >>> is_text("é"), is_text(chr(0xd800))
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _short_int(text: str) -> int:
    if len(text) > 20:
        raise ValueError("a number is too long")
    return int(text)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _parsed(start: bytearray, size: int) -> Header:
    """The header, if each array has its own place and all places together are the data."""
    try:
        entries = parse_json(start[8:].decode())
    except UnicodeDecodeError:
        raise DamagedCheckpointError("its header is not UTF-8") from None
    if not isinstance(entries, dict):
        raise DamagedCheckpointError("its header is not a JSON object")
    metadata = _metadata(entries.pop("__metadata__", {}))
    tensors = {name: _tensor(name, entry) for name, entry in entries.items()}
    in_order = dict(sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)))
    end = 0
    for name, tensor in in_order.items():
        if tensor.begin != end:
            raise DamagedCheckpointError(f"array {name!r:.99} starts at byte {tensor.begin} of the data, not at {end}")
        end = tensor.end
    if len(start) + end != size:
        raise DamagedCheckpointError(f"its header announces {len(start) + end} bytes, it has {size}")
    return Header(in_order, metadata, start.startswith(OPENING, 8))


def _metadata(found: Any) -> dict[str, str]:
    if not (isinstance(found, dict) and all(isinstance(value, str) for value in found.values())):
        raise DamagedCheckpointError("its __metadata__ is not text by name")
    return found


def _tensor(name: str, entry: Any) -> Tensor:
    """An entry of the header, if it is one and its bytes are as many as its dtype and shape need."""
    if not (isinstance(entry, dict) and entry.keys() == {"dtype", "shape", "data_offsets"}
            and isinstance(entry["dtype"], str) and _are_sizes(entry["shape"]) and _are_sizes(entry["data_offsets"])
            and len(entry["data_offsets"]) == 2):
        raise DamagedCheckpointError(f"the entry of array {name!r:.99} has no dtype, shape and data_offsets as due")
    tensor = Tensor(entry["dtype"], tuple(entry["shape"]), *entry["data_offsets"])
    known = _stored(tensor.code)
    size = tensor.end - tensor.begin
    if size < 0 or (known is not None and size != math.prod(tensor.shape) * known.itemsize):
        raise DamagedCheckpointError(f"array {name!r:.99} has {size} bytes, which does not fit its dtype and shape")
    return tensor


def _are_sizes(found: Any) -> bool:
    return isinstance(found, list) and len(found) <= MOST_AXES and all(type(n) is int and n >= 0 for n in found)
