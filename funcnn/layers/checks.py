"""What may come into a layer: an array as wide as it expects, and parameters of its shapes, all of one dtype.

An error names the layer by its path in the net. The label is made only then, because most calls are right.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from funcnn._arguments import described, unlike_array, whole_number
from funcnn._arrays import is_float
from funcnn._foreign import admitted, is_foreign
from funcnn.core.rule import USUAL
from funcnn.core.tracer import Tracer
from funcnn.tree.frozendict import FrozenDict
from funcnn.typing import Shape

__all__ = ["Checked", "check", "check_entries", "check_input", "check_widths"]


_KNOWN = (np.ndarray, Tracer)
"""The arrays whose dtype is one of NumPy's."""


class Checked(Protocol):
    """What is to be known of a layer to check what comes in, as `Layer` documents it."""

    @property
    def in_features(self) -> int | None: ...  # noqa: D102  # Layer's own
    @property
    def axes(self) -> int | None: ...  # noqa: D102  # Layer's own
    @property
    def shapes(self) -> Mapping[str, Shape] | None: ...  # noqa: D102  # Layer's own
    @property
    def misfit(self) -> Callable[[Shape], str] | None: ...  # noqa: D102  # Layer's own
    def label(self, path: str) -> str:
        """What errors call it at this place of a net: `dense_1 (64 -> 3)`."""
        ...


def check_widths(owner: str, **widths: Any) -> None:
    """Widths are integers from 0.

    >>> check_widths("dense", in_features=-1)
    Traceback (most recent call last):
    ...
    ValueError: dense: in_features must be at least 0, got -1
    """
    for name, width in widths.items():
        whole_number(owner, name, width, least=0)


def check(layer: Checked, path: str, params: Any, x: Any) -> None:
    """Raise what is wrong with the input or the parameters of a layer."""
    check_input(layer, path, x)
    if layer.shapes:
        dtype = _check_params(layer, layer.shapes, path, params)
        if layer.in_features is not None and isinstance(x, _KNOWN) and x.dtype != dtype:
            _check_dtype(layer, path, x.dtype, dtype)


# ----------------------------------------------------------------------------------------------- the input


def taken_in(label: Callable[[str], str], path: str, x: Any) -> Any:
    """The input; data of pandas, polars and PyTorch as an array of the same numbers."""
    return admitted(label(path), "the input", x) if type(x) not in USUAL and is_foreign(x) else x


def check_input(layer: Checked, path: str, x: Any) -> None:
    """The input is an array with as many axes, and as long a last one, as the layer says; if it says nothing of it, at
    least none of another library.
    """
    if type(x) not in USUAL and (came := _foreign(x)):
        raise TypeError(f"{layer.label(path)}: the input must be an array, got {came}")
    if layer.in_features is layer.axes is None and layer.misfit is None:
        return
    if not getattr(x, "shape", ()):
        came = "a single number" if hasattr(x, "shape") else described(x)
        raise TypeError(f"{layer.label(path)}: the input must be an array {_expected(layer)}, got {came}")
    if layer.axes is not None and len(x.shape) != layer.axes:
        raise TypeError(f"{layer.label(path)}: the input must be an array {_expected(layer)}, got shape {x.shape}")
    if layer.in_features is not None and x.shape[-1] != layer.in_features:
        raise ValueError(f"{layer.label(path)}: input has {x.shape[-1]} features, expected {layer.in_features}"
                         f" (its shape is {x.shape}){_channels_first(layer, x.shape)}")
    if layer.misfit is not None and (wrong := layer.misfit(x.shape)):
        raise ValueError(f"{layer.label(path)}: {wrong}")


def _expected(layer: Checked) -> str:
    inner = {3: ", time", 4: ", height, width"}.get(layer.axes or 0, "")
    return f"(batch{inner}, {'features' if layer.in_features is None else layer.in_features})"


def _channels_first(layer: Checked, shape: Shape) -> str:
    if shape[1:2] == (layer.in_features,) and (len(shape) == 4 or len(shape) == layer.axes == 3):
        return f". Channels come last here, not first: x.transpose{(0, *range(2, len(shape)), 1)}"
    return ""


def _foreign(x: Any) -> str:
    """What is wrong with a value that looks like an array, and is another kind, with other operators."""
    return unlike_array(x) if hasattr(x, "shape") else ""


def _check_dtype(layer: Checked, path: str, came: np.dtype[Any], own: np.dtype[Any]) -> None:
    """Refuse integers, and any mixture that would make float64 of float32 on the way; float16 data is only widened."""
    if not is_float(came):
        raise TypeError(f"{layer.label(path)}: the input is {came}, floating-point numbers are needed: "
                        f"x.astype(np.{own})")
    if came.itemsize > own.itemsize or came.itemsize < own.itemsize > 4:
        raise TypeError(f"{layer.label(path)}: the input is {came} but the parameters are {own}; convert one of them: "
                        f"x.astype(np.{own}), or tree.astype(params, np.{came})")


# ------------------------------------------------------------------------------------------ the parameters


def check_entries(layer: Checked, path: str, params: Any, expected: Mapping[str, Any]) -> None:
    """The parameters have the entries they should and no others."""
    if not isinstance(params, (FrozenDict, Mapping)):  # the first is found at once
        raise TypeError(f"{layer.label(path)}: the parameters must be a mapping, as init returns it, got "
                        + described(params))
    if params.keys() != expected.keys():
        raise ValueError(f"{layer.label(path)}: its parameters are {list(expected)}, got {list(params)}; are these the "
                         "parameters of another net?")


def _check_params(layer: Checked, shapes: Mapping[str, Shape], path: str, params: Any) -> Any:
    """The dtype of the parameters, which have these shapes."""
    check_entries(layer, path, params, shapes)
    dtype = None
    for name, shape in shapes.items():
        param = params[name]
        if type(param) not in USUAL and (foreign := _foreign(param)):
            raise TypeError(f"{layer.label(path)}: parameter {name!r} must be an array, got {foreign}")
        if getattr(param, "shape", None) != shape:
            raise ValueError(f"{layer.label(path)}: parameter {name!r} has shape {getattr(param, 'shape', None)}, "
                             f"expected {shape}; are these the parameters of another net?")
        dtype = param.dtype if dtype is None else dtype
        if isinstance(param, _KNOWN) and (param.dtype != dtype or not is_float(dtype)):
            raise TypeError(f"{layer.label(path)}: parameter {name!r} is {param.dtype}; all parameters need one "
                            "floating dtype: tree.astype(params, np.float32)")
    return dtype
