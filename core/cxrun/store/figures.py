"""Figures of one run, and of the history that outcome models are learned from. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

from cxrun.model import CallResult, Reason, Value
from cxrun.store.database import Store
from cxrun.store.lists import ELSEWHERE, stored_lists
from cxrun.store.reasons import REASON, reason_of_row

QUARTER: Final = 900
"""Seconds of a quarter of an hour; every time zone is whole quarters away from UTC."""
_PERSON: Final = int(CallResult.ANSWER)
_LOST: Final = f"({int(CallResult.ABANDONED)}, {int(CallResult.DROPPED)})"
_HEARD: Final = (
    f"{{0}}agent_id IS NULL AND {{0}}call_result = {int(CallResult.DROPPED)} AND {{0}}detected = {_PERSON}"
)
"""Whether a connected call was connected to the message for those whom no agent takes: nobody talked to it."""


class Quarter(NamedTuple):
    """What the calls placed in one quarter of an hour came to; `number` counts quarters since 1970, UTC.

    `answered` are calls a person answered, `contacts` those of them that somebody talked to, `abandoned` those
    nobody took in time. `line_seconds` is how long lines were up.
    """

    number: int
    dials: int
    answered: int
    contacts: int
    right_party: int
    abandoned: int
    line_seconds: float
    talk_seconds: float


def quarters(
    store: Store, run_id: int, results: Collection[int], dispositions: Collection[str]
) -> list[Quarter]:
    """A run's calls by quarter of an hour. The right party is a contact with one of these results or dispositions."""
    contact = f"(detected = {_PERSON} AND connected IS NOT NULL AND NOT ({_HEARD.format('')}))"
    right = "(call_result IN (SELECT value FROM json_each(?2)) OR disposition IN (SELECT value FROM json_each(?3)))"
    rows = store.connection.execute(
        f"SELECT CAST(placed / {QUARTER} AS INTEGER), count(*), total(detected = {_PERSON}), total({contact}), "
        f"total({contact} AND {right}), total(detected = {_PERSON} AND call_result IN {_LOST}), "
        "total(max(ended - answered, 0)), total(iif(agent_id IS NULL, 0, ended - connected)) "
        "FROM attempts WHERE run_id = ?1 GROUP BY 1 ORDER BY 1",
        (run_id, json.dumps(sorted(results)), json.dumps(sorted(dispositions))),
    )
    return [Quarter(row[0], row[1], *map(int, row[2:6]), *row[6:]) for row in rows]


class Remaining(NamedTuple):
    """How many records of some lists are final, and how many are not."""

    finished: int
    left: int


def remaining(store: Store, list_ids: Sequence[int]) -> Remaining:
    """How many records are final, and how many are not."""
    ids = json.dumps(list_ids)
    finished, everything = (
        store.connection.execute(
            f"SELECT count(*) FROM {table} WHERE list_id IN (SELECT value FROM json_each(?))", (ids,)
        ).fetchone()[0]
        for table in ("closed", "records")
    )
    return Remaining(finished, everything - finished)


def dialed(store: Store, run_id: int) -> set[int]:
    """The ids of the records a run has dialed."""
    rows = store.connection.execute("SELECT DISTINCT record_id FROM attempts WHERE run_id = ?", (run_id,))
    return {row[0] for row in rows}


def decided(store: Store, run_id: int) -> list[tuple[Reason, int]]:
    """Every reason a run has acted on, and how often."""
    rows = store.connection.execute(
        f"SELECT {REASON}, count(*) FROM journal j "
        "JOIN reasons s USING (reason_id) WHERE j.run_id = ? GROUP BY j.reason_id",
        (run_id,),
    )
    return [(reason_of_row(row[:7]), row[7]) for row in rows]


def standing(store: Store, record_ids: Collection[int]) -> list[tuple[Reason, int]]:
    """Why these records are as they are now: reasons, and how many have each."""
    rows = store.connection.execute(
        f"SELECT {REASON}, count(*) FROM record_states r "
        "JOIN reasons s USING (reason_id) WHERE r.record_id IN (SELECT value FROM json_each(?)) GROUP BY s.reason_id",
        (json.dumps(sorted(record_ids)),),
    )
    return [(reason_of_row(row[:7]), row[7]) for row in rows]


