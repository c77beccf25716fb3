"""Reading the store for people: counts, reasons, callbacks, and the life of one record. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from cxrun.model import ASLEEP, CALLBACKS, CHAINED, PRIORITY, CallResult, Reason, RecordStatus
from cxrun.moments import moment_text
from cxrun.store.database import Store
from cxrun.store.queue import AttemptRow, waiting_place
from cxrun.store.reasons import REASON, reason_of_row


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
    first due time of a waiting record (Unix UTC seconds). `callbacks` are those pending, `next_callback` when
    the first of them is due; `missed` counts records whose callback was, tried again or not.
    """

    records: int
    contacts: int
    attempts: int
    answered: int
    abandoned: int
    next_due: int | None
    callbacks: int
    missed: int
    canceled: int
    next_callback: int | None


def reasons(store: Store, list_id: int) -> list[Counted]:
    """Why the records of a list are as they are; the counts add up to the size of the list."""
    rows = store.connection.execute(
        f"SELECT {REASON}, count(*), sum(t.attempt > 0) FROM ("
        "SELECT reason_id, attempt FROM queue WHERE list_id = ?1 UNION ALL "
        "SELECT reason_id, attempt FROM in_work WHERE list_id = ?1 UNION ALL "
        "SELECT reason_id, attempt FROM closed WHERE list_id = ?1) t "
        "JOIN reasons s USING (reason_id) GROUP BY t.reason_id ORDER BY count(*) DESC, s.text",
        (list_id,),
    )
    return [Counted(reason_of_row(row[:7]), row[7], row[8]) for row in rows]


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
    urgent = sorted({PRIORITY[kind] for kind in CALLBACKS})
    promised = [
        db.execute(
            "SELECT count(*), min(dial_sched_time) FROM queue WHERE list_id = ? AND priority = ?",
            (list_id, priority),
        ).fetchone()
        for priority in urgent
    ]
    missed, canceled = db.execute(
        "SELECT sum(record_status = ?2), sum(record_status = ?3) FROM ("
        f"SELECT record_status FROM queue WHERE list_id = ?1 AND priority IN ({', '.join(map(str, urgent))}) "
        "UNION ALL SELECT record_status FROM closed WHERE list_id = ?1)",
        (list_id, int(RecordStatus.MISSED_CALLBACK), int(RecordStatus.CANCELED)),
    ).fetchone()
    return ListTotals(
        records, contacts, attempts, answered or 0, abandoned or 0, due,
        sum(count for count, _ in promised), missed or 0, canceled or 0,
        min((first for _, first in promised if first is not None), default=None),
    )  # fmt: skip


def find_records(store: Store, text: str) -> list[tuple[int, int]]:
    """The (list_id, record_id) of everything the text may mean: a record id, a number, a client id."""
    return list(dict.fromkeys(row for rows in meanings(store, text).values() for row in rows))


def meanings(store: Store, text: str) -> dict[str, list[tuple[int, int]]]:
    """The (list_id, record_id) of what the text may mean, by what it would be: a record, number or client."""
    db = store.connection
    digits = "".join(char for char in text if char.isdigit())
    found: dict[str, list[tuple[int, int]]] = {"record": [], "number": [], "client": []}
    if text.isdigit() and len(text) < 19:
        found["record"] = db.execute(
            "SELECT list_id, record_id FROM records WHERE record_id = ?", (int(text),)
        ).fetchall()
    found["number"] = db.execute(
        "SELECT list_id, record_id FROM records WHERE phone IN (?, ?) ORDER BY 1, 2",
        (f"+{digits}", f"+1{digits}"),
    ).fetchall()
    for (list_id,) in db.execute("SELECT list_id FROM lists ORDER BY list_id").fetchall():
        contacts = f"contacts_{list_id} JOIN records USING (chain_id)"
        found["client"] += db.execute(
            f"SELECT list_id, record_id FROM {contacts} WHERE client_id = ? ORDER BY 1, 2", (text,)
        ).fetchall()
    return found


class Standing(NamedTuple):
    """Where a record stands; `asked` are the requests for it that are not done yet."""

    list_id: int
    list_name: str
    record_id: int
    chain_id: int
    phone: str
    client_id: str | None
    tz: str
    record_type: int
    record_status: int
    attempt: int
    call_time: int
    dial_sched_time: int
    place: str
    asked: tuple[str, ...]


