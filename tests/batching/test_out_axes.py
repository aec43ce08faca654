"""Where vmap puts the axis of the batch in its results."""

from __future__ import annotations

import numpy as np
import pytest

import funcnn as fn


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -2, -3])
def test_the_batch_stands_where_out_axes_says(axis: int) -> None:
    x = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(fn.vmap(np.exp, out_axes=axis)(x), np.moveaxis(np.exp(x), 0, axis))
    np.testing.assert_array_equal(fn.vmap(np.exp, in_axes=2, out_axes=axis)(x), np.moveaxis(np.exp(x), 2, axis))
