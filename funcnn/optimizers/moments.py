"""What follows from running means of a gradient and of its square? Adam and its family, in the letters of their papers.

As in `papers`, each is the formula of one array, made a part by `entrywise`: mu is the first moment and nu the second,
g the gradient, t = 1, 2, ... the number of the update, and a stroke marks what is remembered for the next. Users find
all of it in `funcnn.optimizers`.
"""

from functools import partial
from typing import Any, NamedTuple

from funcnn._arrays import is_number, namespace
from funcnn.core import holds
from funcnn.core.settings import setting
from funcnn.optimizers.onepass import Formula
from funcnn.optimizers.papers import root
from funcnn.optimizers.transformation import GradientTransformation, entrywise, like

__all__ = [
    "AdamState", "AdamaxState", "AmsgradState", "BeliefState", "scale_by_adam",
    "scale_by_adamax", "scale_by_amsgrad", "scale_by_belief", "scale_by_nadam", "scale_by_radam",
    "scale_by_yogi",
]


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
    return (mu / (1 - b1**t)) / root(nu / (1 - b2**t), eps, False), mu, nu


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
    return ahead / root(nu / (1 - b2**t), eps, False), mu, nu


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
    update = r * mu_hat / root(nu_hat, eps, False)
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
    return (mu / (1 - b1**t)) / root(nu_max, eps, False), mu, nu, nu_max


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
    return (mu / (1 - b1**t)) / root(nu / (1 - b2**t), eps, False), mu, nu


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
    return (mu / (1 - b1**t)) / root(nu / (1 - b2**t), eps, False), mu, nu
