"""Caps on attempts: what slips past them, what they hold back, and what they never hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cxrun.elements import Cap, per_text
from cxrun.errors import Problem
from cxrun.linting.check import Scope, check
from cxrun.linting.probing import answers, course, sample
from cxrun.model import CALLBACKS, COUNTED_RESULTS, CallResult, RecordType
from cxrun.pipeline import rule_of
from cxrun.ruleset import Ruleset, Step, TreatmentRule
from cxrun.times import duration_text

if TYPE_CHECKING:
    from cxrun.campaign import Group


@check("CX201", "warning")
def no_cap(scope: Scope) -> Iterator[Problem]:
    """A group has no cap on attempts.

    Nothing but its treatments keeps a customer from being dialed over and over: an import of the list, a callback,
    a second group, and the count begins anew.

    Bad::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}

    Both::

        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        if not any(scope.caps(group)):
            message = "no filter caps the attempts; attach a ruleset that does, such as courtesy"
            yield scope.in_setting(group, "rulesets", message)


@check("CX202", "warning")
def alternates_slip_past(scope: Scope) -> Iterator[Problem]:
    """A customer's other numbers slip past the cap.

    Every cap of the group counts by the number, and the list has several numbers for a customer: with three numbers
    he is called three times as often as the cap says.

    Bad::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h, per: device}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h, per: client}

    Both::

        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        found = list(scope.caps(group))
        devices = max((len(scope.project.lists[name].settings.devices) for name in group.lists), default=1)
        if found and devices > 1 and all(cap.per in ("device", "client_and_device") for *_, cap in found):
            ruleset, step, _ = found[0]
            message = (
                f"counts by the number only, and a customer has up to {devices}: he may be called {devices} times "
                "as often; add a cap per client"
            )
            yield scope.in_step(group, ruleset, step, message)


@check("CX203", "error")
def callbacks_slip_past(scope: Scope) -> Iterator[Problem]:
    """Callbacks slip past every cap.

    The caps have a condition that is not true of records with a promised callback. A promise that is broken and made
    again is then dialed without any limit.

    Bad::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}
            when: {field: record_type, eq: general}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}

    Both::

        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        capped = list(scope.caps(group))
        for kind in sorted(CALLBACKS):
            if capped and not any(_concerns(step, kind) for _, step, _ in capped):
                ruleset, step, _ = capped[0]
                message = f"no cap counts for records of type {RecordType(kind).word}"
                yield scope.in_ruleset(group, ruleset, (*step.path, "when"), message)
                break


@check("CX204", "warning")
def retry_within_cap(scope: Scope) -> Iterator[Problem]:
    """A retry comes sooner than a cap lets it.

    The cap is asked before the dial and puts the record off until its window has moved on; what the rule says is not
    what happens. Give the sequence fewer attempts, longer intervals, or another number in between.

    Bad::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 30m, attempts: 3}]}

    Good::

        ruleset: retry
        treatments:
          - {on: busy, do: [redial: {interval: 30m, attempts: 2}]}
    """
    for group, ruleset, rule in scope.rules():
        for result, step, number, span, cap in _too_soon(group, ruleset, rule, scope):
            if cap.window is not None:
                message = (
                    f"dial {number} for {result.word} comes {duration_text(span)} after the first one it is counted "
                    f"with, but only {cap.at_most} are let through in {duration_text(cap.window)} per "
                    f"{per_text(cap.per)}"
                )
                yield scope.in_step(group, ruleset, step, message)
                break


