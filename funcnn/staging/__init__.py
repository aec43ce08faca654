"""How does a function run without its Python? `jit` records its NumPy calls as a `Program`, and runs that.

Read `recorder` (what is written down), `equation` and `program` (the data), `planner` (how it is run fast), `source`
(how it is printed, and saved as a file).
"""

from funcnn.staging.equation import Equation, Variable
from funcnn.staging.program import Program
from funcnn.staging.transformation import jit, make_program

__all__ = ["Equation", "Program", "Variable", "jit", "make_program"]
