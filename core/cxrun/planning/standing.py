"""How things stood: what was known of clients and numbers at any moment, and the records of a chain, step by step."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from cxrun.model import (
    ASLEEP,
    CHAINED,
    PRIORITY,
    CallResult,
    PastAttempt,
    Record,
    RecordStatus,
    RecordType,
    Suppression,
    key_text,
)
from cxrun.store.database import Store
from cxrun.store.past import JournalRow, Past, corrected
from cxrun.store.queue import AttemptRow, attempts_by_field, past_attempts
from cxrun.store.suppressions import suppressions

REFUSALS: Final = frozenset(("deferred", "excluded"))
_QUIET: Final = frozenset(
    (*REFUSALS, "released", "chain_updated", "lost", "dial_failed", "would_send", "effect_sent", "effect_delayed",
     "effect_failed", "effect_unknown")
)  # fmt: skip
"""Events that leave what rules see of a record as it was."""


class Known:
    """The attempts and suppressions of some clients and numbers, as they stood at any moment."""

    def __init__(self, store: Store, records: Sequence[Record], fields: Iterable[str]) -> None:
        clients = {record.client for record in records}
        phones = {record.phone for record in records}
        self._of_client: dict[str, list[PastAttempt]] = {}
        self._of_phone: dict[str, list[PastAttempt]] = {}
        self._by_field: dict[str, dict[str, list[PastAttempt]]] = {}
        seen = set()
        for past in past_attempts(store, clients, phones, -math.inf):
            self._of_client.setdefault(past.client, []).append(past)
            self._of_phone.setdefault(past.phone, []).append(past)
            seen.add(past.record_id)
        for name in fields:
            values = {text for r in records if (text := key_text(r.fields.get(name))) is not None}
            found = self._by_field[name] = {}
            for value, past in attempts_by_field(store, name, values, -math.inf):
                found.setdefault(value, []).append(past)
                seen.add(past.record_id)
        self.corrected = corrected(store, seen)
        self._entries: dict[tuple[str, str], list[Suppression]] = {}
        for entry in suppressions(store, clients, phones):
            self._entries.setdefault((entry.kind, entry.key), []).append(entry)

    def attempts(self, record: Record, at: float, *, claimed: bool) -> list[PastAttempt]:
        both = {
            (past.record_id, past.attempt): past
            for past in (*self._of_client.get(record.client, ()), *self._of_phone.get(record.phone, ()))
        }
        return self._then(sorted(both.values(), key=lambda past: past.placed), record, at, claimed)

    def attempts_by(self, record: Record, at: float, *, claimed: bool) -> dict[str, list[PastAttempt]]:
        found = {}
        for name, by_value in self._by_field.items():
            value = key_text(record.fields.get(name))
            if value is not None:
                found[name] = self._then(by_value.get(value, ()), record, at, claimed)
        return found

    def entries(self, record: Record) -> list[Suppression]:
        return [
            *self._entries.get(("device", record.phone), ()),
            *self._entries.get(("client", record.client), ()),
        ]

    def _then(
        self, attempts: Iterable[PastAttempt], record: Record, at: float, claimed: bool
    ) -> list[PastAttempt]:
        """Those made before a moment, as they were known then; of the same moment, those of records before it.

        Attempts that were made elsewhere are known from the import on.
        """
        found = []
        for past in attempts:
            if past.placed > at or (
                past.placed == at
                and (past.record_id >= record.record_id if claimed else past.record_id == record.record_id)
            ):
                continue
            if past.ended is not None and past.ended <= at:
                changes = self.corrected.get((past.record_id, past.attempt))
                if changes:
                    n = bisect_right(changes, at, key=lambda change: change[0])
                    past = replace(past, call_result=changes[max(0, n - 1)][1])
            elif past.ended is not None:
                past = replace(past, call_result=int(CallResult.UNKNOWN), disposition=None, ended=None)
            found.append(past)
        return found


class Member:
    """A record of a chain while its life is gone through again."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.state = "chained"
        self.attempt = 0
        self.treatments = ""
        self.missed = False
        self.called = 0

    def asleep(self) -> Record:
        """The record as the rules see it while another of its chain is dialed."""
        status = RecordStatus.CHAIN_READY if self.state == "chained" else RecordStatus.READY
        return self.record._replace(
            record_status=int(status),
            attempt=self.attempt,
            treatments=self.treatments,
            priority=ASLEEP,
            due=CHAINED,
        )


