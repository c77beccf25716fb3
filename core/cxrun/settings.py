"""The settings of a campaign: their schemas and defaults, level by level, and the schema of campaign.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from cxrun.mapping import LIST_SCHEMA
from cxrun.model import DeviceType
from cxrun.ordering import ORDERING_SETTINGS
from cxrun.registry import Entry, Registry
from cxrun.roster import ROSTER_SCHEMA
from cxrun.schedule import SCHEDULE_SCHEMA
from cxrun.schema import DRAFT
from cxrun.times import DURATION

_ELEMENT: Final = {"type": "object", "minProperties": 1, "maxProperties": 1}
DIALER_SCHEMA: Final[Mapping[str, Any]] = {
    **_ELEMENT,
    "description": "A dialer and its parameters, e.g. {simulated: {}}.",
}
"""What a dialer file holds."""
DIALING_SETTINGS: Final[Mapping[str, Any]] = {
    "mode": {
        **_ELEMENT,
        "description": "The dialing mode and its parameters, e.g. {progressive: {lines_per_agent: 1.2}}.",
    },
    "rulesets": {
        "type": "array",
        "items": {"type": "string"},
        "uniqueItems": True,
        "description": "Names of the rulesets attached, in the order they are asked; replaces what is inherited, "
        "but for required rulesets.",
    },
    "devices": {
        "type": "array",
        "minItems": 1,
        "uniqueItems": True,
        "items": {"enum": [device.word for device in DeviceType]},
        "description": "Device escalation: the types of device that are dialed, in their order, e.g. [mobile, home]; "
        "without it all of a chain, in the order of the list.",
    },
    "connect_window": {
        **DURATION,
        "description": "How long an answered person may wait for an agent before the call is dropped, e.g. 2s.",
    },
    "abandon_message": {
        "type": "string",
        "description": "The routing point a person is connected to whom no agent has taken in that time; without it "
        "the call is released.",
    },
    **ORDERING_SETTINGS,
    "callbacks": {
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "description": "What becomes of a promise to call back: tolerance, missed, retry_in, times, personal.",
        "properties": {
            "tolerance": {
                **DURATION,
                "description": "How late a callback may be dialed before it counts as missed, e.g. 30m.",
            },
            "missed": {
                "enum": ["retry", "next_day", "close"],
                "description": "What follows a missed callback: it is tried again after `retry_in`, or on the next "
                "day at the promised time of day, or its chain is closed.",
            },
            "retry_in": {
                **DURATION,
                "description": "How long after it was missed a callback is tried again.",
            },
            "times": {
                "type": "integer",
                "minimum": 0,
                "description": "How often a callback may be missed and tried again; after that its chain is closed.",
            },
            "personal": {
                "type": "boolean",
                "description": "true: the agent who promised a callback in a conversation makes it himself; "
                "false: any agent of the group.",
            },
        },
    },
}
SESSION_SETTINGS: Final[Mapping[str, Any]] = {
    "dialer": {
        **_ELEMENT,
        "type": ["object", "string"],
        "minLength": 1,
        "description": "The dialer and its parameters, e.g. {simulated: {}}, or the name of a YAML file that holds "
        "them.",
    },
    "ports": {
        "type": "integer",
        "minimum": 1,
        "description": "Calls in progress at once, at most; those of a session profile are shared by its groups.",
    },
    "calls_per_second": {
        "type": "number",
        "exclusiveMinimum": 0,
        "description": "New calls per second, at most; those of a session profile are shared by its groups.",
    },
    "ring_time": {
        **DURATION,
        "description": "How long a call may ring before it counts as no answer, e.g. 25s.",
    },
    "caller_id": {"type": "string", "description": "The number shown to the called party, E.164."},
    "routing_points": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {
            "pattern": "^[A-Za-z][A-Za-z0-9_-]*$",
            "not": {"enum": ["agent", "drop"]},
            "description": "A name begins with a letter, and is none of agent and drop, which have a meaning already.",
        },
        "description": "By name, where an answered call can be sent that no agent takes: an announcement, a voice "
        "mail, an IVR.",
        "additionalProperties": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {
                "description": {"type": "string", "description": "What it is."},
                "address": {
                    "type": "string",
                    "minLength": 1,
                    "description": "What the dialer connects a call to; by default the name.",
                },
                "lasts": {
                    **DURATION,
                    "description": "How long a call takes there in a simulation, e.g. 12s; by default as long as the "
                    "dialer says.",
                },
            },
        },
    },
    "virtual_start": {
        "type": "string",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?)?$",
        "description": "When the clock of a simulated run begins, e.g. 2026-03-02T13:00Z (UTC if no zone is given).",
    },
}
SETTINGS: Final[Mapping[str, Any]] = {
    **SESSION_SETTINGS,
    **DIALING_SETTINGS,
    "agent_group": {"type": "string", "description": "The agent group that takes the calls."},
    "schedule": {
        "description": "When the group starts, pauses and stops: the name of a schedule, or its entries.",
        "anyOf": [{"type": "string"}, SCHEDULE_SCHEMA],
    },
}
"""Every setting a template or a group may set or override."""
DEFAULTS: Final[Mapping[str, Any]] = {
    "dialer": {"simulated": {}},
    "ports": 1000,
    "calls_per_second": 50,
    "ring_time": "25s",
    "virtual_start": "2026-01-05T13:00Z",
    "mode": {"progressive": {}},
    "rulesets": [],
    "connect_window": "2s",
    "callbacks": {"tolerance": "30m", "missed": "retry", "retry_in": "0s", "times": 3, "personal": True},
}
NESTED_SETTINGS: Final = frozenset({"callbacks", "routing_points"})
"""Settings of several parts, each of which is inherited by itself."""
ELEMENT_SETTINGS: Final[Mapping[str, str]] = {"mode": "dialing mode", "dialer": "dialer"}


def _named(properties: Mapping[str, Any], description: str, required: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_-]*$"},
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
            "required": list(required),
        },
    }


_DEFAULT: Final = {"type": "boolean", "description": "true: used by every template that names none."}
_PROFILES: Final = {
    "dialing_profile": {"type": "string", "description": "The dialing profile; else the default one."},
    "session_profile": {"type": "string", "description": "The session profile; else the default one."},
}
_GROUP_LISTS: Final = {
    "description": "The contact lists: names, or names with weights (share of dialing = weight / sum; 0 pauses).",
    "anyOf": [
        {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
    ],
}
_AFTER: Final = {
    "description": "The groups that must be finished before this one starts: a name, or several.",
    "anyOf": [
        {"type": "string"},
        {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
    ],
}
CAMPAIGN_SCHEMA: Final[Mapping[str, Any]] = {
    "$schema": DRAFT,
    "title": "cxrun campaign",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "dialing_profiles": _named({"default": _DEFAULT, **DIALING_SETTINGS}, "How to dial."),
        "session_profiles": _named({"default": _DEFAULT, **SESSION_SETTINGS}, "Through what to dial."),
        "agent_groups": _named(
            {
                "agents": {"type": "integer", "minimum": 1, "description": "How many agents are logged in."},
                "roster": ROSTER_SCHEMA,
            },
            "Who takes the calls.",
            ("agents",),
        ),
        "templates": _named({**_PROFILES, **SETTINGS}, "What campaign groups have in common."),
        "groups": _named(
            {
                "template": {"type": "string", "description": "The template the group inherits from."},
                **_PROFILES,
                **SETTINGS,
                "lists": _GROUP_LISTS,
                "after": _AFTER,
            },
            "A template run by one agent group over one or more lists.",
            ("template",),
        ),
        "schedules": {
            "type": "object",
            "description": "When campaign groups start, pause and stop; a group names one as its `schedule`.",
            "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_-]*$"},
            "additionalProperties": SCHEDULE_SCHEMA,
        },
        "lists": {
            "type": "object",
            "description": "Contact lists and how their files are read.",
            "propertyNames": {"pattern": "^[A-Za-z][A-Za-z0-9_-]*$"},
            "additionalProperties": LIST_SCHEMA,
        },
        "suppression_lists": {
            "type": "object",
            "description": "Suppression lists by name, and what each is for: a description, or a mapping with one.",
            "additionalProperties": {
                "description": "What the list is for, or that and how it is kept.",
                "type": ["string", "object"],
                "additionalProperties": False,
                "required": ["description"],
                "properties": {
                    "description": {"type": "string", "description": "What the list is for."},
                    "retention": {
                        **DURATION,
                        "description": "How long an entry is kept from when it is added, e.g. 1825d; without it, as "
                        "long as the entry says. Entries that are there already stay as they are.",
                    },
                    "required": {
                        "type": "boolean",
                        "default": False,
                        "description": "true: every group must heed the list, by a `suppression` filter without "
                        "`when`.",
                    },
                },
            },
        },
    },
}


def is_campaign(data: object) -> bool:
    """Whether the content of a file is meant as a campaign, by its top-level keys."""
    return (
        isinstance(data, Mapping)
        and "ruleset" not in data
        and bool(data.keys() & CAMPAIGN_SCHEMA["properties"])
    )


@cache
def partial_schema(entry: Entry) -> Mapping[str, Any]:
    """The schema of an element's parameters at one level, where any of them may be left to another level."""
    return {
        key: part for key, part in entry.element.schema.items() if key not in ("required", "minProperties")
    }


def composed_campaign_schema(registry: Registry) -> dict[str, Any]:
    """The JSON Schema of campaign.yaml with every registered dialing mode and dialer."""
    schema: dict[str, Any] = json.loads(json.dumps(CAMPAIGN_SCHEMA))
    for key, kind in ELEMENT_SETTINGS.items():
        choice = {**SETTINGS[key], **_choice(registry, kind)}
        for section in ("dialing_profiles", "session_profiles", "templates", "groups"):
            properties = schema["properties"][section]["additionalProperties"]["properties"]
            if key in properties:
                properties[key] = choice
    return schema


def composed_dialer_schema(registry: Registry) -> dict[str, Any]:
    """The JSON Schema of a dialer file with every registered dialer."""
    return {"$schema": DRAFT, "title": "cxrun dialer", **DIALER_SCHEMA, **_choice(registry, "dialer")}


def _choice(registry: Registry, kind: str) -> dict[str, Any]:
    """The registered elements of a kind, one of which may be named, with its parameters."""
    return {
        "additionalProperties": False,
        "properties": {
            name: {"anyOf": [partial_schema(entry), {"type": "null"}], **entry.hover}
            for name, entry in registry.entries(kind).items()
        },
    }
