"""The end of a call: its result, what the treatments make of it, and the record and its chain after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cxrun import life
from cxrun.calls import LiveCall
from cxrun.crew import Crew
from cxrun.elements import (
    AssignToGroup,
    Call,
    DialAgain,
    DialNext,
    Finish,
    MarkAgentError,
    Reschedule,
    Suppress,
    UpdateChain,
)
from cxrun.events import AttemptSettled
from cxrun.model import CallResult, Reason, Rule
from cxrun.pipeline import Broken, Settlement
from cxrun.work import Work

_REASONS: Final = 10_000
"""Reasons that are remembered before they are forgotten."""
_EVENTS: Final[Mapping[type, str]] = {
    DialAgain: "dial_again",
    DialNext: "dial_next",
    Finish: "finish",
    Suppress: "suppress",
    UpdateChain: "update_chain",
    Reschedule: "reschedule",
    AssignToGroup: "assign_to_group",
    MarkAgentError: "agent_error",
}


class Settling:
    """Settles the calls of a run."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._ledger = work.ledger
        self._tally = work.tally
        self._seed = work.options.seed
        self._reasons: dict[tuple[bool, CallResult, str, Rule | None], Reason] = {}

    def settle(self, crew: Crew, call: LiveCall, at: float) -> None:
        """The call is over: what becomes of the record and of its chain."""
        record = life.with_result(call.record, call.result.code, call.agent_id)
        feed = crew.feeds[record.list_id]
        sleeping = feed.sleeping(record)
        judged = Call(
            # what is told late must not be scheduled behind the point the queue has been read to
            at if at > self._work.synced else self._work.synced,
            record,
            call.result,
            call.disposition,
            call.agent_id,
            (record, *sleeping) if sleeping else (record,),
            seed=self._seed,
            devices=crew.pipeline.devices,
        )
        settlement = crew.pipeline.settle(judged)
        result = judged.result
        if isinstance(settlement, Broken):
            event, text = "error", f"plugin error: {settlement.message}"
            reason = Reason("error", text, settlement.rule)
            change = life.broken(record)
            self._tally.errors += 1
        elif call.callback is not None and not isinstance(settlement.action, Suppress):
            event, text = "callback_promised", "callback promised"
            owner = call.agent_id if crew.callbacks.personal else None
            change = life.promised(judged.record, call.callback, judged.now, owner)
            reason = Reason("waiting", f"{result.word}: {text}")
            self._tally.promised += 1
        elif call.hung_up and settlement.rule is None:
            event, text = "hung_up", call.hung_up
            change = life.released(judged.record, judged.now)
            reason = Reason("waiting", f"{result.word}: {text}")
        else:
            event, text = _EVENTS[type(settlement.action)], settlement.action.reason
            change = life.settled(judged, settlement)
            if change.suppressions:
                kept = [
                    entry.kept(self._work.retention.get(entry.list_name), at) for entry in change.suppressions
                ]
                change = change._replace(suppressions=tuple(kept))
            reason = self._reason(bool(change.waiting), result, text, settlement.rule)
        if call.hung_up and event != "hung_up":
            text = f"{call.hung_up}; {text}"
            reason = reason._replace(text=f"{result.word}: {text}")
        crew.dialing.discard(record.record_id)
        self._ledger.settle(call, sleeping, change, reason, at, event, result)
        if isinstance(settlement, Settlement) and settlement.effects:
            told = {
                "at": round(at, 3), "group": crew.group.name, "list": feed.name, "result": result.word,
                "disposition": call.disposition, "agent_id": call.agent_id, "action": event, "reason": text,
            }  # fmt: skip
            self._work.effects.intend(settlement.effects, judged.record, at, told)
        feed.forget_chain(record)
        if change.suppressions:
            self._work.facts.suppressed(change.suppressions)
        self._known(call, result, at)
        self._work.hung_up(record.phone)
        if call.detected == CallResult.ANSWER and result in (CallResult.ABANDONED, CallResult.DROPPED):
            self._tally.abandoned += 1
        self._tally.results[result.word] += 1
        self._tally.per_list[feed.name][result.word] += 1
        if call.resumed:
            self._tally.leftovers[result.word] += 1
        self._tally.report.ended(feed.name, result, call, at, without_agents=crew.engine.pool is None)
        if self._work.observers.wants("attempt_settled"):
            self._work.observers.keep(
                AttemptSettled(
                    self._ledger.run_id, at, crew.group.name, judged.record, result, call.disposition, call.agent_id,
                    event, text,
                )
            )  # fmt: skip

    def _reason(self, waits: bool, result: CallResult, text: str, rule: Rule | None) -> Reason:
        """Why a record is as its settled call left it; there are few, each said of many records."""
        key = (waits, result, text, rule)
        reason = self._reasons.get(key)
        if reason is None:
            if len(self._reasons) >= _REASONS:
                self._reasons.clear()
            reason = Reason("waiting" if waits else "closed", f"{result.word}: {text}", rule)
            self._reasons[key] = reason
        return reason

    def _known(self, call: LiveCall, result: CallResult, at: float) -> None:
        """The result of the attempt is known; the caps are told."""
        past = call.past
        if past is None:
            past = call.past = self._work.facts.dialed(call.record, call.placed)
        past.call_result = result.code
        past.disposition = call.disposition
        past.ended = call.ended or at
        if call.stored:
            # it may have been read back from the store in the meantime, without its result
            self._work.facts.note(call.record, past)
