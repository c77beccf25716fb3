"""campaign.yaml: what is declared and not used, settings that cannot matter, and those that starve a campaign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from cxrun.elements import Pacing, Treatment
from cxrun.errors import Problem
from cxrun.linting.check import Scope, check
from cxrun.loading import DEFAULT_WEIGHT
from cxrun.times import duration_text

if TYPE_CHECKING:
    from cxrun.campaign import Group

MOST_ABANDONED: Final = 5.0
"""Percent of the people who answer: the most that any compliance pack which comes with cxrun lets be abandoned."""
_FAR: Final = 3
"""Calls for each ready agent above which a mode without an abandon rate is told of."""
_MANY: Final = 100
"""Agents of whom a mode is asked how far it dials ahead."""


@check("CX301", "warning")
def unused_ruleset(scope: Scope) -> Iterator[Problem]:
    """A ruleset of the project is in force in no group.

    Nothing in it is ever asked, whatever it says.

    Bad::

        ruleset: spare
        filters:
          - location: {allow: [US]}
        ---
        dialing_profiles: {standard: {rulesets: [courtesy, rest]}}

    Good::

        ruleset: spare
        filters:
          - location: {allow: [US]}
        ---
        dialing_profiles: {standard: {rulesets: [courtesy, spare, rest]}}
    """
    for name, ruleset in scope.project.rulesets.items():
        if not ruleset.packaged and name not in scope.attached:
            message = "no group is dialed by these rules; attach it, or take it away"
            yield ruleset.document.problem(("ruleset",), message)


@check("CX302", "warning")
def unused_template(scope: Scope) -> Iterator[Problem]:
    """A template that no group is made from.

    Bad::

        templates: {plain: {agent_group: sales}, spare: {agent_group: sales}}

    Good::

        templates: {plain: {agent_group: sales}}
    """
    used = {group.template for group in scope.groups}
    yield from _unused(scope, "templates", used, "no group is made from it")


@check("CX303", "warning")
def unused_profile(scope: Scope) -> Iterator[Problem]:
    """A dialing or session profile that no group inherits from.

    Bad::

        dialing_profiles:
          standard: {default: true, rulesets: [courtesy, rest]}
          gentle: {mode: {preview: }, rulesets: [courtesy, rest]}

    Good::

        dialing_profiles:
          standard: {default: true, rulesets: [courtesy, rest]}
          gentle: {mode: {preview: }, rulesets: [courtesy, rest]}
        groups: {other: {template: plain, dialing_profile: gentle, lists: [others]}}
    """
    data = scope.project.document.data
    for kind in ("dialing_profile", "session_profile"):
        profiles = data.get(f"{kind}s") or {}
        usual = [name for name, part in profiles.items() if part.get("default")]
        otherwise = usual[0] if usual else next(iter(profiles), None) if len(profiles) == 1 else None
        used = set()
        for group in scope.groups:
            own, above = data["groups"][group.name], data["templates"][group.template]
            used.add(own.get(kind, above.get(kind)) or otherwise)
        yield from _unused(scope, f"{kind}s", used, "no group inherits from it")


@check("CX304", "warning")
def unused_agent_group(scope: Scope) -> Iterator[Problem]:
    """An agent group that takes no calls.

    Bad::

        agent_groups: {sales: {agents: 6}, night: {agents: 2}}

    Good::

        agent_groups: {sales: {agents: 6}}
    """
    used = {group.agent_group for group in scope.groups if group.agent_group}
    yield from _unused(scope, "agent_groups", used, "its agents take no calls: no group names it")


@check("CX305", "warning")
def unused_schedule(scope: Scope) -> Iterator[Problem]:
    """A schedule that no group keeps.

    Bad::

        schedules: {office: [{weekdays: mon-fri, start: "10:00", stop: "17:00", zone: America/New_York}]}

    Good::

        schedules: {office: [{weekdays: mon-fri, start: "10:00", stop: "17:00", zone: America/New_York}]}
        groups: {all: {schedule: office}}
    """
    values = [group.settings["schedule"].value for group in scope.groups if "schedule" in group.settings]
    used = {value for value in values if isinstance(value, str)}
    yield from _unused(scope, "schedules", used, "no group keeps it")


@check("CX306", "note")
def undialed_list(scope: Scope) -> Iterator[Problem]:
    """A contact list that no group dials.

    Bad::

        lists: {spare: {file: spare.csv, region: US, map: {client_id: Client, devices: [Home]}}}

    Good::

        lists: {spare: {file: spare.csv, region: US, map: {client_id: Client, devices: [Home]}}}
        groups: {other: {template: plain, lists: [spare]}}
    """
    used = {name for group in scope.groups for name in group.lists}
    used |= {item.split_from for item in scope.project.lists.values() if item.split_from}
    yield from _unused(scope, "lists", used, "no group dials it")


@check("CX307", "note")
def unused_field(scope: Scope) -> Iterator[Problem]:
    """An own field of a list that no rule reads, though rules read others of the list.

    No condition, filter or ordering of a group that dials the list names it. It is kept and exported all the same;
    what is not needed need not be stored. Nothing is said of a list none of whose own fields is read: its rules are
    yet to be written, or need none.

    Bad::

        lists:
          people:
            map: {fields: {vip: VIP, notes: Notes}}
        groups: {all: {ordering: [{field: vip, order: descending}]}}

    Good::

        lists:
          people:
            map: {fields: {vip: VIP}}
        groups: {all: {ordering: [{field: vip, order: descending}]}}
    """
    used: dict[str, set[str]] = {}
    effects = set()
    for group in scope.groups:
        read = {key.field for key in group.ordering.keys} | set(group.dialer.own_fields())
        for ruleset in group.rulesets:
            read |= {name for condition, _ in ruleset.conditions() for name in condition.fields()}
            read |= {name for step in ruleset.steps() for name in step.element.own_fields()}
            read |= (
                {"state"} if any(getattr(s.element, "by_clock", False) for s in ruleset.filters) else set()
            )
        outside = any(
            isinstance(step.element, Treatment) and type(step.element).send is not Treatment.send
            for *_, rule in scope.rules(group)
            for step in rule.steps
        )
        for name in group.lists:
            used.setdefault(name, set()).update(read)
            effects.update([name] if outside else [])
    for name, item in scope.project.lists.items():
        if name not in used or name in effects or item.split_from:
            continue
        fields = {field.name for field in item.settings.fields} - {"state"}
        if fields & used[name]:
            for field in item.settings.fields:
                if field.name in fields - used[name]:
                    message = f"no rule of a group that dials the list reads field '{field.name}'"
                    yield scope.in_list(name, message, "map", "fields", field.name)


@check("CX308", "note")
def weight_cannot_matter(scope: Scope) -> Iterator[Problem]:
    """The weight of a list cannot matter.

    Weights share the dialing among the lists of a group; a group with one list gives it everything.

    Bad::

        groups: {all: {lists: {people: 80}}}

    Good::

        groups: {all: {lists: {people: 80, others: 20}}}
    """
    for group in scope.groups:
        dialed = {name: weight for name, weight in group.lists.items() if weight}
        for name, weight in dialed.items():
            if len(dialed) == 1 and weight != DEFAULT_WEIGHT:
                message = f"weight {weight} cannot matter: the group dials no other list"
                yield scope.in_campaign(("groups", group.name, "lists", name), message)


@check("CX309", "warning")
def everything_paused(scope: Scope) -> Iterator[Problem]:
    """Every list of a group is paused.

    A weight of 0 pauses a list. The group runs and dials nobody.

    Bad::

        groups: {all: {lists: {people: 0}}}

    Good::

        groups: {all: {lists: {people: 10, others: 0}}}
    """
    for group in scope.groups:
        if group.lists and not any(group.lists.values()):
            message = "every list has weight 0, so the group dials nobody"
            yield scope.in_campaign(("groups", group.name, "lists"), message)


@check("CX310", "warning")
def below_agent_floor(scope: Scope) -> Iterator[Problem]:
    """A group has fewer agents than its dialing mode takes.

    A mode that foresees needs a crowd: with few agents one long conversation more or less makes the difference
    between idle agents and abandoned calls. Each mode says how many it takes by `agent_floor`, 1 by default. Of agents
    with a roster those count who are there at the same time.

    Bad::

        agent_groups: {sales: {agents: 2}}
        dialing_profiles: {standard: {mode: {crowd: }}}

    Good::

        agent_groups: {sales: {agents: 5}}
        dialing_profiles: {standard: {mode: {crowd: }}}

    Both::

        plugin: |
          from cxrun import DialingMode, hookimpl

          class Crowd(DialingMode):
              name = "crowd"
              agent_floor = 5

              def new_calls(self, pacing):
                  return pacing.ready

          @hookimpl
          def register_dialing_modes():
              return [Crowd]
    """
    for group in scope.groups:
        floor, there = getattr(group.mode, "agent_floor", 1), group.agents_at_once
        if group.mode.needs_agents and there < floor:
            shift = " at once" if there < group.agents else ""
            message = f"{group.mode_step.name} takes at least {floor} agents, and there are {there}{shift}"
            yield scope.in_setting(group, "agent_group", message)


@check("CX311", "warning")
def fewer_ports_than_agents(scope: Scope) -> Iterator[Problem]:
    """A group has fewer ports than agents.

    A call needs a port from the dial to its end, so some agents can never be busy.

    Bad::

        session_profiles: {line: {ports: 4}}

    Good::

        session_profiles: {line: {ports: 12}}
    """
    for group in scope.groups:
        ports = group.settings["ports"].value
        if group.mode.needs_agents and ports < group.agents:
            message = f"{ports} ports keep {group.agents - ports} of {group.agents} agents idle at any time"
            yield scope.in_setting(group, "ports", message)


@check("CX312", "warning")
def pace_above_line(scope: Scope) -> Iterator[Problem]:
    """A mode is to dial faster than the line lets it.

    The mode names a pace, and `calls_per_second` of the session profile is below it.

    Bad::

        session_profiles: {line: {calls_per_second: 1}}
        dialing_profiles: {standard: {mode: {power_ivr: {calls_per_minute: 600, max_in_progress: 100}}}}

    Good::

        session_profiles: {line: {calls_per_second: 10}}
        dialing_profiles: {standard: {mode: {power_ivr: {calls_per_minute: 600, max_in_progress: 100}}}}
    """
    for group in scope.groups:
        pace, line = group.mode.calls_per_second, group.settings["calls_per_second"].value
        if pace is not None and pace > line:
            message = (
                f"{group.mode_step.name} is to dial {pace:g} calls a second, and the line takes {line:g}"
            )
            yield scope.in_setting(group, "calls_per_second", message)


@check("CX313", "warning")
def short_ring(scope: Scope) -> Iterator[Problem]:
    """An unanswered call rings for less than 15 seconds.

    Regulators of several countries want 15 seconds or four rings before the call is given up, and people need them to
    reach the phone. A ruleset that sets a limit on `ring_time` has the say; then it is an error of the project.

    Bad::

        session_profiles: {line: {ring_time: 12s}}

    Good::

        session_profiles: {line: {ring_time: 20s}}
    """
    for group in scope.groups:
        ring = group.duration("ring_time")
        if ring < 15 and not _limited(group, "ring_time"):
            message = f"a phone rings {duration_text(ring)} only; 15s or four rings are the usual rule"
            yield scope.in_setting(group, "ring_time", message)


@check("CX314", "warning")
def long_silence(scope: Scope) -> Iterator[Problem]:
    """An answered person may wait more than 2 seconds for an agent.

    A call that nobody takes within 2 seconds of the greeting counts as abandoned in the rules of several countries;
    a longer `connect_window` hides such calls from the abandon rate. A ruleset that sets a limit on it has the say.

    Bad::

        dialing_profiles: {standard: {connect_window: 5s}}

    Good::

        dialing_profiles: {standard: {connect_window: 2s}}
    """
    for group in scope.groups:
        window = group.duration("connect_window")
        waits = group.mode.needs_agents and not group.mode.agent_first
        if waits and window > 2 and not _limited(group, "connect_window"):
            message = f"people wait {duration_text(window)} for an agent; past 2s a call counts as abandoned"
            yield scope.in_setting(group, "connect_window", message)


@check("CX315", "warning")
def schedule_is_over(scope: Scope) -> Iterator[Problem]:
    """An entry of a schedule is for a day that has passed.

    Bad::

        groups:
          all:
            schedule:
              - {start: "10:00", stop: "17:00", zone: America/New_York}
              - {date: 2020-12-24, stop: "12:00", zone: America/New_York}

    Good::

        groups:
          all:
            schedule:
              - {start: "10:00", stop: "17:00", zone: America/New_York}
              - {date: 2030-12-24, stop: "12:00", zone: America/New_York}
    """
    data = scope.project.document.data
    written: list[tuple[tuple[str, ...], Any]] = [
        (("schedules", name), entries) for name, entries in (data.get("schedules") or {}).items()
    ]
    for section in ("templates", "groups"):
        for name, level in (data.get(section) or {}).items():
            if isinstance(level.get("schedule"), list):
                written.append(((section, name, "schedule"), level["schedule"]))
    for path, entries in written:
        for index, entry in enumerate(entries):
            if "date" in entry and date.fromisoformat(entry["date"]) < scope.today:
                message = f"{entry['date']} has passed, so this entry never counts again"
                yield scope.in_campaign((*path, index, "date"), message)


@check("CX316", "note")
def said_again(scope: Scope) -> Iterator[Problem]:
    """A group says a setting that it would inherit anyhow.

    The value is that of its template, so it can be left out; and when the template changes, the group stays behind.

    Bad::

        templates: {plain: {ring_time: 30s}}
        groups: {all: {ring_time: 30s}}

    Good::

        templates: {plain: {ring_time: 30s}}
        groups: {all: {ring_time: 40s}}
    """
    data = scope.project.document.data
    for group in scope.groups:
        own: Mapping[str, Any] = data["groups"][group.name]
        above: Mapping[str, Any] = data["templates"][group.template]
        for key, value in own.items():
            if key in group.settings and key in above and above[key] == value:
                message = f"template '{group.template}' says the same"
                yield scope.in_campaign(("groups", group.name, key), message)


@check("CX317", "warning")
def far_ahead(scope: Scope) -> Iterator[Problem]:
    """A mode places more than 3 calls for each ready agent, and keeps no abandon rate.

    Nothing holds it back: when more people answer than agents are ready, the others are abandoned. Where few calls
    are answered, a mode that keeps an abandon rate dials as far ahead, and stops in time.

    Bad::

        dialing_profiles: {standard: {mode: {power: {calls_per_agent: 5}}}}

    Good::

        dialing_profiles: {standard: {mode: {predictive: {abandon_rate: 3}}}}
    """
    for group in scope.groups:
        mode = group.mode
        if not mode.needs_agents or mode.agent_first or mode.abandon_caps:
            continue
        calls = mode.new_calls(Pacing(0.0, ready=_MANY, agents=_MANY)) / _MANY
        if calls > _FAR:
            message = f"places {calls:.3g} calls for each agent who is ready, and keeps no abandon rate"
            yield scope.in_setting(group, "mode", message, group.mode_step.name)


@check("CX318", "warning")
def lavish_abandon_rate(scope: Scope) -> Iterator[Problem]:
    """A mode may abandon more than 5% of the people who answer.

    No compliance pack that comes with cxrun knows of more: Canada's rules tell of 5%, those of the United States and
    the practice of the United Kingdom of 3%. Many countries allow less, some none.

    Bad::

        dialing_profiles: {standard: {mode: {predictive: {abandon_rate: 8}}}}

    Good::

        dialing_profiles: {standard: {mode: {predictive: {abandon_rate: 3}}}}
    """
    for group in scope.groups:
        mode = group.mode
        least = min(mode.abandon_caps.values(), default=0.0)
        if least > MOST_ABANDONED and not mode.agent_first:
            message = (
                f"may abandon {least:g}% of those who answer; {MOST_ABANDONED:g}% is the most that any compliance "
                "pack allows"
            )
            yield scope.in_setting(group, "mode", message, group.mode_step.name)


@check("CX319", "warning")
def without_effect(scope: Scope) -> Iterator[Problem]:
    """A parameter of a dialing mode changes nothing beside the others.

    Where an agent is bound to each call before it is placed, for instance, nobody dials ahead: aims of how busy agents
    should be, and calling off what became too many, mean nothing.

    Bad::

        dialing_profiles: {standard: {mode: {predictive: {engage_agent_first: true, agent_busy_factor: 80}}}}

    Good::

        dialing_profiles: {standard: {mode: {predictive: {agent_busy_factor: 80}}}}
    """
    for group in scope.groups:
        name = group.mode_step.name
        usual = group.mode.schema.get("properties", {})
        for parameter in group.mode.without_effect:
            value = (group.mode_step.parameters or {}).get(parameter)
            if value is not None and value != usual.get(parameter, {}).get("default"):
                message = f"has no effect on {name} beside its other parameters"
                yield scope.in_setting(group, "mode", message, name, parameter)


@check("CX320", "warning")
def line_sets_the_pace(scope: Scope) -> Iterator[Problem]:
    """The calls per second of the line keep agents waiting, whatever the dialing mode does.

    Told where the dialer says how long its calls take: one call for each agent who is ready would need more of them.

    Bad::

        agent_groups: {sales: {agents: 80}}
        session_profiles: {line: {calls_per_second: 0.5}}

    Good::

        agent_groups: {sales: {agents: 80}}
        session_profiles: {line: {calls_per_second: 10}}
    """
    for group in scope.groups:
        mode, agents = group.mode, group.agents_at_once
        if not mode.needs_agents:
            continue
        how = group.dialer.expected(group.duration("ring_time"), agents=True)
        if how is None:
            continue
        each = mode.preview_time + how.line + how.delivered * (how.talk + how.wrap)
        lines = min(agents, mode.new_calls(Pacing(0.0, ready=agents, agents=agents)))
        rate, wanted = group.settings["calls_per_second"].value, lines / max(each, 0.001)
        if rate < wanted:
            message = (
                f"{rate:g} calls per second are less than the {wanted:.2g} that keep {agents} agents of "
                f"{mode.name} at one call each"
            )
            yield scope.in_setting(group, "calls_per_second", message)


def _limited(group: Group, setting: str) -> bool:
    """Whether a ruleset of the group limits a setting: then loading the project has held it to that."""
    return any(limit.subject == setting for ruleset in group.rulesets for limit in ruleset.limits)


def _unused(scope: Scope, section: str, used: set[Any], message: str) -> Iterator[Problem]:
    for name in scope.project.document.data.get(section) or {}:
        if name not in used:
            yield scope.in_campaign((section, name), message)
