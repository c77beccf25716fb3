"""Loading a project folder: campaign.yaml, its rulesets and mappings, and everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final

from cxrun.campaign import (
    CAMPAIGN_FILE,
    STORE_FILE,
    ContactList,
    Group,
    Project,
    SuppressionList,
    unknown_fields,
)
from cxrun.dialer import Dialer
from cxrun.elements import DialingMode
from cxrun.errors import Problem, Problems, UserError, near
from cxrun.inheritance import DEFAULT, Origin, Setting, inherited, leaves
from cxrun.mapping import MAP_SCHEMA, ListSettings
from cxrun.ordering import complaints as ordering_complaints
from cxrun.registry import Registry
from cxrun.roster import problems as roster_problems
from cxrun.ruleset import PACKAGED, Ruleset, Step, bundled, element_step, read
from cxrun.schedule import problems as schedule_problems
from cxrun.schema import schema_problems
from cxrun.settings import CAMPAIGN_SCHEMA, DIALER_SCHEMA, ELEMENT_SETTINGS, partial_schema
from cxrun.yamlfile import Document, Path, load

DEFAULT_WEIGHT: Final = 10
LEVELS: Final = ("session_profiles", "dialing_profiles", "templates", "groups")
"""The sections of campaign.yaml that a group inherits from, and its own."""


def load_project(folder: FilePath, registry: Registry, campaign: str = CAMPAIGN_FILE) -> Project:
    """Read and check a whole project folder; the one path of every command.

    `campaign` is the name of its campaign file. Raises Problems with everything that is wrong, UserError if there is
    no such file.
    """
    file = folder / campaign
    if not file.exists():
        raise UserError(f"no {campaign} in {folder.resolve()}; `cxrun init` writes one")
    problems: list[Problem] = []
    document = load(file, _shown(folder, file))
    rulesets, unreadable = _rulesets(folder, registry, _named_rulesets(document.data), problems)
    problems += document.problems
    if document.data is None:
        raise Problems(
            [*problems, document.problem((), "is empty; `cxrun init` writes a campaign to begin with")]
        )
    broken = schema_problems(document, (), document.data, CAMPAIGN_SCHEMA)
    problems += broken
    if broken:
        raise Problems(problems)
    loader = _CampaignLoader(document, rulesets, unreadable, registry, problems)
    loader.read_mappings(folder)
    loader.read_dialers(folder)
    loader.check_levels()
    loader.check_schedules()
    loader.check_rosters()
    loader.check_sequences()
    lists = loader.lists(folder)
    groups = {name: group for name in loader.section("groups") if (group := loader.group(name, lists))}
    loader.check_shared_lists()
    loader.check_defaults()
    loader.tell_of_shared()
    if problems:
        raise Problems(problems)
    suppression = {
        name: SuppressionList.read(data) for name, data in loader.section("suppression_lists").items()
    }
    return Project(folder, document, groups, lists, suppression, rulesets, registry)


def _shown(folder: FilePath, file: FilePath) -> str:
    return file.name if folder in (FilePath(), FilePath(".")) else str(file)


def _named_rulesets(data: Any) -> set[str]:
    """The names of rulesets in a campaign, whatever level attaches them."""
    sections = [data.get(level) for level in LEVELS] if isinstance(data, dict) else []
    parts = [part for section in sections if isinstance(section, dict) for part in section.values()]
    lists = [part.get("rulesets") for part in parts if isinstance(part, dict)]
    return {name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)}


def _rulesets(
    folder: FilePath, registry: Registry, named: set[str], problems: list[Problem]
) -> tuple[dict[str, Ruleset], set[str]]:
    """The project's rulesets, then those `named` bundled ones that it did not replace by one of the same name.

    Beside them, by the name of the file, those that cannot be read, so that nobody is told they do not exist.
    """
    rulesets: dict[str, Ruleset] = {}
    unreadable: set[str] = set()
    for file in sorted((folder / "rulesets").glob("*.y*ml")):
        name = f"rulesets/{file.name}" if folder == FilePath() else str(file)
        if file.name.partition(".")[2] not in ("yaml", "yml"):
            continue
        ruleset, found, document = read(file, registry, name)
        problems += found
        if ruleset is None:
            unreadable.add(file.stem)
            continue
        if ruleset.name in rulesets:
            other = rulesets[ruleset.name].document.file
            problems.append(
                document.problem(("ruleset",), f"'{ruleset.name}' is already the name of {other}")
            )
        rulesets[ruleset.name] = ruleset
    for name, file in bundled().items():
        if name in named and name not in rulesets:
            ruleset, found, _ = read(file, registry, f"{PACKAGED}{file.name}")
            problems += found
            if ruleset:
                rulesets[name] = ruleset
    return rulesets, unreadable


class _CampaignLoader:
    """Reads one campaign document; problems are collected on the way."""

    def __init__(
        self,
        document: Document,
        rulesets: Mapping[str, Ruleset],
        unreadable: set[str],
        registry: Registry,
        problems: list[Problem],
    ) -> None:
        self.document = document
        self.data: dict[str, Any] = document.data
        self.rulesets = rulesets
        self.unreadable = unreadable
        self.wrong_for: dict[str, dict[Problem, dict[str, None]]] = {"contact list": {}, "group": {}}
        """Mistakes of which each is one for several lists, or groups: it is told once."""
        self.registry = registry
        self.problems = problems
        self.unsound: set[Path] = set()
        self.mappings: dict[str, Document] = {}

    def section(self, name: str) -> dict[str, Any]:
        return self.data.get(name) or {}

    def complain(self, path: Path, message: str) -> None:
        self.problems.append(self.document.problem(path, message))

    def read_mappings(self, folder: FilePath) -> None:
        """Read the mappings that stand in files of their own; a file is checked once, whoever shares it."""
        for name, data in self.section("lists").items():
            if not isinstance(data.get("map"), str):
                continue
            shown = data["map"]
            if shown not in self.mappings:
                self._read_mapping(("lists", name, "map"), folder / shown, shown)

    def _read_mapping(self, at: Path, file: FilePath, shown: str) -> None:
        try:
            document = load(file)
        except Problems as error:
            self.problems += error.problems
            document = Document(shown, None, {}, [])
        except UserError:
            self.complain(
                at, f"there is no file {shown} beside {CAMPAIGN_FILE}; a mapping file holds what `map:` would"
            )
            document = Document(shown, None, {}, [])
        else:
            self.problems += document.problems
            wrong = schema_problems(document, (), document.data, MAP_SCHEMA)
            self.problems += wrong
            if wrong:
                document = Document(shown, None, {}, [])
        self.mappings[shown] = document

    def read_dialers(self, folder: FilePath) -> None:
        """Read the dialers that stand in files of their own in the places where they are named."""
        read: dict[str, Document | None] = {}
        for section in LEVELS:
            for name, data in self.section(section).items():
                shown = data.get("dialer")
                if not isinstance(shown, str):
                    continue
                at: Path = (section, name, "dialer")
                if shown not in read:
                    read[shown] = self._read_dialer(at, folder / shown, shown)
                document = read[shown]
                if document is None:
                    del data["dialer"]
                    self.unsound.add(at)
                else:
                    self.document.graft(at, document)

    def _read_dialer(self, at: Path, file: FilePath, shown: str) -> Document | None:
        try:
            document = load(file)
        except Problems as error:
            self.problems += error.problems
            return None
        except UserError:
            self.complain(
                at,
                f"there is no file {shown} beside {CAMPAIGN_FILE}; a dialer file holds what `dialer:` would",
            )
            return None
        wrong = document.problems + schema_problems(document, (), document.data, DIALER_SCHEMA)
        self.problems += wrong
        return None if wrong else document

    def _mapped(self, data: Mapping[str, Any]) -> Document | None:
        """The document of a list's mapping, if that has a file of its own."""
        return self.mappings[data["map"]] if isinstance(data.get("map"), str) else None

    def complain_of_list(self, name: str, at: Path, message: str) -> None:
        """A problem with the settings of a list, told where they are written."""
        mapping = self._mapped(self.section("lists")[name])
        if mapping is not None and at[0] == "map":
            self.problems.append(mapping.problem(at[1:], f"{message} (contact list '{name}')"))
        else:
            self.complain(("lists", name, *at), message)

    def lists(self, folder: FilePath) -> dict[str, ContactList]:
        """The lists with a file, then those that are split from one of them."""
        lists: dict[str, ContactList] = {}
        for name, data in self.section("lists").items():
            if "split_from" in data:
                continue
            mapping = self._mapped(data)
            if mapping is not None:
                if mapping.data is None:
                    continue
                data = {**data, "map": mapping.data}
            settings = ListSettings.from_mapping(data)
            path = folder / settings.file
            for at, message in settings.problems():
                self.complain_of_list(name, at, message)
            if path.exists():
                self._check_header(name, settings, path)
            elif not (folder / STORE_FILE).exists():
                self.complain(
                    ("lists", name, "file"), f"there is no file {settings.file} beside {CAMPAIGN_FILE}"
                )
            lists[name] = ContactList(name, settings, path, self.document.mark(("lists", name)))
        for name in self.section("lists"):
            self._split(name, lists)
        return lists

    def _split(self, name: str, lists: dict[str, ContactList]) -> None:
        declared = self.section("lists")
        path: Path = ("lists", name, "split_from")
        seen = [name]
        while "split_from" in declared[seen[-1]]:
            parent = declared[seen[-1]]["split_from"]
            if parent not in declared:
                if len(seen) == 1:
                    self._check_known(path, "list", parent, declared)
                return
            if parent in seen:
                self.complain(path, f"is split from itself: {' from '.join([*seen, parent])}")
                return
            seen.append(parent)
        if len(seen) == 1:
            return
        for key in declared[name]:
            if key != "split_from":
                self.complain(
                    ("lists", name, key), f"a list that is split from '{seen[1]}' takes this from there"
                )
        if seen[-1] in lists:
            mark = self.document.mark(("lists", name))
            lists[name] = replace(lists[seen[-1]], name=name, mark=mark, split_from=seen[1])

    def _check_header(self, name: str, settings: ListSettings, path: FilePath) -> None:
        from cxrun.table import open_table

        try:
            header = open_table(path, settings).header
        except UserError as error:
            self.complain(("lists", name, "file"), str(error))
            return
        for at, message in settings.problems_with_header(header):
            self.complain_of_list(name, at, message)

    def group(self, name: str, lists: Mapping[str, ContactList]) -> Group | None:
        data = self.section("groups")[name]
        path: Path = ("groups", name)
        before = len(self.problems)
        template = data["template"]
        if template not in self.section("templates"):
            return None
        settings, origins = inherited(self.document, name, self.rulesets)
        mode = self._element("mode", settings)
        dialer = self._element("dialer", settings)
        agents = self._agents(path, settings, mode)
        attached = tuple(self.rulesets[attached] for attached in settings["rulesets"].value)
        self._check_suppression(path, attached)
        self._check_routing(name, settings, attached, mode)
        if mode is not None:
            self._check_limits(name, settings, attached, mode)
        weights = self._weights(path, data.get("lists"), lists)
        for list_name in weights:
            self._check_fields(attached, lists[list_name])
            self._check_ordering(settings, lists[list_name])
        if dialer is not None:
            self._check_dialer(dialer, origins, [lists[list_name] for list_name in weights])
        if len(self.problems) > before or mode is None or dialer is None:
            return None
        group = Group(
            name=name,
            template=template,
            settings=settings,
            origins=origins,
            mode_step=mode,
            dialer_step=dialer,
            rulesets=attached,
            agents=agents,
            lists=weights,
            mark=self.document.mark(path),
            plugins=tuple((plugin.name, plugin.digest) for plugin in self.registry.plugins),
            after=_names(data.get("after")),
            schedule_entries=self._schedule(settings),
            roster=self._roster(settings),
        )
        self._check_enough_agents(group)
        return group

    def _check_enough_agents(self, group: Group) -> None:
        """A mode that never has enough agents to place a call would dial nobody."""
        if not group.agents or any(roster_problems(group.roster, group.agents) if group.roster else ()):
            return
        needed, there = group.mode.fewest_agents, group.agents_at_once
        if needed <= there:
            return
        path = (*group.settings["mode"].origin.path("mode"), group.mode.name)
        has = f"{there} in its largest shift" if there < group.agents else f"{there}"
        message = (
            f"dials nobody before {needed} agents are ready, and agent group '{group.agent_group}' has {has}"
        )
        problem = self.document.problem(path, message)
        if problem not in self.problems:
            self.problems.append(problem)

    def wrong(self, problem: Problem, kind: str, name: str) -> None:
        """A mistake for one contact list or group, and maybe for others as well."""
        self.wrong_for[kind].setdefault(problem, {})[name] = None

    def wrong_in(self, group: str, origin: Origin, key: str, message: str) -> None:
        """A mistake in a setting of a group, where it comes from; a default and what is not set, at the group."""
        path = origin.path(key) or ("groups", group)
        if path[:2] == ("groups", group):
            self.complain(path, message)
        else:
            self.wrong(self.document.problem(path, message), "group", group)

    def tell_of_shared(self) -> None:
        """Each mistake once, with all the lists or groups it is one for."""
        for kind, found in self.wrong_for.items():
            for problem, names in found.items():
                named = f"{kind}{'s' if len(names) > 1 else ''} " + ", ".join(f"'{name}'" for name in names)
                self.problems.append(problem._replace(message=f"{problem.message} ({named})"))

    def check_levels(self) -> None:
        """Every level as it is written, whether or not a group inherits from it."""
        for section in LEVELS:
            for name, data in self.section(section).items():
                path: Path = (section, name)
                for key, kind in ELEMENT_SETTINGS.items():
                    if key in data:
                        self._check_element((*path, key), data[key], kind)
                for index, ruleset in enumerate(data.get("rulesets", ())):
                    if ruleset not in self.unreadable:
                        known = {**bundled(), **self.rulesets}
                        self._check_known((*path, "rulesets", index), "ruleset", ruleset, known)
                for key in ("agent_group", "dialing_profile", "session_profile", "template"):
                    if key in data:
                        known = self.section(f"{key}s")
                        self._check_known((*path, key), key.replace("_", " "), data[key], known)

    def check_rosters(self) -> None:
        """The shifts of every agent group."""
        for name, data in self.section("agent_groups").items():
            for at, message in (
                roster_problems(data.get("roster", ()), data["agents"]) if "roster" in data else ()
            ):
                self.complain(("agent_groups", name, "roster", *at), message)

    def check_schedules(self) -> None:
        """Every schedule as it is written, named ones and those of a template or group."""
        named = self.section("schedules")
        written: list[tuple[Path, Any]] = [(("schedules", name), entries) for name, entries in named.items()]
        for section in ("templates", "groups"):
            for name, data in self.section(section).items():
                path: Path = (section, name, "schedule")
                if isinstance(data.get("schedule"), str):
                    self._check_known(path, "schedule", data["schedule"], named)
                elif "schedule" in data:
                    written.append((path, data["schedule"]))
        for path, entries in written:
            for at, message in schedule_problems(entries):
                self.complain((*path, *at), message)

    def check_sequences(self) -> None:
        """Groups that come after others: the others exist, and none comes after itself."""
        groups = self.section("groups")
        after = {name: _names(data.get("after")) for name, data in groups.items()}
        for name, others in after.items():
            for index, other in enumerate(others):
                listed = isinstance(groups[name]["after"], list)
                self._check_known(
                    ("groups", name, "after", *([index] if listed else ())), "group", other, groups
                )
        told: set[str] = set()
        for name in groups:
            circle = _circle(name, after)
            if circle and not told.intersection(circle):
                told.update(circle)
                way = " after ".join(f"'{step}'" for step in circle)
                self.complain(("groups", name, "after"), f"the group would wait for itself: {way}")

    def _check_known(self, path: Path, kind: str, name: str, known: Mapping[str, Any]) -> None:
        if name not in known:
            close = near(name, known) or f"; there is no `{kind.replace(' ', '_')}s:` yet"
            self.complain(path, f"no {kind} named '{name}'{close}")

    def _check_element(self, path: Path, data: Mapping[str, Any], kind: str) -> None:
        """One level's part of an element; what it does not say may be inherited."""
        name, parameters = next(iter(data.items()))
        entry = self.registry.entries(kind).get(name)
        if entry is None:
            self._check_known((*path, name), kind, name, self.registry.entries(kind))
            found = True
        else:
            wrong = schema_problems(self.document, (*path, name), parameters or {}, partial_schema(entry))
            self.problems += wrong
            found = bool(wrong)
        if found:
            self.unsound.add(path)

    def check_defaults(self) -> None:
        for kind in ("dialing_profiles", "session_profiles"):
            named = [name for name, data in self.section(kind).items() if data.get("default")]
            for name in named[1:]:
                self.complain(
                    (kind, name, "default"), f"'{named[0]}' is the default already; only one can be"
                )

    def _element(self, key: str, settings: Mapping[str, Setting]) -> Step | None:
        setting = settings[key]
        if any(at[-1] == key for at in self.unsound):
            return None
        path, kind = setting.origin.path(key), ELEMENT_SETTINGS[key]
        return element_step(self.document, path, setting.value, kind, self.registry, self.problems)

    def _check_dialer(self, step: Step, origins: Mapping[Path, Origin], lists: Sequence[ContactList]) -> None:
        """The own fields that the dialer names, told where they are named."""
        assert isinstance(step.element, Dialer)
        for name, message in unknown_fields(step.element, lists).items():
            for at, origin in origins.items():
                if at[0] == "dialer" and name in at:
                    path = (*origin.path("dialer"), *at[1 : at.index(name) + 1])
                    break
            else:
                path = (*step.path, step.name)
            self.problems.append(self.document.problem(path, message))

    def _agents(self, path: Path, settings: Mapping[str, Setting], mode: Step | None) -> int:
        setting = settings.get("agent_group")
        needs_agents = mode is not None and getattr(mode.element, "needs_agents", True)
        if setting is None:
            if needs_agents:
                self.complain(
                    path,
                    "has no agent group, and only IVR modes do without; add `agent_group:` here or in its template",
                )
            return 0
        groups = self.section("agent_groups")
        return int(groups[setting.value]["agents"]) if needs_agents and setting.value in groups else 0

    def _check_suppression(self, path: Path, rulesets: tuple[Ruleset, ...]) -> None:
        """Lists that are named are declared; and where any is declared, every group asks one."""
        declared = self.section("suppression_lists")
        for ruleset in rulesets:
            for step in ruleset.steps():
                for name in step.element.suppression_lists() or ():
                    if name not in declared:
                        message = (
                            f"no suppression list named '{name}' in {CAMPAIGN_FILE}{near(name, declared)}"
                        )
                        self.problems.append(ruleset.document.problem((*step.path, step.name), message))
        asks = any(step.element.suppression_lists() is not None for r in rulesets for step in r.filters)
        if declared and not asks:
            self.complain(
                path,
                "no ruleset of the group asks the suppression lists; attach one with a `suppression` filter, "
                "such as courtesy",
            )
            return
        heeded = [
            step.element.suppression_lists()
            for ruleset in rulesets
            for step in ruleset.filters
            if step.when is None
        ]
        for name, data in declared.items():
            if SuppressionList.read(data).required and not any(
                lists is not None and (not lists or name in lists) for lists in heeded
            ):
                self.complain(
                    path,
                    f"no ruleset of the group always heeds suppression list '{name}', which is required; attach "
                    "one whose `suppression` filter names it, or names none, and has no `when`",
                )

    def _check_routing(
        self,
        group: str,
        settings: Mapping[str, Setting],
        rulesets: tuple[Ruleset, ...],
        mode: Step | None,
    ) -> None:
        """Routing points that are named are declared in what the group inherits."""
        declared = settings["routing_points"].value if "routing_points" in settings else {}

        def unknown(name: str, *others: str) -> str:
            close = near(name, [*declared, *others])
            if not declared and "did you mean" not in close:
                close = "; a session profile declares them as `routing_points:`"
            return f"no routing point named '{name}'{close}"

        for ruleset in rulesets:
            for step in ruleset.steps():
                for name in step.element.routing_points():
                    if name not in declared:
                        base = (*step.path, step.name)
                        at = next((p for p, value in leaves(step.parameters, base) if value == name), base)
                        problem = ruleset.document.problem(at, unknown(name, "agent", "drop"))
                        self.wrong(problem, "group", group)
        message = settings.get("abandon_message")
        needs_agents = mode is not None and getattr(mode.element, "needs_agents", True)
        if message is not None and needs_agents and message.value not in declared:
            self.wrong_in(group, message.origin, "abandon_message", unknown(message.value))

    def _check_limits(
        self, group: str, settings: Mapping[str, Setting], rulesets: tuple[Ruleset, ...], step: Step
    ) -> None:
        """The settings keep to the limits of the rulesets; a setting is told of where its value comes from."""
        assert isinstance(step.element, DialingMode)
        for ruleset in rulesets:
            for limit in ruleset.limits:
                setting = settings.get(limit.setting)
                broken = limit.broken(setting.value if setting else None, step.element)
                if not broken:
                    continue
                line = ruleset.document.mark(("limits", limit.subject)).line
                source = limit.source or str(ruleset.document.data.get("source", ""))
                told = f", {source}" if source else ""
                message = f"{broken} ({ruleset.name}, {ruleset.document.file}:{line}{told})"
                self.wrong_in(group, setting.origin if setting else DEFAULT, limit.setting, message)

    def _weights(self, path: Path, data: Any, lists: Mapping[str, ContactList]) -> dict[str, int]:
        weights = dict(data) if isinstance(data, dict) else dict.fromkeys(data or (), DEFAULT_WEIGHT)
        if not weights:
            self.complain(path, "has no contact list; add `lists: [NAME]`")
        declared = self.section("lists")
        for index, name in enumerate(weights):
            if name not in declared:
                at = (*path, "lists", name if isinstance(data, dict) else index)
                self.complain(at, f"no contact list named '{name}'{near(name, declared)}")
        return {name: weight for name, weight in weights.items() if name in lists}

    def check_shared_lists(self) -> None:
        owner: dict[str, str] = {}
        for name, group in self.section("groups").items():
            for list_name in group.get("lists", ()):
                if list_name in owner:
                    self.complain(
                        ("groups", name, "lists"),
                        f"contact list '{list_name}' is already dialed by group '{owner[list_name]}'; "
                        "a record takes the rules of one group",
                    )
                owner.setdefault(list_name, name)

    def _check_ordering(self, settings: Mapping[str, Setting], contact_list: ContactList) -> None:
        if "ordering" not in settings:
            return
        setting = settings["ordering"]
        for at, message in ordering_complaints(setting.value, contact_list.settings.field_types):
            problem = self.document.problem((*setting.origin.path("ordering"), *at), message)
            self.wrong(problem, "contact list", contact_list.name)

    def _roster(self, settings: Mapping[str, Setting]) -> tuple[Mapping[str, Any], ...]:
        """The shifts of the group's agents."""
        if "agent_group" not in settings:
            return ()
        group = self.section("agent_groups").get(settings["agent_group"].value, {})
        return tuple(group.get("roster", ()))

    def _schedule(self, settings: Mapping[str, Setting]) -> tuple[Mapping[str, Any], ...]:
        """The entries of the group's schedule, by its name or as they are."""
        value = settings["schedule"].value if "schedule" in settings else ()
        return tuple(self.section("schedules").get(value, ()) if isinstance(value, str) else value)

    def _check_fields(self, rulesets: tuple[Ruleset, ...], contact_list: ContactList) -> None:
        own_fields = contact_list.settings.field_types
        for ruleset in rulesets:
            for condition, path in ruleset.conditions():
                for complaint in condition.complaints(own_fields):
                    problem = ruleset.document.problem((*path, *complaint.path), complaint.message)
                    self.wrong(problem, "contact list", contact_list.name)
            for step in ruleset.steps():
                for name in step.element.own_fields():
                    if name not in own_fields:
                        message = f"the list has no field of its own named '{name}'{near(name, own_fields)}"
                        problem = ruleset.document.problem((*step.path, step.name), message)
                        self.wrong(problem, "contact list", contact_list.name)


def _names(value: str | list[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _circle(name: str, after: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The shortest way from a group over those it comes after back to itself; empty if there is none."""
    ways = [[name]]
    seen = {name}
    for way in ways:
        for other in after.get(way[-1], ()):
            if other == name:
                return [*way, name]
            if other not in seen:
                seen.add(other)
                ways.append([*way, other])
    return []
