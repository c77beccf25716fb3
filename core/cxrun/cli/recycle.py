from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import clear_progress, counted, echo_json, json_option, result_codes, show_progress

if TYPE_CHECKING:
    from cxrun.recycling import Recycled


@click.command("recycle")
@click.argument("name", metavar="LIST", shell_complete=completing.lists)
@click.option("--result", "results", required=True, metavar="RESULT,...", callback=result_codes,
              shell_complete=completing.results,
              help="Call results of the last call, e.g. no_answer,busy.")  # fmt: skip
@click.option("--older-than", metavar="DURATION", help="Only if the last call was so long ago, e.g. 7d.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@json_option
@click.pass_obj
def command(
    session: Session, name: str, results: frozenset[int], older_than: str | None, dry_run: bool, as_json: bool
) -> None:
    """Make final records of a LIST ready again.

    A chain that is finished returns whole, with its first number next, if its last call had one of the
    results. Attempts and caps are not reset; who is suppressed, no_call or canceled stays closed.

    \b
    Example:
      cxrun recycle customers --result no_answer,busy --older-than 7d
    """
    from cxrun.errors import UserError
    from cxrun.recycling import recycle
    from cxrun.times import seconds

    try:
        age = seconds(older_than) if older_than else 0.0
    except (ValueError, KeyError):
        raise UserError(f"'{older_than}' is no duration; write e.g. 7d, 12h or 30m") from None
    with session.store(create=False) as store:
        stored = session.stored_list(store, name)
        done = recycle(store, stored, results, age, dry=dry_run, watch=_show_progress)
    clear_progress()
    if as_json:
        echo_json({"list": done.name, "contacts": done.contacts, "records": done.records, "dry_run": dry_run})
        return
    verb = "would be" if dry_run else "are"
    click.echo(
        f"{name}: {counted(done.contacts, 'contact')} ({counted(done.records, 'record')}) {verb} ready again"
    )


def _show_progress(done: Recycled) -> None:
    show_progress(done.name, done.contacts, "contacts")
