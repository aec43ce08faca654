"""How does data of pandas, polars and PyTorch come in? As an ndarray of the same numbers: `admitted`.

A table becomes a matrix of its columns, in their order, without the labels of its rows; a column, or a tensor, an
array. That happens at the doors of data (`batches`, `split`, `predict`, `evaluate`, a layer's `apply`) and only where
no number changes; else an error says what stands in the way and what to write. What is differentiated must be an array
already, because a gradient has the type of its argument. None of these libraries is imported here: who gives their
data has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from funcnn._arguments import described

__all__ = ["admitted", "is_foreign"]


def is_foreign(x: Any) -> bool:
    """Whether x is of a library whose data is converted.

    >>> is_foreign(np.ones(2)), is_foreign([1.0])
    (False, False)
    """
    return type(x) is not np.ndarray and type(x).__module__.partition(".")[0] in _WAYS


def admitted(owner: str, name: str, x: Any) -> Any:
    """A table, a column or a tensor as an ndarray, for the function `owner`; all else as it is.

    >>> admitted("batches", "the data", 3.0)
    3.0
    """
    return _WAYS[type(x).__module__.partition(".")[0]](f"{owner}: {name}", x) if is_foreign(x) else x


# ------------------------------------------------------------------------------------------------ PyTorch


def _of_torch(where: str, x: Any) -> Any:
    """The memory of a tensor that lies where NumPy can see it."""
    if not hasattr(x, "detach"):
        return x
    if x.requires_grad:
        raise TypeError(f"{where} is {described(x)} that requires a gradient of PyTorch, which would be lost: "
                        "x.detach()")
    if x.device.type != "cpu":
        raise TypeError(f"{where} is {described(x)} on {x.device}: x.cpu()")
    if str(x.layout) != "torch.strided":
        raise TypeError(f"{where} is {described(x)} and sparse: x.to_dense()")
    try:
        return x.numpy()
    except (TypeError, RuntimeError) as error:
        raise TypeError(f"{where} is {described(x)}, which NumPy has not ({error}): x.float(), the same numbers of a "
                        "bfloat16") from None


# ------------------------------------------------------------------------------------------------ pandas


def _of_pandas(where: str, x: Any) -> Any:
    kind = type(x).__name__
    if kind == "DataFrame":
        return _joined(where, {str(name): _column_of_pandas(f"{where}: column {name!r}", x.iloc[:, i])
                               for i, name in enumerate(x.columns)}, len(x))
    return _column_of_pandas(where, x) if kind == "Series" else x


def _column_of_pandas(where: str, x: Any) -> Any:
    dtype = x.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return x.to_numpy()
    if isinstance(dtype, np.dtype) or getattr(dtype, "kind", "O") not in "biuf":
        raise TypeError(f"{where} is {dtype}, which is no number: leave it out, x.select_dtypes('number'), or encode "
                        "it")
    if x.isna().any():
        raise TypeError(f"{where} is {dtype} with values that are missing: x.dropna(), or x.fillna(0)")
    return x.to_numpy(dtype.numpy_dtype)


# ------------------------------------------------------------------------------------------------ polars


def _of_polars(where: str, x: Any) -> Any:
    kind = type(x).__name__
    if kind == "LazyFrame":
        raise TypeError(f"{where} is a LazyFrame, which has no numbers yet: x.collect()")
    if kind == "DataFrame":
        return _joined(where, {name: _column_of_polars(f"{where}: column {name!r}", x[name]) for name in x.columns},
                       len(x))
    return _column_of_polars(where, x) if kind == "Series" else x


def _column_of_polars(where: str, x: Any) -> Any:
    if not (x.dtype.is_integer() or x.dtype.is_float() or str(x.dtype) == "Boolean"):
        raise TypeError(f"{where} is {x.dtype}, which is no number: leave it out, or encode it")
    if x.null_count():
        raise TypeError(f"{where} is {x.dtype} with values that are missing: x.drop_nulls(), or x.fill_null(0)")
    return x.to_numpy()


# ------------------------------------------------------------------------------------------------ tables


def _joined(where: str, columns: Mapping[str, Any], rows: int) -> Any:
    """The columns side by side, in the dtype that holds the numbers of all of them."""
    dtype = np.result_type(*columns.values()) if columns else np.dtype(np.float64)
    for name, column in columns.items():
        if not _is_held(column, dtype):
            raise TypeError(f"{where}: column {name!r} is {column.dtype} with numbers that {dtype}, which the columns "
                            "have in common, does not hold exactly; convert it: x.astype(np.float64)")
    return np.stack(list(columns.values()), axis=1) if columns else np.empty((rows, 0), dtype)


def _is_held(x: Any, dtype: np.dtype[Any]) -> bool:
    """Whether the numbers of an array are the same in another dtype."""
    if x.dtype == dtype or (x.dtype.kind == "f" and np.can_cast(x.dtype, dtype)) or x.dtype.kind == "b":
        return True
    with np.errstate(all="ignore"):
        return bool(np.array_equal(x.astype(dtype).astype(x.dtype), x))


_WAYS: dict[str, Callable[[str, Any], Any]] = {"torch": _of_torch, "pandas": _of_pandas, "polars": _of_polars}
