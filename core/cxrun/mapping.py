"""What a campaign says about a contact list: its file, its columns, and which of them hold what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from cxrun.errors import near
from cxrun.listfile import ENCODINGS
from cxrun.model import RECORD_FIELDS, DeviceType
from cxrun.numbers import is_region

T = TypeVar("T")

Path = tuple[str | int, ...]
"""Where a value stands inside the settings, e.g. ("map", "devices", 0)."""

TIME_ZONE_CODES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("ET", "EST", "EDT"), "America/New_York"),
        **dict.fromkeys(("CT", "CST", "CDT"), "America/Chicago"),
        **dict.fromkeys(("MT", "MST", "MDT"), "America/Denver"),
        **dict.fromkeys(("PT", "PST", "PDT"), "America/Los_Angeles"),
        **dict.fromkeys(("AKST", "AKDT"), "America/Anchorage"),
        **dict.fromkeys(("HST", "HDT"), "Pacific/Honolulu"),
        **dict.fromkeys(("AST", "ADT"), "America/Halifax"),
        **dict.fromkeys(("NST", "NDT"), "America/St_Johns"),
        **dict.fromkeys(("GMT", "BST"), "Europe/London"),
        **dict.fromkeys(("WET", "WEST"), "Europe/Lisbon"),
        **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Berlin"),
        **dict.fromkeys(("EET", "EEST"), "Europe/Athens"),
        "MSK": "Europe/Moscow",
        "SAST": "Africa/Johannesburg",
        "BRT": "America/Sao_Paulo",
        "SGT": "Asia/Singapore",
        "HKT": "Asia/Hong_Kong",
        "JST": "Asia/Tokyo",
        "KST": "Asia/Seoul",
        "AWST": "Australia/Perth",
        **dict.fromkeys(("ACST", "ACDT"), "Australia/Adelaide"),
        **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
        **dict.fromkeys(("NZST", "NZDT"), "Pacific/Auckland"),
        "UTC": "UTC",
    }
)
"""Short names of time zones and the IANA zone each stands for, whether summer time is in force or not.

A code shared by countries on different clocks, such as IST, is left out on purpose.
"""

_FIELD_NAME: Final = "^[a-z][a-z0-9_]*$"
_ROWID_NAMES: Final = frozenset(("rowid", "oid"))
PHONE_TYPES: Final = tuple(
    kind.word for kind in DeviceType if kind not in (DeviceType.EMAIL, DeviceType.INSTANT_MESSAGING)
)
"""The device types a column of phone numbers can have."""


def _column(what: str, *examples: str) -> dict[str, Any]:
    return {
        "description": f"The column {what}.",
        "type": "string",
        "minLength": 1,
        "examples": list(examples),
    }


LIST_SCHEMA: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "description": "A contact list: a delimited text file with a header, and what its columns mean.",
    "type": "object",
    "additionalProperties": False,
    "required": ["file", "map"],
    "properties": {
        "file": {
            "description": "The file of the list, relative to this file.",
            "type": "string",
            "minLength": 1,
            "examples": ["customers.csv"],
        },
        "encoding": {
            "description": "How the file is encoded; found out if absent.",
            "enum": list(ENCODINGS),
        },
        "delimiter": {
            "description": "The character between two cells; found out among , ; | and tab if absent.",
            "type": "string",
            "pattern": '^[^"\\r\\n\\u0000]$',
            "examples": [",", ";", "\t"],
        },
        "region": {
            "description": "The country (ISO 3166) of numbers written without a leading +.",
            "type": "string",
            "pattern": "^[A-Z]{2}$",
            "examples": ["US", "GB"],
        },
        "time_zone_source": {
            "description": "Where the time zone of a device comes from: its number, the contact's own column, "
            "or that column and, where it says nothing, the number.",
            "enum": ["device", "contact", "contact_then_device"],
            "default": "contact_then_device",
        },
        "default_time_zone": {
            "description": "The zone of a device when nothing else gives one: an IANA name or a short code.",
            "type": "string",
            "minLength": 1,
            "examples": ["America/New_York"],
        },
        "map": {
            "description": "Which column holds what.",
            "type": "object",
            "additionalProperties": False,
            "required": ["devices"],
            "properties": {
                "client_id": _column("that identifies the customer across lists", "Customer ID"),
                "first_name": _column("of first names", "First"),
                "last_name": _column("of last names", "Last"),
                "company": _column("of company names", "Company"),
                "time_zone": _column("of time zones, IANA names or short codes such as EST", "TZ"),
                "daily_from": _column("of the earliest time of day to call, HH:MM or seconds", "From"),
                "daily_till": _column("of the latest time of day to call, HH:MM or seconds", "Till"),
                "devices": {
                    "description": "The columns of phone numbers, in the order they are to be dialed.",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 10,
                    "examples": [["Phone", {"column": "Mobile", "type": "mobile"}]],
                    "items": {
                        "description": "A column of phone numbers, or that and the type of the devices.",
                        "type": ["string", "object"],
                        "minLength": 1,
                        "additionalProperties": False,
                        "required": ["column"],
                        "properties": {
                            "column": _column("of phone numbers", "Mobile"),
                            "type": {
                                "description": "The type of the devices.",
                                "enum": list(PHONE_TYPES),
                                "default": "none",
                            },
                        },
                    },
                },
                "fields": {
                    "description": "The list's own fields, by the names that conditions and plugins use.",
                    "type": "object",
                    "propertyNames": {"pattern": _FIELD_NAME},
                    "examples": [{"state": "State", "rating": {"column": "Rating", "type": "integer"}}],
                    "additionalProperties": {
                        "description": "The column of the field, or that and the type of its values.",
                        "type": ["string", "object"],
                        "minLength": 1,
                        "additionalProperties": False,
                        "required": ["column"],
                        "properties": {
                            "column": _column("of the field", "Rating"),
                            "type": {
                                "description": "The type of the values.",
                                "enum": ["text", "integer", "number"],
                                "default": "text",
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The JSON Schema of a list as a campaign writes it."""


