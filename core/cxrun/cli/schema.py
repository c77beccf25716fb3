from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cxrun.cli import Session
from cxrun.cli.terminal import echo_json


@click.command("schema")
@click.argument(
    "what", type=click.Choice(["ruleset", "campaign", "mapping", "dialer", "cases"]), default="ruleset"
)
@click.pass_obj
def command(session: Session, what: str) -> None:
    """Print the JSON Schema of the files, for editors.

    Draft 2020-12, of ruleset files, of campaign.yaml, of mapping, dialer or case files. The schema of rulesets
    is composed from the elements that are installed, your own plugins included.

    \b
    Example:
      cxrun schema > rulesets/ruleset.schema.json
      cxrun schema campaign > campaign.schema.json
    """
    if what == "cases":
        from cxrun.cases.format import CASES_SCHEMA

        schema: Mapping[str, Any] = CASES_SCHEMA
    elif what == "mapping":
        from cxrun.mapping import MAP_SCHEMA

        schema = MAP_SCHEMA
    elif what == "dialer":
        from cxrun.settings import composed_dialer_schema

        schema = composed_dialer_schema(session.registry)
    elif what == "campaign":
        from cxrun.settings import composed_campaign_schema

        schema = composed_campaign_schema(session.registry)
    else:
        from cxrun.ruleset import composed_schema

        schema = composed_schema(session.registry)
    echo_json(schema)
