"""What learns? The net, the optimizer and the step of a program, as text."""

from __future__ import annotations

from itertools import pairwise

from problems import REGRESSIONS, classes_of
from settings import Settings

__all__ = ["features", "loss", "model", "step"]

FEATURES = {"x1": "x1", "x2": "x2", "x1x1": "x1 * x1", "x2x2": "x2 * x2", "x1x2": "x1 * x2",
            "sin1": "np.sin(np.pi * x1)", "sin2": "np.sin(np.pi * x2)"}

OPTIMIZERS = {"momentum": "sgd({rate}, momentum=0.9)", "nesterov": "sgd({rate}, momentum=0.9, nesterov=True)",
              "adamw": "adamw({rate}, weight_decay=0.01)"}

SCHEDULES = {"constant": "{rate}", "inverse_time_decay": "schedules.inverse_time_decay({rate}, 0.001)",
             "exponential_decay": "schedules.exponential_decay({rate}, 1000, 0.5)",
             "cosine_decay": "schedules.cosine_decay({rate}, 5000)",
             "warmup_cosine_decay": "schedules.warmup_cosine_decay(0.0, {rate}, 500, 5000)",
             "one_cycle": "schedules.one_cycle(5000, {rate})"}

WIDEST = 110


def features(settings: Settings) -> str:
    """What the net is given of a point, where that is not the point itself."""
    if settings["features"] == ["x1", "x2"]:
        return ""
    columns = ", ".join(FEATURES[name] for name in settings["features"])
    return f'''def features(x):
    """What the net is given of each point."""
    x1, x2 = x.T
    return np.stack([{columns}], axis=1)


def examples(key):
    """Points as the net is given them, and their answers."""
    x, y = data(key)
    return features(x), y
'''


def model(settings: Settings) -> str:
    """The net and the optimizer."""
    outputs = 1 if settings["data"] in REGRESSIONS else classes_of(settings)
    widths = [len(settings["features"]), *settings["layers"], outputs]
    between = [] if settings["activation"] == "none" else [settings["activation"]]
    between += [f"dropout({settings['dropout']})"] if settings["dropout"] else []
    stages = [f"dense({widths[0]}, {widths[1]})"]
    for before, after in pairwise(widths[1:]):
        stages += [*between, f"dense({before}, {after})"]
    rate = SCHEDULES[settings["schedule"]].format(rate=settings["rate"])
    optimizer = OPTIMIZERS.get(settings["optimizer"], settings["optimizer"] + "({rate})").format(rate=rate)
    return f"net = {_composed(stages)}\noptimizer = optimizers.{optimizer}\n"


def _composed(stages: list[str]) -> str:
    if len(stages) == 1:
        return f"serial({stages[0]})"
    line = " >> ".join(stages)
    if len(line) <= WIDEST:
        return line
    return "(" + "\n       >> ".join(stages) + ")"


def loss(settings: Settings) -> str:
    """The loss of a batch, with the penalty if there is one."""
    random = settings["dropout"]
    name = "squared_error" if settings["data"] in REGRESSIONS else "softmax_cross_entropy"
    said = "squared error" if settings["data"] in REGRESSIONS else "cross-entropy"
    penalty = f" + regularizers.{settings['regularizer']}(params, {settings['strength']})"
    penalty = "" if settings["regularizer"] == "none" else penalty
    return f'''def loss(params, batch{", key" if random else ""}):
    """The mean {said} of a batch{", and what large weights cost" if penalty else ""}."""
    x, y = batch
    answers = net.apply(params, x{", key=key" if random else ""})
    return np.mean(losses.{name}(answers, y)){penalty}
'''


def step(settings: Settings) -> str:
    """One step of training."""
    if settings["dropout"]:
        return '''def step(params, opt_state, key, batch):
    """One step of training: new parameters, state and key, and the loss before."""
    key, now = random.split(key)
    value, grads = fn.value_and_grad(loss)(params, batch, now)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), opt_state, key, value
'''
    return '''def step(params, opt_state, batch):
    """One step of training: new parameters and state, and the loss before."""
    value, grads = fn.value_and_grad(loss)(params, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), opt_state, value
'''
