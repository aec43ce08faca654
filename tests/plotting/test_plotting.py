"""Plots draw what they are given, on the axes they are given, without pyplot and without a screen."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import funcnn as fn
from funcnn import datasets, losses, metrics, optimizers, random, training
from funcnn import plotting as typed_plotting
from funcnn.activations import relu
from funcnn.layers import dense, residual, serial
from funcnn.plotting.diagram import place
from funcnn.tracing import trace
from funcnn.typing import Params, Scalar

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

# Untyped here, because what is on axes is looked at: artists, whose data matplotlib types as anything.
plotting: Any = typed_plotting

NET = dense(2, 8) >> relu >> dense(8, 3)
X, Y = datasets.spiral(random.key(1), samples=20, classes=3)
START = NET.init(random.key(0))


def loss(params: Params, batch: Any) -> Scalar:
    x, y = batch
    return np.mean(losses.softmax_cross_entropy(NET.apply(params, x), y))


def snapshots(count: int) -> list[Params]:
    optimizer = optimizers.adam(0.05)
    batches = training.batches(random.key(2), (X, Y), size=60, epochs=count - 1)
    states = training.scan(training.make_step(loss, optimizer), (START, optimizer.init(START)), batches)
    return [START, *(state[0] for state, _ in states)]


STEPS = snapshots(12)
TRACE = trace(loss)(STEPS[-1], (X, Y))


def predict(points: Any) -> Any:
    return NET.apply(STEPS[-1], points)


def drawn(ax: Any) -> Any:
    """The picture, to see that it can be drawn, as an array of pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def axes(count: int = 1) -> list[Any]:
    return list(np.ravel(Figure().subplots(1, count)))


EVERY: dict[str, Any] = {
    "decision_boundary": lambda **ax: plotting.decision_boundary(predict, X, Y, resolution=30, **ax),
    "confusion_matrix": lambda **ax: plotting.confusion_matrix(metrics.confusion_matrix(predict(X), Y, 3), **ax),
    "predictions": lambda **ax: plotting.predictions(np.sin(X[:, 0]), X[:, 0], **ax),
    "gradient_flow": lambda **ax: plotting.gradient_flow(fn.grad(loss)(START, (X, Y)), **ax),
    "graph": lambda **ax: plotting.graph(TRACE, **ax),
}
PANELS: dict[str, Any] = {
    "history": lambda **axes: plotting.history({"loss": [3.0, 2.0], "accuracy": [0.1, 0.9]}, **axes),
    "weights": lambda **axes: plotting.weights(STEPS, **axes),
    "activations": lambda **axes: plotting.activations(TRACE.outputs, **axes),
}


@pytest.mark.parametrize("name", EVERY)
def test_draws_on_the_axes_given_and_returns_them(name: str) -> None:
    (ax,) = axes()
    assert EVERY[name](ax=ax) is ax
    assert ax.has_data() or ax.texts
    assert drawn(ax).std() > 5


@pytest.mark.parametrize("name", PANELS)
def test_draws_on_the_panels_given_and_returns_them(name: str) -> None:
    given = axes(4)
    found = PANELS[name](axes=np.array(given).reshape(2, 2))
    assert found == given[:len(found)]
    assert all(ax.has_data() for ax in found)
    with pytest.raises(ValueError, match="1 were given"):
        PANELS[name](axes=given[0])


@pytest.mark.parametrize("name", [*EVERY, *PANELS])
def test_makes_a_figure_of_its_own_and_leaves_none_open(name: str, tmp_path: Path) -> None:
    found = (EVERY | PANELS)[name]()
    ax = found[0] if isinstance(found, list) else found
    ax.figure.savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


