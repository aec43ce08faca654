"""What is a program? NumPy calls in their order: `Program`, plain data that can be printed, saved, read and run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from funcnn import tree
from funcnn.staging import files, source
from funcnn.staging.equation import Equation, Variable, with_variables

__all__ = ["Program"]


class Program:
    """The NumPy calls that a function made of its arguments, in their order; `make_program` records it.

    - `name`, `parameters`: the names of the function and of its arguments.
    - `inputs`: the variables of its arguments' leaves, and `arguments` their structure, that of `(args, kwargs)`.
    - `equations`: the operations.
    - `outputs`: the leaves of the result, variables or constants, and `result` their structure.

    `print(program)` shows it as NumPy code, with shapes and the lines that asked for it;
    `source()` is a file that runs where funcnn is not installed; called, it runs operation by operation.
    """

    def __init__(self, name: str, parameters: Iterable[str], inputs: Iterable[Variable],
                 equations: Iterable[Equation], outputs: Iterable[Any], arguments: tree.Structure,
                 result: tree.Structure) -> None:
        self.name, self.inputs, self.equations = name, tuple(inputs), tuple(equations)
        self.parameters, self.outputs = tuple(parameters), tuple(outputs)
        self.arguments, self.result = arguments, result

    def with_equations(self, equations: Iterable[Equation], outputs: Iterable[Any] | None = None) -> Program:
        """The same program of other `equations`, and with other `outputs`, if they are given."""
        outputs = self.outputs if outputs is None else outputs
        return Program(self.name, self.parameters, self.inputs, equations, outputs, self.arguments, self.result)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result, as the function gives it, of arguments of the recorded structure, shapes and dtypes."""
        leaves, structure = tree.flatten((args, kwargs))
        if structure != self.arguments:
            raise TypeError(f"{self.name}: the arguments are not those that the program was recorded for")
        for x, leaf in zip(self.inputs, leaves, strict=True):
            if str(came := Variable(x.name, leaf)) != str(x):
                raise TypeError(f"{self.name}: the program was recorded for {x.name} of {x}, got {came}; make another")
        return self.result.build(tuple(self.run(leaves)))

    def run(self, leaves: Iterable[Any]) -> list[Any]:
        """The leaves of the result, given the `leaves` of the arguments: one operation after the other."""
        values: dict[Variable, Any] = dict(zip(self.inputs, leaves, strict=True))

        def value_of(operand: Any) -> Any:
            return with_variables(operand, values.__getitem__)

        for function, operands, options, result, _, errors, _ in self.equations:
            with np.errstate(**dict(errors)):  # type: ignore[arg-type]  # its options are Literals
                y = function(*value_of(operands), **value_of(options))
            values[result] = y
        return [value_of(output) for output in self.outputs]

    def __str__(self) -> str:
        return source.listing(self.name, self.inputs, self.equations, self.outputs)

    def __repr__(self) -> str:
        return f"Program({self.name}: {len(self.inputs)} inputs, {len(self.equations)} equations)"

    def _repr_html_(self) -> str:
        from funcnn.staging.page import page_of

        return page_of(self.name, self.inputs, self.equations, self.outputs)

    def source(self, path: str | None = None) -> str:
        """The program as a file of Python that needs NumPy alone; `path` is where it will be written.

        Its function takes the arguments as the recorded one did. Constants stand inside; arrays above 1,000 numbers go
        into one `.npz` file beside it, for which a path is needed, and which is written then, with the file.
        """
        return files.standalone(self.name, self.parameters, self.inputs, self.equations, self.outputs,
                                 self.arguments, self.result, path)
