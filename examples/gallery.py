"""The pictures of the README, made anew: by the programs that draw them, and small enough for a page.

    python examples/gallery.py examples/pictures
    python examples/gallery.py . valley trace        (some of them)

It needs matplotlib: pip install 'funcnn[plot]'.
"""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

MAKERS = {
    "trace": "lessons/26_trace.py",
    "dead_units": "lessons/27_dead_units.py",
    "smoother_boundaries": "lessons/28_smoother_boundaries.py",
    "valley": "lessons/29_valley.py",
    "spiral": "lessons/30_animation.py",
    "weights": "lessons/30_animation.py",
    "ensemble": "ensemble.py",
}
"""Which program draws a picture; each writes it as NAME.png into the folder that it is given."""


def run(program: str, folder: Path) -> None:
    """Run a program as from the command line, in silence."""
    before = sys.argv
    sys.argv = [program, *(["--plot", str(folder / "ensemble.png")] if program == "ensemble.py" else [str(folder)])]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_path(str(HERE / program), run_name="__main__")
    finally:
        sys.argv = before


def compress(source: Path, target: Path) -> int:
    """Write a picture with a palette of 256 colours, a third as large as before: its size in bytes."""
    from PIL import Image  # comes with matplotlib

    with Image.open(source) as picture:
        palette = picture.convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
        palette.save(target, optimize=True, dpi=picture.info["dpi"])
    return target.stat().st_size


def main() -> None:
    """Make the pictures that are named, or all."""
    target, *names = sys.argv[1:] or ["."]
    names = names or list(MAKERS)
    with tempfile.TemporaryDirectory() as folder:
        for program in dict.fromkeys(MAKERS[name] for name in names):
            run(program, Path(folder))
        for name in names:
            file = Path(target, f"{name}.png")
            print(f"{compress(Path(folder, file.name), file) // 1000:4} kB  {file}")


if __name__ == "__main__":
    main()
