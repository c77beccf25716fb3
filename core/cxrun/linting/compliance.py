"""Caps, hours, suppression and required rules: what slips past them, and what they cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from cxrun.elements import Cap, Filter, per_text
from cxrun.errors import Problem
from cxrun.linting.check import Scope, check
from cxrun.linting.probing import answers, clocked, course, openings, sample
from cxrun.model import CALLBACKS, COUNTED_RESULTS, CallResult, RecordType
from cxrun.pipeline import rule_of
from cxrun.ruleset import PACKAGED, Ruleset, Step, TreatmentRule, bundled
from cxrun.times import duration_text
from cxrun.yamlfile import load

if TYPE_CHECKING:
    from cxrun.campaign import Group

_REVIEW: Final = timedelta(days=366)
"""How long the figures of a compliance pack are taken on trust after their review."""


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
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        if not any(_caps(step) for _, step in scope.filters(group)):
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
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h, per: client}
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        found = [(ruleset, step, cap) for ruleset, step in scope.filters(group) for cap in _caps(step)]
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
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        capped = [(ruleset, step) for ruleset, step in scope.filters(group) if _caps(step)]
        for kind in sorted(CALLBACKS):
            if capped and not any(_concerns(step, kind) for _, step in capped):
                ruleset, step = capped[0]
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
    for group, ruleset, rule in _rules(scope):
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
    for group, ruleset, rule in _rules(scope):
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
        found = [(ruleset, step, cap) for ruleset, step in scope.filters(group) for cap in _caps(step)]
        for place, (ruleset, step, cap) in enumerate(found):
            if ruleset.document.file.startswith(PACKAGED):
                continue
            for other_place, (_, other_step, other_cap) in enumerate(found):
                if other_place == place or other_step.when is not None:
                    continue
                alike = _stricter(cap, other_cap)
                if _stricter(other_cap, cap) and not (alike and other_place > place):
                    message = f"can never bind: {other_step} lets no more through"
                    yield scope.in_step(group, ruleset, step, message)
                    break


@check("CX207", "error")
def required_replaced(scope: Scope) -> Iterator[Problem]:
    """A ruleset of the project takes the place of a required one that comes with cxrun, and is weaker.

    A file of the project with the same name wins. Without `required: true` a lower level can drop it, and a filter
    that is missing is asked no more. Give your ruleset a name of its own and attach both.

    Bad::

        ruleset: courtesy
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}

    Good::

        ruleset: our_courtesy
        filters:
          - suppression
          - calling_hours: {hours: "09:00-18:00"}
          - attempts: {at_most: 2, within: 24h}
    """
    files = bundled()
    for name, ruleset in scope.project.rulesets.items():
        if ruleset.document.file.startswith(PACKAGED) or name not in files:
            continue
        original = load(files[name]).data
        if not original.get("required"):
            continue
        own = {step.name for step in ruleset.filters}
        told = [
            word
            for item in original.get("filters", ())
            for word in ([item] if isinstance(item, str) else item)
        ]
        missing = [word for word in dict.fromkeys(told) if word != "when" and word not in own]
        if not ruleset.required or missing:
            lacks = "is not `required: true`" if not ruleset.required else f"has no {', '.join(missing)}"
            message = f"replaces the required ruleset '{name}' that comes with cxrun, and {lacks}"
            yield ruleset.document.problem(("ruleset",), message)


@check("CX208", "warning")
def required_not_everywhere(scope: Scope) -> Iterator[Problem]:
    """A required ruleset is not in force in every group.

    What is required is meant for all campaigns. Attach it to a profile that every group has.

    Bad::

        ruleset: house_rules
        required: true
        filters:
          - location: {allow: [US]}
        ---
        templates: {plain: {rulesets: [rest]}}
        dialing_profiles: {standard: {rulesets: [courtesy, rest]}}
        groups:
          all: {template: plain, rulesets: [house_rules, rest]}
          other: {template: plain, lists: [others]}

    Good::

        ruleset: house_rules
        required: true
        filters:
          - location: {allow: [US]}
        ---
        dialing_profiles: {standard: {rulesets: [courtesy, house_rules, rest]}}
        groups:
          other: {template: plain, lists: [others]}
    """
    for name, groups in scope.attached.items():
        ruleset = scope.project.rulesets[name]
        if not ruleset.required or not groups or ruleset.document.data.get("jurisdiction"):
            continue
        for group in scope.groups:
            if all(each.name != group.name for each in groups):
                message = f"required ruleset '{name}' is in force in group '{groups[0].name}' and not here"
                yield scope.in_campaign(("groups", group.name), message)


@check("CX209", "error")
def required_under_condition(scope: Scope) -> Iterator[Problem]:
    """A filter of a required ruleset has a condition.

    Nobody can drop the ruleset, and whoever edits the list can take a record out of its reach: by the field that the
    condition reads.

    Bad::

        ruleset: house_rules
        required: true
        filters:
          - location: {allow: [US]}
            when: {field: record_type, eq: general}

    Good::

        ruleset: house_rules
        required: true
        filters:
          - location: {allow: [US]}
    """
    for group in scope.groups:
        for ruleset in group.rulesets:
            for step in ruleset.filters if ruleset.required else ():
                if step.when is not None:
                    message = f"is asked only when {step.when}, and the ruleset is required"
                    yield scope.in_ruleset(group, ruleset, (*step.path, "when"), message)


@check("CX210", "warning")
def no_hours(scope: Scope) -> Iterator[Problem]:
    """Nothing keeps a group to decent hours.

    No filter of its rulesets goes by the clock of the called party, and a schedule goes by yours.

    Bad::

        ruleset: decent
        filters:
          - suppression
          - attempts: {at_most: 3, within: 24h}
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        if not clocked(group):
            message = "no filter goes by the clock of the called party, such as calling_hours"
            yield scope.in_setting(group, "rulesets", message)


