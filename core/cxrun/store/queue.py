"""The clustered work queue: reading what is due in batches, and writing what became of it in one transaction.

A waiting record is one row keyed by list, priority, due time and record, so that a batch is a range from the
front. The wide record is never touched; a record that moves is deleted and inserted again.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from cxrun.model import (
    ASLEEP,
    CALLBACKS,
    CHAINED,
    NEVER,
    PRIORITY,
    RECORD_FIELDS,
    STATE,
    CallResult,
    PastAttempt,
    Reason,
    Record,
    RecordStatus,
    RecordType,
    Suppression,
    key_text,
)
from cxrun.store.database import Store
from cxrun.store.journal import Entry, Happening, outcome_of
from cxrun.store.lists import stored_lists
from cxrun.store.outbox import Letter, put
from cxrun.store.pseudonyms import pseudonyms
from cxrun.store.suppressions import add_suppressions

_RECORD: Final = """
    {state}.list_id, {state}.priority, {state}.due, {state}.record_id, {state}.record_type, {state}.record_status,
    {state}.call_result, {state}.attempt, {state}.dial_sched_time, {state}.call_time, {state}.treatments,
    {state}.agent_id, r.chain_id, r.chain_n, c.chain_size, r.contact_info, r.phone, r.contact_info_type, r.tz,
    r.tz_source, r.country, r.area_code, r.daily_from, r.daily_till, c.client_id, c.first_name, c.last_name,
    c.company"""
COLUMNS: Final = dict(
    zip(RECORD_FIELDS, (column.strip() for column in _RECORD.format(state="q").split(",")), strict=False)
)
"""Where the fields of a waiting record are: `q` is the queue, `r` its record, `c` its contact."""
_PAST: Final = "placed, call_result, disposition, client, phone, record_id, attempt, ended"
_KEEP_ATTEMPT: Final = (
    "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
    "placed = excluded.placed, answered = excluded.answered, connected = excluded.connected, ended = excluded.ended, "
    "detected = excluded.detected, call_result = excluded.call_result, disposition = excluded.disposition, "
    "agent_id = excluded.agent_id"
)
"""An attempt is of the run that placed it, whichever sees its end."""
_RECORD_ID: Final = operator.itemgetter(0)
_PLACE: Final = operator.itemgetter(3)

_UNKNOWN: Final = int(CallResult.UNKNOWN)
_GENERAL: Final = int(RecordType.GENERAL)

Key = tuple[int, int, int, int]
Row = tuple[Any, ...]
"""The state of a record in the order of the queue, and the id of its reason."""


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

    @property
    def heard_message(self) -> bool:
        """Whether a person was connected, for want of an agent, to the message for those who are abandoned."""
        return (
            self.connected is not None
            and self.agent_id is None
            and (self.detected, self.call_result) == (CallResult.ANSWER, CallResult.DROPPED)
        )

    @property
    def outcome(self) -> str:
        """What came of the call, as the journal keeps it."""
        return outcome_of(
            self.answered,
            self.connected,
            self.ended,
            self.detected,
            self.call_result,
            self.disposition,
            self.agent_id,
        )


Attempt = tuple[
    int, int, int, int, str, str, float, float | None, float | None, float | None, int | None, int, str | None,
    str | None,
]  # fmt: skip
"""The values of an `AttemptRow`."""


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
    """Changes to write together: records that leave the queue, enter it, are closed or are in work.

    `reopened` are those that are closed no longer, `withdrawn` the attempts that were never made.
    """

    left: list[Key] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)
    closed: list[Row] = field(default_factory=list)
    in_work: list[Row] = field(default_factory=list)
    out_of_work: list[tuple[int]] = field(default_factory=list)
    reopened: list[tuple[int]] = field(default_factory=list)
    withdrawn: list[tuple[int, int]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    claims: list[tuple[int, int, int, int, int, str, str | None]] = field(default_factory=list)
    attempt_keys: list[AttemptKey] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)
    whole_chains: list[tuple[Record, Reason, float]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    journal: list[Happening] = field(default_factory=list)
    first_due: int | None = None

    def __len__(self) -> int:
        return len(self.left) + len(self.out_of_work)

    def concerns(self, now: float) -> bool:
        """Whether the queue must not be read on without these changes: a record is due, or a call known from before
        has its result. Records that leave the queue lie behind the point it has been read to, unless it is read anew,
        and the attempts of this run are known to it.
        """
        return bool(self.out_of_work) or (self.first_due is not None and self.first_due <= now)

    def close(self, record: Record, reason_id: int) -> None:
        """The record is closed."""
        self.closed.append((*record[:STATE], reason_id))

    def enter(self, record: Record, reason_id: int) -> None:
        """The record enters the queue."""
        self.waiting.append((*record[:STATE], reason_id))
        if record.priority != ASLEEP and (self.first_due is None or record.due < self.first_due):
            self.first_due = record.due


def key_of(record: Record) -> Key:
    """Where a waiting record stands in the queue."""
    return record[:4]


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
        self._waiting = (
            f"SELECT {columns} FROM queue q JOIN records r ON r.record_id = q.record_id "
            f"JOIN {contacts} c ON c.chain_id = r.chain_id "
            "WHERE q.list_id = ? AND (q.priority, q.due, q.record_id) > (?, ?, ?) "
            "ORDER BY q.priority, q.due, q.record_id LIMIT ?"
        )
        self._members = (
            f"SELECT {columns} FROM json_each(?) chains JOIN records r ON r.chain_id = chains.value "
            f"JOIN queue q ON q.list_id = r.list_id AND q.priority = {ASLEEP} AND q.due IN ({CHAINED}, {NEVER}) "
            f"AND q.record_id = r.record_id JOIN {contacts} c ON c.chain_id = r.chain_id "
            "ORDER BY r.chain_id, r.chain_n"
        )
        self._at = (
            f"SELECT {columns} FROM json_each(?) k CROSS JOIN queue q ON q.list_id = ? "
            "AND q.priority = json_extract(k.value, '$[0]') AND q.due = json_extract(k.value, '$[1]') "
            "AND q.record_id = json_extract(k.value, '$[2]') JOIN records r ON r.record_id = q.record_id "
            f"JOIN {contacts} c ON c.chain_id = r.chain_id"
        )
        self._in_work = (
            f"SELECT {_RECORD.format(state='w')}{own} FROM in_work w JOIN records r ON r.record_id = w.record_id "
            f"JOIN {contacts} c ON c.chain_id = r.chain_id WHERE w.list_id = ? ORDER BY w.record_id"
        )

    def due(self, priority: int, now: float, after: tuple[int, int], limit: int) -> list[Record]:
        """The next waiting records of a priority whose time has come, after the (due, record) `after`."""
        rows = self._db.execute(self._due, (self.list_id, priority, *after, int(now), limit))
        own, of_row = self._own, Record.of_row
        return [of_row(row, own) for row in rows]

    def waiting(self, after: tuple[int, int, int], limit: int) -> list[Record]:
        """The next records that wait, awake or asleep, after the (priority, due, record) `after`."""
        rows = self._db.execute(self._waiting, (self.list_id, *after, limit))
        return [self._record(row) for row in rows]

    def at(self, places: Iterable[tuple[int, int, int]]) -> list[Record]:
        """The waiting records that stand at these places: priority, due, record."""
        return [
            self._record(row) for row in self._db.execute(self._at, (json.dumps(list(places)), self.list_id))
        ]

    def unfinished(self) -> bool:
        """Whether any record of the list waits to be dialed, now or later, or is in work."""
        return bool(
            self._db.execute(
                f"SELECT EXISTS (SELECT 1 FROM queue WHERE list_id = ?1 AND priority > {ASLEEP}) "
                "OR EXISTS (SELECT 1 FROM in_work WHERE list_id = ?1)",
                (self.list_id,),
            ).fetchone()[0]
        )

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
                found.setdefault(row[STATE], []).append(self._record(row))
        return found

    def closed(self, chain_ids: Collection[int]) -> Iterator[Record]:
        """The final records of these chains, chain by chain in their order."""
        columns = _RECORD.format(state="k").replace("k.priority, k.due", "0, 0")
        own = "".join(f', c."{name}"' for name in self._own)
        rows = self._db.execute(
            f"SELECT {columns}{own} FROM json_each(?) chains JOIN records r ON r.chain_id = chains.value "
            "JOIN closed k ON k.record_id = r.record_id "
            f"JOIN contacts_{self.list_id} c ON c.chain_id = r.chain_id ORDER BY r.chain_id, r.chain_n",
            (json.dumps(list(chain_ids)),),
        )
        return (self._record(row) for row in rows)

    def chains(self, chain_ids: Collection[int]) -> dict[int, list[tuple[Record, str]]]:
        """Every record of these chains with its place (waiting, in work, closed), by chain, in order."""
        own = "".join(f', c."{name}"' for name in self._own)
        found: dict[int, list[tuple[Record, str]]] = {}
        rows = self._db.execute(
            "WITH members AS MATERIALIZED (SELECT r.* FROM json_each(?1) chains "
            "JOIN records r ON r.chain_id = chains.value WHERE r.list_id = ?2), "
            "ids AS MATERIALIZED (SELECT record_id FROM members) "
            f"SELECT {_RECORD.format(state='s')}{own}, s.place FROM ("
            "SELECT *, 'waiting' AS place FROM (SELECT list_id, record_id, record_type, record_status, call_result, "
            "attempt, dial_sched_time, call_time, treatments, agent_id, due, priority FROM queue "
            "WHERE list_id = ?2 AND record_id IN ids) UNION ALL "
            "SELECT list_id, record_id, record_type, record_status, call_result, attempt, "
            "dial_sched_time, call_time, treatments, agent_id, due, priority, 'in work' FROM in_work "
            "WHERE record_id IN ids UNION ALL "
            "SELECT list_id, record_id, record_type, record_status, call_result, attempt, "
            "dial_sched_time, call_time, treatments, agent_id, 0, 0, 'closed' FROM closed "
            "WHERE record_id IN ids) s JOIN members r ON r.record_id = s.record_id "
            f"JOIN contacts_{self.list_id} c ON c.chain_id = r.chain_id ORDER BY r.chain_id, r.chain_n",
            (json.dumps(list(chain_ids)), self.list_id),
        )
        for row in rows:
            found.setdefault(row[STATE], []).append((self._record(row[:-1]), row[-1]))
        return found

    def excluded_leaders(self) -> Iterator[Record]:
        """Of each chain that its rules exclude whole, the record that is next under other rules."""
        _find_leaders(self._store, self.list_id)
        own = "".join(f', c."{name}"' for name in self._own)
        rows = self._db.execute(
            f"SELECT {_RECORD.format(state='q')}{own} "
            "FROM temp.leaders l CROSS JOIN queue q ON q.list_id = ? AND q.priority = ? AND q.due = ? "
            "AND q.record_id = l.record_id JOIN records r ON r.record_id = q.record_id "
            f"JOIN contacts_{self.list_id} c ON c.chain_id = r.chain_id ORDER BY l.record_id",
            (self.list_id, ASLEEP, NEVER),
        )
        return (self._record(row) for row in rows)

    def in_work(self) -> list[Record]:
        """The records whose call was placed and whose result is not known here."""
        return [self._record(row) for row in self._db.execute(self._in_work, (self.list_id,))]

    def find(self, record_id: int) -> Record | None:
        """A record as it stands, wherever it is."""
        place = waiting_place(self._store, self.list_id, record_id)
        if place is not None:
            return next(iter(self.at([(*place, record_id)])), None)
        for table in ("in_work", "closed"):
            columns = _RECORD.format(state="s")
            if table == "closed":
                columns = columns.replace("s.priority, s.due", "0, 0")
            own = "".join(f', c."{name}"' for name in self._own)
            row = self._db.execute(
                f"SELECT {columns}{own} FROM {table} s JOIN records r ON r.record_id = s.record_id "
                f"JOIN contacts_{self.list_id} c ON c.chain_id = r.chain_id WHERE s.list_id = ? AND s.record_id = ?",
                (self.list_id, record_id),
            ).fetchone()
            if row:
                return self._record(row)
        return None

    def _record(self, row: tuple[object, ...]) -> Record:
        return Record.of_row(row, self._own)


def waiting_place(store: Store, list_id: int, record_id: int) -> tuple[int, int] | None:
    """The priority and due time of a waiting record, None if it does not wait.

    The queue is not made to find one record: it is looked for where the journal says it may be, then anywhere.
    """
    db = store.connection
    for table in ("in_work", "closed"):
        if db.execute(f"SELECT 1 FROM {table} WHERE record_id = ?", (record_id,)).fetchone():
            return None
    row = db.execute(
        f"WITH dues (due) AS (VALUES (0), ({CHAINED}), ({NEVER}) UNION SELECT due FROM journal WHERE record_id = ?2), "
        f"priorities (priority) AS (VALUES ({ASLEEP}), {', '.join(f'({p})' for p in sorted(set(PRIORITY.values())))}) "
        "SELECT q.priority, q.due FROM dues CROSS JOIN priorities CROSS JOIN queue q ON q.list_id = ?1 "
        "AND q.priority = priorities.priority AND q.due = dues.due AND q.record_id = ?2",
        (list_id, record_id),
    ).fetchone()
    row = (
        row
        or db.execute(
            "SELECT priority, due FROM queue WHERE list_id = ? AND record_id = ?", (list_id, record_id)
        ).fetchone()
    )
    return (row[0], row[1]) if row else None


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
        replace(
            past, client=redacted.get(past.client, past.client), phone=redacted.get(past.phone, past.phone)
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


def dialed_by(store: Store, run_id: int) -> set[int]:
    """The records a run has dialed."""
    rows = store.connection.execute("SELECT record_id FROM attempts WHERE run_id = ?", (run_id,))
    return {row[0] for row in rows}


def kept_attempt_fields(store: Store) -> set[str]:
    """The own fields by which the attempts of every list can be found."""
    return {row[0] for row in store.connection.execute("SELECT field FROM attempt_fields")}


def keep_attempt_fields(store: Store, fields: Iterable[str]) -> set[str]:
    """From now on keep each attempt's value of these own fields, inside the caller's transaction.

    Attempts of which no value is kept yet get the one their contact has now. Returns all the fields that are kept.
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
                    "WHERE r.list_id = ? AND (a.record_id, a.attempt) NOT IN "
                    "(SELECT record_id, attempt FROM attempt_keys WHERE field = ?)",
                    (stored.list_id, name),
                )
                keys = ((key_text(row[0]), *row[1:]) for row in rows)
                _add_keys(store, (AttemptKey(name, key, *rest) for key, *rest in keys if key is not None))
        kept.add(name)
    return kept


