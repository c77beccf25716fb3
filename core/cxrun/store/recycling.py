"""Finding the finished chains of a list that may be dialed anew, and writing that they are."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from cxrun.model import IN_CHAIN, Reason, Record, RecordStatus, RecordType
from cxrun.store.database import Store
from cxrun.store.journal import NO_RUN, Entry
from cxrun.store.pseudonyms import MARK
from cxrun.store.queue import Batch, Queue, write
from cxrun.store.suppressions import CLIENT, suppressions

_BATCH: Final = 5000


def finished_chains(
    store: Store, queue: Queue, results: Collection[int], before: float, now: float
) -> Iterator[list[list[Record]]]:
    """Batches of chains that are over, whose last call had one of the results and was placed by `before`.

    Never among them: chains with a no_call record, of a suppressed client, or with no number left that is
    neither canceled nor suppressed, and redacted ones; of other
    chains, suppressed numbers are left out. The batches stay the same
    while the store changes.
    """
    db = store.connection
    list_id = queue.list_id
    db.execute("DROP TABLE IF EXISTS temp.finished")
    db.execute("CREATE TEMP TABLE finished (chain_id INTEGER PRIMARY KEY)")
    db.execute(
        "WITH called AS (SELECT r.chain_id, k.call_result, k.call_time, k.record_type, row_number() OVER "
        "(PARTITION BY r.chain_id ORDER BY k.call_time DESC, r.chain_n DESC) AS place, "
        f"max(k.record_type = {int(RecordType.NO_CALL)}) OVER (PARTITION BY r.chain_id) AS no_call, "
        "count(*) OVER (PARTITION BY r.chain_id) AS closed "
        "FROM closed k JOIN records r ON r.record_id = k.record_id WHERE k.list_id = ?1) "
        f"INSERT INTO finished SELECT chain_id FROM called JOIN contacts_{list_id} c USING (chain_id) "
        "WHERE place = 1 AND NOT no_call AND NOT EXISTS (SELECT 1 FROM records p "
        f"WHERE p.chain_id = called.chain_id AND p.phone LIKE '{MARK}%') AND closed = c.chain_size "
        "AND call_result IN (SELECT value FROM json_each(?2)) AND call_time <= ?3 AND NOT EXISTS ("
        "SELECT 1 FROM suppressions s WHERE s.kind = 'client' "
        f"AND s.key = {CLIENT} AND (s.valid_till IS NULL OR s.valid_till > ?4)) "
        "ORDER BY chain_id",
        (list_id, json.dumps(sorted(results)), before, now),
    )
    last = 0
    while True:
        ids = [
            row[0]
            for row in db.execute(
                "SELECT chain_id FROM finished WHERE chain_id > ? ORDER BY chain_id LIMIT ?", (last, _BATCH)
            )
        ]
        if not ids:
            break
        last = ids[-1]
        records = [record for record in queue.closed(ids) if record.record_status != RecordStatus.CANCELED]
        suppressed = _suppressed(store, records, now)
        records = [
            record
            for record in records
            if ("device", record.phone) not in suppressed and ("client", record.client) not in suppressed
        ]
        yield [list(chain) for _, chain in groupby(records, key=lambda record: record.chain_id)]
    db.execute("DROP TABLE temp.finished")


def _suppressed(store: Store, records: Sequence[Record], now: float) -> set[tuple[str, str]]:
    """The (kind, key) on any suppression list, whether or not it is asked for this list."""
    clients, phones = {record.client for record in records}, {record.phone for record in records}
    return {
        (entry.kind, entry.key)
        for entry in suppressions(store, clients, phones)
        if entry.valid_till is None or entry.valid_till > now
    }


def reopen(store: Store, chains: Iterable[Iterable[Record]], reason: Reason, now: float) -> None:
    """Put records back into the queue, each chain with its first record first, inside the caller's transaction."""
    batch = Batch()
    for chain in chains:
        for position, record in enumerate(chain):
            batch.reopened.append((record.record_id,))
            batch.enter(record, store.journal.reason_id(reason if position == 0 else IN_CHAIN))
            entry = Entry(
                round(float(now), 3), "recycled", record.record_id, record.attempt, record.call_result, reason,
                record.due if position == 0 else 0,
            )  # fmt: skip
            batch.journal.append(entry)
    write(store, NO_RUN, batch)
