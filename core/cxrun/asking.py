"""What the rules of a group are told of the records of one list, outside of a run and the same as in one.

Facts are gathered in batches, as a run gathers them. Of a list whose rules are no longer those it was last dialed
under, the records are as the next run will have them: what those rules had put off or excluded is looked at anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from cxrun.campaign import Group
from cxrun.elements import Moment
from cxrun.feed import READ, Facts, known_at
from cxrun.model import CHAINED, NEVER, PRIORITY, Record, RecordStatus, RecordType, Rule
from cxrun.pipeline import Pipeline, rule_of
from cxrun.store.database import Store
from cxrun.store.lists import StoredList, imports_of
from cxrun.store.queue import Queue, keep_attempt_fields, kept_attempt_fields

_CHAIN_READY: Final = int(RecordStatus.CHAIN_READY)
_PRIORITIES: Final = tuple(sorted(set(PRIORITY.values())))
_GENERAL: Final = PRIORITY[RecordType.GENERAL]

Chain = tuple[Record, Sequence[Record]]
"""The record whose turn it is in its chain, and the others of the chain that are not closed."""


@contextmanager
def reading(store: Store, groups: Iterable[Group]) -> Iterator[None]:
    """One view of the store, whoever writes meanwhile; nothing is written.

    Where the rules count attempts by a field that no run has counted by yet, others cannot write meanwhile.
    """
    fields = {field for group in groups for field in group.pipeline.attempt_fields}
    new = fields - kept_attempt_fields(store)
    if new:
        store.begin()
        keep_attempt_fields(store, new)
    else:
        store.connection.execute("BEGIN")
    try:
        yield
    finally:
        store.rollback()


def asking_nobody(group: Group) -> tuple[Pipeline, tuple[Rule, ...]]:
    """The rules of a group without the filters that ask somebody outside, and these by name."""
    outside = tuple(rule_of(step, "filter", each.name) for each in group.rulesets for step in each.outside)
    if not outside:
        return group.pipeline, ()
    return Pipeline([ruleset.alone for ruleset in group.rulesets], group.devices), outside


class Asking:
    """Makes the moments of one list. `at` is the present, or an earlier moment that is asked about (Unix UTC seconds).

    `pipeline` is that of the group, without the filters that ask somebody outside: what they would say later
    cannot be known. `left_out` names them.
    """

    def __init__(self, store: Store, group: Group, stored: StoredList, at: float) -> None:
        self.group = group
        self.stored = stored
        self.pipeline, self.left_out = asking_nobody(group)
        self.queue = Queue(store, stored.list_id, list(stored.field_types))
        self.rules_changed = stored.rules_digest not in ("", group.digest)
        self._store = store
        self._at = at
        self._imports = imports_of(store, stored, None if group.dialer.external else at)
        self._ring_time = group.duration("ring_time")
        self._forget()

    def _forget(self) -> None:
        self._facts = Facts(self._store, self.pipeline.window, sorted(self.pipeline.attempt_fields))

    def batches(self, passed: Collection[int] = ()) -> Iterator[list[Chain]]:
        """Every chain that waits to be dialed, now or later, in batches; their facts are known.

        They come by priority, due time and position in the list. What is left of a priority is skipped once it is
        among `passed`.
        """
        for priority in _PRIORITIES:
            after = (-1, -1)
            while priority not in passed and (records := self.queue.due(priority, NEVER, after, READ)):
                after = (records[-1].due, records[-1].record_id)
                yield self.chains(records)
        if self.rules_changed:
            batch: list[Record] = []
            for record in self.queue.excluded_leaders():
                batch.append(record)
                if len(batch) == READ:
                    yield self.chains(batch)
                    batch = []
            if batch:
                yield self.chains(batch)

    def chains(self, leaders: Sequence[Record]) -> list[Chain]:
        """The chains of these records, their facts fetched; those of the batch before are forgotten."""
        members = self.queue.members([record.chain_id for record in leaders if record.chain_size > 1])
        chains: list[Chain] = []
        for record in leaders:
            others: Sequence[Record] = members.get(record.chain_id, ()) if members else ()
            if self.rules_changed:
                record, others = _looked_at_again(record), [_asleep(other) for other in others]
            chains.append((record, [other for other in others if other.record_id != record.record_id]))
        self.learn([record for leader, others in chains for record in (leader, *others)])
        return chains

    def learn(self, records: Sequence[Record]) -> None:
        """Fetch the facts of these records, and forget those of others."""
        self._forget()
        self._facts.learn(records, self._at)

    def moment(self, record: Record, others: Sequence[Record], at: float) -> Moment:
        """What the filters are told of a record at a moment, if nothing happens to it until then."""
        return self._facts.moment(at, record, (record, *others), self._ring_time, self._imports)

    def moment_then(self, record: Record, others: Sequence[Record], at: float) -> Moment:
        """The same at a moment that is past: attempts and their results as they were known then."""
        moment = self.moment(record, others, at)
        return replace(
            moment,
            attempts=known_at(moment.attempts, at),
            attempts_by={name: known_at(found, at) for name, found in moment.attempts_by.items()},
        )


def _looked_at_again(record: Record) -> Record:
    """The next record of a chain once its rules have changed."""
    priority = PRIORITY.get(record.record_type, _GENERAL)
    return record._replace(due=record.dial_sched_time, priority=priority)


def _asleep(record: Record) -> Record:
    """Another record of the chain once its rules have changed."""
    if record.due != NEVER:
        return record
    return record._replace(due=CHAINED, record_status=_CHAIN_READY)
