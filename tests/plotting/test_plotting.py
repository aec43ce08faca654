"""Plots draw what they are given, on the axes they are given, without pyplot and without a screen."""

from __future__ import annotations

import inspect
import pickle
import re
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

    ax.figure.set_dpi(60)
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
    points = ax.collections[-3:]
    for i, scatter in enumerate(points):
        np.testing.assert_array_equal(scatter.get_offsets(), X[np.equal(Y, i)])
    assert len({tuple(scatter.get_facecolors()[0]) for scatter in points}) == 3
    assert len({len(scatter.get_paths()[0].vertices) for scatter in points}) == 3  # a circle, a square, a triangle
    left, right, bottom, top = ax.images[0].get_extent()
    pixels = ax.images[0].get_array()
    assert pixels.shape == (40, 40, 3)
    across, up = np.linspace(left, right, 40), np.linspace(bottom, top, 40)
    plane = np.stack(np.meshgrid(across, up), axis=-1).astype(np.float32)
    answers = np.asarray(NET.apply(STEPS[-1], plane)).argmax(axis=-1)
    from matplotlib.colors import to_rgb

    palette = np.array([to_rgb(color) for color in plotting.COLORS[:3]])
    nearest = np.abs(pixels[..., None, :] - (1 - 0.55 * (1 - palette))).sum(axis=-1).argmin(axis=-1)
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
    named = plotting.decision_boundary(predict, X, resolution=10, labels=["a", "b", "c"])
    assert [text.get_text() for text in named.get_legend().get_texts()] == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"points of the plane \(n, 2\), got shape \(5, 3\)"):
        plotting.decision_boundary(predict, np.ones((5, 3)))


def test_boundary_of_points_given_as_numbers_and_mistakes() -> None:
    ax = plotting.decision_boundary(predict, [[0, 0], [1, 2]], [0, 1])
    assert ax.images[0].get_extent() == pytest.approx((-0.1, 1.1, -0.2, 2.2))
    for y in (["a", "b"], [0, 1, 2]):
        with pytest.raises(ValueError, match="y must be the numbers of the classes of 2 points"):
            plotting.decision_boundary(predict, [[0, 0], [1, 2]], y)
    for odd in (np.array([-1, 1]), np.array([[0.5], [1.0]])):
        with pytest.raises(ValueError, match=r"classes are counted from 0 .* np\.unique"):
            plotting.decision_boundary(predict, [[0, 0], [1, 2]], odd)


def corners(artist: Any) -> Any:
    """Where an artist ends: left, bottom, right, top, in pixels."""
    return np.ravel(artist.get_window_extent().get_points())


