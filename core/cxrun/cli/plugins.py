from __future__ import annotations

import click

from cxrun.cli import Session
from cxrun.cli.terminal import echo_columns, echo_json, json_option


@click.command("plugins")
@json_option
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """List every element that a ruleset or profile can name.

    \b
    Example:
      cxrun plugins
      cxrun docs redial
    """
    entries = list(session.registry.all())
    if as_json:
        echo_json(
            [
                entry._asdict() | {"element": entry.element.__name__, "summary": entry.summary}
                for entry in entries
            ]
        )
        return
    rows = [(e.kind, e.name, e.plugin, e.version, e.summary) for e in entries]
    echo_columns(rows, ("kind", "name", "plugin", "version", "what it does"))
