"""What is a page made of? Tags, in which every text that is not `Html` already is escaped; and one style for all.

The style changes nothing outside: each of its rules begins with `.fn-page`, and each class with `fn-`. Letters, lines
and grounds are the notebook's own or lie over them half transparent, so that they are right in light and dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from funcnn._html.colours import STYLE as COLOURS

__all__ = ["Html", "counted", "memory", "one_line", "opening", "page", "shortened", "table", "tag", "words"]


class Html(str):
    """Text that is HTML, and not escaped again."""

    __slots__ = ()


def html(part: str) -> str:
    """A text with what HTML would read as tags escaped.

    >>> html("<b>&"), html(Html("<b>"))
    ('&lt;b&gt;&amp;', '<b>')
    """
    return part if isinstance(part, Html) else escape(part.translate(_UNPRINTABLE))


_UNPRINTABLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(55296, 57344)), "�")
"""Characters that no page may hold."""


def tag(name: str, *inside: str, kind: str = "", **attributes: str) -> Html:
    """An element, of the classes `fn-...` that `kind` names.

    >>> tag("td", "a < b", kind="number", title="1")
    '<td class="fn-number" title="1">a &lt; b</td>'
    """
    classes = {"class": " ".join(f"fn-{each}" for each in kind.split())} if kind else {}
    shown = [f' {key}="{html(value)}"' for key, value in (classes | attributes).items()]
    start = f"<{name}{''.join(shown)}>"
    return Html(start if name in _VOID else f"{start}{''.join(map(html, inside))}</{name}>")


_VOID = ("img", "br")


def words(**texts: str) -> list[Html]:
    """Texts by what they are: `name`, `title`, `code`, `quiet`, without those that are empty.

    >>> words(name="w", code="", quiet="all 0")
    ['<span class="fn-name">w</span>', '<span class="fn-quiet">all 0</span>']
    """
    return [tag("span", text, kind=kind) for kind, text in texts.items() if text]


def one_line(parts: Iterable[str], kind: str = "") -> Html:
    """Texts on a line of their own, with spaces between, as a copy of the page has them too."""
    return tag("div", *_spaced(parts), kind=kind)


def _spaced(parts: Iterable[str]) -> list[str]:
    return [text for part in parts for text in (" ", part)][1:]


def opening(parts: Iterable[str], inside: Html, is_open: bool = False) -> Html:
    """A line that opens and closes what stands below it; the keyboard reaches it, as all `details`."""
    state = {"open": ""} if is_open else {}
    return tag("details", tag("summary", *_spaced(parts)), inside, **state)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = (), foot: Sequence[str] = (),
          ) -> Html:
    """A table; a row of one cell alone goes over all columns, columns at `right` hold numbers."""
    def row(cells: Sequence[str], cell: str = "td") -> Html:
        if len(cells) == 1 < len(head):
            return tag("tr", tag(cell, cells[0], kind="quiet", colspan=str(len(head))))
        return tag("tr", *[tag(cell, each, kind="number" if i in right else "") for i, each in enumerate(cells)])

    parts = [tag("thead", row(head, "th")), tag("tbody", *map(row, rows)), *([tag("tfoot", row(foot))] if foot else [])]
    return tag("div", tag("table", *parts), kind="wide")


def page(*parts: str) -> str:
    """The whole: the style, and what is shown."""
    return str(tag("div", Html(f"<style>{STYLE}</style>"), *parts, kind="page"))


# --------------------------------------------------------------------------------------------------- words


def counted(n: int, noun: str) -> str:
    """How many there are of something.

    >>> counted(1, "entry"), counted(1234, "entry"), counted(2, "number")
    ('1 entry', '1,234 entries', '2 numbers')
    """
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{n:,} {noun if n == 1 else plural}"


def memory(size: float) -> str:
    """Bytes, in the unit that suits.

    >>> memory(780), memory(401_408), memory(3.2e9)
    ('780 B', '401 kB', '3.2 GB')
    """
    unit, names = float(size), iter(("B", "kB", "MB", "GB", "TB"))
    name = next(names)
    while unit >= 999.5 and name != "TB":
        unit, name = unit / 1000, next(names)
    return f"{unit:.{0 if unit >= 9.95 or name == 'B' else 1}f} {name}"


def shortened(text: str, most: int = 80) -> str:
    """A text on one line, its end cut off where it is too long.

    >>> shortened("a long text", most=7)
    'a long …'
    """
    line = " ".join(text[:4 * most].split())
    return line if len(line) <= most else f"{line[:most].rstrip()} …"


# --------------------------------------------------------------------------------------------------- style

_MONO: Final = "var(--jp-code-font-family,var(--vscode-editor-font-family,ui-monospace,SFMono-Regular,Menlo,Consolas," \
               "'DejaVu Sans Mono',monospace))"

STYLE: Final = """
.fn-page{color:var(--jp-content-font-color1,var(--vscode-editor-foreground,inherit));font-size:13px;line-height:1.5;
max-width:100%;overflow-wrap:anywhere}
.fn-page details,.fn-page summary,.fn-page div{margin:0;padding:0}
.fn-page summary{cursor:pointer;list-style:none;padding:1px 4px 1px 19px;text-indent:-15px;border-radius:4px}
.fn-page summary::-webkit-details-marker{display:none}
.fn-page summary::before{content:"";display:inline-block;width:0;height:0;margin:0 7px 1px 2px;
border:4px solid transparent;border-left:6px solid currentColor;border-right:0;opacity:.55}
.fn-page details[open]>summary::before{transform:rotate(90deg)}
.fn-page summary:hover{background:rgba(127,127,127,.12)}
.fn-page summary:focus-visible{outline:2px solid rgba(60,130,220,.9);outline-offset:-1px}
.fn-page .fn-inside{margin-left:8px;padding-left:12px;border-left:1px solid rgba(127,127,127,.3)}
.fn-page .fn-plain{padding:1px 4px 1px 19px}
.fn-page .fn-name,.fn-page .fn-title{font-weight:600;margin-right:6px}
.fn-page .fn-title{font-size:14px}
.fn-page .fn-code{font-family:MONO;font-size:12px;white-space:pre-wrap}
.fn-page .fn-code,.fn-page .fn-quiet{margin-right:6px}
.fn-page .fn-quiet{opacity:.7}
.fn-page .fn-odd{background:#a3166f;color:#fff;border-radius:8px;padding:0 7px;font-size:11.5px;margin-right:2px;
white-space:nowrap}
.fn-page .fn-array{display:flex;flex-wrap:wrap;gap:10px 28px;margin:4px 0 10px 19px;align-items:flex-start}
.fn-page .fn-picture{min-width:0;max-width:100%}
.fn-page .fn-picture img{display:block;image-rendering:pixelated;max-width:100%;margin:0;
box-shadow:0 0 0 1px rgba(127,127,127,.35)}
.fn-page .fn-scale{display:flex;align-items:center;gap:6px;margin-top:5px;font-size:11.5px}
.fn-page .fn-bar{display:inline-block;width:96px;height:8px;box-shadow:0 0 0 1px rgba(127,127,127,.35)}
.fn-page .fn-note{font-size:11.5px;opacity:.7;max-width:44em}
.fn-page .fn-wide{overflow-x:auto;max-width:100%}
.fn-page.fn-page table{border-collapse:collapse;border:0;margin:0;font-size:12.5px;table-layout:auto;width:auto;
color:inherit;background:none}
.fn-page.fn-page tbody tr,.fn-page.fn-page thead tr,.fn-page.fn-page tfoot tr{background:none;border:0}
.fn-page.fn-page tbody tr:nth-child(n):hover{background:rgba(127,127,127,.1)}
.fn-page.fn-page th,.fn-page.fn-page td{padding:2px 14px 2px 4px;border:0;text-align:left;vertical-align:top;
white-space:pre;line-height:1.35;max-width:none;min-width:0;color:inherit;background:none;font-weight:inherit}
.fn-page.fn-page thead th{font-weight:600;opacity:.7;font-size:12px}
.fn-page.fn-page thead tr{border-bottom:1px solid rgba(127,127,127,.45)}
.fn-page.fn-page tfoot tr{border-top:1px solid rgba(127,127,127,.45);font-weight:600}
.fn-page.fn-page th.fn-number,.fn-page.fn-page td.fn-number{text-align:right;font-variant-numeric:tabular-nums}
.fn-page.fn-page .fn-values td{font-family:MONO;font-size:11.5px;padding:3px 7px;text-align:right;
border:1px solid rgba(127,127,127,.25)}
.fn-page.fn-page .fn-facts td{padding:0 14px 0 0}
.fn-page.fn-page td .fn-array{margin-left:0;white-space:normal}
.fn-page td .fn-code{white-space:pre}
.fn-page td .fn-plain{padding-left:15px}
.fn-page.fn-page td summary{padding-left:15px}
.fn-page .fn-charts{display:flex;flex-wrap:wrap;gap:8px 24px}
.fn-page .fn-chart{width:420px;max-width:100%}
.fn-page .fn-chart .fn-quiet{display:inline-block}
.fn-page .fn-curve{display:block;max-width:100%;height:auto;margin:4px 0;font-family:inherit}
""".replace("MONO", _MONO).replace("\n", "") + COLOURS
