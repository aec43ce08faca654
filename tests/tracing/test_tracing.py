"""A trace is what grad computes: the same bytes, every rule with its formula, every layer by its name."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import datasets, losses, optimizers, random, regularizers, tree
from funcnn.activations import gates, relu, sigmoid, softmax
from funcnn.autodiff.custom import custom_vjp, remat
from funcnn.autodiff.tape import Tape
from funcnn.core import RULES, Rule
from funcnn.layers import (
    Layer,
    affine,
    avg_pool2d,
    conv2d,
    dense,
    dropout,
    embedding,
    flatten,
    layer_norm,
    max_pool2d,
    residual,
    serial,
)
from funcnn.losses import formulas as fused
from funcnn.rules.table import Elementwise
from funcnn.tracing import Operation, Trace, find_nonfinite, trace
from funcnn.tracing.text import Gap, number, ranges, repeats, values
from funcnn.typing import Array, Params, Scalar
from rules_contract import ROWS, Row, arguments

# Untyped here: what is traced are lambdas of arrays.
trace_any: Any = trace
find: Any = find_nonfinite
value_and_grad: Any = fn.value_and_grad

KEY = random.key(0)
NET = dense(2, 8) >> relu >> dense(8, 3)
PARAMS = NET.init(KEY)
Batch = tuple[Any, Any]
BATCH: Batch = datasets.spiral(random.key(1), samples=5, classes=3)


def loss(params: Params, batch: Batch) -> Scalar:
    x, labels = batch
    return np.mean(losses.softmax_cross_entropy(NET.apply(params, x), labels))


def loss_of(net: Layer[Any, Any, Any], key: Any = None) -> Callable[[Any, Any], Any]:
    """The mean square of what a net gives."""
    return lambda params, x: np.mean(net.apply(params, x, key=key) ** 2)


def leaf(params: Any, path: str) -> Any:
    return {tree.keystr(at): value for at, value in tree.leaves_with_path(params)}[path]


STEP: Any = trace(loss, optimizers.adam(0.01))(PARAMS, BATCH)


# ------------------------------------------------------------------- what is known of the inside of autodiff


def test_the_hold_on_autodiff_and_composition() -> None:
    """Where this fails, the first docstring of funcnn/watching.py says what tracing relies on."""
    assert STEP.operations, "no operation is seen: they do not go through Tape.bind any more"
    assert all(op.cotangent is not None for op in STEP.operations), "the way back does not ask the rules of the nodes"
    assert [op.layer for op in STEP.operations] == ["dense_0", "relu_0", "dense_1", "", ""], (
        "layers are not found: composition.run is not on the stack of calls, or has no path")
    assert len(STEP.operations) == len(kinds_on_tape()), "operations are seen that are not on the tape, or not all"


def kinds_on_tape() -> list[str]:
    """What `grad` itself writes on its tape."""
    written: list[str] = []
    bind = Tape.bind

    def spy(tape: Tape, rule: Rule, args: Any, kwargs: Any) -> Any:
        written.append(rule.name)
        return bind(tape, rule, args, kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tape, "bind", spy)
        fn.grad(loss)(PARAMS, BATCH)
    return written


# ------------------------------------------------------------------------------- the numbers are grad's


def test_value_and_gradients_are_those_of_grad_to_the_byte() -> None:
    value, grads = fn.value_and_grad(loss)(PARAMS, BATCH)
    assert np.asarray(STEP.value).tobytes() == np.asarray(value).tobytes()
    assert [p.path for p in STEP.parameters] == ["dense_0/w", "dense_0/b", "dense_1/w", "dense_1/b"]
    for parameter in STEP.parameters:
        assert parameter.gradient.tobytes() == np.asarray(leaf(grads, parameter.path)).tobytes()
        assert parameter.gradient.dtype == np.float32


def test_updates_are_those_of_the_optimizer() -> None:
    optimizer = optimizers.adam(0.01)
    grads = fn.grad(loss)(PARAMS, BATCH)
    updates, state = optimizer.update(grads, optimizer.init(PARAMS), PARAMS)
    new = optimizers.apply_updates(PARAMS, updates)
    for parameter in STEP.parameters:
        assert parameter.update.tobytes() == np.asarray(leaf(updates, parameter.path)).tobytes()
        assert parameter.new.tobytes() == np.asarray(leaf(new, parameter.path)).tobytes()
    second: Any = trace(loss, optimizer, state)(new, BATCH)
    expected, _ = optimizer.update(fn.grad(loss)(new, BATCH), state, new)
    assert second.parameters[0].update.tobytes() == np.asarray(leaf(expected, "dense_0/w")).tobytes()


def test_every_number_is_that_of_backpropagation_by_hand() -> None:
    x, labels = (np.asarray(each) for each in BATCH)
    w1, b1, w2, b2 = (np.asarray(leaf(PARAMS, path)) for path in ("dense_0/w", "dense_0/b", "dense_1/w", "dense_1/b"))
    z1 = x @ w1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ w2 + b2
    dz2 = (np.asarray(softmax(z2)) - (labels[:, None] == np.arange(3))) / len(x)
    da1 = dz2 @ w2.T
    dz1 = da1 * (z1 > 0)
    by_hand = {0: (z1, dz1), 1: (a1, da1), 2: (z2, dz2)}
    for i, (value, cotangent) in by_hand.items():
        np.testing.assert_allclose(STEP.operations[i].value, value, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(STEP.operations[i].cotangent, cotangent, rtol=1e-5, atol=1e-6)
    gradients = [x.T @ dz1, dz1.sum(0), a1.T @ dz2, dz2.sum(0)]
    for parameter, gradient in zip(STEP.parameters, gradients, strict=True):
        np.testing.assert_allclose(parameter.gradient, gradient, rtol=1e-5, atol=1e-6)


def test_cotangents_that_come_in_are_the_sums_of_those_handed_back() -> None:
    seen = trace_any(lambda w: np.sum(np.exp(w) * np.sin(w) + np.exp(w)))(np.array([0.3, -1.2]))
    handed: dict[str, Any] = {}
    for op in reversed(seen.operations[:-1]):
        later = [operand.cotangent for each in seen.operations for operand in each.operands
                 if operand.source == f"#{op.number}"]
        np.testing.assert_allclose(op.cotangent, sum(later), rtol=1e-15)
        for operand in op.operands:
            handed[operand.source] = handed.get(operand.source, 0) + operand.cotangent
    np.testing.assert_allclose(seen.parameters[0].gradient, handed["w"], rtol=1e-15)


def test_operations_say_what_they_are_where_and_of_what() -> None:
    assert [(op.name, op.layer) for op in STEP.operations] == [
        ("affine", "dense_0"), ("relu", "relu_0"), ("affine", "dense_1"), ("softmax_cross_entropy", ""), ("mean", "")]
    assert [operand.source for operand in STEP.operations[0].operands] == ["batch/0", "dense_0/w", "dense_0/b"]
    assert [operand.source for operand in STEP.operations[3].operands][:2] == ["#2", "batch/1"]
    assert STEP.operations[2].formula == "y = x @ w + b"
    assert [operand.formula for operand in STEP.operations[0].operands] == [
        "", "dw = x.T @ g", "db = sum of the rows of g"]
    assert re.fullmatch(r"test_tracing\.py:\d+", STEP.operations[4].line)


def test_outputs_are_those_of_the_layers() -> None:
    assert list(STEP.outputs) == ["dense_0", "relu_0", "dense_1"]
    assert STEP.outputs["dense_1"].tobytes() == np.asarray(NET.apply(PARAMS, BATCH[0])).tobytes()


def test_a_trace_is_data_that_does_not_change() -> None:
    x = np.array([[1.0, 2.0]])
    seen = trace_any(lambda w, x: np.sum((x @ w) ** 2))(np.array([3.0, 4.0]), x)
    x[:] = 0
    assert seen.operations[0].operands[0].value.tolist() == [[1.0, 2.0]]
    assert x.flags.writeable
    for op in seen.operations:
        with pytest.raises(AttributeError):
            op.name = "other"
        arrays = [op.value, op.cotangent, *(each for operand in op.operands for each in operand[1::2])]
        assert not any(each.flags.writeable for each in arrays if isinstance(each, np.ndarray))
    with pytest.raises(AttributeError):
        seen.value = 0.0


def test_nothing_stays_watched() -> None:
    before = fn.grad(loss)(PARAMS, BATCH)
    kept: list[Any] = []

    def f(w: Any) -> Any:
        kept.append(w)
        return np.sum(w)

    trace_any(f)(np.ones(2, np.float64))
    with pytest.raises(TypeError, match="after the grad or vjp"):
        np.exp(kept[0])
    assert tree.equal(before, fn.grad(loss)(PARAMS, BATCH))


def test_threads_do_not_meet() -> None:
    found: dict[int, Trace] = {}

    def work(n: int) -> None:
        params = NET.init(random.key(n))
        found[n] = trace(loss)(params, BATCH)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n, seen in found.items():
        grads = fn.grad(loss)(NET.init(random.key(n)), BATCH)
        assert [op.layer for op in seen.operations] == [op.layer for op in STEP.operations]
        assert seen.parameters[0].gradient.tobytes() == np.asarray(leaf(grads, "dense_0/w")).tobytes()


def test_what_does_not_depend_on_the_parameters() -> None:
    seen = trace_any(lambda w, x: np.sum(np.exp(x)))(np.ones(2, np.float64), np.zeros(2, np.float64))
    assert seen.operations == ()
    assert seen.parameters[0].gradient.tolist() == [0.0, 0.0]
    assert "w" in str(seen)
    unused = trace_any(lambda w: (np.exp(w), np.sum(w))[1])(np.ones(2, np.float64))
    assert unused.operations[0].cotangent is None
    assert "nothing depends on it" in str(unused)
    nothing = trace_any(lambda params: 1.0)({})
    assert nothing.operations == nothing.parameters == ()
    assert str(nothing)


def test_nested_derivatives_are_traced_through() -> None:
    f: Any = lambda w: fn.grad(lambda v: np.sum(v**3))(w).sum()  # noqa: E731
    seen = trace_any(f)(np.array([1.0, 2.0]))
    assert seen.parameters[0].gradient.tolist() == [6.0, 12.0]


def test_errors_are_those_of_grad() -> None:
    with pytest.raises(TypeError, match="grad: the function must return one real number"):
        trace_any(lambda w: w)(np.ones(2, np.float64))
    with pytest.raises(TypeError, match="grad: argument 0"):
        trace_any(lambda w: w)(np.ones(2, int))


# ----------------------------------------------------------------------------------- layers by their names


IMAGES = np.linspace(-1, 1, 2 * 6 * 6, dtype=np.float32).reshape(2, 6, 6, 1)
POINTS = np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2)

NETS: dict[str, tuple[Layer[Any, Any, Any], Any, set[str]]] = {
    "dense": (dense(2, 3) >> np.tanh >> dense(3, 3) >> np.tanh, POINTS, {"dense_0", "tanh_0", "dense_1", "tanh_1"}),
    "named": (dense(2, 3, name="hidden") >> relu, POINTS, {"hidden", "relu_0"}),
    "dropout": (dense(2, 3) >> dropout(0.5) >> dense(3, 1), POINTS, {"dense_0", "dropout_0", "dense_1"}),
    "layer_norm": (dense(2, 3) >> layer_norm(3), POINTS, {"dense_0", "layer_norm_0"}),
    "embedding": (embedding(5, 3) >> relu, np.array([[0, 4], [1, 1]]), {"embedding_0", "relu_0"}),
    "residual": (dense(2, 3) >> residual(dense(3, 3) >> relu) >> residual(residual(np.sin)), POINTS,
                 {"dense_0", "residual_0/dense_0", "residual_0/relu_0", "residual_0", "residual_1",
                  "residual_1/residual_0", "residual_1/residual_0/sin_0"}),
    "convolution": (conv2d(1, 2, 3) >> relu >> max_pool2d(2) >> conv2d(2, 2, 2) >> avg_pool2d(2) >> flatten(), IMAGES,
                    {"conv2d_0", "relu_0", "max_pool2d_0", "conv2d_1", "avg_pool2d_0", "flatten_0"}),
    "twice": (dense(2, 3) >> dropout(0.1) >> dense(3, 3) >> dropout(0.2), POINTS,
              {"dense_0", "dropout_0", "dense_1", "dropout_1"}),
    "alone": (dense(2, 3), POINTS, {"dense"}),
    "named block": (dense(2, 3) >> residual(dense(3, 3), name="block"), POINTS, {"dense_0", "block", "block/dense_0"}),
}


@pytest.mark.parametrize("name", NETS)
def test_operations_belong_to_the_layer_that_was_running(name: str) -> None:
    net, x, layers = NETS[name]
    params = net.init(KEY)
    seen = trace(loss_of(net, random.key(5)))(params, x)
    assert {op.layer for op in seen.operations if op.layer} == layers
    assert [op.layer for op in seen.operations[-2:]] == ["", ""]
    for op in seen.operations:
        own = {operand.source.rpartition("/")[0] for operand in op.operands if leaf_exists(params, operand.source)}
        assert own <= {op.layer} or name == "alone", "an operation reads the parameters of another layer"
    grads = fn.grad(loss_of(net, random.key(5)))(params, x)
    for parameter in seen.parameters:
        assert parameter.gradient.tobytes() == np.asarray(leaf(grads, parameter.path)).tobytes()


def test_a_layer_of_your_own_that_calls_others() -> None:
    inner = dense(2, 2) >> relu

    def forward(params: Any, x: Any, key: Any) -> Any:
        return np.sin(inner.apply(params, x))

    own: Layer[Any, Any, Any] = Layer("wavy", inner.init, forward, 2, 2)
    net = own >> dense(2, 1)
    params = {"wavy_0": inner.init(KEY), "dense_0": dense(2, 1).init(KEY)}
    seen = trace_any(loss_of(net))(params, POINTS)
    assert [op.layer for op in seen.operations] == [
        "wavy_0/dense_0", "wavy_0/relu_0", "wavy_0", "dense_0", "", ""]


def test_long_blocks_are_folded_too() -> None:
    def block(w: Any) -> Any:
        for f in (np.sin, np.cos, np.tanh, np.sin, np.sin, np.exp, np.cos) * 3:
            w = f(w)
        return w

    def f(w: Any) -> Any:
        for _ in range(30):
            w = block(w)
        return np.sum(w)

    text = str(trace_any(f)(np.ones(2, np.float64)))
    assert "more the same 7: #7 to #622" in text
    assert len(text.splitlines()) < 45


def leaf_exists(params: Any, path: str) -> bool:
    return path in {tree.keystr(at) for at, _ in tree.leaves_with_path(params)}


# ------------------------------------------------------------------------------------- every rule has a formula


def rules() -> dict[str, Rule]:
    """All rules of the library: those of the table, and those that its modules keep, by name."""
    modules = [module for name, module in sys.modules.items() if name.startswith("funcnn.")]
    kept = [value for module in modules for value in vars(module).values()]
    return {each.name: each for each in (*RULES.values(), *kept) if isinstance(each, Rule) and not each.is_constant}


def test_every_rule_has_a_formula() -> None:
    assert len(rules()) > 140
    assert [rule for rule in rules().values() if not rule.lines] == [], "give each of them its lines"


def test_every_rule_has_one_line_for_each_argument() -> None:
    for rule in rules().values():
        given = [bool(text) for text in rule.formula.pullbacks]
        assert rule.each or rule.fwd or given == [vjp is not None for vjp in rule.vjps][:len(given)], rule.name


LANGUAGE = vars(np) | {"inv": np.linalg.inv, "det": np.linalg.det}
PROSE = {"i0"}


@pytest.mark.parametrize("rule", [each for f, each in RULES.items() if type(each) is Elementwise
                                  and not (isinstance(f, np.ufunc) and getattr(np, f.__name__, None) is not f)],
                         ids=lambda rule: rule.name)  # SciPy's ufuncs, if they are here, are tested in tests/scipy_
def test_formulas_of_elementwise_rules_compute_what_the_rules_do(rule: Rule) -> None:
    """The text is evaluated and must give what the code gives: no formula can lie."""
    if rule.name in PROSE:
        pytest.skip("its formula is in words")
    formula = rule.formula
    x, y = np.array([0.3, 0.55, 0.9]), np.array([0.7, 2.0, 0.4])
    x = x + 1 if rule.name == "arccosh" else x
    g = np.array([1.5, -0.5, 2.0])
    by_name = {"clip": {"x": x, "low": np.array(0.4), "high": np.array(0.6)}, "ldexp": {"x": x, "n": np.array(3)}}
    named = by_name.get(rule.name, {"x": x, "y": y} if len(formula.pullbacks) == 2 else {"x": x})
    z = rule.fun(*named.values())
    result, _, text = formula.value.partition(" = ")
    np.testing.assert_allclose(z, computed(text, named), rtol=1e-12)
    for i, pullback in enumerate(formula.pullbacks):
        target, _, text = pullback.partition(" = ")
        if target:
            assert target == f"d{list(named)[i]}"
            expected = rule.pullback(i)(g, z, *named.values())
            np.testing.assert_allclose(computed(text, {**named, result: z, "g": g}), expected, rtol=1e-12)


def computed(text: str, names: dict[str, Any]) -> Any:
    return eval(text, LANGUAGE | names)  # the texts are our own


def known(text: str, names: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A formula without the definitions that follow it, `y = x * s, s = ...`, and what they define."""
    value, *definitions = re.split(r", (?=\w = )", text)
    for definition in definitions:
        name, _, part = definition.partition(" = ")
        names = names | {name: computed(part, names)}
    return value.partition(" = ")[2], names


