"""What is the formula of each paper? `scale_by_rms`, `scale_by_lion` and others; Adam's family is in `moments`.

Each is the formula of one array, in the letters of its paper, made a part by `entrywise`. In the formulas g is the
gradient, t = 1, 2, ... the number of the update, and a stroke marks what is remembered for the next. Users find all of
it in `funcnn.optimizers`.
"""

from functools import partial
from typing import Any, NamedTuple

from funcnn._arrays import namespace
from funcnn.core.settings import setting
from funcnn.optimizers.transformation import EmptyState, GradientTransformation, entrywise

__all__ = [
    "AdadeltaState",
    "LionState",
    "RmsState",
    "RpropState",
    "RssState",
    "root",
    "scale_by_adadelta",
    "scale_by_lion",
    "scale_by_rms",
    "scale_by_rprop",
    "scale_by_rss",
    "scale_by_sign",
]


# ------------------------------------------------------------------------------- a rate for each entry


class RssState(NamedTuple):
    """The sum of the squares of all gradients, `sum_of_squares`."""

    sum_of_squares: Any


def scale_by_rss(initial_accumulator_value: float = 0.0, eps: float = 1e-7, eps_in_sqrt: bool = False,
                 ) -> GradientTransformation:
    """Divide by the root of the sum of the squares of all gradients so far.

        s' = s + g^2        update = g / (sqrt(s') + eps)      eps_in_sqrt: g / sqrt(s' + eps)

    s is `initial_accumulator_value` at first.

    >>> import numpy as np
    >>> part = scale_by_rss(eps=0.0)
    >>> part.update({"w": np.array([4.0])}, RssState({"w": np.array([9.0])}), {"w": np.array([0.0])})
    ({'w': array([0.8])}, RssState(sum_of_squares={'w': array([25.])}))

    Duchi et al. 2011. The sum begins at 0 and eps stands outside the root, as in the book and torch (whose eps is
    1e-10); `optax.scale_by_rss` is `scale_by_rss(0.1, 1e-7, eps_in_sqrt=True)`.
    """
    eps = setting("scale_by_rss", "eps", eps)
    initial = setting("scale_by_rss", "initial_accumulator_value", initial_accumulator_value)
    return entrywise("scale_by_rss", RssState, partial(_rss, eps, eps_in_sqrt), initial)


def _rss(eps: Any, eps_in_sqrt: bool, g: Any, s: Any) -> tuple[Any, Any]:
    s = s + g * g
    return g / root(s, eps, eps_in_sqrt), s


def root(x: Any, eps: float, eps_in_sqrt: bool) -> Any:
    """What a gradient is divided by: the root of a mean of squares, eps inside it or beside."""
    sqrt = namespace(x).sqrt
    return sqrt(x + eps) if eps_in_sqrt else sqrt(x) + eps


class RmsState(NamedTuple):
    """The running mean of the squares of the gradients, `nu`."""

    nu: Any


def scale_by_rms(decay: float = 0.9, eps: float = 1e-8, initial_scale: float = 0.0, eps_in_sqrt: bool = False,
                 ) -> GradientTransformation:
    """Divide by the root of the running mean of the squares of the gradients.

        nu' = decay nu + (1 - decay) g^2
        update = g / (sqrt(nu') + eps)          eps_in_sqrt: g / sqrt(nu' + eps)

    nu is `initial_scale` at first.

    >>> import numpy as np
    >>> part = scale_by_rms(decay=0.5, eps=0.0)
    >>> part.update({"w": np.array([4.0])}, RmsState({"w": np.array([16.0])}), {"w": np.array([0.0])})
    ({'w': array([1.])}, RmsState(nu={'w': array([16.])}))

    Tieleman & Hinton 2012. eps stands outside the root, as in the book (1e-7) and torch; in `optax.scale_by_rms`
    `eps_in_sqrt` is True.
    """
    decay, eps = setting("scale_by_rms", "decay", decay, "[0, 1)"), setting("scale_by_rms", "eps", eps)
    initial = setting("scale_by_rms", "initial_scale", initial_scale)
    return entrywise("scale_by_rms", RmsState, partial(_rms, decay, eps, eps_in_sqrt), initial)


def _rms(decay: Any, eps: Any, eps_in_sqrt: bool, g: Any, nu: Any) -> tuple[Any, Any]:
    nu = decay * nu + (1 - decay) * (g * g)
    return g / root(nu, eps, eps_in_sqrt), nu


class AdadeltaState(NamedTuple):
    """The running means of the squares of the gradients (`e_g`) and of the updates (`e_x`)."""

    e_g: Any
    e_x: Any