@check("CX211", "error")
def schedule_never_meets_hours(scope: Scope) -> Iterator[Problem]:
    """The schedule of a group never meets its calling hours.

    In the zone of the schedule itself there is no moment at which the group dials and a record may be dialed. For
    the zones of the list there is CX405.

    Bad::

        groups: {all: {schedule: [{start: "21:00", stop: "23:00", zone: America/New_York}]}}

    Good::

        groups: {all: {schedule: [{start: "10:00", stop: "17:00", zone: America/New_York}]}}
    """
    for group in scope.groups:
        if never_meets(group, scope.today):
            message = "the group dials at no moment at which its calling hours are open"
            yield scope.in_setting(group, "schedule", message)


@check("CX212", "warning")
def review_overdue(scope: Scope) -> Iterator[Problem]:
    """The figures of a ruleset were last checked more than a year ago.

    Laws change; `reviewed` says when somebody last compared the rules with their source.

    Bad::

        ruleset: pack
        description: What the law of Ruritania asks for.
        jurisdiction: RU
        source: the Ruritanian Telephone Act
        reviewed: 2020-01-31
        filters:
          - location: {forbid: [US-FL]}

    Good::

        ruleset: pack
        description: What the law of Ruritania asks for.
        jurisdiction: RU
        source: the Ruritanian Telephone Act
        reviewed: 2026-11-01
        filters:
          - location: {forbid: [US-FL]}
    """
    for group in scope.groups:
        for ruleset in group.rulesets:
            reviewed = ruleset.document.data.get("reviewed")
            try:
                overdue = reviewed is not None and date.fromisoformat(reviewed) + _REVIEW < scope.today
            except ValueError:
                yield scope.in_ruleset(group, ruleset, ("reviewed",), f"there is no day {reviewed}")
                continue
            if overdue:
                message = f"was last reviewed on {reviewed}, more than a year ago"
                yield scope.in_ruleset(group, ruleset, ("reviewed",), message)


