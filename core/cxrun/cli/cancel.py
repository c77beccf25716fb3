from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cxrun.cli import Session
from cxrun.cli.terminal import counted

if TYPE_CHECKING:
    from cxrun.store import Store
    from cxrun.store.reading import Standing

KINDS = ("record", "number", "client")


@click.command("cancel")
@click.argument("what", metavar="RECORD|PHONE|CLIENT...", nargs=-1, required=True)
@click.option("--chain", is_flag=True, help="The whole chain of each record, not only the record.")
@click.option(
    "--as", "kind", type=click.Choice(KINDS), help="What the arguments are, where that is in doubt."
)
@click.option("--why", metavar="TEXT", default="on request", show_default=True, help="The reason to note.")
@click.pass_obj
def command(session: Session, what: tuple[str, ...], chain: bool, kind: str | None, why: str) -> None:
    """Cancel records: they are not dialed any more.

    A record id cancels that record, and the next of its chain takes its place; a number cancels its records in
    every list, a client all of his. What is in work is canceled when its call is over.

    \b
    Example:
      cxrun cancel 17 --why "has paid"
      cxrun cancel C001
    """
    from cxrun.requests import make
    from cxrun.store.reading import chain_of, standings
    from cxrun.store.requests import ask

    with session.store(create=False) as store:
        records = [key for text in what for key in meant(store, text, kind)]
        if chain:
            records = [member for key in records for member in chain_of(store, *key)]
        records = list(dict.fromkeys(records))
        open_ = [(r.list_id, r.record_id) for r in standings(store, records) if r.place != "closed"]
        make(session.project, store, lambda now: ask(store, "cancel", open_, why, {}))
        after = standings(store, open_)
    left = sum(bool(record.asked) for record in after)
    echo_done(records, open_, len(open_) - left, "canceled", left)


def echo_done(
    records: list[tuple[int, int]], open_: list[tuple[int, int]], done: int, word: str, left: int
) -> None:
    """Sum up what became of the records."""
    click.echo(f"{counted(done, 'record')} {word}")
    if left:
        click.echo(f"{counted(left, 'record')} to be {word} by the run at work, or when the call is over")
    if len(records) > len(open_):
        click.echo(f"{counted(len(records) - len(open_), 'record')} final already")


def meant(store: Store, text: str, kind: str | None = None) -> list[tuple[int, int]]:
    """The (list_id, record_id) that a text means. Raises UserError if it means none, or several things."""
    from cxrun.errors import UserError
    from cxrun.store.reading import meanings

    found = {
        key: records for key, records in meanings(store, text).items() if records and kind in (None, key)
    }
    if not found:
        what = f"{kind} '{text}'" if kind else f"record with the id, number or client id '{text}'"
        raise UserError(f"no {what} in {store.file}")
    if len({tuple(records) for records in found.values()}) > 1:
        raise UserError(f"'{text}' may be a {' or a '.join(found)}; say which with --as")
    return next(iter(found.values()))


def one_meant(store: Store, text: str, kind: str | None = None) -> list[Standing]:
    """The records of the one customer a text means. Raises UserError."""
    from cxrun.errors import UserError
    from cxrun.store.reading import standings

    found = standings(store, meant(store, text, kind))
    if len({record.chain_id for record in found}) > 1:
        ids = ", ".join(f"{record.record_id} (list {record.list_name})" for record in found)
        raise UserError(f"'{text}' is in several chains; name one record: {ids}")
    return found
