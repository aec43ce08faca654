"""What do several of the metrics ask of their arguments? Labels of two classes, no NaN, and room for squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcnn._arguments import float_array
from funcnn.losses import checks

__all__ = ["DIVERGED", "wide", "yes_or_no"]

DIVERGED = "The model that made them has diverged"


def yes_or_no(name: str, argument: str, predictions: Any, labels: Any) -> Any:
    """Labels (batch,) of two classes as 0.0 and 1.0."""
    shape = float_array(name, argument, predictions)
    checks.same_shape(name, **{argument: predictions, "labels": labels})
    if len(shape) != 1:
        fix = f". Drop the last axis: {argument}[:, 0] and labels[:, 0]" if shape[1:] == (1,) else ""
        raise ValueError(f"{name}: {argument} of shape {shape} must be (batch,), one number for each example{fix}")
    checks.every(name, "labels", labels, lambda y: (y == 0) | (y == 1), "0 or 1", "Labels of -1 and 1: (y + 1) / 2")
    checks.no_nan(name, argument, predictions, DIVERGED)
    return (labels == 1) * 1.0


def wide(x: Any) -> Any:
    """Numbers whose squares can be added up, which in float16 end at 65504."""
    return x.astype(np.float32) if x.dtype == np.float16 else x
