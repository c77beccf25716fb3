"""What a run has decided and not yet written, and the transaction it is written in.

The write lock is taken before anything is read that a decision rests on and kept until the decision is
committed; so a cap or a suppression is always judged in the transaction that claims the record.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from cxrun.engine import LiveCall
from cxrun.life import Change
from cxrun.model import ASLEEP, CHAINED, IN_CHAIN, CallResult, Reason, Record
from cxrun.store.database import Store
from cxrun.store.journal import Entry
from cxrun.store.queue import AttemptRow, Batch, key_of, write
from cxrun.store.runs import reach

CHAIN_FINISHED: Final = Reason("closed", "its chain is finished")
IN_WORK: Final = Reason("in work", "is being dialed")
_BREATH: Final = 0.1
"""Wall seconds for which the write lock is kept before other writers get a chance."""
_HEARTBEAT: Final = 5.0
"""Wall seconds after which an idle run renews its lease."""


class Ledger:
    """One run's pending changes."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.run_id = 0
        self.batch = Batch()
        self._locked = False
        self._data_version = store.changed_elsewhere()
        self._locked_since = self._committed = time.monotonic()

    def lock(self) -> bool:
        """Take the write lock if it is not held. True if somebody else has written since it was last held."""
        if self._locked:
            return False
        self.store.begin()
        self._locked = True
        self._locked_since = time.monotonic()
        seen = self.store.changed_elsewhere()
        changed = seen != self._data_version
        self._data_version = seen
        return changed

    @property
    def breathless(self) -> bool:
        """Whether it is time to commit so that others can write, or to show that this run lives."""
        now = time.monotonic()
        if self._locked:
            return now - self._locked_since > _BREATH
        return now - self._committed > _HEARTBEAT

    def commit(self, reached: float, calls: Sequence[LiveCall]) -> None:
        """Write everything, the intents of `calls` in progress too, and let go of the lock.

        Raises StoreBusy if another run has taken over; then nothing is written.
        """
        self.lock()
        for call in calls:
            if not call.stored:
                call.stored = True
                self.batch.in_work.append((call.record, IN_WORK))
                self.attempt(call, call.record, CallResult.UNKNOWN)
        self.store.check_lease()
        write(self.store, self.run_id, self.batch)
        reach(self.store, self.run_id, reached)
        self.store.commit()
        self.batch = Batch()
        breathless = self.breathless
        self._locked = False
        self._committed = time.monotonic()
        if breathless:
            time.sleep(0.001)

    def abandon(self) -> None:
        """Roll back what is not committed; the records concerned stay as they were."""
        self.store.rollback()
        self.batch = Batch()
        self._locked = False

    def claim(self, record: Record) -> None:
        """The record leaves the queue."""
        self.batch.left.append(key_of(record))

    def defer(self, record: Record, later: Record, reason: Reason, at: float) -> None:
        """The record goes back into the queue at another time."""
        self.claim(record)
        self.batch.enter(later, reason)
        self.note(at, "deferred", later, reason)

    def move(
        self,
        record: Record,
        sleeping: Sequence[Record],
        change: Change,
        reason: Reason,
        at: float,
        event: str,
    ) -> None:
        """Write what became of a claimed record and of the sleeping records of its chain."""
        batch = self.batch
        for changed in change.waiting:
            why = reason
            if changed.record_id != record.record_id:
                batch.left.append(_key_in(sleeping, changed))
                why = reason._replace(state="waiting", text=f"next in its chain, {reason.text}")
                self.note(at, "next_in_chain", changed, why)
            else:
                self.note(at, event, changed, reason)
                if changed.due == CHAINED:
                    why = IN_CHAIN
            batch.enter(changed, why)
        for changed in change.closed:
            if changed.record_id != record.record_id:
                batch.left.append(_key_in(sleeping, changed))
                batch.closed.append((changed, CHAIN_FINISHED))
                self.note(at, "chain_updated", changed, CHAIN_FINISHED)
            else:
                why = reason._replace(state="closed")
                batch.closed.append((changed, why))
                self.note(at, event, changed, why)
        batch.suppressions += change.suppressions

    def settle(self, call: LiveCall, record: Record, result: CallResult) -> None:
        """The attempt has its result."""
        if call.stored:
            self.batch.out_of_work.append((record.record_id,))
        self.attempt(call, record, result)

    def attempt(self, call: LiveCall, record: Record, result: CallResult) -> None:
        """Write the attempt as far as it is known."""
        self.batch.attempts.append(
            AttemptRow(
                record.record_id, record.attempt, record.list_id, self.run_id, record.client, record.phone,
                call.placed, call.answered, call.connected, call.ended, int(result), call.disposition, call.agent_id,
            )
        )  # fmt: skip

    def note(self, at: float, event: str, record: Record, reason: Reason) -> None:
        """Append to the journal."""
        waits = record.priority != ASLEEP and reason.state in ("waiting", "deferred")
        due = record.due if waits else 0
        self.batch.journal.append(
            Entry(round(at, 3), event, record.record_id, record.attempt, record.call_result, reason, due)
        )


def _key_in(sleeping: Sequence[Record], changed: Record) -> tuple[int, int, int, int]:
    return next(key_of(record) for record in sleeping if record.record_id == changed.record_id)
