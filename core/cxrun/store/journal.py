"""The journal: append-only, each row chained to the one before by its digest; and the reasons it speaks of.

A row's digest covers the digest of its reason and not its text, so that a text can be redacted and the chain
still be verified. Beside the text the digest of a reason covers a salt, which goes with the text: random, but
empty in a simulation, whose journal is the same every time.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cxrun.model import Reason, Rule
from cxrun.store.reasons import REASON

GENESIS: Final = bytes(32)
NO_RUN: Final = 0
"""The run of what no run has written."""
_LINE: Final = '[%d,%.3f,%d,"%s",%d,%d,%d,%d,%.3f,"%s"]'
"""What the digest of a row covers beside the digest before it and its outcome: a JSON array, times to the millisecond;
the last is the digest of its reason."""
_TEXT: Final = json.JSONEncoder(separators=(",", ":")).encode
REAL: Final = "the real world"
"""The world of runs whose calls reach people."""


class Entry(NamedTuple):
    """One thing that happened to one record. `due` is when it is next looked at, 0 if never.

    `placed` is when the call was placed of which this is the end, 0 if it is not the end of a call. `outcome` is what
    is known of the call by then, see `outcome_of`; empty at the end of a call that nobody answered and no agent had,
    for it ended `at` with `call_result`, and there is no more to know.
    """

    at: float
    event: str
    record_id: int
    attempt: int
    call_result: int
    reason: Reason
    due: int
    placed: float = 0.0
    outcome: str = ""


Happening = tuple[float, str, int, int, int, Reason, int, float, str]
"""The values of an `Entry`."""


class Journal:
    """Appends entries inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reasons: dict[Reason, int] = {}
        self._digests: dict[int, str] = {}
        self._head: tuple[int, bytes] | None = None
        self.salted: bool | None = None

    def forget(self) -> None:
        """Read everything again: the transaction that knew it was rolled back."""
        self.reasons.clear()
        self._digests.clear()
        self._head = None

    def behind(self) -> None:
        """Somebody else has appended: look for the last row again."""
        self._head = None

    def reason_id(self, reason: Reason) -> int:
        """The id of a reason, stored on first use."""
        known = self.reasons.get(reason)
        if known is not None:
            return known
        rule = reason.rule or Rule("", "", "", "", 0)
        row = (reason.state, reason.text, *rule)
        if self.salted is None:
            self.salted = self._real
        salt = os.urandom(16) if self.salted else b""
        self._connection.execute(
            "INSERT OR IGNORE INTO reasons (state, text, kind, name, ruleset, file, line, salt, digest) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, salt, reason_digest(salt, row)),
        )
        found = self._connection.execute(
            "SELECT reason_id FROM reasons "
            "WHERE (state, text, kind, name, ruleset, file, line) = (?, ?, ?, ?, ?, ?, ?)",
            row,
        ).fetchone()[0]
        self.reasons[reason] = found
        return int(found)

    @property
    def _real(self) -> bool:
        """Whether the store holds calls of the real world."""
        row = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM runs WHERE world = ?)", (REAL,)
        ).fetchone()
        return bool(row[0])

    def append(self, run_id: int, entries: Iterable[Happening]) -> None:
        """Append entries in order; each digest covers the digest before it."""
        seq, head = self._head or self._last()
        rows = []
        sha256, line = hashlib.sha256, _LINE
        digests = self._digests
        known = self.reasons
        for at, event, record_id, attempt, call_result, reason, due, placed, outcome in entries:
            seq += 1
            reason_id = known.get(reason) or self.reason_id(reason)
            digest = digests.get(reason_id) or self._digest(reason_id)
            content = line % (seq, at, run_id, event, record_id, attempt, call_result, due, placed, digest)
            head = sha256(head + (content + outcome).encode()).digest()
            rows.append(
                (
                    seq,
                    at,
                    run_id,
                    event,
                    record_id,
                    attempt,
                    call_result,
                    reason_id,
                    due,
                    placed,
                    outcome,
                    head,
                )
            )
        self._connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._head = (seq, head)

    def note(self, at: float, event: str, text: str) -> None:
        """Append that something happened to no single record and in no run."""
        self.append(NO_RUN, [Entry(round(at, 3), event, 0, 0, 0, Reason("waiting", text), 0)])

    def head(self) -> bytes:
        """The digest of the last row: it stands for the whole journal."""
        return self._last()[1]

    def lines(self) -> Iterator[str]:
        """Every row as a JSON array with the text of its reason, in order."""
        for seq, at, *values, placed, outcome, _, reason in self._rows():
            text = "\t".join(str(value) for value in reason)
            yield _TEXT([seq, round(at, 3), *values, text, round(placed, 3), outcome])

    def contents(self) -> Iterator[str]:
        """Every row as the text that its digest covers, in order."""
        for row in self._rows():
            *values, digest, _ = row
            yield content_of(*[*values, digest.hex()])

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for row in self._connection.execute(
            "SELECT j.seq, j.at, j.run_id, j.event, j.record_id, j.attempt, j.call_result, j.due, j.placed, "
            f"j.outcome, s.digest, {REASON} "
            "FROM journal j JOIN reasons s USING (reason_id) ORDER BY j.seq"
        ):
            yield (*row[:11], row[11:])

    def _last(self) -> tuple[int, bytes]:
        row = self._connection.execute("SELECT seq, digest FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        return (row[0], row[1]) if row else (0, GENESIS)

    def _digest(self, reason_id: int) -> str:
        row = self._connection.execute(
            "SELECT digest FROM reasons WHERE reason_id = ?", (reason_id,)
        ).fetchone()
        self._digests[reason_id] = row[0].hex()
        return self._digests[reason_id]


def reason_digest(salt: bytes, row: Iterable[object]) -> bytes:
    """SHA-256 of the salt of a reason and of its columns from state to line."""
    return hashlib.sha256(salt + json.dumps(list(row)).encode()).digest()


def content_of(
    seq: int,
    at: float,
    run_id: int,
    event: str,
    record_id: int,
    attempt: int,
    call_result: int,
    due: int,
    placed: float,
    outcome: str,
    reason_digest: str,
) -> str:
    """What the digest of a row covers beside the digest before it."""
    line = (seq, at, run_id, event, record_id, attempt, call_result, due, placed, reason_digest)
    return _LINE % line + outcome


def outcome_of(
    answered: float | None,
    connected: float | None,
    ended: float | None,
    detected: int | None,
    call_result: int,
    disposition: str | None,
    agent_id: str | None,
) -> str:
    """What came of a call, as a JSON array."""
    times = f"{_time(answered)},{_time(connected)},{_time(ended)}"
    return f"[{times},{_ending(detected, call_result, disposition, agent_id)}"


def _time(at: float | None) -> str:
    if at is None:
        return "null"
    return repr(at) if type(at) is float else _TEXT(at)


@lru_cache(maxsize=4096)
def _ending(detected: int | None, call_result: int, disposition: str | None, agent_id: str | None) -> str:
    """What many calls have in common: the end of the array, without its first bracket."""
    return _TEXT([detected, call_result, disposition, agent_id])[1:]
