"""What a run has decided and not yet written, and the transaction it is written in.

The write lock is taken before anything is read that a decision rests on and kept until the decision is
committed; so a cap or a suppression is always judged in the transaction that claims the record.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from cxrun.calls import LiveCall
from cxrun.life import Change
from cxrun.model import ASLEEP, CHAINED, IN_CHAIN, STATE, CallResult, Reason, Record, key_text
from cxrun.store.database import Store
from cxrun.store.journal import outcome_of
from cxrun.store.pacing import Memory, keep_memories
from cxrun.store.queue import AttemptKey, Batch, is_new, key_of, write
from cxrun.store.runs import reach

CHAIN_FINISHED: Final = Reason("closed", "its chain is finished")
IN_WORK: Final = Reason("in work", "is being dialed")
_BREATH: Final = 0.5
"""Wall seconds for which the write lock is kept before other writers get a chance."""
_GASP: Final = 0.002
"""Wall seconds after which others get a chance between two calls that are placed one after the other."""
_HEARTBEAT: Final = 5.0
"""Wall seconds after which an idle run renews its lease."""


class Ledger:
    """One run's pending changes."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.run_id = 0
        self.attempt_fields: Collection[str] = ()
        self.batch = Batch()
        self._locked = False
        self._uncommitted = 0
        self._changed = False
        self._data_version = store.changed_elsewhere()
        self._locked_since = self._committed = time.monotonic()

    def lock(self) -> bool:
        """Take the write lock if it is not held. True if somebody else has written since this was last asked.

        Raises StoreBusy if another run has taken over.
        """
        self._take()
        changed, self._changed = self._changed, False
        return changed

    def _take(self) -> None:
        if self._locked:
            return
        self.store.begin()
        self._locked = True
        self.store.check_lease()
        self._locked_since = time.monotonic()
        self._look()

    def _look(self) -> None:
        """Whether others have written; kept until `lock` is asked, for a commit in between must not hide it."""
        seen = self.store.changed_elsewhere()
        if seen != self._data_version:
            self._data_version = seen
            self._changed = True
            self.store.journal.behind()

    @property
    def disturbed(self) -> bool:
        """Whether somebody else has written since `lock` was last asked; a look that takes no lock."""
        return self._changed or self.store.changed_elsewhere() != self._data_version

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Keep others from writing, and write no change. True if somebody has written since `lock` was last asked.

        Raises StoreBusy if another run has taken over.
        """
        self.store.begin()
        self._locked = True
        began = time.monotonic()
        try:
            self.store.confirm_lease()
            self._look()
            yield self._changed
        finally:
            self.store.commit()
            self._locked = False
            if time.monotonic() - began > _GASP:
                time.sleep(0.001)

    @property
    def breathless(self) -> bool:
        """Whether it is time to commit so that others can write, or to show that this run lives."""
        now = time.monotonic()
        if self._locked:
            return now - self._locked_since > _BREATH
        return now - self._committed > _HEARTBEAT

    def commit(
        self,
        reached: float,
        intents: Iterable[LiveCall] = (),
        states: str = "{}",
        memories: Iterable[Memory] = (),
    ) -> None:
        """Write everything, `intents` as calls in work, and let go of the lock.

        `states` are those of the groups, as JSON; `memories` what their modes have learned.

        Raises StoreBusy if another run has taken over; then nothing is written.
        """
        self._take()
        for call in intents:
            if not call.stored:
                self._leave(call.record)
                call.stored = True
                self.batch.in_work.append((*call.record[:STATE], self._id(IN_WORK)))
                self._attempt(call, CallResult.DROPPED if call.given_up else CallResult.UNKNOWN)
        self.flush()
        keep_memories(self.store, memories)
        reach(self.store, self.run_id, reached, states)
        self.store.commit()
        self._uncommitted = 0
        breathless = self.breathless
        self._locked = False
        self._committed = time.monotonic()
        if breathless:
            time.sleep(0.001)

    def flush(self) -> None:
        """Write the batch without ending the transaction, so that the queue can be read on."""
        self._take()
        self._uncommitted += len(self.batch)
        write(self.store, self.run_id, self.batch)
        self.batch = Batch(first_due=self.batch.first_due)

    def counted(self, records: int) -> None:
        """Somebody else has changed that many records in the transaction of this ledger."""
        self._uncommitted += records

    @property
    def uncommitted(self) -> int:
        """How many records have changed since the last commit."""
        return self._uncommitted + len(self.batch)

    def abandon(self) -> None:
        """Roll back what is not committed; the records concerned stay as they were."""
        self.store.rollback()
        self.batch = Batch()
        self._locked = False

    def defer(self, record: Record, later: Record, reason: Reason, at: float) -> None:
        """The record goes back into the queue at another time."""
        self._leave(record)
        self.batch.enter(later, self.note(at, "deferred", later, reason))

    def exclude(
        self, record: Record, sleeping: Sequence[Record], change: Change, reason: Reason, at: float
    ) -> None:
        """The record sleeps; the next of its chain takes its place."""
        self.move(record, sleeping, change, reason, at, reason.state)

    def move(
        self,
        record: Record,
        sleeping: Sequence[Record],
        change: Change,
        reason: Reason,
        at: float,
        event: str,
    ) -> None:
        """The record goes on to something else without having been dialed."""
        self._leave(record)
        self._move(record, sleeping, change, reason, at, event)

    def withdraw(self, call: LiveCall, record: Record, reason: Reason, at: float) -> None:
        """The call was not placed after all: the record is as it was before, and the attempt was never made."""
        self.batch.out_of_work.append((call.record.record_id,))
        self.batch.withdrawn.append((call.record.record_id, call.record.attempt))
        self.batch.enter(record, self.note(at, "released", record, reason))

    def given_up(self, call: LiveCall) -> None:
        """A person was abandoned, and the call goes on: he is to hear the message."""
        self._attempt(call, CallResult.DROPPED)

    def settle(
        self,
        call: LiveCall,
        sleeping: Sequence[Record],
        change: Change,
        reason: Reason,
        at: float,
        event: str,
        result: CallResult,
    ) -> None:
        """The attempt has its result, and the chain moves on."""
        if call.stored:
            self.batch.out_of_work.append((call.record.record_id,))
        else:
            self._leave(call.record)
        outcome = ""
        if (
            call.answered is not None
            or call.ended != at
            or call.agent_id
            or call.detected
            or event == "suppress"
        ):
            detected = None if call.detected is None else call.detected.code
            outcome = outcome_of(
                call.answered,
                call.connected,
                call.ended,
                detected,
                result.code,
                call.disposition,
                call.agent_id,
            )
        self._move(call.record, sleeping, change, reason, at, event, call.placed, outcome)
        self._attempt(call, result)
        record = call.record
        if record.treatments or not is_new(record):
            self.batch.claims.append(
                (
                    record.record_id, record.attempt, record.record_type, record.call_result,
                    record.dial_sched_time, record.treatments, record.agent_id,
                )
            )  # fmt: skip

    def _leave(self, record: Record) -> None:
        self.batch.left.append(key_of(record))

    def _move(
        self,
        record: Record,
        sleeping: Sequence[Record],
        change: Change,
        reason: Reason,
        at: float,
        event: str,
        placed: float = 0.0,
        outcome: str = "",
    ) -> None:
        """Write what became of a record that has left its place, and of the sleeping records of its chain."""
        batch = self.batch
        for changed in change.waiting:
            if changed.record_id != record.record_id:
                batch.left.append(_key_in(sleeping, changed))
                why = reason._replace(state="waiting", text=f"next in its chain, {reason.text}")
                batch.enter(changed, self.note(at, "next_in_chain", changed, why))
            else:
                reason_id = self.note(at, event, changed, reason, placed, outcome)
                batch.enter(changed, reason_id if changed.due != CHAINED else self._id(IN_CHAIN))
        for changed in change.closed:
            if changed.record_id != record.record_id:
                batch.left.append(_key_in(sleeping, changed))
                reason_id = self.note(at, "chain_updated", changed, CHAIN_FINISHED)
            else:
                why = reason if reason.state == "closed" else reason._replace(state="closed")
                reason_id = self.note(at, event, changed, why, placed, outcome)
            batch.close(changed, reason_id)
        if change.suppressions:
            batch.suppressions += change.suppressions
        if change.whole_chain:
            batch.whole_chains.append((change.closed[0], reason, at))

    def _attempt(self, call: LiveCall, result: CallResult) -> None:
        record = call.record
        self.batch.attempts.append(
            (
                record.record_id, record.attempt, record.list_id, self.run_id, record.client, record.phone,
                call.placed, call.answered, call.connected, call.ended,
                None if call.detected is None else call.detected.code, result.code, call.disposition, call.agent_id,
            )
        )  # fmt: skip
        for field in self.attempt_fields:
            value = key_text(record.fields.get(field))
            if value is not None:
                key = AttemptKey(field, value, call.placed, record.record_id, record.attempt)
                self.batch.attempt_keys.append(key)

    def note(
        self, at: float, event: str, record: Record, reason: Reason, placed: float = 0.0, outcome: str = ""
    ) -> int:
        """Append to the journal; returns the id of the reason."""
        reason_id = self._id(reason)
        waits = record.priority != ASLEEP and reason.state in ("waiting", "deferred")
        due = record.due if waits else 0
        self.batch.journal.append(
            (at, event, record.record_id, record.attempt, record.call_result, reason, due, placed, outcome)
        )
        return reason_id

    def _id(self, reason: Reason) -> int:
        known = self.store.journal.reasons.get(reason)
        if known is None:
            self._take()
            known = self.store.journal.reason_id(reason)
        return known


def _key_in(sleeping: Sequence[Record], changed: Record) -> tuple[int, int, int, int]:
    return next(key_of(record) for record in sleeping if record.record_id == changed.record_id)
