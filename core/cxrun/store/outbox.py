"""The outbox: effects that are to be had outside, written in the transaction of the attempt that wants them.

A letter is waiting, under way, sent, failed for good, or unknown: it was under way when the run died, and may
have been done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cxrun.model import Reason
from cxrun.store.database import Store
from cxrun.store.journal import Entry
from cxrun.store.reasons import REASON, reason_of_row


class Letter(NamedTuple):
    """One effect of one attempt. `parameters` and `body` are JSON text; `tries` have been begun."""

    record_id: int
    attempt: int
    step: str
    element: str
    parameters: str
    body: str
    call_result: int
    reason: Reason
    tries: int = 0

    def entry(self, at: float, event: str, text: str) -> Entry:
        """What the journal says of it."""
        reason = self.reason._replace(text=f"{self.reason.text}{text}")
        return Entry(round(at, 3), event, self.record_id, self.attempt, self.call_result, reason, 0)


def store_id(store: Store) -> str:
    """What tells this store from every other one."""
    return str(store.connection.execute("SELECT store_id FROM identity").fetchone()[0])


def put(store: Store, letters: Iterable[Letter]) -> None:
    """Write new letters inside the caller's transaction; there is one for each step of an attempt at most."""
    store.connection.executemany(
        "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 0)",
        [(*letter[:7], store.journal.reason_id(letter.reason)) for letter in letters],
    )


def waiting(store: Store, wall: float, limit: int) -> list[Letter]:
    """Letters whose time has come (Unix UTC seconds of the wall clock), those that have waited longest first."""
    return _letters(
        store,
        "o.state = 'waiting' AND o.not_before <= ? ORDER BY o.not_before, o.record_id, o.attempt, o.step LIMIT ?",
        wall,
        limit,
    )


def under_way(store: Store) -> list[Letter]:
    """Letters whose sending was begun and whose end is not known."""
    return _letters(store, "o.state = 'under way' ORDER BY o.record_id, o.attempt, o.step")


def next_waiting(store: Store) -> float | None:
    """When the first waiting letter may be sent (Unix UTC seconds of the wall clock); None if there is none."""
    row = store.connection.execute("SELECT min(not_before) FROM outbox WHERE state = 'waiting'").fetchone()
    return None if row[0] is None else float(row[0])


def mark(store: Store, letters: Sequence[Letter], state: str, not_before: float = 0.0) -> None:
    """Note what became of letters inside the caller's transaction."""
    store.connection.executemany(
        "UPDATE outbox SET state = ?, tries = ?, not_before = ? WHERE record_id = ? AND attempt = ? AND step = ?",
        [
            (state, letter.tries, not_before, letter.record_id, letter.attempt, letter.step)
            for letter in letters
        ],
    )


def _letters(store: Store, where: str, *values: float) -> list[Letter]:
    rows = store.connection.execute(
        "SELECT o.record_id, o.attempt, o.step, o.element, o.parameters, o.body, o.call_result, o.tries, "
        f"{REASON} FROM outbox o JOIN reasons s USING (reason_id) WHERE {where}",
        values,
    )
    return [Letter._make((*row[:7], reason_of_row(row[8:]), row[7])) for row in rows]
