"""A trace on paper: `table`, `dot`, `mermaid`, as text.

These are the pages of `funcnn.tracing`, whose `Trace` has them as methods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from funcnn.tracing.data import Operand, Operation, Parameter
from funcnn.tracing.summaries import columns

__all__ = ["BACKWARD", "FORWARD", "Gap", "Row", "backward_rows", "dot", "forward_rows", "mermaid", "number",
           "parameter_rows", "plan", "ranges", "repeats", "shape_text", "table", "values"]


# ------------------------------------------------------------------------------------------------ numbers


def number(x: Any, digits: int = 4) -> str:
    """A number with so many significant digits; anything else as it is.

    >>> number(np.float32(1.0986123)), number(-0.0), number(3)
    ('1.099', '0', '3')
    """
    if isinstance(x, float | np.floating):
        return f"{float(x):.{digits}g}" if x else "0"
    if isinstance(x, complex | np.complexfloating):
        return f"{complex(x):.{digits}g}"
    return str(x)


def values(x: Any, digits: int = 4, width: int = 40) -> str:
    """The entries of an array in so many characters: the first ones and the last, where all do not fit.

    >>> values(np.array([[1.0, 2.5], [3.0, 4.0]])), values(np.arange(100.0), width=20)
    ('[[1 2.5] [3 4]]', '[0 1 2 3 4 5 ... 99]')
    """
    if not np.ndim(x):
        return "" if x is None else number(np.asarray(x)[()], digits)
    if x.size <= width:
        whole = _nested(x, digits)
        if len(whole) <= width:
            return whole
    shown = _ends(x, digits)
    while len(shown) > width and digits > 2:
        digits -= 1
        shown = _ends(x, digits)
    first, _, last = shown.partition(" ...")
    if len(shown) > width:
        return f"{first} ...{']' * x.ndim}"
    for entry in x.flat[1:width]:
        if len(first) + 1 + len(number(entry, digits)) + 4 + len(last) > width:
            break
        first += f" {number(entry, digits)}"
    return f"{first} ...{last}"


def _ends(x: Any, digits: int) -> str:
    return f"{'[' * x.ndim}{number(x.flat[0], digits)} ... {number(x.flat[-1], digits)}{']' * x.ndim}"


def _nested(x: Any, digits: int) -> str:
    return f"[{' '.join(_nested(part, digits) for part in x)}]" if np.ndim(x) else number(x[()], digits)


def shape_text(x: Any) -> str:
    """The shape as `300 x 64`; "" for a single number.

    >>> shape_text(np.ones((300, 64), np.float32))
    '300 x 64'
    """
    return " x ".join(map(str, np.shape(x))) if isinstance(x, np.ndarray) else ""


def ranges(x: Any) -> str:
    """The smallest and the largest number, and how many are not finite.

    >>> ranges(np.array([1.0, np.nan, -3.0]))
    '-3 to 1, 1 nan of 3'
    """
    if not np.size(x):
        return "empty"
    flat = np.ravel(x)
    known = flat[~np.isnan(flat)]
    parts = [f"{number(known.min())} to {number(known.max())}"] if known.size else []
    for name, count in (("nan", flat.size - known.size), ("inf", int(np.count_nonzero(np.isinf(known))))):
        parts += [f"{count} {name} of {flat.size}"] if count else []
    return ", ".join(parts)


# ------------------------------------------------------------------------------------------------ repetition


class Gap(NamedTuple):
    """Entries `first` to `last` of a list that are not shown: how many `times` a stretch of `period` came again."""

    first: int
    last: int
    period: int
    times: int


def repeats(signatures: Sequence[Any], longest: int = 40) -> list[int | Gap]:
    """Which entries of a list to show: of a stretch that comes many times, the first and the last one.

    >>> repeats("xababababay")
    [0, 1, 2, Gap(first=3, last=6, period=2, times=2), 7, 8, 9, 10]
    """
    shown: list[int | Gap] = []
    i = 0
    while i < len(signatures):
        period, times = _stretch(signatures, i)
        if times < 4:
            shown.append(i)
            i += 1
            continue
        end = i + period * times
        gap = Gap(i + period, end - period - 1, period, times - 2)
        shown += [*range(i, i + period), gap, *range(end - period, end)]
        i = end
    return shown if len(shown) <= longest else _middle_cut(shown, longest)


def _stretch(signatures: Sequence[Any], start: int) -> tuple[int, int]:
    """The period from here on that repeats over the longest stretch, and how many times; 1 where nothing does."""
    best = (1, 1)
    for period in range(1, 49):
        block, times = signatures[start:start + period], 1
        while signatures[start + period * times:start + period * (times + 1)] == block and len(block) == period:
            times += 1
        if times >= 4 and period * times > best[0] * best[1]:
            best = (period, times)
    return best


def _middle_cut(shown: list[int | Gap], longest: int) -> list[int | Gap]:
    """The first and last of too many."""
    half = longest // 2
    before, after = shown[half - 1], shown[-half]
    first = (before.last if isinstance(before, Gap) else before) + 1
    last = (after.first if isinstance(after, Gap) else after) - 1
    return [*shown[:half], Gap(first, last, last - first + 1, 1), *shown[-half:]]


# ------------------------------------------------------------------------------------------------ the table


def table(head_line: str, ops: Sequence[Operation], parameters: Sequence[Parameter], digits: int, width: int) -> str:
    """Forward, backward and the parameters, one line each thing."""
    forward = _lines(FORWARD, forward_rows(ops), digits, width)
    backward = _lines(BACKWARD, backward_rows(ops), digits, width)
    head, *rows = parameter_rows(parameters)
    return "\n".join([head_line, "", "FORWARD", *forward, "", "BACKWARD", *backward, "", "PARAMETERS",
                      *_lines(head, rows, digits, width, arrays=len(head) - 2)])


def forward_rows(ops: Sequence[Operation]) -> list[Row | str]:
    """The cells of the way forward, or a text for a stretch that is not shown."""
    return _rows(plan(ops), ops, _forward)


def backward_rows(ops: Sequence[Operation]) -> list[Row | str]:
    """The cells of the way back."""
    back = [each._replace(first=each.last, last=each.first) if isinstance(each, Gap) else each
            for each in plan(ops)[::-1]]
    return _rows(back, ops, _backward(ops))


def plan(ops: Sequence[Operation]) -> list[int | Gap]:
    """Which operations to show, where stretches repeat."""
    return repeats([_signature(op) for op in ops])


FORWARD = ("#", "layer", "operation", "formula", "shape", "value")
BACKWARD = ("#", "layer", "derivative", "to", "shape", "cotangent")

Row = tuple[Any, ...]
"""The cells of a line: all are text but those that are arrays, which are written in what room is left."""


def _lines(head: Row, rows: Sequence[Row | str], digits: int, width: int, arrays: int = 1) -> list[str]:
    """The table, whose last columns hold arrays and share the room that the others leave; a text stands alone."""
    full = [row for row in rows if not isinstance(row, str)]
    texts = columns([row[:-arrays] for row in [head, *full]], right=(0,) if arrays == 1 else ())
    used = max(map(len, texts)) + 2
    rooms = _shared([[values(cell, digits, width) for cell in column] for column in zip(*full, strict=True)][-arrays:],
                    width - used - 2 * (arrays - 1))
    cells = columns([head[-arrays:], *[tuple(values(cell, digits, room) for cell, room in
                                             zip(row[-arrays:], rooms, strict=True)) for row in full]])
    lines = iter([f"{text.ljust(used)}{cell}".rstrip() for text, cell in zip(texts, cells, strict=True)])
    return [next(lines), *(row if isinstance(row, str) else next(lines) for row in rows)]


def _shared(wanted: Sequence[Sequence[str]], room: int) -> list[int]:
    """The width of each column: what it wants, or else an equal share of what the narrower ones leave."""
    needs = [max(map(len, column), default=0) for column in wanted]
    rooms, left, count = dict[int, int](), room, len(needs)
    for i in sorted(range(len(needs)), key=needs.__getitem__):
        rooms[i] = max(16, min(needs[i], left // count))
        left, count = left - rooms[i], count - 1
    return [rooms[i] for i in range(len(needs))]


def _rows(shown: Sequence[int | Gap], ops: Sequence[Any], rows_of: Callable[[Any], list[Row]]) -> list[Row | str]:
    found: list[Row | str] = []
    for each in shown:
        if isinstance(each, Gap):
            found.append(_gap_text(each, ops))
        else:
            found += rows_of(ops[each])
    return found


def _gap_text(gap: Gap, ops: Sequence[Any]) -> str:
    first, last = (getattr(ops[i], "path", None) or f"#{ops[i].number}" for i in gap[:2])
    again = f"{gap.times} times more the same {gap.period}: " if gap.times > 1 else f"{gap.period} more: "
    return f"   ...  {again}{first} to {last}"


def _signature(op: Operation) -> tuple[Any, ...]:
    return (op.name, op.formula, np.shape(op.value), *(np.shape(operand.value) for operand in op.operands
                                                       if isinstance(operand.value, np.ndarray)))


def _forward(op: Operation) -> list[Row]:
    return [(str(op.number), op.layer, call_text(op), op.formula, shape_text(op.value), op.value)]


def call_text(op: Operation) -> str:
    """The operation as it was called: `affine(#1, dense_1/w, dense_1/b)`."""
    options = [f"{name}={_short(value)}" for name, value in op.options.items()]
    return f"{op.name}({', '.join([*map(_operand_text, op.operands), *options])})"


def _operand_text(operand: Operand) -> str:
    if operand.source:
        return operand.source
    return f"[{shape_text(operand.value)}]" if isinstance(operand.value, np.ndarray) and operand.value.ndim \
        else _short(operand.value)


def _short(x: Any) -> str:
    if isinstance(x, np.ndarray) and x.ndim:
        return f"[{shape_text(x)}]"
    if isinstance(x, slice):
        text = ":".join("" if part is None else str(part) for part in (x.start, x.stop))
        return text + ("" if x.step is None else f":{x.step}")
    if isinstance(x, tuple):
        return f"({', '.join(map(_short, x))})"
    x = x[()] if isinstance(x, np.ndarray) else x
    text = number(x) if isinstance(x, float | np.generic) else repr(x)
    return text if len(text) <= 20 else f"{text[:17]}..."


def _backward(ops: Sequence[Operation]) -> Callable[[Any], list[Row]]:
    """The lines of an operation on the way back: its cotangent where it cannot be read above, then what it makes."""
    uses = Counter(operand.source for op in ops for operand in op.operands if operand.cotangent is not None)

    def rows(op: Operation) -> list[Row]:
        if op.cotangent is None:
            return [(str(op.number), op.layer, "nothing depends on it", "", "", None)]
        count = uses[f"#{op.number}"]
        of_parts = f"g = the sum of the {count} handed to #{op.number}" if count else "g"
        own = [] if count == 1 else [(of_parts, "", shape_text(op.cotangent), op.cotangent)]
        made = [(each.formula, each.source, shape_text(each.cotangent), each.cotangent) for each in op.operands
                if each.cotangent is not None]
        places = [(str(op.number), op.layer), *[("", "")] * len(op.operands)]
        return [(*place, *cells) for place, cells in zip(places, own + made, strict=False)]

    return rows


def parameter_rows(parameters: Sequence[Parameter]) -> list[Any]:
    """The head of the table of the parameters, then its cells."""
    updated = any(parameter.update is not None for parameter in parameters)
    head = ("path", "shape", "value", "gradient", *(("update", "new value") if updated else ()))
    shown = repeats(_kinds(parameters))
    return [head, *_rows(shown, parameters, lambda p: [(p.path, shape_text(p.value), *p[1:len(head) - 1])])]


def _kinds(parameters: Sequence[Parameter]) -> list[Any]:
    """What makes a parameter the same as another: its name, and the shapes of all that its layer has."""
    groups: dict[str, list[Any]] = {}
    split = [parameter.path.rpartition("/") for parameter in parameters]
    for (layer, _, _), parameter in zip(split, parameters, strict=True):
        groups.setdefault(layer, []).append(np.shape(parameter.value))
    return [(name, groups[layer]) for layer, _, name in split]


# ------------------------------------------------------------------------------------------------ the graph


def dot(ops: Sequence[Operation]) -> str:
    """The graph for Graphviz: operations in the box of their layer, parameters and arguments as ellipses."""
    lines = ["digraph trace {", "  rankdir=TB;", '  node [shape=box, fontname="Helvetica"];']
    for i, (layer, own) in enumerate(_by_layer(ops)):
        nodes = [f'op{op.number} [label="{_escaped(_label(op))}"];' for op in own]
        lines += [f"  subgraph cluster_{i} {{", f'    label="{_escaped(layer)}";', *(f"    {node}" for node in nodes),
                  "  }"] if layer else [f"  {node}" for node in nodes]
    lines += [f'  {name} [shape=ellipse, label="{_escaped(label)}"];' for name, label in _sources(ops).values()]
    lines += [f'  {start} -> {end} [label="{label}"];' if label else f"  {start} -> {end};"
              for start, end, label in _edges(ops)]
    return "\n".join([*lines, "}"])


def mermaid(ops: Sequence[Operation]) -> str:
    """The graph for Mermaid: operations in the box of their layer, parameters and arguments round."""
    lines = ["flowchart TB"]
    for i, (layer, own) in enumerate(_by_layer(ops)):
        nodes = [f'op{op.number}["{_html(_label(op))}"]' for op in own]
        lines += [f'  subgraph layer{i}["{_html(layer)}"]', *(f"    {node}" for node in nodes), "  end"] \
            if layer else [f"  {node}" for node in nodes]
    lines += [f'  {name}(["{_html(label)}"])' for name, label in _sources(ops).values()]
    lines += [f'  {start} -->|"{label}"| {end}' if label else f"  {start} --> {end}"
              for start, end, label in _edges(ops)]
    return "\n".join(lines)


def _by_layer(ops: Sequence[Operation]) -> Iterator[tuple[str, list[Operation]]]:
    """The operations of each layer together, in the order of their first."""
    found: dict[str, list[Operation]] = {}
    for op in ops:
        found.setdefault(op.layer, []).append(op)
    yield from found.items()


def _label(op: Operation) -> str:
    return f"#{op.number} {op.name}\n{op.formula}"


def _sources(ops: Sequence[Operation]) -> dict[str, tuple[str, str]]:
    """What is no operation, by its path: the name of its node, and what stands on it."""
    found: dict[str, tuple[str, str]] = {}
    for op in ops:
        for operand in op.operands:
            if operand.source and not operand.source.startswith("#") and operand.source not in found:
                label = "\n".join(filter(None, (operand.source, shape_text(operand.value))))
                found[operand.source] = (f"in{len(found)}", label)
    return found


def _edges(ops: Sequence[Operation]) -> Iterator[tuple[str, str, str]]:
    """From, to, and the shape of what flows there; one for each use."""
    names = {source: name for source, (name, _) in _sources(ops).items()}
    names |= {f"#{op.number}": f"op{op.number}" for op in ops}
    for op in ops:
        for operand in op.operands:
            if operand.source in names:
                yield names[operand.source], f"op{op.number}", _flow(operand)


def _flow(operand: Operand) -> str:
    return shape_text(operand.value) if operand.source.startswith("#") else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _html(text: str) -> str:
    for character, code in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;"), ("#", "&num;"),
                            ("\n", "<br/>")):
        text = text.replace(character, code)
    return text
