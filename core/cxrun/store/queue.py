"""The clustered work queue: reading what is due in batches, and writing what became of it in one transaction.

A waiting record is one row keyed by list, priority, due time and record, so that a batch is a range from the
front. The wide record is never touched; a record that moves is deleted and inserted again.
"""

from __future__ import annotations

import json
import operator
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cxrun.model import (
    ASLEEP,
    CHAINED,
    NEVER,
    NO_FIELDS,
    PRIORITY,
    CallResult,
    PastAttempt,
    Reason,
    Record,
    RecordStatus,
    RecordType,
    Suppression,
    Value,
)
from cxrun.store.database import Store
from cxrun.store.journal import Entry
from cxrun.store.lists import stored_lists
from cxrun.store.outbox import Letter, put
from cxrun.store.pseudonyms import pseudonyms

_RECORD: Final = """
    r.record_id, r.list_id, r.chain_id, r.chain_n, c.chain_size, r.contact_info, r.phone, r.contact_info_type,
    r.tz, r.tz_source, r.country, r.area_code, r.daily_from, r.daily_till,
    {state}.record_type, {state}.record_status, {state}.call_result, {state}.attempt, {state}.dial_sched_time,
    {state}.call_time, {state}.treatments, {state}.agent_id, {state}.due, {state}.priority,
    c.client_id, c.first_name, c.last_name, c.company"""
_PAST: Final = "placed, call_result, disposition, client, phone, record_id, attempt, ended"
_ATTEMPT: Final = operator.itemgetter(0, 1)
_FIXED: Final = len(Record._fields) - 1
_STATE_FROM: Final = Record._fields.index("record_type")
_STATE_TILL: Final = Record._fields.index("agent_id") + 1

_UNKNOWN: Final = int(CallResult.UNKNOWN)
_GENERAL: Final = int(RecordType.GENERAL)

Key = tuple[int, int, int, int]


class AttemptRow(NamedTuple):
    """An attempt as the store keeps it; times are Unix UTC seconds, None if they never came."""

    record_id: int
    attempt: int
    list_id: int
    run_id: int
    client: str
    phone: str
    placed: float
    answered: float | None
    connected: float | None
    ended: float | None
    detected: int | None
    call_result: int
    disposition: str | None
    agent_id: str | None


class AttemptKey(NamedTuple):
    """That an attempt was made on a record with this value of a field of its list."""

    field: str
    value: str
    placed: float
    record_id: int
    attempt: int


class Claim(NamedTuple):
    """The state in which a record was claimed for an attempt; kept unless it `is_new`."""

    record_id: int
    attempt: int
    record_type: int
    call_result: int
    dial_sched_time: int
    treatments: str
    agent_id: str | None


