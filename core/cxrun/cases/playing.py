"""Plays a case on the pipeline of a run: the same decisions, the same life of the record, no store and no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from cxrun import life
from cxrun.cases.case import Case, CaseStep, Look, Past, Stated
from cxrun.cases.flow import flow
from cxrun.cases.when import written
from cxrun.elements import Call, Defer, Deliver, Drop, Exclude, Moment
from cxrun.model import (
    ASLEEP,
    CALLBACKS,
    PERSONAL,
    CallResult,
    PastAttempt,
    Record,
    RecordStatus,
    RecordType,
    Rule,
    Suppression,
    key_text,
    word_of,
)
from cxrun.pipeline import Broken, GiveWay, Pipeline
from cxrun.settings import DEFAULTS
from cxrun.times import seconds
from cxrun.yamlfile import Path

_ANSWERED: Final = frozenset(
    (CallResult.ANSWER, CallResult.ANSWERING_MACHINE, CallResult.FAX_DETECTED, CallResult.SILENCE)
)
"""Results of calls that somebody or something answers, so that they are delivered or dropped."""
_OPEN: Final = (RecordStatus.READY, RecordStatus.CHAIN_READY)
_RING_TIME: Final = seconds(DEFAULTS["ring_time"])
_PATIENCE: Final = 50
"""How many steps in a row may be written into a timeline between two that are there."""


class Outcome(NamedTuple):
    """What was decided. `kind` as in `Stated`, or error; `at` in Unix UTC seconds, None for at once.

    `callback` is the record type of a callback.
    """

    kind: str
    reason: str
    rule: Rule | None
    number: int | None = None
    at: float | None = None
    suppressed: tuple[Suppression, ...] = ()
    callback: str | None = None


class Failure(NamedTuple):
    """Where a case and the ruleset part ways, and how; `broken` if an element raised."""

    path: Path
    message: str
    broken: bool = False


@dataclass
class Played:
    """A case that was played; `mended` is what its expectations would be to hold, by their keys.

    `expect` is an outcome as YAML data, `moments` maps times to outcomes, `timeline` is a list of steps, each
    with the index of the step it replaces, or None if it is new.
    """

    case: Case
    failures: list[Failure] = field(default_factory=list)
    mended: dict[str, Any] = field(default_factory=dict)


def play(case: Case, pipeline: Pipeline, *, mend: bool = False) -> Played:
    """Play a case. Without `mend` a timeline ends at the first step that fails."""
    played = Played(case)
    if case.steps:
        played.mended["timeline"] = list(_Timeline(case, pipeline, played.failures, mend).steps())
        return played
    moments = {}
    for look in case.looks:
        outcome = _looked_at(case, pipeline, look)
        _compare(played.failures, look.path, look.stated, outcome, look.at, case.zone, _named(case))
        moments[look.path[-1]] = _as_data(outcome, look.at, case.zone, look.stated)
    if len(case.looks) == 1 and case.looks[0].path[-1] == "expect":
        played.mended["expect"] = moments["expect"]
    else:
        played.mended["moments"] = moments
    return played


def _named(case: Case) -> bool:
    """Whether it takes a number to say which record is meant."""
    return len(case.chain) > 1


def _looked_at(case: Case, pipeline: Pipeline, look: Look) -> Outcome:
    chain = _Chain(case, pipeline)
    if chain.next() is None:
        return Outcome("error", "no number of the chain is ready", None)
    return chain.decide(look.at)[1]


class _Chain:
    """The chain as it stands, and what is known of its client and numbers."""

    def __init__(self, case: Case, pipeline: Pipeline) -> None:
        self.case = case
        self.pipeline = pipeline
        self.records = {record.chain_n: record for record in case.chain if record.record_status in _OPEN}
        self.past = list(case.past)
        self.suppressions = list(case.suppressions)

    def next(self) -> Record | None:
        """The record that is due next."""
        waiting = [record for record in self.records.values() if record.priority != ASLEEP]
        return min(waiting, key=lambda record: (record.priority, record.due, record.record_id), default=None)

    def others(self, record: Record) -> list[Record]:
        return [other for n, other in self.records.items() if n != record.chain_n]

    def change(self, change: life.Change) -> None:
        for record in change.waiting:
            self.records[record.chain_n] = record
        for record in change.closed:
            self.records.pop(record.chain_n, None)
        self.suppressions += change.suppressions

    def decide(self, now: float) -> tuple[Record, Outcome]:
        """What the rules say of the record that is due, or of another that by its device comes before it."""
        record = self.next()
        assert record is not None
        decision = self.pipeline.decide(self._moment(record, now))
        verdict, rule = decision.verdict, decision.rule
        if isinstance(verdict, GiveWay):
            self.change(life.gave_way(record, verdict, now))
            return self.decide(now)
        if isinstance(verdict, Defer):
            return record, Outcome("defer", verdict.reason, rule, record.chain_n, verdict.until)
        if isinstance(verdict, Exclude):
            kind = "error" if decision.broken else "exclude"
            return record, Outcome(kind, verdict.reason, rule, record.chain_n)
        return record, Outcome("dial", "", None, record.chain_n)

    def _moment(self, record: Record, now: float) -> Moment:
        """What the filters are told: as in a run, attempts and entries of this client or number."""
        attempts = [
            past for past, _ in self.past if past.client == record.client or past.phone == record.phone
        ]
        entries = [
            entry
            for entry in self.suppressions
            if entry.key == (record.phone if entry.kind == "device" else record.client)
        ]
        imported, ring_time = self.case.imported, self.case.ring_time
        return Moment(
            now,
            record,
            (record, *self.others(record)),
            attempts,
            entries,
            {name: self._alike(name, key) for name, key in self._keys(record)},
            _RING_TIME if ring_time is None else ring_time,
            () if imported is None else ((0, imported),),
        )

    def _keys(self, record: Record) -> Iterator[tuple[str, str]]:
        """The own fields that attempts are counted by, and the record's values of them."""
        for name in self.pipeline.attempt_fields:
            key = key_text(record.fields.get(name))
            if key is not None:
                yield name, key

    def _alike(self, name: str, key: str) -> list[PastAttempt]:
        """The attempts on records with this value of an own field."""
        return [past for past, fields in self.past if key_text(fields.get(name)) == key]


