"""Which optimizers are there? `sgd`, `adam` and the others, each one sentence over its parts: a `chain` of them.

A `learning_rate` is a number or a schedule. As in optax's file of that name; users find all in `funcnn.optimizers`.
"""

from __future__ import annotations

from funcnn._arrays import is_number
from funcnn.core import holds
from funcnn.core.settings import setting
from funcnn.optimizers.choosing import masked
from funcnn.optimizers.layerwise import (
    clip_by_block_rms,
    scale_by_factored_rms,
    scale_by_param_block_rms,
    scale_by_trust_ratio,
)
from funcnn.optimizers.moments import (
    scale_by_adam,
    scale_by_adamax,
    scale_by_amsgrad,
    scale_by_belief,
    scale_by_nadam,
    scale_by_radam,
    scale_by_yogi,
)
from funcnn.optimizers.papers import (
    scale_by_adadelta,
    scale_by_lion,
    scale_by_rms,
    scale_by_rprop,
    scale_by_rss,
    scale_by_sign,
)
from funcnn.optimizers.parts import add_decayed_weights, descent, ema, scale, trace
from funcnn.optimizers.transformation import GradientTransformation, chain, identity
from funcnn.typing import Schedule

__all__ = ["adabelief", "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "amsgrad", "lamb", "lars",
           "lion", "nadam", "radam", "rmsprop", "rprop", "sgd", "sign_sgd", "yogi"]


# ------------------------------------------------------------------------------------------ descent, and momentum


def sgd(learning_rate: float | Schedule, momentum: float = 0.0, nesterov: bool = False) -> GradientTransformation:
    """Gradient descent: a step of `-learning_rate` times the gradient, or the velocity of `trace`.

    `momentum`, 0 for none, is its decay, and `nesterov` looks ahead.

    >>> sgd(0.1).update(2.0, sgd(0.1).init(1.0), 1.0)
    (-0.2, (EmptyState(),))

    As `optax.sgd`; for the momentum of the book see `trace`.
    """
    decay = setting("sgd", "momentum", momentum, "[0, 1)")
    none = is_number(decay) and holds(decay == 0)  # a traced 0 is differentiated
    if nesterov and none:
        raise ValueError("sgd: nesterov looks ahead along the velocity, which needs a momentum above 0, such as 0.9")
    rate = descent("sgd", learning_rate)
    return chain(rate) if none else chain(trace(decay, nesterov), rate)


def sign_sgd(learning_rate: float | Schedule) -> GradientTransformation:
    """Steps of one size: `scale_by_sign`, then the `learning_rate`.

    >>> sign_sgd(0.5).update({"w": -3.0}, sign_sgd(0.5).init({"w": 1.0}), {"w": 1.0})[0]
    {'w': np.float64(0.5)}

    Bernstein et al. 2018 (arXiv:1802.04434); as `optax.sign_sgd`.
    """
    return chain(scale_by_sign(), descent("sign_sgd", learning_rate))


def rprop(learning_rate: float, eta_minus: float = 0.5, eta_plus: float = 1.2, min_step_size: float = 1e-6,
          max_step_size: float = 50.0) -> GradientTransformation:
    """Rprop: `scale_by_rprop`, downhill; `learning_rate`, a number, is the first step of every entry.

    `eta_minus`, `eta_plus`, `min_step_size` and `max_step_size` are those of `scale_by_rprop`.

    >>> optimizer = rprop(0.5)
    >>> optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})[0]
    {'w': array(-0.5)}

    As torch's; for `optax.rprop` see `scale_by_rprop`.
    """
    learning_rate = setting("rprop", "learning_rate", learning_rate)
    return chain(scale_by_rprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size), scale(-1.0))


# --------------------------------------------------------------------------------------- a rate for each entry


def adagrad(learning_rate: float | Schedule, initial_accumulator_value: float = 0.0, eps: float = 1e-7,
            eps_in_sqrt: bool = False) -> GradientTransformation:
    """Adagrad: `scale_by_rss` with `initial_accumulator_value`, `eps` and `eps_in_sqrt`, then the `learning_rate`.

    >>> import numpy as np
    >>> optimizer = adagrad(0.5, eps=0.0)
    >>> optimizer.update({"w": np.array([3.0])}, optimizer.init({"w": np.array([1.0])}), {"w": np.array([1.0])})[0]
    {'w': array([-0.5])}

    As torch's with eps=1e-10; `optax.adagrad(s)` is `adagrad(s, 0.1, 1e-7, eps_in_sqrt=True)`.
    """
    return chain(scale_by_rss(initial_accumulator_value, eps, eps_in_sqrt), descent("adagrad", learning_rate))


