"""What stands where in a tree: `parts`, and how two lists of it differ: `misfits`.

A place is a path written as one text that no other path has: the keys with `/` between them, `~` in a key as `~0`,
`/` as `~1`, an empty key as `~2`. A checkpoint is compared with the tree that it is loaded into place by place.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from funcnn import tree
from funcnn._arguments import described, place_of, unlike_array
from funcnn._devices import is_of_jax, stored_as
from funcnn.checkpoint import safetensors
from funcnn.checkpoint.safetensors import CheckpointError

__all__ = [
    "ARRAYS", "LEAVES", "NUMBERS", "Part", "Place", "array_text", "is_node", "kind_text", "misfits", "names", "parts",
    "place", "plain", "where",
]

Place: TypeAlias = str
"""A path as one text."""

NUMBERS: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "str"}
"""The leaves that are not arrays."""

ARRAYS = {"array", "scalar"}
LEAVES = ARRAYS | set(NUMBERS.values())


class Part(NamedTuple):
    """What stands at a place: its kind, how an error describes it, and the leaf, or what tells where it is stored."""

    kind: str
    text: str
    content: Any = None


# ----------------------------------------------------------------------------------------------- places


def place(path: tree.Path) -> Place:
    """The place of a path.

    >>> place(("residual_0/dense_0", "w")), place((0, "")), place(())
    ('residual_0~1dense_0/w', '0/~2', '')
    """
    return "/".join(map(_escaped, path))


def _escaped(key: Any) -> str:
    if isinstance(key, bool) or not isinstance(key, str | int) or not safetensors.is_text(str(key)):
        raise TypeError(f"a key of the tree is {key!r:.99}; keys must be texts or whole numbers")
    return str(key).replace("~", "~0").replace("/", "~1") or "~2"


def plain(place: Place) -> str:
    """The path as `tree.keystr` writes it.

    >>> plain("residual_0~1dense_0/w")
    'residual_0/dense_0/w'
    """
    return place.replace("~2", "").replace("~1", "/").replace("~0", "~")


def names(places: Iterable[Place]) -> dict[Place, str]:
    """What the arrays at these places are called: as a person writes the path, where that means one of them only.

    >>> names(["residual_0~1dense_0/w", "a~1b", "a/b"])
    {'residual_0~1dense_0/w': 'residual_0/dense_0/w', 'a~1b': 'a~1b', 'a/b': 'a/b'}
    """
    written = {place: plain(place) for place in places}
    count = Counter(written.values())
    clear = {place: name if count[name] == 1 and "~" not in name else place for place, name in written.items()}
    return {place: "~__metadata__" if name == "__metadata__" else name for place, name in clear.items()}


# ------------------------------------------------------------------------------------------------ parts


def parts(owner: str, whole: Any) -> tuple[dict[Place, Part], tree.Structure]:
    """Every node and leaf of a tree by its place, the leaves in their order; and its structure.

    >>> found, _ = parts("save", {"w": np.ones((2, 3), np.float32), "steps": (7, None)})
    >>> [(place, part.text) for place, part in found.items()]
    [('', 'a dict'), ('steps', 'a tuple'), ('steps/0', 'an int'), ('steps/1', 'None'), ('w', 'float32[2, 3]')]
    """
    try:
        leaves, form = tree.flatten(whole)
        nodes = dict(_nodes(form))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{owner}: {error}") from error
    left = iter(leaves)
    found = {place: _leaf(owner, place, next(left)) if _is_leaf(node) else _node(node.kind)
             for place, node in nodes.items()}
    return found, form


def _nodes(form: tree.Structure, at: Place = "") -> Iterator[tuple[Place, tree.Structure]]:
    """All nodes and leaves, the leaves in their order."""
    yield at, form
    for key, _, child in sorted(form.places, key=lambda entry: entry[1]):
        yield from _nodes(child, f"{at}/{_escaped(key)}" if at else _escaped(key))


def _is_leaf(node: tree.Structure) -> bool:
    return node.num_leaves == 1 and not node.places


def _node(kind: type) -> Part:
    plain = {tuple: "tuple", list: "list", type(None): "None"}
    name = plain.get(kind) or (f"NamedTuple {kind.__name__}" if issubclass(kind, tuple) else "dict")
    return Part(name, kind_text(name))


def kind_text(kind: str) -> str:
    """How an error names a node, a number or a text.

    >>> kind_text("dict"), kind_text("int"), kind_text("None")
    ('a dict', 'an int', 'None')
    """
    return kind if kind == "None" else f"{'an' if kind == 'int' else 'a'} {kind}"


def is_node(kind: str) -> bool:
    """Whether this is how a kind of node is written."""
    return kind in ("dict", "tuple", "list", "None") or kind.startswith("NamedTuple ")


def _leaf(owner: str, place: Place, leaf: Any) -> Part:
    if type(leaf) in NUMBERS:
        name = NUMBERS[type(leaf)]
        return Part(name, kind_text(name), leaf)
    came = "" if is_of_jax(leaf) else unlike_array(leaf) if hasattr(leaf, "shape") else described(leaf)
    dtype, shape = (None, ()) if came else stored_as(leaf)
    if isinstance(dtype, np.dtype) and safetensors.code(dtype):
        return Part("scalar" if isinstance(leaf, np.generic) else "array", array_text(dtype, shape), leaf)
    raise CheckpointError(f"{owner}: at {where(place)} stands {came or described(leaf)}; a checkpoint holds arrays of "
                          "bool, int8..int64, uint8..uint64, float16..float64, bfloat16 and complex64, keys, and "
                          "Python's bool, int, float and str")


def array_text(dtype: np.dtype[Any] | str, shape: Iterable[int]) -> str:
    """How an error names an array, whatever the order of its bytes.

    >>> array_text(np.dtype(">f4"), (2, 3))
    'float32[2, 3]'
    """
    return f"{dtype if isinstance(dtype, str) else _name(dtype)}{list(shape)}"


@functools.cache  # NumPy takes 8 microseconds
def _name(dtype: np.dtype[Any]) -> str:
    return str(dtype.newbyteorder("="))


# --------------------------------------------------------------------------------------------- misfits


def misfits(wanted: Mapping[Place, Part], stored: Mapping[Place, Part]) -> Iterator[str]:
    """What is missing, different or unexpected in a file; not what stands in a node that itself is different.

    >>> here, _ = parts("load", {"w": np.ones(3), "b": np.ones(3)})
    >>> there, _ = parts("load", {"w": np.ones(2), "v": 1})
    >>> list(misfits(here, there))
    ["'b' is missing in the file; `like` has float64[3]",
     "'w' is float64[2] in the file, float64[3] in `like`",
     "'v' is in the file, an int, and not in `like`"]
    """
    places = [*wanted, *sorted(stored.keys() - wanted.keys())]
    with_children = {_above(place) for place in places if place}
    different: set[Place] = set()
    for place in places:
        here, there = wanted.get(place), stored.get(place)
        if place and _above(place) in different:
            different.add(place)
        elif here and there and not _fits(here, there):
            different.add(place)
            yield f"{where(place)} is {there.text:.199} in the file, {here.text} in `like`"
        elif not there and here and place not in with_children:
            yield f"{where(place)} is missing in the file; `like` has {here.text}"
        elif not here and there and place not in with_children:
            yield f"{where(place)} is in the file, {there.text:.199}, and not in `like`"


def _above(place: Place) -> Place:
    return place.rpartition("/")[0]


def where(place: Place) -> str:
    """How an error names a place.

    >>> where("residual_0~1dense_0/w"), where("")
    ("'residual_0/dense_0/w'", 'the root')
    """
    return f"{place_of((plain(place),) if place else ()):.199}"


def _fits(wanted: Part, stored: Part) -> bool:
    """Whether what is stored can be given as what is wanted, as the same value."""
    widened = wanted.text.replace("float32[", "bfloat16[", 1)
    is_float64 = wanted.kind == "float" and stored.text == "float64[]"
    if wanted.text == stored.text or widened == stored.text or is_float64:
        return True
    return _is_number(stored, wanted.kind) or (_is_number(wanted, stored.kind) and _holds(wanted, stored.content))


ONE_NUMBER = {"bool": r"bool\[\]", "int": r"u?int[0-9]+\[\]", "float": r"b?float[0-9]+\[\]"}
"""A number of Python and an array without axes stand for each other: `jax.jit` makes such arrays of counts."""


def _is_number(part: Part, kind: str) -> bool:
    return part.kind == "array" and kind in ONE_NUMBER and re.fullmatch(ONE_NUMBER[kind], part.text) is not None


def _holds(wanted: Part, number: bool | int | float) -> bool:
    """Whether an array of this dtype has exactly this number."""
    try:
        return number != number or type(number)(np.asarray(number, wanted.content.dtype)) == number
    except OverflowError:
        return False
