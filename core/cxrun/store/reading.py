"""Reading the store for people: counts, reasons, and the life of one record. Nothing here writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cxrun.model import ASLEEP, CallResult, Reason, Rule
from cxrun.store.database import Store
from cxrun.store.queue import AttemptRow


class Counted(NamedTuple):
    """A reason, how many records of a list have it, and how many of those were ever dialed."""

    reason: Reason
    records: int
    dialed: int


class Happened(NamedTuple):
    """A journal entry with its reason."""

    seq: int
    at: float
    run_id: int
    event: str
    attempt: int
    call_result: int
    due: int
    reason: Reason


class ListTotals(NamedTuple):
    """Figures of one list.

    `answered` counts calls a person answered, `abandoned` those of them that no agent took. `next_due` is the
    first due time of a waiting record (Unix UTC seconds).
    """

    records: int
    contacts: int
    attempts: int
    answered: int
    abandoned: int
    next_due: int | None


_REASON = "s.state, s.text, s.kind, s.name, s.ruleset, s.file, s.line"


def reasons(store: Store, list_id: int) -> list[Counted]:
    """Why the records of a list are as they are; the counts add up to the size of the list."""
    rows = store.connection.execute(
        f"SELECT {_REASON}, count(*), sum(t.attempt > 0) FROM ("
        "SELECT reason_id, attempt FROM queue WHERE list_id = ?1 UNION ALL "
        "SELECT reason_id, attempt FROM in_work WHERE list_id = ?1 UNION ALL "
        "SELECT reason_id, attempt FROM closed WHERE list_id = ?1) t "
        "JOIN reasons s USING (reason_id) GROUP BY t.reason_id ORDER BY count(*) DESC, s.text",
        (list_id,),
    )
    return [Counted(_reason(row[:7]), row[7], row[8]) for row in rows]


def totals(store: Store, list_id: int) -> ListTotals:
    """Figures of a list."""
    db = store.connection
    records, contacts = db.execute(
        "SELECT count(*), count(DISTINCT chain_id) FROM records WHERE list_id = ?", (list_id,)
    ).fetchone()
    live = f"detected = {int(CallResult.ANSWER)}"
    lost = f"call_result IN ({int(CallResult.ABANDONED)}, {int(CallResult.DROPPED)})"
    attempts, answered, abandoned = db.execute(
        f"SELECT count(*), sum({live}), sum({live} AND {lost}) FROM attempts WHERE list_id = ?", (list_id,)
    ).fetchone()
    due = db.execute(
        f"SELECT min(due) FROM queue WHERE list_id = ? AND priority > {ASLEEP}", (list_id,)
    ).fetchone()[0]
    return ListTotals(records, contacts, attempts, answered or 0, abandoned or 0, due)


def find_records(store: Store, text: str) -> list[tuple[int, int]]:
    """The (list_id, record_id) of everything the text may mean: a record id, a number, a client id."""
    db = store.connection
    digits = "".join(char for char in text if char.isdigit())
    queries: list[tuple[str, tuple[object, ...]]] = []
    if text.isdigit() and len(text) < 19:
        queries.append(("SELECT list_id, record_id FROM records WHERE record_id = ?", (int(text),)))
    queries.append(
        ("SELECT list_id, record_id FROM records WHERE phone IN (?, ?)", (f"+{digits}", f"+1{digits}"))
    )
    for (list_id,) in db.execute("SELECT list_id FROM lists ORDER BY list_id").fetchall():
        contacts = f"contacts_{list_id} JOIN records USING (chain_id)"
        queries.append((f"SELECT list_id, record_id FROM {contacts} WHERE client_id = ?", (text,)))
    found = [row for sql, values in queries for row in sorted(db.execute(sql, values).fetchall())]
    return list(dict.fromkeys(found))


def current_reason(store: Store, record_id: int, list_id: int) -> Reason | None:
    """Why the record is as it is now."""
    for place in ("queue", "in_work", "closed"):
        row = store.connection.execute(
            f"SELECT {_REASON} FROM {place} t JOIN reasons s USING (reason_id) WHERE t.list_id = ? AND t.record_id = ?",
            (list_id, record_id),
        ).fetchone()
        if row:
            return _reason(row)
    return None


def life_of(store: Store, record_id: int) -> Iterator[Happened]:
    """Everything the journal says of a record, in order."""
    rows = store.connection.execute(
        f"SELECT j.seq, j.at, j.run_id, j.event, j.attempt, j.call_result, j.due, {_REASON} "
        "FROM journal j JOIN reasons s USING (reason_id) WHERE j.record_id = ? ORDER BY j.seq",
        (record_id,),
    )
    for row in rows:
        seq, at, run_id, event, attempt, call_result, due = row[:7]
        yield Happened(seq, at, run_id, event, attempt, call_result, due, _reason(row[7:]))


def attempts_of(store: Store, record_id: int) -> dict[int, AttemptRow]:
    """The attempts of a record by their number."""
    rows = store.connection.execute(
        "SELECT * FROM attempts WHERE record_id = ? ORDER BY attempt", (record_id,)
    )
    return {row[1]: AttemptRow(*row) for row in rows}


def _reason(row: tuple[object, ...]) -> Reason:
    state, text, kind, name, ruleset, file, line = row
    rule = Rule(str(kind), str(name), str(ruleset), str(file), int(str(line))) if name else None
    return Reason(str(state), str(text), rule)
