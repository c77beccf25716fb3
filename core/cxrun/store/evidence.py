"""Reading the store as evidence: the journal row by row, one attempt with its surroundings, and whether all tables
agree with the journal. Nothing here writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from cxrun.model import Reason, Suppression
from cxrun.store.database import Store
from cxrun.store.journal import outcome_of
from cxrun.store.lists import stored_lists
from cxrun.store.queue import AttemptRow, Claim
from cxrun.store.reasons import REASON, reason_of_row
from cxrun.store.suppressions import CLIENT

_ROW: Final = (
    "seq, at, run_id, event, record_id, attempt, call_result, due, placed, outcome, reason_id, digest"
)


class JournalRow(NamedTuple):
    """A row of the journal, see `Entry`; `placed` is 0 unless the row settles an attempt."""

    seq: int
    at: float
    run_id: int
    event: str
    record_id: int
    attempt: int
    call_result: int
    due: int
    placed: float
    outcome: str
    reason_id: int
    digest: bytes


class StoredReason(NamedTuple):
    """A reason as it is kept; without a salt it was redacted, and its digest is all that is left of its text."""

    columns: tuple[Any, ...]
    salt: bytes | None
    digest: bytes

    @property
    def reason(self) -> Reason:
        return reason_of_row(self.columns)


class StoredRun(NamedTuple):
    """A run as it was noted when it began; `frozen` holds what decided, by campaign group."""

    run_id: int
    world: str
    seed: int
    groups: list[str]
    frozen: Mapping[str, Any]
    versions: Mapping[str, str]
    reached: float
    ended: str | None

    def group_of(self, list_name: str) -> str | None:
        """The campaign group that dialed a contact list."""
        return next((name for name, group in self.frozen.items() if list_name in group["lists"]), None)


class Disagreement(NamedTuple):
    """Something the journal does not bear out; `record_id` and `seq` are 0 where there is none."""

    what: str
    record_id: int = 0
    seq: int = 0
    at: float = 0.0


@contextmanager
def snapshot(store: Store) -> Iterator[None]:
    """The store as it is now, whatever others write meanwhile."""
    store.connection.execute("BEGIN")
    try:
        yield
    finally:
        store.connection.rollback()


def rows(store: Store, after: int = 0, till: int | None = None) -> Iterator[JournalRow]:
    """The rows of the journal after a number, up to and with another, in order."""
    found = store.connection.execute(
        f"SELECT {_ROW} FROM journal WHERE seq > ? AND seq <= ? ORDER BY seq",
        (after, 2**63 - 1 if till is None else till),
    )
    return (JournalRow._make(row) for row in found)


def row_at(store: Store, seq: int) -> JournalRow | None:
    """The row of this number."""
    return next(rows(store, seq - 1, seq), None)


def rows_of(store: Store, record_id: int) -> list[JournalRow]:
    """The rows of one record, in order."""
    found = store.connection.execute(
        f"SELECT {_ROW} FROM journal WHERE record_id = ? ORDER BY seq", (record_id,)
    )
    return [JournalRow._make(row) for row in found]


def rows_between(store: Store, since: float, till: float) -> tuple[int, int]:
    """The numbers before the first and of the last row of a time; the same twice if there is none."""
    first, last = store.connection.execute(
        "SELECT min(seq), max(seq) FROM journal WHERE at >= ? AND at < ?", (since, till)
    ).fetchone()
    if first is None:
        end = store.connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
        return end, end
    return first - 1, last


def stored_reason(store: Store, reason_id: int) -> StoredReason | None:
    """A reason by its id."""
    row = store.connection.execute(
        f"SELECT {REASON}, salt, digest FROM reasons s WHERE reason_id = ?", (reason_id,)
    ).fetchone()
    return StoredReason(row[:7], row[7], row[8]) if row else None


def all_reasons(store: Store) -> Iterator[tuple[int, StoredReason]]:
    """Every reason there ever was, and its id."""
    found = store.connection.execute(f"SELECT reason_id, {REASON}, salt, digest FROM reasons s")
    return ((row[0], StoredReason(row[1:8], row[8], row[9])) for row in found)


def stored_run(store: Store, run_id: int) -> StoredRun | None:
    """A run by its id."""
    row = store.connection.execute(
        "SELECT run_id, world, seed, groups, frozen, versions, reached, ended FROM runs WHERE run_id = ?",
        (run_id,),
    ).fetchone()
    if row is None:
        return None
    return StoredRun(*row[:3], *(json.loads(text) for text in row[3:6]), *row[6:])


def run_ids(store: Store) -> list[int]:
    """The runs of the store, in order."""
    return [row[0] for row in store.connection.execute("SELECT run_id FROM runs ORDER BY run_id")]


def content(store: Store, digest: str) -> str | None:
    """The text of a file a run was frozen with."""
    row = store.connection.execute("SELECT text FROM contents WHERE digest = ?", (digest,)).fetchone()
    return str(row[0]) if row else None


def find_attempt(store: Store, record_id: int, attempt: int | None = None) -> AttemptRow | None:
    """An attempt of a record, the latest if no number is given."""
    row = store.connection.execute(
        "SELECT * FROM attempts WHERE record_id = ?1 AND (?2 IS NULL OR attempt = ?2) ORDER BY attempt DESC LIMIT 1",
        (record_id, attempt),
    ).fetchone()
    return AttemptRow(*row) if row else None


def find_claim(store: Store, record_id: int, attempt: int) -> Claim | None:
    """In which state a record was claimed for an attempt; None if it was new.

    Of an attempt that is in work it is the state the record has still.
    """
    row = store.connection.execute(
        "SELECT * FROM claims WHERE record_id = ?1 AND attempt = ?2 UNION ALL "
        "SELECT record_id, attempt, record_type, call_result, dial_sched_time, treatments, agent_id FROM in_work "
        "WHERE record_id = ?1 AND attempt = ?2 LIMIT 1",
        (record_id, attempt),
    ).fetchone()
    return Claim(*row) if row else None


def list_of(store: Store, record_id: int) -> tuple[int, str] | None:
    """The contact list a record is in: its id and its name."""
    row = store.connection.execute(
        "SELECT list_id, name FROM records JOIN lists USING (list_id) WHERE record_id = ?", (record_id,)
    ).fetchone()
    return (row[0], row[1]) if row else None


def chain_of(store: Store, chain_id: int) -> list[int]:
    """The records of a chain, in its order."""
    found = store.connection.execute(
        "SELECT record_id FROM records WHERE chain_id = ? ORDER BY chain_n", (chain_id,)
    )
    return [row[0] for row in found]


def suppression_entries(store: Store) -> Iterator[Suppression]:
    """Every entry of every suppression list, in order."""
    found = store.connection.execute(
        "SELECT list_name, kind, key, valid_from, valid_till FROM suppressions ORDER BY list_name, kind, key"
    )
    return (Suppression(*row) for row in found)


class CallRecord(NamedTuple):
    """An attempt with what is told of it elsewhere; `seq` is that of the row that settled it, None if none did."""

    attempt: AttemptRow
    list_name: str
    device: int
    tz: str
    tz_source: str
    seq: int | None
    at: float | None
    event: str | None
    reason: Reason | None
    digest: bytes | None


def call_records(store: Store, since: float, till: float) -> Iterator[CallRecord]:
    """Every attempt that was placed in a time, by record and attempt."""
    found = store.connection.execute(
        "SELECT a.*, l.name, r.contact_info_type, r.tz, r.tz_source, j.seq, j.at, j.event, j.digest, "
        f"{REASON} FROM attempts a "
        "JOIN records r ON r.record_id = a.record_id JOIN lists l ON l.list_id = a.list_id "
        "LEFT JOIN journal j ON j.record_id = a.record_id AND j.attempt = a.attempt AND j.placed > 0 "
        "LEFT JOIN reasons s ON s.reason_id = j.reason_id "
        "WHERE a.placed >= ? AND a.placed < ? ORDER BY a.record_id, a.attempt",
        (since, till),
    )
    width = len(AttemptRow._fields)
    for row in found:
        list_name, device, tz, tz_source, seq, at, event, digest, *reason = row[width:]
        told = reason_of_row(reason) if seq is not None else None
        yield CallRecord(
            AttemptRow(*row[:width]), list_name, device, tz, tz_source, seq, at, event, told, digest
        )


def outlines(store: Store) -> Iterator[tuple[str, AttemptRow]]:
    """Every attempt with the name of its list, in no order."""
    found = store.connection.execute("SELECT l.name, a.* FROM attempts a JOIN lists l USING (list_id)")
    return ((row[0], AttemptRow(*row[1:])) for row in found)


# --- whether everything agrees -------------------------------------------------------------------------


_SETTLES: Final = "j.record_id = a.record_id AND j.attempt = a.attempt AND j.placed > 0"
_CHECKS: Final = (
    # attempts without an end, ends without an attempt
    (
        "attempt {0}-{1} has no row in the journal that settles it",
        f"SELECT a.record_id, a.attempt, 0, a.placed FROM attempts a WHERE a.run_id > 0 AND NOT EXISTS "
        f"(SELECT 1 FROM journal j WHERE {_SETTLES}) AND NOT EXISTS (SELECT 1 FROM in_work w "
        "WHERE w.record_id = a.record_id AND w.attempt = a.attempt)",
    ),
    (
        "the journal settles attempt {0}-{1}, which is not among the attempts",
        "SELECT j.record_id, j.attempt, j.seq, j.at FROM journal j WHERE j.placed > 0 AND NOT EXISTS "
        "(SELECT 1 FROM attempts a WHERE a.record_id = j.record_id AND a.attempt = j.attempt)",
    ),
    (
        "the journal settles attempt {0}-{1} a second time",
        "SELECT a.record_id, a.attempt, a.seq, a.at FROM journal a WHERE a.placed > 0 AND EXISTS "
        f"(SELECT 1 FROM journal j WHERE {_SETTLES} AND j.seq < a.seq)",
    ),
    (
        "attempt {0}-{1} went to another number than that of its record",
        "SELECT a.record_id, a.attempt, 0, a.placed FROM attempts a JOIN records r USING (record_id) "
        "WHERE a.phone <> r.phone",
    ),
    # where records stand
    (
        "record {0} is in no place, or in several",
        "SELECT record_id, 0, 0, 0 FROM (SELECT record_id, 1 AS known FROM records UNION ALL "
        "SELECT record_id, 0 FROM record_states) GROUP BY record_id HAVING count(*) <> 2 OR sum(known) <> 1",
    ),
    (
        "record {0} says it was attempted {1} times; its attempts say otherwise",
        "SELECT record_id, attempt, 0, 0 FROM (SELECT s.record_id, s.attempt, (SELECT max(a.attempt) "
        "FROM attempts a WHERE a.record_id = s.record_id) AS latest FROM record_states s) WHERE latest <> attempt",
    ),
    (
        "an attempt of record {0} before its attempt {1} is missing",
        "SELECT record_id, max(attempt), 0, max(placed) FROM attempts GROUP BY record_id "
        "HAVING count(*) <> max(attempt) - min(attempt) + 1",
    ),
    (
        "record {0} has another call result by the journal",
        "SELECT record_id, 0, 0, 0 FROM (SELECT s.record_id, s.call_result, (SELECT j.call_result FROM journal j "
        "JOIN reasons w USING (reason_id) WHERE j.record_id = s.record_id AND w.state <> 'effect' "
        "ORDER BY j.seq DESC LIMIT 1) AS latest FROM record_states s WHERE s.place <> 'in work') "
        "WHERE latest <> call_result",
    ),
    (
        "record {0} was called last at another time by its attempts",
        "SELECT record_id, 0, 0, 0 FROM (SELECT s.record_id, s.call_time, (SELECT a.placed FROM attempts a "
        "WHERE a.record_id = s.record_id ORDER BY a.attempt DESC LIMIT 1) AS latest FROM record_states s "
        "WHERE s.place <> 'in work') WHERE CAST(latest AS INTEGER) <> call_time",
    ),
    (
        "record {0} is where it is for another reason by the journal",
        "SELECT s.record_id, 0, 0, 0 FROM record_states s WHERE s.reason_id IN "
        "(SELECT reason_id FROM journal EXCEPT SELECT reason_id FROM journal WHERE record_id = 0) "
        "AND s.reason_id NOT IN (SELECT j.reason_id FROM journal j WHERE j.record_id = s.record_id)",
    ),
    # suppressions
    (
        "record {0} asked after attempt {1} not to be called; no suppression entry names its number",
        "SELECT j.record_id, j.attempt, j.seq, j.at FROM journal j JOIN records r USING (record_id) "
        "WHERE j.event = 'suppress' AND j.placed > 0 AND NOT EXISTS (SELECT 1 FROM suppressions p "
        "WHERE p.kind = 'device' AND p.key = r.phone AND p.valid_from <= j.at + 86400) AND NOT EXISTS (SELECT 1 "
        "FROM journal k JOIN reasons w USING (reason_id) WHERE k.event = 'unsuppressed' AND k.seq > j.seq "
        "AND (w.salt IS NULL OR instr(w.text, r.phone)))",
    ),
    # runs
    (
        "run {1}, of which the journal speaks, is not among the runs",
        "SELECT j.record_id, j.run_id, j.seq, j.at FROM journal j WHERE j.run_id > 0 "
        "AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = j.run_id)",
    ),
    (
        "attempt {0}-{1} is of a run that is not among the runs",
        "SELECT a.record_id, a.attempt, 0, a.placed FROM attempts a WHERE a.run_id > 0 "
        "AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = a.run_id)",
    ),
)
"""What must not be found, and how to find it: record, a second number, row of the journal, time."""


_TOLD: Final = (
    "time of answer",
    "time of connection",
    "end",
    "detection",
    "call result",
    "disposition",
    "agent",
)
"""What an outcome tells, in its order."""


def disagreements(store: Store) -> Iterator[Disagreement]:
    """Where attempts, records, suppressions and runs are not as the journal has them."""
    yield from _changed_attempts(store)
    lists = stored_lists(store).values()
    clients = (
        "attempt {0}-{1} was made to another client than that of its record",
        " UNION ALL ".join(
            "SELECT a.record_id, a.attempt, 0, a.placed FROM attempts a JOIN records USING (record_id) "
            f"JOIN contacts_{stored.list_id} USING (chain_id) WHERE a.client <> {CLIENT}"
            for stored in lists
        ),
    )
    for what, sql in (*_CHECKS, *((clients,) if lists else ())):
        for record_id, number, seq, at in store.connection.execute(sql):
            yield Disagreement(what.format(record_id, number), record_id, seq, at)


def _changed_attempts(store: Store) -> Iterator[Disagreement]:
    """Attempts that are not what the journal tells of them; those of other systems only if it does."""
    begun = dict(store.connection.execute("SELECT run_id, min(at) FROM journal GROUP BY run_id"))
    origin: dict[int, int] = {}
    for list_id, source in store.connection.execute("SELECT list_id, split_from FROM lists ORDER BY list_id"):
        origin[list_id] = origin.get(source, list_id)
    rows = store.connection.execute(
        "SELECT a.*, r.list_id, j.seq, j.at, j.run_id, j.placed, j.call_result, (SELECT k.outcome FROM journal k "
        "WHERE k.record_id = a.record_id AND k.attempt = a.attempt AND k.outcome <> '' ORDER BY k.seq DESC LIMIT 1) "
        f"FROM attempts a LEFT JOIN records r ON r.record_id = a.record_id LEFT JOIN journal j ON {_SETTLES}"
    )
    width = len(AttemptRow._fields)
    for row in rows:
        attempt = AttemptRow._make(row[:width])
        list_id, seq, at, run_id, placed, call_result, outcome = row[width:]
        changed = []
        if origin.get(attempt.list_id) != origin.get(list_id):
            changed.append("list")
        if seq is not None:
            if attempt.run_id != run_id:
                # a call may see its end in a later run than the one that placed it
                passed_on = attempt.run_id < run_id and attempt.placed <= begun[run_id]
                changed += [] if passed_on else ["run"]
            changed += ["time of placing"] if attempt.placed != placed else []
            outcome = outcome or outcome_of(None, None, at, None, call_result, None, None)
        if outcome is not None and outcome != attempt.outcome:
            changed += _differences(attempt.outcome, outcome)
        if changed:
            what = f"attempt {attempt.record_id}-{attempt.attempt} has another {', '.join(changed)} by the journal"
            yield Disagreement(what, attempt.record_id, seq or 0, at or attempt.placed)


def _differences(now: str, then: str) -> list[str]:
    """By what two outcomes differ."""
    try:
        pairs = zip(_TOLD, json.loads(now), json.loads(then), strict=True)
        return [name for name, one, other in pairs if one != other]
    except (ValueError, TypeError):
        return ["outcome"]


def figures(store: Store) -> dict[str, int]:
    """How many rows the tables have that `disagreements` compares."""
    tables = ("attempts", "records", "suppressions", "runs")
    return {
        table: store.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables
    }


def all_contents(store: Store) -> Iterator[tuple[str, str]]:
    """The text of every file a run was frozen with, and its digest."""
    return iter(store.connection.execute("SELECT digest, text FROM contents ORDER BY digest"))
