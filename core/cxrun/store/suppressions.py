"""Suppression lists in the store: who must not be called, and whose records that are."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from cxrun.model import Suppression
from cxrun.store.database import Store
from cxrun.store.pseudonyms import AS_CHAIN as _AS_CHAIN
from cxrun.store.pseudonyms import pseudonyms

CLIENT: Final = f"coalesce(nullif(client_id, ''), '{_AS_CHAIN}' || chain_id)"
"""The client of a contact as suppression knows him, in SQL."""
ENTRIES_CHANGED: Final = "suppression entries were removed"
"""What stands in the place of the digest of a list's rules when its exclusions are to be looked at again."""


def suppressions(store: Store, clients: Iterable[str], phones: Iterable[str]) -> Iterator[Suppression]:
    """The suppression entries that name these numbers or clients."""
    clients, phones = list(clients), list(phones)
    redacted = _redacted(store, clients, phones)
    rows = store.connection.execute(
        "SELECT list_name, kind, key, valid_from, valid_till FROM suppressions "
        "WHERE kind = 'device' AND key IN (SELECT value FROM json_each(?)) "
        "UNION ALL SELECT list_name, kind, key, valid_from, valid_till FROM suppressions "
        "WHERE kind = 'client' AND key IN (SELECT value FROM json_each(?))",
        (json.dumps([*phones, *redacted]), json.dumps([*clients, *redacted])),
    )
    found = (Suppression(*row) for row in rows)
    if not redacted:
        return found
    return (entry._replace(key=redacted.get(entry.key, entry.key)) for entry in found)


def _redacted(store: Store, clients: Iterable[str], phones: Iterable[str]) -> dict[str, str]:
    """What stands for these clients and numbers once they are redacted, each with what it stands for."""
    return pseudonyms(store.connection, "client", clients) | pseudonyms(store.connection, "device", phones)


def add_suppressions(store: Store, entries: Iterable[Suppression]) -> None:
    """Add entries; one that is there already is kept for the longer of the two times."""
    store.connection.executemany(
        "INSERT INTO suppressions (list_name, kind, key, valid_from, valid_till) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET valid_from = min(valid_from, excluded.valid_from), "
        "valid_till = CASE WHEN valid_till IS NULL OR excluded.valid_till IS NULL THEN NULL "
        "ELSE max(valid_till, excluded.valid_till) END",
        entries,
    )


def remove_suppressions(
    store: Store, list_name: str, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], list[Suppression]]:
    """Take the entries of these (kind, key) off a list, inside the caller's transaction; returns them as they were.

    What they excluded is looked at again when the next run begins.
    """
    db = store.connection
    removed = {}
    for kind, key in keys:
        found = db.execute(
            "DELETE FROM suppressions WHERE kind = ? AND key IN (SELECT value FROM json_each(?)) AND list_name = ? "
            "RETURNING list_name, kind, key, valid_from, valid_till",
            (kind, json.dumps([key, *pseudonyms(db, kind, [key])]), list_name),
        ).fetchall()
        if found:
            removed[kind, key] = [Suppression(*row) for row in found]
    gone = [entry for entries in removed.values() for entry in entries]
    phones = [entry.key for entry in gone if entry.kind == "device"]
    clients = [entry.key for entry in gone if entry.kind == "client"]
    lists = {list_id for list_id, _ in records_with(store, phones, clients)}
    db.executemany(
        "UPDATE lists SET rules_digest = ? WHERE list_id = ?", [(ENTRIES_CHANGED, number) for number in lists]
    )
    return removed


def entries(store: Store, list_name: str | None) -> Iterator[Suppression]:
    """The entries of one suppression list, or of all, in order."""
    rows = store.connection.execute(
        "SELECT list_name, kind, key, valid_from, valid_till FROM suppressions "
        "WHERE ?1 IS NULL OR list_name = ?1 ORDER BY kind, key, list_name",
        (list_name,),
    )
    return (Suppression(*row) for row in rows)


def records_with(store: Store, phones: Collection[str], clients: Collection[str]) -> list[tuple[int, int]]:
    """The (list_id, record_id) of these numbers and of these clients, in every list."""
    db = store.connection
    redacted = _redacted(store, clients, phones)
    found = db.execute(
        "SELECT list_id, record_id FROM records WHERE phone IN (SELECT value FROM json_each(?))",
        (json.dumps([*phones, *redacted]),),
    ).fetchall()
    if clients:
        chains = [client.removeprefix(_AS_CHAIN) for client in clients if client.startswith(_AS_CHAIN)]
        numbers = [int(chain) for chain in chains if chain.isdigit()]
        found += db.execute(
            "SELECT list_id, record_id FROM records WHERE chain_id IN (SELECT value FROM json_each(?))",
            (json.dumps(numbers),),
        ).fetchall()
        for (list_id,) in db.execute("SELECT list_id FROM lists ORDER BY list_id").fetchall():
            found += db.execute(
                f"SELECT {list_id:d}, record_id FROM contacts_{list_id} JOIN records USING (chain_id) "
                "WHERE client_id IN (SELECT value FROM json_each(?))",
                (json.dumps([*clients, *redacted]),),
            ).fetchall()
    return sorted(set(found))


def clients_of(store: Store, records: Iterable[tuple[int, int]]) -> list[str]:
    """The clients of these records, as suppression knows them."""
    found: dict[str, None] = {}
    by_list: dict[int, list[int]] = {}
    for list_id, record_id in records:
        by_list.setdefault(list_id, []).append(record_id)
    for list_id, record_ids in by_list.items():
        rows = store.connection.execute(
            f"SELECT {CLIENT} FROM contacts_{list_id} "
            "JOIN records USING (chain_id) WHERE record_id IN (SELECT value FROM json_each(?)) ORDER BY 1",
            (json.dumps(record_ids),),
        )
        found.update(dict.fromkeys(row[0] for row in rows))
    return list(found)
