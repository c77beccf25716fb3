"""Digests of what decides about records: two that are the same say that nothing was changed in between."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from cxrun.store.database import Store
from cxrun.store.outbox import store_id


class JournalPlace(NamedTuple):
    """How far a journal has come: how many rows it has, and the digest of the last one."""

    rows: int
    head: str


def journal_place(store: Store) -> JournalPlace:
    """Where the journal stands."""
    row = store.connection.execute("SELECT max(seq) FROM journal").fetchone()
    return JournalPlace(row[0] or 0, store.journal.head().hex())


def journal_since(store: Store, rows: int) -> Counter[str]:
    """What the journal says has happened after so many rows, counted by event."""
    found = store.connection.execute(
        "SELECT event, count(*) FROM journal WHERE seq > ? GROUP BY event ORDER BY event", (rows,)
    )
    return Counter(dict(found.fetchall()))


def identity(store: Store) -> str:
    """What tells this store from every other."""
    return store_id(store)


def attempts_made(store: Store) -> int:
    """How many attempts there are, of whatever list."""
    return int(store.connection.execute("SELECT count(*) FROM attempts").fetchone()[0])


def list_digest(store: Store, list_id: int) -> str:
    """Of what was imported into a list, undone and split off."""
    return _digest(
        store.connection.execute(
            "SELECT i.import_id, i.source, i.mode, i.state, i.digest, i.loaded, i.updated, "
            "(SELECT count(*) FROM records r WHERE r.list_id = i.list_id) FROM imports i WHERE i.list_id = ? "
            "ORDER BY i.import_id",
            (list_id,),
        )
    )


def suppression_digest(store: Store) -> str:
    """Of every entry of every suppression list."""
    return _digest(store.connection.execute("SELECT * FROM suppressions ORDER BY kind, key, list_name"))


def request_digest(store: Store) -> str:
    """Of what is asked for single records and not done yet."""
    return _digest(store.connection.execute("SELECT * FROM requests ORDER BY request_id"))


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    found = hashlib.sha256()
    for row in rows:
        found.update(json.dumps(row).encode())
    return found.hexdigest()