class Standing:
    """One chain from its import to now: `happen` goes through its journal, row by row."""

    def __init__(self, chain: Sequence[tuple[Record, str]], past: Past) -> None:
        self._past = past
        self.members = {record.record_id: Member(record) for record, _ in chain}
        self.rows = sorted(row for number in self.members for row in past.journal.get(number, ()))
        for record, place in chain:
            if place == "closed" and record.record_id not in past.journal:
                self.members[record.record_id].state = "closed"
        calls = [call for number in self.members for call in past.attempts.get(number, ())]
        self.calls = sorted(calls, key=lambda call: (call.placed, call.record_id, call.attempt))
        self.ends: dict[tuple[int, int], JournalRow] = {}

    def claimed(self, call: AttemptRow, member: Member) -> Record:
        """The record as it was claimed."""
        kept = self._past.claims.get((call.record_id, call.attempt))
        kind, result, due, treatments, agent_id = (
            kept[2:] if kept else (int(RecordType.GENERAL), int(CallResult.UNKNOWN), 0, "", None)
        )
        return self._in_state(member, kind, result, due, treatments, agent_id, call.attempt - 1)

    @staticmethod
    def _in_state(
        member: Member, kind: int, result: int, due: int, treatments: str, agent_id: str | None, attempt: int
    ) -> Record:
        status = RecordStatus.MISSED_CALLBACK if member.missed else RecordStatus.READY
        return member.record.in_state(
            kind, int(status), result, attempt, due, member.called, treatments, agent_id, due,
            PRIORITY.get(kind, PRIORITY[RecordType.GENERAL]),
        )  # fmt: skip

    def refused(self, row: JournalRow, n: int) -> Record | None:
        """The record as it was when it was refused: as it was claimed next, or as it is now if it never was."""
        member = self.members[row.record_id]
        following = next(
            (c for c in self._past.attempts.get(row.record_id, ()) if c.attempt == row.attempt + 1), None
        )
        for later in self.rows[n + 1 :]:
            if later.record_id != row.record_id or later.event in _QUIET:
                continue
            if following is not None and later.attempt > row.attempt:
                break
            return None
        if following is not None:
            return self.claimed(following, member)
        now = member.record
        return self._in_state(
            member,
            now.record_type,
            now.call_result,
            now.dial_sched_time,
            now.treatments,
            now.agent_id,
            row.attempt,
        )

    def sleeping(self, member: Member) -> list[Record]:
        """The other records of the chain that wait for their turn."""
        if len(self.members) == 1:
            return []
        return [
            other.asleep() for other in self.members.values()
            if other is not member and other.state in ("chained", "excluded", "ready")
        ]  # fmt: skip

    def look_again(self) -> None:
        """The rules have changed: what they excluded waits for its turn again."""
        for member in self.members.values():
            if member.state == "excluded":
                member.state = "chained"

    def _gather(self, own: Member) -> None:
        for other in self.members.values():
            if other is not own and other.state in ("ready", "closed with its chain"):
                other.state = "chained"

    def happen(self, row: JournalRow) -> None:
        """What an entry of the journal makes of the record."""
        member = self.members[row.record_id]
        event, waits = row.event, row.reason.state != "closed"
        if event == "excluded" or event == "error":
            member.state = "excluded"
        elif event == "chained":
            member.state, member.treatments = "chained", ""
        elif event == "next_in_chain":
            member.state = "ready"
        elif event == "chain_updated":
            member.state = "closed with its chain"
        elif event in ("canceled", "do_not_call", "finish", "suppress", "update_chain", "agent_error"):
            member.state = "closed"
        elif event in ("recycled", "restored"):
            member.state, member.treatments = ("ready" if row.due else "chained"), ""
        elif event in ("callback_promised", "processed"):
            if self.ends.get((row.record_id, row.attempt)) != row:
                if "stays closed" in row.reason.text or "is held for a callback" in row.reason.text:
                    return
                self._gather(member)
            member.state = "ready" if row.due else "chained" if waits else "closed"
        elif event in (
            "dial_again",
            "dial_next",
            "reschedule",
            "assign_to_group",
            "callback_missed",
            "agent_absent",
        ):
            member.state = "ready" if row.due else "chained" if waits else "closed"
            # which pass it was dialed in last is said by the text before; that it was, by there being one
            member.treatments = member.treatments or "-"
        member.missed = event == "callback_missed" or (member.missed and event in REFUSALS)
        member.attempt = row.attempt