def test_nothing_asks_for_pyplot_and_importing_asks_for_nothing() -> None:
    program = """
import sys, numpy as np
from funcnn import plotting
assert not [name for name in sys.modules if name.startswith("matplotlib")]
plotting.decision_boundary(lambda p: p, np.ones((3, 2)), np.array([0, 1, 0])).figure.savefig(sys.argv[1])
plotting.history({"loss": [1.0, 0.5]})
assert "matplotlib.pyplot" not in sys.modules
"""
    file = "/dev/null" if Path("/dev/null").exists() else "NUL"
    result = subprocess.run([sys.executable, "-c", program.replace("sys.argv[1]", f"open({file!r}, 'wb')")],
                            capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('no matplotlib', name='matplotlib')")
    program = f"""
import sys
import time
sys.path.insert(0, {str(tmp_path)!r})
from funcnn import plotting
plotting.history({{"loss": [1.0]}})
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "pip install 'funcnn[plot]'" in result.stderr.splitlines()[-1]


# ----------------------------------------------------------------------------- what is drawn is what was passed


def test_boundary_shows_the_points_and_what_the_net_answers() -> None:
    ax = plotting.decision_boundary(lambda points: 100 * predict(points), X, Y, resolution=40)
    scatter = ax.collections[-1]
    np.testing.assert_array_equal(scatter.get_offsets(), X)
    shades = {tuple(color) for color in scatter.get_facecolors().round(3)}
    assert len(shades) == 3
    left, right, bottom, top = ax.images[0].get_extent()
    pixels = ax.images[0].get_array()
    assert pixels.shape == (40, 40, 3)
    across, up = np.linspace(left, right, 40), np.linspace(bottom, top, 40)
    plane = np.stack(np.meshgrid(across, up), axis=-1).astype(np.float32)
    answers = np.asarray(NET.apply(STEPS[-1], plane)).argmax(axis=-1)
    from matplotlib.colors import to_rgb

    palette = np.array([to_rgb(color) for color in plotting.COLORS[:3]])
    nearest = np.abs(pixels[..., None, :] - (1 - 0.5 * (1 - palette))).sum(axis=-1).argmin(axis=-1)
    assert np.mean(nearest == answers) > 0.95


@pytest.mark.parametrize("outputs", [
    lambda p: 10.0 * p[:, :1],
    lambda p: 10.0 * p[:, 0],
    lambda p: np.stack([-5 * p[:, 0], 5 * p[:, 0]], axis=1),
    lambda p: np.stack([1 - (p[:, 0] > 0), p[:, 0] > 0], axis=1).astype(float),
], ids=["one logit", "a vector of logits", "logits", "probabilities"])
def test_boundary_of_two_classes_is_where_they_are_even(outputs: Any) -> None:
    x = np.array([[-1.0, -1.0], [1.0, 1.0]])
    ax = plotting.decision_boundary(outputs, x, np.array([[0], [1]]), resolution=51)
    (first, *_) = ax.collections
    vertices = np.concatenate([path.vertices for path in first.get_paths()])
    np.testing.assert_allclose(vertices[:, 0], 0.0, atol=0.05)


def test_boundary_without_classes_and_with_one_answer_everywhere() -> None:
    ax = plotting.decision_boundary(lambda p: np.ones((len(p), 3)) * [5.0, 0, 0], X, resolution=10)
    assert len(ax.collections) == 1
    with pytest.raises(ValueError, match=r"points of the plane \(n, 2\), got shape \(5, 3\)"):
        plotting.decision_boundary(predict, np.ones((5, 3)))


def test_boundary_of_points_given_as_numbers_and_mistakes() -> None:
    ax = plotting.decision_boundary(predict, [[0, 0], [1, 2]], [0, 1])
    assert ax.images[0].get_extent() == pytest.approx((-0.1, 1.1, -0.2, 2.2))
    for y in (["a", "b"], [0, 1, 2]):
        with pytest.raises(ValueError, match="y must be the numbers of the classes of 2 points"):
            plotting.decision_boundary(predict, [[0, 0], [1, 2]], y)


def test_there_must_be_something_to_draw() -> None:
    for draw in (plotting.history, plotting.activations):
        with pytest.raises(ValueError, match="nothing to draw"):
            draw({})
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.weights([{"dense_0": {"b": np.zeros(1, np.float32)}}])


def test_history_draws_each_line_in_its_panel() -> None:
    steep, flat = np.geomspace(1, 1e-4, 50), np.linspace(0, 1, 50)
    first, second = plotting.history({"loss": {"train": steep, "fresh": 2 * steep}, "accuracy": flat})
    assert [line.get_label() for line in first.lines] == ["train", "fresh"]
    np.testing.assert_array_equal(first.lines[1].get_ydata(), 2 * steep)
    np.testing.assert_array_equal(second.lines[0].get_ydata(), flat)
    assert (first.get_yscale(), second.get_yscale()) == ("log", "linear")
    assert (first.get_ylabel(), second.get_ylabel(), second.get_xlabel()) == ("loss", "accuracy", "step")


def test_weights_have_a_ridge_for_each_step_shown() -> None:
    found = plotting.weights(STEPS, shown=5, bins=40)
    assert [ax.get_title() for ax in found] == ["dense_0/w", "dense_0/b", "dense_1/w"]
    assert [len(ax.collections) for ax in found] == [5, 5, 5]
    low, high = found[0].get_xlim()
    values = np.concatenate([np.ravel(step["dense_0"]["w"]) for step in STEPS])
    assert low < values.min() and values.max() < high
    assert [tick.get_text() for tick in found[0].get_yticklabels()] == ["step 0", "step 11"]


def test_activations_mark_the_units_that_are_dead() -> None:
    values = np.array([[1.0, 0.0, -2.0, 0.0], [0.0, 0.0, 3.0, 0.0]])
    (ax,) = plotting.activations({"relu_0": values})
    np.testing.assert_array_equal(ax.images[0].get_array(), values)
    assert ax.get_title() == "relu_0: 2 of 4 dead"
    assert sorted(patch.get_x() + 0.5 for patch in ax.patches) == [1.0, 3.0]
    (alive,) = plotting.activations({"relu_0": np.ones((2, 3, 4))})
    assert alive.get_title() == "relu_0" and alive.images[0].get_array().shape == (6, 4)


def test_gradient_flow_shows_the_size_of_each_gradient_and_zeros() -> None:
    grads = {"dense_10": {"w": np.full((2, 2), 3.0), "b": np.zeros(2, np.float64)},
             "dense_2": {"w": np.ones((2, 2)), "b": np.ones(2)}}
    ax = plotting.gradient_flow(grads)
    weights, biases = ax.lines
    np.testing.assert_allclose(weights.get_ydata(), [1.0, 3.0])
    np.testing.assert_allclose(biases.get_ydata(), [1.0])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["dense_2", "dense_10"]
    assert [tuple(point) for point in ax.collections[1].get_offsets()] == [(1.0, 1.0)]
    drawn(plotting.gradient_flow({"dense_0": {"w": np.zeros((2, 2), np.float64)}}))
    bad = plotting.gradient_flow({"dense_0": {"w": np.array([np.nan])}, "dense_1": {"w": np.ones(1, np.float32)}})
    assert [tuple(point) for point in bad.collections[0].get_offsets()] == [(0.0, 1.0)]


def test_confusion_matrix_writes_the_counts() -> None:
    matrix = np.array([[5, 1], [0, 0]])
    ax = plotting.confusion_matrix(matrix, labels=["cat", "dog"])
    assert [text.get_text() for text in ax.texts] == ["5", "1", "0", "0"]
    np.testing.assert_allclose(ax.images[0].get_array(), np.array([[5 / 6, 1 / 6], [0.0, 0.0]]))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["cat", "dog"]
    with pytest.raises(ValueError, match=r"square matrix .* got an array of shape \(3,\)"):
        plotting.confusion_matrix(np.ones(3))


def test_predictions_draws_pairs_and_their_r2() -> None:
    target, predicted = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [1.0]])
    ax = plotting.predictions(predicted, target)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.concatenate([target, predicted], axis=1))
    assert ax.get_title() == f"R² = {metrics.r2(predicted, target):.3f}"
    with pytest.raises(ValueError, match="3 numbers were predicted but there are 2 targets"):
        plotting.predictions(predicted, target[:2])


# ------------------------------------------------------------------------------------------------ the graph


def test_graph_has_a_box_for_each_operation_and_its_inputs() -> None:
    ax = plotting.graph(TRACE)
    texts = [text.get_text() for text in ax.texts]
    for op in TRACE.operations:
        assert any(op.formula in text and op.name in text for text in texts)
    assert any("dense_1/w  8 x 3" in text and "dense_1/b  3" in text for text in texts)


@pytest.mark.parametrize("net", [
    NET, serial(dense(2, 3), *[stage for _ in range(30) for stage in (np.tanh, dense(3, 3))]),
    dense(2, 3) >> residual(dense(3, 3) >> residual(np.sin)) >> residual(relu),
], ids=["two layers", "deep", "residual"])
def test_boxes_do_not_cover_each_other_and_arrows_point_down(net: Any) -> None:
    params = net.init(random.key(0))
    seen = trace(lambda params: np.mean(net.apply(params, X) ** 2) + 0.1 * np.sum(params["dense_0"]["w"] ** 2))(params)
    boxes, arrows = place(seen)
    assert len({(box.x, box.y) for box in boxes}) == len(boxes) < 30
    for arrow in arrows:
        assert arrow.start.y <= arrow.end.y - (arrow.start.kind != "input")
    reached = {arrow.start for arrow in arrows} | {arrow.end for arrow in arrows}
    assert reached == set(boxes)
    drawn(plotting.graph(seen))


def test_graph_of_nothing() -> None:
    drawn(plotting.graph(trace(lambda params: 1.0)({})))


# ------------------------------------------------------------------------------------------------- the film


@pytest.mark.parametrize("suffix", ["gif", "html"])
def test_a_film_has_a_picture_for_each_step(suffix: str, tmp_path: Path) -> None:
    file = plotting.animate(STEPS[:4], NET.apply, X, Y, tmp_path / f"film.{suffix}", resolution=20, size=2.0, hold=2,
                            titles=["a", "b", "c", "d"])
    if suffix == "gif":
        assert len(set(frames(file))) == 4
    else:
        assert file.read_text().count("data:image/png;base64") == 6


def frames(file: Path) -> list[bytes]:
    """The pixels of each picture of a GIF."""
    from PIL import Image, ImageSequence

    with Image.open(file) as image:
        return [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(image)]


def test_a_film_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in \.gif or \.html, got 'film\.avi'"):
        plotting.animate(STEPS, NET.apply, X, Y, "film.avi")
    with pytest.raises(ValueError, match="12 pictures need as many titles, got 1"):
        plotting.animate(STEPS, NET.apply, X, Y, tmp_path / "film.gif", titles=["a"])
    with pytest.raises(ValueError, match="no pictures"):
        plotting.animate([], NET.apply, X, Y, tmp_path / "film.gif")


@pytest.mark.slow
def test_fifty_pictures_take_less_than_half_a_minute(tmp_path: Path) -> None:
    began = time.monotonic()
    file = plotting.animate([STEPS[i % 12] for i in range(50)], NET.apply, X, Y, tmp_path / "film.gif", hold=0)
    assert time.monotonic() - began < 30
    assert len(frames(file)) == 50
