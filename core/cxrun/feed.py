"""What a run holds in memory of the store: buffered records of each list, and the facts rules ask for.

Both are bounded; buffered records are untouched on disk, so dropping a buffer loses nothing.
"""

from __future__ import annotations

import operator
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from cxrun.elements import Moment
from cxrun.model import PRIORITY, CallResult, PastAttempt, Record, Suppression, key_text
from cxrun.store.database import Store
from cxrun.store.journal import Entry
from cxrun.store.queue import Key, Queue, attempts_by_field, key_of, past_attempts
from cxrun.store.suppressions import suppressions

READ: Final = 5000
"""Records read at once from a list."""
_PLACED: Final = operator.attrgetter("placed")
_FACTS: Final = 50_000
"""Numbers and clients whose facts are remembered before any are forgotten."""
_FEW: Final = 50
"""The part of a buffer up to which new records are put in one by one: sorting looks at all of it."""
_START: Final = (-1, -1)
_ALONE: Final[list[Record]] = []
_NONE: Final[list[PastAttempt]] = []
_NO_ATTEMPTS: Final[Mapping[str, Sequence[PastAttempt]]] = {}
_UNKNOWN: Final = int(CallResult.UNKNOWN)
_PRIORITIES: Final = tuple(sorted(set(PRIORITY.values())))


class Feed:
    """The next records of one contact list in dialing order: priority, due time, position in the list."""

    def __init__(self, name: str, queue: Queue) -> None:
        self.name = name
        self.queue = queue
        self.more = True
        self.paused = False
        """Whether nothing is read from it for now."""
        self.anew = False
        """Whether it reads again what it has read before."""
        self.next_due: int | None = None
        self.imports: Sequence[tuple[int, float]] = ()
        self._chains: dict[int, list[Record]] = {}
        self._buffer: list[Record] = []
        self._cursors = dict.fromkeys(_PRIORITIES, _START)

    def __len__(self) -> int:
        return len(self._buffer)

    def refill(self, now: float, held: Collection[int]) -> list[Record]:
        """Read what has become due since, up to `READ` records; returns what is new with its chains."""
        found: list[Record] = []
        self.more = False
        for priority in _PRIORITIES:
            # a full buffer of less urgent records does not keep more urgent ones out
            behind = bisect_left(self._buffer, -priority, key=lambda record: -record.priority)
            room = READ - len(found) - (len(self._buffer) - behind)
            if room <= 0:
                self.more = True
                continue
            records = self.queue.due(priority, now, self._cursors[priority], room)
            self.more = self.more or len(records) == room
            if records:
                self._cursors[priority] = (records[-1].due, records[-1].record_id)
                found += [record for record in records if record.record_id not in held] if held else records
        self.anew = self.anew and self.more
        self._learn_chains(found)
        # records of one list compare by priority, due time and position in the list
        if len(found) > len(self._buffer) // _FEW:
            self._buffer += found
            self._buffer.sort(reverse=True)
        else:
            for record in found:
                self._put(record)
        # what was cut off is due now, and is looked for again at the next occasion
        self.next_due = int(now) if self.more else self.queue.next_due(now)
        return self._with_chains(found)

    def _put(self, record: Record) -> None:
        """Put a record in its place of the buffer; the next one to be dialed is the last."""
        low, high = 0, len(self._buffer)
        while low < high:
            middle = (low + high) // 2
            if record < self._buffer[middle]:
                low = middle + 1
            else:
                high = middle
        self._buffer.insert(low, record)

    @property
    def urgency(self) -> int:
        """The priority of the next record; smaller is dialed first."""
        return self._buffer[-1].priority

    def pop(self) -> Record:
        """Take the next record out of the buffer."""
        return self._buffer.pop()

    def records(self) -> Iterable[Record]:
        """What is buffered, with its chains."""
        return self._with_chains(self._buffer)

    def _with_chains(self, records: list[Record]) -> list[Record]:
        if not self._chains:
            return records
        return [*records, *(other for record in records for other in self.sleeping(record))]

    def sleeping(self, record: Record) -> list[Record]:
        """The other records of the record's chain that are not closed."""
        return self._chains.get(record.chain_id, _ALONE) if self._chains else _ALONE

    def forget_chain(self, record: Record) -> None:
        """The chain has moved on."""
        if self._chains:
            self._chains.pop(record.chain_id, None)

    def resume(self) -> list[Record]:
        """The records that were in work when the last run ended."""
        records = self.queue.in_work()
        self._learn_chains(records)
        return records

    def _learn_chains(self, records: Iterable[Record]) -> None:
        self.read_chains([record.chain_id for record in records if record.chain_size > 1])

    def read_chains(self, chains: Collection[int]) -> None:
        """Read which records of these chains are not closed, whatever was known of them."""
        for chain_id in chains:
            # whoever slept may be closed since, and a chain of which nobody sleeps is not found below
            self._chains.pop(chain_id, None)
        self._chains.update(self.queue.members(chains))

    def drop(self) -> None:
        """Forget the buffer and read from the front again."""
        self._buffer.clear()
        self._cursors = dict.fromkeys(_PRIORITIES, _START)
        self.more = self.anew = not self.paused
        if self.paused:
            self.next_due = None


