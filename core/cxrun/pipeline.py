"""The pure decisions: may this record be dialed now, where does an answered call go, what follows a call.

A pipeline is compiled once per campaign group into plain calls. It knows no store and no clock: the same
arguments give the same decision in a run, a dry run and an explanation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from cxrun.chain import DeviceOrder, in_order, remaining, waiting
from cxrun.conditions import compile_first
from cxrun.elements import (
    PASS,
    Action,
    AssignToGroup,
    Call,
    Conclude,
    Defer,
    Deliver,
    DialAgain,
    DialNext,
    Drop,
    Effect,
    Exclude,
    Filter,
    Finish,
    Handling,
    MarkAgentError,
    Moment,
    Pass,
    Reschedule,
    ResultHandler,
    Suppress,
    Treatment,
    UpdateChain,
    Verdict,
)
from cxrun.errors import Mark
from cxrun.history import ANEW, MOVED_ON, TECHNICAL, History
from cxrun.model import (
    CALLBACKS,
    NEVER,
    PERSONAL,
    RESULT_GROUPS,
    CallResult,
    DeviceType,
    Record,
    Rule,
    word_of,
)
from cxrun.ruleset import Ruleset, Step, TreatmentRule


class GiveWay(NamedTuple):
    """Another record of the chain comes first, by the order of devices."""

    heir: Record
    reason: str


class Decision(NamedTuple):
    """May this record be dialed now, and which rule said so (None if none objected)."""

    verdict: Verdict | GiveWay
    rule: Rule | None

    @property
    def broken(self) -> bool:
        """Whether the rule raised, and the record is excluded for that."""
        return self.rule is not None and self.rule.kind == "error"


class Devices(NamedTuple):
    """The kinds of device a group dials, in their order, and where that is said."""

    order: DeviceOrder
    rule: Rule


class Intent(NamedTuple):
    """An effect that a step of a sequence (`ruleset/rule.step`) wants to have once the attempt is committed."""

    step: str
    rule: Rule
    element: Treatment
    parameters: Any
    reason: str


class Settlement(NamedTuple):
    """What follows a call: the result to write, the action, the rule, the chain's history after it, effects."""

    result: CallResult
    action: Action
    rule: Rule | None
    treatments: str
    effects: tuple[Intent, ...] = ()


class Broken(NamedTuple):
    """An element raised; the record is set aside and the plugin is named."""

    rule: Rule
    message: str


_NOT_CONCERNED: Final = "-"
_DIALABLE: Final = Decision(PASS, None)
_DROP: Final = Drop("no result handler wants the call")
_DELIVER: Final = Deliver("a live person is always delivered")
_UNTREATED: Final = Finish("no treatment for this result")
USED_UP: Final = Finish("treatments used up")
_DESTINATIONS: Final = (Deliver, Drop)
_CONCLUSIONS: Final = (Conclude,)
_TECHNICAL: Final = RESULT_GROUPS["technical"]
_TIMED: Final = (DialAgain, DialNext, Reschedule, AssignToGroup)
_FINAL: Final = (Finish, Suppress, UpdateChain, MarkAgentError)
_FOR_RULES_THAT_NAME_IT: Final = frozenset({CallResult.UNKNOWN, CallResult.AGENT_CALLBACK_ERROR})
"""What `other` does not answer: a lost call, and a promise whose agent is absent."""

Check = Callable[[Moment], Verdict | GiveWay]


class Asked:
    """A filter as a group asks it; `step` is that of its ruleset, None for the order of devices."""

    def __init__(self, check: Check, rule: Rule, step: Step | None) -> None:
        self.check = check
        self.rule = rule
        self.step = step
        self.element = step.element if step is not None and isinstance(step.element, Filter) else None

    def concerns(self, record: Record) -> bool:
        """Whether its `when` is true of the record."""
        return self.step is None or self.step.when is None or self.step.when.holds(record)

    def alike(self, moment: Moment) -> Hashable | None:
        """A value that is the same for records of which it says the same at any one moment; None for no such."""
        element, step = self.element, self.step
        if element is None or step is None:
            verdict = self.check(moment)
            return None if isinstance(verdict, GiveWay) else verdict.reason
        try:
            if step.when is not None and not step.when.holds(moment.record):
                return _NOT_CONCERNED
            return element.alike(moment)
        except Exception:
            return None

    def passes_until(self, moment: Moment) -> float:
        """Until when a record it lets pass goes on passing, if nothing else happens."""
        if self.element is None or not self.concerns(moment.record):
            return math.inf
        try:
            return self.element.passes_until(moment)
        except Exception:
            return moment.now

    def ask(self, moment: Moment) -> Decision:
        """What it says by itself; one that raises fails closed, as in a decision."""
        try:
            verdict = self.check(moment)
            return Decision(PASS if _passes(verdict) else verdict, self.rule)
        except Exception as error:
            return Decision(Exclude(f"plugin error: {_described(error)}"), self.rule._replace(kind="error"))