class _Timeline:
    """Plays the steps of a case, one following from the other."""

    def __init__(self, case: Case, pipeline: Pipeline, failures: list[Failure], mend: bool) -> None:
        self.case = case
        self.pipeline = pipeline
        self.failures = failures
        self.mend = mend
        self.chain = _Chain(case, pipeline)
        self.clock = case.start
        self.over = "no number of the chain is ready"

    def steps(self) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
        """Play all; yields each step as it would have to be, with its index in the file."""
        for index, step in enumerate(self.case.steps):
            before = len(self.failures)
            last = index == len(self.case.steps) - 1
            yield from self._step(index, step, last)
            if len(self.failures) > before and not self.mend:
                return

    def _fail(self, path: Path, message: str) -> None:
        self.failures.append(Failure(path, message))

    def _step(self, index: int, step: CaseStep, last: bool) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
        for _ in range(_PATIENCE):
            record = self.chain.next()
            if record is None:
                self._fail(step.path, f"nothing is left to dial: {self.over}")
                return
            wrong = len(self.failures)
            began, now = self._time(step, record)
            record, outcome = self.chain.decide(now)
            stated = step.stated
            _compare(self.failures, step.path, stated, outcome, now, self.case.zone, True)
            fresh: dict[str, Any] = {"at": began} if began else {}
            if outcome.kind != "dial":
                self._object(record, outcome, now)
                fresh |= _as_mapping(_as_data(outcome, now, self.case.zone, stated))
                if step.result is None and (stated is None or stated.kind != "dial"):
                    yield index, (step.given if len(self.failures) == wrong else fresh)
                    return
                # an objection the case knows nothing of: it goes before the step that dials
                yield None, fresh
                if not self.mend:
                    return
                continue
            if step.result is None and stated is not None and stated.kind != "dial" and not last:
                return
            fresh["dial"] = record.chain_n
            if step.result is not None:
                fresh |= self._call(record, step, now)
            yield index, (step.given if len(self.failures) == wrong else fresh)
            return

    def _time(self, step: CaseStep, record: Record) -> tuple[str, float]:
        """When the dialer comes to it, and how that is written if the case says so."""
        due = max(self.clock, float(record.due))
        if step.at is None:
            return "", due
        try:
            at = step.at.at(self.clock, self.case.zone)
        except ValueError as error:
            self._fail((*step.path, "at"), str(error))
            return "", due
        if at < due:
            if step.at.means(due, self.clock, self.case.zone):
                return step.at.text, due
            told = written(due, self.clock, self.case.zone)
            self._fail((*step.path, "at"), f"number {record.chain_n} is not due before {told}")
            return told, due
        return step.at.text, at

    def _object(self, record: Record, outcome: Outcome, now: float) -> None:
        """The rules object; the record waits, or sleeps and the next of its chain takes its place.

        So it does where a filter raised.
        """
        self.clock = now
        if outcome.kind == "defer":
            assert outcome.at is not None
            verdict = Defer(outcome.at, outcome.reason)
            self.chain.change(life.Change(waiting=(life.deferred(record, verdict, now),)))
            return
        self.over = f"{outcome.reason} ({outcome.rule})"
        others = self.chain.others(record)
        excluded = life.excluded(record, others, Exclude(outcome.reason), now, self.pipeline.devices)
        self.chain.change(excluded)

    def _call(self, record: Record, step: CaseStep, now: float) -> dict[str, Any]:
        """The call is made and is over; returns what the step would have to say of it."""
        assert step.result is not None
        fresh: dict[str, Any] = {
            key: step.given[key] for key in ("result", "disposition") if key in step.given
        }
        dialed = life.attempted(record, now)
        ended = now + step.lasts
        agent_id = self._deliver(dialed, step, ended, fresh)
        if "lasts" in step.given:
            fresh["lasts"] = step.given["lasts"]
        answered = life.with_result(dialed, int(step.result), agent_id)
        others = self.chain.others(record)
        call = Call(
            ended, answered, step.result, step.disposition, agent_id, (answered, *others),
            devices=self.pipeline.devices,
        )  # fmt: skip
        settlement = self.pipeline.settle(call)
        if isinstance(settlement, Broken):
            change = life.broken(answered)
            outcome = Outcome("error", f"plugin error: {settlement.message}", settlement.rule)
        else:
            change = life.settled(call, settlement)
            outcome = _followed(call, change, settlement.action.reason, settlement.rule)
            self._send(step, [effect.rule.name for effect in settlement.effects], fresh)
        self._conclude(step, call.result, fresh)
        attempt = PastAttempt(
            now, int(call.result), step.disposition, dialed.client, dialed.phone, dialed.record_id, dialed.attempt,
            ended,
        )  # fmt: skip
        self.chain.past.append(Past(attempt, dialed.fields))
        self.chain.change(change)
        self.clock = ended
        self.over = f"{call.result.word}: {outcome.reason}" + (f" ({outcome.rule})" if outcome.rule else "")
        path = (*step.path, "then")
        _compare(self.failures, path, step.then, outcome, ended, self.case.zone, True)
        fresh["then"] = _as_data(outcome, ended, self.case.zone, step.then)
        return fresh

    def _deliver(self, dialed: Record, step: CaseStep, ended: float, fresh: dict[str, Any]) -> str | None:
        """Where an answered call goes; the agent's id if it goes to one."""
        if step.result not in _ANSWERED:
            if step.to is not None:
                self._fail((*step.path, "to"), "the call is not answered, so it goes nowhere")
            return None
        call = Call(ended, life.with_result(dialed, int(step.result), None), step.result)
        handling, origin = self.pipeline.deliver(call)
        if isinstance(origin, Broken):
            self.failures.append(
                Failure(step.path, f"plugin error: {origin.message} ({origin.rule})", broken=True)
            )
        went = handling.destination if isinstance(handling, Deliver) else "drop"
        usual = "agent" if step.result == CallResult.ANSWER else "drop"
        if went != (step.to or usual):
            stated = f"stated {step.to}" if step.to else "not stated"
            because = f" ({origin})" if origin and not isinstance(origin, Broken) else ""
            self._fail(
                (*step.path, "to") if step.to else step.path,
                f"where the call goes: {stated}, but to: {went}; {handling.reason}{because}",
            )
        if isinstance(handling, Drop) and step.disposition is not None:
            self._fail(
                (*step.path, "disposition"), "the call is dropped, so no agent can give it a disposition"
            )
        if went != usual or step.to:
            fresh["to"] = went
        return "agent-1" if went == "agent" else None

    def _send(self, step: CaseStep, effects: list[str], fresh: dict[str, Any]) -> None:
        """What is done outside once the attempt is committed."""
        if effects != list(step.sends):
            said = f"stated sends: {flow(step.sends)}" if step.sends else "not stated"
            at = (*step.path, "sends") if step.sends else step.path
            self._fail(
                at, f"what is done outside: {said}, but sends: {flow(effects) if effects else 'nothing'}"
            )
        if effects:
            fresh["sends"] = effects if len(effects) > 1 else effects[0]

    def _conclude(self, step: CaseStep, result: CallResult, fresh: dict[str, Any]) -> None:
        """Which result is written."""
        wanted = step.becomes or step.result
        if result != wanted:
            said = f"stated becomes: {step.becomes.word}" if step.becomes else "not stated"
            at = (*step.path, "becomes") if step.becomes else step.path
            self._fail(at, f"which result is written: {said}, but becomes: {result.word}")
        if result != step.result or step.becomes:
            fresh["becomes"] = result.word


