"""Deliberate faults, one at a time, each of which a test must catch: `python tests/mutants.py [NAME ...] [--jobs N]`.

Each row changes one text of the package; the named tests run on a copy with that fault in it, and must fail. A fault
that survives is a gap in the tests. To add one: a row below, whose old text occurs once in its file.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Mutant(NamedTuple):
    """A fault, and the tests that should catch it."""

    name: str
    file: str
    old: str
    new: str
    tests: str


MUTANTS = [
    # rules: the pages
    Mutant("divide: sign", "rules/elementwise.py", "g, z, _x, y: -g * z / y", "g, z, _x, y: g * z / y", "rules"),
    Mutant("exp2 without its factor", "rules/elementwise.py", "g * y * math.log(2)", "g * y", "rules"),
    Mutant("sinh by sinh", "rules/elementwise.py", "g * np.cosh(x))\n", "g * np.sinh(x))\n", "rules"),
    Mutant("cos: sign", "rules/elementwise.py", "-g * np.sin(x)", "g * np.sin(x)", "rules"),
    Mutant("square off by a thousandth", "rules/elementwise.py", "g * (2 * x)", "g * (2.002 * x)", "rules"),
    Mutant("a tie of the maximum given whole", "rules/elementwise.py", "masked(g * 0.5, tied)", "masked(g, tied)",
           "rules"),
    Mutant("remainder: rint to floor", "rules/elementwise.py",
           '"dy = -g * rint((x - z) / y)", lambda g, z, x, y: -g * np.rint((x - z) / y))\nelementwise(np.fmod',
           '"dy = -g * rint((x - z) / y)", lambda g, z, x, y: -g * np.floor((x - z) / y) + 1)\nelementwise(np.fmod',
           "rules"),
    Mutant("transpose not inverted", "rules/shapes.py", "np.argsort([a % len(axes) for a in axes])",
           "[a % len(axes) for a in axes]", "rules"),
    Mutant("roll back the same way", "rules/shapes.py", "np.roll(g, _negative(shift), axis)",
           "np.roll(g, shift, axis)", "rules"),
    Mutant("joined parts shifted", "rules/shapes.py", "slice(starts[i], starts[i + 1])",
           "slice(starts[0], starts[1])", "rules"),
    Mutant("correction ignored", "rules/reductions.py", "ddof if correction is None else correction", "ddof",
           "rules"),
    Mutant("mean as a sum", "rules/reductions.py", "1 / max(_count(_x, axis), 1)", "1", "rules"),
    Mutant("einsum leaves the others out", "rules/products.py", "g, *arrays[:i], *arrays[i + 1:], optimize",
           "g, *arrays[:i], *arrays[:i], optimize", "rules"),
    Mutant("matmul: factors changed", "rules/products.py", "return a.T @ g\n", "return (g.T @ a).T * 1.001\n",
           "rules"),
    Mutant("cholesky not made symmetric", "rules/linalg.py",
           "return conj(_symmetric(_H(np.linalg.solve(_H(lower), _H(solved)))))",
           "return conj(_H(np.linalg.solve(_H(lower), _H(solved))))", "rules"),
    Mutant("pinv without a term", "rules/linalg.py", " + _H(y) @ y @ _H(g) @ right", "", "rules"),
    Mutant("irfft: the last frequency twice", "rules/fourier.py", "2 if n % 2 else 1", "2", "rules"),
    Mutant("gather: repeated rows counted once", "autodiff/scatter.py", "if np.bincount(rows).max() == 1:",
           "if True:", "rules"),
    Mutant("broadcasting not undone", "rules/table.py", "if n == 1 and g.shape[extra + i] != 1", "if n == 7",
           "rules"),
    Mutant("a cast left out", "rules/table.py",
           "cotangent if cotangent.dtype == x.dtype else _cast(cotangent, x.dtype)", "cotangent", "rules"),
    # the tape and the way back
    Mutant("cotangents replace each other", "autodiff/tape.py",
           "cotangents[parent] = add(cotangents[parent], cotangent)", "cotangents[parent] = cotangent", "autodiff"),
    Mutant("the tape keeps all", "autodiff/tape.py", "if not is_read:", "if False:", "autodiff rules"),
    Mutant("small arrays are not copied", "autodiff/tape.py", 'return x.copy(order="K")', "return x", "autodiff"),
    Mutant("changed arrays are not noticed", "autodiff/tape.py", "if _some_of(x) != before:", "if False:",
           "autodiff"),
    Mutant("an ended tape records on", "autodiff/tape.py", "return self.nodes is None", "return False",
           "core autodiff"),
    Mutant("the number of cotangents unchecked", "autodiff/custom.py",
           "if not isinstance(cotangents, tuple) or len(cotangents) != count:", "if False:", "autodiff"),
    Mutant("shape of a cotangent unchecked", "core/rule.py",
           'if cotangent is None or getattr(cotangent, "shape", ()) != getattr(x, "shape", ()):', "if False:",
           "autodiff"),
    Mutant("the outer interpreter first", "core/rule.py", "found.level > owner.level", "found.level < owner.level",
           "autodiff"),
    Mutant("lists stay lists", "core/rule.py", "            return np.asarray(arg)\n", "            return arg\n",
           "rules"),
    Mutant("gradients can be written into", "autodiff/reverse.py", "view.setflags(write=False)",
           "view.setflags(write=True)", "autodiff"),
    Mutant("a gradient in another dtype", "autodiff/reverse.py", "np.asarray(cotangent, primal.dtype)",
           "np.asarray(cotangent, np.float64)", "autodiff"),
    # batching
    Mutant("examples without padded axes", "batching/families.py", "return x if missing <= 0 else",
           "return x if True else", "batching"),
    Mutant("an axis not shifted", "batching/families.py", "return axis % ndim + 1", "return axis % ndim",
           "batching"),
    Mutant("shared arguments get one example's cotangent", "batching/batch.py", "np.sum(spread, axis=0)",
           "spread[0]", "batching"),
    Mutant("an ended batch goes on", "batching/batch.py", "if self.ended:", "if False:", "batching"),
    Mutant("sizes that differ", "batching/transformation.py", "if len(set(sizes.values())) > 1:", "if False:",
           "batching"),
    # trees
    Mutant("leaves of a FrozenDict can be written into", "tree/frozendict.py", "return readonly(leaf.view())",
           "return leaf", "tree"),
    Mutant("keys unsorted", "tree/structure.py", "return sorted(entries)", "return list(entries)", "tree"),
    Mutant("other entries fit too", "tree/structure.py", "form.children.keys() != other.children.keys()", "False",
           "tree"),
    Mutant("unravel without dtypes", "tree/vector.py", ".astype(np.result_type(leaf))", ".astype(piece.dtype)",
           "tree"),
    # optimizers
    Mutant("adam: b1 for b2", "optimizers/__init__.py",
           "nu = b2 * nu + (1 - b2) * (g * g)\n    return (mu / (1 - b1**t)) / _root(nu",
           "nu = b1 * nu + (1 - b1) * (g * g)\n    return (mu / (1 - b1**t)) / _root(nu", "optimizers"),
    Mutant("adam: no bias correction", "optimizers/__init__.py",
           "return (mu / (1 - b1**t)) / _root(nu / (1 - b2**t), eps, False), mu, nu",
           "return mu / _root(nu / (1 - b2**t), eps, False), mu, nu", "optimizers"),
    Mutant("adadelta: rho", "optimizers/__init__.py", "rho * e_x + (1 - rho)", "rho * e_x + rho", "optimizers"),
    Mutant("lion: moments changed", "optimizers/__init__.py", "sign(b1 * mu + (1 - b1) * g), b2 * mu + (1 - b2) * g",
           "sign(b2 * mu + (1 - b2) * g), b1 * mu + (1 - b1) * g", "optimizers"),
    Mutant("amsgrad: the smaller", "optimizers/__init__.py", "namespace(g).maximum(nu_max",
           "namespace(g).minimum(nu_max", "optimizers"),
    Mutant("dtypes joined", "optimizers/onepass.py", "dtype if math.prod(shape) <= SMALL else place",
           "0 if math.prod(shape) <= SMALL else place", "optimizers"),
    Mutant("blocks shifted", "optimizers/onepass.py", "            whole[block] = result\n",
           "            whole[block] = result[::-1]\n", "optimizers"),
    # losses, metrics, activations
    Mutant("huber without a half", "losses/formulas.py", "m * (size - 0.5 * m)", "m * (size - m)", "losses"),
    Mutant("labels one too high pass", "losses/checks.py", "(y < 0) | (y >= classes)", "(y < 0) | (y > classes)",
           "losses"),
    Mutant("shapes may broadcast", "losses/checks.py", "    if p == t:\n", "    if True:\n", "losses"),
    Mutant("accuracy along the wrong axis", "metrics.py", "xp.mean(xp.argmax(predictions, axis=-1) == classes)",
           "xp.mean(xp.argmin(predictions, axis=-1) == classes)", "test_metrics.py"),
    Mutant("relu at 0", "activations.py", "masked(g, x > 0)", "masked(g, x >= 0)", "test_activations.py"),
    Mutant("softmax without the shift", "activations.py", "powers = np.exp(x - np.max(x, axis=axis, keepdims=True))",
           "powers = np.exp(x)", "test_activations.py"),
    # random
    Mutant("a rotation", "random/threefry.py", "ks[(i + 1) % 3]", "ks[i % 3]", "random"),
    Mutant("normal off by a thousandth", "random/densities.py", "math.sqrt(2) * _erf_inv(u)", "1.4156 * _erf_inv(u)",
           "random"),
    Mutant("bernoulli turned round", "random/densities.py", "np.less(unit(raw), p)", "np.less(p, unit(raw))",
           "random"),
    # layers
    Mutant("affine without the bias", "layers/linear.py", "    y += b\n", "", "layers"),
    Mutant("dropout at another rate", "layers/noise.py", "int(_rounded(drop_rate) * 2**16), out",
           "int(drop_rate * 2**15), out", "layers"),
    Mutant("layer_norm by the sum", "layers/normalization.py", "variance = xp.mean(", "variance = xp.sum(",
           "layers"),
    Mutant("another net's parameters pass", "layers/checks.py", "if params.keys() != expected.keys():", "if False:",
           "layers"),
    Mutant("windows shifted", "layers/pooling.py", "[:, ::stride[0], ::stride[1]]", "[:, ::stride[1], ::stride[0]]",
           "layers"),
    # schedules, training
    Mutant("cosine from the wrong end", "schedules.py", "(1 + _functions(angle).cos(angle)) / 2",
           "(1 - _functions(angle).cos(angle)) / 2", "test_schedules.py"),
    Mutant("the last batch is lost", "training/streams.py", "range(done * self.size, count, self.size)",
           "range(done * self.size, count - self.size + 1, self.size)", "training"),
    Mutant("every epoch in one order", "training/streams.py", "random.fold_in(self.key, epoch)",
           "random.fold_in(self.key, 0)", "training"),
    Mutant("held-out rows train too", "training/streams.py", "read(order[held_out:]), read(order[:held_out])",
           "read(order), read(order[:held_out])", "training"),
    # checkpoints
    Mutant("the folder is not synced", "checkpoint/atomic.py", "    if WINDOWS:  # cannot open a folder\n",
           "    if True:\n", "checkpoint"),
    Mutant("the other byte order", "checkpoint/safetensors.py", 'return len(text).to_bytes(8, "little")',
           'return len(text).to_bytes(8, "big")', "checkpoint"),
    Mutant("a short file passes", "checkpoint/safetensors.py", "        if not count:\n", "        if False:\n",
           "checkpoint"),
    # seeing
    Mutant("layers inside layers lose their path", "tracing/recorder.py",
           'path = name if not path or f"{name}/".startswith(f"{path}/") else', "path = name if True else",
           "tracing"),
]


def passes(tests: str, copy: Path) -> bool:
    """Whether the named tests pass in a copy of the project."""
    files = [f"tests/{name}" for name in tests.split()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *files]
    return subprocess.run(command, cwd=copy, capture_output=True, check=False).returncode == 0


def caught(mutant: Mutant, copy: Path) -> bool:
    """Whether the tests fail with the fault in this copy of the project, which is whole again afterwards."""
    path = copy / "funcnn" / mutant.file
    source = path.read_text()
    path.write_text(source.replace(mutant.old, mutant.new))
    try:
        return not passes(mutant.tests, copy)
    finally:
        path.write_text(source)


def copied() -> Path:
    """A copy of the project."""
    copy = Path(tempfile.mkdtemp()) / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
    return copy


def misfits() -> list[str]:
    """The rows whose old text does not occur exactly once any more."""
    sources = {mutant.file: (ROOT / "funcnn" / mutant.file).read_text() for mutant in MUTANTS}
    return [mutant.name for mutant in MUTANTS if sources[mutant.file].count(mutant.old) != 1]


def main() -> int:
    """Run the faults, print which were caught, and return how many were not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only the faults whose name contains one of these")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if wrong := misfits():
        parser.error(f"the old text of these rows does not occur exactly once: {wrong}")
    chosen = [mutant for mutant in MUTANTS if not options.names or any(name in mutant.name for name in options.names)]
    copies: SimpleQueue[Path] = SimpleQueue()
    for _ in range(options.jobs):
        copies.put(copied())

    def in_a_copy(task: Callable[[Path], bool]) -> bool:
        copy = copies.get()
        try:
            return task(copy)
        finally:
            copies.put(copy)

    def is_green(tests: str) -> bool:
        return in_a_copy(partial(passes, tests))

    def run(mutant: Mutant) -> bool:
        start = time.perf_counter()
        found = in_a_copy(partial(caught, mutant))
        said = "caught  " if found else "SURVIVED"
        print(f"{said}  {time.perf_counter() - start:5.1f} s  {mutant.file:28} {mutant.name}", flush=True)
        return found

    with ThreadPoolExecutor(options.jobs) as pool:
        suites = sorted({mutant.tests for mutant in chosen})
        if red := [tests for tests, green in zip(suites, pool.map(is_green, suites), strict=True) if not green]:
            parser.error(f"these tests fail without any fault: {red}")
        survived = list(pool.map(run, chosen)).count(False)
    print(f"{len(chosen) - survived} of {len(chosen)} caught")
    while not copies.empty():
        shutil.rmtree(copies.get().parent)
    return survived


if __name__ == "__main__":
    sys.exit(main())