def find_by_fields(store: Store, fields: Iterable[str]) -> None:
    """Let attempts be found by these own fields too, on this connection and nowhere else: nothing is written."""
    db = store.connection
    if set(fields) <= kept_attempt_fields(store):
        return
    # a temporary table hides the one of the same name
    db.execute("CREATE TEMP TABLE attempt_fields AS SELECT * FROM main.attempt_fields")
    db.execute(
        "CREATE TEMP TABLE attempt_keys (field, value, placed, record_id, attempt, "
        "PRIMARY KEY (field, value, placed, record_id, attempt)) WITHOUT ROWID"
    )
    db.execute("INSERT INTO temp.attempt_keys SELECT * FROM main.attempt_keys")
    keep_attempt_fields(store, fields)


def _add_keys(store: Store, keys: Iterable[AttemptKey]) -> None:
    store.connection.executemany("INSERT OR IGNORE INTO attempt_keys VALUES (?, ?, ?, ?, ?)", keys)


def write(store: Store, run_id: int, batch: Batch) -> None:
    """Write a batch inside the caller's transaction."""
    run = store.connection.executemany
    run("DELETE FROM queue WHERE list_id = ? AND priority = ? AND due = ? AND record_id = ?", batch.left)
    run("DELETE FROM in_work WHERE record_id = ?", batch.out_of_work)
    run("DELETE FROM closed WHERE record_id = ?", batch.reopened)
    run(
        "INSERT INTO queue VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        sorted(batch.waiting),
    )
    run(
        "INSERT INTO in_work (list_id, priority, due, record_id, record_type, record_status, call_result, attempt, "
        "dial_sched_time, call_time, treatments, agent_id, reason_id, epoch) "
        f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {store.epoch:d})",
        batch.in_work,
    )
    run(
        # a record that is closed has no place in the queue: its second and third value are left out
        "INSERT INTO closed VALUES (?4, ?1, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        sorted(batch.closed, key=_PLACE),
    )
    run(_KEEP_ATTEMPT, sorted(batch.attempts, key=_RECORD_ID))
    if batch.claims:
        run("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?, ?)", sorted(batch.claims))
    if batch.attempt_keys:
        _add_keys(store, batch.attempt_keys)
    run("DELETE FROM attempts WHERE record_id = ? AND attempt = ?", batch.withdrawn)
    run("DELETE FROM attempt_keys WHERE record_id = ? AND attempt = ?", batch.withdrawn)
    if batch.suppressions:
        add_suppressions(store, batch.suppressions)
    if batch.whole_chains:
        _update_whole_chains(store, batch)
    if batch.letters:
        put(store, batch.letters)
    store.journal.append(run_id, batch.journal)


