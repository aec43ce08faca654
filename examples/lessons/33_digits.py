"""Lesson 33: a convolution looks for the same small shapes everywhere, so a digit may stand anywhere.

The digits are drawn here, 5 x 7 dots at one of 36 places in a noisy image of 12 x 12. See two networks of about as many
parameters learn them. The dense one has a weight for each pixel, and what it learns of a digit at one place says
nothing about the next. The other slides windows of 5 x 5, then of 3 x 3, over the image, with the same weights at each
place, and keeps the largest answer. Its confusion matrix says which digit (a row) was taken for which (a column).

Both matrices and some digits are drawn into the folder that you name: `python examples/lessons/33_digits.py .`
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import funcnn as fn
from funcnn import losses, metrics, optimizers, plotting, random, training, tree
from funcnn.activations import relu
from funcnn.layers import Layer, conv2d, dense, flatten, max_pool2d
from funcnn.typing import Array, IntArray, Key, Params, Scalar

Batch = tuple[Array, IntArray]

FONT = """
.###. ..#.. .###. .###. ...#. ##### .###. ##### .###. .###.
#...# .##.. #...# #...# ..##. #.... #.... ....# #...# #...#
#..## ..#.. ....# ....# .#.#. ####. #.... ...#. #...# #...#
#.#.# ..#.. ...#. ..##. #..#. ....# ####. ..#.. .###. .####
##..# ..#.. ..#.. ....# ##### ....# #...# ..#.. #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ....#
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .###.
"""
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
glyphs = np.array([[[dot == "#" for dot in line.split()[i]] for line in FONT.split("\n")[1:-1]] for i in range(10)])
places = 6  # in each direction
train_key, fresh_key, init_key, order_key = random.split(random.key(0), 4)


def digits(key: Key, n: int) -> Batch:
    """Noisy images (n, 12, 12, 1), each of a digit somewhere, and which they are."""
    label_key, place_key, noise_key = random.split(key, 3)
    labels, at = random.randint(label_key, (n,), 0, 10), random.randint(place_key, (n, 2), 0, places)
    drawn = [np.roll(np.pad(glyphs[i], ((0, 5), (0, 7))), place, (0, 1)) for i, place in zip(labels, at, strict=True)]
    return (np.stack(drawn) + 0.3 * random.normal(noise_key, (n, 12, 12)))[..., None], labels


def trained(net: Layer[Any, Any, Params]) -> Params:
    """The parameters after 8 epochs."""
    def loss(params: Params, batch: Batch) -> Scalar:
        return np.mean(losses.softmax_cross_entropy(net.apply(params, batch[0]), batch[1]))

    optimizer, params = optimizers.adam(0.01), net.init(init_key)
    step, epochs = fn.jit(training.make_step(loss, optimizer)), training.batches(order_key, train, size=50, epochs=8)
    return training.fold(step, (params, optimizer.init(params)), epochs)[0][0]


train, (x, y) = digits(train_key, 1000), digits(fresh_key, 1000)
nets: dict[str, Any] = {
    "dense": flatten() >> dense(144, 36) >> relu >> dense(36, 10),
    "convolution": (conv2d(1, 16, (5, 5)) >> relu >> max_pool2d(2)  # 12 x 12 places, then 6 x 6
                    >> conv2d(16, 32, (3, 3)) >> relu >> max_pool2d(6) >> flatten() >> dense(32, 10)),
}
matrices = {}
for name, net in nets.items():
    params = trained(net)
    answers = net.apply(params, x)
    matrices[name] = metrics.confusion_matrix(answers, y, classes=10)
    print(f"{name:12} {tree.ravel(params)[0].size} parameters, right for "
          f"{metrics.accuracy(net.apply(params, train[0]), train[1]):.1%} of the images it was trained on, for "
          f"{metrics.accuracy(answers, y):.1%} of fresh ones")

matrix = matrices["convolution"]
print(f"\nThe digits that the convolution took for others\n      {'  '.join(f'{i:2}' for i in range(10))}")
for i, row in enumerate(matrix):
    print(f"  {i} |", "  ".join(f"{count or '.':>2}" for count in row))
wrong = matrix - np.diag(np.diag(matrix))
true, taken = divmod(int(np.argmax(wrong)), 10)
print(f"the most frequent mistake, {wrong[true, taken]} times: {true} was taken for {taken}")
print(f"of those taken for {taken}, {metrics.precision(matrix)[taken]:.1%} are one (precision); "
      f"of all {taken}, {metrics.recall(matrix)[taken]:.1%} were found (recall)")

try:
    figure = plotting.figure(width=11, height=4.2)
    for_digits, *for_matrices = figure.subplots(1, 3)
    for_digits.imshow(np.block([[x[6 * i + j, :, :, 0] for j in range(6)] for i in range(6)]), cmap="gray_r", vmin=-0.5)
    for_digits.set(title="36 of the fresh digits", xticks=[], yticks=[])
    for ax, (name, matrix) in zip(for_matrices, matrices.items(), strict=True):
        plotting.confusion_matrix(matrix, ax=ax).set(title=f"{name}: {np.trace(matrix) / len(y):.0%} right")
    figure.savefig(folder / "digits.png", dpi=160)
    print(f"\nwrote {folder / 'digits.png'}")
except ModuleNotFoundError as error:
    print(f"\n{error}")

# CHANGE THIS, and say first what will happen: let all digits stand at the same place, `places = 1`, and tell which of
# the two networks is better then.