@dataclass
class Batch:
    """Changes to write together: records that leave the queue, enter it, are closed or are in work."""

    left: list[Key] = field(default_factory=list)
    waiting: list[tuple[Record, Reason]] = field(default_factory=list)
    closed: list[tuple[Record, Reason]] = field(default_factory=list)
    in_work: list[tuple[Record, Reason]] = field(default_factory=list)
    out_of_work: list[tuple[int]] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)
    claims: list[tuple[int, int, int, int, int, str, str | None]] = field(default_factory=list)
    attempt_keys: list[AttemptKey] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)
    whole_chains: list[tuple[Record, Reason, float]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    first_due: int | None = None

    def __len__(self) -> int:
        return len(self.left) + len(self.out_of_work)

    def enter(self, record: Record, reason: Reason) -> None:
        """The record enters the queue."""
        self.waiting.append((record, reason))
        if record.priority != ASLEEP and (self.first_due is None or record.due < self.first_due):
            self.first_due = record.due


def key_of(record: Record) -> Key:
    """Where a waiting record stands in the queue."""
    return (record.list_id, record.priority, record.due, record.record_id)


def is_new(record: Record) -> bool:
    """Whether nothing has come of the record yet: no treatment, no result, no promise."""
    return not (
        record.treatments
        or record.call_result != _UNKNOWN
        or record.dial_sched_time
        or record.record_type != _GENERAL
        or record.agent_id
    )


class Queue:
    """The work queue of one contact list, and the facts rules ask for."""

    def __init__(self, store: Store, list_id: int, own_fields: Sequence[str]) -> None:
        self.list_id = list_id
        self._store = store
        self._db = store.connection
        self._own = tuple(own_fields)
        own = "".join(f', c."{name}"' for name in self._own)
        contacts = f"contacts_{list_id}"
        columns = _RECORD.format(state="q") + own
        self._due = (
            f"SELECT {columns} FROM queue q JOIN records r ON r.record_id = q.record_id "
            f"JOIN {contacts} c ON c.chain_id = r.chain_id "
            "WHERE q.list_id = ? AND q.priority = ? AND (q.due, q.record_id) > (?, ?) AND q.due <= ? "
            "ORDER BY q.due, q.record_id LIMIT ?"
        )
        self._members = (
            f"SELECT {columns} FROM json_each(?) chains JOIN records r ON r.chain_id = chains.value "
            f"JOIN queue q ON q.list_id = r.list_id AND q.priority = {ASLEEP} AND q.due IN ({CHAINED}, {NEVER}) "
            f"AND q.record_id = r.record_id JOIN {contacts} c ON c.chain_id = r.chain_id "
            "ORDER BY r.chain_id, r.chain_n"
        )
        self._in_work = (
            f"SELECT {_RECORD.format(state='w')}{own} FROM in_work w JOIN records r ON r.record_id = w.record_id "
            f"JOIN {contacts} c ON c.chain_id = r.chain_id WHERE w.list_id = ? ORDER BY w.record_id"
        )

    def due(self, priority: int, now: float, after: tuple[int, int], limit: int) -> list[Record]:
        """The next waiting records of a priority whose time has come, after the (due, record) `after`."""
        rows = self._db.execute(self._due, (self.list_id, priority, *after, int(now), limit))
        return [self._record(row) for row in rows]

    def next_due(self, now: float) -> int | None:
        """When the next record that still sleeps today becomes due."""
        moments = [
            row[0]
            for priority in sorted(set(PRIORITY.values()))
            for row in self._db.execute(
                "SELECT min(due) FROM queue WHERE list_id = ? AND priority = ? AND due > ?",
                (self.list_id, priority, int(now)),
            )
            if row[0] is not None
        ]
        return min(moments, default=None)

    def members(self, chain_ids: Collection[int]) -> dict[int, list[Record]]:
        """The sleeping records of these chains, by chain."""
        found: dict[int, list[Record]] = {}
        if chain_ids:
            for row in self._db.execute(self._members, (json.dumps(list(chain_ids)),)):
                found.setdefault(row[2], []).append(self._record(row))
        return found

    def in_work(self) -> list[Record]:
        """The records whose call was placed and whose result is not known here."""
        return [self._record(row) for row in self._db.execute(self._in_work, (self.list_id,))]

    def find(self, record_id: int) -> Record | None:
        """A record as it stands, wherever it is."""
        for place in ("queue", "in_work", "closed"):
            columns = _RECORD.format(state="s")
            if place == "closed":
                columns = columns.replace("s.due, s.priority", "0, 0")
            own = "".join(f', c."{name}"' for name in self._own)
            row = self._db.execute(
                f"SELECT {columns}{own} FROM {place} s JOIN records r ON r.record_id = s.record_id "
                f"JOIN contacts_{self.list_id} c ON c.chain_id = r.chain_id WHERE s.list_id = ? AND s.record_id = ?",
                (self.list_id, record_id),
            ).fetchone()
            if row:
                return self._record(row)
        return None

    def _record(self, row: tuple[object, ...]) -> Record:
        fields = dict(zip(self._own, row[_FIXED:], strict=True)) if self._own else NO_FIELDS
        return Record._make((*row[:_FIXED], fields))


def past_attempts(
    store: Store, clients: Iterable[str], phones: Iterable[str], since: float
) -> Iterator[PastAttempt]:
    """The attempts of these clients and of these numbers since a time, oldest first, each once."""
    clients, phones = list(clients), list(phones)
    redacted = pseudonyms(store.connection, "client", clients) | pseudonyms(
        store.connection, "device", phones
    )
    rows = store.connection.execute(
        f"SELECT {_PAST} FROM attempts "
        "WHERE client IN (SELECT value FROM json_each(?)) AND placed > ? "
        f"UNION SELECT {_PAST} FROM attempts "
        "WHERE phone IN (SELECT value FROM json_each(?)) AND placed > ? ORDER BY 1, 6, 7",
        (json.dumps([*clients, *redacted]), since, json.dumps([*phones, *redacted]), since),
    )
    attempts = (PastAttempt(*row) for row in rows)
    if not redacted:
        return attempts
    return (
        past._replace(
            client=redacted.get(past.client, past.client), phone=redacted.get(past.phone, past.phone)
        )
        for past in attempts
    )


def attempts_by_field(
    store: Store, field: str, values: Iterable[str], since: float
) -> Iterator[tuple[str, PastAttempt]]:
    """The attempts since a time on records with these values of an own field, each with the value.

    Known of the fields that `keep_attempt_fields` was asked to keep.
    """
    values = list(values)
    redacted = pseudonyms(store.connection, f"field {field}", values)
    rows = store.connection.execute(
        f"SELECT k.value, {_PAST} FROM attempt_keys k JOIN attempts USING (record_id, attempt, placed) "
        "WHERE k.field = ? AND k.value IN (SELECT value FROM json_each(?)) AND k.placed > ? "
        "ORDER BY placed, record_id, attempt",
        (field, json.dumps([*values, *redacted]), since),
    )
    return ((redacted.get(row[0], row[0]), PastAttempt(*row[1:])) for row in rows)


def key_text(value: Value) -> str | None:
    """The value of an own field as attempts are found by it: 17 and 17.0 are "17"; None for no value."""
    if value is None or value == "":
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def kept_attempt_fields(store: Store) -> set[str]:
    """The own fields by which the attempts of every list can be found."""
    return {row[0] for row in store.connection.execute("SELECT field FROM attempt_fields")}


def keep_attempt_fields(store: Store, fields: Iterable[str]) -> set[str]:
    """From now on keep each attempt's value of these own fields, inside the caller's transaction.

    Attempts that were made before get the value their contact has now. Returns all the fields that are kept.
    """
    db = store.connection
    kept = kept_attempt_fields(store)
    for name in sorted(set(fields) - kept):
        db.execute("INSERT INTO attempt_fields VALUES (?)", (name,))
        for stored in stored_lists(store).values():
            if name in stored.field_types:
                rows = db.execute(
                    f'SELECT c."{name}", a.placed, a.record_id, a.attempt FROM attempts a '
                    f"JOIN records r USING (record_id) JOIN contacts_{stored.list_id} c USING (chain_id) "
                    "WHERE r.list_id = ?",
                    (stored.list_id,),
                )
                keys = ((key_text(row[0]), *row[1:]) for row in rows)
                _add_keys(store, (AttemptKey(name, key, *rest) for key, *rest in keys if key is not None))
        kept.add(name)
    return kept


def _add_keys(store: Store, keys: Iterable[AttemptKey]) -> None:
    store.connection.executemany("INSERT OR IGNORE INTO attempt_keys VALUES (?, ?, ?, ?, ?)", keys)


def suppressions(store: Store, clients: Iterable[str], phones: Iterable[str]) -> Iterator[Suppression]:
    """The suppression entries that name these numbers or clients."""
    clients, phones = list(clients), list(phones)
    redacted = pseudonyms(store.connection, "client", clients) | pseudonyms(
        store.connection, "device", phones
    )
    rows = store.connection.execute(
        "SELECT list_name, kind, key, valid_from, valid_till FROM suppressions "
        "WHERE kind = 'device' AND key IN (SELECT value FROM json_each(?)) "
        "UNION ALL SELECT list_name, kind, key, valid_from, valid_till FROM suppressions "
        "WHERE kind = 'client' AND key IN (SELECT value FROM json_each(?))",
        (json.dumps([*phones, *redacted]), json.dumps([*clients, *redacted])),
    )
    entries = (Suppression(*row) for row in rows)
    if not redacted:
        return entries
    return (entry._replace(key=redacted.get(entry.key, entry.key)) for entry in entries)


def add_suppressions(connection: sqlite3.Connection, entries: Iterable[Suppression]) -> None:
    """Add entries; one that is there already is kept for the longer of the two times."""
    connection.executemany(
        "INSERT INTO suppressions (list_name, kind, key, valid_from, valid_till) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET valid_from = min(valid_from, excluded.valid_from), "
        "valid_till = CASE WHEN valid_till IS NULL OR excluded.valid_till IS NULL THEN NULL "
        "ELSE max(valid_till, excluded.valid_till) END",
        entries,
    )


def write(store: Store, run_id: int, batch: Batch) -> None:
    """Write a batch inside the caller's transaction."""
    run = store.connection.executemany
    reason_id = store.journal.reason_id
    run("DELETE FROM queue WHERE list_id = ? AND priority = ? AND due = ? AND record_id = ?", batch.left)
    run("DELETE FROM in_work WHERE record_id = ?", batch.out_of_work)
    run(
        "INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        sorted(_queue_row(record, reason_id(reason)) for record, reason in batch.waiting),
    )
    run(
        "INSERT INTO in_work (list_id, priority, due, record_id, record_type, record_status, call_result, attempt, "
        "dial_sched_time, call_time, treatments, agent_id, reason_id, epoch) "
        f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {store.epoch:d})",
        [_queue_row(record, reason_id(reason)) for record, reason in batch.in_work],
    )
    run(
        "INSERT INTO closed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (record.record_id, record.list_id, *record[_STATE_FROM:_STATE_TILL], reason_id(reason))
            for record, reason in batch.closed
        ],
    )
    run(
        "INSERT OR REPLACE INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        sorted(batch.attempts, key=_ATTEMPT),
    )
    if batch.claims:
        run("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?, ?)", sorted(batch.claims))
    if batch.attempt_keys:
        _add_keys(store, batch.attempt_keys)
    if batch.suppressions:
        add_suppressions(store.connection, batch.suppressions)
    if batch.whole_chains:
        _update_whole_chains(store, batch)
    if batch.letters:
        put(store, batch.letters)
    store.journal.append(run_id, batch.journal)


