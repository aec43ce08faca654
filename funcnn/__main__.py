"""What does `python -m funcnn` say? On what funcnn runs here, and whether as it should: for the report of a fault.

The exit status is 1 if anything is not as it should be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from textwrap import wrap

from funcnn._machine import facts, own_version
from funcnn._selfcheck import checks, speed

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, seconds: float = 1.0) -> int:
    """Print the report, line by line; the exit status."""
    chosen = _parser().parse_args(arguments)
    _show(entry(name, text) for name, text in facts())
    if chosen.no_check:
        return 0
    all_ok = True
    for check in checks():
        _show([entry("ok" if check.ok else "NOT OK", check.found)])
        all_ok &= check.ok
    _show(entry("speed", line) for line in speed(seconds))
    return 0 if all_ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m funcnn", description="On what funcnn runs here, and whether it computes as it should: what to "
        "paste into the report of a fault. It takes a few seconds and sends nothing anywhere.",
        epilog="The exit status is 1 if a check is not ok.")
    parser.add_argument("--no-check", action="store_true", help="say on what it runs, and try nothing")
    parser.add_argument("--version", action="version", version=f"funcnn {own_version()}")
    return parser


def entry(name: str, text: str) -> str:
    """A name and what is to say of it, in lines of at most 100 letters, aligned.

    >>> print(entry("NumPy", "2.4.6"))
    NumPy      2.4.6
    """
    return "\n".join(wrap(text, 100, initial_indent=f"{name:<11}", subsequent_indent=" " * 11, break_long_words=False,
                          break_on_hyphens=False))


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