class Pipeline:
    """The rulesets of one campaign group, compiled; `devices` is the order of devices, if it has one."""

    def __init__(self, rulesets: Sequence[Ruleset], devices: Devices | None = None) -> None:
        self.devices = devices.order if devices else None
        self._filters: list[tuple[Check, Rule]] = (
            [(_by_device(devices.order), devices.rule)] if devices else []
        )
        self._filters += [
            (_guarded(step), rule_of(step, "filter", ruleset.name))
            for ruleset in rulesets
            for step in ruleset.filters
        ]
        self.filters = tuple(
            Asked(check, rule, step)
            for (check, rule), step in zip(
                self._filters,
                [*([None] if devices else []), *(step for ruleset in rulesets for step in ruleset.filters)],
                strict=True,
            )
        )
        self._alike = [
            asked.element.alike if asked.element and asked.step and asked.step.when is None else asked.alike
            for asked in self.filters
        ]
        self._handlers = [
            (step.when, step.element.handle, rule_of(step, "result handler", ruleset.name))
            for ruleset in rulesets
            for step in ruleset.results
            if isinstance(step.element, ResultHandler)
        ]
        self._sequences = [
            _Sequence(f"{ruleset.name}/{number}", rule, ruleset)
            for ruleset in rulesets
            for number, rule in enumerate(ruleset.treatments, 1)
        ]
        self._fitting: dict[
            tuple[CallResult, str | None], tuple[list[_Sequence], Callable[[Record], int]]
        ] = {}
        filters = [step.element for r in rulesets for step in r.filters if isinstance(step.element, Filter)]
        self.window = max((element.window for element in filters), default=0.0)
        self.attempt_fields = {element.attempt_field for element in filters if element.attempt_field}

    def decide(self, moment: Moment) -> Decision:
        """Ask the filters in order; the first that does not pass decides. One that raises fails closed."""
        for check, rule in self._filters:
            try:
                verdict = check(moment)
                if verdict is not PASS and not _passes(verdict):
                    return Decision(verdict, rule)
            except Exception as error:
                return Decision(Exclude(f"plugin error: {_described(error)}"), rule._replace(kind="error"))
        return _DIALABLE

    def verdicts(self, moment: Moment) -> list[Decision]:
        """What every filter says, in order, whether or not one before it objected."""
        return [asked.ask(moment) for asked in self.filters]

    def alike(self, moment: Moment) -> tuple[Hashable | None, ...]:
        """Of each filter a value that is the same for records of which it says the same at any one moment.

        None for a filter that has to be asked about this record by itself.
        """
        try:
            return tuple([alike(moment) for alike in self._alike])
        except Exception:
            # what raises here raises in its check too, or says there what it has to say
            return tuple([asked.alike(moment) for asked in self.filters])

    def deliver(self, call: Call) -> tuple[Deliver | Drop, Rule | Broken | None]:
        """Where an answered call goes. Unless a handler speaks, a live person is delivered, all else dropped."""
        origin: Rule | Broken | None = None
        try:
            answer, origin = self._handled(call, _DESTINATIONS)
            if isinstance(answer, _DESTINATIONS):
                return answer, origin
        except _ElementRaised as raised:
            origin = Broken(raised.rule, raised.message)
        return (_DELIVER if call.result == CallResult.ANSWER else _DROP), origin

    def settle(self, call: Call) -> Settlement | Broken:
        """What follows a call that is over: handlers may name the result, then its treatments are tried."""
        try:
            concluded, _ = self._handled(call, _CONCLUSIONS)
            if isinstance(concluded, Conclude):
                call.result = concluded.result
                call.record = call.record._replace(call_result=int(concluded.result))
            sequences, choose = self._candidates(call)
            chosen = choose(call.record)
        except _ElementRaised as raised:
            return Broken(raised.rule, raised.message)
        if chosen < 0:
            return Settlement(call.result, _UNTREATED, None, call.record.treatments)
        return sequences[chosen].settle(call)

    def _handled(self, call: Call, wanted: tuple[type, ...]) -> tuple[Handling | None, Rule | None]:
        for when, handle, rule in self._handlers:
            if when and not when.holds(call.record):
                continue
            try:
                answer = handle(call)
            except Exception as error:
                raise _ElementRaised(rule, _described(error)) from error
            if isinstance(answer, wanted):
                return answer, rule
        return None, None

    def _candidates(self, call: Call) -> tuple[list[_Sequence], Callable[[Record], int]]:
        """The sequences for a result and disposition, and a compiled function that chooses the first that holds."""
        key = (call.result, call.disposition)
        if key not in self._fitting:
            named = [sequence for sequence in self._sequences if sequence.answers(*key)]
            rest = call.result not in _FOR_RULES_THAT_NAME_IT
            other = [sequence for sequence in self._sequences if sequence.rule.other and rest]
            fitting = named + [sequence for sequence in other if sequence not in named]
            self._fitting[key] = (fitting, compile_first([sequence.rule.when for sequence in fitting]))
        return self._fitting[key]