def _update_whole_chains(store: Store, batch: Batch) -> None:
    """Records that were final before their chain was get the result of the chain too."""
    chains = {record.chain_id: (record, reason, at) for record, reason, at in batch.whole_chains}
    rows = store.connection.execute(
        "SELECT c.record_id, r.chain_id, c.attempt, c.call_result FROM json_each(?) chains "
        "JOIN records r ON r.chain_id = chains.value JOIN closed c ON c.record_id = r.record_id "
        "ORDER BY r.chain_id, r.chain_n",
        (json.dumps(list(chains)),),
    ).fetchall()
    changed = []
    for record_id, chain_id, attempt, call_result in rows:
        record, reason, at = chains[chain_id]
        if call_result != record.call_result:
            changed.append((record.call_result, store.journal.reason_id(reason), record_id))
            batch.journal.append(
                Entry(round(at, 3), "update_chain", record_id, attempt, record.call_result, reason, 0)
            )
    store.connection.executemany(
        "UPDATE closed SET call_result = ?, reason_id = ? WHERE record_id = ?", changed
    )


def _queue_row(record: Record, reason_id: int) -> tuple[object, ...]:
    return (
        record.list_id,
        record.priority,
        record.due,
        record.record_id,
        *record[_STATE_FROM:_STATE_TILL],
        reason_id,
    )


