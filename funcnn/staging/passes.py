"""How does a program become smaller, with the same bits? By passes, each a function from a program to a program."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from funcnn.staging.blocks import gathered
from funcnn.staging.equation import (
    UFUNC_OF,
    Attribute,
    Equation,
    Method,
    Variable,
    expect,
    freeze,
    variables_in,
    with_variables,
)
from funcnn.staging.program import Program

__all__ = ["PASSES", "VIEWS", "Pass", "escaping", "roots", "simplified", "with_constants", "with_numbers_as_arrays",
           "without_dead", "without_double", "without_views", "written_faster"]

Pass = Callable[[Program], Program]


def simplified(program: Program, passes: Iterable[Pass] | None = None) -> Program:
    """The program after all passes, one after the other."""
    for each in PASSES if passes is None else passes:
        program = each(program)
    return program


def without_dead(program: Program) -> Program:
    """Drop the operations whose results nobody reads; conditions stay, and flags of what is handed out."""
    handed_out = escaping(program)
    needed = set(variables_in(program.outputs))
    kept: list[Equation] = []
    for equation in reversed(program.equations):
        is_flag = equation.function is freeze
        if equation.function is expect or (is_flag and equation.operands[0] in handed_out) or equation.result in needed:
            kept.append(equation)
            needed.update(equation.reads)
    return program.with_equations(reversed(kept))


def with_constants(program: Program) -> Program:
    """Compute once what depends on shapes and dtypes alone, such as `np.zeros_like(x)`, but for what is handed out."""
    handed_out = escaping(program)
    known: dict[Variable, Any] = {}
    kept = []
    for equation in program.equations:
        function, operands, _, result, *_ = equation
        if function is freeze and operands[0] in known:
            known[operands[0]].setflags(write=False)
        elif result not in handed_out and (constant := _constant(equation)) is not None:
            known[result] = constant
        else:
            kept.append(equation)
    return _replaced(program, kept, known)


def _constant(equation: Equation) -> Any:
    """The result, if it depends on shapes alone and lies in memory as it was recorded; else None."""
    function, operands, options, result, *_ = equation
    if function not in _OF_SHAPE or len(equation.reads) != 1 or not (operands and isinstance(operands[0], Variable)):
        return None
    constant = function(_like(operands[0]), *operands[1:], **options)
    return constant if _lies_alike(Variable("", constant), result) else None


_OF_SHAPE = {np.zeros_like, np.ones_like, np.full_like}


def _like(variable: Variable) -> Any:
    """An array that lies in memory like a variable: densely, its axes in the same order."""
    order = sorted(range(variable.ndim), key=lambda axis: -abs(variable.strides[axis]))
    dense = np.empty([variable.shape[axis] for axis in order], variable.dtype)
    return dense.transpose([order.index(axis) for axis in range(variable.ndim)])


def without_double(program: Program) -> Program:
    """Compute once what is computed twice, but for arrays that are handed out: each is its caller's own."""
    handed_out = escaping(program)
    seen: dict[Any, Variable] = {}
    same: dict[Variable, Any] = {}
    kept = []
    for equation in program.equations:
        function, operands, options, result, line, errors, views = equation
        operands, options = _swap(operands, same), _swap(options, same)
        equation = Equation(function, operands, options, result, line, errors, tuple(_swap(list(views), same)))
        key = _key((function, operands, options, errors))
        is_shared = function not in (expect, freeze) and result not in handed_out
        if is_shared and key in seen:
            same[result] = seen[key]
            continue
        if is_shared:
            seen[key] = result
        kept.append(equation)
    return program.with_equations(kept, _swap(program.outputs, same))


def _swap(operand: Any, same: dict[Variable, Any]) -> Any:
    return with_variables(operand, lambda x: same.get(x, x)) if same else operand


def _key(x: Any) -> Any:
    """What an operation is known by."""
    if isinstance(x, tuple | list):
        parts = [_key(each) for each in x]
        return (type(x), *parts)
    if isinstance(x, dict):
        return ("dict", *[(name, _key(value)) for name, value in sorted(x.items())])
    if isinstance(x, slice):
        return ("slice", x.start, x.stop, x.step)
    if isinstance(x, float):
        return (type(x), x.hex())
    if isinstance(x, complex):
        return (type(x), x.real.hex(), x.imag.hex())
    if isinstance(x, np.ndarray | np.generic) or getattr(type(x), "__hash__", None) is None:
        return ("object", id(x))
    return (type(x), x)


def without_views(program: Program) -> Program:
    """Drop the views that show an intermediate result as it is."""
    handed_out = set(variables_in(program.outputs))
    lies_in = roots(program)
    shown = [root for x in handed_out for root in lies_in[x]]
    own = {equation.result for equation in program.equations if not equation.views}
    same: dict[Variable, Any] = {}
    kept = []
    for equation in program.equations:
        function, operands, options, result, line, errors, views = equation
        operands, options = _swap(operands, same), _swap(options, same)
        views = tuple(_swap(list(views), same))
        x = operands[0] if operands else None
        if (isinstance(x, Variable) and views == (x,) and function in VIEWS and x in own and x not in handed_out
                and shown.count(x) < 2 and _lies_alike(x, result)):
            same[result] = x
            continue
        kept.append(Equation(function, operands, options, result, line, errors, views))
    return program.with_equations(kept, _swap(program.outputs, same))


def _lies_alike(x: Variable, y: Variable) -> bool:
    return (x.kind, x.shape, x.dtype, x.strides) == (y.kind, y.shape, y.dtype, y.strides)


