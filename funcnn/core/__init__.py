"""What is a traced program? Read `tracer` (how NumPy code is watched), `rule` (what is known of an operation), and
`interpreter` (what an operation means to a transformation). No transformation and no NumPy function is known here.
"""

from funcnn.core.interpreter import Interpreter, named_scope
from funcnn.core.rule import Formula, Node, Outline, Rule, innermost, register
from funcnn.core.tracer import (
    RULES,
    NeedsValues,
    Tracer,
    TracerError,
    astype,
    call,
    concrete,
    getitem,
    holds,
    may_hold,
    surely,
    underlying,
)

__all__ = ["RULES", "Formula", "Interpreter", "NeedsValues", "Node", "Outline", "Rule", "Tracer", "TracerError",
           "astype", "call", "concrete", "getitem", "holds", "innermost", "may_hold", "named_scope", "register",
           "surely", "underlying"]
