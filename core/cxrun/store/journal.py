"""The journal: append-only, each row chained to the one before by its digest; and the reasons it speaks of."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from cxrun.model import Reason, Rule

GENESIS: Final = bytes(32)
NO_RUN: Final = 0
"""The run of what no run has written."""
_LINE: Final = '[%d,%.3f,%d,"%s",%d,%d,%d,%d,%s]'
"""A row as a JSON array; times to the millisecond, the last is its reason, encoded already."""


class Entry(NamedTuple):
    """One thing that happened to one record. `due` is when it is next looked at, 0 if never."""

    at: float
    event: str
    record_id: int
    attempt: int
    call_result: int
    reason: Reason
    due: int


Happening = tuple[float, str, int, int, int, Reason, int]
"""The values of an `Entry`."""


class Journal:
    """Appends entries inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reasons: dict[Reason, int] = {}
        self._texts: dict[int, str] = {}
        self._head: tuple[int, bytes] | None = None

    def forget(self) -> None:
        """Read everything again: the transaction that knew it was rolled back."""
        self.reasons.clear()
        self._texts.clear()
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
        self._connection.execute(
            "INSERT OR IGNORE INTO reasons (state, text, kind, name, ruleset, file, line) VALUES (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        found = self._connection.execute(
            "SELECT reason_id FROM reasons "
            "WHERE (state, text, kind, name, ruleset, file, line) = (?, ?, ?, ?, ?, ?, ?)",
            row,
        ).fetchone()[0]
        self.reasons[reason] = found
        return int(found)

    def append(self, run_id: int, entries: Iterable[Happening]) -> None:
        """Append entries in order; each digest covers the digest before it."""
        seq, head = self._head or self._last()
        rows = []
        sha256, line = hashlib.sha256, _LINE
        texts = self._texts
        known = self.reasons
        for at, event, record_id, attempt, call_result, reason, due in entries:
            seq += 1
            reason_id = known.get(reason) or self.reason_id(reason)
            text = texts.get(reason_id) or self._text(reason_id)
            content = line % (seq, at, run_id, event, record_id, attempt, call_result, due, text)
            head = sha256(head + content.encode()).digest()
            rows.append((seq, at, run_id, event, record_id, attempt, call_result, reason_id, due, head))
        self._connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._head = (seq, head)

    def note(self, at: float, event: str, text: str) -> None:
        """Append that something happened to no single record and in no run."""
        self.append(NO_RUN, [Entry(round(at, 3), event, 0, 0, 0, Reason("waiting", text), 0)])

    def head(self) -> bytes:
        """The digest of the last row: it stands for the whole journal."""
        return self._last()[1]

    def lines(self) -> Iterator[str]:
        """Every row as the canonical text its digest covers, in order."""
        for row in self._connection.execute(
            "SELECT seq, at, run_id, event, record_id, attempt, call_result, due, reason_id FROM journal ORDER BY seq"
        ):
            seq, at, run_id, event, record_id, attempt, call_result, due, reason_id = row
            yield _LINE % (
                seq,
                at,
                run_id,
                event,
                record_id,
                attempt,
                call_result,
                due,
                self._text(reason_id),
            )

    def _last(self) -> tuple[int, bytes]:
        row = self._connection.execute("SELECT seq, digest FROM journal ORDER BY seq DESC LIMIT 1").fetchone()
        return (row[0], row[1]) if row else (0, GENESIS)

    def _text(self, reason_id: int) -> str:
        if reason_id not in self._texts:
            row = self._connection.execute(
                "SELECT state, text, kind, name, ruleset, file, line FROM reasons WHERE reason_id = ?",
                (reason_id,),
            ).fetchone()
            self._texts[reason_id] = json.dumps("\t".join(str(value) for value in row))
        return self._texts[reason_id]
