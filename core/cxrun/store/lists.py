"""Contact lists in the store: one table of contacts per list, with the list's own typed columns."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from cxrun.contacts import Contact
from cxrun.errors import UserError
from cxrun.model import (
    ASLEEP,
    CHAINED,
    IN_CHAIN,
    NOT_YET,
    PRIORITY,
    CallResult,
    RecordStatus,
    RecordType,
)
from cxrun.store.database import Store
from cxrun.store.pseudonyms import pseudonyms

_TYPES: Final = {"text": "TEXT", "integer": "INTEGER", "number": "REAL"}


class StoredList(NamedTuple):
    """A contact list in the store."""

    list_id: int
    name: str
    field_types: Mapping[str, str]
    rules_digest: str


class Import(NamedTuple):
    """What one import of a file brought."""

    loaded: int
    rejected: int
    duplicates: int


def stored_lists(store: Store) -> dict[str, StoredList]:
    """The lists of the store by name."""
    rows = store.connection.execute(
        "SELECT list_id, name, field_types, rules_digest FROM lists ORDER BY list_id"
    )
    return {row[1]: StoredList(row[0], row[1], json.loads(row[2]), row[3]) for row in rows}


def declare_list(store: Store, name: str, source: str, field_types: Mapping[str, str]) -> StoredList:
    """The list of this name, made if it is new. Raises UserError if its own fields have changed."""
    known = stored_lists(store).get(name)
    if known is not None:
        if dict(known.field_types) != dict(field_types):
            before, now = dict(known.field_types), dict(field_types)
            changed = [field for field in {**before, **now} if before.get(field) != now.get(field)]
            told = ", ".join(
                f"{f} was {before.get(f, 'absent')} and is {now.get(f, 'absent')}" for f in changed
            )
            raise UserError(
                f"contact list '{name}' was imported with other fields ({told or 'in another order'}); "
                "give the list another name to import it anew"
            )
        return known
    with store.transaction():
        row = (name, source, json.dumps(dict(field_types)))
        cursor = store.connection.execute(
            "INSERT INTO lists (name, source, field_types) VALUES (?, ?, ?)", row
        )
        list_id = cursor.lastrowid
        own = "".join(f', "{field}" {_TYPES[kind]}' for field, kind in field_types.items())
        store.connection.execute(
            f"CREATE TABLE contacts_{list_id} (chain_id INTEGER PRIMARY KEY, chain_size INTEGER NOT NULL, "
            f"client_id TEXT, first_name TEXT, last_name TEXT, company TEXT{own}) STRICT"
        )
        store.connection.execute(f"CREATE INDEX contacts_{list_id}_client ON contacts_{list_id} (client_id)")
    return stored_lists(store)[name]


def add_contacts(store: Store, stored: StoredList, contacts: Sequence[Contact]) -> list[Contact]:
    """Add contacts as chains, inside the caller's transaction; returns those that were there already.

    A contact is there already if its ClientID is, or, without one, its first number.
    """
    new, duplicates = _new(store, stored, contacts)
    db = store.connection
    chain_id = db.execute("SELECT coalesce(max(chain_id), 0) FROM records").fetchone()[0]
    record_id = db.execute("SELECT coalesce(max(record_id), 0) FROM records").fetchone()[0]
    new_reason, chained_reason = store.journal.reason_id(NOT_YET), store.journal.reason_id(IN_CHAIN)
    list_id = stored.list_id
    general, unknown = int(RecordType.GENERAL), int(CallResult.UNKNOWN)
    ready, chain_ready = int(RecordStatus.READY), int(RecordStatus.CHAIN_READY)
    priority = PRIORITY[RecordType.GENERAL]
    chains, records, first, others = [], [], [], []
    for contact in new:
        chain_id += 1
        size = len(contact.devices)
        chains.append(
            (
                chain_id,
                size,
                contact.client_id,
                contact.first_name,
                contact.last_name,
                contact.company,
                *contact.fields,
            )
        )
        for chain_n, device in enumerate(contact.devices, 1):
            record_id += 1
            records.append(
                (
                    record_id, list_id, chain_id, chain_n, device.contact_info, device.phone, device.contact_info_type,
                    device.tz, device.tz_source, device.country, device.area_code, contact.daily_from,
                    contact.daily_till,
                )
            )  # fmt: skip
            if chain_n == 1:
                first.append(
                    (list_id, priority, 0, record_id, general, ready, unknown, 0, 0, 0, "", None, new_reason)
                )
            else:
                others.append(
                    (
                        list_id, ASLEEP, CHAINED, record_id, general, chain_ready, unknown, 0, 0, 0, "", None,
                        chained_reason,
                    )
                )  # fmt: skip
    if chains:
        marks = ", ".join("?" * len(chains[0]))
        db.executemany(f"INSERT INTO contacts_{list_id} VALUES ({marks})", chains)
    db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", records)
    insert = "INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    db.executemany(insert, first)
    db.executemany(insert, others)
    return duplicates


def _new(
    store: Store, stored: StoredList, contacts: Iterable[Contact]
) -> tuple[list[Contact], list[Contact]]:
    clients: set[str] = set()
    phones: set[str] = set()
    by_client = [contact.client_id for contact in contacts if contact.client_id]
    by_phone = [contact.devices[0].phone for contact in contacts if not contact.client_id]
    db = store.connection
    redacted = pseudonyms(db, "client", by_client) | pseudonyms(db, "device", by_phone)
    if by_client:
        rows = db.execute(
            f"SELECT client_id FROM contacts_{stored.list_id} WHERE client_id IN (SELECT value FROM json_each(?))",
            (json.dumps([*by_client, *redacted]),),
        )
        clients.update(redacted.get(row[0], row[0]) for row in rows)
    if by_phone:
        rows = db.execute(
            "SELECT phone FROM records WHERE phone IN (SELECT value FROM json_each(?)) AND list_id = ? AND chain_n = 1",
            (json.dumps([*by_phone, *redacted]), stored.list_id),
        )
        phones.update(redacted.get(row[0], row[0]) for row in rows)
    new: list[Contact] = []
    duplicates: list[Contact] = []
    for contact in contacts:
        key, seen = (contact.client_id, clients) if contact.client_id else (contact.devices[0].phone, phones)
        (duplicates if key in seen else new).append(contact)
        seen.add(key)
    return new, duplicates


def imported(store: Store, stored: StoredList, digest: str) -> bool:
    """Whether a file of this digest has been imported into the list."""
    return bool(
        store.connection.execute(
            "SELECT EXISTS (SELECT 1 FROM imports WHERE list_id = ? AND digest = ?)", (stored.list_id, digest)
        ).fetchone()[0]
    )


def has_imports(store: Store, stored: StoredList) -> bool:
    """Whether any file has been imported into the list."""
    row = store.connection.execute(
        "SELECT EXISTS (SELECT 1 FROM imports WHERE list_id = ?)", (stored.list_id,)
    )
    return bool(row.fetchone()[0])


def next_chain(store: Store) -> int:
    """The chain that the next new contact of any list makes."""
    return int(store.connection.execute("SELECT coalesce(max(chain_id), 0) + 1 FROM records").fetchone()[0])


def record_import(
    store: Store, stored: StoredList, source: str, digest: str, result: Import, first_chain: int
) -> None:
    """Note that a file was imported just now; its contacts begin with chain `first_chain`."""
    store.connection.execute(
        "INSERT INTO imports (list_id, source, digest, loaded, rejected, duplicates, first_chain, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (stored.list_id, source, digest, *result, first_chain, time.time()),
    )


def date_imports(store: Store, at: float | None) -> None:
    """Settle when new imports were made for the rules: `at`, or when they were made if that is None."""
    store.connection.execute("UPDATE imports SET since = coalesce(?, at) WHERE since IS NULL", (at,))


def imports_of(store: Store, stored: StoredList) -> list[tuple[int, float]]:
    """The first chain of each import of a list and when that was (Unix UTC seconds), in order."""
    return store.connection.execute(
        "SELECT first_chain, coalesce(since, at) FROM imports WHERE list_id = ? AND loaded > 0 "
        "ORDER BY first_chain, import_id",
        (stored.list_id,),
    ).fetchall()


def frozen_rules(store: Store, stored: StoredList, digest: str) -> None:
    """Remember under which rules the list was last dialed."""
    store.connection.execute("UPDATE lists SET rules_digest = ? WHERE list_id = ?", (digest, stored.list_id))
