"""Imported lists: what the rules make of the data there is, asked of the store in whole scans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from cxrun.conditions import Condition
from cxrun.errors import Problem
from cxrun.linting.check import Scope, check
from cxrun.linting.compliance import begins, dials, never_meets
from cxrun.linting.probing import clocked, openings, sample
from cxrun.model import DeviceType, Record, word_of
from cxrun.ruleset import Ruleset, Step
from cxrun.store.surveying import LASTING, Survey
from cxrun.yamlfile import Path

if TYPE_CHECKING:
    from cxrun.campaign import Group, Project


_PLACE: Final = frozenset(("tz", "country", "state", "area_code", "daily_from", "daily_till"))
"""Fields that tell where a record is, and its own hours."""


@check("CX401", "warning", data=True)
def shared_number(scope: Scope) -> Iterator[Problem]:
    """The same number stands in two chains.

    To caps and treatments these are two customers, so that one phone is called for both. Give both rows the same
    ClientID, count by the number (`per: device`), or take one of them out.

    Bad::

        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,
          C2,(212) 555-0101,(917) 555-0102

    Good::

        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,
          C2,(212) 555-0103,(917) 555-0102
    """
    for name, survey in scope.surveys.items():
        if name in scope.project.lists and survey.shared is not None:
            numbers, one, other = survey.shared
            many = "1 number stands" if numbers == 1 else f"{numbers:,} numbers stand"
            yield scope.in_list(
                name, f"{many} in more than one chain, such as those of records {one} and {other}"
            )


@check("CX402", "error", data=True)
def nobody_passes(scope: Scope) -> Iterator[Problem]:
    """A filter excludes every record of a list.

    Its condition, or a part of it, is true of no record. Only fields that stay as they are count: what has been
    dialed plays no part.

    Bad::

        ruleset: who
        filters:
          - where: {field: country, eq: GB}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,

    Good::

        ruleset: who
        filters:
          - where: {field: area_code, eq: "212"}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,(917) 555-0102
    """
    for asked in _asked(scope.project):
        for name in asked.group.lists if asked.excludes else ():
            survey = scope.surveys.get(name)
            if survey and survey.records and not survey.true_of(asked.condition):
                message = (
                    f"is true of none of the {survey.records:,} records of list '{name}': {asked.condition}"
                )
                yield scope.in_ruleset(asked.group, asked.ruleset, asked.path, message)


@check("CX403", "note", data=True)
def everybody_passes(scope: Scope) -> Iterator[Problem]:
    """A condition is true of every record of all the lists it is asked for.

    It makes no difference on this data: it may be left over, or the field does not hold what was expected.

    Bad::

        ruleset: who
        filters:
          - where: {field: country, eq: US}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,

    Good::

        ruleset: who
        filters:
          - where: {field: area_code, eq: "212"}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,(917) 555-0102
    """
    for (group, ruleset, path), surveys, condition in _over_all_lists(scope):
        records = sum(survey.records for survey in surveys)
        if records and all(survey.true_of(condition) == survey.records for survey in surveys):
            message = f"is true of all {records:,} records, so it makes no difference: {condition}"
            yield scope.in_ruleset(group, ruleset, path, message)


@check("CX404", "warning", data=True)
def nothing_fits(scope: Scope) -> Iterator[Problem]:
    """A rule is for records of which there is not one.

    The `when` of a treatment, of one of its steps or of a result handler is true of no record of all the lists it is
    asked for, so it can never run.

    Bad::

        ruleset: retry
        treatments:
          - {on: busy, when: {field: country, eq: GB}, do: [redial: {interval: 9h, attempts: 2}]}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,

    Good::

        ruleset: retry
        treatments:
          - {on: busy, when: {field: area_code, eq: "917"}, do: [redial: {interval: 9h, attempts: 2}]}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,(917) 555-0102
    """
    for (group, ruleset, path), surveys, condition in _over_all_lists(scope, excluding=False):
        records = sum(survey.records for survey in surveys)
        if records and not any(survey.true_of(condition) for survey in surveys):
            message = f"can never be: {condition} is true of none of the {records:,} records"
            yield scope.in_ruleset(group, ruleset, path, message)


@check("CX405", "error", data=True)
def window_never_opens(scope: Scope) -> Iterator[Problem]:
    """For some zone in the list no window ever opens.

    The filters that go by the clock, and the schedule of the group, leave no moment within a fortnight at which
    these records may be dialed: hours that do not meet, days that are closed, a zone that is not known. If the schedule
    meets no hours at all, CX211 tells.

    Bad::

        groups: {all: {schedule: [{start: "10:00", stop: "12:00", zone: Europe/London}]}}

    Good::

        groups: {all: {schedule: [{start: "10:00", stop: "23:00", zone: Europe/London}]}}

    Both::

        contacts: |
          Client,Home,Mobile
          C1,(808) 555-0101,
    """
    for group in scope.groups:
        own = {field for name in group.lists for field in scope.project.lists[name].settings.field_types}
        filters = [
            step for _, step in clocked(group) if step.when is None or step.when.fields() <= _PLACE | own
        ]
        if not filters or never_meets(group, scope.today):
            continue
        fields = sorted({"state", *(name for step in filters for name in step.element.own_fields())})
        conditions = [step.when for step in filters if step.when is not None]
        fields = sorted({*fields, *(name for condition in conditions for name in condition.fields())})
        for name in group.lists:
            shut: dict[tuple[str, str], tuple[int, int]] = {}
            survey = scope.surveys.get(name)
            for place in survey.places(fields) if survey else ():
                record = sample(
                    tz=place.tz, country=place.country, area_code=place.area_code, phone=place.phone,
                    daily_from=place.daily_from, daily_till=place.daily_till, record_id=place.record_id,
                    fields=place.fields,
                )  # fmt: skip
                why = _shut(group, filters, record, begins(scope.today))
                if why is not None:
                    records, first = shut.get((place.tz, why), (0, place.record_id))
                    shut[place.tz, why] = (records + place.records, min(first, place.record_id))
            for (tz, why), (records, first) in sorted(shut.items()):
                zone = f"in {tz}" if tz else "of unknown zone"
                many = "1 record" if records == 1 else f"{records:,} records"
                message = f"{many} {zone} (such as {first}) cannot be dialed at any moment of 14 days: {why}"
                yield scope.in_campaign(("groups", group.name), f"{message} (list '{name}')")


@check("CX406", "note", data=True)
def no_chain_to_follow(scope: Scope) -> Iterator[Problem]:
    """A treatment goes on in the chain, and no customer of the lists has a second number.

    It never has an answer; the next treatment of the sequence is asked at once.

    Bad::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [next_in_chain: , retry_in: {interval: 1d}]}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,

    Good::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [next_in_chain: , retry_in: {interval: 1d}]}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,(917) 555-0102
    """
    for name, groups in scope.attached.items():
        ruleset = scope.project.rulesets[name]
        surveys = _surveys(scope, groups)
        if not surveys or max(survey.longest_chain for survey in surveys) != 1:
            continue
        for rule in ruleset.treatments:
            for step in rule.steps:
                if getattr(step.element, "moves_on", False):
                    message = "can never run: no customer of the lists has a second number"
                    yield scope.in_step(groups[0], ruleset, step, message)


@check("CX407", "warning", data=True)
def device_left_out(scope: Scope) -> Iterator[Problem]:
    """A list has devices of a type that its group does not dial.

    Customers who have only such devices are never called.

    Bad::

        groups: {all: {devices: [mobile]}}

    Good::

        groups: {all: {devices: [mobile, home]}}
        ---
        ruleset: retry
        treatments:
          - {on: no_answer, do: [next_in_chain: ]}

    Both::

        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,(917) 555-0102
          C2,,(917) 555-0103
    """
    for group in scope.groups:
        for name in group.lists if group.devices else ():
            survey = scope.surveys.get(name)
            for code, records in sorted(survey.devices.items()) if survey else ():
                if group.devices and code not in group.devices.order:
                    word = word_of(DeviceType, code)
                    message = f"{records:,} records of list '{name}' are of type {word}, which is not dialed"
                    yield scope.in_setting(group, "devices", message)


@check("CX408", "note", data=True)
def device_not_there(scope: Scope) -> Iterator[Problem]:
    """The order of devices names a type that no list of the group has.

    Bad::

        groups: {all: {devices: [mobile, home, pager]}}

    Good::

        groups: {all: {devices: [mobile, home]}}

    Both::

        ruleset: retry
        treatments:
          - {on: no_answer, do: [next_in_chain: ]}
        ---
        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,(917) 555-0102
    """
    for group in scope.groups:
        surveys = _surveys(scope, [group])
        if group.devices is None or len(surveys) < len(group.lists):
            continue
        there = {code for survey in surveys for code in survey.devices}
        for index, word in enumerate(group.settings["devices"].value):
            if there and int(DeviceType[word.upper()]) not in there:
                yield scope.in_setting(group, "devices", f"no record is of type {word}", index)


@check("CX409", "note", data=True)
def empty_field(scope: Scope) -> Iterator[Problem]:
    """An own field of a list is empty in every row.

    A condition that reads it is unknown of every record. The column may have been renamed in the file.

    Bad::

        lists: {people: {map: {fields: {vip: VIP}}}}
        groups: {all: {ordering: [{field: vip}]}}
        ---
        contacts: |
          Client,Home,Mobile,VIP
          C1,(212) 555-0101,,

    Good::

        lists: {people: {map: {fields: {vip: VIP}}}}
        groups: {all: {ordering: [{field: vip}]}}
        ---
        contacts: |
          Client,Home,Mobile,VIP
          C1,(212) 555-0101,,yes
    """
    for name, survey in scope.surveys.items():
        declared = scope.project.lists.get(name)
        for field, filled in survey.filled.items() if survey.records and declared else ():
            if not filled and declared and field in declared.settings.field_types:
                at = ("map", "fields", field)
                yield scope.in_list(name, f"field '{field}' is empty in every row of the list", *at)


@check("CX410", "note", data=True)
def nameless_contacts(scope: Scope) -> Iterator[Problem]:
    """Contacts have no ClientID, and a cap counts by the client.

    Whoever has none is known by his chain: on another list, or after an import anew, he is somebody else, and the cap
    begins to count from nothing.

    Bad::

        contacts: |
          Client,Home,Mobile
          ,(212) 555-0101,

    Good::

        contacts: |
          Client,Home,Mobile
          C1,(212) 555-0101,
    """
    for group in scope.groups:
        if not any(cap.per == "client" for *_, cap in scope.caps(group)):
            continue
        for name in group.lists:
            survey = scope.surveys.get(name)
            if survey and survey.nameless:
                many = "1 contact has" if survey.nameless == 1 else f"{survey.nameless:,} contacts have"
                message = f"{many} no ClientID, by which group '{group.name}' caps the attempts"
                yield scope.in_list(name, message)


class Asked(NamedTuple):
    """A condition as a group asks it; `excludes` if a record of which it is not true is excluded."""

    group: Group
    ruleset: Ruleset
    path: Path
    condition: Condition
    excludes: bool


def conditions_of(project: Project, list_name: str) -> list[Condition]:
    """The conditions that are asked of the records of a list and read fields that last."""
    found = [asked.condition for asked in _asked(project) if list_name in asked.group.lists]
    return [condition for place, condition in enumerate(found) if condition not in found[:place]]


def _asked(project: Project) -> Iterator[Asked]:
    for group in project.groups.values():
        own = {field for name in group.lists for field in project.lists[name].settings.field_types}
        for ruleset in group.rulesets:
            excluding = {(*step.path, step.name) for step in ruleset.filters if step.when is None}
            for condition, path in ruleset.conditions():
                for part, at in _parts(condition, path):
                    if part.fields() <= LASTING | own:
                        yield Asked(group, ruleset, at, part, path in excluding)


def _parts(condition: Condition, path: Path) -> Iterator[tuple[Condition, Path]]:
    """A condition, or each part of one that is true if all of them are."""
    if "all" not in condition.spec:
        yield condition, path
        return
    for index, part in enumerate(condition.spec["all"]):
        yield from _parts(Condition(part), (*path, "all", index))


def _over_all_lists(
    scope: Scope, *, excluding: bool | None = None
) -> Iterator[tuple[tuple[Group, Ruleset, Path], Sequence[Survey], Condition]]:
    """Each condition once, with the surveys of all lists it is asked for; none unless all are imported."""
    gathered: dict[tuple[str, Path], list[Asked]] = {}
    for asked in _asked(scope.project):
        if excluding is None or asked.excludes is excluding:
            gathered.setdefault((asked.ruleset.name, asked.path), []).append(asked)
    for every in gathered.values():
        surveys = _surveys(scope, [asked.group for asked in every])
        if surveys:
            yield (every[0].group, every[0].ruleset, every[0].path), surveys, every[0].condition


def _surveys(scope: Scope, groups: Sequence[Group]) -> list[Survey]:
    """The surveys of all lists of some groups; empty unless every list is imported."""
    names = {name: None for group in groups for name in group.lists}
    found = [scope.surveys[name] for name in names if name in scope.surveys]
    return found if len(found) == len(names) else []


def _shut(group: Group, filters: Sequence[Step], record: Record, begin: float) -> str | None:
    """Why a record can never be dialed by a group within a fortnight; None if it can."""
    for at, why in openings(filters, record, group.duration("ring_time"), begin):
        if at is None:
            return why
        if dials(group, at):
            return None
    return "its hours never meet the schedule of the group"
