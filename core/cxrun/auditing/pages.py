"""What an audit shows: tables and texts under headings, as one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cxrun.pages import element, page, table


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
    """A whole page; `good` tells whether the lead is good news."""
    parts = [element("h1", title), element("p", lead, "lead" if good else "lead bad")]
    for section in sections:
        parts.append(element("h2", section.title))
        parts.append(
            element("pre", section.text)
            if isinstance(section, Text)
            else table(section.columns, section.rows)
        )
    return page(title, [*parts, element("footer", foot)])
