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
    Mutant("gather: repeated rows counted once", "autodiff/scatter.py", "if np.max(np.bincount(rows)) == 1:",
           "if True:", "rules"),
    Mutant("broadcasting not undone", "rules/table.py", "if n == 1 and g.shape[extra + i] != 1", "if n == 7",
           "rules"),
    Mutant("a cast left out", "rules/table.py",
           "cotangent if cotangent.dtype == x.dtype else _cast(cotangent, x.dtype)", "cotangent", "rules"),
    # the tape and the way back
    Mutant("cotangents replace each other", "autodiff/tape.py",
           "g if before is None else add(before, g)", "g", "autodiff"),
    Mutant("the tape keeps all", "autodiff/tape.py", "for i in unread:", "for i in ():", "autodiff rules"),
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
           "view.setflags()", "autodiff"),
    Mutant("a gradient in another dtype", "autodiff/reverse.py", "_as_array(cotangent, primal.dtype)",
           "_as_array(cotangent, np.float64)", "autodiff"),
    # staging
    Mutant("jit: a constant is not copied", "staging/recorder.py", "and _may_change(x) else x", "and False else x",
           "staging"),
    Mutant("jit: an answer is not asked again", "staging/recorder.py",
           "self._write(expect, (condition, answer), {}, None)", "pass", "staging"),
    Mutant("jit: a flag is lost", "staging/recorder.py", "self._write(freeze, (x,), {}, None)", "pass", "staging"),
    Mutant("jit: numbers of NumPy by loops of arrays", "staging/recorded.py",
           "function = _OPERATORS.get(function, function)  #", "pass  #", "staging"),
    Mutant("jit: what is handed out is shared", "staging/passes.py",
           "function not in (expect, freeze) and result not in handed_out", "function not in (expect, freeze)",
           "staging"),
    Mutant("jit: -0.0 is 0.0", "staging/passes.py", "return (type(x), x.hex())", "return (type(x), x + 0.0)",
           "staging"),
    Mutant("jit: a mean by the wrong type", "staging/passes.py", "(total, np.intp(size))", "(total, np.intp(size + 1))",
           "staging"),
    Mutant("jit: memory is free too early", "staging/memory.py", "last.get(tenant, number) <= number",
           "last.get(tenant, number) <= number + 1", "staging"),
    Mutant("jit: a run reads what it has overwritten", "staging/memory.py", "end_of.get(number, number)))",
           "number))", "staging"),
    Mutant("jit: a join shifted", "staging/memory.py", "start += x.size", "start += x.size + 1", "staging"),
    Mutant("jit: parts of another join", "staging/planner.py", "self.inside.get(x, (x, 0))[0] is equation.result for",
           "x in self.inside for", "staging"),
    Mutant("jit: what is handed out lies in memory of the program", "staging/planner.py",
           "self.owned = self.writable - handed_out - self.scratch", "self.owned = self.writable - self.scratch",
           "staging"),
    Mutant("jit: memory that somebody holds", "staging/recycling.py", "sys.getrefcount(array) == _FREE",
           "sys.getrefcount(array) <= _FREE + 1", "staging"),
    Mutant("jit: a block too few", "staging/planner.py", "for start in range(0, n, run.rows)",
           "for start in range(0, n - run.rows, run.rows)", "staging"),
    Mutant("jit: strides are not looked at", "staging/calling.py", "or {own}.strides != {example.strides} ", "",
           "staging"),
    Mutant("jit: types are not looked at", "staging/calling.py",
           "if type({own}) is not {self.named('kind', type(example))}: return None", "if False: return None",
           "staging"),
    Mutant("jit: the order of keys is forgotten", "staging/calling.py",
           "one == other and in_order(one) == in_order(other)", "one == other", "staging"),
    Mutant("jit: a file forgets how constants lie", "staging/files.py", "order = \", order='F'\" if",
           "order = \"\" if", "staging"),
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
    Mutant("under JAX, an index outside takes the nearest", "jax/table.py", '.get(mode="fill")', ".get()", "jax"),
    Mutant("under JAX, one of several cotangents of an entry", "jax/table.py", "array.at[_parts(index)].add(g)",
           "array.at[_parts(index)].set(g)", "jax"),
    Mutant("affine without the bias", "layers/linear.py", "    y += b\n", "", "layers"),
    Mutant("dropout at another rate", "layers/noise.py", "int(rounded(drop_rate) * 2**16), out",
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
    Mutant("a short file passes", "checkpoint/safetensors.py",
           'raise DamagedCheckpointError("it ends before its header says")', "return", "checkpoint"),
    # seeing
    Mutant("layers inside layers lose their path", "tracing/recorder.py",
           'path = name if not path or f"{name}/".startswith(f"{path}/") else', "path = name if True else",
           "tracing"),
    # more of each, and what only an oracle saw
    Mutant("sin reads what the tape does not keep", "rules/elementwise.py", "lambda g, _y, x: g * np.cos(x)",
           "lambda g, _y, _x: g * np.cos(_x)", "rules"),
    Mutant("clip: all of a cotangent at the bound", "rules/elementwise.py", "(x > low) & (x < high), (x == low)",
           "(x >= low) & (x < high), (x == low)", "rules"),
    Mutant("where: the other branch", "rules/elementwise.py", "masked(g, ~c)", "masked(g, c)", "rules"),
    Mutant("imag: the sign", "rules/elementwise.py", "g * -1j", "g * 1j", "rules"),
    Mutant("unbroadcast is left out", "rules/table.py", "unbroadcast(settle(cotangent), x)", "settle(cotangent)",
           "rules"),
    Mutant("a mask multiplies", "rules/table.py", "(bits * mask).view(g.dtype)", "g * mask", "rules"),
    Mutant("sum keeps its argument", "rules/reductions.py",
           'dx = g, for each entry", lambda g, _y, _x, axis=None, *options, **others: spread(g, _x,',
           'dx = g, for each entry", lambda g, _y, x, axis=None, *options, **others: spread(g, x,', "autodiff"),
    Mutant("max: a tie is not shared", "rules/reductions.py", "np.maximum(ties, 1)", "np.minimum(ties, 1)", "rules"),
    Mutant("cumsum: from the beginning", "rules/reductions.py", "np.flip(np.cumsum(np.flip(x, axis), axis), axis)",
           "np.cumsum(x, axis)", "rules"),
    Mutant("quantile: an off-by-one", "rules/reductions.py", "position = q * (n - 1)", "position = q * (n - 2)",
           "rules"),
    Mutant("sort: forwards again", "rules/indexing.py", "x, axis: PERMUTED_BACK(g, np.argsort",
           "x, axis: PERMUTED(g, np.argsort", "rules"),
    Mutant("diagonal: the offset on the other side", "rules/indexing.py", "i + max(-offset, 0), i + max(offset, 0)",
           "i + max(offset, 0), i + max(-offset, 0)", "rules"),
    Mutant("moveaxis: not moved back", "rules/shapes.py", "np.moveaxis(g, destination, source)",
           "np.moveaxis(g, source, destination)", "rules"),
    Mutant("tril: forgets its diagonal", "rules/shapes.py", "k=0: np.tril(g, k)", "k=0: np.tril(g)", "rules"),
    Mutant("pad: the frame before stays", "rules/shapes.py", "slice(before, before + n)", "slice(0, n)", "rules"),
    Mutant("dot: axes of a tensor", "rules/products.py", "(free, free)), 0, -2)", "(free, free)), 0, -1)", "rules"),
    Mutant("vdot: not conjugated", "rules/products.py", "a, b: conj(g * b)", "a, b: (g * b)", "rules"),
    Mutant("cross: the sign", "rules/products.py", "following, preceding = Distinct", "preceding, following = Distinct",
           "rules"),
    Mutant("solve: the sign", "rules/linalg.py", "else -right @ _T(y)", "else right @ _T(y)", "rules"),
    Mutant("det: without the determinant", "rules/linalg.py", "(g * y)[..., None, None]", "g[..., None, None]",
           "rules"),
    Mutant("eigh: a cotangent that is not symmetric", "rules/linalg.py", "conj(_symmetric(v @", "conj((v @", "rules"),
    Mutant("eigh: the sign of the gaps", "rules/linalg.py", "_row(w) - _column(w)", "_column(w) - _row(w)", "rules"),
    Mutant("gradient: a one-sided slope", "rules/curves.py", "(f[..., 2:] - f[..., :-2]) / (2 * h)",
           "(f[..., 2:] - f[..., 1:-1]) / h", "rules"),
    Mutant("gather: repeated entries count once", "autodiff/scatter.py", "isinstance(part, _SINGLE) or _is_mask(part)",
           "part is not None", "rules"),
    Mutant("parts of a cotangent: the whole is replaced", "autodiff/scatter.py", "else self.whole + other",
           "else other", "rules"),
    Mutant("complex cotangents of real results", "autodiff/reverse.py", 'np.iscomplexobj(g) and kind.kind != "c"',
           "False", "autodiff"),
    Mutant("an argument is differentiated twice", "autodiff/reverse.py", "len(set(places)) < len(places)", "False",
           "autodiff"),
    Mutant("argnums: negative ones", "autodiff/reverse.py", "n % len(args) for n in numbers", "abs(n) for n in numbers",
           "autodiff"),
    Mutant("a vector passes for a number", "autodiff/reverse.py",
           'if hasattr(value, "dtype") and value.shape == () and is_float(value.dtype):',
           'if hasattr(value, "dtype") and is_float(value.dtype):', "autodiff"),
    Mutant("stop_gradient lets through", "autodiff/custom.py", 'Rule(lambda x: x, name="stop_gradient")',
           'Rule(lambda x: x, [lambda g, _y, _x: g], name="stop_gradient")', "autodiff"),
    Mutant("jacfwd: columns as rows", "autodiff/operators.py", "np.moveaxis(dy, 0, -1)", "dy", "autodiff"),
    Mutant("hessian: by the first argument", "autodiff/operators.py", "jacrev(jacrev(f, argnums), argnums)",
           "jacrev(jacrev(f), argnums)", "autodiff"),
    Mutant("hvp: of the last argument", "autodiff/operators.py", "pullback((*tangents,))[0]",
           "pullback((*tangents,))[-1]", "autodiff"),
    Mutant("a branch by several values", "core/tracer.py", "if self.size != 1:", "if self.size > 9:", "core"),
    Mutant("a reduction of all: the batch too", "batching/families.py", "tuple(range(1, x.ndim)) if axis is None",
           "tuple(range(x.ndim)) if axis is None", "batching"),
    Mutant("flip is taken for entry by entry", "rules/shapes.py", "np.flip(g, axis),\n     batch=families.by_shape",
           "np.flip(g, axis),\n     batch=families.elementwise", "batching"),
    Mutant("joined along the axis before", "batching/families.py", "axis + 1 if axis >= 0", "axis + 1 if axis > 0",
           "batching"),
    Mutant("matmul: a vector on the left", "batching/families.py", "(-2,) * (of_a == 1)", "(-2,) * (of_a == 3)",
           "batching"),
    Mutant("out_axes: moved from there", "batching/transformation.py", "np.moveaxis(value, 0, axis)",
           "np.moveaxis(value, axis, 0)", "batching"),
    Mutant("the caller's own array is flagged", "tree/frozendict.py", "return readonly(leaf.view())",
           "return readonly(leaf)", "tree"),
    Mutant("copies can be written into", "tree/frozendict.py", "        readonly(leaf)\n", "        pass\n", "tree"),
    Mutant("{} | frozen: the left one wins", "tree/frozendict.py", "_merged(other, self)", "_merged(self, other)",
           "tree"),
    Mutant("freeze holds the caller's array", "tree/__init__.py", "readonly(leaf.copy())", "readonly(leaf.view())",
           "tree"),
    Mutant("structures differ by their keys only", "tree/structure.py", "self.children == other.children",
           "self.children.keys() == other.children.keys()", "tree"),
    Mutant("the leaves of a list are remembered", "tree/structure.py", "kind not in (list, dict)", "kind is not dict",
           "tree"),
    Mutant("paths in the order of the entries", "tree/structure.py", "sorted(self.places, key=lambda entry: entry[1])",
           "self.places", "tree"),
    Mutant("equal: 0.0 and -0.0", "tree/__init__.py", "x.tobytes() == y.tobytes()", "bool(np.all(x == y))", "tree"),
    Mutant("astype converts counts", "tree/__init__.py", "np.issubdtype(leaf.dtype, np.inexact)",
           "np.issubdtype(leaf.dtype, np.number)", "tree"),
    Mutant("reduce begins with 0", "tree/__init__.py", "return functools.reduce(f, found)\n",
           "return functools.reduce(f, found, 0)\n", "tree"),
    Mutant("eps is left out", "optimizers/__init__.py", "else sqrt(x) + eps", "else sqrt(x)",
           "optimizers/test_papers.py"),
    Mutant("adagrad: sizes for squares", "optimizers/__init__.py", "s = s + g * g", "s = s + abs(g)",
           "optimizers/test_papers.py"),
    Mutant("rmsprop: no 1 - decay", "optimizers/__init__.py", "(1 - decay) * (g * g)", "(g * g)",
           "optimizers/test_papers.py"),
    Mutant("adamax: eps is left out", "optimizers/__init__.py", "abs(g) + eps", "abs(g)", "optimizers/test_papers.py"),
    Mutant("nadam: does not look ahead", "optimizers/__init__.py", "b1 / (1 - b1**(t + 1)) * mu",
           "b1 / (1 - b1**t) * mu", "optimizers/test_papers.py"),
    Mutant("radam: begins at 4, as the paper", "optimizers/__init__.py", "holds(rho < 5)", "holds(rho < 4)",
           "optimizers/test_papers.py"),
    Mutant("radam: 1.001 in the rectifier", "optimizers/__init__.py", "(enough - 2) * rho_inf",
           "(enough - 2) * rho_inf * 1.001", "optimizers/test_papers.py"),
    Mutant("nesterov the other way round", "optimizers/parts.py", "decay * v + g if nesterov else v",
           "v if nesterov else decay * v + g", "optimizers/test_papers.py"),
    Mutant("ema: debiased one update late", "optimizers/parts.py", "m / (1 - decay**t)", "m / (1 - decay**(t + 1))",
           "optimizers/test_papers.py"),
    Mutant("a schedule begins at 1", "optimizers/parts.py", "schedule(t - 1), ", "schedule(t), ",
           "optimizers/test_papers.py"),
    Mutant("clip: below only above", "optimizers/parts.py", "xp.minimum(xp.maximum(g, -max_delta), max_delta)",
           "xp.minimum(g, max_delta)", "optimizers/test_papers.py"),
    Mutant("weights grow", "optimizers/parts.py", "g + weight_decay * p", "g - weight_decay * p",
           "optimizers/test_papers.py"),
    Mutant("global norm: an overflow stays", "optimizers/parts.py", "(total > 1e-20) & (total < math.inf)",
           "total < 1e300", "optimizers/test_papers.py"),
    Mutant("accumulate: one gradient more", "optimizers/parts.py", "count < every", "count <= every", "optimizers"),
    Mutant("skip_not_finite: never a new row", "optimizers/parts.py", "SkipState(skipped, 0, inner)",
           "SkipState(skipped, in_a_row, inner)", "optimizers"),
    Mutant("masked: the other ones", "optimizers/parts.py", "leaf if mark else None", "None if mark else leaf",
           "optimizers"),
    Mutant("a state of other shapes", "optimizers/onepass.py", "if kinds(row) != kind or not", "if not", "optimizers"),
    Mutant("new parameters can be written into", "optimizers/transformation.py", "return readonly(like(p, p + u))",
           "return like(p, p + u)", "optimizers"),
    Mutant("updates broadcast", "optimizers/transformation.py", 'getattr(u, "shape", ()) != getattr(p, "shape", ())',
           "False", "optimizers"),
    Mutant("squared_error: no 2", "losses/formulas.py", "lambda d: d * d, lambda d: 2 * d",
           "lambda d: d * d, lambda d: d", "losses"),
    Mutant("poisson: the sign of the targets", "losses/formulas.py", "lambda z, t: np.exp(z) - t",
           "lambda z, t: np.exp(z) + t", "losses"),
    Mutant("hinge: all at the corner", "losses/formulas.py", "-t * np.heaviside(1 - p * t, 0.5)",
           "-t * np.heaviside(1 - p * t, 1.0)", "losses"),
    Mutant("the average: not its share", "losses/formulas.py", " / math.prod(within)", " * 1.0", "losses"),
    Mutant("cross-entropy of rows: of weight 1", "losses/formulas.py", "p / total * weight - q", "p / total - q",
           "losses"),
    Mutant("contrastive: same and not same", "losses/__init__.py", "s * distance * distance + (1 - s)",
           "(1 - s) * distance * distance + s", "losses"),
    Mutant("smooth_labels: sums to more than 1", "losses/__init__.py", "(1 - alpha) * labels + alpha", "labels + alpha",
           "losses"),
    Mutant("gelu: digits swapped", "activations.py", "c * x * (1 + 0.044715 * square)",
           "c * x * (1 + 0.044751 * square)", "test_activations.py"),
    Mutant("elu: the derivative forgets alpha", "activations.py", "g * (alpha * np.exp(", "g * (np.exp(",
           "test_activations.py"),
    Mutant("softmax: along the first axis", "activations.py", "np.sum(g * y, axis=axis, keepdims=True)",
           "np.sum(g * y, axis=0, keepdims=True)", "test_activations.py"),
    Mutant("log_softmax: a mean for a sum", "activations.py", "np.exp(y) * np.sum(g, axis",
           "np.exp(y) * np.mean(g, axis", "test_activations.py"),
    Mutant("top_k: the last of equals", "metrics.py", "xp.arange(classes) < right", "xp.arange(classes) > right",
           "test_metrics.py"),
    Mutant("binary_accuracy: at the threshold", "metrics.py", "predictions > threshold)", "predictions >= threshold)",
           "test_metrics.py"),
    Mutant("confusion_matrix: transposed", "metrics.py", "true * classes + chosen", "chosen * classes + true",
           "test_metrics.py"),
    Mutant("precision and recall swapped", "metrics.py", "matrix.sum(0), matrix.sum(1)", "matrix.sum(1), matrix.sum(0)",
           "test_metrics.py"),
    Mutant("r2: over all outputs at once", "metrics.py", "(t - xp.mean(t, axis=0)) ** 2", "(t - xp.mean(t)) ** 2",
           "test_metrics.py"),
    Mutant("mean_over_batches: all batches alike", "metrics.py", ", axis=0, weights=n)", ", axis=0)",
           "test_metrics.py"),
    Mutant("affine: the bias gets a mean", "layers/linear.py", "lambda g, _y, _x, _w, _b: column_sums(g)",
           "lambda g, _y, _x, _w, _b: column_sums(g) / len(g)", "layers"),
    Mutant("one key for all stages", "layers/composition.py", "random.fold_in(key, i) if layer.stochastic",
           "key if layer.stochastic", "layers"),
    Mutant("one key for all parameters", "layers/composition.py", "layer.init(random.fold_in(key, i))",
           "layer.init(key)", "layers"),
    Mutant("widths that do not fit", "layers/composition.py", "net.in_features not in (None, width)", "False",
           "layers"),
    Mutant("dropout: keeps what it should drop", "layers/noise.py", "np.greater_equal(draws", "np.less(draws",
           "layers"),
    Mutant("dropout: nothing is scaled", "layers/noise.py", "masked(x * scale, mask)", "masked(x, mask)", "layers"),
    Mutant("embedding: one index too many", "layers/lookup.py", "np.max(known) < count", "np.max(known) <= count",
           "layers"),
    Mutant("SAME: the odd row in front", "layers/pooling.py", "return missing // 2, missing - missing // 2",
           "return missing - missing // 2, missing // 2", "layers"),
    Mutant("max_pool2d: padded with zeros", "layers/pooling.py", "padding, -np.inf, lambda", "padding, 0.0, lambda",
           "layers"),
    Mutant("conv2d: the kernel's cotangent", "layers/convolution.py", ".T @ flat).reshape(shape)",
           ".T @ flat * 1.001).reshape(shape)", "layers"),
    Mutant("threefry: a rotation by 14", "random/threefry.py", "((13, 15, 26, 6)", "((14, 15, 26, 6)", "random"),
    Mutant("threefry: every block begins at 0", "random/threefry.py", "(start + key[1]) & WORD", "key[1] & WORD",
           "random"),
    Mutant("uniform: rounded twice", "random/threefry.py", "np.maximum(low, _fused(unit(raw), high - low, low))",
           "np.maximum(low, unit(raw) * (high - low) + low)", "random"),
    Mutant("exponential: -0.0", "random/densities.py", "return 0.0 - _log", "return -_log", "random"),
    Mutant("permutation: an off-by-one", "random/choosing.py", "draw((fresh,), x.shape", "draw((words,), x.shape",
           "random"),
    Mutant("permutation: sorted once", "random/choosing.py", "for _ in range(math.ceil(3 *",
           "for _ in range(math.ceil(1 *", "random"),
    Mutant("randint: maxval too", "random/choosing.py", "high.astype(unsigned) - start)",
           "high.astype(unsigned) - start + 1)", "random"),
    Mutant("choice: from the wrong end", "random/choosing.py", "total[-1] * (1 - u)", "total[-1] * u", "random"),
    Mutant("categorical: the least likely", "random/__init__.py", "np.argmax(noise + scores, lead)",
           "np.argmax(noise - scores, lead)", "random"),
    Mutant("he_normal: lecun's factor", "initializers.py", 'variance_scaling(2.0, "fan_in", "truncated_normal")',
           'variance_scaling(1.0, "fan_in", "truncated_normal")', "test_initializers.py"),
    Mutant("the window counts for nothing", "initializers.py", "window = math.prod(shape[:-2])", "window = 1",
           "test_initializers.py"),
    Mutant("orthogonal: the signs of qr", "initializers.py", "q = q * np.sign(np.diagonal(r))", "q = q * 1",
           "test_initializers.py"),
    Mutant("l2: with a half", "regularizers.py", "(2 * g) * w", "g * w", "test_regularizers.py"),
    Mutant("inverse_time_decay: a count late", "schedules.py", "(1 + decay_rate * _plain(count))",
           "(1 + decay_rate * (_plain(count) + 1))", "test_schedules.py"),
    Mutant("piecewise_constant: jumps late", "schedules.py", "count < _at_most_largest(count, boundary)",
           "count <= _at_most_largest(count, boundary)", "test_schedules.py"),
    Mutant("join: the next does not count from 0", "schedules.py", "following(_since(count, start))",
           "following(count)", "test_schedules.py"),
    Mutant("an end too low", "schedules.py", "xp.maximum(rate, end_value), xp.minimum", "rate, xp.minimum",
           "test_schedules.py"),
    Mutant("blocks count alike", "parallel.py", "sum(n * leaf for n, leaf", "sum(rows[0] * leaf for n, leaf",
           "test_parallel.py"),
    Mutant("resumed: batches are skipped in each epoch", "training/streams.py", "done if epoch == first else 0", "done",
           "training"),
    Mutant("batches can be written into", "training/streams.py", "[readonly(take(chosen)) for take",
           "[take(chosen) for take", "training"),
    Mutant("NaN in a mapped file", "training/streams.py", "    if _is_mapped(array):\n",
           "    if not _is_mapped(array):\n", "training"),
    Mutant("evaluate: all batches alike", "training/__init__.py", "sizes.append(rows_in(batch))", "sizes.append(1)",
           "training"),
    Mutant("dropout draws with the key that is kept", "training/__init__.py", "key, now = random.split(key)",
           "now, key = random.split(key)", "training"),
    Mutant("early_stopping: one value too patient", "training/monitors.py", "state.wait + 1 >= patience",
           "state.wait + 1 > patience", "training"),
    Mutant("early_stopping: NaN is better", "training/monitors.py", "if not math.isnan(now) and (", "if (", "training"),
    Mutant("the digest is not looked at", "checkpoint/safetensors.py", "if whole and whole.hexdigest()",
           "if not whole and whole.hexdigest()", "checkpoint"),
    Mutant("the digest of what is passed over", "checkpoint/safetensors.py",
           "_read_into(file, piece)\n        whole.update(piece)", "_read_into(file, piece)", "checkpoint"),
    Mutant("big-endian numbers as they stand", "checkpoint/safetensors.py", "rows.dtype == little", "True",
           "checkpoint"),
    Mutant("a longer file passes", "checkpoint/safetensors.py", "len(start) + end != size", "len(start) + end > size",
           "checkpoint"),
    Mutant("bfloat16 shifted by 15", "checkpoint/safetensors.py", "np.uint32(16)", "np.uint32(15)", "checkpoint"),
    Mutant("a name twice", "checkpoint/safetensors.py", "len(entries) < len(pairs)", "False", "checkpoint"),
    Mutant("not brought to the disk", "checkpoint/atomic.py", "            os.fsync(fd)\n            if not",
           "            if not", "checkpoint"),
    Mutant("new files are not locked", "checkpoint/atomic.py", "fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)",
           "fcntl.flock(fd, fcntl.LOCK_UN)", "checkpoint"),
    Mutant("~ in a key", "checkpoint/manifest.py", '.replace("~", "~0").replace("/", "~1")', '.replace("/", "~1")',
           "checkpoint"),
    Mutant("other shapes fit", "checkpoint/manifest.py", "elif here and there and not _fits(here, there):",
           "elif here and there and here.kind != there.kind:", "checkpoint"),
    Mutant("long integers in base 10", "checkpoint/whole.py", "not -2**63 <= value < 2**63", "False", "checkpoint"),
    Mutant("a digest that is gone", "checkpoint/whole.py", "if not header.sealed:", "if False:", "checkpoint"),
    Mutant("keep: the best goes", "checkpoint/steps.py", " - set(_by_value(own)[:1])", "", "checkpoint"),
    Mutant("best: the worst", "checkpoint/steps.py", "in sorted(values)]", "in sorted(values)[::-1]]", "checkpoint"),
    Mutant("two runs mix", "checkpoint/steps.py", "if other > step and _is_whole", "if other < 0 and _is_whole",
           "checkpoint"),
    Mutant("operations are numbered from the parameters", "tracing/recorder.py", "#{place - self.inputs}", "#{place}",
           "tracing"),
    Mutant("values change after the trace", "tracing/recorder.py", "readonly(np.array(x)) if", "np.asarray(x) if",
           "tracing"),
    Mutant("new parameters are the updates", "tracing/__init__.py", "return updates, apply_updates(params, updates)",
           "return updates, updates", "tracing"),
    Mutant("an infinity that is meant", "tracing/__init__.py", "(healthy or step.operation.name in _MOVES)", "healthy",
           "tracing"),
    Mutant("summary counts what is inside blocks twice", "tracing/summaries.py",
           "sum(stage.parameters for stage in self.stages if not stage.depth)",
           "sum(stage.parameters for stage in self.stages)", "tracing"),
]


