"""Requests from outside a run: what is asked for single records, until it is done.

What changes a record waits in the table `requests` while a run is at work on its list: only that run knows which
records it has in hand. Nothing here decides anything.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from cxrun.errors import UserError
from cxrun.store.database import Store
from cxrun.store.pseudonyms import MARK
from cxrun.store.queue import AttemptRow


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
    """Note a request for each (list_id, record_id), inside the caller's transaction.

    Raises UserError if a callback or a result is for a record that is redacted.
    """
    records = list(records)
    if kind in ("callback", "result"):
        row = store.connection.execute(
            "SELECT record_id FROM records WHERE record_id IN (SELECT value FROM json_each(?)) "
            f"AND phone LIKE '{MARK}%'",
            (json.dumps([record_id for _, record_id in records]),),
        ).fetchone()
        if row:
            raise UserError(
                f"the personal data of record {row[0]} were taken out; nothing comes of it any more"
            )
    told = json.dumps(detail)
    store.connection.executemany(
        "INSERT INTO requests (record_id, kind, why, detail) VALUES (?, ?, ?, ?)",
        [(record_id, kind, why, told) for _, record_id in records],
    )


def pending(store: Store, list_ids: Iterable[int]) -> list[Request]:
    """The requests for records of these lists that are not done yet, in the order they were made."""
    rows = store.connection.execute(
        "SELECT q.request_id, r.list_id, q.record_id, r.chain_id, q.kind, q.why, q.detail FROM requests q "
        "JOIN records r USING (record_id) WHERE r.list_id IN (SELECT value FROM json_each(?)) ORDER BY 1",
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


def lists_at_work(store: Store) -> set[str]:
    """The contact lists a living run is dialing, whatever the project says by now; empty if there is none."""
    if not store.at_work():
        return set()
    row = store.connection.execute("SELECT frozen FROM runs ORDER BY run_id DESC LIMIT 1").fetchone()
    return {name for group in json.loads(row[0]).values() for name in group["lists"]} if row else set()


def latest_attempts(store: Store, record_ids: Collection[int]) -> dict[int, AttemptRow]:
    """The last attempt of each record that has any."""
    rows = store.connection.execute(
        "SELECT * FROM attempts WHERE record_id IN (SELECT value FROM json_each(?)) ORDER BY record_id, attempt",
        (json.dumps(list(record_ids)),),
    )
    return {row[0]: AttemptRow(*row) for row in rows}
