"""What other libraries call things, and what is said to who looks for them here."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any
from unittest import mock

import pytest

import funcnn as fn
from funcnn._names import ELSEWHERE, ROOMS, hint, not_there

package: Any = fn
rooms = {name: getattr(fn, name) for name in ROOMS}

SAID = {
    # of the package: layers and how they are joined
    "Dense": "layers.dense", "Linear": "layers.dense", "Conv2d": "layers.conv2d", "conv2D": "layers.conv2d",
    "BatchNorm1d": "layers.batch_norm", "Dropout": "layers.dropout", "LSTM": "layers.lstm", "Sequential": "a >> b",
    "LayerNorm": "layers.layer_norm", "MaxPool2d": "layers.max_pool2d", "MultiheadAttention": "layers.attention",
    # what bends, and how weights begin
    "ReLU": "activations.relu", "LeakyReLU": "activations.leaky_relu", "LogSoftmax": "activations.log_softmax",
    "xavier": "initializers.glorot_uniform", "glorot_uniform": "initializers.glorot_uniform",
    "kaiming_normal_": "initializers.he_normal", "Normal": "random.normal or initializers.normal",
    # how wrong it is
    "mse": "np.mean(losses.squared_error(", "MSELoss": "np.mean(losses.squared_error(", "HuberLoss": "losses.huber",
    "CrossEntropyLoss": "losses.softmax_cross_entropy(", "cross_entropy": "losses.softmax_cross_entropy(",
    "BCELoss": "losses.binary_cross_entropy(", "binary_crossentropy": "losses.binary_cross_entropy",
    "BCEWithLogitsLoss": "losses.sigmoid_binary_cross_entropy(", "accuracy_score": "metrics.accuracy",
    # how it learns
    "Adam": "optimizers.adam", "SGD": "optimizers.sgd", "Adagrad": "optimizers.adagrad",
    "optim": "optimizers", "fit": "training.fold(", "DataLoader": "training.batches(", "save": "checkpoint.save",
    "train_test_split": "training.split", "cosine_decay_schedule": "schedules.cosine_decay", "L2": "regularizers.l2",
    # the rest
    "nn": "layers, activations and losses", "np": "NumPy itself: import numpy as np",
    "backward": "funcnn.value_and_grad(loss)", "value_and_gradient": "funcnn.value_and_grad(loss)",
    "make_jaxpr": "funcnn.make_program(", "no_grad": "funcnn.stop_gradient(x)", "manual_seed": "random.key(seed)",
    "tree_map": "tree.map", "Array": "typing.Array", "spiral": "datasets.spiral",
}


def said(module: Any, name: str) -> str:
    with pytest.raises(AttributeError) as raised:
        getattr(module, name)
    return str(raised.value)


def test_a_name_known_from_elsewhere_is_answered_with_the_one_here() -> None:
    for name, here in SAID.items():
        assert said(fn, name).startswith(f"module 'funcnn' has no attribute {name!r}; here it is {here}")


def test_each_room_answers_with_its_own_names_first() -> None:
    assert said(fn.layers, "Dense") == "module 'funcnn.layers' has no attribute 'Dense'; did you mean 'dense'?"
    assert said(fn.optimizers, "Adam").endswith("did you mean 'adam'?")
    assert said(fn.schedules, "Linear").endswith("did you mean 'linear'?")
    assert said(fn.losses, "huber_loss").endswith("did you mean 'huber'?")
    assert said(fn.losses, "CrossEntropyLoss").endswith("here it is losses.softmax_cross_entropy(logits, labels)")
    assert said(fn.losses, "adam").endswith("here it is optimizers.adam")
    assert said(fn.layers, "jit").endswith("here it is funcnn.jit")
    assert said(fn.datasets, "spirals").endswith("did you mean 'spiral'?")
    assert said(fn, "layer").endswith("did you mean 'layers'?")
    assert said(fn, "sofmax").endswith("did you mean activations.softmax?")
    assert said(fn, "xyzzy").endswith("'xyzzy'")


def test_what_the_table_answers_is_there() -> None:
    answers = " ".join(ELSEWHERE)
    named = re.findall(rf"\b({'|'.join(ROOMS)}|funcnn)\.(\w+)", answers)
    assert len(named) > 50
    assert [name for room, name in named if not hasattr(rooms.get(room, fn), name)] == []
    words = [word for here in ELSEWHERE.values() for word in here.split()]
    assert len(words) == len(set(words))
    assert [word for word in words if hint([], word) == ""] == []


# ------------------------------------------------------------------------------------------------ who asks, and how


@pytest.mark.parametrize(("line", "text"), [
    ("from funcnn.layers import Dense", r"cannot import name 'Dense' from 'funcnn\.layers'; did you mean 'dense'\?"),
    ("from funcnn import grad, Sequential as S", "'Sequential' from 'funcnn'; here it is a >> b"),
    ("from funcnn.initializers import xavier", r"here it is initializers\.glorot_uniform"),
    ("from funcnn.optimizers import xyzzy", r"'xyzzy' from 'funcnn\.optimizers'$"),
    ("\n".join(f"a{i} = 0" for i in range(300)) + "\nfrom funcnn.losses import mse", r"losses\.squared_error"),
])
def test_an_import_that_fails_says_the_same(line: str, text: str) -> None:
    with pytest.raises(ImportError, match=text) as raised:
        exec(line, {})
    assert type(raised.value) is ImportError
    assert raised.value.name in ("funcnn", "funcnn.layers", "funcnn.initializers", "funcnn.optimizers", "funcnn.losses")
    assert str(raised.value.path).endswith(".py")


def test_who_only_asks_whether_it_is_there_hears_no_import_error() -> None:
    assert not hasattr(fn, "Dense")
    assert getattr(fn.layers, "Dense", 3) == 3
    assert __import__("funcnn.layers", fromlist=["Dense", "dummy"]) is fn.layers
    assert {"layers", "grad", "tracing"} <= {name for name, _ in inspect.getmembers(fn)}
    with pytest.raises(AttributeError), mock.patch("funcnn.layers.Dense"):
        pass
    exec("from funcnn.layers import linear, recurrent", {})  # files that are no attributes yet
    from funcnn.layers import dense
    assert not hasattr(dense, "Dense")  # a line after an import is none


def test_names_of_the_language_are_answered_without_a_search() -> None:
    with mock.patch("funcnn._names._everywhere", side_effect=AssertionError):
        assert hint(["_file", "dense"], "__file_") == hint(["_dense"], "_dense_") == ""
    assert str(not_there("m", ["dense"], "__wrapped__")) == "module 'm' has no attribute '__wrapped__'"


def test_python_adds_no_hint_of_its_own_to_ours() -> None:
    program = [sys.executable, "-c", "import funcnn as fn; fn.optimizers.Adam"]
    said = subprocess.run(program, capture_output=True, text=True, check=False).stderr.splitlines()[-1]
    assert said == "AttributeError: module 'funcnn.optimizers' has no attribute 'Adam'; did you mean 'adam'?"