def usual_zone(store: Store, list_ids: Sequence[int]) -> str:
    """The time zone of most records, UTC if none is known."""
    row = store.connection.execute(
        "SELECT tz FROM records WHERE list_id IN (SELECT value FROM json_each(?)) AND tz <> '' "
        "GROUP BY tz ORDER BY count(*) DESC, tz LIMIT 1",
        (json.dumps(list_ids),),
    ).fetchone()
    return str(row[0]).split()[0] if row else "UTC"


class Past(NamedTuple):
    """Attempts of one kind: the quarter of an hour, the number's zones and device, which attempt, what came of it.

    `fields` are the values of the fields that were asked for, `record_id` is 0 unless records are told apart.
    """

    quarter: int
    tz: str
    device: int
    attempt: int
    detected: int | None
    call_result: int
    disposition: str | None
    talked: bool
    record_id: int
    fields: tuple[Value, ...]
    calls: int


def history(
    store: Store,
    list_ids: Sequence[int],
    since: int = ELSEWHERE + 1,
    fields: Sequence[str] = (),
    *,
    by_record: bool = False,
) -> Iterator[Past]:
    """The attempts of these lists by kind, `since` this run; those made elsewhere before the import are left out.

    They are told apart by these own fields, too, None in a list without one, and `by_record` by the record.
    """
    columns = (
        f"CAST(a.placed / {QUARTER} AS INTEGER), r.tz, r.contact_info_type, a.attempt, a.detected, a.call_result, "
        f"a.disposition, a.connected IS NOT NULL AND NOT ({_HEARD.format('a.')}), {'r.record_id' if by_record else '0'}"
    )
    made = "a.list_id IN (SELECT value FROM json_each(?)) AND a.run_id >= ?"
    values: list[Any] = [json.dumps(list_ids), since]
    contacts: list[tuple[str, str]] = [("", "")]
    if fields:
        contacts = [
            (
                "".join(f', c."{name}"' if name in item.field_types else ", NULL" for name in fields),
                f"JOIN contacts_{item.list_id} c ON c.chain_id = r.chain_id AND r.list_id = {item.list_id}",
            )
            for item in stored_lists(store).values()
        ]
    groups = ", ".join(str(n) for n in range(1, 10 + len(fields)))
    for own, join in contacts:
        rows = store.connection.execute(
            f"SELECT {columns}{own}, count(*) FROM attempts a JOIN records r USING (record_id) {join} "
            f"WHERE {made} GROUP BY {groups}",
            values,
        )
        for row in rows:
            quarter, tz, device, attempt, detected, result, disposition, talked, record_id, *rest, calls = row
            yield Past(
                quarter, tz, device, attempt, detected, result, disposition, bool(talked), record_id, tuple(rest), calls
            )  # fmt: skip


def talks(store: Store, list_ids: Sequence[int]) -> tuple[int, float, float]:
    """Conversations of agents with people: how many, the mean and the standard deviation of their seconds."""
    row = store.connection.execute(
        "SELECT count(*), total(ended - connected), total((ended - connected) * (ended - connected)) FROM attempts "
        f"WHERE list_id IN (SELECT value FROM json_each(?)) AND detected = {_PERSON} AND agent_id IS NOT NULL "
        "AND connected IS NOT NULL AND ended > connected",
        (json.dumps(list_ids),),
    ).fetchone()
    count, total, squares = row
    if count < 2:
        return count, total, 0.0
    mean = total / count
    return count, mean, max(0.0, (squares - count * mean * mean) / (count - 1)) ** 0.5


def promised_after(store: Store, list_ids: Sequence[int]) -> list[tuple[str, int, float]]:
    """By disposition code: how many of its calls promised a callback, and after how many seconds on average."""
    return store.connection.execute(
        "SELECT a.disposition, count(*), avg(j.due - j.at) FROM journal j JOIN attempts a USING (record_id, attempt) "
        "WHERE j.event = 'callback_promised' AND j.due > j.at AND a.disposition IS NOT NULL "
        "AND a.list_id IN (SELECT value FROM json_each(?)) GROUP BY 1 ORDER BY 1",
        (json.dumps(list_ids),),
    ).fetchall()
