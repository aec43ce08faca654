"""Lesson 31: what a training step really computes, line by line: the NumPy calls that are left of it.

`make_program` runs a step once and writes down each NumPy call that it makes; the layers, `grad` and the optimizer are
Python that decides which calls these are, and is gone. See the calls in order: forward, the loss, the way back, the
optimizer, the update. Each `v` is a result, beside it stand its dtype and shape. Then the chain rule is worked out by
hand, and found among the lines. `jit` keeps such a program: from the second call on it runs no Python of the step.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np

import funcnn as fn
from funcnn import optimizers, random, tree
from funcnn.layers import dense
from funcnn.optimizers import OptState
from funcnn.staging import Variable
from funcnn.typing import Array, Params, Scalar

net = dense(2, 2) >> np.tanh >> dense(2, 1)
optimizer = optimizers.sgd(0.5, momentum=0.9)
calls: list[str] = []  # grows where Python runs


def loss(params: Params, x: Array, y: Array) -> Scalar:
    """The mean squared error, in two lines."""
    answers = net.apply(params, x)
    return np.mean(np.square(answers - y))


def step(params: Params, state: OptState[Params], x: Array, y: Array) -> tuple[Params, OptState[Params], Scalar]:
    """One step of training."""
    calls.append("Python")
    value, grads = fn.value_and_grad(loss)(params, x, y)
    updates, state = optimizer.update(grads, state, params)
    return optimizers.apply_updates(params, updates), state, value


x, y = np.array([[1.0, 2.0], [-1.0, 1.0], [0.5, -1.0]]), np.array([[1.0], [0.0], [1.0]])
params = tree.astype(net.init(random.key(3)), np.float64)
start = (params, optimizer.init(params))
program = fn.make_program(step)(*start, x, y)

print("THE INPUTS: nothing is remembered from call to call, so the optimizer's state comes in with the parameters")
print(*[f"    {each!r:25} {each}" for each in program.inputs], sep="\n")
lines = str(program).splitlines()
print("THE CONSTANTS: 1 / n for each example, and ones, with which a product sums rows")
print(*["    " + line for line in lines if line.startswith("c")], sep="\n")

PARTS = {
    "answers =": "FORWARD: two layers are two products, two sums and a tanh",
    "return np.mean": "THE LOSS: how far off, squared, and the mean",
    "value, grads": "THE WAY BACK: the chain rule, from the loss to the first layer; the slope of tanh is 1 / cosh**2",
    "updates, state": "THE OPTIMIZER: all gradients joined to a vector, so that few calls serve all; then cut up again",
    "return optimizers": "THE UPDATE: one sum for each array of parameters",
}
shown = [each for each in program.equations if each.result.name != "_"]  # to flag an array read-only gives nothing
rows = zip(shown, lines[-1 - len(shown):-1], strict=True)
for text, part in groupby(rows, lambda row: row[0].line.text if row[0].line else ""):
    print("\n" + next(sentence for beginning, sentence in PARTS.items() if text.startswith(beginning)))
    for code, sign, comment in (line.partition(" # ") for _, line in part):
        print(f"{code.rstrip():46}{sign}{comment.partition('   ')[0]}")
print("\nTHE RESULT: new parameters, new state, and the loss\n" + lines[-1])

variables = [equation.result for equation in program.equations]
results = program.with_equations(program.equations, variables).run(tree.leaves((*start, x, y)))
w1, b1, w2, b2 = (np.asarray(params[layer][name]) for layer in ("dense_0", "dense_1") for name in "wb")
h = np.tanh(x @ w1 + b1)
dz2 = 2 * (h @ w2 + b2 - y) / len(x)  # of the mean of squares
dz1 = dz2 @ w2.T * (1 - h * h)  # through the second layer, and through tanh
by_hand = {"dz2 = 2 * (answers - y) / n": dz2, "dw2 = h.T @ dz2": h.T @ dz2, "db2 = sum of rows of dz2": dz2.sum(0),
           "dz1 = dz2 @ w2.T * (1 - h**2)": dz1, "dw1 = x.T @ dz1": x.T @ dz1, "db1 = sum of rows of dz1": dz1.sum(0)}


def found(number: Array) -> Variable | None:
    """The first variable of the program that holds this number."""
    return next((v for v, result in zip(variables, results, strict=True)
                 if np.shape(result) == number.shape and np.allclose(result, number, rtol=1e-12)), None)


print("\nTHE CHAIN RULE BY HAND, and where the program has the same numbers")
for formula, number in by_hand.items():
    print(f"    {formula:30} {found(number)!r:5} {np.array2string(number.ravel(), precision=4)}")

calls.clear()
print("\nTHE SECOND CALL runs no Python of step, but the calls above; what stands there twice, 1 / cosh, runs once")
jitted, found_state, expected_state = fn.jit(step), start, start
for count in range(1, 4):
    new_params, new_state, value = jitted(*found_state, x, y)
    found_state = new_params, new_state
    print(f"call {count} of jit(step): loss {value:.6f}, so often has the Python of step run: {len(calls)}")
for _ in range(3):
    new_params, new_state, value = step(*expected_state, x, y)
    expected_state = new_params, new_state
print(f"three calls of step itself end with the same bits: {tree.equal(found_state, expected_state)}")

# CHANGE THIS, and say first what will happen: leave `, momentum=0.9` out. Which inputs go, what of THE OPTIMIZER stays?