class Given:
    """The records a run is to dial, in this order and no others, whatever list they are in.

    `places` say where each stands in the queue: list, priority, due, record. `gone` are those that did not stand
    there any more when their turn came. After `until` (Unix UTC seconds) none is dialed. `begin` is called with the
    store and the time in the first transaction of the run; it raises UserError if the run must not be, and returns
    what the journal is to say of it.
    """

    def __init__(self, places: Iterable[Key], until: float, begin: Callable[[Store, float], Entry]) -> None:
        self.left = deque(places)
        self.until = until
        self.gone: list[int] = []
        self.begin = begin

    def over(self, now: float) -> bool:
        """Whether nothing is left to dial, or it is too late."""
        return not self.left or now > self.until


class GivenFeed(Feed):
    """The records of one list that a run is given: it has the next one, or none if that is of another list."""

    def __init__(self, name: str, queue: Queue, given: Given) -> None:
        super().__init__(name, queue)
        self._given = given
        self._found: dict[Key, Record] = {}

    def __len__(self) -> int:
        left = self._given.left
        return int(bool(left) and left[0] in self._found)

    @property
    def urgency(self) -> int:
        return self._given.left[0][1]

    def pop(self) -> Record:
        return self._found.pop(self._given.left.popleft())

    def records(self) -> Iterable[Record]:
        return self._with_chains(list(self._found.values()))

    def refill(self, now: float, held: Collection[int]) -> list[Record]:
        if not self.more:
            return []
        self.more = self.anew = False
        given, own = self._given, self.queue.list_id
        wanted = [key for key in given.left if key[0] == own]
        self._found = {key_of(record): record for record in self.queue.at(key[1:] for key in wanted)}
        gone = set(wanted) - self._found.keys()
        if gone:
            given.gone += [key[3] for key in wanted if key in gone]
            given.left = deque(key for key in given.left if key not in gone)
        found = list(self._found.values())
        self._learn_chains(found)
        return self._with_chains(found)

    def drop(self) -> None:
        super().drop()
        self._found.clear()


