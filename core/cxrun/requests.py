"""What is asked from outside a run: do not call, cancel, call back, or this is how the call went.

A request is answered where its records are at rest. While a run is at work on their list, the run does it
itself before its next dial; what is in work waits until its call is over. Otherwise the command does it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple

from cxrun import life
from cxrun.campaign import Group, Project
from cxrun.elements import Call, Suppress
from cxrun.ledger import CHAIN_FINISHED
from cxrun.model import (
    ASLEEP,
    CALLBACKS,
    CHAINED,
    IN_CHAIN,
    CallResult,
    Reason,
    Record,
    RecordStatus,
    RecordType,
    Suppression,
)
from cxrun.moments import parse_moment
from cxrun.pipeline import Broken, Pipeline, Settlement
from cxrun.store import requests as asked
from cxrun.store.database import Store
from cxrun.store.journal import NO_RUN, Entry, Happening
from cxrun.store.lists import stored_lists
from cxrun.store.queue import AttemptRow, Batch, Queue, key_of, write
from cxrun.store.requests import Request
from cxrun.store.runs import last_reached, last_seed, present

_NO_CALL: Final = int(RecordType.NO_CALL)
_PROCESSED: Final = "processed"


class Rules(NamedTuple):
    """What is needed to answer requests for the records of one list."""

    queue: Queue
    pipeline: Pipeline
    retention: Mapping[str, float | None]
    """How many seconds each suppression list keeps an entry, None for ever."""


class Answered(NamedTuple):
    """The requests that were answered, and how many wait for a call to be over."""

    done: tuple[Request, ...]
    waiting: int


def answer(
    store: Store,
    run_id: int,
    now: float,
    rules: Mapping[int, Rules],
    in_hand: Collection[int] = (),
    seed: int = 0,
) -> Answered:
    """Do what is asked for the records of these lists, inside the caller's transaction.

    Chains that are in work, or whose id is among `in_hand`, are left for later.
    """
    pending = asked.pending(store, rules)
    ready = [request for request in pending if request.chain_id not in in_hand]
    done: list[Request] = []
    for list_id, group in groupby(
        sorted(ready, key=lambda r: (r.list_id, r.request_id)), lambda r: r.list_id
    ):
        requests = list(group)
        members = rules[list_id].queue.chains({request.chain_id for request in requests})
        chains = {
            chain_id: _Chain(chain)
            for chain_id, chain in members.items()
            if all(place != "in work" for _, place in chain)
        }
        attempts = asked.latest_attempts(store, {r.record_id for r in requests if r.kind == "result"})
        desk = _Desk(now, seed, rules[list_id].pipeline, rules[list_id].retention, attempts, chains)
        for _, similar in groupby(requests, lambda request: (request.kind, request.why)):
            # those that sleep first, so that nobody takes the place of one that goes as well
            answerable = [request for request in similar if request.chain_id in chains]
            for request in sorted(answerable, key=desk.turn):
                desk.answer(request)
                done.append(request)
        write(store, run_id, desk.batch(store.journal.reason_id))
    asked.done(store, done)
    return Answered(tuple(done), len(pending) - len(done))


class _Chain:
    """A chain at rest, as it was and as it becomes."""

    def __init__(self, members: Iterable[tuple[Record, str]]) -> None:
        self.before = {record.record_id: (record, place == "waiting") for record, place in members}
        self.now = dict(self.before)
        self.reasons: dict[int, Reason] = {}

    def others(self, record: Record) -> list[Record]:
        """The other records of the chain that wait."""
        return [other for other, waits in self.now.values() if waits and other.record_id != record.record_id]

    def set(self, record: Record, reason: Reason, *, waits: bool) -> None:
        self.now[record.record_id] = (record, waits)
        self.reasons[record.record_id] = reason


@dataclass
class _Desk:
    """Answers the requests for one list."""

    now: float
    seed: int
    pipeline: Pipeline
    retention: Mapping[str, float | None]
    attempts: Mapping[int, AttemptRow]
    chains: Mapping[int, _Chain]
    journal: list[Happening] = field(default_factory=list)
    written: dict[int, AttemptRow] = field(default_factory=dict)
    suppressions: list[Suppression] = field(default_factory=list)
    whole_chains: list[tuple[Record, Reason, float]] = field(default_factory=list)

    def turn(self, request: Request) -> int:
        return self.chains[request.chain_id].now[request.record_id][0].priority

    def answer(self, request: Request) -> None:
        chain = self.chains[request.chain_id]
        record, waits = chain.now[request.record_id]
        if request.kind == "do_not_call":
            self._do_not_call(request, chain, record, waits)
        elif request.kind == "cancel":
            if waits:
                reason = Reason("closed", f"canceled: {request.why}")
                self._move(
                    chain, record, life.canceled(record, chain.others(record), self.now), reason, "canceled"
                )
        elif request.kind == "callback":
            # asked for in between: whoever is not to be called is not called back either
            if record.record_type != _NO_CALL:
                self._callback(request, chain, record)
        else:
            self._result(request, chain, record)

    def batch(self, reason_id: Callable[[Reason], int]) -> Batch:
        """What has become of the chains, to be written."""
        batch = Batch(
            attempts=list(self.written.values()),
            suppressions=self.suppressions,
            whole_chains=self.whole_chains,
            journal=self.journal,
        )
        for chain in self.chains.values():
            for record_id, reason in chain.reasons.items():
                before, waited = chain.before[record_id]
                after, waits = chain.now[record_id]
                if waited:
                    batch.left.append(key_of(before))
                else:
                    batch.reopened.append((record_id,))
                if waits:
                    batch.enter(after, reason_id(reason))
                else:
                    batch.close(after, reason_id(reason))
        return batch

    def _do_not_call(self, request: Request, chain: _Chain, record: Record, waits: bool) -> None:
        if record.record_type == _NO_CALL:
            return
        reason = Reason("closed", request.why)
        others = chain.others(record) if waits else ()
        self._move(chain, record, life.do_not_call(record, others, self.now), reason, "do_not_call")

    def _callback(self, request: Request, chain: _Chain, record: Record) -> None:
        self._gather(chain, record)
        agent_id = request.detail["agent_id"]
        change = life.promised(record, request.detail["at"], self.now, agent_id)
        self._move(chain, record, change, Reason("waiting", request.why), "callback_promised")

    def _result(self, request: Request, chain: _Chain, record: Record) -> None:
        attempt = self.written.get(record.record_id) or self.attempts.get(record.record_id)
        if attempt is None:
            return
        said = request.detail["result"]
        line = attempt.call_result if attempt.detected is None else attempt.detected
        result = CallResult(line if said is None else said)
        # a result that is given counts as it is, whatever the agent had said before
        disposition = request.detail["disposition"]
        agent_id = request.detail["agent_id"] or attempt.agent_id
        at_rest = record
        record = life.with_result(life.reopened(record), int(result), agent_id)
        call = self._call(chain, record, result, disposition, agent_id)
        settlement = self.pipeline.settle(call)
        self.written[record.record_id] = attempt._replace(
            call_result=int(call.result), disposition=disposition or attempt.disposition, agent_id=agent_id
        )
        suppress = isinstance(settlement, Settlement) and isinstance(settlement.action, Suppress)
        if self._stays(request, chain, at_rest, call, suppress=suppress):
            if suppress:
                assert isinstance(settlement, Settlement)
                self._suppress(life.settled(call, settlement))
            return
        self._gather(chain, record)
        call = self._call(chain, record, result, disposition, agent_id)
        settlement = self.pipeline.settle(call)
        if isinstance(settlement, Broken):
            reason = Reason("error", f"plugin error: {settlement.message}", settlement.rule)
            change = life.broken(call.record)
        else:
            change = life.settled(call, settlement)
            state = "waiting" if change.waiting else "closed"
            text = f"{call.result.word}: {settlement.action.reason}"
            reason = Reason(state, text, settlement.rule)
        self._move(chain, call.record, change, reason, _PROCESSED)
        self._suppress(change)

    def _call(
        self, chain: _Chain, record: Record, result: CallResult, disposition: str | None, agent_id: str | None
    ) -> Call:
        return Call(
            self.now, record, result, disposition, agent_id, (record, *chain.others(record)), seed=self.seed,
            devices=self.pipeline.devices,
        )  # fmt: skip

    def _stays(self, request: Request, chain: _Chain, record: Record, call: Call, *, suppress: bool) -> bool:
        """Whether the result changes the attempt alone: its record was canceled or is not to be called, or a
        callback is promised in its chain, which goes before every treatment but do_not_call.
        """
        promised = [other for other, waits in chain.now.values() if waits and other.record_type in CALLBACKS]
        if record.record_type == _NO_CALL or record.record_status == RecordStatus.CANCELED:
            reason = Reason("closed", f"{call.result.word}: {request.why}, it stays closed")
            self._note(_PROCESSED, record, reason)
            return True
        if not promised or suppress:
            return False
        _, waits = chain.now[record.record_id]
        told = life.with_result(record, int(call.result), call.agent_id)
        held = promised[0].record_id == record.record_id
        state = "waiting" if waits else "closed"
        reason = Reason(state, f"{call.result.word}: its chain is held for a callback")
        self._note(_PROCESSED, told, reason)
        chain.set(told, reason if held or not waits else IN_CHAIN, waits=waits)
        return True

    def _suppress(self, change: life.Change) -> None:
        self.suppressions += [
            entry.kept(self.retention.get(entry.list_name), self.now) for entry in change.suppressions
        ]

    def _gather(self, chain: _Chain, record: Record) -> None:
        """The chain begins with this record again; what waits or was closed with it sleeps."""
        others = [other for other, _ in chain.now.values() if other.record_id != record.record_id]
        for other, asleep in zip(others, life.gathered(others), strict=True):
            if asleep != other:
                chain.set(asleep, IN_CHAIN, waits=True)

    def _move(self, chain: _Chain, record: Record, change: life.Change, reason: Reason, event: str) -> None:
        for changed in change.waiting:
            why = reason
            if changed.record_id != record.record_id:
                why = Reason("waiting", f"next in its chain, {reason.text}", reason.rule)
                self._note("next_in_chain", changed, why)
            else:
                self._note(event, changed, reason)
                if changed.due == CHAINED:
                    why = IN_CHAIN
            chain.set(changed, why, waits=True)
        for changed in change.closed:
            if changed.record_id != record.record_id:
                self._note("chain_updated", changed, CHAIN_FINISHED)
                chain.set(changed, CHAIN_FINISHED, waits=False)
            else:
                why = reason._replace(state="closed")
                self._note(event, changed, why)
                chain.set(changed, why, waits=False)
        if change.whole_chain:
            self.whole_chains.append((change.closed[0], reason, self.now))

    def _note(self, event: str, record: Record, reason: Reason) -> None:
        due = record.due if record.priority != ASLEEP and reason.state == "waiting" else 0
        at = round(self.now, 3)
        attempt = self.written.get(record.record_id) if event == _PROCESSED else None
        outcome = attempt.outcome if attempt else ""
        self.journal.append(
            Entry(at, event, record.record_id, record.attempt, record.call_result, reason, due, 0.0, outcome)
        )


# --- on behalf of a command ------------------------------------------------------------------------


def now_of(project: Project, store: Store) -> float:
    """What time it is for the records of a store (Unix UTC seconds).

    In a simulation it is where its clock stands; before the first run, where it is to begin.
    """
    groups = project.groups.values()
    if last_reached(store) is not None or not groups or any(group.dialer.external for group in groups):
        return present(store)
    return min(parse_moment(group.settings["virtual_start"].value) for group in groups)


def rules_of(project: Project, store: Store, groups: Iterable[Group]) -> dict[int, Rules]:
    """What is needed to answer requests for the lists of these groups, by the id of the list."""
    known = stored_lists(store)
    return {
        known[name].list_id: Rules(
            Queue(store, known[name].list_id, list(known[name].field_types)),
            group.pipeline,
            project.retention,
        )
        for group in groups
        for name in group.lists
        if name in known
    }


def make(project: Project, store: Store, request: Callable[[float], None]) -> tuple[int, int]:
    """Let `request` note what is asked, given what time it is, and do what no run has to do.

    One transaction. Returns how many requests were answered and how many wait: for a run that is at work, or
    for a call to be over.
    """
    with store.transaction():
        now = now_of(project, store)
        request(now)
        known = stored_lists(store)
        rules = {
            item.list_id: Rules(
                Queue(store, item.list_id, list(item.field_types)), Pipeline(()), project.retention
            )
            for item in known.values()
        } | rules_of(project, store, project.groups.values())
        dialed = asked.lists_at_work(store)
        mine = {item.list_id: rules[item.list_id] for item in known.values() if item.name not in dialed}
        answered = answer(store, NO_RUN, now, mine, seed=last_seed(store) or 0)
        left = len(asked.pending(store, rules))
    return len(answered.done), left