def rmsprop(learning_rate: float | Schedule, decay: float = 0.9, eps: float = 1e-8, initial_scale: float = 0.0,
            eps_in_sqrt: bool = False) -> GradientTransformation:
    """RMSprop: `scale_by_rms` with `decay`, `eps`, `initial_scale` and `eps_in_sqrt`, then the `learning_rate`.

    >>> import numpy as np
    >>> optimizer = rmsprop(0.5, decay=0.75, eps=0.0)
    >>> optimizer.update({"w": np.array([3.0])}, optimizer.init({"w": np.array([1.0])}), {"w": np.array([1.0])})[0]
    {'w': array([-1.])}

    As torch's, whose decay is alpha=0.99; `optax.rmsprop(s)` is `rmsprop(s, eps_in_sqrt=True)`. With momentum it is
    `chain(rmsprop(s), trace(0.9))` in optax, `chain(scale_by_rms(), trace(0.9), scale_by_learning_rate(s))` in torch.
    """
    return chain(scale_by_rms(decay, eps, initial_scale, eps_in_sqrt), descent("rmsprop", learning_rate))


def adadelta(learning_rate: float | Schedule = 1.0, rho: float = 0.9, eps: float = 1e-6) -> GradientTransformation:
    """Adadelta: `scale_by_adadelta` with `rho` and `eps`, then the `learning_rate`, which the paper does not have.

    >>> import numpy as np
    >>> optimizer = adadelta(rho=0.0, eps=1.0)
    >>> optimizer.update({"w": np.array([0.0])}, optimizer.init({"w": np.array([1.0])}), {"w": np.array([1.0])})[0]
    {'w': array([-0.])}

    As `optax.adadelta` and torch's.
    """
    return chain(scale_by_adadelta(rho, eps), descent("adadelta", learning_rate))


# ------------------------------------------------------------------------------------------- Adam's family


def adam(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
         ) -> GradientTransformation:
    """Adam: `scale_by_adam` with `b1`, `b2` and `eps`, then the `learning_rate`.

    >>> optimizer = adam(0.001)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -0.0009999999966666668

    As `optax.adam`.
    """
    return chain(scale_by_adam(b1, b2, eps), descent("adam", learning_rate))


def adamw(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
          weight_decay: float = 1e-4, mask: object = None) -> GradientTransformation:
    """Adam with decoupled weight decay: `scale_by_adam`, `add_decayed_weights`, then the `learning_rate`.

    `b1`, `b2`, `eps`, `weight_decay` and `mask` are those of its parts.

    >>> optimizer = adamw(0.1, weight_decay=0.5, mask={"w": True, "b": False})
    >>> params, grads = {"w": 4.0, "b": 4.0}, {"w": 0.0, "b": 0.0}
    >>> updates, state = optimizer.update(grads, optimizer.init(params), params)
    >>> float(updates["w"]), float(updates["b"])
    (-0.2, -0.0)

    Loshchilov & Hutter 2019 (arXiv:1711.05101); as `optax.adamw`. torch's `weight_decay` is 1e-2.
    """
    return chain(scale_by_adam(b1, b2, eps), add_decayed_weights(weight_decay, mask),
                 descent("adamw", learning_rate))


def adamax(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
           ) -> GradientTransformation:
    """Adamax: `scale_by_adamax` with `b1`, `b2` and `eps`, then the `learning_rate`.

    >>> optimizer = adamax(0.5, eps=0.0)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -0.5

    As `optax.adamax` and torch's.
    """
    return chain(scale_by_adamax(b1, b2, eps), descent("adamax", learning_rate))


def nadam(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
          ) -> GradientTransformation:
    """Nadam: `scale_by_nadam` with `b1`, `b2` and `eps`, then the `learning_rate`.

    >>> optimizer = nadam(0.5, b1=0.0, eps=0.0)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -0.5

    As `optax.nadam`.
    """
    return chain(scale_by_nadam(b1, b2, eps), descent("nadam", learning_rate))


def radam(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
          ) -> GradientTransformation:
    """Rectified Adam: `scale_by_radam` with `b1`, `b2` and `eps`, then the `learning_rate`; no warm-up needed.

    >>> optimizer = radam(0.5)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -1.5

    As `optax.radam`.
    """
    return chain(scale_by_radam(b1, b2, eps), descent("radam", learning_rate))


def amsgrad(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8,
            ) -> GradientTransformation:
    """AMSGrad: `scale_by_amsgrad` with `b1`, `b2` and `eps`, then the `learning_rate`.

    >>> optimizer = amsgrad(0.5, eps=0.0)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -0.5

    As `optax.amsgrad`.
    """
    return chain(scale_by_amsgrad(b1, b2, eps), descent("amsgrad", learning_rate))


def adabelief(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-16,
              eps_root: float = 1e-16) -> GradientTransformation:
    """AdaBelief: `scale_by_belief` with `b1`, `b2`, `eps` and `eps_root`, then the `learning_rate`.

    >>> optimizer = adabelief(0.5)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> round(float(updates["w"]), 6)
    -0.555556

    As `optax.adabelief`.
    """
    return chain(scale_by_belief(b1, b2, eps, eps_root), descent("adabelief", learning_rate))


