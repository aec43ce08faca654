"""With this module you can hold parameters that never change: `FrozenDict`, the container of all trees funcnn makes.

It is a mapping whose nested dicts are frozen too. Its entries, its leaves and the vector that joins them say the same
thing; what is not asked for is not made, because a training step makes many and looks into few.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, final, overload

import numpy as np

if TYPE_CHECKING:
    from funcnn.optimizers.onepass import Layout
    from funcnn.tree import Structure

__all__ = [
    "FrozenDict", "MissingKeyError", "entries_of", "leaves_of", "missing", "of_entries", "of_leaves", "of_vector",
    "remember", "show", "vector_of",
]

K = TypeVar("K", bound=Hashable)
V_co = TypeVar("V_co", covariant=True)
W = TypeVar("W")


class MissingKeyError(KeyError):
    """A key that a `FrozenDict` does not have; its text is shown as written, unlike a plain KeyError's."""

    def __str__(self) -> str:
        return str(self.args[0])


@final
class FrozenDict(Mapping[K, V_co]):
    """A dict that cannot change: the container of parameters, gradients and updates.

    Plain dicts among the values become FrozenDicts too. `|` gives a new one, as for dict.

    >>> params = FrozenDict({"dense_0": {"w": np.ones((2, 3), np.float32), "b": np.ones(3, np.float32)}})
    >>> params
    FrozenDict({'dense_0': {'w': float32[2, 3], 'b': float32[3]}})
    >>> params["dense_O"]
    Traceback (most recent call last):
    ...
    funcnn.tree.frozendict.MissingKeyError: no entry 'dense_O'; did you mean 'dense_0'? The entries are 'dense_0'
    """

    __slots__ = ("_data", "_flat", "_joined")
    _data: dict[K, V_co]
    _flat: tuple[tuple[Any, ...], Structure] | None  # its leaves, once asked for: they can never change
    _joined: tuple[Layout, Any] | None  # the vector that its leaves are views of, if they are

    def __new__(cls, entries: Mapping[K, V_co] | Iterable[tuple[K, V_co]] = (), /) -> FrozenDict[K, V_co]:
        """Take over the entries of a mapping, or pairs, as `dict` does."""
        return of_entries({k: _without_dicts(v) for k, v in dict(entries).items()})

    if not TYPE_CHECKING:  # a type checker would allow what these refuse

        def __getattr__(self, name: str) -> Any:
            """Compute what was left for later: the leaves from the vector, the entries from the leaves."""
            if name == "_flat" and self._joined is not None:
                layout, vector = self._joined
                found: Any = layout.cut(vector), layout.structure
            elif name == "_data" and self._flat is not None:
                found = self._flat[1].entries(self._flat[0])
            else:
                raise AttributeError(f"FrozenDict has no attribute {name!r}; an entry is read as params[{name!r}]")
            _SET[name](self, found)
            return found

        def __setattr__(self, name: str, value: object) -> NoReturn:
            raise TypeError(f"FrozenDict: cannot set attribute {name!r}; a FrozenDict never changes")

        def __delattr__(self, name: str) -> NoReturn:
            raise TypeError(f"FrozenDict: cannot delete attribute {name!r}; a FrozenDict never changes")

    def __getitem__(self, key: K) -> V_co:
        try:
            return self._data[key]
        except KeyError:
            raise missing(key, self._data) from None

    def __iter__(self) -> Iterator[K]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def keys(self) -> KeysView[K]:
        """The keys, as of a dict."""
        return self._data.keys()

    def values(self) -> ValuesView[V_co]:
        """The values, as of a dict."""
        return self._data.values()

    def items(self) -> ItemsView[K, V_co]:
        """The entries, as of a dict."""
        return self._data.items()

    @overload
    def get(self, key: K, /) -> V_co | None: ...
    @overload
    def get(self, key: K, /, default: V_co | W) -> V_co | W: ...
    def get(self, key: K, /, default: Any = None) -> Any:
        """The value at `key`, or `default`; never an error."""
        return self._data.get(key, default)

    def __or__(self, other: Mapping[K, V_co]) -> FrozenDict[K, V_co]:
        return cast("FrozenDict[K, V_co]", _merged(self, other))

    def __ror__(self, other: Mapping[K, V_co]) -> FrozenDict[K, V_co]:
        return cast("FrozenDict[K, V_co]", _merged(other, self))

    def __eq__(self, other: object) -> bool:
        try:
            return isinstance(other, Mapping) and self._data == dict(other)
        except ValueError:
            raise ValueError("FrozenDict: == cannot compare arrays; use tree.equal(a, b), the same bytes, "
                             "or tree.all_close(a, b)") from None

    def __hash__(self) -> int:
        return hash(frozenset(self._data.items()))

    if not TYPE_CHECKING:  # a type checker would allow what these refuse

        def __setitem__(self, key: object, value: object) -> NoReturn:
            raise TypeError(f"FrozenDict: cannot set entry {key!r}; a FrozenDict never changes. Make a new one: "
                            f"FrozenDict({{**params, {key!r}: value}}), or tree.update_in(params, path, f)")

        def __delitem__(self, key: object) -> NoReturn:
            raise TypeError(f"FrozenDict: cannot delete entry {key!r}; a FrozenDict never changes. Make a new "
                            f"one: FrozenDict((k, v) for k, v in params.items() if k != {key!r})")

    def __repr__(self) -> str:
        return f"FrozenDict({show(self, indent=len('FrozenDict('))})"

    def __copy__(self) -> FrozenDict[K, V_co]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenDict[K, V_co]:
        import copy

        return _rebuilt(copy.deepcopy(self._data, memo), self._writeable())

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _rebuilt, (self._data, self._writeable())

    def _writeable(self) -> list[bool]:
        return [bool(array.flags.writeable) for array in _arrays(self._data)]


