"""Parameters that never change: `FrozenDict`, the container of all trees that funcnn makes.

It is complete when it is born: what is inside is frozen, its leaves are found and its structure is known.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast, final, overload

import numpy as np

from funcnn._arguments import nearest
from funcnn._arrays import readonly
from funcnn.tree.structure import LEAF, NODES, Node, Parts, Structure, node_of, parts, parts_of, show, too_deep

__all__ = ["FrozenDict", "MissingKeyError", "born", "entries_of", "frozen", "known_parts", "missing",
           "read_only_view"]

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

    `entries` is a mapping, or pairs, as for `dict`, of keys that have an order (texts); none gives the empty one. Plain
    dicts and OrderedDicts among the values become FrozenDicts too, and arrays read-only views: whoever gave one may
    still write into it, nobody can through the FrozenDict. A list stays a list, of read-only arrays. `|` gives a new
    one, as for dict.

    >>> params = FrozenDict({"dense_0": {"w": np.ones((2, 3), np.float32), "b": np.ones(3, np.float32)}})
    >>> params
    FrozenDict({'dense_0': {'w': float32[2, 3], 'b': float32[3]}})
    >>> params["dense_O"]
    Traceback (most recent call last):
    ...
    funcnn.tree.frozendict.MissingKeyError: no entry 'dense_O'; did you mean 'dense_0'? The entries are 'dense_0'
    """

    __slots__ = ("_entries", "_parts")
    _entries: dict[K, V_co]
    _parts: Parts | None  # its leaves and structure, unless there are lists inside, which may grow

    def __new__(cls, entries: Mapping[K, V_co] | Iterable[tuple[K, V_co]] = (), /) -> FrozenDict[K, V_co]:
        """Take over the entries of a mapping, or pairs, as `dict` does."""
        return _of_entries({key: frozen(value) for key, value in dict(entries).items()})

    if not TYPE_CHECKING:  # a type checker would allow what these refuse

        def __getattr__(self, name: str) -> NoReturn:
            if hasattr(dict, name):
                raise AttributeError(f"FrozenDict has no {name!r}: a FrozenDict never changes. Make a new one: "
                                     f"FrozenDict({{**params, ...}}), or tree.update_in(params, path, f)")
            raise AttributeError(f"FrozenDict has no attribute {name!r}; an entry is read as params[{name!r}]")

        def __setattr__(self, name: str, value: object) -> NoReturn:
            raise TypeError(f"FrozenDict: cannot set attribute {name!r}; a FrozenDict never changes")

        def __delattr__(self, name: str) -> NoReturn:
            raise TypeError(f"FrozenDict: cannot delete attribute {name!r}; a FrozenDict never changes")

        def __setitem__(self, key: object, value: object) -> NoReturn:
            raise TypeError(f"FrozenDict: cannot set entry {key!r}; a FrozenDict never changes. Make a new one: "
                            f"FrozenDict({{**params, {key!r}: value}}), or tree.update_in(params, path, f)")

        def __delitem__(self, key: object) -> NoReturn:
            raise TypeError(f"FrozenDict: cannot delete entry {key!r}; a FrozenDict never changes. Make a new "
                            f"one: FrozenDict((k, v) for k, v in params.items() if k != {key!r})")

    def __getitem__(self, key: K) -> V_co:
        try:
            return self._entries[key]
        except KeyError:
            raise missing(key, self._entries) from None

    def __iter__(self) -> Iterator[K]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def keys(self) -> KeysView[K]:
        """The keys, as of a dict."""
        return self._entries.keys()

    def values(self) -> ValuesView[V_co]:
        """The values, as of a dict."""
        return self._entries.values()

    def items(self) -> ItemsView[K, V_co]:
        """The entries, as of a dict."""
        return self._entries.items()

    @overload
    def get(self, key: K, /) -> V_co | None: ...
    @overload
    def get(self, key: K, /, default: V_co | W) -> V_co | W: ...
    def get(self, key: K, /, default: Any = None) -> Any:
        """The value at `key`, or `default`; never an error."""
        return self._entries.get(key, default)

    def __or__(self, other: Mapping[K, V_co]) -> FrozenDict[K, V_co]:
        return cast("FrozenDict[K, V_co]", _merged(self, other))

    def __ror__(self, other: Mapping[K, V_co]) -> FrozenDict[K, V_co]:
        return cast("FrozenDict[K, V_co]", _merged(other, self))

    def __eq__(self, other: object) -> bool:
        try:
            return isinstance(other, Mapping) and self._entries == dict(other)
        except ValueError:
            raise ValueError("FrozenDict: == cannot compare arrays; use tree.equal(a, b), the same bytes, "
                             "or tree.all_close(a, b)") from None

    def __hash__(self) -> int:
        return hash(frozenset(self._entries.items()))

    def __repr__(self) -> str:
        return f"FrozenDict({show(self, indent=len('FrozenDict('))})"

    def _repr_html_(self) -> str:
        from funcnn.tree.page import page_of

        return page_of(self)

    def __copy__(self) -> FrozenDict[K, V_co]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenDict[K, V_co]:
        import copy

        return _of_copies(copy.deepcopy(self._entries, memo))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _of_copies, (self._entries,)


