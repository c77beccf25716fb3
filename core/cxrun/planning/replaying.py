"""The stored history judged again: every call that was made, and every refusal, by the rules of a strategy.

Each moment is put together as it was: the record as it was claimed, its chain by what the journal says, the attempts
made before it with the results they had by then. Then the same functions decide that decide in a run.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cxrun import life
from cxrun.asking import asking_nobody
from cxrun.campaign import Group, Project
from cxrun.elements import (
    AssignToGroup,
    Call,
    Defer,
    DialAgain,
    DialNext,
    Drop,
    Exclude,
    Finish,
    MarkAgentError,
    Moment,
    Pass,
    Reschedule,
    Suppress,
    UpdateChain,
)
from cxrun.model import (
    ASLEEP,
    CallResult,
    Record,
    Rule,
    word_of,
)
from cxrun.pipeline import Broken, Settlement
from cxrun.planning.standing import REFUSALS, Known, Standing
from cxrun.store.database import Store
from cxrun.store.lists import StoredList, imports_of, stored_lists
from cxrun.store.past import JournalRow, chain_ids, past_of, rules_changed_at, seeds
from cxrun.store.queue import (
    AttemptRow,
    Queue,
    find_by_fields,
)

ALLOWED: Final = "newly allowed"
BLOCKED: Final = "newly blocked"
REFUSED: Final = "refused otherwise"
TREATED: Final = "treated otherwise"
DELIVERED: Final = "delivered otherwise"
FAILED: Final = "rule fails"
KINDS: Final = (ALLOWED, BLOCKED, REFUSED, TREATED, DELIVERED, FAILED)
"""A refusal that would be a call now; a call that would be refused now; a refusal by another verdict or until another
time; a call after which something else would follow; an answered call that would go elsewhere; a plugin that raises.
"""
REGRESS: Final = frozenset((ALLOWED, FAILED))
"""What makes the rules weaker than those the history was made with."""
_BATCH: Final = 500
_SETTLED: Final = {
    DialAgain: "dial_again", DialNext: "dial_next", Finish: "finish", Suppress: "suppress",
    UpdateChain: "update_chain", Reschedule: "reschedule", AssignToGroup: "assign_to_group",
    MarkAgentError: "agent_error",
}  # fmt: skip
_ENDS: Final = frozenset((*_SETTLED.values(), "callback_promised", "error", "hung_up"))
"""Events that say what followed a call."""
_NO_AGENT: Final = (CallResult.DROPPED, CallResult.ABANDONED)


class Finding(NamedTuple):
    """One moment the strategy decides otherwise. `attempt` is that of the call, or those made before a refusal.

    `then` and `now` are what was decided, with the rules; times are Unix UTC seconds.
    """

    kind: str
    list_name: str
    record: Record
    attempt: int
    at: float
    then: str
    now: str


@dataclass
class Sums:
    """How many calls, treatments and refusals were judged, what is different, and what could not be judged."""

    calls: int = 0
    treatments: int = 0
    refusals: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    by: Counter[tuple[str, str]] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def judged(self) -> int:
        return self.calls + self.refusals

    @property
    def different(self) -> int:
        return sum(self.kinds.values())


def replay(
    store: Store,
    project: Project,
    sums: Sums,
    only: Group | None = None,
    since: float = -math.inf,
    watch: Callable[[int], None] = lambda count: None,
) -> Iterator[Finding]:
    """What a project's rules decide otherwise of the calls and refusals since a time, list by list.

    `only` is a group whose lists are judged and no others. `sums` counts on the way. The store is read in batches of
    chains, as it stood when the first finding was asked for.
    """
    groups = {name: group for group in project.groups.values() for name in group.lists}
    with store.snapshot():
        find_by_fields(
            store, {f for group in groups.values() for f in asking_nobody(group)[0].attempt_fields}
        )
        shared = _Shared(seeds(store), rules_changed_at(store), since, sums)
        for stored in stored_lists(store).values():
            if only is not None and stored.name not in only.lists:
                continue
            group = groups.get(stored.name)
            if group is None:
                sums.left_out["no campaign group dials the list"] += 1
                continue
            replayer = _List(store, stored, group, shared)
            for ids in chain_ids(store, stored.list_id, _BATCH):
                yield from replayer.judge(ids)
                watch(sums.judged)


class _Shared(NamedTuple):
    """What is the same for every list."""

    seeds: Mapping[int, int]
    rules_changed: Sequence[int]
    since: float
    sums: Sums


class _List:
    """Judges the history of one list."""

    def __init__(self, store: Store, stored: StoredList, group: Group, shared: _Shared) -> None:
        self._store = store
        self._name = stored.name
        self._shared = shared
        self._sums = shared.sums
        self._queue = Queue(store, stored.list_id, list(stored.field_types))
        self._imports = imports_of(store, stored)
        self._pipeline, outside = asking_nobody(group)
        self._ring_time = group.duration("ring_time")
        self._outside = {rule.name for rule in outside}

    def judge(self, ids: Sequence[int]) -> Iterator[Finding]:
        chains = self._queue.chains(ids)
        records = [record for chain in chains.values() for record, _ in chain]
        past = past_of(self._store, [record.record_id for record in records])
        if not past.journal and not past.attempts:
            return
        known = Known(self._store, records, self._pipeline.attempt_fields)
        for chain in chains.values():
            if any(record.record_id in past.journal for record, _ in chain):
                yield from _Chain(self, Standing(chain, past), known).walk()

    def moment(
        self, at: float, record: Record, chain: Sequence[Record], known: Known, *, claimed: bool
    ) -> Moment:
        return Moment(
            at, record, chain, known.attempts(record, at, claimed=claimed), known.entries(record),
            known.attempts_by(record, at, claimed=claimed), self._ring_time, self._imports,
        )  # fmt: skip

    def left_out(self, why: str) -> None:
        self._sums.left_out[why] += 1

    def find(
        self, kind: str, record: Record, attempt: int, at: float, then: str, now: str, rule: str
    ) -> Finding:
        self._sums.kinds[kind] += 1
        self._sums.by[kind, rule] += 1
        return Finding(kind, self._name, record, attempt, at, then, now)


class _Chain:
    """Judges what was decided in the life of one chain."""

    def __init__(self, of: _List, standing: Standing, known: Known) -> None:
        self._list = of
        self._standing = standing
        self._known = known

    def walk(self) -> Iterator[Finding]:
        shared = self._list._shared
        calls = iter(self._standing.calls)
        call = next(calls, None)
        anew = iter(shared.rules_changed)
        change = next(anew, None)
        for n, row in enumerate(self._standing.rows):
            while change is not None and change < row.seq:
                self._standing.look_again()
                change = next(anew, None)
            while call is not None and self._comes_before(call, row):
                yield from self._call(call, n)
                call = next(calls, None)
            if row.event in REFUSALS:
                yield from self._refusal(row, n)
            self._standing.happen(row)
        while call is not None:
            yield from self._call(call, len(self._standing.rows))
            call = next(calls, None)

    @staticmethod
    def _comes_before(call: AttemptRow, row: JournalRow) -> bool:
        """Whether a call was placed before something happened."""
        if row.record_id == call.record_id and row.event not in REFUSALS and row.event != "next_in_chain":
            return row.attempt >= call.attempt
        return call.placed < row.at

    # --- what was decided, and what would be ---

    def _call(self, call: AttemptRow, n: int) -> Iterator[Finding]:
        member = self._standing.members[call.record_id]
        record = self._standing.claimed(call, member)
        sleeping = self._standing.sleeping(member)
        judged = call.placed >= self._list._shared.since
        if judged:
            yield from self._claim(call, record, sleeping)
        end = next(
            (
                row for row in self._standing.rows[n:]
                if row.record_id == call.record_id and row.attempt == call.attempt and row.event in _ENDS
            ),
            None,
        )  # fmt: skip
        member.attempt = call.attempt
        member.treatments = record.treatments
        member.called = int(call.placed)
        member.state = "ready"
        if end is None:
            if judged:
                self._list.left_out("calls that are still in progress")
            return
        self._standing.ends[call.record_id, call.attempt] = end
        if judged:
            yield from self._end(call, record, sleeping, end)

    def _claim(self, call: AttemptRow, record: Record, sleeping: Sequence[Record]) -> Iterator[Finding]:
        self._list._sums.calls += 1
        moment = self._list.moment(call.placed, record, (record, *sleeping), self._known, claimed=True)
        decision = self._list._pipeline.decide(moment)
        verdict, rule = decision
        if isinstance(verdict, Pass):
            return
        kind = FAILED if decision.broken else BLOCKED
        now = f"refused: {verdict.reason}" + _by(rule)
        yield self._list.find(kind, record, call.attempt, call.placed, "dialed", now, _by(rule))

    def _end(
        self, call: AttemptRow, record: Record, sleeping: Sequence[Record], end: JournalRow
    ) -> Iterator[Finding]:
        pipeline = self._list._pipeline
        dialed = life.attempted(record, call.placed)
        detected = None if call.detected is None else CallResult(call.detected)
        if detected is not None and call.answered is not None:
            heard = life.with_result(dialed, int(detected), None)
            handling, rule = pipeline.deliver(Call(call.answered, heard, detected))
            dropped = (
                call.connected is None and call.ended == call.answered and end.call_result not in _NO_AGENT
            )
            if isinstance(handling, Drop) is not dropped:
                then = "dropped" if dropped else "delivered"
                now = f"{'delivered' if dropped else 'dropped'}: {handling.reason}"
                by = _by(rule if isinstance(rule, Rule) else None)
                yield self._list.find(DELIVERED, record, call.attempt, call.answered, then, now + by, by)
        result = CallResult(end.call_result)
        if call.disposition is not None:
            # what the agent says may have named the result; the line had said this
            result = detected or CallResult.ANSWER
        if (call.record_id, call.attempt) in self._known.corrected:
            self._list.left_out("treatments of calls that were given another result later")
            return
        told = life.with_result(dialed, int(result), call.agent_id)
        judged = Call(
            end.at, told, result, call.disposition, call.agent_id, (told, *sleeping),
            seed=self._list._shared.seeds.get(call.run_id, 0), devices=pipeline.devices,
        )  # fmt: skip
        self._list._sums.treatments += 1
        settlement = pipeline.settle(judged)
        then, before = self._followed(end)
        now, after = _follows(judged, settlement, promised=end.event == "callback_promised", end=end)
        if before == after:
            return
        rule = settlement.rule
        kind = FAILED if isinstance(settlement, Broken) and end.event != "error" else TREATED
        yield self._list.find(kind, record, call.attempt, end.at, then, now + _by(rule), _by(rule))

    def _followed(self, end: JournalRow) -> tuple[str, tuple[object, ...]]:
        """What followed a call, in words and to be compared: event, result, whether it waits, when, and who is next."""
        heir = next(
            (
                (row.record_id, row.due) for row in self._standing.rows
                if row.event == "next_in_chain" and row.at == end.at and row.record_id != end.record_id
            ),
            None,
        ) if end.event == "dial_next" else None  # fmt: skip
        told = f"{end.reason.text}" + _by(end.reason.rule)
        return told, (end.event, end.call_result, end.reason.state == "closed", end.due, heir)

    def _refusal(self, row: JournalRow, n: int) -> Iterator[Finding]:
        if row.at < self._list._shared.since or row.reason.rule is None:
            return
        if row.reason.rule.name in self._list._outside:
            self._list.left_out("refusals by somebody who was asked outside")
            return
        record = self._standing.refused(row, n)
        if record is None:
            self._list.left_out("refusals of records whose state at the time is not kept")
            return
        self._list._sums.refusals += 1
        member = self._standing.members[row.record_id]
        chain = (record, *self._standing.sleeping(member))
        moment = self._list.moment(row.at, record, chain, self._known, claimed=False)
        decision = self._list._pipeline.decide(moment)
        verdict, rule = decision
        then = f"{row.event}: {row.reason.text} ({row.reason.rule})"
        if isinstance(verdict, Pass):
            yield self._list.find(ALLOWED, record, row.attempt, row.at, then, "dialed", _by(row.reason.rule))
            return
        same = isinstance(verdict, Exclude) if row.event == "excluded" else (
            isinstance(verdict, Defer) and life.deferred(record, verdict, row.at).due == row.due
        )  # fmt: skip
        if not same:
            words = {Defer: "deferred", Exclude: "excluded"}
            now = f"{words.get(type(verdict), 'passed by')}: {verdict.reason}" + _by(rule)
            kind = FAILED if decision.broken else REFUSED
            yield self._list.find(kind, record, row.attempt, row.at, then, now, _by(rule))


def _follows(
    call: Call, settlement: Settlement | Broken, *, promised: bool, end: JournalRow
) -> tuple[str, tuple[object, ...]]:
    """What would follow a call, in words and to be compared."""
    if isinstance(settlement, Broken):
        told = f"plugin error: {settlement.message}"
        return told, ("error", end.call_result, False, 0, None)
    result = int(call.result)
    if promised and not isinstance(settlement.action, Suppress):
        return "callback promised", (end.event, result, False, end.due, None)
    if end.event == "hung_up" and settlement.rule is None:
        return end.reason.text, (end.event, result, False, end.due, None)
    change = life.settled(call, settlement)
    own = call.record.record_id
    closed = any(record.record_id == own for record in change.closed)
    due = next((r.due for r in change.waiting if r.record_id == own and r.priority != ASLEEP), 0)
    heir = next(((r.record_id, r.due) for r in change.waiting if r.record_id != own), None)
    told = f"{word_of(CallResult, result)}: {settlement.action.reason}"
    return told, (_SETTLED[type(settlement.action)], result, closed, due, heir)


def _by(rule: Rule | None) -> str:
    return f" ({rule})" if rule else ""