NUMBERS = np.array([-4.0, -0.5, 0.25, 2.0])
SHARES = np.array([0.1, 0.5, 0.7, 0.95])
SQUARE = np.array([[2.0, 1.0, 0.5], [0.25, 3.0, 1.0], [1.0, -1.0, 2.0]])
ROW = np.array([[0.5, -1.0, 2.0]])
EACH = {"sum": lambda x: x, "n": 1}
"""Losses of one number an example: the average over the entries of an example is the entry."""

FUSED: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    **{name: (getattr(fn.activations, name), {"x": NUMBERS}, {"slope": 0.01, "alpha": 1.0}) for name in (
        "relu", "elu", "hard_tanh", "hard_sigmoid", "leaky_relu", "sigmoid", "softplus", "silu", "mish")},
    "gelu": (gates._gelu_tanh, {"x": NUMBERS}, {}),
    "softmax": (softmax, {"x": NUMBERS}, {}),
    "log_softmax": (fn.activations.log_softmax, {"x": NUMBERS}, {}),
    "affine": (affine, {"x": ROW, "w": SQUARE, "b": NUMBERS[:3]}, {}),
    **{name: (getattr(fused, name), {"x": NUMBERS, "t": np.array([0.5, 0.25, -1.0, 1.5])}, EACH) for name in (
        "squared_error", "absolute_error", "log_cosh", "poisson", "hinge", "sigmoid_binary_cross_entropy")},
    "huber": (fused.huber, {"x": NUMBERS, "t": SHARES}, EACH | {"delta": 1.0}),
    "binary_cross_entropy": (fused.binary_cross_entropy, {"x": SHARES, "t": SHARES[::-1]}, EACH | {"eps": 1e-7}),
    "matmul": (RULES[np.matmul], {"a": SQUARE, "b": SQUARE.T}, {}),
    "vdot": (RULES[np.vdot], {"a": NUMBERS, "b": SHARES}, {}),
    "inv": (RULES[np.linalg.inv], {"a": SQUARE}, {}),
    "solve": (RULES[np.linalg.solve], {"a": SQUARE, "b": SQUARE.T}, {}),
    "det": (RULES[np.linalg.det], {"a": SQUARE}, {}),
    "var": (RULES[np.var], {"x": NUMBERS}, {"n": 4}),
    "std": (RULES[np.std], {"x": NUMBERS}, {"n": 4}),
    "ravel": (RULES[np.ravel], {"x": SQUARE}, {}),
    "flip": (RULES[np.flip], {"x": SQUARE}, {"axis": None}),
    "tril": (RULES[np.tril], {"x": SQUARE}, {"k": 0}),
}


