"""Numbers that say how to calculate, and may be traced: `setting`."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn._arguments import HOLDS, Interval, real_number
from funcnn._arrays import is_number
from funcnn.core.tracer import Tracer, call, holds, underlying

__all__ = ["setting"]


def setting(owner: str, name: str, value: Any, within: Interval = "[0, inf)") -> Any:
    """A number as a Python float, or a traced one as it is; every number that it stands for lies in the interval.

    >>> setting("sgd", "momentum", np.float64(1.5), "[0, 1)")
    Traceback (most recent call last):
    ...
    ValueError: sgd: momentum must be a number in [0, 1), got 1.5
    """
    number = real_number(owner, name, value, within)
    known = underlying(number)
    if isinstance(known, Tracer) and known.is_recorded:
        is_inside: Any = HOLDS[within]
        if not holds(is_inside(known)):
            raise ValueError(f"{owner}: {name} must be a number in {within}")
        return number if is_number(number) else call(float, number)
    for each in np.ravel(known) if isinstance(known, np.ndarray | np.generic) else ():
        real_number(owner, name, each, within)
    return number
