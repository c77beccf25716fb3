"""What came of a list, row by row: every attempt, or every record with its last state. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from cxrun.errors import UserError, near
from cxrun.store.database import Store
from cxrun.store.lists import ELSEWHERE, StoredList

_CONTACT: Final = {
    "chain_id": "r.chain_id",
    "chain_n": "r.chain_n",
    "client_id": "c.client_id",
    "first_name": "c.first_name",
    "last_name": "c.last_name",
    "company": "c.company",
    "contact_info": "r.contact_info",
    "phone": "r.phone",
    "contact_info_type": "r.contact_info_type",
    "tz": "r.tz",
}
_ATTEMPT: Final = {
    "record_id": "a.record_id",
    "attempt": "a.attempt",
    **_CONTACT,
    "run_id": "a.run_id",
    "placed": "a.placed",
    "answered": "a.answered",
    "connected": "a.connected",
    "ended": "a.ended",
    "detected": "a.detected",
    "call_result": "a.call_result",
    "disposition": "a.disposition",
    "agent_id": "a.agent_id",
}
_RECORD: Final = {
    "record_id": "s.record_id",
    **_CONTACT,
    "record_type": "s.record_type",
    "record_status": "s.record_status",
    "call_result": "s.call_result",
    "attempt": "s.attempt",
    "call_time": "nullif(s.call_time, 0)",
    "dial_sched_time": "nullif(s.dial_sched_time, 0)",
    "agent_id": "s.agent_id",
    "treatments": "s.treatments",
    "place": "w.state",
    "reason": "w.text",
    "rule": "nullif(w.file || ':' || w.line || ' ' || w.name, ':0 ')",
}


class Results(NamedTuple):
    """The names of the columns, and the rows in the order of record and attempt."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[object, ...]]


def results(
    store: Store,
    stored: StoredList,
    *,
    per_record: bool = False,
    columns: Sequence[str] = (),
    only: Collection[int] | None = None,
    since: float | None = None,
    until: float | None = None,
) -> Results:
    """The attempts of a list made here, or its records with their last state.

    `only` are call results; `since` and `until` bound when an attempt was placed, or when a record was dialed
    last (Unix UTC seconds, the end not included). An own field that has the name of another column is called
    list_NAME. Raises UserError for a column there is not.
    """
    fixed = _RECORD if per_record else _ATTEMPT
    own = {f"list_{name}" if name in fixed else name: f'c."{name}"' for name in stored.field_types}
    known: Mapping[str, str] = MappingProxyType({**fixed, **own})
    for column in columns:
        if column not in known:
            raise UserError(f"no column named '{column}'{near(column, known)}")
    chosen = tuple(columns or known)
    contacts = f"contacts_{stored.list_id} c ON c.chain_id = r.chain_id"
    values: list[object] = [stored.list_id]
    if per_record:
        source = (
            f"record_states s JOIN records r ON r.record_id = s.record_id JOIN {contacts} "
            "JOIN reasons w ON w.reason_id = s.reason_id WHERE s.list_id = ?"
        )
        result, at, order = "s.call_result", "s.call_time", "s.record_id"
    else:
        source = (
            f"attempts a JOIN records r ON r.record_id = a.record_id JOIN {contacts} "
            f"WHERE a.list_id = ? AND a.run_id <> {ELSEWHERE}"
        )
        result, at, order = "a.call_result", "a.placed", "a.record_id, a.attempt"
    if only is not None:
        source += f" AND {result} IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(sorted(only)))
    for sign, bound in ((">=", since), ("<", until)):
        if bound is not None:
            source += f" AND {at} {sign} ?"
            values.append(bound)
    shown = ", ".join(known[name] for name in chosen)
    return Results(chosen, store.connection.execute(f"SELECT {shown} FROM {source} ORDER BY {order}", values))
