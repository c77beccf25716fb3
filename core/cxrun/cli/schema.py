from __future__ import annotations

from typing import Any

import click

from cxrun.cli import Session
from cxrun.cli.terminal import echo_json


@click.command("schema")
@click.argument("what", type=click.Choice(["ruleset", "campaign", "mapping"]), default="ruleset")
@click.pass_obj
def command(session: Session, what: str) -> None:
    """Print the JSON Schema of the files, for editors.

    Draft 2020-12, of ruleset files, of campaign.yaml or of mapping files. The schema of rulesets is composed
    from the elements that are installed, your own plugins included.

    \b
    Example:
      cxrun schema > rulesets/ruleset.schema.json
      cxrun schema campaign > campaign.schema.json
    """
    from cxrun.mapping import MAP_SCHEMA
    from cxrun.ruleset import composed_schema
    from cxrun.settings import composed_campaign_schema

    schema: dict[str, Any] = MAP_SCHEMA
    if what == "ruleset":
        schema = composed_schema(session.registry)
    elif what == "campaign":
        schema = composed_campaign_schema(session.registry)
    echo_json(schema)
