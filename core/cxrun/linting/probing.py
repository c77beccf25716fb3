"""Asking the rules themselves: what a sequence does with results that repeat, when a filter lets somebody through.

Rules are tried on a record that nobody has, through the pipeline of a run, so that elements of any plugin are
understood by what they do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxrun.elements import Action, Call, Defer, DialAgain, DialNext, Exclude, Filter, Moment
from cxrun.model import (
    COUNTED_RESULTS,
    CallResult,
    DeviceType,
    Record,
    RecordStatus,
    RecordType,
    Rule,
)
from cxrun.pipeline import USED_UP, Broken, Pipeline
from cxrun.ruleset import OTHER, Ruleset, Step, TreatmentRule

if TYPE_CHECKING:
    from cxrun.campaign import Group

BEGIN: Final = 1772463600.0
"""Monday, 2 March 2026, 15:00 UTC: 10:00 in New York."""
_MOST_DIALS: Final = 60
_DAYS: Final = 14
_JUMPS: Final = 1000


def sample(**values: Any) -> Record:
    """A record of nobody, with some values of its own."""
    usual: dict[str, Any] = {
        "record_id": 1, "list_id": 1, "chain_id": 1, "chain_n": 1, "chain_size": 1, "contact_info": "+12125550123",
        "phone": "+12125550123", "contact_info_type": int(DeviceType.HOME), "tz": "America/New_York",
        "tz_source": "number", "country": "US", "area_code": "212", "daily_from": 28800, "daily_till": 64800,
        "record_type": int(RecordType.GENERAL), "record_status": int(RecordStatus.RETRIEVED),
        "call_result": int(CallResult.UNKNOWN), "attempt": 0, "dial_sched_time": 0, "call_time": 0, "treatments": "",
        "agent_id": None, "due": 0, "priority": 4, "client_id": "C1", "first_name": None, "last_name": None,
        "company": None,
    }  # fmt: skip
    return Record(**{**usual, **values})


class Dial(NamedTuple):
    """A dial that a sequence asks for: when (seconds after the first), and the element that asks for it."""

    after: float
    rule: Rule | None


class Course(NamedTuple):
    """What a treatment rule does when every call has the same result: its dials, then how it ends."""

    result: CallResult
    dials: Sequence[Dial]
    end: Action | None
    used: frozenset[Rule]


def answers(group: Group, rule: TreatmentRule) -> list[CallResult]:
    """The results that a rule answers; of `other` those that count as attempts and no rule names."""
    found = {CallResult(code) for code in rule.on}
    if rule.other:
        named = {code for ruleset in group.rulesets for each in ruleset.treatments for code in each.on}
        found |= {result for result in COUNTED_RESULTS if result not in named}
    return sorted(found - {CallResult.AGENT_CALLBACK_ERROR})


def course(ruleset: Ruleset, rule: TreatmentRule, result: CallResult | None) -> Course:
    """Play a rule alone on a record that is alone in its chain; steps with a condition are left out.

    With no result it is a disposition of the rule that repeats.
    """
    alone = replace(rule, when=None, steps=tuple(step for step in rule.steps if step.when is None))
    said = CallResult.ANSWER if result is None else result
    if not alone.steps:
        return Course(said, (Dial(0.0, None),), None, frozenset())
    pipeline = Pipeline([replace(ruleset, filters=(), results=(), treatments=(alone,))])
    disposition = None if result is not None else min(rule.dispositions)
    dials, now, treatments = [Dial(0.0, None)], BEGIN, ""
    used: set[Rule] = set()
    for attempt in range(1, _MOST_DIALS):
        record = sample(attempt=attempt, call_time=int(now), call_result=int(said), treatments=treatments)
        settled = pipeline.settle(Call(now, record, said, disposition, chain=(record,)))
        if isinstance(settled, Broken):
            return Course(said, dials, None, frozenset(used))
        if settled.rule is not None:
            used.add(settled.rule)
        if not isinstance(settled.action, DialAgain):
            return Course(said, dials, settled.action, frozenset(used))
        dials.append(Dial(settled.action.at - BEGIN, settled.rule))
        now, treatments = max(now, settled.action.at), settled.treatments
    return Course(said, dials, None, frozenset(used))


def consequence(pipeline: Pipeline, result: CallResult, **values: Any) -> Action | None:
    """What follows a first call with a result; None if an element raised."""
    record = sample(attempt=1, call_time=int(BEGIN), call_result=int(result), **values)
    settled = pipeline.settle(Call(BEGIN, record, result, chain=(record,)))
    return None if isinstance(settled, Broken) else settled.action


def always_answers(ruleset: Ruleset, rule: TreatmentRule, step: Step) -> bool:
    """Whether a step answers every call it is asked about, so that none after it is ever asked."""
    if step.when is not None:
        return False
    alone = replace(rule, when=None, steps=(step,))
    pipeline = Pipeline([replace(ruleset, filters=(), results=(), treatments=(alone,))])
    result = CallResult(min(rule.on)) if rule.on else CallResult.NO_ANSWER
    disposition = min(rule.dispositions, default=None)
    for kind in (RecordType.GENERAL, RecordType.PERSONAL_CALLBACK, RecordType.CAMPAIGN_CALLBACK):
        for size in (1, 2):
            treatments = ""
            for attempt in range(1, _MOST_DIALS):
                record = sample(
                    attempt=attempt, call_time=int(BEGIN), call_result=int(result), treatments=treatments,
                    record_type=int(kind), chain_size=size,
                )  # fmt: skip
                settled = pipeline.settle(Call(BEGIN, record, result, disposition, chain=(record,)))
                if isinstance(settled, Broken) or settled.action is USED_UP:
                    return False
                if settled.effects or settled.rule is None:
                    return False
                if not isinstance(settled.action, DialAgain | DialNext):
                    break
                treatments = settled.treatments
    return True


def openings(
    filters: Sequence[Step], record: Record, ring_time: float, begin: float
) -> Iterator[tuple[float | None, str]]:
    """The moments at which filters that go by the clock let a record through, about one in each opening.

    If there is none within a fortnight it is None, and why.
    """
    now, why, found = begin, "nothing opens", False
    for _ in range(_JUMPS):
        if now >= begin + _DAYS * 86400:
            break
        until = now
        for step in filters:
            if step.when is not None and not step.when.holds(record):
                continue
            assert isinstance(step.element, Filter)
            verdict = step.element.check(Moment(now, record, (record,), ring_time=ring_time))
            if isinstance(verdict, Exclude):
                if not found:
                    yield None, verdict.reason
                return
            if isinstance(verdict, Defer) and verdict.until > until:
                until, why = verdict.until, verdict.reason
        if until == now:
            found = True
            yield now, ""
            until = now + 1800
        now = until
    if not found:
        yield None, why


def clocked(group: Group) -> list[tuple[Ruleset, Step]]:
    """The filters of a group that go by the clock."""
    return [
        (ruleset, step)
        for ruleset in group.rulesets
        for step in ruleset.filters
        if isinstance(step.element, Filter) and step.element.by_clock
    ]


def named_answers(rule: TreatmentRule) -> list[int | str]:
    """Whatever a rule answers: results, dispositions and `other`."""
    return [*sorted(rule.on), *sorted(rule.dispositions), *([OTHER] if rule.other else ())]
