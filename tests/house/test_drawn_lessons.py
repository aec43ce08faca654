"""The lessons draw: each picture is written into the folder that is named. Asks for matplotlib, unlike test_lessons."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_lessons import PICTURES, each_picture, run_here

pytestmark = pytest.mark.slow


@each_picture
def test_draws_into_the_folder_named(number: int, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / f"{PICTURES[number]}.png"
    assert run_here(number, str(tmp_path), draws=True).endswith(f"\nwrote {picture}\n")
    assert list(tmp_path.iterdir()) == [picture]
    assert picture.stat().st_size > 10_000
