"""What has happened to the chains of a list, read back chain by chain: calls, claims, the journal."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import NamedTuple

from cxrun.model import Reason
from cxrun.store.database import Store
from cxrun.store.lists import ELSEWHERE
from cxrun.store.queue import AttemptRow, Claim
from cxrun.store.reasons import REASON, reason_of_row


class JournalRow(NamedTuple):
    """A journal entry of one record, with its reason."""

    seq: int
    at: float
    event: str
    record_id: int
    attempt: int
    call_result: int
    due: int
    reason: Reason


class Past(NamedTuple):
    """Of some records: every attempt made here in the order it was placed, its claim if one is kept, the journal."""

    attempts: dict[int, list[AttemptRow]]
    claims: dict[tuple[int, int], Claim]
    journal: dict[int, list[JournalRow]]


def chain_ids(store: Store, list_id: int, size: int) -> Iterator[list[int]]:
    """The ids of a list's chains in batches, in order."""
    last = 0
    while True:
        rows = store.connection.execute(
            f"SELECT chain_id FROM contacts_{list_id:d} WHERE chain_id > ? ORDER BY chain_id LIMIT ?",
            (last, size),
        ).fetchall()
        if not rows:
            return
        last = rows[-1][0]
        yield [row[0] for row in rows]


def past_of(store: Store, record_ids: Collection[int]) -> Past:
    """What has happened to these records."""
    db, ids = store.connection, (json.dumps(list(record_ids)),)
    among = "record_id IN (SELECT value FROM json_each(?))"
    attempts: dict[int, list[AttemptRow]] = {}
    for row in db.execute(
        f"SELECT * FROM attempts WHERE {among} AND run_id <> {ELSEWHERE} ORDER BY placed, record_id, attempt",
        ids,
    ):
        attempts.setdefault(row[0], []).append(AttemptRow(*row))
    claims = {(row[0], row[1]): Claim(*row) for row in db.execute(f"SELECT * FROM claims WHERE {among}", ids)}
    journal: dict[int, list[JournalRow]] = {}
    for row in db.execute(
        f"SELECT j.seq, j.at, j.event, j.record_id, j.attempt, j.call_result, j.due, {REASON} "
        f"FROM journal j JOIN reasons s USING (reason_id) WHERE {among} ORDER BY j.seq",
        ids,
    ):
        journal.setdefault(row[3], []).append(JournalRow._make((*row[:7], reason_of_row(row[7:]))))
    return Past(attempts, claims, journal)


def corrected(store: Store, record_ids: Collection[int]) -> dict[tuple[int, int], list[tuple[float, int]]]:
    """The results that attempts have had, and since when, of those that were given another one later."""
    found: dict[tuple[int, int], list[tuple[float, int]]] = {}
    given = set()
    rows = store.connection.execute(
        "SELECT record_id, attempt, at, call_result, event = 'processed' FROM journal WHERE record_id IN ("
        "SELECT record_id FROM journal WHERE event = 'processed' AND record_id IN (SELECT value FROM json_each(?))) "
        "AND event NOT IN ('lost', 'dial_failed') ORDER BY seq",
        (json.dumps(list(record_ids)),),
    )
    for record_id, attempt, at, result, processed in rows:
        found.setdefault((record_id, attempt), []).append((at, result))
        if processed:
            given.add((record_id, attempt))
    return {key: results for key, results in found.items() if key in given}


def rules_changed_at(store: Store) -> list[int]:
    """The places in the journal at which exclusions were to be looked at again, because rules had changed."""
    rows = store.connection.execute("SELECT seq FROM journal WHERE record_id = 0 AND event = 'rules_changed'")
    return [row[0] for row in rows]


def seeds(store: Store) -> dict[int, int]:
    """The seed of each run."""
    return dict(store.connection.execute("SELECT run_id, seed FROM runs").fetchall())
