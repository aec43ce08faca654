"""What a function takes and gives: `Array`, `Params`, `Key`, `Scalar`.

`Array` is a protocol, not a class: NumPy's float arrays, `jax.Array` and the values traced by `grad` all
fit it. It is read-only, because data in funcnn never changes: no `x[0] = ..`, no `x += ..` that writes.

A `Key` is the state of a random stream, at run time a read-only uint32[2], to a type checker neither an array nor a
number; `Keys` are several, as `random.split` gives them, and `IntArray` is NumPy's array of integers.

These are for annotations. A loss of your own is `def loss(params: Params, x: Array, labels: Labels) -> Scalar`; a net
is annotated by `funcnn.layers.Net`, and a width in a variable `Final`, so that mypy still compares it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias, TypedDict, final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike as ArrayLike
    from numpy.typing import DTypeLike as DTypeLike
    from numpy.typing import NDArray
    from typing_extensions import ReadOnly, TypeVar
else:
    from typing import Required as ReadOnly  # which came with Python 3.13, and is for the checker
    from typing import TypeVar

    ArrayLike = np.ndarray | Sequence | float  # as pages of documentation write them: NumPy's own fill a line each
    DTypeLike = np.dtype | type | str

__all__ = ["AnyWidth", "Array", "Axis", "DenseParams", "Dim", "IntArray", "Key", "Keys", "Labels", "Mask", "Params",
           "Scalar", "Schedule", "Shape"]

Shape: TypeAlias = tuple[int, ...]
"""The lengths of an array's axes."""

Axis: TypeAlias = int | tuple[int, ...] | None
"""Which axes are reduced; None means all."""

Dim: TypeAlias = Literal[0] | int
"""A width. The literal makes mypy remember `dense(2, 64)` as 2 and 64; an `int` variable stays an int."""

if TYPE_CHECKING:
    AnyWidth = TypeVar("AnyWidth", bound=Dim, default=Any)
else:
    AnyWidth = TypeVar("AnyWidth", bound=Dim)  # default= came with Python 3.13
"""The width of a layer that keeps it: in a chain that of its neighbours, alone any."""


class Mask(Protocol):
    """What a comparison of arrays gives: an array of booleans, to combine by `&`, `|`, `~`, or to multiply by."""

    @property
    def shape(self) -> Shape: ...
    @property
    def ndim(self) -> int: ...
    @property
    def size(self) -> int: ...
    def __array__(self, /) -> NDArray[Any]: ...
    def __getitem__(self, index: Any, /) -> Mask: ...
    def __invert__(self, /) -> Mask: ...
    def __and__(self, other: Any, /) -> Mask: ...
    def __or__(self, other: Any, /) -> Mask: ...
    def __mul__(self, other: float, /) -> Any: ...
    def __rmul__(self, other: float, /) -> Any: ...


class Array(Protocol):
    """A read-only array of floating-point numbers: ndarray, `jax.Array`, or a traced value.

    `__array__` is declared to give floats, which keeps integer arrays out. Operands are `Any` because that is how
    NumPy's and JAX's own arrays declare them. Results are `Self`, which mypy checks fifty times faster than `Array`.
    Reductions are `Callable[..., Array]`: from NumPy 2.5 on, `keepdims: bool` fits no overload of ndarray's.
    """

    @property
    def shape(self) -> Shape: ...
    @property
    def ndim(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def T(self) -> Self: ...
    def __array__(self, /) -> NDArray[np.floating[Any]]: ...
    def __array_namespace__(self, /, *, api_version: Any = ...) -> Any: ...
    def __float__(self, /) -> float: ...
    def __len__(self, /) -> int: ...
    def __getitem__(self, index: Any, /) -> Self: ...
    def __neg__(self, /) -> Self: ...
    def __abs__(self, /) -> Self: ...
    def __add__(self, other: Any, /) -> Self: ...
    def __radd__(self, other: Any, /) -> Self: ...
    def __sub__(self, other: Any, /) -> Self: ...
    def __rsub__(self, other: Any, /) -> Self: ...
    def __mul__(self, other: Any, /) -> Self: ...
    def __rmul__(self, other: Any, /) -> Self: ...
    def __truediv__(self, other: Any, /) -> Self: ...
    def __rtruediv__(self, other: Any, /) -> Self: ...
    def __pow__(self, other: Any, /) -> Self: ...
    def __rpow__(self, other: Any, /) -> Self: ...
    def __matmul__(self, other: Any, /) -> Self: ...
    def __rmatmul__(self, other: Any, /) -> Self: ...
    def __lt__(self, other: Any, /) -> Mask: ...
    def __le__(self, other: Any, /) -> Mask: ...
    def __gt__(self, other: Any, /) -> Mask: ...
    def __ge__(self, other: Any, /) -> Mask: ...
    @property
    def sum(self) -> Callable[..., Array]: ...
    @property
    def mean(self) -> Callable[..., Array]: ...
    @property
    def max(self) -> Callable[..., Array]: ...
    @property
    def min(self) -> Callable[..., Array]: ...
    def transpose(self, /, *axes: int) -> Self: ...
    def reshape(self, shape: Shape, /) -> Self: ...
    def astype(self, dtype: Any, /) -> Self: ...


if TYPE_CHECKING:
    IntArray: TypeAlias = NDArray[np.integer[Any]]

    @final
    class Key:
        """The state of a random stream: a read-only uint32[2], opaque to the type checker."""

        def __array__(self, /) -> NDArray[np.uint32]: ...

    @final
    class Keys:
        """Several keys, as `random.split` gives them: unpack them or index them."""

        def __array__(self, /) -> NDArray[np.uint32]: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Iterator[Key]: ...
        def __getitem__(self, index: int, /) -> Key: ...
else:
    IntArray = np.ndarray
    """An array of integers of NumPy: labels, counts, indices."""

    Key = np.ndarray
    """The state of a random stream: a read-only uint32[2]; to a type checker neither an array nor a number."""

    Keys = np.ndarray
    """Several keys, as `random.split` gives them, uint32 of shape (n, 2): unpack them or index them."""

Scalar: TypeAlias = Array | np.floating[Any] | float
"""One number: what a loss returns and `grad` differentiates."""

Labels: TypeAlias = IntArray | Array
"""Class labels: integers, one per example, or one row of probabilities (one-hot) per example."""

Params: TypeAlias = Mapping[str, Mapping[str, Array]]
"""The parameters of a net: {layer path: {name: array}}, as in Haiku."""

Schedule: TypeAlias = Callable[[Any], Any]
"""A learning rate that changes: from the count of updates done (0, 1, ...) to a rate."""


class DenseParams(TypedDict):
    """The parameters of one dense layer: `w` is (in, out), `b` is (out,)."""

    w: ReadOnly[Array]
    b: ReadOnly[Array]
