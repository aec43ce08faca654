"""What was chosen? `Settings`, as the page sends them; their ranges and words stand in settings.json."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["Settings"]


class Settings(TypedDict):
    """All that can be chosen, and all that a program depends on."""

    data: str
    arms: int
    noise: float
    features: list[str]
    layers: list[int]
    activation: str
    optimizer: str
    rate: float
    schedule: str
    regularizer: str
    strength: float
    dropout: float
    batch: int
    seed: int
    points: list[tuple[float, float, int]]
