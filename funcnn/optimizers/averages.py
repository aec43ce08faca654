"""What stays of the parameters of all steps? `incremental_update`, `ema_params`, `lookahead`; `eval_params` reads it.

The steps of training are noisy, and the mean of where they led is often better than where they end. Users find all of
it in `funcnn.optimizers`.
"""

from functools import partial
from typing import Any, NamedTuple, TypeVar, cast

from funcnn import tree
from funcnn._arguments import whole_number
from funcnn._arrays import is_number, readonly
from funcnn.core import holds
from funcnn.core.settings import setting
from funcnn.optimizers.onepass import check_fit, leafwise
from funcnn.optimizers.transformation import (
    GradientTransformation,
    OptState,
    as_count,
    check_state,
    check_transformations,
    like,
)
from funcnn.optimizers.wrappers import nodes_of, select

__all__ = ["EmaParamsState", "LookaheadState", "ema_params", "eval_params", "incremental_update", "lookahead"]

P = TypeVar("P")


def incremental_update(new_tensors: P, old_tensors: P, step_size: float) -> P:
    """A running mean of trees, one step on: `step_size new_tensors + (1 - step_size) old_tensors`, read-only.

    >>> incremental_update({"w": 4.0}, {"w": 2.0}, 0.25)
    {'w': 2.5}

    As `optax.incremental_update`: Polyak's average of parameters, the slowly following target network.
    """
    step_size = setting("incremental_update", "step_size", step_size, "[0, 1]")
    check_fit("incremental_update", "old_tensors", old_tensors, "new_tensors", new_tensors)
    mean: P = leafwise("incremental_update", partial(_mean, step_size), 1, new_tensors, old_tensors)[0]
    return mean


def _mean(step_size: Any, new: Any, old: Any) -> tuple[Any]:
    return (like(old, step_size * new + (1 - step_size) * old),)


class EmaParamsState(NamedTuple):
    """The running mean of the parameters, `ema`, shaped like them."""

    ema: Any


def ema_params(decay: float) -> GradientTransformation:
    """Remember a running mean of the parameters, which begins at the first ones; the updates pass unchanged.

        m' = decay m + (1 - decay) (p + update)

    It stands last in a chain, where the update is the step that will be made. `eval_params(opt_state)` is the mean.

    >>> from funcnn.optimizers import chain, sgd
    >>> optimizer = chain(sgd(1.0), ema_params(0.75))
    >>> updates, state = optimizer.update({"w": 4.0}, optimizer.init({"w": 2.0}), {"w": 2.0})
    >>> updates, eval_params(state)
    ({'w': -4.0}, {'w': 1.0})

    As `optax.incremental_update(params, mean, 1 - decay)` after every step, and torch's `AveragedModel` with
    `get_ema_avg_fn(decay)`.
    """
    decay = setting("ema_params", "decay", decay, "[0, 1)")
    return GradientTransformation(_begin_ema, partial(_ema, decay))


def _begin_ema(params: Any) -> EmaParamsState:
    return EmaParamsState(_copies(params))


def _copies(params: P) -> P:
    return tree.map(lambda p: readonly(like(p, +p)), params)  # +p is new, and has the bits of p


def _ema(decay: Any, grads: Any, state: Any, params: Any) -> tuple[Any, EmaParamsState]:
    check_state("ema_params", EmaParamsState, state)
    (mean,) = leafwise("ema_params", partial(_ema_of, decay), 1, grads, params, state.ema)
    return grads, EmaParamsState(mean)


def _ema_of(decay: Any, u: Any, p: Any, m: Any) -> tuple[Any]:
    return (like(m, decay * m + (1 - decay) * (p + u)),)


class LookaheadState(NamedTuple):
    """How many steps were made since the two met (`count`), the `slow` parameters, and the optimizer's `fast_state`."""

    count: int  # type: ignore[assignment]  # it hides tuple.count, which nobody needs
    slow: Any
    fast_state: Any


def lookahead(fast_optimizer: GradientTransformation, sync_period: int, slow_step_size: float,
              reset_state: bool = False) -> GradientTransformation:
    """Let `fast_optimizer` run ahead, and after every `sync_period` steps go from where it began a share of its way.

        slow' = slow + slow_step_size (fast - slow)        fast' = slow'

    With `reset_state`, the optimizer begins anew there. `eval_params(opt_state)` are the slow parameters.

    >>> from funcnn.optimizers import sgd
    >>> optimizer = lookahead(sgd(1.0), sync_period=2, slow_step_size=0.5)
    >>> updates, state = optimizer.update({"w": 4.0}, optimizer.init({"w": 0.0}), {"w": 0.0})
    >>> updates, state = optimizer.update({"w": 4.0}, state, {"w": -4.0})
    >>> updates, eval_params(state)
    ({'w': 0.0}, {'w': -4.0})

    Zhang et al. 2019 (arXiv:1907.08610). The numbers are those of `optax.lookahead`, which has the slow parameters
    beside the fast ones, in `LookaheadParams`; here they are a part of the state.
    """
    check_transformations("lookahead", fast_optimizer)
    period = whole_number("lookahead", "sync_period", sync_period, least=1)
    share = setting("lookahead", "slow_step_size", slow_step_size, "[0, 1]")
    return GradientTransformation(partial(_begin_lookahead, fast_optimizer),
                                  partial(_lookahead, fast_optimizer, period, share, reset_state))


def _begin_lookahead(fast_optimizer: GradientTransformation, params: Any) -> LookaheadState:
    return LookaheadState(0, _copies(params), fast_optimizer.init_fn(params))


def _lookahead(fast_optimizer: GradientTransformation, period: int, share: Any, reset_state: bool, grads: Any,
               state: Any, params: Any) -> tuple[Any, LookaheadState]:
    check_state("lookahead", LookaheadState, state)
    count = as_count(state.count) + 1
    updates, fast_state = fast_optimizer.update_fn(grads, state.fast_state, params)
    ahead = updates, LookaheadState(count, state.slow, fast_state)
    if is_number(count) and holds(count < period):
        return ahead
    met, slow = leafwise("lookahead", partial(_meet, share), 2, updates, params, state.slow)
    again = fast_optimizer.init_fn(params) if reset_state else fast_state
    return select(count >= period, (met, LookaheadState(0, slow, again)), ahead)


def _meet(share: Any, u: Any, fast: Any, slow: Any) -> tuple[Any, Any]:
    way = like(slow, fast + u - slow)
    return like(u, u - (1 - share) * way), like(slow, slow + share * way)


def eval_params(opt_state: OptState[P]) -> P:
    """The parameters to evaluate with: the mean that `ema_params` keeps, or the slow ones of `lookahead`.

    `opt_state` is the state of either, or of a chain in which it stands.

    >>> eval_params(ema_params(0.9).init({"w": 2.0}))
    {'w': 2.0}
    """
    kept = nodes_of(opt_state, EmaParamsState, LookaheadState)
    if not kept:
        raise ValueError("eval_params: the state keeps no average of the parameters; put ema_params(0.999) last in the "
                         "chain, or wrap the optimizer in lookahead")
    return cast(P, kept[0].ema if type(kept[0]) is EmaParamsState else kept[0].slow)
