"""What an audit shows, as text tables or as one self-contained HTML page that prints well."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; }
h2 { font-size: 1.05rem; margin: 1.75rem 0 .4rem; border-bottom: 1px solid #bbb; padding-bottom: .2rem; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e4e4e4; }
th { font-weight: 600; }
td { overflow-wrap: break-word; }
td.short { white-space: nowrap; }
.lead { font-size: 1.05rem; padding: .6rem .9rem; background: #e9f4ea; border-left: 4px solid #2c7a37; }
.lead.bad { background: #fbeaea; border-color: #b3261e; }
pre { background: #f6f6f6; padding: .7rem; font-size: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 2rem; color: #555; font-size: .8rem; }
@media print {
  body { margin: 0; max-width: none; font-size: 11px; }
  h2, tr, pre { break-inside: avoid; }
  h2 { break-after: avoid; }
  .lead { border: 1px solid #555; background: none; }
}
"""


_SHORT: Final = 24
"""Cells of so few characters are kept in a line."""


class Section(NamedTuple):
    """A table under a heading; without `columns` it has no header."""

    title: str
    rows: Sequence[Sequence[object]]
    columns: Sequence[str] = ()


class Text(NamedTuple):
    """A text as it stands, under a heading."""

    title: str
    text: str


def html_page(title: str, lead: str, sections: Sequence[Section | Text], *, good: bool, foot: str) -> str:
    """A whole page; nothing is loaded from anywhere."""
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="lead{"" if good else " bad"}">{escape(lead)}</p>',
    ]
    for section in sections:
        parts.append(f"<h2>{escape(section.title)}</h2>")
        if isinstance(section, Text):
            parts.append(f"<pre>{escape(section.text)}</pre>")
            continue
        parts.append("<table>")
        if section.columns:
            cells = "".join(f"<th>{escape(column)}</th>" for column in section.columns)
            parts.append(f"<thead><tr>{cells}</tr></thead>")
        parts.append("<tbody>")
        for row in section.rows:
            parts.append(f"<tr>{''.join(map(_cell, row))}</tr>")
        parts.append("</tbody></table>")
    parts.append(f"<footer>{escape(foot)}</footer></body></html>\n")
    return "\n".join(parts)


def _cell(value: object) -> str:
    text = _shown(value)
    kept = ' class="short"' if len(text) <= _SHORT else ""
    return f"<td{kept}>{escape(text)}</td>"


def _shown(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)
