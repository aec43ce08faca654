"""How does a function run without its Python? `jit` records its NumPy calls as a `Program`, and runs that.

Read `transformation` (what it means), `recorded` and `recorder` (what is written down), `equation` and `program` (the
data), `passes` (how it gets smaller), `planner` with `memory`, `blocks` and `recycling` (how it is run fast), `store`
and `calling` (which program is run), `source` (how it is printed), `files` and `embedding` (how it becomes a file).
"""

from typing import TYPE_CHECKING, Any

from funcnn.staging.transformation import jit, make_program

if TYPE_CHECKING:
    from funcnn.staging.equation import Equation, Variable
    from funcnn.staging.program import Program

__all__ = ["Equation", "Program", "Variable", "jit", "make_program"]

if not TYPE_CHECKING:  # only a function that is jitted needs the rest

    def __getattr__(name: str) -> Any:
        """Import the data of programs when they are asked for."""
        if name not in __all__:
            raise AttributeError(f"module 'funcnn.staging' has no attribute {name!r}")
        from funcnn.staging import equation, program

        globals()[name] = found = getattr(program if name == "Program" else equation, name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
