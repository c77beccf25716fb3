"""Campaign objects as a run has them: the project, its campaign groups, contact lists and suppression lists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, Final, NamedTuple

from cxrun.dialer import Dialer
from cxrun.elements import DialingMode
from cxrun.errors import Mark, UserError, near
from cxrun.inheritance import Origin, Setting, leaves
from cxrun.life import Callbacks
from cxrun.mapping import ListSettings
from cxrun.model import DeviceType, Rule
from cxrun.ordering import ORDERING_SETTINGS, Ordering
from cxrun.pipeline import Devices, Pipeline, file_shown
from cxrun.registry import Registry
from cxrun.roster import at_once
from cxrun.ruleset import Ruleset, Step
from cxrun.schedule import Schedule
from cxrun.times import seconds
from cxrun.yamlfile import Document, Path

CAMPAIGN_FILE: Final = "campaign.yaml"
STORE_FILE: Final = "cxrun.db"
_WHEN_AND_IN_WHICH_ORDER: Final = frozenset(("schedule", *ORDERING_SETTINGS))
"""Settings that decide nothing about a record."""


@dataclass(frozen=True)
class ContactList:
    """A contact list as the project declares it; one that is split from another has the settings of that one."""

    name: str
    settings: ListSettings
    path: FilePath
    mark: Mark
    split_from: str | None = None


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


class RoutingPoint(NamedTuple):
    """Where an answered call can be sent that no agent takes.

    `address` is what the dialer connects it to; `lasts` how many seconds a simulated call takes there, None for as
    many as the dialer says.
    """

    name: str
    description: str
    address: str
    lasts: float | None = None

    @classmethod
    def read(cls, name: str, data: Mapping[str, Any] | None) -> RoutingPoint:
        """The routing point as campaign.yaml writes it."""
        told = data or {}
        lasts = seconds(told["lasts"]) if "lasts" in told else None
        return cls(name, told.get("description", ""), told.get("address", name), lasts)


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
    after: tuple[str, ...] = ()
    schedule_entries: tuple[Mapping[str, Any], ...] = ()
    roster: tuple[Mapping[str, Any], ...] = ()

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
    def routing_points(self) -> dict[str, RoutingPoint]:
        """Where answered calls can be sent that no agent takes, by name."""
        declared = self.settings["routing_points"].value if "routing_points" in self.settings else {}
        return {name: RoutingPoint.read(name, data) for name, data in declared.items()}

    @property
    def abandon_message(self) -> str | None:
        """The routing point of a person whom no agent takes in time; None if he is hung up on."""
        return self.settings["abandon_message"].value if "abandon_message" in self.settings else None

    @property
    def devices(self) -> Devices | None:
        """The kinds of device the group dials and their order, if it says so."""
        if "devices" not in self.settings:
            return None
        words, origin = self.settings["devices"]
        order = {int(DeviceType[word.upper()]): place for place, word in enumerate(words)}
        mark = origin.mark or self.mark
        return Devices(order, Rule("setting", "devices", "", FilePath(mark.file).name, mark.line))

    @cached_property
    def pipeline(self) -> Pipeline:
        """The rules of the group, compiled."""
        return Pipeline(self.rulesets, self.devices)

    def leaves(self) -> Iterator[tuple[Path, Any, Origin]]:
        """Every single value of the effective settings, its path and where it came from."""
        for key, setting in self.settings.items():
            for path, value in leaves(setting.value, (key,)):
                named = (key, value) if key == "rulesets" and value else path
                yield path, value, self.origins.get(named, setting.origin)

    @cached_property
    def agents_at_once(self) -> int:
        """How many of its agents are there at the same time at most; a roster is kept in a simulation alone."""
        return at_once(self.roster) if self.roster and not self.dialer.external else self.agents

    def duration(self, setting: str) -> float:
        """A duration setting in seconds."""
        return seconds(self.settings[setting].value)

    @cached_property
    def ordering(self) -> Ordering:
        """In which order the records of its lists are dialed."""
        return Ordering.of({key: setting.value for key, setting in self.settings.items()})

    @cached_property
    def schedule(self) -> Schedule | None:
        """When it starts, pauses and stops; None if it dials whenever there is a run."""
        return Schedule(self.schedule_entries) if self.schedule_entries else None

    @cached_property
    def callbacks(self) -> Callbacks:
        """How the group keeps its promises to call back."""
        told = self.settings["callbacks"].value
        return Callbacks(
            seconds(told["tolerance"]),
            told["missed"],
            seconds(told["retry_in"]),
            told["times"],
            told["personal"],
        )

    @cached_property
    def frozen(self) -> dict[str, Any]:
        """Everything that can change a decision of the group, when it dials and in which order, as plain data."""
        told = ("description", "jurisdiction", "source", "reviewed", "unenforced", "limits")
        return {
            "settings": {key: setting.value for key, setting in sorted(self.settings.items())},
            "rulesets": {
                ruleset.name: {key: part for key, part in ruleset.document.data.items() if key not in told}
                for ruleset in self.rulesets
            },
            "plugins": [list(plugin) for plugin in self.plugins],
            **({"schedule": list(self.schedule_entries)} if self.schedule_entries else {}),
            **({"after": list(self.after)} if self.after else {}),
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
        """SHA-256 of what in `frozen` decides about records; history can be read against the rules that made it."""
        deciding = {key: part for key, part in self.frozen.items() if key not in ("schedule", "after")}
        deciding["settings"] = {
            key: value
            for key, value in self.frozen["settings"].items()
            if key not in _WHEN_AND_IN_WHICH_ORDER
        }
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Project:
    """A checked project folder; `document` is its campaign.yaml."""

    folder: FilePath
    document: Document
    groups: Mapping[str, Group]
    lists: Mapping[str, ContactList]
    suppression_lists: Mapping[str, SuppressionList]
    rulesets: Mapping[str, Ruleset]
    registry: Registry

    @property
    def store_file(self) -> FilePath:
        return self.folder / STORE_FILE

    @property
    def retention(self) -> dict[str, float | None]:
        """How many seconds each suppression list keeps an entry, None for ever."""
        return {name: declared.retention for name, declared in self.suppression_lists.items()}

    @property
    def region(self) -> str | None:
        """The country of numbers without a leading +: that of the contact lists, if they agree on one."""
        regions = {item.settings.region for item in self.lists.values()}
        return regions.pop() if len(regions) == 1 else None

    def group(self, name: str) -> Group:
        """The group of this name. Raises UserError with the near word."""
        if name not in self.groups:
            raise UserError(f"no campaign group named '{name}'{near(name, self.groups)}")
        return self.groups[name]

    def contact_list(self, name: str) -> ContactList:
        """The contact list of this name. Raises UserError with the near word."""
        if name not in self.lists:
            raise UserError(f"no contact list named '{name}'{near(name, self.lists)}")
        return self.lists[name]


def unknown_fields(dialer: Dialer, lists: Iterable[ContactList]) -> dict[str, str]:
    """The own fields the dialer names that none of these lists has, and what to say of each."""
    known = {name for item in lists for name in item.settings.field_types}
    return {
        name: f"no contact list of the group has a field of its own named '{name}'{near(name, known)}"
        for name in dialer.own_fields()
        if name not in known
    }


def text_digest(text: str) -> str:
    """SHA-256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
