"""Would a wrong line be seen? Small deliberate faults in the library, one at a time, each for a named test to catch.

    python tests/mutants.py                      all of them, two at a time
    python tests/mutants.py --only adam          those with "adam" in the name
    python tests/mutants.py --jobs 4

Nothing in the working tree changes: a fault is written into a copy of the package, which the fast tests named beside it
then import. The exit code is 1 if one survived, 2 if the tests fail without any fault. A fault whose old text does not
stand in its file exactly once does not apply any more; the suite says so too, by the doctest of `outdated`: give it the
text that stands there now.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Fault(NamedTuple):
    """A wrong line: what it would do, the file in the package, its right and its wrong text."""

    name: str
    file: str
    old: str
    new: str


FAULTS: dict[str, list[Fault]] = {
    "rules": [
        Fault("sin: the sign", "rules/elementwise.py", "g * np.cos(x)", "-g * np.cos(x)"),
        Fault("multiply: 1.001", "rules/elementwise.py", "lambda g, _z, x, _y: g * x)",
              "lambda g, _z, x, _y: g * x * 1.001)"),
        Fault("divide: the sign by the divisor", "rules/elementwise.py", "y: -g * z / y)", "y: g * z / y)"),
        Fault("exp2: log 2 is left out", "rules/elementwise.py", "g * y * math.log(2))", "g * y)"),
        Fault("log1p: 1 - x", "rules/elementwise.py", "lambda g, _y, x: g / (1 + x)", "lambda g, _y, x: g / (1 - x)"),
        Fault("tanh: 1 / cosh, not its square", "rules/elementwise.py", "g * _sech(x) * _sech(x)", "g * _sech(x)"),
        Fault("sin reads what the tape does not keep", "rules/elementwise.py", "lambda g, _y, x: g * np.cos(x)",
              "lambda g, _y, _x: g * np.cos(_x)"),
        Fault("maximum: both of a tie get all", "rules/elementwise.py", "masked(g * 0.5, tied)", "masked(g, tied)"),
        Fault("maximum: a tie gets nothing", "rules/elementwise.py", "masked(g, alone) + masked(g * 0.5, tied)",
              "masked(g, alone)"),
        Fault("clip: all of a cotangent at the bound", "rules/elementwise.py", "(x > low) & (x < high), (x == low)",
              "(x >= low) & (x < high), (x == low)"),
        Fault("where: the other branch", "rules/elementwise.py", "masked(g, ~c)", "masked(g, c)"),
        Fault("imag: the sign", "rules/elementwise.py", "g * -1j", "g * 1j"),
        Fault("unbroadcast is left out", "rules/table.py", "unbroadcast(settle(cotangent), x)", "settle(cotangent)"),
        Fault("unbroadcast: the kept axes", "rules/table.py", "extra + i for i, n in", "i for i, n in"),
        Fault("a cotangent keeps its own dtype", "rules/table.py", "else _cast(cotangent, x.dtype)", "else cotangent"),
        Fault("a mask multiplies", "rules/table.py", "(bits * mask).view(g.dtype)", "g * mask"),
        Fault("sum keeps its argument", "rules/reductions.py",
              'dx = g, for each entry", lambda g, _y, _x, axis=None, *options, **others: spread(g, _x,',
              'dx = g, for each entry", lambda g, _y, x, axis=None, *options, **others: spread(g, x,'),
        Fault("var: the correction counts for nothing", "rules/reductions.py",
              "(ddof if correction is None else correction)", "ddof"),
        Fault("max: a tie is not shared", "rules/reductions.py", "np.maximum(ties, 1)", "np.minimum(ties, 1)"),
        Fault("max: initial never ties", "rules/reductions.py", "(kept(y, x, axis) == initial)", "0"),
        Fault("prod: the last entry too", "rules/reductions.py", "x[..., :-1]], axis=-1)", "x[..., 1:]], axis=-1)"),
        Fault("cumsum: from the beginning", "rules/reductions.py", "np.flip(np.cumsum(np.flip(x, axis), axis), axis)",
              "np.cumsum(x, axis)"),
        Fault("quantile: an off-by-one", "rules/reductions.py", "position = q * (n - 1)", "position = q * (n - 2)"),
        Fault("nanmean: counts every entry", "rules/reductions.py", "count = np.count_nonzero(~np.isnan(a)",
              "count = np.count_nonzero(a == a + 0 * a"),
        Fault("sort: forwards again", "rules/indexing.py", "x, axis: PERMUTED_BACK(g, np.argsort",
              "x, axis: PERMUTED(g, np.argsort"),
        Fault("take: wrapped at the wrong length", "rules/indexing.py", "indices % n", "indices % (n + 1)"),
        Fault("diagonal: the offset on the other side", "rules/indexing.py", "i + max(-offset, 0), i + max(offset, 0)",
              "i + max(offset, 0), i + max(-offset, 0)"),
        Fault("transpose: not the inverse permutation", "rules/shapes.py", "np.argsort([a % len(axes) for a in axes])",
              "[a % len(axes) for a in axes]"),
        Fault("moveaxis: not moved back", "rules/shapes.py", "np.moveaxis(g, destination, source)",
              "np.moveaxis(g, source, destination)"),
        Fault("roll: on, not back", "rules/shapes.py", "np.roll(g, _negative(shift), axis)", "np.roll(g, shift, axis)"),
        Fault("rot90: on, not back", "rules/shapes.py", "np.rot90(g, -k, axes)", "np.rot90(g, k, axes)"),
        Fault("tril: forgets its diagonal", "rules/shapes.py", "k=0: np.tril(g, k)", "k=0: np.tril(g)"),
        Fault("concatenate: parts as long as the first", "rules/shapes.py", "shape_of(a)[axis] for a in _arrays",
              "shape_of(_arrays[0])[axis] for a in _arrays"),
        Fault("pad: the frame before stays", "rules/shapes.py", "slice(before, before + n)", "slice(0, n)"),
        Fault("matmul: a stack of vectors", "rules/products.py", "return g[..., None, :] if a.ndim == 1 else g",
              "return g"),
        Fault("matmul: no transpose", "rules/products.py", "return g @ b.T", "return g @ b"),
        Fault("dot: axes of a tensor", "rules/products.py", "(free, free)), 0, -2)", "(free, free)), 0, -1)"),
        Fault("vdot: not conjugated", "rules/products.py", "a, b: conj(g * b)", "a, b: (g * b)"),
        Fault("cross: the sign", "rules/products.py", "following, preceding = Distinct",
              "preceding, following = Distinct"),
        Fault("inv: the sign", "rules/linalg.py", "lambda g, y, _a: -_T(y)", "lambda g, y, _a: _T(y)"),
        Fault("solve: the sign", "rules/linalg.py", "else -right @ _T(y)", "else right @ _T(y)"),
        Fault("det: without the determinant", "rules/linalg.py", "(g * y)[..., None, None]", "g[..., None, None]"),
        Fault("cholesky: the whole diagonal", "rules/linalg.py", "(1 - _identity(_a.shape[-1], _a) / 2)", "1"),
        Fault("eigh: a cotangent that is not symmetric", "rules/linalg.py", "conj(_symmetric(v @", "conj((v @"),
        Fault("eigh: the sign of the gaps", "rules/linalg.py", "_row(w) - _column(w)", "_column(w) - _row(w)"),
        Fault("irfft: twice the constant part", "rules/fourier.py", "twice[0] = 1", "twice[0] = 2"),
        Fault("fftshift: on, not back", "rules/fourier.py", "np.fft.ifftshift(g, axes)", "np.fft.fftshift(g, axes)"),
        Fault("trapezoid: no half", "rules/curves.py", "y[..., :-1]) / 2.0", "y[..., :-1]) / 2.002"),
        Fault("gradient: a one-sided slope", "rules/curves.py", "(f[..., 2:] - f[..., :-2]) / (2 * h)",
              "(f[..., 2:] - f[..., 1:-1]) / h"),
        Fault("gather: repeated rows count once", "autodiff/scatter.py", "np.bincount(rows).max() == 1",
              "np.bincount(rows).max() >= 1"),
        Fault("gather: repeated entries count once", "autodiff/scatter.py",
              "isinstance(part, _SINGLE) or _is_mask(part)", "part is not None"),
        Fault("parts of a cotangent: the whole is replaced", "autodiff/scatter.py", "else self.whole + other",
              "else other"),
    ],
    "autodiff": [
        Fault("an array of the caller is not copied", "autodiff/tape.py", 'return x.copy(order="K")', "return x"),
        Fault("large arrays are copied, small ones lent", "autodiff/tape.py", "x.nbytes <= SMALL", "x.nbytes > SMALL"),
        Fault("a changed array is not noticed", "autodiff/tape.py", "_some_of(x) != before", "False"),
        Fault("two uses of a value: the last one counts", "autodiff/tape.py", "add(cotangents[parent], cotangent)",
              "cotangent"),
        Fault("the tape outlives its function", "autodiff/tape.py", "return self.nodes is None", "return False"),
        Fault("a gradient can be written into", "autodiff/reverse.py", "view.setflags(write=False)",
              "view.setflags(write=None)"),
        Fault("a gradient in the dtype of its cotangent", "autodiff/reverse.py", "np.asarray(cotangent, primal.dtype)",
              "np.asarray(cotangent)"),
        Fault("complex cotangents of real results", "autodiff/reverse.py", 'np.iscomplexobj(g) and kind.kind != "c"',
              "False"),
        Fault("an argument is differentiated twice", "autodiff/reverse.py", "len(set(places)) < len(places)", "False"),
        Fault("argnums: negative ones", "autodiff/reverse.py", "n % len(args) for n in numbers",
              "abs(n) for n in numbers"),
        Fault("a vector passes for a number", "autodiff/reverse.py", 'if kind == "f" and value.shape == ():',
              'if kind == "f":'),
        Fault("perturbations are confused", "core/rule.py", "found.level > owner.level", "found.level < owner.level"),
        Fault("stop_gradient lets through", "autodiff/custom.py", 'Rule(lambda x: x, name="stop_gradient")',
              'Rule(lambda x: x, [lambda g, _y, _x: g], name="stop_gradient")'),
        Fault("bwd may return too few", "autodiff/custom.py", "_check_count(self.rule.name, cotangents, len(args))",
              "pass"),
        Fault("a cotangent of another shape", "core/rule.py",
              'getattr(cotangent, "shape", ()) != getattr(x, "shape", ())', "False"),
        Fault("jacfwd: columns as rows", "autodiff/operators.py", "np.moveaxis(dy, 0, -1)", "dy"),
        Fault("hessian: by the first argument", "autodiff/operators.py", "jacrev(jacrev(f, argnums), argnums)",
              "jacrev(jacrev(f), argnums)"),
        Fault("hvp: of the last argument", "autodiff/operators.py", "pullback((*tangents,))[0]",
              "pullback((*tangents,))[-1]"),
    ],
    "core": [
        Fault("a branch by several values", "core/tracer.py", "if self.size != 1:", "if self.size > 9:"),
    ],
    "batching": [
        Fault("entry by entry: axes are not lined up", "batching/families.py",
              "padded(x, rank) if is_mapped else x for", "x for"),
        Fault("an axis of an example, one too early", "batching/families.py", "axis % ndim + 1", "axis % ndim"),
        Fault("a reduction of all: the batch too", "batching/families.py", "tuple(range(1, x.ndim)) if axis is None",
              "tuple(range(x.ndim)) if axis is None"),
        Fault("flip is taken for entry by entry", "rules/shapes.py", "np.flip(g, axis),\n     batch=families.by_shape",
              "np.flip(g, axis),\n     batch=families.elementwise"),
        Fault("joined along the axis before", "batching/families.py", "axis + 1 if axis >= 0", "axis + 1 if axis > 0"),
        Fault("index: where NumPy lays the axes", "batching/families.py", "in_front = not together or not before",
              "in_front = not together"),
        Fault("matmul: a vector on the left", "batching/families.py", "(-2,) * (of_a == 1)", "(-2,) * (of_a == 3)"),
        Fault("what is shared gets the cotangent of one", "batching/batch.py", "np.sum(spread, axis=0)", "spread[0]"),
        Fault("out_axes: moved from there", "batching/transformation.py", "np.moveaxis(value, 0, axis)",
              "np.moveaxis(value, axis, 0)"),
        Fault("sizes that differ pass", "batching/transformation.py", "len(set(sizes.values())) > 1",
              "len(set(sizes.values())) > 2"),
        Fault("a batched value may be looked at", "batching/batch.py",
              'raise TracerError(f"inside vmap a value ({x.dtype}{list(x.shape)}) stands for all {self.n} examples',
              'return x.value[0]\n        raise TracerError(f"inside vmap a value ({x.dtype}{list(x.shape)}) stands for all {self.n} examples'),
    ],
    "tree": [
        Fault("leaves of a FrozenDict can be written into", "tree/frozendict.py", "return readonly(leaf.view())",
              "return leaf.view()"),
        Fault("the caller's own array is flagged", "tree/frozendict.py", "return readonly(leaf.view())",
              "return readonly(leaf)"),
        Fault("copies can be written into", "tree/frozendict.py", "        readonly(leaf)\n", "        pass\n"),
        Fault("{} | frozen: the left one wins", "tree/frozendict.py", "_merged(other, self)", "_merged(self, other)"),
        Fault("freeze holds the caller's array", "tree/__init__.py", "readonly(leaf.copy())", "readonly(leaf.view())"),
        Fault("keys in the order given", "tree/structure.py", "return sorted(entries)", "return list(entries)"),
        Fault("structures differ by their keys only", "tree/structure.py", "self.children == other.children",
              "self.children.keys() == other.children.keys()"),
        Fault("the leaves of a list are remembered", "tree/structure.py", "kind not in (list, dict)",
              "kind is not dict"),
        Fault("paths in the order of the entries", "tree/structure.py",
              "sorted(self.places, key=lambda entry: entry[1])", "self.places"),
        Fault("unflatten takes any number of leaves", "tree/structure.py", "len(values) != structure.num_leaves",
              "len(values) < structure.num_leaves"),
        Fault("unravel: the common dtype", "tree/vector.py", ".astype(np.result_type(leaf))", ".copy()"),
        Fault("unravel takes a longer vector", "tree/vector.py", "flat.shape != (size,)", "flat.shape < (size,)"),
        Fault("equal: 0.0 and -0.0", "tree/__init__.py", "x.tobytes() == y.tobytes()", "bool(np.all(x == y))"),
        Fault("astype converts counts", "tree/__init__.py", "np.issubdtype(leaf.dtype, np.inexact)",
              "np.issubdtype(leaf.dtype, np.number)"),
        Fault("reduce begins with 0", "tree/__init__.py", "return functools.reduce(f, found)\n",
              "return functools.reduce(f, found, 0)\n"),
    ],
    "optimizers": [
        Fault("adam: b1 and b2 swapped", "optimizers/__init__.py", "def _adam(b1: Any, b2: Any, eps",
              "def _adam(b2: Any, b1: Any, eps"),
        Fault("adam: the mean keeps its bias", "optimizers/__init__.py", "return (mu / (1 - b1**t)) / _root(nu / ",
              "return mu / _root(nu / "),
        Fault("eps is left out", "optimizers/__init__.py", "else sqrt(x) + eps", "else sqrt(x)"),
        Fault("adagrad: sizes for squares", "optimizers/__init__.py", "s = s + g * g", "s = s + abs(g)"),
        Fault("rmsprop: no 1 - decay", "optimizers/__init__.py", "(1 - decay) * (g * g)", "(g * g)"),
        Fault("adadelta: the mean of the gradients twice", "optimizers/__init__.py", "(1 - rho) * (update * update)",
              "(1 - rho) * (g * g)"),
        Fault("adamax: eps is left out", "optimizers/__init__.py", "abs(g) + eps", "abs(g)"),
        Fault("nadam: does not look ahead", "optimizers/__init__.py", "b1 / (1 - b1**(t + 1)) * mu",
              "b1 / (1 - b1**t) * mu"),
        Fault("radam: begins at 4, as the paper", "optimizers/__init__.py", "known and rho < 5", "known and rho < 4"),
        Fault("radam: 1.001 in the rectifier", "optimizers/__init__.py", "(enough - 2) * rho_inf",
              "(enough - 2) * rho_inf * 1.001"),
        Fault("amsgrad: forgets its maximum", "optimizers/__init__.py", "maximum(nu_max, ", "maximum(nu, "),
        Fault("lion: one rate for both means", "optimizers/__init__.py", "b2 * mu + (1 - b2) * g\n\n\n# ",
              "b1 * mu + (1 - b1) * g\n\n\n# "),
        Fault("nesterov the other way round", "optimizers/parts.py", "decay * v + g if nesterov else v",
              "v if nesterov else decay * v + g"),
        Fault("ema: debiased one update late", "optimizers/parts.py", "m / (1 - decay**t)", "m / (1 - decay**(t + 1))"),
        Fault("a schedule begins at 1", "optimizers/parts.py", "schedule(t - 1), ", "schedule(t), "),
        Fault("clip: below only above", "optimizers/parts.py", "xp.minimum(xp.maximum(g, -max_delta), max_delta)",
              "xp.minimum(g, max_delta)"),
        Fault("weights grow", "optimizers/parts.py", "g + weight_decay * p", "g - weight_decay * p"),
        Fault("global norm: an overflow stays", "optimizers/parts.py", "1e-20 < total < math.inf", "total < 1e300"),
        Fault("accumulate: one gradient more", "optimizers/parts.py", "count < every", "count <= every"),
        Fault("skip_not_finite: never a new row", "optimizers/parts.py", "SkipState(skipped, 0, inner)",
              "SkipState(skipped, in_a_row, inner)"),
        Fault("masked: the other ones", "optimizers/parts.py", "leaf if mark else None", "None if mark else leaf"),
        Fault("float32 and float64 joined", "optimizers/onepass.py", "dtype if math.prod(shape) <= SMALL else place",
              "None if math.prod(shape) <= SMALL else place"),
        Fault("a state of other shapes", "optimizers/onepass.py", "if kinds(row) != kind or not", "if not"),
        Fault("new parameters can be written into", "optimizers/transformation.py", "return readonly(like(p, p + u))",
              "return like(p, p + u)"),
        Fault("updates broadcast", "optimizers/transformation.py", 'getattr(u, "shape", ()) != getattr(p, "shape", ())',
              "False"),
    ],
    "losses": [
        Fault("squared_error: no 2", "losses/formulas.py", "lambda d: d * d, lambda d: 2 * d",
              "lambda d: d * d, lambda d: d"),
        Fault("huber: delta on one side", "losses/formulas.py", "np.minimum(np.maximum(d, -delta), delta)",
              "np.minimum(d, delta)"),
        Fault("poisson: the sign of the targets", "losses/formulas.py", "lambda z, t: np.exp(z) - t",
              "lambda z, t: np.exp(z) + t"),
        Fault("hinge: all at the corner", "losses/formulas.py", "-t * np.heaviside(1 - p * t, 0.5)",
              "-t * np.heaviside(1 - p * t, 1.0)"),
        Fault("the average: not its share", "losses/formulas.py", " / math.prod(within)", " * 1.0"),
        Fault("cross-entropy of rows: of weight 1", "losses/formulas.py", "p / total * weight - q", "p / total - q"),
        Fault("cross-entropy of classes: all others", "losses/formulas.py", "(np.arange(len(z))[:, None] == label)",
              "(np.arange(len(z))[:, None] != label)"),
        Fault("contrastive: same and not same", "losses/__init__.py", "s * distance * distance + (1 - s)",
              "(1 - s) * distance * distance + s"),
        Fault("smooth_labels: sums to more than 1", "losses/__init__.py", "(1 - alpha) * labels + alpha",
              "labels + alpha"),
    ],
    "test_activations.py": [
        Fault("relu: 1 at 0", "activations.py", "masked(g, x > 0)", "masked(g, x >= 0)"),
        Fault("gelu: digits swapped", "activations.py", "c * x * (1 + 0.044715 * square)",
              "c * x * (1 + 0.044751 * square)"),
        Fault("elu: the derivative forgets alpha", "activations.py", "g * (alpha * np.exp(", "g * (np.exp("),
        Fault("softmax: large numbers overflow", "activations.py", "np.exp(x - np.max(x, axis=axis, keepdims=True))",
              "np.exp(x)"),
        Fault("softmax: along the first axis", "activations.py", "np.sum(g * y, axis=axis, keepdims=True)",
              "np.sum(g * y, axis=0, keepdims=True)"),
        Fault("log_softmax: a mean for a sum", "activations.py", "np.exp(y) * np.sum(g, axis",
              "np.exp(y) * np.mean(g, axis"),
    ],
    "test_metrics.py": [
        Fault("top_k: one more", "metrics.py", "larger < k", "larger <= k"),
        Fault("top_k: the last of equals", "metrics.py", "xp.arange(classes) < right", "xp.arange(classes) > right"),
        Fault("binary_accuracy: at the threshold", "metrics.py", "predictions > threshold)",
              "predictions >= threshold)"),
        Fault("confusion_matrix: transposed", "metrics.py", "true * classes + chosen", "chosen * classes + true"),
        Fault("precision and recall swapped", "metrics.py", "matrix.sum(0), matrix.sum(1)",
              "matrix.sum(1), matrix.sum(0)"),
        Fault("r2: over all outputs at once", "metrics.py", "(t - xp.mean(t, axis=0)) ** 2", "(t - xp.mean(t)) ** 2"),
        Fault("mean_over_batches: all batches alike", "metrics.py", ", axis=0, weights=n)", ", axis=0)"),
    ],
    "layers": [
        Fault("affine: the bias gets a mean", "layers/linear.py", "lambda g, _y, _x, _w, _b: column_sums(g)",
              "lambda g, _y, _x, _w, _b: column_sums(g) / len(g)"),
        Fault("residual: nothing is added", "layers/blocks.py", "return x + self.net._compute",
              "return self.net._compute"),
        Fault("one key for all stages", "layers/composition.py", "random.fold_in(key, i) if layer.stochastic",
              "key if layer.stochastic"),
        Fault("one key for all parameters", "layers/composition.py", "layer.init(random.fold_in(key, i))",
              "layer.init(key)"),
        Fault("widths that do not fit", "layers/composition.py", "net.in_features not in (None, width)", "False"),
        Fault("layers are not counted", "layers/composition.py", "counts[kind, has_params] = 1 +",
              "counts[kind, has_params] = 0 *"),
        Fault("dropout: keeps what it should drop", "layers/noise.py", "np.greater_equal(draws", "np.less(draws"),
        Fault("dropout: nothing is scaled", "layers/noise.py", "masked(x * scale, mask)", "masked(x, mask)"),
        Fault("dropout: rounded rates", "layers/noise.py", "return by_mask if rounded", "return exact if rounded"),
        Fault("layer_norm: eps is left out", "layers/normalization.py", "variance + eps / unit / unit", "variance"),
        Fault("embedding: one index too many", "layers/lookup.py", "x.max() >= count", "x.max() > count"),
        Fault("SAME: the odd row in front", "layers/pooling.py", "return missing // 2, missing - missing // 2",
              "return missing - missing // 2, missing // 2"),
        Fault("windows: rows for columns", "layers/pooling.py", "j:j + columns * stride[1]:stride[1]",
              "j:j + columns * stride[1]:stride[0]"),
        Fault("max_pool2d: padded with zeros", "layers/pooling.py", "padding, -np.inf, lambda", "padding, 0.0, lambda"),
        Fault("conv2d: the kernel's cotangent", "layers/convolution.py", ".T @ flat).reshape(shape)",
              ".T @ flat * 1.001).reshape(shape)"),
    ],
    "random": [
        Fault("threefry: a rotation by 14", "random/threefry.py", "((13, 15, 26, 6)", "((14, 15, 26, 6)"),
        Fault("threefry: the round is not counted", "random/threefry.py", "ks[(i + 2) % 3] + i + 1",
              "ks[(i + 2) % 3] + i"),
        Fault("threefry: every block begins at 0", "random/threefry.py", "(start + key[1]) & WORD", "key[1] & WORD"),
        Fault("uniform: one bit less", "random/threefry.py", "(np.float32, 9, 0x3F800000)",
              "(np.float32, 10, 0x3F800000)"),
        Fault("uniform: rounded twice", "random/threefry.py", "np.maximum(low, _fused(unit(raw), high - low, low))",
              "np.maximum(low, unit(raw) * (high - low) + low)"),
        Fault("bernoulli: p itself", "random/densities.py", "np.less(unit(raw), p)", "np.less_equal(unit(raw), p)"),
        Fault("exponential: -0.0", "random/densities.py", "return 0.0 - _log", "return -_log"),
        Fault("permutation: an off-by-one", "random/choosing.py", "draw((fresh,), x.shape", "draw((words,), x.shape"),
        Fault("permutation: sorted once", "random/choosing.py", "for _ in range(math.ceil(3 *",
              "for _ in range(math.ceil(1 *"),
        Fault("randint: maxval too", "random/choosing.py", "high.astype(unsigned) - start)",
              "high.astype(unsigned) - start + 1)"),
        Fault("choice: from the wrong end", "random/choosing.py", "total[-1] * (1 - u)", "total[-1] * u"),
        Fault("categorical: the least likely", "random/__init__.py", "np.argmax(noise + scores, lead)",
              "np.argmax(noise - scores, lead)"),
    ],
    "test_initializers.py": [
        Fault("he_normal: lecun's factor", "initializers.py", 'variance_scaling(2.0, "fan_in", "truncated_normal")',
              'variance_scaling(1.0, "fan_in", "truncated_normal")'),
        Fault("uniform: of variance 1/n over 3", "initializers.py", "np.sqrt(3 * variance)", "np.sqrt(variance)"),
        Fault("the window counts for nothing", "initializers.py", "window = math.prod(shape[:-2])", "window = 1"),
        Fault("orthogonal: the signs of qr", "initializers.py", "q = q * np.sign(np.diagonal(r))", "q = q * 1"),
    ],
    "test_regularizers.py": [
        Fault("l2: with a half", "regularizers.py", "(2 * g) * w", "g * w"),
    ],
    "test_schedules.py": [
        Fault("inverse_time_decay: a count late", "schedules.py", "(1 + decay_rate * _plain(count))",
              "(1 + decay_rate * (_plain(count) + 1))"),
        Fault("piecewise_constant: jumps late", "schedules.py", "count < _at_most_largest(count, boundary)",
              "count <= _at_most_largest(count, boundary)"),
        Fault("polynomial: from the end", "schedules.py", "start * weight + end * (1 - weight)",
              "end * weight + start * (1 - weight)"),
        Fault("staircase: rounded up", "schedules.py", "float(math.floor(x))", "float(math.ceil(x))"),
        Fault("join: the next does not count from 0", "schedules.py", "following(_since(count, start))",
              "following(count)"),
        Fault("warm-up: the decay is as long as the whole", "schedules.py", "decay_steps - warmup_steps, alpha",
              "decay_steps, alpha"),
        Fault("an end too low", "schedules.py", "xp.maximum(rate, end_value), xp.minimum", "rate, xp.minimum"),
    ],
    "test_parallel.py": [
        Fault("blocks count alike", "parallel.py", "sum(n * leaf for n, leaf", "sum(rows[0] * leaf for n, leaf"),
    ],
    "training": [
        Fault("every epoch in the same order", "training/streams.py", "random.fold_in(self.key, epoch)", "self.key"),
        Fault("the last batch is dropped", "training/streams.py", "range(done * self.size, count, self.size)",
              "range(done * self.size, count - self.size + 1, self.size)"),
        Fault("resumed: batches are skipped in each epoch", "training/streams.py", "done if epoch == first else 0",
              "done"),
        Fault("batches can be written into", "training/streams.py", "[readonly(take(chosen)) for take",
              "[take(chosen) for take"),
        Fault("split: parts overlap", "training/streams.py", "read(order[held_out:])", "read(order[held_out - 1:])"),
        Fault("NaN in a mapped file", "training/streams.py", "    if _is_mapped(array):\n",
              "    if not _is_mapped(array):\n"),
        Fault("fold: states of any length", "training/__init__.py", "len(result) != parts + 1", "len(result) < 2"),
        Fault("evaluate: all batches alike", "training/__init__.py", "sizes.append(rows_in(batch))", "sizes.append(1)"),
        Fault("dropout draws with the key that is kept", "training/__init__.py", "key, now = random.split(key)",
              "now, key = random.split(key)"),
        Fault("early_stopping: one value too patient", "training/monitors.py", "state.wait + 1 >= patience",
              "state.wait + 1 > patience"),
        Fault("early_stopping: NaN is better", "training/monitors.py", "if not math.isnan(now) and (", "if ("),
        Fault("progress: the last line is missing", "training/monitors.py", "    if number % every:\n",
              "    if False:\n"),
    ],
    "checkpoint": [
        Fault("the digest is not looked at", "checkpoint/safetensors.py", "if whole and whole.hexdigest()",
              "if not whole and whole.hexdigest()"),
        Fault("a hash over half of the bytes", "checkpoint/safetensors.py",
              "import sha256\n\n    whole = sha256(header)", "import sha256\n\n    whole = sha256(header[::2])"),
        Fault("the digest of what is passed over", "checkpoint/safetensors.py",
              "_read_into(file, piece)\n        whole.update(piece)", "_read_into(file, piece)"),
        Fault("big-endian numbers as they stand", "checkpoint/safetensors.py", "rows.dtype == little", "True"),
        Fault("arrays may overlap", "checkpoint/safetensors.py", "if tensor.begin != end:", "if tensor.begin > end:"),
        Fault("a longer file passes", "checkpoint/safetensors.py", "len(start) + end != size",
              "len(start) + end > size"),
        Fault("bfloat16 shifted by 15", "checkpoint/safetensors.py", "np.uint32(16)", "np.uint32(15)"),
        Fault("loaded arrays can be written into", "checkpoint/safetensors.py",
              "readonly(numbers.reshape(tensor.shape))", "numbers.reshape(tensor.shape)"),
        Fault("a name twice", "checkpoint/safetensors.py", "len(entries) < len(pairs)", "False"),
        Fault("not brought to the disk", "checkpoint/atomic.py", "            os.fsync(fd)\n            if not",
              "            if not"),
        Fault("the folder is not brought to the disk", "checkpoint/safetensors.py",
              "        atomic.sync_folder(folder)\n", "        pass\n"),
        Fault("what failed stays behind", "checkpoint/atomic.py",
              "    except BaseException:\n        with suppress(OSError):\n            os.unlink(temporary)\n        raise",
              "    except BaseException:\n        raise"),
        Fault("new files are not locked", "checkpoint/atomic.py", "fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)",
              "fcntl.flock(fd, fcntl.LOCK_UN)"),
        Fault("~ in a key", "checkpoint/manifest.py", '.replace("~", "~0").replace("/", "~1")', '.replace("/", "~1")'),
        Fault("other shapes fit", "checkpoint/manifest.py", "elif here and there and not _fits(here, there):",
              "elif here and there and here.kind != there.kind:"),
        Fault("long integers in base 10", "checkpoint/whole.py", "not -2**63 <= value < 2**63", "False"),
        Fault("a later version is read", "checkpoint/whole.py", 'header.metadata["funcnn"] != VERSION', "False"),
        Fault("a digest that is gone", "checkpoint/whole.py", "if not header.sealed:", "if False:"),
        Fault("keep: one step more", "checkpoint/steps.py", "list(own)[:-last]", "list(own)[:-last - 1]"),
        Fault("keep: the best goes", "checkpoint/steps.py", " - set(_by_value(own)[:1])", ""),
        Fault("best: the worst", "checkpoint/steps.py", "in sorted(values)]", "in sorted(values)[::-1]]"),
        Fault("two runs mix", "checkpoint/steps.py", "if other > step and _is_whole", "if other < 0 and _is_whole"),
    ],
    "tracing": [
        Fault("operations are numbered from the parameters", "tracing/recorder.py", "#{place - self.inputs}",
              "#{place}"),
        Fault("values change after the trace", "tracing/recorder.py", "readonly(np.array(x)) if", "np.asarray(x) if"),
        Fault("the line of the library", "tracing/recorder.py", "startswith((_LIBRARY, _NUMPY))", "startswith(_NUMPY)"),
        Fault("new parameters are the updates", "tracing/__init__.py", "return updates, apply_updates(params, updates)",
              "return updates, updates"),
        Fault("find_nonfinite: backward first", "tracing/__init__.py", "map(_backward, reversed(operations))",
              "map(_backward, operations)"),
        Fault("an infinity that is meant", "tracing/__init__.py", "(healthy or step.operation.name in _MOVES)",
              "healthy"),
        Fault("repeats: one stretch too many", "tracing/text.py", "period, times - 2)", "period, times - 1)"),
        Fault("summary counts what is inside blocks twice", "tracing/summaries.py",
              "sum(stage.parameters for stage in self.stages if not stage.depth)",
              "sum(stage.parameters for stage in self.stages)"),
    ],
}
"""By the tests that should catch them, files or folders of `tests/`."""


# ------------------------------------------------------------------------------------------- the program


def outdated(faults: Sequence[Fault]) -> list[str]:
    """The names of the faults that do not apply, because the old text stands in the file not at all or several times.

    >>> outdated([fault for faults in FAULTS.values() for fault in faults])
    []
    """
    texts = {file: (ROOT / "funcnn" / file).read_text() for file in {fault.file for fault in faults}}
    return [fault.name for fault in faults if texts[fault.file].count(fault.old) != 1]


def run(package: Path, tests: str) -> int:
    """What pytest says of these tests with the package in that folder: 0 for passed, 1 for failed."""
    settings = {"PYTHONPATH": str(package), "PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1",
                "HYPOTHESIS_STORAGE_DIRECTORY": str(package / "hypothesis")}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider",
               "--hypothesis-seed=0", *[f"tests/{test}" for test in tests.split()]]
    return subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, check=False).returncode


def verdict(clean: Path, case: tuple[str, Fault]) -> tuple[str, float]:
    """Whether the tests catch the fault, and the seconds that took."""
    tests, fault = case
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(clean / "funcnn", Path(folder, "funcnn"))
        file = Path(folder, "funcnn", fault.file)
        file.write_text(file.read_text().replace(fault.old, fault.new))
        code = run(Path(folder), tests)
    said = {0: "SURVIVED", 1: "caught"}.get(code, "BROKEN")  # that it cannot be imported says nothing of the tests
    return said, time.monotonic() - start


def verdicts(cases: Sequence[tuple[str, Fault]], jobs: int) -> Iterator[tuple[str, float]]:
    """Those of all faults in order, as they come, if the tests pass without one."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as threads:
        clean = Path(folder)
        shutil.copytree(ROOT / "funcnn", clean / "funcnn")
        wanted = sorted({test for tests, _ in cases for test in tests.split()})
        if any(threads.map(functools.partial(run, clean), wanted)):
            raise SystemExit("the tests fail without any fault: " + ", ".join(
                test for test in wanted if run(clean, test)))
        yield from threads.map(functools.partial(verdict, clean), cases)


def main() -> int:
    """Print a line for each fault, and how many were caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME", help="a part of the name, or of the file")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many at a time")
    wanted = parser.parse_args()
    cases = [(tests, fault) for tests, faults in FAULTS.items() for fault in faults
             if wanted.only in f"{fault.name} {fault.file}"]
    if old := outdated([fault for _, fault in cases]):
        raise SystemExit("these faults do not apply any more, give them the text that stands there now:\n" + "\n".join(old))
    caught = 0
    for (tests, fault), (said, seconds) in zip(cases, verdicts(cases, wanted.jobs), strict=True):
        print(f"{said:9}{seconds:5.0f} s  {fault.file:27}  {fault.name}" + f"  [{tests}]" * (said != "caught"), flush=True)
        caught += said == "caught"
    print(f"{caught} of {len(cases)} caught")
    return int(caught < len(cases))


if __name__ == "__main__":
    sys.exit(main())
