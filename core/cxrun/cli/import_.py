from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import clear_progress, counted, echo_json, json_option, show_progress

if TYPE_CHECKING:
    from cxrun.importing import ImportResult


@click.command("import")
@click.argument("lists", nargs=-1, shell_complete=completing.lists)
@click.option("--update", "modes", flag_value="update", multiple=True,
              help="Bring contacts that are there, by their ClientID, up to date; add the others.")  # fmt: skip
@click.option("--new", "modes", flag_value="new", multiple=True,
              help="Begin the list anew: take out its contacts first. Refused once any was dialed.")  # fmt: skip
@json_option
@click.pass_obj
def command(session: Session, lists: tuple[str, ...], modes: tuple[str, ...], as_json: bool) -> None:
    """Import contact LISTS, all by default.

    Contacts that are there already are left alone, so it is safe to repeat. Rows that cannot be used go to
    rejects/LIST.csv with their line and the reason. What an import brought can be taken out with `cxrun undo`.

    With --update names, own fields and numbers change, and records keep their state: a new number is appended
    to its chain, one that is no longer there is closed; attempts and caps stay as they are.

    \b
    Example:
      cxrun import
      cxrun import customers --update --json
    """
    from cxrun.importing import import_list

    if len(set(modes)) > 1:
        raise click.UsageError("--update and --new are not for the same import")
    mode = modes[0] if modes else "append"
    project = session.project
    chosen = [project.contact_list(name) for name in lists] or [
        contact_list for contact_list in project.lists.values() if contact_list.split_from is None
    ]
    results = []
    with session.store() as store:
        for contact_list in chosen:
            result = import_list(store, contact_list, session.folder, watch_import, mode)
            results.append(result)
            if not as_json:
                echo_result(result)
    if as_json:
        echo_json([vars(result) for result in results])


def watch_import(result: ImportResult) -> None:
    """Say how far an import has come."""
    show_progress(result.name, result.rows, "rows")


def echo_result(result: ImportResult, *, aside: bool = False) -> None:
    """Sum up an import on one line; `aside` keeps it out of the way of JSON."""
    clear_progress()
    noted = f", {result.notices:,} to look at" if result.notices else ""
    removed = f"{counted(result.removed, 'contact')} taken out, " if result.mode == "new" else ""
    updated = (
        f"{result.updated:,} updated, {result.unchanged:,} unchanged, " if result.mode == "update" else ""
    )
    click.echo(
        f"{result.name}: {removed}{counted(result.loaded, 'contact')} loaded ({counted(result.records, 'record')}), "
        f"{updated}{result.rejected:,} rejected, {counted(result.duplicates, 'duplicate')}{noted}",
        err=aside,
    )
    if result.rejects:
        click.echo(f"  see {result.rejects}", err=aside)
