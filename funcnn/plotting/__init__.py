"""Pictures of a network that learns: `decision_boundary`, `history`, `activations`, `graph`, `animate`.

Each function draws data on the axes that it is given, or on those of a new figure, and returns them:
`decision_boundary(predict, x, y).figure.savefig("plane.png")`. No window is opened and pyplot is never asked, so all of
it runs where there is no screen; in a notebook, let `ax.figure` be the last line of a cell. On axes of your own, from
`figure(8, 3).subplots(1, 2)` or pyplot, everything matplotlib can do with axes is still to be done.

Colours are those that colour-blind people can tell apart, and each class has a marker of its own. Ink and paper are
those of the axes: `figure(dark=True)`, or a style of matplotlib's such as "dark_background", gives pictures that are
light on dark.

It needs matplotlib: `pip install 'funcnn[plot]'`.
"""

from __future__ import annotations

from funcnn._later import later
from funcnn.plotting.answers import confusion_matrix as confusion_matrix
from funcnn.plotting.answers import predictions as predictions
from funcnn.plotting.boundary import animate as animate
from funcnn.plotting.boundary import decision_boundary as decision_boundary
from funcnn.plotting.inside import activations as activations
from funcnn.plotting.inside import gradient_flow as gradient_flow
from funcnn.plotting.inside import graph as graph
from funcnn.plotting.learning import history as history
from funcnn.plotting.learning import weights as weights
from funcnn.plotting.page import figure as figure
from funcnn.plotting.palette import COLORS as COLORS

__all__ = ["COLORS", "activations", "animate", "confusion_matrix", "decision_boundary", "figure", "gradient_flow",
           "graph", "history", "predictions", "weights"]

later(globals())