def _merged(one: Any, other: Any) -> Any:
    both_map = isinstance(one, Mapping) and isinstance(other, Mapping)
    return FrozenDict({**one, **other}) if both_map else NotImplemented


def missing(key: object, entries: Iterable[object]) -> MissingKeyError:
    """The error that an entry is not there, with the one that may have been meant."""
    names = [str(entry) for entry in entries]
    close = nearest(str(key), names)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    there = "The entries are " + ", ".join(map(repr, entries)) if names else "There are no entries"
    return MissingKeyError(f"no entry {key!r}{hint} {there}")


# ----------------------------------------------------------------------------------------- how one is born


def frozen(tree: Any, leaf: Callable[[Any], Any] | None = None) -> Any:
    """The tree with a FrozenDict for each dict, and `leaf` of each leaf: a read-only view, unless said otherwise.

    An OrderedDict is a dict here, too: it could be changed.
    """
    node = node_of(tree)
    if node is None:
        return (leaf or read_only_view)(tree)
    if type(tree) is FrozenDict and leaf is None:
        return tree
    try:
        entries = {key: frozen(child, leaf) for key, child in node.entries(tree).items()}
    except RecursionError:
        raise too_deep() from None
    return _of_entries(entries) if type(tree) in (dict, OrderedDict) else node.build(entries)


def read_only_view(leaf: Any) -> Any:
    """A leaf that cannot be written into: of an array that can, a view.

    >>> own = np.ones(2, np.float32)
    >>> read_only_view(own).flags.writeable, own.flags.writeable
    (False, True)
    """
    if not isinstance(leaf, np.ndarray) or not leaf.flags.writeable:
        return leaf
    return readonly(leaf.view())


def _of_entries(entries: dict[Any, Any]) -> FrozenDict[Any, Any]:
    """The FrozenDict of entries that are frozen already, in a dict that nobody else holds."""
    found = parts_of(FrozenDict, _NODE, entries)
    return born(entries, found if found[1].fixed else None)


def _of_leaves(structure: Structure, leaves: tuple[Any, ...]) -> FrozenDict[Any, Any]:
    """The FrozenDict of this structure, without lists in it, and these leaves."""
    return _assembled(structure, tuple([
        read_only_view(x) if isinstance(x, np.ndarray) and x.flags.writeable else x for x in leaves]))


def _assembled(structure: Structure, leaves: tuple[Any, ...]) -> FrozenDict[Any, Any]:
    entries = {}
    for key, start, child in structure.places:
        if child is LEAF:
            entries[key] = leaves[start]
        else:
            build = _assembled if child.kind is FrozenDict else Structure.build
            entries[key] = build(child, leaves[start:start + child.num_leaves])
    return born(entries, (leaves, structure))


def born(entries: dict[Any, Any], parts: Parts | None) -> FrozenDict[Any, Any]:
    """The FrozenDict of entries that are frozen already, in a dict that nobody else holds, and of its parts."""
    new: FrozenDict[Any, Any] = object.__new__(FrozenDict)
    _set_entries(new, entries)
    _set_parts(new, parts)
    return new


def _of_copies(entries: dict[Any, Any]) -> FrozenDict[Any, Any]:
    """The FrozenDict of entries that were copied or unpickled, whose arrays are its own."""
    for leaf in parts(entries)[0]:
        readonly(leaf)
    return _of_entries(entries)


_set_entries, _set_parts = [vars(FrozenDict)[name].__set__ for name in FrozenDict.__slots__]  # past __setattr__


entries_of: Callable[[FrozenDict[K, V_co]], dict[K, V_co]] = attrgetter("_entries")
"""The entries as a dict, to be read only: for code that looks at many and must be fast."""

known_parts: Callable[[FrozenDict[Any, Any]], Parts | None] = attrgetter("_parts")
"""Its leaves and structure, unless there are lists inside."""

_NODE = NODES[FrozenDict] = Node(entries_of, FrozenDict, keyed=True, known=known_parts, of_leaves=_of_leaves)
