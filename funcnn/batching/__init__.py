"""How is a function of one example computed for all at once? By `vmap`, which users find in `funcnn` itself.

Read `batch` (the interpreter: what an operation on a batch means), `families` (how groups of NumPy functions are
batched; each row of `funcnn.rules` names its own), `transformation` (`vmap` itself).
"""

from funcnn.batching.transformation import vmap

__all__ = ["vmap"]
