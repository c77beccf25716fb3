from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cxrun.cli import Session, completing
from cxrun.cli.terminal import clear_progress, counted, echo_columns, echo_json, json_option, show_progress
from cxrun.errors import UserError

if TYPE_CHECKING:
    from cxrun.model import Suppression
    from cxrun.suppressing import EntryImport

_LINES: Final = 1000
"""Entries printed at once."""
_list_option = click.option(
    "--list", "list_name", metavar="NAME", shell_complete=completing.suppression_lists,
    help="The suppression list: the only one of the project, or dnc, if none is named.",
)  # fmt: skip


def _region(context: click.Context, parameter: click.Parameter, given: str | None) -> str | None:
    from cxrun.numbers import is_region

    if given is not None and not is_region(given.upper()):
        raise click.BadParameter(f"no country has the code '{given}'; write e.g. US or DE")
    return given and given.upper()


_region_option = click.option(
    "--region", metavar="CC", callback=_region,
    help="The country of numbers without a leading +: that of the contact lists.",
)  # fmt: skip
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
@click.option(
    "--since", "valid_from", metavar="TIME", help="Since when the entry counts; at once by default."
)
@click.option(
    "--until", "valid_till", metavar="TIME", help="Until when, e.g. 2027-01-01 or 90d; for ever by default."
)
@_region_option
@json_option
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
    as_json: bool,
) -> None:
    """Add NUMBERS or clients: they are not to be called.

    Without --since and --until this is a do-not-call request: the records of the number, or of the client, are
    closed as no_call in every list; what is in work, when its call is over. With either, it is an entry for a
    time, and the records wait.

    \b
    Example:
      cxrun dnc add "(212) 555-0101" --whole-client
      cxrun dnc add --client C001 --until 90d
    """
    from cxrun.model import Suppression
    from cxrun.moments import parse_moment
    from cxrun.requests import make
    from cxrun.store.reading import standings
    from cxrun.store.runs import last_reached
    from cxrun.store.suppressions import clients_of, records_with, suppressions
    from cxrun.suppressing import suppress, suppression_list

    project = session.project
    name = suppression_list(project, list_name)
    retention = project.suppression_lists[name].retention
    keys = _keys(session, numbers, clients, region)
    for_ever = valid_from is None and valid_till is None
    closed: list[tuple[int, int]] = []
    written: list[Suppression] = []
    with session.store() as store:

        def request(now: float) -> None:
            begin = now if last_reached(store) is not None else 0.0
            begin = begin if valid_from is None else parse_moment(valid_from, now)
            till = None if valid_till is None else parse_moment(valid_till, now)
            if till is not None and till <= begin:
                raise UserError(f"--until {valid_till} is not after the entry begins")
            if whole_client:
                named = [key for kind, key in keys if kind == "device"]
                others = clients_of(store, records_with(store, named, ()))
                keys.extend(("client", client) for client in others if ("client", client) not in keys)
            for kind, key in keys:
                entry = Suppression(name, kind, key, begin, till).kept(retention, now)
                closed.extend(suppress(store, now, entry, close=for_ever))
            held = suppressions(
                store,
                [key for kind, key in keys if kind == "client"],
                [k for kind, k in keys if kind == "device"],
            )
            written.extend(entry for entry in held if entry.list_name == name)

        make(project, store, request)
        found = standings(store, sorted(set(closed)))
    left = sum(bool(record.asked) for record in found)
    if as_json:
        echo_json({"entries": [_as_data(entry) for entry in written], "closed": len(found) - left,
                   "to_be_closed": left})  # fmt: skip
        return
    for entry in written:
        ever = ", for ever" if entry.valid_from and entry.valid_till is None else ""
        span = "" if for_ever else f", {_span(entry)}{ever}"
        click.echo(f"{entry.kind} {entry.key} is on list '{name}'{span}")
    if for_ever:
        click.echo(f"{counted(len(found) - left, 'record')} closed as no_call")
        if left:
            click.echo(f"{counted(left, 'record')} to be closed by the run at work, or when the call is over")