@check("CX213", "warning")
def list_not_heeded(scope: Scope) -> Iterator[Problem]:
    """A group does not heed a suppression list that the project declares.

    Its `suppression` filters name others, or have a condition. Of a list that its own treatments write to CX109
    tells. A list that every group must heed is declared with `required: true`, and then it is an error of the project.

    Bad::

        ruleset: decent
        filters:
          - suppression: {lists: [dnc]}
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}
        ---
        suppression_lists: {dnc: asked not to be called, complaints: complained in writing}
        dialing_profiles: {standard: {rulesets: [decent, rest]}}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}
        ---
        suppression_lists: {dnc: asked not to be called, complaints: complained in writing}
        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        asked = [
            lists
            for _, step in scope.filters(group)
            if step.when is None and (lists := step.element.suppression_lists()) is not None
        ]
        written = {
            name
            for ruleset in group.rulesets
            for rule in ruleset.treatments
            for step in rule.steps
            for name in step.element.suppression_lists() or ()
        }
        for name in scope.project.suppression_lists:
            if name not in written and not any(not lists or name in lists for lists in asked):
                message = f"no filter of the group always heeds suppression list '{name}'"
                yield scope.in_campaign(("groups", group.name), message)


@check("CX214", "note")
def asked_twice(scope: Scope) -> Iterator[Problem]:
    """A group asks the same filter with the same parameters twice.

    The second one never says anything new. One of the two can go, or was meant to have other parameters. Rulesets
    that come with cxrun are not looked at.

    Bad::

        ruleset: retry
        filters:
          - location: {allow: [US]}
          - location: {allow: [US]}

    Good::

        ruleset: retry
        filters:
          - location: {allow: [US]}
          - location: {forbid: [US-FL]}
    """
    for group in scope.groups:
        seen: list[Step] = []
        for ruleset, step in scope.filters(group):
            if ruleset.document.file.startswith(PACKAGED):
                continue
            for before in seen:
                if (before.name, before.parameters, before.when) == (step.name, step.parameters, step.when):
                    yield scope.in_step(group, ruleset, step, f"is asked by {before} already")
                    break
            seen.append(step)


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
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h, results: [answer, answering_machine]}
          - attempts: {at_most: 10, within: 7d}
        ---
        dialing_profiles: {standard: {rulesets: [decent, rest]}}
    """
    for group in scope.groups:
        found = [(ruleset, step) for ruleset, step in scope.filters(group) if _caps(step)]
        counted = {code for _, step in found for cap in _caps(step) for code in cap.results}
        left = sorted(COUNTED_RESULTS - counted)
        if found and left:
            named = ", ".join(result.word for result in left[:4]) + (", ..." if len(left) > 4 else "")
            yield scope.in_step(group, *found[0], f"no cap counts calls that end with {named}")


def _caps(step: Step) -> list[Cap]:
    return list(step.element.caps) if isinstance(step.element, Filter) else []


def _concerns(step: Step, kind: int) -> bool:
    """Whether a cap has no condition on the type of a record, or one that is true of this type."""
    if step.when is None or "record_type" not in step.when.fields():
        return True
    return step.when.holds(sample(record_type=int(kind)))


def _stricter(cap: Cap, other: Cap) -> bool:
    """Whether whatever `other` stops is stopped by `cap`."""
    longer = cap.window is None or (other.window is not None and cap.window >= other.window)
    return cap.per == other.per and cap.at_most <= other.at_most and longer and cap.results >= other.results


def _rules(scope: Scope) -> Iterator[tuple[Group, Ruleset, TreatmentRule]]:
    for group in scope.groups:
        for ruleset in group.rulesets:
            for rule in ruleset.treatments:
                yield group, ruleset, rule


def _too_soon(
    group: Group, ruleset: Ruleset, rule: TreatmentRule, scope: Scope
) -> Iterator[tuple[CallResult, Step, int, float, Cap]]:
    """The first dial of a sequence that each cap of the group holds back, if it always has the same result."""
    caps = [cap for _, step in scope.filters(group) if step.when is None for cap in _caps(step)]
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


def never_meets(group: Group, today: date) -> bool:
    """Whether the schedule of a group and its calling hours have no moment in common, by the clock of the schedule."""
    filters = [step for _, step in clocked(group)]
    if not filters or group.schedule is None:
        return False
    for zone in sorted({str(entry.get("zone", "UTC")) for entry in group.schedule_entries}):
        record = sample(tz=zone, country="", area_code="", phone="")
        moments = openings(filters, record, group.duration("ring_time"), begins(today))
        if any(at is None or dials(group, at) for at, _ in moments):
            return False
    return True


def begins(today: date) -> float:
    """When a day begins in UTC (Unix UTC seconds)."""
    return datetime.combine(today, time(), UTC).timestamp()


def dials(group: Group, at: float) -> bool:
    """Whether the schedule of a group lets it dial at a moment."""
    said = group.schedule.said(at) if group.schedule else None
    return said is None or said.action == "start"
