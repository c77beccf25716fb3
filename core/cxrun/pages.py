"""Pages that work offline, in light, dark and on paper: HTML that is well-formed also as XML, tables, drawings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple

COLOURS: Final = """
:root, svg { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6470; --line: #d8dde3; --ground: #ffffff;
  --panel: #f5f7f9; --grey: #8a94a0; --blue: #2563c9; --pale: #9dbbe8; --good: #1a7f4b; --bad: #c2410c; }
@media screen and (prefers-color-scheme: dark) { :root, svg { --ink: #e6e9ed; --soft: #9aa4b0; --line: #39414b;
  --ground: #14181d; --panel: #1d232a; --grey: #7d8792; --blue: #6ea3f5; --pale: #3c5f99; --good: #4ec98a;
  --bad: #f59a6a; } }
"""
FONT: Final = 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif'
_STYLE: Final = f"""{COLOURS}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 {FONT}; }}
main {{ max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }}
h1 {{ font-size: 1.7rem; line-height: 1.25; margin: 0 0 .25rem; }}
h2 {{ font-size: 1.15rem; margin: 2.25rem 0 .5rem; overflow-wrap: anywhere; }}
p, li {{ max-width: 46rem; }} .soft, figcaption, footer {{ color: var(--soft); font-size: .9rem; }}
footer {{ margin-top: 2rem; }}
.lead {{ font-size: 1.05rem; padding: .6rem .9rem; background: var(--panel); border-left: 4px solid var(--good); }}
.lead.bad {{ border-color: var(--bad); }}
.scroll {{ overflow-x: auto; }} .scroll + .scroll {{ margin-top: 1.25rem; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-top: 1px solid var(--line); }}
th {{ font-weight: 600; color: var(--soft); font-size: .85rem; }} td {{ overflow-wrap: break-word; }}
.figures :is(th, td):not(:first-child) {{ text-align: right; white-space: nowrap; }} td.short {{ white-space: nowrap; }}
tr.more td {{ border-top: none; padding-top: 0; }} thead th {{ border-top: none; }}
td.good, td.bad {{ font-weight: 600; }} td.good {{ color: var(--good); }} td.bad {{ color: var(--bad); }}
figure {{ margin: .5rem 0 0; }} svg {{ width: 100%; height: auto; display: block; }}
svg text {{ fill: var(--ink); font: 12px {FONT}; }} svg text.soft {{ fill: var(--soft); font-size: 12px; }}
svg .axis {{ stroke: var(--line); }}
pre {{ background: var(--panel); border-radius: .5rem; padding: .8rem 1rem; font-size: .85rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }}
@media print {{
  body {{ font-size: 11px; }} main {{ max-width: none; padding: 0; }} .scroll {{ overflow: visible; }}
  h2, tr, pre, figure {{ break-inside: avoid; }} h2 {{ break-after: avoid; }}
  .lead {{ border: 1px solid var(--soft); background: none; }}
}}
"""
_SHORT: Final = 24
"""Cells of so few characters are kept in a line."""


class Cell(NamedTuple):
    """A cell of a table with a class of its own, and the key of its figure."""

    text: str
    kind: str
    key: str = ""


def page(title: str, parts: Iterable[str], *, style: str = "", after: str = "") -> str:
    """A whole page of parts that are HTML; nothing is loaded from anywhere. `after` ends the body."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{style}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in parts if part)
        + f"\n</main>\n{after}</body>\n</html>\n"
    )


def element(name: str, text: str, kind: str = "") -> str:
    """An HTML element that holds a text."""
    return f"<{name}{_class(kind)}>{escape(text)}</{name}>"


def bullets(texts: Iterable[str], kind: str = "") -> str:
    """A list of texts, nothing if there are none."""
    items = "".join(element("li", text) for text in texts)
    return f"<ul{_class(kind)}>{items}</ul>" if items else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, figures: bool = False) -> str:
    """A table, without a header if there are no columns; of `figures` all but the first column are numbers.

    A row that begins with an empty cell goes on with the one before.
    """
    head = "".join(element("th", column) for column in columns)
    body = "".join(
        f"<tr{_class('more' if row[0] == '' else '')}>{''.join(map(_cell, row))}</tr>" for row in rows
    )
    head = head and f"<thead><tr>{head}</tr></thead>"
    kind = _class("figures" if figures else "")
    return f'<div class="scroll"><table{kind}>{head}<tbody>{body}</tbody></table></div>'


def shown(value: object) -> str:
    """A value of a table the way people write it."""
    if value is None:
        return "-"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _cell(value: object) -> str:
    if isinstance(value, Cell):
        key = f' data-key="{value.key}"' if value.key else ""
        return f"<td{_class(value.kind)}{key}>{escape(value.text)}</td>"
    text = shown(value)
    return element("td", text, "short" if len(text) <= _SHORT else "")


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


# --- drawings: parts of an SVG, in its units ---------------------------------------------------------


def svg(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A drawing within a page."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def figure(drawing: str, caption: str) -> str:
    """A drawing with its caption, both HTML; nothing if nothing is drawn."""
    return drawing and f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"


def text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    """Words at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{_class(kind)}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str, width: float = 1) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{_class(kind)} stroke-width="{width:g}"/>'


def dot(x: float, y: float, kind: str) -> str:
    """A mark."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5"{_class(kind)}/>'


def bar(x: float, y: float, width: float, height: float, kind: str, title: str = "") -> str:
    """A bar, and what is told of it where the pointer rests."""
    told = title and f"<title>{escape(title)}</title>"
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"{_class(kind)}>{told}</rect>'
    )