def _followed(call: Call, change: life.Change, reason: str, rule: Rule | None) -> Outcome:
    """What a call led to, read off what became of its chain."""
    ready = [record for record in change.waiting if record.priority != ASLEEP]
    if ready:
        heir = ready[0]
        at_once = heir.due <= int(call.now) + 1
        callback = word_of(RecordType, heir.record_type) if heir.record_type in CALLBACKS | PERSONAL else None
        return Outcome(
            "dial", reason, rule, heir.chain_n, None if at_once else float(heir.due), callback=callback
        )
    if change.suppressions:
        return Outcome("do_not_call", reason, rule, suppressed=change.suppressions)
    if change.whole_chain:
        return Outcome("update_chain", reason, rule)
    marked = any(record.record_status == RecordStatus.AGENT_ERROR for record in change.closed)
    return Outcome("agent_error" if marked else "finish", reason, rule)


def _agrees(stated: Stated, outcome: Outcome, base: float, zone: str) -> bool:
    """Whether what is stated is what was decided. Rule and reason are compared if they are stated."""
    if stated.kind != outcome.kind:
        return False
    if stated.number is not None and stated.number != outcome.number:
        return False
    if stated.callback != outcome.callback:
        return False
    if stated.rule is not None and (outcome.rule is None or stated.rule != outcome.rule.name):
        return False
    if stated.reason is not None and stated.reason != outcome.reason:
        return False
    if stated.kind == "do_not_call":
        return _same_entries(stated, outcome.suppressed, base, zone)
    if (stated.at is None) != (outcome.at is None):
        return False
    return stated.at is None or outcome.at is None or stated.at.means(outcome.at, base, zone)