@command.command("remove")
@click.argument("numbers", nargs=-1)
@_client_option
@_list_option
@_region_option
@json_option
@click.pass_obj
def remove(
    session: Session,
    numbers: tuple[str, ...],
    clients: tuple[str, ...],
    list_name: str | None,
    region: str | None,
    as_json: bool,
) -> int:
    """Take NUMBERS or clients off a list.

    Records the entry held back are looked at again when the next run begins; records a do-not-call request has
    closed stay closed. Exit code 1 if any of them was not on the list.

    \b
    Example:
      cxrun dnc remove +12125550101
    """
    from cxrun.requests import make
    from cxrun.suppressing import suppression_list, unsuppress

    name = suppression_list(session.project, list_name)
    keys = _keys(session, numbers, clients, region)
    gone: set[tuple[str, str]] = set()
    with session.store(create=False) as store:
        make(session.project, store, lambda now: gone.update(unsuppress(store, now, name, keys)))
    if as_json:
        echo_json(
            [{"list": name, "kind": kind, "key": key, "removed": (kind, key) in gone} for kind, key in keys]
        )
        return 0 if len(gone) == len(keys) else 1
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
    from cxrun.requests import now_of
    from cxrun.store.suppressions import clients_of, records_with, suppressions

    found: dict[tuple[str, str], list[Suppression]] = {}
    with session.store() as store:
        now = now_of(session.project, store)
        for kind, key in _keys(session, numbers, clients, region):
            owners = [key] if kind == "client" else clients_of(store, records_with(store, [key], ()))
            numbers_ = [key] if kind == "device" else []
            found[kind, key] = sorted(suppressions(store, owners, numbers_), reverse=True)
    suppressed = {named: any(entry.in_force(now) for entry in entries) for named, entries in found.items()}
    if as_json:
        echo_json(
            [
                {
                    "kind": kind,
                    "key": key,
                    "suppressed": suppressed[kind, key],
                    "entries": [_as_data(entry) | {"in_force": entry.in_force(now)} for entry in entries],
                }
                for (kind, key), entries in found.items()
            ]
        )
        return 1 if any(suppressed.values()) else 0
    for (kind, key), entries in found.items():
        click.echo(f"{kind} {key}: {'' if suppressed[kind, key] else 'not '}suppressed")
        for entry in entries:
            counts = "" if entry.in_force(now) else ", not in force now"
            click.echo(f"  {entry.kind} {entry.key} on list '{entry.list_name}', {_span(entry)}{counts}")
    return 1 if any(suppressed.values()) else 0


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_list_option
@click.option("--client", "clients", is_flag=True, help="The file holds ids of clients, not numbers.")
@click.option(
    "--column", metavar="NAME", help="The column of numbers, or of clients, by its name in the header."
)
@click.option(
    "--until", "valid_till", metavar="TIME", help="Until when the entries count; for ever by default."
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
      cxrun dnc import national.txt --list national --until 31d
    """
    from cxrun.moments import parse_moment
    from cxrun.requests import now_of
    from cxrun.store.runs import last_reached
    from cxrun.suppressing import import_entries, suppression_list

    project = session.project
    name = suppression_list(project, list_name)
    with session.store() as store:
        now = now_of(project, store)
        result = import_entries(
            store, file, name, session.folder, now=now,
            valid_from=now if last_reached(store) is not None else 0.0,
            valid_till=None if valid_till is None else parse_moment(valid_till, now),
            retention=project.suppression_lists[name].retention,
            region=region or project.region, clients=clients, column=column, watch=_show_progress,
        )  # fmt: skip
    clear_progress()
    if as_json:
        echo_json(vars(result))
        return
    entries = f"{result.entries:,} {'entry' if result.entries == 1 else 'entries'}"
    column = f"column {result.columns} of " if result.columns else ""
    click.echo(f"list '{name}': {entries} from {column}{file.name}, {result.rejected:,} rejected")
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
    from cxrun.store.suppressions import entries
    from cxrun.suppressing import suppression_list

    name = None if list_name is None else suppression_list(session.project, list_name)
    with session.store() as store:
        found = entries(store, name)
        if as_json:
            _stream_json(found)
            return
        header: tuple[str, ...] = ("list", "what", "number or client", "since", "till")
        while piece := list(islice(found, _LINES)):
            echo_columns([tuple(_shown(entry).values()) for entry in piece], header)
            header = ()
        if header:
            click.echo("no entries")


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

    region = region or session.project.region
    keys = [("device", parse_number(number, region).e164) for number in numbers]
    keys += [("client", client) for client in clients]
    if not keys:
        raise click.UsageError("name a number, or a client with --client")
    return list(dict.fromkeys(keys))


def _as_data(entry: Suppression) -> dict[str, Any]:
    return {
        "list": entry.list_name,
        "kind": entry.kind,
        "key": entry.key,
        "from": entry.valid_from or None,
        "till": entry.valid_till,
    }


def _shown(entry: Suppression) -> dict[str, Any]:
    """An entry with its times as text."""
    from cxrun.moments import moment_text

    data = _as_data(entry)
    return data | {key: moment_text(data[key]) for key in ("from", "till") if data[key] is not None}


def _span(entry: Suppression) -> str:
    shown = _shown(entry)
    since = f"since {shown['from']}" if shown["from"] else "always"
    return f"{since}, till {shown['till']}" if shown["till"] else since


def _show_progress(result: EntryImport) -> None:
    show_progress(result.name, result.entries + result.rejected, "lines")