def yogi(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-3,
         ) -> GradientTransformation:
    """Yogi: `scale_by_yogi` with `b1`, `b2` and `eps`, then the `learning_rate`.

    >>> optimizer = yogi(0.5)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> round(float(updates["w"]), 4)
    -0.4998

    As `optax.yogi`.
    """
    return chain(scale_by_yogi(b1, b2, eps), descent("yogi", learning_rate))


def lion(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.99, weight_decay: float = 1e-3,
         mask: object = None) -> GradientTransformation:
    """Lion: `scale_by_lion`, `add_decayed_weights`, then the `learning_rate`, a tenth of what Adam would take.

    `b1`, `b2`, `weight_decay` and `mask` are those of its parts.

    >>> optimizer = lion(0.5, weight_decay=0.0)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 1.0}), {"w": 1.0})
    >>> float(updates["w"])
    -0.5

    As `optax.lion`.
    """
    return chain(scale_by_lion(b1, b2), add_decayed_weights(weight_decay, mask), descent("lion", learning_rate))


# -------------------------------------------------------------------------------------- a length for each layer


def lars(learning_rate: float | Schedule, weight_decay: float = 0.0, weight_decay_mask: object = True,
         trust_coefficient: float = 0.001, eps: float = 0.0, trust_ratio_mask: object = True, momentum: float = 0.9,
         nesterov: bool = False) -> GradientTransformation:
    """LARS: `add_decayed_weights`, `scale_by_trust_ratio`, the `learning_rate`, then `trace`: momentum of steps.

    `weight_decay` and `weight_decay_mask` are for the first, `trust_coefficient` and `eps` for the second, for the
    parameters that `trust_ratio_mask` chooses, `momentum` and `nesterov` for the last.

    >>> optimizer = lars(0.5, trust_coefficient=1.0)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 2.0}), {"w": 2.0})
    >>> float(updates["w"])
    -1.0

    You et al. 2017 (arXiv:1708.03888), who leave biases and norms out by both masks:
    `lambda params: tree.map(lambda p: p.ndim > 1, params)`. As `optax.lars`.
    """
    return chain(add_decayed_weights(weight_decay, weight_decay_mask),
                 masked(scale_by_trust_ratio(trust_coefficient=trust_coefficient, eps=eps), trust_ratio_mask),
                 descent("lars", learning_rate), trace(momentum, nesterov))


def lamb(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-6, *,
         weight_decay: float = 0.0, mask: object = None) -> GradientTransformation:
    """LAMB: `scale_by_adam`, `add_decayed_weights`, `scale_by_trust_ratio`, the `learning_rate`: for large batches.

    `b1`, `b2`, `eps`, `weight_decay` and `mask` are those of its parts.

    >>> optimizer = lamb(0.5, eps=0.0)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 2.0}), {"w": 2.0})
    >>> float(updates["w"])
    -1.0

    You et al. 2020 (arXiv:1904.00962); as `optax.lamb`, without its `eps_root`.
    """
    return chain(scale_by_adam(b1, b2, eps), add_decayed_weights(weight_decay, mask), scale_by_trust_ratio(),
                 descent("lamb", learning_rate))


def adafactor(learning_rate: float | Schedule | None = None, min_dim_size_to_factor: int = 128,
              decay_rate: float = 0.8, *, multiply_by_parameter_scale: bool = True,
              clipping_threshold: float | None = 1.0, momentum: float | None = None,
              weight_decay_rate: float | None = None, eps: float = 1e-30, factored: bool = True,
              weight_decay_mask: object = None) -> GradientTransformation:
    """Adafactor: `scale_by_factored_rms`, which remembers rows and columns, then what is asked for of the rest.

    - `factored`, `decay_rate`, `min_dim_size_to_factor`, `eps`: those of `scale_by_factored_rms`, eps its epsilon.
    - `clipping_threshold`: that of `clip_by_block_rms`.
    - `learning_rate`: a number or a schedule.
    - `multiply_by_parameter_scale`: whether there is a `scale_by_param_block_rms`, which makes the rate relative.
    - `momentum`: the decay of a mean of the updates, `ema` without its correction.
    - `weight_decay_rate`, `weight_decay_mask`: `add_decayed_weights`, which the learning rate does not touch.

    What is None, or False, is left out.

    >>> optimizer = adafactor(0.5)
    >>> updates, state = optimizer.update({"w": 3.0}, optimizer.init({"w": 2.0}), {"w": 2.0})
    >>> float(updates["w"])
    -1.0

    Shazeer & Stern 2018 (arXiv:1804.04235); as `optax.adafactor`, without its `decay_offset` and `dtype_momentum`.
    """
    return chain(
        scale_by_factored_rms(factored, decay_rate, min_dim_size_to_factor, eps),
        identity() if clipping_threshold is None else clip_by_block_rms(clipping_threshold),
        identity() if learning_rate is None else chain(descent("adafactor", learning_rate), scale(-1.0)),
        scale_by_param_block_rms() if multiply_by_parameter_scale else identity(),
        identity() if momentum is None else ema(momentum, debias=False),
        identity() if weight_decay_rate is None else add_decayed_weights(weight_decay_rate, weight_decay_mask),
        scale(-1.0))