def scale_by_adadelta(rho: float = 0.9, eps: float = 1e-6) -> GradientTransformation:
    """Give the gradient the unit of the parameters: multiply by the root of the mean square of updates over gradients.

        e_g' = rho e_g + (1 - rho) g^2        update = g sqrt(e_x + eps) / sqrt(e_g' + eps)
        e_x' = rho e_x + (1 - rho) update^2

    >>> import numpy as np
    >>> part = scale_by_adadelta(rho=0.0, eps=1.0)
    >>> state = AdadeltaState({"w": np.array([0.0])}, {"w": np.array([3.0])})
    >>> part.update({"w": np.array([0.0])}, state, {"w": np.array([0.0])})
    ({'w': array([0.])}, AdadeltaState(e_g={'w': array([0.])}, e_x={'w': array([0.])}))

    Zeiler 2012 (arXiv:1212.5701); as `optax.scale_by_adadelta`.
    """
    rho, eps = setting("scale_by_adadelta", "rho", rho, "[0, 1)"), setting("scale_by_adadelta", "eps", eps)
    return entrywise("scale_by_adadelta", AdadeltaState, partial(_adadelta, rho, eps))


def _adadelta(rho: Any, eps: Any, g: Any, e_g: Any, e_x: Any) -> tuple[Any, Any, Any]:
    e_g = rho * e_g + (1 - rho) * (g * g)
    update = g * (root(e_x, eps, True) / root(e_g, eps, True))
    return update, e_g, rho * e_x + (1 - rho) * (update * update)


# ------------------------------------------------------------------------------------------------- signs


class LionState(NamedTuple):
    """The running mean of the gradients, `mu`."""

    mu: Any


def scale_by_lion(b1: float = 0.9, b2: float = 0.99) -> GradientTransformation:
    """The sign of a mean of the gradients; sign(0) is 0.

        update = sign(b1 mu + (1 - b1) g)        mu' = b2 mu + (1 - b2) g

    >>> import numpy as np
    >>> part = scale_by_lion()
    >>> part.update({"w": np.array([-2.0])}, LionState({"w": np.array([0.0])}), {"w": np.array([1.0])})
    ({'w': array([-1.])}, LionState(mu={'w': array([-0.02])}))

    Chen et al. 2023 (arXiv:2302.06675); as `optax.scale_by_lion`, without its count.
    """
    b1, b2 = setting("scale_by_lion", "b1", b1, "[0, 1)"), setting("scale_by_lion", "b2", b2, "[0, 1)")
    return entrywise("scale_by_lion", LionState, partial(_lion, b1, b2))


def _lion(b1: Any, b2: Any, g: Any, mu: Any) -> tuple[Any, Any]:
    return namespace(g).sign(b1 * mu + (1 - b1) * g), b2 * mu + (1 - b2) * g


def scale_by_sign() -> GradientTransformation:
    """The sign of the gradient; sign(0) is 0.

    >>> import numpy as np
    >>> part = scale_by_sign()
    >>> part.update(np.array([-3.0, 0.0, 0.5]), part.init(np.ones(3)), np.ones(3))[0]
    array([-1.,  0.,  1.])

    As `optax.scale_by_sign`.
    """
    return entrywise("scale_by_sign", EmptyState, _sign)


def _sign(g: Any) -> tuple[Any]:
    return (namespace(g).sign(g),)


class RpropState(NamedTuple):
    """How long each next step is (`step_sizes`), and the step before (`prev_updates`), 0 where it was taken back."""

    step_sizes: Any
    prev_updates: Any


def scale_by_rprop(learning_rate: float, eta_minus: float = 0.5, eta_plus: float = 1.2, min_step_size: float = 1e-6,
                   max_step_size: float = 50.0) -> GradientTransformation:
    """To each entry a step of its own, longer while the gradient keeps its sign, shorter, and not made, where it turns.

        d' = min(eta_plus d, max_step_size)     update = d' sign(g)    where g keeps its sign
        d' = max(eta_minus d, min_step_size)    update = 0             where it turns
        d' = d, learning_rate at first          update = d' sign(g)    at first, and after a turn

    >>> import numpy as np
    >>> part, p = scale_by_rprop(0.1), np.ones(2)
    >>> updates, state = part.update(np.array([3.0, 3.0]), part.init(p), p)
    >>> part.update(np.array([1.0, -1.0]), state, p)[0]
    array([0.12, 0.  ])

    Riedmiller & Braun 1993, in the form of Igel & Hüsken 2000 that takes no step back (iRprop-), as torch's; for
    gradients of all the data, not of batches. `optax.scale_by_rprop` has the same state, but up to 0.2.8 gives the
    update of the step before.
    """
    name = "scale_by_rprop"
    bounds = setting(name, "min_step_size", min_step_size), setting(name, "max_step_size", max_step_size)
    factors = setting(name, "eta_minus", eta_minus, "(0, 1)"), setting(name, "eta_plus", eta_plus, "(0, inf)")
    first = setting(name, "learning_rate", learning_rate)
    return entrywise(name, RpropState, partial(_rprop, *factors, *bounds), (first, 0.0))


def _rprop(eta_minus: Any, eta_plus: Any, least: Any, most: Any, g: Any, d: Any, before: Any) -> tuple[Any, Any, Any]:
    xp, agreement = namespace(g), g * before
    other = xp.minimum(xp.maximum(xp.where(agreement > 0, d * eta_plus, d * eta_minus), least), most)
    d = xp.where(agreement == 0, d, other)
    update = xp.where(agreement < 0, 0, d * xp.sign(g))
    return update, d, +update
