"""Where vmap puts the axis of the batch in its results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcnn as fn


def doubled(x: Any) -> Any:
    return 2 * x


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_the_batch_stands_where_out_axes_says(axis: int) -> None:
    x = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(fn.vmap(doubled, out_axes=axis)(x), np.moveaxis(2 * x, 0, axis))
    np.testing.assert_array_equal(fn.vmap(doubled, in_axes=2, out_axes=axis)(x), np.moveaxis(2 * x, 2, axis))