_PRIORITY_OF_TYPE: Final = (
    "CASE record_type "
    + "".join(f"WHEN {int(kind)} THEN {rank} " for kind, rank in PRIORITY.items())
    + "ELSE 4 END"
)


def look_again(store: Store, list_id: int, reason: Reason, chained: Reason) -> int:
    """Undo every deferral and exclusion of a list: its rules have changed. Returns how many records that were.

    Of a chain whose next record still waits, excluded members go back to sleep as chained; of one that was
    excluded whole, the first record is next again.
    """
    db = store.connection
    waiting, asleep = store.journal.reason_id(reason), store.journal.reason_id(chained)
    count = db.execute(
        "UPDATE queue SET due = dial_sched_time, reason_id = ? "
        f"WHERE list_id = ? AND priority > {ASLEEP} AND due <> dial_sched_time",
        (waiting, list_id),
    ).rowcount
    excluded = f"list_id = {list_id:d} AND priority = {ASLEEP} AND due = {NEVER}"
    if not db.execute(f"SELECT EXISTS (SELECT 1 FROM queue WHERE {excluded})").fetchone()[0]:
        return int(count)
    db.execute("CREATE TEMP TABLE led (chain_id INTEGER PRIMARY KEY)")
    db.execute(
        "INSERT INTO led SELECT chain_id FROM queue JOIN records USING (record_id) "
        f"WHERE queue.list_id = ? AND priority > {ASLEEP} "
        "UNION SELECT chain_id FROM in_work JOIN records USING (record_id) WHERE in_work.list_id = ?",
        (list_id, list_id),
    )
    db.execute("CREATE TEMP TABLE leaders (record_id INTEGER PRIMARY KEY)")
    db.execute(
        "INSERT INTO leaders SELECT record_id FROM (SELECT q.record_id, row_number() OVER "
        "(PARTITION BY r.chain_id ORDER BY r.chain_n) AS place FROM queue q JOIN records r USING (record_id) "
        f"WHERE q.{excluded.replace('AND ', 'AND q.')} AND r.chain_id NOT IN (SELECT chain_id FROM led)) "
        "WHERE place = 1"
    )
    count += db.execute(
        f"UPDATE queue SET priority = {_PRIORITY_OF_TYPE}, due = dial_sched_time, reason_id = ? "
        f"WHERE {excluded} AND record_id IN (SELECT record_id FROM leaders)",
        (waiting,),
    ).rowcount
    count += db.execute(
        f"UPDATE queue SET due = {CHAINED}, record_status = {int(RecordStatus.CHAIN_READY)}, reason_id = ? "
        f"WHERE {excluded}",
        (asleep,),
    ).rowcount
    db.execute("DROP TABLE led")
    db.execute("DROP TABLE leaders")
    return int(count)
