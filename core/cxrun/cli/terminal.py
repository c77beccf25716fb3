"""How answers look: aligned columns, colours only on a terminal, JSON on request."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import click

from cxrun.pages import shown

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
    lines = [[shown(cell) for cell in row] for row in rows]
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


def echo_prose(text: str, indent: str = "") -> None:
    """Print paragraphs; on a terminal lines are broken to its width, elsewhere they stay whole.

    Lines after the first of an indented text stand further to the right.
    """
    if not sys.stdout.isatty():
        click.echo(textwrap.indent(text, indent))
        return
    width = shutil.get_terminal_size().columns
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            click.echo()
        if any(line.startswith(" ") for line in paragraph.splitlines()):
            click.echo(textwrap.indent(paragraph, indent))
            continue
        click.echo(
            textwrap.fill(
                paragraph, max(width, 20), initial_indent=indent, subsequent_indent=indent and f"{indent}    ",
                break_long_words=False, break_on_hyphens=False,
            )
        )  # fmt: skip


def counted(number: int, noun: str) -> str:
    """Return "1 attempt", "1,031 attempts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def lasting(duration: float) -> str:
    """Return seconds as people tell how long something took: "2 h 10 min", "40 min", "53 s"."""
    if round(duration) < 60:
        return f"{duration:.0f} s"
    hours, minutes = divmod(round(duration / 60), 60)
    return " ".join(filter(None, (f"{hours:,} h" if hours else "", f"{minutes} min" if minutes else "")))


def in_yaml(value: object) -> str:
    """Return a setting's value as one writes it: true, not True; [public], not ('public',); {mean: 8}."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_yaml, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {in_yaml(part)}' for key, part in value.items())}}}"
    return str(value)


def on_terminal() -> bool:
    """Whether progress can be drawn in place."""
    return sys.stderr.isatty()


def show_progress(name: str, done: int, what: str) -> None:
    """Say how far a long command has come: in place on a terminal, else a line for each 100,000 (in steps of 5,000)."""
    if on_terminal():
        click.echo(f"\r{name}: {done:,} {what}", nl=False, err=True)
    elif done % 100_000 < 5000 and done >= 100_000:
        click.echo(f"{name}: {done:,} {what}", err=True)


def clear_progress() -> None:
    """Wipe what `show_progress` has drawn."""
    if on_terminal():
        click.echo("\r\033[K", nl=False, err=True)