class DeviceColumn(NamedTuple):
    """A column of phone numbers and the type of the devices they reach."""

    column: str
    type: DeviceType


class FieldColumn(NamedTuple):
    """A field of the list's own, its column, and its type: text, integer or number."""

    name: str
    column: str
    type: str


@dataclass(frozen=True, slots=True)
class ListSettings:
    """What a campaign says about one list.

    `columns` maps client_id, first_name, last_name, company, time_zone, daily_from and daily_till, as far
    as they are mapped, to the columns that hold them.
    """

    file: str
    columns: Mapping[str, str]
    devices: tuple[DeviceColumn, ...]
    fields: tuple[FieldColumn, ...] = ()
    encoding: str | None = None
    delimiter: str | None = None
    region: str | None = None
    time_zone_source: str = "contact_then_device"
    default_time_zone: str | None = None

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> ListSettings:
        """Make settings from a mapping that satisfies `LIST_SCHEMA`."""
        plain = dict(settings)
        columns = dict(plain.pop("map"))
        devices = tuple(
            DeviceColumn(column, DeviceType[kind.upper()])
            for column, kind in (_column_and_type(device, "none") for device in columns.pop("devices"))
        )
        fields = tuple(
            FieldColumn(name, *_column_and_type(field, "text"))
            for name, field in columns.pop("fields", {}).items()
        )
        return cls(columns=MappingProxyType(columns), devices=devices, fields=fields, **plain)

    @property
    def field_types(self) -> dict[str, str]:
        """The list's own fields and their types, e.g. {"state": "text", "rating": "integer"}."""
        return {field.name: field.type for field in self.fields}

    def problems(self) -> list[tuple[Path, str]]:
        """What is wrong with the settings whatever the file holds: where, and what would be right."""
        found: list[tuple[Path, str]] = []
        if self.region is not None and not is_region(self.region):
            found.append((("region",), f"'{self.region}' is no ISO 3166 country code; write e.g. GB, not UK"))
        if self.default_time_zone is not None and not zone_names(self.default_time_zone):
            found.append((("default_time_zone",), no_zone(self.default_time_zone)))
        seen: dict[str, int] = {}
        for index, device in enumerate(self.devices):
            first = seen.setdefault(device.column, index)
            if first != index:
                message = f"column '{device.column}' already is device {first + 1}"
                found.append((("map", "devices", index), message))
        for field in self.fields:
            if field.name in RECORD_FIELDS:
                message = f"every record has a field '{field.name}' already; choose another name"
            elif field.name in _ROWID_NAMES:
                message = f"'{field.name}' is SQLite's own name for the key of a row; choose another name"
            else:
                continue
            found.append((("map", "fields", field.name), message))
        return found

    def problems_with_header(self, header: Sequence[str]) -> list[tuple[Path, str]]:
        """The columns that the file does not have: where they are named, and the nearest one it has."""
        wanted: list[tuple[Path, str]] = [(("map", name), column) for name, column in self.columns.items()]
        wanted += [(("map", "devices", index), device.column) for index, device in enumerate(self.devices)]
        wanted += [(("map", "fields", field.name), field.column) for field in self.fields]
        return [
            (path, f"no column named '{column}'{near(column, header)}")
            for path, column in wanted
            if column not in header
        ]


@lru_cache(maxsize=1024)
def zone_names(text: str) -> str:
    """Return the IANA names that `text` stands for, joined by one space; "" if one is not known.

    Each word is an IANA name in any case or one of `TIME_ZONE_CODES`, which wins.
    """
    known = _iana_names()
    names = [TIME_ZONE_CODES.get(word.upper()) or known.get(word.lower()) for word in text.split()]
    return " ".join(name or "" for name in names) if all(names) else ""


@lru_cache(maxsize=1)
def _iana_names() -> dict[str, str]:
    from zoneinfo import available_timezones

    return {name.lower(): name for name in available_timezones() - {"Factory", "localtime"}}


def no_zone(text: str) -> str:
    """Say that a text is no time zone, and what would be."""
    return f"'{text}' is no time zone; write an IANA name such as America/New_York, or a code such as EST"


def _column_and_type(given: str | Mapping[str, str], default: str) -> tuple[str, str]:
    if isinstance(given, str):
        return given, default
    return given["column"], given.get("type", default)
