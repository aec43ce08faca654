"""What is the formula of each paper? `scale_by_adam`, `scale_by_rms` and the others that treat every entry alone.

Each is the formula of one array, in the letters of its paper, made a part by `entrywise`. In the formulas g is the
gradient, t = 1, 2, ... the number of the update, and a stroke marks what is remembered for the next. Users find all of
it in `funcnn.optimizers`.
"""

from functools import partial
from typing import Any, NamedTuple

from funcnn._arrays import is_number, namespace
from funcnn.core import holds
from funcnn.core.settings import setting
from funcnn.optimizers.onepass import Formula
from funcnn.optimizers.transformation import EmptyState, GradientTransformation, entrywise, like

__all__ = [
    "AdadeltaState", "AdamState", "AdamaxState", "AmsgradState", "BeliefState", "LionState", "RmsState", "RpropState",
    "RssState", "scale_by_adadelta", "scale_by_adam", "scale_by_adamax", "scale_by_amsgrad", "scale_by_belief",
    "scale_by_lion", "scale_by_nadam", "scale_by_radam", "scale_by_rms", "scale_by_rprop", "scale_by_rss",
    "scale_by_sign", "scale_by_yogi",
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
    return g / _root(s, eps, eps_in_sqrt), s


def _root(x: Any, eps: float, eps_in_sqrt: bool) -> Any:
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
    return g / _root(nu, eps, eps_in_sqrt), nu


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
    update = g * (_root(e_x, eps, True) / _root(e_g, eps, True))
    return update, e_g, rho * e_x + (1 - rho) * (update * update)


# ------------------------------------------------------------------------------------------ Adam's family


class AdamState(NamedTuple):
    """How many updates were done (`count`), and the running means of gradients (`mu`) and of their squares (`nu`)."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    mu: Any
    nu: Any


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> GradientTransformation:
    """Divide the running mean of the gradients by the root of that of their squares, both without bias.

        mu' = b1 mu + (1 - b1) g              nu' = b2 nu + (1 - b2) g^2
        update = (mu' / (1 - b1^t)) / (sqrt(nu' / (1 - b2^t)) + eps)

    >>> part = scale_by_adam()
    >>> updates, state = part.update({"w": -2.0}, part.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"]), state
    (-0.999999995, AdamState(count=1, mu={'w': -0.19999999999999996}, nu={'w': 0.0040000000000000036}))

    Kingma & Ba 2015 (arXiv:1412.6980). eps is added outside the root, as in the paper, torch and optax; the book's eps
    is 1e-7. In float16 both are 0, and 1e-4 is needed.
    """
    return _like_adam("scale_by_adam", AdamState, _adam, b1, b2, eps)


def _adam(b1: Any, b2: Any, eps: Any, t: Any, g: Any, mu: Any, nu: Any) -> tuple[Any, Any, Any]:
    mu = b1 * mu + (1 - b1) * g
    nu = b2 * nu + (1 - b2) * (g * g)
    return (mu / (1 - b1**t)) / _root(nu / (1 - b2**t), eps, False), mu, nu


def _like_adam(owner: str, form: type[Any], formula: Formula, b1: float, b2: float, eps: float, initial: float = 0.0,
               ) -> GradientTransformation:
    """The part with a formula of Adam's numbers."""
    b1, b2 = setting(owner, "b1", b1, "[0, 1)"), setting(owner, "b2", b2, "[0, 1)")
    return entrywise(owner, form, partial(formula, b1, b2, setting(owner, "eps", eps)), initial)


class AdamaxState(NamedTuple):
    """How many updates were done (`count`), the running mean of gradients (`mu`), and their fading maximum (`nu`)."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    mu: Any
    nu: Any


def scale_by_adamax(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> GradientTransformation:
    """Divide the running mean of the gradients, without bias, by a fading maximum of their sizes.

        mu' = b1 mu + (1 - b1) g              nu' = max(b2 nu, abs(g) + eps)
        update = (mu' / (1 - b1^t)) / nu'

    >>> part = scale_by_adamax()
    >>> updates, state = part.update({"w": -2.0}, part.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -0.999999995

    Kingma & Ba 2015, section 7.1, which has no eps; it stands here as in optax and torch.
    """
    return _like_adam("scale_by_adamax", AdamaxState, _adamax, b1, b2, eps)


def _adamax(b1: Any, b2: Any, eps: Any, t: Any, g: Any, mu: Any, nu: Any) -> tuple[Any, Any, Any]:
    mu = b1 * mu + (1 - b1) * g
    nu = namespace(g).maximum(b2 * nu, abs(g) + eps)
    return (mu / (1 - b1**t)) / nu, mu, nu


def scale_by_nadam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> GradientTransformation:
    """Adam with Nesterov's look ahead: the mean that the next update would use, with this gradient once more.

        mu' = b1 mu + (1 - b1) g              nu' = b2 nu + (1 - b2) g^2
        ahead = b1 mu' / (1 - b1^(t + 1)) + (1 - b1) g / (1 - b1^t)
        update = ahead / (sqrt(nu' / (1 - b2^t)) + eps)

    >>> part = scale_by_nadam()
    >>> updates, state = part.update({"w": -2.0}, part.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -1.473684203157895

    Dozat 2016, with one b1 for all updates as in optax (`scale_by_adam(nesterov=True)`); torch's and Keras's b1 rises.
    """
    return _like_adam("scale_by_nadam", AdamState, _nadam, b1, b2, eps)


def _nadam(b1: Any, b2: Any, eps: Any, t: Any, g: Any, mu: Any, nu: Any) -> tuple[Any, Any, Any]:
    mu = b1 * mu + (1 - b1) * g
    nu = b2 * nu + (1 - b2) * (g * g)
    ahead = b1 / (1 - b1**(t + 1)) * mu + (1 - b1) / (1 - b1**t) * g
    return ahead / _root(nu / (1 - b2**t), eps, False), mu, nu


def scale_by_radam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> GradientTransformation:
    """Adam that trusts the mean of the squares only as far as it has seen enough of them.

        mu' = b1 mu + (1 - b1) g              nu' = b2 nu + (1 - b2) g^2
        rho_inf = 2 / (1 - b2) - 1            rho = rho_inf - 2 t b2^t / (1 - b2^t)
        r^2 = (rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)
        update = r (mu' / (1 - b1^t)) / (sqrt(nu' / (1 - b2^t)) + eps)    where rho >= 5
        update = mu' / (1 - b1^t)                                         elsewhere

    >>> part = scale_by_radam()
    >>> updates, state = part.update({"w": -2.0}, part.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -2.0

    Liu et al. 2020 (arXiv:1908.03265), who begin at rho > 4; as `optax.scale_by_radam`.
    """
    return _like_adam("scale_by_radam", AdamState, _radam, b1, b2, eps)


def _radam(b1: Any, b2: Any, eps: Any, t: Any, g: Any, mu: Any, nu: Any) -> tuple[Any, Any, Any]:
    mu = b1 * mu + (1 - b1) * g
    nu = b2 * nu + (1 - b2) * (g * g)
    return _rectified(b2, eps, t, mu / (1 - b1**t), nu / (1 - b2**t)), mu, nu


def _rectified(b2: Any, eps: Any, t: Any, mu_hat: Any, nu_hat: Any) -> Any:
    rho_inf = 2 / (1 - b2) - 1
    rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
    known = is_number(rho)
    if known and holds(rho < 5):
        return mu_hat
    enough = rho if known else namespace(rho).maximum(rho, 5.0)
    r = ((enough - 4) * (enough - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * enough)) ** 0.5
    update = r * mu_hat / _root(nu_hat, eps, False)
    return update if known else namespace(rho).where(rho >= 5, update, mu_hat)


class AmsgradState(NamedTuple):
    """`count`, `mu` and `nu` of `AdamState`, and the greatest mean of squares so far (`nu_max`)."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    mu: Any
    nu: Any
    nu_max: Any


def scale_by_amsgrad(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> GradientTransformation:
    """Adam whose divisor never falls: the root of the greatest mean of the squares so far.

        mu' = b1 mu + (1 - b1) g              nu' = b2 nu + (1 - b2) g^2
        nu_max' = max(nu_max, nu' / (1 - b2^t))
        update = (mu' / (1 - b1^t)) / (sqrt(nu_max') + eps)

    >>> part = scale_by_amsgrad()
    >>> updates, state = part.update({"w": -2.0}, part.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -0.999999995

    Reddi et al. 2018 (arXiv:1904.09237), whose means keep their bias; as `optax.scale_by_amsgrad`. torch takes the
    maximum of nu' and removes its bias afterwards.
    """
    return _like_adam("scale_by_amsgrad", AmsgradState, _amsgrad, b1, b2, eps)


def _amsgrad(b1: Any, b2: Any, eps: Any, t: Any, g: Any, mu: Any, nu: Any, nu_max: Any) -> tuple[Any, Any, Any, Any]:
    mu = b1 * mu + (1 - b1) * g
    nu = b2 * nu + (1 - b2) * (g * g)
    nu_max = namespace(g).maximum(nu_max, like(nu, nu / (1 - b2**t)))
    return (mu / (1 - b1**t)) / _root(nu_max, eps, False), mu, nu, nu_max


class BeliefState(NamedTuple):
    """`count` and `mu` of `AdamState`, and the running mean of the squares of what surprises in a gradient (`nu`)."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    mu: Any
    nu: Any


def scale_by_belief(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-16, eps_root: float = 1e-16,
                    ) -> GradientTransformation:
    """Adam that divides by how far gradients are from their mean: long steps where they come as they were believed to.

        mu' = b1 mu + (1 - b1) g              nu' = b2 nu + (1 - b2) (g - mu')^2 + eps_root
        update = (mu' / (1 - b1^t)) / (sqrt(nu' / (1 - b2^t)) + eps)

    >>> part = scale_by_belief()
    >>> updates, state = part.update({"w": -2.0}, part.init({"w": 1.0}), {"w": 1.0})
    >>> round(float(updates["w"]), 6)
    -1.111111

    Zhuang et al. 2020 (arXiv:2010.07468); as `optax.scale_by_belief`.
    """
    eps_root = setting("scale_by_belief", "eps_root", eps_root)
    return _like_adam("scale_by_belief", BeliefState, partial(_belief, eps_root), b1, b2, eps)


def _belief(eps_root: Any, b1: Any, b2: Any, eps: Any, t: Any, g: Any, mu: Any, nu: Any) -> tuple[Any, Any, Any]:
    mu = b1 * mu + (1 - b1) * g
    surprise = g - mu
    nu = b2 * nu + (1 - b2) * (surprise * surprise) + eps_root
    return (mu / (1 - b1**t)) / _root(nu / (1 - b2**t), eps, False), mu, nu


def scale_by_yogi(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-3, *, initial_accumulator_value: float = 1e-6,
                  ) -> GradientTransformation:
    """Adam whose mean of squares moves by a step of the size of g^2, never further, whichever way.

        mu' = b1 mu + (1 - b1) g              nu' = nu - (1 - b2) sign(nu - g^2) g^2
        update = (mu' / (1 - b1^t)) / (sqrt(nu' / (1 - b2^t)) + eps)

    nu is `initial_accumulator_value` at first.

    >>> part = scale_by_yogi(initial_accumulator_value=0.0)
    >>> updates, state = part.update({"w": -2.0}, part.init({"w": 1.0}), {"w": 1.0})
    >>> round(float(updates["w"]), 6)
    -0.9995

    Zaheer et al. 2018; as `optax.scale_by_yogi`, where not only nu but mu too begins at 1e-6: there are small steps
    without a gradient.
    """
    initial = setting("scale_by_yogi", "initial_accumulator_value", initial_accumulator_value)
    return _like_adam("scale_by_yogi", AdamState, _yogi, b1, b2, eps, initial)


def _yogi(b1: Any, b2: Any, eps: Any, t: Any, g: Any, mu: Any, nu: Any) -> tuple[Any, Any, Any]:
    mu, square = b1 * mu + (1 - b1) * g, g * g
    nu = nu - (1 - b2) * (namespace(g).sign(nu - square) * square)
    return (mu / (1 - b1**t)) / _root(nu / (1 - b2**t), eps, False), mu, nu


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