def test_boundary_names_the_classes_where_no_point_is_hidden() -> None:
    ax = plotting.decision_boundary(predict, X, Y, resolution=20, labels=["a", "b", "c"])
    drawn(ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b", "c"]
    assert corners(ax.get_legend())[0] >= corners(ax)[2] - 1
    assert corners(ax.get_legend())[2] <= ax.figure.bbox.width
    own = plotting.decision_boundary(predict, X, Y, resolution=20)
    assert [text.get_text() for text in own.get_legend().get_texts()] == ["0", "1", "2"]
    (given,) = axes()
    assert plotting.decision_boundary(predict, X, Y, resolution=20, ax=given).get_legend() is None
    assert plotting.decision_boundary(predict, X, Y, resolution=20, labels=()).get_legend() is None
    with pytest.raises(ValueError, match="3 classes need as many labels, got 2"):
        plotting.decision_boundary(predict, X, Y, labels=["a", "b"])


def test_boundary_of_many_classes_repeats_none_and_says_when_it_cannot() -> None:
    many = np.arange(21)
    x = np.stack([np.cos(many), np.sin(many)], axis=1).astype(np.float32)
    ax = plotting.decision_boundary(lambda points: points @ x.T, x, many, resolution=20)
    drawn(ax)
    colors = {tuple(scatter.get_facecolors()[0]) for scatter in ax.collections if scatter.get_zorder() == 2}
    assert len(colors) == 21
    for predicted, y in ((lambda points: np.ones((len(points), 22), np.float32), None), (predict, many + 1)):
        with pytest.raises(ValueError, match="22 classes cannot be told apart by 7 colors"):
            plotting.decision_boundary(predicted, x, y, resolution=10)


# ------------------------------------------------------------------------------------------------ the figure


def test_a_figure_is_sharp_and_cut_to_what_is_drawn(tmp_path: Path) -> None:
    from PIL import Image

    wide = plotting.figure(8, 4)  # twice as wide as a square plane needs
    plotting.decision_boundary(predict, X, Y, ax=wide.subplots(), resolution=20).set(xticks=[], yticks=[])
    wide.savefig(tmp_path / "cut.png")
    wide.savefig(tmp_path / "whole.png", bbox_inches=None, dpi=50)
    with Image.open(tmp_path / "cut.png") as cut, Image.open(tmp_path / "whole.png") as whole:
        assert whole.size == (400, 200)
        assert 550 < cut.size[1] < 660 and abs(cut.size[0] / cut.size[1] - 1) < 0.2
        gray = np.asarray(cut.convert("L"))
    for band in (gray[:, :20], gray[:, -20:], gray[:20], gray[-20:]):
        assert band.min() < 200  # no empty strip on any side


def test_a_figure_can_be_kept_in_a_pickle() -> None:
    dark = plotting.figure(2, 2, dark=True)
    dark.add_subplot().plot([1, 2])
    again = pickle.loads(pickle.dumps(dark))
    assert type(again) is type(dark)
    np.testing.assert_array_equal(drawn(again.axes[0]), drawn(dark.axes[0]))


@pytest.mark.parametrize("name", [*EVERY, *PANELS])
def test_dark_is_drawn_light_on_dark(name: str) -> None:
    import matplotlib

    def brightness(figure: Any) -> Any:
        given = {"axes": figure.subplots(1, 3)} if name in PANELS else {"ax": figure.subplots()}
        (EVERY | PANELS)[name](**given)
        return drawn(figure.axes[0])[..., :3].mean()

    assert brightness(plotting.figure(dark=True)) < 128
    with matplotlib.rc_context({"figure.facecolor": "black", "axes.facecolor": "black", "axes.labelcolor": "white"}):
        assert brightness(plotting.figure()) < 128
    assert matplotlib.rcParams["figure.facecolor"] == "white"


def test_a_figure_is_light_by_default_as_matplotlib_is() -> None:
    assert drawn(EVERY["confusion_matrix"](ax=plotting.figure().subplots()))[..., :3].mean() > 128


def test_titles_and_color_bars_of_a_dark_figure_are_light() -> None:
    figure = plotting.figure(dark=True)
    ax = figure.subplots()
    bar = figure.colorbar(ax.imshow(np.eye(2, dtype=np.float32)), ax=ax)
    light = "#d5dbe3"
    texts = (ax.set_title("a"), figure.suptitle("b"), ax.xaxis.label, bar.ax.get_yticklabels()[0])
    assert {text.get_color() for text in texts} == {light}


# ------------------------------------------------------------------------------------------ how learning went


def test_there_must_be_something_to_draw() -> None:
    for draw in (plotting.history, plotting.activations):
        with pytest.raises(ValueError, match="nothing to draw"):
            draw({})
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.weights([{"dense_0": {"b": np.zeros(1, np.float32)}}])
    with pytest.raises(ValueError, match="nothing to draw, snapshots is empty"):
        plotting.weights([])
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.gradient_flow({})


def test_history_draws_each_line_in_its_panel() -> None:
    steep, flat = np.geomspace(1, 1e-4, 50), np.linspace(0, 1, 50)
    first, second = plotting.history({"loss": {"train": steep, "fresh": 2 * steep}, "accuracy": flat})
    assert [line.get_label() for line in first.lines] == ["train", "fresh"]
    np.testing.assert_array_equal(first.lines[1].get_ydata(), 2 * steep)
    np.testing.assert_array_equal(second.lines[0].get_ydata(), flat)
    assert (first.get_yscale(), second.get_yscale()) == ("log", "linear")
    assert (first.get_ylabel(), second.get_ylabel(), second.get_xlabel()) == ("loss", "accuracy", "step")


def debiased(line: Any, weight: float) -> Any:
    """TensorBoard's average as the sum that it is: weight^(t - i) of the value i, and all weights add up to 1."""
    shares = [weight ** np.arange(t, -1, -1, dtype=np.float64) for t in range(len(line))]
    return np.array([share @ line[:t + 1] / share.sum() for t, share in enumerate(shares)])


def test_history_smooths_over_the_pale_line() -> None:
    noise = np.random.Generator(np.random.PCG64(0)).normal(size=200)
    (ax,) = plotting.history({"loss": noise}, smooth=0.8)
    raw, smooth = ax.lines
    np.testing.assert_array_equal(raw.get_ydata(), noise)
    np.testing.assert_allclose(smooth.get_ydata(), debiased(noise, 0.8), rtol=1e-12, atol=1e-12)
    assert raw.get_alpha() < 0.5 and smooth.get_linewidth() > raw.get_linewidth()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["each step", "smoothed"]
    (by_default,) = plotting.history({"loss": {"train": noise, "fresh": noise + 1}})
    np.testing.assert_allclose(by_default.lines[1].get_ydata(), debiased(noise, 1 - 50 / 200), rtol=1e-12, atol=1e-12)
    assert [text.get_text() for text in by_default.get_legend().get_texts()] == ["train", "fresh"]
    steep = np.exp(5 * noise)
    (logarithmic,) = plotting.history({"loss": steep}, smooth=0.5)
    np.testing.assert_allclose(np.log(logarithmic.lines[1].get_ydata()), 5 * debiased(noise, 0.5), rtol=1e-9, atol=1e-9)
    calm = np.sin(np.linspace(0, 9, 500))
    for unsmoothed in (plotting.history({"a": noise}, smooth=0), plotting.history({"a": noise[:50]}),
                       plotting.history({"a": calm})):
        assert len(unsmoothed[0].lines) == 1


def test_pictures_of_the_plane_name_what_cannot_be_drawn(tmp_path: Path) -> None:
    x, same = np.zeros((2, 2)), lambda z: z
    with pytest.raises(ValueError, match=r"decision_boundary: x must be finite, got nan; leave such points out"):
        plotting.decision_boundary(same, np.array([[0.0, np.nan]]))
    with pytest.raises(ValueError, match=r"decision_boundary: resolution must be .* 1"):
        plotting.decision_boundary(same, x, resolution=0)
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="animate: fps must be"):
            plotting.animate([1.0], lambda p, z: p * z, x, None, tmp_path / "film.gif", fps=wrong)


