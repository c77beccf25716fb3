"""What a run holds in memory of the store: buffered records of each list, and the facts rules ask for.

Both are bounded; buffered records are untouched on disk, so dropping a buffer loses nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from cxrun.model import PRIORITY, PastAttempt, Record, Suppression
from cxrun.store.database import Store
from cxrun.store.queue import Queue, past_attempts, suppressions

READ: Final = 2000
"""Records read at once from a list."""
_START: Final = (-1, -1)
_PRIORITIES: Final = tuple(sorted(set(PRIORITY.values())))


class Feed:
    """The next records of one contact list in dialing order: priority, due time, position in the list."""

    def __init__(self, name: str, queue: Queue, weight: int) -> None:
        self.name = name
        self.queue = queue
        self.weight = weight
        self.taken = 0
        self.more = True
        self.next_due: int | None = None
        self._chains: dict[int, list[Record]] = {}
        self._heap: list[tuple[int, int, int, Record]] = []
        self._cursors = dict.fromkeys(_PRIORITIES, _START)

    def __len__(self) -> int:
        return len(self._heap)

    def refill(self, now: float, held: Collection[int]) -> list[Record]:
        """Read what has become due since, up to `READ` records; returns what is new with its chains."""
        found: list[Record] = []
        self.more = False
        for priority in _PRIORITIES:
            room = READ - len(self._heap) - len(found)
            if room <= 0:
                self.more = True
                break
            records = self.queue.due(priority, now, self._cursors[priority], room)
            self.more = self.more or len(records) == room
            if records:
                self._cursors[priority] = (records[-1].due, records[-1].record_id)
                found += [record for record in records if record.record_id not in held]
        self._learn_chains(found)
        for record in found:
            heapq.heappush(self._heap, (record.priority, record.due, record.record_id, record))
        self.next_due = self.queue.next_due(now)
        return [*found, *(other for record in found for other in self.sleeping(record))]

    def rank(self) -> tuple[int, float]:
        """Smaller is dialed first: the priority of the next record, then the list's use of its share."""
        return (self._heap[0][0], (self.taken + 1) / self.weight)

    def pop(self) -> Record:
        """Take the next record out of the buffer."""
        return heapq.heappop(self._heap)[3]

    def records(self) -> Iterable[Record]:
        """What is buffered, with its chains."""
        buffered = [entry[3] for entry in self._heap]
        return [*buffered, *(other for record in buffered for other in self.sleeping(record))]

    def sleeping(self, record: Record) -> list[Record]:
        """The other records of the record's chain that are not closed."""
        return self._chains.get(record.chain_id, []) if record.chain_size > 1 else []

    def forget_chain(self, record: Record) -> None:
        """The chain has moved on."""
        if record.chain_size > 1:
            self._chains.pop(record.chain_id, None)

    def resume(self) -> list[Record]:
        """The records that were in work when the last run ended."""
        records = self.queue.in_work()
        self._learn_chains(records)
        return records

    def _learn_chains(self, records: Iterable[Record]) -> None:
        self._chains.update(self.queue.members([r.chain_id for r in records if r.chain_size > 1]))

    def drop(self) -> None:
        """Forget the buffer and read from the front again."""
        self._heap.clear()
        self._cursors = dict.fromkeys(_PRIORITIES, _START)
        self.more = True


class Facts:
    """Past attempts and suppressions of the clients and numbers in the buffers, kept current as the run dials."""

    def __init__(self, store: Store, window: float) -> None:
        self._store = store
        self._window = window
        self._attempts: dict[str, list[PastAttempt]] = {}
        self._suppressions: dict[str, list[Suppression]] = {}
        self._known: set[str] = set()

    def learn(self, records: Iterable[Record], now: float) -> None:
        """Fetch what is not known yet, in two queries for the whole batch."""
        records = list(records)
        phones = {record.phone for record in records} - self._known
        clients = {record.client for record in records} - self._known
        if not phones and not clients:
            return
        self._known |= phones
        self._known |= clients
        for entry in suppressions(self._store, clients, phones):
            self._suppressions.setdefault(entry.key, []).append(entry)
        if self._window:
            for attempt in past_attempts(self._store, clients, phones, now - self._window):
                if attempt.phone in phones:
                    self._attempts.setdefault(attempt.phone, []).append(attempt)
                if attempt.client in clients:
                    self._attempts.setdefault(attempt.client, []).append(attempt)

    def attempts(self, record: Record) -> Sequence[PastAttempt]:
        """The attempts of the record's client or number, oldest first."""
        of_phone = self._attempts.get(record.phone)
        of_client = self._attempts.get(record.client)
        if of_phone is None or of_client is None:
            return of_phone or of_client or ()
        both = {id(attempt): attempt for attempt in (*of_client, *of_phone)}
        return sorted(both.values(), key=lambda attempt: attempt.placed)

    def suppressions(self, record: Record) -> Sequence[Suppression]:
        """The entries that name the record's number or client."""
        if not self._suppressions:
            return ()
        return [*self._suppressions.get(record.phone, ()), *self._suppressions.get(record.client, ())]

    def dialed(self, attempt: PastAttempt) -> None:
        """An attempt was made; its result is not known yet."""
        if self._window:
            for key in {attempt.phone, attempt.client} & self._known:
                self._attempts.setdefault(key, []).append(attempt)

    def settled(self, attempt: PastAttempt) -> None:
        """The result of an attempt made before is known."""
        if self._window:
            for key in (attempt.phone, attempt.client):
                attempts = self._attempts.get(key, [])
                for index, known in enumerate(attempts):
                    if known.placed == attempt.placed and known.phone == attempt.phone:
                        attempts[index] = attempt

    def suppressed(self, entries: Iterable[Suppression]) -> None:
        """Entries were added by a treatment."""
        for entry in entries:
            self._suppressions.setdefault(entry.key, []).append(entry)

    def keep(self, records: Iterable[Record]) -> None:
        """Forget everything but what concerns these records."""
        keys = {key for record in records for key in (record.phone, record.client)}
        self._known &= keys
        self._attempts = {key: value for key, value in self._attempts.items() if key in keys}
        self._suppressions = {key: value for key, value in self._suppressions.items() if key in keys}

    def forget(self) -> None:
        """Somebody else has written to the store: ask it again."""
        self._attempts.clear()
        self._suppressions.clear()
        self._known.clear()

    def __len__(self) -> int:
        return len(self._known)
