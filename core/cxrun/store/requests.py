"""Requests from outside a run: suppression entries, and what is asked for single records until it is done.

An entry counts from its commit on. What changes a record waits in the table `requests` while a run is at work
on its list: only that run knows which records it has in hand. Nothing here decides anything.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from cxrun.model import CHAINED, Suppression
from cxrun.store.database import Store
from cxrun.store.queue import AttemptRow

_AS_CHAIN: Final = "chain:"
ENTRIES_CHANGED: Final = "suppression entries were removed"
"""What stands in the place of the digest of a list's rules when its exclusions are to be looked at again."""


class Request(NamedTuple):
    """Something asked for one record; `kind` is one of cancel, do_not_call, callback, result."""

    request_id: int
    list_id: int
    record_id: int
    chain_id: int
    kind: str
    why: str
    detail: Mapping[str, Any]


def ask(
    store: Store, kind: str, records: Iterable[tuple[int, int]], why: str, detail: Mapping[str, Any]
) -> None:
    """Note a request for each (list_id, record_id), inside the caller's transaction."""
    told = json.dumps(detail)
    store.connection.executemany(
        "INSERT INTO requests (list_id, record_id, kind, why, detail) VALUES (?, ?, ?, ?, ?)",
        [(*record, kind, why, told) for record in records],
    )


def pending(store: Store, list_ids: Iterable[int]) -> list[Request]:
    """The requests for records of these lists that are not done yet, in the order they were made."""
    rows = store.connection.execute(
        "SELECT q.request_id, q.list_id, q.record_id, r.chain_id, q.kind, q.why, q.detail FROM requests q "
        "JOIN records r USING (record_id) WHERE q.list_id IN (SELECT value FROM json_each(?)) ORDER BY 1",
        (json.dumps(list(list_ids)),),
    )
    return [Request._make((*row[:-1], json.loads(row[-1]))) for row in rows]


def done(store: Store, requests: Iterable[Request]) -> None:
    """Forget requests that are done, inside the caller's transaction."""
    store.connection.executemany(
        "DELETE FROM requests WHERE request_id = ?", [(request.request_id,) for request in requests]
    )


def asked_of(store: Store, chain_id: int) -> list[tuple[int, str]]:
    """The (record_id, kind) of what is asked for the records of a chain and not done yet."""
    return store.connection.execute(
        "SELECT record_id, kind FROM requests JOIN records USING (record_id) WHERE chain_id = ? "
        "ORDER BY request_id",
        (chain_id,),
    ).fetchall()


def groups_at_work(store: Store) -> set[str]:
    """The campaign groups a living run is dialing; empty if there is none."""
    if not store.at_work():
        return set()
    row = store.connection.execute("SELECT groups FROM runs ORDER BY run_id DESC LIMIT 1").fetchone()
    return set(json.loads(row[0])) if row else set()


def records_with(store: Store, phones: Collection[str], clients: Collection[str]) -> list[tuple[int, int]]:
    """The (list_id, record_id) of these numbers and of these clients, in every list."""
    db = store.connection
    found = db.execute(
        "SELECT list_id, record_id FROM records WHERE phone IN (SELECT value FROM json_each(?))",
        (json.dumps(list(phones)),),
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
                (json.dumps(list(clients)),),
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
            f"SELECT coalesce(nullif(client_id, ''), '{_AS_CHAIN}' || chain_id) FROM contacts_{list_id} "
            "JOIN records USING (chain_id) WHERE record_id IN (SELECT value FROM json_each(?)) ORDER BY 1",
            (json.dumps(record_ids),),
        )
        found.update(dict.fromkeys(row[0] for row in rows))
    return list(found)


def latest_attempts(store: Store, record_ids: Collection[int]) -> dict[int, AttemptRow]:
    """The last attempt of each record that has any."""
    rows = store.connection.execute(
        "SELECT * FROM attempts WHERE record_id IN (SELECT value FROM json_each(?)) ORDER BY record_id, attempt",
        (json.dumps(list(record_ids)),),
    )
    return {row[0]: AttemptRow(*row) for row in rows}


# --- suppression lists -----------------------------------------------------------------------------


def remove_suppressions(store: Store, list_name: str, keys: Sequence[tuple[str, str]]) -> list[Suppression]:
    """Take the entries of these (kind, key) off a list, inside the caller's transaction; returns them.

    What they excluded is looked at again when the next run begins.
    """
    db = store.connection
    removed = []
    for kind, key in keys:
        row = db.execute(
            "DELETE FROM suppressions WHERE (kind, key, list_name) = (?, ?, ?) "
            "RETURNING list_name, kind, key, valid_from, valid_till",
            (kind, key, list_name),
        ).fetchone()
        if row:
            removed.append(Suppression(*row))
    phones = [entry.key for entry in removed if entry.kind == "device"]
    clients = [entry.key for entry in removed if entry.kind == "client"]
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


# --- callbacks -------------------------------------------------------------------------------------


class Promise(NamedTuple):
    """A callback that is still to be made, or was missed for good. Times are Unix UTC seconds."""

    list_name: str
    record_id: int
    phone: str
    client_id: str | None
    tz: str
    at: int
    record_type: int
    record_status: int
    agent_id: str | None
    place: str


def promises(store: Store, callbacks: Collection[int], missed: int) -> list[Promise]:
    """The callbacks of every list that are pending, and those that were closed as `missed`, by time."""
    found = []
    db = store.connection
    kinds = ", ".join(str(int(kind)) for kind in sorted(callbacks))
    for list_id, name in db.execute("SELECT list_id, name FROM lists ORDER BY list_id").fetchall():
        rows = db.execute(
            "SELECT s.record_id, r.phone, c.client_id, r.tz, s.dial_sched_time, s.record_type, s.record_status, "
            f"s.agent_id, s.place FROM record_states s JOIN records r USING (record_id) "
            f"JOIN contacts_{list_id} c USING (chain_id) "
            f"WHERE s.list_id = ? AND s.record_type IN ({kinds}) AND s.due <> ? "
            "AND (s.place <> 'closed' OR s.record_status = ?)",
            (list_id, CHAINED, missed),
        )
        found += [Promise(name, *row) for row in rows]
    return sorted(found, key=lambda promise: (promise.at, promise.record_id))
