"""Which program is on the screen? `written(settings)`: the whole of it as text, which the page shows and runs."""

from __future__ import annotations

from modelling import features, loss, model, step
from problems import REGRESSIONS, problem
from settings import Settings

__all__ = ["FILE", "normal", "written"]

TITLES = {"spiral": "a spiral", "plane": "the height of a plane", "hills": "the height of hills", "own": "points"}

FILE = "playground.py"
"""What the program is called where its lines are shown."""


def normal(settings: Settings) -> Settings:
    """The same settings without what changes nothing: dropout of no units, strength of no penalty."""
    return {**settings, "dropout": settings["dropout"] if settings["layers"] else 0,
            "activation": settings["activation"] if settings["layers"] else "none"}


def written(settings: Settings, epochs: int = 100) -> str:
    """The program of these settings: it trains for so many epochs and prints what comes of it."""
    of = normal(settings)
    parts = [opening(of), problem(of), features(of), model(of), loss(of), step(of), run(of, epochs)]
    return "\n\n".join(part for part in parts if part)


def opening(settings: Settings) -> str:
    """What is imported, and the keys from which all chance comes."""
    needed = {"datasets": settings["data"] == "spiral", "regularizers": settings["regularizer"] != "none",
              "schedules": settings["schedule"] != "constant"}
    always = ["losses", "metrics", "optimizers", "random", "training"]
    rooms = sorted([*always, *(name for name in needed if needed[name])])
    layers = ["dense", *["dropout"] * bool(settings["dropout"]), *["serial"] * (not settings["layers"])]
    bend = [] if settings["activation"] == "none" else [f"from funcnn.activations import {settings['activation']}"]
    what = TITLES.get(settings["data"], settings["data"])
    lines = [f'"""A net learns {what}, as in the playground of funcnn."""', "",
             "import numpy as np", "", "import funcnn as fn", f"from funcnn import {', '.join(rooms)}", *bend,
             f"from funcnn.layers import {', '.join(layers)}", "", keys(settings)]
    return "\n".join(lines) + "\n"


def keys(settings: Settings) -> str:
    """The keys, of which the first ones are the same however many there are."""
    names = ["train_key", "fresh_key", "init_key", "order_key", *["drop_key"] * bool(settings["dropout"])]
    return f"{', '.join(names)} = random.split(random.key({settings['seed']}), {len(names)})"


def run(settings: Settings, epochs: int) -> str:
    """From the data to the loop."""
    is_number = settings["data"] in REGRESSIONS
    examples = "data" if settings["features"] == ["x1", "x2"] else "examples"
    sets = f"train, fresh = {examples}(train_key), {examples}(fresh_key)"
    if settings["data"] == "own":  # there are no others
        sets = f"train = fresh = {examples}(train_key)"
    state, mode = (", drop_key", ", key=None") if settings["dropout"] else ("", "")
    loss, metric = ("squared_error", "r2") if is_number else ("softmax_cross_entropy", "accuracy")
    return f'''def score(params, batch):
    """The loss without chance and penalty, and the {metric}."""
    x, y = batch
    answers = net.apply(params, x{mode})
    return np.mean(losses.{loss}(answers, y)), metrics.{metric}(answers, y)


{sets}
params = net.init(init_key)
start = (params, optimizer.init(params){state})
batches = training.batches(order_key, train, size={settings["batch"]}, epochs={epochs})

if __name__ == "__main__":
    for count, (state, value) in enumerate(training.scan(fn.jit(step), start, batches), 1):
        if count <= 5 or count % 100 == 0:
            (known, good), (unknown, as_good) = score(state[0], train), score(state[0], fresh)
            print(f"step {{count}}: loss before {{value:.6f}}, then {{known:.6f}}, of fresh points {{unknown:.6f}}; "
                  f"{metric} {{good:.3f}}, of fresh points {{as_good:.3f}}")
'''
