"""The examples: each runs as a program, in a small mode, and says what it promises."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of an example in a process of its own, where warnings are errors."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.stem)
def test_is_a_short_program_that_says_what_it_teaches(path: Path) -> None:
    text = path.read_text()
    assert text.startswith('"""')
    assert len(text.splitlines()) < 100


def test_spiral_prints_lines_as_the_book_does_and_learns() -> None:
    result = run("spiral.py")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    pattern = r"epoch: \d+, acc: (\d\.\d{3}), loss: \d+\.\d{3}, lr: 0\.\d{5}"
    accuracies = [float(match[1]) for line in lines if (match := re.fullmatch(pattern, line))]
    assert len(accuracies) == len(lines) - 1 == 11
    assert accuracies[-1] >= 0.95
    assert re.fullmatch(r"accuracy on a fresh spiral: 0\.\d{3}", lines[-1])


def test_spiral_is_a_function_of_its_seed() -> None:
    runs = [run("spiral.py", "--epochs", "20", "--seed", seed).stdout for seed in ("1", "1", "2")]
    assert runs[0] == runs[1] != runs[2]


def test_spiral_draws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = run("spiral.py", "--epochs", "5", "--plot", str(tmp_path / "spiral.png"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "spiral.png").read_bytes().startswith(b"\x89PNG")


def test_spiral_says_what_to_install_to_draw(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('no matplotlib', name='matplotlib')")
    result = run("spiral.py", "--epochs", "1", "--plot", "x.png", PYTHONPATH=str(tmp_path))
    assert result.returncode == 1
    assert "pip install" in result.stderr and "Traceback" not in result.stderr


def test_per_example_finds_most_of_the_wrong_labels() -> None:
    result = run("per_example.py", "--epochs", "200", "--wrong", "10")
    assert result.returncode == 0, result.stderr
    match = re.search(r"of the 10 longest gradients (\d+) belong to wrong labels", result.stdout)
    assert match and int(match[1]) >= 8


def test_the_ensemble_disagrees_beyond_the_data() -> None:
    result = run("ensemble.py", "--steps", "200", "--members", "5")
    assert result.returncode == 0, result.stderr
    match = re.search(r"spread is (0\.\d+) where there was data, (0\.\d+) beyond", result.stdout)
    assert match and float(match[2]) > 3 * float(match[1])


def test_the_ensemble_draws(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = run("ensemble.py", "--steps", "5", "--plot", str(tmp_path / "ensemble.png"))
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "ensemble.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_transferred_needs_fewer_examples() -> None:
    result = run("transfer.py")
    assert result.returncode == 0, result.stderr
    transferred, from_scratch = (float(line.split()[-1]) for line in result.stdout.splitlines())
    assert transferred > from_scratch + 0.05


def test_the_net_that_obeys_the_equation_is_its_solution() -> None:
    pytest.importorskip("scipy")
    result = run("pinn.py")
    assert result.returncode == 0, result.stderr
    match = re.search(r"off by (\d\.\de-\d\d) at most", result.stdout)
    assert match and float(match[1]) < 1e-3


def test_an_exported_net_predicts_the_same_bytes_without_funcnn(tmp_path: Path) -> None:
    result = run("export.py", "--epochs", "20", "--out", str(tmp_path / "predict.py"))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "run without funcnn, it predicts the same 3600 bytes"
    lines = (tmp_path / "predict.py").read_text().splitlines()
    imports = [line for line in lines if line.startswith(("import", "from"))]
    assert imports == ["import numpy as np"]


def test_a_net_is_exported_where_funcnn_cannot_be_imported(tmp_path: Path) -> None:
    """The check of the example is one: a file that imports funcnn fails there."""
    (tmp_path / "predict.py").write_text("import funcnn\n\ndef predict(x): return x\n")
    elsewhere = runpy.run_path(str(EXAMPLES / "export.py"))["elsewhere"]
    with pytest.raises(subprocess.CalledProcessError) as failed:
        elsewhere(tmp_path / "predict.py", bytes(8))
    assert b"import of funcnn halted" in failed.value.stderr


def test_a_gru_recalls_what_it_was_told() -> None:
    result = run("gru.py")
    assert result.returncode == 0, result.stderr
    error = re.search(r"error: 0\.\d+ -> (0\.\d+)", result.stdout)
    told, recalled = (re.findall(r"-?\d\.\d?", line) for line in result.stdout.splitlines()[1:])
    assert error and float(error[1]) < 0.01
    assert all(abs(float(a) - float(b)) < 0.25 for a, b in zip(told, recalled, strict=True))


def test_a_transformer_reads_digits() -> None:
    result = run("transformer.py")
    assert result.returncode == 0, result.stderr
    accuracy = re.search(r"accuracy on fresh digits: (\d\.\d+)", result.stdout)
    assert accuracy and float(accuracy[1]) > 0.8


def test_batch_norm_evaluates_by_what_it_remembered() -> None:
    result = run("batch_norm.py")
    assert result.returncode == 0, result.stderr
    accuracy = re.search(r"accuracy on a fresh spiral: (\d\.\d+)", result.stdout)
    assert accuracy and float(accuracy[1]) > 0.7


def test_a_variational_autoencoder_draws_a_ring() -> None:
    result = run("vae.py")
    assert result.returncode == 0, result.stderr
    radius = re.search(r"radius (\d\.\d+) \+- (\d\.\d+)", result.stdout)
    assert radius and 0.8 < float(radius[1]) < 1.2 and float(radius[2]) < 0.3


def test_one_step_scales_out_to_the_same_numbers() -> None:
    pytest.importorskip("jax")
    result = run("scale_out.py")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    losses = re.findall(r"loss (\S+) -> (\S+)", lines[0])
    assert float(losses[0][1]) < float(losses[0][0]) / 2
    digits = [float(found) for found in re.findall(r": the same to (\S+) digits", result.stdout)]
    assert len(digits) == len(lines) - 1 == 4 and min(digits) > 12, result.stdout


def test_scaling_out_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "jax.py").write_text("raise ModuleNotFoundError('no jax', name='jax')")
    result = run("scale_out.py", PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert result.returncode == 1
    assert "pip install 'funcnn[jax]'" in result.stderr and "Traceback" not in result.stderr
