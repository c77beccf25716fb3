from __future__ import annotations

import click

from cxrun.cli import Session
from cxrun.cli.terminal import echo_json, json_option
from cxrun.errors import UserError


@click.command("explain")
@click.argument("record", metavar="RECORD|PHONE|CLIENT")
@json_option
@click.pass_obj
def command(session: Session, record: str, as_json: bool) -> None:
    """Tell the life of a record, and what comes next.

    Every decision is told with the file and line of its rule. Give a record id, a number or a client id.

    \b
    Example:
      cxrun explain 17
      cxrun explain +12125550123
    """
    from cxrun.explaining import explain
    from cxrun.store.reading import find_records

    project = session.project
    with session.store(create=False) as store:
        found = find_records(store, record)
        if not found:
            raise UserError(f"no record with the id, number or client id '{record}' in {store.file}")
        stories = [explain(project, store, list_id, record_id) for list_id, record_id in found]
    if as_json:
        echo_json([story.as_data() for story in stories])
        return
    for number, story in enumerate(stories):
        if number:
            click.echo()
        click.secho(story.title, bold=True)
        for line in story.lines:
            click.echo(f"  {line}")
        click.echo(f"now: {story.now}")
        click.echo(f"next: {story.next}")
