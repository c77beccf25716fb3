"""Hours, suppression and required rules: what is missing, dropped, or never open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from cxrun.errors import Problem
from cxrun.linting.check import Scope, check
from cxrun.linting.probing import clocked, openings, sample
from cxrun.ruleset import Step, bundled
from cxrun.yamlfile import load

if TYPE_CHECKING:
    from cxrun.campaign import Group

_REVIEW: Final = timedelta(days=366)
"""How long the figures of a compliance pack are taken on trust after their review."""


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
        if ruleset.packaged or name not in files:
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

    Good::

        ruleset: decent
        filters:
          - suppression
          - calling_hours: {hours: "09:00-20:00"}
          - attempts: {at_most: 3, within: 24h}

    Both::

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
            for *_, rule in scope.rules(group)
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
            if ruleset.packaged:
                continue
            for before in seen:
                if (before.name, before.parameters, before.when) == (step.name, step.parameters, step.when):
                    yield scope.in_step(group, ruleset, step, f"is asked by {before} already")
                    break
            seen.append(step)


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
