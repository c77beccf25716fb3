from __future__ import annotations

import click

from cxrun.cli import Session
from cxrun.cli.terminal import echo_columns, echo_json, json_option


@click.command("show")
@click.argument("group")
@json_option
@click.pass_obj
def command(session: Session, group: str, as_json: bool) -> None:
    """Print the effective settings of a campaign GROUP, and where each comes from.

    \b
    Example:
      cxrun show welcome_east
    """
    from cxrun.yamlfile import path_text

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
    if as_json:
        keys = ("setting", "value", "level", "place")
        echo_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    echo_columns([tuple(str(cell) for cell in row) for row in rows], ("setting", "value", "from", "place"))
