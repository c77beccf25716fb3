"""Suppression lists: adding who must not be called, one at a time or from a file, and taking them off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

from cxrun.campaign import Project
from cxrun.errors import UserError, near
from cxrun.importing import RejectFile
from cxrun.listfile import Format, rows, sniff
from cxrun.model import Suppression
from cxrun.moments import parse_moment
from cxrun.numbers import BadNumber, to_e164
from cxrun.store.database import Store
from cxrun.store.requests import ask
from cxrun.store.suppressions import add_suppressions, records_with, remove_suppressions

BATCH = 5000
_NAMES: Final = {
    "device": ("number", "phone", "phone number", "phone_number", "device", "contact_info"),
    "client": ("client", "client_id", "client id", "clientid", "customer id", "customer_id"),
    "from": ("from", "valid_from", "since"),
    "till": ("till", "until", "valid_till", "expires"),
}
"""The names a column may have, by what it holds."""


def suppression_list(project: Project, name: str | None) -> str:
    """The suppression list a command means; without a name the only one, or `dnc`. Raises UserError."""
    declared = project.suppression_lists
    if not declared:
        raise UserError(
            "the project declares no suppression list; add to campaign.yaml, e.g.\n"
            "suppression_lists:\n  dnc: people who asked not to be called again"
        )
    if name is None:
        if len(declared) > 1 and "dnc" not in declared:
            raise UserError(
                f"several suppression lists ({', '.join(sorted(declared))}); name one with --list"
            )
        return "dnc" if "dnc" in declared else next(iter(declared))
    if name not in declared:
        raise UserError(f"no suppression list named '{name}' in campaign.yaml{near(name, declared)}")
    return name


def suppress(store: Store, now: float, entry: Suppression, *, close: bool) -> list[tuple[int, int]]:
    """Add an entry to a suppression list, inside the caller's transaction.

    With `close` it is a do-not-call request: the records it names become no_call, in every list. Returns
    those records.
    """
    add_suppressions(store, [entry])
    store.journal.note(now, "suppressed", f"{entry.kind} {entry.key} added to list '{entry.list_name}'")
    if not close:
        return []
    named = ([entry.key], []) if entry.kind == "device" else ([], [entry.key])
    records = records_with(store, *named)
    ask(store, "do_not_call", records, f"do not call, on request, list '{entry.list_name}'", {})
    return records


def unsuppress(store: Store, now: float, list_name: str, keys: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Take (kind, key) off a suppression list, inside the caller's transaction; returns those that were on it."""
    removed = remove_suppressions(store, list_name, keys)
    for entry in chain.from_iterable(removed.values()):
        store.journal.note(
            now, "unsuppressed", f"{entry.kind} {entry.key} taken off list '{entry.list_name}'"
        )
    return set(removed)


@dataclass
class EntryImport:
    """What an import of entries did.

    `columns` names those the entries came from, if the file has a header; `rejects` is the file that tells of every
    row left out, if any.
    """

    name: str
    columns: str = ""
    entries: int = 0
    rejected: int = 0
    rejects: Path | None = None


class _Columns(NamedTuple):
    """Which cell holds what; None for none. `header` is False if the first line is an entry itself."""

    device: int | None
    client: int | None
    valid_from: int | None
    valid_till: int | None
    header: bool


def import_entries(
    store: Store,
    file: Path,
    list_name: str,
    folder: Path,
    *,
    now: float,
    valid_from: float,
    valid_till: float | None,
    retention: float | None,
    region: str | None,
    clients: bool,
    column: str | None,
    watch: Callable[[EntryImport], None] = lambda result: None,
) -> EntryImport:
    """Add the entries of a file to a suppression list; `watch` is called per batch, each is a transaction.

    `valid_from` and `valid_till` hold for rows that do not say themselves. Safe to repeat. Raises UserError if
    the file cannot be read as entries.
    """
    format = sniff(file)
    columns = _columns(file, format, column, region, clients=clients)
    first = iter(()) if columns.header else iter([(1, list(format.header))])
    result = EntryImport(list_name)
    if columns.header:
        used = [format.header[place] for place in (columns.device, columns.client) if place is not None]
        result.columns = " and ".join(f"'{name.strip()}'" for name in used)
    rejects = RejectFile(folder / "rejects" / f"suppression-{list_name}.csv")
    lines = chain(first, rows(file, format))
    try:
        while piece := list(islice(lines, BATCH)):
            entries = set()
            for line, cells in piece:
                try:
                    found = _entries(cells, columns, list_name, valid_from, valid_till, region)
                    entries |= {entry.kept(retention, now) for entry in found}
                except UserError as error:
                    rejects.add(line, f"rejected: {error}", cells)
                    result.rejected += 1
            with store.transaction():
                if not result.entries:
                    told = f"entries of {file.name} added to list '{list_name}'"
                    store.journal.note(now, "suppressed", told)
                add_suppressions(store, sorted(entries, key=lambda entry: entry[1:3]))
            result.entries += len(entries)
            watch(result)
    finally:
        rejects.close()
    result.rejects = rejects.path if rejects.written else None
    return result


def _columns(
    file: Path, format: Format, column: str | None, region: str | None, *, clients: bool
) -> _Columns:
    header = [name.strip().lower() for name in format.header]
    places = {
        what: next((header.index(name) for name in names if name in header), None)
        for what, names in _NAMES.items()
    }
    wanted = "client" if clients else "device"
    if column is not None:
        if column.strip().lower() not in header:
            raise UserError(f"{file}: no column named '{column}'{near(column, format.header)}")
        places["device"] = places["client"] = None
        places[wanted] = header.index(column.strip().lower())
    elif places["device"] is None and places["client"] is None:
        if not clients:
            try:
                to_e164(format.header[0], region)
            except BadNumber as error:
                raise UserError(
                    f"{file}:1: neither a header nor a number: {error}; a header names a column `number` or "
                    "`client`, or name it with --column"
                ) from None
        return _Columns(None if clients else 0, 0 if clients else None, None, None, False)
    elif clients and places["client"] is None:
        raise UserError(f"{file}: no column `client`; name the column of clients with --column")
    elif clients:
        places["device"] = None
    return _Columns(places["device"], places["client"], places["from"], places["till"], True)


def _entries(
    cells: list[str],
    columns: _Columns,
    list_name: str,
    valid_from: float,
    valid_till: float | None,
    region: str | None,
) -> Iterator[Suppression]:
    """The entries of one row. Raises UserError if it holds none, or one that cannot be read."""
    if told := _cell(cells, columns.valid_from):
        valid_from = parse_moment(told)
    if told := _cell(cells, columns.valid_till):
        valid_till = parse_moment(told)
    if valid_till is not None and valid_till <= valid_from:
        raise UserError("ends before it begins")
    number, client = _cell(cells, columns.device), _cell(cells, columns.client)
    if not number and not client:
        raise UserError("names neither a number nor a client")
    if number:
        yield Suppression(list_name, "device", to_e164(number, region), valid_from, valid_till)
    if client:
        yield Suppression(list_name, "client", client, valid_from, valid_till)


def _cell(cells: list[str], index: int | None) -> str:
    return cells[index].strip() if index is not None and index < len(cells) else ""