def test_history_without_a_name_says_how_to_give_one() -> None:
    for values in ([1.0, 0.5], np.ones(3)):
        with pytest.raises(TypeError, match=r"history: values must be a dict .*history\(\{'loss': values\}\)"):
            plotting.history(values)


def test_history_has_gaps_and_says_what_is_wrong() -> None:
    (ax,) = plotting.history({"loss": [1.0, np.nan, 2.0, np.inf]}, smooth=0.5)
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [1.0, np.nan, 5 / 3, np.nan])
    for smooth in (1.0, -0.1, np.nan):
        with pytest.raises(ValueError, match="smooth must be at least 0 and below 1"):
            plotting.history({"loss": [1.0]}, smooth=smooth)
    with pytest.raises(ValueError, match=r"'train' must be one number a step, \(n,\), got shape \(2, 2\)"):
        plotting.history({"loss": {"train": np.ones((2, 2), np.float32)}})
    assert len(plotting.history({"loss": []})[0].lines) == 1


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
    with pytest.raises(ValueError, match="'relu_0' must be an array"):
        plotting.activations({"relu_0": 1.0})
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
    with pytest.raises(ValueError, match="2 classes need as many labels, got 1"):
        plotting.confusion_matrix(matrix, labels=["cat"])


def test_predictions_draws_pairs_and_their_r2() -> None:
    target, predicted = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [1.0], [1.0]])
    ax = plotting.predictions(predicted, target)
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), np.concatenate([target, predicted], axis=1))
    assert ax.get_title() == f"R² = {metrics.r2(predicted, target):.3f}"
    with pytest.raises(ValueError, match="3 numbers were predicted but there are 2 targets"):
        plotting.predictions(predicted, target[:2])
    with pytest.raises(ValueError, match="nothing to draw"):
        plotting.predictions([], [])


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


def test_a_film_has_no_empty_strips_and_names_the_classes(tmp_path: Path) -> None:
    from PIL import Image

    wide = X * np.array([3, 1], np.float32)
    file = plotting.animate(STEPS[:2], NET.apply, wide, Y, tmp_path / "film.gif", resolution=20, size=4.0, hold=0,
                            labels=["a", "b", "c"], dark=True)
    with Image.open(file) as image:
        gray = np.asarray(image.convert("L"))
    assert gray.shape[1] == 320 and gray.shape[0] < 160
    assert (gray[:, 10:250].max(axis=1) > 60).mean() > 0.9  # something in nearly every row
    with pytest.raises(ValueError, match="3 classes need as many labels, got 1"):
        plotting.animate(STEPS, NET.apply, X, Y, tmp_path / "film.gif", labels=["a"])


def test_each_parameter_is_explained() -> None:
    for name in set(plotting.__all__) - {"COLORS"}:
        text = getattr(plotting, name).__doc__
        for parameter in inspect.signature(getattr(plotting, name)).parameters:
            assert re.search(rf"`{parameter}\b", text), f"{name}: {parameter}"


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
