from __future__ import annotations

import datetime

import click

from cxrun.cli import Session
from cxrun.cli.terminal import counted, echo_columns, echo_json, json_option


@click.command("undo")
@click.argument("number", metavar="[IMPORT]", type=int, required=False)
@json_option
@click.pass_obj
def command(session: Session, number: int | None, as_json: bool) -> None:
    """Take out what an IMPORT brought, or list the imports.

    A customer who was dialed since, or whose records were closed, is kept whole and counted. What an update
    changed in contacts that were there before stays changed.

    \b
    Example:
      cxrun undo
      cxrun undo 3
    """
    from cxrun.importing import undo
    from cxrun.store.lists import imports

    with session.store(create=False) as store:
        if number is not None:
            undone = undo(store, number)
        else:
            listed = imports(store)
    if number is None:
        if as_json:
            echo_json([{**item._asdict(), "counts": item.counts._asdict()} for item in listed])
            return
        rows = [
            (
                item.import_id, item.list_name, item.source, item.mode,
                f"{datetime.datetime.fromtimestamp(item.at, datetime.UTC):%Y-%m-%d %H:%M}", *item.counts,
                "cut off" if item.state == "begun" else item.state,
            )
            for item in listed
        ]  # fmt: skip
        header = ("import", "list", "file", "mode", "at (UTC)", "loaded", "updated", "unchanged", "rejected",
                  "duplicates", "state")  # fmt: skip
        echo_columns(rows, header)
    elif as_json:
        echo_json({"import": number, **undone._asdict()})
    else:
        click.echo(
            f"import {number} undone: {counted(undone.contacts, 'contact')} taken out "
            f"({counted(undone.records, 'record')}), {undone.kept:,} kept that were dialed or closed since"
        )
