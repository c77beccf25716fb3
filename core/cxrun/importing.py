"""Importing a contact list: rows stream from the file into the store, what is refused into a reject file."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from cxrun.campaign import ContactList
from cxrun.contacts import Contact, Notice, Rejected, read_contacts
from cxrun.errors import UserError
from cxrun.store.database import Store
from cxrun.store.lists import Import, add_contacts, declare_list, has_imports, imported, record_import

BATCH = 5000


@dataclass
class ImportResult:
    """What an import did; `rejects` is the file that tells of every row left out and every doubt, if any."""

    name: str
    loaded: int = 0
    records: int = 0
    rejected: int = 0
    duplicates: int = 0
    notices: int = 0
    rejects: Path | None = None


def is_imported(store: Store, contact_list: ContactList) -> bool:
    """Whether the list's file, as it is now, has been imported.

    A file that is gone has been, if any was. Raises UserError if none was.
    """
    stored = declare_list(
        store, contact_list.name, contact_list.settings.file, contact_list.settings.field_types
    )
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
) -> ImportResult:
    """Append the contacts of the list's file that are not in the store yet; `watch` is called per batch.

    Safe to repeat: what is there already counts as a duplicate. Raises UserError if the file is not as its
    mapping says.
    """
    stored = declare_list(
        store, contact_list.name, contact_list.settings.file, contact_list.settings.field_types
    )
    if not contact_list.path.exists():
        raise UserError(f"{contact_list.mark}: there is no file {contact_list.settings.file}")
    result = ImportResult(contact_list.name)
    rejects = RejectFile(folder / "rejects" / f"{contact_list.name}.csv")
    digest = file_digest(contact_list.path)
    again = has_imports(store, stored)
    items = read_contacts(contact_list.path, contact_list.settings)
    try:
        for contacts in _batches(items, result, rejects):
            with store.transaction():
                duplicates = add_contacts(store, stored, contacts)
            result.duplicates += len(duplicates)
            result.loaded += len(contacts) - len(duplicates)
            result.records += sum(len(contact.devices) for contact in contacts)
            result.records -= sum(len(contact.devices) for contact in duplicates)
            for contact in () if again else duplicates:
                what = f"ClientID '{contact.client_id}'" if contact.client_id else contact.devices[0].phone
                rejects.add(contact.row, f"duplicate: {what} is in the list already", ())
            watch(result)
        with store.transaction():
            counts = Import(result.loaded, result.rejected, result.duplicates)
            record_import(store, stored, contact_list.settings.file, digest, counts)
    finally:
        rejects.close()
    result.rejects = rejects.path if rejects.written else None
    return result


def file_digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _batches(
    items: Iterator[Contact | Rejected | Notice], result: ImportResult, rejects: RejectFile
) -> Iterator[list[Contact]]:
    while piece := list(islice(items, BATCH)):
        contacts = []
        for item in piece:
            if isinstance(item, Contact):
                contacts.append(item)
            elif isinstance(item, Rejected):
                result.rejected += 1
                rejects.add(item.row, f"rejected: {item.reason}", item.cells)
            else:
                result.notices += 1
                rejects.add(item.row, item.reason, ())
        yield contacts


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
