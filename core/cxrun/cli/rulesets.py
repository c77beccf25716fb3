from __future__ import annotations

import click

from cxrun.cli import Session
from cxrun.cli.terminal import echo_columns, echo_json, json_option


@click.command("rulesets")
@json_option
@click.pass_obj
def command(session: Session, as_json: bool) -> None:
    """List the rulesets a group can attach, your own included.

    Compliance packs tell the jurisdiction they are about and when they were last reviewed.

    \b
    Example:
      cxrun rulesets
      cxrun docs us_reg_f
    """
    from cxrun.cataloging import catalog

    entries = list(catalog(session.folder))
    if as_json:
        echo_json([entry._asdict() for entry in entries])
        return
    rows = [
        (
            e.name,
            "own" if e.own else "cxrun",
            e.jurisdiction,
            e.reviewed,
            "yes" if e.required else "",
            e.summary,
        )
        for e in entries
    ]
    echo_columns(rows, ("ruleset", "from", "jurisdiction", "reviewed", "required", "what it is for"))