def _same_entries(stated: Stated, entries: Sequence[Suppression], base: float, zone: str) -> bool:
    if stated.suppressed != {entry.kind for entry in entries}:
        return False
    if stated.list_name is not None and stated.list_name != entries[0].list_name:
        return False
    till = entries[0].valid_till
    if stated.till is None or till is None:
        return stated.till is None and till is None
    return stated.till.means(till, base, zone)


def _compare(
    failures: list[Failure],
    path: Path,
    stated: Stated | None,
    outcome: Outcome,
    base: float,
    zone: str,
    numbered: bool,
) -> None:
    """Add a failure unless what is stated is what was decided."""
    try:
        if stated is not None and _agrees(stated, outcome, base, zone):
            return
    except ValueError as error:
        failures.append(Failure(stated.path if stated else path, str(error)))
        return
    because = outcome.reason + (f" ({outcome.rule})" if outcome.rule else "")
    actual = flow(_as_data(outcome, base, zone, stated, numbered=numbered))
    at = written(base, base, zone)
    said = f"stated {_stated_shown(stated)}, but" if stated else "nothing is stated of"
    broken = outcome.kind == "error"
    message = because if broken else f"{said} {actual}" + (f"; {because}" if because else "")
    failures.append(Failure(stated.path if stated else path, f"{at}: {message}", broken))


