"""Campaign objects: profiles, templates, groups, agent groups and lists, and what a group inherits.

    default < session profile < dialing profile < template < group

Inheritance is live: a level holds only what it overrides, and every effective setting knows the level, file
and line it came from. A ruleset marked `required` stays attached whatever a lower level says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple

from cxrun.dialer import Dialer
from cxrun.elements import DialingMode, Treatment, seconds
from cxrun.errors import Mark, Problem, Problems, UserError, near
from cxrun.mapping import ListSettings
from cxrun.model import DeviceType, Rule
from cxrun.pipeline import Devices, Pipeline, file_shown
from cxrun.registry import Registry
from cxrun.ruleset import Ruleset, Step, element_step, read, schema_problems
from cxrun.settings import CAMPAIGN_SCHEMA, DEFAULTS, ELEMENT_SETTINGS, SETTINGS, partial_schema
from cxrun.yamlfile import Document, Path, load

CAMPAIGN_FILE: Final = "campaign.yaml"
STORE_FILE: Final = "cxrun.db"
DEFAULT_WEIGHT: Final = 10


class Origin(NamedTuple):
    """The level a value came from and its place (None for a default)."""

    level: str
    mark: Mark | None = None


DEFAULT: Final = Origin("default")


class Setting(NamedTuple):
    """One effective value and the lowest level that touched it."""

    value: Any
    origin: Origin


@dataclass(frozen=True)
class ContactList:
    """A contact list as the project declares it."""

    name: str
    settings: ListSettings
    path: FilePath
    mark: Mark


class SuppressionList(NamedTuple):
    """A suppression list as the project declares it; entries are kept for `retention` seconds, None for ever."""

    description: str
    retention: float | None = None
    required: bool = False

    @classmethod
    def read(cls, data: str | Mapping[str, Any]) -> SuppressionList:
        """The list as campaign.yaml writes it: its description, or a mapping."""
        if isinstance(data, str):
            return cls(data)
        retention = data.get("retention")
        kept = None if retention is None else seconds(retention)
        return cls(data["description"], kept, data.get("required", False))


@dataclass(frozen=True)
class Group:
    """A campaign group with everything it inherits, checked and built."""

    name: str
    template: str
    settings: Mapping[str, Setting]
    origins: Mapping[Path, Origin]
    mode_step: Step
    dialer_step: Step
    rulesets: tuple[Ruleset, ...]
    agents: int
    lists: Mapping[str, int]
    mark: Mark
    plugins: tuple[tuple[str, str], ...]

    @property
    def mode(self) -> DialingMode:
        assert isinstance(self.mode_step.element, DialingMode)
        return self.mode_step.element

    @property
    def dialer(self) -> Dialer:
        assert isinstance(self.dialer_step.element, Dialer)
        return self.dialer_step.element

    @property
    def agent_group(self) -> str | None:
        return self.settings["agent_group"].value if "agent_group" in self.settings else None

    @cached_property
    def pipeline(self) -> Pipeline:
        """The rules of the group, compiled."""
        devices = None
        if "devices" in self.settings:
            words, origin = self.settings["devices"]
            order = {int(DeviceType[word.upper()]): place for place, word in enumerate(words)}
            mark = origin.mark or self.mark
            devices = Devices(order, Rule("setting", "devices", "", FilePath(mark.file).name, mark.line))
        return Pipeline(self.rulesets, devices)

    def leaves(self) -> Iterator[tuple[Path, Any, Origin]]:
        """Every single value of the effective settings, its path and where it came from."""
        for key, setting in self.settings.items():
            for path, value in _leaves(setting.value, (key,)):
                named = (key, value) if key == "rulesets" else path
                yield path, value, self.origins.get(named, setting.origin)

    def duration(self, setting: str) -> float:
        """A duration setting in seconds."""
        return seconds(self.settings[setting].value)

    @cached_property
    def frozen(self) -> dict[str, Any]:
        """Everything that can change a decision of the group, as plain data."""
        told = ("description", "source", "reviewed")
        return {
            "settings": {key: setting.value for key, setting in sorted(self.settings.items())},
            "rulesets": {
                ruleset.name: {key: part for key, part in ruleset.document.data.items() if key not in told}
                for ruleset in self.rulesets
            },
            "plugins": [list(plugin) for plugin in self.plugins],
        }

    @cached_property
    def texts(self) -> dict[str, str]:
        """The text of each of its rulesets by the SHA-256 of it."""
        return {text_digest(ruleset.document.text): ruleset.document.text for ruleset in self.rulesets}

    def as_frozen(self) -> dict[str, Any]:
        """What a run keeps of the group; the rulesets stand, in their order, under the digests of `texts`."""
        return {
            **self.frozen,
            "rulesets": [
                [ruleset.name, file_shown(ruleset.document.file), text_digest(ruleset.document.text)]
                for ruleset in self.rulesets
            ],
            "template": self.template,
            "lists": dict(self.lists),
            "digest": self.digest,
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `frozen`; history can be read against the rules that made it."""
        return hashlib.sha256(json.dumps(self.frozen, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Project:
    """A checked project folder; `hints` are what is right and probably not meant."""

    folder: FilePath
    groups: Mapping[str, Group]
    lists: Mapping[str, ContactList]
    suppression_lists: Mapping[str, SuppressionList]
    rulesets: Mapping[str, Ruleset]
    registry: Registry
    hints: tuple[Problem, ...] = ()

    @property
    def store_file(self) -> FilePath:
        return self.folder / STORE_FILE

    def group(self, name: str) -> Group:
        """The group of this name. Raises UserError with the near word."""
        if name not in self.groups:
            raise UserError(f"no campaign group named '{name}'{near(name, self.groups)}")
        return self.groups[name]


def load_project(folder: FilePath, registry: Registry) -> Project:
    """Read and check a whole project folder; the one path of every command.

    Raises Problems with everything that is wrong, UserError if there is no campaign.yaml.
    """
    file = folder / CAMPAIGN_FILE
    if not file.exists():
        raise UserError(f"no {CAMPAIGN_FILE} in {folder.resolve()}; `cxrun init` writes one")
    problems: list[Problem] = []
    rulesets, unreadable = _rulesets(folder, registry, problems)
    document = load(file, _shown(folder, file))
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
    loader.check_levels()
    lists = loader.lists(folder)
    groups = {name: group for name in loader.section("groups") if (group := loader.group(name, lists))}
    loader.check_shared_lists()
    loader.check_defaults()
    loader.check_conditions()
    if problems:
        raise Problems(problems)
    suppression = {
        name: SuppressionList.read(data) for name, data in loader.section("suppression_lists").items()
    }
    hints = tuple(hint for group in groups.values() for hint in loader.hints(group))
    return Project(folder, groups, lists, suppression, rulesets, registry, hints)


def text_digest(text: str) -> str:
    """SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _shown(folder: FilePath, file: FilePath) -> str:
    return file.name if folder in (FilePath(), FilePath(".")) else str(file)


def _rulesets(
    folder: FilePath, registry: Registry, problems: list[Problem]
) -> tuple[dict[str, Ruleset], set[str]]:
    """The project's rulesets, then the bundled ones a project did not replace by one of the same name.

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
        if name not in rulesets:
            ruleset, found, _ = read(file, registry, f"cxrun_rulesets/{file.name}")
            problems += found
            if ruleset:
                rulesets[name] = ruleset
    return rulesets, unreadable


def bundled() -> dict[str, FilePath]:
    """The rulesets that come with cxrun, by name."""
    from importlib.resources import files

    folder = FilePath(str(files("cxrun_rulesets")))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


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
        self.wrong_for: dict[Problem, dict[str, None]] = {}
        self.registry = registry
        self.problems = problems
        self.unsound: set[Path] = set()

    def section(self, name: str) -> dict[str, Any]:
        return self.data.get(name) or {}

    def complain(self, path: Path, message: str) -> None:
        self.problems.append(self.document.problem(path, message))

    def lists(self, folder: FilePath) -> dict[str, ContactList]:
        lists = {}
        for name, data in self.section("lists").items():
            settings = ListSettings.from_mapping(data)
            path = folder / settings.file
            for at, message in settings.problems():
                self.complain(("lists", name, *at), message)
            if path.exists():
                self._check_header(name, settings, path)
            elif not (folder / STORE_FILE).exists():
                self.complain(
                    ("lists", name, "file"), f"there is no file {settings.file} beside {CAMPAIGN_FILE}"
                )
            lists[name] = ContactList(name, settings, path, self.document.mark(("lists", name)))
        return lists

    def _check_header(self, name: str, settings: ListSettings, path: FilePath) -> None:
        from cxrun.listfile import sniff

        try:
            header = sniff(path, settings.encoding, settings.delimiter).header
        except UserError as error:
            self.complain(("lists", name, "file"), str(error))
            return
        for at, message in settings.problems_with_header(header):
            self.complain(("lists", name, *at), message)

    def group(self, name: str, lists: Mapping[str, ContactList]) -> Group | None:
        data = self.section("groups")[name]
        path: Path = ("groups", name)
        before = len(self.problems)
        template = data["template"]
        if template not in self.section("templates"):
            return None
        settings, origins = self._settings(name, template)
        mode = self._element("mode", settings)
        dialer = self._element("dialer", settings)
        agents = self._agents(path, settings, mode)
        attached = self._attached(name, template, settings, origins)
        self._check_suppression(path, attached)
        weights = self._lists(path, data.get("lists"), lists)
        for list_name in weights:
            self._check_conditions(attached, lists[list_name])
        if len(self.problems) > before or mode is None or dialer is None:
            return None
        return Group(
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
        )

    def hints(self, group: Group) -> Iterator[Problem]:
        """What is right and probably not meant."""
        if "devices" not in group.settings or len(group.settings["devices"].value) < 2:
            return
        treatments = (
            step.element for ruleset in group.rulesets for rule in ruleset.treatments for step in rule.steps
        )
        if not any(isinstance(element, Treatment) and element.moves_on for element in treatments):
            path = _level_path(group.settings["devices"].origin.level, "devices")
            yield self.document.problem(
                path,
                f"only the first device of a chain is dialed: no ruleset of group '{group.name}' has a treatment "
                "that goes on in the chain, such as next_in_chain",
            )

    def _levels(self, group: str, template: str) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
        """The levels of a group from the most general to the group itself."""
        own = self.section("groups")[group]
        above = self.section("templates")[template]
        for kind in ("session_profile", "dialing_profile"):
            profiles = self.section(f"{kind}s")
            name = own.get(kind, above.get(kind)) or self._default_profile(kind)
            if name is None or name not in profiles:
                continue
            yield f"{kind.replace('_', ' ')} {name}", (f"{kind}s", name), profiles[name]
        yield f"template {template}", ("templates", template), above
        yield f"group {group}", ("groups", group), own

    def _default_profile(self, kind: str) -> str | None:
        profiles = self.section(f"{kind}s")
        named = [name for name, data in profiles.items() if data.get("default")]
        return named[0] if named else next(iter(profiles)) if len(profiles) == 1 else None

    def check_conditions(self) -> None:
        """Each mistake in a condition once, with all the lists it is one for."""
        for problem, lists in self.wrong_for.items():
            named = f"contact list{'s' if len(lists) > 1 else ''} " + ", ".join(f"'{name}'" for name in lists)
            self.problems.append(problem._replace(message=f"{problem.message} ({named})"))

    def check_levels(self) -> None:
        """Every level as it is written, whether or not a group inherits from it."""
        for section in ("session_profiles", "dialing_profiles", "templates", "groups"):
            for name, data in self.section(section).items():
                path: Path = (section, name)
                for key, kind in ELEMENT_SETTINGS.items():
                    if key in data:
                        self._check_element((*path, key), data[key], kind)
                for index, ruleset in enumerate(data.get("rulesets", ())):
                    if ruleset not in self.unreadable:
                        self._check_known((*path, "rulesets", index), "ruleset", ruleset, self.rulesets)
                for key in ("agent_group", "dialing_profile", "session_profile", "template"):
                    if key in data:
                        known = self.section(f"{key}s")
                        self._check_known((*path, key), key.replace("_", " "), data[key], known)

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

    def _settings(self, group: str, template: str) -> tuple[dict[str, Setting], dict[Path, Origin]]:
        settings = {key: Setting(value, DEFAULT) for key, value in DEFAULTS.items()}
        origins: dict[Path, Origin] = {}
        for level, path, data in self._levels(group, template):
            for key in SETTINGS:
                if key not in data:
                    continue
                value = data[key]
                if key in ELEMENT_SETTINGS:
                    inherited = settings[key].value
                    if next(iter(value)) not in inherited:
                        origins = {at: origin for at, origin in origins.items() if at[0] != key}
                    elif settings[key].origin == DEFAULT:
                        origins.update({at: DEFAULT for at, _ in _leaves(inherited, (key,))})
                    for at, _ in _leaves(value, (key,)):
                        origins[at] = Origin(level, self.document.mark((*path, *at)))
                    value = _overlaid(inherited, value)
                settings[key] = Setting(value, Origin(level, self.document.mark((*path, key))))
        return settings, origins

    def _element(self, key: str, settings: Mapping[str, Setting]) -> Step | None:
        setting = settings[key]
        path = () if setting.origin == DEFAULT else _level_path(setting.origin.level, key)
        if any(at[-1] == key for at in self.unsound):
            return None
        return element_step(
            self.document, path, setting.value, ELEMENT_SETTINGS[key], self.registry, self.problems
        )

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

    def _attached(
        self, group: str, template: str, settings: dict[str, Setting], origins: dict[Path, Origin]
    ) -> tuple[Ruleset, ...]:
        """The rulesets of a group: required ones of every level first, then those of the lowest that names any."""
        required: list[str] = []
        for level, path, data in self._levels(group, template):
            for index, name in enumerate(data.get("rulesets", ())):
                if name in self.rulesets and self.rulesets[name].required and name not in required:
                    required.append(name)
                    mark = self.document.mark((*path, "rulesets", index))
                    origins["rulesets", name] = Origin(f"{level}, required", mark)
        chosen = [
            name for name in settings["rulesets"].value if name in self.rulesets and name not in required
        ]
        effective = [*required, *chosen]
        settings["rulesets"] = settings["rulesets"]._replace(value=effective)
        return tuple(self.rulesets[name] for name in effective)

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

    def _lists(self, path: Path, data: Any, lists: Mapping[str, ContactList]) -> dict[str, int]:
        weights = dict(data) if isinstance(data, dict) else dict.fromkeys(data or (), DEFAULT_WEIGHT)
        if not weights:
            self.complain(path, "has no contact list; add `lists: [NAME]`")
        for index, name in enumerate(weights):
            if name not in lists:
                at = (*path, "lists", name if isinstance(data, dict) else index)
                self.complain(at, f"no contact list named '{name}'{near(name, lists)}")
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

    def _check_conditions(self, rulesets: tuple[Ruleset, ...], contact_list: ContactList) -> None:
        own_fields = contact_list.settings.field_types
        for ruleset in rulesets:
            for condition, path in ruleset.conditions():
                for complaint in condition.complaints(own_fields):
                    problem = ruleset.document.problem((*path, *complaint.path), complaint.message)
                    self.wrong_for.setdefault(problem, {})[contact_list.name] = None
            for step in ruleset.steps():
                for name in step.element.own_fields():
                    if name not in own_fields:
                        message = f"the list has no field of its own named '{name}'{near(name, own_fields)}"
                        problem = ruleset.document.problem((*step.path, step.name), message)
                        self.wrong_for.setdefault(problem, {})[contact_list.name] = None


def _level_path(level: str, key: str) -> Path:
    kind, _, name = level.rpartition(" ")
    return (f"{kind.replace(' ', '_')}s", name, key)


def _overlaid(inherited: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """An element setting over the inherited one: parameters are merged if both name the same element."""
    name = next(iter(own))
    if name not in inherited:
        return dict(own)
    return {name: _merged(inherited[name] or {}, own[name] or {})}


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        keys = [*below, *(key for key in above if key not in below)]
        return {
            key: _merged(below[key], above[key])
            if key in below and key in above
            else above.get(key, below.get(key))
            for key in keys
        }
    return above


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    else:
        yield path, value
