from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from cxrun.cli import Session
from cxrun.cli.terminal import echo_columns, echo_json, json_option


@click.command("show")
@click.argument("group", required=False)
@json_option
@click.pass_obj
def command(session: Session, group: str | None, as_json: bool) -> None:
    """Print the effective settings of a GROUP and their origin.

    Each setting is shown with the level, file and line it comes from. Without GROUP the groups are listed.

    \b
    Example:
      cxrun show welcome_east
    """
    from cxrun.yamlfile import path_text

    if group is None:
        groups = session.project.groups.values()
        listed = [
            (g.name, g.template, g.mode_step.name, g.agent_group or "-", ", ".join(g.lists)) for g in groups
        ]
        _echo(listed, ("group", "template", "mode", "agent group", "lists"), as_json)
        return
    found = session.project.group(group)
    rows = [
        (
            path_text(path),
            value,
            origin.level,
            f"{origin.mark.file}:{origin.mark.line}" if origin.mark else "-",
        )
        for path, value, origin in found.leaves()
    ]
    for name, weight in found.lists.items():
        rows.append((f"lists.{name}", weight, f"group {group}", f"{found.mark.file}:{found.mark.line}"))
    for name in found.after:
        rows.append(("after", name, f"group {group}", f"{found.mark.file}:{found.mark.line}"))
    _echo(rows, ("setting", "value", "level", "place"), as_json)


def _echo(rows: Sequence[tuple[Any, ...]], keys: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        echo_json([dict(zip(keys, row, strict=True)) for row in rows])
    else:
        echo_columns([tuple(str(cell) for cell in row) for row in rows], keys)