def standings(store: Store, records: Iterable[tuple[int, int]]) -> list[Standing]:
    """Where each of these (list_id, record_id) stands, in their order."""
    db = store.connection
    wanted = list(records)
    by_list: dict[int, list[int]] = {}
    for list_id, record_id in wanted:
        by_list.setdefault(list_id, []).append(record_id)
    found = {}
    for list_id, record_ids in by_list.items():
        rows = db.execute(
            "SELECT r.list_id, l.name, r.record_id, r.chain_id, r.phone, c.client_id, r.tz, s.record_type, "
            "s.record_status, s.attempt, s.call_time, s.dial_sched_time, s.place, "
            "(SELECT group_concat(kind) FROM requests q WHERE q.record_id = r.record_id) "
            "FROM record_states s JOIN records r USING (record_id) JOIN lists l ON l.list_id = r.list_id "
            f"JOIN contacts_{list_id} c USING (chain_id) "
            "WHERE s.list_id = ? AND s.record_id IN (SELECT value FROM json_each(?))",
            (list_id, json.dumps(record_ids)),
        )
        for row in rows:
            asked = tuple((row[-1] or "").split(",")) if row[-1] else ()
            found[row[0], row[2]] = Standing._make((*row[:-1], asked))
    return [found[key] for key in wanted if key in found]


def chain_of(store: Store, list_id: int, record_id: int) -> list[tuple[int, int]]:
    """The (list_id, record_id) of a record's whole chain, in order."""
    return store.connection.execute(
        "SELECT list_id, record_id FROM records WHERE chain_id = (SELECT chain_id FROM records WHERE record_id = ?) "
        "AND list_id = ? ORDER BY chain_n",
        (record_id, list_id),
    ).fetchall()


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


def promises(store: Store) -> list[Promise]:
    """The callbacks of every list that are pending, and those that were closed as missed, by time."""
    found = []
    db = store.connection
    kinds = ", ".join(str(int(kind)) for kind in sorted(CALLBACKS))
    for list_id, name in db.execute("SELECT list_id, name FROM lists ORDER BY list_id").fetchall():
        rows = db.execute(
            "SELECT s.record_id, r.phone, c.client_id, r.tz, s.dial_sched_time, s.record_type, s.record_status, "
            f"s.agent_id, s.place FROM record_states s JOIN records r USING (record_id) "
            f"JOIN contacts_{list_id} c USING (chain_id) "
            f"WHERE s.list_id = ? AND s.record_type IN ({kinds}) AND s.due <> ? "
            "AND (s.place <> 'closed' OR s.record_status = ?)",
            (list_id, CHAINED, int(RecordStatus.MISSED_CALLBACK)),
        )
        found += [Promise(name, *row) for row in rows]
    return sorted(found, key=lambda promise: (promise.at, promise.record_id))


def current_reason(store: Store, record_id: int, list_id: int) -> Reason | None:
    """Why the record is as it is now."""
    db = store.connection
    row = None
    place = waiting_place(store, list_id, record_id)
    if place is not None:
        row = db.execute(
            f"SELECT {REASON} FROM queue t JOIN reasons s USING (reason_id) "
            "WHERE t.list_id = ? AND t.priority = ? AND t.due = ? AND t.record_id = ?",
            (list_id, *place, record_id),
        ).fetchone()
    for table in ("in_work", "closed"):
        row = (
            row
            or db.execute(
                f"SELECT {REASON} FROM {table} t JOIN reasons s USING (reason_id) "
                "WHERE t.list_id = ? AND t.record_id = ?",
                (list_id, record_id),
            ).fetchone()
        )
    return reason_of_row(row) if row else None


def rules_changes(store: Store, list_name: str) -> list[Happened]:
    """When the rules of a list were others than before, so that what they had put off was looked at anew."""
    rows = store.connection.execute(
        f"SELECT j.seq, j.at, j.run_id, j.event, {REASON}, runs.frozen FROM journal j "
        "JOIN reasons s USING (reason_id) JOIN runs USING (run_id) "
        "WHERE j.record_id = 0 AND j.event = 'rules_changed' ORDER BY j.seq"
    )
    return [
        Happened(row[0], row[1], row[2], row[3], 0, 0, 0, reason_of_row(row[4:11]))
        for row in rows
        if any(list_name in group["lists"] for group in json.loads(row[11]).values())
    ]


def told_of_groups(store: Store, beginnings: Sequence[str]) -> list[Happened]:
    """What the journal says of whole groups in texts that begin so, in order."""
    rows = store.connection.execute(
        f"SELECT j.seq, j.at, j.run_id, j.event, {REASON} FROM journal j JOIN reasons s USING (reason_id) "
        "WHERE j.record_id = 0 AND s.state = 'group' AND EXISTS "
        "(SELECT 1 FROM json_each(?) WHERE substr(s.text, 1, length(value)) = value) ORDER BY j.seq",
        (json.dumps(list(beginnings)),),
    )
    return [Happened(row[0], row[1], row[2], row[3], 0, 0, 0, reason_of_row(row[4:])) for row in rows]