@pytest.mark.parametrize("name", FUSED)
def test_formulas_of_other_operations_compute_what_they_do(name: str) -> None:
    f, arguments, settings = FUSED[name]
    rest = [settings[key] for key in ("delta", "eps") if key in settings]
    y, pullback = fn.vjp(lambda *args: f(*args, *rest), *arguments.values())
    g = np.linspace(1.0, 2.0, np.size(y)).reshape(np.shape(y))[()]
    (op, *_) = trace_any(lambda args: np.sum(f(*args, *rest)))(tuple(arguments.values())).operations
    text, names = known(op.formula, arguments | settings)
    np.testing.assert_allclose(computed(text, names), y, rtol=1e-12, atol=1e-12)
    for operand, expected in zip(op.operands, pullback(g), strict=False):
        text = operand.formula.partition(" = ")[2].replace("sum of the rows of g", "g[0]")
        np.testing.assert_allclose(computed(text, names | {"y": y, "g": g}), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_every_rule_is_traced_and_printed(row: Row) -> None:
    args = arguments(row)
    y = row.f(np, *args)
    weights = [np.linspace(-1, 1, np.size(each)).reshape(np.shape(each))
               for each in (y if isinstance(y, list | tuple) else [y])]

    def f(args: Any) -> Any:
        y = row.f(np, *args)
        parts = y if isinstance(y, list | tuple) else [y]
        return sum(np.sum(np.real(part) * w) for part, w in zip(parts, weights, strict=True))

    value, gradients = value_and_grad(f)(args)
    seen = trace_any(f)(args)
    assert np.asarray(seen.value).tobytes() == np.asarray(value).tobytes()
    found = {parameter.path: parameter.gradient for parameter in seen.parameters}
    for i, gradient in enumerate(gradients):
        assert np.asarray(found[str(i)]).tobytes() == np.asarray(gradient).tobytes()
    assert str(seen) and seen.to_dot() and seen.to_mermaid()
    for op in seen.operations:
        assert op.formula and all(operand.formula for operand in op.operands if operand.cotangent is not None)
        assert "own rule" not in str([operand.formula for operand in op.operands])


def test_operations_of_your_own_say_so() -> None:
    @custom_vjp
    def relu(x: Any, slope: Any) -> Any:
        return np.maximum(x, slope * x)

    relu.defvjps(lambda g, y, x, slope: g * np.where(x > 0, 1, slope), None)
    (op, _) = trace_any(lambda w: np.sum(relu(w, 0.1)))(np.array([1.0, -1.0])).operations
    assert (op.name, op.formula, op.operands[0].formula) == ("relu", "y = relu(x, slope)", "dx = its own rule")


def test_paired_rules_trees_and_checkpoints_are_traced() -> None:
    @custom_vjp
    def both(p: Any) -> Any:
        return p["a"] * p["b"]

    both.defvjp(lambda p: (p["a"] * p["b"], p), lambda p, g: ({"a": g * p["b"], "b": g * p["a"]},))
    f = remat(lambda p: np.sum(both(p) ** 2))
    p = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
    assert [op.name for op in trace_any(lambda p: np.sum(both(p)))(p).operations] == ["both", "sum"]
    seen = trace_any(f)(p)
    assert [op.name for op in seen.operations] == ["remat"]
    assert seen.parameters[0].gradient.tolist() == (2 * p["a"] * p["b"] ** 2).tolist()


# ----------------------------------------------------------------------------------------------- on paper


TABLE = """\
<lambda> = 0.5

FORWARD
#  layer    operation                         formula            shape  value
0  dense_0  affine(x, dense_0/w, dense_0/b)   y = x @ w + b      1 x 2  [[2 4]]
1  relu_0   relu(#0)                          y = maximum(x, 0)  1 x 2  [[2 4]]
2  dense_1  affine(#1, dense_1/w, dense_1/b)  y = x @ w + b      1 x 1  [[0.5]]
3           sum(#2)                           y = sum(x)                0.5

BACKWARD
#  layer    derivative                 to         shape  cotangent
3           g                                            1
            dx = g, for each entry     #2         1 x 1  [[1]]
2  dense_1  dx = g @ w.T               #1         1 x 2  [[2 -1]]
            dw = x.T @ g               dense_1/w  2 x 1  [[2] [4]]
            db = sum of the rows of g  dense_1/b  1      [1]
1  relu_0   dx = g * (x > 0)           #0         1 x 2  [[2 -1]]
0  dense_0  dw = x.T @ g               dense_0/w  2 x 2  [[2 -1] [4 -2]]
            db = sum of the rows of g  dense_0/b  2      [2 -1]

PARAMETERS
path       shape  value             gradient         update                   new value
dense_0/w  2 x 2  [[1 -1] [0.5 2]]  [[2 -1] [4 -2]]  [[-0.2 0.1] [-0.4 0.2]]  [[0.8 -0.9] [0.1 2.2]]
dense_0/b  2      [0 1]             [2 -1]           [-0.2 0.1]               [-0.2 1.1]
dense_1/w  2 x 1  [[2] [-1]]        [[2] [4]]        [[-0.2] [-0.4]]          [[1.8] [-1.4]]
dense_1/b  1      [0.5]             [1]              [-0.1]                   [0.4]"""


def test_the_table_of_a_step() -> None:
    net = dense(2, 2) >> relu >> dense(2, 1)
    params = {"dense_0": {"w": np.array([[1.0, -1.0], [0.5, 2.0]]), "b": np.array([0.0, 1.0])},
              "dense_1": {"w": np.array([[2.0], [-1.0]]), "b": np.array([0.5])}}
    f: Any = lambda params, x: np.sum(net.apply(params, x))  # noqa: E731
    step = trace_any(f, optimizers.sgd(0.1))(params, np.array([[1.0, 2.0]]))
    assert str(step) == TABLE


def test_where_follows_a_layer_and_a_parameter() -> None:
    layer = STEP.where("dense_1")
    assert [op.number for op in layer.operations] == [2]
    assert [parameter.path for parameter in layer.parameters] == ["dense_1/w", "dense_1/b"]
    weights = STEP.where("dense_0/w")
    assert [parameter.path for parameter in weights.parameters] == ["dense_0/w"]
    assert STEP.table(where="dense_0/w") == str(weights)
    assert [op.number for op in STEP.where("batch").operations] == [0, 3]
    with pytest.raises(ValueError, match=r"is called 'dense_2'; did you mean one of \['dense_\d', 'dense_\d'"):
        STEP.where("dense_2")


def test_where_does_not_take_a_name_for_its_beginning() -> None:
    net = serial(*[dense(2, 2) for _ in range(12)])
    seen = trace(loss_of(net))(net.init(KEY), POINTS)
    assert {op.layer for op in seen.where("dense_1").operations} == {"dense_1"}


def deep(layers: int) -> Trace:
    net = serial(dense(2, 8), *[stage for _ in range(layers - 2) for stage in (np.tanh, dense(8, 8))], dense(8, 3))
    return trace(loss_of(net), optimizers.sgd(0.1))(net.init(KEY), POINTS)


def test_a_hundred_layers_stay_readable() -> None:
    seen = deep(100)
    assert len(seen.operations) > 195 and len(seen.parameters) == 200
    lines = str(seen).splitlines()
    assert len(lines) < 60
    assert max(map(len, lines)) <= 120
    assert sum("96 times more the same 2" in line for line in lines) == 3
    assert sum(line.startswith("dense_99/") for line in lines) == 2


def test_a_hundred_different_operations_are_cut_in_the_middle() -> None:
    def f(w: Any) -> Any:
        for i in range(200):
            w = np.concatenate([w, w[:1]]) if i % 3 else np.sin(w)
        return np.sum(w)

    lines = str(trace_any(f)(np.ones(2, np.float64))).splitlines()
    assert len(lines) < 150
    assert sum("..." in line and " more: #" in line for line in lines) == 2


@pytest.mark.parametrize("n", [2, 5, 100])
def test_numbers_add_up_where_stretches_are_folded(n: int) -> None:
    seen = deep(n)
    kinds = [op.name for op in seen.operations]
    shown = repeats(kinds)
    counted = sum(each.last - each.first + 1 if isinstance(each, Gap) else 1 for each in shown)
    assert counted == len(kinds)
    assert all(each.times * each.period == each.last - each.first + 1 for each in shown if isinstance(each, Gap))


def test_values_are_rounded_and_cut() -> None:
    assert values(np.array([1 / 3, -0.0, 1e-9]), 2) == "[0.33 0 1e-09]"
    assert values(np.zeros((0, 3), np.float64)) == "[]"
    assert values(np.array([np.nan, np.inf])) == "[nan inf]"
    assert values(np.array([True, False])) == "[True False]"
    assert len(values(np.linspace(0, 1, 10**6), width=30)) <= 30
    assert number(2 + 1j) == "2+1j"
    assert ranges(np.array([np.nan, np.nan])) == "2 nan of 2"
    assert ranges(np.array([np.inf, 1.0])) == "1 to inf, 1 inf of 2"
    assert ranges(3.0) == "3 to 3"


# ----------------------------------------------------------------------------------------------- the graph


NODE = r'^ +(\w+) \[(?:shape=\w+, )?label="(?:[^"\\]|\\.)*"\];$'
EDGE = r'^ +(\w+) -> (\w+)(?: \[label="[^"]*"\])?;$'


def parsed_dot(text: str) -> tuple[set[str], list[tuple[str, str]]]:
    """The nodes and edges of a graph in the part of the language that is used; anything else is an error."""
    nodes, edges, depth = set[str](), [], 0
    for line in text.splitlines():
        depth += line.endswith(" {") - (line.strip() == "}")
        if match := re.match(EDGE, line):
            edges.append((match[1], match[2]))
        elif match := re.match(NODE, line):
            nodes.add(match[1])
        else:
            assert re.fullmatch(r'(digraph trace| *subgraph cluster_\d+) \{| *\}|  rankdir=TB;|  node \[.*\];'
                                r'| +label="(?:[^"\\]|\\.)*";', line), line
    assert depth == 0
    return nodes - {"node"}, edges


def parsed_mermaid(text: str) -> tuple[set[str], list[tuple[str, str]]]:
    nodes, edges, depth = set[str](), [], 0
    first, *rest = text.splitlines()
    assert first == "flowchart TB"
    for line in rest:
        if match := re.fullmatch(r' +(\w+) -->(?:\|"[^"]*"\|)? (\w+)', line):
            edges.append((match[1], match[2]))
        elif match := re.fullmatch(r' +(\w+)(?:\["[^"]*"\]|\(\["[^"]*"\]\))', line):
            nodes.add(match[1])
        else:
            assert re.fullmatch(r' +subgraph layer\d+\["[^"]*"\]|  end', line), line
            depth += 1 if "subgraph" in line else -1
    assert depth == 0
    return nodes, edges


@pytest.mark.parametrize("language", ["dot", "mermaid"])
def test_graphs_parse_and_hold_every_operation(language: str) -> None:
    quoted = dense(2, 3, name='a "b" \\ <c>') >> residual(relu)
    seen = trace(loss_of(quoted))(quoted.init(KEY), POINTS)
    for each in (STEP, seen, deep(20)):
        nodes, edges = parsed_dot(each.to_dot()) if language == "dot" else parsed_mermaid(each.to_mermaid())
        assert {f"op{op.number}" for op in each.operations} <= nodes
        assert {end for edge in edges for end in edge} <= nodes
        uses = [operand for op in each.operations for operand in op.operands if operand.source]
        assert len(edges) == len(uses)


# ----------------------------------------------------------------------------------------- what is not finite


def poisoned(bad: Callable[[Any], Any]) -> Layer[Any, Any, Any]:
    return dense(2, 4) >> relu >> residual(dense(4, 4) >> bad) >> dense(4, 1)


def nan_forward(x: Any) -> Any:
    return x + np.sqrt(-np.abs(x) - 1)


@custom_vjp
def nan_backward(x: Array) -> Array:
    return x * 1.0


nan_backward.defvjps(lambda g, y, x: g * np.nan)


def test_all_finite_is_none() -> None:
    assert find_nonfinite(loss)(PARAMS, BATCH) is None
    assert find_nonfinite(loss_of(poisoned(relu)))(poisoned(relu).init(KEY), POINTS) is None


def test_nan_made_forward_is_found_and_named() -> None:
    net = poisoned(nan_forward)
    found = find_nonfinite(loss_of(net))(net.init(KEY), POINTS)
    assert found is not None
    assert (found.direction, found.operation.name, found.operation.layer) == (
        "forward", "sqrt", "residual_0/nan_forward_0")
    assert re.search(r"#\d+: -[\d.]+ to -1\b", str(found))
    assert "gives y = sqrt(x): 16 nan of 16" in str(found)


def test_nan_made_backward_is_found_and_named() -> None:
    net = poisoned(nan_backward)
    found = find_nonfinite(loss_of(net))(net.init(KEY), POINTS)
    assert found is not None
    assert (found.direction, found.operation.name, found.operation.layer) == (
        "backward", "nan_backward", "residual_0/nan_backward_0")
    assert "gives dx = its own rule: 16 nan of 16" in str(found)


@pytest.mark.parametrize("path", ["dense_0", "dense_1", "residual_0/dense_0"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_bad_parameter_of_any_layer_is_found(path: str, bad: float) -> None:
    net = poisoned(relu)
    params = tree.update_in(net.init(KEY), (path, "b"), lambda b: b + np.float32(bad))
    found = find_nonfinite(loss_of(net))(params, POINTS)
    assert found is not None
    assert (found.direction, found.operation.layer) == ("forward", path)
    assert f"{path}/b: " in str(found)


@pytest.mark.parametrize("name", [name for name in NETS if name != "embedding"])
def test_bad_data_is_found_in_the_first_layer(name: str) -> None:
    net, x, _ = NETS[name]
    x = x.copy()
    x.flat[0] = np.nan
    found = find_nonfinite(loss_of(net, random.key(5)))(net.init(KEY), x)
    assert found is not None
    assert found.direction == "forward"
    assert found.operation.layer == stage_0(net)


def stage_0(net: Layer[Any, Any, Any]) -> str:
    return net.stages[0].name if net.stages else "dense"


def test_the_derivative_of_a_root_at_zero() -> None:
    found = find(lambda w: np.sum(np.sqrt(w)))(np.array([0.0, 1.0]))
    assert (found.direction, found.operation.name) == ("backward", "sqrt")
    assert found.results["dx = g / (2 * y)"].tolist() == [np.inf, 0.5]


def test_an_infinity_that_is_meant_is_not_counted() -> None:
    def masked(w: Any) -> Any:
        return np.sum(softmax(np.where(np.array([True, True, False]), w, -np.inf)) ** 2)

    w = np.array([1.0, 2.0, 3.0])
    assert find(masked)(w) is None
    found = find(lambda w: masked(w) + np.log(w[0] - 1.0))(w)
    assert found.operation.name == "log"
    assert find(lambda w: np.max(np.pad(w, 1, constant_values=-np.inf)))(w) is None


def test_an_overflow_that_is_hidden_is_counted() -> None:
    found = find(lambda w: np.sum(1 / (1 + np.exp(w))))(np.array([0.0, 1000.0]))
    assert (found.operation.name, found.direction) == ("exp", "forward")


def test_penalties_and_losses_are_looked_at_too() -> None:
    found = find(lambda w: np.sum(sigmoid(w)) + regularizers.l2(w, 1e300))(np.array([1e200]))
    assert found is not None and found.operation.layer == ""


def test_the_parts_are_typed() -> None:
    operation: Operation = STEP.operations[0]
    assert isinstance(operation.options, fn.FrozenDict)
    assert repr(STEP) == f"<trace of loss: {values(STEP.value)} in 5 operations, 4 parameters>"
