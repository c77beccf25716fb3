"""Importing a contact list: rows stream from the file into the store, what is refused into a reject file."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from cxrun.campaign import ContactList
from cxrun.contacts import Contact, Item, Rejected, read_contacts
from cxrun.errors import UserError
from cxrun.interchange import is_interchange, read_records
from cxrun.store.database import Store
from cxrun.store.interchange import Staging
from cxrun.store.lists import (
    Counts,
    StoredList,
    add_contacts,
    advance_import,
    begin_import,
    declare_list,
    has_imports,
    highest_ids,
    imported,
    stored_lists,
)
from cxrun.store.runs import present
from cxrun.store.undoing import Undone, clear_list, undo_import
from cxrun.store.updating import Update

BATCH = 5000


@dataclass
class ImportResult:
    """What an import did; `rejects` is the file that tells of every row left out and every doubt, if any.

    `import_id` is the batch it can be undone by. `updated` and `unchanged` are contacts an update found there;
    `removed` those that were there before a list was begun anew.
    """

    name: str
    mode: str = "append"
    import_id: int = 0
    loaded: int = 0
    records: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    rejected: int = 0
    duplicates: int = 0
    notices: int = 0
    rejects: Path | None = None

    @property
    def counts(self) -> Counts:
        return Counts(self.loaded, self.updated, self.unchanged, self.rejected, self.duplicates)

    @property
    def rows(self) -> int:
        """How many contacts and rejected rows have been gone through."""
        return sum(self.counts)


def is_imported(store: Store, contact_list: ContactList) -> bool:
    """Whether the list's file, as it is now, has been imported.

    A file that is gone has been, if any was. Raises UserError if none was, or if a list that is split from
    another has not been.
    """
    if contact_list.split_from is not None:
        if contact_list.name in stored_lists(store):
            return True
        raise UserError(
            f"{contact_list.mark}: contact list '{contact_list.name}' is still empty; `cxrun split "
            f"{contact_list.split_from} {contact_list.name}=50%` would move half of {contact_list.split_from} into it"
        )
    stored = _declared(store, contact_list)
    if not contact_list.path.exists():
        if has_imports(store, stored):
            return True
        raise UserError(f"{contact_list.mark}: there is no file {contact_list.settings.file}")
    return imported(store, stored, file_digest(contact_list.path))


def import_list(
    store: Store,
    contact_list: ContactList,
    folder: Path,
    watch: Callable[[ImportResult], None] = lambda result: None,
    mode: str = "append",
) -> ImportResult:
    """Import the list's file; `watch` is called per batch, and each batch is one transaction.

    - append: add the contacts that are not in the store yet. Safe to repeat: what is there is a duplicate.
    - new: take out what is in the list, if it was never dialed, and begin anew.
    - update: bring contacts that are there, by their ClientID, up to date, and add the others.

    Raises UserError if the file is not as its mapping says, and StoreBusy if a run is dialing and the mode is
    not append.
    """
    if contact_list.split_from is not None:
        raise UserError(
            f"contact list '{contact_list.name}' has no file of its own; import {contact_list.split_from}, which it "
            "is split from"
        )
    stored = _declared(store, contact_list)
    if not contact_list.path.exists():
        raise UserError(f"{contact_list.mark}: there is no file {contact_list.settings.file}")
    if mode == "update" and "client_id" not in contact_list.settings.columns:
        raise UserError(
            f"{contact_list.mark}: an update finds contacts by their ClientID; add `client_id` to the map"
        )
    result = ImportResult(contact_list.name, mode)
    rejects = RejectFile(folder / "rejects" / f"{contact_list.name}.csv")
    with closing(rejects), nullcontext() if mode == "append" else store.leased():
        _Import(store, stored, contact_list, result, rejects, watch).run()
    result.rejects = rejects.path if rejects.written else None
    return result


def undo(store: Store, import_id: int) -> Undone:
    """Take out what an import brought and was not dialed since. Raises UserError, StoreBusy."""
    with store.leased():
        return undo_import(store, import_id, present(store))


class _Import:
    """One import, from the first row to the last."""

    def __init__(
        self,
        store: Store,
        stored: StoredList,
        contact_list: ContactList,
        result: ImportResult,
        rejects: RejectFile,
        watch: Callable[[ImportResult], None],
    ) -> None:
        self._store, self._stored, self._list = store, stored, contact_list
        self._result, self._rejects, self._watch = result, rejects, watch
        self._again = has_imports(store, stored) and result.mode == "append"
        _, self._highest = highest_ids(store)
        self._update: Update | None = None
        self._staging: Staging | None = None

    def run(self) -> None:
        path, settings = self._list.path, self._list.settings
        store, result = self._store, self._result
        digest = file_digest(path)
        interchange = is_interchange(path, settings)
        items = read_records(path, settings, self._staged) if interchange else read_contacts(path, settings)
        first = next(items, None)
        now = present(store)
        with store.transaction():
            if result.mode == "new":
                result.removed = clear_list(store, self._stored, now).contacts
            result.import_id = begin_import(store, self._stored, settings.file, result.mode)
            if result.mode == "update":
                self._update = Update(store, self._stored, result.import_id, now)
        try:
            for contacts in self._batches(items if first is None else _with(first, items)):
                with store.transaction():
                    if result.mode != "append":
                        store.check_lease()
                    self._write(contacts)
                    advance_import(store, result.import_id, result.counts)
                self._watch(result)
        finally:
            for part in (self._update, self._staging):
                if part is not None:
                    part.close()
        with store.transaction():
            advance_import(store, result.import_id, result.counts, digest)

    def _staged(self) -> Staging:
        self._staging = Staging(self._store)
        return self._staging

    def _write(self, contacts: Sequence[Contact]) -> None:
        result = self._result
        if self._update is not None:
            done = self._update.apply(contacts)
            duplicates = done.duplicates
            result.loaded += done.new
            result.updated += done.updated
            result.unchanged += done.unchanged
            result.records += done.records
            for row, note in done.notes:
                result.notices += 1
                self._rejects.add(row, note, ())
        else:
            duplicates = add_contacts(self._store, self._stored, result.import_id, contacts, self._highest)
            result.loaded += len(contacts) - len(duplicates)
            result.records += sum(len(contact.devices) for contact in contacts)
            result.records -= sum(len(contact.devices) for contact in duplicates)
        result.duplicates += len(duplicates)
        for contact in () if self._again else duplicates:
            what = f"ClientID '{contact.client_id}'" if contact.client_id else contact.devices[0].phone
            self._rejects.add(contact.row, f"duplicate: {what} is in the list already", ())

    def _batches(self, items: Iterator[Item]) -> Iterator[list[Contact]]:
        while piece := list(islice(items, BATCH)):
            contacts = []
            for item in piece:
                if isinstance(item, Contact):
                    contacts.append(item)
                elif isinstance(item, Rejected):
                    self._result.rejected += 1
                    self._rejects.add(item.row, f"rejected: {item.reason}", item.cells)
                else:
                    self._result.notices += 1
                    self._rejects.add(item.row, item.reason, ())
            yield contacts


def _declared(store: Store, contact_list: ContactList) -> StoredList:
    settings = contact_list.settings
    return declare_list(store, contact_list.name, settings.file, settings.field_types)


def _with(first: Item, items: Iterator[Item]) -> Iterator[Item]:
    yield first
    yield from items


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class RejectFile:
    """Made only if there is something to tell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self._stream: TextIO | None = None

    def add(self, row: int, reason: str, cells: tuple[str, ...] | list[str]) -> None:
        if self._stream is None:
            self.path.parent.mkdir(exist_ok=True)
            self._stream = self.path.open("w", newline="", encoding="utf-8")
            csv.writer(self._stream).writerow(("line", "reason", "row as given"))
        csv.writer(self._stream).writerow((row, reason, *cells))
        self.written += 1

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
