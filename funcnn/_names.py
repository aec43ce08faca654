"""What may be meant by a name that is not here? `not_there`: PyTorch's, Keras's, optax's, or one in another room.

It is asked only when a name was not found, so it may take its time: it looks through all rooms.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from funcnn._arguments import nearest

__all__ = ["hint", "not_there"]

ROOMS = ("typing", "tree", "random", "activations", "initializers", "regularizers", "layers", "losses", "metrics",
         "schedules", "optimizers", "training", "parallel", "memory", "checkpoint", "datasets", "testing", "tracing",
         "plotting")
"""Where a name is looked for; `scipy` and `jax` need what may not be installed."""

ELSEWHERE = {
    # ------------------------------------------------------------------------------------- what a net is made of
    "layers.dense": "Linear LazyLinear FullyConnected Layer_Dense",
    "a >> b, or layers.serial(a, b)": "Sequential Serial Model Module Chain stack",
    "layers.serial(), the net that changes nothing": "Identity",
    "a plain function, which is a stage of a net: dense(2, 64) >> relu": "Lambda Activation",
    "dense(...) >> relu >> dense(...), trained by training.fold": "MLP MLPClassifier MLPRegressor",
    "layers.batch_norm": "BatchNorm1d BatchNorm2d BatchNormalization",
    "layers.layer_norm": "LayerNormalization",
    "layers.max_pool2d": "MaxPooling2D",
    "layers.avg_pool2d": "AveragePooling2D",
    "layers.global_avg_pool": "GlobalAveragePooling1D GlobalAveragePooling2D AdaptiveAvgPool2d",
    "layers.conv_transpose2d": "Conv2DTranspose",
    "layers.gru or layers.lstm": "RNN SimpleRNN",
    "layers.attention": "MultiheadAttention SelfAttention",
    "layers.dot_product_attention": "scaled_dot_product_attention",
    "layers.positional": "PositionalEncoding",
    "layers.normalize": "StandardScaler standardize Normalization",
    "layers, activations and losses": "nn keras functional",
    # ------------------------------------------------------------------------------------------ how weights begin
    "initializers.glorot_uniform": "xavier xavier_uniform xavier_uniform_ glorot",
    "initializers.glorot_normal": "xavier_normal xavier_normal_",
    "initializers.he_uniform": "kaiming_uniform kaiming_uniform_",
    "initializers.he_normal": "kaiming kaiming_normal kaiming_normal_ he",
    # ----------------------------------------------------------------------------------------------- how wrong it is
    "np.mean(losses.squared_error(predictions, targets))": "mse MSELoss mse_loss MeanSquaredError mean_squared_error "
                                                            "l2_loss",
    "np.mean(losses.absolute_error(predictions, targets))": "mae L1Loss l1_loss MeanAbsoluteError mean_absolute_error",
    "losses.softmax_cross_entropy(logits, labels)": "CrossEntropyLoss cross_entropy SparseCategoricalCrossentropy "
                                                    "softmax_cross_entropy_with_integer_labels nll NLLLoss",
    "losses.sigmoid_binary_cross_entropy(logits, labels)": "BCEWithLogitsLoss binary_cross_entropy_with_logits",
    "losses.binary_cross_entropy(probabilities, labels)": "bce BCELoss",
    "losses.huber": "SmoothL1Loss smooth_l1_loss",
    "losses.kl_divergence": "KLDivLoss kl_div",
    "losses.poisson": "PoissonNLLLoss",
    "losses.cosine_distance": "CosineEmbeddingLoss",
    "losses.focal(logits, labels)": "sigmoid_focal_loss",
    "metrics.brier(probabilities, labels)": "brier_score_loss",
    "metrics.roc_auc": "AUC",
    "regularizers.elastic_net": "L1L2",
    # ------------------------------------------------------------------------------------------------ how it learns
    "optimizers": "optim optax",
    "optimizers.apply_updates(params, updates)": "apply_gradients zero_grad",
    "optimizers.clip_by_global_norm": "clip_grad_norm_ clip_grad_norm",
    "optimizers.accumulate(optimizer, every)": "MultiSteps",
    "optimizers.skip_not_finite(optimizer)": "apply_if_finite",
    "optimizers.partition(transforms, param_labels)": "multi_transform",
    "schedules.cosine_decay": "CosineAnnealingLR CosineDecay",
    "schedules.exponential_decay": "ExponentialLR StepLR",
    "schedules.piecewise_constant": "MultiStepLR",
    "schedules.one_cycle": "OneCycleLR cosine_onecycle_schedule",
    "schedules.join": "join_schedules SequentialLR",
    "training.fold(step, state, batches)": "fit train Trainer partial_fit fori_loop",
    "training.batches(key, data, size, epochs=...)": "DataLoader TensorDataset Dataset",
    "training.split": "train_test_split random_split",
    "metrics, or training.evaluate": "score",
    "checkpoint.keep": "ModelCheckpoint",
    "checkpoint.save(path, tree)": "dump save_weights savez",
    "tree.from_torch(state_dict, like), or checkpoint.load(path, like)": "load_state_dict load_weights",
    # ------------------------------------------------------------------------------------------- transformations, NumPy
    "funcnn.value_and_grad(loss)(params, ...)": "backward GradientTape value_and_gradient requires_grad autograd",
    "funcnn.grad(f)": "gradient derivative",
    "funcnn.stop_gradient(x); outside of funcnn.grad nothing is recorded": "no_grad detach stop_grad",
    "funcnn.jit(f)": "compile function",
    "funcnn.make_program(f)(*args)": "make_jaxpr",
    "funcnn.vmap(f)": "vectorize",
    "funcnn.vmap for all examples at once, parallel.data_parallel for all cores": "pmap",
    "funcnn.tree": "tree_util pytree",
    "tree.map": "tree_map",
    "random.key(seed)": "PRNGKey manual_seed set_seed seed set_random_seed RandomState default_rng",
    "NumPy itself: import numpy as np": "np numpy jnp lax",
    "an array of NumPy's": "Tensor ndarray tensor Variable Parameter",
}
"""What stands here for names that are known from elsewhere, whatever their case and underscores."""

SUFFIXES = ("loss", "score", "schedule", "layer", "optimizer", "initializer", "regularizer")
"""What others append to the names of such things."""


def not_there(module: str, own: Iterable[str], name: str, asked: FrameType | None = None) -> Exception:
    """The error that a module has no such name, with what may have been meant.

    It is an AttributeError, as `hasattr` and `getattr` want it; but Python hides the text of one from the reader of
    `from funcnn.layers import Dense`, so where such a line asked (the frame `asked`), it is an ImportError.

    >>> raise not_there("funcnn.layers", ["dense", "dropout"], "Dense")
    Traceback (most recent call last):
    ...
    AttributeError: module 'funcnn.layers' has no attribute 'Dense'; did you mean 'dense'?
    """
    more = hint(own, name)
    more = f"; {more}" if more else ""
    if asked is not None and _is_import_from(asked):
        file = getattr(sys.modules.get(module), "__file__", None)
        return ImportError(f"cannot import name {name!r} from {module!r}{more}", name=module, path=file)
    text = f"module {module!r} has no attribute {name!r}{more}"
    return AttributeError(text, name=name, obj=None) if more else AttributeError(text)  # no obj: one hint is enough


def _is_import_from(frame: FrameType) -> bool:
    """Whether the line that runs there is `from ... import ...`, in the step that takes the name."""
    from opcode import opmap

    code, at = frame.f_code.co_code, frame.f_lasti
    return 0 <= at < len(code) and code[at] == opmap.get("IMPORT_FROM")


def hint(own: Iterable[str], name: str) -> str:
    """What may be meant by a name that a module with these names of its own has not; an empty text for no idea.

    >>> hint(["dense", "dropout"], "Dropout"), hint(["dense"], "MSELoss")
    ("did you mean 'dropout'?", 'here it is np.mean(losses.squared_error(predictions, targets))')
    """
    if name.startswith("_"):
        return ""
    own = [each for each in own if not each.startswith("_")]
    return _written_otherwise(own, name) or _of_another_kind(name) or _nearly(own, name)


def _written_otherwise(own: list[str], name: str) -> str:
    """`Dropout` for `dropout`, `layer` for `layers`."""
    found = [each for form in _forms(name) for each in own if _plain(each) == form] or nearest(name, own, cutoff=0.9)
    return f"did you mean {found[0]!r}?" if found else ""


def _of_another_kind(name: str) -> str:
    """`MSELoss`, as it is called in PyTorch; `adam`, which is an optimizer."""
    exact, *shorter = _forms(name)
    known = {_plain(word): here for here, words in ELSEWHERE.items() for word in words.split()}
    if exact in known:
        return f"here it is {known[exact]}"
    found = [f"{room}.{each}" for form in (exact, *shorter) for room, each in _everywhere() if _plain(each) == form]
    return f"here it is {' or '.join(found)}" if found else ""


def _nearly(own: list[str], name: str) -> str:
    """`optimiser` for `optimizers`, here or, if it is very like, elsewhere."""
    if near := nearest(name, own):
        return f"did you mean {near[0]!r}?"
    places = {each: f"{room}.{each}" for room, each in _everywhere()}
    near = nearest(name, places, cutoff=0.8)
    return f"did you mean {places[near[0]]}?" if near else ""


def _everywhere() -> Iterator[tuple[str, str]]:
    """Every public name with its room; the transformations stand in the package itself."""
    faces: dict[str, Any] = {room: importlib.import_module(f"funcnn.{room}") for room in ROOMS}
    package = vars(importlib.import_module("funcnn"))
    yield from (("funcnn", name) for name in package if _is_public(package[name]))
    yield from ((room, name) for room, face in faces.items() for name in face.__all__)


def _is_public(value: Any) -> bool:
    """Whether a value of the package is one of funcnn's functions or classes."""
    return callable(value) and str(getattr(value, "__module__", "")).startswith("funcnn.")


def _plain(name: str) -> str:
    """A name without what others write differently: `softmax_cross_entropy`, `SoftmaxCrossEntropy`."""
    return name.lower().replace("_", "")


def _forms(name: str) -> list[str]:
    """A name in plain letters, and shorter: `huberloss`, `huber`."""
    forms = [_plain(name)]
    while suffix := next((each for each in SUFFIXES if forms[-1].endswith(each) and forms[-1] != each), ""):
        forms.append(forms[-1].removesuffix(suffix))
    return forms
