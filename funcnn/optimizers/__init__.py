"""How does a gradient become a step? `sgd`, `adam`, and every other `optimizers.x`.

An optimizer is a pair of pure functions, `init(params) -> state` and `update(grads, state, params) -> (updates,
state)`; `apply_updates(params, updates)` adds the updates:

    optimizer = adam(0.001)
    state = optimizer.init(params)
    updates, state = optimizer.update(grads, state, params)
    params = apply_updates(params, updates)

Every name is found here; a `learning_rate` is a number or a schedule:

    alias             the optimizers, each one sentence over its parts: `sgd`, `adam`, `lamb`
    moments           the formulas of Adam's family, in the letters of their papers: `scale_by_adam`, `scale_by_yogi`
    papers            those of others: `scale_by_rms`, `scale_by_lion`
    layerwise         those that look at a whole array: `scale_by_trust_ratio`, `centralize`
    parts             what else they are put together of: `trace`, `clip`, `add_noise`
    choosing          which parameters are moved, and how: `masked`, `freeze`, `partition`
    wrappers          an optimizer changed as a whole: `accumulate`, `inject_hyperparams`
    averages          what stays of all steps: `ema_params`, `lookahead`
    minimizing        another way, for problems of one whole batch: `minimize`
    transformation    what an optimizer is, and several in a row: `chain`, `apply_updates`
    onepass           a formula of one array lifted to whole trees
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from funcnn._later import later
from funcnn.optimizers.alias import (
    adabelief,
    adadelta,
    adafactor,
    adagrad,
    adam,
    adamax,
    adamw,
    amsgrad,
    lamb,
    lars,
    lion,
    nadam,
    radam,
    rmsprop,
    rprop,
    sgd,
    sign_sgd,
    yogi,
)
from funcnn.optimizers.choosing import (
    PartitionState,
    freeze,
    masked,
    partition,
    selective_transform,
    set_to_zero,
)
from funcnn.optimizers.layerwise import (
    FactoredState,
    adaptive_grad_clip,
    centralize,
    clip_by_block_rms,
    scale_by_factored_rms,
    scale_by_param_block_rms,
    scale_by_trust_ratio,
)
from funcnn.optimizers.moments import (
    AdamaxState,
    AdamState,
    AmsgradState,
    BeliefState,
    scale_by_adam,
    scale_by_adamax,
    scale_by_amsgrad,
    scale_by_belief,
    scale_by_nadam,
    scale_by_radam,
    scale_by_yogi,
)
from funcnn.optimizers.papers import (
    AdadeltaState,
    LionState,
    RmsState,
    RpropState,
    RssState,
    scale_by_adadelta,
    scale_by_lion,
    scale_by_rms,
    scale_by_rprop,
    scale_by_rss,
    scale_by_sign,
)
from funcnn.optimizers.parts import (
    AddNoiseState,
    EmaState,
    ScheduleState,
    TraceState,
    ZeroNansState,
    add_decayed_weights,
    add_noise,
    clip,
    clip_by_global_norm,
    ema,
    global_norm,
    keep_params_nonnegative,
    scale,
    scale_by_learning_rate,
    scale_by_schedule,
    trace,
    zero_nans,
)
from funcnn.optimizers.transformation import (
    EmptyState,
    GradientTransformation,
    OptState,
    apply_updates,
    chain,
    entrywise,
    identity,
)

if TYPE_CHECKING:
    from funcnn.optimizers.averages import (
        EmaParamsState,
        LookaheadState,
        ema_params,
        eval_params,
        incremental_update,
        lookahead,
    )
    from funcnn.optimizers.minimizing import OptimizeResults, minimize
    from funcnn.optimizers.wrappers import (
        AccumulateState,
        InjectHyperparamsState,
        SkipState,
        accumulate,
        inject_hyperparams,
        skip_not_finite,
        with_hyperparams,
    )

__all__ = [  # noqa: RUF022  # in the order in which they are read: optimizers, their parts, others, states
    "sgd", "sign_sgd", "rprop", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "adamax", "nadam", "radam",
    "amsgrad", "adabelief", "yogi", "lion", "lars", "lamb", "adafactor",
    "GradientTransformation", "OptState", "apply_updates", "chain", "identity", "entrywise",
    "scale_by_learning_rate", "scale_by_schedule", "scale", "trace", "ema", "add_decayed_weights", "clip",
    "clip_by_global_norm", "global_norm", "add_noise", "zero_nans", "keep_params_nonnegative",
    "scale_by_rss", "scale_by_rms", "scale_by_adadelta", "scale_by_adam", "scale_by_adamax", "scale_by_nadam",
    "scale_by_radam", "scale_by_amsgrad", "scale_by_belief", "scale_by_yogi", "scale_by_lion", "scale_by_rprop",
    "scale_by_sign",
    "scale_by_trust_ratio", "scale_by_factored_rms", "scale_by_param_block_rms", "clip_by_block_rms",
    "adaptive_grad_clip", "centralize",
    "masked", "freeze", "set_to_zero", "selective_transform", "partition", "accumulate", "skip_not_finite",
    "inject_hyperparams", "with_hyperparams", "ema_params", "lookahead", "eval_params", "incremental_update",
    "minimize", "OptimizeResults",
    "EmptyState", "TraceState", "EmaState", "ScheduleState", "AddNoiseState", "ZeroNansState", "RssState", "RmsState",
    "AdadeltaState", "AdamState", "AdamaxState", "AmsgradState", "BeliefState", "LionState", "RpropState",
    "FactoredState", "PartitionState", "AccumulateState", "SkipState", "InjectHyperparamsState", "EmaParamsState",
    "LookaheadState",
]


later(globals(), minimizing="OptimizeResults minimize",
      averages="EmaParamsState LookaheadState ema_params eval_params incremental_update lookahead",
      wrappers="AccumulateState InjectHyperparamsState SkipState accumulate inject_hyperparams skip_not_finite "
               "with_hyperparams")