class Facts:
    """Past attempts and suppressions of the clients and numbers in the buffers, kept current as the run dials."""

    def __init__(self, store: Store, window: float, attempt_fields: Iterable[str] = ()) -> None:
        self._store = store
        self._window = window
        self._most = _FACTS
        # apart, since a list may use somebody's number as the id of a client
        self._phones = _Known()
        self._clients = _Known()
        self._values = {field: _Known() for field in attempt_fields}

    def learn(self, records: Iterable[Record], now: float) -> None:
        """Fetch what is not known yet, in two queries for the whole batch and one for each field asked for."""
        records = list(records)
        for field, known in self._values.items():
            values = known.add(_values(field, records))
            if values:
                for value, attempt in attempts_by_field(self._store, field, values, now - self._window):
                    known.note(value, attempt)
        phones = self._phones.add([record.phone for record in records])
        clients = self._clients.add([record.client for record in records])
        if not phones and not clients:
            return
        self.suppressed(suppressions(self._store, clients, phones))
        if self._window:
            for attempt in past_attempts(self._store, clients, phones, now - self._window):
                if attempt.phone in phones:
                    self._phones.note(attempt.phone, attempt)
                if attempt.client in clients:
                    self._clients.note(attempt.client, attempt)

    def read_anew(self, record: Record, now: float) -> Facts:
        """What the store says of a record at this moment, whatever was known of it."""
        facts = Facts(self._store, self._window, self._values)
        facts.learn([record], now)
        return facts

    def attempts(self, record: Record) -> Sequence[PastAttempt]:
        """The attempts of the record's client or number, oldest first, each once."""
        of_phone = self._phones.attempts.get(record.phone, _NONE)
        of_client = self._clients.attempts.get(record.client, _NONE)
        if not of_phone or of_phone == of_client:
            return of_client
        if not of_client:
            return of_phone
        both = {(attempt.record_id, attempt.attempt): attempt for attempt in (*of_client, *of_phone)}
        return sorted(both.values(), key=_PLACED)

    def attempts_by(self, record: Record) -> Mapping[str, Sequence[PastAttempt]]:
        """By each field asked for, the attempts on records with the same value of it, oldest first."""
        if not self._values:
            return _NO_ATTEMPTS
        found = {}
        for field, known in self._values.items():
            value = key_text(record.fields.get(field))
            if value is not None:
                found[field] = known.attempts.get(value, _NONE)
        return found

    def suppressions(self, record: Record) -> Sequence[Suppression]:
        """The entries that name the record's number or client."""
        if not self._phones.suppressions and not self._clients.suppressions:
            return ()
        return [
            *self._phones.suppressions.get(record.phone, ()),
            *self._clients.suppressions.get(record.client, ()),
        ]

    def moment(
        self,
        at: float,
        record: Record,
        chain: Sequence[Record],
        ring_time: float,
        imports: Sequence[tuple[int, float]],
    ) -> Moment:
        """What the filters are told of a record at a moment, by what is known now."""
        return Moment(
            at, record, chain, self.attempts(record), self.suppressions(record), self.attempts_by(record), ring_time,
            imports,
        )  # fmt: skip

    def dialed(self, record: Record, placed: float) -> PastAttempt:
        """The latest attempt of a record is made; whoever holds what is returned writes the result into it."""
        attempt = PastAttempt(
            placed, _UNKNOWN, None, record.client, record.phone, record.record_id, record.attempt
        )
        self.note(record, attempt)
        return attempt

    def note(self, record: Record, attempt: PastAttempt) -> None:
        """There is this attempt on a record."""
        if self._window:
            self._phones.note(attempt.phone, attempt)
            self._clients.note(attempt.client, attempt)
            for field, known in self._values.items():
                value = key_text(record.fields.get(field))
                if value is not None:
                    known.note(value, attempt)

    def suppressed(self, entries: Iterable[Suppression]) -> None:
        """There are these entries."""
        for entry in entries:
            known = self._phones if entry.kind == "device" else self._clients
            known.suppressions.setdefault(entry.key, []).append(entry)

    def keep(self, records: Collection[Record]) -> None:
        """Forget everything but what concerns these records."""
        self._phones.keep({record.phone for record in records})
        self._clients.keep({record.client for record in records})
        for field, known in self._values.items():
            known.keep(_values(field, records))
        self._most = max(_FACTS, 2 * len(self._phones.attempts) + 2 * len(self._clients.attempts))

    def forget(self) -> None:
        """Somebody else has written to the store: ask it again."""
        self.keep(())

    @property
    def too_many(self) -> bool:
        """Whether it is time to `keep` only what concerns the buffers."""
        return len(self._phones.attempts) + len(self._clients.attempts) > self._most


def _values(field: str, records: Iterable[Record]) -> set[str]:
    """The values of an own field that the records have."""
    texts = (key_text(record.fields.get(field)) for record in records)
    return {text for text in texts if text is not None}


class _Known:
    """What is known of numbers, clients or values of a field; whatever is known has attempts, if only none."""

    def __init__(self) -> None:
        self.attempts: dict[str, list[PastAttempt]] = {}
        self.suppressions: dict[str, list[Suppression]] = {}

    def add(self, keys: Iterable[str]) -> set[str]:
        """Take note of those that are not known yet, and return them."""
        known = self.attempts
        new = {key for key in keys if key not in known}
        known.update(dict.fromkeys(new, _NONE))
        return new

    def note(self, key: str, attempt: PastAttempt) -> None:
        """Remember an attempt, if the key is known; it replaces what was known of the same one."""
        attempts = self.attempts.get(key)
        if attempts is None:
            return
        if not attempts:
            self.attempts[key] = [attempt]
            return
        for n, known in enumerate(attempts):
            if known.record_id == attempt.record_id and known.attempt == attempt.attempt:
                attempts[n] = attempt
                return
        insort(attempts, attempt, key=_PLACED)

    def keep(self, keys: set[str]) -> None:
        self.attempts = {key: value for key, value in self.attempts.items() if key in keys}
        self.suppressions = {key: value for key, value in self.suppressions.items() if key in keys}


def known_at(attempts: Iterable[PastAttempt], at: float) -> list[PastAttempt]:
    """The attempts that had been placed before a moment, without the results that were not known yet."""
    return [
        past
        if past.ended is not None and past.ended <= at
        else replace(past, call_result=_UNKNOWN, disposition=None, ended=None)
        for past in attempts
        if past.placed < at
    ]