LONGEST = 600
"""Seconds that tests may take; a fault that makes one wait for ever is seen."""


def outcome(tests: str, copy: Path) -> str:
    """What the named tests say in a copy of the project; "broken" if they cannot begin, which proves nothing."""
    files = [f"tests/{name}" for name in tests.split()]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *files]
    try:
        code = subprocess.run(command, cwd=copy, capture_output=True, check=False, timeout=LONGEST).returncode
    except subprocess.TimeoutExpired:
        return "failed"
    return {0: "passed", 1: "failed"}.get(code, "broken")


def outcome_with(mutant: Mutant, copy: Path) -> str:
    """What the tests say with the fault in this copy of the project, which is whole again afterwards."""
    path = copy / "funcnn" / mutant.file
    source = path.read_text()
    path.write_text(source.replace(mutant.old, mutant.new))
    try:
        return outcome(mutant.tests, copy)
    finally:
        path.write_text(source)


def copied() -> Path:
    """A copy of the project."""
    copy = Path(tempfile.mkdtemp()) / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
    return copy


def misfits() -> list[str]:
    """The rows whose old text does not occur exactly once any more; the suite runs this, so that the list stays whole.

    >>> misfits()
    []
    """
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

    def in_a_copy(task: Callable[[Path], str]) -> str:
        copy = copies.get()
        try:
            return task(copy)
        finally:
            copies.put(copy)

    def is_green(tests: str) -> bool:
        return in_a_copy(partial(outcome, tests)) == "passed"

    def run(mutant: Mutant) -> bool:
        start = time.perf_counter()
        found = in_a_copy(partial(outcome_with, mutant))
        said = {"failed": "caught  ", "passed": "SURVIVED", "broken": "BROKEN  "}[found]
        print(f"{said}  {time.perf_counter() - start:5.1f} s  {mutant.file:28} {mutant.name}", flush=True)
        return found == "failed"

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
