"""Make a trained net one file: `predict.py`, which runs where funcnn is not installed and gives the same bytes.

`fn.make_program` writes down the NumPy calls that a function makes, and `source` saves them as a file of Python that
needs NumPy alone. The parameters are constants of the program, so they stand in the file (large arrays in an `.npz`
beside it). A program is right for the shapes that it was recorded with: here for so many rows. Try:

    python examples/export.py --epochs 1000 --out predict.py
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, random, training
from funcnn.activations import relu, softmax
from funcnn.layers import dense
from funcnn.optimizers import OptState
from funcnn.typing import Array, IntArray, Params, Scalar

Batch = tuple[Array, IntArray]

net = dense(2, 64) >> relu >> dense(64, 3)
optimizer = optimizers.adam(0.05)

ELSEWHERE = """
import runpy, sys
import numpy as np
sys.modules["funcnn"] = None                    # from here on `import funcnn` is an error
predict = runpy.run_path(sys.argv[1])["predict"]
x = np.frombuffer(sys.stdin.buffer.read(), np.float32).reshape(-1, 2)
sys.stdout.buffer.write(predict(x).tobytes())
"""


def loss(params: Params, batch: Batch) -> Scalar:
    """The mean cross-entropy of a batch."""
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(net.apply(params, x), y))


@fn.jit
def step(params: Params, opt_state: OptState[Params], batch: Batch) -> tuple[Params, OptState[Params], Scalar]:
    """One step of training, whose Python runs once; `training.fold` takes it as it takes any other."""
    value, grads = fn.value_and_grad(loss)(params, batch)
    updates, opt_state = optimizer.update(grads, opt_state, params)
    return optimizers.apply_updates(params, updates), opt_state, value


def elsewhere(path: Path, rows: bytes) -> bytes:
    """What the file predicts for these rows, as bytes, in a process of its own that cannot import funcnn."""
    command = [sys.executable, "-I", "-c", ELSEWHERE, str(path)]
    return subprocess.run(command, input=rows, capture_output=True, check=True).stdout


def main() -> None:
    """Train, write the file, run it somewhere else, compare."""
    parser = argparse.ArgumentParser(description="Make a trained net one file that needs NumPy alone.")
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", metavar="FILE", default="predict.py", help="where the file is written")
    options = parser.parse_args()

    data_key, init_key, order_key, fresh_key = random.split(random.key(options.seed), 4)
    params = net.init(init_key)
    epochs = training.batches(order_key, datasets.spiral(data_key, samples=100, classes=3), 300, options.epochs)
    (params, _), history = training.fold(step, (params, optimizer.init(params)), epochs)

    def predict(x: Array) -> Array:
        """The probability of each class."""
        return softmax(net.apply(params, x))

    x, y = datasets.spiral(fresh_key, samples=100, classes=3)
    program, path = fn.make_program(predict)(x), Path(options.out)
    print(program)
    program.source(path=str(path))
    expected, found = predict(x), elsewhere(path, np.asarray(x).tobytes())

    print(f"\nloss {history[0]:.2f} -> {history[-1]:.2f}, accuracy on a fresh spiral "
          f"{metrics.accuracy(expected, y):.3f}")
    print(f"wrote {path}: {path.stat().st_size} bytes, for {len(x)} rows")
    same = "the same" if found == np.asarray(expected).tobytes() else "other"  # the bytes, not numbers that are close
    print(f"run without funcnn, it predicts {same} {len(found)} bytes")


if __name__ == "__main__":
    main()