def _stated_shown(stated: Stated) -> str:
    data: dict[str, Any] = {stated.kind: stated.number or stated.reason}
    if stated.kind == "defer":
        data = {"defer": stated.at.text if stated.at else None}
    elif stated.kind == "do_not_call":
        data = {"do_not_call": sorted(stated.suppressed, reverse=True)}
        if stated.list_name:
            data["list"] = stated.list_name
        if stated.till:
            data["till"] = stated.till.text
    elif stated.at:
        data["at"] = stated.at.text
    if stated.callback:
        data["as"] = stated.callback
    if stated.rule:
        data["rule"] = stated.rule
    if stated.kind in ("dial", "defer") and stated.reason:
        data["reason"] = stated.reason
    return flow(stated.kind if data == {stated.kind: None} else data)


def _as_data(
    outcome: Outcome, base: float, zone: str, stated: Stated | None, *, numbered: bool = False
) -> Any:
    """An outcome as a case would state it; the reason of a call put off only where the case names it."""
    rule = outcome.rule.name if outcome.rule else None
    exact = bool(stated and stated.at and stated.at.exact and stated.at.after is None)
    if outcome.kind == "dial":
        if outcome.rule is None and not numbered and not (stated and stated.number):
            return "dial"
        data: dict[str, Any] = {"dial": outcome.number}
        if outcome.at is not None:
            data["at"] = written(outcome.at, base, zone, exact=exact)
        if outcome.callback:
            data["as"] = outcome.callback
    elif outcome.kind == "defer":
        assert outcome.at is not None
        data = {"defer": written(outcome.at, base, zone, exact=exact)}
    elif outcome.kind == "do_not_call":
        kinds = [entry.kind for entry in outcome.suppressed]
        data = {
            "do_not_call": kinds if len(kinds) > 1 else kinds[0],
            "list": outcome.suppressed[0].list_name,
        }
        till = outcome.suppressed[0].valid_till
        if till is not None:
            data["till"] = written(till, base, zone)
    elif outcome.kind == outcome.reason.replace(" ", "_"):
        return outcome.kind
    else:
        data = {outcome.kind: outcome.reason}
    if rule:
        data["rule"] = rule
    elif data.keys() == {"finish"}:
        return "finish"
    if stated and stated.reason and outcome.kind in ("dial", "defer"):
        data["reason"] = outcome.reason
    return data


def _as_mapping(data: Any) -> dict[str, Any]:
    return {data: None} if isinstance(data, str) else data
