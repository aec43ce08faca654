"""Every number of a training step: `trace(f)(*args)`, `find_nonfinite`, `summary`; `show` and `curves` of any value.

`trace` runs `fn.value_and_grad(f)` itself, on a tape that looks on while it writes, and gives back what went by as
plain data: each operation with its layer, formula, values and cotangents, then the gradient and the update of each
parameter. Print it, follow one parameter in it, or draw it. Where `trace` is not used, nothing is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from funcnn import tree
from funcnn._arguments import nearest
from funcnn._later import later
from funcnn.autodiff.reverse import named_after
from funcnn.optimizers import GradientTransformation, OptState, apply_updates
from funcnn.tracing.curves import Curves, curves
from funcnn.tracing.data import Operand, Operation, Parameter
from funcnn.tracing.recorder import argument_names, snapshot, watched_gradient
from funcnn.tracing.summaries import Stage, Summary, summary
from funcnn.tracing.text import dot, mermaid, ranges, table, values
from funcnn.tree.structure import show as show_as_text
from funcnn.typing import Scalar

__all__ = ["Curves", "NonFinite", "Operand", "Operation", "Parameter", "Shown", "Stage", "Summary", "Trace", "curves",
           "find_nonfinite", "show", "summary", "trace"]

A = ParamSpec("A")
P = TypeVar("P")


# ------------------------------------------------------------------------------------------------ the data


@dataclass(frozen=True, eq=False)
class Trace:
    """The whole calculation of one gradient; `str` of it is a table to read from top to bottom.

    - `name`: that of the function, and `value` what it returned.
    - `operations`: each NumPy call that depends on the parameters, in order.
    - `parameters`: one a leaf, in the order in which the calculation reads them.
    """

    name: str
    value: NDArray[Any]
    operations: tuple[Operation, ...]
    parameters: tuple[Parameter, ...]

    def where(self, path: str) -> Trace:
        """The same, of one layer or parameter alone: `where("dense_0")`, `where("dense_0/w")`.

        `path` is one of `names`, or begins some of them; another is a ValueError that says which are near.
        """
        operations = tuple(op for op in self.operations if op.concerns(path))
        chosen = tuple(p for p in self.parameters if f"{p.path}/".startswith(f"{path}/"))
        if not operations and not chosen:
            near = nearest(path, self.names, n=3, cutoff=0.0)
            raise ValueError(f"where: no layer or parameter of this trace is called {path!r}; did you mean one of "
                             f"{near}? `names` has all of them")
        return replace(self, operations=operations, parameters=chosen)

    @property
    def names(self) -> list[str]:
        """What `where` takes: the layers in order, and the parameters."""
        layers = [op.layer for op in self.operations if op.layer]
        return list(dict.fromkeys([*layers, *(parameter.path for parameter in self.parameters)]))

    @property
    def outputs(self) -> dict[str, NDArray[Any]]:
        """What each layer gave, by its path: the value of its last operation."""
        return {op.layer: op.value for op in self.operations if op.layer}

    def table(self, where: str | None = None, digits: int = 4, width: int = 120) -> str:
        """The calculation as text, long arrays and repeated stretches cut.

        - `where`: one layer or parameter alone, as for the method of that name.
        - `digits`: how many significant ones a number has.
        - `width`: that of a line, in characters.
        """
        shown = self if where is None else self.where(where)
        return table(f"{self.name} = {values(self.value, digits)}", shown.operations, shown.parameters, digits, width)

    def to_dot(self) -> str:
        """The graph in the language of Graphviz."""
        return dot(self.operations)

    def to_mermaid(self) -> str:
        """The graph in the language of Mermaid, which GitHub and many notebooks draw."""
        return mermaid(self.operations)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return (f"<trace of {self.name}: {values(self.value)} in {len(self.operations)} operations, "
                f"{len(self.parameters)} parameters>")

    def _repr_html_(self) -> str:
        from funcnn.tracing.page import page_of

        return page_of(self.name, self.value, self.operations, self.parameters)


# ------------------------------------------------------------------------------------------------ any value


@dataclass(frozen=True, eq=False)
class Shown:
    """A `value` that opens in a notebook; elsewhere its text."""

    value: object

    def __repr__(self) -> str:
        return show_as_text(self.value)

    def _repr_html_(self) -> str:
        from funcnn.tree.page import page_of

        return page_of(self.value)


def show(value: object) -> Shown:
    """Any `value` as a page of a notebook: a tree that opens, down to the heat map and the statistics of each array.

    Put it at the end of a cell. Nets, parameters, traces and programs are shown so without it; it is for arrays, dicts,
    and states of optimizers.

    >>> show({"w": np.ones((2, 3), np.float32), "steps": (1, 2)})
    {'w': float32[2, 3], 'steps': (1, 2)}

    As `treescope.show`.
    """
    return Shown(value)


# --------------------------------------------------------------------------------------------------- trace


def trace(f: Callable[Concatenate[P, A], Scalar], optimizer: GradientTransformation | None = None,
          opt_state: OptState[P] | None = None) -> Callable[Concatenate[P, A], Trace]:
    """A function of the arguments of f that returns the whole calculation of `grad(f)`, and of the optimizer's step.

    - `f`: its first argument is the tree of parameters, as for `grad`. What does not depend on them is not
      differentiated and not traced.
    - `optimizer`: shows what it makes of the gradient, too: each parameter's update and new value.
    - `opt_state`: the state with which the optimizer begins, by default that of its first step.

    >>> loss = lambda w, x: np.sum((w * x - 1.0) ** 2)
    >>> step = trace(loss)(np.array([2.0, 3.0]), np.array([1.0, 0.5]))
    >>> step
    <trace of <lambda>: 1.25 in 4 operations, 1 parameters>
    >>> step.operations[0].formula, step.operations[0].value, step.operations[0].cotangent
    ('z = x * y', array([2. , 1.5]), array([2., 1.]))
    >>> step.parameters[0].gradient
    array([2. , 0.5])
    """
    def traced(params: P, /, *args: A.args, **kwargs: A.kwargs) -> Trace:
        value, grads, operations = watched_gradient(f, (params, *args), kwargs)
        updates, new = _updated(optimizer, opt_state, params, grads)
        parameters = _parameters(argument_names(f, (params,))[0], params, grads, updates, new)
        return Trace(getattr(f, "__name__", "f"), snapshot(value), operations, _as_used(parameters, operations))

    return named_after(f, traced)


def _updated(optimizer: GradientTransformation | None, opt_state: Any, params: Any, grads: Any) -> tuple[Any, Any]:
    if optimizer is None:
        return None, None
    state = optimizer.init(params) if opt_state is None else opt_state
    updates, _ = optimizer.update(grads, state, params)
    return updates, apply_updates(params, updates)


def _as_used(parameters: Iterator[Parameter], operations: tuple[Operation, ...]) -> tuple[Parameter, ...]:
    """The parameters in the order in which the calculation reads them."""
    sources = dict.fromkeys(operand.source for op in operations for operand in op.operands)
    places = {source: i for i, source in enumerate(sources)}
    return tuple(sorted(parameters, key=lambda parameter: places.get(parameter.path, len(places))))


def _parameters(name: str, *trees: Any) -> Iterator[Parameter]:
    """One entry a leaf, from the trees of values, gradients, updates and new values, some of which may be None."""
    paths = [tree.keystr(path) or name for path, _ in tree.leaves_with_path(trees[0])]
    columns = [tree.leaves(each) if each is not None else [None] * len(paths) for each in trees]
    for path, *leaves in zip(paths, *columns, strict=True):
        yield Parameter(path, *map(snapshot, leaves))


# ------------------------------------------------------------------------------------------- what is not finite


@dataclass(frozen=True, eq=False)
class NonFinite:
    """The first operation whose result is not finite, and whether it was on the way forward or back."""

    direction: str
    """`"forward"` or `"backward"`."""
    operation: Operation
    """Which it was, with its layer and line."""
    inputs: Mapping[str, NDArray[Any]]
    """What it worked with: the operands and, on the way back, g and y."""
    results: Mapping[str, NDArray[Any]]
    """What it made: y, or the cotangents dx, dw, ... of its operands."""

    def __str__(self) -> str:
        op = self.operation
        place = ", ".join(filter(None, (op.layer and f"in {op.layer}", op.line and f"at {op.line}")))
        lines = [f"{self.direction}: operation #{op.number}, {op.name} {place}".rstrip()]
        lines += [f"    {name}: {ranges(value)}" for name, value in self.inputs.items()]
        lines += [f"gives {name}: {ranges(value)}" for name, value in self.results.items()]
        return "\n".join(lines)

    __repr__ = __str__


def find_nonfinite(f: Callable[Concatenate[P, A], Scalar]) -> Callable[Concatenate[P, A], NonFinite | None]:
    """A function of the arguments of `f` that finds its first operation, or its gradient's, that makes NaN or infinity.

    `f` is a loss as for `grad`. Forward comes before backward; the result is None if all is finite. An infinity that
    was put in on purpose, as -inf for a mask, and is gone from the value and the gradients, is not counted.

    >>> print(find_nonfinite(lambda w: np.sum(np.sqrt(w)))(np.array([0.0, 4.0])))
    backward: operation #0, sqrt at <doctest funcnn.tracing.find_nonfinite[0]>:1
        y: 0 to 2
        g: 1 to 1
        w: 0 to 4
    gives dx = g / (2 * y): 0.25 to inf, 1 inf of 2
    """
    def found(params: P, /, *args: A.args, **kwargs: A.kwargs) -> NonFinite | None:
        with np.errstate(all="ignore"):
            value, grads, operations = watched_gradient(f, (params, *args), kwargs)
        healthy = all(map(_finite, [value, *tree.leaves(grads)]))
        steps = [*map(_forward, operations), *map(_backward, reversed(operations))]
        return next((step for step in steps if _is_culprit(step, healthy)), None)

    return named_after(f, found)


def _forward(op: Operation) -> NonFinite:
    return NonFinite("forward", op, _operands(op), {op.formula: op.value})


def _backward(op: Operation) -> NonFinite:
    results = {operand.formula: operand.cotangent for operand in op.operands if operand.cotangent is not None}
    given = {} if op.cotangent is None else {"g": op.cotangent}
    return NonFinite("backward", op, {"y": op.value} | given | _operands(op), results)


def _operands(op: Operation) -> dict[str, NDArray[Any]]:
    return {operand.source or f"operand {i}": operand.value for i, operand in enumerate(op.operands)
            if isinstance(operand.value, np.ndarray)}


_MOVES = ("broadcast_to", "concatenate", "getitem", "pad", "reshape", "stack", "transpose", "where", "windows")


def _is_culprit(step: NonFinite, healthy: bool) -> bool:
    """Whether a step made what is not finite, and did not just pass on an infinity that is meant."""
    if all(map(_finite, step.results.values())):
        return False
    if any(map(_has_nan, step.results.values())):
        return True
    fed = not all(map(_finite, step.inputs.values()))
    return not (fed and (healthy or step.operation.name in _MOVES))


def _finite(x: Any) -> bool:
    return np.result_type(x).kind not in "fc" or bool(np.all(np.isfinite(x)))


def _has_nan(x: Any) -> bool:
    return bool(np.any(np.isnan(x)))


later(globals())  # what may be meant by a name that is not here
