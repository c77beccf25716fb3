from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import echo_columns, echo_json, json_option
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.explaining.story import Story


@click.command("explain")
@click.argument("what", metavar="RECORD|PHONE|CLIENT|GROUP", shell_complete=completing.groups)
@click.option("--at", "when", metavar="TIME",
              help="What every rule says at a moment: 2026-03-02T18:00Z, 8h (from now), or now.")  # fmt: skip
@json_option
@click.pass_obj
def command(session: Session, what: str, when: str | None, as_json: bool) -> None:
    """Tell the life of a record, and what comes next; or what became of a campaign group.

    Every decision is told with the file and line of its rule. Give a record id, a number or a client id. With --at
    the record is shown at that moment: as it stood then, with what was known then; or, of a moment to come, as it
    stands now, if nothing else happens until then.

    Of a group its starts, pauses and stops are told, and what held its pace back, with --at up to that moment.

    \b
    Example:
      cxrun explain 17
      cxrun explain +12125550123 --at 2026-03-02T18:00Z
      cxrun explain welcome_east
    """
    from cxrun.explaining import explain
    from cxrun.explaining.of_group import explain_group
    from cxrun.moments import parse_moment
    from cxrun.requests import now_of
    from cxrun.store.reading import find_records

    project = session.project
    with session.store(create=False) as store:
        found = find_records(store, what)
        group = project.groups.get(what)
        if not found and group is None:
            raise UserError(
                f"no record with the id, number or client id '{what}' in {store.file}, and no such group"
            )
        at = None
        if when is not None:
            now = now_of(project, store)
            at = now if when == "now" else parse_moment(when, now)
        groups = [explain_group(store, group, at)] if group else []
        stories = [explain(project, store, list_id, record_id, at) for list_id, record_id in found]
    if as_json:
        echo_json([*(told.as_data() for told in groups), *(story.as_data() for story in stories)])
        return
    for told in groups:
        click.secho(told.title, bold=True)
        for line in told.lines:
            click.echo(f"  {line}")
    for number, story in enumerate(stories):
        if number or groups:
            click.echo()
        click.secho(story.title, bold=True)
        if story.look is not None:
            _echo_look(story)
            continue
        for line in story.lines:
            click.echo(f"  {line}")
        click.echo(f"now: {story.now}")
        click.echo(f"next: {story.next}")


def _echo_look(story: Story) -> None:
    """The record at another moment, and what each rule says of it."""
    from cxrun.explaining import standing
    from cxrun.moments import moment_text

    look = story.look
    assert look is not None
    zone = story.record.zones[0] if story.record.zones else "UTC"
    click.echo(f"at {moment_text(look.at, zone)}: {standing(look)}")
    for line in look.told:
        click.echo(f"  {line}")
    for note in look.notes:
        click.echo(f"  {note}")
    if look.said:
        rows = []
        for said in look.said:
            until = "" if said.until is None else moment_text(said.until, zone)
            words = "; ".join(filter(None, (said.reason, said.figures)))
            rows.append((said.verdict, until or "-", str(said.rule), words or "-"))
        echo_columns(rows, ("verdict", "until", "rule", "because"))
    if look.decision is not None:
        click.secho(f"by the rules: {look.decision_text(zone)}", bold=True)