VIEWS: set[Any] = {*map(Method, ("view", "reshape", "transpose", "ravel", "squeeze", "swapaxes", "diagonal")),
                    *map(Attribute, ("T", "mT", "real", "imag")), operator.getitem, np.reshape, np.transpose,
                    np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to, np.ravel, np.diagonal,
                    np.atleast_1d, np.atleast_2d, np.rollaxis}
"""Functions whose results, where they lie in the memory of the operand, are nothing but another way to look at it."""


# ------------------------------------------------------------------------------------------------- spelling


def written_faster(program: Program) -> Program:
    """Write operations in the way of NumPy that gives the same bits with fewer calls of Python."""
    kept = []
    for equation in program.equations:
        kept += _faster(equation)
    return program.with_equations(kept)


_REDUCTIONS = {Method("sum"): np.add, np.sum: np.add, Method("prod"): np.multiply, np.prod: np.multiply,
               Method("max"): np.maximum, np.max: np.maximum, Method("min"): np.minimum, np.min: np.minimum,
               Method("any"): np.logical_or, np.any: np.logical_or, Method("all"): np.logical_and,
               np.all: np.logical_and}


def with_numbers_as_arrays(program: Program) -> Program:
    """Give Python's numbers beside float arrays as arrays without axes, which spares NumPy to find out their type."""
    kept = []
    for equation in program.equations:
        function, operands, _, result, *_ = equation
        floats = {x.dtype for x in operands if isinstance(x, Variable) and x.is_array and x.ndim}
        if (function in _OF_ONE_TYPE and result.is_array and len(floats) == 1
                and (dtype := floats.pop()).kind == "f" and dtype.itemsize > 2):
            operands = tuple([_of(x, dtype) for x in operands])
        kept.append(equation._replace(operands=operands))
    return program.with_equations(kept)


_OF_ONE_TYPE = {each for each in vars(np).values() if isinstance(each, np.ufunc) and each is not np.ldexp}
"""Functions that make a number beside floats a float; others, as `scipy.special` has them, count orders with it."""


def _of(x: Any, dtype: Any) -> Any:
    if type(x) not in (int, float):
        return x
    array = np.array(x, dtype)
    array.setflags(write=False)
    return array


def _faster(equation: Equation) -> list[Equation]:
    function, operands, options, result, *_ = equation
    first: Any = operands[0] if operands else None
    is_array = isinstance(first, Variable) and first.is_array
    if function in UFUNC_OF and result.is_array:
        return [equation._replace(function=UFUNC_OF[function])]
    if function in _REDUCTIONS and is_array and options.keys() <= {"axis", "keepdims"} and len(operands) <= 2:
        axis = operands[1] if len(operands) == 2 else options.get("axis")
        keepdims = options.get("keepdims", False)
        if isinstance(keepdims, bool) and (first.ndim or axis is None):
            return [equation._replace(function=_REDUCTIONS[function].reduce, operands=(first, axis),
                                      options={"keepdims": True} if keepdims else {})]
    if function is operator.pow and is_array and first.dtype.kind == "f" and result.is_array:
        exponent = operands[1]
        if type(exponent) in (int, float) and exponent in _POWERS:
            return [equation._replace(function=_POWERS[exponent], operands=(first,))]
    is_mean = function in (np.mean, Method("mean")) and is_array and not options and len(operands) == 1
    if is_mean and first.dtype in _MEANS and first.size:
        total = Variable(f"{result.name}_sum", first.dtype.type(0))
        quotient, size = Variable(f"{result.name}_mean", np.float64(0)), first.size
        return [equation._replace(function=np.add.reduce, operands=(first, None), result=total, views=()),
                equation._replace(function=operator.truediv, operands=(total, np.intp(size)), result=quotient),
                equation._replace(function=first.dtype.type, operands=(quotient,))]
    return [equation]


_POWERS = {2: np.square, 0.5: np.sqrt}
_MEANS = (np.dtype(np.float32), np.dtype(np.float64))




# ------------------------------------------------------------------------------------------------- what lies where


def roots(program: Program) -> dict[Variable, set[Variable]]:
    """For each variable those in whose memory it may lie: itself, or what it is a view of."""
    found: dict[Variable, set[Variable]] = {x: {x} for x in program.inputs}
    for equation in program.equations:
        views = [found[x] for x in equation.views]
        found[equation.result] = set().union(*views) if views else {equation.result}
    return found


def escaping(program: Program) -> set[Variable]:
    """The variables whose memory is handed out."""
    found = roots(program)
    memory = set().union(*[found[x] for x in variables_in(program.outputs)])
    return {x for x, lies_in in found.items() if lies_in & memory}


def _replaced(program: Program, equations: Iterable[Equation], known: dict[Variable, Any]) -> Program:
    """The program with constants in the place of variables."""
    new = []
    for equation in equations:
        views = tuple([x for x in equation.views if x not in known])
        new.append(equation._replace(operands=_swap(equation.operands, known), options=_swap(equation.options, known),
                                     views=views))
    return program.with_equations(new, _swap(program.outputs, known))


def with_runs(program: Program) -> Program:
    """Bring together what can be worked through block by block."""
    return program.with_equations(gathered(program.equations, escaping(program)))


PASSES: tuple[Pass, ...] = (without_dead, with_constants, without_views, without_double, written_faster, without_dead,
                            with_numbers_as_arrays, with_runs)
"""What the planner does before it decides what lies where."""
