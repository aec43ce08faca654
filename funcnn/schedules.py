"""With this module you can let the learning rate change: `optimizers.sgd(inverse_time_decay(1.0, 1e-3))`.

A schedule is a function from the number of updates done before, 0 at the first, to the rate; it stands wherever a
learning rate may. Names and values are those of optax where it has them.
"""

from __future__ import annotations

from typing import Any

from funcnn.typing import Schedule

__all__ = ["inverse_time_decay"]


def inverse_time_decay(init_value: float, decay_rate: float) -> Schedule:
    """The rate falls as one over time: init_value / (1 + decay_rate t).

    >>> rate = inverse_time_decay(1.0, 0.1)
    >>> rate(0), rate(10)
    (1.0, 0.5)

    The decay of the book (NNFS, chapter 10) and of Keras's `InverseTimeDecay`. The book prints the rate of the
    update before, that is `rate(t - 1)`, beside step t.
    """
    _check_positive("inverse_time_decay", "init_value", init_value)
    _check_positive("inverse_time_decay", "decay_rate", decay_rate)

    def schedule(count: Any) -> Any:
        return init_value / (1 + decay_rate * count)

    return schedule


def _check_positive(function: str, name: str, value: float) -> None:
    if not 0 <= value < float("inf"):
        raise ValueError(f"{function}: {name} must be a number >= 0, got {value}")
