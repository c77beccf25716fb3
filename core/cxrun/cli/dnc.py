from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cxrun.cli import Session
from cxrun.cli.terminal import counted, echo_json, json_option, on_terminal
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.model import Suppression
    from cxrun.suppressing import EntryImport

_LINES: Final = 1000
"""Entries printed at once."""
_list_option = click.option(
    "--list", "list_name", metavar="NAME",
    help="The suppression list: the only one of the project, or dnc, if none is named.",
)  # fmt: skip
_region_option = click.option(
    "--region", metavar="CC", help="The country of numbers without a leading +: that of the contact lists."
)
_client_option = click.option("--client", "clients", metavar="ID", multiple=True, help="A client, by his id.")


@click.group("dnc")
def command() -> None:
    """Keep the suppression lists: who must not be called.

    An entry counts from the moment it is written: a run that is at work in another process dials nobody any more
    whom it names. It names a device by its number, or a client by his id.

    \b
    Example:
      cxrun dnc add "(212) 555-0101"
      cxrun dnc check +12125550101
      cxrun dnc import complaints.csv --list complaints
    """


@command.command("add")
@click.argument("numbers", nargs=-1)
@_client_option
@click.option("--whole-client", is_flag=True, help="Beside each number its client too, with all his numbers.")
@_list_option
@click.option("--from", "valid_from", metavar="TIME", help="Since when the entry counts; at once by default.")
@click.option(
    "--till", "valid_till", metavar="TIME", help="Until when, e.g. 2027-01-01 or 90d; for ever by default."
)
@_region_option
@click.pass_obj
def add(
    session: Session,
    numbers: tuple[str, ...],
    clients: tuple[str, ...],
    whole_client: bool,
    list_name: str | None,
    valid_from: str | None,
    valid_till: str | None,
    region: str | None,
) -> None:
    """Add NUMBERS or clients: they are not to be called.

    Without --from and --till this is a do-not-call request: the records of the number, or of the client, are
    closed as no_call in every list; what is in work, when its call is over. With either, it is an entry for a
    time, and the records wait.

    \b
    Example:
      cxrun dnc add "(212) 555-0101" --whole-client
      cxrun dnc add --client C001 --till 90d
    """
    from cxrun.model import Suppression
    from cxrun.moments import parse_moment
    from cxrun.requests import make, suppress, suppression_list
    from cxrun.store.reading import standings
    from cxrun.store.requests import clients_of, records_with
    from cxrun.store.runs import last_reached

    project = session.project
    name = suppression_list(project, list_name)
    retention = project.suppression_lists[name].retention
    keys = _keys(session, numbers, clients, region)
    for_ever = valid_from is None and valid_till is None
    closed: list[tuple[int, int]] = []
    with session.store() as store:

        def request(now: float) -> None:
            begin = now if last_reached(store) is not None else 0.0
            begin = begin if valid_from is None else parse_moment(valid_from, now)
            till = None if valid_till is None else parse_moment(valid_till, now)
            if till is not None and till <= begin:
                raise UserError(f"--till {valid_till} is not after the entry begins")
            if whole_client:
                named = [key for kind, key in keys if kind == "device"]
                others = clients_of(store, records_with(store, named, ()))
                keys.extend(("client", client) for client in others if ("client", client) not in keys)
            for kind, key in keys:
                entry = Suppression(name, kind, key, begin, till).kept(retention, now)
                closed.extend(suppress(store, now, entry, close=for_ever))

        make(project, store, request)
        found = standings(store, sorted(set(closed)))
    for kind, key in keys:
        click.echo(f"{kind} {key} is on list '{name}'{'' if for_ever else ' for the time given'}")
    if for_ever:
        left = sum(bool(record.asked) for record in found)
        click.echo(f"{counted(len(found) - left, 'record')} closed as no_call")
        if left:
            click.echo(f"{counted(left, 'record')} to be closed by the run at work, or when the call is over")


@command.command("remove")
@click.argument("numbers", nargs=-1)
@_client_option
@_list_option
@_region_option
@click.pass_obj
def remove(
    session: Session,
    numbers: tuple[str, ...],
    clients: tuple[str, ...],
    list_name: str | None,
    region: str | None,
) -> int:
    """Take NUMBERS or clients off a list.

    Records the entry held back are looked at again when the next run begins; records a do-not-call request has
    closed stay closed. Exit code 1 if any of them was not on the list.

    \b
    Example:
      cxrun dnc remove +12125550101
    """
    from cxrun.requests import make, suppression_list, unsuppress

    name = suppression_list(session.project, list_name)
    keys = _keys(session, numbers, clients, region)
    removed: list[Suppression] = []
    with session.store(create=False) as store:
        make(session.project, store, lambda now: removed.extend(unsuppress(store, now, name, keys)))
    gone = {(entry.kind, entry.key) for entry in removed}
    for kind, key in keys:
        click.echo(f"{kind} {key} {'taken off' if (kind, key) in gone else 'was not on'} list '{name}'")
    return 0 if len(gone) == len(keys) else 1