@check("CX205", "warning")
def longer_than_cap(scope: Scope) -> Iterator[Problem]:
    """A sequence is longer than a cap without an end allows.

    The dials beyond it are never made: the record is excluded, and its chain stays open for nothing.

    Bad::

        ruleset: retry
        filters:
          - attempts: {at_most: 2}
        treatments:
          - {on: busy, do: [retry_in: {interval: 2d, attempts: 3}]}

    Good::

        ruleset: retry
        filters:
          - attempts: {at_most: 4}
        treatments:
          - {on: busy, do: [retry_in: {interval: 2d, attempts: 3}]}
    """
    for group, ruleset, rule in scope.rules():
        for result, step, number, _, cap in _too_soon(group, ruleset, rule, scope):
            if cap.window is None:
                message = (
                    f"dial {number} for {result.word} is never made: only {cap.at_most} are allowed for ever per "
                    f"{per_text(cap.per)}"
                )
                yield scope.in_step(group, ruleset, step, message)
                break


@check("CX206", "note")
def cap_never_binds(scope: Scope) -> Iterator[Problem]:
    """A cap can never be reached, for a stricter one is kept before.

    Another cap of the group lets no more attempts through in a longer time, counts the same results or more, and has
    no condition. Caps of rulesets that come with cxrun are not looked at, for you cannot change them.

    Bad::

        ruleset: retry
        filters:
          - attempts: {at_most: 5, within: 12h, per: client}

    Good::

        ruleset: retry
        filters:
          - attempts: {at_most: 5, within: 7d, per: client}
    """
    for group in scope.groups:
        found = list(scope.caps(group))
        for place, (ruleset, step, cap) in enumerate(found):
            if ruleset.packaged:
                continue
            for other_place, (_, other_step, other_cap) in enumerate(found):
                if other_place == place or other_step.when is not None:
                    continue
                alike = _stricter(cap, other_cap)
                if _stricter(other_cap, cap) and not (alike and other_place > place):
                    message = f"can never bind: {other_step} lets no more through"
                    yield scope.in_step(group, ruleset, step, message)
                    break


@check("CX216", "note")
def uncounted_result(scope: Scope) -> Iterator[Problem]:
    """Calls with some result slip past every cap.

    The caps of a group name the results that count, and leave out one that usually does. However often a call ends so,
    the cap is never reached.

    Bad::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h, results: [answer, answering_machine]}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h, results: [answer, answering_machine]}
          - attempts: {at_most: 10, within: 7d}

    Both::

        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        found = list(scope.caps(group))
        counted = {code for *_, cap in found for code in cap.results}
        left = sorted(COUNTED_RESULTS - counted)
        if found and left:
            named = ", ".join(result.word for result in left[:4]) + (", ..." if len(left) > 4 else "")
            yield scope.in_step(group, *found[0][:2], f"no cap counts calls that end with {named}")


def _concerns(step: Step, kind: int) -> bool:
    """Whether a cap has no condition on the type of a record, or one that is true of this type."""
    if step.when is None or "record_type" not in step.when.fields():
        return True
    return step.when.holds(sample(record_type=int(kind)))


def _stricter(cap: Cap, other: Cap) -> bool:
    """Whether whatever `other` stops is stopped by `cap`."""
    longer = cap.window is None or (other.window is not None and cap.window >= other.window)
    return cap.per == other.per and cap.at_most <= other.at_most and longer and cap.results >= other.results


def _too_soon(
    group: Group, ruleset: Ruleset, rule: TreatmentRule, scope: Scope
) -> Iterator[tuple[CallResult, Step, int, float, Cap]]:
    """The first dial of a sequence that each cap of the group holds back, if it always has the same result."""
    caps = [cap for _, step, cap in scope.caps(group) if step.when is None]
    steps = {rule_of(step, "treatment", ruleset.name): step for step in rule.steps}
    for result in answers(group, rule):
        counting = [cap for cap in caps if result in cap.results]
        if not counting or not steps:
            continue
        dials = course(ruleset, rule, result).dials
        for cap in counting:
            for number in range(cap.at_most, len(dials)):
                span = dials[number].after - dials[number - cap.at_most].after
                said = dials[number].rule
                if said is not None and (cap.window is None or span < cap.window):
                    yield result, steps[said], number + 1, span, cap
                    break
