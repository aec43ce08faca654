"""temporary"""
from __future__ import annotations

from typing import Any

from funcnn.staging.program import Program


class Plan:
    def __init__(self, program: Program) -> None:
        self.program = program
    def __call__(self, leaves: list[Any]) -> Any:
        return self.program.result.build(tuple(self.program.run(leaves)))