@command.command("check")
@click.argument("numbers", nargs=-1)
@_client_option
@_region_option
@json_option
@click.pass_obj
def check(
    session: Session, numbers: tuple[str, ...], clients: tuple[str, ...], region: str | None, as_json: bool
) -> int:
    """Say whether and why NUMBERS or clients are suppressed.

    A number is suppressed by an entry of its own, or by one of a client it belongs to in any contact list. Exit
    code 1 if any of them is suppressed now.

    \b
    Example:
      cxrun dnc check "(212) 555-0101" && echo "may be called"
    """
    from cxrun.requests import in_force, now_of
    from cxrun.store.queue import suppressions
    from cxrun.store.requests import clients_of, records_with

    answers: list[dict[str, Any]] = []
    with session.store() as store:
        now = now_of(session.project, store)
        for kind, key in _keys(session, numbers, clients, region):
            owners = [key] if kind == "client" else clients_of(store, records_with(store, [key], ()))
            entries = sorted(suppressions(store, owners, [key] if kind == "device" else []), reverse=True)
            answers.append(
                {
                    "kind": kind,
                    "key": key,
                    "suppressed": any(in_force(entry, now) for entry in entries),
                    "entries": [_as_data(entry) | {"in_force": in_force(entry, now)} for entry in entries],
                }
            )
    if as_json:
        echo_json(answers)
    else:
        for answer in answers:
            click.echo(
                f"{answer['kind']} {answer['key']}: {'' if answer['suppressed'] else 'not '}suppressed"
            )
            for entry in answer["entries"]:
                counts = "" if entry["in_force"] else ", not in force now"
                about = f"{entry['kind']} {entry['key']} on list '{entry['list']}'"
                click.echo(f"  {about}, {_span(entry)}{counts}")
    return 1 if any(answer["suppressed"] for answer in answers) else 0


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_list_option
@click.option("--client", "clients", is_flag=True, help="The file holds ids of clients, not numbers.")
@click.option(
    "--column", metavar="NAME", help="The column of numbers, or of clients, by its name in the header."
)
@click.option(
    "--till", "valid_till", metavar="TIME", help="Until when the entries count; for ever by default."
)
@_region_option
@json_option
@click.pass_obj
def import_(
    session: Session,
    file: Path,
    list_name: str | None,
    clients: bool,
    column: str | None,
    valid_till: str | None,
    region: str | None,
    as_json: bool,
) -> None:
    """Import FILE into a suppression list, one entry per line.

    Plain lines hold a number each. A file with a header has a column named number or client, and may have
    columns from and till. Lines that cannot be used go to rejects/suppression-NAME.csv with the reason. The
    entries hold records back; they do not close them, so that a wrong file can be taken back.

    \b
    Example:
      cxrun dnc import national.txt --list national --till 31d
    """
    from cxrun.moments import parse_moment
    from cxrun.requests import now_of, region_of, suppression_list
    from cxrun.store.runs import last_reached
    from cxrun.suppressing import import_entries

    project = session.project
    name = suppression_list(project, list_name)
    with session.store() as store:
        now = now_of(project, store)
        result = import_entries(
            store, file, name, session.folder, now=now,
            valid_from=now if last_reached(store) is not None else 0.0,
            valid_till=None if valid_till is None else parse_moment(valid_till, now),
            retention=project.suppression_lists[name].retention,
            region=region or region_of(project), clients=clients, column=column, watch=_show_progress,
        )  # fmt: skip
    if on_terminal():
        click.echo("\r\033[K", nl=False, err=True)
    if as_json:
        echo_json(vars(result))
        return
    entries = f"{result.entries:,} {'entry' if result.entries == 1 else 'entries'}"
    click.echo(f"list '{name}': {entries} from {file.name}, {result.rejected:,} rejected")
    if result.rejects:
        click.echo(f"  see {result.rejects}")


@command.command("list")
@_list_option
@json_option
@click.pass_obj
def list_(session: Session, list_name: str | None, as_json: bool) -> None:
    """Print the entries of all suppression lists, or of one.

    \b
    Example:
      cxrun dnc list --list dnc
    """
    from cxrun.requests import suppression_list
    from cxrun.store.requests import entries

    name = None if list_name is None else suppression_list(session.project, list_name)
    with session.store() as store:
        found = entries(store, name)
        if as_json:
            _stream_json(found)
            return
        while piece := list(islice(found, _LINES)):
            lines = (f"{e.list_name}  {e.kind:6}  {e.key}  {_span(_as_data(e))}" for e in piece)
            click.echo("\n".join(lines))


def _stream_json(found: Iterator[Suppression]) -> None:
    """A JSON array, piece by piece: a list may be longer than memory."""
    import json

    before = "["
    while piece := list(islice(found, _LINES)):
        click.echo(before + ",".join("\n  " + json.dumps(_as_data(entry)) for entry in piece), nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def _keys(
    session: Session, numbers: Iterable[str], clients: Iterable[str], region: str | None
) -> list[tuple[str, str]]:
    """What a command names, as (kind, key). Raises UserError for what is no number."""
    from cxrun.numbers import parse_number
    from cxrun.requests import region_of

    region = region or region_of(session.project)
    keys = [("device", parse_number(number, region).e164) for number in numbers]
    keys += [("client", client) for client in clients]
    if not keys:
        raise click.UsageError("name a number, or a client with --client")
    return list(dict.fromkeys(keys))


def _as_data(entry: Suppression) -> dict[str, Any]:
    from cxrun.moments import moment_text

    return {
        "list": entry.list_name,
        "kind": entry.kind,
        "key": entry.key,
        "from": moment_text(entry.valid_from) if entry.valid_from else None,
        "till": None if entry.valid_till is None else moment_text(entry.valid_till),
    }


def _span(entry: dict[str, Any]) -> str:
    since = f"since {entry['from']}" if entry["from"] else "always"
    return f"{since}, till {entry['till']}" if entry["till"] else since


def _show_progress(result: EntryImport) -> None:
    done = result.entries + result.rejected
    if on_terminal():
        click.echo(f"\r{result.name}: {done:,} lines", nl=False, err=True)
    elif done % 100_000 < 5000 and done >= 100_000:
        click.echo(f"{result.name}: {done:,} lines", err=True)