class _ElementRaised(Exception):
    def __init__(self, rule: Rule, message: str) -> None:
        self.rule = rule
        self.message = message


class _Sequence:
    """One treatment rule: its steps in order, each counted in the chain's history."""

    def __init__(self, key: str, rule: TreatmentRule, ruleset: Ruleset) -> None:
        self.key = key
        self.rule = rule
        self.steps = [
            (f"{key}.{number}", step, step.when, step.element, rule_of(step, "treatment", ruleset.name))
            for number, step in enumerate(rule.steps, 1)
            if isinstance(step.element, Treatment)
        ]

    def answers(self, result: int, disposition: str | None) -> bool:
        return result in self.rule.on or (disposition is not None and disposition in self.rule.dispositions)

    def settle(self, call: Call) -> Settlement | Broken:
        by_disposition = call.disposition is not None and call.disposition in self.rule.dispositions
        technical = call.result in _TECHNICAL
        history = History.read(call.record.treatments)
        sequence = history.sequence(by_disposition=by_disposition, technical=technical)
        effects: tuple[Intent, ...] = ()
        for number, step, when, element, rule in self.steps:
            key = number + TECHNICAL if technical else number
            call.applied = history.applied(key, sequence)
            call.passes = history.passes(key) if call.record.chain_size > 1 else 0
            try:
                if when and not when.holds(call.record):
                    continue
                action = element.apply(call)
            except Exception as error:
                return Broken(rule, _described(error))
            if action is None:
                continue
            if isinstance(action, Effect):
                effects += (Intent(number, rule, element, step.parameters, action.reason),)
                continue
            if isinstance(action, _FINAL):
                return Settlement(call.result, action, rule, call.record.treatments, effects)
            if not (isinstance(action, _TIMED) and abs(action.at) < NEVER):
                return Broken(rule, f"{action!r} is no action")
            chain_n, move = call.record.chain_n, ""
            if isinstance(action, DialNext):
                target, anew = next_record(call, action)
                move = ANEW if anew else MOVED_ON
                chain_n = target.chain_n
            written = history.after(
                key, call.applied + 1, chain_n, sequence, by_disposition=by_disposition, move=move
            )
            return Settlement(call.result, action, rule, written, effects)
        return Settlement(call.result, USED_UP, self.steps[-1][4], call.record.treatments, effects)


def next_record(call: Call, action: DialNext) -> tuple[Record, bool]:
    """The record of the chain that `action` dials next, and whether a new pass begins with it."""
    if not action.new_pass and (left := call.remaining):
        return left[0], False
    members = [call.record, *waiting(call.record, call.chain, call.devices)]
    return (in_order(members, call.devices) or members)[0], True


def _by_device(order: DeviceOrder) -> Check:
    """The check of a group that says which kinds of device are dialed, and in which order."""

    def check(moment: Moment) -> Verdict | GiveWay:
        record = moment.record
        if record.contact_info_type not in order:
            return Exclude(f"devices of type {word_of(DeviceType, record.contact_info_type)} are not dialed")
        if (
            record.chain_size == 1
            or record.record_type in CALLBACKS | PERSONAL
            or not History.read(record.treatments).begins
        ):
            return PASS
        first = in_order((record, *remaining(record, moment.chain, order)), order)[0]
        if first.record_id == record.record_id:
            return PASS
        return GiveWay(first, f"{word_of(DeviceType, first.contact_info_type)} comes first")

    return check


def _passes(verdict: object) -> bool:
    """Whether a filter has no objection; None is "not mine, ask the next". Raises if it is no verdict."""
    if isinstance(verdict, Exclude | GiveWay) or (isinstance(verdict, Defer) and abs(verdict.until) < NEVER):
        return False
    if verdict is None or isinstance(verdict, Pass):
        return True
    raise TypeError(f"{verdict!r} is no verdict")


def _guarded(step: Step) -> Check:
    """The filter's check, behind its `when` if it has one."""
    element = step.element
    assert isinstance(element, Filter)
    check = element.check
    if step.when is None:
        return check
    holds = step.when.holds
    return lambda moment: check(moment) if holds(moment.record) else PASS


def rule_of(step: Step, kind: str, ruleset: str = "") -> Rule:
    """The rule that a step of a ruleset is, or an element of a profile."""
    mark: Mark = step.mark
    file = file_shown(mark.file) if ruleset else PurePath(mark.file).name
    return Rule(kind, step.name, ruleset, file, mark.line)


def file_shown(file: str) -> str:
    """Folder and file name of a ruleset: a journal must not depend on where the project lies."""
    return "/".join(PurePath(file).parts[-2:])


def _described(error: Exception) -> str:
    """The error, and where in the plugin it was raised."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or traceback.tb_frame.f_code.co_filename == __file__:
        return f"{type(error).__name__}: {error}"
    place = f"{PurePath(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"
    return f"{type(error).__name__}: {error} ({place})"
