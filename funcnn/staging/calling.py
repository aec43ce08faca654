"""How are arguments taken apart, and results put together, fast? By functions written for one structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcnn import tree
from funcnn.tree.frozendict import born, known_parts
from funcnn.tree.structure import parts

__all__ = ["exactly", "giver", "in_order", "taker"]

Names = dict[str, Any]
"""What the names in a text of Python stand for."""


def taker(arguments: tree.Structure, leaves: Sequence[Any], static: Sequence[tuple[int, Any]],
          ) -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, ...] | None]:
    """A function of args and kwargs that returns their leaves, or None where they are of another signature.

    >>> x = np.ones(2)
    >>> take = taker(tree.structure(((x, {"y": x}), {})), [x, x], [])
    >>> take((x, {"y": x}), {}) == (x, x), take((x, x), {})
    (True, None)
    """
    return _Taker(arguments, leaves, dict(static)).function()


class _Taker:
    """Writes a function that takes arguments apart."""

    def __init__(self, arguments: tree.Structure, leaves: Sequence[Any], static: dict[int, Any]) -> None:
        self.arguments, self.leaves, self.static = arguments, leaves, static
        self.names: Names = {"known_parts": known_parts, "is_same": is_same, "exactly": exactly, "parts": parts}
        self.lines: list[str] = []
        self.count = 0

    def function(self) -> Callable[..., Any]:
        args, kwargs = self.arguments.children.values()
        self.lines = [f"if len(args) != {len(args.children)}: return None"]
        found = self.positional(args)
        if kwargs.children:
            self.lines.append(f"if len(kwargs) != {len(kwargs.children)}: return None")
            found += self.entries_of(kwargs, "kwargs", args.num_leaves)
        else:
            self.lines.append("if kwargs: return None")
        self.lines.append(f"return {_tuple(found)}")
        return _compiled("take", "args, kwargs", self.lines, self.names)

    def positional(self, structure: tree.Structure) -> list[str]:
        """The leaves of the positional arguments, of which some are static: those are compared."""
        found: list[str] = []
        for (i, begin, child) in structure.places:
            own = f"args[{i}]"
            if i in self.static:
                value = self.named("static", exactly(self.static[i]))
                self.lines.append(f"if exactly({own}) != {value}: return None")
            else:
                found += self.node(child, own, begin)
        return found

    def node(self, structure: tree.Structure, name: str, start: int) -> list[str]:
        """The names of the leaves of one node, whose type is checked before."""
        if structure.node is None:
            return [self.leaf(name, self.leaves[start])]
        own = self.fresh()
        self.lines.append(f"{own} = {name}")
        self.lines.append(f"if type({own}) is not {self.named('kind', structure.kind)}: return None")
        if structure.kind is tree.FrozenDict and structure.fixed:
            return self.frozen(structure, own, start)
        if structure.kind is type(None):
            return []
        if not _is_plain(structure):
            return self.other(structure, own, start)
        self.lines.append(f"if len({own}) != {len(structure.children)}: return None")
        return self.entries_of(structure, own, start)

    def frozen(self, structure: tree.Structure, name: str, start: int) -> list[str]:
        """The leaves that a FrozenDict knows of itself, if its structure is one that is known to be the same."""
        same = self.named("same", {id(structure): structure})
        parts, expected = self.fresh(), self.named("structure", structure)
        self.lines += [f"{parts} = known_parts({name})",
                       f"if {parts} is None: return None",
                       f"if id({parts}[1]) not in {same}:",
                       f"    if len({same}) > 100 or not is_same({parts}[1], {expected}): return None",
                       f"    {same}[id({parts}[1])] = {parts}[1]"]
        if not structure.num_leaves:
            return []
        leaves = [self.fresh() for _ in range(structure.num_leaves)]
        self.lines.append(f"{_tuple(leaves)} = {parts}[0]")
        return [self.leaf(leaf, self.leaves[start + i]) for i, leaf in enumerate(leaves)]

    def other(self, structure: tree.Structure, name: str, start: int) -> list[str]:
        """The leaves of a node of another kind, found as `funcnn.tree` finds them."""
        found, leaves = self.fresh(), [self.fresh() for _ in range(structure.num_leaves)]
        self.lines += [f"{found} = parts({name})",
                       f"if not is_same({found}[1], {self.named('structure', structure)}): return None",
                       *[f"{_tuple(leaves)} = {found}[0]" for _ in leaves[:1]]]
        return [self.leaf(leaf, self.leaves[start + i]) for i, leaf in enumerate(leaves)]

    def entries_of(self, structure: tree.Structure, name: str, start: int) -> list[str]:
        """The leaves of the entries of a node, in the order of the leaves of the tree."""
        is_keyed = structure.node is not None and structure.node.keyed
        if is_keyed:
            keys = self.named("keys", tuple(structure.children))
            self.lines.append(f"if tuple({name}) != {keys}: return None")
        found: list[str] = []
        for key, begin, child in sorted(structure.places, key=lambda place: place[1]):
            i = list(structure.children).index(key)
            entry = f"{name}[{self.named('key', key)}]" if is_keyed else f"{name}[{i}]"
            found += self.node(child, entry, start + begin)
        return found

    def leaf(self, name: str, example: Any) -> str:
        """A leaf, whose kind is checked."""
        own = name
        if not name.isidentifier():
            own = self.fresh()
            self.lines.append(f"{own} = {name}")
        if isinstance(example, np.ndarray):
            dtype = self.named("dtype", example.dtype)
            self.lines.append(f"if type({own}) is not {self.named('kind', type(example))} or {own}.shape != "
                              f"{example.shape} or {own}.strides != {example.strides} or {own}.dtype != {dtype} "
                              f"or {own}.flags.writeable is {not example.flags.writeable}: return None")
        else:
            self.lines.append(f"if type({own}) is not {self.named('kind', type(example))}: return None")
        return own

    def fresh(self) -> str:
        self.count += 1
        return f"x{self.count}"

    def named(self, what: str, value: Any) -> str:
        for name, known in self.names.items():
            if known is value:
                return name
        name = f"{what}{len(self.names)}"
        self.names[name] = value
        return name


def _is_plain(structure: tree.Structure) -> bool:
    """Whether the entries of a node are found by key or by position."""
    is_keyed = structure.node is not None and structure.node.keyed
    return is_keyed or structure.kind in (tuple, list) or hasattr(structure.kind, "_fields")


def exactly(x: Any) -> Any:
    """What a static argument is known by: == takes 1 for 1.0 and True, and -0.0 for 0.0, also inside tuples.

    >>> exactly((1, 0.0)) == exactly((1, 0.0)), exactly((1, 0.0)) == exactly((1, -0.0)), exactly(1) == exactly(True)
    (True, False, False)
    """
    kind = type(x)
    if kind is tuple:
        return kind, *map(exactly, x)
    if isinstance(x, np.generic):
        return kind, x.dtype, x.tobytes()
    if kind is float or kind is complex:
        return kind, *[part.hex() for part in ((x,) if kind is float else (x.real, x.imag))]
    return kind, x


def is_same(one: tree.Structure, other: tree.Structure) -> bool:
    """Whether two structures are equal, and their keys in the same order, in which a result would have them."""
    return one == other and in_order(one) == in_order(other)


def in_order(structure: tree.Structure) -> tuple[Any, ...]:
    """The keys of a structure, in the order in which they stand in its nodes."""
    return tuple([(key, in_order(child)) for key, child in structure.children.items()])


def giver(result: tree.Structure, are_frozen: Sequence[bool]) -> Callable[[tuple[Any, ...]], Any]:
    """A function of the leaves of a result that puts it together; `are_frozen` says which cannot be written into.

    >>> structure = tree.structure({"w": 1.0, "b": (2.0, None)})
    >>> giver(structure, [True, True])((2.0, 1.0))
    {'w': 1.0, 'b': (2.0, None)}
    """
    names: Names = {"born": born}
    leaves = [f"x{i}" for i in range(result.num_leaves)]
    text = _built(result, leaves, are_frozen, names)
    unpacked = [f"{_tuple(leaves)} = leaves"] if leaves else []
    return _compiled("give", "leaves", [*unpacked, f"return {text}"], names)


def _built(structure: tree.Structure, leaves: Sequence[str], are_frozen: Sequence[bool], names: Names) -> str:
    """The tree of these leaves as an expression."""
    if structure.node is None:
        return leaves[0]
    entries = {key: _built(child, leaves[start:start + child.num_leaves], are_frozen[start:start + child.num_leaves],
                         names) for key, start, child in structure.places}
    kind = structure.kind
    if kind is type(None):
        return "None"
    if kind is tuple:
        return _tuple(list(entries.values()))
    if kind is list:
        return f"[{', '.join(entries.values())}]"
    name = f"k{len(names)}"
    names[name] = structure
    if kind is tree.FrozenDict and structure.fixed and all(are_frozen):
        inside = ", ".join(f"{_named_key(key, names)}: {part}" for key, part in entries.items())
        return f"born({{{inside}}}, ({_tuple(leaves)}, {name}))"
    if kind is dict:
        return "{" + ", ".join(f"{_named_key(key, names)}: {part}" for key, part in entries.items()) + "}"
    if _is_plain(structure) and issubclass(kind, tuple):
        names[name] = kind
        return f"{name}({', '.join(entries.values())})"
    return f"{name}.build({_tuple(leaves)})"


def _named_key(key: Any, names: Names) -> str:
    if type(key) in (str, int):
        return repr(key)
    names[f"key{len(names)}"] = key
    return f"key{len(names) - 1}"


def _tuple(parts: Sequence[str]) -> str:
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def _compiled(name: str, parameters: str, lines: Sequence[str], names: Names) -> Callable[..., Any]:
    """The function of this text, in which these names are known."""
    body = "\n".join(f"    {line}" for line in lines)
    scope = dict(names)
    exec(compile(f"def {name}({parameters}):\n{body}\n", f"<jit: {name}>", "exec"), scope)
    function: Callable[..., Any] = scope[name]
    return function
