"""What people get wrong when they train, a row for each: none of it goes on in silence.

Every module has a table of its own for its arguments. Here stand mistakes in a whole program, `train(...)` with one
thing wrong, most of which other libraries take without a word (DESIGN.md §6). Each row says which error comes and what
is in its text: the place, what came, and the fix.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import activations, initializers, losses, metrics, optimizers, random, training, tree
from funcnn.activations import relu
from funcnn.core.tracer import TracerError
from funcnn.layers import convolution, dense, dropout, embedding, flatten, layer_norm, residual
from funcnn.tree import MissingKeyError

# Untyped: the type checker would find many of these mistakes before they are made.
dense_any: Any = dense
grad: Any = fn.grad
make_step: Any = training.make_step
relu_any: Any = relu
x_any: Any = random
adam: Any = optimizers.adam
fold: Any = training.fold
evaluate: Any = training.evaluate
batches: Any = training.batches
layers_any: Any = {"dropout": dropout, "flatten": flatten, "layer_norm": layer_norm}

KEY = random.key(0)
X: Any = random.normal(random.key(1), (12, 2))
Y: Any = np.arange(12) % 3
T: Any = 2 * X[:, :1]
NAN = float("nan")

NET: Any = dense(2, 4) >> relu >> dense(4, 3)
ONE: Any = dense(2, 4) >> relu >> dense(4, 1)
PARAMS: Any = NET.init(KEY)
NET_LABEL = "dense(2, 4) >> relu >> dense(4, 3) (2 -> 3)"


def mean_loss(net: Any = NET, loss: Any = losses.softmax_cross_entropy) -> Any:
    """The mean of a loss over a batch."""
    return lambda params, batch: np.mean(loss(net.apply(params, batch[0]), batch[1]))


def train(*, net: Any = NET, loss: Any = None, x: Any = X, y: Any = Y, params: Any = None, optimizer: Any = None,
          state: Any = None, key: Any = KEY, size: Any = 4, epochs: Any = 2, start: Any = 0, step: Any = None) -> Any:
    """The whole program; without an argument it is right."""
    params = net.init(KEY) if params is None else params
    optimizer = optimizers.adam(0.05) if optimizer is None else optimizer
    step = step or make_step(mean_loss(net) if loss is None else loss, optimizer)
    state = optimizer.init(params) if state is None else state
    return training.fold(step, (params, state), training.batches(key, (x, y), size, epochs, start))


def regress(loss: Any = losses.squared_error, **changes: Any) -> Any:
    """The program with one number to predict."""
    return train(**{"net": ONE, "loss": mean_loss(ONE, loss), "y": T} | changes)


def changed(array: Any, row: int, value: float) -> Any:
    """A copy of an array with a value put into one row."""
    new = np.array(array)
    new[row] = value
    return new


def test_the_program_is_right_without_a_mistake() -> None:
    for run in (train, regress):
        (params, _), history = run()
        training.check_finite((params, history))
        assert len(history) == 6


# ------------------------------------------------------------------------------------------------ the table

Call = Callable[[], object]
Row = tuple[Call, type[Exception], tuple[str, ...]]
V, E = ValueError, TypeError

ROWS: dict[str, Row] = {
    # the data
    "y of another length": (lambda: train(y=Y[:-1]), V, ("batches", "12 at '0', 11 at '1'")),
    "no data": (lambda: train(x=X[:0], y=Y[:0]), V, ("batches", "the data is empty (0 rows)")),
    "x as lists": (lambda: train(x=X.tolist()), E, ("batches", "'0/0/0' must be an array, got -0.15", "np.asarray(x)")),
    "x a masked array": (lambda: train(x=np.ma.masked_array(X)), E, ("batches", "at '0'", "x.filled(0)")),
    "NaN in x": (lambda: train(x=changed(X, 7, NAN)), V, ("batches", "at '0' has nan in row 7", "Leave such rows out")),
    "NaN among the targets": (lambda: regress(y=changed(T, 5, NAN)), V, ("batches", "at '1' has nan in row 5")),
    "NaN that is not the batches'": (
        lambda: train(step=lambda *_: fn.grad(mean_loss(ONE, losses.squared_error))(ONE.init(KEY), (X, T * NAN))), V,
        ("squared_error: targets must be numbers", "nan at row 0", "Leave such rows out")),
    "batches of 0": (lambda: train(size=0), V, ("batches: size", "at least 1", "got 0")),
    "half a row a batch": (lambda: train(size=2.5), E, ("batches: size", "an int", "got 2.5")),
    "1e3 epochs": (lambda: train(epochs=1e3), E, ("batches: epochs", "an int", "got 1000.0")),
    "less than no epochs": (lambda: train(epochs=-1), V, ("batches: epochs", "at least 0", "got -1")),
    "resumed after the end": (lambda: train(start=7), V, (
        "batches: start is 7", "2 epochs of 12 examples", "6 batches")),
    "all for validation": (lambda: training.split(KEY, (X, Y), 0.99), V, (
        "split", "leaves 0 to train with", "need one")),
    "ten rows for validation": (lambda: training.split(KEY, X, 10), V, ("split: validation", "got 10", "such as 0.2")),
    # x, as the net takes it
    "integers": (lambda: train(x=np.arange(24).reshape(12, 2)), E, ("dense_0 (2 -> 4)", "int64", "astype(np.float32)")),
    "bytes of an image": (lambda: train(x=np.ones((12, 2), np.uint8)), E, ("dense_0", "uint8", "astype(np.float32)")),
    "float64 in a float32 net": (lambda: train(x=X.astype(np.float64)), E, (
        "dense_0 (2 -> 4)", "the input is float64 but the parameters are float32", "x.astype(np.float32)")),
    "complex numbers": (lambda: train(x=X.astype(np.complex64)), E, ("dense_0", "complex64", "floating-point")),
    "objects": (lambda: train(x=X.astype(object)), E, ("dense_0", "object", "floating-point")),
    "a column too many": (lambda: train(x=np.ones((12, 3), np.float32)), V, (
        NET_LABEL, "3 features, expected 2", "(4, 3)")),
    "one feature, no column": (lambda: train(x=X[:, 0]), V, (NET_LABEL, "4 features, expected 2", "(4,)")),
    "an image where rows are due": (lambda: train(x=np.ones((12, 2, 5), np.float32)), V, ("5 features, expected 2",)),
    "channels first": (
        lambda: convolution.conv2d(1, 2, 3).apply(convolution.conv2d(1, 2, 3).init(KEY), np.ones((4, 1, 28, 28))), V,
        ("conv2d (1 -> 2)", "28 features, expected 1", "(4, 1, 28, 28)")),
    "words that are not in the list": (
        lambda: embedding(5, 2).apply(embedding(5, 2).init(KEY), np.array([[1, 5]])), V,
        ("embedding", "from 1 to 5", "valid 0..4")),
    "a batch of one number": (lambda: layers_any["flatten"]().apply({}, np.float32(1.0)), E, ("flatten", "a single")),
    # labels and targets
    "targets (n,) against predictions (n,1)": (lambda: regress(y=T[:, 0]), V, (
        "squared_error: predictions are (4, 1) but targets are (4,)", "broadcast to (4, 4)", "y[:, None]")),
    "targets (n,1) against predictions (n,)": (
        lambda: regress(lambda p, t: losses.huber(p[:, 0], t)), V,
        ("huber: predictions are (4,) but targets are (4, 1)", "broadcast to (4, 4)", "y[:, 0]")),
    "a label too large": (lambda: train(y=np.arange(12) % 4, size=12), V, (
        "softmax_cross_entropy: labels run from 0 to 3", "logits have 3 columns (valid 0..2)",
        "first bad label at row 3")),
    "a label of -1": (lambda: train(y=Y - 1, size=12), V, ("labels run from -1 to 1", "(valid 0..2)", "at row 0")),
    "labels (n,1)": (lambda: train(y=Y[:, None]), V, ("softmax_cross_entropy", "(4, 1), expected (4,)", "y[..., 0]")),
    "labels that are floats": (lambda: train(y=Y.astype(np.float32)), E, (
        "softmax_cross_entropy: labels of shape (4,)", "float32", "y.astype(np.int64)")),
    "labels that are booleans": (lambda: train(y=Y > 0), E, ("must be integers", "got bool", "y.astype(np.int64)")),
    "labels that are texts": (lambda: train(y=np.array(list("abc"))[Y]), E, ("labels must be real numbers", "<U1")),
    "labels of another net": (lambda: train(y=np.ones((12, 4)) / 4), V, (
        "logits are (4, 3) but labels are (4, 4)", "integer labels of shape (4,)")),
    "rows that are no probabilities": (lambda: train(y=np.ones((12, 3))), V, (
        "labels of shape (4, 3)", "sum 1", "row 0 is [1. 1. 1.]", "Integer labels have shape (4,)")),
    "one-hot where integers are due": (lambda: losses.one_hot(losses.one_hot(Y, 3), 3), E, (
        "one_hot: labels of shape (12, 3) must be integers", "float32")),
    "integers where one-hot is due": (lambda: losses.smooth_labels(Y, 0.1), E, (
        "smooth_labels", "got int64 of shape (12,)", "losses.one_hot(y, classes)")),
    "yes and no as 1 and -1": (lambda: regress(losses.sigmoid_binary_cross_entropy, y=np.sign(T)), V, (
        "sigmoid_binary_cross_entropy: labels must be between 0 and 1", "-1.0", "(y + 1) / 2")),
    "1 and -1 as yes and no": (lambda: regress(losses.hinge, y=1.0 * (T > 0)), V, (
        "hinge: targets must be -1 or 1", "0.0", "2 * y - 1")),
    "counts below 0": (lambda: regress(losses.poisson), V, ("poisson: targets", "0 or more", "squared_error")),
    # logits and probabilities
    "probabilities as logits": (lambda: train(net=NET >> activations.softmax), V, (
        "softmax_cross_entropy", "look like probabilities", "before softmax")),
    "logits as probabilities": (lambda: train(loss=mean_loss(NET, losses.categorical_cross_entropy)), V, (
        "categorical_cross_entropy: predictions", "row 0 is [", "softmax_cross_entropy")),
    "a logit as a probability": (lambda: regress(losses.binary_cross_entropy, y=T > 0), V, (
        "binary_cross_entropy: predictions must be between 0 and 1", "sigmoid_binary_cross_entropy")),
    "probabilities as logarithms": (
        lambda: losses.kl_divergence(np.full((2, 2), 0.5), np.full((2, 2), 0.5)), V,
        ("kl_divergence: log_predictions", "0.5 at row 0", "log_softmax")),
    "predictions and labels swapped": (lambda: train(loss=lambda p, b: np.mean(
        losses.softmax_cross_entropy(b[1], NET.apply(p, b[0])))), E, ("logits must be floating-point", "int64")),
    # the loss
    "a loss for each example": (lambda: train(loss=lambda p, b: losses.softmax_cross_entropy(
        NET.apply(p, b[0]), b[1])), E, ("one real number", "shape (4,)", "np.mean")),
    "a loss without return": (lambda: train(loss=lambda p, b: None), E, ("NoneType", "return statement missing")),
    "a loss and more": (lambda: train(loss=lambda p, b: (np.mean(NET.apply(p, b[0])), b)), E, (
        "tuple", "has_aux=True")),
    "a loss of whole numbers": (lambda: train(loss=lambda p, b: np.argmax(NET.apply(p, b[0]))), E, (
        "int64", "no gradient")),
    "a loss by way of float()": (lambda: train(loss=lambda p, b: float(np.mean(NET.apply(p, b[0])))), TracerError, (
        "float(x)", "derivative would be lost", "has_aux=True")),
    "a loss by way of math": (lambda: train(loss=lambda p, b: math.exp(np.mean(NET.apply(p, b[0])))), TracerError, (
        "derivative would be lost", "np.exp(x), not math.exp(x)")),
    "a loss that writes": (lambda: train(loss=lambda p, b: p["dense_0"]["w"].__setitem__(0, 1.0)), TracerError, (
        "never changes", "np.where")),
    "a loss without a name": (lambda: make_step(None, adam(0.1)), E, (
        "make_step: loss", "a function", "got None")),
    "a value, not a function, to differentiate": (lambda: grad(np.mean(X)), E, ("grad", "function", "got")),
    # the parameters
    "parameters of a wider net": (lambda: train(params=(dense(2, 5) >> relu >> dense(5, 3)).init(KEY)), V, (
        "dense_0 (2 -> 4): parameter 'w' has shape (2, 5), expected (2, 4)", "another net?")),
    "parameters of one layer": (lambda: train(params=dense(2, 3).init(KEY)), V, (
        NET_LABEL, "its parameters are ['dense_0', 'dense_1'], got ['w', 'b']", "another net?")),
    "no parameters": (lambda: train(params=()), E, (NET_LABEL, "a mapping, as init returns it", "got a tuple")),
    "the net for its parameters": (lambda: NET.apply(NET, X), E, (NET_LABEL, "a mapping", "got a Layer")),
    "parameters and x swapped": (lambda: NET.apply(X, PARAMS), E, (NET_LABEL, "array (batch, 2)", "got a FrozenDict")),
    "a misspelt parameter": (lambda: train(params=PARAMS | {"dense_1": {"W": X, "b": X}}), V, (
        "dense_1 (4 -> 3)", "['w', 'b'], got ['W', 'b']")),
    "a misspelt layer": (lambda: PARAMS["dense1"], MissingKeyError, ("'dense1'", "did you mean 'dense_1'?")),
    "a misspelt path": (lambda: tree.update_in(PARAMS, ("dense_0", "bias"), abs), MissingKeyError, (
        "at 'dense_0': no entry 'bias'", "'w', 'b'")),
    "whole numbers as parameters": (lambda: train(params=tree.map(lambda p: np.ones(p.shape, int), PARAMS)), E, (
        "'dense_0/b' is int64", "x.astype(np.float32)")),
    "writing a parameter": (lambda: PARAMS["dense_0"]["w"].__setitem__(0, 1.0), V, ("read-only",)),
    "setting a parameter": (lambda: PARAMS.__setitem__("dense_0", 1), E, (
        "never changes", "FrozenDict({**params, 'dense_0': value})")),
    "a net drawn from a number": (lambda: NET.init(0), E, ("must be a key", "got 0 (int)", "random.key(0)")),
    "a net drawn from a generator": (lambda: NET.init(np.random.default_rng(0)), E, (
        "must be a key", "got a Generator", "random.key(0)")),
    "a net drawn from two keys": (lambda: NET.init(random.split(KEY)), V, (
        "shape (2, 2)", "one key", "Unpack or index")),
    # the network
    "widths that do not fit": (lambda: dense_any(2, 64) >> relu >> dense_any(32, 3), V, (
        "dense(2, 64) >> dense(32, 3)", "gives 64 features", "takes 32")),
    "a width of 2.0": (lambda: dense_any(2.0, 3), E, ("dense: in_features", "an int", "2.0")),
    "an activation already called": (lambda: dense(2, 4) >> relu_any(X), E, (">>", "a Layer or a function", "array(")),
    "an activation by its name": (lambda: dense_any(2, 4) >> "relu", E, (">>", "a Layer or a function", "'relu'")),
    "a function that narrows": (
        lambda: (dense(2, 4) >> (lambda x: x[:, :2]) >> dense(4, 3)).apply(PARAMS, X), V,
        ("dense_1 (4 -> 3)", "input has 2 features, expected 4", "(12, 2)")),
    "a function without return": (
        lambda: (dense_any(2, 4) >> (lambda x: None) >> dense(4, 3)).apply(PARAMS, X), E,
        ("dense_1 (4 -> 3)", "got None")),
    "a residual that widens": (lambda: residual(dense_any(2, 4)), V, ("residual(dense(2, 4))", "4 features", "has 2")),
    "all dropped": (lambda: dropout(1.0), V, ("dropout: drop_rate", "[0, 1)", "got 1.0")),
    "percent dropped": (lambda: dropout(10), V, ("dropout: drop_rate", "the share", "[0, 1)", "got 10")),
    "dropout without a key": (lambda: train(net=dense(2, 4) >> dropout(0.5) >> dense(4, 3)), V, (
        "draws random numbers in training", "key=<a key> to train, key=None to evaluate")),
    "dropout of a text": (lambda: layers_any["dropout"]("0.5"), E, ("dropout: drop_rate", "'0.5'")),
    "a layer not called": (lambda: dense_any(2, 4) >> dropout >> dense(4, 3), E, ("dropout", "call it")),
    "an initializer not called": (lambda: dense_any(2, 3, w_init=initializers.he_normal).init(KEY), E, (
        "dense: w_init", "he_normal()")),
    "an initial weight for an initializer": (lambda: dense_any(2, 3, w_init=0.1), E, ("dense: w_init", "0.1")),
    "eps below 0": (lambda: layers_any["layer_norm"](3, eps=-1.0), V, ("layer_norm: eps", "-1.0")),
    # the optimizer
    "a learning rate of NaN": (lambda: train(optimizer=adam(NAN)), V, ("learning_rate", "in [0, inf)", "got nan")),
    "a learning rate as text": (lambda: train(optimizer=adam("1e-3")), E, ("learning_rate", "a number", "'1e-3'")),
    "a learning rate below 0": (lambda: train(optimizer=adam(-0.1)), V, ("learning_rate", "got -0.1")),
    "a schedule that ends in NaN": (
        lambda: train(optimizer=adam(lambda t: 0.1 if t < 3 else NAN)), V, ("schedule(3)", "in [0, inf)", "got nan")),
    "an optimizer not called": (lambda: make_step(mean_loss(), adam), E, (
        "make_step: optimizer must be a GradientTransformation", "adam(0.01)", "the function adam")),
    "an update without parameters": (lambda: adam(0.1).update(PARAMS, adam(0.1).init(PARAMS)), E, ("'params'",)),
    "the state of another optimizer": (lambda: train(state=optimizers.sgd(0.1).init(PARAMS)), E, (
        "the state must be a tuple of 2, as init and update of this optimizer give it", "a tuple of 1")),
    "the state of another net": (lambda: train(state=adam(0.1).init(dense(2, 3).init(KEY))), V, (
        "scale_by_adam", "state has other entries than grads", "'dense_0', 'dense_1' are missing")),
    "parameters for the state": (lambda: train(state=PARAMS), E, ("the state must be a tuple of 2", "FrozenDict")),
    # the step and the fold
    "a step without a value": (lambda: train(step=lambda p, s, b: (p, s)), E, (
        "fold: step must return the 2 parts of the state and a value, a tuple of 3", "a tuple of 2")),
    "a step without return": (lambda: train(step=lambda p, s, b: None), E, ("fold: step must return", "None")),
    "a step of fewer arguments": (lambda: train(step=lambda p, b: (p, b)), E, ("takes 2 positional arguments but 3",)),
    "a state that is no tuple": (lambda: fold(lambda p, b: (p, 1.0), PARAMS, [1]), E, (
        "fold: the state must be a tuple", "(params, opt_state)", "a FrozenDict")),
    "the pair of an update as updates": (
        lambda: optimizers.apply_updates(PARAMS, adam(0.1).update(PARAMS, adam(0.1).init(PARAMS), PARAMS)), E,
        ("apply_updates: updates is a tuple", "updates, state = optimizer.update")),
    "a step already run": (
        lambda: fold(make_step(mean_loss(), adam(0.1))(PARAMS, adam(0.1).init(PARAMS), (X, Y)), (), []), E,
        ("fold: step must be a function", "got a tuple")),
    "arguments in another order": (lambda: evaluate(PARAMS, mean_loss(), (X, Y)), E, (
        "evaluate: f must be a function", "got a FrozenDict")),
    "data and key in another order": (lambda: batches((X, Y), KEY, 4), E, ("must be a key", "got a tuple",
        "random.key(0)")),
    "labels where the size is due": (lambda: batches(KEY, X, Y, 4), E, ("batches: size must be an int",
        "an array of shape (12,)")),
    "a value without a state": (lambda: training.early_stopping(2)(0.5, 0.4), E, (  # type: ignore[arg-type]
        "early_stopping: the state", "EarlyStopping()", "got 0.5 (float)")),
    "values that cannot be stacked": (lambda: train(size=5, step=lambda p, s, b: (p, s, b[1])), V, (
        "fold: the values", "(5,) and (2,)", "alike")),
    "a key that is a number": (lambda: train(key=0), E, ("must be a key", "got 0 (int)", "random.key(0)")),
    "a seed that is no number": (lambda: x_any.key("0"), E, ("random.key: seed must be an int", "got '0' (str)")),
    # after the training
    "classes for scores": (lambda: metrics.accuracy(np.argmax(NET.apply(PARAMS, X), axis=1), Y), E, (
        "accuracy: predictions", "int64")),
    "a model that has diverged": (lambda: metrics.accuracy(NAN * NET.apply(PARAMS, X), Y), V, (
        "accuracy: predictions", "nan at row 0", "has diverged")),
    "an accuracy of nobody": (lambda: metrics.accuracy(np.ones((0, 3)), np.ones(0, int)), V, (
        "accuracy", "empty", "NaN")),
    "a loss of each to evaluate": (lambda: training.evaluate(lambda p, x: x[:, 0], PARAMS, X, 5), E, (
        "evaluate: what f returns", "shape (5,)", "np.mean")),
    "one number to predict": (lambda: training.predict(lambda p, x: np.mean(x), PARAMS, X, 5), V, (
        "predict: f must return a row for each row of x", "shape ()")),
    "patience of 0": (lambda: training.early_stopping(0), V, ("early_stopping: patience", "at least 1", "got 0")),
    "a tangent of another shape": (lambda: fn.jvp(np.sin, (np.ones(3),), (np.ones(2),)), V, (
        "jvp", "tangent", "(2,)", "(3,)")),
}

@pytest.mark.parametrize("name", ROWS)
def test_a_mistake_is_named_with_its_place_what_came_and_the_fix(name: str) -> None:
    call, kind, substance = ROWS[name]
    with pytest.raises(kind) as error:
        call()
    text = str(error.value)
    assert [part for part in substance if part not in text] == [], text


def test_the_table_is_long() -> None:
    assert len(ROWS) >= 100


def test_a_mistake_in_a_later_batch_carries_the_number_of_its_step() -> None:
    y = np.where(np.arange(12) == 8, 3, Y)
    with pytest.raises(ValueError, match="labels run from") as error:
        train(y=y)
    order = np.asarray(random.permutation(random.fold_in(KEY, 0), 12)).tolist()
    assert error.value.__notes__ == [f"fold: this was step {order.index(8) // 4}, counted from 0"]
    row = order.index(8) % 4
    assert f"first bad label at row {row}" in str(error.value)


# ----------------------------------------------------------------------------- what other libraries get wrong


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.bool_, np.float64])
def test_one_hot_labels_of_any_dtype_are_the_same(dtype: Any) -> None:
    """Negated, unsigned ones would wrap around."""
    hot = np.eye(3, dtype=np.float32)[Y]
    assert tree.equal(train(y=hot.astype(dtype)), train(y=hot))


def test_a_diverged_training_is_found_with_its_step() -> None:
    def run() -> None:
        for number, (state, _) in enumerate(training.scan(step, (PARAMS, optimizers.sgd(1e30).init(PARAMS)), stream)):
            training.check_finite(state[0], number)

    step = make_step(mean_loss(), optimizers.sgd(1e30))
    stream = training.batches(KEY, (X, Y), 4, 5)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match=r"at 'dense_0/b'.* in step [0-9]"):
        run()
