"""`python -m funcnn`: a report that fits on a screen, and an exit status."""

from __future__ import annotations

import subprocess
import sys

import pytest

import funcnn as fn
from funcnn import __main__ as report
from funcnn._selfcheck import Check


def test_the_command_reports_and_succeeds() -> None:
    done = subprocess.run([sys.executable, "-m", "funcnn", "--no-check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"funcnn     {fn.__version__}\nPython     3.")
    assert "\nok" not in done.stdout


def test_the_whole_report_fits_on_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.main([], seconds=0.0) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 100
    names = [line[:11].rstrip() for line in lines if line[0] != " "]
    assert names == ["funcnn", "Python", "system", "processor", "cores", "NumPy", "BLAS", "threads", "installed",
                     "missing", *["ok"] * 4, "speed", "speed"]


def test_what_is_wrong_is_seen_in_the_report_and_in_the_status(monkeypatch: pytest.MonkeyPatch,
                                                               capsys: pytest.CaptureFixture[str]) -> None:
    found = [Check("random", True, "draws"), Check("jit", False, "they differ"), Check("training", True, "16 digits")]
    monkeypatch.setattr(report, "checks", lambda: iter(found))
    assert report.main([], seconds=0.0) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-5:-2] == ["ok         draws", "NOT OK     they differ", "ok         16 digits"]
    assert lines[-1].startswith("speed")


@pytest.mark.parametrize(("argument", "status", "text"), [
    ("--help", 0, "usage: python -m funcnn"), ("--version", 0, f"funcnn {fn.__version__}\n"), ("--check", 2, "usage:")])
def test_the_arguments_are_those_of_a_command(argument: str, status: int, text: str,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        report.main([argument])
    assert left.value.code == status
    printed = capsys.readouterr()
    assert (printed.out + printed.err).startswith(text)


def test_a_long_text_goes_on_below_itself() -> None:
    first, second = report.entry("name", "word " * 30).splitlines()
    assert (first, second) == (f"name       {'word ' * 17}word", f"           {'word ' * 11}word")
    assert report.entry("name", "") == ""
