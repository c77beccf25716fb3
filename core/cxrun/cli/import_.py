from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cxrun.cli import Session
from cxrun.cli.terminal import echo_json, json_option, on_terminal
from cxrun.errors import UserError, near

if TYPE_CHECKING:
    from cxrun.importing import ImportResult


@click.command("import")
@click.argument("lists", nargs=-1)
@click.option("--update", "mode", flag_value="update",
              help="Bring contacts that are there, by their ClientID, up to date; add the others.")  # fmt: skip
@click.option("--new", "mode", flag_value="new",
              help="Begin the list anew: take out its contacts first. Refused once any was dialed.")  # fmt: skip
@json_option
@click.pass_obj
def command(session: Session, lists: tuple[str, ...], mode: str | None, as_json: bool) -> None:
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

    known = session.project.lists
    for name in lists:
        if name not in known:
            raise UserError(f"no contact list named '{name}'{near(name, known)}")
    results = []
    chosen = lists or [name for name, contact_list in known.items() if contact_list.split_from is None]
    with session.store() as store:
        for name in chosen:
            result = import_list(store, known[name], session.folder, show_progress, mode or "append")
            results.append(result)
            if not as_json:
                echo_result(result)
    if as_json:
        echo_json([vars(result) for result in results])


def show_progress(result: ImportResult) -> None:
    """Say how far an import has come."""
    done = result.rows
    if on_terminal():
        click.echo(f"\r{result.name}: {done:,} rows", nl=False, err=True)
    elif done % 100_000 < 5000 and done >= 100_000:
        click.echo(f"{result.name}: {done:,} rows", err=True)


def echo_result(result: ImportResult, *, aside: bool = False) -> None:
    """Sum up an import on one line; `aside` keeps it out of the way of JSON."""
    if on_terminal():
        click.echo("\r\033[K", nl=False, err=True)
    noted = f", {result.notices:,} to look at" if result.notices else ""
    removed = f"{result.removed:,} contacts taken out, " if result.mode == "new" else ""
    updated = (
        f"{result.updated:,} updated, {result.unchanged:,} unchanged, " if result.mode == "update" else ""
    )
    click.echo(
        f"{result.name}: {removed}{result.loaded:,} contacts loaded ({result.records:,} records), "
        f"{updated}{result.rejected:,} rejected, {result.duplicates:,} duplicates{noted}",
        err=aside,
    )
    if result.rejects:
        click.echo(f"  see {result.rejects}", err=aside)