def life_of(store: Store, record_id: int) -> Iterator[Happened]:
    """Everything the journal says of a record, in order."""
    rows = store.connection.execute(
        f"SELECT j.seq, j.at, j.run_id, j.event, j.attempt, j.call_result, j.due, {REASON} "
        "FROM journal j JOIN reasons s USING (reason_id) WHERE j.record_id = ? ORDER BY j.seq",
        (record_id,),
    )
    for row in rows:
        seq, at, run_id, event, attempt, call_result, due = row[:7]
        yield Happened(seq, at, run_id, event, attempt, call_result, due, reason_of_row(row[7:]))


def attempts_of(store: Store, record_id: int) -> dict[int, AttemptRow]:
    """The attempts of a record by their number."""
    rows = store.connection.execute(
        "SELECT * FROM attempts WHERE record_id = ? ORDER BY attempt", (record_id,)
    )
    return {row[1]: AttemptRow(*row) for row in rows}


def refusals_of(store: Store, run_id: int) -> Iterator[tuple[int, str, Reason, int]]:
    """The (record_id, event, reason, due) of records that a run looked at and did not dial, in order."""
    rows = store.connection.execute(
        f"SELECT j.record_id, j.event, j.due, {REASON} FROM journal j JOIN reasons s USING (reason_id) "
        "WHERE j.run_id = ? AND j.event IN ('deferred', 'excluded', 'chained', 'error', 'callback_missed', "
        "'agent_absent', 'released') ORDER BY j.seq",
        (run_id,),
    )
    for row in rows:
        yield row[0], row[1], reason_of_row(row[3:]), row[2]


def applied(store: Store, plan: str) -> str | None:
    """What the journal says of the plan with this digest having been applied, None if it was not."""
    row = store.connection.execute(
        "SELECT j.at, s.text FROM reasons s JOIN journal j USING (reason_id) "
        "WHERE s.state = 'plan' AND s.text LIKE ? AND j.event = 'plan_applied'",
        (f"plan {plan}:%",),
    ).fetchone()
    return None if row is None else f"{moment_text(row[0])}, {row[1].partition(': ')[2]}"


class CallFigures(NamedTuple):
    """How the calls of a list went, on average, in seconds.

    `line` is from the dial until somebody or something answers, or until it is over; `taken` from the dial to the
    end; `talk` with an agent. `delivered` is the share of calls that an agent took, `again` the share after which
    the customer was to be called again, `wait` how long after.
    """

    calls: int
    line: float
    taken: float
    delivered: float
    talk: float
    again: float
    wait: float


_LATEST: Final = 500_000
"""Journal rows that are looked at, the latest first, to tell what follows a call."""


def call_figures(store: Store, list_id: int) -> CallFigures:
    """How the calls of a list went that were made by runs of this store."""
    db = store.connection
    with_agent = "agent_id IS NOT NULL AND connected IS NOT NULL"
    calls, line, taken, delivered, talk = db.execute(
        f"SELECT count(*), avg(coalesce(answered, ended) - placed), avg(ended - placed), avg({with_agent}), "
        f"avg(CASE WHEN {with_agent} THEN ended - connected END) FROM attempts "
        "WHERE list_id = ? AND run_id > 0 AND ended IS NOT NULL",
        (list_id,),
    ).fetchone()
    again, wait = db.execute(
        "SELECT avg(CASE WHEN event = 'next_in_chain' THEN NULL "
        "ELSE event NOT IN ('finish', 'suppress', 'update_chain', 'agent_error') END), "
        "avg(CASE WHEN due > 0 AND event IN ('dial_again', 'next_in_chain') THEN due - at END) FROM journal "
        "CROSS JOIN records USING (record_id) WHERE seq > (SELECT max(seq) FROM journal) - ? AND list_id = ? AND "
        "event IN ('finish', 'suppress', 'update_chain', 'agent_error', 'dial_again', 'dial_next', 'next_in_chain')",
        (_LATEST, list_id),
    ).fetchone()
    return CallFigures(calls, line or 0, taken or 0, delivered or 0, talk or 0, again or 0, wait or 0)


def customers(store: Store, list_id: int) -> tuple[int, int, int]:
    """How many chains a list has, how many of them are not finished, and how many of those are being dialed."""
    db = store.connection
    everybody = db.execute(f"SELECT count(*) FROM contacts_{list_id:d}").fetchone()[0]
    in_work = "SELECT chain_id FROM in_work JOIN records USING (record_id) WHERE in_work.list_id = ?1"
    unfinished = db.execute(
        "SELECT count(*) FROM (SELECT chain_id FROM queue JOIN records USING (record_id) "
        f"WHERE queue.list_id = ?1 UNION {in_work})",
        (list_id,),
    ).fetchone()[0]
    dialing = db.execute(
        f"SELECT count(*) FROM (SELECT DISTINCT chain_id FROM ({in_work}))", (list_id,)
    ).fetchone()[0]
    return everybody, unfinished, dialing