def _update_whole_chains(store: Store, batch: Batch) -> None:
    """Records that were final before their chain was get the result of the chain too.

    Those that are canceled or not to be called keep theirs: it says why.
    """
    chains = {record.chain_id: (record, reason, at) for record, reason, at in batch.whole_chains}
    rows = store.connection.execute(
        "SELECT c.record_id, r.chain_id, c.attempt, c.call_result FROM json_each(?) chains "
        "JOIN records r ON r.chain_id = chains.value JOIN closed c ON c.record_id = r.record_id "
        f"WHERE c.record_type <> {int(RecordType.NO_CALL)} AND c.record_status <> {int(RecordStatus.CANCELED)} "
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


PRIORITY_OF_TYPE: Final = (
    "CASE record_type "
    + "".join(f"WHEN {int(kind)} THEN {rank} " for kind, rank in PRIORITY.items())
    + f"ELSE {PRIORITY[RecordType.GENERAL]} END"
)
"""The priority of a record by its type, in SQL."""


_CALLBACKS: Final = f"({', '.join(str(int(kind)) for kind in sorted(CALLBACKS))})"


def stored_attempts(store: Store, records: Iterable[Record]) -> list[AttemptRow]:
    """The latest attempt of each record."""
    return [
        AttemptRow(
            *store.connection.execute(
                "SELECT * FROM attempts WHERE record_id = ? AND attempt = ?",
                (record.record_id, record.attempt),
            ).fetchone()
        )
        for record in records
    ]


def look_again(
    store: Store, list_id: int, reason: Reason, chained: Reason, in_hand: Collection[int] = ()
) -> int:
    """Undo every deferral and exclusion of a list: its rules have changed. Returns how many records that were.

    Records `in_hand` are being called or looked at and stay where they are; of their chains, others wake up.
    Of a chain whose next record still waits, excluded members go back to sleep as chained; of one that was
    excluded whole, the first record is next again.
    """
    db = store.connection
    waiting, asleep = store.journal.reason_id(reason), store.journal.reason_id(chained)
    count = db.execute(
        "UPDATE queue SET due = dial_sched_time, reason_id = ? "
        f"WHERE list_id = ? AND priority > {ASLEEP} AND due <> dial_sched_time "
        "AND record_id NOT IN (SELECT value FROM json_each(?))",
        (waiting, list_id, json.dumps(list(in_hand))),
    ).rowcount
    excluded = f"list_id = {list_id:d} AND priority = {ASLEEP} AND due = {NEVER}"
    if not db.execute(f"SELECT EXISTS (SELECT 1 FROM queue WHERE {excluded})").fetchone()[0]:
        return int(count)
    _find_leaders(store, list_id)
    count += db.execute(
        f"UPDATE queue SET priority = {PRIORITY_OF_TYPE}, due = dial_sched_time, reason_id = ? "
        f"WHERE {excluded} AND record_id IN (SELECT record_id FROM leaders)",
        (waiting,),
    ).rowcount
    count += db.execute(
        f"UPDATE queue SET due = {CHAINED}, record_status = {int(RecordStatus.CHAIN_READY)}, reason_id = ? "
        f"WHERE {excluded}",
        (asleep,),
    ).rowcount
    db.execute("DROP TABLE temp.leaders")
    return int(count)


def _find_leaders(store: Store, list_id: int) -> None:
    """Make the table `leaders`: of each chain that is excluded whole, the record that would be next."""
    db = store.connection
    excluded = f"list_id = {list_id:d} AND priority = {ASLEEP} AND due = {NEVER}"
    db.execute("DROP TABLE IF EXISTS temp.leaders")
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
        f"(PARTITION BY r.chain_id ORDER BY q.record_type NOT IN {_CALLBACKS}, r.chain_n) AS place "
        "FROM queue q JOIN records r USING (record_id) "
        f"WHERE q.{excluded.replace('AND ', 'AND q.')} AND r.chain_id NOT IN (SELECT chain_id FROM led)) "
        "WHERE place = 1"
    )
    db.execute("DROP TABLE temp.led")
