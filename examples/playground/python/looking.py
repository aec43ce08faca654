"""What is there to see? `eyes`: of the parameters, the answers in the plane, each unit's own plane, and the scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import funcnn as fn
from funcnn.layers import Net
from funcnn.typing import Array, Params

__all__ = ["EDGE", "GRID", "SMALL", "eyes", "grid", "outputs", "surroundings"]

EDGE = 1.25
"""The plane that is drawn reaches from -EDGE to EDGE."""

GRID = 64
"""It has so many points a side."""

SMALL = 2
"""The planes of the units have every SMALL-th of them."""

Program = Mapping[str, Any]


def grid() -> NDArray[np.float32]:
    """The points of the plane, row by row from the top."""
    side = (np.arange(GRID) + 0.5) / GRID * 2 * EDGE - EDGE
    x1, x2 = np.meshgrid(side, -side)
    return np.stack([x1.ravel(), x2.ravel()], axis=1).astype(np.float32)


def outputs(net: Net, params: Params, x: Array) -> list[Array]:
    """What each layer with parameters gives, after the activation that may follow it; the last is the answer."""
    found: list[Array] = []
    for name, layer in net.stages:
        x = layer.apply(params.get(name, {}), x, key=None)
        found = [*found, x] if name in params else [*found[:-1], x]
    return found


def eyes(program: Program) -> Callable[[Params], dict[str, Any]]:
    """The function that makes of parameters what is drawn, with flat arrays."""
    net, score = program["net"], program["score"]
    plane, batches = given(program, grid()), (program["train"], program["fresh"])
    everywhere = fn.jit(lambda params: [outputs(net, params, x) for x in (plane, batches[0][0])])

    def view(params: Params) -> dict[str, Any]:
        there, known = everywhere(params)
        return {"answers": np.ravel(there[-1]), "units": [small_planes(h) for h in there[:-1]],
                "still": [np.flatnonzero(np.ptp(h, axis=0) == 0).astype(np.int32) for h in known[:-1]],
                "weights": [{name: np.ravel(w) for name, w in layer.items()} for layer in params.values()],
                "scores": [dict(zip(("loss", "score"), map(float, score(params, batch)), strict=True))
                           for batch in batches] if np.all(np.isfinite(known[-1])) else []}

    return view


def given(program: Program, x: NDArray[np.float32]) -> Array:
    """What the net is given of points of the plane."""
    features: Callable[[Any], Array] | None = program.get("features")
    return features(x) if features else x


def small_planes(h: Array) -> NDArray[np.float32]:
    """The planes of the units of a layer, one after the other."""
    planes = np.asarray(h).reshape(GRID, GRID, -1)[::SMALL, ::SMALL]
    return np.ravel(np.moveaxis(planes, -1, 0))


def surroundings(program: Program) -> dict[str, Any]:
    """What is drawn beside the net: the points it trains on, fresh ones, and the planes of its inputs."""
    sets = [program["data"](program[key]) for key in ("train_key", "fresh_key")]
    return {"points": [{"x": np.ravel(x), "y": np.ravel(y).astype(np.float32)} for x, y in sets],
            "inputs": small_planes(given(program, grid())), "edge": EDGE, "grid": GRID, "small": GRID // SMALL,
            "stages": [name for name, _ in program["net"].stages], "outputs": int(program["net"].out_features)}
