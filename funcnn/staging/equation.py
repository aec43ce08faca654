"""What is a program made of? `Equation`s: a function, its operands, the `Variable` that is the result."""

import keyword
import math
import operator
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "PLAIN_ARRAYS",
    "UFUNC_OF",
    "Attribute",
    "Changed",
    "Equation",
    "Line",
    "Method",
    "Variable",
    "as_name",
    "expect",
    "form_of",
    "freeze",
    "has_form",
    "variables_in",
    "with_variables",
]


class Variable:
    """A value of a program: its kind, an array, a number or a tuple; and of an array its shape, dtype and strides.

    `name` is what it is called, and `example` a value such as it stands for, which is not kept.
    """

    __slots__ = ("dtype", "kind", "name", "shape", "strides")

    def __init__(self, name: str, example: Any) -> None:
        self.name, self.kind = name, type(example)
        is_array = isinstance(example, np.ndarray)
        self.shape: tuple[int, ...] = example.shape if is_array else ()
        self.strides: tuple[int, ...] = example.strides if is_array else ()
        self.dtype: Any = getattr(example, "dtype", None)

    @property
    def is_array(self) -> bool:
        """Whether it is an ndarray, also one without axes."""
        return issubclass(self.kind, np.ndarray)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of entries."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How much memory an array takes."""
        return self.size * self.dtype.itemsize if self.is_array else 0

    def __str__(self) -> str:
        if self.is_array:
            return f"{self.dtype}[{', '.join(map(str, self.shape))}]"
        return self.kind.__name__

    def __repr__(self) -> str:
        return self.name


class Line(NamedTuple):
    """The line of the user's program that asked for an operation."""

    file: str
    number: int

    @property
    def text(self) -> str:
        """What is written there."""
        import linecache

        return linecache.getline(self.file, self.number).strip()

    def __str__(self) -> str:
        return f"{self.file.rpartition('/')[2]}:{self.number}"


class Equation(NamedTuple):
    """One operation: `result = function(*operands, **options)`; variables may stand inside tuples and lists."""

    function: Any
    """NumPy's, or another that the program calls."""
    operands: tuple[Any, ...]
    """Variables, and constants as they are."""
    options: dict[str, Any]
    """The keyword arguments."""
    result: Variable
    """What later equations call the result by."""
    line: Line | None = None
    """Where the program asked for it; None where that is not known."""
    errors: tuple[tuple[str, str], ...] = ()
    """How NumPy answers divisions by zero and overflow here, where not as at the beginning: `np.errstate`."""
    views: tuple[Variable, ...] = ()
    """The operands in whose memory the result lies, or may lie."""

    @property
    def reads(self) -> list[Variable]:
        """The variables among the operands and options."""
        return [*variables_in(self.operands), *variables_in(tuple(self.options.values()))]


PLAIN_ARRAYS = (np.ndarray, np.memmap)
"""The types of arrays whose operators are those of NumPy; `np.matrix` and `np.ma` have their own."""

UFUNC_OF: dict[Any, np.ufunc] = {
    operator.add: np.add, operator.sub: np.subtract, operator.mul: np.multiply, operator.truediv: np.divide,
    operator.floordiv: np.floor_divide, operator.mod: np.remainder, operator.matmul: np.matmul,
    operator.and_: np.bitwise_and, operator.or_: np.bitwise_or, operator.xor: np.bitwise_xor, operator.lt: np.less,
    operator.le: np.less_equal, operator.gt: np.greater, operator.ge: np.greater_equal, operator.eq: np.equal,
    operator.ne: np.not_equal, operator.neg: np.negative, operator.abs: np.absolute, operator.invert: np.invert}
"""What the operators of arrays are."""


class Changed(Exception):
    """A condition of a program does not have the answer that was recorded, so that the program is not that of f."""


def expect(condition: Any, answer: bool) -> None:
    """A condition of a program: what follows is right for this answer only."""
    if bool(condition) is not answer:
        raise Changed


def has_form(x: Any, form: Any) -> bool:
    """Whether a value is of the form that was recorded, where the form depends on values."""
    same: bool = form_of(x) == form
    return same


def form_of(x: Any) -> Any:
    """The kind, shape and dtype of a value; of a tuple or list those of its parts.

    >>> form_of([np.ones(2), 3])
    (('ndarray', (2,), '<f8'), ('int', (), ''))
    """
    if isinstance(x, tuple | list):
        return tuple([form_of(part) for part in x])
    return type(x).__name__, np.shape(x), getattr(getattr(x, "dtype", None), "str", "")


def freeze(x: Any) -> None:
    """Flag an array read-only, as f does."""
    x.setflags(write=False)


def variables_in(operand: Any) -> Iterator[Variable]:
    """The variables of an operand, also inside tuples, lists and dicts."""
    if type(operand) is Variable:
        yield operand
    elif isinstance(operand, tuple | list):
        for each in operand:
            yield from variables_in(each)
    elif isinstance(operand, dict):
        yield from variables_in(list(operand.values()))


def with_variables(operand: Any, replace: Callable[[Variable], Any]) -> Any:
    """An operand with something else in the place of each variable."""
    if type(operand) is Variable:
        return replace(operand)
    if isinstance(operand, tuple | list) and any(True for _ in variables_in(operand)):
        parts = [with_variables(each, replace) for each in operand]
        return type(operand)(*parts) if hasattr(operand, "_fields") else type(operand)(parts)
    if isinstance(operand, dict):
        return {key: with_variables(value, replace) for key, value in operand.items()}
    return operand


def as_name(text: str, otherwise: str) -> str:
    """The text as a name of Python that no result of a program has.

    >>> as_name("dense 0/w", "x"), as_name("v1", "x"), as_name("<lambda>", "f")
    ('dense_0_w', 'v1_', 'lambda_')
    """
    name = re.sub(r"\W", "_", unicodedata.normalize("NFKC", text)).strip("_")  # as Python reads names
    if not name.isidentifier():
        return otherwise
    return f"{name}_" if keyword.iskeyword(name) or re.fullmatch(_TAKEN, name) else name


_TAKEN = (r"v\d+(_\w+)?|c\d+|b\d+|np|math|"
          "abs|bool|complex|divmod|float|frozenset|int|max|min|range|round|set|slice|type")
"""What the text of a program says itself."""


class Method:
    """A method of an array as a function: Method("sum")(x, 0) is x.sum(0)."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        """What the method of x returns."""
        return getattr(x, self.name)(*args, **options)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.name == other.name

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Attribute(Method):
    """An attribute of an array as a function: Attribute("T")(x) is x.T."""

    __slots__ = ()

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        """The attribute of x."""
        return getattr(x, self.name)