def _merged(one: Any, other: Any) -> Any:
    both_map = isinstance(one, Mapping) and isinstance(other, Mapping)
    return FrozenDict({**one, **other}) if both_map else NotImplemented


def _arrays(value: Any) -> Iterator[Any]:
    """The arrays among entries; those of a FrozenDict inside are its own affair."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict | tuple | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _arrays(each)


def _rebuilt(data: dict[K, V_co], writeable: list[bool]) -> FrozenDict[K, V_co]:
    """A FrozenDict of copied arrays; copying and pickling lose the read-only flag, so it is set again."""
    for array, flag in zip(_arrays(data), writeable, strict=True):
        array.setflags(write=flag)
    return of_entries(data)


def _without_dicts(value: Any) -> Any:
    return FrozenDict(value) if type(value) is dict else value


entries_of: Callable[[FrozenDict[K, V_co]], dict[K, V_co]] = attrgetter("_data")
"""The entries as a dict, to be read only: for code that looks at many and must be fast."""

leaves_of: Callable[[FrozenDict[Any, Any]], tuple[tuple[Any, ...], Structure] | None] = attrgetter("_flat")
"""The leaves and the structure, if they are known."""

vector_of: Callable[[FrozenDict[Any, Any]], tuple[Layout, Any] | None] = attrgetter("_joined")
"""The layout and the vector that the leaves are views of, if they are."""


def of_entries(data: dict[K, V_co]) -> FrozenDict[K, V_co]:
    """`FrozenDict(data)` without the copy, for a dict that nobody else holds and whose dicts are frozen."""
    new: FrozenDict[K, V_co] = object.__new__(FrozenDict)
    _SET["_data"](new, data)
    _SET["_flat"](new, None)
    _SET["_joined"](new, None)
    return new


_SET: dict[str, Callable[[FrozenDict[Any, Any], Any], None]] = {
    name: vars(FrozenDict)[name].__set__ for name in ("_data", "_flat", "_joined")}
"""How the slots of a new FrozenDict are filled, which refuses to be changed."""


def missing(key: object, entries: Iterable[object]) -> MissingKeyError:
    """The error that an entry is not there, with the one that may have been meant."""
    import difflib

    names = [str(entry) for entry in entries]
    close = difflib.get_close_matches(str(key), names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    there = "The entries are " + ", ".join(map(repr, entries)) if names else "There are no entries"
    return MissingKeyError(f"no entry {key!r}{hint} {there}")


def show(tree: Any, indent: int = 0) -> str:
    """`{'w': float32[2, 3], 'b': float32[3]}`; nested dicts stand one a line when they do not fit."""
    if isinstance(tree, FrozenDict | dict):
        parts = [f"{k!r}: {show(v, indent + len(repr(k)) + 3)}" for k, v in tree.items()]
        one_line = ", ".join(parts)
        fits = len(one_line) + indent <= 100 and "\n" not in one_line
        return "{" + (one_line if fits else (",\n" + " " * (indent + 1)).join(parts)) + "}"
    if isinstance(tree, np.ndarray) and tree.ndim:
        return f"{tree.dtype}{list(tree.shape)}"
    return repr(tree)


def of_leaves(leaves: tuple[Any, ...], structure: Structure) -> FrozenDict[Any, Any]:
    """The FrozenDict of this structure, without lists or dicts in it, and these leaves."""
    new: FrozenDict[Any, Any] = object.__new__(FrozenDict)
    _SET["_flat"](new, (leaves, structure))
    _SET["_joined"](new, None)
    return new


def of_vector(vector: Any, layout: Layout) -> FrozenDict[Any, Any]:
    """The FrozenDict whose leaves are views of a vector, which becomes read-only."""
    new: FrozenDict[Any, Any] = object.__new__(FrozenDict)
    vector.setflags(write=False)
    _SET["_joined"](new, (layout, vector))
    return new


def remember(tree: FrozenDict[Any, Any], leaves: tuple[Any, ...], structure: Structure) -> None:
    """Keep the leaves of a FrozenDict of such a structure, now that they were looked for: they can never change."""
    _SET["_flat"](tree, (leaves, structure))
