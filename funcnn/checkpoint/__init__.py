"""How does a run outlive its machine? `save` and `load` a tree, bit for bit; `keep` the steps of a run; `load_file`.

A checkpoint is a `.safetensors` file, which the official library opens too. Its arrays are named by their paths in
the tree as `tree.keystr` writes them, `0/dense_0/w`; where two paths would be written alike, `/` in a key becomes
`~1` and `~` becomes `~0`. The metadata holds the kinds of the nodes, and the Python numbers and texts of the tree. No
code is stored and no class looked up: `load` takes a tree that shows the form, `like`.
"""

from __future__ import annotations

from funcnn._later import later
from funcnn.checkpoint.safetensors import CheckpointError, CheckpointNotFoundError, DamagedCheckpointError
from funcnn.checkpoint.steps import all_steps, best, keep, latest
from funcnn.checkpoint.whole import load, load_file, save

__all__ = [
    "CheckpointError", "CheckpointNotFoundError", "DamagedCheckpointError", "all_steps", "best", "keep", "latest",
    "load", "load_file", "save",
]


later(globals())  # what may be meant by a name that is not here
