"""How answers look: aligned columns, colours only on a terminal, JSON on request."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def result_codes(
    context: click.Context, parameter: click.Parameter, given: str | None
) -> frozenset[int] | None:
    """The codes of call results that an option names: no_answer,busy."""
    from cxrun.errors import UserError, near
    from cxrun.model import CallResult, codes_by_word

    if given is None:
        return None
    known = codes_by_word(CallResult)
    words = [word.strip() for word in given.split(",")]
    for word in words:
        if word not in known:
            raise UserError(f"no call result named '{word}'{near(word, known)}")
    return frozenset(known[word] for word in words)


def echo_json(data: Any) -> None:
    """Print data as JSON, keys in their order."""
    click.echo(json.dumps(data, indent=2, default=str))


def echo_columns(rows: Sequence[Sequence[object]], header: Sequence[str] = ()) -> None:
    """Print rows in aligned columns; numbers to the right."""
    lines = [[_shown(cell) for cell in row] for row in rows]
    everything = [list(header), *lines] if header else lines
    if not everything:
        return
    widths = [max(len(line[index]) for line in everything) for index in range(len(everything[0]))]
    numeric = [
        bool(rows) and all(isinstance(row[index], int | float) or row[index] is None for row in rows)
        for index in range(len(widths))
    ]
    for number, line in enumerate(everything):
        cells = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ]
        text = "  ".join(cells).rstrip()
        click.secho(text, bold=True) if header and number == 0 else click.echo(text)


def counted(number: int, noun: str) -> str:
    """Return "1 attempt", "1,031 attempts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def on_terminal() -> bool:
    """Whether progress can be drawn in place."""
    return sys.stderr.isatty()


def _shown(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)
